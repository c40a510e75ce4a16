"""Parts of a walk-forward: decisions, figures of a window, curves, sets that are never changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from wfo.metrics import Metrics
from wfo.strategy import Number
from wfo.windows import WalkWindow

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: A parameter set by name.
Params = Mapping[str, Number]


@dataclass(frozen=True, slots=True)
class Decision:
    """What one window has chosen, from its in-sample bars alone.

    Attributes
    ----------
    window
        Number of the window, from 1 on.
    params
        The set; None where nothing could be chosen, and then the set before it goes on trading.
    index
        Its flat index in the grid; None of a study.
    value
        What it is chosen by: of a figure that figure, else the stability score.
    tied
        How many combinations are as good; the most central one of them is chosen. Of a plateau or
        region those that it is the centre of.
    searched
        Combinations that were looked at.
    note
        Why nothing was chosen, or what is particular; else empty.
    """

    window: int
    params: Params | None
    index: int | None
    value: float | None
    tied: int
    searched: int
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as plain values, without the number of its window."""
        return {
            "params": None if self.params is None else dict(self.params),
            "index": self.index,
            "value": self.value,
            "tied": self.tied,
            "searched": self.searched,
            "note": self.note,
        }


class Chooser(Protocol):
    """What chooses a set in every window.

    Attributes
    ----------
    by
        What it chooses by, as ``--by`` names it.
    combinations
        What it looks at in one window: combinations of the grid, or trials of a study.
    """

    by: str
    combinations: int

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        """Yield the decision of each window, in their order, as soon as it is known.

        A decision follows from the bars before its window's `train_end` alone, and does not depend
        on the other windows that are asked for: those share work, and nothing else.
        """


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One window: what was chosen, and what it came to.

    Attributes
    ----------
    window, decision
        The window and its decision.
    params
        The set that trades: the decision's, or the one before it where it has none; None before the
        first decision, when everything is in cash.
    in_sample
        Figures of that set on the window's in-sample bars, beginning flat with the capital; None
        without a set.
    alone
        The same backtest on to the end of the whole out-of-sample part, that part alone; None
        without a set. Parts of windows may overlap.
    traded
        The stitched curve from its first bar until the next decision trades.
    held
        Buy-and-hold over the same bars, bought at the first bar of the stitched curve.
    wfe
        Profit of `alone` by that of `in_sample`; None without an in-sample profit.
    wfe_annual
        The same, each by its years.
    return_wfe
        Annual return of `alone` by that of `in_sample`; None where that is not positive.
    drift
        By parameter, steps of the grid from the decision before to this one, the sign that of the
        way through the values; None where a value is none of the grid. Empty of the first decision,
        and where there is none.
    """

    window: WalkWindow
    decision: Decision
    params: Params | None
    in_sample: Metrics | None
    alone: Metrics | None
    traded: Metrics
    held: Metrics
    wfe: float | None
    wfe_annual: float | None
    return_wfe: float | None
    drift: Mapping[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values; the window stands in the list of windows."""
        return {
            "decision": self.decision.to_dict(),
            "params": None if self.params is None else dict(self.params),
            "in_sample": None if self.in_sample is None else self.in_sample.to_dict(),
            "alone": None if self.alone is None else self.alone.to_dict(),
            "traded": self.traded.to_dict(),
            "held": self.held.to_dict(),
            "wfe": self.wfe,
            "wfe_annual": self.wfe_annual,
            "return_wfe": self.return_wfe,
            "drift": dict(self.drift),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Marks over all traded bars, from the close before the first one on, and their figures.

    Attributes
    ----------
    name
        What it is of.
    equity
        float64[m + 1] of m bars, in currency; the first is the capital.
    metrics
        Over the m bars.
    """

    name: str
    equity: FloatArray
    metrics: Metrics


@dataclass(frozen=True, slots=True, eq=False)
class FixedSet:
    """How one set would have done without any re-selection, over all traded bars.

    Attributes
    ----------
    key
        ``"first"``: that of the first decision, kept from where it begins to trade.
        ``"hindsight"``: what the same criterion chooses on all bars from the first in-sample one
        on, so that it has seen the future.
        ``"run"``: the best outcome of a run, which has seen its own windows.
    label
        The same in words.
    params
        The set.
    curve
        Its backtest, over the bars of the stitched curve.
    """

    key: str
    label: str
    params: Params
    curve: Curve
