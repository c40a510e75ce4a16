"""A walk-forward from its plan to its files; one that was stopped goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wfo import bars as bars_module
from wfo.errors import ResultsError
from wfo.files import make_folder, naming_the_file, write_frame, write_text
from wfo.progress import Progress, Silent
from wfo.runs.given import given_files
from wfo.runs.holdout.searched import counted_holdout
from wfo.runs.holdout.spendings import overlapping
from wfo.runs.machine import Clock, Machine
from wfo.runs.walkforward.artefacts import write_pages
from wfo.runs.walkforward.counting import TrialCount
from wfo.runs.walkforward.decisions import Decisions, KeptChooser
from wfo.runs.walkforward.fixed import run_set
from wfo.runs.walkforward.identity import decision_keys
from wfo.runs.walkforward.last_set import write_last_set
from wfo.runs.walkforward.manifest import write_record
from wfo.runs.walkforward.preparing import Prepared, prepare
from wfo.runs.walkforward.preparing_studies import prepare_study
from wfo.runs.walkforward.record import curves_frame
from wfo.runs.walkforward.report import WalkForwardReport
from wfo.runs.walkforward.under_way import under_way
from wfo.walkforward.matrix_walk import walk_matrix
from wfo.walkforward.stitching import hindsight_window, stitch
from wfo.windows import Windows

if TYPE_CHECKING:
    from wfo.data import DataStore
    from wfo.runs.walkforward.plan import WalkPlan
    from wfo.walkforward.matrix import WalkForwardMatrix
    from wfo.walkforward.values import WalkForward


def carry_out(
    plan: WalkPlan,
    store: DataStore,
    *,
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> WalkForwardReport:
    """Walk forward, and write what came of it; one that is there is gone on with.

    Parameters
    ----------
    plan
        What to do.
    store
        Where the bars are; nothing is fetched.
    progress
        Where to tell how far it is.
    machine
        The clock of the record, and the version of what computes.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if the results cannot
        be written.
    """
    progress, machine, clock = progress or Silent(), machine or Machine(), Clock()
    with clock.stage("bars"):
        made = prepared(plan, store, machine.version())
    folder = made.folder
    count = counting(made)
    # A count of trials that is damaged is found before anything is done.
    count.check()
    warnings = (*made.warnings, *spent(made), *count.looked_at())
    for each in warnings:
        progress.say(f"warning: {each}")
    with folder.hold(plan.command):
        decisions, moved = _make_room(made, count, progress)
        with under_way(plan, progress, decisions.save):
            # Those of a search that was killed before it could count them.
            count.count(decisions.searched)
            _write_given(made)
            chooser = KeptChooser(
                made.chooser(progress),
                decisions,
                decision_keys(made.choice, made.inputs.bars, made.inputs.second),
                progress=progress,
            )
            with clock.stage("choosing and trading"):
                walk, matrix, notes = _walked(made, chooser, progress)
            found = WalkForwardReport(
                folder=folder.path,
                walk=walk,
                matrix=matrix,
                timeframe=plan.timeframe,
                data=tuple(r for r in (made.inputs.data, made.inputs.data2) if r is not None),
                version=made.version,
                command=plan.command,
                finished=machine.stamp(),
                trials=count.totals,
                seconds=clock.total,
                kept=chooser.kept,
                decided=chooser.decided,
                holdout=None if made.inputs.holdout is None else made.inputs.holdout.record,
                moved=moved,
                notes=(*made.notes, *notes),
                warnings=warnings,
                timings=clock.seconds,
                combinations=chooser.combinations,
                by_reason=made.by_reason,
                rules=made.rules,
                year=made.year,
                strategy=made.history.strategy,
            )
            return _written(made, found, clock)


def prepared(plan: WalkPlan, store: DataStore, version: str) -> Prepared:
    """Read and check all that a plan of a strategy names, for what computes, of that version.

    Raises
    ------
    WfoError
        If anything of it cannot be used.
    """
    return (prepare if plan.study is None else prepare_study)(plan, store, version)


def counting(made: Prepared) -> TrialCount:
    """Return the count of trials that a walk-forward is part of."""
    held = made.inputs.holdout
    search = {
        "fingerprint": made.fingerprint,
        "strategy": made.history.strategy.name,
        "grid": made.grid_name,
        **counted_holdout(None if held is None else held.record, made.folder.path),
    }
    through = bars_module.dates(made.inputs.bars)[-1]
    # As of runs, a second symbol is not what is searched.
    return TrialCount(made.folder, (made.plan.symbol,), search, through)


def spent(made: Prepared) -> tuple[str, ...]:
    """Return a line for each run that has spent some of what is held out.

    Raises
    ------
    ResultsError
        If a list of what was spent is damaged.
    """
    out = made.inputs.holdout
    if out is None:
        return ()
    return tuple(
        f"the run {other.folder} ({other.run[:8]}) has spent the bars from {other.first} to"
        f" {other.last}: what is held out of them is not untouched"
        for other in overlapping(made.folder, made.plan.symbols, "", out.record)
    )


def _make_room(
    made: Prepared, count: TrialCount, progress: Progress
) -> tuple[Decisions, Path | None]:
    """Make the folder ready; return the decisions there, and where another one was moved."""
    folder, fingerprint = made.folder, made.fingerprint

    def decisions() -> Decisions:
        return Decisions(folder.manifest, made.identity, fingerprint, count.count)

    moved = folder.prepare(fingerprint, fresh=made.plan.fresh)
    kept = decisions()
    try:
        kept.load()
        kept.require(made.misfit)
    except ResultsError as error:
        progress.say(f"warning: {error}; every window is searched again")
        moved = folder.prepare(fingerprint, fresh=True)
        kept = decisions()
    if moved is not None:
        progress.say(f"what was in {folder.path} is now in {moved}")
    if len(kept):
        progress.say(f"going on: {len(kept):,} decisions are there already")
    # From now on the folder says whose it is.
    kept.save(always=True)
    return kept, moved


def _walked(
    made: Prepared, chooser: KeptChooser, progress: Progress
) -> tuple[WalkForward | None, WalkForwardMatrix | None, tuple[str, ...]]:
    """Choose in all windows and let the sets trade; return what it comes to, and notes."""
    plan, windows = made.plan, made.windows
    if made.layout is not None:
        matrix = walk_matrix(
            made.history,
            chooser,
            made.layout,
            grid_name=made.grid_name,
            symbols=plan.symbols,
            progress=progress,
        )
        return None, matrix, ()
    assert windows is not None  # noqa: S101  # there is one of the two
    hindsight = hindsight_window(windows, made.history.days)
    # In one go, so that work is shared with it too.
    *decisions, seen = chooser.choose([*windows, hindsight])
    best, note = run_set(plan, made.history.strategy.name, made.inputs, windows[0].split)
    walk = stitch(
        made.history,
        windows,
        decisions,
        grid=made.grid,
        grid_name=made.grid_name,
        by=made.by,
        symbols=plan.symbols,
        hindsight=seen,
        run_set=best,
        searched=chooser.searched,
    )
    return walk, None, (note,) if note else ()


def _write_given(made: Prepared) -> None:
    """Keep a grid that was given as a value as a file that a command can name."""
    if made.grid is None:
        return
    usual = Windows.preset("default")
    files = given_files(made.plan.grid, [made.grid], usual.name, usual, made.folder)
    for path, text in files.items():
        with naming_the_file(path):
            make_folder(path.parent)
        write_text(path, text)


def _written(made: Prepared, found: WalkForwardReport, clock: Clock) -> WalkForwardReport:
    """Write all files, the record last, and return the report with their names."""
    folder, inputs = made.folder, made.inputs
    folder.remove_record()
    with clock.stage("writing"):
        frames = {folder.bars: inputs.bars}
        if inputs.second is not None:
            frames[folder.bars2] = inputs.second
        if found.walk is not None:
            frames |= {
                folder.curves: curves_frame(found.walk),
                folder.trade_list: found.walk.trades,
            }
        tables = list(frames)
        for path, frame in frames.items():
            write_frame(path, frame)
        pages = [*write_pages(found), *write_last_set(found, made.history.strategy)]
        names = [path.relative_to(folder.path).as_posix() for path in (*pages, *tables)]
    found = replace(
        found,
        files=(*names, folder.manifest.name, folder.record.name),
        timings=dict(clock.seconds),
        seconds=clock.total,
    )
    sums = folder.digests([*pages, *tables, folder.manifest])
    write_record(folder, found, made.identity, sums, (made.history.strategy,))
    return found
