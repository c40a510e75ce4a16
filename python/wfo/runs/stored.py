"""The sweeps of a run that is complete, to be verified and read."""

from __future__ import annotations

from wfo.errors import ResultsError
from wfo.files import read_sealed
from wfo.progress import Progress
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Clock
from wfo.runs.manifest import Manifest
from wfo.selection.scoring import Gates
from wfo.sweeps import DenseStore, SurvivorStore, SweepStore


def stored_sweeps(
    folder: RunFolder, manifest: Manifest, gates: Gates, threads: int
) -> list[SweepStore]:
    """Return the stores of a run's sweeps.

    Parameters
    ----------
    folder, manifest
        The run.
    gates
        Those to count with, where a store has all figures; survivors were counted with the run's.
    threads
        For counting.
    """
    phases = manifest.phases
    stores: list[SweepStore] = []
    for grid in manifest.load_grids():
        name = grid.strategy.name
        sweep = manifest.sweeps[name]
        place = folder.sweep(name)
        if sweep.store == DenseStore.kind:
            stores.append(DenseStore(place, grid, len(phases), gates, sweep.key, threads))
        else:
            kept = SurvivorStore(
                place,
                grid,
                len(phases),
                manifest.gates,
                sweep.key,
                threads,
                min_phases=manifest.gates.required(len(phases), phases.min_phases),
                kept=sweep.kept,
            )
            stores.append(kept)
    return stores


def verify_sweep(kept: SweepStore, progress: Progress, clock: Clock) -> None:
    """Check a complete sweep, and count what it holds.

    Raises
    ------
    ResultsError
        If anything is not as it was written.
    """
    name = kept.grid.strategy.name
    with (
        clock.stage(f"check {name}"),
        progress.stage(f"{name}: checking the stored figures", len(kept.grid)) as tick,
    ):
        try:
            meta = read_sealed(kept.meta)
        except ResultsError as error:
            raise ResultsError(f"{error}; {kept.again}") from error
        if meta.get("key") != kept.key:
            raise ResultsError(f"{kept.meta} is of another sweep; {kept.again}")
        kept.verify(tick)
