"""What the orders of the next bar are in the rules, and what an entry's risk sized it by [Z2]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wfo.rules.program import Order, Program
from wfo.rules.reference import money
from wfo.rules.reference.lines import Line, Lines, lines_of
from wfo.rules.reference.sizing import nearest
from wfo.rules.reference.touches import LONG, SHORT

Feeds = Mapping[str, Mapping[str, NDArray[np.float64]]]

#: The side that an entry opens, and that an exit leaves.
_OPENS = {"buy": LONG, "reverse_to_long": LONG, "sell_short": SHORT, "reverse_to_short": SHORT}
_LEAVES = {"exit_long": LONG, "cover_short": SHORT}


def details(
    program: Program,
    feeds: Feeds,
    values: Sequence[float],
    settings: Any,
    close: float,
    said: tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]],
) -> list[dict[str, Any]]:
    """Return what is to be known of each order beside what every kernel says.

    Parameters
    ----------
    program, feeds, values, settings
        As in `wfo.rules.reference.orders.orders`.
    close
        The last one.
    said
        State and orders, as an engine has returned them.

    Returns
    -------
    list of dict
        ``rule``, the kind of the order in the rules; of an entry that works and was sized by risk
        at its stated price also ``protected_by``, ``protective_level``, ``distance``,
        ``share_at_risk`` and ``capped``, as `wfo.WorkingOrder` has them.
    """
    state, orders = said
    if not orders:
        return []
    some_after = any(o.kind == "after" for o in (*program.exit_long, *program.exit_short))
    lines = None
    if program.risk is not None or (state["side"] != 0 and some_after):
        bars = len(next(iter(next(iter(feeds.values())).values())))
        lines = lines_of(program, feeds, values, bars)
    rules = _rules(program, lines, state)
    found = []
    for order in orders:
        each: dict[str, Any] = {"rule": next(rules[order["action"]]).kind}
        if order["action"] in _OPENS and order["obstacle"] is None:
            each |= _sized(lines, state, order, settings, close)
        found.append(each)
    return found


def _rules(
    program: Program, lines: Lines | None, state: Mapping[str, Any]
) -> dict[str, Iterator[Order | Line]]:
    """Return the orders of the program that are stated, by action, in their order."""
    entries = {LONG: program.long, SHORT: program.short}
    exits: dict[int, Sequence[Order | Line]] = {LONG: program.exit_long, SHORT: program.exit_short}
    if lines is not None and state["side"] != 0:
        own = lines.exits[state["side"]]
        held = len(own[0].value) - state["since"] if own else 0
        # Before its bar an exit by ``after`` is not stated [R12].
        exits[state["side"]] = [o for o in own if o.kind != "after" or held >= o.value[-1]]
    return {
        **{action: iter(entries[side]) for action, side in _OPENS.items()},
        **{action: iter(exits[side]) for action, side in _LEAVES.items()},
    }


def _sized(
    lines: Lines | None,
    state: Mapping[str, Any],
    order: Mapping[str, Any],
    settings: Any,
    close: float,
) -> dict[str, Any]:
    """Return what sized an entry at its stated price; nothing where its risk did not."""
    side, level = _OPENS[order["action"]], order["level"]
    # A level that all prices have risen to is filled at the open.
    price = close if level is None or level <= 0.0 else level
    if lines is None or lines.risk is None or not order["shares"] > 0.0:
        return {}
    by = nearest(lines, side, price, -1)
    if by is None:
        return {}
    q, slip, fee = state["equity"], settings.slip, settings.fee
    if state["side"] != 0:  # [M4]
        held = state["side"]
        at_entry = money.at_entry_of(held, state["entry_price"], slip, fee)
        q = money.after_exit(held, q, state["shares"], at_entry, price, slip, fee)
    base = money.base_of(q, settings.capital, settings.sizing)
    return {
        "protected_by": "percent loss" if by.line.percent else by.line.kind,
        "protective_level": by.level,
        "distance": by.distance,
        "share_at_risk": order["shares"] * by.distance / q,
        "capped": base * lines.risk / by.distance
        > money.shares_for(side, base, price, slip, fee),  # [Z2]
    }
