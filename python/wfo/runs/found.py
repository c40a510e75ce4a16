"""What a run finds for each strategy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wfo.grid import Grid
from wfo.selection.comparison import Comparison, Standing, compare
from wfo.selection.plateaus import Plateaus
from wfo.selection.scoring import Scores
from wfo.strategy import Strategy
from wfo.tradestation.ranges import PlateauRanges


@dataclass(frozen=True, slots=True, eq=False)
class StrategyReport:
    """What a run found for one strategy."""

    strategy: Strategy
    grid: Grid
    scores: Scores
    plateaus: Plateaus
    ranges: tuple[PlateauRanges, ...]
    standing: Standing


def compare_reports(reports: Sequence[StrategyReport]) -> Comparison:
    """Return the strategies of a run side by side."""
    return compare([r.strategy for r in reports], [r.standing for r in reports])
