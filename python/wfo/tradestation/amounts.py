"""Numbers of reports as programs for people write them, such as ``(1.234,56 €)``, to float64.

The digits themselves are read by `wfo.data.importing.numbers.numerals`; here is what stands around
them, what stands for no number, and how a file tells which of point and comma is its decimal mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wfo.data.importing.numbers.numerals import OTHER, Notation, parse_numerals

if TYPE_CHECKING:
    import polars as pl

#: A number in each notation, for messages.
EXAMPLES: Final[dict[Notation, str]] = {"point": "1,234.5", "comma": "1.234,5"}

#: Rows that are looked at first: where they prove a notation, no more are.
_SAMPLE = 200

_UNDEFINED: Final = (
    "",
    "-",
    "--",
    "---",
    "\u2013",
    "\u2014",
    ".",
    "n/a",
    "na",
    "n.a.",
    "#n/a",
    "#na",
    "#n/v",
    "#div/0!",
    "#num!",
    "#value!",
    "#wert!",
    "#zahl!",
    "#ref!",
    "#null!",
    "null",
    "none",
    "nil",
    "undefined",
    "nan",
    "+nan",
    "-nan",
    "nan(ind)",
    "-nan(ind)",
    "inf",
    "+inf",
    "-inf",
    "infinity",
    "+infinity",
    "-infinity",
    "infinite",
    "\u221e",
    "+\u221e",
    "-\u221e",
    "1.#inf",
    "-1.#inf",
    "1.#ind",
    "-1.#ind",
    "1.#qnan",
    "-1.#qnan",
    "1.#j",
    "-1.#j",
)

_AFFIX = r"(?:[\s$€£¥₹%()+-]|USD|EUR|GBP|CHF|JPY|CAD|AUD)*"
_SHAPE = rf"^({_AFFIX}?)([\d.,' ]*\d[\d.,' ]*(?:E[+-]?\d+)?)({_AFFIX})$"
_CURRENCY = r"[$€£¥₹]|USD|EUR|GBP|CHF|JPY|CAD|AUD"
_SIGN = r"[$€£¥₹]"
_WHOLE: Final[dict[Notation, str]] = {
    "point": r"(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)",
    "comma": r"(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})+|[0-9]+)",
}
_MARK: Final[dict[Notation, str]] = {"point": r"\.", "comma": ","}
#: What most programs write. Whole columns are like that, and this takes a fraction of the time that
#: looking at each part of a cell does.
_USUAL: Final[dict[Notation, str]] = {
    n: rf"^(?:(?:[-+]?{_SIGN}?|{_SIGN}[-+]){whole}(?:{_MARK[n]}[0-9]*)? ?%?"
    rf"|[-+]?{whole}(?:{_MARK[n]}[0-9]*)? ?{_SIGN}"
    rf"|\({_SIGN}?{whole}(?:{_MARK[n]}[0-9]*)?%?\)"
    rf"|\({whole}(?:{_MARK[n]}[0-9]*)? ?{_SIGN}\)"
    rf"|{whole}(?:{_MARK[n]}[0-9]+)?-)$"
    for n, whole in _WHOLE.items()
}
_EXPONENT = r"(?:E[+-]?\d+)?"
_GRAMMAR: Final[dict[Notation, str]] = {
    "point": rf"^(?:[1-9]\d{{0,2}}(?:[, ']\d{{3}})+|\d+)?(?:\.\d*)?{_EXPONENT}$",
    "comma": rf"^(?:[1-9]\d{{0,2}}(?:[. ']\d{{3}})+|\d+)?(?:,\d*)?{_EXPONENT}$",
}


@dataclass(frozen=True, slots=True, eq=False)
class Amounts:
    """The numbers of a column.

    Attributes
    ----------
    values
        float64; null where the cell is empty, stands for no number, or is broken.
    broken
        Whether a cell is neither a number nor one of the words for none, such as ``#DIV/0!``.
    """

    values: pl.Series
    broken: pl.Series


def read_amounts(cells: pl.Series, notation: Notation) -> Amounts:
    """Read a column of text.

    Parameters
    ----------
    cells
        Text.
    notation
        What `proven_notation`, or other evidence, found for the file.

    Returns
    -------
    Amounts
        Understood are signs before and behind, parentheses for negative numbers, currency signs
        and codes, percent signs (which change nothing: ``45%`` is 45), thousands separators and
        exponents.
    """
    import polars as pl

    if notation == "point":
        values = cells.cast(pl.Float64, strict=False)
    else:
        # A point would be a thousands separator, and is left to what knows them.
        pointed = cells.str.contains(".", literal=True).fill_null(value=False)
        swapped = cells.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        values = swapped.set(pointed, None)
    if not values.is_finite().all(ignore_nulls=True):
        values = values.set(~values.is_finite(), None)
    # Empty cells are null already.
    rest = (values.is_null() & cells.is_not_null()).arg_true()
    if len(rest):
        values = _usual(cells, values, rest, notation)
        rest = (values.is_null() & cells.is_not_null()).arg_true()
    broken = pl.repeat(value=False, n=len(cells), dtype=pl.Boolean, eager=True)
    if not len(rest):
        return Amounts(values, broken)
    text = _tidy(cells.gather(rest))
    defined = ~text.str.to_lowercase().is_in(_UNDEFINED)
    if not defined.any():
        return Amounts(values, broken)
    places, text = rest.filter(defined), text.filter(defined)
    core, negative, sound = _peel(text)
    numbers = parse_numerals(core.set(~sound, None), notation)
    numbers = numbers.zip_with(~negative.fill_null(value=False), -numbers)
    # More than a float64 has.
    numbers = numbers.set(~numbers.is_finite().fill_null(value=True), None)
    return Amounts(values.scatter(places, numbers), broken.scatter(places, numbers.is_null()))


def _usual(cells: pl.Series, values: pl.Series, rest: pl.Series, notation: Notation) -> pl.Series:
    """Return the values with those of `rest` that are written as `_USUAL` has it."""
    import polars as pl

    text = cells.gather(rest)
    usual = text.str.contains(_USUAL[notation]).fill_null(value=False)
    text, rest = text.filter(usual), rest.filter(usual)
    if text.is_empty():
        return values
    negative = text.str.contains("[-(]")
    digits = text.str.replace_all(r"[^0-9.,]", "")
    if notation == "point":
        digits = digits.str.replace_all(",", "", literal=True)
    else:
        digits = digits.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    numbers = digits.cast(pl.Float64, strict=False)
    numbers = numbers.set(~numbers.is_finite().fill_null(value=True), None)
    return values.scatter(rest, numbers.zip_with(~negative, -numbers))


@dataclass(frozen=True, slots=True)
class Proofs:
    """Numbers of a file that have one notation only, or both.

    Attributes
    ----------
    point, comma
        How many of those looked at are numbers in that notation and not in the other.
    either
        One that is a number in both, and another one in each, as ``1,234``; None if there is none.
    """

    point: int
    comma: int
    either: str | None


def prove(columns: Sequence[pl.Series]) -> Proofs:
    """Look for numbers that tell the notation of a file, among the first rows and then all.

    Parameters
    ----------
    columns
        Its columns of numbers, as text.
    """
    import polars as pl

    found = Proofs(0, 0, None)
    for limit in (_SAMPLE, None):
        parts = [c if limit is None else c.head(limit) for c in columns]
        cells = pl.concat([part.alias("cell") for part in parts]) if parts else pl.Series()
        if cells.dtype != pl.String:
            return found
        marked = cells.filter(cells.str.contains(r"[.,]").fill_null(value=False))
        text = _tidy(marked)
        core, _, sound = _peel(text.filter(~text.str.to_lowercase().is_in(_UNDEFINED)))
        core = core.filter(sound)
        fits = {n: core.str.contains(grammar) for n, grammar in _GRAMMAR.items()}
        both = core.filter(fits["point"] & fits["comma"])
        found = Proofs(
            int((fits["point"] & ~fits["comma"]).sum()),
            int((fits["comma"] & ~fits["point"]).sum()),
            both[0] if len(both) else None,
        )
        if found.point or found.comma:
            return found
    return found


def fits_other(cells: pl.Series, notation: Notation) -> pl.Series:
    """Return whether each cell is a number in the other notation and none in this one."""
    core, _, sound = _peel(_tidy(cells))
    here, there = (core.str.contains(_GRAMMAR[n]) for n in (notation, OTHER[notation]))
    return (sound & there & ~here).fill_null(value=False)


def _tidy(cells: pl.Series) -> pl.Series:
    """Return cells without what differs between programs and means the same."""
    text = cells.fill_null("").str.replace_all("[\u00a0\u202f\u2009]", " ").str.strip_chars()
    text = text.str.replace_all("\u2212", "-").str.replace_all("\u2019", "'")
    # Dashes in the place of cents are no sign: "5,-" is 5.
    return text.str.replace(r"([0-9][.,])[-\u2013\u2014]{1,2}( ?[$€£¥₹]?)$", "${1}${2}")


def _peel(text: pl.Series) -> tuple[pl.Series, pl.Series, pl.Series]:
    """Return the digits of cells, whether they are negative, and whether the rest is sound."""
    parts = text.str.to_uppercase().str.extract_groups(_SHAPE).struct.unnest()
    before, core, behind = (parts.to_series(i) for i in range(3))
    around = before + behind
    minus = around.str.count_matches("-")
    opened, closed = before.str.count_matches(r"\("), behind.str.count_matches(r"\)")
    sound = (
        core.is_not_null()
        & (minus + opened + around.str.count_matches(r"\+") <= 1)
        & (opened == closed)
        & (around.str.count_matches(r"[()]") == opened + closed)
        & (around.str.count_matches(_CURRENCY) <= 1)
        & (around.str.count_matches("%") <= 1)
    ).fill_null(value=False)
    return core.str.strip_chars(), (minus + opened) == 1, sound
