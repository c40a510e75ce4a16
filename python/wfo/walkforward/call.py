"""A walk-forward in memory, as one call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wfo.arguments import progress_of
from wfo.backtest.short_checks import quick_check
from wfo.backtest.sweep import grid_of
from wfo.grid import Grid
from wfo.progress import Progress
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings
from wfo.strategy import StrategyLike
from wfo.strategy.value import lookback_on
from wfo.walkforward.choosing import GridChooser
from wfo.walkforward.criteria import resolved_by
from wfo.walkforward.history import History
from wfo.walkforward.parts import part_of
from wfo.walkforward.simulating import dated_engine
from wfo.walkforward.stitching import hindsight_window, stitch
from wfo.walkforward.values import WalkForward
from wfo.windows import LEAST_WARMUP, Length, WalkSchedule
from wfo.windows.dates import written_day


def walk_forward(
    strategy: StrategyLike,
    bars: Any,
    grid: Grid | Mapping[str, Any] | str | Path | None = None,
    *,
    in_sample: str | Length = "3y",
    out_of_sample: str | Length = "6m",
    step: str | Length | None = None,
    purge: str | Length | None = None,
    anchored: bool = False,
    begin: dt.date | str | None = None,
    by: str | None = None,
    gates: Gates | None = None,
    min_trades: int = 0,
    bars2: Any = None,
    feeds: Mapping[str, Any] | None = None,
    settings: AccountSettings | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    bars_per_year: float | None = None,
) -> WalkForward:
    """Choose a set on one stretch of bars, trade the next one, roll on: one honest curve.

    The whole grid is searched in every window, on its in-sample bars alone. The sets trade one
    after the other as one backtest: position and cash go over a boundary, and a change of sets
    costs nothing by itself.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`, a `Strategy`, or a class of rules or kernel that is one.
    bars
        ``date`` or ``datetime``, ``open, high, low, close``; n rows, oldest first. A Polars, pandas
        or PyArrow frame.
    grid
        A `Grid`, the values of one, or the name or file of one; by default the grid that the ranges
        of a strategy's parameters make.
    in_sample, out_of_sample
        How long a set is chosen on, and how long it then trades: ``"3y"``, ``"6m"``, ``"30d"``.
    step
        From one window to the next; by default the out-of-sample length. With a shorter one
        out-of-sample parts overlap, and the newest decision trades.
    purge
        How much of the end of the in-sample part is left out of the choice; by default nothing.
    anchored
        Whether all in-sample parts begin with the first one, and grow; else they roll along.
    begin
        Where the first in-sample part begins, a date; by default with the first bar that trades.
    by
        What sets are chosen by: a figure such as ``"net_profit"``, ``"sharpe"`` or
        ``"profit_by_drawdown"``, or ``"stability"``, ``"plateau"``, ``"region"``. By default
        the stability score, or ``"profit_by_drawdown"`` where the in-sample part has less than 18
        months.
    gates
        What makes a combination valid in a phase, for what is scored by phases; by default v4.
    min_trades
        Closed in-sample trades of a set that is chosen by a figure, at least.
    bars2, feeds, settings
        As of `wfo.simulate`.
    threads
        How many; by default one for each core that this process may use. Results do not depend on
        it.
    progress
        Where to tell how far it is; by default nowhere.
    bars_per_year
        What annual figures count in; by default it is counted from the bars, for a choice from
        those that it may see.

    Returns
    -------
    WalkForward
        The stitched curve beside buy-and-hold and sets that are never changed, and what each window
        has chosen.

    Raises
    ------
    WfoError
        If a length, criterion or bar cannot be used, the history is too short for one window, or
        the strategy has no engine for sets that take turns.

    Examples
    --------
    >>> import wfo
    >>> bars = wfo.load_sample("NASDAQ")
    >>> walk = wfo.walk_forward("atr_d_l", bars, "smoke", by="net_profit")
    >>> len(walk.results)
    34
    """
    progress_of(progress)
    schedule = WalkSchedule(
        in_sample,
        out_of_sample,
        Length(0) if step is None else step,
        Length(0) if purge is None else purge,
        anchored,
    )
    criterion = resolved_by(by, schedule)
    history = History.of_frames(strategy, bars, bars2, feeds, settings, threads, bars_per_year)
    # Before the search, which may take long.
    dated_engine(history)
    grid = grid_of(history.strategy, grid)
    quick_check(history.strategy, history.feeds, grid)
    chooser = GridChooser(
        history, grid, criterion, gates=gates, min_trades=min_trades, progress=progress
    )
    days = history.days
    windows = schedule.resolve(
        days,
        begin=written_day(begin, "begin"),
        warmup=max(LEAST_WARMUP, lookback_on(history.strategy, grid.values, history.feeds)),
    )
    asked = [*windows, hindsight_window(windows, days)]
    *decisions, hindsight = chooser.choose(asked)
    parts = set(map(part_of, asked))
    return stitch(
        history,
        windows,
        decisions,
        grid=grid,
        grid_name=grid.name or "grid",
        by=criterion,
        hindsight=hindsight,
        searched=len(parts) * chooser.combinations,
        notes=grid.notes,
    )
