"""What a study that is there needs to go on: whether it is the same one, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wfo.errors import InputError
from wfo.search.study.reading import batches_of, check_trials, columns_of, record_of, trials_of
from wfo.search.study.record import StudyRecord, differences
from wfo.search.study.rows import Row, as_written
from wfo.search.study.source import Source
from wfo.search.study.table import Batch
from wfo.text import one_line


@dataclass(frozen=True, slots=True)
class Found:
    """What a study needs to know of its database to go on."""

    record: StudyRecord
    columns: tuple[tuple[str, str], ...]
    batch: Batch | None
    state: Mapping[str, Any]
    last: dict[int, Row]


def found_in(source: Source) -> Found:
    """Return what the database of a study has; ValueError where it cannot be one."""
    record = record_of(source)
    columns = columns_of(source)
    batches, state = batches_of(source)
    batch = batches[-1] if batches else None
    first = batch.first if batch else 0
    last = [row for chunk in trials_of(source, first) for row in chunk]
    if len(last) != (batch.trials if batch else 0):
        raise ValueError("its last batch has another number of trials")
    sizes = (len(record.parameters), len(record.objectives), len(record.components))
    check_trials(last, first, (*sizes, len(columns)))
    rows = {row[0]: as_written(row) for row in last}
    return Found(record, columns, batch, state, rows)


def require_same(folder: Path, wanted: StudyRecord, found: StudyRecord) -> None:
    """Raise unless what decides the results is the same."""
    said = differences(wanted.identity, found.identity)
    if said:
        raise InputError(
            f"the study in {one_line(folder)} is another one: {'; '.join(said[:5])}"
            + (f"; and {len(said) - 5} more" if len(said) > 5 else "")
            + "; give this one another name with --study"
        )
