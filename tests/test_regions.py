"""Regions: planted ones are found again, noise has none, and figures of unseen halves and bars are
what they claim to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import stats
from strategies import strategy

import wfo
from wfo.backtest import Figures
from wfo.backtest.benchmark import benchmark
from wfo.backtest.feeds import Feeds
from wfo.bars import Prices
from wfo.selection.gates import Gates
from wfo.selection.plateaus import Plateau
from wfo.selection.regions import (
    Region,
    ValidShares,
    bounding_box,
    evaluation,
    find_region,
    find_regions,
    halves,
    judge_last_phase,
    peel,
    sample,
    sample_digits,
    whole_box,
)
from wfo.stats.permutation import permuted_bars, permuted_feeds

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NAMES = ("a", "b", "c", "d", "e", "f")
#: Axes as grids have them: two long ones, which are the map's, and short ones.
LENGTHS = (12, 7, 5, 4, 3, 2)
ROWS = 12_000

# Bounds by position, and how much of the grid that is.
PLANTED = {
    "corner": {0: (0, 2), 1: (0, 2), 3: (2, 3)},
    "middle": {0: (4, 8), 2: (1, 3), 4: (1, 1)},
    "half": {2: (2, 4), 3: (0, 1), 5: (1, 1)},
    "four": {0: (3, 11), 1: (2, 6), 4: (0, 1), 5: (0, 0)},
}


def grid_of(lengths: Sequence[int] = LENGTHS) -> wfo.Grid:
    own = strategy(*NAMES[: len(lengths)], map_axes=("a", "b"))
    return wfo.Grid(
        {n: range(1, k + 1) for n, k in zip(NAMES, lengths, strict=False)}, strategy=own
    )


GRID_LENGTH = math.prod(LENGTHS)


def drawn(rng: np.random.Generator, count: int = ROWS) -> IntArray:
    """A uniform sample, with replacement: positions on every axis."""
    return np.stack([rng.integers(0, k, count) for k in LENGTHS], axis=1)


def inside(digits: IntArray, bounds: dict[int, tuple[int, int]]) -> BoolArray:
    rows = np.ones(len(digits), np.bool_)
    for axis, (low, high) in bounds.items():
        rows &= (digits[:, axis] >= low) & (digits[:, axis] <= high)
    return rows


def positions(region: Region) -> dict[int, tuple[int, int]]:
    return {
        NAMES.index(n): (int(low) - 1, int(high) - 1) for n, (low, high) in region.bounds.items()
    }


def plateau_of(x: tuple[int, int], y: tuple[int, int], rank: int = 1) -> Plateau:
    cells = tuple(
        (float(u), float(v)) for u in range(x[0], x[1] + 1) for v in range(y[0], y[1] + 1)
    )
    return Plateau(rank, None, cells, 1, 0.5, 50.0, cells[0])


@pytest.mark.parametrize("shape", PLANTED)
@pytest.mark.parametrize("height", ["low", "high"])
def test_planted_regions_in_six_dimensions_are_found_again(shape: str, height: str) -> None:
    grid, planted = grid_of(), PLANTED[shape]
    base, top = (0.04, 0.3) if height == "low" else (0.5, 0.95)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        digits = drawn(rng, 50_000)
        there = inside(digits, planted)
        stable = rng.random(50_000) < np.where(there, top, base)
        found = find_region(grid, digits, stable)
        assert found.accepted
        # Peeling goes on towards the highest share, so that it may end within what was planted.
        mine = inside(digits, positions(found))
        assert np.count_nonzero(mine & there) / np.count_nonzero(mine) > 0.9, (seed, found)
        assert found.support >= 0.01
        assert found.support == mine.mean()
        assert found.other_share > base + 0.6 * (top - base)


def test_a_sure_region_is_found_whole() -> None:
    grid, planted = grid_of(), PLANTED["middle"]
    digits = drawn(np.random.default_rng(1))
    stable = inside(digits, planted)
    found = find_region(grid, digits, stable)
    # Every member is stable, so that nothing is gained by going on.
    assert positions(found) == {a: planted.get(a, (0, k - 1)) for a, k in enumerate(LENGTHS)}
    assert found.share == found.other_share == 1.0
    assert found.words == "a 5 to 9, c 2 to 4, e 2"


def test_noise_has_no_region() -> None:
    grid = grid_of()
    accepted = 0
    for seed in range(200):
        rng = np.random.default_rng(10_000 + seed)
        digits = drawn(rng, 4_000)
        stable = rng.random(4_000) < (0.05, 0.3, 0.7)[seed % 3]
        found = find_region(grid, digits, stable)
        accepted += found.accepted
        assert found.bounds == found.box == whole_box(grid)
        assert "so the box itself serves" in found.note
        assert "the bounding box" in repr(found)
    assert accepted == 0


def test_the_other_half_is_honest() -> None:
    """Its share is the true one on average; that of the half that was looked at is more."""
    grid, planted = grid_of(), PLANTED["corner"]
    fresh = drawn(np.random.default_rng(0), 200_000)
    chance = np.where(inside(fresh, planted), 0.35, 0.2)
    found_on, other, truth = [], [], []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        digits = drawn(rng, 4_000)
        stable = rng.random(4_000) < np.where(inside(digits, planted), 0.35, 0.2)
        region = find_region(grid, digits, stable)
        # Whether it is accepted is read from the other half, so the peeled one is looked at.
        bounds = {NAMES.index(n): (int(v[0]) - 1, int(v[1]) - 1) for n, v in region.peeled.items()}
        mine, half = inside(digits, bounds), halves(len(digits))
        found_on.append(stable[mine & half].mean())
        other.append(stable[mine & ~half].mean())
        truth.append(chance[inside(fresh, bounds)].mean())
        if region.accepted:
            assert region.share == found_on[-1]
            assert region.other_share == other[-1]
    bias = np.array(other) - truth
    error = bias.std() / math.sqrt(len(bias))
    assert abs(bias.mean()) < 3 * error
    assert np.mean(found_on) - np.mean(truth) > 10 * error


def test_p_is_that_of_fishers_test() -> None:
    grid = grid_of()
    rng = np.random.default_rng(4)
    digits = drawn(rng, 3_000)
    stable = rng.random(3_000) < np.where(inside(digits, PLANTED["half"]), 0.4, 0.3)
    found = find_region(grid, digits, stable, plateau_of((1, 9), (2, 7)))
    bounds = {NAMES.index(n): (int(v[0]) - 1, int(v[1]) - 1) for n, v in found.peeled.items()}
    box = {NAMES.index(n): (int(v[0]) - 1, int(v[1]) - 1) for n, v in found.box.items()}
    other = ~halves(3_000)
    mine, boxed = inside(digits, bounds) & other, inside(digits, box) & other
    a, b = int((stable & mine).sum()), int(mine.sum())
    c, d = int((stable & boxed).sum()), int(boxed.sum())
    rest = [[a, b - a], [c - a, d - b - c + a]]
    assert found.p == pytest.approx(stats.fisher_exact(rest, "greater").pvalue, rel=1e-9)
    assert found.other_box == c / d
    assert found.other_grid == stable[other].mean()


def test_a_region_lies_in_its_plateaus_bounding_box() -> None:
    grid = grid_of()
    digits = drawn(np.random.default_rng(3))
    # The better place lies outside of the first plateau's box.
    stable = inside(digits, {0: (0, 2), 1: (0, 1)}) | inside(digits, {0: (8, 11), 2: (0, 1)})
    left, right = plateau_of((1, 4), (1, 3), 1), plateau_of((7, 12), (2, 6), 2)
    one, two = find_regions([left, right], grid, digits, stable)
    assert (one.rank, two.rank) == (1, 2)
    assert one.box == bounding_box(left, grid) == whole_box(grid) | {"a": (1, 4), "b": (1, 3)}
    assert (one.bounds["a"], one.bounds["b"]) == ((1, 3), (1, 2))
    assert one.share == 1.0
    assert two.bounds["a"] == (9, 12)
    assert two.bounds["c"] == (1, 2)
    assert two.bounds["b"] == (2, 6)
    assert find_region(grid, digits, stable, left) == one


def test_a_small_plateau_keeps_a_fifth_of_itself() -> None:
    grid = grid_of()
    rng = np.random.default_rng(5)
    digits = drawn(rng, 20_000)
    stable = rng.random(20_000) < 0.2 + 0.02 * digits[:, 2] + 0.05 * digits[:, 4]
    # Two cells of 84 are 2.4 %, a fifth of which is less than 1 %.
    found = find_region(grid, digits, stable, plateau_of((6, 7), (3, 3)))
    kept = np.mean(inside(digits, {0: (5, 6), 1: (2, 2)}))
    own = {NAMES.index(n): (int(v[0]) - 1, int(v[1]) - 1) for n, v in found.peeled.items()}
    assert 0.2 * kept <= np.mean(inside(digits, own)) < 0.01


def test_ties_go_to_the_first_axis_and_its_low_end() -> None:
    digits = np.array([[a, b] for a in range(3) for b in range(3)] * 4)
    box = np.array([[0, 2], [0, 2]])
    every = np.ones(len(digits), np.bool_)
    # Of four ends that are alike the first goes, then its kind; the last box is the only sure one.
    stable = (digits == 1).all(axis=1)
    np.testing.assert_array_equal(peel(digits, stable, every, box, 1), [[1, 1], [1, 1]])
    np.testing.assert_array_equal(peel(digits, stable, every, box, 24), [[1, 2], [0, 2]])
    # Where nothing is better, the largest box is as good.
    np.testing.assert_array_equal(peel(digits, ~stable & stable, every, box, 1), box)
    # What is not looked at has no say.
    np.testing.assert_array_equal(peel(digits, stable, ~every, box, 1), box)


def test_ends_that_constraints_leave_empty_go_at_once() -> None:
    digits = np.array([[a, b] for a in range(4) for b in range(4) if a < b] * 8)
    stable = (digits[:, 0] == 2) & (digits[:, 1] == 3)
    every = np.ones(len(digits), np.bool_)
    found = peel(digits, stable, every, np.array([[0, 3], [0, 3]]), 1)
    np.testing.assert_array_equal(found, [[2, 2], [3, 3]])


def test_values_need_no_order() -> None:
    ordered = grid_of((6, 5, 4))
    mixed = wfo.Grid(
        {"a": [4, 1, 6, 2, 3, 5], "b": [5, 4, 3, 2, 1], "c": [2, 1, 4, 3]},
        strategy=ordered.strategy,
    )
    rng = np.random.default_rng(0)
    indices = np.arange(len(ordered))
    values = ordered.columns(indices)
    stable = (values["a"] >= 4) & (values["c"] <= 2) & (rng.random(len(indices)) < 0.9)
    one = find_region(ordered, sample_digits(ordered, indices), stable)
    # The same combinations, in the same order, by another grid's positions.
    digits = np.stack(
        [np.array([mixed.values[n].index(v) for v in values[n]]) for n in ("a", "b", "c")], axis=1
    )
    assert find_region(mixed, digits, stable) == one
    assert one.bounds["a"][0] >= 4


def test_a_region_is_a_value_that_says_what_it_is() -> None:
    grid = grid_of()
    digits = drawn(np.random.default_rng(1))
    found = find_region(grid, digits, inside(digits, PLANTED["half"]))
    frame = pl.DataFrame({n: digits[:, a] + 1 for a, n in enumerate(NAMES)})
    np.testing.assert_array_equal(found.contains(frame).to_numpy(), inside(digits, PLANTED["half"]))
    part = found.grid(grid)
    assert len(part) == GRID_LENGTH * (3 * 2 * 1) // (5 * 4 * 2)
    assert part.values["c"] == (3, 4, 5)
    plain = found.to_dict()
    assert plain["bounds"]["d"] == [1, 2]
    assert plain["accepted"] is True
    assert found.note == ""
    assert "c 3 to 5, d 1 to 2, f 2" in repr(found)
    assert "<td" in found._repr_html_()
    with pytest.raises(AttributeError):
        found.share = 0.0  # type: ignore[misc]  # it is frozen


def test_arrays_of_another_sample_are_refused() -> None:
    grid, digits = grid_of(), drawn(np.random.default_rng(0), 100)
    stable = np.zeros(100, np.bool_)
    with pytest.raises(wfo.InputError, match=r"digits must be of shape \(100, 6\)"):
        find_region(grid, digits[:, :5], stable)
    with pytest.raises(wfo.InputError, match="stable must be one truth value"):
        find_region(grid, digits, stable.astype(np.int64))  # type: ignore[arg-type]  # what is refused
    with pytest.raises(wfo.InputError, match="plateau 1 lies at no a of the grid"):
        find_region(grid, digits, stable, plateau_of((50, 51), (1, 2)))


def test_samples_are_distinct_and_halves_are_no_halves_of_stretches() -> None:
    grid = grid_of()
    every = sample(grid)
    np.testing.assert_array_equal(every, np.arange(len(grid)))
    few = sample(grid, 4_000)
    assert (np.diff(few) > 0).all()
    assert few.min() >= 0
    assert few.max() < len(grid)
    large = wfo.Grid.load("phase1_slim", "atr_d_l")
    found = sample(large, 20_000)
    assert len(found) == 20_000
    half = halves(len(found))
    assert abs(half.mean() - 0.5) < 0.012
    # Where in its stretch a combination was drawn says nothing about its half.
    within = found / len(large) * 20_000 % 1
    assert abs(within[half].mean() - within[~half].mean()) < 0.012
    np.testing.assert_array_equal(halves(100), half[:100])


# The last phase


STRATEGY = "atr_d_l"
PHASES = [(150, 300, 420), (240, 380, 500), (330, 470, 590), (420, 560, 700)]
UNSEEN = (420, 590, 700)
VALUES = {
    "atr_period": [4, 16, 28],
    "atr_multiplier": [1, 2, 4, 8],
    "bb_length": [10],
    "bb_deviation": [0.5, 2],
    "vol_threshold": [0.04, 0.2],
    "min_tightening": [0.1, 0.85],
    "scaling_method": [0, 2],
    "atr_buy_period": [8, 20],
    "atr_buy_multiplier": [0.5, 1, 1.5],
    "atr_smooth_period": [2],
    "equity_price_method": [0],
}


def small() -> wfo.Grid:
    return wfo.Grid(VALUES, strategy=STRATEGY)


def history(seed: int = 3, bars: int = 760) -> Feeds:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0.0006, 0.012, bars)))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.004, bars))
    high = np.maximum(opened, close) * np.exp(rng.exponential(0.004, bars))
    low = np.minimum(opened, close) * np.exp(-rng.exponential(0.004, bars))
    return Feeds.of(Prices(opened, high, low, close))


def judged(feeds: Feeds, phases: Sequence[Any] = PHASES, **options: Any) -> Any:
    given = {"gates": Gates(), "least": 3, "seeds": (0, 1), "count": 400} | options
    grid = small()
    plateau = Plateau(1, None, ((2.0, 0.5), (2.0, 1.0), (4.0, 0.5)), 1, 0.5, 50.0, (2.0, 0.5))
    settings = wfo.Settings()
    return judge_last_phase(
        [plateau], grid, feeds, phases, settings=settings, bars_per_year=252.0, **given
    )


def test_judged_bars_were_not_seen() -> None:
    feeds = history()
    found = judged(feeds)
    assert found.bounds == UNSEEN
    assert found.reason == ""
    # Other bars from the split on: what was found is the same, how it did is not.
    changed = permuted_feeds(feeds, UNSEEN[1], 5)
    other = judged(changed)
    assert other.plateaus[0].region == found.plateaus[0].region
    assert other.whole.region == found.whole.region
    assert other.plateaus[0].real != found.plateaus[0].real
    # A bar before it is seen.
    assert judged(permuted_feeds(feeds, 400, 5)).whole.region != found.whole.region
    # What comes after the last phase is neither judged nor dealt into the permutations.
    assert judged(permuted_feeds(feeds, 700, 1)) == found


@pytest.mark.parametrize("gates", [Gates(), Gates(min_trades=2, beat="risk"), Gates(beat="return")])
def test_the_last_phase_is_judged_by_its_own_gates(gates: Gates) -> None:
    """By hand: figures of every combination, gates, and the shares of those that pass."""
    feeds, grid, settings = history(), small(), wfo.Settings()
    seen: list[tuple[Any, list[Any]]] = []

    def evaluate(indices: IntArray, bars: Feeds, phases: Any) -> list[Figures]:
        seen.append((bars, list(phases)))
        return list(evaluation(grid, settings)(indices, bars, phases))

    found = judged(feeds, gates=gates, evaluate=evaluate, seeds=(7,))
    assert [phases for _, phases in seen] == [[*PHASES[:3], UNSEEN]] * 2
    (last,) = wfo.Evaluator(STRATEGY, feeds, grid, [UNSEEN]).range(0, len(grid), stored=True)
    prices = feeds.prices()
    assert prices is not None
    held = benchmark(prices, UNSEEN, settings, 252.0)
    valid = np.zeros(len(grid), np.bool_)
    for i in range(len(grid)):
        before, after, fell, falls = (float(c[i]) for c in last[:4])
        ok = before > 0 and after > 0 and after / before > 0.35 and falls < after < math.inf
        ok = ok and falls < 3 * fell and last.oos_trades[i] >= gates.min_trades
        if ok and gates.beat == "return":
            ok = after / (settings.capital + before) > held.return_floor
        elif ok and gates.beat == "risk":
            ok = falls == 0 or after / falls > held.risk_floor
        valid[i] = ok
    indices = sample(grid, 400)
    columns = pl.DataFrame(grid.columns(indices))
    for part in (found.plateaus[0], found.whole):
        rows = part.region.contains(columns).to_numpy()
        assert part.real.region == valid[indices][rows].mean()
        assert part.real.grid == valid[indices].mean()
    assert found.whole.real.box == found.whole.real.grid
    (market, _) = seen[1]
    np.testing.assert_array_equal(
        market["bars"]["close"], permuted_feeds(feeds.until(700), 150, 7)["bars"]["close"]
    )
    assert len(found.plateaus[0].permuted) == 1


def test_the_spread_of_permuted_bars() -> None:
    found = judged(history(), seeds=(0, 1, 2))
    mean, least, most = found.whole.spread("grid")
    shares = [s.grid for s in found.whole.permuted]
    assert (mean, least, most) == (sum(shares) / 3, min(shares), max(shares))
    assert judged(history(), seeds=()).whole.spread("grid") is None
    assert ValidShares(math.nan, 0.5, 0.5).to_dict()["region"] is None
    assert found.to_dict()["whole"]["real"] == found.whole.real.to_dict()


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        (PHASES[:1], "there is 1 phase, "),
        (PHASES[:2], "there are 2 phases, "),
        ([*PHASES[:2], (330, 400, 500)], "no bars after those before it"),
        ([*PHASES[:2], (500, 600, 700)], "no in-sample part"),
        ([PHASES[0], (240, 380, 700), (420, 560, 700)], "no bars after"),
    ],
)
def test_without_an_unseen_part_there_is_a_reason(phases: list[Any], said: str) -> None:
    found = judged(history(), phases)
    assert said in found.reason
    assert (found.bounds, found.plateaus, found.whole, found.sampled) == (None, (), None, 0)
    assert found.to_dict()["bounds"] is None


def test_three_phases_are_judged_by_two() -> None:
    found = judged(history(), PHASES[1:], least=2)
    assert found.bounds == UNSEEN
    # Valid in one of the two is enough, and in no fewer where one was asked for.
    assert judged(history(), PHASES[1:], least=1).whole.region == found.whole.region


def test_small_grids_are_swept_whole_to_the_same_figures() -> None:
    grid, feeds = small(), history()
    indices = np.array([0, 5, 700, len(grid) - 1])
    listed = evaluation(grid)(indices, feeds, [UNSEEN])[0]
    swept = evaluation(grid)(sample(grid), feeds, [UNSEEN])[0]
    for one, two in zip(listed, swept, strict=True):
        np.testing.assert_allclose(one, two[indices], rtol=1e-6)


# Permuted bars


def moves(bars: Prices, first: int) -> Any:
    """Gap and intrabar moves of every bar from `first` on, one row a bar, sorted."""
    opened, high, low, close = (np.log(c) for c in bars)
    gap = opened[first:] - close[first - 1 : -1]
    rows = [gap, *(c[first:] - opened[first:] for c in (high, low, close))]
    found = np.stack(rows, axis=1)
    return found[np.lexsort(found.T[::-1].round(9))]


@pytest.mark.parametrize("first", [1, 100, 399, 400])
def test_permuted_bars_keep_the_warm_up_the_drift_and_every_move(first: int) -> None:
    bars = history(bars=400).prices()
    assert bars is not None
    found = permuted_bars(bars, first, 3)
    for before, after in zip(bars, found, strict=True):
        np.testing.assert_array_equal(before[:first], after[:first])
        assert len(before) == len(after)
    assert found.close[-1] == pytest.approx(bars.close[-1], rel=1e-12)
    np.testing.assert_allclose(moves(found, first), moves(bars, first), atol=1e-9)
    assert (found.high >= np.maximum(found.open, found.close)).all()
    assert (found.low <= np.minimum(found.open, found.close)).all()
    if first == 100:
        assert np.abs(found.close[100:-1] - bars.close[100:-1]).max() > 1.0


def test_orders_are_by_seed_and_uniform() -> None:
    n = 60
    up = np.exp(np.cumsum(np.arange(1.0, n + 1) * 1e-3))
    bars = Prices(up, up, up, up)

    def order(seed: int) -> IntArray:
        steps = np.diff(np.log(permuted_bars(bars, 1, seed).close))
        return np.round(steps * 1e3).astype(np.int64)

    assert sorted(order(0)) == list(range(2, n + 1))
    np.testing.assert_array_equal(order(0), order(0))
    # Where the first move goes, over many seeds: anywhere alike.
    places = np.array([np.argmax(order(s) == 2) for s in range(590)])
    counts = np.bincount(places // 10, minlength=6)
    assert stats.chisquare(counts, np.array([10, 10, 10, 10, 10, 9]) * 10).pvalue > 0.001
    for first, seed in ((0, 1), (n + 1, 1), (5, -1)):
        with pytest.raises(wfo.InputError, match="must be"):
            permuted_bars(bars, first, seed)


def test_all_feeds_have_one_order() -> None:
    one, two = (history(seed, bars=300).prices() for seed in (1, 2))
    assert one is not None
    assert two is not None
    extra = {"rate": np.arange(300.0)}
    feeds = Feeds({"bars": one._asdict(), "bars2": two._asdict(), "funding": extra})
    found = permuted_feeds(feeds, 120, 4)
    second = found.prices("bars2")
    assert second is not None
    for mine, own in zip(second, permuted_bars(two, 120, 4), strict=True):
        np.testing.assert_array_equal(mine, own)
    # The rate of a bar goes with its move, in either symbol.
    order = found["funding"]["rate"].astype(np.int64)
    np.testing.assert_array_equal(order[:120], np.arange(120))
    first = found.prices()
    assert first is not None
    for before, after in ((one, first), (two, second)):
        within = np.log(before.close / before.open)
        np.testing.assert_allclose(np.log(after.close / after.open), within[order], atol=1e-12)
        gaps = np.log(before.open[1:] / before.close[:-1])
        np.testing.assert_allclose(
            np.log(after.open[1:] / after.close[:-1])[119:], gaps[order[120:] - 1], atol=1e-12
        )
