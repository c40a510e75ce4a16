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
from wfo.build import build_info
from wfo.catalogue import Strategy, get_strategy
from wfo.comparison import Comparison, Standing, compare, standing
from wfo.data.frames import time_column
from wfo.engine import Data, get_engine, iter_sweep, thread_count
from wfo.errors import InputError, ResultsError
from wfo.export import PlateauRanges, config_csv, plateau_ranges
from wfo.files import write_json, write_text, write_with
from wfo.grid import Grid
from wfo.plateaus import Plateaus, detect_plateaus
from wfo.progress import Progress, Silent
from wfo.results import CELL_BYTES, RunFolder, StoredSweep, SweepWriter, fingerprint
from wfo.scoring import Gates, Scores, score_figures
from wfo.settings import Settings
from wfo.windows import LEAST_WARMUP, Phases, Windows

if TYPE_CHECKING:
    import polars as pl

    from wfo.data import BarsMeta, DataStore

#: Version of the layout of a run's folder.
LAYOUT = 1

#: Rows of the candidates' CSV file, unless all are asked for.
CSV_ROWS = 100_000

#: Bytes that a candidate takes in the two candidates files together, at most.
_CANDIDATE_BYTES = 700


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
        Name; the simpler strategies of its expansion run too, unless `expand` is off.
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
    command
        How it was called, for the manifest.
    """

    symbol: str
    strategy: str
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
    requested = get_strategy(plan.strategy)
    names = (requested.name, *requested.expansion) if plan.expand else (requested.name,)
    grids = [Grid.load(plan.grid, name) for name in names]
    schedule = Windows.load(plan.windows)

    _check_symbols(plan, requested)
    with clock.stage("bars"):
        loaded = _load(plan, store)
        bars = loaded.bars
        prices = bars_module.prices(bars)
        second = None if loaded.second is None else bars_module.prices(loaded.second)
    warmup = max([LEAST_WARMUP, *(g.need for g in grids)])
    phases = schedule.resolve(bars_module.dates(bars), as_of=plan.as_of, warmup=warmup)
    plan.gates.required(len(phases), phases.min_phases)
    engine, _ = get_engine("auto")
    threads = thread_count(plan.threads)

    identity = {
        "layout": LAYOUT,
        "symbol": plan.symbol,
        "timeframe": plan.timeframe,
        "data": loaded.fingerprints,
        "windows": phases.to_dict(),
        "settings": plan.settings.to_dict(),
        "grids": [g.to_dict() for g in grids],
    }
    folder = RunFolder.of(plan.out, plan.symbol, plan.symbol2)
    _check_disk(folder, grids, len(phases))
    trials = folder.read_trials(plan.symbol)["total"]
    run_fingerprint = fingerprint(identity)
    manifest: dict[str, Any] = {
        "status": "running",
        "fingerprint": run_fingerprint,
        "command": plan.command,
        "started": _now(),
        "symbol": plan.symbol,
        "timeframe": plan.timeframe,
        **loaded.described,
        "strategy": requested.name,
        "windows": schedule.to_dict(),
        "phases": phases.to_dict(),
        "settings": plan.settings.to_dict(),
        "gates": plan.gates.to_dict(),
        "engine": engine,
        "threads": threads,
        "grids": [g.to_dict() for g in grids],
        "build": build_info(),
        "host": _host(),
    }
    with folder.hold(plan.command):
        moved = folder.prepare(run_fingerprint)
        # Figures follow from the fingerprint alone. Where the same run is complete already, another
        # sweep changes no byte, and its manifest stays true until the scoring begins.
        ours = not folder.is_complete()
        if ours:
            write_json(folder.manifest, manifest)
        try:
            _write_bars(folder, loaded)
            bounds = [p.bounds for p in phases]
            for grid in grids:
                name = grid.strategy.name
                data = Data(prices, second if grid.strategy.dual_symbol else None)
                with clock.stage(f"sweep {name}"):
                    _sweep(folder, grid, data, plan.settings, bounds, engine, threads, progress)
                keys = (*loaded.described, "phases", "settings", "engine")
                described = {key: manifest[key] for key in keys} | {"build": manifest["build"]}
                meta = {"complete": True, "grid": grid.to_dict()} | described
                write_json(folder.sweep(name) / "meta.json", meta)
                keys = ("timeframe", "data", "windows", "settings")
                search = {"strategy": name, "grid": grid.to_dict()}
                counted = {
                    "fingerprint": fingerprint(search | {key: identity[key] for key in keys}),
                    "strategy": name,
                    "grid": grid.name,
                    "combinations": len(grid),
                }
                trials = folder.count_trials(plan.symbol, counted)
            if not ours:
                ours = True
                write_json(folder.manifest, manifest)
            stage = _Stages(folder, phases, plan.gates, plan.csv_all, progress, clock)
            reports = [stage.score(grid) for grid in grids]
            files = _finish(folder, reports, manifest, clock, trials)
        except BaseException as error:
            status = "failed" if isinstance(error, Exception) else "interrupted"
            if ours:
                with contextlib.suppress(ResultsError):
                    ended = {"status": status, "finished": _now()}
                    write_json(folder.manifest, manifest | ended)
            raise
    seconds = sum(clock.seconds.values())
    return RunReport(folder, phases, tuple(reports), files, moved, trials, seconds, manifest)


def rescore(
    folder: RunFolder,
    *,
    gates: Gates | None = None,
    csv_all: bool = False,
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
    command
        How it was called, for the manifest.
    progress
        Who hears how far it is.

    Raises
    ------
    WfoError
        If there is no complete run, or the gates cannot be used.
    """
    progress = progress or Silent()
    clock = _Clock()
    # Before anything is held or made: there may be no such folder.
    folder.read_manifest(scored=False)
    with folder.hold(command):
        manifest = folder.read_manifest(scored=False)
        gates = gates or Gates.from_dict(manifest["gates"])
        phases = Phases.from_dict(manifest["phases"])
        gates.required(len(phases), phases.min_phases)
        grids = [Grid.from_dict(data) for data in manifest["grids"]]
        for grid in grids:
            StoredSweep(folder.sweep(grid.strategy.name), len(grid), len(phases))
        # From here on the folder may hold files of two scorings, and says so until the last is
        # written.
        write_json(folder.manifest, manifest | {"status": "rescoring"})
        stage = _Stages(folder, phases, gates, csv_all, progress, clock)
        reports = [stage.score(grid) for grid in grids]
        manifest |= {"gates": gates.to_dict(), "rescored": {"command": command, "at": _now()}}
        trials = manifest["trials"]
        files = _finish(folder, reports, manifest, clock, trials)
    seconds = sum(clock.seconds.values())
    return RunReport(folder, phases, tuple(reports), files, None, trials, seconds, manifest)


def _write_bars(folder: RunFolder, loaded: _Loaded) -> None:
    """Keep the bars that a run uses beside its results."""
    for path, bars in ((folder.bars, loaded.bars), (folder.bars2, loaded.second)):
        if bars is not None:
            write_with(path, functools.partial(bars.write_parquet, compression="zstd"))


def _sweep(
    folder: RunFolder,
    grid: Grid,
    data: Data,
    settings: Settings,
    bounds: Sequence[tuple[int, int, int]],
    engine: str,
    threads: int,
    progress: Progress,
) -> None:
    """Sweep a grid into its files."""
    name = grid.strategy.name
    title = f"{name}: sweeping {len(bounds)} phases"
    with (
        progress.stage(title, len(grid)) as tick,
        SweepWriter(folder.sweep(name), len(grid), len(bounds)) as writer,
    ):
        for start, stop, block in iter_sweep(data, grid, settings, bounds, engine, threads):
            writer.append(block)
            tick(stop - start)


@dataclass(frozen=True, slots=True)
class _Stages:
    """From the stored figures of a strategy to its candidates, plateaus and ranges."""

    folder: RunFolder
    phases: Phases
    gates: Gates
    csv_all: bool
    progress: Progress
    clock: _Clock

    def score(self, grid: Grid) -> StrategyReport:
        name = grid.strategy.name
        stored = StoredSweep(self.folder.sweep(name), len(grid), len(self.phases))
        with (
            self.clock.stage(f"score {name}"),
            self.progress.stage(f"{name}: scoring in two passes", 2 * len(grid)) as tick,
        ):
            scores = score_figures(
                grid,
                stored.read,
                annual_factors=[p.annual_factor for p in self.phases],
                gates=self.gates,
                min_phases=self.phases.min_phases,
                tick=tick,
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
            found = [plateau_ranges(p, frame, grid) for p in plateaus]
            ranges = tuple(r for r in found if r is not None)
            for p in (p for p, r in zip(plateaus, found, strict=True) if r is None):
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
    x, y = grid.strategy.map_axes
    heads = ["rank", "regime", "cells", "combinations", "stable_share", "stability", "trades"]
    for axis in (x, y):
        heads += [f"{axis}_min", f"{axis}_mean", f"{axis}_max"]
    lines = [",".join(heads)]
    for p in plateaus:
        fields = [str(p.rank), p.regime, str(len(p.cells)), str(p.combinations)]
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
    manifest |= {
        "status": "complete",
        "finished": _now(),
        "trials": trials,
        "results": [_describe_report(r) for r in reports],
        "comparison": comparison.to_dict(),
        "files": [str(p.relative_to(folder.path)) for p in files],
        "timings": manifest.get("timings", {}) | clock.seconds,
    }
    write_json(folder.manifest, manifest)
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


def _check_disk(folder: RunFolder, grids: Sequence[Grid], phases: int) -> None:
    """Raise if the results would not fit the disk.

    Raises
    ------
    ResultsError
        With what they take and what there is.
    """
    cells = sum(len(g) for g in grids)
    kept = sum(min(len(g), 2_000_000) for g in grids)
    need = cells * phases * CELL_BYTES + kept * _CANDIDATE_BYTES
    existing = next(p for p in (folder.path, *folder.path.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if need > free:
        raise ResultsError(
            f"the results of {cells:,} combinations over {phases} phases take up to"
            f" {_size(need)}, {existing} has {_size(free)} free: choose a smaller grid, or another"
            " disk with --out"
        )


def _size(count: float) -> str:
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
