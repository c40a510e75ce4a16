"""The page of a walk-forward for a browser: one file that loads nothing."""

from __future__ import annotations

from wfo.runs.verdict.html import page
from wfo.runs.walkforward.curves import walk_title
from wfo.runs.walkforward.found import WalkFindings
from wfo.runs.walkforward.sections import first_lines, sections
from wfo.runs.walkforward.tables import Shown
from wfo.walkforward.values import WalkForward

#: Rows of tables of windows and sets: more would make a page of megabytes.
_MOST_ROWS = 2_000


def html_page(found: WalkFindings, walk: WalkForward) -> str:
    """Return the whole page.

    Parameters
    ----------
    found, walk
        As in `wfo.runs.walkforward.page.text_page`.
    """
    shown = Shown(_MOST_ROWS, "windows.csv has all")
    return page(walk_title(walk), first_lines(found, walk), sections(found, walk, shown))
