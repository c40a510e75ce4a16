"""The login at TradeStation: once, in a browser, which brings a refresh token.

A server on the loopback address waits for the browser to come back with a code. It takes one
code, with the state that this login has made up, asked for under a loopback name; everything else
is turned away, and nothing of a request is shown or logged.
"""

from __future__ import annotations

import contextlib
import hmac
import http.server
import secrets
import socketserver
import sys
import threading
import urllib.parse
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from wfo.data.sources.clock import Clock
from wfo.data.sources.config import SourcesConfig
from wfo.data.sources.credentials import Secret, TokenFile
from wfo.data.sources.errors import CredentialsError
from wfo.data.sources.tradestation import Tokens, require_key
from wfo.errors import InputError
from wfo.text import printable

#: Ports of ``http://localhost`` to which TradeStation's keys may return by default.
PORTS: Final = (31022, 8080, 3000, 3001, 80)
#: Seconds that the browser may take.
PATIENCE: Final = 300.0

_AUDIENCE: Final = "https://api.tradestation.com"
_SCOPE: Final = "openid offline_access MarketData"
_LONGEST_CODE: Final = 4096
_POLL: Final = 0.2


def _say(text: str) -> None:
    sys.stderr.write(printable(f"{text}\n"))


def login(
    config: SourcesConfig,
    *,
    clock: Clock | None = None,
    open_browser: Callable[[str], bool] = webbrowser.open,
    port: int = PORTS[0],
    say: Callable[[str], object] = _say,
    patience: float = PATIENCE,
) -> Path:
    """Have the user authorise this program in a browser, and store the refresh token.

    Parameters
    ----------
    config
        With client id and client secret.
    clock
        Where time comes from.
    open_browser
        Opens an address, and returns whether it could.
    port
        Where the browser comes back to, ``http://localhost:PORT``; it must be among the callback
        URLs of the API key, by default those of `PORTS`. 0 takes a free one.
    say
        Gets lines for the user: what happens, and the address where no browser opens.
    patience
        Seconds until it is given up.

    Returns
    -------
    pathlib.Path
        The file that holds the refresh token now.

    Raises
    ------
    CredentialsError
        If client id or secret are missing or refused, consent is denied, or nothing comes back.
    InputError
        If the port cannot be used.
    SourceError
        If TradeStation cannot be reached.
    """
    key = require_key(config)
    clock = Clock() if clock is None else clock
    file = TokenFile(config.folder, config.credentials.tradestation.refresh_token)
    # Before the browser opens: a folder that cannot be written would void the consent.
    with file.hold():
        pass
    state = secrets.token_urlsafe(32)
    with _listening(port, state) as server:
        redirect = f"http://localhost:{server.server_address[1]}"
        query = urllib.parse.urlencode(
            {
                "response_type": "code",
                "client_id": key[0].reveal(),
                "audience": _AUDIENCE,
                "redirect_uri": redirect,
                "scope": _SCOPE,
                "state": state,
            }
        )
        address = f"{config.tradestation.signin_url}/authorize?{query}"
        say("Log in to TradeStation in the browser and allow the access to market data.")
        opened = False
        with contextlib.suppress(webbrowser.Error, OSError):
            opened = open_browser(address)
        # A browser that was started may show nothing all the same.
        lead = "If no browser has opened" if opened else "No browser opens here"
        say(f"{lead}: open this address on this machine:\n{address}")
        say("Waiting for the browser to come back; Ctrl-C gives up.")
        code = _wait(server, clock, patience)
    tokens = Tokens(key, file, config.tradestation, options=config.http, clock=clock)
    tokens.exchange(code, redirect)
    say(f"TradeStation's refresh token is stored in {file.path}.")
    return file.path


def _wait(server: _Server, clock: Clock, patience: float) -> Secret:
    """Return the code that the browser brings."""
    until = clock.monotonic() + patience
    while not server.done.is_set():
        if clock.monotonic() >= until:
            raise CredentialsError(
                f"no login came back from the browser within {patience:g} s: run `wfo data login "
                "tradestation` again; if TradeStation shows an error, see whether "
                f"http://localhost:{server.server_address[1]} is among the callback URLs of the "
                "API key"
            )
        clock.sleep(_POLL)
    if server.code is None:
        raise CredentialsError(
            f"TradeStation does not grant the access{server.refusal}: run `wfo data login "
            "tradestation` again and allow it"
        )
    return server.code


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Takes the code of one login."""

    daemon_threads = True
    # Elsewhere it lets a port be used again at once; on Windows, by two programs at a time.
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, port: int, state: str) -> None:
        self.state = state
        self.code: Secret | None = None
        self.refusal = ""
        self.done = threading.Event()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """Bind without asking the network for the machine's name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a traceback could hold the code."""

    def take(self, host: str, target: str) -> tuple[int, str]:
        """Judge a request; return the status and the words of the page."""
        names = {f"{n}:{self.server_port}" for n in ("localhost", "127.0.0.1", "[::1]")}
        if self.server_port == 80:
            names |= {"localhost", "127.0.0.1", "[::1]"}
        if host.casefold() not in names:
            return 403, "This address answers on this machine only."
        try:
            parts = urllib.parse.urlsplit(target)
            if parts.path != "/":
                return 404, "There is nothing here."
            given = urllib.parse.parse_qs(parts.query, max_num_fields=20)
        except ValueError:
            return 400, "This is no answer of TradeStation."
        state = given.get("state", [])
        if len(state) != 1 or not hmac.compare_digest(state[0].encode(), self.state.encode()):
            return 400, "This is no answer to the login that was begun in the terminal."
        codes, errors = given.get("code", []), given.get("error", [])
        with self._lock:
            if self.done.is_set():
                return 410, "This login is over."
            if errors:
                words = [*errors[:1], *given.get("error_description", [])[:1]]
                said = ": ".join("".join(c for c in w if c.isprintable())[:150] for w in words)
                self.refusal = f" ({said})"
                self.done.set()
                return 200, "The access was not granted. The terminal says more."
            code = codes[0] if len(codes) == 1 else ""
            clean = code.isascii() and code.isprintable() and len(code) <= _LONGEST_CODE
            if not code or not clean:
                return 400, "This answer of TradeStation holds no code."
            self.code = Secret(code)
            self.done.set()
        return 200, "The login has come back; the terminal says whether it worked."


class _Handler(http.server.BaseHTTPRequestHandler):
    """Hands requests to the server, and answers by a page of fixed words."""

    server: _Server
    timeout = 10
    server_version = "wfo"
    sys_version = ""

    def do_GET(self) -> None:
        hosts = self.headers.get_all("Host", [])
        status, words = self.server.take(hosts[0] if len(hosts) == 1 else "", self.path)
        page = f"<!doctype html><meta charset=utf-8><title>wfo</title><p>{words}".encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(page))),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("Content-Security-Policy", "default-src 'none'"),
            ("Connection", "close"),
        ):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base's name)
        """Log nothing: the address of a request holds the code."""


@contextlib.contextmanager
def _listening(port: int, state: str) -> Iterator[_Server]:
    try:
        server = _Server(port, state)
    except (OSError, OverflowError) as error:
        others = ", ".join(str(p) for p in PORTS if p != port)
        raise InputError(
            f"port {port} cannot be used ({getattr(error, 'strerror', None) or error}): free it, "
            f"or take another one that the API key may return to (by default {others})"
        ) from error
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
