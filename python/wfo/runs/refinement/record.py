"""``refine.json``: which jobs were refined here, what from, and the digests of what was written.

A job is one line of ``phase5_refine_config.csv``. Its figures lie in ``refined/<stem>.parquet`` and
its optimization report, in TradeStation's headings, in ``<stem>.csv`` beside the range file. Both
are good only for the run, bars, settings and slice that the file states.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Final, NotRequired, TypedDict

from wfo.errors import InputError, ResultsError
from wfo.files import is_there, read_sealed, write_sealed
from wfo.files.parquet import ParquetFile
from wfo.files.schema import (
    Count,
    HexDigest,
    Limits,
    NotNegative,
    Ordinal,
    RelativeName,
    SafeName,
    ShortText,
    Text,
    require,
)
from wfo.runs.identity import fingerprint, kernel_digest
from wfo.runs.manifest import Digest
from wfo.runs.shapes import DigestShape, Plain, StrategyName
from wfo.strategy import Strategy
from wfo.text import shown

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from wfo.runs.folder import RunFolder
    from wfo.runs.refinement.history import History
    from wfo.tradestation.range_files import Job

#: Version of the layout of ``refine.json`` and of what lies in ``refined/``.
LAYOUT = 1

#: Rows that are checked at a time.
_PIECE = 1 << 16

#: Figures that are looked at: any number, then what is never below 0.
_SUMS = ("pnl", "trades", "wins", "losses", "dd", "dd_share", "bars_held")

#: What a number of a job, plateau or test, or a count of them, is at most.
_MOST: Final = 999_999_999

#: Names of reports: neither a path nor hidden.
_REPORT = re.compile(r"Refinement_[^/\\\0]+\.csv")

_Number = Annotated[int, Limits(f"a whole number from 1 to {_MOST:,}", ge=1, le=_MOST)]
_Refused = Annotated[int, Limits(f"a whole number from 0 to {_MOST:,}", ge=0, le=_MOST)]


class JobShape(TypedDict):
    """A job that is complete."""

    number: _Number
    strategy: StrategyName
    rank: _Number
    part: NotRequired[_Number | None]
    range_file: SafeName
    range_digest: HexDigest
    key: HexDigest
    tests: _Number
    refused: _Refused
    rows: _Number
    report: SafeName
    report_digest: DigestShape
    figures: RelativeName
    figures_digest: DigestShape
    engine: ShortText
    note: Text
    seconds: NotNegative
    finished: ShortText


class BasisShape(TypedDict):
    """What the figures of all jobs of a run have in common."""

    wfo: ShortText
    run: HexDigest
    bars: dict[SafeName, DigestShape]
    settings: dict[ShortText, Plain]
    warmup: Count
    end: Ordinal


class RefinementShape(BasisShape):
    """``refine.json``."""

    jobs: list[JobShape]


@dataclass(frozen=True, slots=True)
class Basis:
    """What the figures of all jobs of a run have in common.

    Attributes
    ----------
    wfo
        Version of what computes.
    run
        Fingerprint of the run.
    bars
        Digests of the bars that the run has kept, by file name.
    settings
        Those of the run's backtests.
    warmup, end
        First trading bar, and one past the last bar.
    """

    wfo: str
    run: str
    bars: Mapping[str, Digest]
    settings: Mapping[str, Any]
    warmup: int
    end: int

    @classmethod
    def of(cls, history: History, warmup: int, version: str) -> Basis:
        """Return that of a run's history.

        Parameters
        ----------
        history
            The bars of the run.
        warmup
            The first trading bar.
        version
            Of what computes.
        """
        manifest = history.manifest
        settings = history.settings().to_dict()
        return cls(version, manifest.fingerprint, history.digests, settings, warmup, history.end)

    def key(self, strategy: Strategy, range_digest: str) -> str:
        """Return what the figures of a job follow from, hashed.

        Parameters
        ----------
        strategy, range_digest
            The strategy of the job, and the SHA-256 of its range file.
        """
        computed = {"name": strategy.name, "parameters": list(strategy.names)}
        computed |= strategy.definition | {"file": kernel_digest(strategy)}
        parts = {"layout": LAYOUT, **self.to_dict(), "strategy": computed, "ranges": range_digest}
        return fingerprint(parts)

    @classmethod
    def from_dict(cls, data: Any, where: str = "refine.json") -> Basis:
        """Rebuild what `to_dict` returned; raise a `ResultsError` where it is something else."""
        require(data, BasisShape, where)
        values = {f.name: data[f.name] for f in fields(cls)}
        bars = {name: Digest(each["bytes"], each["sha256"]) for name, each in data["bars"].items()}
        if not data["warmup"] < data["end"]:
            raise ResultsError(f"{where}: warmup = {data['warmup']}, end = {data['end']} cannot be")
        return cls(**values | {"bars": bars})

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        found: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        bars = {name: digest.to_dict() for name, digest in self.bars.items()}
        return found | {"bars": bars, "settings": dict(self.settings)}


@dataclass(frozen=True, slots=True)
class RefinedJob:
    """A job that is complete.

    Attributes
    ----------
    number
        That of its line in the job list, from 1 on.
    strategy, rank, part
        Name of the strategy, the plateau's rank, and the part of its ranges; None where there is
        one file.
    range_file, range_digest
        The file, and its SHA-256.
    key
        What the figures follow from, hashed.
    tests, refused, rows
        Tests that the file asks for, those that the strategy's constraints leave out, and the rest.
    report, report_digest
        Name of the optimization report in the run's folder, and its digest.
    figures, figures_digest
        Name below the folder of the file of all figures, and its digest.
    engine, note
        What has computed, and what its figures lack, and why; the latter is empty as a rule.
    seconds
        How long the call that completed it was at it.
    finished
        When that was, in UTC.
    """

    number: int
    strategy: str
    rank: int
    part: int | None
    range_file: str
    range_digest: str
    key: str
    tests: int
    refused: int
    rows: int
    report: str
    report_digest: Digest
    figures: str
    figures_digest: Digest
    engine: str
    note: str
    seconds: float
    finished: str

    @property
    def plateau(self) -> tuple[str, int, int | None]:
        """Strategy, rank and part: what the job refines, whichever line it stands in."""
        return self.strategy, self.rank, self.part

    @classmethod
    def from_dict(cls, data: Any, where: str = "jobs") -> RefinedJob:
        """Rebuild what `to_dict` returned.

        Raises
        ------
        ResultsError
            If it is something else, counts what cannot be, or names a file elsewhere.
        """
        require(data, JobShape, where)
        digests = {
            name: Digest(data[name]["bytes"], data[name]["sha256"])
            for name in ("report_digest", "figures_digest")
        }
        values = {f.name: data.get(f.name) for f in fields(cls)}
        found = cls(**values | digests)
        if not _REPORT.fullmatch(found.report):
            raise ResultsError(f"{where}: {found.report!r} is no name of a report")
        if found.figures != figures_name(found.report):
            raise ResultsError(f"{where}: {found.figures!r} are no figures of {found.report}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        found: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        digests = ("report_digest", "figures_digest")
        return found | {name: found[name].to_dict() for name in digests}


@dataclass(frozen=True, slots=True)
class Refinement:
    """What ``refine.json`` holds.

    Attributes
    ----------
    basis
        What the figures of all jobs have in common.
    jobs
        Those that are complete, in the order of their numbers.
    """

    basis: Basis
    jobs: tuple[RefinedJob, ...] = ()

    @classmethod
    def read(cls, folder: RunFolder) -> Refinement | None:
        """Read that of a run; None where nothing was refined.

        Raises
        ------
        ResultsError
            If the file is damaged, or no such file.
        """
        path = folder.refinement
        if not is_there(path):
            return None
        try:
            data = read_sealed(path)
            layout = data.get("version")
            if layout != LAYOUT:
                raise ResultsError(
                    f"{path} has the layout {shown(layout)}, and this wfo reads {LAYOUT}"
                )
            require(data, RefinementShape, "it", file=path)
            basis, listed = Basis.from_dict(data, str(path)), data["jobs"]
            jobs = tuple(RefinedJob.from_dict(each, f"jobs of {path}") for each in listed)
        except ResultsError as error:
            raise ResultsError(
                f"{error}; so it is not known which reports are from here: move {path.name} and the"
                " Refinement_* files that wfo has written out of the folder, and refine again"
            ) from error
        return cls(basis, jobs)

    def write(self, folder: RunFolder, *, remedy: str | None = None) -> None:
        """Write it whole, sealed with a digest of its own text.

        Parameters
        ----------
        folder
            The run's folder.
        remedy
            What an error advises, as in `wfo.files.naming_the_file`.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        basis = self.basis.to_dict()
        jobs = [job.to_dict() for job in sorted(self.jobs, key=lambda job: job.number)]
        data = {"version": LAYOUT, **basis, "jobs": jobs}
        write_sealed(folder.refinement, data, remedy=remedy)

    def job(self, report: str) -> RefinedJob | None:
        """Return the job of a report by the report's name; None where it is not from here."""
        return next((job for job in self.jobs if job.report == report), None)


def figures_name(report: str) -> str:
    """Return the name below a run's folder of the figures of a report."""
    return f"refined/{report.removesuffix('.csv')}.parquet"


def read_figures(folder: RunFolder, job: RefinedJob) -> pl.DataFrame:
    """Return the figures of a job: ``TestNum``, the parameters, all fields of `Performance`.

    Raises
    ------
    ResultsError
        If the file is missing, or not as it was written.
    """
    from wfo.runs.stored import read_kept

    folder.check_digest(job.figures, job.figures_digest)
    return read_kept(folder.file(job.figures))


def figures_fault(
    folder: RunFolder, job: RefinedJob, strategy: Strategy, listed: Job | None = None
) -> str:
    """Return what is wrong with the file of a job's figures, a text; an empty one if nothing is.

    Its digest is the one that is stated, but what states it is a file too.

    Parameters
    ----------
    folder, job
        The run's folder, and the job.
    strategy
        The job's.
    listed
        The job as the list has it now, whose rows they are where the range file is the same.
    """
    import polars as pl

    from wfo.backtest.performance import FIELDS

    path = folder.file(job.figures)
    kinds: dict[str, Any] = {"TestNum": pl.Int64()}
    kinds |= {p.name: pl.Int64() if p.whole else pl.Float64() for p in strategy.parameters}
    kinds |= dict.fromkeys(FIELDS, pl.Float64())
    try:
        with ParquetFile(path, links=False) as file:
            return _fault_of(file, path, job, strategy, listed, kinds)
    except InputError as error:
        return f"{path}: {error}"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"


def _fault_of(
    file: ParquetFile,
    path: Path,
    job: RefinedJob,
    strategy: Strategy,
    listed: Job | None,
    kinds: Mapping[str, Any],
) -> str:
    """Return what is wrong with figures that can be read; an empty text if nothing is."""
    import numpy as np
    import polars as pl

    wrong = [name for name in kinds if name not in file.names]
    schema = file.read([n for n in kinds if n not in wrong], 0, 0).schema
    wrong += [name for name, kind in schema.items() if kind != kinds[name]]
    if wrong:
        return f"{path} has no {wrong[0]}, or none of numbers"
    count = file.rows
    if count != job.rows:
        return f"{path} has {count:,} rows, where refine.json says {job.rows:,}"
    same = listed is not None and listed.digest == job.range_digest
    if same and listed is not None and listed.count != count:
        return f"{path} has {count:,} rows, and {job.range_file} {listed.count:,}"
    columns = ("TestNum", *strategy.names, *_SUMS)
    last = 0
    start = 0
    for piece in file.pieces(columns, _PIECE):
        if sum(piece.null_count().row(0)):
            return f"{path} has empty cells"
        sums = piece.select(_SUMS).to_numpy()
        if not np.isfinite(sums).all() or (sums[:, 1:] < 0).any():
            return f"{path} has figures that no backtest comes to"
        tests = piece["TestNum"].to_numpy()
        params = piece.select(pl.col(strategy.names).cast(pl.Float64)).to_numpy()
        if same and listed is not None:
            first, start = start, start + len(piece)
            if not (
                np.array_equal(tests, listed.test_numbers(first, start))
                and np.array_equal(params, listed.rows(first, start))
            ):
                return f"{path} has other sets than {job.range_file}"
            continue
        if (np.diff(tests, prepend=last) <= 0).any():
            return f"{path} has tests that are not in order"
        last = int(tests[-1])
        for p in strategy.parameters:
            for value in piece[p.name].unique().to_list():
                p.check(value)
    return ""


def is_as_written(path: Path, stated: Digest) -> bool:
    """Whether a file is there, and is as it was written."""
    from wfo.files import file_digest, size_of

    try:
        return size_of(path) == stated.bytes and file_digest(path) == stated.sha256
    except (OSError, ResultsError):
        return False
