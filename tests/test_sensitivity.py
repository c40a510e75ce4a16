"""Sensitivity: the analysis of variance against its definition and a public library."""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from strategies import strategy

import wfo
from wfo import _core
from wfo.backtest import Figures
from wfo.selection.factors import Explained, Factor, Interaction
from wfo.selection.sensitivity import (
    part_of,
    region_sensitivity,
    relaxed,
    sensitivity_of_effects,
    sweeper,
)
from wfo.text import percent

CAPITAL = 1000.0
EXPONENTS = [0.5, 1.3, 0.25, 0.9]
RULES = [(0.35, 3.0), (0.0, 100.0)]
SETS = [_core.Gates(*rules) for rules in RULES]


def grid_of(*lengths: int) -> wfo.Grid:
    names = [f"p{i}" for i in range(len(lengths))]
    values = {n: [10 * (i + 1) for i in range(k)] for n, k in zip(names, lengths, strict=True)}
    return wfo.Grid(values, strategy=strategy(*names), name="small")


def constrained_grid() -> wfo.Grid:
    """Three axes: one parameter, five sets of two that share a constraint, one parameter."""
    own = strategy("lag", "fast", "slow", "mode", constraints=("fast < slow",))
    values = {"lag": [1, 2, 3], "fast": [1, 2, 3], "slow": [2, 3, 4], "mode": [0, 1, 2, 3]}
    return wfo.Grid(values, strategy=own)


def figures_of(count: int, seed: int, phases: int = 3) -> list[Figures]:
    """Gains and losses, of which some are valid; some lose everything, some more than that."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(phases):
        before = rng.normal(300, 200, count)
        before[rng.random(count) < 0.03] = -1500
        earned = rng.normal(300, 200, count)
        earned[rng.random(count) < 0.03] = -5000
        falls = rng.uniform(10, 150, (2, count))
        money = (c.astype(np.float32) for c in (before, earned, *falls))
        found.append(Figures(*money, *(np.full(count, 7, np.uint16) for _ in "ab")))
    return found


def part(figures: Sequence[Figures], start: int, stop: int) -> list[Figures]:
    return [Figures(*(column[start:stop] for column in each)) for each in figures]


def effects_of(
    grid: wfo.Grid,
    figures: Sequence[Figures],
    cuts: Sequence[int] = (),
    threads: int = 2,
    asked: int = 2,
    sets: Sequence[_core.Gates] = SETS,
) -> tuple[_core.Effects, np.ndarray, np.ndarray]:
    """The sums of a whole grid, added in blocks that end at `cuts`, the last one first."""
    exponents = EXPONENTS[: len(figures)]
    effects = _core.Effects(grid.lengths, CAPITAL, exponents, sets, asked, threads)
    size = len(grid)
    # Poisoned, so that a cell which is not written shows.
    y, times = np.full(size, -(2**60), np.int64), np.full(size, 255, np.uint8)
    for start, stop in reversed(list(itertools.pairwise([0, *cuts, size]))):
        effects.add(start, part(figures, start, stop), y, times)
    return effects, y, times


def annual_return(figures: Sequence[Figures]) -> np.ndarray:
    """The response by its definition."""
    found = []
    for each, exponent in zip(figures, EXPONENTS, strict=False):
        equity = CAPITAL + each.is_pnl.astype(np.float64)
        with np.errstate(divide="ignore"):
            growth = 1 + np.where(equity > 0, each.oos_pnl.astype(np.float64) / equity, -1.0)
        found.append(np.where(growth > 0, np.maximum(growth, 0) ** exponent - 1, -1.0))
    return np.mean(found, axis=0)


def valid_phases(figures: Sequence[Figures], wfe: float, ratio: float) -> np.ndarray:
    times = np.zeros(len(figures[0].is_pnl), int)
    for each in figures:
        a, b, c, d = (column.astype(np.float64) for column in each[:4])
        times += (a > 0) & (b > 0) & (b / a > wfe) & (d < b) & (d < ratio * c)
    return times


def agrees(found: Explained, y: np.ndarray, lengths: Sequence[int]) -> None:
    """Raise unless all effects are those of a plain analysis of variance, to 1e-12."""
    y = y.reshape(lengths)
    variance = y.var()
    axes = range(y.ndim)

    def explained(*kept: int) -> Any:
        """Variance of the means over all other axes."""
        means = y.mean(axis=tuple(a for a in axes if a not in kept))
        return means.var() / variance if variance else 0.0

    assert found.mean == pytest.approx(y.mean(), abs=1e-12)
    assert found.variance == pytest.approx(variance, abs=1e-12)
    for axis, factor in enumerate(found.factors):
        means = y.mean(axis=tuple(a for a in axes if a != axis))
        assert factor.means == pytest.approx(means, abs=1e-12)
        assert factor.main == pytest.approx(explained(axis), abs=1e-12)
        total = y.var(axis=axis).mean() / variance if variance else 0.0
        assert factor.total == pytest.approx(total, abs=1e-12)
        assert factor.total_error == 0
    place = {factor.name: axis for axis, factor in enumerate(found.factors)}
    many = [a for a in axes if y.shape[a] > 1]
    seen = []
    for first, second, share in found.interactions:
        i, j = place[first], place[second]
        seen.append((i, j))
        expected = explained(i, j) - explained(i) - explained(j)
        assert share == pytest.approx(expected, abs=1e-12)
        assert found.pairs[i, j] == found.pairs[j, i] == share
    assert seen == list(itertools.combinations(many, 2))


GRIDS = [(4,), (3, 5), (1, 7, 1), (2, 3, 4), (5, 1, 2, 6), (3, 2, 2, 3, 2, 4), (2, 40, 300)]


@pytest.mark.parametrize("lengths", GRIDS, ids=str)
def test_effects_are_those_of_a_plain_analysis(lengths: tuple[int, ...]) -> None:
    grid = grid_of(*lengths)
    figures = figures_of(len(grid), seed=sum(lengths))
    effects, y, times = effects_of(grid, figures)
    found = sensitivity_of_effects(effects, grid, least=2, y=y, times=times)
    expected = annual_return(figures)
    assert np.abs(y / _core.Effects.unit - expected).max() < 1e-13
    assert (times == valid_phases(figures, *RULES[0])).all()
    agrees(found.annual_return, expected, lengths)
    agrees(found.stable, (times >= 2).astype(float), lengths)
    assert (found.min_phases, found.lines, found.combinations) == (2, 0, len(grid))


@pytest.mark.parametrize(("counted", "least"), list(itertools.product((0, 1), (1, 2, 3))))
def test_every_set_of_gates_and_number_of_phases_is_counted(counted: int, least: int) -> None:
    grid = grid_of(3, 4, 2)
    figures = figures_of(len(grid), seed=9)
    for each in figures:
        each.oos_pnl[::5] = -1
    effects, y, _ = effects_of(grid, figures)
    times = valid_phases(figures, *RULES[counted]).astype(np.uint8)
    found = sensitivity_of_effects(effects, grid, least=least, counted=counted, y=y, times=times)
    assert 0 < found.stable.mean < 1
    agrees(found.stable, (times >= least).astype(float), grid.lengths)


def test_a_constraint_group_is_one_factor() -> None:
    grid = constrained_grid()
    assert grid.lengths == (3, 6, 4)
    figures = figures_of(len(grid), seed=4)
    effects, y, times = effects_of(grid, figures)
    found = sensitivity_of_effects(effects, grid, least=1, y=y, times=times)
    agrees(found.annual_return, annual_return(figures), grid.lengths)
    names = [factor.name for factor in found.annual_return.factors]
    assert names == ["lag", "fast+slow", "mode"]
    group = found.annual_return.factor("slow")
    assert group.parameters == ("fast", "slow")
    assert group.values == ((1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4))
    assert group.labels[3] == "2+3"
    assert set(found.fixed_parameters(below=1.1)) == {"lag", "fast", "slow", "mode"}


@pytest.mark.parametrize("lengths", [(6, 11, 70, 9), (2, 3, 2, 5), (300, 1, 400)], ids=str)
def test_no_byte_depends_on_threads_blocks_or_order(lengths: tuple[int, ...]) -> None:
    grid = grid_of(*lengths)
    size = len(grid)
    figures = figures_of(size, seed=2)
    effects, y, times = effects_of(grid, figures, threads=1)
    expected = effects.to_bytes()
    rng = np.random.default_rng(1)
    for threads, pieces in ((1, 40), (3, 7), (2, 2)):
        cuts = sorted(int(c) for c in rng.integers(0, size, pieces))
        again, y2, times2 = effects_of(grid, figures, cuts, threads)
        assert again.to_bytes() == expected
        assert np.array_equal(y, y2)
        assert np.array_equal(times, times2)
    cut = size // 3
    halves = []
    for start, stop in ((0, cut), (cut, size)):
        half = _core.Effects(grid.lengths, CAPITAL, EXPONENTS[:3], SETS, 2, 2)
        half.add(start, part(figures, start, stop))
        halves.append(_core.Effects.from_bytes(half.to_bytes(), SETS, 1))
    halves[1].merge(halves[0])
    assert len(halves[1]) == size
    assert halves[1].to_bytes() == expected
    for axis in range(len(lengths)):
        sums = {_core.line_squares(y, lengths, axis, threads) for threads in (1, 2, 3)}
        along = y.reshape(lengths).sum(axis=axis).ravel().tolist()
        assert sums == {sum(int(s) ** 2 for s in along)}


def test_sums_over_lines_are_exact_beyond_128_bits() -> None:
    y = np.full(60_000, 2**49, np.int64)
    assert _core.line_squares(y, [60_000], 0, 2) == (60_000 * 2**49) ** 2
    assert _core.line_squares(-y, [3, 20_000], 1, 2) == 3 * (20_000 * 2**49) ** 2
    assert _core.line_squares(y, [3, 20_000], 0, 1) == 20_000 * (3 * 2**49) ** 2
    with pytest.raises(wfo.InputError, match="axis = 2"):
        _core.line_squares(y, [3, 20_000], 2, 1)
    with pytest.raises(wfo.InputError, match="60000"):
        _core.line_squares(y, [3, 20_001], 0, 1)


def test_where_nothing_varies_all_effects_are_0() -> None:
    grid = grid_of(3, 4)
    figures = [Figures(*(np.full(12, c[0], c.dtype) for c in f)) for f in figures_of(12, seed=1)]
    effects, y, times = effects_of(grid, figures)
    found = sensitivity_of_effects(effects, grid, least=2, y=y, times=times)
    for each in found.responses:
        assert each.variance == 0
        assert all(f.main == f.total == 0 for f in each.factors)
        assert [pair.share for pair in each.interactions] == [0]
        assert each.factors[0].means == (each.mean,) * 3
    assert found.fixed_parameters() == found.fixed_parameters(response="stable") == ("p0", "p1")
    shown = [line.split() for line in found.bars()[1:]]
    assert shown == [[name, "0", "%", "0", "%"] for name in ("p0", "p1")]


def test_returns_are_cut_off_at_32() -> None:
    grid = grid_of(4)
    figures = figures_of(4, seed=1, phases=1)
    figures[0].is_pnl[:] = [0, 0, np.inf, np.nan]
    figures[0].oos_pnl[:] = [1e30, 1e6, np.inf, 5]
    _, y, _ = effects_of(grid, figures, asked=1)
    # 1,001 times the equity in two years is 30.6 a year; what is no number lost everything.
    assert y / _core.Effects.unit == pytest.approx([32, math.sqrt(1001) - 1, -1, -1], rel=1e-13)


def test_damaged_or_other_sums_are_refused() -> None:
    grid = grid_of(3, 4)
    figures = figures_of(12, seed=1)
    effects, y, times = effects_of(grid, figures)
    data = effects.to_bytes()
    for at in range(len(data)):
        spoilt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(wfo.InputError, match="no sums of effects"):
            _core.Effects.from_bytes(spoilt, SETS, 1)
    with pytest.raises(wfo.InputError, match="no sums of effects"):
        _core.Effects.from_bytes(data[:-1], SETS, 1)
    with pytest.raises(wfo.InputError, match="sets of gates"):
        _core.Effects.from_bytes(data, SETS[:1], 1)
    with pytest.raises(wfo.InputError, match="more combinations"):
        effects.add(3, part(figures, 3, 4))
    with pytest.raises(wfo.InputError, match=r"11\.\.13"):
        effects.add(11, part(figures, 0, 2))
    with pytest.raises(wfo.InputError, match="least = 4"):
        effects.stable(0, 4)
    half = _core.Effects(grid.lengths, CAPITAL, EXPONENTS[:3], SETS, 2, 1)
    half.add(0, part(figures, 0, 5))
    with pytest.raises(wfo.InputError, match="5 combinations"):
        sensitivity_of_effects(half, grid, least=2, y=y, times=times)
    with pytest.raises(wfo.InputError, match="axes of"):
        sensitivity_of_effects(effects, grid_of(4, 3), least=2, y=y, times=times)
    with pytest.raises(wfo.InputError, match="evaluate="):
        sensitivity_of_effects(effects, grid, least=2)
    other = _core.Effects(grid.lengths, CAPITAL + 1, EXPONENTS[:3], SETS, 2, 1)
    with pytest.raises(wfo.InputError, match="capital"):
        other.merge(half)


def test_one_phase_less_at_a_time_until_something_is_stable() -> None:
    grid = grid_of(3, 4)
    figures = figures_of(12, seed=3, phases=4)
    for each in figures[2:]:
        each.oos_pnl[:] = -1
    effects, y, times = effects_of(grid, figures, asked=4)
    assert times.max() == 2
    assert effects.thresholds == [2, 3, 4]
    assert relaxed(effects, 0, 4) == 2
    for each in figures[1:]:
        each.oos_pnl[:] = -1
    effects, y, times = effects_of(grid, figures, asked=4)
    assert times.max() == 1
    assert relaxed(effects, 0, 4) == 4
    # One phase was not counted: the nearest number that was is taken, and named.
    assert sensitivity_of_effects(effects, grid, least=1, y=y, times=times).min_phases == 2


# Functions whose effects are known


def of_function(y: np.ndarray, names: Sequence[str]) -> tuple[wfo.Grid, Any]:
    """A grid and sums whose annual return is `y`, which must exceed -1, to a float32's digits."""
    values = {n: list(range(1, k + 1)) for n, k in zip(names, y.shape, strict=True)}
    grid = wfo.Grid(values, strategy=strategy(*names))
    none = np.zeros(y.size, np.float32)
    trades = np.zeros(y.size, np.uint16)
    figures = Figures(none, y.astype(np.float32).ravel(), none, none, trades, trades)
    effects = _core.Effects(grid.lengths, 1.0, [1.0], [SETS[0]], 1, 2)
    return grid, (effects, [figures])


def exact(grid: wfo.Grid, effects: _core.Effects, figures: Sequence[Figures]) -> wfo.Sensitivity:
    y, times = np.zeros(len(grid), np.int64), np.zeros(len(grid), np.uint8)
    effects.add(0, figures, y, times)
    return sensitivity_of_effects(effects, grid, least=1, y=y, times=times)


def taking(figures: Sequence[Figures]) -> Any:
    """What sweeps combinations whose figures are there already."""
    return lambda indices: [Figures(*(c[indices] for c in f)) for f in figures]


def ishigami(a: Any, b: Any, c: Any) -> Any:
    return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def g_function(*x: Any) -> Any:
    return math.prod((abs(4 * v - 2) + a) / (1 + a) for v, a in zip(x, (0, 1, 4.5, 9), strict=True))


def on_grid(function: Any, low: float, high: float, lengths: Sequence[int]) -> np.ndarray:
    """A function at the middles of equal parts."""
    middles = [low + (high - low) * (np.arange(n) + 0.5) / n for n in lengths]
    return function(*np.meshgrid(*middles, indexing="ij"))


def test_effects_of_known_functions_are_those_of_the_literature() -> None:
    y = on_grid(ishigami, -math.pi, math.pi, (36, 40, 44))
    grid, made = of_function((y + 12) / 10, "abc")
    found = exact(grid, *made).annual_return
    # Ishigami and Homma (1990): variances by hand.
    first, both = 0.5 * (1 + math.pi**4 / 50) ** 2, math.pi**8 * (1 / 1800 - 1 / 5000)
    second = 49 / 8
    whole = first + both + second
    assert [f.main for f in found.factors] == pytest.approx(
        [first / whole, second / whole, 0], abs=2e-3
    )
    expected = [(first + both) / whole, second / whole, both / whole]
    assert [f.total for f in found.factors] == pytest.approx(expected, abs=2e-3)
    shares = {(i, j): share for i, j, share in found.interactions}
    assert shares["a", "c"] == pytest.approx(both / whole, abs=2e-3)
    assert shares["a", "b"] == pytest.approx(0, abs=1e-6)

    y = on_grid(g_function, 0, 1, (24, 20, 18, 16))
    grid, made = of_function(y, "abcd")
    found = exact(grid, *made).annual_return
    parts = [1 / 3 / (1 + a) ** 2 for a in (0, 1, 4.5, 9)]
    whole = math.prod(1 + v for v in parts) - 1
    assert [f.main for f in found.factors] == pytest.approx([v / whole for v in parts], abs=2e-3)
    rest = [math.prod(1 + w for w in parts) / (1 + v) for v in parts]
    totals = [v * r / whole for v, r in zip(parts, rest, strict=True)]
    assert [f.total for f in found.factors] == pytest.approx(totals, abs=2e-3)


@pytest.mark.parametrize(
    ("function", "low", "high", "lengths", "shift", "scale"),
    [
        (ishigami, -math.pi, math.pi, (36, 40, 44), 12, 10),
        (g_function, 0, 1, (24, 20, 18, 16), 0, 1),
    ],
)
def test_effects_are_those_of_a_public_library(
    function: Any, low: float, high: float, lengths: tuple[int, ...], shift: float, scale: float
) -> None:
    """SALib estimates them by Saltelli's scheme from a sample of its own."""
    from SALib.analyze import sobol as analyze
    from SALib.sample import sobol as draw

    names = "abcd"[: len(lengths)]
    problem = {"num_vars": len(names), "names": list(names), "bounds": [[low, high]] * len(names)}
    sample = draw.sample(problem, 1024, seed=5)
    theirs = analyze.analyze(problem, function(*sample.T), num_resamples=50, seed=5)
    grid, made = of_function((on_grid(function, low, high, lengths) + shift) / scale, names)
    found = exact(grid, *made).annual_return
    for i, factor in enumerate(found.factors):
        # Its intervals have 95 %; the wider ones hold all of nine estimates or fourteen.
        assert abs(factor.main - theirs["S1"][i]) < 2 * theirs["S1_conf"][i] + 1e-3
        assert abs(factor.total - theirs["ST"][i]) < 2 * theirs["ST_conf"][i] + 1e-3
    for (i, j), pair in zip(
        itertools.combinations(range(len(names)), 2), found.interactions, strict=True
    ):
        assert abs(pair.share - theirs["S2"][i, j]) < 2 * theirs["S2_conf"][i, j] + 1e-3


def test_sampled_lines_estimate_totals_within_their_errors() -> None:
    y = on_grid(g_function, 0, 1, (24, 20, 18, 16))
    grid, (effects, figures) = of_function(y, "abcd")
    whole = exact(grid, effects, figures)
    asked: list[int] = []

    def evaluate(indices: np.ndarray) -> list[Figures]:
        asked.append(len(indices))
        return taking(figures)(indices)

    found = sensitivity_of_effects(effects, grid, least=1, evaluate=evaluate, lines=500)
    assert asked == [500 * n for n in grid.lengths]
    assert found.lines == 500
    for mine, exactly in zip(found.annual_return.factors, whole.annual_return.factors, strict=True):
        assert (mine.main, mine.means) == (exactly.main, exactly.means)
        assert 0 < mine.total_error < 0.1 * exactly.total
        assert abs(mine.total - exactly.total) < 4 * mine.total_error
    again = sensitivity_of_effects(effects, grid, least=1, evaluate=evaluate, lines=500)
    assert again == found
    every = sensitivity_of_effects(effects, grid, least=1, evaluate=evaluate, lines=10_000)
    assert every.lines == 0
    for mine, exactly in zip(every.annual_return.factors, whole.annual_return.factors, strict=True):
        assert mine.total_error == 0
        assert mine.total == pytest.approx(exactly.total, abs=1e-12)
    with pytest.raises(wfo.InputError, match="lines = 1"):
        sensitivity_of_effects(effects, grid, least=1, evaluate=evaluate, lines=1)


def test_errors_of_samples_are_as_large_as_they_say() -> None:
    """Over forty landscapes of chance the distance is one error, by the root of the mean square."""
    apart = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        y = rng.random((10, 8, 9, 7)) + rng.random((10, 8, 1, 1)) * rng.random((1, 1, 9, 7))
        grid, (effects, figures) = of_function(y, "abcd")
        whole = exact(grid, effects, figures).annual_return
        sampled = region_sensitivity(
            grid, {}, lambda _, figures=figures: taking(figures),
            capital=1.0, exponents=[1.0], least=1, lines=60, whole=0,
        ).annual_return  # fmt: skip
        apart += [
            (mine.total - exactly.total) / mine.total_error
            for mine, exactly in zip(sampled.factors, whole.factors, strict=True)
        ]
    assert 0.8 < math.sqrt(np.square(apart).mean()) < 1.25
    assert abs(np.mean(apart)) < 0.3


# Inside a region


def test_a_region_is_swept_whole_where_it_is_small_else_by_lines() -> None:
    y = on_grid(g_function, 0, 1, (24, 20, 18, 16))
    grid, (_, figures) = of_function(y, "abcd")
    bounds = {"a": range(3, 13), "c": [18, 2, 1, 9, 10]}
    inside = part_of(grid, bounds)
    assert inside.values["a"] == tuple(range(3, 13))
    assert inside.values["c"] == (1, 2, 9, 10, 18)
    cut = y[2:12][:, :, [0, 1, 8, 9, 17]]
    seen: list[wfo.Grid] = []

    def sweeps(given: wfo.Grid) -> Any:
        seen.append(given)
        columns = given.columns(np.arange(len(given)))
        place = np.ravel_multi_index([columns[n] - 1 for n in "abcd"], grid.lengths)
        return lambda indices: taking(figures)(place[indices])

    common: dict[str, Any] = {"capital": 1.0, "exponents": [1.0], "least": 1}
    whole = region_sensitivity(grid, bounds, sweeps, **common)
    assert seen == [inside]
    assert whole.lines == 0
    stored = cut.astype(np.float32).astype(float)
    agrees(whole.annual_return, stored.ravel(), cut.shape)
    lines = region_sensitivity(grid, bounds, sweeps, whole=15_999, lines=400, **common)
    assert (lines.combinations, lines.lines) == (16_000, 400)
    assert lines.annual_return.interactions == ()
    assert lines.annual_return.mean == pytest.approx(whole.annual_return.mean, rel=0.05)
    for mine, exactly in zip(lines.annual_return.factors, whole.annual_return.factors, strict=True):
        assert abs(mine.total - exactly.total) < 4 * mine.total_error
        assert mine.main == pytest.approx(exactly.main, abs=0.1)
    assert lines.stable.variance == 0
    assert lines.fixed_parameters(response="stable") == ("a", "b", "c", "d")
    by_whole = region_sensitivity(grid, bounds, sweeps, whole=16_000, **common)
    assert by_whole == whole
    with pytest.raises(wfo.InputError, match="a = 99"):
        part_of(grid, {"a": [99]})
    with pytest.raises(wfo.InputError, match="'aa'"):
        part_of(grid, {"aa": [1]})


def test_a_parameter_without_a_part_is_fixed() -> None:
    y = on_grid(lambda a, b, c: a + 0.02 * b + 0 * c, 0, 1, (6, 5, 4))
    grid, made = of_function(y, "abc")
    found = exact(grid, *made)
    assert found.fixed_parameters() == ("b", "c")
    assert found.fixed_parameters(below=1e-4) == ("c",)
    assert [f.name for f in found.annual_return.ordered] == ["a", "b", "c"]


# From a sweep


@pytest.fixture(scope="module")
def results() -> list[wfo.SweepResult]:
    bars = wfo.load_sample("NASDAQ")
    found: list[wfo.SweepResult] = wfo.sweep("atr_d_l", bars, "smoke", windows="default")
    return found


def test_results_of_a_sweep_say_what_matters(results: list[wfo.SweepResult]) -> None:
    found = wfo.sensitivity(results)
    grid = results[0].grid
    y = np.zeros(len(grid))
    for each in results:
        before, earned = (c.astype(np.float32).astype(float) for c in (each.is_pnl, each.oos_pnl))
        growth = 1 + earned / (each.capital + before)
        y += growth ** (252 / (each.bounds[2] - each.bounds[1])) - 1
    agrees(found.annual_return, y / len(results), grid.lengths)
    stable = len(wfo.score(results)) / len(grid)
    assert 0 < stable < 1
    assert found.stable.mean == pytest.approx(stable, abs=1e-15)
    assert found.min_phases == 3
    loose = wfo.sensitivity(results, wfo.Gates(min_phases=1))
    assert loose.min_phases == 1
    assert loose.stable.mean > found.stable.mean
    strict = wfo.Gates.preset("strict")
    kept = len(wfo.score(results, gates=strict)) / len(grid)
    assert 0 < kept < stable
    assert wfo.sensitivity(results, strict).stable.mean == pytest.approx(kept, abs=1e-15)
    one = wfo.sensitivity(results[1])
    assert one.annual_return.mean != found.annual_return.mean
    assert one == wfo.sensitivity([results[1]])


def test_results_that_will_not_do(results: list[wfo.SweepResult]) -> None:
    undated = [replace(r, dates=None, benchmark=None) for r in results]
    with pytest.raises(wfo.InputError, match="no dates"):
        wfo.sensitivity(undated)
    with pytest.raises(wfo.InputError, match="capital"):
        wfo.sensitivity([replace(r, capital=None) for r in results])
    for wrong in ([], "results", [1]):
        with pytest.raises(wfo.InputError, match=r"wfo\.sweep"):
            wfo.sensitivity(wrong)  # type: ignore[arg-type]
    with pytest.raises(wfo.InputError, match="Gates"):
        wfo.sensitivity(results, "v4")  # type: ignore[arg-type]


def test_a_region_of_a_sweep_is_swept_anew(results: list[wfo.SweepResult]) -> None:
    bars = wfo.load_sample("NASDAQ")
    grid = results[0].grid
    phases = [r.phase for r in results]
    assert all(phases)
    sweeps = sweeper(wfo.read_feeds("atr_d_l", bars), phases)  # type: ignore[arg-type]
    common: dict[str, Any] = {
        "capital": results[0].capital,
        "exponents": [252 / (r.bounds[2] - r.bounds[1]) for r in results],
    }
    assert region_sensitivity(grid, {}, sweeps, **common) == wfo.sensitivity(results)


def test_the_trial_of_the_specification(real_bars: Path) -> None:
    """QQQ, `coarse`: main effects on summed money, to the digits that are quoted."""
    bars = pl.read_csv(real_bars / "QQQ_1day.csv", try_parse_dates=True)
    swept = wfo.sweep("atr_d_l", bars, "coarse", windows="default")
    money = sum(r.oos_pnl for r in swept).reshape(swept[0].grid.lengths) / 1e6
    names = swept[0].grid.strategy.names
    grid, made = of_function(money, names)
    found = exact(grid, *made).annual_return
    quoted = {
        "atr_multiplier": 0.27,
        "min_tightening": 0.14,
        "atr_buy_multiplier": 0.08,
        "bb_deviation": 0.05,
        "vol_threshold": 0.05,
    }
    for factor in found.factors:
        if factor.name in quoted:
            assert round(factor.main, 2) == quoted[factor.name], factor.name
        else:
            assert factor.main < 0.02, factor.name
    # Alone it does nothing, and has a part in an eighth of it.
    period = wfo.sensitivity(swept).annual_return.factor("atr_period")
    assert period.main < 0.001
    assert period.total == pytest.approx(0.13, abs=0.015)


# What people read


def made_up() -> wfo.Sensitivity:
    factors = (
        Factor(("small",), ((1,), (2,)), (0.1, 0.3), 0.0004, 0.0031),
        Factor(("fast", "slow"), ((1, 2.5), (3, 4)), (0.2, 0.2), 0.3, 0.6, 0.02),
        Factor(("none",), ((7,),), (0.2,), 0.0, 0.0),
    )
    pairs = (Interaction("small", "fast+slow", 0.0125),)
    returns = Explained("return", 0.2, 0.01, factors, pairs)
    return wfo.Sensitivity("toy", "grid", 4, 3, 100, returns, replace(returns, response="stable"))


def test_bars_are_in_order_and_show_both_effects() -> None:
    head, first, second = made_up().bars(width=60)
    assert head.split() == ["parameter", "alone", "in", "all"]
    assert first.split()[:-1] == ["fast+slow", "30.0", "%", "60.0", "%", "±", "2.0", "%"]
    bar = first.split()[-1]
    assert set(bar) == {"#", "-"}
    assert bar.index("-") == bar.count("#") == round(len(bar) / 2)
    assert len(first) == 60
    assert second.split() == ["small", "0.04", "%", "0.31", "%"]
    assert len(made_up().bars(width=1, response="stable")[1].split()[-1]) == 10
    with pytest.raises(wfo.InputError, match="response = 'money'"):
        made_up().bars(response="money")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.0123, "1.2 %"), (0.00123, "0.12 %"), (0.00001, "0.001 %")],
)
def test_small_shares_have_decimals(share: float, text: str) -> None:
    assert percent(share) == text


def test_the_csv_has_everything() -> None:
    found = made_up()
    frame = pl.read_csv(io.StringIO(found.to_csv()))
    counts = dict(frame["kind"].value_counts().rows())
    assert counts == {"response": 2, "effect": 6, "value": 10, "pair": 2}
    row = frame.filter(kind="effect", response="return", parameter="fast+slow").row(0, named=True)
    assert (row["main"], row["total"], row["total_error"]) == (0.3, 0.6, 0.02)
    row = frame.filter(kind="value", response="stable", parameter="small", value="2").row(
        0, named=True
    )
    assert (row["mean"], row["main"]) == (0.3, None)
    assert "1+2.5" in frame["value"].to_list()
    row = frame.filter(kind="pair", response="return").row(0, named=True)
    assert (row["parameter"], row["other"], row["interaction"]) == ("small", "fast+slow", 0.0125)
    row = frame.filter(kind="response", response="return").row(0, named=True)
    assert (row["mean"], row["variance"]) == (0.2, 0.01)


def test_the_frame_the_dict_and_the_table() -> None:
    found = made_up()
    frame = found.to_frame()
    assert frame.shape == (6, 10)
    row = frame.row(0, named=True)
    assert (row["parameter"], row["main"], row["values"]) == ("small", 0.0004, 2)
    assert (row["lowest_at"], row["highest_at"], row["highest_mean"]) == ("1", "2", 0.3)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["return"]["factors"][1]["values"] == [[1, 2.5], [3, 4]]
    assert plain["stable"]["interactions"] == [["small", "fast+slow", 0.0125]]
    assert (plain["lines"], plain["min_phases"]) == (100, 3)
    shown = found._repr_html_()
    assert "60.0 %" in shown
    assert shown.index("fast+slow") < shown.index("small")
    assert "100 lines" in repr(found)
    assert np.isnan(found.annual_return.pairs[2]).all()
    with pytest.raises(wfo.InputError, match="'other'"):
        found.annual_return.factor("other")
