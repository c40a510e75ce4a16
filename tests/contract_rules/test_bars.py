"""The order of events in a bar, and the bar of the entry: B1 to B8."""

from __future__ import annotations

from typing import Any

import pytest

from contract_rules.programs import (
    NAN,
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
from contract_rules.scenarios import QUIET, Bar, Engine, nan
from wfo.errors import InputError

V, W = "hand.v", "hand.w"


@pytest.mark.rule("B1")
def test_an_entry_works_from_the_bar_after_an_exit(engine: Engine) -> None:
    program = rules(long=[at_open(), limit(99)], exit_long=[stop(98)])
    bars = [QUIET, QUIET, (100, 101, 97, 100), (102, 103, 101, 102), (100, 101, 97, 98), QUIET]
    found = engine.run(program, bars)
    assert [trade[1:5] for trade in found.trades] == [(1, 100, 2, 98), (3, 102, 4, 98)]
    # Flat in bar 2 at 98: 10 shares have lost 2 each.
    assert found.equity[2] == pytest.approx(980)


@pytest.mark.rule("B1", "B4")
def test_an_exit_works_from_the_bar_after_the_entry(engine: Engine) -> None:
    program = rules(long=[at_open(W), stop(101, W)], exit_long=[stop(98), limit(105)])
    bars = [QUIET, (100, 120, 80, 100), (100, 104, 98, 99), QUIET, QUIET]
    found = engine.run(program, bars, {"w": [1, 0, 0, 0, 0]})
    assert [trade[1:5] for trade in found.trades] == [(1, 100, 2, 98)]


#: Exits of a long from 100 in bar 1, the bar 2 that touches them, and the fill of the first.
FIRST: list[tuple[list[Wanted], Bar, float]] = [
    # What the open has reached comes before what lies on the way.
    ([limit(104), stop(98)], (105, 106, 97, 100), 105),
    ([limit(104), stop(98)], (98, 106, 97, 100), 98),
    # The nearer extreme first; equally near, the low.
    ([limit(104), stop(98)], (102, 104, 98, 100), 104),
    ([limit(104), stop(98)], (101.1, 104, 98, 100), 104),
    ([limit(104), stop(98)], (101, 104, 98, 100), 98),
    ([limit(104), stop(98)], (100, 104, 98, 100), 98),
    # On one side the nearer level.
    ([stop(97), stop(98), loss(4)], (100, 101, 90, 91), 98),
    ([loss(2), trail(4)], (100, 101, 90, 91), 98),
    ([trail(2), loss(4)], (100, 101, 90, 91), 99),
    ([limit(105), target(4)], (100, 110, 99, 100), 104),
    ([limit(103), target(4)], (100, 110, 99, 100), 103),
    # At the open.
    ([stop(98), at_open()], (97, 110, 90, 91), 97),
    ([stop(98), after(1)], (99, 110, 90, 91), 99),
]


@pytest.mark.parametrize(("exits", "bar", "fill"), FIRST)
@pytest.mark.rule("B2")
def test_the_first_touch_counts(engine: Engine, exits: list[Wanted], bar: Bar, fill: float) -> None:
    for order in (exits, exits[::-1]):
        program = rules(long=[at_open(W)], exit_long=order)
        found = engine.run(program, [QUIET, QUIET, bar, QUIET, QUIET], {"w": [1, 0, 0, 0, 0]})
        assert [trade[3:5] for trade in found.trades] == [(2, fill)]


#: Exits of a long and entries that would reverse it, a bar, and whether it is left.
EQUAL: list[tuple[Wanted, Wanted, Bar, bool]] = [
    # The open has reached both: whatever leaves comes first.
    (stop(98), stop(99), (97, 98, 96, 97), True),
    (limit(103), limit(102), (105, 106, 104, 105), True),
    (stop(98), at_open(), (97, 98, 96, 97), True),
    (at_open(), at_open(), QUIET, True),
    (after(1), at_open(), QUIET, True),
    (after(1), limit(102), (105, 106, 104, 105), True),
    # The same level.
    (stop(98), stop(98), (100, 101, 97, 98), True),
    (trail(2.5), stop(98), (100, 101, 97, 98), True),
    (loss(2), stop(98), (100, 101, 97, 98), True),
    (limit(103), limit(103), (100, 104, 99, 100), True),
    (target(3), limit(103), (100, 104, 99, 100), True),
    # An entry at the open comes before what is touched later.
    (stop(98), at_open(), (100, 101, 97, 98), False),
    # The nearer of two levels.
    (stop(98), stop(99), (100, 101, 97, 98), False),
    (stop(99), stop(98), (100, 101, 97, 98), True),
    (target(3), limit(102), (100, 110, 99, 109), False),
]


@pytest.mark.parametrize(("leaving", "entry", "bar", "left"), EQUAL)
@pytest.mark.rule("B2", "R17")
def test_of_what_is_equal_exits_come_before_entries(
    engine: Engine, leaving: Wanted, entry: Wanted, bar: Bar, left: bool
) -> None:
    program = rules(long=[at_open(W)], short=[entry], exit_long=[leaving], reverse_to_short=1)
    # In bar 1 the entry to the other side would be first, were it there.
    found = engine.run(
        program,
        [QUIET, (100, 100.5, 99.5, 100), bar, bar, QUIET],
        {"w": [1, 0, 0, 0, 0]},
        warmup=1,
        swept=False,
    )
    assert [trade[3] for trade in found.trades][:1] == [2]
    assert bool(found.reversals and found.reversals[0][0] == 2) != left


#: Entries of both sides, a bar, the side of the first and the fills of both.
BOTH: list[tuple[Wanted, Wanted, Bar, int, float, float]] = [
    (limit(98), limit(102), (100.5, 102, 98, 100), -1, 102, 98),
    (limit(98), limit(102), (99.5, 102, 98, 100), 1, 98, 102),
    (limit(98), limit(102), (100, 102, 98, 100), 1, 98, 102),
    (stop(102), stop(98), (100, 102, 98, 100), -1, 98, 102),
    (stop(102), stop(98), (101, 102, 98, 100), 1, 102, 98),
    # Equal: buys before sales.
    (at_open(), at_open(), (100, 105, 95, 101), 1, 100, 100),
    (stop(99), limit(97), (100, 105, 95, 101), 1, 100, 100),
    (stop(102), limit(102), (100, 105, 99, 101), 1, 102, 102),
    (stop(102), at_open(), (100, 105, 99, 101), -1, 100, 102),
]


@pytest.mark.parametrize(("buy", "sale", "bar", "side", "first", "second"), BOTH)
@pytest.mark.parametrize("both", [None, 0, NAN])
@pytest.mark.rule("B3", "B2")
def test_the_first_of_two_entries_counts(
    engine: Engine,
    buy: Wanted,
    sale: Wanted,
    bar: Bar,
    side: int,
    first: float,
    second: float,
    both: Expression | None,
) -> None:
    more: dict[str, Any] = {} if both is None else {"both": both}
    program = rules(long=[buy], short=[sale], **more)
    found = engine.run(program, [QUIET, bar, QUIET], capital=10 * first)
    assert found.trades == []
    assert found.equity[1] == pytest.approx(10 * first + side * 10 * (bar[3] - first))
    assert second > 0


@pytest.mark.parametrize(("buy", "sale", "bar", "side", "first", "second"), BOTH)
@pytest.mark.parametrize("both", [1, -0.5])
@pytest.mark.rule("B3", "B7")
def test_the_second_of_two_entries_closes_the_first(
    engine: Engine,
    buy: Wanted,
    sale: Wanted,
    bar: Bar,
    side: int,
    first: float,
    second: float,
    both: float,
) -> None:
    program = rules(long=[buy], short=[sale], both="p")
    found = engine.run(program, [QUIET, bar, QUIET], values=(both,), capital=10 * first)
    pnl = side * 10 * (second - first)
    assert found.trades[:1] == [(side, 1, first, 1, second, pytest.approx(pnl))]
    assert found.equity[1] == pytest.approx(10 * first + pnl)


@pytest.mark.rule("B3", "B8")
def test_after_both_the_state_is_flat_since_that_bar(engine: Engine) -> None:
    program = rules(long=[limit(98, W), pullback(5)], short=[limit(102, W)], both=1)
    # The high of bar 1 is 103, that of bar 0 was 120: 98 in bar 2, and not 115.
    bars = [(100, 120, 99, 100), (100, 103, 97, 100), (100, 101, 97, 98), QUIET]
    found = engine.run(program, bars, {"w": [1, 0, 0, 0]}, swept=False)
    assert [trade[:5] for trade in found.trades[:1]] == [(1, 1, 100, 1, 102)]
    assert found.equity[2] == pytest.approx(found.equity[1])


@pytest.mark.rule("B3")
def test_of_several_entries_of_a_side_the_first_one_opens_or_closes(engine: Engine) -> None:
    program = rules(long=[limit(96), limit(98)], short=[limit(104), limit(102)], both=1)
    found = engine.run(program, [QUIET, (100, 110, 90, 100), QUIET])
    # The low is as near as the high: first the buy at 98, above that at 96; then the nearer sale.
    assert [trade[:5] for trade in found.trades] == [(1, 1, 98, 1, 102)]


#: The bar of the entry and the next one, with what `same_bar` makes of them: the bar and the fill
#: of the exit of a long.
Expected = tuple[int, float]
SAME_BAR: list[tuple[Wanted, list[Wanted], Bar, Expected, Expected, Expected]] = [
    # next, open, worst. The bar after is (100, 101, 96, 97).
    # At the open of 100: all of the bar comes after the fill.
    (at_open(W), [stop(98)], (100, 101, 98, 100), (2, 98), (1, 98), (1, 98)),
    (at_open(W), [stop(98)], (100, 101, 98.1, 100), (2, 98), (2, 98), (2, 98)),
    (at_open(W), [limit(103)], (100, 103, 99, 100), (0, 0), (1, 103), (1, 103)),
    (at_open(W), [loss(2)], (100, 101, 98, 100), (2, 98), (1, 98), (1, 98)),
    (at_open(W), [target(3)], (100, 103, 99, 100), (0, 0), (1, 103), (1, 103)),
    (at_open(W), [loss(2, percent=True)], (100, 101, 98, 100), (2, 98), (1, 98), (1, 98)),
    # A trail hangs from the fill; a bar later from the high of 105.
    (at_open(W), [trail(2)], (100, 105, 98, 100), (2, 100), (1, 98), (1, 98)),
    (at_open(W), [trail(2)], (100, 105, 98.5, 100), (2, 100), (2, 100), (2, 100)),
    # What leaves at the open does not work there.
    (at_open(W), [at_open(), after(1)], (100, 105, 98, 100), (2, 100), (2, 100), (2, 100)),
    # A level that the open has reached is a fill at the open.
    (stop(100, W), [stop(98)], (100, 101, 98, 100), (2, 98), (1, 98), (1, 98)),
    (stop(99, W), [target(3)], (100, 103, 99, 100), (0, 0), (1, 103), (1, 103)),
    (limit(100, W), [loss(2)], (100, 101, 98, 100), (2, 98), (1, 98), (1, 98)),
    # A stop above the fill has been reached by the open.
    (at_open(W), [stop(100.5)], (100, 105, 99, 104), (2, 100), (1, 100), (1, 100)),
    # Both touched: the path, but for the worst case.
    (at_open(W), [target(3), stop(96)], (100, 103, 96, 100), (2, 96), (1, 103), (1, 96)),
    (at_open(W), [stop(96), target(3)], (100, 103, 96, 100), (2, 96), (1, 103), (1, 96)),
    (at_open(W), [limit(99), stop(96)], (100, 103, 96, 100), (2, 100), (1, 100), (1, 96)),
    # Within the bar, at 101: the bar does not tell what came after.
    (stop(101, W), [stop(98)], (100, 102, 98, 100), (2, 98), (2, 98), (1, 98)),
    (stop(101, W), [stop(98)], (100, 102, 98.1, 100), (2, 98), (2, 98), (2, 98)),
    (stop(101, W), [loss(3)], (100, 102, 98, 100), (2, 98), (2, 98), (1, 98)),
    (stop(101, W), [trail(3)], (100, 102, 98, 100), (2, 99), (2, 99), (1, 98)),
    (stop(101, W), [target(1)], (100, 105, 98, 100), (0, 0), (0, 0), (0, 0)),
    (stop(101, W), [limit(101.5)], (100, 105, 98, 100), (0, 0), (0, 0), (0, 0)),
    # Of several the highest level.
    (stop(101, W), [stop(98), loss(2), stop(97)], (100, 102, 90, 95), (2, 99), (2, 99), (1, 99)),
    # A level above the fill is left at the fill.
    (limit(99, W), [stop(99.5)], (100, 102, 98, 100), (2, 99.5), (2, 99.5), (1, 99)),
    (limit(99, W), [stop(98), target(1)], (100, 102, 98, 100), (2, 100), (2, 100), (1, 98)),
    (stop(101, W), [stop(100.5)], (100, 102, 99.9, 101), (2, 100), (2, 100), (1, 100.5)),
]


@pytest.mark.parametrize(("entry", "exits", "bar", "next_", "open_", "worst"), SAME_BAR)
@pytest.mark.rule("B4", "B5", "B6", "B7")
def test_exits_in_the_bar_of_the_entry(
    engine: Engine,
    entry: Wanted,
    exits: list[Wanted],
    bar: Bar,
    next_: Expected,
    open_: Expected,
    worst: Expected,
) -> None:
    bars = [QUIET, bar, (100, 101, 96, 97), (97, 98, 97, 98), QUIET]
    columns = {"w": [1, 0, 0, 0, 0]}
    wanted = {"next": next_, "open": open_, "worst": worst}
    found = {}
    for same_bar in wanted:
        program = rules(long=[entry], exit_long=exits, same_bar=same_bar)
        trades = engine.run(program, bars, columns).trades
        assert [trade[1] for trade in trades] in ([1], [])
        found[same_bar] = trades[0][3:5] if trades and trades[0][3] < 3 else (0, 0)
    assert found == wanted


def mirrored(order: Wanted) -> Wanted:
    kind, value, when, percent = order
    if kind in ("stop", "limit"):
        assert isinstance(value, int | float)
        value = 200 - value
    return kind, value, when, percent


@pytest.mark.parametrize(("entry", "exits", "bar", "next_", "open_", "worst"), SAME_BAR)
@pytest.mark.rule("B5", "B6", "B7")
def test_a_short_mirrors_it(
    engine: Engine,
    entry: Wanted,
    exits: list[Wanted],
    bar: Bar,
    next_: Expected,
    open_: Expected,
    worst: Expected,
) -> None:
    """The same table upside down, about 100; what is equally near differs, and is not there."""

    def turned(prices: Bar) -> Bar:
        open_, high, low, close = prices
        return (200 - open_, 200 - low, 200 - high, 200 - close)

    bars = [turned(b) for b in (QUIET, bar, (100, 101, 96, 97), (97, 98, 97, 98), QUIET)]
    columns = {"w": [1, 0, 0, 0, 0]}
    for same_bar, (left, fill) in (("next", next_), ("open", open_), ("worst", worst)):
        program = rules(
            short=[mirrored(entry)], exit_short=[mirrored(e) for e in exits], same_bar=same_bar
        )
        trades = engine.run(program, bars, columns, swept=False).trades
        found = trades[0][3:5] if trades and trades[0][3] < 3 else (0, 0)
        assert found == ((left, 200 - fill) if left else (0, 0)), same_bar


@pytest.mark.parametrize("same_bar", ["open", "worst"])
@pytest.mark.rule("B5", "B6")
def test_values_are_those_of_the_bar_before_the_entry(engine: Engine, same_bar: str) -> None:
    columns = {"v": [98, 99, 99, 99], "w": [1, 0, 0, 0], "on": [0, 1, 1, 1]}
    bars = [QUIET, (100, 101, 95, 100), (100, 101, 99.5, 100), QUIET]
    program = rules(long=[at_open(W)], exit_long=[stop(V)], same_bar=same_bar)
    assert engine.run(program, bars, columns).trades[0][3:5] == (1, 98)
    program = rules(long=[at_open(W)], exit_long=[stop(V, "hand.on")], same_bar=same_bar)
    assert engine.run(program, bars, columns).trades[0][3] == 3
    for distance in (trail(V), loss(V), target(V)):
        unknown = columns | {"v": [nan, 1, 1, 1]}
        program = rules(long=[at_open(W)], exit_long=[distance], same_bar=same_bar)
        assert all(trade[3] > 1 for trade in engine.run(program, bars, unknown).trades)


@pytest.mark.parametrize("same_bar", ["open", "worst"])
@pytest.mark.rule("B5", "B6", "B7", "R17")
def test_a_reversal_at_the_open_is_exposed_at_once(engine: Engine, same_bar: str) -> None:
    program = rules(
        long=[at_open(W)],
        short=[at_open("hand.s")],
        exit_short=[loss(2)],
        reverse_to_short=1,
        same_bar=same_bar,
    )
    columns = {"w": [1, 0, 0, 0, 0], "s": [0, 1, 0, 0, 0]}
    bars = [QUIET, QUIET, (110, 113, 109, 110), QUIET, QUIET]
    found = engine.run(program, bars, columns)
    # 10 shares from 100 to 110, then 10 short from 110 to 112.
    assert found.trades == [
        (1, 1, 100, 2, 110, pytest.approx(100)),
        (-1, 2, 110, 2, 112, pytest.approx(-20)),
    ]
    assert found.reversals == [(2, pytest.approx(1100))]
    assert found.equity[2:] == [pytest.approx(1080)] * 3


@pytest.mark.rule("B7", "B1")
def test_after_a_round_trip_the_state_is_flat_since_that_bar(engine: Engine) -> None:
    program = rules(long=[at_open(W), pullback(4)], exit_long=[stop(98)], same_bar="open")
    # Left at 98 in bar 1, whose high is 101; 101 - 4 = 97 in bar 2. Bar 0 had a high of 110.
    bars = [(100, 110, 99, 100), (100, 101, 98, 99), (99, 100, 97, 98), QUIET, QUIET]
    found = engine.run(program, bars, {"w": [1, 0, 0, 0, 0]}, swept=False)
    assert [trade[1:5] for trade in found.trades[:1]] == [(1, 100, 1, 98)]
    # Bought again at 97 with 980.
    assert found.equity[1] == pytest.approx(980)
    assert found.equity[2] == pytest.approx(980 / 97 * 98)


@pytest.mark.parametrize("same_bar", ["open", "worst"])
@pytest.mark.rule("B7")
def test_both_goes_with_next_alone(engine: Engine, same_bar: str) -> None:
    with pytest.raises(InputError, match="both goes with same_bar = 'next' alone"):
        rules(long=[at_open()], both=1, same_bar=same_bar)
    # Without it the other values do.
    program = rules(long=[at_open(W)], exit_long=[stop(98)], same_bar=same_bar)
    assert engine.run(program, [QUIET] * 4, {"w": [1, 0, 0, 0]}).trades == []


@pytest.mark.parametrize("same_bar", ["next", "open", "worst"])
@pytest.mark.rule("B8")
def test_the_extremes_start_with_the_whole_bar_of_the_event(engine: Engine, same_bar: str) -> None:
    # The high of 120 came before the fill at 98, or after it: 120 - 15 in bar 2.
    program = rules(long=[limit(98, W)], exit_long=[trail(15)], same_bar=same_bar)
    bars = [QUIET, (100, 120, 98, 110), (110, 111, 104, 105), QUIET, QUIET]
    found = engine.run(program, bars, {"w": [1, 0, 0, 0, 0]})
    assert [trade[3:5] for trade in found.trades] == [(2, 105)]
    # Those of a reversal likewise: 105 + 3 in bar 3, where 98 was lower.
    program = rules(
        long=[at_open(W)],
        short=[breakout(5, "hand.s")],
        exit_short=[trail(3)],
        reverse_to_short=1,
        same_bar=same_bar,
    )
    bars = [QUIET, (100, 111, 98, 110), (110, 112, 105, 106), (106, 108, 106, 107), QUIET]
    columns = {"w": [1, 0, 0, 0, 0], "s": [0, 1, 0, 0, 0]}
    found = engine.run(program, bars, columns, swept=False)
    if same_bar != "worst":  # There it has left at 105 + 3 already.
        assert [trade[1:5] for trade in found.trades] == [(1, 100, 2, 105), (2, 105, 3, 108)]
