"""The bar after the last one: the state, and the orders that it has there."""

from __future__ import annotations

from typing import Any

import pytest

from contract_rules.programs import (
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
from contract_rules.scenarios import QUIET, Engine, inf, nan
from wfo.backtest.orders import WorkingOrder

V, W = "hand.v", "hand.w"

Said = tuple[str, str, float | None, Any, str | None]


def said(orders: list[dict[str, Any]], *, fills: bool = False) -> list[Said]:
    """Return action, kind, level, shares and obstacle of each order; each can be one.

    None works with some `fills` alone unless told otherwise.
    """
    found = []
    for order in orders:
        given = {"numbers" if name == "obstacle_numbers" else name: order[name] for name in order}
        assert WorkingOrder(**given).numbers is None
        assert fills or order["fills_beyond"] is None
        found.append(
            (
                order["action"],
                order["kind"],
                order["level"],
                pytest.approx(order["shares"]),
                order["obstacle"],
            )
        )
    return found


@pytest.mark.rule("R1", "R2", "R3", "R4", "R5")
def test_from_flat(engine: Engine) -> None:
    program = rules(
        long=[at_open(), stop(105), limit(95), pullback(6), breakout(7)],
        short=[limit(110), pullback(11), breakout(10), stop(80)],
    )
    # Nothing trades before the bar after the last one.
    bars = [QUIET, (100, 106, 97, 104)]
    state, orders = engine.next_bar(program, bars, warmup=2)
    assert state == {
        "side": 0,
        "since": 1,
        "entry_price": None,
        "shares": 0,
        "equity": 1000,
        "mark": 1000,
        "ruined": False,
        "both_fill": False,
    }
    assert said(orders) == [
        ("buy", "market", None, 1000 / 104, None),
        ("buy", "stop", 105, 1000 / 105, None),
        ("buy", "limit", 95, 1000 / 95, None),
        ("buy", "limit", 100, 10, None),
        ("buy", "stop", 111, 1000 / 111, None),
        ("sell_short", "limit", 110, 1000 / 110, None),
        ("sell_short", "limit", 108, 1000 / 108, None),
        ("sell_short", "stop", 94, 1000 / 94, None),
        ("sell_short", "stop", 80, 12.5, None),
    ]


EXITS = [
    after(2),
    limit(106),
    at_open(W),
    stop(96),
    trail(V),
    loss(V),
    target(4, percent=True),
]


@pytest.mark.rule("R6", "R7", "R8", "R9", "R10", "R11", "R12", "R13")
def test_in_a_position(engine: Engine) -> None:
    program = rules(
        long=[at_open("hand.go")],
        exit_long=EXITS,
        short=[stop(90), at_open(W)],
        reverse_to_short=1,
        both=1,
    )
    bars = [QUIET, QUIET, (100, 103, 98, 102)]
    columns = {"go": [1, 0, 0], "v": [5, 9, 6], "w": [0, 0, 1]}
    state, orders = engine.next_bar(program, bars, columns)
    assert (state["side"], state["since"], state["entry_price"]) == (1, 1, 100)
    assert (state["shares"], state["equity"], state["mark"]) == (10, 1000, 1020)
    assert state["both_fill"]
    assert said(orders) == [
        ("exit_long", "market", None, 10, None),  # Bar 3 is two after that of the entry.
        ("exit_long", "limit", 106, 10, None),
        ("exit_long", "market", None, 10, None),
        ("exit_long", "stop", 96, 10, None),
        ("exit_long", "stop", 97, 10, None),  # 103 - 6
        ("exit_long", "stop", 95, 10, None),  # 100 - 5
        ("exit_long", "limit", 104, 10, None),
        # After an exit at 90 there are 900; at the close of 102, 1,020.
        ("reverse_to_short", "stop", 90, 10, None),
        ("reverse_to_short", "market", None, 10, None),
    ]


@pytest.mark.rule("R9", "R12", "R17")
def test_in_a_short_position(engine: Engine) -> None:
    program = rules(short=[at_open("hand.go")], exit_short=[trail(6), after(3)], long=[limit(95)])
    bars = [QUIET, QUIET, (100, 103, 98, 102)]
    columns = {"go": [1, 0, 0]}
    state, orders = engine.next_bar(program, bars, columns)
    assert (state["side"], state["mark"]) == (-1, 980)
    # Before its bar an exit by `after` is not stated; nor an entry that reverses nothing.
    assert said(orders) == [("cover_short", "stop", 104, 10, None)]
    program = rules(short=[at_open("hand.go")], long=[limit(95)], reverse_to_long=1)
    _, orders = engine.next_bar(program, bars, columns)
    assert said(orders) == [("reverse_to_long", "limit", 95, 1050 / 95, None)]


NOT_KNOWN = "its condition is not known"
NO_HOLD = "its condition does not hold"
NO_LEVEL = "its level is no number"
NO_SIZE = "its size is not above 0 and at most 1"
NO_RISK = "it has no protective level that a risk could be sized by"


@pytest.mark.rule("R14", "Z1", "Z3")
def test_what_does_not_work_says_why(engine: Engine) -> None:
    def one(order: Any, v: float, w: float, **more: Any) -> Said:
        columns = {"v": [1, v], "w": [1, w]}
        exits = more.pop("exits", [])
        program = rules(long=[order], exit_long=exits, **more)
        (found,) = said(engine.next_bar(program, [QUIET, QUIET], columns, warmup=2)[1])
        return found

    assert one(at_open(W), 0, 0) == ("buy", "market", None, 10, NO_HOLD)
    assert one(at_open(W), 0, nan) == ("buy", "market", None, 10, NOT_KNOWN)
    assert one(stop(V, W), 125, 0) == ("buy", "stop", 125, 8, NO_HOLD)
    for order, kind in ((stop, "stop"), (pullback, "limit"), (breakout, "stop")):
        for value in (nan, inf, -inf):
            assert one(order(V, W), value, 1) == ("buy", kind, None, 0, NO_LEVEL)
    # The condition is said first.
    assert one(limit(V, W), nan, nan) == ("buy", "limit", None, 0, NOT_KNOWN)
    # No price falls to it.
    assert one(limit(V, W), -5, 1) == ("buy", "limit", -5, 0, None)
    assert one(limit(100), 0.5, 1, size=V) == ("buy", "limit", 100, 5, None)
    assert one(limit(100), 2, 1, size=V) == ("buy", "limit", 100, 0, NO_SIZE)
    # The condition is said before the size.
    assert one(limit(100, W), 2, 0, size=V) == ("buy", "limit", 100, 0, NO_HOLD)
    assert one(at_open(), nan, 1, size=V) == ("buy", "market", None, 0, NO_SIZE)
    assert one(limit(100), 0, 1, risk=0.01) == ("buy", "limit", 100, 0, NO_RISK)
    given: dict[str, Any] = {"exits": [loss(V)], "risk": 0.01}
    assert one(limit(100), 4, 1, **given) == ("buy", "limit", 100, 2.5, None)
    assert one(at_open(), -4, 1, **given) == ("buy", "market", None, 0, NO_RISK)


#: What is stated: level, shares, obstacle, and what fills lie beyond.
Stated = tuple[float | None, float, str | None, float | None]

#: By the open of the next bar, whose high is 113 and whose low is 94, the fill and the distance to
#: what protects it, None where nothing is filled.
Filled = dict[float, tuple[float, float] | None]

#: Of an entry and its exits.
AT_FILLS: list[tuple[Wanted, list[Wanted], Stated, Filled]] = [
    # At its level no stop protects it; at an open above the stop one does.
    (stop(105), [stop(110)], (105, 0, None, 110), {100: None, 108: None, 110: None, 112: (112, 2)}),
    (stop(105), [stop(105)], (105, 0, None, 105), {100: None, 105: None, 107: (107, 2)}),
    (breakout(5), [stop(110), stop(108)], (105, 0, None, 108), {108: None, 112: (112, 2)}),
    # What protects its level protects an open beyond it, which is farther away.
    (stop(105), [stop(101)], (105, 2.5, None, None), {100: (105, 4), 111: (111, 10)}),
    (stop(105), [stop(110), loss(2)], (105, 5, None, None), {100: (105, 2), 114: (114, 2)}),
    # A limit order works at its level, and not at an open beyond the stop.
    (
        limit(101),
        [stop(97)],
        (101, 2.5, None, 97),
        {105: (101, 4), 99: (99, 2), 97: None, 95: None},
    ),
    (pullback(0), [stop(103), stop(97)], (101, 2.5, None, 97), {105: (101, 4), 97: None}),
    (limit(101), [stop(101)], (101, 0, NO_RISK, None), {105: None, 101: None, 95: None}),
    (limit(101), [], (101, 0, NO_RISK, None), {105: None, 95: None}),
    # At the open, which lies on the one side of the stop or on the other.
    (at_open(), [stop(96)], (None, 2.5, None, 96), {98: (98, 2), 96: None, 95: None}),
    (at_open(), [stop(104)], (None, 0, None, 104), {103: None, 104: None, 106: (106, 2)}),
    (at_open(), [stop(104), trail(5)], (None, 2, None, None), {103: (103, 5), 106: (106, 2)}),
    (at_open(), [stop(104, 0)], (None, 0, NO_RISK, None), {106: None}),
]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.rule("Z3", "Z5")
def test_what_works_with_some_fills_says_with_which(engine: Engine, sign: int) -> None:
    """As the next bar then does. A short mirrors a long about 100."""
    side = "long" if sign > 0 else "short"

    def price(of: Any) -> Any:
        return of if of is None or sign > 0 else 200 - of

    def mirrored(wanted: Wanted, condition: Any = None) -> Wanted:
        kind, value, when, percent = wanted
        own = price(value) if kind in {"stop", "limit"} else value
        return (kind, own, when if condition is None else condition, percent)

    columns = {"w": [1, 1, 0, 0]}
    for entry, exits, (level, shares, obstacle, beyond), opens in AT_FILLS:
        leaving = [*map(mirrored, exits), after(1)]
        program = rules(
            **{side: [mirrored(entry, W)], f"exit_{side}": leaving},  # type: ignore[arg-type]  # lists of orders
            risk=0.01,
        )
        (order,) = engine.next_bar(program, [QUIET] * 2, {"w": [1, 1]}, warmup=2)[1]
        ((_, _, *found),) = said([order], fills=True)
        assert found == [price(level), shares, obstacle]
        assert order["fills_beyond"] == price(beyond)
        for at, filled in opens.items():
            first, *ends = (price(each) for each in (at, max(at, 113), 94))
            bars = [QUIET, QUIET, (first, max(ends), min(ends), first), QUIET]
            trades = engine.run(program, bars, columns, warmup=2).trades
            if filled is None:
                assert trades == []
                continue
            fill, distance = filled
            pnl = 10 / distance * (100 - fill)
            assert trades == [(sign, 2, price(fill), 3, 100, pytest.approx(pnl))]


@pytest.mark.rule("Z5", "R2", "R3")
def test_prices_are_above_0(engine: Engine) -> None:
    def one(exits: list[Wanted], risk: float = 0.01, **entries: Any) -> Said:
        program = rules(**entries, exit_long=exits, exit_short=exits, risk=risk)
        (found,) = said(engine.next_bar(program, [QUIET] * 2, warmup=2)[1])
        return found

    # All lie above a stop of -3, none below it.
    assert one([stop(-3)], long=[at_open()]) == ("buy", "market", None, 10 / 103, None)
    assert one([stop(-3)], short=[at_open()]) == ("sell_short", "market", None, 0, NO_RISK)
    # What rises has reached such a level at the open, what falls does not reach it.
    for entry, exits, wanted in (
        ({"long": [stop(-5)]}, [loss(4)], ("buy", "stop", -5, 2.5, None)),
        ({"long": [stop(-5)]}, [stop(-7)], ("buy", "stop", -5, 10 / 107, None)),
        ({"short": [limit(-5)]}, [loss(4)], ("sell_short", "limit", -5, 2.5, None)),
        ({"short": [stop(-5)]}, [loss(4)], ("sell_short", "stop", -5, 0, None)),
    ):
        assert one(exits, **entry) == wanted
        assert WorkingOrder(*wanted).can_touch == (wanted[3] > 0)


@pytest.mark.rule("R14")
def test_exits_that_do_not_work_say_why(engine: Engine) -> None:
    program = rules(
        long=[at_open("hand.go")],
        exit_long=[trail(V), loss(V), at_open(W), stop(90, W), limit(("mul", V, 100))],
    )
    columns = {"go": [1, 0, 0], "v": [nan, 5, inf], "w": [0, 0, 0]}
    _, orders = engine.next_bar(program, [QUIET] * 3, columns)
    assert said(orders) == [
        ("exit_long", "stop", None, 10, NO_LEVEL),
        ("exit_long", "stop", None, 10, NO_LEVEL),
        ("exit_long", "market", None, 10, NO_HOLD),
        ("exit_long", "stop", 90, 10, NO_HOLD),
        ("exit_long", "limit", None, 10, NO_LEVEL),
    ]


@pytest.mark.rule("R17", "B3")
def test_after_ruin_there_is_none(engine: Engine) -> None:
    program = rules(short=[at_open(W)], long=[limit(90)], exit_short=[after(1)])
    bars = [QUIET, QUIET, (210, 211, 209, 210), QUIET]
    state, orders = engine.next_bar(program, bars, {"w": [1, 1, 1, 1]})
    assert (state["ruined"], state["equity"], orders) == (True, -100, [])
