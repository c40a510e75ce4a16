"""The login at TradeStation: what the browser is sent to, and which answer is taken."""

from __future__ import annotations

import http.client
import json
import socket
import stat
import sys
import urllib.parse
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback import Request, Response, VirtualClock, everything_said, files_with, serving

from wfo.data.sources import SourcesConfig, open_source
from wfo.data.sources.credentials import TOKEN_FILE
from wfo.data.sources.errors import CredentialsError, MalformedError, SourceError
from wfo.data.sources.login import PORTS, login
from wfo.errors import InputError

CLIENT, SECRET, CODE, REFRESH = (
    "test-client-id", "test-client-secret", "test-code-0123456789", "test-refresh-0123456789",
)  # fmt: skip
GRANT = {"access_token": "test-access-0123456789", "refresh_token": REFRESH, "expires_in": 1200}


def _config(folder: Path, signin: str, **environ: str) -> SourcesConfig:
    return SourcesConfig.load(
        {
            "WFO_CONFIG_DIR": str(folder),
            "WFO_TRADESTATION_SIGNIN_URL": signin,
            "WFO_TRADESTATION_CLIENT_ID": CLIENT,
            "WFO_TRADESTATION_CLIENT_SECRET": SECRET,
            **environ,
        }
    )


class Browser:
    """Goes where it is sent, and comes back with what the test wants."""

    def __init__(self, *answers: Callable[[dict[str, str]], dict[str, str] | str]) -> None:
        self.answers = answers
        self.address = ""
        self.asked: dict[str, str] = {}
        self.pages: list[tuple[int, str]] = []
        self.host: str | None = None

    def __call__(self, address: str) -> bool:
        self.address = address
        self.asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query))
        for answer in self.answers:
            back = answer(self.asked)
            self.get(back if isinstance(back, str) else f"/?{urllib.parse.urlencode(back)}")
        return True

    def get(self, target: str) -> None:
        redirect = urllib.parse.urlsplit(self.asked["redirect_uri"])
        connection = http.client.HTTPConnection("127.0.0.1", redirect.port or 80, timeout=10)
        connection.putrequest("GET", target, skip_host=True)
        connection.putheader("Host", redirect.netloc if self.host is None else self.host)
        connection.endheaders()
        response = connection.getresponse()
        self.pages.append((response.status, response.read().decode()))
        assert response.headers["Cache-Control"] == "no-store"
        connection.close()


def _granted(asked: dict[str, str]) -> dict[str, str]:
    return {"code": CODE, "state": asked["state"]}


def _answer(_: Request) -> Response:
    return Response(body=json.dumps(GRANT).encode())


def test_a_login_stores_the_refresh_token_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    browser = Browser(_granted)
    with serving(_answer) as vendor:
        config = _config(tmp_path, vendor.url)
        path = login(config, clock=VirtualClock(), open_browser=browser, port=0, say=said.append)
    assert path == tmp_path / TOKEN_FILE
    assert json.loads(path.read_text())["refresh_token"] == REFRESH
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # A browser that has opened may show nothing all the same.
    assert (
        f"If no browser has opened: open this address on this machine:\n{browser.address}" in said
    )
    # What the vendor was asked, first by the browser, then for tokens.
    parts = urllib.parse.urlsplit(browser.address)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{vendor.url}/authorize"
    redirect = browser.asked.pop("redirect_uri")
    assert redirect.startswith("http://localhost:")
    assert len(browser.asked.pop("state")) >= 32
    assert browser.asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "audience": "https://api.tradestation.com",
        "scope": "openid offline_access MarketData",
    }
    (request,) = vendor.requests
    assert (request.method, request.path) == ("POST", "/oauth/token")
    assert request.form == {
        "grant_type": "authorization_code",
        "client_id": CLIENT,
        "client_secret": SECRET,
        "code": CODE,
        "redirect_uri": redirect,
    }
    ((status, page),) = browser.pages
    assert status == 200
    everything = "\n".join([*said, page, *capfd.readouterr()])
    for secret in (SECRET, CODE, REFRESH, GRANT["access_token"]):
        assert str(secret) not in everything
    assert files_with(tmp_path, REFRESH) == [TOKEN_FILE]
    for secret in (SECRET, CODE, GRANT["access_token"]):
        assert files_with(tmp_path, str(secret)) == []
    # It is what the source then starts from.
    assert open_source("tradestation", config).name == "tradestation"


def test_each_login_has_a_state_of_its_own(tmp_path: Path) -> None:
    states = []
    with serving(_answer) as vendor:
        for _ in range(3):
            browser = Browser(_granted)
            login(
                _config(tmp_path, vendor.url),
                clock=VirtualClock(),
                open_browser=browser,
                port=0,
                say=lambda _: None,
            )
            states.append(browser.asked["state"])
    assert len(set(states)) == 3


def test_a_login_wins_over_the_configured_token_that_it_replaces(tmp_path: Path) -> None:
    with serving(_answer) as vendor:
        old = {"WFO_TRADESTATION_REFRESH_TOKEN": "test-revoked"}
        config = _config(tmp_path, vendor.url, **old)
        login(
            config,
            clock=VirtualClock(),
            open_browser=Browser(_granted),
            port=0,
            say=lambda _: None,
        )
        source = open_source("tradestation", config, clock=VirtualClock())
        tokens = getattr(source, "_tokens")  # noqa: B009 (no public way leads to it)
        tokens.access()
    assert vendor.requests[-1].form["refresh_token"] == REFRESH


def test_answers_that_are_not_of_this_login_are_turned_away(tmp_path: Path) -> None:
    wrong: list[tuple[Callable[[dict[str, str]], dict[str, str] | str], int]] = [
        (lambda a: {"code": CODE, "state": "other"}, 400),
        (lambda a: {"code": CODE}, 400),
        (lambda a: {"error": "access_denied", "state": "other"}, 400),
        (lambda a: f"/?code={CODE}&state={a['state']}&state=other", 400),
        (lambda a: f"/?code={CODE}&code=other&state={a['state']}", 400),
        (lambda a: {"state": a["state"]}, 400),
        (lambda a: {"code": "x" * 5000, "state": a["state"]}, 400),
        (lambda a: {"code": "a b\n", "state": a["state"]}, 400),
        (lambda a: f"/favicon.ico?code={CODE}&state={a['state']}", 404),
        (lambda a: "/?" + "&".join(f"a{k}=1" for k in range(50)), 400),
        (lambda a: "/", 400),
        (lambda a: "http://[/", 400),
    ]
    browser = Browser(*(w for w, _ in wrong), _granted, _granted)
    with serving(_answer) as vendor:
        login(
            _config(tmp_path, vendor.url),
            clock=VirtualClock(),
            open_browser=browser,
            port=0,
            say=lambda _: None,
        )
    expected = [*(status for _, status in wrong), 200, 410]
    assert [status for status, _ in browser.pages] == expected
    assert not any(CODE in page for _, page in browser.pages)
    (request,) = vendor.requests
    assert request.form["code"] == CODE


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:1", "", "127.0.0.1.x"])
def test_only_loopback_names_are_answered(tmp_path: Path, host: str) -> None:
    browser = Browser(_granted)
    browser.host = host
    with serving(_answer) as vendor, pytest.raises(CredentialsError, match="no login came back"):
        login(
            _config(tmp_path, vendor.url),
            clock=VirtualClock(),
            open_browser=browser,
            port=0,
            say=lambda _: None,
        )
    assert [status for status, _ in browser.pages] == [403]
    assert vendor.requests == []


def test_a_consent_that_is_denied_is_said(tmp_path: Path) -> None:
    def denied(asked: dict[str, str]) -> dict[str, str]:
        words = {"error": "access_denied", "error_description": "User did not\n<authorize>"}
        return {**words, "state": asked["state"]}

    browser = Browser(denied)
    with serving(_answer) as vendor, pytest.raises(CredentialsError) as caught:
        login(
            _config(tmp_path, vendor.url),
            clock=VirtualClock(),
            open_browser=browser,
            port=0,
            say=lambda _: None,
        )
    assert "(access_denied: User did not<authorize>)" in str(caught.value)
    ((status, page),) = browser.pages
    assert (status, "<authorize>" in page) == (200, False)
    assert vendor.requests == []
    assert not (tmp_path / TOKEN_FILE).exists()


def test_it_is_given_up_after_some_minutes_and_the_port_is_free_again(tmp_path: Path) -> None:
    clock = VirtualClock()
    browser = Browser()
    with pytest.raises(CredentialsError, match=r"within 300 s.*callback URLs"):
        login(
            _config(tmp_path, "http://localhost:9"),
            clock=clock,
            open_browser=browser,
            port=0,
            say=lambda _: None,
        )
    assert 300 <= clock.passed < 301
    port = urllib.parse.urlsplit(browser.asked["redirect_uri"]).port
    assert port is not None
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize("fails", [False, True])
def test_without_a_browser_the_address_is_said(tmp_path: Path, fails: bool) -> None:
    said: list[str] = []
    browser = Browser(_granted)

    def none(address: str) -> bool:
        if fails:
            raise webbrowser.Error("no browser")
        return False

    def say(text: str) -> None:
        said.append(text)
        for word in text.split():
            if "/authorize?" in word:
                browser(word)

    with serving(_answer) as vendor:
        login(
            _config(tmp_path, vendor.url), clock=VirtualClock(), open_browser=none, port=0, say=say
        )
        assert f"{vendor.url}/authorize?" in said[1]
    assert len(vendor.requests) == 1


def test_a_port_in_use_is_said_with_others_that_keys_allow(tmp_path: Path) -> None:
    assert PORTS[0] == 31022
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} cannot be used.*31022, 8080"):
            login(
                _config(tmp_path, "http://localhost:9"),
                clock=VirtualClock(),
                open_browser=Browser(_granted),
                port=port,
                say=lambda _: None,
            )
    with pytest.raises(InputError, match="port 70000 cannot be used"):
        login(_config(tmp_path, "http://localhost:9"), port=70_000, say=lambda _: None)


def test_without_client_id_or_secret_no_browser_opens(tmp_path: Path) -> None:
    browser = Browser(_granted)
    config = _config(tmp_path, "http://localhost:9", WFO_TRADESTATION_CLIENT_SECRET="")
    with pytest.raises(CredentialsError, match="client secret is not given") as caught:
        login(config, open_browser=browser, port=0, say=lambda _: None)
    assert "WFO_TRADESTATION_CLIENT_SECRET" in str(caught.value)
    assert browser.address == ""


def test_a_folder_that_cannot_be_written_is_said_before_the_browser_opens(tmp_path: Path) -> None:
    config = _config(tmp_path / "file" / "config", "http://localhost:9")
    (tmp_path / "file").write_text("")
    browser = Browser(_granted)
    with pytest.raises(CredentialsError, match="WFO_CONFIG_DIR"):
        login(config, open_browser=browser, port=0, say=lambda _: None)
    assert browser.address == ""


def _words(status: int, **words: str) -> Response:
    return Response(status, json.dumps(words).encode())


@pytest.mark.parametrize(
    ("response", "error", "words"),
    [
        (_words(403, error="invalid_grant", error_description=f"Bad code {CODE}"),
         CredentialsError, "refuses the code of the login (invalid_grant: Bad code ***)"),
        (_words(401, error="invalid_client", error_description=SECRET), CredentialsError,
         "refuses client id or client secret"),
        (_words(200, access_token="test-access-0123456789"), CredentialsError, "offline_access"),
        (Response(body=json.dumps({**GRANT, "access_token": 5}).encode()), MalformedError,
         "a token that is none"),
        (_words(500, error=REFRESH, error_description=f"{CODE} {SECRET}"), SourceError, "500"),
    ],
)  # fmt: skip
def test_a_code_that_brings_no_token_is_an_error_that_shows_no_secret(
    tmp_path: Path, response: Response, error: type[SourceError], words: str
) -> None:
    said: list[str] = []
    with serving(lambda _: response) as vendor, pytest.raises(error) as caught:
        login(
            _config(tmp_path, vendor.url),
            clock=VirtualClock(),
            open_browser=Browser(_granted),
            port=0,
            say=said.append,
        )
    assert words in str(caught.value)
    everything = "\n".join([everything_said(caught.value), *said])
    for secret in (SECRET, CODE, str(GRANT["access_token"])):
        assert secret not in everything
    assert not (tmp_path / TOKEN_FILE).exists()
