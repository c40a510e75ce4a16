"""A made-up walk-forward: every part is there, and no figure is from a backtest."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from wfo.metrics import Metrics, compute_metrics
from wfo.runs.manifest import BarsRecord
from wfo.runs.walkforward.found import WalkFindings
from wfo.stats.efficiency import PhaseProfit, tradestation_verdict, walk_forward_efficiency
from wfo.walkforward.matrix import WalkForwardMatrix
from wfo.walkforward.matrix_cells import HeldFigures, MatrixCell
from wfo.walkforward.values import Curve, Decision, FixedSet, WalkForward, WindowResult
from wfo.windows import Length, WalkSchedule

CAPITAL = 100_000.0
YEAR = 252

#: Parameters of the made-up strategy; the sets below differ in the first two.
SETS = (
    {"fast": 5, "slow": 20, "stop": 2.5},
    {"fast": 10, "slow": 20, "stop": 2.5},
    {"fast": 5, "slow": 40, "stop": 2.5},
)

_COLUMNS = {
    "side": pl.String,
    "entry_bar": pl.Int64,
    "entry_price": pl.Float64,
    "exit_bar": pl.Int64,
    "exit_price": pl.Float64,
    "pnl": pl.Float64,
}


def trading_days(count: int, first: dt.date = dt.date(2010, 1, 4)) -> list[dt.date]:
    """Return so many weekdays."""
    days = (first + dt.timedelta(k) for k in range(2 * count + 10))
    return [day for day in days if day.weekday() < 5][:count]


def trades_of(bars: list[tuple[int, int]], pnl: float = 100.0) -> pl.DataFrame:
    """Return closed trades with these bars of entry and exit."""
    rows = [("long", a, 10.0, b, 11.0, pnl) for a, b in bars]
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def metrics_of(
    marks: np.ndarray, days: list[dt.date], trades: int = 1, held: float = 0.5
) -> Metrics:
    """Return the figures of marks, with so many trades and such an exposure."""
    count = len(marks) - 1
    found = compute_metrics(
        marks,
        trades_of([(0, 0)] * trades).select("pnl"),
        dates=days,
        bars_per_year=YEAR,
        held=np.arange(count) < round(held * count),
    )
    assert found.trades == trades
    return found


def growing(count: int, yearly: float, dip: float = 0.05) -> np.ndarray:
    """Return marks that grow by so much a year, with one dip in the middle."""
    marks = CAPITAL * (1 + yearly) ** (np.arange(count) / YEAR)
    marks[count // 2] *= 1 - dip
    return marks


def made_walk(
    *,
    own: float = 0.12,
    held: float = 0.10,
    first: float = 0.08,
    schedule: WalkSchedule | None = None,
    bars: int = 1400,
    chosen: tuple[int | None, ...] | None = None,
    exposure: float = 0.5,
    trades: int = 60,
    **changes: Any,
) -> WalkForward:
    """Return a walk-forward whose curves grow by `own`, `held` and `first` a year.

    `chosen` names a set of `SETS` for each window, or None where nothing is chosen; `changes` are
    of its fields.
    """
    walk = _made_walk(
        own=own, held=held, first=first, schedule=schedule, bars=bars, chosen=chosen,
        exposure=exposure, trades=trades,
    )  # fmt: skip
    return replace(walk, **changes)


@functools.cache
def _made_walk(
    *,
    own: float,
    held: float,
    first: float,
    schedule: WalkSchedule | None,
    bars: int,
    chosen: tuple[int | None, ...] | None,
    exposure: float,
    trades: int,
) -> WalkForward:
    days = trading_days(bars)
    windows = (schedule or WalkSchedule("2y", "6m")).resolve(days, warmup=100)
    start, stop = windows.traded
    dates = days[start - 1 : stop]
    count = len(dates)
    stitched, bought = growing(count, own), growing(count, held, 0.2)
    picks = chosen or tuple(k % len(SETS) for k in range(len(windows)))
    results, before, decided = [], None, None
    for window, pick in zip(windows, picks, strict=True):
        params = None if pick is None else SETS[pick]
        drift = {}
        if params is not None and decided is not None:
            drift = {n: float(decided[n] != v) for n, v in params.items()}
        decided = decided if params is None else params
        before = before if params is None else params
        decision = Decision(
            window.number,
            params,
            pick,
            None if pick is None else 61.5 + pick,
            0 if pick is None else 1,
            1000,
            "no combination is valid" if pick is None else "",
        )
        part = slice(window.split - start, window.until - start + 1)
        span = dates[part]
        inside = growing(window.in_sample_bars + 1, own + 0.05)
        inside_days = days[window.first - 1 : window.train_end]
        alone_days = days[window.split - 1 : window.end]
        traded = metrics_of(stitched[part], span, 3, exposure)
        has = before is not None
        results.append(
            WindowResult(
                window,
                decision,
                before,
                metrics_of(inside, inside_days, 12) if has else None,
                metrics_of(growing(len(alone_days), own), alone_days, 3) if has else None,
                traded,
                metrics_of(bought[part], span, 0, 1.0),
                0.21 if has else None,
                0.84 if has else None,
                0.77 if has else None,
                drift,
            )
        )
    profits = [
        PhaseProfit(
            r.in_sample.net_profit,
            CAPITAL * (r.traded.total_return or 0.0),
            2.0,
            0.5,
            r.traded.max_drawdown_share,
        )
        for r in results
        if r.in_sample is not None
    ]
    fixed = []
    keys = (("first", first), ("hindsight", own + 0.2), ("run", own + 0.1)) if decided else ()
    labels = {"first": "First set, never changed"}
    for key, yearly in keys:
        curve = growing(count, yearly)
        fixed.append(
            FixedSet(
                key,
                labels.get(key, f"label of {key}"),
                SETS[0],
                Curve(key, curve, metrics_of(curve, dates)),
            )
        )
    return WalkForward(
        strategy="crossing",
        grid="small",
        symbols=("QQQ",),
        by="stability",
        windows=windows,
        results=tuple(results),
        dates=tuple(dates),
        stitched=Curve("stitched", stitched, metrics_of(stitched, dates, trades, exposure)),
        held=Curve("buy-and-hold", bought, metrics_of(bought, dates, 0, 1.0)),
        exposure_return=0.5 * float(bought[-1] / CAPITAL - 1),
        fixed=tuple(fixed),
        efficiency=walk_forward_efficiency(profits or [PhaseProfit(0, 0, 1, 1, 0)]),
        tradestation=tradestation_verdict(profits or [PhaseProfit(0, 0, 1, 1, 0)]),
        drift={"fast": 0.75, "slow": 1.25, "stop": 0.0},
        trades=trades_of([(start, start + 4), (start + 5, stop - 1)]),
        searched=1000 * (len(windows) + 1),
        capital=CAPITAL,
        bars_per_year=YEAR,
        settings={
            "capital": CAPITAL, "slip": 0.0005, "fee": 0.0, "sizing": "compound", "lot_size": 0.0,
        },
    )  # fmt: skip


def made_findings(walk: WalkForward | None = None, **changes: Any) -> WalkFindings:
    """Return findings around a walk-forward."""
    found = WalkFindings(
        folder=Path("results/QQQ/walkforward/crossing_small"),
        walk=walk,
        matrix=None,
        timeframe="1day",
        data=(
            BarsRecord(
                "QQQ", "1day", 1400, "2010-01-04", "2015-05-15", "f" * 64, "QQQ.csv", "none", "NYSE"
            ),
        ),
        version="1.0",
        command="wfo walkforward --symbol QQQ",
        finished="2026-01-02T03:04:05Z",
        trials={"QQQ": 123_456},
        seconds=12.0,
        kept=0,
        decided=6,
        files=("walkforward.json", "windows.csv", "walkforward.html"),
        combinations=1000,
    )
    return replace(found, **changes)


def made_matrix(**changes: Any) -> WalkForwardMatrix:
    """Return a matrix of 2 by 2 lengths of both kinds; the last cell could not be done."""
    inside, out = (Length.of("2y"), Length.of("3y")), (Length.of("6m"), Length.of("1y"))
    excess = (0.05, -0.02, -0.02, -0.02, -0.01, 0.01, -0.03, None)
    cells = []
    for (kind, a, b), above in zip(
        itertools.product(("rolling", "anchored"), inside, out), excess, strict=True
    ):
        if above is None:
            cells.append(MatrixCell(kind, a, b, reason="too short"))
            continue
        cells.append(
            MatrixCell(
                kind, a, b, dt.date(2010, 1, 4), 6, 6,
                total_return=0.5 + above, annual_return=0.1 + above, max_drawdown_share=0.2,
                sharpe=0.8, excess_total=above * 3, excess_annual=above, wfe=0.2, wfe_annual=0.6,
                tradestation=tradestation_verdict([PhaseProfit(10, 9, 2.0, 0.5, 0.1)] * 3),
                trades=40, exposure=0.5,
            )
        )  # fmt: skip
    walk = made_walk()
    matrix = WalkForwardMatrix(
        strategy="crossing",
        grid="small",
        symbols=("QQQ",),
        by="net_profit",
        in_samples=inside,
        out_of_samples=out,
        kinds=("rolling", "anchored"),
        cells=tuple(cells),
        traded=(walk.dates[1], walk.dates[-1]),
        bars=len(walk.dates) - 1,
        held=HeldFigures(0.5, 0.1, 0.3, 0.6),
        combinations=1000,
        parts=20,
        searched=20_000,
        capital=CAPITAL,
        bars_per_year=YEAR,
        settings=walk.settings,
    )
    return replace(matrix, **changes)
