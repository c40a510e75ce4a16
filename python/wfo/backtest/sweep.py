"""Sweep a grid in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.backtest.checks import Bounds, Position, checked_bounds, position
from wfo.backtest.evaluate import iter_sweep
from wfo.backtest.feeds import read_feeds
from wfo.backtest.figures import cell_bytes, empty
from wfo.backtest.values import SweepResult
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.settings import Settings
from wfo.strategy import Strategy, get_strategy
from wfo.windows import Phase, Phases

if TYPE_CHECKING:
    import polars as pl


def sweep(
    strategy: str | Strategy,
    bars: pl.DataFrame,
    grid: Grid | Mapping[str, Any],
    *,
    split: Position | None = None,
    warmup: Position | None = None,
    windows: Sequence[Phase] | None = None,
    bars2: pl.DataFrame | None = None,
    settings: Settings | None = None,
    engine: str = "auto",
    threads: int | None = None,
) -> Any:
    """Sweep a whole grid over one phase, or over all phases of a schedule at once.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`.
    bars
        ``date`` or ``datetime``, ``open, high, low, close``; n rows, oldest first.
    grid
        A `Grid`, or the values of one.
    split
        First out-of-sample bar, its index or a date; the phase ends with the last bar.
    warmup
        First trading bar, likewise; by default 100, or the longest lookback if that is more.
    windows
        Phases from `Windows.resolve`, instead of `split` and `warmup`.
    bars2
        The second symbol's bars, for strategies that read one.
    settings
        Capital, costs, sizing and entry style.
    engine
        ``"auto"``, which is the factored one, ``"factored"``, ``"direct"`` or ``"reference"``.
    threads
        How many; by default one for each core that this process may use. Results do not depend on
        it.

    Returns
    -------
    SweepResult, or a list of them, one a phase, where `windows` was given

    Raises
    ------
    WfoError
        If a parameter, position or bar cannot be used; the message names it and what would do.
    """
    named = get_strategy(strategy)
    if not isinstance(grid, Grid):
        grid = Grid(grid, strategy=named)
    if grid.strategy.name != named.name:
        raise InputError(f"the grid is one of {grid.strategy.name}, not of {named.name}")
    feeds = read_feeds(named, bars, bars2)
    assert feeds.stamps is not None  # noqa: S101  # frames have them
    count = feeds.bars
    if windows is None:
        if split is None:
            raise InputError("a sweep needs split=, the first out-of-sample bar, or windows=")
        phases: list[Phase | None] = [None]
        first = None if warmup is None else position("warmup", warmup, feeds.stamps)
        at = position("split", split, feeds.stamps)
        bounds: list[Bounds] = [checked_bounds(at, first, grid.need, count)]
    else:
        if split is not None or warmup is not None:
            raise InputError("windows= brings its own split and warmup; leave those out")
        if not (
            isinstance(windows, Sequence) and windows and all(isinstance(p, Phase) for p in windows)
        ):
            raise InputError(
                f"windows = {windows!r} are no phases; Windows.preset().resolve(dates) makes them"
            )
        phases = list(windows)
        bounds = [checked_bounds(p.split, p.warmup, grid.need, count, p.end) for p in windows]
    try:
        out = [empty(len(grid)) for _ in bounds]
    except MemoryError:
        size = len(grid) * len(bounds) * cell_bytes()
        raise InputError(
            f"the figures of {len(grid):,} combinations over {len(bounds)} phases take"
            f" {size / 1e9:.1f} GB of memory, more than there is; 'wfo run' keeps them on disk"
        ) from None
    for start, stop, block in iter_sweep(feeds, grid, settings, bounds, engine, threads):
        for held, found in zip(out, block, strict=True):
            for column, piece in zip(held, found, strict=True):
                column[start:stop] = piece
    least = windows.min_phases if isinstance(windows, Phases) else None
    results = [
        SweepResult.of(grid, b, figures, p, least)
        for b, figures, p in zip(bounds, out, phases, strict=True)
    ]
    return results if windows is not None else results[0]
