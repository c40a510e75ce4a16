"""What a simulation came to, as a value and as a page of text."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

from wfo.backtest import Simulation
from wfo.backtest.benchmark import Benchmark, profit_by_drawdown, total_return
from wfo.build import build_info
from wfo.charts import EquityChart, text_chart
from wfo.metrics import DEFINITIONS, PartMetrics, bars_held, shown
from wfo.runs import sentences as say
from wfo.runs.assumed import Assumed, assumed_lines
from wfo.runs.slices import Slice
from wfo.strategy import Number
from wfo.text import params_lines, table, wrap_text

#: Trades that are shown; a file has them all.
_LAST_TRADES = 10

#: Figures that differ from a run's which are shown.
_MOST_DIFFERENCES = 10

#: Share of bars held long below which a strategy counts as often out of the market.
_OFTEN_OUT = 0.9

_WIDTH = 80

_PARTS = ("in_sample", "out_of_sample", "whole")

_HELD = (
    "B&H is buy-and-hold: {symbol} bought at the open of the first trading bar with the same"
    " capital, costs and lots, and never sold."
)

_HELD_IDLE = "The capital does not pay for one lot of it, so that it stays in cash."

_EXPOSED = (
    "Where the set is often out of the market, {name} is buy-and-hold of the same exposure: its"
    " return times the share of bars held long, the rest in cash."
)


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedSlice:
    """One slice of the bars: the set on it, and buy-and-hold.

    Attributes
    ----------
    chosen
        Which bars.
    days
        Date of every bar.
    simulation
        Trades and equity.
    parts, held
        Metrics of the set, and of buy-and-hold: in- and out-of-sample, and of the whole.
    long
        Shares of the bars that the set holds long, fractions of the same three.
    benchmark
        Figures of buy-and-hold, as gates compare with them.
    chart
        The equity from the mark before the first trading bar on.
    """

    chosen: Slice
    days: Sequence[dt.date]
    simulation: Simulation
    parts: PartMetrics
    held: PartMetrics
    long: tuple[float, ...]
    benchmark: Benchmark
    chart: EquityChart

    @property
    def often_out(self) -> bool:
        """Whether the set is often out of the market, or short."""
        return self.long[2] < _OFTEN_OUT

    @property
    def oos_return(self) -> float:
        """Out-of-sample return of the set, a fraction."""
        sim = self.simulation
        return total_return(self.benchmark.capital, sim.is_pnl, sim.oos_pnl)

    @property
    def is_return(self) -> float:
        """In-sample return of the set, a fraction."""
        return self.simulation.is_pnl / self.benchmark.capital

    @property
    def by_drawdown(self) -> float:
        """Out-of-sample profit by drawdown of the set."""
        return profit_by_drawdown(self.simulation.oos_pnl, self.simulation.oos_dd)


@dataclass(frozen=True, slots=True)
class Claim:
    """How a simulation compares with what a run has stored.

    Attributes
    ----------
    named
        The candidate; None of a set that comes from none.
    where
        The run.
    changed
        What differs from the run, so that other figures are to be expected.
    compared
        How many figures were compared.
    differences
        Those that are not equal, in words.
    version
        That of the package which the run was made with.
    kind
        ``"run"``, or ``"file"`` where the figures are those that a set file states.
    """

    named: str | None
    where: str
    changed: tuple[str, ...]
    compared: int
    differences: tuple[str, ...]
    version: str
    kind: Literal["run", "file"] = "run"

    @property
    def obstacle(self) -> str | None:
        """Why the run cannot be relied on; None where nothing says so."""
        if not self.differences:
            return None
        own = build_info()["version"]
        made = f"; the {self.kind} was made by wfo {self.version}, this is {own}"
        again = "the run's command with --fresh makes it anew"
        if self.kind == "file":
            again = "'wfo export' writes the set anew"
        return (
            f"the simulation does not reproduce {self.named} in {self.where}:"
            f" {len(self.differences)} of {self.compared} figures differ"
            f"{made if own != self.version else ''}; {again}"
        )

    def lines(self) -> list[str]:
        """Return it in words, as lines of the page."""
        listed: tuple[str, ...] = ()
        if self.differences:
            head = f"Does NOT reproduce {self.named} in {self.where}:"
            listed = self.differences[:_MOST_DIFFERENCES]
            more = len(self.differences) - len(listed)
            listed = (*listed, f"and {more} more") if more else listed
        elif self.named is None:
            rest = "; besides, it differs from the run in" if self.changed else ", all else is its"
            head = f"A set of its own on the run in {self.where}{rest}:"
            head, listed = (head, self.changed) if self.changed else (f"{head[:-1]}.", ())
        elif self.changed:
            head = (
                f"Not {self.named} as it is in {self.where}, so the figures are others; it differs"
                " in:"
            )
            listed = self.changed
        elif not self.compared:
            head = f"Of {self.named} in {self.where} no figures are stored to compare with."
        else:
            head = (
                f"Reproduces {self.named} in {self.where}: all {self.compared} figures that the"
                f" {self.kind} has stored for what is shown are equal."
            )
        hung = (line for text in listed for line in wrapped(text, "  ", hang="  "))
        return [*wrapped(head), *hung]


class Claimed(Protocol):
    """How figures compare with stored ones; see `Claim`."""

    def lines(self) -> list[str]:
        """Return it in words, as lines of a page."""
        ...


class Headed(Protocol):
    """What pages of simulations begin with; `SimulationReport` says what each is."""

    @property
    def title(self) -> str:
        """Symbols, strategy and slice in a line."""
        ...

    @property
    def params(self) -> Mapping[str, Number]:
        """All parameters."""
        ...

    @property
    def methods(self) -> Mapping[str, str]:
        """The methods that values of it stand for."""
        ...

    @property
    def assumed(self) -> tuple[Assumed, ...]:
        """What is assumed."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the bars and the slice."""
        ...

    @property
    def claim(self) -> Claimed | None:
        """How it compares with what is stored."""
        ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SimulationReport:
    """What the simulation of one slice came to.

    Attributes
    ----------
    title
        Symbols, strategy and slice in a line.
    symbol
        The first symbol, which is traded.
    params
        All parameters, in canonical order.
    assumed, notes
        What is assumed, and notes on the bars and the slice.
    simulated
        The bars, the set and buy-and-hold.
    claim
        How it compares with a run; None where it is of none.
    written
        Files that were written.
    methods
        By parameter, the name of the method that its value stands for.
    """

    title: str
    symbol: str
    params: Mapping[str, Number]
    assumed: tuple[Assumed, ...]
    notes: tuple[str, ...]
    simulated: SimulatedSlice
    claim: Claim | None
    written: tuple[Path, ...]
    methods: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"SimulationReport({self.title}: {len(self.simulation.trades):,} trades)"

    @property
    def simulation(self) -> Simulation:
        """Trades and equity."""
        return self.simulated.simulation

    @property
    def parts(self) -> PartMetrics:
        """Metrics in- and out-of-sample, and of the whole."""
        return self.simulated.parts

    @property
    def obstacle(self) -> str | None:
        """Why the run cannot be relied on; None where nothing says so."""
        return None if self.claim is None else self.claim.obstacle

    def page(self, chart_width: int | None = None) -> str:
        """Return parameters, metrics, the last trades and files as text.

        Parameters
        ----------
        chart_width
            Columns of a chart in plain characters; without it there is none.
        """
        lines = head_lines(self)
        lines += ["", *_metrics_lines(self.simulated, self.symbol)]
        lines += ["", *trades_lines(self.simulation, self.simulated.days)]
        lines += unfilled_lines([(self.simulated.chosen.number, self.simulation)])
        if chart_width is not None:
            lines += ["", *text_chart(self.simulated.chart, chart_width).splitlines()]
        return "\n".join(lines + written_lines(self.written)) + "\n"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PhasesReport:
    """What a set of a run came to over all phases of the run.

    Attributes
    ----------
    title
        Symbols, strategy and candidate in a line.
    symbol, params, assumed, notes, claim, written, methods
        As in `SimulationReport`.
    slices
        The phases, in order.
    command
        What to type to see more of one of them; None where there is no such command.
    """

    title: str
    symbol: str
    params: Mapping[str, Number]
    assumed: tuple[Assumed, ...]
    notes: tuple[str, ...]
    slices: tuple[SimulatedSlice, ...]
    claim: Claim | None
    written: tuple[Path, ...]
    command: str | None = None
    methods: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"PhasesReport({self.title}: {len(self.slices)} phases)"

    @property
    def obstacle(self) -> str | None:
        """Why the run cannot be relied on; None where nothing says so."""
        return None if self.claim is None else self.claim.obstacle

    def page(self, chart_width: int | None = None) -> str:
        """Return parameters, figures by phase beside buy-and-hold's, and files as text.

        Parameters
        ----------
        chart_width
            Columns of a chart of each phase in plain characters; without it there is none.
        """
        lines = head_lines(self)
        lines += ["", *_phase_lines(self.slices, self.symbol)]
        lines += ["", *_money_lines(self.slices)]
        lines += unfilled_lines([(s.chosen.number, s.simulation) for s in self.slices])
        for each in self.slices if chart_width is not None else ():
            lines += ["", *text_chart(each.chart, chart_width or _WIDTH).splitlines()]
        lines += written_lines(self.written)
        if self.command is not None:
            lines += ["", "All metrics and trades of one phase:", f"  {self.command}"]
        return "\n".join(lines) + "\n"


def head_lines(report: Headed) -> list[str]:
    """Return what is simulated, and on what."""
    said = params_lines(report.params, _WIDTH - 2, report.methods)
    lines = [report.title, *said, *assumed_lines(report.assumed)]
    for note in report.notes:
        lines += wrapped(f"Note: {note}.", "  ", hang="  ")
    if report.claim is not None:
        lines += ["", *report.claim.lines()]
    return lines


def wrapped(text: str, indent: str = "", hang: str = "") -> list[str]:
    """Return a text as lines of a page, the first indented, the others by `hang` more."""
    return wrap_text(text, _WIDTH, indent, hang)


def written_lines(paths: Sequence[Path]) -> list[str]:
    """Return the lines of a page that list files; none without any."""
    return ["", "Written", *(f"  {path}" for path in paths)] if paths else []


# One slice


def _metrics_lines(simulated: SimulatedSlice, symbol: str) -> list[str]:
    """Return all metrics of the set, in each part beside buy-and-hold's."""
    own, held = (
        [getattr(parts, name) for name in _PARTS] for parts in (simulated.parts, simulated.held)
    )
    rows = [("", *["Set", "B&H"] * 3)]
    for d in DEFINITIONS:
        cells = (
            short_figure(getattr(m, d.name), d.unit)
            for pair in zip(own, held, strict=True)
            for m in pair
        )
        rows.append((d.heading, *cells))
    longs = [short_figure(share, "share") for share in simulated.long]
    all_of_it = 0.0 if simulated.benchmark.idle else 1.0
    rows.append(
        ("Held long, %", *(c for share in longs for c in (share, short_figure(all_of_it, "share"))))
    )
    exposed = [
        None if m.total_return is None else m.total_return * share
        for m, share in zip(held, simulated.long, strict=True)
    ]
    if simulated.often_out:
        pairs = zip(own, exposed, strict=True)
        rows.append(
            (
                "Return as exposed, %",
                *(short_figure(v, "share") for m, e in pairs for v in (m.total_return, e)),
            )
        )
    spans = [
        f"{name}: {m.first} to {m.last}, {m.bars:,} bars"
        for name, m in zip(("In-sample", "out-of-sample"), own[:2], strict=True)
    ]
    year = f"{simulated.benchmark.bars_per_year:,.10g}"
    said = _HELD.format(symbol=symbol)
    if simulated.benchmark.idle:
        said += f" {_HELD_IDLE}"
    if simulated.often_out:
        said += " " + _EXPOSED.format(name="the last row")
    note = f"A year has {year} bars; - is what is not defined. wfo.metrics has the formulas."
    return [
        *wrapped("; ".join(spans), "  "),
        *_paired(rows, ("In-sample", "Out-of-sample", "Whole")),
        *wrapped(said, "  "),
        f"  {note}",
    ]


def _paired(rows: Sequence[Sequence[str]], groups: Sequence[str]) -> list[str]:
    """Lay out a table of pairs of columns, with a name above each pair."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    # A pair is as wide as its name.
    for g, name in enumerate(groups):
        lack = len(name) - (widths[2 * g + 1] + 2 + widths[2 * g + 2])
        widths[2 * g + 1] += max(0, lack)
    padded = [[cell.rjust(w) for cell, w in zip(row, widths, strict=True)] for row in rows]
    for row, plain in zip(padded, rows, strict=True):
        row[0] = plain[0].ljust(widths[0])
    head = " " * (2 + widths[0])
    for g, name in enumerate(groups):
        head += "  " + name.rjust(widths[2 * g + 1] + 2 + widths[2 * g + 2])
    return [head.rstrip(), *table(padded, "<" + ">" * (len(widths) - 1))]


def short_figure(value: float | None, unit: str) -> str:
    """Return a figure as text; money of 1,000 and more without decimals, so that columns fit."""
    if unit == "money" and value is not None and 999.995 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return shown(value, unit)


# All phases


def _phase_lines(slices: Sequence[SimulatedSlice], symbol: str) -> list[str]:
    """Return returns and drawdowns of every phase, each beside buy-and-hold's."""
    shorts = any((s.simulation.trades["side"] == "short").any() for s in slices)
    rows: list[tuple[str, ...]] = [
        ("Phase", "Return", "Drawdown", "Long", "Return", "A year", "Drawdown", "Trades", "Long")
    ]

    def shares(*values: float | None) -> list[str]:
        return [shown(v, "share") for v in values]

    for s in slices:
        b, own, held = s.benchmark, s.parts, s.held
        whole = 0.0 if b.idle else 1.0
        rows.append(
            (
                f"{s.chosen.number}  set",
                *shares(s.is_return, own.in_sample.max_drawdown_share, s.long[0]),
                *shares(s.oos_return, b.annual_oos(s.oos_return)),
                *shares(own.out_of_sample.max_drawdown_share),
                f"{s.simulation.oos_trades:,}",
                *shares(s.long[1]),
            )
        )
        rows.append(
            (
                "   B&H",
                *shares(b.held.is_pnl / b.capital, held.in_sample.max_drawdown_share, whole),
                *shares(b.oos_return, b.oos_return_annual),
                *shares(held.out_of_sample.max_drawdown_share),
                "0",
                *shares(whole),
            )
        )
        if s.often_out:
            exposed = b.oos_return * s.long[1]
            rows.append(
                (
                    "   exposed",
                    *shares(b.held.is_pnl / b.capital * s.long[0]),
                    "",
                    *shares(s.long[0]),
                    *shares(exposed, b.annual_oos(exposed)),
                    "",
                    "",
                    *shares(s.long[1]),
                )
            )
    lines = table(rows, "<>>>>>>>>")
    # Above the columns of either part stands its name.
    first, second = lines[0].index("Return"), lines[0].rindex("Return")
    head = " " * first + "In-sample"
    said = (
        "In percent; Long is the share of bars held long."
        if not shorts
        else "In percent; Long is the share of bars held long, so that short ones count as cash."
    )
    said = f"{said} {_HELD.format(symbol=symbol)}"
    idle = [s.chosen.number for s in slices if s.benchmark.idle]
    if idle:
        said += f" {_HELD_IDLE[:-1]}: in phase {', '.join(map(str, idle))}."
    if any(s.often_out for s in slices):
        said += " " + _EXPOSED.format(name="'exposed'")
    spans = [
        (
            str(s.chosen.number),
            *(f"{m.first} to {m.last}" for m in (s.parts.in_sample, s.parts.out_of_sample)),
        )
        for s in slices
    ]
    return [
        *table([("Phase", "In-sample", "Out-of-sample"), *spans], "<<<"),
        "",
        f"{head:<{second}}Out-of-sample",
        *lines,
        *wrapped(said, "  "),
        *_beaten(slices),
    ]


def _beaten(slices: Sequence[SimulatedSlice]) -> list[str]:
    """Say in how many phases the set is above buy-and-hold, as the gates compare."""
    returns = sum(s.oos_return > s.benchmark.return_floor for s in slices)
    risks = sum(s.by_drawdown > s.benchmark.risk_floor for s in slices)
    count = len(slices)
    # The gates compare with fractions of shares, whatever the lots.
    lots = any(s.benchmark.leaves_cash for s in slices)
    held = "buy-and-hold of fractions of shares" if lots else "buy-and-hold"
    text = (
        f"Out-of-sample the set is above {held} in {returns} of {count} phases by return,"
        f" and in {risks} of {count} by profit divided by drawdown."
    )
    return wrapped(text, "  ")


def _money_lines(slices: Sequence[SimulatedSlice]) -> list[str]:
    """Return profits and drawdowns in currency, and the profits' sum."""
    rows: list[tuple[str, ...]] = [("Phase", *["Set", "B&H"] * 3)]
    for s in slices:
        sim, held = s.simulation, s.benchmark.held
        ratios = (s.by_drawdown, profit_by_drawdown(held.oos_pnl, held.oos_dd))
        rows.append(
            (
                str(s.chosen.number),
                *(shown(v, "money") for v in (sim.oos_pnl, held.oos_pnl, sim.oos_dd, held.oos_dd)),
                *(shown(r if math.isfinite(r) else None, "ratio") for r in ratios),
            )
        )
    own = sum(s.simulation.oos_pnl for s in slices)
    other = sum(s.benchmark.held.oos_pnl for s in slices)
    lines = []
    if len(slices) > 1:
        rows.append(("Sum", *(shown(v, "money") for v in (own, other)), "", "", "", ""))
        if _overlap(slices):
            lines = wrapped(
                "The sum is over overlapping phases: what is earned on bars that several of them"
                " share counts in each.",
                "  ",
            )
    heads = ("Profit or loss", "Drawdown", "Profit by drawdown")
    return ["Out-of-sample in currency", *_paired(rows, heads), *lines]


def _overlap(slices: Sequence[SimulatedSlice]) -> bool:
    """Whether out-of-sample parts share bars."""
    parts = sorted((s.chosen.split, s.chosen.end) for s in slices)
    return any(after[0] < before[1] for before, after in pairwise(parts))


# Trades


def unfilled_lines(slices: Sequence[tuple[int | None, Simulation]]) -> list[str]:
    """Say how many entries could pay for no lot, in simulations of phases of these numbers."""
    found = [(number, u) for number, s in slices if (u := s.unfilled) is not None]
    if not found:
        return []
    count, entries = (sum(getattr(u, name) for _, u in found) for name in ("count", "entries"))
    least = min((u for _, u in found), key=lambda u: u.lot_cost)
    where = ""
    if len(slices) > 1:
        numbers = ", ".join(str(number) for number, _ in found)
        where = f"Phase{'s'[: len(found) - 1]} {numbers}"
    about = count, entries, least.lot_size, least.lot_cost, least.equity, where
    return [
        line
        for text in (say.unfilled_all(*about), say.unfilled_some(*about))
        for line in wrapped(text, "  ")
    ]


def _price(value: float) -> str:
    return f"{value:,.2f}" if value >= 10 else f"{value:.5g}"


def trades_lines(simulation: Simulation, days: Sequence[dt.date]) -> list[str]:
    """Return the last trades as a table, and whether a position is still open."""
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
