"""One parameter set on stored bars: its metrics, trades, equity, files and chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wfo import metrics
from wfo.backtest import Simulation
from wfo.backtest import simulate as backtest
from wfo.backtest.benchmark import benchmark
from wfo.backtest.figures import STANDARD, Figures, as_stored
from wfo.bars import Prices
from wfo.charts import EquityChart, require_drawable, write_chart
from wfo.data.frames import PRICES, time_column
from wfo.files import write_frame
from wfo.runs.basis import Basis, SimulationPlan, basis_of
from wfo.runs.simulation_report import Claim, PhasesReport, SimulatedSlice, SimulationReport
from wfo.runs.slices import Slice

if TYPE_CHECKING:
    import polars as pl

    from wfo.data import DataStore

__all__ = ["SimulationPlan", "equity_frame", "simulate", "trades_frame"]


def simulate(plan: SimulationPlan, store: DataStore) -> SimulationReport | PhasesReport:
    """Simulate one parameter set, and write the files that were asked for.

    Parameters
    ----------
    plan
        What to do.
    store
        Where the bars are.

    Returns
    -------
    SimulationReport or PhasesReport
        The latter of a run's candidate over all phases of the run.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if a file cannot be
        written.
    """
    for path in plan.plots:
        require_drawable(path)
    basis = basis_of(plan, store)
    year = metrics.bars_per_year(basis.inputs.data.timeframe, basis.days)
    slices = tuple(_simulated(basis, chosen, year) for chosen in basis.slices)
    written = tuple(_write(plan, basis, slices))
    claim = _claim(basis, slices)
    if basis.whole:
        return PhasesReport(
            basis.title,
            basis.inputs.data.symbol,
            basis.params,
            basis.assumed,
            basis.notes,
            slices,
            claim,
            written,
            basis.command,
        )
    (only,) = slices
    return SimulationReport(
        only.chart.title,
        basis.inputs.data.symbol,
        basis.params,
        basis.assumed,
        basis.notes,
        only,
        claim,
        written,
    )


def _simulated(basis: Basis, chosen: Slice, year: float) -> SimulatedSlice:
    """Simulate a slice of the bars, and buy-and-hold beside it."""
    import numpy as np

    inputs = basis.inputs
    bars, days = inputs.bars[: chosen.end], basis.days[: chosen.end]
    simulation = backtest.simulate(
        basis.strategy,
        bars,
        basis.params,
        split=chosen.split,
        warmup=chosen.warmup,
        bars2=None if inputs.second is None else inputs.second[: chosen.end],
        settings=basis.settings,
        engine=basis.engine,
    )
    assert simulation.held is not None  # noqa: S101  # there are prices
    prices = Prices(*(bars[name].cast(float).to_numpy() for name in PRICES))
    at = {"warmup": chosen.warmup, "split": chosen.split}
    long = metrics.bars_long(
        simulation.equity, simulation.trades, prices.close, shorts=basis.strategy.shorts
    )
    shares = (
        float(np.mean(long[first:stop]))
        for first, stop in (
            (chosen.warmup, chosen.split), (chosen.split, chosen.end), (chosen.warmup, chosen.end)
        )
    )  # fmt: skip
    start = chosen.warmup - 1
    held = benchmark(prices, chosen.bounds, basis.settings, year)
    return SimulatedSlice(
        chosen=chosen,
        days=days,
        simulation=simulation,
        parts=metrics.simulation_metrics(simulation, days, **at, bars_per_year=year),
        held=metrics.held_metrics(simulation.held, days, **at, bars_per_year=year, idle=held.idle),
        long=tuple(shares),
        benchmark=held,
        chart=EquityChart(
            f"{basis.title}, {chosen.name}",
            days[start:],
            simulation.equity[start:],
            chosen.split - start,
            simulation.held[start:],
        ),
    )


def _claim(basis: Basis, slices: Sequence[SimulatedSlice]) -> Claim | None:
    """Return how the figures compare with those that the run has stored; None without a row."""
    import numpy as np

    run, candidate = basis.run, basis.candidate
    if run is None:
        return None
    named = f"{candidate.title} of {candidate.count:,}" if candidate else None
    where = f"{run.folder.path}, grid {run.grid!r}"
    compared, differences = 0, []
    if candidate is not None and not basis.changed:
        for each in slices:
            own = as_stored(
                Figures(*(np.array([getattr(each.simulation, f.name)], f.dtype) for f in STANDARD))
            )
            for figure, value in zip(STANDARD, own, strict=True):
                column = f"P{each.chosen.number}_{figure.heading}"
                if column not in candidate.stored:
                    continue
                compared += 1
                # In the type of the files, in which equal figures are equal to the last bit.
                there = value.dtype.type(candidate.stored[column])
                if value[0] != there:
                    differences.append(f"{column} is {value[0]:.10g} here, {there:.10g} in the run")
    version = run.manifest.build.get("version", "unknown")
    return Claim(named, where, basis.changed, compared, tuple(differences), version)


def _write(plan: SimulationPlan, basis: Basis, slices: Sequence[SimulatedSlice]) -> list[Path]:
    """Write the files that were asked for, and return them."""
    import polars as pl

    written: list[Path] = []
    for option, path, frame in (
        ("--out-trades", plan.out_trades, trades_frame),
        ("--out-equity", plan.out_equity, equity_frame),
    ):
        if path is None:
            continue
        frames = []
        for each in slices:
            found = frame(each.simulation, basis.inputs.bars[: each.chosen.end], each.chosen)
            if basis.whole:
                number = pl.lit(each.chosen.number, dtype=pl.Int64).alias("phase")
                found = found.select(number, pl.all())
            frames.append(found)
        write_frame(path, pl.concat(frames), remedy=_another(option))
        written.append(path)
    for path in plan.plots:
        write_chart([each.chart for each in slices], path, remedy=_another("--plot"))
        written.append(path)
    return written


def _another(option: str) -> str:
    return f"choose another file with {option}"


def trades_frame(simulation: Simulation, bars: pl.DataFrame, chosen: Slice) -> pl.DataFrame:
    """Return the trades with their dates and the part in which they closed."""
    import polars as pl

    stamps = _stamps(bars)
    trades = simulation.trades
    entries, exits = (
        stamps.gather(trades[bar]).alias(f"{bar.removesuffix('_bar')}_{stamps.name}")
        for bar in ("entry_bar", "exit_bar")
    )
    within = pl.col("exit_bar") < chosen.split
    part = pl.when(within).then(pl.lit("in-sample")).otherwise(pl.lit("out-of-sample"))
    return trades.with_columns(entries, exits, part.alias("part")).select(
        "side", "entry_bar", entries.name, "entry_price", "exit_bar", exits.name, "exit_price",
        "pnl", "part",
    )  # fmt: skip


def equity_frame(simulation: Simulation, bars: pl.DataFrame, chosen: Slice) -> pl.DataFrame:
    """Return the marks from the one before the first trading bar on, whose part is ``start``."""
    import numpy as np
    import polars as pl

    start = chosen.warmup - 1
    marks = simulation.equity[start:]
    bar = pl.col("bar")
    part = (
        pl.when(bar == start)
        .then(pl.lit("start"))
        .when(bar < chosen.split)
        .then(pl.lit("in-sample"))
        .otherwise(pl.lit("out-of-sample"))
    )
    return (
        pl.DataFrame(
            {
                "bar": np.arange(start, chosen.end, dtype=np.int64),
                "stamp": _stamps(bars)[start:],
                "equity": marks,
                "drawdown": np.maximum.accumulate(marks) - marks,
            }
        )
        .with_columns(part.alias("part"))
        .rename({"stamp": _stamps(bars).name})
    )


def _stamps(bars: pl.DataFrame) -> pl.Series:
    return bars[time_column(bars)]
