"""``wfo check``: whether a strategy looks ahead."""

from __future__ import annotations

from pathlib import Path

import click

from wfo.cli.completion import (
    complete_grids,
    complete_strategies,
    complete_symbols,
    complete_timeframes,
)
from wfo.cli.data import data_dir_option
from wfo.cli.run import allow_gaps_option
from wfo.cli.terminal import echo


@click.command()
@click.argument("strategy", shell_complete=complete_strategies)
@click.option(
    "--symbol",
    required=True,
    shell_complete=complete_symbols,
    help="Symbol in the store; 'wfo data list' shows them.",
)
@click.option(
    "--symbol2",
    shell_complete=complete_symbols,
    help="Second symbol, for strategies that read one.",
)
@allow_gaps_option
@click.option(
    "--timeframe",
    default="1day",
    show_default=True,
    shell_complete=complete_timeframes,
    help="Length of the bars.",
)
@click.option(
    "--grid",
    shell_complete=complete_grids,
    help="Grid whose sets are tried, by name or a .yaml file.  [default: as of 'wfo run']",
)
@click.option(
    "--sets",
    type=click.IntRange(1, 1_000),
    default=6,
    show_default=True,
    help="How many sets of the grid: its first, its last, and others by chance.",
)
@click.option(
    "--cuts",
    type=click.IntRange(1, 1_000),
    default=6,
    show_default=True,
    help="At how many places bars end, or others begin, for each set.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Where chance begins; the same one repeats a check.",
)
@data_dir_option
def check(
    strategy: str,
    symbol: str,
    symbol2: str | None,
    allow_gaps: bool,
    timeframe: str,
    grid: str | None,
    sets: int,
    cuts: int,
    seed: int,
    data_dir: Path,
) -> None:
    """Check that a strategy does not look ahead.

    STRATEGY is a name, or FILE.py:NAME. It is computed again on bars that end earlier, and on bars
    that are others from some bar on: no value and no trade before may change. Of rules every column
    is tried, functions of your own and whole expressions, and the first one that looked is named
    with the bar, and with file and line of its function; of every strategy the trades are. Where it
    is no rules, some bars also keep their open and end otherwise, which may change no fill at that
    open. The latest 10,000 bars are used. That nothing is found does not prove that there is
    nothing; other seeds look elsewhere. A run, walk-forward or simulation of rules with functions
    of your own, or of a compiled function, does a short form of this before it starts; of rules
    without such functions, which cannot look ahead, and of other strategies none does.

    Notes name columns of rules that are NaN in all bars, and what of the grid is hardly meant:
    percentages that look like fractions, a risk that looks like percent, and distances in points
    that are nothing to these bars.

    \b
    Examples:
      wfo check mine.py:Breakout --symbol QQQ
      wfo check mine.py:Breakout --symbol QQQ --sets 30 --seed 1
      wfo check atr_d_l --symbol NASDAQ --grid coarse
    """
    from wfo.data import DataStore
    from wfo.errors import ResultsError
    from wfo.runs.lookahead import CheckPlan, check_stored

    plan = CheckPlan(
        strategy, symbol, symbol2, timeframe, grid, allow_gaps, sets=sets, cuts=cuts, seed=seed
    )
    checked = check_stored(plan, DataStore(data_dir))
    echo(checked.page(), nl=False)
    if checked.found is not None:
        raise ResultsError(f"{checked.strategy} looks ahead")
