"""Bars with noise: prices shifted by a share of their bar's range, still valid bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.backtest.feeds import Feeds
from wfo.bars import Prices
from wfo.data.frames import PRICES
from wfo.errors import InputError
from wfo.sampling import uniform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]


def jittered(feeds: Feeds, share: float, stream: int) -> Feeds:
    """Return feeds whose prices are shifted by a share of their bar's range, still valid bars.

    Every price is multiplied by ``(high / low) ** (share * u)``, u uniform from -1 to 1 and drawn
    for each of the four; high and low are then the highest and the lowest of them. Columns that are
    no prices stay.

    Parameters
    ----------
    feeds
        Of n bars each.
    share
        Of the range, 0 to 1.
    stream
        Stream of pseudo-random numbers of the feed before the first one; each feed has the next.

    Raises
    ------
    InputError
        If the share is out of range.
    """
    import numpy as np

    if not 0 <= share <= 1:
        raise InputError(f"share = {share} of a bar's range must lie between 0 and 1")
    columns: dict[str, dict[str, FloatArray]] = {}
    for number, (name, feed) in enumerate(feeds.items(), 1):
        columns[name] = dict(feed)
        if not set(PRICES) <= set(feed):
            continue
        given = np.stack([feed[column] for column in PRICES])
        own = Prices(*given)
        shift = share * (2.0 * uniform(given.size, stream + number) - 1.0)
        shifted = given * (own.high / own.low) ** shift.reshape(given.shape)
        moved = Prices(*shifted)
        bounds = moved._replace(high=shifted.max(axis=0), low=shifted.min(axis=0))
        columns[name] |= bounds._asdict()
    return Feeds(columns, feeds.stamps)
