"""What backtests return: a simulation of one parameter set, a sweep of a grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from wfo.arguments import instance, text, whole_number
from wfo.backtest.figures import (
    EXTENDED,
    EXTENDED_NAMES,
    LABEL_FIELDS,
    NAMES,
    STANDARD_NAMES,
    UNDEFINED,
    Figures,
    not_finite,
)
from wfo.errors import InputError, did_you_mean
from wfo.grid import Grid
from wfo.strategy import Number
from wfo.windows import Phase

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from wfo.backtest.benchmark import Benchmark
    from wfo.charts import DisplayedChart
    from wfo.metrics import PartMetrics

    FloatArray = NDArray[np.float64]
    CountArray = NDArray[np.uint32]

#: What an engine says of each closed trade.
TRADE_COLUMNS = ("side", "entry_bar", "entry_price", "exit_bar", "exit_price", "pnl")


class DatedSet(NamedTuple):
    """A parameter set, and the bar from whose orders on it holds."""

    first: int
    values: tuple[Number, ...]


class EngineResult(NamedTuple):
    """What an engine makes of one backtest.

    Attributes
    ----------
    figures
        By name, the extended ones where the engine has them, and ``label_sum_r`` and
        ``label_sum_r2``, float64[labels], where there are labels.
    trades
        `TRADE_COLUMNS` by name, side as +1 or -1.
    equity
        float64[n]: the mark at every close.
    reversals
        Bars, and the mark at the reversal's fill in each.
    """

    figures: Mapping[str, Any]
    trades: Mapping[str, NDArray[Any]]
    equity: FloatArray
    reversals: tuple[NDArray[Any], FloatArray] | None = None

    def finite(self) -> EngineResult:
        """Return it, if its marks and figures are numbers.

        Raises
        ------
        InputError
            With the first one that is infinite, or NaN where the contract does not say so.
        """
        import numpy as np

        wrong = ~np.isfinite(self.equity)
        if wrong.any():
            raise InputError(not_finite("the backtest", f"equity in bar {int(wrong.argmax())}"))
        for name, value in self.figures.items():
            found = np.isinf(value) if name in UNDEFINED else ~np.isfinite(value)
            if np.any(found):
                raise InputError(not_finite("the backtest", name))
        return self


#: What a kernel says of the bar after the last one: the state by name, and an item by name for each
#: order; None where it does not say.
SaidOrders = tuple[dict[str, Any], list[dict[str, Any]]] | None


@dataclass(frozen=True, slots=True)
class Unfilled:
    """Entries of a simulation that traded no shares, since the equity did not pay for one lot.

    Attributes
    ----------
    count
        How many.
    entries
        Entries of the same parameter set with fractions of shares: these, and those that bought.
    lot_size
        Shares of a lot.
    lot_cost
        What one lot came to at the entry where that was least, costs included, in currency.
    equity
        What there was to pay for it, in currency: the equity, or the starting capital if sizing is
        fixed and that is less.
    """

    count: int
    entries: int
    lot_size: float
    lot_cost: float
    equity: float

    @property
    def all(self) -> bool:
        """Whether no entry bought anything."""
        return self.count == self.entries


def _nearest(name: str) -> str:
    """Return a hint where `name` looks like a figure; what notebooks probe for does not."""
    return did_you_mean(name, NAMES) if name.startswith(("is_", "oos_")) else ""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Simulation:
    """One parameter set over one phase.

    The extended figures of the schema are attributes too, as in ``sim.oos_wins``;
    `wfo.backtest.figures` lists them with their units.

    Attributes
    ----------
    trades
        Closed trades, oldest first: ``side`` (``"long"`` or ``"short"``), ``entry_bar``,
        ``entry_price``, ``exit_bar``, ``exit_price`` (raw fills, before slippage), ``pnl``, and
        ``entry_date, exit_date`` of daily bars or ``entry_datetime, exit_datetime`` of others.
    equity
        float64[n], in currency: the mark at every close, the capital before the first trading bar.
    is_pnl, oos_pnl, is_dd, oos_dd
        Profit or loss and largest drawdown, in- and out-of-sample, in currency.
    is_trades, oos_trades
        Trades closed in- and out-of-sample.
    extended
        The extended figures by name, where the engine has them.
    reversals
        Bars of the reversals, int64[k], and the mark at the fill of each, float64[k]: it comes
        before its bar's close, and drawdowns look at it.
    label_sum_r, label_sum_r2
        Sums of the bars' returns, and of their squares, by label, float64[labels]; None without
        labels.
    dates
        The bars' dates or date-times, a Polars series of n.
    bounds
        First trading bar, first out-of-sample bar, one past the last bar.
    strategy
        Name of the strategy.
    held
        float64[n], in currency: the mark of buy-and-hold at every close, with the capital, costs
        and lots of the simulation; None where the prices are not known.
    unfilled
        Entries that traded no shares, since the equity did not pay for one lot; None where there
        are none.
    """

    trades: pl.DataFrame
    equity: FloatArray
    is_pnl: float
    oos_pnl: float
    is_dd: float
    oos_dd: float
    is_trades: int
    oos_trades: int
    extended: Mapping[str, float] = field(default_factory=dict)
    reversals: tuple[NDArray[np.int64], FloatArray] | None = None
    label_sum_r: FloatArray | None = None
    label_sum_r2: FloatArray | None = None
    dates: pl.Series | None = None
    bounds: tuple[int, int, int] | None = None
    strategy: str = ""
    held: FloatArray | None = None
    unfilled: Unfilled | None = None

    @classmethod
    def of(
        cls,
        result: EngineResult,
        dates: pl.Series | None = None,
        bounds: tuple[int, int, int] | None = None,
        strategy: str = "",
        held: FloatArray | None = None,
    ) -> Simulation:
        """Return what an engine found.

        Raises
        ------
        InputError
            If a mark or figure is no number.
        """
        import numpy as np
        import polars as pl

        result.finite()

        side = pl.when(pl.col("side") > 0).then(pl.lit("long")).otherwise(pl.lit("short"))
        trades = pl.DataFrame(dict(result.trades)).with_columns(
            side.alias("side"), pl.col("entry_bar", "exit_bar").cast(pl.Int64)
        )
        if dates is not None:
            trades = trades.with_columns(
                dates.gather(trades[f"{stage}_bar"]).alias(f"{stage}_{dates.name}")
                for stage in ("entry", "exit")
            )
        figures = result.figures
        extended = {
            each.name: (int if each.unit == "count" else float)(figures[each.name])
            for each in EXTENDED
            if each.name in figures
        }
        reversals = result.reversals
        if reversals is not None:
            reversals = reversals[0].astype(np.int64), reversals[1]
        return cls(
            trades=trades,
            equity=result.equity,
            is_pnl=float(figures["is_pnl"]),
            oos_pnl=float(figures["oos_pnl"]),
            is_dd=float(figures["is_dd"]),
            oos_dd=float(figures["oos_dd"]),
            is_trades=int(figures["is_trades"]),
            oos_trades=int(figures["oos_trades"]),
            extended=extended,
            reversals=reversals,
            label_sum_r=figures.get("label_sum_r"),
            label_sum_r2=figures.get("label_sum_r2"),
            dates=dates,
            bounds=bounds,
            strategy=strategy,
            held=held,
        )

    def __getattr__(self, name: str) -> float:
        if name in EXTENDED_NAMES and name in self.extended:
            return self.extended[name]
        raise AttributeError(f"a simulation has no {name!r}{_nearest(name)}")

    @property
    def figures(self) -> dict[str, float]:
        """All figures by name, in the order of the schema."""
        return {name: getattr(self, name) for name in STANDARD_NAMES} | dict(self.extended)

    def equity_frame(self) -> pl.DataFrame:
        """Return the marks with their dates: ``date`` or ``datetime``, ``equity``; n rows."""
        import polars as pl

        dates, _ = self._dated()
        return pl.DataFrame([dates, pl.Series("equity", self.equity)])

    def metrics(self, bars_per_year: float | None = None) -> PartMetrics:
        """Return the figures of return, risk and trades, in-sample, out-of-sample and of both.

        Parameters
        ----------
        bars_per_year
            What makes a figure of one bar annual; by default it follows from the bars' spacing.

        Raises
        ------
        InputError
            If there is no bar before the first trading one, or the simulation has no dates.
        """
        from wfo.bars import days
        from wfo.metrics import inferred_bars_per_year, simulation_metrics

        dates, (warmup, split, _) = self._dated()
        year = inferred_bars_per_year(dates) if bars_per_year is None else bars_per_year
        return simulation_metrics(self, days(dates), warmup=warmup, split=split, bars_per_year=year)

    def plot(self, path: str | Path | None = None, *, title: str | None = None) -> DisplayedChart:
        """Draw equity and drawdown beside buy-and-hold's, with the boundary between the parts.

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
            If the ending is another one, or matplotlib is missing.
        ResultsError
            If the file cannot be written.
        """
        from pathlib import Path

        from wfo.bars import days
        from wfo.charts import DisplayedChart, EquityChart, write_chart

        if path is not None:
            path = Path(instance("path", path, (str, Path), "a file's name"))
        if title is not None:
            title = text("title", title)
        dates, (warmup, split, end) = self._dated()
        start = warmup - 1
        shown = days(dates[start:])
        heading = title or f"{self.strategy}, {shown[1]} to {shown[-1]}"
        held = None if self.held is None else self.held[start:end]
        chart = EquityChart(heading, shown, self.equity[start:end], split - start, held)
        if path is not None:
            write_chart(chart, path)
        return DisplayedChart(chart)

    def _dated(self) -> tuple[pl.Series, tuple[int, int, int]]:
        if self.dates is None or self.bounds is None:
            raise InputError("this simulation has no dates; wfo.simulate returns one that has")
        return self.dates, self.bounds

    def __repr__(self) -> str:
        lots = self.unfilled
        lacking = "" if lots is None else f", {lots.count} of {lots.entries} entries below one lot"
        return (
            f"Simulation({self.strategy or 'unnamed'}, {len(self.equity):,} bars,"
            f" is_pnl {self.is_pnl:,.2f} in {self.is_trades} trades,"
            f" oos_pnl {self.oos_pnl:,.2f} in {self.oos_trades} trades{lacking})"
        )

    def _repr_html_(self) -> str:
        from wfo.backtest.display import simulation_html

        try:
            found = self.metrics()
        except InputError:
            # Without dates, or in parts too short for them, there are figures all the same.
            found = None
        return simulation_html(repr(self), found, {n: getattr(self, n) for n in STANDARD_NAMES})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SweepResult:
    """A grid over one phase; cell ``i`` of every array belongs to combination ``i``.

    The extended figures of the schema are attributes too, as in ``res.oos_wins``, where the sweep
    was asked for them; `wfo.backtest.figures` lists them with their units.

    Attributes
    ----------
    grid
        The grid that was swept.
    bounds
        First trading bar, first out-of-sample bar, one past the last bar.
    is_pnl, oos_pnl, is_dd, oos_dd
        float64[len(grid)], in currency.
    is_trades, oos_trades
        uint32[len(grid)].
    phase
        The phase, where the sweep was given a schedule.
    min_phases
        Valid phases that the schedule asks of a stable combination, where there is one.
    extended
        The extended figures by name, float64[len(grid)] or uint32[len(grid)] each.
    label_sum_r, label_sum_r2
        Sums of the bars' returns, and of their squares, by label, float64[len(grid), labels]; None
        without labels.
    capital
        What every backtest started with, in currency.
    dates
        The bars' dates or date-times.
    engine, reason
        The engine that computed it, and why a faster one was passed over.
    benchmark
        Buy-and-hold of the first symbol over the same phase.
    """

    grid: Grid
    bounds: tuple[int, int, int]
    is_pnl: FloatArray
    oos_pnl: FloatArray
    is_dd: FloatArray
    oos_dd: FloatArray
    is_trades: CountArray
    oos_trades: CountArray
    phase: Phase | None = None
    min_phases: int | None = None
    extended: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    label_sum_r: FloatArray | None = None
    label_sum_r2: FloatArray | None = None
    capital: float | None = None
    dates: pl.Series | None = None
    engine: str = ""
    reason: str = ""
    benchmark: Benchmark | None = None

    @classmethod
    def of(
        cls,
        grid: Grid,
        bounds: tuple[int, int, int],
        figures: Figures,
        phase: Phase | None = None,
        min_phases: int | None = None,
        **about: Any,
    ) -> SweepResult:
        """Return the figures of a whole grid as a result."""
        named = figures._asdict()
        sums = {name: named.pop(name, None) for name in LABEL_FIELDS}
        standard = {name: named.pop(name) for name in STANDARD_NAMES}
        return cls(
            grid=grid,
            bounds=bounds,
            phase=phase,
            min_phases=min_phases,
            extended=named,
            **standard,  # type: ignore[arg-type]  # by name, from the schema
            **sums,  # type: ignore[arg-type]  # likewise
            **about,
        )

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name in EXTENDED_NAMES:
            if name in self.extended:
                return self.extended[name]
            raise AttributeError(f"{name} is an extended figure; sweep with figures='extended'")
        raise AttributeError(f"a sweep has no {name!r}{_nearest(name)}")

    def __len__(self) -> int:
        return len(self.grid)

    def figures(self, start: int = 0, stop: int | None = None) -> Figures:
        """Return the six standard arrays, or a slice of them.

        Raises
        ------
        InputError
            If an end of the slice is no whole number.
        """
        start = whole_number("start", start)
        stop = None if stop is None else whole_number("stop", stop)
        return Figures(*(getattr(self, name)[start:stop] for name in STANDARD_NAMES))

    def params(self, index: int) -> dict[str, Number]:
        """Return combination `index` as a dict."""
        return self.grid.params(index)

    @property
    def nbytes(self) -> int:
        """Memory that the arrays take, in bytes."""
        sums = [s for s in (self.label_sum_r, self.label_sum_r2) if s is not None]
        return sum(a.nbytes for a in (*self.figures(), *self.extended.values(), *sums))

    def to_frame(self) -> pl.DataFrame:
        """Return one row a combination, in flat index order: its parameters and all its figures.

        The sums by label are no columns of it.
        """
        import numpy as np
        import polars as pl

        columns: dict[str, Any] = self.grid.columns(np.arange(len(self.grid), dtype=np.int64))
        return pl.DataFrame(columns | self.figures()._asdict() | dict(self.extended))

    def metrics(self, bars_per_year: float | None = None) -> pl.DataFrame:
        """Return what `Simulation.metrics` would of every combination, from the extended figures.

        Parameters
        ----------
        bars_per_year
            What makes a figure of one bar annual; by default as the sweep counts.

        Returns
        -------
        polars.DataFrame
            One row a combination, in flat index order: its parameters, then ``is_…`` and ``oos_…``
            of ``total_return, cagr, volatility, sharpe, sortino, mar, max_drawdown_share,
            win_rate, profit_factor, average_win, average_loss, expectancy, exposure``, null where
            one is not defined. ``mar`` is what is called Calmar over three years.

        Raises
        ------
        InputError
            If the sweep was not asked for extended figures.
        """
        import numpy as np
        import polars as pl

        from wfo.backtest.sweep_metrics import part_metrics
        from wfo.data.years import checked_bars_per_year
        from wfo.metrics import inferred_bars_per_year

        if not self.extended or self.capital is None:
            raise InputError("metrics of a sweep need its extended figures: figures='extended'")
        if bars_per_year is None and self.benchmark is not None:
            bars_per_year = self.benchmark.bars_per_year
        if bars_per_year is None:
            if self.dates is None:
                raise InputError("this sweep has no dates; give bars_per_year")
            bars_per_year = inferred_bars_per_year(self.dates)
        bars_per_year = checked_bars_per_year(bars_per_year)
        warmup, split, end = self.bounds
        found: dict[str, Any] = self.grid.columns(np.arange(len(self.grid), dtype=np.int64))
        whole = self.figures()._asdict() | dict(self.extended)
        capital = np.full(len(self), self.capital)
        for part, start, bars in (
            ("is_", capital, split - warmup),
            ("oos_", capital + self.is_pnl, end - split),
        ):
            own = {n.removeprefix(part): c for n, c in whole.items() if n.startswith(part)}
            columns = part_metrics(own, start, bars, bars_per_year)
            found |= {part + name: column for name, column in columns.items()}
        return pl.DataFrame(found, nan_to_null=True)

    def __repr__(self) -> str:
        size = f", {self.nbytes / 1e6:,.1f} MB" if self.nbytes >= 1e5 else ""
        return f"SweepResult({self.grid!r}, {self._span()}{size})"

    def _span(self) -> str:
        """Return where it trades, by dates where they are known."""
        warmup, split, end = self.bounds
        if self.dates is None:
            return f"bars {self.bounds}"
        from wfo.bars import days

        first, split_day, last = days(self.dates.gather([warmup, split, end - 1]))
        number = f"phase {self.phase.number}, " if self.phase else ""
        return f"{number}{first} to {last}, out-of-sample from {split_day}"

    def _repr_html_(self) -> str:
        from wfo.backtest.display import sweep_html

        return sweep_html(repr(self), self.figures()._asdict())
