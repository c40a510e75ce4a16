"""Random programs over the whole language of rules, for bars that move by about 1 around 100.

Levels lie near the price and distances are small, so that a large share of what is drawn trades.
What is drawn follows from the seed alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from functions_of_rules import FUNCTIONS

from wfo.rules.nodes import WINDOWS, Node, higher_of, kinds_of
from wfo.rules.program import CONDITIONAL_EXITS, Order, Program, SameBar
from wfo.strategy import Parameter

PRICES = ("open", "high", "low", "close")

AVERAGES = ("sma", "wma", "ema", "rma")

#: Seeds from here on draw programs that read higher bars too.
HIGHER = 1_000_000

#: Higher bars, as programs name them.
TIMEFRAMES = ("1week XNYS", "1day none")

#: Distances, and what a level lies beside the price. Halves are steps of a coarse price grid.
DISTANCES = (0.0, 0.25, 0.5, 0.5, 1.0, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class Drawn:
    """A program, and the values that its parameters take.

    Attributes
    ----------
    program
        The program.
    parameters
        Its parameters, in order.
    values
        The values of each.
    """

    program: Program
    parameters: tuple[Parameter, ...]
    values: tuple[tuple[float, ...], ...]

    def sets(self, rng: np.random.Generator, count: int) -> list[tuple[float, ...]]:
        """Return so many different parameter sets, or all that there are."""
        found: dict[tuple[float, ...], None] = {}
        for _ in range(4 * count):
            found[tuple(v[int(rng.integers(len(v)))] for v in self.values)] = None
            if len(found) == count:
                break
        return list(found)


class Maker:
    """Draws the parts of one program. Equal expressions are one node, as authors' are."""

    def __init__(self, rng: np.random.Generator, timeframes: tuple[str, ...] = ()) -> None:
        self.rng = rng
        self.timeframes = timeframes
        self.nodes: dict[Node, int] = {}
        self.parameters: list[Parameter] = []
        self.values: list[tuple[float, ...]] = []
        self.feed = "bars2" if rng.random() < 0.25 else "bars"

    # Chance

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one(self, values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    # Nodes

    def node(self, op: str, *args: int, value: float = 0.0, text: str = "") -> int:
        if self.timeframes and args and op not in ("resample", "latest"):
            args, higher = self.of_higher_bars(args)
            if higher:
                return self.node("latest", self.plain(op, args, value, text))
        return self.plain(op, args, value, text)

    def plain(self, op: str, args: tuple[int, ...], value: float, text: str) -> int:
        return self.nodes.setdefault(Node(op, args, value, text), len(self.nodes))

    def of_higher_bars(self, args: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
        """Return parts as columns of higher bars where all of them are known of the same ones."""
        nodes = list(self.nodes)
        if not any(nodes[part].op == "latest" for part in args):
            return args, False
        kinds = kinds_of(nodes, len(self.parameters), len(FUNCTIONS))
        higher = higher_of(nodes, kinds)
        columns = [part for part in args if kinds[part] != "number"]
        known = {part: nodes[part].args[0] for part in columns if nodes[part].op == "latest"}
        bars = {higher[known[part]] if part in known else "" for part in columns}
        if not columns or len(bars) > 1 or "" in bars or self.chance(0.2):
            return args, False
        return tuple(known.get(part, part) for part in args), True

    def constant(self, value: float) -> int:
        return self.node("constant", value=value)

    def parameter(self, kind: str, values: tuple[float, ...]) -> int:
        """Return a parameter; one time in four an earlier one that has the same values."""
        places = [k for k, v in enumerate(self.values) if v == values]
        if places and (self.chance(0.25) or len(self.values) >= 8):
            return self.node("parameter", value=self.one(places))
        place = len(self.parameters)
        self.parameters.append(Parameter(f"p{place}", kind, -1e9, 1e9, "a number"))  # type: ignore[arg-type]  # one of the two kinds
        self.values.append(values)
        return self.node("parameter", value=place)

    def price(self, name: str, feed: str | None = None) -> int:
        if feed is None:
            feed = self.feed if self.chance(0.2) else "bars"
        place = self.node("feed", text=f"{feed}.{name}")
        if self.timeframes and self.chance(0.5):
            higher = self.node("resample", place, text=self.one(self.timeframes))
            return self.node("latest", higher)
        return place

    # Numbers

    def number(self, values: tuple[float, ...]) -> int:
        """Return one of the values, as a constant or by parameters."""
        match int(self.rng.integers(9)):
            case 0 | 1 | 2:
                return self.constant(self.one(values))
            case 7:
                return self.node("shift", self.constant(self.one(values)), self.length())
            case 3 | 4 | 5:
                count = min(len(values), 3)
                drawn = sorted({float(self.one(values)) for _ in range(count)})
                return self.parameter("float", tuple(drawn))
            case 6:
                first, second = self.constant(self.one(values)), self.constant(self.one(values))
                if self.chance(0.5):
                    return self.node("choose", self.toggle(), first, second)
                return self.node("where", self.toggle(), first, second)
            case _:
                half = self.node("mul", self.constant(self.one(values)), self.constant(0.5))
                return self.node("add", half, half)

    def toggle(self) -> int:
        """Return a number of 0 or 1."""
        match int(self.rng.integers(6)):
            case 0 | 1 | 2:
                return self.parameter("int", (0.0, 1.0))
            case 3:
                return self.constant(float(self.rng.integers(2)))
            case 4:
                known = self.node(
                    self.one(("lt", "le", "gt", "ge", "eq", "ne")),
                    self.parameter("float", (0.5, 1.5)),
                    self.constant(self.one((0.5, 1.0))),
                )
                return self.node("not", known) if self.chance(0.3) else known
            case _:
                return self.node(self.one(("and", "or")), self.toggle(), self.toggle())

    def length(self) -> int:
        """Return a number that is whole and at least 1, whatever the parameters."""
        match int(self.rng.integers(9)):
            case 0 | 1:
                return self.constant(self.one((1.0, 2.0, 3.0, 5.0, 8.0)))
            case 2 | 3 | 4:
                return self.parameter("int", self.one(((1.0, 2.0, 4.0), (2.0, 3.0), (3.0, 6.0))))
            case 5:
                return self.node("add", self.length(), self.constant(1.0))
            case 6:
                half = self.node("div", self.length(), self.constant(2.0))
                return self.node("maximum", self.constant(1.0), self.node("floor", half))
            case 7:
                factor = self.parameter("float", (0.5, 1.0, 1.5))
                scaled = self.node("round_half_up", self.node("mul", self.length(), factor))
                return self.node("maximum", scaled, self.constant(1.0))
            case _:
                root = self.node("sqrt", self.node("abs", self.node("neg", self.length())))
                whole = self.node("round_half_up", root)
                return self.node("minimum", whole, self.constant(9.0))

    # Columns

    def level(self, depth: int = 2) -> int:
        """Return a column near the price."""
        if depth == 0:
            return self.price(self.one(PRICES))
        match int(self.rng.integers(16)):
            case 0 | 1 | 2:
                return self.price(self.one(PRICES))
            case 14:
                # To a step of prices.
                step = self.constant(self.one((0.25, 0.5, 1.0)))
                count = self.node("div", self.level(depth - 1), step)
                round_ = self.one(("floor", "round_half_up", "round_half_up"))
                return self.node("mul", self.node(round_, count), step)
            case 3 | 4:
                return self.node(self.one(AVERAGES), self.level(depth - 1), self.length())
            case 5 | 6:
                window = self.one(("highest", "lowest"))
                return self.node(window, self.level(depth - 1), self.length())
            case 7:
                bars = self.constant(0.0) if self.chance(0.1) else self.length()
                return self.node("shift", self.level(depth - 1), bars)
            case 8 | 9:
                by = self.number(DISTANCES) if self.chance(0.7) else self.width(depth - 1)
                return self.node(self.one(("add", "sub")), self.level(depth - 1), by)
            case 10:
                parts = self.level(depth - 1), self.level(depth - 1)
                return self.node(self.one(("minimum", "maximum")), *parts)
            case 11:
                parts = self.level(depth - 1), self.level(depth - 1)
                return self.node("where", self.condition(depth - 1), *parts)
            case 12:
                branches = [self.level(depth - 1) for _ in range(int(self.rng.integers(2, 4)))]
                # A third branch is never chosen, and counts for the lookback all the same.
                return self.node("choose", self.toggle(), *branches)
            case 13:
                factor = self.number((0.99, 1.0, 1.01))
                return self.node("mul", self.level(depth - 1), factor)
            case _:
                return self.call(depth)

    def call(self, depth: int) -> int:
        """Return what a function of the user's makes of columns near the price."""
        match int(self.rng.integers(3)):
            case 0:
                parts = self.price("high"), self.price("low"), self.length()
            case 1:
                parts = self.level(depth - 1), self.number((-1.0, 0.5, 1.0))  # type: ignore[assignment]  # as many as it takes
                return self.node("call", *parts, value=1)
            case _:
                return self.node("call", self.level(depth - 1), value=2)
        return self.node("call", *parts, value=0)

    def width(self, depth: int = 2) -> int:
        """Return a column of about the range of a bar."""
        match int(self.rng.integers(12)):
            case 0 | 1:
                feed = self.feed if self.chance(0.2) else "bars"
                prices = [self.price(name, feed) for name in ("high", "low", "close")]
                if self.chance(0.1):
                    prices[2] = self.node("shift", prices[2], self.length())
                tr = self.node("true_range", *prices)
                averaged = self.odd(depth) if depth and self.chance(0.2) else tr
                return self.node(self.one(AVERAGES), averaged, self.length())
            case 2:
                return self.node("sub", self.price("high", "bars"), self.price("low", "bars"))
            case 3:
                return self.node("stdev", self.level(max(depth - 1, 0)), self.length())
            case 4:
                parts = self.level(max(depth - 1, 0)), self.level(max(depth - 1, 0))
                return self.node("abs", self.node("sub", *parts))
            case 5 | 6 if depth:
                return self.node("mul", self.width(depth - 1), self.number((0.5, 0.75, 1.5, 2.0)))
            case 7 if depth:
                return self.odd(depth)
            case 8 if depth:
                width = self.odd(depth) if self.chance(0.4) else self.width(depth - 1)
                other = self.constant(self.one(DISTANCES))
                return self.node(self.one(("minimum", "maximum")), width, other)
            case 9:
                window = self.one(WINDOWS)
                return self.node(window, self.number(DISTANCES), self.length())
            case _:
                return self.number(DISTANCES)

    def odd(self, depth: int) -> int:
        """Return a width that is NaN, infinite or negative in some bars."""
        if self.chance(0.5):
            gap = self.node("sub", self.price("close", "bars"), self.price("open", "bars"))
        else:
            gap = self.node("sub", self.level(depth - 1), self.level(depth - 1))
        match int(self.rng.integers(4)):
            case 0:
                return self.node("sqrt", gap)
            case 1:
                return self.node("div", self.width(depth - 1), gap)
            case 2:
                known = self.node("gt", self.node("sqrt", gap), self.number((0.3, 0.6)))
                return self.node("where", known, self.width(depth - 1), self.width(depth - 1))
            case _:
                return gap

    def condition(self, depth: int = 2) -> int:
        """Return a condition, or what may stand for one."""
        match int(self.rng.integers(13)):
            case 0 | 1 | 2 | 3:
                compared = self.one(("lt", "le", "gt", "ge", "ge", "le"))
                below = max(depth - 1, 0)
                return self.node(compared, self.level(below), self.level(below))
            case 4:
                if self.chance(0.5):
                    # Not known in some bars, and then its opposite is not either.
                    known = self.node(self.one(("lt", "ge")), self.odd(1), self.constant(0.5))
                else:
                    known = self.node("eq", self.price("close"), self.price("open"))
                return self.node("not", known) if self.chance(0.7) else known
            case 5:
                a, b, one = self.level(1), self.level(1), self.constant(1.0)
                before = self.node("shift", a, one), self.node("shift", b, one)
                return self.node("and", self.node("gt", a, b), self.node("le", *before))
            case 6 | 7:
                place = self.node("rank", self.price(self.one(PRICES)), self.length())
                return self.node(self.one(("gt", "le")), place, self.number((0.3, 0.5, 0.7)))
            case 8 | 9 if depth:
                parts = self.condition(depth - 1), self.condition(depth - 1)
                return self.node(self.one(("and", "or")), *parts)
            case 10 if depth:
                return self.node("not", self.condition(depth - 1))
            case 11 if depth:
                parts = self.condition(depth - 1), self.condition(depth - 1)
                if self.chance(0.5):
                    return self.node("choose", self.toggle(), *parts)
                return self.node("where", self.condition(depth - 1), *parts)
            case 12:
                # A number that is the same in all bars, or a column: all but 0 holds.
                return self.toggle() if self.chance(0.5) else self.width(0)
            case _:
                change = self.node("shift", self.price("close"), self.length())
                return self.node("ne", self.price("close"), change)

    # Orders

    def beside(self, up: bool) -> int:
        """Return a level that is mostly above, or mostly below the price."""
        if self.chance(0.35):
            return self.level()
        draw = self.one((self.number, self.number, self.width, self.odd))
        by = draw(DISTANCES) if draw == self.number else draw(1)
        return self.node("add" if up else "sub", self.level(1), by)

    def entry(self, long: bool) -> Order:
        kind = self.one(
            ("at_open", "stop", "stop", "limit", "limit", "pullback", "pullback", "breakout")
        )
        when = self.condition() if self.chance(0.9 if kind == "at_open" else 0.5) else None
        match kind:
            case "at_open":
                return Order(kind, None, when)
            case "stop":
                return Order(kind, self.beside(up=long), when)
            case "limit":
                return Order(kind, self.beside(up=not long), when)
        return Order(kind, self.width(), when)

    def exit(self, long: bool) -> Order:
        kind = self.one(
            ("at_open", "stop", "limit", "trail", "trail", "loss", "loss", "target", "after")
        )
        when = None
        if kind in CONDITIONAL_EXITS:
            when = self.condition() if self.chance(0.9 if kind == "at_open" else 0.4) else None
        match kind:
            case "at_open":
                return Order(kind, None, when)
            case "stop":
                return Order(kind, self.beside(up=not long), when)
            case "limit":
                return Order(kind, self.beside(up=long), when)
            case "after":
                return Order(kind, self.length())
        percent = kind != "trail" and self.chance(0.4)
        width = self.odd(2) if self.chance(0.15) else self.width()
        return Order(kind, width, when, percent)

    def orders(self, draw: Callable[[bool], Order], long: bool, least: int) -> tuple[Order, ...]:
        count = int(self.rng.choice([least, 1, 1, 2, 2, 3, 8 if self.chance(0.1) else 2]))
        return tuple(draw(long) for _ in range(count))

    def switch(self, share: float) -> int | None:
        """Return a number that is not 0 in some sets; None if there is none."""
        if not self.chance(share):
            return None
        if self.chance(0.05):
            return self.node("sqrt", self.constant(-1.0))
        return self.constant(1.0) if self.chance(0.4) else self.toggle()

    def size(self) -> int:
        """Return a share of the equity, now and then one that cannot be."""
        match int(self.rng.integers(4)):
            case 0:
                return self.number((0.1, 0.5, 1.0))
            case 1:
                return self.node("rank", self.price("close"), self.length())
            case 2:
                shares = self.constant(0.25), self.number((0.0, 0.75, 1.0, 1.5))
                return self.node("where", self.condition(1), *shares)
            case _:
                return self.node("div", self.width(1), self.constant(2.0))


def draw(seed: int) -> Drawn:
    """Return the program of a seed."""
    rng = np.random.default_rng([22, seed])
    timeframes: tuple[str, ...] = ()
    if seed >= HIGHER:
        timeframes = TIMEFRAMES if rng.random() < 0.3 else TIMEFRAMES[:1]
    make = Maker(rng, timeframes)
    sides = make.one(((True, True), (True, True), (True, False), (False, True)))
    entries: list[tuple[Order, ...]] = []
    exits: list[tuple[Order, ...]] = []
    for long, traded in zip((True, False), sides, strict=True):
        entries.append(make.orders(make.entry, long, 1) if traded else ())
        # A side that is not traded may have exits all the same.
        exits.append(make.orders(make.exit, long, 0) if traded or make.chance(0.1) else ())
    same_bar: SameBar = make.one(("next", "next", "open", "worst"))
    both_sides = all(sides)
    amount = make.one(("settings", "settings", "risk", "size"))
    program: dict[str, Any] = {
        "reverse_to_long": make.switch(0.5 if both_sides else 0.1),
        "reverse_to_short": make.switch(0.5 if both_sides else 0.1),
        "both": make.switch(0.5 if both_sides else 0.1) if same_bar == "next" else None,
        "risk": make.number((0.005, 0.02, 0.1, 1.0)) if amount == "risk" else None,
        "size": make.size() if amount == "size" else None,
    }
    # Every program has a parameter, as every strategy does, though an order may not need it.
    if not make.parameters:
        make.parameter("float", (0.0, 1.0))
    program |= {
        "parameters": tuple(p.name for p in make.parameters),
        "nodes": tuple(make.nodes),
        "long": entries[0],
        "short": entries[1],
        "exit_long": exits[0],
        "exit_short": exits[1],
        "same_bar": same_bar,
        "functions": FUNCTIONS,
    }
    return Drawn(Program(**program), tuple(make.parameters), tuple(make.values))
