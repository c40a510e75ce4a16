"""Programs: what a user's rules say, as plain data that every engine reads.

A program is a list of nodes, each made of earlier ones, and of lists of orders that name nodes. It
has no code in it but the functions of the user's, which are called by their place in a list. Ids in
brackets are those of `CONTRACT.md`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wfo.errors import InputError
from wfo.files.limits import RULES_NODES
from wfo.rules.nodes import Kind, Node, higher_of, kinds_of
from wfo.text import brief

#: Orders of a list [R16].
MOST_ORDERS = 8

#: Lists of orders, and single expressions, that a program names.
LISTS = ("long", "short", "exit_long", "exit_short")
NAMED = ("reverse_to_long", "reverse_to_short", "both", "risk", "size")

SameBar = Literal["next", "open", "worst"]

#: Kinds of entries and exits, and whether each has an expression. The order is that of [B2].
ENTRIES = {"at_open": False, "stop": True, "limit": True, "pullback": True, "breakout": True}
EXITS = {
    # At the open, then stops, then limits.
    "at_open": False,
    "after": True,
    "stop": True,
    "trail": True,
    "loss": True,
    "limit": True,
    "target": True,
}

#: Exits that may have a condition.
CONDITIONAL_EXITS = ("at_open", "stop", "limit")


@dataclass(frozen=True, slots=True)
class Order:
    """An entry or an exit.

    Attributes
    ----------
    kind
        One of `ENTRIES` or `EXITS`.
    value
        The node of its level, distance or number of bars; None for ``at_open``.
    when
        The node of its condition; None for an order that needs none.
    percent
        Whether the distance of a ``loss`` or ``target`` is in percent of the fill [R13].
    """

    kind: str
    value: int | None = None
    when: int | None = None
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the user's that computes a column [C8].

    Attributes
    ----------
    name
        What it is called in messages.
    call
        Takes float64[n] for each column and `float` for each number, and returns float64[n].
        Whatever it raises is a `wfo.InputError` that names the function and the user's line.
    lookback
        Takes the same numbers, in order, and returns the bars behind which its first value lies
        behind those of its columns [P4].
    digest
        Of what it computes: programs with equal digests are equal.
    site
        ``file:line`` where it stands, for messages; empty where that is not known.
    """

    name: str
    call: Callable[..., Any] = field(compare=False)
    lookback: Callable[..., int] = field(compare=False)
    digest: str = ""
    site: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Program:
    """What rules say.

    Attributes
    ----------
    parameters
        Names in canonical order.
    nodes
        Each made of earlier ones.
    long, short
        Entries of each side [R1 to R5].
    exit_long, exit_short
        Exits of each side [R6 to R12].
    reverse_to_long, reverse_to_short, both
        Nodes of numbers [R17] [B3]; None for 0.
    same_bar
        What works in the bar of an entry [B4 to B6].
    risk
        Node of a number [Z2]; None for none.
    size
        Node of a column or number [Z1]; None for none.
    functions
        Functions that ``call`` nodes name by their place.

    Raises
    ------
    InputError
        If it is no program; which node or order, and why.
    """

    parameters: tuple[str, ...]
    nodes: tuple[Node, ...]
    long: tuple[Order, ...] = ()
    short: tuple[Order, ...] = ()
    exit_long: tuple[Order, ...] = ()
    exit_short: tuple[Order, ...] = ()
    reverse_to_long: int | None = None
    reverse_to_short: int | None = None
    both: int | None = None
    same_bar: SameBar = "next"
    risk: int | None = None
    size: int | None = None
    functions: tuple[Function, ...] = ()

    def __post_init__(self) -> None:
        if len(self.nodes) > RULES_NODES:
            raise InputError(
                f"the rules are made of {len(self.nodes):,} expressions; at most {RULES_NODES:,}"
                " will do"
            )
        kinds = kinds_of(self.nodes, len(self.parameters), len(self.functions))
        higher = higher_of(self.nodes, kinds)
        for name, known in (("long", ENTRIES), ("short", ENTRIES)):
            self._check_orders(name, known, tuple(ENTRIES), kinds)
        for name, known in (("exit_long", EXITS), ("exit_short", EXITS)):
            self._check_orders(name, known, CONDITIONAL_EXITS, kinds)
        if not self.long and not self.short:
            raise InputError("the rules have no entry; give long or short")
        for name in ("reverse_to_long", "reverse_to_short", "both", "risk"):
            node = getattr(self, name)
            if node is not None and _kind(kinds, node, name) != "number":
                raise InputError(f"{name} must be a number or an expression of parameters alone")
        if self.size is not None:
            _kind(kinds, self.size, "size")
        if self.same_bar not in ("next", "open", "worst"):
            raise InputError(f"same_bar = {brief(self.same_bar)} must be next, open or worst")
        # [B7] [Z4]
        if self.both is not None and self.same_bar != "next":
            raise InputError(
                f"both goes with same_bar = 'next' alone, not with {self.same_bar!r}; leave one out"
            )
        if self.risk is not None and self.size is not None:
            raise InputError("risk and size exclude each other; leave one out")
        # [G2]
        orders = (order for name in LISTS for order in getattr(self, name))
        roots = [self.size, *(node for each in orders for node in (each.value, each.when))]
        for root in roots:
            if root is not None and higher[root]:
                raise InputError(
                    f"an order is made of expression {root}, a column of {higher[root]} bars"
                )

    def _check_orders(
        self, name: str, known: dict[str, bool], conditional: Sequence[str], kinds: list[Kind]
    ) -> None:
        orders: tuple[Order, ...] = getattr(self, name)
        # [R16]
        if len(orders) > MOST_ORDERS:
            raise InputError(f"{name} has {len(orders)} orders; at most {MOST_ORDERS} will do")
        for place, order in enumerate(orders):
            where = f"{name}, order {place + 1}"
            if order.kind not in known:
                raise InputError(f"{where}: {brief(order.kind)} is none of {', '.join(known)}")
            if (order.value is not None) != known[order.kind]:
                raise InputError(f"{where}: {order.kind} has one expression too many or too few")
            if order.value is not None:
                kind = _kind(kinds, order.value, where)
                # [P3] Lengths are numbers.
                if order.kind == "after" and kind != "number":
                    raise InputError(f"{where}: the bars of after must be a number, not a column")
            if order.when is not None:
                _kind(kinds, order.when, where)
                if order.kind not in conditional:
                    raise InputError(f"{where}: {order.kind} takes no condition")
            if order.percent and order.kind not in ("loss", "target"):
                raise InputError(f"{where}: {order.kind} is not in percent")

    @property
    def kinds(self) -> list[Kind]:
        """What each node is."""
        return list(_kinds(self.nodes, len(self.parameters), len(self.functions)))

    @property
    def feeds(self) -> tuple[str, ...]:
        """The columns that are read, as ``feed.column``, in order of their first use."""
        return tuple(dict.fromkeys(node.text for node in self.nodes if node.op == "feed"))

    @property
    def higher(self) -> list[str]:
        """The higher bars that each node is a column of; empty for traded bars and numbers [G2]."""
        return higher_of(self.nodes, self.kinds)

    @property
    def timeframes(self) -> tuple[str, ...]:
        """The higher bars that are read, as ``resample`` names them, in order of first use."""
        return tuple(dict.fromkeys(node.text for node in self.nodes if node.op == "resample"))


@functools.lru_cache(maxsize=64)
def _kinds(nodes: tuple[Node, ...], parameters: int, functions: int) -> tuple[Kind, ...]:
    """Return the same as `kinds_of`, once: lookbacks of a grid ask for it set by set."""
    return tuple(kinds_of(nodes, parameters, functions))


def _kind(kinds: Sequence[Kind], node: int, where: str) -> Kind:
    if not 0 <= node < len(kinds):
        raise InputError(f"{where}: there is no expression {node}")
    return kinds[node]
