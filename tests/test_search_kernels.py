"""Strategies as what a search evaluates: single points and swept blocks, on in-sample bars."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from strategies import strategy

import wfo
from wfo.backtest import Feeds, read_feeds
from wfo.errors import InputError, WfoError
from wfo.metrics import inferred_bars_per_year
from wfo.search.evaluating import (
    FIGURES,
    StrategyEvaluator,
    StrategyPoints,
    keeping_to,
    score_of,
)
from wfo.search.evaluating.figures import STANDARD
from wfo.search.evaluating.summaries import medians, neighbourhood_medians, shares
from wfo.search.evaluating.windows import SymbolWindow
from wfo.search.objective import ALIASES, Guardrails, Limit, Limits, Objective, Scoring
from wfo.search.space import Dimension, ParameterConstraint, SearchSpace
from wfo.search.values import Outcome, Task
from wfo.stats import deflated_sharpe
from wfo.strategy import PythonKernel, Walk

#: Two windows over some years, and one that keeps nothing out of sample.
WINDOWS = ((110, 500, 700), (300, 800, 900))
SETTINGS = wfo.Settings(slip=0.0005, fee=0.0002)
LOTS = wfo.Settings(fee=0.001, sizing="fixed", lot_size=1.0)


@functools.cache
def frame(name: str = "SP500", count: int = 900) -> pl.DataFrame:
    return wfo.load_sample(name)[1_000 : 1_000 + count]


@functools.cache
def feeds(name: str = "atr_d_l", symbol: str = "SP500") -> Feeds:
    two = wfo.strategies()[name].dual_symbol
    return read_feeds(name, frame(symbol), frame("NASDAQ") if two else None)


def listed(name: str, *values: Any) -> Dimension:
    return Dimension(name, "int" if isinstance(values[0], int) else "float", values=values)


#: 2 · 3 · 2 points in front of 3 · 2 · 2 behind.
LONG = (
    listed("atr_period", 10, 30),
    listed("atr_multiplier", 2.0, 4.0, 8.0),
    listed("vol_threshold", 0.05, 0.2),
    listed("atr_buy_multiplier", 0.5, 1.0, 2.0),
    listed("atr_smooth_period", 2, 6),
    Dimension("equity_price_method", "choice", values=(0, 1)),
)
#: In front there are no lists.
SMOOTH = (
    Dimension("atr_multiplier", "float", low=1.0, high=20.0, log=True),
    Dimension("vol_threshold", "float", low=0.03, high=0.4),
    *LONG[3:],
)
HULL = (
    listed("atr_multiplier", 3.0, 6.0),
    listed("hma_fast_length", 10, 20, 30),
    listed("hma_slow_length", 15, 25, 60),
)


def space(*dimensions: Dimension, **more: Any) -> SearchSpace:
    constraints = tuple(ParameterConstraint(text) for text in more.pop("constraints", ()))
    return SearchSpace(dimensions, constraints=constraints, **more)


def evaluator(
    dimensions: Sequence[Dimension] = LONG,
    name: str = "atr_d_l",
    symbols: Sequence[str] = ("SP500",),
    windows: Sequence[tuple[int, int, int]] = WINDOWS,
    own: Mapping[str, Feeds] | None = None,
    space_of: Mapping[str, Any] | None = None,
    settings: wfo.Settings = SETTINGS,
    **more: Any,
) -> StrategyEvaluator:
    bars = {symbol: feeds(name, symbol) for symbol in symbols} if own is None else own
    searched = space(*dimensions, **(space_of or {}))
    phases = dict.fromkeys(bars, windows)
    return StrategyEvaluator(name, bars, searched, phases, settings, **more)


def rows_of(made: StrategyEvaluator, count: int, seed: int = 1) -> Any:
    """Return points that the constraints of the space allow."""
    rng = np.random.default_rng(seed)
    rows = made.space.sample(rng.random((20 * count, len(made.space.dimensions))))
    return rows[made.space.allowed(rows)][:count]


def tasks_of(
    made: StrategyEvaluator, rows: Any, windows: Sequence[int] | None = None
) -> list[Task]:
    numbers = tuple(range(made.windows)) if windows is None else tuple(windows)
    points = made.space.decode(rows)
    return [Task(i, numbers, p, r, 0) for i, (p, r) in enumerate(zip(points, rows, strict=True))]


def evaluated(made: StrategyEvaluator, tasks: Sequence[Task]) -> list[Outcome]:
    found: list[Outcome] = []
    made.evaluate(tasks, found.append)
    assert sorted(each.trial for each in found) == sorted(each.trial for each in tasks)
    return sorted(found, key=lambda each: each.trial)


def figures_of(made: StrategyEvaluator, rows: Any) -> list[Any]:
    found = evaluated(made, tasks_of(made, rows))
    assert {each.ending for each in found} == {"complete"}, found[0].error
    return [each.figures for each in found]


def same(a: Any, b: Any) -> bool:
    """Whether figures are equal to the last bit, undefined ones too."""
    return repr(a) == repr(b)


def wanted(metrics: Any) -> dict[str, float]:
    """The figures of a search, from those of a simulation."""
    values = {n: math.nan if v is None else v for n, v in metrics.to_dict().items()}
    fall = values["max_drawdown"]
    values["profit_by_drawdown"] = values["net_profit"] / fall if fall else math.nan
    return {name: values[name] for name in FIGURES}


#: Strategies of two symbols.
DUAL = [name for name, each in wfo.strategies().items() if each.dual_symbol]


# Single points


@pytest.mark.parametrize("settings", [SETTINGS, LOTS], ids=["shares", "lots"])
@pytest.mark.parametrize(
    ("name", "dimensions"),
    [("atr_d_l", LONG), ("atr_d_l", SMOOTH), ("atr_d_hma_l", HULL), *((n, LONG) for n in DUAL)],
)
def test_figures_are_those_of_a_simulation(
    name: str, dimensions: Sequence[Dimension], settings: wfo.Settings
) -> None:
    made = evaluator(dimensions, name, figures=["sharpe"], settings=settings)
    rows = rows_of(made, 6)
    inside = figures_of(made, rows)
    outside = made.out_of_sample(rows)
    two = wfo.strategies()[name].dual_symbol
    for at, params in enumerate(made.space.decode(rows)):
        for number, (warmup, split, end) in enumerate(WINDOWS):
            both = (frame()[:end], frame("NASDAQ")[:end] if two else None)
            complete = wfo.strategies()[name].with_defaults(params)[0]
            metrics = wfo.simulate(
                name, both[0], complete, split=split, warmup=warmup, bars2=both[1],
                settings=settings,
            ).metrics()  # fmt: skip
            for found, part in ((inside, metrics.in_sample), (outside, metrics.out_of_sample)):
                assert found[at][number]["SP500"] == pytest.approx(
                    wanted(part), rel=1e-9, nan_ok=True
                )


def test_what_a_run_stores_is_enough_for_some_figures() -> None:
    quick, full = evaluator(figures=["profit", "trades"]), evaluator(figures=["profit", "calmar"])
    rows = rows_of(quick, 8)
    assert quick.names == (*STANDARD, "profit")
    assert set(full.names) == {*FIGURES, "profit", "calmar"}
    for few, many in zip(figures_of(quick, rows), figures_of(full, rows), strict=True):
        for window, others in zip(few, many, strict=True):
            assert tuple(window["SP500"]) == quick.names
            assert tuple(others["SP500"]) == full.names
            shared = {name: others["SP500"][name] for name in quick.names}
            assert window["SP500"] == shared
            for alias in ("profit", "calmar"):
                assert same(others["SP500"][alias], others["SP500"][ALIASES[alias]])


def test_each_symbol_has_its_own_bars_and_windows() -> None:
    later = tuple((w + 20, s + 20, e) for w, s, e in WINDOWS)
    bars = {"SP500": feeds(), "NASDAQ": feeds(symbol="NASDAQ")}
    phases = {"SP500": WINDOWS, "NASDAQ": later}
    made = StrategyEvaluator("atr_d_l", bars, space(*LONG), phases, SETTINGS)
    assert made.symbols == ("SP500", "NASDAQ")
    assert made.windows == 2
    rows = rows_of(made, 4)
    alone = [
        evaluator(own={"SP500": feeds()}),
        evaluator(own={"NASDAQ": bars["NASDAQ"]}, windows=later),
    ]
    first, second = (figures_of(each, rows) for each in alone)
    for both, one, other in zip(figures_of(made, rows), first, second, strict=True):
        for at in range(2):
            assert same(dict(both[at]), {**one[at], **other[at]})


# Nothing behind the in-sample bars


def _changed(bars: Feeds, first: int, rng: np.random.Generator) -> Feeds:
    """Return bars that are others from `first` on."""
    factor = np.ones(bars.bars)
    factor[first:] = rng.uniform(0.2, 5, bars.bars - first)
    columns = {
        feed: {key: column * factor for key, column in own.items()} for feed, own in bars.items()
    }
    return Feeds(columns, bars.stamps)


@pytest.mark.parametrize(
    ("dimensions", "block"), [(LONG, None), (SMOOTH, None), (LONG, 3), (SMOOTH, 3)]
)
def test_no_figure_knows_a_bar_after_the_in_sample_end(
    dimensions: Sequence[Dimension], block: int | None
) -> None:
    rng = np.random.default_rng(5)
    bars, rows, before = feeds(), None, None
    for number, (warmup, split, end) in enumerate(WINDOWS):
        window = [(warmup, split, end)]
        made = evaluator(dimensions, windows=window, block=block, figures=["sharpe"])
        rows = rows_of(made, 4)
        before = figures_of(made, rows)
        firsts = [split, split + 1, *rng.integers(split + 1, end, 2).tolist()]
        others = [_changed(bars, first, rng) for first in firsts]
        for other in others:
            again = evaluator(
                dimensions, windows=window, block=block, figures=["sharpe"], own={"SP500": other}
            )
            assert same(figures_of(again, rows), before), number
        cut = evaluator(
            dimensions, windows=[(warmup, split, split)], block=block, figures=["sharpe"],
            own={"SP500": bars.until(split)},
        )  # fmt: skip
        assert same(figures_of(cut, rows), before)
        # The test would see a change: the last in-sample bar is looked at.
        seen = evaluator(
            dimensions, windows=window, block=block, figures=["sharpe"],
            own={"SP500": _changed(bars, split - 1, rng)},
        )  # fmt: skip
        assert not same(figures_of(seen, rows), before)


def test_what_makes_figures_annual_follows_from_in_sample_dates() -> None:
    # Weekdays in-sample, then weekends too, as of another market.
    every = [dt.date(2020, 1, 6) + dt.timedelta(n) for n in range(400)]
    days = [day for n, day in enumerate(every) if n >= 56 or day.weekday() < 5][:200]
    ones = dict.fromkeys(("open", "high", "low", "close"), np.ones(200))
    bars = Feeds({"bars": ones}, pl.Series(days))
    found = SymbolWindow.of("X", bars, (1, 40, 200))
    assert found.bars_per_year == inferred_bars_per_year(bars.stamps[:40])
    assert found.bars_per_year != inferred_bars_per_year(bars.stamps)


class Unspeakable(Exception):  # noqa: N818  # a foreign one
    def __str__(self) -> str:
        raise RuntimeError


def peek(bars: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Hold through every bar that the next one shows to be a good one."""
    ((_, (wait, _)),) = sets
    if wait == 13:
        raise RuntimeError("thirteen\nis unlucky")
    if wait == 14:
        raise Unspeakable
    if wait == 15:
        raise ValueError("\x1b[2J" * 10_000)
    close = bars["bars"]["close"]
    r = close[1:] / close[:-1] - 1
    marks = np.full(len(close), settings.capital)
    gains = np.where(r > 0, 1 + r, 1.0)
    gains[: warmup + wait] = 1.0
    marks[1:] = settings.capital * np.cumprod(gains)
    marks[:warmup] = settings.capital
    return Walk([], marks)


def _peeking() -> wfo.Strategy:
    return strategy(
        "wait", "unused", kernel=PythonKernel("test_search_kernels:peek"), lookback=lambda _: 1
    )


def test_a_strategy_that_looks_ahead_sees_no_bar_beyond_either() -> None:
    own = _peeking()
    rng = np.random.default_rng(2)
    read = read_feeds(own, frame())
    searched = space(listed("wait", 1, 5), listed("unused", 0, 1))
    found = []
    for bars in (read, _changed(read, 300, rng)):
        made = StrategyEvaluator(own, {"X": bars}, searched, {"X": [(10, 300, 400)]})
        found.append(figures_of(made, searched.grid_rows(0, 4)))
    assert same(*found)


# In any company, in any order


@pytest.mark.parametrize(
    ("dimensions", "name", "block"),
    [
        (LONG, "atr_d_l", None),
        (SMOOTH, "atr_d_l", None),
        (HULL, "atr_d_hma_l", None),
        (LONG, "atr_d_l", 2),
        (SMOOTH, "atr_d_l", 2),
        (HULL, "atr_d_hma_l", 2),
    ],
)
def test_a_points_figures_do_not_depend_on_its_company(
    dimensions: Sequence[Dimension], name: str, block: int | None
) -> None:
    made = evaluator(dimensions, name, block=block, figures=["sharpe"], threads=2)
    rows = rows_of(made, 9)
    together = figures_of(made, rows)
    other = evaluator(dimensions, name, block=block, figures=["sharpe"], threads=1)
    backwards = figures_of(other, rows[::-1])[::-1]
    assert same(together, backwards)
    for at in range(0, len(rows), 4):
        assert same(figures_of(other, rows[at : at + 1])[0], together[at])


def test_what_follows_an_outcome_is_evaluated_too() -> None:
    made = evaluator()
    rows = rows_of(made, 7)
    whole = figures_of(made, rows)
    tasks = tasks_of(made, rows, [0])
    seen: list[tuple[int, tuple[int, ...]]] = []

    def finished(outcome: Outcome) -> Task | None:
        seen.append((outcome.trial, outcome.windows))
        number = outcome.windows[0]
        assert same(outcome.figures, (whole[outcome.trial][number],))
        task = tasks[outcome.trial]
        more = number + 1 < made.windows and outcome.trial % 2 == 0
        return Task(task.trial, (number + 1,), task.params, task.row, task.seed) if more else None

    made.evaluate(tasks, finished)
    first = [(trial, (0,)) for trial in range(len(rows))]
    assert seen == [*first, *((trial, (1,)) for trial in range(0, len(rows), 2))]
    assert made.combinations == 2 * len(rows)


def test_a_point_that_fails_does_not_take_others_along() -> None:
    own = _peeking()
    searched = space(listed("wait", *range(10, 16)), listed("unused", 0, 1))
    bars = read_feeds(own, frame())
    made = StrategyEvaluator(own, {"X": bars}, searched, {"X": [(10, 300, 400)]})
    found = evaluated(made, tasks_of(made, searched.grid_rows(0, 12)))
    failed = [each for each in found if each.ending == "failed"]
    assert [each.trial for each in failed] == list(range(6, 12))
    errors = [each.error for each in failed[::2]]
    said = ("RuntimeError: thirteen is unlucky", "Unspeakable", "ValueError: \\x1b[2J")
    for wait, error, words in zip((13, 14, 15), errors, said, strict=True):
        assert f"test_search_kernels:peek fails at wait {wait}, unused 0: {words}" in error
    assert "test_search_kernels.py, line 275, in peek)" in errors[0]
    assert len(errors[2]) == 1_000
    assert all(each.figures == () and "\n" not in each.error for each in failed)
    assert all(math.isfinite(e.figures[0]["X"]["net_profit"]) for e in found if e not in failed)
    assert made.combinations == 6


@pytest.mark.parametrize("block", [None, 2])
def test_a_point_that_a_constraint_of_the_strategy_forbids_fails(block: int | None) -> None:
    dimensions = (*HULL[1:], listed("short_multiplier", 0.5, 1.0))
    own = evaluator(HULL, "atr_d_hma_l")
    assert own.whole.constraints[0].require == "hma_fast_length < hma_slow_length"
    assert own.space.allowed(own.space.grid_rows(0, 18)).sum() == 2 * 6
    found = evaluated(own, tasks_of(own, own.space.grid_rows(0, 9)))
    forbidden = [e.trial for e in found if e.ending == "failed"]
    assert forbidden == [3, 6, 7]
    assert "hma_fast_length = 20 is not allowed" in found[3].error
    if block is not None:
        # In front of a block they are genes.
        name = "atr_d_hma_ls"
        assert wfo.strategies()[name].names[-3:] == (
            "short_multiplier", "hma_fast_length", "hma_slow_length",
        )  # fmt: skip
        made = evaluator(dimensions, name, block=block)
        assert made.space.names == ("short_multiplier",)
        assert made.block is not None
        assert made.block.size == 6


# Blocks


def _inside(made: StrategyEvaluator, genes: Mapping[str, Any]) -> tuple[StrategyEvaluator, Any]:
    """Return an evaluator of single points, and the rows of those of a block that are allowed."""
    assert made.block is not None
    single = evaluator(
        made.whole.dimensions,
        made._points.strategy.name,
        figures=["sharpe", "drawdown"],
        space_of={"constraints": [c.require for c in made.whole.constraints]},
    )
    values = [
        (genes[d.name],) if d.name in genes else d.values or () for d in made.whole.dimensions
    ]
    rows = np.array(
        [
            single.space.encode(dict(zip(made.whole.names, each, strict=True)))
            for each in itertools.product(*values)
        ]
    )
    return single, rows[single.space.allowed(rows)]


CASES = [
    (LONG, "atr_d_l", ()),
    (SMOOTH, "atr_d_l", ()),
    # The order of the space is not the strategy's.
    (tuple(reversed(LONG)), "atr_d_l", ()),
    (LONG, "atr_d_l", ("atr_smooth_period == 2 or atr_multiplier > 2",)),
    (LONG, "atr_d_l", ("atr_buy_multiplier * 2 <= atr_multiplier",)),
    (HULL, "atr_d_hma_l", ("hma_slow_length - hma_fast_length >= 10",)),
]


@pytest.mark.parametrize(("dimensions", "name", "constraints"), CASES)
def test_a_block_is_the_median_of_what_is_in_it(
    dimensions: Sequence[Dimension], name: str, constraints: Sequence[str]
) -> None:
    made = evaluator(
        dimensions, name, block=2 if name == "atr_d_hma_l" else 3,
        figures=["sharpe", "drawdown"], space_of={"constraints": constraints},
        valid=lambda columns: columns["drawdown"] <= 0.1,
    )  # fmt: skip
    rows = rows_of(made, 3)
    for genes, found in zip(made.space.decode(rows), figures_of(made, rows), strict=True):
        single, inside = _inside(made, genes)
        all_of_them = figures_of(single, inside)
        for number in range(made.windows):
            each = [figures[number]["SP500"] for figures in all_of_them]
            block = found[number]["SP500"]
            assert tuple(block) == made.names
            for figure in ("total_return", "max_drawdown", "trades", "sharpe", "drawdown"):
                middle = np.median([one[figure] for one in each])
                assert block[figure] == pytest.approx(middle, rel=1e-9)
            assert block["combinations"] == len(each)
            profitable = np.mean([one["total_return"] > 0 for one in each])
            assert block["profitable_share"] == pytest.approx(profitable)
            assert block["valid_share"] == pytest.approx(
                np.mean([one["drawdown"] <= 0.1 for one in each])
            )
    # Counted once a point, whatever its windows.
    assert made.combinations == sum(
        each[0]["SP500"]["combinations"] for each in figures_of(made, rows)
    )


def test_a_block_without_an_allowed_combination_has_no_figures() -> None:
    made = evaluator(block=3, space_of={"constraints": ["atr_buy_multiplier > atr_multiplier - 2"]})
    assert made.space.constraints == ()
    (found,) = figures_of(made, made.space.encode(
        {"atr_period": 10, "atr_multiplier": 8.0, "vol_threshold": 0.05}
    )[None])  # fmt: skip
    block = found[0]["SP500"]
    assert block.pop("combinations") == 0
    assert all(math.isnan(value) for value in block.values())


def test_medians_and_shares_by_hand() -> None:
    nan = math.nan
    values = np.array(
        [[4.0, 1, 3, 2], [nan, 1, 3, nan], [nan, nan, 3, nan], [1, 9, 5, nan], [nan] * 4]
    )
    assert medians(values, None, 0.5) == pytest.approx([2.5, 2, nan, 5, nan], nan_ok=True)
    allowed = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0], [0, 1, 0, 1], [0] * 4], bool)
    assert medians(values, allowed, 0.5) == pytest.approx([2.5, 3, 3, 9, nan], nan_ok=True)
    assert shares(values > 2, None) == pytest.approx([0.5, 0.25, 0.25, 0.5, 0])
    assert shares(values > 2, allowed) == pytest.approx([0.5, 0.5, 1, 0.5, nan], nan_ok=True)


def _brute_force(
    scores: Any, points: Sequence[tuple[int, ...]], ordered: Sequence[bool]
) -> list[float]:
    at = {point: i for i, point in enumerate(points)}
    found = []
    for point in points:
        near = [point]
        for axis, has_order in enumerate(ordered):
            for step in (-1, 1) if has_order else ():
                other = (*point[:axis], point[axis] + step, *point[axis + 1 :])
                near += [other] if other in at else []
        each = sorted(-math.inf if math.isnan(scores[at[p]]) else scores[at[p]] for p in near)
        low, high = each[(len(each) - 1) // 2], each[len(each) // 2]
        found.append(low if low == high else (low + high) / 2)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_neighbours_are_a_step_away_and_in_the_block(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = {name: int(n) for name, n in zip("abc", rng.integers(1, 5, 3), strict=True)}
    every = list(itertools.product(*map(range, lengths.values())))
    kept = [point for point in every if rng.random() < 0.7] or every[:1]
    scores = np.where(rng.random(len(kept)) < 0.2, np.nan, rng.integers(0, 9, len(kept)))
    digits = {name: np.array([p[i] for p in kept]) for i, name in enumerate(lengths)}
    found = neighbourhood_medians(scores, digits, lengths, ["a", "c"])
    assert found.tolist() == _brute_force(scores, kept, [True, False, True])


@pytest.mark.parametrize(("dimensions", "name", "constraints"), CASES)
def test_the_best_inside_is_no_lone_peak(
    dimensions: Sequence[Dimension], name: str, constraints: Sequence[str]
) -> None:
    made = evaluator(
        dimensions, name, block=2 if name == "atr_d_hma_l" else 3,
        figures=["sharpe", "drawdown"], space_of={"constraints": constraints},
    )  # fmt: skip
    row = rows_of(made, 1)[0]
    (genes,) = made.space.decode(row[None])
    single, inside = _inside(made, genes)
    points = single.space.decode(inside)

    def score(figures: Sequence[Any]) -> Any:
        return np.array([np.mean([w["SP500"]["sharpe"] for w in each]) for each in figures])

    scores = score(figures_of(single, inside))
    assert made.block is not None
    swept = made.block.swept
    values = {d.name: d.values or () for d in dimensions}
    digits = [tuple(values[n].index(p[n]) for n in swept) for p in points]
    near = _brute_force(scores, digits, [n != "equity_price_method" for n in swept])
    best = made.best_inside(row, score)
    assert best in points
    assert near[points.index(dict(best))] == pytest.approx(max(near), rel=1e-9)
    assert tuple(best) == made.whole.names
    assert made.best_inside(row, lambda figures: np.full(len(figures), np.nan)) is None


def _scoring(
    limits: Any = "none", guardrails: Guardrails | None = None, objective: Any = "sharpe"
) -> Scoring:
    objective = Objective.read(objective, "space.yaml: objective", None)
    read = Limits.read(limits, "space.yaml: limits")
    return Scoring(objective, read, guardrails, "median", ["SP500"])


def test_valid_combinations_keep_to_the_limits_and_guardrails() -> None:
    assert keeping_to(_scoring()) is None
    columns = {
        "sharpe": np.array([[2.0, 0.5], [1.0, math.nan]]),
        "max_drawdown_share": np.array([[0.1, 0.1], [0.3, 0.1]]),
    }
    limits = {"sharpe": {"at_least": 1}, "drawdown": {"at_most": 0.2}}
    both = keeping_to(_scoring(limits))
    assert both is not None
    assert both(columns).tolist() == [[True, False], [False, False]]
    one = keeping_to(_scoring({"mode": "lenient", "broken": 1, "limits": limits}))
    assert one is not None
    assert one(columns).tolist() == [[True, True], [True, True]]
    always = Guardrails([Limit("drawdown", "at_most", 0.2)])
    for own, wanted_ones in (("none", [[True, True], [False, True]]), (limits, both(columns))):
        held = keeping_to(_scoring(own, always))
        assert held is not None
        assert held(columns).tolist() == np.asarray(wanted_ones).tolist()


def test_what_breaks_limits_comes_after_what_does_not() -> None:
    figures = [
        ({"SP500": {"sharpe": sharpe, "drawdown": drawdown}},)
        for sharpe, drawdown in [(0.1, 0.1), (9.0, 0.3), (9.0, 0.25), (-2.0, 0.1), (math.nan, 0.1)]
    ]
    score = score_of(_scoring({"drawdown": {"at_most": 0.2}}))
    assert score(figures).tolist() == pytest.approx(
        [0.1, math.nan, math.nan, -2.0, math.nan], nan_ok=True
    )
    # Where none keeps to them, the nearest is the best.
    scores = score([figures[1], figures[2], figures[4]])
    assert scores[1] > scores[0]
    assert math.isnan(scores[2])


def test_what_a_block_alone_has_counts_for_all_that_is_in_it() -> None:
    scoring = _scoring({"valid_share": {"at_least": 0.5}, "drawdown": {"at_most": 0.2}})
    valid = keeping_to(scoring)
    assert valid is not None
    assert valid({"max_drawdown_share": np.array([0.1, 0.3])}).tolist() == [True, False]
    assert keeping_to(_scoring({"valid_share": {"at_least": 0.5}})) is None
    inside = [({"SP500": {"sharpe": 1.0, "drawdown": 0.1}},)]
    assert score_of(scoring, [{"SP500": {"valid_share": 0.7}}])(inside).tolist() == [1.0]
    assert score_of(scoring, [{"SP500": {"valid_share": 0.4}}])(inside)[0] < 0


def test_a_block_is_judged_by_the_objective_of_the_search() -> None:
    shares_too = {
        "weights": {"sharpe": 0.8, "valid_share": 0.2}, "scales": {"valid_share": [0, 1]},
    }  # fmt: skip
    scoring = _scoring({"drawdown": {"at_most": 0.12}}, objective=shares_too)
    made = evaluator(block=3, figures=scoring.figures, valid=keeping_to(scoring))
    rows = rows_of(made, 4)
    shares_of = [w["SP500"]["valid_share"] for each in figures_of(made, rows) for w in each]
    assert any(0 < share < 1 for share in shares_of)
    assert made.block is not None
    swept = made.block.swept
    values = {d.name: d.values or () for d in LONG}
    for row, genes in zip(rows, made.space.decode(rows), strict=True):
        single, inside = _inside(made, genes)
        points = single.space.decode(inside)
        alone = [
            [{"SP500": {**w["SP500"], "valid_share": w["SP500"]["drawdown"] <= 0.12}} for w in each]
            for each in figures_of(single, inside)
        ]
        scores = score_of(scoring)(alone)
        assert np.isfinite(scores).any()
        digits = [tuple(values[n].index(p[n]) for n in swept) for p in points]
        near = _brute_force(scores, digits, [n != "equity_price_method" for n in swept])
        best = made.best_inside(row, score_of(scoring))
        assert near[points.index(dict(best or {}))] == pytest.approx(max(near), rel=1e-9)


def test_how_a_space_is_cut() -> None:
    assert evaluator(block=1).space.names == tuple(d.name for d in LONG[:-1])
    turned = evaluator(tuple(reversed(LONG)), block=2)
    assert turned.space.names == tuple(d.name for d in reversed(LONG[:-2]))
    assert turned.block is not None
    assert turned.block.swept == ("atr_smooth_period", "equity_price_method")
    wide = [
        Dimension(d.name, d.kind, values=tuple(range(1, 33)) if d.kind == "int" else d.values)
        for d in (*LONG[:3], *LONG[4:5])
    ]
    small = evaluator(wide, block="auto")
    assert small.block is None
    assert "256" in small.note
    cut = evaluator([*wide, listed("atr_buy_multiplier", *np.linspace(0.5, 5, 64).tolist())],
                    block="auto")  # fmt: skip
    assert cut.block is not None
    # 32 · 64, and with the two before it 4,096; the three before that would be 12,288.
    assert cut.block.size == 4096
    assert cut.space.names == ("atr_period", "atr_multiplier")
    assert evaluator().block is None
    smooth = (*LONG[:4], Dimension("atr_smooth_period", "float", low=1.0, high=2.0))
    with pytest.raises(InputError, match="atr_smooth_period"):
        evaluator(smooth, block="auto")


def test_an_engine_that_gains_nothing_by_blocks_has_none_unless_asked() -> None:
    lots = evaluator(settings=LOTS, block="auto", figures=["sharpe"])
    assert "factored: " in lots.note
    own = _peeking()
    searched = space(listed("wait", 1, 5), listed("unused", *range(300)))
    bars = {"X": read_feeds(own, frame())}
    windows = {"X": [(10, 300, 400)]}
    made = StrategyEvaluator(own, bars, searched, windows, block="auto")
    assert made.block is None
    assert "python" in made.note
    assert made.space.names == searched.names
    small = space(listed("wait", 1, 5), listed("unused", 0, 1))
    asked = StrategyEvaluator(own, bars, small, windows, block=1)
    (found, _) = figures_of(asked, asked.space.grid_rows(0, 2))
    alone = figures_of(StrategyEvaluator(own, bars, small, windows), small.grid_rows(0, 1))
    assert found[0]["X"]["total_return"] == alone[0][0]["X"]["total_return"]


def test_a_space_whose_last_parameter_has_no_list_has_no_blocks() -> None:
    last = Dimension("trend_veto_threshold", "float", low=0.0, high=1.0)
    made = evaluator((*LONG[:2], last), "atr_d_ls", block="auto")
    assert made.block is None
    assert "trend_veto_threshold" in made.note
    with pytest.raises(InputError, match="trend_veto_threshold"):
        evaluator((*LONG[:2], last), "atr_d_ls", block=1)


@pytest.mark.parametrize(
    ("block", "message"),
    [(0, "block = 0"), (-1, "-1"), (True, "True"), (2.0, "2.0"), ("all", "'all'"),
     (6, "block = 6 cannot be swept"), (99, "block = 99 cannot be swept")],
)  # fmt: skip
def test_blocks_that_cannot_be(block: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluator(block=block)


def test_parameters_that_share_constraints_are_not_cut() -> None:
    with pytest.raises(InputError, match=r"it can be 2 \(hma_fast_length, hma_slow_length\)"):
        evaluator(HULL, "atr_d_hma_l", block=1)


# What cannot be


@pytest.mark.parametrize(
    ("dimensions", "more", "message"),
    [
        ([listed("atr_perod", 1, 2)], {}, "atr_perod"),
        ([Dimension("atr_period", "choice", values=("a", "b"))], {}, "atr_period = 'a'"),
        ([listed("atr_period", 0, 2)], {}, "atr_period = 0"),
        ([Dimension("atr_period", "float", low=1.0, high=9.0)], {}, r"\{int: \[1, 9\]\}"),
        ([Dimension("atr_multiplier", "float", low=-1.0, high=9.0)], {}, "atr_multiplier = -1"),
        ([listed("bb.length", 3, 4)], {}, "bb.length"),
        (LONG, {"space_of": {"fixed": {"bb_length": 1}}}, "bb_length = 1"),
        (LONG, {"space_of": {"fixed": {"bb": {"length": 1}}}}, "'bb'"),
        (LONG, {"space_of": {"fixed": {"nothing": 1}}}, "nothing"),
        (LONG, {"figures": ["sharp"]}, "sharpe"),
        (LONG, {"figures": ["ulcer_index"]}, "ulcer_index"),
        (LONG, {"figures": ["valid_share"]}, "valid_share"),
        (LONG, {"windows": [(60, 300, 400)]}, "10 bars later"),
        (LONG, {"windows": [(100, 100, 400)]}, "split = 100"),
        (LONG, {"windows": [(100, 300, 901)]}, "end = 901"),
        (LONG, {"windows": []}, "SP500"),
        (LONG, {"own": {}}, "no bars"),
        (LONG, {"own": {"X": "no"}}, "'X'|X"),
        ([listed("atr_period", 10, 400)], {}, "290 bars later"),
    ],
)
def test_what_cannot_be_searched_is_said(
    dimensions: Sequence[Dimension], more: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(WfoError, match=message) as caught:
        evaluator(dimensions, **more)
    assert "\n" not in str(caught.value)


def test_symbols_need_as_many_windows() -> None:
    bars = {"A": feeds(), "B": feeds()}
    with pytest.raises(InputError, match=r"A'? 2, '?B'? 1"):
        StrategyEvaluator("atr_d_l", bars, space(*LONG), {"A": WINDOWS, "B": WINDOWS[:1]})
    with pytest.raises(InputError, match=r"no windows for '?B"):
        StrategyEvaluator("atr_d_l", bars, space(*LONG), {"A": WINDOWS})


def test_the_longest_lookback_of_a_space() -> None:
    own = wfo.strategies()["atr_d_l"]
    assert StrategyPoints(own, space(listed("atr_period", 10, 500, 20))).least == 500
    assert (
        StrategyPoints(own, space(Dimension("bb_length", "int", low=5, high=90_000))).least
        == 90_000
    )
    assert (
        StrategyPoints(own, space(Dimension("vol_threshold", "float", low=0.1, high=0.2))).least
        == 70
    )


# After the search


def test_what_is_beside_the_best_points() -> None:
    made = evaluator(windows=(*WINDOWS, (110, 900, 900)), figures=["calmar"])
    rows = rows_of(made, 2)
    params = made.space.decode(rows)
    for part in (made.in_sample, made.out_of_sample):
        assert same(part(rows), part(rows))
    assert made.out_of_sample(rows)[0][2]["SP500"] == {}
    blocks = evaluator(block=3, figures=["valid_share"])
    for part, others in (
        (blocks.in_sample, made.in_sample),
        (blocks.out_of_sample, made.out_of_sample),
    ):
        (own,) = part(rows[:1])
        for window, other in zip(own, others(rows[:1])[0], strict=False):
            each = dict(window["SP500"])
            good = each["total_return"] > 0
            assert each.pop("combinations") == 1
            assert each.pop("profitable_share") == good
            assert each.pop("valid_share") == (good and each["trades"] > 0)
            assert same(each, {n: v for n, v in other["SP500"].items() if n != "calmar"})
    held = made.buy_and_hold()
    assert held[1][2]["SP500"] == {}
    for number, (warmup, split, end) in enumerate(WINDOWS):
        kept = wfo.buy_and_hold(frame()[:end], split=split, warmup=warmup, settings=SETTINGS)
        metrics = kept.metrics()
        for found, metric in zip(held, (metrics.in_sample, metrics.out_of_sample), strict=True):
            own = dict(found[number]["SP500"])
            assert own.pop("calmar") == own["mar"]
            assert own == pytest.approx(wanted(metric), rel=1e-9, nan_ok=True)
        complete = made._points.complete(params[0])
        sim = wfo.simulate(
            "atr_d_l", frame()[:end], complete, split=split, warmup=warmup, settings=SETTINGS
        )
        r = sim.equity[warmup:] / sim.equity[warmup - 1 : -1] - 1
        inside, outside = (made.returns(rows[0], p)[number]["SP500"] for p in ("is_", "oos_"))
        assert inside == pytest.approx(r[: split - warmup], abs=1e-12)
        assert outside == pytest.approx(r[split - warmup :], abs=1e-12)
        assert 0 <= deflated_sharpe(inside, 1e-4, 100) <= 1
    assert made.returns(rows[0], "oos_")[2]["SP500"].size == 0
    both = made.returns_of(rows)
    assert len(both) == 2
    for row, own in zip(rows, both, strict=True):
        assert same([w["SP500"].tolist() for w in own],
                    [w["SP500"].tolist() for w in made.returns(row)])  # fmt: skip
    assert made.returns_of(rows[:0]) == made.in_sample(rows[:0]) == []


def test_how_long_a_sweep_takes() -> None:
    seconds = evaluator(windows=(*WINDOWS, (110, 900, 900))).sweep_seconds()
    assert seconds is not None
    assert 0 < seconds < 60
    assert evaluator(SMOOTH).sweep_seconds() is None
    # One page has it twice.
    again = evaluator()
    assert again.sweep_seconds() == again.sweep_seconds()


def test_how_points_are_evaluated_is_stated() -> None:
    assert evaluator(figures=["sharpe"]).describe() == {
        "strategy": "atr_d_l", "figures": "extended", "engine": "direct", "block": None,
    }  # fmt: skip
    assert evaluator(block=2).describe() == {
        "strategy": "atr_d_l",
        "figures": "standard",
        "engine": "factored",
        "block": {
            "swept": ["atr_smooth_period", "equity_price_method"],
            "combinations": 4,
            "defined_share": 0.5,
        },
    }


# Random spaces of all strategies


def _random_space(rng: np.random.Generator, name: str) -> SearchSpace | None:
    """Return a space of lists, ranges and continuous axes, with a constraint now and then."""
    grid = wfo.Grid.load(str(rng.choice(["phase1_slim", "coarse", "smoke"])), name)
    dimensions = []
    for parameter in wfo.strategies()[name].parameters:
        values = list(grid.values[parameter.name])
        kind, u = ("float" if parameter.kind == "float" else "int"), rng.random()
        low, high = min(values), max(values)
        if u < 0.15:
            continue
        if u < 0.5 and parameter.kind != "choice" and low < high:
            dimensions.append(Dimension(parameter.name, kind, low=low, high=high))
            continue
        count = int(rng.integers(1, min(4, len(values)) + 1))
        chosen = sorted(rng.choice(len(values), count, replace=False))
        dimensions.append(Dimension(parameter.name, kind, values=[values[i] for i in chosen]))
    names = [d.name for d in dimensions]
    constraints = ()
    if rng.random() < 0.4 and len(names) > 1:
        a, b = rng.choice(names, 2, replace=False)
        constraints = (ParameterConstraint(f"{a} < {b} + {rng.integers(0, 40)}"),)
    return SearchSpace(tuple(dimensions), constraints=constraints) if dimensions else None


@pytest.mark.slow
@pytest.mark.parametrize("name", list(wfo.strategies()))
def test_random_spaces(name: str) -> None:
    rng = np.random.default_rng(list(wfo.strategies()).index(name))
    windows = {"A": [(150, 400, 500), (200, 800, 900)]}
    own = {"A": feeds(name)}
    done = 0
    while done < 25:
        searched = _random_space(rng, name)
        options: dict[str, Any] = {
            "figures": ["sharpe"] if rng.random() < 0.5 else [],
            "block": (None, 1, 2, 3, "auto")[rng.integers(5)],
        }
        settings = wfo.Settings(
            slip=0.0005, sizing=("compound", "fixed")[rng.integers(2)],
            lot_size=float(rng.integers(2)),
        )  # fmt: skip
        if searched is None:
            continue
        refused = ""
        try:
            made = StrategyEvaluator(name, own, searched, windows, settings, threads=2, **options)
        except InputError as error:
            refused = str(error)
        if refused:
            assert any(w in refused for w in ("cannot be swept", "looks back", "at most")), refused
            continue
        rows = made.space.sample(rng.random((7, len(made.space.dimensions))))
        together = evaluated(made, tasks_of(made, rows))
        other = StrategyEvaluator(
            name, {"A": _changed(own["A"], 800, rng)}, searched, windows, settings, threads=1,
            **options,
        )  # fmt: skip
        for at, task in enumerate(tasks_of(other, rows)):
            (alone,) = evaluated(other, [task])
            assert same(
                (alone.ending, alone.figures, alone.error),
                (together[at].ending, together[at].figures, together[at].error),
            )
        done += 1
