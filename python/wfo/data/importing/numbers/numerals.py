"""Numerals of prices and volumes, in the notations that files use, to float64.

A cell is taken apart into its digits and marks, and what stands around them: signs, currencies,
percent signs, and letters such as the M of ``1.25M``. What a mark means, a notation says.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    import polars as pl

#: Which of point and comma is the decimal mark; the other one separates thousands.
Notation = Literal["point", "comma"]
OTHER: Final[Mapping[Notation, Notation]] = {"point": "comma", "comma": "point"}

#: Powers of ten by the letters that stand for them behind a number, as `str.upper` leaves them.
_POWERS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("K", "TSD", "TSD.", "ТЫС", "ТЫС."), 3),
    **dict.fromkeys(("万", "萬", "만"), 4),
    **dict.fromkeys(("LAC", "LACS", "LAKH", "LAKHS"), 5),
    **dict.fromkeys(("M", "MN", "MLN", "MLN.", "MIO", "MIO.", "МЛН", "МЛН."), 6),
    **dict.fromkeys(("CR", "CR.", "CRORE", "CRORES"), 7),
    **dict.fromkeys(("亿", "億", "억"), 8),
    **dict.fromkeys(
        ("B", "BN", "BLN", "MRD", "MRD.", "MLD", "MLD.", "MD", "MDS", "МЛРД", "МЛРД."), 9
    ),
    **dict.fromkeys(("T", "TN"), 12),
}
#: Currencies as files write them, and what each is, since one price has several names.
_CURRENCIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("$", "US$", "USD"), "USD"),
    **dict.fromkeys(("€", "EUR", "EURO"), "EUR"),
    **dict.fromkeys(("£", "\uffe1", "GBP"), "GBP"),
    **dict.fromkeys(("GBX", "P."), "GBX"),
    **dict.fromkeys(("¥", "￥", "JPY", "円"), "JPY"),
    **dict.fromkeys(("₹", "INR", "RS", "RS."), "INR"),
    **dict.fromkeys(("CHF", "FR.", "SFR", "SFR."), "CHF"),
    **dict.fromkeys(("ZŁ", "PLN"), "PLN"),
    **dict.fromkeys(("KČ", "CZK"), "CZK"),
    **dict.fromkeys(("FT", "HUF"), "HUF"),
    **dict.fromkeys(("LEI", "RON"), "RON"),
    **dict.fromkeys(("₽", "RUB", "РУБ", "РУБ."), "RUB"),
    **dict.fromkeys(("₺", "TRY", "TL"), "TRY"),
    **dict.fromkeys(("₩", "KRW", "원"), "KRW"),
    **dict.fromkeys(("R$", "BRL"), "BRL"),
    **dict.fromkeys(("元", "CN¥", "CNY", "RMB"), "CNY"),
    **dict.fromkeys(("C$", "CA$", "CAD"), "CAD"),
    **dict.fromkeys(("A$", "AU$", "AUD"), "AUD"),
    **dict.fromkeys(("NZ$", "NZD"), "NZD"),
    **dict.fromkeys(("HK$", "HKD"), "HKD"),
    **dict.fromkeys(("S$", "SG$", "SGD"), "SGD"),
    **dict.fromkeys(("NT$", "TWD"), "TWD"),
    **dict.fromkeys(("₪", "ILS", "NIS"), "ILS"),
    **dict.fromkeys(("฿", "THB"), "THB"),
    **dict.fromkeys(("₫", "VND"), "VND"),
    **dict.fromkeys(("₱", "PHP"), "PHP"),
    **dict.fromkeys(("RP", "RP.", "IDR"), "IDR"),
    **dict.fromkeys(("RM", "MYR"), "MYR"),
    **dict.fromkeys(("₴", "UAH"), "UAH"),
    **dict.fromkeys(("₦", "NGN"), "NGN"),
    **{code: code for code in ("SEK", "NOK", "DKK", "ISK", "BGN", "MXN", "ARS", "CLP", "COP")},
    **{code: code for code in ("PEN", "ZAR", "EGP", "SAR", "AED", "QAR", "KWD", "KZT", "PKR")},
    # Three countries' crowns have one sign.
    **dict.fromkeys(("KR", "KR."), "KR"),
    **{code: code for code in ("₿", "BTC", "ETH", "USDT", "USDC")},
}

#: Blanks that separate thousands in several locales: wide, narrow, thin, never broken.
_BLANKS: Final = "[\u00a0\u202f\u2007\u2008\u2009\u200a\u3000\t]"
_APOSTROPHES: Final = "[\u2019\u2018\u02bc\u00b4\u0060\u2032]"
#: What shows nothing: marks of the direction of writing, and of a break that is allowed.
_UNSEEN: Final = "[\u200b\u200e\u200f\u2060\ufeff]"

_MARK: Final[Mapping[Notation, str]] = {"point": r"\.", "comma": ","}
_GROUPS: Final = "|".join(rf"[1-9][0-9]{{0,2}}(?:{s}[0-9]{{3}})+" for s in ("'", " "))
#: Whole numbers; in lakhs and crores groups have two digits, but for the last.
_WHOLE: Final[Mapping[Notation, str]] = {
    "point": rf"{_GROUPS}|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+|[1-9][0-9]?(?:,[0-9]{{2}})+,[0-9]{{3}}",
    "comma": rf"{_GROUPS}|[1-9][0-9]{{0,2}}(?:\.[0-9]{{3}})+",
}
#: Numbers of each notation. One with an exponent has no thousands.
GRAMMAR: Final[Mapping[Notation, str]] = {
    n: rf"^(?:(?:{whole}|[0-9]+)(?:{_MARK[n]}[0-9]*)?|{_MARK[n]}[0-9]+"
    rf"|[0-9]*{_MARK[n]}?[0-9]+E[+-]?[0-9]+)$"
    for n, whole in _WHOLE.items()
}
#: Groups of two digits, which numbers in lakhs and crores have.
LAKHS: Final = ",[0-9]{2},"
_SEPARATORS: Final[Mapping[Notation, str]] = {"point": "[,' ]", "comma": "[.' ]"}


def _any_of(words: Mapping[str, object]) -> str:
    return "|".join(re.escape(w) for w in sorted(words, key=len, reverse=True))


#: Digits and marks, from the first digit on.
_DIGITS: Final = "([0-9][0-9.,' ]*(?:E[+-]?[0-9]+)?)"
#: What stands around them, in upper case and without blanks.
_AROUND: Final = (
    rf"([+-]?)({_any_of(_CURRENCIES)})?([+-]?)([.,]?)#"
    rf"({_any_of(_POWERS)})?%?({_any_of(_CURRENCIES)})?"
)
_NO_CENTS: Final = r"([0-9][.,])[-\u2013\u2014]{1,2}([^0-9]*)$"


@dataclasses.dataclass(frozen=True)
class Cells:
    """The cells of one column of text, taken apart.

    Attributes
    ----------
    core
        Digits and marks of each number, with blanks and apostrophes of one kind; null where a
        cell is blank, or does not look like a number.
    negative
        Where a minus stands before it; None if there is none in the column.
    power
        The power of ten that letters behind it stand for; None if there are none in the column.
    currency
        The currency of each cell, null where none is said; None if none is in the column.
    rest
        The indices of the cells that are not blank and do not look like numbers.
    """

    core: pl.Series
    negative: pl.Series | None
    power: pl.Series | None
    currency: pl.Series | None
    rest: pl.Series


def take_apart(cells: pl.Series) -> Cells:
    """Take the cells of one column of text apart."""
    import polars as pl

    text = cells.str.strip_chars()
    plain = text.str.contains(r"^[0-9][0-9.,]*$").fill_null(value=True)
    odd = (~plain & (text != "").fill_null(value=False)).arg_true()
    core = text.set(~plain, None)
    if not len(odd):
        return Cells(core, None, None, None, odd)
    text = tidy(text.gather(odd)).str.to_uppercase()
    around = text.str.replace(_DIGITS, "#")
    # Few ways to write what stands around occur in one file, so each is looked at once.
    known = {way: _around(way) for way in around.unique().to_list()}
    meant = {way: found for way, found in known.items() if found is not None}
    sound = around.is_in(list(meant)) & (around != text)
    if not sound.any():
        return Cells(core, None, None, None, odd)
    places, around, text = odd.filter(sound), around.filter(sound), text.filter(sound)
    if len(meant) == 1:  # a column of dollars; to look for digits again takes far longer
        before, behind = next(iter(meant)).split("#")
        digits = text.str.strip_prefix(before).str.strip_suffix(behind)
    else:
        digits = text.str.extract(_DIGITS)
    digits = digits.str.strip_chars()

    def spread(part: str, dtype: type[pl.DataType]) -> pl.Series | None:
        said = {way: getattr(a, part) for way, a in meant.items()}
        if not any(said.values()):
            return None
        found = around.replace_strict(said, return_dtype=dtype)
        if part == "mark":
            return found
        return pl.repeat(None, len(cells), dtype=dtype, eager=True).scatter(places, found)

    marks = spread("mark", pl.String)
    return Cells(
        core.scatter(places, digits if marks is None else marks + digits),
        spread("negative", pl.Boolean),
        spread("power", pl.Int64),
        spread("currency", pl.String),
        odd.filter(~sound),
    )


@dataclasses.dataclass(frozen=True)
class _Around:
    """What stands around the digits of a number: signs, a currency, letters for a power of ten.

    The mark is one that the digits begin with, as in ``.5``.
    """

    negative: bool
    power: int | None
    currency: str | None
    mark: str


def _around(way: str) -> _Around | None:
    """Return what stands around the digits, which ``#`` is for; None if that is no number."""
    found = re.fullmatch(_AROUND, way.replace(" ", ""))
    if found is None:
        return None
    first, before, second, mark, letters, behind = (g or "" for g in found.groups())
    # A number has one sign and one currency at most.
    if (first and second) or (before and behind):
        return None
    currency = before or behind
    return _Around(
        "-" in (first, second),
        _POWERS[letters] if letters else None,
        _CURRENCIES[currency] if currency else None,
        mark,
    )


def tidy(text: pl.Series) -> pl.Series:
    """Return cells without what differs between programs and means the same."""
    if text.str.contains(r"[^ -_a-~]").any():
        text = text.str.replace_all(_UNSEEN, "").str.replace_all(_BLANKS, " ").str.strip_chars()
        text = text.str.replace_all(_APOSTROPHES, "'").str.replace("\u2212", "-", literal=True)
    if text.str.starts_with("=").any():  # keeps spreadsheets from making a date of a number
        text = text.str.replace(r'^="([^"]*)"$', "${1}")
    if text.str.contains(_NO_CENTS).any():  # no sign: "5,-" is 5
        text = text.str.replace(_NO_CENTS, "${1}${2}")
    return text


def fits(core: pl.Series, notation: Notation) -> pl.Series:
    """Return whether digits and marks are a number of a notation; null where they are null."""
    return core.str.contains(GRAMMAR[notation])


def to_floats(cells: Cells, notation: Notation) -> pl.Series:
    """Return the numbers as float64, null where one is none of the notation."""
    import polars as pl

    core = cells.core
    grouped = core.str.contains(_SEPARATORS[notation]).fill_null(value=False)
    if grouped.any():
        wrong = grouped & ~fits(core, notation).fill_null(value=False)
        core = core.str.replace_all(_SEPARATORS[notation], "").set(wrong, None)
    if notation == "comma":
        core = core.str.replace_all(",", ".", literal=True)
    numbers = core.cast(pl.Float64, strict=False)
    if cells.power is not None:
        # Multiplied in float64, so that stored volumes stay what they were to the last bit.
        powers = cells.power.drop_nulls().unique().to_list()
        factors = {power: 10.0**power for power in powers}
        numbers *= cells.power.replace_strict(factors, default=1.0, return_dtype=pl.Float64)
    if cells.negative is not None:
        numbers = numbers.zip_with(~cells.negative.fill_null(value=False), -numbers)
    return numbers


def parse_numerals(cells: pl.Series, notation: Notation) -> pl.Series:
    """Turn one column into float64, null where a cell is not a number.

    Parameters
    ----------
    cells
        Text, or a column that is numeric already.
    notation
        What the decimal mark is.

    Returns
    -------
    polars.Series
        float64; null where the cell is empty or no number. Understood are blanks around,
        currencies and percent signs (which change nothing: ``45%`` is 45), thousands separators
        (comma or point, blank, apostrophe), exponents, and letters behind the number, ``K``,
        ``M``, ``B`` and others, as some sites write volumes.
    """
    import polars as pl

    if cells.dtype.is_numeric():
        return cells.cast(pl.Float64, strict=False)
    cells = cells.cast(pl.String)
    if notation == "point":
        numbers = cells.cast(pl.Float64, strict=False)
        if numbers.null_count() == cells.null_count():
            return numbers
    found = take_apart(cells)
    lakhs = found.core.str.contains(LAKHS).fill_null(value=False)
    return to_floats(found, notation).set(lakhs, None)
