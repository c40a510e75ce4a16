"""Compiled functions over batches of parameter sets as an engine: they decide, the account counts.

A sweep is cut into batches, which threads take in turn: the function runs without the interpreter's
lock, and what it has decided is carried out by the account of the compiled engines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.backtest.feeds import FIRST
from wfo.backtest.figures import PERFORMANCE_FIELDS, Figures, concatenate, empty
from wfo.backtest.kernel_calls import FILL_BYTES, KernelCalls, sets_of_batch
from wfo.backtest.reference import OneByOne, PerformanceOneByOne
from wfo.backtest.values import DatedSet, EngineResult, SaidOrders
from wfo.kernels.arguments import FILLS_IN_A_BAR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core
    from wfo.backtest.checks import Bounds, Labels
    from wfo.backtest.feeds import Feeds
    from wfo.backtest.spaces import Space
    from wfo.settings import AccountSettings
    from wfo.strategy import BatchKernel, Number, Strategy

    FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BatchEngine:
    """An engine of a function over batches.

    Attributes
    ----------
    name
        What it is called.
    kernel
        The function.
    """

    name: str
    kernel: BatchKernel

    def lacks(
        self,
        strategy: Strategy,  # noqa: ARG002  # fills are all that there is to compute
        settings: AccountSettings,  # noqa: ARG002  # likewise
        *,
        extended: bool = False,  # noqa: ARG002  # likewise
        dated: bool = False,  # noqa: ARG002  # likewise
        performance: bool = False,  # noqa: ARG002  # likewise
        space: Space | None = None,  # noqa: ARG002  # likewise
    ) -> str | None:
        """Return None: whatever is asked for follows from fills."""
        return None

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
        warmup, split, end = bounds
        calls = KernelCalls(self.kernel, strategy, feeds, settings)
        accounts = _accounts(feeds, settings, 1, labels=labels)
        taken = calls.in_turn(sets, warmup, end)
        fills = accounts.fills(taken.bar, taken.price, taken.side, taken.used, warmup, end)
        if isinstance(fills, tuple):
            _, number, why = fills
            values = _holding(sets, int(taken.bar[0, min(number, taken.bar.shape[1] - 1)]))
            raise calls.refused(values, number, why)
        return EngineResult(*accounts.simulate(fills, split))

    def orders(
        self,
        strategy: Strategy,  # noqa: ARG002  # a function adds fills, and knows no orders
        feeds: Feeds,  # noqa: ARG002  # likewise
        values: Sequence[Number],  # noqa: ARG002  # likewise
        settings: AccountSettings,  # noqa: ARG002  # likewise
        warmup: int,  # noqa: ARG002  # likewise
    ) -> SaidOrders:
        """Return None: fills say what has happened, and not which orders work."""
        return None

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
    ) -> OneByOne:
        """Return what computes the parameter sets, in batches."""
        calls = KernelCalls(self.kernel, strategy, feeds, settings)
        accounts = _accounts(feeds, settings, threads, extended=extended, labels=labels)
        label_count = 0 if labels is None else labels.count

        def compute(rows: FloatArray) -> list[Figures]:
            found = []
            for warmup, split, end in phases:

                def counted(fills: _core.Fills, split: int = split) -> Figures:
                    (columns,) = accounts.figures(fills, split)
                    return Figures(*columns)

                pieces = calls.batches(accounts, rows, warmup, end, threads, counted)
                none = empty(0, extended=extended, labels=label_count)
                found.append(concatenate(pieces) if pieces else none)
            return found

        most = max((end - warmup for warmup, _, end in phases), default=1)
        room = FILLS_IN_A_BAR * most
        return OneByOne(space, compute, worker_bytes=sets_of_batch(room) * room * FILL_BYTES)

    def prepare_performance(
        self,
        strategy: Strategy,
        feeds: Feeds,
        space: Space,
        settings: AccountSettings,
        warmup: int,
        threads: int,
    ) -> PerformanceOneByOne:
        """Return what computes the figures of a whole history, in batches."""
        calls = KernelCalls(self.kernel, strategy, feeds, settings)
        accounts = _accounts(feeds, settings, threads)

        def compute(rows: FloatArray) -> FloatArray:
            fields = len(PERFORMANCE_FIELDS)
            return calls.rows(accounts, rows, warmup, threads, accounts.performance, fields)

        return PerformanceOneByOne(space, compute)

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
        """Return the equity of some sets at the closes of the bars `at`, float64[m, T]."""
        calls = KernelCalls(self.kernel, strategy, feeds, settings)
        accounts = _accounts(feeds, settings, threads)
        rows = space.rows(indices)
        return calls.rows(
            accounts, rows, warmup, threads, lambda fills: accounts.marks(fills, at), len(at)
        )


def _accounts(
    feeds: Feeds,
    settings: AccountSettings,
    threads: int,
    *,
    extended: bool = False,
    labels: Labels | None = None,
) -> _core.Accounts:
    """Return the accounts of a history, which carry fills out."""
    from wfo import _core

    prices = feeds.prices()
    return _core.Accounts(
        # The first feed of a strategy has prices.
        [] if prices is None else [(FIRST, prices._asdict())],
        settings,
        threads,
        extended,
        None if labels is None else labels.codes,
        0 if labels is None else labels.count,
    )


def _holding(sets: Sequence[DatedSet], bar: int) -> Sequence[float]:
    """Return the values of the set that holds in a bar."""
    found = sets[0].values
    for first, values in sets:
        if first <= bar:
            found = values
    return found
