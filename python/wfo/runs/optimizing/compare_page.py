"""Several studies side by side, and the best set of each beside the baseline of its space."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError
from wfo.runs.optimizing.planned import plan_title, scored_names
from wfo.runs.optimizing.studies import find_study
from wfo.runs.optimizing.wording import (
    figure_text,
    first_figure,
    listing,
    number_text,
    params_lines,
    said,
    shown_figures,
)
from wfo.text import listed, one_line, table

if TYPE_CHECKING:
    from wfo.runs.optimizing.found import Parts, StudyFindings

#: What scores follow from, besides the space: studies that differ in one of these have scores that
#: cannot be compared.
_DECIDING = {
    "objective": "objective",
    "limits": "limits",
    "guardrails": "guardrails",
    "windows": "windows",
    "symbols": "symbols",
    "fingerprints": "bars",
}

#: The same, as plans have it.
_DECIDING_OF_PLAN = {
    "aggregate": "aggregate",
    "settings": "account and costs",
    "block": "blocks",
    "timeframe": "timeframe",
}

#: What else may differ, and is said.
_ALSO = {"space": "space", "method": "method", "seed": "seed", "batch": "batch size"}


def compared_studies(out: Path, names: Sequence[str]) -> str:
    """Return the page that puts studies side by side.

    Raises
    ------
    ResultsError
        If one of them is not there, or cannot be read.
    InputError
        If one is named twice, or a single one has no baseline.
    """
    from wfo.runs.optimizing.call import read_study

    folders = [find_study(out, name) for name in names]
    for at, folder in enumerate(folders):
        if folder.resolve() in [other.resolve() for other in folders[:at]]:
            raise InputError(f"the study {one_line(folder.name)} is named twice")
    reports = [read_study(folder) for folder in folders]
    if len(reports) == 1 and reports[0].baseline is None:
        raise InputError(
            f"the space of {one_line(reports[0].record.name)} names no baseline to compare with:"
            " name another study, or write baseline: into the space and search again"
        )
    lines = ["", *_studies(reports)]
    for report in reports:
        lines += ["", *_beside_baseline(report)]
    return "\n".join(lines) + "\n"


def _studies(reports: Sequence[StudyFindings]) -> list[str]:
    """Return a line a study, and what may be read from them."""
    if len(reports) < 2:
        return [f"The best of {one_line(reports[0].record.name)} beside its baseline"]
    found = [report.best[0].parts for report in reports if report.best]
    names = shown_figures(scored_names(reports[0].plan), [parts.in_sample for parts in found])[:3]
    heads = ["Study", "Method", "Seed", "Trials", "Score"]
    for name in names:
        heads += [one_line(name), "out"]
    rows = [heads]
    for report in reports:
        record = report.record
        row = [one_line(record.name), record.method, str(record.seed)]
        row.append(f"{report.counts.trials:,}")
        if not report.best:
            rows.append([*row, *["-"] * (1 + 2 * len(names))])
            continue
        best = report.best[0]
        row.append(number_text(best.score))
        for name in names:
            row.append(figure_text(name, first_figure(best.parts.in_sample, name)))
            row.append(figure_text(name, first_figure(best.parts.out_of_sample, name)))
        rows.append(row)
    lines = ["The best of each study, as optimized in-sample; under 'out' out-of-sample"]
    lines += table(rows, "<<" + ">" * (len(heads) - 2))
    return [*lines, *said(_compared(reports))]


def _compared(reports: Sequence[StudyFindings]) -> Iterator[str]:
    differing = _differing(reports, _DECIDING)
    plans = [report.record.plan for report in reports]
    differing += [words for name, words in _DECIDING_OF_PLAN.items() if _differs(plans, name)]
    objective = reports[0].plan.objective
    if differing:
        yield f"Their scores cannot be compared: they differ in {listing(differing)}."
    else:
        also = ["what is searched"] if _differs(plans, "kind") or _differs(plans, "target") else []
        also += _differing(reports, _ALSO)
        # Each study has ranks and percentiles of its own trials.
        own = objective.kind == "weights" and objective.normalise != "fixed"
        yield (
            f"Their scores cannot be compared: by normalise: {objective.normalise} they follow from"
            " all trials of their own study; compare the figures."
            if own
            else "Objective, limits, windows and bars are the same, so that scores can be compared."
        ) + (f" They differ in {listing(also)}." if also else "")
        yield from _agreement(reports, scores=not own)
    total = sum(report.counts.trials for report in reports)
    yield (
        f"Together these are {total:,} trials: to take the best study of {len(reports)} is one more"
        " choice, and its figures are the luckier for it."
    )


def _differing(reports: Sequence[StudyFindings], what: Mapping[str, str]) -> list[str]:
    first = reports[0].record
    return [
        words
        for name, words in what.items()
        if any(getattr(report.record, name) != getattr(first, name) for report in reports[1:])
    ]


def _differs(plans: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(plan.get(name) != plans[0].get(name) for plan in plans[1:])


def _agreement(reports: Sequence[StudyFindings], *, scores: bool) -> Iterator[str]:
    """Say whether studies over one space have found the same; `scores` where these compare."""
    best = [report.best[0] for report in reports if report.best]
    found = [each.score for each in best if math.isfinite(each.score)]
    if len(found) < 2:
        return
    points = {tuple(sorted((n, repr(v)) for n, v in each.params.items())) for each in best}
    if len(points) == 1:
        yield (
            f"All {len(best)} have found the same best set: the searches agree where the optimum"
            " lies, which says nothing of whether it lasts."
        )
    else:
        span = f", with scores from {number_text(min(found))} to {number_text(max(found))}"
        yield (
            f"Their {len(best)} best sets are {len(points)} different ones{span if scores else ''}:"
            " where equal searches end far apart, more trials find better ones, or many sets are"
            " alike."
        )


def _beside_baseline(report: StudyFindings) -> list[str]:
    """Return the best set beside the baseline and buy-and-hold, figure by figure."""
    if not report.best:
        return [f"{one_line(report.record.name)}: no trial has a score"]
    best, base, held = report.best[0], report.baseline, report.held
    columns: list[tuple[str, Parts]] = [("Best", best.parts)]
    columns += [("Baseline", base.parts)] if base is not None else []
    columns += [("Hold", held)] if held is not None else []
    heads = ["Figure", *(cell for name, _ in columns for cell in (name, "out"))]
    rows = [heads]
    # Of buy-and-hold there are more.
    own = [best.parts, *([base.parts] if base is not None else [])]
    for name in dict.fromkeys(name for parts in own for name in parts.in_sample):
        row = [one_line(name)]
        for _, parts in columns:
            row.append(figure_text(name, first_figure(parts.in_sample, name)))
            row.append(figure_text(name, first_figure(parts.out_of_sample, name)))
        rows.append(row)
    lines = [f"{one_line(report.record.name)}, {plan_title(report.plan)}"]
    lines += table(rows, "<" + ">" * (len(heads) - 1))
    lines += params_lines("best", best.params, 9)
    if base is not None:
        lines += params_lines("baseline", base.params, 9)
    return [*lines, *said(_worth(report))]


def _worth(report: StudyFindings) -> Iterator[str]:
    """Say whether the best beats the baseline, where it was optimized and where it was not."""
    base, best = report.baseline, report.best[0]
    if base is None:
        return
    components = report.plan.objective.components
    for component in components if report.plan.objective.several else components[:1]:
        name, sign = component.figure, component.sign
        words = [
            _against(sign * first_figure(one, name), sign * first_figure(other, name))
            for one, other in (
                (best.parts.in_sample, base.parts.in_sample),
                (best.parts.out_of_sample, base.parts.out_of_sample),
            )
        ]
        if not words[0]:
            continue
        outside = f", and {words[1]} it out-of-sample" if words[1] else ""
        yield f"By {one_line(name)} the best is {words[0]} the baseline in-sample{outside}."
        if words[0] == "worse than" and len(components) == 1 and not best.violation:
            yield (
                "The search has found nothing better than the baseline: take more trials, or begin"
                " with it (start: in the space)."
            )
    missing = [n for n, p in (("best", best.parts), *_base(base)) if not p.out_of_sample]
    if missing:
        yield f"Out-of-sample figures are missing of: {listed(missing)}."


def _against(one: float, other: float) -> str:
    """Say how a figure is beside another, higher being better; empty where one is undefined."""
    if not (math.isfinite(one) and math.isfinite(other)):
        return ""
    return "better than" if one > other else "as good as" if one == other else "worse than"


def _base(base: Any) -> tuple[tuple[str, Parts], ...]:
    return (("baseline", base.parts),) if base is not None else ()
