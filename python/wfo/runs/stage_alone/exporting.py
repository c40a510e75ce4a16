"""``wfo export``: the stage that makes ranges for TradeStation, alone on a run's folder."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.files import write_text
from wfo.grid import Grid
from wfo.progress import Progress, Silent
from wfo.runs import page
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Clock, Machine
from wfo.runs.manifest import STAGES, Manifest
from wfo.runs.stage_alone.stated import (
    Effects,
    Stated,
    begin_stage,
    chosen_of,
    end_stage,
    stated_results,
)
from wfo.selection.explained import Sensitivity
from wfo.selection.plateaus import Plateau
from wfo.selection.regions import Region
from wfo.tradestation.ranges import Fix, PlateauRanges, RangeOptions, config_csv, plateau_ranges

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class ExportedRanges:
    """The ranges of one strategy.

    Attributes
    ----------
    strategy
        Its name.
    options
        How they were made.
    ranges
        One item a file.
    holding
        By rank of a plateau: stable share and trades of its region, and how many phases there are.
    """

    strategy: str
    options: RangeOptions
    ranges: tuple[PlateauRanges, ...]
    holding: Mapping[int, tuple[float, float, int]]


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """What ``wfo export`` has written.

    Attributes
    ----------
    folder, manifest
        The run, and what ``run.json`` says now.
    strategies
        Of every strategy of the run, its ranges.
    files
        The range files and their list.
    """

    folder: RunFolder
    manifest: Manifest
    strategies: tuple[ExportedRanges, ...]
    files: tuple[Path, ...]

    def __repr__(self) -> str:
        return f"Exported({len(self.files) - 1} range files; {self.folder.path})"

    @property
    def page(self) -> str:
        """What each file asks for and holds, as the command line prints it."""
        lines: list[str] = []
        for each in self.strategies:
            options = each.options
            how = f"at most {options.max_tests:,} tests a file, fixed at the {options.fix}"
            lines += ["", f"{each.strategy}: {how}"]
            lines += page.range_lines(
                each.ranges,
                options.fix,
                each.holding.__getitem__,
                self.manifest.strategy_of(each.strategy),
            )
        lines += ["", f"Written to {self.folder.path}", *(f"  {p.name}" for p in self.files)]
        if any(each.ranges for each in self.strategies):
            folder = shlex.quote(str(self.folder.path))
            lines += ["", "Next, search these ranges here:", f"  wfo refine {folder}"]
        return "\n".join(lines) + "\n"


def export(
    folder: RunFolder,
    *,
    max_tests: int | None = None,
    fix: Fix | None = None,
    strategy: str | None = None,
    command: str = "",
    progress: Progress | None = None,
    machine: Machine | None = None,
) -> Exported:
    """Write the ranges of a run again, from the plateaus and regions that it has found.

    Nothing is swept or scored. Without options the same files are written.

    Parameters
    ----------
    folder
        Folder of a complete run; its range files and their list are replaced.
    max_tests, fix
        As in `RangeOptions`; what is None stays as the run has it.
    strategy
        The one whose ranges are made by these options; by default all. The others' stay.
    command
        How it was called, for the manifest.
    progress
        Where to tell what is left out.
    machine
        The clock of the manifest.

    Raises
    ------
    WfoError
        If there is no complete run, it lacks what ranges are made of, or an option is none.
    """
    progress, machine, clock = progress or Silent(), machine or Machine(), Clock()
    mends = (STAGES["export"],)
    # Before anything is held or made: there may be no such folder.
    folder.read_manifest(mends=mends)
    with folder.hold(command or "wfo export"):
        manifest = folder.read_manifest(mends=mends)
        found = stated_results(folder, manifest)
        own = {each.name for each in chosen_of(found, strategy)}
        given: dict[str, Any] = {"max_tests": max_tests, "fix": fix}
        given = {name: value for name, value in given.items() if value is not None}
        made = []
        for each in found:
            options = each.range_options
            if each.name in own:
                options = replace(options, **given)
            with clock.stage(f"ranges {each.name}"):
                made.append(exported_ranges(each, options, manifest, progress))
        manifest = begin_stage(folder, manifest, "export", command, machine)
        paths = write_ranges(folder, [r for each in made for r in each.ranges])
        results = [
            dict(each.item)
            | {
                "range_options": ranges.options.to_dict(),
                "ranges": [r.to_dict() for r in ranges.ranges],
            }
            for each, ranges in zip(found, made, strict=True)
        ]
        written = (*paths, folder.config)
        manifest, _ = end_stage(folder, manifest, results, written, paths, clock)
    return Exported(folder, manifest, tuple(made), written)


def exported_ranges(
    stated: Stated, options: RangeOptions | None, manifest: Manifest, progress: Progress
) -> ExportedRanges:
    """Return the ranges of a strategy by what the run has found.

    Parameters
    ----------
    stated, manifest
        What the run has found.
    options
        How ranges are made; None as the run has it.
    progress
        Where to tell what is left out.

    Raises
    ------
    ResultsError
        If the run lacks what ranges are made of.
    """
    options = options or stated.range_options
    grid, plateaus = stated.grid, stated.plateaus
    regions, effects = stated.regions(plateaus), stated.effects(plateaus)
    columns = (*grid.strategy.names, "Outcome", "Total_OOS_Trades")
    frame = stated.candidates(manifest.sums, columns)
    ranges = make_ranges(grid, plateaus, regions, effects, frame, options, progress)
    phases = len(manifest.phases)
    holding = {r.rank or 0: (r.share, _trades(r, frame), phases) for r in regions}
    return ExportedRanges(grid.strategy.name, options, ranges, holding)


def _trades(region: Region, frame: pl.DataFrame) -> float:
    """Return the median trades of the candidates inside a region; NaN without any."""
    median = frame.filter(region.contains(frame))["Total_OOS_Trades"].median()
    return float("nan") if median is None else float(median)  # type: ignore[arg-type]  # of numbers


def make_ranges(
    grid: Grid,
    plateaus: Sequence[Plateau],
    regions: Sequence[Region],
    effects: Sequence[Effects],
    candidates: pl.DataFrame,
    options: RangeOptions,
    progress: Progress,
) -> tuple[PlateauRanges, ...]:
    """Return the ranges of all plateaus of a strategy, and tell which plateaus have none.

    Parameters
    ----------
    grid
        What was swept.
    plateaus, regions, effects
        The plateaus, and of each its region and the total effects inside.
    candidates
        Best first.
    options
        How ranges are made.
    progress
        Where to tell it.
    """
    name = grid.strategy.name
    if grid.strategy.tradestation is None:
        progress.say(f"{name}: no ranges, since it names no inputs in TradeStation")
        return ()
    found = [
        plateau_ranges(
            plateau,
            region,
            candidates,
            grid,
            effects=own,
            max_tests=options.max_tests,
            fix=options.fix,
        )
        for plateau, region, own in zip(plateaus, regions, effects, strict=True)
    ]
    for p in (p for p, files in zip(plateaus, found, strict=True) if not files):
        progress.say(
            f"warning: {name}: plateau {p.rank} has no range file, since none of its"
            f" combinations is among the best {len(candidates):,}"
        )
    return tuple(itertools.chain.from_iterable(found))


def total_effects(found: Sensitivity) -> Effects:
    """Return the total effect of each parameter on the return."""
    return {n: f.total for f in found.annual_return.factors for n in f.parameters}


def write_ranges(folder: RunFolder, ranges: Sequence[PlateauRanges]) -> tuple[Path, ...]:
    """Write range files and their list, remove those of before, and return the range files.

    Raises
    ------
    ResultsError
        If a file cannot be written.
    """
    paths = tuple(folder.path / each.file_name for each in ranges)
    for path, each in zip(paths, ranges, strict=True):
        write_text(path, each.to_csv())
    write_text(folder.config, config_csv(ranges))
    folder.remove_ranges(paths)
    return paths
