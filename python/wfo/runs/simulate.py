"""One parameter set on stored bars: its metrics, trades, equity, files and chart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from wfo import metrics
from wfo.backtest import Simulation
from wfo.backtest import simulate as backtest
from wfo.backtest.engines import require_engine
from wfo.bars import dates as bar_dates
from wfo.charts import EquityChart, require_drawable, write_chart
from wfo.data.frames import time_column
from wfo.errors import InputError
from wfo.files import write_frame
from wfo.runs.candidates import number_of, read_row
from wfo.runs.inputs import load_inputs
from wfo.runs.simulation_report import SimulationReport
from wfo.runs.slices import Slice, slice_of_phase, slice_of_split
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy, get_strategy

if TYPE_CHECKING:
    import polars as pl

    from wfo.data import DataStore


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What a simulation is asked to do.

    Attributes
    ----------
    symbol, symbol2, timeframe, allow_gaps
        Which stored bars, as in `RunPlan`.
    strategy
        Name.
    params
        Parameters by name, as numbers or as texts that stand for them; they replace the row's.
    candidates, row
        A candidates file, and which of its rows, the best one being 0.
    windows, phase
        Name or path of a schedule, and which of its phases; by default the last.
    split
        In place of a phase: the first out-of-sample date, the last bar being the end.
    begin
        First trading date before `split`; by default right after the warm-up.
    as_of
        Date that windows are counted back from; later bars are left out.
    settings
        Capital, costs, sizing.
    engine
        Name of the engine.
    out_trades, out_equity
        Files for all trades, and for the mark at every close.
    plots
        Files for a chart of the equity.
    """

    symbol: str
    strategy: str
    params: Mapping[str, object] = field(default_factory=dict)
    symbol2: str | None = None
    timeframe: str = "1day"
    allow_gaps: bool = False
    candidates: Path | None = None
    row: int = 0
    windows: str = "default"
    phase: int | None = None
    split: dt.date | None = None
    begin: dt.date | None = None
    as_of: dt.date | None = None
    settings: AccountSettings | None = None
    engine: str = "direct"
    out_trades: Path | None = None
    out_equity: Path | None = None
    plots: tuple[Path, ...] = ()


def simulate(plan: SimulationPlan, store: DataStore) -> SimulationReport:
    """Simulate one parameter set, and write the files that were asked for.

    Parameters
    ----------
    plan
        What to do.
    store
        Where the bars are.

    Raises
    ------
    WfoError
        If anything asked for cannot be used, before anything is written; or if a file cannot be
        written.
    """
    for path in plan.plots:
        require_drawable(path)
    strategy = get_strategy(plan.strategy)
    require_engine(plan.engine, strategy)
    params = _params(plan, strategy)
    inputs = load_inputs(
        store, strategy, plan.symbol, plan.symbol2, plan.timeframe, allow_gaps=plan.allow_gaps
    )
    days = bar_dates(inputs.bars)
    need = strategy.lookback({name: (value,) for name, value in params.items()})
    if plan.split is not None:
        chosen = slice_of_split(days, plan.split, plan.begin, plan.as_of, need)
    else:
        chosen = slice_of_phase(days, plan.windows, plan.phase, plan.as_of, need)

    bars, days = inputs.bars[: chosen.end], days[: chosen.end]
    simulation = backtest.simulate(
        strategy,
        bars,
        params,
        split=chosen.split,
        warmup=chosen.warmup,
        bars2=None if inputs.second is None else inputs.second[: chosen.end],
        settings=plan.settings,
        engine=plan.engine,
    )
    year = metrics.bars_per_year(plan.timeframe, days)
    parts = metrics.simulation_metrics(
        simulation, days, warmup=chosen.warmup, split=chosen.split, bars_per_year=year
    )
    symbols = plan.symbol if plan.symbol2 is None else f"{plan.symbol} with {plan.symbol2}"
    title = f"{symbols} {plan.timeframe}, {strategy.name}, {chosen.name}"
    start = chosen.warmup - 1
    chart = EquityChart(title, days[start:], simulation.equity[start:], chosen.split - start)
    written = _write(plan, simulation, bars, chosen, chart)
    notes = (*inputs.notes, *chosen.notes)
    return SimulationReport(
        title, params, notes, days, simulation, parts, year, chart, tuple(written)
    )


def _params(plan: SimulationPlan, strategy: Strategy) -> dict[str, Number]:
    """Return the parameters of the row, then what was set, checked."""
    given: dict[str, object] = {}
    if plan.candidates is not None:
        given = read_row(plan.candidates, strategy, plan.row)
    for name, value in plan.params.items():
        strategy.parameter(name)
        given[name] = number_of(value)
    missing = [name for name in strategy.names if name not in given]
    if missing:
        raise InputError(
            f"{strategy.name} also needs {', '.join(missing)}; give each by --set NAME=VALUE, or"
            " all of a run's candidate by --from-candidates FILE"
        )
    return dict(zip(strategy.names, strategy.check_params(given), strict=True))


def _write(
    plan: SimulationPlan,
    simulation: Simulation,
    bars: pl.DataFrame,
    chosen: Slice,
    chart: EquityChart,
) -> list[Path]:
    """Write the files that were asked for, and return them."""
    written: list[Path] = []
    for option, path, frame in (
        ("--out-trades", plan.out_trades, trades_frame),
        ("--out-equity", plan.out_equity, equity_frame),
    ):
        if path is not None:
            write_frame(path, frame(simulation, bars, chosen), remedy=_another(option))
            written.append(path)
    for path in plan.plots:
        write_chart(chart, path, remedy=_another("--plot"))
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
