"""``wfo optimize``: the search of a space that is not swept."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from wfo.cli.completion import (
    complete_holdouts,
    complete_methods,
    complete_spaces,
    complete_strategies,
    complete_studies,
    complete_symbol_lists,
    complete_timeframes,
)
from wfo.cli.data import data_dir_option
from wfo.cli.data.shared import Day
from wfo.cli.naming import strategy_name
from wfo.cli.run import bars_per_year_option, out_option
from wfo.cli.terminal import echo

#: Sets of limits by name.
LIMITS = ("none", "lenient", "strict")


@click.command()
@click.argument("space", type=click.Path(path_type=Path), shell_complete=complete_spaces)
@click.option(
    "--symbols",
    metavar="A,B",
    shell_complete=complete_symbol_lists,
    help="Symbols of the store, in place of the file's; commas between them.",
)
@click.option(
    "--timeframe",
    shell_complete=complete_timeframes,
    help="Length of their bars.  [default: the file's, else 1day]",
)
@click.option("--start", type=Day(), help="First date of the bars that are used.")
@click.option("--end", type=Day(), help="Last date of the bars that are used.")
@click.option(
    "--strategy",
    shell_complete=complete_strategies,
    callback=strategy_name,
    help="Strategy to search, by name or FILE.py:NAME, in place of the file's.",
)
@click.option(
    "--method",
    shell_complete=complete_methods,
    help="How points are proposed: auto, grid, random, lhs, sobol, de, ga, anneal, bandit or tpe."
    "  [default: the file's, else auto]",
)
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help="Points to evaluate.  [default: the file's, else 200]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1024),
    help="Processes that evaluate programs, threads of a strategy; results do not depend on it."
    "  [default: the file's, else 1 process, or threads for all cores]",
)
@click.option(
    "--study",
    metavar="NAME",
    shell_complete=complete_studies,
    help="Name of the study, and of its folder.  [default: the name of the file]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    help="Makes the random numbers: the same seed gives the same trials.  [default: the file's,"
    " else 1]",
)
@click.option(
    "--top",
    type=click.IntRange(1, 1000),
    help="Best trials that are shown, and looked at out-of-sample.  [default: the file's, else 10]",
)
@click.option(
    "--limits",
    type=click.Choice(LIMITS),
    help="Hard limits on figures: strict keeps all, lenient lets some be missed, none has none.",
)
@click.option(
    "--guardrails",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A file of limits that no search may relax; its digest becomes part of the study.",
)
@click.option(
    "--holdout",
    metavar="SPAN",
    shell_complete=complete_holdouts,
    help="How much of the end is kept out of everything, such as 1y or 6m.",
)
@click.option(
    "--timeout",
    metavar="TIME",
    help="Longest evaluation of a program, such as 90s or 10m; its processes are then ended.",
)
@click.option(
    "--memory",
    metavar="SIZE",
    help="Most memory of a program with all that it starts, such as 512MB or 2GB.",
)
@bars_per_year_option("the file's, else ")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show the plan and what it would cost; evaluate, write and count nothing.",
)
@data_dir_option
@out_option
def optimize(
    space: Path,
    symbols: str | None,
    timeframe: str | None,
    start: dt.date | None,
    end: dt.date | None,
    strategy: str | None,
    method: str | None,
    trials: int | None,
    workers: int | None,
    study: str | None,
    seed: int | None,
    top: int | None,
    limits: str | None,
    guardrails: Path | None,
    holdout: str | None,
    timeout: str | None,
    memory: str | None,
    bars_per_year: float | None,
    dry_run: bool,
    data_dir: Path,
    out: Path,
) -> None:
    """Search a space that cannot be swept: programs, continuous axes, several objectives.

    SPACE is a .yaml or .json file that says what is searched, over which parameters, and by which
    objective ('wfo docs search'). 'wfo study example' writes one to begin with. A grid that can be
    swept should be: 'wfo run' looks at all of it, and the page says so where that is the case.

    Candidates are scored in-sample; the best are then looked at out-of-sample, beside buy-and-hold.
    The same seed gives the same trials for any number of workers. A search that was stopped, by
    whatever, goes on with the same command, and --trials that is larger adds to it. What was found
    is in results/optimization/NAME; every trial counts among those of its symbols.

    A program is code of your own and runs with your rights.

    \b
    Examples:
      wfo optimize sma_cross.yaml --trials 200 --workers 2
      wfo optimize space.yaml --symbols SPY,QQQ --start 2015-01-01 --seed 7
      wfo optimize space.yaml --limits strict --holdout 1y
      wfo optimize space.yaml --guardrails limits.yaml --method ga
      wfo optimize space.yaml --dry-run
    """
    from wfo.errors import ResultsError
    from wfo.progress import for_stream
    from wfo.runs.optimizing import call

    options: dict[str, Any] = {
        "symbols": _symbols(symbols),
        "timeframe": timeframe,
        "start": start,
        "end": end,
        "strategy": strategy,
        "method": method,
        "trials": trials,
        "workers": workers,
        "study": study,
        "seed": seed,
        "top": top,
        "limits": limits,
        "guardrails": guardrails,
        "holdout": holdout,
        "timeout": timeout,
        "memory": memory,
        "bars_per_year": bars_per_year,
        "data_dir": data_dir,
        "out": out,
    }
    if dry_run:
        echo(call.dry_run(space, **options).page, nl=False)
        return
    report = call.optimize(space, **options, progress=for_stream())
    echo(report.page, nl=False)
    if report.obstacle:
        raise ResultsError(report.obstacle)


def _symbols(text: str | None) -> list[str] | None:
    """Return what stands between commas; None without the option."""
    if text is None:
        return None
    found = [word.strip() for word in text.split(",")]
    if not all(found):
        raise click.BadParameter(
            f"{text!r} has nothing between two commas; write them as A,B", param_hint="--symbols"
        )
    if len(set(found)) < len(found):
        twice = next(word for word in found if found.count(word) > 1)
        raise click.BadParameter(f"{twice!r} is there twice", param_hint="--symbols")
    return found
