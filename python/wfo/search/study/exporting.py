"""A study for other programs: a table in CSV, and a journal for Optuna's dashboard."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wfo.errors import InputError
from wfo.files import whole_stream, write_frame
from wfo.search.study.importance import objectives_of
from wfo.search.study.surrogate import optuna_for
from wfo.search.study.table import STATES, StudyTable
from wfo.text import printable

if TYPE_CHECKING:
    import polars as pl

    from wfo.search.space import Dimension, SearchSpace

#: Codes of a journal's format, which is open: what a line does, and the state of a trial.
_NEW_STUDY, _STUDY_NOTE, _NEW_TRIAL = 0, 2, 4
_MAXIMIZE: Final = 2
_OPTUNA_STATES: Final = {"complete": 1, "pruned": 2, "waiting": 4}
_FAILED: Final = 3

#: The name of a constraint within a trial's attributes, of which 0 and less is met.
_CONSTRAINT: Final = "constraints:violation"

#: Seconds that all trials together take, at most: 30 years.
_LONGEST: Final = 1e9

#: What helps where an export cannot be written, which is no part of the results.
_ROOM: Final = "see to its folder, or name another file"

#: Lines of a journal that are written at a time.
_LINES: Final = 1_000


def trials_frame(table: StudyTable, parameters: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return the trials as a frame, in trial order.

    Columns are the number, batch and state of a trial, its parameters, score, violation, objectives
    (where there are several) and components, its figures, and how it ran. A figure is called by its
    name, with its symbol and the number of its window, from 1 on, where there are several:
    ``sharpe [SPY] window 2``.

    Parameters
    ----------
    table
        The trials.
    parameters
        The values of the dimensions of each, from `read_parameters`.
    """
    import numpy as np
    import polars as pl

    record = table.record
    columns: dict[str, Any] = {
        "trial": np.arange(len(table)),
        "batch": table.batches,
        "state": [STATES[code] for code in table.states.tolist()],
    }

    def put(name: str, values: Any) -> None:
        # A figure may be called as a parameter is.
        name = cell_text(name)
        while name in columns:
            name += "_"
        columns[name] = values

    for name in record.parameters:
        put(name, _column([each[name] for each in parameters[: len(table)]]))
    put("score", table.scores)
    put("violation", table.violations)
    if len(record.objectives) > 1:
        for at, name in enumerate(record.objectives):
            put(f"objective {name}", table.objectives[:, at])
    for at, name in enumerate(record.components):
        put(f"component {name}", table.components[:, at])
    windows = int(table.windows.max(initial=0))
    order = {symbol: at for at, symbol in enumerate(record.symbols)}
    # Not as they came up, which depends on the trial that ended first.
    known = sorted(table.columns, key=lambda c: (order.get(c[0], len(order)), c))
    several = len({symbol for symbol, _ in known}) > 1
    for window in range(windows):
        for symbol, name in known:
            label = f"{name} [{symbol}]" if several else name
            label += f" window {window + 1}" if windows > 1 else ""
            put(label, table.figure(symbol, name, window))
    put("seconds", table.seconds)
    put("seed", table.seeds)
    put("worker", table.workers)
    put("attempts", table.attempts)
    for name, texts in (("error", table.errors), ("printed", table.printed)):
        put(name, [texts.get(number, "") for number in range(len(table))])
    series = [pl.Series(name, _cells(values)) for name, values in columns.items()]
    return pl.DataFrame([_undefined(each) for each in series])


#: How a text begins that a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def cell_text(text: str) -> str:
    """Return a text as a cell that neither a terminal nor a spreadsheet acts on."""
    return printable(f"'{text}" if text.startswith(_FORMULA) else text)


def _cells(values: Any) -> Any:
    if isinstance(values, list) and values and isinstance(values[0], str):
        return [cell_text(value) for value in values]
    return values


def _column(values: list[Any]) -> list[Any]:
    """Return values of one type: numbers, truth values, or texts where they are mixed."""
    kinds = {type(value) for value in values}
    if len(kinds) <= 1 or kinds == {int, float}:
        return [float(value) for value in values] if len(kinds) > 1 else values
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in values]


def _undefined(series: pl.Series) -> pl.Series:
    """Return numbers with nothing in place of NaN, as in a cell of a table."""
    return series.fill_nan(None) if series.dtype.is_float() else series


def export_csv(path: Path, table: StudyTable, parameters: Sequence[dict[str, Any]]) -> None:
    """Write all trials as CSV, in trial order; the columns are those of `trials_frame`.

    Raises
    ------
    ResultsError
        If the file cannot be written.
    """
    write_frame(path, trials_frame(table, parameters), remedy=_ROOM)


# Optuna's journal


def export_journal(
    path: Path, table: StudyTable, parameters: Sequence[dict[str, Any]], space: SearchSpace
) -> None:
    """Write a study as a journal of Optuna, which ``optuna-dashboard FILE`` shows.

    A dimension of evenly spaced numbers is one of Optuna's ranges, a continuous one too, and any
    other a choice. The violation of a trial is a constraint. Trials without a score are failed
    ones. Since a journal holds times, which a study does not, trials follow each other by their
    seconds from the study's beginning on.

    Parameters
    ----------
    path
        The file; one that is there is replaced.
    table
        The trials.
    parameters
        The values of the dimensions of each, from `read_parameters`.
    space
        The space that they are points of.

    Raises
    ------
    EngineError
        If Optuna is not installed.
    InputError
        If the table's parameters are not those of the space.
    ResultsError
        If the file cannot be written.
    """
    if table.record.parameters != space.names:
        raise InputError("the trials are points of another space")
    optuna = optuna_for("an Optuna journal")
    with whole_stream(path, remedy=_ROOM) as file:
        lines: list[bytes] = []
        for line in _journal(table, parameters, space, optuna):
            lines.append(line)
            if len(lines) == _LINES:
                file.write(b"\n".join(lines) + b"\n")
                lines.clear()
        if lines:
            file.write(b"\n".join(lines) + b"\n")


def _journal(
    table: StudyTable, parameters: Sequence[dict[str, Any]], space: SearchSpace, optuna: Any
) -> Iterator[bytes]:
    """Yield the lines of a journal."""
    import msgspec
    import numpy as np

    encode = msgspec.json.encode
    record = table.record
    names = record.objectives
    author = {"worker_id": "wfo"}
    yield encode(
        {
            "op_code": _NEW_STUDY,
            "study_name": record.name,
            "directions": [_MAXIMIZE] * len(names),
            **author,
        }
    )
    notes = {
        "study:metric_names": list(names),
        "method": record.method,
        "seed": record.seed,
        "git_commit": record.git_commit,
    }
    for key, value in notes.items():
        op, field = (3, "system_attr") if ":" in key else (_STUDY_NOTE, "user_attr")
        yield encode({"op_code": op, "study_id": 0, field: {key: value}, **author})
    makers = [_Distribution(each, optuna) for each in space.dimensions]
    distributions = {d.name: maker.text for d, maker in zip(space.dimensions, makers, strict=True)}
    internal = [maker.internal for maker in makers]
    objectives = np.column_stack([values for _, values in objectives_of(table)])
    begun = _moment(record.created)
    # A forged study may have taken longer than a calendar has.
    ends = np.minimum(np.cumsum(np.maximum(table.seconds, 0.0)), _LONGEST)
    starts = np.concatenate([[0.0], ends])[:-1]
    known = [name if not symbol else f"{name} [{symbol}]" for symbol, name in table.columns]
    violations = np.nan_to_num(table.violations, nan=0.0, posinf=1e308, neginf=0.0)
    for at, row in enumerate(parameters[: len(table)]):
        state = STATES[table.states[at]]
        values = objectives[at].tolist()
        code = _OPTUNA_STATES.get(state, _FAILED)
        scored = all(map(math.isfinite, values))
        if code == 1 and not scored:
            code = _FAILED
        line: dict[str, Any] = {
            "op_code": _NEW_TRIAL,
            "study_id": 0,
            "state": code,
            "value": values[0] if scored and len(values) == 1 else None,
            "values": values if scored and len(values) > 1 else None,
            "datetime_start": (begun + timedelta(seconds=starts[at])).isoformat(),
            "distributions": distributions,
            "params": {
                name: number(value)
                for (name, value), number in zip(row.items(), internal, strict=True)
            },
            "user_attrs": _notes(table, at, state, known),
            "system_attrs": {_CONSTRAINT: float(violations[at])},
            "intermediate_values": {},
            **author,
        }
        if state != "waiting":
            line["datetime_complete"] = (begun + timedelta(seconds=ends[at])).isoformat()
        else:
            line["datetime_start"] = None
            del line["system_attrs"][_CONSTRAINT]
        yield encode(line)


def _notes(table: StudyTable, at: int, state: str, known: Iterable[str]) -> dict[str, Any]:
    """Return what a trial's page of the dashboard shows beside its parameters."""
    found: dict[str, Any] = {"batch": int(table.batches[at]), "state": state}
    windows, width, start = int(table.windows[at]), int(table.widths[at]), int(table.starts[at])
    for window in range(windows):
        first = start + window * width
        for label, value in zip(known, table.values[first : first + width].tolist(), strict=False):
            name = f"{label} window {window + 1}" if windows > 1 else label
            found[name] = value if math.isfinite(value) else None
    if at in table.errors:
        found["error"] = printable(table.errors[at])
    return found


def _moment(text: str) -> datetime:
    """Return the moment of a text such as ``2026-11-27T12:00:00+00:00``, with its offset."""
    return datetime.fromisoformat(text).astimezone()


class _Distribution:
    """What Optuna has for a dimension.

    Attributes
    ----------
    text
        The distribution as journals have it.
    internal
        Returns the number that stands for a value.
    """

    def __init__(self, dimension: Dimension, optuna: Any) -> None:
        made = optuna.distributions
        values = dimension.values
        found: Any
        if dimension.continuous:
            found = made.FloatDistribution(dimension.low, dimension.high, log=dimension.log)
        elif values is None:
            found = made.IntDistribution(dimension.low, dimension.high, step=dimension.step)
        elif dimension.kind == "int" and (step := _step(values)):
            found = made.IntDistribution(values[0], values[-1], step=step)
        else:
            found = made.CategoricalDistribution(values)
        self.text: str = made.distribution_to_json(found)
        self.internal: Callable[[Any], float]
        if isinstance(found, made.CategoricalDistribution):
            # 1 and True are equal, and both may be choices.
            digits = {(type(value), value): digit for digit, value in enumerate(values or ())}
            self.internal = lambda value: digits[type(value), value]
        else:
            self.internal = found.to_internal_repr


def _step(values: Sequence[Any]) -> int:
    """Return the distance of whole numbers that are evenly spaced and ascend; 0 of others."""
    steps = {b - a for a, b in itertools.pairwise(values)}
    return steps.pop() if len(steps) == 1 and min(steps) > 0 else 0
