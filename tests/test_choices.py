"""The names of a choice's methods, wherever its number may be given or is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import wfo
from wfo.errors import ResultsError
from wfo.search.evaluating.points import StrategyPoints
from wfo.search.space import Dimension, SearchSpace
from wfo.strategy.parameter import methods_of
from wfo.strategy.record import from_record, same_strategy, to_record
from wfo.text import params_lines


class Averaged(wfo.Rules):
    """Buys above one of two averages."""

    kind = wfo.Choice("simple", "weighted")
    length = wfo.Int(5, 15, 5)

    def rules(self, x: wfo.rules.Series) -> wfo.rules.Ordered:
        average = x.choose(self.kind, x.sma(x.close, self.length), x.wma(x.close, self.length))
        return wfo.orders(long=x.at_open(x.close > average), exit_long=x.after(2))


def test_names_of_methods_stand_for_their_numbers(tmp_path: Path) -> None:
    named = {"kind": ["weighted", "simple"], "length": [5]}
    assert wfo.Grid(named, strategy=Averaged).values["kind"] == (1, 0)
    file = tmp_path / "own.yaml"
    file.write_text("kind: weighted\nlength: 5\n")
    assert wfo.Grid.load(file, Averaged).values["kind"] == (1,)
    with pytest.raises(wfo.InputError, match="kind has the value 0 more than once"):
        wfo.Grid({"kind": ["simple", 0], "length": 5}, strategy=Averaged)
    with pytest.raises(
        wfo.InputError, match=r"kind = 'x' is not allowed.*one of 0 \(simple\), 1 \(weighted\)"
    ):
        wfo.Grid({"kind": "x", "length": 5}, strategy=Averaged)
    bars = wfo.load_sample("NASDAQ").tail(300)
    one, other = (
        wfo.simulate(Averaged, bars, {"kind": kind, "length": 5}, split=200)
        for kind in ("weighted", 1)
    )
    assert one.trades.equals(other.trades)


def test_names_of_methods_are_searched_as_numbers() -> None:
    space = SearchSpace((Dimension("kind", "choice", ("weighted", "simple")),), {"length": 5})
    points = StrategyPoints(Averaged.__wfo_strategy__, space)
    assert points.values_of("kind") == (1, 0)
    assert {point["kind"] for point in points.space.decode(np.array([[0.0], [1.0]]))} == {0, 1}


def test_names_of_methods_are_in_records_and_are_no_change_of_them() -> None:
    own = Averaged.__wfo_strategy__
    stated = to_record(own)
    assert from_record(stated).parameters == own.parameters
    del stated["parameters"][0]["methods"]
    assert same_strategy(from_record(stated), own)
    stated["parameters"][0]["methods"] = ["one"]
    with pytest.raises(ResultsError, match="must name each value"):
        from_record(stated)


def test_a_name_that_is_a_number_is_no_name() -> None:
    parameter = wfo.Choice("1", "2").parameter("kind")
    assert parameter.check(1) == 1
    with pytest.raises(wfo.InputError, match="write 1"):
        parameter.check("1")


def test_a_page_says_the_method_beside_the_number() -> None:
    params = {"kind": 1, "length": 5}
    found = methods_of(Averaged.__wfo_strategy__.parameters, params)
    assert params_lines(params, 80, found) == ["  kind 1 (weighted), length 5"]
    assert params_lines(params, 80) == ["  kind 1, length 5"]
