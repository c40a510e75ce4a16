"""What is told of a study: its best trials, how they became better, and scores by value."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from wfo.errors import InputError, did_you_mean
from wfo.search.study.importance import objectives_of
from wfo.search.study.table import StudyTable
from wfo.text import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.search.space import SearchSpace
    from wfo.search.values import Value

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Rows of a table of scores by value: a dimension of more values is told by so many ranges.
MOST_ROWS: Final = 20
RANGES: Final = 10


def scored(
    table: StudyTable,
    scores: FloatArray,
    violations: FloatArray,
    objectives: FloatArray | None = None,
    components: FloatArray | None = None,
) -> StudyTable:
    """Return a table with other scores, such as those of today's bounds.

    Parameters
    ----------
    table
        The table.
    scores, violations
        float64[n].
    objectives, components
        float64[n, k] and float64[n, c]; those of the table by default.

    Raises
    ------
    InputError
        If they are of another number of trials.
    """
    import numpy as np

    changed: dict[str, Any] = {"scores": scores, "violations": violations}
    changed |= {} if objectives is None else {"objectives": objectives}
    changed |= {} if components is None else {"components": components}
    for name, values in changed.items():
        if np.shape(values)[:1] != (len(table),):
            raise InputError(f"{name} must be of {len(table):,} trials")
    return dataclasses.replace(table, **changed)


def best_trials(table: StudyTable, most: int | None = None) -> IndexArray:
    """Return the numbers of trials with a score, the best first.

    Those that keep to all limits come before those that do not, which follow by their violation; of
    equal ones the earlier comes first.

    Parameters
    ----------
    table
        The trials.
    most
        How many; all by default.
    """
    import numpy as np

    found = np.flatnonzero(table.of_state("complete") & np.isfinite(table.scores))
    worse = np.where(table.violations > 0, table.violations, 0.0)[found]
    order = np.lexsort((found, -table.scores[found], worse))
    return found[order][:most]


def convergence(table: StudyTable) -> FloatArray:
    """Return the best score up to each trial, float64[n]; NaN before the first.

    Only trials that keep to all limits count.
    """
    import numpy as np

    counted = table.of_state("complete") & np.isfinite(table.scores) & ~(table.violations > 0)
    found = np.maximum.accumulate(np.where(counted, table.scores, -np.inf))
    return np.where(np.isneginf(found), np.nan, found)


def improvements(table: StudyTable) -> list[tuple[int, float]]:
    """Return the trials that were better than all before, with their scores."""
    import numpy as np

    best = convergence(table)
    before = np.concatenate([[np.nan], best])[:-1]
    at = np.flatnonzero(~np.isnan(best) & ~(best <= before))
    return list(zip(at.tolist(), best[at].tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class ValueScores:
    """The scores of the trials that have one value of a dimension, or one within a range.

    Attributes
    ----------
    low, high
        The value, twice; or the least and the largest of the values.
    trials
        How many trials have it.
    scored
        How many of these are complete with a score.
    median, best
        Of the scores; NaN where there is none.
    """

    low: Value
    high: Value
    trials: int
    scored: int
    median: float
    best: float


def scores_by_value(
    table: StudyTable, space: SearchSpace, name: str, objective: str | None = None
) -> list[ValueScores]:
    """Return the scores by value of a dimension, or by range where it has many.

    Parameters
    ----------
    table, space
        The trials, and the space that they are points of.
    name
        Dotted name of the dimension.
    objective
        Of several; the first by default.

    Raises
    ------
    InputError
        If there is no such dimension or objective.
    """
    import numpy as np

    from wfo.search.space.drawing import unit_of

    if name not in space.names:
        raise InputError(f"there is no parameter {shown(name)}{did_you_mean(name, space.names)}")
    aims = dict(objectives_of(table))
    if objective is not None and objective not in aims:
        raise InputError(f"there is no objective {shown(objective)}{did_you_mean(objective, aims)}")
    scores = aims[objective or next(iter(aims))]
    at = space.names.index(name)
    size = int(space.sizes[at])
    if size and size <= MOST_ROWS:
        group, groups = table.rows[:, at].astype(np.int64), size
    else:
        unit = unit_of(space.dimensions[at], table.rows[:, at])
        group, groups = np.minimum((unit * RANGES).astype(np.int64), RANGES - 1), RANGES
    values = space.column(name, table.rows)
    counted = table.of_state("complete") & np.isfinite(scores)
    found = []
    for each in range(groups):
        mine = group == each
        if not mine.any():
            continue
        inside = values[mine]
        low, high = (inside[0], inside[0]) if _is_choice(values) else (inside.min(), inside.max())
        of_mine = scores[mine & counted]
        middle, best = (np.median(of_mine), of_mine.max()) if len(of_mine) else (np.nan, np.nan)
        found.append(
            ValueScores(
                *(_plain(low), _plain(high), int(mine.sum()), len(of_mine)),
                *(float(middle), float(best)),
            )
        )
    return found


def _is_choice(values: NDArray[Any]) -> bool:
    return values.dtype.kind == "O"


def _plain(value: Any) -> Value:
    found: Value = value.item() if hasattr(value, "item") else value
    return found
