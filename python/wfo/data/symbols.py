"""Symbols as users write them, and the file names under which the store keeps them."""

from __future__ import annotations

import re
from typing import Final

from wfo.errors import InputError
from wfo.text import brief

#: The longest symbol. Encoded, with the endings of the store, it stays below the 255 bytes that
#: file systems allow for a name.
LONGEST_SYMBOL: Final = 64

_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.^=_-")
_ALPHANUMERIC: Final = frozenset(c for c in _PLAIN if c.isalnum())
_STEM: Final = re.compile(r"(?:[A-Za-z0-9.^=_-]|%[0-9A-F]{2})+")
_CODE: Final = re.compile(r"%([0-9A-F]{2})")
#: Names of devices on Windows, with any ending behind a dot.
_DEVICE: Final = re.compile(r"(?:CON|PRN|AUX|NUL|COM[0-9]|LPT[0-9])(?:\..*)?", re.IGNORECASE)


def require_symbol(symbol: str) -> str:
    """Return `symbol` if bars can be stored under it.

    Raises
    ------
    InputError
        If it is not 1 to 64 printable ASCII characters without a blank at either end.
    """
    if not isinstance(symbol, str):
        raise InputError(f"a symbol is text, not {type(symbol).__name__} ({brief(symbol)})")
    if (
        not 1 <= len(symbol) <= LONGEST_SYMBOL
        or not symbol.isascii()
        or not symbol.isprintable()
        or symbol != symbol.strip(" ")
    ):
        raise InputError(
            f"symbol {symbol!r:.80} cannot be stored: it must be 1 to {LONGEST_SYMBOL} printable "
            "ASCII characters, such as QQQ, ^GSPC, @ES or BTC/USDT, without a blank at either end"
        )
    return symbol


def file_stem(symbol: str) -> str:
    """Return the name that files and folders of a symbol begin with.

    Letters, digits and ``. ^ = _ -`` stay as they are; every other character becomes ``%`` and
    its code in hexadecimal, so that two symbols never share a name. So does a first character
    that is no letter or digit (it would hide the file, or pass for an option), a dot at the end
    (Windows drops it), and the first letter of what Windows takes for a device, such as ``CON``.

    Raises
    ------
    InputError
        If bars cannot be stored under the symbol.
    """
    require_symbol(symbol)
    parts = [c if c in _PLAIN else _code(c) for c in symbol]
    if symbol[0] not in _ALPHANUMERIC or _DEVICE.fullmatch(symbol):
        parts[0] = _code(symbol[0])
    if symbol[-1] == ".":
        parts[-1] = _code(symbol[-1])
    return "".join(parts)


def symbol_of(stem: str) -> str | None:
    """Return the symbol whose files begin with `stem`; None if that is no such name."""
    if not _STEM.fullmatch(stem):
        return None
    symbol = _CODE.sub(lambda code: chr(int(code[1], 16)), stem)
    try:
        known = file_stem(symbol) == stem
    except InputError:
        return None
    return symbol if known else None


def _code(character: str) -> str:
    return f"%{ord(character):02X}"
