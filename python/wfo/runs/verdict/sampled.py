"""Statistics of sampled sets: how sure their best is, by returns of one simulation over all phases.

Every sample is uniform over the whole grid, never over what a run has chosen from it: that would
hide the very bias that these statistics measure. What they say is of the best of the sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from wfo import bars as bars_module
from wfo.backtest.marks import held_returns, period_ends, period_returns
from wfo.data.frames import time_column
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.runs.market import Market
from wfo.runs.verdict.record import (
    BENCHMARKS,
    IndependentTrials,
    OverfittingFigures,
    PathFigures,
    Sample,
    SampleStatistics,
    SharpeTrials,
    Slice,
    Superiority,
)
from wfo.sampling import sample_indices
from wfo.stats.clusters import independent_trials
from wfo.stats.overfitting import BLOCKS, block_sums, cpcv_paths, overfitting_probability
from wfo.stats.sharpe import (
    deflated_sharpe,
    expected_maximum_sharpe,
    probabilistic_sharpe,
    sharpe_moments,
    sharpe_ratios,
)
from wfo.stats.superiority import superior_predictive_ability

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Sampled sets of a strategy and of a run, and bootstrap resamples.
SAMPLES, RESAMPLES = 2_000, 1_000

#: Streams of the samples of a strategy and of a whole run; 0 is that of regions.
STRATEGY_STREAM, RUN_STREAM = 3, 4

#: Seed of bootstrap resamples and of clusters.
SEED = 0

#: Sampled sets that are clustered: their number squared and more decides how long it takes.
CLUSTERED = 200

#: Blocks that a split of CPCV holds out, and the familywise error rate of StepM.
_HELD, _LEVEL = 2, 0.05

#: Sets that are simulated together: progress is shown, and an interrupt takes effect, between two.
_AT_ONCE = 250

#: Excess that is no more than what rounding leaves of returns, whose last digits are near 1e-16.
ROUNDED = 1e-12

_ALIKE = "the sampled sets return the same"

#: Steps of the statistics of a sample, for progress.
STEPS = 7

_Figures = TypeVar("_Figures")

#: Called with the number of sets that were just simulated.
Tick = Callable[[int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Periods:
    """The slice that all sampled sets are simulated over.

    Attributes
    ----------
    market
        Bars, settings and phases of the run.
    warmup, end
        First trading bar of the first phase, one past the last bar of the last one.
    ends
        Last bar of every period, int64[T].
    held
        Returns of buy-and-hold, float64[T].
    per_year
        Periods of a year.
    """

    market: Market
    warmup: int
    end: int
    ends: IndexArray
    held: FloatArray
    per_year: float

    @classmethod
    def of(cls, market: Market) -> Periods:
        """Return the slice of a run: from its first phase's start to its last one's end."""
        bars = market.inputs.bars
        warmup = min(w for w, _, _ in market.bounds)
        end = max(e for _, _, e in market.bounds)
        stamps = bars[time_column(bars)]
        ends = period_ends(stamps, warmup, end)
        held = held_returns(bars, market.settings, warmup=warmup, end=end, at=ends)
        year = market.periods_per_year(warmup, end, len(ends))
        return cls(market, warmup, end, ends, held, year)

    def slice(self) -> Slice:
        """Return what of it a verdict states."""
        dates = bars_module.dates(self.market.inputs.bars)
        return Slice(
            self.warmup,
            self.end,
            dates[self.warmup].isoformat(),
            dates[self.end - 1].isoformat(),
            len(self.ends),
            self.per_year,
        )

    def returns(self, grid: Grid, indices: IndexArray, tick: Tick) -> FloatArray:
        """Return the returns of combinations whose equity stays positive, float64[T, used]."""
        import numpy as np

        strategy, market = grid.strategy, self.market
        feeds = market.data(strategy)
        used = strategy.settings_of(market.settings)
        found = [np.empty((len(self.ends), 0))]
        for start in range(0, len(indices), _AT_ONCE):
            part = indices[start : start + _AT_ONCE]
            each = period_returns(
                strategy,
                feeds,
                grid,
                part,
                used,
                warmup=self.warmup,
                end=self.end,
                at=self.ends,
                threads=market.threads,
            )
            found.append(each.returns)
            tick(len(part))
        return np.concatenate(found, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class SampledReturns:
    """Returns of a sample.

    Attributes
    ----------
    sample
        Which one.
    returns
        float64[T, used].
    """

    sample: Sample
    returns: FloatArray


def strategy_sample(
    periods: Periods, grid: Grid, samples: int = SAMPLES, tick: Tick = lambda _: None
) -> SampledReturns:
    """Return the returns of a uniform sample of a grid; of a small grid all.

    Parameters
    ----------
    periods
        What is simulated.
    grid
        What was searched.
    samples
        How many sets at most.
    tick
        Called with the number of sets that were just simulated.
    """
    return run_sample(periods, [grid], samples, tick, stream=STRATEGY_STREAM)


def run_sample(
    periods: Periods,
    grids: Sequence[Grid],
    samples: int = SAMPLES,
    tick: Tick = lambda _: None,
    *,
    stream: int = RUN_STREAM,
) -> SampledReturns:
    """Return the returns of a uniform sample of all combinations of several grids.

    Each grid has a share of it in proportion to its combinations.

    Parameters
    ----------
    periods, samples, tick
        As in `strategy_sample`.
    grids
        What was searched.
    stream
        Of the pseudo-random numbers.
    """
    import numpy as np

    parts = sample_of(grids, samples, stream)
    found = [
        periods.returns(grid, indices, tick) for grid, indices in zip(grids, parts, strict=True)
    ]
    returns = np.concatenate(found, axis=1)
    drawn = sum(len(indices) for indices in parts)
    total = sum(len(grid) for grid in grids)
    return SampledReturns(Sample(total, drawn, returns.shape[1], stream), returns)


def sample_of(grids: Sequence[Grid], samples: int, stream: int) -> list[IndexArray]:
    """Return the sampled flat indices of each grid, each once, ascending.

    Parameters
    ----------
    grids, samples, stream
        As in `run_sample`.
    """
    import numpy as np

    total = sum(len(grid) for grid in grids)
    drawn = (
        np.arange(total) if total <= samples else np.unique(sample_indices(total, samples, stream))
    )
    found = []
    first = 0
    for grid in grids:
        last = first + len(grid)
        found.append(drawn[(drawn >= first) & (drawn < last)] - first)
        first = last
    return found


def sample_statistics(
    sampled: SampledReturns,
    held: FloatArray,
    *,
    trials: int,
    periods_per_year: float,
    resamples: int = RESAMPLES,
    tick: Tick = lambda _: None,
) -> SampleStatistics:
    """Return what follows from the returns of a sample.

    Parameters
    ----------
    sampled
        The sample.
    held
        Returns of buy-and-hold over the same periods, float64[T].
    trials
        Combinations that were searched on the symbol.
    periods_per_year
        What annual Sharpe ratios count in.
    resamples
        Of the bootstrap.
    tick
        Called with 1 after each of `STEPS` steps.
    """
    returns = sampled.returns
    if not returns.shape[1]:
        return _without_returns(sampled.sample, trials, resamples)
    excess = excess_returns(returns, held)

    def done(figures: _Figures) -> _Figures:
        tick(1)
        return figures

    return SampleStatistics(
        sample=sampled.sample,
        returns=done(sharpe_trials(returns, trials)),
        excess=done(sharpe_trials(excess, trials)),
        overfitting=done(_overfitting(returns)),
        paths=done(_paths(returns, periods_per_year)),
        cash=done(_superiority("cash", returns, resamples)),
        held=done(_superiority("buy-and-hold", excess, resamples)),
        independent=done(_independent(returns)),
    )


def excess_returns(returns: FloatArray, held: FloatArray) -> FloatArray:
    """Return returns less those of buy-and-hold, float64[T, M]; 0 where they differ by rounding.

    A set that holds for years differs by rounding in every period, and the Sharpe ratio of rounding
    is a number like any other.

    Parameters
    ----------
    returns, held
        float64[T, M] and float64[T], of the same periods.
    """
    import numpy as np

    excess = returns - held[:, None]
    excess[np.abs(excess) <= ROUNDED] = 0.0
    return excess


def _without_returns(sample: Sample, trials: int, resamples: int) -> SampleStatistics:
    """Return statistics of a sample none of which has returns."""
    reason = f"of {sample.drawn:,} sampled sets none has an equity that is always positive"
    sharpes = SharpeTrials(trials, 0, *(None,) * 6, reason=reason)
    cash, held = (
        Superiority(name, None, None, None, None, _LEVEL, resamples, SEED, None, reason)
        for name in BENCHMARKS
    )
    return SampleStatistics(
        sample=sample,
        returns=sharpes,
        excess=sharpes,
        overfitting=OverfittingFigures(None, BLOCKS, math.comb(BLOCKS, BLOCKS // 2), reason),
        paths=PathFigures((), BLOCKS, _HELD, reason),
        cash=cash,
        held=held,
        independent=IndependentTrials(None, 0, reason),
    )


def sharpe_trials(returns: FloatArray, trials: int) -> SharpeTrials:
    """Return Sharpe ratios of sampled sets, and the one to expect of the best of all trials.

    Parameters
    ----------
    returns
        float64[T, M].
    trials
        How many there were.
    """
    import numpy as np

    try:
        ratios = sharpe_ratios(returns)
    except InputError as error:
        return SharpeTrials(trials, 0, *(None,) * 6, reason=str(error))
    known = ratios[np.isfinite(ratios)]
    if len(known) < 2:
        few = f"of {len(ratios)} sampled sets {len(known)} have returns that vary"
        return SharpeTrials(trials, len(known), *(None,) * 6, reason=few)
    variance = float(np.var(known, ddof=1))
    best = sharpe_moments(returns[:, int(np.nanargmax(ratios))])
    return SharpeTrials(
        trials=trials,
        sampled=len(known),
        median=float(np.median(known)),
        best=best.sharpe,
        variance=variance,
        expected_maximum=expected_maximum_sharpe(variance, max(trials, 1)),
        best_psr=_known(probabilistic_sharpe(best)),
        best_dsr=_known(deflated_sharpe(best, variance, max(trials, 1))),
    )


def _overfitting(returns: FloatArray) -> OverfittingFigures:
    splits = math.comb(BLOCKS, BLOCKS // 2)
    try:
        found = overfitting_probability(block_sums(returns, BLOCKS))
    except InputError as error:
        return OverfittingFigures(None, BLOCKS, splits, str(error))
    pbo = _known(found.pbo)
    return OverfittingFigures(pbo, found.blocks, found.splits, _ALIKE if pbo is None else "")


def _paths(returns: FloatArray, periods_per_year: float) -> PathFigures:
    try:
        found = cpcv_paths(returns, BLOCKS, _HELD, periods_per_year=periods_per_year)
    except InputError as error:
        return PathFigures((), BLOCKS, _HELD, str(error))
    known = tuple(float(each) for each in found.sharpes if math.isfinite(each))
    reason = "" if known else "the returns of no path vary"
    return PathFigures(known, found.blocks, found.held, reason)


def _superiority(name: str, above: FloatArray, resamples: int) -> Superiority:
    """Test the returns above those of a benchmark."""
    try:
        found = superior_predictive_ability(above, resamples=resamples, level=_LEVEL, seed=SEED)
    except InputError as error:
        reason = str(error)
        return Superiority(name, None, None, None, None, _LEVEL, resamples, SEED, None, reason)
    lower, consistent, upper = map(_known, (found.p_lower, found.p_consistent, found.p_upper))
    return Superiority(
        benchmark=name,
        p_lower=lower,
        p_consistent=consistent,
        p_upper=upper,
        better=len(found.superior),
        level=found.level,
        resamples=found.resamples,
        seed=found.seed,
        block=float(found.block),
        reason=f"no sampled set ever differs from {name}" if consistent is None else "",
    )


def _independent(returns: FloatArray) -> IndependentTrials:
    try:
        found = independent_trials(returns, most=CLUSTERED, seed=SEED)
    except InputError as error:
        return IndependentTrials(None, 0, str(error))
    if not found.number:
        return IndependentTrials(None, found.trials, "the returns of no sampled set vary")
    return IndependentTrials(found.number, found.trials)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
