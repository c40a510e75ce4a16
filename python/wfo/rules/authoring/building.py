"""From a class of rules to its program, and on to the strategy that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wfo.errors import InputError, WfoError
from wfo.rules.authoring.draft import Draft
from wfo.rules.authoring.expressions import Expression
from wfo.rules.authoring.orders import Ordered
from wfo.rules.authoring.series import Series
from wfo.rules.authoring.sites import Site, raised_at, refused
from wfo.rules.misfits import first_misfit
from wfo.rules.program import Order, Program
from wfo.strategy.axes import Axis
from wfo.strategy.feed import PRICES, Feed
from wfo.text import brief, listed, one_line

if TYPE_CHECKING:
    from wfo.strategy import Strategy

_TRADED = "bars"


@dataclass(frozen=True, slots=True)
class Stated:
    """What a class of rules says beside its orders.

    Attributes
    ----------
    name, title, constraints, map_axes, tradestation, feeds
        As the class has them.
    axes
        Its parameters, in canonical order.
    rules
        Its method.
    instance
        What the method is called on.
    lines
        The line of each attribute.
    home
        That of the class.
    """

    name: Any
    title: str
    axes: Mapping[str, Axis]
    constraints: Any
    map_axes: Any
    tradestation: Any
    feeds: Any
    rules: Callable[..., Any]
    instance: Any
    lines: Mapping[str, Site]
    home: Site

    def line(self, attribute: str) -> Site:
        """Return the line of an attribute, or else of the class."""
        return self.lines.get(attribute, self.home)


def built(stated: Stated) -> Strategy:
    """Return the strategy that a class says.

    Raises
    ------
    InputError
        With the user's line: whatever is wrong in the class or its rules.
    """
    from wfo.rules.strategy import strategy_of

    program, feeds = drafted(stated)
    given: dict[str, Any] = {
        "constraints": stated.constraints,
        "map_axes": stated.map_axes,
        "tradestation": stated.tradestation,
        "feeds": feeds,
        "name": stated.name,
    }
    plain: dict[str, Any] = {
        "constraints": (),
        "map_axes": None,
        "tradestation": None,
        "name": "own",
    }
    plain["feeds"] = _feeds(replace(stated, feeds=None), program)

    def made(values: Mapping[str, Any]) -> Strategy:
        return strategy_of(program, title=stated.title, axes=stated.axes, **values)

    try:
        strategy = made(given)
    except InputError as error:
        said = str(error)
    else:
        misfit = first_misfit(program, strategy.rules, strategy.grid or {})
        if misfit is None:
            return strategy
        raise refused(misfit.text, stated.line((*misfit.parameters, "rules")[0]))
    # What can be made without an attribute is refused because of it.
    for name, without in plain.items():
        try:
            made(given | {name: without})
        except InputError:
            continue
        raise refused(said, stated.line(name))
    raise refused(said, stated.home)


def drafted(stated: Stated) -> tuple[Program, tuple[Feed, ...]]:
    """Return the program that a class says, and what it reads.

    Raises
    ------
    InputError
        With the user's line.
    """
    draft = Draft(stated.name if isinstance(stated.name, str) else "rules", stated.axes)
    symbols = {
        name: Expression(draft, draft.node("parameter", value=place))
        for place, name in enumerate(stated.axes)
    }
    stated.instance.__dict__.update(symbols)
    ordered = _called(stated, draft)
    try:
        program = _program(draft, ordered)
    except InputError as error:
        raise refused(str(error), ordered.site) from None
    used = {int(node.value) for node in program.nodes if node.op == "parameter"}
    for place, name in enumerate(stated.axes):
        if place not in used:
            made = any(node.args and draft.is_of(i, place) for i, node in enumerate(draft.nodes))
            hint = ", although expressions of it are made" if made else ""
            raise refused(
                f"the parameter {name} has no part in any order{hint}; use it or leave it out",
                stated.line(name),
            )
    _check_feeds(stated, draft)
    return program, _feeds(stated, program)


def _called(stated: Stated, draft: Draft) -> Ordered:
    """Call the method, once."""
    code = getattr(stated.rules, "__code__", None)
    file = stated.home.file if code is None else code.co_filename
    line = stated.home.line if code is None else code.co_firstlineno
    at = Site(file, line)
    try:
        found = stated.rules(stated.instance, Series(draft))
    except WfoError:
        raise
    except Exception as error:
        said = f"{one_line(error):.300}"
        raise refused(
            f"rules of {draft.owner} raised {type(error).__name__}: {said}",
            raised_at(error.__traceback__, file) or at,
        ) from error
    if not isinstance(found, Ordered):
        hint = "; is a return missing?" if found is None else ""
        raise refused(f"rules must return wfo.orders(…), not {brief(found)}{hint}", at)
    if found.draft is not draft:
        raise refused("the orders belong to other rules; make them inside of these", found.site)
    return found


def _program(draft: Draft, ordered: Ordered) -> Program:
    """Return what the orders need of a draft, as a program."""
    roots = [
        node
        for orders in ordered.lists.values()
        for order in orders
        for node in (order.value, order.when)
        if node is not None
    ]
    roots += [node for node in ordered.numbers.values() if node is not None]
    needed = set(roots)
    for place in range(len(draft.nodes) - 1, -1, -1):
        if place in needed:
            needed.update(draft.nodes[place].args)
    # Parts come before what is made of them, as they were made.
    moved = {place: new for new, place in enumerate(sorted(needed))}
    calls = dict.fromkeys(
        int(draft.nodes[place].value) for place in sorted(needed) if draft.nodes[place].op == "call"
    )
    functions = {place: new for new, place in enumerate(calls)}
    nodes = []
    for place in sorted(needed):
        node = draft.nodes[place]
        value = functions[int(node.value)] if node.op == "call" else node.value
        nodes.append(replace(node, args=tuple(moved[part] for part in node.args), value=value))

    def placed(order: Order) -> Order:
        value = None if order.value is None else moved[order.value]
        return replace(order, value=value, when=None if order.when is None else moved[order.when])

    lists: dict[str, Any] = {n: tuple(map(placed, each)) for n, each in ordered.lists.items()}
    numbers: dict[str, Any] = {
        name: None if node is None else moved[node] for name, node in ordered.numbers.items()
    }
    return Program(
        draft.parameters,
        tuple(nodes),
        **lists,
        **numbers,
        same_bar=ordered.same_bar,
        functions=tuple(draft.functions[place] for place in functions),
    )


def _feeds(stated: Stated, program: Program) -> tuple[Feed, ...]:
    """Return the feeds that a class states, or else those that its program reads."""
    if stated.feeds is not None:
        return tuple(stated.feeds)
    read: dict[str, list[str]] = {_TRADED: []}
    for text in program.feeds:
        feed, _, column = text.partition(".")
        read.setdefault(feed, []).append(column)
    return tuple(_feed(name, columns) for name, columns in read.items())


def _check_feeds(stated: Stated, draft: Draft) -> None:
    """Raise where the rules read what is not among the feeds that a class states."""
    given = stated.feeds
    if given is None:
        return
    if not isinstance(given, Sequence) or not all(isinstance(each, Feed) for each in given):
        raise refused(
            f"feeds = {brief(given)} must be several of wfo.strategy.Feed(…), as in"
            " (Feed('bars', columns=('volume',)),)",
            stated.line("feeds"),
        )
    known = {each.name: each.all_columns for each in given}
    for place, node in enumerate(draft.nodes):
        if node.op != "feed":
            continue
        feed, _, column = node.text.partition(".")
        if column not in known.get(feed, ()):
            has = "; ".join(f"{name} with {listed(columns)}" for name, columns in known.items())
            raise refused(
                f"the rules read {node.text}, which is not among the feeds of the class: {has}",
                draft.sites[place],
            )


def _feed(name: str, columns: Sequence[str]) -> Feed:
    """Return a feed that has the columns that are read."""
    own = tuple(column for column in columns if column not in PRICES)
    prices = name in (_TRADED, "bars2") or len(own) < len(columns)
    return Feed(name, prices=prices, columns=own)
