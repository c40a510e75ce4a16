"""Higher bars: G1 to G4."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from contract_rules.programs import at_open, rules, stop
from contract_rules.scenarios import QUIET, Engine, feeds_of, inf, nan, strategy
from wfo.errors import InputError, WfoError
from wfo.rules.lookback import first_bar, lookback
from wfo.rules.nodes import Node
from wfo.rules.program import Function, Order, Program
from wfo.strategy.value import lookback_on

WEEK = "1week XNYS"

#: Two bars that are closed by their second, one that is closed by the bar after it, one of two bars
#: with a bar between them that is part of none, and one that is not closed.
GROUPS = {
    "group": [0, 0, 1, 2, nan, 2, 3],
    "closed": [0, 1, 1, 2, 2, 3, 3],
}


def weekly(column: str) -> tuple[Any, ...]:
    return ("resample", column, WEEK)


@pytest.mark.rule("G1", "G3")
def test_what_a_higher_bar_takes(engine: Engine) -> None:
    seen = [nan, 0, 0, 1, 1, 2, 2]
    values = [5, 3, 4, 1, 99, 2, 7]
    taken = {
        "open": [5, 4, 1],
        "high": [5, 4, 2],
        "low": [3, 4, 1],
        "volume": [8, 4, 3],
        "x": [3, 4, 2],
    }
    for name, of in taken.items():
        wanted = [nan if np.isnan(at) else of[int(at)] for at in seen]
        table = {name: values, **GROUPS}
        engine.is_value(("latest", weekly(f"hand.{name}")), table, wanted)


@pytest.mark.rule("G1")
def test_volumes_are_added_from_the_oldest_on(engine: Engine) -> None:
    table = {"volume": [0.1, 0.2, 0.3, 0], "group": [0, 0, 0, 1], "closed": [0, 0, 1, 1]}
    total = 0.6000000000000001
    engine.is_value(("latest", weekly("hand.volume")), table, [nan, nan, total, total])


@pytest.mark.rule("G2")
def test_windows_count_higher_bars(engine: Engine) -> None:
    table = {"x": [9, 1, 3, 9, 9, 8, 0], **GROUPS}
    x = weekly("hand.x")
    # Of 1, 3 and 8.
    engine.is_value(("latest", ("sma", x, 2)), table, [nan, nan, nan, 2, 2, 5.5, 5.5], first=1)
    engine.is_value(("latest", ("shift", x, 1)), table, [nan, nan, nan, 1, 1, 3, 3], first=1)
    # The factor of 3 bars is 1/2.
    engine.is_value(("latest", ("ema", x, 3)), table, [nan, 1, 1, 2, 2, 5, 5])
    bigger = ("latest", ("gt", ("sub", x, 1), ("shift", x, 1)))
    engine.is_value(bigger, table, [nan, nan, nan, 1, 1, 1, 1], first=1)


@pytest.mark.rule("G2", "G3")
def test_what_is_known_of_them_is_a_column_like_others(engine: Engine) -> None:
    table = {"x": [9, 1, 3, 9, 9, 8, 0], **GROUPS}
    known = ("latest", weekly("hand.x"))
    engine.is_value(("sub", "hand.x", known), table, [nan, 0, 2, 6, 6, 0, -8])
    engine.is_value(("highest", known, 2), table, [nan, nan, 1, 3, 3, 8, 8], first=1)
    engine.is_value(("shift", known, 1), table, [nan, nan, 1, 1, 3, 3, 8], first=1)


@pytest.mark.rule("G2")
def test_true_ranges_and_functions_are_of_higher_bars(engine: Engine) -> None:
    table = {
        "high": [12, 13, 20, 9, 0, 9, 0],
        "low": [10, 11, 15, 9, 0, 8, 0],
        "close": [11, 12, 16, 9, 0, 8, 0],
        **GROUPS,
    }
    ranges = ("true_range", *(weekly(f"hand.{name}") for name in ("high", "low", "close")))
    # 13 - 10; 20 - 12, the close before below; 16 - 8, the close before above.
    engine.is_value(("latest", ranges), table, [nan, 3, 3, 8, 8, 8, 8])
    lengths = []

    def doubled(x: Any) -> Any:
        lengths.append(len(x))
        return 2 * x

    function = Function("doubled", doubled, lambda: 0, f"doubled by {engine.name}")
    close = ("call", 0, weekly("hand.close"))
    program = rules(long=[at_open(("gt", ("latest", close), 0))], functions=(function,))
    engine.run(program, [QUIET] * 7, table, swept=False)
    assert set(lengths) == {4}


@pytest.mark.rule("G3")
def test_a_bar_in_progress_is_not_seen(engine: Engine) -> None:
    """A stop at the week's high works from the bar after the close of the week on."""
    bars = [QUIET, (100, 110, 100, 105), (105, 106, 104, 105), (105, 112, 104, 111)]
    table = {"group": [0, 0, 0, 1], "closed": [0, 0, 1, 1]}
    level = ("latest", weekly("bars.high"))
    program = rules(long=[stop(level)], exit_long=[at_open(0)])
    found = engine.run(program, bars, table)
    # 10 shares at 110, and 100 that is left over.
    assert found.equity == pytest.approx([1_000, 1_000, 1_000, 1_000 / 110 * 111])
    early = engine.run(program, bars, {**table, "closed": [0, 0, 0, 0]})
    assert early.equity == [1_000] * 4


@pytest.mark.rule("G3")
def test_the_next_bar_knows_what_the_last_one_closes(engine: Engine) -> None:
    table = {"group": [0, 0, 1, 1], "closed": [0, 1, 1, 2]}
    bars = [(100, 120, 99, 100), QUIET, (100, 108, 99, 100), QUIET]
    program = rules(long=[stop(("latest", weekly("bars.high")))], exit_long=[at_open(0)])
    _, orders = engine.next_bar(program, bars, table)
    assert [order["level"] for order in orders] == [108]
    table["closed"][-1] = 1
    _, orders = engine.next_bar(program, bars, table)
    assert [order["level"] for order in orders] == [120]


@pytest.mark.rule("G4")
def test_lookback(engine: Engine) -> None:
    week = ("sma", weekly("hand.x"), 2)
    program = rules(long=[at_open(("gt", ("shift", ("latest", week), 1), 0))])
    assert first_bar(program, (0.0,)) == 2
    feeds = feeds_of(program, [QUIET] * 7, {"x": [1] * 7, **GROUPS})
    # Two of them are closed by the end of bar 3, which bar 4 reads.
    assert first_bar(program, (0.0,), feeds) == 4
    assert lookback(program, {"p": (0.0,)}, feeds) == 5
    made = strategy(program)
    assert (made.lookback({"p": (0.0,)}), lookback_on(made, {"p": (0.0,)}, feeds)) == (3, 5)
    # Where none is closed it is never known.
    never = feeds_of(program, [QUIET] * 7, {"x": [1] * 7, **GROUPS, "closed": [0] * 7})
    assert first_bar(program, (0.0,), never) == 8
    # A shorter warm-up will do for the engines, and what is not known does not work.
    bars = [QUIET] * 4 + [(100, 110, 100, 110)] * 3
    found = engine.run(program, bars, {"x": [1] * 7, **GROUPS}, warmup=3)
    assert found.equity == [1_000] * 5 + [1_100] * 2
    if engine.name != "reference":
        with pytest.raises(WfoError, match="warmup"):
            engine.run(program, bars, {"x": [1] * 7, **GROUPS}, warmup=2, swept=False)


@pytest.mark.rule("G1")
def test_numbers_may_begin_anywhere(engine: Engine) -> None:
    table = {"x": [5, 6, 7], "group": [7, 8, 8], "closed": [8, 8, 9]}
    engine.is_value(("latest", weekly("hand.x")), table, [5, 5, 7])


@pytest.mark.rule("G2")
@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([Node("resample", (1,), text=WEEK)], "of a column of a feed alone"),
        ([Node("resample", (0,), text="2week XNYS")], "is no timeframe and calendar"),
        ([Node("resample", (0,), text="1week")], "is no timeframe and calendar"),
        ([Node("latest", (0,))], "of a column of higher bars alone"),
        ([Node("latest", (1,))], "of a column of higher bars alone"),
        (
            [Node("resample", (0,), text=WEEK), Node("gt", (0, 2))],
            "columns of bars of different lengths",
        ),
        (
            [Node("resample", (0,), text=WEEK), Node("resample", (0,), text="1day XNYS"),
             Node("gt", (2, 3))],
            "columns of bars of different lengths",
        ),
        ([Node("resample", (0,), text=WEEK)], "a column of 1week XNYS bars"),
    ],
)  # fmt: skip
def test_programs_that_cannot_be(nodes: list[Node], said: str) -> None:
    own = (Node("feed", text="bars.close"), Node("constant", value=1.0), *nodes)
    with pytest.raises(InputError, match=said):
        Program(("p",), own, long=(Order("at_open", None, len(own) - 1),))


def test_infinite_is_a_value_of_higher_bars(engine: Engine) -> None:
    table = {"high": [1, inf, 3], "group": [0, 0, 1], "closed": [0, 1, 2]}
    engine.is_value(("latest", weekly("hand.high")), table, [nan, inf, 3])
