"""Columns of columns: C1 to C8."""

from __future__ import annotations

import math
from typing import Any

import pytest

from contract_rules.programs import at_open, rules
from contract_rules.scenarios import QUIET, Engine, inf, nan
from wfo.rules.program import Function

X = "hand.x"


@pytest.mark.rule("C1")
def test_shift(engine: Engine) -> None:
    table = {"x": [1, 2, nan, 4, 5]}
    engine.is_value(("shift", X, 1), table, [nan, 1, 2, nan, 4], first=1)
    engine.is_value(("shift", X, 2), table, [nan, nan, 1, 2, nan], first=2)
    engine.is_value(("shift", X, 0), table, [1, 2, nan, 4, 5])


@pytest.mark.rule("C1", "C3")
def test_nothing_is_there_before_the_first_value(engine: Engine) -> None:
    """Wilder's average counts the values that it gets."""
    table = {"x": [1, 3, 5, 7]}
    engine.is_value(("rma", ("shift", X, 1), 2), table, [nan, nan, 2, 3.5], first=2)
    engine.is_value(("rma", ("sma", X, 2), 2), table, [nan, nan, 3, 4.5], first=2)
    engine.is_value(("rma", ("lowest", X, 2), 2), table, [nan, nan, 2, 3.5], first=2)


@pytest.mark.rule("C2")
def test_sma(engine: Engine) -> None:
    engine.is_value(("sma", X, 3), {"x": [1, 2, 6, 4]}, [nan, nan, 3, 4], first=2)
    engine.is_value(("sma", X, 1), {"x": [1, 2]}, [1, 2])


@pytest.mark.rule("C2")
def test_sums_begin_anew_with_the_oldest_value(engine: Engine) -> None:
    # From the newest on it would be 0.6.
    engine.is_value(
        ("sma", X, 3), {"x": [0.1, 0.2, 0.3]}, [nan, nan, 0.6000000000000001 / 3], first=2
    )
    # A running sum would still lack what 1e16 has swallowed.
    engine.is_value(("sma", X, 2), {"x": [1e16, 1, 2]}, [nan, 5e15, 1.5], first=1)
    # Each 1 is swallowed; in pairs they would be added first.
    engine.is_value(("sma", X, 16), {"x": [1e16, *[1.0] * 15]}, [nan] * 15 + [6.25e14], first=15)


@pytest.mark.rule("C2")
def test_wma(engine: Engine) -> None:
    # (1·1 + 2·2 + 3·7) / 6, (1·2 + 2·7 + 3·0) / 6
    engine.is_value(("wma", X, 3), {"x": [1, 2, 7, 0]}, [nan, nan, 26 / 6, 16 / 6], first=2)


@pytest.mark.rule("C2")
def test_stdev(engine: Engine) -> None:
    # Mean 3: 4 + 1 + 9. Divided by 3, not by 2.
    engine.is_value(("stdev", X, 3), {"x": [1, 2, 6]}, [nan, nan, math.sqrt(14 / 3)], first=2)
    # The difference of two squares would have no digits left.
    engine.is_value(("stdev", X, 2), {"x": [1e9, 1e9 + 1]}, [nan, 0.5], first=1)


@pytest.mark.rule("C2")
def test_highest_and_lowest(engine: Engine) -> None:
    table = {"x": [5, 1, 2, 4]}
    engine.is_value(("highest", X, 3), table, [nan, nan, 5, 4], first=2)
    engine.is_value(("lowest", X, 3), table, [nan, nan, 1, 1], first=2)
    # Of 0 and -0 the older one, which a division tells.
    for op in ("highest", "lowest"):
        for zeros, wanted in (([0.0, -0.0], inf), ([-0.0, 0.0], -inf)):
            engine.is_value(("div", 1, (op, X, 2)), {"x": zeros}, [nan, wanted], first=1)


@pytest.mark.rule("C2")
def test_rank(engine: Engine) -> None:
    table = {"x": [3, 1, 2, 2, 9]}
    engine.is_value(("rank", X, 3), table, [nan, nan, 2 / 3, 3 / 3, 3 / 3], first=2)
    engine.is_value(("rank", X, 2), table, [nan, 0.5, 1, 1, 1], first=1)


@pytest.mark.parametrize("op", ["sma", "wma", "stdev", "highest", "lowest", "rank"])
@pytest.mark.rule("C3")
def test_a_window_with_nan_in_it_is_nan(engine: Engine, op: str) -> None:
    zero = 0 if op == "stdev" else 1
    table = {"x": [1, nan, 1, 1, nan]}
    engine.is_value((op, X, 2), table, [nan, nan, nan, zero, nan], first=1)


@pytest.mark.rule("C4", "C6")
def test_ema(engine: Engine) -> None:
    # The factor of 3 bars is 1/2.
    engine.is_value(("ema", X, 3), {"x": [nan, 4, 8, nan, 10]}, [nan, 4, 6, nan, 8])
    second = 0.1 + 2 / 3 * (0.7 - 0.1)
    third = second + 2 / 3 * (0.2 - second)
    engine.is_value(("ema", X, 2), {"x": [0.1, 0.7, 0.2]}, [0.1, second, third])


@pytest.mark.rule("C5", "C6")
def test_rma(engine: Engine) -> None:
    table = {"x": [4, nan, 8, 10, nan, 2]}
    engine.is_value(("rma", X, 2), table, [nan, nan, 6, 8, nan, 5], first=1)
    engine.is_value(("rma", X, 1), table, [4, nan, 8, 10, nan, 2])
    # Sums of its first mean too begin with the oldest value.
    first = 0.6000000000000001 / 3
    table = {"x": [0.1, 0.2, 0.3, 0.7]}
    engine.is_value(("rma", X, 3), table, [nan, nan, first, (first * 2 + 0.7) / 3], first=2)


@pytest.mark.rule("C6")
def test_an_average_begins_once(engine: Engine) -> None:
    table = {"x": [1, inf, 1, 1]}
    engine.is_value(("ema", X, 3), table, [1, inf, nan, nan])
    table = {"x": [inf, -inf, 1, 1]}
    engine.is_value(("rma", X, 2), table, [nan, nan, nan, nan], first=1)


@pytest.mark.rule("C7")
def test_true_range(engine: Engine) -> None:
    table = {"h": [12, 13, 20, 9], "l": [10, 12, 15, 8], "c": [11, 13, 16, 8]}
    tr = ("true_range", "hand.h", "hand.l", "hand.c")
    # 12 - 10; 13 - 11, the close before below; 20 - 13; 16 - 8, the close before above.
    engine.is_value(tr, table, [2, 2, 7, 8])
    unknown = {"h": [2, 2, 2, 2, nan], "l": [1, 1, 1, nan, 1], "c": [nan, 1, 1, 1, 1]}
    engine.is_value(tr, unknown, [1, nan, 1, nan, nan])


@pytest.mark.rule("C8")
def test_a_function_of_the_users(engine: Engine) -> None:
    calls: list[tuple[Any, ...]] = []

    def doubled(x: Any, times: float) -> Any:
        calls.append((x.tolist(), times))
        return x * times

    # Equal digests are equal programs, and an engine would call the one that it has.
    function = Function("doubled", doubled, lambda _: 0, f"doubled by {engine.name}")
    engine.is_value(
        ("call", 0, X, "p"), {"x": [1, nan, 3]}, [2, nan, 6], values=(2.0,), functions=(function,)
    )
    calls.clear()
    program = rules(
        long=[at_open(("gt", ("call", 0, X, "p"), ("call", 0, X, "p")))], functions=(function,)
    )
    engine.run(program, [QUIET] * 4, {"x": [1, 2, 3, 4]}, values=(3.0,), swept=False)
    # Once for its number, a float, with a value a bar.
    assert calls == [([1, 2, 3, 4], 3.0)]
    assert isinstance(calls[0][1], float)
