"""Lengths and risks that are none: refused before a run begins, with the line of the parameter."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from calling import call_cli

import wfo
from wfo.rules.misfits import doubtful, first_misfit
from wfo.rules.units import odd_distances
from wfo.runs.plan import RunPlan
from wfo.runs.task import Task


class Half(wfo.Rules):
    """Lengths in halves."""

    n = wfo.Float(5, 6, 0.5)

    def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
        return wfo.orders(long=x.at_open(x.close > x.sma(x.close, self.n)), exit_long=x.after(5))


class Between(wfo.Rules):
    """A length that a constraint keeps above 0, and a risk."""

    fast = wfo.Int(5, 15, 5)
    slow = wfo.Int(5, 15, 5)
    share = wfo.Float(0.01, 0.02, 0.01)
    constraints = ("fast < slow",)

    def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
        middle = x.sma(x.close, self.slow - self.fast)
        return wfo.orders(
            long=x.at_open(x.close > middle), exit_long=x.loss(percent=2), risk=self.share
        )


def test_a_default_length_that_is_none_names_the_line_of_its_parameter() -> None:
    line = Path(__file__).read_text("utf-8").splitlines().index("    n = wfo.Float(5, 6, 0.5)") + 1
    said = (
        rf"test_rules_misfits\.py:{line}: the length of sma is 5\.5 for n = 5\.5; it must be whole"
    )
    with pytest.raises(wfo.InputError, match=said):
        _ = Half.__wfo_strategy__


def test_what_constraints_leave_out_is_no_misfit() -> None:
    own = Between.__wfo_strategy__
    assert own.grid is not None
    program = own.kernel.program
    assert first_misfit(program, own.rules, own.grid) is None
    free = first_misfit(program, (), own.grid)
    assert free is not None
    assert free.parameters == ("fast", "slow")
    risky = first_misfit(program, own.rules, {**own.grid, "share": (0.5, 1.5)})
    assert risky is not None
    assert risky.text == "risk is 1.5 for share = 1.5; it must be above 0 and at most 1"


class Doubtful(wfo.Rules):
    """A choice of two, and a loss in percent."""

    mode = wfo.Int(0, 2)
    away = wfo.Float(0, 2, 1)
    constraints = ("mode < 2 or away > 0",)

    def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
        up = x.close > x.choose(self.mode, x.open, x.sma(x.close, 5))
        return wfo.orders(long=x.at_open(up), exit_long=x.loss(percent=self.away))


def test_what_is_hardly_meant_is_a_note() -> None:
    own = Doubtful.__wfo_strategy__
    program = own.kernel.program
    assert own.grid is not None
    assert first_misfit(program, own.rules, own.grid) is None
    missing = (
        "choose has 2 choices, from 0 on, and none for 2 for mode = 2: an order made of it does not"
        " work then"
    )
    level = "loss in exit_long is 0 percent for away = 0: its level is not beyond the fill"
    assert doubtful(program, own.rules, own.grid) == (missing, level)
    assert doubtful(program, own.rules, {"mode": (0, 1), "away": (1,)}) == ()
    # No set with one of them is left by the constraints.
    assert doubtful(program, own.rules, {"mode": (2,), "away": (0, 1)}) == (missing,)


def test_a_grid_with_a_length_that_is_none_does_not_start(tmp_path: Path) -> None:
    class Whole(Half):
        n = wfo.Float(5, 6, 1)

    grid = wfo.Grid({"n": [5, 5.5]}, strategy=Whole)
    plan = RunPlan("NASDAQ", Whole.__wfo_strategy__, grid=grid)
    with pytest.raises(wfo.InputError, match=r"Whole: the length of sma is 5\.5 for n = 5\.5"):
        Task.of(plan, wfo.DataStore(tmp_path), "test")


class Units(wfo.Rules):
    """Distances in percent and in points, and a risk."""

    share = wfo.Float(0.02, 0.1, 0.04)
    points = wfo.Float(1, 3, 1)
    risk = wfo.Float(0.2, 0.5, 0.1)

    def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
        return wfo.orders(
            long=x.at_open(x.close > x.open),
            short=x.at_open(x.close < x.open),
            exit_long=[x.loss(percent=self.share), x.target(self.points)],
            exit_short=[x.target(percent=self.share * 20), x.trail(x.close * 0.03)],
            risk=self.risk,
        )


def test_percent_and_fractions_that_are_mixed_up_are_a_note() -> None:
    own = Units.__wfo_strategy__
    program = own.kernel.program
    assert own.grid is not None
    loss = "loss in exit_long is 0.1 percent at most: 5 % is percent=5, and not 0.05"
    risk = "risk is 0.2 at least, a share of the equity: 1 % is risk=0.01"
    assert doubtful(program, own.rules, own.grid) == (loss, risk)
    # One value of the grid that is meant is enough, and what has no values is not looked at.
    meant = {**own.grid, "share": (0.05, 0.11), "risk": (0.19, 0.5)}
    assert doubtful(program, own.rules, meant) == ()
    assert doubtful(program, own.rules, {"points": (1,)}) == ()


def test_distances_in_points_are_compared_with_the_bars() -> None:
    own = Units.__wfo_strategy__
    program = own.kernel.program
    close = np.array([5_000.0, 5_100.0, 4_900.0])
    assert own.grid is not None

    def said(points: tuple[float, ...], span: float) -> tuple[str, ...]:
        bars = {"high": close + span / 2, "low": close - span / 2, "close": close}
        return odd_distances(program, {**own.grid, "points": points}, bars)

    near = (
        "target in exit_long is 3 at most, in points, and half of these bars go 40 or more from low"
        " to high: 3 % is target(percent=3)"
    )
    assert said((1, 2, 3), 40) == (near,)
    assert said((1, 2, 4), 40) == ()

    class Far(Units):
        def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
            exits = x.trail(self.points * self.share)
            return wfo.orders(long=x.at_open(x.close > x.open), exit_long=exits, risk=self.risk)

    program = Far.__wfo_strategy__.kernel.program
    assert said((51_000, 255_000), 40) == ()
    (far,) = said((255_000, 300_000), 40)
    assert far.startswith("trail in exit_long is 5100 at least, in points, and no close of these")


def test_a_check_and_the_strategy_name_what_is_hardly_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = inspect.getsource(Units).splitlines()
    Path("own.py").write_text("\n".join(["import wfo", *lines]), "utf-8")
    bars = wfo.load_sample("NASDAQ").tail(200)
    with wfo.strategy.registry.separate():
        shown = call_cli("strategies", "own.py:Units").out
        checked = wfo.check("own.py:Units", bars, sets=1, cuts=1)
    assert "\nNote: loss in exit_long is 0.1 percent at most" in shown
    assert [note.partition(" is ")[0] for note in checked.notes] == [
        "loss in exit_long", "risk", "target in exit_long"
    ]  # fmt: skip
    assert "\nNote: target in exit_long is 3 at most, in points," in checked.page()
