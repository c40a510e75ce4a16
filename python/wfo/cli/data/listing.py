"""``wfo data list``: what is stored."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wfo.cli.data.shared import data_dir_option, say
from wfo.cli.terminal import echo
from wfo.errors import DataError, WfoError
from wfo.text import table

if TYPE_CHECKING:
    from wfo.data import BarsOrigin, DataStore, Stored

_HEADS = ("SYMBOL", "BARS", "ROWS", "FIRST", "LAST", "GAPS", "SOURCE", "ADJUST", "AGE")
_SHORT = {"split-and-dividend": "split+div"}


@click.command("list")
@data_dir_option
def list_(data_dir: Path) -> None:
    """List what is stored, and the bars of the embedded sample.

    In the column BARS, mark stands for bars of the mark price. GAPS counts the
    sessions of the calendar that have no bar and were not answered empty; what
    else looks wrong, wfo data check says. SOURCE is import for bars of a file, and
    resampled for those that wfo data resample has made. In the column ADJUST,
    split+div stands for split-and-dividend. AGE is the time since the bars were
    last asked for, imported or resampled. Every command knows the sample by its
    names; bars stored under these take its place.

    \b
    Example:
      wfo data list --data-dir data
    """
    from wfo.data import DataStore
    from wfo.data.sources.source import SERIES

    store = DataStore(data_dir)
    now = dt.datetime.now(dt.UTC)
    keys = [(*key, series) for series in SERIES for key in store.keys(series)]
    keys.sort(key=lambda key: key[0])
    samples = store.sample_keys()
    if not keys:
        say(
            f"no bars in the folder {data_dir}; to add some: wfo data download QQQ, or "
            "wfo data import FILE --symbol QQQ"
        )
    rows: list[tuple[str, ...]] = []
    broken: list[str] = []
    for symbol, timeframe, series in (*keys, *((*key, "bars") for key in samples)):
        try:
            rows.append(_row(store, symbol, timeframe, series, now))
        except WfoError as error:
            broken.append(str(error))
    if rows:
        lines = table([_HEADS, *rows], "<<><<><<>", indent="")
        if samples:
            lines.insert(
                len(lines) - len(samples), "the embedded sample, which every command knows:"
            )
        echo("\n".join(lines))
    if broken:
        raise DataError(
            "\n  ".join(["some stored bars cannot be read (wfo data check --fix):", *broken])
        )


def _row(
    store: DataStore, symbol: str, timeframe: str, series: str, now: dt.datetime
) -> tuple[str, ...]:
    from wfo.data.fixing import missing_sessions

    found = store.read(symbol, timeframe, series=series)
    meta = found.meta
    what = {"bars": timeframe, "mark": f"{timeframe} mark", "funding": "funding"}[series]
    gaps = len(missing_sessions(found, now))
    sample = store.is_sample(symbol, timeframe) and series == "bars"
    return (
        symbol,
        what,
        f"{meta.rows:,}",
        meta.first[:10] or "-",
        meta.last[:10] or "-",
        f"{gaps:,}",
        "-" if sample else _source(meta.origin),
        _SHORT.get(meta.origin.adjust, meta.origin.adjust),
        "" if sample else age(_asked_at(found), now),
    )


def _source(origin: BarsOrigin) -> str:
    """Return where bars come from, in a word."""
    from wfo.data.deriving import is_resampled

    return origin.fetched_from or ("resampled" if is_resampled(origin) else "import")


def _asked_at(found: Stored) -> dt.datetime:
    """Return when a series was last asked for."""
    answered = [a.asked_at for a in found.meta.coverage.answered]
    return max([dt.datetime.fromisoformat(found.meta.imported_at), *answered])


def age(since: dt.datetime, now: dt.datetime) -> str:
    """Return the time since then in one unit, such as ``5 min``, ``3 h`` or ``12 d``."""
    minutes = max(0, int((now - since).total_seconds() // 60))
    for unit, size in (("d", 1440), ("h", 60)):
        if minutes >= size:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"
