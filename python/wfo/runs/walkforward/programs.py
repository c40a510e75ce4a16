"""Walk-forwards of programs and commands: a study in each window, and the chosen set behind it."""

from __future__ import annotations

import datetime as dt
import shlex
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from wfo import bars as bars_module
from wfo.errors import DataError, InputError
from wfo.progress import Progress, Silent
from wfo.runs.machine import Machine
from wfo.runs.optimizing.bars import SearchBars
from wfo.runs.optimizing.preparing import program
from wfo.runs.walkforward.program_walk import (
    EARNED,
    Figures,
    ProgramWalk,
    ProgramWindow,
    figure_of,
    plain_figures,
)
from wfo.runs.walkforward.searching import (
    InSample,
    Searches,
    by_of,
    notes_of_plan,
    require_one_objective,
    window_seed,
)
from wfo.runs.walkforward.studies import NOTHING
from wfo.search.batches import program_seed
from wfo.search.objective import aggregated
from wfo.search.objective.figures import spellings
from wfo.search.plan import SearchPlan
from wfo.search.runner import WindowSpan
from wfo.search.space.names import Value
from wfo.search.values import Outcome, Task
from wfo.text import listed, one_line
from wfo.windows import WalkWindow, WalkWindows

#: What programs do at the boundaries of windows, as sentences of every page.
BOUNDARIES = (
    (
        "A program is called anew in each window: it begins flat there, no position is carried over"
        " a boundary, and the chain of returns has marks where windows meet and none between them."
    ),
    "Costs are those of the program, which are not known here; buy-and-hold pays none.",
)


def require_program(plan: SearchPlan) -> None:
    """Raise an `InputError` unless a plan is one of a program that can be walked forward."""
    if plan.kind == "strategy":
        raise InputError(
            f"{one_line(plan.target)} is a strategy: its sets trade one after the other as one"
            " account, and are chosen by wfo.runs.walkforward.studies.StudyChooser"
        )
    if not plan.symbols:
        raise InputError(
            "windows are laid over bars, and the space names no symbols: what the program reads is"
            " not known; add symbols: [SPY], and have it compute on the bars that it is given"
        )
    require_one_objective(plan)


def program_days(bars: SearchBars) -> list[dt.date]:
    """Return the dates that windows are laid over: bars of the stretch that all symbols have.

    They are those of the symbol that begins last.

    Raises
    ------
    DataError
        If the symbols have no stretch in common.
    """
    days = bars.days
    own = max(days.values(), key=lambda each: each[0])
    found = own[: bisect_right(own, min(each[-1] for each in days.values()))]
    if not found:
        raise DataError(f"{listed(days)} have no days in common; search fewer symbols")
    return found


def walk_program(
    plan: SearchPlan,
    bars: SearchBars,
    windows: WalkWindows,
    folder: Path,
    *,
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> ProgramWalk:
    """Choose a set of a program in each window by a study, and evaluate it behind the window.

    A killed one goes on with the studies that are there; the evaluations behind the windows, one or
    two of each, are done again.

    Parameters
    ----------
    plan
        From `wfo.search.plan_file.read_plan`, of a program or command with symbols. Each study is
        given the in-sample bars of its window, and `plan.warmup` bars before them.
    bars
        From `wfo.runs.optimizing.bars.load_bars` of the plan.
    windows
        A schedule laid over `program_days`.
    folder
        That of the walk-forward; studies are kept below it.
    progress, machine
        Where to tell how far it is; the clock of the studies' records.

    Raises
    ------
    InputError
        If the program gives no ``total_return``: before a study is made where its first answer
        says so.
    WfoError
        If the plan cannot be searched, or studies cannot be read or written.
    """
    require_program(plan)
    progress = progress or Silent()
    searches = Searches(plan, bars, folder, progress, machine or Machine())
    days = program_days(bars)
    if windows[-1].end > len(days):
        raise InputError(
            f"the windows are laid over {windows[-1].end:,} bars or more, and the symbols have"
            f" {len(days):,} in common; lay them over wfo.runs.walkforward.programs.program_days"
        )
    choices = []
    for window in windows:
        progress.say(
            f"window {window.number}: a study of {window.in_sample[0]} to {window.in_sample[1]}"
        )
        choices.append(_chosen(searches, window))
    traded, alone = _evaluated(plan, bars, windows, days, choices, progress)
    held = _held(bars, windows, days)
    results, params = [], None
    for at, each in enumerate(choices):
        params = each.params or params
        results.append(
            ProgramWindow(
                params=params,
                trial=each.trial,
                score=each.score,
                tied=each.tied,
                searched=each.searched,
                in_sample=each.in_sample,
                traded=traded[at].figures,
                alone=alone[at].figures,
                held=held[at],
                error=traded[at].error,
                note=NOTHING if each.trial is None else "",
            )
        )
    target = plan.target if isinstance(plan.target, str) else shlex.join(plan.target)
    return ProgramWalk(
        target,
        plan.symbols,
        by_of(plan),
        windows,
        tuple(results),
        (*BOUNDARIES, *_notes(plan, bars)),
    )


def program_seconds(plan: SearchPlan, bars: SearchBars, windows: WalkWindows) -> float:
    """Return about how many seconds a walk-forward takes, measured on one trial of one window.

    Nothing is written.

    Raises
    ------
    WfoError
        If the plan cannot be searched.
    """
    require_program(plan)
    return Searches(plan, bars, Path()).seconds(windows)


def _notes(plan: SearchPlan, bars: SearchBars) -> tuple[str, ...]:
    found = notes_of_plan(plan)
    if bars.holdout is not None:
        first, last = bars.holdout
        found = (f"The bars from {first} to {last} are held out of everything here.", *found)
    if len(plan.symbols) == 1:
        return found
    together = (
        f"Figures that the program gives by symbol are put together by the {plan.aggregate} of each"
        " window; buy-and-hold has an equal part of the capital in each symbol, bought once."
    )
    return (*found, together)


@dataclass(frozen=True, slots=True, eq=False)
class _Choice:
    """What a window's study has chosen; None where no trial keeps to the limits."""

    searched: int
    params: Mapping[str, Value] | None = None
    trial: int | None = None
    score: float | None = None
    tied: int = 0
    in_sample: Figures | None = None
    #: For the program's own random numbers.
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Behind:
    """What became of an evaluation behind a window; no figures in cash, and of one that failed."""

    figures: Figures | None = None
    error: str = ""


def _chosen(searches: Searches, window: WalkWindow) -> _Choice:
    plan = searches.plan
    part = InSample.of(searches.bars, window.in_sample)
    with searches.searched(part, lambda outcome: _require_earned(plan, outcome)) as found:
        feasible = found.feasible
        if not feasible:
            return _Choice(len(found.table))
        trial = feasible[0]
        figures = found.table.figures_of(trial)
        _require_names(plan, [name for each in figures[0].values() for name in each])
        (params,) = found.made.space.decode(found.table.rows[trial][None])
        return _Choice(
            searched=len(found.table),
            params=dict(params),
            trial=trial,
            score=float(found.scored.scores[trial]),
            tied=found.tied(trial),
            in_sample=plain_figures(aggregated(figures, plan.aggregate, plan.symbols)),
            seed=program_seed(window_seed(plan.seed, part.dates), trial),
        )


def _require_earned(plan: SearchPlan, outcome: Outcome) -> None:
    """Refuse a program whose first answer has no return; one that failed says nothing."""
    if outcome.ending == "complete":
        _require_names(plan, [name for each in outcome.figures[0].values() for name in each])


def _require_names(plan: SearchPlan, names: Sequence[str]) -> None:
    wanted = spellings(EARNED)
    if not set(wanted) & set(names):
        given = listed(dict.fromkeys(names))
        target = plan.target if isinstance(plan.target, str) else plan.target[0]
        raise InputError(
            f"{one_line(target)} gives no {' or '.join(wanted)}, of which a walk-forward makes one"
            f" curve; it gives {given}: have it return the profit of the window as a share of its"
            " capital too"
        )


def _evaluated(
    plan: SearchPlan,
    bars: SearchBars,
    windows: WalkWindows,
    days: Sequence[dt.date],
    choices: Sequence[_Choice],
    progress: Progress,
) -> tuple[list[_Behind], list[_Behind]]:
    """Return what sets came to on the traded bars of each window, and on its whole part."""
    import numpy as np

    tasks: list[tuple[WindowSpan, _Choice]] = []
    places: list[tuple[int | None, int | None]] = []
    current: _Choice | None = None
    for window, choice in zip(windows, choices, strict=True):
        current = choice if choice.params is not None else current
        if current is None:
            places.append((None, None))
            continue
        at = len(tasks)
        tasks.append((_span(at, days, window.split, window.until), current))
        # The whole part is another one where the next decision takes over before it ends.
        if window.until < window.end:
            tasks.append((_span(at + 1, days, window.split, window.end), current))
        places.append((at, len(tasks) - 1))
    nothing = _Behind()
    if not tasks:
        return [nothing] * len(places), [nothing] * len(places)
    found: dict[int, _Behind] = {}
    row = np.zeros(len(plan.space.dimensions))
    evaluator = program(plan, bars, [span for span, _ in tasks], None)
    try:
        with progress.stage("the chosen sets out-of-sample", len(tasks)) as tick:

            def finished(outcome: Outcome) -> None:
                found[outcome.trial] = _behind(plan, outcome)
                tick(1)

            evaluator.evaluate(
                [
                    Task(at, (at,), choice.params or {}, row, choice.seed)
                    for at, (_, choice) in enumerate(tasks)
                ],
                finished,
            )
    finally:
        evaluator.close()
    first, second = zip(*places, strict=True)
    return (
        [nothing if at is None else found[at] for at in first],
        [nothing if at is None else found[at] for at in second],
    )


def _span(number: int, days: Sequence[dt.date], start: int, stop: int) -> WindowSpan:
    after = days[stop] if stop < len(days) else days[-1] + dt.timedelta(1)
    return WindowSpan(number, days[start], after)


def _behind(plan: SearchPlan, outcome: Outcome) -> _Behind:
    if outcome.ending != "complete":
        return _Behind(None, outcome.error or outcome.ending)
    figures = plain_figures(aggregated(outcome.figures, plan.aggregate, plan.symbols))
    if figure_of(figures, EARNED) is None:
        return _Behind(figures, f"it gives no {EARNED} that is defined")
    return _Behind(figures)


def _held(bars: SearchBars, windows: WalkWindows, days: Sequence[dt.date]) -> list[float | None]:
    """Return the return of buy-and-hold in each window, of capital in equal parts, bought once.

    It is bought at the open of the first traded bar, and marked at closes; nothing is paid for it.
    """
    spans = [_span(0, days, window.split, window.until) for window in windows]
    marks = [0.0] * (len(spans) + 1)
    days_of = bars.days
    for symbol, frame in bars.frames.items():
        own = days_of[symbol]
        prices = bars_module.prices(frame)
        begin, _ = _places(own, spans[0])
        bought = float(prices.open[begin])
        closes = [float(prices.close[_places(own, span)[1] - 1]) for span in spans]
        for at, price in enumerate([bought, *closes]):
            marks[at] += price / bought / len(bars.frames)
    return [after / before - 1 for before, after in pairwise(marks)]


def _places(days: Sequence[dt.date], span: WindowSpan) -> tuple[int, int]:
    """Return the first bar of a span, and one past the last."""
    assert span.start is not None  # noqa: S101  # spans of windows have dates
    assert span.end is not None  # noqa: S101  # likewise
    return bisect_left(days, span.start), bisect_left(days, span.end)
