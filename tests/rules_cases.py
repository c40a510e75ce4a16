"""Random backtests of rules: bars of several kinds, settings, warm-up and split."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import random_rules
from numpy.typing import NDArray
from random_rules import Drawn
from rules_oracle_columns import first_bar

import wfo
from wfo.rules.program import Program
from wfo.strategy.feed import is_groups

Floats = NDArray[np.float64]
Feeds = dict[str, dict[str, Floats]]

#: How bars are drawn, by the ways in which they differ from each other.
KINDS = ("smooth", "coarse", "gaps", "jumps")


def bars(rng: np.random.Generator, n: int, kind: str) -> dict[str, Floats]:
    """Return columns of prices around 100 that move by about 1 a bar.

    Of a coarse grid touches hang on equality; jumps double and halve the price.
    """
    tick = {"smooth": 0.01, "gaps": 0.01}.get(kind, 0.5)
    close = 100 + np.cumsum(rng.normal(0, 0.8, n))
    if kind == "jumps":
        close = close * np.exp(np.cumsum((rng.random(n) < 0.03) * rng.normal(0, 0.6, n)))
    gap = rng.normal(0, {"smooth": 0.2, "coarse": 0.4}.get(kind, 1.0), n)
    open_ = np.concatenate([close[:1], close[:-1]]) + gap * (rng.random(n) < 0.7)
    high = np.maximum(open_, close) + rng.exponential(0.5, n)
    low = np.minimum(open_, close) - rng.exponential(0.5, n)
    # Rounding is monotone, so the order of the prices survives it.
    table = np.round(np.stack([open_, high, low, close]) / tick) * tick
    if kind == "smooth":
        table = np.round(table, 2)
    lowest = table.min()
    if lowest < 5:
        table += np.ceil(5 - lowest)
    return dict(zip(random_rules.PRICES, table.copy(), strict=True))


def groups(rng: np.random.Generator, n: int) -> dict[str, Floats]:
    """Return which bars make a higher one, some none, and how many are closed by each bar's end.

    A higher bar is closed by its own last bar, or by the next bar that there is.
    """
    group, closed = np.full(n, np.nan), np.zeros(n)
    # Numbers may begin anywhere.
    number, bar = int(rng.integers(4)), 0
    while bar < n:
        if rng.random() < 0.2:
            closed[bar] = number
            bar += 1
            continue
        bars = min(int(rng.integers(1, 6)), n - bar)
        group[bar : bar + bars] = closed[bar : bar + bars] = number
        bar += bars
        number += 1
        closed[bar - 1] += rng.random() < 0.6
    return {"group": group, "closed": closed}


def settings(rng: np.random.Generator) -> wfo.AccountSettings:
    """Return settings whose costs or lots are now and then so large that little is left."""
    return wfo.AccountSettings(
        capital=float(rng.choice([100_000, 12_345.67, 250])),
        slip=float(rng.choice([0, 0.0005, 0.01])),
        fee=float(rng.choice([0, 0, 0.001, 0.02, 0.6])),
        sizing=str(rng.choice(["compound", "fixed"])),  # type: ignore[arg-type]  # one of the two
        lot_size=float(rng.choice([0, 0, 0.01, 1, 10])),
    )


#: Parameter sets of a case, at most.
SETS = 20


@dataclass(frozen=True)
class Case:
    """One backtest but for its parameter set."""

    seed: int
    drawn: Drawn
    feeds: Feeds
    sets: list[tuple[float, ...]]
    settings: wfo.AccountSettings
    warmup: int
    split: int

    @property
    def program(self) -> Program:
        """Its program."""
        return self.drawn.program

    @property
    def bars(self) -> int:
        """How many there are."""
        return len(self.feeds["bars"]["close"])

    def __str__(self) -> str:
        return f"seed {self.seed}"

    def strategy(self, kernel: Any, **more: Any) -> wfo.Strategy:
        """Return a strategy of the program, computed by a kernel."""
        return wfo.Strategy(
            name="drawn",
            title="Rules that were drawn.",
            parameters=self.drawn.parameters,
            kernel=kernel,
            lookback=lambda values: self.warmup,
            feeds=tuple(wfo.strategy.Feed(name) for name in self.feeds if not is_groups(name)),
            shorts=bool(self.program.short),
            **more,
        )


@lru_cache(maxsize=200)
def case(seed: int) -> Case:
    """Return the backtest of a seed; often the warm-up is as short as its sets allow."""
    drawn = random_rules.draw(seed)
    rng = np.random.default_rng([2022, seed])
    drawn_sets = drawn.sets(rng, SETS)
    need = 1 + max(first_bar(drawn.program, values) for values in drawn_sets)
    warmup = need + int(rng.choice([0, 0, 1, 5]))
    n = warmup + int(rng.integers(30, 80))
    kind = str(rng.choice(KINDS))
    feeds = {"bars": bars(rng, n, kind)}
    if any(name.startswith("bars2.") for name in drawn.program.feeds):
        feeds["bars2"] = bars(rng, n, str(rng.choice(KINDS)))
    for name in drawn.program.timeframes:
        feeds[name] = groups(rng, n)
    split = int(rng.integers(warmup + 1, n))
    return Case(seed, drawn, feeds, drawn_sets, settings(rng), warmup, split)
