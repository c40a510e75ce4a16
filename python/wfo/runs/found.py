"""What a run finds, for each strategy and as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.backtest.benchmark import Benchmark
from wfo.grid import Grid
from wfo.runs.folder import RunFolder
from wfo.runs.judged import Judged
from wfo.runs.lots import LotFacts
from wfo.runs.manifest import Manifest
from wfo.runs.most_stable import MostStable
from wfo.selection.comparison import Comparison, Standing, compare
from wfo.selection.explained import Sensitivity
from wfo.selection.plateaus import Plateaus
from wfo.selection.profile import Profile
from wfo.selection.scoring import Scores, SetCounts
from wfo.strategy import Strategy
from wfo.text import percent
from wfo.tradestation.ranges import PlateauRanges
from wfo.windows import Phases

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Facts:
    """What the candidates are, beside buy-and-hold.

    Attributes
    ----------
    idle
        Share that closes one out-of-sample trade a phase or fewer.
    median_returns
        Median out-of-sample return, a fraction, by phase; NaN without candidates.
    beaten
        How many are valid and return more than buy-and-hold in as many phases as stable ones are
        valid in.
    """

    idle: float
    median_returns: tuple[float, ...]
    beaten: int

    @classmethod
    def of(cls, scores: Scores, phases: int) -> Facts:
        """Count over the candidates of a run."""
        return cls.of_candidates(scores.candidates, scores.benchmarks, phases, scores.min_phases)

    @classmethod
    def of_candidates(
        cls, frame: pl.DataFrame, benchmarks: Sequence[Benchmark], phases: int, least: int
    ) -> Facts:
        """Count over candidates.

        Parameters
        ----------
        frame
            The candidates, with `candidate_columns` at least.
        benchmarks
            Buy-and-hold of each phase.
        phases
            How many there are.
        least
            Phases in which a stable combination is valid.
        """
        import polars as pl

        if frame.is_empty() or not benchmarks:
            return cls(0.0, (math.nan,) * phases, 0)
        returns = [f"P{k}_OOS_Return" for k in range(1, phases + 1)]
        won = pl.sum_horizontal(
            (
                (pl.col(name).cast(pl.Float64) > b.return_floor)
                & pl.col(f"P{k}_OOS_Rank").is_not_null()
            ).cast(pl.Int32)
            for k, (name, b) in enumerate(zip(returns, benchmarks, strict=True), 1)
        )
        found = frame.select(
            (pl.col("Total_OOS_Trades") <= phases).mean().alias("idle"),
            (won >= least).sum().alias("beaten"),
            *(pl.col(name).cast(pl.Float64).median() for name in returns),
        ).row(0, named=True)
        medians = tuple(math.nan if found[n] is None else found[n] for n in returns)
        return cls(found["idle"], medians, found["beaten"])


def candidate_columns(phases: int) -> list[str]:
    """Return the columns of candidates that `Facts` counts over."""
    each = [(f"P{k}_OOS_Return", f"P{k}_OOS_Rank") for k in range(1, phases + 1)]
    return ["Total_OOS_Trades", *(name for pair in each for name in pair)]


@dataclass(frozen=True, slots=True, eq=False)
class OtherFound:
    """What is stable by a set of gates that does not rule.

    Attributes
    ----------
    counts
        How many, and which gates.
    plateaus
        Those of its map; without stability, which needs candidates.
    judged
        Their regions.
    """

    counts: SetCounts
    plateaus: Plateaus
    judged: Judged


@dataclass(frozen=True, slots=True, eq=False)
class StrategyReport:
    """What a run found for one strategy.

    Attributes
    ----------
    strategy, grid
        What was searched.
    scores
        By the gates that rule.
    plateaus, judged
        Plateaus, their regions, and how these did on bars that they were not found on.
    sensitivity
        What each parameter does, over the whole grid.
    inside
        The same inside each region, where ranges are exported.
    ranges
        One item a file.
    most_stable
        The most stable outcome by phase, on a plateau or not; None where nothing is stable.
    others
        What is stable by the gates that do not rule.
    facts
        What the candidates are, beside buy-and-hold.
    standing
        For the comparison of strategies.
    lots
        What lots do to the combinations; None where they are small, or none.
    profile
        How each figure is distributed over all combinations; None of a sweep that an earlier
        version counted without it.
    """

    strategy: Strategy
    grid: Grid
    scores: Scores
    plateaus: Plateaus
    judged: Judged
    sensitivity: Sensitivity
    inside: tuple[Sensitivity, ...]
    ranges: tuple[PlateauRanges, ...]
    most_stable: MostStable | None
    others: tuple[OtherFound, ...]
    facts: Facts
    standing: Standing
    lots: LotFacts | None = None
    profile: Profile | None = None

    def __repr__(self) -> str:
        best = self.most_stable
        earned = (
            ""
            if best is None
            else f"; the most stable outcome returns {percent(best.oos_return_annual)} a year,"
            f" buy-and-hold {percent(best.held_return_annual)}"
        )
        return (
            f"StrategyReport({self.strategy.name}: {self.scores.stable:,} of {len(self.grid):,}"
            f" stable, {len(self.plateaus)} plateaus{earned})"
        )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Findings:
    """What a run found, and where it was written.

    Attributes
    ----------
    folder
        The run's folder.
    phases
        The windows on its bars.
    strategies
        What was found, one item a strategy, the one that was asked for first.
    files
        Those to open.
    moved
        Where an earlier run was moved: another one, or the same where this one started over.
    trials
        Combinations that were ever searched on the symbol.
    seconds
        How long it took.
    manifest
        What ``run.json`` says.
    """

    folder: RunFolder
    phases: Phases
    strategies: tuple[StrategyReport, ...]
    files: tuple[Path, ...]
    moved: Path | None
    trials: int
    seconds: float
    manifest: Manifest

    @property
    def benchmarks(self) -> tuple[Benchmark, ...]:
        """Buy-and-hold of each phase."""
        return self.manifest.benchmarks or ()


def compare_reports(reports: Sequence[StrategyReport]) -> Comparison:
    """Return the strategies of a run side by side, and beside buy-and-hold."""
    held = reports[0].scores.benchmarks if reports else ()
    return compare([r.strategy for r in reports], [r.standing for r in reports], held)
