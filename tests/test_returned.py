"""Columns that functions of the user's return: as many as there are calls, and they are to fit."""

from __future__ import annotations

from typing import Any

import pytest

import wfo
from wfo.backtest import Evaluator, evaluate, read_feeds
from wfo.rules.parts import program_of
from wfo.rules.returned import returned_columns
from wfo.runs.fits import memory_needed
from wfo.strategy import get_strategy

BARS = wfo.load_sample("NASDAQ").tail(300)

#: Numbers that the function below was called with.
CALLED: list[float] = []


@wfo.indicator(lookback=1)
def own(column: Any, number: float) -> Any:
    CALLED.append(number)
    return column * number


def strategy_of(make: Any) -> wfo.Strategy:
    class Calling(wfo.Rules):
        a = wfo.Int(1, 4)
        b = wfo.Int(1, 4)
        c = wfo.Int(2, 3)
        constraints = ("a <= b",)

        def rules(self, x: Any) -> Any:
            up = make(self, x) > x.close * self.b / self.a
            return wfo.orders(long=x.at_open(up), exit_long=x.after(self.c))

    return get_strategy(Calling)


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (lambda self, x: own(x.close, self.c), 2),
        (lambda self, x: own(x.close, 7.0), 1),
        # Of ten pairs as many sums as from 2 to 8.
        (lambda self, x: own(x.close, self.a + self.b), 7),
        (lambda self, x: own(own(x.close, self.c), self.a), 2 + 8),
        (lambda self, x: own(x.sma(x.close, self.c), 7.0), 2),
        (lambda self, x: x.sma(x.close, self.c), 0),
    ],
)
def test_columns_are_counted_as_they_are_called(make: Any, count: int) -> None:
    strategy = strategy_of(make)
    assert strategy.grid is not None
    grid = wfo.Grid(strategy.grid, strategy=strategy)
    program = program_of(strategy)
    assert program is not None
    assert returned_columns(program, grid.axes) == count
    feeds = read_feeds(strategy, BARS)
    CALLED.clear()
    Evaluator(strategy, feeds, grid, [(20, 200, 300)], engine="direct")
    assert len(CALLED) == count


def test_columns_that_do_not_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = strategy_of(lambda self, x: own(x.close, self.a + self.b))
    assert strategy.grid is not None
    grid = wfo.Grid(strategy.grid, strategy=strategy)
    feeds, size = read_feeds(strategy, BARS), 7 * 300 * 8
    assert memory_needed(grid, 1, 1, bars=300) - memory_needed(grid, 1, 1, bars=0) == size
    monkeypatch.setattr(evaluate, "available_memory", lambda: size - 1)
    with pytest.raises(wfo.InputError, match=r"functions of Calling return over 300 bars take .*"):
        Evaluator(strategy, feeds, grid, [(20, 200, 300)])
    monkeypatch.setattr(evaluate, "available_memory", lambda: 2 * size)
    Evaluator(strategy, feeds, grid, [(20, 200, 300)])
