"""Dotted names of nested values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from wfo.errors import InputError
from wfo.text import shown

#: A value of a dimension.
Value = bool | int | float | str

#: Values by dotted name, as in ``{"strategy.swing.sma_fast": 5}``.
Params = Mapping[str, Value]

#: What a key of parameters matches, so that it means the same in YAML, on a page and in a terminal.
KEY: Final = re.compile(r"\w(?:[-+ ]*\w)*")

#: Characters of a key.
LONGEST_KEY: Final = 100


def is_key(key: object) -> bool:
    """Whether a key is a name: letters, digits and ``_``, and between them ``-``, ``+``, blanks."""
    return isinstance(key, str) and len(key) <= LONGEST_KEY and KEY.fullmatch(key) is not None


def flattened(values: Mapping[str, Any], begin: str = "") -> Iterator[tuple[str, Any]]:
    """Yield values of nested mappings by dotted name, in order; an empty mapping is a value."""
    for key, value in values.items():
        name = f"{begin}.{key}" if begin else str(key)
        if isinstance(value, Mapping) and value:
            yield from flattened(value, name)
        else:
            yield name, value


def by_name(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of nested mappings by dotted name.

    Raises
    ------
    InputError
        If a name is there twice, as ``a.b`` and as ``b`` in ``a``.
    """
    found: dict[str, Any] = {}
    for name, value in flattened(values):
        if name in found:
            raise InputError(f"{shown(name)} is there twice; keep one")
        found[name] = value
    return found


def put(into: dict[str, Any], name: str, value: Any) -> None:
    """Set a value in nested dicts by its dotted name."""
    *above, last = name.split(".")
    for key in above:
        into = into.setdefault(key, {})
    into[last] = value
