"""The trials of a study as tables: those with a score, best first, and those without figures."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wfo.search.objective import FigureTable, known
from wfo.search.objective.figures import spellings
from wfo.search.space import SearchSpace
from wfo.search.study import STATES, WITH_FIGURES

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo.runs.optimizing.found import StudyFindings
    from wfo.search.objective import Scored, Scoring
    from wfo.search.plan import SearchPlan
    from wfo.search.study import StudyTable

    IndexArray = NDArray[np.int64]

#: States of trials that ended without figures.
LOST = ("failed", "timeout", "memory", "crashed")

#: What stands before the name of a parameter or figure that is called like another column, and of
#: a component.
_PARAMETER, _FIGURE, _PART = "parameter.", "figure.", "part."

#: Columns of the ranking that are neither dimensions nor figures.
_OWN = ("rank", "trial", "score", "violation", "state", "batch", "seconds")

#: Those of the trials without figures too, so that a parameter is called the same in both tables.
_RESERVED = frozenset({*_OWN, "error", "printed", "attempts"})


def order_of(scored: Scored) -> IndexArray:
    """Return the numbers of trials with a score, the best first, as `Scored.order` has them."""
    import numpy as np

    order = scored.order()
    return order[np.isfinite(scored.scores[order])]


def figures_of_all(scoring: Scoring, table: StudyTable) -> FigureTable:
    """Return the figures of all trials of a study, as they are scored."""
    columns = scoring.table()
    states = table.of_state(*WITH_FIGURES), table.of_state("pruned")
    for trial in range(len(table)):
        with_figures, pruned = (bool(each[trial]) for each in states)
        columns.append(table.figures_of(trial) if with_figures else None, pruned=pruned)
    return columns


def figure_names(table: StudyTable, plan: SearchPlan) -> tuple[str, ...]:
    """Return the names of all figures that trials have: those of the objective, then by name.

    In which order they came up depends on which worker was first, where trials differ in theirs.
    """
    names = sorted({name for _, name in table.columns})
    scored = [n for c in plan.objective.components for n in spellings(c.figure) if n in names]
    return tuple(dict.fromkeys([*scored, *names]))


def all_figures(table: StudyTable, plan: SearchPlan) -> dict[str, Any]:
    """Return every figure of every trial, put together over symbols and windows as scores are.

    Returns
    -------
    dict
        Float64[n] by the name that trials have it under.
    """
    names = figure_names(table, plan)
    found = FigureTable(names, plan.aggregate, plan.symbols)
    with_figures = table.of_state(*WITH_FIGURES)
    for trial in range(len(table)):
        found.append(table.figures_of(trial) if with_figures[trial] else None)
    return {name: found.columns(name, _how(name, plan)) for name in names}


def _how(name: str, plan: SearchPlan) -> Any:
    if plan.aggregate != "minimum":
        return "middle"
    return "high" if known(name).direction == "minimise" else "low"


def ranked_frame(report: StudyFindings) -> pl.DataFrame:
    """Return all trials with a score, the best first, as ``ranked_results.csv`` has them."""
    order = order_of(report.scored)
    return scored_frame(report.plan, report.trials, report.scored, order)


def scored_frame(
    plan: SearchPlan, table: StudyTable, scored: Scored, order: IndexArray
) -> pl.DataFrame:
    """Return some trials with their figures and scores, in an order.

    Parameters
    ----------
    plan, table, scored
        Of the study.
    order
        Numbers of trials, int64[m].
    """
    import numpy as np
    import polars as pl

    several = plan.objective.several
    own: dict[str, Any] = {
        "rank": np.arange(1, len(order) + 1),
        "trial": order,
        **_parameters(table, order),
    }
    taken = {*own, *_OWN}
    figures = all_figures(table, plan)
    for name, values in figures.items():
        own[unlike(f"{_FIGURE}{name}", {*own, *figures}) if name in taken else name] = _numbers(
            values[order]
        )
    if not several:
        own["score"] = _numbers(scored.scores[order])
    own["violation"] = _numbers(scored.violations[order])
    if len(scored.names) > 1 and not several:
        for at, name in enumerate(scored.names):
            own[unlike(f"{_PART}{name}", own)] = _numbers(scored.components[order, at])
    own["state"] = [STATES[code] for code in table.states[order]]
    own["batch"] = table.batches[order]
    own["seconds"] = _numbers(table.seconds[order])
    return pl.DataFrame(own)


def unlike(name: str, taken: Container[str]) -> str:
    """Return a column's name that no other has: programs call their figures what they like."""
    while name in taken:
        name += "_"
    return name


def failed_frame(table: StudyTable) -> pl.DataFrame:
    """Return the trials that ended without figures, as ``failed.csv`` has them."""
    import numpy as np
    import polars as pl

    order = np.flatnonzero(table.of_state(*LOST))
    numbers = order.tolist()
    return pl.DataFrame(
        {
            "trial": order,
            **_parameters(table, order),
            "state": pl.Series([STATES[code] for code in table.states[order]], dtype=pl.String),
            "error": pl.Series([table.errors.get(n, "") for n in numbers], dtype=pl.String),
            "printed": pl.Series([table.printed.get(n, "") for n in numbers], dtype=pl.String),
            "attempts": table.attempts[order],
            "batch": table.batches[order],
            "seconds": _numbers(table.seconds[order]),
        }
    )


def _parameters(table: StudyTable, order: IndexArray) -> dict[str, Any]:
    """Return the values of each dimension that methods search: of swept blocks, of their genes."""
    import polars as pl

    space = SearchSpace.from_dict(table.record.space)
    points: Sequence[Mapping[str, Any]] = space.decode(table.rows[order])
    found: dict[str, pl.Series] = {}
    for dimension in space.dimensions:
        values = [point[dimension.name] for point in points]
        plain = {type(value) for value in values}
        if len(plain) > 1 and not plain <= {int, float}:
            # Texts beside truth values or numbers.
            values = [_text(value) for value in values]
        name = dimension.name
        if name in _RESERVED:
            name = unlike(f"{_PARAMETER}{name}", {*space.names, *found})
        found[name] = pl.Series(name, values, strict=False)
    return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _numbers(values: Any) -> Any:
    """Return numbers of which those that are not defined are missing."""
    import polars as pl

    return pl.Series(values, dtype=pl.Float64).fill_nan(None)
