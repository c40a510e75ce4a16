"""Requests to vendors over HTTP: retried where a fault may pass, bounded, without secrets in words.

urllib3 sends them, tenacity repeats them. Connections that fail or time out, bodies that are cut
short, JSON that does not parse, answers that the caller's `accept` finds malformed, and the
statuses in `RETRIED` are tried again, after an exponential back-off with full jitter or after what
``Retry-After`` says. Everything else is an error at once. Redirects are never followed, because
credentials would go along; addresses without TLS are refused but for loopback ones.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import email.utils
import ipaddress
import json
import logging
import re
import urllib.parse
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from wfo.data.sources.clock import Clock
from wfo.data.sources.credentials import Secret
from wfo.data.sources.errors import (
    CredentialsError,
    MalformedError,
    RefusedError,
    SourceError,
    UnreachableError,
)
from wfo.data.sources.limits import LONG_WAIT, WindowLimit
from wfo.errors import InputError
from wfo.text import brief

if TYPE_CHECKING:
    import tenacity
    import urllib3

T = TypeVar("T")

#: Statuses that may pass: time-outs, too many requests, servers that fail.
RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})

#: Characters of a vendor's own words that a message quotes.
LONGEST_QUOTE: Final = 300

#: A token of three parts. It begins where such characters begin, so that a long run of them is
#: looked through once.
_TOKEN: Final = re.compile(
    r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]+"
)
#: Tells of waits, at level INFO and without secrets; `wfo.data.updating.update` passes them on.
LOG: Final = logging.getLogger(__name__)

_CHUNK = 1 << 16
#: Of a body that is not the answer, no more is read than a message can quote.
_LARGEST_REFUSAL = 1 << 16


@dataclasses.dataclass(frozen=True)
class HttpOptions:
    """How long and how often a vendor is tried.

    Attributes
    ----------
    timeout
        Seconds until a connection stands, and between two pieces of an answer.
    attempts
        How often a request is sent at most.
    first_wait
        Longest wait before the second attempt, in seconds; it doubles with each attempt.
    longest_wait
        Longest wait before any attempt, in seconds, also where ``Retry-After`` asks for more.
    whole_timeout
        Seconds until the whole of an answer is there, however steadily it comes.
    largest_body
        Bytes of an answer at most, before and after decompression. Parsed, JSON takes up to twenty
        times as much memory; the most bars that a vendor puts into one answer have some 25 million.

    Raises
    ------
    InputError
        If one is out of range.
    """

    timeout: float = 30.0
    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 60.0
    whole_timeout: float = 600.0
    largest_body: int = 64 << 20

    def __post_init__(self) -> None:
        for name, least, most in (
            ("timeout", 0.001, 3600),
            ("attempts", 1, 100),
            ("first_wait", 0, 3600),
            ("longest_wait", 0, 3600),
            ("whole_timeout", 0.001, 86_400),
            ("largest_body", 1, 1 << 40),
        ):
            value = getattr(self, name)
            whole = name in {"attempts", "largest_body"}
            kind = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if not (kind and least <= value <= most):
                number = "a whole number" if whole else "a number"
                raise InputError(
                    f"http: {name} = {brief(value)} is not allowed; it must be {number} "
                    f"from {least} to {most}"
                )


@dataclasses.dataclass(frozen=True)
class Reply:
    """An answer whose status is no success, as handlers of statuses see it.

    Attributes
    ----------
    status
        The HTTP status.
    reason
        The vendor's own words, bounded and without secrets; empty where it has none.
    where
        Host and path that were asked.
    code
        The vendor's own name or number of the error, empty where it gives none.
    """

    status: int
    reason: str
    where: str
    code: str = ""


@dataclasses.dataclass(frozen=True)
class _Fault:
    """What went wrong with an attempt.

    It is a value and no exception: an exception has a context and a traceback, whose variables may
    hold what must not be shown.

    Attributes
    ----------
    error
        What is raised in the end.
    passing
        Whether another attempt may not meet it.
    wait
        Seconds that the vendor wants it to wait, None where it says nothing.
    """

    error: SourceError
    passing: bool = True
    wait: float | None = None


@dataclasses.dataclass(frozen=True, repr=False)
class _Whole:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine itself."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def require_url(url: str, what: str) -> str:
    """Return a base URL without a slash at its end.

    Parameters
    ----------
    url
        The URL.
    what
        What it is, for the message, such as ``WFO_ALPACA_URL``.

    Raises
    ------
    InputError
        If it is no URL with a host, holds a user, query or fragment, or is neither https nor on
        this machine.
    """
    # A URL that is refused is not repeated whole: it may hold a password.
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"{what} is no URL") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError(f"{what} is no URL: it must look like https://HOST/PATH")
    # Also an empty query: it would take in the path that follows.
    if parts.username is not None or parts.password is not None or set(url) & {"?", "#"}:
        raise InputError(f"{what} must be no more than https://HOST/PATH, without user or query")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise InputError(
            f"{what} = {url}: credentials and prices go over https only "
            "(http is allowed for localhost)"
        )
    return url.rstrip("/")


class Http:
    """A vendor's addresses.

    Parameters
    ----------
    vendor
        What people call it, for messages.
    limit
        Requests per window; every attempt counts.
    options
        How long and how often it is tried.
    clock
        Where time comes from.
    retried
        Statuses that are tried again.

    Attributes
    ----------
    requests
        How many were sent so far, retries included.
    """

    def __init__(
        self,
        vendor: str,
        *,
        limit: WindowLimit,
        options: HttpOptions | None = None,
        clock: Clock | None = None,
        retried: frozenset[int] = RETRIED,
    ) -> None:
        self.vendor = vendor
        self.requests = 0
        self._limit = limit
        self._options = HttpOptions() if options is None else options
        self._clock = Clock() if clock is None else clock
        self._retried = retried
        self._pools: dict[str | None, urllib3.PoolManager] = {}
        self._secrets: dict[str, None] = {}

    def __repr__(self) -> str:
        return f"Http({self.vendor!r})"

    def conceal(self, *secrets: Secret) -> None:
        """Keep secrets out of all messages, also where the vendor repeats them."""
        for secret in secrets:
            text = secret.reveal()
            # What is shorter is no secret, and stands in many words.
            if len(text) < 4:
                continue
            for form in (text, urllib.parse.quote(text, safe=""), json.dumps(text)[1:-1]):
                # The longest first: one may be part of another.
                self._secrets[form] = None
        self._secrets = dict.fromkeys(sorted(self._secrets, key=len, reverse=True))

    def redacted(self, text: str) -> str:
        """Return words of others for a message: bounded, one line, without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        # What follows looks like a token, whoever it belongs to.
        text = re.sub(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+", r"\1 ***", text)
        text = _TOKEN.sub("***", text)
        text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"

    def get_json(
        self,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str | Secret],
        *,
        accept: Callable[[Any], T],
        on_status: Mapping[int, Callable[[Reply], T]] | None = None,
    ) -> T:
        """Return what `accept` makes of a JSON answer.

        Parameters
        ----------
        url
            The address, without a query.
        params
            The query.
        headers
            Further headers; their values count as secrets.
        accept
            Gets the parsed JSON; a `MalformedError` that it raises leads to another attempt.
        on_status
            Statuses that are the caller's: the function returns a value, or raises; a
            `MalformedError` or `UnreachableError` leads to another attempt.

        Raises
        ------
        SourceError
            If there is no answer after all attempts, or the vendor refuses.
        """
        handlers = on_status or {}

        def attempt() -> T | _Fault:
            query = f"?{urllib.parse.urlencode(params)}" if params else ""
            found = self._send("GET", url, query, headers, None, handlers)
            return self._json(found, url, accept, handlers)

        return self._retry(attempt)

    def get_bytes(
        self,
        url: str,
        *,
        on_status: Mapping[int, Callable[[Reply], bytes | None]] | None = None,
    ) -> bytes | None:
        """Return a file, None where there is none (404).

        Raises
        ------
        SourceError
            If there is no answer after all attempts, or the vendor refuses.
        """
        handlers: dict[int, Callable[[Reply], bytes | None]] = {404: lambda _: None}
        handlers.update(on_status or {})

        def attempt() -> bytes | _Fault | None:
            found = self._send("GET", url, "", {}, None, handlers)
            return _call(handlers[found.status], found) if isinstance(found, Reply) else found

        return self._retry(attempt)

    def post_form(
        self,
        url: str,
        form: Mapping[str, str | Secret],
        *,
        accept: Callable[[Any], T] | None = None,
        on_status: Mapping[int, Callable[[Reply], T]] | None = None,
    ) -> T:
        """Send a form and return what `accept` makes of the JSON answer, by default itself.

        The values of the form count as secrets where they are `Secret`; otherwise as `get_json`.
        """
        handlers = on_status or {}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}

        def itself(found: Any) -> Any:
            return found

        def attempt() -> T | _Fault:
            self.conceal(*(v for v in form.values() if isinstance(v, Secret)))
            found = self._send("POST", url, "", kind, _encoded(form), handlers)
            return self._json(found, url, itself if accept is None else accept, handlers)

        return self._retry(attempt)

    # One attempt

    def _send(
        self,
        method: str,
        url: str,
        query: str,
        headers: Mapping[str, str | Secret],
        form: Secret | None,
        handled: Mapping[int, object],
    ) -> bytes | Reply | _Fault:
        """Return a body, a reply whose status the caller handles, or what went wrong."""
        require_url(url, f"the address of {self.vendor}")
        where = _where(url)
        for name, value in headers.items():
            if name != "Content-Type":
                text = value.reveal() if isinstance(value, Secret) else value
                # Also the token of "Bearer TOKEN".
                self.conceal(*(Secret(part) for part in (text, *text.split()[-1:])))
                del text
        self._limit.take()
        self.requests += 1
        whole = self._exchange(method, url + query, headers, form)
        if isinstance(whole, _Fault):
            return whole
        status = whole.status
        if 200 <= status < 300:
            return whole.body
        reply = self._reply(whole, where)
        if status in handled:
            return reply
        said = f"{self.vendor} answers {status}{f': {reply.reason}' if reply.reason else ''}"
        if status in self._retried:
            wait = self._retry_after(whole.headers)
            if wait is not None and wait > self._options.longest_wait:
                said += f"; it asks to wait {_duration(wait)}"
            elif wait is None and status == 429:
                # Its window can outlast all attempts.
                window = _duration(self._limit.seconds)
                said += (
                    f"; requests are counted over {window}, also those of other programs: try "
                    f"again in {window}"
                )
            return _Fault(UnreachableError(f"{said} ({where})"), wait=wait)
        if 300 <= status < 400:
            error: SourceError = RefusedError(
                f"{said}: a redirect, which is not followed because credentials would go along "
                f"({where}); is the address right?"
            )
        elif status == 401:
            error = CredentialsError(f"{said}: the credentials are refused ({where})")
        else:
            error = RefusedError(f"{said} ({where})")
        return _Fault(error, passing=False)

    def _reply(self, whole: _Whole, where: str) -> Reply:
        code, words = _vendor_words(whole.body)
        return Reply(whole.status, self.redacted(words), where, self.redacted(code))

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str | Secret], form: Secret | None
    ) -> _Whole | _Fault:
        """Send once."""
        import urllib3

        options = self._options
        where = _where(url)
        plain = {k: v.reveal() if isinstance(v, Secret) else v for k, v in headers.items()}
        plain = {"User-Agent": "wfo", "Accept-Encoding": "gzip", **plain}
        began = self._clock.monotonic()
        try:
            response = self._pool(url).request(
                method,
                url,
                headers=plain,
                body=None if form is None else form.reveal(),
                redirect=False,
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=options.timeout, read=options.timeout),
            )
            done = False
            try:
                good = 200 <= response.status < 300
                most = options.largest_body if good else _LARGEST_REFUSAL
                body = bytearray()
                # One piece at a time, as it comes: larger reads wait for as long as it takes.
                while len(body) <= most and (piece := response.read1(_CHUNK, decode_content=False)):
                    body += piece
                    if self._clock.monotonic() - began > options.whole_timeout:
                        return _Fault(self._too_slow(where), passing=False)
                done = len(body) <= most
                content = _decompressed(bytes(body), response.headers, most) if done else None
                if content is None and good:
                    words = f"{self.vendor} answers with more than {most:,} bytes ({where})"
                    return _Fault(MalformedError(words), passing=False)
                return _Whole(response.status, dict(response.headers), content or b"")
            except zlib.error:
                # Of a refusal, the status says enough.
                if not 200 <= response.status < 300:
                    return _Whole(response.status, dict(response.headers), b"")
                words = f"{self.vendor}: the answer is compressed wrongly ({where})"
                return _Fault(MalformedError(words))
            finally:
                # What was not read to its end cannot be used for another request.
                if done:
                    response.release_conn()
                else:
                    response.close()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return self._fault(error, where)

    def _pool(self, url: str) -> urllib3.PoolManager:
        import urllib.request

        import urllib3

        parts = urllib.parse.urlsplit(url)
        host = parts.hostname or ""
        proxy = None
        if not is_loopback(host) and not urllib.request.proxy_bypass(host):
            proxies = urllib.request.getproxies()
            proxy = proxies.get(parts.scheme) or proxies.get("all")
            if proxy and "://" not in proxy:
                proxy = f"http://{proxy}"
        if proxy not in self._pools:
            if proxy is None:
                self._pools[None] = urllib3.PoolManager()
            else:
                found = urllib3.util.parse_url(proxy)
                address = found._replace(auth=None).url
                kept = (
                    urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(found.auth))
                    if (found.auth)
                    else None
                )
                self._pools[proxy] = urllib3.ProxyManager(address, proxy_headers=kept)
        return self._pools[proxy]

    def _fault(self, error: Exception, where: str) -> _Fault:
        """Put a client's error into words of one's own."""
        from urllib3 import exceptions as of

        seconds = f"{self._options.timeout:g} s"
        passing = True
        match error:
            case of.ProxyError():
                why = "the proxy that the environment names does not connect"
            # The vendor's address has been checked before.
            case of.LocationValueError():
                why = "the proxy that the environment names must look like http://HOST:PORT"
                passing = False
            case of.SSLError():
                why = "the secure connection fails (is its certificate valid?)"
                passing = False
            case of.NameResolutionError():
                why = "its name cannot be resolved"
            # Older versions derive this one from the next.
            case of.NewConnectionError():
                why = "no connection"
            case of.ConnectTimeoutError():
                why = f"no connection within {seconds}"
            case of.ReadTimeoutError() | TimeoutError():
                why = f"no answer within {seconds}"
            case of.ProtocolError() | of.IncompleteRead() | OSError():
                why = "the connection was cut"
            case _:
                why = f"the request fails ({type(error).__name__})"
                passing = False
        found = UnreachableError(f"{self.vendor} cannot be reached: {why} ({where})")
        return _Fault(found, passing)

    def _too_slow(self, where: str) -> UnreachableError:
        return UnreachableError(
            f"{self.vendor} sends an answer that is not whole after "
            f"{_duration(self._options.whole_timeout)} ({where}): is the network too slow? "
            "(whole_timeout under [http] in sources.toml allows for more)"
        )

    def _json(
        self,
        found: bytes | Reply | _Fault,
        url: str,
        accept: Callable[[Any], T],
        handlers: Mapping[int, Callable[[Reply], T]],
    ) -> T | _Fault:
        """Return what the caller makes of an answer."""
        if isinstance(found, _Fault):
            return found
        if isinstance(found, Reply):
            return _call(handlers[found.status], found)
        try:
            parsed = json.loads(found, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            at = f" at character {error.pos:,}" if isinstance(error, json.JSONDecodeError) else ""
            return _Fault(
                MalformedError(f"{self.vendor} answers what is no JSON{at} ({_where(url)})")
            )
        return _call(accept, parsed)

    # All attempts

    def _retry(self, attempt: Callable[[], T | _Fault]) -> T:
        import tenacity

        options = self._options
        jitter = tenacity.wait_random_exponential(
            multiplier=options.first_wait, max=options.longest_wait
        )

        def fault(state: tenacity.RetryCallState) -> _Fault | None:
            found = None if state.outcome is None else state.outcome.result()
            return found if isinstance(found, _Fault) else None

        def wait(state: tenacity.RetryCallState) -> float:
            found = fault(state)
            asked = None if found is None else found.wait
            return min(jitter(state) if asked is None else asked, options.longest_wait)

        begun = self._clock.monotonic()

        def told(state: tenacity.RetryCallState) -> None:
            found, next_action = fault(state), state.next_action
            if found is None or next_action is None:
                return
            if self._clock.monotonic() - begun + next_action.sleep >= LONG_WAIT:
                LOG.info(
                    "%s; attempt %d of %d in %.1f s",
                    found.error,
                    state.attempt_number + 1,
                    options.attempts,
                    next_action.sleep,
                )

        found = tenacity.Retrying(
            sleep=self._clock.sleep,
            before_sleep=told,
            stop=tenacity.stop_after_attempt(options.attempts),
            wait=wait,
            retry=tenacity.retry_if_result(lambda r: isinstance(r, _Fault) and r.passing),
            retry_error_callback=fault,
        )(attempt)
        if not isinstance(found, _Fault):
            return found
        if found.passing and options.attempts > 1:
            raise type(found.error)(f"{found.error}, after {options.attempts} attempts")
        raise found.error

    def _retry_after(self, headers: Mapping[str, str]) -> float | None:
        """Return the seconds that ``Retry-After`` asks for, None where it says nothing usable."""
        given = {k.casefold(): v for k, v in headers.items()}
        text = given.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text):
            return float(text)
        until = _http_date(text)
        if until is None:
            return None
        # The vendor's own clock counts, since the one here may be off.
        now = _http_date(given.get("date", "")) or self._clock.now()
        seconds = (until - now).total_seconds()
        return seconds if seconds > 0 else None


def _call(function: Callable[[Any], T], value: object) -> T | _Fault:
    """Call a caller's function, whose complaints about an answer lead to another attempt."""
    try:
        return function(value)
    except (MalformedError, UnreachableError) as error:
        # Without its traceback, whose variables are the answer.
        return _Fault(type(error)(str(error)))


def _decompressed(body: bytes, headers: Mapping[str, str], most: int) -> bytes | None:
    """Return an answer without its compression, None if it has more than `most` bytes.

    Raises
    ------
    zlib.error
        If it is compressed in a way that it does not say, that is not known, or not to its end.
    """
    kind = headers.get("Content-Encoding", "").strip().casefold()
    if kind in {"", "identity"}:
        return body
    # One layer alone: each can multiply the size by a thousand.
    if kind not in {"gzip", "x-gzip"}:
        raise zlib.error("unknown encoding")
    content = bytearray()
    while True:
        unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        content += unpacker.decompress(body, most + 1 - len(content))
        if len(content) > most:
            return None
        if not unpacker.eof:
            raise zlib.error("cut short")
        body = unpacker.unused_data
        # Another part may follow; anything else behind the end is padding.
        if body[:2] != b"\x1f\x8b":
            return bytes(content)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    minutes = round(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes:,} minutes"


def _encoded(form: Mapping[str, str | Secret]) -> Secret:
    """Return a form's body; no variable of a function that can fail holds it in plain text."""
    return Secret(
        urllib.parse.urlencode(
            {k: v.reveal() if isinstance(v, Secret) else v for k, v in form.items()}
        )
    )


def _http_date(text: str) -> dt.datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found


def _where(url: str) -> str:
    """Return host and path, for messages."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def _vendor_words(body: bytes) -> tuple[str, str]:
    """Return code and text of an error, from JSON where it is such."""
    text = body.decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "", "" if "<" in text else text
    if not isinstance(found, dict):
        return "", ""
    named = {str(k).casefold(): v for k, v in found.items()}
    code = next(
        (str(named[k]) for k in ("error", "code") if isinstance(named.get(k), (str, int))), ""
    )
    words = next(
        (
            str(named[k])
            for k in ("message", "error_description", "msg")
            if isinstance(named.get(k), str) and named[k]
        ),
        "",
    )
    return code, ": ".join(dict.fromkeys(w for w in (code, words) if w))


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
