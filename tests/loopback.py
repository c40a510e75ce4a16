"""Servers on the loopback address that answer as a test tells them, and a clock of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import http.server
import threading
import traceback
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from wfo.data.sources.clock import Clock


class VirtualClock(Clock):
    """Time that passes by sleeping alone; sleeps are kept."""

    def __init__(self, now: dt.datetime = dt.datetime(2024, 6, 3, 12, tzinfo=dt.UTC)) -> None:
        self.start = now
        self.passed = 0.0
        self.sleeps: list[float] = []

    def now(self) -> dt.datetime:
        return self.start + dt.timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.passed += seconds


@dataclasses.dataclass(frozen=True)
class Request:
    """What a server was asked."""

    method: str
    path: str  # as it came, percent-encoded
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Response:
    """What a server answers; with a `length` above that of the body, the connection is cut."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    length: int | None = None
    silent: bool = False  # nothing at all comes until the server ends


@dataclasses.dataclass
class Server:
    """A running server: its base URL, and all that it was asked."""

    url: str
    requests: list[Request] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def serving(answer: Callable[[Request], Response]) -> Iterator[Server]:
    """Serve on a free port; `answer` is called for one request at a time."""
    ended = threading.Event()
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # headers and body are two writes; else 40 ms lie between

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(
                self.command,
                path,
                dict(urllib.parse.parse_qsl(query, strict_parsing=bool(query))),
                {name.title(): value for name, value in self.headers.items()},
                dict(urllib.parse.parse_qsl(body.decode())),
            )
            with lock:
                running.requests.append(request)
                found = answer(request)
            if found.silent:
                ended.wait()
                self.close_connection = True
                return
            self.send_response_only(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            length = len(found.body) if found.length is None else found.length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(found.body)
            self.close_connection = length != len(found.body)

        do_POST = do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    class Threads(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # clients that go away are part of some tests

    server = Threads(("127.0.0.1", 0), Handler)
    running = Server(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def everything_said(error: BaseException) -> str:
    """Return an error as any tool may print it, with chained errors and with all variables.

    Those of the tests themselves, which hold what must not be shown, are left out.
    """
    said, at = [], [error]
    while at:
        one = at.pop()
        whole = traceback.TracebackException.from_exception(one, capture_locals=True)
        for frame in whole.stack:
            if Path(frame.filename).parent == Path(__file__).parent:
                frame.locals = None
        said += [*whole.stack.format(), *whole.format_exception_only(), repr(one), repr(one.args)]
        at += [e for e in (one.__cause__, one.__context__) if e is not None]
    return "\n".join(said)


def files_with(folder: Path, text: str) -> list[str]:
    """Return the files below a folder that hold a text."""
    return sorted(
        str(p.relative_to(folder))
        for p in folder.rglob("*")
        if p.is_file() and text.encode() in p.read_bytes()
    )
