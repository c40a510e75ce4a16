"""One in-sample part searched by a study of its own, which is gone on with after a kill."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wfo import bars as bars_module
from wfo.data import fingerprint as bars_fingerprint
from wfo.errors import InputError
from wfo.files import entries_of, inside, is_own_folder, is_there
from wfo.progress import Progress, Silent
from wfo.runs.identity import fingerprint
from wfo.runs.machine import Machine
from wfo.runs.optimizing.bars import SearchBars
from wfo.runs.optimizing.identity import record_of
from wfo.runs.optimizing.planned import objective_text
from wfo.runs.optimizing.preparing import Prepared, prepared_on, require_choice
from wfo.runs.optimizing.reporting import scored_of
from wfo.runs.optimizing.windows import Bounds, Days, Resolved, Window
from wfo.search.driver import run_search
from wfo.search.methods import choose
from wfo.search.plan import SearchPlan, SearchWindows
from wfo.search.study import DATABASE, Study, StudyTable
from wfo.search.study.folders import listing_of, naming_the_reading

if TYPE_CHECKING:
    from wfo.search.objective import Scored
    from wfo.search.values import Outcome
    from wfo.windows import WalkWindow

#: The folder of the studies, below that of the walk-forward.
STUDIES = "studies"

#: Characters of the digest in the name of a study.
_DIGEST = 8


def window_seed(seed: int, in_sample: tuple[dt.date, dt.date]) -> int:
    """Return the seed of a window's study, from 0 to 2^63 - 1.

    It follows from the plan's seed and the dates of the in-sample part alone: neither a window
    before it nor a bar behind it changes which sets are tried.
    """
    first, last = in_sample
    digest = hashlib.sha256(f"{seed} {first.isoformat()} {last.isoformat()}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def require_one_objective(plan: SearchPlan) -> None:
    """Raise an `InputError` where a search has no best trial, or nothing to choose from."""
    require_choice(plan)
    if plan.objective.several:
        raise InputError(
            f"{objective_text(plan.objective)}: a walk-forward needs the one best set of each"
            " window; name one figure, or give the figures weights"
        )


def by_of(plan: SearchPlan) -> str:
    """Return what sets are chosen by, in words: the name of the one figure, or the objective."""
    objective = plan.objective
    return objective.names[0] if objective.kind == "figure" else objective_text(objective)


def trials_below(folder: Path) -> int:
    """Return how many trials the studies of a walk-forward have, also of those that are not whole.

    They are what was looked at, whether a decision came of it or not. A study that cannot be read
    counts none.

    Parameters
    ----------
    folder
        That of the walk-forward.

    Raises
    ------
    ResultsError
        If the folder cannot be read, or a link stands at its name.
    """
    place = inside(folder, STUDIES)
    if not is_own_folder(place):
        return 0
    with naming_the_reading(place):
        entries = entries_of(place)
    return sum(
        listing_of(path).trials
        for path in entries
        if is_own_folder(path) and is_there(path / DATABASE)
    )


def notes_of_plan(plan: SearchPlan) -> tuple[str, ...]:
    """Return what of the file of a space does not hold in a walk-forward, as sentences."""
    found = []
    if plan.windows.kind != "none":
        found.append(
            "The windows of the space are not used: each study scores on the whole in-sample part"
            " of its window, as one stretch."
        )
    if plan.prune != "none":
        found.append("No trial is pruned: an in-sample part is one stretch.")
    if plan.baseline is not None:
        found.append("The baseline of the space is not looked at.")
    return tuple(found)


@dataclass(frozen=True, slots=True, eq=False)
class InSample:
    """An in-sample part: its bars and nothing behind them.

    Attributes
    ----------
    dates
        Dates of its first and its last bar.
    bars
        By symbol, from the first bar of the history to the last one of the part.
    bounds
        First bar that trades, and twice one past the last, by symbol.
    """

    dates: tuple[dt.date, dt.date]
    bars: SearchBars
    bounds: dict[str, Bounds]

    @classmethod
    def of(cls, bars: SearchBars, dates: tuple[dt.date, dt.date]) -> InSample:
        """Return the part of some bars between two dates, both of which count."""
        frames, bounds = {}, {}
        for symbol, frame in bars.frames.items():
            days = bars_module.dates(frame)
            start, stop = bisect_left(days, dates[0]), bisect_right(days, dates[1])
            frames[symbol] = frame[:stop]
            bounds[symbol] = (start, stop, stop)
        prints = {symbol: bars_fingerprint(frame) for symbol, frame in frames.items()}
        return cls(dates, replace(bars, frames=frames, fingerprints=prints), bounds)

    @property
    def windows(self) -> Resolved:
        """The one window of a study: the part, and nothing out of sample."""
        days: Days = (self.dates[0], self.dates[1] + dt.timedelta(1))
        return Resolved((Window(0, days, None),), {s: (b,) for s, b in self.bounds.items()})


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """A study that has all its trials.

    Attributes
    ----------
    made
        What was searched; it evaluates until the block of `searched` ends.
    table, scored
        All trials.
    """

    made: Prepared
    table: StudyTable
    scored: Scored

    @property
    def feasible(self) -> list[int]:
        """The trials that keep to all limits, the best first; of equal ones the earlier."""
        allowed = self.scored.feasible
        return [trial for trial in self.scored.order().tolist() if allowed[trial]]

    def tied(self, trial: int) -> int:
        """Return how many trials that keep to all limits have the score of one of them."""
        scores = self.scored.scores
        return int((self.scored.feasible & (scores == scores[trial])).sum())


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Studies of one plan, one an in-sample part.

    Attributes
    ----------
    plan
        What is searched; its own windows are not used.
    bars
        Those of `wfo.runs.optimizing.bars.load_bars`.
    folder
        That of the walk-forward; a study is in ``studies/<first>_<last>_<digest>`` below it. The
        digest is of all that decides its trials, so that another search never meets it.
    progress, machine
        Where to tell how far it is; the clock of records.
    """

    plan: SearchPlan
    bars: SearchBars
    folder: Path
    progress: Progress = field(default_factory=Silent)
    machine: Machine = field(default_factory=Machine)

    def plan_of(self, part: InSample) -> SearchPlan:
        """Return the plan of one part's study."""
        return replace(
            self.plan,
            windows=SearchWindows("none"),
            # The bars are cut already.
            period=(None, None),
            holdout=None,
            prune="none",
            baseline=None,
            seed=window_seed(self.plan.seed, part.dates),
        )

    @contextlib.contextmanager
    def prepared(self, part: InSample) -> Iterator[Prepared]:
        """Yield one part's search, made ready and not begun."""
        with prepared_on(self.plan_of(part), part.bars, part.windows) as made:
            yield made

    @contextlib.contextmanager
    def searched(
        self, part: InSample, check: Callable[[Outcome], None] | None = None
    ) -> Iterator[Searched]:
        """Search one part, or go on with its study; one that is whole is read.

        Parameters
        ----------
        part
            The in-sample part.
        check
            Called with what the first trial of a new study of a program has come to, before there
            is a study; what it raises goes on.

        Raises
        ------
        WfoError
            If the study cannot be evaluated, read or written, or another process writes to it.
        """
        with self.prepared(part) as made:
            plan = made.plan
            name, reason = _method(made)
            record = record_of(made, STUDIES, name, reason, self.machine)
            digest = fingerprint({"search": dict(record.identity), "trials": plan.trials})
            first, last = part.dates
            own = f"{first}_{last}_{digest[:_DIGEST]}"
            record = replace(record, name=own)
            folder = inside(self.folder, f"{STUDIES}/{own}")
            outcome = None
            if is_there(folder / DATABASE):
                study = Study.open(folder, record)
            else:
                task = made.probe_task(made.search(made.method(name, plan.trials)))
                if plan.kind != "strategy":
                    outcome, _ = made.probe(task)
                    if check is not None:
                        check(outcome)
                study = Study.create(folder, record)
            with study:
                search = made.search(made.method(study.record.method, plan.trials))
                run_search(
                    study,
                    search,
                    made.evaluator,
                    trials=plan.trials,
                    first=outcome,
                    progress=self.progress,
                )
                table = study.load()
            yield Searched(made, table, scored_of(plan, table))

    def seconds(self, windows: Sequence[WalkWindow]) -> float:
        """Return about how long the studies of some windows take, without those of the method.

        One trial is evaluated in the longest in-sample part; others count by their bars. Nothing
        is written, and studies that are there are not looked at.
        """
        longest = max(windows, key=lambda each: each.in_sample_bars)
        with self.prepared(InSample.of(self.bars, longest.in_sample)) as made:
            name, _ = _method(made)
            task = made.probe_task(made.search(made.method(name, self.plan.trials)))
            made.probe(task)
            # The first evaluation imports what later ones find imported.
            _, seconds = made.probe(task)
        share = sum(each.in_sample_bars for each in windows) / longest.in_sample_bars
        together = 1 if made.strategy is not None else self.plan.workers or 1
        return seconds * self.plan.trials * share / together


def _method(made: Prepared) -> tuple[str, str]:
    """Return the method, and why ``auto`` has chosen it; nothing is timed for it."""
    plan = made.plan
    if plan.method != "auto":
        return plan.method, ""
    choice = choose(made.space, budget=plan.trials, slow=made.strategy is None)
    return choice.name, choice.reason
