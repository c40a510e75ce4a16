"""Removing studies: what would go is said first, and nothing else goes."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

from wfo.errors import InputError, ResultsError
from wfo.runs.optimizing.studies import find_study, last_written, study_folders
from wfo.runs.optimizing.wording import counted, said
from wfo.search.study import STUDIES, Removal, removal_of, remove_studies
from wfo.text import brief, one_line, size_text, table

#: Parts of a relative path that names the folder of all studies too.
_LEAST_PARTS = 2

#: Days of the units of a span.
_UNITS = {"d": 1, "w": 7, "m": 30, "y": 365}


def cleaned_up(
    out: Path,
    names: Sequence[str],
    *,
    keep: int | None = None,
    older_than: str | None = None,
    remove: bool = False,
) -> str:
    """Remove studies, or say which would be removed.

    Parameters
    ----------
    out
        The folder of all results.
    names
        Studies, or their folders; all of them where there are none.
    keep
        How many of them stay, the newest ones.
    older_than
        Only those that were last written to longer ago, such as ``"90d"``, ``"6m"`` or ``"1y"``.
    remove
        Whether they go; else nothing is changed.

    Raises
    ------
    InputError
        If the span is none, or a search writes to one of them.
    ResultsError
        If a study is not there, holds what no search has written, or cannot be removed.
    """
    before = None if older_than is None else _seconds_before(older_than)
    folders = [find_study(out, name) for name in names] if names else study_folders(out)
    folders = list({folder.resolve(): folder for folder in folders}.values())
    folders.sort(key=lambda folder: (-last_written(folder), folder.name))
    leaving = folders[keep or 0 :]
    if before is not None:
        leaving = [folder for folder in leaving if last_written(folder) < before]
    if not leaving:
        stay = counted(len(folders), "stays", "stay")
        return "\n".join(said([f"No study goes; {stay}."], "")) + "\n"
    found = [_removal(folder) for folder in leaving]
    total = size_text(sum(each.bytes for each in found))
    lines = ["These studies are removed" if remove else "These studies would be removed"]
    lines += table([_row(each) for each in found], "<<>><")
    if not remove:
        lines.append(f"{total} in all; nothing was removed. With --yes they go.")
        return "\n".join(lines) + "\n"
    remove_studies(found)
    lines.append(f"{total} in all; their trials still count in trials.json.")
    return "\n".join(lines) + "\n"


def _seconds_before(span: str) -> float:
    """Return the time, in seconds since 1970, that lies a span before now."""
    found = re.fullmatch(r"(\d{1,4})([dwmy])", span)
    if not found:
        raise InputError(
            f"--older-than {brief(span)} is no span; write days, weeks, months or years, as 90d,"
            " 12w, 6m or 1y"
        )
    days = int(found[1]) * _UNITS[found[2]]
    return dt.datetime.now(dt.UTC).timestamp() - 86_400 * days


def _removal(folder: Path) -> Removal:
    """Return what the removal of a study takes away."""
    place = folder if len(folder.parts) > _LEAST_PARTS else folder.absolute()
    if place.parent.name != STUDIES:
        raise ResultsError(
            f"{one_line(folder)} is not removed: a study that was moved out of a folder called"
            f" {STUDIES} is yours to remove"
        )
    return removal_of(place.parent.parent, place.name)


def _row(each: Removal) -> tuple[str, ...]:
    when = dt.datetime.fromtimestamp(last_written(each.folder), dt.UTC)
    return (
        one_line(each.name),
        one_line(each.folder),
        counted(len(each.files), "file"),
        size_text(each.bytes),
        f"last written {when:%Y-%m-%d %H:%M} UTC",
    )
