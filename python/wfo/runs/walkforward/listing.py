"""Walk-forwards below a folder of results, as a list shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wfo.errors import ResultsError
from wfo.files import entries_of, is_own_folder, is_there
from wfo.runs.folder import WALKS
from wfo.runs.walkforward.folder import WalkFolder
from wfo.runs.walkforward.manifest import read_record
from wfo.text import one_line, percent


@dataclass(frozen=True, slots=True)
class ListedWalk:
    """A walk-forward, as a list shows it.

    Attributes
    ----------
    folder
        Where it is.
    symbols
        Whose bars; empty where it did not end.
    title
        What it is, and what it came to, on one line.
    """

    folder: Path
    symbols: tuple[str, ...]
    title: str


def listed_walks(owner: Path, unreadable: list[str]) -> Iterator[ListedWalk]:
    """Yield the walk-forwards on some bars; what cannot be read is added to `unreadable`.

    Parameters
    ----------
    owner
        The folder of the bars, such as ``results/QQQ``.
    unreadable
        Gets a text for each that cannot be read.
    """
    for path in _below(owner / WALKS):
        folder = WalkFolder(path)
        if is_there(folder.record):
            try:
                yield _listed(path, read_record(folder))
            except ResultsError as error:
                unreadable.append(str(error))
        elif is_there(folder.manifest):
            said = f"walk-forward {one_line(path.name)}; not finished: it is under way, or was"
            yield ListedWalk(path, (), f"{said} stopped")


def _listed(path: Path, data: dict[str, Any]) -> ListedWalk:
    identity, walk, matrix = data["identity"], data["walk"], data["matrix"]
    symbols = tuple(identity["symbols"])
    who = " with ".join(symbols)
    what = "walk-forward of a program"
    if walk is not None:
        what = (
            f"walk-forward of {walk['strategy']} on {walk['grid']}, {len(walk['results'])} windows"
        )
    elif matrix is not None:
        what = "walk-forward matrix"
    parts = [f"{who} {identity['timeframe']}", f"{what}, by {identity['by']}"]
    if walk is not None:
        own, held = (walk[name]["cagr"] for name in ("stitched", "held"))
        parts.append(f"{_share(own)} a year, buy-and-hold {_share(held)}")
    parts.append(f"{data['finished'].replace('T', ' ')[:16]} UTC")
    return ListedWalk(path, symbols, "; ".join(parts))


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _below(folder: Path) -> list[Path]:
    """Return the folders in a folder, hidden ones and links left out; none where it is none."""
    if not is_own_folder(folder):
        return []
    return [p for p in entries_of(folder) if is_own_folder(p) and not p.name.startswith(".")]
