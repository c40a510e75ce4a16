"""What a run would take: time, disk and memory, from a fraction of a second of each sweep."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.backtest import Evaluator, Feeds, largest_block, thread_count
from wfo.backtest.figures import CELL_BYTES, cell_bytes
from wfo.grid import Grid
from wfo.settings import AccountSettings

if TYPE_CHECKING:
    from wfo.selection.scoring import Gates

#: Seconds of measuring, for each strategy; two pieces at least are swept to their end.
_SECONDS = 0.7

#: Combinations measured together, where two granules have fewer: a sweep goes by two, and a part of
#: one costs more than its share.
_PIECE = 1 << 17

#: Combinations of a first piece that is not counted: it fills caches, and asks for memory.
_FIRST = 1 << 14

#: Bytes of the interpreter with its libraries loaded, measured.
_BASE_BYTES = 330_000_000


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
    """

    strategies: tuple[Estimate, ...]
    folder: Path
    free: int
    memory: int | None
    obstacle: str | None


def measure(
    data: Feeds,
    grid: Grid,
    settings: AccountSettings,
    bounds: Sequence[tuple[int, int, int]],
    gates: Gates,
    threads: int | None = None,
    seconds: float = _SECONDS,
) -> tuple[int, float]:
    """Sweep and count pieces from all over a grid, for about `seconds`.

    Returns
    -------
    combinations, seconds
        What was swept, and the time that the whole grid would take.
    """
    from wfo import _core

    threads = thread_count(threads)
    evaluator = Evaluator(grid.strategy, data, grid, bounds, settings, threads=threads)
    tally = _core.Tally(len(bounds), gates.wfe, gates.dd_ratio, grid.map_axes, threads)
    tally.add(None, evaluator.range(0, min(len(grid), _FIRST), stored=True))
    size = min(len(grid), max(2 * evaluator.granule, _PIECE))
    pieces = len(grid) // size
    swept, spent = 0, 0.0
    for number in range(pieces):
        start = _spread(number, pieces) * size
        begun = time.perf_counter()
        tally.add(None, evaluator.range(start, start + size, stored=True))
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


def memory_needed(grid: Grid, phases: int, threads: int, kept: int) -> int:
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


def machine_memory() -> int | None:
    """Return the bytes of memory that the machine has, or None where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
