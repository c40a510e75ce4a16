"""The first lines of a page: each rule where it is said and where it is not, and all together."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from conftest import TINY
from hypothesis import given, settings
from hypothesis import strategies as st
from made_verdict import made_verdict

from wfo.data import sample_store
from wfo.errors import InputError
from wfo.runs.holdout.spent import HoldoutFigures, SeenBy, Spent, SpentFinalist
from wfo.runs.holdout.state import HoldoutState
from wfo.runs.manifest import HoldoutRecord
from wfo.runs.permuting.values import (
    BESIDE,
    LEAST_RUNS,
    OUTCOMES,
    PermutationTest,
    Searched,
    Variant,
)
from wfo.runs.plan import RunPlan
from wfo.runs.report import RunReport
from wfo.runs.run import run
from wfo.runs.verdict import searched
from wfo.runs.verdict.chance import chance_of, variant_words
from wfo.runs.verdict.facts import (
    MAY_BE_UNKNOWN,
    NOT_COMPUTED,
    Chance,
    Compared,
    Facts,
    GateCount,
    HoldOut,
    HoldOutState,
)
from wfo.runs.verdict.record import Prediction
from wfo.runs.verdict.rules import (
    RULES,
    SIGNIFICANCE,
    Subject,
    deflated_text,
    first_lines,
    p_text,
    said_rules,
)
from wfo.runs.verdict.searched import facts_of_findings, facts_of_run, gate_counts
from wfo.runs.verdict.weighed import weigh


def chance(runs: int = 200, **changes: Any) -> Chance:
    """A test that finds nothing beyond chance, but for what is changed."""
    # No p is smaller than so many permutations can give.
    least = 1 / (1 + runs) if runs else 0.0
    given_: dict[str, Any] = {
        "variant": "bars",
        "figures": 6,
        "p_all": 0.35,
        "stable": Compared(0.69, 0.18, max(0.09, least)),
        "best_excess": Compared(0.81, 0.78, max(0.49, least)),
        "median_excess": Compared(-0.54, -0.49, max(0.63, least)),
        "p_excess": 0.52,
        "p_least": max(0.01, least),
        "p_attainable": max(0.03, least),
    }
    return Chance(runs=runs, **(given_ | changes))


#: A test that is beyond chance, and in excess of holding too.
BEYOND = chance(p_all=0.01, p_excess=0.02)

#: The same, but in excess of holding.
DRIFT = chance(p_all=0.01, p_excess=0.06)

BLOCKS = chance(variant="blocks of 20 bars", p_all=0.21)

SPENT = HoldOut("spent", "2025-11-21", "2026-11-20", 0, "2026-11-27", 10, 7, 0.12, 0.08)
KEPT = HoldOut("kept", "2025-11-21", "2026-11-20", seen=0)
COSTS = {"costs": True}
TESTED = {"tests": (BEYOND,)}


def facts(**changes: Any) -> Facts:
    """What is known of a run of which all is known, but for what is changed.

    A figure that is changed to a text is not known, for that reason.
    """
    given_: dict[str, Any] = {
        "folder": "results/QQQ",
        "symbol": "QQQ",
        "combinations": 83_160,
        "gates": (GateCount("v4", 57_380, 3), GateCount("strict", 3_576, 3)),
        "phases": 4,
        "candidates": 10_000,
        "beaten": 6_000,
        "idle": 0.1,
        "costs": True,
        "trials": 166_320,
        "tests": (BEYOND,),
        "finalists": 10,
        "trades": 80,
        "deflated": 0.97,
        "deflated_excess": 0.96,
        "sample": 2_000,
        "overfitting": 0.31,
        "superior_to_cash": 0.01,
        "superior_to_holding": 0.02,
        "prediction": 0.4,
        "prediction_by_profit": 0.2,
        "trusted_return": 0.3,
        "trusted_held": 0.2,
        "hold_out": SPENT,
    }
    given_ |= changes
    unknown = {n: v for n, v in given_.items() if n in MAY_BE_UNKNOWN and isinstance(v, str)}
    return Facts(**(given_ | dict.fromkeys(unknown)), unknown=unknown)


#: Nothing stable.
NONE = {"gates": (GateCount("v4", 0, 3), GateCount("strict", 0, 3)), "candidates": 0, "beaten": 0}

#: By rule: what makes it said, what it says then, and the nearest case in which it is not said.
CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "nothing stable": (
        NONE,
        "Nothing that was searched is stable: there is nothing here to trade.",
        {"gates": (GateCount("v4", 1, 3),), "candidates": 1, "beaten": 0},
    ),
    "untested": (
        {"tests": ()},
        "more than chance is NOT KNOWN: no permutation test",
        {"tests": (chance(runs=1, p_all=0.5),)},
    ),
    "too few permutations": (
        {"tests": (chance(runs=18, p_all=1 / 19),)},
        "NOT KNOWN: with 18 permutations no p can be 0.05 or less; that takes 19 or more.",
        {"tests": (chance(runs=19, p_all=0.05, p_attainable=0.3),)},
    ),
    "by chance": (
        {"tests": (chance(), BLOCKS)},
        (
            "NOTHING BEYOND CHANCE: searches of permuted bars and blocks of 20 bars do as well as"
            " this one too often (one p over all figures 0.35 and 0.21; 0.05 or less"
        ),
        {"tests": (chance(p_all=0.05),)},
    ),
    "divided": (
        {"tests": (BEYOND, BLOCKS)},
        (
            "NOT SURELY BEYOND CHANCE: beside permuted bars it is at 5 % (one p over all figures"
            " 0.010), beside permuted blocks of 20 bars it is not (0.21)"
        ),
        {"tests": (BEYOND, replace(BLOCKS, p_all=0.05, p_excess=0.05))},
    ),
    "not beyond holding": (
        {"tests": (BEYOND, replace(DRIFT, variant="blocks of 20 bars"))},
        (
            "BEYOND CHANCE AT 5 %, BUT NOT BEYOND HOLDING: one p over all figures is 0.010 and"
            " 0.010, and permuted blocks of 20 bars give as large an excess over holding QQQ too"
            " often (p 0.060)."
        ),
        TESTED,
    ),
    "not confirmed": (
        {"hold_out": replace(SPENT, beating=5)},
        "AND NOT CONFIRMED: on the hold-out 5 of 10 finalists returned more than holding QQQ.",
        {"hold_out": replace(SPENT, beating=6)},
    ),
    "beyond without costs": (
        {"costs": False},
        "BEYOND CHANCE AND HOLDING AT 5 %, BUT WITHOUT COSTS: one p over all figures is 0.010",
        COSTS,
    ),
    "beyond chance and holding": (
        TESTED,
        (
            "BEYOND CHANCE AT 5 %, AND BEYOND HOLDING: one p over all figures is 0.010, that of"
            " the excess over holding QQQ 0.020; of searches of bars without any pattern one in 20"
            " at most comes out like this."
        ),
        {"costs": False},
    ),
    "none stable": (
        NONE,
        (
            "Of 83,160 combinations that were searched NONE is stable by the v4 gates, valid in 3"
            " or more of 4 phases; by the strict gates none."
        ),
        {},
    ),
    "some stable": (
        {},
        (
            "Of 83,160 combinations that were searched 57,380 (69.0 %) are stable by the v4 gates,"
            " valid in 3 or more of 4 phases; by the strict gates 3,576 (4.3 %)."
        ),
        NONE,
    ),
    "nothing beside holding": (
        NONE,
        "There is no candidate to set beside holding QQQ.",
        {"beaten": 0},
    ),
    "none beats holding": (
        {"beaten": 0},
        (
            "NONE of 10,000 candidates returns more than holding QQQ in 3 or more phases that it is"
            " valid in."
        ),
        {"beaten": 1},
    ),
    "few beat holding": (
        {"beaten": 5_000},
        (
            "Only 5,000 of 10,000 candidates (50.0 %) return more than holding QQQ in 3 or more"
            " phases that they are valid in."
        ),
        {"beaten": 5_001},
    ),
    "many beat holding": ({"beaten": 5_001}, "5,001 of 10,000 candidates", {"beaten": 5_000}),
    "no test": (
        {"tests": ()},
        "'wfo permutation-test results/QQQ' makes one: permuted markets have stable combinations",
        TESTED,
    ),
    "tested": (
        {"tests": (chance(), BLOCKS)},
        (
            "Beside 200 searches of permuted bars: 69.0 % stable (median of the permuted 18.0 %,"
            " p 0.090); excess over holding, in logarithms summed over phases: best +0.81 (+0.78,"
            " p 0.49), median -0.54 (-0.49, p 0.63); one p over all 6 figures 0.35; beside 200 of"
            " permuted blocks of 20 bars 0.21."
        ),
        {"tests": ()},
    ),
    "no finalists": (
        {"finalists": 0, "deflated": "there are none", "deflated_excess": "there are none"},
        "There is no finalist whose Sharpe ratio",
        {},
    ),
    "trials not known": (
        {"trials": "trials.json is of another version"},
        "is not known: trials.json is of another version.",
        {},
    ),
    "by trials": (
        {"deflated": 0.949999},
        (
            "The best finalist's Sharpe ratio is NOT SURELY more than the best of 166,320 trials"
            " without skill is expected to show (deflated 0.949999, in excess of holding QQQ 0.96;"
            " 0.95 is needed"
        ),
        {"deflated": 0.95},
    ),
    "by drift": (
        {"deflated_excess": 0.94},
        (
            "more than 166,320 trials explain (deflated 0.97), but in excess of holding QQQ it is"
            " NOT SURELY (0.94): the market's own drift may explain it."
        ),
        {"deflated_excess": 0.95},
    ),
    "beyond trials": (
        {"deflated": 0.95, "deflated_excess": 0.95},
        "explain, in excess of holding QQQ too (deflated 0.95 and 0.95; 0.95 is needed).",
        {"deflated": 0.95, "deflated_excess": 0.949},
    ),
    "overfitting not known": (
        {"overfitting": "there are 12 periods only"},
        "is not known: there are 12 periods only.",
        {},
    ),
    "overfit": (
        {"overfitting": 0.5},
        (
            "Choosing the best is NO better than choosing any: in 50.0 % of the splits the best of"
            " 2,000 sampled combinations falls to the middle or below"
        ),
        {"overfitting": 0.499},
    ),
    "partly overfit": (
        {"overfitting": 0.051},
        "In 5.1 % of the splits the best of 2,000 sampled",
        {"overfitting": 0.05},
    ),
    "seldom overfit": (
        {"overfitting": 0.05},
        "In only 5.0 % of the splits",
        {"overfitting": 0.051},
    ),
    "superiority not known": (
        {"superior_to_holding": "a mark is not positive"},
        "is not known: a mark is not positive.",
        {},
    ),
    "superior to cash": (
        {"superior_to_holding": 0.051},
        (
            "does NOT beat holding QQQ, once it is counted that it is the best of many (SPA, p"
            " 0.051); that it beats cash (0.010) a rising market does by itself."
        ),
        {"superior_to_holding": 0.05},
    ),
    "superior to holding alone": (
        {"superior_to_cash": 0.2},
        "(SPA, p 0.020), but does NOT beat cash (0.20).",
        {"superior_to_cash": 0.05},
    ),
    "superior": (
        {"superior_to_cash": 0.05, "superior_to_holding": 0.05},
        "more than the best of many does by chance (SPA, p 0.050), and cash too (0.050).",
        {"superior_to_cash": 0.05, "superior_to_holding": 0.06},
    ),
    "not superior": (
        {"superior_to_cash": 0.051, "superior_to_holding": 0.4},
        "beats NEITHER holding QQQ NOR cash",
        {"superior_to_cash": 0.05, "superior_to_holding": 0.4},
    ),
    "prediction not known": (
        {"trusted_return": "there is one phase"},
        "is not known: there is one phase.",
        {},
    ),
    "no prediction": (
        {"prediction": 0.09},
        (
            "Stability did NOT predict the last phase here (rank correlation with its excess +0.09,"
            " of in-sample profit +0.20): what the phases before it put first returned 30.0 % in"
            " it, holding QQQ 20.0 %."
        ),
        {"prediction": 0.3},
    ),
    "profit predicts as well": (
        {"prediction": 0.3, "prediction_by_profit": 0.3},
        "no better than in-sample profit alone",
        {"prediction": 0.3, "prediction_by_profit": 0.29},
    ),
    "predicts less than holding": (
        # What holds under another name returns the same, up to rounding.
        {"trusted_return": 0.2 + 1e-9},
        "and yet the first of them did NOT beat holding",
        {"trusted_return": 0.2001},
    ),
    "predicts": ({}, "Stability predicted the last phase here", {"prediction": -0.4}),
    "no hold-out": (
        {"hold_out": HoldOut()},
        "No bars were held out: every bar has been searched",
        {"hold_out": KEPT},
    ),
    "hold-out refused": (
        {"hold_out": replace(KEPT, state="refused", at="2026-10-01")},
        "is SPENT: another run evaluated bars of it on 2026-10-01",
        {"hold_out": KEPT},
    ),
    "hold-out seen": (
        {"hold_out": replace(KEPT, seen=None)},
        "it is NOT surely untouched: whether other searches reached into it is not known.",
        {"hold_out": KEPT},
    ),
    "hold-out kept": (
        {"hold_out": KEPT},
        "kept and untouched; 'wfo verdict results/QQQ --spend-holdout' evaluates it, once.",
        {"hold_out": replace(KEPT, seen=1)},
    ),
    "hold-out without finalists": (
        {"hold_out": replace(SPENT, finalists=0, beating=0)},
        "was spent on 2026-11-27 without a finalist",
        {"hold_out": SPENT},
    ),
    "hold-out lost": (
        {"hold_out": replace(SPENT, beating=5)},
        "NO MORE THAN HALF of the finalists beat holding: 5 of 10 returned more, the first one",
        {"hold_out": SPENT},
    ),
    "hold-out won": (
        {"hold_out": replace(SPENT, seen=7)},
        (
            "On the hold-out more than half of the finalists beat holding: 7 of 10 returned more,"
            " the first one 12.0 %, holding QQQ 8.0 % (2025-11-21 to 2026-11-20, spent on"
            " 2026-11-27; it was not untouched, 7 combinations of other searches reached into it)."
        ),
        {"hold_out": replace(SPENT, beating=5)},
    ),
    "no costs": ({"costs": False}, "NO COSTS were assumed", COSTS),
    "costs": (
        COSTS,
        "Costs were taken off at every fill, in the permuted searches too.",
        {"costs": False},
    ),
    "holds": (
        {"idle": 0.51},
        "Most candidates HARDLY TRADE: 51.0 % of them close one out-of-sample trade a phase or",
        {"idle": 0.5},
    ),
    "trades not known": ({"trades": "there is none"}, "is not known: there is none.", {}),
    "few trades": (
        {"trades": 29},
        "FEW TRADES: the first finalist closed 29 trades from the first phase to the last",
        {"trades": 30},
    ),
    "enough trades": ({"trades": 30}, "The first finalist closed 30 trades", {"trades": 29}),
    "nothing computed": (
        {"tests": (), "deflated": NOT_COMPUTED},
        (
            "NOT KNOWN: how much of it chance gives ('wfo permutation-test results/QQQ'), and what"
            " is left of it after so many trials ('wfo verdict results/QQQ')."
        ),
        {"tests": (BEYOND,), "deflated": NOT_COMPUTED},
    ),
    "not computed": (
        {"overfitting": NOT_COMPUTED},
        (
            "NOT KNOWN here: what is left of it after so many trials, and whether stability"
            " predicted anything on QQQ ('wfo verdict results/QQQ')."
        ),
        {"overfitting": "there are 12 periods only"},
    ),
    "gaps": (
        {"tests": (BEYOND,), "hold_out": KEPT},
        (
            "NOT KNOWN: what chance gives where volatility clusters ('wfo permutation-test"
            " results/QQQ --block 20'); how it does on bars that no search has seen; whether the"
            " market goes on as it did: all of this is one history."
        ),
        {"overfitting": NOT_COMPUTED},
    ),
}


def test_stable_shares_beside_chance_say_in_how_many_phases_where_the_run_asked_for_fewer() -> None:
    asked = {"gates": (GateCount("v4", 57_380, 3, 2),), "tests": (chance(least=3),)}
    assert "69.0 % valid in 3 or more phases (median" in " ".join(first_lines(facts(**asked)))
    alone = {"gates": (GateCount("v4", 57_380, 2),), "tests": (chance(least=3),)}
    assert "69.0 % valid in 3 or more phases (median" in " ".join(first_lines(facts(**alone)))
    same = facts(tests=(chance(least=3),))
    assert "69.0 % stable (median" in " ".join(first_lines(same))


def test_three_tests_are_listed() -> None:
    later = chance(variant="bars from the first out-of-sample part on", p_all=0.63)
    said = first_lines(facts(tests=(chance(), BLOCKS, later)))[0]
    assert (
        "permuted bars, blocks of 20 bars and bars from the first out-of-sample part on do" in said
    )
    assert "(one p over all figures 0.35, 0.21 and 0.63;" in said


def test_candidates_of_fewer_phases_beat_holding_in_fewer() -> None:
    fewer = {"gates": (GateCount("v4", 57_380, 3, 2),)}
    for beaten, words in ((0, "NONE of"), (10, "Only 10 of"), (6_000, "6,000 of")):
        said = " ".join(first_lines(facts(**fewer, beaten=beaten)))
        line = said[said.index(words) :]
        assert "holding QQQ in 3 or more phases (2 where stable ones are valid in as few)" in line
    assert "(2 where" not in " ".join(first_lines(facts()))


def test_a_hold_out_that_no_finalist_beat_holding_on_says_none() -> None:
    lost = " ".join(first_lines(facts(hold_out=replace(SPENT, beating=0))))
    assert "On the hold-out NONE of the finalists beat holding: none of 10 returned more" in lost
    one = " ".join(first_lines(facts(hold_out=replace(SPENT, beating=0, finalists=1))))
    assert "On the hold-out the one finalist did NOT beat holding: it returned 12.0 %," in one
    won = " ".join(first_lines(facts(hold_out=replace(SPENT, beating=1, finalists=1))))
    assert "On the hold-out the one finalist beat holding: it returned 12.0 %, holding" in won


@pytest.mark.parametrize(
    "known",
    [{"deflated": 0.1}, {"deflated_excess": 0.1}, {}, {"trials": "nobody counted"}],
)
def test_whatever_is_said_of_a_finalist_on_no_plateau_says_so(known: dict[str, Any]) -> None:
    def said(**changes: Any) -> str:
        return " ".join(first_lines(facts(**known, **changes)))

    one = said(finalists=1, peaks=True)
    assert "The one finalist stands on NO PLATEAU: it is a peak, which is more likely luck; " in one
    two = said(finalists=2, peaks=True)
    assert "The finalists stand on NO PLATEAU: they are peaks, which are more likely luck; " in two
    assert "PLATEAU" not in said()


@pytest.mark.parametrize("beating", [0, 1])
def test_a_hold_out_of_a_peak_says_so(beating: int) -> None:
    spent = replace(SPENT, finalists=1, beating=beating, peaks=True)
    # As a run's page says it too, which has no room for the trials.
    said = " ".join(first_lines(facts(hold_out=spent), brief=True))
    assert "; it stands on NO PLATEAU, so that this is more likely luck" in said
    plain = replace(spent, peaks=False)
    assert "PLATEAU" not in " ".join(first_lines(facts(hold_out=plain), brief=True))


def test_a_hold_out_that_other_finalists_were_tried_on_confirms_none_of_the_present_ones() -> None:
    said = " ".join(first_lines(facts(hold_out=replace(SPENT, changed=True))))
    assert "of the finalists of that time beat holding" in said
    assert "the finalists are OTHERS now, and none of this is said of them" in said
    assert "how it does on bars that no search has seen; whether" in said
    same = " ".join(first_lines(facts()))
    assert "OTHERS" not in same
    assert "bars that no search has seen" not in same


def test_a_correlation_of_nothing_has_no_sign() -> None:
    said = " ".join(first_lines(facts(prediction=-0.001, prediction_by_profit=0.004)))
    assert "with its excess 0.00, of in-sample profit 0.00)" in said


@pytest.mark.parametrize("name", CASES)
def test_a_rule_is_said_where_it_holds_and_not_where_it_does_not(name: str) -> None:
    holds, words, not_ = CASES[name]
    said = {rule.name: rule.sentence(facts(**holds)) for rule in said_rules(facts(**holds))}
    assert words in said[name]
    other = {rule.name: rule for rule in said_rules(facts(**not_))}
    assert name not in other
    # Its subject is not left out for that.
    assert next(r.subject for r in RULES if r.name == name) in {r.subject for r in other.values()}


def test_every_rule_has_its_case_and_every_subject_its_last_word() -> None:
    assert list(CASES) == [rule.name for rule in RULES]
    subjects = list(dict.fromkeys(rule.subject for rule in RULES))
    assert subjects == list(get_args(Subject))
    # Rules of one subject stand together, and the last one holds whatever is known.
    assert [r.subject for r in RULES] == sorted((r.subject for r in RULES), key=subjects.index)


def counts(most: int) -> st.SearchStrategy[int]:
    return st.integers(0, most)


shares = st.floats(0, 1)
figures = st.one_of(st.floats(-2, 2), st.just(math.nan))


@st.composite
def any_chance(draw: st.DrawFn) -> Chance:
    runs = draw(st.sampled_from([1, 18, 19, 20, 200]))

    def p() -> float:
        return draw(st.integers(1, runs + 1)) / (runs + 1)

    compared = [Compared(draw(figures), draw(figures), p()) for _ in range(3)]
    variant = draw(st.sampled_from(["bars", "blocks of 20 bars"]))
    single = p(), p()
    return Chance(variant, runs, 6, p(), compared[0], compared[1], compared[2], p(), *single)


@st.composite
def any_facts(draw: st.DrawFn) -> Facts:
    stable = draw(counts(100))
    candidates = draw(counts(stable))
    state = draw(st.sampled_from(get_args(HoldOutState)))
    finalists = draw(counts(10))
    hold_out = HoldOut(
        state, "2025-01-02", "2025-12-31", draw(st.sampled_from([None, 0, 5])), "2026-01-02",
        finalists, draw(counts(finalists)), draw(st.floats(-1, 2)), draw(st.floats(-1, 2)),
    )  # fmt: skip
    reasons = st.sampled_from([NOT_COMPUTED, "there are 12 periods only"])
    return facts(
        gates=(GateCount("own", stable, 3), GateCount("v4", draw(counts(100)), 2)),
        candidates=candidates,
        beaten=draw(counts(candidates)),
        idle=draw(shares),
        costs=draw(st.booleans()),
        tests=tuple(draw(st.lists(any_chance(), max_size=3))),
        finalists=finalists,
        trials=draw(st.one_of(st.integers(1, 10**9), reasons)),
        trades=draw(st.one_of(counts(100), reasons)),
        hold_out=hold_out,
        **{
            name: draw(st.one_of(shares, reasons))
            for name in MAY_BE_UNKNOWN
            if name not in {"trials", "trades"}
        },
    )


@given(any_facts())
@settings(max_examples=60, deadline=None)
def test_any_facts_have_one_sentence_of_each_subject(found: Facts) -> None:
    rules = said_rules(found)
    assert [rule.subject for rule in rules] == list(get_args(Subject))
    lines = first_lines(found)
    assert lines == first_lines(replace(found))
    for line in lines:
        assert line.endswith(".")
        assert "nan" not in line
        assert "None" not in line
        # No test gives that; and what is luck is not what a p is of.
        assert not re.search(r"probab|luck|likel|certain", line, re.I)
    brief = first_lines(found, brief=True)
    assert set(brief) <= set(lines)
    said = {rule.subject for rule in said_rules(found, brief=True)}
    assert said >= {"stable", "holding", "not known"}
    assert ("chance" in said) == bool(found.tests)
    if not found.costs:
        assert "costs" in said
    # What is called beyond chance is so by every test that could have told.
    able = [test for test in found.tests if test.runs >= LEAST_RUNS]
    if lines[0].startswith("BEYOND"):
        assert able
        assert all(test.p_all <= SIGNIFICANCE for test in able)
    if "AND BEYOND HOLDING" in lines[0]:
        assert found.costs
        assert found.beaten
        assert all(test.best_excess.real > 0 for test in able)
        assert not (found.hold_out.state == "spent" and found.hold_out.beating == 0)
    if lines[0].startswith("NOTHING BEYOND"):
        assert able
        assert all(test.p_all > SIGNIFICANCE for test in able)
        assert any(
            test.p_attainable <= SIGNIFICANCE or test.p_least > 1 / (1 + test.runs) for test in able
        )


def test_counts_beside_holding_are_of_as_many_phases_as_the_strategies_were_judged_by() -> None:
    relaxed = (GateCount("v4", 100, 3, lowest=2),)
    for beaten in (0, 4, 8):
        said = first_lines(facts(gates=relaxed, candidates=9, beaten=beaten))[2]
        assert " in 3 or more phases (2 where stable ones are valid in as few) that" in said


def test_the_three_reasons_for_not_beyond_holding() -> None:
    def first(**changes: Any) -> str:
        return first_lines(facts(**changes))[0]

    assert "and no candidate beats holding QQQ in enough phases." in first(beaten=0)
    under = replace(BEYOND, best_excess=Compared(-0.1, -0.3, 0.01))
    assert "has a total return above that of holding QQQ." in first(tests=(under,))
    none = replace(BEYOND, best_excess=Compared(math.nan, -0.3, 1.0), p_excess=1.0)
    assert "has a total return above that of holding QQQ." in first(tests=(none,))
    assert (
        "and permuted bars give as large an excess over holding QQQ too often (p 0.060)."
        in first(tests=(DRIFT,))
    )


def test_a_count_says_of_how_many_valid_phases_it_is() -> None:
    relaxed = GateCount("v4", 100, 3, lowest=2)
    said = first_lines(facts(gates=(relaxed, GateCount("strict", 50, 3)), candidates=9, beaten=0))
    assert "valid in 3 or more of 4 phases (2 where a strategy had none otherwise)" in said[1]
    assert "by the strict gates 50 (0.06 %), valid in 3 phases or more." in said[1]
    one = first_lines(facts(gates=(GateCount("v4", 100, 3), relaxed), candidates=9, beaten=0))
    assert "by the v4 gates 100 (0.12 %), valid in 2 phases or more." in one[1]


def test_few_permutations_leave_it_open_unless_they_tell() -> None:
    def first(**changes: Any) -> str:
        given_ = {"runs": 39, "p_all": 0.15, "p_least": 0.025, "p_attainable": 0.125}
        return first_lines(facts(tests=(chance(**(given_ | changes)),)))[0]

    # One figure is ahead, and 39 permutations could not have told for all six.
    assert first() == (
        "Whether what was found is more than chance is NOT KNOWN: with 39 permutations the one p"
        " over all 6 figures, 0.15, can hardly be 0.05 or less though a single one is 0.025; --runs"
        " 119 tell."
    )
    # The one p is no smaller than the smallest.
    assert first(p_least=0.075).startswith("NOTHING BEYOND CHANCE")
    # Of six strategies, 36 figures that have nothing to do with each other: one that no permuted
    # search reaches, or one of 200 alone, may come to a p of .05 / 36; one that 8 reach does not.
    six = {"runs": 200, "figures": 36, "p_attainable": 36 / 201, "p_all": 0.6, "p_excess": 0.6}
    assert "NOT KNOWN: with 200 permutations" in first(**six, p_least=1 / 201)
    assert "--runs 719 tell." in first(**six, p_least=2 / 201)
    assert first(**six, p_least=3 / 201).startswith("NOTHING BEYOND CHANCE")
    assert first(**six, p_least=9 / 201).startswith("NOTHING BEYOND CHANCE")
    # Figures that go together need fewer permutations: of four strategies 24 as if they were 12.
    four = {"runs": 200, "figures": 24, "p_attainable": 12 / 201, "p_all": 0.12, "p_excess": 0.12}
    assert "NOT KNOWN" in first(**four, p_least=3 / 201)
    assert first(**four, p_least=5 / 201).startswith("NOTHING BEYOND CHANCE")
    # More permutations could have told, and did not.
    assert first(runs=200, p_attainable=0.03).startswith("NOTHING BEYOND CHANCE")
    # A test that leaves it open is no second one that is beyond chance.
    left = chance(variant="blocks of 20 bars", **(six | {"p_least": 1 / 201}))
    assert first_lines(facts(tests=(BEYOND, left)))[0] == (
        "NOT SURELY BEYOND CHANCE: beside permuted bars it is at 5 % (one p over all figures"
        " 0.010), beside permuted blocks of 20 bars it is not (0.60); the stricter test counts."
    )
    assert first_lines(facts(tests=(chance(), left)))[0].startswith(
        "NOTHING BEYOND CHANCE: searches of permuted bars do"
    )
    # Several figures at once told.
    assert first(p_all=0.05, p_excess=0.05).startswith("BEYOND CHANCE")


def test_nineteen_permutations_reach_the_level_and_eighteen_say_that_they_cannot() -> None:
    few = chance(runs=18, p_all=1 / 19, p_excess=1 / 19)
    lines = " ".join(first_lines(facts(tests=(few,))))
    assert "18 permutations cannot give less than 0.053, so that no p of so few" in lines
    # Beside a test that could tell, one that could not is no second opinion.
    both = first_lines(facts(tests=(BEYOND, few)))
    assert both[0].startswith("BEYOND CHANCE AT 5 %, AND BEYOND HOLDING")
    assert "18 permutations cannot give less than" in both[3]
    just = chance(runs=19, p_all=0.05, p_excess=0.05)
    assert first_lines(facts(tests=(just,)))[0].startswith("BEYOND CHANCE AT 5 %, AND BEYOND")


def test_a_run_without_statistics_says_the_commands_in_few_sentences() -> None:
    unknown = dict.fromkeys(set(MAY_BE_UNKNOWN) - {"trials"}, NOT_COMPUTED)
    found = facts(tests=(), hold_out=HoldOut(), folder="results/B B", **unknown)
    brief = first_lines(found, brief=True)
    assert len(brief) == 3
    assert brief[0].startswith("Of 83,160 combinations that were searched")
    assert "('wfo permutation-test 'results/B B'')" in brief[2]
    assert "('wfo verdict 'results/B B'')" in brief[2]
    assert len(first_lines(replace(found, costs=False), brief=True)) == 4


@pytest.mark.parametrize(
    ("deflated", "more"), [(0.0, "NO more"), (0.4999, "NO more"), (0.5, "NOT SURELY more")]
)
def test_a_ratio_below_the_expected_one_is_no_more_than_it(deflated: float, more: str) -> None:
    said = " ".join(first_lines(facts(deflated=deflated, deflated_excess=deflated)))
    assert f"Sharpe ratio is {more} than the best of 166,320 trials without skill" in said


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.35, "0.35"), (0.05, "0.050"), (0.0502, "0.0502"), (0.05002, "0.05002"), (1 / 201, "0.005"),
     (0.0498, "0.050"), (1.0, "1.00"), (0.1, "0.10"), (0.0996, "0.100"), (0.0, "<0.001"),
     (1 / 2_001, "0.0005"), (1e-5, "0.00001")],
)  # fmt: skip
def test_a_p_reads_as_what_it_is(p: float, text: str) -> None:
    assert p_text(p) == text
    assert (float(text.removeprefix("<")) <= SIGNIFICANCE) == (p <= SIGNIFICANCE)
    assert float(text.removeprefix("<")) > 0


def test_a_deflated_ratio_is_not_rounded_up_to_the_level() -> None:
    assert deflated_text(0.9496) == "0.9496"
    assert deflated_text(0.951) == "0.95"
    assert deflated_text(0.0) == "0.00"


@pytest.mark.parametrize(
    "changes",
    [
        {"beaten": 10_001},
        {"candidates": 57_381},
        {"idle": 1.1},
        {"deflated": math.nan},
        {"overfitting": -0.1},
        {"superior_to_holding": 2.0},
        {"combinations": 0},
        {"gates": ()},
    ],
)
def test_impossible_facts_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        facts(**changes)


def test_a_figure_has_a_value_or_a_reason() -> None:
    with pytest.raises(InputError, match="trials = None, and the reason"):
        replace(facts(), trials=None)
    with pytest.raises(InputError, match="it has one of the two"):
        replace(facts(), unknown={"trades": "there is none"})


def test_impossible_tests_and_hold_outs_are_refused() -> None:
    with pytest.raises(InputError, match=r"p = 0\.01 of 19 permutations is not from 0\.05 to 1"):
        chance(runs=19, p_all=0.01)
    with pytest.raises(InputError, match="1 permutation"):
        chance(runs=0)
    with pytest.raises(InputError, match="none of none, kept"):
        HoldOut("gone")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="dates"):
        HoldOut("kept")
    with pytest.raises(InputError, match="beating = 2"):
        replace(SPENT, finalists=1, beating=2)


# Facts of a run


NO_PREDICTION = Prediction(None, None, None, "", "", (), "there is one phase")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """Two strategies on a tiny grid."""
    folder = tmp_path_factory.mktemp("facts")
    grid = folder / "grid.yaml"
    grid.write_text(TINY)
    return run(RunPlan("NASDAQ", "atr_d_l", grid=grid, out=folder / "out"), sample_store())


def test_facts_of_a_run_are_the_same_from_its_report_and_from_its_folder(
    report: RunReport,
) -> None:
    found = facts_of_findings(report)
    assert found == facts_of_run(report.folder, report.folder.read_manifest())
    item = report.strategies[0]
    assert found.combinations == len(item.grid)
    assert [c.name for c in found.gates] == ["v4", "strict"]
    assert found.gates[0].stable == item.scores.stable > 0
    assert found.candidates == len(item.scores.candidates)
    assert not found.costs
    assert found.hold_out == HoldOut()


def test_what_became_of_a_hold_out_is_a_fact(
    report: RunReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = HoldoutRecord("1y", "2018-01-02", "2018-12-31", 251, "d")
    held = HoldoutFigures(0.1, 0.1, 0.2, 0, 0.5, 1.0)
    better = replace(held, total_return=0.2)
    nothing = replace(held, total_return=None)
    dates = dt.date(2018, 1, 2), dt.date(2018, 12, 31)
    spent = Spent(
        "r", "NASDAQ", "wfo", "2026-11-27T05:45:00Z", "0.1.0", ("NASDAQ",), "1day", "1y",
        *dates, 251, "d", {},
        tuple(
            SpentFinalist(k, "atr_d_l", {}, "plateau 1 of atr_d_l", figures)
            for k, figures in enumerate((better, held, nothing), 1)
        ),
        held, SeenBy(1, 128, 0),
    )  # fmt: skip

    def found(**changes: Any) -> HoldOut:
        state = HoldoutState(record, ("NASDAQ",), **changes)
        monkeypatch.setattr(searched, "holdout_state", lambda *_: state)
        return searched.hold_out_of(report.folder, report.manifest)

    kept = HoldOut("kept", "2018-01-02", "2018-12-31", seen=0)
    assert found() == kept
    assert found(seen_by=SeenBy(2, 500, 1)) == replace(kept, seen=500)
    # An earlier version has counted a search without saying how far it reached.
    assert found(seen_by=SeenBy(0, 0, 1)) == replace(kept, seen=None)
    refused = found(others=(spent,))
    assert refused == replace(kept, state="refused", at="2026-11-27")
    # Of three finalists one returned more; of one the return is not defined. The run has others.
    once = HoldOut("spent", "2018-01-02", "2018-12-31", 128, "2026-11-27", 3, 1, 0.2, 0.1)
    assert found(spent=spent, seen_by=SeenBy(0, 0, 0)) == replace(once, changed=True)
    monkeypatch.setattr(searched, "finalists_changed", lambda *_: False)
    assert found(spent=spent, seen_by=SeenBy(0, 0, 0)) == once


def test_counts_of_strategies_add_up() -> None:
    counts = [("v4", 5, 3), ("v4", 7, 2), ("strict", 1, 3), ("strict", 0, 3)]
    assert gate_counts(counts) == (GateCount("v4", 12, 3, lowest=2), GateCount("strict", 1, 3))


def test_a_verdict_fills_what_was_not_computed(report: RunReport) -> None:
    found = weigh(facts_of_findings(report), made_verdict())
    assert found.trials == 193_536
    assert found.sample == 1_990
    assert (found.deflated, found.deflated_excess) == (0.31, 0.04)
    assert found.overfitting == 0.47
    assert (found.superior_to_cash, found.superior_to_holding) == (0.02, 0.42)
    assert (found.prediction, found.prediction_by_profit) == (0.12, -0.05)
    assert (found.trusted_return, found.trusted_held) == (0.18, 0.21)
    assert found.trades == 41
    assert (found.finalists, found.predicted) == (2, "")
    assert not found.unknown
    assert weigh(found, made_verdict("atr_d_l", "atr_d_ls")).predicted == "atr_d_l"


def test_what_a_verdict_lacks_has_its_reason(report: RunReport) -> None:
    bare = facts_of_findings(report)
    none = weigh(bare, made_verdict(finalists=(), prediction=NO_PREDICTION))
    assert dict(none.unknown) == {
        **dict.fromkeys(("trades", "deflated", "deflated_excess"), "there is no finalist"),
        **dict.fromkeys(
            ("prediction", "prediction_by_profit", "trusted_return", "trusted_held"),
            "there is one phase",
        ),
    }
    verdict = made_verdict()
    # Of the two finalists the second has no figures.
    failed = weigh(bare, replace(verdict, finalists=verdict.finalists[1:]))
    assert set(failed.unknown) == {"trades", "deflated", "deflated_excess"}
    assert set(failed.unknown.values()) == {"too few bars"}


def made_test(variant: Variant, *found: tuple[int, list[list[float]]]) -> PermutationTest:
    """A test of strategies: combinations of each, and stable share, excesses of each search."""
    names = ("stable_v4", *OUTCOMES, *BESIDE)
    by_name = {}
    for k, (combinations, rows) in enumerate(found):
        values = [[share, 1.0, 0.5, best, median, 0.9, 0.7] for share, best, median in rows]
        by_name[f"s{k}"] = Searched(combinations, "factored", names, np.array(values))
    return PermutationTest(variant, "key", "2010-01-04", "2018-12-31", 2_000, 3, by_name, 1.0)


def test_a_permutation_test_of_two_strategies_is_one_of_the_run() -> None:
    nan = math.nan
    one = [[0.5, 0.3, -0.1], [0.1, 0.2, -0.3], [0.7, 0.1, nan], [0.1, nan, nan]]
    two = [[0.1, 0.4, nan], [0.1, 0.4, -0.2], [0.2, 0.3, -0.4], [0.3, nan, nan]]
    found = chance_of(made_test(Variant(block=20), (100, one), (300, two)), "v4")
    # Shares of all 400 combinations: .2, then .1, .325, .25; two of three are at least as large.
    assert found.stable == Compared(pytest.approx(0.2), pytest.approx(0.25), 0.75)  # type: ignore[arg-type]
    # The best of either: .4, then .4, .3, none.
    assert found.best_excess == Compared(0.4, pytest.approx(0.3), 0.5)  # type: ignore[arg-type]
    # The higher median: -.1, then -.2, -.4, none.
    assert found.median_excess == Compared(-0.1, pytest.approx(-0.4), 0.25)  # type: ignore[arg-type]
    # The median excess is the largest of four data sets, and no other has a smaller p.
    assert found.p_excess == 0.25
    assert found.p_least == 0.25
    assert found.p_attainable == made_test(Variant(), (100, one), (300, two)).p_attainable
    assert found.variant == "blocks of 20 bars"
    assert found.runs == 3
    assert found.figures == 10


@pytest.mark.parametrize(
    ("variant", "sessions", "words"),
    [
        (Variant(), False, "bars"),
        (Variant(later=True), True, "bars from the first out-of-sample part on"),
        (Variant(block=5), True, "blocks of 5 sessions"),
        (
            Variant(later=True, block=20),
            False,
            "blocks of 20 bars from the first out-of-sample part on",
        ),
    ],
)
def test_a_variant_has_words(variant: Variant, sessions: bool, words: str) -> None:
    assert variant_words(variant, sessions=sessions) == words
