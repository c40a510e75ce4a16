"""The factored engine against the direct one: what whole grids, and its short cuts, can get
wrong. What one combination comes to, the parity suite tests and the scenarios do.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import cases
import hypothesis
import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest

import wfo
from wfo.atr_d.settings import Settings
from wfo.backtest import Evaluator, Feeds, Figures, read_feeds

STYLES = ["pullback", "breakout"]
VARIANTS = list(wfo.strategies())
SHORTS = [name for name, strategy in wfo.strategies().items() if strategy.shorts]
MODES = ["atr_d_ls", "atr_d_duals_ls"]

each_style = pytest.mark.parametrize("style", STYLES)
each_variant = pytest.mark.parametrize("strategy", VARIANTS)

Bounds = tuple[int, int, int]
#: Costs whose factors are not exact in binary.
COSTS: dict[str, float] = {"slip": 0.0005, "fee": 0.0002}


@functools.cache
def sample(strategy: str) -> Feeds:
    bars = wfo.load_sample("NASDAQ")
    named = wfo.strategies()[strategy]
    return read_feeds(named, bars, wfo.load_sample("SP500") if named.dual_symbol else None)


def schedule(grid: wfo.Grid) -> list[Bounds]:
    days = wfo.load_sample("NASDAQ")["date"]
    return [p.bounds for p in wfo.Windows.preset().resolve(days, warmup=max(100, grid.need))]


def prepare(
    engine: str,
    data: Feeds,
    grid: wfo.Grid,
    phases: Sequence[Bounds],
    settings: Settings | None = None,
    threads: int = 2,
) -> Evaluator:
    return Evaluator(grid.strategy, data, grid, phases, settings, engine, threads)


def agree(wanted: Sequence[Figures], found: Sequence[Figures], capital: float = 100_000.0) -> None:
    """Compare the figures of all phases: counts exactly, money within 1e-9 of each cell's size."""
    assert len(wanted) == len(found)
    for w, f in zip(wanted, found, strict=True):
        money = [np.abs(column) for column in w[:4]]
        size = np.maximum(capital, functools.reduce(np.maximum, money))
        for name in Figures._fields:
            ours, theirs = getattr(w, name), getattr(f, name)
            assert ours.shape == theirs.shape
            if name.endswith("trades"):
                assert np.array_equal(ours, theirs), name
            else:
                # NaN is not within anything.
                assert (np.abs(ours - theirs) <= 1e-9 * size).all(), name


def same_bytes(wanted: Sequence[Figures], found: Sequence[Figures]) -> bool:
    return all(
        a.tobytes() == b.tobytes()
        for w, f in zip(wanted, found, strict=True)
        for a, b in zip(w, f, strict=True)
    )


def cut(figures: Sequence[Figures], start: int, stop: int) -> list[Figures]:
    return [Figures(*(column[start:stop] for column in phase)) for phase in figures]


def joined(pieces: Sequence[Sequence[Figures]]) -> list[Figures]:
    phases = zip(*pieces, strict=True)
    return [Figures(*(np.concatenate(c) for c in zip(*p, strict=True))) for p in phases]


# The shipped grids.


@each_style
@each_variant
def test_every_combination_of_smoke(strategy: str, style: Any) -> None:
    grid = wfo.Grid.load("smoke", strategy)
    given = sample(strategy), grid, schedule(grid), Settings(entry_style=style, **COSTS)
    wanted, found = (prepare(e, *given).range(0, len(grid)) for e in ("direct", "factored"))
    assert all(phase.oos_trades.any() for phase in wanted)
    agree(wanted, found)


def random_ranges(
    name: str, strategy: str, style: Any, ranges: int, longest: int, seed: int
) -> Iterator[tuple[list[Figures], list[Figures]]]:
    """Compute random short ranges of a shipped grid on both engines."""
    grid = wfo.Grid.load(name, strategy)
    given = sample(strategy), grid, schedule(grid), Settings(entry_style=style, **COSTS)
    direct, factored = (prepare(e, *given) for e in ("direct", "factored"))
    rng = np.random.default_rng([seed, VARIANTS.index(strategy), STYLES.index(style)])
    for _ in range(ranges):
        count = int(rng.integers(1, longest + 1))
        start = int(rng.integers(len(grid) - count + 1))
        yield direct.range(start, start + count), factored.range(start, start + count)


@each_style
@each_variant
def test_random_combinations_of_the_default_grid(strategy: str, style: str) -> None:
    count = 0
    for wanted, found in random_ranges("phase1_slim", strategy, style, 6, 120, seed=0):
        agree(wanted, found)
        count += len(wanted[0].is_pnl)
    assert count > 200


@pytest.mark.slow
@each_style
@each_variant
def test_very_many_combinations_of_the_default_grid(strategy: str, style: str) -> None:
    count = 0
    for wanted, found in random_ranges("phase1_slim", strategy, style, 2_200, 100, seed=1):
        agree(wanted, found)
        count += len(wanted[0].is_pnl)
    assert count > 100_000


@each_style
def test_random_combinations_of_both_prices(style: str) -> None:
    prices = 0.0
    for wanted, found in random_ranges("phase1", "atr_d_l", style, 6, 120, seed=2):
        agree(wanted, found)
        # The price is the last parameter: neighbours in a pair differ in nothing else.
        prices += np.abs(np.diff(wanted[0].is_pnl)).sum()
    assert prices > 0


# Grids, settings and phases of any kind.


def random_task(
    seed: int, strategy: str
) -> tuple[Feeds, wfo.Grid, list[Bounds], Settings, np.random.Generator]:
    """A few hundred combinations, any settings, up to nine phases in any order and overlap."""
    rng = np.random.default_rng(seed)
    values = {k: {v} for k, v in cases.random_params(rng, strategy).items()}
    most = int(rng.choice([1, 30, 700]))
    if most > 1 and rng.random() < 0.5:
        # Twice the deviations at twice the threshold: the same tightening, in the same bits.
        for name in ("bb_deviation", "vol_threshold"):
            (value,) = values[name]
            values[name] = {value, 2 * value}
    combinations = math.prod(len(v) for v in values.values())
    while combinations < most:
        name = str(rng.choice(list(values)))
        values[name].add(cases.random_params(rng, strategy)[name])
        combinations = math.prod(len(v) for v in values.values())
    # Parameters in no order, as a user may give them.
    lists = {k: [v.item() for v in rng.permutation(list(vs))] for k, vs in values.items()}
    grid = wfo.Grid(lists, strategy=strategy)
    need = grid.need
    phases: list[Bounds] = []
    for _ in range(int(rng.choice([1, 2, 4, 5, 9]))):
        warmup = need + int(rng.choice([0, 1, rng.integers(80)]))
        split = warmup + int(rng.choice([1, rng.integers(1, 120)]))
        phases.append((warmup, split, split + int(rng.choice([1, rng.integers(1, 120)]))))
    bars = max(end for *_, end in phases) + int(rng.choice([0, 3]))
    frames = [cases.random_bars(rng, bars) for _ in range(2)]
    if rng.random() < 0.4:
        # A gap that can ruin shorts.
        late = pl.int_range(pl.len()) >= int(rng.integers(need, bars))
        scale = pl.when(late).then(float(rng.choice([1.9, 2, 2.5, 4]))).otherwise(1.0)
        frames[0] = frames[0].with_columns(pl.col("open", "high", "low", "close") * scale)
    named = wfo.strategies()[strategy]
    data = read_feeds(named, frames[0], frames[1] if named.dual_symbol else None)
    return data, grid, phases, cases.random_settings(rng), rng


@each_variant
@hypothesis.settings(max_examples=20)
@hypothesis.given(st.integers(0, 2**40))
def test_any_grid_settings_and_phases(strategy: str, seed: int) -> None:
    data, grid, phases, settings, rng = random_task(seed, strategy)
    count = len(grid)
    wanted = prepare("direct", data, grid, phases, settings).range(0, count)
    found = prepare("factored", data, grid, phases, settings, threads=1).range(0, count)
    agree(wanted, found, settings.capital)
    # The same bytes in other pieces, by other numbers of threads, and phase by phase.
    for threads in (2, 3):
        other = prepare("factored", data, grid, phases, settings, threads)
        edges = [0, *sorted(rng.integers(0, count + 1, int(rng.integers(6))).tolist()), count]
        pieces = [other.range(a, b) for a, b in itertools.pairwise(edges)]
        assert same_bytes(found, joined(pieces))
    for i in rng.integers(0, len(phases), 2).tolist():
        alone = prepare("factored", data, grid, [phases[i]], settings)
        assert same_bytes([found[i]], alone.range(0, count))


def test_the_random_tasks_are_hard_enough() -> None:
    """They ruin, tie and collapse, keep books on the way and settle, in few phases and in many."""
    ruined = equal = single = 0
    lanes, money = set(), set()
    for seed in range(150):
        data, grid, phases, settings, _ = random_task(seed, "atr_d_ls")
        found = prepare("direct", data, grid, phases, settings).range(0, len(grid))
        ruined += any((f.is_pnl + f.oos_pnl <= -settings.capital).any() for f in found)
        single += len(grid) == 1
        lanes.add(len(phases))
        money.add((settings.sizing, settings.lot_size > 0))
        deviations = [
            2 * d / v for d in grid.values["bb_deviation"] for v in grid.values["vol_threshold"]
        ]
        equal += len(set(deviations)) < len(deviations)
    assert ruined > 5
    assert equal > 30
    assert single > 20
    assert lanes == {1, 2, 4, 5, 9}
    assert len(money) == 4


@each_style
@each_variant
def test_slices_of_three_bars(strategy: str, style: Any) -> None:
    """The last bar of the warm-up and one of each kind: every such slice of a history at once."""
    grid = wfo.Grid.load("smoke", strategy)
    need = max(100, grid.need)
    phases = [(w, w + 1, w + 2) for w in range(need, need + 60)]
    given = sample(strategy), grid, phases, Settings(entry_style=style, **COSTS)
    wanted, found = (prepare(e, *given).range(0, len(grid)) for e in ("direct", "factored"))
    agree(wanted, found)
    # An entry in the first bar, its exit in the second one.
    assert sum(int(phase.oos_trades.sum()) for phase in wanted) > 0
    assert sum(int((phase.is_pnl != 0).sum()) for phase in wanted) > 0


@each_variant
def test_both_prices_in_one_grid(strategy: str) -> None:
    grid = wfo.Grid.load("smoke", strategy)
    values: dict[str, Any] = dict(grid.values)
    values |= {"equity_price_method": [0, 1], "atr_multiplier": values["atr_multiplier"][:2]}
    both = wfo.Grid(values, strategy=strategy)
    data, phases = sample(strategy), schedule(grid)
    found = prepare("factored", data, both, phases).range(0, len(both))
    agree(prepare("direct", data, both, phases).range(0, len(both)), found)
    # Each price alone gives the same, and not the same as the other.
    position = both.columns(np.arange(len(both)))["equity_price_method"]
    halves = []
    for price in (0, 1):
        one = wfo.Grid(values | {"equity_price_method": price}, strategy=strategy)
        halves.append(prepare("factored", data, one, phases).range(0, len(one)))
        mine = [Figures(*(column[position == price] for column in phase)) for phase in found]
        assert same_bytes(halves[-1], mine)
    assert not same_bytes(*halves)


@each_style
@each_variant
def test_a_grid_of_one_combination(strategy: str, style: Any) -> None:
    grid = wfo.Grid.load("smoke", strategy)
    settings = Settings(entry_style=style, **COSTS)
    data, phases = sample(strategy), schedule(grid)
    found = prepare("factored", data, grid, phases, settings).range(0, len(grid))
    for i in (0, len(grid) // 3, len(grid) - 1):
        one = wfo.Grid(grid.params(i), strategy=strategy)
        assert len(one) == 1
        assert same_bytes(
            prepare("factored", data, one, phases, settings).range(0, 1), cut(found, i, i + 1)
        )


@pytest.mark.parametrize("strategy", ["atr_d_hma_l", "atr_d_hma_ls"])
def test_pairs_of_hull_lengths_are_left_out(strategy: str) -> None:
    values = dict(wfo.Grid.load("smoke", strategy).values)
    values |= {"hma_fast_length": (30, 5, 20), "hma_slow_length": (25, 6, 40)}
    grid = wfo.Grid(values, strategy=strategy)
    data, phases = sample(strategy), schedule(grid)
    found = prepare("factored", data, grid, phases, Settings(**COSTS)).range(0, len(grid))
    agree(prepare("direct", data, grid, phases, Settings(**COSTS)).range(0, len(grid)), found)
    # The pairs alone: cell by cell those of the grid, and each of them another result.
    columns = grid.columns(np.arange(len(grid)))
    fast, slow = columns["hma_fast_length"], columns["hma_slow_length"]
    pairs = sorted(set(zip(fast.tolist(), slow.tolist(), strict=True)))
    assert pairs == [(5, 6), (5, 25), (5, 40), (20, 25), (20, 40), (30, 40)]
    seen = set()
    for pair in pairs:
        one = wfo.Grid(
            values | dict(zip(("hma_fast_length", "hma_slow_length"), pair, strict=True)),
            strategy=strategy,
        )
        alone = prepare("factored", data, one, phases, Settings(**COSTS)).range(0, len(one))
        here = (fast == pair[0]) & (slow == pair[1])
        assert same_bytes(alone, [Figures(*(c[here] for c in phase)) for phase in found])
        seen.add(alone[0].is_pnl.tobytes())
    assert len(seen) == len(pairs)


# Equal rows.

#: The ratio of deviation and threshold decides: two of these four are equal, bit by bit.
RATIOS = {"bb_deviation": [1, 2], "vol_threshold": [0.08, 0.16]}
#: Widths far above the threshold: nothing tightens, whatever the floor and the scaling.
NEVER = {"vol_threshold": [1e-6, 2e-6], "min_tightening": [0.1, 0.5], "scaling_method": [0, 1, 2]}
#: A floor of 1: nothing tightens, whatever the widths.
FLOORED = {"min_tightening": 1, "bb_length": [10, 20], "bb_deviation": [1, 3]}


def few(strategy: str, **axes: Any) -> wfo.Grid:
    """The first value of every axis of the smoke grid, and some whole axes."""
    values = {k: [v[0]] for k, v in wfo.Grid.load("smoke", strategy).values.items()}
    return wfo.Grid(values | axes, strategy=strategy)


@each_variant
@pytest.mark.parametrize(
    ("axes", "kinds"), [(RATIOS, 3), (NEVER, 1), (FLOORED, 1)], ids=["ratios", "never", "floored"]
)
def test_rows_with_equal_stops(strategy: str, axes: dict[str, Any], kinds: int) -> None:
    """They are equal cell by cell, and those with other ATRs or multipliers are not."""
    grid = few(
        strategy,
        atr_period=[10, 14],
        atr_multiplier=[3, 5],
        atr_buy_multiplier=[0.5, 1, 2],
        **axes,
    )
    data, phases = sample(strategy), schedule(grid)
    found = prepare("factored", data, grid, phases, Settings(**COSTS)).range(0, len(grid))
    agree(prepare("direct", data, grid, phases, Settings(**COSTS)).range(0, len(grid)), found)
    row = len(grid) // math.prod(len(v) for v in list(grid.values.values())[:7])
    rows = [
        b"".join(c.tobytes() for c in cut(found, i, i + row)[3]) for i in range(0, len(grid), row)
    ]
    by_atr = len(rows) // 4
    stops = [set(rows[i : i + by_atr]) for i in range(0, len(rows), by_atr)]
    assert [len(s) for s in stops] == [kinds] * 4
    assert len(set().union(*stops)) == 4 * kinds


@pytest.mark.parametrize("prices", [[0, 1], [1, 0]])
@pytest.mark.parametrize("strategy", ["atr_d_l", "atr_d_ls"])
def test_rows_that_are_equal_by_one_price_only(strategy: str, prices: list[int]) -> None:
    """Closes that stand still have no width, and their stops the floor; typical prices have one."""
    away = np.random.default_rng(8).uniform(0.1, 3, (2, 400))
    columns = np.array([np.full(400, 100.0), 100 + away[0], 100 - away[1], np.full(400, 100.0)])
    data = Feeds.of(wfo.bars.Prices(*columns))
    grid = few(
        strategy,
        atr_multiplier=1,
        vol_threshold=1e-5,
        min_tightening=[0.1, 0.5],
        atr_buy_multiplier=0.5,
        equity_price_method=prices,
    )
    phases = [(100, 250, 400)]
    found = prepare("factored", data, grid, phases).range(0, len(grid))
    agree(prepare("direct", data, grid, phases).range(0, len(grid)), found)
    values = grid.columns(np.arange(len(grid)))
    kinds = {}
    for price, floor in itertools.product((0, 1), (0.1, 0.5)):
        here = (values["equity_price_method"] == price) & (values["min_tightening"] == floor)
        kinds[price, floor] = found[0].is_dd[here].tolist()
    assert kinds[0, 0.1] == kinds[0, 0.5]
    assert kinds[1, 0.1] != kinds[1, 0.5]


@each_variant
def test_ranges_cut_equal_rows_anywhere(strategy: str) -> None:
    """Every range of a grid, most of which begin and end inside a row that others are copies of."""
    grid = few(strategy, atr_multiplier=[3, 5], atr_buy_multiplier=[0.5, 1, 2], **RATIOS)
    data = sample(strategy).until(400)
    phases = [(120, 250, 400), (100, 180, 300)]
    prepared = prepare("factored", data, grid, phases, Settings(**COSTS), threads=1)
    whole = prepared.range(0, len(grid))
    assert len(grid) == 24
    agree(prepare("direct", data, grid, phases, Settings(**COSTS)).range(0, 24), whole)
    for start, stop in itertools.combinations_with_replacement(range(25), 2):
        assert same_bytes(prepared.range(start, stop), cut(whole, start, stop)), (start, stop)


@each_style
def test_grids_of_many_tiles(style: Any) -> None:
    """More rows and more entries than are computed together, with copies in all of them."""
    grid = few(
        "atr_d_l",
        atr_multiplier=[0.5 + i / 8 for i in range(70)],
        vol_threshold=[0.05, 1e-6, 2e-6],
        atr_buy_period=[3, 5, 8, 12, 15, 20, 30, 40],
        atr_buy_multiplier=[0.1 * i for i in range(1, 10)],
        atr_smooth_period=[1, 2, 3, 5, 8, 12, 15],
        equity_price_method=[0, 1],
    )
    data = sample("atr_d_l").until(220)
    given = data, grid, [(100, 170, 220), (130, 180, 200)], Settings(entry_style=style)
    wanted = prepare("direct", *given).range(0, len(grid))
    whole = prepare("factored", *given, threads=1).range(0, len(grid))
    agree(wanted, whole)
    rng = np.random.default_rng(5)
    for threads in (2, 3):
        other = prepare("factored", *given, threads=threads)
        assert same_bytes(whole, other.range(0, len(grid)))
        edges = [0, *sorted(rng.integers(0, len(grid), 5).tolist()), len(grid)]
        assert same_bytes(whole, joined([other.range(a, b) for a, b in itertools.pairwise(edges)]))


@each_variant
def test_a_range_outside_the_grid(strategy: str) -> None:
    grid = few(strategy)
    prepared = prepare("factored", sample(strategy), grid, schedule(grid))
    assert [c.shape for c in prepared.range(1, 1)[0]] == [(0,)] * 6
    for start, stop in ((0, 2), (1, 0), (2, 2)):
        with pytest.raises(wfo.InputError, match="lie outside the grid, which has 1"):
            prepared.range(start, stop)


# Both sides touched in one bar.


def coarse_bars(n: int, seed: int) -> pl.DataFrame:
    """Prices in whole numbers, wide bars: levels, opens and extremes are often the same number."""
    rng = np.random.default_rng(seed)
    close = 100 + np.cumsum(rng.integers(-2, 3, n)) % 40
    open_ = np.concatenate([close[:1], close[:-1]]) + rng.integers(-1, 2, n)
    high = np.maximum(open_, close) + rng.integers(0, 4, n)
    low = np.minimum(open_, close) - rng.integers(0, 4, n)
    dates = [dt.date(2000, 1, 1) + dt.timedelta(i) for i in range(n)]
    columns = {"open": open_, "high": high, "low": low, "close": close}
    return pl.DataFrame({"date": dates} | columns).with_columns(pl.exclude("date").cast(pl.Float64))


@each_style
@pytest.mark.parametrize("strategy", MODES)
def test_ties_of_both_sides(strategy: str, style: Any) -> None:
    """Every mode where buys, sells and stops are touched in the same bars, often at one price."""
    grid = few(
        strategy,
        atr_period=1,
        atr_multiplier=[0.5, 1, 2],
        min_tightening=1,
        atr_buy_period=1,
        atr_buy_multiplier=[0.5, 1],
        atr_smooth_period=1,
        short_multiplier=[1, 0.5],
        entry_mode=[0, 1, 2],
        trend_veto_threshold=[-100, 0],
        both_triggered_mode=[0, 1],
    )
    bars = coarse_bars(500, 3)
    settings = Settings(entry_style=style, **COSTS)
    other = coarse_bars(500, 4) if strategy == "atr_d_duals_ls" else None
    data = read_feeds(wfo.strategies()[strategy], bars, other)
    phases = [(100, 300, 500), (150, 200, 260), (100, 101, 102), (120, 380, 400), (100, 400, 480)]
    found = prepare("factored", data, grid, phases, settings).range(0, len(grid))
    agree(prepare("reference", data, grid, phases, settings).range(0, len(grid)), found)

    # There are such bars, and the modes part ways over them.
    columns = grid.columns(np.arange(len(grid)))
    sims = [
        wfo.simulate(
            strategy, bars, grid.params(i), split=300, bars2=other, settings=settings,
            engine="factored",
        )
        for i in range(len(grid))
    ]  # fmt: skip
    visits = [(s.trades["entry_bar"] == s.trades["exit_bar"]).sum() for s in sims]
    fills = columns["both_triggered_mode"] == 1
    assert np.sum(visits, where=fills) > 200
    assert np.sum(visits, where=~fills) == 0
    pnl = found[0].is_pnl
    assert (pnl[fills] != pnl[~fills]).any()
    for one, two in itertools.combinations((0, 1, 2), 2):
        assert (pnl[columns["entry_mode"] == one] != pnl[columns["entry_mode"] == two]).any()


@pytest.mark.parametrize("strategy", MODES)
def test_modes_that_never_matter(strategy: str) -> None:
    """No sell comes through its gate, so modes are all the same; they are still all written."""
    grid = few(
        strategy, entry_mode=[2, 0, 1], trend_veto_threshold=[1e6, 0], both_triggered_mode=[1, 0]
    )
    data, phases = sample(strategy), schedule(grid)
    found = prepare("factored", data, grid, phases).range(0, len(grid))
    agree(prepare("direct", data, grid, phases).range(0, len(grid)), found)
    shut = grid.columns(np.arange(len(grid)))["trend_veto_threshold"] == 1e6
    for phase in found:
        assert len(set(phase.is_pnl[shut])) == 1
        assert len(set(phase.is_pnl[~shut])) > 1


# Ruin. Bars are followed by hand from 100 quiet ones, `open = close = 100, high = 101, low = 99`.
# All ATRs have length 1: a distance is a multiple of the true range of the bar before, 2 at first.

Bar = tuple[float, float, float, float]
QUIET: Bar = (100, 101, 99, 100)
PLAIN: dict[str, Any] = {
    "atr_period": 1,
    "atr_multiplier": 2,
    "bb_length": 2,
    "bb_deviation": 1,
    "vol_threshold": 1,
    "min_tightening": 1,
    "scaling_method": 0,
    "atr_buy_period": 1,
    "atr_buy_multiplier": 1,
    "atr_smooth_period": 1,
    "equity_price_method": 0,
}
LONG_SHORT = PLAIN | {
    "short_multiplier": 1,
    "entry_mode": 0,
    "trend_filter_period": 1,
    "trend_veto_threshold": -1e6,
    "both_triggered_mode": 0,
}
#: Widths of stops never cap.
WIDE: dict[str, Any] = {"max_stop_atr": 1e6}


def by_hand(
    capital: float, marks: Sequence[tuple[int, float]], exits: Sequence[int], split: int, end: int
) -> list[float]:
    """The six figures, from marks by bar in their order, and the bars of the exits."""
    inside = [capital, *(m for t, m in marks if t < split)]
    outside = [inside[-1], *(m for t, m in marks if split <= t < end)]
    falls = [float(np.max(np.maximum.accumulate(path) - path)) for path in (inside, outside)]
    before = sum(t < split for t in exits)
    after = sum(split <= t < end for t in exits)
    return [inside[-1] - capital, outside[-1] - inside[-1], *falls, before, after]


def check_by_hand(
    values: dict[str, Any],
    bars: Sequence[Bar],
    settings: Settings,
    wanted: dict[Bounds, list[float]],
) -> None:
    """Compare the phases of a sweep with figures that were worked out by hand, on every engine."""
    columns = np.array([QUIET] * 100 + list(bars), dtype=np.float64).T.copy()
    grid = wfo.Grid(values)
    phases = list(wanted)
    for engine in ("reference", "direct", "factored"):
        feeds = Feeds.of(wfo.bars.Prices(*columns))
        found = prepare(engine, feeds, grid, phases, settings).range(0, 1)
        for bounds, phase in zip(phases, found, strict=True):
            figures = [float(column[0]) for column in phase]
            w = wanted[bounds]
            size = max(settings.capital, *(abs(x) for x in w[:4]))
            assert figures[4:] == w[4:], (engine, bounds)
            assert figures[:4] == pytest.approx(w[:4], rel=0, abs=1e-9 * size), (engine, bounds)


def short_exit(capital: float, entry: float, exit_: float, settings: Settings) -> float:
    """The equity after a short, in the contract's own order of operations."""
    slip, fee = settings.slip, settings.fee
    shares = capital / (entry * (1 - slip))
    gain = entry * (1 - slip) * (1 - fee)
    return capital + shares * (gain - exit_ * (1 + slip) * (1 + fee))


def long_exit(capital: float, entry: float, exit_: float, settings: Settings) -> float:
    """The equity after a long, likewise."""
    slip, fee = settings.slip, settings.fee
    cost = entry * (1 + slip) * (1 + fee)
    return capital + capital / cost * (exit_ * (1 - slip) * (1 - fee) - cost)


def around(root: float, steps: int) -> list[float]:
    """The floats next to a number, on both sides."""
    below, above = [root], [root]
    for _ in range(steps):
        below.append(float(np.nextafter(below[-1], 0)))
        above.append(float(np.nextafter(above[-1], np.inf)))
    return [*below[:0:-1], *above]


RUINING = [
    Settings(capital=101_000, **WIDE),
    Settings(capital=101_000, **WIDE, **COSTS),
    Settings(capital=12_345.67, **WIDE, slip=0.013, fee=0.0071),
    Settings(capital=101_000, sizing="fixed", **WIDE, **COSTS),
]


def stopped_short(x: float, settings: Settings) -> tuple[list[Bar], dict[Bounds, list[float]]]:
    """A short that is stopped at the open of `x`, and a long after it where anything is left."""
    at = round(x)
    bars: list[Bar] = [
        (100, 101, 99.5, 100),  # 100: sell at 99+2 = 101, reached. Buy at 101-2 = 99, not reached
        (x, at + 1, at - 1, at),  # 101: short stop at 99.5+2·1.5 = 102.5, far behind the open
        (at, at + 1, at - 1, at),  # 102: TR of 101 is near 100: no level is. TR 2
        (at, at + 0.5, at - 1, at),  # 103: buy at 1-2 = -1, reached; sell at -1+2 = 1. TR 1.5
        (at - 12, at - 11, at - 13, at - 12),  # 104: long stop at 0.5-3: filled at the open. TR 13
        (at - 12, at - 11, at - 13, at - 12),  # 105: buy at -11-13, sell at -13+13: nothing
    ]
    capital, slip, fee = settings.capital, settings.slip, settings.fee

    def after(equity: float) -> tuple[list[tuple[int, float]], list[int]]:
        """From bar 103 on: a long of 201, bought with this equity."""
        if equity <= 0:
            return [(t, equity) for t in (103, 104, 105)], []
        cost = (at - 1) * (1 + slip) * (1 + fee)
        left = long_exit(equity, at - 1, at - 12, settings)
        return [(103, equity + equity / cost * (at - cost)), (104, left), (105, left)], [104]

    gain = 101 * (1 - slip) * (1 - fee)
    open_mark = capital + capital / (101 * (1 - slip)) * (gain - 100)
    left = short_exit(capital, 101, x, settings)
    marks, exits = after(left)
    ruined = [(100, open_mark), (101, left), (102, left), *marks], [101, *exits]
    fresh = after(capital)
    phases = [
        ((100, 101, 106), ruined),
        ((103, 104, 106), fresh),
        ((100, 102, 106), ruined),
        ((102, 103, 105), ([(102, capital), *fresh[0]], fresh[1])),
        ((100, 103, 104), ruined),
        ((100, 104, 105), ruined),
        ((103, 105, 106), fresh),
    ]
    return bars, {b: by_hand(capital, *found, b[1], b[2]) for b, found in phases}


def any_costs(count: int) -> list[Settings]:
    """Capital and costs whose roundings go either way."""
    rng = np.random.default_rng(0)
    costs = rng.uniform(0, 0.02, (count, 2)).tolist()
    capital = rng.uniform(1_000, 1_000_000, count).tolist()
    return [Settings(c, slip, fee, **WIDE) for c, (slip, fee) in zip(capital, costs, strict=True)]


@pytest.mark.parametrize("settings", RUINING + any_costs(8), ids=range(12))
def test_a_short_that_is_nearly_ruined(settings: Settings) -> None:
    """One rounding error decides whether there is a later trade, and the contract's own decides."""
    slip, fee = settings.slip, settings.fee
    root = 101 * (1 - slip) * (2 - fee) / ((1 + slip) * (1 + fee))
    later = set()
    for x in [*around(root, 12), root - 1e-4, root + 1e-4, root - 1e-8, root + 1e-8]:
        bars, wanted = stopped_short(x, settings)
        check_by_hand(LONG_SHORT, bars, settings, wanted)
        later.add(sum(wanted[100, 101, 106][4:]))
    assert later == {1, 2}


def test_a_short_that_leaves_exactly_nothing() -> None:
    """1000 shares, sold at 101 and bought at 202."""
    settings = RUINING[0]
    bars, wanted = stopped_short(202, settings)
    assert short_exit(101_000, 101, 202, settings) == 0
    assert wanted[100, 102, 106] == [-101_000, 0, 102_000, 0, 1, 0]
    check_by_hand(LONG_SHORT, bars, settings, wanted)


@pytest.mark.parametrize("settings", RUINING[:3] + any_costs(8), ids=range(11))
def test_a_reversal_that_nearly_ruins(settings: Settings) -> None:
    """Breakouts, stops far away: a buy reverses the short, and may leave nothing to buy with."""
    settings = dataclasses.replace(settings, entry_style="breakout")
    capital, slip, fee = settings.capital, settings.slip, settings.fee
    values = LONG_SHORT | {"atr_multiplier": 50, "entry_mode": 1}
    root = 98 * (1 - slip) * (2 - fee) / ((1 + slip) * (1 + fee))
    at = round(root)
    later = set()
    for x in [*around(root, 12), root - 1e-4, root + 1e-4]:
        bars: list[Bar] = [
            (100, 100.5, 98, 99),  # 100: sell at 100-2 = 98, reached; buy at 102. TR 2.5
            (x, at + 1, at - 1, at),  # 101: buy at 99+2.5, at the open; short stop at 98+125
            (at, at + 1, at - 1, at),  # 102: TR of 101 is near 100: no level is. TR 2
            (80, 81, 79, 80),  # 103: long stop at 1-100; were it flat, sell at -2. TR near 100
            (80, 81, 79, 80),  # 104: buy at 80+100, sell below 0: nothing
        ]
        left = short_exit(capital, 98, x, settings)
        shares = capital / (98 * (1 - slip))
        marks = [(100, capital + shares * (98 * (1 - slip) * (1 - fee) - 99)), (101, left)]
        exits = [101]
        if left > 0:
            cost = x * (1 + slip) * (1 + fee)
            marks += [(t, left + left / cost * (at - cost)) for t in (101, 102)]
            marks += [(t, long_exit(left, x, 80, settings)) for t in (103, 104)]
            exits += [103]
        else:
            marks += [(t, left) for t in (102, 103, 104)]
        phases = [(100, split, 105) for split in (101, 102, 103, 104)]
        wanted = {b: by_hand(capital, marks, exits, b[1], b[2]) for b in phases}
        check_by_hand(values, bars, settings, wanted)
        later.add(len(exits))
    assert later == {1, 2}


def test_what_little_a_short_leaves_can_grow() -> None:
    """Money is within 1e-9 even where it has grown out of the difference of two large numbers."""
    settings = Settings(capital=101_000, **WIDE, **COSTS)
    slip, fee = settings.slip, settings.fee
    root = 101 * (1 - slip) * (2 - fee) / ((1 + slip) * (1 + fee))
    cost = 1e-4 * (1 + slip) * (1 + fee)
    open_mark = 101_000 + 101_000 / (101 * (1 - slip)) * (101 * (1 - slip) * (1 - fee) - 100)
    for part in np.geomspace(1e-7, 1e-2, 60).tolist():
        x = root - 101 * part
        bars: list[Bar] = [
            (100, 101, 99.5, 100),  # 100: sell at 101
            (x, x + 1, x - 1, x),  # 101: short stop. TR above 100
            (1e-4, 2e-4, 0.5e-4, 1e-4),  # 102: buy some 100 below: filled at the open
            (1e4, 1e4, 1e4, 1e4),  # 103: the stop lies below 0
            (1e4, 1e4, 1e4, 1e4),
        ]
        left = short_exit(101_000, 101, x, settings)
        grown = left + left / cost * (1e4 - cost)
        held = left + left / cost * (1e-4 - cost)
        marks = [(100, open_mark), (101, left), (102, held), (103, grown), (104, grown)]
        wanted = {
            b: by_hand(101_000, marks, [101], b[1], b[2])
            for b in [(100, 103, 105), (100, 102, 104)]
        }
        check_by_hand(LONG_SHORT, bars, settings, wanted)


@pytest.mark.parametrize("periods", [[1, 2], [2, 1]])
def test_stops_with_the_same_fills_in_other_bars(periods: list[int]) -> None:
    """Both stops of a long are filled at 98.5, the quicker one a bar before the other."""
    bars: list[Bar] = [
        (100, 101, 93, 100),  # 100: TR 8, after 2
        (99.5, 99.6, 99, 99.5),  # 101: buy at 101-0.25·8 = 99, reached. TR 1
        (98.5, 98.6, 98.5, 98.5),  # 102: stops at 99.6-1, above the open, and at 99.6-4.5. TR 1
        (98.5, 98.6, 98.5, 98.5),  # 103: the other stop at 99.6-1, above the open. TR 0.1
        *((p, p + 0.1, p - 0.1, p) for p in (99.5, 100.5, 101.5)),  # no level is near
    ]
    grid = wfo.Grid(
        PLAIN | {"atr_period": periods, "atr_multiplier": 1, "atr_buy_multiplier": 0.25}
    )
    columns = np.array([QUIET] * 100 + bars, dtype=np.float64).T.copy()
    phases = [(101, 103, 107)]
    for engine in ("reference", "direct", "factored"):
        given = Feeds.of(wfo.bars.Prices(*columns)), grid, phases, Settings(capital=99_000, **WIDE)
        (found,) = prepare(engine, *given).range(0, 2)
        assert found.is_trades.tolist() == [2 - p for p in periods]
        assert found.oos_trades.tolist() == [p - 1 for p in periods]
        assert found.is_pnl == pytest.approx([-500, -500], rel=1e-9)
        assert found.oos_pnl == pytest.approx([0, 0], abs=1e-4)


@pytest.mark.parametrize("settings", RUINING[:3], ids=["free", "costs", "odd"])
def test_a_row_that_is_ruined_changes_nothing_in_its_neighbours(settings: Settings) -> None:
    """One stop is near and ruins; the others are so far away that the short is still open at marks
    below 0. All rows are computed together, and each of them alone.
    """
    grid = wfo.Grid({**LONG_SHORT, "atr_multiplier": [2, 100, 120, 150, 200]})
    for x in np.linspace(150, 260, 60).tolist():
        bars: list[Bar] = [
            (100, 101, 99.5, 100),  # 100: sell at 101. TR 1.5
            (x, x + 1, x - 1, x),  # 101: the near stop, at the open; the far ones are at 99.5+150
            (x, x + 1, x - 1, 0.99 * x + 2),
            (140, 141, 139, 140),  # 103: the far ones are still open
            (120, 122, 119, 121),
        ]
        columns = np.array([QUIET] * 100 + bars, dtype=np.float64).T.copy()
        phases = [(100, 101, 105), (100, 102, 105), (100, 103, 104), (100, 101, 103)]
        given = Feeds.of(wfo.bars.Prices(*columns)), grid, phases, settings
        factored = prepare("factored", *given, threads=1)
        together = factored.range(0, 5)
        agree(prepare("reference", *given).range(0, 5), together, settings.capital)
        for i in range(5):
            assert same_bytes(factored.range(i, i + 1), cut(together, i, i + 1)), (x, i)


@pytest.mark.parametrize("settings", RUINING[:3], ids=["free", "costs", "odd"])
def test_a_long_that_loses_nearly_everything(settings: Settings) -> None:
    """What it leaves is such a difference too, and may be rounded to nothing: nothing follows."""
    ruined = set()
    for crash in [1e-3, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14, 1e-15, 1e-17]:
        rest: Bar = (crash, 1.25 * crash, 0.75 * crash, crash)
        bars: list[Bar] = [
            (100, 100.5, 99, 100),  # 100: buy at 101-2 = 99, reached. TR 1.5
            *[rest] * 2,  # 101: long stop at 100.5-3, far above the open
            *[(crash, 1.25 * crash, 0.5 * crash, crash)] * 4,  # buys within the range, somewhere
            *[(100.0, 100.5, 100.0, 100.0)] * 2,  # what was bought there has grown
        ]
        columns = np.array([QUIET] * 100 + bars, dtype=np.float64).T.copy()
        data = Feeds.of(wfo.bars.Prices(*columns))
        left = long_exit(settings.capital, 99, crash, settings)
        phases = [(100, 102, len(columns[0])), (100, 101, len(columns[0])), (100, 107, 108)]
        # The last one's stop is too far away to come before a sell.
        far = LONG_SHORT | {"atr_period": 70, "atr_multiplier": 100, "entry_mode": 2}
        for strategy, own in (("atr_d_l", PLAIN), ("atr_d_ls", LONG_SHORT), ("atr_d_ls", far)):
            grid = wfo.Grid(own, strategy=strategy)
            wanted, direct, found = (
                prepare(engine, data, grid, phases, settings).range(0, 1)
                for engine in ("reference", "direct", "factored")
            )
            if own is not far:
                assert wanted[0].is_pnl[0] == left - settings.capital
                assert (wanted[0].oos_pnl[0] == 0) == (left <= 0)
            agree(wanted, direct, settings.capital)
            agree(wanted, found, settings.capital)
        ruined.add(left <= 0)
    assert ruined == {True, False}


@pytest.mark.parametrize("fee", [0.9, 0.999999, 1 - 1e-9, 1 - 1e-15])
@pytest.mark.parametrize("strategy", ["atr_d_l", "atr_d_ls"])
def test_fees_that_eat_nearly_everything(strategy: str, fee: float) -> None:
    """Whatever is left, or nothing, all engines agree on it."""
    grid = wfo.Grid.load("smoke", strategy)
    given = sample(strategy), grid, schedule(grid), Settings(fee=fee)
    wanted, found = (prepare(e, *given).range(0, len(grid)) for e in ("direct", "factored"))
    assert all((phase.is_trades > 0).any() for phase in wanted)
    agree(wanted, found)
