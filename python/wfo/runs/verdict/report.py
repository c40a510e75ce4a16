"""What a verdict on a run returns: its figures, its first lines, and its pages."""

from __future__ import annotations

import html as escape
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.runs.verdict import html, page
from wfo.runs.verdict.facts import Facts
from wfo.runs.verdict.record import NAME, Verdict
from wfo.runs.verdict.rules import first_lines
from wfo.runs.verdict.sections import sections

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.runs.holdout.state import HoldoutState
    from wfo.runs.manifest import Manifest
    from wfo.runs.permuting.values import PermutationTest
    from wfo.runs.verdict.parts import Section

#: The page for a browser, below the run's folder.
PAGE = "verdict.html"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VerdictReport:
    """How much of what a run found is luck, as far as its figures say.

    Attributes
    ----------
    folder, manifest
        The run.
    verdict
        Statistics of its search, and its finalists.
    facts
        What the first lines are made of.
    tests
        Its permutation tests.
    hold_out
        What has become of its hold-out.
    stale
        What is said of permutation tests that are of another state of the run.
    changed
        Whether the finalists are others than those that the hold-out was spent on.
    """

    folder: RunFolder
    manifest: Manifest
    verdict: Verdict
    facts: Facts
    tests: tuple[PermutationTest, ...]
    hold_out: HoldoutState
    stale: tuple[str, ...] = ()
    changed: bool = False

    def __repr__(self) -> str:
        return f"VerdictReport({self.title}: {self.first_lines[0]} {self.folder.path})"

    def _repr_html_(self) -> str:
        first = "".join(f"<p>{escape.escape(words)}</p>" for words in self.first_lines)
        return f"<h3>{escape.escape(self.title)}</h3>{first}"

    @property
    def title(self) -> str:
        """What the pages are of."""
        second = f" with {self.verdict.symbol2}" if self.verdict.symbol2 else ""
        names = ", ".join(s.strategy for s in self.verdict.strategies)
        return f"Verdict on {self.verdict.symbol}{second} {self.verdict.timeframe}: {names}"

    @property
    def first_lines(self) -> tuple[str, ...]:
        """What the figures allow to say, a sentence an item."""
        return first_lines(self.facts)

    @property
    def files(self) -> tuple[Path, ...]:
        """Those that are written."""
        return (self.folder.path / NAME, self.folder.path / PAGE)

    @property
    def page(self) -> str:
        """The page as text."""
        written = ["Written", *(f"  {path}" for path in self.files)]
        return page.text(self.title, self.first_lines, self._sections, written)

    @property
    def html(self) -> str:
        """The page for a browser, which needs no other file."""
        return html.page(self.title, self.first_lines, self._sections)

    @property
    def _sections(self) -> tuple[Section, ...]:
        return sections(
            self.verdict,
            self.facts,
            self.manifest,
            self.tests,
            self.hold_out,
            stale=self.stale,
            changed=self.changed,
        )
