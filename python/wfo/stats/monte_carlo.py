"""Monte Carlo drawdown: what else the same trades could have come to in another order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.arguments import numbers_array, whole_number
from wfo.errors import InputError
from wfo.sampling import splitmix
from wfo.stats.arrays import MOST_DRAWN, MOST_RETURN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

#: Which quantiles are told.
LEVELS = (0.5, 0.9, 0.95, 0.99)

#: Numbers that are worked on at a time.
_AT_ONCE = 1_000_000


@dataclass(frozen=True, slots=True)
class ReshuffledDrawdowns:
    """Largest relative drawdowns of the same trades in other orders, fractions.

    Attributes
    ----------
    real
        That of the real order, at the closes of trades as well: what falls within a trade is in
        none of these figures, and the drawdown of the marks is at least as large.
    place
        Share of the orders whose drawdown is at most the real one's: .95 says that the real order
        was an unlucky one, .05 that it was a lucky one.
    levels, quantiles
        The quantile of the drawdowns at each level.
    trades, draws, seed
        How many trades, how many orders, and by which stream.
    """

    real: float
    place: float
    levels: tuple[float, ...]
    quantiles: tuple[float, ...]
    trades: int
    draws: int
    seed: int


def reshuffled_drawdowns(
    returns: ArrayLike, *, draws: int = 1_000, seed: int = 0
) -> ReshuffledDrawdowns:
    """Return quantiles of the largest relative drawdown under reshuffling of trade returns.

    Every trade keeps its return on the equity before it; the order is dealt out anew, all orders
    alike. The last equity is the same in every order but where a trade loses everything, which ends
    trading. Dependence between trades goes: losses that come in runs are not kept together.

    Parameters
    ----------
    returns
        float64[k], fractions, two trades or more, in the order in which they were closed.
    draws
        How many orders.
    seed
        Which stream of pseudo-random numbers, 0 or more.

    Raises
    ------
    InputError
        If there are less than two trades, a return is not finite, or there are no draws.
    """
    import numpy as np

    given = numbers_array("returns", returns)
    draws, seed = whole_number("draws", draws), whole_number("seed", seed)
    if given.ndim != 1 or len(given) < 2:
        raise InputError(f"trades are reshuffled from two on, not of shape {given.shape}")
    if not np.isfinite(given).all():
        raise InputError("returns of trades must be finite numbers")
    if max(given.max(), -given.min()) > MOST_RETURN:
        raise InputError(f"returns must lie between -{MOST_RETURN:g} and {MOST_RETURN:g}")
    if draws < 1 or seed < 0:
        raise InputError(f"draws = {draws} must be 1 or more, and seed = {seed} 0 or more")
    count = len(given)
    if draws * count > MOST_DRAWN:
        raise InputError(
            f"{draws:,} draws of {count:,} trades are more than the {MOST_DRAWN:,} values that can"
            " be held: fewer draws"
        )
    keys = splitmix(draws * count, seed).reshape(draws, count)
    block = max(1, _AT_ONCE // count)
    falls = np.concatenate(
        [
            _drawdowns(given[np.argsort(keys[start : start + block], axis=1, kind="stable")])
            for start in range(0, draws, block)
        ]
    )
    real = float(_drawdowns(given[None, :])[0])
    # Products of the same factors in another order differ by rounding.
    place = float((falls <= real + 1e-12).mean())
    quantiles = tuple(float(q) for q in np.quantile(falls, LEVELS))
    return ReshuffledDrawdowns(real, place, LEVELS, quantiles, count, draws, seed)


def _drawdowns(returns: FloatArray) -> FloatArray:
    """Return the largest relative drawdown of each row of trade returns, float64[rows]."""
    import numpy as np

    factors = np.concatenate([np.ones((len(returns), 1)), 1.0 + returns], axis=1)
    equity = np.cumprod(factors, axis=1)
    falls = 1.0 - equity / np.maximum.accumulate(equity, axis=1)
    # Without equity nothing is traded any more.
    ended = np.maximum.accumulate(factors[:, :-1] <= 0, axis=1)
    falls[:, 1:][ended] = 0.0
    deepest: FloatArray = falls.max(axis=1)
    return deepest
