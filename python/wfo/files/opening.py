"""Opening files that are there: regular ones only, without waiting, and under a limit of bytes.

Every refusal is an `OSError` with its reason as ``strerror``, so that callers put it into words of
their own as they do with the system's.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

#: Flags that not every system has. A pipe without a writer is opened at once, to be refused, and a
#: terminal does not become that of the process.
_CALM = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)

_KINDS = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISLNK, "is a link, which is not followed here"),
    (stat.S_ISFIFO, "is a named pipe, and no file: save what it gives into a file first"),
    (stat.S_ISSOCK, "is a socket, and no file"),
    (stat.S_ISCHR, "is a device, and no file"),
    (stat.S_ISBLK, "is a device, and no file"),
)


def open_regular(path: Path, *, links: bool = True) -> io.BufferedReader:
    """Open a regular file for reading; nothing else is opened, and nothing waits.

    Parameters
    ----------
    path
        The file.
    links
        Whether `path` itself may be a link: one that a user names may, one in a folder that
        others may have made may not.

    Raises
    ------
    OSError
        If it is missing, is no regular file, or cannot be opened.
    """
    return os.fdopen(_opened(path, os.O_RDONLY, links=links), "rb")


def open_to_change(path: Path, *, make: bool = False) -> io.BufferedRandom:
    """Open a file to be read and written in place.

    What is written reaches this name alone: a link is not followed, and a file that has other
    names too, by hard links, is refused.

    Parameters
    ----------
    path
        The file.
    make
        Whether it is made where it is missing.

    Raises
    ------
    OSError
        If it is missing, no regular file, has other names, or cannot be opened.
    """
    flags = os.O_RDWR | (os.O_CREAT if make else 0)
    descriptor = _opened(path, flags, links=False)
    names = os.fstat(descriptor).st_nlink
    if names > 1:
        os.close(descriptor)
        raise OSError(errno.EMLINK, f"has {names} names (hard links), and no other may change")
    return os.fdopen(descriptor, "r+b")


def read_bytes(path: Path, *, most: int, links: bool = True) -> bytes:
    """Read a regular file that is no longer than `most` bytes.

    Parameters
    ----------
    path, links
        As in `open_regular`.
    most
        Bytes that the file has at most.

    Raises
    ------
    OSError
        As `open_regular` does, and if it is longer.
    """
    with open_regular(path, links=links) as file:
        size = os.fstat(file.fileno()).st_size
        # Beyond its size a file may grow while it is read.
        content = file.read(most + 1) if size <= most else b""
        # Where nothing is to be had without waiting, as in some files of the system.
        content = content or b""
    if size > most or len(content) > most:
        raise OSError(errno.EFBIG, f"has {max(size, len(content)):,} bytes; {most:,} are read")
    return content


def read_text(path: Path, *, most: int, links: bool = True) -> str:
    """Read a text in UTF-8, as `read_bytes` does.

    Raises
    ------
    OSError
        As `read_bytes` does.
    UnicodeDecodeError
        If it is no UTF-8.
    """
    return read_bytes(path, most=most, links=links).decode("utf-8")


def require_regular(path: Path, *, links: bool = True) -> os.stat_result:
    """Return what the system says of a regular file.

    Raises
    ------
    OSError
        If it is missing, or none.
    """
    status = _status(path, links=links)
    _refuse(status, path)
    return status


def _opened(path: Path, flags: int, *, links: bool) -> int:
    """Return a descriptor of a regular file."""
    # Before it is opened: opening alone makes some devices act.
    try:
        require_regular(path, links=links)
    except FileNotFoundError:
        if not flags & os.O_CREAT:
            raise
    descriptor = os.open(path, flags | _CALM | (0 if links else _NO_LINK), 0o666)
    try:
        _refuse(os.fstat(descriptor), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _status(path: Path, *, links: bool) -> os.stat_result:
    try:
        return path.stat() if links else path.lstat()
    except ValueError as error:
        # A zero character, or half of a pair of surrogates, stands in no name of a file.
        raise OSError(errno.EINVAL, f"is no name of a file: {error}") from None


def _refuse(status: os.stat_result, path: Path) -> None:
    """Raise an `OSError` unless something is a regular file."""
    if stat.S_ISREG(status.st_mode) and not is_link(status):
        return
    what = next((words for holds, words in _KINDS if holds(status.st_mode)), "is no regular file")
    if is_link(status):
        what = _KINDS[1][1]
    kind = IsADirectoryError if stat.S_ISDIR(status.st_mode) else OSError
    raise kind(errno.EISDIR if kind is IsADirectoryError else errno.EINVAL, what, str(path))


def is_link(status: os.stat_result) -> bool:
    """Whether what `os.lstat` says is of a link, or of what Windows has beside links."""
    reparsed = getattr(status, "st_file_attributes", 0) & getattr(
        stat, "FILE_ATTRIBUTE_REPARSE_POINT", 0
    )
    return stat.S_ISLNK(status.st_mode) or bool(reparsed)
