"""A study that a search writes to: batches begun, trials finished, batches ended."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final

from wfo.errors import InputError, ResultsError
from wfo.files import is_there, make_folder, naming_the_file
from wfo.files.database import create_database, open_database
from wfo.files.limits import PHASES, STUDY_FIGURES, STUDY_TRIALS
from wfo.search.study.layout import (
    ABSENT,
    INSERT_STUDY,
    KIND,
    checksum_of_scores,
    checksum_of_texts,
)
from wfo.search.study.locking import lock_study, unlock_study
from wfo.search.study.names import DATABASE, study_name
from wfo.search.study.opening import Found, found_in, require_same
from wfo.search.study.reading import read_study
from wfo.search.study.record import StudyRecord
from wfo.search.study.rows import (
    Row,
    batch_row,
    cells_of_numbers,
    cleaned,
    is_line,
    json_text,
    record_row,
    trial_row,
)
from wfo.search.study.source import Source, damage_of
from wfo.search.study.table import STATES, StudyTable
from wfo.search.study.writer import Writer
from wfo.text import one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.values import Outcome, Params, State

    FloatArray = NDArray[np.float64]

#: Characters of an error and of what a program wrote that are kept.
MOST_ERROR: Final = 10_000
MOST_PRINTED: Final = 10_000

_RESCORE: Final = (
    "UPDATE trials SET score = ?, violation = ?, objectives = ?, components = ?, scored = ?"
    " WHERE number = ?"
)


@dataclass(frozen=True, slots=True)
class NewTrial:
    """A trial that begins.

    Attributes
    ----------
    number
        From 0 on, in the order of the proposals.
    row
        The point as the space encodes it, float64[d].
    params
        The values of the dimensions by dotted name.
    seed
        For the program's own random numbers, from 0 to 2^63 - 1.
    tag
        What the method gave with the proposal.
    """

    number: int
    row: FloatArray = field(repr=False)
    params: Params
    seed: int
    tag: int = 0


class Study:
    """A study that this process writes to; no other does at the same time.

    Made by `create` and `open`, and closed by `close` or at the end of a ``with`` block. What is
    given to it is committed within a second, or by `flush`; a process that is killed leaves all of
    that behind, and nothing half done.
    """

    def __init__(self, folder: Path, lock: IO[bytes], writer: Writer, record: StudyRecord) -> None:
        self.folder = folder
        self._lock = lock
        self._writer = writer
        self._record = record
        self._columns: dict[tuple[str, str], int] = {}
        self._trials = 0
        #: Rows of the trials of the last batch, which may still change.
        self._open: dict[int, Row] = {}
        self._batch: Row | None = None

    @classmethod
    def create(cls, folder: Path, record: StudyRecord) -> Study:
        """Make a study, and open it.

        Parameters
        ----------
        folder
            Its folder, ``<results>/optimization/<study>``; it is made where it is missing.
        record
            What the study is.

        Raises
        ------
        InputError
            If the name of the folder is no name of a study, or another search makes it just now.
        ResultsError
            If it is there already, or cannot be written.
        """
        study_name(folder.name)
        with naming_the_file(folder):
            make_folder(folder)
        lock = lock_study(folder)
        try:
            create_database(
                folder / DATABASE,
                KIND,
                lambda connection: connection.execute(INSERT_STUDY, record_row(record)),
            )
            return cls._opened(folder, lock, None)
        except BaseException:
            unlock_study(folder, lock)
            raise

    @classmethod
    def open(cls, folder: Path, wanted: StudyRecord | None = None) -> Study:
        """Open a study to go on with it.

        Parameters
        ----------
        folder
            Its folder.
        wanted
            What the study must be: if a part of its identity differs, it is another study.

        Raises
        ------
        InputError
            If another search writes to it, or it is another study than `wanted`; the message says
            what differs.
        ResultsError
            If there is none, or its database is damaged, foreign or of a newer version.
        """
        if not is_there(folder / DATABASE):
            raise ResultsError(f"there is no study in {one_line(folder)}: {DATABASE} is missing")
        lock = lock_study(folder)
        try:
            return cls._opened(folder, lock, wanted)
        except BaseException:
            unlock_study(folder, lock)
            raise

    @classmethod
    def _opened(cls, folder: Path, lock: IO[bytes], wanted: StudyRecord | None) -> Study:
        path = folder / DATABASE

        def checked(connection: sqlite3.Connection) -> Found:
            with damage_of(path):
                found = found_in(Source(connection, path))
            if wanted is not None:
                require_same(folder, wanted, found.record)
            return found

        connection, found = open_database(path, KIND, checked)
        study = cls(folder, lock, Writer(connection, path), found.record)
        study._columns = {column: at for at, column in enumerate(found.columns)}
        study._open = found.last
        batch = found.batch
        if batch is not None:
            study._trials = batch.first + batch.trials
            counts = (batch.number, batch.first, batch.trials, batch.rejected, batch.repeated)
            study._batch = batch_row(
                counts, batch.attempts, batch.whole, batch.note, found.state, batch.bounds
            )
        return study

    @property
    def record(self) -> StudyRecord:
        """What the study is."""
        return self._record

    @property
    def trials(self) -> int:
        """How many trials have begun."""
        return self._trials

    def __enter__(self) -> Study:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def load(self) -> StudyTable:
        """Return all trials so far.

        Raises
        ------
        ResultsError
            If the database is damaged.
        """
        self.flush()
        return read_study(self.folder)

    def begin_batch(
        self,
        number: int,
        state: Mapping[str, Any],
        trials: Sequence[NewTrial],
        *,
        rejected: int = 0,
        repeated: int = 0,
        attempts: int = 1,
        note: str = "",
    ) -> None:
        """Keep the trials of a batch, before any of them is evaluated.

        Parameters
        ----------
        number
            Of the batch: one more than the last.
        state
            What the method returned with the proposal.
        trials
            In order; the first has the number of the trials before.
        rejected, repeated, attempts
            Proposals that were not allowed, such as were evaluated before, and how often the method
            was asked.
        note
            What the method or a rule did.

        Raises
        ------
        InputError
            If the numbers do not follow, or the batch before is not whole.
        ResultsError
            If what came before could not be written.
        """
        import numpy as np

        last = -1 if self._batch is None else self._batch[0]
        if number != last + 1 or (self._batch is not None and not self._batch[6]):
            raise InputError(
                f"batch = {number} cannot begin: the last is {last}"
                + ("" if self._batch is None or self._batch[6] else ", and is not whole")
            )
        if self._trials + len(trials) > STUDY_TRIALS:
            raise InputError(f"a study has up to {STUDY_TRIALS:,} trials; begin another one")
        dimensions = len(self._record.parameters)
        rows = {}
        for at, trial in enumerate(trials, self._trials):
            encoded = np.ascontiguousarray(trial.row, "<f8")
            if trial.number != at or encoded.shape != (dimensions,):
                raise InputError(
                    f"trial = {trial.number} with a row of shape {encoded.shape} must be trial {at}"
                    f" with {dimensions} dimensions"
                )
            if not 0 <= int(trial.seed) < 2**63 or not -(2**63) <= int(trial.tag) < 2**63:
                raise InputError(
                    f"trial = {trial.number}: its seed must be from 0 to 2^63 - 1, and its tag must"
                    " have a place in 64 bits"
                )
            if tuple(trial.params) != self._record.parameters or not np.isfinite(encoded).all():
                raise InputError(f"trial = {trial.number} must be a point of the study's space")
            rows[at] = trial_row(
                (at, number, int(trial.tag), int(trial.seed), 0, 0, 0, 0),
                "waiting",
                0.0,
                (encoded.tobytes(), b""),
                (json_text(trial.params), "", ""),
            )
        counts = (number, self._trials, len(rows), rejected, repeated)
        self._open = rows
        self._trials += len(rows)
        self._batch = batch_row(counts, attempts, False, cleaned(note, 10_000), state, {})
        self._writer.put("batches", self._batch)
        for row in rows.values():
            self._writer.put("trials", row)

    def finish(self, outcome: Outcome, state: State | None = None) -> None:
        """Keep what became of a trial of the last batch.

        Parameters
        ----------
        outcome
            All windows that were evaluated, from the first on.
        state
            The state of the trial, where it is not the outcome's ending: ``"pruned"``, or
            ``"waiting"`` to keep the figures of its first windows while others are evaluated.

        Raises
        ------
        InputError
            If it is no trial of the last batch, or has ended before.
        ResultsError
            If what came before could not be written.
        """
        row = self._open.get(outcome.trial)
        if row is None or row[4] != "waiting":
            raise InputError(
                f"trial = {outcome.trial} cannot end: it has ended before, or is none of the last"
                " batch"
            )
        ended = state or outcome.ending
        if ended not in STATES:
            raise InputError(f"state = {ended!r} must be one of {', '.join(STATES)}")
        figures, width = self._figures(outcome)
        windows = len(outcome.figures)
        whole = (*row[:4], windows, width, int(outcome.worker), int(outcome.attempts))
        seconds = float(outcome.seconds) + 0.0
        texts = (
            row[16],
            cleaned(outcome.error, MOST_ERROR),
            cleaned(outcome.printed, MOST_PRINTED),
        )
        changed = trial_row(
            whole, ended, seconds if math.isfinite(seconds) else 0.0, (row[12], figures), texts
        )
        self._open[outcome.trial] = changed
        self._writer.put("trials", changed)

    def _figures(self, outcome: Outcome) -> tuple[bytes, int]:
        """Return the figures of all windows as they are kept, and how many each window has."""
        import numpy as np

        if len(outcome.figures) > PHASES:
            raise InputError(f"a trial has up to {PHASES} windows, not {len(outcome.figures)}")
        for window in outcome.figures:
            for symbol, figures in window.items():
                for name in figures:
                    if (symbol, name) not in self._columns:
                        self._add_column(symbol, name)
        width = len(self._columns) if outcome.figures else 0
        values = np.full((len(outcome.figures), width), ABSENT, "<i8").view("<f8")
        for at, window in enumerate(outcome.figures):
            for symbol, figures in window.items():
                for name, value in figures.items():
                    # One NaN for all that is not defined: others have a meaning of their own.
                    known = value is not None and value == value  # noqa: PLR0124  # NaN is none
                    values[at, self._columns[symbol, name]] = value if known else np.nan
        return values.tobytes(), width

    def _add_column(self, symbol: str, name: str) -> None:
        at = len(self._columns)
        if at >= STUDY_FIGURES:
            raise InputError(
                f"a study has up to {STUDY_FIGURES:,} figures by symbol and name: let the program"
                " return the same names for every trial"
            )
        if not all(is_line(text) for text in (symbol, name)):
            raise InputError(f"{name!r:.80} is no name of a figure: it must be a short line")
        self._columns[symbol, name] = at
        self._writer.put("figures", (at, symbol, name, checksum_of_texts(at, symbol, name)))

    def end_batch(self, number: int, bounds: Mapping[str, Any] | None = None) -> None:
        """Keep that all trials of the last batch have ended.

        Parameters
        ----------
        number
            Of the batch.
        bounds
            Those of the objective from now on.

        Raises
        ------
        InputError
            If a trial of it has not ended.
        ResultsError
            If what came before could not be written.
        """
        waiting = [row[0] for row in self._open.values() if row[4] == "waiting"]
        if self._batch is None or self._batch[0] != number or waiting:
            raise InputError(f"batch = {number} cannot end: trials {waiting[:10]} have not ended")
        counts, attempts, note = self._batch[:5], self._batch[5], self._batch[7]
        state = self._batch[8]
        self._batch = batch_row(counts, attempts, True, note, state, bounds or {})
        self._writer.put("batches", self._batch)

    def rescore(
        self,
        first: int,
        scores: FloatArray,
        violations: FloatArray,
        objectives: FloatArray | None = None,
        components: FloatArray | None = None,
    ) -> None:
        """Keep scores of trials from a number on, in place of those that they have.

        Parameters
        ----------
        first
            Number of the first trial.
        scores, violations
            float64[m]; NaN of a trial without a score.
        objectives, components
            float64[m, k] and float64[m, c]; none by default.

        Raises
        ------
        InputError
            If they are of more trials than there are, or of another number of components.
        ResultsError
            If they cannot be written.
        """
        import numpy as np

        count = len(scores)
        record = self._record
        made = []
        for what, values, names in (
            ("objectives", objectives, record.objectives),
            ("components", components, record.components),
        ):
            if values is None:
                made.append([b""] * count)
                continue
            cells = np.ascontiguousarray(values, "<f8")
            if cells.shape != (count, len(names)):
                raise InputError(
                    f"{what} has the shape {cells.shape}, and not {(count, len(names))}"
                )
            made.append([row.tobytes() for row in cells])
        if not 0 <= first <= first + count <= self._trials or len(violations) != count:
            raise InputError(f"there are {self._trials} trials, not {first} to {first + count}")
        rows = []
        for at, score, violation, aims, parts in zip(
            range(first, first + count),
            cells_of_numbers(scores),
            cells_of_numbers(violations),
            *made,
            strict=True,
        ):
            scored = checksum_of_scores(at, score, violation, aims, parts)
            rows.append((score, violation, aims, parts, scored, at))
            if at in self._open:
                row = self._open[at]
                cells_after = (score, violation, row[12], row[13], aims, parts, *row[16:20], scored)
                self._open[at] = (*row[:10], *cells_after)
        self._writer.change(_RESCORE, rows)

    def change_budget(self, budget: int) -> None:
        """Keep another number of trials in all.

        Raises
        ------
        InputError
            If it is none.
        ResultsError
            If it cannot be written.
        """
        self._record = replace(self._record, budget=budget)
        self._writer.put("studies", record_row(self._record))

    def flush(self) -> None:
        """Commit what was given so far.

        Raises
        ------
        InputError
            If another program holds the lock of the database.
        ResultsError
            If it cannot be written.
        """
        self._writer.flush()

    def close(self) -> None:
        """Commit what was given, and let others write; a study that is closed stays so.

        Raises
        ------
        InputError, ResultsError
            As `flush` does; the study is closed all the same.
        """
        if self._lock.closed:
            return
        try:
            self._writer.close()
        finally:
            unlock_study(self.folder, self._lock)
