"""A run as a job: what to do, how each sweep is stored, and whether it fits the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wfo.backtest.evaluate import sweeping_engine
from wfo.build import build_info
from wfo.errors import ResultsError
from wfo.files import (
    files_below,
    make_folder,
    naming_the_file,
    size_of,
    write_frame,
    write_text,
)
from wfo.grid import Grid
from wfo.runs.fits import bytes_needed, memory_needed
from wfo.runs.folder import RunFolder
from wfo.runs.given import given_files
from wfo.runs.identity import fingerprint, run_identity, sweep_key
from wfo.runs.machine import Machine, existing, host
from wfo.runs.manifest import Manifest, SweepRecord
from wfo.runs.options import RunOptions
from wfo.runs.task import Task
from wfo.selection.gates import gate_sets
from wfo.strategy import is_built_in
from wfo.sweeps import SurvivorStore
from wfo.text import size_text


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A task, and how each of its sweeps is stored.

    Attributes
    ----------
    task
        What to do.
    stores
        Kind of the store, for each strategy.
    options
        How stores and scoring work.
    """

    task: Task
    stores: Mapping[str, str]
    options: RunOptions = field(default_factory=RunOptions)

    @property
    def fingerprint(self) -> str:
        """What makes two runs the same one, hashed."""
        return fingerprint(run_identity(self.task, self.stores))

    @property
    def engine(self) -> str:
        """Name of the engine that sweeps."""
        return sweeping_engine(self.task.grids[0], self.task.settings)

    @property
    def bytes_needed(self) -> int:
        """The bytes that the results take on disk, at most."""
        phases, sets = len(self.task.phases), len(gate_sets(self.task.plan.gates))
        return sum(
            bytes_needed(self.stores[g.strategy.name], len(g), phases, sets, self.options)
            for g in self.task.grids
        )

    def manifest(self, machine: Machine) -> Manifest:
        """Return ``run.json`` of the run when it begins."""
        task, plan = self.task, self.task.plan
        return Manifest(
            status="running",
            fingerprint=self.fingerprint,
            command=plan.command,
            started=machine.stamp(),
            symbol=plan.symbol,
            timeframe=plan.timeframe,
            data=task.inputs.data,
            data2=task.inputs.data2,
            join=task.inputs.dropped,
            strategy=task.requested.name,
            windows=task.schedule.to_dict(),
            phases=task.phases,
            settings=task.settings.to_dict(),
            gates=plan.gates,
            bars_per_year=task.year,
            benchmarks=task.benchmarks,
            holdout=None if task.inputs.holdout is None else task.inputs.holdout.record,
            engine=self.engine,
            threads=task.threads,
            grids=tuple(g.to_dict() for g in task.grids),
            sweeps={g.strategy.name: self._sweep(g) for g in task.grids},
            strategies={
                g.strategy.name: g.strategy for g in task.grids if not is_built_in(g.strategy)
            },
            map_axes=task.map_axes,
            build=build_info(),
            host=host(),
        )

    def _sweep(self, grid: Grid) -> SweepRecord:
        kind = self.stores[grid.strategy.name]
        kept = self.options.store.kept if kind == SurvivorStore.kind else None
        return SweepRecord(kind, sweep_key(self.task, grid, kind), kept)

    def write_inputs(self, folder: RunFolder) -> None:
        """Keep the bars beside the results, what is held out, and what was given as values.

        Raises
        ------
        ResultsError
            If they cannot be written.
        """
        inputs = self.task.inputs
        pairs = [(folder.bars, inputs.bars), (folder.bars2, inputs.second)]
        if inputs.holdout is not None:
            out = inputs.holdout
            pairs += [(folder.holdout, out.bars), (folder.holdout2, out.second)]
        for path, bars in pairs:
            if bars is not None:
                write_frame(path, bars)
        task, plan = self.task, self.task.plan
        given = given_files(plan.grid, task.grids, plan.windows, task.schedule, folder)
        for path, text in given.items():
            with naming_the_file(path):
                make_folder(path.parent)
            write_text(path, text)


def check_fits(job: Job, folder: RunFolder, machine: Machine) -> None:
    """Raise if the results would not fit the disk, or the work not the memory.

    Raises
    ------
    ResultsError
        With what is needed and what there is.
    """
    task = job.task
    phases = len(task.phases)
    need, free = job.bytes_needed - _present(job, folder), machine.free(folder.path)
    if need > free:
        cells = sum(len(g) for g in task.grids)
        smaller = "" if SurvivorStore.kind in job.stores.values() else ", --store survivors"
        raise ResultsError(
            f"the results of {cells:,} combinations over {phases} phases take up to"
            f" {size_text(need)}, {existing(folder.path)} has {size_text(free)} free: choose a"
            f" smaller grid{smaller}, or another disk with --out"
        )
    sets = len(gate_sets(task.plan.gates))
    kept = job.options.score.kept
    bars = len(task.inputs.bars)
    memory = max(
        memory_needed(g, phases, task.threads, kept, bars=bars, sets=sets) for g in task.grids
    )
    there = machine.memory()
    if there is not None and memory > there:
        raise ResultsError(
            f"the run takes up to {size_text(memory)} of memory, the machine has"
            f" {size_text(there)}: choose fewer --threads, or a machine with more"
        )


def _present(job: Job, folder: RunFolder) -> int:
    """Return the bytes of the run that are on disk already."""
    earlier = None if job.task.plan.fresh else folder.earlier()
    if earlier is None or earlier.fingerprint != job.fingerprint:
        return 0
    return sum(size_of(p) for name in job.task.names for p in files_below(folder.sweep(name)))
