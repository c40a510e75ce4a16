"""Folders of studies: which there are, what is in them, and their removal."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wfo.errors import ResultsError, WfoError
from wfo.files import (
    entries_of,
    is_leftover,
    is_own_file,
    is_own_folder,
    is_there,
    naming_the_file,
    remove_own,
    size_of,
)
from wfo.files.database import BESIDE
from wfo.search.study.layout import checksum_of_scores
from wfo.search.study.locking import locked_study
from wfo.search.study.names import DATABASE, LOCK, NAME_PATTERN, STUDIES, study_folder
from wfo.search.study.reading import batches_of, record_of, require_all
from wfo.search.study.source import Source, read_from
from wfo.search.study.table import STATES
from wfo.text import listed, one_line, size_text

#: What a search leaves beside its database; the last are exports of a study.
RESULTS: Final = frozenset(
    {
        *("summary.json", "ranked_results.csv", "failed.csv", "best_config.json"),
        *("optimization.log", "page.txt", "pareto.csv", "trials.csv", "journal.log"),
    }
)


_SCORES: Final = (
    "SELECT number, state, score, violation, objectives, components, scored FROM trials"
    " ORDER BY number"
)


@dataclass(frozen=True, slots=True)
class StudyListing:
    """A study in a list.

    Attributes
    ----------
    name, folder
        Its name, and its folder.
    bytes
        Of all its files.
    created, method, budget, target, symbols, objectives
        From its record; empty and 0 where it cannot be read. `target` is what was searched, and
        `objectives` how many there are.
    batches, trials, note
        How many have begun, and what the method or a rule did in the last batch.
    counts
        Trials in each state that there is.
    best
        The best stored score of a trial that keeps to all limits; None where there is none.
    error
        Why it cannot be read; empty where it can.
    """

    name: str
    folder: Path
    bytes: int
    created: str = ""
    method: str = ""
    budget: int = 0
    target: str = ""
    symbols: tuple[str, ...] = ()
    objectives: int = 0
    batches: int = 0
    trials: int = 0
    note: str = ""
    counts: tuple[tuple[str, int], ...] = ()
    best: float | None = None
    error: str = ""


def list_studies(results: Path) -> list[StudyListing]:
    """Return the studies below a folder of results, by name.

    One that cannot be read is there too, with the reason. A folder without a database is none.

    Raises
    ------
    ResultsError
        If the folder cannot be read.
    """
    root = results / STUDIES
    with naming_the_reading(root):
        entries = entries_of(root)
    found = []
    for folder in entries:
        named = re.fullmatch(NAME_PATTERN, folder.name)
        if named and is_own_folder(folder) and is_there(folder / DATABASE):
            found.append(listing_of(folder))
    return found


@contextlib.contextmanager
def naming_the_reading(folder: Path) -> Iterator[None]:
    """Turn the system's errors into ones that name a folder."""
    try:
        yield
    except OSError as error:
        raise ResultsError(f"cannot read {one_line(folder)}: {error.strerror or error}") from error


def listing_of(folder: Path) -> StudyListing:
    """Return one study as a list has it."""
    size = sum(size_of(path) for path in entries_of(folder))
    try:
        return read_from(folder, lambda source: _listing(source, folder, size))
    except WfoError as error:
        return StudyListing(folder.name, folder, size, error=str(error))


def _listing(source: Source, folder: Path, size: int) -> StudyListing:
    record = record_of(source)
    batches, _ = batches_of(source)
    counts = dict.fromkeys((state.encode() for state in STATES), 0)
    best: float | None = None
    rows = source.rows(_SCORES)
    for at, (number, state, *scores, scored) in enumerate(rows):
        if number != at or checksum_of_scores(number, *scores) != scored:
            raise ValueError(f"its trial {at} is missing, or not as it was written")
        score, violation, _, _ = scores
        counts[state] += 1
        kept = score is not None and not (violation or 0) > 0
        if kept and state == b"complete" and (best is None or score > best):
            best = float(score)
    target = record.plan.get("target", "")
    require_all(sum(counts.values()), batches)
    return StudyListing(
        *(folder.name, folder, size, record.created, record.method, record.budget),
        target=target if isinstance(target, str) else " ".join(map(str, target)),
        symbols=record.symbols,
        objectives=len(record.objectives),
        batches=len(batches),
        note=batches[-1].note if batches else "",
        trials=sum(counts.values()),
        counts=tuple((state.decode(), n) for state, n in counts.items() if n),
        best=best,
    )


# Removal


@dataclass(frozen=True, slots=True)
class Removal:
    """What the removal of a study takes away.

    Attributes
    ----------
    name, folder
        The study, and its folder.
    files
        All files of the folder.
    bytes
        That they have.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    bytes: int

    def __str__(self) -> str:
        return f"{one_line(self.folder)}: {len(self.files)} files, {size_text(self.bytes)}"


def removal_of(results: Path, name: str) -> Removal:
    """Return what the removal of a study would take away; nothing is removed yet.

    Raises
    ------
    InputError
        If the name is none.
    ResultsError
        If there is no such study, or its folder holds what no search makes.
    """
    folder = study_folder(results, name)
    if not is_own_folder(folder):
        what = "is no folder of its own" if is_there(folder) else "is not there"
        raise ResultsError(f"the study {name} cannot be removed: {one_line(folder)} {what}")
    with naming_the_reading(folder):
        entries = entries_of(folder)
    strange = [path.name for path in entries if not _is_of_study(path, name)]
    if strange:
        raise ResultsError(
            f"the study {name} is not removed: {one_line(folder)} holds what no search makes,"
            f" {listed(strange, 5)}; move that away first"
        )
    if not any(path.name == DATABASE for path in entries) and entries:
        kept = [path.name for path in entries]
        raise ResultsError(
            f"the study {name} is not removed: {one_line(folder)} has no {DATABASE}, but"
            f" {listed(kept, 5)}; remove it yourself if it is none of yours"
        )
    files = tuple(path for path in entries if path.name != LOCK)
    return Removal(name, folder, files, sum(map(size_of, files)))


def _is_of_study(path: Path, name: str) -> bool:
    """Whether a search makes a file of that name, and it is one."""
    names = {*RESULTS, DATABASE, LOCK, f"{name}_best.yaml"}
    names |= {DATABASE + ending for ending in BESIDE}
    return is_own_file(path) and (path.name in names or is_leftover(path.name))


def remove_studies(planned: Sequence[Removal]) -> None:
    """Remove studies, as they were shown.

    Raises
    ------
    InputError
        If a search writes to one of them just now; those before it are gone.
    ResultsError
        If one holds other files than were shown, or a file cannot be removed.
    """
    for each in planned:
        with locked_study(each.folder):
            now = removal_of(each.folder.parent.parent, each.name)
            if now.files != each.files:
                raise ResultsError(
                    f"the study {each.name} is not removed: {one_line(each.folder)} has changed"
                    " since it was looked at; look again"
                )
            # The database last: while it is there, the folder is that of a study.
            order = sorted(each.files, key=lambda path: path.name == DATABASE)
            with naming_the_file(each.folder, remedy="see to the rights of its files"):
                remove_own(each.folder, [*order, each.folder / LOCK])
