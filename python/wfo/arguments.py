"""Arguments of the public interface, checked where they come in: a line for each wrong type.

Each function returns the value as the type that the code behind it works with, so that NumPy's
numbers and Python's are the same there.
"""

from __future__ import annotations

import itertools
import math
import numbers
import operator
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from wfo.errors import InputError, did_you_mean
from wfo.text import brief, one_line

T = TypeVar("T")

#: Whole numbers lie below it, as the positions and counts of arrays do.
_MOST_WHOLE = 2**63

#: Characters of a path and of a name in it, at most, as Linux has it.
_LONGEST_PATH, _LONGEST_NAME = 4_096, 255


def whole_number(name: str, value: object) -> int:
    """Return a whole number as an int.

    Raises
    ------
    InputError
        If it is none (a bool is none, and neither is 3.0), or has no place in 64 bits.
    """
    number = whole(value)
    if number is None:
        raise InputError(f"{name} = {brief(value)} must be a whole number")
    return number


def whole(value: object) -> int | None:
    """Return a whole number as an int; None for anything else, and for one beyond 64 bits."""
    try:
        # What has no index raises, which is the question.
        number = None if _is_bool(value) else operator.index(value)  # type: ignore[arg-type]  # asked
    except Exception:  # noqa: BLE001  # of a foreign type
        return None
    return None if number is None or abs(number) >= _MOST_WHOLE else number


def real_number(name: str, value: object) -> float:
    """Return a real number as a float; NaN and infinities too.

    Raises
    ------
    InputError
        If it is none, or beyond the numbers that a float holds.
    """
    try:
        real = isinstance(value, numbers.Real) and not _is_bool(value)
        return _refused(name, value) if not real else float(value)  # type: ignore[arg-type]  # asked
    except (ArithmeticError, TypeError, ValueError):
        return _refused(name, value)


def finite_number(name: str, value: object) -> float:
    """Return a finite real number as a float.

    Raises
    ------
    InputError
        If it is none.
    """
    number = real_number(name, value)
    return number if math.isfinite(number) else _refused(name, value)


def flag(name: str, value: object) -> bool:
    """Return True or False.

    Raises
    ------
    InputError
        If it is something else, whatever its truth.
    """
    if not _is_bool(value):
        raise InputError(f"{name} = {brief(value)} must be True or False")
    return bool(value)


def text(name: str, value: object) -> str:
    """Return a text.

    Raises
    ------
    InputError
        If it is none.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} = {brief(value)} must be a text")
    return value


def one_of(name: str, value: object, known: Iterable[str]) -> str:
    """Return one of some words.

    Raises
    ------
    InputError
        With the nearest one.
    """
    words = list(known)
    if not (isinstance(value, str) and value in words):
        raise InputError(f"{name} = {brief(value)} is unknown{did_you_mean(value, words)}")
    return value


def items(
    name: str, value: Any, kind: type | tuple[type, ...], called: str, *, most: int | None = None
) -> list[Any]:
    """Return what goes through things of one kind as a list.

    Parameters
    ----------
    name, value
        The argument.
    kind
        What all of them are, or one of several.
    called
        The kind in words, several of it.
    most
        How many are taken, as it may go on without end; all by default.

    Raises
    ------
    InputError
        If it is no sequence of them.
    """
    found = None
    if not isinstance(value, str | bytes | Mapping):
        try:
            found = list(itertools.islice(value, most))
        except Exception:  # noqa: BLE001  # of a foreign type
            found = None
    if found is None or not all(isinstance(each, kind) for each in found):
        raise InputError(f"{name} must be a list of {called}, not {brief(value)}")
    return found


def instance(name: str, value: Any, kind: type | tuple[type, ...], called: str) -> Any:
    """Return a value of one type.

    Raises
    ------
    InputError
        If it is of another one; `called` says what would do.
    """
    if not isinstance(value, kind):
        raise InputError(f"{name} must be {called}, not {brief(value)}")
    return value


def file_path(name: str, value: Any) -> Path:
    """Return the path of a file or folder.

    Raises
    ------
    InputError
        If it is no path, or one that no system takes: longer than 4,096 characters, a name in it
        longer than 255, or with a character 0.
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise InputError(f"{name} must be a path, a text or a pathlib.Path, not {brief(value)}")
    path = Path(value)
    long = len(str(path)) > _LONGEST_PATH or any(len(p) > _LONGEST_NAME for p in path.parts)
    if long or "\0" in str(path):
        raise InputError(f"{name} = {brief(str(path))} is no path of a file or folder")
    return path


def progress_of(value: Any) -> Any:
    """Return what is told how far a run is, or None.

    Raises
    ------
    InputError
        If it has not what `wfo.progress.Progress` has.
    """
    told = all(callable(getattr(value, name, None)) for name in ("stage", "say"))
    if value is not None and (isinstance(value, type) or not told):
        raise InputError(
            f"progress must have stage and say, as what wfo.progress.for_stream returns, not"
            f" {brief(value)}"
        )
    return value


def rebuilt(what: str, data: object, build: Callable[[Mapping[str, Any]], T]) -> T:
    """Return what plain values stand for.

    Parameters
    ----------
    what
        What they are, in words.
    data
        The plain values, as ``to_dict`` returns them.
    build
        Makes it of them.

    Raises
    ------
    InputError
        If they are something else.
    """
    values: Mapping[str, Any] = instance(what, data, Mapping, "a dict")
    try:
        return build(values)
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        said = f"{one_line(error):.200}"
        raise InputError(f"this is no {what} ({type(error).__name__}: {said})") from None


def numbers_array(name: str, value: Any) -> Any:
    """Return numbers as an array of float64.

    Raises
    ------
    InputError
        If they are none: texts, dates, complex numbers, or rows of unequal lengths.
    """
    import numpy as np

    try:
        found = np.asarray(value)
        if found.dtype.kind not in "iufbO":
            raise TypeError
        # An object's own conversion raises what it will.
        return np.asarray(found, np.float64)
    except Exception:  # noqa: BLE001  # of a foreign type
        raise InputError(f"{name} must be an array of numbers, not {brief(value)}") from None


def _is_bool(value: object) -> bool:
    # NumPy's bool is none of Python's, and is found without importing NumPy.
    return isinstance(value, bool) or type(value).__name__ in {"bool", "bool_"}


def _refused(name: str, value: object) -> float:
    raise InputError(f"{name} = {brief(value)} must be a number")
