"""What looks wrong with bars that have no errors: wicks, splits, minutes against days."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_data_checks import session_bars

import wfo.data.quality
from wfo.data import check_bars, load_sample, read_bars
from wfo.data.calendars import load_sessions
from wfo.data.frames import PRICES


def sessions(count: int) -> list[dt.date]:
    days = load_sessions("XNYS", dt.date(2020, 1, 2), dt.date(2023, 12, 29)).frame["session"]
    return days.head(count).to_list()


def walk(count: int, seed: int = 1, step: float = 0.01) -> pl.DataFrame:
    """Daily bars that wander, each opening where the last one closed but for a little."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, step, count)))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, step / 4, count))
    high = np.maximum(open_, close) * (1 + rng.uniform(0, step / 2, count))
    low = np.minimum(open_, close) * (1 - rng.uniform(0, step / 2, count))
    return pl.DataFrame(
        {"date": sessions(count), "open": open_, "high": high, "low": low, "close": close}
    ).with_columns(volume=pl.lit(1000.0))


def scaled(bars: pl.DataFrame, factor: float, first: int, last: int | None = None) -> pl.DataFrame:
    """Bars with the prices of some rows multiplied."""
    row = pl.int_range(pl.len())
    chosen = (row >= first) & (row < (bars.height if last is None else last))
    return bars.with_columns(
        pl.when(chosen).then(pl.col(p) * factor).otherwise(pl.col(p)) for p in PRICES
    )


def with_cell(bars: pl.DataFrame, column: str, row: int, value: float) -> pl.DataFrame:
    cells = bars[column].to_list()
    cells[row] = value
    return bars.with_columns(pl.Series(column, cells))


def warnings(bars: pl.DataFrame, word: str) -> list[str]:
    return [w for w in check_bars(bars).warnings if word in w]


# Wicks


@given(
    row=st.integers(2, 97),
    size=st.floats(0.2, 3.0),
    up=st.booleans(),
    seed=st.integers(0, 50),
)
def test_a_wick_of_many_ranges_is_found_and_nothing_else(
    row: int, size: float, up: bool, seed: int
) -> None:
    bars = walk(100, seed)
    assert warnings(bars, "wick") == []
    # The bars' ranges are some 2 %: 20 % and more are 4 of them from anywhere nearby.
    side = "high" if up else "low"
    body = max(bars["open"][row], bars["close"][row])
    value = body * (1 + size) if up else body / (1 + size)
    found = warnings(with_cell(bars, side, row, value), "wick")
    assert len(found) == 1
    assert found[0].startswith("1 wick reaches more than 4 usual ranges")
    assert f"{bars['date'][row]} ({side} {value:g}, " in found[0]


@pytest.mark.parametrize(("count", "row"), [(41, 20), (120, 9), (120, 11), (120, 60), (120, 110)])
def test_a_wick_is_measured_in_the_median_range_around_it(count: int, row: int) -> None:
    """A bar of 100 with a range of 2 on every bar: 4 ranges above body and neighbours is 109."""
    bars = pl.DataFrame({"date": sessions(count)}).with_columns(
        open=pl.lit(100.0), high=pl.lit(101.0), low=pl.lit(99.0), close=pl.lit(100.0)
    )
    assert warnings(with_cell(bars, "high", row, 109.0), "wick") == []
    found = warnings(with_cell(bars, "high", row, 109.1), "wick")
    assert "(high 109.1, 4.0 ranges)" in found[0]
    assert warnings(with_cell(bars, "low", row, 91.0), "wick") == []
    assert "(low 90.9, 4.0 ranges)" in warnings(with_cell(bars, "low", row, 90.9), "wick")[0]


@pytest.mark.parametrize("piece", [1, 16, 65_536])
def test_findings_do_not_depend_on_how_many_bars_are_looked_at_together(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wfo.data.quality, "_PIECE", piece)
    bars = scaled(walk(200), 0.5, 97)
    for row in (0, 26, 28, 59, 199):
        bars = with_cell(bars, "high", row, bars["high"][row] * 1.5)
    assert warnings(bars, "wick")[0].startswith("5 wicks reach")
    assert warnings(bars, "split")[0].startswith("1 move looks")


def test_a_crash_that_its_neighbours_share_is_no_wick() -> None:
    bars = walk(100)
    low = bars["low"][50] * 0.7
    both = with_cell(with_cell(bars, "low", 50, low), "low", 51, low)
    assert warnings(both, "wick") == []


def test_several_wicks_are_one_sentence() -> None:
    bars = walk(100)
    for row in (10, 30, 50, 70):
        bars = with_cell(bars, "high", row, bars["high"][row] * 1.5)
    found = warnings(bars, "wick")
    assert len(found) == 1
    assert found[0].startswith("4 wicks reach")
    assert found[0].endswith("and 1 more")
    assert all(str(bars["date"][r]) in found[0] for r in (10, 30, 50))


def test_bars_without_a_range_have_no_wicks() -> None:
    bars = pl.DataFrame({"date": sessions(41)}).with_columns(
        *(pl.lit(100.0).alias(p) for p in PRICES)
    )
    assert warnings(with_cell(bars, "high", 20, 200.0), "wick") == []


# Splits

RATIOS = ["3:2", "2:1", "3:1", "4:1", "5:1", "10:1", "20:1", "1:2", "1:3", "1:10", "2:3"]


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_split_is_named_with_its_ratio(ratio: str) -> None:
    new, old = (int(n) for n in ratio.split(":"))
    bars = walk(100)
    assert warnings(bars, "split") == []
    found = warnings(scaled(bars, old / new, 50), "split")
    assert len(found) == 1, "one kind of message, whatever the size"
    assert found[0].startswith("1 move looks like an unadjusted split")
    assert str(bars["date"][50]) in found[0]
    assert found[0].endswith(f", {ratio})")


def test_a_split_in_a_rally_is_found_though_the_day_moved_less_than_40_percent() -> None:
    bars = scaled(walk(100), 0.5, 50)
    bars = scaled(bars, 1.0, 0)
    # The open is at half; the day then rises by 22 %, so that close to close it is -39 %.
    risen = bars["close"][49] * 0.61
    bars = with_cell(with_cell(bars, "close", 50, risen), "high", 50, risen)
    bars = with_cell(bars, "open", 50, bars["close"][49] * 0.5)
    bars = with_cell(bars, "low", 50, bars["close"][49] * 0.5)
    found = warnings(bars, "split")
    assert len(found) == 1
    assert "(-39.0%, 2:1)" in found[0]


def test_a_gap_that_is_closed_again_is_no_split() -> None:
    """By a third overnight, as 3:2, but the day ends where the one before did."""
    bars = walk(100)
    third = bars["close"][49] * 2 / 3
    assert warnings(with_cell(with_cell(bars, "open", 50, third), "low", 50, third), "split") == []


def test_a_wild_market_has_no_splits_of_3_to_2() -> None:
    """A gap of a third among gaps of a sixth does not stand out, but one of half is too large."""
    bars = walk(100)
    for k in range(31, 70, 2):
        bars = scaled(bars, 0.85, k, k + 1)
    fallen = scaled(bars, 0.85, 50)
    assert warnings(scaled(fallen, 2 / 3, 50), "split") == []
    assert len(warnings(scaled(fallen, 1 / 2, 50), "split")) == 1


def test_a_fall_of_half_that_is_no_split_of_a_usual_ratio_is_said_too() -> None:
    found = warnings(scaled(walk(100), 0.57, 50), "split")
    assert len(found) == 1
    assert str(walk(100)["date"][50]) in found[0]
    assert ":1" not in found[0]


@pytest.mark.parametrize(("shared", "count"), [(True, 0), (False, 1)])
def test_a_move_that_the_adjusted_close_shares_is_no_split(shared: bool, count: int) -> None:
    plain = walk(100)
    bars = scaled(plain, 2 / 3, 50)
    adjusted = bars["close"] if shared else plain["close"] * (2 / 3)
    assert len(warnings(bars.with_columns(adj_close=adjusted), "split")) == count


# Minutes against days


def minutes_and_days(count: int = 12, seed: int = 3) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars of 5 minutes, and the days that they make."""
    days = sessions(count)
    bars = session_bars(days[0], days[-1], 5).select("datetime")
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, bars.height)))
    open_ = np.concatenate([[100.0], close[:-1]])
    bars = bars.with_columns(
        open=pl.Series(open_),
        high=pl.Series(np.maximum(open_, close) * 1.0002),
        low=pl.Series(np.minimum(open_, close) * 0.9998),
        close=pl.Series(close),
        volume=pl.Series(rng.integers(100, 200, bars.height).astype(float)),
    )
    daily = bars.group_by(pl.col("datetime").dt.date().alias("date"), maintain_order=True).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    assert daily["date"].to_list() == days
    return bars, daily


def disagreements(bars: pl.DataFrame, daily: pl.DataFrame) -> list[str]:
    alone = check_bars(bars, "5min").warnings
    report = check_bars(bars, "5min", daily=daily)
    assert report.errors == ()
    return [w for w in report.warnings if w not in alone]


def test_minutes_that_make_the_days_agree() -> None:
    assert disagreements(*minutes_and_days()) == []


def test_a_difference_within_the_tolerance_is_none() -> None:
    bars, daily = minutes_and_days()
    assert disagreements(bars, with_cell(daily, "high", 4, daily["high"][4] * 1.0019)) == []


@pytest.mark.parametrize("price", PRICES)
def test_a_price_that_differs_is_named_with_its_first_session(price: str) -> None:
    bars, daily = minutes_and_days()
    up = price != "low"
    for row in (4, 7):
        daily = with_cell(daily, price, row, daily[price][row] * (1.01 if up else 0.99))
    found = disagreements(bars, daily)
    assert len(found) == 1
    assert found[0].startswith(f"2 sessions differ in {price} by more than 0.2%")
    assert f"first {daily['date'][4]}," in found[0]
    assert ("(+1.00%)" if up else "(-1.00%)") in found[0]


def test_a_constant_factor_is_one_finding() -> None:
    bars, daily = minutes_and_days()
    found = disagreements(bars, scaled(daily, 2.0, 0))
    assert len(found) == 1
    assert found[0].startswith("daily prices are 5min prices times a constant")
    assert f"2 times from {daily['date'][0]} to {daily['date'][-1]}" in found[0]


def test_factors_that_change_at_a_dividend_are_one_finding_for_each_stretch() -> None:
    bars, daily = minutes_and_days(24)
    paid = scaled(scaled(daily, 0.99, 0, 16), 0.985, 0, 8)
    paid = with_cell(paid, "low", 20, paid["low"][20] * 0.97)
    found = disagreements(bars, paid)
    assert len(found) == 2
    assert f"0.97515 times from {daily['date'][0]} to {daily['date'][7]}" in found[0]
    assert f"0.99 times from {daily['date'][8]} to {daily['date'][15]}" in found[0]
    assert found[1].startswith("1 session differs in low")
    assert f"first {daily['date'][20]}," in found[1]


def test_one_session_with_other_prices_is_no_adjustment() -> None:
    bars, daily = minutes_and_days()
    found = disagreements(bars, scaled(daily, 1.05, 5, 6))
    assert [w.split(" by more")[0] for w in found] == [f"1 session differs in {p}" for p in PRICES]
    assert all(str(daily["date"][5]) in w for w in found)


def test_volumes_are_compared_with_their_usual_ratio() -> None:
    bars, daily = minutes_and_days()
    wider = daily.with_columns(pl.col("volume") * 1.5)
    assert disagreements(bars, wider) == []
    odd = with_cell(wider, "volume", 6, wider["volume"][6] * 10)
    found = disagreements(bars, odd)
    assert len(found) == 1
    assert found[0].startswith("1 session differs in volume")
    assert f"first {daily['date'][6]}," in found[0]
    part = disagreements(bars, daily.with_columns(pl.col("volume") * 40))
    assert part == ["daily volumes are 40 times those of the 5min bars, in the median"]


def test_days_that_only_one_has_are_not_compared() -> None:
    bars, daily = minutes_and_days()
    assert disagreements(bars, daily[3:5]) == []
    later = daily.with_columns(pl.col("date").dt.offset_by("10y"))
    assert disagreements(bars, later) == []


def test_daily_bars_are_not_compared_with_themselves() -> None:
    daily = walk(30)
    assert check_bars(daily, daily=scaled(daily, 3.0, 0)).warnings == ()


@given(
    cells=st.lists(
        st.tuples(*(st.floats(0.01, 1e6) for _ in range(4)), st.floats(0, 1e9)),
        min_size=1,
        max_size=40,
    ),
    adjusted=st.lists(st.none() | st.floats(0.01, 1e6), min_size=40, max_size=40),
    factor=st.floats(0.01, 100),
)
def test_any_bars_without_errors_can_be_checked(
    cells: list[tuple[float, ...]], adjusted: list[float | None], factor: float
) -> None:
    """Warnings are sentences on one line, and the same each time."""
    prices = np.sort(np.asarray([c[:4] for c in cells]), axis=1)
    daily = pl.DataFrame(
        {
            "date": sessions(len(cells)),
            "open": prices[:, 1],
            "high": prices[:, 3],
            "low": prices[:, 0],
            "close": prices[:, 2],
            "volume": [c[4] for c in cells],
            "adj_close": pl.Series(adjusted[: len(cells)], dtype=pl.Float64),
        }
    )
    report = check_bars(daily, calendar="none")
    assert report.errors == ()
    assert all(w and "\n" not in w and "nan" not in w for w in report.warnings)
    assert check_bars(daily, calendar="none") == report
    zone = "America/New_York"
    noon = pl.col("date").cast(pl.Datetime("us")).dt.offset_by("12h").dt.replace_time_zone(zone)
    hours = daily.select(noon.alias("datetime"), *daily.columns[1:-1])
    against = check_bars(hours, "1hour", daily=scaled(daily, factor, 0), spacing=False)
    assert against.errors == ()
    assert all(w and "\n" not in w and "nan" not in w for w in against.warnings)


# Real bars


@pytest.mark.parametrize(
    ("name", "timeframe", "calendar", "wicks"),
    [
        ("QQQ_1day", "1day", "XNYS", 1),
        ("SMH_1day", "1day", "XNYS", 0),
        ("SPY_1day", "1day", "XNYS", 0),
        ("TQQQ_1day", "1day", "XNYS", 0),
        ("QQQ_5min", "5min", "XNYS", 2),
        ("TQQQ_5min", "5min", "XNYS", 1),
        ("BTCUSDTPERP_1hour", "1hour", "24/7", 3),
    ],
)
def test_real_bars_have_as_few_wicks_as_the_docstring_says_and_no_split(
    name: str, timeframe: str, calendar: str, wicks: int, real_bars: Path
) -> None:
    path = real_bars / f"{name}.csv"
    found = read_bars(path, timeframe=timeframe, calendar=calendar, repair=True).origin.warnings
    said = [w for w in found if "wick" in w]
    assert [int(w.split()[0]) for w in said] == [wicks] * bool(wicks)
    assert not [w for w in found if "split" in w]


def test_the_real_high_that_is_wrong_is_found(real_bars: Path) -> None:
    daily = read_bars(real_bars / "QQQ_1day.csv").frame
    bars = read_bars(real_bars / "QQQ_5min.csv", timeframe="5min").frame
    found = disagreements(bars, daily)
    assert len(found) == 1
    assert "in high" in found[0]
    assert "first 2025-07-16" in found[0]


def test_the_sample_has_neither_wicks_nor_splits() -> None:
    for name in ("NASDAQ", "SP500"):
        assert not [w for w in check_bars(load_sample(name)).warnings if "volume" not in w]
    assert math.isfinite(load_sample("SP500")["close"].sum())
