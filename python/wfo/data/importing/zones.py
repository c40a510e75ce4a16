"""Time zones by their names, abbreviations and offsets."""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import functools
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Final

from wfo.errors import InputError
from wfo.text import shown

#: What an abbreviation behind a time stands for, in minutes east of UTC, all year.
OFFSETS: Final[Mapping[str, int]] = {
    "Z": 0, "UTC": 0, "GMT": 0, "UT": 0,
    "WET": 0, "WEST": 60, "CET": 60, "CEST": 120, "MEZ": 60, "MESZ": 120, "EET": 120, "EEST": 180,
    "MSK": 180, "TRT": 180, "SAST": 120, "EAT": 180, "IDT": 180,
    "PKT": 300, "NPT": 345, "ICT": 420, "WIB": 420, "HKT": 480, "SGT": 480, "MYT": 480, "PHT": 480,
    "AWST": 480, "JST": 540, "KST": 540, "ACST": 570, "ACDT": 630, "AEST": 600, "AEDT": 660,
    "NZST": 720, "NZDT": 780,
    "NST": -210, "NDT": -150, "ADT": -180, "EST": -300, "EDT": -240, "CDT": -300, "MST": -420,
    "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600,
    "BRT": -180, "ART": -180, "COT": -300, "PET": -300, "CLT": -240, "CLST": -180,
}  # fmt: skip

#: Abbreviations of a place's time, whatever its clocks show.
LOCAL: Final[Mapping[str, str]] = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
}

#: Abbreviations that stand for several offsets, with a zone of each.
AMBIGUOUS: Final[Mapping[str, tuple[str, ...]]] = {
    "IST": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
    "CST": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "BST": ("Europe/London", "Asia/Dhaka"),
    "AST": ("America/Halifax", "Asia/Riyadh"),
    "GST": ("Asia/Dubai", "Atlantic/South_Georgia"),
    "SST": ("Pacific/Pago_Pago", "Asia/Singapore"),
    "AMT": ("America/Manaus", "Asia/Yerevan"),
    "ECT": ("America/Guayaquil", "Europe/Paris"),
}

_OFFSET: Final = re.compile(r"(?:(?:UTC|GMT|UT) ?)?([+\-\u2212])([0-9]{1,2})(?::?([0-5][0-9]))?")

#: Characters of what says a zone, comments behind it included.
_LONGEST: Final = 100

#: Minutes from UTC, at most: Kiribati is 14 hours ahead of it.
_FARTHEST: Final = 14 * 60


@dataclasses.dataclass(frozen=True)
class Zone:
    """What stands behind a time.

    Attributes
    ----------
    minutes
        Minutes east of UTC; None where a time zone says them.
    name
        IANA name of a time zone.
    note
        What an abbreviation is taken for; empty for others.
    """

    minutes: int | None
    name: str | None = None
    note: str = ""


def require_timezone(name: str) -> str:
    """Return `name` if it is a time zone of the IANA data base.

    Raises
    ------
    InputError
        If it is not, with the nearest known name.
    """
    by_fold = _by_fold()
    if by_fold.get(name.casefold()) == name:
        return name
    close = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    hint = f"did you mean {by_fold[close[0]]!r}?" if close else "such as 'America/New_York', 'UTC'"
    raise InputError(f"unknown time zone {name!r}; {hint}")


def read_zone(
    text: str, zones: Sequence[str] = (), years: tuple[int, int] = (1970, 2030)
) -> Zone | str:
    """Read an offset, abbreviation or name of a time zone that stands behind a time.

    Parameters
    ----------
    text
        Such as ``Z``, ``-0500``, ``GMT+01:00``, ``EST``, ``Europe/Berlin``,
        ``+01:00[Europe/Berlin]``, ``GMT+0100 (Central European Standard Time)``.
    zones
        IANA names of zones that abbreviations are looked up in first: the one that was given for
        the stamps, the exchange's.
    years
        First and last year of the stamps.

    Returns
    -------
    Zone or str
        The zone, or what is wrong with the text, as it follows a cell in a message.
    """
    if len(text) > _LONGEST:
        return f"ends in {shown(text)}, which is no known time zone"
    plain = re.sub(r"(?<=.) ?\([^()]*\)$", "", text.strip()).strip(" ()")
    bracket = re.fullmatch(r"(.*?) ?\[([^\[\]]+)\]", plain)
    if bracket is not None:
        plain = bracket[1] or bracket[2]
    word = plain.upper()
    offset = _OFFSET.fullmatch(word)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes > _FARTHEST:
            return "is farther from UTC than any time zone"
        return Zone(minutes if offset[1] == "+" else -minutes)
    used = [found for zone in zones if (found := _used(word, zone, years)) is not None]
    if word in AMBIGUOUS:
        if used:
            return used[0]
        several = ", ".join(AMBIGUOUS[word])
        return (
            f"names the time zone {word}, which may be any of {several}: give the one that it is "
            "(--timezone)"
        )
    if word in OFFSETS:
        minutes = OFFSETS[word]
        named = word in {"Z", "UTC", "GMT", "UT"}
        return Zone(minutes, note="" if named else f"{word} is taken for UTC{_signed(minutes)}")
    if word in LOCAL:
        return Zone(None, LOCAL[word], f"{word} is taken for {LOCAL[word]}")
    if plain.casefold() in _by_fold():
        return Zone(None, _by_fold()[plain.casefold()])
    if used:
        return used[0]
    return (
        f"ends in {shown(plain)}, which is no known time zone: leave it out of the file, and give "
        "the zone (--timezone)"
    )


def _used(word: str, zone: str, years: tuple[int, int]) -> Zone | None:
    """Return the offset for which clocks of a zone show an abbreviation, the last of them."""
    if not re.fullmatch(r"[A-Z]{2,5}", word):
        return None
    place = zoneinfo.ZoneInfo(zone)
    for year in range(min(years[1], 2999), max(years[0], 1600) - 1, -1):
        for month in (1, 7):
            moment = dt.datetime(year, month, 1, tzinfo=place)
            said = (moment.tzname() or "").upper()
            if said == word or (said[:1] in "+-" and zone in AMBIGUOUS.get(word, ())):
                minutes = round((moment.utcoffset() or dt.timedelta()).total_seconds() / 60)
                return Zone(minutes, note=f"{word} is taken for that of {zone}, {_signed(minutes)}")
    return None


def _signed(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


@functools.cache
def _by_fold() -> Mapping[str, str]:
    return {zone.casefold(): zone for zone in zoneinfo.available_timezones()}
