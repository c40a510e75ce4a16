"""The metrics: against a public library, by tables small enough to compute by hand, by property."""

from __future__ import annotations

import datetime as dt
import json
import math
import warnings
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wfo
from wfo import metrics as m
from wfo.windows import Phase

DAY = dt.timedelta(days=1)
START = dt.date(2020, 1, 1)


def days(count: int, start: dt.date = START) -> list[dt.date]:
    return [start + i * DAY for i in range(count)]


def trades(*pnl: float) -> pl.DataFrame:
    return pl.DataFrame({"pnl": pnl}, schema={"pnl": pl.Float64})


def measured(equity: Any, *pnl: float, bars_per_year: float = 252, **options: Any) -> m.Metrics:
    options.setdefault("dates", days(len(equity)))
    return m.compute_metrics(equity, trades(*pnl), bars_per_year=bars_per_year, **options)


# A public library on the same equity


def random_equity(seed: int) -> np.ndarray:
    """Marks that rise and fall, stand still while flat, and leap now and then."""
    random = np.random.default_rng(seed)
    count = int(random.integers(30, 3000))
    returns = random.normal(random.uniform(-0.001, 0.002), random.uniform(0.001, 0.04), count)
    returns[random.random(count) < 0.3] = 0.0
    returns[random.random(count) < 0.01] *= 4
    return 100_000 * np.cumprod(np.concatenate([[1.0], 1 + np.maximum(returns, -0.9)]))


def closes(symbol: str) -> np.ndarray:
    return wfo.load_sample(symbol)["close"].to_numpy()


def last_phase(symbol: str) -> tuple[pl.DataFrame, Phase]:
    bars = wfo.load_sample(symbol)
    return bars, wfo.Windows.preset("default").resolve(bars["date"])[-1]


def simulated(combination: int) -> np.ndarray:
    bars, phase = last_phase("NASDAQ")
    params = wfo.Grid.load("smoke", "atr_d_l").params(combination)
    found = wfo.simulate(
        "atr_d_l", bars[: phase.end], params, split=phase.split, warmup=phase.warmup
    )
    return found.equity[phase.warmup - 1 :]


EQUITIES = {
    **{f"random {seed}": (lambda seed=seed: random_equity(seed)) for seed in range(8)},
    "NASDAQ": lambda: closes("NASDAQ"),
    "SP500": lambda: closes("SP500"),
    "a simulation": lambda: simulated(5),
    "another simulation": lambda: simulated(700),
}


@pytest.mark.parametrize("year", [252, 52, 19_656])
@pytest.mark.parametrize("name", EQUITIES)
def test_returns_and_risk_are_those_of_empyrical(name: str, year: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other libraries deprecate is no failure of ours
        empyrical = pytest.importorskip("empyrical")
    equity = EQUITIES[name]()
    returns = equity[1:] / equity[:-1] - 1
    found = measured(equity, bars_per_year=year)
    expected = {
        "total_return": empyrical.cum_returns_final(returns),
        "cagr": empyrical.cagr(returns, annualization=year),
        "volatility": empyrical.annual_volatility(returns, annualization=year),
        "sharpe": empyrical.sharpe_ratio(returns, annualization=year),
        "sortino": empyrical.sortino_ratio(returns, annualization=year),
        "mar": empyrical.calmar_ratio(returns, annualization=year),
        # It counts losses below zero, we count them above.
        "max_drawdown_share": -empyrical.max_drawdown(returns),
        "value_at_risk": -empyrical.value_at_risk(returns, cutoff=0.05),
    }
    for figure, value in expected.items():
        # A CAGR or drawdown near 0 is a difference of numbers near 1.
        assert getattr(found, figure) == pytest.approx(value, rel=1e-9, abs=1e-12), figure
        assert abs(value) > 1e-4, f"{figure} says nothing here"


def test_ulcer_index_and_days_are_those_of_quantstats() -> None:
    """What quantstats 0.0.86 makes of the closes of the NASDAQ sample, run once."""
    bars = wfo.load_sample("NASDAQ")
    found = measured(bars["close"].to_numpy(), dates=bars["date"].to_list())
    count = found.bars
    # It divides by n - 1, Martin by n.
    assert found.ulcer_index == pytest.approx(
        0.4566740675146387 * math.sqrt((count - 1) / count), rel=1e-12
    )
    assert found.sharpe == pytest.approx(0.34421526936065067, rel=1e-12)
    assert found.sortino == pytest.approx(0.491137959272008, rel=1e-12)
    assert found.cagr == pytest.approx(0.0566715544259242, rel=1e-12)
    assert found.mar == pytest.approx(0.07271887481223574, rel=1e-12)
    # It counts from the first mark under water to the last: 5519 days, 2000-03-13 to 2015-04-22.
    # The peak was on Friday before, and the recovery on the day after.
    assert found.max_drawdown_days == (dt.date(2015, 4, 23) - dt.date(2000, 3, 10)).days == 5522


# By hand

MARKS = [100.0, 110.0, 99.0, 99.0, 121.0, 60.5]


def test_marks_by_hand() -> None:
    dates = [dt.date(2020, 1, d) for d in (1, 2, 3, 6, 9, 10)]
    found = measured(MARKS, bars_per_year=10, dates=dates)
    assert (found.bars, found.first, found.last) == (5, dates[1], dates[-1])
    assert found.net_profit == -39.5
    assert found.total_return == pytest.approx(-0.395)
    assert found.cagr == pytest.approx(0.605**2 - 1)
    assert found.max_drawdown == 60.5
    assert found.max_drawdown_share == pytest.approx(0.5)
    # Under water from the 2nd, its peak, to the 9th, its recovery; the last fall lasts one day.
    assert found.max_drawdown_days == 7
    # Falls at the five closes: 0, 10 %, 10 %, 0, 50 %.
    assert found.ulcer_index == pytest.approx(math.sqrt((0.01 + 0.01 + 0.25) / 5))
    # Returns: 10 %, -10 %, 0, 2/9, -50 %. The 5 % quantile is a fifth of the way up from the worst.
    assert found.value_at_risk == pytest.approx(0.5 - 0.2 * 0.4)
    mean = (0.1 - 0.1 + 2 / 9 - 0.5) / 5
    squares = 0.01 + 0.01 + (2 / 9) ** 2 + 0.25
    spread = math.sqrt((squares - 5 * mean**2) / 4)
    assert found.volatility == pytest.approx(spread * math.sqrt(10))
    assert found.sharpe == pytest.approx(mean / spread * math.sqrt(10))
    assert found.sortino == pytest.approx(mean / math.sqrt(0.26 / 5) * math.sqrt(10))
    assert found.mar == pytest.approx((0.605**2 - 1) / 0.5)


def test_largest_falls_in_money_share_and_time_can_be_three() -> None:
    equity = [100, 60, 100, 1000, 900, 1000, 999, 998, 999, 1000]
    found = measured(equity)
    assert found.max_drawdown == 100
    assert found.max_drawdown_share == pytest.approx(0.4)
    assert found.max_drawdown_days == 4


@pytest.mark.parametrize(
    ("equity", "expected"),
    [
        # Days pass between a peak and its recovery; marks at the peak are not below it.
        ([100, 100, 100], 0),
        ([100, 101, 102], 0),
        ([100, 100, 99, 100], 2),
        ([100, 99, 99, 99], 3),
        ([100, 99, 101, 99], 2),
        ([100, 99, 101, 100, 100, 102], 3),
    ],
)
def test_days_of_drawdown_by_hand(equity: list[float], expected: int) -> None:
    assert measured(equity).max_drawdown_days == expected


@pytest.mark.parametrize(
    ("pnl", "expected"),
    [
        # win rate, profit factor, average win, average loss, expectancy
        ((100, -50, 0, 30, -20), (0.4, 130 / 70, 65, -35, 12)),
        ((100,), (1, None, 100, None, 100)),
        ((-40, -20), (0, 0, None, -30, -30)),
        ((0, 0), (0, None, None, None, 0)),
        ((), (None, None, None, None, None)),
    ],
)
def test_trades_by_hand(pnl: tuple[float, ...], expected: tuple[float | None, ...]) -> None:
    found = measured(MARKS, *pnl)
    names = ("win_rate", "profit_factor", "average_win", "average_loss", "expectancy")
    assert found.trades == len(pnl)
    for name, value in zip(names, expected, strict=True):
        got = getattr(found, name)
        assert got is None if value is None else got == pytest.approx(value), name


RETURNS = {"cagr", "volatility", "sharpe", "sortino", "mar", "value_at_risk"}
RATIOS = {"sharpe", "sortino", "mar"}

# In three bars of 252: 1e300 a year.
LEAP = 10 ** (300 * 3 / 252)


@pytest.mark.parametrize(
    ("equity", "missing"),
    [
        ([100, 100, 100, 100], RATIOS),
        # Growth at one rate: what differs between the returns is rounding.
        ([100 * 1.01**k for k in range(50)], RATIOS),
        ([100, 101, 103, 104], {"sortino", "mar"}),
        # A loss of the last digit is none.
        ([100, 101, math.nextafter(101, 0), 102], {"sortino", "mar"}),
        # A growth of 1e300 a year by a drawdown of 1e-12.
        ([1, LEAP, LEAP * (1 - 1e-12), LEAP], {"mar"}),
        ([100, 110], {"volatility", "sharpe", "sortino", "mar"}),
        ([100, 90], {"volatility", "sharpe"}),
        ([100, 50, -10, 60], RETURNS),
        ([100, 50, 0], RETURNS),
        # A part that begins in ruin has amounts of money only.
        ([-5, -5, -5], RETURNS | {"total_return", "max_drawdown_share", "ulcer_index"}),
        ([0, 10, 20], RETURNS | {"total_return", "max_drawdown_share", "ulcer_index"}),
        # A thousandfold in a bar is no number a year.
        ([1, 1e6], {"cagr", "volatility", "sharpe", "sortino", "mar"}),
    ],
)
def test_what_is_not_defined_is_none(equity: list[float], missing: set[str]) -> None:
    found = measured(equity, 1.0, -1.0, held=[True] * (len(equity) - 1)).to_dict()
    assert {name for name, value in found.items() if value is None} == missing


def test_figures_of_standing_still_and_of_losing_more_than_everything() -> None:
    still = measured([100, 100, 100])
    assert (still.volatility, still.cagr, still.value_at_risk, still.ulcer_index) == (0, 0, 0, 0)
    assert repr(still.value_at_risk) == "0.0"
    ruin = measured([100, 120, -60])
    assert ruin.max_drawdown == 180
    assert ruin.max_drawdown_share == pytest.approx(1.5)
    assert ruin.total_return == pytest.approx(-1.6)
    # Where every bar gains, so does the worst twentieth.
    assert measured([100, 101, 103]).value_at_risk == pytest.approx(
        -(0.01 + 0.05 * (103 / 101 - 1.01))
    )


MONEY = st.one_of(
    st.sampled_from([0.0, 100.0, 100_000.0, -100.0]),
    st.floats(1e-3, 1e9),
    st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-6),
)


@given(
    st.lists(MONEY, min_size=2, max_size=40),
    st.lists(MONEY, max_size=10),
    st.sampled_from([1.0, 52.0, 252.0, 105_120.0]),
)
@settings(max_examples=120)
def test_figures_are_finite_or_none(equity: list[float], pnl: list[float], year: float) -> None:
    found = measured(equity, *pnl, bars_per_year=year)
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.max_drawdown >= 0
    assert found.max_drawdown >= -found.net_profit
    for name in ("max_drawdown_share", "ulcer_index", "volatility", "profit_factor"):
        value = getattr(found, name)
        assert value is None or value >= 0, name
    if found.max_drawdown_share is not None and found.ulcer_index is not None:
        assert found.ulcer_index <= found.max_drawdown_share * (1 + 1e-12)
    assert (found.max_drawdown_days == 0) == (found.max_drawdown == 0)


@given(st.lists(st.floats(1, 1e6), min_size=3, max_size=30), st.sampled_from([0.25, 8.0, 1024.0]))
def test_relative_figures_do_not_depend_on_the_currency(equity: list[float], rate: float) -> None:
    here, there = measured(equity), measured([rate * e for e in equity])
    for d in m.DEFINITIONS:
        ours, theirs = getattr(here, d.name), getattr(there, d.name)
        if ours is not None and d.unit == "money":
            ours *= rate
        # A power of two changes no digit.
        assert ours == theirs, d.name


def test_every_figure_is_described_once() -> None:
    names = [d.name for d in m.DEFINITIONS]
    fields = set(measured(MARKS).to_dict()) - {"first", "last"}
    assert len(names) == len(set(names))
    assert set(names) == fields
    titles = [(d.title, d.unit) for d in m.DEFINITIONS]
    assert len(titles) == len(set(titles))


# Parts of a simulation


@pytest.mark.parametrize("combination", [0, 5, 700, 1000])
def test_parts_are_those_that_the_engine_counts(combination: int) -> None:
    bars, phase = last_phase("NASDAQ")
    params = wfo.Grid.load("smoke", "atr_d_l").params(combination)
    cut = wfo.Settings(slip=0.0005, fee=0.0002)
    dates = bars["date"].to_list()
    sim = wfo.simulate(
        "atr_d_l", bars, params, split=phase.split, warmup=phase.warmup, settings=cut
    )
    parts = m.simulation_metrics(
        sim, dates, warmup=phase.warmup, split=phase.split, bars_per_year=252
    )
    for part, pnl, dd, count in (
        (parts.in_sample, sim.is_pnl, sim.is_dd, sim.is_trades),
        (parts.out_of_sample, sim.oos_pnl, sim.oos_dd, sim.oos_trades),
    ):
        assert part.net_profit == pytest.approx(pnl, rel=1e-12, abs=1e-9)
        assert part.max_drawdown == pytest.approx(dd, rel=1e-12, abs=1e-9)
        assert part.trades == count
    whole, first, second = parts.whole, parts.in_sample, parts.out_of_sample
    assert whole.bars == first.bars + second.bars == len(bars) - phase.warmup
    assert whole.trades == first.trades + second.trades == len(sim.trades)
    assert whole.net_profit == pytest.approx(first.net_profit + second.net_profit)
    assert whole.total_return == pytest.approx(
        (1 + (first.total_return or 0)) * (1 + (second.total_return or 0)) - 1
    )
    assert whole.exposure is not None
    assert whole.exposure * whole.bars == pytest.approx(
        (first.exposure or 0) * first.bars + (second.exposure or 0) * second.bars
    )
    assert (first.first, first.last) == phase.in_sample
    assert (second.first, second.last) == phase.out_of_sample
    json.dumps(parts.to_dict(), allow_nan=False)


def test_trade_counts_where_it_closed_and_its_bars_where_they_were() -> None:
    # Bars 1 and 2 are in-sample, 3 and 4 out-of-sample; one trade from bar 2 to 4, one in bar 1.
    frame = pl.DataFrame(
        {"entry_bar": [0, 2], "exit_bar": [1, 4], "pnl": [-10.0, 50.0]},
        schema_overrides={"entry_bar": pl.Int64, "exit_bar": pl.Int64},
    )
    equity = np.array([100.0, 90, 95, 120, 140])
    sim = wfo.Simulation(frame, equity, 0, 0, 0, 0, 0, 0)
    parts = m.simulation_metrics(sim, days(5), warmup=1, split=3, bars_per_year=252)
    assert (parts.in_sample.trades, parts.out_of_sample.trades) == (1, 1)
    assert parts.in_sample.expectancy == -10
    assert parts.out_of_sample.expectancy == 50
    assert parts.in_sample.net_profit == -5
    assert parts.in_sample.exposure == 0.5
    assert parts.out_of_sample.exposure == 0.5
    assert parts.whole.exposure == 0.5


def held_by_hand(*pairs: tuple[int, int, float], equity: list[float]) -> list[int]:
    frame = pl.DataFrame(
        pairs,
        schema={"entry_bar": pl.Int64, "exit_bar": pl.Int64, "pnl": pl.Float64},
        orient="row",
    )
    return np.flatnonzero(m.bars_held(np.array(equity), frame)).tolist()


def test_bars_held_by_hand() -> None:
    assert held_by_hand(equity=[100, 100, 100]) == []
    # Open to the end, never closed.
    assert held_by_hand(equity=[100, 100, 101, 101]) == [2, 3]
    # The bar of the exit holds nothing; a trade within one bar neither.
    assert held_by_hand((1, 3, 5.0), equity=[100, 101, 102, 105, 105]) == [1, 2]
    assert held_by_hand((1, 1, 5.0), equity=[100, 105, 105]) == []
    # A reversal holds without a gap, also where the second trade is still open: the mark of the
    # bar in which the first one closed is not what it settled.
    assert held_by_hand((1, 3, 5.0), (3, 4, -5.0), equity=[100, 101, 102, 103, 100]) == [1, 2, 3]
    assert held_by_hand((1, 3, 5.0), equity=[100, 101, 102, 103, 103]) == [1, 2, 3, 4]
    assert held_by_hand((1, 3, 5.0), equity=[100, 101, 102, 105, 107]) == [1, 2, 4]


@pytest.mark.parametrize("combination", [0, 5, 700, 1000])
def test_position_open_at_the_end_is_held_like_one_that_will_close(combination: int) -> None:
    # Ending the history earlier leaves the last trade open, and changes nothing before.
    bars, phase = last_phase("NASDAQ")
    params = wfo.Grid.load("smoke", "atr_d_l").params(combination)

    def simulate(end: int) -> wfo.Simulation:
        return wfo.simulate(
            "atr_d_l", bars[:end], params, split=phase.warmup + 2, warmup=phase.warmup,
            settings=wfo.Settings(slip=0.001),
        )  # fmt: skip

    whole = simulate(phase.end)
    expected = m.bars_held(whole.equity, whole.trades)
    open_ends = 0
    for end in range(phase.warmup + 5, phase.end, 37):
        sim = simulate(end)
        assert (m.bars_held(sim.equity, sim.trades) == expected[:end]).all(), end
        open_ends += len(sim.trades) < (whole.trades["entry_bar"] < end).sum()
    assert open_ends > 3


# What cannot be measured


@pytest.mark.parametrize(
    ("equity", "options", "message"),
    [
        ([100.0], {}, "shape"),
        ([[1.0, 2.0]], {"dates": days(1)}, "shape"),
        (MARKS, {"dates": days(5)}, "5 dates for 6 marks"),
        (MARKS, {"dates": days(6)[::-1]}, "ascend"),
        ([100.0, math.nan], {}, "finite"),
        ([100.0, math.inf], {}, "finite"),
        (MARKS, {"bars_per_year": 0}, "bars_per_year = 0"),
        (MARKS, {"bars_per_year": math.nan}, "bars_per_year = nan"),
        (MARKS, {"held": [True] * 6}, "held"),
    ],
)
def test_marks_that_cannot_be_measured(equity: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(wfo.InputError, match=message):
        measured(equity, **options)


def test_parts_that_cannot_be_measured() -> None:
    frame = pl.DataFrame(schema={"entry_bar": pl.Int64, "exit_bar": pl.Int64, "pnl": pl.Float64})
    sim = wfo.Simulation(frame, np.full(5, 100.0), 0, 0, 0, 0, 0, 0)
    for warmup, split in ((0, 2), (2, 2), (2, 5), (3, 2)):
        with pytest.raises(wfo.InputError, match=f"warmup = {warmup}, split = {split}"):
            m.simulation_metrics(sim, days(5), warmup=warmup, split=split, bars_per_year=252)
    with pytest.raises(wfo.InputError, match="4 dates for the 5 marks"):
        m.simulation_metrics(sim, days(4), warmup=1, split=3, bars_per_year=252)


# Bars held long


def _trades(*rows: tuple[str, int, int]) -> pl.DataFrame:
    schema = {"side": pl.String, "entry_bar": pl.Int64, "exit_bar": pl.Int64, "pnl": pl.Float64}
    return pl.DataFrame([(*row, 0.0) for row in rows], schema=schema, orient="row")


@pytest.mark.parametrize(
    ("trades", "marks", "long"),
    [
        # A long of bars 1 and 2, a short of bars 4 and 5.
        ([("long", 1, 3), ("short", 4, 6)], [9.0, 9, 9, 9, 9, 9, 9, 9], [1, 2]),
        # Open to the end: it rises with the closes, falls, or is seen on one bar only.
        ([("short", 1, 3)], [9.0, 9, 9, 9, 9.5, 10.5, 11.5, 12.5], [4, 5, 6, 7]),
        ([("long", 1, 3)], [9.0, 9, 9, 9, 8.5, 7.5, 6.5, 5.5], [1, 2]),
        ([("long", 1, 3)], [9.0, 9, 9, 9, 9, 9, 9, 9.5], [1, 2]),
        ([], [9.0, 9, 9, 9, 9, 9, 9, 9], []),
    ],
)
def test_bars_held_long_by_hand(
    trades: list[tuple[str, int, int]], marks: list[float], long: list[int]
) -> None:
    closes = np.arange(10.0, 18.0)
    found = m.bars_long(np.array(marks), _trades(*trades), closes, shorts=True)
    assert np.flatnonzero(found).tolist() == long


def test_without_shorts_all_that_is_held_is_long() -> None:
    marks = np.array([9.0, 9, 9, 9, 9, 9, 9, 9.5])
    trades = _trades(("long", 1, 3))
    found = m.bars_long(marks, trades, np.arange(10.0, 18.0), shorts=False)
    assert np.flatnonzero(found).tolist() == [1, 2, 7]


def test_buy_and_hold_has_figures_of_equity_and_none_of_trades() -> None:
    marks = np.array([100.0, 110, 99, 121, 121])
    days = [dt.date(2020, 1, i) for i in range(1, 6)]
    found = m.held_metrics(marks, days, warmup=1, split=3, bars_per_year=252)
    assert found.in_sample.net_profit == -1
    assert found.out_of_sample.net_profit == 22
    assert found.whole.total_return == pytest.approx(0.21)
    assert found.whole.max_drawdown_share == pytest.approx(0.1)
    for part in (found.in_sample, found.out_of_sample, found.whole):
        assert (part.trades, part.win_rate, part.expectancy, part.exposure) == (0, None, None, 1.0)
    with pytest.raises(wfo.InputError, match="4 dates for the 5 marks"):
        m.held_metrics(marks, days[:4], warmup=1, split=3, bars_per_year=252)
    with pytest.raises(wfo.InputError, match="warmup < split < bars"):
        m.held_metrics(marks, days, warmup=1, split=5, bars_per_year=252)
