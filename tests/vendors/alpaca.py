"""Alpaca: bars of market data v2."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import math
import re
from typing import Any, Literal

import numpy as np

from . import market as made
from .clock import VendorClock
from .faults import Fault, Kind
from .market import NEW_YORK, NO_BARS, Bars, Instrument, Market
from .server import Reply, Request, Vendor, Window

#: Documented limits.
MOST_BARS, DEFAULT_BARS = 10_000, 1000
REQUESTS, WINDOW_SECONDS = 200, 60
FIRST_DAY = dt.date(2016, 1, 1)
RECENT_SECONDS = 900

_PARAMETERS = frozenset(
    {
        "timeframe",
        "start",
        "end",
        "limit",
        "adjustment",
        "feed",
        "page_token",
        "sort",
        "asof",
        "currency",
    }
)
_TIMEFRAME = re.compile(r"([1-9][0-9]?)(Min|T|Hour|H|Day|D|Week|W|Month|M)")
_LONGEST = {"Min": 59, "Hour": 23, "Day": 1, "Week": 1, "Month": 12}
_SHORT = {"T": "Min", "H": "Hour", "D": "Day", "W": "Week", "M": "Month"}
_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,9}([./][A-Z]{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")
_SINGLE = re.compile(r"/v2/stocks/([^/]+)/bars")
_MANY = "/v2/stocks/bars"


class _BadError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclasses.dataclass(frozen=True)
class _Asked:
    symbols: tuple[str, ...]
    unit: str
    length: int
    start: dt.datetime
    end: dt.datetime
    adjustment: str
    feed: str
    descending: bool


class AlpacaVendor(Vendor):
    """Alpaca on loopback: `url` is the host.

    Parameters
    ----------
    key_id, secret_key
        Those that are right.
    subscribed
        Whether the account may see SIP data of the last 15 minutes.
    unauthorized
        Status of keys that are wrong or missing: the documentation of market data says 403, of
        trading 401.
    dates_in
        Zone in which a date without a time begins.
    empty_bars
        Whether the bars of a symbol without any are null or an empty list.
    extended_hours
        Whether bars shorter than a day also have what was traded before the open and after the
        close.
    """

    name = "alpaca"
    known_faults = (
        "429",
        "429-seconds",
        "429-date",
        "500",
        "503",
        "503-seconds",
        "504",
        "clock-ahead",
        "clock-behind",
        "time-out",
        "cut-before-headers",
        "cut-mid-body",
        "cut-chunked",
        "truncated-json",
        "html",
        "null-fields",
        "duplicate-bars",
        "unordered-bars",
        "revoked-token",
        "revised-bar",
        "split-history",
    )

    def __init__(
        self,
        market: Market | None = None,
        *,
        clock: VendorClock | None = None,
        key_id: str = "test-key-id",
        secret_key: str = "test-secret-key",
        subscribed: bool = False,
        unauthorized: int = 403,
        dates_in: dt.tzinfo = NEW_YORK,
        empty_bars: Literal["null", "list"] = "null",
        extended_hours: bool = False,
    ) -> None:
        super().__init__(market, clock=clock)
        self.key_id, self.secret_key = key_id, secret_key
        self.subscribed, self.unauthorized = subscribed, unauthorized
        self.dates_in, self.empty_bars = dates_in, empty_bars
        self.extended_hours = extended_hours
        self.window = Window(REQUESTS, WINDOW_SECONDS, sliding=True)
        self.revoked = False
        self._pages: dict[str, tuple[str, int]] = {}

    @property
    def url(self) -> str:
        """The host that stands for ``https://data.alpaca.markets``."""
        return self.base("api")

    @property
    def environ(self) -> dict[str, str]:
        return {
            "WFO_ALPACA_URL": self.url,
            "APCA_API_KEY_ID": self.key_id,
            "APCA_API_SECRET_KEY": self.secret_key,
        }

    def route(self, request: Request) -> Kind:
        bars = request.path == _MANY or _SINGLE.fullmatch(request.path) is not None
        return "bars" if bars else "other"

    def error(self, status: int, message: str) -> Any:
        return {"message": message}

    def before(self, fault: Fault, request: Request, kind: Kind) -> None:
        if fault.name == "revoked-token":
            self.revoked = True

    def answer(self, request: Request, kind: Kind) -> Reply:
        now = self.clock.seconds()
        try:
            if kind != "bars":
                raise _BadError(404, "endpoint not found.")
            if request.method != "GET":
                raise _BadError(405, "method not allowed.")
            keys = (
                request.headers.get("apca-api-key-id"),
                request.headers.get("apca-api-secret-key"),
            )
            if self.revoked or keys != (self.key_id, self.secret_key):
                message = "unauthorized." if self.unauthorized == 401 else "forbidden."
                raise _BadError(self.unauthorized, message)
            if not self.window.take(now):
                raise _BadError(429, "too many requests.")
            reply = self._bars(request)
        except _BadError as e:
            reply = Reply(e.status, self.error(e.status, e.message))
        reset = self.window.free_at(now) + self.clock.off.total_seconds()
        reply.headers["X-RateLimit-Limit"] = str(REQUESTS)
        reply.headers["X-RateLimit-Remaining"] = str(REQUESTS - self.window.used(now))
        reply.headers["X-RateLimit-Reset"] = str(math.ceil(reset))
        return reply

    def _asked(self, request: Request) -> _Asked:
        asked = request.query
        if len(asked) != len(request.pairs):
            raise _BadError(400, "a parameter comes twice")
        many = request.path == _MANY
        for name in asked:
            if name not in _PARAMETERS and not (many and name == "symbols"):
                raise _BadError(400, f"unexpected parameter: {name}")
        if many:
            symbols = tuple(asked.get("symbols", "").split(","))
        else:
            symbols = (request.path.split("/")[3],)
        for symbol in symbols:
            if _SYMBOL.fullmatch(symbol) is None:
                raise _BadError(400, f"invalid symbol: {symbol}")
        match = _TIMEFRAME.fullmatch(asked.get("timeframe", ""))
        if match is None:
            raise _BadError(400, f"invalid timeframe: {asked.get('timeframe', '')}")
        length, unit = int(match[1]), _SHORT.get(match[2], match[2])
        months = unit != "Month" or length in {1, 2, 3, 4, 6, 12}
        if length > _LONGEST[unit] or not months:
            raise _BadError(400, f"invalid timeframe: {asked['timeframe']}")
        adjustment = asked.get("adjustment", "raw")
        if adjustment not in made.ADJUSTMENTS:
            raise _BadError(400, f"invalid adjustment: {adjustment}")
        feed = asked.get("feed", "sip")
        if feed not in {"sip", "iex"}:
            raise _BadError(400, f"invalid feed: {feed}")
        sort = asked.get("sort", "asc")
        if sort not in {"asc", "desc"}:
            raise _BadError(400, f"invalid sort: {sort}")
        if asked.get("currency", "USD") != "USD":
            raise _BadError(400, f"invalid currency: {asked['currency']}")
        if "asof" in asked and asked["asof"] != "-" and not _DATE.fullmatch(asked["asof"]):
            raise _BadError(400, f"invalid asof: {asked['asof']}")
        now = self.clock.now()
        free = self.subscribed or feed == "iex"
        seen = now if free else now - dt.timedelta(seconds=RECENT_SECONDS)
        today = dt.datetime.combine(now.astimezone(NEW_YORK).date(), dt.time(), NEW_YORK)
        start = self._moment(asked, "start", min(today, seen))
        end = self._moment(asked, "end", seen)
        if end < start:
            raise _BadError(400, "end should not be before start")
        if end > seen and not free:
            raise _BadError(403, "subscription does not permit querying recent SIP data")
        return _Asked(symbols, unit, length, start, end, adjustment, feed, sort == "desc")

    def _moment(self, asked: dict[str, str], name: str, default: dt.datetime) -> dt.datetime:
        text = asked.get(name)
        if text is None:
            return default
        try:
            if _DATE.fullmatch(text):
                return dt.datetime.fromisoformat(text).replace(tzinfo=self.dates_in)
            if _TIME.fullmatch(text):
                # Nanoseconds are allowed; of them microseconds count here.
                text = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
                return dt.datetime.fromisoformat(text)
        except ValueError:
            pass
        raise _BadError(400, f"invalid {name}: {text}")

    def _bars(self, request: Request) -> Reply:
        asked = self._asked(request)
        text = request.query.get("limit", str(DEFAULT_BARS))
        if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= MOST_BARS:
            raise _BadError(400, f"invalid limit: {text}, it should be between 1 and {MOST_BARS}")
        limit = int(text)
        bound = "&".join(
            f"{k}={v}" for k, v in sorted(request.pairs) if k not in {"page_token", "limit"}
        )
        bound = f"{request.path}?{bound}"
        skip = 0
        token = request.query.get("page_token")
        if token is not None:
            of, skip = self._pages.get(token, ("", 0))
            if of != bound:
                raise _BadError(400, f"invalid page_token: {token}")
        # Sorted by symbol, then by time; the limit is that of all symbols together.
        found: list[tuple[str, dict[str, Any]]] = []
        dates: list[np.ndarray] = []
        left, more = limit, False
        for symbol in sorted(set(asked.symbols)):
            bars = self._found(symbol, asked)
            if asked.descending:
                bars = bars.where(slice(None, None, -1))
            if skip >= len(bars):
                skip -= len(bars)
                continue
            part = bars.where(slice(skip, skip + left))
            more = more or skip + len(part) < len(bars)
            skip = 0
            found.extend((symbol, row) for row in _rows(part, asked.unit))
            dates.append(part.date)
            left -= len(part)
            if more:
                break
        following = None
        if more:
            done = (self._pages[token][1] if token is not None else 0) + len(found)
            digest = hashlib.sha256(f"{self.market.seed}|{bound}|{done}".encode()).hexdigest()
            following = f"page-{digest[:24]}"
            self._pages[following] = (bound, done)
        by_symbol: dict[str, list[dict[str, Any]]] = {}
        for symbol, row in found:
            by_symbol.setdefault(symbol, []).append(row)
        first = found[0][0] if found else None
        rows = by_symbol[first] if first is not None else None
        value: dict[str, Any]
        if request.path == _MANY:
            value = {"bars": by_symbol, "next_page_token": following}
        else:
            none = None if self.empty_bars == "null" else []
            value = {
                "bars": by_symbol.get(asked.symbols[0], none),
                "symbol": asked.symbols[0],
                "next_page_token": following,
            }
        return Reply(200, value, rows=rows, symbol=first, dates=dates[0] if dates else None)

    def _found(self, symbol: str, asked: _Asked) -> Bars:
        instrument = self.market.instrument(symbol)
        # Bars begin on round hours, and their day at midnight: a day or so more on both sides.
        first = max(asked.start.astimezone(NEW_YORK).date() - dt.timedelta(days=1), FIRST_DAY)
        last = asked.end.astimezone(NEW_YORK).date()
        if instrument is None or instrument.calendar != "XNYS" or first > last:
            return NO_BARS
        if asked.unit in {"Min", "Hour"}:
            bars = self._intraday(instrument, asked, first, last)
        else:
            bars = self._days(instrument, asked, first, last)
        keep = (bars.start >= asked.start.timestamp()) & (bars.start <= asked.end.timestamp())
        bars = bars.where(keep)
        if asked.feed == "iex":
            # One exchange's part of the trades.
            bars = dataclasses.replace(bars, volume=bars.volume // 40)
        return bars

    def _as_of(self) -> dt.date:
        return self.clock.now().astimezone(NEW_YORK).date()

    def _intraday(
        self, instrument: Instrument, asked: _Asked, first: dt.date, last: dt.date
    ) -> Bars:
        now = self._seen(asked)
        parts = []
        for session in made.sessions("XNYS", first, last):
            bars = self.market.minutes(
                instrument.symbol,
                session.date,
                extended=self.extended_hours,
                adjust=asked.adjustment,
                as_of=self._as_of(),
            )
            bars = bars.where(bars.start <= now)
            seconds = asked.length * (60 if asked.unit == "Min" else 3600)
            parts.append(bars if seconds == 60 else made.by_clock(bars, seconds))
        return Bars.join(parts)

    def _seen(self, asked: _Asked) -> float:
        late = 0 if self.subscribed or asked.feed == "iex" else RECENT_SECONDS
        return self.clock.seconds() - late

    def _days(self, instrument: Instrument, asked: _Asked, first: dt.date, last: dt.date) -> Bars:
        now = self._seen(asked)
        first = max(first - dt.timedelta(days=370 if asked.unit == "Month" else 7), FIRST_DAY)
        bars = self.market.daily(
            instrument.symbol, first, last, adjust=asked.adjustment, as_of=self._as_of()
        )
        bars = bars.where(bars.start <= now)
        if len(bars) and now < bars.end[-1]:
            day = dt.date(1970, 1, 1) + dt.timedelta(days=int(bars.date[-1]))
            minutes = self.market.minutes(
                instrument.symbol, day, adjust=asked.adjustment, as_of=self._as_of()
            )
            part = minutes.where(minutes.start <= now)
            last_bar = made.grouped(part, part.date, part.start, part.end)
            bars = Bars.join((bars.where(slice(0, -1)), last_bar))
        midnights = np.array([_midnight(int(d)) for d in bars.date], np.int64)
        bars = dataclasses.replace(bars, start=midnights)
        if asked.unit == "Week":
            monday = np.array([_midnight(int(d - (d + 3) % 7)) for d in bars.date], np.int64)
            return made.by_weeks(dataclasses.replace(bars, start=monday))
        if asked.unit == "Month":
            return made.by_months(bars, asked.length)
        return bars


def _midnight(date: int) -> int:
    day = dt.date(1970, 1, 1) + dt.timedelta(days=date)
    return int(dt.datetime.combine(day, dt.time(), NEW_YORK).timestamp())


def _rows(bars: Bars, unit: str) -> list[dict[str, Any]]:
    columns = zip(
        bars.start.tolist(),
        bars.open.tolist(),
        bars.high.tolist(),
        bars.low.tolist(),
        bars.close.tolist(),
        bars.volume.tolist(),
        strict=True,
    )
    return [
        {
            "t": dt.datetime.fromtimestamp(start, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "o": opened,
            "h": high,
            "l": low,
            "c": close,
            "v": volume,
            "n": volume // 100 + 1,
            "vw": round((high + low + close) / 3, 6),
        }
        for start, opened, high, low, close, volume in columns
    ]
