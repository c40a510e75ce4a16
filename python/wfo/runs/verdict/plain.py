"""Frozen dataclasses as plain values of JSON, and back with the kind of every field checked."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from wfo.errors import ResultsError, WfoError
from wfo.files.schema import LONGEST_TEXT, MOST_COUNT
from wfo.text import shown

_Record = TypeVar("_Record")


def to_plain(value: Any) -> Any:
    """Return a dataclass as a dict of its fields, and what is inside it likewise.

    Parameters
    ----------
    value
        A dataclass of numbers, texts, tuples, mappings and further ones. JSON has neither NaN nor
        infinity, which become None.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: to_plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def from_plain(cls: type[_Record], data: object, where: str) -> _Record:
    """Rebuild a dataclass from what `to_plain` returned.

    Parameters
    ----------
    cls
        The dataclass. Its fields are annotated with ``int``, ``float``, ``bool``, ``str``,
        ``None``, ``Literal``, ``tuple``, ``Mapping`` and further dataclasses.
    data
        Plain values.
    where
        What the values are, for messages.

    Raises
    ------
    ResultsError
        If a field is missing, one too many, of another kind, or refused by the dataclass.
    """
    if not isinstance(data, Mapping):
        raise ResultsError(f"{where} must be an object, not {type(data).__name__}")
    # Every class can be hashed, which a type variable does not tell the type checker.
    kinds = _kinds(typing.cast("typing.Hashable", cls))
    for name in kinds:
        if name not in data:
            raise ResultsError(f"{where} lacks {name!r}")
    for name in data:
        if name not in kinds:
            raise ResultsError(f"{where} has {shown(name)}, which this version does not know")
    values = {name: _value(kinds[name], data[name], f"{where}: {name}") for name in kinds}
    try:
        return cls(**values)
    except WfoError as error:
        raise ResultsError(f"{where}: {error}") from error


@functools.cache
def _kinds(cls: Any) -> dict[str, Any]:
    """Return the annotation of every field of a dataclass, evaluated, which takes long."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def _value(kind: Any, data: object, where: str) -> Any:
    """Return a plain value as an annotation has it."""
    if dataclasses.is_dataclass(kind):
        return from_plain(typing.cast("type[Any]", kind), data, where)
    if kind is Any:
        return data
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        if not isinstance(data, str | int) or data not in inner:
            raise ResultsError(
                f"{where} must be one of {', '.join(map(repr, inner))}, not {_told(data)}"
            )
        return data
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in inner:
            return None
        others = [each for each in inner if each is not type(None)]
        # Of int | float a whole number stays one.
        fits = [each for each in others if _is_a(each, data)]
        return _value((fits or others)[0], data, where)
    if origin is tuple:
        return _items(inner, data, where)
    if origin is not None:
        if not isinstance(data, Mapping) or not all(isinstance(name, str) for name in data):
            raise ResultsError(f"{where} must be an object, not {type(data).__name__}")
        return {name: _value(inner[1], each, f"{where}: {name}") for name, each in data.items()}
    if not _is_a(kind, data):
        raise ResultsError(f"{where} must be of type {kind.__name__}, not {_told(data)}")
    return float(typing.cast("float", data)) if kind is float else data


def _items(inner: tuple[Any, ...], data: object, where: str) -> tuple[Any, ...]:
    """Return a list as a tuple: any number of one kind, or one of each kind."""
    if not isinstance(data, list):
        raise ResultsError(f"{where} must be a list, not {type(data).__name__}")
    kinds = [inner[0]] * len(data) if inner[-1] is Ellipsis else list(inner)
    if len(kinds) != len(data):
        raise ResultsError(f"{where} must have {len(kinds)} items, not {len(data)}")
    pairs = enumerate(zip(kinds, data, strict=True), 1)
    return tuple(_value(each, item, f"{where}, {i}") for i, (each, item) in pairs)


def _is_a(kind: Any, data: object) -> bool:
    """Whether a plain value is of a simple kind; a truth value is no number."""
    if isinstance(data, bool) or kind is bool:
        return isinstance(data, bool) and kind is bool
    if kind is float:
        return isinstance(data, int | float) and math.isfinite(data)
    if kind is int:
        return isinstance(data, int) and abs(data) <= MOST_COUNT
    if kind is str:
        return isinstance(data, str) and len(data) <= LONGEST_TEXT and _is_text(data)
    return isinstance(kind, type) and isinstance(data, kind)


def _told(data: object) -> str:
    return shown(data) if isinstance(data, str) else f"{data!r:.60}"


def _is_text(data: str) -> bool:
    """Whether a text can be written into a file: JSON can name halves of characters."""
    try:
        data.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
