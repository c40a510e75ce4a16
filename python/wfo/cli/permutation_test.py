"""``wfo permutation-test``: a whole search again on permuted bars, and what chance gives."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from wfo.cli.run import find_run, out_option, run_options, threads_option
from wfo.cli.terminal import echo


@click.command("permutation-test")
@run_options
@click.option(
    "--runs",
    type=click.IntRange(19, 99_999),
    default=200,
    show_default=True,
    help="Permutations. No p-value lies below 1 / (1 + RUNS), so 19 are the fewest that can reach"
    " 0.05.",
)
@click.option(
    "--after-first-in-sample",
    "later",
    is_flag=True,
    help="Permute only the bars after the first phase's in-sample window. That of a walk-forward is"
    " always so.",
)
@click.option(
    "--block",
    type=click.IntRange(2, 1_000_000),
    metavar="L",
    help="Keep L bars together, of intraday bars L sessions, and with them clusters of volatility."
    "  [default: every bar by itself]",
)
@threads_option
@out_option
def permutation_test(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    runs: int,
    later: bool,
    block: int | None,
    threads: int | None,
    out: Path,
) -> None:
    """Search a run's grids again on permuted bars, and say how much of its figures chance gives.

    FOLDER is the run's folder, or that of a walk-forward. The moves of its bars are put into
    another order, and every grid is searched again with the same windows, costs and gates, as often
    as --runs says. The page shows the stable shares, the best and the median out-of-sample return,
    and both in excess of buy-and-hold, each with its p-value, and one p-value of all of them
    together.

    What is searched is recorded in permutations/ below the run's folder, after every batch of some
    seconds. A test that was stopped goes on with the same command, and a larger --runs adds what is
    missing. Permuted searches are not counted as trials.

    A walk-forward chooses anew in every window of every permuted market, from its first
    out-of-sample bar on, and the page says where the real stitched curve lies among the permuted
    ones, in return, Sharpe ratio, and both in excess of buy-and-hold. Its record is
    permutations.json in the walk-forward's folder.

    \b
    Examples:
      wfo permutation-test results/QQQ
      wfo permutation-test results/QQQ --runs 1000 --block 20
      wfo permutation-test --symbol SPY --after-first-in-sample
      wfo permutation-test results/QQQ/walkforward/rolling
    """
    from wfo.progress import for_stream
    from wfo.runs.walkforward.folder import is_walk_forward

    command = shlex.join(["wfo", *sys.argv[1:]])
    if folder is not None and symbol is None and is_walk_forward(folder):
        from wfo.runs.walkforward.permuting.opened import permute_folder

        report = permute_folder(
            folder,
            runs=runs,
            block=block or 0,
            threads=threads,
            command=command,
            progress=for_stream(),
        )
        echo(report.page, nl=False)
        return
    from wfo.runs.permuting.testing import permutation_test as carry_out
    from wfo.runs.permuting.values import Variant

    found = find_run(folder, symbol, symbol2, out, timeframe, name)
    tested = carry_out(
        found,
        runs=runs,
        variant=Variant(later, block or 0),
        threads=threads,
        command=command,
        progress=for_stream(),
    )
    echo(tested.page, nl=False)
