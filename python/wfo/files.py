"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wfo.errors import ResultsError

if TYPE_CHECKING:
    import polars as pl

#: Ending of a file that is still being written.
PART = ".part"

#: How a sealed file ends: the digest of the file with zeros in the digest's place.
_SEAL = re.compile(r'"seal": "([0-9a-f]{64})"\n}\n\Z')
_UNSEALED = "0" * 64

#: Digits of a whole number in a JSON file, at most; a float holds more than 1e308.
_LONGEST_NUMBER = 300


@contextlib.contextmanager
def whole_file(path: Path, *, remedy: str | None = None) -> Iterator[Path]:
    """Yield a name to write to; what stands there becomes `path` when the block ends well.

    The file is synced before it takes its name, so that a power cut leaves the old one or the new
    one. If the block fails, nothing is left behind.

    Parameters
    ----------
    path
        The file.
    remedy
        What the error advises, as in `naming_the_file`.

    Raises
    ------
    ResultsError
        If the file cannot be written.
    """
    part = path.with_name(path.name + PART)
    try:
        with naming_the_file(path, remedy=remedy):
            yield part
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.replace(path)
            sync_folder(path.parent)
    finally:
        # Where the folder itself is gone or a file, the error on its way says more than this one.
        with contextlib.suppress(OSError):
            part.unlink()


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


def locked(path: Path, *, wait: bool = False) -> IO[str] | None:
    """Open a file and lock it for this process, until it is closed.

    If another one holds it, this waits for it, or returns None.
    """
    while True:
        file = path.open("a+", encoding="utf-8")
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
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def write_text(path: Path, text: str, *, remedy: str | None = None) -> None:
    """Write a text file whole; `remedy` as in `naming_the_file`."""
    with whole_file(path, remedy=remedy) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, data: Any) -> None:
    """Write a JSON file whole, indented."""
    write_text(path, _json_text(data))


def _json_text(data: Any) -> str:
    """Return values as indented JSON that UTF-8 has, and that reads back as the same."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # A file name that is not UTF-8 has surrogates, which stand nowhere but in texts.
    return re.sub("[\ud800-\udfff]", lambda found: f"\\u{ord(found[0]):04x}", text)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    ResultsError
        If it is missing or no JSON.
    """
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ResultsError(f"there is no {path}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error


def write_sealed(path: Path, data: Mapping[str, Any], *, remedy: str | None = None) -> None:
    """Write a JSON file whole, with a digest of its own text as its last key, ``seal``.

    `remedy` is as in `naming_the_file`.
    """
    sealed = {**data, "seal": _UNSEALED}
    text = _json_text(sealed)
    # From the end: the values may hold as many zeros.
    head, _, tail = text.rpartition(_UNSEALED)
    write_text(path, head + _digest(text) + tail, remedy=remedy)


def read_sealed(path: Path) -> dict[str, Any]:
    """Read what `write_sealed` wrote.

    Raises
    ------
    ResultsError
        If the file is missing, or any byte of it is another one than was written.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ResultsError(f"there is no {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error
    seal = _SEAL.search(text)
    if seal is None or _digest(text[: seal.start(1)] + _UNSEALED + '"\n}\n') != seal[1]:
        raise ResultsError(f"{path} is damaged: it is not as it was written")
    try:
        data: dict[str, Any] = _parsed(text)
        del data["seal"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ResultsError(f"{path} is damaged: {error}") from error
    return data


def _parsed(text: str) -> Any:
    """Return what JSON says; of numbers only such as a float can hold.

    Raises
    ------
    ValueError, RecursionError
        If it is no JSON, or nested too deeply.
    """
    return json.loads(text, parse_constant=_no_number, parse_int=_whole)


def _whole(text: str) -> int:
    """Return a whole number that a float can hold, so that none fails where it is computed with."""
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"{text:.20}… has {len(text):,} digits")
    return int(text)


def _no_number(text: str) -> float:
    """Refuse what JSON has no word for, and nothing here writes."""
    raise ValueError(f"{text} is no number")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises
    ------
    ResultsError
        If it is missing or cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ResultsError(f"there is no {path}") from None
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error}") from error


def write_frame(path: Path, frame: pl.DataFrame, *, remedy: str | None = None) -> None:
    """Write a frame whole, as CSV where the file's name ends in ``.csv``, else as Parquet.

    Date-times are written with their offset from UTC. `remedy` is as in `naming_the_file`.

    Raises
    ------
    ResultsError
        If the file cannot be written.
    """
    from polars.exceptions import PolarsError

    with whole_file(path, remedy=remedy) as part:
        try:
            if path.suffix.lower() == ".csv":
                frame.write_csv(part, datetime_format="%Y-%m-%dT%H:%M:%S%:z")
            else:
                frame.write_parquet(part, compression="zstd")
        except PolarsError as error:
            # Its Parquet writer wraps what the operating system says, such as a full disk.
            raise OSError(str(error)) from error
