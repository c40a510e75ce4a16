"""Which column of a file holds what, whatever its heading is called."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

#: Headings of each field in order of preference, as `normalise` leaves them.
ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "date": ("date", "day", "tradedate", "tradingdate"),
    "time": ("time",),
    "datetime": ("datetime", "timestamp", "dateandtime", "opentime", "unix", "unixtime", "epoch"),
    "open": ("open", "o", "openprice"),
    "high": ("high", "h", "highprice"),
    "low": ("low", "l", "lowprice"),
    "close": ("close", "c", "closeprice", "closelast", "last", "price"),
    "adj_close": ("adjclose", "adjustedclose", "adjcloseprice"),
    "volume": ("volume", "vol", "v", "totalvolume"),
    "up": ("up",),
    "down": ("down",),
    "open_interest": ("oi", "openint", "openinterest"),
    "ticker": ("ticker", "symbol"),
}

#: Headings that pandas leaves on an index without a name.
INDEX_HEADINGS: Final = ("", "index", "unnamed0", "indexlevel0", "level0")

NEEDED: Final = (
    "needed: date or datetime (or date and time), open, high, low, close; "
    "optional: volume, adj_close"
)


def normalise(heading: str) -> str:
    """Reduce a heading to its letters and digits, so that ``<Adj. Close*>`` is ``adjclose``."""
    return "".join(c for c in heading.casefold() if c.isalnum())


@dataclasses.dataclass(frozen=True)
class Columns:
    """The position of each recognised field in a file.

    Attributes
    ----------
    position
        Field name, a key of `ALIASES`, to column number from 0.
    index
        Column number of a pandas index without a name, if there is one.
    repeated
        Headings that occur more than once among those recognised.
    """

    position: Mapping[str, int]
    index: int | None
    repeated: tuple[str, ...]


def recognise(headings: Sequence[str]) -> Columns:
    """Find the fields among a file's headings."""
    plain = [normalise(h) for h in headings]
    position: dict[str, int] = {}
    repeated: list[str] = []
    for field, aliases in ALIASES.items():
        for alias in aliases:
            if alias in plain:
                position[field] = plain.index(alias)
                if plain.count(alias) > 1:
                    repeated.append(headings[plain.index(alias)])
                break
    index = None
    for number, (heading, name) in enumerate(zip(headings, plain, strict=True)):
        # A nameless column that is not the first comes from a separator at the end of the line.
        if name in INDEX_HEADINGS and (name != "" or (number == 0 and not heading.strip())):
            index = number
            break
    return Columns(position, index, tuple(repeated))


def is_tradestation(columns: Columns, headings: Sequence[str]) -> bool:
    """Tell whether the headings are exactly those of a TradeStation export.

    Its charts export ``Date, Time, Open, High, Low, Close`` followed by ``Up, Down`` for
    intraday bars and ``Vol, OI`` for longer ones.
    """
    prices = {"date", "time", "open", "high", "low", "close"}
    found = set(columns.position)
    named = sum(1 for h in headings if h.strip())
    return named == len(found) and found - prices in ({"up", "down"}, {"volume", "open_interest"})
