"""What `wfo strategies` says of rules: parts, what each depends on, how often it is computed."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import wfo
from wfo import examples
from wfo.backtest import feeds
from wfo.cli import cli
from wfo.rules.parts import described_parts, leaves, operations, ordered, program_of, shared
from wfo.rules.program import Program


def parts(own: Any) -> tuple[Program, dict[str, Any]]:
    strategy = own.__wfo_strategy__
    found = program_of(strategy)
    assert found is not None
    return found, dict(strategy.grid)


def test_each_indicator_is_a_part_with_its_own_parameters() -> None:
    program, grid = parts(examples.Donchian)
    assert [(p.name, p.what, p.parameters, p.distinct) for p in leaves(program, grid)] == [
        ("p1", "sma(close, trend)", ("trend",), 251),
        ("p2", "highest(high, entry)", ("entry",), 96),
        ("p3", "true_range(high, low, close)", (), 1),
        ("p4", "sma(p3, period)", ("period",), 46),
    ]


def test_orders_depend_on_what_they_are_made_of() -> None:
    program, grid = parts(examples.Donchian)
    assert [(p.name, p.what, p.parameters, p.distinct) for p in ordered(program, grid)] == [
        ("long", "stop(p2, when=close > p1)", ("entry", "trend"), 96 * 251),
        # A Float without step has no values.
        ("exit_long", "trail(p4 * width)", ("period", "width"), None),
    ]
    width = {"width": (1.0, 2.0)}
    assert ordered(program, grid | width)[1].distinct == 46 * 2


def test_what_several_stand_on_has_a_name() -> None:
    program, grid = parts(examples.AtrDL)
    named = {p.name: p for p in shared(program, grid)}
    assert named["e1"].what == "choose(equity_price_method, (high + low + close) / 3, close)"
    assert named["e2"].what == "2 * bb_deviation * p5 / p6 / vol_threshold"
    assert "maximum(min_tightening, choose(scaling_method, e2, sqrt(e2), e2 * e2))" in (
        ordered(program, grid)[1].what
    )


def test_operations_are_those_between_indicators() -> None:
    class Own(wfo.Rules):
        n = wfo.Int(1, 9)

        def rules(self, x: Any) -> Any:
            # Of numbers alone is no operation a bar; one that stands twice is one.
            far = x.sma(x.close, self.n * 2 + 1) * 2
            return wfo.orders(
                long=x.at_open(x.close > far), exit_long=x.at_open((x.close < far) | (far > 5))
            )

    # The product, three comparisons and one |.
    assert operations(parts(Own)[0]) == 5


def test_a_default_grid_is_counted_and_another_may_be_given() -> None:
    strategy = examples.SmaCross.__wfo_strategy__
    said = "\n".join(described_parts(strategy))
    # 49 and 196 averages, and as many shifted by a bar; the longest begins in bar 199 of 200.
    assert (
        "Combinations: 9,604 before constraints, of 490 columns in all; lookback 201 bars" in said
    )
    said = "\n".join(described_parts(strategy, {"fast": [2], "slow": [5, 9]}))
    assert "Combinations: 2 before constraints, of 6 columns in all; lookback 10 bars" in said
    said = "\n".join(described_parts(strategy, {"fast": [2]}))
    assert "none, as slow has no values; give a grid" in said


def test_other_strategies_have_no_parts() -> None:
    assert described_parts(wfo.strategies()["atr_d_l"]) == []


_OWN = """\
import wfo

class Own(wfo.Rules):
    '''Buys strength.'''
    n = wfo.Int(5, 9, meaning="bars")

    def rules(self, x):
        return wfo.orders(long=x.stop(x.highest(x.high, self.n)), exit_long=x.after(self.n))
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_OWN, r"a backtest of 5,031 bars took [\d.,e+]+ µs on one core, .* as one of 5 on the"),
        (_OWN.replace("x.high,", "x.volume,"), "it reads more than the prices of one symbol"),
        (_OWN.replace("Int(5, 9,", "Float(5, 9,"), "it has no whole default grid"),
        (_OWN.replace("Int(5, 9,", "Int(9_000, 9_000,"), "its cost was not tried: .*9,?000"),
        (
            _OWN.replace("self.n))", "self.n), when=wfo.indicator(len)(x.low) > 0)", 1),
            "its cost was not tried: .*len",
        ),
    ],
)
def test_the_command_names_parts_engine_and_cost(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(text, "utf-8")
    with wfo.strategy.registry.separate():
        done = CliRunner().invoke(cli, ["strategies", "own.py:Own"])
    assert done.exit_code == 0, done.output
    assert "p1: highest(" in done.output
    flat = " ".join(done.output.split())
    assert re.search(rf"A search runs on the engine \w+.*; {said}", flat), flat


def test_the_cost_is_that_of_backtests_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(_OWN, "utf-8")
    passed = [0.0]
    read, computed = feeds.read_feeds, wfo.Evaluator.range

    def slowly_read(*args: Any) -> Any:
        # As where the calendar of higher bars is loaded first.
        passed[0] += 100
        return read(*args)

    def slowly_computed(self: wfo.Evaluator, start: int, stop: int) -> Any:
        passed[0] += 0.001 * (stop - start)
        return computed(self, start, stop)

    monkeypatch.setattr(time, "process_time", lambda: passed[0])
    monkeypatch.setattr(feeds, "read_feeds", slowly_read)
    monkeypatch.setattr(wfo.Evaluator, "range", slowly_computed)
    with wfo.strategy.registry.separate():
        done = CliRunner().invoke(cli, ["strategies", "own.py:Own"])
    assert passed[0] > 100
    assert "took 1,000 µs on one core" in " ".join(done.output.split())


def test_a_refusal_ends_the_command_with_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(_OWN.replace("self.n)),", "self.m)),"), "utf-8")
    with wfo.strategy.registry.separate():
        done = CliRunner().invoke(cli, ["strategies", "own.py:Own"])
    assert done.exit_code != 0
    assert str(done.exception) == "own.py:8: self has no 'm'; known: n"
