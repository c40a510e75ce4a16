"""Binance's REST APIs of spot and of USD-M futures: bars, mark prices, funding rates."""

from __future__ import annotations

import collections
import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from wfo.data.frames import PRICES
from wfo.data.sources.binance_files import Instrument, due, stamps
from wfo.data.sources.clock import Clock
from wfo.data.sources.errors import (
    MalformedError,
    RefusedError,
    SourceError,
    UnknownSymbolError,
    UnreachableError,
)
from wfo.data.sources.http import RETRIED, Http, HttpOptions, Reply
from wfo.data.sources.limits import WindowLimit
from wfo.data.sources.rows import (
    Sifted,
    ask_leniently,
    number,
    require_list,
    require_object,
    sift,
)
from wfo.data.sources.source import SeriesKind, SeriesRequest
from wfo.data.timeframes import TIMEFRAMES

if TYPE_CHECKING:
    import polars as pl

#: Weight a minute, by the documentation.
WEIGHT_A_MINUTE: Final = 2400
#: Rows of a reply at most.
LARGEST_PAGE: Final[Mapping[str, int]] = {"spot": 1000, "futures/um": 1500, "funding": 1000}

#: `fundingRate` has a limit of its own, 500 requests in five minutes: a hundred a minute.
_FUNDING_WEIGHT: Final = WEIGHT_A_MINUTE // 100
_PATHS: Final[Mapping[tuple[str, SeriesKind], str]] = {
    ("spot", "bars"): "/api/v3/klines",
    ("futures/um", "bars"): "/fapi/v1/klines",
    ("futures/um", "mark"): "/fapi/v1/markPriceKlines",
    ("futures/um", "funding"): "/fapi/v1/fundingRate",
}
_INVALID_SYMBOL: Final = "-1121"
_TOO_MANY: Final = "-1003"


class WeightLimit(WindowLimit):
    """At most so much weight in any window of so many seconds.

    Attributes
    ----------
    weight
        What the next requests weigh.
    """

    def __init__(self, count: int, seconds: float, clock: Clock) -> None:
        super().__init__(count, seconds, clock)
        self.weight = 1
        self._time = clock
        self._taken: collections.deque[tuple[float, int]] = collections.deque()
        self._sum = 0

    def take(self) -> None:
        """Count a request, after a wait where the window is full."""
        while True:
            now = self._time.monotonic()
            while self._taken and self._taken[0][0] + self.seconds <= now:
                self._sum -= self._taken.popleft()[1]
            if not self._taken or self._sum + self.weight <= self.count:
                break
            self._time.sleep(self._taken[0][0] + self.seconds - now)
        self._taken.append((now, self.weight))
        self._sum += self.weight


class BinanceHttp(Http):
    """A Binance address: being told to stay away for long ends the attempts.

    Requests that go on after 429 lead to 418, a ban, and those that go on then prolong it.
    """

    def __init__(self, *, limit: WeightLimit, options: HttpOptions, clock: Clock) -> None:
        super().__init__(
            "Binance", limit=limit, options=options, clock=clock, retried=RETRIED | {418}
        )
        self._longest_wait = options.longest_wait

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        asked = super()._retry_after(headers)
        if asked is not None and asked > self._longest_wait:
            raise RefusedError(
                f"Binance takes no requests from this address for {asked:,.0f} s, because it got "
                "too many: try again then"
            )
        return asked


def weight(instrument: Instrument, series: SeriesKind, limit: int) -> int:
    """Return the weight of a request for so many rows, by the documentation."""
    if series == "funding":
        return _FUNDING_WEIGHT
    if instrument.market == "spot":
        return 2
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


class Rest:
    """The REST APIs of both markets.

    Parameters
    ----------
    urls
        Addresses by market.
    options
        How long and how often they are tried.
    clock
        Where time comes from.
    """

    def __init__(self, urls: Mapping[str, str], options: HttpOptions, clock: Clock) -> None:
        self._urls = urls
        self._limits = {m: WeightLimit(WEIGHT_A_MINUTE, 60.0, clock) for m in urls}
        self._https = {
            m: BinanceHttp(limit=self._limits[m], options=options, clock=clock) for m in urls
        }

    def first_day(self, instrument: Instrument, request: SeriesRequest) -> dt.date | None:
        """Return the day of the first row that there is, ``None`` if there is none."""
        found = self._page(instrument, request, "1d", 0, None, 1)
        return None if not found.frame.height else _day(found.frame[:, 0][0])

    def pages(
        self,
        instrument: Instrument,
        request: SeriesRequest,
        interval: str,
        first: dt.date,
        last: dt.date,
    ) -> Iterator[tuple[Sifted, bool]]:
        """Yield what the API has of the days from `first` to `last`, in ascending order.

        Yields
        ------
        rows, whether they are the last ones
            If the latter is never true, the page after the last one was empty.

        Raises
        ------
        SourceError
            If it cannot be asked, or answers what cannot be read or does not go on.
        """
        begin, end = _millis(first), _millis(last + dt.timedelta(days=1)) - 1
        funding = request.series == "funding"
        step = 1 if funding else TIMEFRAMES[request.timeframe] * 1000
        most = LARGEST_PAGE["funding" if funding else instrument.market]
        # Every page has a row at least; funding is due once an hour at most.
        room = 1 + (end - begin) // (3_600_000 if funding else step)
        while begin <= end:
            # Small pages weigh less.
            limit = most if funding else max(1, min(most, -(-(end - begin + 1) // step)))
            found = self._page(instrument, request, interval, begin, end, limit)
            if not found.rows:
                return
            if found.newest is None or found.newest < begin:
                raise MalformedError(
                    f"Binance's pages of {request.symbol} do not go on: asked for rows from "
                    f"{_text(begin)} on, it answers with earlier ones; try again later"
                )
            room -= 1
            if room < 0:
                raise MalformedError(
                    f"Binance's pages of {request.symbol} do not end: they are more than there can "
                    "be rows; try again later"
                )
            # Bars have gaps, so a page that is not full need not be the last one.
            last_page = found.newest + step > end or (funding and found.rows < limit)
            yield found.sifted, last_page
            if last_page:
                return
            begin = found.newest + 1

    def _page(
        self,
        instrument: Instrument,
        request: SeriesRequest,
        interval: str,
        begin: int,
        end: int | None,
        limit: int,
    ) -> _Page:
        market = instrument.market
        params = {"symbol": instrument.code}
        if request.series != "funding":
            params["interval"] = interval
        params["startTime"] = str(begin)
        if end is not None:
            params["endTime"] = str(end)
        params["limit"] = str(limit)

        def refused(reply: Reply) -> NoReturn:
            raise refusal(reply, request.symbol, instrument)

        def send(accept: Callable[[Any], _Page]) -> _Page:
            self._limits[market].weight = weight(instrument, request.series, limit)
            return self._https[market].get_json(
                self._urls[market] + _PATHS[market, request.series],
                params,
                {},
                accept=accept,
                on_status={400: refused, 404: refused},
            )

        return ask_leniently(send, lambda reply: read_page(reply, request))[0]


class _Page:
    """Rows of a reply, how many it held, and the newest time of any, in milliseconds."""

    def __init__(self, rows: int, newest: int | None, sifted: Sifted) -> None:
        self.rows = rows
        self.newest = newest
        self.sifted = sifted

    @property
    def frame(self) -> pl.DataFrame:
        return self.sifted.frame


def read_page(reply: Any, request: SeriesRequest) -> tuple[_Page, tuple[str, ...]]:
    """Read a reply: an array of arrays, or of objects with funding rates.

    Returns
    -------
    page, faults
        Rows without the faulty ones, and what was wrong with those; see `sift`.

    Raises
    ------
    MalformedError
        If it is no such reply.
    """
    found = require_list(reply, "Binance's reply")
    table = _rates(found) if request.series == "funding" else _klines(found, request)
    newest = table["stamp"].max()
    if request.series == "funding":
        table = table.with_columns(due(table["stamp"]))
    sifted = sift(table, request, "Binance")
    millis = None if newest is None else _epoch_millis(newest)
    return _Page(len(found), millis, sifted), sifted.faults


def _klines(rows: list[Any], request: SeriesRequest) -> pl.DataFrame:
    import polars as pl

    bars = [require_list(r, "a bar of Binance's reply") for r in rows]
    if any(len(b) < 6 for b in bars):
        raise MalformedError("a bar of Binance's reply has fewer than 6 fields")
    names = (*PRICES, *(["volume"] if request.series == "bars" else []))
    columns = {
        name: pl.Series(name, [number(b[i]) for b in bars], pl.Float64)
        for i, name in enumerate(names, start=1)
    }
    return pl.DataFrame({"stamp": _stamps([b[0] for b in bars]), **columns})


def _rates(rows: list[Any]) -> pl.DataFrame:
    import polars as pl

    rates = [require_object(r, "a funding rate of Binance's reply") for r in rows]
    return pl.DataFrame(
        {
            "stamp": _stamps([r.get("fundingTime") for r in rates]),
            "funding_rate": pl.Series(
                [number(r.get("fundingRate")) for r in rates], dtype=pl.Float64
            ),
        }
    )


def _stamps(values: list[Any]) -> pl.Series:
    import polars as pl

    whole = [
        v if isinstance(v, int) and not isinstance(v, bool) and abs(v) < 1 << 62 else None
        for v in values
    ]
    return stamps(pl.Series(whole, dtype=pl.Int64))


def refusal(reply: Reply, symbol: str, instrument: Instrument) -> SourceError:
    """Return the error that a refusal means: ``{"code": …, "msg": …}``."""
    said = f"Binance answers {reply.status}" + (f": {reply.reason}" if reply.reason else "")
    if reply.code == _INVALID_SYMBOL:
        market = "spot" if instrument.market == "spot" else "USD-M"
        return UnknownSymbolError(
            f"Binance has no symbol {symbol!r} ({instrument.code}, {market}; {said})"
        )
    if reply.code == _TOO_MANY:
        return UnreachableError(said)
    return RefusedError(f"{said} ({symbol})")


def _millis(day: dt.date) -> int:
    return (day - dt.date(1970, 1, 1)).days * 86_400_000


def _epoch_millis(stamp: Any) -> int:
    elapsed: dt.timedelta = stamp - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return elapsed // dt.timedelta(milliseconds=1)


def _text(millis: int) -> str:
    return f"{dt.datetime.fromtimestamp(millis / 1000, dt.UTC):%Y-%m-%d %H:%M:%S}"


def _day(stamp: Any) -> dt.date:
    return stamp.date() if isinstance(stamp, dt.datetime) else stamp
