"""What a search returns: its findings, with their page and table, and a plan that is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.runs.optimizing.found import SearchOutline, StudyFindings
from wfo.runs.optimizing.page import text
from wfo.runs.optimizing.planned import planned_page
from wfo.text import one_line, shown

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class PlannedSearch(SearchOutline):
    """What a search would do: what ``wfo optimize --dry-run`` shows.

    Attributes and their meanings are those of `wfo.runs.optimizing.found.SearchOutline`.
    """

    @property
    def page(self) -> str:
        """The page that the command line prints."""
        return planned_page(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StudyReport(StudyFindings):
    """What a search found, and where it was written, with its page.

    Attributes and their meanings are those of `wfo.runs.optimizing.found.StudyFindings`.
    """

    def __repr__(self) -> str:
        counts = self.counts
        said = f"{counts.trials:,} of {counts.asked:,} trials, {counts.lost:,} without figures"
        return f"StudyReport({self.record.name}: {said}; {self.folder})"

    @property
    def page(self) -> str:
        """The page that the command line prints."""
        return text(self)

    @property
    def obstacle(self) -> str:
        """Why the search has found nothing at all; empty where a trial has figures."""
        counts = self.counts
        if not counts.trials or counts.lost < counts.trials:
            return ""
        said = f": {one_line(self.errors[0][0])}" if self.errors else ""
        return (
            f"all {counts.trials:,} trials of the study {shown(self.record.name)} ended without"
            f" figures{said}"
        )

    @property
    def table(self) -> pl.DataFrame:
        """All trials with a score, best first, as ``ranked_results.csv`` has them."""
        from wfo.runs.optimizing.ranked import ranked_frame

        return ranked_frame(self)
