"""``wfo verdict``: how much of what a run found is luck, as far as its figures say."""

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
    "--spend-holdout",
    is_flag=True,
    help="Evaluate the bars that 'wfo run --holdout' kept back, for the finalists and for"
    " buy-and-hold: once, and recorded before it is shown.",
)
@click.option(
    "--samples",
    type=click.IntRange(2, 100_000),
    default=2_000,
    show_default=True,
    help="Combinations drawn from each whole grid for what needs their returns by period.",
)
@threads_option
@out_option
def verdict(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    spend_holdout: bool,
    samples: int,
    threads: int | None,
    out: Path,
) -> None:
    """Say how much of what a run found is luck, as far as its figures say.

    FOLDER is the run's folder. The page begins with what the figures allow to say in words: how
    many combinations are stable, how many beat buy-and-hold, how that compares with chance, and
    what is not known. Then come the figures, each with what it means and where it misleads:
    efficiency, rank correlations, deflated Sharpe ratios, the probability of backtest overfitting,
    tests of superiority, the finalists one by one under stress, and whether stability predicted the
    last phase on this symbol.

    Statistics are kept in verdict.json and computed again only where something that they follow
    from has changed. verdict.html is the page with charts, for a browser; it loads nothing. What
    chance gives is found by 'wfo permutation-test', before or after.

    Finalists are the first sets of an analysis, else the first outcome of each plateau. Where there
    is neither, it is the most stable outcome, and the page says that it stands on NO PLATEAU.

    A hold-out can be looked at once. With --spend-holdout it is evaluated and recorded, for this
    run and for every other run of the symbol.

    \b
    Examples:
      wfo verdict results/QQQ
      wfo verdict --symbol SMH --samples 5000
      wfo verdict results/QQQ --spend-holdout
    """
    from wfo.progress import for_stream
    from wfo.runs.verdict.concluding import conclude

    found = find_run(folder, symbol, symbol2, out, timeframe, name)
    report = conclude(
        found,
        spend=spend_holdout,
        samples=samples,
        threads=threads,
        command=shlex.join(["wfo", *sys.argv[1:]]),
        progress=for_stream(),
    )
    echo(report.page, nl=False)
