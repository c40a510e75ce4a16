"""The best trials of a search as tables: figures in- and out-of-sample, and parameters."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.runs.optimizing.planned import scored_names
from wfo.runs.optimizing.wording import (
    MOST_FIGURES,
    WIDTH,
    figure_text,
    first_figure,
    number_text,
    params_table,
    said,
    shown_figures,
)
from wfo.text import one_line, table

if TYPE_CHECKING:
    from wfo.runs.optimizing.found import BestTrial, Parts, StudyFindings


#: Days of a year, and by which share lengths differ that are alike.
_YEAR, _ALIKE = 365.25, 0.1


def best_lines(report: StudyFindings, most: int | None = None) -> list[str]:
    """Return the best trials as tables, figures and then parameters; nothing where there are none.

    Parameters
    ----------
    report
        Of the study.
    most
        How many of them are shown; by default all.
    """
    if not report.best:
        return []
    sets = [*report.best[:most], *([report.baseline] if report.baseline else [])]
    plan = report.plan
    outside = any(s.parts.out_of_sample for s in sets)
    shape = _Shape(
        outside=outside,
        # Of one figure the score is that figure, but for those of blocks.
        scored=plan.objective.kind not in {"several", "figure"}
        or (plan.objective.kind == "figure" and report.best[0].block is not None),
        blocks=report.best[0].block is not None,
        limited=plan.limits.mode != "none" or plan.guardrails is not None,
        deflated=any(not math.isnan(s.dsr) for s in sets),
    )
    title = "The best, as optimized in-sample"
    title += "; under 'out' the same figure out-of-sample" if outside else ""
    for count in range(MOST_FIGURES, 0, -1):
        names = shown_figures(scored_names(plan), [s.parts.in_sample for s in sets], count)
        rows = [shape.heads(names), *(shape.row(s, names) for s in sets)]
        rows += [shape.held(report.held, names)] if report.held is not None else []
        lines = [title, *table(rows, ">" * len(rows[0]))]
        if max(map(len, lines)) <= WIDTH:
            break
    lines += ["", *params_table([(_label(each), each.params) for each in sets])]
    return [*lines, *said(_explained(report, shape.limited)), ""]


def _label(each: BestTrial) -> str:
    return str(each.place) if each.place else "base"


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which columns the table of the best has, besides figures."""

    outside: bool
    scored: bool
    blocks: bool
    limited: bool
    deflated: bool

    def heads(self, names: Sequence[str]) -> list[str]:
        heads = ["", "Trial"]
        heads += ["Score"] if self.scored else []
        heads += ["Beyond"] if self.limited else []
        for name in names:
            heads += [one_line(name), *(["out"] if self.outside else [])]
        return [*heads, *(["DSR"] if self.deflated else [])]

    def row(self, each: BestTrial, names: Sequence[str]) -> list[str]:
        row = [_label(each), "-" if each.trial is None else str(each.trial)]
        # The score of a set without a block compares with none of blocks.
        alone = self.blocks and each.block is None
        row += ["-" if alone else number_text(each.score)] if self.scored else []
        row += [_beyond(each)] if self.limited else []
        row += _figures(names, each.parts, self.outside)
        return [*row, *([_ratio(each.dsr)] if self.deflated else [])]

    def held(self, parts: Parts, names: Sequence[str]) -> list[str]:
        row = ["hold", "-", *(["-"] if self.scored else []), *(["-"] if self.limited else [])]
        row += _figures(names, parts, self.outside)
        return [*row, *(["-"] if self.deflated else [])]


def _beyond(each: BestTrial) -> str:
    return number_text(each.violation) if each.violation else "0"


def _ratio(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _figures(names: Sequence[str], parts: Parts, outside: bool) -> list[str]:
    cells = []
    for name in names:
        cells.append(figure_text(name, first_figure(parts.in_sample, name)))
        if outside:
            cells.append(figure_text(name, first_figure(parts.out_of_sample, name)))
    return cells


def _of_front(report: StudyFindings) -> str:
    if report.front >= len(report.best):
        return "All of these are of the Pareto set."
    first = "first is" if report.front == 1 else f"first {report.front:,} are"
    return f"The {first} the Pareto set; the others are beaten by it, or violate limits."


def _of_symbols(report: StudyFindings) -> str:
    count, how = len(report.plan.symbols), report.plan.aggregate
    if how == "minimum":
        return f"Of {count} symbols every figure is that of the worst one, figure by figure."
    return f"Of {count} symbols every figure is the {how}: single ones do worse than that."


def _lengths(report: StudyFindings) -> str:
    """Say so where the parts of windows are of unlike lengths; empty where they are not."""
    pairs = [(own, out) for own, out in report.windows if own is not None and out is not None]
    if not pairs:
        return ""
    inside, outside = (
        sum((dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days for first, last in of)
        / len(pairs)
        / _YEAR
        for of in zip(*pairs, strict=True)
    )
    if abs(inside - outside) <= _ALIKE * max(inside, outside):
        return ""
    each = " a window" if len(pairs) > 1 else ""
    return (
        f"In-sample is {inside:.1f} years{each}, out-of-sample {outside:.1f}: profits, trades and"
        " drawdowns are of the whole of it, no rates a year, and do not compare as they stand."
    )


def _explained(report: StudyFindings, limited: bool) -> Iterator[str]:
    best = report.best[0]
    if best.block is not None:
        yield (
            f"Scores are of blocks of {best.block.size:,} combinations, by the medians of their"
            " figures. What is shown, and computed out-of-sample, is one combination of each: the"
            " best by the median over its neighbours."
        )
    if report.front:
        yield _of_front(report)
    if len(report.plan.symbols) > 1:
        yield _of_symbols(report)
    if len(report.windows) > 1:
        yield f"Of {len(report.windows)} windows every figure is the mean, profits too."
    yield _lengths(report)
    if report.baseline is not None:
        yield "base is the parameter set that the space names to compare with."
    if report.held is not None:
        whose = "each symbol" if len(report.plan.symbols) > 1 else "the symbol"
        costs = (
            ""
            if report.plan.kind == "strategy"
            else ", without costs; its figures are as this package computes them"
        )
        yield f"hold is {whose} bought at a window's first bar and never sold{costs}."
    if limited:
        of_block = "a block's figures, or those of what is handed on of it,"
        whose = "figures" if best.block is None else of_block
        yield f"Beyond says how far {whose} lie beyond limits; those that keep to them go first."
        if len(report.windows) > 1 or len(report.plan.symbols) > 1:
            yield (
                "Limits are kept to by figures put together like this, guardrails by every symbol"
                " in every window."
            )
    if report.counts.pruned:
        yield "Trials that were pruned are scored on the windows that they had."
