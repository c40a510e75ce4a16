"""What ``wfo.run_walk_forward`` returns: the findings, with their page."""

from __future__ import annotations

from dataclasses import dataclass

from wfo.runs.walkforward.artefacts import html_page, text_page
from wfo.runs.walkforward.found import WalkFindings


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WalkForwardReport(WalkFindings):
    """What a walk-forward came to: what ``wfo walkforward`` shows.

    Attributes and their meanings are those of `wfo.runs.walkforward.found.WalkFindings`.
    """

    def __repr__(self) -> str:
        what = "a matrix" if self.walk is None else f"{len(self.walk.windows)} windows"
        return f"WalkForwardReport({what} in {str(self.folder)!r})"

    def _repr_html_(self) -> str:
        return html_page(self)

    @property
    def page(self) -> str:
        """The page as text."""
        return text_page(self)
