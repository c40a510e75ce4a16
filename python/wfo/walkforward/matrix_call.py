"""A walk-forward matrix in memory, as one call."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wfo.arguments import one_of, progress_of
from wfo.backtest.short_checks import quick_check
from wfo.backtest.sweep import grid_of
from wfo.grid import Grid
from wfo.progress import Progress
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings
from wfo.strategy import StrategyLike
from wfo.strategy.value import lookback_on
from wfo.walkforward.choosing import GridChooser
from wfo.walkforward.history import History
from wfo.walkforward.matrix import WalkForwardMatrix
from wfo.walkforward.matrix_cells import FIGURES, KINDS
from wfo.walkforward.matrix_layout import lay_matrix, matrix_by
from wfo.walkforward.matrix_lengths import checked_kinds, checked_lengths
from wfo.walkforward.matrix_table import RANKED_BY
from wfo.walkforward.matrix_walk import walk_matrix
from wfo.walkforward.simulating import dated_engine
from wfo.windows import LEAST_WARMUP, Length
from wfo.windows.dates import written_day


def walk_forward_matrix(
    strategy: StrategyLike,
    bars: Any,
    grid: Grid | Mapping[str, Any] | str | Path | None,
    in_samples: Sequence[str | Length],
    out_of_samples: Sequence[str | Length],
    *,
    kinds: Sequence[str] = KINDS,
    purge: str | Length | None = None,
    begin: dt.date | str | None = None,
    by: str | None = None,
    gates: Gates | None = None,
    min_trades: int = 0,
    ranked_by: str = RANKED_BY,
    bars2: Any = None,
    feeds: Mapping[str, Any] | None = None,
    settings: AccountSettings | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
    bars_per_year: float | None = None,
) -> WalkForwardMatrix:
    """Walk forward with every pair of lengths, so that one good pair is seen among its neighbours.

    All pairs trade the same bars: they begin with the longest in-sample length after the first bar
    that trades. Each is what `wfo.walk_forward` returns for these lengths with ``begin`` at the
    `origin` of its cell. In-sample parts that several of them have are searched once.

    Parameters
    ----------
    strategy, bars, grid
        As of `wfo.walk_forward`.
    in_samples, out_of_samples
        The lengths, such as ``["1y", "2y", "3y"]`` and ``["3m", "6m", "1y"]``; with both kinds
        they make up to 400 cells.
    kinds
        ``"rolling"``, ``"anchored"``, or both.
    purge
        How much of the end of every in-sample part is left out of the choice; by default nothing.
    begin
        Where the longest in-sample part begins, a date; by default with the first bar that trades.
    by
        What sets are chosen by in all cells, as of `wfo.walk_forward`. By default the stability
        score, or ``"profit_by_drawdown"`` where one in-sample length is below 18 months.
    gates, min_trades
        As of `wfo.walk_forward`.
    ranked_by
        The figure by whose average over a cell's neighbourhood cells are ranked; by default the
        annual return above buy-and-hold's.
    bars2, feeds, settings, threads, progress, bars_per_year
        As of `wfo.walk_forward`.

    Returns
    -------
    WalkForwardMatrix
        A cell for each pair and kind. One that cannot be done, as with a history that is too short
        for it, has its reason.

    Raises
    ------
    WfoError
        If an argument cannot be used, or no cell can be done.

    Examples
    --------
    >>> import wfo
    >>> bars = wfo.load_sample("NASDAQ")
    >>> lengths = ["2y", "3y"], ["6m", "1y"]
    >>> matrix = wfo.walk_forward_matrix("atr_d_l", bars, "smoke", *lengths, by="net_profit")
    >>> len(matrix.cells)
    8
    """
    progress_of(progress)
    inside = checked_lengths("in-sample", in_samples)
    out = checked_lengths("out-of-sample", out_of_samples)
    named = checked_kinds(kinds)
    one_of("ranked_by", ranked_by, FIGURES)
    criterion = matrix_by(by, inside, purge)
    history = History.of_frames(strategy, bars, bars2, feeds, settings, threads, bars_per_year)
    # Before the search, which may take long.
    dated_engine(history)
    grid = grid_of(history.strategy, grid)
    quick_check(history.strategy, history.feeds, grid)
    chooser = GridChooser(
        history, grid, criterion, gates=gates, min_trades=min_trades, progress=progress
    )
    layout = lay_matrix(
        history.days,
        inside,
        out,
        named,
        purge=purge,
        begin=written_day(begin, "begin"),
        warmup=max(LEAST_WARMUP, lookback_on(history.strategy, grid.values, history.feeds)),
        by=criterion,
    )
    return walk_matrix(
        history,
        chooser,
        layout,
        grid_name=grid.name or "grid",
        ranked_by=ranked_by,
        notes=grid.notes,
        progress=progress,
    )
