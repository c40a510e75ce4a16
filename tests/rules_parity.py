"""Comparing what engines make of random rules, with each other and with the oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import rules_oracle
import rules_oracle_columns
from parity import TOLERANCE, differences, extended_differences, figure_differences
from rules_cases import Case, case

import wfo
from wfo.backtest.engines import engines_of
from wfo.backtest.feeds import Feeds
from wfo.backtest.spaces import SetSpace
from wfo.backtest.values import DatedSet, EngineResult
from wfo.rules.kernel import RulesKernel
from wfo.rules.lookback import first_bar
from wfo.rules.reference import ReferenceKernel

Walker = Callable[..., Any]

#: From the definition to the fastest.
ENGINES = ("reference", "direct", "factored")


class Engines:
    """The engines of a case's strategy, those that lack something left out.

    Parameters
    ----------
    case
        The backtest.
    """

    def __init__(self, case: Case) -> None:
        reference = ReferenceKernel(program=case.program)
        self.case = case
        self.strategy = case.strategy(RulesKernel(case.program), reference=reference)
        self.feeds = Feeds(case.feeds)
        self.space = SetSpace(np.array(case.sets))
        self.bounds = case.warmup, case.split, case.bars
        self.engines = engines_of(self.strategy)

    def lacks(self, name: str, **what: Any) -> str | None:
        """Return why an engine cannot compute it; None if it can."""
        engine = self.engines[name]
        return engine.lacks(self.strategy, self.case.settings, **what)

    def figures(self, name: str) -> Any:
        """Return the six figures of all sets, and ask for the extended ones of none."""
        prepared = self.engines[name].prepare(
            self.strategy, self.feeds, self.space, self.case.settings, [self.bounds], 1
        )
        (found,) = prepared.run(0, len(self.case.sets))
        return found

    def simulate(self, name: str, *numbers: int, on: Feeds | None = None) -> EngineResult:
        """Simulate sets that follow each other, each for as many bars as the others."""
        step = (self.case.bars - self.case.warmup) // len(numbers)
        sets = [
            DatedSet(self.case.warmup + place * step, self.case.sets[number])
            for place, number in enumerate(numbers)
        ]
        feeds = self.feeds if on is None else on
        engine = self.engines[name]
        return engine.simulate(self.strategy, feeds, sets, self.case.settings, self.bounds)

    def orders(self, name: str, number: int, end: int) -> Any:
        """Return what a set has working in the bar `end`."""
        return self.engines[name].orders(
            self.strategy,
            self.feeds.until(end),
            self.case.sets[number],
            self.case.settings,
            self.case.warmup,
        )


def parity(case: Case, *, simulated: int = 1) -> list[str]:
    """Return in what the engines differ; nothing where they agree.

    Parameters
    ----------
    case
        All its sets are swept.
    simulated
        Of how many sets the trades, the extended figures and the next bar's orders are compared.
    """
    engines = Engines(case)
    said = []
    names = [n for n in ENGINES if engines.lacks(n, space=engines.space) is None]
    figures = {name: engines.figures(name) for name in names}
    wanted = figures["reference"]
    scale = case.settings.capital + max(float(np.abs(column).max()) for column in wanted[:4])
    for name in names[1:]:
        said += [f"{name}: {s}" for s in figure_differences(wanted, figures[name], scale)]
    numbers = [(k,) for k in range(min(simulated, len(case.sets)))]
    # One set after the other.
    pairs: list[tuple[int, ...]] = [*numbers, (0, len(case.sets) - 1)] if simulated else []
    for sets in pairs:
        own = [n for n in names if engines.lacks(n, dated=len(sets) > 1) is None]
        sims = {n: wfo.Simulation.of(engines.simulate(n, *sets)) for n in own}
        for name in own[1:]:
            first, other = sims["reference"], sims[name]
            differ = differences(first, other)
            if first.extended and other.extended:
                differ += extended_differences(first, other)
            said += [f"{name}, sets {sets}: {s}" for s in differ]
    for (number,) in numbers:
        for end in {case.bars, case.split}:
            both = [engines.orders(n, number, end) for n in names[:2]]
            said += [
                f"orders of set {number} in {end}: {s}" for s in orders_differ(both[0], both[-1])
            ]
    return [f"{case}: {s}" for s in said]


def orders_differ(wanted: Any, found: Any) -> list[str]:
    """Return in what two statements of the next bar's orders differ."""
    (state, orders), (other_state, other_orders) = wanted, found
    said = []
    size = max(1.0, abs(state["mark"]), abs(state["equity"]))
    for name, own in state.items():
        if not _same(own, other_state[name], size):
            said.append(f"{name}: {own} and {other_state[name]}")
    if len(orders) != len(other_orders):
        return [*said, f"{len(orders)} and {len(other_orders)} orders"]
    for own, other in zip(orders, other_orders, strict=True):
        names = [n for n in own if n != "shares" and not _same(own[n], other[n], 0.0)]
        shares = abs(own["shares"] - other["shares"]) <= TOLERANCE * abs(own["shares"])
        if names or not shares:
            said.append(f"{own} and {other}")
    return said


def _same(a: Any, b: Any, size: float) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return a == b or abs(a - b) <= TOLERANCE * size
    return bool(a == b)


class Reading(NamedTuple):
    """What the oracle makes of a case: of which sets, and the first bar that each needs."""

    sets: Sequence[tuple[int, Sequence[float]]]
    found: rules_oracle.Found
    first_bars: list[int]


@lru_cache(maxsize=1_000)
def reading(seed: int, number: int) -> Reading:
    """Return what the oracle makes of a set of a seed.

    A negative number is the first set, which that one follows.
    """
    one = case(seed)
    sets = [(one.warmup, one.sets[number])]
    if number < 0:
        sets = [(one.warmup, one.sets[0]), (one.split, one.sets[number])]
    return Reading(
        sets,
        rules_oracle.walk(one.program, one.feeds, sets, one.settings, one.warmup),
        [rules_oracle_columns.first_bar(one.program, values) for _, values in sets],
    )


def oracle_differs(
    seed: int, number: int, walk: Walker, first_bar: Callable[..., int] = first_bar
) -> list[str]:
    """Return in what a walk differs from the oracle's.

    Parameters
    ----------
    seed, number
        As of `reading`.
    walk
        Called with a program, feeds, sets, settings and warm-up.
    first_bar
        Called with a program and values, and with feeds where there are higher bars: the first bar
        in which they have all values.
    """
    one, (sets, wanted, first_bars) = case(seed), reading(seed, number)
    found: Any = wfo.strategy.Walk(*walk(one.program, one.feeds, sets, one.settings, one.warmup))
    said = []
    trades = [tuple(map(float, trade)) for trade in found.trades]
    if [t[:5] for t in trades] != [tuple(map(float, t[:5])) for t in wanted.trades]:
        said.append(f"trades {wanted.trades} and {trades}")
    size = max(map(abs, wanted.equity))
    if not _near(found.equity, wanted.equity, size):
        said.append(f"equity {wanted.equity} and {found.equity}")
    if found.open_since != wanted.open_since:
        said.append(f"open since {wanted.open_since} and {found.open_since}")
    turns, others = list(wanted.reversals), list(found.reversals)
    marks, other_marks = ([mark for _, mark in each] for each in (turns, others))
    bars, other_bars = ([bar for bar, _ in each] for each in (turns, others))
    if bars != other_bars or not _near(marks, other_marks, size):
        said.append(f"reversals {turns} and {others}")
    for (_, values), wanted_bar in zip(sets, first_bars, strict=True):
        bar = first_bar(one.program, values)
        if bar != wanted_bar:
            said.append(f"first bars {wanted_bar} and {bar}")
        if one.program.timeframes:
            known = rules_oracle_columns.first_bar(one.program, values, one.feeds)
            bar = first_bar(one.program, values, one.feeds)
            if bar != known:
                said.append(f"first bars on these bars {known} and {bar}")
    return [f"{one}, set {number}: {s}" for s in said]


def _near(a: Any, b: Any, size: float) -> bool:
    one, other = np.asarray(a, float), np.asarray(b, float)
    return one.shape == other.shape and bool((abs(one - other) <= TOLERANCE * size).all())
