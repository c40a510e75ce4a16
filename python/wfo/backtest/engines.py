"""The engines by name, and what each of them offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wfo.backtest.core import CompiledEngine
from wfo.backtest.figures import Figures
from wfo.backtest.reference import ReferenceEngine
from wfo.errors import EngineError, did_you_mean

if TYPE_CHECKING:
    from wfo.backtest.checks import Bounds, Labels
    from wfo.backtest.evaluate import Space
    from wfo.backtest.feeds import Feeds
    from wfo.backtest.values import DatedSet, Outcome
    from wfo.settings import Settings
    from wfo.strategy import Strategy


class Prepared(Protocol):
    """Parameter sets on a history, ready to be computed in any pieces and order."""

    @property
    def granule(self) -> int:
        """Combinations that are best computed together; 1 where it makes no difference."""

    @property
    def worker_bytes(self) -> int | None:
        """Memory that each worker holds beside the results; None where that is not known."""

    def run(self, start: int, stop: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of combinations ``start..stop``, one item a phase."""

    def run_list(self, indices: Any, *, stored: bool = False) -> list[Figures]:
        """Return the figures of the combinations `indices`, in that order, repeats allowed."""

    def run_blocks(self, starts: Any, size: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of blocks of `size` combinations, one block after the other."""


class Engine(Protocol):
    """What every engine offers."""

    @property
    def name(self) -> str:
        """What it is called."""

    def lacks(
        self, strategy: Strategy, settings: Settings, *, extended: bool = False, dated: bool = False
    ) -> str | None:
        """Return why it cannot compute this; None if it can."""

    def simulate(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: Settings,
        bounds: Bounds,
        labels: Labels | None = None,
    ) -> Outcome:
        """Compute one parameter set, or several one after the other."""

    def prepare(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: Settings,
        phases: Sequence[Bounds],
        threads: int,
        *,
        extended: bool = False,
        labels: Labels | None = None,
    ) -> Prepared:
        """Compute what all parameter sets share."""


class Chosen(NamedTuple):
    """An engine, and why a faster one was passed over; empty where none was."""

    engine: Engine
    reason: str


#: The fastest first: in this order ``"auto"`` looks for one that can.
ENGINES: dict[str, Engine] = {
    "factored": CompiledEngine("factored"),
    "direct": CompiledEngine("direct"),
    "reference": ReferenceEngine(),
}


def engine_names() -> tuple[str, ...]:
    """Return the names that `engine` arguments take."""
    return ("auto", *ENGINES)


def require_engine(name: str) -> None:
    """Raise unless there is an engine of that name.

    Raises
    ------
    EngineError
        If there is none.
    """
    if name not in engine_names():
        raise EngineError(f"there is no engine {name!r}{did_you_mean(str(name), engine_names())}")


def choose_engine(
    name: str,
    strategy: Strategy,
    settings: Settings,
    *,
    extended: bool = False,
    dated: bool = False,
) -> Chosen:
    """Return the engine called `name`, or for ``"auto"`` the fastest one that can.

    Raises
    ------
    EngineError
        If there is no such engine, or it cannot compute what is asked; the message says why, and
        which engine can.
    """
    require_engine(name)
    reasons: list[str] = []
    tried = tuple(ENGINES.values()) if name == "auto" else (ENGINES[name],)
    for engine in tried:
        reason = engine.lacks(strategy, settings, extended=extended, dated=dated)
        if reason is None:
            return Chosen(engine, "; ".join(reasons))
        reasons.append(f"{engine.name}: {reason}")
    able = [
        e.name
        for e in ENGINES.values()
        if e.lacks(strategy, settings, extended=extended, dated=dated) is None
    ]
    way = f"; engine={able[0]!r} can" if able else ""
    raise EngineError(f"{strategy.name} cannot be computed this way ({'; '.join(reasons)}){way}")
