"""Ranges for TradeStation's optimizer, read from the best candidates of each plateau.

Two kinds of file, as an EasyLanguage program over TradeStation's optimization API reads them:
``phase5_refine_<StrategyName>_rank<N>.csv`` with one line an input, and
``phase5_refine_config.csv`` with one line a range file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from wfo.errors import InputError
from wfo.grid import Grid
from wfo.selection.plateaus import Plateau
from wfo.strategy import Fine, Input, Parameter, Strategy, TradeStation

if TYPE_CHECKING:
    import polars as pl

#: Tests that one range file asks TradeStation for, at most: an hour or so of daily bars.
MOST_TESTS = 50_000


@dataclass(frozen=True, slots=True)
class InputRange:
    """Start, stop and increment of one TradeStation input."""

    parameter: Parameter
    input: Input
    low: Decimal
    high: Decimal
    step: Decimal

    @property
    def tests(self) -> int:
        """How many values the range has; the last one is at or below `high`."""
        return int((self.high - self.low) // self.step) + 1


@dataclass(frozen=True, slots=True)
class PlateauRanges:
    """The ranges of one plateau.

    Attributes
    ----------
    strategy
        Whose inputs they are.
    rank
        The plateau's rank.
    ranges
        One for each parameter, in canonical order.
    notes
        What was cut to fit the fine limits.
    """

    strategy: Strategy
    rank: int
    ranges: tuple[InputRange, ...]
    notes: tuple[str, ...] = ()

    @property
    def tests(self) -> int:
        """How many tests the whole file asks for."""
        return math.prod(r.tests for r in self.ranges)

    @property
    def file_name(self) -> str:
        """``phase5_refine_<StrategyName>_rank<N>.csv``."""
        return f"phase5_refine_{in_tradestation(self.strategy).name}_rank{self.rank}.csv"

    def to_csv(self) -> str:
        """Return the range file: ``ParameterName,Min,Max,Step``."""
        lines = ["ParameterName,Min,Max,Step"]
        for r in self.ranges:
            values = ",".join(_plain(v) for v in (r.low, r.high, r.step))
            lines.append(f"{r.input.name},{values}")
        return "\n".join(lines) + "\n"


def in_tradestation(strategy: Strategy) -> TradeStation:
    """Return a strategy's names and limits in TradeStation.

    Raises
    ------
    InputError
        If it has none.
    """
    if strategy.tradestation is None:
        raise InputError(
            f"{strategy.name} has no ranges for TradeStation, since it names no inputs there; a"
            " strategy that has them says so with tradestation="
        )
    return strategy.tradestation


def plateau_ranges(
    plateau: Plateau,
    candidates: pl.DataFrame,
    grid: Grid,
    *,
    most_tests: int = MOST_TESTS,
) -> PlateauRanges | None:
    """Return the ranges around a plateau's best candidates, or None if it has none.

    Refined parameters get the bounds of the best tenth of the plateau's candidates, within their
    fine limits. Each starts at its fine step; while the file asks for more than `most_tests`, the
    range with the most values gives one up: its step becomes the widest multiple of the fine step
    that leaves as many. The others are fixed: at the
    lower median, which is a value that was searched, or at the most frequent choice.

    Parameters
    ----------
    plateau
        One of `wfo.detect_plateaus`.
    candidates
        What `wfo.score` returns.
    grid
        The grid that was swept.
    most_tests
        Tests that the file may ask for.

    Raises
    ------
    InputError
        If the strategy is none of TradeStation's.
    """
    view = in_tradestation(grid.strategy)
    top = plateau.top(candidates, grid)
    if top.is_empty():
        return None
    ranges: list[InputRange] = []
    notes: list[str] = []
    for parameter in grid.strategy.parameters:
        column, own = top[parameter.name], view.input(parameter.name)
        if not own.refined:
            value = _exact(_typical(parameter, column))
            ranges.append(InputRange(parameter, own, value, value, own.fine.step))
            continue
        low, high = _exact(column.min()), _exact(column.max())
        ranges.append(_within(parameter, own, low, high))
        if (ranges[-1].low, ranges[-1].high) != (low, high):
            notes.append(
                f"{own.name}: {_plain(low)} … {_plain(high)} became"
                f" {_plain(ranges[-1].low)} … {_plain(ranges[-1].high)}, its fine limits being"
                f" {_plain(own.fine.low)} … {_plain(own.fine.high)} by"
                f" {_plain(own.fine.step)}"
            )
    _coarsen(ranges, most_tests)
    return PlateauRanges(grid.strategy, plateau.rank, tuple(ranges), tuple(notes))


def config_csv(exported: Sequence[PlateauRanges]) -> str:
    """Return the job list: one line for each range file, in order."""
    lines = ["JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol"]
    for number, item in enumerate(exported, 1):
        strategy = item.strategy
        name = in_tradestation(strategy).name
        fields = (
            str(number),
            name,
            # TradeStation knows a strategy by its name, which is also the name of its file.
            name,
            item.file_name,
            str(item.rank),
            str(int(strategy.shorts)),
            str(int(strategy.dual_symbol)),
        )
        lines.append(",".join(fields))
    return "\n".join(lines) + "\n"


def _within(parameter: Parameter, own: Input, low: Decimal, high: Decimal) -> InputRange:
    """Return the range on the fine lattice: outward to its points, inward to its limits."""
    fine = own.fine
    down = _on_lattice(low, fine, ROUND_FLOOR)
    up = _on_lattice(high, fine, ROUND_CEILING)
    return InputRange(parameter, own, down, up, fine.step)


def _on_lattice(value: Decimal, fine: Fine, rounding: str) -> Decimal:
    steps = ((value - fine.low) / fine.step).to_integral_value(rounding)
    return min(max(fine.low + steps * fine.step, fine.low), fine.high)


def _coarsen(ranges: list[InputRange], most_tests: int) -> None:
    """Widen steps, that of the longest range first, until the tests fit."""
    while math.prod(r.tests for r in ranges) > most_tests:
        # Of equally long ranges the last one: the first parameters are the ones that matter.
        at = max(range(len(ranges)), key=lambda i: (ranges[i].tests, i))
        r = ranges[at]
        if r.tests == 1:
            return
        fine = r.input.fine.step
        units = int((r.high - r.low) / fine)
        step = units // (r.tests - 1) + 1
        # Of all steps with as many values the widest one, whose last value is nearest to `high`.
        fewer = units // step
        step = units // fewer if fewer else units + 1
        ranges[at] = InputRange(r.parameter, r.input, r.low, r.high, step * fine)


def _typical(parameter: Parameter, column: pl.Series) -> object:
    if parameter.kind == "choice":
        return column.mode().min()
    return column.quantile(0.5, interpolation="lower")


def _exact(value: object) -> Decimal:
    """Return the shortest decimal that stands for a float: 0.1 and not its binary neighbour."""
    text = repr(value)
    return Decimal(text)


def _plain(value: Decimal) -> str:
    """Write a decimal without exponent or trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
