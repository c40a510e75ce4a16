"""Superiority over a benchmark: the library whose draws these are, plain sums, and known truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import signal, stats

from wfo.errors import InputError
from wfo.stats import block_length, step_m, superior_predictive_ability
from wfo.stats.superiority import _standard_errors


def trials(seed: int, periods: int = 250, count: int = 12) -> Any:
    """Autocorrelated returns that have much in common, of trials with unlike variances."""
    rng = np.random.default_rng(seed)
    shocks = rng.normal(0.0, 0.01, (periods, count)) + rng.normal(0.0, 0.01, (periods, 1))
    return signal.lfilter([1.0], [1.0, -0.3], shocks, axis=0) * np.linspace(0.2, 2, count)


def pvalues(found: Any) -> list[float]:
    return [found.p_lower, found.p_consistent, found.p_upper]


# The library


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("benchmark", [None, "series"])
def test_means_are_tested_as_arch_tests_them(seed: int, benchmark: str | None) -> None:
    """The same draws give the same p-values and the same better trials; losses are negative."""
    from arch.bootstrap import SPA, StepM

    returns = trials(seed) + np.linspace(-0.002, 0.002, 12) * (seed % 2)
    held = None if benchmark is None else trials(50 + seed)[:, 0]
    against = np.zeros(250) if held is None else held
    own = superior_predictive_ability(
        returns, held, resamples=200, block=5, studentized=False, seed=seed
    )
    theirs = SPA(-against, -returns, block_size=5, reps=200, seed=seed)
    theirs.compute()
    assert pvalues(own) == theirs.pvalues.tolist()
    steps = StepM(-against, -returns, block_size=5, reps=200, seed=seed)
    steps.compute()
    assert list(own.superior) == steps.superior_models


@pytest.mark.parametrize("seed", range(3))
def test_studentized_means_are_those_of_arch_on_returns_by_their_standard_errors(seed: int) -> None:
    from arch.bootstrap import SPA, StepM

    returns = trials(seed) + np.linspace(0.0, 0.001, 12) * seed
    own = superior_predictive_ability(returns, resamples=200, block=4, seed=seed)
    scaled = returns / plain_standard_errors(returns, 4)
    theirs = SPA(np.zeros(250), -scaled, block_size=4, reps=200, seed=seed)
    theirs.compute()
    assert pvalues(own) == theirs.pvalues.tolist()
    steps = StepM(np.zeros(250), -scaled, block_size=4, reps=200, seed=seed)
    steps.compute()
    assert list(own.superior) == steps.superior_models
    assert step_m(returns, resamples=200, block=4, seed=seed).tolist() == steps.superior_models


def plain_standard_errors(returns: Any, block: int) -> Any:
    """Hansen (2005), lag by lag."""
    periods = len(returns)
    around = returns - returns.mean(axis=0)
    variance = (around**2).sum(axis=0) / periods
    for lag in range(1, periods):
        weight = (1 - lag / periods) * (1 - 1 / block) ** lag
        weight += lag / periods * (1 - 1 / block) ** (periods - lag)
        variance += 2 * weight * (around[lag:] * around[:-lag]).sum(axis=0) / periods
    return np.sqrt(variance / periods)


@pytest.mark.parametrize(("periods", "block"), [(250, 4), (251, 17), (64, 1), (17, 17)])
def test_standard_errors_are_those_of_plain_sums(periods: int, block: int) -> None:
    returns = trials(9, periods)
    assert _standard_errors(returns, block) == pytest.approx(
        plain_standard_errors(returns, block), rel=1e-10
    )


def test_many_trials_are_summed_in_parts() -> None:
    returns = trials(10, 40, 600)
    assert _standard_errors(returns, 3) == pytest.approx(
        plain_standard_errors(returns, 3), rel=1e-10
    )


def test_blocks_are_as_long_as_arch_says() -> None:
    from arch.bootstrap import optimal_block_length

    returns = trials(11)
    lengths = optimal_block_length(returns)["stationary"]
    assert lengths.median() > 2
    assert block_length(returns) == round(lengths.median())
    assert superior_predictive_ability(returns, resamples=10).block == block_length(returns)
    held = trials(12)[:, 0]
    less = superior_predictive_ability(returns, held, resamples=10)
    assert less.block == block_length(returns - held[:, None])
    # Trials that do not vary have no length, and of many a hundred are looked at.
    still = np.zeros((250, 30))
    assert block_length(np.hstack([still, returns])) == block_length(returns)
    assert block_length(still) == 1
    many = np.repeat(returns, 25, axis=1)
    assert block_length(many) == block_length(returns)


# Known truth


def rejections(count: int, periods: int, resamples: int) -> tuple[int, list[float]]:
    """How often some trial is named, and the p-values, on noise."""
    found = [
        superior_predictive_ability(
            np.random.default_rng(seed).normal(0.0, 0.01, (periods, 15)),
            resamples=resamples,
            block=1,
            seed=seed,
        )
        for seed in range(count)
    ]
    return sum(bool(each.superior) for each in found), [each.p_consistent for each in found]


def test_noise_is_rejected_no_more_than_at_the_level() -> None:
    named, p = rejections(80, 120, 100)
    # More than 9 of 80 have a probability of 1 % at 5 %.
    assert sum(each <= 0.05 for each in p) <= 9
    assert named <= 9
    assert stats.kstest(p, "uniform").pvalue > 0.01


@pytest.mark.slow
def test_noise_is_rejected_no_more_than_at_the_level_in_a_thousand_sets() -> None:
    """In samples of two years: in shorter ones a ratio's tails are wider than a bootstrap's."""
    named, p = rejections(1000, 500, 400)
    assert sum(each <= 0.05 for each in p) <= 65
    assert named <= 65


def test_drift_rejects_against_cash_and_not_against_what_drifts_too() -> None:
    returns = np.random.default_rng(13).normal(0.0, 0.01, (400, 20))
    market = np.random.default_rng(14).normal(0.003, 0.01, 400)
    drifting = returns * 0.3 + market[:, None]
    assert superior_predictive_ability(drifting, resamples=200).p_upper < 0.01
    assert len(step_m(drifting, resamples=200)) == 20
    beyond = superior_predictive_ability(drifting, market, resamples=200)
    assert beyond.p_lower > 0.1
    assert beyond.superior == ()


def test_what_is_better_is_found_and_nothing_else() -> None:
    returns = np.random.default_rng(15).normal(0.0, 0.01, (500, 50))
    returns[:, [7, 31]] += 0.003
    returns[:, 40] -= 0.01
    found = superior_predictive_ability(returns, resamples=400)
    assert found.superior == (7, 31)
    assert found.best in {7, 31}
    assert found.p_consistent == 0.0
    assert found.p_lower <= found.p_consistent <= found.p_upper


def test_a_wild_trial_hides_a_steady_one_from_means_alone() -> None:
    returns = np.random.default_rng(16).normal(0.0, 0.001, (500, 10))
    returns[:, 3] += 0.0005
    returns[:, 8] *= 100
    assert 3 in step_m(returns, resamples=200)
    assert 3 not in step_m(returns, resamples=200, studentized=False)


def test_the_same_seed_gives_the_same_and_another_one_other_draws() -> None:
    returns = trials(17)
    one, same, other = (
        superior_predictive_ability(returns, resamples=300, seed=seed) for seed in (1, 1, 2)
    )
    assert one == same
    assert pvalues(one) != pvalues(other)
    assert pvalues(one) == pytest.approx(pvalues(other), abs=0.15)


# What is not defined


def test_what_never_differs_from_the_benchmark_has_no_p_value() -> None:
    held = trials(18)[:, 0]
    found = superior_predictive_ability(np.repeat(held[:, None], 3, axis=1), held, resamples=10)
    assert all(math.isnan(p) for p in pvalues(found))
    assert found.superior == ()
    assert found.best is None
    assert step_m(np.zeros((20, 2)), resamples=10).tolist() == []
    # Computed on another way the same returns differ in their last digits.
    rounded = (1 + held[:, None]) * np.array([3.0, 7.0]) / np.array([3.0, 7.0]) - 1
    assert (rounded != held[:, None]).any()
    assert superior_predictive_ability(rounded, held, resamples=10).best is None


def test_trials_that_never_trade_change_nothing() -> None:
    returns = trials(19)
    still = np.zeros((250, 4))
    one = superior_predictive_ability(returns, resamples=100, block=3)
    more = superior_predictive_ability(np.hstack([still, returns]), resamples=100, block=3)
    assert pvalues(one) == pvalues(more)
    assert more.best == one.best + 4  # type: ignore[operator]
    assert more.trials == one.trials + 4


def test_all_trials_can_be_better() -> None:
    returns = np.random.default_rng(20).normal(0.01, 0.001, (100, 3))
    assert step_m(returns, resamples=50).tolist() == [0, 1, 2]
    assert superior_predictive_ability(returns[:, :1], resamples=50).superior == (0,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"benchmark": np.zeros(249)}, "benchmark has 249 periods and returns have 250"),
        ({"benchmark": np.zeros((250, 1))}, r"benchmark must be one value a period"),
        ({"resamples": 0}, "resamples = 0"),
        ({"level": 1.0}, "level = 1.0"),
        ({"block": 0}, "block = 0 must be from 1 to 250"),
        ({"block": 251}, "block = 251"),
    ],
)
def test_options_that_cannot_be_used_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        superior_predictive_ability(trials(21), **options)


def test_returns_that_cannot_be_used_are_named() -> None:
    with pytest.raises(InputError, match="15 periods are too few: 16"):
        superior_predictive_ability(np.zeros((15, 2)))
    broken = trials(22)
    broken[3, 2] = math.nan
    with pytest.raises(InputError, match="period 3 of trial 2 is nan"):
        superior_predictive_ability(broken)
    with pytest.raises(InputError, match="a column a trial"):
        block_length(np.zeros(20))
