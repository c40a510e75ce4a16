"""The orders of one parameter set, with what they are made of in every bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wfo.rules.program import Order, Program
from wfo.rules.reference.columns import evaluate, holds
from wfo.rules.reference.touches import LONG, PROTECTIVE, SHORT

Feeds = Mapping[str, Mapping[str, NDArray[np.float64]]]


class Line(NamedTuple):
    """An order.

    Attributes
    ----------
    kind, percent
        As in `wfo.rules.program.Order`.
    place
        In its list.
    value
        Its expression at every bar; what has none has NaN.
    when
        Its condition at every bar; what needs none has 1.
    works
        Whether condition and value let it work in the bar after, at every bar [R14].
    """

    kind: str
    percent: bool
    place: int
    value: list[float]
    when: list[float]
    works: list[bool]


class Lines(NamedTuple):
    """All orders of a parameter set.

    Attributes
    ----------
    entries, exits
        By side [R16].
    protective
        Those of the exits that a size by risk looks at, by side [Z2].
    reverses
        Whether an entry of the side also works while the other one is held [R17].
    both_fill
        Whether two entries in a bar both fill [B3].
    size
        Share of ``base`` at every bar [Z1]; None without one.
    risk
        Share of ``base`` that is risked [Z2]; None without one.
    """

    entries: dict[int, tuple[Line, ...]]
    exits: dict[int, tuple[Line, ...]]
    protective: dict[int, tuple[Line, ...]]
    reverses: dict[int, bool]
    both_fill: bool
    size: list[float] | None
    risk: float | None


def lines_of(program: Program, feeds: Feeds, values: Sequence[float], bars: int) -> Lines:
    """Return the orders of one parameter set.

    Parameters
    ----------
    program, feeds, values, bars
        As in `wfo.rules.reference.columns.evaluate`.

    Raises
    ------
    InputError
        If a length is none for these values.
    """
    found = evaluate(program, feeds, values, bars)

    def column(place: int) -> NDArray[np.float64]:
        return np.broadcast_to(found[place], bars)  # [R15]

    def line(place: int, order: Order) -> Line:
        works = np.ones(bars, dtype=np.bool_)
        value, when = np.full(bars, np.nan), np.ones(bars)
        if order.value is not None:
            value = column(order.value)
            works &= np.isfinite(value)  # [R14]
        if order.when is not None:
            when = column(order.when)
            works &= holds(when)  # [R14]
        return Line(order.kind, order.percent, place, value.tolist(), when.tolist(), works.tolist())

    def listed(orders: Sequence[Order]) -> tuple[Line, ...]:
        return tuple(line(place, order) for place, order in enumerate(orders))

    def switch(place: int | None) -> bool:
        # [R17] [B3] NaN is as 0.
        return place is not None and bool(holds(found[place]))

    exits: dict[int, Any] = {LONG: listed(program.exit_long), SHORT: listed(program.exit_short)}
    return Lines(
        entries={LONG: listed(program.long), SHORT: listed(program.short)},
        exits=exits,
        protective={
            side: tuple(each for each in own if each.kind in PROTECTIVE)
            for side, own in exits.items()
        },
        reverses={LONG: switch(program.reverse_to_long), SHORT: switch(program.reverse_to_short)},
        both_fill=switch(program.both),
        size=None if program.size is None else column(program.size).tolist(),
        risk=None if program.risk is None else float(found[program.risk]),
    )
