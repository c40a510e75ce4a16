"""The page of vendors' files, made from the tables by which the import knows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wfo.data.importing.headings.languages import LANGUAGES
from wfo.data.importing.headings.names import NAMES, OWN, Names
from wfo.data.importing.vendors.known import KNOWN, Known
from wfo.data.importing.vendors.shapes import HEADLESS, Shape

_HEAD = """# Files of vendors

What [`wfo data import`](own-bars.md) knows of the files that vendors, exchanges and programs \
write. It is said of a file only where something in it is the vendor's own; what follows from \
it, an option overrides: `--stamps`, `--timezone`, `--columns`.
"""

_HEADINGS = """## Files with headings

A vendor is known by the headings that its line begins with (…) or has somewhere among others. \
*Stamps* is the end of an intraday bar that its time is taken for; a zone stands where a \
vendor's times are always of the same one and carry none. Files of other vendors are read by \
their headings all the same.
"""

_SHAPES = """## Files without headings

Known by the number of columns, by the form of their cells, and by which column is never below \
and which never above the others: rows that could be read in two ways are read in none. Any \
other file is read with `--columns`.
"""

_NAMES = """## Names of columns

Case, blanks, diacritics, brackets around a name and numbers in front of it do not matter: \
`<OPEN>`, `1. open` and `Open*` are one. A name stands before those to its right and below it: \
where a file has several columns for a field, that of the first name is read, so a close goes \
before a last price. Stamps are read under a name of the first row if one of them is there. Four \
prices that share a currency (`Open (USD)`), a side (`BidOpen`) or a ticker (`AAPL.Open`) are \
read where there are no plain ones, and of several volumes that in units of what is traded. A \
zone may stand in the heading of stamps: `Date (UTC)`, `Gmt time`, `Time (EST)`. The previous \
close, adjusted prices, highs of 52 weeks, averages and changes are never taken for prices of \
the bar.
"""

#: Columns of the table of names, by what they are called there.
_FIELDS = {
    "date and time": ("date", "time", "datetime", "vague"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close", "last", "price", "settle"),
    "adjusted close": ("adj_close",),
    "volume": ("volume", "ticks"),
}


def vendors_page() -> str:
    """Return the page as Markdown: vendors with headings, shapes without, and all names."""
    return "\n".join(
        [
            _HEAD,
            _HEADINGS,
            *_table(("vendor", "headings", "stamps", "dates, zone, remarks"), _known()),
            "",
            _SHAPES,
            *_table(("vendor", "columns", "stamps", "dates, remarks"), map(_shape, HEADLESS)),
            "",
            _NAMES,
            *_table(("", *_FIELDS), map(_names, (OWN, *NAMES, *LANGUAGES))),
            "",
        ]
    )


def _table(heads: Sequence[str], rows: Iterator[Sequence[str]] | map[list[str]]) -> list[str]:
    return [
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _known() -> Iterator[list[str]]:
    """Yield a row a line of headings, those of one vendor below each other."""
    order = list(dict.fromkeys(known.name for known in KNOWN))
    for known in sorted(KNOWN, key=lambda each: order.index(each.name)):
        yield [
            known.name,
            _headings(known),
            known.stamps,
            _prose("; ".join(filter(None, (known.dates, known.zone, known.remark)))),
        ]


def _headings(known: Known) -> str:
    # As prose, whose lines break: in one line they push the other columns out of sight.
    parts = [f"{known.starts} …"] if known.starts else []
    return _prose(
        ", ".join([*parts, *([known.has] if known.has else [])])
        .replace(",", ", ")
        .replace(",  ", ", ")
    )


def _shape(shape: Shape) -> list[str]:
    said = "; ".join(filter(None, (shape.dates, _prose(shape.remark))))
    return [shape.name, shape.listed, shape.stamps, said]


def _names(names: Names) -> list[str]:
    cells = [
        ", ".join(name for field in fields for name in getattr(names, field).split(" | ") if name)
        for fields in _FIELDS.values()
    ]
    return [_prose(names.of), *map(_prose, cells)]


def _prose(text: str) -> str:
    """Return plain text as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)
