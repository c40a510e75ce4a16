"""Parameters out of candidates: of a run, with the figures that it has stored, or of any file."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from wfo.backtest.figures import STANDARD
from wfo.errors import InputError, ResultsError, did_you_mean
from wfo.files import is_own_file
from wfo.files.limits import LINE_CHARACTERS, TABLE_BYTES
from wfo.files.opening import open_regular
from wfo.files.parquet import ParquetFile
from wfo.runs.folder import RunFolder
from wfo.runs.manifest import Manifest
from wfo.runs.stored import read_kept
from wfo.strategy import Number, Strategy, strategies
from wfo.text import shown


def number_of(text: object) -> object:
    """Return the number that a text stands for, else the text, which the strategy will refuse."""
    if isinstance(text, str):
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                return kind(text)
    return text


def read_row(path: Path, strategy: Strategy, row: int) -> dict[str, object]:
    """Return the parameters in a row of a candidates file.

    Parameters
    ----------
    path
        CSV or Parquet, by its ending.
    strategy
        Whose candidates they are.
    row
        The row, the first one being 0.

    Raises
    ------
    InputError
        If there is no such file or row, or it is no candidates file of the strategy.
    """
    try:
        # As text: what a number is decides the parameter it belongs to.
        read = _csv_row if path.suffix.lower() == ".csv" else _parquet_row
        columns, cells, count = read(path, row)
    except FileNotFoundError:
        raise InputError(f"there is no candidates file {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {reason}") from error
    known = {n for s in (strategy, *strategies().values()) for n in s.names}
    present = [c for c in columns if c in known]
    if not present:
        raise InputError(
            f"{path} has no parameter columns; candidates_*.csv and .parquet of a run have"
        )
    named = _named_strategy(path)
    if set(present) != set(strategy.names) or named not in {None, strategy.name}:
        # Some strategies have the same parameters; then only the name of the file tells.
        others = [s.name for s in strategies().values() if set(s.names) == set(present)]
        whose = named or " or ".join(others)
        missing = [n for n in strategy.names if n not in present]
        what = f"is one of {whose}" if whose else f"lacks {', '.join(missing)}"
        raise InputError(f"{path} is no candidates file of {strategy.name}: it {what}")
    if cells is None:
        rows = f"which has rows 0 to {count - 1}" if count else "which has none"
        raise InputError(f"row {row} is not in {path}, {rows}")
    if len(columns) != len(set(columns)):
        twice = next(c for c in columns if columns.count(c) > 1)
        raise InputError(f"{path} has more than one column {shown(twice)}")
    found = dict(zip(columns, cells, strict=True))
    return {name: number_of(found[name]) for name in strategy.names}


#: The columns, the cells of a row, None where there is no such row, and then how many there are.
_Row = tuple[list[str], list[Any] | None, int]


def _csv_row(path: Path, row: int) -> _Row:
    """Return a row of a CSV file."""
    with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", newline="") as stream:
        if os.fstat(stream.fileno()).st_size > TABLE_BYTES:
            raise ValueError(f"it has more than {TABLE_BYTES:,} bytes")
        reader = csv.reader(_short_lines(stream), strict=True)
        try:
            columns = next(reader, [])
            count = 0
            for cells in reader:
                if len(cells) != len(columns):
                    raise ValueError(
                        f"line {reader.line_num} has {len(cells):,} cells, and the first one"
                        f" {len(columns):,}"
                    )
                if count == row:
                    return columns, [cell or None for cell in cells], count
                count += 1
        except csv.Error as error:
            raise ValueError(f"line {reader.line_num}: {error}") from None
    return columns, None, count


def _short_lines(stream: IO[str]) -> Iterator[str]:
    """Yield the lines of a text, none of which is longer than what is read."""
    while line := stream.readline(LINE_CHARACTERS + 1):
        if len(line) > LINE_CHARACTERS:
            raise ValueError(f"it has a line of more than {LINE_CHARACTERS:,} characters")
        yield line


def _parquet_row(path: Path, row: int) -> _Row:
    """Return a row of a Parquet file."""
    with ParquetFile(path, apart=True) as file:
        if not 0 <= row < file.rows:
            return file.names, None, file.rows
        cells = file.read_columns(range(len(file.columns)), row, 1)
        return file.names, [values[0] for values in cells], file.rows


def _named_strategy(path: Path) -> str | None:
    """Return the strategy that the name of a candidates file names, as a run writes it."""
    named = [n for n in strategies() if path.stem.startswith(f"candidates_{n}_")]
    return max(named, key=len, default=None)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A run that is complete, to take sets from.

    Attributes
    ----------
    folder, manifest
        Where it lies, and how it came about.
    strategy
        The one of its strategies whose candidates are meant.
    """

    folder: RunFolder
    manifest: Manifest
    strategy: Strategy

    @classmethod
    def of(cls, folder: RunFolder, strategy: str | None = None) -> Run:
        """Read a run.

        Parameters
        ----------
        folder
            Its folder.
        strategy
            One of its strategies; by default the one that was asked for.

        Raises
        ------
        ResultsError
            If there is no run, or it is not complete.
        InputError
            If it has no such strategy.
        """
        manifest = folder.read_manifest()
        name = manifest.strategy if strategy is None else strategy
        if name not in manifest.sweeps:
            raise InputError(
                f"the run in {folder.path} has no strategy {name!r}"
                f"{did_you_mean(name, manifest.sweeps)}"
            )
        return cls(folder, manifest, manifest.strategy_of(name))

    @classmethod
    def of_file(cls, path: Path, strategy: str | None = None) -> Run | None:
        """Read the run that a candidates file is of; None if it is of none.

        Parameters
        ----------
        path
            The file.
        strategy
            The strategy of its candidates, where it must be a certain one.

        Raises
        ------
        ResultsError
            If the run beside it is not complete, or the file is not as the run has written it.
        InputError
            If it is of another strategy.
        """
        folder = RunFolder(path.parent)
        if not (path.is_file() and is_own_file(folder.manifest)):
            return None
        manifest = folder.read_manifest()
        named = {
            folder.candidates(g["strategy"], g.get("name", ""), ending).name: str(g["strategy"])
            for g in manifest.grids
            for ending in ("csv", "parquet")
        }
        if path.name not in named or path.name not in manifest.sums:
            return None
        found = named[path.name]
        if strategy not in {None, found}:
            raise InputError(f"{path} is no candidates file of {strategy}: it is one of {found}")
        _check(folder, manifest, path.name)
        return cls(folder, manifest, manifest.strategy_of(found))

    @property
    def grid(self) -> str:
        """Name of the grid that was swept."""
        return next(
            str(g.get("name", ""))
            for g in self.manifest.grids
            if g["strategy"] == self.strategy.name
        )

    def candidate(self, row: int) -> Candidate:
        """Return one of its candidates.

        Parameters
        ----------
        row
            Which one, the best being 0.

        Raises
        ------
        ResultsError
            If their file is missing or damaged.
        InputError
            If there is no such row.
        """
        # The CSV file may be cut, and has fewer digits.
        named = self.folder.candidates(self.strategy.name, self.grid, "parquet").name
        path = self.folder.file(named)
        _check(self.folder, self.manifest, path.name)
        try:
            with ParquetFile(path, links=False) as file:
                count = file.rows
                _check_row(row, count, self)
                values = file.read(None, row, 1).row(0, named=True)
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error.strerror or error}") from error
        missing = [n for n in self.strategy.names if n not in values]
        if missing:
            raise ResultsError(
                f"{path} has no column {missing[0]}, and {self.strategy.name} has that parameter:"
                " the run is of another version of it; run again"
            )
        params = self.strategy.check_params({n: values[n] for n in self.strategy.names})
        scores = {n: v for n, v in values.items() if n not in self.strategy.names}
        own = dict(zip(self.strategy.names, params, strict=True))
        return Candidate(row, count, own, _stored(values), scores)

    def load_bars(self, *, second: bool) -> tuple[Any, Any]:
        """Return the bars that the run has kept, and those of its second symbol or None.

        Raises
        ------
        ResultsError
            If they are missing or damaged.
        """
        found = []
        for path in (self.folder.bars, *((self.folder.bars2,) if second else ())):
            _check(self.folder, self.manifest, path.name)
            found.append(read_kept(path))
            if len(found[-1]) != self.manifest.data.rows:
                raise ResultsError(
                    f"{path} has {len(found[-1]):,} bars, and run.json says"
                    f" {self.manifest.data.rows:,}; run again"
                )
        return found[0], (found[1] if second else None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate of a run.

    Attributes
    ----------
    row
        Its place, the best being 0.
    count
        How many there are.
    params
        By name, in canonical order.
    stored
        Its figures as the run has stored them, ``P<k>_<heading>`` by phase.
    scores
        All that the row holds beside the parameters, by column.
    """

    row: int
    count: int
    params: Mapping[str, Number]
    stored: Mapping[str, float]
    scores: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it is called."""
        return f"candidate {self.row + 1:,}"


def _check(folder: RunFolder, manifest: Manifest, name: str) -> None:
    """Raise unless a file of a run is as it was written."""
    path = folder.file(name)
    stated = manifest.sums.get(name)
    if stated is None:
        raise ResultsError(f"run.json does not list {path}; run again: {manifest.command}")
    remedy = f"'wfo rescore {folder.path}' writes it again"
    if folder.is_input(name):
        remedy = "--data-dir takes bars from a store instead"
    try:
        folder.check_digest(name, stated)
    except ResultsError as error:
        raise ResultsError(f"{error}; {remedy}") from error


def _check_row(row: int, count: int, run: Run) -> None:
    if row < count:
        return
    of = f"of {run.strategy.name}, grid {run.grid!r}"
    if not count:
        raise InputError(
            f"the run in {run.folder.path} has no candidates {of}: none of its combinations is"
            f" stable; 'wfo rescore {run.folder.path} --min-phases N' asks for less, 'wfo"
            f" simulate {run.folder.path} --set NAME=VALUE' tries parameters of your own, and"
            " --set-file takes those of a file ('wfo docs formats')"
        )
    raise InputError(
        f"there is no candidate {row + 1:,} (row {row:,}) in {run.folder.path}: it has"
        f" {count:,} {of}, so --candidate 1 to {count} or --row 0 to {count - 1}"
    )


def _stored(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a row that a sweep has stored; what follows from them is left out."""
    headings = {f.heading for f in STANDARD}
    found = {}
    for column, value in values.items():
        phase, _, heading = column.partition("_")
        if heading in headings and phase[:1] == "P" and phase[1:].isdigit() and value is not None:
            found[column] = float(value)
    return found
