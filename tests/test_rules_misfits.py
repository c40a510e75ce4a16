"""Lengths and risks that are none: refused before a run begins, with the line of the parameter."""

from __future__ import annotations

from pathlib import Path

import pytest

import wfo
from wfo.rules.misfits import doubtful, first_misfit
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
