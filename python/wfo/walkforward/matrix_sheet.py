"""The tables of a walk-forward matrix, as values that text and pictures are drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from wfo.stats.efficiency import LEAST_EFFICIENCY
from wfo.walkforward.heat import HeatCell, HeatPanel, HeatSheet
from wfo.walkforward.matrix_cells import FIGURES, CellFigure, HeldFigures, MatrixCell
from wfo.walkforward.matrix_table import CellTable
from wfo.walkforward.results import condition_name

#: What each table shows, how it is headed, whether it has means over neighbourhoods, and what the
#: middle of its scale is called.
_TABLES = (
    ("excess_annual", "Annual return above buy-and-hold's, %", False, "(buy-and-hold)"),
    ("excess_annual", "The same, mean of each cell with its neighbours, %", True, "(buy-and-hold)"),
    ("wfe_annual", "Annual walk-forward efficiency, %", False, "(TradeStation's least)"),
    ("max_drawdown_share", "Maximum drawdown, %", False, "(buy-and-hold's)"),
)

_LEGEND = (
    "x: does not meet all of TradeStation's five conditions.",
    (
        "Broken outline (! in text): alone, it beats buy-and-hold and no more than half of its"
        " neighbours do. Full outline (1 in text): first by the mean over its neighbourhood."
    ),
    (
        "A neighbourhood is a cell and the cells around it, with the next shorter and longer"
        " lengths. A grey cell could not be done."
    ),
)


def matrix_sheet(
    table: CellTable,
    held: HeldFigures,
    *,
    title: str,
    subtitle: str,
    ranked_by: str,
    notes: Sequence[str],
) -> HeatSheet:
    """Return the tables of a matrix: four a kind, each figure on one scale for all kinds.

    Parameters
    ----------
    table, held
        The cells, and buy-and-hold over the same bars.
    title, subtitle, notes
        What stands above and below.
    ranked_by
        The figure by whose neighbourhood average one cell is the first.
    """
    best = table.best(ranked_by)
    groups = []
    for kind in table.kinds:
        panels = []
        for name, heading, mean, middle in _TABLES:
            figure = FIGURES[name]
            centre = _centre(name, held)
            # A mean is on the scale of what it is the mean of, so that what is lone pales in it.
            span = _span(figure, centre, table)
            rows = [
                tuple(_cell(table, cell, best, figure, centre, span, mean=mean) for cell in row)
                for row in table.rows(kind)
            ]
            worse, better = centre - span, centre + span
            if figure.least:
                worse, better = better, worse
            signed = name == "excess_annual"
            panels.append(
                HeatPanel(
                    heading,
                    "out-of-sample",
                    "in-sample",
                    tuple(length.text for length in table.out_of_samples),
                    tuple(length.text for length in table.in_samples),
                    tuple(rows),
                    (
                        figure.shown(worse, signed=signed),
                        figure.shown(centre),
                        figure.shown(better, signed=signed),
                    ),
                    middle,
                )
            )
        groups.append((kind.capitalize(), tuple(panels)))
    return HeatSheet(title, subtitle, tuple(groups), _LEGEND, tuple(notes))


def _centre(name: str, held: HeldFigures) -> float:
    """Return the figure that is neither good nor bad."""
    if name == "wfe_annual":
        return LEAST_EFFICIENCY
    return held.max_drawdown_share if name == "max_drawdown_share" else 0.0


def _span(figure: CellFigure, centre: float, table: CellTable) -> float:
    """Return how far the scale goes to either side, a number of two digits."""
    values = [cell.figure(figure.name) for cell in table.cells]
    most = max((abs(value - centre) for value in values if value is not None), default=0.0)
    if most == 0:
        return 0.01
    unit = 10.0 ** (math.floor(math.log10(most)) - 1)
    return math.ceil(most / unit - 1e-9) * unit


def _cell(
    table: CellTable,
    cell: MatrixCell,
    best: MatrixCell | None,
    figure: CellFigure,
    centre: float,
    span: float,
    *,
    mean: bool,
) -> HeatCell:
    value = table.neighbourhood(cell, figure.name) if mean else cell.figure(figure.name)
    if not cell.done:
        return HeatCell("-", None, f"{cell.label}: not done: {cell.reason}")
    own = figure.name == "excess_annual" and not mean
    at = None
    if value is not None:
        at = (value - centre) / span * (-1 if figure.least else 1)
    return HeatCell(
        figure.shown(value, signed=figure.name == "excess_annual"),
        at,
        _told(table, cell),
        failing=own and not cell.passed,
        alone=figure.name == "excess_annual" and table.alone(cell),
        best=figure.name == "excess_annual" and cell is best,
    )


def _told(table: CellTable, cell: MatrixCell) -> str:
    """Return a cell in one line."""

    def told(name: str, of: Callable[[str], float | None] = cell.figure) -> str:
        return FIGURES[name].told(of(name))

    around = table.neighbours(cell)
    beaten = sum(other.beats for other in around)
    conditions = cell.tradestation.conditions if cell.tradestation else ()
    missed = [condition_name(c) for c in conditions if not c.passed]
    verdict = f"does not meet: {', '.join(missed)}" if missed else "meets all five conditions"
    return (
        f"{cell.label}: {told('annual_return')} a year, {told('excess_annual')} against"
        f" buy-and-hold ({told('excess_annual', lambda n: table.neighbourhood(cell, n))} with its"
        f" neighbours, {beaten} of {len(around)} of which beat it), drawdown"
        f" {told('max_drawdown_share')}, annual efficiency {told('wfe_annual')},"
        f" {cell.windows} windows; {verdict}"
    )
