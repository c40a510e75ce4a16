"""Time zones that the headings of stamps name, such as ``Date (UTC)`` and ``Time (EST)``."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from wfo.data.importing.headings.qualifiers import LONGEST, normalise
from wfo.data.importing.zones import AMBIGUOUS, LOCAL, OFFSETS
from wfo.text import shown

#: Zones by the words for them, in capitals: places, and abbreviations that headings use for a
#: place's time whatever its clocks show.
ZONES: Final[Mapping[str, str]] = {
    **LOCAL,
    **dict.fromkeys(("UTC", "GMT", "Z", "ZULU", "UTC TIME", "GMT TIME"), "UTC"),
    **dict.fromkeys(
        ("EASTERN", "US EASTERN", "US/EASTERN", "EASTERN TIME", "NEW YORK", "NY", "NYC"),
        "America/New_York",
    ),
    **dict.fromkeys(("US CENTRAL", "US/CENTRAL", "CHICAGO"), "America/Chicago"),
    **dict.fromkeys(("US PACIFIC", "US/PACIFIC"), "America/Los_Angeles"),
    **dict.fromkeys(("LONDON", "UK"), "Europe/London"),
    **dict.fromkeys(("CET/CEST", "MEZ/MESZ", "BERLIN", "FRANKFURT"), "Europe/Berlin"),
    **dict.fromkeys(("EET", "EEST", "EET/EEST"), "Europe/Athens"),
    **dict.fromkeys(("MSK", "MOSCOW", "МСК"), "Europe/Moscow"),
    **dict.fromkeys(("JST", "TOKYO"), "Asia/Tokyo"),
    **dict.fromkeys(("HKT", "HONG KONG"), "Asia/Hong_Kong"),
    **dict.fromkeys(("KST", "SEOUL"), "Asia/Seoul"),
    **dict.fromkeys(("SGT", "SINGAPORE"), "Asia/Singapore"),
}

#: Abbreviations that strictly mean one offset all year, and are written for a place's time too.
LOOSE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("EST", "EDT", "EST/EDT"), "America/New_York"),
    "CDT": "America/Chicago",
    **dict.fromkeys(("PST", "PDT"), "America/Los_Angeles"),
    **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Berlin"),
    **dict.fromkeys(("AEST", "AEDT"), "Australia/Sydney"),
}

#: Abbreviations that several places use; clocks of some that say MST are never put forward.
_SEVERAL: Final = frozenset({*AMBIGUOUS, "MST"})

#: Offsets in hours and minutes that a zone without summer time has.
_HALVES: Final[Mapping[str, str]] = {
    "+05:30": "Asia/Kolkata",
    "+05:45": "Asia/Kathmandu",
    "+09:30": "Australia/Darwin",
    "+04:30": "Asia/Kabul",
    "+06:30": "Asia/Yangon",
}


def zone_of(words: str) -> str | None:
    """Return the IANA name of the zone that words of a heading mean, if they are one.

    Parameters
    ----------
    words
        Such as ``UTC``, ``GMT+2``, ``EST``, ``America/New_York``.
    """
    text = " ".join(words.replace("_", " ").upper().split())
    if text in ZONES:
        return ZONES[text]
    if text in LOOSE:
        return LOOSE[text]
    offset = re.fullmatch(r"(?:UTC|GMT)?\s?([+\N{MINUS SIGN}-])\s?(\d{1,2})(?::?(\d\d))?", text)
    if offset is not None:
        return _at(offset[1], int(offset[2]), int(offset[3] or 0))
    if re.fullmatch(r"[A-Za-z]+/[A-Za-z_/]+", words.strip()):
        try:
            return zoneinfo.ZoneInfo(words.strip()).key
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            return None
    return None


def _at(sign: str, hours: int, minutes: int) -> str | None:
    """Return a zone that lies an offset from UTC all year; None where there is none."""
    if hours == minutes == 0:
        return "UTC"
    if minutes:
        return _HALVES.get(f"{sign}{hours:02}:{minutes:02}")
    # The database counts them westwards.
    east = sign == "+"
    return f"Etc/GMT{'-' if east else '+'}{hours}" if hours <= (14 if east else 12) else None


#: What else stands in brackets behind a stamp's name: its form, its unit, whose clock.
_FORM: Final = re.compile(
    r"[YyMmDdHhSsTt:/.\- ]{2,}|ms|us|ns|s|sec|seconds|milliseconds|unix|epoch|local|exchange|"
    r"local time|exchange time"
)


class Zoned(NamedTuple):
    """The heading of a stamp without the zone that it names.

    Attributes
    ----------
    name
        The rest, as `normalise` leaves it.
    zone
        The zone's IANA name; None where what was taken off is none, or any of several.
    word
        What was taken off, in capitals.
    """

    name: str
    zone: str | None
    word: str

    def note(self, heading: str) -> str | None:
        """Return what to say of the zone, if it was not plain which is meant."""
        if self.word in LOOSE:
            hours = OFFSETS[self.word.partition("/")[0]] // 60
            return (
                f"{self.word} in the heading {shown(heading)} is read as {LOOSE[self.word]}, where "
                f"clocks are put forward in summer; write UTC{hours:+} there if these were not"
            )
        if self.word in _SEVERAL:
            return (
                f"{self.word} in the heading {shown(heading)} may be the time of several places: "
                "--timezone says which"
            )
        return None


def zoned(heading: str) -> Iterator[Zoned]:
    """Yield the ways in which a heading is a name and a zone."""
    text = heading.strip()
    if len(text) > LONGEST:
        return
    bracketed = re.fullmatch(r"(.+?)[\s_.,:-]*[(\[{]\s*(.+?)\s*[)\]}][\s*]*", text)
    if bracketed is not None:
        zone, word = zone_of(bracketed[2]), bracketed[2].upper()
        if zone is not None or word in _SEVERAL or _FORM.fullmatch(bracketed[2]):
            yield Zoned(normalise(bracketed[1]), zone, word)
        return
    for gap in re.finditer(r"[\s_,:-]+(?:in\s+)?", text):
        for name, words in (
            (text[: gap.start()], text[gap.end() :]),
            (text[gap.end() :], text[: gap.start()]),
        ):
            zone, word = zone_of(words), words.upper()
            if zone is not None or word in _SEVERAL or word in ("LOCAL", "EXCHANGE"):
                yield Zoned(normalise(name), zone, word)
