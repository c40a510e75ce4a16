"""The command group ``wfo data``: import, list and check stored bars."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from wfo.cli.completion import complete_symbols, complete_timeframes
from wfo.errors import DataError, InputError
from wfo.text import table

if TYPE_CHECKING:
    from wfo.data import BarsMeta, DataStore

_WIDTH = 80

#: Where the store is, for every command that reads or fills it.
data_dir_option = click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="WFO_DATA_DIR",
    default="data",
    show_default=True,
    show_envvar=True,
    help="Folder of the stored bars.",
)


def _timeframe(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    from wfo.data.timeframes import require_timeframe

    try:
        return None if value is None else require_timeframe(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from error


def _symbol(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    from wfo.data.store import require_symbol

    try:
        return None if value is None else require_symbol(value)
    except InputError as error:
        raise click.BadParameter(str(error)) from error


@click.group(context_settings={"show_default": True})
def data() -> None:
    """Import bars from files, list what is stored, and check it.

    \b
    Example:
      wfo data import QQQ.csv --symbol QQQ
      wfo data list
    """


@data.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--symbol",
    required=True,
    callback=_symbol,
    shell_complete=complete_symbols,
    help="Name to store the bars under.",
)
@click.option(
    "--timeframe",
    default="1day",
    callback=_timeframe,
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
    from wfo.data.store import SAMPLE_FOLDER

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
    )
    origin = saved.meta.origin
    _say(f"{symbol} {timeframe}: {_extent(saved.meta)}, from {origin.source}")
    zone = f", time zone {origin.timezone}" if origin.timezone else ""
    _say(f"adjust {origin.adjust}, calendar {origin.calendar}{zone}", indent=2)
    for note in origin.notes:
        _say(f"note: {note}", indent=2)
    for warning in origin.warnings:
        _say(f"warning: {warning}", indent=2)
    shadowed = DataStore(SAMPLE_FOLDER).keys()
    if (symbol, timeframe) in shadowed and data_dir.absolute() != SAMPLE_FOLDER:
        _say(
            f"note: {symbol} {timeframe} is also the name of an embedded sample; from now on these"
            " bars are taken in its place",
            indent=2,
        )
    if saved.replaced is not None:
        same = saved.replaced.fingerprint == saved.meta.fingerprint
        _say(f"replaced {_extent(saved.replaced)}{' (the same bars)' if same else ''}", indent=2)
    _say(f"written to {saved.bars_path}", indent=2)


@data.command("list")
@data_dir_option
def list_(data_dir: Path) -> None:
    """List the stored bars, and those of the embedded sample.

    In the column ADJUST, split+div stands for split-and-dividend. The column
    WARNINGS counts what wfo data check explains. Every command knows the sample
    by its names; bars imported under these take its place.

    \b
    Example:
      wfo data list --data-dir data
    """
    from wfo.data import DataStore

    store = DataStore(data_dir)
    keys, samples = store.keys(), store.sample_keys()
    if not keys:
        _say(f"no bars in the folder {data_dir}; to add some: wfo data import FILE --symbol QQQ")
    rows: list[tuple[str, ...]] = []
    broken: list[str] = []
    for symbol, timeframe in (*keys, *samples):
        try:
            meta = store.meta(symbol, timeframe)
        except DataError as error:
            broken.append(str(error))
            continue
        adjust = "split+div" if meta.origin.adjust == "split-and-dividend" else "none"
        count = str(len(meta.origin.warnings))
        rows.append(
            (symbol, timeframe, f"{meta.rows:,}", meta.first[:10], meta.last[:10], adjust, count)
        )
    if rows:
        heads = ("SYMBOL", "TIMEFRAME", "ROWS", "FIRST", "LAST", "ADJUST", "WARNINGS")
        lines = table([heads, *rows], "<<><<<>", indent="")
        if samples:
            lines.insert(
                len(lines) - len(samples), "the embedded sample, which every command knows:"
            )
        click.echo("\n".join(lines))
    if broken:
        raise DataError("\n  ".join(["some stored bars cannot be read:", *broken]))


@data.command("check")
@click.argument("symbol", required=False, callback=_symbol, shell_complete=complete_symbols)
@click.option(
    "--timeframe",
    callback=_timeframe,
    shell_complete=complete_timeframes,
    metavar="TIMEFRAME",
    show_default="all that are stored",
    help="Length of a bar, such as 5min or 1day.",
)
@data_dir_option
def check(symbol: str | None, timeframe: str | None, data_dir: Path) -> None:
    """Check stored bars again: all, or those of one symbol.

    Verifies each file's fingerprint, and looks for errors, gaps against the
    calendar named at import, zero volume and unadjusted splits. Fails if any bars
    have errors; warnings do not fail. Those of the embedded sample are checked
    when they are named.

    \b
    Examples:
      wfo data check
      wfo data check QQQ --timeframe 1day
    """
    from wfo.data import DataStore

    store = DataStore(data_dir)
    stored = store.keys()
    # A folder without bars is an error where all of it is checked, whatever the sample has.
    known = stored if symbol is None else [*stored, *store.sample_keys()]
    keys = [k for k in known if symbol in (None, k[0]) and timeframe in (None, k[1])]
    if not keys:
        if symbol is not None:
            store.meta(symbol, timeframe or "1day")  # says what is there instead
        what = "bars" if timeframe is None else f"{timeframe} bars"
        raise DataError(
            f"no {what} in the folder {data_dir}; to add some: wfo data import FILE --symbol QQQ"
        )
    failed = [f"{s} {t}" for s, t in keys if not _check_one(store, s, t)]
    if failed:
        raise DataError(f"{len(failed)} of {len(keys)} checked have errors: {', '.join(failed)}")


def _check_one(store: DataStore, symbol: str, timeframe: str) -> bool:
    """Check and report the bars of one symbol and timeframe, and return whether they are good."""
    from wfo.data import check_bars

    title = f"{symbol} {timeframe}"
    try:
        meta = store.meta(symbol, timeframe)
        frame = store.load(symbol, timeframe)
        report = check_bars(frame, timeframe, calendar=meta.origin.calendar)
    except (DataError, InputError) as error:
        _say(f"{title}: cannot be used")
        _say(f"error: {error}", indent=2)
        return False
    counts = [
        f"{len(found)} {what}{'' if len(found) == 1 else 's'}"
        for found, what in ((report.errors, "error"), (report.warnings, "warning"))
        if found
    ]
    whose = ", the embedded sample" if store.is_sample(symbol, timeframe) else ""
    _say(f"{title}{whose}: {_extent(meta)}: {', '.join(counts) or 'ok'}")
    for line in report.errors:
        _say(f"error: {line}", indent=2)
    for line in report.warnings:
        _say(f"warning: {line}", indent=2)
    return not report.errors


def _extent(meta: BarsMeta) -> str:
    bars = "1 bar" if meta.rows == 1 else f"{meta.rows:,} bars"
    return f"{bars}, {meta.first[:10]} to {meta.last[:10]}"


def _say(text: str, indent: int = 0) -> None:
    """Print a paragraph, wrapped, with continuation lines set in."""
    wrapped = textwrap.fill(
        text,
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    click.echo(wrapped)
