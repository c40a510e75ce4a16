"""Addresses, secrets and stored tokens: where they are read, what is refused, what wins."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import multiprocessing
import os
import pickle
import stat
import sys
import threading
from pathlib import Path

import pytest
from loopback import everything_said, files_with

from wfo.data.sources import SourcesConfig, choose_source, open_source, source_names
from wfo.data.sources.config import config_folder
from wfo.data.sources.credentials import (
    CREDENTIALS_FILE,
    LARGEST_FILE,
    TOKEN_FILE,
    VARIABLES,
    Secret,
    TokenFile,
    read_private,
    write_private,
)
from wfo.data.sources.errors import CredentialsError
from wfo.errors import InputError
from wfo.files import whole

MARK = "test-secret-0123456789"
NOW = dt.datetime(2024, 6, 3, 12, tzinfo=dt.UTC)

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")


def _private(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def _load(folder: Path, **environ: str) -> SourcesConfig:
    return SourcesConfig.load({"WFO_CONFIG_DIR": str(folder), **environ})


# The folder and sources.toml


def test_the_folder_is_the_one_that_is_named_nearest(tmp_path: Path) -> None:
    home = Path.home()
    assert config_folder({"WFO_CONFIG_DIR": str(tmp_path)}) == tmp_path
    named = {"WFO_CONFIG_DIR": str(tmp_path), "XDG_CONFIG_HOME": "/elsewhere"}
    assert config_folder(named) == tmp_path
    if sys.platform != "win32":
        assert config_folder({"XDG_CONFIG_HOME": "/elsewhere"}) == Path("/elsewhere/wfo")
        assert config_folder({"XDG_CONFIG_HOME": "relative"}) == home / ".config" / "wfo"
    assert config_folder({}) == home / ".config" / "wfo"
    assert config_folder({"WFO_CONFIG_DIR": "~/mine"}) == home / "mine"


def test_without_files_and_variables_there_are_the_vendors_addresses(tmp_path: Path) -> None:
    config = _load(tmp_path / "missing")
    assert config.tradestation.url == "https://api.tradestation.com/v3"
    assert config.tradestation.signin_url == "https://signin.tradestation.com"
    assert config.alpaca.url == "https://data.alpaca.markets"
    assert config.binance.files_url == "https://data.binance.vision"
    assert config.binance.futures_url == "https://fapi.binance.com"
    assert (config.source, config.files_folder, config.http.attempts) == (None, None, 5)
    assert not (tmp_path / "missing").exists()


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(
        'source = "files"\n[http]\ntimeout = 5\nattempts = 2\n'
        '[tradestation]\nenvironment = "sim"\n[alpaca]\nfeed = "iex"\n'
        '[binance]\nspot_url = "http://localhost:9/"\n[files]\nfolder = "~/bars"\n',
        encoding="utf-8",
    )
    config = _load(tmp_path)
    assert (config.source, config.http.timeout, config.http.attempts) == ("files", 5, 2)
    assert config.tradestation.url == "https://sim-api.tradestation.com/v3"
    assert config.tradestation.signin_url == "https://signin.tradestation.com"
    assert config.alpaca.feed == "iex"
    assert config.binance.spot_url == "http://localhost:9"
    assert config.files_folder == Path.home() / "bars"
    other = _load(
        tmp_path,
        WFO_SOURCE="alpaca",
        WFO_TRADESTATION_ENVIRONMENT="live",
        WFO_TRADESTATION_URL="http://127.0.0.1:1/v3",
        WFO_TRADESTATION_SIGNIN_URL="http://127.0.0.1:2",
        WFO_ALPACA_URL="http://127.0.0.1:3",
        WFO_ALPACA_FEED="sip",
        WFO_BINANCE_FILES_URL="http://127.0.0.1:4",
        WFO_BINANCE_SPOT_URL="http://127.0.0.1:5",
        WFO_BINANCE_FUTURES_URL="http://127.0.0.1:6",
        WFO_FILES_DIR=str(tmp_path),
    )
    assert other.source == "alpaca"
    assert other.tradestation.environment == "live"
    assert other.tradestation.url == "http://127.0.0.1:1/v3"
    assert other.tradestation.signin_url == "http://127.0.0.1:2"
    assert (other.alpaca.url, other.alpaca.feed) == ("http://127.0.0.1:3", "sip")
    assert dataclasses.astuple(other.binance) == tuple(f"http://127.0.0.1:{k}" for k in (4, 5, 6))
    assert other.files_folder == tmp_path
    # A variable that is set to nothing is none.
    assert _load(tmp_path, WFO_SOURCE="").source == "files"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("source = ", "no TOML"),
        ("source = 5", "source must be a text"),
        ('sauce = "alpaca"', "did you mean 'source'"),
        ('[alpcaa]\nfeed = "sip"', "did you mean 'alpaca'"),
        ('[alpaca]\nfed = "sip"', "did you mean 'feed'"),
        ('[alpaca]\nfeed = "otc"', "'otc' is unknown"),
        ('[alpaca]\nurl = "http://vendor.example"', "https only"),
        ('[tradestation]\nenvironment = "paper"', "'paper' is unknown"),
        ("[http]\ntimeout = 0", "timeout = 0 is not allowed"),
        ("[http]\nattempts = 1.5", "attempts = 1.5 is not allowed"),
        ("[http]\nlargest_body = 1", "largest_body is unknown"),
        (f'[tradestation]\nrefresh_token = "{MARK}"', "is a secret"),
        (f'[tradestation]\nclient_secret = "{MARK}"', "is a secret"),
        (f'[alpaca]\nsecret_key = "{MARK}"', "credentials.toml"),
        (f'secret_key = "{MARK}"', "is a secret"),
        (f'[alpaca]\nkey_id = "{MARK}', "no TOML"),
        ("#" * (LARGEST_FILE + 1), "larger than"),
        ("\udcff", "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / "sources.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError) as caught:
        _load(tmp_path)
    assert words in str(caught.value)
    assert MARK not in str(caught.value)


@posix
def test_a_file_that_anyone_may_write_or_that_is_none_names_no_addresses(tmp_path: Path) -> None:
    path = tmp_path / "sources.toml"
    path.write_text('source = "alpaca"\n')
    path.chmod(0o666)
    with pytest.raises(InputError, match=r"written by everyone: chmod o-w .*sources\.toml"):
        _load(tmp_path)
    path.chmod(0o664)
    assert _load(tmp_path).source == "alpaca"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is a named pipe"):
        _load(tmp_path)


def test_a_home_folder_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\[files\] folder = ~no-such-user/bars"):
        _load(tmp_path, WFO_FILES_DIR="~no-such-user/bars")
    with pytest.raises(InputError, match="WFO_CONFIG_DIR = ~no-such-user"):
        SourcesConfig.load({"WFO_CONFIG_DIR": "~no-such-user"})


# credentials.toml

CREDENTIALS = (
    '[tradestation]\nclient_id = "test-client-id"\nclient_secret = "test-client-secret"\n'
    'refresh_token = "test-refresh-token"\n'
    '[alpaca]\nkey_id = "test-key-id"\nsecret_key = "test-secret-key"\n'
)


def _plain(config: SourcesConfig) -> list[str | None]:
    given = (config.credentials.tradestation, config.credentials.alpaca)
    return [
        None if (secret := getattr(part, field.name)) is None else secret.reveal()
        for part in given
        for field in dataclasses.fields(part)
    ]


def test_credentials_come_from_the_file_and_the_environment_wins(tmp_path: Path) -> None:
    assert _plain(_load(tmp_path)) == [None] * 5
    _private(tmp_path / CREDENTIALS_FILE, CREDENTIALS)
    config = _load(tmp_path)
    assert _plain(config) == [
        "test-client-id", "test-client-secret", "test-refresh-token", "test-key-id",
        "test-secret-key",
    ]  # fmt: skip
    assert config.credentials.alpaca.complete
    environ = {variable: f"other-{k}" for k, variable in enumerate(VARIABLES.values())}
    assert set(environ) == {
        "WFO_TRADESTATION_CLIENT_ID", "WFO_TRADESTATION_CLIENT_SECRET",
        "WFO_TRADESTATION_REFRESH_TOKEN", "APCA_API_KEY_ID", "APCA_API_SECRET_KEY",
    }  # fmt: skip
    assert _plain(_load(tmp_path, **environ)) == [f"other-{k}" for k in range(5)]
    half = _load(tmp_path, APCA_API_KEY_ID="other")
    assert _plain(half)[3:] == ["other", "test-secret-key"]


def test_nothing_shows_what_was_loaded(tmp_path: Path) -> None:
    _private(tmp_path / CREDENTIALS_FILE, CREDENTIALS)
    config = _load(tmp_path)
    for shown in (repr(config), str(config), f"{config.credentials}", str(vars(config))):
        assert "test-" not in shown.replace(str(tmp_path), "")
        assert "***" in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(config)
    with pytest.raises(TypeError):
        json.dumps(config.credentials.alpaca.key_id)


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o620, 0o601, 0o777])
def test_a_file_that_others_may_read_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    path = _private(tmp_path / CREDENTIALS_FILE, CREDENTIALS, mode)
    with pytest.raises(InputError, match=rf"mode {mode:03o}.*chmod 600 {path}"):
        _load(tmp_path)
    path.chmod(0o600)
    assert _load(tmp_path).credentials.alpaca.complete
    path.chmod(0o400)
    assert _load(tmp_path).credentials.alpaca.complete


@posix
def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _private(tmp_path / CREDENTIALS_FILE, CREDENTIALS)
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(InputError, match=f"belongs to another user \\(id {owner}\\)"):
        _load(tmp_path)


@posix
def test_links_folders_and_pipes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config" / CREDENTIALS_FILE
    real = _private(tmp_path / "real.toml", CREDENTIALS)
    path.parent.mkdir()
    path.symlink_to(real)
    with pytest.raises(InputError, match="symbolic link"):
        _load(path.parent)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="is a folder"):
        _load(path.parent)
    path.rmdir()
    os.mkfifo(path, 0o600)
    with pytest.raises(InputError, match="is a named pipe"):
        _load(path.parent)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'[alpaca]\nkey_id = "{MARK}', "no TOML"),
        (f"[alpaca]\nkey_id = {MARK}", "no TOML (at line 2"),
        (f"{MARK} = 1\n{MARK} = 2", "no TOML"),
        (f'[alpaca]\nkey = "{MARK}"', "key is unknown"),
        (f'[alpcaa]\nkey_id = "{MARK}"', "did you mean 'alpaca'"),
        ("[alpaca]\nkey_id = 5", "must be a text"),
        (f'[alpaca]\nkey_id = "{MARK} "', "blanks"),
        (f'[alpaca]\nkey_id = "{MARK}\\n"', "blanks"),
        (f'[alpaca]\nkey_id = "{MARK}\u2028"', "blanks"),
        (f'[alpaca]\nkey_id = "{MARK * 500}"', "copy it again"),
        ('alpaca = "x"', "must be a table"),
        ("#" * (LARGEST_FILE + 1), "larger than"),
        ("\udcff", "no UTF-8"),
    ],
)
def test_credentials_that_cannot_be_read_are_refused_without_a_word_of_them(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / CREDENTIALS_FILE
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(InputError) as caught:
        _load(tmp_path)
    said = str(caught.value)
    assert words in said
    assert str(path) in said
    assert MARK not in said
    assert caught.value.__context__ is None or MARK not in str(caught.value.__context__)


def test_a_variable_that_is_no_secret_is_refused_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="APCA_API_KEY_ID holds blanks") as caught:
        _load(tmp_path, APCA_API_KEY_ID=f"{MARK}\n")
    assert MARK not in str(caught.value)


# The token file


def test_a_token_is_stored_for_its_owner_alone_from_its_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    real = os.open

    def watched(path: object, flags: int, mode: int = 0o777, **more: object) -> int:
        descriptor = real(path, flags, mode, **more)  # type: ignore[arg-type, call-overload]
        if flags & os.O_CREAT and str(path).endswith(".part"):
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        file = TokenFile(tmp_path / "new", None)
        with file.hold():
            file.write(Secret(MARK), NOW)
    finally:
        os.umask(before)
    assert file.read() == Secret(MARK)
    if sys.platform != "win32":
        assert {*modes} == {0o600}
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert files_with(tmp_path, MARK) == [f"new/{TOKEN_FILE}"]
    assert MARK not in repr(file)


@posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o277, 0o777])
def test_a_token_can_be_read_again_whatever_the_mask(tmp_path: Path, mask: int) -> None:
    file = TokenFile(tmp_path, None)
    before = os.umask(mask)
    try:
        file.write(Secret(MARK), NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("fails", [1, 2])
def test_a_full_disk_is_found_out_before_a_token_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    file = TokenFile(tmp_path, None)
    file.write(Secret("test-old"), NOW)
    real = (os.fsync, Path.replace)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync", full) if fails == 1 else (Path, "replace", full)))
    entered = False
    with pytest.raises(CredentialsError, match=r"No space left.*WFO_CONFIG_DIR"), file.hold():
        entered = True
    assert not entered
    monkeypatch.setattr(os, "fsync", real[0])
    monkeypatch.setattr(Path, "replace", real[1])
    # The lock is free again, and nothing is left behind.
    with file.hold():
        assert file.read() == Secret("test-old")
    assert {p.name for p in tmp_path.iterdir()} == {TOKEN_FILE, "tradestation-token.lock"}


def test_a_token_that_is_stored_is_stored_even_if_its_folder_cannot_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("wfo.files.whole.sync_folder", broken)
    file = TokenFile(tmp_path, None)
    file.write(Secret(MARK), NOW)
    assert file.read() == Secret(MARK)


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wfo.data.sources.credentials.locked", lambda *_, **__: None)
    with (
        pytest.raises(CredentialsError, match=r"has no locks.*WFO_CONFIG_DIR"),
        TokenFile(tmp_path, None).hold(),
    ):
        pass


def test_a_write_that_fails_leaves_the_old_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = TokenFile(tmp_path, None)
    file.write(Secret("test-old"), NOW)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(CredentialsError, match="No space left on device") as caught:
            file.write(Secret(MARK), NOW)
    assert "wfo data login tradestation" in str(caught.value)
    said = everything_said(caught.value)
    # The text itself is a variable of the function that writes; no error leads there.
    assert MARK not in str(caught.value)
    assert "write_private" not in said
    assert file.read() == Secret("test-old")
    assert files_with(tmp_path, MARK) == []
    # A part that a killed writer left is in no way.
    _private(tmp_path / f".{TOKEN_FILE}.0123456789abcdef.part", "left", 0o644)
    file.write(Secret(MARK), NOW)
    assert file.read() == Secret(MARK)
    assert sorted(p.name for p in tmp_path.iterdir()) == [TOKEN_FILE]


def test_no_secret_goes_into_a_file_that_another_process_has_put_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = TokenFile(tmp_path, None)
    foreign = _private(tmp_path / "foreseen", "foreign", 0o644)
    monkeypatch.setattr(whole, "_beside", lambda _: foreign)
    with pytest.raises(CredentialsError, match="cannot be written"):
        file.write(Secret(MARK), NOW)
    assert foreign.read_text() == "foreign"
    assert files_with(tmp_path, MARK) == []


def test_the_stored_token_counts_while_it_descends_from_the_configured_one(tmp_path: Path) -> None:
    first, second = Secret("test-first"), Secret("test-second")
    assert TokenFile(tmp_path, None).read() is None
    assert TokenFile(tmp_path, first).read() == first
    TokenFile(tmp_path, first).write(Secret("test-rotated"), NOW)
    assert TokenFile(tmp_path, first).read() == Secret("test-rotated")
    assert TokenFile(tmp_path, None).read() == Secret("test-rotated")
    # The user gives a new one.
    assert TokenFile(tmp_path, second).read() == second
    TokenFile(tmp_path, second).write(Secret("test-again"), NOW)
    assert TokenFile(tmp_path, second).read() == Secret("test-again")
    assert TokenFile(tmp_path, first).read() == first
    # A login without a configured one, and then a configured one.
    TokenFile(tmp_path, None).write(Secret("test-login"), NOW)
    assert TokenFile(tmp_path, None).read() == Secret("test-login")
    assert TokenFile(tmp_path, first).read() == first
    text = (tmp_path / TOKEN_FILE).read_text()
    assert "test-first" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON object"),
        ("[]", "no JSON object"),
        ("{" * 100_0, "no JSON object"),
        (f'{{"refresh_token": "{MARK}"', "no JSON object"),
        ("{}", "holds no refresh token"),
        ('{"refresh_token": 5}', "holds no refresh token"),
        (f'{{"refresh_token": "{MARK}", "descends_from": 5}}', "holds no refresh token"),
        (f'{{"refresh_token": "{MARK} {MARK}"}}', "blanks"),
        ('{"refresh_token": ""}', "blanks"),
        (" " * (LARGEST_FILE + 1), "larger than"),
        ("\udcff", "no UTF-8"),
    ],
)
def test_a_token_file_that_cannot_be_read_is_refused_with_the_way_out(
    tmp_path: Path, text: str, words: str
) -> None:
    path = tmp_path / TOKEN_FILE
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(CredentialsError) as caught:
        TokenFile(tmp_path, None).read()
    said = str(caught.value)
    assert words in said
    assert str(path) in said
    assert "remove it and run `wfo data login tradestation`" in said
    assert MARK not in said


@posix
def test_a_token_file_that_others_may_reach_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = TokenFile(tmp_path, None)
    file.write(Secret(MARK), NOW)
    file.path.chmod(0o640)
    with pytest.raises(CredentialsError, match=r"mode 640.*chmod 600.*wfo data login tradestation"):
        file.read()
    file.path.chmod(0o600)
    away = file.path.rename(tmp_path / "away.json")
    file.path.symlink_to(away)
    with pytest.raises(CredentialsError, match=r"symbolic link.*wfo data login tradestation"):
        file.read()
    # A new token takes the place of the link, not of what it leads to.
    file.write(Secret("test-new"), NOW)
    assert not file.path.is_symlink()
    assert MARK in away.read_text()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(CredentialsError, match="another user"):
        file.read()


@posix
def test_a_folder_that_cannot_be_written_is_refused_before_a_token_is_spent(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(CredentialsError, match="WFO_CONFIG_DIR"),
        TokenFile(tmp_path / "file" / "config", None).hold(),
    ):
        pass


def _rotate(folder: Path, count: int) -> None:
    """Append to the token `count` times, as processes do that renew it at the same time."""
    file = TokenFile(folder, Secret("test-0"))
    for _ in range(count):
        with file.hold():
            found = file.read()
            assert found is not None
            number = int(found.reveal().rpartition("-")[2])
            file.write(Secret(f"test-{number + 1}"), NOW)


def test_processes_and_threads_take_turns(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [
        *(context.Process(target=_rotate, args=(tmp_path, 20)) for _ in range(2)),
        *(threading.Thread(target=_rotate, args=(tmp_path, 20)) for _ in range(2)),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    # None took a token that another one had replaced already.
    assert TokenFile(tmp_path, Secret("test-0")).read() == Secret("test-80")


def test_private_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read_private(path) is None
    write_private(path, "é\n")
    assert read_private(path) == "é\n"


# Which source


def _config(tmp_path: Path, **changes: object) -> SourcesConfig:
    return dataclasses.replace(_load(tmp_path), **changes)  # type: ignore[arg-type]


def test_the_source_is_the_one_that_is_named_nearest(tmp_path: Path) -> None:
    _private(tmp_path / CREDENTIALS_FILE, CREDENTIALS)
    config = _config(tmp_path, source="files", files_folder=tmp_path)

    def name(symbol: str, config: SourcesConfig, **more: str) -> str | None:
        found = choose_source(symbol, config, **more)
        return None if found is None else found[0]

    assert name("SMH", config, stored="binance", asked="alpaca") == "alpaca"
    assert name("SMH", config, stored="binance") == "binance"
    assert name("SMH", config) == "files"
    assert name("SMH", _config(tmp_path)) == "tradestation"
    assert name("BTC/USDT", _config(tmp_path)) == "binance"
    assert name("SMH", config, asked="own.py:Mine") == "own.py:Mine"


def test_a_source_without_what_it_needs_is_not_chosen(tmp_path: Path) -> None:
    def chosen(text: str, symbol: str = "SMH", **environ: str) -> str | None:
        _private(tmp_path / CREDENTIALS_FILE, text)
        found = choose_source(symbol, _load(tmp_path, **environ))
        return None if found is None else found[0]

    alpaca = '[alpaca]\nkey_id = "test-key-id"\nsecret_key = "test-secret-key"\n'
    key = '[tradestation]\nclient_id = "test-id"\nclient_secret = "test-secret"\n'
    assert chosen("") is None
    assert chosen("", "BTC/USDT") == "binance"
    assert chosen("", WFO_FILES_DIR=str(tmp_path)) == "files"
    assert chosen(alpaca, WFO_FILES_DIR=str(tmp_path)) == "alpaca"
    assert chosen(alpaca, "BRK.B") == "alpaca"
    for symbol in ("@ES", "$SPX.X", "^GSPC"):
        assert chosen(alpaca, symbol) is None
    assert chosen(alpaca.replace("secret_key", "#")) is None
    assert chosen(key) is None
    assert chosen(key + alpaca) == "alpaca"
    assert chosen(key, WFO_TRADESTATION_REFRESH_TOKEN="test-token") == "tradestation"
    TokenFile(tmp_path, None).write(Secret(MARK), NOW)
    assert chosen(key + alpaca) == "tradestation"
    assert chosen(key, "@ES") == "tradestation"


def test_names_that_are_no_sources_are_refused(tmp_path: Path) -> None:
    assert source_names() == ["tradestation", "alpaca", "binance", "files"]
    config = _load(tmp_path)
    for wrong in ("alpca", "Alpaca", "", "own.py", "own.py:", "own.txt:Mine"):
        with pytest.raises(InputError, match="unknown source"):
            open_source(wrong, config)
        with pytest.raises(InputError, match="unknown source"):
            choose_source("SMH", config, asked=wrong)
        with pytest.raises(InputError, match="source of your own: name it with --source"):
            choose_source("SMH", config, stored=wrong)
    with pytest.raises(InputError, match="did you mean 'alpaca'"):
        choose_source("SMH", _config(tmp_path, source="alpca"))


OWN = """
import dataclasses
import datetime as dt

@dataclasses.dataclass
class Mine:
    name = "mine"
    title = "Mine"
    series = ("bars",)
    timeframes = ("1day",)
    adjustments = ("raw",)
    where: str = "nowhere"

    def calendar(self, symbol): return "XNYS"
    def earliest(self, symbol, timeframe, series): return dt.date(2020, 1, 1)
    def fetch(self, requests): return iter(())

class Configured(Mine):
    @classmethod
    def from_config(cls, config, clock): return cls(str(config.folder))

class Half:
    name = "half"

CONSTANT = 5
"""


def test_a_class_of_ones_own_is_loaded_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(OWN, encoding="utf-8")
    config = _load(tmp_path)
    assert open_source(f"{path}:Mine", config).name == "mine"
    configured = open_source(f"{path}:Configured", config)
    assert getattr(configured, "where", None) == str(tmp_path)
    for name, words in (
        ("Half", "has no title, series, timeframes, adjustments, calendar, earliest, fetch"),
        ("Mien", "did you mean 'Mine'"),
        ("CONSTANT", "no class CONSTANT"),
    ):
        with pytest.raises(InputError, match=words):
            open_source(f"{path}:{name}", config)
    with pytest.raises(InputError, match="there is no"):
        open_source(f"{tmp_path / 'other.py'}:Mine", config)
    path.write_text("1 / 0\n", encoding="utf-8")
    with pytest.raises(InputError, match="fails when it is imported: ZeroDivisionError"):
        open_source(f"{path}:Mine", config)


def test_opening_tradestation_says_what_is_missing_and_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError) as caught:
        open_source("tradestation", _load(tmp_path))
    said = str(caught.value)
    assert "client id and client secret are not given" in said
    assert str(tmp_path / CREDENTIALS_FILE) in said
    assert "WFO_TRADESTATION_CLIENT_SECRET" in said
    key = {"WFO_TRADESTATION_CLIENT_ID": MARK, "WFO_TRADESTATION_CLIENT_SECRET": MARK}
    with pytest.raises(CredentialsError, match="wfo data login tradestation"):
        open_source("tradestation", _load(tmp_path, **key))
    with pytest.raises(CredentialsError, match="client secret is not given"):
        open_source("tradestation", _load(tmp_path, WFO_TRADESTATION_CLIENT_ID=MARK))
    source = open_source(
        "tradestation", _load(tmp_path, **key, WFO_TRADESTATION_REFRESH_TOKEN=MARK)
    )
    assert source.title == "TradeStation"
    assert MARK not in repr(source)
