"""YAML as people write it: read under limits, plain values only, and no key of a mapping twice.

The library parses, and the values are made here: its own way of making them lets the last of two
equal keys win without a word, takes time that grows with the square of the depth, lets a few
anchors stand for billions of values, and reads ``010`` as 8 and ``1:30`` as 90.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from wfo.errors import InputError
from wfo.files.limits import JSON_DIGITS, YAML_BYTES, YAML_DEPTH, YAML_VALUES
from wfo.files.opening import read_bytes
from wfo.text import shown

#: What no YAML has, but for escapes in double quotes.
_NO_TEXT: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|(?<!\\A)\ufeff"
)

#: Lines that begin with ``%``. Each directive is compared with all before it, and grids have none.
_MOST_DIRECTIVES: Final = 16

#: Characters of text that count as one more value: an alias may stand for a long text many times.
_LONG_TEXT: Final = 1_000

#: Whole numbers that can be keys: those beyond are made to have one hash in common with ease.
_LARGEST_KEY: Final = 2**53

_TOO_DEEP: Final = f"more than {YAML_DEPTH} lists and mappings lie within each other"

_TAG: Final = "tag:yaml.org,2002:"
_COLLECTIONS: Final = {f"{_TAG}map": dict, f"{_TAG}seq": list}

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **{
        form(word): truth
        for words, truth in ((("yes", "true", "on"), True), (("no", "false", "off"), False))
        for word in words
        for form in (str.lower, str.capitalize, str.upper)
    },
}

_WHOLE: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:_[0-9]{3})+)")
_BROKEN: Final = re.compile(
    r"(?:[-+]?(?:[0-9]+|[1-9][0-9]{0,2}(?:_[0-9]{3})+)\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?"
)
#: What YAML 1.1 has as numbers beside those two, and says something else than it seems to.
_OTHER_BASE: Final = re.compile(r"[-+]?0(?:b[01_]+|x[0-9a-fA-F_]+|[0-7_]+)")
_UNDERSCORES: Final = re.compile(
    r"[-+]?[1-9][0-9_]*|(?:[-+]?[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]+)?"
)
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)"
    r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?"
    r"(?:[ \t]*(?:Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?"
)


def read_yaml(path: Path, where: str, *, missing: str) -> Any:
    """Return what a YAML file says, None for an empty one.

    Parameters
    ----------
    path
        The file; a link is followed.
    where
        What messages call it.
    missing
        What is said if there is none.

    Raises
    ------
    InputError
        If it cannot be read, or as `load_yaml` does.
    """
    try:
        content = read_bytes(path, most=YAML_BYTES)
    except FileNotFoundError:
        raise InputError(missing) from None
    except OSError as error:
        raise InputError(f"{where} cannot be read: {error.strerror or error}") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{where} is not YAML: line {line}: byte 0x{content[error.start]:02x} is not UTF-8"
            " text; save the file in UTF-8"
        ) from None
    return load_yaml(text, where)


def load_yaml(text: str, where: str = "it", *, aliases: bool = True) -> Any:
    """Return what a YAML document says, None for an empty one.

    Numbers are decimal and finite. Of those that YAML 1.1 knows beside them, such as ``010``,
    ``0x10`` or ``.inf``, none is read, and ``1:30`` is text. ``1_000`` is a thousand.

    Parameters
    ----------
    text
        The document.
    where
        What messages call it.
    aliases
        Whether it may have aliases.

    Raises
    ------
    InputError
        With the line, if the text is no YAML or several documents, is beyond a limit of
        `wfo.files.limits`, has a key twice, a tag that is none of a text, number, date, list or
        mapping, a number that may be meant otherwise, or a date that is none.
    """
    import yaml

    what = where or "it"
    if len(text) > YAML_BYTES:
        raise InputError(f"{what} has more than {YAML_BYTES:,} characters")
    if (found := _NO_TEXT.search(text)) is not None:
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(f"{what} is not YAML: line {line}: {found[0]!a} is no text")
    if text.count("\n%") + text.startswith("%") > _MOST_DIRECTIVES:
        raise InputError(f"{what} has more than {_MOST_DIRECTIVES} lines that begin with %")
    try:
        return _Maker(where, aliases).value(yaml.parse(text, _loader()))
    except InputError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = f"line {mark.line + 1}: " if mark else ""
        said = str(error.problem or error.context)
        # The parser in C gives up at depths that no value has here.
        said = _TOO_DEEP if "nesting" in said else said
        # Both parsers say this of a tab alone where a line is indented by it.
        if "cannot start any token" in said and mark and _indented_by_tab(text, mark.line):
            said = "a tab indents it; indent by spaces"
        raise InputError(f"{what} is not YAML: {at}{said}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # Such as an escape that stands for no character.
        raise InputError(f"{what} is not YAML: {' '.join(str(error).split()):.200}") from None


def _indented_by_tab(text: str, line: int) -> bool:
    """Whether a tab is in the indentation of a line, counted from 0."""
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    return line < len(lines) and re.match(" *\t", lines[line]) is not None


def _loader() -> Any:
    """Return the parser in C, which takes seconds less for a file of the largest size."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class _Value:
    """A value, how many it is with all in it, how deep, and whether it is a merge key."""

    value: Any
    line: int
    size: int = 1
    height: int = 0
    merges: bool = False


@dataclass(slots=True)
class _Open:
    """A list or mapping that has not ended yet.

    Attributes
    ----------
    found
        What it has so far.
    key
        The key whose value comes next.
    lines
        Of the keys.
    merged
        Of a mapping: the values of its key ``<<``; None where it has none.
    """

    found: list[Any] | dict[Any, Any]
    line: int
    anchor: str | None
    size: int = 1
    height: int = 0
    key: _Value | None = None
    lines: dict[Any, int] = field(default_factory=dict)
    merged: list[dict[Any, Any]] | None = None


class _Maker:
    """Makes values of a parser's events, in one pass and without recursion."""

    def __init__(self, where: str, aliases: bool) -> None:
        self.where = where
        self.aliases = aliases
        self.open: list[_Open] = []
        self.anchors: dict[str, _Value | None] = {}
        self.count = 0
        self.top: _Value | None = None

    def value(self, events: Iterator[Any]) -> Any:
        """Return the value of the one document."""
        import yaml

        for event in events:
            self.line = event.start_mark.line + 1
            if isinstance(event, yaml.ScalarEvent):
                self.scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self.alias(str(event.anchor))
            elif isinstance(event, yaml.CollectionStartEvent):
                self.begin(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
            elif isinstance(event, yaml.CollectionEndEvent):
                self.end()
            elif isinstance(event, yaml.DocumentStartEvent) and self.top is not None:
                self.refuse("a second document begins; one file has one")
        return None if self.top is None else self.top.value

    def refuse(self, what: str, line: int | None = None) -> NoReturn:
        at = f"line {line or self.line}: {what}"
        raise InputError(f"{self.where}, {at}" if self.where else at)

    def scalar(self, event: Any) -> None:
        text: str = event.value
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                self.refuse(f"{shown(text)} has half a character")
        plain = event.implicit[0] and event.tag is None
        value = self.plain(text) if plain else self.tagged(text, event.tag)
        merges = plain and text == "<<"
        self.place(_Value(value, self.line, 1 + len(text) // _LONG_TEXT, 0, merges), event.anchor)

    def refuse_tag(self, tag: str) -> NoReturn:
        written = f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
        self.refuse(f"the tag {shown(written)} is none that is read here; leave it out")

    def tagged(self, text: str, tag: str | None) -> Any:
        """Return what a scalar with a tag, or in quotes, stands for."""
        if tag in {None, "!", f"{_TAG}str"}:
            return text
        kinds: dict[str, tuple[type, ...]] = {
            "int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),),
            "timestamp": (dt.date,),
        }  # fmt: skip
        name = str(tag).removeprefix(_TAG)
        if name not in kinds or name == tag:
            self.refuse_tag(str(tag))
        value = self.plain(text)
        if not isinstance(value, kinds[name]) or (isinstance(value, bool) and name != "bool"):
            self.refuse(f"{shown(text)} is none of the kind {name}, which its tag says")
        return float(value) if name == "float" and isinstance(value, int) else value

    def plain(self, text: str) -> str | int | float | dt.date | None:
        """Return what a scalar without quotes stands for."""
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "+-.0123456789":
            return text
        if _WHOLE.fullmatch(text):
            self.refuse_long(text)
            return int(text)
        if _BROKEN.fullmatch(text):
            self.refuse_long(text)
            number = float(text.replace("_", ""))
            mantissa = re.split("[eE]", text)[0]
            if not math.isfinite(number) or (number == 0 and mantissa.strip("+-0._")):
                self.refuse(f"{shown(text)} is beyond the numbers that a computer holds")
            return number
        if _NOT_FINITE.fullmatch(text):
            self.refuse(f"{text} is no number that can be used here")
        quotes = f"put it in quotes where it is text: '{text:.40}'"
        if _OTHER_BASE.fullmatch(text):
            self.refuse(
                f"{shown(text)} is a number in another base than ten to YAML; write it without the"
                f" leading zero, or {quotes}"
            )
        if _UNDERSCORES.fullmatch(text):
            self.refuse(
                f"{shown(text)} has underscores elsewhere than at thousands; write it without"
                f" underscores, or {quotes}"
            )
        try:
            return _moment(text)
        except (ValueError, OverflowError) as error:
            self.refuse(f"{shown(text)} is no date: {error}; {quotes}")

    def refuse_long(self, text: str) -> None:
        if len(text) > JSON_DIGITS:
            self.refuse(f"{text:.20}… is a number of {len(text):,} characters")

    def alias(self, name: str) -> None:
        if not self.aliases:
            self.refuse(f"{shown('*' + name)} is an alias; write out what it stands for")
        if name not in self.anchors:
            self.refuse(f"{shown('*' + name)} stands for nothing: no {shown('&' + name)} is above")
        known = self.anchors[name]
        if known is None:
            self.refuse(f"{shown('&' + name)} holds itself")
        self.place(_Value(known.value, self.line, known.size, known.height))

    def begin(self, event: Any, found: list[Any] | dict[Any, Any]) -> None:
        tag = event.tag
        if tag not in {None, "!"} and not isinstance(found, _COLLECTIONS.get(tag, ())):
            self.refuse_tag(str(tag))
        self.name(event.anchor, None)
        self.open.append(_Open(found, self.line, event.anchor))
        self.refuse_deep(0)

    def end(self) -> None:
        ended = self.open.pop()
        value = ended.found
        if ended.merged is not None:
            # The first one that has a key counts, and a key of the mapping itself before all.
            value = {}
            for each in (*reversed(ended.merged), ended.found):
                value.update(each)
        done = _Value(value, ended.line, ended.size, ended.height + 1)
        if ended.anchor is not None:
            self.anchors[ended.anchor] = done
        self.place(done, counted=ended.size - 1)

    def name(self, anchor: str | None, value: _Value | None) -> None:
        if anchor is None:
            return
        if anchor in self.anchors:
            self.refuse(f"{shown('&' + anchor)} is there twice")
        self.anchors[anchor] = value

    def refuse_deep(self, height: int) -> None:
        if len(self.open) + height > YAML_DEPTH:
            self.refuse(_TOO_DEEP)

    def place(self, value: _Value, anchor: str | None = None, counted: int = 0) -> None:
        """Put a value where it belongs; `counted` of those in it are counted already."""
        self.name(anchor, value)
        self.refuse_deep(value.height)
        if not self.open:
            self.top = value
            return
        into = self.open[-1]
        if isinstance(into.found, dict) and into.key is None:
            self.key(into, value)
            return
        self.count += value.size - counted
        if self.count > YAML_VALUES:
            self.refuse(f"there are more than {YAML_VALUES:,} values, as aliases count")
        into.size += value.size
        into.height = max(into.height, value.height)
        if isinstance(into.found, list):
            into.found.append(value.value)
            return
        key, into.key = into.key, None
        if key is not None and key.merges:
            self.merge(into, value)
        elif key is not None:
            into.found[key.value] = value.value

    def key(self, into: _Open, key: _Value) -> None:
        """Take a key of a mapping, which it does not have yet."""
        value = key.value
        if isinstance(value, list | dict):
            self.refuse("a list or mapping cannot be a key", key.line)
        if isinstance(value, int | float) and abs(value) > _LARGEST_KEY:
            self.refuse("a key is a number beyond 2^53", key.line)
        # Numbers and truth values that are equal are one key: 1, 1.0 and true.
        unique = ("<<",) if key.merges else value
        if unique in into.lines:
            self.refuse(
                f"{shown(value)} is there twice, first in line {into.lines[unique]}; keep one",
                key.line,
            )
        into.lines[unique] = key.line
        into.key = key
        self.count += key.size - 1
        into.size += key.size - 1

    def merge(self, into: _Open, value: _Value) -> None:
        merged = value.value if isinstance(value.value, list) else [value.value]
        if not all(isinstance(each, dict) for each in merged):
            self.refuse("<< needs a mapping, or a list of mappings", value.line)
        into.merged = merged


def _moment(text: str) -> dt.date | str:
    """Return the date or date-time that a text is; itself where it is none."""
    if (found := _DAY.fullmatch(text)) is not None:
        return dt.date(*map(int, found.groups()))
    if (found := _TIME.fullmatch(text)) is None:
        return text
    *parts, fraction, sign, hours, minutes = found.groups()
    micros = int((fraction or "")[:6].ljust(6, "0"))
    zone = dt.UTC if text.endswith("Z") else None
    if sign:
        offset = dt.timedelta(hours=int(hours), minutes=int(minutes or 0))
        zone = dt.timezone(-offset if sign == "-" else offset)
    year, month, day, hour, minute, second = map(int, parts)
    return dt.datetime(year, month, day, hour, minute, second, micros, zone)


@dataclass(frozen=True, slots=True)
class Written:
    """How a scalar stands in a document.

    Attributes
    ----------
    line
        From 1 on.
    text
        As it is written, without quotes.
    plain
        Whether it has neither quotes nor a tag, so that its form decides what it is.
    """

    line: int
    text: str
    plain: bool


def written_scalars(text: str) -> dict[tuple[str | int, ...], Written]:
    """Return how each scalar of a document is written, but for keys.

    Parameters
    ----------
    text
        A document that `load_yaml` has read.

    Returns
    -------
    dict
        By the keys, as they are written, and the numbers that lead to it. What an alias stands for
        is there once, where its anchor is.
    """
    import yaml

    found: dict[tuple[str | int, ...], Written] = {}
    #: Of each open collection: where its next value lies, and None before a key of a mapping.
    open_: list[str | int | None] = []
    mappings: list[bool] = []
    for event in yaml.parse(text, _loader()):
        if isinstance(event, yaml.CollectionEndEvent):
            open_.pop()
            mappings.pop()
        elif not isinstance(event, yaml.ScalarEvent | yaml.AliasEvent | yaml.CollectionStartEvent):
            continue
        elif open_ and mappings[-1] and open_[-1] is None:
            open_[-1] = event.value if isinstance(event, yaml.ScalarEvent) else str(event.anchor)
            continue
        elif isinstance(event, yaml.CollectionStartEvent):
            mappings.append(isinstance(event, yaml.MappingStartEvent))
            open_.append(None if mappings[-1] else 0)
            continue
        elif isinstance(event, yaml.ScalarEvent):
            plain = event.implicit[0] and event.tag is None
            path = tuple(step for step in open_ if step is not None)
            line = event.start_mark.line + 1  # type: ignore[union-attr]  # each has one
            found[path] = Written(line, event.value, plain)
        if open_:
            last = open_[-1]
            open_[-1] = last + 1 if isinstance(last, int) and not mappings[-1] else None
    return found
