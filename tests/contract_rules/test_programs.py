"""Programs and parameters: P1 to P4."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from contract_rules.programs import (
    NAN,
    Expression,
    after,
    at_open,
    limit,
    rules,
    stop,
)
from contract_rules.scenarios import QUIET, Engine, nan
from wfo.errors import InputError, WfoError
from wfo.rules.lookback import first_bar, lookback
from wfo.rules.nodes import Node
from wfo.rules.program import Function, Program


def entering(when: Expression, **options: Any) -> Program:
    """Return a program that buys at the open where a condition holds, and leaves a bar later."""
    return rules(long=[at_open(when)], exit_long=[after(1)], **options)


@pytest.mark.rule("P1")
def test_all_sets_have_one_program(engine: Engine) -> None:
    program = rules(
        long=[limit(("choose", "p", 98, "hand.level"))], exit_long=[after(("add", "p", 1))]
    )
    bars = [QUIET, (100, 101, 97, 100), QUIET, QUIET, (100, 101, 96, 100), QUIET, QUIET, QUIET]
    level = [nan, nan, nan, 96.5, nan, nan, nan, nan]
    first = engine.run(program, bars, {"level": level}, values=(0,))
    assert [trade[1:5] for trade in first.trades] == [(1, 98, 2, 100), (4, 98, 5, 100)]
    second = engine.run(program, bars, {"level": level}, values=(1,))
    assert [trade[1:5] for trade in second.trades] == [(4, 96.5, 6, 100)]


@pytest.mark.rule("P2")
def test_what_is_made_of_numbers_alone(engine: Engine) -> None:
    engine.is_value(("shift", "p", 2), {}, [7, 7], values=(7,))
    # A window over a number is a column of it.
    engine.is_value(("sma", "p", 2), {}, [nan, 7, 7], values=(7,), first=1)
    engine.is_value(("ema", 7, "p"), {}, [7, 7, 7], values=(3,))
    engine.is_value(("true_range", 9, 5, "p"), {}, [4, 7, 7], values=(2,))


LENGTHS: list[tuple[str, Program]] = [
    ("sma", entering(("gt", ("sma", "bars.close", "p"), 0))),
    ("ema", entering(("gt", ("ema", "bars.close", "p"), 0))),
    ("after", rules(long=[at_open()], exit_long=[after("p")])),
    ("after", rules(short=[at_open()], exit_short=[after("p")])),
    # In a branch that is not taken.
    ("rma", entering(("gt", ("choose", 0, 1, ("rma", "bars.close", "p")), 0))),
]
SHIFTED = entering(("gt", ("shift", "bars.close", "p"), 0))


@pytest.mark.parametrize("value", [0, -1, 2.5, 2.0000000001, 1_000_000_001])
@pytest.mark.parametrize(("what", "program"), LENGTHS)
@pytest.mark.rule("P3")
def test_a_length_that_is_none_is_refused(
    engine: Engine, what: str, program: Program, value: float
) -> None:
    with pytest.raises(WfoError, match=rf"{what}.* {value:.11g}\b"):
        engine.run(program, [QUIET] * 4, values=(value,))


@pytest.mark.rule("P3")
def test_a_shift_of_no_bars_is_one(engine: Engine) -> None:
    assert len(engine.run(SHIFTED, [QUIET] * 4, values=(0,)).trades) == 1
    with pytest.raises(WfoError, match="-1"):
        engine.run(SHIFTED, [QUIET] * 4, values=(-1,))
    number = entering(("gt", "bars.close", ("shift", 7, "p")))
    assert len(engine.run(number, [QUIET] * 4, values=(0,)).trades) == 1
    with pytest.raises(WfoError, match=r"the bars of shift.* 2\.5\b"):
        engine.run(number, [QUIET] * 4, values=(2.5,))
    program = entering(("gt", ("sma", "bars.close", ("add", "p", NAN)), 0))
    with pytest.raises(WfoError, match=r"(?i)nan"):
        engine.run(program, [QUIET] * 4)


@pytest.mark.rule("P3")
def test_what_no_order_is_made_of_does_not_matter(engine: Engine) -> None:
    program = entering(("gt", "bars.close", "p"))
    assert program.nodes[1] == Node("parameter")
    dead = replace(program, nodes=(*program.nodes, Node("sma", (0, 1))))
    assert len(engine.run(dead, [QUIET] * 4, values=(0,)).trades) == 1


X = "hand.x"
#: An expression of p = 3 and q = 5, and the bar in which it is first there.
FIRST: list[tuple[Expression, int]] = [
    (X, 0),
    ("p", 0),
    (("shift", "p", 2), 0),
    (("add", ("sma", X, "p"), X), 2),
    (("shift", ("sma", X, "p"), "q"), 7),
    (("highest", ("wma", X, "p"), "q"), 6),
    (("ema", ("stdev", X, "p"), "q"), 2),
    (("rma", ("lowest", X, "p"), "q"), 6),
    (("where", ("gt", X, 0), ("sma", X, "p"), ("sma", X, "q")), 4),
    (("choose", 0, ("sma", X, "p"), ("rank", X, "q")), 4),
    (("true_range", X, X, X), 0),
    (("true_range", X, X, ("shift", X, "q")), 6),
    (("true_range", ("shift", X, "q"), X, X), 5),
    (("call", 0, ("sma", X, "p"), "q"), 12),
    (("sma", "p", "q"), 4),
]
DOUBLE = Function("double", lambda x, _: x, lambda bars: 2 * int(bars), "double")


@pytest.mark.parametrize(("expression", "first"), FIRST)
@pytest.mark.rule("P4")
def test_where_an_expression_begins(engine: Engine, expression: Expression, first: int) -> None:
    program = entering(("eq", expression, expression), parameters=("p", "q"), functions=(DOUBLE,))
    assert first_bar(program, (3, 5)) == first
    assert lookback(program, {"p": [3], "q": [5]}) == first + 1
    # The bar after it trades, if it is a trading bar.
    n = first + 4
    found = engine.run(
        program, [QUIET] * n, {"x": [1.0] * n}, values=(3, 5), warmup=first + 1, swept=False
    )
    assert [trade[1] for trade in found.trades] == [first + 1]


@pytest.mark.rule("P4")
def test_a_set_needs_what_the_longest_of_its_orders_needs(engine: Engine) -> None:
    program = rules(
        long=[stop(("sma", X, 2)), stop(("sma", X, 4))],
        exit_long=[limit(("shift", X, 5)), after(1)],
        size=("sma", X, 3),
    )
    assert first_bar(program, (0,)) == 5
    for place, left in ((0, 5), (1, 5)):
        orders = [order for at, order in enumerate(program.long) if at != place]
        assert first_bar(replace(program, long=tuple(orders)), (0,)) == left
    assert first_bar(replace(program, exit_long=()), (0,)) == 3
    assert first_bar(replace(program, long=program.long[:1], exit_long=()), (0,)) == 2
    found = engine.run(program, [QUIET] * 8, {"x": [1.0] * 8}, warmup=6, swept=False)
    assert [trade[1] for trade in found.trades] == [6]


def test_the_lookback_of_many_sets_is_the_longest_of_any_mix() -> None:
    program = entering(
        ("gt", ("sma", ("highest", X, "p"), "q"), ("sma", X, ("mul", "p", "q"))),
        parameters=("p", "q", "r"),
    )
    assert lookback(program, {"p": [2, 3], "q": [4, 5], "r": range(10_000_000)}) == 15
    # Values that come together need less than the longest of each.
    other = entering(("gt", ("sma", X, ("sub", 10, "p")), ("sma", X, "p")), parameters=("p",))
    assert lookback(other, {"p": [1, 2, 9]}) == 9
    apart = entering(("gt", ("sma", ("sma", X, ("sub", 10, "p")), "p"), 0), parameters=("p",))
    assert lookback(apart, {"p": [1, 2, 9]}) == 9


def test_lengths_of_parameters_of_their_own_need_what_their_mixes_need() -> None:
    names = ("p", "q", "r", "s", "t")
    program = rules(
        long=[stop(("shift", ("sma", ("highest", X, "p"), ("add", "q", "r")), "p"))],
        exit_long=[after("s"), limit(("ema", X, ("mul", "r", 1)))],
        risk="t",
        parameters=names,
    )
    apart = rules(
        long=[stop(("shift", ("sma", ("highest", X, "p"), ("add", "q", 1)), "r"))],
        exit_long=[after("s"), limit(("ema", X, 3))],
        risk="t",
        parameters=names,
    )
    # Lengths of 0 and of 2.5 bars, none after all, and a risk of 3 are none.
    values: Mapping[str, Sequence[float]] = {
        "p": [0, 3, 2],
        "q": [4, 5, 2.5],
        "r": [0, 7],
        "s": [0, 1],
        "t": [3, 0.5],
    }

    def needed(program: Program, values: Mapping[str, Sequence[float]]) -> int:
        found = []
        for row in itertools.product(*(values[name] for name in names)):
            with contextlib.suppress(WfoError):
                found.append(first_bar(program, row))
        return max(found) + 1

    assert lookback(program, values) == needed(program, values)
    assert lookback(apart, values) == needed(apart, values) == 3 + 6 + 7 - 1
    right: Mapping[str, Sequence[float]] = {
        "p": [3, 2],
        "q": [4, 5],
        "r": [1, 7],
        "s": [1],
        "t": [0.5],
    }
    for name, none, said in (
        ("p", [0], "length of highest is 0"),
        ("s", [0, 2.5], "bars of after in exit_long is 0"),
        ("t", [3, 0], "risk is 3"),
    ):
        for rules_ in (program, apart):
            with pytest.raises(WfoError, match=said):
                lookback(rules_, {**right, name: none})


def test_mixes_that_a_function_refuses_do_not_count() -> None:
    def far(p: float, q: float) -> int:
        if q < p:
            raise InputError(f"{p:g} and {q:g} are none")
        return int(q - p)

    function = Function("far", lambda x, *_: x, far)
    program = entering(
        ("gt", X, ("call", 0, X, "p", "q")), parameters=("p", "q"), functions=[function]
    )
    for some in ([2, 5], range(2, 60)):
        assert lookback(program, {"p": some, "q": [3, *range(9, 60)]}) == 59 - 2 + 1
    for some in ([8, 9], range(8, 2_600)):
        with pytest.raises(WfoError, match="8 and 7 are none"):
            lookback(program, {"p": some, "q": [7]})


@pytest.mark.parametrize("count", [40, 200])
def test_every_mix_of_many_may_be_refused(count: int) -> None:
    names = ("p", "q")
    many = {"p": range(1, count + 1), "q": range(1, count + 1)}
    length = ("sub", 0, ("mul", "p", ("mul", "q", ("mul", 1e308, "p"))))
    with pytest.raises(WfoError, match="the length of sma is"):
        lookback(entering(("gt", ("sma", X, length), 0), parameters=names), many)
    program = entering(("gt", ("sma", X, "p"), 0), parameters=names, risk=("add", "q", 1))
    with pytest.raises(WfoError, match="risk is 2"):
        lookback(program, many)


def test_the_lookback_of_very_many_sets_is_a_bound() -> None:
    apart = entering(("gt", ("sma", ("sma", X, ("sub", 60_000, "p")), "p"), 0), parameters=("p",))
    # Each mix needs 59,999 bars; the longest of each length, 50,000 and 59,999.
    assert lookback(apart, {"p": range(1, 50_001)}) == 59_999 + 50_000 - 1
    product = entering(("gt", ("sma", X, ("mul", "p", "q")), 0), parameters=("p", "q"))
    assert lookback(product, {"p": range(-9, 1001), "q": range(1, 1001)}) == 1_000_000


def test_mixes_with_a_length_that_is_none_do_not_count() -> None:
    program = entering(("gt", ("sma", X, ("sub", "p", "q")), 0), parameters=("p", "q"))
    assert lookback(program, {"p": [2, 9], "q": [3, 5]}) == 6
    with pytest.raises(WfoError, match="-3"):
        lookback(program, {"p": [2], "q": [5]})
