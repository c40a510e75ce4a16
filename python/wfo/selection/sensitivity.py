"""Sensitivity: what each parameter does to the out-of-sample return, and to being stable.

A functional analysis of variance over a whole grid, not over its best combinations. There are two
responses: the mean over phases of the annual out-of-sample return, from the stored
figures, and whether a combination is stable, 0 or 1. Of either the variance over all combinations
is decomposed (Sobol' 1993; Homma and Saltelli 1996):

    main effect    Var(E[y | x_i]) / Var(y)          what the parameter explains by itself
    total effect   E[Var(y | all but x_i)] / Var(y)  what it is involved in
    interaction    what two explain together, beyond their main effects

Main effects and interactions come from sums that are kept while sweeping (`wfo._core.Effects`), in
whole numbers, so that they are exact. Total effects need whole lines of the grid, combinations
that differ in one parameter alone: all of them where the responses of every combination are
kept, else a uniform sample of lines that is swept anew. Parameters that share constraints are one
factor. Where y does not vary, all effects are 0.

References
----------
Sobol' (1993), "Sensitivity Estimates for Nonlinear Mathematical Models", *Mathematical Modelling
and Computational Experiments* 1(4), 407-414; Homma and Saltelli (1996), "Importance Measures in
Global Sensitivity Analysis of Nonlinear Models", *Reliability Engineering & System Safety* 52(1),
1-17.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from wfo.backtest import Evaluator, SweepResult, as_stored, available_threads
from wfo.errors import InputError
from wfo.grid import Grid
from wfo.sampling import sample_indices
from wfo.selection.explained import Sensitivity
from wfo.selection.factors import RESPONSES, Explained, Factor, Interaction, Response
from wfo.selection.gates import Gates
from wfo.selection.scoring import FALLBACK_PHASES
from wfo.strategy import Number
from wfo.text import brief

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo import _core
    from wfo.backtest import Figures
    from wfo.backtest.checks import Bounds
    from wfo.backtest.feeds import Feeds
    from wfo.settings import AccountSettings
    from wfo.windows import Phase

    FloatArray = NDArray[np.float64]
    IndexArray = NDArray[np.int64]

#: Lines of a sample, for each factor.
LINES = 1_000

#: Combinations on the lines of one factor, at most, and its fewest lines all the same.
_MOST_ON_LINES, _FEWEST_LINES = 1 << 18, 16

#: Combinations of a part of a grid that are swept whole, at most.
WHOLE = 200_000

#: Combinations that are summed together: a tenth of a second at most, so that Ctrl-C is heard.
_BLOCK = 1 << 19

#: Returns the stored figures of combinations anywhere in a grid, int64[m], one item a phase.
Evaluate = Callable[["IndexArray"], "Sequence[Figures]"]


# From results


def sensitivity(
    results: SweepResult | Sequence[SweepResult], gates: Gates | None = None
) -> Sensitivity:
    """Return what each parameter of a swept grid does to its return, and to being stable.

    Parameters
    ----------
    results
        What `wfo.sweep` returns: a list of results, one a phase, or a single one.
    gates
        What makes a combination stable; by default as for `wfo.score`.

    Returns
    -------
    Sensitivity
        Of the whole grid, exact.

    Raises
    ------
    InputError
        If there is no result, they are not of one grid, or they have no dates or capital, which
        annual returns need.
    """
    import numpy as np

    from wfo import _core

    phases = [results] if isinstance(results, SweepResult) else results
    if not (
        isinstance(phases, Sequence) and phases and all(isinstance(p, SweepResult) for p in phases)
    ):
        raise InputError("sensitivity takes what wfo.sweep returns, or a list of it")
    if gates is not None and not isinstance(gates, Gates):
        raise InputError(f"gates must be wfo.Gates(...), not {brief(gates)}")
    gates = gates or Gates()
    grid = phases[0].grid
    if any(p.grid != grid for p in phases):
        raise InputError("the results are not of one grid")
    capital = phases[0].capital
    if capital is None or any(p.capital != capital for p in phases):
        raise InputError("the results do not say which one capital they began with")
    threads = available_threads()
    asked = gates.required(len(phases), min(phases[0].min_phases or 3, len(phases)))
    effects = _core.Effects(
        grid.lengths,
        capital,
        [_exponent(p) for p in phases],
        [_core_gates(gates, phases)],
        asked,
        threads,
    )
    y, times = np.zeros(len(grid), np.int64), np.zeros(len(grid), np.uint8)
    for start, stop in _blocks(len(grid)):
        effects.add(start, [as_stored(p.figures(start, stop)) for p in phases], y, times)
    least = asked if gates.min_phases is not None else relaxed(effects, 0, asked)
    return sensitivity_of_effects(effects, grid, least=least, y=y, times=times, threads=threads)


def _core_gates(gates: Gates, results: Sequence[SweepResult]) -> _core.Gates:
    found = [r.benchmark for r in results if r.benchmark is not None]
    return gates.core(found if len(found) == len(results) else ())


def relaxed(effects: _core.Effects, counted: int, asked: int) -> int:
    """Return the valid phases of a stable combination: a phase less at a time while none is stable.

    Parameters
    ----------
    effects
        Of a whole grid.
    counted
        Which of its sets of gates.
    asked
        Valid phases asked for.
    """
    lower = [n for n in effects.thresholds if FALLBACK_PHASES <= n < asked]
    for least in (asked, *reversed(lower)):
        if effects.stable(counted, least)[0]:
            return least
    return asked


def _exponent(result: SweepResult) -> float:
    """Return the power that makes ``1 + return`` of the out-of-sample part annual."""
    from wfo.metrics import inferred_bars_per_year

    if result.benchmark is not None:
        return result.benchmark.oos_exponent
    if result.dates is None:
        raise InputError("the results have no dates, which annual returns need; sweep dated bars")
    _, split, end = result.bounds
    return inferred_bars_per_year(result.dates) / (end - split)


def _blocks(length: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, _BLOCK):
        yield start, min(start + _BLOCK, length)


# From sums


def sensitivity_of_effects(
    effects: _core.Effects,
    grid: Grid,
    *,
    least: int,
    counted: int = 0,
    y: IndexArray | None = None,
    times: NDArray[np.uint8] | None = None,
    evaluate: Evaluate | None = None,
    lines: int = LINES,
    threads: int | None = None,
) -> Sensitivity:
    """Return what each parameter does, from sums over all combinations.

    Parameters
    ----------
    effects
        The sums.
    grid
        The grid that they are of.
    least
        Phases in which a stable combination is valid. Only a few numbers are counted while
        sweeping; of others the nearest of these is taken, which the result names.
    counted
        The set of gates that makes combinations valid.
    y, times
        The responses of every combination, int64[n] and uint8[n], as `effects.add` wrote them for
        that set of gates: total effects are exact.
    evaluate
        Where they are not given: sweeps combinations anew, on a sample of lines.
    lines
        Lines of the sample for each factor.
    threads
        By default one for each core.

    Raises
    ------
    InputError
        If combinations are missing, or there is neither `y` and `times` nor `evaluate`.
    """
    from wfo import _core

    size = len(grid)
    if list(effects.lengths) != list(grid.lengths):
        raise InputError(f"the sums are over axes of {effects.lengths} values, not of {grid!r}")
    if len(effects) != size:
        raise InputError(
            f"the sums are of {len(effects):,} combinations, and the grid has {size:,}"
        )
    threads = threads or available_threads()
    least = min(max(least, effects.thresholds[0]), effects.thresholds[-1])
    unit = _core.Effects.unit
    squares, returned = effects.returns()
    stable = effects.stable(counted, least)
    parts = [
        _Parts("return", unit, squares, *returned, effects.pairs),
        _Parts("stable", 1.0, stable[0], *stable, effects.pairs),
    ]
    sampled = 0
    totals: list[list[tuple[float, float]]]
    if y is not None and times is not None:
        of_returns = functools.partial(_core.line_squares, y)
        of_stable = functools.partial(_core.stable_line_squares, times, least)
        totals = [
            [
                (part.total_effect(n, squares_of(list(grid.lengths), axis, threads)), 0.0)
                if n > 1 and part.varies
                else _NONE
                for axis, n in enumerate(grid.lengths)
            ]
            for part, squares_of in zip(parts, (of_returns, of_stable), strict=True)
        ]
    elif evaluate is not None:
        sampler = _Lines(effects, grid, evaluate, counted, least, lines)
        sampled = sampler.most
        totals = [[_NONE] * len(grid.lengths) for _ in parts]
        for axis in sampler.axes:
            for number, (part, sample) in enumerate(zip(parts, sampler.sweep(axis), strict=True)):
                if part.varies:
                    within = sample.y.var(axis=1)
                    mean, error = float(within.mean()), _error(within, sample.lines)
                    totals[number][axis] = (mean / part.variance, error / part.variance)
    else:
        raise InputError("total effects need y= and times=, or evaluate=")
    values = _values(grid)
    explained = [part.explained(values, total) for part, total in zip(parts, totals, strict=True)]
    return Sensitivity(
        grid.strategy.name, grid.name, size, least, sampled, explained[0], explained[1]
    )


#: The total effect of a parameter that does nothing.
_NONE = (0.0, 0.0)


class _Parts:
    """Exact sums of one response, in whole numbers, and the shares that follow."""

    def __init__(
        self,
        response: Response,
        unit: float,
        squares: int,
        total: int,
        singles: list[list[int]],
        pairs: list[list[int]],
        places: list[tuple[int, int]],
    ) -> None:
        self.response = response
        self.unit = unit
        self.squares, self.total = squares, total
        self.singles, self.pairs, self.places = singles, pairs, places
        self.count = math.prod(len(sums) for sums in singles)
        #: The variance times ``count ** 2``, in squares of units.
        self.spread = self.count * squares - total * total

    @property
    def varies(self) -> bool:
        return self.spread > 0

    @property
    def variance(self) -> float:
        found: float = self.spread / (self.count * self.count) / (self.unit * self.unit)
        return found

    def between(self, sums: Sequence[int]) -> int:
        """Return the variance of the means that sums over equal parts come from, like `spread`."""
        return len(sums) * sum(s * s for s in sums) - self.total * self.total

    def total_effect(self, length: int, lines: int) -> float:
        """Return the total effect of an axis, of the sum of the squared sums of its lines."""
        found: float = self.count * (length * self.squares - lines) / (length * self.spread)
        return found

    def explained(
        self, values: Sequence[_Axis], totals: Sequence[tuple[float, float]]
    ) -> Explained:
        alone = [self.between(sums) for sums in self.singles]
        factors = []
        for axis, (names, rows) in enumerate(values):
            sums = self.singles[axis]
            size = self.count // len(sums)
            factors.append(
                Factor(
                    parameters=names,
                    values=rows,
                    means=tuple(s / size / self.unit for s in sums),
                    main=alone[axis] / self.spread if self.varies else 0.0,
                    total=totals[axis][0],
                    total_error=totals[axis][1],
                )
            )
        shares = []
        for (i, j), sums in zip(self.places, self.pairs, strict=True):
            beyond = self.between(sums) - alone[i] - alone[j]
            share = beyond / self.spread if self.varies else 0.0
            shares.append(Interaction(factors[i].name, factors[j].name, share))
        mean = self.total / self.count / self.unit
        return Explained(self.response, mean, self.variance, tuple(factors), tuple(shares))


class _Axis(NamedTuple):
    """The parameters of an axis, and their values at every position."""

    names: tuple[str, ...]
    rows: tuple[tuple[Number, ...], ...]


def _values(grid: Grid) -> list[_Axis]:
    """Return the axes of a grid; whole parameters have whole values."""
    found = []
    for names, rows in grid.axes:
        whole = [grid.strategy.parameter(name).whole for name in names]
        typed = (tuple(int(v) if w else v for v, w in zip(row, whole, strict=True)) for row in rows)
        found.append(_Axis(names, tuple(typed)))
    return found


# By lines


class _Sample(NamedTuple):
    """A response on lines along one axis: float64[lines, values], and how many lines there are."""

    y: FloatArray
    lines: int


class _Lines:
    """Sweeps whole lines of a grid: all where there are few, else a uniform sample."""

    def __init__(
        self,
        effects: _core.Effects,
        grid: Grid,
        evaluate: Evaluate,
        counted: int,
        least: int,
        lines: int,
    ) -> None:
        if lines < 2:
            raise InputError(f"lines = {lines} must be 2 or more, lest there be no error")
        self.effects, self.grid, self.evaluate = effects, grid, evaluate
        self.counted, self.least = counted, least
        self._wanted = lines
        self.axes = [axis for axis, n in enumerate(grid.lengths) if n > 1]

    def there_are(self, axis: int) -> int:
        """Return the lines along an axis."""
        return len(self.grid) // self.grid.lengths[axis]

    def taken(self, axis: int) -> int:
        """Return how many of them are swept."""
        room = max(_FEWEST_LINES, _MOST_ON_LINES // self.grid.lengths[axis])
        return min(self._wanted, room, self.there_are(axis))

    @property
    def most(self) -> int:
        """The lines swept for an axis, at most; 0 where all are, for every axis."""
        if all(self.taken(axis) == self.there_are(axis) for axis in self.axes):
            return 0
        return max(self.taken(axis) for axis in self.axes)

    def sweep(self, axis: int) -> tuple[_Sample, _Sample]:
        """Return both responses on the lines along an axis."""
        import numpy as np

        from wfo import _core

        length, count = self.grid.lengths[axis], self.there_are(axis)
        taken = self.taken(axis)
        stride = math.prod(self.grid.lengths[axis + 1 :])
        # Each axis draws from another stream, or errors of several axes would be correlated.
        chosen = (
            np.arange(count, dtype=np.int64)
            if taken == count
            else sample_indices(count, taken, stream=axis)
        )
        first = chosen // stride * (stride * length) + chosen % stride
        indices = (first[:, None] + np.arange(length, dtype=np.int64) * stride).ravel()
        block = [as_stored(f) for f in self.evaluate(indices)]
        fixed, times = self.effects.evaluate(block, self.counted)
        shape = (taken, length)
        returns = (fixed / _core.Effects.unit).reshape(shape)
        stable = (times >= self.least).astype(np.float64).reshape(shape)
        return _Sample(returns, count), _Sample(stable, count)


def _error(values: FloatArray, there_are: int) -> float:
    """Return the standard error of the mean of a sample, one value from each of equal intervals.

    Neighbours are from neighbouring intervals: their differences exclude the variation between
    distant parts of the grid, which adds no error to such a sample (von Neumann 1941; Wolter 2007,
    *Introduction to Variance Estimation*, ch. 8).
    """
    import numpy as np

    taken = len(values)
    if taken == there_are:
        return 0.0
    spread = float(np.square(np.diff(values)).sum()) / (2 * (taken - 1))
    return math.sqrt(spread / taken * (1 - taken / there_are))


def _alone(sample: _Sample) -> float:
    """Return the variance of the means at the values of an axis, without what chance adds to it."""
    y = sample.y
    taken, length = y.shape
    means = y.mean(axis=0)
    found = float(means.var())
    if taken == sample.lines:
        return found
    rest = y - means - y.mean(axis=1, keepdims=True) + y.mean()
    noise = float((rest**2).sum()) / ((taken - 1) * (length - 1))
    chance: float = (1 - taken / sample.lines) * noise / taken * (length - 1) / length
    return max(0.0, found - chance)


def _explained_by_lines(
    response: Response, values: Sequence[_Axis], samples: Mapping[int, _Sample]
) -> Explained:
    """Return what a response comes from, of samples of lines along all axes."""
    # Every combination is as likely on a line as any other, so that all lines together are a
    # sample of the grid.
    cells = sum(sample.y.size for sample in samples.values())
    mean = sum(float(sample.y.sum()) for sample in samples.values()) / cells
    about = {axis: ((sample.y - mean) ** 2).mean(axis=1) for axis, sample in samples.items()}
    weights = {axis: sample.y.size / cells for axis, sample in samples.items()}
    variance = sum(weights[axis] * float(about[axis].mean()) for axis in samples)
    doubts = {axis: weights[axis] * _error(about[axis], samples[axis].lines) for axis in samples}
    factors = []
    for axis, (names, rows) in enumerate(values):
        sample = samples.get(axis)
        if sample is None or variance == 0:
            factors.append(Factor(names, rows, (mean,) * len(rows), 0.0, 0.0))
            continue
        within = sample.y.var(axis=1)
        share = float(within.mean()) / variance
        # The share is a quotient: lines of this axis are in both of its terms, those of the
        # other axes in the denominator.
        own = _error(within - share * weights[axis] * about[axis], sample.lines)
        others = (share * doubt for other, doubt in doubts.items() if other != axis)
        factors.append(
            Factor(
                names,
                rows,
                tuple(float(v) for v in sample.y.mean(axis=0)),
                _alone(sample) / variance,
                share,
                math.hypot(own, *others) / variance,
            )
        )
    return Explained(response, mean, variance, tuple(factors), ())


# Inside a region


def sweeper(
    feeds: Feeds,
    phases: Sequence[Bounds | Phase],
    settings: AccountSettings | None = None,
    threads: int | None = None,
) -> Callable[[Grid], Evaluate]:
    """Return what sweeps combinations anywhere in a grid that is not yet known.

    Parameters
    ----------
    feeds, phases, settings, threads
        What to sweep, and with what; see `wfo.Evaluator`.
    """

    def of(grid: Grid) -> Evaluate:
        evaluator = Evaluator(grid.strategy, feeds, grid, phases, settings, threads=threads)
        return functools.partial(evaluator.list, stored=True)

    return of


def region_sensitivity(
    grid: Grid,
    bounds: Mapping[str, Sequence[Number]],
    sweeps: Callable[[Grid], Evaluate],
    *,
    capital: float,
    exponents: Sequence[float],
    gates: _core.Gates | None = None,
    least: int = 3,
    lines: int = LINES,
    whole: int = WHOLE,
    threads: int | None = None,
) -> Sensitivity:
    """Return what each parameter does inside a part of a grid, swept anew.

    Parameters
    ----------
    grid
        The grid.
    bounds
        The values inside, by parameter; of those left out all are.
    sweeps
        Returns, of a grid, what sweeps its combinations; `sweeper` makes one.
    capital
        What every backtest starts with, in currency.
    exponents
        For each phase the power that makes ``1 + return`` annual, `Benchmark.oos_exponent`.
    gates
        Who is valid, as the core takes it (`Gates.core`); by default v4.
    least
        Phases in which a stable combination is valid.
    lines
        Lines of the sample for each factor.
    whole
        A part of so many combinations is swept whole.
    threads
        By default one for each core.

    Returns
    -------
    Sensitivity
        Exact where the part was swept whole; else effects are estimates, with errors of the total
        ones, and without interactions.

    Raises
    ------
    InputError
        If a value is none of the grid's, or no combination lies inside.
    """
    import numpy as np

    from wfo import _core

    inside = part_of(grid, bounds)
    evaluate = sweeps(inside)
    threads = threads or available_threads()
    effects = _core.Effects(
        inside.lengths, capital, list(exponents), [gates or Gates().core()], least, threads
    )
    size = len(inside)
    if size <= max(whole, 1):
        y, times = np.zeros(size, np.int64), np.zeros(size, np.uint8)
        for start, stop in _blocks(size):
            block = evaluate(np.arange(start, stop, dtype=np.int64))
            effects.add(start, [as_stored(f) for f in block], y, times)
        return sensitivity_of_effects(
            effects, inside, least=least, y=y, times=times, threads=threads
        )
    sampler = _Lines(effects, inside, evaluate, 0, least, lines)
    swept = {axis: sampler.sweep(axis) for axis in sampler.axes}
    values = _values(inside)
    returns, stable = (
        _explained_by_lines(name, values, {axis: both[i] for axis, both in swept.items()})
        for i, name in enumerate(RESPONSES)
    )
    return Sensitivity(
        inside.strategy.name, inside.name, size, least, sampler.most, returns, stable
    )


def part_of(grid: Grid, bounds: Mapping[str, Sequence[Number]]) -> Grid:
    """Return the part of a grid that has some of its values.

    Parameters
    ----------
    grid
        The grid.
    bounds
        The values inside, by parameter; of those left out all are.

    Raises
    ------
    InputError
        If a value is none of the grid's, or no combination lies inside.
    """
    values: dict[str, Sequence[Number]] = dict(grid.values)
    for given, inside in bounds.items():
        name = grid.strategy.parameter(given).name
        every = values[name]
        other = [v for v in inside if v not in every]
        if other:
            raise InputError(f"{name} = {other[0]} is none of the grid's values of it")
        values[name] = [v for v in every if v in inside]
    return Grid(values, strategy=grid.strategy, name=grid.name)
