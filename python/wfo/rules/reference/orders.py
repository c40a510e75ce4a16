"""The bar after the last one: the state, and the orders that it has there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wfo.rules.program import Program
from wfo.rules.reference import money
from wfo.rules.reference.lines import Line, Lines
from wfo.rules.reference.sizing import fills_beyond, may_enter, shares_of
from wfo.rules.reference.touches import FLAT, LONG, SHORT, entry_level
from wfo.rules.reference.walk import Path

Feeds = Mapping[str, Mapping[str, NDArray[np.float64]]]

#: Why an order does not work, by the rule that keeps it from it.
OBSTACLES = {
    "condition": "its condition does not hold",
    "unknown": "its condition is not known",
    "level": "its level is no number",
    "size": "its size is not above 0 and at most 1",
    "risk": "it has no protective level that a risk could be sized by",
}

_ENTRIES = {
    (FLAT, LONG): "buy",
    (FLAT, SHORT): "sell_short",
    (SHORT, LONG): "reverse_to_long",
    (LONG, SHORT): "reverse_to_short",
}
_EXITS = {LONG: "exit_long", SHORT: "cover_short"}

#: How an order of a kind is filled.
_FILLED = {
    "at_open": "market",
    "after": "market",
    "stop": "stop",
    "breakout": "stop",
    "trail": "stop",
    "loss": "stop",
    "limit": "limit",
    "pullback": "limit",
    "target": "limit",
}


def orders(
    program: Program, feeds: Feeds, values: Sequence[float], settings: Any, warmup: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what one parameter set has working in the bar after the last one.

    Parameters
    ----------
    program, feeds, settings, warmup
        As in `wfo.rules.reference.walk.walk`; `warmup` may be n.
    values
        The numbers of the set.

    Returns
    -------
    state, orders
        By name, as `wfo.backtest.orders` reads them.
    """
    path = Path(program, feeds, [(warmup, values)], settings, warmup)
    path.go()
    now, ((_, lines),) = path.now, path.sets
    held = now.side != FLAT
    state = {
        "side": now.side,
        "since": now.since,
        "entry_price": now.fill if held else None,
        "shares": now.shares,
        "equity": now.equity,
        "mark": path.equity[-1],
        "ruined": now.equity <= 0.0,
        "both_fill": lines.both_fill,
    }
    if held:
        said = list(_exits(path, lines))
        sides = [-now.side] if lines.reverses[-now.side] else []
    elif now.equity <= 0.0:  # [M8]
        return state, []
    else:
        said, sides = [], [LONG, SHORT]
    said += [_entry(path, lines, side, line) for side in sides for line in lines.entries[side]]
    return state, said


def _exits(path: Path, lines: Lines) -> Any:
    """Yield the exits of the position."""
    now, n = path.now, path.bars
    for line in lines.exits[now.side]:
        if line.kind == "after" and not path.exit_works(line, n):
            continue  # Before its bar it is not stated.
        level = None if _FILLED[line.kind] == "market" else path.exit_level(line, n)
        obstacle = _obstacle(line, level, n - 1)
        yield _said(_EXITS[now.side], line.kind, level, now.shares, obstacle)


def _entry(path: Path, lines: Lines, side: int, line: Line) -> dict[str, Any]:
    """Return an entry."""
    now, last = path.now, path.bars - 1
    close = path.close[last]
    level, price = None, close
    if line.kind != "at_open":
        level = price = entry_level(line.kind, side, line.value[last], now.extreme(side), close)
        rises = (_FILLED[line.kind] == "stop") == (side == LONG)
        if rises and math.isfinite(level) and level <= 0.0:
            price = close
    obstacle, beyond = _obstacle(line, level, last), None
    if obstacle is None and lines.risk is not None:
        able, beyond = _fills(lines, side, line.kind, level, price, last)
        obstacle = None if able else OBSTACLES["risk"]  # [Z3]
    elif obstacle is None and not may_enter(lines, side, price, last):
        obstacle = OBSTACLES["size"]  # [Z1]
    shares = 0.0
    if price > 0.0 and math.isfinite(price):
        q = now.equity
        if now.side != FLAT:  # [M4] After what is held was closed there.
            costs = path.settings.slip, path.settings.fee
            q = money.after_exit(now.side, q, now.shares, now.at_entry, price, *costs)
        if q > 0.0:  # [M8]
            shares = shares_of(lines, side, price, last, q, path.settings)
    return _said(_ENTRIES[now.side, side], line.kind, level, shares, obstacle, beyond)


def _fills(
    lines: Lines, side: int, kind: str, level: float | None, price: float, last: int
) -> tuple[bool, float | None]:
    """Return whether an entry works at some fill, and what fills must lie beyond [Z5].

    The latter is None where all of them do.
    """
    bound = fills_beyond(lines, side, price, last)
    if bound is None:
        return False, None
    if bound <= 0.0:  # All prices are above.
        return side == LONG, None
    if level is not None:
        is_beyond = side * level > side * bound
        if _FILLED[kind] == "stop" and is_beyond:  # Filled at the level, or farther beyond.
            return True, None
        if _FILLED[kind] == "limit" and not is_beyond:  # At the level, or farther before.
            return False, None
    return True, (bound if math.isfinite(bound) else None)


def _obstacle(line: Line, level: float | None, last: int) -> str | None:
    """Return why an order does not work, None if it does."""
    when = line.when[last]
    if math.isnan(when):
        return OBSTACLES["unknown"]
    if when == 0.0:
        return OBSTACLES["condition"]
    if level is not None and not math.isfinite(level):
        return OBSTACLES["level"]
    return None


def _said(
    action: str,
    kind: str,
    level: float | None,
    shares: float,
    obstacle: str | None,
    beyond: float | None = None,
) -> dict[str, Any]:
    return {
        "action": action,
        "kind": _FILLED[kind],
        "level": level if level is not None and math.isfinite(level) else None,
        "shares": shares,
        "obstacle": obstacle,
        "obstacle_numbers": None,
        "fills_beyond": beyond,
    }
