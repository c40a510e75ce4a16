r"""Where sources are found and how: ``sources.toml``, and the environment, which wins over it.

The folder is ``WFO_CONFIG_DIR``, else ``$XDG_CONFIG_HOME/wfo``, else ``~/.config/wfo`` (on Windows
``%APPDATA%\wfo``). ``sources.toml`` holds no secrets, those have a file of their own, see
`wfo.data.sources.credentials`::

    source = "alpaca"          # the source of new symbols

    [http]
    timeout = 30               # seconds
    attempts = 5

    [tradestation]
    environment = "live"       # or "sim"

    [alpaca]
    feed = "sip"               # or "iex"

    [files]
    folder = "~/bars"

A base URL of one's own is ``url`` (``signin_url``, ``files_url``, ``spot_url``, ``futures_url``).
"""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from wfo.data.sources.credentials import VARIABLES, Credentials
from wfo.data.sources.http import HttpOptions, require_url
from wfo.errors import InputError, did_you_mean
from wfo.files import open_regular
from wfo.text import listed, shown

CONFIG_FILE: Final = "sources.toml"
_LARGEST_FILE: Final = 1 << 16
#: Characters of a line. The parser takes time that grows with the square of a key's parts.
_LONGEST_LINE: Final = 1_000

#: Table and key of ``sources.toml`` (the table is empty for keys at the top), and the variable of
#: the environment that wins over it.
_VARIABLES: Final[Mapping[tuple[str, str], str]] = {
    ("", "source"): "WFO_SOURCE",
    ("tradestation", "url"): "WFO_TRADESTATION_URL",
    ("tradestation", "signin_url"): "WFO_TRADESTATION_SIGNIN_URL",
    ("tradestation", "environment"): "WFO_TRADESTATION_ENVIRONMENT",
    ("alpaca", "url"): "WFO_ALPACA_URL",
    ("alpaca", "feed"): "WFO_ALPACA_FEED",
    ("binance", "files_url"): "WFO_BINANCE_FILES_URL",
    ("binance", "spot_url"): "WFO_BINANCE_SPOT_URL",
    ("binance", "futures_url"): "WFO_BINANCE_FUTURES_URL",
    ("files", "folder"): "WFO_FILES_DIR",
}

Environment = Literal["live", "sim"]
Feed = Literal["sip", "iex"]

_TRADESTATION: Final[Mapping[str, str]] = {
    "live": "https://api.tradestation.com/v3",
    "sim": "https://sim-api.tradestation.com/v3",
}


@dataclasses.dataclass(frozen=True)
class TradeStationAddresses:
    """Where TradeStation is asked.

    Attributes
    ----------
    environment
        ``live``, or ``sim`` for the simulation, whose market data has an address of its own.
    url
        Base URL of the API, version included; by default that of the environment.
    signin_url
        Base URL of ``/authorize`` and ``/oauth/token``, the same for both environments.
    """

    environment: Environment = "live"
    url: str = ""
    signin_url: str = "https://signin.tradestation.com"

    def __post_init__(self) -> None:
        _require("tradestation environment", self.environment, ("live", "sim"))
        url = self.url or _TRADESTATION[self.environment]
        object.__setattr__(self, "url", require_url(url, "tradestation url"))
        signin = require_url(self.signin_url, "tradestation signin_url")
        object.__setattr__(self, "signin_url", signin)


@dataclasses.dataclass(frozen=True)
class AlpacaAddresses:
    """Where Alpaca is asked, and for which feed; None is what the source takes by itself."""

    url: str = "https://data.alpaca.markets"
    feed: Feed | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", require_url(self.url, "alpaca url"))
        if self.feed is not None:
            _require("alpaca feed", self.feed, ("sip", "iex"))


@dataclasses.dataclass(frozen=True)
class BinanceAddresses:
    """Where Binance is asked: its public files, and the REST APIs of spot and of futures."""

    files_url: str = "https://data.binance.vision"
    spot_url: str = "https://api.binance.com"
    futures_url: str = "https://fapi.binance.com"

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            url = require_url(getattr(self, field.name), f"binance {field.name}")
            object.__setattr__(self, field.name, url)


@dataclasses.dataclass(frozen=True)
class SourcesConfig:
    """All that sources need to know.

    Attributes
    ----------
    folder
        The folder of the configuration; it need not exist.
    source
        The default source, None where the user names none.
    http
        How long and how often vendors are tried.
    tradestation, alpaca, binance
        Where they are asked.
    files_folder
        Folder of the source ``files``, None where there is none.
    credentials
        Secrets; they are not shown.
    """

    folder: Path
    source: str | None = None
    http: HttpOptions = dataclasses.field(default_factory=HttpOptions)
    tradestation: TradeStationAddresses = dataclasses.field(default_factory=TradeStationAddresses)
    alpaca: AlpacaAddresses = dataclasses.field(default_factory=AlpacaAddresses)
    binance: BinanceAddresses = dataclasses.field(default_factory=BinanceAddresses)
    files_folder: Path | None = None
    credentials: Credentials = dataclasses.field(default_factory=Credentials)

    @classmethod
    def load(cls, environ: Mapping[str, str] = os.environ) -> SourcesConfig:
        """Read the files and the environment.

        Raises
        ------
        InputError
            If a file cannot be read or trusted, or a value is not allowed.
        """
        folder = config_folder(environ)
        tables = _read(folder / CONFIG_FILE)
        for (table, key), variable in _VARIABLES.items():
            given = environ.get(variable, "")
            if given:
                tables.setdefault(table, {})[key] = given
        files = tables.get("files", {}).get("folder")
        return cls(
            folder=folder,
            source=tables.get("", {}).get("source"),
            http=HttpOptions(**tables.get("http", {})),
            tradestation=TradeStationAddresses(**tables.get("tradestation", {})),
            alpaca=AlpacaAddresses(**tables.get("alpaca", {})),
            binance=BinanceAddresses(**tables.get("binance", {})),
            files_folder=None if files is None else _expanded(files, "[files] folder"),
            credentials=Credentials.load(folder, environ),
        )


def config_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the configuration, whether it exists or not.

    Raises
    ------
    InputError
        If there is no home folder, and no variable names another one.
    """
    if given := environ.get("WFO_CONFIG_DIR"):
        return _expanded(given, "WFO_CONFIG_DIR").absolute()
    # The XDG specification has relative paths ignored.
    base = environ.get("APPDATA" if sys.platform == "win32" else "XDG_CONFIG_HOME", "")
    if base and Path(base).is_absolute():
        return Path(base) / "wfo"
    try:
        return Path.home() / ".config" / "wfo"
    except RuntimeError as error:
        raise InputError(f"{error}: name the folder of the configuration in WFO_CONFIG_DIR") from (
            error
        )


def _expanded(given: str, what: str) -> Path:
    """Return a path with the home folder in place of ``~``."""
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise InputError(f"{what} = {listed([given])}: there is no such home folder") from None


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the checked tables of ``sources.toml``; the one of keys at the top has no name."""
    try:
        with open_regular(path) as file:
            # Whoever names the addresses is sent the credentials.
            if sys.platform != "win32" and os.fstat(file.fileno()).st_mode & stat.S_IWOTH:
                raise InputError(f"{path} may be written by everyone: chmod o-w {path}")
            data = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > _LARGEST_FILE:
        raise InputError(f"{path} is larger than {_LARGEST_FILE:,} bytes")
    fault = ""
    found: dict[str, Any] = {}
    try:
        text = data.decode("utf-8")
        long = next((n for n, s in enumerate(text.splitlines(), 1) if len(s) > _LONGEST_LINE), 0)
        if long:
            fault = f"{path}, line {long} has more than {_LONGEST_LINE:,} characters"
        else:
            found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # The file may hold a secret by mistake; the parser's words on keys may repeat it.
        at = str(error).rpartition("(")[2].rstrip(")")
        other = (
            "not UTF-8" if isinstance(error, UnicodeDecodeError) else "a value is beyond reading"
        )
        fault = f"{path} is no TOML ({at[:60] if at.startswith('at ') else other})"
    if fault:
        raise InputError(fault)

    numbers = {f.name for f in dataclasses.fields(HttpOptions)} - {"largest_body"}
    known: dict[str, set[str]] = {"http": numbers}
    for table, key in _VARIABLES:
        known.setdefault(table, set()).add(key)
    tables: dict[str, dict[str, Any]] = {}
    secret = {key for _, key in VARIABLES}
    for name, value in found.items():
        table, keys = (name, value) if isinstance(value, dict) else ("", {name: value})
        if table not in known:
            raise InputError(
                f"{path}: unknown [{listed([table])}]{did_you_mean(table, set(known) - {''})}"
            )
        for key, setting in keys.items():
            what = f"{path}: {f'[{table}] ' if table else ''}{listed([key])}"
            if key in secret:
                raise InputError(
                    f"{what} is a secret: put it into {path.with_name('credentials.toml')} "
                    "(chmod 600) or the environment"
                )
            if key not in known[table]:
                raise InputError(f"{what} is unknown{did_you_mean(key, known[table])}")
            if table != "http" and not (isinstance(setting, str) and setting):
                raise InputError(f"{what} must be a text in quotes")
            if isinstance(setting, str) and not setting.isprintable():
                raise InputError(f"{what} = {shown(setting)} has characters that are not printed")
            tables.setdefault(table, {})[key] = setting
    return tables


def _require(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{what} = {shown(value)} is unknown{did_you_mean(value, known)}")
