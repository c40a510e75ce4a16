"""Exact rank correlations: those of SciPy, with ties, infinities and zeros of both signs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from wfo import _core
from wfo.errors import InputError


def columns(seed: int, count: int) -> tuple[Any, Any]:
    """Two columns that depend on each other, with all that profits may be."""
    rng = np.random.default_rng(seed)
    a = rng.normal(0, 1, count)
    b = rng.normal(0, 1, count) + rng.uniform(-2, 2) * a
    pair = [np.round(c, int(rng.integers(0, 6))).astype(np.float32) for c in (a, b)]
    for c in pair:
        c[rng.random(count) < 0.1] = 0.0
        c[rng.random(count) < 0.1] = -0.0
        c[rng.random(count) < 0.02] = np.inf
        c[rng.random(count) < 0.02] = -np.inf
    return pair[0], pair[1]


# The last one is longer than a worker takes at a time.
@pytest.mark.parametrize(("seed", "count"), list(enumerate([10, 333, 5_000] * 3 + [300_000])))
def test_correlations_are_scipys(seed: int, count: int) -> None:
    a, b = columns(seed, count)
    # Its ranks are those of the values, which infinities have; Pearson's sums are of ranks alone.
    wanted = spearmanr(a, b).statistic
    for threads in (1, 3):
        assert _core.rank_correlation(a, b, threads) == pytest.approx(wanted, abs=1e-12)
    found = {_core.rank_correlation(a, b, threads) for threads in (1, 2, 3, 7)}
    assert len(found) == 1
    assert _core.rank_correlation(b, a, 2) == pytest.approx(wanted, abs=1e-12)


def test_what_has_no_order_has_no_correlation() -> None:
    rising = np.arange(5, dtype=np.float32)
    same = np.array([0.0, -0.0, 0.0, -0.0, 0.0], np.float32)
    with_none = np.array([1, 2, np.nan, 4, 5], np.float32)
    for a, b in ((rising, same), (same, rising), (rising, with_none), (with_none, rising)):
        assert np.isnan(_core.rank_correlation(a, b, 1))
    empty = np.empty(0, np.float32)
    assert np.isnan(_core.rank_correlation(empty, empty, 1))
    assert _core.rank_correlation(rising, rising[::-1], 1) == -1.0
    with pytest.raises(InputError, match="as many as values of a"):
        _core.rank_correlation(rising, rising[:-1], 1)
