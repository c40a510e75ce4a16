"""``wfo walkforward``: choose on a window, trade the next one, roll on."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wfo.cli.completion import (
    complete_criteria,
    complete_grids,
    complete_holdouts,
    complete_lengths,
    complete_spaces,
    complete_strategies,
    complete_symbols,
    complete_timeframes,
    complete_walks,
)
from wfo.cli.config import ConfiguredCommand, config_option, written_out
from wfo.cli.data import data_dir_option
from wfo.cli.data.shared import Day
from wfo.cli.naming import strategy_name
from wfo.cli.run import (
    allow_gaps_option,
    bars_per_year_option,
    command_given,
    setting_options,
    settings_of,
    threads_option,
)
from wfo.cli.terminal import echo

#: What arguments of `wfo.run_walk_forward` are called here, where that is not the same.
_SAID = {
    "space": "SPACE",
    "in_sample": "--in",
    "out_of_sample": "--out",
    "begin": "--from",
}


if TYPE_CHECKING:
    _Text = click.ParamType[str]
else:
    _Text = click.ParamType


class _OutLength(_Text):
    """A length; a folder is told apart, since other commands have ``--out`` for it."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the length."""
        from wfo.errors import InputError
        from wfo.windows import Length

        try:
            Length.of(value, "--out")
        except InputError:
            self.fail(
                f"{value!r} is no length of time such as 6m; here it is how long a set trades, and"
                " --results names the folder of results",
                param,
                ctx,
            )
        return str(value)


class _Length(_Text):
    """A length of time."""

    name = "length"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the length."""
        from wfo.errors import InputError
        from wfo.windows import Length

        try:
            Length.of(value, "it")
        except InputError:
            self.fail(f"{value!r} is no length of time; write 3y, 18m or 30d", param, ctx)
        return str(value)


@click.command(cls=ConfiguredCommand)
@config_option
@click.argument(
    "space", required=False, type=click.Path(path_type=Path), shell_complete=complete_spaces
)
@click.option(
    "--symbol",
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
    "--strategy",
    shell_complete=complete_strategies,
    callback=strategy_name,
    help="Strategy by name ('wfo strategies') or FILE.py:NAME.",
)
@click.option(
    "--grid",
    shell_complete=complete_grids,
    help="Grid by name ('wfo grids') or a .yaml file; each window searches all of it."
    "  [default: coarse; of a strategy of your own what its parameters say]",
)
@click.option(
    "--timeframe",
    shell_complete=complete_timeframes,
    help="Length of the bars.  [default: 1day, or what SPACE says]",
)
@click.option(
    "--in",
    "in_sample",
    type=_Length(),
    shell_complete=complete_lengths,
    help="How long sets are chosen on, such as 3y, 18m or 365d.",
)
@click.option(
    "--out",
    "out_of_sample",
    type=_OutLength(),
    shell_complete=complete_lengths,
    help="How long a set then trades, such as 6m. The folder of results is --results.",
)
@click.option(
    "--step",
    type=_Length(),
    shell_complete=complete_lengths,
    help="From one window to the next; where that is shorter than --out, the newest decision"
    " trades.  [default: as --out]",
)
@click.option(
    "--purge",
    type=_Length(),
    shell_complete=complete_lengths,
    help="How much of the end of each in-sample part is left out of the choice."
    "  [default: nothing]",
)
@click.option(
    "--anchored/--rolling",
    default=None,
    help="All in-sample parts begin with the first one, and grow; or they roll along."
    "  [default: rolling; of a matrix both]",
)
@click.option(
    "--windows",
    shell_complete=complete_walks,
    help="The lengths from a .yaml file instead, or rolling or anchored: 3y in, 1y out.",
)
@click.option(
    "--matrix",
    metavar="IN,…/OUT,…",
    help="Every pair of these lengths instead, beside each other, as in 1y,2y,3y/3m,6m,1y.",
)
@click.option(
    "--by",
    shell_complete=complete_criteria,
    help="What is chosen by: stability, plateau, region, or a figure such as sharpe."
    "  [default: stability; below 18 months in-sample profit_by_drawdown]",
)
@click.option(
    "--min-trades",
    type=click.IntRange(min=0),
    help="Closed in-sample trades of what is chosen by a figure, at least.  [default: 0]",
)
@click.option(
    "--gates",
    type=click.Choice(["v4", "strict"]),
    help="What makes a set valid, for stability, plateau and region.  [default: v4]",
)
@click.option(
    "--from",
    "begin",
    type=Day(),
    help="Where the first in-sample part begins.  [default: the first bar that trades]",
)
@click.option("--as-of", type=Day(), help="Leave later bars out.  [default: the last bar]")
@click.option(
    "--holdout",
    metavar="SPAN",
    shell_complete=complete_holdouts,
    help="How much of the end is kept out of everything, such as 1y or 6m.",
)
@setting_options
@bars_per_year_option("what SPACE says, else ")
@click.option("--name", help="Name of its folder.  [default: one that says what it is]")
@click.option("--fresh", is_flag=True, help="Start over where the same one is there already.")
@click.option(
    "--estimate",
    "only_estimate",
    is_flag=True,
    help="Measure for a moment what it would take; write and count nothing.",
)
@threads_option
@data_dir_option
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder below which every symbol has its own.",
)
@click.pass_context
def walkforward(
    ctx: click.Context,
    /,
    config: Path | None,
    only_estimate: bool,
    data_dir: Path,
    begin: dt.date | None,
    **options: Any,
) -> None:
    """Choose on a window, trade the next one, roll on: one honest curve.

    In each window the whole grid is searched on the in-sample bars, and what is chosen trades the
    bars behind them, until the next window's choice takes over. The sets trade one after the other
    as one account: positions and cash go over a boundary. The page shows that curve beside
    buy-and-hold, TradeStation's verdict, every window, and how sets that are never changed would
    have done. All of it goes to RESULTS/SYMBOL/walkforward/NAME, with the set that trades after the
    last bar as last_set.json, which 'wfo signal --set-file' takes.

    SPACE is a file as 'wfo optimize' takes it: then a study is made in each window, in place of a
    sweep. --matrix walks forward with every pair of lengths instead, over the same bars.

    One that was stopped, by whatever, goes on with the same command; with later bars only new
    windows are searched. Every window's search counts among the trials of its symbol. Nothing is
    fetched.

    \b
    Examples:
      wfo walkforward --symbol QQQ --strategy atr_d_l --in 3y --out 6m
      wfo walkforward --symbol QQQ --strategy atr_d_l --in 3y --out 6m --by mar
      wfo walkforward --symbol QQQ --strategy atr_d_l --windows anchored
      wfo walkforward --symbol QQQ --strategy atr_d_l --matrix 1y,2y,3y/6m,1y
      wfo walkforward space.yaml --symbol SPY --in 4y --out 1y
    """
    from wfo.data import DataStore
    from wfo.errors import ResultsError
    from wfo.progress import for_stream
    from wfo.runs.walkforward.asking import mistake
    from wfo.runs.walkforward.call import command_line, look, walk, walk_plan

    settings = settings_of(options)
    given = {n: v for n, v in options.items() if n not in type(settings).__dataclass_fields__}
    given |= {"begin": begin, "grid": written_out(ctx, "grid") or options["grid"]}
    given["windows"] = written_out(ctx, "windows") or options["windows"]
    own = [n for n in type(settings).__dataclass_fields__ if _is_given(ctx, n)]
    given["settings"] = settings if own else None
    asked = {n: v for n, v in given.items() if v is not False or n == "anchored"}
    wrong = mistake(asked, lambda name: _option(name, own))
    if wrong:
        raise click.UsageError(wrong)
    plan = replace(walk_plan(given), command=command_given())
    if config is not None:
        plan = replace(
            plan, command=command_line(plan, data_dir if _is_given(ctx, "data_dir") else None)
        )
    if only_estimate:
        found = look(plan, DataStore(data_dir), progress=for_stream())
        echo(found.page, nl=False)
        if found.obstacle:
            raise ResultsError(found.obstacle)
        return
    echo(walk(plan, DataStore(data_dir), progress=for_stream()).page, nl=False)


def _is_given(ctx: click.Context, name: str) -> bool:
    """Whether an option has another value than its default."""
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT


def _option(name: str, settings: list[str]) -> str:
    """Return what an argument of `wfo.run_walk_forward` is called on the command line."""
    if name == "settings":
        name = settings[0]
    return _SAID.get(name, f"--{name.replace('_', '-')}")
