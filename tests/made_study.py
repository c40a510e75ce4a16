"""A study that was made without a program: its figures are formulas of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wfo.runs.optimizing.found import BestTrial, Counts, Parts, WindowFigures
from wfo.runs.optimizing.ranked import order_of
from wfo.runs.optimizing.report import StudyReport
from wfo.search.objective import Scoring, aggregated, hypervolume, reference_point
from wfo.search.plan import SearchPlan
from wfo.search.plan_file import read_plan
from wfo.search.study import NewTrial, Study, StudyRecord, read_study
from wfo.search.values import Outcome

#: Figures of a point, in- or out-of-sample; a text is an error, and None the time limit.
Figures = Callable[[Mapping[str, Any], bool], Mapping[str, float] | str | None]

PROGRAM = """
from pathlib import Path

Path(__file__).with_name("was run").touch()

def evaluate(params):
    return {}

def score(figures):
    return figures["sharpe"] - figures["drawdown"]
"""

SPACE = """
program: program.py:evaluate
parameters:
  fast: [5, 10, 15, 20]
  slow: {int: [20, 60], step: 10}
baseline: {fast: 10, slow: 60}
objective: sharpe
trials: 20
seed: 3
"""


def figures(params: Mapping[str, Any], outside: bool) -> Mapping[str, float]:
    """The best point is (15, 40), with a Sharpe ratio of 2; it has 0.5 out-of-sample."""
    sharpe = 2 - abs(params["fast"] - 15) / 10 - abs(params["slow"] - 40) / 40
    kept = 0.25 if outside else 1.0
    return {
        "sharpe": sharpe * kept,
        "profit": sharpe * kept / 10,
        "drawdown": 0.1 + params["fast"] / 200,
        "trades": 400 / params["fast"],
    }


def plan_of(folder: Path, text: str = SPACE) -> SearchPlan:
    """Write a space and its program, and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "program.py").write_text(PROGRAM)
    (folder / "space.yaml").write_text(text)
    return read_plan(folder / "space.yaml")


def make_study(
    out: Path,
    name: str = "made",
    text: str = SPACE,
    *,
    points: int | None = None,
    formula: Figures = figures,
    seed: int = 3,
    whole: bool = True,
    changed: Mapping[str, Any] | None = None,
) -> StudyReport:
    """Make the study of a space, and return its report.

    Parameters
    ----------
    out, name
        The folder of all results, and the study's name.
    text
        Of the space.
    points
        How many points of the grid are evaluated, in its order; all by default.
    formula
        Figures of a point.
    seed
        Of the study.
    whole
        Whether out-of-sample figures are known.
    changed
        What the record says of the plan instead.
    """
    plan = plan_of(out.parent / f"space of {name}", text)
    scoring = Scoring(
        plan.objective,
        plan.limits,
        plan.guardrails,
        plan.aggregate,
        plan.symbols,  # type: ignore[arg-type]
    )
    record = StudyRecord(
        name=name,
        created="2026-01-02T03:04:05+00:00",
        identity={"space": plan.space.to_dict(), "seed": seed},
        plan={**plan.to_dict(), **(changed or {})},
        space=plan.space.to_dict(),
        objective=plan.objective.to_dict(),
        limits=plan.limits.to_dict(),
        method="grid",
        seed=seed,
        batch=10,
        budget=plan.trials,
        parameters=plan.space.names,
        objectives=plan.objective.objective_names,
        components=plan.objective.names,
    )
    folder = out / "optimization" / name
    size = plan.space.size
    assert size is not None
    rows = plan.space.grid_rows(0, size if points is None else points)
    params = plan.space.decode(rows)
    table = scoring.table()
    with Study.create(folder, record) as study:
        for number in range(0, len(rows), 10):
            chosen = range(number, min(number + 10, len(rows)))
            new = [NewTrial(at, rows[at], params[at], at) for at in chosen]
            study.begin_batch(number // 10, {}, new, rejected=1, repeated=2)
            for at in chosen:
                found = formula(params[at], False)
                ending = "complete" if isinstance(found, Mapping) else "failed"
                given = ({"": found},) if isinstance(found, Mapping) else ()
                error = found if isinstance(found, str) else ""
                if found is None:
                    ending, error = "timeout", "it took longer than 600 s"
                study.finish(Outcome(at, (0,), ending, given, error, 0.25, 1))  # type: ignore[arg-type]
                table.append(given or None)
            study.end_batch(number // 10, scoring.bounds)
        scored = scoring.view(table)
        study.rescore(0, scored.scores, scored.violations, scored.objectives, scored.components)
    return _report(plan, folder, read_study(folder), scored, formula, whole)


def _report(
    plan: SearchPlan, folder: Path, found: Any, scored: Any, formula: Figures, whole: bool
) -> StudyReport:
    several = plan.objective.several

    def best(place: int, trial: int | None, params: Mapping[str, Any]) -> BestTrial:
        inside, outside = formula(params, False), formula(params, True)
        assert isinstance(inside, Mapping)
        assert isinstance(outside, Mapping)
        windows = (WindowFigures({"": inside}, {"": outside} if whole else {}),)
        parts = Parts(
            aggregated([{"": inside}], "median"),
            aggregated([{"": outside}], "median") if whole else {},
            windows,
        )
        at = 0 if trial is None else trial
        aims = dict(zip(plan.objective.names, scored.objectives[at].tolist(), strict=False))
        score = float("nan") if trial is None or several else float(scored.scores[trial])
        violation = 0.0 if trial is None else float(scored.violations[trial])
        return BestTrial(place, trial, params, score, violation, {}, aims if several else {}, parts)

    order = order_of(scored)[: plan.top].tolist()
    params = plan.space.decode(found.rows)
    counts = found.counts
    errors: dict[str, int] = {}
    for text in found.errors.values():
        errors[text] = errors.get(text, 0) + 1
    front = scored.front()
    aims = scored.objectives[front]
    return StudyReport(
        folder=folder,
        plan=plan,
        record=found.record,
        trials=found,
        scored=scored,
        counts=Counts(
            asked=plan.trials,
            **{state: n for state, n in counts.items() if state != "waiting"},
            rejected=sum(each.rejected for each in found.batch),
            repeated=sum(each.repeated for each in found.batch),
            undefined=int((scored.complete & ~np.isfinite(scored.scores)).sum()),
            beyond=int((np.isfinite(scored.scores) & (scored.violations > 0)).sum()),
        ),
        best=tuple(best(place, trial, params[trial]) for place, trial in enumerate(order, 1)),
        baseline=None if plan.baseline is None else best(0, None, plan.baseline),
        errors=tuple(sorted(errors.items(), key=lambda each: -each[1])),
        front=int(front.sum()) if several else 0,
        hypervolume=hypervolume(aims, reference_point(aims)) if several and len(aims) else None,
        seconds=5.0,
        state="complete",
    )
