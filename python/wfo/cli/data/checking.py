"""``wfo data check``: whether stored bars are as they should be, and what can be put right."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wfo.cli.completion import complete_sources, complete_symbols, complete_timeframes
from wfo.cli.data.shared import (
    StagesListener,
    check_source,
    check_symbol,
    check_timeframe,
    data_dir_option,
    extent,
    say,
    title,
)
from wfo.errors import DataError, InputError

if TYPE_CHECKING:
    from wfo.data import DataStore
    from wfo.data.sources.source import SeriesKind

    Key = tuple[str, str, SeriesKind]


@click.command()
@click.argument("symbol", required=False, callback=check_symbol, shell_complete=complete_symbols)
@click.option(
    "--timeframe",
    callback=check_timeframe,
    shell_complete=complete_timeframes,
    metavar="TIMEFRAME",
    show_default="all that are stored",
    help="Length of a bar, such as 5min or 1day.",
)
@click.option(
    "--fix",
    is_flag=True,
    help="Fetch gaps and damaged files again from where they came from, write missing meta files, "
    "and remove what killed writers have left. Prices of imported bars are never touched.",
)
@click.option(
    "--source",
    callback=check_source,
    shell_complete=complete_sources,
    metavar="NAME",
    show_default="that of the stored bars",
    help="With --fix, where to ask: a name, or FILE.py:CLASS for a source of your own.",
)
@data_dir_option
def check(
    symbol: str | None, timeframe: str | None, fix: bool, source: str | None, data_dir: Path
) -> None:
    """Check what is stored again: all, or one symbol.

    Verifies each file's digest, and looks for errors, gaps against the calendar,
    zero volume, moves like an unadjusted split, stray wicks, and minutes that
    contradict the daily bars of the symbol. Fails if any bars have errors;
    warnings do not fail, and nothing is removed. Those of the embedded sample are
    checked when they are named.

    \b
    Examples:
      wfo data check
      wfo data check QQQ --timeframe 1day
      wfo data check --fix
    """
    from wfo.data import DataStore
    from wfo.data.sources.source import SERIES

    if source is not None and not fix:
        raise click.UsageError("--source is for --fix alone: a check asks no source")
    store = DataStore(data_dir)
    if fix:
        _remove_leftovers(store)
    else:
        _list_leftovers(store)
    stored: list[Key] = sorted(
        ((*key, series) for series in SERIES for key in store.keys(series)),
        key=lambda key: key[0],
    )
    # A folder without bars is an error where all of it is checked, whatever the sample has.
    samples: list[Key] = [(*key, "bars") for key in store.sample_keys()]
    known = stored if symbol is None else [*stored, *samples]
    keys = [k for k in known if symbol in (None, k[0]) and timeframe in (None, k[1])]
    if not keys:
        if symbol is not None:
            store.meta(symbol, timeframe or "1day")  # says what is there instead
        what = "bars" if timeframe is None else f"{timeframe} bars"
        raise DataError(
            f"no {what} in the folder {data_dir}; to add some: wfo data download QQQ, or "
            "wfo data import FILE --symbol QQQ"
        )
    if fix:
        for key in keys:
            if key in stored:
                _fix_one(store, key, source)
    failed = [title(*key) for key in keys if not _check_one(store, key)]
    if failed:
        raise DataError(f"{len(failed)} of {len(keys)} checked have errors: {', '.join(failed)}")


def _remove_leftovers(store: DataStore) -> None:
    from wfo.data.fixing import remove_leftovers

    for line in remove_leftovers(store.folder, store):
        say(f"fixed: {line}")


def _list_leftovers(store: DataStore) -> None:
    from wfo.data.stored_files import leftovers

    for path, *_ in leftovers(store.folder):
        say(
            f"note: {path.name} is being written, or was left by a writer that was killed: "
            "wfo data check --fix removes what was left"
        )


def _fix_one(store: DataStore, key: Key, source: str | None) -> None:
    from wfo.data.fixing import fix
    from wfo.progress import stages_for_stream

    with stages_for_stream("days") as stages:
        found = fix(store, *key, source=source, listener=StagesListener(stages))
    for word, lines in (("fixed", found.done), ("left", found.left)):
        for line in lines:
            say(f"{title(*key)}: {word}: {line}")


def _check_one(store: DataStore, key: Key) -> bool:
    """Check and report one series, and return whether it is good."""
    from wfo.data.fixing import check_stored

    symbol, timeframe, series = key
    try:
        stored = store.read(symbol, timeframe, series=series)
        report = check_stored(store, *key, now=dt.datetime.now(dt.UTC), stored=stored)
    except (DataError, InputError) as error:
        say(f"{title(*key)}: cannot be used")
        say(f"error: {error}", indent=2)
        return False
    counts = [
        f"{len(found)} {what}{'' if len(found) == 1 else 's'}"
        for found, what in ((report.errors, "error"), (report.warnings, "warning"))
        if found
    ]
    whose = ", the embedded sample" if store.is_sample(symbol, timeframe) else ""
    say(f"{title(*key)}{whose}: {extent(stored.meta)}: {', '.join(counts) or 'ok'}")
    for line in report.errors:
        say(f"error: {line}", indent=2)
    for line in report.warnings:
        say(f"warning: {line}", indent=2)
    return not report.errors
