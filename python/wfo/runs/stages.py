"""From the stored figures of a strategy to its candidates, plateaus and ranges."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wfo.files import write_frame, write_text
from wfo.grid import Grid
from wfo.progress import Progress
from wfo.runs.folder import RunFolder
from wfo.runs.found import StrategyReport, compare_reports
from wfo.runs.machine import Clock, Machine
from wfo.runs.manifest import Manifest, Outcome
from wfo.selection.comparison import standing
from wfo.selection.plateaus import Plateaus, detect_plateaus
from wfo.selection.scoring import Gates, score_tally
from wfo.sweeps import SweepStore
from wfo.tradestation.ranges import config_csv, plateau_ranges
from wfo.windows import Phases


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """What follows a sweep.

    Attributes
    ----------
    folder
        Where the files go.
    phases, gates
        What scores are made with.
    csv_rows
        Rows of the candidates' CSV file at most; None for all.
    progress, clock
        Who hears how far it is, and who times it.
    """

    folder: RunFolder
    phases: Phases
    gates: Gates
    csv_rows: int | None
    progress: Progress
    clock: Clock

    def score(self, kept: SweepStore) -> StrategyReport:
        """Score what a store holds, and write what follows from it.

        Raises
        ------
        ResultsError
            If a file cannot be written.
        """
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
            write_frame(self.folder.candidates(name, grid.name, "parquet"), frame)
            rows = frame if self.csv_rows is None else frame.head(self.csv_rows)
            write_frame(self.folder.candidates(name, grid.name, "csv"), rows)
        # It takes seconds, most of them to load scikit-learn, and has no units to count.
        self.progress.say(f"{name}: looking for plateaus")
        with self.clock.stage(f"plateaus {name}"):
            plateaus = detect_plateaus(frame, grid, cells=scores.cells)
            write_text(self.folder.plateaus(name, grid.name), plateaus_csv(plateaus, grid))
        with self.clock.stage(f"ranges {name}"):
            exported = plateaus if grid.strategy.tradestation is not None else ()
            if grid.strategy.tradestation is None:
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

    def finish(
        self,
        reports: Sequence[StrategyReport],
        manifest: Manifest,
        trials: int,
        machine: Machine,
    ) -> tuple[Manifest, tuple[Path, ...]]:
        """Write the job list and the manifest, which says that the run is complete.

        Returns
        -------
        manifest, files
            What was written, and the files that a reader will open.

        Raises
        ------
        ResultsError
            If a file cannot be written.
        """
        folder = self.folder
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
        before = manifest.outcome.timings if manifest.outcome else {}
        outcome = Outcome(
            trials=trials,
            results=tuple(_describe(r) for r in reports),
            comparison=comparison.to_dict(),
            files=tuple(str(p.relative_to(folder.path)) for p in files),
            sums=folder.digests([*folder.inputs(), *files[:-1]]),
            timings={**before, **self.clock.seconds},
        )
        manifest = replace(manifest, status="complete", finished=machine.stamp(), outcome=outcome)
        manifest.write(folder.manifest)
        return manifest, tuple(files)


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


def _describe(report: StrategyReport) -> dict[str, Any]:
    """Return what was found for a strategy, for the manifest."""
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
