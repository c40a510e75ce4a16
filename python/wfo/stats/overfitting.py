"""How often the best in sample is no better than the median out of sample.

Combinatorially symmetric cross-validation and combinatorial paths, both from sums of returns and of
squared returns by block of time, never from the returns again: the Sharpe ratio of any union of
blocks follows from three sums.

*Sharpe ratios of blocks.* A ratio is mean by spread of the returns of a period, not annual. Where
the returns of a union of blocks do not vary, it is 0: a trial that did not trade has earned what
cash has, without risk.

References
----------
Bailey, Borwein, López de Prado and Zhu (2017), "The Probability of Backtest Overfitting", *Journal
of Computational Finance* 20(4), 39-69; López de Prado (2018), *Advances in Financial Machine
Learning*, chapter 12.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from wfo.arguments import finite_number, whole_number
from wfo.errors import InputError
from wfo.stats.arrays import ROUNDING, matrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Blocks into which time is cut.
BLOCKS = 16

#: Most blocks of a cross-validation: 20 have 184,756 splits.
_MOST_BLOCKS = 20

#: Cells of a table of Sharpe ratios at a time: they stay in the second cache.
_CELLS = 1 << 15


class BlockSums(NamedTuple):
    """Returns summed by block of time.

    Attributes
    ----------
    sums, squares
        float64[S, M], of returns and of squared returns.
    periods
        int64[S], periods of each block.
    """

    sums: FloatArray
    squares: FloatArray
    periods: IndexArray


@dataclass(frozen=True, slots=True, eq=False)
class Overfitting:
    """What the best in sample came to out of sample, over all splits of time into halves.

    Attributes
    ----------
    pbo
        Probability of backtest overfitting: share of splits in which the best in sample is at or
        below the median out of sample; NaN where all trials are alike.
    slope
        Of the out-of-sample Sharpe ratio of the best in sample on its in-sample one, over splits:
        the performance degradation; NaN where the in-sample one does not vary.
    loss
        Share of splits in which the best in sample has a negative Sharpe ratio out of sample.
    splits, trials, blocks, periods
        How many splits, trials M, blocks S and periods T.
    logits
        float64[splits], ``ln(ω / (1 - ω))`` of its relative rank out of sample, in the order of
        `itertools.combinations` of the blocks that are in sample.
    chosen
        int64[splits], which trial was the best in sample.
    in_sample, out_of_sample
        float64[splits], its Sharpe ratios of a period.
    """

    pbo: float
    slope: float
    loss: float
    splits: int
    trials: int
    blocks: int
    periods: int
    logits: FloatArray = field(repr=False)
    chosen: IndexArray = field(repr=False)
    in_sample: FloatArray = field(repr=False)
    out_of_sample: FloatArray = field(repr=False)

    def logit_quantiles(self, *at: float) -> tuple[float, ...]:
        """Return quantiles of the logits.

        Parameters
        ----------
        *at
            Which, each 0 to 1; by default .05, .25, .5, .75 and .95.
        """
        import numpy as np

        return tuple(
            float(each) for each in np.quantile(self.logits, at or (0.05, 0.25, 0.5, 0.75, 0.95))
        )


@dataclass(frozen=True, slots=True, eq=False)
class CombinatorialPaths:
    """Sharpe ratios of paths that are out of sample from end to end.

    Attributes
    ----------
    sharpes
        float64[paths], annual, ascending; NaN where a path's returns do not vary.
    blocks, held, splits, trials
        Blocks N, blocks held out at a time k, splits C(N, k), trials M.
    periods_per_year
        What made them annual.
    """

    sharpes: FloatArray
    blocks: int
    held: int
    splits: int
    trials: int
    periods_per_year: float

    @property
    def paths(self) -> int:
        """How many paths, C(N, k)·k/N."""
        return len(self.sharpes)


def block_sums(returns: ArrayLike, blocks: int = BLOCKS) -> BlockSums:
    """Return sums of returns and of their squares by block of time.

    Parameters
    ----------
    returns
        float64[T, M], a row a period, a column a trial.
    blocks
        How many, S. Where T is no multiple of it, the first blocks have a period more.

    Raises
    ------
    InputError
        If there are fewer than two periods to a block, or a return is not finite.
    """
    import numpy as np

    blocks = whole_number("blocks", blocks)
    if blocks < 2:
        raise InputError(f"blocks = {blocks} must be 2 or more")
    values = matrix(returns)
    periods = len(values)
    if periods < 2 * blocks:
        raise InputError(
            f"{periods} periods are too few for {blocks} blocks of two or more: fewer blocks, or a"
            " longer history"
        )
    share, more = divmod(periods, blocks)
    sizes = np.full(blocks, share, np.int64)
    sizes[:more] += 1
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return BlockSums(
        np.add.reduceat(values, starts, axis=0),
        np.add.reduceat(values * values, starts, axis=0),
        sizes,
    )


def overfitting_probability(returns: ArrayLike | BlockSums, blocks: int = BLOCKS) -> Overfitting:
    """Return the probability of backtest overfitting of a sample of trials (PBO, by CSCV).

    Every half of the blocks is in sample once, and the other half out of sample. n* is the trial
    with the best Sharpe ratio in sample, the first where some tie; ω its rank out of sample, 1 the
    worst, by M + 1, trials that tie having the mean of their ranks; PBO the share of splits with
    ``ln(ω / (1 - ω)) <= 0``.

    Near .5 where trials are exchangeable noise, and only there: where markets drift, trials that
    are always in differ from those that seldom are, and PBO on noise goes to either side.

    Parameters
    ----------
    returns
        float64[T, M], a column a trial, from a uniform sample of all that was searched, never of
        what was chosen from it; or their sums by block.
    blocks
        How many, S, even and 20 at most; of sums their own number holds.

    Raises
    ------
    InputError
        If there are fewer than two trials or than two periods to a block, the blocks are not even
        in number or too many, or a return is not finite.

    References
    ----------
    Bailey, Borwein, López de Prado and Zhu (2017).
    """
    import numpy as np

    sums = returns if isinstance(returns, BlockSums) else None
    count = len(sums.periods) if sums is not None else whole_number("blocks", blocks)
    if count % 2 or not 2 <= count <= _MOST_BLOCKS:
        raise InputError(f"blocks = {count} must be an even number from 2 to {_MOST_BLOCKS}")
    if sums is None:
        sums = block_sums(matrix(returns), blocks)
    trials = sums.sums.shape[1]
    if trials < 2:
        raise InputError("one trial leaves nothing to choose from: a sample needs 2 or more")
    halves = np.array(list(itertools.combinations(range(count), count // 2)), np.int64)
    chosen, ranks, inside, outside = _cross_validated(sums, halves)
    alike = bool(
        (sums.sums == sums.sums[:, :1]).all() and (sums.squares == sums.squares[:, :1]).all()
    )
    relative = ranks / (trials + 1)
    logits = np.log(relative / (1 - relative))
    for each in (logits, chosen, inside, outside):
        each.flags.writeable = False
    return Overfitting(
        pbo=math.nan if alike else float((logits <= 0).mean()),
        slope=_slope(inside, outside),
        loss=float((outside < 0).mean()),
        splits=len(halves),
        trials=trials,
        blocks=count,
        periods=int(sums.periods.sum()),
        logits=logits,
        chosen=chosen,
        in_sample=inside,
        out_of_sample=outside,
    )


def cpcv_paths(
    returns: ArrayLike | BlockSums,
    blocks: int = BLOCKS,
    held: int = 2,
    *,
    periods_per_year: float = 252.0,
) -> CombinatorialPaths:
    """Return the Sharpe ratios of combinatorial paths of the best in sample (CPCV).

    Of N blocks k are held out at a time, and in each of the C(N, k) splits the trial with the best
    Sharpe ratio over the other blocks is chosen, the first where some tie. Each block is held out
    in as many splits as there are paths, C(N, k)·k/N; path j takes for each block the choice of the
    j-th of them. Nothing is purged: a trial is not fitted, and its returns look back only.

    Parameters
    ----------
    returns
        As for `overfitting_probability`.
    blocks
        How many, N; of sums their own number holds.
    held
        How many are held out at a time, k.
    periods_per_year
        What a ratio of a period is made annual by: 252 of an exchange's sessions.

    Raises
    ------
    InputError
        If there are fewer than two periods to a block, not fewer blocks held than there are, or a
        return is not finite.

    References
    ----------
    López de Prado (2018), chapter 12.
    """
    import numpy as np

    sums = returns if isinstance(returns, BlockSums) else block_sums(matrix(returns), blocks)
    count, trials = sums.sums.shape
    held = whole_number("held", held)
    periods_per_year = finite_number("periods_per_year", periods_per_year)
    if not 1 <= held < count:
        raise InputError(f"held = {held} must be from 1 to {count - 1}, fewer than the blocks")
    if not periods_per_year > 0:
        raise InputError(f"periods_per_year = {periods_per_year} must be above 0, such as 252")
    if math.comb(count, held) > math.comb(_MOST_BLOCKS, _MOST_BLOCKS // 2):
        raise InputError(
            f"blocks = {count} with held = {held} make {math.comb(count, held):,} splits: fewer"
            " blocks, or fewer held"
        )
    away = np.array(list(itertools.combinations(range(count), held)), np.int64)
    member = np.ones((len(away), count))
    member[np.arange(len(away))[:, None], away] = 0.0
    inside = _sharpe(member @ sums.sums, member @ sums.squares, (member @ sums.periods)[:, None])
    best = np.argmax(inside, axis=1)
    # [paths, blocks]: which split gives a path its choice for a block.
    given = np.array([np.flatnonzero((away == block).any(axis=1)) for block in range(count)]).T
    taken = best[given]
    at = np.arange(count)
    total = sums.sums[at, taken].sum(axis=1)
    square = sums.squares[at, taken].sum(axis=1)
    sharpes = _sharpe(total, square, float(sums.periods.sum()), undefined=math.nan)
    sharpes = np.sort(sharpes * math.sqrt(periods_per_year))
    sharpes.flags.writeable = False
    return CombinatorialPaths(sharpes, count, held, len(away), trials, float(periods_per_year))


def _sharpe(
    sums: FloatArray, squares: FloatArray, periods: FloatArray | float, undefined: float = 0.0
) -> FloatArray:
    """Return Sharpe ratios of a period from sums of returns and of their squares."""
    import numpy as np

    means = sums / periods
    around = squares - sums * means
    found = np.full(sums.shape, undefined)
    np.divide(
        means,
        np.sqrt(np.abs(around) / (periods - 1)),
        out=found,
        where=around > ROUNDING * squares,
    )
    return found


def _cross_validated(
    sums: BlockSums, halves: IndexArray
) -> tuple[IndexArray, FloatArray, FloatArray, FloatArray]:
    """Return which trial is the best in each half, its rank in the other, and its two ratios.

    Sums over halves come from two tables, one of all subsets of the first S/2 blocks, one of all
    of the last. An addition a cell costs less than a matrix product does, and trials with the same
    returns have the same ratios to the last bit, which ranks with ties need.
    """
    import numpy as np

    splits, half = halves.shape
    trials = sums.sums.shape[1]
    first, last = (
        ((halves < half) << halves).sum(axis=1),
        ((halves >= half) << (halves - half).clip(0)).sum(axis=1),
    )
    tables = [
        _subset_sums(part)
        for each in (sums.sums, sums.squares, sums.periods[:, None].astype(np.float64))
        for part in (each[:half], each[half:])
    ]
    chosen = np.empty(splits, np.int64)
    ranks, inside, outside = (np.empty(splits) for _ in range(3))

    def ratios(k: IndexArray) -> FloatArray:
        a, b = first[k], last[k]
        s, q, n = (tables[j][a] + tables[j + 1][b] for j in (0, 2, 4))
        return _sharpe(s, q, n)

    # A half's complement is the half at the same distance from the other end.
    rows = max(1, _CELLS // trials)
    for start in range(0, splits // 2, rows):
        k = np.arange(start, min(start + rows, splits // 2))
        mine, other = ratios(k), ratios(splits - 1 - k)
        for at, own, its in ((k, mine, other), (splits - 1 - k, other, mine)):
            best = np.argmax(own, axis=1)
            value = np.take_along_axis(its, best[:, None], axis=1)
            chosen[at] = best
            inside[at] = np.take_along_axis(own, best[:, None], axis=1)[:, 0]
            outside[at] = value[:, 0]
            less, not_more = (its < value).sum(axis=1), (its <= value).sum(axis=1)
            ranks[at] = (less + not_more + 1) / 2
    return chosen, ranks, inside, outside


def _subset_sums(parts: FloatArray) -> FloatArray:
    """Return the sums over all subsets of k rows, float64[2**k, M]; bit j stands for row j."""
    import numpy as np

    found = np.zeros((1 << len(parts), parts.shape[1]))
    for j, part in enumerate(parts):
        np.add(found[: 1 << j], part, out=found[1 << j : 2 << j])
    return found


def _slope(x: FloatArray, y: FloatArray) -> float:
    around = x - x.mean()
    total = float(around @ around)
    return float(around @ (y - y.mean())) / total if total > 0 else math.nan
