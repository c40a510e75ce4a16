"""What a permutation test returns: the test, where its record is, and its page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.runs.permuting.page import page
from wfo.runs.permuting.record import Basis, record_path
from wfo.runs.permuting.values import PermutationTest

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import Manifest
    from wfo.runs.verdict.facts import Facts
    from wfo.settings import AccountSettings


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PermutationReport:
    """What the searches of a run on permuted bars came to, and where they are recorded.

    Attributes
    ----------
    folder, manifest, settings
        The run, and the settings of its backtests.
    facts
        What is known of the run with this test, for the first lines of the page.
    basis
        What the figures follow from.
    test
        The figures, and their p-values.
    computed
        Searches that this call has done; the others were recorded.
    note
        What was done to a record that did not hold; empty as a rule.
    """

    folder: RunFolder
    manifest: Manifest
    settings: AccountSettings
    facts: Facts
    basis: Basis
    test: PermutationTest
    computed: int
    note: str = ""

    def __repr__(self) -> str:
        return (
            f"PermutationReport({self.manifest.symbol} {self.manifest.timeframe},"
            f" {self.test.variant.name}: {self.test.runs:,} permutations, p ="
            f" {self.test.p_all:.3g}; {self.folder.path})"
        )

    @property
    def path(self) -> Path:
        """The record."""
        return record_path(self.folder, self.test.variant)

    @property
    def page(self) -> str:
        """The page as text."""
        run = self.folder, self.manifest, self.settings
        return page(*run, self.facts, self.basis, self.test, self.note)
