"""The engines by name, and what each of them offers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wfo.backtest.batch import BatchEngine
from wfo.backtest.core import CompiledEngine
from wfo.backtest.figures import Figures
from wfo.backtest.python import PythonEngine
from wfo.backtest.reference import ReferenceEngine
from wfo.errors import EngineError, did_you_mean
from wfo.strategy import BatchKernel, PythonKernel, RustKernel
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.checks import Bounds, Labels
    from wfo.backtest.feeds import Feeds
    from wfo.backtest.spaces import Space
    from wfo.backtest.values import DatedSet, EngineResult, SaidOrders
    from wfo.settings import AccountSettings
    from wfo.strategy import Number, Strategy

    FloatArray = NDArray[np.float64]


class Prepared(Protocol):
    """Parameter sets on a history, ready to be computed in any pieces and order."""

    @property
    def batch_multiple(self) -> int:
        """Combinations that are best computed together; 1 where it makes no difference."""

    @property
    def least_batch(self) -> int:
        """Combinations fewer than which cost several times as much each; 1 where none do."""

    @property
    def worker_bytes(self) -> int | None:
        """Memory that each worker holds beside the results; None where that is not known."""

    def run(self, start: int, stop: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of combinations ``start..stop``, one item a phase."""

    def run_list(self, indices: Any, *, stored: bool = False) -> list[Figures]:
        """Return the figures of the combinations `indices`, in that order, repeats allowed."""

    def run_blocks(self, starts: Any, size: int, *, stored: bool = False) -> list[Figures]:
        """Return the figures of blocks of `size` combinations, one block after the other."""


class PreparedPerformance(Protocol):
    """Parameter sets on a whole history, ready to be computed in any pieces."""

    @property
    def note(self) -> str:
        """What the figures lack, and why; empty where they are complete."""

    def run(self, start: int, stop: int) -> FloatArray:
        """Return the figures of sets ``start..stop``, float64[m, fields].

        Columns are in the order of `wfo.backtest.figures.PERFORMANCE_FIELDS`.
        """


class Engine(Protocol):
    """What every engine offers."""

    @property
    def name(self) -> str:
        """What it is called."""

    def lacks(
        self,
        strategy: Strategy,
        settings: AccountSettings,
        *,
        extended: bool = False,
        dated: bool = False,
        performance: bool = False,
        space: Space | None = None,
    ) -> str | None:
        """Return why it cannot compute this; None if it can."""

    def simulate(
        self,
        strategy: Strategy,
        feeds: Feeds,
        sets: Sequence[DatedSet],
        settings: AccountSettings,
        bounds: Bounds,
        labels: Labels | None = None,
    ) -> EngineResult:
        """Compute one parameter set, or several one after the other."""

    def orders(
        self,
        strategy: Strategy,
        feeds: Feeds,
        values: Sequence[Number],
        settings: AccountSettings,
        warmup: int,
    ) -> SaidOrders:
        """Return what a set has working in the bar after the last; None if it does not say."""

    def prepare(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        phases: Sequence[Bounds],
        threads: int,
        *,
        extended: bool = False,
        labels: Labels | None = None,
    ) -> Prepared:
        """Compute what all parameter sets share."""

    def prepare_performance(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        warmup: int,
        threads: int,
    ) -> PreparedPerformance:
        """Compute what all parameter sets share, for the figures of all bars from `warmup` on."""

    def marks(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        indices: NDArray[np.int64],
        settings: AccountSettings,
        warmup: int,
        at: NDArray[np.int64],
        threads: int,
    ) -> FloatArray:
        """Return the equity of some sets of a space at the closes of the bars `at`, float64[m, T].

        Each is one backtest of all bars from `warmup` on.
        """


class Chosen(NamedTuple):
    """An engine, and why a faster one was passed over; empty where none was."""

    engine: Engine
    reason: str


#: The engines of the strategies of this package, the fastest first.
_NAMES = ("factored", "direct", "reference")


def engine_names() -> tuple[str, ...]:
    """Return the names that `engine` arguments take."""
    return ("auto", *_NAMES)


def engines_of(strategy: Strategy) -> dict[str, Engine]:
    """Return the engines of a strategy by name, in the order in which ``"auto"`` tries them."""
    found: dict[str, Engine] = {}
    for kernel in strategy.kernels:
        for name in kernel.engines:
            if isinstance(kernel, RustKernel):
                found[name] = CompiledEngine(name, kernel)
            elif isinstance(kernel, PythonKernel):
                found[name] = PythonEngine(name, kernel)
            elif isinstance(kernel, BatchKernel):
                found[name] = BatchEngine(name, kernel)
            else:
                found[name] = ReferenceEngine(name, kernel)
    return found


def require_engine(name: str, strategy: Strategy) -> None:
    """Raise unless a strategy has an engine of that name, or `name` is ``"auto"``.

    Raises
    ------
    EngineError
        If there is none.
    """
    own = engines_of(strategy)
    if isinstance(name, str) and (name == "auto" or name in own):
        return
    if isinstance(name, str) and name in engine_names():
        raise EngineError(
            f"{strategy.name} has no kernel for engine={brief(name)}; it has {', '.join(own)}"
        )
    known = {*engine_names(), *own}
    raise EngineError(f"there is no engine {brief(name)}{did_you_mean(name, known)}")


def single_engine(strategy: Strategy) -> str:
    """Return the engine where none is asked for: the direct one, which prepares least.

    A strategy that has no such engine gets ``"auto"``.
    """
    return "direct" if "direct" in engines_of(strategy) else "auto"


def choose_engine(
    name: str,
    strategy: Strategy,
    settings: AccountSettings,
    *,
    extended: bool = False,
    dated: bool = False,
    performance: bool = False,
    space: Space | None = None,
) -> Chosen:
    """Return the engine called `name`, or for ``"auto"`` the fastest one that can.

    Parameters
    ----------
    name
        What was asked for.
    strategy, settings
        What is computed, and how.
    extended, dated, performance, space
        Whether extended figures are wanted, whether parameter sets follow each other, whether the
        figures are those of a whole history, and what is swept.

    Raises
    ------
    EngineError
        If there is no such engine, or it cannot compute what is asked; the message says why, and
        which engine can.
    """
    require_engine(name, strategy)
    own = engines_of(strategy)
    reasons: dict[str, str] = {}
    for each, engine in own.items():
        reason = engine.lacks(
            strategy,
            settings,
            extended=extended,
            dated=dated,
            performance=performance,
            space=space,
        )
        if reason is not None:
            reasons[each] = reason
        elif name == "auto":
            return Chosen(engine, "; ".join(f"{n}: {why}" for n, why in reasons.items()))
        elif name == each:
            return Chosen(engine, "")
    asked = own if name == "auto" else [name]
    why = "; ".join(f"{n}: {reasons[n]}" for n in asked)
    able = [n for n in own if n not in reasons]
    way = f"; engine={brief(able[0])} can" if able else ""
    raise EngineError(f"{strategy.name} cannot be computed like this ({why}){way}")
