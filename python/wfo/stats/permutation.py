"""Permuted bars: the moves of a market in another order (Aronson 2006; Masters 2018).

A bar's move is its gap, open by the close before, with the moves within the bar, high, low and
close by open. They are dealt out anew together, so that the distribution of moves, the drift and
the last close stay, and what a rule could have known of the next bar goes. Clustered volatility
goes too: a test against permuted bars is exact where moves are independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.backtest.feeds import Feeds
from wfo.bars import Prices
from wfo.data.frames import PRICES
from wfo.errors import InputError
from wfo.sampling import splitmix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]


def permuted_bars(bars: Prices, first: int, seed: int) -> Prices:
    """Return bars whose moves, from one bar on, stand in another order.

    Parameters
    ----------
    bars
        Prices of n bars.
    first
        The first bar whose move is dealt out, 1 at least: the bars before it, the warm-up, stay.
    seed
        Which order, from 0 on; the same for every symbol of as many bars.

    Returns
    -------
    Prices
        n bars; the last close is that of `bars`, up to rounding.

    Raises
    ------
    InputError
        If `first` is no bar after another one, or `seed` is below 0.
    """
    return _rebuilt(bars, first, _order(len(bars.close), first, seed))


def permuted_feeds(feeds: Feeds, first: int, seed: int) -> Feeds:
    """Return feeds whose bars stand in another order from one on, the same order in all of them.

    The moves of prices are dealt out as in `permuted_bars`; of other columns the values are. Stamps
    stay where they are.

    Parameters
    ----------
    feeds
        Of n bars each.
    first, seed
        As in `permuted_bars`.
    """
    order = _order(feeds.bars, first, seed)
    columns: dict[str, dict[str, FloatArray]] = {}
    for name, feed in feeds.items():
        # Values of a bar belong to it, and go where its move goes.
        columns[name] = {key: values[order] for key, values in feed.items()}
        if set(PRICES) <= set(feed):
            own = Prices(*(feed[key] for key in PRICES))
            columns[name] |= _rebuilt(own, first, order)._asdict()
    return Feeds(columns, feeds.stamps)


def _order(bars: int, first: int, seed: int) -> IndexArray:
    """Return which bar's move every bar has, int64[bars]."""
    import numpy as np

    if not 1 <= first <= bars:
        raise InputError(
            f"first = {first} must be a bar from 1 to {bars}: a move needs a close before it"
        )
    if seed < 0:
        raise InputError(f"seed = {seed} must be 0 or more")
    order = np.arange(bars)
    # Stream 0 is what grids are sampled by.
    order[first:] = first + np.argsort(splitmix(bars - first, 1 + seed), kind="stable")
    return order


def _rebuilt(bars: Prices, first: int, order: IndexArray) -> Prices:
    import numpy as np

    opened, high, low, close = (np.asarray(column, np.float64) for column in bars)
    moved = order[first:]
    gap = opened[moved] / close[moved - 1]
    up, down, within = (column[moved] / opened[moved] for column in (high, low, close))
    ends = close[first - 1] * np.cumprod(np.concatenate([[1.0], gap * within]))
    begun = ends[:-1] * gap
    # Rounding keeps order: what was the highest of a bar's prices still is.
    new = (begun, begun * up, begun * down, begun * within)
    return Prices(
        *(
            np.concatenate([column[:first], moves])
            for column, moves in zip((opened, high, low, close), new, strict=True)
        )
    )
