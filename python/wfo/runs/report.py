"""What a run found, for those who called it, and the page that a trader reads."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wfo.backtest.benchmark import Benchmark
from wfo.errors import InputError, did_you_mean
from wfo.runs.folder import RunFolder
from wfo.runs.found import StrategyReport
from wfo.runs.manifest import Manifest
from wfo.strategy import Strategy
from wfo.windows import Phases

if TYPE_CHECKING:
    import polars as pl


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
    def benchmarks(self) -> tuple[Benchmark, ...]:
        """Buy-and-hold of each phase."""
        return self.manifest.benchmarks or ()

    @property
    def page(self) -> str:
        """Windows, gates, plateaus and files as text: the page that the command line prints."""
        from wfo.runs.page import text

        return text(self)

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
