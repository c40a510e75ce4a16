"""Sharpe ratios in doubt: published examples, other libraries, simulations, and known truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import integrate, signal
from scipy import stats as scipy_stats
from statsmodels.tsa.stattools import acf

from wfo.errors import InputError
from wfo.stats import (
    SharpeMoments,
    deflated_sharpe,
    expected_maximum_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
    probabilistic_sharpe_autocorrelated,
    sharpe_moments,
    sharpe_ratios,
)


def returns(seed: int, periods: int = 500) -> Any:
    """Returns with fat tails, skewness and autocorrelation."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5, periods) + 2 * rng.exponential(1.0, periods) - 1.8
    return 0.01 * signal.lfilter([1.0], [1.0, -0.2], shocks)


# Published examples

#: Of a year of 250 sessions: 1,250 sessions, a ratio of 2.5, variance over trials of 1/2.
DEFLATED = SharpeMoments(2.5 / math.sqrt(250), 1250, -3.0, 10.0)
VARIANCE = 0.5 / 250


def test_the_example_of_the_deflated_sharpe_ratio() -> None:
    """Bailey and López de Prado (2014), "A numerical example"."""
    assert expected_maximum_sharpe(VARIANCE, 100) == pytest.approx(0.1132, abs=5e-5)
    assert deflated_sharpe(DEFLATED, VARIANCE, 100) == pytest.approx(0.9004, abs=5e-5)
    assert deflated_sharpe(DEFLATED, VARIANCE, 46) == pytest.approx(0.9505, abs=5e-5)
    normal = SharpeMoments(DEFLATED.sharpe, DEFLATED.periods)
    assert deflated_sharpe(normal, VARIANCE, 88) == pytest.approx(0.9505, abs=5e-5)


def test_the_example_of_the_probabilistic_sharpe_ratio() -> None:
    """Bailey and López de Prado (2012): 24 months that seem sure are not, 36 are."""
    moments = (-2.448, 10.164)
    assert probabilistic_sharpe(SharpeMoments(0.458, 24)) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(SharpeMoments(0.458, 24, *moments)) == pytest.approx(
        0.913, abs=5e-4
    )
    assert probabilistic_sharpe(SharpeMoments(0.458, 36, *moments)) == pytest.approx(
        0.953, abs=6e-4
    )


@pytest.mark.parametrize(
    ("a_year", "moments", "years"),
    [(252, (), 2.73), (52, (), 2.83), (12, (), 3.24), (12, (-0.72, 5.78), 4.99)],
)
def test_the_examples_of_the_minimum_track_record(
    a_year: int, moments: tuple[float, ...], years: float
) -> None:
    """Bailey and López de Prado (2012): an annual ratio of 2 against one of 1, at 95 %."""
    found = minimum_track_record(
        SharpeMoments(2 / math.sqrt(a_year), 100, *moments), 1 / math.sqrt(a_year)
    )
    assert found / a_year == pytest.approx(years, abs=5e-3)


# Other libraries


def test_moments_are_those_of_scipy_and_statsmodels() -> None:
    values = returns(1)
    found = sharpe_moments(values)
    assert found.sharpe == pytest.approx(scipy_stats.tmean(values) / scipy_stats.tstd(values))
    assert found.skewness == pytest.approx(scipy_stats.skew(values), rel=1e-12)
    assert found.kurtosis == pytest.approx(scipy_stats.kurtosis(values, fisher=False), rel=1e-12)
    assert found.autocorrelation == pytest.approx(acf(values, nlags=1, fft=False)[1], rel=1e-12)
    assert found.periods == len(values)
    both = np.column_stack([values, -values])
    assert sharpe_ratios(both) == pytest.approx([found.sharpe, -found.sharpe], rel=1e-12)


def test_the_expected_maximum_and_the_deflated_ratio_are_those_of_ffn() -> None:
    import ffn
    import pandas as pd

    for trials in (2, 10, 1000, 10**6):
        own = expected_maximum_sharpe(0.3**2, trials)
        assert own == pytest.approx(ffn.core.calc_expected_max_sharpe(trials, 0.3), rel=1e-9)
    # Its skewness and kurtosis are corrected for the size of the sample, so it must be large.
    values = returns(2, 100_000)
    ratios = np.random.default_rng(3).normal(0.0, 1.0, 50)
    # What luck gives is just below what was found, so that the probability is no certainty.
    ratios *= (sharpe_ratios(values[:, None])[0] - 0.002) / (2.25 * ratios.std(ddof=1))
    theirs = ffn.core.calc_deflated_sharpe_ratio(
        pd.Series(values), ratios, nperiods=1, annualized_trials=False
    )
    assert 0.05 < theirs < 0.95
    assert deflated_sharpe(values, ratios.var(ddof=1), 50) == pytest.approx(theirs, abs=1e-5)


# Simulations


@pytest.mark.parametrize(
    ("trials", "precision"), [(10, 0.025), (100, 0.01), (1_000_000, 0.0015), (58_000_000, 0.001)]
)
def test_the_expected_maximum_is_that_of_normal_trials(trials: int, precision: float) -> None:
    """By the integral; the formula is a limit, whose error falls from 2.4 % at ten trials."""

    def density(x: float) -> float:
        return x * trials * scipy_stats.norm.pdf(x) * scipy_stats.norm.cdf(x) ** (trials - 1)

    exact, _ = integrate.quad(density, -10, 10, points=[1, 3, 5, 6], limit=200)
    assert expected_maximum_sharpe(1.0, trials) == pytest.approx(exact, rel=precision)


def test_the_variance_with_autocorrelation_is_that_of_simulated_ratios() -> None:
    """Skewed returns with a ratio of .5, so that every term counts: to 5 % of the spread."""
    rho, periods, count = 0.4, 600, 4000
    shocks = np.random.default_rng(4).exponential(1.0, (count, periods + 50)) - 1
    series = signal.lfilter([1.0], [1.0, -rho], shocks, axis=1)[:, 50:]
    spread = 1 / math.sqrt(1 - rho**2)
    series += 0.5 * spread
    spreads = series.std(axis=1, ddof=1)
    ratios = series.mean(axis=1) / spreads
    # Cumulants of an autoregression: those of its shocks, 2 and 6, by sums of powers.
    skewness = 2 / (1 - rho**3) / spread**3
    kurtosis = 3 + 6 / (1 - rho**4) / spread**4
    moments = SharpeMoments(0.5, periods, skewness, kurtosis, rho)
    # The probability at one standard error below is that of one.
    error = ratios.std()
    one = scipy_stats.norm.ppf(probabilistic_sharpe_autocorrelated(moments, 0.5 - error))
    assert one == pytest.approx(1.0, abs=0.05)
    unaware = scipy_stats.norm.ppf(probabilistic_sharpe(moments, 0.5 - error))
    assert unaware > 1.2


def test_without_autocorrelation_both_are_one() -> None:
    moments = SharpeMoments(0.1, 300, -0.5, 6.0, 0.0)
    assert probabilistic_sharpe_autocorrelated(moments, 0.03) == probabilistic_sharpe(moments, 0.03)


def test_probabilities_are_uniform_on_normal_returns() -> None:
    values = np.random.default_rng(5).normal(0.0, 0.01, (1000, 250))
    found = [probabilistic_sharpe(row) for row in values]
    assert scipy_stats.kstest(found, "uniform").pvalue > 0.05
    drifting = [probabilistic_sharpe(row + 0.001) for row in values]
    assert scipy_stats.kstest(drifting, "uniform").pvalue < 1e-6
    # Against the ratio that they have, drifting returns are as uniform.
    fair = [probabilistic_sharpe(row + 0.001, 0.1) for row in values]
    assert scipy_stats.kstest(fair, "uniform").pvalue > 0.05


def test_the_deflated_ratio_seldom_rejects_on_noise_and_knows_skill() -> None:
    rng = np.random.default_rng(6)
    rejected = found = 0
    for _ in range(200):
        trials = rng.normal(0.0, 0.01, (250, 40))
        for edge in (0.0, 0.004):
            trials[:, 7] += edge
            ratios = sharpe_ratios(trials)
            best = trials[:, int(np.argmax(ratios))]
            beyond = deflated_sharpe(best, ratios.var(ddof=1), 40) > 0.95
            rejected += beyond and not edge
            found += beyond and bool(edge)
    assert rejected <= 0.05 * 200
    assert found >= 0.8 * 200


# What is not defined


def test_one_trial_is_not_deflated() -> None:
    values = returns(7)
    assert expected_maximum_sharpe(0.2, 1) == 0.0
    assert deflated_sharpe(values, 0.2, 1) == probabilistic_sharpe(values)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e-9, -0.02])
def test_returns_that_do_not_vary_have_no_ratio(value: float) -> None:
    flat = np.full(50, value)
    assert math.isnan(sharpe_moments(flat).sharpe)
    assert math.isnan(probabilistic_sharpe(flat))
    assert math.isnan(probabilistic_sharpe_autocorrelated(flat))
    assert math.isnan(deflated_sharpe(flat, 0.1, 10))
    assert math.isnan(minimum_track_record(flat))
    both = np.column_stack([flat, returns(8, 50)])
    assert np.isnan(sharpe_ratios(both)).tolist() == [True, False]


def test_a_variance_that_is_not_known_gives_none() -> None:
    assert math.isnan(expected_maximum_sharpe(math.nan, 10))
    assert math.isnan(expected_maximum_sharpe(math.nan, 1))
    assert math.isnan(deflated_sharpe(returns(9), math.nan, 10))


def test_a_ratio_below_the_benchmark_is_never_above_it() -> None:
    assert minimum_track_record(SharpeMoments(0.1, 100), 0.1) == math.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: probabilistic_sharpe([0.1, 0.2]), "2 periods are too few: 3"),
        (lambda: probabilistic_sharpe([0.1, math.nan, 0.2]), "period 1 is nan"),
        (lambda: probabilistic_sharpe([0.1, math.inf, -math.inf]), "period 1 is inf"),
        (lambda: probabilistic_sharpe(np.ones((4, 2))), r"not of shape \(4, 2\)"),
        (lambda: probabilistic_sharpe(["a", "b", "c"]), "must be an array of numbers"),
        (lambda: sharpe_ratios([0.1, 0.2, 0.3]), r"not the shape \(3,\)"),
        (lambda: sharpe_ratios([[0.1, 1], [0.2, 1], [0.3, math.nan]]), "period 2 of trial 1"),
        (lambda: expected_maximum_sharpe(-0.1, 10), "variance = -0.1"),
        (lambda: expected_maximum_sharpe(math.inf, 10), "variance = inf"),
        (lambda: expected_maximum_sharpe(0.1, 0), "trials = 0"),
        (lambda: expected_maximum_sharpe(0.1, math.nan), "trials = nan"),
        (lambda: minimum_track_record([0.1, 0.2, 0.1], confidence=0.5), "confidence = 0.5"),
        (lambda: SharpeMoments(0.1, 1), "periods = 1"),
        (lambda: SharpeMoments(0.1, 10, 0.0, 0.5), "kurtosis = 0.5"),
        (lambda: SharpeMoments(0.1, 10, autocorrelation=1.0), "autocorrelation = 1"),
    ],
)
def test_what_cannot_be_used_is_named(call: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()


# By hand, with the group of dependencies that pyproject.toml names


@pytest.mark.slow
def test_probabilities_are_those_of_skfolio_and_jsharpe() -> None:
    reason = "needs the dependency group `oracles`"
    measures = pytest.importorskip("skfolio.measures", reason=reason)
    psr = pytest.importorskip("jsharpe.sharpe.psr", reason=reason)
    for seed in range(20):
        values = returns(seed, 200 + seed)
        moments = sharpe_moments(values)
        for against in (0.0, 0.1):
            theirs = measures.probabilistic_sharpe_ratio(values, against)
            assert probabilistic_sharpe(values, against) == pytest.approx(theirs, rel=1e-10)
        ratios = np.random.default_rng(seed).normal(0.0, 0.1, 30)
        theirs = measures.deflated_sharpe_ratio(values, ratios)
        assert deflated_sharpe(values, ratios.var(ddof=1), 30) == pytest.approx(theirs, rel=1e-10)
        # It divides by T where this divides by T - 1.
        variance = psr.sharpe_ratio_variance(
            moments.sharpe,
            moments.periods - 1,
            gamma3=moments.skewness,
            gamma4=moments.kurtosis,
            rho=moments.autocorrelation,
        )
        theirs = scipy_stats.norm.cdf((moments.sharpe - 0.1) / math.sqrt(variance))
        own = probabilistic_sharpe_autocorrelated(values, 0.1)
        assert own == pytest.approx(theirs, rel=1e-10)
