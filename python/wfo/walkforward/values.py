"""What a walk-forward comes to: decisions, figures by window, the stitched curve, fixed sets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from wfo.arguments import instance, text
from wfo.backtest.benchmark import MARGIN
from wfo.metrics import shown
from wfo.stats.efficiency import Efficiency, TradeStationVerdict
from wfo.text import html_table
from wfo.walkforward.components import Chooser, Curve, Decision, FixedSet, Params, WindowResult
from wfo.windows import WalkWindows

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from wfo.charts import DisplayedChart, EquityChart

__all__ = [
    "Chooser",
    "Curve",
    "Decision",
    "FixedSet",
    "Params",
    "WalkForward",
    "WindowResult",
]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WalkForward:
    """A walk-forward: one out-of-sample curve, and how every window came to it.

    Attributes
    ----------
    strategy, grid
        Names; of a study the grid is the study's name.
    symbols
        The symbol, or two; empty where they are not known.
    by
        What sets are chosen by.
    windows
        The schedule on the bars.
    results
        One item a window.
    dates
        Dates of the m + 1 marks of the curves.
    stitched
        The sets one after the other as a single backtest: position and cash go over a boundary.
    held
        Buy-and-hold over the same bars, with the same capital, costs and lots.
    exposure_return
        Return of `held` times the share of bars at whose close a long is held: that share of the
        capital bought once, the rest in cash.
    fixed
        Sets that are never changed.
    efficiency, tradestation
        Over the windows as traded: profits are returns on the starting capital, in-sample of the
        chosen sets, out-of-sample of the stitched curve.
    drift
        By parameter, mean absolute steps of the grid from one decision to the next; None without
        two decisions, or where a value is none of the grid.
    trades
        Closed trades of the stitched curve, as of `wfo.Simulation`.
    searched
        Combinations that were looked at, over all distinct in-sample parts.
    capital
        What it starts with, in currency.
    bars_per_year
        What makes figures annual.
    settings
        Costs and the like as plain values, for what says what was assumed.
    notes
        What was assumed or changed, one sentence each.
    """

    strategy: str
    grid: str
    symbols: tuple[str, ...]
    by: str
    windows: WalkWindows
    results: tuple[WindowResult, ...]
    dates: tuple[dt.date, ...]
    stitched: Curve
    held: Curve
    exposure_return: float | None
    fixed: tuple[FixedSet, ...]
    efficiency: Efficiency
    tradestation: TradeStationVerdict
    drift: Mapping[str, float | None]
    trades: pl.DataFrame
    searched: int
    capital: float
    bars_per_year: float
    settings: Mapping[str, object]
    notes: tuple[str, ...] = ()

    @property
    def random_timing_return(self) -> float | None:
        """Return of being long on as many bars drawn at random, about the median of all draws.

        It is buy-and-hold's growth to the power of the share of bars at whose close a long is held.
        `exposure_return` is never less: there that share is of the capital, bought once, and grows
        with what is held. None where buy-and-hold returns nothing, or all is lost, or what was read
        from a file makes it no share.
        """
        gain, exposed = self.held.metrics.total_return, self.exposure_return
        if not gain or exposed is None or gain <= -1:
            return None
        held_long = exposed / gain
        return float((1 + gain) ** held_long - 1) if 0 <= held_long <= 1 + MARGIN else None

    def windows_frame(self) -> pl.DataFrame:
        """Return one row a window.

        Its dates, the decision, ``params_…`` of the set that trades, ``drift_…`` in steps of the
        grid, efficiencies, and the figures of `Metrics` as ``in_sample_…, alone_…, traded_…,
        held_…``; null where one is not defined.
        """
        from wfo.walkforward.frames import windows_frame

        return windows_frame(self.results, list(self.drift))

    def equity_frame(self) -> pl.DataFrame:
        """Return one row a mark, m + 1 of them.

        ``date``, ``window`` (whose set trades; null in the first row), ``stitched``,
        ``buy_and_hold``, and a column for each fixed set, named by its key; in currency.
        """
        from wfo.walkforward.frames import equity_frame

        return equity_frame(self.dates, self.results, self.stitched, self.held, self.fixed)

    def chart(self, title: str | None = None) -> EquityChart:
        """Return the stitched curve beside buy-and-hold and the first set, kept, as a chart.

        Vertical lines stand where another set takes over.

        Parameters
        ----------
        title
            One line above it.

        Raises
        ------
        InputError
            If a single bar was traded.
        """
        from wfo.charts import EquityChart

        begin = self.windows[0].split
        return EquityChart(
            self._title() if title is None else text("title", title),
            self.dates,
            self.stitched.equity,
            None,
            self.held.equity,
            name="Stitched",
            # What has seen these bars would set the scale.
            others=[(f.label, f.curve.equity) for f in self.fixed if f.key == "first"],
            decisions=[window.split - begin for window in self.windows[1:]],
        )

    def plot(self, path: str | Path | None = None, *, title: str | None = None) -> DisplayedChart:
        """Draw the stitched curve and its drawdown beside buy-and-hold and the first set, kept.

        Parameters
        ----------
        path
            A ``.png`` or ``.html`` file to write it to; a PNG needs matplotlib.
        title
            One line above it.

        Returns
        -------
        DisplayedChart
            What a notebook shows.

        Raises
        ------
        InputError
            If the ending is another one, matplotlib is missing, or a single bar was traded.
        ResultsError
            If the file cannot be written.
        """
        from pathlib import Path

        from wfo.charts import DisplayedChart, write_chart

        if path is not None:
            path = Path(instance("path", path, (str, Path), "a file's name"))
        chart = self.chart(title)
        if path is not None:
            write_chart(chart, path)
        return DisplayedChart(chart)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but curves and trades as plain values, ready for JSON.

        `equity_frame` has the curves, and `trades` the trades.
        """
        return {
            "strategy": self.strategy,
            "grid": self.grid,
            "symbols": list(self.symbols),
            "by": self.by,
            "windows": self.windows.to_dict(),
            "results": [result.to_dict() for result in self.results],
            "stitched": self.stitched.metrics.to_dict(),
            "held": self.held.metrics.to_dict(),
            "exposure_return": self.exposure_return,
            "fixed": [
                {
                    "key": each.key,
                    "label": each.label,
                    "params": dict(each.params),
                    "metrics": each.curve.metrics.to_dict(),
                }
                for each in self.fixed
            ],
            "efficiency": asdict(self.efficiency),
            "tradestation": [asdict(each) for each in self.tradestation.conditions],
            "drift": dict(self.drift),
            "searched": self.searched,
            "capital": self.capital,
            "bars_per_year": self.bars_per_year,
            "settings": dict(self.settings),
            "notes": list(self.notes),
        }

    def _title(self) -> str:
        names = "/".join(self.symbols)
        parts = (names, self.strategy, self.grid, self.windows.schedule.name)
        return " ".join(part for part in parts if part)

    def __repr__(self) -> str:
        found = self.stitched.metrics
        efficiency = shown(self.efficiency.annual, "ratio")
        return (
            f"WalkForward({self._title()} by {self.by}, {len(self.results)} windows, {found.first}"
            f" to {found.last}: return {shown(found.total_return, 'share')} %, drawdown"
            f" {shown(found.max_drawdown_share, 'share')} %, buy-and-hold"
            f" {shown(self.held.metrics.total_return, 'share')} %, annual efficiency {efficiency})"
        )

    def _repr_html_(self) -> str:
        from wfo.walkforward.frames import rows

        return html_table(repr(self), rows(self.results))
