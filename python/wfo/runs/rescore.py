"""The stored figures of a run, scored again."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from wfo.backtest import thread_count
from wfo.errors import InputError, ResultsError
from wfo.progress import Progress, Silent
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Clock, Machine
from wfo.runs.manifest import Manifest, Rescored, run_ranges
from wfo.runs.market import Market
from wfo.runs.options import RunOptions
from wfo.runs.permuting.record import stale_tests
from wfo.runs.plan import CSV_ROWS
from wfo.runs.report import RunReport
from wfo.runs.stages import Stages
from wfo.runs.stored import stored_sweeps, verify_sweep
from wfo.selection.gates import Gates
from wfo.selection.scoring import stable_threshold
from wfo.sweeps import SweepStore
from wfo.tradestation.ranges import RangeOptions


def rescore(
    folder: RunFolder,
    *,
    gates: Gates | None = None,
    csv_rows: int | None = CSV_ROWS,
    ranges: RangeOptions | None = None,
    threads: int | None = None,
    command: str = "",
    progress: Progress | None = None,
    machine: Machine | None = None,
    options: RunOptions | None = None,
) -> RunReport:
    """Score the stored figures of a run again, with other gates, without a sweep.

    Parameters
    ----------
    folder
        Folder of a complete run; its candidates, plateaus and ranges are replaced.
    gates
        The new gates; by default those of the run. A run that keeps survivors allows those that it
        was counted with: v4, strict, and its own.
    csv_rows
        Rows of the candidates' CSV file at most; None for all.
    ranges
        How ranges for TradeStation are made; by default as those of the run.
    threads
        By default one for each core.
    command
        How it was called, for the manifest.
    progress
        Where to tell how far it is.
    machine
        The clock of the manifest.
    options
        How stores and scoring work.

    Raises
    ------
    WfoError
        If there is no complete run, its figures are damaged, or the gates cannot be used: those
        of a run that keeps survivors were applied while sweeping.
    """
    progress, machine, clock = progress or Silent(), machine or Machine(), Clock()
    options = options or RunOptions()
    # Before anything is held or made: there may be no such folder.
    folder.read_manifest(scored=False)
    with folder.hold(command):
        manifest = folder.read_manifest(scored=False)
        gates, ranges = gates or manifest.gates, ranges or run_ranges(manifest)
        stores = stored_sweeps(folder, manifest, gates, thread_count(threads), options.store)
        asked = gates.required(len(manifest.phases), manifest.phases.min_phases)
        check_inputs(folder, manifest)
        _say_what_ends(manifest, progress)
        for kept in stores:
            verify_sweep(kept, progress, clock)
        _check_gates(stores, gates, asked)
        market = Market.of_run(folder, manifest, stores[0].benchmarks, thread_count(threads))
        # From here on the folder may hold files of two scorings, and says so until the last is
        # written.
        replace(manifest, status="rescoring").write(folder.manifest)
        stages = Stages(folder, market, gates, csv_rows, ranges, progress, clock, options.score)
        reports = tuple(stages.find(kept) for kept in stores)
        rescored = Rescored(command, machine.stamp())
        held = stores[0].benchmarks
        # Plateaus and ranges are found anew, whatever a stage alone has made of them.
        manifest = replace(
            manifest,
            gates=gates,
            bars_per_year=market.year,
            benchmarks=held,
            rescored=rescored,
            stages={},
        )
        trials = manifest.completion.trials if manifest.completion else 0
        manifest, files = stages.finish(reports, manifest, trials, machine)
        _say_what_is_stale(folder, manifest, machine, progress)
    return RunReport(folder, manifest.phases, reports, files, None, trials, clock.total, manifest)


def check_inputs(folder: RunFolder, manifest: Manifest) -> None:
    """Raise a `ResultsError` unless what the run has read is as it was written."""
    for name, stated in manifest.sums.items():
        if folder.is_input(name):
            folder.check_digest(name, stated)


def _say_what_ends(manifest: Manifest, progress: Progress) -> None:
    """Tell which options of a stage that was run again alone do not hold any more."""
    stage = manifest.stages.get("plateaus")
    results = manifest.completion.results if manifest.completion else ()
    if stage is not None and any(each.get("plateau_options") for each in results):
        again = f"; what gives those again: {stage.command}" if stage.command else ""
        progress.say(
            f"plateaus are looked for by the usual options, not by those of wfo plateaus{again}"
        )


def _say_what_is_stale(
    folder: RunFolder, manifest: Manifest, machine: Machine, progress: Progress
) -> None:
    """Tell which permutation tests do not hold for the gates any more."""
    # Of one that is damaged 'wfo verify' tells.
    with contextlib.suppress(ResultsError):
        for text in stale_tests(folder, manifest, version=machine.version()):
            progress.say(text)


def _check_gates(stores: Sequence[SweepStore], gates: Gates, asked: int) -> None:
    """Raise an `InputError` where a store does not allow the gates."""
    for kept in stores:
        counted, least = kept.counted.get(gates), asked
        if counted is not None:
            given = gates.min_phases is not None
            least, _ = stable_threshold(asked, counted.valid_phases, given=given)
        reason = kept.refuses(gates, least)
        if reason:
            raise InputError(
                f"{kept.grid.strategy.name} keeps survivors only, which does not allow"
                f" {reason}; that needs a new sweep: 'wfo run' with these gates"
            )
