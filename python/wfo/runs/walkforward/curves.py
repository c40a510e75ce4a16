"""The curves of a walk-forward: how each is called, and all of them as one chart."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from wfo.charts import EquityChart, write_chart
from wfo.walkforward.values import FixedSet, WalkForward

#: How the stitched curve is called.
STITCHED = "Stitched"

#: Marks that a chart needs.
_LEAST_MARKS = 3

#: How curves of fixed sets are called, by their key; what has seen its bars says so.
_FIXED = {
    "first": "First set, never changed",
    "hindsight": "Hindsight: saw these bars",
    "run": "Run's best: saw its windows",
}


def fixed_name(fixed: FixedSet) -> str:
    """Return how the curve of a fixed set is called."""
    return _FIXED.get(fixed.key, fixed.label)


def symbols_text(walk: WalkForward) -> str:
    """Return what is traded, as ``TQQQ with QQQ``."""
    return " with ".join(walk.symbols) or "unnamed bars"


def walk_title(walk: WalkForward) -> str:
    """Return what a walk-forward is of, in one line."""
    count = len(walk.windows)
    return (
        f"Walk-forward of {symbols_text(walk)}, {walk.strategy} on {walk.grid}, by {walk.by}:"
        f" {count:,} {walk.windows.schedule.kind} window{'' if count == 1 else 's'}"
    )


def walk_chart(walk: WalkForward) -> EquityChart | None:
    """Return the chart of a walk-forward; None of too few marks."""
    if len(walk.dates) < _LEAST_MARKS:
        return None
    return walk.chart(f"{walk_title(walk)}, out-of-sample")


def has_matplotlib() -> bool:
    """Whether pictures can be drawn here."""
    return importlib.util.find_spec("matplotlib") is not None


def write_picture(walk: WalkForward, path: Path) -> list[Path]:
    """Write the chart as a PNG image, and return its file; nothing where it cannot be drawn.

    Raises
    ------
    ResultsError
        If the file cannot be written.
    """
    chart = walk_chart(walk)
    if chart is None or not has_matplotlib():
        return []
    write_chart(chart, path)
    return [path]
