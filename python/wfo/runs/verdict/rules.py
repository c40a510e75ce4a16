"""The first lines of a page: one table of rules that say in words what a run's figures allow.

`RULES` is that table, in the order in which the sentences stand. Each rule has a subject, a
condition on `wfo.runs.verdict.facts.Facts` and a sentence. Of each subject the first rule whose
condition holds is said, and the last one holds always: so the same figures have the same
sentences, and every subject has exactly one.

A p is the share of data sets, permuted ones and the real one, that do as well as the real one; it
is nowhere called the probability that a result is luck, which no test gives.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wfo.backtest.benchmark import MARGIN
from wfo.runs.permuting.values import LEAST_RUNS
from wfo.runs.verdict.facts import NOT_COMPUTED, Chance, Compared, Facts, HoldOut
from wfo.stats.superiority import RESAMPLES
from wfo.text import percent

#: Largest p that counts as beyond chance: one search in 20 of bars without any pattern has it
#: (Fisher 1925).
SIGNIFICANCE = 0.05

#: Deflated Sharpe ratio from which on the trials do not explain the best one (Bailey & López de
#: Prado 2014 reject at 95 %).
DEFLATED = 0.95

#: Deflated Sharpe ratio of a set whose Sharpe ratio is the one to expect of the best of all trials
#: without skill; below it, the ratio is smaller than that.
EXPECTED = 0.5

#: Probability of backtest overfitting from which on choosing the best is no better than choosing
#: any, and up to which it counts as small (Bailey, Borwein, López de Prado & Zhu 2017).
OVERFIT, SELDOM_OVERFIT = 0.5, 0.05

#: Rank correlation below which there is little of one (Cohen 1988 calls .1 small).
LITTLE = 0.1

#: Closed trades below which averages over trades say little (Pardo 2008 asks for 30).
FEW_TRADES = 30

#: Share of the candidates that hardly trade above which most do: they hold, or wait.
MOSTLY_HOLDING = 0.5

#: What a sentence is about, in the order in which they stand.
Subject = Literal[
    "verdict",
    "stable",
    "holding",
    "chance",
    "trials",
    "overfitting",
    "superior",
    "prediction",
    "hold-out",
    "costs",
    "trades",
    "not known",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """One sentence, and when it is said.

    Attributes
    ----------
    name
        Its name, of its own.
    subject
        What it is about; of all rules of one subject the first that holds is said.
    holds
        Its condition.
    sentence
        What it says.
    brief
        Whether it is said on a page on which the statistics of the run have no place.
    """

    name: str
    subject: Subject
    holds: Callable[[Facts], bool]
    sentence: Callable[[Facts], str]
    brief: bool = False


def said_rules(facts: Facts, *, brief: bool = False) -> tuple[Rule, ...]:
    """Return the rules that are said of a run, one a subject, in order.

    Parameters
    ----------
    facts
        What is known of the run.
    brief
        Leave out what only the page of `wfo verdict` has room for.
    """
    found: dict[str, Rule] = {}
    for rule in RULES:
        if rule.subject not in found and rule.holds(facts):
            found[rule.subject] = rule
    return tuple(rule for rule in found.values() if rule.brief or not brief)


def first_lines(facts: Facts, *, brief: bool = False) -> tuple[str, ...]:
    """Return the first lines of a page, a sentence an item.

    Parameters
    ----------
    facts
        What is known of the run.
    brief
        Leave out what only the page of `wfo verdict` has room for.
    """
    return tuple(rule.sentence(facts) for rule in said_rules(facts, brief=brief))


# Conditions


def _always(facts: Facts) -> bool:
    del facts
    return True


def _reaching(facts: Facts) -> tuple[Chance, ...]:
    """Return the tests of so many permutations that a p of 5 % exists."""
    return tuple(test for test in facts.tests if test.runs >= LEAST_RUNS)


def _able(facts: Facts) -> tuple[Chance, ...]:
    """Return the tests that say whether a run is beyond chance."""
    return tuple(test for test in _reaching(facts) if not _open(test))


def _open(test: Chance) -> bool:
    """Whether more permutations may well bring the one p of a test to 5 %, which these cannot.

    Of many figures a single one that is ahead of all permuted searches leaves the one p above 5 %
    where permutations are few: as if of `alike` figures that have nothing to do with each other,
    one of them needs a p of 5 % by `alike`. It is open while a single p that small is reached by as
    many permuted searches as have reached the real figure in 5 % of tests or more. The one p is
    never below the smallest single one.
    """
    if min(test.p_all, test.p_attainable) <= SIGNIFICANCE or test.p_least > SIGNIFICANCE:
        return False
    alike = test.p_attainable * (1 + test.runs)
    reached = round(test.p_least * (1 + test.runs)) - 1
    return _binomial_tail(reached, test.runs, SIGNIFICANCE / alike) > SIGNIFICANCE


def _binomial_tail(least: int, runs: int, share: float) -> float:
    """Return how probable so many or more of some runs are where each has a small probability."""
    term, below = (1.0 - share) ** runs, 0.0
    for k in range(least):
        below += term
        term *= (runs - k) / (k + 1) * share / (1.0 - share)
    return 1.0 - below


def _beyond(facts: Facts) -> tuple[Chance, ...]:
    return tuple(test for test in _reaching(facts) if test.p_all <= SIGNIFICANCE)


def _all_beyond(facts: Facts) -> bool:
    return bool(_beyond(facts)) and len(_beyond(facts)) == len(_reaching(facts))


def _beyond_holding(facts: Facts) -> bool:
    """Whether the excess is beyond chance by every test, is one, and candidates have it."""
    return (
        _all_beyond(facts)
        and facts.beaten > 0
        and all(t.p_excess <= SIGNIFICANCE and t.best_excess.real > MARGIN for t in _able(facts))
    )


def _failed_hold_out(facts: Facts) -> bool:
    found = facts.hold_out
    return found.state == "spent" and not 2 * found.beating > found.finalists


# The verdict


def _nothing_stable(facts: Facts) -> str:
    del facts
    return "Nothing that was searched is stable: there is nothing here to trade."


def _untested(facts: Facts) -> str:
    del facts
    return (
        "Whether what was found is more than chance is NOT KNOWN: no permutation test of this run"
        " has been made."
    )


def _too_few(facts: Facts) -> str:
    most = max(facts.tests, key=lambda test: test.runs)
    told = f"with {_counted(most.runs, 'permutation')}"
    if most.runs < LEAST_RUNS:
        told += f" no p can be {SIGNIFICANCE:g} or less; that takes {LEAST_RUNS} or more"
    else:
        told += (
            f" the one p over all {most.figures} figures, {p_text(most.p_all)}, can hardly be"
            f" {SIGNIFICANCE:g} or less though a single one is {p_text(most.p_least)}; --runs"
            f" {math.ceil(most.figures / SIGNIFICANCE - 1e-9) - 1:,} tell"
        )
    return f"Whether what was found is more than chance is NOT KNOWN: {told}."


def _by_chance(facts: Facts) -> str:
    tests = _able(facts)
    return (
        f"NOTHING BEYOND CHANCE: searches of permuted {_variants(tests)} do as well as this one too"
        f" often (one p over all figures {_all_p(tests)}; {SIGNIFICANCE:g} or less would be beyond"
        " chance at 5 %)."
    )


def _divided(facts: Facts) -> str:
    beyond = _beyond(facts)
    within = [test for test in _reaching(facts) if test not in beyond]
    return (
        f"NOT SURELY BEYOND CHANCE: beside permuted {_variants(beyond)} it is at 5 % (one p over"
        f" all figures {_all_p(beyond)}), beside permuted {_variants(within)} it is not"
        f" ({_all_p(within)}); the stricter test counts."
    )


def _not_beyond_holding(facts: Facts) -> str:
    tests = _able(facts)
    if not facts.beaten:
        why = f"no candidate beats holding {facts.symbol} in enough phases"
    elif any(not test.best_excess.real > MARGIN for test in tests):
        why = f"no combination that trades has a total return above that of holding {facts.symbol}"
    else:
        worst = max(tests, key=lambda test: test.p_excess)
        why = (
            f"permuted {worst.variant} give as large an excess over holding {facts.symbol} too"
            f" often (p {p_text(worst.p_excess)})"
        )
    return (
        f"BEYOND CHANCE AT 5 %, BUT NOT BEYOND HOLDING: one p over all figures is {_all_p(tests)},"
        f" and {why}."
    )


def _not_confirmed(facts: Facts) -> str:
    found = facts.hold_out
    return (
        "BEYOND CHANCE AT 5 % ON THE BARS THAT WERE SEARCHED, AND NOT CONFIRMED: on the hold-out"
        f" {_none(found.beating)} of {_counted(found.finalists, 'finalist')} returned more than"
        f" holding {facts.symbol}."
    )


def _beyond_without_costs(facts: Facts) -> str:
    return (
        f"BEYOND CHANCE AND HOLDING AT 5 %, BUT WITHOUT COSTS: one p over all figures is"
        f" {_all_p(_able(facts))}; what is left after slippage and fees is not known."
    )


def _beyond_all(facts: Facts) -> str:
    return (
        f"BEYOND CHANCE AT 5 %, AND BEYOND HOLDING: one p over all figures is"
        f" {_all_p(_able(facts))}, that of the excess over holding {facts.symbol}"
        f" {p_text(max(test.p_excess for test in _able(facts)))}; of searches of bars without any"
        " pattern one in 20 at most comes out like this."
    )


# What was found


def _stable_some(facts: Facts) -> str:
    return (
        f"Of {facts.combinations:,} combinations that were searched {facts.stable:,}"
        f" ({percent(facts.stable / facts.combinations)}) are stable by the {facts.gates[0].name}"
        f" gates, {_valid_in(facts)}{_others(facts)}."
    )


def _stable_none(facts: Facts) -> str:
    return (
        f"Of {facts.combinations:,} combinations that were searched NONE is stable by the"
        f" {facts.gates[0].name} gates, {_valid_in(facts)}{_others(facts)}."
    )


def _valid_in(facts: Facts) -> str:
    lowest = facts.gates[0].lowest
    relaxed = f" ({lowest} where a strategy had none otherwise)" if lowest else ""
    return f"valid in {facts.least} or more of {_counted(facts.phases, 'phase')}{relaxed}"


def _others(facts: Facts) -> str:
    """Return how many are stable by the gates that do not rule."""
    words = ""
    for count in facts.gates[1:]:
        share = f" ({percent(count.stable / facts.combinations)})" if count.stable else ""
        words += f"; by the {count.name} gates {_none(count.stable)}{share}"
        least = count.lowest or count.least
        if count.stable and least != (facts.gates[0].lowest or facts.least):
            words += f", valid in {least} phases or more"
    return words


def _nothing_to_hold_against(facts: Facts) -> str:
    return f"There is no candidate to set beside holding {facts.symbol}."


def _none_beats(facts: Facts) -> str:
    return (
        f"NONE of {_counted(facts.candidates, 'candidate')} returns more than holding"
        f" {facts.symbol} {_in_phases(facts)} that it is valid in."
    )


def _few_beat(facts: Facts) -> str:
    return (
        f"Only {facts.beaten:,} of {_counted(facts.candidates, 'candidate')}"
        f" ({percent(facts.beaten / facts.candidates)}) {_are(facts.beaten, 'return')} more than"
        f" holding {facts.symbol} {_in_phases(facts)} that"
        f" {'it is' if facts.beaten == 1 else 'they are'} valid in."
    )


def _many_beat(facts: Facts) -> str:
    return (
        f"{facts.beaten:,} of {_counted(facts.candidates, 'candidate')}"
        f" ({percent(facts.beaten / facts.candidates)}) {_are(facts.beaten, 'return')} more than"
        f" holding {facts.symbol} {_in_phases(facts)} that"
        f" {'it is' if facts.beaten == 1 else 'they are'} valid in."
    )


def _in_phases(facts: Facts) -> str:
    """Say in how many phases a candidate has to beat holding, to count as beating it."""
    lowest = facts.gates[0].lowest
    fewer = f" ({lowest} where stable ones are valid in as few)" if lowest else ""
    return f"in {facts.least} or more phases{fewer}"


# Chance


def _no_test(facts: Facts) -> str:
    return (
        f"'{_command('permutation-test', facts)}' makes one: permuted markets have stable"
        " combinations too, and it counts them."
    )


def _tested(facts: Facts) -> str:
    first, *rest = facts.tests
    # The share counts by the phases that were asked for, the run's own maybe by fewer.
    fewer = first.least and first.least != (facts.gates[0].lowest or facts.least)
    stable = f"valid in {first.least} or more phases" if fewer else "stable"
    words = (
        f"Beside {first.runs:,} searches of permuted {first.variant}:"
        f" {percent(first.stable.real)} {stable} (median of the permuted"
        f" {_beside(first.stable, percent)}); excess over holding, in logarithms summed over"
        f" phases: best {_log(first.best_excess.real)} ({_beside(first.best_excess, _log)}), median"
        f" {_log(first.median_excess.real)} ({_beside(first.median_excess, _log)}); one p over all"
        f" {first.figures} figures {p_text(first.p_all)}"
    )
    for test in rest:
        words += f"; beside {test.runs:,} of permuted {test.variant} {p_text(test.p_all)}"
    few = min(test.runs for test in facts.tests)
    if few < LEAST_RUNS:
        words += (
            f"; {_counted(few, 'permutation')} cannot give less than {p_text(1 / (1 + few))}, so"
            " that no p of so few is beyond chance"
        )
    return f"{words}."


# Trials


def _no_finalists(facts: Facts) -> str:
    del facts
    return "There is no finalist whose Sharpe ratio could be set beside the number of trials."


def _deflated_unknown(facts: Facts) -> str:
    peaks = f"{_peaks(facts.finalists)}; w" if facts.peaks else "W"
    return (
        f"{peaks}hether the number of trials explains the best Sharpe ratio is not known:"
        f" {facts.unknown[_missing(facts, 'trials', 'deflated', 'deflated_excess')]}."
    )


def _peaks(finalists: int) -> str:
    """Say that finalists stand on no plateau, as a clause with a capital."""
    if finalists == 1:
        return "The one finalist stands on NO PLATEAU: it is a peak, which is more likely luck"
    return "The finalists stand on NO PLATEAU: they are peaks, which are more likely luck"


def _ratio(facts: Facts) -> str:
    """Return the subject of what is said of the largest deflated ratio."""
    if not facts.peaks:
        return "The best finalist's Sharpe ratio"
    whose = "its" if facts.finalists == 1 else "the best one's"
    return f"{_peaks(facts.finalists)}; {whose} Sharpe ratio"


def _explained_by_trials(facts: Facts) -> str:
    # A deflated ratio of a half is that of a Sharpe ratio equal to the expected one.
    more = "NO more" if (facts.deflated or 0.0) < EXPECTED else "NOT SURELY more"
    return (
        f"{_ratio(facts)} is {more} than the best of {facts.trials:,}"
        f" trials without skill is expected to show (deflated {_two(facts.deflated)}, in excess of"
        f" holding {facts.symbol} {_two(facts.deflated_excess)}; {DEFLATED:g} is needed, which with"
        " many trials hardly anything reaches)."
    )


def _explained_by_drift(facts: Facts) -> str:
    return (
        f"{_ratio(facts)} is more than {facts.trials:,} trials explain (deflated"
        f" {_two(facts.deflated)}), but in excess of holding {facts.symbol} it is NOT SURELY"
        f" ({_two(facts.deflated_excess)}): the market's own drift may explain it."
    )


def _not_explained(facts: Facts) -> str:
    return (
        f"{_ratio(facts)} is more than {facts.trials:,} trials explain, in excess"
        f" of holding {facts.symbol} too (deflated {_two(facts.deflated)} and"
        f" {_two(facts.deflated_excess)}; {DEFLATED:g} is needed)."
    )


# Overfitting


def _overfitting_unknown(facts: Facts) -> str:
    return (
        "Whether the best in-sample stays above the middle out-of-sample is not known:"
        f" {facts.unknown['overfitting']}."
    )


def _overfit(facts: Facts) -> str:
    return (
        f"Choosing the best is NO better than choosing any: in {_share(facts.overfitting)} of the"
        f" splits the best of {facts.sample:,} sampled combinations falls to the middle or below on"
        " the other bars (PBO; on bars that only drift it is above 50 % too)."
    )


def _partly_overfit(facts: Facts) -> str:
    return (
        f"In {_share(facts.overfitting)} of the splits the best of {facts.sample:,} sampled"
        " combinations falls to the middle or below on the other bars (PBO; 50 % is choosing any,"
        f" {100 * SELDOM_OVERFIT:g} % or less counts as small)."
    )


def _seldom_overfit(facts: Facts) -> str:
    return (
        f"In only {_share(facts.overfitting)} of the splits the best of {facts.sample:,} sampled"
        " combinations falls to the middle or below on the other bars (PBO): some combinations are"
        " lastingly better than others, which need not be better than holding."
    )


# Superiority


def _superior_unknown(facts: Facts) -> str:
    return (
        f"Whether the best of many beats holding {facts.symbol} by more than the best of many does"
        " by chance is not known:"
        f" {facts.unknown[_missing(facts, 'superior_to_holding', 'superior_to_cash')]}."
    )


def _not_superior(facts: Facts) -> str:
    return (
        f"The best of {facts.sample:,} sampled combinations beats NEITHER holding"
        f" {facts.symbol} NOR cash by more than the best of many does by chance (SPA, p"
        f" {p_text(facts.superior_to_holding or 0.0)} and {p_text(facts.superior_to_cash or 0.0)})."
    )


def _superior_to_cash_alone(facts: Facts) -> str:
    return (
        f"The best of {facts.sample:,} sampled combinations does NOT beat holding"
        f" {facts.symbol}, once it is counted that it is the best of many (SPA, p"
        f" {p_text(facts.superior_to_holding or 0.0)}); that it beats cash"
        f" ({p_text(facts.superior_to_cash or 0.0)}) a rising market does by itself."
    )


def _superior_to_holding_alone(facts: Facts) -> str:
    return (
        f"The best of {facts.sample:,} sampled combinations beats holding {facts.symbol} by more"
        f" than the best of many does by chance (SPA, p {p_text(facts.superior_to_holding or 0.0)})"
        f", but does NOT beat cash ({p_text(facts.superior_to_cash or 0.0)})."
    )


def _superior(facts: Facts) -> str:
    return (
        f"The best of {facts.sample:,} sampled combinations beats holding {facts.symbol} by more"
        f" than the best of many does by chance (SPA, p {p_text(facts.superior_to_holding or 0.0)})"
        f", and cash too ({p_text(facts.superior_to_cash or 0.0)})."
    )


# Prediction


def _prediction_unknown(facts: Facts) -> str:
    asked = ("prediction", "prediction_by_profit", "trusted_return", "trusted_held")
    return (
        "Whether stability predicted anything on this symbol is not known:"
        f" {facts.unknown[_missing(facts, *asked)]}."
    )


def _no_prediction(facts: Facts) -> str:
    return (
        f"Stability did NOT predict the last phase here ({_correlations(facts)}):"
        f" {_trusted(facts)}."
    )


def _profit_predicts_as_well(facts: Facts) -> str:
    return (
        f"Stability predicted the last phase no better than in-sample profit alone"
        f" ({_correlations(facts)}): {_trusted(facts)}."
    )


def _predicts_less_than_holding(facts: Facts) -> str:
    return (
        f"Stability ordered the candidates of the last phase ({_correlations(facts)}), and yet the"
        f" first of them did NOT beat holding: {_trusted(facts)}."
    )


def _predicts(facts: Facts) -> str:
    return (
        f"Stability predicted the last phase here ({_correlations(facts)}): {_trusted(facts)}; one"
        " phase is one case."
    )


def _correlations(facts: Facts) -> str:
    of = f"{facts.predicted}, " if facts.predicted else ""
    return (
        f"{of}rank correlation with its excess {_signed(facts.prediction)}, of in-sample profit"
        f" {_signed(facts.prediction_by_profit)}"
    )


def _trusted(facts: Facts) -> str:
    return (
        f"what the phases before it put first returned {_share(facts.trusted_return)} in it,"
        f" holding {facts.symbol} {_share(facts.trusted_held)}"
    )


# Hold-out


def _no_hold_out(facts: Facts) -> str:
    del facts
    return (
        "No bars were held out: every bar has been searched, and only bars that are still to come"
        " can confirm anything ('wfo run … --holdout 1y' keeps some back)."
    )


def _hold_out_refused(facts: Facts) -> str:
    found = facts.hold_out
    return (
        f"The hold-out, {found.first} to {found.last}, is SPENT: another run evaluated bars of it"
        f" on {found.at or 'an unknown date'}, so that it confirms nothing any more."
    )


def _hold_out_seen(facts: Facts) -> str:
    found = facts.hold_out
    seen = (
        "whether other searches reached into it is not known"
        if found.seen is None
        else f"{_counted(found.seen, 'combination')} of other searches reached into it"
    )
    return (
        f"A hold-out, {found.first} to {found.last}, is kept and not evaluated, but it is NOT"
        f" surely untouched: {seen}."
    )


def _hold_out_kept(facts: Facts) -> str:
    found = facts.hold_out
    return (
        f"A hold-out, {found.first} to {found.last}, is kept and untouched;"
        f" '{_command('verdict', facts)} --spend-holdout' evaluates it, once."
    )


def _hold_out_empty(facts: Facts) -> str:
    found = facts.hold_out
    return (
        f"The hold-out, {found.first} to {found.last}, was spent on {found.at} without a finalist:"
        " it confirmed nothing."
    )


def _hold_out_lost(facts: Facts) -> str:
    found = facts.hold_out
    if found.finalists == 1:
        who = "the one finalist did NOT"
    else:
        who = f"{'NO MORE THAN HALF' if found.beating else 'NONE'} of {_finalists(found)}"
    return f"On the hold-out {who} beat holding: {_hold_out_figures(facts)}."


def _hold_out_won(facts: Facts) -> str:
    found = facts.hold_out
    one = found.finalists == 1
    who = "the one finalist" if one else f"more than half of {_finalists(found)}"
    return f"On the hold-out {who} beat holding: {_hold_out_figures(facts)}."


def _finalists(found: HoldOut) -> str:
    return f"the finalists{' of that time' if found.changed else ''}"


def _hold_out_figures(facts: Facts) -> str:
    found = facts.hold_out
    seen = (
        ""
        if found.seen == 0
        else "; whether it was untouched is not known"
        if found.seen is None
        else f"; it was not untouched, {_counted(found.seen, 'combination')} of other searches"
        " reached into it"
    )
    returned = (
        "it returned"
        if found.finalists == 1
        else f"{_none(found.beating)} of {found.finalists} returned more, the first one"
    )
    others = (
        "; the finalists are OTHERS now, and none of this is said of them" if found.changed else ""
    )
    if found.peaks:
        who = "it stands" if found.finalists == 1 else "they stand"
        others = f"; {who} on NO PLATEAU, so that this is more likely luck{others}"
    return (
        f"{returned} {_share(found.best_return)}, holding {facts.symbol}"
        f" {_share(found.held_return)} ({found.first} to {found.last}, spent on {found.at}{seen})"
        f"{others}"
    )


# Costs and trades


def _no_costs(facts: Facts) -> str:
    del facts
    return "NO COSTS were assumed: whatever trades looks better here than it is."


def _costs(facts: Facts) -> str:
    permuted = ", in the permuted searches too" if facts.tests else ""
    return f"Costs were taken off at every fill{permuted}."


def _trades_unknown(facts: Facts) -> str:
    return f"How many trades the figures rest on is not known: {facts.unknown['trades']}."


def _holds(facts: Facts) -> str:
    return (
        f"Most candidates HARDLY TRADE: {percent(facts.idle)} of them close one out-of-sample trade"
        " a phase or fewer."
    )


def _few_trades(facts: Facts) -> str:
    return (
        f"FEW TRADES: the first finalist closed {_counted(facts.trades or 0, 'trade')} from the"
        f" first phase to the last; below {FEW_TRADES} its averages say little."
    )


def _enough_trades(facts: Facts) -> str:
    return f"The first finalist closed {facts.trades:,} trades from the first phase to the last."


# What is not known


def _all_to_be_computed(facts: Facts) -> str:
    return (
        f"NOT KNOWN: how much of it chance gives ('{_command('permutation-test', facts)}'), and"
        f" what is left of it after so many trials ('{_command('verdict', facts)}')."
    )


def _to_be_computed(facts: Facts) -> str:
    return (
        "NOT KNOWN here: what is left of it after so many trials, and whether stability predicted"
        f" anything on {facts.symbol} ('{_command('verdict', facts)}')."
    )


def _gaps(facts: Facts) -> str:
    """Say what is missing beside what all pages miss."""
    missing = []
    if facts.tests and not any("block" in test.variant for test in facts.tests):
        missing.append(
            "what chance gives where volatility clusters"
            f" ('{_command('permutation-test', facts)} --block 20')"
        )
    if facts.hold_out.state != "spent" or facts.hold_out.changed:
        missing.append("how it does on bars that no search has seen")
    missing.append("whether the market goes on as it did: all of this is one history")
    return f"NOT KNOWN: {'; '.join(missing)}."


def _uncomputed(facts: Facts) -> bool:
    return NOT_COMPUTED in facts.unknown.values()


#: All rules: of each subject the first that holds is said, and the last one holds always.
RULES: tuple[Rule, ...] = (
    Rule("nothing stable", "verdict", lambda f: not f.stable, _nothing_stable, brief=True),
    Rule("untested", "verdict", lambda f: not f.tests, _untested),
    Rule("too few permutations", "verdict", lambda f: not _able(f), _too_few, brief=True),
    Rule("by chance", "verdict", lambda f: not _beyond(f), _by_chance, brief=True),
    Rule("divided", "verdict", lambda f: not _all_beyond(f), _divided, brief=True),
    Rule(
        "not beyond holding",
        "verdict",
        lambda f: not _beyond_holding(f),
        _not_beyond_holding,
        brief=True,
    ),
    Rule("not confirmed", "verdict", _failed_hold_out, _not_confirmed, brief=True),
    Rule(
        "beyond without costs", "verdict", lambda f: not f.costs, _beyond_without_costs, brief=True
    ),
    Rule("beyond chance and holding", "verdict", _always, _beyond_all, brief=True),
    Rule("none stable", "stable", lambda f: not f.stable, _stable_none, brief=True),
    Rule("some stable", "stable", _always, _stable_some, brief=True),
    Rule(
        "nothing beside holding",
        "holding",
        lambda f: not f.candidates,
        _nothing_to_hold_against,
        brief=True,
    ),
    Rule("none beats holding", "holding", lambda f: not f.beaten, _none_beats, brief=True),
    Rule(
        "few beat holding",
        "holding",
        lambda f: 2 * f.beaten <= f.candidates,
        _few_beat,
        brief=True,
    ),
    Rule("many beat holding", "holding", _always, _many_beat, brief=True),
    Rule("no test", "chance", lambda f: not f.tests, _no_test),
    Rule("tested", "chance", _always, _tested, brief=True),
    Rule("no finalists", "trials", lambda f: not f.finalists, _no_finalists),
    Rule(
        "trials not known",
        "trials",
        lambda f: None in {f.trials, f.deflated, f.deflated_excess},
        _deflated_unknown,
    ),
    Rule(
        "by trials", "trials", lambda f: not _at_least(f.deflated, DEFLATED), _explained_by_trials
    ),
    Rule(
        "by drift",
        "trials",
        lambda f: not _at_least(f.deflated_excess, DEFLATED),
        _explained_by_drift,
    ),
    Rule("beyond trials", "trials", _always, _not_explained),
    Rule(
        "overfitting not known",
        "overfitting",
        lambda f: f.overfitting is None,
        _overfitting_unknown,
    ),
    Rule("overfit", "overfitting", lambda f: _at_least(f.overfitting, OVERFIT), _overfit),
    Rule(
        "partly overfit",
        "overfitting",
        lambda f: not _at_most(f.overfitting, SELDOM_OVERFIT),
        _partly_overfit,
    ),
    Rule("seldom overfit", "overfitting", _always, _seldom_overfit),
    Rule(
        "superiority not known",
        "superior",
        lambda f: None in {f.superior_to_cash, f.superior_to_holding},
        _superior_unknown,
    ),
    Rule(
        "superior to cash",
        "superior",
        lambda f: (
            _at_most(f.superior_to_cash, SIGNIFICANCE)
            and not _at_most(f.superior_to_holding, SIGNIFICANCE)
        ),
        _superior_to_cash_alone,
    ),
    Rule(
        "superior to holding alone",
        "superior",
        lambda f: (
            _at_most(f.superior_to_holding, SIGNIFICANCE)
            and not _at_most(f.superior_to_cash, SIGNIFICANCE)
        ),
        _superior_to_holding_alone,
    ),
    Rule(
        "superior",
        "superior",
        lambda f: _at_most(f.superior_to_holding, SIGNIFICANCE),
        _superior,
    ),
    Rule("not superior", "superior", _always, _not_superior),
    Rule(
        "prediction not known",
        "prediction",
        lambda f: None in {f.prediction, f.prediction_by_profit, f.trusted_return, f.trusted_held},
        _prediction_unknown,
    ),
    Rule(
        "no prediction", "prediction", lambda f: not _at_least(f.prediction, LITTLE), _no_prediction
    ),
    Rule(
        "profit predicts as well",
        "prediction",
        lambda f: (f.prediction or 0.0) <= (f.prediction_by_profit or 0.0),
        _profit_predicts_as_well,
    ),
    Rule(
        "predicts less than holding",
        "prediction",
        lambda f: not _above(f.trusted_return or 0.0, f.trusted_held or 0.0),
        _predicts_less_than_holding,
    ),
    Rule("predicts", "prediction", _always, _predicts),
    Rule("no hold-out", "hold-out", lambda f: f.hold_out.state == "none", _no_hold_out),
    Rule(
        "hold-out refused",
        "hold-out",
        lambda f: f.hold_out.state == "refused",
        _hold_out_refused,
        brief=True,
    ),
    Rule(
        "hold-out seen",
        "hold-out",
        lambda f: f.hold_out.state == "kept" and f.hold_out.seen != 0,
        _hold_out_seen,
        brief=True,
    ),
    Rule(
        "hold-out kept",
        "hold-out",
        lambda f: f.hold_out.state == "kept",
        _hold_out_kept,
        brief=True,
    ),
    Rule(
        "hold-out without finalists",
        "hold-out",
        lambda f: not f.hold_out.finalists,
        _hold_out_empty,
        brief=True,
    ),
    Rule("hold-out lost", "hold-out", _failed_hold_out, _hold_out_lost, brief=True),
    Rule("hold-out won", "hold-out", _always, _hold_out_won, brief=True),
    Rule("no costs", "costs", lambda f: not f.costs, _no_costs, brief=True),
    Rule("costs", "costs", _always, _costs),
    Rule("holds", "trades", lambda f: f.idle > MOSTLY_HOLDING, _holds),
    Rule("trades not known", "trades", lambda f: f.trades is None, _trades_unknown),
    Rule("few trades", "trades", lambda f: (f.trades or 0) < FEW_TRADES, _few_trades),
    Rule("enough trades", "trades", _always, _enough_trades),
    Rule(
        "nothing computed",
        "not known",
        lambda f: not f.tests and _uncomputed(f),
        _all_to_be_computed,
        brief=True,
    ),
    Rule("not computed", "not known", _uncomputed, _to_be_computed, brief=True),
    Rule("gaps", "not known", _always, _gaps, brief=True),
)


# Words


def _above(value: float, held: float) -> bool:
    """Whether a return exceeds buy-and-hold's by more than roundings differ."""
    return value > held + MARGIN * abs(held)


def _at_least(value: float | None, level: float) -> bool:
    return value is not None and value >= level


def _at_most(value: float | None, level: float) -> bool:
    return value is not None and value <= level


def _missing(facts: Facts, *names: str) -> str:
    """Return the first of some figures that is not known."""
    return next(name for name in names if getattr(facts, name) is None)


def _command(name: str, facts: Facts) -> str:
    return f"wfo {name} {shlex.quote(facts.folder)}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _none(count: int) -> str:
    return f"{count:,}" if count else "none"


def _are(count: int, verb: str) -> str:
    return f"{verb}s" if count == 1 else verb


def p_text(p: float) -> str:
    """Return a p with the decimals it takes to stay on its side of the level, and above 0.

    A p of 0 is that of a bootstrap none of whose resamples did as well: it is below one in as many.
    """
    if p == 0:
        return f"<{1 / RESAMPLES:g}"
    decimals = 2 if p >= 0.1 else 3
    while not round(p, decimals):
        decimals += 1
    return _on_its_side(p, SIGNIFICANCE, decimals, above=False)


def deflated_text(value: float) -> str:
    """Return a deflated Sharpe ratio, likewise."""
    return _on_its_side(value, DEFLATED, 2, above=True)


def signed_text(value: float) -> str:
    """Return a correlation with two decimals and its sign; what reads as 0 has none."""
    return f"{value:+.2f}" if abs(value) >= 0.005 else "0.00"


def _on_its_side(value: float, level: float, decimals: int, *, above: bool) -> str:
    """Return a number that reads as what it is, at or above (below) a level or not."""
    text = f"{value:.{decimals}f}"
    while decimals < 16:
        read = float(text)
        if (read >= level) == (value >= level) if above else (read <= level) == (value <= level):
            break
        decimals += 1
        text = f"{value:.{decimals}f}"
    return text


def _all_p(tests: tuple[Chance, ...] | list[Chance]) -> str:
    return _listed([p_text(test.p_all) for test in tests])


def _variants(tests: tuple[Chance, ...] | list[Chance]) -> str:
    return _listed([test.variant for test in tests])


def _listed(words: list[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _beside(compared: Compared, form: Callable[[float], str]) -> str:
    return f"{form(compared.median)}, p {p_text(compared.p)}"


def _log(value: float) -> str:
    return f"{value:+.2f}" if math.isfinite(value) else "-"


def _signed(value: float | None) -> str:
    return "-" if value is None else signed_text(value)


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _two(value: float | None) -> str:
    return "-" if value is None else deflated_text(value)
