"""Names and values of points, one at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from wfo.errors import InputError
from wfo.search.space.configuration import told
from wfo.search.space.dimension import Dimension, is_utf8
from wfo.search.space.drawing import positions_of
from wfo.search.space.names import Value, is_key
from wfo.text import brief, listed, shown


def refuse_clashes(names: Sequence[str]) -> None:
    """Raise an `InputError` if a name is there twice, or is also a part of another."""
    taken: set[str] = set()
    for name in names:
        if name in taken:
            raise InputError(f"{name} is there twice; keep one")
        taken.add(name)
    for name in names:
        above = name.rpartition(".")[0]
        while above:
            if above in taken:
                raise InputError(f"{above} has values, and {name} lies below it; keep one")
            above = above.rpartition(".")[0]


def encoded(
    dimension: Dimension, digits: Mapping[tuple[bool, Value], float], value: object
) -> float:
    """Return the digit or position of a value; `digits` are those of `digits_of`.

    Raises
    ------
    InputError
        With the nearest value, if it is none.
    """
    import numpy as np

    plain = dimension.plain(value)
    values = dimension.values
    digit = digits.get((isinstance(plain, bool), plain))
    if digit is not None:
        return digit
    if not dimension.numeric or isinstance(plain, bool | str):
        known_values = listed(map(told, values or ()))
        raise InputError(f"{dimension.name} = {told(value)} is none of its values, {known_values}")
    low, high = cast("float", dimension.low), cast("float", dimension.high)
    if values is not None:
        near = min(cast("tuple[float, ...]", values), key=lambda known: (abs(known - plain), known))
    elif dimension.continuous:
        if low <= plain <= high:
            return float(positions_of(dimension, np.array([plain], np.float64))[0])
        near = min(max(low, plain), high)
    else:
        step = cast("int", dimension.step)
        place = min(max(round((int(plain) - int(low)) / step), 0), cast("int", dimension.size) - 1)
        near = int(low) + place * step
        if near == plain:
            return float(place)
    raise InputError(
        f"{dimension.name} = {told(value)} is none of its values; the nearest one is {told(near)}"
    )


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values of both, those of the first before those of the second."""
    found = dict(first)
    for key, value in second.items():
        inner = found.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            found[key] = merged(inner, value)
        else:
            found[key] = copy.deepcopy(value)
    return found


def digits_of(dimension: Dimension) -> dict[tuple[bool, Value], float]:
    """Return the digit of each listed value, by whether it is a truth value, and the value."""
    return {
        (isinstance(value, bool), value): float(digit)
        for digit, value in enumerate(dimension.values or ())
    }


def refuse_strange(fixed: Any, where: str = "fixed") -> None:
    """Raise an `InputError` unless fixed values are such as JSON and YAML have."""
    for key, value in fixed.items():
        if not is_key(key):
            raise InputError(f"{where} has the key {brief(key)}, which is no name")
        if isinstance(value, Mapping):
            refuse_strange(value, f"{where}.{key}")
        else:
            _refuse_value(value, f"{where}.{key}")


def _refuse_value(value: Any, where: str) -> None:
    if isinstance(value, Mapping):
        for key, each in value.items():
            if not isinstance(key, str):
                raise InputError(f"{where} has the key {brief(key)}, which is no text")
            _refuse_value(each, where)
    elif isinstance(value, list | tuple):
        for each in value:
            _refuse_value(each, where)
    elif isinstance(value, str):
        if not is_utf8(value):
            raise InputError(f"{where} = {shown(value)} has half a character")
    elif value is not None and not isinstance(value, bool | int | float):
        raise InputError(f"{where} = {brief(value)} is nothing that a file holds")
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where} = {value} must be a finite number")
