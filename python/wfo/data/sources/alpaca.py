"""Bars of US stocks from Alpaca's market data API, version 2.

What is relied on: bars come in ascending order, those of several symbols one symbol after the
other; `start` and `end` are both included; a reply holds 10,000 bars at most, of all symbols
together, and ``next_page_token`` leads to the rest; daily bars are stamped with midnight in New
York; intraday bars include trades before and after the regular session.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import email.utils
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

from wfo.data.calendars import NO_CALENDAR, load_sessions
from wfo.data.sources.clock import Clock
from wfo.data.sources.credentials import CREDENTIALS_FILE, Secret
from wfo.data.sources.errors import (
    CredentialsError,
    MalformedError,
    RefusedError,
    UnknownSymbolError,
)
from wfo.data.sources.http import Http, HttpOptions, Reply, require_url
from wfo.data.sources.limits import WindowLimit
from wfo.data.sources.rows import (
    Pieces,
    Sifted,
    answers_of_all,
    ask_leniently,
    bars_bound,
    if_any,
    midnight,
    number,
    request_zone,
    require_list,
    require_object,
    require_offered,
    sift,
)
from wfo.data.sources.source import Adjustment, Answer, SeriesKind, SeriesRequest
from wfo.data.timeframes import is_intraday
from wfo.errors import InputError, did_you_mean

if TYPE_CHECKING:
    import polars as pl

    from wfo.data.sources.config import SourcesConfig

#: Where Alpaca answers, unless the configuration says otherwise.
ALPACA_URL: Final = "https://data.alpaca.markets"
#: All exchanges, or the Investors Exchange alone.
FEEDS: Final = ("sip", "iex")
NEW_YORK: Final = "America/New_York"
#: Requests a minute, by the documentation.
REQUESTS_A_MINUTE: Final = 200
#: Bars in a reply at most, by the documentation.
LARGEST_PAGE: Final = 10_000

_TIMEFRAMES: Final[Mapping[str, str]] = {
    "1min": "1Min",
    "5min": "5Min",
    "15min": "15Min",
    "30min": "30Min",
    "1day": "1Day",
}
_ADJUSTMENTS: Final[Mapping[Adjustment, str]] = {
    "split": "split",
    "raw": "raw",
    "dividend": "dividend",
    "split-and-dividend": "all",
}
_FIRST_DAY: Final = dt.date(2016, 1, 1)
#: Capitals, figures, and what sets classes and units apart; a comma would ask for two symbols.
_SYMBOL: Final = re.compile(r"[A-Z0-9][A-Z0-9.\-]{0,31}")

#: Bars of all symbols of one request: a few pages, because answers to it come only at its end.
_LARGEST_GROUP: Final = 5 * LARGEST_PAGE
_GROUP_SYMBOLS: Final = 100
#: 4:00 to 20:00 in New York.
_TRADING_SECONDS: Final = 16 * 3_600
#: Pages without a new bar after which the pagination is taken to stand still.
_IDLE_PAGES: Final = 20
_LONGEST_TOKEN: Final = 4_096


class AlpacaHttp(Http):
    """Alpaca's addresses: they say when requests are allowed again in a header of their own."""

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        asked = super()._retry_after(headers)
        return asked if asked is not None else seconds_to_reset(headers, self._clock.now())


def seconds_to_reset(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the seconds until ``X-RateLimit-Reset``, ``None`` where that says nothing usable.

    Parameters
    ----------
    headers
        Headers of a reply. The vendor's own clock, its ``Date``, counts where it is there.
    now
        The time here, zone-aware, which may be off.
    """
    given = {k.casefold(): v.strip() for k, v in headers.items()}
    reset = given.get("x-ratelimit-reset", "")
    if not re.fullmatch(r"[0-9]{9,12}", reset):
        return None
    try:
        date = email.utils.parsedate_to_datetime(given.get("date", ""))
        now = date.replace(tzinfo=dt.UTC) if date.tzinfo is None else date
    except (ValueError, TypeError, OverflowError, IndexError):
        pass
    seconds = int(reset) - now.timestamp()
    return seconds if seconds > 0 else None


@dataclasses.dataclass(frozen=True, eq=False)
class _Page:
    sifted: Mapping[str, Sifted]
    rows: int
    token: str | None


class Alpaca:
    """Alpaca as a source, see `wfo.data.sources.source.Source`.

    Parameters
    ----------
    key_id, secret_key
        What the headers ``APCA-API-KEY-ID`` and ``APCA-API-SECRET-KEY`` hold.
    url
        Base URL, without the version.
    feed
        One of `FEEDS`.
    options
        How long and how often the vendor is tried.
    clock
        Where time comes from.

    Raises
    ------
    InputError
        If feed or URL cannot be used.
    """

    name = "alpaca"
    title = "Alpaca"
    series: tuple[SeriesKind, ...] = ("bars",)
    timeframes: tuple[str, ...] = tuple(_TIMEFRAMES)
    adjustments: tuple[Adjustment, ...] = tuple(_ADJUSTMENTS)

    def __init__(
        self,
        key_id: Secret,
        secret_key: Secret,
        *,
        url: str = ALPACA_URL,
        feed: str = "sip",
        options: HttpOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        if feed not in FEEDS:
            raise InputError(f"unknown feed {feed!r} of Alpaca{did_you_mean(feed, FEEDS)}")
        self._clock = Clock() if clock is None else clock
        self._url = require_url(url, "the address of Alpaca")
        self._feed = feed
        self._headers = {"APCA-API-KEY-ID": key_id, "APCA-API-SECRET-KEY": secret_key}
        limit = WindowLimit(REQUESTS_A_MINUTE, 60.0, self._clock)
        self._http = AlpacaHttp("Alpaca", limit=limit, options=options, clock=self._clock)
        self._seen: set[str] = set()

    def __repr__(self) -> str:
        return f"Alpaca(feed={self._feed!r})"

    def calendar(self, symbol: str) -> str:  # noqa: ARG002 (of the protocol)
        """Return the calendar of the New York Stock Exchange, which all US stocks follow."""
        return "XNYS"

    def earliest(self, symbol: str, timeframe: str, series: SeriesKind) -> dt.date:  # noqa: ARG002
        """Return the day with which Alpaca's data begins."""
        return _FIRST_DAY

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        """Answer requests; symbols that share a range go together where bars are few.

        A symbol that Alpaca does not know is reported after all others are answered.
        """
        self._require(requests)
        yield from answers_of_all(self._answers(group) for group in groups(requests))

    def _require(self, requests: Sequence[SeriesRequest]) -> None:
        for request in requests[:1]:
            if request.timeframe in {"1hour", "4hour"} and request.series == "bars":
                raise InputError(
                    f"Alpaca has no {request.timeframe} bars that begin with the session: those "
                    "that it has begin at the full hour and hold trades from before the open; "
                    f"download 30min bars of {request.symbol} and make them with wfo data resample"
                )
        require_offered(self, requests)

    def _answers(self, group: Sequence[SeriesRequest]) -> Iterator[Answer]:
        for request in group:
            if not _SYMBOL.fullmatch(request.symbol):
                raise UnknownSymbolError(
                    f"Alpaca has no symbol {request.symbol!r}: it has US stocks and funds, in "
                    "capitals such as SMH or BRK.B"
                )
        if len(group) == 1:
            yield from self._alone(group[0])
            return
        try:
            together = self._together(group)
        except UnknownSymbolError:
            # The refusal is about all symbols; asked one by one, the others are answered.
            yield from answers_of_all(self._alone(request) for request in group)
            return
        # What is known comes first: the others lead to further requests, which may fail.
        ordered = sorted(together, key=lambda found: not found.seen)
        yield from answers_of_all(self._rest(found) for found in ordered)

    def _alone(self, request: SeriesRequest) -> Iterator[Answer]:
        found = _Found(request, self._clock.now(), self._notes(request))
        url = f"{self._url}/v2/stocks/{urllib.parse.quote(request.symbol, safe='')}/bars"
        for page, faults in self._pages(url, self._params(request), (request,)):
            found.add(page.sifted[request.symbol], page.rows, faults)
            if page.token is not None:
                yield from if_any(found.pieces.cut_before_last())
        yield from self._rest(found)

    def _rest(self, found: _Found) -> Iterator[Answer]:
        """Answer what was not answered yet, after the last page."""
        symbol = found.pieces.request.symbol
        if found.seen:
            self._seen.add(symbol)
        else:
            self._require_known(symbol)
        yield from if_any(found.pieces.finish())

    def _together(self, group: Sequence[SeriesRequest]) -> Sequence[_Found]:
        now = self._clock.now()
        found = {r.symbol: _Found(r, now, self._notes(r)) for r in group}
        params = {**self._params(group[0]), "symbols": ",".join(found)}
        for page, faults in self._pages(f"{self._url}/v2/stocks/bars", params, group):
            for symbol, sifted in page.sifted.items():
                # Faults name their symbol; they go with the answer of each that has bars here.
                mine = tuple(f for f in faults if f.startswith(f"{symbol}: "))
                found[symbol].add(sifted, sifted.frame.height + len(mine), mine)
        return tuple(found.values())

    def _pages(
        self, url: str, params: Mapping[str, str], group: Sequence[SeriesRequest]
    ) -> Iterator[tuple[_Page, tuple[str, ...]]]:
        """Follow the pagination to its end."""
        tokens: set[str] = set()
        idle = pages = 0
        # Every page but some has a bar at least.
        most = _IDLE_PAGES + sum(bars_bound(r, 86_400) for r in group)
        asked = dict(params)
        last: dict[str, Any] = {}
        while True:

            def read(reply: Any) -> tuple[_Page, tuple[str, ...]]:
                page, faults = read_page(reply, group, tokens)
                for symbol, sifted in page.sifted.items():
                    frame = sifted.frame
                    # Days before it may have been answered, so such bars would be lost.
                    if symbol in last and frame.height and frame[:, 0][0] < last[symbol]:
                        raise MalformedError(
                            f"Alpaca's pages of {symbol} are out of order: {frame[:, 0][0]} comes "
                            f"after {last[symbol]}"
                        )
                return page, faults

            def send(accept: Callable[[Any], _Page], query: Mapping[str, str] = asked) -> _Page:
                return self._get(url, query, [r.symbol for r in group], accept)

            page, faults = ask_leniently(send, read)
            yield page, faults
            if page.token is None:
                return
            tokens.add(page.token)
            newest = {s: f.frame[:, 0][-1] for s, f in page.sifted.items() if f.frame.height}
            moved = any(s not in last or stamp > last[s] for s, stamp in newest.items())
            last.update(newest)
            idle = 0 if moved else idle + 1
            pages += 1
            names = ", ".join(r.symbol for r in group)
            if idle >= _IDLE_PAGES:
                raise MalformedError(
                    f"Alpaca's pagination of {names} stands still: {idle} pages without a later "
                    "bar; try again later"
                )
            if pages >= most:
                raise MalformedError(
                    f"Alpaca's pagination of {names} does not end: {pages:,} pages are more than "
                    "there can be bars; try again later"
                )
            asked = {**params, "page_token": page.token}

    def _get(
        self,
        url: str,
        params: Mapping[str, str],
        symbols: Sequence[str],
        accept: Callable[[Any], _Page],
    ) -> _Page:
        def refused(reply: Reply) -> NoReturn:
            raise refusal(reply, symbols)

        statuses = dict.fromkeys((400, 401, 403, 404, 422), refused)
        return self._http.get_json(url, params, self._headers, accept=accept, on_status=statuses)

    def _params(self, request: SeriesRequest) -> dict[str, str]:
        zone = request_zone(request)
        begin = midnight(request.first, zone)
        # `end` is included.
        end = midnight(request.last + dt.timedelta(days=1), zone) - dt.timedelta(seconds=1)
        if zone == NEW_YORK:
            # Trading ends at 20:00. Shortly after midnight an end at midnight would be refused to
            # accounts that may not see SIP data of the last 15 minutes.
            end -= dt.timedelta(hours=4) - dt.timedelta(seconds=1)
        return {
            "timeframe": _TIMEFRAMES[request.timeframe],
            "start": f"{begin:%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{end:%Y-%m-%dT%H:%M:%SZ}",
            "limit": str(LARGEST_PAGE),
            "adjustment": _ADJUSTMENTS[request.adjust],
            "feed": self._feed,
            "sort": "asc",
        }

    def _require_known(self, symbol: str) -> None:
        """Check that Alpaca has any bar at all of a symbol.

        The API answers a symbol that does not exist like one without bars in the range.
        """
        if symbol in self._seen:
            return
        # Without an end, Alpaca answers up to what the subscription allows.
        params = {
            "timeframe": "1Day",
            "start": str(_FIRST_DAY),
            "limit": "1",
            "adjustment": "raw",
            "feed": self._feed,
            "sort": "asc",
        }
        probe = SeriesRequest(symbol, _FIRST_DAY, _FIRST_DAY)
        url = f"{self._url}/v2/stocks/{urllib.parse.quote(symbol, safe='')}/bars"
        for page, _ in self._pages(url, params, (probe,)):
            if page.rows:
                self._seen.add(symbol)
                return
        raise UnknownSymbolError(
            f"Alpaca has no bar of {symbol!r} since {_FIRST_DAY} (feed {self._feed}): is the "
            "symbol right?"
        )

    def _notes(self, request: SeriesRequest) -> tuple[str, ...]:
        notes = []
        if self._feed == "iex":
            notes.append("feed iex: prices and volumes of the Investors Exchange alone")
        if request.adjust == "split-and-dividend":
            notes.append("Alpaca's adjustment 'all' accounts for spin-offs too")
        return tuple(notes)

    @classmethod
    def from_config(cls, config: SourcesConfig, clock: Clock) -> Alpaca:
        """Return the source as the configuration describes it.

        Raises
        ------
        CredentialsError
            If it has no pair of keys.
        """
        keys = config.credentials.alpaca
        if keys.key_id is None or keys.secret_key is None:
            raise CredentialsError(
                "Alpaca needs a pair of keys: set APCA_API_KEY_ID and APCA_API_SECRET_KEY, or put "
                "key_id and secret_key under [alpaca] into "
                f"{config.folder / CREDENTIALS_FILE} (chmod 600)"
            )
        return cls(
            keys.key_id,
            keys.secret_key,
            url=config.alpaca.url,
            feed=config.alpaca.feed or "sip",
            options=config.http,
            clock=clock,
        )


class _Found:
    """What was found for one request so far."""

    def __init__(self, request: SeriesRequest, now: dt.datetime, notes: Sequence[str]) -> None:
        self.pieces = Pieces(request, now)
        self.seen = 0
        for note in notes:
            self.pieces.note(note)

    def add(self, sifted: Sifted, rows: int, faults: Sequence[str]) -> None:
        request, frame = self.pieces.request, sifted.frame
        self.seen += rows
        for fault in faults:
            self.pieces.note(f"left out: {fault}")
        kept = regular_session(frame, request)
        if kept.height < frame.height:
            self.pieces.note(
                f"bars before and after the regular sessions of {request.calendar} are left out"
            )
        self.pieces.leave_out(sifted.unreadable)
        self.pieces.add(kept)


def groups(requests: Sequence[SeriesRequest]) -> list[tuple[SeriesRequest, ...]]:
    """Put requests together that one call of the API can answer.

    They share range and calendar, are of different symbols, and have so few bars that holding
    answers back until the last page loses little.
    """
    found: list[list[SeriesRequest]] = []
    room: list[int] = []
    for request in requests:
        bound = bars_bound(request, _TRADING_SECONDS)
        for i, group in enumerate(found):
            like = group[0]
            if (
                (like.first, like.last, like.calendar)
                == (request.first, request.last, request.calendar)
                and bound <= room[i]
                and len(group) < _GROUP_SYMBOLS
                and bool(_SYMBOL.fullmatch(like.symbol)) == bool(_SYMBOL.fullmatch(request.symbol))
                and request.symbol not in {r.symbol for r in group}
            ):
                group.append(request)
                room[i] -= bound
                break
        else:
            found.append([request])
            room.append(_LARGEST_GROUP - bound)
    return [tuple(g) for g in found]


def read_page(
    reply: Any, group: Sequence[SeriesRequest], tokens: set[str]
) -> tuple[_Page, tuple[str, ...]]:
    """Read a reply of the API.

    Parameters
    ----------
    reply
        The parsed JSON. ``bars`` is an array if one symbol was asked for, else an object of
        arrays; null where there is nothing.
    group
        What was asked for.
    tokens
        The tokens that led to this page and those before.

    Returns
    -------
    page, faults
        Bars without the faulty ones, and what was wrong with those; see `sift`.

    Raises
    ------
    MalformedError
        If it is no such reply, or its token leads back.
    """
    found = require_object(reply, "Alpaca's reply")
    if "bars" not in found:
        raise MalformedError("Alpaca's reply has no 'bars'")
    token = found.get("next_page_token")
    if token is not None and not (
        isinstance(token, str)
        and token.isascii()
        and token.isprintable()
        and len(token) <= _LONGEST_TOKEN
    ):
        raise MalformedError("Alpaca's 'next_page_token' is no printable text of sensible length")
    if token in tokens:
        raise MalformedError("Alpaca's 'next_page_token' leads back to a page that was read")

    bars = found["bars"]
    by_symbol: Mapping[str, Any]
    if len(group) == 1 and not isinstance(bars, dict):
        symbol = found.get("symbol", group[0].symbol)
        if symbol != group[0].symbol:
            raise MalformedError(f"Alpaca answers of another symbol than {group[0].symbol}")
        by_symbol = {group[0].symbol: bars}
    else:
        by_symbol = {} if bars is None else require_object(bars, "'bars' of Alpaca's reply")
    parts: dict[str, Sifted] = {}
    faults: list[str] = []
    count = 0
    for request in group:
        given = by_symbol.get(request.symbol)
        rows = (
            []
            if given is None
            else require_list(given, f"'bars' of {request.symbol} in Alpaca's reply")
        )
        count += len(rows)
        sifted = sift(bar_rows(rows), request, "Alpaca")
        parts[request.symbol] = sifted
        faults += [f"{request.symbol}: {fault}" for fault in sifted.faults]
    return _Page(parts, count, token or None), tuple(faults)


def bar_rows(rows: Sequence[Any]) -> pl.DataFrame:
    """Return the columns that `sift` takes of Alpaca's bars, null where a field is not usable."""
    import polars as pl

    bars = [require_object(r, "a bar of Alpaca's reply") for r in rows]
    stamps = [t if isinstance(t := bar.get("t"), str) and t.isascii() else None for bar in bars]
    fields = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    columns = {
        name: pl.Series(name, [number(bar.get(field)) for bar in bars], pl.Float64)
        for name, field in fields.items()
    }
    return pl.DataFrame({"stamp": instants(pl.Series(stamps, dtype=pl.String)), **columns})


def instants(texts: pl.Series) -> pl.Series:
    """Return RFC 3339 texts as UTC, null where they are none; fractions beyond µs are cut.

    Years outside of those that Python knows, or that no bar can be of, are none either.
    """
    found = (
        texts.str.to_uppercase()
        .str.replace(r"Z$", "+00:00")
        .str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)
    )
    return found.set(~found.dt.year().is_between(1900, 2200), None)


def regular_session(frame: pl.DataFrame, request: SeriesRequest) -> pl.DataFrame:
    """Return intraday bars that open within sessions of the request's calendar.

    Bars of days for which the calendar has no facts stay, as do all with the calendar ``none``.
    """
    import polars as pl

    if not is_intraday(request.timeframe) or request.calendar == NO_CALENDAR or not frame.height:
        return frame
    sessions = load_sessions(request.calendar, request.first, request.last)
    hours = sessions.frame.select("open", "close").sort("open")
    matched = frame.select(pl.col("datetime").dt.convert_time_zone("UTC")).join_asof(
        hours, left_on="datetime", right_on="open", strategy="backward"
    )
    inside = (matched["datetime"] < matched["close"]).fill_null(value=False)
    day = frame["datetime"].dt.date()
    return frame.filter(inside | (day < sessions.first) | (day > sessions.last))


def refusal(reply: Reply, symbols: Sequence[str]) -> Exception:
    """Return the error that a status of the API means."""
    words = reply.reason.casefold()
    said = f"Alpaca answers {reply.status}" + (f": {reply.reason}" if reply.reason else "")
    if reply.status == 401 or (reply.status == 403 and "subscription" not in words):
        return CredentialsError(
            f"{said}: the credentials are refused; check APCA_API_KEY_ID and APCA_API_SECRET_KEY "
            "or the [alpaca] table of the credentials file"
        )
    if reply.status == 403:
        return RefusedError(
            f"{said}: use the feed iex (WFO_ALPACA_FEED=iex), or an earlier end, a day or more ago"
        )
    if reply.status == 404 or "invalid symbol" in words or "symbol not found" in words:
        return UnknownSymbolError(f"{said}: no such symbol ({', '.join(symbols)})")
    return RefusedError(f"{said} ({', '.join(symbols)})")
