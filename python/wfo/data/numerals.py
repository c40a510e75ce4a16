"""Numerals of prices and volumes, in the notations that files use, to float64."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars as pl

Notation = Literal["point", "comma"]


def find_notation(columns: list[pl.Series], separator: str) -> Notation:
    """Decide from all price columns of a file what its decimal mark is.

    Parameters
    ----------
    columns
        The price columns; those that are not text are passed over.
    separator
        The character between the file's fields.

    Returns
    -------
    str
        ``"point"`` (1,234.5) or ``"comma"`` (1.234,5). Where prices have commas only, they
        are thousands separators if all stand before three digits and the file's separator is a
        comma itself, which a program that writes decimal commas would avoid; otherwise they
        are decimal marks.
    """
    import polars as pl

    texts = [c for c in columns if c.dtype == pl.String]
    if not texts:
        return "point"
    cells = pl.concat([c.alias("cell") for c in texts])
    commas = cells.filter(cells.str.contains(",", literal=True).fill_null(value=False))
    if commas.is_empty():
        return "point"
    if commas.str.contains(r",.*\.").any():
        return "point"
    if commas.str.contains(r"\..*,").any():
        return "comma"
    if cells.str.contains(".", literal=True).any():
        return "point"
    thousands = commas.str.strip_chars().str.contains(r"^\D?[1-9]\d{0,2}(,\d{3})+$").all()
    return "point" if separator == "," and thousands else "comma"


def parse_numerals(cells: pl.Series, notation: Notation) -> pl.Series:
    """Turn one column into float64, null where a cell is not a number.

    Parameters
    ----------
    cells
        Text, or a column that is numeric already.
    notation
        What `find_notation` found for the file.

    Returns
    -------
    polars.Series
        float64; null where the cell is empty or no number. Understood are blanks around, a
        leading ``$``, thousands separators (comma or point, blank, apostrophe), exponents, and
        ``K``, ``M``, ``B`` behind the number, as some sites write volumes.
    """
    import polars as pl

    if cells.dtype != pl.String:
        if not cells.dtype.is_numeric():
            cells = cells.cast(pl.String)
        else:
            return cells.cast(pl.Float64, strict=False)
    # Non-breaking blanks are thousands separators in several locales.
    text = cells.str.strip_chars().str.replace_all("[\u00a0\u202f]", " ").str.replace(r"^\$", "")
    numbers = text.cast(pl.Float64, strict=False) if notation == "point" else None
    if numbers is not None and numbers.null_count() == cells.null_count():
        return numbers
    separator, mark = (",", r"\.") if notation == "point" else (r"\.", ",")
    whole = rf"(?:[1-9]\d{{0,2}}(?:[{separator} ']\d{{3}})+|\d+)?"
    shape = rf"^([+-]?{whole}(?:{mark}\d*)?(?:E[+-]?\d+)?)([KMB]?)$"
    parts = text.str.to_uppercase().str.extract_groups(shape).struct.unnest()
    numeral, suffix = (parts.to_series(0), parts.to_series(1))
    numeral = numeral.str.replace_all(rf"[{separator} ']", "").str.replace(mark, ".")
    factor = suffix.replace_strict(
        {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9}, default=1.0, return_dtype=pl.Float64
    )
    return numeral.cast(pl.Float64, strict=False) * factor
