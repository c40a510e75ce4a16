"""``wfo analyze``: every refined set of a run ranked, with the verdict in words."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from wfo.cli.run import find_run, out_option, run_options, threads_option
from wfo.cli.terminal import echo


@click.command()
@run_options
@click.option(
    "--top",
    type=click.IntRange(1, 10_000),
    default=50,
    show_default=True,
    help="Sets that the tables show, and that are looked at in the phases of the run.",
)
@click.option(
    "--reports",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A further folder, or file, with reports of the same run, as TradeStation leaves them.",
)
@threads_option
@out_option
def analyze(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    top: int,
    reports: tuple[Path, ...],
    threads: int | None,
    out: Path,
) -> None:
    """Rank the refined sets of a run, and say which one the figures favour, beside buy-and-hold.

    FOLDER is the run's folder. Every report in it is read, Refinement_*.csv, whether 'wfo refine'
    or TradeStation wrote it. Each row's set is simulated over the whole history of the run, all
    from one first trading bar, and ranked by MAR, Sharpe, Sortino, profit factor, net profit by
    drawdown, and the robustness of its plateau; the lowest sum of ranks is first. Equal outcomes
    are shown once. Where TradeStation's figures differ from the simulation's, the page says by how
    much, and which fill rules can be the reason.

    The tables go to Refinement_Analysis_SYMBOL.xlsx, .csv and .parquet in the run's folder. All
    figures over the whole history are in-sample.

    \b
    Examples:
      wfo analyze results/QQQ
      wfo analyze --symbol SMH --top 50
      wfo analyze results/QQQ --reports ~/Downloads/tradestation
    """
    from wfo.progress import for_stream
    from wfo.runs.analysis.analyzing import analyze as carry_out

    found = find_run(folder, symbol, symbol2, out, timeframe, name)
    report = carry_out(
        found,
        reports=reports,
        top=top,
        threads=threads,
        progress=for_stream(),
        command=shlex.join(["wfo", *sys.argv[1:]]),
    )
    echo(report.page, nl=False)
