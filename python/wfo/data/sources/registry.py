"""Sources by name, and which one a symbol is asked of."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wfo.data.sources.clock import Clock
from wfo.data.sources.source import Source, require_members
from wfo.errors import InputError, did_you_mean
from wfo.python_files import import_file

if TYPE_CHECKING:
    from wfo.data.sources.config import SourcesConfig

#: Name of each source, its module and its class. In this order they are tried for a symbol.
SOURCES: Final[Mapping[str, tuple[str, str]]] = {
    "tradestation": ("wfo.data.sources.tradestation", "TradeStation"),
    "alpaca": ("wfo.data.sources.alpaca", "Alpaca"),
    "binance": ("wfo.data.sources.binance", "Binance"),
    "files": ("wfo.data.sources.files", "Files"),
}

_OWN = re.compile(r"(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)", re.ASCII)


def source_names() -> list[str]:
    """Return the names of the sources that come with the package."""
    return list(SOURCES)


def require_source(name: str) -> str:
    """Return `name` if it is that of a source, or ``FILE.py:CLASS``.

    Raises
    ------
    InputError
        If it is neither, with the nearest name.
    """
    if name in SOURCES or _OWN.fullmatch(name):
        return name
    raise InputError(
        f"unknown source {name!r}{did_you_mean(name, SOURCES)} (or FILE.py:CLASS for one of your "
        "own)"
    )


def open_source(
    name: str, config: SourcesConfig | None = None, *, clock: Clock | None = None
) -> Source:
    """Return a source, ready to be asked; nothing is sent yet.

    Parameters
    ----------
    name
        One of `source_names`, or ``FILE.py:CLASS`` for a class of one's own: it is made by its
        ``from_config(config, clock)`` where it has that, else without arguments.
    config
        What it needs to know; by default what the files and the environment say.
    clock
        Where time comes from.

    Raises
    ------
    InputError
        If there is no such source, or the configuration cannot be used.
    CredentialsError
        If it needs credentials that are not given.
    """
    from wfo.data.sources.config import SourcesConfig

    kind = _class_of(require_source(name))
    config = SourcesConfig.load() if config is None else config
    clock = Clock() if clock is None else clock
    make = getattr(kind, "from_config", None)
    return require_members(kind() if make is None else make(config, clock), name)


def choose_source(
    symbol: str, config: SourcesConfig, stored: str | None = None, asked: str | None = None
) -> tuple[str, str] | None:
    """Return which source a symbol is asked of, and why.

    Parameters
    ----------
    symbol
        As users write it.
    config
        What the files and the environment say.
    stored
        The source that the stored bars came from, None where none are stored.
    asked
        The source that the user names in the command, None where none is named.

    Returns
    -------
    tuple of str or None
        The name and the reason, in words that follow "because"; None where no source can be used.
        In this order: `asked`, `stored`, the default of the configuration, the first that has what
        it needs: Binance for pairs such as ``BTC/USDT``, for others TradeStation and Alpaca where
        their credentials are given, then files where their folder is.

    Raises
    ------
    InputError
        If a source that is named does not exist.
    """
    if asked is not None:
        return require_source(asked), "it was asked for"
    # The store knows a source of one's own by its name; where its class is, the default may say.
    if stored is not None and (stored in SOURCES or config.source is None):
        if stored not in SOURCES:
            raise InputError(
                f"the stored bars of {symbol} came from {stored!r}, a source of your own: name it "
                "with --source FILE.py:CLASS"
            )
        return stored, "the stored bars come from it"
    if config.source is not None:
        return require_source(config.source), "it is the default source of the configuration"
    if "/" in symbol:
        return "binance", f"{symbol} is a pair, and its data needs no credentials"
    if _has_tradestation(config):
        return "tradestation", "its credentials are given"
    # Futures, indices and the like have names that stocks never have.
    if config.credentials.alpaca.complete and symbol[:1].isalnum():
        return "alpaca", "its credentials are given"
    if config.files_folder is not None:
        return "files", "its folder is given"
    return None


def _has_tradestation(config: SourcesConfig) -> bool:
    from wfo.data.sources.credentials import TOKEN_FILE

    given = config.credentials.tradestation
    return (
        given.client_id is not None
        and given.client_secret is not None
        and (given.refresh_token is not None or (config.folder / TOKEN_FILE).exists())
    )


def _class_of(name: str) -> type:
    own = _OWN.fullmatch(name)
    if own is not None:
        return _own(Path(own["file"]).expanduser().absolute(), own["name"])
    module, attribute = SOURCES[name]
    kind: type = getattr(importlib.import_module(module), attribute)
    return kind


def _own(path: Path, name: str) -> type:
    """Load a user's class from a file."""
    module = import_file(path, f"wfo_source_{path.stem}").module
    kind = getattr(module, name, None)
    if not isinstance(kind, type):
        classes = [n for n, v in vars(module).items() if isinstance(v, type)]
        raise InputError(f"{path} has no class {name}{did_you_mean(name, classes)}")
    return kind
