"""The page of a run: what it assumed, what it found, what that is worth, and how to go on.

Its first lines come from `wfo.runs.verdict.rules`; whatever else it says in words comes from
`wfo.runs.sentences`.
"""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from wfo.errors import WfoError
from wfo.grid import Grid
from wfo.progress import duration
from wfo.rules.parts import program_of
from wfo.rules.sizing import risk_words
from wfo.rules.units import odd_units
from wfo.runs import sentences as say
from wfo.runs.found import Findings, OtherFound, StrategyReport, compare_reports
from wfo.runs.holdout.lines import holdout_lines
from wfo.runs.holdout.state import holdout_state
from wfo.runs.judged import Judged
from wfo.runs.manifest import run_ranges
from wfo.runs.verdict.facts import Chance
from wfo.runs.verdict.rules import first_lines
from wfo.runs.verdict.searched import chances_of, facts_of_findings
from wfo.selection.factors import Response
from wfo.selection.gates import Gates
from wfo.selection.plateaus import LEAST_STABLE, MAP_SIGNIFICANCE, Plateaus
from wfo.selection.regions import (
    SIGNIFICANCE,
    LastPhase,
    bounds_text,
    whole_box,
)
from wfo.selection.scoring import FALLBACK_PHASES, Cells, Scores, gate_words
from wfo.strategy import Strategy
from wfo.strategy.parameter import methods_of
from wfo.strategy.record import loading, own_sizing
from wfo.sweeps import DenseStore
from wfo.text import params_lines, percent, table, wrap_items, wrap_text
from wfo.tradestation.ranges import PlateauRanges
from wfo.windows import Phases

#: Columns of what is wrapped, and of tables.
_WIDTH, WIDEST = 98, 100

#: Lines of a map on a page, at most; a larger one hides what follows it.
_MOST_MAP_LINES = 200

#: In-sample drawdowns that no out-of-sample one reaches.
_LOOSE = 1000.0


def text(report: Findings) -> str:
    """Return the whole page."""
    lines = ["", *_first_lines(report), "", *_bars(report), "", *_assumed(report)]
    lines += ["", *_windows(report), *_held_out(report)]
    for item in report.strategies:
        lines += ["", *_strategy(report, item)]
    lines += [*_comparison(report), "", *_files(report), "", *_words(), "", *_next(report)]
    return "\n".join(lines) + "\n"


def said(*texts: str, indent: str = "  ") -> list[str]:
    """Return the sentences that are said, each on lines of its own."""
    return [line for t in texts if t for line in filled(t, indent)]


def filled(words: str, indent: str = "") -> list[str]:
    """Break a text where a line is full; what goes on is indented further."""
    return wrap_text(words, _WIDTH, indent, hang="  ")


def page_table(rows: Sequence[Sequence[str]], align: str, widest: int = WIDEST) -> list[str]:
    """Lay out a table; columns that the page has no room for come below, beside the first again."""
    lines = table(rows, align)
    if max(map(len, lines)) <= widest:
        return lines
    fits = 2
    while fits < len(align) and _width(rows, fits + 1) <= widest:
        fits += 1
    if fits == len(align):
        return lines
    rest = [(row[0], *row[fits:]) for row in rows]
    first = table([row[:fits] for row in rows], align[:fits])
    return [*first, *page_table(rest, align[0] + align[fits:], widest)]


def _width(rows: Sequence[Sequence[str]], columns: int) -> int:
    """Return the characters that so many columns of a table take."""
    return max(map(len, table([row[:columns] for row in rows], ">" * columns)))


def _first_lines(report: Findings) -> list[str]:
    """Say what the figures allow, and which commands tell what they do not."""
    tests: tuple[Chance, ...] = ()
    warning = ""
    try:
        tests = chances_of(report.folder, report.manifest)
    except WfoError as error:
        # The run is complete without them.
        warning = f"Warning: {error}."
    facts = facts_of_findings(report, tests)
    verdict, *weakened = first_lines(facts, brief=True)
    idle = (*_no_lots(report), *_no_trades(report))
    return said(verdict, *idle, *weakened, warning, indent="")


def _bars(report: Findings) -> list[str]:
    manifest = report.manifest
    data = manifest.data
    span = f"{data.rows:,} bars, {data.first} to {data.last}"
    lines = filled(f"{data.symbol} {data.timeframe}: {span}, {data.provenance}")
    lines += said(say.stale(data.stale), *(f"Warning: {w}" for w in data.warnings))
    if manifest.data2 is not None and manifest.join is not None:
        lost, second = manifest.join, manifest.data2
        lines += filled(
            f"With {second.symbol} on the same dates, {second.provenance}; dropped for want of the"
            f" other: {lost.first} and {lost.second}"
        )
        lines += said(
            say.stale(second.stale),
            say.mixed(
                (data.symbol, data.fetched_from, data.adjust),
                (second.symbol, second.fetched_from, second.adjust),
            ),
        )
    return lines


def _assumed(report: Findings) -> list[str]:
    settings = report.manifest.settings
    slip, fee = float(settings["slip"]), float(settings["fee"])
    sizing, capital = str(settings["sizing"]), float(settings["capital"])
    lot_size = float(settings["lot_size"])
    gates, year = report.manifest.gates, report.manifest.bars_per_year
    phases = report.phases
    least = gates.required(len(phases), phases.min_phases)
    first = report.strategies[0]
    risk = risk_words(first.strategy, first.grid.values)
    sized = say.own_sizing(own_sizing(first.strategy), sizing, capital, risk)
    lines = [
        "What was assumed",
        *said(
            say.costs(slip, fee) or say.no_costs(slip, fee),
            say.high_costs(slip, fee),
            say.capital(capital),
            f"{sized or say.compound(sizing) or say.fixed(sizing, capital)}"
            f" {say.lots(lot_size) or say.no_lots(lot_size)}",
            say.year(None if year is None else str(year)),
            f"Gates '{gates.name}': {gates_in_words(gates)}; in {least} or more of {len(phases)}"
            " phases.",
        ),
    ]
    for item in report.strategies:
        left = [f"{name} {value:g}" for name, value in item.grid.filled.items()]
        lines += said(say.left_out(left, item.strategy.name))
        program = program_of(item.strategy)
        if program is not None:
            odd = "; ".join(odd_units(program, item.grid.values))
            lines += said(f"Note: {item.strategy.name}: {odd}." if odd else "")
    own = {
        n: v
        for n, v in settings.items()
        if n not in {"capital", "slip", "fee", "sizing", "lot_size"}
    }
    if own:
        words = ", ".join(
            f"{n} {v:g}" if isinstance(v, float) else f"{n} {v}" for n, v in own.items()
        )
        lines += said(f"Settings of the strategy: {words}.")
    return lines


def gates_in_words(gates: Gates) -> str:
    """Return what a phase asks of a valid combination, with the thresholds."""
    words = [
        "profit in and out of sample",
        f"out-of-sample profit above {gates.wfe:g} of the in-sample one",
        "out-of-sample drawdown below the profit",
        f"and below {gates.dd_ratio:g} times the in-sample one",
    ]
    if gates.min_trades:
        words.append(f"{gates.min_trades} or more trades closed out of sample")
    if gates.beat == "return":
        words.append("out-of-sample return above buy-and-hold's")
    if gates.beat == "risk":
        words.append("out-of-sample profit by drawdown above buy-and-hold's")
    return ", ".join(words)


def _windows(report: Findings) -> list[str]:
    phases = report.phases
    note = said(f"Note: {phases.note}.") if phases.note else []
    head, *rows = phases.rows()
    symbol = report.manifest.data.symbol
    heads = (*head, "Return", "A year", "Drawdown", "WFE")
    lines = [
        (
            *row,
            percent(b.oos_return),
            percent(b.oos_return_annual),
            percent(b.held.oos_dd_share),
            # As for a combination below: by annual returns, since the parts differ in length.
            "-" if b.return_wfe is None else f"{b.return_wfe:.2f}",
        )
        for row, b in zip(rows, report.benchmarks, strict=True)
    ]
    bar_spans = [(p.split, p.end) for p in phases]
    head_line = (
        f"Windows '{phases.name}', as of {phases.as_of}; at the right what buying {symbol} at the"
        " start of a phase and holding it comes to out-of-sample, with the same capital and costs"
    )
    return [
        *filled(head_line),
        *page_table([heads, *lines], "><<>>>>"),
        *note,
        *said(
            say.hold_by_lots(
                [k for k, b in enumerate(report.benchmarks, 1) if b.idle],
                float(report.manifest.settings["lot_size"]),
            ),
            say.overlapping(bar_spans),
            say.extrapolated(min(b.oos_bars / b.bars_per_year for b in report.benchmarks)),
        ),
    ]


def _held_out(report: Findings) -> list[str]:
    """Return what has become of the hold-out; nothing where the run has none."""
    if report.manifest.holdout is None:
        return []
    state = holdout_state(report.folder, report.manifest)
    return ["", *holdout_lines(state, folder=shlex.quote(str(report.folder.path)))]


def _strategy(report: Findings, item: StrategyReport) -> list[str]:
    return [
        *_gates(report, item),
        *_best(item),
        "",
        *plateau_lines(item.plateaus, item.grid, len(report.phases)),
        *region_lines(report.phases, item.judged, item.plateaus, item.grid),
        *_sensitivity(report, item),
        *_ranges(report, item),
        *(line for other in item.others for line in _other(report, item, other)),
    ]


def _gates(report: Findings, item: StrategyReport) -> list[str]:
    scores = item.scores
    phases = scores.phase_counts
    gates = report.manifest.gates
    words = gate_words(gates)
    rows = [
        (f"{'and ' if n else ''}{name}", *(f"{c.together[g]:,}" for c in phases))
        for n, (g, name) in enumerate(words)
    ]
    heads = ("Gate", *(str(c.number) for c in phases))
    total = len(item.grid)
    spread = "; ".join(f"in {k or 'none'} {n:,}" for k, n in enumerate(scores.valid_phases))
    found, least, count = scores.candidates, scores.min_phases, len(phases)
    facts = item.facts
    folder = shlex.quote(str(report.folder.path))
    return [
        f"{item.strategy.name}, grid '{item.grid.name}': {total:,} combinations; passed, by phase",
        *page_table([heads, *rows], "<" + ">" * count),
        *filled(f"Combinations by the number of phases that they are valid in: {spread}", "  "),
        *said(
            say.stable(scores.stable, total, least, count, gates.name),
            say.none_stable(scores.stable, total, least, count, gates.name),
            *_lots(report, item),
            *_outcomes(scores),
            say.holding(facts.idle),
            say.disguise(facts.median_returns, [b.oos_return for b in report.benchmarks]),
            say.beaten(facts.beaten, len(found), least),
            say.none_beats(facts.beaten, len(found), least),
            *(
                t
                for o in item.others
                for name, held in ((o.counts.gates.name, o.counts.stable),)
                for t in (
                    say.other_stable(
                        name, held, total, gates.name, folder, o.counts.min_phases, least
                    ),
                    say.other_none(name, held, total, gates.name),
                )
            ),
        ),
        *said(*(f"Warning: {w}." for w in scores.warnings)),
    ]


def _no_lots(report: Findings) -> Iterator[str]:
    """Yield which strategies enter and cannot buy: without that, nothing stable says little."""
    capital = float(report.manifest.settings["capital"])
    for item in report.strategies:
        found = item.lots
        if found is not None:
            lot = found.lot_size, found.low, found.high
            told = say.no_lot(found.phases, found.idle, found.entering, lot, capital)
            several = told and len(report.strategies) > 1
            yield f"{item.strategy.name}: {told}" if several else told


def _no_trades(report: Findings) -> Iterator[str]:
    """Yield which strategies never trade, unless it is for want of money."""
    for item in report.strategies:
        profile, lots = item.profile, item.lots
        traded = profile is None or profile.traded or (lots is not None and lots.entering > 0)
        told = say.no_trade(len(item.grid), traded=traded)
        several = told and len(report.strategies) > 1
        yield f"{item.strategy.name}: {told}" if several else told


def _lots(report: Findings, item: StrategyReport) -> tuple[str, ...]:
    found = item.lots
    if found is None:
        return ()
    lot = found.lot_size, found.low, found.high
    about = found.idle, found.entering, found.swept, found.total, lot
    capital = float(report.manifest.settings["capital"])
    return (
        say.idle_by_lots(*about, capital),
        say.missing_by_lots(found.missing, found.phases, *about, capital),
    )


def _outcomes(scores: Scores) -> tuple[str, ...]:
    found = scores.outcomes
    if found is None:
        return ()
    return (
        say.outcomes(found.total, scores.stable, exact=found.exact),
        say.outcomes_all(found.total, scores.stable, exact=found.exact),
        say.outcomes_estimated(found.total, found.error, scores.stable, exact=found.exact),
        say.outcomes_known(found.known, found.candidates, found.total),
    )


def _best(item: StrategyReport) -> list[str]:
    best = item.most_stable
    if best is None:
        return []
    heads = (
        "Phase", "Return", "A year", "Drawdown", "Trades", "In market", "WFE",
        "Hold", "A year", "Drawdown", "So long",
    )  # fmt: skip
    rows = [
        (
            str(k),
            percent(p.oos_return),
            percent(p.oos_return_annual),
            percent(p.dd_share),
            f"{p.trades:,}",
            percent(p.exposure),
            "-" if p.return_wfe is None else f"{p.return_wfe:.2f}",
            percent(p.held_return),
            percent(p.held_return_annual),
            percent(p.held_dd_share),
            percent(p.same_exposure),
        )
        for k, p in enumerate(best.phases, 1)
    ]
    members = (
        ""
        if best.members == 1
        else f"; {best.members:,} combinations have these figures, of which it is the middle one"
    )
    returns = [p.oos_return for p in best.phases]
    held = [p.held_return for p in best.phases]
    return [
        "",
        *filled(
            "The most stable outcome, out-of-sample, beside buy-and-hold (candidate"
            f" {best.row + 1}{members})"
        ),
        *params_lines(best.params, _WIDTH, methods_of(item.strategy.parameters, best.params)),
        *page_table([heads, *rows], ">" * len(heads)),
        *said(
            say.best_not_valid([p.valid for p in best.phases]),
            say.best_loses_money(returns),
            say.best_wins(returns, held),
            say.best_loses(returns, held),
            say.best_calmer(
                [p.dd_share for p in best.phases], [p.held_dd_share for p in best.phases]
            ),
            say.best_never_sells(
                sum(p.trades for p in best.phases), [p.exposure for p in best.phases]
            ),
            say.best_on_no_plateau(len(item.plateaus)),
            say.best_of_many(_many(item.scores)),
        ),
    ]


def _many(scores: Scores) -> float:
    """Return how many outcomes the best one is the best of."""
    found = scores.outcomes
    if found is None:
        return scores.stable
    return found.known if math.isnan(found.total) else found.total


def plateau_lines(
    plateaus: Plateaus, grid: Grid, phases: int, least: int = LEAST_STABLE
) -> list[str]:
    """Return what a page says of plateaus, and their map.

    Parameters
    ----------
    plateaus, grid
        The plateaus, and what was swept.
    phases
        How many there are.
    least
        Stable combinations of a cell that counts.
    """
    cells = plateaus.cells
    if cells is None:
        return [f"No plateaus: {plateaus.note}."]
    largest = int(cells.total.max())
    if not len(plateaus):
        why = say.small_cells(largest, least) or say.no_shape(
            plateaus.smoothness, plateaus.p, MAP_SIGNIFICANCE
        )
        words = said(why) if why else [f"  {plateaus.note[:1].upper()}{plateaus.note[1:]}."]
        return ["No plateaus", *words, "", *_map(plateaus, cells, grid)]
    rows = []
    for p in plateaus:
        xs, ys = (sorted(set(v)) for v in zip(*p.cells, strict=True))
        rows.append(
            (
                f"{p.rank} {_letter(p.rank)}",
                p.stop_class or "-",
                f"{p.stability:.1f}" if math.isfinite(p.stability) else "-",
                f"{p.trades:.0f}" if math.isfinite(p.trades) else "-",
                str(len(p.cells)),
                f"{p.combinations:,}",
                percent(p.level),
                f"{xs[0]:g} to {xs[-1]:g}",
                f"{ys[0]:g} to {ys[-1]:g}",
            )
        )
    axes = grid.strategy.map_axes or ()
    heads = ("Rank", "Regime", "Stability", "Trades", "Cells", "Stable", "Share", *axes)
    # Without candidates, as of gates that do not rule, there is no stability and are no trades.
    told = [i for i, column in enumerate(zip(*rows, strict=True)) if set(column) != {"-"}]
    shown = [[row[i] for i in told] for row in (heads, *rows)]
    covered = sum(len(p.cells) for p in plateaus) / int(cells.present.sum())
    return [
        (
            f"Plateaus: cells of which more than {percent(plateaus.level or 0)} are stable"
            f" (quality {plateaus.quality:.2f})"
        ),
        *page_table(shown, "".join("<<>>>>>>>"[i] for i in told)),
        *said(
            say.broad(covered),
            say.low(max(p.level for p in plateaus)),
            *(say.plateau_holds(p.trades, phases, p.rank) for p in plateaus),
        ),
        "",
        *_map(plateaus, cells, grid),
    ]


def _map(plateaus: Plateaus, shown: Cells, grid: Grid) -> list[str]:
    """Draw the plane: the stable share of each cell in percent, and the plateau's letter."""
    x_name, y_name = grid.strategy.map_axes or ("", "")
    xs, ys = grid.values[x_name], grid.values[y_name]
    letters = {cell: _letter(p.rank) for p in plateaus for cell in p.cells}
    level, present = shown.level, shown.present
    # Small shares differ in their decimals, and a cell that has some is not shown as one of none.
    small = level[(level > 0) & (level < 0.01)]
    decimals = 0 if not small.size else 1 if small.min() >= 0.0005 else 3
    width = max(4 + (decimals + 1 if decimals else 0), *(len(f"{float(x):g}") for x in xs))
    lines = [f"  Stable share in percent; across {x_name}, up {y_name}; letters are plateaus"]
    side = max(6, *(len(f"{float(y):g}") for y in ys))
    room = (WIDEST - side - 4) // (width + 1)
    if len(ys) * math.ceil(len(xs) / room) > _MOST_MAP_LINES:
        return filled(
            f"The map, {x_name} by {y_name}, has {len(xs):,} by {len(ys):,} cells, too many for"
            " this page; 'wfo plateaus' with --plot map.html draws it.",
            indent="  ",
        )
    for first in range(0, len(xs), room):
        part = range(first, min(first + room, len(xs)))
        for j in range(len(ys) - 1, -1, -1):
            cells = "".join(
                f"{100 * level[i, j]:{width}.{decimals}f}"
                f"{letters.get((float(xs[i]), float(ys[j])), ' ')}"
                if present[i, j]
                else " " * (width + 1)
                for i in part
            )
            lines.append(f"  {float(ys[j]):{side}g} |{cells}")
        lines.append(" " * (side + 3) + "".join(f"{float(xs[i]):{width}g} " for i in part))
    return [line.rstrip() for line in lines]


def region_lines(windows: Phases, judged: Judged, plateaus: Plateaus, grid: Grid) -> list[str]:
    """Return what a page says of the regions of plateaus.

    Parameters
    ----------
    windows
        The phases.
    judged
        The regions, and how they did on other bars.
    plateaus, grid
        The plateaus, and what was swept.
    """
    lines: list[str] = []
    phases, regions, last = len(windows), judged.regions, judged.last_phase
    for at, (region, plateau) in enumerate(zip(regions, plateaus, strict=True)):
        within = bounds_text(region.bounds, whole_box(grid)) or "all of every parameter"
        lines += [
            "",
            (
                f"Region of plateau {plateau.rank}, {percent(region.support)} of the grid;"
                " parameters that are not named are whole"
            ),
            *wrap_items(within, _WIDTH),
            *said(
                say.region_found(
                    region.share,
                    region.other_share,
                    region.other_box,
                    region.other_grid,
                    accepted=region.accepted,
                ),
                say.region_refused(region.p, SIGNIFICANCE, accepted=region.accepted),
                # On both halves of the sample; the one that it was found on is not all of it.
                say.region_all_stable(
                    region.share if region.share == region.other_share else 0.0,
                    judged.trades[at],
                    phases,
                ),
            ),
        ]
        if last.plateaus:
            lines += said(*_last_phase(last.plateaus[at]))
    if last.whole is not None:
        found = bounds_text(last.whole.region.bounds, whole_box(grid))
        since = max(p.to_date for p in windows[:-1])
        lines += [
            "",
            *filled(
                "The region that the phases before the last would have given, from the whole grid,"
                f" judged on bars that none of them has, those from {since} on"
                f" ({last.sampled:,} combinations sampled)"
            ),
            *(wrap_items(found, _WIDTH) if found else ()),
            *said(
                say.nothing_found_before(found),
                *(_last_phase(last.whole) if found else ()),
            ),
        ]
    if last.reason and regions:
        lines += said(say.not_judged(last.reason))
    return lines


def _last_phase(found: LastPhase) -> tuple[str, ...]:
    shares = (found.real.region, found.real.grid)
    chance = [s.region - s.grid for s in found.permuted if math.isfinite(s.region - s.grid)]
    return (
        say.last_phase_held(*shares, chance),
        say.last_phase_no_better(*shares, chance),
        say.last_phase_as_chance(*shares, chance),
        say.last_phase_alone(*shares, chance),
        # From the whole grid, the box is the grid, which is told already.
        say.box_no_worse(
            found.real.region,
            found.real.box,
            accepted=found.region.accepted and found.region.rank is not None,
        ),
        say.last_phase_empty(found.real.region),
    )


def _sensitivity(report: Findings, item: StrategyReport) -> list[str]:
    found = item.sensitivity
    titles: dict[Response, str] = {
        "return": "Of the mean annual out-of-sample return",
        "stable": f"Of being stable (valid in {found.min_phases} or more phases)",
    }
    lines = [
        "",
        "What matters, over the whole grid, in shares of the variance (# by itself, - with others)",
    ]
    held = [b.oos_return_annual for b in report.benchmarks]
    if held:
        means = (found.annual_return.mean, sum(held) / len(held))
        lines += said(say.mean_below(*means), say.mean_above(*means))
    for each in found.responses:
        lines += [f"  {titles[each.response]}"]
        if each.variance > 0:
            lines += [f"  {line}" for line in found.bars(_WIDTH - 4, each.response)]
        many = [f for f in each.ordered if len(f.values) > 1]
        small = [f.name for f in many if f.total < say.SMALL_EFFECT]
        lines += said(
            *(say.matters(f.name, f.main, f.total) for f in many[:1]),
            say.hardly_matter(small if each.variance > 0 else ()),
            say.nothing_varies(each.variance),
        )
    return lines


def _ranges(report: Findings, item: StrategyReport) -> list[str]:
    fix = run_ranges(report.manifest).fix
    return range_lines(item.ranges, fix, lambda rank: _holding(item, rank), item.strategy)


def range_lines(
    ranges: Sequence[PlateauRanges],
    fix: str,
    holding: Callable[[int], tuple[float, float, int]],
    strategy: Strategy,
) -> list[str]:
    """Return what a page says of range files.

    Parameters
    ----------
    ranges
        One item a file.
    fix
        Where fixed values come from.
    holding
        Returns, of a plateau's rank, stable share and trades of its region, and how many phases
        there are.
    strategy
        Whose they are.
    """
    if not ranges:
        unnamed = strategy.name if strategy.tradestation is None else ""
        return ["", *said(say.no_ranges(len(ranges), unnamed), indent="")]
    lines = ["", "Ranges for TradeStation's optimizer"]
    for r in ranges:
        lines.append(f"  {r.file_name}")
        held = r.coverage
        top = held.top / held.top_of if held.top_of else 0.0
        texts = (
            say.range_holds(r.tests, held.best, held.best_of, top),
            say.range_misses(held.best, held.best_of, fix),
            say.range_of_holding(*holding(r.rank)),
            # What is said of a plateau's ranges is said once.
            *(f"{n[:1].upper()}{n[1:]}." for n in r.notes if r.part == 1),
        )
        lines += said(*texts, indent="    ")
    return lines


def _holding(item: StrategyReport, rank: int) -> tuple[float, float, int]:
    """Return stable share and trades of a plateau's region, and how many phases there are."""
    at = next(i for i, p in enumerate(item.plateaus) if p.rank == rank)
    share, trades = item.judged.regions[at].share, item.judged.trades[at]
    return share, trades, len(item.scores.phase_counts)


def _other(report: Findings, item: StrategyReport, other: OtherFound) -> Iterator[str]:
    """Say where stable combinations are by gates that do not rule."""
    counts = other.counts
    if not counts.stable:
        return
    yield ""
    yield from filled(
        f"By the {counts.gates.name} gates instead ({gates_in_words(counts.gates)}; in"
        f" {counts.min_phases} or more phases)"
    )
    passed = ", ".join(f"{c.valid:,}" for c in counts.phase_counts)
    yield from said(f"Valid by phase: {passed}; stable: {counts.stable:,} of {len(item.grid):,}")
    yield from plateau_lines(other.plateaus, item.grid, len(report.phases))
    yield from region_lines(report.phases, other.judged, other.plateaus, item.grid)


def _comparison(report: Findings) -> list[str]:
    """Say of each extra whether it paid; nothing where one strategy ran alone."""
    found = compare_reports(report.strategies)
    if not found.verdicts:
        return []

    def shown(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    # Wide enough for four figures a cell; of a small account nothing is rounded away.
    unit = 1000 if float(report.manifest.settings["capital"]) >= 10_000 else 1

    def money(value: float | None) -> str:
        return "-" if value is None else f"{value / unit:,.0f}"

    def share(value: float | None) -> str:
        return "-" if value is None else percent(value)

    rows = [
        (
            s.strategy,
            f"{s.stable:,}",
            percent(s.share),
            f"{shown(s.best_stability, '.1f')} / {shown(s.median_stability, '.1f')}",
            f"{share(s.best_return)} / {share(s.median_return)}",
            f"{money(s.best_pnl)} / {money(s.median_pnl)}",
            f"{money(s.best_drawdown)} / {money(s.median_drawdown)}",
            f"{shown(s.best_trades, '.0f')} / {shown(s.median_trades, '.0f')}",
        )
        for s in found.standings
    ]
    held = report.benchmarks
    rows.append(
        (
            "buy-and-hold", "", "", "",
            share(found.held.annual_return if found.held else None),
            money(sum(b.held.oos_pnl for b in held)),
            money(max(b.held.oos_dd for b in held)),
            "0",
        )
    )  # fmt: skip
    heads = ("Strategy", "Stable", "Share", "Stability", "A year", "OOS P/L", "Drawdown", "Trades")
    lines = [
        "",
        *filled(
            "Side by side, out-of-sample; most stable candidate / median of all candidates. A year"
            " is the mean of the phases; P/L and trades are sums over overlapping phases, the"
            " drawdown is the largest of a phase, both in"
            f" {'thousands of the currency' if unit > 1 else 'currency'}"
        ),
    ]
    lines += page_table([heads, *rows], "<>>>>>>>")
    if found.held is not None and found.held.annual_return is not None:
        medians = [s.median_return for s in found.standings if s.median_return is not None]
        lines += said(say.none_above_holding(medians, found.held.annual_return))
    for v in found.verdicts:
        change = f"stable share {100 * v.share:+.1f} points"
        if v.stability is not None and v.pnl is not None:
            change += f", median stability {v.stability:+.1f}, median OOS P/L {v.pnl:+,.0f}"
        lines.append(
            f"  Did {v.extra} pay, {v.strategy} against {v.simpler}?"
            f" {(v.paid or 'cannot be said').capitalize()}:"
        )
        lines.append(f"    {change}")
    return lines


def _letter(rank: int) -> str:
    return chr(ord("A") + rank - 1) if rank <= 26 else "*"


def _files(report: Findings) -> list[str]:
    lines = [f"Written to {report.folder.path}"]
    lines += [f"  {path.relative_to(report.folder.path)}" for path in report.files]
    if report.moved:
        # The history names runs by their fingerprints; --fresh moves the same one too.
        same = report.moved.name.startswith(report.manifest.fingerprint[:8])
        what = "The earlier run" if same else "The earlier run was another one and"
        lines.append(f"{what} moved to {report.moved}")
    lines.append(f"Took {duration(report.seconds)}.")
    lines.append(f"Swept by the engine {report.manifest.engine}.")
    lines += said(say.trials(report.trials, report.manifest.symbol), indent="")
    return lines


#: Words of the page, and what they mean.
_MEANINGS = {
    "gate": "a condition that a combination passes in a phase; it compares profits and drawdowns"
    " in money",
    "valid": "passes all gates in a phase",
    "stable": "valid in enough phases",
    "candidate": "a stable combination that is kept; best first, by stability",
    "stability": "mean percentile of the out-of-sample profit among the valid; more for more"
    " phases, less for spread",
    "outcome": "combinations with the same figures in all phases",
    "a year": "the return as if it came evenly, compounded",
    "drawdown": "the deepest fall below an earlier high at the close, in percent of that high",
    "trades": "closed out-of-sample; what is still open at the end is none. Of a plateau: the"
    " median of its candidates, all phases together",
    "in market": "share of the out-of-sample bars at whose close a long is held",
    "WFE": "walk-forward efficiency: the out-of-sample return a year by the in-sample one; 1 is"
    " as good as in-sample. The gate divides the profits in money instead",
    "hold": "buy-and-hold; 'so long' is its return times the share of bars that the combination"
    " is in the market, the rest in cash",
    "by risk": "by profit divided by drawdown, both in money",
    "plateau": "a stretch of the map where more combinations are stable than around it",
    "quality": "how well the plateaus set the map apart into high and low, from 0 to 1; less the"
    " more of it they cover",
    "regime": "TIGHT, MEDIUM or WIDE stops, by the plateau's mean stop width",
    "box": "the ranges of a plateau's two map parameters, with all values of the others",
    "region": "the part of a box, in all parameters, where the stable share is highest",
    "found again": "looked for once more inside the same box, by the phases before the last only;"
    " the box is of all phases, so that 'from the whole grid' is the stricter question",
    "permuted bars": "the same moves in random order: they rise as much, and there is nothing else"
    " to find; what only holds is often valid on them too",
}


def _words() -> list[str]:
    room = max(map(len, _MEANINGS)) + 2
    lines = ["Words"]
    for word, meaning in _MEANINGS.items():
        lines += textwrap.wrap(
            f"{word:{room}}{meaning}",
            _WIDTH,
            initial_indent="  ",
            subsequent_indent=" " * (room + 2),
        )
    return lines


def _next(report: Findings) -> list[str]:
    """Return the command to type next."""
    folder = shlex.quote(str(report.folder.path))
    item = report.strategies[0]
    wfo = shlex.join(["wfo", *loading(item.strategy)])
    if item.most_stable is not None:
        candidate = item.most_stable.row + 1
        ranges = any(each.ranges for each in report.strategies)
        refine = [
            "To search the plateaus between the values of the grid, over the whole history:",
            f"  {wfo} refine {folder}",
        ]
        return [
            *(refine if ranges else []),
            "Next, see the most stable outcome trade by trade:",
            f"  {wfo} simulate {folder} --candidate {candidate} --plot terminal",
        ]
    lots = item.lots
    if lots is not None and lots.phases:
        return [
            "Next, see what there is with fractions of shares:",
            f"  {report.manifest.command} --lot-size 0",
        ]
    scores = item.scores
    most = max(k for k, count in enumerate(scores.valid_phases) if count)
    # What is valid in one phase of several is no evidence: no run goes below two of itself either.
    lowest = min(FALLBACK_PHASES, len(report.phases))
    if most >= lowest:
        return [
            f"Next, see what is valid in {most} phase{'s'[: most - 1]}, which is the most:",
            f"  {_again(report, f'--min-phases {most}')}",
        ]
    gates = report.manifest.gates
    loose = replace(Gates.preset("v4"), wfe=0.0, dd_ratio=_LOOSE)
    if gates.rules == loose:
        where = f" in {lowest} phases" if most else ""
        return [
            f"Next, look at other grids, since nothing here earns in and out of sample{where}:",
            "  wfo grids",
        ]
    options = f"--gates v4 --wfe 0 --dd-ratio {_LOOSE:g}"
    # What the run's own command has set stays set where nothing else is said.
    options += " --min-trades 0" if gates.min_trades else ""
    options += " --beat none" if gates.beat else ""
    if gates.min_phases is not None:
        options += f" --min-phases {lowest}"
    return [
        "Next, see whether anything is left without efficiency and drawdowns in proportion:",
        f"  {_again(report, options)}",
    ]


def _again(report: Findings, options: str) -> str:
    """Return the command that scores by other gates: survivors were chosen by those that were."""
    manifest = report.manifest
    if all(sweep.store == DenseStore.kind for sweep in manifest.sweeps.values()):
        wfo = shlex.join(["wfo", *loading(report.strategies[0].strategy)])
        return f"{wfo} rescore {shlex.quote(str(report.folder.path))} {options}"
    return f"{manifest.command} {options}"
