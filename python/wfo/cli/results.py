"""``wfo results``: the runs that there are."""

from __future__ import annotations

from pathlib import Path

import click

from wfo.cli.completion import complete_symbols
from wfo.cli.run import out_option
from wfo.cli.terminal import echo


@click.command()
@click.option(
    "--symbol",
    shell_complete=complete_symbols,
    help="Only runs of this symbol, alone or beside another.",
)
@out_option
def results(symbol: str | None, out: Path) -> None:
    """List the runs: what was searched, how much of it is stable, when, and where it lies.

    Runs with a name and those of the history are among them, marked, and so are runs that did not
    finish. A run whose run.json is damaged is named at the end. Only manifests are read.

    \b
    Examples:
      wfo results
      wfo results --symbol QQQ
    """
    from wfo.runs.results import list_results

    echo(list_results(out, symbol).page, nl=False)
