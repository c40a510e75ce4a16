"""What was spent of a symbol's hold-outs: which dates, by which run, and with what outcome.

``results/<SYMBOL>/holdouts.json`` has a record for each spending, whichever run it was of; what a
run of two symbols spends stands in the lists of both. The run's folder has its own record as
well, ``holdout.json``, so that a folder that is moved says that its hold-out is spent.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.errors import ResultsError
from wfo.files import is_own_file, read_sealed, size_of, write_sealed
from wfo.runs.holdout.spent import Spent

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import HoldoutRecord, Manifest

#: Of the layout of both files.
_VERSION = 1

#: Bytes of such a list; a longer file is something else.
_LONGEST = 50_000_000


def read_spent(folder: RunFolder) -> Spent | None:
    """Return what the hold-out of a run came to; None where it has none, or it is not spent.

    Raises
    ------
    ResultsError
        If there is no complete run, or what was recorded is damaged.
    """
    return spent_of(folder, folder.read_manifest())


def spent_of(folder: RunFolder, manifest: Manifest) -> Spent | None:
    """Return the record of a run's spending, its own one or that of a list; None without one.

    Raises
    ------
    ResultsError
        If either is damaged.
    """
    own = _own(folder, manifest)
    if own is not None or manifest.holdout is None:
        return own
    return next((s for s in spendings(folder, symbols_of(manifest)) if _is_of(s, manifest)), None)


def spendings(folder: RunFolder, symbols: tuple[str, ...]) -> tuple[Spent, ...]:
    """Return what was spent on symbols, the earliest first, each once.

    The lists of other folders beside those of the symbols are read too: a folder that was renamed
    has taken its list along.

    Raises
    ------
    ResultsError
        If a list of these symbols is damaged.
    """
    found: dict[str, Spent] = {}
    for symbol in symbols:
        lists = folder.holdout_lists(symbol)
        entries = [each for path in lists for each in _listed(path)]
        for path in folder.holdouts_beside(symbol):
            if path not in lists:
                # Most are of other symbols, which a damaged one of theirs says nothing about.
                with contextlib.suppress(ResultsError):
                    entries += [each for each in _listed(path) if symbol in each.symbols]
        for each in entries:
            found.setdefault(each.run, each)
    return tuple(sorted(found.values(), key=lambda each: (each.at, each.run)))


def overlapping(
    folder: RunFolder, symbols: tuple[str, ...], run: str, record: HoldoutRecord
) -> tuple[Spent, ...]:
    """Return what other runs have spent of the dates that a run holds out.

    Parameters
    ----------
    folder, symbols, run
        The run's folder, symbols and fingerprint.
    record
        What it holds out.

    Raises
    ------
    ResultsError
        If a list is damaged.
    """
    found = spendings(folder, symbols)
    return tuple(s for s in found if s.run != run and s.overlaps(*record.dates))


def record_spent(folder: RunFolder, manifest: Manifest, spent: Spent) -> None:
    """Write a record into the lists of its symbols and beside the run, where it is missing.

    The caller holds the lists.

    Raises
    ------
    ResultsError
        If a file cannot be written, or a list is damaged.
    """
    list_spent(folder, symbols_of(manifest), spent)
    if _own(folder, manifest) is None:
        write_sealed(folder.spent, {"version": _VERSION, "spent": spent.to_dict()})


def list_spent(folder: RunFolder, symbols: tuple[str, ...], spent: Spent) -> None:
    """Write a record into the lists of some symbols, where it is missing.

    The caller holds the lists.

    Raises
    ------
    ResultsError
        If a file cannot be written, or a list is damaged.
    """
    for path in (path for symbol in symbols for path in folder.holdout_lists(symbol)):
        there = _listed(path)
        if all(each.run != spent.run for each in there):
            entries = [each.to_dict() for each in (*there, spent)]
            write_sealed(path, {"version": _VERSION, "spent": entries})


def symbols_of(manifest: Manifest) -> tuple[str, ...]:
    """Return the symbols that a run reads, the one that is traded first."""
    second = manifest.data2
    return (manifest.symbol,) if second is None else (manifest.symbol, second.symbol)


def _is_of(spent: Spent, manifest: Manifest) -> bool:
    return spent.run == manifest.fingerprint


def _own(folder: RunFolder, manifest: Manifest) -> Spent | None:
    """Return the record in a run's folder; one of another run counts as none."""
    path = folder.spent
    said = "it is the record of a hold-out that was spent: put a good copy in its place"
    if not _is_there(path, said):
        return None
    data = _sealed(path, said)
    try:
        found = Spent.from_dict(data.get("spent"), path.name)
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}; {said}") from error
    return found if _is_of(found, manifest) else None


def _listed(path: Path) -> tuple[Spent, ...]:
    """Return the records of a list; none where there is no file."""
    said = (
        "it is the list of what was spent of a symbol's bars: put a good copy in its place."
        " Without it nothing here can tell which bars are untouched"
    )
    if not _is_there(path, said):
        return ()
    data = _sealed(path, said)
    entries = data.get("spent")
    if not isinstance(entries, list):
        raise ResultsError(f"{path} is no list of hold-outs; {said}")
    try:
        return tuple(
            Spent.from_dict(e, f"{path.name}: entry {k}") for k, e in enumerate(entries, 1)
        )
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}; {said}") from error


def _is_there(path: Path, said: str) -> bool:
    """Whether there is a file, or a link to one that is gone, which is no reason to begin anew.

    Raises
    ------
    ResultsError
        If that cannot be found out.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error}; {said}") from error
    return True


def _sealed(path: Path, said: str) -> dict[str, Any]:
    """Return what a sealed file of this layout holds."""
    try:
        if not is_own_file(path) or size_of(path) > _LONGEST:
            raise ResultsError(f"{path} is no file, or has more than {_LONGEST:,} bytes")
        data = read_sealed(path)
    except (ResultsError, OSError) as error:
        raise ResultsError(f"{error}; {said}") from error
    if data.get("version") != _VERSION:
        raise ResultsError(
            f"{path} has the layout {data.get('version')!r:.60}, and this version reads {_VERSION};"
            " a newer wfo may read it"
        )
    return data
