"""A search from its plan to its files: the study made or gone on with, trials, and what follows."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo import bars as bars_module
from wfo.errors import ResultsError
from wfo.files import inside, is_own_file, is_there, remove_file
from wfo.progress import Progress, Silent
from wfo.runs.machine import Machine
from wfo.runs.optimizing.artefacts import write_artefacts
from wfo.runs.optimizing.best import judge
from wfo.runs.optimizing.counting import count_trials, read_counts
from wfo.runs.optimizing.held_out import held_elsewhere, kept_back, spent_elsewhere
from wfo.runs.optimizing.identity import record_of
from wfo.runs.optimizing.preparing import Prepared, prepared
from wfo.runs.optimizing.report import PlannedSearch, StudyReport
from wfo.runs.optimizing.reporting import notes_of, report_of, scored_of
from wfo.runs.optimizing.summary import SUMMARY, judged_of, read_summary
from wfo.search.driver import Ended, run_search
from wfo.search.evaluating.kernels import StrategyEvaluator
from wfo.search.plan import SearchPlan
from wfo.search.study import DATABASE, Study, StudyRecord, StudyTable, study_folder
from wfo.search.study import read_study as read_table
from wfo.search.study.opening import require_same
from wfo.search.values import Outcome
from wfo.text import one_line, shown

if TYPE_CHECKING:
    from wfo.data import DataStore

#: Seconds below which a first evaluation says little of how long others take.
_FIRST_ALONE = 10.0


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a search is kept, and how it was called.

    Attributes
    ----------
    out
        The folder of all results.
    name
        The study's.
    command
        What goes on with it.
    """

    out: Path
    name: str
    command: str

    @property
    def folder(self) -> Path:
        """The study's folder.

        Raises
        ------
        InputError
            If a study cannot be called by the name.
        ResultsError
            If a link stands at a name on the way to it: below a folder that is named, none is
            followed.
        """
        folder = study_folder(self.out, self.name)
        return inside(self.out, folder.relative_to(self.out).as_posix())


def carry_out(
    plan: SearchPlan,
    store: DataStore,
    asked: Asked,
    *,
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> StudyReport:
    """Search, and write what came of it; a study that is there is gone on with.

    Parameters
    ----------
    plan
        What is searched.
    store
        Where bars are.
    asked
        Where the study is kept.
    progress
        Where to tell how far it is.
    machine
        The clock of the record, and the version of what computes.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; the study is of another
        search, damaged or in use; or files cannot be written.
    """
    progress, machine = progress or Silent(), machine or Machine()
    folder = asked.folder
    begun = time.perf_counter()
    with prepared(plan, store) as made:
        # A count of trials that is damaged is found before anything is done.
        read_counts(asked.out, made)
        warnings = (
            *spent_elsewhere(asked.out, made.bars),
            *held_elsewhere(asked.out, made.bars),
        )
        for each in warnings:
            progress.say(f"warning: {each}")
        with _opened(made, asked, progress, machine) as (study, first):
            begun_with = SearchPlan.from_dict(study.record.plan).trials
            search = made.search(made.method(study.record.method, begun_with))
            with _counted(asked, made, study, progress):
                ended = run_search(
                    study,
                    search,
                    made.evaluator,
                    trials=plan.trials,
                    first=first,
                    progress=progress,
                )
            table = study.load()
            spent = count_trials(asked.out, made, study.record, len(table))
            report = _report(made, asked, table, ended, spent, progress)
            report = replace(report, warnings=(*report.warnings, *warnings))
            earlier = _summary(folder, table.record)
            seconds = 0.0 if earlier is None else float(earlier["seconds"])
            # To the millisecond, as the record keeps them, which is read again.
            seconds = round(seconds + time.perf_counter() - begun, 3)
            report = replace(report, seconds=seconds)
            write_artefacts(report, machine.stamp(), asked.command, store.folder)
    return report


@contextlib.contextmanager
def _opened(
    made: Prepared, asked: Asked, progress: Progress, machine: Machine
) -> Iterator[tuple[Study, Outcome | None]]:
    """Yield the study that is there, or a new one with what its first trial has come to."""
    folder, plan = asked.folder, made.plan
    if is_there(folder / DATABASE):
        # Of a study that is there the method is decided.
        wanted = record_of(made, asked.name, "", "", machine)
        with Study.open(folder, wanted) as study:
            if plan.trials > study.record.budget:
                study.change_budget(plan.trials)
            done = study.trials
            if done:
                progress.say(f"going on with the study {asked.name}: it has {done:,} trials")
            yield study, None
        return
    for change in plan.guardrails.changes if plan.guardrails is not None else ():
        progress.say(change)
    name, reason = made.decided()
    if reason:
        progress.say(f"method {name}: {reason}")
    search = made.search(made.method(name, plan.trials))
    # Also where nothing is evaluated before there is a study: it fails where no point is left.
    task = made.probe_task(search)
    outcome = None if plan.kind == "strategy" else made.probe(task)[0]
    record = record_of(made, asked.name, name, reason, machine)
    # That of a study that is gone says nothing of this one, which may be made in the same second.
    if is_own_file(folder / SUMMARY):
        remove_file(folder / SUMMARY)
    with Study.create(folder, record) as study:
        yield study, outcome


@contextlib.contextmanager
def _counted(asked: Asked, made: Prepared, study: Study, progress: Progress) -> Iterator[None]:
    """Count the trials that there are, however the block ends, and tell how to go on."""
    # Those of a search that was killed before it could count them.
    count_trials(asked.out, made, study.record, study.trials)
    try:
        yield
    except BaseException as error:
        failed = isinstance(error, Exception)
        how = "has failed" if failed else "was interrupted"
        progress.say(f"the search {how}; the same command goes on with what is stored")
        with contextlib.suppress(ResultsError):
            count_trials(asked.out, made, study.record, study.trials)
        raise


def _report(
    made: Prepared,
    asked: Asked,
    table: StudyTable,
    ended: Ended,
    spent: dict[str, int],
    progress: Progress,
) -> StudyReport:
    plan = made.plan
    scored = scored_of(plan, table)
    before = _summary(asked.folder, table.record)
    known = None if before is None else judged_of(before)
    judged = judge(made, table, scored, max(spent.values(), default=0), known, progress)
    notes = [made.windows.note] if made.windows.note else []
    own = made.evaluator
    if isinstance(own, StrategyEvaluator) and own.note:
        notes.append(own.note)
    if plan.guardrails is not None:
        notes += plan.guardrails.changes
    return report_of(
        asked.folder,
        plan,
        table,
        scored,
        judged,
        spent=spent,
        notes=(*notes, *notes_of(table), *kept_back(made.bars)),
        warnings=(*made.bars.warnings, *_dear_lots(made), *_warnings(table)),
        sweep_seconds=made.sweep_seconds(),
        holdout=made.bars.holdout,
        windows=made.windows.shown(made.bars.days),
        state="exhausted" if ended.exhausted else "complete",
    )


def _dear_lots(made: Prepared) -> Iterator[str]:
    """Yield of which symbols the capital does not pay for a lot on all bars.

    A search keeps no figures of the same sets with fractions of shares, so that it cannot tell
    entries that could buy nothing.
    """
    if not isinstance(made.evaluator, StrategyEvaluator):
        return
    settings = made.evaluator.settings
    for symbol, frame in made.bars.frames.items():
        prices = bars_module.prices(frame)
        low, high = (settings.lot_size * float(p) for p in (prices.low.min(), prices.high.max()))
        if high > settings.capital:
            yield (
                f"one lot of {settings.lot_size:g} of {symbol} was worth {low:,.2f} to"
                f" {high:,.2f} on these bars, and the capital is {settings.capital:,.2f}: an entry"
                " that the equity does not pay for buys nothing"
            )


def _warnings(table: StudyTable) -> Iterator[str]:
    """Yield what looks wrong with the trials."""
    printed = len(table.printed)
    if printed:
        trial, text = next(iter(sorted(table.printed.items())))
        yield (
            f"the program writes to standard output, in {printed:,} trials ({shown(text)} in trial"
            f" {trial}); that is kept in optimization.log, and nothing is read from it"
        )


def _summary(folder: Path, record: StudyRecord) -> dict[str, Any] | None:
    """Return the summary of an earlier sitting; one that is damaged is written anew."""
    try:
        return read_summary(folder, record)
    except ResultsError:
        return None


def look(
    plan: SearchPlan, store: DataStore, asked: Asked, *, machine: Machine | None = None
) -> PlannedSearch:
    """Return what a search would do; nothing is written or counted.

    One point is evaluated, to find out what that takes and what comes of it.

    Parameters
    ----------
    plan, store, asked, machine
        As in `carry_out`.

    Raises
    ------
    WfoError
        As `carry_out` does before it begins.
    """
    machine = machine or Machine()
    folder = asked.folder
    with prepared(plan, store) as made:
        read_counts(asked.out, made)
        plan = made.plan
        warnings = [
            *made.bars.warnings,
            *spent_elsewhere(asked.out, made.bars),
            *held_elsewhere(asked.out, made.bars),
        ]
        name, reason = made.decided()
        task = made.probe_task(made.search(made.method(name, plan.trials)))
        outcome, seconds = made.probe(task)
        names: list[str] = []
        if outcome.ending == "complete":
            if seconds < _FIRST_ALONE:
                # The first evaluation imports what later ones find imported.
                _, seconds = made.probe(task)
            names = list(dict.fromkeys(n for own in outcome.figures[0].values() for n in own))
        else:
            warnings.append(f"the point that was tried has failed: {one_line(outcome.error)}")
        done = 0
        if is_there(folder / DATABASE):
            table = read_table(folder)
            require_same(folder, record_of(made, asked.name, name, reason, machine), table.record)
            done, name, reason = len(table), table.record.method, table.record.method_reason
        return PlannedSearch(
            folder=folder,
            plan=plan,
            method=name,
            reason=reason,
            windows=made.windows.shown(made.bars.days),
            bars=made.bars.lines,
            holdout=made.bars.holdout,
            seconds=seconds * made.evaluator.windows if names else None,
            figures=tuple(names),
            sweep_seconds=made.sweep_seconds(),
            workers=plan.workers or 1,
            done=done,
            warnings=tuple(warnings),
        )
