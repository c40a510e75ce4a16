"""``wfo plateaus``: the stage that looks for plateaus, and what follows from it, alone on a run."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wfo.backtest import thread_count
from wfo.charts import require_drawable
from wfo.errors import InputError, ResultsError
from wfo.files import write_text
from wfo.grid import Grid, no_map
from wfo.progress import Progress, Silent
from wfo.rules.sizing import into_a_trade
from wfo.runs import page
from wfo.runs import sentences as say
from wfo.runs.folder import RunFolder
from wfo.runs.judged import Judged, judge
from wfo.runs.machine import Clock, Machine
from wfo.runs.manifest import STAGES, Manifest
from wfo.runs.market import Market
from wfo.runs.options import RunOptions
from wfo.runs.rescore import check_inputs
from wfo.runs.results import costs_text
from wfo.runs.stage_alone.exporting import (
    ExportedRanges,
    exported_ranges,
    make_ranges,
    total_effects,
    write_ranges,
)
from wfo.runs.stage_alone.plateau_map import MapPanel, write_map
from wfo.runs.stage_alone.stated import Stated, begin_stage, chosen_of, end_stage, stated_results
from wfo.runs.stages import inside_effects, plateaus_csv, regions_csv
from wfo.runs.stored import stored_sweeps, verify_sweep
from wfo.runs.whole import Sampled
from wfo.selection.explained import Sensitivity
from wfo.selection.gates import Gates
from wfo.selection.plateau_details import (
    PlateauDetails,
    details_csv,
    needed_columns,
    plateau_details,
)
from wfo.selection.plateaus import (
    PlateauOptions,
    Plateaus,
    detect_plateaus,
    detect_unscored,
)
from wfo.selection.scoring import SetCounts
from wfo.sweeps import SurvivorStore, SweepStore
from wfo.text import percent

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class FoundPlateaus:
    """The plateaus of one strategy, and what follows from them.

    Attributes
    ----------
    grid
        What was swept.
    options
        How plateaus were looked for.
    counts
        How many combinations are stable, by the gates that rule.
    plateaus, judged
        The plateaus, their regions, and how these did on bars that they were not found on.
    details
        One item a plateau.
    inside
        What each parameter does inside each region, where ranges are exported.
    exported
        The ranges.
    sets
        What the gates that do not rule find on another map than before, by their name.
    """

    grid: Grid
    options: PlateauOptions
    counts: SetCounts
    plateaus: Plateaus
    judged: Judged
    details: tuple[PlateauDetails, ...]
    inside: tuple[Sensitivity, ...]
    exported: ExportedRanges
    sets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the strategy."""
        return self.grid.strategy.name

    def __repr__(self) -> str:
        return f"FoundPlateaus({self.name}: {self.plateaus!r})"

    def to_dict(self, item: dict[str, Any]) -> dict[str, Any]:
        """Return what the manifest says of the strategy, with what was found in its place."""
        found = item | {"plateaus": self.plateaus.to_dict()} | self.judged.to_dict()
        found |= {
            "inside": [s.to_dict() for s in self.inside],
            "range_options": self.exported.options.to_dict(),
            "ranges": [r.to_dict() for r in self.exported.ranges],
        }
        if self.sets:
            found["sets"] = {
                name: {**counted, **self.sets.get(name, {})}
                for name, counted in item.get("sets", {}).items()
            }
        options = self.options.to_dict()
        found.pop("plateau_options", None)
        return found | ({"plateau_options": options} if options else {})


@dataclass(frozen=True, slots=True, eq=False)
class PlateauReport:
    """What ``wfo plateaus`` has found, and where it was written.

    Attributes
    ----------
    folder, manifest
        The run, and what ``run.json`` says now.
    strategies
        One item for each strategy that was looked at.
    files
        What was written into the run's folder.
    plots
        The pictures.
    """

    folder: RunFolder
    manifest: Manifest
    strategies: tuple[FoundPlateaus, ...]
    files: tuple[Path, ...]
    plots: tuple[Path, ...]

    def __repr__(self) -> str:
        found = ", ".join(f"{each.name} {len(each.plateaus)}" for each in self.strategies)
        return f"PlateauReport({found}; {self.folder.path})"

    @property
    def page(self) -> str:
        """What was found, as the command line prints it."""
        lines: list[str] = []
        for each in self.strategies:
            lines += ["", *_strategy(each, self.manifest)]
        lines += ["", f"Written to {self.folder.path}"]
        lines += [f"  {path.relative_to(self.folder.path)}" for path in self.files]
        lines += [f"Drawn to {path}" for path in self.plots]
        ends = "what is given here holds until the next 'wfo run' or 'wfo rescore', which look by"
        lines += page.said(f"In run.json; {ends} the usual options again.", indent="")
        if any(each.exported.ranges for each in self.strategies):
            folder = shlex.quote(str(self.folder.path))
            lines += ["", "Next, search the ranges of these plateaus here:"]
            lines.append(f"  wfo refine {folder}")
        return "\n".join(lines) + "\n"


def plateaus(
    folder: RunFolder,
    *,
    options: PlateauOptions | None = None,
    strategy: str | None = None,
    map_axes: Sequence[str] | None = None,
    plots: Sequence[Path] = (),
    threads: int | None = None,
    command: str = "",
    progress: Progress | None = None,
    machine: Machine | None = None,
    run_options: RunOptions | None = None,
) -> PlateauReport:
    """Look for the plateaus of a run again, by its gates, and make what follows from them.

    Regions, effects inside them, ranges and their list are made anew; without options they are
    those of the run. Candidates and figures stay as they are, and so does what the run has found
    by gates that do not rule.

    Parameters
    ----------
    folder
        Folder of a complete run; its plateaus, regions and ranges are replaced.
    options
        What is given instead of searched for; by default nothing.
    strategy
        The one to look at; by default all of the run.
    map_axes
        The two parameters of the map, from now on; by default those that the run has. A simpler
        strategy that lacks one of them keeps its own.
    plots
        Files for the map, ``.png`` or ``.html``.
    threads
        By default one for each core.
    command
        How it was called, for the manifest.
    progress
        Where to tell how far it is.
    machine
        The clock of the manifest.
    run_options
        How stores work.

    Raises
    ------
    WfoError
        If there is no complete run, its figures are damaged, or nothing can be drawn.
    """
    progress, machine, clock = progress or Silent(), machine or Machine(), Clock()
    options = options or PlateauOptions()
    mends = tuple(STAGES.values())
    for path in plots:
        require_drawable(path)
    # Before anything is held or made: there may be no such folder.
    folder.read_manifest(mends=mends)
    with folder.hold(command or "wfo plateaus"):
        manifest = folder.read_manifest(mends=mends)
        before = manifest.load_grids()
        if map_axes is not None:
            manifest = _remapped(manifest, before, map_axes, strategy)
        stated = stated_results(folder, manifest)
        chosen = chosen_of(stated, strategy)
        moved = {
            g.strategy.name
            for g, each in zip(before, stated, strict=True)
            if g.strategy.map_axes != each.grid.strategy.map_axes
        }
        _check_maps(chosen, plots)
        rest = [each for each in stated if each not in chosen]
        _check_rest(folder, manifest, rest)
        check_inputs(folder, manifest)
        found = _find(
            chosen, manifest, options, thread_count(threads), progress, clock, run_options, moved
        )
        others = {each.name: exported_ranges(each, None, manifest, progress) for each in rest}
        ranges = [
            r
            for each in stated
            for r in (found[each.name].exported if each in chosen else others[each.name]).ranges
        ]
        manifest = begin_stage(folder, manifest, "plateaus", command, machine)
        written = _write(folder, list(found.values()))
        range_files = write_ranges(folder, ranges)
        results = [
            found[each.name].to_dict(dict(each.item)) if each in chosen else each.item
            for each in stated
        ]
        written = (*written, *range_files, folder.config)
        manifest, files = end_stage(folder, manifest, results, written, range_files, clock)
        folder.remove_details(files)
        panels = [_panel(each, manifest) for each in found.values() if each.grid.strategy.map_axes]
        for path in plots:
            write_map(panels, path, remedy="choose another file with --plot")
    return PlateauReport(folder, manifest, tuple(found.values()), written, tuple(plots))


def _remapped(
    manifest: Manifest, grids: Sequence[Grid], map_axes: Sequence[str], strategy: str | None
) -> Manifest:
    """Return a manifest with another map of the strategies that have both parameters.

    Raises
    ------
    InputError
        If none has both, or the map of one was counted while it was swept.
    """
    axes = dict(manifest.map_axes)
    first = next((g for g in grids if g.strategy.name == strategy), grids[0])
    first.with_map(map_axes)
    for grid in grids:
        name = grid.strategy.name
        if strategy not in {None, name} or not set(map_axes) <= set(grid.strategy.names):
            continue
        x, y = grid.with_map(map_axes).strategy.map_axes or ("", "")
        if (x, y) == grid.strategy.map_axes:
            continue
        if manifest.sweeps[name].store == SurvivorStore.kind:
            raise InputError(
                f"{name} keeps survivors only, whose map was counted while they were swept;"
                f" another one needs a new sweep: 'wfo run' with --map-axes {x},{y}"
            )
        axes[name] = (x, y)
    return replace(manifest, map_axes=axes)


def _check_maps(chosen: Sequence[Stated], plots: Sequence[Path]) -> None:
    """Raise an `InputError` where pictures are asked for and no strategy has a map."""
    if plots and not any(each.grid.strategy.map_axes for each in chosen):
        raise InputError(f"{plots[0]} would be empty: {no_map(chosen[0].grid.strategy)}")


def _check_rest(folder: RunFolder, manifest: Manifest, rest: Sequence[Stated]) -> None:
    """Raise where files of the other strategies are of a call that was cut short."""
    for each in rest:
        names = (each.name, each.grid.name)
        for path in (folder.plateaus(*names), folder.regions(*names)):
            try:
                folder.check_digest(path.name, manifest.sums[path.name])
            except (ResultsError, KeyError) as error:
                again = shlex.join(["wfo", "plateaus", str(folder.path)])
                raise ResultsError(
                    f"{path} is not as run.json states it; without --strategy it is written again:"
                    f" {again}"
                ) from error


def _find(
    chosen: Sequence[Stated],
    manifest: Manifest,
    options: PlateauOptions,
    threads: int,
    progress: Progress,
    clock: Clock,
    run_options: RunOptions | None,
    moved: Collection[str],
) -> dict[str, FoundPlateaus]:
    """Return what is found for every strategy, by its name; nothing is written."""
    folder, gates = chosen[0].folder, manifest.gates
    sizes = (run_options or RunOptions()).store
    kept = {
        each.grid.strategy.name: each
        for each in stored_sweeps(folder, manifest, gates, threads, sizes)
    }
    held = next(iter(kept.values())).benchmarks
    market = Market.of_run(folder, manifest, held, threads)
    found = {}
    for each in chosen:
        store = kept[each.name]
        columns = (*needed_columns(each.grid, len(manifest.phases)), "Total_OOS_Trades")
        frame = each.candidates(manifest.sums, columns)
        verify_sweep(store, progress, clock)
        others = [g for g in store.counted if g != gates] if each.name in moved else []
        found[each.name] = _found(
            each, store, frame, market, gates, options, progress, clock, others
        )
    return found


def _found(
    stated: Stated,
    store: SweepStore,
    frame: pl.DataFrame,
    market: Market,
    gates: Gates,
    options: PlateauOptions,
    progress: Progress,
    clock: Clock,
    others: Sequence[Gates],
) -> FoundPlateaus:
    """Return what is found for one strategy.

    `others` are the sets of gates that do not rule, where the map is another one than theirs was.
    """
    # That of the store knows the same values, and is the one that its figures are in order of.
    grid, name = store.grid, stated.name
    asked = gates.required(len(market.phases), market.phases.min_phases)
    counts = SetCounts.of(grid, store.ruling, gates, asked)
    if counts.stable != stated.item.get("stable"):
        raise ResultsError(
            f"{stated.folder.manifest} states {stated.item.get('stable')} stable combinations of"
            f" {name}, and its figures have {counts.stable:,}; {stated.again}"
        )
    progress.say(f"{name}: looking for plateaus")
    with clock.stage(f"plateaus {name}"):
        plateaus = detect_plateaus(frame, grid, cells=counts.cells, options=options)
    with clock.stage(f"regions {name}"):
        sampled = _sample(store, market, progress)
        by_others = [SetCounts.of(grid, store.counted[g], g, asked) for g in others]
        unscored = [detect_unscored(c.cells, grid) for c in by_others]
        pairs = zip(by_others, unscored, strict=True)
        also = [(c.gates, c.min_phases, p) for c, p in pairs]
        judged, *of_others = judge(
            market, grid, sampled, [(gates, counts.min_phases, plateaus), *also]
        )
    with clock.stage(f"ranges {name}"):
        inside = inside_effects(market, gates, grid, counts.min_phases, judged.regions)
        effects = [total_effects(own) for own in inside]
        ranges = make_ranges(
            grid, plateaus, judged.regions, effects, frame, stated.range_options, progress
        )
    totals = _totals(market, grid)
    details = tuple(
        plateau_details(plateau, region, frame, grid, market.benchmarks, totals)
        for plateau, region in zip(plateaus, judged.regions, strict=True)
    )
    holding = {
        r.rank or 0: (r.share, trades, len(market.phases))
        for r, trades in zip(judged.regions, judged.trades, strict=True)
    }
    exported = ExportedRanges(name, stated.range_options, ranges, holding)
    sets = {
        c.gates.name: {"plateaus": p.to_dict(), **j.to_dict()}
        for c, p, j in zip(by_others, unscored, of_others, strict=True)
    }
    return FoundPlateaus(grid, options, counts, plateaus, judged, details, inside, exported, sets)


def _sample(store: SweepStore, market: Market, progress: Progress) -> Sampled:
    """Return the sample that regions are found in."""
    name = store.grid.strategy.name
    if not store.holds_all:
        progress.say(f"{name}: sweeping a sample")
        return Sampled.of_store(store, market, lambda _: None)
    with progress.stage(f"{name}: reading a sample", len(store.grid)) as tick:
        return Sampled.of_store(store, market, tick)


def _totals(market: Market, grid: Grid) -> Callable[[NDArray[np.int64]], NDArray[np.float64]]:
    """Return what sums the out-of-sample P/L of combinations over the phases."""

    def totals(indices: NDArray[np.int64]) -> NDArray[np.float64]:
        import numpy as np

        found = np.zeros(len(indices))
        # In phase order, as the sums of candidates are.
        for figures in market.stored(grid, indices):
            found += figures.oos_pnl
        return found

    return totals


def _write(folder: RunFolder, found: Sequence[FoundPlateaus]) -> tuple[Path, ...]:
    """Write plateaus, regions and details, and return the files."""
    paths: list[Path] = []
    for each in found:
        names = (each.name, each.grid.name)
        for path, text in (
            (folder.plateaus(*names), plateaus_csv(each.plateaus, each.grid)),
            (folder.regions(*names), regions_csv(each.judged, each.grid)),
            (folder.plateau_details(*names), details_csv(each.details)),
        ):
            write_text(path, text)
            paths.append(path)
    return tuple(paths)


# The picture


def _panel(found: FoundPlateaus, manifest: Manifest) -> MapPanel:
    """Return the map of a strategy, with what is to be known about it."""
    data, counts, grid = manifest.data, found.counts, found.grid
    symbols = data.symbol if manifest.data2 is None else f"{data.symbol} + {manifest.data2.symbol}"
    title = (
        f"{symbols} {data.timeframe}, {found.name}, grid {grid.name}: {counts.stable:,} of"
        f" {len(grid):,} stable by {counts.gates.name} ({percent(counts.stable / len(grid))})"
    )
    phases = manifest.phases
    subtitle = (
        f"Stable: valid by the {counts.gates.name} gates in {counts.min_phases} or more of"
        f" {len(phases)} phases, as of {phases.as_of}"
    )
    return MapPanel(
        title, subtitle, grid, found.plateaus, found.judged.regions, _notes(found, manifest)
    )


def _notes(found: FoundPlateaus, manifest: Manifest) -> tuple[str, ...]:
    """Return what a map assumes."""
    settings = manifest.settings
    sizing = into_a_trade(settings["sizing"], manifest.strategy_of(found.name))
    assumed = f"{costs_text(settings)}; capital {settings['capital']:,.0f}, a trade takes {sizing}"
    records = [r for r in (manifest.data, manifest.data2) if r is not None]
    bars = "; ".join(
        f"{r.symbol} {r.rows:,} bars, {r.first} to {r.last}, {r.provenance}" for r in records
    )
    return (
        (
            "A cell is all combinations with these two values; its share of stable ones in percent"
            f"{_frames(found)}"
        ),
        f"Gates {found.counts.gates.name}: {page.gates_in_words(found.counts.gates)}",
        f"Assumed: {assumed}; {bars}",
    )


def _frames(found: FoundPlateaus) -> str:
    """Return what the frames of a map are; nothing where it has none."""
    if not len(found.plateaus):
        return ""
    level = found.plateaus.level
    share = "most" if level is None else f"more than {percent(level)}"
    return (
        f"; orange: plateaus, cells of which {share} are stable; dashed: their regions, which"
        " other parameters bound too"
    )


# The page


def _strategy(found: FoundPlateaus, manifest: Manifest) -> list[str]:
    """Return what is said of one strategy."""
    counts, grid, phases = found.counts, found.grid, manifest.phases
    options = found.options.to_dict()
    given = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in options.items())
    how = (
        f"by what is given, {given}, and by quality else" if given else "by quality, as a run does"
    )
    lines = [
        *page.filled(
            f"{found.name}, grid '{grid.name}': {counts.stable:,} of {len(grid):,} combinations are"
            f" stable, valid in {counts.min_phases} or more of {len(phases)} phases by the"
            f" {counts.gates.name} gates"
        ),
        *page.said(f"Plateaus are looked for {how}."),
        "",
        *page.plateau_lines(found.plateaus, grid, len(phases), found.options.least_stable),
        *page.region_lines(phases, found.judged, found.plateaus, grid),
    ]
    for each in found.details:
        lines += ["", *_details(each)]
    exported = found.exported
    lines += page.range_lines(
        exported.ranges, exported.options.fix, exported.holding.__getitem__, grid.strategy
    )
    return lines


def _details(details: PlateauDetails) -> list[str]:
    """Return what a plateau is made of, as tables."""
    plateau, best, around = details.plateau, details.best, details.neighbourhood
    regime = f", {plateau.stop_class} stops" if plateau.stop_class else ""
    spread = details.stability
    lines = [f"Plateau {plateau.rank}, {details.candidates:,} candidates{regime}"]
    if best is None or around is None:
        return [*lines, *page.said("None of its combinations is among the candidates.")]
    lines += page.said(
        f"Stability: mean {spread.mean:.1f}, 10th percentile {spread.low:.1f}, 90th"
        f" {spread.high:.1f}."
    )
    rows: list[tuple[str, ...]] = [
        ("Parameter", "Median", "From", "To", "Region median", "From", "To")
    ]
    rows += [
        (
            p.name,
            *(
                f"{v:g}" if math.isfinite(v) else "-"
                for v in (p.median, p.low, p.high, p.region_median, p.region_low, p.region_high)
            ),
        )
        for p in details.parameters
    ]
    lines += page.page_table(rows, "<>>>>>>")
    heads = ("Phase", "Median return", "A year", "Best outcome", "A year", "Hold", "A year")
    phases = [
        (
            str(p.number),
            *(
                percent(v)
                for v in (
                    p.median_return, p.median_annual, p.best_return, p.best_annual, p.held_return,
                    p.held_annual,
                )
            ),
        )
        for p in details.phases
    ]  # fmt: skip
    lines += [
        "",
        *page.filled("Out-of-sample, its median candidate and its most stable outcome", "  "),
    ]
    lines += page.page_table([heads, *phases], ">>>>>>>")
    members = (
        "" if best.members == 1 else f", the middle one of {best.members:,} with the same figures"
    )
    elsewhere = "" if best.inside else ", in a cell outside of the plateau"
    lines += [
        "",
        *page.filled(
            f"One grid step away from the most stable outcome (candidate {best.row + 1}{members}"
            f"{elsewhere}), whose total out-of-sample P/L, a sum over overlapping phases, is"
            f" {around.total:,.0f}",
            "  ",
        ),
        *page.said(
            say.neighbourhood(around.mean, around.low, len(around.neighbours), around.total),
            say.hurts_most(*_worst(details)),
            say.no_neighbourhood(around.total),
        ),
    ]
    by_parameter = around.by_parameter
    if around.total > 0 and by_parameter:
        steps: list[tuple[str, ...]] = [("Parameter", "At", "Step down", "Step up")]
        steps += [
            (
                name,
                f"{best.params[name]:g}",
                *(f"{v:.2f}" if math.isfinite(v) else "-" for v in own),
            )
            for name, own in by_parameter.items()
        ]
        lines += page.page_table(steps, "<>>>")
    return lines


def _worst(details: PlateauDetails) -> tuple[str, float, float]:
    """Return the parameter that hurts most, its value and what is left; nothing where unknown."""
    around = details.neighbourhood
    worst = None if around is None else around.hurts_most
    return (
        ("", math.nan, math.nan) if worst is None else (worst.parameter, worst.value, worst.ratio)
    )
