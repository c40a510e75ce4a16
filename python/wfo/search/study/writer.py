"""Rows on their way into a study: gathered, and committed together within a second."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from wfo.errors import WfoError
from wfo.files.database import explained
from wfo.search.study.layout import INSERT_BATCH, INSERT_FIGURE, INSERT_STUDY, INSERT_TRIAL, KIND
from wfo.search.study.rows import Row

#: Seconds for which rows are gathered, from the first of them on.
_GATHERED: Final = 0.4

#: Rows that wait, at most: one more, and its caller writes all of them.
_MOST_WAITING: Final = 10_000

#: In the order in which they are written; a transaction has all or nothing of them.
_INSERTS: Final = {
    "studies": INSERT_STUDY,
    "figures": INSERT_FIGURE,
    "batches": INSERT_BATCH,
    "trials": INSERT_TRIAL,
}


class Writer:
    """Puts rows into the tables of a study, from a thread of its own.

    A row replaces that of the same number. What waits is written in one transaction, so that a
    killed process leaves a state that there was: the rows of some moment within the last second.

    Parameters
    ----------
    connection
        Of the database; only this writes with it from now on.
    path
        The file, for messages.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._waiting: dict[str, dict[int, Row]] = {table: {} for table in _INSERTS}
        self._count = 0
        self._changed = threading.Condition()
        self._writing = threading.Lock()
        self._closing = False
        self._error: WfoError | None = None
        self._thread: threading.Thread | None = None

    def put(self, table: str, row: Row) -> None:
        """Take a row, whose first cell is its number.

        Raises
        ------
        ResultsError
            If rows before it could not be written.
        """
        if self._error is not None:
            raise self._error
        with self._changed:
            rows = self._waiting[table]
            self._count += row[0] not in rows
            rows[row[0]] = row
            if self._thread is None:
                # Of a process that only reads there is none.
                self._thread = threading.Thread(
                    target=self._write_on, name="wfo-study-writer", daemon=True
                )
                self._thread.start()
            if self._count == 1:
                self._changed.notify()
        if self._count > _MOST_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write all that waits.

        Raises
        ------
        InputError
            If another program holds the lock of the database.
        ResultsError
            If it cannot be written.
        """
        with self._writing:
            taken: dict[str, dict[int, Row]] = {}
            try:
                with self._changed:
                    taken = self._waiting
                    self._waiting, self._count = {table: {} for table in _INSERTS}, 0
                if any(taken.values()):
                    self._commit([(_INSERTS[table], taken[table].values()) for table in _INSERTS])
            except BaseException:
                # What was not written waits again, behind what came meanwhile; what was written in
                # spite of an interrupt is written once more as the same.
                with self._changed:
                    self._waiting = {t: {**taken[t], **self._waiting[t]} for t in taken}
                    self._count = sum(map(len, self._waiting.values()))
                raise

    def change(self, statement: str, rows: Iterable[Row]) -> None:
        """Write all that waits, then change rows by a statement, in one transaction."""
        self.flush()
        with self._writing:
            self._commit([(statement, rows)])

    def _commit(self, work: list[tuple[str, Iterable[Row]]]) -> None:
        with explained(self._path, KIND):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for statement, rows in work:
                    self._connection.executemany(statement, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._count)
                # More comes while it waits.
                self._changed.wait_for(lambda: self._closing, timeout=_GATHERED)
                if self._closing:
                    return
            try:
                self.flush()
            except WfoError as error:
                self._error = error
                return

    def close(self) -> None:
        """Write all that waits, and close the connection.

        Raises
        ------
        InputError, ResultsError
            As `flush` does; the connection is closed all the same.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        try:
            self.flush()
        finally:
            self._connection.close()
