"""``wfo data resample``: longer bars made of stored ones."""

from __future__ import annotations

from pathlib import Path

import click

from wfo.cli.completion import complete_symbols, complete_timeframes
from wfo.cli.data.shared import check_symbol, check_timeframe, data_dir_option, extent, say


@click.command()
@click.argument("symbol", callback=check_symbol, shell_complete=complete_symbols)
@click.option(
    "--from",
    "base",
    callback=check_timeframe,
    shell_complete=complete_timeframes,
    metavar="TIMEFRAME",
    show_default="the longest below --to that is stored",
    help="Length of the bars that they are made of.",
)
@click.option(
    "--to",
    required=True,
    callback=check_timeframe,
    shell_complete=complete_timeframes,
    metavar="TIMEFRAME",
    help="Length of the bars to make: 5min, 15min, 30min, 1hour, 4hour, 1day or 1week.",
)
@click.option(
    "--fresh",
    is_flag=True,
    help="Set aside bars of that length that were imported or downloaded.",
)
@data_dir_option
def resample(*, symbol: str, base: str | None, to: str, fresh: bool, data_dir: Path) -> None:
    """Make longer bars of shorter ones that are stored.

    Bins count from the open of each session, and anew after its break; the last
    one may be shorter. Days and weeks are made of sessions alone, without what
    trades before and after, and are named by the session and by the Monday. A
    last day or week that is not finished is left out.

    \b
    Examples:
      wfo data resample QQQ --from 1min --to 5min
      wfo data resample QQQ --to 1week
    """
    from wfo.data import TIMEFRAMES, DataStore
    from wfo.data.deriving import resample_stored
    from wfo.data.store import WAITING

    shortest = min(TIMEFRAMES, key=TIMEFRAMES.__getitem__)
    if to == shortest:
        raise click.UsageError(f"--to {to} is the shortest there is: no bars are made into it")
    if base is not None and TIMEFRAMES[to] <= TIMEFRAMES[base]:
        raise click.UsageError(f"--to {to} is not longer than --from {base}")
    saved = resample_stored(
        DataStore(data_dir),
        symbol,
        to,
        base=base,
        fresh=fresh,
        waiting=lambda: say(f"{symbol} {to}: {WAITING}"),
    )
    origin = saved.meta.origin
    say(f"{symbol} {to}: {extent(saved.meta)}, {origin.source}")
    for note in origin.notes:
        say(f"note: {note}", indent=2)
    for warning in origin.warnings:
        say(f"warning: {warning}", indent=2)
    if saved.set_aside is not None:
        say(f"set aside: {saved.set_aside}", indent=2)
    say(f"written to {saved.bars_path}", indent=2)
