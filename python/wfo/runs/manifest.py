"""``run.json``: how a run came about and what it found, as values that check what they read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from wfo.backtest.benchmark import Benchmark
from wfo.data.years import Year, count_year
from wfo.errors import InputError, ResultsError, WfoError
from wfo.files import read_sealed, write_sealed
from wfo.files.schema import require, unique
from wfo.grid import Grid
from wfo.runs.shapes import (
    BarsShape,
    CompletionShape,
    DigestShape,
    HoldoutShape,
    JoinShape,
    ManifestShape,
    Settings,
    StageShape,
    SweepShape,
)
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, get_strategy, is_built_in
from wfo.strategy.record import from_record, to_record
from wfo.strategy.registry import knows, remember
from wfo.tradestation.ranges import RangeOptions
from wfo.windows import Phases, Windows

_Value = TypeVar("_Value")

#: How far a run is. Of one that is ``rescoring`` the sweeps are complete, and the rest is not; of
#: one that is ``detecting`` or ``exporting`` a stage alone is made anew: plateaus and what follows
#: from them, or ranges.
STATUSES = ("running", "interrupted", "failed", "rescoring", "detecting", "exporting", "complete")

#: What prices are adjusted for, in words that follow a comma, by `BarsRecord.adjust`.
_ADJUSTED = {
    "none": "prices as imported",
    "raw": "not adjusted",
    "split": "adjusted for splits",
    "dividend": "adjusted for dividends",
    "split-and-dividend": "adjusted for splits and dividends",
}

#: Those of a run whose sweeps are complete.
SWEPT = ("rescoring", "detecting", "exporting", "complete")

#: Stages that are run again alone, by their command, with the status meanwhile.
STAGES = {"plateaus": "detecting", "export": "exporting"}


@dataclass(frozen=True, slots=True)
class BarsRecord:
    """The bars that a run has used.

    Attributes
    ----------
    symbol, timeframe
        Which ones.
    rows
        How many there are.
    first, last
        Their stamps, as text.
    fingerprint
        That of the stored bars, before a join dropped any.
    source, adjust, calendar, warnings
        What their import or download said.
    fetched_from
        Name of the source that they were fetched from; None if they were imported.
    stale
        Which bars are missing that could not be fetched, and why; None if none are.
    """

    symbol: str
    timeframe: str
    rows: int
    first: str
    last: str
    fingerprint: str
    source: str
    adjust: str
    calendar: str
    warnings: tuple[str, ...] = ()
    fetched_from: str | None = None
    stale: str | None = None

    @property
    def provenance(self) -> str:
        """Where the bars come from, and what their prices are adjusted for."""
        # A source that begins like this is no file and no vendor, but says itself what it is.
        where = self.source if self.source.startswith("resampled ") else f"from {self.source}"
        return f"{where}, {_ADJUSTED.get(self.adjust, self.adjust)}"

    @classmethod
    def from_dict(cls, data: Any, where: str = "data") -> BarsRecord:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else; the message names what is wrong.
        """
        require(data, BarsShape, where, key=where)
        values: dict[str, Any] = {f.name: data[f.name] for f in fields(cls) if f.name in data}
        return cls(**values | {"warnings": tuple(values["warnings"])})

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        found = _plain(self) | {"warnings": list(self.warnings)}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Dropped:
    """How many bars of each symbol joining the two has dropped."""

    first: int
    second: int

    @classmethod
    def from_dict(cls, data: Any, where: str = "join") -> Dropped:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, JoinShape, where, key=where)
        return cls(data["dropped_first"], data["dropped_second"])

    def to_dict(self) -> dict[str, int]:
        """Return the record as plain values."""
        return {"dropped_first": self.first, "dropped_second": self.second}


@dataclass(frozen=True, slots=True)
class HoldoutRecord:
    """The bars that a run has held out of everything.

    Attributes
    ----------
    span
        How much was held out, such as ``1y`` or ``18m``.
    first, last
        Stamps of the first and the last of these bars, as text.
    rows
        How many there are.
    digest
        Fingerprint of their stamps and prices; of two symbols of both.
    """

    span: str
    first: str
    last: str
    rows: int
    digest: str

    @property
    def dates(self) -> tuple[dt.date, dt.date]:
        """Dates of the first and the last bar.

        Raises
        ------
        ResultsError
            If a stamp is none.
        """
        try:
            first, last = (dt.datetime.fromisoformat(s).date() for s in (self.first, self.last))
        except ValueError as error:
            raise ResultsError(f"the hold-out of the run: {error}") from error
        return first, last

    @classmethod
    def from_dict(cls, data: Any, where: str = "holdout") -> HoldoutRecord:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, HoldoutShape, where, key=where)
        found = cls(**{f.name: data[f.name] for f in fields(cls)})
        first, last = found.dates
        if found.rows < 1 or last < first or not found.span.isalnum():
            raise ResultsError(
                f"{where} is no record of a hold-out: {found.span!r:.20}, {found.rows} bars,"
                f" {first} to {last}"
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class SweepRecord:
    """How the figures of one strategy are kept.

    Attributes
    ----------
    store
        Kind of the store.
    key
        What the figures follow from, hashed.
    kept
        Combinations whose figures a store of survivors keeps, about; None for the other store.
    """

    store: str
    key: str
    kept: int | None = None

    @classmethod
    def from_dict(cls, data: Any, where: str = "sweeps") -> SweepRecord:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, SweepShape, where, key=where)
        return cls(data["store"], data["key"], data.get("kept"))

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return {name: value for name, value in _plain(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Digest:
    """Size and SHA-256 of a file."""

    bytes: int
    sha256: str

    @classmethod
    def from_dict(cls, data: Any, where: str = "sums") -> Digest:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, DigestShape, where)
        return cls(data["bytes"], data["sha256"])

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a run has found; it is there when the run is complete.

    Attributes
    ----------
    trials
        Combinations that were ever searched on the symbol.
    results
        Counts, plateaus and ranges, an item a strategy.
    comparison
        The strategies side by side.
    files
        Those to open, by their names below the folder.
    sums
        Digests of all files that no store checks.
    timings
        Seconds of each stage.
    """

    trials: int
    results: tuple[Mapping[str, Any], ...]
    comparison: Mapping[str, Any]
    files: tuple[str, ...]
    sums: Mapping[str, Digest]
    timings: Mapping[str, float]

    @classmethod
    def from_dict(cls, data: Any, where: str = "the manifest") -> Completion:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, CompletionShape, where)
        return cls(
            data["trials"],
            tuple(data["results"]),
            data["comparison"],
            tuple(data["files"]),
            {name: Digest(each["bytes"], each["sha256"]) for name, each in data["sums"].items()},
            data["timings"],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return {
            "trials": self.trials,
            "results": [dict(r) for r in self.results],
            "comparison": dict(self.comparison),
            "files": list(self.files),
            "sums": {name: digest.to_dict() for name, digest in self.sums.items()},
            "timings": dict(self.timings),
        }


@dataclass(frozen=True, slots=True)
class Rescored:
    """A scoring after the run's own, or a stage that was run again: its command, and when."""

    command: str
    at: str

    @classmethod
    def from_dict(cls, data: Any, where: str = "rescored") -> Rescored:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, StageShape, where, key=where)
        return cls(data["command"], data["at"])

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values."""
        return _plain(self)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``run.json`` holds.

    Attributes
    ----------
    status
        One of `STATUSES`.
    fingerprint
        What makes two runs the same one, hashed.
    command
        How the run was called.
    started, finished
        Times in UTC.
    symbol, timeframe, data, data2, join
        The bars; the latter two where there is a second symbol.
    strategy
        The one that was asked for; `grids` are of this one and the simpler ones beside it.
    windows, phases
        The schedule, and what it came to on these bars.
    holdout
        The bars after them that were held out; None without.
    settings, gates
        Of every backtest, and of the scores: the set that rules.
    bars_per_year
        What annual figures count in; None where an earlier version has not written it.
    benchmarks
        Buy-and-hold, an item a phase; None where an earlier version has not written it.
    engine, threads
        What has swept.
    grids
        What was swept, as `Grid.to_dict` says it; `load_grids` rebuilds them.
    sweeps
        How the figures of each strategy are kept.
    strategies
        Those that are none of this package's, by name, as the run has described them.
    map_axes
        By strategy the two parameters of the map, where they are not those that it names itself.
    build, host
        Versions, and the machine.
    completion
        What was found.
    rescored
        The last scoring after the run's own.
    stages
        Stages that were run again alone after the last scoring, by `STAGES`, each the last time.
    further
        What a later version may have added; it is kept.
    """

    status: str
    fingerprint: str
    command: str
    started: str
    symbol: str
    timeframe: str
    data: BarsRecord
    strategy: str
    windows: Mapping[str, Any]
    phases: Phases
    settings: Mapping[str, Any]
    gates: Gates
    engine: str
    threads: int
    grids: tuple[Mapping[str, Any], ...]
    sweeps: Mapping[str, SweepRecord]
    build: Mapping[str, str]
    host: Mapping[str, Any]
    strategies: Mapping[str, Strategy] = field(default_factory=dict)
    map_axes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    data2: BarsRecord | None = None
    join: Dropped | None = None
    bars_per_year: Year | None = None
    benchmarks: tuple[Benchmark, ...] | None = None
    holdout: HoldoutRecord | None = None
    finished: str | None = None
    completion: Completion | None = None
    rescored: Rescored | None = None
    stages: Mapping[str, Rescored] = field(default_factory=dict)
    further: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_swept(self) -> bool:
        """Whether all sweeps are complete, whatever follows from them."""
        return self.status in SWEPT

    @property
    def is_complete(self) -> bool:
        """Whether all is."""
        return self.status == "complete"

    def year(self, dates: Sequence[dt.date]) -> Year:
        """Return what annual figures count in, counted anew where an earlier version wrote none.

        Parameters
        ----------
        dates
            The date of every bar that the run has kept.
        """
        if self.bars_per_year is not None:
            return self.bars_per_year
        found = count_year(self.timeframe, dates)
        how = f"{found.how}; anew, since the run, of an earlier version, does not say"
        return replace(found, how=how)

    @property
    def sums(self) -> Mapping[str, Digest]:
        """Digests of all files that no store checks; none before the run is complete."""
        return self.completion.sums if self.completion else {}

    def load_grids(self) -> list[Grid]:
        """Return the grids that were swept.

        Raises
        ------
        InputError
            If a strategy of the run is not there any more, or a grid is no grid of it.
        """
        try:
            return [Grid.from_dict(data, self.strategy_of(data["strategy"])) for data in self.grids]
        except WfoError:
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise InputError(f"the run has a grid that cannot be used: {error}") from error

    def strategy_of(self, name: str) -> Strategy:
        """Return one of the run's strategies: what is known by its name, else as it is described.

        Raises
        ------
        InputError
            If none of that name is known here and the run, of an earlier version, does not describe
            it; or if another one is known by its name.
        """
        found = self._strategy_of(name)
        return found if name not in self.map_axes else found.with_map(self.map_axes[name])

    def _strategy_of(self, name: str) -> Strategy:
        stated = {n: s for n, s in self.strategies.items() if n == name}
        if stated:
            return remember(stated)[name]
        if not knows(name):
            raise InputError(
                f"the run has searched {name}, and no strategy of that name is known here: install"
                " the package that has it, or give it to wfo.register"
            )
        return get_strategy(name)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read what `write` wrote.

        Raises
        ------
        ResultsError
            If the file is missing, damaged, or no manifest.
        """
        data = read_sealed(path)
        try:
            return cls.from_dict(data)
        except ResultsError as error:
            raise ResultsError(f"{path} is no manifest of a run: {error}") from error

    def write(self, path: Path) -> None:
        """Write it whole, sealed with a digest of its own text.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        found = self.to_dict()
        # What cannot be read again is not written: the run would be lost.
        try:
            Manifest.from_dict(json.loads(json.dumps(found)))
        except ResultsError as error:
            raise ResultsError(
                f"{path} is not written, since it could not be read: {error}"
            ) from error
        write_sealed(path, found)

    @classmethod
    def from_dict(cls, data: Any) -> Manifest:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else; the message names what is wrong.
        """
        require(data, ManifestShape, "the manifest")
        require(data["settings"], Settings, "settings", key="settings")
        reader = Reader(data, "the manifest")
        status, grids = data["status"], tuple(data["grids"])
        sweeps = {
            name: SweepRecord(each["store"], each["key"], each.get("kept"))
            for name, each in data["sweeps"].items()
        }
        swept = [grid["strategy"] for grid in grids]
        unique(swept, "strategies of the grids")
        for name in swept:
            if name not in sweeps:
                raise ResultsError(f"there is a grid of {name}, and no sweep")
        described = read_strategies(data)
        finished = status in SWEPT or "sums" in reader.data
        held = None
        if "benchmarks" in data:
            held = tuple(map(Benchmark.from_dict, data["benchmarks"]))
        texts = ("fingerprint", "command", "started", "symbol", "timeframe", "strategy", "engine")
        found = cls(
            **{name: data[name] for name in texts},
            status=status,
            data=reader.made("data", BarsRecord.from_dict),
            windows=data["windows"],
            phases=reader.made("phases", Phases.from_dict),
            settings=data["settings"],
            gates=reader.made("gates", Gates.from_dict),
            bars_per_year=reader.made("bars_per_year", Year.from_dict, optional=True),
            benchmarks=held,
            threads=data["threads"],
            grids=grids,
            sweeps=sweeps,
            strategies=described,
            map_axes={n: (x, y) for n, (x, y) in data.get("map_axes", {}).items()},
            build=data["build"],
            host=data["host"],
            data2=reader.made("data2", lambda d: BarsRecord.from_dict(d, "data2"), optional=True),
            join=reader.made("join", Dropped.from_dict, optional=True),
            holdout=reader.made("holdout", HoldoutRecord.from_dict, optional=True),
            finished=data.get("finished"),
            completion=Completion.from_dict(data) if finished else None,
            rescored=reader.made("rescored", Rescored.from_dict, optional=True),
            stages=reader.made("stages", _stages, optional=True) or {},
            further={k: v for k, v in data.items() if k not in _KNOWN},
        )
        reader.made("windows", Windows.from_dict)
        reader.made("settings", _account)
        found._check_phases()
        return found

    def _check_phases(self) -> None:
        """Raise a `ResultsError` unless phases, bars and what is counted by phase agree."""
        for phase in self.phases:
            if phase.end > self.data.rows:
                raise ResultsError(
                    f"phase {phase.number} ends behind bar {phase.end:,}, and there are"
                    f" {self.data.rows:,}"
                )
        least, count = self.gates.min_phases or self.phases.min_phases, len(self.phases)
        if least > count:
            raise ResultsError(f"min_phases = {least} is more than the {count} phases there are")
        spans = [(p.split - p.warmup, p.end - p.split) for p in self.phases]
        held = self.benchmarks
        if held is not None and [(b.is_bars, b.oos_bars) for b in held] != spans:
            raise ResultsError("its benchmarks are not of its phases")

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as plain values, in the order in which they are written."""
        found = {
            "status": self.status,
            "fingerprint": self.fingerprint,
            "command": self.command,
            "started": self.started,
            "symbol": self.symbol,
            "timeframe": self.timeframe,
            **self.described_data(),
            "strategy": self.strategy,
            "windows": dict(self.windows),
            "phases": self.phases.to_dict(),
            **({} if self.holdout is None else {"holdout": self.holdout.to_dict()}),
            "settings": dict(self.settings),
            "gates": self.gates.to_dict(),
            **self._described_year(),
            **self._described_benchmarks(),
            "engine": self.engine,
            "threads": self.threads,
            "grids": [dict(g) for g in self.grids],
            "sweeps": {name: sweep.to_dict() for name, sweep in self.sweeps.items()},
            **written_strategies(self.strategies.values()),
            **(
                {"map_axes": {n: list(axes) for n, axes in self.map_axes.items()}}
                if self.map_axes
                else {}
            ),
            "build": dict(self.build),
            "host": dict(self.host),
        }
        if self.finished is not None:
            found["finished"] = self.finished
        if self.completion is not None:
            found |= self.completion.to_dict()
        if self.rescored is not None:
            found["rescored"] = self.rescored.to_dict()
        if self.stages:
            found["stages"] = {name: each.to_dict() for name, each in self.stages.items()}
        return found | dict(self.further)

    def _described_year(self) -> dict[str, Any]:
        year = self.bars_per_year
        return {} if year is None else {"bars_per_year": year.to_dict()}

    def _described_benchmarks(self) -> dict[str, Any]:
        held = self.benchmarks
        return {} if held is None else {"benchmarks": [b.to_dict() for b in held]}

    def described_data(self) -> dict[str, Any]:
        """Return what the bars are, as plain values; `data` alone for one symbol."""
        records = {"data": self.data, "data2": self.data2, "join": self.join}
        return {name: each.to_dict() for name, each in records.items() if each is not None}

    def settings_of(self, strategy: Strategy) -> AccountSettings:
        """Return the settings of the run as one of its strategies takes them.

        A simpler strategy beside the one that was asked for may have fewer.

        Raises
        ------
        InputError
            If the run states a setting that is out of range.
        """
        known = {f.name for f in fields(strategy.settings)}
        return strategy.settings(**{n: v for n, v in self.settings.items() if n in known})

    def describe_sweep(self) -> dict[str, Any]:
        """Return what the figures of every sweep follow from, for ``meta.json`` beside them."""
        found = self.to_dict()
        keys = (*self.described_data(), "phases", "settings", "engine", "build")
        return {key: found[key] for key in keys}


_KNOWN = {f.name for f in (*fields(Manifest), *fields(Completion))} - {"completion", "further"}


class Reader:
    """Takes values out of a JSON object, and names what is missing or of another kind."""

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, Mapping):
            raise ResultsError(f"{where} must be an object, not {type(data).__name__}")
        self.data: Mapping[str, Any] = data
        self._where = where

    def take(self, name: str, kind: type[_Value]) -> _Value:
        """Return the value of that name, which is of that kind."""
        if name not in self.data:
            raise ResultsError(f"{self._where} lacks {name!r}")
        value = self.data[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ResultsError(
                f"{name!r} of {self._where} must be of type {kind.__name__}, not"
                f" {type(value).__name__}"
            )
        return value

    def made(
        self, name: str, make: Callable[[Any], _Value], *, optional: bool = False
    ) -> _Value | Any:
        """Return what `make` makes of the object of that name; None if it may be missing."""
        if optional and name not in self.data:
            return None
        value = self.take(name, dict)
        try:
            return make(value)
        except (
            WfoError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            if isinstance(error, ResultsError):
                raise
            raise ResultsError(
                f"{name!r} of {self._where} cannot be used: {type(error).__name__}: {error}"
            ) from error


def _stages(data: Mapping[str, Any]) -> dict[str, Rescored]:
    """Return the stages that a manifest states."""
    return {name: Rescored.from_dict(each, f"stages of {name}") for name, each in data.items()}


def _account(data: Mapping[str, Any]) -> AccountSettings:
    """Return the settings that every strategy has."""
    return AccountSettings(**{f.name: data[f.name] for f in fields(AccountSettings)})


def _plain(record: Any) -> dict[str, Any]:
    return {f.name: getattr(record, f.name) for f in fields(record)}


def read_strategies(data: Mapping[str, Any]) -> dict[str, Strategy]:
    """Return the strategies that a record describes, by name.

    Raises
    ------
    ResultsError
        If one is none, or stands under another name.
    """
    found = {}
    for name, each in data.get("strategies", {}).items():
        found[name] = from_record(each, f"strategies: {name}")
        if found[name].name != name:
            raise ResultsError(f"strategies: {name} states another one, {found[name].name}")
    return found


def written_strategies(strategies: Iterable[Strategy]) -> dict[str, Any]:
    """Return the part of a record that describes strategies; nothing of this package's."""
    found = {s.name: to_record(s) for s in strategies if not is_built_in(s)}
    return {"strategies": found} if found else {}


def run_ranges(manifest: Manifest) -> RangeOptions:
    """Return how the ranges of a run were made.

    Raises
    ------
    InputError
        If its manifest states something else.
    """
    results = manifest.completion.results if manifest.completion else ()
    stated = results[0].get("range_options", {}) if results else {}
    return RangeOptions.from_dict(stated)
