"""The page of a search: its best trials in- and out-of-sample, and what they rest on.

Optimized figures are never shown without what they came to out-of-sample, where that is known, and
never without how many trials they are the best of.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from wfo.progress import duration
from wfo.runs.optimizing.best_table import best_lines
from wfo.runs.optimizing.identity import years_of
from wfo.runs.optimizing.planned import (
    assumed_of_plan,
    plan_title,
    scored_names,
    seen_text,
    sweep_text,
)
from wfo.runs.optimizing.wording import (
    WIDTH,
    counted,
    figure_text,
    first_figure,
    labelled,
    listing,
    number_text,
    said,
)
from wfo.text import listed, one_line, wrap_text

if TYPE_CHECKING:
    from wfo.runs.optimizing.found import BestTrial, Counts, Parts, StudyFindings

#: Errors that a page names, the most frequent first.
_ERRORS = 5

#: Values of a dimension in which being at an end says nothing.
_FEW_VALUES = 2

#: The figure by which sets are compared with holding.
_EARNED = "profit"


def text(report: StudyFindings) -> str:
    """Return the whole page."""
    lines = ["", *wrap_text(_title(report), WIDTH, hang="  "), *said(_first(report)), ""]
    lines += best_lines(report)
    lines += ["What became of the points", *said(_counted(report)), ""]
    lines += ["What was assumed", *labelled(_assumed(report)), ""]
    lines += ["What this does not say", *said(_unknown(report)), ""]
    lines += _files(report)
    return "\n".join([*lines, "Next", *(f"  {each}" for each in _next(report))]) + "\n"


def _assumed(report: StudyFindings) -> Iterator[tuple[str, str]]:
    yield from assumed_of_plan(report.plan, report.windows, report.record.method)
    record = report.record
    years = years_of(record)
    if years:
        each = {symbol: year.said for symbol, year in years.items()}
        alike = len(set(each.values())) == 1
        said_of = each.values() if alike else (f"{one_line(s)} {y}" for s, y in each.items())
        yield "Year", "; ".join(dict.fromkeys(said_of))
    inside = [name for name in report.plan.space.names if name not in record.parameters]
    if inside:
        yield "Blocks", f"{listed(inside)} are swept whole at each point of the others"
    if record.method_reason:
        yield "Chosen", f"{record.method}: {record.method_reason}"
    if record.fingerprints:
        prints = (f"{one_line(s)} {f[:12]}" for s, f in record.fingerprints.items())
        yield "Bars", f"fingerprints {', '.join(prints)}"
    if report.holdout is not None:
        yield "Hold-out", f"{report.holdout[0]} to {report.holdout[1]}, kept out of everything"


def _title(report: StudyFindings) -> str:
    counts = report.counts
    took = f" in {duration(report.seconds)}" if report.seconds else ""
    state = {
        "running": "; it is under way",
        "interrupted": "; it was interrupted",
        "exhausted": "; no point is left",
    }.get(report.state, "")
    trials = counted(counts.trials, "trial")
    return f"Search '{report.record.name}' of {plan_title(report.plan)}: {trials}{took}{state}"


def _first(report: StudyFindings) -> Iterator[str]:
    """Say what the figures allow, the most needed first."""
    yield from (f"Warning: {each}." for each in report.warnings)
    yield sweep_text(report.sweep_seconds)
    yield from (_sentence(note) for note in report.notes)
    if not report.best:
        yield from _nothing(report.counts)
        return
    yield from _found(report)
    yield from _believed(report)


def _sentence(note: str) -> str:
    """Return a note as a sentence; those that were told while searching are none."""
    return f"{note[:1].upper()}{note[1:]}{'' if note.endswith('.') else '.'}"


def _nothing(counts: Counts) -> Iterator[str]:
    if not counts.trials:
        yield "No trial has ended yet."
    elif counts.lost == counts.trials:
        yield (
            f"No trial has figures: all {counts.trials:,} ended without. The errors below say why."
        )
    elif counts.undefined:
        yield "No trial has a score: a figure of the objective is undefined in every one."
    else:
        yield "Trials have scores, and the best of them could not be looked at."


def _found(report: StudyFindings) -> Iterator[str]:
    """Say which trial is the best, of how many, and whether it keeps to the limits."""
    best, counts = report.best[0], report.counts
    scored = counts.complete + counts.pruned - counts.undefined
    several = len(best.objectives) > 1
    names = scored_names(report.plan)[:1] if not several else list(best.objectives)
    figures = listing([_beside(name, best.parts) for name in names if name in best.parts.in_sample])
    if several and not report.front:
        yield f"No trial of {scored:,} keeps to all limits, so that there is no Pareto set."
    elif several:
        yield (
            f"{report.front:,} of {scored:,} trials with figures"
            f" {'forms' if report.front == 1 else 'form'} the Pareto set: none of them"
            " is beaten in all objectives at once. Its first, trial"
            f" {best.trial}: {figures}."
        )
    else:
        # Of one figure the score is that figure; of a function there is no figure to name.
        by = report.plan.objective.kind != "figure" and math.isfinite(best.score) and figures
        score = f", by its score of {number_text(best.score)}" if by else ""
        figures = figures or f"a score of {number_text(best.score)} in-sample"
        yield f"The best of {scored:,} trials with a score is trial {best.trial}{score}: {figures}."
    base = report.baseline
    if base is not None and not several:
        have = [_beside(name, base.parts) for name in names if name in base.parts.in_sample]
        yield f"The baseline has {listing(have)}." if have else ""
    if counts.beyond == scored and scored:
        yield (
            f"No trial keeps to all limits. The best is the one that violates them least, by"
            f" {number_text(best.violation)}; it is no set to trade by these limits."
        )
    elif best.violation:
        yield f"The best violates limits by {number_text(best.violation)}."
    yield _missed(report)
    looked = f"{counts.trials:,} trials"
    if best.block is not None:
        looked += f", blocks of {best.block.size:,} combinations each,"
    yield (
        f"In-sample figures are what was optimized: the best of {looked} looks good on any bars,"
        " and its in-sample figures are no estimate of what it will earn."
    )


def _missed(report: StudyFindings) -> str:
    """Say which limits the best does not keep to; empty where it keeps to all of them."""
    best, found = report.best[0], report.scored
    if best.trial is None or best.trial >= len(found.beyond):
        return ""
    beyond = found.beyond[best.trial].tolist()
    missed = [words for words, value in zip(found.limits, beyond, strict=True) if not value <= 0]
    if not missed:
        return ""
    allowed = "" if best.violation else ", which lenient ones let it"
    return (
        f"It misses {len(missed)} of {counted(len(beyond), 'limit')}{allowed}: {listing(missed)}."
    )


def _beside(name: str, parts: Parts) -> str:
    inside = figure_text(name, first_figure(parts.in_sample, name))
    if not parts.out_of_sample:
        return f"{name} {inside} in-sample"
    outside = figure_text(name, first_figure(parts.out_of_sample, name))
    return f"{name} {inside} in-sample, {outside} out-of-sample"


def _believed(report: StudyFindings) -> Iterator[str]:
    """Say what out-of-sample figures and the deflated Sharpe ratio allow."""
    best = report.best
    judged = [each for each in best if each.parts.out_of_sample]
    if not judged:
        errors = [each.parts.error for each in best if each.parts.error]
        if errors:
            yield f"No out-of-sample figures are known: {errors[0]}."
        elif report.state == "running":
            yield "Out-of-sample figures are computed once the search has ended."
        else:
            what = (
                "all bars were searched"
                if report.plan.symbols
                else "the space names no symbols, and what the program reads is not known"
            )
            yield (
                f"Nothing was kept out of sample: {what}, so that nothing here says how a set does"
                " on bars that it was not chosen on."
            )
    else:
        looks = len(judged)
        earned = _earned(report, judged)
        yield (
            f"{earned}The {looks} were chosen in-sample, and out-of-sample figures choose nothing"
            f" here: to take the best of them by these is a choice after {looks} looks, and needs"
            " other bars to be judged on."
            if looks > 1
            else f"{earned}The set was chosen in-sample alone."
        )
        yield seen_text(report.windows)
    yield _deflated(report)


def _earned(report: StudyFindings, judged: Sequence[BestTrial]) -> str:
    """Say how many earn more than holding, where both have the figure; empty without one."""
    held = report.held.out_of_sample if report.held is not None else {}
    values = [first_figure(each.parts.out_of_sample, _EARNED) for each in judged]
    bar = first_figure(held, _EARNED)
    if not (math.isfinite(bar) and any(map(math.isfinite, values))):
        return ""
    more = sum(value > bar for value in values)
    earn = "earns" if more == 1 else "earn"
    return (
        f"Out-of-sample, {more} of the {len(judged)} best {earn} more than buying and holding,"
        f" which makes {figure_text(_EARNED, bar)}. "
    )


def _deflated(report: StudyFindings) -> str:
    best = report.best[0]
    spent = max(report.spent.values(), default=0)
    trials = max(spent, report.counts.trials)
    if math.isnan(best.dsr):
        return (
            f"Whether the best is beyond what {trials:,} trials give by luck is not known: that"
            " takes returns by period, which a program does not hand over."
            if report.plan.kind != "strategy"
            else f"Whether the best is beyond what {trials:,} trials give by luck is not known."
        )
    return (
        f"Deflated Sharpe ratio of the best: {best.dsr:.2f}, over all {trials:,} trials of the"
        f" symbol{_lowest(report)}: {_sure(best.dsr)}."
    )


def _lowest(report: StudyFindings) -> str:
    """Say of how many windows and symbols the lowest ratio counts; empty of one of each."""
    windows, symbols = len(report.windows), len(report.plan.symbols)
    parts = [counted(windows, "window")] if windows > 1 else []
    parts += [counted(symbols, "symbol")] if symbols > 1 else []
    return f", the lowest of {listing(parts)}" if parts else ""


def _sure(dsr: float) -> str:
    if dsr >= 0.95:
        return "its Sharpe ratio is above what the best of so many leads to expect without skill"
    return "the best of so many trials without any skill may well look like this"


def _counted(report: StudyFindings) -> Iterator[str]:
    counts = report.counts
    lost = [
        f"{number:,} {words}"
        for number, words in (
            (counts.failed, "by an error of the program"),
            (counts.timeout, "by the time limit"),
            (counts.memory, "by the memory limit"),
            (counts.crashed, "by the end of their process"),
        )
        if number
    ]
    line = f"{counts.asked:,} trials were asked for, and {counts.trials:,} have ended:"
    line += f" {counts.complete:,} complete"
    line += f", {counts.pruned:,} pruned" if counts.pruned else ""
    line += f", {counts.lost:,} without figures ({listing(lost)})" if lost else ""
    yield f"{line}."
    if counts.waiting:
        yield f"{counts.waiting:,} were begun and have not ended; they are the first to go on."
    if counts.undefined:
        yield (
            f"{counts.undefined:,} with figures have no score, since one that the objective needs"
            " is undefined, as without trades."
        )
    if counts.beyond:
        yield f"{counts.beyond:,} violate a limit or a guardrail."
    if counts.rejected or counts.repeated:
        yield (
            f"Of the points proposed besides, parameter constraints refused {counts.rejected:,},"
            f" and {counts.repeated:,} were there before and were answered from the study."
        )
    else:
        yield "No point that was proposed was refused by a constraint, or was there before."
    if counts.timeout or counts.memory or counts.crashed:
        yield (
            "Time limits, memory limits and crashes depend on the machine: a repetition of this"
            " search need not lose the same trials."
        )
    shown = report.errors[:_ERRORS]
    yield from (f"{number:,} ended with: {one_line(error)}" for error, number in shown)
    rest = sum(number for _, number in report.errors[_ERRORS:])
    if rest:
        yield f"{rest:,} ended with other errors, which failed.csv has."


def _unknown(report: StudyFindings) -> Iterator[str]:
    plan, trials = report.plan, report.counts.trials
    yield from (
        f"{symbol}: {number:,} combinations were ever searched on it, those of this search among"
        " them; every further one makes the best luckier."
        for symbol, number in report.spent.items()
    )
    if not report.spent:
        yield (
            f"The {trials:,} trials count for no symbol, since the space names none: how often"
            " this data was searched before is not known."
        )
    if plan.kind != "strategy":
        yield (
            "Costs, capital, fills and whether a bar is used before it is over are the program's:"
            " its figures are taken as it returns them."
        )
    part = "A search looks at a part of the space"
    if plan.space.size is not None and trials >= plan.space.size:
        part = "That every point was evaluated makes the best no sounder"
    yield (
        f"{part}: whether neighbours of the best do as well is seen where they were evaluated (wfo"
        " study analyze), and a lone peak is luck."
    )
    ends = _at_ends(report)
    if ends:
        yield (
            f"Of the best, {listing(ends)} at an end of the range: what lies beyond was not"
            " searched."
        )
    if report.holdout is not None:
        first, last = report.holdout
        yield f"The hold-out, {first} to {last}, was seen by nothing of this search."


def _at_ends(report: StudyFindings) -> list[str]:
    """Return the dimensions in which the best lies at an end of the range."""
    if not report.best or report.plan.objective.several:
        return []
    params = report.best[0].params
    found = [
        one_line(each.name)
        for each in report.plan.space.dimensions
        if each.ordered
        and (each.size is None or each.size > _FEW_VALUES)
        and params.get(each.name) in {each.low, each.high}
    ]
    return [*found[:-1], f"{found[-1]} {'lies' if len(found) == 1 else 'lie'}"] if found else []


def _files(report: StudyFindings) -> list[str]:
    several, strategy = report.plan.objective.several, report.plan.kind == "strategy"
    best = "the parameters of the first of the Pareto set" if several else "the best parameters"
    files = {
        "ranked_results.csv": "all trials with a score, best first",
        "failed.csv": "those without figures, with their errors",
        "best_config.json": f"{best}, nested as in the space",
        f"{report.record.name}_best.yaml": (
            "the same as YAML, and the command that simulates it"
            if strategy
            else "the same, ready for the program"
        ),
        "summary.json": "what was searched, and what was found",
    }
    from wfo.files import is_there

    there = [(name, words) for name, words in files.items() if is_there(report.folder / name)]
    return [f"Files in {report.folder}", *labelled(there), ""] if there else []


def _next(report: StudyFindings) -> Iterable[str]:
    name = shlex.quote(report.record.name)
    if report.folder.parent.name != "optimization" or report.folder.parent.parent.name != "results":
        name = shlex.quote(str(report.folder))
    yield f"wfo study analyze {name}"
    if report.baseline is not None:
        yield f"wfo study compare {name}"
    yield f"wfo study export {name} --csv trials.csv"
