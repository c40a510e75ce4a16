"""Which column of a file holds what, whatever its heading is called."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Final

from wfo.data.frames import PRICES
from wfo.data.importing.headings.languages import LANGUAGES
from wfo.data.importing.headings.names import CHARTS, NAMES, OWN, Names
from wfo.data.importing.headings.qualifiers import MONEY, Part, normalise, parts
from wfo.data.importing.headings.zoned import zoned
from wfo.text import shown

#: The fields of a file of bars, in the order in which they are looked for.
FIELDS: Final[tuple[str, ...]] = (
    *("date", "time", "datetime", "open", "high", "low", "close", "adj_close", "volume"),
    *("up", "down", "open_interest", "ticker"),
)
#: Columns of `Names` that each field is read from, where that is not the one of its name.
_SOURCES: Final[Mapping[str, tuple[str, ...]]] = {
    "close": ("close", "last", "price", "settle"),
    "volume": ("volume", "ticks"),
}
_STAMPS: Final = ("date", "time", "datetime")

#: A heading that ends in the zone, whatever stands before it.
_IN_UTC: Final = re.compile(r"(?:^|[\W_])(?:utc|gmt)[)\]]?$", re.IGNORECASE)

#: Headings that pandas leaves on an index without a name.
INDEX_HEADINGS: Final = ("", "index", "unnamed0", "indexlevel0", "level0")

#: Columns whose headings are taken apart; no file of bars has as many before its prices.
_APART: Final = 256

NEEDED: Final = (
    "needed: date or datetime (or date and time), open, high, low, close; "
    "optional: volume, adj_close"
)


@dataclasses.dataclass(frozen=True)
class Fields:
    """The position of each recognised field in a file.

    Attributes
    ----------
    position
        Field name, one of `FIELDS`, to column number from 0.
    index
        Column number of a pandas index without a name, if there is one.
    repeated
        Headings that occur more than once among those recognised.
    zone
        IANA name of the zone that a heading of stamps names, such as UTC of ``Gmt time``.
    notes
        What was chosen where a file offers several columns for one field.
    end
        The heading of the stamps, in quotes, where it says that they are ends; empty elsewhere.
    """

    position: Mapping[str, int]
    index: int | None
    repeated: tuple[str, ...]
    zone: str | None = None
    notes: tuple[str, ...] = ()
    end: str = ""


def recognise(headings: Sequence[str]) -> Fields:
    """Find the fields among a file's headings.

    Parameters
    ----------
    headings
        As the file has them.

    Notes
    -----
    A heading is known by its whole name in `wfo.data.importing.headings.names` or
    `wfo.data.importing.headings.languages`; of several the first in the order of those tables is
    read. Where one of the four prices has none, columns that share a currency (``Open (USD)``), a
    side (``BidOpen``) or a ticker (``AAPL.Open``) are taken together or not at all.
    """
    return _Search(headings).fields()


def own_stamps(headings: Sequence[str]) -> bool:
    """Tell whether a heading names dates, with times or without, in whatever company it stands."""
    plain = {normalise(h) for h in headings}
    return any(name in plain for field in ("date", "datetime") for name in _names(OWN, field))


class _Search:
    """One search through a file's headings."""

    def __init__(self, headings: Sequence[str]) -> None:
        self.headings = headings
        self.plain = [normalise(h) for h in headings]
        for chart in CHARTS:
            own = chart.split(",")
            if [h.strip() for h in headings[: len(own)]] == own:
                self.headings, self.plain = headings[: len(own)], self.plain[: len(own)]
        self.first: dict[str, int] = {}
        self.twice: set[str] = set()
        for number, name in enumerate(self.plain):
            if name in self.first:
                self.twice.add(name)
            self.first.setdefault(name, number)
        self.position: dict[str, int] = {}
        self.repeated: list[str] = []
        self.notes: list[str] = []
        self.zone: str | None = None
        self.end = ""

    def fields(self) -> Fields:
        for field in FIELDS:
            if field not in _STAMPS:
                self._take(field, _ranks(field))
        self._prices()
        self._volume()
        self._stamps()
        order = {field: self.position[field] for field in FIELDS if field in self.position}
        notes = tuple(self.notes)
        return Fields(order, self._index(), tuple(self.repeated), self.zone, notes, self.end)

    def _take(self, field: str, ranks: Mapping[str, int]) -> bool:
        """Read a field from the column whose name stands first among some, if there is one."""
        name = min((n for n in self.first if n in ranks), key=ranks.__getitem__, default=None)
        if name is None:
            return False
        self.position[field] = self.first[name]
        if name in self.twice:
            self.repeated.append(self.headings[self.first[name]])
        return True

    def _index(self) -> int | None:
        for number, (heading, name) in enumerate(zip(self.headings, self.plain, strict=True)):
            # A nameless column that is not the first comes from a separator at the end of the line.
            if name in INDEX_HEADINGS and (name != "" or (number == 0 and not heading.strip())):
                return number
        return None

    def _heading(self, number: int) -> str:
        return shown(self.headings[number].strip())

    # Prices

    def _prices(self) -> None:
        """Read prices from columns that share what qualifies them, where plain ones are missing."""
        missing = [price for price in PRICES if price not in self.position]
        if not missing:
            return self._note_close()
        families = self._families(PRICES)
        whole = {k: f for k, f in families.items() if all(price in f for price in PRICES)}
        chosen = next((k for kind in ("unit", "side") for k in whole if k[1] == kind), None)
        symbols = [k for k in whole if k[1] == "symbol"]
        if chosen is None and len(symbols) == 1:
            chosen = symbols[0]
        if chosen is not None:
            family = whole[chosen]
            self._note_family(chosen, [k for k in whole if k != chosen])
        else:
            # One currency at some of the prices and none at the others.
            units = [k for k, f in families.items() if k[1] == "unit" and set(missing) <= set(f)]
            if len(units) != 1:
                return None
            chosen, family = units[0], {p: families[units[0]][p] for p in missing}
        for field, (number, again) in family.items():
            if field in PRICES:
                self.position[field] = number
                if again:
                    self.repeated.append(self.headings[number])
        extra = self._families(("adj_close", "volume")).get(chosen, {})
        for field, (number, _) in extra.items():
            if chosen[1] != "side":
                self.position.setdefault(field, number)
        return None

    def _families(
        self, fields: Sequence[str]
    ) -> dict[tuple[str, str], dict[str, tuple[int, bool]]]:
        """Return the fields that share a mark: by mark and its kind, column and if there twice."""
        found: dict[tuple[str, str], dict[str, tuple[int, int, bool]]] = {}
        for number, heading in enumerate(self.headings[:_APART]):
            for part in parts(heading):
                for field in fields:
                    rank = _rank(field, part)
                    if rank is None:
                        continue
                    family = found.setdefault((part.mark, part.kind), {})
                    held = family.get(field)
                    if held is None or rank < held[0]:
                        family[field] = (rank, number, False)
                    elif rank == held[0] and number != held[1]:
                        family[field] = (*held[:2], True)
        # `mid` before `bid`, the rest in the order of the file.
        order = sorted(found, key=lambda key: key[0] != "mid")
        return {k: {f: (n, twice) for f, (_, n, twice) in found[k].items()} for k in order}

    def _note_family(self, chosen: tuple[str, str], others: list[tuple[str, str]]) -> None:
        mark, kind = chosen
        if kind == "side":
            what = {"bid": "bid prices", "mid": "prices halfway between bid and ask"}[mark]
            self.notes.append(f"open, high, low and close are {what}, as their headings say")
        elif kind == "symbol":
            self.notes.append(f"prices are those of {mark.upper()}, as their headings say")
        elif any(other[1] == "unit" for other in others):
            rest = ", ".join(m.upper() for m, k in others if k == "unit")
            self.notes.append(
                f"prices are read in {mark.upper()}; the file has them in {rest} as well"
            )

    def _note_close(self) -> None:
        """Say which column the close is where none is called that."""
        if self.plain[self.position["close"]] in _names_of("close"):
            return
        others = [
            self._heading(self.first[name])
            for name in _ranks("close")
            if name in self.first and self.first[name] != self.position["close"]
        ]
        name = self.plain[self.position["close"]]
        if others or name in _names_of("settle"):
            also = f"; not {', '.join(others)}" if others else ""
            self.notes.append(f"the close is column {self._heading(self.position['close'])}{also}")

    # Volume

    def _volume(self) -> None:
        """Read the volume in units of what is traded, where the file counts it in several."""
        counted = [
            (number, part)
            for number, heading in enumerate(self.headings[:_APART])
            for part in parts(heading)
            if part.kind != "side" and part.name in _names_of("volume")
        ]
        if "volume" in self.position and self._name("volume") in _names_of("volume"):
            ticks = [self._heading(self.first[n]) for n in _names_of("ticks") if n in self.first]
            if ticks:
                volume = self._heading(self.position["volume"])
                self.notes.append(f"volume is column {volume}; {ticks[0]} counts ticks")
            return
        if len(counted) == 1 and counted[0][1].mark in ("quote", "money", "value", "notional"):
            return
        if counted:
            base = [c for c in counted if c[1].mark not in MONEY]
            number, part = base[0] if len(base) == 1 else counted[0]
            self.position["volume"] = number
            others = [self._heading(n) for n, _ in counted if n != number]
            if others:
                self.notes.append(
                    f"volume is column {self._heading(number)}; not {', '.join(others)}"
                )
            elif part.mark in MONEY:
                self.notes.append(
                    f"volume is column {self._heading(number)}: in money, not in what is traded"
                )
        elif "volume" in self.position:
            self.notes.append(
                f"volume is column {self._heading(self.position['volume'])}: a count of ticks"
            )

    def _name(self, field: str) -> str:
        return self.plain[self.position[field]]

    # Stamps

    def _stamps(self) -> None:
        for field in _STAMPS:
            self._take(field, _own_ranks(field))
        has = set(self.position) & set(_STAMPS)
        if not has:
            for field in _STAMPS:
                self._take_stamp(field)
            prices = all(price in self.position for price in PRICES)
            if prices and not set(self.position) & {"date", "datetime"}:
                self._take("date", _names_of("vague"))
            ends = prices and not set(self.position) & set(_STAMPS) and self._index() is None
            if ends and self._take("datetime", _names_of("end")):
                self.end = self._heading(self.position["datetime"])
        elif has == {"date"}:
            self._take_stamp("time")
        elif has == {"time"}:
            self._take_stamp("date")
        self._zones()

    def _take_stamp(self, field: str) -> None:
        """Read stamps by any name, also beside a zone; of several zones' by that in UTC."""
        if self._take(field, _names_of(field)):
            return
        found = [
            (each.zone != "UTC", number)
            for number, heading in enumerate(self.headings[:_APART])
            for each in zoned(heading)
            if each.name in _names_of(field)
        ]
        if found:
            self.position[field] = min(found)[1]

    def _zones(self) -> None:
        """Find the zone that headings of stamps name."""
        names = {name for field in (*_STAMPS, "end") for name in _names_of(field)}
        for field in _STAMPS:
            if field not in self.position or self.zone is not None:
                continue
            heading = self.headings[self.position[field]]
            for each in zoned(heading):
                if each.name in names and self.zone is None:
                    self.zone = each.zone
                    note = each.note(heading.strip())
                    self.notes += [note] if note else []
            if self.zone is None and _IN_UTC.search(heading.strip()[-10:]):
                self.zone = "UTC"


def _rank(field: str, part: Part) -> int | None:
    """Return how far behind others a name of a field stands; None if it is none."""
    if field == "adj_close" and part.kind == "symbol" and part.name == "adjusted":
        return 0  # of R's quantmod; alone it may say whether prices are adjusted
    return _ranks(field).get(part.name)


@functools.cache
def _names(names: Names, column: str) -> tuple[str, ...]:
    """Return the names that a row of the table gives to one of its columns, normalised."""
    return tuple(normalise(name) for name in getattr(names, column).split(" | ") if name)


@functools.cache
def _names_of(*columns: str) -> Mapping[str, int]:
    """Return the names in some columns of the table, normalised, with their ranks."""
    rows = (OWN, *NAMES, *LANGUAGES)
    names = dict.fromkeys(
        name for column in columns for row in rows for name in _names(row, column)
    )
    return {name: rank for rank, name in enumerate(names)}


def _ranks(field: str) -> Mapping[str, int]:
    """Return the names of a field with their ranks: those with the lowest are read."""
    return _names_of(*_SOURCES.get(field, (field,)))


@functools.cache
def _own_ranks(field: str) -> Mapping[str, int]:
    return {name: rank for rank, name in enumerate(_names(OWN, field))}
