"""What searches a strategy's whole grid again on permuted bars, and what a search comes to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from wfo.backtest.core import CompiledEngine
from wfo.backtest.engines import choose_engine
from wfo.backtest.spaces import GridSpace
from wfo.errors import EngineError
from wfo.runs.permuting.asked import Asked
from wfo.runs.permuting.python_search import PythonSearch
from wfo.runs.permuting.values import BESIDE, OUTCOMES, STABLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


class Search(Protocol):
    """Searches of one grid, by number: 0 is that on the bars as they are."""

    @property
    def engine(self) -> str:
        """What computes, for the record."""

    @property
    def concurrent(self) -> int:
        """How many searches are made at a time, where so many are asked for."""

    @property
    def worker_bytes(self) -> int | None:
        """Memory that it takes, in bytes; None where that is not known."""

    def run(self, start: int, stop: int) -> FloatArray:
        """Return the figures of searches ``start..stop``, float64[stop - start, k].

        Columns are in the order of `Asked.names`; no figure depends on how searches are cut into
        calls, nor on the number of threads.
        """


def open_search(asked: Asked) -> Search:
    """Return what searches a grid the fastest.

    The loop over permutations is the core's, or that of a compiled module of its own, where that
    has one; kernels in Python go permutation by permutation.

    Raises
    ------
    EngineError
        If no engine can compute the strategy.
    """
    strategy = asked.grid.strategy
    chosen = choose_engine("auto", strategy, asked.settings, space=GridSpace(asked.grid))
    engine = chosen.engine
    if isinstance(engine, CompiledEngine) and hasattr(engine.kernel.load(), "Permutations"):
        return CoreSearch(asked, engine)
    return PythonSearch(asked)


class CoreSearch:
    """Searches by the loop of a compiled module."""

    def __init__(self, asked: Asked, engine: CompiledEngine) -> None:
        self._asked = asked
        self.engine = engine.name
        self._loop: Any = engine.kernel.load().Permutations(
            engine.name,
            engine.kernel.handle(asked.grid.strategy.name),
            asked.feeds.to_list(),
            GridSpace(asked.grid).axes,
            asked.settings,
            list(asked.phases),
            asked.threads,
            sets=[(g.wfe, g.dd_ratio, g.min_trades, g.beat) for g in asked.gates.values()],
            least=asked.least,
            min_trades=asked.min_trades,
            first=asked.first,
            classes=asked.classes,
            block=asked.block,
        )
        columns = self._loop.columns()
        wanted = _columns(len(asked.gates))
        lacking = [name for name in wanted if name not in columns]
        if lacking:
            raise EngineError(
                f"the module {engine.kernel.module} does not compute {lacking[0]!r} of a search;"
                " build it anew"
            )
        self._places = [columns.index(name) for name in wanted]

    @property
    def concurrent(self) -> int:
        """How many permutations run at a time."""
        found: int = self._loop.concurrent
        return found

    @property
    def worker_bytes(self) -> int | None:
        """Memory of all permutations that run at a time, in bytes."""
        found: int = self._loop.worker_bytes * self.concurrent
        return found

    def run(self, start: int, stop: int) -> FloatArray:
        """Return the figures of searches ``start..stop``, as in `Search`."""
        found: FloatArray = self._loop.run(start, stop)[:, self._places]
        for place, name in enumerate(self._asked.names):
            # It counts, and a record has shares.
            if name.startswith(STABLE) or name == "trading":
                found[:, place] /= len(self._asked.grid)
        return found


def _columns(sets: int) -> list[str]:
    """Return what the core calls the figures, in the order of `Asked.names`."""
    stable = [f"{STABLE}{number}" for number in range(1, 1 + sets)]
    return [*stable, *OUTCOMES, *BESIDE]
