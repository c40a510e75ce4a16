"""What is known of figures: their names, which direction is better, scales and ranges."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from wfo.errors import InputError, did_you_mean
from wfo.metrics import DEFINITIONS
from wfo.text import printable, shown
from wfo.yaml_text import read_yaml

Direction = Literal["maximise", "minimise"]
Aggregate = Literal["median", "mean", "minimum"]

DIRECTIONS: Final[tuple[Direction, ...]] = ("maximise", "minimise")
AGGREGATES: Final[tuple[Aggregate, ...]] = ("median", "mean", "minimum")

#: Other names of figures of `wfo.metrics`.
ALIASES: Final[Mapping[str, str]] = {
    "calmar": "mar",
    "drawdown": "max_drawdown_share",
    "profit": "total_return",
}

#: Figures of `wfo.metrics`, by the names that they have there.
KNOWN: Final[frozenset[str]] = frozenset(d.name for d in DEFINITIONS)

#: Characters of the name of a figure, at most.
_LONGEST_NAME: Final = 100

#: How far rounding may take a figure beyond its range.
_ROUNDING: Final = 1e-9


class Known(NamedTuple):
    """What is known of a figure.

    Attributes
    ----------
    direction
        Which is better.
    low, high
        Values that count as 0 and 1 (of a figure that is minimised: as 1 and 0); None where none
        are known.
    least, most
        The range that its definition allows; infinite where there is no end.
    """

    direction: Direction = "maximise"
    low: float | None = None
    high: float | None = None
    least: float = -math.inf
    most: float = math.inf


def canonical(name: str) -> str:
    """Return the name that `wfo.metrics` has for a figure; any other name as it is."""
    return ALIASES.get(name, name)


def spellings(name: str) -> tuple[str, ...]:
    """Return the names under which a figure may be given, the canonical one first."""
    own = canonical(name)
    return (own, *(alias for alias, of in ALIASES.items() if of == own))


def shipped(name: str) -> dict[str, Any]:
    """Return what a shipped file of defaults says, such as ``"objective"``; each time anew."""
    return copy.deepcopy(_shipped(name))


@functools.cache
def _shipped(name: str) -> dict[str, Any]:
    path = Path(__file__).parents[1] / "defaults" / f"{name}.yaml"
    found: dict[str, Any] = read_yaml(path, str(path), missing=f"{path} is missing")
    return found


@functools.cache
def known(name: str) -> Known:
    """Return what is known of a figure; of any other than those of `wfo.metrics`, nothing."""
    data = shipped("objective")["figures"].get(canonical(name))
    if data is None:
        return Known()
    low, high = data["scale"]
    least, most = data.get("range", (None, None))
    return Known(
        data["direction"],
        float(low),
        float(high),
        -math.inf if least is None else float(least),
        math.inf if most is None else float(most),
    )


def is_name(name: object) -> bool:
    """Whether something can be the name of a figure: a short line without what steers a screen."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= _LONGEST_NAME
        and name == name.strip() == printable(name)
        and not set(name) & {"\n", "\t", ":"}
    )


def near(name: str) -> str:
    """Return a hint at the figure of `wfo.metrics` that another name is near to, if one is."""
    hint = did_you_mean(name, KNOWN | set(ALIASES))
    return hint if hint.startswith("; did") else ""


def unknown_figures(wanted: Iterable[tuple[str, str]], given: Iterable[str]) -> list[str]:
    """Return a line for each figure that is asked for and not given.

    Parameters
    ----------
    wanted
        Where each is asked for, and its name.
    given
        The figures that an evaluation gives.
    """
    have = {canonical(name) for name in given}
    names = {spelt for name in have for spelt in spellings(name)}
    return [
        f"{where}: there is no figure {shown(name)} among those that an evaluation gives"
        f"{did_you_mean(name, names)}"
        for where, name in wanted
        if canonical(name) not in have
    ]


def defined(name: str, value: object) -> float:
    """Return a figure as a float; NaN where it is not defined.

    It is not where it is absent (None), no number, not finite, or outside the range of the figure.
    Rounding may take it beyond a range by 1e-9.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    if not math.isfinite(number):
        return math.nan
    of = known(name)
    if of.least <= number <= of.most:
        return number
    inside = min(max(number, of.least), of.most)
    return inside if abs(number - inside) <= _ROUNDING else math.nan


def impossible(figures: Mapping[str, float | None]) -> str:
    """Return what is wrong with figures that a program gives; empty where nothing is.

    A figure by the name of one of `wfo.metrics` is counted as it is there: shares are fractions,
    and a drawdown is positive. What cannot be one is refused, since a drawdown of -0.5 would keep
    to any limit, and a win rate of 45 too. A percentage below 1 cannot be told from a fraction.

    Figures that this package computes need no such look: where they lie outside their range, as a
    drawdown of more than everything does, they are not defined.

    Parameters
    ----------
    figures
        Of one symbol in one window; None where undefined.
    """
    for name, value in figures.items():
        if value is not None and math.isfinite(value) and math.isnan(defined(name, value)):
            return f"{name} = {value:g} must be {_meant(value, known(name))}"
    for alias, own in ALIASES.items():
        if alias in figures and own in figures:
            first, second = defined(own, figures[own]), defined(own, figures[alias])
            if first != second and not (math.isnan(first) and math.isnan(second)):
                return (
                    f"{own} = {first:g} and {alias} = {second:g} are one figure, and differ; return"
                    " it by one name"
                )
    return ""


def _meant(value: float, of: Known) -> str:
    """Return how a figure is counted, and what the value may have been meant as."""
    if of.most == 1:
        size = abs(value) if abs(value) <= 1 else abs(value) / 100
        sign = "a positive fraction" if value < 0 else "a fraction"
        return f"{sign}, 0.2 of 20 %" + (f"; is {size:g} meant?" if size <= 1 else "")
    return "0 or less: a loss is negative" if of.most == 0 else "0 or more"


def aggregated(
    figures: Sequence[Mapping[str, Mapping[str, float]]],
    aggregate: Aggregate,
    symbols: Sequence[str] = (),
) -> dict[str, float]:
    """Return the figures of a trial: over its symbols in each window, then the mean over windows.

    Counts such as trades are no exception: the windows of a schedule overlap, so that a sum would
    count a trade more than once. A figure that is not defined in one window or symbol is not.

    Parameters
    ----------
    figures
        One item a window, each figures by symbol.
    aggregate
        ``"minimum"`` takes the worst symbol's: the largest of a figure that is minimised.
    symbols
        Those that must be there, unless the figures are of the one symbol ``""``.

    Returns
    -------
    dict
        By the name that each is given under, in the order of the first window.
    """
    names = dict.fromkeys(name for window in figures for of in window.values() for name in of)
    found = {}
    for name in names:
        total = 0.0
        for window in figures:
            of_symbols = [window.get(s, {}) for s in symbols_of(window, symbols)]
            total += _over_symbols(
                name, [defined(name, each.get(name)) for each in of_symbols], aggregate
            )
        value = total / len(figures)
        found[name] = value if math.isfinite(value) else math.nan
    return found


def symbols_of(window: Mapping[str, Any], symbols: Sequence[str]) -> Sequence[str]:
    """Return the symbols whose figures a window has, or must have, in an order of their own."""
    return symbols if symbols and "" not in window else tuple(sorted(window))


def _over_symbols(name: str, values: list[float], aggregate: Aggregate) -> float:
    if not values or any(math.isnan(v) for v in values):
        return math.nan
    if aggregate == "median":
        values = sorted(values)
        half = len(values) // 2
        return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2
    if aggregate == "mean":
        total = 0.0
        for value in values:
            total += value
        return total / len(values)
    return max(values) if known(name).direction == "minimise" else min(values)


def checked_aggregate(value: object) -> Aggregate:
    """Return one of the ways to aggregate.

    Raises
    ------
    InputError
        If it is none, with the nearest one.
    """
    for each in AGGREGATES:
        if isinstance(value, str) and value == each:
            return each
    raise InputError(f"aggregate = {shown(value)} is unknown{did_you_mean(value, AGGREGATES)}")
