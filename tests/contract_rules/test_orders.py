"""What keeps orders from working, several orders, and reversals: R14 to R17."""

from __future__ import annotations

from typing import Any

import pytest

from contract_rules.programs import (
    Expression,
    Wanted,
    after,
    at_open,
    breakout,
    limit,
    loss,
    pullback,
    rules,
    stop,
    target,
    trail,
)
from contract_rules.scenarios import QUIET, Bar, Engine, inf, nan
from wfo.errors import InputError

V, W = "hand.v", "hand.w"

#: It touches all that lies from 80 to 120.
WIDE: Bar = (100, 120, 80, 100)

ENTRIES: list[tuple[Wanted, float]] = [
    (stop(V, W), 102),
    (limit(V, W), 98),
    (pullback(V, W), 3),
    (breakout(V, W), 3),
]


@pytest.mark.parametrize(("order", "value"), ENTRIES)
@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.rule("R14")
def test_an_entry_that_does_not_work(
    engine: Engine, order: Wanted, value: float, side: str
) -> None:
    program = rules(**{side: [order], f"exit_{side}": [after(1)]})  # type: ignore[arg-type]  # lists of orders
    for v, w, works in (
        (value, 1, True),
        (value, -0.5, True),
        (value, inf, True),
        (nan, 1, False),
        (inf, 1, False),
        (-inf, 1, False),
        (value, 0, False),
        (value, nan, False),
    ):
        columns = {"v": [v, nan, nan, nan], "w": [w, 0, 0, 0]}
        found = engine.run(program, [QUIET, WIDE, QUIET, QUIET], columns, swept=False)
        assert len(found.trades) == works, (v, w)


@pytest.mark.rule("R14")
def test_the_state_lasts_while_an_entry_does_not_work(engine: Engine) -> None:
    # 110 - 4 is touched in bar 2, in which the order does not work; the high of bar 1 counts on.
    bars = [QUIET, (100, 110, 99, 109), (109, 109, 103, 104), (104, 107, 104, 105), QUIET, QUIET]
    program = rules(long=[pullback(4, W)], exit_long=[after(1)])
    found = engine.run(program, bars, {"w": [0, 0, 1, 0, 0, 0]})
    assert [trade[1:3] for trade in found.trades] == [(3, 104)]
    bars[3] = (108, 109, 107, 108)
    found = engine.run(program, bars, {"w": [0, 0, 1, 0, 0, 0]})
    assert found.trades == []


@pytest.mark.parametrize(
    ("order", "value", "left"),
    [
        (stop(V, W), 98, 98),
        (limit(V, W), 103, 103),
        (trail(V), 3, 98),
        (at_open(W), 0, 100),
    ],
)
@pytest.mark.rule("R14")
def test_an_exit_that_does_not_work(
    engine: Engine, order: Wanted, value: float, left: float
) -> None:
    program = rules(long=[at_open("hand.go")], exit_long=[order])
    go = [1, 0, 0, 0, 0]
    cases = [(value, 1, True), (value, 0, False), (value, nan, False)]
    cases += [(v, 1, False) for v in (nan, inf, -inf)]
    for v, w, works in cases:
        if order[2] is None and w != 1:
            continue  # It has no condition.
        if order[1] is None and v != value:
            continue  # It has no level.
        columns = {"v": [50, v, nan, nan, nan], "w": [1, w, 0, 0, 0], "go": go}
        found = engine.run(program, [QUIET, QUIET, WIDE, QUIET, QUIET], columns, swept=False)
        wanted = [(2, left)] if works else []
        assert [trade[3:5] for trade in found.trades] == wanted, (v, w)


@pytest.mark.parametrize("value", [nan, inf, -inf])
@pytest.mark.parametrize("order", [loss(V), target(V), loss(V, percent=True)])
@pytest.mark.rule("R14")
def test_a_distance_that_is_none_at_the_entry_stays_so(
    engine: Engine, order: Wanted, value: float
) -> None:
    program = rules(long=[at_open(W)], exit_long=[order])
    columns = {"v": [value, 2, 2, 2, 2], "w": [1, 0, 0, 0, 0]}
    found = engine.run(program, [QUIET, QUIET, WIDE, WIDE, QUIET], columns)
    assert found.trades == []


@pytest.mark.rule("R14", "R13")
def test_a_distance_that_leaves_the_numbers_is_none(engine: Engine) -> None:
    # 2 % of them would still be one, and 200 times that is not: the level would lie above all.
    program = rules(long=[at_open(W)], exit_long=[loss(V, percent=True)])
    still: Bar = (200, 201, 199, 200)
    columns = {"v": [-1.7e308, 1, 1, 1], "w": [1, 0, 0, 0]}
    assert engine.run(program, [still] * 4, columns).trades == []


@pytest.mark.rule("R14")
def test_without_a_condition_an_order_needs_none(engine: Engine) -> None:
    program = rules(long=[stop(V)], exit_long=[limit(V)])
    columns = {"v": [102, 104, nan, nan, nan]}
    bars = [QUIET, (100, 103, 99, 102), (102, 105, 101, 103), QUIET, QUIET]
    found = engine.run(program, bars, columns)
    assert [trade[1:5] for trade in found.trades] == [(1, 102, 2, 104)]


@pytest.mark.parametrize(
    ("order", "left"),
    [(loss(("mul", V, "p")), 99), (target(("mul", V, "p")), 101), (loss("p"), 99)],
)
@pytest.mark.rule("R14", "R10", "R11")
def test_distances_are_those_of_the_set_that_works(
    engine: Engine, order: Wanted, left: float
) -> None:
    """The set changes in bar 3: from then on it is 1, at the bar before the entry."""
    program = rules(long=[at_open(W)], exit_long=[order])
    columns = {"v": [1, 7, 7, 7, 7, 7], "w": [1, 0, 0, 0, 0, 0]}
    bars = [QUIET, QUIET, (100, 101, 99, 100), (100, 101, 99, 100), QUIET, QUIET]
    found = engine.run(program, bars, columns, values=(2,), then=[(3, (1,))])
    assert [trade[3:5] for trade in found.trades] == [(3, left)]
    # At first it is 2, for all of the trade if no set follows.
    assert engine.run(program, bars, columns, values=(2,)).trades == []


@pytest.mark.rule("R15")
def test_numbers_as_levels_and_conditions(engine: Engine) -> None:
    bars = [QUIET, QUIET, (100, 103, 99, 102), (102, 103, 95, 96), QUIET, QUIET]
    program = rules(
        long=[stop("level", "on")],
        exit_long=[stop(("sub", "level", 5), ("gt", "level", 0))],
        parameters=("level", "on"),
    )
    found = engine.run(program, bars, values=(102, 1))
    assert [trade[1:5] for trade in found.trades] == [(2, 102, 3, 97)]
    assert engine.run(program, bars, values=(102, 0)).trades == []


@pytest.mark.rule("R16")
def test_several_entries_and_exits_work_at_once(engine: Engine) -> None:
    levels = (104, 103, 105, 106, 107, 108, 109, 110)
    program = rules(
        long=[stop(level) for level in levels],
        exit_long=[limit(level + 10) for level in levels],
    )
    bars = [QUIET, (100, 112, 99, 112), (112, 113.5, 111, 112), QUIET, QUIET]
    found = engine.run(program, bars)
    assert [trade[1:5] for trade in found.trades] == [(1, 103, 2, 113)]
    with pytest.raises(InputError, match="long has 9 orders; at most 8 will do"):
        rules(long=[at_open()] * 9)
    with pytest.raises(InputError, match="exit_short has 9 orders; at most 8 will do"):
        rules(short=[at_open()], exit_short=[at_open()] * 9)


@pytest.mark.rule("R16")
def test_a_side_without_entries_is_not_traded(engine: Engine) -> None:
    found = engine.run(
        rules(short=[at_open()], exit_short=[after(1)], reverse_to_long=1), [QUIET] * 5
    )
    # Each entry works from the bar after an exit.
    assert [trade[:2] for trade in found.trades] == [(-1, 1), (-1, 3)]


REVERSAL: dict[str, Any] = {
    "long": [at_open("hand.buy")],
    "short": [stop(97, "hand.sell")],
    "exit_long": [limit(110)],
    "exit_short": [limit(90)],
}
#: Bought at 100 in bar 1, sold short at 97 in bar 2, bought again at the open of bar 4.
TURNS: list[Bar] = [
    QUIET,
    (100, 101, 98, 100),
    (100, 101, 96, 97),
    (97, 98, 96, 96),
    (95, 101, 95, 100),
    QUIET,
    QUIET,
]
COLUMNS = {"buy": [1, 0, 0, 1, 0, 0, 0], "sell": [1, 1, 0, 0, 0, 0, 0]}


@pytest.mark.parametrize("on", [1, -2, 0.5])
@pytest.mark.rule("R17")
def test_an_opposite_entry_closes_and_opens_in_one_fill(engine: Engine, on: float) -> None:
    program = rules(**REVERSAL, reverse_to_short="p", reverse_to_long="p")
    found = engine.run(program, TURNS, COLUMNS, values=(on,))
    # 10 shares at 100 leave 970 at 97, which are 10 shares short; left at 95 with 990.
    assert found.trades == [
        (1, 1, 100, 2, 97, pytest.approx(-30)),
        (-1, 2, 97, 4, 95, pytest.approx(20)),
    ]
    assert found.reversals == [(2, pytest.approx(970)), (4, pytest.approx(990))]
    # Long again for 990 at 95, marked at 100.
    assert found.equity[4] == pytest.approx(990 / 95 * 100)


@pytest.mark.parametrize("off", [0, ("div", 0, 0), None])
@pytest.mark.rule("R17")
def test_without_a_reversal_entries_work_while_flat(engine: Engine, off: Expression | None) -> None:
    numbers = {} if off is None else {"reverse_to_short": off, "reverse_to_long": off}
    found = engine.run(rules(**REVERSAL, **numbers), TURNS, COLUMNS)
    assert (found.trades, found.reversals) == ([], [])
    # The one direction without the other.
    numbers = {"reverse_to_short": 1} | ({} if off is None else {"reverse_to_long": off})
    found = engine.run(rules(**REVERSAL, **numbers), TURNS, COLUMNS)
    assert [trade[:5] for trade in found.trades] == [(1, 1, 100, 2, 97)]
    numbers = {"reverse_to_long": 1} | ({} if off is None else {"reverse_to_short": off})
    columns = {"buy": [0, 0, 0, 1, 0, 0, 0], "sell": [1, 1, 0, 0, 0, 0, 0]}
    found = engine.run(rules(**REVERSAL, **numbers), TURNS, columns)
    assert [trade[:5] for trade in found.trades] == [(-1, 2, 97, 4, 95)]


@pytest.mark.rule("R17", "R4")
def test_a_reversing_pullback_hangs_from_the_extreme_of_the_position(engine: Engine) -> None:
    program = rules(long=[at_open(W)], short=[pullback(4)], reverse_to_short=1)
    # The low since the entry in bar 1 is 95, that of bar 0 lies lower: 95 + 4 in bar 3.
    bars: list[Bar] = [
        (100, 101, 90, 100),
        (100, 100, 97, 98),
        (98, 100, 95, 96),
        (96, 99, 96, 97),
        QUIET,
    ]
    found = engine.run(program, bars, {"w": [1, 0, 0, 0, 0]})
    assert [trade[:5] for trade in found.trades] == [(1, 1, 100, 3, 99)]


@pytest.mark.rule("R17")
def test_a_ruin_has_no_second_half(engine: Engine) -> None:
    program = rules(short=[at_open(W)], long=[stop(180)], reverse_to_long=1)
    bars = [QUIET, QUIET, (201, 202, 200, 201), (201, 300, 100, 150), QUIET]
    found = engine.run(program, bars, {"w": [1, 0, 1, 1, 1]})
    assert found.trades == [(-1, 1, 100, 2, 201, pytest.approx(-1010))]
    assert found.reversals == []
    assert found.equity[2:] == [pytest.approx(-10)] * 3
