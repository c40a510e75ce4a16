"""Whether a run fits the machine: bytes on disk and of memory, at most."""

from __future__ import annotations

from wfo.backtest import largest_block
from wfo.backtest.evaluate import returned_bytes
from wfo.backtest.figures import CELL_BYTES, cell_bytes
from wfo.grid import Grid
from wfo.runs.options import RunOptions
from wfo.selection.options import KEPT
from wfo.sweeps import DenseStore, SurvivorStore

#: Bytes that a candidate takes in the two candidates files together, at most.
_CANDIDATE_BYTES = 700

#: Bytes of the responses that effects of parameters are made of, for each of the two; more lie in a
#: file while they are needed.
RESPONSE_BYTES = 1 << 30

#: Bytes of the interpreter with its libraries loaded, measured.
_BASE_BYTES = 330_000_000


def bytes_needed(
    kind: str, combinations: int, phases: int, sets: int = 2, options: RunOptions | None = None
) -> int:
    """Return the bytes that a sweep and its candidates take on disk, at most.

    So many sets of gates are counted.
    """
    options = options or RunOptions()
    candidates = min(combinations, options.score.kept) * _CANDIDATE_BYTES
    if kind == DenseStore.kind:
        return DenseStore.bytes_needed(combinations, phases) + candidates
    return SurvivorStore.bytes_needed(combinations, phases, options.store.kept, sets) + candidates


def memory_needed(
    grid: Grid, phases: int, threads: int, kept: int = KEPT, *, bars: int, sets: int = 2
) -> int:
    """Return the bytes that a run of this grid over so many bars holds at most.

    While it sweeps, figures are in flight: those that are computed, and two stored blocks; so are
    columns that functions of the user's return. While it
    scores, there are ranks, what every combination responds with to its parameters, and candidates
    in a selection, as its columns, and as a frame. The distributions, for each set of gates, are
    there all along. None of it grows with a grid beyond some hundred millions.
    """
    block = min(len(grid), largest_block()) * phases
    figures = block * (cell_bytes() + 2 * CELL_BYTES)
    statistics = sets * phases * min(len(grid) * 16, 70_000_000)
    ranks = phases * min(len(grid) * 4, 130_000_000)
    row = 8 + CELL_BYTES * phases
    columns = 8 + 8 + 1 + 28 * phases
    frame = 8 * (len(grid.strategy.parameters) + 6 + 8 * phases) + 20 * phases
    responses = sum(min(len(grid) * size, RESPONSE_BYTES) for size in (8, 1))
    candidates = min(len(grid), kept) * (row * 3 // 2 + columns + frame)
    workers = threads * 16_000_000 + returned_bytes(grid, bars)
    return _BASE_BYTES + statistics + max(figures + workers, ranks + responses + candidates)
