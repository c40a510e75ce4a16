"""Whether the best of many trials beats a benchmark by more than luck explains.

Hansen's test of superior predictive ability, and Romano and Wolf's stepwise search for the trials
that do. Both resample the periods, all trials together, in blocks of random length (the stationary
bootstrap of Politis and Romano, 1994). The draws are those of `arch.bootstrap.StationaryBootstrap`;
means over resamples come from one matrix product of counts and returns.

*What they say.* They are of the sample alone, the best of which is worse than the best of all that
was searched. Against cash, drift alone rejects; against buy-and-hold it does not. Their level holds
in large samples: with few hundred periods they reject somewhat more often. The lower p-value
rejects more often in any sample, since it takes every trial that did worse for one that is worse.

References
----------
Hansen (2005), "A Test for Superior Predictive Ability", *Journal of Business & Economic Statistics*
23(4), 365-380; Romano and Wolf (2005), "Stepwise Multiple Testing as Formalized Data Snooping",
*Econometrica* 73(4), 1237-1282; Politis and White (2004), "Automatic Block-Length Selection for the
Dependent Bootstrap", *Econometric Reviews* 23(1), 53-70, with its correction by Patton, Politis and
White (2009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wfo.arguments import flag, real_number, whole_number
from wfo.errors import InputError
from wfo.stats.arrays import ROUNDING, matrix, require_resamples, series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Resamples of the periods.
RESAMPLES = 1_000

#: Trials whose block lengths are looked at, at most.
_LENGTHS = 100

#: Periods from which on log log T, and so the threshold of the consistent p-value, is positive.
_LEAST = 16


@dataclass(frozen=True, slots=True)
class Superiority:
    """Whether the best trial beats a benchmark, and which trials do.

    Attributes
    ----------
    p_lower, p_consistent, p_upper
        Hansen's p-values: trials that are worse than the benchmark count for nothing, count where
        they are not clearly worse, or count as if they were as good as it. The second is the one to
        read, the others bound it. NaN where no trial ever differs from the benchmark.
    superior
        Trials that the stepwise test finds better than the benchmark, ascending.
    level
        Share of data sets without any better trial on which it names one all the same, at most.
    best
        The trial with the largest statistic; None where none has one.
    trials, periods, resamples
        How many.
    block
        Mean length of a block, in periods.
    seed
        Of the draws.
    studentized
        Whether a trial's mean difference counts in units of its standard error.
    """

    p_lower: float
    p_consistent: float
    p_upper: float
    superior: tuple[int, ...] = field(repr=False)
    level: float
    best: int | None
    trials: int
    periods: int
    resamples: int
    block: int
    seed: int
    studentized: bool


def superior_predictive_ability(
    returns: ArrayLike,
    benchmark: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    block: int | None = None,
    level: float = 0.05,
    studentized: bool = True,
    seed: int = 0,
) -> Superiority:
    """Return the p-values that the best of many trials does not beat a benchmark (SPA), and StepM.

    Parameters
    ----------
    returns
        float64[T, M], a row a period, a column a trial, from a uniform sample of all that was
        searched.
    benchmark
        float64[T], of the same periods; None for cash, which returns 0.
    resamples
        How many, B; a p-value is a multiple of 1/B.
    block
        Mean length of a block, in periods; by default `block_length` of the differences.
    level
        Of the stepwise test.
    studentized
        Whether the statistic is a mean by its standard error, as Hansen defines it; else the mean
        itself, as `arch` has it, so that trials with much variance decide.
    seed
        Of the draws.

    Raises
    ------
    InputError
        If there are fewer than 16 periods, series of different lengths, a return that is not
        finite, or options that are none.

    References
    ----------
    Hansen (2005); Romano and Wolf (2005).
    """
    import numpy as np

    values = matrix(returns, least=_LEAST)
    periods, trials = values.shape
    largest = np.maximum(values.max(axis=0), -values.min(axis=0))
    if benchmark is not None:
        against = series(benchmark, "benchmark")
        if len(against) != periods:
            raise InputError(
                f"benchmark has {len(against)} periods and returns have {periods}: both must be of"
                " the same periods"
            )
        values = values - against[:, None]
        # Differences of equal returns that were computed on two ways are rounding alone.
        largest = np.maximum(largest, np.abs(against).max())
    resamples, seed = whole_number("resamples", resamples), whole_number("seed", seed)
    level, studentized = real_number("level", level), flag("studentized", studentized)
    if resamples < 1:
        raise InputError(f"resamples = {resamples} must be 1 or more")
    if not 0 < level < 1:
        raise InputError(f"level = {level} must lie between 0 and 1, such as 0.05")
    if block is None:
        block = block_length(values)
    block = whole_number("block", block)
    if seed < 0:
        raise InputError(f"seed = {seed} must be 0 or more")
    require_resamples(resamples, periods)
    if not 1 <= block <= periods:
        raise InputError(f"block = {block} must be from 1 to {periods}, the periods")
    errors = _standard_errors(values, block)
    means = values.mean(axis=0)
    varied = errors * math.sqrt(periods) > ROUNDING * largest
    used = np.flatnonzero(varied) if studentized else np.arange(trials)
    if not len(used):
        return Superiority(
            *(math.nan,) * 3, (), level, None, trials, periods, resamples, block, seed, studentized
        )
    drawn = _counts(periods, block, resamples, seed) @ values[:, used] / periods
    scale = errors[used] if studentized else np.ones(len(used))
    means, errors = means[used], errors[used]
    valid = means >= -errors * math.sqrt(2 * math.log(math.log(periods)))
    centres = (np.maximum(means, 0.0), np.where(valid, means, 0.0), means)
    statistics = means / scale
    simulated = [(drawn - centre) / scale for centre in centres]
    highest = float(statistics.max())
    lower, consistent, upper = (float((each.max(axis=1) > highest).mean()) for each in simulated)
    better = _stepwise(statistics, simulated[1], level)
    return Superiority(
        lower,
        consistent,
        upper,
        tuple(int(k) for k in used[better]),
        level,
        int(used[int(np.argmax(statistics))]),
        trials,
        periods,
        resamples,
        block,
        seed,
        studentized,
    )


def step_m(
    returns: ArrayLike,
    benchmark: ArrayLike | None = None,
    *,
    resamples: int = RESAMPLES,
    block: int | None = None,
    level: float = 0.05,
    studentized: bool = True,
    seed: int = 0,
) -> IndexArray:
    """Return the trials that beat a benchmark, all at one level (StepM).

    Trials above the critical value of the largest statistic of all are taken out, and the rest is
    tested again, until none is found. The same as `Superiority.superior`.

    Parameters
    ----------
    returns, benchmark, resamples, block, level, studentized, seed
        As for `superior_predictive_ability`.

    Returns
    -------
    int64[k], ascending

    Raises
    ------
    InputError
        As `superior_predictive_ability` does.

    References
    ----------
    Romano and Wolf (2005).
    """
    import numpy as np

    found = superior_predictive_ability(
        returns,
        benchmark,
        resamples=resamples,
        block=block,
        level=level,
        studentized=studentized,
        seed=seed,
    )
    return np.array(found.superior, np.int64)


def block_length(returns: ArrayLike) -> int:
    """Return the mean length of blocks for a stationary bootstrap of many trials together.

    The median over trials of the automatic length of Politis and White for the stationary
    bootstrap, as `arch.bootstrap.optimal_block_length` has it, in whole periods and 1 at least. Of
    more than 100 trials, 100 evenly spaced ones are looked at; those that do not vary are not.

    Parameters
    ----------
    returns
        float64[T, M].

    Returns
    -------
    int
        1 where no trial varies.

    Raises
    ------
    InputError
        If there are fewer than 16 periods, or a return is not finite.

    References
    ----------
    Politis and White (2004); Patton, Politis and White (2009).
    """
    import numpy as np
    from arch.bootstrap import optimal_block_length

    values = matrix(returns, least=_LEAST)
    varied = values[:, np.ptp(values, axis=0) > ROUNDING * np.abs(values).max(axis=0)]
    if not varied.shape[1]:
        return 1
    some = np.unique(np.linspace(0, varied.shape[1] - 1, _LENGTHS).round().astype(np.int64))
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = optimal_block_length(varied[:, some])["stationary"].to_numpy()
    known = lengths[np.isfinite(lengths)]
    return max(1, round(float(np.median(known)))) if len(known) else 1


def _counts(periods: int, block: int, resamples: int, seed: int) -> FloatArray:
    """Return how often each resample has each period, float64[B, T]."""
    import numpy as np
    from arch.bootstrap import StationaryBootstrap

    found = np.empty((resamples, periods))
    draws = StationaryBootstrap(block, np.arange(periods), seed=seed)
    for row, (drawn, _) in zip(found, draws.bootstrap(resamples), strict=True):
        row[:] = np.bincount(drawn[0], minlength=periods)
    return found


def _standard_errors(values: FloatArray, block: int) -> FloatArray:
    """Return the standard error of each mean under the stationary bootstrap, float64[M].

    The variance is Hansen's: ``c(0) + 2·Σ k(i)·c(i)``, c the autocovariances, with ``k(i) = (1 -
    i/T)(1 - p)^i + (i/T)(1 - p)^(T - i)`` and p = 1/block, by T. The second term of k makes
    autocovariances circular, as the draws are, and these are the transform of a periodogram.
    """
    import numpy as np
    from scipy import fft

    periods = len(values)
    lags = np.arange(periods)
    weights = 2 * (1 - lags / periods) * (1 - 1 / block) ** lags
    weights[0] = 1.0
    weighting = fft.fft(weights).real[: periods // 2 + 1]
    # Frequencies but the first and, of an even number of periods, the last stand for two.
    weighting[1 : (periods + 1) // 2] *= 2
    found = np.empty(values.shape[1])
    for start in range(0, values.shape[1], 256):
        part = values[:, start : start + 256]
        power = np.abs(fft.rfft(part - part.mean(axis=0), axis=0)) ** 2
        found[start : start + 256] = weighting @ power
    return np.sqrt(np.maximum(found, 0.0) / periods) / periods


def _stepwise(statistics: FloatArray, simulated: FloatArray, level: float) -> IndexArray:
    """Return which statistics exceed critical values of the largest of those not yet found."""
    import numpy as np

    left = np.ones(len(statistics), np.bool_)
    while left.any():
        critical = np.percentile(simulated[:, left].max(axis=1), 100.0 * (1 - level))
        found = left & (statistics > critical)
        if not found.any():
            break
        left &= ~found
    return np.flatnonzero(~left)
