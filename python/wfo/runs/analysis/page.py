"""The page of an analysis: the verdict first, then the sets, and what all of it rests on."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wfo.data.symbols import file_stem
from wfo.progress import duration
from wfo.runs.assumed import Assumed, assumed_lines
from wfo.text import percent, table, wrap_text
from wfo.tradestation.analysis import Analysis, BestSet
from wfo.tradestation.ranking import REPORT

_WIDTH = 98

#: Sets, faults of files and notes that the page has; the files have more.
_SETS, _FAULTS = 10, 10


def page(analysis: Analysis, files: Sequence[Path], seconds: float) -> str:
    """Return the whole page.

    Parameters
    ----------
    analysis
        What it shows.
    files
        What was written.
    seconds
        How long the analysis took.
    """
    lines = [*_head(analysis), "", "Verdict", *_said(*analysis.verdict, _luck(analysis))]
    lines += ["", *_best(analysis), "", *_strategies(analysis)]
    lines += _differences(analysis)
    lines += _left_out(analysis)
    lines += ["", "What was assumed", *assumed_lines(Assumed(*each) for each in analysis.assumed)]
    lines += ["", f"Written in {duration(seconds)}", *(f"  {path}" for path in files)]
    return "\n".join([*lines, "", *_next(analysis)]) + "\n"


def _head(analysis: Analysis) -> list[str]:
    symbols = analysis.symbol
    if analysis.symbol2 is not None:
        symbols += f" with {analysis.symbol2}"
    rows = sum(t.rows for t in analysis.strategies)
    sources = [f.source for f in analysis.files]
    by_source = ", ".join(f"{sources.count(name)} from {name}" for name in dict.fromkeys(sources))
    return _filled(
        f"Refinement of {symbols} {analysis.timeframe}, {analysis.first} to {analysis.last}:"
        f" {_count(rows, 'row')} of {_count(len(analysis.files), 'report')} ({by_source}),"
        f" {_count(sum(t.sets for t in analysis.strategies), 'set')},"
        f" {_count(len(analysis.combined), 'different outcome')}"
    )


def _luck(analysis: Analysis) -> str:
    command = shlex.join(["wfo", "verdict", analysis.folder])
    return (
        f"How much of it is luck is not known here: '{command}' says what the figures allow to say."
    )


def _best(analysis: Analysis) -> list[str]:
    shown = list(analysis.best[:_SETS])
    if analysis.averse is not None and all(b.number != analysis.averse.number for b in shown):
        shown.append(analysis.averse)
    heads = (
        *("N", "Strategy", "CAGR", "MAR", "Drawdown", "Sortino", "PF", "Robust"),
        *("Rank sum", "Averse", "Valid", "Beats"),
    )
    held = analysis.held
    hold = ("", "buy-and-hold", *_metrics(held.figures), "", f"{held.risk_averse_place:,}", "", "")
    rows = [heads, hold, *(_row(b) for b in shown)]
    return [
        *_filled(
            f"Best sets by the sum of six ranks, of {held.count:,}; buy-and-hold would be number"
            f" {held.place:,} by the metrics that it has"
        ),
        *table(rows, "><" + ">" * (len(heads) - 2)),
        *_said(
            "PF is the profit factor of the closed trades, Robust the share of the plateau's sets"
            " that earn, Averse the place in the risk-averse order, Valid and Beats in how many of"
            f" {analysis.phases} phases a set passes the gates '{analysis.gates}', and returns more"
            " than buy-and-hold, out-of-sample. Sharpe and net profit by drawdown, which are ranked"
            " too, stand in the files.",
        ),
        *(_parameters(shown[0]) if shown else ()),
    ]


def _row(best: BestSet) -> tuple[str, ...]:
    figures = best.figures
    known = bool(best.phases)
    return (
        f"{best.number:,}",
        best.strategy,
        *_metrics(figures),
        f"{figures['Rank_Sum']:,.1f}",
        f"{figures['Risk_Averse_Place']:,}",
        str(best.valid_phases) if known else "-",
        str(best.beating_phases) if known else "-",
    )


def _metrics(figures: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        _share(figures["CAGR"]),
        _ratio(figures["MAR"]),
        _share(figures["Max_DD_Share"]),
        _ratio(figures["Sortino"]),
        _ratio(figures["Profit_Factor"]),
        _share(figures["Robustness"]),
    )


def _parameters(best: BestSet) -> list[str]:
    if best.figures["Ranked_On"] == REPORT:
        return _said(f"Set {best.number:,} is ranked on its report alone.")
    words = ", ".join(f"{name} {value:g}" for name, value in best.params.items())
    return _said(f"Set {best.number:,}: {words}")


def _strategies(analysis: Analysis) -> list[str]:
    heads = ("Strategy", "Plateau", "Sets", "Outcomes", "Robust", "Median CAGR", "MAR", "Best N")
    rows: list[tuple[str, ...]] = [heads]
    for each in analysis.strategies:
        rows += [
            (
                each.strategy.name,
                str(p.rank),
                f"{p.sets:,}",
                f"{p.outcomes:,}",
                _share(p.robustness),
                _share(p.median_cagr),
                _ratio(p.median_mar),
                "-" if p.best_row is None else f"{p.best_row:,}",
            )
            for p in each.plateaus
        ]
    return ["Plateaus by strategy", *table(rows, "<>>>>>>>")]


def _differences(analysis: Analysis) -> list[str]:
    if not analysis.differences:
        return []
    lines = ["", "TradeStation's reports beside simulations of the same parameters"]
    for each in analysis.differences:
        profit = next((f for f in each.figures if f.name == "Net profit"), None)
        equal = (
            "" if profit is None else f" {profit.equal:,} of {profit.rows:,} net profits are equal."
        )
        lines += _said(f"{Path(each.path).name}:{equal} {each.verdict}")
    reasons = next((each.unexplained for each in analysis.differences if each.unexplained), ())
    if reasons:
        lines += _said(f"What no rule that is tried here changes: {'; '.join(reasons)}.")
    return lines


def _left_out(analysis: Analysis) -> list[str]:
    faults = [f"{Path(f.path).name}: {text}" for f in analysis.files for text in f.faults]
    notes = [f"{Path(f.path).name}: {text}" for f in analysis.files for text in f.notes]
    lines: list[str] = []
    if analysis.refused or faults:
        lines += ["", "What was left out", *_said(*analysis.refused, *faults[:_FAULTS])]
        if len(faults) > _FAULTS:
            lines += _said(f"and {len(faults) - _FAULTS:,} more, which the workbook names")
    if analysis.notes or notes:
        lines += ["", "Notes", *_said(*analysis.notes, *notes)]
    return lines


def _next(analysis: Analysis) -> list[str]:
    folder = analysis.folder
    if not analysis.best or analysis.best[0].figures["Ranked_On"] == REPORT:
        return ["Next", f"  {shlex.join(['wfo', 'refine', folder])}"]
    file = f"{file_stem(analysis.symbol).lower()}.json"
    commands = [
        (["wfo", "export", folder, "--refined", "1", "--output", file], "the set as a file"),
        (["wfo", "simulate", folder, "--refined", "1"], "the set bar by bar"),
        (["wfo", "signal", folder, "--refined", "1"], "what it has working in the next bar"),
    ]
    words = [shlex.join(command) for command, _ in commands]
    width = max(map(len, words))
    return [
        "Next, with any N of the table",
        *(f"  {w:<{width}}  {about}" for w, (_, about) in zip(words, commands, strict=True)),
    ]


def _said(*texts: str) -> list[str]:
    return [line for text in texts for line in _filled(text, "  ")]


def _filled(words: str, indent: str = "") -> list[str]:
    return wrap_text(words, _WIDTH, indent, hang="  ")


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _share(value: float | None) -> str:
    return "-" if value is None else percent(value)


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
