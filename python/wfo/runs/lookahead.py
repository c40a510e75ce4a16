"""A check for look-ahead on stored bars, and as a call from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.arguments import whole_number
from wfo.backtest.feeds import FIRST, Feeds, read_feeds
from wfo.backtest.lookahead import CUTS, SETS, Checked, check_lookahead
from wfo.backtest.sweep import grid_of
from wfo.errors import InputError
from wfo.rules.misfits import doubtful
from wfo.rules.parts import program_of
from wfo.rules.units import odd_distances
from wfo.runs.given import load_grids
from wfo.runs.inputs import check_symbols, load_inputs
from wfo.runs.plan import GRID
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, StrategyLike, get_strategy, is_built_in

if TYPE_CHECKING:
    from wfo.data import DataStore
    from wfo.grid import Grid

#: Sets of a check, and places for each, at most.
MOST_TRIED = 1_000


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


def check(
    strategy: StrategyLike,
    bars: Any,
    grid: Grid | Mapping[str, Any] | str | Path | None = None,
    *,
    bars2: Any = None,
    feeds: Mapping[str, Any] | None = None,
    settings: AccountSettings | None = None,
    sets: int = SETS,
    cuts: int = CUTS,
    seed: int = 0,
) -> Checked:
    """Check that a strategy does not look ahead.

    It is ``wfo check`` on bars of one's own: the strategy is computed again on bars that end
    earlier, and on bars that are others from some bar on, and no value and no trade before may
    change. That nothing is found does not prove that there is nothing; other seeds look elsewhere.

    Parameters
    ----------
    strategy
        A class of rules, a kernel, a `Strategy`, a name, or the text ``"FILE.py:NAME"``.
    bars
        ``date`` or ``datetime``, ``open, high, low, close``; n rows, oldest first. A Polars, pandas
        or PyArrow frame; the latest 10,000 bars and a warm-up are used.
    grid
        Whose sets are tried: a `Grid`, the values of one, or the name or file of one; by default
        the strategy's own, of this package's strategies ``"phase1_slim"``.
    bars2
        The second symbol's bars, for strategies that read one.
    feeds
        Further series by name, for strategies that read them: frames with the stamps of `bars`.
    settings
        Of the backtests.
    sets, cuts
        How many sets of the grid, its first, its last and others by chance; and at how many places
        bars end, or others begin, for each set. At most 1,000 of either.
    seed
        Where chance begins; the same one repeats a check.

    Returns
    -------
    Checked
        ``found`` says what looked ahead and where, and is None where nothing did; ``page()`` is
        what the command prints.

    Raises
    ------
    WfoError
        If an argument cannot be used, the bars do not suffice, or anything computed raises.

    Examples
    --------
    >>> import wfo
    >>> from wfo.examples import SmaCross
    >>> grid = {"fast": [5, 10], "slow": [20, 50]}
    >>> wfo.check(SmaCross, wfo.load_sample("NASDAQ").tail(500), grid, sets=2, cuts=2)
    Checked(SmaCross: nothing looked ahead in 500 bars, parameter sets: 2, places: 2)
    """
    for name, value in (("sets", sets), ("cuts", cuts)):
        if whole_number(name, value) > MOST_TRIED:
            raise InputError(f"{name} = {value} must be {MOST_TRIED:,} or less")
    named = get_strategy(strategy)
    if grid is None and is_built_in(named):
        grid = GRID
    read = read_feeds(named, bars, bars2, feeds)
    return _noted(named, read, grid_of(named, grid), settings, sets=sets, cuts=cuts, seed=seed)


def check_stored(plan: CheckPlan, store: DataStore) -> Checked:
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
    return _noted(
        strategy, inputs.of(strategy), grid, sets=plan.sets, cuts=plan.cuts, seed=plan.seed
    )


def _noted(
    strategy: Strategy,
    feeds: Feeds,
    grid: Grid,
    settings: AccountSettings | None = None,
    **chance: int,
) -> Checked:
    """Return what a check found, with what of the grid is hardly meant."""
    checked = check_lookahead(strategy, feeds, grid, settings, **chance)
    program = program_of(strategy)
    if program is None:
        return checked
    notes = doubtful(program, strategy.rules, grid.values)
    notes = (*checked.notes, *notes, *odd_distances(program, grid.values, feeds[FIRST]))
    return replace(checked, notes=notes)
