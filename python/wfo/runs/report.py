"""What a run found, for those who called it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.errors import InputError, did_you_mean
from wfo.grid import Grid
from wfo.runs.folder import RunFolder
from wfo.runs.manifest import Manifest
from wfo.selection.comparison import Comparison, Standing, compare
from wfo.selection.plateaus import Plateaus
from wfo.selection.scoring import Scores
from wfo.strategy import Strategy
from wfo.tradestation.ranges import PlateauRanges
from wfo.windows import Phases

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class StrategyReport:
    """What a run found for one strategy."""

    strategy: Strategy
    grid: Grid
    scores: Scores
    plateaus: Plateaus
    ranges: tuple[PlateauRanges, ...]
    standing: Standing


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunReport:
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
        Those that a reader will open.
    moved
        Where an earlier, other run was moved.
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

    def __repr__(self) -> str:
        data = self.manifest.data
        found = ", ".join(
            f"{r.strategy.name} {r.scores.stable:,} of {len(r.grid):,} stable"
            for r in self.strategies
        )
        return f"RunReport({data.symbol} {data.timeframe}: {found}; {self.folder.path})"

    def _repr_html_(self) -> str:
        from wfo.runs.page import html_page

        return html_page(self)

    @property
    def page(self) -> str:
        """Windows, gates, plateaus and files as text: the page that the command line prints."""
        from wfo.runs.page import page

        return page(self)

    def candidates(self, strategy: str | Strategy | None = None) -> pl.DataFrame:
        """Return the candidates of a strategy, best first, as the run has written them.

        Parameters
        ----------
        strategy
            One of the run's; by default the one that was asked for.

        Raises
        ------
        InputError
            If the run was not one of it.
        """
        if strategy is None:
            return self.strategies[0].scores.candidates
        name = strategy if isinstance(strategy, str) else strategy.name
        found = {r.strategy.name: r for r in self.strategies}
        if name not in found:
            raise InputError(f"the run has no strategy {name!r}{did_you_mean(name, found)}")
        return found[name].scores.candidates


def compare_reports(reports: Sequence[StrategyReport]) -> Comparison:
    """Return the strategies of a run side by side."""
    return compare([r.strategy for r in reports], [r.standing for r in reports])
