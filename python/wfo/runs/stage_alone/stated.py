"""What the manifest of a run states of each strategy, as values that a stage alone goes on from."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from wfo.errors import InputError, ResultsError, WfoError, did_you_mean
from wfo.files.parquet import ParquetFile
from wfo.grid import Grid
from wfo.runs.folder import RunFolder
from wfo.runs.machine import Clock, Machine
from wfo.runs.manifest import STAGES, Digest, Manifest, Rescored
from wfo.selection.plateaus import PlateauOptions, Plateaus
from wfo.selection.regions import Region
from wfo.tradestation.ranges import RangeOptions

if TYPE_CHECKING:
    import polars as pl

_Value = TypeVar("_Value")

#: What a value that fits its shape and not the grid may raise.
_UNUSABLE = (WfoError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)

#: Total effect of each parameter inside a region, a share of 1.
Effects = Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """What a run has found for one strategy, as far as plateaus and ranges go.

    Attributes
    ----------
    folder
        The run's folder.
    grid
        What was swept.
    item
        What the manifest says of the strategy, as plain values.
    range_options, plateau_options
        How its ranges and its plateaus were made.
    """

    folder: RunFolder
    grid: Grid
    item: Mapping[str, Any]
    range_options: RangeOptions
    plateau_options: PlateauOptions

    @property
    def name(self) -> str:
        """Name of the strategy."""
        return self.grid.strategy.name

    @property
    def plateaus(self) -> Plateaus:
        """The plateaus, without their map.

        Raises
        ------
        ResultsError
            If the manifest states something else.
        """
        return self._made("plateaus", dict, lambda data: Plateaus.from_dict(data, self.grid))

    def regions(self, plateaus: Plateaus) -> tuple[Region, ...]:
        """Return the region of each plateau, in their order.

        Raises
        ------
        ResultsError
            If the manifest states something else.
        """

        def made(data: Sequence[Any]) -> tuple[Region, ...]:
            found = tuple(Region.from_dict(each, self.grid) for each in data)
            if [r.rank for r in found] != [p.rank for p in plateaus]:
                raise InputError(f"{len(found)} regions are not those of {len(plateaus)} plateaus")
            return found

        return self._made("regions", list, made)

    def effects(self, plateaus: Plateaus) -> tuple[Effects, ...]:
        """Return the total effects on the return inside each region, in the order of the plateaus.

        Raises
        ------
        ResultsError
            If the manifest states something else.
        """
        if self.grid.strategy.tradestation is None:
            return ()

        def made(data: Sequence[Any]) -> tuple[Effects, ...]:
            found = tuple(_effects(each, self.grid) for each in data)
            if len(found) != len(plateaus):
                raise InputError(f"{len(found)} items are not those of {len(plateaus)} plateaus")
            return found

        return self._made("inside", list, made)

    def candidates(self, sums: Mapping[str, Digest], columns: Sequence[str]) -> pl.DataFrame:
        """Return columns of the candidates, best first, as they were written.

        Parameters
        ----------
        sums
            Digests of the run's files.
        columns
            Which ones.

        Raises
        ------
        ResultsError
            If the file is missing, not as it was written, or lacks a column.
        """
        path = self.folder.candidates(self.name, self.grid.name, "parquet")
        if path.name not in sums:
            raise ResultsError(f"{self.folder.manifest} states no {path.name}; {self.again}")
        try:
            self.folder.check_digest(path.name, sums[path.name])
            with ParquetFile(path, links=False) as file:
                missing = [name for name in columns if name not in file.names]
                if not missing:
                    return file.read(columns)
        except ResultsError as error:
            raise ResultsError(f"{error}; {self.again}") from error
        except OSError as error:
            said = error.strerror or error
            raise ResultsError(f"{path} cannot be read: {said}; {self.again}") from error
        raise ResultsError(
            f"{path} lacks {', '.join(missing)}, as those of an earlier version do; {self.again}"
        )

    @property
    def again(self) -> str:
        """What writes again what follows from the figures, for messages."""
        again = shlex.join(["wfo", "rescore", str(self.folder.path)])
        return f"what follows from the figures is written again by {again}"

    def _made(self, key: str, kind: type, make: Callable[[Any], _Value]) -> _Value:
        """Return what is made of what the manifest states under a key."""
        where = f"{key!r} of {self.name} in {self.folder.manifest}"
        if key not in self.item:
            raise ResultsError(
                f"{where} is missing, as in runs of an earlier version; {self.again}"
            )
        data = self.item[key]
        if not isinstance(data, kind):
            raise ResultsError(f"{where} must be of type {kind.__name__}; {self.again}")
        try:
            return make(data)
        except _UNUSABLE as error:
            raise ResultsError(
                f"{where} cannot be used: {type(error).__name__}: {error}; {self.again}"
            ) from error


def _effects(data: Mapping[str, Any], grid: Grid) -> Effects:
    """Return the total effects of what `Sensitivity.to_dict` returned."""
    found = {str(n): float(f["total"]) for f in data["return"]["factors"] for n in f["parameters"]}
    if set(found) != set(grid.strategy.names):
        raise InputError(f"there are effects of {', '.join(found)}, and not of every parameter")
    return found


def stated_results(folder: RunFolder, manifest: Manifest) -> tuple[Stated, ...]:
    """Return what a manifest states of every strategy, the one that was asked for first.

    Raises
    ------
    WfoError
        If it states something else, or a strategy of the run is not known here.
    """
    grids = manifest.load_grids()
    items = manifest.completion.results if manifest.completion else ()
    named = [each.get("strategy") if isinstance(each, Mapping) else None for each in items]
    if named != [g.strategy.name for g in grids]:
        again = shlex.join(["wfo", "rescore", str(folder.path)])
        raise ResultsError(
            f"{folder.manifest} states results of {named}, which are not the strategies of the run;"
            f" {again} writes them again"
        )
    found = []
    for grid, item in zip(grids, items, strict=True):
        # Options are the same values where nothing was said.
        bare = Stated(folder, grid, item, RangeOptions(), PlateauOptions())
        ranges, plateaus = bare.range_options, bare.plateau_options
        if "range_options" in item:
            ranges = bare._made("range_options", dict, RangeOptions.from_dict)
        if "plateau_options" in item:
            plateaus = bare._made("plateau_options", dict, PlateauOptions.from_dict)
        found.append(replace(bare, range_options=ranges, plateau_options=plateaus))
    return tuple(found)


def chosen_of(found: Sequence[Stated], strategy: str | None) -> tuple[Stated, ...]:
    """Return the strategy of that name, or all where there is no name.

    Raises
    ------
    InputError
        If the run has none of that name.
    """
    if strategy is None:
        return tuple(found)
    names = [each.name for each in found]
    if strategy not in names:
        raise InputError(
            f"the run in {found[0].folder.path} has no strategy {strategy!r}"
            f"{did_you_mean(strategy, names)}; it has {', '.join(names)}"
        )
    return (found[names.index(strategy)],)


def begin_stage(
    folder: RunFolder, manifest: Manifest, stage: str, command: str, machine: Machine
) -> Manifest:
    """Write down that files of a stage are being replaced, and return the manifest that says so.

    Until `end_stage` the folder may hold files of two, and other commands refuse it.
    """
    said = Rescored(command, machine.stamp())
    begun = replace(manifest, status=STAGES[stage], stages={**manifest.stages, stage: said})
    begun.write(folder.manifest)
    return begun


def end_stage(
    folder: RunFolder,
    manifest: Manifest,
    results: Sequence[Mapping[str, Any]],
    written: Sequence[Path],
    ranges: Sequence[Path],
    clock: Clock,
) -> tuple[Manifest, tuple[Path, ...]]:
    """Write the manifest of a run of which a stage was run again, and return it.

    Parameters
    ----------
    folder, manifest
        The run, as `begin_stage` has returned it.
    results
        What was found, an item a strategy.
    written
        The files that were replaced.
    ranges
        All range files of the run.
    clock
        Seconds of the stage.

    Returns
    -------
    manifest, files
        What was written, and all files to open.
    """
    before = manifest.completion
    assert before is not None  # noqa: S101  # the run is complete
    kept = {path.relative_to(folder.path).as_posix() for path in (*written, *ranges)}
    # Range files of before are gone; other files stay in their order.
    rest = [n for n in before.files if not _is_range(n) and n != folder.manifest.name]
    names = list(dict.fromkeys((*rest, *sorted(n for n in kept if not _is_range(n)))))
    config = names.pop(names.index(folder.config.name))
    own = [path.name for path in ranges]
    files = (*_in_order(names), *own, config, folder.manifest.name)
    sums = {n: d for n, d in before.sums.items() if not _is_range(n) and n not in kept}
    fresh = folder.digests([folder.path / n for n in files if n in kept])
    order = [n for n in before.sums if folder.is_input(n)]
    every = {**sums, **fresh}
    completion = replace(
        before,
        results=tuple(results),
        files=files,
        sums={n: every[n] for n in (*order, *(f for f in files if f in every))},
        timings={**before.timings, **clock.seconds},
    )
    done = replace(manifest, status="complete", completion=completion)
    done.write(folder.manifest)
    return done, tuple(folder.path / n for n in files)


def _in_order(names: Sequence[str]) -> list[str]:
    """Return the files with details of plateaus behind the plateaus that they are of."""
    details = {n.replace("plateau_details_", "plateaus_", 1): n for n in names if _is_details(n)}
    found: list[str] = []
    for name in names:
        if not _is_details(name):
            found += [name, *([details[name]] if name in details else [])]
    return found


def _is_details(name: str) -> bool:
    return name.startswith("plateau_details_")


def _is_range(name: str) -> bool:
    return name.startswith("phase5_refine_") and "_rank" in name


def stage_commands(folder: RunFolder, manifest: Manifest) -> list[str]:
    """Return the commands that give a run that was scored again what stages alone have made of it.

    They are made of the options that the manifest states, since of two calls for two strategies it
    keeps the last one.
    """
    try:
        found = stated_results(folder, manifest)
    except WfoError:
        return []
    options = {
        "plateaus": [each.plateau_options.to_dict() for each in found],
        "export": [each.range_options.to_dict() for each in found],
    }
    lines = []
    for stage in STAGES:
        if stage not in manifest.stages:
            continue
        own = options[stage]
        alike = all(each == own[0] for each in own)
        for each, given in zip(found, own, strict=True):
            words = ["wfo", stage, str(folder.path)]
            words += [] if alike else ["--strategy", each.name]
            for name, value in given.items():
                words += [f"--{name.replace('_', '-')}", f"{value}"]
            lines.append(shlex.join(words))
            if alike:
                break
    return lines
