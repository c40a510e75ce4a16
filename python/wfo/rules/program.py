"""Programs: what a user's rules say, as plain data that every engine reads.

A program is a list of nodes, each made of earlier ones, and of lists of orders that name nodes. It
has no code in it but the functions of the user's, which are called by their place in a list. Ids in
brackets are those of `CONTRACT.md`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from wfo.data.timeframes import TIMEFRAMES
from wfo.errors import InputError
from wfo.files.limits import RULES_NODES
from wfo.text import brief

#: Orders of a list [R16].
MOST_ORDERS = 8

#: Bars of a length or a shift, at most [P3].
MOST_BARS = 10**9

#: Lists of orders, and single expressions, that a program names.
LISTS = ("long", "short", "exit_long", "exit_short")
NAMED = ("reverse_to_long", "reverse_to_short", "both", "risk", "size")

#: What a node is: known for each parameter set, one number a bar, or one condition a bar [P2].
Kind = Literal["number", "column", "condition"]

SameBar = Literal["next", "open", "worst"]

#: Operations by the number of their arguments.
_ARITHMETIC = {"add": 2, "sub": 2, "mul": 2, "div": 2, "neg": 1, "abs": 1, "sqrt": 1, "floor": 1}
_ARITHMETIC |= {"round_half_up": 1, "minimum": 2, "maximum": 2}
_COMPARISONS = {"lt": 2, "le": 2, "gt": 2, "ge": 2, "eq": 2, "ne": 2}
_LOGIC = {"and": 2, "or": 2, "not": 1}
#: A column and a length, each.
WINDOWS = ("sma", "wma", "stdev", "highest", "lowest", "rank", "ema", "rma")

#: What makes the same of each bar's values, so that it makes no difference whether it is of higher
#: bars or of what is known of them [G3].
BY_BAR = (*_ARITHMETIC, *_COMPARISONS, *_LOGIC, "where", "choose")

#: All operations. `parameter` has its place in `value`, `constant` its number, `feed` its name
#: ``feed.column`` in `text`, `call` the place of its function in `value`, and `resample` the
#: timeframe of its bars and the calendar in `text`, with a space between.
OPERATIONS = (
    *("parameter", "constant", "feed"),
    *(*_ARITHMETIC, *_COMPARISONS, *_LOGIC),
    *("where", "choose", "shift", "true_range", "call", "resample", "latest"),
    *WINDOWS,
)

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
class Node:
    """One expression.

    Attributes
    ----------
    op
        One of `OPERATIONS`.
    args
        Places of its parts, all before its own.
    value
        Place of a parameter or function, number of a constant; else 0.
    text
        ``feed.column`` of a feed, timeframe and calendar of ``resample``; else empty.
    """

    op: str
    args: tuple[int, ...] = ()
    value: float = 0.0
    text: str = ""


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


def kinds_of(nodes: Sequence[Node], parameters: int, functions: int) -> list[Kind]:
    """Return what each node is, and check that each is one.

    Raises
    ------
    InputError
        With the place of the node, counted from 0.
    """
    kinds: list[Kind] = []
    for place, node in enumerate(nodes):
        where = f"expression {place} ({brief(node.op)})"
        if any(not 0 <= part < place for part in node.args):
            raise InputError(f"{where}: its parts are not all before it")
        parts = [kinds[part] for part in node.args]
        kinds.append(kind_of(node, parts, parameters, functions, where))
    return kinds


def higher_of(nodes: Sequence[Node], kinds: Sequence[Kind]) -> list[str]:
    """Return the higher bars that each node is a column of, and check that they fit [G2].

    Raises
    ------
    InputError
        With the place of the node, counted from 0.
    """
    found: list[str] = []
    for place, node in enumerate(nodes):
        where = f"expression {place} ({node.op})"
        parts = [found[part] for part in node.args if kinds[part] != "number"]
        if node.op == "resample" and nodes[node.args[0]].op != "feed":
            raise InputError(f"{where}: it is of a column of a feed alone")
        found.append(timeframe_of(node, parts, where))
    return found


def timeframe_of(node: Node, parts: Sequence[str], where: str) -> str:
    """Return the higher bars that a node is a column of; empty for none.

    Parameters
    ----------
    node
        Its parts are not looked at.
    parts
        The higher bars of those of its parts that are columns.
    where
        What a message begins with.

    Raises
    ------
    InputError
        If the parts do not fit together.
    """
    if node.op == "resample":
        return node.text
    if len(set(parts)) > 1:
        raise InputError(f"{where}: its parts are columns of bars of different lengths")
    own = parts[0] if parts else ""
    if node.op == "latest":
        if not own:
            raise InputError(f"{where}: it is of a column of higher bars alone")
        return ""
    return own


def kind_of(node: Node, parts: Sequence[Kind], parameters: int, functions: int, where: str) -> Kind:
    """Return what a node is, and check that it is one.

    Parameters
    ----------
    node
        Its parts are not looked at.
    parts
        What each of its parts is.
    parameters, functions
        How many there are.
    where
        What a message begins with.

    Raises
    ------
    InputError
        If it cannot be a node with these parts.
    """
    numbers = all(kind == "number" for kind in parts)
    match node.op:
        case "parameter":
            _count(parts, 0, where)
            _place(node.value, parameters, where)
            return "number"
        case "constant":
            _count(parts, 0, where)
            return "number"
        case "feed":
            _count(parts, 0, where)
            if node.text.count(".") != 1:
                raise InputError(f"{where}: {brief(node.text)} is not FEED.COLUMN")
            return "column"
        case "call":
            _place(node.value, functions, where)
            return "column"
        case "where":
            _count(parts, 3, where)
            return _joined(parts, parts[1:])
        case "choose":
            if len(parts) < 2:
                raise InputError(f"{where}: choose needs a number and one branch at least")
            if parts[0] != "number":
                raise InputError(f"{where}: what chooses must be a number, not a column")
            return _joined(parts, parts[1:])
        case "shift":
            _count(parts, 2, where)
            _length(parts[1], where)
            return parts[0]
        case "true_range":
            _count(parts, 3, where)
            return "column"
        case "resample":
            _count(parts, 1, where)
            timeframe, _, calendar = node.text.partition(" ")
            if timeframe not in TIMEFRAMES or not calendar or " " in calendar:
                raise InputError(f"{where}: {brief(node.text)} is no timeframe and calendar")
            return "column"
        case "latest":
            _count(parts, 1, where)
            return parts[0]
    if node.op in WINDOWS:
        _count(parts, 2, where)
        _length(parts[1], where)
        return "column"
    if node.op in _ARITHMETIC:
        _count(parts, _ARITHMETIC[node.op], where)
        return "number" if numbers else "column"
    if node.op in _COMPARISONS or node.op in _LOGIC:
        _count(parts, (_COMPARISONS | _LOGIC)[node.op], where)
        return "number" if numbers else "condition"
    raise InputError(f"{where} is no operation")


def _joined(parts: Sequence[Kind], branches: Sequence[Kind]) -> Kind:
    """Return the kind of what takes one of several branches."""
    if all(kind == "number" for kind in parts):
        return "number"
    return "condition" if all(kind == "condition" for kind in branches) else "column"


def _count(parts: Sequence[Kind], wanted: int, where: str) -> None:
    if len(parts) != wanted:
        raise InputError(f"{where}: it has {len(parts)} parts; {wanted} are needed")


def _place(value: float, count: int, where: str) -> None:
    if not (math.isfinite(value) and value == int(value) and 0 <= value < count):
        raise InputError(f"{where}: there is no {brief(value)} of {count}")


def _length(kind: Kind, where: str) -> None:
    if kind != "number":
        raise InputError(
            f"{where}: its length must be a number or an expression of parameters, not a {kind}"
        )


def _kind(kinds: Sequence[Kind], node: int, where: str) -> Kind:
    if not 0 <= node < len(kinds):
        raise InputError(f"{where}: there is no expression {node}")
    return kinds[node]
