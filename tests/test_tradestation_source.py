"""The source TradeStation: what it asks for, what it makes of answers, and how tokens live."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from loopback import (
    Request,
    Response,
    Server,
    VirtualClock,
    everything_said,
    files_with,
    serving,
)

from wfo.data import TIMEFRAMES, check_bars, conform
from wfo.data.calendars import load_sessions
from wfo.data.sources import Answer, Source, SourcesConfig, open_source, tradestation
from wfo.data.sources.credentials import TOKEN_FILE
from wfo.data.sources.errors import (
    CredentialsError,
    MalformedError,
    RefusedError,
    SourceError,
    UnknownSymbolError,
    UnreachableError,
)
from wfo.data.sources.source import SeriesRequest
from wfo.errors import InputError

NEW_YORK = ZoneInfo("America/New_York")
CLIENT, SECRET, REFRESH = "test-client-id", "test-client-secret", "test-refresh-0"
D = dt.date


def bar(end: dt.datetime, price: float = 10.0, **changes: Any) -> dict[str, Any]:
    """Return a bar as the vendor sends it."""
    return {
        "High": f"{price + 1}",
        "Low": f"{price - 1}",
        "Open": f"{price}",
        "Close": f"{price + 0.5}",
        "TimeStamp": end.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "TotalVolume": "1000",
        "DownTicks": 1,
        "UpTicks": 2,
        "OpenInterest": "0",
        "IsRealtime": False,
        "IsEndOfHistory": False,
        "Epoch": int(end.timestamp() * 1000),
        "BarStatus": "Closed",
        **changes,
    }


def local(day: D, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, minute), NEW_YORK)


def days(first: D, last: D) -> list[D]:
    """Return the weekdays of a range."""
    every = [first + dt.timedelta(days=k) for k in range((last - first).days + 1)]
    return [d for d in every if d.weekday() < 5]


def daily(first: D, last: D) -> list[dict[str, Any]]:
    return [bar(local(d, 16), 10.0 + k) for k, d in enumerate(days(first, last))]


def intraday(first: D, last: D, minutes: int, close: dt.time = dt.time(16)) -> list[dict[str, Any]]:
    """Return the bars of sessions from 09:30 on, the last one of each cut off at the close."""
    found = []
    for day in days(first, last):
        at, end = local(day, 9, 30), dt.datetime.combine(day, close, NEW_YORK)
        while at < end:
            at = min(at + dt.timedelta(minutes=minutes), end)
            found.append(bar(at, 10.0 + len(found)))
    return found


@dataclasses.dataclass
class Vendor:
    """Bars by symbol, tokens that rotate where told, and what the test wants otherwise."""

    bars: Mapping[str, Sequence[dict[str, Any]]]
    rotates: bool = False
    expires_in: Any = 1200
    most: int = 57_600
    lastdate: str = "includes"  # or "excludes", or "days": only dates count, the last one not
    empty_404: bool = False
    fault: Callable[[Request], Response | None] = lambda _: None
    refresh: str = REFRESH
    given: list[str] = dataclasses.field(default_factory=list)
    dead: list[str] = dataclasses.field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        found = self.fault(request)
        if found is not None:
            return found
        return self.token(request) if request.path == "/oauth/token" else self.chart(request)

    def token(self, request: Request) -> Response:
        form = request.form
        if (form["client_id"], form["client_secret"]) != (CLIENT, SECRET):
            return said(401, error="invalid_client", error_description="Unauthorized")
        if form["refresh_token"] != self.refresh:
            self.dead.append(form["refresh_token"])
            return said(403, error="invalid_grant", error_description="Unknown refresh token.")
        self.given.append(f"test-access-{len(self.given) + 1}")
        answer = {"access_token": self.given[-1], "token_type": "Bearer", "scope": "MarketData",
                  "expires_in": self.expires_in, "id_token": "test-id-token"}  # fmt: skip
        if self.rotates:
            self.refresh = f"test-refresh-{len(self.given)}"
            answer["refresh_token"] = self.refresh
        return Response(body=json.dumps(answer).encode())

    def chart(self, request: Request) -> Response:
        if not self.given or request.headers.get("Authorization") != f"Bearer {self.given[-1]}":
            return said(401, Error="Unauthorized", Message="Token expired")
        query = request.query
        if "firstdate" in query and "barsback" in query:
            return said(400, Error="BadRequest", Message="firstdate and barsback")
        name = request.path.removeprefix("/v3/marketdata/barcharts/")
        if name not in self.bars:
            return said(404, Error="NotFound", Message="Invalid symbol")
        bars = [*self.bars[name]]
        if "firstdate" in query:
            low, high = (dt.datetime.fromisoformat(query[k]) for k in ("firstdate", "lastdate"))
            if self.lastdate == "days":
                low, high = (t.replace(hour=0, minute=0) for t in (low, high))
            kept = []
            for one in bars:
                end = dt.datetime.fromtimestamp(one["Epoch"] / 1000, dt.UTC)
                if low <= end and (end <= high if self.lastdate == "includes" else end < high):
                    kept.append(one)
            bars = kept
        else:
            bars = bars[-int(query["barsback"]) :]
        if not bars and self.empty_404:
            return said(404, Error="NotFound", Message="No data available")
        return Response(body=json.dumps({"Bars": bars[: self.most]}).encode())


def said(status: int, **words: str) -> Response:
    return Response(status, json.dumps(words).encode())


@dataclasses.dataclass
class Setup:
    vendor: Vendor
    server: Server
    config: SourcesConfig
    clock: VirtualClock

    def open(self) -> Source:
        return open_source("tradestation", self.config, clock=self.clock)

    def ask(self, *requests: SeriesRequest, source: Source | None = None) -> list[Answer]:
        answers = [*(source or self.open()).fetch(requests)]
        for answer in answers:
            assert conform(answer.frame).equals(answer.frame)
        return answers

    def charts(self) -> list[Request]:
        return [r for r in self.server.requests if r.path != "/oauth/token"]

    def tokens(self) -> list[Request]:
        return [r for r in self.server.requests if r.path == "/oauth/token"]


@contextlib.contextmanager
def setup(folder: Path, vendor: Vendor, **environ: str) -> Iterator[Setup]:
    clock = VirtualClock()
    with serving(vendor) as server:
        yield Setup(vendor, server, config_of(folder, server.url, **environ), clock)


def config_of(folder: Path, url: str, **environ: str) -> SourcesConfig:
    return SourcesConfig.load(
        {
            "WFO_CONFIG_DIR": str(folder),
            "WFO_TRADESTATION_URL": f"{url}/v3",
            "WFO_TRADESTATION_SIGNIN_URL": url,
            "WFO_TRADESTATION_CLIENT_ID": CLIENT,
            "WFO_TRADESTATION_CLIENT_SECRET": SECRET,
            "WFO_TRADESTATION_REFRESH_TOKEN": REFRESH,
            **environ,
        }
    )


def request(
    first: D, last: D, timeframe: str = "1day", symbol: str = "SMH", calendar: str = "XNYS"
) -> SeriesRequest:
    return SeriesRequest(symbol, first, last, timeframe, calendar=calendar)


# What it is


def test_it_says_what_it_has(tmp_path: Path) -> None:
    with setup(tmp_path, Vendor({})) as here:
        source = here.open()
        assert isinstance(source, Source)
        assert (source.name, source.title) == ("tradestation", "TradeStation")
        assert source.series == ("bars",)
        assert source.timeframes == ("1min", "5min", "15min", "30min", "1hour", "4hour", "1day")
        assert source.adjustments == ("split",)
        assert source.earliest("SMH", "1day", "bars") <= D(1970, 1, 1)
        for symbol in ("@ES", "@ES.D", "ESZ25", "GCG25"):
            assert source.calendar(symbol) == "us_futures"
        for symbol in ("SMH", "$SPX.X", "BRK.B", "F"):
            assert source.calendar(symbol) == "XNYS"
        one = request(D(2024, 1, 2), D(2024, 1, 3))
        for change in ({"timeframe": "1week"}, {"series": "funding"}, {"adjust": "raw"}):
            with pytest.raises(InputError, match="TradeStation has no"):
                source.fetch([one, dataclasses.replace(one, **change)])  # type: ignore[arg-type]
        assert here.server.requests == []


def test_simulation_and_live_have_addresses_of_their_own(tmp_path: Path) -> None:
    def url(**environ: str) -> str:
        return SourcesConfig.load({"WFO_CONFIG_DIR": str(tmp_path), **environ}).tradestation.url

    assert url() == "https://api.tradestation.com/v3"
    assert url(WFO_TRADESTATION_ENVIRONMENT="sim") == "https://sim-api.tradestation.com/v3"


# Daily bars


def test_daily_bars_belong_to_the_exchange_local_date_of_their_stamp(tmp_path: Path) -> None:
    winter, summer = D(2024, 3, 8), D(2024, 3, 11)  # clocks change between the two
    bars = [bar(local(winter, 16), 10.0), bar(local(summer, 16), 11.0, TotalVolume="7")]
    assert [b["TimeStamp"][11:] for b in bars] == ["21:00:00Z", "20:00:00Z"]
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(request(winter, summer))
        (chart,) = here.charts()
    assert (answer.first, answer.last) == (winter, summer)
    expected = pl.DataFrame(
        {
            "date": [winter, summer],
            "open": [10.0, 11.0],
            "high": [11.0, 12.0],
            "low": [9.0, 10.0],
            "close": [10.5, 11.5],
            "volume": [1000.0, 7.0],
        }
    )
    assert answer.frame.equals(expected)
    assert answer.notes == (tradestation._ADJUSTED,)
    assert chart.path == "/v3/marketdata/barcharts/SMH"
    assert {k: chart.query[k] for k in ("unit", "interval")} == {"unit": "Daily", "interval": "1"}
    assert chart.query.keys() == {"unit", "interval", "firstdate", "lastdate"}
    # From midnight to midnight in New York: once before the clocks change, once after.
    assert chart.query["firstdate"] == "2024-03-08T05:00:00Z"
    assert chart.query["lastdate"].startswith("2024-03-12T04:0")


@pytest.mark.parametrize("lastdate", ["includes", "excludes", "days"])
@pytest.mark.parametrize("timeframe", ["1day", "30min"])
def test_a_range_is_whole_whatever_lastdate_means(
    tmp_path: Path, lastdate: str, timeframe: str
) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 19)
    make = daily if timeframe == "1day" else lambda a, b: intraday(a, b, 30)
    vendor = Vendor({"SMH": make(D(2024, 1, 2), D(2024, 1, 31))}, lastdate=lastdate)
    with setup(tmp_path, vendor) as here:
        (answer,) = here.ask(request(first, last, timeframe))
    column = answer.frame.to_series(0)
    dates = column if timeframe == "1day" else column.dt.date()
    assert dates.unique().sort().to_list() == days(first, last)
    assert len(answer.frame) == len(days(first, last)) * (1 if timeframe == "1day" else 13)


def test_a_daily_bar_that_ends_at_midnight_is_the_day_befores(tmp_path: Path) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 10)
    bars = [bar(local(d + dt.timedelta(days=1), 0)) for d in days(D(2024, 1, 2), D(2024, 1, 31))]
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(request(first, last))
    assert answer.frame["date"].to_list() == days(first, last)


# Intraday bars


@pytest.mark.parametrize(
    ("timeframe", "opens"),
    [
        ("30min", [(9, 30), (10, 0), (10, 30), (15, 30)]),
        ("1hour", [(9, 30), (10, 30), (11, 30), (15, 30)]),
        ("4hour", [(9, 30), (13, 30)]),
        ("5min", [(9, 30), (9, 35), (9, 40), (15, 55)]),
    ],
)
def test_intraday_bars_open_a_length_before_their_stamp_but_for_short_last_ones(
    tmp_path: Path, timeframe: str, opens: list[tuple[int, int]]
) -> None:
    minutes = TIMEFRAMES[timeframe] // 60
    first, last = D(2024, 3, 8), D(2024, 3, 12)
    bars = intraday(D(2024, 3, 4), D(2024, 3, 15), minutes)
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(request(first, last, timeframe))
        (chart,) = here.charts()
    assert (chart.query["unit"], chart.query["interval"]) == ("Minute", str(minutes))
    assert answer.frame.schema["datetime"] == pl.Datetime("us", "America/New_York")
    assert answer.frame["datetime"].is_sorted()
    for day in days(first, last):
        found = answer.frame.filter(pl.col("datetime").dt.date() == day)["datetime"].to_list()
        assert len(found) == -(-390 // minutes)
        assert [(t.hour, t.minute) for t in [*found[: len(opens) - 1], found[-1]]] == opens


@pytest.mark.parametrize(
    ("timeframe", "opens"),
    [
        ("4hour", [(9, 30)]),  # three and a half hours: the first bar is the last one
        ("1hour", [(9, 30), (10, 30), (11, 30), (12, 30)]),
        ("30min", [(9 + k // 2, 30 * (k % 2)) for k in range(1, 8)]),
    ],
)
@pytest.mark.parametrize("day", [D(2023, 7, 3), D(2023, 11, 24)])  # in summer and in winter
def test_bars_of_a_half_day_open_with_its_session(
    tmp_path: Path, day: D, timeframe: str, opens: list[tuple[int, int]]
) -> None:
    minutes = TIMEFRAMES[timeframe] // 60
    before, after = day - dt.timedelta(days=2), day + dt.timedelta(days=1)
    bars = [*intraday(before, before, minutes), *intraday(day, day, minutes, dt.time(13))]
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(request(day, after, timeframe))
    assert [(t.hour, t.minute) for t in answer.frame["datetime"].to_list()] == opens
    assert {*answer.frame["datetime"].dt.date()} == {day}


def test_days_of_markets_that_never_close_are_those_of_the_zone(tmp_path: Path) -> None:
    start = dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
    bars = [bar(start + dt.timedelta(hours=k), 10.0 + k) for k in range(24 * 10)]
    ask = request(D(2024, 6, 4), D(2024, 6, 5), "1hour", calendar="none")
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(ask)
    stamps = answer.frame["datetime"]
    assert stamps.dtype == pl.Datetime("us", "UTC")
    assert len(stamps) == 48
    assert stamps[0] == dt.datetime(2024, 6, 4, tzinfo=dt.UTC)
    assert stamps[-1] == dt.datetime(2024, 6, 5, 23, tzinfo=dt.UTC)


# Chunks


def _spans(charts: Sequence[Request]) -> list[tuple[D, D]]:
    """Return the days that requests are about, without the bar behind the last midnight."""
    spans = []
    for chart in charts:
        low, high = (
            dt.datetime.fromisoformat(chart.query[k]).astimezone(NEW_YORK)
            for k in ("firstdate", "lastdate")
        )
        assert (low.hour, low.minute) == (0, 0)
        assert high.hour * 60 + high.minute <= 241
        spans.append((low.date(), high.date() - dt.timedelta(days=1)))
    return spans


@pytest.mark.parametrize(
    ("timeframe", "calendar", "years"),
    [("1min", "XNYS", 2), ("1min", "us_futures", 1), ("5min", "XNYS", 7), ("4hour", "XNYS", 9)],
)
def test_requests_keep_within_the_vendors_limits_and_leave_nothing_out(
    tmp_path: Path, timeframe: str, calendar: str, years: int
) -> None:
    first, last = D(2024 - years, 1, 1), D(2023, 12, 31)
    with setup(tmp_path, Vendor({"SMH": []})) as here:
        answers = here.ask(request(first, last, timeframe, calendar=calendar))
        spans = _spans(here.charts())
    assert [(a.first, a.last) for a in answers] == spans
    assert (spans[0][0], spans[-1][1]) == (first, last)
    for (_, before), (after, _) in itertools.pairwise(spans):
        assert after - before == dt.timedelta(days=1)
    per = {}
    for low, high in spans:
        sessions = load_sessions(calendar, low, high).frame
        minutes = (sessions["close"] - sessions["open"]).dt.total_minutes()
        per[low] = sum(-(-m * 60 // TIMEFRAMES[timeframe]) for m in minutes)
        assert per[low] < 57_600
        assert high < low.replace(year=low.year + 3)
    # Not more requests than it takes, but for a few per cent.
    assert len(spans) <= max(-(-sum(per.values()) // 50_000), years // 2.9 + 1)
    # What is taken for granted is said once.
    assert [a.notes for a in answers] == [(tradestation._ADJUSTED,), *[()] * (len(spans) - 1)]


def test_where_no_calendar_is_known_a_day_has_24_hours(tmp_path: Path) -> None:
    ask = request(D(2023, 1, 1), D(2023, 12, 31), "1min", calendar="none")
    with setup(tmp_path, Vendor({"SMH": []})) as here:
        answers = here.ask(ask)
    assert all((a.last - a.first).days + 1 <= 40 for a in answers)
    assert len(answers) == 10


def test_daily_bars_of_decades_are_one_request(tmp_path: Path) -> None:
    with setup(tmp_path, Vendor({"SMH": daily(D(2020, 1, 1), D(2023, 12, 29))})) as here:
        (answer,) = here.ask(request(D(1960, 1, 1), D(2023, 12, 31)))
        assert len(here.charts()) == 1
    assert len(answer.frame) == len(days(D(2020, 1, 1), D(2023, 12, 29)))


def test_an_answer_as_large_as_the_limit_is_asked_for_in_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # More bars than the calendar's sessions have: it trades around the clock.
    monkeypatch.setattr(tradestation, "MOST_BARS", 200)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    bars = [bar(start + dt.timedelta(minutes=30 * k), 10.0 + k) for k in range(48 * 40)]
    first, last = D(2024, 1, 3), D(2024, 1, 31)
    with setup(tmp_path, Vendor({"SMH": bars}, most=200)) as here:
        answers = here.ask(request(first, last, "30min"))
        assert len(here.charts()) > len(answers)
    whole = pl.concat([a.frame for a in answers])
    assert len(whole) == 48 * 29
    assert whole["open"].to_list() == sorted(whole["open"])
    at = first
    for answer in answers:
        assert answer.first == at
        assert len(answer.frame) < 200
        at = answer.last + dt.timedelta(days=1)
    assert at == last + dt.timedelta(days=1)


def test_a_single_day_as_large_as_the_limit_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tradestation, "MOST_BARS", 13)
    bars = intraday(D(2024, 1, 2), D(2024, 1, 31), 30)
    with (
        setup(tmp_path, Vendor({"SMH": bars})) as here,
        pytest.raises(MalformedError, match="13 bars for SMH on 2024-01-03"),
    ):
        here.ask(request(D(2024, 1, 3), D(2024, 1, 4), "30min"))


def test_500_requests_go_out_in_five_minutes(tmp_path: Path) -> None:
    with setup(tmp_path, Vendor({"SMH": daily(D(2020, 1, 1), D(2023, 12, 29))})) as here:
        source = here.open()
        every = [request(d, d) for d in days(D(2021, 1, 4), D(2023, 1, 2))[:501]]
        assert len(here.ask(*every[:500], source=source)) == 500
        assert here.clock.passed == 0
        here.ask(every[500], source=source)
        assert here.clock.passed == 300
        assert getattr(source, "requests", 0) == len(here.server.requests)


# Odd answers


@pytest.mark.parametrize("timeframe", ["1day", "30min"])
def test_a_bar_that_is_not_complete_is_left_out_and_its_day_not_answered(
    tmp_path: Path, timeframe: str
) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    bars = daily(first, last) if timeframe == "1day" else intraday(first, last, 30)
    bars[-1]["BarStatus"] = "Open"
    before = D(2024, 1, 11)
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        answers = here.open().fetch([request(first, last, timeframe)])
        answer = next(answers)
        assert (answer.first, answer.last) == (first, before)
        assert len(answer.frame) == 4 * (1 if timeframe == "1day" else 13)
        with pytest.raises(RefusedError, match="SMH on 2024-01-12 is not complete yet"):
            next(answers)
        with pytest.raises(RefusedError, match="not complete yet"):
            here.ask(request(last, last, timeframe))
        # Behind the range it is nothing to speak of.
        (answer,) = here.ask(request(first, before, timeframe))
        assert answer.last == before
        assert answer.notes == (tradestation._ADJUSTED,)


def test_bars_across_midnight_belong_to_the_day_on_which_they_open(tmp_path: Path) -> None:
    # Futures from 18:00 to 17:00: the second bar of four hours lasts from 22:00 to 02:00.
    first, last = D(2024, 1, 8), D(2024, 1, 11)
    bars = []
    for day in days(D(2024, 1, 2), D(2024, 1, 19)):
        start = local(day - dt.timedelta(days=1), 18)
        ends = [start + dt.timedelta(hours=h) for h in (4, 8, 12, 16, 20, 23)]
        bars += [bar(end, 10.0 + len(bars)) for end in ends]
    ask = request(first, last, "4hour", "@ES", "us_futures")
    with setup(tmp_path, Vendor({"%40ES": bars})) as here:
        (answer,) = here.ask(ask)
    opens = [(t.hour, t.date()) for t in answer.frame["datetime"]]
    expected = [(h, d) for d in days(first, last) for h in (2, 6, 10, 14, 18, 22)]
    assert opens == expected


def test_fields_that_need_not_be_there_may_be_null_or_missing(tmp_path: Path) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 10)
    bars = daily(first, last)
    for name in ("DownTicks", "OpenInterest", "BarStatus", "IsEndOfHistory", "Epoch"):
        # The server sorts by this one.
        if name != "Epoch":
            del bars[0][name]
            bars[1][name] = None
    bars[0]["TotalVolume"], bars[1]["TotalVolume"] = None, "-5"
    bars[2]["TimeStamp"] = None
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(request(first, last))
        assert len(here.charts()) == 1
    assert answer.frame["date"].to_list() == days(first, last)
    assert answer.frame["volume"].to_list() == [None, None, 1000.0]


PRICELESS = [{"Close": None}, {"Open": "abc"}, {"High": "NaN"}, {"Low": "1e999"}, {"High": "1"}]


@pytest.mark.parametrize("change", PRICELESS)
def test_a_bar_without_a_price_is_asked_for_again_and_then_left_out(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    bars = daily(first, last)
    good = dict(bars[2])
    bars[2].update(change)
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(request(first, last))
        assert len(here.charts()) == 5
    assert answer.last == last
    assert answer.frame["date"].to_list() == [d for d in days(first, last) if d.day != 10]
    assert "1 bar without usable prices left out (2024-01-10)" in answer.notes[-1]

    passing = [*bars]

    def fault(asked: Request) -> None:
        if len(here.charts()) == 3:
            passing[2] = good

    with setup(tmp_path, Vendor({"SMH": passing}, fault=fault)) as here:
        (answer,) = here.ask(request(first, last))
        assert len(here.charts()) == 3
    assert answer.frame["date"].to_list() == days(first, last)
    assert answer.notes == (tradestation._ADJUSTED,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Low": "0"},
        {"Low": "-1.5"},
        {"Open": "50"},
        {"Close": "1"},
        {"High": "1e999"},
        {"High": "NaN"},
        {"High": "1_1"},
        {"High": "\uff11\uff11"},
    ],
    ids=str,
)
def test_a_bar_with_impossible_prices_does_not_void_the_others(
    tmp_path: Path, wrong: dict[str, str]
) -> None:
    bars = daily(D(2024, 3, 4), D(2024, 3, 15))
    bars[3].update(wrong)
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(request(D(2024, 3, 4), D(2024, 3, 15)))
    assert answer.unreadable == (D(2024, 3, 7),)
    assert answer.frame.height == 9
    check_bars(answer.frame).raise_errors("what is left")
    assert len(here.charts()) == 5


def test_words_of_an_error_that_are_none_are_not_repeated(tmp_path: Path) -> None:
    for odd in ({"Error": [["test"]], "Message": {"a": 1}}, {"Error": "[" * 5_000}):
        body = json.dumps(odd).encode()

        def fault(asked: Request, body: bytes = body) -> Response | None:
            return None if asked.path == "/oauth/token" else Response(body=body)

        vendor = Vendor({}, fault=fault)
        with setup(tmp_path, vendor) as here, pytest.raises(RefusedError) as caught:
            here.ask(request(D(2024, 1, 8), D(2024, 1, 12)))
        assert "[" not in str(caught.value)


def test_where_most_bars_have_no_price_it_is_no_answer(tmp_path: Path) -> None:
    first, last = D(2024, 1, 2), D(2024, 1, 31)
    bars = [{("Last" if k == "Close" else k): v for k, v in b.items()} for b in daily(first, last)]
    with (
        setup(tmp_path, Vendor({"SMH": bars})) as here,
        pytest.raises(MalformedError, match="22 of 22 bars of SMH without stamp or price"),
    ):
        here.ask(request(first, last))


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"Bars": null}', b'{"Bars": {}}', b'{"Bars": [5]}', b"null"]
)
def test_an_answer_of_another_shape_is_asked_for_again_and_then_refused(
    tmp_path: Path, body: bytes
) -> None:
    answers = [Response(body=body)] * 2
    first, last = D(2024, 1, 8), D(2024, 1, 12)

    def fault(asked: Request) -> Response | None:
        return answers.pop() if answers and asked.path != "/oauth/token" else None

    with setup(tmp_path, Vendor({"SMH": daily(first, last)}, fault=fault)) as here:
        (answer,) = here.ask(request(first, last))
        assert len(answer.frame) == 5
        answers += [Response(body=body)] * 5
        with pytest.raises(MalformedError, match="after 5 attempts"):
            here.ask(request(first, last))


def test_bars_in_disorder_are_sorted_and_repeated_ones_dropped(tmp_path: Path) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    bars = daily(first, last)
    odd = [bars[3], bars[0], bars[0], bars[4], bars[2], bars[1], bars[3]]
    with setup(tmp_path, Vendor({"SMH": bars, "ODD": odd})) as here:
        (answer,) = here.ask(request(first, last))
        (other,) = here.ask(request(first, last, symbol="ODD"))
    assert other.frame.equals(answer.frame)
    assert other.notes == (tradestation._ADJUSTED,)


def test_of_repeated_bars_that_differ_the_last_one_counts_and_a_note_says_so(
    tmp_path: Path,
) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    bars = [*daily(first, last), bar(local(D(2024, 1, 9), 16), 99.0)]
    with setup(tmp_path, Vendor({"SMH": bars})) as here:
        (answer,) = here.ask(request(first, last))
    assert answer.frame["date"].to_list() == days(first, last)
    assert answer.frame["open"].to_list() == [10.0, 99.0, 12.0, 13.0, 14.0]
    assert "1 bar came more than once with different values" in answer.notes[-1]


# Symbols, refusals, 404


@pytest.mark.parametrize(
    ("symbol", "path"),
    [
        ("@ES", "%40ES"),
        ("$SPX.X", "%24SPX.X"),
        ("BRK.B", "BRK.B"),
        ("A/B", "A%2FB"),
        ("MSFT 250117C400", "MSFT%20250117C400"),
        ("a?b#c%d", "a%3Fb%23c%25d"),
        ("../quotes", "..%2Fquotes"),
    ],
)
def test_symbols_are_encoded(tmp_path: Path, symbol: str, path: str) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    with setup(tmp_path, Vendor({path: daily(first, last)})) as here:
        (answer,) = here.ask(request(first, last, symbol=symbol))
        (chart,) = here.charts()
    assert chart.path == f"/v3/marketdata/barcharts/{path}"
    assert len(answer.frame) == 5


def test_a_symbol_that_is_not_known_is_said_to_be(tmp_path: Path) -> None:
    with setup(tmp_path, Vendor({"SMH": []})) as here:
        for symbol in ("NOPE", "..", "."):
            with pytest.raises(UnknownSymbolError, match="knows no symbol"):
                here.ask(request(D(2024, 1, 8), D(2024, 1, 12), symbol=symbol))
        assert [c.query.get("barsback") for c in here.charts()] == [None, "1"]


def test_a_symbol_in_lower_case_is_named_in_capitals_and_not_asked_for(tmp_path: Path) -> None:
    with setup(tmp_path, Vendor({"SMH": []})) as here:
        with pytest.raises(UnknownSymbolError, match=r"writes them in capitals, SMH$"):
            here.ask(request(D(2024, 1, 8), D(2024, 1, 12), symbol="smh"))
        assert not here.charts()


@pytest.mark.parametrize("empty_404", [False, True])
def test_ranges_without_bars_are_empty_whether_they_are_404_or_not(
    tmp_path: Path, empty_404: bool
) -> None:
    # Listed in 2022: years without a bar before, and a holiday behind.
    vendor = Vendor({"SMH": intraday(D(2022, 6, 1), D(2022, 6, 30), 240)}, empty_404=empty_404)
    with setup(tmp_path, vendor) as here:
        source = here.open()
        answers = here.ask(request(D(2015, 1, 1), D(2022, 6, 30), "4hour"), source=source)
        assert [len(a.frame) for a in answers][:2] == [0, 0]
        assert sum(len(a.frame) for a in answers) == 22 * 2
        assert (answers[0].first, answers[-1].last) == (D(2015, 1, 1), D(2022, 6, 30))
        (holiday,) = here.ask(request(D(2022, 7, 4), D(2022, 7, 4)), source=source)
        assert (len(holiday.frame), holiday.frame.columns[0]) == (0, "date")
        # A symbol that has given a bar is not asked about again.
        probes = [c for c in here.charts() if "barsback" in c.query]
        assert len(probes) == (1 if empty_404 else 0)
        # Another process knows nothing of it.
        (holiday,) = here.ask(request(D(2022, 7, 4), D(2022, 7, 4)))
        assert len(holiday.frame) == 0


def test_a_symbol_without_any_bar_is_unknown_where_404_says_so(tmp_path: Path) -> None:
    with (
        setup(tmp_path, Vendor({"SMH": []}, empty_404=True)) as here,
        pytest.raises(UnknownSymbolError),
    ):
        here.ask(request(D(2024, 1, 8), D(2024, 1, 12)))


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (said(400, Error="BadRequest", Message="Invalid unit"), RefusedError,
         "400: BadRequest: Invalid unit"),
        (said(403, Error="Forbidden", Message="No market data for CME"), RefusedError,
         "403: Forbidden: No market data for CME"),
        (said(200, Error="Failed", Message="Symbol has expired"), RefusedError,
         "Failed: Symbol has expired"),
        (said(503, Error="ServiceUnavailable", Message="Maintenance"), UnreachableError,
         "503: ServiceUnavailable: Maintenance"),
        (said(504), UnreachableError, "504"),
        (said(429, Error="TooManyRequests", Message="Slow down"), UnreachableError, "429"),
    ],
)  # fmt: skip
def test_refusals_and_failures_are_said_in_the_vendors_words(
    tmp_path: Path, response: Response, error: type[SourceError], words: str
) -> None:
    def fault(asked: Request) -> Response | None:
        return None if asked.path == "/oauth/token" else response

    with setup(tmp_path, Vendor({}, fault=fault)) as here, pytest.raises(error) as caught:
        here.ask(request(D(2024, 1, 8), D(2024, 1, 12)))
    assert words in str(caught.value)
    assert len(here.charts()) == (1 if error is RefusedError else 5)


def test_what_was_answered_before_a_failure_was_answered(tmp_path: Path) -> None:
    def fault(asked: Request) -> Response | None:
        return said(400, Error="BadRequest") if len(here.charts()) > 2 else None

    vendor = Vendor({"SMH": intraday(D(2020, 1, 1), D(2020, 6, 30), 30)}, fault=fault)
    with setup(tmp_path, vendor) as here:
        answers = here.open().fetch([request(D(2015, 1, 1), D(2024, 6, 30), "30min")])
        assert (next(answers).first, next(answers).first) == (D(2015, 1, 1), D(2017, 12, 24))
        with pytest.raises(RefusedError):
            next(answers)


# Tokens


def test_a_token_is_fetched_at_the_start_and_a_minute_before_its_end(tmp_path: Path) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    with setup(tmp_path, Vendor({"SMH": daily(first, last)})) as here:
        source = here.open()
        assert here.server.requests == []
        for passed, tokens in ((0, 1), (1139, 1), (1140, 2), (1141, 2), (2279, 2), (2280, 3)):
            here.clock.passed = passed
            here.ask(request(first, last), source=source)
            assert len(here.tokens()) == tokens
        assert {c.headers["Authorization"] for c in here.charts()} == {
            f"Bearer test-access-{k}" for k in (1, 2, 3)
        }
        assert here.tokens()[0].form == {
            "grant_type": "refresh_token",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "refresh_token": REFRESH,
        }
    # A key that does not rotate leaves nothing behind.
    assert not (tmp_path / TOKEN_FILE).exists()


@pytest.mark.parametrize("expires_in", [None, "1200", "soon", -5, 1e12, True])
def test_a_life_that_is_not_said_is_taken_for_20_minutes_and_never_for_more_than_a_day(
    tmp_path: Path, expires_in: Any
) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    vendor = Vendor({"SMH": daily(first, last)}, expires_in=expires_in)
    with setup(tmp_path, vendor) as here:
        source = here.open()
        here.ask(request(first, last), source=source)
        here.clock.passed = 1000
        here.ask(request(first, last), source=source)
        assert len(here.tokens()) == 1
        here.clock.passed = 86_400
        here.ask(request(first, last), source=source)
        assert len(here.tokens()) == 2


def test_a_token_that_is_replaced_is_stored_before_anything_is_asked_with_it(
    tmp_path: Path,
) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    stored: list[str] = []

    def fault(asked: Request) -> None:
        if asked.path != "/oauth/token":
            stored.append(json.loads((tmp_path / TOKEN_FILE).read_text())["refresh_token"])

    vendor = Vendor({"SMH": daily(first, last)}, rotates=True, fault=fault)
    with setup(tmp_path, vendor) as here:
        source = here.open()
        here.ask(request(first, last), source=source)
        here.clock.passed = 5000
        here.ask(request(first, last), source=source)
        # Another process starts from the stored one.
        here.ask(request(first, last))
    assert stored == ["test-refresh-1", "test-refresh-2", "test-refresh-3"]
    assert vendor.dead == []


def test_sources_that_renew_at_once_never_use_a_token_that_was_replaced(tmp_path: Path) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    vendor = Vendor({"SMH": daily(first, last)}, rotates=True)
    with setup(tmp_path, vendor) as here:
        tokens = [
            tradestation.Tokens(
                tradestation.require_key(here.config),
                tradestation.TokenFile(
                    here.config.folder, here.config.credentials.tradestation.refresh_token
                ),
                here.config.tradestation,
                clock=VirtualClock(),
            )
            for _ in range(4)
        ]
        threads = [
            threading.Thread(target=lambda t=t: [t.renew() for _ in range(5)]) for t in tokens
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert vendor.dead == []
    assert len(vendor.given) == 20
    assert json.loads((tmp_path / TOKEN_FILE).read_text())["refresh_token"] == "test-refresh-20"


def test_an_access_token_that_is_refused_is_renewed_once(tmp_path: Path) -> None:
    first, last = D(2024, 1, 8), D(2024, 1, 12)
    with setup(tmp_path, Vendor({"SMH": daily(first, last)})) as here:
        source = here.open()
        here.ask(request(first, last), source=source)
        here.vendor.given.append("test-access-of-another")
        (answer,) = here.ask(request(first, last), source=source)
        assert len(answer.frame) == 5
        assert len(here.tokens()) == 2

        def fault(asked: Request) -> Response | None:
            return None if asked.path == "/oauth/token" else said(401, Message="Revoked")

        here.vendor.fault = fault
        before = len(here.charts())
        with pytest.raises(CredentialsError, match=r"\(Revoked\).*wfo data login tradestation"):
            here.ask(request(first, last), source=source)
        assert len(here.charts()) - before == 2


def test_a_revoked_refresh_token_says_how_to_log_in(tmp_path: Path) -> None:
    with setup(tmp_path, Vendor({}, refresh="test-another")) as here:
        with pytest.raises(CredentialsError) as caught:
            here.ask(request(D(2024, 1, 8), D(2024, 1, 12)))
        assert "refuses the refresh token" in str(caught.value)
        assert "Unknown refresh token." in str(caught.value)
        assert "wfo data login tradestation" in str(caught.value)
        assert (len(here.tokens()), len(here.charts())) == (1, 0)


def test_a_token_whose_successor_was_lost_on_the_way_is_said_to_be_that(tmp_path: Path) -> None:
    def fault(asked: Request) -> Response | None:
        if len(here.tokens()) > 1:
            return None
        whole = here.vendor.token(asked).body
        return Response(body=whole[:50], length=len(whole))

    with (
        setup(tmp_path, Vendor({}, rotates=True, fault=fault)) as here,
        pytest.raises(CredentialsError, match="its answer was lost: run `wfo data login"),
    ):
        here.ask(request(D(2024, 1, 8), D(2024, 1, 12)))
    assert len(here.tokens()) == 2


def test_a_wrong_client_secret_is_said_to_be_that(tmp_path: Path) -> None:
    wrong = {"WFO_TRADESTATION_CLIENT_SECRET": "test-wrong"}
    with (
        setup(tmp_path, Vendor({}), **wrong) as here,
        pytest.raises(CredentialsError, match="client id or client secret"),
    ):
        here.ask(request(D(2024, 1, 8), D(2024, 1, 12)))


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b'{"access_token": 5}', b'{"access_token": ""}', b'{"access_token": "a b"}',
     b'{"access_token": "test", "refresh_token": 5}',
     b'{"access_token": "test", "refresh_token": "' + b"a" * 8_193 + b'"}'],
)  # fmt: skip
def test_a_token_answer_of_another_shape_is_asked_for_again_and_refused(
    tmp_path: Path, body: bytes
) -> None:
    def fault(asked: Request) -> Response | None:
        return Response(body=body)

    with setup(tmp_path, Vendor({}, fault=fault)) as here, pytest.raises(MalformedError):
        here.ask(request(D(2024, 1, 8), D(2024, 1, 12)))
    assert len(here.tokens()) == 5
    assert not (tmp_path / TOKEN_FILE).exists()


# Secrets

MARKS = ("test-client-secret", "test-refresh-", "test-access-", "test-id-token")


def _failures() -> Iterator[tuple[str, Callable[[Request], Response | None]]]:
    def everywhere(response: Response) -> Callable[[Request], Response | None]:
        return lambda _: response

    def charts(response: Response) -> Callable[[Request], Response | None]:
        return lambda asked: None if asked.path == "/oauth/token" else response

    echo = json.dumps(
        {
            "Error": f"invalid_grant {REFRESH}",
            "Message": f"Bearer test-access-1 {REFRESH} {SECRET} client_secret={SECRET}",
            "access_token": None,
        }
    ).encode()
    for status in (302, 400, 401, 403, 404, 429, 500):
        yield f"tokens {status}", everywhere(Response(status, echo))
        yield f"bars {status}", charts(Response(status, echo))
    for name, response in (
        ("no JSON", Response(body=echo + b"}")),
        ("cut", Response(body=echo, length=10_000)),
        ("another shape", Response(body=echo)),
        ("no gzip", Response(body=echo, headers={"Content-Encoding": "gzip"})),
    ):
        yield f"tokens {name}", everywhere(response)
        yield f"bars {name}", charts(response)


@pytest.mark.parametrize("fault", [pytest.param(f, id=name) for name, f in _failures()])
def test_no_failure_shows_or_stores_a_secret(
    tmp_path: Path,
    fault: Callable[[Request], Response | None],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(0)
    with setup(tmp_path, Vendor({}, rotates=True, fault=fault)) as here:
        source = here.open()
        with pytest.raises(SourceError) as caught:
            here.ask(request(D(2024, 1, 8), D(2024, 1, 12)), source=source)
    shown = [everything_said(caught.value), repr(source), repr(here.config), caplog.text]
    shown += capfd.readouterr()
    assert "TradeStation" in shown[0]
    for mark in MARKS:
        assert not any(mark in text for text in shown), mark
        assert files_with(tmp_path, mark) in ([], [TOKEN_FILE])
    assert files_with(tmp_path, SECRET) == []
    assert files_with(tmp_path, "test-access-") == []
