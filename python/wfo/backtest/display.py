"""How results look in a notebook: small tables, escaped, without styles of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wfo.backtest.figures import STANDARD
from wfo.metrics import PartMetrics, shown
from wfo.text import html_table

if TYPE_CHECKING:
    from numpy.typing import NDArray


def simulation_html(caption: str, found: PartMetrics | None, figures: Mapping[str, float]) -> str:
    """Return the metrics of a simulation as a table, or its figures where there are none."""
    if found is None:
        rows = [(f.name, shown(figures[f.name], f.unit)) for f in STANDARD]
        return html_table(caption, [("", ""), *rows])
    return html_table(caption, found.rows())


def sweep_html(caption: str, figures: Mapping[str, NDArray[Any]]) -> str:
    """Return how the standard figures are distributed over the combinations."""
    import numpy as np

    lines: list[tuple[str, ...]] = [("", "Lowest", "Median", "Highest")]
    for each in STANDARD:
        column = figures[each.name]
        values = [np.min(column), np.median(column), np.max(column)]
        lines.append(
            (each.heading.replace("_", " "), *(shown(float(v), each.unit) for v in values))
        )
    return html_table(caption, lines)
