"""Every sentence of a page: said where it is true, and not said where it would be false."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from wfo.runs.sentences import SENTENCES
from wfo.text import percent

#: What the sentences on lots are told beside what they say.
LOTS: dict[str, Any] = {
    "entering": 150, "swept": 200, "total": 1_280, "lot": (1.0, 120_000.0, 350_000.0),
    "money": 100_000.0,
}  # fmt: skip

#: By name: where it holds and what it says then, and where it does not hold.
CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any] | None]] = {
    "stale": (
        {"missing": "bars end 2026-11-20; 3 sessions are missing: Alpaca could not be reached"},
        "Warning: bars end 2026-11-20; 3 sessions are missing: Alpaca could not be reached.",
        {"missing": None},
    ),
    "mixed": (
        {"first": ("TQQQ", None, "none"), "second": ("QQQ", "alpaca", "split")},
        "Warning: TQQQ and QQQ come from different sources or are adjusted differently",
        {"first": ("TQQQ", "alpaca", "split"), "second": ("QQQ", "alpaca", "split")},
    ),
    "costs": (
        {"slip": 0.0005, "fee": 0.0001},
        "slippage of 0.05 % of the price and a fee of 0.01 % of the value",
        {"slip": 0.0, "fee": 0.0},
    ),
    "no_costs": ({"slip": 0.0, "fee": 0.0}, "NONE", {"slip": 0.0, "fee": 0.0001}),
    "high_costs": (
        {"slip": 0.05, "fee": 0.0},
        "5 % at every fill is much",
        {"slip": 0.0005, "fee": 0.0099},
    ),
    "capital": ({"amount": 25_000.0}, "25,000 at the start of every phase", None),
    "year": (
        {"bars": "313 (counted: 313.2 sessions)"},
        "Bars of a year: 313 (counted: 313.2 sessions).",
        {"bars": None},
    ),
    "compound": ({"sizing": "compound"}, "whole equity", {"sizing": "fixed"}),
    "fixed": (
        {"sizing": "fixed", "amount": 5_000.0},
        "5,000, or what is left of it",
        {"sizing": "compound", "amount": 5_000.0},
    ),
    "own_sizing": (
        {"how": "risk", "sizing": "fixed", "amount": 5_000.0, "risk": "1 %"},
        (
            "by the risk of the strategy, the share of the 5,000, or of what is left of it, that"
            " its nearest stop would lose, here 1 %;"
        ),
        {"how": "", "sizing": "compound", "amount": 5_000.0},
    ),
    "lots": ({"lot_size": 100.0}, "multiples of 100", {"lot_size": 0.0}),
    "no_lots": ({"lot_size": 0.0}, "Fractions", {"lot_size": 1.0}),
    "unfilled_all": (
        {"count": 12, "entries": 12, "lot_size": 1.0, "lot_cost": 262_114.1, "equity": 1e5},
        (
            "All 12 entries took place, and no lot could be bought: one lot of 1 cost 262,114.10 or"
            " more, and there was 100,000.00 to pay for it. More capital (--capital) or a smaller"
        ),
        {"count": 11, "entries": 12, "lot_size": 1.0, "lot_cost": 262_114.1, "equity": 1e5},
    ),
    "unfilled_some": (
        {
            "count": 3,
            "entries": 12,
            "lot_size": 0.5,
            "lot_cost": 101.5,
            "equity": 100.0,
            "where": "Phase 2",
        },
        (
            "Phase 2: 3 of 12 entries could buy no lot: the cheapest lot of 0.5 that was out of"
            " reach cost 101.50, and there was 100.00"
        ),
        {"count": 12, "entries": 12, "lot_size": 0.5, "lot_cost": 101.5, "equity": 100.0},
    ),
    "no_lot": (
        {
            "phases": [2, 3],
            "idle": 5,
            "entering": 9,
            "lot": (1.0, 120_000.0, 350_000.0),
            "money": 1e5,
        },
        (
            "NO LOT COULD BE BOUGHT in phases 2 and 3, though entries took place: one lot of 1 was"
            " worth 120,000.00 to 350,000.00, and the capital is 100,000.00."
        ),
        {"phases": [], "idle": 5, "entering": 9, "lot": (1.0, 120.0, 350.0), "money": 1e5},
    ),
    "no_trade": (
        {"total": 1_280, "traded": False},
        "NOTHING TRADED: none of 1,280 combinations entered in any phase. Conditions of entry",
        {"total": 1_280, "traded": True},
    ),
    "idle_by_lots": (
        LOTS | {"idle": 150},
        (
            "Entries took place, and no lot could be bought: 150 combinations (of 200 sampled from"
            " 1,280) enter, and none of them trades a share. One lot of 1 was worth 120,000.00 to"
            " 350,000.00 on these bars; the capital is 100,000.00. More capital (--capital)"
        ),
        LOTS | {"idle": 149},
    ),
    "missing_by_lots": (
        LOTS | {"idle": 2, "missing": 90, "phases": [2, 3]},
        (
            "90 of the 150 combinations that enter (of 200 sampled from 1,280) miss entries in some"
            " phase. In phases 2 and 3 none of them trades a share. One lot of 1"
        ),
        LOTS | {"idle": 150, "missing": 150, "phases": [1, 2, 3]},
    ),
    "hold_by_lots": (
        {"phases": [2, 3, 4], "lot_size": 1.0},
        "could not buy a lot of 1 in phases 2, 3 and 4",
        {"phases": [], "lot_size": 1.0},
    ),
    "overlapping": (
        {"bar_spans": [(0, 10), (9, 20)]},
        "overlap",
        {"bar_spans": [(0, 10), (10, 20)]},
    ),
    "extrapolated": ({"years": 0.167}, "as short as 0.17 years", {"years": 1.0}),
    "left_out": (
        {"values": ["bb_length 20", "scaling_method 0"], "strategy": "atr_d_l"},
        "the grid of atr_d_l leaves them out: bb_length 20, scaling_method 0",
        {"values": [], "strategy": "atr_d_l"},
    ),
    "stable": (
        {"count": 4_174, "total": 96_768, "least": 3, "phases": 4, "gates": "strict"},
        "4,174 of 96,768 (4.3 %)",
        {"count": 0, "total": 96_768, "least": 3, "phases": 4, "gates": "strict"},
    ),
    "none_stable": (
        {"count": 0, "total": 10, "least": 3, "phases": 4, "gates": "v4"},
        "none of 10",
        {"count": 1, "total": 10, "least": 3, "phases": 4, "gates": "v4"},
    ),
    "outcomes": (
        {"count": 20_368, "members": 66_758, "exact": True},
        "The stable ones are 20,368 different outcomes",
        {"count": 20_368, "members": 66_758, "exact": False},
    ),
    "outcomes_all": (
        {"count": 7, "members": 7, "exact": True},
        "Each of them is an outcome of its own",
        {"count": 6, "members": 7, "exact": True},
    ),
    "outcomes_estimated": (
        {"count": 1_000.0, "error": 4.0, "members": 5_000, "exact": False},
        "about 1,000 different outcomes (estimated, give or take 0.4 %)",
        {"count": 1_000.0, "error": 0.0, "members": 5_000, "exact": True},
    ),
    "outcomes_known": (
        {"known": 1_000, "candidates": 5_000, "total": float("nan")},
        "5,000 candidates are 1,000 different outcomes",
        {"known": 1_000, "candidates": 5_000, "total": 1_000.0},
    ),
    "holding": ({"idle": 0.43}, "43.0 % of the candidates", {"idle": 0.0}),
    "disguise": (
        {"medians": [0.789, 0.1, 0.3, 0.558], "held": [0.789, 0.167, 0.69, 0.558]},
        "in phases 1 and 4",
        {"medians": [0.7, 0.1], "held": [0.789, 0.167]},
    ),
    "beaten": (
        {"better": 3_813, "candidates": 66_758, "least": 3},
        "3,813 of the 66,758 candidates (5.7 %)",
        {"better": 0, "candidates": 66_758, "least": 3},
    ),
    "none_beats": (
        {"better": 0, "candidates": 5, "least": 3},
        "None of the 5 candidates",
        {"better": 1, "candidates": 5, "least": 3},
    ),
    "other_stable": (
        {"name": "strict", "count": 5, "total": 1_000, "ruling": "v4", "folder": "results/QQQ"},
        "By the strict gates 5 of 1,000 (0.5 %) are stable; 'wfo rescore results/QQQ --gates",
        {"name": "strict", "count": 0, "total": 1_000, "ruling": "v4", "folder": "results/QQQ"},
    ),
    "other_none": (
        {"name": "strict", "count": 0, "total": 1_000, "ruling": "v4"},
        "none of 1,000",
        {"name": "strict", "count": 1, "total": 1_000, "ruling": "v4"},
    ),
    "best_wins": (
        {"returns": [0.2, 0.1], "held": [0.1, 0.1]},
        "in 1 of 2 phases",
        {"returns": [0.1, 0.0], "held": [0.1, 0.1]},
    ),
    "best_loses": (
        {"returns": [0.1, 0.0], "held": [0.1, 0.1]},
        "in all of the 2 phases",
        {"returns": [0.2, 0.0], "held": [0.1, 0.1]},
    ),
    "best_calmer": (
        {"drawdowns": [0.1, 0.3], "held": [0.2, 0.3]},
        "in 1 of 2 phases",
        {"drawdowns": [0.2, 0.3], "held": [0.2, 0.3]},
    ),
    "best_not_valid": (
        {"valid": [True, False, True, False]},
        "NOT valid in phases 2 and 4, the latest: it fails",
        {"valid": [True, True]},
    ),
    "best_loses_money": (
        {"returns": [-0.1, 0.2, 0.3]},
        "LOSES money out-of-sample in phase 1.",
        {"returns": [0.1, 0.0]},
    ),
    "best_never_sells": (
        {"trades": 0, "exposure": [1.0, 1.0]},
        "buy-and-hold under another name",
        {"trades": 0, "exposure": [1.0, 0.9]},
    ),
    "none_above_holding": (
        {"medians": [0.2, 0.1], "held": 0.2},
        "not against holding",
        {"medians": [0.1, 0.3], "held": 0.2},
    ),
    "best_on_no_plateau": ({"plateaus": 0}, "NO PLATEAU: it is a peak", {"plateaus": 1}),
    "best_of_many": ({"count": 20_368}, "best of 20,368 outcomes", {"count": 1}),
    "small_cells": (
        {"largest": 12, "least": 50},
        "12 combinations at most",
        {"largest": 50, "least": 50},
    ),
    "broad": ({"covered": 0.5}, "50.0 % of the map", {"covered": 0.4}),
    "low": ({"level": 0.1}, "Few combinations", {"level": 0.2}),
    "no_shape": (
        {"smoothness": 0.02, "p": 0.31, "needed": 0.001},
        "p = 0.3100; a map with shape has p of 0.001 or less",
        {"smoothness": 0.5, "p": 0.0005, "needed": 0.001},
    ),
    "plateau_holds": (
        {"trades": 0.0, "phases": 4, "rank": 2},
        "Plateau 2 is one of holding",
        {"trades": 5.0, "phases": 4, "rank": 2},
    ),
    "neighbourhood": (
        {"mean": 0.668, "low": 0.249, "count": 12, "total": 413_961.0},
        "Its 12 neighbours earn 66.8 % of that in the mean, 24.9 % at the 10th percentile",
        {"mean": math.nan, "low": math.nan, "count": 12, "total": -5.0},
    ),
    "hurts_most": (
        {"parameter": "bb_deviation", "value": 0.5, "ratio": 0.17},
        "bb_deviation at 0.5, which leaves 17.0 %",
        {"parameter": "bb_deviation", "value": 0.5, "ratio": 1.0},
    ),
    "no_neighbourhood": ({"total": 0.0}, "no neighbourhood score", {"total": 0.1}),
    "region_found": (
        {"share": 0.36, "other": 0.34, "box": 0.2, "grid": 0.043, "accepted": True},
        "On the other half 34.0 % are; of its plateau's box 20.0 % are there,",
        {"share": 0.36, "other": 0.34, "box": 0.2, "grid": 0.043, "accepted": False},
    ),
    "region_refused": (
        {"p": 0.2, "needed": 0.001, "accepted": False},
        "p = 0.2; below 0.001 would be",
        {"p": 0.0, "needed": 0.001, "accepted": True},
    ),
    "region_all_stable": (
        {"share": 1.0, "trades": 0.0, "phases": 4},
        "it is buy-and-hold",
        {"share": 1.0, "trades": 40.0, "phases": 4},
    ),
    "last_phase_held": (
        {"share": 0.5, "grid": 0.1, "chance": [0.05, 0.2]},
        "(+40.0 points to the grid; on bars permuted 2 times +5.0 to +20.0)",
        {"share": 0.1, "grid": 0.1, "chance": []},
    ),
    "last_phase_no_better": (
        {"share": 0.1, "grid": 0.2, "chance": []},
        "did NOT hold.",
        {"share": 0.3, "grid": 0.2, "chance": []},
    ),
    "last_phase_as_chance": (
        # More of it is valid than on permuted bars, but less above the whole grid.
        {"share": 0.3, "grid": 0.2, "chance": [0.15]},
        "no more than chance gives (+10.0 points to the grid; on bars permuted once +15.0)",
        {"share": 0.3, "grid": 0.2, "chance": [0.05]},
    ),
    "box_no_worse": (
        {"share": 0.213, "box": 0.258, "accepted": True},
        "no worse there, 25.8 %",
        {"share": 0.3, "box": 0.258, "accepted": True},
    ),
    "last_phase_alone": (
        {"share": 0.3, "grid": 0.2, "chance": []},
        "what chance gives is not known",
        {"share": 0.3, "grid": 0.2, "chance": [0.1]},
    ),
    "last_phase_empty": (
        {"share": float("nan")},
        "none of the sampled combinations",
        {"share": 0.0},
    ),
    "nothing_found_before": ({"bounds": ""}, "None:", {"bounds": "atr_period 4 to 24"}),
    "not_judged": ({"reason": "there is 1 phase"}, "there is 1 phase.", {"reason": ""}),
    "mean_below": (
        {"mean": 0.179, "held": 0.221},
        "returns 17.9 % a year out-of-sample; buy-and-hold returns 22.1 %, which is more",
        {"mean": 0.3, "held": 0.221},
    ),
    "mean_above": (
        {"mean": 0.3, "held": 0.221},
        "returns 30.0 % a year out-of-sample; buy-and-hold returns 22.1 %.",
        {"mean": 0.179, "held": 0.221},
    ),
    "matters": (
        {"name": "atr_multiplier", "main": 0.27, "total": 0.4},
        "atr_multiplier matters most",
        {"name": "atr_multiplier", "main": 0.0, "total": 0.0},
    ),
    "hardly_matter": (
        {"names": ["a", "b"]},
        "a, b hardly matter: less than 1.0 % of the differences depend on each",
        {"names": []},
    ),
    "nothing_varies": ({"variance": 0.0}, "Nothing depends", {"variance": 1e-9}),
    "range_holds": (
        {"tests": 90_000, "best": 12, "of": 100, "top": 0.25},
        "90,000 tests; 12 of the best 100 outcomes and 25.0 %",
        {"tests": 90_000, "best": 0, "of": 0, "top": 0.0},
    ),
    "no_ranges": (
        {"files": 0, "unnamed": ""},
        "made of plateaus",
        {"files": 1, "unnamed": ""},
    ),
    "range_of_holding": (
        {"share": 1.0, "trades": 0.0, "phases": 4},
        "Warning: its region is buy-and-hold",
        {"share": 1.0, "trades": 40.0, "phases": 4},
    ),
    "range_misses": (
        {"best": 0, "of": 100, "fix": "median"},
        "None of the best outcomes is inside",
        {"best": 1, "of": 100, "fix": "median"},
    ),
    "trials": ({"count": 96_768, "symbol": "QQQ"}, "96,768 combinations", None),
}

#: What is true of every run.
ALWAYS = {"capital", "trials"}


def test_every_sentence_has_its_cases() -> None:
    assert set(CASES) == set(SENTENCES)
    assert {name for name, case in CASES.items() if case[2] is None} == ALWAYS


@pytest.mark.parametrize("name", CASES)
def test_a_sentence_is_said_where_it_is_true(name: str) -> None:
    holds, words, _ = CASES[name]
    said = SENTENCES[name](**holds)
    assert words in said
    assert said.endswith(".")


@pytest.mark.parametrize("name", sorted(set(CASES) - ALWAYS))
def test_a_sentence_is_not_said_where_it_would_be_false(name: str) -> None:
    fails = CASES[name][2]
    assert fails is not None
    assert SENTENCES[name](**fails) == ""


@pytest.mark.parametrize(
    ("name", "given"),
    [
        # There are no others that could equal one of them.
        ("outcomes", {"count": 7, "members": 7, "exact": True}),
        ("outcomes", {"count": 0, "members": 0, "exact": True}),
        ("outcomes_all", {"count": 0, "members": 0, "exact": True}),
        ("outcomes_all", {"count": 7.0, "members": 7, "exact": False}),
        ("outcomes_estimated", {"count": math.nan, "error": 0.0, "members": 9, "exact": False}),
        ("disguise", {"medians": [math.nan], "held": [0.1]}),
        ("beaten", {"better": 0, "candidates": 0, "least": 3}),
        ("none_beats", {"better": 0, "candidates": 0, "least": 3}),
        ("best_never_sells", {"trades": 1, "exposure": [1.0, 1.0]}),
        ("best_calmer", {"drawdowns": [math.nan], "held": [0.2]}),
        # Of gates that do not rule no trades are known.
        ("plateau_holds", {"trades": math.nan, "phases": 4, "rank": 1}),
        ("neighbourhood", {"mean": math.nan, "low": math.nan, "count": 0, "total": 5.0}),
        ("hurts_most", {"parameter": "", "value": math.nan, "ratio": math.nan}),
        ("region_all_stable", {"share": 1.0, "trades": math.nan, "phases": 4}),
        ("region_all_stable", {"share": 0.99, "trades": 0.0, "phases": 4}),
        ("no_shape", {"smoothness": None, "p": None, "needed": 0.001}),
        ("last_phase_held", {"share": 0.3, "grid": 0.1, "chance": [0.3]}),
        ("last_phase_held", {"share": 0.3, "grid": 0.1, "chance": []}),
        ("last_phase_no_better", {"share": math.nan, "grid": 0.2, "chance": []}),
        ("last_phase_as_chance", {"share": 0.1, "grid": 0.2, "chance": [0.3]}),
        ("last_phase_alone", {"share": math.nan, "grid": 0.2, "chance": []}),
        ("range_misses", {"best": 0, "of": 0, "fix": "median"}),
        # Where nothing enters, no lot is too expensive.
        (
            "unfilled_all",
            {"count": 0, "entries": 0, "lot_size": 1.0, "lot_cost": 1.0, "equity": 0.0},
        ),
        (
            "unfilled_some",
            {"count": 0, "entries": 9, "lot_size": 1.0, "lot_cost": 1.0, "equity": 0.0},
        ),
        ("idle_by_lots", LOTS | {"idle": 0, "entering": 0}),
        ("missing_by_lots", LOTS | {"idle": 0, "entering": 0, "missing": 0, "phases": []}),
        ("missing_by_lots", LOTS | {"idle": 0, "missing": 0, "phases": []}),
    ],
)
def test_a_sentence_is_not_said_of_what_is_not_there(name: str, given: dict[str, Any]) -> None:
    assert SENTENCES[name](**given) == ""


def test_exactly_one_sentence_is_about_a_region_on_bars_that_it_has_not_seen() -> None:
    judged = [name for name in SENTENCES if name.startswith("last_phase_") and "empty" not in name]
    for share, grid in itertools.product((0.0, 0.1, 0.3), repeat=2):
        for chance in ([], [0.05], [0.2, 0.0], [0.3]):
            said = [SENTENCES[n](share, grid, chance) for n in judged]
            assert len([s for s in said if s]) == 1, (share, grid, chance)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.6899, "69.0 %"),
        (0.0004, "0.04 %"),
        (0.00999, "1 %"),
        (0.0005, "0.05 %"),
        (0.00000012, "0.000012 %"),
        (0.99999, "99.999 %"),
        (-0.25, "-25.0 %"),
        (12.5, "1,250.0 %"),
        (float("nan"), "-"),
    ],
)
def test_percent_neither_hides_nor_completes(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_single_entry_and_a_grid_that_was_swept_whole_are_told_as_such() -> None:
    said = SENTENCES["unfilled_all"](1, 1, 1.0, 120.0, 100.0)
    assert said.startswith("The one entry took place, and no lot could be bought: one lot of 1")
    said = SENTENCES["idle_by_lots"](5, 5, 36, 36, (1.0, 120.0, 130.0), 100.0)
    assert "5 combinations (of all 36) enter" in said


def test_phases_are_not_named_where_no_lot_is_bought_in_any() -> None:
    said = SENTENCES["no_lot"]([1, 3], 9, 9, (1.0, 120.0, 350.0), 100.0)
    assert said.startswith("NO LOT COULD BE BOUGHT, though entries took place: one lot of 1")


def test_one_outcome_is_told_as_one() -> None:
    said = SENTENCES["outcomes"](count=1, members=12, exact=True)
    assert said == "The stable ones are one outcome: all have the same figures in every phase."
