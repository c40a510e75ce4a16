"""Binance as a source: files and their checksums, the REST API behind them, and faults of both."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import io
import itertools
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import polars as pl
import pytest
from answering import Answering, Asked, Given, answering
from loopback import VirtualClock

from wfo.data.sources import binance_files
from wfo.data.sources.binance import Binance
from wfo.data.sources.binance_files import Instrument, PublicFile, read_checksum, stamps, unpack
from wfo.data.sources.binance_rest import WEIGHT_A_MINUTE, WeightLimit, weight
from wfo.data.sources.config import SourcesConfig
from wfo.data.sources.errors import (
    MalformedError,
    RefusedError,
    UnknownSymbolError,
    UnreachableError,
)
from wfo.data.sources.http import HttpOptions
from wfo.data.sources.source import Answer, SeriesRequest, Source
from wfo.errors import InputError

#: Six in the morning: the file of the day before is not there yet.
NOW = dt.datetime(2025, 3, 5, 6, 0, tzinfo=dt.UTC)
LISTED = dt.date(2024, 12, 20)
DAY = dt.timedelta(days=1)
LENGTHS = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1440}
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)

Spoil = Callable[[Given], Given]
Row = list[Any]


def date(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def millis(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()) * 1000


def kline(millis: int, length: int) -> Row:
    """A bar whose close is the number of its minute, of 100,000."""
    close = 1 + millis // 60_000 % 100_000
    return [
        millis, f"{close - 0.5:.8f}", f"{close + 1:.8f}", f"{close - 0.75:.8f}", f"{close:.8f}",
        "12.5", millis + length - 1, "99.0", 7, "1.0", "2.0", "0",
    ]  # fmt: skip


def klines(first: dt.date, last: dt.date, interval: str) -> list[Row]:
    step = LENGTHS[interval] * 60_000
    return [kline(t, step) for t in range(millis(first), millis(last + DAY), step)]


def rates(first: dt.date, last: dt.date) -> list[tuple[int, str]]:
    """Funding rates of every eight hours, some milliseconds late; every fifth below zero."""
    step = 8 * 3_600_000
    return [
        (t + (t // step) % 4, f"{-0.0001 if t // step % 5 == 0 else 0.0002:.8f}")
        for t in range(millis(first), millis(last + DAY), step)
    ]


def archive(name: str, text: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        # With a date of its own a file would be another one every two seconds.
        dated = zipfile.ZipInfo(name, (2025, 3, 1, 0, 0, 0))
        opened.writestr(dated, text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class Vendor:
    """A small Binance: monthly files to February 2025, daily ones to 3 March, REST for all."""

    def __init__(self, *, listed: dt.date = LISTED, codes: Sequence[str] = ("BTCUSDT",)) -> None:
        self.listed = listed
        self.codes = codes
        self.last_month = date("2025-02-28")
        self.last_day = date("2025-03-03")
        self.absent: set[str] = set()  # files by the ends of their names
        self.micros_from = date("2025-01-01")
        self.header_from = date("2025-02-01")
        self.gap: tuple[dt.date, dt.date] | None = None
        self.spoil: dict[str, list[Spoil]] = {}  # by the ends of paths
        self.weight = 0

    def __call__(self, asked: Asked) -> Given:
        given = self._file(asked.path) if asked.path.startswith("/data/") else self._rest(asked)
        for end, spoils in self.spoil.items():
            if asked.path.endswith(end) and spoils:
                return spoils.pop(0)(given)
        return given

    def _days(self, first: dt.date, last: dt.date) -> tuple[dt.date, dt.date]:
        return max(first, self.listed), last

    def _file(self, path: str) -> Given:
        if path.endswith(".CHECKSUM"):
            given = self._file(path.removesuffix(".CHECKSUM"))
            if given.status != 200:
                return given
            name = path.rsplit("/", maxsplit=1)[-1].removesuffix(".CHECKSUM")
            return Given(f"{hashlib.sha256(given.data).hexdigest()}  {name}\n".encode())
        parts = path.split("/")
        market = "spot" if parts[2] == "spot" else "um"
        period, dataset, code = parts[3:6] if market == "spot" else parts[4:7]
        stem = parts[-1].removesuffix(".zip")
        funding = dataset == "fundingRate"
        interval = "fundingRate" if funding else parts[-2]
        day = stem.removeprefix(f"{code}-{interval}-")
        if period == "monthly":
            first = date(f"{day}-01")
            last = (first + 31 * DAY).replace(day=1) - DAY
            there = last <= self.last_month
        else:
            first = last = date(day)
            there = last <= self.last_day and not funding
        first, last = self._days(first, last)
        if code not in self.codes or not there or first > last or any(
            stem.endswith(a) for a in self.absent
        ):  # fmt: skip
            return Given(b"<Error><Code>NoSuchKey</Code></Error>", 404)
        lines = [HEADER] if first >= self.header_from else []
        if funding:
            lines = ["calc_time,funding_interval_hours,last_funding_rate"] if lines else []
            lines += [f"{t},8,{rate}" for t, rate in rates(first, last)]
        else:
            micros = market == "spot" and first >= self.micros_from
            for row in klines(first, last, interval):
                finer = [row[0] * 1000, *row[1:6], row[6] * 1000 + 999, *row[7:]]
                lines.append(",".join(str(c) for c in (finer if micros else row)))
        return Given(archive(f"{stem}.csv", "\n".join(lines) + "\n"))

    def _rest(self, asked: Asked) -> Given:
        query = asked.query
        if query["symbol"] not in self.codes:
            return Given({"code": -1121, "msg": "Invalid symbol."}, 400)
        funding = asked.path.endswith("fundingRate")
        limit = int(query["limit"])
        most = 1000 if funding or asked.path.startswith("/api/") else 1500
        if limit > most:
            return Given(
                {"code": -1130, "msg": "Data sent for parameter 'limit' is not valid."}, 400
            )
        begin, end = int(query["startTime"]), int(query.get("endTime", millis(NOW.date() + DAY)))
        if begin > end:
            return Given({"code": -1127, "msg": "startTime is after endTime."}, 400)
        begin = max(begin, millis(self.listed))
        day = dt.date.fromordinal(date("1970-01-01").toordinal() + begin // 86_400_000)
        end = min(end, int(NOW.timestamp() * 1000))
        rows: list[Any] = []
        while len(rows) < limit and millis(day) <= end:
            if not (self.gap and self.gap[0] <= day <= self.gap[1]):
                if funding:
                    rows += [
                        {"symbol": query["symbol"], "fundingRate": r, "fundingTime": t,
                         "markPrice": ""}
                        for t, r in rates(day, day) if begin <= t <= end
                    ]  # fmt: skip
                else:
                    rows += [r for r in klines(day, day, query["interval"]) if begin <= r[0] <= end]
            day += DAY
        return Given(rows[:limit])


@contextlib.contextmanager
def serving(
    vendor: Callable[[Asked], Given], **options: Any
) -> Iterator[tuple[Binance, Answering, VirtualClock]]:
    clock = VirtualClock(NOW)
    with answering(vendor) as server:
        source = Binance(
            files_url=server.url,
            spot_url=server.url,
            futures_url=server.url,
            options=HttpOptions(**options),
            clock=clock,
        )
        yield source, server, clock


def request(
    first: str, last: str, symbol: str = "BTC/USDT", timeframe: str = "1hour", **more: Any
) -> SeriesRequest:
    more = {"adjust": "raw", "calendar": "24/7", **more}
    return SeriesRequest(symbol, date(first), date(last), timeframe, **more)


def whole(answers: Sequence[Answer], asked: SeriesRequest) -> pl.DataFrame:
    """Put the pieces of a request together, which must cover it without a seam."""
    mine = [a for a in answers if a.request is asked]
    assert mine[0].first == asked.first
    assert mine[-1].last == asked.last
    for before, after in itertools.pairwise(mine):
        assert after.first == before.last + DAY
    frame = pl.concat([a.frame for a in mine])
    assert frame[:, 0].is_sorted()
    assert frame[:, 0].is_unique().all()
    return frame


def expected(first: str, last: str, interval: str = "1h") -> list[tuple[int, float]]:
    rows = klines(max(date(first), LISTED), date(last), interval)
    return [(row[0], float(row[4])) for row in rows]


def found(frame: pl.DataFrame) -> list[tuple[int, float]]:
    stamp = frame[:, 0].cast(pl.Datetime("us", "UTC")) if "date" in frame.columns else frame[:, 0]
    return list(zip(stamp.dt.epoch("ms").to_list(), frame["close"].to_list(), strict=True))


def rest_of(server: Answering) -> list[Asked]:
    return [a for a in server.asked if not a.path.startswith("/data/")]


def archives_of(server: Answering) -> list[str]:
    return [p.split("/")[-1] for p in server.paths() if p.endswith(".zip")]


# What is asked


def test_it_is_a_source() -> None:
    with serving(Vendor()) as (source, _, _):
        assert isinstance(source, Source)
        assert source.calendar("BTC/USDT") == "24/7"
        assert source.series == ("bars", "mark", "funding")
        assert source.timeframes == ("1min", "5min", "15min", "30min", "1hour", "4hour", "1day")
        assert {"raw", "split"} == set(source.adjustments)
        assert source.earliest("BTC/USDT", "1day", "bars") == dt.date(2017, 7, 1)
        assert source.earliest("BTC/USDT", "1day", "mark") == dt.date(2019, 9, 1)
        assert source.earliest("^GSPC", "1day", "bars") == dt.date(2017, 7, 1)


@pytest.mark.parametrize(
    ("symbol", "series", "market", "code"),
    [
        ("BTC/USDT", "bars", "spot", "BTCUSDT"),
        ("BTCUSDT", "bars", "spot", "BTCUSDT"),
        ("1INCH/BTC", "bars", "spot", "1INCHBTC"),
        ("BTC/USDT:USDT", "bars", "futures/um", "BTCUSDT"),
        ("BTC/USDC:USDC", "bars", "futures/um", "BTCUSDC"),
        ("BTCUSDT.P", "bars", "futures/um", "BTCUSDT"),
        *[
            (symbol, series, "futures/um", "BTCUSDT")
            for symbol in ("BTC/USDT", "BTCUSDT", "BTC/USDT:USDT", "BTCUSDT.P")
            for series in ("mark", "funding")
        ],
    ],
)
def test_symbols_as_users_write_them(symbol: str, series: Any, market: str, code: str) -> None:
    assert Instrument.of(symbol, series) == Instrument(market, code)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "symbol", ["btc/usdt", "BTC/USD:BTC", "../x", "BTC/USDT/", "^GSPC", "@ES", "BTC USDT", "B&x=1"]
)
def test_other_symbols_are_unknown_and_never_sent(symbol: str) -> None:
    with (
        serving(Vendor()) as (source, server, _),
        pytest.raises(UnknownSymbolError, match=r"BTC/USDT:USDT or BTCUSDT\.P"),
    ):
        list(source.fetch([request("2025-02-01", "2025-02-02", symbol)]))
    assert server.asked == []


@pytest.mark.parametrize(
    ("file", "path"),
    [
        (
            PublicFile(Instrument("spot", "BTCUSDT"), "bars", "1m", dt.date(2025, 2, 9)),
            "data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2025-02.zip",
        ),
        (
            PublicFile(
                Instrument("futures/um", "BTCUSDT"), "mark", "1h", dt.date(2025, 3, 1), True
            ),
            "data/futures/um/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2025-03-01.zip",
        ),
        (
            PublicFile(Instrument("futures/um", "BTCUSDT"), "funding", "", dt.date(2025, 2, 1)),
            "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2025-02.zip",
        ),
    ],
)
def test_paths_of_files(file: PublicFile, path: str) -> None:
    assert file.path == path


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"timeframe": "1week"}, "no timeframe '1week'"),
        ({"adjust": "dividend"}, "no adjustment 'dividend'"),
        ({"calendar": "XNYS"}, "use 24/7"),
    ],
)
def test_what_it_does_not_have_is_refused_before_anything_is_asked(
    more: dict[str, Any], said: str
) -> None:
    with serving(Vendor()) as (source, server, _), pytest.raises(InputError, match=said):
        list(source.fetch([request("2025-02-01", "2025-02-02", **more)]))
    assert server.asked == []


def test_the_default_adjustment_is_taken_for_prices_as_traded() -> None:
    with serving(Vendor()) as (source, _, _):
        [raw] = source.fetch([request("2025-02-01", "2025-02-02")])
        [split] = source.fetch([request("2025-02-01", "2025-02-02", adjust="split")])
    assert split.frame.equals(raw.frame)
    assert raw.notes == ()
    assert any("no splits" in note for note in split.notes)


# Files, then REST


def test_whole_months_come_from_monthly_files() -> None:
    with serving(Vendor()) as (source, server, _):
        asked = request("2024-12-25", "2025-02-10")
        answers = list(source.fetch([asked]))
    assert archives_of(server) == [
        "BTCUSDT-1h-2024-12.zip", "BTCUSDT-1h-2025-01.zip", "BTCUSDT-1h-2025-02.zip",
    ]  # fmt: skip
    assert rest_of(server) == []
    assert len(server.asked) == 6  # each has its checksum
    assert [(a.first, a.last) for a in answers] == [
        (date("2024-12-25"), date("2024-12-31")),
        (date("2025-01-01"), date("2025-01-31")),
        (date("2025-02-01"), date("2025-02-10")),
    ]
    frame = whole(answers, asked)
    # December is in milliseconds, the others in microseconds; February has a header line.
    assert found(frame) == expected("2024-12-25", "2025-02-10")
    assert frame.schema == {
        "datetime": pl.Datetime("us", "UTC"),
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "volume": pl.Float64,
    }
    assert frame.row(0)[1:] == (
        *(float(c) for c in klines(date("2024-12-25"), date("2024-12-25"), "1h")[0][1:5]),
        12.5,
    )


def test_days_of_this_month_come_from_daily_files_and_the_rest_from_the_api() -> None:
    with serving(Vendor()) as (source, server, _):
        asked = request("2025-02-27", "2025-03-04")
        frame = whole(list(source.fetch([asked])), asked)
    assert archives_of(server) == [
        "BTCUSDT-1h-2025-02.zip",
        "BTCUSDT-1h-2025-03-01.zip",
        "BTCUSDT-1h-2025-03-02.zip",
        "BTCUSDT-1h-2025-03-03.zip",
    ]
    [sent] = rest_of(server)
    assert sent.path == "/api/v3/klines"
    assert sent.query == {
        "symbol": "BTCUSDT",
        "interval": "1h",
        "startTime": str(millis(date("2025-03-04"))),
        "endTime": str(millis(date("2025-03-05")) - 1),
        "limit": "24",
    }
    assert found(frame) == expected("2025-02-27", "2025-03-04")


def test_a_month_without_a_file_yet_comes_from_daily_files() -> None:
    vendor = Vendor()
    vendor.last_month = date("2025-01-31")
    with serving(vendor) as (source, server, _):
        asked = request("2025-02-26", "2025-03-01")
        frame = whole(list(source.fetch([asked])), asked)
    assert archives_of(server) == [
        "BTCUSDT-1h-2025-02-26.zip",
        "BTCUSDT-1h-2025-02-27.zip",
        "BTCUSDT-1h-2025-02-28.zip",
        "BTCUSDT-1h-2025-03-01.zip",
    ]
    assert found(frame) == expected("2025-02-26", "2025-03-01")


def test_a_missing_file_of_an_older_month_falls_to_the_api() -> None:
    vendor = Vendor()
    vendor.absent = {"2025-01"}
    with serving(vendor) as (source, server, _):
        asked = request("2024-12-31", "2025-02-01")
        frame = whole(list(source.fetch([asked])), asked)
    assert archives_of(server) == ["BTCUSDT-1h-2024-12.zip", "BTCUSDT-1h-2025-02.zip"]
    assert found(frame) == expected("2024-12-31", "2025-02-01")


def test_a_missing_daily_file_falls_to_the_api() -> None:
    vendor = Vendor()
    vendor.absent = {"2025-03-02"}
    with serving(vendor) as (source, _, _):
        asked = request("2025-03-01", "2025-03-04")
        frame = whole(list(source.fetch([asked])), asked)
    assert found(frame) == expected("2025-03-01", "2025-03-04")


def test_before_the_listing_one_request_finds_it() -> None:
    with serving(Vendor()) as (source, server, _):
        asked = request("2017-07-01", "2025-01-31")
        answers = list(source.fetch([asked]))
    assert whole(answers, asked).height == len(expected("2024-12-20", "2025-01-31"))
    assert (answers[0].first, answers[0].last) == (date("2017-07-01"), LISTED - DAY)
    assert answers[0].frame.height == 0
    [sent] = rest_of(server)
    assert sent.query == {"symbol": "BTCUSDT", "interval": "1d", "startTime": "0", "limit": "1"}
    assert len(server.asked) == 6  # one file is missing, the API, two files with checksums


def test_a_range_before_the_listing_is_empty() -> None:
    with serving(Vendor()) as (source, server, _):
        asked = request("2019-01-01", "2020-12-31")
        frame = whole(list(source.fetch([asked])), asked)
        assert frame.height == 0
        assert frame.columns == ["datetime", "open", "high", "low", "close", "volume"]
        assert len(server.asked) == 2


def test_daily_bars_have_dates() -> None:
    with serving(Vendor()) as (source, _, _):
        asked = request("2025-02-20", "2025-03-04", timeframe="1day")
        frame = whole(list(source.fetch([asked])), asked)
    assert frame.schema["date"] == pl.Date
    assert found(frame) == expected("2025-02-20", "2025-03-04", "1d")


def test_bars_that_are_not_finished_are_left_out() -> None:
    with serving(Vendor()) as (source, _, _):  # it is six in the morning of 5 March
        hours = request("2025-03-04", "2025-03-05")
        days = request("2025-03-04", "2025-03-05", timeframe="1day")
        assert (
            found(whole(list(source.fetch([hours])), hours))[-1][0]
            == millis(date("2025-03-05")) + 5 * 3_600_000
        )
        assert whole(list(source.fetch([days])), days)["date"].to_list() == [date("2025-03-04")]


# Pages of the API


@pytest.mark.parametrize(
    ("symbol", "path", "most"),
    [("BTC/USDT", "/api/v3/klines", 1000), ("BTCUSDT.P", "/fapi/v1/klines", 1500)],
)
def test_pages_are_as_large_as_allowed_and_go_on_to_the_end(
    symbol: str, path: str, most: int
) -> None:
    vendor = Vendor()
    vendor.last_day = date("2025-02-28")
    with serving(vendor) as (source, server, _):
        asked = request("2025-03-01", "2025-03-04", symbol, "1min")
        answers = list(source.fetch([asked]))
    sent = rest_of(server)
    assert [s.path for s in sent] == [path] * -(-4 * 1440 // most)
    assert sent[0].query["limit"] == str(most)
    assert found(whole(answers, asked)) == expected("2025-03-01", "2025-03-04", "1m")
    assert len(answers) > 1


def test_gaps_do_not_end_the_pages() -> None:
    vendor = Vendor()
    vendor.absent = {"2025-01"}
    vendor.gap = (date("2025-01-05"), date("2025-01-20"))
    with serving(vendor) as (source, _, _):
        asked = request("2025-01-01", "2025-01-31", timeframe="15min")
        frame = whole(list(source.fetch([asked])), asked)
    both = expected("2025-01-01", "2025-01-04", "15m") + expected("2025-01-21", "2025-01-31", "15m")
    assert found(frame) == both


@pytest.mark.parametrize("how", ["same page", "earlier rows"])
def test_pages_never_stand_still(how: str) -> None:
    vendor = Vendor()
    vendor.last_day = date("2025-02-28")
    rows = klines(date("2025-03-01"), date("2025-03-01"), "1m")[:1000]
    if how == "earlier rows":
        rows = klines(date("2025-01-01"), date("2025-01-01"), "1m")[:1000]

    def answer(asked: Asked) -> Given:
        return vendor(asked) if asked.path.startswith("/data/") else Given(rows)

    with (
        serving(answer, attempts=2) as (source, server, _),
        pytest.raises(MalformedError, match="do not go on"),
    ):
        list(source.fetch([request("2025-03-01", "2025-03-04", timeframe="1min")]))
    assert len(rest_of(server)) <= 3


def test_pages_end_even_if_each_goes_on_a_little() -> None:
    vendor = Vendor()
    vendor.last_day = date("2025-02-28")

    def answer(asked: Asked) -> Given:
        if asked.path.startswith("/data/"):
            return vendor(asked)
        return Given([kline(int(asked.query["startTime"]), 60_000)])

    with (
        serving(answer, attempts=2) as (source, server, _),
        pytest.raises(MalformedError, match="do not end"),
    ):
        list(source.fetch([request("2025-03-01", "2025-03-04", timeframe="1day")]))
    assert len(rest_of(server)) <= 5


# Mark prices and funding rates


@pytest.mark.parametrize("symbol", ["BTC/USDT", "BTC/USDT:USDT", "BTCUSDT.P"])
def test_mark_prices_are_of_the_contract(symbol: str) -> None:
    with serving(Vendor()) as (source, server, _):
        asked = request("2025-02-27", "2025-03-04", symbol, series="mark")
        frame = whole(list(source.fetch([asked])), asked)
    assert server.paths()[1] == (
        "/data/futures/um/monthly/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2025-02.zip"
    )
    assert rest_of(server)[-1].path == "/fapi/v1/markPriceKlines"
    assert frame.columns == ["datetime", "open", "high", "low", "close"]
    assert found(frame) == expected("2025-02-27", "2025-03-04")


def test_funding_rates_come_from_monthly_files_and_the_api() -> None:
    with serving(Vendor()) as (source, server, _):
        asked = request("2024-12-30", "2025-03-04", series="funding", timeframe="1hour")
        frame = whole(list(source.fetch([asked])), asked)
    assert archives_of(server) == [
        "BTCUSDT-fundingRate-2024-12.zip",
        "BTCUSDT-fundingRate-2025-01.zip",
        "BTCUSDT-fundingRate-2025-02.zip",
    ]
    [sent] = rest_of(server)
    assert sent.path == "/fapi/v1/fundingRate"
    assert "interval" not in sent.query
    assert frame.schema == {"datetime": pl.Datetime("us", "UTC"), "funding_rate": pl.Float64}
    wanted = rates(date("2024-12-30"), date("2025-03-04"))
    # They are due on the hour; the milliseconds by which they are late say nothing.
    assert frame["datetime"].dt.epoch("ms").to_list() == [t // 1000 * 1000 for t, _ in wanted]
    assert frame["funding_rate"].to_list() == [float(r) for _, r in wanted]
    assert frame["funding_rate"].min() < 0


# Symbols


@pytest.mark.parametrize("span", [("2025-01-01", "2025-01-31"), ("2025-03-01", "2025-03-04")])
@pytest.mark.parametrize("series", ["bars", "mark", "funding"])
def test_a_symbol_that_does_not_exist_is_unknown(span: tuple[str, str], series: Any) -> None:
    with serving(Vendor()) as (source, _, _), pytest.raises(UnknownSymbolError, match="XYZ/USDT"):
        list(source.fetch([request(*span, "XYZ/USDT", series=series)]))


def test_a_symbol_of_which_there_is_nothing_is_unknown() -> None:
    with (
        serving(lambda asked: Given([]) if "symbol" in asked.query else Given(b"", 404)) as (
            s,
            _,
            _,
        ),
        pytest.raises(UnknownSymbolError, match="has nothing of 'BTC/USDT'"),
    ):
        list(s.fetch([request("2025-03-01", "2025-03-04")]))


def test_the_others_are_answered_before_an_unknown_symbol_is_reported() -> None:
    with serving(Vendor()) as (source, _, _):
        asked = [request("2025-02-01", "2025-02-02", s) for s in ("XYZ/USDT", "BTC/USDT")]
        answers: list[Answer] = []
        with pytest.raises(UnknownSymbolError):
            answers.extend(source.fetch(asked))
    assert whole(answers, asked[1]).height == 48


# Faults of files


FEBRUARY = "BTCUSDT-1h-2025-02"


def _without_last_byte(given: Given) -> Given:
    return Given(given.data[:-1])


def test_a_checksum_that_does_not_match_once_leaves_no_trace() -> None:
    vendor = Vendor()
    vendor.spoil = {f"{FEBRUARY}.zip": [_without_last_byte]}
    with serving(vendor) as (source, _, clock):
        asked = request("2025-02-01", "2025-02-28")
        [answer] = source.fetch([asked])
    assert found(answer.frame) == expected("2025-02-01", "2025-02-28")
    assert answer.notes == ()
    assert clock.sleeps == [0.5]


@pytest.mark.parametrize(
    ("end", "spoil"),
    [
        (".zip", _without_last_byte),
        (".CHECKSUM", lambda given: Given(b"0" * 64 + f"  {FEBRUARY}.zip\n".encode())),
        (".CHECKSUM", lambda given: Given(given.data.replace(b"2025-02", b"2025-01"))),
        (".CHECKSUM", lambda given: Given(b"")),
    ],
)
def test_a_checksum_that_stays_wrong_is_an_error_that_names_the_file(
    end: str, spoil: Spoil
) -> None:
    vendor = Vendor()
    vendor.spoil = {end: [spoil] * 3}
    with (
        serving(vendor, attempts=3) as (source, server, _),
        pytest.raises(MalformedError, match=rf"{FEBRUARY}\.zip.*SHA-256.*3 attempts"),
    ):
        list(source.fetch([request("2025-02-01", "2025-02-28")]))
    assert len(server.asked) == 6


def test_an_archive_without_a_checksum_is_not_used() -> None:
    vendor = Vendor()
    vendor.spoil = {f"{FEBRUARY}.zip.CHECKSUM": [lambda given: Given(b"", 404)]}
    with serving(vendor) as (source, server, _):
        asked = request("2025-02-28", "2025-02-28")
        frame = whole(list(source.fetch([asked])), asked)
    assert f"{FEBRUARY}.zip" not in archives_of(server)
    assert found(frame) == expected("2025-02-28", "2025-02-28")


def test_checksum_files() -> None:
    digest = "ab" * 32
    assert read_checksum(f"{digest}  A.zip\n".encode(), "A.zip") == digest
    assert read_checksum(f"{digest.upper()} *A.zip".encode(), "A.zip") == digest
    assert read_checksum(f"{digest}  B.zip\n{'cd' * 32}  A.zip".encode(), "A.zip") == "cd" * 32
    assert read_checksum(f"{digest[1:]}  A.zip".encode(), "A.zip") == ""
    assert read_checksum(b"\xff\xfe<html>", "A.zip") == ""


def _members(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as opened:
        for name in names:
            opened.writestr(name, "1,2,3")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_members("../A.csv"), "holds '../A.csv'"),
        (_members("/A.csv"), "holds"),
        (_members("B.csv"), "holds 'B.csv'"),
        (_members("A.csv", "B.csv"), "A.csv alone"),
        (_members(), "holds nothing"),
        (_members("A.csv")[:-5], "cannot be unpacked"),
        (_members("A.csv").replace(b"1,2,3", b"1,2,4"), "cannot be unpacked"),
        (b"", "cannot be unpacked"),
        (b"<html>", "cannot be unpacked"),
    ],
)
def test_archives_that_are_not_as_they_should_be(content: bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said):
        unpack(content, "A")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_archives_of_other_methods_are_not_unpacked(method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        opened.writestr("A.csv", "1,2,3")
    with pytest.raises(MalformedError, match=f"by method {method}"):
        unpack(buffer.getvalue(), "A")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_with_any_wrong_bytes_are_no_other_error(method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        opened.writestr("A.csv", "1,2,3\n" * 20)
    whole, drawn = buffer.getvalue(), random.Random(15)
    refused = 0
    for _ in range(2_000):
        content = bytearray(whole)
        for _ in range(drawn.randint(1, 3)):
            content[drawn.randrange(len(content))] = drawn.randrange(256)
        try:
            unpack(bytes(content), "A")
        except MalformedError:
            refused += 1
    assert refused > 1_000


def test_an_archive_that_would_unpack_to_too_much_is_not_unpacked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(binance_files, "LARGEST_TABLE", 1000)
    assert unpack(archive("A.csv", b"0" * 1000), "A") == b"0" * 1000
    with pytest.raises(MalformedError, match="would unpack to 1,001 bytes"):
        unpack(archive("A.csv", b"0" * 1001), "A")


def test_an_archive_that_lies_about_its_size_is_bounded_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(binance_files, "LARGEST_TABLE", 1000)
    size, lie = (100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    content = archive("A.csv", b"0" * 100_000).replace(size, lie)
    with pytest.raises(MalformedError, match=r"A\.zip"):
        unpack(content, "A")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["1735689600000"], [dt.datetime(2025, 1, 1, tzinfo=dt.UTC)]),
        (["1735689600000000"], [dt.datetime(2025, 1, 1, tzinfo=dt.UTC)]),
        (["1735689600123456"], [dt.datetime(2025, 1, 1, 0, 0, 0, 123456, dt.UTC)]),
        (["0", "-5", "99999999999999999", "soon", "", None, "1e12"], [None] * 7),
    ],
)
def test_times_are_in_milliseconds_or_microseconds(
    times: list[str | None], expected: list[dt.datetime | None]
) -> None:
    assert stamps(pl.Series(times, dtype=pl.String)).to_list() == expected


def _table(change: Callable[[list[str]], list[str]]) -> Spoil:
    def spoil(given: Given) -> Given:
        with zipfile.ZipFile(io.BytesIO(given.data)) as opened:
            [name] = opened.namelist()
            lines = opened.read(name).decode().splitlines()
        return Given(archive(name, "\n".join(change(lines)) + "\n"))

    return spoil


def _spoilt(spoil: Spoil, times: int = 1_000_000) -> Callable[[Asked], Given]:
    """Return a vendor whose archives are spoilt so often, under checksums that are right."""
    vendor = Vendor()
    left = times

    def answer(asked: Asked) -> Given:
        nonlocal left
        if asked.path.endswith(".CHECKSUM") and left:
            path = asked.path.removesuffix(".CHECKSUM")
            data = spoil(vendor(Asked(path, {}, {}))).data
            name = path.rsplit("/", maxsplit=1)[-1]
            return Given(f"{hashlib.sha256(data).hexdigest()}  {name}\n".encode())
        if asked.path.endswith(".zip") and left:
            left -= 1
            return spoil(vendor(asked))
        return vendor(asked)

    return answer


@contextlib.contextmanager
def table_of_february(change: Callable[[list[str]], list[str]]) -> Iterator[Binance]:
    """Serve a file whose contents are changed and whose checksum is right."""
    with serving(_spoilt(_table(change))) as (source, _, _):
        yield source


@pytest.mark.parametrize(
    "spoil",
    [
        _table(lambda lines: [lines[0], lines[1].replace(",12.5,", ",null,"), *lines[2:]]),
        _table(lambda lines: [lines[0], lines[1].replace(",", ",,", 1), *lines[2:]]),
        _table(lambda lines: [lines[0], "1738368000000000,1,1,1,1,1" + ",0" * 6, *lines[1:]]),
        lambda given: Given(given.data[: len(given.data) // 2]),
        lambda given: Given(archive("other.csv", "1,2,3")),
    ],
)
def test_a_file_that_is_wrong_once_leaves_no_trace(spoil: Spoil) -> None:
    """The checksum is that of what is wrong: the file is replaced between two requests."""
    with serving(_spoilt(spoil, times=1)) as (source, server, clock):
        [answer] = source.fetch([request("2025-02-01", "2025-02-28")])
    assert found(answer.frame) == expected("2025-02-01", "2025-02-28")
    assert answer.frame["volume"].null_count() == 0
    assert answer.notes == ()
    assert len(server.asked) == 4
    assert clock.sleeps == [0.5]


def test_an_archive_that_stays_broken_is_an_error_that_names_the_file() -> None:
    half = _spoilt(lambda given: Given(given.data[: len(given.data) // 2]))
    with (
        serving(half, attempts=2) as (source, _, _),
        pytest.raises(MalformedError, match=rf"{FEBRUARY}\.zip cannot be unpacked.*2 attempts"),
    ):
        list(source.fetch([request("2025-02-01", "2025-02-28")]))


@pytest.mark.parametrize(
    "row",
    [
        "1738368000000000,,2,1,1.5,5",
        "1738368000000000,1.5,2,1,null,5",
        "1738368000000000,1.5,2,0,1.5,5",
        "1738368000000000,1.5,1,2,1.5,5",
        "1738368000000000,1.5,nan,1,1.5,5",
    ],
)
def test_a_faulty_row_that_stays_in_a_file_is_left_out_with_a_note(row: str) -> None:
    more = ",0" * 6
    with table_of_february(lambda lines: [lines[0], row + more, *lines[2:]]) as source:
        asked = request("2025-02-01", "2025-02-28")
        [answer] = source.fetch([asked])
    assert found(answer.frame) == expected("2025-02-01", "2025-02-28")[1:]
    assert "1 row missing or impossible" in answer.notes[0]
    assert answer.unreadable == (dt.date(2025, 2, 1),)


def test_a_row_without_a_time_that_stays_in_a_file_is_no_answer() -> None:
    row = "yesterday,1.5,2,1,1.5,5" + ",0" * 6
    with (
        table_of_february(lambda lines: [lines[0], row, *lines[2:]]) as source,
        pytest.raises(MalformedError, match="have no time"),
    ):
        list(source.fetch([request("2025-02-01", "2025-02-28")]))


def test_rows_of_a_file_that_repeat_or_are_out_of_order_are_put_right() -> None:
    with table_of_february(lambda lines: [lines[0], *lines[:0:-1], *lines[1:30]]) as source:
        [answer] = source.fetch([request("2025-02-01", "2025-02-28")])
    assert found(answer.frame) == expected("2025-02-01", "2025-02-28")
    assert answer.notes == ()


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: ["time,price", *lines[1:]],
        lambda lines: ["1738368000000000,1,2", "1738368000000001,1,2"],
        lambda lines: ["<html>"],
        lambda lines: [lines[0], *(line.replace(",", ";", 2) for line in lines[1:])],
        lambda lines: [lines[0], *(f"{line.split(',')[0]},0,0,0,0,0" for line in lines[1:])],
        lambda lines: [lines[1], lines[2] + ",1,2,3,4", lines[3]],
    ],
)
def test_a_table_that_is_none_is_an_error_that_names_the_file(change: Any) -> None:
    with (
        table_of_february(change) as source,
        pytest.raises(MalformedError, match=FEBRUARY),
    ):
        list(source.fetch([request("2025-02-01", "2025-02-28")]))


def test_a_table_without_rows_is_empty() -> None:
    with table_of_february(lambda lines: lines[:1]) as source:
        [answer] = source.fetch([request("2025-02-01", "2025-02-28")])
    assert answer.frame.height == 0


# Faults of the API


def _rows(change: Callable[[list[Row]], list[Row]]) -> Spoil:
    return lambda given: Given(change([list(row) for row in given.body]))


def _cell(index: int, value: Any) -> Spoil:
    return _rows(
        lambda rows: [*rows[:2], [*rows[2][:index], value, *rows[2][index + 1 :]], *rows[3:]]
    )


FAULTS: dict[str, Spoil] = {
    "null price": _cell(4, None),
    "price is text": _cell(1, "high"),
    "price below zero": _cell(3, "-1"),
    "high below low": _cell(2, "0.0001"),
    "null time": _cell(0, None),
    "null volume": _cell(5, None),
    "a row is short": _rows(lambda rows: [rows[0][:3], *rows[1:]]),
    "a row is an object": lambda given: Given([{}, *given.body]),
    "two rows differ": _rows(lambda rows: [[*rows[0][:4], "9", *rows[0][5:]], *rows]),
    "an object": lambda given: Given({"code": 0}),
    "truncated": lambda given: Given(given.data[:-40]),
    "429": lambda given: Given({"code": -1003, "msg": "Too many requests."}, 429),
    "429, retry after": lambda given: Given(None, 429, {"Retry-After": "7"}),
    "418, retry after": lambda given: Given(None, 418, {"Retry-After": "30"}),
    "500": lambda given: Given(None, 500),
    "503": lambda given: Given(b"<html>", 503),
}
HARMLESS: dict[str, Spoil] = {
    "duplicates": _rows(lambda rows: [*rows[:3], *rows[1:]]),
    "disorder": _rows(lambda rows: rows[::-1]),
}


@pytest.mark.parametrize("name", [*FAULTS, *HARMLESS])
def test_a_fault_that_passes_leaves_no_trace(name: str) -> None:
    vendor = Vendor()
    asked = request("2025-03-04", "2025-03-04")
    with serving(vendor) as (source, server, clock):
        [undisturbed] = source.fetch([asked])
        vendor.spoil = {"klines": [{**FAULTS, **HARMLESS}[name]]}
        [answer] = source.fetch([asked])
    assert answer.frame.equals(undisturbed.frame)
    assert answer.frame.height == 24
    assert answer.notes == undisturbed.notes == ()
    assert len(rest_of(server)) == (3 if name in FAULTS else 2)
    if "retry after" in name:
        assert clock.sleeps == [7.0 if name.startswith("429") else 30.0]


@pytest.mark.parametrize(
    "name", ["null price", "price is text", "price below zero", "high below low"]
)
def test_a_fault_that_stays_leaves_its_bar_out_and_says_so(name: str) -> None:
    vendor = Vendor()
    vendor.spoil = {"klines": [FAULTS[name]] * 3}
    with serving(vendor, attempts=3) as (source, server, _):
        [answer] = source.fetch([request("2025-03-04", "2025-03-04")])
    assert len(rest_of(server)) == 3
    assert answer.frame.height == 23
    assert answer.notes[0].startswith("left out: 1 row missing or impossible")
    assert answer.unreadable == (dt.date(2025, 3, 4),)


def test_a_row_without_a_time_that_stays_is_no_answer() -> None:
    vendor = Vendor()
    vendor.spoil = {"klines": [FAULTS["null time"]] * 3}
    with (
        serving(vendor, attempts=3) as (source, _, _),
        pytest.raises(MalformedError, match="have no time"),
    ):
        list(source.fetch([request("2025-03-04", "2025-03-04")]))


def test_a_funding_rate_that_is_null_passes_or_is_left_out() -> None:
    def spoil(given: Given) -> Given:
        return Given([{**given.body[0], "fundingRate": None}, *given.body[1:]])

    vendor = Vendor()
    asked = request("2025-03-01", "2025-03-04", series="funding")
    with serving(vendor, attempts=2) as (source, _, _):
        vendor.spoil = {"fundingRate": [spoil]}
        [passed] = source.fetch([asked])
        vendor.spoil = {"fundingRate": [spoil] * 2}
        [stayed] = source.fetch([asked])
    assert (passed.frame.height, passed.notes) == (12, ())
    assert stayed.frame.height == 11
    assert "missing or impossible" in stayed.notes[0]


def test_a_long_ban_is_not_prolonged_by_asking_on() -> None:
    vendor = Vendor()
    vendor.spoil = {"klines": [lambda given: Given(None, 418, {"Retry-After": "7200"})]}
    with (
        serving(vendor) as (source, server, clock),
        pytest.raises(RefusedError, match="for 7,200 s"),
    ):
        list(source.fetch([request("2025-03-04", "2025-03-04")]))
    assert len(rest_of(server)) == 1
    assert clock.sleeps == []


def test_an_api_that_stays_down_is_unreachable_and_files_stay_answered() -> None:
    vendor = Vendor()
    vendor.spoil = {"klines": [lambda given: Given(None, 503)] * 5}
    with serving(vendor) as (source, _, _):
        fetching = source.fetch([request("2025-03-03", "2025-03-04")])
        first = next(fetching)
        with pytest.raises(UnreachableError, match="after 5 attempts"):
            next(fetching)
    assert (first.first, first.last) == (date("2025-03-03"), date("2025-03-03"))
    assert first.frame.height == 24


def test_another_error_keeps_its_words() -> None:
    said = {"code": -1100, "msg": "Illegal characters found in parameter 'symbol'."}
    vendor = Vendor()
    vendor.spoil = {"klines": [lambda given: Given(said, 400)]}
    with serving(vendor) as (source, _, _), pytest.raises(RefusedError, match="-1100: Illegal"):
        list(source.fetch([request("2025-03-04", "2025-03-04")]))


# Limits


@pytest.mark.parametrize(
    ("market", "series", "limit", "expected"),
    [
        ("futures/um", "bars", 99, 1),
        ("futures/um", "bars", 100, 2),
        ("futures/um", "bars", 499, 2),
        ("futures/um", "bars", 500, 5),
        ("futures/um", "mark", 1000, 5),
        ("futures/um", "mark", 1001, 10),
        ("futures/um", "bars", 1500, 10),
        ("spot", "bars", 1000, 2),
        ("futures/um", "funding", 1000, 24),
    ],
)
def test_weights(market: Any, series: Any, limit: int, expected: int) -> None:
    assert weight(Instrument(market, "BTCUSDT"), series, limit) == expected


def test_weight_is_limited_in_every_minute() -> None:
    clock = VirtualClock(NOW)
    limit = WeightLimit(WEIGHT_A_MINUTE, 60.0, clock)
    taken: list[tuple[float, int]] = []
    for i in range(1500):
        limit.weight = (1, 10, 5, 24)[i % 4]
        limit.take()
        taken.append((clock.monotonic(), limit.weight))
        clock.passed += 0.01
    assert sum(w for _, w in taken) == 15_000
    for at, _ in taken[::50]:
        assert sum(w for other, w in taken if at <= other < at + 60) <= WEIGHT_A_MINUTE
    assert clock.monotonic() < 7 * 60  # and no more is waited than needed


def test_pages_of_futures_wait_by_weight() -> None:
    vendor = Vendor()
    with serving(vendor) as (source, _, clock):
        limit = source._rest._limits["futures/um"]
        asked = request("2025-03-04", "2025-03-04", "BTCUSDT.P", "1min")
        for _ in range(3):
            list(source.fetch([asked]))
    # A page of 1,440 rows weighs 10.
    assert [w for _, w in limit._taken] == [10, 10, 10]
    assert clock.sleeps == []


# Configuration


def test_addresses_come_from_the_configuration(tmp_path: Any) -> None:
    with answering(Vendor()) as server:
        config = SourcesConfig.load(
            {
                "WFO_CONFIG_DIR": str(tmp_path),
                "WFO_BINANCE_FILES_URL": server.url,
                "WFO_BINANCE_SPOT_URL": server.url,
                "WFO_BINANCE_FUTURES_URL": server.url,
            }
        )
        source = Binance.from_config(config, VirtualClock(NOW))
        answers = list(source.fetch([request("2025-03-03", "2025-03-04")]))
    assert sum(a.frame.height for a in answers) == 48
