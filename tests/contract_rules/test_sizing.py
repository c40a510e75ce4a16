"""Sizing: Z1 to Z4. A bar after the entry all is left, so that the profit tells the shares."""

from __future__ import annotations

from typing import Any

import pytest

from contract_rules.programs import (
    INFINITE,
    NAN,
    Expression,
    Wanted,
    after,
    at_open,
    limit,
    loss,
    rules,
    stop,
    target,
    trail,
)
from contract_rules.scenarios import QUIET, Bar, Engine, inf, nan
from wfo.errors import InputError, WfoError

V, W = "hand.v", "hand.w"

#: Entered at 100 in bar 1, left at 101 in bar 2: a long earns its number of shares.
LEAVING: list[Bar] = [QUIET, (100, 101, 99, 100), (101, 102, 100, 101), QUIET]


def shares(
    engine: Engine,
    exits: list[Wanted],
    columns: dict[str, list[float]] | None = None,
    *,
    side: str = "long",
    bars: list[Bar] | None = None,
    values: tuple[float, ...] = (0.0,),
    settings: dict[str, Any] | None = None,
    **numbers: Expression,
) -> float | None:
    """Return the shares of an entry at the open of bar 1, None where it does not work."""
    own = {"w": [1.0, 0, 0, 0], **(columns or {})}
    program = rules(
        **{side: [at_open(W)], f"exit_{side}": [*exits, after(1)]},  # type: ignore[arg-type]  # lists of orders
        **numbers,
    )
    found = engine.run(program, bars or LEAVING, own, values=values, **(settings or {}))
    if not found.trades:
        assert found.equity[-1] == found.equity[0]
        return None
    ((sign, entry_bar, entry, exit_bar, left, pnl),) = found.trades
    assert (entry_bar, exit_bar) == (1, 2)
    return pnl / (sign * (left - entry))


@pytest.mark.parametrize(
    ("size", "bought"),
    [(0.25, 2.5), (1, 10), (1e-3, 0.01), (0, None), (-0.5, None), (1.0000001, None)],
)
@pytest.mark.rule("Z1")
def test_size_is_a_share_of_the_base(engine: Engine, size: float, bought: float | None) -> None:
    wanted = None if bought is None else pytest.approx(bought)
    for side in ("long", "short"):
        # That of the bar before the entry; as a column, and as a number.
        columns = {"v": [size, nan, nan, nan]}
        assert shares(engine, [], columns, side=side, size=V) == wanted
    assert shares(engine, [], values=(size,), size="p") == wanted


@pytest.mark.parametrize("size", [nan, inf, -inf])
@pytest.mark.rule("Z1")
def test_a_size_that_is_no_number_lets_nothing_work(engine: Engine, size: float) -> None:
    assert shares(engine, [], {"v": [size, 1, 1, 1]}, size=V) is None


@pytest.mark.rule("Z1")
def test_what_does_not_work_is_not_touched(engine: Engine) -> None:
    """Neither from flat, with the later touches of the bar in its place, nor as a reversal."""
    program = rules(long=[at_open(W)], short=[at_open("hand.s")], reverse_to_short=1, size=V)
    columns = {"w": [1, 0, 0, 0, 0], "s": [0, 1, 1, 0, 0], "v": [0.5, 0, 0.5, 1, 1]}
    found = engine.run(program, [QUIET] * 5, columns)
    assert [trade[:4] for trade in found.trades] == [(1, 1, 100, 3)]


@pytest.mark.rule("Z1")
def test_the_base_is_what_the_settings_say(engine: Engine) -> None:
    """A quarter of 1,000, then of what a doubled share has left."""
    program = rules(long=[at_open(W)], exit_long=[after(1)], size=0.5)
    bars: list[Bar] = [QUIET, QUIET, (200, 201, 199, 200), QUIET, (110, 111, 109, 110), QUIET]
    columns = {"w": [1, 0, 1, 0, 0, 0]}
    found = engine.run(program, bars, columns)
    # 5 shares earn 500; then 750 buy 7.5.
    assert [trade[5] for trade in found.trades] == pytest.approx([500, 75])
    found = engine.run(program, bars, columns, sizing="fixed")
    assert [trade[5] for trade in found.trades] == pytest.approx([500, 50])
    # What is left of the capital, where it is less.
    bars[2] = (40, 41, 39, 40)
    found = engine.run(program, bars, columns, sizing="fixed")
    assert [trade[5] for trade in found.trades] == pytest.approx([-300, 35])


#: Exits, and the nearest level's distance from 100 for a long and a short.
NEAREST: list[tuple[list[Wanted], float | None, float | None]] = [
    ([loss(4)], 4, 4),
    ([trail(5)], 5, 5),
    ([loss(3, percent=True)], 3, 3),
    ([loss(4), trail(5), loss(8, percent=True)], 4, 4),
    ([stop(98), loss(4)], 2, 4),
    ([stop(102), loss(4)], 4, 2),
    ([stop(100), loss(4)], 4, 4),
    ([stop(98)], 2, None),
    ([stop(102)], None, 2),
    ([loss(NAN), trail(4)], 4, 4),
    ([loss(INFINITE), trail(4)], 4, 4),
    ([stop(99, 0), stop(98, 1), stop(101, 0), stop(103)], 2, 3),
    ([stop(99, NAN), stop(98), stop(103)], 2, 3),
    # What takes a profit protects nothing.
    ([target(1), limit(99), limit(101), loss(4)], 4, 4),
    ([target(1)], None, None),
    ([], None, None),
    # A distance below 0 lies on the other side.
    ([loss(-4)], None, None),
    ([loss(0), trail(4)], 4, 4),
]


@pytest.mark.parametrize(("exits", "long", "short"), NEAREST)
@pytest.mark.rule("Z2", "Z3")
def test_risk_is_lost_at_the_nearest_protective_level(
    engine: Engine, exits: list[Wanted], long: float | None, short: float | None
) -> None:
    for side, distance in (("long", long), ("short", short)):
        # A hundredth of 1,000.
        wanted = None if distance is None else pytest.approx(10 / distance)
        far: list[Bar] = [QUIET, (100, 100, 100, 100), (101, 101, 101, 101), QUIET]
        found = shares(engine, exits, side=side, bars=far, risk=0.01)
        assert found == wanted, side


@pytest.mark.rule("Z2")
def test_risk_buys_no_more_than_all_equity(engine: Engine) -> None:
    assert shares(engine, [loss(4)], risk=0.04) == pytest.approx(10)
    assert shares(engine, [loss(4)], risk=0.05) == pytest.approx(10)
    assert shares(engine, [loss(4)], risk=1) == pytest.approx(10)
    assert shares(engine, [loss(4)], risk=0.03) == pytest.approx(7.5)


@pytest.mark.rule("Z2")
def test_risk_reads_the_bar_before_the_entry(engine: Engine) -> None:
    for order in (loss(V), trail(V), stop(("sub", 100, V))):
        columns = {"v": [4, 90, 90, 90]}
        assert shares(engine, [order], columns, risk=0.01) == pytest.approx(2.5)
        assert shares(engine, [order], {"v": [nan, 4, 4, 4]}, risk=0.01) is None


@pytest.mark.rule("Z2", "Z3")
def test_the_distance_is_that_from_the_fill(engine: Engine) -> None:
    program = rules(long=[limit(100, W)], exit_long=[stop(96), after(1)], risk=0.01)
    columns = {"w": [1, 0, 0, 0]}
    for open_, distance in ((101.0, 4.0), (98.0, 2.0)):
        bars = [QUIET, (open_, 101, 97, 98), (110, 111, 109, 110), QUIET]
        found = engine.run(program, bars, columns)
        ((_, _, fill, _, _, pnl),) = found.trades
        assert fill == min(open_, 100)
        assert pnl == pytest.approx(10 / distance * (110 - fill))
    # A fill below the stop has no protective level: the order does not work.
    bars = [QUIET, (95, 101, 94, 98), (110, 111, 109, 110), QUIET]
    assert engine.run(program, bars, columns).trades == []


@pytest.mark.rule("Z3")
def test_the_next_entry_takes_the_place_of_one_that_does_not_work(engine: Engine) -> None:
    # The fill at the open lies on the stop; that at 103 above it.
    program = rules(long=[at_open(W), stop(103, W)], exit_long=[stop(100), after(1)], risk=0.01)
    bars = [QUIET, (100, 104, 100, 103), (106, 107, 105, 106), QUIET]
    found = engine.run(program, bars, {"w": [1, 0, 0, 0]})
    assert [trade[1:5] for trade in found.trades] == [(1, 103, 2, 106)]
    assert found.trades[0][5] == pytest.approx(10 / 3 * 3)


@pytest.mark.rule("Z3", "B3")
def test_what_does_not_work_does_not_close_either(engine: Engine) -> None:
    columns = {"w": [1, 0, 0]}
    bars = [QUIET, (100, 103, 97, 100), QUIET]
    sides: dict[str, Any] = {"long": [limit(98, W)], "short": [limit(102, W)], "both": 1}
    found = engine.run(
        rules(**sides, exit_long=[loss(4)], exit_short=[loss(4)], risk=0.04), bars, columns
    )
    assert [trade[:5] for trade in found.trades] == [(1, 1, 98, 1, 102)]
    found = engine.run(rules(**sides, exit_long=[loss(4)], risk=0.04), bars, columns)
    assert found.trades == []
    # 10 shares for 980 of 1,000, marked at 100.
    assert found.equity[1] == pytest.approx(1020)


@pytest.mark.parametrize("risk", [0, -0.1, 1.5])
@pytest.mark.rule("Z2")
def test_a_risk_that_is_none_is_refused(engine: Engine, risk: float) -> None:
    with pytest.raises(WfoError, match=f"risk.* {risk:g}\\b"):
        shares(engine, [loss(4)], values=(risk,), risk="p")
    with pytest.raises(WfoError, match=r"(?i)risk.*nan"):
        shares(engine, [loss(4)], risk=NAN)


@pytest.mark.rule("Z4", "Z1", "Z2")
def test_shares_come_in_whole_lots(engine: Engine) -> None:
    lots = {"settings": {"lot_size": 2.0}}
    assert shares(engine, [], size=0.75, **lots) == pytest.approx(6)
    assert shares(engine, [loss(4)], risk=0.01, **lots) == pytest.approx(2)
    # None are bought: the states are those of a trade all the same.
    program = rules(long=[at_open(W)], exit_long=[after(1)], size=V)
    columns = {"w": [1, 1, 1, 1, 0, 0], "v": [0.1, 1, 1, 1, 1, 1]}
    found = engine.run(program, [QUIET] * 6, columns, lot_size=2.0)
    assert [trade[1] for trade in found.trades] == [3]


@pytest.mark.rule("Z4", "Z2")
def test_costs_are_in_the_most_that_is_bought(engine: Engine) -> None:
    costs = {"slip": 0.01, "fee": 0.02}
    program = rules(long=[at_open(W)], exit_long=[loss(4), after(1)], risk="p")
    columns = {"w": [1.0, 0, 0, 0]}
    cost, brought = 100 * 1.01 * 1.02, 101 * 0.99 * 0.98
    for risk, bought in ((0.01, 2.5), (0.5, 1000 / cost)):
        found = engine.run(program, LEAVING, columns, values=(risk,), **costs)
        assert found.trades[0][5] == pytest.approx(bought * (brought - cost))
    short = rules(short=[at_open(W)], exit_short=[after(1)], size=0.5)
    found = engine.run(short, LEAVING, columns, **costs)
    sold = 500 / (100 * 0.99)
    assert found.trades[0][5] == pytest.approx(sold * (100 * 0.99 * 0.98 - 101 * 1.01 * 1.02))


@pytest.mark.rule("Z4")
def test_size_and_risk_exclude_each_other(engine: Engine) -> None:
    with pytest.raises(InputError, match="risk and size exclude each other"):
        rules(long=[at_open()], exit_long=[loss(4)], size=0.5, risk=0.01)
    assert shares(engine, [loss(4)], size=0.5) == pytest.approx(5)
