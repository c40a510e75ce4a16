"""Lengths and risks that are none: refused before a run begins, with the line of the parameter."""

from __future__ import annotations

from pathlib import Path

import pytest

import wfo
from wfo.rules.misfits import first_misfit
from wfo.rules.sizing import own_sizing
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


def test_a_grid_with_a_length_that_is_none_does_not_start(tmp_path: Path) -> None:
    class Whole(Half):
        n = wfo.Float(5, 6, 1)

    grid = wfo.Grid({"n": [5, 5.5]}, strategy=Whole)
    plan = RunPlan("NASDAQ", Whole.__wfo_strategy__, grid=grid)
    with pytest.raises(wfo.InputError, match=r"Whole: the length of sma is 5\.5 for n = 5\.5"):
        Task.of(plan, wfo.DataStore(tmp_path), "test")


def test_who_sizes_is_known() -> None:
    assert own_sizing(Between.__wfo_strategy__) == "risk"
    assert own_sizing(wfo.strategies()["atr_d_l"]) == ""
