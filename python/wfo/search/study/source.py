"""A study's database as the input that it is: rows, up to the bytes that its file has."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

from wfo.errors import ResultsError, WfoError
from wfo.files import size_of
from wfo.files.database import BESIDE, read_database
from wfo.search.study.layout import KIND
from wfo.search.study.names import DATABASE
from wfo.text import one_line

T = TypeVar("T")

#: What says that a cell is not as it was written: its type, its checksum, or its size.
_DAMAGE: Final = (
    *(ValueError, TypeError, KeyError, OverflowError, struct.error, UnicodeError),
    AttributeError,
)


class Source:
    """The tables of a study, to be read.

    Honest cells have no more bytes together than the file has. Forged ones may share pages, so that
    a file of a megabyte has gigabytes of them; they end in an error once they have more than that.

    Parameters
    ----------
    connection
        Of a database of the right kind.
    path
        The file.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def rows(self, statement: str, *values: int) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a table, up to the bytes of the file.

        Raises
        ------
        ValueError
            If they have more.
        """
        left = self._room()
        for row in self._connection.execute(statement, values):
            for cell in row:
                if type(cell) is bytes:
                    left -= len(cell)
            if left < 0:
                raise ValueError("its cells have more bytes than the file")
            yield row

    def _room(self) -> int:
        beside = (self._path.with_name(self._path.name + ending) for ending in BESIDE)
        return size_of(self._path) + sum(map(size_of, beside))


def read_from(folder: Path, read: Callable[[Source], T]) -> T:
    """Return what is read of a study's database, also while a search writes to it.

    Raises
    ------
    ResultsError
        If there is no study, or its database is damaged, of another kind or of a newer version.
    """
    path = folder / DATABASE

    def checked(connection: sqlite3.Connection) -> T:
        with damage_of(path):
            return read(Source(connection, path))

    return read_database(path, KIND, checked)


@contextlib.contextmanager
def damage_of(path: Path) -> Iterator[None]:
    """Turn what is wrong with a cell into a `ResultsError` that names the file."""
    try:
        yield
    except WfoError as error:
        if isinstance(error, ResultsError) and str(error).startswith(one_line(path)):
            raise
        raise _damaged(path, error) from error
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ResultsError:
    said = f"{one_line(error):.200}"
    return ResultsError(f"{one_line(path)} is damaged: {said}; {KIND.remedy}")
