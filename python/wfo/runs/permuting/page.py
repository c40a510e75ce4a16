"""The page of a permutation test: one p-value, a table a strategy, and what both rest on."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from wfo.data.timeframes import is_intraday
from wfo.files import is_there
from wfo.runs.assumed import Assumed, assumed_lines, assumed_of_settings
from wfo.runs.permuting.record import MIN_TRADES, Basis, record_path
from wfo.runs.permuting.values import (
    BESIDE,
    OUTCOMES,
    STABLE,
    PermutationTest,
    Tested,
    Variant,
)
from wfo.runs.verdict.rules import first_lines, p_text
from wfo.selection.gates import Gates
from wfo.settings import AccountSettings
from wfo.text import percent, table, wrap_text

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder
    from wfo.runs.manifest import Manifest
    from wfo.runs.verdict.facts import Facts

#: Columns of what is wrapped.
_WIDTH = 98

#: Block that the page proposes, in bars, and in sessions of intraday bars.
BLOCK, SESSIONS = 20, 5

#: Permutations that the page proposes where there are fewer.
_USUAL = 200

#: Quantile of the permuted figures that a table shows.
_HIGH = 0.95


def page(
    folder: RunFolder,
    manifest: Manifest,
    settings: AccountSettings,
    facts: Facts,
    basis: Basis,
    test: PermutationTest,
    note: str = "",
) -> str:
    """Return the whole page.

    Parameters
    ----------
    folder, manifest, settings
        The run, and the settings of its backtests.
    facts
        What its first lines are made of.
    basis, test
        What was searched again, and what it came to.
    note
        What was done to a record that did not hold.
    """
    first = [
        line
        for words in first_lines(facts, brief=True)
        for line in wrap_text(words, _WIDTH, hang="  ")
    ]
    lines = ["", *first, "", *_head(manifest, test), "", *_combined(test), *_each(test, facts), ""]
    lines += [
        "What was searched again",
        *assumed_lines(_searched(manifest, settings, basis, test)),
        "",
    ]
    lines += ["What a permutation keeps, and what it destroys", *_said(_kept(manifest, test)), ""]
    lines += ["What this does not say", *_said(_unknown(settings, test)), ""]
    lines += _said([f"{note}."] if note else [])
    return "\n".join([*lines, *_next(folder, manifest, test)]) + "\n"


def figure_words(name: str) -> str:
    """Return what a figure of a search is called on pages."""
    if name.startswith(STABLE):
        return f"stable share, {name.removeprefix(STABLE)}"
    return OUTCOMES.get(name) or BESIDE[name]


def figure_text(name: str, value: float) -> str:
    """Return a figure of a search as text: shares in percent, returns with two decimals."""
    if math.isnan(value):
        return "-"
    if name.startswith(STABLE) or name == "trading":
        return percent(value)
    return f"{value:.2f}"


def _head(manifest: Manifest, test: PermutationTest) -> list[str]:
    symbols = manifest.symbol
    if manifest.data2 is not None:
        symbols += f" with {manifest.data2.symbol}"
    count = len(test.searched)
    grids = "grid" if count == 1 else f"{count} grids"
    return wrap_text(
        f"Permutation test of {symbols} {manifest.timeframe}: the {grids} of the run searched again"
        f" on {test.runs:,} permuted markets",
        _WIDTH,
        hang="  ",
    )


def _combined(test: PermutationTest) -> list[str]:
    """Return the one p-value of all figures, and what it means."""
    return [
        f"One p-value for all {test.count} figures: {p_text(test.p_all)}",
        *_said(_combined_words(test)),
    ]


def _combined_words(test: PermutationTest) -> Iterable[str]:
    """Say what the one p-value means, and how far it can go."""
    p, runs, sets = test.p_all, test.runs, 1 + test.runs
    error = 2 * math.sqrt(0.05 * 0.95 / runs)
    yield (
        f"By the most unusual figure of each, {round(p * sets):,} of {sets:,} markets, the real one"
        " among them, are at least as unusual as the real one: a search with nothing to find but"
        f" drift does as well {100 * p:.3g} times in 100."
    )
    yield (
        f"With {runs:,} permutations no p-value lies below {p_text(1 / sets)}, and one near 0.05 is"
        f" known to within {error:.2g}."
    )
    if test.p_attainable > 1 / sets:
        # Each other figure has one permuted search that is ahead in it, at most.
        enough = math.ceil(test.count / 0.05) - 1
        more = (
            f"--runs {enough:,} let it reach 0.05"
            if test.p_attainable > 0.05
            else "more --runs lower that"
        )
        yield (
            "A single figure that is ahead of all permuted searches brings the one p-value no lower"
            f" than {p_text(test.p_attainable)}, since in every other figure some permuted search"
            f" is ahead; {more}."
        )


def _each(test: PermutationTest, facts: Facts) -> list[str]:
    lines: list[str] = []
    for name, figures in test.figures.items():
        p, searched = test.p[name], test.searched[name]
        heads = ("Figure", "Real", "Permuted: median", "95 %", "As large", "p")
        rows = [heads, *(_row(n, each, p.get(n)) for n, each in figures.items())]
        lines += ["", f"{name}, {searched.combinations:,} combinations", *table(rows, "<>>>>>")]
        lines += _said((_in_words(test.runs, figures),))
    explained = (
        "Returns are sums over phases of the logarithm of 1 + the out-of-sample return; excess is"
        f" that minus buy-and-hold's, among combinations with {MIN_TRADES} closed trades in"
        f" {test.least} phases or more. As large: permuted markets whose figure is at least the"
        " real one's."
    )
    counts = facts.gates[0]
    fewer = (counts.lowest or counts.least) < test.least
    relaxed = (
        f"Stable is what is valid in {test.least} phases or more here, also of strategies of which"
        " the run itself took what is valid in fewer, since none was stable: there the real share"
        " is 0."
    )
    return [*lines, "", *_said((explained, relaxed if fewer else ""))]


def _row(name: str, each: Tested, p: float | None) -> tuple[str, ...]:
    return (
        figure_words(name),
        figure_text(name, each.real),
        figure_text(name, each.median),
        figure_text(name, each.quantile(_HIGH)),
        f"{each.as_large:,}",
        "-" if p is None else p_text(p),
    )


def _in_words(runs: int, figures: Mapping[str, Tested]) -> str:
    """Say how often permuted markets do as well, for the two figures that are looked at first."""
    stable = next(name for name in figures if name.startswith(STABLE))
    return (
        f"Of {runs:,} permuted markets, {figures[stable].as_large:,} gave a stable share by"
        f" {stable.removeprefix(STABLE)} at least as large as the real one's, and"
        f" {figures['best_excess'].as_large:,} a best excess over buy-and-hold at least as large."
    )


def _searched(
    manifest: Manifest, settings: AccountSettings, basis: Basis, test: PermutationTest
) -> Iterable[Assumed]:
    phases = manifest.phases
    spans = f"{phases[0].in_sample[0]} to {phases[-1].out_of_sample[1]}"
    yield Assumed("Windows", f"{len(phases)} phases of '{phases.name}', {spans}")
    for name, gates in basis.gates.items():
        rules = ", the run's own" if name == manifest.gates.name else ""
        yield Assumed("Gates", f"{name}{rules}: {_gate_words(gates)}, in {basis.least} phases")
    yield Assumed("Bars", f"{_moved(manifest, test)}, {test.first} to {test.last}")
    yield Assumed(
        "Orders",
        f"1 to {test.runs:,} of a fixed sequence (SplitMix64), the same for every strategy"
        + ("" if manifest.data2 is None else " and for both symbols"),
    )
    strategy = manifest.strategy_of(next(iter(manifest.sweeps)))
    yield from assumed_of_settings(settings, strategy, command="wfo run")
    yield Assumed(
        "Trials", "none are counted: these searches are of other bars, and choose nothing"
    )


def _moved(manifest: Manifest, test: PermutationTest) -> str:
    """Say which moves trade places."""
    since = "after the first in-sample window" if test.variant.later else "from the first phase on"
    moves = f"the moves of {test.bars:,} bars, {since}, in another order"
    if test.variant.block:
        unit = "sessions" if _intraday(manifest) else "bars"
        moves += f", in blocks of {test.variant.block} {unit}"
    return moves


def _gate_words(gates: Gates) -> str:
    words = [f"efficiency above {gates.wfe:g}", f"drawdown below {gates.dd_ratio:g} times"]
    words += [f"{gates.min_trades} trades"] if gates.min_trades else []
    words += [f"more than buy-and-hold by {gates.beat}"] if gates.beat else []
    return ", ".join(words)


def _kept(manifest: Manifest, test: PermutationTest) -> list[str]:
    block = test.variant.block
    kept = (
        "Kept: every bar's gap together with its moves within the bar, so how they are distributed,"
        " and the drift from the first to the last close"
    )
    kept += "; the bars before" if not test.variant.later else "; the first in-sample window"
    kept += "; the hour of each move" if _intraday(manifest) else ""
    kept += "; that both symbols move together" if manifest.data2 is not None else ""
    if not block:
        destroyed = (
            "Destroyed: whatever a rule could know of the next bar from those before, trends and"
            " reversals, and clusters of volatility too. Real markets have clusters without"
            " anything to find in them, so this test is exact only where moves are independent;"
            " one by blocks (--block) is closer."
        )
    elif _intraday(manifest):
        destroyed = (
            f"Kept in part: the order of {block} sessions after each other, and clusters of"
            " volatility up to that length. Destroyed: what lasts longer. Sessions of another"
            " shape, such as half-days, stay where they are."
        )
    else:
        destroyed = (
            f"Kept in part: the order of {block} bars after each other, and with it clusters of"
            " volatility, trends and reversals up to that length. Destroyed: what lasts longer."
        )
    return [f"{kept}.", destroyed]


def _unknown(settings: AccountSettings, test: PermutationTest) -> Iterable[str]:
    yield (
        "The p-values are of the search as a whole: not of one set, and not the chance that a set"
        " will earn. What was tried before on this symbol, other grids and strategies, is not in"
        " them."
    )
    yield (
        "Since drift is kept, what holds a rising market is stable on permuted ones too: a stable"
        " share of the permuted searches near the real one's says that drift alone makes it. Excess"
        " over buy-and-hold leaves drift out."
    )
    yield (
        "Where figures tie, as shares of 0 do, a p-value is larger than it need be: at most"
        " nominal."
    )
    if test.variant.later:
        yield (
            "The first in-sample window is the real one in all searches, so that what was found on"
            " it is judged on bars that have none of its order."
        )
    if not (settings.slip or settings.fee):
        yield (
            "Neither the real nor the permuted searches paid costs; what trades often may be"
            " beyond chance here and still lose money."
        )


def _next(folder: RunFolder, manifest: Manifest, test: PermutationTest) -> list[str]:
    length = SESSIONS if _intraday(manifest) else BLOCK
    others = (Variant(), Variant(block=length), Variant(later=True))
    begin = ["wfo", "permutation-test", str(folder.path)]
    commands = [[*begin, "--runs", str(_USUAL), *test.variant.options]] * (test.runs < _USUAL)
    commands += [
        [*begin, *each.options]
        for each in others
        if each != test.variant and not is_there(record_path(folder, each))
    ]
    commands.append(["wfo", "verdict", str(folder.path)])
    lines = ["Recorded", f"  {record_path(folder, test.variant)}"]
    return [*lines, "", "Next", *(f"  {shlex.join(each)}" for each in commands)]


def _intraday(manifest: Manifest) -> bool:
    return is_intraday(manifest.timeframe)


def _said(texts: Iterable[str]) -> list[str]:
    return [line for t in texts if t for line in wrap_text(t, _WIDTH, "  ", hang="  ")]
