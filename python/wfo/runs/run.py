"""A whole run, from stored bars to exported ranges."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.errors import ResultsError
from wfo.progress import Progress, Silent
from wfo.runs.fetching import Fetching
from wfo.runs.folder import RunFolder
from wfo.runs.holdout.searched import looked_at
from wfo.runs.holdout.spendings import overlapping
from wfo.runs.identity import search
from wfo.runs.job import Job, check_fits
from wfo.runs.machine import Clock, Machine
from wfo.runs.manifest import Manifest
from wfo.runs.market import Market
from wfo.runs.options import RunOptions
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.resume import going_on
from wfo.runs.stages import Stages
from wfo.runs.sweeping import Sweeping
from wfo.runs.task import Task
from wfo.text import one_line

if TYPE_CHECKING:
    from wfo.data import DataStore


def run(
    plan: RunPlan,
    store: DataStore,
    *,
    progress: Progress | None = None,
    machine: Machine | None = None,
    options: RunOptions | None = None,
    fetching: Fetching | None = None,
) -> RunReport:
    """Carry out a run from stored bars to exported ranges.

    Parameters
    ----------
    plan
        What to do.
    store
        Where the bars are.
    progress
        Where to tell how far it is.
    machine
        Free memory and disk, and the clock.
    options
        How stores and scoring work.
    fetching
        How bars that the store does not have are fetched; by default as the plan says.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if the results cannot
        be written.
    """
    progress, machine, clock = progress or Silent(), machine or Machine(), Clock()
    with clock.stage("bars"):
        version = machine.version()
        task = Task.of(plan, store, version, fetching=fetching, progress=progress)
    for note in task.notes:
        progress.say(note)
    folder = plan.folder
    # A count of trials that is damaged is found before anything is done.
    folder.read_trials(plan.symbol)
    with folder.hold(plan.command):
        job = going_on(task, folder, machine, options)
        check_fits(job, folder, machine)
        _say_what_is_spent(job, folder, progress)
        _say_what_is_looked_at(job, folder, progress)
        sweeps = [Sweeping.of(job, grid, folder, progress, clock) for grid in job.task.grids]
        _say_what_changed(job, folder, progress)
        moved = _make_room(job, folder, sweeps)
        if job.task is not task:
            progress.say(
                "going on with the bars that the run began with, up to"
                f" {job.task.inputs.data.last}; --fresh starts over with those of today"
            )
        # A run that is complete stays so while it is only looked at.
        for sweep in sweeps:
            sweep.check()
        manifest = job.manifest(machine)
        with _under_way(manifest, folder, plan, progress, machine):
            job.write_inputs(folder)
            trials = 0
            for sweep in sweeps:
                sweep.run(manifest)
                trials = folder.count_trials(plan.symbol, search(job.task, sweep.grid))
            market = Market.of_task(job.task)
            stages = Stages(
                folder,
                market,
                plan.gates,
                plan.csv_rows,
                plan.ranges,
                progress,
                clock,
                job.options.score,
            )
            reports = tuple(stages.find(sweep.store) for sweep in sweeps)
            manifest, files = stages.finish(reports, manifest, trials, machine)
    return RunReport(folder, job.task.phases, reports, files, moved, trials, clock.total, manifest)


def _say_what_is_spent(job: Job, folder: RunFolder, progress: Progress) -> None:
    """Tell before the search that another run has spent what this one holds out.

    Raises
    ------
    ResultsError
        If a list of what was spent is damaged.
    """
    out = job.task.inputs.holdout
    if out is None:
        return
    for other in overlapping(folder, job.task.plan.symbols, job.fingerprint, out.record):
        progress.say(
            f"warning: the run {other.folder} ({other.run[:8]}) has spent the bars from"
            f" {other.first} to {other.last}: this one cannot be tried on what it holds out;"
            f" bars after {other.last} are untouched"
        )


def _say_what_is_looked_at(job: Job, folder: RunFolder, progress: Progress) -> None:
    """Tell before the search which hold-outs of other runs it looks at.

    Raises
    ------
    ResultsError
        If the count of trials, or a list of what was spent, is damaged.
    """
    searches = [search(job.task, grid) for grid in job.task.grids]
    through = max(dt.date.fromisoformat(each["through"]) for each in searches)
    own = [each["fingerprint"] for each in searches]
    for each in looked_at(folder, job.task.plan.symbol, through, own):
        progress.say(f"warning: {each}")


def _say_what_changed(job: Job, folder: RunFolder, progress: Progress) -> None:
    """Tell where the run of the folder is not gone on with, since a strategy's file was edited."""
    earlier = None if job.task.plan.fresh else folder.earlier()
    if earlier is None or earlier.fingerprint == job.fingerprint:
        return
    for grid in job.task.grids:
        stated = earlier.strategies.get(grid.strategy.name)
        before, now = None if stated is None else stated.source, grid.strategy.source
        if before is not None and now is not None and before.sha256 != now.sha256:
            progress.say(
                f"{one_line(now.file)} has changed since the run in {folder.path} was made: that"
                " one moves to the history, and everything is computed anew"
            )


def _make_room(job: Job, folder: RunFolder, sweeps: Sequence[Sweeping]) -> Path | None:
    """Make the folder ready, and return where an earlier, other run was moved."""
    # A manifest that is damaged does not cost the figures, which know whose they are.
    unread = folder.earlier() is None and any(sweep.store.is_mine() for sweep in sweeps)
    fresh = job.task.plan.fresh
    return folder.prepare(job.fingerprint, job.task.names, fresh=fresh, damaged=unread)


@contextlib.contextmanager
def _under_way(
    manifest: Manifest, folder: RunFolder, plan: RunPlan, progress: Progress, machine: Machine
) -> Iterator[None]:
    """Write down that a run is under way, and, if it is stopped, that it was."""
    try:
        manifest.write(folder.manifest)
        yield
    except BaseException as error:
        failed = isinstance(error, Exception)
        how = "has failed" if failed else "was interrupted"
        same = "the same command, without --fresh," if plan.fresh else "the same command"
        progress.say(f"the run {how}; {same} goes on with what is stored")
        status = "failed" if failed else "interrupted"
        with contextlib.suppress(ResultsError):
            replace(manifest, status=status, finished=machine.stamp()).write(folder.manifest)
        raise
