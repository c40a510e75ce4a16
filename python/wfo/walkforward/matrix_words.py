"""What a walk-forward matrix comes to, in sentences."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import statistics
from collections.abc import Sequence

from wfo.stats.sharpe import expected_maximum_sharpe
from wfo.walkforward.matrix_cells import FIGURES, CellFigure, HeldFigures, MatrixCell
from wfo.walkforward.matrix_table import CellTable
from wfo.walkforward.results import condition_name


def summary(
    table: CellTable, held: HeldFigures, traded: tuple[dt.date, dt.date], ranked_by: str
) -> list[str]:
    """Return a sentence or two for each thing that the cells show together.

    Parameters
    ----------
    table
        The cells.
    held
        Buy-and-hold over the same bars.
    traded
        First and last date that all cells trade.
    ranked_by
        The figure by whose neighbourhood average cells are ranked.
    """
    annual, fall = FIGURES["annual_return"], FIGURES["max_drawdown_share"]
    done = table.done
    beating, passing = sum(c.beats for c in done), sum(c.passed for c in done)
    first, last = traded
    said = [
        (
            f"All cells trade {first} to {last}; buy-and-hold came to"
            f" {annual.told(held.annual_return)} a year, with a largest drawdown of"
            f" {fall.told(held.max_drawdown_share)}."
        ),
        (
            f"{beating} of {len(done)} cells {'beats' if beating == 1 else 'beat'} buy-and-hold,"
            f" and {passing} {'meets' if passing == 1 else 'meet'} TradeStation's five conditions."
        ),
        *_conditions(done),
    ]
    idle = [cell for cell in done if not cell.chosen]
    if idle:
        said.append(f"Nothing but cash, since no window could choose a set: {_names(idle)}.")
    lone = [cell for cell in table.cells if table.alone(cell)]
    if lone:
        said.append(
            f"Alone, since no more than half of their neighbours beat it too: {_names(lone)}."
        )
    best = table.best(ranked_by)
    if best is not None:
        said.append(_best(table, best, FIGURES[ranked_by]))
    missing = sorted((c for c in table.cells if not c.done), key=lambda cell: cell.reason)
    for reason, cells in itertools.groupby(missing, lambda cell: cell.reason):
        said.append(f"Not done: {_names(list(cells))}: {reason}.")
    return [*said, luck(table)]


def luck(table: CellTable) -> str:
    """Return what the number of cells means for the best of them."""
    figure = FIGURES["excess_annual"]
    values = [cell.excess_annual for cell in table.cells if cell.excess_annual is not None]
    if len(values) < 3:
        return "Less than three cells say nothing about lengths."
    spread, top = statistics.stdev(values), max(values)
    if not spread > 0:
        return f"All {len(values)} cells are alike."
    mean = math.fsum(values) / len(values)
    expected = mean + expected_maximum_sharpe(spread**2, len(values))
    return (
        f"The best of {len(values)} cells came to {figure.told(top)} a year against"
        f" buy-and-hold, their mean to {figure.told(mean)}; of as many independent draws with that"
        f" mean and spread luck alone gives the best about {figure.told(expected)}. Cells share"
        " bars and decisions, so that they count for fewer; and whoever takes the best one has"
        " chosen on the very bars that it is shown on."
    )


def _conditions(done: Sequence[MatrixCell]) -> list[str]:
    """Return how many cells meet each of the conditions, where some do not meet all."""
    verdicts = [cell.tradestation for cell in done if cell.tradestation is not None]
    if not verdicts or all(verdict.passed for verdict in verdicts):
        return []
    met = [
        f"{condition_name(condition)}: {sum(v.conditions[k].passed for v in verdicts)}"
        for k, condition in enumerate(verdicts[0].conditions)
    ]
    return [f"Cells that meet each condition: {'; '.join(met)}."]


def _best(table: CellTable, best: MatrixCell, figure: CellFigure) -> str:
    average = table.neighbourhood(best, figure.name)
    title = f"{figure.title[0].lower()}{figure.title[1:]}"
    excess = table.neighbourhood(best, "excess_annual")
    less = "" if excess is None or excess > 0 else "; even around it buy-and-hold was ahead"
    return (
        f"First by the neighbourhood's mean of {title}: {_names([best])}, {figure.told(average)} on"
        f" average and {figure.told(best.figure(figure.name))} itself{less}."
    )


def _names(cells: Sequence[MatrixCell], most: int = 6) -> str:
    named = [cell.label for cell in cells[:most]]
    more = f" and {len(cells) - most} more" if len(cells) > most else ""
    return ", ".join(named) + more
