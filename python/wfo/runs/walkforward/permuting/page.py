"""The page of a permutation test of a walk-forward: p-values, quantiles, and what they rest on."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.data.timeframes import is_intraday
from wfo.files import is_there
from wfo.runs.assumed import Assumed, assumed_lines, assumed_of_settings
from wfo.runs.permuting.page import BLOCK, SESSIONS
from wfo.runs.permuting.testing import RUNS
from wfo.runs.verdict.rules import p_text
from wfo.runs.walkforward.permuting.record import record_path
from wfo.runs.walkforward.permuting.values import WalkPermutations, figure_words
from wfo.text import table, wrap_text
from wfo.walkforward.permuted import BESIDE, STATISTICS

if TYPE_CHECKING:
    from wfo.runs.permuting.values import Tested
    from wfo.runs.walkforward.permuting.walked import Walked

#: Columns of what is wrapped.
_WIDTH = 98

#: Quantiles of the permuted figures that a table shows.
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)

#: Rows of a histogram, and characters of its longest bar.
_BINS, _LONGEST = 12, 48


def page(walked: Walked, test: WalkPermutations, path: Path, note: str = "") -> str:
    """Return the whole page.

    Parameters
    ----------
    walked
        The walk-forward.
    test, path
        What it came to on permuted bars, and where that is recorded.
    note
        What was done to a record that did not hold.
    """
    excess = test.figures["excess"]
    lines = [*_head(walked, test), "", *_answer(test), "", *_figures(test), ""]
    lines += [
        f"Excess over buy-and-hold, log, of {test.runs:,} permuted markets",
        *histogram(excess),
        "",
        "What was chosen again",
        *assumed_lines(_searched(walked, test)),
        "",
        "What a permutation keeps, and what it destroys",
        *_said(_kept(walked, test)),
        "",
        "What this does not say",
        *_said(_unknown(walked, test)),
        "",
    ]
    lines += _said([f"{note}."] if note else [])
    return "\n".join([*lines, *_next(walked, test, path)]) + "\n"


def histogram(each: Tested) -> list[str]:
    """Return the permuted figures as bars of a text, with the place of the real one.

    What is not finite has a row of its own.
    """
    import numpy as np

    finite = each.permuted[np.isfinite(each.permuted)]
    lines: list[tuple[str, str, str]] = []
    other = len(each.permuted) - len(finite)
    if other:
        lines.append(("no such number", "", f"{other:,}"))
    real = each.real
    if len(finite):
        known = np.append(finite, real) if math.isfinite(real) else finite
        low, high = float(known.min()), float(known.max())
        edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
        counts, _ = np.histogram(finite, edges)
        most = int(counts.max())
        # The last bin has its upper edge too, as of the counts.
        at = min(int(np.searchsorted(edges, real, side="right")) - 1, _BINS - 1)
        for number, count in enumerate(counts.tolist()):
            span = f"{edges[number]:+.2f} to {edges[number + 1]:+.2f}"
            mark = " <- real" if math.isfinite(real) and number == at else ""
            bar = "#" * math.ceil(_LONGEST * count / most)
            lines.append((span, f"{count:,}", f"{bar}{mark}"))
    return table(lines, "<><")


def _head(walked: Walked, test: WalkPermutations) -> list[str]:
    symbols = " with ".join(walked.symbols)
    return wrap_text(
        f"Permutation test of a walk-forward: {symbols} {walked.timeframe},"
        f" {walked.history.strategy.name} {walked.grid}, {walked.windows.schedule.name} by"
        f" {walked.by}, chosen anew in {test.windows:,} windows of {test.runs:,} permuted markets",
        _WIDTH,
        hang="  ",
    )


def _answer(test: WalkPermutations) -> list[str]:
    """Return the p-value of the excess and that of all figures together, in words."""
    each, runs = test.figures["excess"], test.runs
    yearly = each.real / test.years
    text = (
        f"Of {runs:,} permuted markets, {each.as_large:,} gave a stitched excess over buy-and-hold"
        f" at least as large as the real {yearly:+.3f} a year (log), and half of them"
        f" {each.median / test.years:+.3f} or more: p = {p_text(test.p['excess'])}."
    )
    together = (
        f"One p-value for all {len(STATISTICS)} figures: {p_text(test.p_all)}. With {runs:,}"
        f" permutations no p-value lies below {p_text(1 / (1 + runs))}, and one near 0.05 is known"
        f" to within {2 * math.sqrt(0.05 * 0.95 / runs):.2g}."
    )
    return [line for t in (text, together) for line in wrap_text(t, _WIDTH, hang="  ")]


def _figures(test: WalkPermutations) -> list[str]:
    shares = [f"{100 * share:.0f} %" for share in _SHARES]
    rows = [("Figure", "Real", *shares, "As large", "p")]
    for name, each in test.figures.items():
        p = test.p.get(name)
        rows.append(_row(figure_words(name), each, 1.0, "-" if p is None else p_text(p)))
        if name in {"log_return", "excess"}:
            # Years are the same in all markets, so that the p-value is too.
            rows.append(_row("  the same a year", each, test.years, ""))
    return [*table(rows, "<" + ">" * (len(rows[0]) - 1)), *_said((_COLUMNS,))]


_COLUMNS = (
    "Percentages head the quantiles of the permuted markets. Returns are logarithms of 1 + the"
    " return over all traded bars. As large: permuted markets whose figure is at least the real"
    " one's."
)


def _row(words: str, each: Tested, by: float, p: str) -> tuple[str, ...]:
    values = [each.real, *(each.quantile(share) for share in _SHARES)]
    large = f"{each.as_large:,}" if p else ""
    counted = words in (BESIDE["exits"], BESIDE["chosen"])
    texts = [f"{value:,.0f}" if counted else _number(value / by) for value in values]
    return (words, *texts, large, p)


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    text = f"{value:.2f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _searched(walked: Walked, test: WalkPermutations) -> Iterable[Assumed]:
    yield Assumed("Choices", _choices(test))
    unit = "sessions" if is_intraday(walked.timeframe) else "bars"
    moves = f"the moves of {test.bars:,} bars, {test.first} to {test.last}, in another order"
    blocks = f", in blocks of {test.block} {unit}" if test.block else ""
    yield Assumed("Bars", moves + blocks)
    yield Assumed(
        "Orders",
        f"1 to {test.runs:,} of a fixed sequence (SplitMix64)"
        + (", the same for both symbols" if len(walked.symbols) > 1 else ""),
    )
    history = walked.history
    yield from assumed_of_settings(history.settings, history.strategy, command="wfo walkforward")
    yield Assumed("Trials", "none are counted: what is chosen on permuted bars is not traded")


def _choices(test: WalkPermutations) -> str:
    again = test.windows - test.fixed
    text = (
        f"the {test.combinations:,} combinations again in {again:,} of {test.windows:,} windows of"
        " every market"
    )
    if test.fixed:
        stay = "the first one chooses" if test.fixed == 1 else f"the first {test.fixed:,} choose"
        text += f"; {stay} on bars that stay where they are"
    return text


def _kept(walked: Walked, test: WalkPermutations) -> Iterable[str]:
    yield (
        "Kept: the bars before the first out-of-sample one, so that this is always a test"
        " --after-first-in-sample; every later bar's gap with its moves within the bar; and the"
        " drift from the first to the last traded close"
        + ("; the hour of each move" if is_intraday(walked.timeframe) else "")
        + ("; that both symbols move together" if len(walked.symbols) > 1 else "")
        + "."
    )
    yield (
        "All traded bars trade places, so buy-and-hold ends at the same close in every market and"
        " differs by the gap of its first bar alone: return and excess have nearly the same"
        " p-value. Drift alone makes a curve that is long much of the time rise, and one that is"
        " in cash now and then lag a rising market; so neither figure says anything by itself, and"
        " the distance from the permuted median is what the order of bars has given."
    )
    if not test.block:
        yield (
            "Destroyed: trends, reversals, and clusters of volatility. The test takes bars to be"
            " independent of each other where there is nothing to find, which is assumed and not"
            " known: real markets have calm and wild months without an edge in them. Blocks"
            " (--block) keep those within their length."
        )
    else:
        yield (
            f"Kept in part: clusters of volatility, trends and reversals within blocks of"
            f" {test.block}. Destroyed: what lasts longer."
        )


def _unknown(walked: Walked, test: WalkPermutations) -> Iterable[str]:
    yield (
        "The p-values are of the choosing and trading as a whole, with this grid, schedule and"
        " criterion: not of one set, and not the chance that the next window earns. Other grids,"
        " criteria and lengths of windows that were tried before are not in them."
    )
    if test.runs < RUNS:
        yield f"{test.runs:,} permutations are few; --runs {RUNS} says more."
    settings = walked.history.settings
    if not (settings.slip or settings.fee):
        yield "No market paid costs, neither the real one nor the permuted ones."


def _next(walked: Walked, test: WalkPermutations, path: Path) -> list[str]:
    length = SESSIONS if is_intraday(walked.timeframe) else BLOCK
    begin = ["wfo", "permutation-test", str(walked.folder)]
    commands = [
        [*begin, *(("--block", str(block)) if block else ())]
        for block in (0, length)
        if block != test.block and not is_there(record_path(walked.folder, block))
    ]
    lines = ["Recorded", f"  {path}"]
    if commands:
        lines += ["", "Next", *(f"  {shlex.join(each)}" for each in commands)]
    return lines


def _said(texts: Iterable[str]) -> list[str]:
    return [line for t in texts if t for line in wrap_text(t, _WIDTH, "  ", hang="  ")]
