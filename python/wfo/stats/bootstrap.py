"""Intervals of Sharpe ratio, profit factor and drawdown by the stationary block bootstrap.

Blocks of random length are drawn from a series and put one after the other (Politis & Romano 1994),
so that dependence over some periods stays; their mean length follows from the series itself
(Politis & White 2004, corrected by Patton, Politis & White 2009). The intervals are percentiles of
what the resamples come to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from wfo.arguments import numbers_array, real_number, whole_number
from wfo.errors import InputError
from wfo.metrics import ROUNDING
from wfo.stats.arrays import MOST_RETURN, require_resamples

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Share of the resamples that an interval holds.
LEVEL = 0.9

#: Values of a series below which nothing is said of it.
LEAST = 10

#: Numbers that are worked on at a time.
_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure, and an interval of what it comes to in resamples.

    Attributes
    ----------
    value
        The figure of the series itself; None where it is not defined.
    low, high
        Ends of the interval; None where too many resamples have no finite figure to place it.
    undefined
        Share of the resamples without a finite figure: no spread, no loss.
    """

    value: float | None
    low: float | None
    high: float | None
    undefined: float


@dataclass(frozen=True, slots=True)
class ReturnIntervals:
    """Intervals of what a series of returns comes to.

    Attributes
    ----------
    sharpe
        Annual Sharpe ratio.
    drawdown_share
        Largest relative drawdown, a fraction. Its interval tells of resamples as long as the
        series, and need not hold the figure itself.
    level
        Share of the resamples that an interval holds.
    block
        Mean length of a block, in periods.
    resamples, seed
        How many resamples, and by which seed.
    """

    sharpe: Interval
    drawdown_share: Interval
    level: float
    block: float
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True)
class TradeIntervals:
    """The interval of what a series of trades comes to.

    Attributes
    ----------
    profit_factor
        Sum of the gains by sum of the losses, of returns on the equity before each trade.
    level, resamples, seed
        As in `ReturnIntervals`.
    block
        Mean length of a block, in trades.
    """

    profit_factor: Interval
    level: float
    block: float
    resamples: int
    seed: int


def automatic_block(series: ArrayLike) -> float:
    """Return the mean length of blocks for the stationary bootstrap of a series, 1 or more.

    Parameters
    ----------
    series
        float64[n], 10 values or more.

    Raises
    ------
    InputError
        If the series is too short, or not finite.

    References
    ----------
    Politis & White (2004), "Automatic Block-Length Selection for the Dependent Bootstrap",
    *Econometric Reviews* 23(1), 53-70; Patton, Politis & White (2009), the same 28(4), 372-375.
    """
    import numpy as np
    from arch.bootstrap import optimal_block_length

    given = _checked(series)
    # Autocorrelations of a constant, or of a half of the series that is one, are 0 by 0.
    with np.errstate(all="ignore"):
        length = float(optimal_block_length(given)["stationary"].iloc[0])
    return max(length, 1.0) if math.isfinite(length) else 1.0


def resampled(count: int, block: float, resamples: int, seed: int) -> IndexArray:
    """Return which values of a series each resample has, int64[resamples, count].

    They are the draws of arch's ``StationaryBootstrap``, so that what is made of them equals what
    that library makes of the same seed.

    Parameters
    ----------
    count
        Values of the series.
    block
        Mean length of a block, 1 or more.
    resamples, seed
        How many resamples, 1 or more, and by which seed, 0 or more.

    Raises
    ------
    InputError
        If one of them is less.

    References
    ----------
    Politis & Romano (1994), "The Stationary Bootstrap", *Journal of the American Statistical
    Association* 89(428), 1303-1313.
    """
    import numpy as np
    from arch.bootstrap import StationaryBootstrap

    count, resamples = whole_number("count", count), whole_number("resamples", resamples)
    block, seed = real_number("block", block), whole_number("seed", seed)
    if count < 1 or not block >= 1 or resamples < 1 or seed < 0:
        raise InputError(
            f"count = {count}, block = {block} and resamples = {resamples} must be 1 or more, and"
            f" seed = {seed} 0 or more"
        )
    require_resamples(resamples, count)
    draws = StationaryBootstrap(block, np.empty(count), seed=seed)  # type: ignore[arg-type]
    found = np.empty((resamples, count), np.int64)
    for k in range(resamples):
        found[k] = draws.update_indices()
    return found


def return_intervals(
    returns: ArrayLike,
    *,
    periods_per_year: float,
    resamples: int = 1_000,
    seed: int = 0,
    level: float = LEVEL,
) -> ReturnIntervals:
    """Return intervals of the annual Sharpe ratio and of the largest relative drawdown.

    Parameters
    ----------
    returns
        float64[T], simple returns by period, fractions above -1; 10 or more.
    periods_per_year
        What makes a Sharpe ratio annual.
    resamples, seed
        How many resamples, and by which seed.
    level
        Share of the resamples that an interval holds, between 0 and 1.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    import numpy as np

    given = _checked(returns)
    if not given.min() > -1:
        raise InputError(f"returns must be above -1, not {given.min()}: nothing is left to earn on")
    periods_per_year = real_number("periods_per_year", periods_per_year)
    if not (math.isfinite(periods_per_year) and periods_per_year > 0):
        raise InputError(f"periods_per_year = {periods_per_year} must be a number above 0")
    level = _checked_level(level)
    block = automatic_block(given)
    rows = resampled(len(given), block, resamples, seed)
    sharpes, falls = np.empty(resamples), np.empty(resamples)
    step = max(1, _AT_ONCE // len(given))
    for start in range(0, resamples, step):
        drawn = given[rows[start : start + step]]
        sharpes[start : start + step] = _sharpes(drawn)
        falls[start : start + step] = _drawdowns(drawn)
    year = math.sqrt(periods_per_year)
    return ReturnIntervals(
        _interval(float(_sharpes(given[None, :])[0]) * year, sharpes * year, level),
        _interval(float(_drawdowns(given[None, :])[0]), falls, level),
        level,
        block,
        resamples,
        seed,
    )


def trade_intervals(
    returns: ArrayLike, *, resamples: int = 1_000, seed: int = 0, level: float = LEVEL
) -> TradeIntervals:
    """Return the interval of the profit factor of trades.

    It is made of the trades' returns, each on the equity before it, and not of their profits in
    currency: where profits compound, the last ones would outweigh all others. Nor of returns by
    period: a profit factor is a figure of trades.

    Parameters
    ----------
    returns
        float64[k], fractions, 10 trades or more, in the order in which they were closed.
    resamples, seed, level
        As in `return_intervals`.

    Raises
    ------
    InputError
        If an argument is out of range.
    """
    given = _checked(returns)
    level = _checked_level(level)
    block = automatic_block(given)
    found = _profit_factors(given[resampled(len(given), block, resamples, seed)])
    own = float(_profit_factors(given[None, :])[0])
    return TradeIntervals(_interval(own, found, level), level, block, resamples, seed)


def _checked(series: ArrayLike) -> FloatArray:
    import numpy as np

    given: FloatArray = numbers_array("returns", series)
    if given.ndim != 1 or len(given) < LEAST:
        raise InputError(f"a bootstrap needs {LEAST} values or more, not of shape {given.shape}")
    if not np.isfinite(given).all():
        raise InputError("what is resampled must be finite numbers")
    if max(given.max(), -given.min()) > MOST_RETURN:
        raise InputError(f"returns must lie between -{MOST_RETURN:g} and {MOST_RETURN:g}")
    return given


def _checked_level(level: float) -> float:
    found = real_number("level", level)
    if not 0 < found < 1:
        raise InputError(f"level = {level} must lie between 0 and 1")
    return found


def _sharpes(rows: FloatArray) -> FloatArray:
    """Return the Sharpe ratio of each row, not annual; NaN where there is no spread."""
    import numpy as np

    mean, spread = rows.mean(axis=1), rows.std(axis=1, ddof=1)
    found = np.full(len(rows), np.nan)
    np.divide(mean, spread, out=found, where=spread > ROUNDING)
    return found


def _drawdowns(rows: FloatArray) -> FloatArray:
    """Return the largest relative drawdown of each row of returns above -1."""
    import numpy as np

    equity = np.cumprod(1.0 + rows, axis=1)
    # The peak begins with the equity before the first return.
    peak = np.maximum(np.maximum.accumulate(equity, axis=1), 1.0)
    found: FloatArray = (1.0 - equity / peak).max(axis=1)
    return found


def _profit_factors(rows: FloatArray) -> FloatArray:
    """Return gains by losses of each row; infinite without losses, NaN without either."""
    import numpy as np

    gains, losses = np.maximum(rows, 0.0).sum(axis=1), -np.minimum(rows, 0.0).sum(axis=1)
    found = np.where(gains > 0, np.inf, np.nan)
    np.divide(gains, losses, out=found, where=losses > 0)
    return found


def _interval(value: float, found: FloatArray, level: float) -> Interval:
    """Return the percentile interval of the figures of resamples.

    Infinite ones are larger than all others; those without a figure are left out.
    """
    import numpy as np

    tail = (1.0 - level) / 2.0
    told = found[~np.isnan(found)]
    ends: list[float | None] = [None, None]
    if told.size:
        # Between a number and infinity there is nothing to interpolate: the next one counts.
        method: Literal["linear", "higher"] = "linear" if np.isfinite(told).all() else "higher"
        placed = np.quantile(told, (tail, 1.0 - tail), method=method)
        ends = [float(end) if math.isfinite(end) else None for end in placed]
    return Interval(
        value if math.isfinite(value) else None,
        ends[0],
        ends[1],
        float((~np.isfinite(found)).mean()),
    )
