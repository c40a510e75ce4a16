"""``wfo data import``: a file of bars into the store."""

from __future__ import annotations

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
    default="1day",
    callback=check_timeframe,
    shell_complete=complete_timeframes,
    metavar="TIMEFRAME",
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
    show_default="that of the calendar",
    help="Time zone of intraday stamps, such as America/New_York or UTC.",
)
@click.option(
    "--date-format",
    metavar="FORMAT",
    show_default="found from the file",
    help="Order of day and month, such as DD/MM/YYYY or %d/%m/%Y.",
)
@click.option(
    "--repair",
    is_flag=True,
    help="Widen highs and lows that do not include open and close, instead of refusing the file.",
)
@data_dir_option
def import_(
    *,
    file: Path,
    symbol: str,
    timeframe: str,
    adjust: Literal["none", "split-and-dividend"],
    calendar: str,
    timezone: str | None,
    date_format: str | None,
    repair: bool,
    data_dir: Path,
) -> None:
    """Read a CSV or Parquet file of bars, check it, and store it.

    Columns are found by their headings: exports of Yahoo, TradeStation, Stooq and
    MetaTrader are known, and anything with date, open, high, low and close.
    Bars that are stored under the same symbol and timeframe are replaced.

    \b
    Examples:
      wfo data import QQQ.csv --symbol QQQ
      wfo data import QQQ.csv --symbol QQQ --adjust split-and-dividend
      wfo data import btc.csv --symbol BTC --timeframe 1hour --calendar 24/7
    """
    from wfo.data import DataStore, import_bars
    from wfo.data.store import SAMPLE_FOLDER, WAITING

    saved = import_bars(
        file,
        symbol,
        store=DataStore(data_dir),
        timeframe=timeframe,
        calendar=calendar,
        timezone=timezone,
        adjust=adjust,
        date_format=date_format,
        repair=repair,
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
