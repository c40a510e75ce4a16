"""How results look in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.backtest.figures import STANDARD
from wfo.errors import InputError
from wfo.metrics import shown
from wfo.text import html_table

if TYPE_CHECKING:
    from wfo.backtest.values import Simulation, SweepResult


def simulation_html(simulation: Simulation) -> str:
    """Return the metrics of a simulation as a table, or its figures where it has no dates."""
    caption = repr(simulation)
    try:
        found = simulation.metrics()
    except InputError:
        rows = [(f.name, shown(getattr(simulation, f.name), f.unit)) for f in STANDARD]
        return html_table(caption, [("", ""), *rows])
    return html_table(caption, found.rows())


def sweep_html(result: SweepResult) -> str:
    """Return how the standard figures are distributed over the combinations."""
    import numpy as np

    lines: list[tuple[str, ...]] = [("", "Lowest", "Median", "Highest")]
    for each in STANDARD:
        column = getattr(result, each.name)
        values = [np.min(column), np.median(column), np.max(column)]
        lines.append(
            (each.heading.replace("_", " "), *(shown(float(v), each.unit) for v in values))
        )
    return html_table(repr(result), lines)
