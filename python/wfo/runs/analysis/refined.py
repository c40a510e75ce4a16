"""Refined sets: the rows of an analysis's combined table, read back with all digests checked."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from wfo.errors import InputError, ResultsError
from wfo.files import is_there, read_sealed, write_sealed
from wfo.files.parquet import ParquetFile
from wfo.files.schema import Command, Count, HexDigest, Ordinal, SafeName, require
from wfo.runs.manifest import Digest
from wfo.runs.shapes import DigestShape
from wfo.strategy import Number, Strategy, get_strategy
from wfo.strategy.registry import knows
from wfo.text import shown
from wfo.tradestation.ranking import FIGURES, KEYS, RANKS, REPORT, REPORTED, SUMS

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from wfo.runs.folder import RunFolder

#: The file that says what an analysis is of, and what it has written.
NAME = "analysis.json"

#: Of the layout of that file.
_VERSION = 1

_FURTHER = (*(c.name for c in FIGURES), *RANKS, *SUMS, *(c.name for c in REPORTED))

#: Columns of text, those of whole numbers, and what the latter are at least where they are needed.
_TEXTS = frozenset({"Strategy", "Source", "File", "Ranked_On"})
_WHOLE = frozenset({"Row", "Rank", "Part", "TestNum", "Members"})
_LEAST = {"Row": 1, "Rank": 1, "TestNum": 0, "Members": 1}


class AnalysisShape(TypedDict):
    """``analysis.json``."""

    version: Literal[1]
    run: HexDigest
    command: Command
    warmup: Ordinal
    end: Ordinal
    outcomes: Count
    table: SafeName
    files: dict[SafeName, DigestShape]


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """What ``analysis.json`` says.

    Attributes
    ----------
    run
        Fingerprint of the run.
    command
        How the analysis was called.
    warmup, end
        First trading bar of every set, and one past the last bar.
    outcomes
        Rows of the combined table.
    table
        Name of the file that has it, below the run's folder.
    files
        Digests of the files that were written, by their names below the folder.
    further
        What else it says: settings, what was read, verdict; for people.
    """

    run: str
    command: str
    warmup: int
    end: int
    outcomes: int
    table: str
    files: Mapping[str, Digest]
    further: Mapping[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write it whole, sealed with a digest of its own text.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        own: dict[str, Any] = {
            "version": _VERSION,
            "run": self.run,
            "command": self.command,
            "warmup": self.warmup,
            "end": self.end,
            "outcomes": self.outcomes,
            "table": self.table,
            "files": {name: digest.to_dict() for name, digest in self.files.items()},
        }
        write_sealed(path, own | dict(self.further))

    @classmethod
    def read(cls, path: Path) -> AnalysisRecord:
        """Read what `write` wrote.

        Raises
        ------
        ResultsError
            If the file is missing, damaged, or something else.
        """
        data = read_sealed(path)
        layout = data.get("version")
        if isinstance(layout, int) and layout != _VERSION:
            raise ResultsError(
                f"{path} has the layout {shown(layout)}, and this version reads {_VERSION}"
            )
        try:
            require(data, AnalysisShape, "it")
        except ResultsError as error:
            raise ResultsError(f"{path} is no record of an analysis: {error}") from None
        if not 1 <= data["warmup"] < data["end"] or data["outcomes"] < 0:
            raise ResultsError(
                f"{path} is no record of an analysis: warmup = {data['warmup']}, end ="
                f" {data['end']}, outcomes = {data['outcomes']}"
            )
        files = {n: Digest(d["bytes"], d["sha256"]) for n, d in data["files"].items()}
        # They are read below the folder, and nowhere else.
        for name in (data["table"], *files):
            if "/" in name or "\\" in name or name.startswith(".") or ":" in name:
                raise ResultsError(f"{path} names the file {name!r}, which is not below its folder")
        if data["table"] not in files:
            raise ResultsError(f"{path} has no digest of {data['table']!r}")
        further = {
            name: value for name, value in data.items() if name not in AnalysisShape.__annotations__
        }
        return cls(
            run=data["run"],
            command=data["command"],
            warmup=data["warmup"],
            end=data["end"],
            outcomes=data["outcomes"],
            table=data["table"],
            files=files,
            further=further,
        )


@dataclass(frozen=True, slots=True)
class RefinedSet:
    """A row of the combined table.

    Attributes
    ----------
    number, count
        The row, 1 being the best, and how many there are.
    strategy, params
        Which set; the parameters in canonical order.
    figures
        What it came to, by the table's columns; None where a figure is not defined.
    source, file, test
        Which program's report it is from, the report file, and the number of its test.
    rank, part
        The plateau whose refinement it is, and the part of it, if it has several.
    members
        Different sets with the same figures, itself included.
    """

    number: int
    count: int
    strategy: Strategy
    params: Mapping[str, Number]
    figures: Mapping[str, float | None]
    source: str
    file: str
    test: int
    rank: int
    part: int | None
    members: int

    @property
    def title(self) -> str:
        """What it is called on pages, such as ``refined set 3``."""
        return f"refined set {self.number:,}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RefinedSets:
    """The sets of a run's analysis, best first.

    Attributes
    ----------
    folder
        The run's folder.
    record
        What ``analysis.json`` says.
    """

    folder: RunFolder
    record: AnalysisRecord

    def __repr__(self) -> str:
        return f"RefinedSets({self.count:,} sets of {self.folder.path})"

    @classmethod
    def of(cls, folder: RunFolder) -> RefinedSets:
        """Return those of a run.

        Parameters
        ----------
        folder
            The run's folder.

        Raises
        ------
        ResultsError
            If there is no run or no analysis, it is damaged, or it is of another run.
        """
        manifest = folder.read_manifest()
        path = folder.path / NAME
        again = shlex.join(["wfo", "analyze", str(folder.path)])
        if not is_there(path):
            raise ResultsError(
                f"there is no analysis in {folder.path}, whose rows are the refined sets:"
                f" '{again}' makes one, after 'wfo refine {folder.path}'"
            )
        try:
            record = AnalysisRecord.read(path)
        except ResultsError as error:
            raise ResultsError(f"{error}; analyze again: {again}") from error
        if record.run != manifest.fingerprint:
            raise ResultsError(
                f"{path} is of the run {record.run[:8]}, and {folder.manifest} of"
                f" {manifest.fingerprint[:8]}; analyze again: {again}"
            )
        return cls(folder, record)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.record.outcomes

    @property
    def warmup(self) -> int:
        """First trading bar of all of them."""
        return self.record.warmup

    @property
    def end(self) -> int:
        """One past the last bar of all of them."""
        return self.record.end

    def table(self) -> pl.DataFrame:
        """Return the combined table, which is as it was written.

        Raises
        ------
        ResultsError
            If the file is missing, damaged, or another table.
        """
        return self._rows(0, None)

    def _rows(self, first: int, count: int | None) -> pl.DataFrame:
        """Return rows of the table, once its file is checked; None for all from `first` on."""
        import polars as pl

        name = self.record.table
        path = self.folder.file(name)
        try:
            self.folder.check_digest(name, self.record.files[name])
            with ParquetFile(path, links=False) as file:
                total, frame = file.rows, file.read(None, first, count)
        except ResultsError as error:
            raise self._damaged(str(error)) from error
        except OSError as error:
            raise self._damaged(f"{path} cannot be read: {error.strerror or error}") from error
        columns = frame.schema
        missing = [n for n in ("Row", *KEYS, *_FURTHER) if n not in columns]
        if missing or total != self.count:
            what = f"lacks {', '.join(missing)}" if missing else f"has {total:,} rows"
            raise self._damaged(f"{path} {what}, unlike what {NAME} says")
        # What states the digest is a file too.
        for name in ("Row", *KEYS, *_FURTHER):
            kind = columns[name]
            whole = name in _WHOLE
            if not (
                kind == pl.String
                if name in _TEXTS
                else (whole and kind.is_integer())
                or (not whole and kind.is_numeric())
                or kind == pl.Null
            ):
                raise self._damaged(f"{path} has {name} as {kind}, which no analysis writes")
        return frame

    def set(self, number: int) -> RefinedSet:
        """Return a row of the combined table.

        Parameters
        ----------
        number
            The row, 1 being the best.

        Raises
        ------
        InputError
            If there is no such row.
        ResultsError
            If the table is damaged, or what it says of the row cannot be simulated.
        """
        if isinstance(number, bool) or not isinstance(number, int):
            raise InputError(f"refined = {number!r} must be a whole number, 1 being the best")
        if not 1 <= number <= self.count:
            there = f"there are 1 to {self.count:,}" if self.count else "there are none"
            raise InputError(
                f"there is no refined set {number:,} in the analysis of {self.folder.path}: {there}"
            )
        return self._set(self._rows(number - 1, 1).row(0, named=True), number)

    def first(self, count: int) -> tuple[RefinedSet, ...]:
        """Return the first sets that can be simulated, best first.

        A row whose report lacks an input is ranked on the report alone; it is passed over.

        Parameters
        ----------
        count
            How many, at most.

        Raises
        ------
        ResultsError
            If the table is damaged, or a strategy of it is not known here.
        """
        import polars as pl

        frame = self._rows(0, None)
        numbers = frame.with_row_index("at").filter(pl.col("Ranked_On") != REPORT)["at"]
        rows = numbers.head(count)
        return tuple(self._set(frame.row(at, named=True), at + 1) for at in rows)

    def _set(self, row: Mapping[str, Any], number: int) -> RefinedSet:
        """Return a row of the table as a set, once it is checked."""
        for name, least in _LEAST.items():
            value = row[name]
            if value is None or value < least:
                raise self._damaged(
                    f"refined set {number:,} of {self.folder.path} has {name} = {value}, and not a"
                    f" number from {least}"
                )
        if row["Row"] != number:
            raise self._damaged(
                f"row {number:,} of the table in {self.folder.path} says that it is row"
                f" {row['Row']:,}"
            )
        name = row["Strategy"]
        if not knows(name):
            raise ResultsError(
                f"refined set {number:,} of {self.folder.path} is one of the strategy {name!r},"
                " which is not known here: install the package that has it, or give it to"
                " wfo.register"
            )
        strategy = get_strategy(name)
        values = {n: row.get(n) for n in strategy.names}
        lacking = [n for n, value in values.items() if value is None]
        if lacking:
            raise ResultsError(
                f"refined set {number:,} of {self.folder.path} has no value of"
                f" {', '.join(lacking)}: its report, {row['File']}, lacks the input, so that it is"
                " ranked on the report alone and cannot be simulated; take another row"
            )
        try:
            params = dict(zip(strategy.names, strategy.check_params(values), strict=True))
        except InputError as error:
            raise ResultsError(
                f"refined set {number:,} of {self.folder.path} cannot be used: {error}"
            ) from error
        return RefinedSet(
            number=number,
            count=self.count,
            strategy=strategy,
            params=params,
            figures={n: _figure(row[n]) for n in _FURTHER},
            source=str(row["Source"]),
            file=str(row["File"]),
            test=row["TestNum"],
            rank=row["Rank"],
            part=row["Part"],
            members=row["Members"],
        )

    def _damaged(self, what: str) -> ResultsError:
        again = shlex.join(["wfo", "analyze", str(self.folder.path)])
        return ResultsError(f"{what}; analyze again: {again}")


def _figure(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
