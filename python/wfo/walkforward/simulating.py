"""Simulate sets that take turns on the bars of a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from wfo.backtest import Feeds, Simulation, choose_engine
from wfo.backtest.checks import checked_bounds
from wfo.backtest.engines import engines_of
from wfo.backtest.simulate import simulate_feeds
from wfo.backtest.values import DatedSet
from wfo.errors import InputError
from wfo.strategy.value import lookback_on
from wfo.walkforward.components import Decision, Params
from wfo.walkforward.history import History
from wfo.windows import WalkWindow

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


def dated_engine(history: History) -> str:
    """Return the engine that simulates sets which take turns: the direct one, or the first.

    Engines agree in every mark; the direct one prepares least.

    Raises
    ------
    EngineError
        If the strategy has none that can; the message says why.
    """
    direct = engines_of(history.strategy).get("direct")
    if direct and direct.lacks(history.strategy, history.settings, dated=True) is None:
        return direct.name
    return choose_engine("auto", history.strategy, history.settings, dated=True).engine.name


def dated_sets(
    windows: Sequence[WalkWindow], decisions: Sequence[Decision]
) -> list[tuple[int, Params]]:
    """Return the sets of decisions, one a window, each with the bar from which on it trades.

    Windows that have chosen nothing are left out.
    """
    return [
        (window.split, decision.params)
        for window, decision in zip(windows, decisions, strict=True)
        if decision.params is not None
    ]


def simulate_sets(
    history: History,
    sets: Sequence[tuple[int, Params]],
    *,
    warmup: int,
    split: int | None = None,
    end: int | None = None,
    engine: str | None = None,
) -> Simulation:
    """Simulate sets that take turns: position, extremes and cash go over from one to the next.

    Parameters
    ----------
    history
        Bars and account.
    sets
        The bar from whose orders on each one holds, ascending, and its values by name. The first
        holds from the first trading bar on, or before.
    warmup
        First trading bar, 1 at least.
    split
        Where figures are parted, between the two; by default the bar after `warmup`.
    end
        One past the last bar; by default all.
    engine
        By default that of `dated_engine`.

    Returns
    -------
    Simulation
        As of `wfo.simulate`, marks float64[end]. Of a single trading bar it has marks and trades,
        but no figures of a part out-of-sample.

    Raises
    ------
    WfoError
        If a value or bar cannot be used, or no engine can compute this.
    """
    strategy, feeds = history.strategy, history.feeds
    end = feeds.bars if end is None else end
    values = [strategy.check_params(params) for _, params in sets]
    bars = [bar for bar, _ in sets]
    if not values or warmup < 1 or bars[0] > warmup or bars[-1] >= end:
        raise InputError(
            f"sets from bars {bars} on do not fit trading bars {warmup} to {end - 1}; the first one"
            " holds from the first of these on, which has a bar before it"
        )
    if any(a >= b for a, b in pairwise(bars)):
        raise InputError(f"sets must ascend, at least a bar apart, not begin with bars {bars}")
    need = max(
        lookback_on(strategy, {n: (v,) for n, v in zip(strategy.names, row, strict=True)}, feeds)
        for row in values
    )
    # What would hold before the first trading bar alone holds never.
    current = max(i for i, bar in enumerate(bars) if bar <= warmup)
    dated = [DatedSet(warmup, values[current])]
    dated += [
        DatedSet(*each) for each in zip(bars[current + 1 :], values[current + 1 :], strict=True)
    ]
    alone = end - warmup == 1
    if alone:
        # Engines part every slice, so that a single bar needs another one, which is left out again:
        # no bar changes what was before it.
        feeds = _with_a_repeat(feeds.until(end))
    at = warmup + 1 if alone or split is None else split
    bounds = checked_bounds(at, warmup, need, feeds.bars, end + alone, feeds.stamps)
    found = simulate_feeds(
        strategy,
        feeds,
        dated,
        history.settings,
        bounds,
        engine=dated_engine(history) if engine is None else engine,
    )
    return _until(found, end) if alone else found


def _with_a_repeat(feeds: Feeds) -> Feeds:
    """Return series with their last bar once more."""
    import numpy as np
    import polars as pl

    columns: Mapping[str, Any] = {
        name: {key: np.append(column, column[-1]) for key, column in feed.items()}
        for name, feed in feeds.items()
    }
    stamps = feeds.stamps
    if stamps is not None:
        stamps = pl.concat([stamps, stamps[-1:]])
    return Feeds(columns, stamps)


def _until(found: Simulation, end: int) -> Simulation:
    """Return what a simulation has before a bar, without figures of what comes then."""
    import polars as pl

    trades = found.trades.filter(pl.col("exit_bar") < end)
    reversals = found.reversals
    if reversals is not None:
        kept: NDArray[np.bool_] = reversals[0] < end
        reversals = reversals[0][kept], reversals[1][kept]
    dates: pl.Series | None = None if found.dates is None else found.dates[:end]
    return replace(
        found,
        trades=trades,
        equity=found.equity[:end],
        oos_pnl=0.0,
        oos_dd=0.0,
        oos_trades=0,
        extended={},
        reversals=reversals,
        dates=dates,
        held=None if found.held is None else found.held[:end],
        # Which entries those were is not told, and one may be that of the bar left out.
        unfilled=None,
    )
