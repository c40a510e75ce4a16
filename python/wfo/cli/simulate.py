"""``wfo simulate``: one parameter set, bar by bar, of a run or a given one."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from wfo.atr_d.settings import Settings
from wfo.cli.completion import (
    complete_engines,
    complete_strategies,
    complete_symbols,
    complete_timeframes,
    complete_windows,
)
from wfo.cli.data import data_dir_option
from wfo.cli.naming import strategy_name
from wfo.cli.run import (
    allow_gaps_option,
    bars_per_year_option,
    out_option,
    refined_option,
    require_one_set,
    setting_options,
)
from wfo.cli.terminal import echo

_TERMINAL = "terminal"
_TABLES = (".csv", ".parquet")

#: Widest chart in a terminal; wider ones are no easier to read.
_WIDEST = 120


def _table_file(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Check the ending of a file of rows."""
    if value is not None and value.suffix.lower() not in _TABLES:
        raise click.BadParameter(f"{value} must end in {' or '.join(_TABLES)}", ctx, param)
    return value


def _plots(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """Check the endings of the plots."""
    from wfo.charts import ENDINGS

    for text in value:
        if text != _TERMINAL and Path(text).suffix.lower() not in ENDINGS:
            raise click.BadParameter(
                f"{text} must end in {' or '.join(ENDINGS)}, or be {_TERMINAL!r}", ctx, param
            )
    return value


def _sets(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, str]:
    """Split NAME=VALUE."""
    found: dict[str, str] = {}
    for text in value:
        name, equals, number = (part.strip() for part in text.partition("="))
        if not (name and equals and number):
            raise click.BadParameter(
                f"{text!r} must be NAME=VALUE, as in atr_period=14", ctx, param
            )
        if name in found:
            raise click.BadParameter(f"{name} is set twice", ctx, param)
        found[name] = number
    return found


@click.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--candidate",
    type=click.IntRange(min=1),
    help="Which candidate of a run, 1 being the best.  [default: 1]",
)
@click.option(
    "--row", type=click.IntRange(min=0), help="The same counted from 0, as rows of a file are."
)
@refined_option
@click.option(
    "--set-file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead: a set file, as 'wfo export' writes it; its bars and settings unless told.",
)
@click.option(
    "--from-candidates",
    "candidates",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Instead of a run's folder: a candidates file, CSV or Parquet.",
    callback=_table_file,
)
@click.option(
    "--symbol",
    shell_complete=complete_symbols,
    help="Symbol in the store; 'wfo data list' shows them.  [of a run: its]",
)
@click.option(
    "--symbol2",
    shell_complete=complete_symbols,
    help="Second symbol, for strategies that read one.  [of a run: its]",
)
@allow_gaps_option
@click.option(
    "--strategy",
    shell_complete=complete_strategies,
    callback=strategy_name,
    help="Strategy by name ('wfo strategies') or FILE.py:NAME.  [of a run: its first]",
)
@click.option(
    "--set",
    "sets",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_sets,
    help="A parameter; once for each, or for those that differ from the candidate's.",
)
@click.option(
    "--timeframe",
    shell_complete=complete_timeframes,
    help="Length of the bars.  [default: 1day; of a run: its]",
)
@click.option("--name", help="Name of the symbol's run that is meant, where it has one.")
@click.option(
    "--windows",
    shell_complete=complete_windows,
    help="Schedule: default, sixty-forty, rolling or anchored (windows of a walk-forward: 3 years"
    " in-sample, 1 year out-of-sample), or a .yaml file.  [default: default; of a run: its]",
)
@click.option(
    "--phase",
    type=click.IntRange(min=1),
    help="Phase of the schedule.  [default: the last; of a run: all]",
)
@click.option(
    "--split",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Instead of a phase: out-of-sample begins with this date and ends with the last bar.",
)
@click.option(
    "--from",
    "begin",
    type=click.DateTime(["%Y-%m-%d"]),
    help="First trading date before --split.  [default: right after the warm-up]",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Leave out later bars, and count windows back from here.  [default: the last bar]",
)
@setting_options
@bars_per_year_option("of a run or set file its own; else ")
@click.option(
    "--engine",
    shell_complete=complete_engines,
    help="Engine: auto, factored, direct, or the reference.  [default: direct]",
)
@data_dir_option
@out_option
@click.option(
    "--out-trades",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_table_file,
    help="Write all trades, .csv or .parquet.",
)
@click.option(
    "--out-equity",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=_table_file,
    help="Write the mark at every close, .csv or .parquet.",
)
@click.option(
    "--plot",
    "plots",
    metavar="FILE",
    multiple=True,
    callback=_plots,
    help="Draw the equity into a .png or .html file, or here: 'terminal'.",
)
@click.pass_context
def simulate(
    ctx: click.Context,
    /,
    folder: Path | None,
    candidate: int | None,
    row: int | None,
    refined: int | None,
    set_file: Path | None,
    candidates: Path | None,
    symbol: str | None,
    symbol2: str | None,
    allow_gaps: bool,
    strategy: str | None,
    sets: dict[str, str],
    timeframe: str | None,
    name: str | None,
    windows: str | None,
    phase: int | None,
    split: dt.datetime | None,
    begin: dt.datetime | None,
    as_of: dt.datetime | None,
    bars_per_year: float | None,
    engine: str | None,
    data_dir: Path,
    out: Path,
    out_trades: Path | None,
    out_equity: Path | None,
    plots: tuple[str, ...],
    **options: Any,
) -> None:
    """Simulate one parameter set, and buy-and-hold beside it: metrics, trades and equity.

    FOLDER is a run's: its candidate is simulated over all phases of the run, on the bars that the
    run has kept, with its costs and settings, and the page says whether that reproduces what the
    run has found. With --phase it is one phase, with all metrics and trades. A run's candidates
    file says as much as its folder, and so does the symbol of a run below OUT, with --candidate.
    Options that are given besides are obeyed, and the page says what differs from the run;
    --data-dir takes the store's bars, that may have grown since.

    With --refined it is a set of the run's analysis, over the whole history, with the columns of
    its report, and the page says whether it reproduces that row; with --phase, --windows or --split
    it is simulated on those. With --set-file it is the set in a file, on the bars of FOLDER, or on
    the store's, and the page says what differs from the set's own bars and settings. What its run
    holds out is left out until OUT says that it is spent.

    Without a run, --symbol, --strategy and --set say what to simulate: on one phase, the last one
    of the default schedule unless told otherwise, or on all bars with a split of your own. The
    defaults of costs, capital and other settings are for that.

    \b
    Examples:
      wfo simulate results/QQQ --candidate 1
      wfo simulate results/QQQ --candidate 1 --phase 4 --plot equity.html
      wfo simulate results/QQQ --row 7 --set atr_period=14 --slip 0.001
      wfo simulate results/QQQ --refined 1
      wfo simulate --set-file qqq.json --symbol SPY
      wfo simulate --from-candidates results/QQQ/candidates_atr_d_l_coarse.csv
      wfo simulate --symbol QQQ --strategy atr_d_l --from-candidates mine.csv
    """
    from wfo.data import DataStore
    from wfo.errors import ResultsError
    from wfo.runs.folder import RunFolder
    from wfo.runs.simulate import SimulationPlan
    from wfo.runs.simulate import simulate as carry_out

    charts = tuple(Path(text) for text in plots if text != _TERMINAL)
    _check_usage(windows, phase, split, begin)
    _check_one_set(candidate, row, refined, set_file, candidates)
    if set_file is None:
        numbered = {candidate, row, refined} != {None}
        _check_source(folder, numbered, candidates, symbol, symbol2, strategy)
    elif folder is not None and (symbol is not None or symbol2 is not None):
        raise click.UsageError("give the run's folder, or --symbol, and not both")
    _check_names(set_file, candidates, out_trades, out_equity, *charts)
    if candidate is not None:
        row = candidate - 1
    if folder is None and candidates is None and {row, refined} != {None}:
        folder = RunFolder.find(out, symbol or "", symbol2, timeframe, name).path
    plan = SimulationPlan(
        symbol=symbol,
        symbol2=symbol2,
        allow_gaps=allow_gaps,
        strategy=strategy,
        params=sets,
        run=folder,
        candidates=candidates,
        row=row,
        refined=refined,
        set_file=set_file,
        timeframe=timeframe,
        windows=windows,
        phase=phase,
        split=split.date() if split else None,
        begin=begin.date() if begin else None,
        as_of=as_of.date() if as_of else None,
        settings={n: options[n] for n in Settings.__dataclass_fields__ if _is_given(ctx, n)},
        bars_per_year=bars_per_year,
        engine=engine,
        stored=_is_given(ctx, "data_dir"),
        out_trades=out_trades,
        out_equity=out_equity,
        plots=charts,
        out=out,
    )
    report = carry_out(plan, DataStore(data_dir))
    width = min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)
    echo(report.page(width if _TERMINAL in plots else None), nl=False)
    if report.obstacle:
        raise ResultsError(report.obstacle)


def _is_given(ctx: click.Context, name: str) -> bool:
    """Whether an option stands in the command; the environment's apply to many of them."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _check_one_set(
    candidate: int | None,
    row: int | None,
    refined: int | None,
    set_file: Path | None,
    candidates: Path | None,
) -> None:
    """Raise where a set would come from two places."""
    if candidate is not None and row is not None:
        raise click.UsageError("--candidate counts from 1 and --row from 0; give one of them")
    # A file of candidates has rows, which --candidate and --row count; the others are one set each.
    if refined is not None or set_file is not None:
        require_one_set(
            {
                "--candidate": candidate,
                "--row": row,
                "--refined": refined,
                "--set-file": set_file,
                "--from-candidates": candidates,
            }
        )


def _check_source(
    folder: Path | None,
    numbered: bool,
    candidates: Path | None,
    symbol: str | None,
    symbol2: str | None,
    strategy: str | None,
) -> None:
    """Raise unless it is clear where the set comes from."""
    if folder is not None and (symbol is not None or symbol2 is not None):
        raise click.UsageError("give the run's folder, or --symbol, and not both")
    if folder is not None and candidates is not None:
        raise click.UsageError("give the run's folder, or --from-candidates, and not both")
    if folder is not None or candidates is not None:
        return
    if symbol is None:
        raise click.UsageError(
            "give a run's folder, or --from-candidates, or --set-file, or --symbol and --strategy"
            " with --set"
        )
    if strategy is None and not numbered:
        raise click.UsageError(
            "--symbol goes with --strategy and --set, or with --candidate or --refined of its run"
            " below --out"
        )


def _check_usage(
    windows: str | None,
    phase: int | None,
    split: dt.datetime | None,
    begin: dt.datetime | None,
) -> None:
    """Raise where options contradict each other."""
    if split is not None and (windows is not None or phase is not None):
        raise click.UsageError("--split takes the place of --windows and --phase; leave those out")
    if begin is not None and split is None:
        raise click.UsageError("--from goes with --split; phases have dates of their own")


def _check_names(*paths: Path | None) -> None:
    """Raise where a file would overwrite another one."""
    seen: set[Path] = set()
    for path in (p for p in paths if p is not None):
        if path.absolute() in seen:
            raise click.UsageError(f"{path} is named twice; every file needs a name of its own")
        seen.add(path.absolute())
