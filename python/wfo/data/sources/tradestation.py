"""TradeStation API v3: bars of stocks, futures and indices, daily and intraday.

Three facts that the vendor's documentation leaves open are handled so that either answer is right:

* Whether ``lastdate`` includes its day: a request reaches from the midnight before the first day
  to just after the last bar that opens on the last day, in the exchange's zone, and the bars are
  cut to the days that were asked for.
* Whether a range without a bar (a holiday) is answered by 404: where a symbol has given a bar
  before, 404 is an empty answer. Where it has not, its last daily bar is asked for; if there is
  none either, the symbol is unknown, else the 404 is an empty answer.
* Whether prices are adjusted: adjustment for splits is taken for granted, and a note says so.

Time stamps are those of bars' ends, in UTC. A daily bar belongs to the date of its stamp in the
exchange's zone; an intraday bar opens a length before its stamp, but neither before the end of the
bar before it nor before its session, since the last bar of a session may be short, and on half
days be the only one. A bar that is not complete
(``BarStatus`` is ``Open``) is left out. If its day is one that was asked for, the days before it
are answered and then an error says so: counted as answered, a day would stay without its end.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime as dt
import math
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar
from zoneinfo import ZoneInfo

from wfo.data.calendars import NO_CALENDAR, calendar_timezone, load_sessions
from wfo.data.sources.clock import Clock
from wfo.data.sources.config import SourcesConfig, TradeStationAddresses
from wfo.data.sources.credentials import CREDENTIALS_FILE, LONGEST_SECRET, Secret, TokenFile
from wfo.data.sources.errors import (
    CredentialsError,
    MalformedError,
    RefusedError,
    UnknownSymbolError,
)
from wfo.data.sources.http import Http, HttpOptions, Reply
from wfo.data.sources.limits import WindowLimit
from wfo.data.sources.rows import number, require_offered
from wfo.data.sources.source import Adjustment, Answer, SeriesKind, SeriesRequest
from wfo.data.timeframes import TIMEFRAMES

if TYPE_CHECKING:
    import polars as pl

#: Bars that one request for minutes may give.
MOST_BARS: Final = 57_600
#: Days that one request for minutes may span: three calendar years, less what the range is widened
#: by.
MOST_DAYS: Final = 3 * 365 - 7
#: Requests for bars in a window, and its length in seconds.
WINDOW: Final = (500, 300.0)
#: Seconds before the end of an access token at which another one is fetched.
RENEWED_BEFORE: Final = 60.0

T = TypeVar("T")

_HOW: Final = (
    "put client_id and client_secret under [tradestation] into {path} (chmod 600), or set "
    "WFO_TRADESTATION_CLIENT_ID and WFO_TRADESTATION_CLIENT_SECRET"
)
_LOGIN: Final = "run `wfo data login tradestation`"
_ADJUSTED: Final = (
    "TradeStation does not say how its prices are adjusted; adjustment for splits is taken for "
    "granted"
)
_PLAIN_SYMBOL: Final = re.compile(r"[@$]?[A-Za-z][A-Za-z0-9.]*")
#: A month and year behind a root, such as ESZ25; names of stocks hold no digits.
_CONTRACT: Final = re.compile(r"[A-Z0-9]{1,4}[FGHJKMNQUVXZ][0-9]{2}")
#: Earlier than the history of any of its symbols is known to begin.
_EARLIEST: Final = dt.date(1960, 1, 1)
_LONGEST_LIFE: Final = 86_400.0
_LIFE: Final = 1_200.0
#: Characters of a text that may be the vendor's words.
_LONGEST_WORDS: Final = 4_096
_PRICES: Final = ("Open", "High", "Low", "Close")


@dataclasses.dataclass(frozen=True)
class Grant:
    """What the token address gives.

    Attributes
    ----------
    access
        The token that goes with requests.
    refresh
        A new refresh token, None where the old one stays.
    seconds
        How long the access token lasts.
    """

    access: Secret
    refresh: Secret | None
    seconds: float


class Tokens:
    """Access tokens, renewed before they end; a refresh token that is replaced is stored at once.

    Parameters
    ----------
    key
        Client id and client secret.
    file
        Where the refresh token is.
    addresses
        Where tokens are fetched.
    options, clock
        As in `wfo.data.sources.http.Http`.
    """

    def __init__(
        self,
        key: tuple[Secret, Secret],
        file: TokenFile,
        addresses: TradeStationAddresses,
        *,
        options: HttpOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._key = key
        self._file = file
        self._url = f"{addresses.signin_url}/oauth/token"
        self._clock = Clock() if clock is None else clock
        # No limit is documented; none is reached by tokens that last 20 minutes.
        limit = WindowLimit(60, 60.0, self._clock)
        self._http = Http("TradeStation", limit=limit, options=options, clock=self._clock)
        self._access: Secret | None = None
        self._refresh: tuple[Secret, ...] = ()
        self._ends = -math.inf

    @property
    def requests(self) -> int:
        """How many requests were sent for tokens."""
        return self._http.requests

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What no message may hold, whoever repeats it."""
        return (*self._key, *self._refresh)

    def access(self) -> Secret:
        """Return a token that lasts at least `RENEWED_BEFORE` seconds.

        Raises
        ------
        SourceError
            If there is none.
        """
        if self._access is None or self._clock.monotonic() >= self._ends - RENEWED_BEFORE:
            return self.renew()
        return self._access

    def renew(self) -> Secret:
        """Fetch a token whatever the age of the last one.

        Raises
        ------
        SourceError
            If there is none.
        """
        # Another process reads the refresh token only after this one has stored its successor.
        with self._file.hold():
            refresh = self._file.read()
            if refresh is None:
                raise CredentialsError(f"TradeStation has given no refresh token yet: {_LOGIN}")
            began = self._clock.monotonic()
            self._refresh = (refresh,)
            grant = self._ask({"grant_type": "refresh_token", "refresh_token": refresh})
            if grant.refresh is not None and grant.refresh != refresh:
                self._file.write(grant.refresh, self._clock.now())
        self._keep(grant, began)
        return grant.access

    def exchange(self, code: Secret, redirect: str) -> None:
        """Turn the code of a login into tokens, and store the refresh token.

        Raises
        ------
        SourceError
            If the code is refused, or there comes no refresh token.
        """
        with self._file.hold():
            began = self._clock.monotonic()
            grant = self._ask(
                {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect}
            )
            if grant.refresh is None:
                raise CredentialsError(
                    "TradeStation gives no refresh token: the key must be allowed the scope "
                    "offline_access (ask ClientExperience@tradestation.com)"
                )
            self._file.write(grant.refresh, self._clock.now())
        self._keep(grant, began)

    def _keep(self, grant: Grant, began: float) -> None:
        if grant.refresh is not None:
            self._refresh = (*self._refresh, grant.refresh)
        self._access, self._ends = grant.access, began + grant.seconds

    def _ask(self, form: Mapping[str, str | Secret]) -> Grant:
        client_id, client_secret = self._key
        whole = {**form, "client_id": client_id, "client_secret": client_secret}
        what = "refresh token" if "refresh_token" in form else "code of the login"
        before = self._http.requests

        def refused(reply: Reply) -> NoReturn:
            said = f" ({reply.reason})" if reply.reason else ""
            if reply.code in {"invalid_client", "unauthorized_client", "access_denied"}:
                raise CredentialsError(
                    f"TradeStation refuses client id or client secret{said}: are they those of an "
                    f"API key that may use it?"
                )
            if self._http.requests > before + 1:
                said += "; an earlier attempt may have used it up, and its answer was lost"
            raise CredentialsError(f"TradeStation refuses the {what}{said}: {_LOGIN}")

        return self._http.post_form(
            self._url, whole, accept=_grant, on_status=dict.fromkeys((400, 401, 403), refused)
        )


class TradeStation:
    """Bars from TradeStation.

    Parameters
    ----------
    tokens
        Access tokens.
    addresses
        Where bars are asked for.
    options, clock
        As in `wfo.data.sources.http.Http`.
    """

    name = "tradestation"
    title = "TradeStation"
    series: tuple[SeriesKind, ...] = ("bars",)
    timeframes = ("1min", "5min", "15min", "30min", "1hour", "4hour", "1day")
    adjustments: tuple[Adjustment, ...] = ("split",)

    def __init__(
        self,
        tokens: Tokens,
        addresses: TradeStationAddresses,
        *,
        options: HttpOptions | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = Clock() if clock is None else clock
        self._tokens = tokens
        self._url = addresses.url
        self._http = Http(
            self.title, limit=WindowLimit(*WINDOW, clock), options=options, clock=clock
        )
        self._known: set[str] = set()

    @classmethod
    def from_config(cls, config: SourcesConfig, clock: Clock) -> TradeStation:
        """Return the source as the configuration has it; nothing is sent yet.

        Raises
        ------
        CredentialsError
            If client id, client secret or refresh token are missing, or their files cannot be
            trusted.
        """
        key = require_key(config)
        file = TokenFile(config.folder, config.credentials.tradestation.refresh_token)
        if file.read() is None:
            raise CredentialsError(f"TradeStation has given no refresh token yet: {_LOGIN}")
        tokens = Tokens(key, file, config.tradestation, options=config.http, clock=clock)
        return cls(tokens, config.tradestation, options=config.http, clock=clock)

    @property
    def requests(self) -> int:
        """How many requests were sent, those for tokens and retries included."""
        return self._http.requests + self._tokens.requests

    def calendar(self, symbol: str) -> str:
        """Return the exchange calendar that a symbol's sessions follow.

        Futures (``@ES``, ``ESZ25``) follow ``us_futures``, whose sessions last from 18:00 to 18:00
        in New York on every weekday but three holidays, whichever exchange lists them; all others
        follow ``XNYS``.
        """
        futures = symbol.startswith("@") or _CONTRACT.fullmatch(symbol)
        return "us_futures" if futures else "XNYS"

    def earliest(self, symbol: str, timeframe: str, series: SeriesKind) -> dt.date:  # noqa: ARG002
        """Return the first date for which it can have anything; the vendor names none."""
        return _EARLIEST

    def fetch(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        """Answer requests, piece by piece; see `wfo.data.sources.source.Source.fetch`."""
        require_offered(self, requests)
        return self._answers(requests)

    def _answers(self, requests: Sequence[SeriesRequest]) -> Iterator[Answer]:
        for request in requests:
            notes: tuple[str, ...] = (_ADJUSTED,)
            zone = _zone(request)
            for first, last, reply in self._pieces(request):
                done = last
                if reply.incomplete is not None and reply.incomplete <= last:
                    done = reply.incomplete - dt.timedelta(days=1)
                if done >= first:
                    said = reply.notes(request, first, done)
                    frame = _frame(reply.between(first, done), request, zone)
                    lost = reply.unreadable(first, done)
                    yield Answer(request, first, done, frame, (*notes, *said), lost)
                    notes = ()
                if done < last:
                    raise RefusedError(
                        f"TradeStation's bar of {request.symbol} on {reply.incomplete} is not "
                        "complete yet: ask again when the session is over (or does the clock of "
                        "this machine run ahead?)"
                    )

    def _pieces(self, request: SeriesRequest) -> Iterator[tuple[dt.date, dt.date, _Reply]]:
        """Yield ranges with what the vendor has of them, in ascending order."""
        ranges = [*reversed(_chunks(request))]
        while ranges:
            first, last = ranges.pop()
            reply = self._ask(request, first, last)
            if reply.count < MOST_BARS:
                yield first, last, reply
                continue
            # As many as there may be are taken for a part of those that there are.
            if first == last:
                raise MalformedError(
                    f"TradeStation gives {reply.count:,} bars for {request.symbol} on {first}, "
                    "more than a day can have"
                )
            middle = first + (last - first) // 2
            ranges += [(middle + dt.timedelta(days=1), last), (first, middle)]

    def _ask(self, request: SeriesRequest, first: dt.date, last: dt.date) -> _Reply:
        """Ask for a range once."""
        zone = _zone(request)
        begin = dt.datetime.combine(first, dt.time(), zone)
        intraday = request.timeframe != "1day"
        end = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(0, 1), zone)
        if intraday:  # a bar that opens before midnight may end that much later
            end += dt.timedelta(seconds=TIMEFRAMES[request.timeframe])
        params = {
            "unit": "Minute" if intraday else "Daily",
            "interval": str(TIMEFRAMES[request.timeframe] // 60 if intraday else 1),
            "firstdate": _utc(begin),
            "lastdate": _utc(end),
        }
        flawed: list[_Reply] = []

        def accept(found: object) -> _Reply:
            reply = _read(found, request, zone)
            if reply.flaws:
                flawed.append(reply)
                raise MalformedError(
                    f"TradeStation gives {len(reply.flaws):,} of {reply.count:,} bars of "
                    f"{request.symbol} without stamp or price, or with impossible ones"
                )
            return reply

        found: _Reply | None
        try:
            found = self._get(request.symbol, params, accept)
        except MalformedError:
            # The last reply with readable bars counts, unless it is the format that is another one.
            if not flawed or not flawed[-1].usable:
                raise
            found = flawed[-1]
        if found is None and not self._is_known(request.symbol):
            raise UnknownSymbolError(
                f"TradeStation knows no symbol {request.symbol!r}: it names futures like @ES, "
                "indices like $SPX.X, classes of shares like BRK.B"
            )
        if found is None:
            return _Reply(0, (), (), 0, None)
        if found.count:
            self._known.add(request.symbol)
        return found

    def _is_known(self, symbol: str) -> bool:
        """Tell whether there is any bar of a symbol, so that 404 means none in that range."""
        if symbol not in self._known:
            params = {"unit": "Daily", "interval": "1", "barsback": "1"}
            if not self._get(symbol, params, lambda found: len(_bars_of(found, symbol))):
                return False
            self._known.add(symbol)
        return True

    def _get(self, symbol: str, params: Mapping[str, str], accept: Callable[[Any], T]) -> T | None:
        """Return what `accept` makes of a reply, None for 404; renew a token that is refused."""
        if symbol in {".", ".."}:
            raise UnknownSymbolError(f"TradeStation knows no symbol {symbol!r}")
        # Whether it finds lower case is unconfirmed; bars of smh would be in the way of SMH's.
        if symbol != symbol.upper() and _PLAIN_SYMBOL.fullmatch(symbol):
            raise UnknownSymbolError(
                f"TradeStation knows no symbol {symbol!r}: it writes them in capitals,"
                f" {symbol.upper()}"
            )
        url = f"{self._url}/marketdata/barcharts/{urllib.parse.quote(symbol, safe='')}"

        def expired(reply: Reply) -> _Refusal:
            return _Refusal(reply.reason, expired=True)

        def nothing(_: Reply) -> None:
            return None

        def checked(found: Any) -> T | _Refusal:
            if isinstance(found, dict) and "Bars" not in found and "Error" in found:
                said = map(found.get, ("Error", "Message"))
                words = [w for w in said if isinstance(w, str) and len(w) <= _LONGEST_WORDS]
                return _Refusal(self._http.redacted(": ".join(words)))
            return accept(found)

        handlers: dict[int, Callable[[Reply], T | _Refusal | None]] = {
            401: expired,
            404: nothing,
        }
        reason = ""
        for token in (self._tokens.access, self._tokens.renew):
            headers = {"Authorization": Secret(f"Bearer {token().reveal()}")}
            self._http.conceal(*self._tokens.secrets)
            found = self._http.get_json(url, params, headers, accept=checked, on_status=handlers)
            if not isinstance(found, _Refusal):
                return found
            # Raised outside of `checked`, whose variables are the vendor's own words.
            if not found.expired:
                raise RefusedError(f"TradeStation refuses {symbol}: {found.words}")
            reason = found.words
        said = f" ({reason})" if reason else ""
        raise CredentialsError(
            f"TradeStation refuses an access token that it has just given{said}: {_LOGIN}"
        )


@dataclasses.dataclass(frozen=True)
class _Refusal:
    """An error that the vendor words, without secrets.

    Attributes
    ----------
    words
        Its words.
    expired
        Whether it is the access token that is refused.
    """

    words: str
    expired: bool = False


@dataclasses.dataclass(frozen=True)
class _Bar:
    """A bar of a reply: the end in UTC, the date that it belongs to, and when it opens."""

    opens: dt.datetime
    date: dt.date
    prices: tuple[float, float, float, float]
    volume: float | None


@dataclasses.dataclass(frozen=True)
class _Reply:
    """A reply, read.

    Attributes
    ----------
    count
        Bars that it holds, usable or not.
    bars
        Those that are usable, ascending, a stamp once.
    flaws
        Dates of those that are not, None where there is no stamp.
    differing
        How many stamps came twice with other values.
    incomplete
        First date of a bar that is not complete, None where all are.
    """

    count: int
    bars: tuple[_Bar, ...]
    flaws: tuple[dt.date | None, ...]
    differing: int
    incomplete: dt.date | None

    @property
    def usable(self) -> bool:
        """Whether the flaws are exceptions, and it is known on which dates."""
        return None not in self.flaws and len(self.flaws) <= max(2, self.count // 2)

    def between(self, first: dt.date, last: dt.date) -> list[_Bar]:
        """Return the bars of a range of days."""
        return [bar for bar in self.bars if first <= bar.date <= last]

    def unreadable(self, first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
        """Return the dates of a range on which bars are not usable, in order."""
        return tuple(sorted({d for d in self.flaws if d is not None and first <= d <= last}))

    def notes(self, request: SeriesRequest, first: dt.date, last: dt.date) -> Iterator[str]:
        """Say what was decided about the bars of a range of days."""
        dates = self.unreadable(first, last)
        lost = [d for d in self.flaws if d in dates]
        if lost:
            more = f" and {len(dates) - 3} more days" if len(dates) > 3 else ""
            yield (
                f"{request.symbol}: {_count(len(lost))} without usable prices left out "
                f"({', '.join(map(str, dates[:3]))}{more})"
            )
        if self.differing:
            yield (
                f"{request.symbol}: {_count(self.differing)} came more than once with different "
                "values; the last one counts"
            )


def require_key(config: SourcesConfig) -> tuple[Secret, Secret]:
    """Return client id and client secret.

    Raises
    ------
    CredentialsError
        If one is missing; the message says where it goes.
    """
    given = config.credentials.tradestation
    if given.client_id is None or given.client_secret is None:
        missing = [
            name
            for name, value in (
                ("client id", given.client_id),
                ("client secret", given.client_secret),
            )
            if value is None
        ]
        raise CredentialsError(
            f"TradeStation's {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not "
            f"given: {_HOW.format(path=config.folder / CREDENTIALS_FILE)}"
        )
    return given.client_id, given.client_secret


def _chunks(request: SeriesRequest) -> list[tuple[dt.date, dt.date]]:
    """Cut a range so that each part keeps within the vendor's limits."""
    if request.timeframe == "1day":
        return [(request.first, request.last)]
    length = TIMEFRAMES[request.timeframe]
    whole_day = -(-86_400 // length)
    a_day = _bars_a_day(request, length, whole_day)
    # The calendar's sessions may begin on the day before; a day at each end is left for that.
    room = MOST_BARS - 2 * whole_day
    chunks = []
    first = last = request.first
    bars = a_day(first)
    while last < request.last:
        day = last + dt.timedelta(days=1)
        more = a_day(day)
        if bars + more > room or (day - first).days >= MOST_DAYS:
            chunks.append((first, last))
            first, bars = day, 0
        last = day
        bars += more
    return [*chunks, (first, last)]


def _bars_a_day(request: SeriesRequest, length: int, whole_day: int) -> Callable[[dt.date], int]:
    """Return a function that tells how many bars a day can have."""
    if request.calendar == NO_CALENDAR:
        return lambda _: whole_day
    sessions = load_sessions(request.calendar, request.first, request.last)
    frame = sessions.frame
    seconds = (frame["close"] - frame["open"]).dt.total_seconds()
    counts = {day: -(-int(s) // length) for day, s in zip(frame["session"], seconds, strict=True)}

    def a_day(day: dt.date) -> int:
        known = sessions.first <= day <= sessions.last
        return counts.get(day, 0) if known else whole_day

    return a_day


def _session_opens(request: SeriesRequest) -> Callable[[dt.datetime], dt.datetime] | None:
    """Return a function that gives when the session opens that ends with a bar.

    For bars that are not the last one it gives a time long before; without a calendar there is
    none.
    """
    if request.calendar == NO_CALENDAR:
        return None
    # Sessions may begin on the day before theirs.
    sessions = load_sessions(request.calendar, request.first, request.last + dt.timedelta(days=4))
    opens, closes = (sessions.frame[name].to_list() for name in ("open", "close"))
    long_ago = dt.datetime(1, 1, 1, tzinfo=dt.UTC)

    def begin(end: dt.datetime) -> dt.datetime:
        k = bisect.bisect_left(opens, end) - 1
        return opens[k] if k >= 0 and end == closes[k] else long_ago

    return begin


def _bars_of(found: object, symbol: str) -> list[Any]:
    """Return the bars of a reply as they are."""
    if not isinstance(found, dict):
        raise MalformedError(f"TradeStation answers no JSON object for {symbol}")
    bars = found.get("Bars")
    if not isinstance(bars, list):
        raise MalformedError(f"TradeStation answers no list of bars for {symbol}")
    return bars


def _read(found: object, request: SeriesRequest, zone: dt.tzinfo) -> _Reply:
    """Read a reply: sort the bars, drop repeated and incomplete ones, tell flawed ones."""
    raw = _bars_of(found, request.symbol)
    length = None
    if request.timeframe != "1day":
        length = dt.timedelta(seconds=TIMEFRAMES[request.timeframe])
    flaws: list[dt.date | None] = []
    ends: dict[dt.datetime, Any] = {}
    differing: set[dt.datetime] = set()
    for bar in raw:
        if not isinstance(bar, dict):
            raise MalformedError(f"TradeStation answers a bar of {request.symbol} that is none")
        end = _end(bar)
        if end is None:
            flaws.append(None)
            continue
        values = (bar.get("BarStatus") == "Open", _prices(bar), _volume(bar.get("TotalVolume")))
        if end in ends and ends[end] != values:
            # A bar without prices does not replace one that has them.
            if values[1] is None and not values[0]:
                continue
            if ends[end][1] is not None:
                differing.add(end)
        ends[end] = values

    begins = None if length is None else _session_opens(request)
    bars = []
    incomplete = None
    before = None
    for end in sorted(ends):
        unfinished, prices, volume = ends[end]
        opens = end if length is None else end - length
        if length is not None and before is not None:
            opens = max(opens, before)
        if begins is not None:
            opens = max(opens, begins(end))
        before = end
        # A day that ends at midnight is not the next one.
        local = opens if length is not None else end - dt.timedelta(microseconds=1)
        date = local.astimezone(zone).date()
        if unfinished:
            incomplete = date if incomplete is None else incomplete
        elif prices is None:
            flaws.append(date)
        else:
            bars.append(_Bar(opens, date, prices, volume))
    return _Reply(len(raw), tuple(bars), tuple(flaws), len(differing), incomplete)


def _end(bar: Mapping[str, Any]) -> dt.datetime | None:
    """Return a bar's time stamp in UTC, None where it has none that can be used."""
    text, epoch = bar.get("TimeStamp"), bar.get("Epoch")
    try:
        if isinstance(text, str):
            found = dt.datetime.fromisoformat(text)
            end = found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)
        elif isinstance(epoch, int) and not isinstance(epoch, bool):
            end = dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=epoch)
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return end if 1900 <= end.year <= 2200 else None


def _prices(bar: Mapping[str, Any]) -> tuple[float, float, float, float] | None:
    """Return open, high, low and close, None where one is missing or impossible."""
    found = []
    for key in _PRICES:
        price = _number(bar.get(key))
        if price is None:
            return None
        found.append(price)
    o, h, low, c = found
    # As of bars of other sources: no store takes others.
    return (o, h, low, c) if 0 < low <= min(o, c) and max(o, c) <= h else None


def _volume(value: object) -> float | None:
    volume = _number(value)
    return None if volume is None or volume < 0 else volume


def _number(value: object) -> float | None:
    found = number(value)
    return found if found is not None and math.isfinite(found) else None


def _frame(bars: Sequence[_Bar], request: SeriesRequest, zone: ZoneInfo) -> pl.DataFrame:
    import polars as pl

    stamps: dict[str, pl.Series]
    if request.timeframe == "1day":
        # Stamps differ, and yet two may fall on one date: the later one is the day's.
        bars = [*{bar.date: bar for bar in bars}.values()]
        stamps = {"date": pl.Series([bar.date for bar in bars], dtype=pl.Date)}
    else:
        utc = pl.Series([bar.opens for bar in bars], dtype=pl.Datetime("us", "UTC"))
        stamps = {"datetime": utc.dt.convert_time_zone(zone.key)}
    prices = {
        name: pl.Series([bar.prices[i] for bar in bars], dtype=pl.Float64)
        for i, name in enumerate(("open", "high", "low", "close"))
    }
    volume = pl.Series([bar.volume for bar in bars], dtype=pl.Float64)
    return pl.DataFrame({**stamps, **prices, "volume": volume})


def _grant(found: object) -> Grant:
    """Read a token reply; no message repeats any of it."""
    if not isinstance(found, dict):
        raise MalformedError("TradeStation answers no JSON object for a token")
    access, refresh, seconds = (
        found.get(k) for k in ("access_token", "refresh_token", "expires_in")
    )
    for text in (access, refresh):
        if text is not None and not (
            isinstance(text, str)
            and text.isascii()
            and text.isprintable()
            and " " not in text
            # A longer one could be stored, but not read again.
            and len(text) <= LONGEST_SECRET
        ):
            raise MalformedError("TradeStation answers with a token that is none")
    if not access:
        raise MalformedError("TradeStation answers without an access token")
    lasts = _number(seconds)
    life = _LIFE if lasts is None or lasts <= 0 else min(lasts, _LONGEST_LIFE)
    return Grant(Secret(access), Secret(refresh) if refresh else None, life)


def _zone(request: SeriesRequest) -> ZoneInfo:
    return ZoneInfo(calendar_timezone(request.calendar) or "UTC")


def _utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _count(number: int) -> str:
    return "1 bar" if number == 1 else f"{number:,} bars"
