"""Cases at the ends of every range: settings, parameters and prices, and next to both ends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl

import wfo
from wfo.settings import (
    LEAST_CAPITAL,
    LEAST_LOT,
    LEAST_PRICE,
    MOST_CAPITAL,
    MOST_LOT,
    MOST_MULTIPLE,
    MOST_PERIOD,
    MOST_PRICE,
)

BARS, WARMUP, SPLIT = 150, 80, 115
#: The smallest number above 0.
TINY = 5e-324
#: The number before 1.
BELOW_ONE = math.nextafter(1, 0)


def ends(low: float, high: float, *usual: float) -> list[float]:
    """Return both ends of a range, the numbers next to them, and usual values."""
    return [low, math.nextafter(low, math.inf), math.nextafter(high, -math.inf), high, *usual]


#: Usual values come last: of a case, most settings have one.
SETTINGS: dict[str, list[Any]] = {
    "capital": ends(LEAST_CAPITAL, MOST_CAPITAL, 1e5),
    "slip": ends(0, BELOW_ONE, 0.001, 0),
    "fee": ends(0, BELOW_ONE, 0.001, 0),
    "lot_size": [*ends(LEAST_LOT, MOST_LOT), 1e-8, 1, 0],
    "max_stop_atr": ends(TINY, MOST_MULTIPLE, 20),
    "sizing": ["fixed", "compound"],
    "entry_style": ["breakout", "pullback"],
}

_MULTIPLE = ends(TINY, MOST_MULTIPLE, 0.5, 1)
#: Lookbacks end at the warm-up; averages that need none have their whole range.
_AVERAGE = [1, 2, MOST_PERIOD - 1, MOST_PERIOD, 3, 10]
PARAMETERS: dict[str, list[Any]] = {
    "atr_period": [1, 2, WARMUP - 1, WARMUP, 5],
    "atr_multiplier": [*_MULTIPLE, 3],
    "bb_length": [2, 3, WARMUP - 1, WARMUP, 20],
    "bb_deviation": [*_MULTIPLE, 2],
    "vol_threshold": [*_MULTIPLE, 0.1],
    "min_tightening": ends(TINY, 1, 0.4),
    "scaling_method": [0, 1, 2],
    "atr_buy_period": [1, 2, WARMUP - 1, WARMUP, 5],
    "atr_buy_multiplier": [*_MULTIPLE, 0.3],
    "atr_smooth_period": _AVERAGE,
    "equity_price_method": [0, 1],
    "short_multiplier": [*_MULTIPLE, 1],
    "entry_mode": [0, 1, 2],
    "trend_filter_period": _AVERAGE,
    "trend_veto_threshold": [-1.7e308, -TINY, 0, TINY, 1.7e308, -5, -0.01],
    "both_triggered_mode": [0, 1],
    "hma_fast_length": [1, 2, 4],
    "hma_slow_length": [5, 9, 60, 70],
}

PRICES = ("lowest", "highest", "both", "jumps", "spikes", "usual")


def random_prices(rng: np.random.Generator, kind: str, n: int = BARS) -> pl.DataFrame:
    """Return daily bars that reach an end of the range of prices, or both.

    Parameters
    ----------
    rng
        Random numbers.
    kind
        One of `PRICES`: about one end, from one to the other within a few bars again and again, at
        either end from bar to bar, mostly usual with single bars that reach both, or usual.
    n
        Bars.
    """
    walk = np.cumsum(rng.normal(0, 0.02, n))
    span = math.log(MOST_PRICE)
    centre = {
        "lowest": np.full(n, -span),
        "highest": np.full(n, span),
        "both": span * np.sin(np.arange(n) / rng.uniform(0.5, 8)),
        "jumps": span * rng.choice([-1.0, 1.0], n),
    }.get(kind, np.full(n, math.log(100)))
    close = centre + walk
    open_ = close + rng.normal(0, 0.02, n)
    if kind == "both":
        open_ = np.concatenate([close[:1], close[:-1]])
    high = np.maximum(open_, close) + rng.exponential(0.01, n) * rng.integers(0, 2, n)
    low = np.minimum(open_, close) - rng.exponential(0.01, n) * rng.integers(0, 2, n)
    if kind == "spikes":
        high[rng.random(n) < 0.1] = span
        low[rng.random(n) < 0.1] = -span
    columns = {"open": open_, "high": high, "low": low, "close": close}
    prices = {k: np.clip(np.exp(v), LEAST_PRICE, MOST_PRICE) for k, v in columns.items()}
    first = pl.date(2020, 1, 1)
    dates = pl.select(pl.date_range(first, pl.date(2030, 1, 1), "1d").alias("date"))["date"][:n]
    return pl.DataFrame({"date": dates, **prices})


def random_settings(rng: np.random.Generator) -> wfo.Settings:
    """Return settings of which about a third are at an end of their range."""
    return wfo.Settings(**{name: _pick(rng, values) for name, values in SETTINGS.items()})


def random_params(rng: np.random.Generator, strategy: str) -> dict[str, Any]:
    """Return parameters of which about a third are at an end of their range."""
    found = {n: _pick(rng, PARAMETERS[n]) for n in wfo.strategies()[strategy].names}
    if found.get("short_multiplier", 0) > 1:
        # Lengths that are scaled stay within the warm-up.
        found |= {"atr_period": 1, "atr_buy_period": 1, "short_multiplier": rng.choice([2, 70])}
    return found


def _pick(rng: np.random.Generator, values: list[Any]) -> Any:
    if rng.random() < 0.65:
        return values[-1]
    return values[int(rng.integers(len(values)))]
