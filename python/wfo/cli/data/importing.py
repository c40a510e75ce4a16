"""``wfo data import``: a file of bars into the store."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click

from wfo.cli.completion import complete_calendars, complete_symbols, complete_timeframes
from wfo.cli.data.shared import check_symbol, check_timeframe, data_dir_option, extent, say


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--symbol",
    required=True,
    callback=check_symbol,
    shell_complete=complete_symbols,
    help="Name to store the bars under.",
)
@click.option(
    "--timeframe",
    callback=check_timeframe,
    shell_complete=complete_timeframes,
    metavar="TIMEFRAME",
    show_default="found from the file",
    help="Length of a bar: 1min, 5min, 15min, 30min, 1hour, 4hour, 1day or 1week.",
)
@click.option(
    "--adjust",
    type=click.Choice(["none", "split-and-dividend"]),
    default="none",
    help="Keep prices as they are, or multiply them by adjusted close / close.",
)
@click.option(
    "--calendar",
    default="XNYS",
    show_default=True,
    shell_complete=complete_calendars,
    metavar="NAME",
    help="Exchange calendar to find gaps with: a name of exchange_calendars, 24/7 for markets "
    "that never close, or none.",
)
@click.option(
    "--timezone",
    metavar="ZONE",
    show_default="that of the file, or of the calendar",
    help="Time zone of intraday stamps, such as America/New_York or UTC.",
)
@click.option(
    "--stamps",
    type=click.Choice(["open", "close"]),
    show_default="open, but of vendors that are known to stamp ends",
    help="Which end of an intraday bar its stamp is.",
)
@click.option(
    "--date-format",
    metavar="FORMAT",
    show_default="found from the file",
    help="How dates and times are written, such as DD/MM/YYYY, %d/%m/%Y or YYYY-MM-DD hh-A.",
)
@click.option(
    "--columns",
    metavar="NAMES",
    show_default="found from the file",
    help="What each column holds, from the first: date, time, datetime, open, high, low, close, "
    "volume, adj_close, or - for one that is not read; commas between.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Widen highs and lows that miss open or close by up to 5 % of the price, instead of "
    "refusing the file.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Store nothing: show what was recognised, and the first and last bars above their lines.",
)
@data_dir_option
@click.pass_context
def import_(
    context: click.Context,
    *,
    file: Path,
    symbol: str,
    timeframe: str | None,
    adjust: Literal["none", "split-and-dividend"],
    calendar: str,
    timezone: str | None,
    stamps: Literal["open", "close"] | None,
    date_format: str | None,
    columns: str | None,
    repair: bool,
    dry_run: bool,
    data_dir: Path,
) -> None:
    """Read a CSV or Parquet file of bars, check it, and store it.

    Columns are found by their headings or their shape, dates, times, numbers and
    the length of a bar by all cells together; wfo docs files-of-vendors says whose
    files are known. Notes say what was assumed, and --dry-run shows it without
    storing anything. Bars that are stored under the same symbol and timeframe are
    replaced.

    \b
    Examples:
      wfo data import QQQ.csv --symbol QQQ --dry-run
      wfo data import QQQ.csv --symbol QQQ --adjust split-and-dividend
      wfo data import btc.zip --symbol BTC --calendar 24/7
      wfo data import es.txt --symbol @ES --calendar CMES --stamps close
      wfo data import x.txt --symbol X --columns date,time,open,high,low,close,-
    """
    from wfo.data import DataStore, read_bars
    from wfo.data.store import SAMPLE_FOLDER, WAITING

    bars = read_bars(
        file,
        timeframe=timeframe,
        calendar=calendar,
        timezone=timezone,
        adjust=adjust,
        date_format=date_format,
        stamps=stamps,
        columns=None if columns is None else columns.split(","),
        repair=repair,
    )
    timeframe = bars.timeframe
    if dry_run:
        from wfo.cli.data.previewing import preview

        preview(symbol, bars, shlex.join(_without_dry_run(context)))
        return
    saved = DataStore(data_dir).save(
        symbol,
        timeframe,
        bars.frame,
        bars.origin,
        waiting=lambda: say(f"{symbol} {timeframe}: {WAITING}"),
    )
    origin = saved.meta.origin
    say(f"{symbol} {timeframe}: {extent(saved.meta)}, from {origin.source}")
    zone = f", time zone {origin.timezone}" if origin.timezone else ""
    say(f"adjust {origin.adjust}, calendar {origin.calendar}{zone}", indent=2)
    for note in origin.notes:
        say(f"note: {note}", indent=2)
    for warning in origin.warnings:
        say(f"warning: {warning}", indent=2)
    shadowed = DataStore(SAMPLE_FOLDER).keys()
    if (symbol, timeframe) in shadowed and data_dir.absolute() != SAMPLE_FOLDER:
        say(
            f"note: {symbol} {timeframe} is also the name of an embedded sample; from now on these"
            " bars are taken in its place",
            indent=2,
        )
    if saved.replaced is not None:
        same = saved.replaced.fingerprint == saved.meta.fingerprint
        say(f"replaced {extent(saved.replaced)}{' (the same bars)' if same else ''}", indent=2)
    say(f"written to {saved.bars_path}", indent=2)


def _without_dry_run(context: click.Context) -> Iterator[str]:
    """Yield the words of the command that stores what a dry run has shown."""
    yield from ("wfo", "data", "import", str(context.params["file"]))
    given = click.core.ParameterSource.COMMANDLINE
    for option in context.command.params:
        name = option.name or ""
        if isinstance(option, click.Argument) or name == "dry_run":
            continue
        if context.get_parameter_source(name) is not given:
            continue
        yield option.opts[0]
        if not (isinstance(option, click.Option) and option.is_flag):
            yield str(context.params[name])
