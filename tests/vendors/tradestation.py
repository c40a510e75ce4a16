"""TradeStation: bar charts of API v3, and the sign-in."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import hashlib
import re
import urllib.parse
from typing import Any, Literal

import numpy as np

from . import market as made
from .clock import VendorClock
from .faults import Fault, Kind
from .market import NEW_YORK, Bars, Instrument, Market
from .server import Reply, Request, Vendor, Window

#: Documented limits.
MOST_BARS = 57_600
MOST_MINUTES = 500_000
MOST_YEARS = 3
REQUESTS, WINDOW_SECONDS = 500, 300
TOKEN_SECONDS = 1200
AUDIENCE = "https://api.tradestation.com"

_UNITS = ("Minute", "Daily", "Weekly", "Monthly")
_TEMPLATES = ("USEQPre", "USEQPost", "USEQPreAndPost", "USEQ24Hour", "Default")
_PARAMETERS = frozenset(
    {"interval", "unit", "barsback", "firstdate", "lastdate", "startdate", "sessiontemplate"}
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")
_NUMBER = re.compile(r"[0-9]{1,9}")
_ERRORS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
_REALTIME_FIELDS = (
    "DownTicks",
    "DownVolume",
    "TotalTicks",
    "UnchangedTicks",
    "UnchangedVolume",
    "UpTicks",
    "UpVolume",
)
_LOST_ANSWERS = ("time-out", "cut-before-headers", "cut-mid-body", "cut-chunked", "truncated-json")
_CODE_SECONDS = 600


class _BadError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


@dataclasses.dataclass
class _Chain:
    """Refresh tokens of one login, each the successor of the one before."""

    current: str
    used: set[str] = dataclasses.field(default_factory=set)
    revoked: bool = False


@dataclasses.dataclass(frozen=True)
class _Code:
    redirect_uri: str
    scope: str
    challenge: str | None
    until: float


class TradeStationVendor(Vendor):
    """TradeStation on loopback: `url` for API v3, `signin_url` for tokens.

    Parameters
    ----------
    client_id, client_secret, refresh_token
        Those that are right.
    rotate
        Whether a refresh token is good for one use, and the answer has the next one. A second use
        revokes all that came from it.
    refresh_seconds
        Age at which a refresh token ends; None for never, 1800 for keys that rotate.
    lastdate_includes_day
        Whether a `lastdate` without a time is the end of its day in UTC, or its beginning.
    empty
        What a range without bars is: an empty list or a 404.
    summer_hour
        UTC hour of the stamps of daily bars in summer; in winter it is 21.
    adjusted
        Whether past prices are adjusted for splits.
    optional_fields
        Whether fields that are neither prices, volume nor stamp are there, null or missing.
    retry_after
        Whether 429 names the seconds until the window ends.
    grant_status
        HTTP status of ``invalid_grant``.
    redirect_uris
        Those that the key is configured with; None for any on loopback.
    approve
        Whether access is granted at the browser.
    forbidden
        Symbols that the account may not see.
    """

    name = "tradestation"
    sites = ("api", "signin")
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
        "expired-token",
        "revoked-token",
        "revised-bar",
        "split-history",
    )

    def __init__(
        self,
        market: Market | None = None,
        *,
        clock: VendorClock | None = None,
        client_id: str = "test-client-id",
        client_secret: str = "test-client-secret",
        refresh_token: str = "test-refresh-token-0",
        rotate: bool = False,
        refresh_seconds: float | None = None,
        lastdate_includes_day: bool = True,
        empty: Literal["list", "not-found"] = "list",
        summer_hour: int = 20,
        adjusted: bool = True,
        optional_fields: Literal["all", "null", "missing"] = "all",
        retry_after: bool = False,
        grant_status: int = 403,
        redirect_uris: tuple[str, ...] | None = None,
        approve: bool = True,
        forbidden: tuple[str, ...] = (),
    ) -> None:
        super().__init__(market, clock=clock)
        self.client_id, self.client_secret = client_id, client_secret
        self.rotate, self.refresh_seconds = rotate, refresh_seconds
        self.lastdate_includes_day, self.empty = lastdate_includes_day, empty
        self.summer_hour, self.adjusted = summer_hour, adjusted
        self.optional_fields, self.retry_after = optional_fields, retry_after
        self.grant_status, self.redirect_uris = grant_status, redirect_uris
        self.approve, self.forbidden = approve, forbidden
        if rotate:
            # With the answer the next refresh token is lost, and the last one is used up.
            self.faults.final = frozenset(("token", name) for name in _LOST_ANSWERS)
        self.window = Window(REQUESTS, WINDOW_SECONDS, sliding=False)
        self._access: dict[str, tuple[float, _Chain]] = {}
        self._issued: dict[str, float] = {}
        self._chains: list[_Chain] = []
        self._codes: dict[str, _Code] = {}
        self._made = 0
        self.first_refresh_token = refresh_token
        self._start_chain(refresh_token)

    @property
    def url(self) -> str:
        """Base of API v3."""
        return f"{self.base('api')}/v3"

    @property
    def signin_url(self) -> str:
        """Base of the sign-in."""
        return self.base("signin")

    @property
    def environ(self) -> dict[str, str]:
        return {
            "WFO_TRADESTATION_URL": self.url,
            "WFO_TRADESTATION_SIGNIN_URL": self.signin_url,
            "WFO_TRADESTATION_CLIENT_ID": self.client_id,
            "WFO_TRADESTATION_CLIENT_SECRET": self.client_secret,
            "WFO_TRADESTATION_REFRESH_TOKEN": self.first_refresh_token,
        }

    def route(self, request: Request) -> Kind:
        if request.site == "signin":
            return {"/oauth/token": "token", "/authorize": "authorize"}.get(request.path, "other")  # type: ignore[return-value]
        return "bars" if request.path.startswith("/v3/marketdata/barcharts/") else "other"

    def error(self, status: int, message: str) -> Any:
        return {"Error": _ERRORS.get(status, "Error"), "Message": message}

    def before(self, fault: Fault, request: Request, kind: Kind) -> None:
        if fault.name == "expired-token":
            self.expire_access_tokens()
        elif fault.name == "revoked-token":
            self.revoke()

    def answer(self, request: Request, kind: Kind) -> Reply:
        if kind == "token":
            return self._token(request)
        if kind == "authorize":
            return self._authorize(request)
        try:
            if kind != "bars":
                raise _BadError(404, f"There is no {request.path}.")
            if request.method != "GET":
                raise _BadError(405, f"{request.method} is not allowed.")
            self._check_access(request)
            return self._bars(request)
        except _BadError as e:
            reply = Reply(e.status, self.error(e.status, e.message))
            if e.status == 429 and self.retry_after:
                now = self.clock.seconds()
                reply.headers["Retry-After"] = str(int(self.window.free_at(now) - now) + 1)
            return reply

    # Tokens.

    def _start_chain(self, token: str) -> None:
        self._chains.append(_Chain(token))
        self._issued[token] = self.clock.seconds()

    def _new(self, what: str) -> str:
        self._made += 1
        return f"test-{what}-{self._made}"

    def expire_access_tokens(self) -> None:
        """End all access tokens now."""
        with self._lock:
            self._access = {token: (0.0, chain) for token, (_, chain) in self._access.items()}

    def revoke(self) -> None:
        """End all refresh tokens and all access tokens for good."""
        with self._lock:
            for chain in self._chains:
                chain.revoked = True
            self.expire_access_tokens()

    def log_in(self) -> str:
        """Return the refresh token of a new login."""
        with self._lock:
            token = self._new("refresh-token")
            self._start_chain(token)
            return token

    @property
    def refresh_tokens(self) -> tuple[str, ...]:
        """Those that are valid."""
        return tuple(chain.current for chain in self._chains if not chain.revoked)

    def _check_access(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise _BadError(401, "There is no access token.")
        until, _ = self._access.get(token, (None, None))
        if until is None:
            raise _BadError(401, "The access token is not known.")
        if self.clock.seconds() >= until:
            raise _BadError(401, "The access token has expired.")

    @staticmethod
    def _oauth_error(status: int, code: str, text: str) -> Reply:
        return Reply(status, {"error": code, "error_description": text})

    def _token(self, request: Request) -> Reply:
        if request.method != "POST":
            return self._oauth_error(405, "invalid_request", "Tokens are asked for by POST.")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded" or request.pairs:
            return self._oauth_error(400, "invalid_request", "Parameters come in a form.")
        pairs = urllib.parse.parse_qsl(request.body.decode("latin-1"), keep_blank_values=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            return self._oauth_error(400, "invalid_request", "A parameter comes twice.")
        if (form.get("client_id"), form.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            return self._oauth_error(401, "invalid_client", "The client is not known.")
        grant = form.get("grant_type")
        if grant == "refresh_token":
            return self._refreshed(form)
        if grant == "authorization_code":
            return self._exchanged(form)
        return self._oauth_error(400, "unsupported_grant_type", f"There is no grant {grant!r}.")

    def _refreshed(self, form: dict[str, str]) -> Reply:
        token = form.get("refresh_token")
        if not token:
            return self._oauth_error(400, "invalid_request", "refresh_token is missing.")
        for chain in self._chains:
            if token in chain.used:
                # A second use may be a thief's: nothing of the login stays valid.
                chain.revoked = True
                for access, (_, owner) in self._access.items():
                    if owner is chain:
                        self._access[access] = (0.0, chain)
            if token == chain.current and not chain.revoked:
                age = self.clock.seconds() - self._issued[token]
                if self.refresh_seconds is not None and age >= self.refresh_seconds:
                    break
                if self.rotate:
                    chain.used.add(token)
                    chain.current = self._new("refresh-token")
                    self._issued[chain.current] = self.clock.seconds()
                return self._tokens(chain, chain.current if self.rotate else None)
        return self._oauth_error(
            self.grant_status, "invalid_grant", "Unknown or invalid refresh token."
        )

    def _tokens(self, chain: _Chain, refresh: str | None, scope: str | None = None) -> Reply:
        access = self._new("access-token")
        self._access[access] = (self.clock.seconds() + TOKEN_SECONDS, chain)
        value = {
            "access_token": access,
            "expires_in": TOKEN_SECONDS,
            "token_type": "Bearer",
            "scope": scope or "openid offline_access MarketData",
            "id_token": self._new("id-token"),
        }
        if refresh is not None:
            value["refresh_token"] = refresh
        return Reply(200, value, {"Cache-Control": "no-store"})

    def _exchanged(self, form: dict[str, str]) -> Reply:
        code = self._codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier")
        digest = hashlib.sha256((verifier or "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (
            code is None
            or self.clock.seconds() >= code.until
            or form.get("redirect_uri") != code.redirect_uri
            or (code.challenge is not None and challenge != code.challenge)
        ):
            return self._oauth_error(self.grant_status, "invalid_grant", "Invalid code.")
        if "offline_access" not in code.scope.split():
            return self._tokens(_Chain(""), None, code.scope)
        self._start_chain(self._new("refresh-token"))
        return self._tokens(self._chains[-1], self._chains[-1].current, code.scope)

    def _redirect_allowed(self, uri: str) -> bool:
        if self.redirect_uris is not None:
            return uri in self.redirect_uris
        parts = urllib.parse.urlsplit(uri)
        return parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1"}

    def _authorize(self, request: Request) -> Reply:
        asked = request.query
        page: str | None = None
        if request.method != "GET":
            page = "It is a page."
        elif len(asked) != len(request.pairs):
            page = "A parameter comes twice."
        elif asked.get("client_id") != self.client_id:
            page = "Unknown client."
        elif not self._redirect_allowed(asked.get("redirect_uri", "")):
            page = "Callback URL mismatch."
        if page is not None:
            # Without a redirect: the address is not to be trusted.
            return Reply(400, content_type="text/html", render=page.encode)
        back: dict[str, str]
        scope = asked.get("scope", "")
        if asked.get("response_type") != "code":
            back = {"error": "unsupported_response_type"}
        elif asked.get("audience") != AUDIENCE:
            back = {"error": "invalid_request", "error_description": "Unknown audience."}
        elif "openid" not in scope.split() or "MarketData" not in scope.split():
            back = {"error": "invalid_scope"}
        elif not asked.get("state"):
            back = {"error": "invalid_request", "error_description": "state is missing."}
        elif asked.get("code_challenge_method", "S256") != "S256":
            back = {"error": "invalid_request", "error_description": "Only S256 is known."}
        elif not self.approve:
            back = {"error": "access_denied", "error_description": "User did not authorize."}
        else:
            code = self._new("code")
            self._codes[code] = _Code(
                asked["redirect_uri"],
                scope,
                asked.get("code_challenge"),
                self.clock.seconds() + _CODE_SECONDS,
            )
            back = {"code": code}
        if "state" in asked:
            back["state"] = asked["state"]
        uri = asked["redirect_uri"]
        location = f"{uri}{'&' if '?' in uri else '?'}{urllib.parse.urlencode(back)}"
        return Reply(302, None, {"Location": location}, render=bytes)

    # Bars.

    def _bars(self, request: Request) -> Reply:
        if not self.window.take(self.clock.seconds()):
            raise _BadError(429, "The quota of 500 requests in 5 minutes is used up.")
        symbol = request.path.removeprefix("/v3/marketdata/barcharts/")
        asked = request.query
        if len(asked) != len(request.pairs):
            raise _BadError(400, "A parameter comes twice.")
        for name in asked:
            if name not in _PARAMETERS:
                raise _BadError(400, f"There is no parameter {name!r}.")
        unit = asked.get("unit", "Daily")
        if unit not in _UNITS:
            raise _BadError(400, f"Invalid unit {unit!r}.")
        interval = _number(asked, "interval", 1)
        if not (1 <= interval <= 1440 if unit == "Minute" else interval == 1):
            raise _BadError(400, f"Invalid interval {interval} of unit {unit}.")
        if "barsback" in asked and "firstdate" in asked:
            raise _BadError(400, "barsback and firstdate exclude each other.")
        if "lastdate" in asked and "startdate" in asked:
            raise _BadError(400, "lastdate and startdate exclude each other.")
        template = asked.get("sessiontemplate", "Default")
        if template not in _TEMPLATES:
            raise _BadError(400, f"Invalid sessiontemplate {template!r}.")
        first = _moment(asked, "firstdate", end_of_day=False)
        ending = "startdate" if "startdate" in asked else "lastdate"
        last = _moment(asked, ending, end_of_day=self.lastdate_includes_day)
        count = _number(asked, "barsback", 1)
        if count < 1:
            raise _BadError(400, "barsback is at least 1.")
        if unit == "Minute":
            if count > MOST_BARS:
                raise _BadError(400, f"At most {MOST_BARS} bars.")
            if count * interval > MOST_MINUTES:
                raise _BadError(400, f"barsback times interval is at most {MOST_MINUTES}.")
        now = self.clock.now()
        if first is not None:
            until = now if last is None else last
            if first > until:
                raise _BadError(400, "firstdate is after lastdate.")
            if unit == "Minute" and _years_later(first, MOST_YEARS) < until:
                raise _BadError(400, f"A range is at most {MOST_YEARS} years.")
        if symbol in self.forbidden:
            raise _BadError(403, f"You are not entitled to {symbol}.")
        instrument = self.market.instrument(symbol)
        if instrument is None:
            raise _BadError(404, f"Invalid symbol: {symbol}.")
        found, running = self._found(instrument, unit, interval, template, first, last, count)
        if first is not None and unit == "Minute" and len(found) > MOST_BARS:
            raise _BadError(400, f"A range has at most {MOST_BARS} bars.")
        if not len(found) and self.empty == "not-found":
            raise _BadError(404, "No data available.")
        rows = self._rows(found, running)
        return Reply(200, {"Bars": rows}, rows=rows, symbol=symbol, dates=found.date)

    def _stamp(self, date: int) -> int:
        """Return the stamp of a day's bar, seconds since 1970."""
        day = dt.date(1970, 1, 1) + dt.timedelta(days=int(date))
        close = dt.datetime.combine(day, dt.time(16), NEW_YORK)
        hour = 21 if close.dst() == dt.timedelta(0) else self.summer_hour
        return int(dt.datetime.combine(day, dt.time(hour), dt.UTC).timestamp())

    def _found(
        self,
        instrument: Instrument,
        unit: str,
        interval: int,
        template: str,
        first: dt.datetime | None,
        last: dt.datetime | None,
        count: int,
    ) -> tuple[Bars, bool]:
        """Return bars, and whether the last of them still runs."""
        now = self.clock.seconds()
        today = self.clock.now().astimezone(NEW_YORK).date()
        as_of = today if self.adjusted else dt.date(1900, 1, 1)
        until = None if last is None else last.timestamp()
        since = None if first is None else first.timestamp()
        # The day of a future begins on the evening before.
        last_day = min((last or self.clock.now()).astimezone(NEW_YORK).date(), today)
        last_day += dt.timedelta(days=1)
        if unit == "Minute":
            first_day = instrument.listed
            if first is not None:
                first_day = max(first_day, first.astimezone(NEW_YORK).date() - dt.timedelta(days=1))
            parts: list[Bars] = []
            have = 0
            for session in reversed(made.sessions(instrument.calendar, first_day, last_day)):
                bars = self._minutes(instrument, session, interval, template, as_of)
                if until is not None:
                    bars = bars.where(bars.end <= until)
                if since is not None:
                    bars = bars.where(bars.end >= since)
                parts.append(bars)
                have += len(bars)
                if first is None and have >= count:
                    break
            found = Bars.join(reversed(parts))
            running = len(found) > 0 and bool(now < found.end[-1])
        else:
            bars = self._days(instrument, unit, first, last_day, count, as_of)
            bars = bars.where(bars.start <= now)
            running = len(bars) > 0 and bool(now < bars.end[-1])
            stamps = np.array([self._stamp(d) for d in bars.date], np.int64)
            bars = dataclasses.replace(bars, end=stamps)
            if running:
                bars = self._running(bars, instrument.symbol, now, as_of)
            # Without a last date the bar of the running session is there too.
            if until is not None and len(bars):
                running = running and bool(bars.end[-1] <= until)
                bars = bars.where(bars.end <= until)
            found = bars
            if unit == "Weekly":
                found = made.by_weeks(bars)
            elif unit == "Monthly":
                found = made.by_months(bars)
            if since is not None:
                found = found.where(found.end >= since)
        if first is None:
            found = found.where(slice(max(len(found) - count, 0), None))
        return found, running and bool(len(found))

    def _days(
        self,
        instrument: Instrument,
        unit: str,
        first: dt.datetime | None,
        last_day: dt.date,
        count: int,
        as_of: dt.date,
    ) -> Bars:
        """Return daily bars of at least the dates that are asked for."""
        if first is not None:
            reaches = [first.date() - dt.timedelta(days=40)]
        else:
            days = {"Daily": 2, "Weekly": 8, "Monthly": 32}[unit] * count + 40
            reaches = [last_day - dt.timedelta(days=min(days, 20_000)), instrument.listed]
        enough = {"Daily": 1, "Weekly": 5, "Monthly": 23}[unit] * count
        for reach in reaches:
            bars = self.market.daily(
                instrument.symbol,
                max(reach, instrument.listed),
                last_day,
                adjust="split",
                as_of=as_of,
            )
            # Halts may leave too few: then all of the history is looked through.
            if len(bars) > enough:
                break
        return bars

    def _minutes(
        self,
        instrument: Instrument,
        session: made.Session,
        interval: int,
        template: str,
        as_of: dt.date,
    ) -> Bars:
        """Return the bars of a session that have begun."""
        extended = template != "Default" and instrument.calendar == "XNYS"
        bars = self.market.minutes(
            instrument.symbol, session.date, extended=extended, adjust="split", as_of=as_of
        )
        begin, end = session.start, session.end
        if extended and template != "USEQPost":
            begin = int(dt.datetime.combine(session.date, dt.time(4), NEW_YORK).timestamp())
        if extended and template != "USEQPre":
            end = int(dt.datetime.combine(session.date, dt.time(20), NEW_YORK).timestamp())
        now = self.clock.seconds()
        bars = bars.where((bars.start >= begin) & (bars.start < end) & (bars.start <= now))
        if interval == 1 or not len(bars):
            return bars
        longer = made.of_sessions(bars, interval, lambda dates: np.full(len(dates), begin))
        return dataclasses.replace(longer, end=np.minimum(longer.start + 60 * interval, end))

    def _running(self, bars: Bars, symbol: str, now: float, as_of: dt.date) -> Bars:
        """Return daily bars whose last is as far as its session."""
        day = dt.date(1970, 1, 1) + dt.timedelta(days=int(bars.date[-1]))
        minutes = self.market.minutes(symbol, day, adjust="split", as_of=as_of)
        part = minutes.where(minutes.start <= now)
        if not len(part):
            return bars
        last = made.grouped(part, part.date, part.start, np.full(len(part), bars.end[-1]))
        return Bars.join((bars.where(slice(0, -1)), last))

    def _rows(self, bars: Bars, last_runs: bool) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        columns = zip(
            bars.open.tolist(),
            bars.high.tolist(),
            bars.low.tolist(),
            bars.close.tolist(),
            bars.volume.tolist(),
            bars.end.tolist(),
            strict=True,
        )
        for k, (opened, high, low, close, volume, end) in enumerate(columns):
            running = last_runs and k == len(bars) - 1
            row: dict[str, Any] = {
                "High": _text(high),
                "Low": _text(low),
                "Open": _text(opened),
                "Close": _text(close),
                "TimeStamp": _iso(end),
                "TotalVolume": str(volume),
                "Epoch": end * 1000,
                "IsRealtime": running,
                "IsEndOfHistory": False,
                "BarStatus": "Open" if running else "Closed",
            }
            if self.optional_fields == "all":
                row["OpenInterest"] = "0"
                half = volume // 2
                row["DownTicks"], row["DownVolume"] = half // 100, half
                row["TotalTicks"] = volume // 100
                row["UnchangedTicks"] = row["UnchangedVolume"] = 0
                row["UpTicks"], row["UpVolume"] = (volume - half) // 100, volume - half
            elif self.optional_fields == "null":
                row["OpenInterest"] = row["IsRealtime"] = row["IsEndOfHistory"] = None
                row.update(dict.fromkeys(_REALTIME_FIELDS))
            else:
                del row["IsRealtime"], row["IsEndOfHistory"]
            rows.append(row)
        if rows and self.optional_fields == "all":
            rows[-1]["IsEndOfHistory"] = True
        return rows


def _number(asked: dict[str, str], name: str, default: int) -> int:
    text = asked.get(name)
    if text is None:
        return default
    if _NUMBER.fullmatch(text) is None:
        raise _BadError(400, f"{name}: {text!r} is no whole number.")
    return int(text)


def _moment(asked: dict[str, str], name: str, *, end_of_day: bool) -> dt.datetime | None:
    text = asked.get(name)
    if text is None:
        return None
    try:
        if _TIME.fullmatch(text):
            return dt.datetime.fromisoformat(text)
        if _DATE.fullmatch(text):
            day = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
            return day + dt.timedelta(days=1, seconds=-1) if end_of_day else day
    except ValueError:
        pass
    raise _BadError(400, f"{name}: {text!r} is neither YYYY-MM-DD nor YYYY-MM-DDTHH:MM:SSZ.")


def _years_later(moment: dt.datetime, years: int) -> dt.datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, month=3, day=1)


def _text(price: float) -> str:
    text = f"{price:.4f}"
    return text[:-2] if text.endswith("00") else text


def _iso(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
