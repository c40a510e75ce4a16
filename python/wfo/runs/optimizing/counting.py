"""Trials of a search among those of its symbols: in ``trials.json``, for programs too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.files import inside
from wfo.files.schema import MOST_COUNT
from wfo.runs.folder import RunFolder
from wfo.runs.holdout.searched import counted_holdout
from wfo.runs.identity import fingerprint
from wfo.search.study import study_folder
from wfo.text import one_line

if TYPE_CHECKING:
    from wfo.runs.optimizing.preparing import Prepared
    from wfo.search.study import StudyRecord

#: Characters of the name of a program in the list of a symbol's searches.
_LONGEST = 100


def read_counts(out: Path, prepared: Prepared) -> None:
    """Raise a `ResultsError` where the count of a symbol is damaged, before anything is done."""
    for symbol in prepared.plan.symbols:
        _folder(out, symbol).read_trials(symbol)


def count_trials(out: Path, prepared: Prepared, record: StudyRecord, trials: int) -> dict[str, int]:
    """Count the trials of a study so far under each of its symbols; return the totals.

    The same study counts once, however often it is gone on with or made again, and grows. With
    another number of trials to begin with it is another one: methods size populations by it.

    Parameters
    ----------
    out
        The folder of all results.
    prepared, record
        What is searched.
    trials
        How many have begun; each counts all combinations of a swept block.
    """
    totals = {}
    for symbol in prepared.plan.symbols:
        folder = _folder(out, symbol)
        if trials:
            totals[symbol] = folder.count_trials(
                symbol, _entry(out, prepared, record, symbol, trials)
            )
        else:
            totals[symbol] = int(folder.read_trials(symbol)["total"])
    return totals


def _entry(
    out: Path, prepared: Prepared, record: StudyRecord, symbol: str, trials: int
) -> Mapping[str, Any]:
    plan = prepared.plan
    target = plan.target if isinstance(plan.target, str) else " ".join(plan.target)
    return {
        "fingerprint": fingerprint(
            {"search": dict(record.identity), "trials": record.plan["trials"]}
        ),
        "strategy": one_line(target)[:_LONGEST],
        "grid": record.name,
        "combinations": min(trials * prepared.combinations, MOST_COUNT),
        "through": prepared.bars.days[symbol][-1].isoformat(),
        **counted_holdout(prepared.bars.holdouts.get(symbol), study_folder(out, record.name)),
    }


def _folder(out: Path, symbol: str) -> RunFolder:
    found = RunFolder.of(out, symbol)
    inside(out, found.path.name)
    return found
