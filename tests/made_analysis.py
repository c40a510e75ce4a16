"""A made-up analysis: figures of no backtest, with the columns and types of a real one."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl

from wfo.strategy import Strategy, strategies
from wfo.tradestation.analysis import (
    Analysis,
    BestSet,
    ReadFile,
    RefinedPlateau,
    SetPhase,
    StrategyTable,
)
from wfo.tradestation.differences import Alternative, FigureDifference, FileDifference
from wfo.tradestation.ranking import FIGURES, REPORTED, combined_columns, held_row, ranked

HELD: dict[str, float | None] = {c.name: None for c in FIGURES} | {
    "Net_Profit": 512_345.67,
    "CAGR": 0.148,
    "Max_DD": 61_000.0,
    "Max_DD_Share": 0.356,
    "MAR": 0.148 / 0.356,
    "Sharpe": 0.81,
    "Sortino": 1.12,
    "Net_Profit_By_DD": 8.4,
    "Trades": 0.0,
    "Exposure": 1.0,
}


def figures_of(rng: np.random.Generator, rows: int, values: np.ndarray) -> dict[str, Any]:
    """Made-up figures, of which the first parameter explains most."""
    cagr = 0.09 + 0.05 * values + 0.02 * rng.standard_normal(rows)
    share = np.clip(0.22 - 0.05 * values + 0.03 * rng.standard_normal(rows), 0.05, 0.9)
    trades = rng.integers(0, 220, rows).astype(float)
    found = {
        "Net_Profit": 100_000 * ((1 + cagr) ** 12 - 1),
        "CAGR": cagr,
        "Max_DD": 100_000 * share,
        "Max_DD_Share": share,
        "MAR": cagr / share,
        "Sharpe": 6 * cagr + 0.05 * rng.standard_normal(rows),
        "Sortino": 9 * cagr + 0.05 * rng.standard_normal(rows),
        "Profit_Factor": 1 + 10 * cagr * rng.random(rows),
        "Net_Profit_By_DD": 12 * cagr / share,
        "Robustness": np.full(rows, 0.937),
        "Trades": trades,
        "Exposure": np.clip(0.7 + 0.1 * rng.standard_normal(rows), 0, 1),
        "Win_Loss": 1.4 + 0.3 * rng.random(rows),
        "Expectancy_By_Spread": 0.2 + 0.1 * rng.random(rows),
    }
    for name in ("Profit_Factor", "Win_Loss", "Expectancy_By_Spread"):
        found[name][trades < 2] = np.nan
    return found


def sets_of(strategy: Strategy, rows: int, *, reports: bool = False) -> pl.DataFrame:
    """Made-up refined sets of a strategy, of two plateaus, unordered."""
    rng = np.random.default_rng(len(strategy.name) + rows)
    first, second, *others = strategy.names
    values = rng.integers(0, 13, rows)
    columns: dict[str, Any] = {
        "Strategy": [strategy.name] * rows,
        "Rank": (np.arange(rows) % 2 + 1).astype(np.int64),
        "Part": [None] * rows,
        "Source": ["wfo"] * rows,
        "File": [f"Refinement_{strategy.name}_rank{k % 2 + 1}_SMH.csv" for k in range(rows)],
        "TestNum": np.arange(1, rows + 1),
        "Ranked_On": ["simulation"] * rows,
        "Members": rng.integers(1, 9, rows),
        first: 20.0 + values,
        second: rng.integers(8, 17, rows) / 4,
        **{name: np.full(rows, 0.25) for name in others},
        **figures_of(rng, rows, values / 12),
        **{c.name: [None] * rows for c in REPORTED},
    }
    if reports:
        for column, own in (("TS_Net_Profit", "Net_Profit"), ("TS_Trades", "Trades")):
            columns[column] = columns[own] * 0.97
        columns["TS_Profit_Factor"] = columns["Profit_Factor"]
        columns["TS_Max_Intraday_DD"] = -1.05 * columns["Max_DD"]
        columns["Source"] = ["TradeStation"] * rows
    floats = {c.name: pl.Float64 for c in (*FIGURES, *REPORTED)}
    whole = {"Part": pl.Int64, "Members": pl.Int64, "TestNum": pl.Int64}
    frame = pl.DataFrame(columns, schema_overrides=whole | floats, nan_to_null=True)
    return frame.with_columns(pl.lit(value=False).alias("Lossless"))


def table_of(frame: pl.DataFrame, parameters: tuple[str, ...]) -> pl.DataFrame:
    """Rank sets, the best first, and number them."""
    found = ranked(frame, ["Strategy", "TestNum"])
    found = found.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("Row"))
    return found.select(combined_columns(parameters))


def best_of(combined: pl.DataFrame, count: int, days: list[dt.date]) -> tuple[BestSet, ...]:
    """Made-up phases and equities of the first sets."""
    rng = np.random.default_rng(5)
    found = []
    for row in combined.head(count).iter_rows(named=True):
        phases = tuple(
            SetPhase(
                number=k,
                first=dt.date(2016 + k, 1, 4),
                last=dt.date(2018 + k, 1, 4),
                oos_return=float(0.2 * rng.standard_normal() + 0.15),
                oos_return_annual=0.1,
                oos_dd=5_000.0,
                oos_trades=12,
                held_return=0.1 * k,
                held_return_annual=0.05 * k,
                valid=bool(rng.random() > 0.2),
                beats=bool(rng.random() > 0.5),
            )
            for k in range(1, 5)
        )
        equity = None
        if row["Row"] == 1 or row["Risk_Averse_Place"] == 1:
            steps = 1 + 0.0006 + 0.01 * rng.standard_normal(len(days) - 1)
            equity = 100_000.0 * np.concatenate([[1.0], np.cumprod(steps)])
        found.append(BestSet(row["Row"], row["Strategy"], {"atr_period": 1}, row, phases, equity))
    return tuple(found)


def made(
    *,
    names: tuple[str, ...] = ("atr_d_ls", "atr_d_l"),
    rows: int = 90,
    best: int = 50,
    days: int = 4_300,
    symbol: str = "SMH",
    symbol2: str | None = None,
    reports: bool = False,
    known: tuple[Strategy, ...] = (),
) -> Analysis:
    """Return a made-up analysis of some strategies."""
    chosen = known or tuple(strategies()[name] for name in names)
    frames = [sets_of(s, rows, reports=reports) for s in chosen]
    parameters = tuple(dict.fromkeys(n for s in chosen for n in s.names))
    whole = pl.concat(frames, how="diagonal")
    whole = whole.with_columns(
        pl.lit(None, pl.Float64).alias(n) for n in parameters if n not in whole.columns
    )
    combined = table_of(whole, parameters)
    numbers = combined.select("Strategy", "TestNum", "Row")
    tables = []
    for strategy, frame in zip(chosen, frames, strict=True):
        own = table_of(frame, strategy.names).drop("Row")
        own = own.join(numbers, on=["Strategy", "TestNum"], maintain_order="left")
        own = own.select("Row", pl.all().exclude("Row"))
        rank = combined.filter(pl.col("Strategy") == strategy.name)
        plateaus = tuple(
            RefinedPlateau(
                rank=k,
                sets=1_000 * k,
                robustness=0.937,
                outcomes=rows // 2,
                best_row=rank.filter(pl.col("Rank") == k)["Row"].min(),
                median_cagr=0.11,
                median_mar=0.52,
            )
            for k in (1, 2)
        )
        tables.append(
            StrategyTable(
                strategy=strategy,
                rows=3_000,
                sets=2_900,
                unsimulated=0,
                table=own,
                held=held_row(HELD, own),
                plateaus=plateaus if rows else (),
                best=None,
            )
        )
    weekdays = [dt.date(2014, 1, 2) + dt.timedelta(k) for k in range(days)]
    dates = [d for d in weekdays if d.weekday() < 5]
    rng = np.random.default_rng(6)
    steps = 1 + 0.0005 + 0.012 * rng.standard_normal(len(dates) - 1)
    chosen_sets = best_of(combined, best, dates)
    return Analysis(
        symbol=symbol,
        symbol2=symbol2,
        timeframe="daily",
        first=dates[1],
        last=dates[-1],
        warmup=100,
        end=99 + len(dates),
        days=dates,
        bars_per_year=252.0,
        capital=100_000.0,
        strategies=tuple(tables),
        combined=combined,
        held=held_row(HELD, combined),
        held_equity=100_000.0 * np.concatenate([[1.0], np.cumprod(steps)]),
        best=chosen_sets,
        averse=next((b for b in chosen_sets if b.figures["Risk_Averse_Place"] == 1), None),
        files=tuple(
            ReadFile(
                path=f"/runs/{symbol}/Refinement_{s.name}_rank{k}_SMH.csv",
                source="TradeStation" if reports else "wfo",
                strategy=s.name,
                rank=k,
                part=None,
                rows=1_500,
                simulated=1_500,
            )
            for s in chosen
            for k in (1, 2)
        ),
        refused=(),
        differences=DIFFERENCES if reports else (),
        verdict=VERDICT if rows else (),
        assumed=(
            ("Costs", "slippage 0.05 % and fee 0 % of every fill"),
            ("Capital", "100,000.00 at the first trading bar"),
            ("Sizing", "compound: the whole equity goes into a trade"),
            ("Lots", "none: fractions of shares are traded"),
            ("Bars", f"{symbol}, 3,171 bars of daily, 2014-01-02 to 2025-10-10, from a file"),
        ),
        notes=(),
        phases=4,
        min_phases=3,
        gates="v4",
        folder=f"/runs/{symbol}",
        fingerprint="a3" * 32,
        command=f"wfo run {symbol} --slip 0.0005",
        trials=2_297_549,
    )


VERDICT = (
    "By the sum of six ranks, set 1 of atr_d_ls is the best of 180 different outcomes.",
    "It returns more than buy-and-hold in 2 of 4 phases; the drawdown is what it saves.",
    "All figures over the whole history are in-sample, and the best of 180 is lucky.",
)

DIFFERENCES = (
    FileDifference(
        path="/from/TradeStation/Refinement_ATR-D-v1.5-L_rank1_SMH.csv",
        strategy="atr_d_l",
        rank=1,
        part=None,
        rows=1_500,
        figures=(
            FigureDifference("Net profit", "money", 1_500, 1_200, 12.5, 4_210.75, 301_400.0, 77),
            FigureDifference("Total trades", "count", 1_500, 1_433, 0.0, 3.0, 58.0, 1_201),
            FigureDifference("% profitable", "share", 1_500, 1_400, 0.002, 0.03, 0.52, 3),
            FigureDifference("Profit factor", "ratio", 1_490, 1_390, 0.01, 0.21, 1.93, 77),
            FigureDifference("Gross profit", "money", 1_500, 1_500, 0.0, 0.001, 512_000.0, 12),
        ),
        sample=40,
        alternatives=(
            Alternative((), "the rules of the run", 0.0009, 31),
            Alternative(
                (("entry_style", "breakout"),),
                "entries at the level where the bar gaps through it",
                0.021,
                2,
            ),
        ),
        unexplained=("bars of another adjustment", "a session that ends at another hour"),
        verdict=(
            "The rules of the run come nearest: net profit and trades of 31 of 40 sampled rows are"
            " equal, and the median distance is 0.09 %."
        ),
    ),
)
