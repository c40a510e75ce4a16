"""Scores, version 4: which combinations are valid, how they rank, and how stable they are.

A combination is *valid* in a phase when it earns in- and out-of-sample, keeps enough of its
in-sample profit, and its out-of-sample drawdown is neither as large as the profit nor out of
proportion to the in-sample one. It is *stable* when valid in enough phases. Its rank in a phase is
the percentile of its out-of-sample profit among the phase's valid combinations, and

    stability = mean(ranks) * (1 + 0.1 * (valid phases - 1)) / (1 + stdev(ranks) / 20)

over its valid phases, with the population standard deviation.

Money is read as float32, as a run stores it, so that a sweep in memory and the files of a run score
alike. The figures are passed over twice, block by block: first to count the distribution that the
ranks are read from, then to score. Neither pass depends on the order or size of the blocks, nor on
the number of threads, and memory does not grow with the grid.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wfo.backtest import Figures, SweepResult, as_stored, available_threads
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.selection.comparable import comparable_columns
from wfo.selection.gates import Gates as Gates  # noqa: PLC0414  # it has its name here too
from wfo.selection.options import KEPT, ScoreOptions
from wfo.selection.outcomes import Outcomes
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo import _core
    from wfo.backtest.benchmark import Benchmark

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

#: Fewest valid phases that can still be called stable, when none reaches the number asked for.
FALLBACK_PHASES = 2

#: The gates of a phase in the order in which they are counted, in words for the summary.
GATE_NAMES = (
    "profit in and out of sample",
    "efficiency",
    "drawdown under profit",
    "drawdown in proportion",
    "trades",
    "more than buy-and-hold",
)


def gate_words(gates: Gates) -> tuple[tuple[int, str], ...]:
    """Return the gates of a set that are on: place in `PhaseCounts`, and words for the summary."""
    words = list(enumerate(GATE_NAMES[:4]))
    if gates.min_trades:
        words.append((4, GATE_NAMES[4]))
    if gates.beat is not None:
        words.append((5, f"{GATE_NAMES[5]}, by {gates.beat}"))
    return tuple(words)


@dataclass(frozen=True, slots=True)
class PhaseCounts:
    """How many combinations of a phase pass each gate, and all gates up to it.

    Attributes
    ----------
    number
        Of the phase, from 1 on.
    alone, together
        An item a gate, in the order of `GATE_NAMES`; all pass a gate that is off.
    gates
        The thresholds.
    """

    number: int
    alone: tuple[int, ...]
    together: tuple[int, ...]
    gates: Gates = field(default_factory=Gates)

    @property
    def valid(self) -> int:
        """Combinations that pass all gates."""
        return self.together[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return the counts of the gates that are on as plain values, for the manifest."""
        return {
            "phase": self.number,
            "valid": self.valid,
            "gates": [
                {"gate": words, "alone": self.alone[at], "with_those_before": self.together[at]}
                for at, words in gate_words(self.gates)
            ],
        }


@dataclass(frozen=True, slots=True)
class Cells:
    """Stable combinations over the plane of the strategy's two map parameters.

    Attributes
    ----------
    stable
        Stable combinations in each cell, int64[x, y].
    total
        All combinations of each cell, int64[x, y]. It is 0 where no combination has both values,
        since they do not meet the strategy's constraints: such a cell is no part of the map.
    """

    stable: IntArray
    total: IntArray

    @property
    def present(self) -> BoolArray:
        """Which cells are part of the map, bool[x, y]."""
        present: BoolArray = self.total > 0
        return present

    @property
    def level(self) -> FloatArray:
        """Stable share of each cell, float64[x, y]; 0 where there is no combination."""
        import numpy as np

        level: FloatArray = self.stable / np.maximum(self.total, 1)
        return level

    @classmethod
    def empty(cls, grid: Grid) -> Cells:
        """Return cells of `grid` with nothing counted.

        Raises
        ------
        InputError
            If its strategy has no map.
        """
        import numpy as np

        total = grid.map_totals()
        return cls(np.zeros_like(total), total)


@dataclass(frozen=True, slots=True)
class SetCounts:
    """Counts by one set of gates, whether it rules or not.

    Attributes
    ----------
    gates
        The thresholds.
    phase_counts
        Gates passed, phase by phase.
    valid_phases
        How many combinations are valid in 0, 1, 2 … phases.
    min_phases
        Phases in which stable ones are valid; lower than the schedule's where none was stable
        otherwise.
    stable
        How many combinations are stable.
    cells
        Counts of all stable combinations over the map plane; None where the strategy has no map.
    warnings
        What the counts do not show by themselves.
    """

    gates: Gates
    phase_counts: tuple[PhaseCounts, ...]
    valid_phases: tuple[int, ...]
    min_phases: int
    stable: int
    cells: Cells | None
    warnings: tuple[str, ...] = field(default=())

    @classmethod
    def of(
        cls, grid: Grid, statistics: _core.GridStatistics, gates: Gates, asked: int
    ) -> SetCounts:
        """Return the counts of grid statistics.

        Parameters
        ----------
        grid
            The grid that was counted.
        statistics
            Of all its combinations.
        gates
            Those of the statistics.
        asked
            Valid phases asked for.
        """
        import numpy as np

        valid_phases = statistics.valid_phases
        least, notes = stable_threshold(asked, valid_phases, given=gates.min_phases is not None)
        cells = None
        if grid.strategy.map_axes is not None:
            counted = statistics.cells[:, :, least:].sum(axis=2).astype(np.int64)
            cells = Cells(counted, grid.map_totals())
        pairs = zip(statistics.alone, statistics.together, strict=True)
        counts = tuple(
            PhaseCounts(k, tuple(alone), tuple(together), gates)
            for k, (alone, together) in enumerate(pairs, 1)
        )
        stable = sum(valid_phases[least:])
        return cls(gates, counts, tuple(valid_phases), least, stable, cells, tuple(notes))

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain values, for the manifest."""
        return {
            "name": self.gates.name,
            "rules": self.gates.to_dict(),
            "min_phases": self.min_phases,
            "valid_phases": list(self.valid_phases),
            "gates": [c.to_dict() for c in self.phase_counts],
            "stable": self.stable,
            "cells": None if self.cells is None else self.cells.stable.tolist(),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Scores:
    """Result of scoring a sweep.

    Attributes
    ----------
    candidates
        Stable combinations, best first, at most `KEPT`; see `score` for the columns.
    cells
        Counts of all stable combinations over the map plane; None where the strategy has no map.
    stable
        How many combinations are stable, kept or not.
    min_phases
        Phases in which they are valid; lower than asked for where none was stable otherwise.
    phase_counts
        Gates passed, phase by phase.
    valid_phases
        How many combinations are valid in 0, 1, 2 … phases.
    warnings
        What the candidates do not show by themselves.
    at_risk
        How many of the candidates are missing, or may have taken the place of better ones, since
        not all figures were kept; 0 where all were, or where the last candidate is better than any
        that was not kept.
    index
        Flat indices of the candidates, int64[m].
    outcomes
        How many different outcomes the stable combinations are.
    benchmarks
        Buy-and-hold of each phase, where it is known.
    gates
        The thresholds that rule.
    others
        Counts by the other sets of gates.
    """

    candidates: pl.DataFrame
    cells: Cells | None
    stable: int
    min_phases: int
    phase_counts: tuple[PhaseCounts, ...]
    valid_phases: tuple[int, ...]
    warnings: tuple[str, ...] = field(default=())
    at_risk: int = 0
    index: IntArray | None = None
    outcomes: Outcomes | None = None
    benchmarks: tuple[Benchmark, ...] = ()
    gates: Gates = field(default_factory=Gates)
    others: tuple[SetCounts, ...] = ()


#: Returns the figures of combinations ``start..stop``, one item a phase.
Read = Callable[[int, int], Sequence[Figures]]


def score(
    phases: Sequence[SweepResult],
    *,
    gates: Gates | None = None,
    kept: int = KEPT,
) -> pl.DataFrame:
    """Score a sweep and return its stable combinations, best first.

    Parameters
    ----------
    phases
        What `wfo.sweep` returns for ``windows=``.
    gates
        Thresholds; by default efficiency above 0.35, drawdown below 3 times the in-sample one, and
        as many valid phases as the swept schedule asks for (without one 3, or all that there are).
        ``wfo.Gates.preset("strict")`` asks for trades, and for more than buy-and-hold, too.
    kept
        Rows returned at most; ties go to the lower flat index.

    Returns
    -------
    polars.DataFrame
        The parameters in canonical order, ``Stability_Score``, ``Phases_Valid``,
        ``Total_OOS_PnL`` and ``Total_OOS_Trades``, sums over phases that may overlap; ``Outcome``,
        the same number for combinations whose figures are equal in all phases, from 1 on in the
        order of the rows, ``Outcome_Size``, how many of the rows have it, and ``Outcome_Central``,
        whether this is its most central member (see `wfo.selection.outcomes.central`).

        For each phase k ``Pk_IS_PnL, Pk_OOS_PnL, Pk_IS_DD, Pk_OOS_DD`` (currency),
        ``Pk_OOS_Trades``, ``Pk_WFE`` (null without in-sample profit), ``Pk_WFE_Annual`` where the
        phase has dates, and ``Pk_OOS_Rank`` (0 to 100, null where not valid). Then, where the sweep
        has its buy-and-hold, fractions as float32: ``Pk_OOS_Return``, of the equity that the part
        starts with (-1 where that is not positive), ``Pk_OOS_Return_Annual``, ``Pk_OOS_DD_Share``,
        the largest relative drawdown (null here; a run simulates its best rows for it),
        ``Pk_Return_WFE``, annual out-of-sample by annual in-sample return (null where that is not
        positive), and ``Pk_BuyHold_Return``, out-of-sample return of buy-and-hold.

    Raises
    ------
    InputError
        If there is no phase, or the phases are not of one grid; if the gates compare with
        buy-and-hold, and a result has none.
    """
    if not (
        isinstance(phases, Sequence) and phases and all(isinstance(p, SweepResult) for p in phases)
    ):
        raise InputError("score takes the list of results that wfo.sweep returns for windows=")
    if gates is not None and not isinstance(gates, Gates):
        raise InputError(f"gates must be wfo.Gates(...), not {brief(gates)}")
    options = ScoreOptions(kept=kept)
    grid = phases[0].grid
    if any(p.grid != grid for p in phases):
        raise InputError("the results to score are not of one grid")
    factors = [p.phase.annual_factor if p.phase else None for p in phases]
    held = [p.benchmark for p in phases if p.benchmark is not None]
    scores = score_figures(
        grid,
        lambda start, stop: [p.figures(start, stop) for p in phases],
        annual_factors=factors,
        benchmarks=held if len(held) == len(phases) else (),
        gates=gates,
        min_phases=min(phases[0].min_phases or 3, len(phases)),
        options=options,
    )
    for warning in scores.warnings:
        warnings.warn(warning, stacklevel=2)
    return scores.candidates


def score_figures(
    grid: Grid,
    read: Read,
    *,
    annual_factors: Sequence[float | None],
    benchmarks: Sequence[Benchmark] = (),
    gates: Gates | None = None,
    min_phases: int = 3,
    options: ScoreOptions | None = None,
    threads: int | None = None,
    tick: Callable[[int], None] = lambda _: None,
) -> Scores:
    """Score figures that are read block by block.

    Parameters
    ----------
    grid
        The grid that was swept.
    read
        Returns the figures of a range of combinations; called twice for each of them.
    annual_factors
        For each phase, in-sample time by out-of-sample time, or None.
    benchmarks
        Buy-and-hold of each phase, for gates that compare with it; without them candidates lack
        what they are compared by.
    gates
        Thresholds.
    min_phases
        Valid phases asked for where the gates do not say.
    options
        How many candidates are kept, and in which pieces figures are read.
    threads
        By default one for each core.
    tick
        Called after every block of either pass with the number of combinations in it.

    Raises
    ------
    InputError
        If the gates ask for more phases than there are, or for a benchmark that is not there.
    """
    from wfo import _core

    gates = gates or Gates()
    options, count = options or ScoreOptions(), len(annual_factors)
    threads = threads or available_threads()
    # The distribution of valid profits, and how often combinations are valid.
    statistics = _core.GridStatistics(count, gates.core(benchmarks), grid.map_axes, threads)
    for start, stop in _blocks(len(grid), options.block):
        statistics.add(start, [as_stored(f) for f in read(start, stop)])
        tick(stop - start)

    def select(selection: _core.Selection) -> None:
        for start, stop in _blocks(len(grid), options.block):
            selection.add(start, [as_stored(f) for f in read(start, stop)])
            tick(stop - start)

    return score_statistics(
        grid,
        {gates: statistics},
        select,
        annual_factors=annual_factors,
        benchmarks=benchmarks,
        gates=gates,
        min_phases=min_phases,
        options=options,
        threads=threads,
    )


def score_statistics(
    grid: Grid,
    counted: Mapping[Gates, _core.GridStatistics],
    select: Callable[[_core.Selection], None],
    *,
    annual_factors: Sequence[float | None],
    benchmarks: Sequence[Benchmark] = (),
    gates: Gates | None = None,
    min_phases: int = 3,
    options: ScoreOptions | None = None,
    lost_below: Callable[[_core.Ranking, int], float] = lambda _ranking, _least: -math.inf,
    outcomes: Callable[[Gates, int], tuple[float, float] | None] = lambda _gates, _least: None,
    threads: int | None = None,
) -> Scores:
    """Score what was counted, and select the candidates.

    Parameters
    ----------
    grid
        The grid that was swept.
    counted
        Statistics of all its combinations, by the gates that rule and by others.
    select
        Lets a selection see all combinations that may be candidates; not called where none is
        stable.
    annual_factors
        For each phase, in-sample time by out-of-sample time, or None.
    benchmarks
        Buy-and-hold of each phase; without them candidates lack what they are compared by.
    gates
        Those that rule.
    min_phases
        Valid phases asked for where the gates do not say.
    options
        How many candidates are kept; by default two million.
    lost_below
        Returns, from final ranks and the valid phases of a stable combination, the stability up to
        which `select` may leave one out.
    outcomes
        Returns, from the gates and the valid phases of a stable combination, how many outcomes all
        stable ones are, and the standard error of that; None where it is not known. Not asked where
        `select` shows them all.
    threads
        By default one for each core.

    Raises
    ------
    InputError
        If the gates ask for more phases than there are.
    """
    import numpy as np

    from wfo import _core

    gates = gates or Gates()
    kept = (options or ScoreOptions()).kept
    asked = gates.required(len(annual_factors), min_phases)
    others = {g: SetCounts.of(grid, each, g, asked) for g, each in counted.items()}
    found, statistics = others.pop(gates), counted[gates]
    stable, least, notes = found.stable, found.min_phases, list(found.warnings)
    ranking = statistics.ranking()
    selection = _core.Selection(
        ranking, statistics.gates, least, min(kept, stable), threads or available_threads()
    )
    if stable:
        select(selection)
    limit = lost_below(ranking, least) if selection.stable < stable else -math.inf
    del ranking
    rows = selection.finish(grid.parameter_axes)
    estimated = selection.outcomes if selection.stable == stable else outcomes(gates, least)
    # Its rows take as much memory as the columns.
    del selection
    index = rows["index"]
    candidates = _candidates(grid, rows, annual_factors, benchmarks)
    best = min(kept, stable)
    doubtful = int(np.count_nonzero(candidates["Stability_Score"].to_numpy() <= limit))
    missing = best - len(candidates)
    if doubtful:
        doubt = (
            f"of the {best:,} best combinations up to {doubtful:,}, those of a stability up to"
            f" {limit:.2f}, may not be the best: others like them were not kept"
        )
        notes.append(doubt)
    if missing:
        lack = (
            f"of the {best:,} best combinations {missing:,} are missing: the sweep did not keep"
            " their figures; a new one with these gates does"
        )
        notes.append(lack)
    return Scores(
        candidates,
        found.cells,
        stable,
        least,
        found.phase_counts,
        found.valid_phases,
        tuple(notes),
        doubtful + missing,
        index,
        _outcomes(candidates, stable, *(estimated or (math.nan, math.nan))),
        tuple(benchmarks),
        gates,
        tuple(others.values()),
    )


def _blocks(length: int, size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, size):
        yield start, min(start + size, length)


def stable_threshold(
    asked: int, valid_phases: Sequence[int], *, given: bool = False
) -> tuple[int, list[str]]:
    """Return in how many phases the stable ones are valid, and warnings about it.

    Parameters
    ----------
    asked
        Valid phases asked for.
    valid_phases
        How many combinations are valid in 0, 1, 2 … phases.
    given
        Whether the number is given explicitly, which is kept. The schedule's is relaxed, one phase
        at a time, as long as no combination is stable.
    """
    last = asked if given else min(asked, FALLBACK_PHASES)
    for least in range(asked, last - 1, -1):
        if any(valid_phases[least:]):
            if least == asked:
                return asked, []
            instead = f"those valid in {least} are taken as stable instead"
            return least, [f"no combination is valid in {asked} phases; {instead}"]
    return asked, [f"no combination is valid in {last} phases: none is stable"]


def _outcomes(candidates: pl.DataFrame, stable: int, total: float, error: float) -> Outcomes:
    """Return how many outcomes there are, where all stable ones are about `total`."""
    # Numbers go up to the last, in the order of the rows.
    known: int = candidates["Outcome"].max() or 0  # type: ignore[assignment]  # of whole numbers
    if len(candidates) == stable:
        return Outcomes(stable, known, known, exact=True, error=0.0)
    return Outcomes(len(candidates), known, total, exact=error == 0, error=error)


def _candidates(
    grid: Grid,
    rows: dict[str, NDArray[Any]],
    annual_factors: Sequence[float | None],
    benchmarks: Sequence[Benchmark],
) -> pl.DataFrame:
    """Return the candidates frame of the columns of a selection, which are used up."""
    import numpy as np
    import polars as pl

    # Sums over phases run in phase order, so that their bits do not depend on the grouping.
    total_pnl = np.zeros(len(rows["index"]))
    total_trades = np.zeros(len(rows["index"]), np.int64)
    for k in range(1, len(annual_factors) + 1):
        total_pnl += rows[f"P{k}_OOS_PnL"]
        total_trades += rows[f"P{k}_OOS_Trades"]
    index = rows.pop("index")
    # Column by column, so that millions of rows are not in memory twice.
    frame = [pl.Series(p.name, grid.column(p.name, index)) for p in grid.strategy.parameters]
    frame.append(pl.Series("Stability_Score", rows.pop("Stability_Score")))
    frame.append(pl.Series("Phases_Valid", rows.pop("Phases_Valid")))
    frame.append(pl.Series("Total_OOS_PnL", total_pnl))
    frame.append(pl.Series("Total_OOS_Trades", total_trades))
    frame.extend(pl.Series(name, rows.pop(name)) for name in ("Outcome", "Outcome_Size"))
    frame.append(pl.Series("Outcome_Central", rows.pop("Outcome_Central").view(np.bool_)))
    for k, factor in enumerate(annual_factors, 1):
        earned = rows[f"P{k}_IS_PnL"].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = np.where(earned > 0, rows[f"P{k}_OOS_PnL"] / earned, np.nan)
        comparable = (
            comparable_columns(benchmarks[k - 1], k, earned, rows[f"P{k}_OOS_PnL"])
            if benchmarks
            else []
        )
        names = [f"P{k}_{n}" for n in ("IS_PnL", "OOS_PnL", "IS_DD", "OOS_DD", "OOS_Trades")]
        frame.extend(pl.Series(name, rows.pop(name)) for name in names)
        frame.append(pl.Series(f"P{k}_WFE", kept).fill_nan(None))
        if factor is not None:
            frame.append(pl.Series(f"P{k}_WFE_Annual", kept * factor).fill_nan(None))
        frame.append(pl.Series(f"P{k}_OOS_Rank", rows.pop(f"P{k}_OOS_Rank")).fill_nan(None))
        frame.extend(comparable)
    return pl.DataFrame(frame)
