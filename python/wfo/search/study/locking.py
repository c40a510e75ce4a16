"""The lock of who writes to a study: a file in its folder, which says which process that is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from wfo.errors import InputError
from wfo.files import locked, naming_the_file, read_bytes, remove_file
from wfo.search.study.names import LOCK
from wfo.text import one_line


def lock_study(folder: Path) -> IO[bytes]:
    """Return the lock of who writes to a study, which says which process that is."""
    path = folder / LOCK
    with naming_the_file(path):
        lock = locked(path)
    if lock is None:
        raise InputError(
            f"the study in {one_line(folder)} is being searched by {_holder(path)}; wait until that"
            " has ended, or give another name with --study"
        )
    with naming_the_file(path):
        lock.truncate(0)
        lock.write(b"%d\n" % os.getpid())
        lock.flush()
    return lock


@contextlib.contextmanager
def locked_study(folder: Path) -> Iterator[None]:
    """Keep searches away from a study.

    Raises
    ------
    InputError
        If one writes to it just now.
    """
    lock = lock_study(folder)
    try:
        yield
    finally:
        unlock_study(folder, lock)


def _holder(path: Path) -> str:
    """Return the process that holds a lock, where its file says so."""
    with contextlib.suppress(OSError):
        said = read_bytes(path, most=100, links=False).strip()
        if said.isdigit() and len(said) < 20:
            return f"process {int(said)}"
    return "another process"


def unlock_study(folder: Path, lock: IO[bytes]) -> None:
    """Let others write to a study."""
    # While it is held: whoever comes next makes a file of its own.
    with contextlib.suppress(OSError):
        remove_file(folder / LOCK)
    lock.close()
