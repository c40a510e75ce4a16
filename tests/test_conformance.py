"""The suite that the package exports: what passes it, and what each of its tests is there for."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cases import random_params
from cases import random_settings as atr_d_settings
from sma_cross import SMA_CROSS, plain

import wfo
from wfo.backtest.checks import Labels
from wfo.backtest.python import PythonEngine
from wfo.strategy import (
    Feed,
    NumbaKernel,
    Number,
    Parameter,
    PythonKernel,
    Strategy,
    Walk,
    get_strategy,
)
from wfo.testing import StrategyConformance


class TestSmaCross(StrategyConformance):
    strategy = SMA_CROSS
    # It is there where the project's wheel is installed; see test_wheel, which tries all cases.
    optional = ("direct",)
    cases = 5


class _AtrD(StrategyConformance):
    # Exponential averages remember the first bar.
    finite_memory = False
    # Its engines agree in hundreds of cases of test_parity.
    cases = 2

    def draw_params(self, rng: np.random.Generator) -> Mapping[str, Number]:
        return random_params(rng, self.strategy.name)

    def draw_settings(self, rng: np.random.Generator) -> wfo.Settings:
        return atr_d_settings(rng)


class TestAtrDL(_AtrD):
    strategy = get_strategy("atr_d_l")


class TestAtrDLS(_AtrD):
    strategy = get_strategy("atr_d_ls")


@pytest.mark.slow  # those of both sides have all of it but that shorts are missing
class TestAtrDHmaL(_AtrD):
    strategy = get_strategy("atr_d_hma_l")


class TestAtrDHmaLS(_AtrD):
    strategy = get_strategy("atr_d_hma_ls")


@pytest.mark.slow
class TestAtrDDualSL(_AtrD):
    strategy = get_strategy("atr_d_duals_l")


class TestAtrDDualSLS(_AtrD):
    strategy = get_strategy("atr_d_duals_ls")


@pytest.mark.slow
class TestMoreOfSmaCross(TestSmaCross):
    cases = 20


@pytest.mark.slow
class TestMoreOfAtrDL(TestAtrDL):
    cases = 20


@pytest.mark.slow
class TestMoreOfAtrDHmaLS(TestAtrDHmaLS):
    cases = 20


@pytest.mark.slow
class TestMoreOfAtrDDualSLS(TestAtrDDualSLS):
    cases = 20


# Toys: what a strategy may also be.


def reversing(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Long after a rise of the second symbol, short after a fall, where the volume is large."""
    bars, other = feeds["bars"], feeds["bars2"]["close"]
    opens, closes, volume = bars["open"], bars["close"], feeds["flow"]["volume"]
    n, s = len(closes), settings
    equity, trades, turns = np.full(n, s.capital), [], []
    money, side, since, shares, basis = s.capital, 0, -1, 0.0, 0.0
    for t in range(warmup, n):
        back, least = next(values for first, values in reversed(sets) if first <= t)
        wanted = int(np.sign(other[t - 1] - other[t - back]))
        wanted = side if volume[t - 1] < least or not wanted else wanted
        if wanted != side and money > 0:
            turns_around = side != 0
            if turns_around:
                net = opens[t] * (1 - side * s.slip) * (1 - side * s.fee)
                pnl = shares * side * (net - basis)
                money += pnl
                if shares > 0:
                    trades.append((side, since, opens[since], t, opens[t], pnl))
                side = 0
            if money > 0:
                if turns_around:
                    turns.append((t, money))
                side, since = wanted, t
                basis = opens[t] * (1 + side * s.slip) * (1 + side * s.fee)
                base = money if s.sizing == "compound" else min(s.capital, money)
                shares = s.whole_lots(base / (basis if side > 0 else opens[t] * (1 - s.slip)))
        equity[t] = money + shares * side * (closes[t] - basis) if side else money
    return Walk(trades, equity, since if side and shares > 0 else -1, turns)


REVERSING = Strategy(
    name="reversing",
    title="Follows a second symbol, long and short, where the volume is large",
    parameters=(
        Parameter("back", "int", 2, math.inf, "bars looked back"),
        Parameter("least", "float", 0, 1, "least volume"),
    ),
    kernel=PythonKernel("test_conformance:reversing"),
    lookback=lambda values: int(max(values["back"])),
    feeds=(Feed("bars"), Feed("bars2"), Feed("flow", prices=False, columns=("volume",))),
    shorts=True,
)


class TestReversing(StrategyConformance):
    strategy = REVERSING
    cases = 5


# What is wrong with a strategy is found, each by the test that looks for it.


def ahead(feeds: Any, sets: Any, settings: Any, warmup: int, by: int) -> Walk:
    """The SMA cross by averages that end `by` bars later, as a rise of the close over `slow`."""
    opens, closes = feeds["bars"]["open"], feeds["bars"]["close"]
    n = len(closes)
    equity, trades, money, since = np.full(n, settings.capital), [], settings.capital, -1
    for t in range(warmup, n):
        fast, slow, _ = next(values for first, values in reversed(sets) if first <= t)
        now = min(t - 1 + by, n - 1)
        rises = closes[now - fast + 1 : now + 1].mean() - closes[now - slow + 1 : now + 1].mean()
        if since < 0 and rises > 0:
            since, shares = t, 100.0
        elif since >= 0 and rises < 0:
            pnl = shares * (opens[t] - opens[since])
            trades.append((1, since, opens[since], t, opens[t], pnl))
            money, since = money + pnl, -1
        equity[t] = money if since < 0 else money + shares * (closes[t] - opens[since])
    return Walk(trades, equity, since)


def on_time(*given: Any) -> Walk:
    return ahead(*given, by=0)


def a_bar_ahead(*given: Any) -> Walk:
    return ahead(*given, by=1)


def two_bars_ahead(*given: Any) -> Walk:
    return ahead(*given, by=2)


def over_paid(*given: Any) -> Walk:
    """A trade's profit that is a millionth too large."""
    found = plain.walk(*given)
    return found._replace(trades=[(*t[:5], t[5] * 1.000001) for t in found.trades])


def without_fees(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    return plain.walk(feeds, sets, dataclasses.replace(settings, fee=0.0), warmup)


def undated(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """The last set holds from the beginning."""
    return plain.walk(feeds, [(warmup, sets[-1][1])], settings, warmup)


def restless(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """A change of sets closes what is held: even one to the same set is an event."""
    found = plain.walk(feeds, sets[:1], settings, warmup)
    equity = np.array(found.equity)
    for first, _ in sets[1:]:
        equity[first:] = equity[first]
    return found._replace(equity=equity)


def idle(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    return Walk((), np.full(len(feeds["bars"]["close"]), settings.capital))


PLAIN = PythonKernel("sma_cross.plain:walk", engines=("plain",))
ENGINE = PythonEngine("plain", PLAIN)


# This module is a kernel too, of strategies whose names say what is wrong with them.


def simulate(
    strategy: str,
    feeds: Any,
    params: Any,
    settings: Any,
    warmup: int,
    split: int,
    *,
    labels: Any = None,
    label_count: int = 0,
) -> Any:
    given = None if labels is None else Labels(labels, label_count)
    bounds = warmup, split, feeds.bars
    figures, *others = ENGINE.simulate(SMA_CROSS, feeds, params, settings, bounds, given)
    if strategy in figures:
        figures = {**figures, strategy: figures[strategy] + 1}
    return figures, *others


def sweep(
    strategy: str,
    feeds: Any,
    rows: Any,
    settings: Any,
    phases: Any,
    *,
    extended: bool = False,
    labels: Any = None,
    label_count: int = 0,
) -> Any:
    space: Any = SimpleNamespace(rows=lambda indices: rows[indices])
    more: Any = {"extended": extended}
    if labels is not None:
        more["labels"] = Labels(labels, label_count)
    sets = ENGINE.prepare(SMA_CROSS, feeds, space, settings, phases, 1, **more)
    found = sets.run(0, len(rows))
    if strategy == "by_division":
        found = [f._replace(is_pnl=f.is_pnl + len(rows)) for f in found]
    if strategy == "by_phase":
        found = [f._replace(is_dd=f.is_dd + k) for k, f in enumerate(found)]
    return found


def named(name: str) -> Strategy:
    """The SMA cross by the kernel that this module is."""
    kernel = NumbaKernel("test_conformance")
    return dataclasses.replace(SMA_CROSS, name=name, kernel=kernel, reference=None)


def own(function: str, **more: Any) -> Strategy:
    kernel = PythonKernel(f"test_conformance:{function}")
    return dataclasses.replace(SMA_CROSS, **({"kernel": kernel, "reference": None} | more))


def too_short(values: Mapping[str, Any]) -> int:
    return int(max(values["fast"]))


def suite(strategy: Strategy, **more: Any) -> StrategyConformance:
    made: StrategyConformance = type(
        "Broken", (StrategyConformance,), {"strategy": strategy} | more
    )()
    return made


def methods(suite: StrategyConformance) -> list[str]:
    return [name for name in dir(suite) if name.startswith("test_")]


def test_what_is_right_in_time_passes() -> None:
    """So that what the broken ones below fail for is their fault, and not the walk's."""
    few: dict[str, Any] = {"cases": 3}
    timely = suite(own("on_time"), **few, sized_by_settings=False)
    # What `TestSmaCross` goes through as a whole has nothing to do with time.
    elsewhere = {"test_the_page_of_a_run", "test_the_road_to_plateaus"}
    for right in (timely, suite(named("right"), **few)):
        for name in sorted({*methods(right)} - elsewhere):
            getattr(right, name)()


@pytest.mark.parametrize(
    ("broken", "test", "message"),
    [
        (own("a_bar_ahead"), "no_look_ahead", "the close of bar .* changes orders in it"),
        (own("two_bars_ahead"), "no_look_ahead", "bars after .* change what was before"),
        (
            dataclasses.replace(SMA_CROSS, kernel=PLAIN, reference=None, lookback=too_short),
            "lookback_is_honoured",
            "that the lookback asks for",
        ),
        (own("over_paid", reference=PLAIN), "engines_agree", "pnl differs"),
        (named("is_dd"), "figures_follow_from_trades_and_marks", "a recount finds: is_dd: "),
        (named("oos_long_wins"), "figures_follow_from_trades_and_marks", "oos_long_wins: "),
        (named("label_sum_r2"), "figures_follow_from_trades_and_marks", "label_sum_r2: "),
        (named("oos_bars_held"), "figures_follow_from_trades_and_marks", "bars_held"),
        (named("by_division"), "cells_of_an_evaluator", "is_pnl of phase 1 differs from one"),
        (named("by_phase"), "cells_of_an_evaluator", "combination .* is not .*is_dd: "),
        (own("idle"), "cases_trade", "close 0 trades"),
        (own("over_paid"), "equity_adds_up", "nothing is held, and the equity is"),
        (own("without_fees"), "trades_pay_their_costs", "with its costs it is"),
        (own("undated"), "dated_parameters", "from bar .* on: "),
        (own("restless"), "dated_parameters", "the same set twice: equity differs"),
        (
            dataclasses.replace(SMA_CROSS, reference=PythonKernel("sma_cross.lost:walk")),
            "every_engine_loads",
            "sma_cross.lost cannot be imported",
        ),
    ],
)  # fmt: skip
def test_what_is_broken_fails(broken: Strategy, test: str, message: str) -> None:
    more = {"optional": ("direct",)} if broken.kernel == SMA_CROSS.kernel else {}
    with pytest.raises((AssertionError, wfo.EngineError), match=message):
        getattr(suite(broken, **more), f"test_{test}")()
