"""JSON files: read under limits, written whole, and sealed by a digest of their own text.

The seal is no signature. It tells what was damaged or cut short; whoever writes a file can seal it
too, so that every value in it is looked at like any other input.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wfo.errors import ResultsError
from wfo.files.limits import JSON_BYTES, JSON_DEPTH, JSON_DIGITS, JSON_VALUES
from wfo.files.opening import open_regular, read_bytes
from wfo.files.whole import write_text
from wfo.text import shown

#: How a sealed file ends: the digest of the file with zeros in the digest's place.
_SEAL = re.compile(r'"seal": "([0-9a-f]{64})"\n}\n\Z')
_UNSEALED = "0" * 64

#: A text in JSON, up to the end where it has none; no character is looked at twice.
_TEXT = re.compile(r'"(?:[^"\\]++|\\.?)*+(?:"|\Z)', re.DOTALL)


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file whole, indented."""
    write_text(path, _json_text(data))


def _json_text(data: Any) -> str:
    """Return values as indented JSON that UTF-8 has, and that reads back as the same."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A file name that is not UTF-8 has surrogates, which stand nowhere but in texts.
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ResultsError
        If it is missing or no JSON.
    """
    try:
        return parse_json(read_bytes(path, most=JSON_BYTES, links=False).decode("utf-8"))
    except FileNotFoundError:
        raise ResultsError(f"there is no {path}") from None
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error


def write_sealed(path: Path, data: Mapping[str, Any], *, remedy: str | None = None) -> None:
    """Write a JSON file whole, with a digest of its own text as its last key, ``seal``.

    `remedy` is as in `naming_the_file`.
    """
    sealed = {**data, "seal": _UNSEALED}
    text = _json_text(sealed)
    # From the end: the values may hold as many zeros.
    head, _, tail = text.rpartition(_UNSEALED)
    write_text(path, head + _digest(text) + tail, remedy=remedy)


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote.

    Raises
    ------
    ResultsError
        If the file is missing, or any byte of it is another one than was written.
    """
    try:
        text = read_bytes(path, most=JSON_BYTES, links=False).decode("utf-8")
    except FileNotFoundError:
        raise ResultsError(f"there is no {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error
    seal = _SEAL.search(text)
    if seal is None or _digest(text[: seal.start(1)] + _UNSEALED + '"\n}\n') != seal[1]:
        raise ResultsError(f"{path} is damaged: it is not as it was written")
    try:
        data: dict[str, Any] = parse_json(text)
        del data["seal"]
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{path} is damaged: {error}") from error
    return data


def parse_json(text: str) -> Any:
    """Return what JSON says, within the limits of `wfo.files.limits`.

    Of numbers only such are taken as a float can hold, and no key is taken twice in one object.

    Raises
    ------
    ValueError
        If it is no JSON, or beyond a limit.
    """
    _check_count(text)
    try:
        found = json.loads(
            text,
            parse_constant=_no_number,
            parse_int=_whole,
            parse_float=_finite,
            object_pairs_hook=_object,
        )
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    _check_size(found)
    return found


_TOO_DEEP = f"it has more than {JSON_DEPTH} objects and lists within each other"


def _check_count(text: str) -> None:
    """Raise a `ValueError` if values are too many by far, before memory is taken for them.

    Every value but the first stands behind a comma or an opening bracket, and no value has more
    than one of each: twice as many of these as values are allowed are too many in any case.
    """
    if _separators(text) > 2 * JSON_VALUES and _separators(_TEXT.sub("", text)) > 2 * JSON_VALUES:
        raise ValueError(f"it has more than {JSON_VALUES:,} values")


def _separators(text: str) -> int:
    return sum(map(text.count, ",[{"))


def _check_size(top: Any) -> None:
    """Raise a `ValueError` if values are nested too deeply, or too many."""
    level, count = [top], 0
    for depth in itertools.count(1):
        count += len(level)
        if count > JSON_VALUES:
            raise ValueError(f"it has more than {JSON_VALUES:,} values")
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        if not inner and not any(isinstance(value, dict | list) for value in level):
            return
        if depth > JSON_DEPTH:
            raise ValueError(_TOO_DEEP)
        level = inner


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a key that is there twice, one would be lost without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        known: set[str] = set()
        for key, _ in pairs:
            if key in known:
                raise ValueError(f"the key {shown(key)} is there twice")
            known.add(key)
    return found


def _whole(text: str) -> int:
    """Return a whole number that a float can hold, so that none fails where it is computed with."""
    if len(text) > JSON_DIGITS:
        raise ValueError(f"{text:.20}… has {len(text):,} digits")
    return int(text)


def _finite(text: str) -> float:
    """Return a number that is not too large for a float, which has only infinity for one."""
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text:.20} is beyond the largest number, 1.8e308")
    return number


def _no_number(text: str) -> float:
    """Refuse what JSON has no word for, and nothing here writes."""
    raise ValueError(f"{text} is no number")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises
    ------
    ResultsError
        If it is missing or cannot be read.
    """
    try:
        with open_regular(path, links=False) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ResultsError(f"there is no {path}") from None
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error
