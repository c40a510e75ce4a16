"""Rows of a study's tables, as they are written."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError
from wfo.files.schema import LONGEST_LINE
from wfo.search.study.layout import checksum_of_scores, checksum_of_texts, checksum_of_trial
from wfo.search.study.reading import JSON_COLUMNS, NAMES
from wfo.search.study.record import StudyRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Row = tuple[Any, ...]


def json_text(value: Any) -> str:
    """Return a value as short JSON."""
    import msgspec

    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, OverflowError, RecursionError, UnicodeError) as error:
        raise InputError(f"a study keeps what JSON has: {error}") from None


def cleaned(text: str, most: int) -> str:
    """Return a text of a program that UTF-8 has, cut where it is long."""
    kept = text if len(text) <= most else text[: most - 3] + "..."
    return kept if kept.isascii() else kept.encode("utf-8", "backslashreplace").decode()


def is_line(text: object) -> bool:
    """Whether a text is a short line, as names are."""
    if not isinstance(text, str) or len(text) > LONGEST_LINE or not text.isprintable():
        return False
    with contextlib.suppress(UnicodeEncodeError):
        return text.encode() is not None
    return False


def cells_of_numbers(values: FloatArray) -> list[float | None]:
    """Return numbers as SQLite keeps them: nothing in place of NaN, and no negative zero."""
    import numpy as np

    found = np.asarray(values, np.float64) + 0.0
    return [None if value != value else value for value in found.tolist()]  # noqa: PLR0124  # NaN


def record_row(record: StudyRecord) -> Row:
    """Return the row of the table of studies."""
    cells: list[Any] = [0]
    for name, value in _in_order(record):
        cells.append(json_text(value) if name in JSON_COLUMNS else value)
    return (*cells, checksum_of_texts(*cells))


def _in_order(record: StudyRecord) -> list[tuple[str, Any]]:
    data = record.to_dict()
    return [(name, data[name]) for name in NAMES]


def batch_row(
    counts: tuple[int, int, int, int, int],
    attempts: int,
    whole: bool,
    note: str,
    state: Mapping[str, Any] | str,
    bounds: Mapping[str, Any] | str,
) -> Row:
    """Return a row of the table of batches; `counts` are its first five cells."""
    texts = (each if isinstance(each, str) else json_text(each) for each in (state, bounds))
    cells = (*map(int, counts), int(attempts), int(whole), note, *texts)
    return (*cells, checksum_of_texts(*cells))


def trial_row(
    whole: tuple[int, ...],
    state: str,
    seconds: float,
    blobs: tuple[bytes, bytes],
    texts: tuple[str, str, str],
) -> Row:
    """Return a row of the table of trials, without a score.

    Parameters
    ----------
    whole
        Number, batch, tag, seed, windows, width, worker and attempts.
    state, seconds
        Of the trial.
    blobs
        The encoded row, and the figures.
    texts
        The parameters, the error, and what the program wrote.
    """
    parameters, error, printed = texts
    checksum = checksum_of_trial(
        whole,
        seconds,
        state.encode(),
        *blobs,
        parameters.encode(),
        error.encode(),
        printed.encode(),
    )
    number, batch, tag, seed, windows, width, worker, attempts = whole
    return (
        *(number, batch, tag, seed, state, windows, width, worker, attempts, seconds, None, None),
        *(*blobs, b"", b"", *texts, checksum, checksum_of_scores(number, None, None, b"", b"")),
    )


def as_written(row: tuple[Any, ...]) -> Row:
    """Return a row as it is written, of one that was read."""
    whole, seconds, state, encoded, figures = row[:8], *row[8:12]
    number, batch, tag, seed, windows, width, worker, attempts = whole
    texts = (text.decode() for text in row[12:15])
    checksum, score, violation, objectives, components, scored = row[15:]
    return (
        *(number, batch, tag, seed, state.decode(), windows, width, worker, attempts, seconds),
        *(score, violation, encoded, figures, objectives, components, *texts, checksum, scored),
    )
