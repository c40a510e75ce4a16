"""What a compiled function reads beside its arguments: a digest that is another one where it is."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wfo
from wfo.held_values import held_digest, held_functions

#: Read by the functions below; each test sets them to something else.
scale, table, helper = 2.0, np.array([1.0, 2.0]), types.ModuleType("users_helper")
setattr(helper, "width", 3)  # noqa: B010  # a module has no such attribute to a type checker


def inner(x: float) -> float:
    return x * scale


def outer(x: Any) -> Any:
    return inner(x.width) + table[0] + helper.width + math.pi  # type: ignore[attr-defined]


def plain(x: Any) -> Any:
    return x.scale + np.nan


def made(width: float) -> Callable[[float], float]:
    def own(x: float) -> float:
        return x + width

    return own


@pytest.mark.parametrize(
    ("where", "name", "value"),
    [
        (globals(), "scale", 3.0),
        (globals(), "scale", 2),
        (globals(), "scale", {"b", "c"}),
        (globals(), "scale", {"by": 2.0}),
        (globals(), "table", np.array([1.0, 2.5])),
        (globals(), "table", np.array([1.0, 2.0], np.float32)),
        (vars(helper), "width", 4),
        (globals(), "inner", made(1.0)),
    ],
)
def test_another_value_is_another_digest(
    where: dict[str, Any], name: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held_digest(outer)
    monkeypatch.setitem(where, name, value)
    assert held_digest(outer) != before
    monkeypatch.undo()
    assert held_digest(outer) == before


def test_what_contains_itself_is_told() -> None:
    endless: list[Any] = [1]
    endless.append(endless)

    def own() -> Any:
        return endless

    assert held_digest(own) == held_digest(own) != ""


def test_closures_count_and_other_names_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert held_digest(made(1.0)) == held_digest(made(1.0)) != held_digest(made(2.0))
    # An attribute is no global of that name, and libraries follow from their version.
    assert held_digest(plain) == ""
    before = held_digest(outer)
    monkeypatch.setitem(vars(helper), "other", 1)
    assert held_digest(outer) == before


def test_compiled_functions_are_found_through_those_that_call_them() -> None:
    class Compiled:
        def __init__(self, function: Any) -> None:
            self.py_func = function

    here = globals()
    was = here["inner"]
    try:
        here["inner"] = Compiled(was)
        top = Compiled(outer)
        assert held_functions(top) == [top, here["inner"]]  # type: ignore[arg-type]  # as Numba's
        assert held_digest(top) == held_digest(outer)  # type: ignore[arg-type]  # likewise
    finally:
        here["inner"] = was


def test_a_strategy_says_what_its_kernel_reads() -> None:
    pytest.importorskip("numba")

    def strategy(width: int) -> wfo.Strategy:
        def own(bars: Any, sets: Any, start: Any, fills: Any) -> None:
            fills.add(0, width, 1.0, 1)

        return wfo.kernel(n=wfo.Int(1, 3), lookback=1)(own).strategy

    assert strategy(1).definition == strategy(1).definition
    assert strategy(1).definition != strategy(2).definition
