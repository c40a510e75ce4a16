"""The verdict of an analysis: what is first, how it did, and where holding is better."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from wfo.tradestation.analysis import BestSet, SetPhase
from wfo.tradestation.ranking import HeldRow
from wfo.tradestation.verdict import Finding, verdict


def _phase(number: int, *, valid: bool, beats: bool) -> SetPhase:
    day = dt.date(2010 + number, 1, 4)
    return SetPhase(number, day, day, 0.1, 0.05, 100.0, 7, 0.2, 0.1, valid, beats)


def _set(number: int, phases: str, **figures: Any) -> BestSet:
    """Return a set; of each phase v says that it is valid, b that it beats holding, x both."""
    usual = {
        "Rank": 2, "TestNum": 1234, "Ranked_On": "simulation", "Net_Profit": 50_000.0, "CAGR": 0.12,
        "Max_DD_Share": 0.3, "MAR": 0.4, "Trades": 55, "Exposure": 0.6,
    }  # fmt: skip
    own = tuple(_phase(k, valid=c in "vx", beats=c in "bx") for k, c in enumerate(phases, 1))
    return BestSet(number, "atr_d_l", {}, usual | figures, own)


HELD = {"CAGR": 0.1, "MAR": 0.2, "Max_DD_Share": 0.5, "Net_Profit": 40_000.0}


def _found(more: int = 3, safer: int = 4, count: int = 10, **changes: Any) -> Finding:
    held = HeldRow(HELD, count, 4, 5, {}, {"CAGR": more, "MAR": safer})
    usual = Finding(
        "QQQ", dt.date(2005, 5, 26), dt.date(2026, 5, 1), _set(1, "xxx-"), _set(7, "vbx-"), held,
        idle=False, sets=5000, simulated=count, long_only=True, min_phases={"atr_d_l": 3},
        gates="v4", trials=90_000,
    )  # fmt: skip
    return replace(usual, **changes)


def _words(found: Finding) -> str:
    return " ".join(verdict(found))


def test_it_names_the_first_set_and_sets_it_beside_holding() -> None:
    first, phases, averse, beside, last = verdict(_found())
    assert first == (
        "By the sum of six ranks refined set 1 (atr_d_l, plateau 2, test 1,234) stands first of 10"
        " different outcomes. From 2005-05-26 to 2026-05-01 it returned 12.0 % a year, with a"
        " largest drawdown of 30.0 % and a MAR of 0.40; holding QQQ returned 10.0 % a year, with a"
        " largest drawdown of 50.0 % and a MAR of 0.20. The set closed 55 trades, and held a"
        " position in 60.0 % of the bars."
    )
    assert phases == (
        "Set 1 is valid by the gates 'v4' in 3 of the run's 4 phases, and returns more"
        " out-of-sample than buy-and-hold in 3."
    )
    assert "refined set 7" in averse
    # Valid in two phases of three that are asked for.
    assert "The run asks for 3 valid phases, so that it is not stable." in averse
    assert beside == (
        "3 of 10 outcomes return more a year than holding QQQ, 10.0 %, and 4 of 10 outcomes have a"
        " MAR above holding's 0.20."
    )
    assert "in-sample" in last
    assert "best of 5,000 sets" in last
    assert "at least 90,000 combinations" in last


def test_one_set_that_both_orders_prefer_is_said_to_be() -> None:
    assert "The risk-averse order puts the same set first." in _words(
        _found(averse=_set(1, "xxx-"))
    )


@pytest.mark.parametrize(
    ("more", "safer", "said"),
    [
        (0, 0, ("No set beats holding QQQ: of 10 outcomes none returns more a year than 10.0 %,"
               " and none has a MAR above 0.20. Holding QQQ is what the figures favour.")),
        (0, 1, ("No set returns more than holding QQQ, 10.0 % a year: by return holding is what the"
               " figures favour. By MAR 1 of 10 outcomes is above holding's 0.20: less return for"
               " less drawdown.")),
        (1, 0, ("1 of 10 outcomes returns more a year than holding QQQ, 10.0 %, but none has a MAR"
               " above holding's 0.20: by return for the drawdown, holding is what the figures"
               " favour.")),
        (1, 1, ("1 of 10 outcomes returns more a year than holding QQQ, 10.0 %, and 1 of 10"
               " outcomes has a MAR above holding's 0.20.")),
    ],
)  # fmt: skip
def test_it_says_plainly_where_holding_is_better(more: int, safer: int, said: str) -> None:
    assert said in verdict(_found(more, safer))


def test_it_says_where_the_first_set_itself_does_not_beat_holding() -> None:
    worse = _words(_found(best=_set(1, "xxx-", CAGR=0.09, MAR=0.1)))
    assert "it has neither more return nor a higher MAR than holding QQQ" in worse
    assert "The first set has less return than holding." in _words(
        _found(best=_set(1, "xxx-", CAGR=0.09))
    )
    assert "The first set has a lower MAR than holding." in _words(
        _found(best=_set(1, "xxx-", MAR=0.1))
    )


def test_it_warns_of_what_holds_up_in_few_phases_or_hardly_trades() -> None:
    assert "In 3 of them holding was as good or better." in _words(_found(best=_set(1, "xvv-")))
    assert "In all of them holding was as good or better." in _words(_found(best=_set(1, "vvvv")))
    assert "in none of the run's 4 phases" in _words(_found(best=_set(1, "bb--")))
    assert "holding was as good" not in _words(_found(best=_set(1, "xx--"), averse=_set(1, "xx--")))
    idle = _words(_found(best=_set(1, "xxxx", Trades=1, Exposure=0.97)))
    assert "The set closed 1 trade, and held a position in 97.0 % of the bars: much of what" in idle
    short = _words(_found(best=_set(1, "xxxx", Exposure=0.97), long_only=False))
    assert "held a position in 97.0 % of the bars. " in short


def test_what_cannot_be_compared_is_not() -> None:
    idle = _words(_found(idle=True))
    assert "Buy-and-hold is no measure here" in idle
    assert "favour" not in idle
    alone = _set(1, "", Ranked_On="report", CAGR=None, MAR=None, Trades=9, Exposure=None)
    reported = _words(_found(best=alone, averse=alone, simulated=0, more=0, safer=0))
    assert "made 50,000.00 by its report" in reported
    assert "No set could be simulated" in reported
    assert "How the first set did in the phases of the run is not known" in reported
    assert "favour" not in reported


def test_a_set_that_lost_everything_says_so() -> None:
    ruined = _set(1, "----", CAGR=None, MAR=None, Max_DD_Share=1.0)
    assert "it lost everything" in _words(_found(best=ruined))
    assert "it lost 4.0 % a year" in _words(_found(best=_set(1, "----", CAGR=-0.04)))


def test_what_stays_invested_comes_to_what_holding_does() -> None:
    same = _words(_found(best=_set(1, "vvvv", CAGR=0.1 * (1 + 1e-9), MAR=0.2 * (1 - 1e-9))))
    assert "it comes to what holding QQQ does" in same
    assert "favour over it" not in same
    # Equal return and a lower MAR is a lower MAR.
    half = _words(_found(best=_set(1, "vvvv", CAGR=0.1, MAR=0.15)))
    assert "The first set has a lower MAR than holding." in half
    assert "less return" not in half


@pytest.mark.parametrize(("growth", "lost"), [(-0.1, "10.0 % a year"), (None, "everything")])
def test_beside_a_loss_a_ratio_of_losses_favours_nothing(growth: float | None, lost: str) -> None:
    # Lost less with less drawdown, and the MAR is the lower one.
    loss = {"CAGR": growth, "MAR": None if growth is None else growth / 0.6, "Max_DD_Share": 0.6}
    figures = HELD | loss
    held = HeldRow(figures, 10, 4, 5, {}, {"CAGR": 2, "MAR": 0})
    better = _words(_found(held=held, best=_set(1, "xxxx", CAGR=-0.09, MAR=-0.225)))
    assert f"Holding QQQ lost {lost}; 2 of 10 outcomes did better." in better
    assert "The first set does not earn either: the figures favour neither." in better
    earned = _words(_found(held=held))
    assert "either" not in earned
    none = HeldRow(figures, 10, 4, 5, {}, {"CAGR": 0, "MAR": 3})
    worse = _words(_found(held=none, best=_set(1, "xxxx", CAGR=-0.2, MAR=-0.22)))
    assert f"Holding QQQ lost {lost}, and none of 10 outcomes did better." in worse
    for text in (better, earned, worse):
        assert "less drawdown" not in text
        assert "holding is what the figures favour" not in text


def test_what_is_known_by_a_report_alone_is_not_counted_beside_holding() -> None:
    assert "No set beats holding QQQ: of 6 outcomes none" in _words(
        _found(more=0, safer=0, simulated=6)
    )


def test_a_run_that_takes_fewer_phases_calls_sets_of_those_stable() -> None:
    two = _set(1, "xx--")
    assert "so that it is not stable" in _words(_found(best=two, averse=two))
    assert "stable" not in _words(_found(best=two, averse=two, min_phases={"atr_d_l": 2}))


def test_what_never_fell_has_no_ratio() -> None:
    flat = _set(1, "----", CAGR=0.0, MAR=None, Max_DD_Share=0.0, Trades=0, Exposure=0.0)
    words = _words(_found(best=flat))
    assert "it returned 0 % a year, without a drawdown; holding" in words
    assert "MAR of -" not in words


def test_one_set_is_one() -> None:
    assert "the best of 1 set that was refined" in _words(_found(sets=1))
