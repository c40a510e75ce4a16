"""Whether a run fits the machine: bytes on disk and of memory, at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.backtest import largest_block
from wfo.backtest.figures import CELL_BYTES, cell_bytes
from wfo.errors import ResultsError
from wfo.grid import Grid
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Machine, existing
from wfo.selection.scoring import KEPT
from wfo.sweeps import DenseStore, SurvivorStore
from wfo.text import size_text

if TYPE_CHECKING:
    from wfo.runs.task import Job

#: Bytes that a candidate takes in the two candidates files together, at most.
_CANDIDATE_BYTES = 700

#: Bytes of the interpreter with its libraries loaded, measured.
_BASE_BYTES = 330_000_000


def bytes_needed(kind: str, combinations: int, phases: int) -> int:
    """Return the bytes that a sweep and its candidates take on disk, at most."""
    store = DenseStore if kind == DenseStore.kind else SurvivorStore
    candidates = min(combinations, KEPT) * _CANDIDATE_BYTES
    return store.bytes_needed(combinations, phases) + candidates


def memory_needed(grid: Grid, phases: int, threads: int, kept: int = KEPT) -> int:
    """Return the bytes that a run of this grid holds at most.

    While it sweeps, figures are in flight: those that are computed, and two stored blocks. While it
    scores, there are ranks, and candidates in a selection, as its columns, and as a frame. The
    distributions are there all along. None of it grows with a grid beyond some tens of millions.
    """
    block = min(len(grid), largest_block()) * phases
    figures = block * (cell_bytes() + 2 * CELL_BYTES)
    tally = phases * min(len(grid) * 16, 70_000_000)
    ranks = phases * min(len(grid) * 4, 130_000_000)
    row = 8 + CELL_BYTES * phases
    columns = 8 + 8 + 1 + 28 * phases
    frame = 8 * (len(grid.strategy.parameters) + 4 + 8 * phases)
    candidates = min(len(grid), kept) * (row * 3 // 2 + columns + frame)
    workers = threads * 16_000_000
    return _BASE_BYTES + tally + max(figures + workers, ranks + candidates)


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
    memory = max(memory_needed(g, phases, task.threads) for g in task.grids)
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
    files = (p for name in job.task.names for p in folder.sweep(name).rglob("*") if p.is_file())
    return sum(p.stat().st_size for p in files)
