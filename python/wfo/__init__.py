"""Walk-forward optimization of trading strategies over whole parameter grids.

A first look::

    import wfo

    bars = wfo.load_sample("NASDAQ")
    grid = wfo.Grid.load("smoke", "atr_d_l")
    phases = wfo.Windows.preset("default").resolve(bars["date"])
    results = wfo.sweep("atr_d_l", bars, grid, windows=phases)
    candidates = wfo.score(results)
    plateaus = wfo.detect_plateaus(candidates, grid)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from wfo import forks as _forks

if TYPE_CHECKING:
    from wfo import stats as stats
    from wfo.atr_d.settings import Settings
    from wfo.backtest import Evaluator, Simulation, SweepResult, read_feeds
    from wfo.backtest.hold import buy_and_hold
    from wfo.backtest.lookahead import Checked
    from wfo.backtest.orders import Working, WorkingOrder, working_orders
    from wfo.backtest.performance import Performance, PerformanceEvaluator
    from wfo.backtest.simulate import simulate
    from wfo.backtest.sweep import sweep
    from wfo.bars import join_bars
    from wfo.build import build_info
    from wfo.data import DataStore, load_sample
    from wfo.errors import DataError, EngineError, InputError, ResultsError, WfoError
    from wfo.grid import Grid, grid_names
    from wfo.kernels import kernel
    from wfo.metrics import Metrics, PartMetrics, simulation_metrics
    from wfo.rules.authoring.functions import indicator
    from wfo.rules.authoring.orders import orders
    from wfo.rules.authoring.rules import Rules
    from wfo.runs.analysis.analyzing import AnalysisReport
    from wfo.runs.call import analyze, permutation_test, refine, run, verdict
    from wfo.runs.handover.parameter_set import ParameterSet
    from wfo.runs.handover.set_export import export_set
    from wfo.runs.handover.set_file import read_set, write_set
    from wfo.runs.lookahead import check
    from wfo.runs.optimizing.call import optimize, read_study
    from wfo.runs.optimizing.report import StudyReport
    from wfo.runs.permuting.report import PermutationReport
    from wfo.runs.permuting.values import PermutationTest
    from wfo.runs.refinement.report import RefineReport
    from wfo.runs.report import RunReport
    from wfo.runs.verdict.record import Verdict
    from wfo.runs.verdict.report import VerdictReport
    from wfo.runs.walkforward.call import read_walk_forward, run_walk_forward
    from wfo.runs.walkforward.report import WalkForwardReport
    from wfo.selection.explained import Sensitivity
    from wfo.selection.gates import Gates
    from wfo.selection.plateaus import Plateau, PlateauOptions, detect_plateaus
    from wfo.selection.scoring import score
    from wfo.selection.sensitivity import sensitivity
    from wfo.settings import AccountSettings
    from wfo.strategy import Choice, Float, Int, Strategy, register, strategies
    from wfo.walkforward.call import walk_forward
    from wfo.walkforward.matrix import WalkForwardMatrix
    from wfo.walkforward.matrix_call import walk_forward_matrix
    from wfo.walkforward.values import WalkForward
    from wfo.windows import Phase, Phases, WalkSchedule, Windows

__all__ = [
    "AccountSettings",
    "AnalysisReport",
    "Checked",
    "Choice",
    "DataError",
    "DataStore",
    "EngineError",
    "Evaluator",
    "Float",
    "Gates",
    "Grid",
    "InputError",
    "Int",
    "Metrics",
    "ParameterSet",
    "PartMetrics",
    "Performance",
    "PerformanceEvaluator",
    "PermutationReport",
    "PermutationTest",
    "Phase",
    "Phases",
    "Plateau",
    "PlateauOptions",
    "RefineReport",
    "ResultsError",
    "Rules",
    "RunReport",
    "Sensitivity",
    "Settings",
    "Simulation",
    "Strategy",
    "StudyReport",
    "SweepResult",
    "Verdict",
    "VerdictReport",
    "WalkForward",
    "WalkForwardMatrix",
    "WalkForwardReport",
    "WalkSchedule",
    "WfoError",
    "Windows",
    "Working",
    "WorkingOrder",
    "__version__",
    "analyze",
    "build_info",
    "buy_and_hold",
    "check",
    "detect_plateaus",
    "export_set",
    "grid_names",
    "indicator",
    "join_bars",
    "kernel",
    "load_sample",
    "optimize",
    "orders",
    "permutation_test",
    "read_feeds",
    "read_set",
    "read_study",
    "read_walk_forward",
    "refine",
    "register",
    "run",
    "run_walk_forward",
    "score",
    "sensitivity",
    "simulate",
    "simulation_metrics",
    "strategies",
    "sweep",
    "verdict",
    "walk_forward",
    "walk_forward_matrix",
    "working_orders",
    "write_set",
]

# Where each public name lives. They load on first use: `import wfo` alone reads no library.
_HOMES = {
    "AccountSettings": "settings",
    "AnalysisReport": "runs.analysis.analyzing",
    "Checked": "backtest.lookahead",
    "Choice": "strategy",
    "DataError": "errors",
    "DataStore": "data",
    "EngineError": "errors",
    "Evaluator": "backtest.evaluate",
    "Float": "strategy",
    "Gates": "selection.gates",
    "Grid": "grid",
    "InputError": "errors",
    "Int": "strategy",
    "Metrics": "metrics",
    "ParameterSet": "runs.handover.parameter_set",
    "PartMetrics": "metrics",
    "Performance": "backtest.performance",
    "PerformanceEvaluator": "backtest.performance",
    "PermutationReport": "runs.permuting.report",
    "PermutationTest": "runs.permuting.values",
    "Phase": "windows",
    "Phases": "windows",
    "Plateau": "selection.plateaus",
    "PlateauOptions": "selection.plateaus",
    "RefineReport": "runs.refinement.report",
    "ResultsError": "errors",
    "Rules": "rules.authoring.rules",
    "RunReport": "runs.report",
    "Sensitivity": "selection.explained",
    "Settings": "atr_d.settings",
    "Simulation": "backtest",
    "Strategy": "strategy",
    "StudyReport": "runs.optimizing.report",
    "SweepResult": "backtest",
    "Verdict": "runs.verdict.record",
    "VerdictReport": "runs.verdict.report",
    "WalkForward": "walkforward.values",
    "WalkForwardMatrix": "walkforward.matrix",
    "WalkForwardReport": "runs.walkforward.report",
    "WalkSchedule": "windows",
    "WfoError": "errors",
    "Windows": "windows",
    "analyze": "runs.call",
    "Working": "backtest.orders",
    "WorkingOrder": "backtest.orders",
    "build_info": "build",
    "buy_and_hold": "backtest.hold",
    "check": "runs.lookahead",
    "join_bars": "bars",
    "kernel": "kernels",
    "detect_plateaus": "selection.plateaus",
    "export_set": "runs.handover.set_export",
    "grid_names": "grid",
    "indicator": "rules.authoring.functions",
    "load_sample": "data",
    "optimize": "runs.optimizing.call",
    "orders": "rules.authoring.orders",
    "permutation_test": "runs.call",
    "read_feeds": "backtest.feeds",
    "refine": "runs.call",
    "read_set": "runs.handover.set_file",
    "read_study": "runs.optimizing.call",
    "read_walk_forward": "runs.walkforward.call",
    "register": "strategy",
    "run": "runs.call",
    "run_walk_forward": "runs.walkforward.call",
    "score": "selection.scoring",
    "sensitivity": "selection.sensitivity",
    "simulate": "backtest.simulate",
    "simulation_metrics": "metrics",
    "strategies": "strategy",
    "sweep": "backtest.sweep",
    "verdict": "runs.call",
    "walk_forward": "walkforward.call",
    "walk_forward_matrix": "walkforward.matrix_call",
    "working_orders": "backtest.orders",
    "write_set": "runs.handover.set_file",
}

_forks.watch()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from wfo._core import __version__ as value
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"wfo.{_HOMES[name]}"), name)
    elif name in ("stats", "examples"):
        # A module, which becomes an attribute by being imported.
        return importlib.import_module(f"wfo.{name}")
    else:
        raise AttributeError(f"module 'wfo' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
