"""``wfo refine``."""

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
    "--job",
    "jobs",
    type=int,
    multiple=True,
    help="Number of a job in phase5_refine_config.csv; may be given again.  [default: all jobs]",
)
@click.option("--fresh", is_flag=True, help="Compute again what is complete.")
@threads_option
@out_option
def refine(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    jobs: tuple[int, ...],
    fresh: bool,
    threads: int | None,
    out: Path,
) -> None:
    """Run a run's range files over the whole history, as TradeStation's optimizer would.

    FOLDER is the run's folder. Every test of every job of phase5_refine_config.csv is backtested on
    the run's own bars, from the first trading bar to the end of its last phase, with its capital,
    costs and lots. Each job gets a report with TradeStation's headings,
    Refinement_<StrategyName>_rank<N>_<SYMBOL>.csv, in FOLDER; 'wfo analyze' reads these, and those
    of TradeStation.

    A refinement that was stopped, by whatever, goes on with the same command. What is complete is
    not computed again, unless ranges, bars or settings have changed. A report that this command has
    not written is never overwritten. The rows count among the trials of the symbol.

    \b
    Examples:
      wfo refine results/QQQ
      wfo refine --symbol QQQ --job 1 --job 3
      wfo refine --symbol TQQQ --symbol2 QQQ
    """
    from wfo.errors import ResultsError
    from wfo.progress import for_stream
    from wfo.runs.refinement.refining import refine as carry_out

    found = find_run(folder, symbol, symbol2, out, timeframe, name)
    report = carry_out(
        found,
        jobs=jobs,
        threads=threads,
        fresh=fresh,
        command=shlex.join(["wfo", *sys.argv[1:]]),
        progress=for_stream(),
    )
    echo(report.page, nl=False)
    if report.obstacle:
        raise ResultsError(report.obstacle)
