"""What a strategy does with other bars later: the first column, trade or fill that differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest.checks import Bounds
from wfo.backtest.engines import choose_engine
from wfo.backtest.feeds import Feeds
from wfo.backtest.own_bar import first_peek
from wfo.backtest.values import DatedSet
from wfo.rules.checking import Leak, changed, truncated
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy

if TYPE_CHECKING:
    import numpy as np

#: Relative to the largest mark.
_TOLERANCE = 1e-9


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


def cut_places(need: int, bars: int, count: int, rng: np.random.Generator) -> list[int]:
    """Return where bars end: before the last one, and anywhere behind the warm-up."""
    drawn = rng.integers(need + 2, bars, max(count - 1, 0)).tolist()
    return list(dict.fromkeys([bars - 1, *drawn]))


def stamp_of(feeds: Feeds, bar: int) -> str:
    """Return the stamp of a bar as text, its number where there are no stamps."""
    return f"bar {bar}" if feeds.stamps is None else str(feeds.stamps[bar])


def of_column(leak: Leak, params: Mapping[str, Number], feeds: Feeds) -> Found:
    """Say of a column where it looks ahead, or that it is another one each time."""
    stamp = stamp_of(feeds, leak.bar)
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
            f" {leak.found:.10g} with {how} from {stamp_of(feeds, leak.cut)} on"
        )
    return Found(params, leak, leak.bar, leak.cut, stamp, what)


def of_trades(
    strategy: Strategy,
    feeds: Feeds,
    params: Mapping[str, Number],
    settings: AccountSettings,
    warmup: int,
    cuts: Sequence[int],
    rng: np.random.Generator,
) -> Found | None:
    """Return the first bar whose mark or fill changes with later bars; None if there is none."""
    whole = simulated(strategy, feeds, params, settings, warmup)
    found = []
    for cut in cuts:
        for replaced in (False, True):
            other = changed(feeds, cut, rng) if replaced else truncated(feeds, cut)
            again = simulated(strategy, Feeds(other), params, settings, warmup)
            bar = _first_change(whole, again, cut)
            if bar is not None:
                found.append((bar, cut, replaced))
    if not found:
        return None
    bar, cut, replaced = min(found)
    how = "other bars" if replaced else "no bars"
    what = (
        f"{strategy.name} looks ahead: what it has traded by {stamp_of(feeds, bar)} is"
        f" something else with {how} from {stamp_of(feeds, cut)} on"
    )
    return Found(params, None, bar, cut, stamp_of(feeds, bar), what)


def of_own_bar(
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
        return simulated(strategy, read, params, settings, warmup)

    peek = first_peek(simulate, feeds, warmup, count, rng)
    if peek is None:
        return None
    stamp = stamp_of(feeds, peek.bar)
    where = f"bar {peek.bar:,}" if feeds.stamps is None else f"{stamp} (bar {peek.bar:,})"
    what = (
        f"{strategy.name} looks ahead: a fill at the open of {where} knows the rest of its own bar:"
        f" {peek.what} there comes and goes with that bar's high, low and close"
    )
    return Found(params, None, peek.bar, peek.bar, stamp, what)


def simulated(
    strategy: Strategy,
    feeds: Feeds,
    params: Mapping[str, Number],
    settings: AccountSettings,
    warmup: int,
) -> Any:
    """Return what one set makes of all bars from the warm-up on."""
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
