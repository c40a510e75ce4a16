"""The lengths of a walk-forward matrix: as text, and as two lists that ascend."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from wfo.arguments import items, one_of
from wfo.errors import InputError
from wfo.files.limits import MATRIX_CELLS
from wfo.text import brief
from wfo.walkforward.matrix_cells import KINDS
from wfo.windows import Length

_EXAMPLE = "1y,2y,3y/3m,6m,1y"


def matrix_lengths(written: str) -> tuple[tuple[Length, ...], tuple[Length, ...]]:
    """Return the lengths that a text such as ``1y,2y,3y/3m,6m,1y`` says.

    Parameters
    ----------
    written
        In-sample lengths, a slash, out-of-sample lengths; commas stand between lengths.

    Returns
    -------
    tuple of tuples
        In-sample and out-of-sample lengths, ascending.

    Raises
    ------
    InputError
        If it is something else, or says a length twice.
    """
    parts = written.split("/") if isinstance(written, str) else []
    if len(parts) != 2 or not all(part.strip() for part in parts):
        raise InputError(
            f"matrix = {brief(written)} must be in-sample lengths, a slash, and out-of-sample"
            f" lengths, as in {_EXAMPLE}"
        )
    first, second = (part.split(",", MATRIX_CELLS) for part in parts)
    return checked_lengths("in-sample", first), checked_lengths("out-of-sample", second)


def checked_lengths(name: str, given: Any) -> tuple[Length, ...]:
    """Return the lengths of a list, ascending.

    Parameters
    ----------
    name
        What they are called in messages.
    given
        Each as `Length` or text.

    Raises
    ------
    InputError
        If it is no list of lengths, has none, or has one twice.
    """
    if isinstance(given, str | Length):
        given = [given]
    listed = items(f"{name} lengths", given, (str, Length), "texts as 3y, 18m or 30d", most=1_000)
    found = [Length.of(each, f"{name} length") for each in listed]
    if not found:
        raise InputError(f"a matrix needs one {name} length or more, as in {_EXAMPLE}")
    for length in found:
        if not length:
            raise InputError(f"{name} length = 0d is no stretch of bars; write 3y, 18m or 30d")
        if found.count(length) > 1:
            raise InputError(f"{name} length {length.text} is given twice; leave one out")
    # Any day will do: lengths of months differ by days alone.
    day = dt.date(2001, 1, 1)
    return tuple(sorted(found, key=lambda length: (length.after(day), length.months)))


def checked_kinds(given: Any) -> tuple[str, ...]:
    """Return kinds in the order of a matrix.

    Raises
    ------
    InputError
        If one is unknown, or there is none.
    """
    named = [given] if isinstance(given, str) else items("kinds", given, str, "kinds", most=100)
    for each in named:
        one_of("kind", each, KINDS)
    if not named:
        raise InputError(f"a matrix has at least one kind: {' or '.join(KINDS)}")
    return tuple(kind for kind in KINDS if kind in named)


def check_cells(
    in_samples: Sequence[Length], out_of_samples: Sequence[Length], kinds: Sequence[str]
) -> None:
    """Raise an `InputError` where a matrix would have more than `MATRIX_CELLS` cells."""
    count = len(in_samples) * len(out_of_samples) * len(kinds)
    if count > MATRIX_CELLS:
        raise InputError(
            f"{len(in_samples)} x {len(out_of_samples)} lengths of {len(kinds)} kinds make"
            f" {count:,} cells, and a matrix has at most {MATRIX_CELLS}; leave lengths out, or"
            " take one kind"
        )
