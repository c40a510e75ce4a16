"""The tables of a study's database, and how rows of them are checked.

Every row ends in a checksum of the others of its cells: SQLite finds pages that are not laid out as
it would, but no bit of a number that has turned.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

from wfo.files.database import DatabaseKind

STUDIES: Final = """CREATE TABLE studies (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    created TEXT NOT NULL,
    identity TEXT NOT NULL,
    plan TEXT NOT NULL,
    space TEXT NOT NULL,
    objective TEXT NOT NULL,
    limits TEXT NOT NULL,
    guardrails TEXT NOT NULL,
    guardrails_digest TEXT NOT NULL,
    windows TEXT NOT NULL,
    symbols TEXT NOT NULL,
    fingerprints TEXT NOT NULL,
    versions TEXT NOT NULL,
    git_commit TEXT NOT NULL,
    method TEXT NOT NULL,
    method_reason TEXT NOT NULL,
    seed INTEGER NOT NULL,
    batch INTEGER NOT NULL,
    budget INTEGER NOT NULL,
    parameters TEXT NOT NULL,
    objectives TEXT NOT NULL,
    components TEXT NOT NULL,
    checksum INTEGER NOT NULL
)"""

#: A batch of trials: what the method had to say, how many of its proposals were not allowed or
#: evaluated before, how often it was asked, whether all of its trials have ended, and the bounds
#: of the objective after it.
BATCHES: Final = """CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    trials INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    repeated INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    whole INTEGER NOT NULL,
    note TEXT NOT NULL,
    state TEXT NOT NULL,
    bounds TEXT NOT NULL,
    checksum INTEGER NOT NULL
)"""

#: The figures that trials have, in the order in which they came up; `""` is the symbol of a program
#: that has none.
FIGURES: Final = """CREATE TABLE figures (
    number INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    name TEXT NOT NULL,
    checksum INTEGER NOT NULL
)"""

#: The trials. Numbers of `encoded`, `objectives`, `components` and `figures` are float64, the
#: lowest byte first; `figures` has those of the first window, then of the second and so on, each
#: with the first `width` of the table `figures`, NaN for what is not defined, and `ABSENT` for what
#: the trial did not return.
TRIALS: Final = """CREATE TABLE trials (
    number INTEGER PRIMARY KEY,
    batch INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    seed INTEGER NOT NULL,
    state TEXT NOT NULL,
    windows INTEGER NOT NULL,
    width INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    seconds REAL NOT NULL,
    score REAL,
    violation REAL,
    encoded BLOB NOT NULL,
    figures BLOB NOT NULL,
    objectives BLOB NOT NULL,
    components BLOB NOT NULL,
    parameters TEXT NOT NULL,
    error TEXT NOT NULL,
    printed TEXT NOT NULL,
    checksum INTEGER NOT NULL,
    scored INTEGER NOT NULL
)"""

#: The bits, as a whole number, of the NaN of a figure that only other trials have: which of them
#: are known by then depends on the workers, and an objective may look at which are there.
ABSENT: Final = 0x7FF8_0000_0000_0001

KIND: Final = DatabaseKind(
    what="a study",
    application_id=0x77666F53,
    version=1,
    statements=(STUDIES, BATCHES, FIGURES, TRIALS),
    remedy=(
        "put a copy of its folder in its place, or begin another study under another name (a killed"
        " search does not damage it)"
    ),
)

INSERT_STUDY: Final = (
    "INSERT OR REPLACE INTO studies"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_BATCH: Final = "INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_FIGURE: Final = "INSERT OR REPLACE INTO figures VALUES (?, ?, ?, ?)"
INSERT_TRIAL: Final = (
    "INSERT OR REPLACE INTO trials"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)

_WHOLE = struct.Struct("<8q d")
_SCORES = struct.Struct("<2d")


def checksum_of_texts(*cells: Any) -> int:
    """Return the checksum of a row of whole numbers and texts."""
    total = 0
    for cell in cells:
        content = cell if isinstance(cell, bytes) else str(cell).encode()
        total = zlib.crc32(content, zlib.crc32(b"%d:" % len(content), total))
    return total


def checksum_of_trial(
    whole: tuple[int, ...],
    seconds: float,
    state: bytes,
    encoded: bytes,
    figures: bytes,
    parameters: bytes,
    error: bytes,
    printed: bytes,
) -> int:
    """Return the checksum of a trial without its score.

    Parameters
    ----------
    whole
        Number, batch, tag, seed, windows, width, worker and attempts.
    seconds, state, encoded, figures, parameters, error, printed
        The other cells.
    """
    total = zlib.crc32(encoded, zlib.crc32(state, zlib.crc32(_WHOLE.pack(*whole, seconds))))
    total = zlib.crc32(parameters, zlib.crc32(figures, total))
    return zlib.crc32(printed, zlib.crc32(error, total)) if error or printed else total


def checksum_of_scores(
    number: int, score: float | None, violation: float | None, objectives: bytes, components: bytes
) -> int:
    """Return the checksum of a trial's score and what it is made of."""
    nan = float("nan")
    cells = _SCORES.pack(nan if score is None else score, nan if violation is None else violation)
    return zlib.crc32(components, zlib.crc32(objectives, zlib.crc32(cells, number)))
