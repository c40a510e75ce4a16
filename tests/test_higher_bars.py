"""Longer bars for rules: which bars make one and when it is closed, against `wfo.data.resample`."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
from wfo.backtest.lookahead import check_lookahead
from wfo.data import resample, sample_store
from wfo.data.calendars import is_same_calendar, load_sessions
from wfo.data.higher_bars import higher_bars
from wfo.errors import DataError, InputError
from wfo.grid import Grid
from wfo.rules.authoring.building import drafted
from wfo.rules.authoring.rules import _stated
from wfo.rules.compiled import Permutations, compiled
from wfo.rules.program import Program
from wfo.rules.record import from_record, to_record
from wfo.rules.reference.columns import evaluate
from wfo.rules.reference.groups import Groups
from wfo.runs.inputs import check_calendar, load_inputs
from wfo.stats.permutation import permuted_feeds
from wfo.strategy.feed import is_groups
from wfo.strategy.value import lookback_on

NEW_YORK = "America/New_York"

#: Half a year with a holiday in a week, a half day and a change of the clocks.
FIRST, LAST = dt.date(2023, 10, 2), dt.date(2024, 4, 5)


def intraday(minutes: int, begin: str = "08:00", end: str = "17:00") -> pl.DataFrame:
    """Return bars of New York with gaps, in and around the sessions, weekends left out."""
    rng = np.random.default_rng(minutes)
    every = f"{minutes}m"
    stamps = pl.datetime_range(FIRST, LAST, every, time_zone=NEW_YORK, eager=True).alias("datetime")
    clock = stamps.dt.strftime("%H:%M")
    stamps = stamps.filter((clock >= begin) & (clock < end) & (stamps.dt.weekday() < 6))
    # Single bars are missing, and whole hours of some days.
    stamps = stamps.filter(pl.Series(rng.random(len(stamps)) > 0.15))
    busy = rng.random(40 * 9) > 0.1
    hours = (stamps.dt.ordinal_day().cast(pl.Int64) % 40) * 9 + stamps.dt.hour().cast(pl.Int64) % 9
    stamps = stamps.filter(pl.Series(busy[hours.to_numpy()]))
    return priced(stamps)


def daily() -> pl.DataFrame:
    """Return days of New York, some of them missing."""
    days = wfo.load_sample("SP500")["date"][:900]
    kept = np.random.default_rng(1).random(len(days)) > 0.1
    return priced(days.filter(pl.Series(kept)))


def priced(stamps: pl.Series) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    close = np.round(100 + np.cumsum(rng.normal(0, 0.1, len(stamps))), 2)
    open_ = np.round(close + rng.normal(0, 0.1, len(stamps)), 2)
    return pl.DataFrame(
        {
            stamps.name: stamps,
            "open": open_,
            "high": np.maximum(open_, close) + 0.25,
            "low": np.minimum(open_, close) - 0.25,
            "close": close,
            "volume": rng.integers(1, 100, len(stamps)).astype(float),
        }
    )


CASES = [
    *((15, to) for to in ("30min", "1hour", "4hour", "1day", "1week")),
    *((60, to) for to in ("4hour", "1day")),
    (0, "1week"),
]


def bars_of(minutes: int) -> tuple[pl.DataFrame, str]:
    if not minutes:
        return daily(), "1day"
    return intraday(minutes), {15: "15min", 60: "1hour"}[minutes]


@pytest.mark.parametrize(("minutes", "to"), CASES)
@pytest.mark.parametrize("calendar", ["XNYS", "none"])
def test_longer_bars_are_those_that_resampling_makes(minutes: int, to: str, calendar: str) -> None:
    bars, base = bars_of(minutes)
    stamps = bars.to_series(0)
    found = higher_bars(stamps, to, calendar)
    groups = Groups.of({"x": found._asdict()}, "x", len(bars))
    far = dt.date(2100, 1, 1)
    made = resample(bars, base, to, calendar=calendar, complete_to=far).frame
    assert len(groups) == len(made) > 20
    for name in ("open", "high", "low", "close", "volume"):
        values = groups.gathered(bars[name].to_numpy(), name)
        assert values.tolist() == made[name].to_list(), name


@pytest.mark.parametrize("to", ["30min", "1hour", "1day"])
def test_they_are_closed_by_the_bar_that_reaches_their_end(to: str) -> None:
    sessions = load_sessions("XNYS", FIRST, LAST).frame
    closes = dict(zip(sessions["session"], sessions["close"], strict=True))
    bars = intraday(15, "09:30", "16:00")
    inside = [s.date() in closes and s < closes[s.date()] for s in bars["datetime"]]
    bars = bars.filter(pl.Series(inside))
    made = resample(bars, "15min", to, complete_to=dt.date(2100, 1, 1)).frame
    if to == "1day":
        ends = [closes[day] for day in made["date"]]
    else:
        long = dt.timedelta(minutes=60 if to == "1hour" else 30)
        ends = [min(begin + long, closes[begin.date()]) for begin in made["datetime"]]
    quarter = dt.timedelta(minutes=15)
    wanted = [bisect_right(ends, stamp + quarter) for stamp in bars["datetime"]]
    found = higher_bars(bars["datetime"], to, "XNYS")
    assert found.closed.tolist() == wanted
    # Some are closed by a later bar, as the one at their end is missing.
    by_own = (found.closed == found.group + 1)[np.flatnonzero(np.diff(found.group))]
    assert 0 < by_own.sum() < len(by_own)


def test_a_week_is_closed_by_its_last_session() -> None:
    # Good Friday is the 29th, Monday the 1st trades.
    days = [dt.date(2024, 3, d) for d in (21, 22, 25, 26, 27, 28)] + [dt.date(2024, 4, 1)]
    found = higher_bars(pl.Series("date", days), "1week", "XNYS")
    assert found.group.tolist() == [0, 0, 1, 1, 1, 1, 2]
    assert found.closed.tolist() == [0, 1, 1, 1, 1, 2, 2]
    # Without a calendar a week may have a Sunday.
    found = higher_bars(pl.Series("date", days), "1week", "none")
    assert found.closed.tolist() == [0, 0, 1, 1, 1, 1, 2]
    sunday = pl.Series("date", [dt.date(2024, 3, 22), dt.date(2024, 3, 24)])
    assert higher_bars(sunday, "1week", "24/7").closed.tolist() == [0, 1]


@pytest.mark.parametrize(("minutes", "to"), CASES)
@pytest.mark.parametrize("calendar", ["XNYS", "none"])
def test_later_bars_do_not_tell_which_are_closed(minutes: int, to: str, calendar: str) -> None:
    bars, _ = bars_of(minutes)
    stamps = bars.to_series(0)
    whole = higher_bars(stamps, to, calendar)
    for cut in np.random.default_rng(3).integers(len(stamps) - 80, len(stamps), 6).tolist():
        found = higher_bars(stamps[:cut], to, calendar)
        for own, other in zip(found, whole, strict=True):
            np.testing.assert_array_equal(own, other[:cut])


def test_a_calendar_that_is_not_that_of_the_bars_is_refused() -> None:
    days = pl.date_range(dt.date(2024, 1, 1), dt.date(2024, 2, 1), eager=True)
    with pytest.raises(DataError, match=r'2024-01-06 is part of a 1week bar .*calendar="24/7"'):
        higher_bars(days, "1week", "XNYS")
    assert higher_bars(days, "1week", "24/7").closed[-1] == 4
    assert is_same_calendar("NYSE", "XNYS")
    assert not is_same_calendar("XLON", "XNYS")
    assert not is_same_calendar("none", "XNYS")


def test_bars_that_longer_ones_cannot_be_made_of() -> None:
    quarter = intraday(15)["datetime"]
    for to in ("1min", "15min"):
        with pytest.raises(InputError, match=f"{to} bars cannot be made of 15min bars"):
            higher_bars(quarter, to, "XNYS")
    with pytest.raises(InputError, match="1hour bars cannot be made of 1day bars"):
        higher_bars(daily()["date"], "1hour", "XNYS")
    with pytest.raises(DataError, match="time zone"):
        higher_bars(quarter.dt.replace_time_zone(None), "1hour", "XNYS")
    odd = pl.datetime_range(FIRST, LAST, "7m", time_zone=NEW_YORK, eager=True)
    with pytest.raises(DataError, match="whose length cannot be told by their stamps"):
        higher_bars(odd, "1hour", "XNYS")


class Weekly(wfo.Rules):
    """Buys a break of the week's high above an average of weeks; leaves by a week's range."""

    weeks = wfo.Int(2, 50)
    width = wfo.Float(0.5, 1, step=0.25)

    def rules(self, x: Any) -> Any:
        h = x.resample("1week")
        return wfo.orders(
            long=x.stop(h.high, when=x.close > h.sma(h.close, self.weeks)),
            exit_long=x.trail(h.atr(self.weeks) * self.width),
        )


def program() -> Program:
    return drafted(_stated(Weekly))[0]


BARS = wfo.load_sample("SP500")[:700]
SET = {"weeks": 3, "width": 0.75}


def test_engines_read_frames() -> None:
    found = [
        wfo.simulate(Weekly, BARS, SET, split=400, engine=name)
        for name in ("reference", "direct", "factored")
    ]
    assert len(found[0].trades) > 10
    for other in found[1:]:
        assert other.trades.equals(found[0].trades)
        np.testing.assert_allclose(other.equity, found[0].equity, rtol=1e-12)
    # By hand: the latest week that is whole, and stops at its high.
    weeks = resample(BARS, "1day", "1week").frame
    for trade in found[0].trades.iter_rows(named=True):
        day = BARS["date"][trade["entry_bar"]]
        known = weeks.filter(pl.col("date") + pl.duration(days=7) <= day)[-1]
        opened = BARS["open"][trade["entry_bar"]]
        assert trade["entry_price"] == max(opened, known["high"][0])


def test_a_warm_up_reaches_to_the_first_weeks_that_are_known() -> None:
    grid = Grid({"weeks": [2, 40], "width": [0.5]}, strategy=Weekly.__wfo_strategy__)
    feeds = wfo.read_feeds(Weekly, BARS)
    need = lookback_on(grid.strategy, grid.values, feeds)
    week = higher_bars(BARS["date"], "1week", "XNYS").closed
    assert (grid.need, need) == (40, int(np.searchsorted(week, 40)) + 1)
    swept = wfo.sweep(Weekly, BARS, grid, split=400)
    assert swept.bounds[0] == need
    with pytest.raises(InputError, match=f"it needs at least {need}"):
        wfo.sweep(Weekly, BARS, grid, split=400, warmup=100)


def test_stored_bars_of_another_calendar_are_refused() -> None:
    store, strategy = sample_store(), Weekly.__wfo_strategy__
    assert load_inputs(store, strategy, "SP500").data.calendar == "XNYS"
    meta = store.load_with_meta("SP500", "1day").meta
    other = replace(meta, origin=replace(meta.origin, calendar="24/7"))
    said = r"Weekly reads 1week bars by the calendar XNYS, and SP500 .* calendar='24/7'\)"
    with pytest.raises(InputError, match=said):
        check_calendar(strategy, other)


def test_no_other_feed_has_the_name_of_one() -> None:
    with pytest.raises(InputError, match="cannot be called '1week XNYS'"):
        wfo.strategy.Feed("1week XNYS", prices=False, columns=("group", "closed"))


def test_permuted_bars_make_longer_ones_at_the_same_times() -> None:
    feeds = wfo.read_feeds(Weekly, BARS)
    permuted = permuted_feeds(feeds, 200, 1)
    (name,) = (name for name in feeds if is_groups(name))
    for column in ("group", "closed"):
        np.testing.assert_array_equal(permuted[name][column], feeds[name][column])
    made, values = program(), (3.0, 0.75)
    own, other = (evaluate(made, each, values, feeds.bars) for each in (feeds, permuted))
    highs = next(k for k, node in enumerate(made.nodes) if node.op == "resample")
    assert made.nodes[made.nodes[highs].args[0]].text == "bars.high"
    week = np.asarray(permuted["bars"]["high"])[feeds[name]["group"] == 60].max()
    assert other[highs][60] == week != own[highs][60]


def test_the_core_permutes_as_the_reference_does() -> None:
    feeds = wfo.read_feeds(Weekly, BARS)
    axes = [([0], [[3.0]]), ([1], [[0.75]])]
    made = Permutations(
        "direct", compiled(program()), feeds.to_list(), axes, wfo.AccountSettings(),
        [(200, 400, 700)], 1, sets=[(0.0, 0.0, 0, None)], least=1, first=200,
    )  # fmt: skip
    wanted = permuted_feeds(feeds, 200, 3)
    for name, columns in made.permuted(4):
        for column, values in columns.items():
            np.testing.assert_allclose(values, wanted[name][column], rtol=1e-12)


def test_a_program_reopens_from_its_record() -> None:
    made = program()
    record = to_record(made)
    assert record is not None
    again = from_record(record, made.parameters)
    assert again == made
    assert again.timeframes == ("1week XNYS",)


def test_a_check_passes_and_catches_a_week_in_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = wfo.read_feeds(Weekly, BARS)
    grid = Grid({"weeks": [2, 5], "width": [0.5]}, strategy=Weekly)
    assert check_lookahead(Weekly.__wfo_strategy__, feeds, grid, sets=2, cuts=4).found is None

    def peeking(self: Groups, values: Any) -> Any:
        return np.array([np.nan if own is None else values[own] for own in self.own])

    monkeypatch.setattr(Groups, "latest", peeking)
    found = check_lookahead(Weekly.__wfo_strategy__, feeds, grid, sets=2, cuts=4).found
    assert found is not None
    assert "looks ahead" in found.what
    assert "1week." in found.what
