"""The sections of a verdict's page: figures, what each means, and where it misleads."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence

from wfo.backtest.benchmark import MARGIN, Benchmark
from wfo.data.timeframes import is_intraday
from wfo.runs.holdout.lines import holdout_lines
from wfo.runs.holdout.state import HoldoutState
from wfo.runs.manifest import Manifest
from wfo.runs.permuting.page import figure_text, figure_words
from wfo.runs.permuting.values import STABLE, PermutationTest, Tested
from wfo.runs.verdict.chance import variant_words
from wfo.runs.verdict.facts import Facts
from wfo.runs.verdict.finalist_section import finalists_section
from wfo.runs.verdict.parts import (
    Dots,
    Explained,
    Histogram,
    Lines,
    Mark,
    Part,
    Section,
    Table,
    Words,
    ends,
    reasons_words,
)
from wfo.runs.verdict.record import (
    MeasureProfile,
    Prediction,
    Sample,
    SampleStatistics,
    StrategyStatistics,
    Verdict,
)
from wfo.runs.verdict.rules import p_text
from wfo.runs.verdict.texts import (
    NONE,
    annual,
    count,
    dsr,
    middle,
    money,
    p_or_none,
    share,
    signed,
    two,
)
from wfo.selection.profile import QUANTILE_ERROR
from wfo.text import percent

#: Quantile of permuted figures beside their median.
_HIGH = 0.95


def sections(
    verdict: Verdict,
    facts: Facts,
    manifest: Manifest,
    tests: Sequence[PermutationTest],
    hold_out: HoldoutState,
    *,
    stale: Sequence[str] = (),
    changed: bool = False,
) -> tuple[Section, ...]:
    """Return the sections of a page, in order.

    Parameters
    ----------
    verdict
        The statistics.
    facts
        What the first lines are made of.
    manifest
        The run.
    tests
        Its permutation tests.
    hold_out
        What has become of its hold-out.
    stale
        What is said of permutation tests that are of another state of the run.
    changed
        Whether the finalists are others than those that the hold-out was spent on.
    """
    return (
        _assumed(verdict, facts, manifest, tests),
        _chance(facts, manifest, tests, stale),
        _search(verdict),
        _profiles(verdict, manifest.benchmarks),
        _prediction(verdict.prediction, verdict.symbol),
        finalists_section(verdict),
        Section("Hold-out", _hold_out(hold_out, facts, changed=changed)),
        _trials(verdict),
        _not_known(facts, manifest),
    )


# What was assumed


def _assumed(
    verdict: Verdict, facts: Facts, manifest: Manifest, tests: Sequence[PermutationTest]
) -> Section:
    part, made, gates = verdict.slice, verdict.made, manifest.gates
    whole = verdict.run.statistics.sample
    rules = [
        f"efficiency above {gates.wfe:g}",
        f"out-of-sample drawdown below {gates.dd_ratio:g} times the in-sample one",
    ]
    rules += [f"{gates.min_trades} trades"] if gates.min_trades else []
    rules += [f"more than buy-and-hold by {gates.beat}"] if gates.beat else []
    rows = [(item.what, f"{item.text}") for item in verdict.assumed]
    rows += [
        (
            "Gates",
            (
                f"'{gates.name}': {', '.join(rules)}; stable in {facts.least} or more of"
                f" {facts.phases} phases"
            ),
        ),
        (
            "Slice",
            (
                f"one simulation, {part.first} to {part.last}, {part.periods:,} periods,"
                f" {part.periods_per_year:g} a year; returns follow from its marks, positions stay"
                " open where phases change"
            ),
        ),
        *(
            (
                "Sample",
                f"{s.strategy}: {_sample(s.statistics.sample)}",
            )
            for s in verdict.strategies
        ),
    ]
    # Of one strategy the run's sample is the strategy's.
    if len(verdict.strategies) > 1:
        rows.append(
            (
                "Sample",
                (
                    f"the run: {whole.used:,} of {whole.total:,}, each strategy by its size (stream"
                    f" {whole.stream}){_dropped(whole.drawn - whole.used)}"
                ),
            )
        )
    rows.append(("Bootstrap", _bootstrap(verdict)))
    rows += [
        (
            "Permuted",
            (
                f"{variant_words(t.variant, sessions=is_intraday(manifest.data.timeframe))},"
                f" {t.runs:,} orders of a fixed sequence, {t.first} to {t.last}"
            ),
        )
        for t in tests
    ]
    rows.append(("Collected", f"{verdict.at} by wfo {made.version}"))
    return Section("What was assumed", (Table(tuple(rows), "<<"),))


def _bootstrap(verdict: Verdict) -> str:
    held = verdict.run.statistics.held
    blocks = "" if held.block is None else f", blocks of {held.block:.1f} periods in the mean"
    own = {f.figures.seed for f in verdict.finalists if f.figures is not None}
    seeds = f"; of finalists seed {', '.join(map(str, sorted(own)))}" if own else ""
    return f"{verdict.made.resamples:,} resamples, seed {held.seed}{blocks}{seeds}"


def _sample(found: Sample) -> str:
    if found.drawn == found.total:
        lost = found.drawn - found.used
        return f"all {found.total:,} combinations" + (
            f"; {lost:,} of them lose all and have no returns" if lost else ""
        )
    return (
        f"{found.used:,} of {found.total:,} combinations, drawn uniformly from the whole grid"
        f" (stream {found.stream}){_dropped(found.drawn - found.used)}"
    )


def _dropped(count: int) -> str:
    return f"; {count:,} more lose all and have no returns" if count else ""


# Chance


#: Of the figures of a permutation test.
_CHANCE_EXPLAINED = (
    Explained(
        "p",
        "the share of data sets, the permuted ones and the real one, whose figure is at least the"
        " real one's; small p-values are seldom where bars follow no pattern.",
        "It is not how probable it is that the result is chance, nor that a set will earn; and of"
        " fifteen figures one has a p of .02 by chance one time in four, so that the one p over all"
        " of them counts.",
    ),
    Explained(
        "Stable share",
        "how much of the grid passes the gates on bars of the same moves in another order.",
        "A permutation keeps the drift: where holding pays, holding in disguise is stable on"
        " permuted bars too.",
    ),
    Explained(
        "Excess",
        "out-of-sample log return summed over phases, over buy-and-hold's, among combinations that"
        " trade: 0.69 is twice what holding comes to. It is what is left when drift is taken away.",
        "The best one is the best of many on permuted bars as well; above 0 by itself"
        " says nothing.",
    ),
)


def _chance(
    facts: Facts,
    manifest: Manifest,
    tests: Sequence[PermutationTest],
    stale: Sequence[str],
) -> Section:
    parts: list[Part] = [Words(f"{text[:1].upper()}{text[1:]}.") for text in stale]
    folder = shlex.quote(facts.folder)
    if not tests:
        parts.append(
            Words(
                "Not known: no search of permuted bars has been made."
                f" 'wfo permutation-test {folder}' makes 200."
            )
        )
    for test in tests:
        parts += _one_test(test, manifest)
    if tests:
        parts += _CHANCE_EXPLAINED
        if not any(test.variant.block for test in tests):
            parts.append(
                Words(
                    "Bars that are permuted one by one have no clusters of volatility, and real"
                    f" ones have, without any pattern: 'wfo permutation-test {folder} --block 20'"
                    " keeps them, and is the stricter question."
                )
            )
    return Section("What chance gives", tuple(parts))


def _one_test(test: PermutationTest, manifest: Manifest) -> Iterator[Part]:
    sessions = is_intraday(manifest.data.timeframe)
    yield Words(
        f"{test.runs:,} searches of permuted {variant_words(test.variant, sessions=sessions)}: one"
        f" p over all {test.count} figures {p_text(test.p_all)}; of so many it cannot be less than"
        f" {p_text(1 / (1 + test.runs))}."
    )
    for name, figures in test.figures.items():
        p = test.p[name]
        rows = [("Figure", "Real", "Permuted: median", "95 %", "p")]
        rows += [
            (
                figure_words(n),
                figure_text(n, each.real),
                figure_text(n, each.median),
                figure_text(n, each.quantile(_HIGH)),
                p_text(p[n]) if n in p else NONE,
            )
            for n, each in figures.items()
        ]
        yield Table(
            tuple(rows), "<>>>>", f"{name}, {test.searched[name].combinations:,} combinations"
        )
        shown = [STABLE + manifest.gates.name, "best_excess", "median_excess"]
        for n in shown:
            if n in figures:
                yield _permuted_chart(f"{name}: {figure_words(n)}", n, figures[n])


def _permuted_chart(title: str, name: str, figure: Tested) -> Histogram:
    values = tuple(figure.permuted.tolist())
    real = Mark("real", figure.real, figure_text(name, figure.real))
    found = ends(values, (real,)) or (math.nan, math.nan)
    low, high = (figure_text(name, v) for v in found)
    return Histogram(f"{title}, of {len(values):,} permuted searches", values, low, high, (real,))


# The search

_SEARCH_EXPLAINED = (
    Explained(
        "WFE",
        "walk-forward efficiency, out-of-sample by in-sample profit over all phases; the median of"
        " sampled combinations that earned in-sample, raw and each part a year.",
        "The raw one is inflated by compounding and by parts of different length, and holding has"
        " one too: in a rising market most reach .5.",
    ),
    Explained(
        "Sharpe ratio expected of the best",
        "the largest one that as many trials as were ever made on this symbol would show by chance"
        " if none had any skill.",
        "It follows from the spread within the sample, and takes trials for independent: with many"
        " alike it is too high. It takes them to earn nothing in the mean, too: where the market"
        " rises even the median may be above it, and the excess is what to look at.",
    ),
    Explained(
        "DSR",
        "how sure it is, from 0 to 1, that the best sampled Sharpe ratio is above that; .95 is"
        " needed.",
        "At the full number of trials it hardly ever gets there, with or without skill: below .95"
        " it shows nothing, above it much. Where the market rises, only the excess counts.",
    ),
    Explained(
        "PBO",
        "the share of splits of the periods in halves in which the best of the sample on one half"
        " is in the lower half of the sample on the other; .5 is choosing any.",
        "On bars without any pattern it was .41 without drift and .59 with it, in trials: near .5"
        " it tells nothing. Near 0 it says that combinations differ lastingly, as those that hold"
        " and those that do not; not that any beats holding.",
    ),
    Explained(
        "CPCV paths",
        "the best of the sample, chosen on all blocks of periods but those held out and followed on"
        " these, for every choice of blocks, put together to whole histories.",
        "The paths share their blocks, so that they are not as many histories; and drift lifts all"
        " of them.",
    ),
    Explained(
        "SPA",
        "p of the best of the sample against a benchmark, allowing for how many were looked at;"
        " StepM counts the sets that beat it, with at most 5 % for any false one.",
        "Against cash drift alone rejects: only buy-and-hold is a question here. A sample's best is"
        " not the grid's best. With a few hundred periods it rejects somewhat too often, and the"
        " lower p always does.",
    ),
    Explained(
        "Independent trials",
        "clusters of sampled sets by the correlation of their returns.",
        "It is shown beside the number of trials, not in its place: sets of one cluster still"
        " differ in what they earn.",
    ),
)


def _search(verdict: Verdict) -> Section:
    names = [s.strategy for s in verdict.strategies]
    samples = [s.statistics for s in verdict.strategies]
    counts = [_of_strategy(s) for s in verdict.strategies]
    # Of one strategy the run is the strategy, sampled once more.
    if len(samples) > 1:
        names.append("the run")
        samples.append(verdict.run.statistics)
        found = verdict.strategies
        whole = _counts(
            verdict.run.combinations,
            sum(s.stable for s in found),
            sum(s.beaten for s in found),
            sum(s.candidates for s in found),
        )
        # Efficiencies of strategies have no common sample.
        counts.append([*whole, *((name, NONE) for name, _ in counts[0][len(whole) :])])
    year = math.sqrt(verdict.slice.periods_per_year)
    columns = [[*own, *_figures(each, year)] for own, each in zip(counts, samples, strict=True)]
    rows = [("", *names)]
    rows += [(lines[0][0], *(text for _, text in lines)) for lines in zip(*columns, strict=True)]
    parts: list[Part] = [
        Table(
            tuple(rows),
            "<" + ">" * len(columns),
            "Statistics of the samples; Sharpe ratios a year, excess is over buy-and-hold",
        ),
        *(Words(text) for text in _missing(names, samples)),
    ]
    parts += [
        _paths_chart(name, each.paths.sharpes)
        for name, each in zip(names, samples, strict=True)
        if each.paths.sharpes
    ]
    return Section("The search", (*parts, *_SEARCH_EXPLAINED))


def _of_strategy(found: StrategyStatistics) -> list[tuple[str, str]]:
    efficiency = found.efficiency
    return [
        *_counts(found.combinations, found.stable, found.beaten, found.candidates),
        ("WFE of a combination, raw", two(efficiency.raw)),
        ("  a year", two(efficiency.annual)),
        ("  combinations that reach .5 a year", share(efficiency.reaching)),
    ]


def _counts(combinations: int, stable: int, beaten: int, candidates: int) -> list[tuple[str, str]]:
    return [
        ("Combinations", f"{combinations:,}"),
        ("Stable", f"{stable:,} ({percent(stable / combinations)})"),
        ("Candidates that beat holding", f"{beaten:,} of {candidates:,}"),
    ]


def _figures(found: SampleStatistics, year: float) -> list[tuple[str, str]]:
    """Return name and text of each figure of a sample."""
    rows = [("Sampled", f"{found.sample.used:,}")]
    for words, ratios in (("", found.returns), (" of the excess", found.excess)):
        rows += [
            (f"Sharpe ratio{words}, median", annual(ratios.median, year)),
            ("  best", annual(ratios.best, year)),
            ("  expected of the best", annual(ratios.expected_maximum, year)),
            ("  DSR of the best", dsr(ratios.best_dsr)),
        ]
    paths = found.paths.sharpes
    rows += [
        ("PBO", two(found.overfitting.pbo)),
        ("CPCV paths, Sharpe ratio: least", two(min(paths, default=None))),
        ("  median", two(middle(paths))),
        ("  largest", two(max(paths, default=None))),
    ]
    for test in (found.cash, found.held):
        rows += [
            (f"SPA against {test.benchmark}, p", p_or_none(test.p_consistent)),
            ("  lower, upper", f"{p_or_none(test.p_lower)}, {p_or_none(test.p_upper)}"),
            ("  better by StepM", count(test.better)),
        ]
    return [*rows, ("Independent trials", count(found.independent.count))]


def _paths_chart(name: str, sharpes: tuple[float, ...]) -> Dots:
    marks = (Mark("0", 0.0, "0"),)
    low, high = ends(sharpes, marks) or (0.0, 0.0)
    title = f"{name}: Sharpe ratio a year of {len(sharpes)} CPCV paths"
    return Dots(title, sharpes, f"{low:.2f}", f"{high:.2f}", marks)


def _missing(names: Sequence[str], columns: Sequence[SampleStatistics]) -> Iterator[str]:
    """Say why figures of the samples are missing, each reason once."""
    reasons: dict[str, list[str]] = {}
    for name, each in zip(names, columns, strict=True):
        items = {
            "Sharpe ratios": each.returns.reason,
            "Sharpe ratios of the excess": each.excess.reason,
            "PBO": each.overfitting.reason,
            "CPCV paths": each.paths.reason,
            "SPA against cash": each.cash.reason,
            "SPA against buy-and-hold": each.held.reason,
            "independent trials": each.independent.reason,
        }
        for what, reason in items.items():
            if reason:
                reasons.setdefault(reason, []).append(f"{what} of {name}")
    for reason, of in reasons.items():
        yield f"Not known: {', '.join(of)}: {reason}."


# Profiles

_PROFILE_EXPLAINED = (
    Explained(
        "In-sample to out-of-sample",
        "rank correlation of all combinations' in-sample profit with their out-of-sample profit;"
        " near 0, what earned before says nothing of what earns after.",
        "How much each holds ranks both parts: in a market that rises in both it is high without"
        " any skill, and below 0 where the market turns.",
    ),
    Explained(
        "Optimization profile",
        "what all combinations earn out-of-sample: their median, the share that earns, and how far"
        " the best is above the mean in standard deviations. A best far above a poor median is an"
        f" accident of the search. Medians are known to within {100 * QUANTILE_ERROR:.1g} %.",
        "In a rising market all that hold earn. Compare with what holding earned.",
    ),
)


def _profiles(verdict: Verdict, benchmarks: Sequence[Benchmark] | None) -> Section:
    parts: list[Part] = []
    held = [money(b.held.oos_pnl) for b in benchmarks or ()]
    for s in verdict.strategies:
        profile = {p.phase: p for p in s.profile if p.measure == "oos_pnl"}
        heads = ("Phase", "IS to OOS", "Median P/L", "Earn", "Best", "Best, in deviations")
        table: list[tuple[str, ...]] = [heads]
        table += [
            (str(k), signed(c.value), *_profile(profile.get(k)))
            for k, c in enumerate(s.correlations, 1)
        ]
        if len(held) == len(s.correlations):
            beside = ("Holding", *held)
            table = [(*row[:3], cell, *row[3:]) for row, cell in zip(table, beside, strict=True)]
        # Without a profile there is nothing in the other columns.
        known = len(table[0]) if profile else 2
        caption = f"{s.strategy}, all {s.combinations:,} combinations, out-of-sample"
        parts.append(Table(tuple(row[:known] for row in table), ">" * known, caption))
        sampled = [c for c in s.correlations if not c.exact and c.value is not None]
        if sampled:
            parts.append(
                Words(
                    f"Rank correlations of {s.strategy} are of {sampled[0].count:,} sampled ones."
                )
            )
        parts += reasons_words(
            f"rank correlation of {s.strategy}", [c.reason for c in s.correlations]
        )
        if not profile:
            parts.append(
                Words(
                    f"The profile of {s.strategy} is not known: its figures are not kept, or were"
                    " swept by an earlier version."
                )
            )
    return Section("All combinations", (*parts, *_PROFILE_EXPLAINED))


def _profile(found: MeasureProfile | None) -> tuple[str, str, str, str]:
    if found is None:
        return (NONE,) * 4
    far = found.best_deviations
    return (
        money(found.median),
        share(found.profitable),
        money(found.best),
        NONE if far is None else f"{far:.1f}",
    )


# Prediction

_OVER = {
    "candidates": "stable ones, by stability",
    "all": "all, by valid phases",
    "cells": "cells of the map, by stable share",
    "boxes": "boxes in all parameters, by stable share",
}

_PREDICTION_EXPLAINED = (
    Explained(
        "Did stability predict",
        "stability from all phases but the last against the return on bars that only the last phase"
        " has, beside in-sample profit alone; the lower table is what following the page of that"
        " time came to.",
        "It is one stretch of one market: combinations are much alike, so that a correlation over"
        " thousands of them is that of a few.",
    ),
)


def _prediction(found: Prediction, symbol: str) -> Section:
    title = "Did stability predict the last phase?"
    if not found.strategies:
        return Section(title, (Words(f"Not known: {found.reason}."), *_PREDICTION_EXPLAINED))
    parts: list[Part] = [
        Words(
            f"Judged on bars that no earlier phase has, {found.first} to {found.last};"
            f" buy-and-hold of {symbol} stands beside."
        )
    ]
    for s in found.strategies:
        if s.reason:
            parts.append(Words(f"Not known of {s.strategy}: {s.reason}."))
        of = "all" if s.exact else f"{s.sampled:,} sampled"
        if s.associations:
            rows = [("Rank correlation over", "Count", "By stability", "By in-sample profit")]
            rows += [
                (
                    _OVER.get(a.over, a.over),
                    f"{a.stability.count:,}",
                    signed(a.stability.value),
                    signed(a.profit.value),
                )
                for a in s.associations
            ]
            parts.append(
                Table(
                    tuple(rows),
                    "<>>>",
                    f"{s.strategy}, {of} combinations, {s.stable:,} stable before the last phase"
                    f" (valid in {s.least} or more)",
                )
            )
        if s.followed:
            table = [("Followed", "Return", "Excess", "Combinations above")]
            table += [
                (f.choice, share(f.result), _excess(f.excess), share(f.better)) for f in s.followed
            ]
            parts.append(Table(tuple(table), "<>>>", f"{s.strategy}: what following came to"))
        parts += [
            Words(f"No {f.choice} of {s.strategy}: {f.reason}.") for f in s.followed if f.reason
        ]
    return Section(title, (*parts, *_PREDICTION_EXPLAINED))


def _excess(value: float | None) -> str:
    """Return an excess over buy-and-hold; what is the same up to rounding is 0."""
    return share(0.0 if value is not None and abs(value) <= MARGIN else value)


# The end


def _hold_out(state: HoldoutState, facts: Facts, *, changed: bool) -> tuple[Part, ...]:
    lines = holdout_lines(state, folder=shlex.quote(facts.folder), changed=changed)
    return (Lines(tuple(lines[1:])),)


def _trials(verdict: Verdict) -> Section:
    run = verdict.run
    return Section(
        "Trials",
        (
            Words(
                f"{run.trials:,} combinations were ever searched on {verdict.symbol},"
                f" {run.combinations:,} of them by this run. Each further one makes the best of"
                " them luckier; searches of permuted bars choose nothing, and do not count."
            ),
            Words(
                "What other programs searched, and what was tried by eye, is not counted, nor that"
                f" {verdict.symbol} was chosen from many symbols."
            ),
        ),
    )


def _not_known(facts: Facts, manifest: Manifest) -> Section:
    folder = shlex.quote(facts.folder)
    parts: list[Part] = []
    if not facts.tests:
        parts.append(Words(f"What chance gives: 'wfo permutation-test {folder}'."))
    if facts.tests and not any("block" in test.variant for test in facts.tests):
        parts.append(
            Words(
                "What chance gives where volatility clusters:"
                f" 'wfo permutation-test {folder} --block 20'."
            )
        )
    if facts.hold_out.state != "spent" or facts.hold_out.changed:
        parts.append(Words("How the finalists do on bars that no search has seen."))
    parts += [
        Words(
            f"Whether {manifest.symbol} goes on as it did: all of this is one history, its phases"
            " overlap, and no test made of it says what comes."
        ),
        Words(
            "What taxes, financing, and orders too large for the market take: the simulation has"
            " none."
        ),
        Words(
            "How the finalists do in real time: only bars that come after this page was made can"
            " tell."
        ),
    ]
    return Section("What is not known", tuple(parts))
