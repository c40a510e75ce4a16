"""Orders: levels, touches and fills of each kind of entry and exit, R1 to R13."""

from __future__ import annotations

from collections.abc import Callable
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
from contract_rules.scenarios import QUIET, Bar, Engine, nan

V, W = "hand.v", "hand.w"
LONG, SHORT = 1, -1


def enters(
    engine: Engine, order: Wanted, bar: Bar, side: int, value: float, when: float = 1
) -> float | None:
    """Return the fill of an entry in bar 1, None without one.

    Value and condition are those of bar 0; later ones are unknown. It leaves at the next open.
    """
    entries = {"long" if side > 0 else "short": [order]}
    exits = {"exit_long" if side > 0 else "exit_short": [after(1)]}
    columns = {"v": [value, nan, nan, nan], "w": [when, nan, nan, nan]}
    found = engine.run(rules(**entries, **exits), [QUIET, bar, QUIET, QUIET], columns)  # type: ignore[arg-type]  # lists of orders
    for trade in found.trades:
        assert (trade[0], trade[1], *trade[3:5]) == (side, 1, 2, 100)
    return found.trades[0][2] if found.trades else None


#: An order by its level or distance, the value of that, a bar, and its fill.
Case = tuple[Callable[..., Any], int, float, Bar, float | None]

ENTRIES: list[Case] = [
    # The high reaches the level, does not, and the open has passed it or lies on it.
    (stop, LONG, 102, (100, 102, 99, 100), 102),
    (stop, LONG, 102, (100, 101.9, 99, 100), None),
    (stop, LONG, 102, (103, 104, 101, 103), 103),
    (stop, LONG, 102, (102, 104, 101, 103), 102),
    (stop, SHORT, 98, (100, 101, 98, 100), 98),
    (stop, SHORT, 98, (100, 101, 98.1, 100), None),
    (stop, SHORT, 98, (97, 99, 96, 97), 97),
    (limit, LONG, 98, (100, 101, 98, 100), 98),
    (limit, LONG, 98, (100, 101, 98.1, 100), None),
    (limit, LONG, 98, (97, 99, 96, 97), 97),
    (limit, SHORT, 102, (100, 102, 99, 100), 102),
    (limit, SHORT, 102, (100, 101.9, 99, 100), None),
    (limit, SHORT, 102, (103, 104, 101, 103), 103),
    # Below the high of bar 0, 101; above its low, 99.
    (pullback, LONG, 3, (100, 105, 98, 100), 98),
    (pullback, LONG, 3, (100, 105, 98.1, 100), None),
    (pullback, LONG, 3, (97, 99, 96, 97), 97),
    (pullback, SHORT, 3, (100, 102, 90, 100), 102),
    (pullback, SHORT, 3, (100, 101.9, 90, 100), None),
    (pullback, SHORT, 3, (103, 104, 101, 103), 103),
    # Above the close of bar 0, 100; below it.
    (breakout, LONG, 3, (100, 103, 90, 100), 103),
    (breakout, LONG, 3, (100, 102.9, 90, 100), None),
    (breakout, LONG, 3, (104, 105, 101, 103), 104),
    (breakout, SHORT, 3, (100, 110, 97, 100), 97),
    (breakout, SHORT, 3, (100, 110, 97.1, 100), None),
    (breakout, SHORT, 3, (96, 99, 95, 97), 96),
    # No price falls to a level below 0.
    (limit, LONG, -5, (100, 101, 1e-9, 100), None),
]


@pytest.mark.parametrize(("order", "side", "value", "bar", "fill"), ENTRIES)
@pytest.mark.rule("R2", "R3", "R4", "R5")
def test_entries_at_a_level(
    engine: Engine,
    order: Callable[..., Any],
    side: int,
    value: float,
    bar: Bar,
    fill: float | None,
) -> None:
    assert enters(engine, order(V), bar, side, value) == fill


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.rule("R1")
def test_entry_at_the_open(engine: Engine, side: int) -> None:
    bar = (104, 110, 90, 95)
    assert enters(engine, at_open(), bar, side, nan) == 104
    assert enters(engine, at_open(W), bar, side, nan, when=1) == 104
    assert enters(engine, at_open(W), bar, side, nan, when=0) is None


@pytest.mark.rule("R4")
def test_a_pullback_hangs_from_the_extreme_of_the_state(engine: Engine) -> None:
    bars = [QUIET, (100, 105, 99, 104), (104, 120, 102, 103), QUIET, QUIET]
    program = rules(long=[pullback(3)], exit_long=[after(1)])
    # 101 - 3 in bar 1; 105 - 3 in bar 2, whose own high does not count.
    assert engine.run(program, bars).trades == [(1, 2, 102, 3, 100, pytest.approx(-2 * 1000 / 102))]
    bars = [QUIET, (100, 101, 95, 96), (96, 98, 80, 97), QUIET, QUIET]
    program = rules(short=[pullback(3)], exit_short=[after(1)])
    assert engine.run(program, bars).trades == [(-1, 2, 98, 3, 100, pytest.approx(-2 * 1000 / 98))]


@pytest.mark.rule("R4")
def test_after_an_exit_the_extreme_starts_with_its_bar(engine: Engine) -> None:
    # Bought at the open of bar 2, left at that of bar 3, whose high is 103; bar 2 had 120.
    bars = [
        QUIET,
        QUIET,
        (100, 120, 99, 100),
        (100, 103, 99, 100),
        (100, 101, 98, 99),
        QUIET,
        QUIET,
    ]
    program = rules(long=[at_open(W), pullback(5, ("shift", W, 1))], exit_long=[after(1)])
    found = engine.run(program, bars, {"w": [0, 1, 1, 0, 0, 0, 0]}, warmup=2)
    assert [trade[1:3] for trade in found.trades] == [(2, 100), (4, 98)]


def leaves(
    engine: Engine, order: Wanted, bar: Bar, side: int, before: float, now: float
) -> tuple[int, float] | None:
    """Return bar and fill of an exit, None without one, of a position entered at 100 in bar 1.

    The entry is at the open, `before` is the value at bar 0, `now` that at bar 1; others are
    unknown. The bar of the entry is quiet, `bar` is the next one.
    """
    entries = {"long" if side > 0 else "short": [at_open(W)]}
    exits = {"exit_long" if side > 0 else "exit_short": [order]}
    columns = {"v": [before, now, nan, nan, nan], "w": [1, 0, 0, 0, 0]}
    bars = [QUIET, QUIET, bar, QUIET, QUIET]
    found = engine.run(rules(**entries, **exits), bars, columns)  # type: ignore[arg-type]  # lists of orders
    for side_of, entry_bar, entry, _, fill, pnl in found.trades:
        assert (side_of, entry_bar, entry) == (side, 1, 100)
        assert pnl == pytest.approx(10 * side * (fill - 100))
    return found.trades[0][3:5] if found.trades else None


def in_percent(value: Any) -> Wanted:
    return target(value, percent=True)


EXITS: list[Case] = [
    (stop, LONG, 98, (100, 101, 98, 100), 98),
    (stop, LONG, 98, (100, 101, 98.1, 100), None),
    (stop, LONG, 98, (97, 99, 96, 97), 97),
    (stop, SHORT, 102, (100, 102, 99, 100), 102),
    (stop, SHORT, 102, (100, 101.9, 99, 100), None),
    (stop, SHORT, 102, (103, 104, 101, 103), 103),
    (limit, LONG, 102, (100, 102, 99, 100), 102),
    (limit, LONG, 102, (100, 101.9, 99, 100), None),
    (limit, LONG, 102, (103, 104, 101, 103), 103),
    (limit, SHORT, 98, (100, 101, 98, 100), 98),
    (limit, SHORT, 98, (100, 101, 98.1, 100), None),
    (limit, SHORT, 98, (97, 99, 96, 97), 97),
    # From the high of bar 1, 101, and from its low, 99.
    (trail, LONG, 3, (100, 109, 98, 100), 98),
    (trail, LONG, 3, (100, 109, 98.1, 100), None),
    (trail, LONG, 3, (97, 99, 96, 97), 97),
    (trail, SHORT, 3, (100, 102, 91, 100), 102),
    (trail, SHORT, 3, (100, 101.9, 91, 100), None),
    (trail, SHORT, 3, (103, 104, 101, 103), 103),
]
#: Their distance is that of the bar before the entry.
FROM_THE_FILL: list[Case] = [
    (loss, LONG, 3, (100, 101, 97, 100), 97),
    (loss, LONG, 3, (100, 101, 97.1, 100), None),
    (loss, LONG, 3, (96, 99, 95, 97), 96),
    (loss, SHORT, 3, (100, 103, 99, 100), 103),
    (loss, SHORT, 3, (100, 102.9, 99, 100), None),
    (loss, SHORT, 3, (104, 105, 101, 103), 104),
    (target, LONG, 3, (100, 103, 99, 100), 103),
    (target, LONG, 3, (100, 102.9, 99, 100), None),
    (target, LONG, 3, (104, 105, 101, 103), 104),
    (target, SHORT, 3, (100, 101, 97, 100), 97),
    (target, SHORT, 3, (100, 101, 97.1, 100), None),
    (target, SHORT, 3, (96, 99, 95, 97), 96),
    # A distance below 0 lies on the other side.
    (loss, LONG, -3, (100, 102, 99, 100), 100),
]


@pytest.mark.parametrize(("order", "side", "value", "bar", "fill"), EXITS)
@pytest.mark.rule("R7", "R8", "R9")
def test_exits_at_a_level(
    engine: Engine,
    order: Callable[..., Any],
    side: int,
    value: float,
    bar: Bar,
    fill: float | None,
) -> None:
    wanted = None if fill is None else (2, fill)
    assert leaves(engine, order(V), bar, side, nan, value) == wanted


@pytest.mark.parametrize(("order", "side", "value", "bar", "fill"), FROM_THE_FILL)
@pytest.mark.rule("R10", "R11")
def test_exits_from_the_fill(
    engine: Engine,
    order: Callable[..., Any],
    side: int,
    value: float,
    bar: Bar,
    fill: float | None,
) -> None:
    wanted = None if fill is None else (2, fill)
    assert leaves(engine, order(V), bar, side, value, nan) == wanted
    assert leaves(engine, order(V), bar, side, value, 0.001) == wanted


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.rule("R6")
def test_exit_at_the_open(engine: Engine, side: int) -> None:
    bar = (104, 110, 90, 95)
    assert leaves(engine, at_open(V), bar, side, 1, 1) == (2, 104)
    assert leaves(engine, at_open(V), bar, side, 0, 1) == (2, 104)
    # Neither that of the bar before the entry, nor one of the bar itself.
    assert leaves(engine, at_open(V), bar, side, 1, 0) is None
    assert leaves(engine, at_open(), bar, side, nan, nan) == (2, 104)


@pytest.mark.rule("R7", "R8")
def test_exits_with_a_condition(engine: Engine) -> None:
    bar = (100, 110, 90, 95)
    for order, level in ((stop, 98), (limit, 103)):
        assert leaves(engine, order(level, V), bar, LONG, 0, 1) == (2, level)
        assert leaves(engine, order(level, V), bar, LONG, 1, 0) is None


@pytest.mark.rule("R9")
def test_a_trail_follows_the_extreme_and_falls_back_with_its_distance(engine: Engine) -> None:
    # Entered in bar 1, whose high is 110: 110 - 15, 120 - 15, and 120 - 30.
    bars = [
        QUIET,
        (100, 110, 99, 109),
        (109, 120, 95.5, 119),
        (119, 119, 91, 92),
        (92, 92, 90, 91),
        QUIET,
        QUIET,
    ]
    columns = {"v": [1, 15, 29, 30, 0, 0, 0], "w": [1, 0, 0, 0, 0, 0, 0]}
    program = rules(long=[at_open(W)], exit_long=[trail(V)])
    found = engine.run(program, bars, columns)
    # 120 - 29 = 91 is reached in bar 3.
    assert found.trades == [(1, 1, 100, 3, 91, pytest.approx(-90))]
    columns["v"][2] = 30
    assert engine.run(program, bars, columns).trades[0][3:5] == (4, 90)
    short = [QUIET, (100, 101, 90, 91), (91, 104.5, 80, 81), (81, 109, 81, 108), QUIET, QUIET]
    columns = {"v": [1, 15, 29, 0, 0, 0], "w": [1, 0, 0, 0, 0, 0]}
    program = rules(short=[at_open(W)], exit_short=[trail(V)])
    assert engine.run(program, short, columns).trades[0][3:5] == (3, 109)


@pytest.mark.parametrize("side", [LONG, SHORT])
@pytest.mark.parametrize(("bars", "left"), [(1, 2), (2, 3), (3, 4)])
@pytest.mark.rule("R12")
def test_after_some_bars(engine: Engine, side: int, bars: int, left: int) -> None:
    entries = {"long" if side > 0 else "short": [at_open(W)]}
    exits = {"exit_long" if side > 0 else "exit_short": [after(bars)]}
    table = [QUIET, QUIET, *((100 + i, 110, 90, 95) for i in range(2, 6))]
    columns = {"w": [1, 0, 0, 0, 0, 0]}
    found = engine.run(rules(**entries, **exits), table, columns)  # type: ignore[arg-type]  # lists of orders
    assert [trade[1:5] for trade in found.trades] == [(1, 100, left, 100 + left)]


@pytest.mark.rule("R12")
def test_a_number_of_bars_that_has_passed_already(engine: Engine) -> None:
    program = rules(long=[at_open(W)], exit_long=[after("p")])
    columns = {"w": [1, 0, 0, 0, 0, 0, 0]}
    found = engine.run(program, [QUIET] * 7, columns, values=(5,), then=[(4, (1,))])
    assert [trade[3] for trade in found.trades] == [4]


@pytest.mark.parametrize(
    ("order", "side", "bar", "fill"),
    [
        # 3 % of a fill at 200 are 6.
        (loss, LONG, (200, 201, 194, 200), 194),
        (loss, LONG, (200, 201, 194.1, 200), None),
        (loss, SHORT, (200, 206, 199, 200), 206),
        (target, LONG, (200, 206, 199, 200), 206),
        (target, SHORT, (200, 201, 194, 200), 194),
        (target, SHORT, (200, 201, 194.1, 200), None),
    ],
)
@pytest.mark.rule("R13")
def test_distances_in_percent(
    engine: Engine, order: Callable[..., Any], side: int, bar: Bar, fill: float | None
) -> None:
    entries = {"long" if side > 0 else "short": [at_open(W)]}
    exits = {"exit_long" if side > 0 else "exit_short": [order(V, percent=True)]}
    still: Bar = (200, 201, 199, 200)
    columns = {"v": [3, nan, nan, nan, nan], "w": [1, 0, 0, 0, 0]}
    program = rules(**entries, **exits)  # type: ignore[arg-type]  # lists of orders
    found = engine.run(program, [QUIET, still, bar, still, still], columns, capital=2_000)
    assert [trade[2:5] for trade in found.trades] == ([] if fill is None else [(200, 2, fill)])
