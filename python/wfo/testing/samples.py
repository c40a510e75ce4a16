"""Random backtests of any strategy: values, bars, settings and positions, from one seed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

import wfo
from wfo.backtest.feeds import FIRST, SECOND
from wfo.settings import AccountSettings
from wfo.strategy import Number, Parameter, Strategy

Params = Mapping[str, Number]
Frames = Mapping[str, pl.DataFrame]

_PRICES = ("open", "high", "low", "close")
#: Ranges as wide as this have a limit for the arithmetic, and no usual value near it.
_WIDE = 1e6


@dataclass(frozen=True)
class Case:
    """One backtest.

    Attributes
    ----------
    number
        Which of the suite's cases it is.
    strategy, params, settings
        What is simulated.
    frames
        Feed name to frame, n rows each.
    warmup, split
        First trading bar, first out-of-sample bar.
    """

    number: int
    strategy: Strategy
    frames: Frames
    params: Params
    settings: AccountSettings
    warmup: int
    split: int

    def __str__(self) -> str:
        return (
            f"{self.strategy.name}, case {self.number}: {dict(self.params)}, {self.settings},"
            f" {self.bars} bars, warmup = {self.warmup}, split = {self.split}"
        )

    @property
    def bars(self) -> int:
        """How many bars there are."""
        return len(self.frames[FIRST])

    @property
    def labels(self) -> Any:
        """A label for each bar, int64[n]."""
        return np.arange(self.bars) // 7 % 3

    def simulate(self, engine: str, params: Any = None) -> wfo.Simulation:
        """Simulate it, or other parameters on its bars."""
        own = dict(self.params) if params is None else params
        return wfo.simulate(
            self.strategy,
            params=own,
            split=self.split,
            warmup=self.warmup,
            settings=self.settings,
            engine=engine,
            labels=self.labels,
            **arguments(self.frames),
        )

    def on(self, frames: Frames, *, earlier: int = 0) -> Case:
        """Return the case on other bars, its positions so many bars earlier."""
        return replace(
            self, frames=frames, warmup=self.warmup - earlier, split=self.split - earlier
        )


def arguments(frames: Frames) -> dict[str, Any]:
    """Return frames as arguments of `wfo.simulate` and `wfo.sweep`."""
    others = {name: f for name, f in frames.items() if name not in {FIRST, SECOND}}
    return {"bars": frames[FIRST], "bars2": frames.get(SECOND), "feeds": others or None}


def random_value(parameter: Parameter, rng: np.random.Generator) -> Number:
    """Return a value that a parameter may have, a small one more often than a large one."""
    low, high = parameter.low, parameter.high
    if parameter.kind == "choice":
        return int(rng.integers(int(low), int(high) + 1))
    if parameter.whole:
        least = int(low) + parameter.open_low if math.isfinite(low) else -20
        most = least + (60 if rng.random() < 0.2 else 20)
        return int(rng.integers(least, int(min(most, high)) + 1))
    if math.isfinite(low):
        away = float(np.exp(rng.uniform(np.log(0.02), np.log(10))))
        return low + away if high - low >= _WIDE else high - rng.random() * (high - low)
    return float(min(rng.normal(0, 0.3), high))


def random_frames(strategy: Strategy, rng: np.random.Generator, n: int) -> dict[str, pl.DataFrame]:
    """Return n bars of every feed that a strategy reads."""
    found = {}
    for feed in strategy.feeds:
        bars = random_bars(rng, n)
        columns = {name: np.exp(rng.normal(0, 0.5, n)) for name in feed.columns}
        found[feed.name] = (bars if feed.prices else bars.select("date")).with_columns(**columns)
    return found


def random_settings(strategy: Strategy, rng: np.random.Generator) -> AccountSettings:
    """Return settings with any costs, sizing and lots; what else a strategy sets is its default."""
    return strategy.settings_of(
        AccountSettings(
            capital=float(rng.choice([100_000.0, 12_345.67])),
            slip=float(rng.choice([0.0, 0.0005, 0.02])),
            fee=float(rng.choice([0.0, 0.0001, 0.01])),
            sizing="compound" if rng.random() < 0.5 else "fixed",
            lot_size=float(rng.choice([0.0, 0.0, 1.0, 100.0])),
        )
    )


def random_bars(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """Return a random walk with gaps, flat bars, ties of high and low, and now and then worse.

    Parameters
    ----------
    rng
        Where chance comes from.
    n
        How many bars, one a day from 2000 on.

    Returns
    -------
    polars.DataFrame
        ``date, open, high, low, close``; n rows.
    """
    volatility = float(rng.choice([0.002, 0.01, 0.04]))
    moves = rng.normal(0, volatility, n) * (1 + np.abs(rng.standard_t(3, n)))
    if rng.random() < 0.2:
        moves[rng.integers(n)] += float(rng.choice([-2.5, 2.5]))  # one huge move
    close = float(rng.choice([100.0, 100.0, 5_000.0, 0.02])) * np.exp(np.cumsum(moves))
    before = np.concatenate([close[:1], close[:-1]])
    open_ = np.where(rng.random(n) < 0.3, before * np.exp(rng.normal(0, volatility, n)), before)
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, volatility, n)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, volatility, n)))
    kind = rng.random(n)
    high = np.where(kind < 0.1, np.maximum(open_, close), high)  # opens or closes at its high
    low = np.where((kind > 0.05) & (kind < 0.15), np.minimum(open_, close), low)
    flat = kind > 0.95
    open_, high, low = (np.where(flat, close, column) for column in (open_, high, low))
    columns = np.array([open_, high, low, close])
    if rng.random() < 0.5:
        # Prices in ticks: touches then hang on equality.
        tick = 0.0001 if close.min() < 1 else float(rng.choice([0.01, 0.05, 1.0]))
        columns = np.maximum(np.round(columns / tick), 1) * tick
        columns = np.round(columns, 4)
    if rng.random() < 0.3:
        quiet = slice(int(rng.integers(n)), None)
        columns[:, quiet][:, : int(rng.integers(1, 40))] = columns[3, quiet][0]
    dates = pl.date_range(
        pl.date(2000, 1, 1), pl.date(2000, 1, 1) + pl.duration(days=n - 1), eager=True
    )
    return pl.DataFrame({"date": dates} | dict(zip(_PRICES, columns, strict=True)))
