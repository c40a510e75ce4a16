"""What a class of rules makes of the bars of a higher timeframe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wfo
from wfo.errors import InputError
from wfo.rules.authoring.building import drafted
from wfo.rules.authoring.rules import _stated
from wfo.rules.parts import leaves, shared
from wfo.rules.program import Program
from wfo.rules.wording import worded


def made(make: Any) -> Program:
    """Return the program of a condition of `x`, its weeks `h`, and two parameters."""

    class Own(wfo.Rules):
        a = wfo.Int(1, 9)
        b = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            when = make(self, x, x.resample("1week")) & (x.close > self.a) & (x.close > self.b)
            return wfo.orders(long=x.at_open(when), exit_long=x.after(5))

    return drafted(_stated(Own))[0]


def higher(program: Program) -> list[str]:
    """Return in words what is computed over higher bars, and what of it is known."""
    words = [
        (node.op, worded(program.nodes, k, program.parameters))
        for k, node in enumerate(program.nodes)
    ]
    known = [text for op, text in words if op == "latest"]
    assert all(each for each in known)
    return known


def test_what_is_known_is_that_of_each_indicator() -> None:
    """So that each of them is computed once for its own parameters, whatever is made of it."""
    program = made(lambda self, x, h: h.sma(h.close, self.a) > h.sma(h.close, self.b) + 1)
    assert higher(program) == ["sma(1week.close, a)", "sma(1week.close, b)"]
    values = {"a": range(1, 10), "b": range(1, 10)}
    assert [(p.what, p.distinct) for p in leaves(program, values)] == [  # type: ignore[arg-type]  # ranges are sequences
        ("sma(1week.close, a)", 9),
        ("sma(1week.close, b)", 9),
    ]
    assert shared(program, values) == []  # type: ignore[arg-type]  # likewise


def test_what_an_indicator_is_of_stays_with_the_higher_bars() -> None:
    program = made(lambda self, x, h: h.highest(h.high - h.low, self.a) > h.shift(h.open, 1))
    assert higher(program) == ["highest(1week.high - 1week.low, a)", "shift(1week.open, 1)"]
    (gap,) = (k for k, node in enumerate(program.nodes) if node.op == "sub")
    assert program.higher[gap] == "1week XNYS"


def test_columns_of_several_timeframes_are_compared_as_they_are_known() -> None:
    program = made(lambda self, x, h: x.resample("1day").close > x.minimum(h.close, x.close))
    assert higher(program) == ["1week.close", "1day.close"]
    assert program.timeframes == ("1day XNYS", "1week XNYS")


def test_a_crossing_is_over_the_bars_of_what_it_is_asked_of() -> None:
    over_days = made(lambda self, x, h: x.crosses_above(x.close, h.sma(h.close, 5)))
    (shift,) = (
        node
        for node in over_days.nodes
        if node.op == "shift" and over_days.nodes[node.args[0]].op == "latest"
    )
    assert over_days.higher[shift.args[0]] == ""
    over_weeks = made(lambda self, x, h: h.crosses_above(h.close, h.sma(h.close, 5)))
    assert higher(over_weeks) == [
        "1week.close",
        "sma(1week.close, 5)",
        "shift(1week.close, 1)",
        "shift(sma(1week.close, 5), 1)",
    ]


def test_the_second_symbol_has_higher_bars_too() -> None:
    program = made(lambda self, x, h: x.feed("bars2").resample("1week").close > h.feed("bars2").low)
    assert higher(program) == ["1week.bars2.close", "1week.bars2.low"]
    assert program.feeds == ("bars2.close", "bars2.low", "bars.close")


def test_orders_and_sizes_read_what_is_known() -> None:
    @wfo.indicator(lookback=0)
    def doubled(column: Any) -> Any:
        return 2 * column

    class Own(wfo.Rules):
        a = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            h = x.resample("1week", calendar="none")
            return wfo.orders(
                long=[x.stop(h.high), x.at_open(h.close > h.open), x.pullback(h.atr(self.a))],
                exit_long=[x.limit(h.low + 1), x.loss(h.true_range()), x.trail(doubled(h.high))],
                size=h.rank(h.volume, self.a),
            )

    program = drafted(_stated(Own))[0]
    assert program.timeframes == ("1week none",)
    assert program.size is not None
    roots = [o.value for o in (*program.long, *program.exit_long)] + [program.long[1].when]
    assert {program.higher[place] for place in roots if place is not None} == {""}
    assert program.higher[program.nodes[program.size].args[0]] == "1week none"


class Quarters(wfo.Rules):
    """Buys above the close of the quarter of an hour."""

    a = wfo.Int(1, 9)

    def rules(self, x: Any) -> Any:
        return wfo.orders(
            long=x.stop(x.resample("15min").sma(x.resample("15min").close, self.a)),
            exit_long=x.after(5),
        )


def test_bars_that_are_too_long_are_refused_with_both_lengths() -> None:
    bars = wfo.load_sample("SP500")[:200]
    said = (
        "Quarters reads 15min bars: 15min bars cannot be made of 1day bars, only longer ones: 1week"
    )
    with pytest.raises(InputError, match=said):
        wfo.simulate(Quarters, bars, {"a": 3}, split=150)


@pytest.mark.parametrize("engine", ["reference", "direct", "factored"])
def test_feeds_that_do_not_say_which_bars_make_one_are_refused(engine: str) -> None:
    """As of plain arrays, which have no dates."""
    from wfo.backtest import Evaluator, Feeds
    from wfo.bars import Prices

    prices = Prices(*(np.full(200, 100.0) for _ in range(4)))
    with pytest.raises((InputError, wfo.WfoError), match="15min XNYS"):
        Evaluator(Quarters, Feeds.of(prices), {"a": [3]}, [(100, 150, 200)], engine=engine).range(
            0, 1
        )
