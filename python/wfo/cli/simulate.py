"""``wfo simulate``: one parameter set, bar by bar."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import click

from wfo.cli.data import data_dir_option
from wfo.cli.run import setting_options, settings_of

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
@click.option("--symbol", required=True, help="Symbol in the store; 'wfo data list' shows them.")
@click.option("--symbol2", help="Second symbol, for strategies that read one.")
@click.option(
    "--allow-gaps",
    is_flag=True,
    help="Join two symbols even if more than 5 % of either's bars are dropped.",
)
@click.option("--strategy", required=True, help="Strategy; 'wfo strategies' lists them.")
@click.option(
    "--set",
    "sets",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_sets,
    help="A parameter; once for each, or for those that differ from the row's.",
)
@click.option(
    "--from-candidates",
    "candidates",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Take parameters from a run's candidates, CSV or Parquet.",
    callback=_table_file,
)
@click.option(
    "--row", type=click.IntRange(min=0), help="Row of that file, the best first.  [default: 0]"
)
@click.option("--timeframe", default="1day", show_default=True, help="Length of the bars.")
@click.option(
    "--windows", help="Schedule: default, sixty-forty, or a .yaml file.  [default: default]"
)
@click.option(
    "--phase", type=click.IntRange(min=1), help="Phase of the schedule.  [default: the last]"
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
@click.option(
    "--engine",
    default="direct",
    show_default=True,
    help="Engine: auto, factored, direct, or the reference.",
)
@data_dir_option
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
def simulate(
    symbol: str,
    symbol2: str | None,
    allow_gaps: bool,
    strategy: str,
    sets: dict[str, str],
    candidates: Path | None,
    row: int | None,
    timeframe: str,
    windows: str | None,
    phase: int | None,
    split: dt.datetime | None,
    begin: dt.datetime | None,
    as_of: dt.datetime | None,
    engine: str,
    data_dir: Path,
    out_trades: Path | None,
    out_equity: Path | None,
    plots: tuple[str, ...],
    **options: Any,
) -> None:
    """Simulate one parameter set: its metrics in- and out-of-sample, trades and equity.

    The parameters are given one by one, or taken from a row of a run's candidates; what is set
    besides replaces the row's. The bars are those of one phase, the last one of the default
    schedule unless told otherwise, or all up to the last with a split of your own.

    Plots and files are there for the asking, as in --plot terminal --out-trades trades.csv; a row
    is varied by, say, --set atr_period=14 --set bb_length=20. The candidates of a run are files
    such as results/QQQ/candidates_atr_d_l_coarse.csv, here c.csv.

    \b
    Examples:
      wfo simulate --symbol QQQ --strategy atr_d_l --from-candidates c.csv
      wfo simulate --symbol QQQ --strategy atr_d_l --from-candidates c.csv --row 7
    """
    from wfo.data import DataStore
    from wfo.runs.simulate import SimulationPlan
    from wfo.runs.simulate import simulate as carry_out

    charts = tuple(Path(text) for text in plots if text != _TERMINAL)
    _check_usage(windows, phase, split, begin, candidates, row)
    _check_names(candidates, out_trades, out_equity, *charts)
    plan = SimulationPlan(
        symbol=symbol,
        symbol2=symbol2,
        allow_gaps=allow_gaps,
        strategy=strategy,
        params=sets,
        candidates=candidates,
        row=row or 0,
        timeframe=timeframe,
        windows=windows or "default",
        phase=phase,
        split=split.date() if split else None,
        begin=begin.date() if begin else None,
        as_of=as_of.date() if as_of else None,
        settings=settings_of(options),
        engine=engine,
        out_trades=out_trades,
        out_equity=out_equity,
        plots=charts,
    )
    report = carry_out(plan, DataStore(data_dir))
    width = min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)
    click.echo(report.page(width if _TERMINAL in plots else None), nl=False)


def _check_usage(
    windows: str | None,
    phase: int | None,
    split: dt.datetime | None,
    begin: dt.datetime | None,
    candidates: Path | None,
    row: int | None,
) -> None:
    """Raise where options contradict each other."""
    if split is not None and (windows is not None or phase is not None):
        raise click.UsageError("--split takes the place of --windows and --phase; leave those out")
    if begin is not None and split is None:
        raise click.UsageError("--from goes with --split; phases have dates of their own")
    if row is not None and candidates is None:
        raise click.UsageError("--row goes with --from-candidates")


def _check_names(*paths: Path | None) -> None:
    """Raise where a file would overwrite another one."""
    seen: set[Path] = set()
    for path in (p for p in paths if p is not None):
        if path.absolute() in seen:
            raise click.UsageError(f"{path} is named twice; every file needs a name of its own")
        seen.add(path.absolute())
