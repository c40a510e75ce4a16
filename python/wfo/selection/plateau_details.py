"""What a plateau is made of: its candidates, its parameters, its phases and its surroundings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.grid import Grid
from wfo.selection.neighbourhood import Neighbourhood, neighbourhood
from wfo.selection.plateaus import Plateau
from wfo.selection.regions import Region
from wfo.strategy import Number

if TYPE_CHECKING:
    import polars as pl

    from wfo.backtest.benchmark import Benchmark
    from wfo.selection.neighbourhood import Totals


@dataclass(frozen=True, slots=True)
class Spread:
    """How figures of the candidates of a plateau are spread.

    Percentiles lie between the two figures next to them.

    Attributes
    ----------
    mean, low, high
        Mean, 10th and 90th percentile; NaN without candidates.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ParameterSpread:
    """Values of one parameter in a plateau.

    Attributes
    ----------
    name
        The parameter.
    median, low, high
        Of the plateau's candidates; NaN without any.
    region_median
        Of those of them that lie in the region; NaN without any.
    region_low, region_high
        Bounds of the region.
    """

    name: str
    median: float
    low: float
    high: float
    region_median: float
    region_low: Number
    region_high: Number


@dataclass(frozen=True, slots=True)
class PhaseSpread:
    """What a plateau came to in one phase, out-of-sample; all are fractions.

    Attributes
    ----------
    number
        Of the phase, from 1 on.
    median_return, median_annual
        Median of the candidates' returns, and of those a year; NaN without candidates.
    best_return, best_annual
        Those of the most stable outcome.
    held_return, held_annual
        Buy-and-hold.
    """

    number: int
    median_return: float
    median_annual: float
    best_return: float
    best_annual: float
    held_return: float
    held_annual: float


@dataclass(frozen=True, slots=True)
class Best:
    """The most stable outcome of a plateau, by its most central member.

    Attributes
    ----------
    row
        Where that member stands among the candidates, from 0 on.
    members
        Combinations of the outcome.
    params
        Its parameters.
    inside
        Whether it lies in the plateau's own cells: members of an outcome may lie in others.
    """

    row: int
    members: int
    params: Mapping[str, Number]
    inside: bool


@dataclass(frozen=True, slots=True)
class PlateauDetails:
    """What a plateau is made of.

    Attributes
    ----------
    plateau
        The plateau.
    candidates
        How many of the candidates lie in it.
    stability
        Of their stability scores.
    parameters, phases
        One item a parameter and a phase.
    best, neighbourhood
        The most stable outcome, and what is around its most central member; None without
        candidates.
    """

    plateau: Plateau
    candidates: int
    stability: Spread
    parameters: tuple[ParameterSpread, ...]
    phases: tuple[PhaseSpread, ...]
    best: Best | None
    neighbourhood: Neighbourhood | None


def needed_columns(grid: Grid, phases: int) -> tuple[str, ...]:
    """Return the columns of candidates that details are made of."""
    returns = (f"P{k}_OOS_Return{a}" for k in range(1, phases + 1) for a in ("", "_Annual"))
    outcome = ("Outcome", "Outcome_Size", "Outcome_Central")
    return (*grid.strategy.names, "Stability_Score", *outcome, *returns)


def plateau_details(
    plateau: Plateau,
    region: Region,
    candidates: pl.DataFrame,
    grid: Grid,
    benchmarks: Sequence[Benchmark],
    totals: Totals,
) -> PlateauDetails:
    """Return what a plateau is made of.

    Parameters
    ----------
    plateau, region
        The plateau and its region.
    candidates
        Of the strategy, best first, with the columns of `needed_columns`.
    grid
        What was swept.
    benchmarks
        Buy-and-hold of each phase.
    totals
        Returns the total out-of-sample P/L of combinations.
    """
    own = plateau.candidates(candidates, grid)
    best = best_outcome(own, candidates, plateau, grid)
    inside = own.filter(region.contains(own))
    parameters = tuple(
        ParameterSpread(
            name,
            _number(own[name].median()),
            _number(own[name].min()),
            _number(own[name].max()),
            _number(inside[name].median()),
            *region.bounds[name],
        )
        for name in grid.strategy.names
    )
    phases = []
    for number, held in enumerate(benchmarks, 1):
        name, annual = f"P{number}_OOS_Return", f"P{number}_OOS_Return_Annual"
        phases.append(
            PhaseSpread(
                number,
                median_return=_median(own, name),
                median_annual=_median(own, annual),
                best_return=_at(candidates, name, best),
                best_annual=_at(candidates, annual, best),
                held_return=held.oos_return,
                held_annual=held.oos_return_annual,
            )
        )
    return PlateauDetails(
        plateau,
        len(own),
        spread_of(own["Stability_Score"]),
        parameters,
        tuple(phases),
        best,
        None if best is None else neighbourhood(grid, best.params, totals),
    )


def spread_of(column: pl.Series) -> Spread:
    """Return mean, 10th and 90th percentile of figures; NaN where there are none."""
    return Spread(
        _number(column.mean()),
        *(_number(column.quantile(q, interpolation="linear")) for q in (0.1, 0.9)),
    )


def best_outcome(
    own: pl.DataFrame, candidates: pl.DataFrame, plateau: Plateau, grid: Grid
) -> Best | None:
    """Return the most stable outcome of a plateau; None where none of its members is a candidate.

    Parameters
    ----------
    own
        The plateau's candidates, best first, as `Plateau.candidates` returns them.
    candidates
        All of the strategy, best first.
    plateau, grid
        The plateau, and what was swept.
    """
    if own.is_empty():
        return None
    members = (candidates["Outcome"] == own["Outcome"][0]) & candidates["Outcome_Central"]
    row = int(members.arg_true()[0])
    params = {name: candidates[name][row] for name in grid.strategy.names}
    cell = tuple(float(params[name]) for name in grid.strategy.map_axes or ())
    return Best(row, int(candidates["Outcome_Size"][row]), params, cell in plateau.cells)


def _median(frame: pl.DataFrame, name: str) -> float:
    import polars as pl

    return _number(frame[name].cast(pl.Float64).median())


def _at(frame: pl.DataFrame, name: str, best: Best | None) -> float:
    return math.nan if best is None else _number(frame[name][best.row])


def _number(value: object) -> float:
    """Return a figure of a column; NaN where it has none."""
    return math.nan if value is None else float(value)  # type: ignore[arg-type]  # of numbers


def details_csv(details: Sequence[PlateauDetails]) -> str:
    """Return details of plateaus as CSV in a long format, a line a figure.

    ``kind`` is the subject of a line, ``name`` which one of them (a parameter, or the number of a
    phase; empty where there is one), ``measure`` what ``value`` is. What is not known is empty.
    """
    lines = ["rank,regime,kind,name,measure,value"]
    for each in details:
        begin = f"{each.plateau.rank},{each.plateau.stop_class or ''}"
        lines += [f"{begin},{kind},{name},{m},{value}" for kind, name, m, value in _rows(each)]
    return "\n".join(lines) + "\n"


def _rows(details: PlateauDetails) -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, name, measure and value of every figure of a plateau."""
    plateau, best, around = details.plateau, details.best, details.neighbourhood
    yield "plateau", "", "cells", str(len(plateau.cells))
    yield "plateau", "", "combinations", str(plateau.combinations)
    yield "plateau", "", "stable_share", _text(plateau.level)
    yield "plateau", "", "trades", _text(plateau.trades)
    yield "plateau", "", "candidates", str(details.candidates)
    for measure, value in zip(
        ("mean", "p10", "p90"),
        (details.stability.mean, details.stability.low, details.stability.high),
        strict=True,
    ):
        yield "stability", "", measure, _text(value)
    for p in details.parameters:
        for measure in ("median", "low", "high", "region_median", "region_low", "region_high"):
            value = getattr(p, measure)
            yield "parameter", p.name, measure, f"{value:g}" if math.isfinite(value) else ""
    for phase in details.phases:
        for measure in (
            "median_return", "median_annual", "best_return", "best_annual", "held_return",
            "held_annual",
        ):  # fmt: skip
            yield "phase", str(phase.number), measure, _text(getattr(phase, measure))
    if best is None or around is None:
        return
    yield "best", "", "candidate", str(best.row + 1)
    yield "best", "", "members", str(best.members)
    yield "best", "", "in_plateau", str(int(best.inside))
    for name, value in best.params.items():
        yield "best", name, "value", f"{value:g}"
    yield "neighbourhood", "", "total_oos_pnl", f"{around.total:.2f}"
    yield "neighbourhood", "", "neighbours", str(len(around.neighbours))
    yield "neighbourhood", "", "mean", _text(around.mean)
    yield "neighbourhood", "", "p10", _text(around.low)
    for name, (down, up) in around.by_parameter.items():
        yield "neighbourhood", name, "down", _text(down)
        yield "neighbourhood", name, "up", _text(up)


def _text(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else ""
