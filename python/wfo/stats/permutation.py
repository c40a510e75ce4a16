"""Permuted bars: the moves of a market in another order (Aronson 2006; Masters 2018).

A bar's move is its gap, open by the close before, with the moves within the bar, high, low and
close by open. They are dealt out anew together, so that the distribution of moves, the drift and
the last close stay, and what a rule could have known of the next bar goes. Clustered volatility
goes too: a test against permuted bars is exact where moves are independent.

Two restrictions keep more. Moves of a *class* trade places among themselves alone: with the classes
of `order_classes`, intraday bars keep the shape of their sessions. Moves of a *block* stay
together, and blocks trade places, so that clusters up to the length of a block stay.

The compiled core permutes likewise for whole searches; this is its reference, price for price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.arguments import instance, numbers_array, whole_number
from wfo.backtest.feeds import Feeds
from wfo.bars import Prices
from wfo.data.frames import PRICES
from wfo.errors import InputError
from wfo.sampling import splitmix
from wfo.strategy.feed import is_groups

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


def permuted_bars(
    bars: Prices,
    first: int,
    seed: int,
    *,
    end: int | None = None,
    classes: IndexArray | None = None,
    block: int = 0,
) -> Prices:
    """Return bars whose moves, from one bar on, stand in another order.

    Parameters
    ----------
    bars
        Prices of n bars.
    first
        The first bar whose move is dealt out, 1 at least: the bars before it, the warm-up, stay.
    seed
        Which order, from 0 on; the same for every symbol of as many bars.
    end, classes, block
        As of `move_order`.

    Returns
    -------
    Prices
        n bars; the close before `end` is that of `bars`, up to rounding, and the bars from `end` on
        stay.

    Raises
    ------
    InputError
        If `first` is no bar after another one, `seed` is below 0, or a restriction does not fit.
    """
    bars = instance("bars", bars, Prices, "wfo.bars.Prices(...)")
    order = move_order(len(bars.close), first, seed, end=end, classes=classes, block=block)
    return _rebuilt(bars, first, end, order)


def permuted_feeds(
    feeds: Feeds,
    first: int,
    seed: int,
    *,
    end: int | None = None,
    classes: IndexArray | None = None,
    block: int = 0,
) -> Feeds:
    """Return feeds whose bars stand in another order from one on, the same order in all of them.

    The moves of prices are dealt out as in `permuted_bars`; of other columns the values are. Stamps
    stay where they are.

    Parameters
    ----------
    feeds
        Of n bars each.
    first, seed
        As in `permuted_bars`.
    end, classes, block
        As of `move_order`.
    """
    feeds = instance("feeds", feeds, Feeds, "what wfo.read_feeds returns")
    order = move_order(feeds.bars, first, seed, end=end, classes=classes, block=block)
    columns: dict[str, dict[str, FloatArray]] = {}
    for name, feed in feeds.items():
        if is_groups(name):
            # Which bars make a higher one follows from their times, which stay.
            columns[name] = dict(feed)
            continue
        # Values of a bar belong to it, and go where its move goes.
        columns[name] = {key: values[order] for key, values in feed.items()}
        if set(PRICES) <= set(feed):
            own = Prices(*(feed[key] for key in PRICES))
            columns[name] |= _rebuilt(own, first, end, order)._asdict()
    return Feeds(columns, feeds.stamps)


def order_classes(stamps: pl.Series, timeframe: str) -> IndexArray | None:
    """Return the classes within which the moves of a history trade places.

    Parameters
    ----------
    stamps
        The bars' dates or zone-aware date-times, n of them, ascending.
    timeframe
        Of the bars, as ``"1day"`` or ``"30min"``.

    Returns
    -------
    int64[n] or None
        Of intraday bars the local time of day in the zone of the stamps, numbered from 0 on in
        order: classes ascend within a session. None of daily and longer bars, which are one class.

    Raises
    ------
    InputError
        If stamps of intraday bars have no time of day.
    """
    import numpy as np
    import polars as pl

    from wfo.data.timeframes import is_intraday

    if not is_intraday(timeframe):
        return None
    if not isinstance(stamps.dtype, pl.Datetime):
        raise InputError(
            f"bars of {timeframe} need stamps with a time of day, not of type {stamps.dtype}"
        )
    times = stamps.dt.time().cast(pl.Int64).to_numpy()
    found: IndexArray = np.unique(times, return_inverse=True)[1].astype(np.int64)
    return found


def move_order(
    bars: int,
    first: int,
    seed: int,
    *,
    end: int | None = None,
    classes: IndexArray | None = None,
    block: int = 0,
) -> IndexArray:
    """Return which bar's move every bar has, int64[bars].

    Parameters
    ----------
    bars
        How many there are, n.
    first
        The first bar that takes part.
    seed
        Which order, from 0 on.
    end
        One past the last bar that takes part; by default n.
    classes
        int64[n]: moves trade places only with those of the same class. Where the class of a bar is
        no larger than that of the bar before, a session begins.
    block
        0: moves are dealt out one by one. Otherwise how many stay together. Without classes a block
        is of so many consecutive bars, counted from `first`; with classes of so many sessions, of
        the usual shape: the sequence of classes that most sessions have, of equally frequent ones
        the first. Only sessions that take part with every bar are counted, and those of another
        shape stay where they are. Blocks are laid one after the other in another order; what is
        left over at the end is a shorter block, which takes part.

    Raises
    ------
    InputError
        If `first` is no bar after another one, `seed` is below 0, or a restriction does not fit.
    """
    import numpy as np

    first, seed = whole_number("first", first), whole_number("seed", seed)
    block = whole_number("block", block)
    if not 1 <= first <= bars:
        raise InputError(
            f"first = {first} must be a bar from 1 to {bars}: a move needs a close before it"
        )
    if seed < 0:
        raise InputError(f"seed = {seed} must be 0 or more")
    stop = bars if end is None else whole_number("end", end)
    if not first <= stop <= bars:
        raise InputError(f"end = {end} must be from first = {first} to the {bars} bars there are")
    if block < 0:
        raise InputError(f"block = {block} must be 0, for single moves, or more")
    if classes is not None:
        given = numbers_array("classes", classes)
        if given.shape != (bars,) or not np.isfinite(given).all():
            raise InputError(
                f"{given.size} classes given for {bars} bars; there is one a bar, and each is a"
                " number"
            )
    order = np.arange(bars)
    if not block:
        # Stream 0 is what grids are sampled by.
        dealt = np.argsort(splitmix(stop - first, 1 + seed), kind="stable")
        places = np.arange(stop - first)
        if classes is not None:
            # Both sorts are stable: within a class places ascend, and moves are as they were dealt.
            own = np.asarray(classes)[first:stop]
            places = np.argsort(own, kind="stable")
            dealt = dealt[np.argsort(own[dealt], kind="stable")]
        order[first + places] = first + dealt
        return order
    if classes is None:
        units = np.arange(first, stop)[:, None]
    else:
        units = _usual_sessions(np.asarray(classes), first, stop)
    blocks = [units[at : at + block] for at in range(0, len(units), block)]
    dealt = np.argsort(splitmix(len(blocks), 1 + seed), kind="stable")
    if blocks:
        order[units] = np.concatenate([blocks[number] for number in dealt])
    return order


def _usual_sessions(classes: IndexArray, first: int, end: int) -> IndexArray:
    """Return the bars of the sessions of the usual shape, int64[sessions, bars of one]."""
    import numpy as np

    begins = np.flatnonzero(np.diff(classes, prepend=classes[:1]) <= 0)
    ends = np.append(begins[1:], len(classes))
    sessions: dict[bytes, list[IndexArray]] = {}
    for begin, stop in zip(begins.tolist(), ends.tolist(), strict=True):
        if first <= begin and stop <= end:
            shape = classes[begin:stop].tobytes()
            sessions.setdefault(shape, []).append(np.arange(begin, stop))
    return np.array(max(sessions.values(), key=len, default=[]), np.int64)


def _rebuilt(bars: Prices, first: int, end: int | None, order: IndexArray) -> Prices:
    import numpy as np

    opened, high, low, close = (np.asarray(column, np.float64) for column in bars)
    stop = len(close) if end is None else end
    moved = order[first:stop]
    gap = opened[moved] / close[moved - 1]
    up, down, within = (column[moved] / opened[moved] for column in (high, low, close))
    ends = close[first - 1] * np.cumprod(np.concatenate([[1.0], gap * within]))
    begun = ends[:-1] * gap
    # Rounding keeps order: what was the highest of a bar's prices still is.
    new = (begun, begun * up, begun * down, begun * within)
    return Prices(
        *(
            np.concatenate([column[:first], moves, column[stop:]])
            for column, moves in zip((opened, high, low, close), new, strict=True)
        )
    )
