"""Expressions: E1 to E7, as columns and as numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest

from contract_rules.programs import INFINITE, NAN, Expression
from contract_rules.scenarios import Engine, inf, nan

#: An operation, its parts, and its value.
Case = tuple[str, tuple[float, ...], float]

EXACT: list[Case] = [
    ("add", (0.1, 0.2), 0.30000000000000004),
    ("add", (inf, -inf), nan),
    ("sub", (0.3, 0.1), 0.19999999999999998),
    ("mul", (0.1, 3.0), 0.30000000000000004),
    ("mul", (0.0, inf), nan),
    ("div", (1.0, 3.0), 0.3333333333333333),
    ("div", (1.0, 0.0), inf),
    ("div", (-1.0, 0.0), -inf),
    ("div", (0.0, 0.0), nan),
    ("neg", (2.5,), -2.5),
    ("abs", (-2.5,), 2.5),
    ("sqrt", (2.0,), 1.4142135623730951),
    ("sqrt", (-1.0,), nan),
    ("floor", (2.9,), 2.0),
    ("floor", (-2.1,), -3.0),
    ("round_half_up", (2.5,), 3.0),
    ("round_half_up", (3.5,), 4.0),
    ("round_half_up", (-2.5,), -2.0),
    ("add", (nan, 1.0), nan),
    ("floor", (nan,), nan),
]
CHOSEN: list[Case] = [
    ("minimum", (1.0, 2.0), 1.0),
    ("minimum", (2.0, 1.0), 1.0),
    ("minimum", (nan, 1.0), nan),
    ("minimum", (1.0, nan), nan),
    ("maximum", (1.0, 2.0), 2.0),
    ("maximum", (2.0, 1.0), 2.0),
    ("maximum", (nan, 1.0), nan),
    ("maximum", (1.0, nan), nan),
]
COMPARED: list[Case] = [
    (op, (a, b), float(holds))
    for op, each in (
        ("lt", (True, False, False)),
        ("le", (True, True, False)),
        ("gt", (False, False, True)),
        ("ge", (False, True, True)),
        ("eq", (False, True, False)),
        ("ne", (True, False, True)),
    )
    for (a, b), holds in zip(((1.0, 2.0), (2.0, 2.0), (2.0, 1.0)), each, strict=True)
] + [(op, pair, nan) for op in ("lt", "ge", "eq", "ne") for pair in ((nan, 1.0), (1.0, nan))]
#: There is no tolerance: the one is the next number after the other.
NEAR: list[Case] = [
    ("eq", (1.0, 1.0000000000000002), 0.0),
    ("lt", (1.0, 1.0000000000000002), 1.0),
    ("ge", (1.0, 1.0000000000000002), 0.0),
    ("eq", (0.0, -0.0), 1.0),
]
LOGIC: list[Case] = [
    ("and", (1.0, 1.0), 1.0),
    ("and", (1.0, 0.0), 0.0),
    ("and", (0.5, -3.0), 1.0),
    ("and", (0.0, nan), nan),
    ("and", (nan, 0.0), nan),
    ("or", (0.0, 0.0), 0.0),
    ("or", (0.0, 0.5), 1.0),
    ("or", (1.0, nan), nan),
    ("not", (0.0,), 1.0),
    ("not", (0.5,), 0.0),
    ("not", (inf,), 0.0),
]
UNKNOWN: list[Case] = [("not", (nan,), nan)]
TAKEN: list[Case] = [
    ("where", (1.0, 5.0, 7.0), 5.0),
    ("where", (-0.5, 5.0, 7.0), 5.0),
    ("where", (0.0, 5.0, 7.0), 7.0),
    ("where", (nan, 5.0, 5.0), nan),
    ("where", (1.0, 5.0, nan), 5.0),
    ("where", (0.0, nan, 7.0), 7.0),
    ("where", (1.0, nan, 7.0), nan),
]
NTH: list[Case] = [
    ("choose", (0.0, 5.0, 7.0), 5.0),
    ("choose", (1.0, 5.0, 7.0), 7.0),
    ("choose", (1.0, nan, 7.0), 7.0),
    ("choose", (0.0, nan, 7.0), nan),
    ("choose", (2.0, 5.0, 7.0), nan),
    ("choose", (-1.0, 5.0, 7.0), nan),
    ("choose", (0.5, 5.0, 7.0), nan),
    ("choose", (nan, 5.0, 7.0), nan),
]


def parts_of(cases: list[Case]) -> dict[str, list[Case]]:
    """Return the cases of each operation, which one table can hold as bars."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case[0], []).append(case)
    return found


def as_columns(engine: Engine, cases: list[Case]) -> None:
    """Assert the values of operations on columns, a case a bar."""
    for op, own in parts_of(cases).items():
        names = "abc"[: len(own[0][1])]
        columns = {name: [case[1][i] for case in own] for i, name in enumerate(names)}
        expression = (op, *(f"hand.{name}" for name in names))
        engine.is_value(expression, columns, [case[2] for case in own])


def number(value: float) -> Expression:
    """Return an expression of constants: what is no finite number is computed."""
    if math.isnan(value):
        return NAN
    if math.isinf(value):
        return INFINITE if value > 0 else ("neg", INFINITE)
    return value


def as_numbers(engine: Engine, cases: list[Case]) -> None:
    """Assert the values of operations on numbers, finite ones as parameters."""
    for op, parts, value in cases:
        finite = [part for part in parts if math.isfinite(part)] or [0.0]
        names = [f"p{i}" for i in range(len(finite))]
        waiting = iter(names)
        expression = (op, *(next(waiting) if math.isfinite(p) else number(p) for p in parts))
        engine.is_value(expression, {}, [value], values=finite, parameters=names)


BOTH = pytest.mark.parametrize("check", [as_columns, as_numbers])


@BOTH
@pytest.mark.rule("E1")
def test_arithmetic_is_that_of_float64(engine: Engine, check: Any) -> None:
    check(engine, EXACT)


@BOTH
@pytest.mark.rule("E2")
def test_minimum_and_maximum(engine: Engine, check: Any) -> None:
    check(engine, CHOSEN)


@pytest.mark.rule("E2")
def test_of_two_zeros_the_second_is_taken(engine: Engine) -> None:
    for op in ("minimum", "maximum"):
        table = {"a": [0.0, -0.0], "b": [-0.0, 0.0]}
        engine.is_value(("div", 1, (op, "hand.a", "hand.b")), table, [-inf, inf])
        for a, b, wanted in ((0.0, -0.0, -inf), (-0.0, 0.0, inf)):
            expression = ("div", 1, (op, "a", "b"))
            engine.is_value(expression, {}, [wanted], values=(a, b), parameters=("a", "b"))


@BOTH
@pytest.mark.rule("E3")
def test_comparisons(engine: Engine, check: Any) -> None:
    check(engine, COMPARED)


@BOTH
@pytest.mark.rule("E7")
def test_comparisons_are_exact_and_not_known_stays_so(engine: Engine, check: Any) -> None:
    check(engine, NEAR + UNKNOWN)


@BOTH
@pytest.mark.rule("E4", "P2")
def test_logic(engine: Engine, check: Any) -> None:
    check(engine, LOGIC)


@BOTH
@pytest.mark.rule("E5")
def test_where(engine: Engine, check: Any) -> None:
    check(engine, TAKEN)


@pytest.mark.rule("E5", "P2")
def test_where_of_a_column_and_numbers(engine: Engine) -> None:
    engine.is_value(("where", "hand.c", 5, "p"), {"c": [1, 0, nan]}, [5, 7, nan], values=(7,))
    engine.is_value(("where", 0, "hand.a", "p"), {"a": [1, nan]}, [7, 7], values=(7,))


@pytest.mark.rule("E6")
def test_choose_of_numbers(engine: Engine) -> None:
    as_numbers(engine, NTH)


@pytest.mark.rule("E6", "P2")
def test_choose_of_columns(engine: Engine) -> None:
    table = {"a": [1, nan, 3], "b": [4, 5, nan]}
    expression = ("choose", "p", "hand.a", "hand.b")
    engine.is_value(expression, table, [1, nan, 3], values=(0,))
    engine.is_value(expression, table, [4, 5, nan], values=(1,))
    engine.is_value(expression, table, [nan, nan, nan], values=(2,))
    # One branch is a number, the other a column.
    engine.is_value(("choose", "p", 9, "hand.b"), table, [9, 9, 9], values=(0,))
