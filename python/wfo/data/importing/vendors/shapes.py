"""Files without headings, known by the shape of their rows."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Final

from wfo.data.frames import PRICES
from wfo.data.importing.cells import EMPTY_WORDS
from wfo.data.importing.vendors.vendor import StampsAt, Vendor

_NUMBER: Final = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
#: Forms of cells, by their names.
_FORMS: Final[Mapping[str, str]] = {
    "number": _NUMBER,
    "number or nothing": f"(?:{_NUMBER})?",
    "whole number": r"\d+(?:\.0*)?",
    "epoch in seconds": r"[12]\d{9}(?:\.0*)?",
    "epoch in milliseconds": r"[12]\d{12}(?:\.0*)?",
    "epoch": r"[12]\d{9}(?:\d{3}){0,2}(?:\.0*)?",
    "YYYYMMDD": r"(?:19|20)\d\d[01]\d[0-3]\d",
    "YYYYMMDD HHMMSS": r"(?:19|20)\d\d[01]\d[0-3]\d \d{6}",
    "YYYY.MM.DD": r"\d{4}\.\d\d\.\d\d",
    "YYYY.MM.DD HH:MM": r"\d{4}\.\d\d\.\d\d \d\d:\d\d(?::\d\d)?",
    "YYYY-MM-DD": r"\d{4}-\d\d-\d\d",
    "YYYY-MM-DD HH:MM:SS": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "MM/DD/YYYY": r"\d{1,2}/\d{1,2}/\d{4}",
    "HH:MM": r"\d{1,2}:\d\d(?::\d\d)?",
    "HHMM": r"\d{1,4}",
    "HHMMSS": r"\d{4}|\d{6}|\d\d:\d\d(?::\d\d)?",
    "ticker": r"[\^@$#]?[A-Za-z0-9]*[A-Za-z][\w.\-=^&/ ]*",
    "period": r"\d{1,4}|[DWMI]",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shape:
    """Rows of one vendor's files without headings.

    Attributes
    ----------
    name
        The vendor's.
    columns
        The field of each column, ``-`` where it is none that bars need.
    forms
        The form of each column, by its number from 0; others hold numbers.
    stamps
        Which end of a bar they stamp.
    remark
        What the note says of it besides.
    """

    name: str
    columns: tuple[str, ...]
    forms: Mapping[int, str]
    stamps: StampsAt = "open"
    remark: str = ""

    @property
    def vendor(self) -> Vendor:
        """The vendor."""
        return Vendor(self.name, self.stamps)

    @property
    def listed(self) -> str:
        """The columns as they are listed in a note."""
        names = ["…" if c == "-" else c.replace("_", " ") for c in self.columns]
        while names[-2:] == ["…", "…"]:
            names.pop()
        return ", ".join(names)

    @property
    def dates(self) -> str:
        """The form of the stamps."""
        stamps = [i for i, c in enumerate(self.columns) if c in ("date", "time", "datetime")]
        return ", ".join(self.forms[i] for i in stamps)

    @property
    def said(self) -> str:
        """The note on it."""
        more = f"; {self.remark}" if self.remark else ""
        return f"the file has no headings: read as {self.name} writes it, {self.listed}{more}"

    def fits(self, rows: Sequence[Sequence[str]]) -> bool:
        """Tell whether rows have its forms, their highs and lows are some, their volume no price.

        One row in ten may have another cell, of which the reading of the cells says more. A volume
        may be empty.

        Parameters
        ----------
        rows
            Cells without blanks around them, as many a row as there are columns.
        """
        forms = [_form(self.forms.get(i, "number")) for i in range(len(self.columns))]
        at = [self.columns.index(price) for price in PRICES]
        counted = self.columns.index("volume") if "volume" in self.columns else None
        other = odd = priced = 0
        for row in rows:
            fitting = [form.fullmatch(cell) for form, cell in zip(forms, row, strict=True)]
            no_volume = counted is not None and row[counted].casefold() in EMPTY_WORDS
            if not all(match or (no_volume and i == counted) for i, match in enumerate(fitting)):
                other += 1
                continue
            first, high, low, last = (_number(row[i]) for i in at)
            odd += not (low <= min(first, last) and high >= max(first, last))
            if counted is not None and not no_volume:
                priced += low <= _number(row[counted]) <= high
        # A few bars may be wrong, of which the import says more; more are in another order.
        return (other + odd) * 10 <= len(rows) and priced < len(rows)


def _number(cell: str) -> float:
    return float(cell.replace(",", "."))


@functools.cache
def _form(name: str) -> re.Pattern[str]:
    return re.compile(_FORMS[name])


def _columns(names: str) -> tuple[str, ...]:
    return tuple(names.split())


_BARS: Final = "open high low close"
_EST: Final = "in EST without summer time (--timezone Etc/GMT+5)"

#: MetaStock's ASCII rows: a ticker, with or without period, time, volume and open interest.
_METASTOCK: Final = tuple(
    Shape(
        name="MetaStock ASCII",
        columns=_columns(f"ticker {period} date {time} {_BARS} {volume}"),
        forms=dict(
            enumerate(
                ["ticker", *(["period"] if period else []), "YYYYMMDD"]
                + (["HHMMSS"] if time else [])
            )
        ),
        remark="Stooq, Finam, bossa and EODData write the same"
        + ("; stamps are taken for opens (--stamps close if they are ends)" if time else ""),
    )
    for period in ("-", "")
    for time in ("time", "")
    for volume in ("volume -", "volume", "")
)

#: Shapes that are known. Of several that fit the same rows none is read, unless they agree.
HEADLESS: Final = (
    # Binance public data, "Klines": open time, prices, volume, close time and five more.
    Shape(
        name="Binance",
        columns=_columns(f"datetime {_BARS} volume - - - - - -"),
        forms={0: "epoch", 6: "epoch", 8: "whole number"},
    ),
    # Kraken support, "Downloadable historical OHLCVT data": the last is the number of trades.
    Shape(
        name="Kraken",
        columns=_columns(f"datetime {_BARS} volume -"),
        forms={0: "epoch in seconds", 6: "whole number"},
    ),
    # Kraken API, "Get OHLC Data": an average before the volume.
    Shape(
        name="Kraken",
        columns=_columns(f"datetime {_BARS} - volume -"),
        forms={0: "epoch in seconds", 7: "whole number"},
    ),
    # Bybit API, "Get Kline": the last is the turnover.
    Shape(
        name="Bybit",
        columns=_columns(f"datetime {_BARS} volume -"),
        forms={0: "epoch in milliseconds"},
    ),
    # KuCoin API, "Get Klines": close before high and low.
    Shape(
        name="KuCoin",
        columns=_columns("datetime open close high low volume -"),
        forms={0: "epoch in seconds"},
    ),
    # OKX API, "Get candlesticks": three volumes and whether the bar is complete.
    Shape(
        name="OKX",
        columns=_columns(f"datetime {_BARS} volume - - -"),
        forms={0: "epoch in milliseconds", 8: "whole number"},
    ),
    # Coinbase Exchange API, "Get product candles": low before high, both before open.
    Shape(
        name="Coinbase",
        columns=_columns("datetime low high open close volume"),
        forms={0: "epoch in seconds"},
    ),
    # Bitfinex API, "Candles": close before high and low.
    Shape(
        name="Bitfinex",
        columns=_columns("datetime open close high low volume"),
        forms={0: "epoch in milliseconds"},
    ),
    # Gemini API, "Candles".
    Shape(
        name="Gemini",
        columns=_columns(f"datetime {_BARS} volume"),
        forms={0: "epoch"},
        remark="other exchanges give the same",
    ),
    # HistData, "Data Files Detailed Specification": MetaTrader in M1 bars.
    Shape(
        name="MetaTrader",
        columns=_columns(f"date time {_BARS} volume"),
        forms={0: "YYYY.MM.DD", 1: "HH:MM"},
        remark=f"on the clock of the broker's server; HistData writes the same {_EST}",
    ),
    Shape(
        name="MetaTrader",
        columns=_columns(f"date time {_BARS} - volume -"),
        forms={0: "YYYY.MM.DD", 1: "HH:MM"},
        remark="on the clock of the broker's server",
    ),
    Shape(
        name="MetaTrader",
        columns=_columns(f"date {_BARS} volume"),
        forms={0: "YYYY.MM.DD"},
    ),
    Shape(
        name="MetaTrader",
        columns=_columns(f"datetime {_BARS} volume"),
        forms={0: "YYYY.MM.DD HH:MM"},
        remark="on the clock of the broker's server",
    ),
    # HistData, "Data Files Detailed Specification": Generic ASCII in M1 bars. NinjaTrader help,
    # "Importing": the same rows, whose stamps are ends, and exports are in UTC.
    Shape(
        name="HistData",
        columns=_columns(f"datetime {_BARS} volume"),
        forms={0: "YYYYMMDD HHMMSS"},
        remark=f"its stamps are opens, {_EST}; NinjaTrader writes the same with ends of bars in "
        "UTC (--stamps close --timezone UTC)",
    ),
    Shape(
        name="NinjaTrader",
        columns=_columns(f"date {_BARS} volume"),
        forms={0: "YYYYMMDD"},
    ),
    # Kibot, "Data format": New York's time; the stamp is the time at which the bar opened.
    Shape(
        name="Kibot",
        columns=_columns(f"date time {_BARS} volume"),
        forms={0: "MM/DD/YYYY", 1: "HH:MM"},
        remark="its stamps are opens in New York's time",
    ),
    Shape(name="Kibot", columns=_columns(f"date {_BARS} volume"), forms={0: "MM/DD/YYYY"}),
    # FirstRate Data, "Data Format": stamps are opens in US Eastern time.
    Shape(
        name="FirstRate Data",
        columns=_columns(f"datetime {_BARS} volume"),
        forms={0: "YYYY-MM-DD HH:MM:SS"},
        remark="its stamps are opens in New York's time",
    ),
    Shape(
        name="FirstRate Data",
        columns=_columns(f"datetime {_BARS}"),
        forms={0: "YYYY-MM-DD HH:MM:SS"},
        remark="its stamps are opens in New York's time",
    ),
    # IQFeed, "Historical Data via TCP/IP": high and low come before open and close.
    Shape(
        name="IQFeed",
        columns=_columns("datetime high low open close - volume -"),
        forms={0: "YYYY-MM-DD HH:MM:SS", 5: "whole number", 6: "whole number"},
        remark="its stamps are ends of bars unless LabelAtBeginning was asked for: --stamps close",
    ),
    Shape(
        name="IQFeed",
        columns=_columns("date high low open close volume -"),
        forms={0: "YYYY-MM-DD", 5: "whole number", 6: "whole number"},
    ),
    # QuantQuote, "Minute Market Data": splits, earnings and dividends behind the volume.
    Shape(
        name="QuantQuote",
        columns=_columns(f"date time {_BARS} volume - - -"),
        forms={0: "YYYYMMDD", 1: "HHMM"},
        remark="in New York's time",
    ),
    *_METASTOCK,
)


def find_shape(rows: Sequence[Sequence[str]]) -> Shape | None:
    """Return the shape that all rows have; None if there is none, or more than one reading.

    Parameters
    ----------
    rows
        Rows of cells from all over the file.
    """
    stripped = [[cell.strip() for cell in row] for row in rows]
    trimmed = [
        row
        for row in stripped
        if any(row) and sum(cell.casefold() in EMPTY_WORDS for cell in row) < len(PRICES)
    ]
    if not trimmed:
        return None
    if all(not row[-1] for row in trimmed):  # a separator at the end of every line
        trimmed = [row[:-1] for row in trimmed]
    width = len(trimmed[0])
    if any(len(row) != width for row in trimmed):
        return None
    fitting = [shape for shape in HEADLESS if len(shape.columns) == width and shape.fits(trimmed)]
    return fitting[0] if len({shape.columns for shape in fitting}) == 1 else None
