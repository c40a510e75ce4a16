"""Jobs of a refinement, read from ``phase5_refine_config.csv`` and the range files that it names.

`wfo.tradestation.ranges` writes both, but people edit them and other programs write them, so all
that stands in them is checked. TradeStation tests each input at ``Min``, ``Min + Step`` and so on,
as long as ``Max`` is not exceeded; here too, in exact decimals. A test is one combination of a
job's values, numbered from 1; the last input in the strategy's order varies fastest.
"""

from __future__ import annotations

import csv
import errno
import functools
import hashlib
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from wfo.data.symbols import file_stem
from wfo.errors import InputError, ResultsError, did_you_mean
from wfo.files import read_bytes
from wfo.files.limits import AXIS_VALUES
from wfo.grid import Grid
from wfo.strategy import Number, Strategy, strategies
from wfo.strategy.constraints import groups, meeting
from wfo.text import listed, one_line, shown
from wfo.text_files import decode
from wfo.tradestation.ranges import InputRange, in_tradestation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The job list of a run's folder.
CONFIG: Final = "phase5_refine_config.csv"

#: Headings of the job list.
JOB_HEADINGS: Final = (
    "JobNum",
    "StrategyName",
    "StrategyFile",
    "RangeFile",
    "Rank",
    "ShortEnabled",
    "IsDualSymbol",
)

#: Headings of a range file.
RANGE_HEADINGS: Final = ("ParameterName", "Min", "Max", "Step")

#: Tests of a job, at most: a hundred times what the export asks for in a file.
MOST_TESTS: Final = 10_000_000

#: Bytes of a job list or range file, at most. Those of a run have a few thousand.
MOST_BYTES: Final = 1_000_000

#: Lines of a job list or range file, at most.
MOST_LINES: Final = 10_000

_Key = TypeVar("_Key", int, str)

#: Ranges of a file, its digest, and notes.
_Ranges = tuple[tuple[InputRange, ...], str, tuple[str, ...]]

_RANGE_FILE = re.compile(r"phase5_refine_(.+)_rank([0-9]{1,9})(?:_part([0-9]{1,9}))?\.csv")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
_SEPARATORS = {";": "semicolons", "\t": "tabs"}


@dataclass(frozen=True)
class Job:
    """One line of the job list: a strategy, and a range of each of its inputs.

    Attributes
    ----------
    number
        ``JobNum``.
    strategy
        Whose inputs are searched.
    range_file
        Name of the file that the ranges are from.
    rank
        Rank of the plateau.
    part
        Which of the plateau's files it is, from 1 on; None where the plateau has one.
    ranges
        One for each parameter, in canonical order. The highest value of each is one that is tested.
    digest
        SHA-256 of the range file.
    notes
        What is unusual about it and does not keep it from running.
    """

    number: int
    strategy: Strategy
    range_file: str
    rank: int
    part: int | None
    ranges: tuple[InputRange, ...]
    digest: str
    notes: tuple[str, ...] = ()

    @property
    def tests(self) -> int:
        """How many tests the ranges ask for, those that constraints refuse among them."""
        return math.prod(r.tests for r in self.ranges)

    @functools.cached_property
    def values(self) -> dict[str, tuple[Number, ...]]:
        """The values of every parameter, ascending, in canonical order."""
        return {r.parameter.name: _values(r) for r in self.ranges}

    @property
    def fixed(self) -> dict[str, Number]:
        """The parameters that have one value, and that value."""
        return {name: axis[0] for name, axis in self.values.items() if len(axis) == 1}

    @functools.cached_property
    def _met(self) -> list[tuple[tuple[int, ...], NDArray[np.bool_]]]:
        """Of each group of parameters that share constraints: positions, and which sets meet them.

        A mask has an axis a parameter.
        """
        import numpy as np

        names = self.strategy.names
        found = []
        for members, constraints in groups(names, self.strategy.rules):
            if not constraints:
                continue
            axes = {name: self.values[name] for name in members}
            met = np.zeros([len(axis) for axis in axes.values()], np.bool_)
            met.ravel()[np.fromiter(meeting(constraints, axes), np.int64)] = True
            found.append((tuple(names.index(name) for name in members), met))
        return found

    @functools.cached_property
    def count(self) -> int:
        """How many tests meet the strategy's constraints: the rows of the job."""
        kept = math.prod(int(met.sum()) for _, met in self._met)
        constrained = {at for places, _ in self._met for at in places}
        free = (r.tests for at, r in enumerate(self.ranges) if at not in constrained)
        return kept * math.prod(free)

    @property
    def refused(self) -> int:
        """How many tests are left out, since they do not meet the strategy's constraints."""
        return self.tests - self.count

    @functools.cached_property
    def _kept(self) -> NDArray[np.int64] | None:
        """Position among the tests of each row; None where every test is a row."""
        import numpy as np

        if not self.refused:
            return None
        shape = [r.tests for r in self.ranges]
        mask = np.ones(shape, np.bool_)
        for places, met in self._met:
            # Members are in canonical order, so that the other axes only have to be put between.
            mask &= met.reshape([n if at in places else 1 for at, n in enumerate(shape)])
        return np.flatnonzero(mask)

    def test_numbers(self, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
        """Return the number of each test of the rows ``start:stop``, int64[k], from 1 on."""
        import numpy as np

        begin, end, _ = slice(start, stop).indices(self.count)
        if self._kept is None:
            return np.arange(begin + 1, max(begin, end) + 1, dtype=np.int64)
        numbers: NDArray[np.int64] = self._kept[begin:end] + 1
        return numbers

    def rows(self, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """Return the parameter values of the rows ``start:stop``.

        Parameters
        ----------
        start, stop
            Positions among the rows, as in a slice; there are `count`.

        Returns
        -------
        float64[k, p]
            Parameters in canonical order, the last one fastest. Tests that constraints refuse are
            no rows; `test_numbers` says which test a row is.
        """
        import numpy as np

        rest = self.test_numbers(start, stop) - 1
        found = np.empty((len(rest), len(self.ranges)), np.float64)
        for at in range(len(self.ranges) - 1, -1, -1):
            axis = np.asarray(self.values[self.strategy.names[at]], np.float64)
            rest, digit = np.divmod(rest, len(axis))
            found[:, at] = axis[digit]
        return found

    def grid(self) -> Grid | None:
        """Return the grid with the same combinations in the same order; None where there is none.

        There is none where constraints refuse a test, or tie parameters that do not follow each
        other: in the flat index of a grid they are one axis. Nor is there where it would be beyond
        a limit of grids.
        """
        adjacent = all(list(p) == list(range(p[0], p[0] + len(p))) for p, _ in self._met)
        if self.refused or not adjacent:
            return None
        values = {name: list(axis) for name, axis in self.values.items()}
        try:
            return Grid(values, strategy=self.strategy, name=Path(self.range_file).stem)
        except InputError:
            return None

    @property
    def label(self) -> str:
        """``<StrategyName>_rank<N>``, with ``_part<M>`` where the plateau has several."""
        part = "" if self.part is None else f"_part{self.part}"
        return f"{in_tradestation(self.strategy).name}_rank{self.rank}{part}"

    def report_name(self, symbol: str) -> str:
        """Return the name of the job's report on a symbol, ``Refinement_<label>_<SYMBOL>.csv``."""
        return f"Refinement_{self.label}_{file_stem(symbol)}.csv"

    def holds(self, name: str, value: float) -> bool:
        """Whether a parameter has a value in this job."""
        return value in self._sets[name]

    @functools.cached_property
    def _sets(self) -> dict[str, frozenset[Number]]:
        return {name: frozenset(axis) for name, axis in self.values.items()}


@dataclass(frozen=True, slots=True)
class JobFault:
    """A job that cannot be run, and why.

    Attributes
    ----------
    line
        Of the job list; 0 where what is wrong stands elsewhere.
    what
        A message that names the file, and the line if it is one.
    """

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class JobList:
    """The job list of a folder.

    Attributes
    ----------
    jobs
        Those that can be run, in the order of the list.
    faults
        The others.
    """

    jobs: tuple[Job, ...]
    faults: tuple[JobFault, ...]

    @classmethod
    def read(cls, folder: Path, known: Sequence[Strategy]) -> JobList:
        """Read the job list of a folder, and the range files that it names.

        Parameters
        ----------
        folder
            Where both lie.
        known
            The strategies of the run.

        Raises
        ------
        ResultsError
            If the folder has no job list.
        InputError
            If the list as a whole cannot be read. What is wrong with one job is a fault of it.
        """
        path = folder / CONFIG
        if not path.is_file():
            raise ResultsError(
                f"there is no {path}; wfo export writes it, for the folder of a complete run"
            )
        lines, _ = _read_lines(path, JOB_HEADINGS)
        if not lines:
            raise InputError(
                f"{CONFIG} names no jobs: no line follows its headings; the run exported no ranges"
            )
        jobs: list[Job] = []
        faults: list[JobFault] = []
        numbers: dict[int, int] = {}
        labels: dict[str, int] = {}
        read = _ReadOnce()
        for line, cells in lines:
            try:
                job = _job(folder, line, cells, known, read)
                _once(numbers, job.number, line, f"JobNum {job.number}")
                # File systems that do not tell case apart would have one report of both.
                what = f"the job of {job.label}, which has one report,"
                _once(labels, job.label.casefold(), line, what)
            except InputError as error:
                faults.append(JobFault(line, str(error)))
            else:
                jobs.append(job)
        return cls(tuple(jobs), tuple(faults))


def read_jobs(folder: Path, known: Sequence[Strategy]) -> tuple[Job, ...]:
    """Read all jobs of a folder; arguments and errors as in `JobList.read`.

    Raises
    ------
    InputError
        If a job cannot be run, too; the message names all that cannot.
    """
    found = JobList.read(folder, known)
    if found.faults:
        raise InputError("; ".join(fault.what for fault in found.faults))
    return found.jobs


def _once(seen: dict[_Key, int], key: _Key, line: int, what: str) -> None:
    before = seen.setdefault(key, line)
    if before != line:
        raise InputError(
            f"{CONFIG}, line {line}: {what} is there already in line {before}; keep one of them"
        )


def _job(
    folder: Path,
    line: int,
    cells: Sequence[str],
    known: Sequence[Strategy],
    read: _ReadOnce,
) -> Job:
    where = f"{CONFIG}, line {line}"
    number_text, name, _, range_file, rank_text, short, dual = cells
    number = _whole(where, "JobNum", number_text)
    strategy = _strategy(where, name, known)
    rank = _whole(where, "Rank", rank_text)
    own = in_tradestation(strategy).name
    part = _part(where, range_file, own, rank)
    notes = []
    for heading, text, is_so, what in (
        ("ShortEnabled", short, strategy.shorts, "sells short"),
        ("IsDualSymbol", dual, strategy.dual_symbol, "reads a second symbol"),
    ):
        said = _flag(where, heading, text)
        if said is not is_so:
            does = what if is_so else f"never {what}"
            notes.append(
                f"{where}: {heading} is {text.strip()}, but {strategy.name} {does}; the"
                " strategy counts"
            )
    path = _inside(where, folder, range_file)
    ranges, digest, more = read(path, strategy)
    return Job(number, strategy, range_file, rank, part, ranges, digest, (*notes, *more))


def _strategy(where: str, name: str, known: Sequence[Strategy]) -> Strategy:
    own = {in_tradestation(s).name: s for s in known if s.tradestation is not None}
    if name in own:
        return own[name]
    for other in strategies().values():
        if other.tradestation is not None and other.tradestation.name == name:
            listed = ", ".join(own) or "none with ranges for TradeStation"
            raise InputError(
                f"{where}: {name} is {other.name}, which this run did not search; it has {listed}"
            )
    raise InputError(f"{where}: there is no strategy {shown(name)}{did_you_mean(name, own)}")


def _part(where: str, range_file: str, strategy: str, rank: int) -> int | None:
    """Return the part that a range file's name tells, which must not contradict the job."""
    match = _RANGE_FILE.fullmatch(range_file)
    if match is None:
        return None
    if match[1] != strategy:
        raise InputError(
            f"{where}: the job is one of {strategy}, but its range file {listed([range_file])} one"
            f" of {listed([match[1]])}"
        )
    if int(match[2]) != rank:
        raise InputError(
            f"{where}: Rank is {rank}, but the range file {listed([range_file])} is that of rank"
            f" {int(match[2])}"
        )
    return None if match[3] is None else int(match[3])


def _inside(where: str, folder: Path, name: str) -> Path:
    """Return a range file of the folder, which has to be a file that lies in it."""
    if not name:
        raise InputError(f"{where}: the job names no RangeFile")
    if re.search(r"[/\\:\x00-\x1f]", name) or name in {".", ".."}:
        raise InputError(
            f"{where}: RangeFile {shown(name)} must be the name of a file in the folder, without a"
            " path"
        )
    path = folder / name
    try:
        if path.is_file():
            if path.resolve().parent != folder.resolve():
                raise InputError(
                    f"{where}: the range file {listed([name])} is a link to a file outside of the"
                    " folder; copy it there"
                )
            return path
    except OSError as error:
        raise InputError(
            f"{where}: the range file {shown(name)} cannot be read: {error.strerror or error}"
        ) from error
    raise InputError(
        f"{where}: there is no range file {listed([name])} in {one_line(folder)}; export the ranges"
        " again, or remove the line"
    )


class _ReadOnce:
    """Reads each range file once, however many jobs name it."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, str], _Ranges | InputError] = {}

    def __call__(self, path: Path, strategy: Strategy) -> _Ranges:
        key = (path, strategy.name)
        if key not in self._known:
            try:
                self._known[key] = _read_ranges(path, strategy)
            except InputError as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, InputError):
            raise found
        return found


def _read_ranges(path: Path, strategy: Strategy) -> _Ranges:
    """Return the ranges of a file in canonical order, its digest, and notes."""
    file = one_line(path.name)
    view = in_tradestation(strategy)
    by_input = {view.input(p.name).name: p for p in strategy.parameters}
    lines, digest = _read_lines(path, RANGE_HEADINGS)
    found: dict[str, InputRange] = {}
    at_line: dict[str, int] = {}
    notes: list[str] = []
    for line, (name, *texts) in lines:
        where = f"{file}, line {line}"
        if name not in by_input:
            raise InputError(
                f"{where}: {view.name} has no input {shown(name)}{did_you_mean(name, by_input)}"
            )
        if name in found:
            raise InputError(f"{where}: {name} is there already in line {at_line[name]}")
        low, high, step = (
            _decimal(where, heading, text)
            for heading, text in zip(RANGE_HEADINGS[1:], texts, strict=True)
        )
        if step <= 0:
            raise InputError(
                f"{where}: Step of {name} is {listed([texts[2]])}; it must be above 0, of a"
                " fixed input too"
            )
        ends = _plain(low), _plain(high), _plain(step)
        if low > high:
            raise InputError(f"{where}: Min of {name} is {ends[0]}, above its Max, {ends[1]}")
        steps = (high - low) / step
        if steps >= AXIS_VALUES:
            raise InputError(
                f"{where}: {name} has more than {AXIS_VALUES:,} values from {ends[0]} to {ends[1]}"
                f" by {ends[2]}; take a wider step"
            )
        last = low + int(steps) * step
        if last != high:
            notes.append(
                f"{where}: Max of {name}, {ends[1]}, is no multiple of {ends[2]} above Min,"
                f" {ends[0]}; the last value is {_plain(last)}, as in TradeStation"
            )
        parameter = by_input[name]
        found[name] = InputRange(parameter, view.input(parameter.name), low, last, step)
        at_line[name] = line
    missing = [name for name in by_input if name not in found]
    if missing:
        raise InputError(
            f"{file}: {'the line of ' if len(missing) == 1 else 'lines of '}"
            f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing;"
            f" {view.name} needs a range of each of its {len(by_input)} inputs"
        )
    if list(found) != list(by_input):
        notes.append(
            f"{file}: the inputs are in another order than the strategy's; tests are numbered"
            " in the strategy's"
        )
    ranges = tuple(found[name] for name in by_input)
    tests = math.prod(r.tests for r in ranges)
    if tests > MOST_TESTS:
        raise InputError(
            f"{file} asks for {tests:,} tests; at most {MOST_TESTS:,} will do: take wider"
            " steps or divide the file"
        )
    for r in ranges:
        try:
            _check_values(r)
        except InputError as error:
            raise InputError(f"{file}, line {at_line[r.input.name]}: {error}") from None
    return ranges, digest, tuple(notes)


def _check_values(r: InputRange) -> None:
    """Raise unless a parameter can have all values of a range.

    The ends and the second one tell: values ascend, and are whole if two in a row are.
    """
    try:
        for at in {0, min(1, r.tests - 1), r.tests - 1}:
            r.parameter.check(_number(r, r.low + at * r.step))
    except InputError:
        # It is the first one that the message names.
        _values(r)


def _number(r: InputRange, value: Decimal) -> Number:
    return int(value) if r.parameter.whole and value == value.to_integral_value() else float(value)


def _values(r: InputRange) -> tuple[Number, ...]:
    """Return the values of a range, each as its parameter takes it."""
    exact = (r.low + i * r.step for i in range(r.tests))
    return tuple(r.parameter.check(_number(r, v)) for v in exact)


def _read_lines(
    path: Path, headings: Sequence[str]
) -> tuple[list[tuple[int, tuple[str, ...]]], str]:
    """Return the lines of a file below its headings, each with its number, and its digest.

    Raises
    ------
    InputError
        If the file cannot be read, is no text, has other headings, or a line with more or fewer
        fields.
    """
    name = one_line(path.name)
    try:
        content = read_bytes(path, most=MOST_BYTES)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise InputError(f"{name} {error.strerror}; {_layout(headings)}") from error
        raise InputError(f"cannot read {one_line(path)}: {error.strerror or error}") from error
    if not content.strip():
        raise InputError(f"{name} is empty; {_layout(headings)}")
    no_text = f"is no text: it holds zero bytes; {_layout(headings)}"
    text, _ = decode(name, content, error=InputError, no_text=no_text)
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text, newline=None), skipinitialspace=True, strict=True)
    before = 0
    while True:
        line = before + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            what = one_line(error)
            raise InputError(f"{name}, line {line}: broken quotes ({what})") from None
        if record is None:
            break
        before = reader.line_num
        fields = [field.strip() for field in record]
        if any(fields):
            rows.append((line, fields))
        if len(rows) > MOST_LINES:
            raise InputError(f"{name} has more than {MOST_LINES:,} lines; {_layout(headings)}")
    if not rows:
        raise InputError(f"{name} is empty; {_layout(headings)}")
    first, head = rows[0]
    if tuple(head) != tuple(headings):
        given = ",".join(head)
        for separator, word in _SEPARATORS.items():
            if separator in given:
                raise InputError(
                    f"{name}, line {first}: the headings are {shown(given)}, with {word} between"
                    f" them; save the file with commas, and numbers with decimal points"
                )
        raise InputError(
            f"{name}, line {first}: the headings are {shown(given)}; {_layout(headings)}"
        )
    found = []
    for line, fields in rows[1:]:
        # A comma at the end of a line is what some programs leave of an empty column.
        while len(fields) > len(headings) and not fields[-1]:
            fields.pop()
        if len(fields) != len(headings):
            hint = (
                "; numbers need decimal points, since commas stand between fields"
                if len(fields) > len(headings)
                else ""
            )
            raise InputError(
                f"{name}, line {line}: {len(fields)} fields where the headings are"
                f" {len(headings)}: {shown(','.join(fields))}{hint}"
            )
        found.append((line, tuple(fields)))
    return found, hashlib.sha256(content).hexdigest()


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _layout(headings: Sequence[str]) -> str:
    return f"its first line must be {','.join(headings)}"


def _decimal(where: str, heading: str, text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = None
    # `Decimal` takes underscores, digits of all scripts, and words for what is no number.
    if value is None or not value.is_finite() or not re.fullmatch(r"[0-9.eE+-]+", text):
        hint = "; write it with a decimal point" if _DECIMAL_COMMA.fullmatch(text) else ""
        what = "is empty" if not text else f"is {shown(text)}, which is no number{hint}"
        raise InputError(f"{where}: {heading} {what}")
    # Beyond, exact arithmetic in 28 digits would no longer be exact.
    if (value and value.adjusted() > 12) or -int(value.as_tuple().exponent) > 12:
        raise InputError(f"{where}: {heading} is {shown(text)}, which is no value of an input")
    return value


def _whole(where: str, heading: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < 1:
        raise InputError(f"{where}: {heading} is {shown(text)}; it must be a whole number, from 1")
    return int(text)


def _flag(where: str, heading: str, text: str) -> bool:
    folded = text.casefold()
    if folded not in {"0", "1", "false", "true"}:
        raise InputError(f"{where}: {heading} is {shown(text)}; it must be 0 or 1")
    return folded in {"1", "true"}
