"""Random backtests: bars, parameters, settings and positions from one seed."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

import wfo
from wfo import Settings
from wfo.testing import random_bars

Params = dict[str, int | float]


@dataclass(frozen=True)
class Case:
    """One backtest, made from `seed` alone, so that a failure is repeated by ``case(seed)``."""

    seed: int
    strategy: str
    bars: pl.DataFrame
    bars2: pl.DataFrame | None
    params: Params
    settings: Settings
    warmup: int
    split: int

    @property
    def arguments(self) -> dict[str, Any]:
        return {
            "split": self.split,
            "warmup": self.warmup,
            "settings": self.settings,
            "bars2": self.bars2,
        }

    def simulate(self, engine: str, params: Any = None, **more: Any) -> wfo.Simulation:
        """Run the case, all of it, or with other parameters."""
        own = self.params if params is None else params
        return wfo.simulate(self.strategy, self.bars, own, **(self.arguments | more), engine=engine)


def case(seed: int, strategy: str = "atr_d_l", style: str | None = None) -> Case:
    rng = np.random.default_rng(seed)
    params = random_params(rng, strategy)
    need = lookback(params)
    warmup = need + int(rng.choice([0, 0, 1, 30]))
    bars = random_bars(rng, warmup + int(rng.integers(2, 400)))
    split = int(rng.integers(warmup + 1, len(bars)))
    settings = random_settings(rng)
    if style:
        settings = dataclasses.replace(settings, entry_style=style)
    dual = wfo.strategies()[strategy].dual_symbol
    bars2 = random_bars(rng, len(bars)) if dual else None
    return Case(seed, strategy, bars, bars2, params, settings, warmup, split)


def lookback(params: Params) -> int:
    """The longest lookback by the contract's text, in bars."""
    m = params.get("short_multiplier", 1)
    lengths = [70, params["bb_length"]]
    for name in ("atr_period", "atr_buy_period"):
        lengths += [params[name], math.floor(params[name] * m + 0.5)]
    for name in ("hma_fast_length", "hma_slow_length"):
        if name in params:
            lengths.append(params[name] + math.floor(math.sqrt(params[name]) + 0.5))
    return int(max(lengths))


def random_params(rng: np.random.Generator, strategy: str = "atr_d_l") -> Params:
    """Anything allowed, usual values more often than odd ones."""

    def whole(least: int, usual: int, most: int) -> int:
        return int(rng.integers(least, (most if rng.random() < 0.2 else usual) + 1))

    def real(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    fast = whole(1, 20, 60)
    everything: Params = {
        "atr_period": whole(1, 40, 150),
        "atr_multiplier": real(0.05, 40),
        "bb_length": whole(2, 40, 150),
        "bb_deviation": real(0.1, 6),
        "vol_threshold": real(0.001, 2),
        "min_tightening": float(rng.choice([0.01, 0.1, 0.4, 1.0])),
        "scaling_method": int(rng.integers(3)),
        "atr_buy_period": whole(1, 40, 150),
        "atr_buy_multiplier": real(0.02, 5),
        "atr_smooth_period": whole(1, 20, 100),
        "equity_price_method": int(rng.integers(2)),
        "short_multiplier": float(rng.choice([1.0, 0.2, 0.5, 1.5, real(0.05, 3)])),
        "entry_mode": int(rng.integers(3)),
        "trend_filter_period": whole(1, 20, 100),
        "trend_veto_threshold": float(rng.choice([0.0, -1.0, -100.0, 0.05, rng.normal(0, 0.3)])),
        "both_triggered_mode": int(rng.integers(2)),
        "hma_fast_length": fast,
        "hma_slow_length": fast + whole(1, 20, 60),
    }
    return {name: everything[name] for name in wfo.strategies()[strategy].names}


def random_settings(rng: np.random.Generator) -> Settings:
    return Settings(
        capital=float(rng.choice([100_000.0, 1_000.0, 12_345.67])),
        slip=float(rng.choice([0.0, 0.0005, 0.02])),
        fee=float(rng.choice([0.0, 0.0001, 0.01])),
        sizing=str(rng.choice(["compound", "fixed"])),  # type: ignore[arg-type]  # one of the two
        lot_size=float(rng.choice([0.0, 0.0, 1.0, 100.0])),
        max_stop_atr=float(rng.choice([20.0, 3.0, 0.5])),
        entry_style=str(rng.choice(["pullback", "breakout"])),  # type: ignore[arg-type]  # likewise
    )
