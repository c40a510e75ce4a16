"""Short checks in front of a run: whether what is the user's looks ahead, or fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from wfo.backtest.feeds import Feeds
from wfo.backtest.found_ahead import cut_places, of_column, of_own_bar, simulated
from wfo.errors import EngineError, InputError
from wfo.grid import Grid
from wfo.rules.checking import first_leak
from wfo.rules.misfits import first_misfit
from wfo.rules.parts import program_of
from wfo.settings import AccountSettings
from wfo.strategy import BatchKernel, Number, Strategy
from wfo.strategy.value import lookback_on

if TYPE_CHECKING:
    import numpy as np

#: Places at which fills at the open are looked at.
_PLACES = 6

#: Bars of a short check, beside those that a warm-up takes.
_SHORT_BARS = 300

#: Programs and compiled functions that a short check has passed, the latest ones.
_PASSED: dict[object, None] = {}
_MOST_PASSED = 100


def try_kernel(
    strategy: Strategy, feeds: Feeds, grid: Grid, settings: AccountSettings | None
) -> None:
    """Raise if a compiled function of the user's fails on some hundred bars.

    Other strategies are not looked at.

    Parameters
    ----------
    strategy, feeds, settings
        What is to run, what it reads, and with which settings.
    grid
        Its grid, of which the first and the last set are taken.

    Raises
    ------
    EngineError
        If it cannot be compiled, fails, or adds a fill that cannot be.
    """
    if isinstance(strategy.kernel, BatchKernel):
        used = strategy.settings_of(settings)
        for params, need, read in _short(strategy, feeds, grid):
            simulated(strategy, read, params, used, need)


def quick_check(strategy: Strategy, feeds: Feeds, grid: Grid | Mapping[str, Number]) -> None:
    """Raise if rules with functions of the user's look ahead, as some hundred bars tell.

    So does a compiled function of the user's with a fill at the open that knows the rest of its own
    bar, and a grid with lengths that are none. Other strategies are not looked at, and a program or
    function that has passed is not checked for look-ahead again.

    Parameters
    ----------
    strategy
        What is to run.
    feeds
        What it reads.
    grid
        Its grid, of which the first and the last set are taken; or one set.

    Raises
    ------
    InputError
        With the column or the fill, the bar, and the user's line.
    """
    import numpy as np

    program = program_of(strategy)
    if program is not None and isinstance(grid, Grid):
        misfit = first_misfit(program, strategy.rules, grid.values)
        if misfit is not None:
            raise InputError(f"{strategy.name}: {misfit.text}")
    kernel = strategy.kernel
    passed: object = program
    if isinstance(kernel, BatchKernel):
        # A function that is written anew under its name is another one.
        passed = kernel.function
    elif program is None or not program.functions:
        return
    if passed in _PASSED:
        return
    rng = np.random.default_rng(0)
    for params, need, read in _short(strategy, feeds, grid):
        if program is None:
            _try_own_bar(strategy, read, params, need, rng)
            continue
        values, bars = tuple(params[name] for name in strategy.names), read.bars
        leak = first_leak(program, read, values, cut_places(need, bars, 2, rng), rng)
        if leak is not None:
            about = of_column(leak, params, read)
            raise InputError(f"{about.what}; 'wfo check' looks closer")
    while len(_PASSED) >= _MOST_PASSED:
        del _PASSED[next(iter(_PASSED))]
    _PASSED[passed] = None


def _try_own_bar(
    strategy: Strategy,
    feeds: Feeds,
    params: Mapping[str, Number],
    need: int,
    rng: np.random.Generator,
) -> None:
    """Raise if a fill at the open of a compiled function knows the rest of its own bar."""
    kernel = strategy.kernel
    try:
        settings = strategy.settings_of(None)
        found = of_own_bar(strategy, feeds, params, settings, need, _PLACES, rng)
    except EngineError:
        # It fails: the run itself says so, of its own bars.
        return
    if found is not None:
        where = f"{kernel.file}:{kernel.line}: " if isinstance(kernel, BatchKernel) else ""
        raise InputError(f"{where}{found.what}; 'wfo check' looks closer")


def _short(
    strategy: Strategy, feeds: Feeds, grid: Grid | Mapping[str, Number]
) -> Iterator[tuple[Mapping[str, Number], int, Feeds]]:
    """Yield the sets of a short check, each with its lookback and its bars."""
    chosen = [grid.params(0), grid.params(len(grid) - 1)] if isinstance(grid, Grid) else [grid]
    for params in chosen:
        look = {name: (value,) for name, value in params.items()}
        need = max(1, lookback_on(strategy, look, feeds))
        bars = min(feeds.bars, need + _SHORT_BARS)
        if bars >= need + 3:
            # Of too few the run itself says so.
            yield params, need, feeds.until(bars)
