"""A server on loopback that answers as a vendor does: sockets, threads, log, faults, limits."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import email.utils
import http.client
import http.server
import json
import select
import socket
import threading
import urllib.parse
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

import numpy as np

from .clock import VendorClock
from .faults import Fault, Faults, Kind
from .market import Market

_LARGEST_FORM = 65_536


@dataclasses.dataclass(frozen=True)
class Request:
    """What came over the wire.

    Attributes
    ----------
    site
        Which of the vendor's hosts was asked.
    pairs
        The query, in its order.
    headers
        Names in lower case.
    """

    site: str
    method: str
    path: str
    pairs: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        """The query; of a name that comes twice the last value."""
        return dict(self.pairs)


@dataclasses.dataclass
class Reply:
    """What goes back.

    Attributes
    ----------
    value
        To be sent as JSON, where there is no `render`.
    rows
        The bars within `value`, one item each, to be spoilt in place.
    render
        Makes the body of what is no JSON.
    symbol, dates
        Of the bars, days since 1970.
    """

    status: int = 200
    value: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    render: Callable[[], bytes] | None = None
    rows: list[Any] | None = None
    symbol: str | None = None
    dates: np.ndarray | None = None

    def body(self) -> bytes:
        """Return the bytes of the answer."""
        if self.render is not None:
            return self.render()
        return json.dumps(self.value, separators=(",", ":")).encode()


@dataclasses.dataclass(frozen=True)
class Logged:
    """A request as the vendor saw it; credentials are left out.

    Attributes
    ----------
    status
        None where no head was sent.
    fault
        Name of the fault that came, if one did.
    """

    site: str
    method: str
    path: str
    query: dict[str, str]
    status: int | None
    fault: str | None
    at: dt.datetime


class Window:
    """Counts what is used in so many seconds.

    Parameters
    ----------
    most
        The sum that is allowed.
    seconds
        Length of the window.
    sliding
        Whether what is older leaves one by one; otherwise all leaves at once, a window after the
        first of them.
    """

    def __init__(self, most: int, seconds: float, *, sliding: bool) -> None:
        self.most, self.seconds, self.sliding = most, seconds, sliding
        self._used: deque[tuple[float, int]] = deque()

    def _leave(self, now: float) -> None:
        while self._used and self._used[0][0] + self.seconds <= now:
            if not self.sliding:
                self._used.clear()
                return
            self._used.popleft()

    def used(self, now: float) -> int:
        """Return the sum in the window."""
        self._leave(now)
        return sum(weight for _, weight in self._used)

    def take(self, now: float, weight: int = 1) -> bool:
        """Return whether there was room, and take it."""
        if self.used(now) + weight > self.most:
            return False
        self._used.append((now, weight))
        return True

    def free_at(self, now: float) -> float:
        """Return when the first of it leaves."""
        self._leave(now)
        return self._used[0][0] + self.seconds if self._used else now


class _Site:
    """One port with its threads."""

    def __init__(self, vendor: Vendor, name: str) -> None:
        self.vendor, self.name = vendor, name
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self.listener.getsockname()[1]
        self._closing = False
        self._open: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name=f"{vendor.name}-{name}")
        self._thread.start()

    def _accept(self) -> None:
        while True:
            connection, address = self.listener.accept()
            with self._lock:
                if self._closing:
                    connection.close()
                    return
                thread = threading.Thread(
                    target=self._serve, args=(connection, address), name=f"{self.name}-connection"
                )
                self._open[connection] = thread
                thread.start()

    def _serve(self, connection: socket.socket, address: tuple[str, int]) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Handler(connection, address, self)
        except OSError:
            pass  # the client may leave at any moment
        except Exception as e:  # noqa: BLE001
            self.vendor.broken.append(e)
        finally:
            with self._lock:
                self._open.pop(connection, None)
            connection.close()

    def close(self) -> None:
        with self._lock:
            self._closing = True
        # A connection of its own wakes the thread that accepts.
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self.listener.close()
        with self._lock:
            left = dict(self._open)
        for connection in left:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in left.values():
            thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    # Other methods are answered too: by a refusal.
    do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_GET  # noqa: N815

    def _answer(self) -> None:
        vendor: Vendor = self.server.vendor
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _LARGEST_FORM:
            self._send(vendor, Reply(413, vendor.error(413, "The body is too large.")), None)
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        parts = urllib.parse.urlsplit(self.path)
        request = Request(
            self.server.name,
            self.command,
            urllib.parse.unquote(parts.path),
            tuple(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        if request.method == "POST" and request.path == "/_control":
            self._send(vendor, vendor.control(request), None)
            return
        reply, fault = vendor.handle(request)
        self._send(vendor, reply, fault)

    def _send(self, vendor: Vendor, reply: Reply, fault: Fault | None) -> None:
        name = fault.name if fault is not None else None
        if name == "time-out":
            self.close_connection = True
            if not vendor.hold(self.connection):
                return
        if name == "cut-before-headers":
            self.close_connection = True
            return
        body = reply.body()
        if name == "truncated-json":
            body = body[: max(len(body) // 2, 1)]
        off = fault.off if fault is not None else 0.0
        now = vendor.clock.shown() + dt.timedelta(seconds=off)
        headers = {
            "Date": email.utils.format_datetime(now, usegmt=True),
            "Content-Type": reply.content_type,
            **reply.headers,
        }
        if name == "cut-chunked":
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(len(body))
        if self.close_connection or name in {"cut-mid-body", "cut-chunked"}:
            headers["Connection"] = "close"
            self.close_connection = True
        phrase = http.client.responses.get(reply.status, "")
        head = f"HTTP/1.1 {reply.status} {phrase}\r\n"
        head += "".join(f"{key}: {value}\r\n" for key, value in headers.items()) + "\r\n"
        if self.command == "HEAD":
            body = b""
        elif name == "cut-mid-body":
            body = body[: len(body) // 2]
        elif name == "cut-chunked":
            half = body[: max(len(body) // 2, 1)]
            body = f"{len(half):x}\r\n".encode() + half + b"\r\n" + f"{len(body):x}\r\n".encode()
        self.wfile.write(head.encode("latin-1") + body)


class Vendor:
    """What the three vendors have in common. A context manager: it serves while it is entered.

    Parameters
    ----------
    market
        What there is to tell.
    clock
        The server's time.

    Attributes
    ----------
    log
        Every request, in the order of the answers.
    faults
        What is to go wrong.
    broken
        Errors of the server itself; leaving raises the first.
    """

    name = "vendor"
    sites: tuple[str, ...] = ("api",)
    known_faults: tuple[str, ...] = ()

    def __init__(self, market: Market | None = None, *, clock: VendorClock | None = None) -> None:
        self.market = market if market is not None else Market()
        self.clock = clock if clock is not None else VendorClock()
        self.log: list[Logged] = []
        self.faults = Faults(self.known_faults)
        self.broken: list[Exception] = []
        self._sites: dict[str, _Site] = {}
        self._lock = threading.RLock()
        self._released = threading.Event()
        self._wake = socket.socketpair()

    # Life.

    def __enter__(self) -> Self:
        for name in self.sites:
            self._sites[name] = _Site(self, name)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.release()
        for site in self._sites.values():
            site.close()
        self._sites = {}
        for end in self._wake:
            end.close()
        if self.broken and kind is None:
            raise AssertionError(f"the server of {self.name} broke") from self.broken[0]

    def base(self, site: str) -> str:
        """Return scheme, host and port of a site."""
        return f"http://127.0.0.1:{self._sites[site].port}"

    @property
    def environ(self) -> dict[str, str]:
        """Variables that lead a client here."""
        raise NotImplementedError

    # What a request meets.

    def route(self, request: Request) -> Kind:
        """Return what a request is for."""
        raise NotImplementedError

    def answer(self, request: Request, kind: Kind) -> Reply:
        """Answer a request in which nothing goes wrong."""
        raise NotImplementedError

    def error(self, status: int, message: str) -> Any:
        """Return the value of an error in the vendor's shape."""
        raise NotImplementedError

    def subject(self, request: Request) -> str:
        """Return what a request is about, so that tries of one thing are seen as such."""
        return "?".join((request.path, *(f"{k}={v}" for k, v in sorted(request.pairs))))

    def handle(self, request: Request) -> tuple[Reply, Fault | None]:
        """Answer a request, with what is to go wrong in it."""
        with self._lock:
            kind = self.route(request)
            fault = self.faults.take(kind, request.path, self.subject(request))
            reply = self._reply(request, kind, fault)
            cut = fault is not None and fault.name == "cut-before-headers"
            self.log.append(
                Logged(
                    request.site,
                    request.method,
                    request.path,
                    _harmless(request.pairs),
                    None if cut else reply.status,
                    fault.name if fault is not None else None,
                    self.clock.now(),
                )
            )
            return reply, fault

    def _reply(self, request: Request, kind: Kind, fault: Fault | None) -> Reply:
        if fault is None:
            return self.answer(request, kind)
        if fault.status is not None:
            return self.refusal(fault)
        if fault.name == "html":
            page = b"<!doctype html><title>Maintenance</title><p>We will be back.</p>"
            return Reply(content_type="text/html", render=lambda: page)
        self.before(fault, request, kind)
        reply = self.answer(request, kind)
        self.spoil(fault, reply)
        if reply.status == 200 and reply.symbol is not None:
            self._revise(fault, reply)
        return reply

    def refusal(self, fault: Fault) -> Reply:
        """Return the answer of a fault that is a status."""
        assert fault.status is not None
        reply = Reply(fault.status, self.error(fault.status, "It is not the right moment."))
        if fault.retry_after == "seconds":
            reply.headers["Retry-After"] = str(fault.wait)
        elif fault.retry_after == "date":
            at = self.clock.shown() + dt.timedelta(seconds=fault.wait + fault.off)
            reply.headers["Retry-After"] = email.utils.format_datetime(at, usegmt=True)
        return reply

    def before(self, fault: Fault, request: Request, kind: Kind) -> None:
        """Do what a fault does before the answer is made, such as to end a token."""

    def spoil(self, fault: Fault, reply: Reply) -> None:
        """Do to the rows of an answer what a fault does."""
        if reply.status == 200 and reply.rows is not None:
            spoil_rows(fault.name, reply.rows)

    def _revise(self, fault: Fault, reply: Reply) -> None:
        assert reply.symbol is not None
        if fault.name == "revised-bar" and reply.dates is not None and len(reply.dates):
            day = int(reply.dates[max(len(reply.dates) - 2, 0)])
            self.market.revise(reply.symbol, dt.date(1970, 1, 1) + dt.timedelta(days=day))
        elif fault.name == "split-history":
            self.market.split(reply.symbol, self.clock.now().date(), 2.0)

    # A time-out.

    def hold(self, connection: socket.socket) -> bool:
        """Wait until the client leaves or `release` is called; return whether it was the latter."""
        woken = self._wake[0]
        while True:
            ready, _, _ = select.select([connection, woken], [], [])
            if woken in ready:
                return True
            if not connection.recv(1, socket.MSG_PEEK):
                return False
            # The client said more instead of leaving: nothing more is read from it.
            select.select([woken], [], [])
            return True

    def release(self) -> None:
        """Let all answers go that are held, and all that will be."""
        self._wake[1].send(b"x")

    # From another process.

    def control(self, request: Request) -> Reply:
        """Set clock and faults: ``POST /_control`` with a JSON object.

        ``{"advance": seconds}``, ``{"now": ISO time}``, ``{"next": [names]}``,
        ``{"on": [text, name, times]}``, ``{"random": {seed, share, most_in_a_row}}``,
        ``{"clear": true}``, ``{"release": true}``, ``{"revise": [symbol, date, factor]}``,
        ``{"split": [symbol, date, factor]}``. The answer has time, number of requests and log.
        """
        try:
            told = json.loads(request.body or b"{}")
            if not isinstance(told, dict):
                raise TypeError("no object")
            for key, value in told.items():
                self._told(key, value)
        except (ValueError, TypeError, KeyError) as e:
            return Reply(400, {"error": f"{type(e).__name__}: {e}"})
        with self._lock:
            value = {
                "now": self.clock.now().isoformat(),
                "requests": len(self.log),
                "pending": self.faults.pending,
                "log": [
                    [entry.method, entry.path, entry.query, entry.status, entry.fault]
                    for entry in self.log[-50:]
                ],
            }
        return Reply(200, value)

    def _told(self, key: str, value: Any) -> None:
        if key == "advance":
            self.clock.advance(float(value))
        elif key == "now":
            self.clock.set(dt.datetime.fromisoformat(value))
        elif key == "next":
            self.faults.next(*value)
        elif key == "on":
            self.faults.on(*value)
        elif key == "random":
            self.faults.random(**value)
        elif key == "clear":
            self.faults.clear()
        elif key == "release":
            self.release()
        elif key in {"revise", "split"}:
            symbol, date, factor = value
            getattr(self.market, key)(symbol, dt.date.fromisoformat(date), float(factor))
        else:
            raise ValueError(f"unknown {key!r}")


def spoil_rows(name: str, rows: list[Any]) -> None:
    """Spoil the bars of an answer in place."""
    if not rows:
        return
    middle = len(rows) // 2
    if name == "null-fields":
        row = rows[middle]
        if isinstance(row, dict):
            price = next((k for k in ("High", "h", "fundingRate") if k in row), None)
            if price is not None:
                row[price] = None
        else:
            row[2] = None
    elif name == "duplicate-bars":
        rows.insert(middle, rows[middle])
        rows.append(rows[0])
    elif name == "unordered-bars":
        rows.reverse()


def _harmless(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a query without what must not be in a log."""
    secret = {"client_secret", "code", "refresh_token"}
    return {name: "…" if name in secret else value for name, value in pairs}
