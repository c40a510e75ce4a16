"""How many independent trials many trials amount to, by what their returns have in common.

Optimal number of clusters (ONC): trials are rows of a matrix of distances ``√((1 - r)/2)``, r the
correlations of their returns. K-means is run for every number of clusters up to a largest one, and
the partition is kept whose silhouette coefficients have the largest mean by spread. Clusters below
the mean of this quality are then divided once more among themselves, where that makes them better.

The number is an estimate, shown beside the number of trials and never in its place. It counts
clusters: trials that have nothing in common form none, and the number that they get, 2 as often as
not, says nothing; the quality is then below 1.

References
----------
López de Prado and Lewis (2019), "Detection of False Investment Strategies Using Unsupervised
Learning Methods", *Quantitative Finance* 19(9), 1555-1565; Rousseeuw (1987), "Silhouettes",
*Journal of Computational and Applied Mathematics* 20, 53-65.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wfo.arguments import whole_number
from wfo.errors import InputError
from wfo.stats.arrays import ROUNDING, matrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Most trials that are looked at, and most clusters of a partition.
TRIALS, CLUSTERS = 500, 30

#: Starts of k-means for each number of clusters, of which the one with the least inertia counts.
_STARTS = 5


@dataclass(frozen=True, slots=True, eq=False)
class IndependentTrials:
    """Clusters of trials whose returns move together.

    Attributes
    ----------
    number
        How many clusters, the estimate of how many trials were independent of each other.
    trials
        How many trials were clustered.
    quality
        Mean by spread of the silhouette coefficients; NaN where there is no more than one trial to
        a cluster.
    seed
        Of the starts.
    labels
        int64[M], which cluster each column is in, from 0 on; -1 where it was not looked at or does
        not vary.
    """

    number: int
    trials: int
    quality: float
    seed: int
    labels: IndexArray = field(repr=False)


def independent_trials(
    returns: ArrayLike, *, most: int = TRIALS, clusters: int = CLUSTERS, seed: int = 0
) -> IndependentTrials:
    """Return into how many clusters the trials of a sample fall (ONC).

    Parameters
    ----------
    returns
        float64[T, M], a row a period, a column a trial.
    most
        Most columns that are looked at: of more, as many evenly spaced ones.
    clusters
        Most clusters of a partition; dividing weak ones again can give more in all.
    seed
        Of the starts of k-means.

    Raises
    ------
    InputError
        If there are fewer than 3 periods, a return is not finite, or options are none.

    References
    ----------
    López de Prado and Lewis (2019).
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    values = matrix(returns, least=3)
    most, clusters = whole_number("most", most), whole_number("clusters", clusters)
    if most < 1 or clusters < 2:
        raise InputError(f"most = {most} must be 1 or more, and clusters = {clusters} 2 or more")
    seed = whole_number("seed", seed)
    # Those of scikit-learn have 32 bits.
    if not 0 <= seed < 2**32:
        raise InputError(f"seed = {seed} must be from 0 to {2**32 - 1:,}")
    columns = np.unique(
        np.linspace(0, values.shape[1] - 1, min(most, values.shape[1])).round().astype(np.int64)
    )
    values = values[:, columns]
    around = values - values.mean(axis=0)
    spreads = np.sqrt((around * around).sum(axis=0))
    varied = spreads > ROUNDING * math.sqrt(len(values)) * np.abs(values).max(axis=0)
    columns = columns[varied]
    labels = np.full(np.shape(returns)[1], -1, np.int64)
    if not len(columns):
        return IndependentTrials(0, 0, math.nan, seed, labels)
    scaled = around[:, varied] / spreads[varied]
    correlation = np.clip(scaled.T @ scaled, -1.0, 1.0)
    distance = np.sqrt((1 - correlation) / 2)
    # What rounding leaves of 1 - 1 would have a root of 1e-8.
    distance[distance < 1e-7] = 0.0
    np.fill_diagonal(distance, 0.0)
    # With one thread sums have one order; and matrices of this size are slower with more, which on
    # a machine at work wait for each other.
    with threadpool_limits(1):
        found, coefficients = _divided(distance, clusters, seed)
    labels[columns] = found
    number = int(found.max()) + 1
    return IndependentTrials(number, len(columns), _quality(coefficients), seed, labels)


def _divided(distance: FloatArray, clusters: int, seed: int) -> tuple[IndexArray, FloatArray]:
    """Return labels and silhouette coefficients, weak clusters divided again."""
    import numpy as np

    labels, coefficients = _partition(distance, clusters, seed)
    qualities = _qualities(labels, coefficients)
    weak = np.flatnonzero(qualities < _mean(qualities))
    if len(weak) <= 1:
        return labels, coefficients
    again = np.isin(labels, weak)
    part, _ = _divided(distance[np.ix_(again, again)], clusters, seed)
    # Strong clusters keep their order, and come first.
    new = np.empty_like(labels)
    new[~again] = np.unique(labels[~again], return_inverse=True)[1]
    new[again] = len(qualities) - len(weak) + part
    renewed = _silhouettes(_observed(distance), new)
    # All clusters against the weak ones, as published.
    better = _mean(_qualities(new, renewed)) > qualities[weak].mean()
    return (new, renewed) if better else (labels, coefficients)


def _partition(distance: FloatArray, clusters: int, seed: int) -> tuple[IndexArray, FloatArray]:
    """Return the partition by k-means whose silhouette coefficients have the best quality."""
    import warnings

    import numpy as np
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    rows = len(distance)
    # Rows that differ by rounding are one to k-means, which warns of clusters that stay empty.
    distinct = len(np.unique(distance.round(6), axis=0))
    best: tuple[IndexArray, FloatArray] | None = None
    highest = math.nan
    if distinct < 3:
        labels = np.unique(distance, axis=0, return_inverse=True)[1].astype(np.int64).reshape(rows)
        return labels, np.ones(rows)
    observed = _observed(distance)
    for number in range(2, min(clusters, distinct, rows - 1) + 1):
        with warnings.catch_warnings():
            # Rows that differ by rounding alone make fewer clusters than are asked for.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = KMeans(number, n_init=_STARTS, random_state=seed).fit(distance)
        labels = fitted.labels_.astype(np.int64)
        coefficients = _silhouettes(observed, labels)
        quality = _quality(coefficients)
        if best is None or quality > highest or math.isnan(highest):
            best, highest = (labels, coefficients), quality
    assert best is not None  # noqa: S101  # two clusters are always tried
    return best


def _observed(distance: FloatArray) -> FloatArray:
    """Return the Euclidean distances between rows, of what k-means sees."""
    from sklearn.metrics import pairwise_distances

    found: FloatArray = pairwise_distances(distance)
    return found


def _silhouettes(observed: FloatArray, labels: IndexArray) -> FloatArray:
    """Return the silhouette coefficient of each trial; 0 where it is alone in its cluster."""
    import numpy as np

    number = int(labels.max()) + 1
    member = np.zeros((len(labels), number))
    at = np.arange(len(labels))
    member[at, labels] = 1.0
    sizes = member.sum(axis=0)
    sums = observed @ member
    with np.errstate(divide="ignore", invalid="ignore"):
        within = sums[at, labels] / (sizes[labels] - 1)
        means = sums / sizes
        means[at, labels] = np.inf
        nearest = means.min(axis=1)
        found: FloatArray = (nearest - within) / np.maximum(nearest, within)
    found[(sizes[labels] == 1) | ~np.isfinite(found)] = 0.0
    return found


def _quality(coefficients: FloatArray) -> float:
    """Return mean by spread of coefficients; infinite where all are the same and above 0."""
    mean, spread = float(coefficients.mean()), float(coefficients.std())
    if spread > 0:
        return mean / spread
    return math.inf if mean > 0 else math.nan


def _qualities(labels: IndexArray, coefficients: FloatArray) -> FloatArray:
    import numpy as np

    return np.array([_quality(coefficients[labels == k]) for k in range(int(labels.max()) + 1)])


def _mean(qualities: FloatArray) -> float:
    """Return the mean over clusters that have a quality: one trial, or equal ones, have none."""
    import numpy as np

    known = qualities[np.isfinite(qualities)]
    return float(known.mean()) if len(known) else math.nan
