"""Independent trials: planted clusters are found again; coefficients are scikit-learn's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import silhouette_samples

from wfo.errors import InputError
from wfo.stats import independent_trials
from wfo.stats.clusters import _silhouettes


def planted(seed: int, sizes: list[int], periods: int = 400, own: float = 0.4) -> tuple[Any, Any]:
    """Returns of trials in clusters, each with a factor of its own, shuffled; and their labels."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    factors = rng.normal(0.0, 0.01, (periods, len(sizes)))
    return factors[:, truth] + own * rng.normal(0.0, 0.01, (periods, sum(sizes))), truth


def same_partition(labels: Any, truth: Any) -> bool:
    pairs = set(zip(labels.tolist(), truth.tolist(), strict=True))
    return len(pairs) == len(set(labels.tolist())) == len(set(truth.tolist()))


@pytest.mark.parametrize(
    "sizes", [[10, 10], [5, 12, 20], [30, 8, 8, 8, 8], [6] * 9], ids=lambda s: f"{len(s)} clusters"
)
def test_planted_clusters_are_found(sizes: list[int]) -> None:
    returns, truth = planted(1, sizes)
    found = independent_trials(returns, clusters=12)
    assert found.number == len(sizes)
    assert found.trials == sum(sizes)
    assert same_partition(found.labels, truth)
    assert found.quality > 5


def test_more_clusters_than_a_partition_has_are_found_by_dividing_again() -> None:
    """Clusters are tight or loose, and a partition has one less than there are."""
    returns, truth = planted(2, [8] * 8, own=0.0)
    own = np.linspace(0.1, 0.9, 8)[truth]
    returns += 0.01 * own * np.random.default_rng(2).normal(size=returns.shape)
    found = independent_trials(returns, clusters=7)
    assert found.number == 8
    assert same_partition(found.labels, truth)


def test_coefficients_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(40, 3))
    distances = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    for count in (2, 5, 12):
        labels = rng.integers(count, size=40)
        labels = np.unique(labels, return_inverse=True)[1]
        labels[0] = labels.max() + 1
        own = _silhouettes(distances, labels)
        assert own == pytest.approx(silhouette_samples(points, labels), abs=1e-12)


def test_the_same_seed_gives_the_same_labels() -> None:
    returns, _ = planted(4, [10, 10, 10], own=3.0)
    one, same = (independent_trials(returns, clusters=6, seed=7) for _ in range(2))
    assert (one.labels == same.labels).all()
    assert one.quality == same.quality


def test_of_many_trials_evenly_spaced_ones_are_looked_at() -> None:
    returns, _ = planted(5, [20, 20])
    found = independent_trials(returns, most=5)
    assert found.trials == 5
    assert np.flatnonzero(found.labels >= 0).tolist() == [0, 10, 20, 29, 39]


def test_trials_that_do_not_vary_are_left_out() -> None:
    returns, truth = planted(6, [10, 10])
    still = np.zeros((400, 3))
    still[:, 1] = 0.001
    found = independent_trials(np.hstack([still, returns]), clusters=5)
    assert found.trials == 20
    assert found.labels[:3].tolist() == [-1, -1, -1]
    assert same_partition(found.labels[3:], truth)
    none = independent_trials(still)
    assert (none.number, none.trials) == (0, 0)
    assert math.isnan(none.quality)


def test_equal_trials_are_one() -> None:
    returns, _ = planted(7, [1, 1, 1, 1], own=0.0)
    for copies in (1, 6):
        repeated = np.repeat(returns, copies, axis=1)
        for different in (1, 2):
            some = repeated[:, : different * copies]
            found = independent_trials(some)
            assert found.number == different
            assert same_partition(found.labels, np.repeat(np.arange(different), copies))
    assert independent_trials(np.repeat(returns, 6, axis=1)).number == 4


def test_returns_and_their_opposites_are_apart() -> None:
    one = np.random.default_rng(8).normal(0.0, 0.01, (300, 1))
    returns = np.hstack([one + np.random.default_rng(9).normal(0, 0.001, (300, 6)), -one, -2 * one])
    found = independent_trials(returns)
    assert same_partition(found.labels, np.array([0] * 6 + [1] * 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: independent_trials(np.zeros((2, 4))), "2 periods are too few: 3"),
        (lambda: independent_trials(np.zeros(9)), "a column a trial"),
        (lambda: independent_trials(np.zeros((9, 4)), most=0), "most = 0"),
        (lambda: independent_trials(np.zeros((9, 4)), clusters=1), "clusters = 1"),
        (lambda: independent_trials([[math.nan, 1]] * 4), "period 0 of trial 0 is nan"),
    ],
)
def test_what_cannot_be_used_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()
