"""``wfo run``, ``wfo demo``, ``wfo rescore`` and ``wfo verify``."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wfo.atr_d.settings import Settings
from wfo.backtest import available_threads
from wfo.cli.completion import (
    complete_grids,
    complete_holdouts,
    complete_sources,
    complete_strategies,
    complete_symbols,
    complete_timeframes,
    complete_windows,
)
from wfo.cli.config import ConfiguredCommand, config_option, written_out
from wfo.cli.data import data_dir_option
from wfo.cli.naming import strategy_name
from wfo.cli.terminal import echo
from wfo.selection.gates import BEATS, PRESETS, Gates
from wfo.tradestation.ranges import FIXES, RangeOptions

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SETTINGS = Settings()
_GATES = Gates()
_RANGES = RangeOptions()


def _options(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    def apply(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return apply


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("results"),
    show_default=True,
    help="Folder below which every symbol's run gets its own.",
)


def _gate_options(before: str) -> Callable[[_Command], _Command]:
    """Return the gates as options that are None where not given.

    `before` says whose gates hold then; by default those of v4 do.
    """

    def usual(of_v4: str) -> str:
        return f"  [default: {before or of_v4}]"

    return _options(
        click.option(
            "--gates",
            "preset",
            type=click.Choice(sorted(PRESETS, reverse=True)),
            help="Set of gates by name: strict is v4 with 5 trades and more than buy-and-hold by"
            f" risk. The options below change it.{usual('v4')}",
        ),
        click.option(
            "--min-phases",
            type=int,
            help="Valid phases of a stable combination. What is given is kept, even if none is."
            + usual("the schedule's, or fewer if none is"),
        ),
        click.option(
            "--wfe",
            type=float,
            help="Efficiency, out-of-sample by in-sample profit, that a valid combination exceeds."
            f"{usual(f'{_GATES.wfe:g}')}",
        ),
        click.option(
            "--dd-ratio",
            type=float,
            help="In-sample drawdowns that its out-of-sample one stays below."
            f"{usual(f'{_GATES.dd_ratio:g}')}",
        ),
        click.option(
            "--min-trades",
            type=int,
            help="Trades that it closes out-of-sample in the phase, at least."
            f"{usual(str(_GATES.min_trades))}",
        ),
        click.option(
            "--beat",
            type=click.Choice(["none", *BEATS]),
            help="What it beats buy-and-hold in, out-of-sample: return, or risk, which is profit by"
            f" drawdown.{usual('none')}",
        ),
        click.option(
            "--csv-all",
            is_flag=True,
            help="Write all candidates to the CSV file, not only the best 100,000.",
        ),
    )


def range_options(before: str) -> Callable[[_Command], _Command]:
    """Return how ranges are made as options that are None where not given.

    `before` says whose holds then; by default what holds without them.
    """
    return _options(
        click.option(
            "--max-tests",
            type=int,
            help="Tests of a range file for TradeStation, at most."
            f"  [default: {before or f'{_RANGES.max_tests:,}'}]",
        ),
        click.option(
            "--fix",
            type=click.Choice(FIXES),
            help="What a range file does not refine is fixed at the plateau's median, or at the"
            f" best outcome's value.  [default: {before or _RANGES.fix}]",
        ),
    )


setting_options = _options(
    click.option(
        "--capital",
        type=float,
        default=_SETTINGS.capital,
        show_default=True,
        help="Starting capital of every phase.",
    ),
    click.option(
        "--slip",
        type=float,
        default=_SETTINGS.slip,
        show_default=True,
        help="Slippage of every fill, as a fraction of price: 0.0005 is 0.05 %.",
    ),
    click.option(
        "--fee",
        type=float,
        default=_SETTINGS.fee,
        show_default=True,
        help="Fee of every fill, as a fraction of its notional.",
    ),
    click.option(
        "--sizing",
        type=click.Choice(["compound", "fixed"]),
        default=_SETTINGS.sizing,
        show_default=True,
        help="Put the whole equity into a trade, or the starting capital.",
    ),
    click.option(
        "--lot-size",
        type=float,
        default=_SETTINGS.lot_size,
        show_default=True,
        help="Round shares down to a multiple of it; 0 leaves fractions.",
    ),
    click.option(
        "--max-stop-atr",
        type=float,
        default=_SETTINGS.max_stop_atr,
        show_default=True,
        help="Widest stop, in ATRs of 70 bars.",
    ),
    click.option(
        "--entry-style",
        type=click.Choice(["pullback", "breakout"]),
        default=_SETTINGS.entry_style,
        show_default=True,
        help="Buy a fall from the extreme, or a rise over the last close.",
    ),
)

#: A run's folder, or its symbols, for commands that read it.
run_options = _options(
    click.argument("folder", required=False, type=click.Path(path_type=Path, file_okay=False)),
    click.option(
        "--symbol",
        shell_complete=complete_symbols,
        help="Symbol whose run below OUT is meant, instead of its folder.",
    ),
    click.option(
        "--symbol2",
        shell_complete=complete_symbols,
        help="Second symbol of that run, if it has one.",
    ),
    click.option(
        "--timeframe",
        shell_complete=complete_timeframes,
        help="Length of that run's bars, if they are not daily.",
    ),
    click.option("--name", help="Name of that run, if it was given one."),
)

allow_gaps_option = click.option(
    "--allow-gaps",
    is_flag=True,
    help="Join two symbols even if more than 5 % of either's bars are dropped.",
)

refined_option = click.option(
    "--refined",
    type=click.IntRange(min=1),
    help="Instead: which refined set of the run, row N of the combined table of its analysis.",
)


def _checked_year(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Check a number of bars a year."""
    from wfo.data.years import checked_bars_per_year
    from wfo.errors import InputError

    try:
        return None if value is None else checked_bars_per_year(value)
    except InputError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def bars_per_year_option(without: str = "") -> Callable[[_Command], _Command]:
    """Return the option that says how many bars a year has; `without` says what holds else."""
    return click.option(
        "--bars-per-year",
        type=float,
        callback=_checked_year,
        help="How many bars annual figures count a year in, such as 260 of daily bars."
        f"  [default: {without}counted from the dates of the bars]",
    )


def _two_names(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[str, str] | None:
    """Read the names of two parameters."""
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if len(names) != 2 or not all(names):
        raise click.BadParameter(f"{value!r} must be two parameters, as A,B", ctx, param)
    return names[0], names[1]


def map_axes_option(without: str) -> Callable[[_Command], _Command]:
    """Return the option that says which plane a map shows; `without` says which one else."""
    return click.option(
        "--map-axes",
        metavar="A,B",
        callback=_two_names,
        help=f"The two parameters in whose plane plateaus are looked for.  [default: {without}]",
    )


threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help=f"Results do not depend on it.  [default: one a core, here {available_threads()}]",
)


def require_one_set(given: Mapping[str, object]) -> None:
    """Raise where more than one of the options is given, each of which names a parameter set."""
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise click.UsageError(f"{' and '.join(named)} each name a set; give one of them")


@click.command(cls=ConfiguredCommand)
@config_option
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
    "--strategy",
    required=True,
    shell_complete=complete_strategies,
    callback=strategy_name,
    help="Strategy by name ('wfo strategies') or FILE.py:NAME.",
)
@click.option(
    "--grid",
    shell_complete=complete_grids,
    help="Grid by name ('wfo grids') or a .yaml file.  [default: phase1_slim; of a strategy of your"
    " own what its parameters say]",
)
@click.option(
    "--timeframe",
    default="1day",
    show_default=True,
    shell_complete=complete_timeframes,
    help="Length of the bars.",
)
@click.option(
    "--name",
    help="Keep the run beside others of the same bars, in OUT/SYMBOL/runs/NAME, instead of moving"
    " the earlier one to the history.",
)
@click.option(
    "--windows",
    default="default",
    show_default=True,
    shell_complete=complete_windows,
    help="Schedule: default, sixty-forty, rolling or anchored (windows of a walk-forward: 3 years"
    " in-sample, 1 year out-of-sample), or a .yaml file.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Count windows back from this date.  [default: the last bar]",
)
@click.option(
    "--holdout",
    shell_complete=complete_holdouts,
    help="Hold out so much of the end, such as 1y or 6m: windows are counted back from before it,"
    " and these bars are evaluated once, when asked for.  [default: nothing]",
)
@click.option("--no-expand", is_flag=True, help="Do not run the simpler strategies beside it.")
@setting_options
@bars_per_year_option()
@_gate_options("")
@map_axes_option("those that the strategy names; of a file's the first two with several values")
@range_options("")
@click.option(
    "--store",
    type=click.Choice(["auto", "dense", "survivors"]),
    default="auto",
    show_default=True,
    help="Keep the figures of every combination, or of those that can become candidates; auto"
    " keeps all where they take at most half of the free disk.",
)
@click.option("--fresh", is_flag=True, help="Start over where the same run is there already.")
@click.option(
    "--estimate",
    "only_estimate",
    is_flag=True,
    help="Measure for a moment what the run would take, and write nothing but bars that it "
    "fetches.",
)
@threads_option
@click.option(
    "--no-fetch",
    is_flag=True,
    help="Stay offline: go by the stored bars, even if the windows need others.",
)
@click.option(
    "--source",
    shell_complete=complete_sources,
    help="Where bars that are missing are fetched from, by name or FILE.py:CLASS."
    "  [default: where the stored ones come from, else as configured]",
)
@data_dir_option
@out_option
@click.pass_context
def run(
    ctx: click.Context,
    /,
    config: Path | None,
    symbol: str,
    symbol2: str | None,
    allow_gaps: bool,
    strategy: str,
    grid: str | None,
    timeframe: str,
    name: str | None,
    windows: str,
    as_of: dt.datetime | None,
    holdout: str | None,
    no_expand: bool,
    bars_per_year: float | None,
    map_axes: tuple[str, str] | None,
    store: str,
    fresh: bool,
    only_estimate: bool,
    threads: int | None,
    no_fetch: bool,
    source: str | None,
    data_dir: Path,
    out: Path,
    csv_all: bool,
    **options: Any,
) -> None:
    """Search a strategy's whole grid, from stored bars to TradeStation ranges.

    Every combination of the grid is backtested over all phases of the schedule. What is valid in
    enough phases is scored, plateaus are looked for, and the range around each is written for
    TradeStation's optimizer. All results go to OUT/SYMBOL, with run.json as the record of how they
    came about.

    A run that was stopped, by whatever, goes on with the same command; what is stored is checked
    first. Another strategy, grid, schedule, setting or history is another run: the earlier one
    moves to OUT/SYMBOL/.history. With a second symbol the folder is OUT/SYMBOL_SYMBOL2, of bars
    that are not daily OUT/SYMBOL_5min; with --name it is runs/NAME below that. 'wfo results' lists
    all of them.

    Bars that the windows need and the store does not have are fetched first, from where the stored
    ones come from, or from the configured source; --no-fetch stays offline. Bars that were imported
    are never fetched. Where nothing can be fetched, the run goes on with what is stored, and says
    which bars are missing.

    --holdout 1y keeps the last year out of all of this, so that what is chosen can be tried once on
    bars that nothing has seen.

    --config names a file of options, as in 'wfo run --config run.yaml --slip 0.001', in which grid
    and windows may also be written out. run.json states the command without it.

    \b
    Examples:
      wfo run --symbol QQQ --strategy atr_d_l --grid coarse
      wfo run --symbol QQQ --strategy atr_d_ls --estimate
      wfo run --symbol QQQ --strategy atr_d_l --slip 0.0005 --fee 0.0001
      wfo run --symbol QQQ --strategy atr_d_l --gates strict --min-trades 8
      wfo run --symbol SMH --strategy atr_d_l --grid my.yaml --as-of 2024-12-31
      wfo run --symbol SPY --strategy atr_d_l --holdout 1y
      wfo run --symbol TQQQ --symbol2 QQQ --strategy atr_d_duals_ls --grid coarse
    """
    from wfo.data import DataStore
    from wfo.errors import ResultsError
    from wfo.progress import for_stream
    from wfo.runs.call import command_line
    from wfo.runs.estimate import estimate
    from wfo.runs.plan import RunPlan
    from wfo.runs.run import run as carry_out

    plan = RunPlan(
        symbol=symbol,
        symbol2=symbol2,
        allow_gaps=allow_gaps,
        strategy=strategy,
        timeframe=timeframe,
        name=name,
        grid=written_out(ctx, "grid") or grid,
        windows=written_out(ctx, "windows") or windows,
        as_of=as_of.date() if as_of else None,
        expand=not no_expand,
        settings=settings_of(options),
        gates=_gates(options, _GATES),
        threads=threads,
        out=out,
        csv_rows=_csv_rows(csv_all),
        store=store,
        ranges=_ranges(options, _RANGES),
        fresh=fresh,
        fetch=not no_fetch,
        source=source,
        holdout=holdout,
        bars_per_year=bars_per_year,
        map_axes=map_axes,
        command=command_given(),
    )
    if config is not None:
        given = ctx.get_parameter_source("data_dir")
        named = given is click.core.ParameterSource.COMMANDLINE
        plan = replace(plan, command=command_line(plan, data_dir if named else None))
    if only_estimate:
        found = estimate(plan, DataStore(data_dir), progress=for_stream())
        echo(found.page, nl=False)
        if found.obstacle:
            raise ResultsError(found.obstacle)
        return
    echo(carry_out(plan, DataStore(data_dir), progress=for_stream()).page, nl=False)


@click.command()
@click.option(
    "--symbol",
    type=click.Choice(["NASDAQ", "SP500"]),
    default="NASDAQ",
    show_default=True,
    help="Which sample.",
)
@threads_option
@out_option
def demo(symbol: str, threads: int | None, out: Path) -> None:
    """Run a coarse grid on the sample that ships with the package.

    The sample holds daily bars of two stock indices, 1999 to 2018. Some seconds later there are
    candidates, plateaus and TradeStation ranges to look at.

    \b
    Example:
      wfo demo
    """
    from wfo.data import sample_store
    from wfo.progress import for_stream
    from wfo.runs.plan import RunPlan
    from wfo.runs.run import run as carry_out

    plan = RunPlan(
        symbol=symbol,
        strategy="atr_d_l",
        grid="coarse",
        threads=threads,
        out=out,
        command=command_given(),
    )
    echo(carry_out(plan, sample_store(), progress=for_stream()).page, nl=False)


@click.command()
@run_options
@_gate_options("the run's")
@range_options("the run's")
@threads_option
@out_option
def rescore(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    threads: int | None,
    out: Path,
    csv_all: bool,
    **options: Any,
) -> None:
    """Score a run again with other gates, without a sweep.

    FOLDER is the run's folder. Its candidates, plateaus and ranges are replaced; gates that are not
    given stay as the run has them, unless --gates names a set to start from. The stored figures are
    checked on the way. A run that keeps survivors allows the sets that it was counted with, which
    are v4, strict and its own, and other --min-phases.

    \b
    Examples:
      wfo rescore results/QQQ --gates strict
      wfo rescore results/QQQ --wfe 0.5
      wfo rescore --symbol QQQ --min-phases 4
    """
    from wfo.progress import for_stream
    from wfo.runs.manifest import run_ranges
    from wfo.runs.rescore import rescore as rescore_run

    found = find_run(folder, symbol, symbol2, out, timeframe, name)
    manifest = found.read_manifest(scored=False)
    report = rescore_run(
        found,
        gates=_gates(options, manifest.gates),
        csv_rows=_csv_rows(csv_all),
        ranges=_ranges(options, run_ranges(manifest)),
        threads=threads,
        command=command_given(),
        progress=for_stream(),
    )
    echo(report.page, nl=False)


@click.command()
@run_options
@threads_option
@out_option
def verify(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    timeframe: str | None,
    name: str | None,
    threads: int | None,
    out: Path,
) -> None:
    """Check that every file of a run is as it was written.

    FOLDER is the run's folder, or a walk-forward's. Every byte of bars, figures, candidates,
    plateaus, ranges and run.json is compared with the checksums that were taken when it was
    written. What is damaged among the figures is computed again by the run's own command; the rest
    follows from them.

    \b
    Examples:
      wfo verify results/QQQ
      wfo verify --symbol QQQ
      wfo verify results/QQQ/walkforward/NAME
    """
    from wfo.progress import for_stream
    from wfo.runs.verify import verify as verify_run
    from wfo.runs.walkforward.folder import WalkFolder, is_walk_forward
    from wfo.runs.walkforward.verify import verify_walk_forward
    from wfo.text import size_text

    found = find_run(folder, symbol, symbol2, out, timeframe, name)
    if is_walk_forward(found.path):
        files, size = verify_walk_forward(WalkFolder(found.path))
    else:
        files, size = verify_run(found, threads=threads, progress=for_stream())
    echo(f"{files} files, {size_text(size)}: all are as they were written")


def find_run(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    out: Path,
    timeframe: str | None = None,
    name: str | None = None,
) -> RunFolder:
    """Return the run that `run_options` name."""
    from wfo.data.timeframes import require_timeframe
    from wfo.runs.folder import RunFolder

    if (folder is None) == (symbol is None):
        raise click.UsageError("give the run's folder, or --symbol, and not both")
    if folder is not None:
        if symbol2 or timeframe or name:
            raise click.UsageError("--symbol2, --timeframe and --name go with --symbol")
        return RunFolder(folder)
    if timeframe is not None:
        require_timeframe(timeframe)
    return RunFolder.find(out, symbol or "", symbol2, timeframe, name)


def settings_of(options: dict[str, Any]) -> Settings:
    """Return what `setting_options` came to."""
    return Settings(**{name: options[name] for name in Settings.__dataclass_fields__})


def _gates(options: dict[str, Any], before: Gates) -> Gates:
    """Return what `_gate_options` came to; what is not given is the preset's, or that of before."""
    preset = options["preset"]
    given = {name: options[name] for name in Gates.__dataclass_fields__}
    changes = {name: value for name, value in given.items() if value is not None}
    if changes.get("beat") == "none":
        changes["beat"] = None
    return replace(before if preset is None else Gates.preset(preset), **changes)


def _ranges(options: dict[str, Any], before: RangeOptions) -> RangeOptions:
    """Return what `range_options` came to; what is not given is as before."""
    given = {name: options[name] for name in RangeOptions.__dataclass_fields__}
    return replace(before, **{name: value for name, value in given.items() if value is not None})


def _csv_rows(everything: bool) -> int | None:
    from wfo.runs.plan import CSV_ROWS

    return None if everything else CSV_ROWS


def command_given() -> str:
    """Return the command that goes on with this one: what it has begun does not start over."""
    return shlex.join(["wfo", *(word for word in sys.argv[1:] if word != "--fresh")])
