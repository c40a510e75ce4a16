"""Cells of a file that contradict each other about how its numbers are written."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from wfo.data.frames import PRICES
from wfo.data.importing.numbers.notations import (
    SAME_SIZE,
    NumberColumn,
    cell_at,
    out_of_place,
)
from wfo.data.importing.numbers.numerals import LAKHS, OTHER, Notation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from wfo.data.importing.tables.table import Table
    from wfo.errors import DataError

    Floats = npt.NDArray[np.float64]

#: Groups of three digits where lakhs and crores have two.
_THREES: Final = "(?:^|,)[0-9]{3},[0-9]{3}"
#: Thirty-seconds and eighths of them, as prices of bonds are written: 118'165 is 118 and 16.5/32.
_BOND: Final = "^[0-9]{1,3}'(?:[0-2][0-9]|3[01])[0257]$"
#: A price is about a thousand times another from here to the inverse of it times a million.
_THOUSAND: Final = 316.0
#: A step by a thousand that so many bars stand on either side of is one of the market: a currency
#: that lost its zeros.
_LASTING: Final = 5


def require_agreement(table: Table, columns: Mapping[str, NumberColumn]) -> None:
    """Raise if cells contradict each other, whatever the decimal mark is.

    Raises
    ------
    DataError
        If digits of prices, or of another column, are in groups of two and of three, prices in
        several currencies, or if prices may be bonds' in thirty-seconds.
    """
    prices = {p: columns[p] for p in PRICES}
    _require_one_grouping(table, prices)
    for field, column in columns.items():
        # Some write prices with lakhs and volumes with thousands.
        if field not in prices:
            _require_one_grouping(table, {field: column})
    _require_one_currency(table, prices)
    _refuse_fractions(table, prices)


def _require_one_grouping(table: Table, columns: Mapping[str, NumberColumn]) -> None:
    found: dict[str, list[tuple[int, int]]] = {LAKHS: [], _THREES: []}
    counts = {LAKHS: 0, _THREES: 0}
    for column in columns.values():
        if column.cells is None:
            continue
        core = column.cells.core
        if not core.str.contains(",", literal=True).any():
            continue
        for pattern, places in found.items():
            hits = core.str.contains(pattern).fill_null(value=False).arg_true()
            counts[pattern] += len(hits)
            if len(hits):
                places.append((int(hits[0]), column.number))
    if not (counts[LAKHS] and counts[_THREES]):
        return
    fewer, more = sorted(counts, key=lambda p: (counts[p], -min(found[p])[0]))
    (row, number), place = min(found[fewer]), min(found[more])
    raise table.cell_error(
        number, [row], f"has its digits in other groups than {cell_at(table, place)}"
    )


def _require_one_currency(table: Table, prices: Mapping[str, NumberColumn]) -> None:
    import polars as pl

    said = [
        pl.DataFrame({"currency": c.cells.currency})
        .with_row_index("row")
        .drop_nulls()
        .with_columns(number=pl.lit(c.number))
        for c in prices.values()
        if c.cells is not None and c.cells.currency is not None
    ]
    if not said or sum(s["currency"].n_unique() for s in said) == 1:
        return
    cells = pl.concat(said).sort("row", "number")
    if cells["currency"].n_unique() == 1:
        return
    kinds = cells.group_by("currency", maintain_order=True).agg(pl.len(), pl.first("row", "number"))
    usual = kinds.sort("len", descending=True, maintain_order=True).row(0, named=True)
    other = kinds.filter(pl.col("currency") != usual["currency"]).row(0, named=True)
    where = cell_at(table, (usual["row"], usual["number"]))
    raise table.cell_error(other["number"], [other["row"]], f"is in another currency than {where}")


def _refuse_fractions(table: Table, prices: Mapping[str, NumberColumn]) -> None:
    first: tuple[int, int] | None = None
    for column in prices.values():
        if column.cells is None:
            return
        core = column.cells.core
        if not core.str.contains(_BOND).all(ignore_nulls=True) or core.null_count() == len(core):
            return
        place = (int(core.is_not_null().arg_true()[0]), column.number)
        first = place if first is None else min(first, place)
    if first is not None:
        raise table.cell_error(
            first[1],
            [first[0]],
            "and all other prices may be thousands or thirty-seconds, as of bonds: write them with "
            "decimals, or without the apostrophe",
        )


def require_one_size(
    table: Table,
    columns: Mapping[str, NumberColumn],
    values: Mapping[str, pl.Series],
    notation: Notation,
) -> None:
    """Raise if a price is a thousandth or a thousand times of what the cells beside it say.

    Parameters
    ----------
    table
        The file.
    columns
        Its columns of numbers.
    values
        The prices in the file's notation.
    notation
        Theirs.

    Raises
    ------
    DataError
        If a price that would be another number in the other notation agrees with those beside it
        in that one, and in this one is a thousand times away. A step that bars stand on either
        side of is left to the warning of splits.
    """
    import numpy as np

    least = min(float(values[p].min()) for p in PRICES)  # type: ignore[arg-type]
    most = max(float(values[p].max()) for p in PRICES)  # type: ignore[arg-type]
    if least <= 0 or most < _THOUSAND * least or not _steps_far(values):
        return
    found = np.column_stack([values[p].to_numpy() for p in PRICES])
    other = np.column_stack([_in_other(columns[p], values[p], notation) for p in PRICES])
    flat, swapped = found.ravel(), other.ravel()
    step = flat[1:] / flat[:-1]
    # Which of the two cells a step lies between is the odd one, its other reading tells.
    far = _about_thousand(step)
    after = far & _about_same(swapped[1:] / flat[:-1]) & (swapped[1:] != flat[1:])
    before = far & _about_same(flat[1:] / swapped[:-1]) & (swapped[:-1] != flat[:-1])
    places = np.flatnonzero(after | before)
    if not len(places):
        return
    at = int(places[0])
    if far.sum() == 1 and at % len(PRICES) == len(PRICES) - 1 and not _two_marks(columns):
        bars_before = at // len(PRICES) + 1
        if min(bars_before, len(found) - bars_before) >= _LASTING:
            return
    odd, beside = (at + 1, at) if after[at] else (at, at + 1)
    raise _of_other_size(table, columns, odd, beside, float(swapped[odd]))


def require_alike(
    table: Table, column: NumberColumn, values: pl.Series, notation: Notation
) -> None:
    """Raise if an optional number is far from all others of its column, but for its notation.

    Raises
    ------
    DataError
        If there is such a number; it names line and column.
    """
    bad = out_of_place(column, values, notation)
    if bad is not None:
        other = column.read(OTHER[notation])
        raise table.cell_error(
            column.number,
            [bad],
            f"is {values[bad]:.15g}, far from all others of the column, and would be"
            f" {other[bad]:.15g} in the other notation; write all numbers in one",
        )


def _of_other_size(
    table: Table, columns: Mapping[str, NumberColumn], odd: int, beside: int, meant: float
) -> DataError:
    places = [
        (index // len(PRICES), columns[PRICES[index % len(PRICES)]].number)
        for index in (odd, beside)
    ]
    (row, number), place = places
    return table.cell_error(
        number,
        [row],
        f"is a thousand times away from {cell_at(table, place)}, and would be {meant:.15g} in the"
        " other notation; write all numbers in one",
    )


def _steps_far(values: Mapping[str, pl.Series]) -> bool:
    """Tell whether any price is about a thousand times the next, without a copy of them all."""
    prices = [values[p].to_numpy() for p in PRICES]
    beside = [*itertools.pairwise(prices), (prices[-1][:-1], prices[0][1:])]
    return any(bool(_about_thousand(after / before).any()) for before, after in beside)


def _two_marks(columns: Mapping[str, NumberColumn]) -> bool:
    """Tell whether prices that are numbers in both notations have a point in some, or a comma."""
    texts = [c for c in (columns[p] for p in PRICES) if c.cells is not None]
    cores = [c.cells.core.gather(c.either) for c in texts if c.cells is not None]
    return all(any(k.str.contains(m, literal=True).any() for k in cores) for m in ",.")


def _about_thousand(ratio: Floats) -> npt.NDArray[np.bool_]:
    most = 1e6 / _THOUSAND
    up = (ratio > _THOUSAND) & (ratio < most)
    return up | ((ratio < 1 / _THOUSAND) & (ratio > 1 / most))


def _about_same(ratio: Floats) -> npt.NDArray[np.bool_]:
    return (ratio < SAME_SIZE) & (ratio > 1 / SAME_SIZE)


def _in_other(column: NumberColumn, values: pl.Series, notation: Notation) -> Floats:
    """Return the prices as they are where a cell has one reading, else in its other one."""
    import numpy as np

    found = values.to_numpy().copy()
    if column.cells is not None:
        if len(column.either):
            places = column.either.to_numpy()
            found[places] = column.read(OTHER[notation]).gather(column.either).to_numpy()
        return found
    # Of a number its decimals are all that is known: with three it may be one of thousands.
    near = np.clip(found, 1, 1000)  # so that no product is beyond what a float holds
    three = (found >= 1) & (found < 1000) & _whole(near * 1000) & ~_whole(near * 100)
    return np.where(three, near * 1000, found)


def _whole(numbers: Floats) -> npt.NDArray[np.bool_]:
    import numpy as np

    return np.abs(numbers - np.rint(numbers)) < 1e-6
