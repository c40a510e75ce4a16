"""The sweeps of a run that is complete, to be verified and read."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from wfo import bars as bars_module
from wfo.backtest.benchmark import Benchmark
from wfo.errors import ResultsError
from wfo.files import read_sealed
from wfo.files.parquet import read_parquet
from wfo.files.schema import require
from wfo.progress import Progress
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Clock
from wfo.runs.manifest import Manifest
from wfo.runs.shapes import MetaShape
from wfo.runs.task import phase_benchmarks
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings
from wfo.sweeps import DenseStore, StoreOptions, SurvivorStore, SweepStore

if TYPE_CHECKING:
    import polars as pl


def stored_sweeps(
    folder: RunFolder,
    manifest: Manifest,
    gates: Gates,
    threads: int,
    options: StoreOptions | None = None,
) -> list[SweepStore]:
    """Return the stores of a run's sweeps.

    Parameters
    ----------
    folder, manifest
        The run.
    gates
        Those that rule. A store of all figures is counted with them; survivors were counted while
        they were swept, and are refused where these gates were not among those.
    threads
        For counting.
    options
        Sizes that the stores were written by.

    Raises
    ------
    ResultsError
        If the manifest does not say what buy-and-hold is, and the run's bars cannot be read.
    """
    phases, held = manifest.phases, run_benchmarks(folder, manifest)
    options = options or StoreOptions()
    stores: list[SweepStore] = []
    for grid in manifest.load_grids():
        name = grid.strategy.name
        sweep = manifest.sweeps[name]
        place = folder.sweep(name)
        if sweep.store == DenseStore.kind:
            dense = DenseStore(
                place,
                grid,
                len(phases),
                gates,
                sweep.key,
                threads,
                benchmarks=held,
                options=options,
            )
            stores.append(dense)
        else:
            kept = SurvivorStore(
                place,
                grid,
                len(phases),
                gates,
                sweep.key,
                threads,
                benchmarks=held,
                min_phases=manifest.gates.required(len(phases), phases.min_phases),
                options=replace(options, kept=sweep.kept or options.kept),
            )
            stores.append(kept)
    return stores


def run_benchmarks(folder: RunFolder, manifest: Manifest) -> tuple[Benchmark, ...]:
    """Return buy-and-hold of a run's phases; an earlier version left it to the bars, or its year.

    Raises
    ------
    ResultsError
        If it is of other phases, or the bars cannot be read.
    """
    held, phases = manifest.benchmarks, manifest.phases
    spans = [(p.split - p.warmup, p.end - p.split) for p in phases]
    if held is not None and [(b.is_bars, b.oos_bars) for b in held] != spans:
        raise ResultsError(f"{folder.manifest}: its benchmarks are not of its phases")
    own = manifest.bars_per_year
    if held is not None and own is not None:
        if any(each.bars_per_year != own.bars for each in held):
            raise ResultsError(
                f"{folder.manifest}: its benchmarks do not count {own.bars:,.10g} bars a year, as"
                " the run does; run again"
            )
        return held
    stated = manifest.sums.get(folder.bars.name)
    if stated is not None:
        folder.check_digest(folder.bars.name, stated)
    bars = read_kept(folder.bars)
    if len(bars) < max(phase.end for phase in phases):
        raise ResultsError(f"{folder.bars} has fewer bars than the phases of its run")
    year = manifest.year(bars_module.dates(bars))
    if held is None:
        named = {f.name for f in fields(AccountSettings)}
        settings = AccountSettings(**{n: v for n, v in manifest.settings.items() if n in named})
        return phase_benchmarks(bars, year, phases, settings)
    return tuple(replace(each, bars_per_year=year.bars) for each in held)


def read_kept(path: Path) -> pl.DataFrame:
    """Return bars that a run keeps.

    Raises
    ------
    ResultsError
        If they cannot be read.
    """
    try:
        return read_parquet(path, links=False)
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from error


def sweep_damages(kept: SweepStore, progress: Progress) -> list[str]:
    """Return what is wrong with the files of a complete sweep, a text each; none if all is well."""
    name = kept.grid.strategy.name
    found = []
    try:
        _check_meta(kept)
    except ResultsError as error:
        found.append(str(error))
    title = f"{name}: checking the stored figures"
    with progress.stage(title, len(kept.grid)) as tick:
        return found + kept.damages(tick)


def _check_meta(kept: SweepStore) -> None:
    """Raise a `ResultsError` unless ``meta.json`` is as it was written, and of this sweep."""
    try:
        meta = read_sealed(kept.meta)
        require(meta, MetaShape, f"{kept.meta} does not say of which sweep it is: it")
    except ResultsError as error:
        raise ResultsError(f"{error}; {kept.again}") from error
    if meta["key"] != kept.key:
        raise ResultsError(f"{kept.meta} is of another sweep; {kept.again}")


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
        _check_meta(kept)
        kept.verify(tick)
