"""One sweep of a run: into its store, or what is missing there."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.backtest import Figures, iter_sweep, sweep_sample
from wfo.errors import ResultsError
from wfo.files import read_sealed, write_sealed
from wfo.grid import Grid
from wfo.progress import Progress
from wfo.runs.folder import RunFolder
from wfo.runs.identity import sweep_key
from wfo.runs.job import Job
from wfo.runs.machine import Clock
from wfo.runs.manifest import Manifest
from wfo.sweeps import DenseStore, IndexRange, SurvivorStore, SweepStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Sweeping:
    """A grid, its store, and how the one comes into the other.

    Attributes
    ----------
    job, grid
        What is swept.
    store
        Where to.
    progress, clock
        Where to tell how far it is, and what times it.
    """

    job: Job
    grid: Grid
    store: SweepStore
    progress: Progress
    clock: Clock

    @classmethod
    def of(
        cls, job: Job, grid: Grid, folder: RunFolder, progress: Progress, clock: Clock
    ) -> Sweeping:
        """Return the sweep of one grid of a job, before anything is read or written."""
        task, name = job.task, grid.strategy.name
        place, phases, gates = folder.sweep(name), len(task.phases), task.plan.gates
        kind, held, options = job.stores[name], task.benchmarks, job.options.store
        key = sweep_key(task, grid, kind)
        store: SweepStore
        if kind == DenseStore.kind:
            store = DenseStore(
                place, grid, phases, gates, key, task.threads, benchmarks=held, options=options
            )
        else:

            def sample(indices: NDArray[np.int64]) -> Sequence[Figures]:
                return _sample(job, grid, indices, progress, clock)

            store = SurvivorStore(
                place,
                grid,
                phases,
                gates,
                key,
                task.threads,
                benchmarks=held,
                min_phases=task.least,
                sample=sample,
                options=options,
            )
        return cls(job, grid, store, progress, clock)

    @property
    def name(self) -> str:
        """Name of the strategy."""
        return self.grid.strategy.name

    def check(self) -> None:
        """Look at what is stored, and change nothing."""
        if self.store.present():
            with (
                self.clock.stage(f"check {self.name}"),
                self.progress.stage(
                    f"{self.name}: checking what is stored", len(self.grid)
                ) as tick,
            ):
                self.store.check(tick)

    def run(self, manifest: Manifest) -> None:
        """Sweep what is missing, after `check`; what the figures are of is said beside them.

        Raises
        ------
        ResultsError
            If a file cannot be written.
        """
        total, store = len(self.grid), self.store
        present = store.present()
        try:
            ranges = store.open()
            left = sum(stop - start for start, stop in ranges)
            if present and left:
                self.progress.say(
                    f"{self.name}: {total - left:,} of {total:,} combinations are stored and"
                    " intact; sweeping the rest"
                )
            with self.clock.stage(f"sweep {self.name}"):
                if ranges:
                    self._sweep(ranges, left)
                store.finish()
        finally:
            store.close()
        self._write_meta(manifest)

    def _sweep(self, ranges: Sequence[IndexRange], left: int) -> None:
        task = self.job.task
        title = f"{self.name}: sweeping {len(task.phases)} phases"
        blocks = iter_sweep(
            task.data(self.grid.strategy),
            self.grid,
            task.settings,
            task.bounds,
            threads=task.plan.threads,
            spans=ranges,
            stored=True,
            sizes=self.job.options.blocks,
        )
        with self.progress.stage(title, left) as tick:
            for start, stop, block in blocks:
                self.store.append(start, block)
                tick(stop - start)

    def _write_meta(self, manifest: Manifest) -> None:
        """Say what the figures are of, beside them, unless that is said already."""
        store = self.store
        with contextlib.suppress(ResultsError):
            if read_sealed(store.meta).get("key") == store.key:
                return
        meta = {"complete": True, "store": store.kind, "key": store.key}
        meta |= {"grid": self.grid.to_dict()}
        write_sealed(store.meta, meta | manifest.describe_sweep())


def _sample(
    job: Job, grid: Grid, indices: NDArray[np.int64], progress: Progress, clock: Clock
) -> Sequence[Figures]:
    """Sweep the combinations at some flat indices."""
    task, name = job.task, grid.strategy.name
    title = f"{name}: sweeping a sample, for provisional ranks"
    with clock.stage(f"sample {name}"), progress.stage(title, len(indices)) as tick:
        return sweep_sample(
            task.data(grid.strategy),
            grid,
            task.settings,
            task.bounds,
            indices,
            task.plan.threads,
            tick=tick,
        )
