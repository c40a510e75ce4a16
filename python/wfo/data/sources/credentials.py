"""Secrets of vendors: read from the environment or files of mode 600, and never shown.

Two files lie in the folder of the configuration: ``credentials.toml``, which users write, and
``tradestation-token.json``, in which a refresh token is kept that TradeStation has rotated or a
login has brought. The first one looks like this, each table and key only where it is needed, and
has mode 600::

    [tradestation]
    client_id = "..."
    client_secret = "..."
    refresh_token = "..."      # not after `wfo data login tradestation`

    [alpaca]
    key_id = "..."
    secret_key = "..."

Variables of the environment win over it: ``WFO_TRADESTATION_CLIENT_ID``,
``WFO_TRADESTATION_CLIENT_SECRET``, ``WFO_TRADESTATION_REFRESH_TOKEN``, ``APCA_API_KEY_ID`` and
``APCA_API_SECRET_KEY``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import hashlib
import json
import os
import re
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from wfo.data.sources.errors import CredentialsError
from wfo.errors import InputError, did_you_mean
from wfo.files import locked, make_folder, open_regular, parse_json, remove_file, write_private

#: Bytes of a file of secrets at most.
LARGEST_FILE: Final = 1 << 16
#: Characters of a secret at most; TradeStation's access tokens have some 2,000.
LONGEST_SECRET: Final = 8192

CREDENTIALS_FILE: Final = "credentials.toml"
TOKEN_FILE: Final = "tradestation-token.json"  # noqa: S105 (a file's name)

#: Table and key of ``credentials.toml``, and the variable of the environment that wins over it.
VARIABLES: Final[Mapping[tuple[str, str], str]] = {
    ("tradestation", "client_id"): "WFO_TRADESTATION_CLIENT_ID",
    ("tradestation", "client_secret"): "WFO_TRADESTATION_CLIENT_SECRET",
    ("tradestation", "refresh_token"): "WFO_TRADESTATION_REFRESH_TOKEN",
    ("alpaca", "key_id"): "APCA_API_KEY_ID",
    ("alpaca", "secret_key"): "APCA_API_SECRET_KEY",
}


class Secret:
    """A text that only `reveal` shows.

    Parameters
    ----------
    text
        The secret.
    """

    __slots__ = ("__text",)

    def __init__(self, text: str) -> None:
        self.__text = text

    def reveal(self) -> str:
        """Return the text."""
        return self.__text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self.__text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.__text == other.__text

    def __hash__(self) -> int:
        return hash(self.__text)

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("secrets are not pickled")


@dataclasses.dataclass(frozen=True)
class TradeStationCredentials:
    """What TradeStation knows a user's program by, each None where it is not given."""

    client_id: Secret | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None


@dataclasses.dataclass(frozen=True)
class AlpacaCredentials:
    """A pair of Alpaca's keys, each None where it is not given."""

    key_id: Secret | None = None
    secret_key: Secret | None = None

    @property
    def complete(self) -> bool:
        """Whether both are given."""
        return self.key_id is not None and self.secret_key is not None


@dataclasses.dataclass(frozen=True)
class Credentials:
    """All that the environment and ``credentials.toml`` give, the environment first."""

    tradestation: TradeStationCredentials = dataclasses.field(
        default_factory=TradeStationCredentials
    )
    alpaca: AlpacaCredentials = dataclasses.field(default_factory=AlpacaCredentials)

    @classmethod
    def load(cls, folder: Path, environ: Mapping[str, str]) -> Credentials:
        """Read them.

        Parameters
        ----------
        folder
            Of the configuration; it need not exist.
        environ
            Variables of the environment.

        Raises
        ------
        InputError
            If the file may be read by others, belongs to another user, is no regular file or no
            TOML, or a key is not known or no text.
        """
        path = folder / CREDENTIALS_FILE
        found: dict[tuple[str, str], Secret] = {}
        text = read_private(path)
        if text is not None:
            found.update(_from_toml(text, path))
        for key, variable in VARIABLES.items():
            given = environ.get(variable, "")
            if given:
                found[key] = _secret(given, variable)
        return cls(
            TradeStationCredentials(**{k: v for (t, k), v in found.items() if t == "tradestation"}),
            AlpacaCredentials(**{k: v for (t, k), v in found.items() if t == "alpaca"}),
        )


def read_private(path: Path) -> str | None:
    """Return the text of a file that only its owner may read, None where there is none.

    Raises
    ------
    InputError
        If it is a link or no regular file, of another owner or readable by others, too large, or
        no UTF-8. No message holds any of its text.
    """
    if path.is_symlink():
        raise InputError(f"{path} is a symbolic link: put the file itself there")
    try:
        with open_regular(path, links=False) as file:
            fault = _distrusted(path, os.fstat(file.fileno()))
            if fault:
                raise InputError(fault)
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > LARGEST_FILE:
        raise InputError(f"{path} is larger than {LARGEST_FILE:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is no UTF-8 text") from None


def _distrusted(path: Path, status: os.stat_result) -> str:
    """Return why a file of secrets is not to be trusted, nothing where it is."""
    if sys.platform == "win32":
        return ""
    if status.st_uid != os.getuid():
        return f"{path} belongs to another user (id {status.st_uid}): copy it, so that it is yours"
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        return (
            f"{path} has mode {mode:03o}, so others may read or write its secrets: chmod 600 {path}"
        )
    return ""


class TokenFile:
    """The refresh token that a login brought, or that TradeStation gave in place of another.

    Parameters
    ----------
    folder
        Of the configuration; it is made where a token is written.
    configured
        The refresh token that the user gives, None where none is. The stored one is used while
        it descends from this one; a configured token that is new wins.
    """

    def __init__(self, folder: Path, configured: Secret | None) -> None:
        self.path = folder / TOKEN_FILE
        self._configured = configured

    def __repr__(self) -> str:
        return f"TokenFile({str(self.path)!r})"

    def read(self) -> Secret | None:
        """Return the token that counts, None where there is none.

        Raises
        ------
        CredentialsError
            If the file cannot be trusted or read.
        """
        way = "remove it and run `wfo data login tradestation`"
        try:
            text = read_private(self.path)
        except InputError as error:
            raise CredentialsError(f"{error}; or {way}") from None
        if text is None:
            return self._configured
        found: object = None
        with contextlib.suppress(ValueError):
            found = parse_json(text)
        if not isinstance(found, dict):
            raise CredentialsError(f"{self.path} is no JSON object: {way}")
        token, origin = found.get("refresh_token"), found.get("descends_from")
        if not (isinstance(token, str) and (origin is None or isinstance(origin, str))):
            raise CredentialsError(f"{self.path} holds no refresh token: {way}")
        if self._configured is not None and origin != _digest(self._configured):
            return self._configured
        try:
            return _secret(token, f"the token in {self.path}")
        except InputError as error:
            raise CredentialsError(f"{error}: {way}") from None

    def write(self, token: Secret, now: dt.datetime) -> None:
        """Store a token, whole or not at all; the caller holds `hold`.

        Raises
        ------
        CredentialsError
            If it cannot be written.
        """
        configured = self._configured
        text = json.dumps(
            {
                "refresh_token": token.reveal(),
                "descends_from": None if configured is None else _digest(configured),
                "stored_at": now.isoformat(timespec="seconds"),
            },
            indent=2,
        )
        fault = ""
        try:
            write_private(self.path, text + "\n")
        except OSError as error:
            fault = error.strerror or "no reason given"
        # Outside of the block: no error that may hold the text is the context of this one.
        if fault:
            raise CredentialsError(
                f"the new refresh token cannot be written to {self.path}: {fault}; the old one may "
                "be void: see to it and run `wfo data login tradestation`"
            )

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep other processes from reading, renewing and writing the token meanwhile.

        Raises
        ------
        CredentialsError
            If the folder cannot be written, so that a rotated token could not be kept.
        """
        with contextlib.ExitStack() as held:
            fault = ""
            try:
                make_folder(self.path.parent, mode=0o700)
                file = locked(self.path.with_suffix(".lock"), wait=True)
                if file is None:
                    fault = "its file system has no locks"
                else:
                    held.enter_context(file)
                    self._write_blank()
            except OSError as error:
                fault = error.strerror or str(error)
            if fault:
                raise CredentialsError(
                    f"{self.path.parent} cannot be locked and written ({fault}), and a refresh "
                    "token that TradeStation replaces must be kept there: make it writable, or "
                    "name another folder in WFO_CONFIG_DIR"
                )
            yield

    def _write_blank(self) -> None:
        """Write as much as a token takes and remove it: a full disk is found out in time."""
        blank = self.path.with_suffix(".blank")
        try:
            write_private(blank, " " * (2 * LONGEST_SECRET))
        finally:
            remove_file(blank)


def _from_toml(text: str, path: Path) -> dict[tuple[str, str], Secret]:
    tables: dict[str, Any] = {}
    fault = ""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # The parser's own words may repeat a secret.
        at = re.search(r"\(at (?:line \d+, column \d+|end of document)\)", str(error))
        fault = f"{path} is no TOML{f' {at[0]}' if at else ''}"
    if fault:
        raise InputError(fault)
    found: dict[tuple[str, str], Secret] = {}
    known = {table for table, _ in VARIABLES}
    for table, keys in tables.items():
        if table not in known:
            raise InputError(f"{path}: unknown [{table}]{did_you_mean(table, known)}")
        if not isinstance(keys, dict):
            raise InputError(f"{path}: {table} must be a table, [{table}]")
        names = {k for t, k in VARIABLES if t == table}
        for key, value in keys.items():
            what = f"{path}: [{table}] {key}"
            if key not in names:
                raise InputError(f"{what} is unknown{did_you_mean(key, names)}")
            if not isinstance(value, str):
                raise InputError(f"{what} must be a text in quotes")
            if value:
                found[table, key] = _secret(value, what)
    return found


def _secret(text: str, what: str) -> Secret:
    """Return a secret that can go into a header; the message does not repeat it."""
    clean = text.isascii() and text.isprintable() and " " not in text
    if not clean or not 0 < len(text) <= LONGEST_SECRET:
        raise InputError(
            f"{what} holds blanks or other characters than printable ASCII, or more than "
            f"{LONGEST_SECRET:,}: copy it again"
        )
    return Secret(text)


def _digest(secret: Secret) -> str:
    return hashlib.sha256(secret.reveal().encode()).hexdigest()
