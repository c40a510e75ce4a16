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
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wfo.backtest import Figures, SweepResult, as_stored, available_threads
from wfo.errors import InputError
from wfo.grid import Grid

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo import _core

    BoolArray = NDArray[np.bool_]
    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

#: Candidates kept, best first; the counts behind the plateaus cover all stable combinations.
KEPT = 2_000_000

#: Combinations a pass looks at together: a tenth of a second at most, so that Ctrl-C is heard.
_BLOCK = 1 << 19

#: Fewest valid phases that can still be called stable, when none reaches the number asked for.
FALLBACK_PHASES = 2

#: The gates of a phase in the order in which they are counted, in words for the summary.
GATE_NAMES = (
    "profit in and out of sample",
    "efficiency",
    "drawdown under profit",
    "drawdown in proportion",
)


@dataclass(frozen=True, slots=True)
class Gates:
    """Thresholds of validity and stability.

    Attributes
    ----------
    wfe
        Walk-forward efficiency, ``oos_pnl / is_pnl`` in raw money, must exceed it.
    dd_ratio
        ``oos_dd`` must be below this multiple of ``is_dd``.
    min_phases
        Phases in which a stable combination is valid; None takes the schedule's number.
    """

    wfe: float = 0.35
    dd_ratio: float = 3.0
    min_phases: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("wfe", self.wfe), ("dd_ratio", self.dd_ratio)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"{name} = {value!r} must be a number")
            if not 0 <= value <= sys.float_info.max:
                raise InputError(f"{name} = {value!r} must be 0 or more")
        least = self.min_phases
        if least is not None and (isinstance(least, bool) or not isinstance(least, int)):
            raise InputError(f"min_phases = {least!r} must be a whole number")
        if least is not None and least < 1:
            raise InputError(f"min_phases = {least} must be 1 or more")

    def required(self, phases: int, default: int) -> int:
        """Return the phases asked for, where a schedule has `phases` of them.

        Raises
        ------
        InputError
            If it asks for more than there are.
        """
        least = default if self.min_phases is None else self.min_phases
        if least > phases:
            raise InputError(f"min_phases = {least} is more than the {phases} phases there are")
        return least

    def to_dict(self) -> dict[str, Any]:
        """Return the gates as plain values, for the manifest."""
        return {"wfe": self.wfe, "dd_ratio": self.dd_ratio, "min_phases": self.min_phases}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Gates:
        """Rebuild what `to_dict` returned."""
        return cls(**data)


@dataclass(frozen=True, slots=True)
class PhaseCounts:
    """How many combinations of a phase pass each gate, and all gates up to it."""

    number: int
    alone: tuple[int, ...]
    together: tuple[int, ...]

    @property
    def valid(self) -> int:
        """Combinations that pass all gates."""
        return self.together[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return the counts as plain values, for the manifest."""
        gates = zip(GATE_NAMES, self.alone, self.together, strict=True)
        return {
            "phase": self.number,
            "valid": self.valid,
            "gates": [{"gate": g, "alone": a, "with_those_before": t} for g, a, t in gates],
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
class Scores:
    """What scoring makes of a sweep.

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
        What a reader of the candidates must know.
    at_risk
        How many of the candidates are missing, or may have taken the place of better ones, since
        not all figures were kept; 0 where all were, or where the last candidate is better than any
        that was let go.
    """

    candidates: pl.DataFrame
    cells: Cells | None
    stable: int
    min_phases: int
    phase_counts: tuple[PhaseCounts, ...]
    valid_phases: tuple[int, ...]
    warnings: tuple[str, ...] = field(default=())
    at_risk: int = 0


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
    kept
        Rows returned at most; ties go to the lower flat index.

    Returns
    -------
    polars.DataFrame
        The parameters in canonical order, ``Stability_Score``, ``Phases_Valid``,
        ``Total_OOS_PnL`` and ``Total_OOS_Trades`` over all phases, and for each phase k
        ``Pk_IS_PnL, Pk_OOS_PnL, Pk_IS_DD, Pk_OOS_DD`` (currency), ``Pk_OOS_Trades``, ``Pk_WFE``
        (null without in-sample profit), ``Pk_WFE_Annual`` where the phase has dates, and
        ``Pk_OOS_Rank`` (0 to 100, null where not valid).

    Raises
    ------
    InputError
        If there is no phase, or the phases are not of one grid.
    """
    if not (
        isinstance(phases, Sequence) and phases and all(isinstance(p, SweepResult) for p in phases)
    ):
        raise InputError("score takes the list of results that wfo.sweep returns for windows=")
    if gates is not None and not isinstance(gates, Gates):
        raise InputError(f"gates must be wfo.Gates(...), not {gates!r}")
    if isinstance(kept, bool) or not isinstance(kept, int) or kept < 0:
        raise InputError(f"kept = {kept!r} must be a whole number, 0 or more")
    grid = phases[0].grid
    if any(p.grid != grid for p in phases):
        raise InputError("the results to score are not of one grid")
    factors = [p.phase.annual_factor if p.phase else None for p in phases]
    scores = score_figures(
        grid,
        lambda start, stop: [p.figures(start, stop) for p in phases],
        annual_factors=factors,
        gates=gates,
        min_phases=min(phases[0].min_phases or 3, len(phases)),
        kept=kept,
    )
    for warning in scores.warnings:
        warnings.warn(warning, stacklevel=2)
    return scores.candidates


def score_figures(
    grid: Grid,
    read: Read,
    *,
    annual_factors: Sequence[float | None],
    gates: Gates | None = None,
    min_phases: int = 3,
    kept: int = KEPT,
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
    gates
        Thresholds.
    min_phases
        Valid phases asked for where the gates do not say.
    kept
        Candidates kept.
    tick
        Called after every block of either pass with the number of combinations in it.

    Raises
    ------
    InputError
        If the gates ask for more phases than there are.
    """
    from wfo import _core

    gates = gates or Gates()
    count, threads = len(annual_factors), available_threads()
    # The distribution of valid profits, and who is valid how often.
    tally = _core.Tally(count, gates.wfe, gates.dd_ratio, grid.map_axes, threads)
    for start, stop in _blocks(len(grid)):
        tally.add(start, [as_stored(f) for f in read(start, stop)])
        tick(stop - start)

    def select(selection: _core.Selection) -> None:
        for start, stop in _blocks(len(grid)):
            selection.add(start, [as_stored(f) for f in read(start, stop)])
            tick(stop - start)

    return score_tally(
        grid,
        tally,
        select,
        annual_factors=annual_factors,
        gates=gates,
        min_phases=min_phases,
        kept=kept,
    )


def score_tally(
    grid: Grid,
    tally: _core.Tally,
    select: Callable[[_core.Selection], None],
    *,
    annual_factors: Sequence[float | None],
    gates: Gates | None = None,
    min_phases: int = 3,
    kept: int | None = None,
    lost_below: Callable[[_core.Ranking, int], float] = lambda _ranking, _least: -math.inf,
    threads: int | None = None,
) -> Scores:
    """Score what was counted, and select the candidates.

    Parameters
    ----------
    grid
        The grid that was swept.
    tally
        Of all its combinations, by the same gates.
    select
        Lets a selection see all combinations that may be candidates; not called where none is
        stable.
    annual_factors
        For each phase, in-sample time by out-of-sample time, or None.
    gates
        Thresholds.
    min_phases
        Valid phases asked for where the gates do not say.
    kept
        Candidates kept; by default `KEPT`.
    lost_below
        Returns, from final ranks and the valid phases of a stable combination, the stability up to
        which `select` may leave one out.
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
    kept = KEPT if kept is None else kept
    asked = gates.required(len(annual_factors), min_phases)
    valid_phases = tally.valid_phases
    least, said = stable_threshold(asked, valid_phases)
    stable = sum(valid_phases[least:])
    ranking = tally.ranking()
    selection = _core.Selection(
        ranking,
        gates.wfe,
        gates.dd_ratio,
        least,
        min(kept, stable),
        threads or available_threads(),
    )
    if stable:
        select(selection)
    limit = lost_below(ranking, least) if selection.stable < stable else -math.inf
    del ranking
    rows = selection.finish()
    # What it holds is as much again.
    del selection
    candidates = _candidates(grid, rows, annual_factors)
    best = min(kept, stable)
    doubtful = int(np.count_nonzero(candidates["Stability_Score"].to_numpy() <= limit))
    missing = best - len(candidates)
    if doubtful:
        doubt = (
            f"of the {best:,} best combinations up to {doubtful:,}, those of a stability up to"
            f" {limit:.2f}, may not be the best: others like them were not kept"
        )
        said = [*said, doubt]
    if missing:
        lack = (
            f"of the {best:,} best combinations {missing:,} are missing: the sweep did not keep"
            " their figures; a new one with these gates does"
        )
        said = [*said, lack]
    cells = None
    if grid.strategy.map_axes is not None:
        counted = tally.cells[:, :, least:].sum(axis=2).astype(np.int64)
        cells = Cells(counted, grid.map_totals())
    counts = tuple(
        PhaseCounts(k, tuple(alone), tuple(together))
        for k, (alone, together) in enumerate(zip(tally.alone, tally.together, strict=True), 1)
    )
    return Scores(
        candidates,
        cells,
        stable,
        least,
        counts,
        tuple(valid_phases),
        tuple(said),
        doubtful + missing,
    )


def _blocks(length: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, _BLOCK):
        yield start, min(start + _BLOCK, length)


def stable_threshold(asked: int, valid_phases: Sequence[int]) -> tuple[int, list[str]]:
    """Return in how many phases the stable ones are valid, and what to say about it.

    Parameters
    ----------
    asked
        Valid phases asked for.
    valid_phases
        How many combinations are valid in 0, 1, 2 … phases.
    """
    if any(valid_phases[asked:]):
        return asked, []
    fallback = min(asked, FALLBACK_PHASES)
    if asked > fallback and any(valid_phases[fallback:]):
        instead = f"those valid in {fallback} are taken as stable instead"
        return fallback, [f"no combination is valid in {asked} phases; {instead}"]
    return asked, [f"no combination is valid in {fallback} phases: none is stable"]


def _candidates(
    grid: Grid, rows: dict[str, NDArray[Any]], annual_factors: Sequence[float | None]
) -> pl.DataFrame:
    """Return the candidates frame of the columns of a selection, which are used up."""
    import numpy as np
    import polars as pl

    # Sums over phases run in phase order, so that their bits do not depend on who adds them up.
    total_pnl = np.zeros(len(rows["index"]))
    total_trades = np.zeros(len(rows["index"]), np.int64)
    for k in range(1, len(annual_factors) + 1):
        total_pnl += rows[f"P{k}_OOS_PnL"]
        total_trades += rows[f"P{k}_OOS_Trades"]
    index = rows.pop("index")
    # Column by column: millions of rows should not be there twice.
    frame = [pl.Series(p.name, grid.column(p.name, index)) for p in grid.strategy.parameters]
    frame.append(pl.Series("Stability_Score", rows.pop("Stability_Score")))
    frame.append(pl.Series("Phases_Valid", rows.pop("Phases_Valid")))
    frame.append(pl.Series("Total_OOS_PnL", total_pnl))
    frame.append(pl.Series("Total_OOS_Trades", total_trades))
    for k, factor in enumerate(annual_factors, 1):
        earned = rows[f"P{k}_IS_PnL"].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = np.where(earned > 0, rows[f"P{k}_OOS_PnL"] / earned, np.nan)
        names = [f"P{k}_{n}" for n in ("IS_PnL", "OOS_PnL", "IS_DD", "OOS_DD", "OOS_Trades")]
        frame.extend(pl.Series(name, rows.pop(name)) for name in names)
        frame.append(pl.Series(f"P{k}_WFE", kept).fill_nan(None))
        if factor is not None:
            frame.append(pl.Series(f"P{k}_WFE_Annual", kept * factor).fill_nan(None))
        frame.append(pl.Series(f"P{k}_OOS_Rank", rows.pop(f"P{k}_OOS_Rank")).fill_nan(None))
    return pl.DataFrame(frame)
