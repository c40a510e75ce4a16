"""Requests to vendors: what is tried again and how, what never is, and what is not said."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import gzip
import json
import logging
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from loopback import Request, Response, Server, VirtualClock, everything_said, serving

from wfo.data.sources.credentials import Secret
from wfo.data.sources.errors import (
    CredentialsError,
    MalformedError,
    RefusedError,
    SourceError,
    UnreachableError,
)
from wfo.data.sources.http import RETRIED, Http, HttpOptions, is_loopback, require_url
from wfo.data.sources.limits import WindowLimit
from wfo.errors import InputError

GOOD = Response(body=b'{"answer": 42}')
MARK = "test-secret-0123456789"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def _client(clock: VirtualClock, **options: Any) -> Http:
    limit = options.pop("limit", None) or WindowLimit(1000, 1.0, clock)
    return Http("Vendor", limit=limit, options=HttpOptions(**options), clock=clock)


def _script(*responses: Response) -> Callable[[Request], Response]:
    """Answer one after the other, the last one for ever."""
    left = [*responses]
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def _timeout(response: Response) -> float:
    """Wait for silence only, and long enough for a machine that is busy to answer after it."""
    return 1.0 if response.silent else 30.0


def _get(http: Http, server: Server, path: str = "/bars", **more: Any) -> Any:
    headers = {"X-Key": Secret(MARK)}
    more.setdefault("accept", lambda found: found)
    return http.get_json(server.url + path, {"a": "1 2"}, headers, **more)


def test_an_answer_is_parsed_and_parameters_and_headers_arrive() -> None:
    http = _client(VirtualClock())
    with serving(_script(GOOD)) as server:
        assert _get(http, server) == {"answer": 42}
    (request,) = server.requests
    assert (request.method, request.path, request.query) == ("GET", "/bars", {"a": "1 2"})
    assert request.headers["X-Key"] == MARK
    assert http.requests == 1


# What may pass


def test_long_waits_are_logged_and_short_ones_are_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wfo.data.sources")
    clock = VirtualClock()
    busy = [Response(503, headers={"Retry-After": seconds}) for seconds in ("1.9", "0.1", "7")]
    with serving(_script(*busy, GOOD)) as server:
        _get(_client(clock, attempts=5), server)
    where = server.url.removeprefix("http://")
    # 1.9 s is short; with the tenth of a second the request has taken two.
    assert [record.getMessage() for record in caplog.records] == [
        f"Vendor answers 503 ({where}/bars); attempt 3 of 5 in 0.1 s",
        f"Vendor answers 503 ({where}/bars); attempt 4 of 5 in 7.0 s",
    ]


def test_the_wait_for_a_window_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "wfo.data.sources")
    clock = VirtualClock()
    limit = WindowLimit(2, 60.0, clock)
    limit.take()
    clock.passed += 45.0
    limit.take()
    limit.take()
    clock.passed += 44.0
    limit.take()  # one second to wait
    assert [record.getMessage() for record in caplog.records] == [
        "2 requests in 60 s are allowed, and were sent: the next one in 15 s"
    ]


@pytest.mark.parametrize("status", sorted(RETRIED))
def test_statuses_that_may_pass_are_tried_again(status: int) -> None:
    clock = VirtualClock()
    http = _client(clock)
    with serving(_script(Response(status), Response(status), GOOD)) as server:
        assert _get(http, server) == {"answer": 42}
    assert len(server.requests) == http.requests == 3
    assert len(clock.sleeps) == 2


def test_the_statuses_that_may_pass_are_these() -> None:
    assert sorted(RETRIED) == [408, 425, 429, 500, 502, 503, 504]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Response(body=b'{"answer": 4', length=14), id="a body cut short"),
        pytest.param(Response(body=b'{"answer": 4'), id="JSON cut short"),
        pytest.param(Response(body=b"<html>try later</html>"), id="no JSON"),
        pytest.param(Response(body=b'{"answer": NaN}'), id="no number of JSON"),
        pytest.param(Response(body=b"\xff\xfe\xfd"), id="no text"),
        pytest.param(Response(body=b"[" * 100_000), id="too deep"),
        pytest.param(Response(body=b"no gzip", headers={"Content-Encoding": "gzip"}), id="gzip"),
        pytest.param(Response(silent=True), id="silence"),
    ],
)
def test_faults_of_a_connection_or_body_are_tried_again(fault: Response) -> None:
    http = _client(VirtualClock(), timeout=_timeout(fault))
    with serving(_script(fault, GOOD)) as server:
        assert _get(http, server) == {"answer": 42}
        assert len(server.requests) == 2


def test_an_answer_that_the_caller_finds_malformed_is_tried_again() -> None:
    http = _client(VirtualClock())

    def accept(found: Any) -> int:
        if found["answer"] is None:
            raise MalformedError("the answer is null")
        return int(found["answer"])

    with serving(_script(Response(body=b'{"answer": null}'), GOOD)) as server:
        assert _get(http, server, accept=accept) == 42
        assert len(server.requests) == 2
    with (
        serving(_script(Response(body=b'{"answer": null}'))) as server,
        pytest.raises(MalformedError, match="the answer is null, after 5 attempts"),
    ):
        _get(http, server, accept=accept)
    assert len(server.requests) == 5


def test_where_nothing_listens_it_is_unreachable_after_all_attempts() -> None:
    clock = VirtualClock()
    http = _client(clock, attempts=3)
    with serving(_script(GOOD)) as server:
        pass
    with pytest.raises(UnreachableError, match=r"Vendor cannot be reached.*after 3 attempts"):
        _get(http, server)
    assert (http.requests, len(clock.sleeps)) == (3, 2)


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Response(503, b'{"message": "maintenance"}'), UnreachableError, "503: maintenance"),
        (Response(429), UnreachableError, "429"),
        (Response(body=b"{"), MalformedError, "no JSON"),
        (Response(body=b"{", length=9), UnreachableError, "cut"),
        (Response(silent=True), UnreachableError, "no answer within 1 s"),
    ],
)
def test_what_does_not_pass_is_said_with_vendor_place_and_attempts(
    fault: Response, error: type[SourceError], words: str
) -> None:
    http = _client(VirtualClock(), timeout=_timeout(fault), attempts=2)
    with serving(_script(fault)) as server, pytest.raises(error) as caught:
        _get(http, server)
    said = str(caught.value)
    assert words in said
    assert "Vendor" in said
    assert f"{server.url.removeprefix('http://')}/bars" in said
    assert said.endswith("after 2 attempts")
    assert http.requests == 2


def test_waits_are_drawn_from_windows_that_double_up_to_the_longest() -> None:
    draws: list[list[float]] = []
    with serving(_script(Response(500))) as server:
        for _ in range(40):
            clock = VirtualClock()
            http = _client(clock, attempts=6, first_wait=1.0, longest_wait=5.0)
            with pytest.raises(UnreachableError):
                _get(http, server)
            draws.append(clock.sleeps)
    for window, sleeps in zip((1.0, 2.0, 4.0, 5.0, 5.0), zip(*draws, strict=True), strict=True):
        # Full jitter: uniform from 0 on. That all 40 fall into one half has odds of 2 in 2^40.
        assert 0 <= min(sleeps) < window / 2 < max(sleeps) <= window


# Retry-After


def _date(seconds: float) -> str:
    return email.utils.format_datetime(
        VirtualClock().start + dt.timedelta(seconds=seconds), usegmt=True
    )


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "2.5"}, 2.5),
        ({"Retry-After": "60"}, 60.0),
        ({"Retry-After": "86400"}, 60.0),  # capped
        ({"Retry-After": "999999999999"}, 60.0),
        ({"Retry-After": _date(9)}, 9.0),
        ({"Retry-After": _date(1e8)}, 60.0),
        # The vendor's clock is an hour ahead: what counts is how far its own date is away.
        ({"Retry-After": _date(3611), "Date": _date(3600)}, 11.0),
        ({"Retry-After": _date(-3589), "Date": _date(-3600)}, 11.0),
        ({"Retry-After": _date(12), "Date": "yesterday"}, 12.0),
    ],
)
def test_retry_after_is_obeyed_and_capped(headers: dict[str, str], expected: float) -> None:
    clock = VirtualClock()
    http = _client(clock, longest_wait=60.0)
    with serving(_script(Response(429, headers=headers), GOOD)) as server:
        assert _get(http, server) == {"answer": 42}
    assert clock.sleeps == [expected]


@pytest.mark.parametrize(
    "value", ["-5", "soon", "", "1e3", "inf", "nan", "9" * 400, _date(-100), "Mon, 99 Foo 2024"]
)
def test_a_retry_after_that_says_nothing_leaves_the_back_off(value: str) -> None:
    clock = VirtualClock()
    http = _client(clock, first_wait=0.25)
    with serving(_script(Response(503, headers={"Retry-After": value}), GOOD)) as server:
        assert _get(http, server) == {"answer": 42}
    (wait,) = clock.sleeps
    assert 0 <= wait <= 0.25


# What is an error at once


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (Response(400, b'{"Error": "BadRequest", "Message": "no such unit"}'), RefusedError,
         "400: BadRequest: no such unit"),
        (Response(400, b'{"code": -1121, "msg": "Invalid symbol."}'), RefusedError,
         "400: -1121: Invalid symbol."),
        (Response(403, b'{"message": "subscription does not permit"}'), RefusedError,
         "403: subscription does not permit"),
        (Response(404, b"<html>nginx</html>"), RefusedError, "404 "),
        (Response(401, b'{"message": "forbidden."}'), CredentialsError, "401: forbidden."),
        (Response(418), RefusedError, "418"),
    ],
)  # fmt: skip
def test_refusals_are_errors_at_once(
    response: Response, error: type[SourceError], words: str
) -> None:
    http = _client(VirtualClock())
    with serving(_script(response)) as server, pytest.raises(error) as caught:
        _get(http, server)
    assert words in str(caught.value)
    assert "<" not in str(caught.value)
    assert len(server.requests) == 1


def test_a_callers_status_is_the_callers() -> None:
    http = _client(VirtualClock())
    with serving(_script(Response(404))) as server:
        assert _get(http, server, on_status={404: lambda reply: reply.status}) == 404

    def fails(reply: Any) -> Any:
        raise MalformedError("try again")

    with serving(_script(Response(404), GOOD)) as server:
        assert _get(http, server, on_status={404: fails}) == {"answer": 42}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    http = _client(VirtualClock())
    with serving(_script(GOOD)) as other:
        away = Response(status, headers={"Location": other.url})
        with serving(_script(away)) as server, pytest.raises(RefusedError, match="redirect"):
            _get(http, server)
    assert (len(server.requests), len(other.requests)) == (1, 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://vendor.example/v3",
        "http://127.0.0.1.vendor.example",
        "http://10.0.0.1",
        "ftp://localhost",
        "vendor.example",
        "https://",
        "https://user:test-password@vendor.example",
        "https://vendor.example?key=1",
        "https://vendor.example#key",
        "https://vendor.example:port",
        "https://ven dor.example",
        "https://vendor.example/\n",
        "https://[::1",
        "",
    ],
)
def test_addresses_without_tls_or_with_more_than_host_and_path_are_refused(url: str) -> None:
    with pytest.raises(InputError) as caught:
        require_url(url, "WFO_VENDOR_URL")
    assert "WFO_VENDOR_URL" in str(caught.value)
    assert "test-password" not in str(caught.value)
    clock = VirtualClock()
    http = _client(clock)
    with pytest.raises(InputError):
        http.get_bytes(url)
    assert http.requests == 0


def test_https_and_loopback_addresses_are_fine() -> None:
    for url in ("https://vendor.example/v3", "http://localhost:80", "http://127.9.9.9/x",
                "http://[::1]:8080"):  # fmt: skip
        assert require_url(url + "/", "url") == url
    assert not is_loopback("localhost.vendor.example")


def test_a_server_without_tls_is_no_secure_one_and_is_not_asked_again() -> None:
    http = _client(VirtualClock())
    with (
        serving(_script(GOOD)) as server,
        pytest.raises(UnreachableError, match="secure connection fails"),
    ):
        http.get_bytes(server.url.replace("http:", "https:"))
    assert http.requests == 1


# Sizes and encodings


def test_a_body_that_is_too_large_is_refused_whatever_it_claims_and_not_asked_for_again() -> None:
    large = b'"' + b"a" * 300_000 + b'"'
    for response in (
        Response(body=large),
        Response(body=gzip.compress(large), headers={"Content-Encoding": "gzip"}),
    ):
        http = _client(VirtualClock(), largest_body=200_000)
        with (
            serving(_script(response)) as server,
            pytest.raises(MalformedError, match="more than 200,000 bytes"),
        ):
            _get(http, server)
        assert len(server.requests) == 1
        assert len(json.loads(large)) == 300_000
    http = _client(VirtualClock(), largest_body=len(large))
    with serving(_script(Response(body=large))) as server:
        assert len(_get(http, server)) == 300_000


def test_compressed_answers_are_asked_for_and_read() -> None:
    http = _client(VirtualClock())
    packed = Response(body=gzip.compress(GOOD.body), headers={"Content-Encoding": "gzip"})
    with serving(_script(packed)) as server:
        assert _get(http, server) == {"answer": 42}
    assert server.requests[0].headers["Accept-Encoding"] == "gzip"


def test_files_come_as_they_are_or_not_at_all() -> None:
    http = _client(VirtualClock())
    with serving(_script(Response(404), Response(body=b"\x00\xff"), Response(403))) as server:
        assert http.get_bytes(server.url + "/a.zip") is None
        assert http.get_bytes(server.url + "/a.zip") == b"\x00\xff"
        with pytest.raises(RefusedError):
            http.get_bytes(server.url + "/a.zip")


def test_forms_are_posted() -> None:
    http = _client(VirtualClock())
    with serving(_script(Response(500), GOOD)) as server:
        form = {"grant_type": "x y", "code": Secret("a&b=c%")}
        assert http.post_form(server.url + "/token", form) == {"answer": 42}
    for request in server.requests:
        assert (request.method, request.path) == ("POST", "/token")
        assert request.form == {"grant_type": "x y", "code": "a&b=c%"}


# Limits


def test_a_window_takes_so_many_requests_and_makes_the_next_one_wait() -> None:
    clock = VirtualClock()
    limit = WindowLimit(3, 10.0, clock)
    sent = []
    for gap in (0, 1, 1, 0, 0, 0, 30, 0):
        clock.passed += gap
        limit.take()
        sent.append(clock.passed)
    assert sent == [0, 1, 2, 10, 11, 12, 42, 42]
    for k in range(len(sent) - 3):
        assert sent[k + 3] - sent[k] >= 10


def test_retries_count_within_the_window() -> None:
    clock = VirtualClock()
    http = _client(clock, limit=WindowLimit(2, 100.0, clock), first_wait=0.0)
    with serving(_script(Response(500), Response(500), GOOD)) as server:
        assert _get(http, server) == {"answer": 42}
    assert clock.passed == 100.0


def test_limits_and_options_check_themselves() -> None:
    for count, seconds in ((0, 1.0), (-1, 1.0), (1, 0.0), (1, float("nan")), (1, float("inf"))):
        with pytest.raises(InputError):
            WindowLimit(count, seconds, VirtualClock())
    bad: dict[str, tuple[Any, ...]] = {
        "timeout": (0, -1, float("nan"), "30", True),
        "attempts": (0, 1.5, 1000, None),
        "first_wait": (-1,),
        "longest_wait": (float("inf"),),
        "largest_body": (0, 2.0**50),
    }
    for name, values in bad.items():
        for value in values:
            with pytest.raises(InputError, match=f"http: {name} = "):
                HttpOptions(**{name: value})


# Secrets


def _faults() -> Iterator[tuple[str, Response]]:
    echo = json.dumps({"Error": "Bad", "Message": f"Bearer {MARK} {MARK} is bad"}).encode()
    for status in (302, 400, 401, 403, 404, 418, 429, 500):
        yield str(status), Response(status, echo)
        yield f"{status} in plain text", Response(status, f"key={MARK}\r\nX".encode())
    yield "cut", Response(body=echo, length=10_000)
    yield "no JSON", Response(body=echo + b"}")
    yield "silence", Response(silent=True)
    yield "gzip", Response(body=echo, headers={"Content-Encoding": "gzip"})
    yield "too large", Response(body=MARK.encode() * 1000)


@pytest.mark.parametrize("response", [pytest.param(r, id=name) for name, r in _faults()])
def test_no_failure_shows_a_secret(response: Response, capfd: pytest.CaptureFixture[str]) -> None:
    http = _client(VirtualClock(), attempts=2, timeout=_timeout(response), largest_body=5_000)
    headers = {"Authorization": Secret(f"Bearer {MARK}")}
    with serving(_script(response)) as server:
        for send in (
            lambda: http.get_json(server.url, {}, headers, accept=lambda x: x),
            lambda: http.post_form(server.url, {"refresh_token": Secret(MARK)}),
        ):
            with pytest.raises(SourceError) as caught:
                send()
            said = everything_said(caught.value)
            assert "in _retry" in said
            assert "headers = " in said or "form = " in said
            assert "Vendor" in said
            assert MARK not in said
    assert MARK not in repr(http)
    assert MARK not in "".join(capfd.readouterr())


def test_words_of_a_vendor_are_bounded_and_on_one_line() -> None:
    http = _client(VirtualClock())
    words = json.dumps({"message": "bad\n\x1b[31m" + "x " * 5000}).encode()
    with serving(_script(Response(400, words))) as server, pytest.raises(RefusedError) as caught:
        _get(http, server)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


def test_a_secret_is_shown_when_it_is_asked_for_alone() -> None:
    secret = Secret(MARK)
    assert secret.reveal() == MARK
    shown = [f"{secret}", f"{secret!r}", str([secret]), f"{secret!s:>9}", "%s" % secret]  # noqa: UP031
    assert not any(MARK in s for s in shown)
    assert not hasattr(secret, "__dict__")
    assert (secret == Secret(MARK), secret == MARK, bool(Secret(""))) == (True, False, False)


# Proxies


def test_a_proxy_of_the_environment_is_asked_and_its_password_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    http = _client(VirtualClock(), attempts=2)
    with serving(_script(Response(407))) as proxy:
        address = proxy.url.replace("http://", "http://user:test-password@")
        monkeypatch.setenv("https_proxy", address)
        with pytest.raises(UnreachableError, match="proxy") as caught:
            http.get_bytes("https://vendor.invalid/a")
    assert [r.method for r in proxy.requests] == ["CONNECT"] * 2
    basic = "dXNlcjp0ZXN0LXBhc3N3b3Jk"  # user:test-password in base64
    assert proxy.requests[0].headers["Proxy-Authorization"] == f"Basic {basic}"
    assert "test-password" not in str(caught.value)


def test_loopback_addresses_need_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    http = _client(VirtualClock())
    with serving(_script(Response(500))) as proxy, serving(_script(GOOD)) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert _get(http, server) == {"answer": 42}
    assert proxy.requests == []


# Hostile answers


class _EndlessClock(VirtualClock):
    """A clock that moves on by a second each time it is read."""

    def monotonic(self) -> float:
        self.passed += 1.0
        return self.passed


@contextlib.contextmanager
def _trickling(head: bytes, piece: bytes) -> Iterator[str]:
    """Serve one answer whose body goes on until the client leaves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(1 << 16)
                connection.sendall(head)
                while True:
                    connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b" "),
    ],
    ids=["length", "chunked", "until closed"],
)
def test_an_answer_that_trickles_ends_after_a_stated_time(head: bytes, piece: bytes) -> None:
    clock = _EndlessClock()
    http = _client(clock, whole_timeout=100, limit=WindowLimit(1000, 1e-9, clock))
    with _trickling(head, piece) as url, pytest.raises(UnreachableError, match="not whole") as got:
        http.get_json(url, {}, {}, accept=lambda found: found)
    assert "after 2 minutes" in str(got.value)
    assert "whole_timeout" in str(got.value)
    assert http.requests == 1


def test_layers_of_compression_and_unknown_ones_are_not_unpacked() -> None:
    packed = gzip.compress(GOOD.body)
    bomb = gzip.compress(gzip.compress(b"[" + b"0," * 5_000_000))
    for body, said in (
        (gzip.compress(packed), "gzip, gzip"),
        (bomb, "gzip, gzip"),
        (zlib.compress(GOOD.body), "deflate"),
        (GOOD.body, "br"),
        (packed[:-9], "gzip"),
        (b"", "gzip"),
    ):
        http = _client(VirtualClock(), attempts=2, largest_body=1000)
        answer = Response(body=body, headers={"Content-Encoding": said})
        with serving(_script(answer)) as server, pytest.raises(MalformedError, match="compressed"):
            _get(http, server)


def test_an_answer_in_several_compressed_parts_is_read() -> None:
    body = gzip.compress(GOOD.body[:5]) + gzip.compress(GOOD.body[5:]) + b"\0" * 7
    http = _client(VirtualClock())
    with serving(_script(Response(body=body, headers={"Content-Encoding": "GZIP"}))) as server:
        assert _get(http, server) == {"answer": 42}


def test_a_refusal_that_is_compressed_wrongly_is_still_the_refusal() -> None:
    http = _client(VirtualClock())
    answer = Response(403, b"no gzip", headers={"Content-Encoding": "gzip"})
    with serving(_script(answer)) as server, pytest.raises(RefusedError, match="403"):
        _get(http, server)


def test_long_words_of_a_vendor_are_redacted_at_once() -> None:
    http = _client(VirtualClock())
    token = ".".join(["a" * 100] * 3)
    began = time.process_time()
    assert http.redacted(f"see {token}, {'a' * 60_000}") == f"see ***, {'a' * 290}…"
    assert http.redacted(f"x.{token}") == "x.***"
    # It took half a minute.
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (
            {},
            "429; requests are counted over 5 minutes, also those of other programs: try again in ",
        ),
        ({"Retry-After": "7200"}, "429; it asks to wait 120 minutes"),
        ({"Retry-After": "20"}, "429 (127.0.0.1"),
    ],
)
def test_too_many_requests_are_said_with_when_to_try_again(
    headers: dict[str, str], said: str
) -> None:
    clock = VirtualClock()
    http = _client(clock, limit=WindowLimit(500, 300.0, clock))
    with (
        serving(_script(Response(429, headers=headers))) as server,
        pytest.raises(UnreachableError) as caught,
    ):
        _get(http, server)
    assert said in str(caught.value)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_said(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    http = _client(VirtualClock())
    with pytest.raises(UnreachableError, match="proxy that the environment names"):
        http.get_bytes("https://vendor.invalid/a")


def test_a_proxy_may_be_named_without_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    http = _client(VirtualClock(), attempts=1)
    with serving(_script(Response(407))) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.removeprefix("http://"))
        with pytest.raises(UnreachableError, match="proxy"):
            http.get_bytes("https://vendor.invalid/a")
    assert [r.method for r in proxy.requests] == ["CONNECT"]


@pytest.mark.parametrize("url", ["https://vendor.invalid/v3?", "https://vendor.invalid/v3#"])
def test_an_empty_query_or_fragment_would_swallow_the_path(url: str) -> None:
    with pytest.raises(InputError, match="without user or query"):
        require_url(url, "WFO_TEST_URL")
