"""Ranges for TradeStation: what a plateau's region becomes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wfo
from wfo.grid import Grid, grid_strategies
from wfo.selection.plateaus import Plateau
from wfo.selection.regions import Region, bounding_box
from wfo.strategy import get_strategy
from wfo.tradestation.ranges import MAX_TESTS, MOST_PARTS, PlateauRanges, config_csv, plateau_ranges

L = get_strategy("atr_d_l")

# TradeStation's names in canonical order, and the fine limits and steps of the specification.
FINE = {
    "ATR_Period": ("4", "70", "1"),
    "ATR_Multiplier": ("1", "30", "0.25"),
    "BB_Length": ("6", "70", "1"),
    "BB_Deviation": ("0.5", "4", "0.25"),
    "Vol_Threshold": ("0.02", "0.4", "0.02"),
    "Min_Tightening": ("0.1", "0.95", "0.05"),
    "Scaling_Method": ("0", "2", "1"),
    "ATRBuy_Period": ("4", "70", "1"),
    "ATRBuyMultiplier": ("0.5", "4", "0.25"),
    "ATR_Smooth_Period": ("1", "20", "1"),
    "EquityPrice_Method": ("0", "1", "1"),
}
NAMES = dict(zip(L.names, FINE, strict=True))
TYPICAL: dict[str, Any] = {
    "atr_period": 16,
    "atr_multiplier": 14.0,
    "bb_length": 25,
    "bb_deviation": 2.0,
    "vol_threshold": 0.1,
    "min_tightening": 0.4,
    "scaling_method": 1,
    "atr_buy_period": 20,
    "atr_buy_multiplier": 1.5,
    "atr_smooth_period": 6,
    "equity_price_method": 0,
}


def frame(**columns: list[Any]) -> pl.DataFrame:
    """Candidates, best first; what is not given is the same in all."""
    length = max(len(c) for c in columns.values())
    held = {n: columns.get(n, [v] * length) for n, v in TYPICAL.items()}
    dtypes = {p.name: pl.Int64 if p.whole else pl.Float64 for p in L.parameters}
    return pl.DataFrame(held, schema=dtypes)


def grid_of(candidates: pl.DataFrame) -> Grid:
    values = {n: sorted(set(candidates[n].to_list())) for n in L.names}
    return Grid(values, strategy="atr_d_l", name="test")


def plateau_of(candidates: pl.DataFrame, rank: int = 1) -> Plateau:
    assert L.map_axes is not None
    pairs = candidates.select(*L.map_axes).unique().sort(L.map_axes).rows()
    cells = tuple((float(x), float(y)) for x, y in pairs)
    return Plateau(rank, "WIDE", cells, len(candidates), 0.9, 50.0, cells[0])


def region_of(grid: Grid, plateau: Plateau, bounds: Mapping[str, tuple[Any, Any]]) -> Region:
    """A region with these bounds, the plateau's where none are given."""
    box = bounding_box(plateau, grid)
    peeled = dict(box) | dict(bounds)
    return Region(plateau.rank, peeled, box, peeled, True, 0.0, 0.5, 0.1, 0.5, 0.2, 0.1, 1000)


def files(
    candidates: pl.DataFrame, rank: int = 1, grid: Grid | None = None, **options: Any
) -> tuple[PlateauRanges, ...]:
    bounds = options.pop("bounds", {})
    grid, plateau = grid or grid_of(candidates), plateau_of(candidates, rank)
    return plateau_ranges(plateau, region_of(grid, plateau, bounds), candidates, grid, **options)


def exported(candidates: pl.DataFrame, rank: int = 1, **options: Any) -> PlateauRanges:
    (found,) = files(candidates, rank, **options)
    return found


def rows(text: str) -> dict[str, tuple[str, str, str]]:
    head, *lines = text.splitlines()
    assert head == "ParameterName,Min,Max,Step"
    return {n: (low, high, step) for n, low, high, step in (line.split(",") for line in lines)}


def test_one_candidate_is_one_test() -> None:
    found = exported(frame(atr_period=[16]), rank=3)
    assert found.file_name == "phase5_refine_ATR-D-v1.5-L_rank3.csv"
    assert found.tests == 1
    assert found.notes == ()
    assert (found.coverage.best, found.coverage.best_of) == (1, 1)
    assert found.to_csv() == (
        "ParameterName,Min,Max,Step\n"
        "ATR_Period,16,16,1\n"
        "ATR_Multiplier,14,14,0.25\n"
        "BB_Length,25,25,1\n"
        "BB_Deviation,2,2,0.25\n"
        "Vol_Threshold,0.1,0.1,0.02\n"
        "Min_Tightening,0.4,0.4,0.05\n"
        "Scaling_Method,1,1,1\n"
        "ATRBuy_Period,20,20,1\n"
        "ATRBuyMultiplier,1.5,1.5,0.25\n"
        "ATR_Smooth_Period,6,6,1\n"
        "EquityPrice_Method,0,0,1\n"
    )


def test_bounds_are_those_of_the_region() -> None:
    candidates = frame(atr_period=[4, 16, 28, 40, 52, 64], atr_smooth_period=[2, 6, 10, 14, 18, 18])
    bounds = {"atr_period": (16, 40), "atr_smooth_period": (6, 6)}
    found = exported(candidates, bounds=bounds)
    # Tests are spared, so the steps of 6 and 4 give way to the finest.
    text = rows(found.to_csv())
    assert text["ATR_Period"] == ("16", "40", "1")
    assert text["ATR_Smooth_Period"] == ("6", "6", "1")
    assert found.tests == 25
    # Without a region it is the plateau's bounding box.
    grid, plateau = grid_of(candidates), plateau_of(candidates)
    (boxed,) = plateau_ranges(plateau, None, candidates, grid)
    assert rows(boxed.to_csv())["ATR_Period"][:2] == ("4", "64")


def test_candidates_of_other_cells_do_not_count() -> None:
    candidates = frame(bb_length=[50, 16, 50], atr_multiplier=[4.0, 14.0, 4.0])
    plateau = Plateau(1, "WIDE", ((14.0, 1.5),), 1, 0.9, 50.0, (14.0, 1.5))
    (found,) = plateau_ranges(plateau, None, candidates, grid_of(candidates))
    assert rows(found.to_csv())["BB_Length"] == ("16", "16", "1")
    grid = Grid(grid_of(candidates).values | {"atr_buy_multiplier": [1.5, 9.0]}, strategy="atr_d_l")
    empty = Plateau(2, "WIDE", ((4.0, 9.0),), 1, 0.9, 50.0, (4.0, 9.0))
    assert plateau_ranges(empty, None, candidates, grid) == ()


def test_others_are_fixed_at_lower_median_or_most_frequent_choice() -> None:
    # 40 candidates, so the best tenth are four.
    candidates = frame(
        bb_length=[10, 40, 25, 55, *[99] * 36],
        vol_threshold=[0.32, 0.04, 0.2, 0.1, *[9.0] * 36],
        scaling_method=[2, 0, 2, 1, *[0] * 36],
        equity_price_method=[1, 0, 0, 1, *[0] * 36],
    )
    found = rows(exported(candidates).to_csv())
    assert found["BB_Length"] == ("25", "25", "1")
    assert found["Vol_Threshold"] == ("0.1", "0.1", "0.02")
    assert found["Scaling_Method"] == ("2", "2", "1")
    # Of choices that are as frequent the lower one, so that a run gives the same file again.
    assert found["EquityPrice_Method"] == ("0", "0", "1")
    best = rows(exported(candidates, fix="best").to_csv())
    assert [best[n][0] for n in ("BB_Length", "Vol_Threshold")] == ["10", "0.32"]
    assert [best[n][0] for n in ("Scaling_Method", "EquityPrice_Method")] == ["2", "1"]


def test_what_is_fixed_lies_in_the_region() -> None:
    candidates = frame(bb_length=[10, 10, 10, 40, 55, *[99] * 35], scaling_method=[0] * 40)
    bounds = {"bb_length": (40, 99)}
    found = exported(candidates, bounds=bounds)
    # Of the best four only the last one is inside.
    assert rows(found.to_csv())["BB_Length"] == ("40", "40", "1")
    assert rows(exported(candidates, bounds=bounds, fix="best").to_csv())["BB_Length"][0] == "40"
    far = exported(candidates, bounds={"bb_length": (99, 99)})
    assert rows(far.to_csv())["BB_Length"][0] == "99"
    assert any("best tenth" in note for note in far.notes)


def test_a_parameter_without_effect_is_fixed_and_said() -> None:
    candidates = frame(atr_period=[16, 28, 40], atr_buy_period=[8, 20, 32])
    effects = {"atr_period": 0.0099, "atr_buy_period": 0.01, "atr_smooth_period": None}
    found = exported(pl.concat([candidates] * 10), effects=effects)
    text = rows(found.to_csv())
    assert text["ATR_Period"][0] == text["ATR_Period"][1] == "28"
    assert text["ATRBuy_Period"][:2] == ("8", "32")
    (note,) = (n for n in found.notes if n.startswith("fixed, since"))
    assert "below 1 %: ATR_Period at 28" in note
    assert not any("ATRBuy_Period" in n for n in found.notes)
    assert not exported(candidates).notes


def test_bounds_outside_the_fine_limits_are_cut_and_said() -> None:
    candidates = frame(
        atr_period=[2, 90], min_tightening=[0.05, 1.0], atr_buy_multiplier=[6.0, 8.0]
    )
    found = exported(pl.concat([candidates] * 10))
    text = rows(found.to_csv())
    assert text["ATR_Period"][:2] == ("4", "70")
    assert text["Min_Tightening"][:2] == ("0.1", "0.95")
    assert text["ATRBuyMultiplier"] == ("4", "4", "0.25")
    for name, given_, cut in (
        ("ATR_Period", "2 … 90", "4 … 70"),
        ("Min_Tightening", "0.05 … 1", "0.1 … 0.95"),
        ("ATRBuyMultiplier", "6 … 8", "4 … 4"),
    ):
        (note,) = (n for n in found.notes if n.startswith(name))
        assert given_ in note
        assert cut in note
    assert len(found.notes) == 3


def test_value_off_the_fine_lattice_lies_within_the_range() -> None:
    candidates = frame(
        atr_multiplier=[7.1, 7.6], min_tightening=[0.12, 0.12], bb_deviation=[1.1, 1.6]
    )
    found = rows(exported(pl.concat([candidates] * 10)).to_csv())
    assert found["ATR_Multiplier"] == ("7", "7.75", "0.25")
    assert found["Min_Tightening"] == ("0.1", "0.15", "0.05")
    assert found["BB_Deviation"] == ("1", "1.75", "0.25")


def test_steps_begin_at_the_widest_that_is_finer_and_spare_tests_go_where_effects_are() -> None:
    values = {
        "atr_period": [4, 16, 28],
        "atr_buy_period": [8, 20, 32],
        "atr_multiplier": [2.0, 4.0, 6.0],
    }
    candidates = frame(**values)
    # Pitches of 12, 12 and 2: steps of 6, 6 and 1, five values each.
    coarse = exported(candidates, max_tests=125)
    text = rows(coarse.to_csv())
    assert text["ATR_Period"] == ("4", "28", "6")
    assert text["ATRBuy_Period"] == ("8", "32", "6")
    assert text["ATR_Multiplier"] == ("2", "6", "1")
    effects = {"atr_period": 0.1, "atr_buy_period": 0.4, "atr_multiplier": 0.2}
    # 25 values of the entry's period and nine of the stop's multiplier, then none is left.
    spent = exported(candidates, max_tests=5 * 25 * 9, effects=effects)
    text = rows(spent.to_csv())
    assert text["ATRBuy_Period"] == ("8", "32", "1")
    assert text["ATR_Multiplier"] == ("2", "6", "0.5")
    assert text["ATR_Period"] == ("4", "28", "6")
    assert spent.tests == 5 * 25 * 9


def test_a_pitch_that_is_the_fine_step_stays() -> None:
    found = rows(exported(frame(atr_period=[10, 11, 12], atr_smooth_period=[2, 6, 10])).to_csv())
    assert found["ATR_Period"] == ("10", "12", "1")
    # An uneven axis has a step that meets all of it.
    uneven = rows(exported(frame(atr_period=[4, 10, 19])).to_csv())
    assert uneven["ATR_Period"] == ("4", "19", "1")
    short = rows(exported(frame(atr_period=[4, 10, 19]), max_tests=6).to_csv())
    assert short["ATR_Period"] == ("4", "19", "3")


WIDE = {
    "atr_period": [4, 24, 44, 64],
    "atr_multiplier": [2.0, 4.0, 6.0, 8.0],
    "bb_deviation": [0.5, 1.0, 1.5, 2.0],
    "min_tightening": [0.1, 0.25, 0.4, 0.55],
    "atr_buy_period": [8, 20, 32, 44],
    "atr_buy_multiplier": [0.5, 1.0, 1.5, 2.0],
    "atr_smooth_period": [2, 6, 10, 14],
}


def test_values_without_good_candidates_go_first() -> None:
    # 7 values an axis but tightening's 10: 1,176,490 tests. All of the best tenth have the middle.
    middle = {n: [v[1], v[2]] for n, v in WIDE.items()}
    whole = frame(**WIDE)
    candidates = pl.concat([frame(**middle)] * 4 + [whole] * 8)
    found = exported(candidates)
    assert MAX_TESTS / 10 < found.tests <= MAX_TESTS
    text = rows(found.to_csv())
    for name, values in middle.items():
        low, high, _ = (float(v) for v in text[NAMES[name]])
        assert low <= values[0] < values[1] <= high
    narrowed = [n for n in found.notes if "narrowed" in n]
    changed = [
        n for n, v in WIDE.items() if [float(t) for t in text[NAMES[n]][:2]] != [v[0], v[-1]]
    ]
    assert {NAMES[n] for n in changed} == {n.split(":")[0] for n in narrowed}
    assert narrowed


def test_a_plateau_that_is_good_all_over_has_parts() -> None:
    candidates = pl.concat([frame(**WIDE)] * 10)
    # Every value is one of the best candidates': 6 axes of 7 and one of 10 values take 12 files, so
    # that some have to go, and three or four files are left.
    found = files(candidates)
    assert 1 < len(found) <= MOST_PARTS
    assert [f.part for f in found] == list(range(1, len(found) + 1))
    names = [f.file_name for f in found]
    assert names == [
        f"phase5_refine_ATR-D-v1.5-L_rank1_part{k}.csv" for k in range(1, len(found) + 1)
    ]
    assert all(f.tests <= MAX_TESTS for f in found)
    assert sum(f.tests for f in found) > MAX_TESTS * (len(found) - 1)
    # They differ in one input, whose values they share out without a gap or an overlap.
    (split,) = (
        ranges for ranges in zip(*(f.ranges for f in found), strict=True) if len(set(ranges)) > 1
    )
    for one, two in itertools.pairwise(split):
        assert one.high + one.step == two.low
    assert any("parts" in n and split[0].input.name in n for n in found[0].notes)
    lines = config_csv(found).splitlines()
    assert [line.split(",")[3] for line in lines[1:]] == names


@pytest.mark.parametrize("most", [1, 2, 3, 10, 100])
@pytest.mark.parametrize("fix", ["median", "best"])
def test_few_tests_are_kept_to(most: int, fix: str) -> None:
    candidates = pl.concat([frame(atr_period=[4, 70], atr_multiplier=[1.0, 30.0])] * 10)
    found = files(candidates, max_tests=most, fix=fix)
    assert 1 <= len(found) <= MOST_PARTS
    assert all(f.tests <= most for f in found)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"max_tests": 0}, "max_tests = 0 must be a whole number, 1 or more"),
        ({"max_tests": 1e5}, "max_tests = 100000.0 must"),
        ({"fix": "medain"}, "'medain' must be 'median' or 'best'.*did you mean"),
    ],
)
def test_options_are_checked(option: dict[str, Any], said: str) -> None:
    with pytest.raises(wfo.InputError, match=said):
        files(frame(atr_period=[16]), **option)


def test_coverage_counts_outcomes_by_any_of_their_members() -> None:
    # Three outcomes; of the second only the later member has the value that is fixed.
    candidates = frame(bb_length=[25, 99, 99, 25, 25, 25]).with_columns(
        Outcome=pl.Series([7, 3, 4, 3, 7, 7])
    )
    found = exported(candidates, fix="best")
    assert found.coverage == type(found.coverage)(best=2, best_of=3, top=1, top_of=1)
    plain = exported(candidates.drop("Outcome"), fix="best")
    assert plain.coverage == type(plain.coverage)(best=4, best_of=6, top=1, top_of=1)
    many = frame(bb_length=[25, 99] * 200)
    assert exported(many, fix="best").coverage == type(found.coverage)(50, 100, 20, 40)
    # A searched value between the ends but off the step is not inside.
    off = frame(atr_period=[4, 5, 16])
    outside = exported(off, grid=Grid(grid_of(off).values, strategy="atr_d_l"), max_tests=3)
    held = [outside.ranges[0].holds(v) for v in (4, 5, 16)]
    assert outside.coverage.best == sum(held)


def test_config_lists_the_files_in_order() -> None:
    items = [exported(frame(atr_period=[16]), rank=rank) for rank in (1, 2)]
    assert config_csv(items) == (
        "JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol\n"
        "1,ATR-D-v1.5-L,ATR-D-v1.5-L,phase5_refine_ATR-D-v1.5-L_rank1.csv,1,0,0\n"
        "2,ATR-D-v1.5-L,ATR-D-v1.5-L,phase5_refine_ATR-D-v1.5-L_rank2.csv,2,0,0\n"
    )
    assert config_csv([]).count("\n") == 1


# Any region of any strategy and shipped grid


SHIPPED = [
    (grid, name)
    for grid in ("smoke", "coarse", "phase1_slim", "phase1")
    for name in wfo.strategies()
    if name.startswith("atr_d") and name in grid_strategies(grid)
]


@pytest.mark.parametrize(("grid_name", "name"), SHIPPED)
@settings(max_examples=6)
@given(seed=st.integers(0, 10**9), most=st.sampled_from([1, 50, 3_000, MAX_TESTS]))
def test_any_region_gives_files_that_tradestation_can_run(
    grid_name: str, name: str, seed: int, most: int
) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid.load(grid_name, name)
    strategy = grid.strategy
    every = rng.integers(0, len(grid), 400)
    candidates = pl.DataFrame(grid.columns(every))
    plateau = plateau_of(candidates.head(int(rng.integers(1, 40))))
    one = plateau.candidates(candidates, grid).row(0, named=True)
    bounds = {}
    for p, axis in grid.values.items():
        ordered = sorted(axis)
        at = ordered.index(one[p])
        low, high = rng.integers(0, at + 1), rng.integers(at, len(ordered))
        bounds[p] = (ordered[low], ordered[high])
    effects = {p: float(rng.choice([0.0, 0.02, 0.3])) for p in strategy.names if rng.random() < 0.7}
    fix = str(rng.choice(["median", "best"]))
    found = plateau_ranges(
        plateau,
        region_of(grid, plateau, bounds),
        candidates,
        grid,
        effects=effects,
        max_tests=most,
        fix=fix,  # type: ignore[arg-type]  # one of the two
    )
    assert 1 <= len(found) <= MOST_PARTS
    for item in found:
        check_file(item, grid, bounds, effects, most)


def check_file(
    item: PlateauRanges,
    grid: Grid,
    bounds: Mapping[str, tuple[Any, Any]],
    effects: Mapping[str, float],
    most: int,
) -> None:
    view = grid.strategy.tradestation
    assert view is not None
    text = rows(item.to_csv())
    assert list(text) == [view.input(p).name for p in grid.strategy.names]
    tests = 1
    for name, axis in grid.values.items():
        own = view.input(name)
        plain = text[own.name]
        assert all(set(t) <= set("0123456789.") for t in plain), plain
        assert not any("." in t and t.endswith(("0", ".")) for t in plain), plain
        low, high, step = (Decimal(t) for t in plain)
        fine = own.fine
        # On the lattice of the fine step, within the limits, and the region; Max is met.
        assert fine.low <= low <= high <= fine.high
        assert step > 0
        for value in (low, high):
            assert (value - fine.low) % fine.step == 0
        assert step % fine.step == 0
        assert (high - low) % step == 0
        assert Decimal(repr(bounds[name][0])) <= low
        assert high <= Decimal(repr(bounds[name][1]))
        tests *= int((high - low) / step) + 1
        searched = [Decimal(repr(v)) for v in sorted(axis)]
        if not own.refined or effects.get(name, 1.0) < 0.01:
            assert low == high
            assert low in searched
            continue
        inside = [v for v in searched if low <= v <= high]
        assert all((v - low) % step == 0 for v in inside)
        if low < high:
            pitch = min(b - a for a, b in itertools.pairwise(searched) if b > low and a < high)
            assert step < pitch or step == pitch == fine.step
    assert item.tests == tests <= most
