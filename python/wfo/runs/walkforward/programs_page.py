"""The page of a walk-forward of a program, as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from wfo.runs.optimizing.wording import (
    WIDTH,
    counted,
    number_text,
    params_table,
    said,
)
from wfo.runs.walkforward.program_walk import EARNED, FALL, figure_of
from wfo.text import listed, one_line, percent, table, wrap_text
from wfo.walkforward.results import condition_name

if TYPE_CHECKING:
    from wfo.runs.walkforward.program_walk import ProgramWalk, ProgramWindow
    from wfo.stats.efficiency import Condition, TradeStationVerdict
    from wfo.windows import WalkWindow

_HEAD = ("Window", "In-sample", "Trades from", "In", "Out", "Whole", "Held", "WFE")
_COLUMNS = (
    "In: return of the chosen set in-sample. Out: of the set that trades, until the next window"
    " does. Whole: of the same over all of the out-of-sample part. Held: of buy-and-hold while Out"
    " is traded. WFE: Whole by In, where that is positive."
)


def program_page(walk: ProgramWalk) -> str:
    """Return the page of a walk-forward of a program, lines of up to 98 columns."""
    lines = ["", *wrap_text(_title(walk), WIDTH, hang="  "), *said(_first(walk)), ""]
    lines += ["Windows", *table([_HEAD, *_rows(walk)], "><<>>>>>")]
    lines += said([_COLUMNS])
    lines += ["", "Chosen sets", *_sets(walk), "", "Walk-forward efficiency", *said(_weighed(walk))]
    verdict = walk.tradestation
    if verdict is not None:
        lines += ["", "TradeStation's criteria", *_criteria(verdict)]
    return "\n".join([*lines, "", "What was assumed", *said(walk.notes)]) + "\n"


def _title(walk: ProgramWalk) -> str:
    on = f" on {listed(walk.symbols)}" if walk.symbols else ""
    return (
        f"Walk-forward of {one_line(walk.target)}{on}: {counted(len(walk.windows), 'window')},"
        f" {walk.windows.schedule.name}, chosen by {walk.by}"
    )


def _first(walk: ProgramWalk) -> Iterator[str]:
    """Say what the chain comes to, and what is missing of it."""
    begin, last = walk.windows[0].out_of_sample[0], walk.windows[-1].out_of_sample[1]
    held = walk.held_return
    beside = "" if held is None else f", and buy-and-hold {percent(held)}"
    if walk.total_return is None:
        yield f"The chain of returns from {begin} to {last} is not known{beside}."
    else:
        yield f"From {begin} to {last} the chain comes to {percent(walk.total_return)}{beside}."
    yield (
        f"{counted(walk.searched, 'trial')} were looked at, each on in-sample bars alone; every set"
        " was chosen before the bars that it trades."
    )
    for window, each in zip(walk.windows, walk.results, strict=True):
        if each.error:
            yield f"Window {window.number} has no return: {each.error}."
        if each.note:
            what = "everything is in cash" if each.params is None else "the set before goes on"
            yield f"Window {window.number}: {each.note}; {what}."


def _rows(walk: ProgramWalk) -> Iterator[tuple[str, ...]]:
    for window, each in zip(walk.windows, walk.results, strict=True):
        yield _row(window, each)


def _row(window: WalkWindow, each: ProgramWindow) -> tuple[str, ...]:
    first, last = window.in_sample
    whole = figure_of(each.alone, EARNED)
    return (
        str(window.number),
        f"{first} to {last}",
        str(window.out_of_sample[0]),
        _share(figure_of(each.in_sample, EARNED)),
        "cash" if each.params is None else _share(each.earned),
        _share(whole),
        _share(each.held),
        _number(each.wfe),
    )


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _number(value: float | None) -> str:
    return "-" if value is None else number_text(value)


def _sets(walk: ProgramWalk) -> list[str]:
    pairs = zip(walk.windows, walk.results, strict=True)
    chosen = [(str(w.number), each.params) for w, each in pairs if each.trial is not None]
    sets = [(number, params) for number, params in chosen if params is not None]
    return params_table(sets) if sets else ["  none"]


def _weighed(walk: ProgramWalk) -> Iterator[str]:
    found = walk.efficiency
    if found is None:
        yield "Not known: no window has chosen a set, or a return is not known."
    elif found.raw is None or found.annual is None:
        yield "Not defined: the chosen sets have earned nothing in-sample."
    else:
        yield (
            f"{number_text(found.raw)}, and {number_text(found.annual)} a year: out-of-sample by"
            " in-sample returns, over the windows that have chosen a set."
        )


def _criteria(verdict: TradeStationVerdict) -> list[str]:
    rows = [("Criterion", "Value", "")]
    rows += [(condition_name(c), _number(c.value), _met(c)) for c in verdict.conditions]
    lines = table(rows, "<><")
    if any(condition.value is None for condition in verdict.conditions):
        lines += said(["A criterion that has no value counts as not met."])
    if verdict.conditions[-1].value is None:
        lines += said(
            [f"Drawdowns are not known: the program gives no {FALL} of every traded window."]
        )
    return lines


def _met(condition: Condition) -> str:
    if condition.passed:
        return "met"
    return "not met" if condition.value is not None else "not known"
