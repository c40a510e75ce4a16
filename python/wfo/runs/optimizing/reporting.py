"""A study as a report: what its database has, with what was found out after the search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.runs.optimizing.best import Judged, best_of_table
from wfo.runs.optimizing.found import Counts
from wfo.runs.optimizing.ranked import LOST, figures_of_all
from wfo.runs.optimizing.report import StudyReport
from wfo.runs.optimizing.studies import is_under_way
from wfo.runs.optimizing.summary import judged_of, read_summary, windows_of
from wfo.runs.optimizing.windows import dates_of
from wfo.search.driver import EXHAUSTED
from wfo.search.objective import Scored, Scoring, hypervolume, reference_point
from wfo.search.plan import SearchPlan
from wfo.search.study import WITH_FIGURES, StudyTable
from wfo.search.study import read_study as read_table

if TYPE_CHECKING:
    import numpy as np

#: Texts of errors that are told, at most.
_MOST_ERRORS = 50

#: Notes of batches that are told, at most.
_MOST_NOTES = 20


def scored_of(plan: SearchPlan, table: StudyTable) -> Scored:
    """Return all trials of a study as they are scored today, by the bounds that it has stored."""
    scoring = Scoring(plan.objective, plan.limits, plan.guardrails, plan.aggregate, plan.symbols)
    whole = [each for each in table.batch if each.whole]
    if whole:
        scoring.restore(whole[-1].bounds)
    return scoring.view(figures_of_all(scoring, table))


def stored_scores(plan: SearchPlan, table: StudyTable) -> Scored:
    """Return all trials of a study as they were scored when that was last stored.

    Nothing of the study is run for it: an objective that is a function is a program, and a study
    may be of others.
    """
    import numpy as np

    return Scored(
        plan.objective.names,
        table.components,
        table.scores,
        table.violations,
        table.objectives,
        (),
        np.zeros((len(table), 0)),
        table.of_state(*WITH_FIGURES),
        table.of_state("pruned"),
    )


def report_of(
    folder: Path,
    plan: SearchPlan,
    table: StudyTable,
    scored: Scored,
    judged: Judged,
    **more: Any,
) -> StudyReport:
    """Return the report of a study.

    Parameters
    ----------
    folder, plan
        The study's.
    table, scored, judged
        Its trials, their scores, and what is known of the best.
    more
        Further fields of the report.
    """
    own = {
        "counts": counts_of(table, scored, plan.trials),
        "errors": errors_of(table),
        "notes": notes_of(table),
        **_front(plan, scored),
    }
    return StudyReport(
        folder=folder,
        plan=plan,
        record=table.record,
        trials=table,
        scored=scored,
        best=judged.best,
        baseline=judged.baseline,
        held=judged.held,
        **(own | more),
    )


def read_report(folder: Path) -> StudyReport:
    """Return what a search has found so far, also while another process is at it.

    Raises
    ------
    ResultsError
        If there is no study, or a file of it is damaged.
    """
    table = read_table(folder)
    plan = SearchPlan.from_dict({**table.record.plan, "trials": table.record.budget})
    own = plan.objective.kind == "function"
    scored = stored_scores(plan, table) if own else scored_of(plan, table)
    data = read_summary(folder, table.record)
    running = is_under_way(folder)
    if data is None or data["trials"] != len(table):
        state = "running" if running else "interrupted"
        judged = best_of_table(plan, table, scored)
        windows = tuple(map(dates_of, table.record.windows))
        return report_of(folder, plan, table, scored, judged, state=state, windows=windows)
    return report_of(
        folder,
        plan,
        table,
        scored,
        judged_of(data),
        spent=data["spent"],
        notes=tuple(data["notes"]),
        warnings=tuple(data["warnings"]),
        sweep_seconds=data["sweep_seconds"],
        holdout=None if data["holdout"] is None else tuple(data["holdout"]),
        windows=windows_of(data),
        seconds=data["seconds"],
        state="running" if running else data["state"],
    )


def counts_of(table: StudyTable, scored: Scored, asked: int) -> Counts:
    """Return what became of the points of a study."""
    import numpy as np

    known = np.isfinite(scored.scores)
    states = {name: table.counts.get(name, 0) for name in ("complete", "pruned", "waiting", *LOST)}
    return Counts(
        asked=asked,
        **states,
        rejected=sum(each.rejected for each in table.batch),
        repeated=sum(each.repeated for each in table.batch),
        undefined=int((table.of_state(*WITH_FIGURES) & ~known).sum()),
        beyond=int((known & (scored.violations > 0)).sum()),
    )


def errors_of(table: StudyTable) -> tuple[tuple[str, int], ...]:
    """Return the texts of errors, each with how many trials ended in it, the most frequent first.

    Of equal ones the one that came first.
    """
    lost = table.of_state(*LOST)
    found = Counter(text for trial, text in sorted(table.errors.items()) if lost[trial])
    return tuple(found.most_common(_MOST_ERRORS))


def notes_of(table: StudyTable) -> tuple[str, ...]:
    """Return what methods and rules had to say, each once, with the batch that it was said in."""
    said: dict[str, int] = {}
    for batch in table.batch:
        if batch.note:
            said.setdefault(batch.note, batch.number)
    notes = [
        f"The study says that {note}." if note == EXHAUSTED else f"Batch {number}: {note}."
        for note, number in said.items()
    ]
    rest = len(notes) - _MOST_NOTES
    return (*notes[:_MOST_NOTES], *([f"And {rest:,} further notes."] if rest > 0 else []))


def _front(plan: SearchPlan, scored: Scored) -> Mapping[str, Any]:
    if not plan.objective.several:
        return {}
    front: np.ndarray[Any, Any] = scored.front()
    points = scored.objectives[scored.complete]
    if not front.any():
        return {"front": 0, "hypervolume": 0.0}
    volume = hypervolume(scored.objectives[front], reference_point(points))
    return {"front": int(front.sum()), "hypervolume": volume}
