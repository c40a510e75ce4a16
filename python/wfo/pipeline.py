"""The road of a run: bars, windows, sweep, scores, plateaus, ranges.

Data flows one way. Every stage is a module that can be used alone; this one puts them in order,
times them, and writes down in ``run.json`` what was done with what, so that a later command needs
nothing but the run's folder.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import math
import os
import platform
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo import bars as bars_module
from wfo.atr_d.settings import Settings
from wfo.backtest import (
    Feeds,
    Figures,
    choose_engine,
    iter_sweep,
    sweep_sample,
    thread_count,
)
from wfo.build import build_info
from wfo.data.frames import time_column
from wfo.errors import InputError, ResultsError
from wfo.estimate import Estimate, Estimates, machine_memory, measure, memory_needed
from wfo.files import read_sealed, write_sealed, write_text, write_with
from wfo.grid import Grid
from wfo.progress import Progress, Silent
from wfo.results import RunFolder, fingerprint
from wfo.selection.comparison import Comparison, Standing, compare, standing
from wfo.selection.plateaus import Plateaus, detect_plateaus
from wfo.selection.scoring import KEPT, Gates, Scores, score_tally, stable_threshold
from wfo.strategy import Strategy, get_strategy
from wfo.sweeps import DenseStore, Span, SurvivorStore, SweepStore
from wfo.tradestation.ranges import PlateauRanges, config_csv, plateau_ranges
from wfo.windows import LEAST_WARMUP, Phases, Windows

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo.data import BarsMeta, DataStore

#: Version of the layout of a run's folder.
LAYOUT = 2

#: Rows of the candidates' CSV file, unless all are asked for.
CSV_ROWS = 100_000

#: Bytes that a candidate takes in the two candidates files together, at most.
_CANDIDATE_BYTES = 700

#: What ``store`` of a plan may be.
STORES = ("auto", "dense", "survivors")


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run is asked to do.

    Attributes
    ----------
    symbol, timeframe
        Which stored bars.
    symbol2
        The second symbol, for strategies that read one.
    allow_gaps
        Whether joining the two may drop more than 5 % of either's bars.
    strategy
        Name or value; the simpler strategies of its expansion run too, unless `expand` is off.
    grid
        Name of a shipped grid, or the path of one.
    windows
        Name of a schedule, or the path of one.
    as_of
        Date that windows are counted back from; by default the last bar's.
    settings, gates
        Of every backtest, and of the scores.
    threads
        By default one for each core.
    out
        Folder below which the run gets its own.
    csv_all
        Whether the candidates' CSV file holds them all.
    store
        ``"dense"`` keeps the figures of every combination, ``"survivors"`` of those that can become
        candidates; ``"auto"`` the first where it takes at most half of the free disk.
    fresh
        Whether to start over where the same run is there already; what was there is moved.
    command
        How it was called, for the manifest.
    """

    symbol: str
    strategy: str | Strategy
    timeframe: str = "1day"
    symbol2: str | None = None
    allow_gaps: bool = False
    grid: str = "phase1_slim"
    windows: str = "default"
    as_of: dt.date | None = None
    expand: bool = True
    settings: Settings = field(default_factory=Settings)
    gates: Gates = field(default_factory=Gates)
    threads: int | None = None
    out: Path = Path("results")
    csv_all: bool = False
    store: str = "auto"
    fresh: bool = False
    command: str = ""


@dataclass(frozen=True, slots=True)
class StrategyReport:
    """What a run found for one strategy."""

    strategy: Strategy
    grid: Grid
    scores: Scores
    plateaus: Plateaus
    ranges: tuple[PlateauRanges, ...]
    standing: Standing


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run found, and where it was written."""

    folder: RunFolder
    phases: Phases
    strategies: tuple[StrategyReport, ...]
    files: tuple[Path, ...]
    moved: Path | None
    trials: int
    seconds: float
    manifest: Mapping[str, Any]


def run(plan: RunPlan, store: DataStore, *, progress: Progress | None = None) -> RunReport:
    """Carry out a run from stored bars to exported ranges.

    Parameters
    ----------
    plan
        What to do.
    store
        Where the bars are.
    progress
        Who hears how far it is.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if the results cannot
        be written.
    """
    progress = progress or Silent()
    clock = _Clock()
    with clock.stage("bars"):
        task = _Task.of(plan, store)
    folder = RunFolder.of(plan.out, plan.symbol, plan.symbol2)
    plan.gates.required(len(task.phases), task.phases.min_phases)
    trials = folder.read_trials(plan.symbol)["total"]
    _check_fits(folder, _going_on(plan, task, folder))
    with folder.hold(plan.command):
        # Whoever held it until now may have changed what is there.
        job = _going_on(plan, task, folder)
        sweeps = [_Sweeping(job, folder, grid, progress, clock) for grid in job.task.grids]
        names = [g.strategy.name for g in job.task.grids]
        unread = folder.earlier() is None and any(s.store().is_mine() for s in sweeps)
        moved = folder.prepare(job.fingerprint, names, fresh=plan.fresh, damaged=unread)
        manifest = job.manifest()
        # Where the same run is complete already, its manifest stays true until something changes.
        ours = not folder.is_complete()
        if job.task is not task:
            last = job.task.loaded.described["data"]["last"]
            progress.say(
                f"going on with the bars that the run began with, up to {last}; --fresh starts over"
                " with those of today"
            )
        try:
            if ours:
                write_sealed(folder.manifest, manifest)
                job.task.write_bars(folder)
            stores = []
            for sweep in sweeps:
                kept = sweep.check()
                if not kept.is_complete and not ours:
                    ours = True
                    write_sealed(folder.manifest, manifest)
                    job.task.write_bars(folder)
                sweep.run(kept)
                stores.append(kept)
                trials = folder.count_trials(plan.symbol, job.search(sweep.grid))
            if not ours:
                ours = True
                write_sealed(folder.manifest, manifest)
                job.task.write_bars(folder)
            stage = _Stages(folder, job.task.phases, plan.gates, plan.csv_all, progress, clock)
            reports = [stage.score(s) for s in stores]
            files = _finish(folder, reports, manifest, clock, trials)
        except BaseException as error:
            status = "failed" if isinstance(error, Exception) else "interrupted"
            if ours:
                how = "has failed" if status == "failed" else "was interrupted"
                same = "the same command, without --fresh," if plan.fresh else "the same command"
                progress.say(f"the run {how}; {same} goes on with what is stored")
                with contextlib.suppress(ResultsError):
                    ended = {"status": status, "finished": _now()}
                    write_sealed(folder.manifest, manifest | ended)
            raise
    seconds = sum(clock.seconds.values())
    phases = job.task.phases
    return RunReport(folder, phases, tuple(reports), files, moved, trials, seconds, manifest)


def rescore(
    folder: RunFolder,
    *,
    gates: Gates | None = None,
    csv_all: bool = False,
    threads: int | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> RunReport:
    """Score the stored figures of a run again, with other gates, without a sweep.

    Parameters
    ----------
    folder
        Folder of a complete run; its candidates, plateaus and ranges are replaced.
    gates
        The new gates; by default those of the run.
    csv_all
        Whether the candidates' CSV file holds them all.
    threads
        By default one for each core.
    command
        How it was called, for the manifest.
    progress
        Who hears how far it is.

    Raises
    ------
    WfoError
        If there is no complete run, its figures are damaged, or the gates cannot be used: those
        of a run that keeps survivors were applied while sweeping.
    """
    progress = progress or Silent()
    clock = _Clock()
    # Before anything is held or made: there may be no such folder.
    folder.read_manifest(scored=False)
    with folder.hold(command):
        manifest = folder.read_manifest(scored=False)
        gates = gates or Gates.from_dict(manifest["gates"])
        phases = Phases.from_dict(manifest["phases"])
        asked = gates.required(len(phases), phases.min_phases)
        # All else that is not replaced.
        for path in (folder.bars, folder.bars2):
            if path.name in manifest.get("sums", {}):
                folder.check_digest(path.name, manifest["sums"][path.name])
        stores = stored_sweeps(folder, manifest, gates, thread_count(threads))
        for kept in stores:
            _verify(kept, progress, clock)
            least, _ = stable_threshold(asked, kept.tally.valid_phases)
            reason = kept.refuses(gates, least)
            if reason:
                raise InputError(
                    f"{kept.grid.strategy.name} keeps survivors only, which does not allow"
                    f" {reason}; that needs a new sweep: 'wfo run' with these gates"
                )
        # From here on the folder may hold files of two scorings, and says so until the last is
        # written.
        write_sealed(folder.manifest, manifest | {"status": "rescoring"})
        stage = _Stages(folder, phases, gates, csv_all, progress, clock)
        reports = [stage.score(kept) for kept in stores]
        manifest |= {"gates": gates.to_dict(), "rescored": {"command": command, "at": _now()}}
        trials = manifest["trials"]
        files = _finish(folder, reports, manifest, clock, trials)
    seconds = sum(clock.seconds.values())
    return RunReport(folder, phases, tuple(reports), files, None, trials, seconds, manifest)


def estimate(plan: RunPlan, store: DataStore) -> Estimates:
    """Measure what a run would take, and write nothing.

    Raises
    ------
    WfoError
        If anything asked for cannot be used. A run that does not fit is no error here: the
        estimate says so.
    """
    task = _Task.of(plan, store)
    folder = RunFolder.of(plan.out, plan.symbol, plan.symbol2)
    plan.gates.required(len(task.phases), task.phases.min_phases)
    job = _going_on(plan, task, folder)
    phases, threads = len(task.phases), thread_count(plan.threads)
    found = []
    for grid in task.grids:
        kind = job.stores[grid.strategy.name]
        bounds = [p.bounds for p in task.phases]
        measured, seconds = measure(
            task.data(grid.strategy), grid, plan.settings, bounds, plan.gates, threads
        )
        item = Estimate(
            grid,
            kind,
            measured,
            seconds,
            bytes_needed(kind, len(grid), phases),
            memory_needed(grid, phases, threads, KEPT),
        )
        found.append(item)
    obstacle = None
    try:
        _check_fits(folder, job)
    except ResultsError as error:
        obstacle = str(error)
    place = _existing(folder)
    return Estimates(tuple(found), place, _free(folder), machine_memory(), obstacle)


def verify(
    folder: RunFolder, *, threads: int | None = None, progress: Progress | None = None
) -> tuple[int, int]:
    """Check that every file of a complete run is as it was written.

    Parameters
    ----------
    folder
        Folder of a complete run.
    threads
        By default one for each core.
    progress
        Who hears how far it is.

    Returns
    -------
    files, bytes
        How many files were read, and how long they are together.

    Raises
    ------
    WfoError
        If there is no complete run, or a file is missing, damaged or changed; the message names
        it.
    """
    progress = progress or Silent()
    folder.read_manifest()
    # Where nobody may write, nobody does.
    writable = os.access(folder.path, os.W_OK)
    with folder.hold("wfo verify") if writable else contextlib.nullcontext():
        manifest = folder.read_manifest()
        sizes = [folder.manifest.stat().st_size]
        sizes += [folder.check_digest(name, stated) for name, stated in manifest["sums"].items()]
        if folder.trials.is_file():
            read_sealed(folder.trials)
            sizes.append(folder.trials.stat().st_size)
        gates = Gates.from_dict(manifest["gates"])
        for kept in stored_sweeps(folder, manifest, gates, thread_count(threads)):
            _verify(kept, progress, _Clock())
            sizes += [p.stat().st_size for p in kept.folder.rglob("*") if p.is_file()]
    return len(sizes), sum(sizes)


def stored_sweeps(
    folder: RunFolder, manifest: Mapping[str, Any], gates: Gates, threads: int
) -> list[SweepStore]:
    """Return the stores of a run's sweeps, to be verified and read."""
    phases = Phases.from_dict(manifest["phases"])
    swept = Gates.from_dict(manifest["gates"])
    stores: list[SweepStore] = []
    for grid in (Grid.from_dict(data) for data in manifest["grids"]):
        name = grid.strategy.name
        stated = manifest["sweeps"][name]
        place, key = folder.sweep(name), stated["key"]
        if stated["store"] == DenseStore.kind:
            stores.append(DenseStore(place, grid, len(phases), gates, key, threads))
        else:
            least = swept.required(len(phases), phases.min_phases)
            kept = SurvivorStore(
                place, grid, len(phases), swept, key, threads, min_phases=least, kept=stated["kept"]
            )
            stores.append(kept)
    return stores


def _verify(kept: SweepStore, progress: Progress, clock: _Clock) -> None:
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


@dataclass(frozen=True, slots=True)
class _Task:
    """What a plan comes to on some bars, wherever its results will lie."""

    plan: RunPlan
    requested: Strategy
    grids: list[Grid]
    schedule: Windows
    loaded: _Loaded
    phases: Phases

    @classmethod
    def of(cls, plan: RunPlan, store: DataStore) -> _Task:
        """Read and check all that a plan names."""
        requested = get_strategy(plan.strategy)
        named: list[str | Strategy] = [requested, *(requested.expansion if plan.expand else ())]
        grids = [Grid.load(plan.grid, each) for each in named]
        for grid in grids:
            grid.strategy.settings_of(plan.settings)
        schedule = Windows.load(plan.windows)
        if plan.store not in STORES:
            raise InputError(f"store = {plan.store!r} must be one of {', '.join(STORES)}")
        thread_count(plan.threads)
        _check_symbols(plan, requested)
        return cls.on(plan, requested, grids, schedule, _load(plan, store))

    @classmethod
    def on(
        cls,
        plan: RunPlan,
        requested: Strategy,
        grids: list[Grid],
        schedule: Windows,
        loaded: _Loaded,
    ) -> _Task:
        """Lay the windows over the bars."""
        warmup = max([LEAST_WARMUP, *(g.need for g in grids)])
        dates = bars_module.dates(loaded.bars)
        phases = schedule.resolve(dates, as_of=plan.as_of, warmup=warmup)
        return cls(plan, requested, grids, schedule, loaded, phases)

    def on_bars(self, loaded: _Loaded) -> _Task:
        """Return the same task on other bars."""
        return self.on(self.plan, self.requested, self.grids, self.schedule, loaded)

    def data(self, strategy: Strategy) -> Feeds:
        """Return the prices that a strategy reads."""
        second = self.loaded.second if strategy.dual_symbol else None
        return Feeds.of(
            bars_module.prices(self.loaded.bars),
            None if second is None else bars_module.prices(second),
        )

    def write_bars(self, folder: RunFolder) -> None:
        """Keep the bars beside the results."""
        for path, bars in ((folder.bars, self.loaded.bars), (folder.bars2, self.loaded.second)):
            if bars is not None:
                write_with(path, functools.partial(bars.write_parquet, compression="zstd"))


@dataclass(frozen=True, slots=True)
class _Job:
    """A task, and how each of its sweeps is stored."""

    task: _Task
    stores: Mapping[str, str]

    @property
    def identity(self) -> dict[str, Any]:
        """What makes two runs the same one: all that their figures follow from, and what is kept.

        Who survives follows from the gates, which are no part of a run that keeps everything.
        """
        task, plan = self.task, self.task.plan
        identity = {
            "layout": LAYOUT,
            "version": _version(),
            "symbol": plan.symbol,
            "timeframe": plan.timeframe,
            "data": task.loaded.fingerprints,
            "windows": task.phases.to_dict(),
            "settings": plan.settings.to_dict(),
            "grids": [g.to_dict() for g in task.grids],
            "stores": dict(self.stores),
        }
        if SurvivorStore.kind in self.stores.values():
            least = plan.gates.required(len(task.phases), task.phases.min_phases)
            identity["gates"] = plan.gates.to_dict() | {"min_phases": least}
        return identity

    @property
    def fingerprint(self) -> str:
        """The hash of it."""
        return fingerprint(self.identity)

    @property
    def engine(self) -> str:
        """Name of the engine that sweeps."""
        strategy = self.task.requested
        settings = strategy.settings_of(self.task.plan.settings)
        return choose_engine("auto", strategy, settings).engine.name

    def key(self, grid: Grid) -> str:
        """Return what the figures of one sweep follow from, hashed; the version is part of it."""
        loaded = self.task.loaded
        prints = loaded.fingerprints if grid.strategy.dual_symbol else loaded.fingerprints[:1]
        parts = {
            "version": _version(),
            "data": prints,
            "windows": self.task.phases.to_dict(),
            "settings": self.task.plan.settings.to_dict(),
            "grid": grid.to_dict(),
        }
        return fingerprint(parts)

    def search(self, grid: Grid) -> dict[str, Any]:
        """Return how a sweep is counted among a symbol's trials."""
        keys = ("timeframe", "data", "windows", "settings")
        parts = {"strategy": grid.strategy.name, "grid": grid.to_dict()}
        identity = self.identity
        return {
            "fingerprint": fingerprint(parts | {key: identity[key] for key in keys}),
            "strategy": grid.strategy.name,
            "grid": grid.name,
            "combinations": len(grid),
        }

    def manifest(self) -> dict[str, Any]:
        """Return ``run.json`` of the run when it begins."""
        task, plan = self.task, self.task.plan
        kept = _survivors_kept()
        sweeps: dict[str, dict[str, Any]] = {}
        for name, grid in ((g.strategy.name, g) for g in task.grids):
            sweeps[name] = {"store": self.stores[name], "key": self.key(grid)}
            if self.stores[name] == SurvivorStore.kind:
                sweeps[name]["kept"] = kept
        return {
            "status": "running",
            "fingerprint": self.fingerprint,
            "command": plan.command,
            "started": _now(),
            "symbol": plan.symbol,
            "timeframe": plan.timeframe,
            **task.loaded.described,
            "strategy": task.requested.name,
            "windows": task.schedule.to_dict(),
            "phases": task.phases.to_dict(),
            "settings": plan.settings.to_dict(),
            "gates": plan.gates.to_dict(),
            "engine": self.engine,
            "threads": thread_count(plan.threads),
            "grids": [g.to_dict() for g in task.grids],
            "sweeps": sweeps,
            "build": build_info(),
            "host": _host(),
        }

    def bytes_needed(self) -> int:
        """Return the bytes that the results take on disk, at most."""
        phases = len(self.task.phases)
        return sum(
            bytes_needed(self.stores[g.strategy.name], len(g), phases) for g in self.task.grids
        )


def bytes_needed(kind: str, combinations: int, phases: int) -> int:
    """Return the bytes that a sweep and its candidates take on disk, at most."""
    store = DenseStore if kind == DenseStore.kind else SurvivorStore
    candidates = min(combinations, KEPT) * _CANDIDATE_BYTES
    return store.bytes_needed(combinations, phases) + candidates


def _going_on(plan: RunPlan, task: _Task, folder: RunFolder) -> _Job:
    """Return the run that is in the folder, where the plan is to go on with it, or a new one.

    A run that has not ended goes on with the bars that it began with, as long as those of today
    are the same and more; other bars are another run.
    """
    earlier = None if plan.fresh else folder.earlier()
    if earlier is not None:
        stores = {name: sweep["store"] for name, sweep in earlier["sweeps"].items()}
        asked = set(stores.values()) <= {plan.store} or plan.store == "auto"
        if asked and stores.keys() == {g.strategy.name for g in task.grids}:
            begun = _Job(task, stores)
            if begun.fingerprint == earlier["fingerprint"]:
                return begun
            snapshot = None
            if earlier["status"] not in {"complete", "rescoring"}:
                snapshot = _snapshot(folder, earlier, task.loaded)
            if snapshot is not None:
                with contextlib.suppress(InputError):
                    begun = _Job(task.on_bars(snapshot), stores)
                    if begun.fingerprint == earlier["fingerprint"]:
                        return begun
    return _Job(task, _choose_stores(plan, task, folder))


def _snapshot(folder: RunFolder, earlier: Mapping[str, Any], today: _Loaded) -> _Loaded | None:
    """Return the bars that an earlier run began with, where those of today begin with them."""
    import polars as pl

    found: list[pl.DataFrame | None] = []
    for path, bars in ((folder.bars, today.bars), (folder.bars2, today.second)):
        if bars is None:
            found.append(None)
            continue
        try:
            kept = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError):
            return None
        if not kept.equals(bars.head(len(kept))):
            return None
        found.append(kept)
    described = {key: earlier[key] for key in today.described if key in earlier}
    prints = [described[key]["fingerprint"] for key in ("data", "data2") if key in described]
    first, second = found
    assert first is not None  # noqa: S101  # there always is a first symbol
    return _Loaded(first, second, prints, described)


def _choose_stores(plan: RunPlan, task: _Task, folder: RunFolder) -> dict[str, str]:
    """Return a store for each strategy; the large grids are the first to be cut down."""
    names = [g.strategy.name for g in task.grids]
    if plan.store != "auto":
        return dict.fromkeys(names, plan.store)
    stores = dict.fromkeys(names, DenseStore.kind)
    room = _free(folder) / 2
    for grid in sorted(task.grids, key=len, reverse=True):
        if _Job(task, stores).bytes_needed() > room:
            stores[grid.strategy.name] = SurvivorStore.kind
    return stores


def _version() -> str:
    """Return the version alone; `build_info` asks git for the rest, which takes its time."""
    from wfo import _core

    return _core.__version__


def _survivors_kept() -> int:
    from wfo.sweeps import survivors

    return survivors.KEPT


@dataclass(frozen=True, slots=True)
class _Sweeping:
    """Sweeps a grid into its store, or what is missing there."""

    job: _Job
    folder: RunFolder
    grid: Grid
    progress: Progress
    clock: _Clock

    def check(self) -> SweepStore:
        """Return the store, after a look at what is in it."""
        name, total = self.grid.strategy.name, len(self.grid)
        kept = self.store()
        if kept.present():
            with (
                self.clock.stage(f"check {name}"),
                self.progress.stage(f"{name}: checking what is stored", total) as tick,
            ):
                kept.check(tick)
        return kept

    def run(self, kept: SweepStore) -> None:
        """Sweep what is missing in a store that was checked."""
        name, total = self.grid.strategy.name, len(self.grid)
        present = kept.present()
        try:
            spans = kept.open()
            left = sum(stop - start for start, stop in spans)
            if present and left:
                self.progress.say(
                    f"{name}: {total - left:,} of {total:,} combinations are stored and intact;"
                    " sweeping the rest"
                )
            with self.clock.stage(f"sweep {name}"):
                if spans:
                    self._sweep(kept, spans, left)
                kept.finish()
        finally:
            kept.close()
        self._write_meta(kept)

    def store(self) -> SweepStore:
        """Return the store of the grid."""
        task, plan = self.job.task, self.job.task.plan
        name, phases = self.grid.strategy.name, task.phases
        place, key, threads = (
            self.folder.sweep(name),
            self.job.key(self.grid),
            thread_count(plan.threads),
        )
        if self.job.stores[name] == DenseStore.kind:
            return DenseStore(place, self.grid, len(phases), plan.gates, key, threads)
        return SurvivorStore(
            place,
            self.grid,
            len(phases),
            plan.gates,
            key,
            threads,
            min_phases=plan.gates.required(len(phases), phases.min_phases),
            sample=self._sample,
        )

    def _bounds(self) -> list[tuple[int, int, int]]:
        return [p.bounds for p in self.job.task.phases]

    def _sample(self, indices: NDArray[np.int64]) -> Sequence[Figures]:
        task, grid, progress = self.job.task, self.grid, self.progress
        name, plan = grid.strategy.name, task.plan
        title = f"{name}: sweeping a sample, for provisional ranks"
        with (
            self.clock.stage(f"sample {name}"),
            progress.stage(title, len(indices)) as tick,
        ):
            return sweep_sample(
                task.data(grid.strategy),
                grid,
                plan.settings,
                self._bounds(),
                indices,
                plan.threads,
                tick=tick,
            )

    def _sweep(self, kept: SweepStore, spans: Sequence[Span], left: int) -> None:
        task, grid = self.job.task, self.grid
        plan, data, bounds = task.plan, task.data(grid.strategy), self._bounds()
        title = f"{grid.strategy.name}: sweeping {len(bounds)} phases"
        blocks = iter_sweep(
            data,
            grid,
            plan.settings,
            bounds,
            self.job.engine,
            plan.threads,
            spans=spans,
            stored=True,
        )
        with self.progress.stage(title, left) as tick:
            for start, stop, block in blocks:
                kept.append(start, block)
                tick(stop - start)

    def _write_meta(self, kept: SweepStore) -> None:
        """Say what the figures are of, beside them, unless that is said already."""
        with contextlib.suppress(ResultsError):
            if read_sealed(kept.meta).get("key") == kept.key:
                return
        manifest = self.job.manifest()
        keys = (*self.job.task.loaded.described, "phases", "settings", "engine", "build")
        meta = {"complete": True, "store": kept.kind, "key": kept.key, "grid": self.grid.to_dict()}
        write_sealed(kept.meta, meta | {key: manifest[key] for key in keys})


@dataclass(frozen=True, slots=True)
class _Stages:
    """From the stored figures of a strategy to its candidates, plateaus and ranges."""

    folder: RunFolder
    phases: Phases
    gates: Gates
    csv_all: bool
    progress: Progress
    clock: _Clock

    def score(self, kept: SweepStore) -> StrategyReport:
        grid = kept.grid
        name = grid.strategy.name
        with (
            self.clock.stage(f"score {name}"),
            self.progress.stage(f"{name}: scoring", len(grid)) as tick,
        ):
            scores = score_tally(
                grid,
                kept.tally,
                functools.partial(kept.select, tick=tick),
                annual_factors=[p.annual_factor for p in self.phases],
                gates=self.gates,
                min_phases=self.phases.min_phases,
                lost_below=kept.lost_below,
                threads=kept.threads,
            )
        for warning in scores.warnings:
            self.progress.say(f"warning: {name}: {warning}")
        with self.clock.stage(f"candidates {name}"):
            frame = scores.candidates
            path = self.folder.candidates(name, grid.name, "parquet")
            write_with(path, lambda part: frame.write_parquet(part, compression="zstd"))
            rows = frame if self.csv_all else frame.head(CSV_ROWS)
            write_with(self.folder.candidates(name, grid.name, "csv"), rows.write_csv)
        # It takes seconds, most of them to load scikit-learn, and has no units to count.
        self.progress.say(f"{name}: looking for plateaus")
        with self.clock.stage(f"plateaus {name}"):
            plateaus = detect_plateaus(frame, grid, cells=scores.cells)
            write_text(self.folder.plateaus(name, grid.name), plateaus_csv(plateaus, grid))
        with self.clock.stage(f"ranges {name}"):
            exported = plateaus if grid.strategy.tradestation is not None else ()
            if len(exported) < len(plateaus):
                self.progress.say(f"{name}: no ranges, since it names no inputs in TradeStation")
            found = [plateau_ranges(p, frame, grid) for p in exported]
            ranges = tuple(r for r in found if r is not None)
            for p in (p for p, r in zip(exported, found, strict=True) if r is None):
                self.progress.say(
                    f"warning: {name}: plateau {p.rank} has no range file, since none of its"
                    f" combinations is among the best {len(frame):,}"
                )
            for item in ranges:
                write_text(self.folder.path / item.file_name, item.to_csv())
                for note in item.notes:
                    self.progress.say(f"warning: {item.file_name}: {note}")
        summed = standing(grid.strategy, len(grid), scores.stable, frame)
        return StrategyReport(grid.strategy, grid, scores, plateaus, ranges, summed)


def plateaus_csv(plateaus: Plateaus, grid: Grid) -> str:
    """Return the plateaus as CSV, one line each, best first; headings alone if there are none."""
    axes = grid.strategy.map_axes or ()
    heads = ["rank", "regime", "cells", "combinations", "stable_share", "stability", "trades"]
    for axis in axes:
        heads += [f"{axis}_min", f"{axis}_mean", f"{axis}_max"]
    lines = [",".join(heads)]
    for p in plateaus:
        fields = [str(p.rank), p.stop_class or "", str(len(p.cells)), str(p.combinations)]
        fields.append(f"{p.level:.4f}")
        fields += [f"{v:.4f}" if math.isfinite(v) else "" for v in (p.stability, p.trades)]
        for values, mean in zip(zip(*p.cells, strict=True), p.center, strict=True):
            fields += [str(min(values)), f"{mean:.4f}", str(max(values))]
        lines.append(",".join(fields))
    return "\n".join(lines) + "\n"


def _finish(
    folder: RunFolder,
    reports: Sequence[StrategyReport],
    manifest: dict[str, Any],
    clock: _Clock,
    trials: int,
) -> tuple[Path, ...]:
    """Write the job list and the manifest, and return the files that a reader will open."""
    ranges = [r for report in reports for r in report.ranges]
    paths = [folder.path / r.file_name for r in ranges]
    config = folder.path / "phase5_refine_config.csv"
    write_text(config, config_csv(ranges))
    folder.remove_ranges(paths)
    files = []
    for report in reports:
        name, grid = report.strategy.name, report.grid.name
        files += [folder.candidates(name, grid, ending) for ending in ("parquet", "csv")]
        files.append(folder.plateaus(name, grid))
    comparison = compare_reports(reports)
    if comparison.verdicts:
        path = folder.path / f"comparison_{reports[0].grid.name}.csv"
        write_text(path, comparison.to_csv())
        files.append(path)
    files += [*paths, config, folder.manifest]
    kept = [p for p in (folder.bars, folder.bars2) if p.is_file()]
    manifest |= {
        "status": "complete",
        "finished": _now(),
        "trials": trials,
        "results": [_describe_report(r) for r in reports],
        "comparison": comparison.to_dict(),
        "files": [str(p.relative_to(folder.path)) for p in files],
        "sums": folder.digests([*kept, *files[:-1]]),
        "timings": manifest.get("timings", {}) | clock.seconds,
    }
    write_sealed(folder.manifest, manifest)
    return tuple(files)


def compare_reports(reports: Sequence[StrategyReport]) -> Comparison:
    """Return the strategies of a run side by side."""
    return compare([r.strategy for r in reports], [r.standing for r in reports])


def _describe_report(report: StrategyReport) -> dict[str, Any]:
    scores = report.scores
    return {
        "strategy": report.strategy.name,
        "grid": report.grid.name,
        "combinations": len(report.grid),
        "min_phases": scores.min_phases,
        "valid_phases": list(scores.valid_phases),
        "gates": [c.to_dict() for c in scores.phase_counts],
        "stable": scores.stable,
        "candidates": len(scores.candidates),
        "at_risk": scores.at_risk,
        "warnings": list(scores.warnings),
        "plateaus": report.plateaus.to_dict(),
        "ranges": [{"file": r.file_name, "tests": r.tests} for r in report.ranges],
    }


@dataclass(frozen=True, slots=True)
class _Loaded:
    """The bars of a run, what identifies them, and what the manifest says of them."""

    bars: pl.DataFrame
    second: pl.DataFrame | None
    fingerprints: list[str]
    described: dict[str, Any]


def _check_symbols(plan: RunPlan, strategy: Strategy) -> None:
    """Raise unless there are as many symbols as the strategy reads.

    Raises
    ------
    InputError
        If the second one is missing, or one too many.
    """
    if strategy.dual_symbol and plan.symbol2 is None:
        raise InputError(f"{strategy.name} reads a second symbol; name it with --symbol2")
    if plan.symbol2 is not None and not strategy.dual_symbol:
        raise InputError(f"{strategy.name} reads one symbol only; leave --symbol2 out")
    if plan.symbol2 == plan.symbol:
        raise InputError(f"--symbol2 {plan.symbol2} is the first symbol; name another one")


def _load(plan: RunPlan, store: DataStore) -> _Loaded:
    meta = store.meta(plan.symbol, plan.timeframe)
    bars = store.load(plan.symbol, plan.timeframe)
    if plan.symbol2 is None:
        described = {"data": _describe_data(bars, meta)}
        return _Loaded(bars, None, [meta.fingerprint], described)
    meta2 = store.meta(plan.symbol2, plan.timeframe)
    joined = bars_module.join_bars(
        bars, store.load(plan.symbol2, plan.timeframe), allow_gaps=plan.allow_gaps
    )
    described = {
        "data": _describe_data(joined.first, meta),
        "data2": _describe_data(joined.second, meta2),
        "join": joined.to_dict(),
    }
    prints = [meta.fingerprint, meta2.fingerprint]
    return _Loaded(joined.first, joined.second, prints, described)


def _describe_data(bars: pl.DataFrame, meta: BarsMeta) -> dict[str, Any]:
    stamps = bars[time_column(bars)]
    return {
        "symbol": meta.symbol,
        "timeframe": meta.timeframe,
        "rows": len(bars),
        "first": stamps[0].isoformat(),
        "last": stamps[-1].isoformat(),
        "fingerprint": meta.fingerprint,
        "source": meta.origin.source,
        "adjust": meta.origin.adjust,
        "calendar": meta.origin.calendar,
        "warnings": list(meta.origin.warnings),
    }


def _check_fits(folder: RunFolder, job: _Job) -> None:
    """Raise if the results would not fit the disk, or the work not the memory.

    Raises
    ------
    ResultsError
        With what is needed and what there is.
    """
    earlier = folder.earlier()
    present = 0
    fresh = job.task.plan.fresh
    if not fresh and earlier is not None and earlier["fingerprint"] == job.fingerprint:
        names = (g.strategy.name for g in job.task.grids)
        files = (p for name in names for p in folder.sweep(name).rglob("*") if p.is_file())
        present = sum(p.stat().st_size for p in files)
    need, free = job.bytes_needed() - present, _free(folder)
    if need > free:
        cells, phases = sum(len(g) for g in job.task.grids), len(job.task.phases)
        smaller = "" if SurvivorStore.kind in job.stores.values() else ", --store survivors"
        raise ResultsError(
            f"the results of {cells:,} combinations over {phases} phases take up to"
            f" {size_text(need)}, {_existing(folder)} has {size_text(free)} free: choose a smaller"
            f" grid{smaller}, or another disk with --out"
        )
    phases, threads = len(job.task.phases), thread_count(job.task.plan.threads)
    memory = max(memory_needed(g, phases, threads, KEPT) for g in job.task.grids)
    there = machine_memory()
    if there is not None and memory > there:
        raise ResultsError(
            f"the run takes up to {size_text(memory)} of memory, the machine has"
            f" {size_text(there)}: choose fewer --threads, or a machine with more"
        )


def _existing(folder: RunFolder) -> Path:
    """Return the folder, or the nearest one above it that there is."""
    return next(p for p in (folder.path, *folder.path.absolute().parents) if p.exists())


def _free(folder: RunFolder) -> int:
    return shutil.disk_usage(_existing(folder)).free


def size_text(count: float) -> str:
    """Return a number of bytes for readers."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class _Clock:
    """Seconds that each stage took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - begun, 3)


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _host() -> dict[str, Any]:
    return {
        "name": platform.node(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }
