"""Whether a strategy looks ahead: columns and trades on truncated and on changed bars.

A change of later bars may change nothing before it. Columns of rules are looked at one by one, so
that the one that does is named; of every strategy the trades and marks are. Of what is no rules,
whose orders are made before their bar, fills at the open are looked at on bars that end otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.arguments import whole_number
from wfo.backtest.checks import Bounds
from wfo.backtest.engines import choose_engine
from wfo.backtest.feeds import Feeds
from wfo.backtest.own_bar import first_peek
from wfo.backtest.values import DatedSet
from wfo.errors import EngineError, InputError
from wfo.grid import Grid
from wfo.rules.checking import Leak, changed, first_leak, truncated
from wfo.rules.misfits import first_misfit
from wfo.rules.parts import program_of
from wfo.settings import AccountSettings
from wfo.strategy import BatchKernel, Number, Strategy
from wfo.strategy.value import lookback_on
from wfo.text import params_lines, wrap_text

if TYPE_CHECKING:
    import numpy as np

#: The latest bars that are looked at, beside those that a warm-up takes: what looks ahead does so
#: in most bars, and a check is to take seconds.
MOST_BARS = 10_000

#: Parameter sets of a check, and places at which bars end and others begin.
SETS, CUTS = 6, 6

#: Bars of a short check, beside those that a warm-up takes.
_SHORT_BARS = 300

#: Relative to the largest mark.
_TOLERANCE = 1e-9

#: Programs and compiled functions that a short check has passed, the latest ones.
_PASSED: dict[object, None] = {}
_MOST_PASSED = 100


@dataclass(frozen=True, slots=True)
class Found:
    """What has looked ahead.

    Attributes
    ----------
    params
        With which parameters.
    leak
        The column; None where it was the trades.
    bar, cut
        The first bar that changed, and the first one that was left out or replaced.
    stamp
        Of that first bar, as text.
    what
        One line: what looked ahead, and where.
    """

    params: Mapping[str, Number]
    leak: Leak | None
    bar: int
    cut: int
    stamp: str
    what: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check for look-ahead found.

    Attributes
    ----------
    strategy
        Its name.
    bars, first, last
        How many bars were looked at, and the stamps of the first and the last of them, as text.
    sets
        The parameter sets.
    cuts
        At how many places bars ended or others began, for each set.
    columns
        How many columns were recomputed, for each set; 0 of a strategy that is no rules.
    seed
        From which chance came.
    found
        What has looked ahead; None where nothing did, as far as these bars tell.
    notes
        What of the grid is allowed and hardly meant, a sentence without a stop each.
    """

    strategy: str
    bars: int
    first: str
    last: str
    sets: tuple[Mapping[str, Number], ...]
    cuts: int
    columns: int
    seed: int
    found: Found | None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.found is not None:
            return f"Checked({self.strategy} LOOKS AHEAD: {self.found.what})"
        return (
            f"Checked({self.strategy}: nothing looked ahead in {self.bars:,} bars, parameter sets:"
            f" {len(self.sets)}, places: {self.cuts})"
        )

    def page(self) -> str:
        """Return what a terminal shows."""
        what = f"{self.columns:,} columns and the trades" if self.columns else "the trades"
        lines = [
            f"{self.strategy}: does it look ahead?",
            f"  {self.bars:,} bars, {self.first} to {self.last}",
            f"  {what} of {len(self.sets)} parameter sets, on bars that end, and on bars that are",
            f"  others from some bar on, at {self.cuts} places; seed {self.seed}",
            "",
        ]
        if self.found is None:
            lines.append("No value and no trade changed that lies before.")
            if not self.columns:
                lines.append("No fill at an open changed with the rest of its own bar.")
        else:
            lines += [self.found.what, "", *params_lines(self.found.params, 80)]
        for note in self.notes:
            lines += wrap_text(f"Note: {note}.", 98, hang="  ")
        return "\n".join(lines) + "\n"


def check_lookahead(
    strategy: Strategy,
    feeds: Feeds,
    grid: Grid,
    settings: AccountSettings | None = None,
    *,
    sets: int = SETS,
    cuts: int = CUTS,
    seed: int = 0,
) -> Checked:
    """Recompute a strategy on truncated and on changed bars, for some sets of a grid.

    Parameters
    ----------
    strategy
        What is checked.
    feeds
        What it reads; the latest 10,000 bars and a warm-up are looked at.
    grid
        Its first and last combination are among the sets, the others are drawn.
    settings
        Of the backtests.
    sets, cuts
        How many sets, and places for each at which bars end and others begin.
    seed
        From which sets, places and other bars are drawn.

    Returns
    -------
    Checked

    Raises
    ------
    WfoError
        If the bars do not suffice, or anything computed raises.
    """
    import numpy as np

    sets, cuts = whole_number("sets", sets), whole_number("cuts", cuts)
    seed = whole_number("seed", seed)
    if min(sets, cuts) < 1 or seed < 0:
        raise InputError(
            f"sets = {sets}, cuts = {cuts}, seed = {seed} must be 1 or more, 0 or more"
        )
    rng = np.random.default_rng(seed)
    used = strategy.settings_of(settings)
    need = max(1, lookback_on(strategy, grid.values, feeds))
    read = _latest(feeds, need + MOST_BARS)
    if read.bars < need + 3:
        raise InputError(
            f"{read.bars:,} bars are too few to check {strategy.name}: its lookback is {need:,}"
        )
    last = len(grid) - 1
    drawn = dict.fromkeys([0, last, *rng.integers(0, len(grid), max(sets - 2, 0)).tolist()])
    chosen = [grid.params(index) for index in list(drawn)[:sets]]
    program = program_of(strategy)
    found = None
    for params in chosen:
        places = _places(need, read.bars, cuts, rng)
        values = tuple(params[name] for name in strategy.names)
        if program is not None:
            leak = first_leak(program, read, values, places, rng)
            found = None if leak is None else _of_column(leak, params, read)
        if found is None:
            found = _of_trades(strategy, read, params, used, need, places, rng)
        if found is None and program is None:
            found = _of_own_bar(strategy, read, params, used, need, cuts, rng)
        if found is not None:
            break
    columns = 0 if program is None else sum(kind != "number" for kind in program.kinds)
    return Checked(
        strategy.name,
        read.bars,
        _stamp(read, 0),
        _stamp(read, read.bars - 1),
        tuple(chosen),
        cuts,
        columns,
        seed,
        found,
    )


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
            _simulated(strategy, read, params, used, need)


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
        leak = first_leak(program, read, values, _places(need, bars, 2, rng), rng)
        if leak is not None:
            about = _of_column(leak, params, read)
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
        found = _of_own_bar(strategy, feeds, params, settings, need, CUTS, rng)
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


def _latest(feeds: Feeds, most: int) -> Feeds:
    """Return the latest bars."""
    start = max(0, feeds.bars - most)
    stamps = None if feeds.stamps is None else feeds.stamps[start:]
    return Feeds({name: {c: v[start:] for c, v in feeds[name].items()} for name in feeds}, stamps)


def _places(need: int, bars: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return where bars end: before the last one, and anywhere behind the warm-up."""
    drawn = rng.integers(need + 2, bars, max(count - 1, 0)).tolist()
    return list(dict.fromkeys([bars - 1, *drawn]))


def _stamp(feeds: Feeds, bar: int) -> str:
    return f"bar {bar}" if feeds.stamps is None else str(feeds.stamps[bar])


def _of_column(leak: Leak, params: Mapping[str, Number], feeds: Feeds) -> Found:
    stamp = _stamp(feeds, leak.bar)
    where = f"{leak.site}: " if leak.site else ""
    who = f"{leak.column}, by {leak.function}," if leak.function else leak.column
    if leak.cut == feeds.bars:
        what = (
            f"{where}{who} is {leak.whole:.10g} at {stamp}, and {leak.found:.10g} when it is"
            " computed again from the same bars"
        )
    else:
        how = "other bars" if leak.replaced else "no bars"
        what = (
            f"{where}{who} looks ahead: at {stamp} it is {leak.whole:.10g}, and"
            f" {leak.found:.10g} with {how} from {_stamp(feeds, leak.cut)} on"
        )
    return Found(params, leak, leak.bar, leak.cut, stamp, what)


def _of_trades(
    strategy: Strategy,
    feeds: Feeds,
    params: Mapping[str, Number],
    settings: AccountSettings,
    warmup: int,
    cuts: Sequence[int],
    rng: np.random.Generator,
) -> Found | None:
    """Return the first bar whose mark or fill changes with later bars; None if there is none."""
    whole = _simulated(strategy, feeds, params, settings, warmup)
    found = []
    for cut in cuts:
        for replaced in (False, True):
            other = changed(feeds, cut, rng) if replaced else truncated(feeds, cut)
            again = _simulated(strategy, Feeds(other), params, settings, warmup)
            bar = _first_change(whole, again, cut)
            if bar is not None:
                found.append((bar, cut, replaced))
    if not found:
        return None
    bar, cut, replaced = min(found)
    how = "other bars" if replaced else "no bars"
    what = (
        f"{strategy.name} looks ahead: what it has traded by {_stamp(feeds, bar)} is"
        f" something else with {how} from {_stamp(feeds, cut)} on"
    )
    return Found(params, None, bar, cut, _stamp(feeds, bar), what)


def _of_own_bar(
    strategy: Strategy,
    feeds: Feeds,
    params: Mapping[str, Number],
    settings: AccountSettings,
    warmup: int,
    count: int,
    rng: np.random.Generator,
) -> Found | None:
    """Return a fill at the open that knows the rest of its own bar; None if none is found."""

    def simulate(read: Feeds) -> Any:
        return _simulated(strategy, read, params, settings, warmup)

    peek = first_peek(simulate, feeds, warmup, count, rng)
    if peek is None:
        return None
    stamp = _stamp(feeds, peek.bar)
    where = f"bar {peek.bar:,}" if feeds.stamps is None else f"{stamp} (bar {peek.bar:,})"
    what = (
        f"{strategy.name} looks ahead: a fill at the open of {where} knows the rest of its own bar:"
        f" {peek.what} there comes and goes with that bar's high, low and close"
    )
    return Found(params, None, peek.bar, peek.bar, stamp, what)


def _simulated(
    strategy: Strategy,
    feeds: Feeds,
    params: Mapping[str, Number],
    settings: AccountSettings,
    warmup: int,
) -> Any:
    values = tuple(params[name] for name in strategy.names)
    engine = choose_engine("auto", strategy, settings).engine
    # The boundary changes no trade; the last bar is out-of-sample.
    bounds: Bounds = (warmup, feeds.bars - 1, feeds.bars)
    return engine.simulate(strategy, feeds, [DatedSet(warmup, values)], settings, bounds)


def _first_change(whole: Any, again: Any, cut: int) -> int | None:
    """Return the first bar before `cut` whose mark or closed trades differ."""
    import numpy as np

    size = float(np.abs(whole.equity).max())
    bars = np.flatnonzero(~(abs(whole.equity[:cut] - again.equity[:cut]) <= _TOLERANCE * size))
    found = bars[:1].tolist()
    own, other = ([row for row in _rows(each) if row[0] < cut] for each in (whole, again))
    for a, b in zip([*own, (cut,)], [*other, (cut,)], strict=False):
        if a != b:
            found.append(min(a[0], b[0]))
            break
    found = [bar for bar in found if bar < cut]
    return min(found, default=None)


def _rows(result: Any) -> list[tuple[Any, ...]]:
    """Return the closed trades, the bar of the exit first."""
    names = ("exit_bar", "exit_price", "entry_bar", "entry_price", "side")
    return list(zip(*(result.trades[name].tolist() for name in names), strict=True))
