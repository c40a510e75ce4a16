"""What is said of a finalist: against simulations, scipy and plain recounts; and as JSON."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from typing import Any

import empyrical
import numpy as np
import polars as pl
import pytest
from scipy import stats
from strategies import strategy as toy

import wfo
from wfo.bars import dates
from wfo.data.years import count_year
from wfo.errors import InputError, ResultsError
from wfo.runs.inputs import Inputs
from wfo.runs.manifest import BarsRecord
from wfo.runs.market import Market
from wfo.runs.verdict.finalist_figures import MATTERS, FinalistFigures, finalist_figures
from wfo.runs.verdict.plain import from_plain, to_plain
from wfo.runs.verdict.sampled import Periods
from wfo.stats import PhaseProfit, reshuffled_drawdowns, return_intervals, trade_intervals
from wfo.strategy import Parameter, PythonKernel, Strategy, Walk
from wfo.testing import random_bars

SETTINGS = wfo.Settings(slip=0.0005)
TRIALS, VARIANCE, EXCESS_VARIANCE = 5_000, 2e-4, 1e-4


def market_of(bars: pl.DataFrame, second: pl.DataFrame | None = None) -> Market:
    """The market of a run with the default windows."""
    record = BarsRecord("X", "1day", len(bars), "", "", "", "", "none", "")
    phases = wfo.Windows.preset().resolve(dates(bars), warmup=100)
    year = count_year("1day", dates(bars))
    return Market(Inputs(bars, second, record), phases, SETTINGS, "1day", 1, year, ())


class Told:
    """A set of a strategy with shorts on two symbols, and what is said of it."""

    def __init__(self) -> None:
        joined = wfo.join_bars(wfo.load_sample("SP500"), wfo.load_sample("NASDAQ"))
        self.market = market_of(joined.first[:3_500], joined.second[:3_500])
        self.strategy = wfo.strategies()["atr_d_duals_ls"]
        grid = wfo.Grid.load("smoke", self.strategy)
        self.params = grid.params(0) | {"atr_multiplier": 3.0, "atr_buy_multiplier": 1.0}
        self.found = self.figures()
        self.warmup = self.market.bounds[0][0]
        self.end = self.market.bounds[-1][2]
        self.whole = self.simulate(self.warmup, self.end - 1, self.end)

    def figures(self, **changed: Any) -> FinalistFigures:
        options: dict[str, Any] = {"variance": VARIANCE, "excess_variance": EXCESS_VARIANCE}
        options |= {"trials": TRIALS, "resamples": 100, "seed": 3} | changed
        return finalist_figures(self.market, self.strategy, self.params, **options)

    def simulate(self, warmup: int, split: int, end: int) -> wfo.Simulation:
        inputs = self.market.inputs
        assert inputs.second is not None
        return wfo.simulate(
            self.strategy,
            inputs.bars[:end],
            self.params,
            bars2=inputs.second[:end],
            split=split,
            warmup=warmup,
            settings=SETTINGS,
        )


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


def returns_of(marks: Any, capital: float) -> Any:
    marks = np.concatenate([[capital], marks])
    return marks[1:] / marks[:-1] - 1


def test_the_slice_is_the_first_phases_begin_to_the_last_ones_end(told: Told) -> None:
    days = told.market.inputs.bars["date"]
    found = told.found
    assert (found.strategy, found.params) == ("atr_d_duals_ls", told.params)
    assert (found.first, found.last) == (str(days[told.warmup]), str(days[told.end - 1]))
    assert found.bars == found.periods == told.end - told.warmup
    assert (found.periods_per_year, found.trials, found.seed) == (252.0, TRIALS, 3)
    assert found.reasons == {}
    part = told.figures(warmup=told.warmup + 50, end=told.end - 70)
    assert part.first == str(days[told.warmup + 50])
    assert part.last == str(days[told.end - 71])
    assert part.bars == found.bars - 120
    # What lies behind the end does not matter.
    own = told.simulate(told.warmup + 50, told.end - 71, told.end - 70)
    assert len(own.trades) < len(told.whole.trades)
    assert part.reshuffled is not None
    assert part.reshuffled.trades == len(own.trades)
    assert part.returns is not None
    returns = returns_of(own.equity[told.warmup + 50 :], SETTINGS.capital)
    assert part.returns.sharpe == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9)
    total = own.equity[-1] / SETTINGS.capital - 1
    assert part.stress.cases[0].total_return == pytest.approx(total, rel=1e-12)


def psr(returns: Any, benchmark: float = 0.0, rho: float = 0.0) -> float:
    """By the formulas of the papers, with the moments of scipy."""
    ratio = returns.mean() / returns.std(ddof=1)
    skew, kurtosis = stats.skew(returns), stats.kurtosis(returns, fisher=False)
    variance = (
        (1 + rho) / (1 - rho)
        - (1 + rho / (1 - rho) + rho**2 / (1 - rho**2)) * skew * ratio
        + (1 + rho**2) / (1 - rho**2) * (kurtosis - 1) / 4 * ratio**2
    ) / (len(returns) - 1)
    return float(stats.norm.cdf((ratio - benchmark) / math.sqrt(variance)))


@pytest.mark.parametrize(("name", "variance"), [("returns", VARIANCE), ("excess", EXCESS_VARIANCE)])
def test_significance_of_returns_and_of_their_excess(
    told: Told, name: str, variance: float
) -> None:
    returns = returns_of(told.whole.equity[told.warmup :], SETTINGS.capital)
    assert told.whole.held is not None
    if name == "excess":
        returns = returns - returns_of(told.whole.held[told.warmup :], SETTINGS.capital)
    own = getattr(told.found, name)
    assert own.sharpe == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9)
    assert own.psr == pytest.approx(psr(returns), rel=1e-9)
    euler, count = 0.5772156649015329, TRIALS
    least = math.sqrt(variance) * (
        (1 - euler) * stats.norm.ppf(1 - 1 / count)
        + euler * stats.norm.ppf(1 - 1 / (count * math.e))
    )
    assert own.expected_maximum == pytest.approx(least * math.sqrt(252), rel=1e-9)
    assert own.dsr == pytest.approx(psr(returns, least), rel=1e-9)
    assert own.variance == variance
    around = returns - returns.mean()
    rho = float((around[1:] * around[:-1]).sum() / (around**2).sum())
    assert own.autocorrelation == pytest.approx(rho, rel=1e-9)
    # That of these bars matters; where it does not, nothing is told of it.
    assert abs(rho) > 2 / math.sqrt(len(returns))
    assert own.psr_autocorrelated == pytest.approx(psr(returns, rho=rho), rel=1e-9)


def test_autocorrelation_is_told_beyond_two_standard_errors_alone(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MATTERS == 2.0
    assert told.found.returns is not None
    errors = abs(told.found.returns.autocorrelation) * math.sqrt(told.found.periods)
    for limit, matters in ((errors * 0.999, True), (errors * 1.001, False)):
        monkeypatch.setattr("wfo.runs.verdict.finalist_figures.MATTERS", limit)
        again = told.figures(resamples=1).returns
        assert again is not None
        assert (again.psr_autocorrelated is not None) == matters


def test_without_variance_nothing_is_deflated(told: Told) -> None:
    found = told.figures(variance=None, excess_variance=None)
    for own in (found.returns, found.excess):
        assert own is not None
        assert (own.dsr, own.expected_maximum, own.variance) == (None, None, None)
        assert own.psr is not None


def test_intervals_and_orders_are_those_of_its_returns_and_trades(told: Told) -> None:
    returns = returns_of(told.whole.equity[told.warmup :], SETTINGS.capital)
    assert told.found.return_intervals == return_intervals(
        returns, periods_per_year=252, resamples=100, seed=3
    )
    equity, by_trade = SETTINGS.capital, []
    for pnl in told.whole.trades["pnl"]:
        by_trade.append(pnl / equity)
        equity += pnl
    assert len(by_trade) > 30
    other = trade_intervals(by_trade, resamples=100, seed=3)
    own = told.found.trade_intervals
    assert own is not None
    assert own.profit_factor.value == pytest.approx(other.profit_factor.value, rel=1e-9)
    assert own.profit_factor.high == pytest.approx(other.profit_factor.high, rel=1e-9)
    shuffled = reshuffled_drawdowns(by_trade, draws=100, seed=3)
    assert told.found.reshuffled is not None
    assert told.found.reshuffled.quantiles == pytest.approx(shuffled.quantiles, rel=1e-9)
    assert told.found.reshuffled.trades == len(by_trade)


def test_phases_are_simulated_each_for_itself(told: Told) -> None:
    before = after = is_bars = oos_bars = 0.0
    assert len(told.found.phases) == len(told.market.bounds) == 4
    for own, (warmup, split, end) in zip(told.found.phases, told.market.bounds, strict=True):
        found = told.simulate(warmup, split, end)
        assert (own.is_pnl, own.oos_pnl) == (found.is_pnl, found.oos_pnl)
        assert own.is_years == pytest.approx((split - warmup) / 252, rel=1e-12)
        assert own.oos_years == pytest.approx((end - split) / 252, rel=1e-12)
        assert own.oos_drawdown_share == found.oos_dd_share
        before, after = before + found.is_pnl, after + found.oos_pnl
        is_bars, oos_bars = is_bars + split - warmup, oos_bars + end - split
    if before > 0:
        raw = after / before
        assert told.found.efficiency.raw == pytest.approx(raw, rel=1e-12)
        assert told.found.efficiency.annual == pytest.approx(raw * is_bars / oos_bars, rel=1e-12)
    else:
        assert told.found.efficiency.raw is None
    total = told.found.tradestation.conditions[0]
    assert total.value == pytest.approx(after, rel=1e-12)


def test_stress_is_that_of_the_slice_with_the_runs_settings(told: Told) -> None:
    case = told.found.stress.cases[0]
    assert case.total_return == pytest.approx(
        told.whole.equity[-1] / SETTINGS.capital - 1, rel=1e-12
    )
    assert case.size == SETTINGS.slip
    assert [c.draws for c in told.found.stress.cases if c.name == "trades_skipped"] == [100]
    assert told.found.stress.seed == 3


def test_figures_are_the_same_each_time_and_survive_json(told: Told) -> None:
    assert told.figures() == told.found
    text = json.dumps(told.found.to_dict(), allow_nan=False)
    assert FinalistFigures.from_dict(json.loads(text)) == told.found


# ---- sets of which less can be said


def sitting(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Kinds of sets by their one parameter: cash; buy-and-hold; ten times as many shares."""
    ((_, (kind,)),) = sets
    opens, closes = feeds["bars"]["open"], feeds["bars"]["close"]
    equity = np.full(len(closes), settings.capital)
    if kind:
        cost = opens[warmup] * (1 + settings.slip) * (1 + settings.fee)
        shares = settings.capital / cost
        equity[warmup:] += (closes[warmup:] - cost) * shares * (1 if kind == 1 else 10)
    return Walk([], equity, warmup if kind else -1)


SITTING: Strategy = toy(
    name="sitting",
    parameters=(Parameter("kind", "int", 0, 2, "which"),),
    kernel=PythonKernel("test_finalist_figures:sitting"),
    lookback=lambda _: 1,
)


@pytest.mark.parametrize(
    ("kind", "lacking"),
    [
        (0, {"returns"}),
        (1, {"excess"}),
        (2, {"returns", "excess", "return_intervals"}),
    ],
    ids=["cash", "held", "ruined"],
)
def test_what_is_not_defined_is_null_with_its_reason(kind: int, lacking: set[str]) -> None:
    market = market_of(wfo.load_sample("SP500")[:1_800])
    market = dataclasses.replace(market, settings=wfo.AccountSettings())
    found = finalist_figures(market, SITTING, {"kind": kind}, trials=1, resamples=20)
    # No trade is closed, so that nothing of trades is defined either.
    lacking = lacking | {"trade_intervals", "reshuffled"}
    assert set(found.reasons) == lacking
    for name in ("returns", "excess", "return_intervals", "trade_intervals", "reshuffled"):
        assert (getattr(found, name) is None) == (name in lacking)
    assert "0 closed trades are too few" in found.reasons["reshuffled"]
    if kind == 2:
        assert "not above 0" in found.reasons["returns"]
    else:
        assert "do not vary" in found.reasons["returns" if kind == 0 else "excess"]
    assert FinalistFigures.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_returns_of_intraday_bars_are_taken_by_session() -> None:
    days = wfo.load_sample("SP500")["date"][:700]
    hours = [dt.timedelta(hours=10 + k) for k in range(4)]
    # Every tenth session is half as long.
    stamps = [
        dt.datetime.combine(day, dt.time()) + hour
        for k, day in enumerate(days)
        for hour in (hours[:2] if k % 10 == 9 else hours)
    ]
    bars = random_bars(np.random.default_rng(1), len(stamps)).drop("date")
    column = pl.Series("datetime", stamps).dt.replace_time_zone("America/New_York")
    bars = bars.insert_column(0, column)
    year = count_year("1hour", dates(bars))
    market = dataclasses.replace(
        market_of(bars), settings=wfo.AccountSettings(), timeframe="1hour", year=year
    )
    found = finalist_figures(market, SITTING, {"kind": 1}, trials=1, resamples=5)
    warmup, end = market.bounds[0][0], market.bounds[-1][2]
    held = wfo.buy_and_hold(bars[:end], warmup=warmup, split=end - 1)
    closes = {
        s.date(): mark for s, mark in zip(stamps[warmup:end], held.equity[warmup:], strict=True)
    }
    returns = returns_of(np.array(list(closes.values())), 100_000.0)
    assert found.periods == len(returns) < found.bars == end - warmup
    # A year has 252 sessions, shorter ones among them, as the samples that it is deflated by count.
    assert found.periods_per_year == Periods.of(market).per_year == 252.0
    assert found.returns is not None
    year = math.sqrt(found.periods_per_year)
    ratio = returns.mean() / returns.std(ddof=1)
    assert found.returns.sharpe == pytest.approx(ratio * year, rel=1e-9)
    assert (found.first, found.last) == (str(stamps[warmup].date()), str(stamps[end - 1].date()))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"trials": 0}, "trials = 0"),
        ({"variance": -1.0}, "variance = -1.0"),
        ({"excess_variance": math.nan}, "variance = nan"),
        ({"resamples": 0}, "resamples = 0"),
        ({"seed": 1 << 32}, "seed = 4294967296"),
        ({"warmup": 10_000}, "warmup"),
    ],
)
def test_arguments_out_of_range_are_refused(told: Told, given: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        told.figures(**given)


# ---- plain values


def broken(data: Any, path: list[Any], value: Any) -> Any:
    *way, last = path
    at = data
    for step in way:
        at = at[step]
    if value is KeyError:
        del at[last]
    else:
        at[last] = value
    return data


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["phases", 0, "is_pnl"], "x", "figures: phases, 1: is_pnl must .* not 'x'"),
        (["phases", 0, "is_pnl"], True, "is_pnl must be of type float, not True"),
        (["stress", "cases", 1, "name"], "luck", "cases, 2: name must be one of .* not 'luck'"),
        (["stress"], KeyError, "figures lacks 'stress'"),
        (["stress", "more"], 1, "figures: stress has 'more'"),
        (["bars"], 1.5, r"figures: bars must be of type int, not 1\.5"),
        (["bars"], True, "figures: bars must be of type int, not True"),
        (["tradestation", "conditions"], {}, "conditions must be a list, not dict"),
        (["reasons"], [], "figures: reasons must be an object, not list"),
        (["returns"], 3, "figures: returns must be an object"),
        (["efficiency", "raw"], [], r"efficiency: raw must be of type float, not \[\]"),
        (["phases", 0, "is_years"], -1.0, "take time"),
    ],
)
def test_what_is_no_figure_is_refused_by_its_name(
    told: Told, path: list[Any], value: Any, said: str
) -> None:
    data = broken(json.loads(json.dumps(told.found.to_dict())), path, value)
    with pytest.raises((ResultsError, InputError), match=said):
        FinalistFigures.from_dict(data, "figures")


def test_numbers_keep_their_kind_and_what_is_not_finite_is_null() -> None:
    assert to_plain({"a": math.inf, "b": (1, 2.0, None, "x")}) == {
        "a": None,
        "b": [1, 2.0, None, "x"],
    }
    phase = from_plain(
        PhaseProfit,
        {"is_pnl": 1, "oos_pnl": 2.5, "is_years": 1, "oos_years": 1, "oos_drawdown_share": None},
        "a phase",
    )
    assert phase == PhaseProfit(1.0, 2.5, 1.0, 1.0, None)
    assert isinstance(phase.is_pnl, float)
    with pytest.raises(ResultsError, match="a phase must be an object, not int"):
        from_plain(PhaseProfit, 7, "a phase")
