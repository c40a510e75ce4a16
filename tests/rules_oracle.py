"""A second reading of the contract of rules, in plain Python, bar by bar.

It is slow on purpose: each value is taken from its definition, and nothing is carried from bar to
bar but the state. Ids in brackets are those of `wfo/rules/CONTRACT.md`, M those of ATR-D's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from random_rules import PRICES
from rules_oracle_columns import NAN, Feeds, evaluate

import wfo
from wfo.rules.program import Order, Program


@dataclass(frozen=True)
class Touch:
    """An order that is touched in a bar."""

    name: str
    side: int
    level: float
    up: bool
    fill: float
    at_open: bool
    rank: tuple[int, ...]

    def moment(self, open_: float, high: float, low: float) -> tuple[Any, ...]:
        """Return what sorts touches by the time at which they happen [B2]."""
        if self.at_open:
            return (0, 0, 0.0, self.rank)  # [O1]
        high_first = high - open_ < open_ - low
        # [O2] [O3]
        return (1, int(self.up != high_first), self.level if self.up else -self.level, self.rank)


KIND_RANK = {"at_open": 0, "after": 0, "stop": 1, "trail": 1, "loss": 1, "limit": 2, "target": 2}
STOPS = ("stop", "trail", "loss")


@dataclass
class Found:
    """What the oracle found: trades of more than 0 shares, marks at closes, and what happened."""

    trades: list[tuple[int, int, float, int, float, float]] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    reversals: list[tuple[int, float]] = field(default_factory=list)
    open_since: int = -1
    seen: Counter[str] = field(default_factory=Counter)
    #: Of each fill its bar, the state that it leads to, and its price.
    fills: list[tuple[int, int, float]] = field(default_factory=list)


class Walk:
    """One backtest."""

    def __init__(
        self,
        program: Program,
        feeds: Feeds,
        sets: Sequence[tuple[int, Sequence[float]]],
        settings: wfo.AccountSettings,
        warmup: int,
    ) -> None:
        prices = [[float(v) for v in feeds["bars"][name]] for name in PRICES]
        self.open, self.high, self.low, self.close = prices
        self.n, self.warmup = len(self.open), warmup
        self.program, self.settings = program, settings
        # [T4]
        self.sets = [(first, evaluate(program, feeds, values, self.n)) for first, values in sets]
        self.values = self.sets[0][1]
        self.found = Found(equity=[settings.capital] * warmup)
        self.q = settings.capital
        # [S1]
        self.side, self.since = 0, warmup - 1
        self.price = self.shares = NAN

    # Reading

    def at(self, node: int | None, t: int, nothing: float = NAN) -> float:
        if node is None:
            return nothing
        value = self.values[node]
        return value[t] if isinstance(value, list) else value

    def number_is_on(self, node: int | None) -> bool:
        value = self.at(node, 0, 0.0)
        return value != 0 and not math.isnan(value)  # [R17] [B3]

    def holds(self, order: Order, t: int) -> bool:
        """Return whether the condition holds that decides in bar t [R14]."""
        when = self.at(order.when, t - 1, 1.0)
        return when != 0 and not math.isnan(when)

    def distance_of(self, order: Order, price: float, entry: int) -> float:
        """Return the distance of a loss or target from a fill in a bar [R10] [R11] [R13]."""
        v = self.at(order.value, entry - 1)
        return price * (v / 100) if order.percent else v

    # What is touched

    def touch(
        self, order: Order, t: int, side: int, level: float, *, up: bool, rank: tuple[int, ...]
    ) -> Touch | None:
        """Return the touch of a level, if it is finite and touched."""
        if not math.isfinite(level):
            return None  # [R14]
        if not (self.high[t] >= level if up else self.low[t] <= level):
            return None
        fill = max(self.open[t], level) if up else min(self.open[t], level)
        reached = self.open[t] >= level if up else self.open[t] <= level
        return Touch(order.kind, side, level, up, fill, reached, rank)

    def entries(self, t: int, side: int) -> list[Touch]:
        """Return the entries of a side that work and are touched."""
        found = []
        for k, order in enumerate(self.program.long if side == 1 else self.program.short):
            # [B2] Entries after exits, buys before sales.
            rank = (3, 0 if side == 1 else 1, k)
            if not self.holds(order, t):
                continue
            v = self.at(order.value, t - 1)
            now: Touch | None
            match order.kind:
                case "at_open":  # [R1]
                    open_ = self.open[t]
                    now = Touch("at_open", side, open_, True, open_, True, rank)
                case "stop":  # [R2]
                    now = self.touch(order, t, side, v, up=side == 1, rank=rank)
                case "limit":  # [R3]
                    now = self.touch(order, t, side, v, up=side == -1, rank=rank)
                case "pullback":  # [R4]
                    if side == 1:
                        level = max(self.high[self.since : t]) - v
                    else:
                        level = min(self.low[self.since : t]) + v
                    now = self.touch(order, t, side, level, up=side == -1, rank=rank)
                case _:  # [R5]
                    level = self.close[t - 1] + side * v
                    now = self.touch(order, t, side, level, up=side == 1, rank=rank)
            if now is not None and self.amount(now, t) is not None:
                found.append(now)
        return found

    def exits(
        self, t: int, kinds: Sequence[str] | None = None, *, first_bar: bool = False
    ) -> list[Touch]:
        """Return the exits of the position that work and are touched.

        In the bar of the entry the extreme of a trail is the fill [B5].
        """
        found = []
        side = self.side
        orders = self.program.exit_long if side == 1 else self.program.exit_short
        for k, order in enumerate(orders):
            rank = (KIND_RANK[order.kind], 0, k)
            if kinds is not None and order.kind not in kinds:
                continue
            if not self.holds(order, t):
                continue
            v = self.at(order.value, t - 1)
            protects = order.kind in STOPS
            # Stops of a long lie below, its limits above.
            up = (side == 1) != protects
            match order.kind:
                case "at_open" | "after":
                    # [R6] [R12]
                    if order.kind == "after" and t - self.since < v:
                        continue
                    open_ = self.open[t]
                    found.append(Touch(order.kind, side, open_, True, open_, True, rank))
                    continue
                case "stop" | "limit":  # [R7] [R8]
                    level = v
                case "trail":  # [R9]
                    if first_bar:
                        level = self.price - side * v
                    elif side == 1:
                        level = max(self.high[self.since : t]) - v
                    else:
                        level = min(self.low[self.since : t]) + v
                case "loss":  # [R10]
                    level = self.price - side * self.distance_of(order, self.price, self.since)
                case _:  # [R11]
                    level = self.price + side * self.distance_of(order, self.price, self.since)
            now = self.touch(order, t, side, level, up=up, rank=rank)
            if now is not None:
                found.append(now)
        return found

    # Sizing

    def amount(self, touch: Touch, t: int) -> float | None:
        """Return the shares of an entry, before lots; None if it does not work."""
        side, p, s = touch.side, touch.fill, self.settings
        base = min(s.capital, self.q) if s.sizing == "fixed" else self.q  # [M5]
        share_costs = p * (1 + s.slip) * (1 + s.fee) if side == 1 else p * (1 - s.slip)  # [M2]
        if self.program.size is not None:
            size = self.at(self.program.size, t - 1)
            return base * size / share_costs if 0 < size <= 1 else None  # [Z1]
        most = base / share_costs
        if self.program.risk is None:
            return most
        distances = []
        for order in self.program.exit_long if side == 1 else self.program.exit_short:
            # [Z2]
            v = self.at(order.value, t - 1)
            match order.kind:
                case "stop" if self.holds(order, t):
                    level = v
                case "trail":
                    level = p - side * v
                case "loss":
                    level = p - side * self.distance_of(order, p, t)
                case _:
                    continue
            if math.isfinite(level) and (level < p if side == 1 else level > p):
                distances.append(abs(p - level))
        if not distances:
            return None  # [Z3]
        return min(base * self.at(self.program.risk, 0) / min(distances), most)

    # Fills

    def enter(self, touch: Touch, t: int, shares: float) -> None:
        s = self.settings
        if s.lot_size > 0:  # [M6]
            shares = math.floor(shares / s.lot_size * (1 + 2.0**-50)) * s.lot_size
        self.side, self.since, self.price, self.shares = touch.side, t, touch.fill, shares
        self.found.fills.append((t, self.side, touch.fill))
        self.found.seen[f"entry {touch.name}"] += 1
        if shares == 0:
            self.found.seen["no shares"] += 1

    def worth(self, x: float) -> float:
        """Return the equity where a share is worth x, or takes x to buy back [M3]."""
        s, p = self.settings, self.price
        if self.side == 1:
            return self.q + self.shares * (x - p * (1 + s.slip) * (1 + s.fee))
        return self.q + self.shares * (p * (1 - s.slip) * (1 - s.fee) - x)

    def leave(self, t: int, x: float) -> None:
        s = self.settings
        net = x * (1 - s.slip) * (1 - s.fee) if self.side == 1 else x * (1 + s.slip) * (1 + s.fee)
        after = self.worth(net)  # [M4]
        if self.shares > 0:  # [M7]
            self.found.trades.append((self.side, self.since, self.price, t, x, after - self.q))
        self.q = after
        self.side, self.since = 0, t
        self.found.fills.append((t, 0, x))
        self.found.seen["ruin"] += after <= 0

    # Bars

    def first(self, touches: Sequence[Touch], t: int) -> Touch | None:
        def key(touch: Touch) -> tuple[Any, ...]:
            return touch.moment(self.open[t], self.high[t], self.low[t])

        return min(touches, key=key, default=None)

    def may_enter(self) -> bool:
        return self.q > 0  # [M8]

    def bar(self, t: int) -> None:
        if self.side == 0:
            self.from_flat(t)
        else:
            self.from_position(t)

    def open_position(self, touch: Touch, t: int) -> None:
        shares = self.amount(touch, t)
        assert shares is not None, "an order is filled that does not work"
        self.enter(touch, t, shares)

    def from_flat(self, t: int) -> None:
        if not self.may_enter():
            return
        buys, sales = self.entries(t, 1), self.entries(t, -1)
        first = self.first([*buys, *sales], t)
        if first is None:
            return
        if buys and sales:
            self.found.seen["two sides touched"] += 1
        self.open_position(first, t)
        if self.number_is_on(self.program.both):
            second = self.first(sales if first.side == 1 else buys, t)
            if second is not None:
                self.leave(t, second.fill)  # [B3]
                self.found.seen["both"] += 1
            return
        self.in_the_bar_of_the_entry(first, t)

    def from_position(self, t: int) -> None:
        touches = self.exits(t)
        node = self.program.reverse_to_short if self.side == 1 else self.program.reverse_to_long
        if self.number_is_on(node):
            touches += self.entries(t, -self.side)
        first = self.first(touches, t)
        if first is None:
            return
        if len(touches) > 1:
            self.found.seen["several touched"] += 1
        if first.side == self.side:
            self.found.seen[f"exit {first.name}"] += 1
            self.leave(t, first.fill)
            return
        self.leave(t, first.fill)
        self.found.seen["reversal"] += 1
        if not self.may_enter():
            self.found.seen["ruin in a reversal"] += 1
            return
        self.found.reversals.append((t, self.q))  # [M11]
        self.open_position(first, t)
        self.in_the_bar_of_the_entry(first, t)

    def in_the_bar_of_the_entry(self, entry: Touch, t: int) -> None:
        same_bar = self.program.same_bar
        if same_bar == "next":
            return  # [B4]
        resting = ("stop", "limit", "trail", "loss", "target")
        if entry.at_open:
            first = None
            if same_bar == "worst":  # [B6]
                first = self.first(self.exits(t, STOPS, first_bar=True), t)
            if first is None:
                first = self.first(self.exits(t, resting, first_bar=True), t)  # [B5]
            if first is not None:
                self.found.seen[f"same bar {first.name} at open"] += 1
                self.leave(t, first.fill)
            return
        if same_bar == "open":
            return
        # [B6] Wherever in the bar the price was: a long's highest level is met first.
        touched = self.exits(t, STOPS, first_bar=True)
        if not touched:
            return
        if self.side == 1:
            level = max(touch.level for touch in touched)
            fill = min(level, self.price)
        else:
            level = min(touch.level for touch in touched)
            fill = max(level, self.price)
        self.found.seen["same bar stop within"] += 1
        self.leave(t, fill)

    def run(self) -> Found:
        for t in range(self.warmup, self.n):
            self.values = [values for first, values in self.sets if first <= t][-1]
            self.bar(t)
            # [M10]
            self.found.equity.append(self.worth(self.close[t]) if self.side else self.q)
        if self.side and self.shares > 0:
            self.found.open_since = self.since
        return self.found


def walk(
    program: Program,
    feeds: Feeds,
    sets: Sequence[tuple[int, Sequence[float]]],
    settings: wfo.AccountSettings,
    warmup: int,
) -> Found:
    """Return what parameter sets trade, each from its first bar on."""
    return Walk(program, feeds, sets, settings, warmup).run()
