"""What expressions are, in a second reading of the contract of rules: lists, from definitions.

Ids in brackets are those of `wfo/rules/CONTRACT.md`, X those of ATR-D's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from wfo.rules.nodes import WINDOWS, Kind, Node
from wfo.rules.program import Program

NAN, INF = math.nan, math.inf

Column = list[float]
Feeds = Mapping[str, Mapping[str, Any]]


def divide(a: float, b: float) -> float:
    """Return a quotient as IEEE 754 has it."""
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a) or math.isnan(b):
        return NAN
    return math.copysign(INF, a) * math.copysign(1.0, b)


def whole_below(a: float) -> float:
    return float(math.floor(a)) if math.isfinite(a) else a


def known(*parts: float) -> bool:
    return not any(math.isnan(part) for part in parts)


def compared(test: Callable[[float, float], bool]) -> Callable[..., float]:
    return lambda a, b: float(test(a, b)) if known(a, b) else NAN


ELEMENTWISE: dict[str, Callable[..., float]] = {
    # [E1]
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": divide,
    "neg": lambda a: -a,
    "abs": abs,
    "sqrt": lambda a: math.sqrt(a) if a >= 0 else NAN,
    "floor": whole_below,
    "round_half_up": lambda a: whole_below(a + 0.5),
    # [E2]
    "minimum": lambda a, b: (a if a < b else b) if known(a, b) else NAN,
    "maximum": lambda a, b: (a if a > b else b) if known(a, b) else NAN,
    # [E3]
    "lt": compared(lambda a, b: a < b),
    "le": compared(lambda a, b: a <= b),
    "gt": compared(lambda a, b: a > b),
    "ge": compared(lambda a, b: a >= b),
    "eq": compared(lambda a, b: a == b),
    "ne": compared(lambda a, b: a != b),
    # [E4]
    "and": lambda a, b: float(a != 0 and b != 0) if known(a, b) else NAN,
    "or": lambda a, b: float(a != 0 or b != 0) if known(a, b) else NAN,
    "not": lambda a: float(a == 0) if known(a) else NAN,
    # [E5] [E6]
    "where": lambda c, a, b: NAN if math.isnan(c) else a if c != 0 else b,
    "choose": lambda k, *all_: next((a for i, a in enumerate(all_) if i == k), NAN),
}


def total(values: Sequence[float]) -> float:
    """Return the sum from 0 on, oldest first [X9]."""
    found = 0.0
    for value in values:
        found += value
    return found


def deviation(values: Column) -> float:
    p = len(values)
    mean = total(values) / p
    return math.sqrt(total([(v - mean) * (v - mean) for v in values]) / p)


def weighted(values: Column) -> float:
    p = len(values)
    return total([(k + 1) * v for k, v in enumerate(values)]) / (p * (p + 1) / 2)


# Of a full window without NaN [C2].
OF_WINDOW: dict[str, Callable[[Column], float]] = {
    "sma": lambda values: total(values) / len(values),
    "wma": weighted,
    "stdev": deviation,
    "highest": max,
    "lowest": min,
    "rank": lambda values: sum(v <= values[-1] for v in values) / len(values),
}


def windowed(op: str, x: Column, p: int) -> Column:
    found = []
    for t in range(len(x)):
        window = x[t + 1 - p : t + 1] if t + 1 >= p else []
        found.append(OF_WINDOW[op](window) if window and known(*window) else NAN)  # [C3]
    return found


def exponential(x: Column, p: int) -> Column:
    """Return the average that begins with the first number [C4] [C6]."""
    found, e, begun = [], NAN, False
    for v in x:
        if math.isnan(v):
            found.append(NAN)
            continue
        e = e + 2 / (p + 1) * (v - e) if begun else v
        begun = True
        found.append(e)
    return found


def wilders(x: Column, p: int) -> Column:
    """Return Wilder's average [C5] [C6]."""
    found: Column = []
    first: Column = []
    e = NAN
    for v in x:
        if math.isnan(v):
            found.append(NAN)
            continue
        if len(first) < p:
            first.append(v)
            e = total(first) / p if len(first) == p else NAN
        else:
            e = (e * (p - 1) + v) / p
        found.append(e)
    return found


def true_range(high: Column, low: Column, close: Column) -> Column:
    found = []
    for t in range(len(high)):
        if t == 0:
            found.append(high[0] - low[0])
            continue
        parts = high[t], low[t], close[t - 1]
        top, bottom = max(high[t], close[t - 1]), min(low[t], close[t - 1])
        found.append(top - bottom if known(*parts) else NAN)
    return found


@lru_cache(maxsize=4)
def kinds_of(program: Program) -> list[Kind]:
    """Return what each node is; worked out once for the sets of a program."""
    return program.kinds


def evaluate(
    program: Program, feeds: Feeds, values: Sequence[float], n: int
) -> list[float | Column]:
    """Return each node's value: a number, or one a bar."""
    kinds = kinds_of(program)
    found: list[float | Column] = []
    for node, kind, higher in zip(program.nodes, kinds, program.higher, strict=True):
        own = len(bars_of_higher(feeds[higher])) if higher else n
        if node.op in ("resample", "latest"):
            found.append(_of_higher(program, node, found, feeds))
            continue

        def column(place: int, own: int = own) -> Column:
            value = found[place]
            return value if isinstance(value, list) else [value] * own

        found.append(_value(program, node, kind, found, column, feeds, values, own))
    return found


def bars_of_higher(groups: Mapping[str, Any]) -> list[list[int]]:
    """Return the bars that each higher bar is made of [G1]."""
    numbers = [float(v) for v in groups["group"]]
    known_numbers = sorted({number for number in numbers if known(number)})
    return [[t for t, own in enumerate(numbers) if own == number] for number in known_numbers]


def closed_by(groups: Mapping[str, Any], t: int) -> int:
    """Return how many higher bars are closed by the end of a bar [G3]."""
    numbers = [float(v) for v in groups["group"] if known(float(v))]
    return max(0, int(groups["closed"][t] - min(numbers, default=0)))


def _of_higher(program: Program, node: Node, found: list[float | Column], feeds: Feeds) -> Column:
    values = found[node.args[0]]
    assert isinstance(values, list)
    if node.op == "latest":
        groups = feeds[program.higher[node.args[0]]]
        counts = [closed_by(groups, t) for t in range(len(groups["closed"]))]
        return [values[count - 1] if count else NAN for count in counts]
    name = program.nodes[node.args[0]].text.split(".")[1]
    each = [[values[t] for t in own] for own in bars_of_higher(feeds[node.text])]
    taken: dict[str, Callable[[Column], float]] = {
        "open": lambda own: own[0],
        "high": max,
        "low": min,
        "volume": total,
    }
    return [taken.get(name, lambda own: own[-1])(own) for own in each]


def _value(
    program: Program,
    node: Node,
    kind: str,
    found: list[float | Column],
    column: Callable[[int], Column],
    feeds: Feeds,
    values: Sequence[float],
    n: int,
) -> float | Column:
    parts = node.args
    match node.op:
        case "parameter":
            return float(values[int(node.value)])
        case "constant":
            return float(node.value)
        case "feed":
            feed, name = node.text.split(".")
            return [float(v) for v in feeds[feed][name]]
        case "true_range":
            return true_range(*(column(part) for part in parts))
        case "shift":
            if kind == "number":
                return found[parts[0]]
            k = length(found[parts[1]], 0)
            return ([NAN] * k + column(parts[0]))[:n]  # [C1]
        case "call":
            function = program.functions[int(node.value)]
            given = [np.array(p) if isinstance(p, list) else p for p in (found[k] for k in parts)]
            return [float(v) for v in function.call(*given)]  # [C8]
    if node.op in WINDOWS:
        x, p = column(parts[0]), length(found[parts[1]], 1)
        if node.op in ("ema", "rma"):
            return exponential(x, p) if node.op == "ema" else wilders(x, p)
        return windowed(node.op, x, p)
    do = ELEMENTWISE[node.op]
    if kind == "number":
        return do(*(found[part] for part in parts))
    return [do(*each) for each in zip(*map(column, parts), strict=True)]


def length(value: Any, least: int) -> int:
    """Return a number of bars [P3]."""
    assert value == int(value) >= least, f"{value} is no number of bars"
    return int(value)


def first_bar(program: Program, values: Sequence[float], feeds: Feeds | None = None) -> int:
    """Return the first bar in which all expressions of the orders can have a value [P4] [G4]."""
    numbers = evaluate_numbers(program, values)
    higher = program.higher
    first: list[int] = []
    for node, kind in zip(program.nodes, kinds_of(program), strict=True):
        latest = max((first[part] for part in node.args), default=0)
        if kind == "number":
            latest = 0
        elif node.op == "true_range" and first[node.args[2]] > 0:
            # The close is that of the bar before.
            latest = max(latest, first[node.args[2]] + 1)
        elif node.op == "shift":
            latest += length(numbers[node.args[1]], 0)
        elif node.op in WINDOWS and node.op != "ema":
            latest += length(numbers[node.args[1]], 1) - 1
        elif node.op == "call":
            given = [numbers[part] for part in node.args if numbers[part] is not None]
            latest += program.functions[int(node.value)].lookback(*given)
        elif node.op == "latest" and feeds is not None:
            groups = feeds[higher[node.args[0]]]
            bars = range(len(groups["closed"]))
            latest = next((t for t in bars if closed_by(groups, t) > latest), len(bars))
        first.append(latest)
    orders = (*program.long, *program.short, *program.exit_long, *program.exit_short)
    used = [program.size, *(node for order in orders for node in (order.value, order.when))]
    return max([first[node] for node in used if node is not None], default=0)


def evaluate_numbers(program: Program, values: Sequence[float]) -> list[Any]:
    """Return the value of each number; None for a column."""
    found: list[Any] = []
    for node, kind in zip(program.nodes, kinds_of(program), strict=True):
        if kind != "number":
            found.append(None)
        else:
            found.append(_value(program, node, kind, found, lambda part: [], {}, values, 0))
    return found
