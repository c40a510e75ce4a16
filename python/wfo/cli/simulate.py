"""``wfo simulate``: one parameter set, bar by bar."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wfo.atr_d.settings import Settings
from wfo.cli.data import data_dir_option
from wfo.cli.run import setting_options

if TYPE_CHECKING:
    import polars as pl

    from wfo.backtest import Simulation
    from wfo.charts import EquityChart
    from wfo.data import DataStore
    from wfo.metrics import PartMetrics
    from wfo.strategy import Strategy

#: Trades that are printed; a file has them all.
_LAST_TRADES = 10

_TERMINAL = "terminal"
_TABLES = (".csv", ".parquet")

#: Widest chart in a terminal; wider ones are no easier to read.
_WIDEST = 120


@dataclass(frozen=True, slots=True)
class _Slice:
    """What is simulated: the bars up to `end`, and what the stretch is called."""

    warmup: int
    split: int
    end: int
    name: str
    notes: tuple[str, ...] = ()


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
    "--allow-gaps", is_flag=True, help="Drop more than 5 % of dates that only one symbol has."
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
    is varied by, say, --set atr_period=14 --set bb_length=20.

    \b
    Examples:
      wfo simulate --symbol QQQ --strategy atr_d_l --from-candidates best.csv
      wfo simulate --symbol QQQ --strategy atr_d_l --from-candidates c.csv --row 7
    """
    from wfo import metrics
    from wfo.backtest import simulate as backtest
    from wfo.backtest.engines import require_engine
    from wfo.bars import dates as bar_dates
    from wfo.charts import EquityChart
    from wfo.data import DataStore
    from wfo.strategy import get_strategy

    _check_usage(windows, phase, split, begin, candidates, row)
    _check_files(candidates, out_trades, out_equity, plots)
    found = get_strategy(strategy)
    require_engine(engine, found)
    settings = Settings(**{name: options[name] for name in Settings.__dataclass_fields__})
    params = _params(found, sets, candidates, row or 0)
    need = found.lookback({name: (value,) for name, value in params.items()})

    store = DataStore(data_dir)
    bars, bars2, notes = _load_bars(store, found, symbol, symbol2, timeframe, allow_gaps)
    days = bar_dates(bars)
    today = as_of.date() if as_of else None
    if split is not None:
        chosen = _slice_of_split(days, split.date(), begin.date() if begin else None, today, need)
    else:
        chosen = _slice_of_phase(days, windows or "default", phase, today, need)

    bars, days = bars[: chosen.end], days[: chosen.end]
    simulation = backtest.simulate(
        found,
        bars,
        params,
        split=chosen.split,
        warmup=chosen.warmup,
        bars2=None if bars2 is None else bars2[: chosen.end],
        settings=settings,
        engine=engine,
    )
    year = metrics.bars_per_year(timeframe, days)
    parts = metrics.simulation_metrics(
        simulation, days, warmup=chosen.warmup, split=chosen.split, bars_per_year=year
    )
    symbols = symbol if symbol2 is None else f"{symbol} with {symbol2}"
    title = f"{symbols} {timeframe}, {found.name}, {chosen.name}"
    start = chosen.warmup - 1
    chart = EquityChart(title, days[start:], simulation.equity[start:], chosen.split - start)

    written = _write(simulation, bars, chosen, chart, out_trades, out_equity, plots)
    lines = [title, *_params_lines(params), *(f"  Note: {n}." for n in (*notes, *chosen.notes))]
    lines += ["", *_metrics_lines(parts, year), "", *_trades_lines(simulation, days)]
    if _TERMINAL in plots:
        lines += ["", *_chart_lines(chart)]
    if written:
        lines += ["", "Written", *(f"  {path}" for path in written)]
    click.echo("\n".join(lines))


# What is asked for


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


def _check_files(
    candidates: Path | None, out_trades: Path | None, out_equity: Path | None, plots: Sequence[str]
) -> None:
    """Raise where a file would overwrite another one, or cannot be drawn here."""
    from wfo.charts import require_drawable

    charts = [Path(text) for text in plots if text != _TERMINAL]
    seen: set[Path] = set()
    for path in (p for p in (candidates, out_trades, out_equity, *charts) if p is not None):
        if path.absolute() in seen:
            raise click.UsageError(f"{path} is named twice; every file needs a name of its own")
        seen.add(path.absolute())
    for path in charts:
        require_drawable(path)


def _params(
    strategy: Strategy, sets: Mapping[str, str], candidates: Path | None, row: int
) -> dict[str, int | float]:
    """Return the parameters of the row, then what was set, checked."""
    given = {} if candidates is None else _read_row(candidates, strategy, row)
    for name, text in sets.items():
        strategy.parameter(name)
        given[name] = _number(text)
    return dict(zip(strategy.names, strategy.check_params(given), strict=True))


def _number(text: object) -> object:
    """Return the number that a text stands for, else the text, which the strategy will refuse."""
    if isinstance(text, str):
        for kind in (int, float):
            with contextlib.suppress(ValueError):
                return kind(text)
    return text


def _read_row(path: Path, strategy: Strategy, row: int) -> dict[str, object]:
    """Return the parameters in a row of a candidates file.

    Raises
    ------
    InputError
        If there is no such file or row, or it is no candidates file of the strategy.
    """
    import polars as pl

    from wfo.errors import InputError
    from wfo.strategy import strategies

    if not path.is_file():
        raise InputError(f"there is no candidates file {path}")
    try:
        if path.suffix.lower() == ".csv":
            # As text: what a number is decides the parameter it belongs to.
            frame = pl.scan_csv(path, infer_schema=False)
        else:
            frame = pl.scan_parquet(path)
        columns = frame.collect_schema().names()
        known = {n for s in strategies().values() for n in s.names}
        present = [c for c in columns if c in known]
        if not present:
            raise InputError(
                f"{path} has no parameter columns; candidates_*.csv and .parquet of a run have"
            )
        named = _named_strategy(path)
        if set(present) != set(strategy.names) or named not in {None, strategy.name}:
            # Some strategies have the same parameters; then only the name of the file tells.
            others = [s.name for s in strategies().values() if set(s.names) == set(present)]
            whose = named or " or ".join(others)
            missing = [n for n in strategy.names if n not in present]
            what = f"is one of {whose}" if whose else f"lacks {', '.join(missing)}"
            raise InputError(f"{path} is no candidates file of {strategy.name}: it {what}")
        taken = frame.select(strategy.names).slice(row, 1).collect()
        if taken.is_empty():
            count = frame.select(pl.len()).collect().item()
            rows = f"which has rows 0 to {count - 1}" if count else "which has none"
            raise InputError(f"row {row} is not in {path}, {rows}")
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be read: {reason}") from error
    return {name: _number(value) for name, value in taken.row(0, named=True).items()}


def _named_strategy(path: Path) -> str | None:
    """Return the strategy that the name of a candidates file names, as a run writes it."""
    from wfo.strategy import strategies

    named = [n for n in strategies() if path.stem.startswith(f"candidates_{n}_")]
    return max(named, key=len, default=None)


def _load_bars(
    store: DataStore,
    strategy: Strategy,
    symbol: str,
    symbol2: str | None,
    timeframe: str,
    allow_gaps: bool,
) -> tuple[pl.DataFrame, pl.DataFrame | None, tuple[str, ...]]:
    """Return the bars of the symbols on common dates, and what had to be dropped for it."""
    from wfo.bars import join_bars
    from wfo.errors import InputError

    if strategy.dual_symbol and symbol2 is None:
        raise InputError(f"{strategy.name} reads a second symbol; name it with --symbol2")
    if symbol2 is not None and not strategy.dual_symbol:
        raise InputError(f"{strategy.name} reads one symbol only; leave --symbol2 out")
    bars = store.load(symbol, timeframe)
    if symbol2 is None:
        return bars, None, ()
    # The one place where two symbols are put on the same dates.
    joined = join_bars(bars, store.load(symbol2, timeframe), allow_gaps=allow_gaps)
    dropped = (
        f"{joined.dropped_first} bars of {symbol} and {joined.dropped_second} of {symbol2} were"
        " dropped, on dates that only one of them has"
    )
    notes = (dropped,) if joined.dropped_first or joined.dropped_second else ()
    return joined.first, joined.second, notes


def _slice_of_phase(
    days: Sequence[dt.date], windows: str, number: int | None, today: dt.date | None, need: int
) -> _Slice:
    """Return a phase of a schedule, by default the last.

    Raises
    ------
    WfoError
        If there is no such schedule or phase, or too little history.
    """
    from wfo.errors import InputError
    from wfo.windows import LEAST_WARMUP, Windows

    phases = Windows.load(windows).resolve(days, as_of=today, warmup=max(LEAST_WARMUP, need))
    number = len(phases) if number is None else number
    if number > len(phases):
        note = f" ({phases.note})" if phases.note else ""
        raise InputError(
            f"there is no phase {number}: the schedule {phases.name!r} has {len(phases)}{note}"
        )
    name = f"phase {number} of {phases.name!r}"
    notes = (phases.note,) if phases.note else ()
    return _Slice(*phases[number - 1].bounds, name, notes)


def _slice_of_split(
    days: Sequence[dt.date],
    split: dt.date,
    begin: dt.date | None,
    today: dt.date | None,
    need: int,
) -> _Slice:
    """Return the history up to its last bar, with a boundary at `split`.

    Raises
    ------
    WfoError
        If there is too little history, or a part would have no bars.
    """
    from wfo.errors import DataError, InputError
    from wfo.windows import LEAST_WARMUP

    end = len(days) if today is None else bisect_right(days, today)
    least = max(LEAST_WARMUP, need)
    if end <= least + 1:
        until = f" up to {today}" if today else ""
        raise DataError(
            f"too little history: {end} bars{until}, of which the warm-up takes {least};"
            " import more of it"
        )
    warmup = least if begin is None else bisect_left(days, begin)
    if warmup < least:
        raise InputError(
            f"--from {begin} leaves {warmup} bars for the warm-up, which takes {least};"
            f" the first date possible is {days[least]}"
        )
    boundary = bisect_left(days, split)
    if not warmup < boundary < end:
        since = days[warmup] if warmup < end else begin
        raise InputError(
            f"--split {split} leaves no bars on one side: those that trade are {since} to"
            f" {days[end - 1]}"
        )
    return _Slice(warmup, boundary, end, f"split on {split}")


# What is written


def _write(
    simulation: Simulation,
    bars: pl.DataFrame,
    chosen: _Slice,
    chart: EquityChart,
    out_trades: Path | None,
    out_equity: Path | None,
    plots: Sequence[str],
) -> list[Path]:
    """Write the files that were asked for, and return them."""
    from wfo.charts import write_chart

    written: list[Path] = []
    for option, path, frame in (
        ("--out-trades", out_trades, _trades_frame),
        ("--out-equity", out_equity, _equity_frame),
    ):
        if path is not None:
            with _named(option, path):
                _write_frame(frame(simulation, bars, chosen), path)
            written.append(path)
    for path in (Path(text) for text in plots if text != _TERMINAL):
        with _named("--plot", path):
            write_chart(chart, path)
        written.append(path)
    return written


@contextlib.contextmanager
def _named(option: str, path: Path) -> Iterator[None]:
    """Name the option whose file cannot be written."""
    from wfo.errors import ResultsError

    try:
        yield
    except ResultsError as error:
        cause = error.__cause__
        reason = (cause.strerror or cause) if isinstance(cause, OSError) else error
        raise ResultsError(
            f"cannot write {path}: {reason}; choose another file with {option}"
        ) from error


def _write_frame(frame: pl.DataFrame, path: Path) -> None:
    from wfo.files import write_with

    write: Callable[[Path], object]
    if path.suffix.lower() == ".csv":

        def write(part: Path) -> None:
            frame.write_csv(part, datetime_format="%Y-%m-%dT%H:%M:%S%:z")

    else:

        def write(part: Path) -> None:
            frame.write_parquet(part, compression="zstd")

    write_with(path, write)


def _trades_frame(simulation: Simulation, bars: pl.DataFrame, chosen: _Slice) -> pl.DataFrame:
    """Return the trades with their dates and the part in which they closed."""
    import polars as pl

    stamps = _stamps(bars)
    trades = simulation.trades
    entries, exits = (
        stamps.gather(trades[bar]).alias(f"{bar.removesuffix('_bar')}_{stamps.name}")
        for bar in ("entry_bar", "exit_bar")
    )
    within = pl.col("exit_bar") < chosen.split
    part = pl.when(within).then(pl.lit("in-sample")).otherwise(pl.lit("out-of-sample"))
    return trades.with_columns(entries, exits, part.alias("part")).select(
        "side", "entry_bar", entries.name, "entry_price", "exit_bar", exits.name, "exit_price",
        "pnl", "part",
    )  # fmt: skip


def _equity_frame(simulation: Simulation, bars: pl.DataFrame, chosen: _Slice) -> pl.DataFrame:
    """Return the marks from the one before the first trading bar on, whose part is ``start``."""
    import numpy as np
    import polars as pl

    start = chosen.warmup - 1
    marks = simulation.equity[start:]
    bar = pl.col("bar")
    part = (
        pl.when(bar == start)
        .then(pl.lit("start"))
        .when(bar < chosen.split)
        .then(pl.lit("in-sample"))
        .otherwise(pl.lit("out-of-sample"))
    )
    return (
        pl.DataFrame(
            {
                "bar": np.arange(start, chosen.end, dtype=np.int64),
                "stamp": _stamps(bars)[start:],
                "equity": marks,
                "drawdown": np.maximum.accumulate(marks) - marks,
            }
        )
        .with_columns(part.alias("part"))
        .rename({"stamp": _stamps(bars).name})
    )


def _stamps(bars: pl.DataFrame) -> pl.Series:
    from wfo.data.frames import time_column

    return bars[time_column(bars)]


# What is printed


def _params_lines(params: Mapping[str, int | float]) -> list[str]:
    """Return the parameters, as many a line as fit."""
    import textwrap

    text = ", ".join(f"{name} {value:g}" for name, value in params.items())
    # A break may stand after a comma only, not between a name and its value.
    glued = text.replace(" ", "\0").replace(",\0", ", ")
    return [
        line.replace("\0", " ")
        for line in textwrap.wrap(glued, 78, initial_indent="  ", subsequent_indent="  ")
    ]


def _metrics_lines(parts: PartMetrics, year: float) -> list[str]:
    from wfo.metrics import DEFINITIONS

    columns = (parts.in_sample, parts.out_of_sample, parts.whole)
    rows: list[tuple[str, ...]] = [("", "In-sample", "Out-of-sample", "Whole")]
    for head, name in (("First bar", "first"), ("Last bar", "last")):
        rows.append((head, *(getattr(m, name).isoformat() for m in columns)))
    for d in DEFINITIONS:
        title = f"{d.title}, %" if d.unit == "share" else d.title
        title += ", days" if d.unit == "days" else ""
        rows.append((title, *(_cell(getattr(m, d.name), d.unit) for m in columns)))
    note = f"  A year has {year:,.0f} bars; - is what is not defined. wfo.metrics has the formulas."
    return [*_columns(rows, "<>>>"), note]


def _cell(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit in {"count", "days"}:
        return f"{value:,.0f}"
    if unit == "money":
        return f"{value:,.2f}" if abs(value) < 1e9 else f"{value:.6g}"
    scaled = 100 * value if unit == "share" else value
    return f"{scaled:,.2f}" if abs(scaled) < 1e7 else f"{scaled:.3g}"


def _price(value: float) -> str:
    return f"{value:,.2f}" if value >= 10 else f"{value:.5g}"


def _trades_lines(simulation: Simulation, days: Sequence[dt.date]) -> list[str]:
    from wfo.metrics import bars_held

    trades = simulation.trades
    held = bars_held(simulation.equity, trades)[-1]
    still = ["  A position is open after the last bar; it is no trade yet."] if held else []
    if trades.is_empty():
        return ["No trades were closed.", *still]
    last = trades.tail(_LAST_TRADES)
    rows = [("Side", "Entry", "at", "Exit", "at", "Bars", "Profit")]
    rows += [
        (
            t["side"],
            days[t["entry_bar"]].isoformat(),
            _price(t["entry_price"]),
            days[t["exit_bar"]].isoformat(),
            _price(t["exit_price"]),
            f"{t['exit_bar'] - t['entry_bar']:,}",
            _cell(t["pnl"], "money"),
        )
        for t in last.iter_rows(named=True)
    ]
    shown = f"Last {len(last)} of {len(trades):,} trades" if len(last) < len(trades) else "Trades"
    return [shown, *_columns(rows, "<<><>>>"), *still]


def _chart_lines(chart: EquityChart) -> list[str]:
    from wfo.charts import text_chart

    width = min(shutil.get_terminal_size((80, 24)).columns, _WIDEST)
    return text_chart(chart, width).splitlines()


def _columns(rows: Sequence[tuple[str, ...]], align: str) -> list[str]:
    """Lay out columns by their widest cell."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        (
            "  "
            + "  ".join(f"{cell:{a}{w}}" for cell, a, w in zip(row, align, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
