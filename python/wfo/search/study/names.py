"""Names of studies, of their folders, and of what is in these."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from wfo.errors import InputError
from wfo.text import brief

#: The folder of all studies, below that of the results.
STUDIES: Final = "optimization"

#: The database of a study, and the lock of who writes to it.
DATABASE: Final = "study.sqlite"
LOCK: Final = ".lock"

#: Characters of a study's name.
MOST_NAME: Final = 100

#: What a study can be called; a dot at the end is lost on Windows.
NAME_PATTERN: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_-])?"

#: Names that Windows keeps for devices, with any ending.
_DEVICES: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
)


def study_name(value: object) -> str:
    """Return the name of a study, which becomes that of a folder.

    Raises
    ------
    InputError
        If it is none: 1 to 100 letters, digits, dots, hyphens and underscores, of which a letter or
        digit comes first and no dot last.
    """
    good = isinstance(value, str) and len(value) <= MOST_NAME and re.fullmatch(NAME_PATTERN, value)
    if not isinstance(value, str) or not good:
        raise InputError(
            f"study = {brief(value)} must have 1 to {MOST_NAME} letters, digits, dots, hyphens and"
            " underscores, a letter or digit first and no dot last: it names a folder"
        )
    if value.partition(".")[0].lower() in _DEVICES:
        raise InputError(f"study = {brief(value)} is the name of a device on Windows; add a word")
    return value


def study_folder(results: Path, name: str) -> Path:
    """Return the folder of a study below that of the results.

    Raises
    ------
    InputError
        If the name is none.
    """
    return results / STUDIES / study_name(name)
