"""Efficiency, bootstrap intervals and reshuffled drawdowns, against other code and by hand."""

from __future__ import annotations

import itertools
import math
import statistics
from typing import Any

import empyrical
import numpy as np
import pytest

from wfo.errors import InputError
from wfo.stats import (
    PhaseProfit,
    reshuffled_drawdowns,
    return_intervals,
    trade_intervals,
    tradestation_verdict,
    walk_forward_efficiency,
)

PASSING = (
    PhaseProfit(100.0, 60.0, 3.0, 2.0, 0.10),
    PhaseProfit(200.0, 90.0, 2.5, 2.5, 0.39),
    PhaseProfit(50.0, 50.0, 2.0, 2.0, 0.20),
)


def series(count: int, seed: int, mean: float = 0.0005) -> Any:
    """Returns with volatility that clusters, so that blocks are longer than one."""
    draw = np.random.default_rng(seed)
    spread = 0.01 * np.exp(0.5 * np.sin(np.arange(count) / 25))
    noise = draw.standard_normal(count + 1)
    return mean + spread * (noise[1:] + 0.3 * noise[:-1])


def test_efficiency_is_the_ratio_of_sums_and_of_sums_a_year() -> None:
    found = walk_forward_efficiency(PASSING)
    assert found.raw == pytest.approx(200 / 350, rel=1e-15)
    assert found.annual == pytest.approx((200 / 6.5) / (350 / 7.5), rel=1e-15)


@pytest.mark.parametrize("earned", [0.0, -10.0])
def test_without_an_in_sample_profit_there_is_no_efficiency(earned: float) -> None:
    phases = [PhaseProfit(earned, 5.0, 1.0, 1.0, 0.1)]
    assert walk_forward_efficiency(phases).raw is None
    assert walk_forward_efficiency(phases).annual is None
    by_name = {c.name: c for c in tradestation_verdict(phases).conditions}
    assert not by_name["annual walk-forward efficiency of at least 50 %"].passed


def phases_of(*profits: float, earned: float = 1.0, fall: float | None = 0.1) -> list[PhaseProfit]:
    return [PhaseProfit(earned, profit, 1.0, 1.0, fall) for profit in profits]


#: Phases, the condition at whose limit they are, its value, and whether that is enough.
LIMITS: list[tuple[list[PhaseProfit], int, float | None, bool]] = [
    (phases_of(1.0, -1.0), 0, 0.0, False),
    (phases_of(1.0, -0.9), 0, 0.1, True),
    (phases_of(1.0, 1.0, earned=2.0), 1, 0.5, True),
    (phases_of(1.0, 1.0, earned=2.001), 1, 2 / 4.002, False),
    (phases_of(3.0, 3.0, -1.0, 0.0), 2, 0.5, True),
    (phases_of(3.0, 0.0, -1.0), 2, 1 / 3, False),
    (phases_of(2.0, 1.0, 1.0), 3, 0.5, False),
    (phases_of(2.0, 1.0, 1.1), 3, 2 / 4.1, True),
    # A loss of another phase makes the largest one's share more than all there is.
    (phases_of(2.0, 2.0, -1.0), 3, 2 / 3, False),
    (phases_of(-1.0, -2.0), 3, None, False),
    (phases_of(1.0, 1.0, 1.0, fall=0.4), 4, 0.4, False),
    (phases_of(1.0, 1.0, 1.0, fall=0.399), 4, 0.399, True),
    ([*phases_of(1.0, 1.0), *phases_of(1.0, fall=None)], 4, None, False),
]


@pytest.mark.parametrize(("phases", "at", "value", "passed"), LIMITS)
def test_each_condition_of_tradestation_holds_up_to_its_limit(
    phases: list[PhaseProfit], at: int, value: float | None, passed: bool
) -> None:
    condition = tradestation_verdict(phases).conditions[at]
    assert condition.value == (None if value is None else pytest.approx(value, abs=1e-15))
    assert condition.passed is passed


def test_a_verdict_passes_where_all_five_conditions_do() -> None:
    verdict = tradestation_verdict(PASSING)
    assert [c.passed for c in verdict.conditions] == [True] * 5
    assert verdict.passed
    deep = [*PASSING[:2], PhaseProfit(50.0, 50.0, 2.0, 2.0, 0.5)]
    assert [c.passed for c in tradestation_verdict(deep).conditions] == [True] * 4 + [False]
    assert not tradestation_verdict(deep).passed


def test_phases_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="there is none"):
        walk_forward_efficiency([])
    with pytest.raises(InputError, match="must be finite"):
        PhaseProfit(math.nan, 1.0, 1.0, 1.0, None)
    with pytest.raises(InputError, match=r"not 1\.0 and 0\.0 years"):
        PhaseProfit(1.0, 1.0, 1.0, 0.0, None)


def test_intervals_of_returns_are_those_of_arch_by_the_same_seed() -> None:
    from arch.bootstrap import StationaryBootstrap, optimal_block_length

    returns = series(400, 1)
    block = float(optimal_block_length(returns)["stationary"].iloc[0])
    assert block > 1.5  # or independent draws would do

    def both(drawn: Any) -> Any:
        sharpe = empyrical.sharpe_ratio(drawn, annualization=252)
        return np.array([sharpe, -empyrical.max_drawdown(drawn)])

    other = StationaryBootstrap(block, returns, seed=7).conf_int(
        both, reps=300, method="percentile", size=0.9
    )
    found = return_intervals(returns, periods_per_year=252, resamples=300, seed=7)
    assert (found.block, found.resamples, found.seed, found.level) == (block, 300, 7, 0.9)
    for k, (interval, value) in enumerate(
        zip((found.sharpe, found.drawdown_share), both(returns), strict=True)
    ):
        assert interval.value == pytest.approx(value, rel=1e-12)
        assert interval.low == pytest.approx(other[0, k], rel=1e-12)
        assert interval.high == pytest.approx(other[1, k], rel=1e-12)
        assert interval.undefined == 0.0


def gains_by_losses(values: Any) -> float:
    gains = math.fsum(v for v in values if v > 0)
    losses = -math.fsum(v for v in values if v < 0)
    if losses:
        return gains / losses
    return math.inf if gains else math.nan


def test_interval_of_the_profit_factor_is_that_of_resampled_trades() -> None:
    from arch.bootstrap import StationaryBootstrap, optimal_block_length

    trades = series(60, 2, mean=0.004).tolist()
    block = float(optimal_block_length(np.array(trades))["stationary"].iloc[0])
    draws = StationaryBootstrap(max(block, 1.0), np.array(trades), seed=3)
    factors = sorted(gains_by_losses(drawn[0]) for drawn, _ in draws.bootstrap(200))
    found = trade_intervals(trades, resamples=200, seed=3).profit_factor
    assert found.value == pytest.approx(gains_by_losses(trades), rel=1e-12)
    low, high = np.quantile(factors, [0.05, 0.95])
    assert found.low == pytest.approx(low, rel=1e-12)
    assert found.high == pytest.approx(high, rel=1e-12)


def test_resamples_without_a_loss_leave_the_upper_end_open() -> None:
    from arch.bootstrap import StationaryBootstrap, optimal_block_length

    trades = [0.02, 0.01, -0.03, *[0.01] * 17]
    draws = StationaryBootstrap(
        max(float(optimal_block_length(np.array(trades))["stationary"].iloc[0]), 1.0),
        np.array(trades),
        seed=0,
    )
    factors = [gains_by_losses(drawn[0]) for drawn, _ in draws.bootstrap(500)]
    without = sum(math.isinf(factor) for factor in factors) / 500
    assert 0.05 < without < 0.95
    found = trade_intervals(trades, resamples=500).profit_factor
    assert found.undefined == without
    assert found.high is None
    # A twentieth of 500 factors, the next one where it lies between two.
    assert found.low == pytest.approx(sorted(factors)[math.ceil(0.05 * 499)], rel=1e-12)
    only = trade_intervals([0.01] * 12, resamples=20).profit_factor
    assert (only.value, only.low, only.high, only.undefined) == (None, None, None, 1.0)


def test_returns_that_do_not_vary_have_no_sharpe_ratio() -> None:
    found = return_intervals(np.full(50, 0.001), periods_per_year=252, resamples=20)
    assert (found.sharpe.value, found.sharpe.low, found.sharpe.undefined) == (None, None, 1.0)
    assert found.drawdown_share.value == found.drawdown_share.high == 0.0
    assert found.block == 1.0


def test_a_falling_series_is_measured_from_what_stood_before_it() -> None:
    returns = np.full(10, -0.1)
    found = return_intervals(returns, periods_per_year=1, resamples=5).drawdown_share
    assert found.value == pytest.approx(1 - 0.9**10, rel=1e-14)


def test_intervals_hold_the_true_ratio_about_as_often_as_they_say() -> None:
    draw = np.random.default_rng(5)
    held = 0
    for _ in range(80):
        returns = 0.01 * (0.1 + draw.standard_normal(150))
        found = return_intervals(returns, periods_per_year=1, resamples=100).sharpe
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.1 <= found.high
    # Of 80, 72 are expected, with a standard error of 2.7.
    assert 62 <= held <= 79


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        ([0.1] * 9, {}, "needs 10 values or more"),
        ([[0.1] * 12], {}, "needs 10 values or more"),
        ([0.1] * 11 + [math.nan], {}, "finite"),
        ([0.1] * 11 + [-1.0], {}, "above -1"),
        ([0.1, -0.1] * 6, {"resamples": 0}, "resamples = 0"),
        ([0.1, -0.1] * 6, {"seed": -1}, "seed = -1"),
        ([0.1, -0.1] * 6, {"level": 1.0}, "level = 1.0"),
        ([0.1, -0.1] * 6, {"periods_per_year": 0}, "periods_per_year = 0"),
    ],
)
def test_a_bootstrap_refuses_what_it_cannot_use(given: Any, options: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        return_intervals(given, **({"periods_per_year": 252} | options))


def worst(returns: Any) -> float:
    """The largest relative drawdown of trades one after the other, bar the library."""
    equity = peak = 1.0
    deepest = 0.0
    for each in returns:
        if equity <= 0:
            break
        equity *= 1 + each
        peak = max(peak, equity)
        deepest = max(deepest, 1 - equity / peak)
    return deepest


@pytest.mark.parametrize(
    "trades", [(0.3, -0.2, 0.05, -0.1), (0.5, -1.2, -0.4, 0.1)], ids=["plain", "ruin"]
)
def test_the_place_of_every_order_is_that_among_all_orders(trades: tuple[float, ...]) -> None:
    orders = list(itertools.permutations(trades))
    falls = [worst(order) for order in orders]
    for order in orders[::5]:
        found = reshuffled_drawdowns(order, draws=4_000)
        assert found.real == pytest.approx(worst(order), abs=1e-12)
        share = sum(fall <= worst(order) + 1e-12 for fall in falls) / len(falls)
        # Four standard errors at most.
        assert found.place == pytest.approx(share, abs=4 * 0.5 / math.sqrt(4_000))


def test_quantiles_are_those_of_a_recount_in_plain_python() -> None:
    import random

    trades = series(40, 4, mean=0.0).tolist()
    found = reshuffled_drawdowns(trades, draws=4_000, seed=1)
    assert (found.levels, found.trades, found.draws) == ((0.5, 0.9, 0.95, 0.99), 40, 4_000)
    assert found.real == pytest.approx(-empyrical.max_drawdown(np.array(trades)), rel=1e-12)
    draw = random.Random(2)
    falls = sorted(worst(draw.sample(trades, 40)) for _ in range(4_000))
    for level, quantile in zip(found.levels, found.quantiles, strict=True):
        # Ranks of two samples differ by four standard errors at most.
        away = 4 * math.sqrt(2 * level * (1 - level) / 4_000)
        ends = [min(max(level + side * away, 0), 1) for side in (-1, 1)]
        assert falls[int(ends[0] * 3_999)] <= quantile <= falls[math.ceil(ends[1] * 3_999)]
    assert statistics.median(falls) == pytest.approx(found.quantiles[0], rel=0.05)


def test_equal_trades_have_one_drawdown_in_every_order() -> None:
    found = reshuffled_drawdowns([-0.1] * 5, draws=20)
    assert found.quantiles == pytest.approx([1 - 0.9**5] * 4, rel=1e-12)
    assert found.place == 1.0


def test_orders_follow_from_the_seed_alone() -> None:
    trades = series(30, 6)
    one, same, other = (reshuffled_drawdowns(trades, draws=50, seed=s) for s in (1, 1, 2))
    assert one == same
    assert one.quantiles != other.quantiles


@pytest.mark.parametrize(
    ("trades", "options", "said"),
    [
        ([0.1], {}, "from two on"),
        ([0.1, math.inf], {}, "finite"),
        ([0.1, 0.2], {"draws": 0}, "draws = 0"),
        ([0.1, 0.2], {"seed": -1}, "seed = -1"),
    ],
)
def test_trades_that_cannot_be_reshuffled_are_refused(trades: Any, options: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        reshuffled_drawdowns(trades, **options)
