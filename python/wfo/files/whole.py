"""Files that appear whole or not at all, and locks.

A file is written under a temporary name beside its own, ``.<name>.<16 hex digits>.part``, which no
file that is there can have been made for: it is created anew, never opened. Its writer holds a lock
on it, so that the next writer of the same file knows what a killed one has left, and removes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from wfo.errors import ResultsError
from wfo.files.opening import is_link, open_to_change, require_regular

if TYPE_CHECKING:
    import polars as pl

#: Ending of a file that is still being written.
PART = ".part"

#: Characters of a file's name that the temporary one has: file systems take 255 bytes.
_STEM = 40


@contextlib.contextmanager
def whole_file(path: Path, *, remedy: str | None = None) -> Iterator[Path]:
    """Yield a name to write to; what stands there becomes `path` when the block ends well.

    The file is synced before it takes its name, so that a power cut leaves the old one or the new
    one. If the block fails, nothing is left behind. A link that is called `path` is replaced by the
    file, and what it leads to stays as it is; one of the system, as ``/dev/stdout``, is refused.

    Parameters
    ----------
    path
        The file.
    remedy
        What the error advises, as in `naming_the_file`.

    Raises
    ------
    ResultsError
        If the file cannot be written, or `path` is something else than a file.
    """
    part = _beside(path)
    file: IO[bytes] | None = None
    # An interrupt may come as soon as the file is made; nothing else has its name.
    try:
        with naming_the_file(path, remedy=remedy):
            _require_replaceable(path)
            _sweep(path)
            file = _create(part)
            try:
                yield part
                with part.open("rb") as written:
                    os.fsync(written.fileno())
            finally:
                # On Windows an open file can be neither replaced nor removed.
                if sys.platform == "win32":
                    file.close()
            part.replace(path)
            sync_folder(path.parent)
    finally:
        # Where the folder itself is gone or a file, the error on its way says more than this one.
        with contextlib.suppress(OSError):
            part.unlink()
        if file is not None:
            file.close()


def _beside(path: Path) -> Path:
    """Return a name beside a file that is not taken, and that cannot be foreseen."""
    return path.with_name(f"{_beginning(path)}{secrets.token_hex(8)}{PART}")


def _beginning(path: Path) -> str:
    """Return how the temporary names of a file begin, as short as file systems need it."""
    stem = os.fsencode(path.name)[: 2 * _STEM].decode("utf-8", "ignore")[:_STEM]
    return f".{stem}."


def write_private(path: Path, text: str) -> None:
    """Write a file whole that only its owner may read, from its first byte on.

    Raises
    ------
    OSError
        If it cannot be written; the old one then stays.
    """
    _require_replaceable(path)
    _sweep(path)
    part = _beside(path)
    with _create(part, 0o600) as file:
        try:
            # The mask may have taken the owner's rights away.
            if sys.platform != "win32":
                os.fchmod(file.fileno(), 0o600)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
            # On Windows an open file cannot be replaced.
            if sys.platform == "win32":
                file.close()
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
    # The file is there, whatever the folder's system says to this.
    with contextlib.suppress(OSError):
        sync_folder(path.parent)


def _create(part: Path, mode: int = 0o666) -> IO[bytes]:
    """Create a file that is not there yet, and lock it where the system can."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(part, flags, mode)
    file = os.fdopen(descriptor, "wb")
    if sys.platform != "win32":
        import fcntl

        # File systems without locks leave it at that: then nothing is swept there either.
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _sweep(path: Path) -> None:
    """Remove what killed writers of a file have left beside it."""
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if is_leftover(entry.name, path):
                with contextlib.suppress(OSError):
                    remove_leftover(Path(entry.path))


def is_leftover(name: str, path: Path | None = None) -> bool:
    """Whether a file of that name was being written by `whole_file`, for `path` or for any file."""
    hexadecimal = name.removesuffix(PART).rpartition(".")[2]
    made = (
        name.startswith(".")
        and name.endswith(PART)
        and len(hexadecimal) == 16
        and set(hexadecimal) <= set("0123456789abcdef")
    )
    return made and (path is None or name == f"{_beginning(path)}{hexadecimal}{PART}")


def remove_leftover(part: Path) -> bool:
    """Remove a temporary file unless its writer is alive; return whether it is gone.

    Raises
    ------
    OSError
        If it cannot be opened or removed.
    """
    if sys.platform == "win32":
        # An open file is not removed there.
        part.unlink()
        return True
    import fcntl

    with open_to_change(part) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        part.unlink()
    return True


def probe_folder(path: Path) -> None:
    """Raise an `OSError` unless files can be made in a folder."""
    part = _beside(path / "probe")
    _create(part).close()
    part.unlink()


def _require_replaceable(path: Path) -> None:
    """Raise an `OSError` if a name is taken by something that a file must not replace."""
    with contextlib.suppress(FileNotFoundError):
        status = path.lstat()
        if not is_link(status):
            require_regular(path, links=False)
            return
        # The superuser could replace /dev/stdout by a file, for all programs of the machine.
        of_system = os.path.dirname(os.path.abspath(path)) == "/dev"
        if of_system or os.readlink(path).startswith("/proc/"):
            raise OSError(errno.EINVAL, "is a link of the system, and no file")


def sync_folder(path: Path) -> None:
    """Make the names in a folder last through a power cut, where the system knows how."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def naming_the_file(path: Path, *, remedy: str | None = None) -> Iterator[None]:
    """Turn the operating system's errors into ones that name `path` and say what to do.

    Parameters
    ----------
    path
        What is written.
    remedy
        What the error advises; by default what helps a run's folder.

    Raises
    ------
    ResultsError
        If the block raises an `OSError`.
    """
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} or error.errno is None
        what = "free some space" if full else "see to it"
        remedy = remedy or f"{what} or choose another folder with --out"
        raise ResultsError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error


def locked(path: Path, *, wait: bool = False) -> IO[bytes] | None:
    """Open a file and lock it for this process, until it is closed.

    If another one holds it, this waits for it, or returns None.

    Raises
    ------
    OSError
        If it cannot be opened or made, or is a link, another thing than a file, or a file with
        other names.
    """
    while True:
        file = open_to_change(path, make=True)
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return None
        # Its last holder may have removed it between the opening and the locking.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.lstat()):
                return file
        file.close()


def write_text(path: Path, text: str, *, remedy: str | None = None) -> None:
    """Write a text file whole; `remedy` as in `naming_the_file`."""
    with whole_file(path, remedy=remedy) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_frame(path: Path, frame: pl.DataFrame, *, remedy: str | None = None) -> None:
    """Write a frame whole, as CSV where the file's name ends in ``.csv``, else as Parquet.

    Date-times are written with their offset from UTC. `remedy` is as in `naming_the_file`.

    Raises
    ------
    ResultsError
        If the file cannot be written.
    """
    from polars.exceptions import PolarsError

    # Polars gets an open file: in a path it has its own meaning for ``~``, ``*`` and ``://``.
    with whole_file(path, remedy=remedy) as part, part.open("wb") as file:
        try:
            if path.suffix.lower() == ".csv":
                frame.write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%:z")
            else:
                frame.write_parquet(file, compression="zstd")
        except PolarsError as error:
            # Its Parquet writer wraps what the operating system says, such as a full disk.
            raise OSError(str(error)) from error
