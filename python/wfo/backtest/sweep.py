"""Sweep a grid in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from wfo.arguments import real_number
from wfo.backtest.benchmark import benchmark
from wfo.backtest.checks import BarOrDate, Bounds, bar_index, check_grid, checked_bounds
from wfo.backtest.evaluate import Evaluator, iter_blocks, largest_block
from wfo.backtest.feeds import read_feeds
from wfo.backtest.figures import Choice, cell_bytes, empty, is_extended
from wfo.backtest.memory import available_memory
from wfo.backtest.short_checks import quick_check
from wfo.backtest.values import SweepResult
from wfo.bars import days
from wfo.data.years import checked_bars_per_year
from wfo.default_grids import DEFAULT, default_grid
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.metrics import inferred_bars_per_year
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, StrategyLike, get_strategy
from wfo.strategy.value import lookback_on
from wfo.text import brief
from wfo.windows import LEAST_WARMUP, Phase, Phases, Windows

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import ArrayLike

#: A schedule: its name or file, before it meets a history, or as phases.
Schedule = str | Path | Windows | Sequence[Phase]


@overload
def sweep(
    strategy: StrategyLike,
    bars: Any,
    grid: Grid | Mapping[str, Any] | str | Path | None = None,
    *,
    split: BarOrDate,
    warmup: BarOrDate | None = None,
    windows: None = None,
    bars2: Any = None,
    feeds: Mapping[str, Any] | None = None,
    settings: AccountSettings | None = None,
    engine: str = "auto",
    threads: int | None = None,
    figures: Choice = "standard",
    labels: ArrayLike | None = None,
    memory_limit: int | None = None,
    bars_per_year: float | None = None,
) -> SweepResult: ...


@overload
def sweep(
    strategy: StrategyLike,
    bars: Any,
    grid: Grid | Mapping[str, Any] | str | Path | None = None,
    *,
    split: None = None,
    warmup: None = None,
    windows: Schedule,
    bars2: Any = None,
    feeds: Mapping[str, Any] | None = None,
    settings: AccountSettings | None = None,
    engine: str = "auto",
    threads: int | None = None,
    figures: Choice = "standard",
    labels: ArrayLike | None = None,
    memory_limit: int | None = None,
    bars_per_year: float | None = None,
) -> list[SweepResult]: ...


def sweep(
    strategy: StrategyLike,
    bars: Any,
    grid: Grid | Mapping[str, Any] | str | Path | None = None,
    *,
    split: BarOrDate | None = None,
    warmup: BarOrDate | None = None,
    windows: Schedule | None = None,
    bars2: Any = None,
    feeds: Mapping[str, Any] | None = None,
    settings: AccountSettings | None = None,
    engine: str = "auto",
    threads: int | None = None,
    figures: Choice = "standard",
    labels: ArrayLike | None = None,
    memory_limit: int | None = None,
    bars_per_year: float | None = None,
) -> SweepResult | list[SweepResult]:
    """Sweep a whole grid over one phase, or over all phases of a schedule at once.

    The result is held in memory, 40 bytes a combination and phase, with extended figures 352; what
    does not fit is refused before anything is computed.

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
    split
        First out-of-sample bar, its index or a date; the phase ends with the last bar.
    warmup
        First trading bar, likewise; by default 100, or the longest lookback if that is more.
    windows
        Instead of `split` and `warmup`: a schedule by name or file (``"default"``), as `Windows`,
        or as the phases that `Windows.resolve` returns.
    bars2
        The second symbol's bars, for strategies that read one.
    feeds
        Further series by name, for strategies that read them: frames with the stamps of `bars`.
    settings
        Capital, costs, sizing and entry style.
    engine
        ``"auto"``, the fastest one that can, ``"factored"``, ``"direct"`` or ``"reference"``.
    threads
        How many; by default one for each core that this process may use. Results do not depend on
        it.
    figures
        ``"standard"``, the six that a run stores, or ``"extended"``: trades won and lost, gross
        profit and loss, by side, bars in the market, relative drawdown and sums of returns too.
    labels
        One whole number from 0 on a bar, for sums of returns by label; extended figures only.
    memory_limit
        Bytes that the result may take with the block under way; by default what the system says is
        left.
    bars_per_year
        What annual figures count in; by default it is counted from the bars.

    Returns
    -------
    SweepResult, or a list of them, one a phase, where `windows` was given

    Raises
    ------
    WfoError
        If a parameter, boundary or bar cannot be used, or the result would not fit memory; the
        message names it and what would do.
    """
    given = None if bars_per_year is None else checked_bars_per_year(bars_per_year)
    named = get_strategy(strategy)
    extended = is_extended(figures)
    grid = grid_of(named, grid)
    read = read_feeds(named, bars, bars2, feeds)
    stamps = read.stamps
    assert stamps is not None  # noqa: S101  # frames have them
    need = lookback_on(named, grid.values, read)
    phases: Sequence[Phase | None]
    bounds: list[Bounds]
    if windows is None:
        if split is None:
            raise InputError("a sweep needs split=, the first out-of-sample bar, or windows=")
        phases = [None]
        first = None if warmup is None else bar_index("warmup", warmup, stamps)
        at = bar_index("split", split, stamps)
        bounds = [checked_bounds(at, first, need, read.bars, stamps=stamps)]
    else:
        if split is not None or warmup is not None:
            raise InputError("windows= brings its own split and warmup; leave those out")
        phases = windows = _phases(windows, stamps, need)
        bounds = [checked_bounds(p.split, p.warmup, need, read.bars, p.end) for p in windows]
    room = available_memory() if memory_limit is None else real_number("memory_limit", memory_limit)
    _require_room(grid, len(bounds), cell_bytes(extended=extended), figures, room)
    quick_check(named, read, grid)
    evaluator = Evaluator(named, read, grid, bounds, settings, engine, threads, figures, labels)
    count = evaluator.label_count
    _require_room(grid, len(bounds), cell_bytes(extended=extended, labels=count), figures, room)
    out = [empty(len(grid), extended=extended, labels=count) for _ in bounds]
    for start, stop, block in iter_blocks(evaluator):
        for held, found in zip(out, block, strict=True):
            for column, piece in zip(held, found, strict=True):
                column[start:stop] = piece
    first_symbol = read.prices()
    assert first_symbol is not None  # noqa: S101  # every strategy reads it
    year = inferred_bars_per_year(stamps) if given is None else given
    results = [
        SweepResult.of(
            grid,
            b,
            each,
            p,
            windows.min_phases if isinstance(windows, Phases) else None,
            capital=evaluator.settings.capital,
            dates=stamps,
            engine=evaluator.engine,
            reason=evaluator.reason,
            benchmark=benchmark(first_symbol, b, evaluator.settings, year),
        )
        for b, each, p in zip(bounds, out, phases, strict=True)
    ]
    return results if windows is not None else results[0]


def grid_of(strategy: Strategy, grid: Grid | Mapping[str, Any] | str | Path | None) -> Grid:
    """Return a grid of a strategy that is given as one, by its values, or by name or file.

    None, or ``"default"``, is the strategy's default grid.

    Raises
    ------
    InputError
        If it is none of the strategy.
    """
    if grid is None or (isinstance(grid, str) and grid == DEFAULT):
        grid = default_grid(strategy, argument="grid=")
    elif isinstance(grid, str | Path):
        grid = Grid.load(grid, strategy)
    elif not isinstance(grid, Grid):
        grid = Grid(grid, strategy=strategy)
    check_grid(strategy, grid)
    return grid


def _phases(windows: Schedule, stamps: pl.Series, need: int) -> Sequence[Phase]:
    """Return the phases of a schedule, laid over the bars where it is not yet."""
    if isinstance(windows, str | Path):
        windows = Windows.load(windows)
    if isinstance(windows, Windows):
        return windows.resolve(days(stamps), warmup=max(LEAST_WARMUP, need))
    phases: Sequence[Phase] = windows
    if not (isinstance(phases, Sequence) and phases and all(isinstance(p, Phase) for p in phases)):
        raise InputError(
            f"windows = {brief(windows)} are no phases; Windows.preset().resolve(dates) makes them,"
            " and a schedule such as 'default' does by its name"
        )
    return phases


def _require_room(grid: Grid, phases: int, cell: int, figures: str, room: float | None) -> None:
    """Raise unless the figures of a whole grid fit the memory that is left.

    Raises
    ------
    InputError
        With what they take, what there is, and what would do.
    """
    # Beside the result there is a block under way.
    size = (len(grid) + min(len(grid), largest_block())) * phases * cell
    if room is None or size <= room:
        return
    extended = figures == "extended"
    kept = "the standard ones" if extended else "them"
    less = ", figures='standard' too" if extended else ""
    raise InputError(
        f"the {figures} figures of {len(grid):,} combinations over {phases}"
        f" phase{'s' if phases > 1 else ''} take {_size(size)} of memory, and {_size(room)} are"
        f" available; 'wfo run' (wfo.run in Python) keeps {kept} on disk, a smaller grid takes less"
        f"{less}, and wfo.Evaluator computes any part at a time"
    )


def _size(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e8 else f"{number / 1e6:,.1f} MB"
