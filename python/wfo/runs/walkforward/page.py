"""The page of a walk-forward as text, for a terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from wfo.progress import duration
from wfo.runs.optimizing.wording import labelled
from wfo.runs.verdict.page import text
from wfo.runs.walkforward.curves import walk_title
from wfo.runs.walkforward.found import WalkFindings
from wfo.runs.walkforward.sections import WIDTH, first_lines, sections, signal_command
from wfo.runs.walkforward.tables import Shown
from wfo.text import printable
from wfo.walkforward.values import WalkForward

#: Rows of tables of windows and sets.
_MOST_ROWS = 40

_FILES = {
    "walkforward.json": "everything on this page, to be read by programs",
    "decisions.json": "what each in-sample part chose; going on begins with it",
    "bars.parquet": "the bars, as they were used",
    "bars2.parquet": "those of the second symbol",
    "curves.parquet": "the curves, to be read again",
    "trades.parquet": "the trades, to be read again",
    "windows.csv": "every window: dates, set, figures",
    "equity.csv": "every mark of every curve",
    "trades.csv": "closed trades of the stitched curve",
    "matrix.csv": "every cell",
    "walkforward.html": "this page with its chart, for a browser",
    "matrix.html": "this page with its maps, for a browser",
    "walkforward.png": "the chart",
    "matrix.png": "the maps",
    "last_set.json": "the set that trades after the last bar, for 'wfo signal --set-file'",
    "permutations.json": "what the same came to on permuted bars",
}


def text_page(found: WalkFindings, walk: WalkForward) -> str:
    """Return the whole page, at most 98 columns wide.

    Parameters
    ----------
    found
        Folder, bars, files and what else is not in the walk-forward.
    walk
        The walk-forward.
    """
    shown = Shown(_MOST_ROWS, "windows.csv and walkforward.html have all")
    page = text(
        f"{walk_title(walk)}, {walk.windows.schedule.name}",
        first_lines(found, walk),
        sections(found, walk, shown),
        [*end_lines(found), *_next(found, walk)],
        WIDTH,
    )
    # Names may be those of others' files.
    return printable(page)


def _next(found: WalkFindings, walk: WalkForward) -> Iterator[str]:
    # Decisions of studies have no place in a grid, and are not done again on permuted bars.
    chosen = [r.decision for r in walk.results if r.decision.params is not None]
    if any(decision.index is not None for decision in chosen):
        yield ""
        yield "Next, see what chance gives:"
        yield f"  wfo permutation-test {shlex.quote(str(found.folder))}"
    command = signal_command(found)
    if command:
        yield ""
        yield "What the last set has working in the bar after the newest one:"
        yield f"  {command}"


def end_lines(found: WalkFindings) -> Iterator[str]:
    """Yield which files were written, and how long it took."""
    yield f"Written to {found.folder}"
    yield from labelled([(name, _FILES.get(name, "")) for name in found.files if name in _FILES])
    picture = "walkforward.png" if found.walk is not None else "matrix.png"
    if found.files and found.program is None and picture not in found.files:
        yield f"No {picture}: pip install 'wfo[plot]' brings matplotlib, which draws it"
    if found.moved is not None:
        yield f"Another one of that name, or with other settings, moved to {found.moved}"
    kept = f"; {found.kept:,} decisions were there already" if found.kept else ""
    yield f"Took {duration(found.seconds)}{kept}."
