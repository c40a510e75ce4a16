"""Every public callable with wrong arguments: one at a time is replaced by a value of each kind.

`wfo.__all__` and `wfo.stats.__all__` are walked by introspection: functions, constructors, methods,
class methods. `quick_entries` and `run_entries` have arguments of each that work; what has none is
named in `test_api_types.LEFT_OUT` with the reason, and a test fails where something public is in
neither.
"""

from __future__ import annotations

import datetime as dt
import decimal
import fractions
import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from in_time import within

import wfo
import wfo.stats
import wfo.strategy
from wfo.errors import WfoError
from wfo.rules.authoring.draft import Draft
from wfo.rules.authoring.series import Series
from wfo.testing.samples import random_bars

N, WARMUP, SPLIT = 160, 90, 120

#: Seconds after which a call is one that hangs.
LIMIT = 20


def _pandas() -> Any:
    import pandas as pd

    return pd


def _unruly() -> object:
    class Unruly:
        """What cannot be shown, compared, counted or gone through."""

        def _refuse(self, *_: object) -> Any:
            raise RuntimeError("unruly")

        __repr__ = __str__ = __eq__ = __len__ = __iter__ = __getitem__ = _refuse
        __hash__ = None  # type: ignore[assignment]  # on purpose

    return Unruly()


#: Values of every kind, made anew for each call: a generator is empty after the first.
WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "zero": lambda: 0,
    "minus one": lambda: -1,
    "2**70": lambda: 2**70,
    "minus 2**70": lambda: -(2**70),
    "5,000 digits": lambda: 10**5_000,
    "0.5": lambda: 0.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "minus inf": lambda: float("-inf"),
    "1.7e308": lambda: 1.7e308,
    "complex": lambda: 1 + 2j,
    "Decimal": lambda: decimal.Decimal("sNaN"),
    "Fraction": lambda: fractions.Fraction(10**400, 3),
    "empty text": lambda: "",
    "text": lambda: "no such thing",
    "NUL": lambda: "a\0b",
    "surrogate": lambda: "\udcff",
    "lines": lambda: "a\nb\x1b[2J",
    "long text": lambda: "x" * 100_000,
    "bytes": lambda: b"\xff\0",
    "empty list": list,
    "list": lambda: [1, 2, 3],
    "list of None": lambda: [None, None],
    "list of texts": lambda: ["a", "b"],
    "nested list": lambda: [[1, [2]], []],
    "ragged list": lambda: [[1.0], [1.0, 2.0]],
    "tuple": lambda: (1, "a", None),
    "empty dict": dict,
    "dict": lambda: {"a": 1},
    "dict of None": lambda: {None: None},
    "dict of lists": lambda: {"atr_period": [[1], {}]},
    "set": lambda: {1, 2},
    "range": lambda: range(3),
    "generator": lambda: (i for i in (1, 2)),
    "function": lambda: len,
    "class": lambda: int,
    "object": object,
    "unruly object": _unruly,
    "module": lambda: decimal,
    "Path to nowhere": lambda: Path("/nowhere/at/all"),
    "folder": lambda: Path("/"),
    "date": lambda: dt.date(2020, 1, 1),
    "first date": lambda: dt.date(1, 1, 1),
    "date-time": lambda: dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC),
    "timedelta": lambda: dt.timedelta(days=1),
    "np.int8": lambda: np.int8(-3),
    "np.uint64": lambda: np.uint64(2**64 - 1),
    "np.float32": lambda: np.float32(np.nan),
    "np.bool": lambda: np.True_,
    "np.datetime64": lambda: np.datetime64("NaT"),
    "np.str": lambda: np.str_("a"),
    "array of none": lambda: np.zeros(0),
    "array of objects": lambda: np.array([None, {}], dtype=object),
    "array of texts": lambda: np.array(["a", "b"]),
    "array of complex": lambda: np.ones(3, complex),
    "array of dates": lambda: np.zeros(3, "M8[ns]"),
    "array of bool": lambda: np.ones(3, bool),
    "array of records": lambda: np.zeros(2, [("a", "f8")]),
    "array of nan": lambda: np.full(N, np.nan),
    "array of inf": lambda: np.full((N, 3), np.inf),
    "array of 1e308": lambda: np.full((N, 3), 1e308),
    "array of float16": lambda: np.ones((N, 2), np.float16),
    "array in 0 dimensions": lambda: np.array(5),
    "array in 3 dimensions": lambda: np.zeros((2, 2, 2)),
    "array of no columns": lambda: np.zeros((N, 0)),
    "masked array": lambda: np.ma.masked_all(3),
    "negative strides": lambda: np.arange(6.0)[::-2],
    "pandas Series": lambda: _pandas().Series([1.0, None]),
    "pandas frame": lambda: _pandas().DataFrame({"a": [1, 2]}),
    "pandas NaT": lambda: _pandas().NaT,
    "pandas NA": lambda: _pandas().NA,
    "polars frame": lambda: pl.DataFrame({"a": [1, 2]}),
    "polars empty frame": pl.DataFrame,
    "polars Series": lambda: pl.Series("a", [1, None]),
    "polars lazy frame": lambda: pl.DataFrame({"a": [1]}).lazy(),
    "strategy": lambda: wfo.strategies()["atr_d_ls"],
    "settings": wfo.AccountSettings,
    "grid": lambda: wfo.Grid.load("smoke", "atr_d_ls"),
}


@dataclass(frozen=True)
class Entry:
    """A callable, arguments that work, and what it is called."""

    name: str
    call: Callable[..., Any]
    good: dict[str, Any]


def outcome(call: Callable[..., Any], arguments: dict[str, Any]) -> str | None:
    """Return what is wrong with how a call ends; None where it returns, or raises a `WfoError`.

    The message of an error is one line, or a few where it lists several things.
    """
    try:
        with within(LIMIT), warnings.catch_warnings():
            warnings.simplefilter("error")
            call(**arguments)
    except WfoError as error:
        said = str(error)
        if len(said) > 2_000 or said.count("\n") > 20:
            return f"a message of {len(said):,} characters: {said[:80]!r}"
        return None
    except BaseException as error:  # noqa: BLE001  # panics are no Exception
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        where = "" if last is None else f"{last.tb_frame.f_code.co_filename}:{last.tb_lineno}"
        return f"{type(error).__name__}: {str(error)[:100]} ({where})"
    return None


def public() -> dict[str, Any]:
    """Return every public callable by its name, as in ``Grid.params``; no errors, no properties."""
    found: dict[str, Any] = {}
    for module, names in (("", wfo.__all__), ("stats.", wfo.stats.__all__)):
        home = wfo.stats if module else wfo
        for name in names:
            item = getattr(home, name)
            if not callable(item) or (inspect.isclass(item) and issubclass(item, Exception)):
                continue
            found[module + name] = item
            if not inspect.isclass(item):
                continue
            for method, value in vars(item).items():
                plain = isinstance(value, classmethod | staticmethod) or inspect.isfunction(value)
                if plain and not method.startswith("_"):
                    found[f"{module}{name}.{method}"] = value
    return found


def parameters_of(call: Callable[..., Any]) -> list[str]:
    """Return the names of what a callable takes."""
    kinds = inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL
    return [p.name for p in inspect.signature(call).parameters.values() if p.kind not in kinds]


def bars(seed: int = 1) -> pl.DataFrame:
    """Return random daily bars."""
    return random_bars(np.random.default_rng(seed), N)


def quick_entries() -> Iterator[Entry]:
    """Yield what takes milliseconds, with arguments that work."""
    yield from _settings_and_grids()
    yield from _backtests()
    yield from _walk_forwards()
    yield from _selection()
    yield from _statistics()


def _method(name: str, owner: Any, method: str, /, **good: Any) -> Entry:
    return Entry(f"{name}.{method}", getattr(owner, method), good)


def _settings_and_grids() -> Iterator[Entry]:
    account = {"capital": 1e5, "slip": 0.0, "fee": 0.0, "sizing": "fixed", "lot_size": 1.0}
    yield Entry("AccountSettings", wfo.AccountSettings, account)
    own = account | {"max_stop_atr": 20.0, "entry_style": "breakout"}
    yield Entry("Settings", wfo.Settings, own)
    yield _method("AccountSettings", wfo.Settings(lot_size=1), "whole_lots", shares=2.5)
    gates = {"wfe": 0.3, "dd_ratio": 3.0, "min_phases": 2, "min_trades": 1, "beat": "risk"}
    yield Entry("Gates", wfo.Gates, gates)
    yield Entry("Gates.preset", wfo.Gates.preset, {"name": "v4"})
    yield _method("Gates", wfo.Gates(), "required", phases=4, default=3)
    yield Entry("Gates.from_dict", wfo.Gates.from_dict, {"data": wfo.Gates().to_dict()})
    for name, value in gates.items():
        call = lambda value, name=name: wfo.Gates.from_dict({name: value})  # noqa: E731
        yield Entry(f"Gates.from_dict[{name}]", call, {"value": value})
    options = {"least_stable": 10, "level": 0.4, "reach": 1.5, "density": 4}
    yield Entry("PlateauOptions", wfo.PlateauOptions, options)
    yield Entry("PlateauOptions.from_dict", wfo.PlateauOptions.from_dict, {"data": options})
    smoke = wfo.Grid.load("smoke", "atr_d_l")
    values = dict(smoke.values)
    yield Entry("Grid", wfo.Grid, {"values": values, "strategy": "atr_d_l", "name": "own"})
    for axis in ("atr_period", "atr_multiplier", "scaling_method"):
        call = lambda value, axis=axis: wfo.Grid(values | {axis: value}, strategy="atr_d_l")  # noqa: E731
        yield Entry(f"Grid[{axis}]", call, {"value": values[axis]})
        call = lambda value, axis=axis: wfo.Grid(values | {axis: [value]}, strategy="atr_d_l")  # noqa: E731
        yield Entry(f"Grid[{axis}][0]", call, {"value": values[axis][0]})
    yield Entry("Grid.load", wfo.Grid.load, {"grid": "smoke", "strategy": "atr_d_l"})
    yield Entry(
        "Grid.from_dict",
        wfo.Grid.from_dict,
        {"data": smoke.to_dict(), "strategy": wfo.strategies()["atr_d_l"]},
    )
    some = np.arange(3)
    yield _method("Grid", smoke, "params", index=1)
    yield _method("Grid", smoke, "find", params=smoke.params(1))
    yield _method("Grid", smoke, "with_map", map_axes=("atr_period", "bb_length"))
    yield _method("Grid", smoke, "digits", name="atr_period", indices=some)
    yield _method("Grid", smoke, "columns", indices=some)
    yield _method("Grid", smoke, "column", name="atr_period", indices=some)
    strategy = wfo.strategies()["atr_d_l"]
    yield _method("Strategy", strategy, "parameter", name="atr_period")
    yield _method("Strategy", strategy, "check_names", given=list(strategy.names))
    yield _method("Strategy", strategy, "with_defaults", given={})
    yield _method("Strategy", strategy, "check_params", params=smoke.params(0))
    yield _method("Strategy", strategy, "settings_of", settings=wfo.Settings())
    yield _method("Strategy", strategy, "with_map", map_axes=("atr_period", "bb_length"))
    for name in ("atr_period", "min_tightening"):
        call = lambda value, name=name: strategy.check_params(smoke.params(0) | {name: value})  # noqa: E731
        yield Entry(f"Strategy.check_params[{name}]", call, {"value": smoke.params(0)[name]})
    given = {p: getattr(strategy, p) for p in parameters_of(wfo.Strategy)} | {"name": "own"}
    yield Entry("Strategy", wfo.Strategy, given)
    for axis in (wfo.Int, wfo.Float):
        numbers = {"low": 1, "high": 9, "step": 2, "meaning": "bars", "default": 3}
        yield Entry(axis.__name__, axis, numbers)
        yield _method(axis.__name__, axis(1, 9), "parameter", name="length")
    two = functools.partial(wfo.Choice, "a", "b")
    yield Entry("Choice", two, {"meaning": "which", "default": "b"})
    yield Entry("Choice[1]", lambda value: wfo.Choice("a", value), {"value": "b"})
    yield _method("Choice", wfo.Choice("a", "b"), "parameter", name="method")
    yield from rules_entries()
    yield _kernel()
    yield Entry("register", wfo.register, {"strategy": strategy})
    parameter = {
        "name": "p", "kind": "float", "low": 0.0, "high": 1.0, "meaning": "m", "open_low": True,
        "default": 0.5,
    }  # fmt: skip
    yield Entry("Parameter", type(strategy.parameters[0]), parameter)
    yield Entry("Windows.preset", wfo.Windows.preset, {"name": "default"})
    yield Entry("Windows.load", wfo.Windows.load, {"name": "default"})
    windows = wfo.Windows.preset("default")
    yield Entry("Windows.from_dict", wfo.Windows.from_dict, {"data": windows.to_dict()})
    yield Entry(
        "Windows.of", wfo.Windows.of, {"data": windows.to_dict(), "name": "own", "where": "there"}
    )
    dates = [dt.date(2000, 1, 3) + dt.timedelta(days=i) for i in range(9_000)]
    yield _method("Windows", windows, "begins", as_of=dates[-1], months=3)
    yield _method("Windows", windows, "resolve", dates=dates, as_of=dates[-1], warmup=100)
    phases = windows.resolve(dates)
    yield Entry("Phases.from_dict", wfo.Phases.from_dict, {"data": phases.to_dict()})
    yield Entry("Phase.from_dict", wfo.Phase.from_dict, {"data": phases[0].to_dict()})


def rules_entries() -> Iterator[Entry]:
    """Yield what rules call while they are made."""
    x = Series(Draft("Own", {"n": wfo.Int(1, 9)}))
    exits = {"exit_long": [x.trail(5), x.after(3)], "exit_short": x.loss(percent=2)}
    given = {"long": x.at_open(x.close > 5), "short": [x.limit(x.high)], **exits}
    more = {"reverse_to_long": True, "reverse_to_short": 0, "both": None, "same_bar": "worst"}
    yield Entry("orders", wfo.orders, {**given, **more, "risk": None, "size": x.close})
    yield Entry("indicator", wfo.indicator, {"function": len, "lookback": 5})
    named = {"x": x.close, "condition": x.close > 5, "when": x.close < 3, "percent": None}
    named |= {"name": "volume", "method": 1, "length": 5, "bars": 2, "fast": 3, "slow": 9}
    for name, method in inspect.getmembers(Series, inspect.isfunction):
        if not name.startswith("_"):
            good = {each: named.get(each, x.close) for each in parameters_of(method)[1:]}
            yield _method("Series", x, name, **good)


def _kernel() -> Entry:
    def call(parameters: Any, **more: Any) -> Any:
        def own(bars: Any, sets: Any, start: Any, fills: Any) -> None: ...

        return wfo.kernel(parameters, **more)(own)

    good: dict[str, Any] = {
        "parameters": {"a": wfo.Int(1, 9), "b": wfo.Float(0, 1)}, "lookback": 9, "name": "own",
        "title": "Nothing", "constraints": ("a < b",), "feeds": (wfo.strategy.Feed("bars"),),
        "shorts": True, "map_axes": ("a", "b"), "settings": wfo.AccountSettings,
    }  # fmt: skip
    return Entry("kernel", call, good)


def _backtests() -> Iterator[Entry]:
    frame, other = bars(), bars(2)
    params = wfo.Grid.load("smoke", "atr_d_duals_l").params(0)
    params |= {"atr_period": 5, "bb_length": 20, "atr_buy_period": 5}
    settings = wfo.Settings()
    labels = np.arange(N) % 3
    read = {"bars": frame, "bars2": other, "feeds": None}
    common = {"settings": settings, "engine": "direct"}
    whole = read | common
    yield Entry("load_sample", wfo.load_sample, {"name": "NASDAQ"})
    yield Entry("join_bars", wfo.join_bars, {"first": frame, "second": other, "allow_gaps": True})
    yield Entry("read_feeds", wfo.read_feeds, {"strategy": "atr_d_duals_l"} | read)
    yield Entry(
        "simulate",
        wfo.simulate,
        whole
        | {"strategy": "atr_d_duals_l", "params": params, "split": SPLIT, "warmup": WARMUP,
           "labels": labels},
    )  # fmt: skip
    for what in ("date", "params"):

        def dated(value: Any, what: str = what) -> Any:
            second = (value, params) if what == "date" else (100, value)
            return wfo.simulate(
                "atr_d_duals_l", frame, [(0, params), second], bars2=other, split=SPLIT,
                warmup=WARMUP,
            )  # fmt: skip

        yield Entry(f"simulate[dated {what}]", dated, {"value": 100 if what == "date" else params})
    for column in ("date", "open", "close"):

        def with_column(value: Any, column: str = column) -> Any:
            import pandas as pd

            changed = pd.DataFrame(frame.to_dict(as_series=False)).astype(object)
            changed[column] = [value, *changed[column][1:]]
            return wfo.simulate("atr_d_l", changed, params, split=SPLIT, warmup=WARMUP)

        yield Entry(f"simulate[{column}]", with_column, {"value": frame[column][0]})
    yield Entry(
        "working_orders",
        wfo.working_orders,
        whole | {"strategy": "atr_d_duals_l", "params": params, "warmup": WARMUP},
    )
    yield Entry(
        "buy_and_hold",
        wfo.buy_and_hold,
        {"bars": frame, "split": SPLIT, "warmup": WARMUP, "settings": settings},
    )
    grid = {name: [value] for name, value in params.items()} | {"atr_period": [4, 5]}
    feeds = wfo.read_feeds("atr_d_duals_l", frame, other)
    phases = [(WARMUP, SPLIT, N)]
    several = common | {
        "strategy": "atr_d_duals_l", "feeds": feeds, "phases": phases, "threads": 1,
        "figures": "extended", "labels": labels,
    }  # fmt: skip
    yield Entry("Evaluator", wfo.Evaluator, several | {"grid": grid})
    yield Entry("Evaluator.of_sets", wfo.Evaluator.of_sets, several | {"sets": [params]})
    evaluator = wfo.Evaluator(**(several | {"grid": grid}))
    yield _method("Evaluator", evaluator, "range", start=0, stop=2, stored=True)
    yield _method("Evaluator", evaluator, "list", indices=[0, 1], stored=False)
    yield _method("Evaluator", evaluator, "blocks", starts=[0], size=2, stored=False)
    rows = [[float(v) for v in params.values()]]
    history = common | {
        "strategy": "atr_d_duals_l", "feeds": feeds, "sets": rows, "warmup": WARMUP, "end": N,
        "threads": 1,
    }  # fmt: skip
    yield Entry("PerformanceEvaluator", wfo.PerformanceEvaluator, history)
    performance = wfo.PerformanceEvaluator(**history)
    yield _method("PerformanceEvaluator", performance, "range", start=0, stop=1)
    found = performance.range(0, 1)
    yield Entry("Performance", wfo.Performance, {"columns": found.columns()})
    table = np.array([list(found.row(0).values())])
    yield Entry("Performance.of_rows", wfo.Performance.of_rows, {"rows": table})
    yield Entry("Performance.concat", wfo.Performance.concat, {"pieces": [found, found]})
    yield _method("Performance", found, "take", indices=[0])
    yield _method("Performance", found, "row", index=0)
    swept = {
        "strategy": "atr_d_duals_l", "grid": grid, "split": SPLIT, "warmup": WARMUP, "bars": frame,
        "bars2": other, "feeds": None, "settings": settings, "engine": "direct", "threads": 1,
        "figures": "extended", "labels": labels, "memory_limit": 10**9, "windows": None,
        "bars_per_year": 252,
    }  # fmt: skip
    yield Entry("sweep", wfo.sweep, swept)
    tried = {"fast": [2, 3], "slow": [5, 8]}
    yield Entry(
        "check",
        wfo.check,
        {"strategy": wfo.examples.SmaCross, "bars": frame, "grid": tried, "bars2": None,
         "feeds": None, "settings": wfo.AccountSettings(), "sets": 1, "cuts": 1, "seed": 2},
    )  # fmt: skip
    result = wfo.sweep(**swept)
    yield _method("SweepResult", result, "figures", start=0, stop=1)
    yield _method("SweepResult", result, "params", index=1)
    yield _method("SweepResult", result, "metrics", bars_per_year=252.0)
    simulation = wfo.simulate(
        "atr_d_duals_l", frame, params, bars2=other, split=SPLIT, warmup=WARMUP
    )
    yield _method("Simulation", simulation, "metrics", bars_per_year=252.0)
    yield _method("Simulation", simulation, "plot", path=None, title="own")
    yield Entry(
        "simulation_metrics",
        wfo.simulation_metrics,
        {"simulation": simulation, "dates": frame["date"].to_list(), "warmup": WARMUP,
         "split": SPLIT, "bars_per_year": 252.0},
    )  # fmt: skip
    order = {
        "action": "buy", "kind": "limit", "level": 9.5, "shares": 3.0, "obstacle": None,
        "numbers": None, "fills_beyond": 9.0, "rule": "pullback", "protected_by": "trail",
        "protective_level": 9.25, "distance": 0.25, "share_at_risk": 0.01, "capped": False,
    }  # fmt: skip
    yield Entry("WorkingOrder", wfo.WorkingOrder, order)


def _walk_forwards() -> Iterator[Entry]:
    params = wfo.Grid.load("smoke", "atr_d_duals_l").params(0)
    params |= {"atr_period": 5, "bb_length": 20, "atr_buy_period": 5}
    good: dict[str, Any] = {
        "strategy": "atr_d_duals_l", "bars": bars(), "bars2": bars(2), "feeds": None,
        "grid": {name: [value] for name, value in params.items()} | {"atr_period": [4, 5]},
        "in_sample": "20d", "out_of_sample": "20d", "step": "10d", "purge": "2d",
        "anchored": False, "begin": "2000-04-20", "by": "net_profit", "gates": None,
        "min_trades": 0, "settings": wfo.Settings(), "threads": 1, "progress": None,
        "bars_per_year": 252.0,
    }  # fmt: skip
    yield Entry("walk_forward", wfo.walk_forward, good)
    walked = wfo.walk_forward(**good)
    yield _method("WalkForward", walked, "plot", path=None, title="own")
    yield _method("WalkForward", walked, "chart", title="own")
    lengths = {"in_sample": "1m", "out_of_sample": "20d", "step": "10d", "purge": "2d"}
    yield Entry("WalkSchedule", wfo.WalkSchedule, lengths | {"anchored": True})
    for name in ("preset", "load"):
        yield Entry(f"WalkSchedule.{name}", getattr(wfo.WalkSchedule, name), {"name": "rolling"})
    yield Entry(
        "WalkSchedule.of",
        wfo.WalkSchedule.of,
        {"data": {"rolling": {"in": "3y", "out": "1y"}}, "where": "own"},
    )
    schedule = wfo.WalkSchedule(**lengths)
    dates = good["bars"]["date"].to_list()
    laid = {"dates": dates, "begin": dates[100], "as_of": dates[-1], "warmup": 100}
    yield _method("WalkSchedule", schedule, "resolve", **laid)
    yield Entry("WalkSchedule.from_dict", wfo.WalkSchedule.from_dict, {"data": schedule.to_dict()})
    left = ("in_sample", "out_of_sample", "step", "anchored")
    many = {name: value for name, value in good.items() if name not in left} | {
        "in_samples": ["20d", "30d"], "out_of_samples": ["20d"], "kinds": ["rolling"],
        "ranked_by": "sharpe",
    }  # fmt: skip
    yield Entry("walk_forward_matrix", wfo.walk_forward_matrix, many)
    matrix = wfo.walk_forward_matrix(**many)
    named = {"kind": "rolling", "in_sample": "20d", "out_of_sample": "20d"}
    cell = {"cell": matrix.cells[0]}
    yield _method("WalkForwardMatrix", matrix, "cell", **named)
    yield _method("WalkForwardMatrix", matrix, "neighbours", **cell)
    yield _method("WalkForwardMatrix", matrix, "neighbourhood", **cell, figure="wfe")
    yield _method("WalkForwardMatrix", matrix, "alone", **cell)
    yield _method("WalkForwardMatrix", matrix, "ranks", figure="wfe")
    yield _method("WalkForwardMatrix", matrix, "text", width=80)
    plain = {"data": matrix.to_dict()}
    yield Entry("WalkForwardMatrix.from_dict", wfo.WalkForwardMatrix.from_dict, plain)


def _selection() -> Iterator[Entry]:
    grid = wfo.Grid.load("smoke", "atr_d_l")
    sample = wfo.load_sample("NASDAQ")
    results = wfo.sweep("atr_d_l", sample, grid, windows="default", threads=1)
    gates = wfo.Gates(wfe=0, dd_ratio=1e6, min_phases=1)
    yield Entry("score", wfo.score, {"phases": results, "gates": gates, "kept": 100})
    candidates = wfo.score(results, gates=gates)
    yield Entry(
        "detect_plateaus",
        wfo.detect_plateaus,
        {
            "candidates": candidates,
            "grid": grid,
            "cells": None,
            "options": wfo.PlateauOptions(),
            "map_axes": ("atr_period", "bb_length"),
        },
    )
    yield Entry("sensitivity", wfo.sensitivity, {"results": results, "gates": gates})
    found = wfo.sensitivity(results, gates)
    yield _method("Sensitivity", found, "of", response="return")
    yield _method("Sensitivity", found, "fixed_parameters", below=0.01, response="return")
    yield _method("Sensitivity", found, "bars", width=72, response="return")
    axes = grid.strategy.map_axes
    assert axes is not None
    cell = (float(grid.values[axes[0]][0]), float(grid.values[axes[1]][0]))
    plateau = wfo.Plateau(1, None, (cell,), 3, 0.5, 60.0, cell, 4.0)
    yield _method("Plateau", plateau, "candidates", candidates=candidates, grid=grid)
    yield _method("Plateau", plateau, "top", candidates=candidates, grid=grid)
    data = {"data": plateau.to_dict(), "grid": grid}
    yield Entry("Plateau.from_dict", wfo.Plateau.from_dict, data)


def _statistics() -> Iterator[Entry]:
    rng = np.random.default_rng(3)
    one, many = rng.normal(0.001, 0.01, N), rng.normal(0.001, 0.01, (N, 8))
    stats = wfo.stats
    taken: dict[str, dict[str, Any]] = {
        "block_length": {"returns": one},
        "block_sums": {"returns": many, "blocks": 8},
        "cpcv_paths": {"returns": many, "blocks": 8, "held": 2, "periods_per_year": 252.0},
        "deflated_sharpe": {"returns": one, "variance": 0.01, "trials": 10.0},
        "expected_maximum_sharpe": {"variance": 0.01, "trials": 10.0},
        "independent_trials": {"returns": many, "most": 8, "clusters": 3, "seed": 0},
        "minimum_track_record": {"returns": one, "benchmark_sharpe": 0.0, "confidence": 0.95},
        "overfitting_probability": {"returns": many, "blocks": 8},
        "probabilistic_sharpe": {"returns": one, "benchmark_sharpe": 0.0},
        "probabilistic_sharpe_autocorrelated": {"returns": one, "benchmark_sharpe": 0.0},
        "reshuffled_drawdowns": {"returns": one, "draws": 20, "seed": 0},
        "return_intervals": {
            "returns": one, "periods_per_year": 252.0, "resamples": 20, "seed": 0, "level": 0.9,
        },
        "sharpe_moments": {"returns": one},
        "sharpe_ratios": {"returns": many},
        "trade_intervals": {"returns": one, "resamples": 20, "seed": 0, "level": 0.9},
    }  # fmt: skip
    superior = {
        "returns": many, "benchmark": one, "resamples": 20, "block": 3, "level": 0.1,
        "studentized": True, "seed": 0,
    }  # fmt: skip
    taken |= {"step_m": superior, "superior_predictive_ability": superior}
    profit = {
        "is_pnl": 1.0, "oos_pnl": 1.0, "is_years": 2.0, "oos_years": 1.0,
        "oos_drawdown_share": 0.1,
    }  # fmt: skip
    phases = [stats.PhaseProfit(**profit)] * 3
    taken |= {"PhaseProfit": profit}
    taken |= {n: {"phases": phases} for n in ("tradestation_verdict", "walk_forward_efficiency")}
    taken["SharpeMoments"] = {
        "sharpe": 0.1, "periods": 100, "skewness": 0.0, "kurtosis": 3.0, "autocorrelation": 0.0,
    }  # fmt: skip
    feeds = wfo.read_feeds("atr_d_l", bars())
    permuted = {"first": 10, "seed": 1, "end": N, "classes": None, "block": 0}
    taken["permuted_bars"] = {"bars": feeds.prices()} | permuted
    taken["permuted_feeds"] = {"feeds": feeds} | permuted
    for name, good in taken.items():
        yield Entry(f"stats.{name}", getattr(stats, name), good)


def run_entries(folder: Path) -> Iterator[Entry]:
    """Yield what makes or reads a run in a folder, with arguments that work; it takes seconds."""
    out = folder / "out"
    grid = {n: [v] for n, v in wfo.Grid.load("smoke", "atr_d_l").params(0).items()}
    own = wfo.Grid(grid | {"atr_period": [5, 9], "atr_multiplier": [2, 4, 8]}, strategy="atr_d_l")
    store = wfo.DataStore(folder / "store")
    yield Entry("DataStore", wfo.DataStore, {"folder": folder / "store"})
    for name in ("keys", "list"):
        yield _method("DataStore", store, name, series="bars")
    for name in ("meta", "remembered", "load", "load_with_meta", "read"):
        yield _method("DataStore", store, name, symbol="NASDAQ", timeframe="1day", series="bars")
    yield _method("DataStore", store, "is_sample", symbol="NASDAQ", timeframe="1day")
    given: dict[str, Any] = {
        "symbol": "NASDAQ", "strategy": "atr_d_l", "symbol2": None, "allow_gaps": False,
        "timeframe": "1day", "name": None, "grid": own, "windows": "default", "as_of": None,
        "expand": False, "settings": wfo.Settings(), "gates": wfo.Gates(min_phases=1),
    }  # fmt: skip
    given = {name: given[name] for name in parameters_of(wfo.run) if name in given}
    rest = {
        p.name: p.default
        for p in inspect.signature(wfo.run).parameters.values()
        if p.name not in given
    }
    yield Entry("run", wfo.run, given | rest | {"out": out, "threads": 1, "fresh": True})
    report = wfo.run(**(given | rest | {"out": out, "threads": 1}))
    yield _method("RunReport", report, "candidates", strategy="atr_d_l")
    home = Path(str(report.folder.path))
    for name, more in (
        ("analyze", {"reports": (), "top": 5, "threads": 1, "progress": None}),
        ("refine", {"jobs": None, "threads": 1, "fresh": False, "progress": None}),
        ("permutation_test", {"runs": 1, "after_first_in_sample": False, "block": 0, "threads": 1,
                              "progress": None}),
        ("verdict", {"spend_holdout": False, "samples": 10, "threads": 1, "progress": None}),
        ("export_set", {"candidate": 1, "refined": None, "strategy": None}),
    ):  # fmt: skip
        yield Entry(name, getattr(wfo, name), {"folder": home} | more)
    chosen = wfo.export_set(home, candidate=1)
    yield Entry(
        "write_set",
        wfo.write_set,
        {"chosen": chosen, "path": folder / "own.json", "form": None, "replace": True},
    )
    wfo.write_set(chosen, folder / "own.json", replace=True)
    yield Entry("read_set", wfo.read_set, {"path": folder / "own.json", "strategy": "atr_d_l"})
    yield from search_entries(folder)
    yield from walk_forward_entries(folder, own)
    yield Entry("ParameterSet.from_dict", wfo.ParameterSet.from_dict, {"data": chosen.to_dict()})
    made = {"strategy": wfo.strategies()["atr_d_l"], "params": own.params(0)}
    yield Entry("ParameterSet", wfo.ParameterSet, made)


def walk_forward_entries(folder: Path, grid: wfo.Grid) -> Iterator[Entry]:
    """Yield what makes or reads the folder of a walk-forward, with arguments that work."""
    given: dict[str, Any] = {
        "symbol": "NASDAQ", "strategy": "atr_d_l", "space": None, "symbol2": None,
        "allow_gaps": False, "timeframe": "1day", "grid": grid, "in_sample": "8y",
        "out_of_sample": "6y", "step": "5y", "purge": "1m", "anchored": True, "windows": None,
        "matrix": None, "by": "net_profit", "min_trades": 0, "gates": None, "begin": "2000-06-01",
        "as_of": "2018-01-31", "holdout": None, "settings": wfo.Settings(), "name": "walked",
        "fresh": False, "threads": 1, "data_dir": None, "results": folder / "out",
        "progress": None, "bars_per_year": 252.0,
    }  # fmt: skip
    yield Entry("run_walk_forward", wfo.run_walk_forward, given)
    made = wfo.run_walk_forward(**given)
    yield Entry("read_walk_forward", wfo.read_walk_forward, {"folder": made.folder})
    alike = ("symbol", "strategy", "grid", "by", "results", "threads")
    several = wfo.run_walk_forward(**{n: given[n] for n in alike}, matrix="8y/6y").matrix
    yield _method("WalkForwardMatrix", several, "plot", path=folder / "matrix.html")


def search_entries(folder: Path) -> Iterator[Entry]:
    """Yield what makes or reads a study, with arguments that work."""
    space, guardrails = folder / "space.yaml", folder / "guardrails.yaml"
    space.write_text(
        "strategy: atr_d_l\nsymbols: [NASDAQ]\nobjective: total_return\nblock: none\n"
        "parameters: {atr_period: [5, 9]}\n"
    )
    guardrails.write_text("trades: {at_least: 1}\n")
    given: dict[str, Any] = {
        "space": space, "symbols": ["NASDAQ"], "timeframe": "1day", "start": "2010-01-01",
        "end": dt.date(2018, 1, 31), "strategy": "atr_d_l", "method": "grid", "trials": 2,
        "workers": 1, "study": "walked", "seed": 1, "top": 1, "limits": "strict",
        "guardrails": guardrails, "holdout": "6m", "timeout": 10.0, "memory": 500,
        "data_dir": folder / "store", "out": folder / "out", "progress": None,
        "bars_per_year": 252.0,
    }  # fmt: skip
    yield Entry("optimize", wfo.optimize, given)
    wfo.optimize(**given)
    study = folder / "out" / "optimization" / "walked"
    yield Entry("read_study", wfo.read_study, {"folder": study})
