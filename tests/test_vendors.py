"""The vendors on loopback do what is documented, asked without any client of the package."""

from __future__ import annotations

import ast
import contextlib
import csv
import datetime as dt
import hashlib
import http.client
import io
import json
import subprocess
import sys
import threading
import urllib.parse
import zipfile
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vendors import (
    FAULTS,
    AlpacaVendor,
    BinanceVendor,
    Dividend,
    Instrument,
    Market,
    Split,
    TradeStationVendor,
    Vendor,
    VendorClock,
    sessions,
)

NOW = dt.datetime(2025, 3, 5, 22, 0, tzinfo=dt.UTC)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
CHARTS = "/marketdata/barcharts"


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def value(self) -> Any:
        return json.loads(self.body)


def ask(
    url: str,
    path: str = "",
    query: dict[str, object] | str | None = None,
    headers: dict[str, str] | None = None,
    *,
    method: str = "GET",
    body: str | None = None,
    timeout: float = 30.0,
) -> Answer:
    parts = urllib.parse.urlsplit(url)
    text = query if isinstance(query, str) else urllib.parse.urlencode(query or {})
    target = parts.path + urllib.parse.quote(path) + (f"?{text}" if text else "")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    with contextlib.closing(connection):
        connection.request(method, target, body, headers or {})
        with contextlib.closing(connection.getresponse()) as reply:
            found = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(reply.status, found, reply.read())


@pytest.fixture(scope="module")
def market() -> Market:
    return Market(seed=1)


# The market.


def _year(market: Market, symbol: str = "SMH") -> Any:
    return market.daily(symbol, dt.date(2024, 1, 1), dt.date(2024, 12, 31))


def test_no_server_uses_the_package():
    for file in sorted((Path(__file__).parent / "vendors").glob("*.py")):
        if file.name == "table.py":
            continue  # it drives the clients
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [name for name in names if name.split(".")[0] == "wfo"], file


def test_a_market_is_a_function_of_its_seed():
    assert _year(Market(1)).same(_year(Market(1)))
    assert not _year(Market(1)).same(_year(Market(2)))
    assert not _year(Market(1)).same(_year(Market(1), "SPY"))


def test_a_market_is_the_same_in_every_process():
    code = (
        "import datetime as d, vendors; b = vendors.Market(3).minutes('BTCUSDT', d.date(2024,5,1));"
        "print(b.close.tolist()[:5], b.volume.sum())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(Path(__file__).parent), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    here = Market(3).minutes("BTCUSDT", dt.date(2024, 5, 1))
    assert outputs == {f"{here.close.tolist()[:5]} {here.volume.sum()}\n"}


def test_a_day_needs_no_other_day(market):
    year = _year(market)
    for k in (0, 100, len(year) - 1):
        day = dt.date(1970, 1, 1) + dt.timedelta(days=int(year.date[k]))
        assert market.daily("SMH", day, day).same(year.where(slice(k, k + 1)))


@pytest.mark.parametrize("symbol", ["SMH", "BTCUSDT", "@ES"])
def test_minutes_make_the_day(market, symbol):
    days = market.daily(symbol, dt.date(2024, 11, 25), dt.date(2024, 12, 6))
    assert len(days) >= 9
    for k in range(len(days)):
        day = dt.date(1970, 1, 1) + dt.timedelta(days=int(days.date[k]))
        bars = market.minutes(symbol, day)
        assert (bars.open[0], bars.close[-1]) == (days.open[k], days.close[k])
        assert (bars.high.max(), bars.low.min()) == (days.high[k], days.low[k])
        assert bars.volume.sum() == days.volume[k]
        assert (bars.start[0], bars.end[-1]) == (days.start[k], days.end[k])
        assert np.all(bars.low <= np.minimum(bars.open, bars.close))
        assert np.all(bars.high >= np.maximum(bars.open, bars.close))
        assert np.all(np.diff(bars.start) == 60)


def test_sessions_are_those_of_the_exchange(market):
    found = [s.date.day for s in sessions("XNYS", dt.date(2024, 7, 1), dt.date(2024, 7, 8))]
    assert found == [1, 2, 3, 5, 8]
    # The day before Independence Day ends at 13:00.
    assert len(market.minutes("SMH", dt.date(2024, 7, 3))) == 210
    assert len(market.minutes("SMH", dt.date(2024, 7, 4))) == 0
    assert len(market.minutes("BTCUSDT", dt.date(2024, 7, 4))) == 1440


def test_listing_halts_and_delisting_leave_no_bars():
    listed, gone = dt.date(2024, 3, 4), dt.date(2024, 3, 22)
    halt = (dt.date(2024, 3, 11), dt.date(2024, 3, 13))
    market = Market(1, [Instrument("NEW", listed=listed, delisted=gone, halts=(halt,))])
    bars = market.daily("NEW", dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    days = [(dt.date(1970, 1, 1) + dt.timedelta(days=int(d))) for d in bars.date]
    assert days[0] == listed
    assert days[-1] == gone
    assert [d.day for d in days] == [4, 5, 6, 7, 8, 14, 15, 18, 19, 20, 21, 22]
    assert len(market.minutes("NEW", halt[0])) == 0
    assert market.instrument("NOSUCH") is None


def test_splits_and_dividends_adjust_what_was_before_them():
    day = dt.date(2024, 6, 10)
    paid = dt.date(2024, 9, 3)
    split = Instrument("SPLT", splits=(Split(day, 4.0),), dividends=(Dividend(paid, 0.01),))
    market = Market(1, [split])
    raw = _year(market, "SPLT")
    before = raw.date < (day - dt.date(1970, 1, 1)).days
    assert 3.5 < raw.close[before][-1] / raw.close[~before][0] < 4.5
    adjusted = market.daily(
        "SPLT", dt.date(2024, 1, 1), dt.date(2024, 12, 31), adjust="split", as_of=day
    )
    np.testing.assert_array_equal(adjusted.close[~before], raw.close[~before])
    np.testing.assert_array_equal(adjusted.close[before], np.round(raw.close[before] / 4, 4))
    np.testing.assert_array_equal(adjusted.volume[before], raw.volume[before] * 4)
    eve = day - dt.timedelta(days=1)
    early = market.daily("SPLT", dt.date(2024, 1, 1), eve, adjust="split", as_of=eve)
    np.testing.assert_array_equal(early.close, raw.close[before])
    whole = market.daily("SPLT", dt.date(2024, 1, 1), dt.date(2024, 12, 31), adjust="all")
    np.testing.assert_array_equal(whole.close[before], np.round(raw.close[before] / 4 * 0.99, 4))


def test_a_revision_changes_one_day():
    market = Market(1)
    before = _year(market)
    market.revise("SMH", dt.date(2024, 5, 1), 1.1)
    after = _year(market)
    changed = np.flatnonzero(before.close != after.close)
    assert [dt.date(1970, 1, 1) + dt.timedelta(days=int(before.date[k])) for k in changed] == [
        dt.date(2024, 5, 1)
    ]
    assert market.minutes("SMH", dt.date(2024, 5, 1)).close[-1] == after.close[changed[0]]


# TradeStation.


def tokens(vendor: TradeStationVendor, **form: str) -> Answer:
    given = {
        "grant_type": "refresh_token",
        "client_id": vendor.client_id,
        "client_secret": vendor.client_secret,
        **form,
    }
    if given["grant_type"] == "refresh_token":
        given.setdefault("refresh_token", vendor.first_refresh_token)
    return ask(
        vendor.signin_url,
        "/oauth/token",
        headers=FORM,
        method="POST",
        body=urllib.parse.urlencode(given),
    )


def bearer(vendor: TradeStationVendor) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens(vendor).value['access_token']}"}


def charts(vendor: TradeStationVendor, symbol: str = "SMH", **query: object) -> Answer:
    return ask(vendor.url, f"{CHARTS}/{symbol}", query, bearer(vendor))


@pytest.fixture
def tradestation(market) -> Iterator[TradeStationVendor]:
    with TradeStationVendor(market, clock=VendorClock(NOW)) as vendor:
        yield vendor


def test_tradestation_bars_have_the_documented_types(tradestation, market):
    bars = charts(tradestation, firstdate="2025-03-03", lastdate="2025-03-04").value["Bars"]
    assert [b["TimeStamp"] for b in bars] == ["2025-03-03T21:00:00Z", "2025-03-04T21:00:00Z"]
    truth = market.daily("SMH", dt.date(2025, 3, 3), dt.date(2025, 3, 4))
    for k, bar in enumerate(bars):
        for name in ("High", "Low", "Open", "Close", "TotalVolume", "OpenInterest", "BarStatus"):
            assert isinstance(bar[name], str), name
        for name in ("Epoch", "UpTicks", "DownTicks"):
            assert type(bar[name]) is int, name
        for name in ("IsRealtime", "IsEndOfHistory"):
            assert type(bar[name]) is bool, name
        assert float(bar["Close"]) == truth.close[k]
        assert int(bar["TotalVolume"]) == truth.volume[k]
        assert bar["BarStatus"] == "Closed"
        moment = dt.datetime.fromisoformat(bar["TimeStamp"])
        assert bar["Epoch"] == moment.timestamp() * 1000


@pytest.mark.parametrize(
    "query",
    [
        "unit=Hourly",
        "unit=minute",
        "unit=Minute&interval=0",
        "unit=Minute&interval=1441",
        "unit=Daily&interval=2",
        "unit=Minute&interval=one",
        "unit=Daily&barsback=0",
        "unit=Daily&barsback=-1",
        "unit=Daily&barsback=1.5",
        "barsback=5&firstdate=2024-01-02",
        "firstdate=2024-1-2",
        "firstdate=2024-02-30",
        "firstdate=2024-01-02T10:00:00",
        "firstdate=2024-01-02T10:00:00%2B00:00",
        "firstdate=2024-01-03&lastdate=2024-01-02",
        "lastdate=2024-01-03&startdate=2024-01-02",
        "sessiontemplate=All",
        "page=2",
        "unit=Daily&unit=Daily",
        "unit=Minute&barsback=57601",
        "unit=Minute&interval=10&barsback=50001",
        "unit=Minute&interval=1440&firstdate=2021-03-01&lastdate=2024-03-01T00:00:01Z",
        "unit=Minute&firstdate=2024-01-02&lastdate=2024-12-31",
    ],
)
def test_tradestation_refuses_what_its_documentation_excludes(tradestation, query):
    answer = ask(tradestation.url, f"{CHARTS}/SMH", query, bearer(tradestation))
    assert answer.status == 400
    assert answer.value["Error"] == "BadRequest"
    assert isinstance(answer.value["Message"], str)


def test_tradestation_serves_up_to_its_limits(tradestation):
    assert charts(tradestation, unit="Minute", barsback=57_600).status == 200
    many = charts(tradestation, unit="Minute", interval=10, barsback=50_000)
    assert many.status == 200
    three = charts(
        tradestation, unit="Minute", interval=1440, firstdate="2021-03-01", lastdate="2024-02-29"
    )
    assert len(three.value["Bars"]) == len(
        sessions("XNYS", dt.date(2021, 3, 1), dt.date(2024, 2, 29))
    )
    # The limits are those of minutes only.
    days = charts(tradestation, unit="Daily", firstdate="2004-01-01", lastdate="2023-12-31")
    assert len(days.value["Bars"]) == 5033
    assert charts(tradestation, unit="Daily", barsback=60_000).status == 200


def test_tradestation_minutes_are_those_of_the_market(tradestation, market):
    bars = charts(
        tradestation,
        unit="Minute",
        firstdate="2024-07-03T00:00:00Z",
        lastdate="2024-07-06T00:00:00Z",
    ).value["Bars"]
    truth = [market.minutes("SMH", dt.date(2024, 7, d)) for d in (3, 5)]
    assert len(bars) == 210 + 390
    assert bars[0]["TimeStamp"] == "2024-07-03T13:31:00Z"
    assert [float(b["Low"]) for b in bars] == np.concatenate([t.low for t in truth]).tolist()
    five = charts(
        tradestation,
        unit="Minute",
        interval=60,
        firstdate="2024-07-03T00:00:00Z",
        lastdate="2024-07-04T00:00:00Z",
    ).value["Bars"]
    # From the open on, and the last as long as the session is.
    assert [b["TimeStamp"][11:16] for b in five] == ["14:30", "15:30", "16:30", "17:00"]
    assert sum(int(b["TotalVolume"]) for b in five) == truth[0].volume.sum()


def test_tradestation_session_templates(tradestation):
    def stamps(template: str) -> list[str]:
        bars = charts(
            tradestation,
            unit="Minute",
            sessiontemplate=template,
            firstdate="2024-07-05T00:00:00Z",
            lastdate="2024-07-06T00:00:00Z",
        ).value["Bars"]
        return [b["TimeStamp"][11:16] for b in bars]

    assert (stamps("Default")[0], stamps("Default")[-1]) == ("13:31", "20:00")
    assert stamps("USEQPre")[0] < "13:31"
    assert stamps("USEQPre")[-1] == "20:00"
    assert stamps("USEQPost")[0] == "13:31"
    assert stamps("USEQPost")[-1] > "20:00"
    assert stamps("USEQPreAndPost")[0] < "13:31"
    assert stamps("USEQPreAndPost")[-1] > "20:00"


def test_tradestation_bars_back_count_from_the_last_date(tradestation):
    # The example of the documentation asks for two bars before a Saturday.
    bars = charts(tradestation, unit="Daily", barsback=2, startdate="2020-12-05T21:00:00Z")
    assert [b["TimeStamp"] for b in bars.value["Bars"]] == [
        "2020-12-03T21:00:00Z",
        "2020-12-04T21:00:00Z",
    ]
    assert bars.value["Bars"][1]["Epoch"] == 1607115600000
    assert len(charts(tradestation).value["Bars"]) == 1


@pytest.mark.parametrize(("summer", "stamp"), [(20, "T20:00:00Z"), (21, "T21:00:00Z")])
def test_tradestation_summer_stamps_go_either_way(market, summer, stamp):
    with TradeStationVendor(market, clock=VendorClock(NOW), summer_hour=summer) as vendor:
        bars = charts(vendor, firstdate="2024-07-01", lastdate="2024-07-02").value["Bars"]
        assert [b["TimeStamp"] for b in bars] == [f"2024-07-01{stamp}", f"2024-07-02{stamp}"]
        winter = charts(vendor, firstdate="2024-01-02", lastdate="2024-01-02").value["Bars"]
        assert [b["TimeStamp"] for b in winter] == ["2024-01-02T21:00:00Z"]


@pytest.mark.parametrize(("includes", "days"), [(True, ["01", "02"]), (False, ["01"])])
def test_tradestation_last_date_goes_either_way(market, includes, days):
    clock = VendorClock(NOW)
    with TradeStationVendor(market, clock=clock, lastdate_includes_day=includes) as vendor:
        bars = charts(vendor, firstdate="2024-07-01", lastdate="2024-07-02").value["Bars"]
        assert [b["TimeStamp"][8:10] for b in bars] == days
        exact = charts(vendor, firstdate="2024-07-01", lastdate="2024-07-02T20:00:00Z").value
        assert [b["TimeStamp"][8:10] for b in exact["Bars"]] == ["01", "02"]


def test_tradestation_a_holiday_goes_either_way(market):
    holiday = {"firstdate": "2024-07-04", "lastdate": "2024-07-04"}
    with TradeStationVendor(market, clock=VendorClock(NOW)) as vendor:
        assert charts(vendor, **holiday).value == {"Bars": []}
    with TradeStationVendor(market, clock=VendorClock(NOW), empty="not-found") as vendor:
        answer = charts(vendor, **holiday)
        assert (answer.status, answer.value["Error"]) == (404, "NotFound")
        assert charts(vendor, firstdate="2024-07-05", lastdate="2024-07-05").status == 200


def test_tradestation_unknown_and_forbidden_symbols(market):
    with TradeStationVendor(market, clock=VendorClock(NOW), forbidden=("@ES",)) as vendor:
        answer = charts(vendor, "NOSUCH")
        assert (answer.status, answer.value["Error"]) == (404, "NotFound")
        answer = charts(vendor, "@ES")
        assert (answer.status, answer.value["Error"]) == (403, "Forbidden")
        answer = ask(vendor.url, "/marketdata/nothing", None, bearer(vendor))
        assert (answer.status, answer.value["Error"]) == (404, "NotFound")
        answer = ask(vendor.url, f"{CHARTS}/SMH", None, bearer(vendor), method="PUT")
        assert answer.status == 405


@pytest.mark.parametrize("kind", ["null", "missing"])
def test_tradestation_optional_fields_may_be_null_or_missing(market, kind):
    with TradeStationVendor(market, clock=VendorClock(NOW), optional_fields=kind) as vendor:
        bar = charts(vendor).value["Bars"][0]
        assert {"High", "Low", "Open", "Close", "TotalVolume", "TimeStamp"} <= set(bar)
        assert bar.get("OpenInterest", None) is None
        assert ("OpenInterest" in bar) is (kind == "null")


def test_tradestation_the_running_bar_is_open(market):
    clock = VendorClock(dt.datetime(2025, 3, 5, 15, 10, 30, tzinfo=dt.UTC))
    with TradeStationVendor(market, clock=clock) as vendor:
        days = charts(vendor, unit="Daily", firstdate="2025-03-04").value["Bars"]
        assert [b["BarStatus"] for b in days] == ["Closed", "Open"]
        assert days[1]["TimeStamp"] == "2025-03-05T21:00:00Z"
        minutes = charts(vendor, unit="Minute", barsback=2).value["Bars"]
        assert [b["BarStatus"] for b in minutes] == ["Closed", "Open"]
        assert minutes[1]["TimeStamp"] == "2025-03-05T15:11:00Z"
        five = charts(vendor, unit="Minute", interval=5, barsback=1).value["Bars"]
        assert (five[0]["TimeStamp"], five[0]["BarStatus"]) == ("2025-03-05T15:15:00Z", "Open")
        # With a last date before it the running bar is not asked for.
        asked = {"unit": "Minute", "firstdate": "2025-03-05T15:00:00Z"}
        done = charts(vendor, **asked, lastdate="2025-03-05T15:10:00Z").value["Bars"]
        assert {b["BarStatus"] for b in done} == {"Closed"}
        clock.set(NOW)
        after = charts(vendor, unit="Daily", barsback=1).value["Bars"][0]
        truth = market.daily("SMH", dt.date(2025, 3, 5), dt.date(2025, 3, 5))
        assert (after["BarStatus"], int(after["TotalVolume"])) == ("Closed", truth.volume[0])
        assert int(days[1]["TotalVolume"]) < truth.volume[0]


def test_tradestation_quota_is_500_in_5_minutes_from_the_first_request(tradestation):
    headers = bearer(tradestation)
    url = urllib.parse.urlsplit(tradestation.url)
    with contextlib.closing(http.client.HTTPConnection(url.hostname, url.port)) as connection:
        statuses = []
        for _ in range(501):
            connection.request("GET", f"{url.path}{CHARTS}/SMH?barsback=1", headers=headers)
            reply = connection.getresponse()
            body = reply.read()
            statuses.append(reply.status)
    assert statuses == [200] * 500 + [429]
    assert json.loads(body)["Error"] == "TooManyRequests"
    assert reply.headers["Retry-After"] is None
    tradestation.clock.advance(299)
    assert charts(tradestation).status == 429
    tradestation.clock.advance(1)
    assert charts(tradestation).status == 200


def test_tradestation_access_tokens_last_20_minutes(tradestation):
    headers = bearer(tradestation)
    ask_again = lambda: ask(tradestation.url, f"{CHARTS}/SMH", None, headers)  # noqa: E731
    assert ask_again().status == 200
    tradestation.clock.advance(1199)
    assert ask_again().status == 200
    tradestation.clock.advance(1)
    answer = ask_again()
    assert (answer.status, answer.value["Error"]) == (401, "Unauthorized")
    for wrong in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer x"}):
        answer = ask(tradestation.url, f"{CHARTS}/SMH", None, wrong)
        assert (answer.status, answer.value["Error"]) == (401, "Unauthorized")


def test_tradestation_tokens_are_asked_for_by_a_form(tradestation):
    good = tokens(tradestation)
    assert good.status == 200
    assert good.value["expires_in"] == 1200
    assert good.value["token_type"] == "Bearer"
    assert set(good.value) == {"access_token", "expires_in", "token_type", "scope", "id_token"}
    bad = tokens(tradestation, client_secret="wrong")
    assert (bad.status, bad.value["error"]) == (401, "invalid_client")
    bad = tokens(tradestation, refresh_token="wrong")
    assert (bad.status, bad.value["error"]) == (403, "invalid_grant")
    bad = tokens(tradestation, grant_type="password")
    assert (bad.status, bad.value["error"]) == (400, "unsupported_grant_type")
    form = {"grant_type": "refresh_token"}
    bad = ask(
        tradestation.signin_url,
        "/oauth/token",
        headers={"Content-Type": "application/json"},
        method="POST",
        body=json.dumps(form),
    )
    assert (bad.status, bad.value["error"]) == (400, "invalid_request")
    assert ask(tradestation.signin_url, "/oauth/token").status == 405


def test_tradestation_a_rotated_token_is_used_up_and_another_use_ends_the_login(market):
    with TradeStationVendor(market, clock=VendorClock(NOW), rotate=True) as vendor:
        first = tokens(vendor).value
        second = tokens(vendor, refresh_token=first["refresh_token"]).value
        assert second["refresh_token"] not in {first["refresh_token"], vendor.first_refresh_token}
        headers = {"Authorization": f"Bearer {second['access_token']}"}
        assert ask(vendor.url, f"{CHARTS}/SMH", None, headers).status == 200
        reused = tokens(vendor, refresh_token=first["refresh_token"])
        assert reused.value["error"] == "invalid_grant"
        last = tokens(vendor, refresh_token=second["refresh_token"])
        assert last.value["error"] == "invalid_grant"
        assert ask(vendor.url, f"{CHARTS}/SMH", None, headers).status == 401
        assert vendor.refresh_tokens == ()


def test_tradestation_rotating_tokens_may_end_by_age(market):
    clock = VendorClock(NOW)
    with TradeStationVendor(market, clock=clock, rotate=True, refresh_seconds=1800) as vendor:
        clock.advance(1799)
        following = tokens(vendor).value["refresh_token"]
        clock.advance(1800)
        assert tokens(vendor, refresh_token=following).value["error"] == "invalid_grant"


REDIRECT = "http://localhost:31022/callback"


def authorize(vendor: TradeStationVendor, **change: str | None) -> Answer:
    given: dict[str, str | None] = {
        "response_type": "code",
        "client_id": vendor.client_id,
        "audience": "https://api.tradestation.com",
        "redirect_uri": REDIRECT,
        "scope": "openid offline_access MarketData",
        "state": "made-up-state",
        **change,
    }
    query = {name: value for name, value in given.items() if value is not None}
    return ask(vendor.signin_url, "/authorize", query)


def back(answer: Answer) -> dict[str, str]:
    assert answer.status == 302
    location = answer.headers["location"]
    assert location.startswith(f"{REDIRECT}?")
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))


def test_tradestation_a_code_is_good_once_where_it_was_asked_for(tradestation):
    found = back(authorize(tradestation))
    assert found["state"] == "made-up-state"
    form = {"grant_type": "authorization_code", "code": found["code"], "redirect_uri": REDIRECT}
    answer = tokens(tradestation, **form)
    assert answer.status == 200
    refreshed = tokens(tradestation, refresh_token=answer.value["refresh_token"])
    assert refreshed.status == 200
    assert tokens(tradestation, **form).value["error"] == "invalid_grant"
    other = back(authorize(tradestation))["code"]
    form = {"grant_type": "authorization_code", "code": other, "redirect_uri": f"{REDIRECT}/x"}
    assert tokens(tradestation, **form).value["error"] == "invalid_grant"
    late = back(authorize(tradestation))["code"]
    tradestation.clock.advance(600)
    form = {"grant_type": "authorization_code", "code": late, "redirect_uri": REDIRECT}
    assert tokens(tradestation, **form).value["error"] == "invalid_grant"


def test_tradestation_a_code_with_a_challenge_needs_its_verifier(tradestation):
    # The example of RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    for given, status in ((verifier, 200), ("other", 403)):
        asked = authorize(tradestation, code_challenge=challenge, code_challenge_method="S256")
        form = {
            "grant_type": "authorization_code",
            "code": back(asked)["code"],
            "redirect_uri": REDIRECT,
            "code_verifier": given,
        }
        assert tokens(tradestation, **form).status == status


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"audience": None}, "invalid_request"),
        ({"audience": "https://elsewhere.example"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"scope": "openid offline_access"}, "invalid_scope"),
    ],
)
def test_tradestation_says_at_the_redirect_what_is_wrong(tradestation, change, error):
    found = back(authorize(tradestation, **change))
    assert found["error"] == error
    assert found.get("state") == change.get("state", "made-up-state")


def test_tradestation_does_not_redirect_to_what_is_not_configured(market):
    with TradeStationVendor(market, clock=VendorClock(NOW)) as vendor:
        for change in ({"redirect_uri": "http://elsewhere.example/"}, {"client_id": "x"}):
            answer = authorize(vendor, **change)
            assert answer.status == 400
            assert "location" not in answer.headers
    with TradeStationVendor(market, redirect_uris=("http://localhost:3000",)) as vendor:
        assert authorize(vendor).status == 400
    with TradeStationVendor(market, approve=False) as vendor:
        assert back(authorize(vendor))["error"] == "access_denied"


def test_tradestation_history_is_scaled_once_the_clock_passes_a_split():
    day = dt.date(2025, 3, 6)
    market = Market(1, [Instrument("SPLT", splits=(Split(day, 2.0),))])
    clock = VendorClock(NOW)
    with TradeStationVendor(market, clock=clock) as vendor:
        asked = {"firstdate": "2025-03-03", "lastdate": "2025-03-05"}
        before = charts(vendor, "SPLT", **asked).value["Bars"]
        clock.set(dt.datetime(2025, 3, 6, 15, 0, tzinfo=dt.UTC))
        after = charts(vendor, "SPLT", **asked).value["Bars"]
        for old, new in zip(before, after, strict=True):
            assert float(new["Close"]) == pytest.approx(float(old["Close"]) / 2, abs=1e-4)
            assert int(new["TotalVolume"]) == 2 * int(old["TotalVolume"])


# Alpaca.

KEYS = {"APCA-API-KEY-ID": "test-key-id", "APCA-API-SECRET-KEY": "test-secret-key"}


@pytest.fixture
def alpaca(market) -> Iterator[AlpacaVendor]:
    with AlpacaVendor(market, clock=VendorClock(NOW)) as vendor:
        yield vendor


def stock(vendor: AlpacaVendor, symbol: str = "SMH", **query: object) -> Answer:
    return ask(vendor.url, f"/v2/stocks/{symbol}/bars", {"timeframe": "1Day", **query}, KEYS)


def test_alpaca_bars_have_the_documented_shape(alpaca, market):
    answer = stock(alpaca, start="2024-07-01", end="2024-07-05").value
    assert answer["symbol"] == "SMH"
    assert answer["next_page_token"] is None
    truth = market.daily("SMH", dt.date(2024, 7, 1), dt.date(2024, 7, 5))
    assert [b["t"] for b in answer["bars"]] == [f"2024-07-0{d}T04:00:00Z" for d in (1, 2, 3, 5)]
    assert [[b["o"], b["h"], b["l"], b["c"], b["v"]] for b in answer["bars"]] == np.column_stack(
        (truth.open, truth.high, truth.low, truth.close, truth.volume)
    ).tolist()
    assert all(type(b["v"]) is int and type(b["n"]) is int for b in answer["bars"])
    winter = stock(alpaca, start="2024-01-02", end="2024-01-02").value["bars"]
    assert [b["t"] for b in winter] == ["2024-01-02T05:00:00Z"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "timeframe=1day",
        "timeframe=0Min",
        "timeframe=60Min",
        "timeframe=24Hour",
        "timeframe=2Day",
        "timeframe=5Month",
        "timeframe=1Day&limit=0",
        "timeframe=1Day&limit=10001",
        "timeframe=1Day&limit=x",
        "timeframe=1Day&adjustment=none",
        "timeframe=1Day&feed=nasdaq",
        "timeframe=1Day&sort=up",
        "timeframe=1Day&start=2024",
        "timeframe=1Day&start=2024-01-02T00:00:00",
        "timeframe=1Day&start=2024-02-30",
        "timeframe=1Day&start=2024-02-02&end=2024-02-01",
        "timeframe=1Day&page=2",
        "timeframe=1Day&symbols=SPY",
        "timeframe=1Day&page_token=made-up",
        "timeframe=1Day&timeframe=1Day",
    ],
)
def test_alpaca_refuses_what_its_documentation_excludes(alpaca, query):
    answer = ask(alpaca.url, "/v2/stocks/SMH/bars", query, KEYS)
    assert answer.status == 400
    assert set(answer.value) == {"message"}


def test_alpaca_pages_are_complete_and_disjoint(alpaca, market):
    query: dict[str, object] = {
        "symbols": "SPY,SMH,NOSUCH",
        "timeframe": "1Hour",
        "start": "2024-11-25T00:00:00Z",
        "end": "2024-12-07T00:00:00Z",
        "limit": 17,
    }
    found: list[tuple[str, str]] = []
    sizes = []
    pages = []
    while True:
        answer = ask(alpaca.url, "/v2/stocks/bars", query, KEYS).value
        page = [(s, b["t"]) for s, bars in answer["bars"].items() for b in bars]
        found.extend(page)
        sizes.append(len(page))
        token = answer["next_page_token"]
        if token is None:
            break
        pages.append(token)
        query["page_token"] = token
    assert len(set(found)) == len(found)
    # Sorted by symbol, then by time; the limit is that of all symbols together.
    assert found == sorted(found)
    assert sizes[:-1] == [17] * (len(sizes) - 1)
    assert len(set(pages)) == len(pages)
    whole = {**query, "limit": 10_000}
    del whole["page_token"]
    once = ask(alpaca.url, "/v2/stocks/bars", whole, KEYS).value
    assert once["next_page_token"] is None
    assert found == [(s, b["t"]) for s, bars in once["bars"].items() for b in bars]
    assert set(once["bars"]) == {"SMH", "SPY"}
    hours = [
        (s.date, hour)
        for s in sessions("XNYS", dt.date(2024, 11, 25), dt.date(2024, 12, 6))
        for hour in range(s.start // 3600, (s.end - 1) // 3600 + 1)
    ]
    assert len(found) == 2 * len(hours)


def test_alpaca_page_tokens_belong_to_their_query(alpaca):
    query = {"start": "2024-01-02", "end": "2024-12-31", "limit": 5}
    token = stock(alpaca, **query).value["next_page_token"]
    assert stock(alpaca, **query, page_token=token).status == 200
    for change in ({"adjustment": "split"}, {"end": "2024-12-30"}, {"sort": "desc"}):
        assert stock(alpaca, **{**query, **change}, page_token=token).status == 400
    assert stock(alpaca, "SPY", **query, page_token=token).status == 400


def test_alpaca_nothing_is_null(market):
    holiday = {"start": "2024-07-04", "end": "2024-07-04"}
    nothing = {"bars": None, "symbol": "SMH", "next_page_token": None}
    with AlpacaVendor(market, clock=VendorClock(NOW)) as vendor:
        assert stock(vendor, **holiday).value == nothing
        # Its data begin in 2016.
        assert stock(vendor, start="2015-01-01", end="2015-12-31").value == nothing
        early = stock(vendor, start="2015-01-01", end="2016-01-05").value["bars"]
        assert [b["t"][:10] for b in early] == ["2016-01-04", "2016-01-05"]
        assert stock(vendor, "NOSUCH", start="2024-01-02").value["bars"] is None
        many = ask(
            vendor.url,
            "/v2/stocks/bars",
            {"symbols": "NOSUCH", "timeframe": "1Day", "start": "2024-01-02"},
            KEYS,
        )
        assert many.value == {"bars": {}, "next_page_token": None}
        assert stock(vendor, "nosuch").status == 400
    with AlpacaVendor(market, clock=VendorClock(NOW), empty_bars="list") as vendor:
        assert stock(vendor, **holiday).value["bars"] == []


@pytest.mark.parametrize("status", [401, 403])
def test_alpaca_wrong_keys(market, status):
    with AlpacaVendor(market, clock=VendorClock(NOW), unauthorized=status) as vendor:
        for keys in ({}, {**KEYS, "APCA-API-SECRET-KEY": "x"}, {"APCA-API-KEY-ID": "test-key-id"}):
            answer = ask(vendor.url, "/v2/stocks/SMH/bars", {"timeframe": "1Day"}, keys)
            assert answer.status == status
            assert set(answer.value) == {"message"}


def test_alpaca_recent_sip_data_need_a_subscription(market):
    recent, late = "2025-03-05T21:45:01Z", "2025-03-05T21:45:00Z"
    with AlpacaVendor(market, clock=VendorClock(NOW)) as vendor:
        answer = stock(vendor, start="2025-03-03", end=recent)
        assert answer.status == 403
        assert answer.value["message"] == "subscription does not permit querying recent SIP data"
        assert stock(vendor, start="2025-03-03", end=late).status == 200
        assert stock(vendor, start="2025-03-03").status == 200
        iex = stock(vendor, start="2025-03-03", end=recent, feed="iex").value["bars"]
        sip = stock(vendor, start="2025-03-03", end=late, feed="sip").value["bars"]
        assert [b["t"] for b in iex] == [b["t"] for b in sip]
        assert all(a["v"] < b["v"] for a, b in zip(iex, sip, strict=True))
    with AlpacaVendor(market, clock=VendorClock(NOW), subscribed=True) as vendor:
        assert stock(vendor, start="2025-03-03", end=recent).status == 200


def test_alpaca_200_requests_a_minute(alpaca):
    answers = [stock(alpaca, limit=1) for _ in range(200)]
    assert {a.status for a in answers} == {200}
    assert [int(a.headers["x-ratelimit-remaining"]) for a in answers] == list(range(199, -1, -1))
    over = stock(alpaca)
    assert (over.status, set(over.value)) == (429, {"message"})
    assert over.headers["x-ratelimit-limit"] == "200"
    assert int(over.headers["x-ratelimit-reset"]) == int(NOW.timestamp()) + 60
    alpaca.clock.advance(59)
    assert stock(alpaca).status == 429
    alpaca.clock.advance(1)
    assert stock(alpaca).status == 200


def test_alpaca_adjusts_as_asked():
    day, paid = dt.date(2024, 6, 10), dt.date(2024, 9, 3)
    market = Market(
        1, [Instrument("SPLT", splits=(Split(day, 4.0),), dividends=(Dividend(paid, 0.01),))]
    )
    clock = VendorClock(NOW)
    with AlpacaVendor(market, clock=clock) as vendor:
        closes = {
            kind: stock(
                vendor, "SPLT", start="2024-06-03", end="2024-06-03", adjustment=kind
            ).value["bars"][0]["c"]
            for kind in ("raw", "split", "dividend", "all")
        }
        unasked = stock(vendor, "SPLT", start="2024-06-03", end="2024-06-03").value
        assert unasked["bars"][0]["c"] == closes["raw"]
        assert closes["split"] == pytest.approx(closes["raw"] / 4, abs=1e-4)
        assert closes["dividend"] == pytest.approx(closes["raw"] * 0.99, abs=1e-4)
        assert closes["all"] == pytest.approx(closes["raw"] / 4 * 0.99, abs=1e-4)
        clock.set(dt.datetime(2024, 6, 7, 22, 0, tzinfo=dt.UTC))
        early = stock(vendor, "SPLT", start="2024-06-03", end="2024-06-03", adjustment="all")
        assert early.value["bars"][0]["c"] == closes["raw"]


def test_alpaca_dates_and_times_go_either_way(market):
    with AlpacaVendor(market, clock=VendorClock(NOW), dates_in=dt.UTC) as vendor:
        bars = stock(vendor, start="2024-07-01", end="2024-07-02").value["bars"]
        assert [b["t"][:10] for b in bars] == ["2024-07-01"]
        # Both ends are included.
        exact = stock(vendor, start="2024-07-01T04:00:00Z", end="2024-07-02T00:00:00-04:00")
        assert [b["t"][:10] for b in exact.value["bars"]] == ["2024-07-01", "2024-07-02"]
        back_ = stock(vendor, start="2024-07-01", end="2024-07-03", sort="desc").value["bars"]
        assert [b["t"][:10] for b in back_] == ["2024-07-02", "2024-07-01"]


def test_alpaca_extended_hours_go_either_way(market):
    asked = {"timeframe": "1Min", "start": "2024-07-05T00:00:00Z", "end": "2024-07-06T03:00:00Z"}
    with AlpacaVendor(market, clock=VendorClock(NOW)) as vendor:
        bars = stock(vendor, **asked).value["bars"]
        assert (len(bars), bars[0]["t"]) == (390, "2024-07-05T13:30:00Z")
    with AlpacaVendor(market, clock=VendorClock(NOW), extended_hours=True) as vendor:
        more = [b["t"] for b in stock(vendor, **asked).value["bars"]]
        assert more[0] < "2024-07-05T13:30:00Z"
        assert more[-1] >= "2024-07-05T20:00:00Z"
        assert {b["t"] for b in bars} < set(more)


# Binance.


@pytest.fixture
def binance(market) -> Iterator[BinanceVendor]:
    with BinanceVendor(market, clock=VendorClock(NOW)) as vendor:
        yield vendor


FILES = {
    "spot": "/data/spot/{period}/klines/BTCUSDT/{i}/BTCUSDT-{i}-{date}.zip",
    "um": "/data/futures/um/{period}/klines/BTCUSDT/{i}/BTCUSDT-{i}-{date}.zip",
    "mark": "/data/futures/um/{period}/markPriceKlines/BTCUSDT/{i}/BTCUSDT-{i}-{date}.zip",
    "funding": "/data/futures/um/{period}/fundingRate/BTCUSDT/BTCUSDT-fundingRate-{date}.zip",
}


def packed(vendor: BinanceVendor, kind: str, date: str, i: str = "1h") -> Answer:
    period = "monthly" if len(date) == 7 else "daily"
    return ask(vendor.files_url, FILES[kind].format(period=period, i=i, date=date))


def lines(answer: Answer) -> list[list[str]]:
    assert answer.status == 200
    with zipfile.ZipFile(io.BytesIO(answer.body)) as file:
        (name,) = file.namelist()
        return list(csv.reader(io.StringIO(file.read(name).decode())))


def test_binance_files_have_their_checksum(binance):
    for kind, date in (("spot", "2024-11"), ("um", "2025-03-04"), ("funding", "2024-11")):
        period = "monthly" if len(date) == 7 else "daily"
        path = FILES[kind].format(period=period, i="1h", date=date)
        whole = ask(binance.files_url, path).body
        told = ask(binance.files_url, f"{path}.CHECKSUM").body.decode()
        assert told.split() == [hashlib.sha256(whole).hexdigest(), path.rpartition("/")[2]]
        with zipfile.ZipFile(io.BytesIO(whole)) as file:
            assert file.namelist() == [path.rpartition("/")[2].replace(".zip", ".csv")]
        assert ask(binance.files_url, path).body == whole


def test_binance_old_files_have_no_header_and_spot_has_microseconds(binance):
    old, new = lines(packed(binance, "um", "2021-12")), lines(packed(binance, "um", "2022-01"))
    assert old[0][0] == "1638316800000"
    assert ",".join(new[0]) == (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
        "taker_buy_volume,taker_buy_quote_volume,ignore"
    )
    assert (len(old), len(new)) == (31 * 24, 31 * 24 + 1)
    assert lines(packed(binance, "spot", "2024-12"))[1][0] == "1733011200000"
    first = lines(packed(binance, "spot", "2025-01"))[1]
    assert (first[0], first[6]) == ("1735689600000000", "1735693199999999")
    assert lines(packed(binance, "um", "2025-01"))[1][0] == "1735689600000"
    funding = lines(packed(binance, "funding", "2025-01"))
    assert funding[0] == ["calc_time", "funding_interval_hours", "last_funding_rate"]
    assert [line[:2] for line in funding[1:4]] == [
        [str(1735689600000 + k * 8 * 3_600_000), "8"] for k in range(3)
    ]
    assert len(funding) == 1 + 31 * 3


def test_binance_files_and_rest_tell_the_same(binance, market):
    day = dt.date(2025, 3, 4)
    asked = {"symbol": "BTCUSDT", "interval": "1m", "limit": 1000, "startTime": 1741046400000}
    rows = ask(binance.spot_url, "/api/v3/klines", asked).value
    assert len(rows) == 1000
    assert all(len(row) == 12 for row in rows)
    assert all(isinstance(cell, str) for cell in rows[0][1:6])
    file = lines(packed(binance, "spot", "2025-03-04", "1m"))[1:]
    assert len(file) == 1440
    for row, line in zip(rows, file, strict=False):
        assert [str(row[0] * 1000), *row[1:6]] == line[:6]
    truth = market.minutes("BTCUSDT", day)
    assert [float(row[4]) for row in rows] == truth.close[:1000].tolist()
    mark = ask(binance.futures_url, "/fapi/v1/markPriceKlines", asked).value
    assert [float(row[4]) for row in mark] == market.mark_minutes("BTCUSDT", day).close[
        :1000
    ].tolist()
    months = lines(packed(binance, "um", "2025-02", "1d"))[1:]
    asked = {"symbol": "BTCUSDT", "interval": "1d", "startTime": 1738368000000, "limit": 28}
    rest = ask(binance.futures_url, "/fapi/v1/klines", asked).value
    assert [line[:6] for line in months] == [[str(row[0]), *row[1:6]] for row in rest]


def test_binance_funding_rates_of_files_and_rest(binance, market):
    asked = {"symbol": "BTCUSDT", "startTime": 1738368000000, "endTime": 1740787199999}
    rates = ask(binance.futures_url, "/fapi/v1/fundingRate", {**asked, "limit": 1000}).value
    assert set(rates[0]) == {"symbol", "fundingRate", "fundingTime", "markPrice"}
    file = lines(packed(binance, "funding", "2025-02"))[1:]
    assert [[str(r["fundingTime"]), r["fundingRate"]] for r in rates] == [
        [line[0], line[2]] for line in file
    ]
    assert len(rates) == 28 * 3
    # Without a limit 100 come; without a start the last.
    assert len(ask(binance.futures_url, "/fapi/v1/fundingRate", {"symbol": "BTCUSDT"}).value) == 100


def test_binance_files_come_after_their_day(binance):
    assert packed(binance, "um", "2025-03-04").status == 200
    missing = packed(binance, "um", "2025-03-05")
    assert missing.status == 404
    assert b"NoSuchKey" in missing.body
    assert packed(binance, "um", "2025-02").status == 200
    assert packed(binance, "um", "2025-03").status == 404
    binance.clock.set(dt.datetime(2025, 3, 2, 12, 0, tzinfo=dt.UTC))
    # The month's file comes on the first Monday of the next month, which is the 3rd.
    assert packed(binance, "um", "2025-02").status == 404
    assert packed(binance, "um", "2025-02-28").status == 200
    assert packed(binance, "um", "2019-08").status == 404
    assert packed(binance, "um", "2019-09").status == 200
    assert packed(binance, "funding", "2025-01-15").status == 404
    assert packed(binance, "um", "2025-01-32").status == 404
    assert packed(binance, "um", "2025-01-15", "7m").status == 404
    path = FILES["um"].format(period="daily", i="1h", date="2025-01-15")
    assert ask(binance.files_url, path.replace("BTCUSDT", "NOSUCHUSDT")).status == 404
    assert ask(binance.files_url, path.replace("futures/um", "spot")).status == 200
    mark = FILES["mark"].format(period="daily", i="1h", date="2025-01-15")
    assert ask(binance.files_url, mark.replace("futures/um", "spot")).status == 404


def test_binance_a_file_may_be_replaced():
    market = Market(1)
    with BinanceVendor(market, clock=VendorClock(NOW)) as vendor:
        path = FILES["um"].format(period="daily", i="1h", date="2025-01-15")
        old = ask(vendor.files_url, path).body
        market.revise("BTCUSDT", dt.date(2025, 1, 15), 1.01)
        new = ask(vendor.files_url, path).body
        assert new != old
        told = ask(vendor.files_url, f"{path}.CHECKSUM").body.decode()
        assert told.split()[0] == hashlib.sha256(new).hexdigest()


SPOT, UM, FUNDING = "/api/v3/klines", "/fapi/v1/klines", "/fapi/v1/fundingRate"


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        (SPOT, "interval=1d", -1102),
        (SPOT, "symbol=BTCUSDT", -1102),
        (SPOT, "symbol=&interval=1d", -1102),
        (SPOT, "symbol=NOSUCHUSDT&interval=1d", -1121),
        (SPOT, "symbol=BTCUSDT&interval=7m", -1120),
        (SPOT, "symbol=BTCUSDT&interval=1d&limit=1001", -1130),
        (UM, "symbol=BTCUSDT&interval=1d&limit=1501", -1130),
        (UM, "symbol=BTCUSDT&interval=1d&limit=0", -1130),
        ("/fapi/v1/markPriceKlines", "symbol=BTCUSDT&interval=1d&limit=1501", -1130),
        (FUNDING, "symbol=BTCUSDT&limit=1001", -1130),
        (FUNDING, "symbol=BTCUSDT&interval=8h", -1104),
        (UM, "symbol=BTCUSDT&interval=1d&limit=ten", -1100),
        (UM, "symbol=BTCUSDT&interval=1d&startTime=2024-01-01", -1100),
        (UM, "symbol=BTCUSDT&interval=1d&startTime=2&endTime=1", -1023),
        (UM, "symbol=BTCUSDT&interval=1d&page=1", -1104),
        (UM, "symbol=BTCUSDT&symbol=BTCUSDT&interval=1d", -1101),
    ],
)
def test_binance_refuses_what_its_documentation_excludes(binance, path, query, code):
    url = binance.spot_url if path == SPOT else binance.futures_url
    answer = ask(url, path, query)
    assert answer.status == 400
    assert answer.value["code"] == code
    assert set(answer.value) == {"code", "msg"}


def test_binance_serves_up_to_its_limits(binance):
    asked = {"symbol": "BTCUSDT", "interval": "1m", "startTime": 1704067200000}
    assert len(ask(binance.spot_url, SPOT, {**asked, "limit": 1000}).value) == 1000
    assert len(ask(binance.futures_url, UM, {**asked, "limit": 1500}).value) == 1500
    assert len(ask(binance.futures_url, UM, asked).value) == 500
    del asked["interval"]
    assert len(ask(binance.futures_url, FUNDING, {**asked, "limit": 1000}).value) == 1000


def test_binance_the_last_kline_runs(binance, market):
    rows = ask(binance.futures_url, UM, {"symbol": "BTCUSDT", "interval": "1d", "limit": 2}).value
    assert rows[1][0] == 1741132800000
    assert rows[1][6] == 1741219199999 > NOW.timestamp() * 1000
    truth = market.daily("BTCUSDT", dt.date(2025, 3, 5), dt.date(2025, 3, 5))
    assert float(rows[1][5]) < truth.volume[0] / 1000


def test_binance_2400_weight_a_minute_then_a_ban(binance):
    url = urllib.parse.urlsplit(binance.futures_url)
    target = f"{UM}?symbol=BTCUSDT&interval=1d&limit=1500&startTime=1741132800000"
    with contextlib.closing(http.client.HTTPConnection(url.hostname, url.port)) as connection:

        def once() -> Answer:
            connection.request("GET", target)
            reply = connection.getresponse()
            found = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(reply.status, found, reply.read())

        answers = [once() for _ in range(240)]
        assert {a.status for a in answers} == {200}
        assert answers[-1].headers["x-mbx-used-weight-1m"] == "2400"
        warned = once()
        assert (warned.status, warned.value["code"]) == (429, -1003)
        assert 0 < int(warned.headers["retry-after"]) <= 61
        banned = once()
        assert banned.status == 418
        assert int(banned.headers["retry-after"]) >= 120
        binance.clock.advance(119)
        assert once().status == 418
        binance.clock.advance(1)
        assert once().status == 200


def test_binance_waits_after_a_429_are_no_ban(binance):
    asked = {"symbol": "BTCUSDT"}
    statuses = [ask(binance.futures_url, FUNDING, asked).status for _ in range(500)]
    assert set(statuses) == {200}
    over = ask(binance.futures_url, FUNDING, asked)
    assert over.status == 429
    binance.clock.advance(int(over.headers["retry-after"]))
    assert ask(binance.futures_url, FUNDING, asked).status == 200


# Faults.


def _simple(vendor: Vendor, timeout: float = 30.0) -> Answer:
    """Ask a vendor for some days."""
    if isinstance(vendor, TradeStationVendor):
        headers = {"Authorization": f"Bearer {_token(vendor)}"}
        query = {"firstdate": "2025-02-24", "lastdate": "2025-03-04"}
        return ask(vendor.url, f"{CHARTS}/SMH", query, headers, timeout=timeout)
    if isinstance(vendor, AlpacaVendor):
        query = {"timeframe": "1Day", "start": "2025-02-24", "end": "2025-03-04"}
        return ask(vendor.url, "/v2/stocks/SMH/bars", query, KEYS, timeout=timeout)
    query = {"symbol": "BTCUSDT", "interval": "1d", "limit": 7}
    return ask(vendor.futures_url, UM, query, timeout=timeout)


def _token(vendor: TradeStationVendor) -> str:
    """Return an access token that lives while it may, without a request."""
    with vendor._lock:
        living = [t for t, (until, _) in vendor._access.items() if vendor.clock.seconds() < until]
    return living[0] if living else "none"


def _rows(answer: Answer) -> list[Any]:
    value = answer.value
    if isinstance(value, dict):
        return value["Bars"] if "Bars" in value else value["bars"]
    return value


def _when(row: Any) -> Any:
    return row[0] if isinstance(row, list) else row.get("TimeStamp", row.get("t"))


VENDORS = {
    "tradestation": TradeStationVendor,
    "alpaca": AlpacaVendor,
    "binance": BinanceVendor,
}


@pytest.fixture(params=sorted(VENDORS))
def vendor(request) -> Iterator[Vendor]:
    with VENDORS[request.param](Market(1), clock=VendorClock(NOW)) as found:
        if isinstance(found, TradeStationVendor):
            tokens(found)
        yield found


@pytest.mark.parametrize("name", [n for n, f in FAULTS.items() if f.status is not None])
def test_faults_that_are_a_status(vendor, name):
    fault = FAULTS[name]
    right = _rows(_simple(vendor))
    vendor.faults.next(name)
    answer = _simple(vendor)
    assert answer.status == fault.status
    assert answer.value  # in the vendor's shape
    told = answer.headers.get("retry-after")
    if fault.retry_after == "seconds":
        assert told == "2"
    elif fault.retry_after == "date":
        at = NOW + dt.timedelta(seconds=2 + fault.off)
        assert parsedate_to_datetime(told) == at
        assert parsedate_to_datetime(answer.headers["date"]) == NOW + dt.timedelta(
            seconds=fault.off
        )
    else:
        assert told is None
    assert _rows(_simple(vendor)) == right
    assert [entry.fault for entry in vendor.log][-3:] == [None, name, None]
    assert [entry.status for entry in vendor.log][-3:] == [200, fault.status, 200]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("cut-before-headers", http.client.RemoteDisconnected),
        ("cut-mid-body", http.client.IncompleteRead),
        ("cut-chunked", http.client.IncompleteRead),
    ],
)
def test_faults_that_cut_the_connection(vendor, name, error):
    right = _rows(_simple(vendor))
    vendor.faults.next(name)
    with pytest.raises(error):
        _simple(vendor)
    assert _rows(_simple(vendor)) == right
    assert vendor.log[-2].fault == name
    assert (vendor.log[-2].status is None) is (name == "cut-before-headers")


def test_faults_that_spoil_the_body(vendor):
    right = _rows(_simple(vendor))
    vendor.faults.next("truncated-json", "html")
    cut = _simple(vendor)
    assert (cut.status, int(cut.headers["content-length"])) == (200, len(cut.body))
    with pytest.raises(json.JSONDecodeError):
        cut.value  # noqa: B018
    page = _simple(vendor)
    assert (page.status, page.headers["content-type"]) == (200, "text/html")
    assert page.body.startswith(b"<!doctype html>")
    assert _rows(_simple(vendor)) == right


def test_faults_that_spoil_the_bars(vendor):
    right = _rows(_simple(vendor))
    vendor.faults.next("null-fields", "duplicate-bars", "unordered-bars")
    null = _rows(_simple(vendor))
    cells = [c for row in null for c in (row if isinstance(row, list) else row.values())]
    assert cells.count(None) == 1
    twice = _rows(_simple(vendor))
    assert len(twice) == len(right) + 2
    assert {_when(row) for row in twice} == {_when(row) for row in right}
    mixed = _rows(_simple(vendor))
    assert mixed != right
    assert sorted(mixed, key=_when) == right
    assert _rows(_simple(vendor)) == right


def test_a_time_out_is_held_until_the_client_leaves_or_the_test_releases_it(vendor):
    right = _rows(_simple(vendor))
    vendor.faults.next("time-out", "time-out")
    with pytest.raises(TimeoutError):
        _simple(vendor, timeout=0.05)
    found: list[Answer] = []
    thread = threading.Thread(target=lambda: found.append(_simple(vendor)))
    thread.start()
    vendor.release()
    thread.join()
    assert _rows(found[0]) == right
    assert [entry.fault for entry in vendor.log[-2:]] == ["time-out", "time-out"]


def test_faults_of_tokens():
    with TradeStationVendor(Market(1), clock=VendorClock(NOW)) as vendor:
        tokens(vendor)
        assert _simple(vendor).status == 200
        vendor.faults.next("expired-token")
        assert _simple(vendor).status == 401
        assert tokens(vendor).status == 200
        assert _simple(vendor).status == 200
        vendor.faults.next("revoked-token")
        assert _simple(vendor).status == 401
        assert tokens(vendor).value["error"] == "invalid_grant"
    with AlpacaVendor(Market(1), clock=VendorClock(NOW)) as alpaca:
        alpaca.faults.next("revoked-token")
        assert [_simple(alpaca).status for _ in range(2)] == [403, 403]


def test_faults_of_files():
    with BinanceVendor(Market(1), clock=VendorClock(NOW)) as vendor:
        path = FILES["um"].format(period="daily", i="1h", date="2025-01-15")

        def pair(first: str, second: str) -> tuple[bytes, str]:
            found = {s: ask(vendor.files_url, path + s).body for s in (first, second)}
            return found[""], found[".CHECKSUM"].decode().split()[0]

        right, digest = pair("", ".CHECKSUM")
        assert hashlib.sha256(right).hexdigest() == digest
        vendor.faults.next("wrong-checksum")
        whole, wrong = pair("", ".CHECKSUM")
        assert (whole, wrong != digest) == (right, True)
        for order in (("", ".CHECKSUM"), (".CHECKSUM", "")):
            vendor.faults.next("broken-zip")
            broken, told = pair(*order)
            # The checksum is right; the file is not.
            assert hashlib.sha256(broken).hexdigest() == told
            with pytest.raises(zipfile.BadZipFile):
                zipfile.ZipFile(io.BytesIO(broken))
            assert pair(*order) == (right, digest)
        for name in ("null-fields", "duplicate-bars", "unordered-bars"):
            vendor.faults.next(name)
            spoilt, told = pair(".CHECKSUM", "")
            assert hashlib.sha256(spoilt).hexdigest() == told != digest
            assert pair("", ".CHECKSUM") == (right, digest)


def test_a_fault_that_revises_a_bar_comes_after_the_answer(vendor):
    vendor.faults.next("revised-bar")
    before = _rows(_simple(vendor))
    after = _rows(_simple(vendor))
    changed = [k for k, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert len(changed) == 1
    assert _rows(_simple(vendor)) == after


def test_a_fault_that_splits_scales_what_was_before():
    with TradeStationVendor(Market(1), clock=VendorClock(NOW)) as vendor:
        tokens(vendor)
        vendor.faults.next("split-history")
        before, after = _rows(_simple(vendor)), _rows(_simple(vendor))
        for old, new in zip(before, after, strict=True):
            assert float(new["Open"]) == pytest.approx(float(old["Open"]) / 2, abs=0.01)


def test_faults_by_path_come_so_many_times():
    with BinanceVendor(Market(1), clock=VendorClock(NOW)) as vendor:
        vendor.faults.on("/klines", "503", times=2)
        vendor.faults.on(lambda path: path == FUNDING, "500")
        rates = ask(vendor.futures_url, FUNDING, {"symbol": "BTCUSDT"}).status
        assert (rates, [_simple(vendor).status for _ in range(3)]) == (500, [503, 503, 200])
        assert vendor.faults.pending == 0
        with pytest.raises(ValueError, match="expired-token"):
            vendor.faults.next("expired-token")


def test_random_faults_are_the_same_for_a_seed(vendor):
    def statuses(seed: int) -> list[str | None]:
        vendor.log.clear()
        vendor.faults.clear()
        vendor.faults.random(seed, share=0.7, most_in_a_row=2, among=("429", "500", "503"))
        for _ in range(40):
            _simple(vendor)
        return [entry.fault for entry in vendor.log]

    first = statuses(5)
    assert statuses(5) == first
    assert statuses(6) != first
    rows = "".join("x" if name else " " for name in first).split()
    assert max(map(len, rows)) == 2
    assert sum(map(len, rows)) > 15


@pytest.mark.parametrize("rotate", [False, True])
def test_random_faults_do_not_lose_the_only_valid_token(rotate):
    with TradeStationVendor(Market(1), clock=VendorClock(NOW), rotate=rotate) as vendor:
        vendor.faults.random(1, share=1.0, most_in_a_row=1, among=("cut-mid-body", "503"))
        faults = set()
        for _ in range(20):
            with contextlib.suppress(http.client.IncompleteRead):
                tokens(vendor, refresh_token=vendor.refresh_tokens[0])
            faults.add(vendor.log[-1].fault)
        assert faults == ({None, "503"} if rotate else {None, "503", "cut-mid-body"})


def test_control_from_another_process(vendor):
    def control(**told: object) -> Answer:
        url = vendor.base(vendor.sites[0])
        return ask(url, "/_control", method="POST", body=json.dumps(told))

    asked = len(vendor.log)
    assert control(next=["503"]).value["pending"] == 1
    assert _simple(vendor).status == 503
    told = control(now="2025-03-06T22:00:00+00:00", advance=60).value
    assert told["now"] == "2025-03-06T22:01:00+00:00"
    assert told["requests"] == asked + 1
    assert told["log"][-1][3:] == [503, "503"]
    assert control(nothing=1).status == 400
    assert control(next=["none of them"]).status == 400


def test_all_three_serve_by_hand_until_they_are_ended():
    command = [sys.executable, "-m", "vendors", "--now", NOW.isoformat()]
    environ = {"PYTHONPATH": str(Path(__file__).parent)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told: dict[str, str] = {}
        controls = []
        for line in process.stdout:
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").strip().partition("=")
                told[name] = value
            elif "/_control" in line and "POST" in line:
                controls.append(line.split()[-1])
            else:
                break
        assert set(told) == {
            "WFO_TRADESTATION_URL",
            "WFO_TRADESTATION_SIGNIN_URL",
            "WFO_TRADESTATION_CLIENT_ID",
            "WFO_TRADESTATION_CLIENT_SECRET",
            "WFO_TRADESTATION_REFRESH_TOKEN",
            "WFO_ALPACA_URL",
            "APCA_API_KEY_ID",
            "APCA_API_SECRET_KEY",
            "WFO_BINANCE_FILES_URL",
            "WFO_BINANCE_SPOT_URL",
            "WFO_BINANCE_FUTURES_URL",
        }
        query = {"timeframe": "1Day", "start": "2025-03-03", "end": "2025-03-04"}
        for url, fault in zip(controls, ("500", "503", "504"), strict=True):
            body = json.dumps({"next": [fault]})
            assert ask(url, method="POST", body=body).value["pending"] == 1
        answers = [ask(told["WFO_ALPACA_URL"], "/v2/stocks/SMH/bars", query, KEYS) for _ in "12"]
        assert [a.status for a in answers] == [503, 200]
        assert len(answers[1].value["bars"]) == 2
        process.terminate()
        assert process.wait(timeout=60) == 0


def test_the_log_has_no_credentials():
    with TradeStationVendor(Market(1), clock=VendorClock(NOW)) as vendor:
        found = back(authorize(vendor))
        tokens(vendor, grant_type="authorization_code", code=found["code"], redirect_uri=REDIRECT)
        _simple(vendor)
        text = repr(vendor.log)
        for secret in (vendor.client_secret, vendor.first_refresh_token, found["code"], "Bearer"):
            assert secret not in text


def test_leaving_ends_every_thread_although_a_client_stays():
    before = set(threading.enumerate())
    with AlpacaVendor(Market(1), clock=VendorClock(NOW)) as vendor:
        url = urllib.parse.urlsplit(vendor.url)
        idle = http.client.HTTPConnection(url.hostname, url.port)
        idle.request("GET", "/v2/stocks/SMH/bars?timeframe=1Day", headers=KEYS)
        idle.getresponse().read()
        assert set(threading.enumerate()) - before
    assert set(threading.enumerate()) <= before
    idle.close()


def test_an_error_of_the_server_itself_is_raised_at_the_end(monkeypatch):
    monkeypatch.setattr(AlpacaVendor, "answer", lambda *_: 1 / 0)
    vendor = AlpacaVendor(Market(1))
    vendor.__enter__()
    with pytest.raises(http.client.RemoteDisconnected):
        _simple(vendor)
    with pytest.raises(AssertionError, match="broke"):
        vendor.__exit__(None)
