"""Reports of TradeStation's optimizer, and those of `wfo refine`, read from any program's dialect.

A report is ``Refinement_<StrategyName>_rank<N>[_part<M>]_<SYMBOL>.csv`` (or ``.txt``): one row a
test, with the inputs, ``TestNum`` and figures. What cannot be told about a file as a whole refuses
it, with file and line. A row that cannot be right is named and left out.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from wfo.data.importing.numbers.numerals import OTHER, Notation
from wfo.data.symbols import file_stem, symbol_of
from wfo.errors import InputError, did_you_mean
from wfo.strategy import Strategy, strategies
from wfo.text import listed, one_line, shown
from wfo.tradestation import headings as known
from wfo.tradestation.amounts import EXAMPLES, fits_other, prove, read_amounts
from wfo.tradestation.errors import ReportError
from wfo.tradestation.plausible import Checked, check_figures, consistent_rows, expected_figure
from wfo.tradestation.range_files import Job
from wfo.tradestation.ranges import in_tradestation
from wfo.tradestation.report_tables import (
    MOST_FOOTERS,
    RowFault,
    Table,
    begins_a_row,
    nothing_usable,
    read_table,
)

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

#: Share of rows with numbers of the other notation from which a file has two of them.
_TWO_NOTATIONS = 0.1

#: Columns that are read past and named; more are counted. Those of TradeStation are fewer.
_MOST_PASSED = 60

_NAME = re.compile(
    r"Refinement_(.+?)_rank([0-9]{1,9})(?:_part([0-9]{1,9}))?_(.+)\.(?:csv|txt|tsv)", re.IGNORECASE
)
_ENDINGS = (".csv", ".txt", ".tsv")


@dataclass(frozen=True, slots=True)
class ReportName:
    """What the name of a report says.

    Attributes
    ----------
    strategy
        One of the run.
    rank, part
        Plateau, and which of its files; None where it has one.
    symbol
        As it is written.
    """

    strategy: Strategy
    rank: int
    part: int | None
    symbol: str


@dataclass(frozen=True, slots=True, eq=False)
class ReportFile:
    """A report that was read.

    Attributes
    ----------
    path
        The file.
    strategy, rank, part, symbol
        What its name says.
    rows
        Those that are sound, in the order of the file: the parameters by their names here (null
        where the file has no such input), ``TestNum``, ``line``, and the figures, ``ts_`` before
        their names, such as ``ts_long_net_profit`` (null where they are undefined or missing).
        Losses and drawdowns are negative.
    faults
        The rows that are left out.
    notes
        What was assumed and what was read past.
    filled
        Inputs that the file lacks, and the value that the job's range file fixes each at.
    lacking
        Parameters that neither the file nor the job has: such rows cannot be simulated.
    """

    path: Path
    strategy: Strategy
    rank: int
    part: int | None
    symbol: str
    rows: pl.DataFrame
    faults: tuple[RowFault, ...]
    notes: tuple[str, ...]
    filled: Mapping[str, float]
    lacking: tuple[str, ...]


def find_reports(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the report files of folders: each once, by folder, rank, part and name.

    Parameters
    ----------
    folders
        Looked at without those inside them. Files that `wfo analyze` writes are passed over, as is
        everything that does not begin with ``Refinement_`` or is no CSV or TXT.

    Raises
    ------
    InputError
        If a folder does not exist or cannot be read.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"there is no folder {one_line(folder)} to read reports from")
        try:
            own = [p for p in folder.iterdir() if _is_report(p.name) and p.is_file()]
        except OSError as error:
            raise InputError(
                f"cannot read {one_line(folder)}: {error.strerror or error}"
            ) from error
        for path in sorted(own, key=_order):
            found.setdefault(path.resolve(), path)
    return tuple(found.values())


def _is_report(name: str) -> bool:
    folded = name.casefold()
    return (
        folded.startswith("refinement_")
        and not folded.startswith("refinement_analysis_")
        and folded.endswith(_ENDINGS)
    )


def _order(path: Path) -> tuple[str, list[tuple[int, str]]]:
    # Numbers by their size, so that rank 10 comes after rank 9.
    pieces = re.split(r"([0-9]+)", path.name)
    return ("", [(int(p) if p.isdecimal() else -1, p) for p in pieces])


def read_name(path: Path, own: Sequence[Strategy], symbol: str) -> ReportName:
    """Tell from the name of a report what it is of.

    Parameters
    ----------
    path
        The file.
    own
        The strategies of the run.
    symbol
        The run's symbol.

    Raises
    ------
    ReportError
        If the name is none of a report, or its strategy or symbol is not the run's.
    """
    name = one_line(path.name)
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ReportError(
            f"{name}: the name does not tell what it is a report of; it must be"
            " Refinement_<StrategyName>_rank<N>_<SYMBOL>.csv"
        )
    strategy = _strategy(name, match[1], own)
    rank = int(match[2])
    if rank < 1:
        raise ReportError(f"{name}: rank 0 is none; ranks count from 1")
    stem = match[4]
    # Other programs write a symbol such as @ES as it is.
    if stem.casefold() not in {file_stem(symbol).casefold(), symbol.casefold()}:
        other = one_line(symbol_of(stem) or stem)
        if re.fullmatch(rf"{re.escape(file_stem(symbol))}\W.*", stem, re.IGNORECASE):
            raise ReportError(
                f"{name}: {other} is not {symbol}; if the file is a copy, give it the name of a"
                " report, or remove it"
            )
        raise ReportError(f"{name}: it is a report of {other}, and the run is one of {symbol}")
    return ReportName(strategy, rank, None if match[3] is None else int(match[3]), symbol)


def _strategy(file: str, name: str, own: Sequence[Strategy]) -> Strategy:
    by_name = {in_tradestation(s).name: s for s in own if s.tradestation is not None}
    folded = {n.casefold(): s for n, s in by_name.items()}
    if name.casefold() in folded:
        return folded[name.casefold()]
    for other in strategies().values():
        if other.tradestation is not None and other.tradestation.name == name:
            has = ", ".join(by_name) or "none with ranges for TradeStation"
            raise ReportError(
                f"{file}: {name} is {other.name}, which this run did not search; it has {has}"
            )
    raise ReportError(f"{file}: there is no strategy {shown(name)}{did_you_mean(name, by_name)}")


def read_report(
    path: Path, own: Sequence[Strategy], symbol: str, *, jobs: Sequence[Job] = ()
) -> ReportFile:
    """Read a report.

    Parameters
    ----------
    path
        The file.
    own
        The strategies of the run.
    symbol
        The run's symbol.
    jobs
        The run's jobs. An input that the file lacks takes the value that the job of the report's
        strategy, rank and part fixes it at.

    Raises
    ------
    ReportError
        If the file as a whole cannot be read; the message names file and line.
    """
    name = read_name(path, own, symbol)
    job = next(
        (j for j in jobs if (j.strategy, j.rank, j.part) == (name.strategy, name.rank, name.part)),
        None,
    )
    notes: list[str] = []
    if jobs and job is None:
        part = "" if name.part is None else f", part {name.part}"
        of = in_tradestation(name.strategy).name
        notes.append(
            f"{one_line(path.name)}: the run has no job of {of}, rank {name.rank}{part}; the"
            " report is read all the same"
        )
    table = read_table(path, name.strategy, notes)
    columns = _columns(table, name, notes)
    return _rows(path, name, job, table, columns, notes)


class _Columns(NamedTuple):
    """Which column is what: positions among the headings."""

    inputs: dict[str, int]
    figures: dict[str, int]
    test: int | None

    @property
    def numeric(self) -> dict[str, int]:
        """All columns of numbers."""
        test = {} if self.test is None else {known.TEST: self.test}
        return {**self.inputs, **test, **self.figures}


def _columns(table: Table, name: ReportName, notes: list[str]) -> _Columns:
    """Tell the columns, and refuse a file with one that cannot be told."""
    where = f"{table.file}, line {table.heading_line}"
    strategy = name.strategy
    view = in_tradestation(strategy)
    inputs: dict[str, int] = {}
    figures: dict[str, int] = {}
    tests: dict[str, int] = {}
    passed: list[str] = []
    for at, heading in enumerate(table.headings):
        kind, what = known.recognise(heading, strategy)
        own = {"input": inputs, "figure": figures, "test": tests}.get(kind)
        if own is not None:
            key = known.TEST if kind == "test" else what
            if key in own:
                raise ReportError(
                    f"{where}: the headings {shown(table.headings[own[key]])} and {shown(heading)}"
                    " are the same column; keep one of them"
                )
            own[key] = at
        elif kind == "symbol":
            _same_symbol(table, at, name.symbol)
        elif kind == "passed":
            passed.append(heading)
        elif not heading:
            _nameless(table, at, where)
        else:
            inputs_known = [view.input(n).name for n in strategy.names]
            raise ReportError(
                f"{where}: {shown(heading)} is no figure and no input of {view.name}, so the report"
                " has parameters that the strategy lacks"
                f"{did_you_mean(heading, [*inputs_known, *known.report_headings(strategy)])}"
            )
    if "net_profit" not in figures:
        raise ReportError(
            f"{where}: there is no column All: Net Profit; it has"
            f" {listed(h for h in table.headings if h)}"
        )
    if not strategy.shorts:
        sided = [n for n in figures if n.startswith(("long_", "short_"))]
        if sided:
            # Of a long strategy they say what All says, or nothing.
            passed += [table.headings[figures.pop(n)] for n in sided]
    if passed:
        lacking = [known.heading_of(n) for n in known.figure_names(strategy) if n not in figures]
        more = len(passed) - _MOST_PASSED
        named = passed[:_MOST_PASSED]
        near = [(p, difflib.get_close_matches(p, lacking, n=1, cutoff=0.85)) for p in named]
        said = ", ".join(
            f"{p} (did you mean {m[0]!r}?)" if m else p
            for p, m in ((listed([p]), m) for p, m in near)
        )
        if more > 0:
            said += f" and {more:,} more"
        notes.append(f"{table.file}: columns read past: {said}")
    return _Columns(inputs, figures, tests.get(known.TEST))


def _same_symbol(table: Table, at: int, symbol: str) -> None:
    cells = table.cells[at].fill_null("").str.strip_chars()
    other = (cells.str.to_lowercase() != symbol.lower()) & (cells != "")
    if other.any():
        row = int(other.arg_true()[0])
        raise ReportError(
            f"{table.file}, line {table.lines[row]}: it is a report of {listed([cells[row]])}, and"
            f" the run is one of {symbol}"
        )


def _nameless(table: Table, at: int, where: str) -> None:
    """Refuse a column without a heading, unless it is empty or counts the rows."""
    cells = table.cells[at].fill_null("").str.strip_chars()
    filled = cells != ""
    if not filled.any() or (at == 0 and cells.str.contains(r"^\d+$").all()):
        return
    row = int(filled.arg_true()[0])
    raise ReportError(
        f"{where}: column {at + 1} has no heading, but {shown(cells[row])} in line"
        f" {table.lines[row]}"
    )


def _rows(
    path: Path,
    name: ReportName,
    job: Job | None,
    table: Table,
    columns: _Columns,
    notes: list[str],
) -> ReportFile:
    import numpy as np
    import polars as pl

    strategy = name.strategy
    table = _without_footers(table, columns, notes)
    notation, numbers, faults = _numbers(table, columns, name, job, notes)
    _refuse_cut_end(table, columns, numbers, strategy)
    checked = _check(table, columns, numbers, strategy, notes)
    for position, what in checked.faults.items():
        faults.setdefault(position, what)
    tests = numbers.get(known.TEST)
    if tests is None:
        notes.append(f"{table.file}: there is no column TestNum; tests are numbered as they come")
        tests = np.arange(1.0, len(table.lines) + 1)
    _refuse_tests(table, tests, faults)
    if notation == "comma":
        notes.append(f"{table.file}: decimal commas, as in {EXAMPLES[notation]}")
    left = [RowFault(int(table.lines[i]), what) for i, what in faults.items()]
    left = sorted([*table.faults, *left], key=lambda fault: fault.line)
    if len(faults) == len(table.lines):
        raise nothing_usable(table.file, len(table.lines) + len(table.faults), left)
    kept = np.ones(len(table.lines), np.bool_)
    kept[list(faults)] = False
    filled, lacking = _fill(table.file, columns, name, job, notes)
    frame: dict[str, pl.Series] = {}
    for p in strategy.parameters:
        dtype = pl.Int64 if p.whole else pl.Float64
        if p.name in columns.inputs:
            cells = pl.Series(checked.numbers[p.name][kept])
        else:
            cells = pl.repeat(filled.get(p.name), int(kept.sum()), dtype=pl.Float64, eager=True)
        frame[p.name] = cells.cast(dtype)
    frame[known.TEST] = pl.Series(tests[kept]).cast(pl.Int64)
    frame["line"] = pl.Series(table.lines[kept])
    for figure in known.figure_names(strategy):
        if figure in columns.figures:
            frame[f"ts_{figure}"] = pl.Series(checked.numbers[figure][kept]).fill_nan(None)
        else:
            frame[f"ts_{figure}"] = pl.repeat(None, int(kept.sum()), dtype=pl.Float64, eager=True)
    rows = pl.DataFrame(frame)
    if job is not None and len(rows) + len(left) < job.count:
        notes.append(
            f"{table.file}: {len(rows) + len(left):,} rows, where the job has {job.count:,} tests"
        )
    return ReportFile(
        path,
        strategy,
        name.rank,
        name.part,
        name.symbol,
        rows,
        tuple(left),
        tuple(notes),
        filled,
        lacking,
    )


def _without_footers(table: Table, columns: _Columns, notes: list[str]) -> Table:
    """Return the table without lines of totals at its end, which are no tests."""
    import numpy as np

    positions = [*columns.inputs.values()]
    if columns.test is not None:
        positions.append(columns.test)
    count = len(table.lines)
    drop = 0
    while drop < min(MOST_FOOTERS, count - 1) and positions:
        row = count - 1 - drop
        cells = [table.cells[at][row] or "" for at in positions]
        if any(begins_a_row(cell) for cell in cells):
            break
        drop += 1
    if not drop:
        return table
    for row in range(count - drop, count):
        cells = [c[row] or "" for c in table.cells]
        said = shown(table.separator.join(cells))
        notes.append(f"{table.file}, line {table.lines[row]}: read past: {said}")
    keep = np.arange(count) < count - drop
    return table._replace(
        cells=[c.head(count - drop) for c in table.cells], lines=table.lines[keep], open_end=False
    )


def _numbers(
    table: Table,
    columns: _Columns,
    name: ReportName,
    job: Job | None,
    notes: list[str],
) -> tuple[Notation, dict[str, NDArray[np.float64]], dict[int, str]]:
    """Return the notation of a file, its numbers (NaN for none), and rows with broken cells."""
    found = prove([table.cells[at] for at in columns.numeric.values()])
    if found.point or found.comma:
        notation: Notation = "comma" if found.comma > found.point else "point"
    elif found.either is None:
        notation = "point"
    else:
        notation = _by_evidence(table, columns, name, job, found.either)
        notes.append(
            f"{table.file}: {found.either} is read as in {EXAMPLES[notation]}, which counts, sums"
            " and the other numbers agree with"
        )
    numbers: dict[str, NDArray[np.float64]] = {}
    faults: dict[int, str] = {}
    foreign: dict[int, tuple[int, str]] = {}
    for what, at in columns.numeric.items():
        amounts = read_amounts(table.cells[at], notation)
        numbers[what] = amounts.values.fill_null(float("nan")).to_numpy()
        if what in columns.inputs:
            undefined = amounts.values.is_null() & ~amounts.broken
            for row in undefined.arg_true().to_list():
                cell = (table.cells[at][row] or "").strip()
                said = f"{shown(cell)}, no value" if cell else "empty"
                faults.setdefault(row, f"{table.headings[at]} is {said}")
        broken = amounts.broken.arg_true()
        if not len(broken):
            continue
        cells = table.cells[at].gather(broken)
        others = fits_other(cells, notation)
        for row, cell, other in zip(broken.to_list(), cells, others, strict=True):
            hint = f" where the file has numbers as {EXAMPLES[notation]}" if other else ""
            faults.setdefault(row, f"{table.headings[at]} is {shown(cell)}, no number{hint}")
            if other:
                foreign.setdefault(row, (at, cell))
    if foreign and len(foreign) >= _TWO_NOTATIONS * len(table.lines):
        row, (at, cell) = min(foreign.items())
        raise ReportError(
            f"{table.file}, line {table.lines[row]}: {table.headings[at]} is {shown(cell)}, which"
            f" is a number as in {EXAMPLES[OTHER[notation]]}, but other cells are as in"
            f" {EXAMPLES[notation]}; write all numbers in one notation"
        )
    return notation, numbers, faults


def _by_evidence(
    table: Table, columns: _Columns, name: ReportName, job: Job | None, either: str
) -> Notation:
    """Decide the notation by what counts, sums and parameters are in each.

    Raises
    ------
    ReportError
        If they are as good in both.
    """
    import numpy as np

    sound: dict[Notation, int] = {}
    readings: tuple[Notation, Notation] = ("point", "comma")
    for notation in readings:
        values = {
            what: read_amounts(table.cells[at], notation).values.fill_null(float("nan")).to_numpy()
            for what, at in columns.numeric.items()
        }
        good = consistent_rows(values, name.strategy)
        if known.TEST in values:
            good &= values[known.TEST] == np.floor(values[known.TEST])
        good &= np.array([not f for f in _parameter_faults(values, columns, name.strategy)])
        if job is not None:
            for n in columns.inputs:
                good &= np.array([job.holds(n, v) for v in values[n].tolist()])
        sound[notation] = int(good.sum())
    best = max(readings, key=sound.__getitem__)
    if sound[best] == sound[OTHER[best]]:
        grouped = _by_digits(table, columns)
        if grouped is not None:
            return grouped
        row, at = next(
            (row, at)
            for at in columns.numeric.values()
            for row, cell in enumerate(table.cells[at])
            if cell is not None and either in cell
        )
        raise ReportError(
            f"{table.file}, line {table.lines[row]}: {table.headings[at]} is {shown(either)}, a"
            f" number as in {EXAMPLES['point']} and as in {EXAMPLES['comma']}, and nothing in the"
            " file tells which; write numbers without thousands separators, or with decimals"
        )
    return best


def _by_digits(table: Table, columns: _Columns) -> Notation | None:
    """Tell the notation from numbers with a mark beside others without one; None if it cannot be.

    In a column of money a mark is one of thousands where each number from 1,000 on has it, and it
    is a decimal mark where one without it has four digits.
    """
    marks: set[str] = set()
    small = large = 0
    for name, at in columns.numeric.items():
        cells = table.cells[at].fill_null("").str.replace_all(r"[^0-9.,]", "")
        marked = cells.filter(cells.str.contains(r"[.,]"))
        if marked.is_empty():
            continue
        marks.update(marked.str.extract(r"([.,])").unique())
        plain = cells.filter(cells.str.contains(r"^[1-9][0-9]*$"))
        large += int((plain.str.len_chars() > 3).sum())
        if known.UNITS.get(name) == "money":
            small += len(plain)
    if len(marks) != 1:
        return None
    (mark,) = marks
    decimal: Notation = "comma" if mark == "," else "point"
    if large:
        return decimal
    return OTHER[decimal] if small else None


def _refuse_cut_end(
    table: Table, columns: _Columns, numbers: Mapping[str, NDArray[np.float64]], strategy: Strategy
) -> None:
    """Refuse a file without an end of its last line, where its last cell is not what it must be."""
    import numpy as np

    if not table.open_end:
        return
    at = len(table.headings) - 1
    cells = table.cells[at].fill_null("").str.strip_chars()
    figure = next((n for n, place in columns.figures.items() if place == at), None)
    expected = None if figure is None else expected_figure(numbers, figure)
    if figure is None or expected is None:
        others = cells.head(len(cells) - 1)
        cut = cells[-1] == "" and 2 * int((others != "").sum()) > len(others)
    else:
        own = numbers[figure]
        # A tenth of a per cent and a cent: what is rounded is nearer, and a digit less is farther.
        near = np.abs(own - expected) <= 0.001 * np.abs(expected) + 0.01
        agree = near | ~np.isfinite(expected)
        usual = agree[:-1].mean() > 0.9 if len(agree) > 1 else _agrees(numbers, figure, strategy)
        cut = bool(not agree[-1] and usual)
    if cut:
        raise ReportError(
            f"{table.file}, line {table.lines[-1]}: the file ends in the middle of a line, with"
            f" {shown(cells[-1])} as {table.headings[at]}, so it was cut short: get it again"
        )


def _agrees(numbers: Mapping[str, NDArray[np.float64]], figure: str, strategy: Strategy) -> bool:
    """Whether the figures of one row but the last one follow from each other."""
    others = {n: column for n, column in numbers.items() if n != figure}
    told = expected_figure(others, "net_profit")
    return told is not None and bool(consistent_rows(others, strategy).all())


def _check(
    table: Table,
    columns: _Columns,
    numbers: dict[str, NDArray[np.float64]],
    strategy: Strategy,
    notes: list[str],
) -> Checked:
    """Check the parameters and figures of every row."""
    figures = {n: numbers[n] for n in columns.figures}
    headings = {n: table.headings[at] for n, at in columns.figures.items()}
    cells = {n: table.cells[at] for n, at in columns.figures.items()}
    checked = check_figures(figures, headings, cells)
    notes += [f"{table.file}: {note}" for note in checked.notes]
    faults = dict(checked.faults)
    for row, what in enumerate(_parameter_faults(numbers, columns, strategy)):
        if what:
            faults.setdefault(row, what)
    inputs = {n: numbers[n] for n in columns.inputs}
    return Checked({**inputs, **checked.numbers}, faults, checked.notes)


def _parameter_faults(
    numbers: Mapping[str, NDArray[np.float64]], columns: _Columns, strategy: Strategy
) -> list[str]:
    """Return what is wrong with the parameters of each row; an empty text where nothing is."""
    import numpy as np

    length = len(next(iter(numbers.values())))
    found = [""] * length
    for name in columns.inputs:
        parameter = strategy.parameter(name)
        distinct, places = np.unique(numbers[name], return_inverse=True)
        for position, value in enumerate(distinct.tolist()):
            what = ""
            if value != value:  # noqa: PLR0124  # only NaN differs from itself
                what = f"{in_tradestation(strategy).input(name).name} is empty"
            else:
                try:
                    whole = parameter.whole and value.is_integer()
                    parameter.check(int(value) if whole else value)
                except InputError as error:
                    what = str(error)
            if what:
                for row in np.flatnonzero(places == position).tolist():
                    found[row] = found[row] or what
    for rule in strategy.rules:
        if any(name not in columns.inputs for name in rule.names):
            continue
        rows = np.column_stack([numbers[name] for name in rule.names])
        distinct, places = np.unique(rows, axis=0, return_inverse=True)
        for position, values in enumerate(distinct):
            if np.isnan(values).any():
                continue
            try:
                whole = [strategy.parameter(n).whole for n in rule.names]
                rule.check(
                    {
                        n: int(v) if w and v.is_integer() else v
                        for n, v, w in zip(rule.names, values.tolist(), whole, strict=True)
                    }
                )
            except InputError as error:
                for row in np.flatnonzero(places.ravel() == position).tolist():
                    found[row] = found[row] or str(error)
    return found


def _refuse_tests(table: Table, tests: NDArray[np.float64], faults: dict[int, str]) -> None:
    """Add the rows whose test has no number, or one that is there already, to the faults."""
    import numpy as np

    sound = (tests >= 0) & (tests == np.floor(tests)) & (tests < 2**53)
    for row in np.flatnonzero(~sound).tolist():
        faults.setdefault(row, "TestNum is no whole number, from 0")
    order = np.argsort(tests, kind="stable")
    same = np.flatnonzero(tests[order][1:] == tests[order][:-1])
    if not len(same):
        return
    first: dict[float, int] = {}
    repeated = set(tests[order][same].tolist())
    for row in np.flatnonzero(np.isin(tests, list(repeated))).tolist():
        if row in faults:
            continue
        before = first.setdefault(float(tests[row]), row)
        if before != row:
            faults[row] = (
                f"TestNum {int(tests[row])} is there already in line {table.lines[before]}"
            )


def _fill(
    file: str, columns: _Columns, name: ReportName, job: Job | None, notes: list[str]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the values of inputs that the file lacks, and those that cannot be told."""
    view = in_tradestation(name.strategy)
    fixed = {} if job is None else job.fixed
    missing = [n for n in name.strategy.names if n not in columns.inputs]
    filled = {n: float(fixed[n]) for n in missing if n in fixed}
    lacking = tuple(n for n in missing if n not in fixed)
    if filled:
        said = ", ".join(f"{view.input(n).name} {v:g}" for n, v in filled.items())
        notes.append(f"{file}: inputs that it lacks are those of the job's range file: {said}")
    if lacking:
        said = ", ".join(view.input(n).name for n in lacking)
        notes.append(
            f"{file}: it lacks {said}, which no range file fixes, so its rows cannot be simulated"
        )
    return filled, lacking
