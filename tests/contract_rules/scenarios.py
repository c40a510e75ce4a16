"""What the scenarios share: how a table of bars is run on an engine, and what an expression is.

A scenario is a table of bars, ``open, high, low, close`` each, of which the first is the warm-up
unless it says otherwise, and columns of the same length that stand for whatever a user computes:
``hand.x`` is the column ``x``. The columns ``group`` and ``closed`` of such a table say which bars
make a higher one. So levels and conditions are written down, bar by bar, beside the
prices. Capital is 1,000, and 10 shares at 100, unless a scenario says otherwise.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

from contract_rules.programs import Expression, at_open, rules
from wfo.backtest.engines import engines_of
from wfo.backtest.feeds import Feeds
from wfo.backtest.spaces import GridSpace
from wfo.backtest.values import TRADE_COLUMNS, DatedSet, Simulation
from wfo.errors import EngineError
from wfo.grid import Grid
from wfo.rules.program import Function, Program
from wfo.rules.strategy import strategy_of
from wfo.settings import AccountSettings
from wfo.strategy import Feed, Strategy
from wfo.strategy.axes import Float
from wfo.strategy.feed import GROUPS
from wfo.testing.compare import all_figures, largest_mark, named_differences

Bar = tuple[float, float, float, float]
Columns = Mapping[str, Sequence[float]]

#: Side, bar and price of the entry, bar and price of the exit, profit or loss.
Trade = tuple[int, int, float, int, float, float]

QUIET: Bar = (100, 101, 99, 100)
nan = math.nan
inf = math.inf


class Outcome(NamedTuple):
    """What a program has done: closed trades, marks at closes, bars and marks of reversals."""

    trades: list[Trade]
    equity: list[float]
    reversals: list[tuple[int, float]]


@functools.cache
def strategy(program: Program) -> Strategy:
    """Return the strategy of a program, whose parameters may have any value."""
    names: dict[str, list[str]] = {"hand": []}
    for each in program.feeds:
        feed, _, column = each.partition(".")
        names.setdefault(feed, []).append(column)
    own = [Feed("hand", prices=False, columns=tuple(names["hand"]))] if names["hand"] else []
    return strategy_of(
        program,
        name="scenario",
        title="A scenario",
        axes={name: Float(-1e9, 1e9) for name in program.parameters},
        feeds=(Feed("bars"), *own),
    )


def feeds_of(program: Program, bars: Sequence[Bar], columns: Columns) -> Feeds:
    """Return a table as what engines read, without columns that the program does not."""
    prices = np.array(bars, np.float64).T
    names = ("open", "high", "low", "close")
    feeds: dict[str, Any] = {
        "bars": {name: each.copy() for name, each in zip(names, prices, strict=True)}
    }
    read = {
        name: np.array(column, np.float64)
        for name, column in columns.items()
        if f"hand.{name}" in program.feeds
    }
    assert all(column.shape == (len(bars),) for column in read.values())
    if read:
        feeds["hand"] = read
    for name in program.timeframes:
        feeds[name] = {key: np.array(columns[key], np.float64) for key in GROUPS}
    return Feeds(feeds)


@dataclass(frozen=True)
class Engine:
    """An engine by its name, and how it runs scenarios."""

    name: str

    def run(
        self,
        program: Program,
        bars: Sequence[Bar],
        columns: Columns | None = None,
        *,
        values: Sequence[float] | None = None,
        then: Sequence[tuple[int, Sequence[float]]] = (),
        warmup: int = 1,
        capital: float = 1_000.0,
        swept: bool = True,
        **settings: Any,
    ) -> Outcome:
        """Run a program over a table; sets that follow the first are `then`.

        Unless told otherwise a compiled engine sweeps it too, to the same figures.
        """
        made = strategy(program)
        first = (0.0,) * len(program.parameters) if values is None else tuple(values)
        sets = [DatedSet(warmup, first), *(DatedSet(bar, tuple(row)) for bar, row in then)]
        used = AccountSettings(capital=capital, **settings)
        feeds = feeds_of(program, bars, columns or {})
        bounds = (warmup, warmup + 1, len(bars))
        chosen = engines_of(made)[self.name]
        reason = chosen.lacks(made, used, dated=bool(then))
        if reason is not None:
            # What an engine cannot do it refuses with the reason; another one is no proof of it.
            with pytest.raises(EngineError, match=re.escape(reason)):
                chosen.simulate(made, feeds, sets, used, bounds)
            pytest.skip(reason)
        found = chosen.simulate(made, feeds, sets, used, bounds)
        if swept and not then and self.name != "reference":
            self._sweep(made, feeds, first, used, bounds, Simulation.of(found))
        assert found.reversals is not None
        trades = (found.trades[name].tolist() for name in TRADE_COLUMNS)
        at, marks = (column.tolist() for column in found.reversals)
        return Outcome(
            list(zip(*trades, strict=True)),
            found.equity.tolist(),
            list(zip(at, marks, strict=True)),
        )

    def _sweep(
        self,
        made: Strategy,
        feeds: Feeds,
        values: Sequence[float],
        settings: AccountSettings,
        bounds: tuple[int, int, int],
        found: Simulation,
    ) -> None:
        """Sweep the same: a sweep keeps its accounts otherwise than a simulation does.

        An `Evaluator` would refuse a warm-up in which higher bars are not known yet [G4].
        """
        space = GridSpace(Grid(dict(zip(made.names, values, strict=True)), strategy=made))
        engine = engines_of(made)[self.name]
        extended = engine.lacks(made, settings, extended=True) is None
        own = made.settings_of(settings)
        prepared = engine.prepare(made, feeds, space, own, [bounds], 1, extended=extended)
        (swept,) = prepared.run(0, 1)
        figures = {name: column[0] for name, column in zip(swept.names, swept, strict=True)}
        said = named_differences(all_figures(found), figures, largest_mark(found))
        assert not said, f"a sweep differs from a simulation: {said}"

    def next_bar(
        self,
        program: Program,
        bars: Sequence[Bar],
        columns: Columns | None = None,
        *,
        values: Sequence[float] | None = None,
        warmup: int = 1,
        capital: float = 1_000.0,
        **settings: Any,
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return the state after a table, and what works in the bar after it."""
        made = strategy(program)
        row = (0.0,) * len(program.parameters) if values is None else tuple(values)
        used = AccountSettings(capital=capital, **settings)
        feeds = feeds_of(program, bars, columns or {})
        found = engines_of(made)[self.name].orders(made, feeds, row, used, warmup)
        assert found is not None
        return found

    def is_value(
        self,
        expression: Expression,
        columns: Columns,
        expected: Sequence[float],
        *,
        values: Sequence[float] = (0.0,),
        parameters: Sequence[str] = ("p",),
        functions: Sequence[Function] = (),
        first: int = 0,
    ) -> None:
        """Assert what an expression comes to at each bar from `first` on, exactly.

        One bar after it the program is long where the expression equals the number expected, short
        where it differs, and flat where one of them is not known: each a run of its own. Closes lie
        above opens, so that the mark tells which.
        """
        table = {"expected": list(expected), **{name: list(own) for name, own in columns.items()}}
        n = len(expected)
        # Behind the last value are the bars in which the probe of it trades.
        table = {name: [*own, own[-1], own[-1]] for name, own in table.items()}
        program = rules(
            long=[at_open(("eq", expression, "hand.expected"))],
            short=[at_open(("ne", expression, "hand.expected"))],
            parameters=parameters,
            functions=functions,
        )
        told = {110.0: "equal", 90.0: "different", 100.0: "not known"}
        found = []
        for t in range(first, n):
            # Of the bars up to t alone, so that a column of others would be noticed.
            bars = [(100.0, 110.0, 100.0, 110.0)] * (t + 3)
            made = self.run(
                program,
                bars,
                {name: own[: t + 3] for name, own in table.items()},
                values=values,
                warmup=t + 1,
                capital=100.0,
                swept=False,
            )
            found.append(told[made.equity[t + 1]])
        wanted = ["not known" if math.isnan(v) else "equal" for v in expected[first:]]
        assert found == wanted


#: The engines that rules have.
ENGINES = tuple(engines_of(strategy(rules(long=[at_open()]))))
