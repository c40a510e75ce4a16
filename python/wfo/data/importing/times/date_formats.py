"""Formats of dates and times that users give: ``DD/MM/YYYY HH:mm``, or those of strptime."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Final

from wfo.data.importing.times.words import LETTER
from wfo.errors import InputError
from wfo.text import brief

#: Characters of a date format.
_LONGEST: Final = 100

#: What a format may hold, token and meaning, as help and messages quote it.
TOKENS: Final = (
    ("YYYY, YY", "year"),
    ("MM, M", "month"),
    ("MMM, MMMM", "month by name"),
    ("DD, D", "day"),
    ("ddd, dddd", "weekday, which is passed over"),
    ("HH, H", "hour of 24"),
    ("hh, h", "hour of 12, with A"),
    ("mm, ss", "minute, second"),
    ("SSS", "fraction of a second"),
    ("A", "AM or PM"),
    ("Z", "offset or name of a time zone"),
)

#: Examples that messages offer; each is accepted.
EXAMPLES: Final = ("DD/MM/YYYY", "MM/DD/YYYY", "YYYYMMDD", "YYYY-MM-DD HH:mm", "YYYY-MM-DD hh-A")

#: Regular expressions of the parts of dates and times, by what they are.
_PARTS: Final = {
    "y4": r"(?<y>[0-9]{4})",
    "y2": r"(?<y>[0-9]{2})",
    "m": r"(?<m>[0-9]{1,2})",
    "n": rf"(?<n>{LETTER}{{3,}})\.?",
    "d": r"(?<d>[0-9]{1,2})(?:st|nd|rd|th|er|º|ª)?",
    "w": rf"{LETTER}+\.?",
    "hour": r"(?<hour>[0-9]{1,2})",
    "minute": r"(?<minute>[0-5]?[0-9])",
    "second": r"(?<second>[0-5]?[0-9])",
    "fraction": r"(?:[.,:]?(?<fraction>[0-9]{1,9}))?",
    "half": r"(?<half>[AaPp]\.? ?[Mm]\.?|[AaPp])",
    "zone": r"(?<zone>[\[(+\-\u2212A-Za-z].*)",
}
_DATE_PARTS: Final = frozenset({"y4", "y2", "m", "n", "d", "w"})

_CODES: Final = {
    "Y": "y4", "y": "y2", "m": "m", "d": "d", "e": "d", "b": "n", "B": "n", "h": "n", "a": "w",
    "A": "w", "H": "hour", "k": "hour", "I": "hour", "l": "hour", "M": "minute", "S": "second",
    "f": "fraction", "p": "half", "P": "half", "z": "zone", "Z": "zone",
}  # fmt: skip
#: Codes of strptime that stand for several.
_SHORT: Final = {
    "F": "%Y-%m-%d", "D": "%m/%d/%y", "x": "%m/%d/%y", "T": "%H:%M:%S", "R": "%H:%M",
    "X": "%H:%M:%S", "r": "%I:%M:%S %p",
}  # fmt: skip
_CODE: Final = re.compile(r"%[-_0]?(?:\.?[0-9]?(f)|(.))|([^%]+)", re.DOTALL)
_TOKEN: Final = re.compile(
    r"\[[^\]]*\]|'[^']*'|[Yy]{4}|[Yy]{2}|MMMM?|mmm|MM?|mm?|Do|DDDD|dddd?|EEEE?|DD?|dd?"
    r"|HH?|hh?|ss?|S+|f+|A|a|tt|Z+|z+|T|.",
    re.DOTALL,
)
_BY_TOKEN: Final = {
    "yyyy": "y4", "yy": "y2", "MMM": "n", "MMMM": "n", "mmm": "n", "do": "d", "dd": "d", "d": "d",
    "ddd": "w", "dddd": "w", "eee": "w", "eeee": "w", "hh": "hour", "h": "hour", "ss": "second",
    "s": "second", "a": "half", "tt": "half",
}  # fmt: skip

#: Name of a part in `_PARTS`, or one of these, and its text: what stands between parts, and what
#: is neither.
_Part = tuple[str, str]
_BETWEEN: Final = ""
_UNKNOWN: Final = "?"


@dataclasses.dataclass(frozen=True)
class DateFormat:
    """A format, as regular expressions of what it stands for.

    Attributes
    ----------
    date
        The date, with the groups that `wfo.data.importing.times.dates.days_of` reads.
    between
        What stands between date and time; None where the format has no time.
    time
        The time, with the groups of `wfo.data.importing.times.clock_times.PARTS`; None as before.
    whole
        All of it, where parts of the time stand before or within the date; else None.
    """

    date: str
    between: str | None = None
    time: str | None = None
    whole: str | None = None


def read_format(date_format: str) -> DateFormat:
    """Read a date format.

    Parameters
    ----------
    date_format
        Tokens of `TOKENS`, such as ``YYYY-MM-DD HH:mm``, or what strptime takes, such as
        ``%d/%m/%Y %H:%M``; at most 100 characters. Times of day need not be in it: they are
        recognised without help.

    Raises
    ------
    InputError
        If it is neither.
    """
    if len(date_format) > _LONGEST:
        raise InputError(
            f"date format {brief(date_format)} has {len(date_format):,} characters; at most"
            f" {_LONGEST} will do"
        )
    parts = _of_codes(date_format) if "%" in date_format else _of_tokens(date_format)
    names = [name for name, _ in parts if name != _BETWEEN]
    dated = sorted(name[0] for name in names if name in _DATE_PARTS and name != "w")
    timed = [name for name in names if name not in _DATE_PARTS]
    if (
        _UNKNOWN in names
        or len(set(names)) < len(names)
        or dated not in (["d", "m", "y"], ["d", "n", "y"])
        or (timed and "hour" not in timed)
    ):
        examples = ", ".join(repr(example) for example in EXAMPLES)
        raise InputError(
            f"date format {brief(date_format)} is not understood: give it as in {examples} or "
            "'%d/%m/%Y %H:%M'"
        )
    if not timed:
        return DateFormat(_pattern(parts))
    kinds = ["date" if name in _DATE_PARTS else "time" for name in names]
    if kinds != sorted(kinds):
        # Beside a column of times, dates have what stands between their parts alone.
        places = [i for i, (name, _) in enumerate(parts) if name in _DATE_PARTS]
        dates = parts[places[0] : places[-1] + 1]
        if any(name in timed for name, _ in dates):
            dates = [part for i in places for part in ((_BETWEEN, " "), parts[i])][1:]
        return DateFormat(_pattern(dates), whole=_pattern(parts))
    first = next(i for i, (name, _) in enumerate(parts) if name in timed)
    last = max(i for i, (name, _) in enumerate(parts) if name in _DATE_PARTS)
    glued = last + 1 == first
    return DateFormat(
        _pattern(parts[: last + 1], glued_behind=glued),
        _pattern(parts[last + 1 : first]),
        _pattern(parts[first:], glued_before=glued),
    )


def _of_codes(date_format: str) -> list[_Part]:
    """Split a format of strptime."""
    text = re.sub(r"%([FDxTRXr])", lambda code: _SHORT[code[1]], date_format)
    parts: list[_Part] = []
    for fraction, code, between in _CODE.findall(text):
        if fraction:
            _add_fraction(parts)
        elif code:
            parts.append((_CODES.get(code, _UNKNOWN), ""))
        elif between.endswith("Z") and parts and parts[-1][0] in {"minute", "second", "fraction"}:
            # As in %H:%M:%SZ; the letter says that stamps are in UTC.
            parts += [(_BETWEEN, between[:-1]), ("zone", "")]
        else:
            # Letters are taken as they stand, but for tokens of the other kind of format.
            words = re.search("(?i)yy|mm|dd|hh|ss|%", between)
            parts.append((_BETWEEN if words is None else _UNKNOWN, between))
    return parts


def _of_tokens(date_format: str) -> list[_Part]:
    """Split a format of tokens."""
    parts: list[_Part] = []
    for sign in _TOKEN.findall(date_format):
        names = [name for name, _ in parts if name != _BETWEEN]
        if sign in {"M", "MM", "m", "mm"}:
            # Formats such as hh:MM and yyyy-mm-dd are common too: behind hours there are minutes.
            behind_hours = bool(names) and names[-1] == "hour"
            month = not behind_hours and (sign[0] == "M" or not {"m", "n"} & set(names))
            parts.append(("m" if month else "minute", ""))
        elif sign[0] in "['" and len(sign) > 1:
            parts.append((_BETWEEN, sign[1:-1]))
        elif sign == "T" or not (sign[0].isascii() and sign[0].isalpha()):
            parts.append((_BETWEEN, sign))
        elif sign[0] in "Zz":
            parts.append(("zone", ""))
        elif set(sign) in ({"S"}, {"f"}):
            _add_fraction(parts)
        else:
            name = _BY_TOKEN.get(sign) or _BY_TOKEN.get(sign.lower(), _UNKNOWN)
            parts.append((name, ""))
    return parts


def _add_fraction(parts: list[_Part]) -> None:
    """Add a fraction of a second, whose point goes where it goes."""
    if parts and parts[-1] in {(_BETWEEN, "."), (_BETWEEN, ",")}:
        parts.pop()
    parts.append(("fraction", ""))


def _pattern(
    parts: Sequence[_Part], *, glued_before: bool = False, glued_behind: bool = False
) -> str:
    """Return the regular expression of parts.

    Numbers are of their full width where another one is next to them, also beyond either end.
    """
    found = ""
    for i, (name, text) in enumerate(parts):
        if name == _BETWEEN:
            found += re.sub(r"(?:\\ )+", " +", re.escape(text))
            continue
        before = parts[i - 1][0] != _BETWEEN if i else glued_before
        behind = parts[i + 1][0] != _BETWEEN if i + 1 < len(parts) else glued_behind
        pattern = _PARTS[name]
        if before or behind:
            pattern = pattern.replace(r"[0-9]{1,2}", r"[0-9]{2}").replace("[0-5]?", "[0-5]")
        # A blank may stand before what is behind a time, and none need do so.
        found += (" ?" if name in {"half", "zone"} else "") + pattern
    return found
