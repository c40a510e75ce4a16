"""``wfo run``, ``wfo demo``, ``wfo rescore`` and ``wfo verify``."""

from __future__ import annotations

import datetime as dt
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wfo.atr_d.settings import Settings
from wfo.backtest import available_threads
from wfo.cli.data import data_dir_option
from wfo.selection.scoring import Gates

if TYPE_CHECKING:
    from wfo.runs.folder import RunFolder

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SETTINGS = Settings()
_GATES = Gates()


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


def _gate_options(min_phases: str, wfe: str, dd_ratio: str) -> Callable[[_Command], _Command]:
    """Return the gates as options that are None where not given; the texts say what holds then."""
    return _options(
        click.option(
            "--min-phases",
            type=int,
            help=f"Valid phases of a stable combination.  [default: {min_phases}]",
        ),
        click.option(
            "--wfe",
            type=float,
            help="Efficiency, out-of-sample by in-sample profit, that a valid combination exceeds."
            f"  [default: {wfe}]",
        ),
        click.option(
            "--dd-ratio",
            type=float,
            help="In-sample drawdowns that its out-of-sample one stays below."
            f"  [default: {dd_ratio}]",
        ),
        click.option(
            "--csv-all",
            is_flag=True,
            help="Write all candidates to the CSV file, not only the best 100,000.",
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
    click.option("--symbol", help="Symbol whose run below OUT is meant, instead of its folder."),
    click.option("--symbol2", help="Second symbol of that run, if it has one."),
)

threads_option = click.option(
    "--threads",
    type=click.IntRange(1, 1024),
    help=f"Results do not depend on it.  [default: one a core, here {available_threads()}]",
)


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
    "--grid",
    default="phase1_slim",
    show_default=True,
    help="Grid by name ('wfo grids') or a .yaml file.",
)
@click.option("--timeframe", default="1day", show_default=True, help="Length of the bars.")
@click.option(
    "--windows",
    default="default",
    show_default=True,
    help="Schedule: default, sixty-forty, or a .yaml file.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Count windows back from this date.  [default: the last bar]",
)
@click.option("--no-expand", is_flag=True, help="Do not run the simpler strategies beside it.")
@setting_options
@_gate_options("the schedule's", f"{_GATES.wfe:g}", f"{_GATES.dd_ratio:g}")
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
    help="Measure for a moment what the run would take, and write nothing.",
)
@threads_option
@data_dir_option
@out_option
def run(
    symbol: str,
    symbol2: str | None,
    allow_gaps: bool,
    strategy: str,
    grid: str,
    timeframe: str,
    windows: str,
    as_of: dt.datetime | None,
    no_expand: bool,
    store: str,
    fresh: bool,
    only_estimate: bool,
    threads: int | None,
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
    moves to OUT/SYMBOL/.history. With a second symbol the folder is OUT/SYMBOL_SYMBOL2.

    \b
    Examples:
      wfo run --symbol QQQ --strategy atr_d_l --grid coarse
      wfo run --symbol QQQ --strategy atr_d_ls --estimate
      wfo run --symbol QQQ --strategy atr_d_l --slip 0.0005 --fee 0.0001
      wfo run --symbol SMH --strategy atr_d_l --grid my.yaml --as-of 2024-12-31
      wfo run --symbol TQQQ --symbol2 QQQ --strategy atr_d_duals_ls --grid coarse
    """
    from wfo.data import DataStore
    from wfo.errors import ResultsError
    from wfo.progress import for_stream
    from wfo.runs.estimate import estimate
    from wfo.runs.plan import RunPlan
    from wfo.runs.run import run as carry_out

    plan = RunPlan(
        symbol=symbol,
        symbol2=symbol2,
        allow_gaps=allow_gaps,
        strategy=strategy,
        timeframe=timeframe,
        grid=grid,
        windows=windows,
        as_of=as_of.date() if as_of else None,
        expand=not no_expand,
        settings=settings_of(options),
        gates=_gates(options, _GATES),
        threads=threads,
        out=out,
        csv_rows=_csv_rows(csv_all),
        store=store,
        fresh=fresh,
        command=_command(),
    )
    if only_estimate:
        found = estimate(plan, DataStore(data_dir))
        click.echo(found.page, nl=False)
        if found.obstacle:
            raise ResultsError(found.obstacle)
        return
    click.echo(carry_out(plan, DataStore(data_dir), progress=for_stream()).page, nl=False)


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
        command=_command(),
    )
    click.echo(carry_out(plan, sample_store(), progress=for_stream()).page, nl=False)


@click.command()
@run_options
@_gate_options(*["the run's"] * 3)
@threads_option
@out_option
def rescore(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    threads: int | None,
    out: Path,
    csv_all: bool,
    **options: Any,
) -> None:
    """Score a run again with other gates, without a sweep.

    FOLDER is the run's folder. Its candidates, plateaus and ranges are replaced; gates that are not
    given stay as the run has them. The stored figures are checked on the way. A run that keeps
    survivors only allows other --min-phases; the other gates were applied while sweeping.

    \b
    Examples:
      wfo rescore results/QQQ --wfe 0.5
      wfo rescore --symbol QQQ --min-phases 4
    """
    from wfo.progress import for_stream
    from wfo.runs.rescore import rescore as rescore_run

    found = _found(folder, symbol, symbol2, out)
    before = found.read_manifest(scored=False).gates
    report = rescore_run(
        found,
        gates=_gates(options, before),
        csv_rows=_csv_rows(csv_all),
        threads=threads,
        command=_command(),
        progress=for_stream(),
    )
    click.echo(report.page, nl=False)


@click.command()
@run_options
@threads_option
@out_option
def verify(
    folder: Path | None,
    symbol: str | None,
    symbol2: str | None,
    threads: int | None,
    out: Path,
) -> None:
    """Check that every file of a run is as it was written.

    FOLDER is the run's folder. Every byte of bars, figures, candidates, plateaus, ranges and
    run.json is compared with the checksums that were taken when it was written. What is damaged
    among the figures is computed again by the run's own command; the rest follows from them.

    \b
    Examples:
      wfo verify results/QQQ
      wfo verify --symbol QQQ
    """
    from wfo.progress import for_stream
    from wfo.runs.verify import verify as verify_run
    from wfo.text import size_text

    found = _found(folder, symbol, symbol2, out)
    files, size = verify_run(found, threads=threads, progress=for_stream())
    click.echo(f"{files} files, {size_text(size)}: all are as they were written")


def _found(folder: Path | None, symbol: str | None, symbol2: str | None, out: Path) -> RunFolder:
    """Return the run that `run_options` name."""
    from wfo.runs.folder import RunFolder

    if (folder is None) == (symbol is None):
        raise click.UsageError("give the run's folder, or --symbol, and not both")
    return RunFolder(folder) if folder else RunFolder.of(out, symbol or "", symbol2)


def settings_of(options: dict[str, Any]) -> Settings:
    """Return what `setting_options` came to."""
    return Settings(**{name: options[name] for name in Settings.__dataclass_fields__})


def _gates(options: dict[str, Any], before: Gates) -> Gates:
    given = {name: options[name] for name in Gates.__dataclass_fields__}
    return Gates(**(before.to_dict() | {n: v for n, v in given.items() if v is not None}))


def _csv_rows(everything: bool) -> int | None:
    from wfo.runs.plan import CSV_ROWS

    return None if everything else CSV_ROWS


def _command() -> str:
    """Return the command that goes on with this one: what it has begun does not start over."""
    return shlex.join(["wfo", *(word for word in sys.argv[1:] if word != "--fresh")])
