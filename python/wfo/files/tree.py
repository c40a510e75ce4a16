"""Folders that others may have made: what they hold, and names that their files state."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Collection, Iterator
from pathlib import Path, PureWindowsPath

from wfo.errors import ResultsError
from wfo.files.limits import TREE_DEPTH, TREE_ENTRIES
from wfo.files.opening import is_link
from wfo.text import one_line, shown

#: Entries that a message names.
_NAMED = 10

#: Characters of a name below a folder.
_LONGEST = 1000


def check_tree(root: Path, *, skip: Collection[str] = ()) -> None:
    """Raise unless a folder holds nothing but folders and regular files.

    `root` itself may be a link, as one that its user made to another disk. Below it a link, a pipe
    or a device is refused: what is read or written there is meant to be of this folder alone. A
    file may have further names by hard links, as in backups; `open_to_change` refuses to write it.

    Parameters
    ----------
    root
        The folder; where it is missing, all is well.
    skip
        Names of entries of `root` whose own entries are not looked at.

    Raises
    ------
    ResultsError
        With the first entries that are something else, or if there are too many.
    """
    found: list[str] = []
    for count, (entry, depth) in enumerate(_below(root, skip), 1):
        if count > TREE_ENTRIES or depth > TREE_DEPTH:
            limit = f"more than {TREE_ENTRIES:,} entries"
            if depth > TREE_DEPTH:
                limit = f"folders within each other, more than {TREE_DEPTH} deep"
            raise ResultsError(f"{root} holds {limit}, which no run has; move them elsewhere")
        # What is removed meanwhile harms nothing.
        with contextlib.suppress(FileNotFoundError):
            what = _strange(entry.stat(follow_symlinks=False))
            if what:
                target = f" to {shown(os.readlink(entry.path))}" if what == "a link" else ""
                found.append(f"{one_line(entry.path)} is {what}{target}")
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        named = "\n  ".join(found[:_NAMED])
        raise ResultsError(
            f"{root} holds what no run writes; remove it, or copy the files themselves there:"
            f"\n  {named}{more}"
        )


def inside(root: Path, name: str) -> Path:
    """Return the path of a file below a folder that a file states by its name.

    Parameters
    ----------
    root
        The folder.
    name
        The name below it, with ``/`` between folders.

    Raises
    ------
    ResultsError
        If it is no such name, or leads through a link.
    """
    parts = name.split("/") if isinstance(name, str) else []
    plain = parts and len(name) <= _LONGEST and all(map(_is_plain, parts))
    if not plain:
        raise ResultsError(f"{shown(str(name))} is no name of a file below {root}")
    path = root
    for part in parts:
        path = path / part
        with contextlib.suppress(OSError):
            if is_link(path.lstat()):
                raise ResultsError(
                    f"{path} is a link, which is not followed; put what it leads to in its place,"
                    " or name another folder with --out"
                )
    return path


def _is_plain(part: str) -> bool:
    """Whether a text can be the name of one entry of a folder, here and on other systems."""
    if part in {"", ".", ".."} or any(ord(c) < 32 or ord(c) == 127 for c in part):
        return False
    if sys.platform == "win32":
        return "\\" not in part and not PureWindowsPath(part).drive and ":" not in part
    return True


def _below(root: Path, skip: Collection[str]) -> Iterator[tuple[os.DirEntry[str], int]]:
    """Yield every entry below a folder, with the number of folders that it is in."""
    waiting = [(str(root), 1)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            entries = os.scandir(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ResultsError(f"cannot read the folder {folder}: {error.strerror}") from error
        with entries:
            for entry in entries:
                yield entry, depth
                skipped = depth == 1 and entry.name in skip
                if depth <= TREE_DEPTH and not skipped and _is_folder(entry):
                    waiting.append((entry.path, depth + 1))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        status = entry.stat(follow_symlinks=False)
        return stat.S_ISDIR(status.st_mode) and not is_link(status)
    return False


def _strange(status: os.stat_result) -> str:
    """Say what an entry is that a run does not write; nothing of a folder and a regular file."""
    if is_link(status):
        return "a link"
    if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
        return ""
    if stat.S_ISFIFO(status.st_mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(status.st_mode) else "a device"
