"""What a permutation test of a walk-forward returns: the test, its record, and its page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.runs.walkforward.permuting.page import page
from wfo.runs.walkforward.permuting.record import record_path

if TYPE_CHECKING:
    from wfo.runs.walkforward.permuting.values import WalkPermutations
    from wfo.runs.walkforward.permuting.walked import Walked


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WalkPermutationReport:
    """What a walk-forward on permuted bars came to, and where that is recorded.

    Attributes
    ----------
    walked
        The walk-forward.
    test
        The figures, and their p-values.
    computed
        Markets that this call has done; the others were recorded.
    note
        What was done to a record that did not hold; empty as a rule.
    """

    walked: Walked
    test: WalkPermutations
    computed: int
    note: str = ""

    def __repr__(self) -> str:
        return (
            f"WalkPermutationReport({self.test.runs:,} permutations, p = {self.test.p_all:.3g};"
            f" {self.walked.folder})"
        )

    @property
    def path(self) -> Path:
        """The record."""
        return record_path(self.walked.folder, self.test.block)

    @property
    def page(self) -> str:
        """The page as text."""
        return page(self.walked, self.test, self.path, self.note)
