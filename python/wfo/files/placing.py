"""Names in a folder: what is there, and what is made, moved and removed, without following links.

Nothing here opens a link, a pipe or a device, and nothing but what is named goes: of a folder that
is not empty nothing is removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from wfo.files.opening import is_link, open_regular, open_to_change
from wfo.files.whole import whole_file

if TYPE_CHECKING:
    from numpy.typing import NDArray


def is_there(path: Path) -> bool:
    """Whether a name is taken, by whatever: a link to nothing too."""
    return os.path.lexists(path)


def is_own_file(path: Path) -> bool:
    """Whether a regular file has this name; a link to one does not count."""
    status = _status(path)
    return status is not None and stat.S_ISREG(status.st_mode) and not is_link(status)


def is_own_folder(path: Path) -> bool:
    """Whether a folder has this name; a link to one does not count."""
    status = _status(path)
    return status is not None and stat.S_ISDIR(status.st_mode) and not is_link(status)


def size_of(path: Path) -> int:
    """Return the bytes of a regular file; 0 of anything else, and of nothing."""
    status = _status(path)
    regular = status is not None and stat.S_ISREG(status.st_mode) and not is_link(status)
    return status.st_size if status is not None and regular else 0


def files_below(folder: Path) -> list[Path]:
    """Return the regular files below a folder, in order; links are not followed."""
    return [Path(at, name) for at, name in _walk(folder) if is_own_file(Path(at, name))]


def entries_of(folder: Path) -> list[Path]:
    """Return what is in a folder, in order; nothing where there is none.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def make_folder(path: Path, *, mode: int = 0o777) -> None:
    """Make a folder and those above it, as far as they are missing.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    path.mkdir(parents=True, exist_ok=True, mode=mode)


def move(source: Path, target: Path) -> None:
    """Give what is at one name another one; a link is moved itself, a file that is there replaced.

    Raises
    ------
    OSError
        If it cannot be moved, as onto a folder.
    """
    source.replace(target)


def remove_file(path: Path) -> None:
    """Remove a name that is no folder's; a link goes itself. Nothing happens where there is none.

    Raises
    ------
    OSError
        If it cannot be removed.
    """
    path.unlink(missing_ok=True)


def remove_empty_folder(path: Path) -> bool:
    """Remove a folder that is empty, and return whether it is gone."""
    with contextlib.suppress(OSError):
        path.rmdir()
    return not is_there(path)


def open_unfinished(path: Path, part: Path) -> IO[bytes]:
    """Open the unfinished form of a file to be written in place; what is finished becomes that.

    Raises
    ------
    OSError
        If it cannot be opened or made, or is no file of this name alone.
    """
    make_folder(path.parent)
    if is_there(path):
        # Where it is no file, or has other names, it keeps its own.
        with open_to_change(path):
            pass
        move(path, part)
    return open_to_change(part, make=True)


def read_values(path: Path, dtype: str, count: int, offset: int) -> NDArray[Any]:
    """Return values of a regular file from a byte on, as many as it has up to `count`.

    Raises
    ------
    OSError
        If it is missing, another thing than a file, or cannot be read.
    """
    import numpy as np

    with open_regular(path, links=False) as file:
        # Room is made for what the file has, whatever is asked for.
        there = (os.fstat(file.fileno()).st_size - offset) // np.dtype(dtype).itemsize
        found: NDArray[Any] = np.fromfile(file, dtype, max(0, min(count, there)), offset=offset)
    return found


def mapped_values(path: Path, dtype: str, count: int, header: bytes) -> NDArray[Any]:
    """Return the values of a regular file behind its header, mapped, to be read only.

    Raises
    ------
    OSError
        If it is missing, another thing than a file, or cannot be read.
    ValueError
        If its header or size is another one.
    """
    import numpy as np

    with open_regular(path, links=False) as file:
        size = os.fstat(file.fileno()).st_size
        expected = len(header) + count * np.dtype(dtype).itemsize
        if file.read(len(header)) != header or size != expected:
            raise ValueError(f"it is not {count:,} values of type {dtype}")
        found: NDArray[Any] = np.memmap(file, dtype, "r", len(header), (count,))
    return found


def mapped_room(folder: Path, dtype: str, count: int) -> NDArray[Any]:
    """Return zeros in a file that has no name, in a folder, and goes with the array.

    Raises
    ------
    OSError
        If it cannot be made, or has no room.
    """
    import numpy as np

    with tempfile.TemporaryFile(dir=folder, prefix=".responses-", suffix=".part") as file:
        if hasattr(os, "posix_fallocate"):
            # A disk that fills up under a mapping kills the process; here it is an error.
            os.posix_fallocate(file.fileno(), 0, count * np.dtype(dtype).itemsize)
        found: NDArray[Any] = np.memmap(file, dtype, "w+", shape=(count,))
    return found


@contextlib.contextmanager
def whole_stream(path: Path, *, remedy: str | None = None) -> Iterator[IO[bytes]]:
    """Yield a stream of bytes that becomes the file `path`, as `whole_file` does."""
    with whole_file(path, remedy=remedy) as part, part.open("wb") as file:
        yield file


def write_bytes(path: Path, data: bytes, *, remedy: str | None = None) -> None:
    """Write a file whole; `remedy` as in `wfo.files.naming_the_file`."""
    with whole_stream(path, remedy=remedy) as file:
        file.write(data)


def remove_own(folder: Path, own: Sequence[Path]) -> bool:
    """Remove some files of a folder, then the folder if it is empty; return whether it is gone.

    Raises
    ------
    OSError
        If one of them cannot be removed.
    """
    for path in own:
        remove_file(path)
    return remove_empty_folder(folder)


def temporary_folder(prefix: str, folder: Path | None = None) -> Path:
    """Make a folder of a name that cannot be foreseen, in one or where the system has such ones.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    return Path(tempfile.mkdtemp(prefix=prefix, dir=folder))


def remove_tree(folder: Path) -> None:
    """Remove a folder that was made here and all in it, as far as that goes, without links."""
    shutil.rmtree(folder, ignore_errors=True)


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield at, name


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except (OSError, ValueError):
        return None
