"""A check for look-ahead on stored bars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.backtest.lookahead import CUTS, SETS, Checked, check_lookahead
from wfo.runs.given import load_grids
from wfo.runs.inputs import check_symbols, load_inputs
from wfo.runs.plan import GRID
from wfo.strategy import get_strategy

if TYPE_CHECKING:
    from wfo.data import DataStore


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What is to be checked.

    Attributes
    ----------
    strategy
        Name of a strategy, or ``FILE.py:NAME``.
    symbol, symbol2, timeframe
        Which bars.
    grid
        Name or path of a grid, by default the strategy's own.
    allow_gaps
        Whether joining two symbols may drop more than 5 % of either's bars.
    sets, cuts, seed
        As of `wfo.backtest.lookahead.check_lookahead`.
    """

    strategy: str
    symbol: str
    symbol2: str | None = None
    timeframe: str = "1day"
    grid: str | Path | None = None
    allow_gaps: bool = False
    sets: int = SETS
    cuts: int = CUTS
    seed: int = 0


def check(plan: CheckPlan, store: DataStore) -> Checked:
    """Recompute a strategy on truncated and on changed bars of a store.

    Raises
    ------
    WfoError
        If anything that is asked for cannot be used.
    """
    strategy = get_strategy(plan.strategy)
    (grid,) = load_grids(plan.grid, [strategy], GRID)
    check_symbols(strategy, plan.symbol, plan.symbol2)
    inputs = load_inputs(
        store,
        strategy,
        plan.symbol,
        plan.symbol2,
        plan.timeframe,
        allow_gaps=plan.allow_gaps,
    )
    return check_lookahead(
        strategy, inputs.of(strategy), grid, sets=plan.sets, cuts=plan.cuts, seed=plan.seed
    )
