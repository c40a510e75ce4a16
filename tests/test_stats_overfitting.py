"""Overfitting by halves and by paths: brute force over all splits, another library, known truth."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import numpy as np
import pytest

from wfo.errors import InputError
from wfo.stats import block_sums, cpcv_paths, overfitting_probability


def noise(seed: int, periods: int, trials: int) -> Any:
    return np.random.default_rng(seed).normal(0.0, 0.01, (periods, trials))


# In plain Python


def plain_blocks(periods: int, blocks: int) -> list[list[int]]:
    """Periods of each block; the first ones have one more where they do not divide."""
    share, more = divmod(periods, blocks)
    found, start = [], 0
    for k in range(blocks):
        stop = start + share + (k < more)
        found.append(list(range(start, stop)))
        start = stop
    return found


def plain_sharpe(values: list[float]) -> float:
    if len(set(values)) == 1:
        return 0.0
    return statistics.fmean(values) / statistics.stdev(values)


def plain_overfitting(returns: Any, blocks: int) -> list[tuple[int, float, float, float]]:
    """Of each split which trial was chosen, its logit, and its ratios in and out of sample."""
    periods, trials = returns.shape
    parts = plain_blocks(periods, blocks)
    found = []
    for inside in itertools.combinations(range(blocks), blocks // 2):
        halves: list[list[float]] = []
        for wanted in (True, False):
            rows = [t for k, part in enumerate(parts) if (k in inside) is wanted for t in part]
            halves.append(
                [plain_sharpe([float(returns[t, j]) for t in rows]) for j in range(trials)]
            )
        best = max(range(trials), key=lambda j: (halves[0][j], -j))
        outside = halves[1]
        below = sum(other < outside[best] - 1e-12 for other in outside)
        alike = sum(abs(other - outside[best]) <= 1e-12 for other in outside)
        omega = (below + (alike + 1) / 2) / (trials + 1)
        found.append((best, math.log(omega / (1 - omega)), halves[0][best], outside[best]))
    return found


@pytest.mark.parametrize(("blocks", "periods"), [(6, 37), (6, 36), (4, 11), (2, 9)])
def test_all_splits_are_those_of_plain_python(blocks: int, periods: int) -> None:
    """With equal trials, one that never trades, and one that does not in the first half."""
    returns = noise(1, periods, 9)
    returns[:, 3] = returns[:, 1]
    returns[:, 5] = 0.0
    returns[: periods // 2, 6] = 0.0
    returns[:, 7] = returns[:, 1]
    found = overfitting_probability(returns, blocks)
    splits = plain_overfitting(returns, blocks)
    best, logits, inside, outside = (list(each) for each in zip(*splits, strict=True))
    assert found.chosen.tolist() == best
    assert found.logits == pytest.approx(logits, abs=1e-12)
    assert found.in_sample == pytest.approx(inside, rel=1e-9, abs=1e-12)
    assert found.out_of_sample == pytest.approx(outside, rel=1e-9, abs=1e-12)
    assert found.pbo == sum(each <= 0 for each in logits) / len(splits)
    assert found.loss == sum(each < 0 for each in outside) / len(splits)
    line = statistics.linear_regression(inside, outside)
    assert found.slope == pytest.approx(line.slope, rel=1e-9)
    assert (found.splits, found.trials, found.blocks, found.periods) == (
        math.comb(blocks, blocks // 2), 9, blocks, periods,
    )  # fmt: skip


def test_all_splits_are_those_of_ffn() -> None:
    import ffn
    import pandas as pd

    for seed in range(3):
        returns = noise(seed, 80, 12) + 0.002 * np.arange(12) * (seed == 2)
        theirs = ffn.core.calc_prob_backtest_overfitting(
            pd.DataFrame(returns), n_blocks=8, full_output=True
        )
        found = overfitting_probability(returns, 8)
        assert found.pbo == theirs["pbo"]
        assert found.logits == pytest.approx(theirs["logits"].to_numpy(), abs=1e-12)


def test_sums_by_block_are_those_of_slices() -> None:
    returns = noise(2, 103, 3)
    sums = block_sums(returns, 5)
    assert sums.periods.tolist() == [21, 21, 21, 20, 20]
    starts = [0, 21, 42, 63, 83, 103]
    for k, (start, stop) in enumerate(itertools.pairwise(starts)):
        assert sums.sums[k] == pytest.approx(returns[start:stop].sum(axis=0), rel=1e-12)
        assert sums.squares[k] == pytest.approx((returns[start:stop] ** 2).sum(axis=0), rel=1e-12)
    whole = overfitting_probability(noise(2, 103, 3), 4)
    again = overfitting_probability(block_sums(returns, 4))
    assert (again.logits == whole.logits).all()
    assert (cpcv_paths(block_sums(returns, 4)).sharpes == cpcv_paths(returns, 4).sharpes).all()


def test_sixteen_blocks_have_12870_splits_and_each_half_is_used_both_ways() -> None:
    found = overfitting_probability(noise(3, 320, 3))
    assert found.splits == len(found.logits) == 12_870
    # A half's complement is as far from the other end, and a ratio belongs to a trial and a half.
    same = found.chosen == found.chosen[::-1]
    assert same.any()
    assert (found.in_sample[same] == found.out_of_sample[::-1][same]).all()
    assert (found.in_sample >= found.out_of_sample[::-1]).all()


def test_trials_with_the_same_returns_tie_exactly() -> None:
    """Wherever they stand: a parameter without effect makes whole columns equal."""
    few = noise(4, 320, 5)
    where = np.random.default_rng(4).permutation(np.repeat(np.arange(5), 7))
    found = overfitting_probability(few[:, where], 10)
    single = overfitting_probability(few, 10)
    assert (where[found.chosen] == single.chosen).all()
    rank = 6 / (1 + np.exp(-single.logits))
    omega = (7 * (rank - 1) + 4) / 36
    assert found.logits == pytest.approx(np.log(omega / (1 - omega)), abs=1e-9)


def test_quantiles_are_those_of_the_logits() -> None:
    found = overfitting_probability(noise(5, 64, 10), 8)
    assert found.logit_quantiles(0.0, 1.0) == (found.logits.min(), found.logits.max())
    assert len(found.logit_quantiles()) == 5
    assert found.logit_quantiles()[2] == np.median(found.logits)


# Paths

#: The splits of six groups, two held out, that make the first two paths: López de Prado (2018),
#: figure 12.1, with splits numbered from 1.
PUBLISHED = ([1, 1, 2, 3, 4, 5], [2, 6, 6, 7, 8, 9])


def plain_paths(returns: Any, blocks: int, held: int) -> list[float]:
    periods, trials = returns.shape
    parts = plain_blocks(periods, blocks)
    splits = list(itertools.combinations(range(blocks), held))
    best = []
    for away in splits:
        rows = [t for k, part in enumerate(parts) if k not in away for t in part]
        ratios = [plain_sharpe([float(returns[t, j]) for t in rows]) for j in range(trials)]
        best.append(ratios.index(max(ratios)))
    found = []
    for j in range(math.comb(blocks, held) * held // blocks):
        path: list[float] = []
        for k, part in enumerate(parts):
            split = [s for s, away in enumerate(splits) if k in away][j]
            path += [float(returns[t, best[split]]) for t in part]
        found.append(plain_sharpe(path) * math.sqrt(252))
    return sorted(found)


@pytest.mark.parametrize(
    ("blocks", "held", "paths"), [(6, 2, 5), (16, 2, 15), (5, 3, 6), (4, 1, 1)]
)
def test_paths_are_those_of_plain_python(blocks: int, held: int, paths: int) -> None:
    returns = noise(6, 67, 5)
    found = cpcv_paths(returns, blocks, held)
    assert found.sharpes == pytest.approx(plain_paths(returns, blocks, held), rel=1e-9)
    assert found.paths == len(found.sharpes) == paths
    assert found.splits == math.comb(blocks, held)


def test_paths_are_put_together_as_published() -> None:
    returns = noise(7, 60, 8)
    splits = list(itertools.combinations(range(6), 2))
    found = cpcv_paths(returns, 6, 2, periods_per_year=1).sharpes
    for taken in PUBLISHED:
        path = []
        for block, split in enumerate(taken):
            away = splits[split - 1]
            assert block in away
            rows = [t for t in range(60) if t // 10 not in away]
            inside = returns[rows].mean(axis=0) / returns[rows].std(axis=0, ddof=1)
            path += returns[10 * block : 10 * block + 10, np.argmax(inside)].tolist()
        assert np.abs(found - plain_sharpe(path)).min() < 1e-12


def test_a_year_makes_ratios_of_paths_annual() -> None:
    returns = noise(8, 64, 4)
    daily = cpcv_paths(returns, 8, periods_per_year=1).sharpes
    assert cpcv_paths(returns, 8, periods_per_year=365).sharpes == pytest.approx(
        daily * math.sqrt(365)
    )


# Known truth


def test_noise_is_near_one_half() -> None:
    found = [overfitting_probability(noise(seed, 160, 20), 8).pbo for seed in range(150)]
    error = statistics.stdev(found) / math.sqrt(len(found))
    assert error < 0.02
    assert statistics.fmean(found) == pytest.approx(0.5, abs=2.5 * error)


def test_skill_is_not_overfit_and_what_reverts_is() -> None:
    returns = noise(9, 320, 40)
    returns[:, 11] += 0.008
    skilled = overfitting_probability(returns)
    assert skilled.pbo < 0.01
    assert skilled.loss < 0.01
    assert (cpcv_paths(returns).sharpes > 3).all()
    # What is good in half of the blocks is as bad in the others.
    signs = np.array([[1 if k in up else -1 for up in itertools.combinations(range(8), 4)]
                      for k in range(8)])  # fmt: skip
    reverting = noise(10, 160, 70) + 0.01 * np.repeat(signs, 20, axis=0)
    overfit = overfitting_probability(reverting, 8)
    assert overfit.pbo == 1.0
    assert overfit.loss == 1.0


# What is not defined


def test_trials_that_are_all_the_same_have_no_probability() -> None:
    for one in (noise(11, 64, 1), np.zeros((64, 1))):
        found = overfitting_probability(np.repeat(one, 6, axis=1), 8)
        assert math.isnan(found.pbo)
    assert math.isnan(overfitting_probability(np.zeros((64, 3)), 8).slope)


def test_what_never_varies_has_no_ratio_of_a_path() -> None:
    assert np.isnan(cpcv_paths(np.zeros((64, 3)), 8).sharpes).all()


def test_one_trial_has_paths_of_its_own_ratio() -> None:
    one = noise(12, 64, 1)
    whole = plain_sharpe(one[:, 0].tolist()) * math.sqrt(252)
    assert cpcv_paths(one, 8).sharpes == pytest.approx([whole] * 7)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: overfitting_probability(noise(0, 64, 1)), "one trial"),
        (lambda: overfitting_probability(noise(0, 64, 3), 7), "blocks = 7 must be an even"),
        (lambda: overfitting_probability(noise(0, 640, 3), 22), "from 2 to 20"),
        (lambda: overfitting_probability(noise(0, 31, 3)), "31 periods are too few for 16"),
        (lambda: overfitting_probability([[0.1, math.nan]] * 64), "period 0 of trial 1 is nan"),
        (lambda: block_sums(noise(0, 64, 3), 1), "blocks = 1"),
        (lambda: cpcv_paths(noise(0, 64, 3), 8, 8), "held = 8 must be from 1 to 7"),
        (lambda: cpcv_paths(noise(0, 128, 3), 40, 10), "splits"),
        (lambda: cpcv_paths(noise(0, 64, 3), periods_per_year=0), "periods_per_year = 0"),
    ],
)
def test_what_cannot_be_used_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


def test_results_say_what_they_are() -> None:
    found = overfitting_probability(noise(13, 64, 4), 8)
    assert repr(found).startswith("Overfitting(pbo=")
    assert "splits=70, trials=4, blocks=8, periods=64" in repr(found)
    assert "logits" not in repr(found)
    with pytest.raises(AttributeError):
        found.pbo = 0.5  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        found.logits[0] = 0.0


# By hand, with the group of dependencies that pyproject.toml names


@pytest.mark.slow
def test_paths_are_those_of_skfolio() -> None:
    reason = "needs the dependency group `oracles`"
    selection = pytest.importorskip("skfolio.model_selection", reason=reason)
    returns = noise(14, 160, 12)
    cv = selection.CombinatorialPurgedCV(n_folds=8, n_test_folds=2, purged_size=0, embargo_size=0)
    paths = np.full((cv.n_test_paths, 160), np.nan)
    of_path = cv.get_path_ids()
    for split, (train, tests) in enumerate(cv.split(returns)):
        inside = returns[train].mean(axis=0) / returns[train].std(axis=0, ddof=1)
        for k, test in enumerate(tests):
            paths[of_path[split, k], test] = returns[test, np.argmax(inside)]
    assert not np.isnan(paths).any()
    ratios = np.sort(paths.mean(axis=1) / paths.std(axis=1, ddof=1) * math.sqrt(252))
    assert cpcv_paths(returns, 8, 2).sharpes == pytest.approx(ratios, rel=1e-9)
