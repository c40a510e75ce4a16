"""Random cases of the properties: variants, bars and parameters that trade often."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from contract.scenarios import Engine
from wfo.atr_d.reference import ReferenceResult
from wfo.atr_d.reference.variants import VARIANTS, parameters

Floats = NDArray[np.float64]
WARMUP = 90
SPLIT = 170
N = 260

properties = hypothesis.settings(deadline=None, max_examples=45)
seeds = st.integers(0, 2**32 - 1)
strategies = st.sampled_from(list(VARIANTS))
long_only = st.sampled_from([name for name in VARIANTS if name.endswith("_l")])
styles = st.sampled_from(["pullback", "breakout"])
sizings = st.sampled_from(["compound", "fixed"])


@dataclass(frozen=True)
class Case:
    """A variant, its bars[n, 4] as open, high, low, close, those of Data2, and its parameters."""

    strategy: str
    bars: Floats
    second: Floats | None
    params: list[float]


def make(rng: np.random.Generator, n: int = N) -> Floats:
    """Random bars in cents, [n, 4] as open, high, low, close."""
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.015, n)))
    open_ = np.concatenate([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.008, n))
    high = np.maximum(open_, close) * np.exp(rng.exponential(0.006, n))
    low = np.minimum(open_, close) * np.exp(-rng.exponential(0.006, n))
    # Rounding is monotone, so the order of the prices survives it.
    return np.asarray(np.round(np.stack([open_, high, low, close], axis=1), 2))


def make_case(rng: np.random.Generator, strategy: str) -> Case:
    fast = int(rng.integers(1, 20))
    values: dict[str, float] = {
        "atr_period": int(rng.integers(1, 40)),
        "atr_multiplier": float(rng.uniform(0.5, 3)),
        "bb_length": int(rng.integers(2, 50)),
        "bb_deviation": float(rng.uniform(1, 3)),
        "vol_threshold": float(rng.uniform(0.02, 0.3)),
        "min_tightening": float(rng.uniform(0.1, 1)),
        "scaling_method": int(rng.integers(0, 3)),
        "atr_buy_period": int(rng.integers(1, 30)),
        "atr_buy_multiplier": float(rng.uniform(0.2, 2)),
        "atr_smooth_period": int(rng.integers(1, 20)),
        "equity_price_method": int(rng.integers(0, 2)),
        "short_multiplier": float(rng.uniform(0.3, 2)),
        "entry_mode": int(rng.integers(0, 3)),
        "trend_filter_period": int(rng.integers(1, 50)),
        "trend_veto_threshold": float(rng.uniform(-1, 0.3)),
        "both_triggered_mode": int(rng.integers(0, 2)),
        "hma_fast_length": fast,
        "hma_slow_length": fast + int(rng.integers(1, 40)),
    }
    variant = VARIANTS[strategy]
    params = [values[name] for name in parameters(variant)]
    return Case(strategy, make(rng), make(rng) if variant.second else None, params)


def simulated(engine: Engine, case: Case, **changes: Any) -> ReferenceResult:
    settings: dict[str, Any] = {
        "warmup": WARMUP,
        "split": SPLIT,
        "capital": 100_000.0,
        "slip": 0.0007,
        "fee": 0.0003,
        "max_stop_atr": 20.0,
        "second": case.second,
    }
    return engine.simulate(case.strategy, case.bars, case.params, **(settings | changes))


def and_then(case: Case, bar: list[float]) -> Case:
    """Return the case with one more bar; Data2 repeats its last."""
    second = None if case.second is None else np.vstack([case.second, case.second[-1:]])
    return replace(case, bars=np.vstack([case.bars, bar]), second=second)
