"""Files of simulations: trades, the mark at every close, and charts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.backtest import Simulation
from wfo.charts import EquityChart, write_chart
from wfo.data.frames import time_column
from wfo.files import write_frame
from wfo.runs.basis import SimulationPlan
from wfo.runs.slices import Slice

if TYPE_CHECKING:
    import polars as pl


def write_files(
    plan: SimulationPlan,
    bars: pl.DataFrame,
    slices: Sequence[tuple[Slice, Simulation]],
    charts: Sequence[EquityChart],
    *,
    numbered: bool,
) -> tuple[Path, ...]:
    """Write the files that a plan asks for.

    Parameters
    ----------
    plan
        It names them.
    bars
        Those that were simulated on.
    slices, charts
        Each slice with its simulation, and the charts.
    numbered
        Whether every row says of which phase it is.

    Returns
    -------
    tuple of Path
        The files, in the order in which they were written.

    Raises
    ------
    ResultsError
        If one cannot be written.
    """
    import polars as pl

    written: list[Path] = []
    for option, path, frame in (
        ("--out-trades", plan.out_trades, trades_frame),
        ("--out-equity", plan.out_equity, equity_frame),
    ):
        if path is None:
            continue
        frames = []
        for chosen, simulation in slices:
            found = frame(simulation, bars[: chosen.end], chosen)
            if numbered:
                number = pl.lit(chosen.number, dtype=pl.Int64).alias("phase")
                found = found.select(number, pl.all())
            frames.append(found)
        write_frame(path, pl.concat(frames), remedy=_another(option))
        written.append(path)
    for path in plan.plots:
        write_chart(list(charts), path, remedy=_another("--plot"))
        written.append(path)
    return tuple(written)


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
