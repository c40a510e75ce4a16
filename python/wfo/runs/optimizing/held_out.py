"""The hold-out of a search: what other runs have spent of it, and how far it can be relied on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.runs.folder import RunFolder
from wfo.runs.holdout.searched import looked_at
from wfo.runs.holdout.spendings import overlapping
from wfo.text import one_line

if TYPE_CHECKING:
    from wfo.runs.optimizing.bars import SearchBars


def spent_elsewhere(out: Path, bars: SearchBars) -> Iterator[str]:
    """Yield a line for each run that has spent some of what a search holds out.

    Parameters
    ----------
    out
        The folder of all results.
    bars
        The search's, with its hold-outs.

    Raises
    ------
    ResultsError
        If a list of what was spent is damaged.
    """
    for symbol, record in bars.holdouts.items():
        for other in overlapping(RunFolder.of(out, symbol), (symbol,), "", record):
            yield (
                f"the run {one_line(other.folder)} ({other.run[:8]}) has spent the bars of"
                f" {one_line(symbol)} from {other.first} to {other.last}: what this search holds"
                f" out of them is not untouched; bars after {other.last} are"
            )


def held_elsewhere(out: Path, bars: SearchBars) -> Iterator[str]:
    """Yield a line for each hold-out of another search that this one is about to look at.

    Raises
    ------
    ResultsError
        If a count of trials, or a list of what was spent, is damaged.
    """
    for symbol, days in bars.days.items():
        yield from looked_at(RunFolder.of(out, symbol), symbol, days[-1])


def kept_back(bars: SearchBars) -> Iterator[str]:
    """Yield what can be done with the bars that a search holds out."""
    if bars.holdout is not None:
        yield (
            "Nothing here evaluates the hold-out. 'wfo study spend-holdout' looks at it once, for"
            " the best sets of a strategy; of a program, evaluate the one set that is chosen by"
            " hand, once."
        )
