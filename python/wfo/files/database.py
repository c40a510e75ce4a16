"""SQLite files: opened here alone, looked at as the input that they are, and made whole.

A database may come from another machine or person. Before a table of it is read, its file and those
beside it (``-wal``, ``-shm``) are regular ones, and it states the expected application, version and
tables, word for word: so it has no trigger, view, index or generated column, and nothing in it is
executed. Statements that do not belong to the work at hand are refused by an authorizer.

What only reads changes nothing, not even a name in the folder: a database that no program writes to
is opened as one that does not change, and looked at again afterwards.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from wfo.errors import InputError, ResultsError
from wfo.files.limits import DATABASE_BYTES, DATABASE_CELL
from wfo.files.opening import require_regular
from wfo.files.placing import is_there, write_bytes
from wfo.text import one_line, shown

T = TypeVar("T")

#: What SQLite puts beside a database: its journal of changes, and the index of that.
BESIDE: Final = ("-wal", "-shm")

#: Steps of SQLite's machine while a database is opened, in thousands; an honest one takes a few
#: hundred steps, and pages that lead to each other in a circle end here.
_OPENING_STEPS: Final = 10_000

#: How often a database is read anew because a program began to write to it meanwhile.
_READINGS: Final = 5

#: Seconds that a writer waits for a program that reads or copies the file.
_PATIENCE: Final = 5.0

_PRAGMAS: Final = frozenset(
    {
        *("application_id", "user_version", "quick_check", "trusted_schema", "cell_size_check"),
        *("synchronous", "journal_mode", "query_only", "busy_timeout", "wal_checkpoint"),
    }
)
_FUNCTIONS: Final = frozenset({"max", "min", "count", "length"})

_BUSY: Final = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"})
_ROOM: Final = frozenset({"SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOLFS"})
_CLOSED: Final = frozenset({"SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH"})


@dataclass(frozen=True, slots=True)
class DatabaseKind:
    """What a database of one kind is.

    Attributes
    ----------
    what
        The kind in words, such as ``"a study"``.
    application_id, version
        What it states of itself; the version counts up with every change of its tables.
    statements
        A ``CREATE TABLE`` a table.
    remedy
        What a message about a damaged one advises.
    """

    what: str
    application_id: int
    version: int
    statements: tuple[str, ...]
    remedy: str

    @property
    def tables(self) -> frozenset[str]:
        """Names of the tables."""
        return frozenset(statement.split()[2].partition("(")[0] for statement in self.statements)


def create_database(
    path: Path, kind: DatabaseKind, fill: Callable[[sqlite3.Connection], object]
) -> None:
    """Make a database whole, in place of none.

    Parameters
    ----------
    path
        The file.
    kind
        What it becomes.
    fill
        Puts the first rows into its tables.

    Raises
    ------
    ResultsError
        If something has its name already, or one of those beside it, or it cannot be written.
    """
    for name in (path, *_beside(path), _journal(path)):
        if is_there(name):
            raise ResultsError(
                f"{one_line(name)} is there already, and is not replaced; remove it, or give"
                f" {kind.what} another name"
            )
    connection = sqlite3.connect(":memory:")
    try:
        for statement in kind.statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {kind.application_id:d}")
        connection.execute(f"PRAGMA user_version = {kind.version:d}")
        fill(connection)
        connection.commit()
        content = bytearray(connection.serialize())
    finally:
        connection.close()
    # Read and write version 2: every program that opens it writes ahead into a log, and whoever
    # reads need not wait.
    content[18:20] = b"\x02\x02"
    write_bytes(path, bytes(content))


def open_database(
    path: Path, kind: DatabaseKind, check: Callable[[sqlite3.Connection], T]
) -> tuple[sqlite3.Connection, T]:
    """Open a database to be written, once all of its pages have been found sound.

    Transactions are begun and ended by the caller.

    Parameters
    ----------
    path
        The file.
    kind
        What it must be.
    check
        Looks at it before it is opened to be written, and raises if it is not to be; what it
        returns is returned. Texts come as bytes.

    Raises
    ------
    InputError
        If another program holds its lock.
    ResultsError
        If it is missing, damaged, of another kind or of a newer version, or cannot be written.
    """
    with explained(path, kind):
        _require_files(path, kind, alone=True)
        # By a connection that cannot write: what is damaged or foreign stays as it is.
        with contextlib.closing(_connected(path, _calm_mode(path))) as connection:
            _require_kind(connection, path, kind)
            _require_sound(connection, path, kind)
            connection.set_authorizer(_authorizer(()))
            connection.execute("BEGIN")
            found = check(connection)
        if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
            raise OSError(errno.EACCES, "cannot be written to")
        connection = _connected(path, "mode=rw")
        try:
            _require_kind(connection, path, kind)
            connection.execute("PRAGMA synchronous = FULL")
            connection.set_authorizer(_authorizer(kind.tables))
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
            connection.execute(f"PRAGMA busy_timeout = {1000 * _PATIENCE:.0f}")
        except BaseException:
            connection.close()
            raise
        return connection, found


def read_database(path: Path, kind: DatabaseKind, read: Callable[[sqlite3.Connection], T]) -> T:
    """Return what is read of a database, also while a program writes to it.

    Parameters
    ----------
    path
        The file.
    kind
        What it must be.
    read
        Reads; it may be called more than once, and sees one state of all tables. Texts come as
        bytes.

    Raises
    ------
    ResultsError
        If the file is missing, damaged, of another kind or of a newer version.
    """
    for _ in range(_READINGS):
        with explained(path, kind):
            before = _require_files(path, kind, alone=False)
            mode = _calm_mode(path)
            quiet = mode != "mode=ro"
            try:
                with contextlib.closing(_connected(path, mode)) as connection:
                    _require_kind(connection, path, kind)
                    connection.set_authorizer(_authorizer(()))
                    connection.execute("BEGIN")
                    found = read(connection)
            except (sqlite3.Error, UnicodeError, ResultsError):
                if quiet and _changed(path, before):
                    continue
                raise
            if not quiet or not _changed(path, before):
                return found
    raise ResultsError(f"{one_line(path)} changed whenever it was read; try again")


def _calm_mode(path: Path) -> str:
    """Return how a database is opened to be read.

    Without a log no program has it open: then it is read as a file that nothing changes, which
    makes no files beside it, and works in folders that are read only.
    """
    return "mode=ro" if any(map(is_there, _beside(path))) else "immutable=1"


def _changed(path: Path, before: os.stat_result) -> bool:
    """Whether a program has begun to write to a database since it was looked at."""
    try:
        now = path.lstat()
    except OSError:
        return True
    fields = ("st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    other = any(getattr(now, field) != getattr(before, field) for field in fields)
    return other or any(map(is_there, _beside(path)))


def _beside(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + ending) for ending in BESIDE)


def _journal(path: Path) -> Path:
    return path.with_name(f"{path.name}-journal")


def _require_files(path: Path, kind: DatabaseKind, *, alone: bool) -> os.stat_result:
    """Return what the system says of a database whose files are regular ones.

    Nothing is opened: closing any descriptor of the file would take away the locks that this
    process has on it.
    """
    try:
        status = require_regular(path, links=False)
    except FileNotFoundError:
        raise ResultsError(f"there is no {one_line(path)}") from None
    sizes = status.st_size
    for name in (path, *_beside(path)):
        with contextlib.suppress(FileNotFoundError):
            found = require_regular(name, links=False)
            sizes += 0 if name == path else found.st_size
            if alone and found.st_nlink > 1:
                raise ResultsError(
                    f"{one_line(name)} has {found.st_nlink} names (hard links), and is not written"
                    " to; copy it to a name of its own"
                )
    if is_there(_journal(path)):
        raise ResultsError(
            f"{one_line(_journal(path))} is no file of {kind.what}: SQLite would undo changes by"
            " it; remove it if nobody needs it"
        )
    if sizes > DATABASE_BYTES:
        raise ResultsError(
            f"{one_line(path)} has {sizes:,} bytes with its log; {DATABASE_BYTES:,} are read"
        )
    return status


def _connected(path: Path, how: str) -> sqlite3.Connection:
    """Return a connection that trusts nothing that the file says."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=0,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.text_factory = bytes
        for limit, most in (
            (sqlite3.SQLITE_LIMIT_LENGTH, DATABASE_CELL),
            (sqlite3.SQLITE_LIMIT_SQL_LENGTH, 100_000),
            (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
            (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0),
            (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
        ):
            connection.setlimit(limit, most)
        # Python has these from 3.12 on.
        configured = getattr(connection, "setconfig", None)
        if configured is not None:
            for name, value in (
                ("DEFENSIVE", True),
                ("TRUSTED_SCHEMA", False),
                ("ENABLE_TRIGGER", False),
                ("ENABLE_VIEW", False),
                ("ENABLE_LOAD_EXTENSION", False),
            ):
                configured(getattr(sqlite3, f"SQLITE_DBCONFIG_{name}"), value)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA cell_size_check = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _require_kind(connection: sqlite3.Connection, path: Path, kind: DatabaseKind) -> None:
    """Raise unless a database states the application and version, and has exactly the tables."""
    steps = iter(range(_OPENING_STEPS))
    connection.set_progress_handler(lambda: next(steps, None) is None, 1000)
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != kind.application_id:
        raise ResultsError(
            f"{one_line(path)} is a database of another program (its application_id is"
            f" {application}, that of {kind.what} {kind.application_id}), and is left as it is;"
            " give another name"
        )
    if version > kind.version:
        raise ResultsError(
            f"{one_line(path)} is {kind.what} of version {version}, of a newer wfo than this one,"
            f" which reads version {kind.version}; update wfo"
        )
    if version != kind.version:
        raise _damaged(path, kind, f"its version is {version}, and not {kind.version}")
    wanted = {("table", name, statement) for name, statement in _named(kind).items()}
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master LIMIT 100").fetchall()
    found = {tuple(map(_plain_text, row)) for row in rows}
    for _, name, _ in sorted(wanted - found):
        if not any(other[:2] == ("table", name) for other in found):
            raise _damaged(path, kind, f"it lacks the table {name}")
        raise _damaged(path, kind, f"its table {name} is defined otherwise")
    if found != wanted or len(rows) != len(wanted):
        kinds = sorted(f"{t} {shown(n)}" for t, n, _ in found - wanted) or ["a table twice"]
        raise _damaged(path, kind, f"it has what {kind.what} does not have: {kinds[0]}")
    connection.set_progress_handler(None, 0)


def _named(kind: DatabaseKind) -> dict[str, str]:
    return {statement.split()[2].partition("(")[0]: statement for statement in kind.statements}


def _plain_text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _require_sound(connection: sqlite3.Connection, path: Path, kind: DatabaseKind) -> None:
    """Raise if a page is not what SQLite would have written: a change would make it worse."""
    said = _plain_text(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if said != "ok":
        raise _damaged(path, kind, " ".join(said.split())[:200])


def _authorizer(tables: Collection[str]) -> Callable[..., int]:
    """Return what refuses all statements but those of reading, and of changing some tables."""
    plain = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_TRANSACTION}
    changes = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE}

    def allowed(
        action: int, first: str | None, second: str | None, _database: str | None, via: str | None
    ) -> int:
        known = (
            action in plain
            or (action in changes and first in tables)
            or (action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS)
            or (action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS)
        )
        # Whatever a view or trigger asks for has its name here.
        return sqlite3.SQLITE_OK if known and via is None else sqlite3.SQLITE_DENY

    return allowed


@contextlib.contextmanager
def explained(path: Path, kind: DatabaseKind) -> Iterator[None]:
    """Turn SQLite's errors and the system's into ones that name the file and say what to do.

    Raises
    ------
    InputError
        If another program holds the lock of the database.
    ResultsError
        If the block fails for another reason.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _said(path, kind, error) from error
    except UnicodeError as error:
        # Python's module decodes messages of SQLite, which may quote bytes of the file.
        raise _damaged(path, kind, "it has bytes that are no text") from error
    except (OSError, MemoryError) as error:
        said = getattr(error, "strerror", None) or one_line(error) or "there is not enough memory"
        raise ResultsError(
            f"{one_line(path)} cannot be opened: {said}; see to it, or copy it to a folder of yours"
        ) from error


def _said(path: Path, kind: DatabaseKind, error: sqlite3.Error) -> InputError | ResultsError:
    # Such as SQLITE_IOERR_WRITE, of which the first two words are the class.
    code = "_".join(str(getattr(error, "sqlite_errorname", "")).split("_")[:2])
    said = f"{one_line(error):.200}"
    if code in _BUSY:
        return InputError(
            f"{one_line(path)} is locked by another program; wait until that has ended"
        )
    if code in _ROOM:
        return ResultsError(
            f"cannot write {one_line(path)}: {said}; free some space or see to the disk"
        )
    if code in _CLOSED:
        return ResultsError(
            f"{one_line(path)} cannot be opened: {said}; see to the rights of the file and its"
            " folder, or copy it to a folder of yours"
        )
    if code == "SQLITE_NOTADB":
        return _damaged(path, kind, "it is no SQLite database")
    return _damaged(path, kind, said)


def _damaged(path: Path, kind: DatabaseKind, what: str) -> ResultsError:
    return ResultsError(f"{one_line(path)} is damaged: {what}; {kind.remedy}")
