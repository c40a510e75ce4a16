"""The studies below a folder of results: where they are, and which one a name means."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from wfo.errors import InputError, ResultsError, did_you_mean
from wfo.files import entries_of, inside, is_own_folder, is_there, read_bytes
from wfo.search.study.names import DATABASE, LOCK, STUDIES, study_folder
from wfo.text import one_line, shown


def study_folders(out: Path) -> list[Path]:
    """Return the folders of all studies below a folder of results, by name.

    Raises
    ------
    ResultsError
        If the folder cannot be read.
    """
    place = out / STUDIES
    try:
        found = entries_of(place)
    except OSError as error:
        raise ResultsError(f"cannot read {one_line(place)}: {error.strerror or error}") from error
    return [path for path in found if is_own_folder(path) and is_there(path / DATABASE)]


def study_names(out: Path) -> list[str]:
    """Return the names of all studies below a folder of results.

    Raises
    ------
    ResultsError
        If the folder cannot be read.
    """
    return [path.name for path in study_folders(out)]


def find_study(out: Path, name: str) -> Path:
    """Return the folder of a study.

    Parameters
    ----------
    out
        The folder of all results.
    name
        The study's name, or its folder.

    Raises
    ------
    ResultsError
        If there is no such study, with the nearest name; or a link stands where it would be.
    """
    try:
        folder = study_folder(out, name)
    except InputError:
        # A path, or no name at all.
        folder = None
    if folder is not None and is_there(folder / DATABASE):
        return inside(out, folder.relative_to(out).as_posix())
    given = Path(name)
    if _is_folder(given):
        if is_there(given / DATABASE):
            return given
        if folder is None:
            raise ResultsError(f"{one_line(name)} is no study: it has no {DATABASE}")
    known = study_names(out)
    where = one_line(out / STUDIES)
    if not known:
        raise ResultsError(
            f"there is no study {shown(name)}, and none in {where}; 'wfo optimize' makes one, and"
            " --out says where results are"
        )
    raise ResultsError(f"there is no study {shown(name)} in {where}{did_you_mean(name, known)}")


def _is_folder(path: Path) -> bool:
    """Whether a path leads to a folder; one that no system takes does not."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def last_written(folder: Path) -> float:
    """Return when a study was last written to, in seconds since 1970; 0 where that is not known."""
    found = [0.0]
    for name in (DATABASE, f"{DATABASE}-wal"):
        try:
            found.append((folder / name).lstat().st_mtime)
        except OSError:
            continue
    return max(found)


def is_under_way(folder: Path) -> bool:
    """Whether a search is writing to a study, as far as its lock says."""
    path = folder / LOCK
    if not is_there(path):
        return False
    with contextlib.suppress(OSError):
        said = read_bytes(path, most=100, links=False).strip()
        if said.isdigit() and len(said) < 10:
            return _is_alive(int(said))
    # It is being made.
    return is_there(path)


def _is_alive(process: int) -> bool:
    if sys.platform == "win32" or process <= 0:
        # A signal would end it there.
        return process > 0
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
