"""Strategies as values: parameters, constraints, feeds, kernels and views, and their registry.

A new strategy is a `Strategy` that is given to `wfo.register`, or named by its package as an entry
point of the group ``wfo.strategies``; nothing in this package is changed for it.
"""

from __future__ import annotations

from wfo.strategy.axes import Axis, Choice, Float, Int
from wfo.strategy.constraints import Constraint
from wfo.strategy.feed import Feed
from wfo.strategy.kernel import BatchKernel, Kernel, NumbaKernel, PythonKernel, RustKernel, Walk
from wfo.strategy.loading import StandsForStrategy, StrategyLike
from wfo.strategy.parameter import Number, Parameter
from wfo.strategy.registry import get_strategy, is_built_in, register, strategies
from wfo.strategy.source import Source
from wfo.strategy.value import Lookback, Strategy
from wfo.strategy.views import Fine, Input, StopClass, StopClasses, TradeStation

__all__ = [
    "Axis",
    "BatchKernel",
    "Choice",
    "Constraint",
    "Feed",
    "Fine",
    "Float",
    "Input",
    "Int",
    "Kernel",
    "Lookback",
    "NumbaKernel",
    "Number",
    "Parameter",
    "PythonKernel",
    "RustKernel",
    "Source",
    "StandsForStrategy",
    "StopClass",
    "StopClasses",
    "Strategy",
    "StrategyLike",
    "TradeStation",
    "Walk",
    "get_strategy",
    "is_built_in",
    "register",
    "strategies",
]
