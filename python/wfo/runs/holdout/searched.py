"""Searches that look at what a run of the symbol holds out, told before they begin.

The trials of a symbol state which of its searches hold bars out, so that nothing else is read.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.errors import ResultsError
from wfo.runs.holdout.spendings import spendings
from wfo.text import one_line

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import HoldoutRecord


def counted_holdout(record: HoldoutRecord | None, folder: Path) -> dict[str, Any]:
    """Return what the count of a search says of what it holds out; nothing where it holds none.

    Parameters
    ----------
    record
        The bars.
    folder
        Where the search lies.
    """
    if record is None:
        return {}
    first, last = (day.isoformat() for day in record.dates)
    held = {"folder": one_line(folder), "span": record.span, "first": first, "last": last}
    return {"holdout": held}


def looked_at(
    folder: RunFolder, symbol: str, through: dt.date, own: Collection[str] = ()
) -> Iterator[str]:
    """Yield a line for each hold-out of a symbol that a search is about to look at.

    Parameters
    ----------
    folder, symbol
        Of the search.
    through
        Date of the last bar that it looks at.
    own
        Fingerprints of the search among the symbol's trials: where it is counted as far as that, it
        has looked at them already.

    Raises
    ------
    ResultsError
        If the count of trials, or a list of what was spent, is damaged.
    """
    searches = folder.read_trials(symbol)["searches"]
    held = {tuple(s["holdout"].values()): s["holdout"] for s in searches if "holdout" in s}
    reached = [each for each in held.values() if each["first"] <= through.isoformat()]
    if not reached or _is_counted(searches, own, through):
        return
    spent = spendings(folder, (symbol,))
    for each in reached:
        first, last = _dates(folder.trials_of(symbol), each)
        if not any(other.overlaps(first, last) for other in spent):
            yield (
                f"{one_line(each['folder'])} holds out the bars of {one_line(symbol)} from {first}"
                f" to {last}, which are not spent, and this search looks at bars up to {through}:"
                " they are not untouched from then on, and that cannot be undone; --holdout"
                f" {each['span']} keeps it away from them"
            )


def _dates(path: Path, held: Mapping[str, str]) -> tuple[dt.date, dt.date]:
    """Return the dates of a hold-out among the trials of a file."""
    try:
        return dt.date.fromisoformat(held["first"]), dt.date.fromisoformat(held["last"])
    except ValueError as error:
        raise ResultsError(f"{path}: a hold-out has no dates: {error}") from None


def _is_counted(searches: list[Mapping[str, Any]], own: Collection[str], through: dt.date) -> bool:
    """Whether all of a search is among the trials, as far as it looks now."""
    there = {s["fingerprint"] for s in searches if (s.get("through") or "") >= through.isoformat()}
    return bool(own) and there.issuperset(own)
