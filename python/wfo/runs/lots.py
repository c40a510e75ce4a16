"""Whether a run's combinations could pay for the lots that they would trade.

A combination that enters, and whose equity never pays for one lot, has the figures of one that
never enters. The two differ with fractions of shares, so a sample is swept with these too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wfo.backtest import Figures
from wfo.backtest.figures import STANDARD
from wfo.bars import prices
from wfo.grid import Grid
from wfo.runs.market import Market
from wfo.sampling import sample_indices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    BoolArray = NDArray[np.bool_]

#: Combinations that are swept, all of a grid that has no more.
_SAMPLE = 200

#: Share of the capital below which a lot is so small that no fall of the equity is looked at.
_SMALL = 0.1


@dataclass(frozen=True, slots=True)
class LotFacts:
    """What lots do to combinations.

    Attributes
    ----------
    swept, total
        Combinations that were looked at, and those of the grid.
    entering
        Those that enter in some phase with fractions of shares.
    idle
        Of these, those that trade no share in any phase.
    missing
        Of these, those that trade none in a phase in which they enter, or close fewer trades in it
        than with fractions of shares; the idle ones too.
    phases
        Numbers of the phases in which some enter, and none of these trades a share.
    lot_size
        Shares of a lot.
    low, high
        What a lot was worth on the bars of the phases, at the least and at most, in currency.
    """

    swept: int
    total: int
    entering: int
    idle: int
    missing: int
    phases: tuple[int, ...]
    lot_size: float
    low: float
    high: float


def lot_facts(market: Market, grid: Grid) -> LotFacts | None:
    """Return what lots do to combinations of a grid; None where they are small, or none.

    Parameters
    ----------
    market
        Bars, phases and settings of the run.
    grid
        Its combinations: all where they are few, otherwise the same sample in every run.
    """
    import numpy as np

    settings = market.settings
    if not settings.lot_size:
        return None
    first = min(warmup for warmup, _, _ in market.bounds)
    last = max(end for _, _, end in market.bounds)
    bars = prices(market.inputs.bars)
    low = settings.lot_size * float(bars.low[first:last].min())
    high = settings.lot_size * float(bars.high[first:last].max())
    if high < _SMALL * settings.capital:
        return None
    total = len(grid)
    chosen = np.arange(total) if total <= _SAMPLE else sample_indices(total, _SAMPLE)
    fractions = replace(market, settings=replace(settings, lot_size=0.0))
    entering = np.zeros(len(chosen), np.bool_)
    trading, missing = entering.copy(), entering.copy()
    phases = []
    both = zip(market.stored(grid, chosen), fractions.stored(grid, chosen), strict=True)
    for number, (lots, whole) in enumerate(both, 1):
        enters, trades = _active(whole), _active(lots)
        # After a ruin nothing is entered, whatever a lot costs.
        solvent = lots.is_pnl.astype(np.float64) + lots.oos_pnl > -settings.capital
        fewer = lots.is_trades + lots.oos_trades < whole.is_trades + whole.oos_trades
        entering |= enters
        trading |= trades
        if enters.any() and not trades.any():
            phases.append(number)
        missing |= enters & (~trades | (fewer & solvent))
    return LotFacts(
        swept=len(chosen),
        total=total,
        entering=int(entering.sum()),
        idle=int((entering & ~trading).sum()),
        missing=int(missing.sum()),
        phases=tuple(phases),
        lot_size=settings.lot_size,
        low=low,
        high=high,
    )


def _active(figures: Figures) -> BoolArray:
    """Tell of each combination whether a share was traded: some figure is not 0 then."""
    import numpy as np

    found: BoolArray = np.logical_or.reduce([getattr(figures, f.name) != 0 for f in STANDARD])
    return found
