"""Statistics of luck: how much of what a search found chance alone would give.

Functions take arrays of returns, one row a period and one column a trial, and know neither runs nor
strategies. Returns are shares of the equity before them: 0.01 is 1 %. A figure that returns do not
define is NaN, such as a ratio where they do not vary, or None where a field says so; input that
cannot be used is an `InputError` that says what can.

Names are loaded when they are first used, so ``import wfo.stats`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.stats.bootstrap import (
        Interval,
        ReturnIntervals,
        TradeIntervals,
        return_intervals,
        trade_intervals,
    )
    from wfo.stats.clusters import IndependentTrials, independent_trials
    from wfo.stats.efficiency import (
        Condition,
        Efficiency,
        PhaseProfit,
        TradeStationVerdict,
        tradestation_verdict,
        walk_forward_efficiency,
    )
    from wfo.stats.monte_carlo import ReshuffledDrawdowns, reshuffled_drawdowns
    from wfo.stats.overfitting import (
        BlockSums,
        CombinatorialPaths,
        Overfitting,
        block_sums,
        cpcv_paths,
        overfitting_probability,
    )
    from wfo.stats.permutation import permuted_bars, permuted_feeds
    from wfo.stats.sharpe import (
        SharpeMoments,
        deflated_sharpe,
        expected_maximum_sharpe,
        minimum_track_record,
        probabilistic_sharpe,
        probabilistic_sharpe_autocorrelated,
        sharpe_moments,
        sharpe_ratios,
    )
    from wfo.stats.superiority import (
        Superiority,
        block_length,
        step_m,
        superior_predictive_ability,
    )

_HOME = {
    "BlockSums": "overfitting",
    "CombinatorialPaths": "overfitting",
    "Condition": "efficiency",
    "Efficiency": "efficiency",
    "IndependentTrials": "clusters",
    "Interval": "bootstrap",
    "Overfitting": "overfitting",
    "PhaseProfit": "efficiency",
    "ReshuffledDrawdowns": "monte_carlo",
    "ReturnIntervals": "bootstrap",
    "SharpeMoments": "sharpe",
    "Superiority": "superiority",
    "TradeIntervals": "bootstrap",
    "TradeStationVerdict": "efficiency",
    "block_length": "superiority",
    "block_sums": "overfitting",
    "cpcv_paths": "overfitting",
    "deflated_sharpe": "sharpe",
    "expected_maximum_sharpe": "sharpe",
    "independent_trials": "clusters",
    "minimum_track_record": "sharpe",
    "overfitting_probability": "overfitting",
    "permuted_bars": "permutation",
    "permuted_feeds": "permutation",
    "probabilistic_sharpe": "sharpe",
    "probabilistic_sharpe_autocorrelated": "sharpe",
    "reshuffled_drawdowns": "monte_carlo",
    "return_intervals": "bootstrap",
    "sharpe_moments": "sharpe",
    "sharpe_ratios": "sharpe",
    "step_m": "superiority",
    "superior_predictive_ability": "superiority",
    "trade_intervals": "bootstrap",
    "tradestation_verdict": "efficiency",
    "walk_forward_efficiency": "efficiency",
}

__all__ = [
    "BlockSums",
    "CombinatorialPaths",
    "Condition",
    "Efficiency",
    "IndependentTrials",
    "Interval",
    "Overfitting",
    "PhaseProfit",
    "ReshuffledDrawdowns",
    "ReturnIntervals",
    "SharpeMoments",
    "Superiority",
    "TradeIntervals",
    "TradeStationVerdict",
    "block_length",
    "block_sums",
    "cpcv_paths",
    "deflated_sharpe",
    "expected_maximum_sharpe",
    "independent_trials",
    "minimum_track_record",
    "overfitting_probability",
    "permuted_bars",
    "permuted_feeds",
    "probabilistic_sharpe",
    "probabilistic_sharpe_autocorrelated",
    "reshuffled_drawdowns",
    "return_intervals",
    "sharpe_moments",
    "sharpe_ratios",
    "step_m",
    "superior_predictive_ability",
    "trade_intervals",
    "tradestation_verdict",
    "walk_forward_efficiency",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
