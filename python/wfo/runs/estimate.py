"""What a run would take: time, disk and memory, from a fraction of a second of each sweep."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.backtest import Evaluator, Feeds, thread_count
from wfo.errors import ResultsError
from wfo.grid import Grid
from wfo.progress import Progress, duration
from wfo.runs.fetching import Fetching
from wfo.runs.fits import bytes_needed, memory_needed
from wfo.runs.job import check_fits
from wfo.runs.machine import Machine
from wfo.runs.plan import RunPlan
from wfo.runs.resume import going_on
from wfo.runs.task import Task
from wfo.selection.gates import gate_sets
from wfo.settings import AccountSettings
from wfo.text import size_text, table

if TYPE_CHECKING:
    from wfo import _core
    from wfo.data import DataStore

#: Seconds of measuring, for each strategy; two pieces at least are swept to their end.
_SECONDS = 0.7

#: Combinations measured together, where two batch multiples have fewer: a sweep goes by two, and a
#: part of one costs more than its share.
_PIECE = 1 << 17

#: Combinations of a first piece that is not counted: it fills caches, and asks for memory.
_FIRST = 1 << 14


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the sweep of one grid would take, and its scoring.

    Attributes
    ----------
    grid
        What would be swept.
    store
        ``"dense"`` or ``"survivors"``.
    measured
        Combinations that were swept to find out.
    seconds
        Time of the sweep with its counting, without writing; expected.
    disk, memory
        Bytes at most.
    """

    grid: Grid
    store: str
    measured: int
    seconds: float
    disk: int
    memory: int


@dataclass(frozen=True, slots=True)
class Estimates:
    """What a run would take.

    Attributes
    ----------
    strategies
        One item a strategy, in the order of the run.
    folder
        Where its results would go.
    free
        Bytes that are free there.
    memory
        Bytes of memory that the machine has; None where it does not say.
    obstacle
        Why the run cannot fit; None if it can.
    notes
        Notes on the grids for the page.
    """

    strategies: tuple[Estimate, ...]
    folder: Path
    free: int
    memory: int | None
    obstacle: str | None
    notes: tuple[str, ...] = ()

    @property
    def page(self) -> str:
        """The same as text."""
        rows = []
        for item in self.strategies:
            name, size = item.grid.strategy.name, f"{len(item.grid):,}"
            taken = (duration(item.seconds), size_text(item.disk), size_text(item.memory))
            rows.append((name, size, item.store, *taken))
        heads = ("Strategy", "Combinations", "Store", "Sweep", "Disk", "Memory")
        lines = table([heads, *rows], "<><>>>")
        there = f"{size_text(self.free)} of disk are free for {self.folder}"
        if self.memory is not None:
            there += f"; the machine has {size_text(self.memory)} of memory"
        lines += [
            "",
            "Time was measured just now on pieces of each grid; disk and memory are at most.",
        ]
        lines += [there + ".", *self.notes]
        return "\n".join(lines) + "\n"


def estimate(
    plan: RunPlan,
    store: DataStore,
    *,
    machine: Machine | None = None,
    fetching: Fetching | None = None,
    progress: Progress | None = None,
) -> Estimates:
    """Measure what a run would take, and write nothing but bars that are fetched.

    Parameters
    ----------
    plan
        What the run would do.
    store
        Where the bars are.
    machine
        What says how much room there is.
    fetching
        How bars that the store does not have are fetched; by default as the plan says.
    progress
        Where to tell what is fetched.

    Raises
    ------
    WfoError
        If anything asked for cannot be used. A run that does not fit is no error here: the
        estimate says so.
    """
    machine = machine or Machine()
    task = Task.of(plan, store, machine.version(), fetching=fetching, progress=progress)
    folder = plan.folder
    job = going_on(task, folder, machine)
    phases, threads, bars = len(task.phases), task.threads, len(task.inputs.bars)
    # Those of the job: a run that goes on has its own bars.
    gates = [g.core(job.task.benchmarks) for g in gate_sets(plan.gates)]
    found = []
    for grid in task.grids:
        kind = job.stores[grid.strategy.name]
        measured, seconds = measure(
            task.data(grid.strategy), grid, task.settings, task.bounds, gates, threads
        )
        disk = bytes_needed(kind, len(grid), phases, len(gates))
        memory = memory_needed(grid, phases, threads, bars=bars, sets=len(gates))
        found.append(Estimate(grid, kind, measured, seconds, disk, memory))
    obstacle = None
    try:
        check_fits(job, folder, machine)
    except ResultsError as error:
        obstacle = str(error)
    free, memory_there = machine.free(folder.path), machine.memory()
    return Estimates(tuple(found), folder.path, free, memory_there, obstacle, tuple(task.notes))


def measure(
    data: Feeds,
    grid: Grid,
    settings: AccountSettings,
    bounds: Sequence[tuple[int, int, int]],
    gates: Sequence[_core.Gates],
    threads: int | None = None,
    seconds: float = _SECONDS,
) -> tuple[int, float]:
    """Sweep and count pieces from all over a grid by all sets of gates, for about `seconds`.

    Returns
    -------
    combinations, seconds
        What was swept, and the time that the whole grid would take.
    """
    from wfo import _core

    threads = thread_count(threads)
    evaluator = Evaluator(grid.strategy, data, grid, bounds, settings, threads=threads)
    by_set = [_core.GridStatistics(len(bounds), g, grid.map_axes, threads) for g in gates]
    _core.GridStatistics.add_to_all(
        by_set, None, evaluator.range(0, min(len(grid), _FIRST), stored=True)
    )
    size = min(len(grid), max(2 * evaluator.batch_multiple, _PIECE))
    pieces = len(grid) // size
    swept, spent = 0, 0.0
    for number in range(pieces):
        start = _spread(number, pieces) * size
        begun = time.perf_counter()
        block = evaluator.range(start, start + size, stored=True)
        _core.GridStatistics.add_to_all(by_set, None, block)
        spent += time.perf_counter() - begun
        swept += size
        if spent > seconds and number:
            break
    return swept, spent / swept * len(grid)


def _spread(number: int, pieces: int) -> int:
    """Return the pieces in an order in which the first few already lie all over: by golden ratio.

    The step has no divisor in common with `pieces`, so each comes up once.
    """
    step = max(1, round(pieces * 0.6180339887498949))
    while math.gcd(step, pieces) != 1:
        step += 1
    return (number + 1) * step % pieces
