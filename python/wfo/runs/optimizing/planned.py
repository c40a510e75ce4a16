"""What a search is asked for, in words: what a page says was assumed, and the page of a dry run."""

from __future__ import annotations

import datetime as dt
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.runs.optimizing.wording import (
    WIDTH,
    counted,
    labelled,
    listing,
    number_text,
    params_text,
    said,
    seconds_text,
    value_text,
)
from wfo.text import listed, one_line, percent, wrap_text

if TYPE_CHECKING:
    from wfo.runs.optimizing.found import SearchOutline
    from wfo.search.objective import Component, Objective
    from wfo.search.plan import SearchPlan
    from wfo.search.space import Dimension

#: Dates of a window's parts: in-sample, out-of-sample.
Windows = Sequence[tuple[tuple[str, str] | None, tuple[str, str] | None]]

#: Days that may lie between the dates of a span.
_GAP = 7

#: Values of a dimension that are written out, and windows.
_MOST_VALUES, _MOST_WINDOWS = 12, 12

_AGGREGATES = {
    "median": "the median over symbols",
    "mean": "the mean over symbols",
    "minimum": "that of the worst symbol",
}

_NORMALISED = {
    "fixed": "each between its reference scale's ends",
    "rank": "each as its rank among all trials",
    "adaptive": "each between percentiles of the trials so far",
}


def plan_title(plan: SearchPlan) -> str:
    """Return what is searched, and on which symbols."""
    target = plan.target if isinstance(plan.target, str) else shlex.join(plan.target)
    on = f" on {listed(plan.symbols)}" if plan.symbols else ""
    return f"{one_line(target)}{on}"


def scored_names(plan: SearchPlan) -> tuple[str, ...]:
    """Return the names of the figures that make a score; none of a function."""
    return tuple(each.figure for each in plan.objective.components)


def assumed_of_plan(
    plan: SearchPlan, windows: Windows = (), method: str = ""
) -> Iterator[tuple[str, str]]:
    """Yield what a search assumes, a label and a text each.

    Parameters
    ----------
    plan
        What is asked for.
    windows
        Dates of its windows, as they are laid over the bars.
    method
        What proposes points, where ``auto`` has chosen it.
    """
    yield "Space", space_text(plan)
    yield from _constraints(plan)
    if plan.filled:
        yield "Left out", f"{params_text(plan.filled)}: the strategy's defaults"
    yield "Objective", objective_text(plan.objective)
    if len(plan.symbols) > 1:
        yield "Aggregate", f"{_AGGREGATES[plan.aggregate]}; over windows the mean"
    yield "Limits", _limits(plan)
    yield "Guardrails", _guardrails(plan)
    yield "Windows", windows_text(windows)
    if plan.warmup:
        yield "Warm-up", f"{counted(plan.warmup, 'bar')} before each window, given to the program"
    yield from _account(plan)
    yield "Method", _method(plan, method or plan.method)


def space_text(plan: SearchPlan) -> str:
    """Return how large a space is."""
    space = plan.space
    continuous = sum(d.size is None for d in space.dimensions)
    many = counted(len(space.dimensions), "dimension")
    if space.size is None:
        return f"{many}, {continuous} of them continuous, so that its points cannot be counted"
    return f"{many}, {counted(space.size, 'combination')}"


def dimension_text(dimension: Dimension) -> str:
    """Return the values of a dimension in words."""
    values = dimension.values
    if values is not None and len(values) <= _MOST_VALUES:
        return ", ".join(map(value_text, values)) + ("" if dimension.ordered else "  (no order)")
    low, high = value_text(dimension.low), value_text(dimension.high)
    if values is not None and dimension.low is None:
        return f"{value_text(values[0])} … {value_text(values[-1])}, {len(values):,} values"
    words = f"{low} to {high}"
    words += f", continuous {dimension.kind}" if dimension.size is None else ""
    words += f" by {value_text(dimension.step)}" if dimension.step is not None else ""
    words += ", by orders of magnitude" if dimension.log else ""
    if isinstance(dimension.prior, tuple):
        words += f", mostly near {value_text(dimension.prior[0])}"
    return words + (f", {dimension.size:,} values" if dimension.size is not None else "")


def objective_text(objective: Objective) -> str:
    """Return an objective in words."""
    parts = objective.components
    if objective.kind == "function":
        return f"what {one_line(objective.function)} makes of all figures, maximised"
    if objective.kind == "figure":
        return f"{_directed(parts[0])}, as it is"
    if objective.several:
        return f"{listing([_directed(each) for each in parts])}: a Pareto set, without weights"
    # Ranks and percentiles have no use for reference scales.
    fixed = objective.normalise == "fixed"
    weights = [
        f"{number_text(each.weight)} {_directed(each)}{_scale(each) if fixed else ''}"
        for each in parts
    ]
    return f"the weighted mean of {listing(weights)}; {_NORMALISED[objective.normalise]}"


def _directed(component: Component) -> str:
    name = one_line(component.figure)
    return f"{name}, minimised" if component.direction == "minimise" else name


def _scale(component: Component) -> str:
    if component.low is None or component.high is None:
        return ""
    return f" ({number_text(component.low)} to {number_text(component.high)})"


def _constraints(plan: SearchPlan) -> Iterator[tuple[str, str]]:
    found = [one_line(each) for each in plan.space.constraints]
    if found:
        yield "Constraints", "; ".join(found)


def _limits(plan: SearchPlan) -> str:
    limits = plan.limits
    if limits.mode == "none":
        return "none: a set of any drawdown or number of trades can be the best (--limits strict)"
    rules = ", ".join(map(str, limits.rules))
    if limits.mode == "strict":
        return f"strict, all of: {rules}"
    return f"lenient, all but {limits.allowed} of: {rules}"


def _guardrails(plan: SearchPlan) -> str:
    if plan.guardrails is None:
        return "none"
    rules = ", ".join(map(str, plan.guardrails.rules))
    changes = "".join(f"; tightened: {one_line(each)}" for each in plan.guardrails.changes)
    return f"{rules}{changes}; digest {plan.guardrails.digest[:12]}"


def windows_text(windows: Windows) -> str:
    """Return windows in words."""
    if not windows:
        return ""
    parts = [_window(*each) for each in windows[:_MOST_WINDOWS]]
    more = len(windows) - len(parts)
    return "; ".join(parts) + (f"; and {more:,} more" if more else "")


def _window(inside: tuple[str, str] | None, outside: tuple[str, str] | None) -> str:
    if inside is None:
        return "one without dates, all of it in-sample"
    words = f"in-sample {inside[0]} to {inside[1]}"
    if outside is None:
        return f"{words}, nothing out-of-sample"
    return f"{words}, out-of-sample {outside[0]} to {outside[1]}"


def seen_text(windows: Windows) -> str:
    """Say which out-of-sample dates lie in the in-sample part of another window.

    A set is scored on all windows together, so that these are no dates that it was not chosen on.

    Returns
    -------
    str
        Empty where no dates are shared.
    """
    days, unseen = _days(windows)
    if not days or len(unseen) == days:
        return ""
    words = (
        f"Out-of-sample is out of a window's own sample: {percent(1 - len(unseen) / days)} of these"
        " dates lie in the in-sample part of another window, on which the same sets were scored."
    )
    if not unseen:
        return f"{words} No date is left that no score has seen."
    spans = [f"{first} to {last}" for first, last in _spans(unseen)]
    return f"{words} Seen by no score: {listing(spans)}."


def _days(windows: Windows) -> tuple[int, list[dt.date]]:
    """Return how many dates lie out-of-sample, and those of them that no window has in-sample."""
    inside, outside = (
        {
            dt.date.fromordinal(day)
            for window in windows
            if (span := window[part]) is not None
            for day in range(_ordinal(span[0]), _ordinal(span[1]) + 1)
        }
        for part in (0, 1)
    )
    return len(outside), sorted(outside - inside)


def _ordinal(day: str) -> int:
    return dt.date.fromisoformat(day).toordinal()


def _spans(days: Sequence[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Return runs of dates; weekends and holidays between windows do not part them."""
    found: list[tuple[dt.date, dt.date]] = []
    for day in days:
        if found and (day - found[-1][1]).days <= _GAP:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def _account(plan: SearchPlan) -> Iterator[tuple[str, str]]:
    if plan.kind != "strategy":
        yield "Costs", "those of the program, which are not known here; capital and fills too"
        return
    settings: Mapping[str, Any] = plan.settings
    slip, fee = float(settings.get("slip", 0)), float(settings.get("fee", 0))
    if slip or fee:
        yield "Costs", f"slippage {percent(slip)} and fee {percent(fee)} of every fill"
    else:
        words = (
            "none. Warning: real fills cost something, and many trades cost much; settings: {slip:"
            " 0.0005} in the space is 0.05 %"
        )
        yield "Costs", words
    others = {n: v for n, v in settings.items() if n not in {"slip", "fee"}}
    yield "Account", ", ".join(f"{one_line(n)} {value_text(v)}" for n, v in others.items())


def _method(plan: SearchPlan, method: str) -> str:
    options = ", ".join(
        f"{one_line(name)} {value_text(value)}" for name, value in plan.method_options.items()
    )
    pruned = "" if plan.prune == "none" else f", pruned by {plan.prune}"
    return (
        f"{one_line(method)}{f' ({options})' if options else ''}, {counted(plan.trials, 'trial')}"
        f" in batches of {plan.batch:,}, seed {plan.seed}{pruned}"
    )


def planned_page(planned: SearchOutline) -> str:
    """Return the page of a search that is not begun."""
    plan = planned.plan
    lines = ["", *wrap_text(f"A search of {plan_title(plan)}, not begun", WIDTH, hang="  ")]
    lines += said([*(f"Warning: {each}." for each in planned.warnings), *_advice(planned)])
    lines += ["", "Dimensions"]
    lines += labelled((one_line(d.name), dimension_text(d)) for d in plan.space.dimensions)
    if plan.space.start:
        lines += ["Points to start with", *said(map(params_text, plan.space.start))]
    if plan.baseline is not None:
        lines += ["Baseline", *said([params_text(plan.baseline)])]
    lines += ["", "What would be assumed", *labelled(_assumed(planned)), "", "What it would cost"]
    lines += [*said(_cost(planned)), "", "Nothing was written, and no trial was counted."]
    return "\n".join(lines) + "\n"


def _assumed(planned: SearchOutline) -> Iterator[tuple[str, str]]:
    yield from assumed_of_plan(planned.plan, planned.windows, planned.method)
    if planned.reason:
        yield "Chosen", f"{planned.method}: {planned.reason}"
    yield "Bars", "; ".join(planned.bars)
    if planned.holdout is not None:
        yield "Hold-out", f"{planned.holdout[0]} to {planned.holdout[1]}, kept out of everything"
    yield "Study", str(planned.folder)


def _advice(planned: SearchOutline) -> Iterable[str]:
    yield sweep_text(planned.sweep_seconds)
    yield seen_text(planned.windows)
    if planned.done:
        yield (
            f"The study is there, with {counted(planned.done, 'trial')}: the search would go on"
            " from them."
        )


def sweep_text(seconds: float | None) -> str:
    """Say that a sweep would do; nothing where it takes too long, or there can be none."""
    from wfo.search.methods.choosing import sweep_would_do

    if seconds is None or not sweep_would_do(seconds):
        return ""
    return (
        f"This space can be swept: that takes {seconds_text(seconds)}, looks at every combination,"
        " and gives ranks, gates, maps and plateaus that a search does not (wfo run --grid)."
    )


def _cost(planned: SearchOutline) -> Iterator[str]:
    left = max(0, planned.plan.trials - planned.done)
    if planned.seconds is None:
        yield f"{counted(left, 'trial')}; how long one takes was not measured."
        return
    total = planned.seconds * left / max(1, planned.workers)
    each, whole = seconds_text(planned.seconds), seconds_text(total)
    yield (
        f"{counted(left, 'trial')}, {each} each as measured on one point, by"
        f" {counted(planned.workers, 'worker')}: some {whole}, without the time of the method."
    )
    if planned.figures:
        yield f"Figures that it returned: {listed(planned.figures)}."
