"""Backtests: one parameter set, or whole grids, on the engines that a strategy has.

The reference is the definition in code, compiled kernels are what a search runs on: the direct one
goes bar by bar, a factored one computes what combinations share once for all of them. They take the
same values and agree trade by trade, so that a caller chooses by name alone.
"""

from wfo.backtest.checks import available_threads, thread_count
from wfo.backtest.engines import choose_engine, engine_names
from wfo.backtest.evaluate import (
    BlockSizes,
    Evaluator,
    iter_sweep,
    largest_block,
    sweep_sample,
)
from wfo.backtest.feeds import Feeds, read_feeds
from wfo.backtest.figures import Figures, as_stored
from wfo.backtest.performance import Performance, PerformanceEvaluator
from wfo.backtest.values import Simulation, SweepResult

__all__ = [
    "BlockSizes",
    "Evaluator",
    "Feeds",
    "Figures",
    "Performance",
    "PerformanceEvaluator",
    "Simulation",
    "SweepResult",
    "as_stored",
    "available_threads",
    "choose_engine",
    "engine_names",
    "iter_sweep",
    "largest_block",
    "read_feeds",
    "sweep_sample",
    "thread_count",
]
