"""What a simulation came to, for those who asked for it, and the page that a trader reads."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wfo.backtest import Simulation
from wfo.charts import EquityChart, text_chart
from wfo.metrics import PartMetrics, bars_held, shown
from wfo.strategy import Number
from wfo.text import table

#: Trades that are shown; a file has them all.
_LAST_TRADES = 10


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SimulationReport:
    """What a simulation came to.

    Attributes
    ----------
    title
        Symbols, strategy and stretch in a line.
    params
        All parameters, in canonical order.
    notes
        What a reader must know of the bars and the stretch.
    days
        Date of every bar.
    simulation
        Trades and equity.
    parts
        Metrics in- and out-of-sample, and of the whole.
    bars_per_year
        What annual figures count in.
    chart
        The equity from the mark before the first trading bar on.
    written
        Files that were written.
    """

    title: str
    params: Mapping[str, Number]
    notes: tuple[str, ...]
    days: Sequence[dt.date]
    simulation: Simulation
    parts: PartMetrics
    bars_per_year: float
    chart: EquityChart
    written: tuple[Path, ...]

    def __repr__(self) -> str:
        return f"SimulationReport({self.title}: {len(self.simulation.trades):,} trades)"

    def page(self, chart_width: int | None = None) -> str:
        """Return parameters, metrics, the last trades and files as text.

        Parameters
        ----------
        chart_width
            Columns of a chart in plain characters; without it there is none.
        """
        return _text(self, chart_width)


def _text(report: SimulationReport, chart_width: int | None = None) -> str:
    """Return parameters, metrics, the last trades and files as text.

    Parameters
    ----------
    report
        What the simulation came to.
    chart_width
        Columns of a chart in plain characters; without it there is none.
    """
    lines = [report.title, *_params_lines(report.params)]
    lines += [f"  Note: {note}." for note in report.notes]
    lines += ["", *_metrics_lines(report.parts, report.bars_per_year)]
    lines += ["", *_trades_lines(report.simulation, report.days)]
    if chart_width is not None:
        lines += ["", *text_chart(report.chart, chart_width).splitlines()]
    if report.written:
        lines += ["", "Written", *(f"  {path}" for path in report.written)]
    return "\n".join(lines) + "\n"


def _params_lines(params: Mapping[str, int | float]) -> list[str]:
    """Return the parameters, as many a line as fit."""
    text = ", ".join(f"{name} {value:g}" for name, value in params.items())
    # A break may stand after a comma only, not between a name and its value.
    glued = text.replace(" ", "\0").replace(",\0", ", ")
    return [
        line.replace("\0", " ")
        for line in textwrap.wrap(glued, 78, initial_indent="  ", subsequent_indent="  ")
    ]


def _metrics_lines(parts: PartMetrics, year: float) -> list[str]:
    note = f"  A year has {year:,.0f} bars; - is what is not defined. wfo.metrics has the formulas."
    return [*table(parts.rows(), "<>>>"), note]


def _price(value: float) -> str:
    return f"{value:,.2f}" if value >= 10 else f"{value:.5g}"


def _trades_lines(simulation: Simulation, days: Sequence[dt.date]) -> list[str]:
    trades = simulation.trades
    held = bars_held(simulation.equity, trades)[-1]
    still = ["  A position is open after the last bar; it is no trade yet."] if held else []
    if trades.is_empty():
        return ["No trades were closed.", *still]
    last = trades.tail(_LAST_TRADES)
    rows = [("Side", "Entry", "at", "Exit", "at", "Bars", "Profit")]
    rows += [
        (
            t["side"],
            days[t["entry_bar"]].isoformat(),
            _price(t["entry_price"]),
            days[t["exit_bar"]].isoformat(),
            _price(t["exit_price"]),
            f"{t['exit_bar'] - t['entry_bar']:,}",
            shown(t["pnl"], "money"),
        )
        for t in last.iter_rows(named=True)
    ]
    head = f"Last {len(last)} of {len(trades):,} trades" if len(last) < len(trades) else "Trades"
    return [head, *table(rows, "<<><>>>"), *still]
