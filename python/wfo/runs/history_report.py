"""What a refined set came to over the whole history, as a value and as a page of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from wfo.backtest import Simulation
from wfo.build import build_info
from wfo.charts import EquityChart, text_chart
from wfo.metrics import DEFINITIONS, Metrics
from wfo.runs.assumed import Assumed
from wfo.runs.simulation_report import (
    head_lines,
    short_figure,
    trades_lines,
    unfilled_lines,
    wrapped,
    written_lines,
)
from wfo.strategy import Number
from wfo.text import table
from wfo.tradestation.headings import DECIMALS, FIGURES, SIDES

#: What every page of a whole history says.
IN_SAMPLE = (
    "The whole history is in-sample for these figures: the plateaus were found on it, and the best"
    " of many rows is lucky"
)


class Difference(NamedTuple):
    """A column in which a simulation and a report's row differ.

    Attributes
    ----------
    heading
        Of the column.
    here, there
        As it would be written here, and as it is there; empty where it is not defined.
    """

    heading: str
    here: str
    there: str


@dataclass(frozen=True, slots=True)
class RowClaim:
    """How a simulation compares with the row of a report.

    Attributes
    ----------
    named
        The refined set.
    where
        The row: its file and test.
    source
        Which program has written it.
    changed
        What differs from the run, so that other figures are to be expected.
    compared
        How many columns were compared.
    differences
        Those that are not equal.
    unread
        Why the row could not be read; empty where it was.
    version
        That of the package which the run was made with.
    """

    named: str
    where: str
    source: Literal["wfo", "TradeStation"]
    changed: tuple[str, ...]
    compared: int
    differences: tuple[Difference, ...]
    unread: str
    version: str

    @property
    def obstacle(self) -> str | None:
        """Why the report cannot be relied on; None where nothing says so.

        TradeStation fills orders by rules of its own, so that a row of it may differ.
        """
        if not self.differences or self.source != "wfo":
            return None
        own = build_info()["version"]
        made = f"; the run was made by wfo {self.version}, this is {own}"
        return (
            f"the simulation does not reproduce {self.named}, {self.where}:"
            f" {len(self.differences)} of {self.compared} columns differ"
            f"{made if own != self.version else ''}; 'wfo refine' with --fresh writes it anew"
        )

    def lines(self) -> list[str]:
        """Return it in words, as lines of the page."""
        listed: list[str] = []
        if self.changed:
            head = (
                f"Not {self.named} as it is in the analysis, so the figures are others; it differs"
                " in:"
            )
            listed = list(self.changed)
        elif self.unread:
            head = f"There is nothing to compare {self.named} with: {self.unread}."
        elif self.differences:
            verb = "Does NOT reproduce" if self.source == "wfo" else "Differs from"
            head = (
                f"{verb} {self.named}, {self.where}, in {len(self.differences)} of"
                f" {self.compared} columns"
                f"{'' if self.source == 'wfo' else ', which TradeStation has computed'}:"
            )
            rows = [
                ("", "Here", "There" if self.source == "wfo" else self.source),
                *self.differences,
            ]
            why = "The workbook's sheet 'TradeStation against here' says what may be the reason."
            said = [] if self.source == "wfo" else wrapped(why, "  ")
            return [*wrapped(head), *table(rows, "<>>"), *said]
        else:
            head = (
                f"Reproduces {self.named}, {self.where}: all {self.compared} columns are equal in"
                " the digits that are written."
            )
        hung = (line for text in listed for line in wrapped(text, "  ", hang="  "))
        return [*wrapped(head), *hung]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HistoryReport:
    """What the simulation of a refined set over the whole history came to.

    Attributes
    ----------
    title, symbol, params, assumed, notes, written, methods
        As in `SimulationReport`.
    simulation
        Trades and equity; it has no split that says anything.
    days
        Date of every bar.
    metrics, held
        Metrics of the set, and of buy-and-hold.
    columns
        The columns of its report, by heading; None where one is not defined.
    claim
        How they compare with the row of the report.
    chart
        The equity from the mark before the first trading bar on.
    """

    title: str
    symbol: str
    params: Mapping[str, Number]
    assumed: tuple[Assumed, ...]
    notes: tuple[str, ...]
    simulation: Simulation
    days: Sequence[dt.date]
    metrics: Metrics
    held: Metrics
    columns: Mapping[str, float | None]
    claim: RowClaim
    chart: EquityChart
    written: tuple[Path, ...] = ()
    methods: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"HistoryReport({self.title}: {len(self.simulation.trades):,} trades)"

    @property
    def obstacle(self) -> str | None:
        """Why the report cannot be relied on; None where nothing says so."""
        return self.claim.obstacle

    def page(self, chart_width: int | None = None) -> str:
        """Return parameters, metrics, the report's columns, the last trades and files as text.

        Parameters
        ----------
        chart_width
            Columns of a chart in plain characters; without it there is none.
        """
        lines = head_lines(self)
        lines += ["", *self._metrics_lines()]
        lines += ["", *self._column_lines()]
        lines += ["", *trades_lines(self.simulation, self.days)]
        lines += unfilled_lines([(None, self.simulation)])
        if chart_width is not None:
            lines += ["", *text_chart(self.chart, chart_width).splitlines()]
        return "\n".join(lines + written_lines(self.written)) + "\n"

    def _metrics_lines(self) -> list[str]:
        rows: list[tuple[str, ...]] = [("", "Set", "B&H")]
        for d in DEFINITIONS:
            cells = (short_figure(getattr(m, d.name), d.unit) for m in (self.metrics, self.held))
            rows.append((d.heading, *cells))
        own = self.metrics
        said = (
            f"B&H is buy-and-hold: {self.symbol} bought at the open of the first trading bar with"
            " the same capital, costs and lots, and never sold; - is what is not defined."
        )
        span = f"Whole history: {own.first} to {own.last}, {own.bars:,} bars"
        return [f"  {span}", *table(rows, "<>>"), *wrapped(said, "  ")]

    def _column_lines(self) -> list[str]:
        """Return the columns of the report, the sides side by side."""
        sides = [word for _, word in SIDES if f"{word}: {FIGURES[0].heading}" in self.columns]
        rows: list[tuple[str, ...]] = [("As a report has it", *sides)]
        for figure in FIGURES:
            cells = (
                _written(self.columns.get(f"{side}: {figure.heading}"), DECIMALS[figure.unit])
                for side in sides
            )
            rows.append((figure.heading, *cells))
        said = (
            "A report counts closed trades alone, so that its net profit leaves out what a position"
            " that is still open has earned; the metrics above have it."
        )
        return [*table(rows, "<" + ">" * len(sides)), *wrapped(said, "  ")]


def _written(value: float | None, decimals: int) -> str:
    return "-" if value is None else f"{value:,.{decimals}f}"
