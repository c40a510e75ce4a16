"""Files without headings, and names that a user gives to columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from wfo.data.frames import PRICES
from wfo.data.importing.headings.recognising import FIELDS, Fields, recognise
from wfo.errors import InputError, did_you_mean
from wfo.text import brief

#: What the name of a column that is not read is.
SKIPPED: Final = "-"


def named(columns: Sequence[str]) -> Fields:
    """Return which column is what by the names that a user gives.

    Parameters
    ----------
    columns
        A name for each column: any heading that is known, or ``-`` where it is not read.

    Raises
    ------
    InputError
        If a name is not known or stands twice, or if a price or the time is not named.
    """
    position: dict[str, int] = {}
    for number, name in enumerate(columns):
        if name.strip() == SKIPPED:
            continue
        found = list(recognise([name]).position)
        if not found:
            hint = did_you_mean(name, FIELDS)
            raise InputError(
                f"unknown column {brief(name)}{hint if hint.endswith('?') else ''} (known: "
                f"{', '.join(FIELDS)}, and {SKIPPED} for a column that is not read)"
            )
        if found[0] in position:
            raise InputError(f"the column {found[0]} is named more than once among the columns")
        position[found[0]] = number
    missing = [price for price in PRICES if price not in position]
    if not {"date", "datetime", "time"} & position.keys():
        missing.insert(0, "date or datetime")
    if missing:
        raise InputError(
            f"no column is named {', '.join(missing)}: name them all, as in --columns "
            "date,time,open,high,low,close,volume"
        )
    return Fields(position, None, ())


def check_count(name: str, columns: Sequence[str], found: int) -> None:
    """Raise an `InputError` unless there is a name for each column of a file."""
    if len(columns) != found:
        raise InputError(
            f"{len(columns)} columns are named (--columns), but {name} has {found}: name each in "
            f"its order, with {SKIPPED} for one that is not read"
        )


def headings_of(fields: Fields, width: int) -> tuple[str, ...]:
    """Return what messages call the columns of a file without headings."""
    names = {number: field for field, number in fields.position.items()}
    return tuple(names.get(number, "") for number in range(width))


def with_stamp(fields: Fields, number: int) -> Fields:
    """Return fields of which one more column holds the time stamps."""
    return dataclasses.replace(fields, position={**fields.position, "datetime": number})
