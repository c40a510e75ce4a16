"""What a search has learnt: importance, convergence, scores by value, in- by out-of-sample."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.runs.optimizing.best_table import best_lines
from wfo.runs.optimizing.curves import bar, curve
from wfo.runs.optimizing.planned import plan_title, scored_names
from wfo.runs.optimizing.studies import find_study
from wfo.runs.optimizing.wording import (
    WIDTH,
    counted,
    figure_text,
    first_figure,
    number_text,
    said,
    value_text,
)
from wfo.search.objective import canonical
from wfo.search.study import (
    convergence,
    importance,
    improvements,
    scored,
    scores_by_value,
)
from wfo.text import one_line, percent, table, wrap_text

if TYPE_CHECKING:
    from wfo.runs.optimizing.found import StudyFindings
    from wfo.search.space import SearchSpace
    from wfo.search.study import StudyTable, ValueScores

#: From which share of a study's trials on the best one is a late one, of more than so many trials.
_LATE, _FEW = 0.9, 20

#: Methods that look everywhere alike, whatever they have found.
_EVEN = frozenset({"grid", "random", "lhs", "sobol"})

#: Figures of which what is kept says nothing, besides those that are minimised: sums over windows
#: whose in-sample and out-of-sample parts are not of one length.
_SUMS = frozenset({"profit", "total_return", "net_profit", "trades"})

#: Characters of the longest bar.
_BAR = 40


def analyzed_study(out: Path, name: str, *, top: int, fanova: bool) -> str:
    """Return the page that says what a search has learnt.

    Parameters
    ----------
    out
        The folder of all results.
    name
        The study's name, or its folder.
    top
        How many of the best trials are shown.
    fanova
        Whether Optuna's fANOVA is computed as well.

    Raises
    ------
    ResultsError
        If there is no such study, or it cannot be read.
    InputError
        If too few of its trials have a score.
    EngineError
        If Optuna is needed and not installed.
    """
    from wfo.runs.optimizing.call import read_study

    report = read_study(find_study(out, name))
    title = f"Study '{one_line(report.record.name)}' of {plan_title(report.plan)}"
    trials = counted(report.counts.trials, "trial")
    lines = ["", *wrap_text(f"{title}: what {trials} have shown, in-sample", WIDTH, hang="  ")]
    lines += ["", *best_lines(report, top)]
    if not report.plan.objective.several:
        lines += [*_convergence(report), ""]
    lines += [*_importance(report, fanova), ""]
    lines += [*_by_value(report), *_outside(report)]
    return "\n".join(lines).rstrip("\n") + "\n"


def _convergence(report: StudyFindings) -> list[str]:
    import numpy as np

    trials = _scored(report)
    best, found = convergence(trials), improvements(trials)
    if not found:
        why = "keeps to all limits" if report.counts.beyond else "has a score"
        return [f"Best score by trials: no trial {why}"]
    (last, _), count = found[-1], len(best)
    lines = ["Best score by trials", *curve(best)]
    # The first is no improvement of another.
    times = "once" if len(found) == 2 else f"{len(found) - 1} times, last"
    words = f"It was improved {times} by trial {last}"
    if len(found) == 1:
        words = f"The first trial with a score, trial {last}, has the best"
    after = count - 1 - last
    words += f"; the {counted(after, 'trial')} after it brought nothing." if after else "."
    if last >= _LATE * count and count > _FEW:
        words += " It still rises: more trials (--trials) may find better ones."
    hidden = int(np.isfinite(report.scored.scores).sum()) - int(report.scored.feasible.sum())
    beyond = f"{counted(hidden, 'trial')} that violate limits do not count." if hidden else ""
    return [*lines, *said([words, beyond])]


def _scored(report: StudyFindings) -> StudyTable:
    """Return the trials with their scores as of today's bounds."""
    found = report.scored
    several = report.plan.objective.several
    objectives = found.objectives if several else None
    return scored(report.trials, found.scores, found.violations, objectives)


def _importance(report: StudyFindings, fanova: bool) -> list[str]:
    from wfo.errors import InputError

    trials, space = _scored(report), searched_space(report)
    try:
        found = importance(trials, space)
        found += importance(trials, space, "fanova") if fanova else []
    except InputError as error:
        return ["Importance", *said([f"Not known: {error}."])]
    lines = []
    for each in found:
        of = f" of {each.objective}" if len(report.record.objectives) > 1 else ""
        heads = {
            "ped-anova": "by how the best trials differ from all (PED-ANOVA)",
            "fanova": "by Optuna's fANOVA",
            "exact": "exact, of the whole space: alone, and in all with the others",
        }
        lines.append(f"Importance{of}, {heads[each.way]}; {counted(each.trials, 'trial')}")
        shares = dict(zip(each.names, each.shares, strict=True))
        totals = dict(zip(each.names, each.totals, strict=False))
        longest = shares | totals
        order = sorted(each.names, key=lambda name: -longest[name])
        most = max(longest.values())
        rows = [
            (
                one_line(name),
                percent(shares[name]),
                *([percent(totals[name])] if totals else []),
                bar(longest[name], most, _BAR),
            )
            for name in order
        ]
        lines += table(rows, "<" + ">" * (2 if totals else 1) + "<")
    if report.counts.beyond:
        beyond = (
            "Trials that violate limits count as worse than all others, so that what helps to keep"
            " to the limits is important here too."
        )
        lines += said([beyond])
    words = "What matters to a high score need not matter out-of-sample"
    if report.record.method not in _EVEN:
        words += ", and the method has looked more often where it expected much"
    return [*lines, *said([f"{words}."])]


def _by_value(report: StudyFindings) -> list[str]:
    """Return the scores by value of each parameter."""
    trials, space = _scored(report), searched_space(report)
    what = f"{report.record.objectives[0]}, higher better" if report.front else "score"
    lines = [f"By value of each parameter: trials, median and best {one_line(what)}"]
    for name in space.names:
        rows = [
            (
                _values_text(each),
                f"{each.trials:,}",
                number_text(each.median),
                number_text(each.best),
            )
            for each in scores_by_value(trials, space, name)
        ]
        lines += [f"  {one_line(name)}"]
        lines += table([("", "trials", "median", "best"), *rows], "<>>>", indent="    ")
    words = (
        "A best score that stands alone, with low medians around it, is a peak: near it there is"
        " nothing, and it is luck more often than not."
    )
    return [*lines, *said([words]), ""]


def _values_text(each: ValueScores) -> str:
    low, high = value_text(each.low), value_text(each.high)
    return low if low == high else f"{low} to {high}"


def searched_space(report: StudyFindings) -> SearchSpace:
    """Return the space that points of a study lie in: of swept blocks, that of their genes."""
    from wfo.search.space import SearchSpace

    return SearchSpace.from_dict(report.record.space)


def _outside(report: StudyFindings) -> list[str]:
    """Return how the best trials did out-of-sample, beside what they were chosen for."""
    judged = [each for each in report.best if each.parts.out_of_sample]
    names = [
        n for n in scored_names(report.plan) if any(n in e.parts.out_of_sample for e in judged)
    ]
    if not judged or not names:
        return []
    minimised = {c.figure for c in report.plan.objective.components if c.direction == "minimise"}
    quotients = [n for n in names if n not in minimised and canonical(n) not in _SUMS]
    heads = [""]
    for name in names:
        heads += [one_line(name), "out", *(["kept"] if name in quotients else [])]
    rows = [tuple(heads)]
    for each in judged:
        row = [str(each.place)]
        for name in names:
            inside = first_figure(each.parts.in_sample, name)
            outside = first_figure(each.parts.out_of_sample, name)
            row += [figure_text(name, inside), figure_text(name, outside)]
            row += [_kept(inside, outside)] if name in quotients else []
        rows.append(tuple(row))
    lines = [
        f"The {len(judged)} best in-sample, and out-of-sample",
        *table(rows, ">" * len(rows[0])),
    ]
    return [*lines, *said(_outside_words(report, names[0], judged))]


def _kept(inside: float, outside: float) -> str:
    """Return what is left of a figure out-of-sample, where the quotient says anything."""
    if not (math.isfinite(inside) and math.isfinite(outside)) or inside <= 0:
        return "-"
    return percent(outside / inside)


def _outside_words(report: StudyFindings, name: str, judged: Sequence[Any]) -> Iterator[str]:
    inside = [first_figure(each.parts.in_sample, name) for each in judged]
    outside = [first_figure(each.parts.out_of_sample, name) for each in judged]
    pairs = [
        (one, other)
        for one, other in zip(inside, outside, strict=True)
        if math.isfinite(one) and math.isfinite(other)
    ]
    if len(pairs) >= 5 and len(set(pairs)) > 2:
        from scipy.stats import spearmanr

        columns = list(zip(*pairs, strict=True))
        if all(len(set(column)) > 1 for column in columns):
            rank = float(spearmanr(*columns).statistic)
            yield (
                f"Rank correlation of {one_line(name)} in- and out-of-sample among these:"
                f" {rank:+.2f}. They are few, and were all chosen for the first of the two: it says"
                " little either way."
            )
    if report.held is not None and report.held.out_of_sample:
        bar_ = first_figure(report.held.out_of_sample, name)
        if math.isfinite(bar_):
            yield f"Buying and holding has {figure_text(name, bar_)} out-of-sample."
    yield (
        f"To pick one of these {len(judged)} by its out-of-sample figures is a choice after as many"
        " looks: it needs bars that neither search nor choice has seen (--holdout)."
    )
