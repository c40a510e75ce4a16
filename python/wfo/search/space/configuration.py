"""A user's own configuration as YAML, which reads back to the same values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from wfo.text import TURNING, brief, one_line, shown

#: Characters of a value in a message.
_LONGEST_SHOWN = 60

#: What stands without quotes: no word, number or sign of YAML, of this version or the next, looks
#: like it, but for `_WORDS`.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})

#: Beside control characters: what ends a line, turns the direction of writing, or is no character.
_ESCAPED = re.compile(
    f"[{TURNING}]|[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def nested_yaml(values: Mapping[str, Any], head: str = "") -> str:
    """Return nested values as YAML.

    Parameters
    ----------
    values
        Mappings, lists, texts, finite numbers, truth values and None.
    head
        What the comment above them says.
    """
    comment = [f"# {one_line(line)}" for line in head.splitlines()]
    return "\n".join([*comment, *(_lines(values, "") if values else ["{}"])]) + "\n"


def _lines(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{_text(key)}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{_text(key)}: {inline(value)}"


def inline(value: Any) -> str:
    """Return any value as YAML in one line; what YAML has not is written as Python does."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(k)}: {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(inline(each) for each in value) + "]"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        return _text(value)
    return _number(value) if isinstance(value, int | float) else str(value)


def _number(value: int | float) -> str:
    """Return a number as YAML 1.1 has it, which reads ``1e-05`` as text."""
    text = repr(value)
    mantissa, e, exponent = text.partition("e")
    if not e:
        return text
    mantissa = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{mantissa}e{exponent if exponent[0] in '+-' else '+' + exponent}"


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return inline(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(_escape, quoted)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def told(value: object) -> str:
    """Return a value for a message as a file has it, in one line of which a long one is cut."""
    if isinstance(value, str):
        return shown(value)
    try:
        text = one_line(inline(value))
    except (RecursionError, ValueError):
        return brief(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
