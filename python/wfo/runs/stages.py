"""From the stored figures of a strategy to what a run finds for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.files import write_frame, write_text
from wfo.grid import Grid
from wfo.progress import Progress
from wfo.runs.folder import RunFolder
from wfo.runs.found import Facts, OtherFound, StrategyReport, compare_reports
from wfo.runs.judged import Judged, judge
from wfo.runs.lots import lot_facts
from wfo.runs.machine import Clock, Machine
from wfo.runs.manifest import Completion, Manifest
from wfo.runs.market import Market
from wfo.runs.most_stable import most_stable
from wfo.runs.stage_alone.exporting import make_ranges, total_effects
from wfo.runs.whole import Whole
from wfo.selection.comparable import rounded, with_drawdown_shares
from wfo.selection.comparison import standing
from wfo.selection.explained import Sensitivity
from wfo.selection.gates import Gates
from wfo.selection.options import ScoreOptions
from wfo.selection.plateaus import Plateaus, detect_plateaus, detect_unscored
from wfo.selection.profile import Profile
from wfo.selection.regions import Region
from wfo.selection.scoring import Scores, score_statistics, stable_threshold
from wfo.selection.sensitivity import region_sensitivity
from wfo.sweeps import SweepStore
from wfo.tradestation.ranges import PlateauRanges, RangeOptions, config_csv

if TYPE_CHECKING:
    import polars as pl

#: Lines that are swept for each parameter inside a region: whether its effect is above a percent
#: needs no more.
_LINES_INSIDE = 200

#: Combinations of a region that are swept whole.
_WHOLE_INSIDE = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """What follows a sweep.

    Attributes
    ----------
    folder
        Where the files go.
    market
        What the most stable outcomes, samples and regions are backtested on.
    gates
        Those that rule.
    csv_rows
        Rows of the candidates' CSV file at most; None for all.
    ranges
        How ranges are made.
    progress, clock
        Takes reports of progress; times the stages.
    options
        How scoring works.
    """

    folder: RunFolder
    market: Market
    gates: Gates
    csv_rows: int | None
    ranges: RangeOptions
    progress: Progress
    clock: Clock
    options: ScoreOptions = field(default_factory=ScoreOptions)

    def find(self, kept: SweepStore) -> StrategyReport:
        """Score what a store holds, judge it, and write what follows from it.

        Raises
        ------
        ResultsError
            If a file cannot be written.
        """
        grid, strategy = kept.grid, kept.grid.strategy
        name = strategy.name
        whole, scores = self._score(kept)
        with self.clock.stage(f"sensitivity {name}"):
            found = whole.sensitivity(scores.min_phases)
            write_text(self.folder.sensitivity(name, grid.name, "csv"), found.to_csv())
            found.plot(self.folder.sensitivity(name, grid.name, "html"))
        # Plateaus keep one core busy, files of candidates the other.
        with ThreadPoolExecutor(1, "wfo-candidates") as pool:
            writing = pool.submit(self._write_candidates, grid, scores)
            # It takes seconds, most of them to load scikit-learn, and has no units to count.
            self.progress.say(f"{name}: looking for plateaus")
            with self.clock.stage(f"plateaus {name}"):
                plateaus = detect_plateaus(scores.candidates, grid, cells=scores.cells)
                write_text(self.folder.plateaus(name, grid.name), plateaus_csv(plateaus, grid))
                others = [detect_unscored(c.cells, grid) for c in scores.others]
            scores = replace(scores, candidates=writing.result())
        frame = scores.candidates
        with self.clock.stage(f"regions {name}"):
            asked = [(self.gates, scores.min_phases, plateaus)]
            asked += [
                (c.gates, c.min_phases, p) for c, p in zip(scores.others, others, strict=True)
            ]
            judged, *of_others = judge(self.market, grid, whole, asked)
            write_text(self.folder.regions(name, grid.name), regions_csv(judged, grid))
        with self.clock.stage(f"ranges {name}"):
            inside = inside_effects(
                self.market, self.gates, grid, scores.min_phases, judged.regions
            )
            ranges = self._export(grid, plateaus, judged.regions, inside, scores)
        with self.clock.stage(f"most stable {name}"):
            best = most_stable(self.market, strategy, frame)
        return StrategyReport(
            strategy=strategy,
            grid=grid,
            scores=scores,
            plateaus=plateaus,
            judged=judged,
            sensitivity=found,
            inside=inside,
            ranges=ranges,
            most_stable=best,
            others=tuple(
                OtherFound(*each) for each in zip(scores.others, others, of_others, strict=True)
            ),
            facts=Facts.of(scores, len(self.market.phases)),
            standing=standing(strategy, len(grid), scores.stable, frame),
            lots=lot_facts(self.market, grid),
            profile=None if kept.profile is None else Profile.of(kept.profile),
        )

    def _score(self, kept: SweepStore) -> tuple[Whole, Scores]:
        """Score, and look at all combinations on the way."""
        grid, name = kept.grid, kept.grid.strategy.name
        market = self.market
        with (
            self.clock.stage(f"score {name}"),
            self.progress.stage(f"{name}: scoring", len(grid)) as tick,
        ):
            asked = self.gates.required(len(market.phases), market.phases.min_phases)
            given = self.gates.min_phases is not None
            least, _ = stable_threshold(asked, kept.ruling.valid_phases, given=given)
            whole = Whole.of(kept, least, market, self.folder.path)
            scores = score_statistics(
                grid,
                kept.counted,
                lambda selection: kept.select(selection, tick, beside=whole.add),
                annual_factors=[p.annual_factor for p in market.phases],
                benchmarks=market.benchmarks,
                gates=self.gates,
                min_phases=market.phases.min_phases,
                options=self.options,
                lost_below=kept.lost_below,
                outcomes=kept.counted_outcomes,
                threads=kept.threads,
            )
            if not scores.stable:
                kept.select(None, tick, beside=whole.add)
        for warning in scores.warnings:
            self.progress.say(f"warning: {name}: {warning}")
        return whole, scores

    def _write_candidates(self, grid: Grid, scores: Scores) -> pl.DataFrame:
        """Write the candidates, and return them with what only a simulation knows."""
        name, frame = grid.strategy.name, scores.candidates
        with self.clock.stage(f"candidates {name}"):
            if len(frame) and scores.index is not None:
                shares = self.market.drawdown_shares(grid)
                frame = with_drawdown_shares(frame, scores.index, self.csv_rows, shares)
            write_frame(self.folder.candidates(name, grid.name, "parquet"), frame)
            rows = frame if self.csv_rows is None else frame.head(self.csv_rows)
            shown = rounded(rows, grid.strategy.names)
            write_frame(self.folder.candidates(name, grid.name, "csv"), shown)
        return frame

    def _export(
        self,
        grid: Grid,
        plateaus: Plateaus,
        regions: Sequence[Region],
        inside: Sequence[Sensitivity],
        scores: Scores,
    ) -> tuple[PlateauRanges, ...]:
        """Write the range files, and return what is in them."""
        frame = scores.candidates
        effects = [total_effects(own) for own in inside]
        ranges = make_ranges(grid, plateaus, regions, effects, frame, self.ranges, self.progress)
        for item in ranges:
            write_text(self.folder.path / item.file_name, item.to_csv())
        return ranges

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
            What was written, and the files to open.

        Raises
        ------
        ResultsError
            If a file cannot be written.
        """
        folder = self.folder
        ranges = [r for report in reports for r in report.ranges]
        paths = [folder.path / r.file_name for r in ranges]
        config = folder.config
        write_text(config, config_csv(ranges))
        folder.remove_ranges(paths)
        folder.remove_details(())
        files = []
        for report in reports:
            name, grid = report.strategy.name, report.grid.name
            files += [folder.candidates(name, grid, ending) for ending in ("parquet", "csv")]
            files += [folder.plateaus(name, grid), folder.regions(name, grid)]
            files += [folder.sensitivity(name, grid, ending) for ending in ("csv", "html")]
        comparison = compare_reports(reports)
        if comparison.verdicts:
            path = folder.path / f"comparison_{reports[0].grid.name}.csv"
            write_text(path, comparison.to_csv())
            files.append(path)
        files += [*paths, config, folder.manifest]
        before = manifest.completion.timings if manifest.completion else {}
        completion = Completion(
            trials=trials,
            results=tuple(_describe(r, self.ranges) for r in reports),
            comparison=comparison.to_dict(),
            files=tuple(str(p.relative_to(folder.path)) for p in files),
            sums=folder.digests([*folder.inputs(), *files[:-1]]),
            timings={**before, **self.clock.seconds},
        )
        manifest = replace(
            manifest, status="complete", finished=machine.stamp(), completion=completion
        )
        manifest.write(folder.manifest)
        return manifest, tuple(files)


def inside_effects(
    market: Market, gates: Gates, grid: Grid, least: int, regions: Sequence[Region]
) -> tuple[Sensitivity, ...]:
    """Return what each parameter does inside each region that is exported, swept anew.

    Parameters
    ----------
    market
        What regions are swept on.
    gates, least
        The gates that rule, and in how many phases stable combinations are valid.
    grid, regions
        What was swept, and the regions in it.
    """
    if grid.strategy.tradestation is None:
        return ()
    return tuple(
        region_sensitivity(
            grid,
            region.grid(grid).values,
            market.sweeps,
            capital=market.settings.capital,
            exponents=[b.oos_exponent for b in market.benchmarks],
            gates=gates.core(market.benchmarks),
            least=least,
            lines=_LINES_INSIDE,
            whole=_WHOLE_INSIDE,
            threads=market.threads,
        )
        for region in regions
    )


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


def regions_csv(judged: Judged, grid: Grid) -> str:
    """Return the regions as CSV, a line a region and parameter, in the order of the plateaus."""
    lines = [
        (
            "rank,parameter,min,max,box_min,box_max,accepted,share,other_share,other_box,other_grid,"
            "support"
        )
    ]
    for region in judged.regions:
        shares = (
            region.share, region.other_share, region.other_box, region.other_grid, region.support,
        )  # fmt: skip
        told = ",".join(f"{v:.4f}" if math.isfinite(v) else "" for v in shares)
        for name in grid.strategy.names:
            bounds = (*region.bounds[name], *region.box[name])
            own = ",".join(f"{v:g}" for v in bounds)
            lines.append(f"{region.rank},{name},{own},{int(region.accepted)},{told}")
    return "\n".join(lines) + "\n"


def _describe(report: StrategyReport, options: RangeOptions) -> dict[str, Any]:
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
        "outcomes": None if scores.outcomes is None else scores.outcomes.to_dict(),
        "sets": {
            report.scores.gates.name: {"stable": scores.stable, "min_phases": scores.min_phases},
            **{
                o.counts.gates.name: o.counts.to_dict()
                | {"plateaus": o.plateaus.to_dict(), **o.judged.to_dict()}
                for o in report.others
            },
        },
        "best": None if report.most_stable is None else report.most_stable.to_dict(),
        "profile": None if report.profile is None else report.profile.to_dict(),
        "at_risk": scores.at_risk,
        "warnings": list(scores.warnings),
        "plateaus": report.plateaus.to_dict(),
        **report.judged.to_dict(),
        "sensitivity": report.sensitivity.to_dict(),
        "inside": [s.to_dict() for s in report.inside],
        "range_options": options.to_dict(),
        "ranges": [r.to_dict() for r in report.ranges],
    }
