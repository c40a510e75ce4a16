"""Reading a study's database: every cell is checked, and all of it is read once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wfo.files import parse_json
from wfo.files.limits import PHASES, STUDY_FIGURES, STUDY_TRIALS
from wfo.files.schema import require
from wfo.search.study.layout import (
    checksum_of_scores,
    checksum_of_texts,
    checksum_of_trial,
)
from wfo.search.study.record import RecordShape, StudyRecord
from wfo.search.study.source import Source, read_from
from wfo.search.study.table import STATES, Batch, StudyTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.values import Value

#: Rows that are read at a time.
_ROWS: Final = 5_000

_STUDY: Final = (
    "SELECT number, name, created, identity, plan, space, objective, limits, guardrails,"
    " guardrails_digest, windows, symbols, fingerprints, versions, git_commit, method,"
    " method_reason, seed, batch, budget, parameters, objectives, components, checksum"
    " FROM studies LIMIT 2"
)
#: Names of a record, in the order of the columns.
NAMES: Final = tuple(_STUDY.split(" FROM ")[0].replace(",", "").split())[2:-1]

#: Columns of a record that are JSON.
JSON_COLUMNS: Final = frozenset(
    {
        *("identity", "plan", "space", "objective", "limits", "guardrails", "windows", "symbols"),
        *("fingerprints", "versions", "parameters", "objectives", "components"),
    }
)

_BATCHES: Final = (
    "SELECT number, first, trials, rejected, repeated, attempts, whole, note, state, bounds,"
    " checksum FROM batches ORDER BY number"
)
_TRIALS: Final = (
    "SELECT number, batch, tag, seed, windows, width, worker, attempts, seconds, state, encoded,"
    " figures, parameters, error, printed, checksum, score, violation, objectives, components,"
    " scored FROM trials WHERE number >= ? ORDER BY number"
)

_CODES: Final = {state.encode(): code for code, state in enumerate(STATES)}


def read_study(folder: Path) -> StudyTable:
    """Return all trials of a study, also while a search writes to it.

    Raises
    ------
    ResultsError
        If there is no study, or its database is damaged, foreign or of a newer version.
    """
    return read_from(folder, _table)


def read_parameters(
    folder: Path, record: StudyRecord, numbers: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Return the values of the dimensions of some trials of a study, or of all.

    Raises
    ------
    ResultsError
        As `read_study` does.
    """
    return read_from(folder, lambda source: parameters_of(source, record, numbers))


def record_of(source: Source) -> StudyRecord:
    """Return the one row of the table of studies."""
    rows = list(source.rows(_STUDY))
    if len(rows) != 1:
        raise ValueError(f"it has {len(rows) or 'no'} studies, and not one")
    *cells, checksum = rows[0]
    if checksum_of_texts(*cells) != checksum:
        raise ValueError("the study is not as it was written")
    data: dict[str, Any] = {}
    for name, cell in zip(NAMES, cells[1:], strict=True):
        data[name] = cell if isinstance(cell, int) else cell.decode()
        if name in JSON_COLUMNS:
            data[name] = parse_json(data[name])
    require(data, RecordShape, "the study")
    return StudyRecord.from_dict(data)


def columns_of(source: Source) -> tuple[tuple[str, str], ...]:
    """Return symbol and name of each figure."""
    found = []
    rows = source.rows("SELECT number, symbol, name, checksum FROM figures ORDER BY number")
    for at, (number, symbol, name, checksum) in enumerate(rows):
        if at >= STUDY_FIGURES:
            raise ValueError(f"it has more than {STUDY_FIGURES:,} figures")
        if number != at or checksum_of_texts(number, symbol, name) != checksum:
            raise ValueError(f"its figure {at} is not as it was written")
        found.append((symbol.decode(), name.decode()))
    if len(set(found)) < len(found):
        raise ValueError("it has a figure twice")
    return tuple(found)


def batches_of(source: Source) -> tuple[tuple[Batch, ...], dict[str, Any]]:
    """Return the batches, and what the method returned with the last of them."""
    found: list[Batch] = []
    first, last = 0, b"{}"
    rows = source.rows(_BATCHES)
    for at, (*cells, checksum) in enumerate(rows):
        number, start, trials, rejected, repeated, attempts, whole, note, state, bounds = cells
        if checksum_of_texts(*cells) != checksum or (number, start) != (at, first):
            raise ValueError(f"its batch {at} is not as it was written")
        if min(trials, rejected, repeated, attempts) < 0 or whole not in (0, 1):
            raise ValueError(f"its batch {at} has a negative count")
        if found and not found[-1].whole:
            raise ValueError(f"its batch {at} was begun before the one before was whole")
        first, last = first + trials, state
        if first > STUDY_TRIALS:
            raise ValueError(f"it has more than {STUDY_TRIALS:,} trials")
        kept = _object(bounds)
        found.append(
            Batch(
                *(number, start, trials, rejected, repeated, attempts),
                whole=bool(whole),
                note=note.decode(),
                bounds=kept,
            )
        )
    return tuple(found), _object(last)


def _object(text: bytes) -> dict[str, Any]:
    if text == b"{}":
        return {}
    found = parse_json(text.decode())
    if not isinstance(found, dict):
        raise ValueError("it has a list where an object belongs")
    return found


def _table(source: Source) -> StudyTable:
    import numpy as np

    record = record_of(source)
    columns = columns_of(source)
    batches, state = batches_of(source)
    sized = (len(record.parameters), len(record.objectives), len(record.components), len(columns))
    parts: dict[str, list[NDArray[Any]]] = {}
    errors: dict[int, str] = {}
    printed: dict[int, str] = {}
    count = 0
    for chunk in trials_of(source):
        check_trials(chunk, count, sized)
        for name, part in _arrays(chunk, sized).items():
            parts.setdefault(name, []).append(part)
        errors.update((row[0], row[13].decode()) for row in chunk if row[13])
        printed.update((row[0], row[14].decode()) for row in chunk if row[14])
        count += len(chunk)
    if not parts:
        parts = {name: [part] for name, part in _arrays([], sized).items()}
    found = {name: np.concatenate(part) for name, part in parts.items()}
    whole = found.pop("whole")
    batch_of, tags, seeds, windows, widths, workers, attempts = whole.T.copy()
    sizes = [each.trials for each in batches]
    require_all(count, batches)
    if not np.array_equal(batch_of, np.repeat(np.arange(len(sizes)), sizes)):
        raise ValueError("a trial is of another batch")
    ended = sum(each.trials for each in batches if each.whole)
    if (found["states"][:ended] == 0).any():
        raise ValueError("a trial of a whole batch has not ended")
    lengths = widths * windows
    return StudyTable(
        record=record,
        batches=batch_of,
        tags=tags,
        seeds=seeds,
        workers=workers,
        attempts=attempts,
        windows=windows,
        columns=columns,
        errors=errors,
        printed=printed,
        batch=batches,
        state=state,
        starts=np.cumsum(lengths) - lengths,
        widths=widths,
        **found,
    )


def trials_of(source: Source, start: int = 0) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the trials from a number on, some thousand at a time."""
    rows = source.rows(_TRIALS, start)
    while chunk := list(itertools.islice(rows, _ROWS)):
        yield chunk


def check_trials(
    chunk: Sequence[tuple[Any, ...]], first: int, sized: tuple[int, int, int, int]
) -> None:
    """Raise unless trials are as they were written."""
    dimensions, objectives, components, columns = sized
    for at, row in enumerate(chunk, first):
        number, _, _, _, windows, width, worker, attempts, _, _ = row[:10]
        encoded, figures, _, _, _, checksum = row[10:16]
        score, violation, aims, parts, scored = row[16:]
        if (
            _checksum(row) != checksum
            or number != at
            or checksum_of_scores(number, score, violation, aims, parts) != scored
        ):
            raise ValueError(f"its trial {at} is not as it was written")
        if (
            len(encoded) != 8 * dimensions
            or not (0 <= windows <= PHASES and 0 <= width <= columns)
            or len(figures) != 8 * windows * width
            or len(aims) not in (0, 8 * objectives)
            or len(parts) not in (0, 8 * components)
            or min(worker, attempts) < 0
        ):
            raise ValueError(f"its trial {at} has cells of a wrong size")


def _arrays(
    chunk: Sequence[tuple[Any, ...]], sized: tuple[int, int, int, int]
) -> dict[str, NDArray[Any]]:
    """Return trials as arrays, by what they are called in the table."""
    import numpy as np

    cells: list[Any] = list(zip(*chunk, strict=True)) if chunk else [()] * 21
    numbers = {"seconds": 8, "scores": 16, "violations": 17}
    found: dict[str, NDArray[Any]] = {
        "whole": np.array(cells[1:8], np.int64).T,
        "states": np.array([_CODES[state] for state in cells[9]], np.int8),
        "rows": np.frombuffer(b"".join(cells[10]), "<f8").reshape(-1, sized[0]),
        "values": np.frombuffer(b"".join(cells[11]), "<f8"),
        "objectives": _padded(cells[18], sized[1]),
        "components": _padded(cells[19], sized[2]),
        **{name: np.array(cells[at], np.float64) for name, at in numbers.items()},
    }
    if not np.isfinite(found["rows"]).all():
        raise ValueError("a trial is no point")
    return found


def _padded(cells: Sequence[bytes], size: int) -> NDArray[np.float64]:
    """Return numbers of each trial, float64[n, size]; NaN where it has none."""
    import numpy as np

    missing = np.full(size, np.nan).tobytes()
    joined = b"".join(cell or missing for cell in cells)
    return np.frombuffer(joined, "<f8").reshape(len(cells), size)


def parameters_of(
    source: Source, record: StudyRecord, numbers: Sequence[int] | None = None
) -> list[dict[str, Value]]:
    """Return the values of the dimensions of some trials, or of all, by dotted name."""
    if numbers is None:
        rows: Iterator[Any] = itertools.chain.from_iterable(trials_of(source))
    else:
        # Of a range that begins and ends with it, so that one statement serves both.
        rows = (next(source.rows(_TRIALS, int(n)), None) for n in numbers)
    wanted = itertools.count() if numbers is None else map(int, numbers)
    found = []
    for number, row in zip(wanted, rows, strict=False):
        if row is None or row[0] != number or _checksum(row) != row[15]:
            raise ValueError(f"its trial {number} is missing, or not as it was written")
        found.append(_parameters(number, row[12], record.parameters))
    if numbers is None:
        require_all(len(found), batches_of(source)[0])
    return found


def require_all(count: int, batches: Sequence[Batch]) -> None:
    """Raise unless there are as many trials as the batches have."""
    wanted = sum(each.trials for each in batches)
    if count != wanted:
        raise ValueError(f"it has {count:,} trials, and by its batches {wanted:,}")


def _checksum(row: tuple[Any, ...]) -> int:
    return checksum_of_trial(row[:8], *row[8:15])


def _parameters(number: int, text: bytes, names: tuple[str, ...]) -> dict[str, Value]:
    import msgspec

    try:
        found = msgspec.json.decode(text, type=dict[str, bool | int | float | str])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"the parameters of its trial {number} are no JSON: {error}") from None
    if tuple(found) != names:
        raise ValueError(f"its trial {number} has other parameters than the study")
    return found
