"""What a run found, for those who called it, and the page that a trader reads."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.errors import InputError, did_you_mean
from wfo.grid import Grid
from wfo.progress import duration
from wfo.runs.folder import RunFolder
from wfo.runs.found import StrategyReport, compare_reports
from wfo.runs.manifest import Manifest
from wfo.selection.plateaus import Plateaus
from wfo.selection.scoring import GATE_NAMES, Cells
from wfo.strategy import Strategy
from wfo.text import table
from wfo.windows import Phases

if TYPE_CHECKING:
    import polars as pl

#: Share of the map above which plateaus are called broad, and stable share that is called low.
_BROAD, _LOW = 0.4, 0.2


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunReport:
    """What a run found, and where it was written.

    Attributes
    ----------
    folder
        The run's folder.
    phases
        The windows on its bars.
    strategies
        What was found, one item a strategy, the one that was asked for first.
    files
        Those that a reader will open.
    moved
        Where an earlier run was moved: another one, or the same where this one started over.
    trials
        Combinations that were ever searched on the symbol.
    seconds
        How long it took.
    manifest
        What ``run.json`` says.
    """

    folder: RunFolder
    phases: Phases
    strategies: tuple[StrategyReport, ...]
    files: tuple[Path, ...]
    moved: Path | None
    trials: int
    seconds: float
    manifest: Manifest

    def __repr__(self) -> str:
        data = self.manifest.data
        found = ", ".join(
            f"{r.strategy.name} {r.scores.stable:,} of {len(r.grid):,} stable"
            for r in self.strategies
        )
        return f"RunReport({data.symbol} {data.timeframe}: {found}; {self.folder.path})"

    def _repr_html_(self) -> str:
        return _html(self)

    @property
    def page(self) -> str:
        """Windows, gates, plateaus and files as text: the page that the command line prints."""
        return _text(self)

    def candidates(self, strategy: str | Strategy | None = None) -> pl.DataFrame:
        """Return the candidates of a strategy, best first, as the run has written them.

        Parameters
        ----------
        strategy
            One of the run's; by default the one that was asked for.

        Raises
        ------
        InputError
            If the run was not one of it.
        """
        if strategy is None:
            return self.strategies[0].scores.candidates
        name = strategy if isinstance(strategy, str) else strategy.name
        found = {r.strategy.name: r for r in self.strategies}
        if name not in found:
            raise InputError(f"the run has no strategy {name!r}{did_you_mean(name, found)}")
        return found[name].scores.candidates


def _text(report: RunReport) -> str:
    """Return windows, gates, plateaus and files of a run as text."""
    manifest = report.manifest
    data = manifest.data
    span = f"{data.rows:,} bars, {data.first} to {data.last}"
    adjusted = "" if data.adjust == "none" else f", adjusted: {data.adjust}"
    lines = ["", f"{data.symbol} {data.timeframe}: {span}{adjusted}"]
    lines += [f"  Warning: {w}" for w in data.warnings]
    if manifest.data2 is not None and manifest.join is not None:
        lost = manifest.join
        lines.append(
            f"With {manifest.data2.symbol} on the same dates; dropped for want of the other:"
            f" {lost.first} and {lost.second}"
        )
    lines += ["", *_windows(report)]
    for item in report.strategies:
        lines += ["", *_gates(item), "", *_plateaus(item)]
    lines += [*_comparison(report), "", *_files(report)]
    return "\n".join(lines) + "\n"


def _html(report: RunReport) -> str:
    """Return a table of what was found, with the text page below it, for notebooks."""
    data, phases = report.manifest.data, report.phases
    heads = ("Strategy", "Combinations", "Stable", "Share", "Plateaus", "Best stability")
    span = f"{data.first} to {data.last}, windows {phases.name} as of {phases.as_of}"
    lines = [
        f"<p><b>{html.escape(data.symbol)} {data.timeframe}</b>, {html.escape(span)}</p>",
        "<table><thead><tr>" + "".join(f"<th>{h}</th>" for h in heads) + "</tr></thead><tbody>",
    ]
    for item in report.strategies:
        best, standing = item.standing.best_stability, item.standing
        cells = (
            html.escape(item.strategy.name),
            f"{len(item.grid):,}",
            f"{standing.stable:,}",
            f"{100 * standing.share:.1f} %",
            str(len(item.plateaus)),
            "-" if best is None else f"{best:.1f}",
        )
        lines.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    lines += [
        "</tbody></table>",
        f"<details><summary>{html.escape(str(report.folder.path))}</summary>",
        f"<pre>{html.escape(report.page.strip())}</pre></details>",
    ]
    return "\n".join(lines)


def _windows(report: RunReport) -> list[str]:
    phases = report.phases
    note = [f"  Note: {phases.note}."] if phases.note else []
    head = f"Windows '{phases.name}', as of {phases.as_of}"
    return [head, *table(phases.rows(), "><<"), *note]


def _gates(item: StrategyReport) -> list[str]:
    import polars as pl

    scores = item.scores
    phases = scores.phase_counts
    rows = [
        (f"{'and ' if g else ''}{name}", *(f"{c.together[g]:,}" for c in phases))
        for g, name in enumerate(GATE_NAMES)
    ]
    heads = ("Gate", *(str(c.number) for c in phases))
    total = len(item.grid)
    counts = scores.valid_phases
    spread = ", ".join(f"{k}: {n:,}" for k, n in enumerate(counts))
    share = 100 * scores.stable / total
    lines = [
        f"{item.strategy.name}, grid '{item.grid.name}': {total:,} combinations; passed, by phase",
        *table([heads, *rows], "<" + ">" * len(phases)),
        f"  Combinations by valid phases: {spread}",
        f"  Stable, valid in {scores.min_phases} or more: {scores.stable:,} ({share:.1f} %)",
    ]
    if len(scores.candidates):
        idle = scores.candidates.filter(pl.col("Total_OOS_Trades") <= len(phases))
        lines.append(
            f"  Of the candidates {100 * len(idle) / len(scores.candidates):.0f} % close one"
            " out-of-sample trade a phase or fewer: they hold rather than trade"
        )
    return lines + [f"  Warning: {w}." for w in scores.warnings]


def _plateaus(item: StrategyReport) -> list[str]:
    plateaus, cells = item.plateaus, item.plateaus.cells
    if cells is None or not len(plateaus):
        return [f"No plateaus: {plateaus.note}."]
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
                f"{100 * p.level:.0f} %",
                f"{xs[0]:g} to {xs[-1]:g}",
                f"{ys[0]:g} to {ys[-1]:g}",
            )
        )
    axes = item.strategy.map_axes or ()
    heads = ("Rank", "Regime", "Stability", "Trades", "Cells", "Stable", "Share", *axes)
    found = (
        f"Plateaus: cells of which more than {100 * (plateaus.level or 0):.0f} % are stable"
        f" (quality {plateaus.quality:.2f})"
    )
    covered = sum(len(p.cells) for p in plateaus) / int(cells.present.sum())
    notes = []
    if covered > _BROAD:
        notes.append(
            f"  Note: they cover {100 * covered:.0f} % of the map, so their ranges are wide; the"
            " map shows where they are highest."
        )
    if plateaus.level is not None and plateaus.level < _LOW:
        notes.append(
            "  Note: few combinations are stable even there; better than its surroundings."
        )
    return [
        found,
        *notes,
        *table([heads, *rows], "<<>>>>>>>"),
        "",
        *_map(plateaus, cells, item.grid),
    ]


def _map(plateaus: Plateaus, shown: Cells, grid: Grid) -> list[str]:
    """Draw the plane: the stable share of each cell in percent, and the plateau's letter."""
    x_name, y_name = grid.strategy.map_axes or ("", "")
    xs, ys = grid.values[x_name], grid.values[y_name]
    letters = {cell: _letter(p.rank) for p in plateaus for cell in p.cells}
    level, present = shown.level, shown.present
    lines = [f"  Stable share in percent; across {x_name}, up {y_name}; letters are plateaus"]
    for j in range(len(ys) - 1, -1, -1):
        cells = "".join(
            f"{100 * level[i, j]:4.0f}{letters.get((float(x), float(ys[j])), ' ')}"
            if present[i, j]
            else "     "
            for i, x in enumerate(xs)
        )
        lines.append(f"  {float(ys[j]):6g} |{cells}")
    lines.append("         " + "".join(f"{float(x):4g} " for x in xs))
    return [line.rstrip() for line in lines]


def _comparison(report: RunReport) -> list[str]:
    """Say of each extra whether it paid; nothing where one strategy ran alone."""
    found = compare_reports(report.strategies)
    if not found.verdicts:
        return []

    def text(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    rows = [
        (
            s.strategy,
            f"{s.stable:,}",
            f"{100 * s.share:.1f} %",
            f"{text(s.best_stability, '.1f')} / {text(s.median_stability, '.1f')}",
            f"{text(s.best_pnl, ',.0f')} / {text(s.median_pnl, ',.0f')}",
            f"{text(s.best_drawdown, ',.0f')} / {text(s.median_drawdown, ',.0f')}",
            f"{text(s.best_trades, '.0f')} / {text(s.median_trades, '.0f')}",
        )
        for s in found.standings
    ]
    heads = ("Strategy", "Stable", "Share", "Stability", "OOS P/L", "Drawdown", "Trades")
    lines = ["", "Side by side; most stable candidate / median of all candidates"]
    lines += table([heads, *rows], "<>>>>>>")
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


def _files(report: RunReport) -> list[str]:
    lines = [f"Written to {report.folder.path}"]
    lines += [f"  {path.relative_to(report.folder.path)}" for path in report.files]
    if report.moved:
        # The history names runs by their fingerprints; --fresh moves the same one too.
        same = report.moved.name.startswith(report.manifest.fingerprint[:8])
        what = "The earlier run" if same else "The earlier run was another one and"
        lines.append(f"{what} moved to {report.moved}")
    lines.append(
        f"Took {duration(report.seconds)}; {report.trials:,} combinations were ever searched"
        f" on {report.manifest.symbol}"
    )
    return lines
