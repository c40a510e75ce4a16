"""How sure a Sharpe ratio is, alone and as the best of many.

Ratios are those of a period, not annual: mean by spread of the returns, where the spread is that of
a sample (divided by T - 1). Skewness and kurtosis are the third and fourth standardised moments of
the sample (divided by T); a normal distribution has 0 and 3.

References
----------
Bailey and López de Prado (2012), "The Sharpe Ratio Efficient Frontier", *Journal of Risk* 15(2),
3-44; Bailey and López de Prado (2014), "The Deflated Sharpe Ratio", *Journal of Portfolio
Management* 40(5), 94-107; López de Prado, Lipton and Zoonekynd (2025), "How to Use the Sharpe
Ratio", SSRN 5520741.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from wfo.arguments import real_number, whole_number
from wfo.errors import InputError
from wfo.stats.arrays import ROUNDING, matrix, series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]

_EULER_MASCHERONI = 0.5772156649015329

#: Trials whose inverse, and that of e times as many, is a number.
_MOST_TRIALS = 1e300

#: Periods from which on a spread and a lag-one autocorrelation exist.
_LEAST = 3


@dataclass(frozen=True, slots=True)
class SharpeMoments:
    """What a probabilistic Sharpe ratio is computed from.

    Attributes
    ----------
    sharpe
        Mean by spread of the returns of a period; NaN where they do not vary.
    periods
        How many returns, T.
    skewness, kurtosis
        Standardised third and fourth moments; 0 and 3 of a normal distribution.
    autocorrelation
        Of first order.
    """

    sharpe: float
    periods: int
    skewness: float = 0.0
    kurtosis: float = 3.0
    autocorrelation: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "periods", whole_number("periods", self.periods))
        for name in ("sharpe", "skewness", "kurtosis", "autocorrelation"):
            object.__setattr__(self, name, real_number(name, getattr(self, name)))
        if self.periods < 2:
            raise InputError(f"periods = {self.periods} are too few: a spread needs 2")
        # Two values alike in number have 1, within rounding.
        if self.kurtosis < 1 - 1e-9:
            raise InputError(f"kurtosis = {self.kurtosis:g} is below 1, which no sample has")
        if abs(self.autocorrelation) >= 1:
            raise InputError(
                f"autocorrelation = {self.autocorrelation:g} must lie between -1 and 1"
            )


def sharpe_moments(returns: ArrayLike) -> SharpeMoments:
    """Return Sharpe ratio, skewness, kurtosis and first-order autocorrelation of returns.

    Parameters
    ----------
    returns
        float64[T], one a period, as shares (0.01 is 1 %).

    Raises
    ------
    InputError
        If there are fewer than 3, or one is not finite.
    """
    import numpy as np

    values = series(returns, least=_LEAST)
    periods = len(values)
    mean = float(values.mean())
    around = values - mean
    squares = around * around
    variance = float(squares.sum()) / periods
    if not _varies(variance, float(np.abs(values).max())):
        return SharpeMoments(math.nan, periods, math.nan, math.nan, math.nan)
    spread = math.sqrt(variance * periods / (periods - 1))
    return SharpeMoments(
        mean / spread,
        periods,
        float((squares * around).sum()) / periods / variance**1.5,
        float((squares * squares).sum()) / periods / variance**2,
        float((around[1:] * around[:-1]).sum()) / periods / variance,
    )


def sharpe_ratios(returns: ArrayLike) -> FloatArray:
    """Return the Sharpe ratio of a period of each trial; NaN where its returns do not vary.

    Parameters
    ----------
    returns
        float64[T, M], a column a trial.

    Returns
    -------
    float64[M]

    Raises
    ------
    InputError
        If there are fewer than 3 periods, or a return is not finite.
    """
    import numpy as np

    values = matrix(returns, least=_LEAST)
    means = values.mean(axis=0)
    spreads = values.std(axis=0, ddof=1)
    varied = spreads > ROUNDING * np.maximum(values.max(axis=0), -values.min(axis=0))
    found = np.full(values.shape[1], np.nan)
    np.divide(means, spreads, out=found, where=varied)
    return found


def probabilistic_sharpe(
    returns: ArrayLike | SharpeMoments, benchmark_sharpe: float = 0.0
) -> float:
    """Return the probability that the true Sharpe ratio is above a benchmark's (PSR).

    ``Φ((SR - SR*)·√(T - 1) / √(1 - skewness·SR + (kurtosis - 1)/4·SR²))``: the estimate is nearly
    normal in large samples, whatever the distribution of returns, as long as they are independent.

    Parameters
    ----------
    returns
        float64[T], one a period; or their moments.
    benchmark_sharpe
        SR*, of a period: an annual one divided by the root of the periods of a year.

    Returns
    -------
    float
        0 to 1; NaN where returns do not vary.

    Raises
    ------
    InputError
        If there are fewer than 3 returns, or one is not finite.

    References
    ----------
    Bailey and López de Prado (2012).
    """
    moments = _moments(returns)
    return _probability(moments, benchmark_sharpe, 0.0)


def probabilistic_sharpe_autocorrelated(
    returns: ArrayLike | SharpeMoments, benchmark_sharpe: float = 0.0
) -> float:
    """Return the same probability for returns that depend on the one before.

    The variance of the estimate is ``[a - b·skewness·SR + c·(kurtosis - 1)/4·SR²] / (T - 1)`` with
    ``a = (1 + r)/(1 - r)``, ``b = 1 + r/(1 - r) + r²/(1 - r²)``, ``c = (1 + r²)/(1 - r²)``, where r
    is the autocorrelation of first order of the sample.

    Parameters
    ----------
    returns, benchmark_sharpe
        As for `probabilistic_sharpe`.

    Returns
    -------
    float
        0 to 1; NaN where returns do not vary.

    Raises
    ------
    InputError
        If there are fewer than 3 returns, or one is not finite.

    References
    ----------
    López de Prado, Lipton and Zoonekynd (2025).
    """
    moments = _moments(returns)
    return _probability(moments, benchmark_sharpe, moments.autocorrelation)


def minimum_track_record(
    returns: ArrayLike | SharpeMoments, benchmark_sharpe: float = 0.0, confidence: float = 0.95
) -> float:
    """Return after how many periods a Sharpe ratio would be above a benchmark's with confidence.

    Parameters
    ----------
    returns, benchmark_sharpe
        As for `probabilistic_sharpe`.
    confidence
        The probability that is asked for, above .5.

    Returns
    -------
    float
        Periods; infinite where the ratio is not above the benchmark's, NaN where returns do not
        vary.

    Raises
    ------
    InputError
        If there are fewer than 3 returns, one is not finite, or the confidence is none.

    References
    ----------
    Bailey and López de Prado (2012).
    """
    confidence = real_number("confidence", confidence)
    if not 0.5 < confidence < 1:
        raise InputError(f"confidence = {confidence} must lie between 0.5 and 1, such as 0.95")
    moments = _moments(returns)
    above = moments.sharpe - real_number("benchmark_sharpe", benchmark_sharpe)
    if above <= 0:
        return math.inf
    return 1 + _variance(moments, 0.0) * (NormalDist().inv_cdf(confidence) / above) ** 2


def expected_maximum_sharpe(variance: float, trials: float) -> float:
    """Return the Sharpe ratio expected of the best of independent trials without skill.

    ``√V·((1 - g)·Φ⁻¹(1 - 1/N) + g·Φ⁻¹(1 - 1/(N·e)))`` with g = 0.5772, Euler's constant.

    Parameters
    ----------
    variance
        V, of the Sharpe ratios over the trials, in the units that the result has: of a period.
    trials
        How many, N; the expected maximum of one is its mean, 0.

    Returns
    -------
    float
        NaN where the variance is.

    Raises
    ------
    InputError
        If the variance is negative or infinite, or there is no trial.

    References
    ----------
    Bailey and López de Prado (2014).
    """
    variance, trials = real_number("variance", variance), real_number("trials", trials)
    if variance < 0 or math.isinf(variance):
        raise InputError(f"variance = {variance} of Sharpe ratios must be 0 or more, and finite")
    if not 1 <= trials <= _MOST_TRIALS:
        raise InputError(f"trials = {trials} must be 1 or more: count every combination searched")
    if trials == 1:
        return 0.0 * variance
    # By symmetry, since 1 - 1/N has no digits left where N is large.
    low, high = (-NormalDist().inv_cdf(1 / each) for each in (trials, trials * math.e))
    expected = (1 - _EULER_MASCHERONI) * low + _EULER_MASCHERONI * high
    return math.sqrt(variance) * max(expected, 0.0)


def deflated_sharpe(returns: ArrayLike | SharpeMoments, variance: float, trials: float) -> float:
    """Return the probability that the true Sharpe ratio is above what luck gives the best (DSR).

    The probabilistic Sharpe ratio against the expected maximum of as many trials. The number is
    that of all trials; where they are alike it asks for more than is needed, so that on returns
    without skill it exceeds .95 in far fewer than 5 % of searches.

    Parameters
    ----------
    returns
        float64[T], of what was chosen; or their moments.
    variance
        Of the Sharpe ratios over the trials, of a period, such as
        ``np.nanvar(sharpe_ratios(sample), ddof=1)``.
    trials
        How many there were, N.

    Returns
    -------
    float
        0 to 1; NaN where returns do not vary or the variance is NaN.

    Raises
    ------
    InputError
        If there are fewer than 3 returns, one is not finite, the variance is negative, or there is
        no trial.

    References
    ----------
    Bailey and López de Prado (2014).
    """
    return probabilistic_sharpe(returns, expected_maximum_sharpe(variance, trials))


def _moments(returns: ArrayLike | SharpeMoments) -> SharpeMoments:
    return returns if isinstance(returns, SharpeMoments) else sharpe_moments(returns)


def _varies(variance: float, largest: float) -> bool:
    """Return whether a spread is more than what rounding leaves of equal returns."""
    return math.sqrt(variance) > ROUNDING * largest


def _variance(moments: SharpeMoments, rho: float) -> float:
    """Return T - 1 times the variance of the estimated ratio."""
    first = rho / (1 - rho)
    second = rho**2 / (1 - rho**2)
    ratio = moments.sharpe
    return (
        (1 + 2 * first)
        - (1 + first + second) * moments.skewness * ratio
        + (1 + 2 * second) * (moments.kurtosis - 1) / 4 * ratio**2
    )


def _probability(moments: SharpeMoments, benchmark: float, rho: float) -> float:
    benchmark = real_number("benchmark_sharpe", benchmark)
    spread = _variance(moments, rho)
    # The variance of two-valued returns can vanish, and with autocorrelation it can turn negative.
    if not spread > 0:
        return math.nan
    z = (moments.sharpe - benchmark) * math.sqrt((moments.periods - 1) / spread)
    return math.erfc(-z / math.sqrt(2)) / 2
