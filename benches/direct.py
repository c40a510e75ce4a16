"""Time the direct engine and the reference on the same bars: ``python benches/direct.py``.

Parity is checked before anything is timed. A figure is nanoseconds per combination, phase and core:
the wall time of a sweep times its threads, by combinations and phases, indicators included.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import wfo
from wfo.engine import Figures

#: Relative tolerance of money between the engines.
TOLERANCE = 1e-9


def sample(grid: wfo.Grid, count: int) -> wfo.Grid:
    """Return a grid of about `count` combinations that spans `grid`: ends kept, middles thinned."""
    values = {name: list(axis) for name, axis in grid.values.items()}
    while len(wfo.Grid(values, strategy=grid.strategy)) > count:
        longest = max(values, key=lambda name: len(values[name]))
        if len(values[longest]) <= 2:
            break
        del values[longest][len(values[longest]) // 2]
    return wfo.Grid(values, strategy=grid.strategy)


def timed(run: Any, repeats: int) -> tuple[float, Any]:
    """Return the median seconds of `repeats` runs, and what the last one returned."""
    seconds = []
    found = None
    for _ in range(repeats):
        begun = time.perf_counter()
        found = run()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds), found


def check(wanted: list[Any], found: list[Any]) -> None:
    """Raise unless two sweeps agree."""
    for w, f in zip(wanted, found, strict=True):
        for name in Figures._fields:
            a, b = getattr(w, name), getattr(f, name)
            money = max(100_000.0, float(np.abs(w.is_pnl).max()))
            scale = 0.0 if name.endswith("trades") else TOLERANCE * money
            if not np.all(np.abs(a.astype(float) - b.astype(float)) <= scale):
                raise SystemExit(f"the engines disagree in {name}: nothing was timed")


def main() -> None:
    """Parse the arguments, check, time, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path, help="daily bars; by default the NASDAQ sample")
    parser.add_argument("--strategy", default="atr_d_l", choices=list(wfo.strategies()))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--combinations", type=int, default=100_000)
    arguments = parser.parse_args()
    bars = (
        pl.read_csv(arguments.csv, try_parse_dates=True)
        if arguments.csv
        else wfo.load_sample("NASDAQ")
    )
    strategy = wfo.strategies()[arguments.strategy]
    grid = sample(wfo.Grid.load("phase1_slim", strategy), arguments.combinations)
    # The width of a second symbol costs what that of the first one does.
    second = bars if strategy.dual_symbol else None
    small = sample(grid, 2_000)
    phases = wfo.Windows.preset().resolve(bars["date"], warmup=max(100, grid.need))
    per_phase = statistics.mean(p.end - p.warmup for p in phases)

    def sweep(grid: wfo.Grid, engine: str, threads: int) -> list[Any]:
        found: list[Any] = wfo.sweep(
            strategy, bars, grid, windows=phases, engine=engine, threads=threads, bars2=second
        )
        return found

    check(sweep(small, "reference", 1), sweep(small, "direct", 1))
    for key, value in wfo.build_info().items():
        print(f"{key:14} {value}")
    name = arguments.csv.stem if arguments.csv else "NASDAQ sample"
    print(
        f"{'bars':14} {name}, {len(bars):,}; {len(phases)} phases of {per_phase:,.0f} trading bars"
    )
    print(f"{'strategy':14} {strategy.name}")
    print(f"{'parity':14} {len(small):,} combinations, all phases: agree")
    print()
    print(f"{'engine':12}{'threads':>8}{'combinations':>14}{'trades':>8}{'seconds':>9}{'ns':>9}")
    for engine, threads, chosen in (
        ("reference", 1, small),
        ("direct", 1, grid),
        ("direct", 2, grid),
    ):
        seconds, found = timed(
            lambda e=engine, t=threads, g=chosen: sweep(g, e, t), arguments.repeats
        )
        trades = statistics.mean(
            float(np.mean(r.is_trades + r.oos_trades.astype(float))) for r in found
        )
        each = seconds * threads / (len(chosen) * len(phases)) * 1e9
        print(
            f"{engine:12}{threads:>8}{len(chosen):>14,}{trades:>8.1f}{seconds:>9.2f}{each:>9,.0f}"
        )


if __name__ == "__main__":
    main()
