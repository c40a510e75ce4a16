"""Fills at the open that know the rest of their own bar: other highs, lows and closes of a bar.

A bar keeps its open and everything before it, and ends in several ways. A fill at its open that is
there for one of them, and not for another, was decided by what comes after that open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo.backtest.feeds import FIRST, Feeds
from wfo.strategy.feed import PRICES, is_groups

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: How far the open is moved at most, as a share of it. Levels that lie at the open are then beside
#: it, so that a fill at one of these is told apart from one at the open.
_NUDGE = 1e-6

#: Ranges of the bars that replace one, in average ranges: a wide one and a narrow one.
_WIDE, _NARROW = (2.0, 3.0), (0.2, 0.5)


@dataclass(frozen=True, slots=True)
class Peek:
    """A fill at the open that other prices later in its bar undo.

    Attributes
    ----------
    bar
        Which bar.
    what
        The fill, such as ``"a long entry"``.
    """

    bar: int
    what: str


def first_peek(
    simulate: Callable[[Feeds], Any],
    feeds: Feeds,
    warmup: int,
    count: int,
    rng: np.random.Generator,
) -> Peek | None:
    """Return the first fill at the open, of some bars, that knows the rest of its own bar.

    Parameters
    ----------
    simulate
        Makes closed trades and marks of feeds: an `EngineResult`.
    feeds
        What is read.
    warmup
        The first trading bar.
    count
        How many bars are looked at: half of them with a fill at the open, where there are any.
    rng
        Where chance comes from.
    """
    import numpy as np

    prices = feeds.prices()
    if prices is None:
        return None
    trades = simulate(feeds).trades
    filled: set[int] = set()
    for end in ("entry", "exit"):
        bars = np.asarray(trades[f"{end}_bar"])
        filled |= set(bars[trades[f"{end}_price"] == prices.open[bars]].tolist())
    some = sorted(filled)
    drawn = set(rng.integers(warmup, feeds.bars, count // 2).tolist())
    if some:
        drawn |= set(rng.choice(some, min(len(some), count - count // 2), replace=False).tolist())
    for bar in sorted(drawn):
        found = [(each, simulate(each)) for each in _endings(feeds, bar, rng)]
        fills = [_at_open(result, each, bar) for each, result in found]
        for fill in sorted(set().union(*fills)):
            what, entry = fill
            for own, (_, result) in zip(fills, found, strict=True):
                if fill not in own and not (entry and _may_hold(result, bar)):
                    return Peek(bar, what)
    return None


def _endings(feeds: Feeds, bar: int, rng: np.random.Generator) -> list[Feeds]:
    """Return feeds with one open of a bar: as it is, and with wide and narrow ways up and down."""
    import numpy as np

    prices = feeds.prices()
    assert prices is not None  # noqa: S101  # the caller has looked
    start = float(prices.open[bar]) * (1 + _NUDGE * rng.uniform(0.5, 1))
    usual = max(float(np.mean(prices.high / prices.low)) - 1, 1e-4)
    own = tuple(float(column[bar]) for column in (prices.high, prices.low, prices.close))
    found = [_with(feeds, bar, start, max(own[0], start), min(own[1], start), own[2], bar)]
    wide, narrow = (1 + usual * rng.uniform(*span) for span in (_WIDE, _NARROW))
    little = 1 + usual / 10
    for up, down in ((wide, narrow), (narrow, wide)):
        for close in (start * up, start / down):
            high = start * up if close > start else start * little
            low = start / down if close < start else start / little
            other = int(rng.integers(feeds.bars))
            found.append(_with(feeds, bar, start, high, low, close, other))
    return found


def _with(
    feeds: Feeds, bar: int, start: float, high: float, low: float, close: float, other: int
) -> Feeds:
    """Return feeds with other prices in a bar, and everything else of bar `other` in it."""
    own = dict(zip(PRICES, (start, high, low, close), strict=True))
    found: dict[str, Mapping[str, FloatArray]] = {}
    for name, feed in feeds.items():
        if is_groups(name):
            found[name] = feed
            continue
        found[name] = {c: v.copy() for c, v in feed.items()}
        factor = float(feed["open"][bar] / feed["open"][other]) if "open" in feed else 1.0
        for column, values in found[name].items():
            if name == FIRST and column in own:
                values[bar] = own[column]
            elif column in PRICES:
                # Another symbol's bar keeps its open too.
                values[bar] = feed[column][other] * factor
            else:
                values[bar] = feed[column][other]
    return Feeds(found, feeds.stamps)


def _at_open(result: Any, feeds: Feeds, bar: int) -> set[tuple[str, bool]]:
    """Return the fills at the open of a bar, each with whether it is an entry."""
    at = feeds[FIRST]["open"][bar]
    found = set()
    for end in ("entry", "exit"):
        there = (result.trades[f"{end}_bar"] == bar) & (result.trades[f"{end}_price"] == at)
        for side in result.trades["side"][there].tolist():
            found.add((f"a {'long' if side > 0 else 'short'} {end}", end == "entry"))
    return found


def _may_hold(result: Any, bar: int) -> bool:
    """Whether a position that is still open may have been entered in a bar: no trade tells."""
    exits = result.trades["exit_bar"]
    closed_later = len(exits) > 0 and int(exits[-1]) > bar
    return not closed_later and bool((result.equity[bar - 1 :] != result.equity[-1]).any())
