"""What a run returns: its findings, with the text page and the table of a notebook."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wfo.errors import InputError, did_you_mean
from wfo.runs.found import Findings
from wfo.runs.page import text
from wfo.strategy import StrategyLike, get_strategy

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RunReport(Findings):
    """What a run found, and where it was written, with its page.

    Attributes and their meanings are those of `wfo.runs.found.Findings`.
    """

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
        return text(self)

    def candidates(self, strategy: StrategyLike | None = None) -> pl.DataFrame:
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
        name = get_strategy(strategy).name
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
