"""What a run's page can say in words, a function each, with the condition under which it is true.

A function returns the sentence, or nothing where it would be false. All take plain numbers and
words, so that each can be tried where it holds and where it does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from wfo.backtest.benchmark import MARGIN
from wfo.text import percent

_Say = TypeVar("_Say", bound=Callable[..., str])

#: All of them, by name.
SENTENCES: dict[str, Callable[..., str]] = {}

#: Share of the map above which plateaus are called broad, and stable share that is called low.
BROAD, LOW = 0.4, 0.2

#: Relative difference up to which the median return counts as that of buy-and-hold.
SAME_RETURN = 0.0005

#: Total effect below which a parameter hardly matters.
SMALL_EFFECT = 0.01

#: Slippage or fee that is taken for percent by mistake: 0.05 where 0.0005 was meant.
HIGH_COST = 0.01


def _sentence(say: _Say) -> _Say:
    SENTENCES[say.__name__] = say
    return say


# What was assumed


@_sentence
def stale(missing: str | None) -> str:
    """Warn of bars that are missing at the end, which a trader would take for there."""
    return f"Warning: {missing}." if missing else ""


@_sentence
def mixed(first: tuple[str, str | None, str], second: tuple[str, str | None, str]) -> str:
    """Warn of two symbols whose prices were not made alike.

    Of each its symbol, the source that it was fetched from, if any, and its adjustment.
    """
    if first[1:] == second[1:]:
        return ""
    return (
        f"Warning: {first[0]} and {second[0]} come from different sources or are adjusted"
        " differently, so that what is read from the one may not fit the other."
    )


@_sentence
def costs(slip: float, fee: float) -> str:
    """Say what fills cost."""
    if not slip and not fee:
        return ""
    return (
        f"Costs: slippage of {100 * slip:g} % of the price and a fee of {100 * fee:g} % of the"
        " value, at every fill."
    )


@_sentence
def no_costs(slip: float, fee: float) -> str:
    """Warn that fills cost nothing."""
    if slip or fee:
        return ""
    return (
        "Costs: NONE. Warning: without slippage and fees all that trades looks better than it is,"
        " most of all what trades often; give yours with --slip and --fee."
    )


@_sentence
def high_costs(slip: float, fee: float) -> str:
    """Warn that costs look like percent where fractions are meant."""
    if max(slip, fee) < HIGH_COST:
        return ""
    return (
        f"Warning: {100 * max(slip, fee):g} % at every fill is much; --slip and --fee are"
        " fractions, 0.0005 is 0.05 %."
    )


@_sentence
def capital(amount: float) -> str:
    """Say what every phase starts with."""
    return f"Capital: {amount:,.0f} at the start of every phase."


@_sentence
def year(bars: str | None) -> str:
    """Say what annual figures count in, and whether that was counted or given."""
    return f"Bars of a year: {bars}." if bars else ""


@_sentence
def compound(sizing: str) -> str:
    """Say that profits are put back."""
    if sizing != "compound":
        return ""
    return "Sizing: the whole equity goes into every trade (compound)."


@_sentence
def fixed(sizing: str, amount: float) -> str:
    """Say that profits are not put back."""
    if sizing != "fixed":
        return ""
    return f"Sizing: {amount:,.0f}, or what is left of it, goes into every trade (fixed)."


@_sentence
def own_sizing(how: str, sizing: str, amount: float, risk: str = "") -> str:
    """Say that the strategy itself sizes its trades: by ``"risk"``, how large, or ``"size"``."""
    if not how:
        return ""
    base = "equity" if sizing == "compound" else f"{amount:,.0f}, or of what is left of it,"
    if how == "risk":
        return (
            f"Sizing: by the risk of the strategy, the share of the {base} that its nearest stop"
            f" would lose{f', here {risk}' if risk else ''}; at most all of it goes into a trade."
        )
    return f"Sizing: by the size of the strategy, a share of the {base} for every trade."


@_sentence
def lots(lot_size: float) -> str:
    """Say that shares come in lots."""
    return f"Shares are rounded down to multiples of {lot_size:g}." if lot_size > 0 else ""


@_sentence
def no_lots(lot_size: float) -> str:
    """Say that shares may be fractions."""
    return "" if lot_size > 0 else "Fractions of shares are traded."


@_sentence
def overlapping(bar_spans: Sequence[tuple[int, int]]) -> str:
    """Say that sums over phases count some bars more than once.

    Parameters
    ----------
    bar_spans
        First out-of-sample bar of each phase, and one past its last.
    """
    if not any(a < d and c < b for i, (a, b) in enumerate(bar_spans) for c, d in bar_spans[:i]):
        return ""
    return (
        "The phases' out-of-sample parts overlap: a sum over phases counts some bars more than"
        " once, and is no profit that could have been made."
    )


@_sentence
def extrapolated(years: float) -> str:
    """Say that returns a year are made of less than one.

    Parameters
    ----------
    years
        Length of the shortest out-of-sample part.
    """
    # A year of bars is never quite one of the calendar.
    if years >= 0.95:
        return ""
    return (
        f"Out-of-sample parts are as short as {years:.2f} years: 'A year' is what they would come"
        " to if they went on like this, and exaggerates."
    )


@_sentence
def left_out(values: Sequence[str], strategy: str) -> str:
    """Say which parameters a grid leaves out, and what they are.

    Parameters
    ----------
    values
        A parameter and its value each.
    strategy
        The strategy of the grid.
    """
    if not values:
        return ""
    return f"At their defaults, since the grid of {strategy} leaves them out: {', '.join(values)}."


# Lots

_BUY_MORE = (
    "More capital (--capital) or a smaller lot (--lot-size, of which 0 trades fractions of shares)"
    " lets it trade."
)


@_sentence
def unfilled_all(
    count: int, entries: int, lot_size: float, lot_cost: float, equity: float, where: str = ""
) -> str:
    """Say that a simulation has entries, and that none of them traded a share.

    Parameters
    ----------
    count, entries
        Entries that the equity paid no lot for, and all.
    lot_size, lot_cost
        Shares of a lot, and what one came to where that was least, in currency.
    equity
        What there was to pay for it.
    where
        The phases that are meant, where there are several.
    """
    if not count or count != entries:
        return ""
    return (
        f"{_where(where)}{'The one entry' if count == 1 else f'All {count:,} entries'} took place,"
        f" and no lot could be bought: one lot of {lot_size:g} cost {lot_cost:,.2f} or more, and"
        f" there was {equity:,.2f} to pay for it. {_BUY_MORE}"
    )


@_sentence
def unfilled_some(
    count: int, entries: int, lot_size: float, lot_cost: float, equity: float, where: str = ""
) -> str:
    """Say that some entries traded no shares; parameters as in `unfilled_all`."""
    if not count or count == entries:
        return ""
    return (
        f"{_where(where)}{count:,} of {entries:,} entries could buy no lot: the cheapest lot of"
        f" {lot_size:g} that was out of reach cost {lot_cost:,.2f}, and there was {equity:,.2f} to"
        f" pay for it. {_BUY_MORE}"
    )


@_sentence
def no_lot(
    phases: Sequence[int],
    idle: int,
    entering: int,
    lot: tuple[float, float, float],
    money: float,
) -> str:
    """Say first of all that entries took place and no lot could be bought.

    Parameters
    ----------
    phases
        Those in which some combinations enter and none of these trades a share, by number.
    idle, entering, lot, money
        As in `idle_by_lots`.
    """
    if not phases or not entering:
        return ""
    where = "" if idle == entering else f" in phase{_s(phases)} {_listed(phases)}"
    size, low_, high = lot
    return (
        f"NO LOT COULD BE BOUGHT{where}, though entries took place: one lot of {size:g} was worth"
        f" {low_:,.2f} to {high:,.2f}, and the capital is {money:,.2f}."
    )


@_sentence
def no_trade(total: int, *, traded: bool) -> str:
    """Say first of all that nothing was ever bought or sold.

    Parameters
    ----------
    total
        Combinations.
    traded
        Whether any combination traded in any phase, or whether that is not known.
    """
    if traded:
        return ""
    return (
        f"NOTHING TRADED: none of {total:,} combinations entered in any phase. Conditions of entry"
        " never hold, prices of entry are never reached, or a column that they read is NaN in all"
        " bars; 'wfo check' names such a column."
    )


@_sentence
def idle_by_lots(
    idle: int, entering: int, swept: int, total: int, lot: tuple[float, float, float], money: float
) -> str:
    """Say that combinations enter, and that none of them can buy a lot.

    Parameters
    ----------
    idle, entering
        Combinations that trade no share though they enter, and all that enter.
    swept, total
        Those that were looked at, and those of the grid.
    lot
        Shares of a lot, and what one was worth on the bars, at the least and at most, in currency.
    money
        The starting capital.
    """
    if not entering or idle != entering:
        return ""
    return (
        f"Entries took place, and no lot could be bought: {entering:,} combinations"
        f" {_looked_at(swept, total)} enter, and none of them trades a share."
        f" {_lot_worth(lot, money)} {_BUY_MORE}"
    )


@_sentence
def missing_by_lots(
    missing: int,
    phases: Sequence[int],
    idle: int,
    entering: int,
    swept: int,
    total: int,
    lot: tuple[float, float, float],
    money: float,
) -> str:
    """Say that some entries could buy no lot.

    Parameters
    ----------
    missing
        Combinations that trade no share in a phase where they enter, or close fewer trades there.
    phases
        Those in which none of the combinations that enter trades a share, by number.
    idle, entering, swept, total, lot, money
        As in `idle_by_lots`.
    """
    if not missing or idle == entering:
        return ""
    none = f" In phase{_s(phases)} {_listed(phases)} none of them trades a share." if phases else ""
    return (
        f"Some entries could buy no lot: {missing:,} of the {entering:,} combinations that enter"
        f" {_looked_at(swept, total)} miss entries in some phase.{none} {_lot_worth(lot, money)}"
        f" {_BUY_MORE}"
    )


@_sentence
def hold_by_lots(phases: Sequence[int], lot_size: float) -> str:
    """Say that buy-and-hold could buy no lot.

    Parameters
    ----------
    phases
        Those in which it could not, by number.
    lot_size
        Shares of a lot.
    """
    if not phases:
        return ""
    return (
        f"Buy-and-hold could not buy a lot of {lot_size:g} in phase{_s(phases)} {_listed(phases)}:"
        " its return there is that of cash."
    )


# What was found


@_sentence
def stable(count: int, total: int, least: int, phases: int, gates: str) -> str:
    """Say how many combinations are stable."""
    if not count:
        return ""
    return (
        f"Stable by the {gates} gates, valid in {least} or more of {phases} phases: {count:,} of"
        f" {total:,} ({percent(count / total)})."
    )


@_sentence
def none_stable(count: int, total: int, least: int, phases: int, gates: str) -> str:
    """Say that none is."""
    if count:
        return ""
    return (
        f"Stable by the {gates} gates, valid in {least} or more of {phases} phases: none of"
        f" {total:,}."
    )


@_sentence
def outcomes(count: float, members: int, *, exact: bool) -> str:
    """Say how many different outcomes the stable combinations are."""
    if not exact or count >= members:
        return ""
    if count == 1:
        return "The stable ones are one outcome: all have the same figures in every phase."
    return (
        f"The stable ones are {count:,.0f} different outcomes: the others equal one of these in"
        " every figure of every phase."
    )


@_sentence
def outcomes_all(count: float, members: int, *, exact: bool) -> str:
    """Say that no two of them are one outcome."""
    if not exact or not members or count < members:
        return ""
    return "Each of them is an outcome of its own: no two have the same figures."


@_sentence
def outcomes_estimated(count: float, error: float, members: int, *, exact: bool) -> str:
    """Say about how many, where it was not counted."""
    if exact or not members or math.isnan(count):
        return ""
    return (
        f"The stable ones are about {count:,.0f} different outcomes (estimated, give or take"
        f" {percent(error / count if count else 0.0)}); the others equal one of these in every"
        " figure of every phase."
    )


@_sentence
def outcomes_known(known: int, candidates: int, total: float) -> str:
    """Say how many outcomes the candidates are, where it is not known of all stable ones."""
    if not math.isnan(total) or not candidates:
        return ""
    return (
        f"The {candidates:,} candidates are {known:,} different outcomes; of the stable"
        " combinations whose figures are not kept that is not known."
    )


@_sentence
def holding(idle: float) -> str:
    """Say how many of the candidates hardly trade."""
    if not idle:
        return ""
    return (
        f"{percent(idle)} of the candidates close one out-of-sample trade a phase or fewer: they"
        " hold rather than trade."
    )


@_sentence
def disguise(medians: Sequence[float], held: Sequence[float]) -> str:
    """Say that the median candidate is buy-and-hold.

    Parameters
    ----------
    medians, held
        Out-of-sample return of the median candidate, and of buy-and-hold, by phase.
    """
    same = [
        k
        for k, (own, other) in enumerate(zip(medians, held, strict=True), 1)
        if math.isfinite(own) and abs(own - other) <= SAME_RETURN * abs(other)
    ]
    if not same:
        return ""
    return (
        f"The median candidate's out-of-sample return is buy-and-hold's in phase{_s(same)}"
        f" {_listed(same)}: there, half of what is called stable does no better than doing nothing."
    )


@_sentence
def beaten(better: int, candidates: int, least: int) -> str:
    """Say how many candidates return more than buy-and-hold in enough phases."""
    if not candidates or not better:
        return ""
    return (
        f"{better:,} of the {candidates:,} candidates ({percent(better / candidates)}) are valid"
        f" and return more than buy-and-hold in {least} or more phases."
    )


@_sentence
def none_beats(better: int, candidates: int, least: int) -> str:
    """Say that none does."""
    if not candidates or better:
        return ""
    return (
        f"None of the {candidates:,} candidates is valid and returns more than buy-and-hold in"
        f" {least} or more phases."
    )


@_sentence
def other_stable(
    name: str,
    count: int,
    total: int,
    ruling: str,
    folder: str,
    least: int = 0,
    ruling_least: int = 0,
) -> str:
    """Say how many are stable by a set of gates that does not rule."""
    if name == ruling or not count:
        return ""
    # Where none is valid in as many phases, fewer do: the two counts are not of the same thing.
    relaxed = f", valid in {least} phases or more" if least != ruling_least else ""
    return (
        f"By the {name} gates {count:,} of {total:,} ({percent(count / total)}) are"
        f" stable{relaxed}; 'wfo rescore {folder} --gates {name}' makes them rule."
    )


@_sentence
def other_none(name: str, count: int, total: int, ruling: str) -> str:
    """Say that none is."""
    if name == ruling or count:
        return ""
    return f"By the {name} gates none of {total:,} is stable."


# The best outcome


@_sentence
def best_wins(returns: Sequence[float], held: Sequence[float]) -> str:
    """Say in how many phases the best outcome returns more than buy-and-hold."""
    won = sum(_above(a, b) for a, b in zip(returns, held, strict=True))
    if not won:
        return ""
    return f"It returns more than buy-and-hold in {won} of {len(held)} phases."


@_sentence
def best_loses(returns: Sequence[float], held: Sequence[float]) -> str:
    """Say that it does in none."""
    if any(_above(a, b) for a, b in zip(returns, held, strict=True)):
        return ""
    return f"It returns less than buy-and-hold, or the same, in all of the {len(held)} phases."


@_sentence
def best_calmer(drawdowns: Sequence[float], held: Sequence[float]) -> str:
    """Say in how many phases it falls less."""
    calmer = sum(_above(b, a) for a, b in zip(drawdowns, held, strict=True))
    if not calmer:
        return ""
    return f"Its drawdown is smaller than buy-and-hold's in {calmer} of {len(held)} phases."


@_sentence
def best_not_valid(valid: Sequence[bool]) -> str:
    """Say in which phases the best outcome fails a gate.

    Parameters
    ----------
    valid
        Whether it is valid, by phase, the latest last.
    """
    failed = [k for k, passed in enumerate(valid, 1) if not passed]
    if not failed:
        return ""
    latest = ", the latest" if failed[-1] == len(valid) else ""
    return f"It is NOT valid in phase{_s(failed)} {_listed(failed)}{latest}: it fails a gate there."


@_sentence
def best_loses_money(returns: Sequence[float]) -> str:
    """Say in which phases it loses."""
    lost = [k for k, earned in enumerate(returns, 1) if earned < 0]
    if not lost:
        return ""
    latest = ", the latest" if lost[-1] == len(returns) else ""
    return f"It LOSES money out-of-sample in phase{_s(lost)} {_listed(lost)}{latest}."


@_sentence
def best_never_sells(trades: int, exposure: Sequence[float]) -> str:
    """Say that the best outcome is buy-and-hold."""
    if trades or min(exposure, default=0.0) < 1:
        return ""
    return "It never sells: it is buy-and-hold under another name."


@_sentence
def best_on_no_plateau(plateaus: int) -> str:
    """Say that the best outcome stands alone.

    Parameters
    ----------
    plateaus
        Those of its strategy.
    """
    if plateaus:
        return ""
    return (
        "It stands on NO PLATEAU: it is a peak, which is more likely luck. Where no strategy of the"
        " run has one, it is the finalist that 'wfo verdict' judges all the same."
    )


@_sentence
def best_of_many(count: float) -> str:
    """Say what being the best of many means."""
    if count <= 1:
        return ""
    return (
        f"It is the best of {count:,.0f} outcomes, and the best of many is lucky: expect less of"
        " it than these figures."
    )


@_sentence
def none_above_holding(medians: Sequence[float], held: float) -> str:
    """Say that what pays beside another strategy may still be worse than holding.

    Parameters
    ----------
    medians
        Annual out-of-sample return of each strategy's median candidate.
    held
        That of buy-and-hold.
    """
    if not medians or max(medians) > held:
        return ""
    return (
        "No strategy's median candidate returns more a year than buy-and-hold: whether an extra"
        " paid is asked against the simpler strategy, not against holding."
    )


# Plateaus


@_sentence
def small_cells(largest: int, least: int) -> str:
    """Say that the grid is too small for a map."""
    if largest >= least:
        return ""
    return (
        f"The grid is too small for plateaus: a cell of the map has {largest:,} combination"
        f"{'' if largest == 1 else 's'} at most, and counts from {least} stable ones on. A grid"
        " with more values of the other parameters gives a map."
    )


@_sentence
def broad(covered: float) -> str:
    """Say that plateaus cover much of the map."""
    if covered <= BROAD:
        return ""
    return (
        f"They cover {percent(covered)} of the map: a plateau that is nearly everywhere says"
        " little about where to trade."
    )


@_sentence
def low(level: float) -> str:
    """Say that few are stable even on the plateaus."""
    if level >= LOW:
        return ""
    return "Few combinations are stable even there; it is better than its surroundings, no more."


@_sentence
def no_shape(smoothness: float | None, p: float | None, needed: float) -> str:
    """Say that the map has no shape, and what would have been one."""
    if p is None or smoothness is None or p <= needed:
        return ""
    return (
        "The map has no sure shape: levels dealt out at random can lie like this (Moran's I ="
        f" {smoothness:.2f}, p = {p:.4f}; a map with shape has p of {needed:g} or less)."
    )


@_sentence
def plateau_holds(trades: float, phases: int, rank: int) -> str:
    """Say that a plateau is one of holding."""
    if not trades <= phases:
        return ""
    return (
        f"Plateau {rank} is one of holding: its median candidate closes {trades:.0f} out-of-sample"
        f" trade{'' if round(trades) == 1 else 's'} in {phases} phases together."
    )


@_sentence
def neighbourhood(mean: float, low: float, count: int, total: float) -> str:
    """Say what the neighbours of a combination earn."""
    if not (total > 0 and count):
        return ""
    if count == 1:
        return f"Its one neighbour earns {percent(mean)} of that."
    return (
        f"Its {count} neighbours earn {percent(mean)} of that in the mean, {percent(low)} at the"
        " 10th percentile."
    )


@_sentence
def hurts_most(parameter: str, value: float, ratio: float) -> str:
    """Say which step costs most, where one costs anything."""
    if not ratio < 1:
        return ""
    left = "which loses money" if ratio < 0 else f"which leaves {percent(ratio)}"
    return f"What hurts most is {parameter} at {value:g}, {left}."


@_sentence
def no_neighbourhood(total: float) -> str:
    """Say why there is no score."""
    if total > 0:
        return ""
    return "It has no neighbourhood score, since that divides by a total that is not above 0."


# Regions


@_sentence
def region_found(share: float, other: float, box: float, grid: float, *, accepted: bool) -> str:
    """Say what a region is worth."""
    if not accepted:
        return ""
    return (
        f"Of its combinations {percent(share)} are stable on the half of the sample that it was"
        f" found on. On the other half {percent(other)} are; of its plateau's box {percent(box)}"
        f" are there, of the whole grid {percent(grid)}."
    )


@_sentence
def region_refused(p: float, needed: float, *, accepted: bool) -> str:
    """Say that the box serves in place of a region."""
    if accepted:
        return ""
    return (
        "No part of its box is better than the box on the half of the sample that it was not found"
        f" on (p = {p:.3g}; below {needed:g} would be): the whole box serves as the region."
    )


@_sentence
def region_all_stable(share: float, trades: float, phases: int) -> str:
    """Say that a region is stable since it holds."""
    if share < 1 or not trades <= phases:
        return ""
    return (
        "Every combination of it is stable, since it hardly ever sells: it is buy-and-hold under"
        " another name."
    )


@_sentence
def last_phase_held(share: float, grid: float, chance: Sequence[float]) -> str:
    """Say that a region found without the last bars was good on them.

    Parameters
    ----------
    share, grid
        Share that is valid, of the region and of the whole grid.
    chance
        By how much the one exceeds the other on permuted bars, an item an order. Shares themselves
        do not compare: in one order of the bars ten times as many combinations are valid as in
        another, wherever they lie.
    """
    if not (chance and share > grid and share - grid > max(chance)):
        return ""
    return (
        f"{_again(share, grid)}: it held, by more than on all permuted bars, which luck alone does"
        f" once in {len(chance) + 1} times{_against(share - grid, chance)}."
    )


@_sentence
def last_phase_no_better(share: float, grid: float, chance: Sequence[float]) -> str:
    """Say that it was not."""
    if not share <= grid:
        return ""
    return f"{_again(share, grid)}: it did NOT hold{_against(share - grid, chance)}."


@_sentence
def last_phase_as_chance(share: float, grid: float, chance: Sequence[float]) -> str:
    """Say that permuted bars do as well."""
    if not (chance and share > grid and share - grid <= max(chance)):
        return ""
    told = _against(share - grid, chance)
    return f"{_again(share, grid)}: no more than chance gives{told}."


@_sentence
def last_phase_alone(share: float, grid: float, chance: Sequence[float]) -> str:
    """Say that it was better than the grid, where no chance is known."""
    if chance or not share > grid:
        return ""
    return (
        f"{_again(share, grid)}; what chance gives is not known, since nothing was found on"
        " permuted bars."
    )


@_sentence
def box_no_worse(share: float, box: float, *, accepted: bool) -> str:
    """Say that a plateau's whole box does as well as the region found in it."""
    if not (accepted and box >= share):
        return ""
    return (
        f"Its plateau's whole box does no worse there, {percent(box)}: peeling the region out of it"
        " gained nothing that lasted."
    )


@_sentence
def last_phase_empty(share: float) -> str:
    """Say that a region has no combination that was computed on the last bars."""
    if math.isfinite(share):
        return ""
    return "Found again without the last phase, it holds none of the sampled combinations."


@_sentence
def nothing_found_before(bounds: str) -> str:
    """Say that the phases before the last have given no region."""
    if bounds:
        return ""
    return (
        "None: by the phases before the last one, no part of the grid is better than the whole;"
        " where to trade could not have been known then."
    )


@_sentence
def not_judged(reason: str) -> str:
    """Say why no region was judged on bars that it was not found on."""
    if not reason:
        return ""
    return f"No region was judged on bars that it has not seen: {reason}."


# Sensitivity


@_sentence
def mean_below(mean: float, held: float) -> str:
    """Say that combinations return less than buy-and-hold on average."""
    if not mean < held:
        return ""
    return (
        f"On average over the whole grid a combination returns {percent(mean)} a year"
        f" out-of-sample; buy-and-hold returns {percent(held)}, which is more."
    )


@_sentence
def mean_above(mean: float, held: float) -> str:
    """Say that they return as much or more."""
    if not mean >= held:
        return ""
    return (
        f"On average over the whole grid a combination returns {percent(mean)} a year"
        f" out-of-sample; buy-and-hold returns {percent(held)}."
    )


@_sentence
def matters(name: str, main: float, total: float) -> str:
    """Say which parameter matters most."""
    if not total > 0:
        return ""
    return (
        f"{name} matters most: alone it explains {percent(main)} of the differences, with all that"
        f" depends on it {percent(total)}."
    )


@_sentence
def hardly_matter(names: Sequence[str]) -> str:
    """Say which parameters hardly matter."""
    if not names:
        return ""
    few = len(names) == 1
    return (
        f"{', '.join(names)} hardly matter{'s' if few else ''}: less than"
        f" {percent(SMALL_EFFECT)} of the differences depend on"
        f" {'it' if few else 'each'}."
    )


@_sentence
def nothing_varies(variance: float) -> str:
    """Say that all combinations do the same."""
    return "" if variance > 0 else "Nothing depends on any parameter: all combinations do the same."


# Ranges


@_sentence
def range_holds(tests: int, best: int, of: int, top: float) -> str:
    """Say what a range file asks for, and what it has."""
    if not of:
        return ""
    return (
        f"{tests:,} tests; {best} of the best {of} outcomes and {percent(top)} of the plateau's top"
        " tenth have a member inside."
    )


@_sentence
def no_ranges(files: int, unnamed: str) -> str:
    """Say why there are no ranges: a strategy without names in TradeStation has none."""
    if files:
        return ""
    if unnamed:
        return f"No ranges for TradeStation's optimizer: {unnamed} names no inputs there."
    return "No ranges for TradeStation's optimizer: they are made of plateaus, and there are none."


@_sentence
def range_misses(best: int, of: int, fix: str) -> str:
    """Warn that a file has none of the best outcomes."""
    if best or not of:
        return ""
    hint = " (--fix best takes that from the region's best candidate)" if fix == "median" else ""
    return (
        "None of the best outcomes is inside: they lie elsewhere, or differ in what is"
        f" fixed{hint}."
    )


@_sentence
def range_of_holding(share: float, trades: float, phases: int) -> str:
    """Warn that a file refines what never trades."""
    if share < 1 or not trades <= phases:
        return ""
    return (
        "Warning: its region is buy-and-hold under another name; refining it searches where hardly"
        " anything is traded."
    )


# The end


@_sentence
def trials(count: int, symbol: str) -> str:
    """Say how often the symbol was searched."""
    return (
        f"{count:,} combinations were ever searched on {symbol}: every further one makes the best"
        " of them luckier."
    )


def _above(a: float, b: float) -> bool:
    """Whether a figure exceeds another by more than what stays invested differs by rounding."""
    return a > b + MARGIN * abs(b)


def _s(items: Sequence[object]) -> str:
    return "" if len(items) == 1 else "s"


def _listed(items: Sequence[object]) -> str:
    words = [str(i) for i in items]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _where(phases: str) -> str:
    return f"{phases}: " if phases else ""


def _looked_at(swept: int, total: int) -> str:
    return f"(of {'all' if swept == total else f'{swept:,} sampled from'} {total:,})"


def _lot_worth(lot: tuple[float, float, float], money: float) -> str:
    size, low_, high = lot
    return (
        f"One lot of {size:g} was worth {low_:,.2f} to {high:,.2f} on these bars; the capital is"
        f" {money:,.2f}."
    )


def _again(share: float, grid: float) -> str:
    return (
        f"Found again without the last phase, {percent(share)} of it is valid on the bars that only"
        f" that phase has, of the whole grid {percent(grid)}"
    )


def _against(own: float, chance: Sequence[float]) -> str:
    if not chance:
        return ""
    low_, high = min(chance), max(chance)
    span = f"{100 * low_:+.1f}" + ("" if low_ == high else f" to {100 * high:+.1f}")
    times = "once" if len(chance) == 1 else f"{len(chance)} times"
    return f" ({100 * own:+.1f} points to the grid; on bars permuted {times} {span})"
