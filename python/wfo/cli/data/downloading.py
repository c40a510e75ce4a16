"""``wfo data download``: from a source into the store."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import click

from wfo.cli.completion import (
    complete_calendars,
    complete_sources,
    complete_symbols,
    complete_timeframes,
)
from wfo.cli.data.shared import (
    Day,
    StagesListener,
    check_calendar,
    check_source,
    check_symbol,
    check_timeframe,
    data_dir_option,
    extent,
    say,
    title,
)
from wfo.errors import DataError

if TYPE_CHECKING:
    from wfo.data import DataStore
    from wfo.data.downloading import Downloaded
    from wfo.data.updating import Wanted

# As in `wfo.data.sources.source`, whose import would cost every call of the command line.
_Series = Literal["bars", "mark", "funding"]
_Adjustment = Literal["raw", "split", "dividend", "split-and-dividend"]


@click.command(short_help="Fetch the bars that the store lacks.")
@click.argument(
    "symbols",
    nargs=-1,
    required=True,
    metavar="SYMBOL...",
    callback=check_symbol,
    shell_complete=complete_symbols,
)
@click.option(
    "--timeframe",
    default="1day",
    show_default=True,
    callback=check_timeframe,
    shell_complete=complete_timeframes,
    metavar="TIMEFRAME",
    help="Length of a bar: 1min, 5min, 15min, 30min, 1hour, 4hour, 1day or 1week.",
)
@click.option(
    "--start",
    type=Day(),
    metavar="DATE",
    show_default="all there is; of intraday bars 5 years",
    help="First date, in the exchange's time zone.",
)
@click.option(
    "--end",
    type=Day(),
    metavar="DATE",
    show_default="yesterday",
    help="Last date. Today is never asked for, since its bars are not complete.",
)
@click.option(
    "--source",
    callback=check_source,
    shell_complete=complete_sources,
    metavar="NAME",
    show_default="that of the stored bars, or what can be used",
    help="Where to ask: tradestation, alpaca, binance, files, or FILE.py:CLASS for a source of "
    "your own.",
)
@click.option(
    "--adjust",
    type=click.Choice(get_args(_Adjustment)),
    show_default="as stored, or what the source does first",
    help="What past prices are adjusted for.",
)
@click.option(
    "--series",
    type=click.Choice(get_args(_Series)),
    default="bars",
    show_default=True,
    help="Bars of trades, bars of the mark price of a perpetual contract, or its funding rates.",
)
@click.option(
    "--calendar",
    callback=check_calendar,
    shell_complete=complete_calendars,
    metavar="NAME",
    show_default="as stored, or what the source says",
    help="Exchange calendar of the symbols: a name of exchange_calendars, 24/7 for markets that "
    "never close, or none.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Set what is stored aside, and fetch all of it; also from another source or with another "
    "adjustment.",
)
@data_dir_option
def download(
    *,
    symbols: tuple[str, ...],
    timeframe: str,
    start: dt.date | None,
    end: dt.date | None,
    source: str | None,
    adjust: _Adjustment | None,
    series: _Series,
    calendar: str | None,
    fresh: bool,
    data_dir: Path,
) -> None:
    """Fetch bars from a source, as far as the store does not have them.

    What is stored is not asked for again, but for five sessions beside what is
    missing, by which a changed past is seen: then the whole history is fetched
    anew. A symbol that fails does not stop the others; what was complete is kept,
    also after Ctrl-C, and the same command goes on.

    Alpaca and TradeStation need credentials, Binance none: wfo docs market-data.

    \b
    Examples:
      wfo data download SMH QQQ
      wfo data download SMH --timeframe 1min --start 2024-01-01 --source alpaca
      wfo data download BTC/USDT --timeframe 1hour --source binance
      wfo data download @ES --source tradestation --calendar CMES
      wfo data download SMH --source mine.py:MySource
    """
    from wfo.data import DataStore
    from wfo.data.downloading import download as fetch
    from wfo.data.updating import Wanted
    from wfo.progress import stages_for_stream

    if start is not None and end is not None and start > end:
        raise click.UsageError(f"--start {start} is after --end {end}")
    wanted = [
        Wanted(symbol, timeframe, start, end, series, adjust, calendar)
        for symbol in dict.fromkeys(symbols)
    ]
    store = DataStore(data_dir)
    with stages_for_stream("days") as stages:
        found = fetch(
            store,
            wanted,
            source=source,
            fresh=fresh,
            listener=StagesListener(stages),
        )
    for each in found:
        _report(each, store)
    failed = [title(e.wanted.symbol, timeframe, series) for e in found if e.error is not None]
    if failed:
        raise DataError(f"{len(failed)} of {len(found)} not complete: {', '.join(failed)}")


def _report(found: Downloaded, store: DataStore) -> None:
    wanted, updated = found.wanted, found.updated
    name = title(wanted.symbol, wanted.timeframe, wanted.series)
    if updated is None or updated.meta is None:
        say(f"{name}: {_stored(store, wanted)}")
    else:
        meta = updated.meta
        said = [extent(meta), f"from {found.source} ({meta.origin.adjust})"]
        if not updated.requests:
            said.append("nothing was missing")
        else:
            said.append(f"{updated.added:,} added")
            said.append(f"{updated.revised:,} revised")
        if updated.anew:
            said.append("the whole history anew")
        say(f"{name}: {', '.join(said)}")
        if updated.set_aside is not None:
            say(f"set aside: {updated.set_aside}", indent=2)
    if updated is not None:
        for note in updated.notes:
            say(f"note: {note}", indent=2)
    if found.error is not None:
        words = str(found.error).removeprefix(f"{name}: ")
        say(f"error: {name}: {words}", indent=2, err=True)


def _stored(store: DataStore, wanted: Wanted) -> str:
    """Return what is stored of a series that was not asked for."""
    from wfo.data.series import series_timeframe

    with contextlib.suppress(DataError):
        key = (wanted.symbol, series_timeframe(wanted.series, wanted.timeframe))
        if key in store.keys(wanted.series):
            return f"{extent(store.meta(*key, series=wanted.series))}, as before"
    return "nothing stored"
