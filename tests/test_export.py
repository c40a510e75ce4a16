"""Ranges for TradeStation: what the best tenth of a plateau becomes."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wfo.grid import Grid
from wfo.selection.plateaus import Plateau
from wfo.strategy import get_strategy
from wfo.tradestation.ranges import MOST_TESTS, PlateauRanges, config_csv, plateau_ranges

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
REFINED = (
    "atr_period",
    "atr_multiplier",
    "bb_deviation",
    "min_tightening",
    "atr_buy_period",
    "atr_buy_multiplier",
    "atr_smooth_period",
)
CHOICES = ("scaling_method", "equity_price_method")
FIXED = tuple(n for n in L.names if n not in REFINED)

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


def exported(candidates: pl.DataFrame, rank: int = 1) -> PlateauRanges:
    found = plateau_ranges(plateau_of(candidates, rank), candidates, grid_of(candidates))
    assert found is not None
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


def test_bounds_are_those_of_the_best_tenth() -> None:
    # 21 candidates: the best tenth are three, the others would widen the range.
    candidates = frame(atr_period=[16, 18, 12, *[60] * 18], atr_smooth_period=[3] * 3 + [9] * 18)
    found = rows(exported(candidates).to_csv())
    assert found["ATR_Period"] == ("12", "18", "1")
    assert found["ATR_Smooth_Period"] == ("3", "3", "1")


def test_candidates_of_other_cells_do_not_count() -> None:
    candidates = frame(atr_period=[50, 16, 50], atr_multiplier=[4.0, 14.0, 4.0])
    plateau = Plateau(1, "WIDE", ((14.0, 1.5),), 1, 0.9, 50.0, (14.0, 1.5))
    found = plateau_ranges(plateau, candidates, grid_of(candidates))
    assert found is not None
    assert rows(found.to_csv())["ATR_Period"] == ("16", "16", "1")
    empty = Plateau(2, "WIDE", ((4.0, 9.0),), 1, 0.9, 50.0, (4.0, 9.0))
    assert plateau_ranges(empty, candidates, grid_of(candidates)) is None


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


def test_bounds_outside_the_fine_limits_are_cut_and_said() -> None:
    candidates = frame(
        atr_period=[2, 90], min_tightening=[0.05, 1.0], atr_buy_multiplier=[6.0, 8.0]
    )
    # The best tenth of two is one; twenty copies make it both.
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


def test_no_plateau_of_the_widest_bounds_asks_for_too_much() -> None:
    wide = frame(
        atr_period=[4, 70],
        atr_multiplier=[1.0, 30.0],
        bb_deviation=[0.5, 4.0],
        min_tightening=[0.1, 0.95],
        atr_buy_period=[4, 70],
        atr_buy_multiplier=[0.5, 4.0],
        atr_smooth_period=[1, 20],
    )
    found = exported(pl.concat([wide] * 10))
    assert MOST_TESTS == 50_000
    assert MOST_TESTS / 4 < found.tests <= MOST_TESTS
    # Seven parameters share the tests: no one is left with a single value, no one takes them all.
    counts = [r.tests for r in found.ranges if r.input.refined]
    assert min(counts) >= 4
    assert max(counts) - min(counts) <= 2


@pytest.mark.parametrize("most", [1, 2, 3, 10, 100])
def test_few_tests_are_kept_to(most: int) -> None:
    candidates = pl.concat([frame(atr_period=[4, 70], atr_multiplier=[1.0, 30.0])] * 10)
    found = plateau_ranges(plateau_of(candidates), candidates, grid_of(candidates), most_tests=most)
    assert found is not None
    assert most / 4 < found.tests <= most


def test_steps_reach_as_near_to_the_upper_bound_as_they_can() -> None:
    # Four of the 31 values from 4 to 34: steps of 8 or 9 would give as many, and end before 34.
    candidates = pl.concat([frame(atr_period=[4, 34])] * 10)
    found = plateau_ranges(plateau_of(candidates), candidates, grid_of(candidates), most_tests=4)
    assert found is not None
    period = found.ranges[0]
    assert (period.low, period.high, period.step) == (Decimal(4), Decimal(34), Decimal(10))
    assert period.tests == 4


def test_config_lists_the_files_in_order() -> None:
    items = [exported(frame(atr_period=[16]), rank=rank) for rank in (1, 2)]
    assert config_csv(items) == (
        "JobNum,StrategyName,StrategyFile,RangeFile,Rank,ShortEnabled,IsDualSymbol\n"
        "1,ATR-D-v1.5-L,ATR-D-v1.5-L,phase5_refine_ATR-D-v1.5-L_rank1.csv,1,0,0\n"
        "2,ATR-D-v1.5-L,ATR-D-v1.5-L,phase5_refine_ATR-D-v1.5-L_rank2.csv,2,0,0\n"
    )
    assert config_csv([]).count("\n") == 1


# Any candidates


def _lattice(low: str, high: str, step: str, *, off: bool) -> st.SearchStrategy[float]:
    count = int((Decimal(high) - Decimal(low)) / Decimal(step))
    on = st.integers(0, count).map(lambda i: float(Decimal(low) + i * Decimal(step)))
    if not off:
        return on
    # Values a user's grid may have: between the points, and beyond the limits.
    cents = st.integers(1, 4000).map(lambda i: float(Decimal(i) / 100))
    return on | cents


@st.composite
def candidates_(draw: st.DrawFn) -> pl.DataFrame:
    length = draw(st.integers(1, 40))
    columns: dict[str, list[Any]] = {}
    for p in L.parameters:
        low, high, step = FINE[NAMES[p.name]]
        if p.whole:
            top = int(high) if p.kind == "choice" else 100
            value: st.SearchStrategy[Any] = st.integers(max(int(p.low), 0), top)
        elif p.name == "min_tightening":
            value = st.integers(1, 100).map(lambda i: i / 100)
        else:
            value = _lattice(low, high, step, off=True)
        few = draw(st.lists(value, min_size=1, max_size=4))
        columns[p.name] = draw(st.lists(st.sampled_from(few), min_size=length, max_size=length))
    return frame(**columns)


@settings(max_examples=150)
@given(candidates=candidates_())
def test_any_candidates_give_a_file_that_tradestation_can_run(candidates: pl.DataFrame) -> None:
    found = exported(candidates)
    text = rows(found.to_csv())
    assert list(text) == list(FINE)
    best = candidates.head(math.ceil(len(candidates) / 10))
    tests = 1
    for name in L.names:
        plain = text[NAMES[name]]
        assert all(set(t) <= set("0123456789.") for t in plain), plain
        assert not any("." in t and t.endswith(("0", ".")) for t in plain), plain
        low, high, step = (Decimal(t) for t in plain)
        least, most, fine = (Decimal(t) for t in FINE[NAMES[name]])
        values = [Decimal(repr(v)) for v in best[name].to_list()]
        assert step > 0
        tests *= int((high - low) / step) + 1
        if name in FIXED:
            assert low == high
            assert step == fine
            if name in CHOICES:
                assert values.count(low) == max(values.count(v) for v in values)
            else:
                assert low == sorted(values)[(len(values) - 1) // 2]
            continue
        assert step % fine == 0
        assert least <= low <= high <= most
        assert (low - least) % fine == 0
        assert (high - least) % fine == 0
        # Each bound is the first point of the fine grid outside the candidates, if it has one.
        cut = [min(max(v, least), most) for v in values]
        assert low <= min(cut) < low + fine
        assert high - fine < max(cut) <= high
        moved = (low, high) != (min(values), max(values))
        assert any(n.startswith(f"{NAMES[name]}:") for n in found.notes) == moved
    assert found.tests == tests <= MOST_TESTS
