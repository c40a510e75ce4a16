"""What a page of a walk-forward says in words, a function each: nothing where it would be false.

All take plain numbers and words, as those of `wfo.runs.sentences`, so that each can be tried where
it holds and where it does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from wfo.backtest.benchmark import MARGIN
from wfo.runs import sentences
from wfo.runs.verdict.rules import FEW_TRADES
from wfo.text import percent
from wfo.windows import Length, WalkSchedule

#: Share of bars in the market from which on a curve is called one that mostly holds.
MOSTLY_HELD = 0.9

#: Days of out-of-sample bars below which an annual figure is said to exaggerate.
SHORT_DAYS = 180


def above(own: float, other: float) -> bool:
    """Whether a return exceeds another by more than what stays invested differs by rounding."""
    return own - other > MARGIN * (1 + abs(other))


def same(own: float, other: float) -> bool:
    """Whether two returns are equal up to that rounding."""
    return not above(own, other) and not above(other, own)


# The verdict


def against_holding(
    own: float | None,
    held: float | None,
    own_year: float | None,
    held_year: float | None,
    costs: float | None,
) -> str:
    """Say whether choosing again beat buy-and-hold.

    Parameters
    ----------
    own, held
        Total returns over the traded bars.
    own_year, held_year
        The same a year; None where they are not defined, or the bars are less than a year.
    costs
        Slippage and fee together, a fraction; None where they are not known.
    """
    if own is None or held is None:
        return ""
    verb = "beat" if above(own, held) else "came to the same as" if same(own, held) else "did NOT"
    what = "beat buy-and-hold" if verb == "did NOT" else "buy-and-hold"
    after = {None: ", whatever its costs are", 0.0: " before costs, of which none are set"}
    told = f"{percent(own)} against {percent(held)}"
    if own_year is not None and held_year is not None:
        told = f"{percent(own_year)} a year against {percent(held_year)}, {told} in all"
    return f"Choosing again in each window {verb} {what}{after.get(costs, ' after costs')}: {told}."


def ruined(lowest: float, capital: float) -> str:
    """Say that the account was lost."""
    if lowest > 0:
        return ""
    return (
        f"The account was RUINED: of {capital:,.0f} it fell to {lowest:,.0f}, so that figures a"
        " year are not defined."
    )


def falls(own: float | None, held: float | None) -> str:
    """Say how deep both fell."""
    if own is None or held is None:
        return ""
    return (
        f"Its deepest fall was {percent(own)} of the peak before; buy-and-hold's {percent(held)}."
    )


def against_exposure(own: float | None, exposed: float | None, random: float | None) -> str:
    """Say whether timing paid: against holding for the same share of the time.

    Parameters
    ----------
    own
        Total return.
    exposed, random
        Of buy-and-hold with that share of the capital, and of being long on as many bars drawn at
        random, which is never more; None where it is not known.
    """
    if own is None or exposed is None:
        return ""
    told = (
        "Buy-and-hold with as large a share of the capital as that of the bars on which it was"
        f" long, the rest in cash, comes to {percent(exposed)} in all"
    )
    either = random is not None and not same(random, exposed)
    if random is not None and either:
        told += f", and being long on as many bars drawn at random typically to {percent(random)}"
    than = "either" if either else "that"
    if above(own, exposed):
        made = f"more than {than}, by when it was in"
    elif same(own, exposed):
        made = "more than the second and the same as the first" if either else "the same"
    elif random is None or not either or above(random, own):
        made = f"NOT more than {than}"
    elif same(own, random):
        made = "the same as the second, and less than the first"
    else:
        made = "more than the second and NOT more than the first"
    return f"{told}: choosing again made {made}."


def against_first(
    own: float | None,
    first: float | None,
    sets: int,
    falls: tuple[float | None, float | None],
) -> str:
    """Say whether choosing again paid against never choosing again.

    It paid where both its return and its return by drawdown are above those of the first set.

    Parameters
    ----------
    own, first
        Total returns.
    sets
        How many sets the windows traded.
    falls
        Deepest falls of both, shares of the peak before; None where they are not known.
    """
    if own is None or first is None:
        return ""
    if sets == 1:
        return "All windows traded the same set, so that choosing again changed nothing."
    told = f"The first set chosen, never changed, comes to {percent(first)} in all: choosing again"
    made, (fall, other) = _compared(own, first), falls
    if fall is None or other is None:
        return f"{told} made {made}."
    # Of losses a deeper fall makes the quotient better: there the falls are compared.
    gained = max(own, first) > 0
    by = _compared(own * other, first * fall) if gained else _compared(other, fall)
    if made == by:
        paid = {"more": "paid", "less": "did NOT pay", "the same": "made no difference"}
        return f"{told} {paid[made]}."
    than = f"its deepest fall was {percent(fall)}, not {percent(other)}"
    return f"{told} made {made}, but {f'had {by} return by drawdown: ' * gained}{than}."


def _compared(own: float, other: float) -> str:
    """Return whether a figure is more, less or the same as another, in words."""
    return "the same" if same(own, other) else "more" if above(own, other) else "less"


def criteria_met(count: int) -> str:
    """Say that TradeStation's verdict is a pass."""
    return f"TradeStation's walk-forward criteria: PASSED, all {count} are met."


def criteria_missed(missed: Sequence[str], count: int) -> str:
    """Say that it is none, and which conditions are not met."""
    if not missed:
        return ""
    return (
        f"TradeStation's walk-forward criteria: NOT passed, {count - len(missed)} of {count} are"
        f" met. Missed: {'; '.join(missed)}."
    )


def one_path(windows: int, profitable: int, ahead: int) -> str:
    """Say how many windows there are, and that they are one history."""
    if windows == 1:
        return (
            "It is one window of one history, a single bet: whether choosing again pays cannot be"
            " seen from it."
        )
    return (
        f"It is one path of history, of {windows:,} windows: {profitable:,} made a profit while"
        f" they traded, and {ahead:,} more than buy-and-hold did."
    )


def best_of(combinations: int, promised: float | None, made: float | None) -> str:
    """Say why in-sample figures are no estimate.

    Parameters
    ----------
    combinations
        How many each set is the best of.
    promised
        Median of the sets' annual returns in-sample.
    made
        Annual return of the stitched curve; None as in `against_holding`.
    """
    if combinations < 2:
        return ""
    told = (
        ""
        if promised is None or made is None
        else f": {percent(promised)} a year in the median, where traded they made {percent(made)}"
    )
    return (
        f"Each set was chosen out of {combinations:,} for its in-sample bars, and looks good there"
        f" by that alone{told}."
    )


def hindsight_below(hindsight: float | None, held: float | None) -> str:
    """Say that not even a choice that has seen the future beats buy-and-hold."""
    if hindsight is None or held is None or not above(held, hindsight):
        return ""
    return (
        f"Even what this criterion chooses with all these bars in view comes to"
        f" {percent(hindsight)}, less than buy-and-hold."
    )


def sum_differs(total: float, own: float | None) -> str:
    """Say why a sum of windows' profits has another sign than the curve."""
    if own is None or not total * own < 0:
        return ""
    sides = ("a profit", "lost") if total > 0 else ("a loss", "gained")
    return (
        f"The windows' profits add up to {sides[0]} though the curve has {sides[1]}: there they"
        " multiply, and a fall takes a larger gain to make up for."
    )


def compounds(sizing: object, *, anchored: bool) -> str:
    """Say what compounding does to the efficiency of all windows."""
    if sizing != "compound":
        return ""
    more = (
        ", and in-sample parts of an anchored schedule grow with every window" if anchored else ""
    )
    return (
        "Where the in-sample part is longer, its profits compound for longer: the efficiency a year"
        f" is lower by that alone{more}. Compare it only with walk-forwards of the same lengths."
    )


def cash_not_counted(cash: int, windows: int) -> str:
    """Say that windows before the first decision are no part of the verdict."""
    if not 0 < cash < windows:
        return ""
    which = "The first window is" if cash == 1 else f"The first {cash:,} windows are"
    return f"{which} all cash and not counted here."


def mostly_held(exposure: float | None, *, shorts: bool) -> str:
    """Say that what it earns is mostly what holding earns, where nothing was sold short."""
    if exposure is None or exposure < MOSTLY_HELD or shorts:
        return ""
    return (
        f"It has a position on {percent(exposure)} of the bars: most of what it earns, and loses,"
        " is what holding does."
    )


def few_trades(trades: int) -> str:
    """Say that figures rest on little."""
    if trades >= FEW_TRADES:
        return ""
    how = {0: "It closed NO trade", 1: "It closed a single trade"}.get(
        trades, f"It closed only {trades} trades"
    )
    return f"{how}: what it earned may be luck, whatever the figures say."


def none_chosen(kept: int, cash: int, windows: int) -> str:
    """Say in how many windows nothing could be chosen, and what was done then."""
    if not kept and not cash:
        return ""
    if cash == windows:
        return "NOTHING could be chosen in any window: all of it is cash."
    parts = []
    if cash:
        parts.append(f"in the first {cash} it stayed in cash" if cash > 1 else "it began in cash")
    if kept:
        where = f"in {kept} " if cash else ""
        parts.append(f"{where}the set before went on trading")
    return f"In {kept + cash} of {windows:,} windows nothing could be chosen: {', '.join(parts)}."


def no_costs(costs: float | None) -> str:
    """Warn that fills cost nothing."""
    if costs != 0:
        return ""
    return (
        "Warning: fills cost NOTHING here. Real ones do, and a set that trades often is chosen just"
        " because it is free: give yours with --slip and --fee."
    )


def high_costs(slip: float, fee: float) -> str:
    """Warn that costs look like percent where fractions are meant."""
    return sentences.high_costs(slip, fee)


# The schedule


def length_words(length: Length) -> str:
    """Return a length in words: ``3 years``, ``18 months``, ``30 days``."""
    years, months = divmod(length.months, 12)
    counts = [(years, "year")] if years and not months else [(length.months, "month")]
    parts = [(n, unit) for n, unit in (*counts, (length.days, "day")) if n]
    return " and ".join(f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in parts) or "nothing"


def schedule_words(schedule: WalkSchedule, begins: str) -> str:
    """Say what a schedule does.

    Parameters
    ----------
    schedule
        Which one.
    begins
        Date of the first in-sample bar.
    """
    inside, out, step = map(
        length_words, (schedule.in_sample, schedule.out_of_sample, schedule.step)
    )
    if schedule.anchored:
        chosen = (
            f"anchored: each set is chosen on all bars from {begins} on, {inside} at first and"
            f" {step} more each time"
        )
    else:
        chosen = f"rolling: each set is chosen on {inside} of bars, which move on by {step}"
    words = f"{chosen}; it trades after them, for {out}"
    if schedule.step != schedule.out_of_sample:
        words += f", or until the next decision {step} later, which takes over"
    if schedule.purge:
        words += (
            f". A purge leaves the last {length_words(schedule.purge)} before each decision out of"
            " the choice"
        )
    return words


def trades_on(number: int, last: str, params: str) -> str:
    """Say which set trades after the last bar; `number` counts sets in order of first use."""
    return f"Set {number} goes on trading after {last}: {params}."


def next_decision(split: str, before: str) -> str:
    """Say when another decision trades, and on which bars it is made.

    Parameters
    ----------
    split
        First date on which it trades.
    before
        First date behind the bars that it is chosen on.
    """
    bars = "the bars before" if before == split else f"the bars before {before}"
    return (
        f"The next decision trades from {split} on, and is chosen on {bars}. The same command makes"
        " it once there is a bar of that date or later: the curve trades that bar with the new set,"
        " and by then it is over."
    )


def handed_over(command: str) -> str:
    """Say how to see what the last set does next."""
    return (
        f"What it has working in the bar after the newest one: '{command}'. There it is traded"
        " alone, from flat at the begin of its in-sample part; the curve above may still hold what"
        " an earlier set has bought."
    )


def none_handed_over(last: str) -> str:
    """Say why no set is handed over where later bars are held out."""
    return (
        f"Bars after {last} are held out, and so no set is handed over: who trades one on them has"
        " looked at them."
    )


def ties(windows: int) -> str:
    """Say that a choice was not the only one."""
    if not windows:
        return ""
    where = "one window" if windows == 1 else f"{windows:,} windows"
    return f"In {where} several combinations were equally good; the most central of them was taken."


def short_parts(days: int, last: int) -> str:
    """Warn of annual figures of short parts.

    Parameters
    ----------
    days
        Of an out-of-sample part.
    last
        That the last one has, which may be cut.
    """
    if not 0 < last < SHORT_DAYS:
        return ""
    count = f"{last} day{'' if last == 1 else 's'}"
    if days >= SHORT_DAYS:
        which = f"The last out-of-sample part is cut, and has {count}"
    else:
        which = f"Out-of-sample parts have {days} days"
        which += f", the last one, which is cut, {count}" if last < days else ""
    return f"{which}: a figure a year made of so few exaggerates, in both directions."


def left_out(first: int, last: int, where: str) -> str:
    """Say which windows a table leaves out."""
    if last < first:
        return ""
    return f"Windows {first:,} to {last:,} are left out here; {where}."
