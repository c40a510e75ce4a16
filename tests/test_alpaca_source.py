"""Alpaca as a source: what it asks, what it makes of the answers, what it makes of faults."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import zoneinfo
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl
import pytest
from answering import Answering, Asked, Given, answering
from loopback import VirtualClock

from wfo.data.sources.alpaca import (
    LARGEST_PAGE,
    REQUESTS_A_MINUTE,
    Alpaca,
    groups,
    instants,
    regular_session,
    seconds_to_reset,
)
from wfo.data.sources.config import SourcesConfig
from wfo.data.sources.credentials import Secret
from wfo.data.sources.errors import (
    CredentialsError,
    MalformedError,
    RefusedError,
    UnknownSymbolError,
    UnreachableError,
)
from wfo.data.sources.http import HttpOptions
from wfo.data.sources.source import Answer, SeriesRequest, Source
from wfo.errors import InputError

KEY, SECRET = "test-key-id", "test-secret-key"
NOW = dt.datetime(2025, 3, 5, 22, 0, tzinfo=dt.UTC)
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")

Bar = dict[str, Any]
Spoil = Callable[[Given], Given]


def date(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def bar(stamp: str, close: float = 100.0, volume: float | None = 1000) -> Bar:
    return {
        "t": stamp,
        "o": close - 1,
        "h": close + 2,
        "l": close - 2,
        "c": close,
        "v": volume,
        "n": 10,
        "vw": close,
    }


def daily(first: str, last: str) -> list[Bar]:
    """Bars of weekdays, stamped with midnight in New York; the close is the day's number."""
    day, bars = date(first), []
    while day <= date(last):
        if day.weekday() < 5:
            start = dt.datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
            stamp = f"{start.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
            bars.append(bar(stamp, 100.0 + day.toordinal() % 50))
        day += dt.timedelta(days=1)
    return bars


class Vendor:
    """A small Alpaca: both endpoints, pages, tokens, order by symbol and then time."""

    def __init__(self, bars: dict[str, list[Bar]], page: int = LARGEST_PAGE) -> None:
        self.bars = bars
        self.page = page
        self.spoil: list[Spoil | None] = []  # of the next answers
        self.invalid: set[str] = set()

    def __call__(self, asked: Asked) -> Given:
        given = self._answer(asked)
        spoil = self.spoil.pop(0) if self.spoil else None
        return given if spoil is None else spoil(given)

    def _answer(self, asked: Asked) -> Given:
        if asked.headers.get("apca-api-key-id") != KEY:
            return Given({"message": "forbidden."}, 403)
        several = asked.path == "/v2/stocks/bars"
        symbols = asked.query["symbols"].split(",") if several else [asked.path.split("/")[3]]
        for symbol in symbols:
            if symbol in self.invalid:
                return Given({"code": 40010001, "message": f"invalid symbol: {symbol}"}, 400)
        begin = asked.query["start"]
        end = asked.query.get("end", "9999")
        rows = [
            (symbol, b)
            for symbol in sorted(symbols)
            for b in self.bars.get(symbol, [])
            if begin <= b["t"] <= end
        ]
        start = int(asked.query.get("page_token", "0"))
        stop = start + min(self.page, int(asked.query["limit"]))
        token = str(stop) if stop < len(rows) else None
        found: dict[str, list[Bar]] = {}
        for symbol, b in rows[start:stop]:
            found.setdefault(symbol, []).append(b)
        if several:
            return Given({"bars": found, "next_page_token": token})
        bars = found.get(symbols[0])
        return Given({"bars": bars, "symbol": symbols[0], "next_page_token": token})


@contextlib.contextmanager
def serving(
    vendor: Callable[[Asked], Given], *, attempts: int = 5, **options: Any
) -> Iterator[tuple[Alpaca, Answering, VirtualClock]]:
    clock = VirtualClock(NOW)
    with answering(vendor) as server:
        source = Alpaca(
            Secret(KEY),
            Secret(SECRET),
            url=server.url,
            options=HttpOptions(attempts=attempts),
            clock=clock,
            **options,
        )
        yield source, server, clock


def request(
    first: str, last: str, symbol: str = "SMH", timeframe: str = "1day", **more: Any
) -> SeriesRequest:
    return SeriesRequest(symbol, date(first), date(last), timeframe, **more)


def whole(answers: Sequence[Answer], asked: SeriesRequest) -> pl.DataFrame:
    """Put the pieces of a request together, which must cover it without a seam."""
    mine = [a for a in answers if a.request is asked]
    assert mine[0].first == asked.first
    assert mine[-1].last == asked.last
    for before, after in itertools.pairwise(mine):
        assert after.first == before.last + dt.timedelta(days=1)
    frame = pl.concat([a.frame for a in mine])
    stamp = frame.columns[0]
    assert frame[stamp].is_sorted()
    assert frame[stamp].is_unique().all()
    return frame


def closes(frame: pl.DataFrame) -> list[float]:
    return frame["close"].to_list()


# What is asked


def test_it_is_a_source() -> None:
    with serving(Vendor({})) as (source, _, _):
        assert isinstance(source, Source)
        assert source.calendar("SMH") == "XNYS"
        assert source.earliest("SMH", "1day", "bars") == dt.date(2016, 1, 1)
        assert source.timeframes == ("1min", "5min", "15min", "30min", "1day")


def test_a_request_says_all_of_it() -> None:
    with serving(Vendor({"SMH": daily("2025-02-03", "2025-02-28")})) as (source, server, _):
        asked = request("2025-02-03", "2025-02-28")
        frame = whole(list(source.fetch([asked])), asked)
    [sent] = server.asked
    assert sent.path == "/v2/stocks/SMH/bars"
    assert sent.query == {
        "timeframe": "1Day",
        "start": "2025-02-03T05:00:00Z",
        "end": "2025-03-01T01:00:00Z",
        "limit": "10000",
        "adjustment": "split",
        "feed": "sip",
        "sort": "asc",
    }
    assert sent.headers["apca-api-key-id"] == KEY
    assert sent.headers["apca-api-secret-key"] == SECRET
    assert frame.schema == {
        "date": pl.Date,
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "volume": pl.Float64,
    }
    assert frame["date"].to_list() == [
        day for n in range(3, 29) if (day := dt.date(2025, 2, n)).weekday() < 5
    ]
    assert closes(frame) == [100.0 + day.toordinal() % 50 for day in frame["date"]]


@pytest.mark.parametrize(
    ("adjust", "sent"),
    [
        ("raw", "raw"),
        ("split", "split"),
        ("dividend", "dividend"),
        ("split-and-dividend", "all"),
    ],
)
def test_the_adjustment_is_always_sent(adjust: str, sent: str) -> None:
    with serving(Vendor({"SMH": daily("2025-02-03", "2025-02-03")})) as (source, server, _):
        list(source.fetch([request("2025-02-03", "2025-02-03", adjust=adjust)]))
    assert server.asked[0].query["adjustment"] == sent


def test_the_feed_is_sent_and_said() -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-03")})
    with serving(vendor, feed="iex") as (source, server, _):
        [answer] = source.fetch([request("2025-02-03", "2025-02-03")])
    assert server.asked[0].query["feed"] == "iex"
    assert any("iex" in note for note in answer.notes)


def test_an_unknown_feed_is_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'sip'"):
        Alpaca(Secret(KEY), Secret(SECRET), feed="SIP")


@pytest.mark.parametrize(
    ("timeframe", "sent"),
    [("1min", "1Min"), ("5min", "5Min"), ("15min", "15Min"), ("30min", "30Min")],
)
def test_timeframes_are_called_as_alpaca_does(timeframe: str, sent: str) -> None:
    vendor = Vendor({"SMH": [bar("2025-02-03T14:30:00Z")]})
    with serving(vendor) as (source, server, _):
        list(source.fetch([request("2025-02-03", "2025-02-03", timeframe=timeframe)]))
    assert server.asked[0].query["timeframe"] == sent


@pytest.mark.parametrize("timeframe", ["1hour", "4hour"])
def test_longer_intraday_bars_are_refused_with_the_way_to_make_them(timeframe: str) -> None:
    with (
        serving(Vendor({})) as (source, server, _),
        pytest.raises(InputError, match=r"before the open.*30min bars.*wfo data resample"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-03", timeframe=timeframe)]))
    assert server.asked == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"timeframe": "1week"}, "no timeframe '1week'"),
        ({"series": "funding"}, "no series 'funding'"),
        ({"series": "mark"}, "no series 'mark'"),
    ],
)
def test_what_it_does_not_have_is_refused_before_anything_is_asked(
    more: dict[str, Any], said: str
) -> None:
    with serving(Vendor({})) as (source, server, _), pytest.raises(InputError, match=said):
        list(source.fetch([request("2025-02-03", "2025-02-03", **more)]))
    assert server.asked == []


def test_requests_of_one_call_share_timeframe_and_adjustment() -> None:
    with serving(Vendor({})) as (source, server, _), pytest.raises(InputError, match="share"):
        list(
            source.fetch(
                [
                    request("2025-02-03", "2025-02-03"),
                    request("2025-02-03", "2025-02-03", "Q", "1min"),
                ]
            )
        )
    assert server.asked == []


def test_a_symbol_with_a_comma_is_never_sent() -> None:
    with serving(Vendor({})) as (source, server, _):
        for symbol in ("SMH,QQQ", "^GSPC", "@ES", "BTC/USDT", "smh"):
            with pytest.raises(UnknownSymbolError, match="in capitals"):
                list(source.fetch([request("2025-02-03", "2025-02-03", symbol)]))
    assert server.asked == []


# Pages


def test_pages_are_followed_to_the_end_and_answered_day_by_day() -> None:
    minutes = [
        bar(f"2025-02-{day:02}T{hour}:{minute:02}:00Z", 100 + day + minute / 100)
        for day in (3, 4, 5)
        for hour in (15, 16)
        for minute in range(60)
    ]
    vendor = Vendor({"SMH": minutes}, page=50)
    with serving(vendor) as (source, server, _):
        asked = request("2025-02-03", "2025-02-06", timeframe="1min")
        answers = list(source.fetch([asked]))
    assert [a.query.get("page_token") for a in server.asked] == [
        None,
        "50",
        "100",
        "150",
        "200",
        "250",
        "300",
        "350",
    ]
    # The first page ends within 3 February, as does the second; the third goes on to the 4th.
    assert [(a.first.day, a.last.day) for a in answers] == [(3, 3), (4, 4), (5, 6)]
    frame = whole(answers, asked)
    assert closes(frame) == [b["c"] for b in minutes]
    assert frame.schema["datetime"] == pl.Datetime("us", "America/New_York")


def test_what_was_complete_stays_answered_if_a_later_page_fails() -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-28")}, page=10)
    with serving(vendor, attempts=2) as (source, _, _):
        vendor.spoil = [None, *[lambda _: Given(None, 500)] * 2]
        fetching = source.fetch([request("2025-02-03", "2025-02-28")])
        first = next(fetching)
        with pytest.raises(UnreachableError):
            next(fetching)
    # Ten bars reach to 14 February; that day might have gone on.
    assert (first.first, first.last) == (date("2025-02-03"), date("2025-02-13"))
    assert first.frame.height == 9


def test_a_token_that_leads_back_is_an_error() -> None:
    def vendor(asked: Asked) -> Given:
        return Given({"bars": daily("2025-02-03", "2025-02-03"), "next_page_token": "again"})

    with (
        serving(vendor, attempts=2) as (source, server, _),
        pytest.raises(MalformedError, match="leads back"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))
    assert len(server.asked) == 3


@pytest.mark.parametrize("token", ["\ud800", "a\nb", "\u00e9", "x" * 5_000, 5, ["a"]], ids=repr)
def test_a_token_that_cannot_be_sent_is_an_error(token: object) -> None:
    def vendor(asked: Asked) -> Given:
        return Given({"bars": daily("2025-02-03", "2025-02-03"), "next_page_token": token})

    with (
        serving(vendor, attempts=2) as (source, _, _),
        pytest.raises(MalformedError, match="next_page_token"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))


@pytest.mark.parametrize(
    "stamp", ["\ud800", "0000-06-01T05:00:00Z", "+99999-01-01T00:00:00Z", "9999-12-31T05:00:00Z"]
)
def test_a_stamp_that_no_bar_can_have_is_an_error(stamp: str) -> None:
    def vendor(asked: Asked) -> Given:
        bars = [*daily("2025-02-03", "2025-02-03"), *daily("2025-02-04", "2025-02-04")]
        bars[0]["t"] = stamp
        return Given({"bars": bars, "next_page_token": None})

    with (
        serving(vendor, attempts=2) as (source, _, _),
        pytest.raises(MalformedError, match="no time, or an impossible one"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))


def test_tokens_without_end_are_an_error() -> None:
    count = 0

    def vendor(asked: Asked) -> Given:
        nonlocal count
        count += 1
        return Given({"bars": [], "next_page_token": f"token-{count}"})

    with (
        serving(vendor) as (source, server, _),
        pytest.raises(MalformedError, match="stands still"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))
    assert len(server.asked) <= 50


def test_pages_that_go_on_after_the_range_end() -> None:
    count = 0

    def vendor(asked: Asked) -> Given:
        nonlocal count
        count += 1
        day = f"{date('2025-02-03') + dt.timedelta(days=7 * count)}"
        return Given({"bars": daily(day, day), "next_page_token": f"token-{count}"})

    with (
        serving(vendor) as (source, server, _),
        pytest.raises(MalformedError, match="does not end"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))
    assert len(server.asked) <= 50


def test_a_page_may_be_empty_before_others() -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-28")})
    bars = vendor.bars["SMH"]

    def answer(asked: Asked) -> Given:
        if "page_token" not in asked.query:
            return Given({"bars": [], "next_page_token": "more"})
        return Given({"bars": bars, "next_page_token": ""})

    with serving(answer) as (source, _, _):
        asked = request("2025-02-03", "2025-02-28")
        assert whole(list(source.fetch([asked])), asked).height == 20


def test_pages_out_of_order_lose_nothing_silently() -> None:
    first, second = daily("2025-02-10", "2025-02-14"), daily("2025-02-03", "2025-02-07")

    def vendor(asked: Asked) -> Given:
        if "page_token" in asked.query:
            return Given({"bars": second, "next_page_token": None})
        return Given({"bars": first, "next_page_token": "more"})

    with (
        serving(vendor, attempts=2) as (source, _, _),
        pytest.raises(MalformedError, match="out of order"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))


# Several symbols


def test_symbols_that_share_a_range_go_in_one_request() -> None:
    vendor = Vendor({s: daily("2025-02-03", "2025-02-28") for s in ("SMH", "QQQ", "BRK.B")})
    with serving(vendor) as (source, server, _):
        asked = [request("2025-02-03", "2025-02-28", s) for s in ("SMH", "QQQ", "BRK.B")]
        answers = list(source.fetch(asked))
    [sent] = server.asked
    assert sent.path == "/v2/stocks/bars"
    assert sent.query["symbols"] == "SMH,QQQ,BRK.B"
    for one in asked:
        assert whole(answers, one).height == 20


def test_pages_of_several_symbols_are_put_together() -> None:
    bars = {"SMH": daily("2025-02-03", "2025-02-28"), "QQQ": daily("2025-02-10", "2025-02-28")}
    vendor = Vendor(bars, page=7)
    with serving(vendor) as (source, server, _):
        asked = [request("2025-02-03", "2025-02-28", s) for s in bars]
        answers = list(source.fetch(asked))
    assert len(server.asked) == 5  # 20 and 15 bars in sevens
    for one in asked:
        assert closes(whole(answers, one)) == [b["c"] for b in bars[one.symbol]]


def test_other_ranges_go_in_requests_of_their_own() -> None:
    vendor = Vendor({s: daily("2025-02-03", "2025-02-28") for s in ("SMH", "QQQ")})
    with serving(vendor) as (source, server, _):
        asked = [request("2025-02-03", "2025-02-28"), request("2025-02-10", "2025-02-28", "QQQ")]
        answers = list(source.fetch(asked))
    assert server.paths() == ["/v2/stocks/SMH/bars", "/v2/stocks/QQQ/bars"]
    assert [whole(answers, one).height for one in asked] == [20, 15]


def test_many_bars_are_not_put_together() -> None:
    year = [request("2024-01-01", "2024-12-31", s, "1min") for s in ("SMH", "QQQ")]
    assert [len(g) for g in groups(year)] == [1, 1]
    days = [request("2016-01-01", "2025-02-28", f"S{i}") for i in range(30)]
    found = groups(days)
    assert sum(len(g) for g in found) == 30
    assert 1 < len(found) < 10


@pytest.mark.parametrize("how", ["refused", "without bars"])
def test_an_unknown_symbol_among_others_leaves_them_answered(how: str) -> None:
    vendor = Vendor({s: daily("2025-02-03", "2025-02-28") for s in ("SMH", "QQQ")})
    if how == "refused":
        vendor.invalid = {"SMHH"}
    with serving(vendor) as (source, _, _):
        asked = [request("2025-02-03", "2025-02-28", s) for s in ("SMHH", "SMH", "QQQ")]
        answers: list[Answer] = []
        with pytest.raises(UnknownSymbolError, match="SMHH"):
            answers.extend(source.fetch(asked))
    assert {a.request.symbol for a in answers} == {"SMH", "QQQ"}
    for one in asked[1:]:
        assert whole(answers, one).height == 20


# Nothing


@pytest.mark.parametrize("nothing", [None, []])
def test_no_bars_in_the_range_is_an_answer(nothing: object) -> None:
    def vendor(asked: Asked) -> Given:
        if asked.query["limit"] == "1":  # is there anything at all?
            return Given({"bars": daily("2025-02-03", "2025-02-03"), "next_page_token": None})
        return Given({"bars": nothing, "symbol": "SMH", "next_page_token": None})

    with serving(vendor) as (source, _, _):
        asked = request("2024-02-03", "2024-02-28")
        [answer] = source.fetch([asked])
    assert answer.frame.height == 0
    assert answer.frame.columns == ["date", "open", "high", "low", "close", "volume"]
    assert (answer.first, answer.last) == (asked.first, asked.last)


def test_a_symbol_without_any_bar_is_unknown() -> None:
    with (
        serving(Vendor({})) as (source, server, _),
        pytest.raises(UnknownSymbolError, match=r"'SMHH' since 2016-01-01.*is the symbol"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28", "SMHH")]))
    assert "end" not in server.asked[-1].query


# Bars


def test_stamps_have_fractions_and_offsets() -> None:
    given = [
        "2025-02-03T14:30:00Z",
        "2025-02-03T14:30:00.123456789Z",
        "2025-02-03T09:30:00-05:00",
        "2025-02-03T09:30:00.5-05:00",
        "2025-02-03t14:30:00z",
        "2025-02-03",
        "soon",
        None,
    ]
    at = dt.datetime(2025, 2, 3, 14, 30, tzinfo=dt.UTC)
    assert instants(pl.Series(given)).to_list() == [
        at,
        at + dt.timedelta(microseconds=123456),
        at,
        at + dt.timedelta(microseconds=500000),
        at,
        None,
        None,
        None,
    ]


def test_a_daily_bar_has_the_date_in_new_york() -> None:
    # Midnight there is 5:00 in winter and 4:00 in summer.
    vendor = Vendor({"SMH": [bar("2024-12-31T05:00:00Z", 10), bar("2024-07-01T04:00:00Z", 20)]})
    vendor.bars["SMH"].reverse()
    with serving(vendor) as (source, _, _):
        asked = request("2024-06-01", "2024-12-31")
        frame = whole(list(source.fetch([asked])), asked)
    assert frame["date"].to_list() == [date("2024-07-01"), date("2024-12-31")]


def test_only_bars_of_the_regular_session_stay() -> None:
    # 3 July 2024 ended at 13:00 in New York, 17:00 UTC; the 5th at 20:00 UTC.
    kept = ["2024-07-03T13:30", "2024-07-03T16:59", "2024-07-05T13:30", "2024-07-05T19:59"]
    left = ["2024-07-03T13:29", "2024-07-03T17:00", "2024-07-05T08:00", "2024-07-05T20:00"]
    vendor = Vendor({"SMH": [bar(f"{t}:00Z") for t in sorted(kept + left)]})
    with serving(vendor) as (source, _, _):
        asked = request("2024-07-01", "2024-07-07", timeframe="1min")
        [answer] = source.fetch([asked])
    stamps = answer.frame["datetime"].dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M")
    assert stamps.to_list() == kept
    assert "bars before and after the regular sessions of XNYS are left out" in answer.notes


def test_without_a_calendar_all_bars_stay() -> None:
    frame = pl.DataFrame(
        {"datetime": [dt.datetime(2024, 7, 5, 3, tzinfo=dt.UTC)], "open": [1.0]},
        schema_overrides={"datetime": pl.Datetime("us", "UTC")},
    )
    asked = request("2024-07-05", "2024-07-05", timeframe="1min", calendar="none")
    assert regular_session(frame, asked).height == 1


def test_today_is_never_answered_with() -> None:
    vendor = Vendor({"SMH": daily("2025-03-03", "2025-03-05")})
    with serving(vendor) as (source, _, _):  # it is 5 March, 17:00 in New York
        asked = request("2025-03-03", "2025-03-05")
        frame = whole(list(source.fetch([asked])), asked)
    assert frame["date"].to_list() == [date("2025-03-03"), date("2025-03-04")]


# Faults that pass


def _with_bars(change: Callable[[list[Bar]], list[Bar]]) -> Spoil:
    def spoil(given: Given) -> Given:
        return Given({**given.body, "bars": change([dict(b) for b in given.body["bars"]])})

    return spoil


def _set(**fields: Any) -> Spoil:
    return _with_bars(lambda bars: [*bars[:2], {**bars[2], **fields}, *bars[3:]])


FAULTS: dict[str, Spoil] = {
    "null price": _set(c=None),
    "no price": _with_bars(
        lambda bars: [{k: v for k, v in bars[0].items() if k != "o"}, *bars[1:]]
    ),
    "price below zero": _set(l=-1),
    "price is zero": _set(o=0),
    "price is text": _set(h="high"),
    "price is huge": _set(h=10**400),
    "high below low": _set(h=1),
    "null stamp": _set(t=None),
    "stamp is no time": _set(t="yesterday"),
    "null volume": _set(v=None),
    "volume below zero": _set(v=-5),
    "two bars of a day differ": _with_bars(
        lambda bars: [{**bars[0], "c": bars[0]["c"] + 1}, *bars]
    ),
    "a bar is no object": _with_bars(lambda bars: [[1, 2, 3], *bars]),
    "bars is text": lambda given: Given({**given.body, "bars": "none"}),
    "no bars": lambda given: Given({"next_page_token": None}),
    "no object": lambda given: Given([1, 2]),
    "null": lambda given: Given(None),
    "another symbol": lambda given: Given({**given.body, "symbol": "QQQ"}),
    "token is a number": lambda given: Given({**given.body, "next_page_token": 7}),
    "truncated": lambda given: Given(given.data[: len(given.data) // 2]),
    "empty": lambda given: Given(b""),
    "500": lambda given: Given({"message": "internal"}, 500),
    "503": lambda given: Given(b"<html>", 503),
    "429": lambda given: Given({"message": "too many requests."}, 429),
}

#: Faults that cannot be told from an answer, because nothing is lost.
HARMLESS: dict[str, Spoil] = {
    "duplicates": _with_bars(lambda bars: [*bars[:3], *bars[1:]]),
    "disorder": _with_bars(lambda bars: bars[::-1]),
}


@pytest.mark.parametrize("name", [*FAULTS, *HARMLESS])
def test_a_fault_that_passes_leaves_no_trace(name: str) -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-28")})
    asked = request("2025-02-03", "2025-02-28")
    with serving(vendor) as (source, server, _):
        [undisturbed] = source.fetch([asked])
        vendor.spoil = [{**FAULTS, **HARMLESS}[name]]
        [answer] = source.fetch([asked])
    assert answer.frame.equals(undisturbed.frame)
    assert answer.frame.height == 20
    assert answer.notes == undisturbed.notes
    assert len(server.asked) == (3 if name in FAULTS else 2)


@pytest.mark.parametrize(
    "name", ["null price", "no price", "price below zero", "price is zero", "price is text",
             "price is huge", "high below low"],
)  # fmt: skip
def test_a_fault_that_stays_leaves_its_bar_out_and_says_so(name: str) -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-28")})
    asked = request("2025-02-03", "2025-02-28")
    with serving(vendor, attempts=3) as (source, server, _):
        vendor.spoil = [FAULTS[name]] * 3
        [answer] = source.fetch([asked])
    assert len(server.asked) == 3
    assert answer.frame.height == 19
    [note] = answer.notes
    assert note.startswith("left out: SMH: 1 row missing or impossible: ")
    # The date of the bar stays open; no other one does.
    days = [dt.date.fromisoformat(b["t"][:10]) for b in vendor.bars["SMH"]]
    assert set(days) - set(answer.frame["date"].to_list()) == set(answer.unreadable)
    assert len(answer.unreadable) == 1


@pytest.mark.parametrize("name", ["null stamp", "stamp is no time"])
def test_a_bar_without_a_time_that_stays_is_no_answer(name: str) -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-28")})
    with serving(vendor, attempts=3) as (source, server, _):
        vendor.spoil = [FAULTS[name]] * 3
        with pytest.raises(MalformedError, match="1 of 20 rows of SMH have no time"):
            list(source.fetch([request("2025-02-03", "2025-02-28")]))
    assert len(server.asked) == 3


def test_a_bar_without_a_volume_stays() -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-28")})
    with serving(vendor, attempts=2) as (source, _, _):
        vendor.spoil = [FAULTS["null volume"]] * 2
        [answer] = source.fetch([request("2025-02-03", "2025-02-28")])
    assert answer.frame.height == 20
    assert answer.frame["volume"].null_count() == 1
    assert answer.frame["volume"][2] is None
    assert "1 row without a volume: 2025-02-05" in answer.notes[0]


def test_of_two_bars_of_a_day_that_stay_the_last_is_kept() -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-28")})
    with serving(vendor, attempts=2) as (source, _, _):
        vendor.spoil = [FAULTS["two bars of a day differ"]] * 2
        asked = request("2025-02-03", "2025-02-28")
        [answer] = source.fetch([asked])
    assert closes(answer.frame) == [b["c"] for b in vendor.bars["SMH"]]
    assert "given twice: 2025-02-03" in answer.notes[0]


@pytest.mark.parametrize(
    "name", ["no object", "null", "no bars", "bars is text", "a bar is no object", "truncated"]
)
def test_a_reply_that_stays_unreadable_is_an_error(name: str) -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-28")})
    with serving(vendor, attempts=3) as (source, server, _):
        vendor.spoil = [FAULTS[name]] * 3
        with pytest.raises(MalformedError, match="Alpaca"):
            list(source.fetch([request("2025-02-03", "2025-02-28")]))
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("bars", "faulty", "fails"), [(2, 2, False), (3, 3, True), (20, 10, False), (20, 11, True)]
)
def test_where_most_bars_are_faulty_the_format_is_another_one(
    bars: int, faulty: int, fails: bool
) -> None:
    given = daily("2025-02-03", "2025-02-28")[:bars]
    given = [{**b, "c": None} if i < faulty else b for i, b in enumerate(given)]
    with serving(Vendor({"SMH": given}), attempts=2) as (source, _, _):
        asked = request("2025-02-03", "2025-02-28")
        if fails:
            with pytest.raises(
                MalformedError, match=f"Alpaca: of {bars} rows of SMH {faulty} .*format"
            ):
                list(source.fetch([asked]))
        else:
            assert whole(list(source.fetch([asked])), asked).height == bars - faulty


# Limits


def test_no_more_than_200_requests_are_sent_in_a_minute() -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-03")})
    sent: list[float] = []

    def answer(asked: Asked) -> Given:
        sent.append(clock.monotonic())
        return vendor(asked)

    with serving(answer) as (source, _, clock):
        for _ in range(2 * REQUESTS_A_MINUTE + 1):
            list(source.fetch([request("2025-02-03", "2025-02-03")]))
    assert len(sent) == 401
    for at in sent:
        assert sum(at <= other < at + 60 for other in sent) <= 200


@pytest.mark.parametrize("off", [0, -3600, 3600, 40 * 365 * 86400])
def test_after_429_it_waits_until_the_reset_by_the_vendors_clock(off: int) -> None:
    """Whether the vendor's clock or ours is off, the difference of its own two times counts."""
    there = NOW + dt.timedelta(seconds=off)
    headers = {
        "Date": f"{there:%a, %d %b %Y %H:%M:%S GMT}",
        "X-RateLimit-Limit": "200",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(there.timestamp()) + 17),
    }
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-03")})
    with serving(vendor) as (source, _, clock):
        vendor.spoil = [lambda given: Given({"message": "too many requests."}, 429, headers)]
        [answer] = source.fetch([request("2025-02-03", "2025-02-03")])
    assert answer.frame.height == 1
    assert clock.sleeps == [17.0]


def test_a_reset_far_away_is_clamped() -> None:
    headers = {"X-RateLimit-Reset": str(int(NOW.timestamp()) + 86_400)}
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-03")})
    with serving(vendor) as (source, _, clock):
        vendor.spoil = [lambda given: Given(None, 429, headers)]
        list(source.fetch([request("2025-02-03", "2025-02-03")]))
    assert clock.sleeps == [60.0]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) + 5)}, 5.0),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 5), "date": "nonsense"}, 5.0),
        ({"X-RateLimit-Reset": str(int(NOW.timestamp()) - 5)}, None),
        ({"X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "-5"}, None),
        ({}, None),
    ],
)
def test_seconds_to_reset(headers: dict[str, str], expected: float | None) -> None:
    assert seconds_to_reset(headers, NOW) == expected


# Refusals


def test_recent_data_without_a_subscription_is_refused_with_a_way_out() -> None:
    said = "subscription does not permit querying recent SIP data"
    with (
        serving(lambda asked: Given({"message": said}, 403)) as (source, server, _),
        pytest.raises(RefusedError, match=f"{said}.*WFO_ALPACA_FEED=iex.*earlier end"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))
    assert len(server.asked) == 1


def test_yesterday_can_be_asked_for_right_after_midnight() -> None:
    """The end that is sent is then older than the 15 minutes of which SIP data is refused."""
    with serving(Vendor({"SMH": daily("2025-03-04", "2025-03-05")})) as (source, server, clock):
        clock.start = dt.datetime(2025, 3, 6, 5, 0, 1, tzinfo=dt.UTC)
        asked = request("2025-03-05", "2025-03-05")
        assert whole(list(source.fetch([asked])), asked).height == 1
    assert server.asked[0].query["end"] == "2025-03-06T01:00:00Z"


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_named_but_not_shown(status: int) -> None:
    said = f"forbidden: {KEY} {SECRET}"
    with (
        serving(lambda asked: Given({"message": said}, status)) as (source, server, _),
        pytest.raises(CredentialsError, match="APCA_API_KEY_ID") as caught,
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))
    assert len(server.asked) == 1
    assert KEY not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(source)


@pytest.mark.parametrize(
    ("status", "said"), [(400, "invalid symbol: SMHH"), (404, "not found"), (422, "Invalid symbol")]
)
def test_a_symbol_that_is_refused_is_unknown(status: int, said: str) -> None:
    with (
        serving(lambda asked: Given({"message": said}, status)) as (source, server, _),
        pytest.raises(UnknownSymbolError, match="SMHH"),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28", "SMHH")]))
    assert len(server.asked) == 1


def test_another_refusal_keeps_its_reason() -> None:
    said = "end should not be before start"
    with (
        serving(lambda asked: Given({"message": said}, 400)) as (source, _, _),
        pytest.raises(RefusedError, match=said),
    ):
        list(source.fetch([request("2025-02-03", "2025-02-28")]))


# Configuration


def test_it_comes_from_the_configuration(tmp_path: Any) -> None:
    vendor = Vendor({"SMH": daily("2025-02-03", "2025-02-03")})
    with answering(vendor) as server:
        config = SourcesConfig.load(
            {
                "WFO_CONFIG_DIR": str(tmp_path),
                "WFO_ALPACA_URL": server.url,
                "WFO_ALPACA_FEED": "iex",
                "APCA_API_KEY_ID": KEY,
                "APCA_API_SECRET_KEY": SECRET,
            }
        )
        source = Alpaca.from_config(config, VirtualClock(NOW))
        [answer] = source.fetch([request("2025-02-03", "2025-02-03")])
    assert answer.frame.height == 1
    assert server.asked[0].query["feed"] == "iex"


def test_without_keys_it_says_where_they_go(tmp_path: Any) -> None:
    config = SourcesConfig.load({"WFO_CONFIG_DIR": str(tmp_path), "APCA_API_KEY_ID": KEY})
    with pytest.raises(CredentialsError, match=r"APCA_API_SECRET_KEY.*credentials\.toml"):
        Alpaca.from_config(config, VirtualClock(NOW))
