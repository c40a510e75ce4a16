"""Settings and gates: each limit at it and beyond it, and what is refused."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest

import wfo
from wfo.text import brief

NEVER = ["1", None, True, [1.0], math.nan, math.inf, -math.inf, 10**400, 1 + 0j]
TINY = 5e-324
BELOW_ONE = math.nextafter(1, 0)


def above(limit: float) -> float:
    """Return the next number."""
    return math.nextafter(limit, math.inf)


def test_defaults_are_those_of_the_interface() -> None:
    assert wfo.Settings().to_dict() == {
        "capital": 100_000.0,
        "slip": 0.0,
        "fee": 0.0,
        "sizing": "compound",
        "lot_size": 0.0,
        "max_stop_atr": 20.0,
        "entry_style": "pullback",
    }
    assert wfo.Gates().to_dict() == {
        "wfe": 0.35,
        "dd_ratio": 3.0,
        "min_phases": None,
        "min_trades": 0,
        "beat": None,
    }


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("capital", [1e-6, 1, 1e15], [0, 0.0, -1, TINY, 9e-7, above(1e15), 1.7e308]),
        ("slip", [0, 0.001, BELOW_ONE], [1, 1.0, 5, -TINY]),
        ("fee", [0, 0.001, BELOW_ONE], [1, 1.0, 5, -TINY]),
        ("lot_size", [0, 1e-12, 100, 1e15], [-TINY, -1, TINY, 9e-13, above(1e15), 1e308]),
        ("max_stop_atr", [TINY, 20, 1e9], [0, -1, above(1e9), 1.7e308]),
        ("sizing", ["compound", "fixed"], ["", "Fixed", "compound "]),
        ("entry_style", ["pullback", "breakout"], ["", "PULLBACK"]),
    ],
)
def test_every_limit_of_the_settings(name: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert getattr(wfo.Settings(**{name: value}), name) == value
    for value in [*bad, *NEVER]:
        with pytest.raises(wfo.InputError, match=f"^{name} = {re.escape(brief(value))} is"):
            wfo.Settings(**{name: value})


def test_a_misspelt_choice_gets_the_nearest_one() -> None:
    with pytest.raises(wfo.InputError, match=r"sizing = 'compund' .*did you mean 'compound'"):
        wfo.Settings(sizing="compund")  # type: ignore[arg-type]  # on purpose
    with pytest.raises(wfo.InputError, match=r"entry_style = 'Break-out' .*mean 'breakout'"):
        wfo.Settings(entry_style="Break-out")  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("capital", [50_000, 50_000.0, np.int64(50_000), np.float32(50_000)])
def test_equal_settings_look_alike_in_a_manifest(capital: Any) -> None:
    """Else the same run would be taken for another one."""
    made = wfo.Settings(capital=capital)
    assert made == wfo.Settings(capital=50_000.0)
    assert json.dumps(made.to_dict()) == json.dumps(wfo.Settings(capital=50_000.0).to_dict())


def test_settings_survive_their_manifest() -> None:
    made = wfo.Settings(1234.5, 0.001, 0.0002, "fixed", 100, 7.5, "breakout")
    assert wfo.Settings(**json.loads(json.dumps(made.to_dict()))) == made


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        wfo.Settings().capital = 1.0  # type: ignore[misc]  # on purpose


@pytest.mark.parametrize("name", ["wfe", "dd_ratio"])
def test_every_limit_of_the_gates(name: str) -> None:
    for value in (0, 0.0, 1, 1e9):
        assert getattr(wfo.Gates(**{name: value}), name) == value
    for value in (-TINY, -1, above(1e9), 1.7e308, *NEVER):
        with pytest.raises(wfo.InputError, match=f"^{name} = {re.escape(brief(value))} must"):
            wfo.Gates(**{name: value})


def test_phases_asked_for_are_a_whole_number() -> None:
    assert wfo.Gates(min_phases=1).min_phases == 1
    for value in (0, -1, 1.0, "2", True):
        with pytest.raises(wfo.InputError, match=f"^min_phases = {re.escape(brief(value))} must"):
            wfo.Gates(min_phases=value)  # type: ignore[arg-type]  # on purpose


def test_phases_asked_for_are_those_of_the_gates_else_of_the_schedule() -> None:
    assert wfo.Gates().required(4, 3) == 3
    assert wfo.Gates(min_phases=4).required(4, 3) == 4
    assert wfo.Gates(min_phases=1).required(4, 3) == 1
    with pytest.raises(wfo.InputError, match="min_phases = 5 is more than the 4 phases"):
        wfo.Gates(min_phases=5).required(4, 3)


def test_gates_survive_their_manifest() -> None:
    for made in (wfo.Gates(), wfo.Gates(0.5, 2.0, 4), wfo.Gates.preset("strict")):
        assert wfo.Gates.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    # An earlier version knew neither trades nor a benchmark.
    assert wfo.Gates.from_dict({"wfe": 0.5, "dd_ratio": 2.0, "min_phases": 4}) == wfo.Gates(
        0.5, 2.0, 4
    )
