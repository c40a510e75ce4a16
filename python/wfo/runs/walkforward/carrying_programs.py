"""A walk-forward of a program, from its plan to its record; it goes on with its studies."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wfo.progress import Progress, Silent
from wfo.runs.machine import Clock, Machine
from wfo.runs.optimizing.held_out import spent_elsewhere
from wfo.runs.walkforward.artefacts import write_pages
from wfo.runs.walkforward.counting import TrialCount
from wfo.runs.walkforward.decisions import Decisions
from wfo.runs.walkforward.estimate import WalkEstimate
from wfo.runs.walkforward.manifest import write_record
from wfo.runs.walkforward.preparing_studies import PreparedProgram, prepare_program
from wfo.runs.walkforward.programs import program_seconds, walk_program
from wfo.runs.walkforward.report import WalkForwardReport
from wfo.runs.walkforward.under_way import under_way

if TYPE_CHECKING:
    from wfo.data import DataStore
    from wfo.runs.walkforward.plan import WalkPlan

#: Bytes that a trial takes in the database of its study, about, and those of a program's process.
_TRIAL, _PROCESS = 4_000, 330_000_000


def carry_out_program(
    plan: WalkPlan,
    store: DataStore,
    *,
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> WalkForwardReport:
    """Walk a program forward, and write what came of it; one that is there is gone on with.

    Parameters
    ----------
    plan, store, progress, machine
        As of `wfo.runs.walkforward.carrying.carry_out`.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if the results cannot
        be written.
    """
    progress, machine, clock = progress or Silent(), machine or Machine(), Clock()
    with clock.stage("bars"):
        made = prepare_program(plan, store, machine.version())
    folder = made.folder
    count = _counting(made)
    count.check()
    warnings = (
        *made.bars.warnings,
        *spent_elsewhere(plan.results, made.bars),
        *count.looked_at(),
    )
    for each in warnings:
        progress.say(f"warning: {each}")
    with folder.hold(plan.command):
        moved = folder.prepare(made.fingerprint, fresh=plan.fresh)
        if moved is not None:
            progress.say(f"what was in {folder.path} is now in {moved}")
        # It says whose the folder is; what is decided is in the studies.
        Decisions(folder.manifest, made.identity, made.fingerprint).save(always=True)
        # All that is begun counts, also where it is stopped.
        count.count(len(made.windows) * made.search.trials)
        with under_way(plan, progress), clock.stage("choosing and trading"):
            walk = walk_program(
                made.search,
                made.bars,
                made.windows,
                folder.path,
                progress=progress,
                machine=machine,
            )
        found = WalkForwardReport(
            folder=folder.path,
            walk=None,
            matrix=None,
            program=walk,
            timeframe=plan.timeframe,
            data=(),
            version=made.version,
            command=plan.command,
            finished=machine.stamp(),
            trials=count.totals,
            seconds=clock.total,
            kept=0,
            decided=len(walk.results),
            moved=moved,
            warnings=warnings,
            timings=dict(clock.seconds),
            combinations=made.search.trials,
        )
        folder.remove_record()
        pages = write_pages(found)
        names = [path.relative_to(folder.path).as_posix() for path in pages]
        found = replace(found, files=(*names, folder.manifest.name, folder.record.name))
        write_record(folder, found, made.identity, folder.digests([*pages, folder.manifest]))
    return found


def look_at_program(
    plan: WalkPlan, store: DataStore, *, machine: Machine | None = None
) -> WalkEstimate:
    """Return what a walk-forward of a program would take; one point is tried, nothing is written.

    Raises
    ------
    WfoError
        As `carry_out_program` before it begins.
    """
    machine = machine or Machine()
    made = prepare_program(plan, store, machine.version())
    windows, trials = len(made.windows), made.search.trials
    return WalkEstimate(
        folder=made.folder.path,
        cells=1,
        windows=windows,
        parts=windows,
        kept=0,
        combinations=trials,
        seconds=program_seconds(made.search, made.bars, made.windows),
        disk=windows * trials * _TRIAL,
        memory=_PROCESS * (1 + (made.search.workers or 1)),
        free=machine.free(made.folder.path),
    )


def _counting(made: PreparedProgram) -> TrialCount:
    search = {
        "fingerprint": made.fingerprint,
        "strategy": "program",
        "grid": made.plan.study[0] if made.plan.study else "",
    }
    through = made.windows.as_of
    return TrialCount(made.folder, tuple(made.search.symbols), search, through)
