"""Ranges for TradeStation's optimizer, read from the region of each plateau.

Two kinds of file, as an EasyLanguage program over TradeStation's optimization API reads them:
``phase5_refine_<StrategyName>_rank<N>.csv`` with one line an input, ``_part<M>`` where a plateau
needs several, and ``phase5_refine_config.csv`` with one line a range file.

A refinement searches between the values that were searched. So the range of a refined parameter
goes from the region's lowest value to its highest, in steps that are finer than the grid's and meet
every searched value on the way. All other parameters are fixed: refining them pays less than the
tests it takes. (Of ``bb_deviation`` and ``vol_threshold`` only the ratio matters, so that fixing
the one leaves the other to stand for both.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, Literal

from wfo.errors import InputError, did_you_mean
from wfo.grid import Grid
from wfo.selection.plateaus import Plateau
from wfo.selection.regions import Box, Region, bounding_box
from wfo.strategy import Fine, Input, Parameter, Strategy, TradeStation
from wfo.text import brief

if TYPE_CHECKING:
    import polars as pl

#: Tests that one range file asks TradeStation for, at most: some hours of daily bars.
MAX_TESTS = 100_000

#: Files that a plateau is divided into, at most; what would take more is narrowed.
MOST_PARTS = 4

#: Total effect inside the region below which a refined parameter is fixed.
LEAST_EFFECT = 0.01

#: Best outcomes that a file is measured by.
BEST = 100

#: Where fixed values come from.
Fix = Literal["median", "best"]
FIXES = ("median", "best")


@dataclass(frozen=True, slots=True)
class RangeOptions:
    """How ranges are made.

    Attributes
    ----------
    max_tests
        Tests of a file, at most.
    fix
        Where the values of what is fixed come from: ``"median"``, the plateau's, or ``"best"``, the
        best outcome's.
    """

    max_tests: int = MAX_TESTS
    fix: Fix = "median"

    def __post_init__(self) -> None:
        most = self.max_tests
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise InputError(f"max_tests = {brief(most)} must be a whole number, 1 or more")
        if not (isinstance(self.fix, str) and self.fix in FIXES):
            hint = did_you_mean(self.fix, FIXES)
            raise InputError(f"fix = {brief(self.fix)} must be 'median' or 'best'{hint}")

    def to_dict(self) -> dict[str, Any]:
        """Return the options as plain values, for the manifest."""
        return {"max_tests": self.max_tests, "fix": self.fix}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RangeOptions:
        """Rebuild what `to_dict` returned; an earlier version had none."""
        usual = cls()
        return cls(data.get("max_tests", usual.max_tests), data.get("fix", usual.fix))


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
        """How many values the range has; the last one is `high`."""
        return int((self.high - self.low) // self.step) + 1

    def holds(self, value: float) -> bool:
        """Whether a value is one of the range's."""
        steps = (_exact(value) - self.low) / self.step
        return self.low <= _exact(value) <= self.high and steps == steps.to_integral_value()


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many outcomes have a member among the sets of a range file.

    Attributes
    ----------
    best, best_of
        Of the best outcomes of the strategy, `BEST` of them where there are as many.
    top, top_of
        Of the outcomes among the best tenth of the plateau's candidates.
    """

    best: int
    best_of: int
    top: int
    top_of: int

    def __str__(self) -> str:
        return (
            f"{self.best} of the best {self.best_of} outcomes and {self.top:,} of the"
            f" {self.top_of:,} in the plateau's top 10 %"
        )

    def to_dict(self) -> dict[str, int]:
        """Return the counts as plain values, for the manifest."""
        return {
            "best": self.best,
            "best_of": self.best_of,
            "top": self.top,
            "top_of": self.top_of,
        }


@dataclass(frozen=True, slots=True)
class PlateauRanges:
    """A range file of one plateau.

    Attributes
    ----------
    strategy
        Whose inputs they are.
    rank
        The plateau's rank.
    ranges
        One for each parameter, in canonical order.
    coverage
        How many good outcomes lie inside.
    notes
        What was cut, narrowed and fixed, and why.
    part, parts
        Which of how many files of the plateau it is, from 1 on.
    """

    strategy: Strategy
    rank: int
    ranges: tuple[InputRange, ...]
    coverage: Coverage
    notes: tuple[str, ...] = ()
    part: int = 1
    parts: int = 1

    @property
    def tests(self) -> int:
        """How many tests the file asks for."""
        return math.prod(r.tests for r in self.ranges)

    @property
    def file_name(self) -> str:
        """``phase5_refine_<StrategyName>_rank<N>.csv``, or ``…_rank<N>_part<M>.csv``."""
        part = f"_part{self.part}" if self.parts > 1 else ""
        return f"phase5_refine_{in_tradestation(self.strategy).name}_rank{self.rank}{part}.csv"

    def to_csv(self) -> str:
        """Return the range file: ``ParameterName,Min,Max,Step``."""
        lines = ["ParameterName,Min,Max,Step"]
        for r in self.ranges:
            values = ",".join(_plain(v) for v in (r.low, r.high, r.step))
            lines.append(f"{r.input.name},{values}")
        return "\n".join(lines) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """Return what the manifest says of the file."""
        return {
            "file": self.file_name,
            "tests": self.tests,
            "coverage": self.coverage.to_dict(),
            "notes": list(self.notes),
        }


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
    region: Region | None,
    candidates: pl.DataFrame,
    grid: Grid,
    *,
    effects: Mapping[str, float | None] | None = None,
    max_tests: int = MAX_TESTS,
    fix: Fix = "median",
) -> tuple[PlateauRanges, ...]:
    """Return the ranges of a plateau's region; none where no candidate lies in the plateau.

    Every refined parameter starts at the widest step that is finer than the grid's pitch and meets
    all searched values of the region. Where that asks for too many tests, end values without any of
    the plateau's best candidates go first; then the file is divided, into `MOST_PARTS` at most; and
    where that is not enough, those end values go that cost the fewest of the best candidates for
    the tests they save. Where it leaves tests to spare, they go into finer steps, of the parameter
    of largest total effect first.

    Parameters
    ----------
    plateau
        One of `wfo.detect_plateaus`.
    region
        What `wfo.selection.regions` found for it; None takes its bounding box.
    candidates
        What `wfo.score` returns. Rows of one ``Outcome`` count once; without that column each is
        its own.
    grid
        The grid that was swept.
    effects
        Total effect of each parameter inside the region, a share of 1; what is missing or None is
        not known. A refined parameter with less than `LEAST_EFFECT` is fixed.
    max_tests
        Tests that a file may ask for.
    fix
        Where the values of fixed parameters come from: ``"median"`` of the plateau's best tenth
        inside the region (of a choice, the most frequent), or its ``"best"`` candidate there.

    Raises
    ------
    InputError
        If the strategy is none of TradeStation's, or an option is none.
    """
    view = in_tradestation(grid.strategy)
    if isinstance(max_tests, bool) or not isinstance(max_tests, int) or max_tests < 1:
        raise InputError(f"max_tests = {max_tests!r} must be a whole number, 1 or more")
    if fix not in ("median", "best"):
        hint = did_you_mean(str(fix), ("median", "best"))
        raise InputError(f"fix = {fix!r} must be 'median' or 'best'{hint}")
    top = plateau.top(candidates, grid)
    if top.is_empty():
        return ()
    bounds = bounding_box(plateau, grid) if region is None else region.bounds
    good, note = _good(plateau, bounds, top, candidates, grid)
    notes = [note] if note else []
    weakest: list[str] = []
    single: list[str] = []
    axes: list[_Axis] = []
    fixed: dict[str, Decimal] = {}
    known = effects or {}
    for parameter in grid.strategy.parameters:
        own = view.input(parameter.name)
        effect = known.get(parameter.name)
        weak = effect is not None and effect < LEAST_EFFECT
        values = [v for v in grid.values[parameter.name] if _within(v, bounds[parameter.name])]
        if own.refined and not weak:
            axes.append(_Axis(parameter, own, [_exact(v) for v in sorted(values)], effect))
            notes += axes[-1].said
            continue
        value = _exact(_typical(parameter, good[parameter.name], bounds, grid, fix))
        if own.refined:
            value = _lattice_value(value, own.fine)
            # Of one value the effect is 0 whatever the parameter does: that is no reason to fix it.
            (weakest if len(values) > 1 else single).append(f"{own.name} at {_plain(value)}")
        fixed[parameter.name] = value
    if single:
        notes.append(f"fixed, since the region has no other value of them: {', '.join(single)}")
    if weakest:
        notes.append(
            f"fixed, since their total effect inside the region is below {100 * LEAST_EFFECT:g} %:"
            f" {', '.join(weakest)}"
        )
    best = good.row(0, named=True) if fix == "best" else None
    notes += _narrow(axes, good, max_tests, best)
    _refine(axes, max_tests)
    ranges = tuple(
        InputRange(
            p, view.input(p.name), fixed[p.name], fixed[p.name], view.input(p.name).fine.step
        )
        if p.name in fixed
        else next(a for a in axes if a.parameter is p).range
        for p in grid.strategy.parameters
    )
    measure = _Measure(candidates, top)
    pieces = list(_divide(ranges, max_tests))
    if len(pieces) > 1:
        split = next(
            r
            for r, whole in zip(pieces[0], ranges, strict=True)
            if (r.low, r.high) != (whole.low, whole.high)
        )
        tests = math.prod(r.tests for r in ranges)
        notes.append(
            f"{tests:,} tests are more than the {max_tests:,} of a file, so there are {len(pieces)}"
            f" parts by {split.input.name}, which hold {measure(ranges, grid)} together"
        )
    return tuple(
        PlateauRanges(
            grid.strategy,
            plateau.rank,
            piece,
            measure(piece, grid),
            tuple(notes),
            part,
            len(pieces),
        )
        for part, piece in enumerate(pieces, 1)
    )


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


class _Axis:
    """The range of a refined parameter under way, in units of its fine step.

    Parameters
    ----------
    parameter, own
        What it is.
    values
        The searched values of the region, ascending.
    effect
        Its total effect, None if it is not known.
    """

    def __init__(
        self, parameter: Parameter, own: Input, values: list[Decimal], effect: float | None
    ) -> None:
        self.parameter, self.input, self.effect = parameter, own, effect
        fine = own.fine
        self.searched = values
        ends = (_unit(values[0], fine, ROUND_FLOOR), _unit(values[-1], fine, ROUND_CEILING))
        inner = ((v - fine.low) / fine.step for v in values)
        on = {int(u) for u in inner if u == u.to_integral_value() and ends[0] <= u <= ends[1]}
        #: Where the range may end: its bounds, and what was searched between them.
        self.points = self.begun = sorted({*ends, *on})
        #: Notes on bounds that are not those of the region.
        self.said: list[str] = []
        if (self._value(ends[0]), self._value(ends[1])) != (values[0], values[-1]):
            self.said.append(
                f"{own.name}: {_plain(values[0])} … {_plain(values[-1])} became"
                f" {_plain(self._value(ends[0]))} … {_plain(self._value(ends[1]))}, its fine limits"
                f" being {_plain(fine.low)} … {_plain(fine.high)} by {_plain(fine.step)}"
            )
        self.step = self.steps[0]

    def _value(self, unit: int) -> Decimal:
        return self.input.fine.low + unit * self.input.fine.step

    @property
    def steps(self) -> list[int]:
        """The admissible steps, the widest first."""
        gaps = [b - a for a, b in zip(self.points, self.points[1:], strict=False)]
        if not gaps:
            return [1]
        common, fine = math.gcd(*gaps), self.input.fine.step
        pitches = [b - a for a, b in zip(self.searched, self.searched[1:], strict=False)]
        pitch = min(pitches, default=fine)
        # The fine step itself is as fine as it gets.
        return [d for d in range(common, 0, -1) if common % d == 0 and (d == 1 or d * fine < pitch)]

    @property
    def tests(self) -> int:
        """How many values it has."""
        return (self.points[-1] - self.points[0]) // self.step + 1

    @property
    def range(self) -> InputRange:
        """The range as it is now."""
        low, high = self._value(self.points[0]), self._value(self.points[-1])
        return InputRange(self.parameter, self.input, low, high, self.step * self.input.fine.step)

    def without(self, *, low: bool) -> _Axis:
        """Return the axis without its lowest or highest point, at its widest step."""
        found = object.__new__(_Axis)
        found.parameter, found.input, found.effect = self.parameter, self.input, self.effect
        found.searched, found.said, found.begun = self.searched, self.said, self.begun
        found.points = self.points[1:] if low else self.points[:-1]
        found.step = found.steps[0]
        return found

    def holds_nearest(self, value: float) -> bool:
        """Whether the point nearest to a value of the region is still one of the range's."""
        unit = (_exact(value) - self.input.fine.low) / self.input.fine.step
        return min(self.begun, key=lambda point: abs(point - unit)) in self.points


def _good(
    plateau: Plateau, bounds: Box, top: pl.DataFrame, candidates: pl.DataFrame, grid: Grid
) -> tuple[pl.DataFrame, str]:
    """Return the candidates that stand for the region, best first, and what to say about them."""
    own = plateau.candidates(candidates, grid)
    for frame, note in (
        (top, ""),
        (
            own,
            "none of the plateau's best tenth lies in its region, so all of its candidates count",
        ),
        (candidates, "none of the plateau's candidates lies in its region, so others there count"),
    ):
        inside = frame.filter(_inside(bounds))
        if not inside.is_empty():
            return inside, note
    return top, "no candidate lies in the region; fixed values are the nearest ones to the best"


def _inside(bounds: Box) -> pl.Expr:
    import polars as pl

    return pl.all_horizontal(pl.col(n).is_between(low, high) for n, (low, high) in bounds.items())


def _narrow(
    axes: list[_Axis], good: pl.DataFrame, max_tests: int, best: Mapping[str, Any] | None
) -> list[str]:
    """Take end values away, in place, until the tests fit, and return what to say about it."""
    import numpy as np

    begun = {axis.parameter.name: axis.range for axis in axes}
    columns = {name: good[name].to_numpy() for name in begun}
    kept = np.ones(len(good), np.bool_)
    # What no good candidate is lost by comes before a file is divided, everything else after.
    while not _fits(axes, max_tests, 1):
        chosen: tuple[tuple[float, float], int, _Axis, Any] | None = None
        for at, axis in enumerate(axes):
            if len(axis.points) == 1:
                continue
            for low in (True, False):
                less = axis.without(low=low)
                if best is not None and not less.holds_nearest(best[axis.parameter.name]):
                    continue
                bounds = less.range
                column = columns[axis.parameter.name]
                stays = (column >= float(bounds.low)) & (column <= float(bounds.high))
                lost = int(np.count_nonzero(kept & ~stays))
                saved = math.log(axis.tests / less.tests)
                cost = (lost / saved, -saved)
                if chosen is None or cost < chosen[0]:
                    chosen = (cost, at, less, stays)
        if chosen is None:
            break
        cost, at, less, stays = chosen
        if cost[0] > 0 and _fits(axes, max_tests, MOST_PARTS):
            break
        axes[at] = less
        kept &= stays
    notes = []
    for axis in axes:
        was, now = begun[axis.parameter.name], axis.range
        if (was.low, was.high) != (now.low, now.high):
            notes.append(
                f"{axis.input.name}: {_plain(was.low)} … {_plain(was.high)} of the region was"
                f" narrowed to {_plain(now.low)} … {_plain(now.high)}, around most of the best"
                f" candidates, to keep to {max_tests:,} tests a file"
            )
    return notes


def _refine(axes: list[_Axis], max_tests: int) -> None:
    """Spend what is left of the tests on finer steps, in place."""
    while True:
        tests = math.prod(axis.tests for axis in axes)
        chosen: tuple[tuple[float, int], _Axis, int] | None = None
        for axis in axes:
            finer = next((s for s in axis.steps if s < axis.step), None)
            if finer is None:
                continue
            more = (axis.points[-1] - axis.points[0]) // finer + 1
            if tests // axis.tests * more > max_tests:
                continue
            # Of equal effects, or none that is known, the widest step is the one that leaves most
            # unseen.
            worth = (axis.effect or 0.0, axis.step)
            if chosen is None or worth > chosen[0]:
                chosen = (worth, axis, finer)
        if chosen is None:
            return
        chosen[1].step = chosen[2]


def _fits(axes: Sequence[_Axis], max_tests: int, parts: int) -> bool:
    """Whether no more files than `parts` hold all tests, divided along one parameter."""
    return _parts([axis.tests for axis in axes], max_tests)[0] <= parts


def _parts(tests: Sequence[int], max_tests: int) -> tuple[float, int]:
    """Return into how many files the tests divide, and by which range; infinite if by none."""
    every = math.prod(tests)
    if every <= max_tests:
        return 1, 0
    found = []
    for at, count in enumerate(tests):
        values = max_tests // (every // count)
        found.append((-(-count // values) if values else math.inf, at))
    return min(found)


def _divide(ranges: tuple[InputRange, ...], max_tests: int) -> Iterator[tuple[InputRange, ...]]:
    """Yield the ranges of each file, of about equal sizes."""
    parts, at = _parts([r.tests for r in ranges], max_tests)
    assert math.isfinite(parts)  # noqa: S101  # ranges are narrowed until it is
    whole, count, begun = ranges[at], int(parts), 0
    for part in range(count):
        ended = whole.tests * (part + 1) // count
        low, high = (whole.low + i * whole.step for i in (begun, ended - 1))
        yield (*ranges[:at], replace(whole, low=low, high=high), *ranges[at + 1 :])
        begun = ended


class _Measure:
    """Counts the outcomes that have a member inside a file."""

    def __init__(self, candidates: pl.DataFrame, top: pl.DataFrame) -> None:
        self.candidates = candidates
        # Rows of one outcome count once; without outcomes the parameters tell rows apart.
        self.key = "Outcome" if "Outcome" in candidates.columns else None
        self.best = self._outcomes(candidates).head(BEST)
        self.top = self._outcomes(top)

    def _outcomes(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return one row an outcome, in their order."""
        return frame.unique(self.key, keep="first", maintain_order=True) if self.key else frame

    def __call__(self, ranges: Sequence[InputRange], grid: Grid) -> Coverage:
        """Return how many outcomes the ranges hold a member of."""
        import polars as pl

        def held(frame: pl.DataFrame) -> pl.DataFrame:
            for r in ranges:
                name = r.parameter.name
                values = [v for v in grid.values[name] if r.holds(v)]
                frame = frame.filter(
                    pl.col(name).is_in(pl.Series(values, dtype=frame.schema[name]).implode())
                )
            return frame

        if self.key is None:
            counts = [len(held(frame)) for frame in (self.best, self.top)]
        else:
            there = held(self.candidates).select(self.key).unique()
            counts = [
                len(frame.join(there, on=self.key, how="semi")) for frame in (self.best, self.top)
            ]
        return Coverage(counts[0], len(self.best), counts[1], len(self.top))


def _within(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] <= value <= bounds[1]


def _unit(value: Decimal, fine: Fine, rounding: str) -> int:
    """Return the point of the fine lattice next to a value, within the fine limits."""
    unit = int(((value - fine.low) / fine.step).to_integral_value(rounding))
    return min(max(unit, 0), int((fine.high - fine.low) / fine.step))


def _lattice_value(value: Decimal, fine: Fine) -> Decimal:
    return fine.low + _unit(value, fine, ROUND_HALF_EVEN) * fine.step


def _typical(parameter: Parameter, column: pl.Series, bounds: Box, grid: Grid, fix: Fix) -> float:
    """Return the value that a parameter is fixed at, one that was searched in the region."""
    found: Any
    if fix == "best":
        found = column[0]
    elif parameter.kind == "choice":
        found = column.mode().min()
    else:
        found = column.quantile(0.5, interpolation="lower")
    searched = [v for v in grid.values[parameter.name] if _within(v, bounds[parameter.name])]
    return min(searched, key=lambda v: (abs(v - found), v))


def _exact(value: float) -> Decimal:
    """Return the shortest decimal that stands for a float: 0.1 and not its binary neighbour."""
    return Decimal(repr(value))


def _plain(value: Decimal) -> str:
    """Write a decimal without exponent or trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
