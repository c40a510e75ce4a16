"""The section of a verdict's page on finalists."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from wfo.runs.finalists import is_peak
from wfo.runs.verdict.finalist_figures import FinalistFigures, Significance
from wfo.runs.verdict.parts import Bars, Explained, Mark, Part, Section, Table, Words, reasons_words
from wfo.runs.verdict.record import FinalistStatistics, Verdict
from wfo.runs.verdict.stress_values import StressCase
from wfo.runs.verdict.texts import NONE, dsr, share, sure, two
from wfo.stats.bootstrap import Interval
from wfo.text import percent

_EXPLAINED = (
    Explained(
        "PSR",
        "how sure it is, from 0 to 1, that the Sharpe ratio is above 0, given skew, fat tails and"
        " the number of periods; with autocorrelation where that matters.",
        "It takes the set for the only one that was tried.",
    ),
    Explained(
        "DSR",
        "the same above what the best of all trials without skill is expected to show.",
        "A finalist was chosen on these very bars. At the full number of trials hardly anything"
        " passes; where the market rises, the one of the excess counts.",
    ),
    Explained(
        "WFE",
        "out-of-sample by in-sample profit, all phases together, raw and each a year.",
        "The raw one is inflated by compounding, since out-of-sample parts begin with what the"
        " in-sample ones earned, and by parts of different length; holding has one too.",
    ),
    Explained(
        "TradeStation",
        "conditions met of its Walk-Forward Optimizer's five.",
        "All of them are about the set alone: buy-and-hold passes them in a rising market.",
    ),
    Explained(
        "Intervals",
        "what that share of resamples of blocks of the returns, or of the trades, comes to.",
        "They know what has happened, and no other market; those of the best of many begin"
        " too high.",
    ),
    Explained(
        "Reshuffled drawdown",
        "the largest fall at the closes of the same trades in other orders.",
        "What falls within a trade is in none of them, and losses that follow each other in bad"
        " markets are torn apart.",
    ),
    Explained(
        "Execution stress",
        "the same set with orders filled worse, and the slippage a fill at which the excess over"
        " holding is gone.",
        "How far an order moves the price is in none of it.",
    ),
)


#: How the origin of a finalist begins that an analysis has ranked.
_REFINED = "refined set"

#: Finalists up to which each has a table of stress; of more, one table has all.
_FEW = 3


def finalists_section(verdict: Verdict) -> Section:
    """Return what a page says of finalists."""
    found = verdict.finalists
    if not found:
        return Section("Finalists", (Words("None: nothing is stable."),))
    known = [(f, f.figures) for f in found if f.figures is not None]
    parts: list[Part] = [
        Table(
            (("", "Strategy", "From"), *((str(f.number), f.strategy, f.origin) for f in found)),
            "><<",
        )
    ]
    if any(f.origin.startswith(_REFINED) for f in found):
        parts.append(
            Words(
                "Refined sets were chosen by the whole history that was searched, and permuted"
                " searches have refined nothing: their p-values say nothing of these sets. Sets"
                " that stand together in the table are much alike, and several that agree say"
                " hardly more than one."
            )
        )
    if any(is_peak(f.origin) for f in found):
        parts.append(
            Words(
                "NO PLATEAU was found, and no analysis has ranked a set: of each strategy the most"
                " stable outcome stands here alone. It is a peak; what lies beside it in the grid"
                " may well fail, so that its figures are more likely luck than those of a plateau."
                " A finer grid has more stable combinations in a cell of the map, and may have"
                " plateaus."
            )
        )
    parts += [
        Words(f"Finalist {f.number}: no figures: {f.reason}.") for f in found if f.figures is None
    ]
    if known:
        parts += [_significance(known), _efficiency(known)]
        parts += _failed(known)
        parts += [_intervals(known), *_reshuffled(known), *_stress(known)]
        reasons = {
            reason: f"finalist {f.number}, {name.replace('_', ' ')}"
            for f, figures in reversed(known)
            for name, reason in figures.reasons.items()
        }
        parts += [Words(f"Not known: {what}: {why}.") for why, what in reversed(reasons.items())]
    parts += [
        Words(f"{f.number}: " + ", ".join(f"{n} {v:g}" for n, v in f.params.items()))
        for f in found
        if f.params
    ]
    return Section("Finalists", (*parts, *_EXPLAINED))


_Known = Sequence[tuple[FinalistStatistics, FinalistFigures]]


def _significance(known: _Known) -> Table:
    rows: list[tuple[str, ...]] = [
        ("", "Sharpe", "PSR", "autocorr.", "Expected", "DSR", "Excess: Sharpe", "PSR", "Expected",
         "DSR")
    ]  # fmt: skip
    for f, figures in known:
        own, over = figures.returns, figures.excess
        rows.append(
            (
                str(f.number),
                *_sure(own),
                *(cell for i, cell in enumerate(_sure(over)) if i != 2),
            )
        )
    first = known[0][1]
    return Table(
        tuple(rows),
        ">" * 10,
        f"Sharpe ratios a year of {first.periods:,} periods, and how sure they are after"
        f" {first.trials:,} trials",
    )


def _sure(found: Significance | None) -> tuple[str, str, str, str, str]:
    if found is None:
        return (NONE,) * 5
    return (
        two(found.sharpe),
        sure(found.psr),
        sure(found.psr_autocorrelated),
        two(found.expected_maximum),
        dsr(found.dsr),
    )


def _efficiency(known: _Known) -> Table:
    rows = [("", "WFE raw", "WFE a year", "TradeStation", "Trades", "Return a year", "Drawdown")]
    for f, figures in known:
        met = sum(c.passed for c in figures.tradestation.conditions)
        plain = figures.stress.cases[0]
        rows.append(
            (
                str(f.number),
                two(figures.efficiency.raw),
                two(figures.efficiency.annual),
                f"{met} of {len(figures.tradestation.conditions)}",
                NONE if plain.trades is None else f"{plain.trades:,.0f}",
                share(plain.annual_return),
                share(plain.drawdown_share),
            )
        )
    first = known[0][1]
    # Of the same bars, lots and costs it is the same for all.
    held = first.stress.cases[0].held_return
    if held is not None and held > -1:
        annual = math.expm1(math.log1p(held) * first.periods_per_year / first.periods)
        rows.append(("buy-and-hold", NONE, NONE, NONE, "0", share(annual), NONE))
    return Table(
        tuple(rows),
        ">" * 7,
        f"Efficiency over the phases; trades, return and drawdown {first.first} to {first.last}",
    )


def _failed(known: _Known) -> list[Part]:
    """Say which of TradeStation's conditions are not met, and by which finalists."""
    failed: dict[str, list[str]] = {}
    for f, figures in known:
        for condition in figures.tradestation.conditions:
            if not condition.passed:
                failed.setdefault(condition.name, []).append(str(f.number))
    return [Words(f"Not met by {', '.join(numbers)}: {name}.") for name, numbers in failed.items()]


def _intervals(known: _Known) -> Table:
    levels = {f.return_intervals.level for _, f in known if f.return_intervals is not None}
    rows = [("", "Sharpe", "from", "to", "Drawdown", "from", "to", "Profit factor", "from", "to")]
    for f, figures in known:
        own, trades = figures.return_intervals, figures.trade_intervals
        rows.append(
            (
                str(f.number),
                *_interval(None if own is None else own.sharpe, two),
                *_interval(None if own is None else own.drawdown_share, share),
                *_interval(None if trades is None else trades.profit_factor, two),
            )
        )
    words = " and ".join(_level(level) for level in sorted(levels)) or "no"
    return Table(tuple(rows), ">" * 10, f"{words} intervals of a block bootstrap")


def _interval(found: Interval | None, form: Callable[[float | None], str]) -> tuple[str, str, str]:
    if found is None:
        return (NONE,) * 3
    return form(found.value), form(found.low), form(found.high)


def _reshuffled(known: _Known) -> Iterator[Part]:
    having = [(f, g.reshuffled) for f, g in known if g.reshuffled is not None]
    if not having:
        return
    levels = having[0][1].levels
    heads = ("", "Real order", *(_level(level) for level in levels), "Orders no worse")
    rows = [heads]
    for f, found in having:
        if found.levels == levels:
            cells = (share(found.real), *(share(q) for q in found.quantiles), share(found.place))
            rows.append((str(f.number), *cells))
    yield Table(
        tuple(rows),
        ">" * len(heads),
        f"Largest drawdown at the closes of trades, in {having[0][1].draws:,} other orders of them:"
        " quantiles",
    )
    # Of many, which are alike as a rule, the table says enough.
    for f, found in having[:_FEW]:
        items = [Mark("real order", found.real, share(found.real))]
        items += [
            Mark(f"{_level(level)} of orders", value, f"up to {share(value)}")
            for level, value in zip(found.levels, found.quantiles, strict=True)
        ]
        yield Bars(
            f"Finalist {f.number}: drawdown at closes, {found.trades:,} trades reshuffled",
            tuple(items),
        )


_CASES: Mapping[str, str] = {
    "as_it_is": "as it is",
    "slippage_doubled": "slippage doubled to {size}",
    "slippage_stated": "slippage of {size}",
    "trades_skipped": "{size} of trades skipped",
    "entries_late": "entries {size:.0f} bar late",
    "noise": "prices off by {size} of a bar",
}


def _level(value: float) -> str:
    """Return a share that was set, and not measured, in percent."""
    return f"{100 * value:.10g} %"


def _case(case: StressCase) -> str:
    words = _CASES.get(case.name, case.name)
    return words.format(size=case.size if "{size:" in words else _level(case.size))


def _cases(figures: FinalistFigures) -> list[StressCase]:
    """Return the cases that stress something: without slippage, doubling it does not."""
    cases = figures.stress.cases
    return [case for case in cases if case.size or case.name != "slippage_doubled"]


def _stress(known: _Known) -> Iterator[Part]:
    if len(known) > _FEW:
        yield from _stress_of_all(known)
    for f, figures in known if len(known) <= _FEW else known[:1]:
        heads = ("", "A year", "Drawdown", "Trades", "In all", "Excess", "5 % of draws below")
        rows = [heads]
        rows += [
            (
                _case(case),
                share(case.annual_return),
                share(case.drawdown_share),
                NONE if case.trades is None else f"{case.trades:,.0f}",
                share(case.total_return),
                share(case.excess),
                share(case.low_return),
            )
            for case in _cases(figures)
        ]
        caption = (
            f"Finalist {f.number} under execution stress: returns a year and in all, the latter in"
            " excess of holding; medians of draws"
        )
        yield Table(tuple(rows), "<" + ">" * 6, caption)
        if len(known) <= _FEW:
            yield from _reasons(f, figures)
        even = figures.stress.break_even
        texts = {
            "below": "there is no excess over holding as it is",
            "above": f"the excess over holding is left at {_level(even.most)} a fill",
            "found": "the excess over holding is gone at a slippage of"
            f" {percent(even.slip or 0.0)} a fill",
        }
        yield Words(f"Finalist {f.number}: {texts[even.state]}.")


def _stress_of_all(known: _Known) -> Iterator[Part]:
    """Set many finalists below each other: what they return a year under each kind of stress."""
    cases = _cases(known[0][1])
    letters = [chr(ord("a") + k) for k in range(len(cases))]
    rows = [("", *letters, "Slippage")]
    for f, figures in known:
        even = figures.stress.break_even
        slip = {"below": NONE, "above": f"> {_level(even.most)}", "found": percent(even.slip or 0)}
        returns = (share(case.annual_return) for case in _cases(figures))
        rows.append((str(f.number), *returns, slip[even.state]))
    named = "; ".join(f"{a}: {_case(case)}" for a, case in zip(letters, cases, strict=True))
    yield Table(
        tuple(rows),
        ">" * len(rows[0]),
        "Returns a year under execution stress, medians of draws, and the slippage a fill at which"
        " the excess over holding is gone; - where there is none as it is",
    )
    yield Words(f"{named}.")
    for f, figures in known:
        yield from _reasons(f, figures)


def _reasons(f: FinalistStatistics, figures: FinalistFigures) -> Iterator[Part]:
    yield from reasons_words(
        f"stress of finalist {f.number}", [case.reason for case in figures.stress.cases]
    )
