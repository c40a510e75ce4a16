"""``wfo signal``: what a parameter set would have working in the next bar."""

from __future__ import annotations

from pathlib import Path

import click

from wfo.cli.completion import complete_strategies, complete_symbols, complete_timeframes
from wfo.cli.data import data_dir_option
from wfo.cli.naming import strategy_name
from wfo.cli.run import allow_gaps_option, out_option, refined_option, require_one_set
from wfo.cli.terminal import echo
from wfo.text import plain_json


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--candidate",
    type=click.IntRange(min=1),
    help="Which candidate of the run, 1 being the best.  [default: 1]",
)
@refined_option
@click.option(
    "--set-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead: a set file, as 'wfo export' writes it; without FOLDER on the bars it states.",
)
@click.option(
    "--symbol",
    shell_complete=complete_symbols,
    help="In place of FOLDER: symbol of a run below OUT; of a set file, its bars.",
)
@click.option(
    "--symbol2",
    shell_complete=complete_symbols,
    help="Second symbol, for strategies that read one.",
)
@click.option(
    "--timeframe",
    shell_complete=complete_timeframes,
    help="Length of the bars of a run below OUT, or of a set file.",
)
@click.option("--name", help="Name of the symbol's run that is meant, where it has one.")
@click.option(
    "--strategy",
    shell_complete=complete_strategies,
    callback=strategy_name,
    help="One of the run's strategies.  [default: the one that was asked for]",
)
@allow_gaps_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for machines.")
@data_dir_option
@out_option
def signal(
    folder: Path | None,
    candidate: int | None,
    refined: int | None,
    set_file: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    strategy: str | None,
    allow_gaps: bool,
    as_json: bool,
    data_dir: Path,
    out: Path,
) -> None:
    """Show what a set would have working in the next bar: state, orders and levels.

    FOLDER is a run's. The set, a candidate of it, a refined set of its analysis, or the set of a
    file, is traded on the newest bars of the store, from the same first bar as the run's analysis
    and with the run's capital and costs. What it holds then, and which orders work in the bar after
    the last one, stands on the page: stops, limit orders and orders at the open, with levels and
    shares, and orders that a filter keeps from working with the reason. 'wfo data download' brings
    newer bars; where the store lacks them, those that the run has kept are taken, and the page says
    so. Old bars and bars that were revised are named too. What the run of a set file holds out
    is left out until OUT says that it is spent.

    It is what the backtest holds. An account of your own has another equity and may be in another
    state.

    \b
    Examples:
      wfo signal results/QQQ
      wfo signal results/QQQ --refined 3
      wfo signal --symbol QQQ --candidate 2 --json
      wfo signal --set-file qqq.json
    """
    import json

    from wfo.data import DataStore
    from wfo.runs.folder import RunFolder
    from wfo.runs.handover.signaling import SignalPlan
    from wfo.runs.handover.signaling import signal as carry_out

    require_one_set({"--candidate": candidate, "--refined": refined, "--set-file": set_file})
    if folder is not None and (symbol is not None or symbol2 is not None):
        raise click.UsageError("give the run's folder, or --symbol, and not both")
    if folder is None and symbol is None and set_file is None:
        raise click.UsageError(
            "give a run's folder, or --symbol of a run below --out, or a set file"
        )
    if folder is None and set_file is None:
        folder = RunFolder.find(out, symbol or "", symbol2, timeframe, name).path
    plan = SignalPlan(
        run=folder,
        candidate=candidate,
        refined=refined,
        set_file=set_file,
        strategy=strategy,
        symbol=symbol,
        symbol2=symbol2,
        timeframe=timeframe,
        allow_gaps=allow_gaps,
        out=out,
    )
    report = carry_out(plan, DataStore(data_dir))
    if as_json:
        text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        echo(plain_json(text))
    else:
        echo(report.page(), nl=False)
