"""Orders: what `x.stop` and such return, and `wfo.orders`, which says where each of them works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from wfo.arguments import one_of
from wfo.errors import InputError
from wfo.rules.authoring.draft import Draft
from wfo.rules.authoring.expressions import Operand, place_of
from wfo.rules.authoring.sites import Site, here, refused
from wfo.rules.program import ENTRIES, EXITS, MOST_ORDERS, Order, SameBar
from wfo.text import brief


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class DraftOrder:
    """An order of rules that are being made, for `wfo.orders`.

    Attributes
    ----------
    draft
        The rules that it belongs to.
    order
        What it says.
    site
        The line that made it.
    """

    draft: Draft
    order: Order
    site: Site

    def __repr__(self) -> str:
        value = "" if self.order.value is None else self.draft.words(self.order.value)
        return f"<order {self.order.kind}({'percent=' if self.order.percent else ''}{value})>"

    def __bool__(self) -> bool:
        raise refused(
            f"{self!r} is neither true nor false; give its condition as when=, and list orders"
            " that work at once"
        )


#: One order, or several that work at once.
Orders = DraftOrder | Sequence[DraftOrder]

_SIDES = {"long": ("long", "exit_long", "short"), "short": ("short", "exit_short", "long")}
_PROTECTIVE = ("stop", "trail", "loss")


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """What `wfo.orders` returns, for the rules to return.

    Attributes
    ----------
    draft
        The rules that it belongs to.
    site
        The line of the call.
    lists
        Orders by argument.
    numbers
        Nodes of ``reverse_to_long``, ``reverse_to_short``, ``both``, ``risk`` and ``size``.
    same_bar
        What works in the bar of an entry.
    """

    draft: Draft
    site: Site
    lists: dict[str, tuple[Order, ...]]
    numbers: dict[str, int | None]
    same_bar: SameBar


def orders(
    *,
    long: Orders = (),
    short: Orders = (),
    exit_long: Orders = (),
    exit_short: Orders = (),
    reverse_to_long: Operand | bool | None = None,
    reverse_to_short: Operand | bool | None = None,
    both: Operand | bool | None = None,
    same_bar: Literal["next", "open", "worst"] = "next",
    risk: Operand | None = None,
    size: Operand | None = None,
) -> Ordered:
    """Say which orders work: the value that the method ``rules`` of a `wfo.Rules` returns.

    Parameters
    ----------
    long, short
        What opens a position of each side: one of ``x.at_open``, ``x.stop``, ``x.limit``,
        ``x.pullback`` and ``x.breakout``, or up to eight of them. A side without any is not traded.
    exit_long, exit_short
        What closes it: one of ``x.at_open``, ``x.stop``, ``x.limit``, ``x.trail``, ``x.loss``,
        ``x.target`` and ``x.after``, or up to eight. All work at once, and the first one that is
        touched counts.
    reverse_to_long, reverse_to_short
        Whether entries of that side also work while the other one is held, and close and open at
        one fill: True, or a number of parameters that is not 0.
    both
        Whether, of entries of both sides that are touched in one bar while flat, both fill, the
        second one closing what the first one opened. By default the second does not.
    same_bar
        What works in the bar of an entry: ``"next"`` nothing; ``"open"`` all exits after a fill at
        the open; ``"worst"`` stops after a fill within the bar, too.
    risk
        Share of the equity that is lost where the nearest stop is met; it sizes the position. At
        most all equity is used.
    size
        Share of the equity by bar, above 0 and at most 1, as of the bar before the entry.

    Returns
    -------
    Ordered
        To be returned by ``rules``.

    Raises
    ------
    InputError
        If they cannot work together, with the user's line: an exit where an entry belongs, a side
        without a way out, exits of a side that is never entered, more than eight.
    """
    site = here()
    given = {"long": long, "short": short, "exit_long": exit_long, "exit_short": exit_short}
    lists = {name: _listed(name, value) for name, value in given.items()}
    first = next((each for listed in lists.values() for each in listed), None)
    if first is None or not (lists["long"] or lists["short"]):
        raise refused("wfo.orders has no entry; give long or short, as in long=x.at_open(when)")
    draft = first.draft
    for name, listed in lists.items():
        for each in listed:
            if each.draft is not draft:
                raise refused(
                    f"{name}: {each!r}, made at {each.site}, belongs to the rules of"
                    f" {each.draft.owner}; make it anew inside of these"
                )
    numbers = {
        "reverse_to_long": _number(draft, "reverse_to_long", reverse_to_long),
        "reverse_to_short": _number(draft, "reverse_to_short", reverse_to_short),
        "both": _number(draft, "both", both),
        "risk": _share(draft, "risk", risk),
        "size": _share(draft, "size", size),
    }
    try:
        one_of("same_bar", same_bar, ("next", "open", "worst"))
    except InputError as error:
        raise refused(str(error)) from None
    made = Ordered(
        draft,
        site,
        {name: tuple(each.order for each in listed) for name, listed in lists.items()},
        numbers,
        same_bar,
    )
    _check_sides(made)
    _check_together(made)
    return made


def _listed(name: str, value: object) -> list[DraftOrder]:
    """Return orders of a list, all of which belong into it."""
    if isinstance(value, DraftOrder):
        found = [value]
    elif isinstance(value, list | tuple):
        found = list(value)
    else:
        found = [value]  # type: ignore[list-item]  # refused below
    for each in found:
        if not isinstance(each, DraftOrder):
            raise refused(
                f"{name} = {brief(each)} must be an order, such as x.stop(level), or a list of"
                " orders"
            )
        known = EXITS if name.startswith("exit") else ENTRIES
        if each.order.kind not in known:
            kind = "an exit" if each.order.kind in EXITS else "an entry"
            raise refused(
                f"{name}: {each.order.kind}, made at {each.site}, is {kind}; here go"
                f" {', '.join(known)}"
            )
    if len(found) > MOST_ORDERS:
        raise refused(f"{name} has {len(found)} orders; at most {MOST_ORDERS} work at once")
    return found


def _number(draft: Draft, name: str, value: object) -> int | None:
    """Return the node of a number; None for none, and for what is 0 in every set."""
    if value is None:
        return None
    place = place_of(draft, int(value) if isinstance(value, bool) else value, name)
    if draft.kinds[place] != "number":
        raise refused(
            f"{name} = {draft.words(place)} is a column; it must be a number or an expression of"
            " parameters"
        )
    node = draft.nodes[place]
    return None if node.op == "constant" and node.value == 0 else place


def _share(draft: Draft, name: str, value: object) -> int | None:
    """Return the node of a share of the equity."""
    if value is None:
        return None
    if name == "size":
        place: int | None = draft.latest(place_of(draft, value, name))
    else:
        place = _number(draft, name, value)
    node = None if place is None else draft.nodes[place]
    if node is None or (node.op == "constant" and not 0 < node.value <= 1):
        raise refused(
            f"{name} = {brief(value)} must be above 0 and at most 1, a share of equity: 1 % is 0.01"
        )
    return place


def _check_sides(made: Ordered) -> None:
    """Raise where a side cannot be entered, or cannot be left."""
    for side, (entries, exits, other) in _SIDES.items():
        if made.lists[exits] and not made.lists[entries]:
            raise refused(
                f"{exits} has orders, but {entries} has none, so that there is nothing to leave;"
                f" give {entries} or leave {exits} out"
            )
        reversal = made.numbers[f"reverse_to_{other}"] is not None
        if reversal and not (made.lists[entries] and made.lists[other]):
            raise refused(
                f"reverse_to_{other} closes {side} positions by entries of the other side; it needs"
                f" both {entries} and {other}"
            )
        if made.lists[entries] and not made.lists[exits] and not reversal:
            raise refused(
                f"{side} positions are never left; give {exits}, or reverse_to_{other} with orders"
                f" of {other}. To hold to the end, {exits}=x.at_open(when=0)"
            )


def _check_together(made: Ordered) -> None:
    """Raise where arguments exclude each other."""
    if made.numbers["both"] is not None:
        if not (made.lists["long"] and made.lists["short"]):
            raise refused("both is about entries of both sides; give long and short, or leave it")
        # [B7]
        if made.same_bar != "next":
            raise refused(
                f"both goes with same_bar='next' alone, and not with {made.same_bar!r}; leave one"
                " out"
            )
    if made.numbers["risk"] is None:
        return
    # [Z4] [Z3]
    if made.numbers["size"] is not None:
        raise refused("risk and size exclude each other; leave one out")
    for entries, exits, _ in _SIDES.values():
        protected = any(each.kind in _PROTECTIVE for each in made.lists[exits])
        if made.lists[entries] and not protected:
            raise refused(
                f"risk sizes a position by its nearest stop, and {exits} has none; give x.stop,"
                " x.trail or x.loss"
            )
