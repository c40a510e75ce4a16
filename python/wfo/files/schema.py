"""Shapes of JSON files: what each value in them must be, checked before anything is done with it.

A shape is a `TypedDict` beside the record that it describes, of ``int``, ``float``, ``str``,
``bool``, ``None``, ``Literal``, ``list``, ``tuple``, ``dict`` and further ones, with `Limits` where
a type says too little. Keys that a shape does not name may be there, as a later version may have
added them; they are not looked at. Whole numbers are numbers, truth values are none.
"""

from __future__ import annotations

import functools
import re
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NotRequired, TypedDict

from wfo.errors import ResultsError, WfoError
from wfo.text import TURNING, shown

#: The largest whole number of which a float holds every smaller one too.
MOST_COUNT: Final = 1 << 53

#: Characters of a text that pages show, such as a command or a warning.
LONGEST_TEXT: Final = 100_000

#: Characters of a name.
LONGEST_LINE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value must be, beside its type.

    Attributes
    ----------
    words
        The same in words that follow "must be".
    ge, le
        The least and the largest number.
    pattern
        What a text matches from its first character to its last.
    most, least
        Characters of a text, or items of a list or an object.
    """

    words: str
    ge: float | None = None
    le: float | None = None
    pattern: str | None = None
    most: int | None = None
    least: int | None = None


#: Halves of a pair of characters, which no file can hold; others stand for bytes of file names.
_HALVES = "\ud800-\udc7f\udd00-\udfff"

#: Characters that would steer a terminal or end a line, and halves of a pair.
_STEERING = f"\x00-\x1f\x7f-\x9f{TURNING}{_HALVES}"

FiniteNumber = Annotated[
    float, Limits("a finite number", ge=-sys.float_info.max, le=sys.float_info.max)
]
PositiveNumber = Annotated[
    float, Limits("a number above 0", ge=sys.float_info.min, le=sys.float_info.max)
]
NotNegative = Annotated[float, Limits("a number from 0 on", ge=0, le=sys.float_info.max)]
Fraction = Annotated[float, Limits("a number from 0 to 1", ge=0, le=1)]
Whole = Annotated[
    int, Limits(f"a whole number within {MOST_COUNT:,}", ge=-MOST_COUNT, le=MOST_COUNT)
]
Count = Annotated[int, Limits(f"a whole number from 0 to {MOST_COUNT:,}", ge=0, le=MOST_COUNT)]
Ordinal = Annotated[int, Limits(f"a whole number from 1 to {MOST_COUNT:,}", ge=1, le=MOST_COUNT)]

#: A line of text, such as the name of a source or of a machine.
ShortText = Annotated[
    str,
    Limits(
        f"a line of up to {LONGEST_LINE:,} characters, none of which steers a terminal",
        pattern=f"[^{_STEERING}]*",
        most=LONGEST_LINE,
    ),
]
#: Text of any lines; whatever shows it escapes it.
Text = Annotated[
    str,
    Limits(
        f"a text of up to {LONGEST_TEXT:,} characters", pattern=f"[^{_HALVES}]*", most=LONGEST_TEXT
    ),
]
#: A command of this package, each word quoted as shells need it: its user is told to repeat it, and
#: nothing in it means more to a shell than words.
Command = Annotated[
    str,
    Limits(
        "a command of wfo, its words in quotes where a shell needs them",
        pattern=(rf"(?:wfo(?: (?:[A-Za-z0-9_@%+=:,./-]|'[^'{_HALVES}]*'|\"'\")+)*)?"),
        most=LONGEST_TEXT,
    ),
]
#: What one entry of a folder can be called, or part of its name.
SafeName = Annotated[
    str,
    Limits(
        "the name of a file or folder, without / and without control characters",
        pattern=rf"(?!\.\.?\Z)[^/{_STEERING}]*",
        most=255,
    ),
]
#: A name of a file below a folder, with ``/`` between folders; `wfo.files.inside` resolves it.
RelativeName = Annotated[
    str,
    Limits(
        "a name below the folder, without .. and without control characters",
        pattern=rf"(?:(?!\.\.?/)[^/{_STEERING}]+/)*(?!\.\.?\Z)[^/{_STEERING}]+",
        most=LONGEST_LINE,
    ),
]
HexDigest = Annotated[str, Limits("64 hexadecimal digits", pattern="[0-9a-f]{64}")]
DayText = Annotated[str, Limits("a date such as 2024-01-31", pattern=r"\d{4}-\d\d-\d\d")]
StampText = Annotated[
    str,
    Limits(
        "a date, or a date and a time",
        pattern=(
            r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
            r"(?:Z|[+-]\d\d:\d\d(?::\d\d)?)?)?"
        ),
    ),
]


def require(
    data: object,
    shape: Any,
    where: str,
    *,
    file: Path | str = "",
    kind: type[WfoError] = ResultsError,
    key: str = "",
) -> None:
    """Raise unless values of a JSON file have a shape.

    Parameters
    ----------
    data
        The values.
    shape
        A `TypedDict`, or any other type of which this module speaks.
    where
        What the values are, for messages such as "the manifest lacks 'status'".
    file
        The file, where the caller does not put its name before the message.
    kind
        The error to raise.
    key
        The key under which they stand in the file, if they are not all of it.

    Raises
    ------
    WfoError
        Of that kind; the message has the key with all keys above it, the value, and what it must
        be.
    """
    import msgspec

    native = _native(shape)
    try:
        msgspec.convert(data, native)
    except msgspec.ValidationError as error:
        message = str(error)
    except UnicodeEncodeError:
        raise kind(
            f"{file or where} has {_said(_half(data) or (), key)}, a text with half of a pair of"
            " characters, which no file can hold"
        ) from None
    except RecursionError:
        raise kind(f"{file or where} has objects within each other, too deep to be read") from None
    else:
        return
    said = _explained(data, shape, native, message, where, key)
    raise kind(f"{file}: {said}" if file else said)


@functools.cache
def _native(shape: Any) -> Any:
    """Return a shape as msgspec has it, which is slow to import."""
    import msgspec

    origin, inner = typing.get_origin(shape), typing.get_args(shape)
    if origin is Annotated:
        limits = inner[1]
        if inner[0] in (int, float):
            # An int beyond 64 bits is compared exactly, as any other is.
            meta = msgspec.Meta(ge=limits.ge, le=limits.le)
        else:
            pattern = None if limits.pattern is None else rf"\A(?:{limits.pattern})\Z"
            meta = msgspec.Meta(pattern=pattern, max_length=limits.most, min_length=limits.least)
        return Annotated[_native(inner[0]), meta]
    if typing.is_typeddict(shape):
        fields: dict[str, Any] = {}
        for name, each in typing.get_type_hints(shape, include_extras=True).items():
            if typing.get_origin(each) is NotRequired:
                fields[name] = NotRequired[_native(typing.get_args(each)[0])]
            else:
                fields[name] = _native(each)
        return TypedDict(shape.__name__, fields)  # type: ignore[operator]  # made at run time
    if origin in (types.UnionType, typing.Union):
        return functools.reduce(lambda a, b: a | b, map(_native, inner))
    if origin is tuple:
        return tuple[tuple(map(_native, inner))]  # type: ignore[misc]  # made at run time
    if origin in (list, dict):
        return origin[tuple(map(_native, inner))]
    return shape


_Path = tuple[str | int, ...]


def _explained(data: object, shape: Any, native: Any, message: str, where: str, key: str) -> str:
    """Return in words what msgspec has found."""
    what, _, place = message.rpartition(" - at ")
    if not what:
        what, place = message, "`$`"
    of_key = place.startswith("`key` in ")
    path = _path(data, native, message, place.removeprefix("`key` in ").strip("`"))
    said = _said(path, key)
    value = _at(data, path)
    expected = _shape_at(shape, path, data)
    lacking = re.fullmatch(r"Object missing required field `(.*)`", what)
    if lacking:
        return f"{said or where} lacks {lacking[1]!r}"
    if of_key:
        names = _arm(expected, {})
        allowed = _words(typing.get_args(names)[0])
        wrong = next(k for k in value if not _fits(k, typing.get_args(names)[0]))
        return f"{said or where} has the key {shown(wrong)}, which must be {allowed}"
    return f"{said or where} = {_value(value)} must be {_words(expected)}"


def _fits(value: object, shape: Any) -> bool:
    import msgspec

    try:
        msgspec.convert(value, _native(shape))
    except (UnicodeEncodeError, msgspec.ValidationError):
        return False
    return True


def _path(data: Any, native: Any, message: str, place: str) -> _Path:
    """Return the keys and numbers that lead to a value; msgspec leaves keys of a mapping out."""
    found: list[str | int] = []
    here = data
    for name, number in re.findall(r"\.(\w+)|\[(\d+|\.\.\.)\]", place):
        step: str | int
        if name:
            step = name
        elif number != "...":
            step = int(number)
        else:
            step = _guilty(data, native, message, tuple(found), here)
        found.append(step)
        here = here[step]
    return tuple(found)


def _guilty(data: Any, native: Any, message: str, path: _Path, here: dict[str, Any]) -> str:
    """Return the key of a mapping whose value is refused: with fewer of them, refused as well."""
    names = list(here)
    while len(names) > 1:
        half = names[: len(names) // 2]
        fewer = _with(data, path, {name: here[name] for name in half})
        names = half if _refusal(fewer, native) == message else names[len(half) :]
    return names[0]


def _refusal(data: Any, native: Any) -> str:
    import msgspec

    try:
        msgspec.convert(data, native)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _with(data: Any, path: _Path, value: Any) -> Any:
    """Return values with another one at a place."""
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return [*data[:step], _with(data[step], rest, value), *data[step + 1 :]]
    return {**data, step: _with(data[step], rest, value)}


def _half(data: Any) -> _Path | None:
    """Return where the first text is that UTF-8 has not."""
    if isinstance(data, str):
        try:
            data.encode()
        except UnicodeEncodeError:
            return ()
        return None
    pairs = data.items() if isinstance(data, Mapping) else ()
    for step, value in enumerate(data) if isinstance(data, list) else pairs:
        found = _half(value)
        if found is not None:
            return (step, *found)
    return None


def _at(data: Any, path: _Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _said(path: _Path, key: str) -> str:
    """Return a place as messages have it, such as ``results[0].trials``."""
    text = key
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif re.fullmatch(r"[A-Za-z_]\w{0,59}", step):
            text += f".{step}" if text else step
        else:
            text += f"[{shown(step)}]"
    return text


def _value(value: Any) -> str:
    """Return a value as a message shows it."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, Mapping):
        return f"an object of {len(value):,}"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, int) and abs(value) >= 10**20:
        return f"a number of {len(str(abs(value)))} digits"
    return str(value)


def _shape_at(shape: Any, path: _Path, data: Any) -> Any:
    """Return the shape that a value must have."""
    for step in path:
        shape = _arm(shape, data)
        origin, inner = typing.get_origin(shape), typing.get_args(shape)
        if typing.is_typeddict(shape):
            shape = typing.get_type_hints(shape, include_extras=True)[str(step)]
            if typing.get_origin(shape) is NotRequired:
                shape = typing.get_args(shape)[0]
        elif origin is tuple and isinstance(step, int) and inner[-1] is not Ellipsis:
            shape = inner[step]
        else:
            shape = inner[1] if origin is dict else inner[0]
        data = data[step]
    return shape


def _arm(shape: Any, data: Any) -> Any:
    """Return that of several shapes which is one of objects, or of lists, as the value is."""
    if typing.get_origin(shape) is Annotated:
        return _arm(typing.get_args(shape)[0], data)
    if typing.get_origin(shape) not in (types.UnionType, typing.Union):
        return shape
    for each in typing.get_args(shape):
        own = _arm(each, data)
        if isinstance(data, Mapping):
            if typing.is_typeddict(own) or typing.get_origin(own) is dict:
                return own
        elif typing.get_origin(own) in (list, tuple):
            return own
    return shape


_PLAIN: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    type(None): "null",
    Any: "anything",
}


def _words(shape: Any) -> str:
    """Return what a value must be, in words that follow "must be"."""
    origin, inner = typing.get_origin(shape), typing.get_args(shape)
    if origin is Annotated:
        return str(inner[1].words)
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}" if len(inner) > 1 else repr(inner[0])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(_words, inner))
    if origin is tuple and inner[-1] is not Ellipsis:
        return f"a list of {len(inner)}"
    if origin in (list, tuple):
        return "a list"
    if origin is dict or typing.is_typeddict(shape):
        return "an object"
    return _PLAIN.get(shape, str(shape))


def unique(names: Sequence[str], what: str) -> None:
    """Raise a `ResultsError` if a name is there twice."""
    for at, name in enumerate(names):
        if name in names[:at]:
            raise ResultsError(f"{what}: {shown(name)} is there twice")
