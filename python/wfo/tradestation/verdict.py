"""What an analysis of refined sets says, in words.

Every figure of a refined set over the whole history is in-sample, and it is the best of many. So
the verdict sets it beside buy-and-hold, says how it did in the phases of the run, and says plainly
where holding is what the figures favour.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wfo.text import percent
from wfo.tradestation.analysis import BestSet
from wfo.tradestation.ranking import REPORT, SAME, HeldRow

#: Share of the bars in a position above which a set is hardly told from buy-and-hold.
_MOSTLY = 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """What the verdict is made of.

    Attributes
    ----------
    symbol
        The symbol that is traded, and held.
    first, last
        Dates of the first trading bar and of the last bar.
    best, averse
        The first set by rank sum, and by the risk-averse order.
    held
        Buy-and-hold beside all sets.
    idle
        Whether the capital pays for no lot of it.
    sets, simulated
        Different parameter sets that were looked at, and those of the outcomes that are simulated.
    long_only
        Whether the first set never sells short.
    min_phases
        Of each strategy, the phases in which the run takes a combination to be valid as stable.
    gates
        Name of the gates.
    trials
        Combinations that were ever searched on the symbol.
    """

    symbol: str
    first: dt.date
    last: dt.date
    best: BestSet
    averse: BestSet
    held: HeldRow
    idle: bool
    sets: int
    simulated: int
    long_only: bool
    min_phases: Mapping[str, int]
    gates: str
    trials: int


def verdict(found: Finding) -> tuple[str, ...]:
    """Return the verdict, a paragraph an item."""
    return tuple(
        text
        for text in (
            _first(found),
            _phases(found),
            _averse(found),
            _beside_holding(found),
            _in_sample(found),
        )
        if text
    )


def _first(found: Finding) -> str:
    best = found.best
    sets = f"{found.held.count:,} different outcome{'' if found.held.count == 1 else 's'}"
    text = (
        f"By the sum of six ranks {_named(best)} stands first of {sets}."
        f" From {found.first} to {found.last} it {_came_to(best.figures)}"
    )
    if found.idle:
        return (
            f"{text}.{_traded(found)} Buy-and-hold is no measure here: the capital pays for no lot"
            " of it."
        )
    return f"{text}; holding {found.symbol} {_came_to(found.held.figures)}.{_traded(found)}"


def _traded(found: Finding) -> str:
    """Return how many trades the first set closed, and how much of the time it held a position."""
    best = found.best
    trades, held = best.figures["Trades"], best.figures["Exposure"]
    if trades is None or held is None:
        return ""
    closed = "1 trade" if trades == 1 else f"{trades:,} trades"
    text = f" The set closed {closed}, and held a position in {percent(held)} of the bars"
    if found.long_only and held > _MOSTLY:
        return f"{text}: much of what it earned is what holding earns."
    return f"{text}."


def _averse(found: Finding) -> str:
    best, averse = found.best, found.averse
    if averse.number == best.number:
        return "The risk-averse order puts the same set first."
    return (
        f"The risk-averse order puts {_named(averse)} first: it {_came_to(averse.figures)}."
        f" {_held_up(averse, found)}"
    ).strip()


def _beside_holding(found: Finding) -> str:
    """Return how many sets beat buy-and-hold, and whether holding is what the figures favour."""
    held = found.held
    if found.idle:
        return ""
    if not found.simulated:
        return (
            f"No set could be simulated, so that none can be set beside holding {found.symbol}:"
            " reports have neither dates nor equity."
        )
    growth, ratio = held.figures["CAGR"], held.figures["MAR"]
    # What is known by a report alone has neither.
    more, safer, count = held.better["CAGR"], held.better["MAR"], found.simulated
    if growth is None or growth < 0:
        return _beside_a_loss(found, growth, more, count)
    if not more and not safer:
        return (
            f"No set beats holding {found.symbol}: of {count:,} outcomes none returns more a year"
            f" than {_share(growth)}, and none has a MAR above {_ratio(ratio)}. Holding"
            f" {found.symbol} is what the figures favour."
        )
    if not more:
        return (
            f"No set returns more than holding {found.symbol}, {_share(growth)} a year: by return"
            f" holding is what the figures favour. By MAR {_of(safer, count)} above holding's"
            f" {_ratio(ratio)}: less return for less drawdown."
        )
    if not safer:
        return (
            f"{_of(more, count, 'return')} more a year than holding {found.symbol},"
            f" {_share(growth)}, but none has a MAR above holding's {_ratio(ratio)}: by return for"
            " the drawdown, holding is what the figures favour."
        )
    text = (
        f"{_of(more, count, 'return')} more a year than holding {found.symbol},"
        f" {_share(growth)}, and {_of(safer, count, 'have', 'has')} a MAR above holding's"
        f" {_ratio(ratio)}."
    )
    best = found.best.figures
    pairs = (("return", best["CAGR"], growth), ("MAR", best["MAR"], ratio))
    less = [name for name, own, there in pairs if _less(own, there)]
    # Without an annual return a set has lost everything.
    if best["CAGR"] is None and best.get("Ranked_On") != REPORT:
        less.insert(0, "return")
    if all(_same(own, there) for _, own, there in pairs):
        text += f" The first set is not among them: it comes to what holding {found.symbol} does."
    elif len(less) == 2:
        text += (
            f" The first set is not among them: it has neither more return nor a higher MAR than"
            f" holding {found.symbol}, which the figures favour over it."
        )
    elif less:
        text += (
            f" The first set has less {less[0]} than holding."
            if less == ["return"]
            else (" The first set has a lower MAR than holding.")
        )
    return text


def _beside_a_loss(found: Finding, growth: float | None, more: int, count: int) -> str:
    """Return how many sets did better than holding that has lost.

    Of what loses, MAR is the nearer to 0 the deeper the fall, so that it does not compare.
    """
    lost = "everything" if growth is None else f"{_share(-growth)} a year"
    if not more:
        text = f"Holding {found.symbol} lost {lost}, and none of {count:,} outcomes did better."
    else:
        text = (
            f"Holding {found.symbol} lost {lost}; {_of(more, count, 'did', 'did')} better. A MAR"
            " below 0 says nothing of the risk."
        )
    own = found.best.figures["CAGR"]
    if found.best.figures.get("Ranked_On") != REPORT and (own is None or own <= 0):
        text += " The first set does not earn either: the figures favour neither."
    return text


def _same(own: float | None, there: float | None) -> bool:
    """Whether a set's figure is holding's, up to rounding."""
    return own is not None and there is not None and abs(own - there) <= SAME * abs(there)


def _less(own: float | None, there: float | None) -> bool:
    """Whether a set's figure is below holding's; one that is not known is not."""
    return own is not None and there is not None and own < there and not _same(own, there)


def _phases(found: Finding) -> str:
    best = found.best
    if not best.phases:
        return (
            "How the first set did in the phases of the run is not known: it cannot be simulated on"
            " them."
        )
    return _held_up(best, found)


def _held_up(best: BestSet, found: Finding) -> str:
    """Return in how many phases a set is valid and beats buy-and-hold."""
    if not best.phases:
        return ""
    count = len(best.phases)
    text = (
        f"Set {best.number:,} is valid by the gates '{found.gates}' in"
        f" {best.valid_phases or 'none'} of the run's {count} phases, and returns more"
        f" out-of-sample than buy-and-hold in {best.beating_phases or 'none'}."
    )
    behind = count - best.beating_phases
    if behind > best.beating_phases:
        text += f" In {'all' if behind == count else behind} of them holding was as good or better."
    least = found.min_phases[best.strategy]
    if best.valid_phases < least:
        asked = f"{least} valid phase{'' if least == 1 else 's'}"
        text += f" The run asks for {asked}, so that it is not stable."
    return text


def _in_sample(found: Finding) -> str:
    return (
        "All figures over the whole history are in-sample: the plateaus were found on the same"
        f" bars. The first set is the best of {_sets(found.sets)} refined, and at least"
        f" {max(found.trials, found.sets):,} combinations were ever searched on {found.symbol}; the"
        " best of many is lucky, so expect less than it shows."
    )


def _sets(count: int) -> str:
    return "1 set that was" if count == 1 else f"{count:,} sets that were"


def _named(best: BestSet) -> str:
    figures = best.figures
    return (
        f"refined set {best.number:,} ({best.strategy}, plateau {figures['Rank']},"
        f" test {figures['TestNum']:,})"
    )


def _came_to(figures: Mapping[str, Any]) -> str:
    """Return return, drawdown and MAR in words that follow what they are of."""
    if figures.get("Ranked_On") == REPORT:
        earned = figures["Net_Profit"]
        return f"made {earned:,.2f} by its report; without a simulation there is no annual return"
    growth = figures["CAGR"]
    if growth is None:
        return "lost everything"
    word = "returned" if growth >= 0 else "lost"
    text = f"{word} {_share(abs(growth))} a year"
    if figures["MAR"] is None:
        return f"{text}, without a drawdown"
    return (
        f"{text}, with a largest drawdown of {_share(figures['Max_DD_Share'])} and a MAR of"
        f" {_ratio(figures['MAR'])}"
    )


def _of(count: int, total: int, verb: str = "are", one: str | None = None) -> str:
    if count == 1:
        singular = one or {"are": "is", "return": "returns"}[verb]
        return f"1 of {total:,} outcomes {singular}"
    return f"{count:,} of {total:,} outcomes {verb}"


def _share(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else percent(value)


def _ratio(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.2f}"
