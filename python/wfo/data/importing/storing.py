"""From a file of bars into the store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wfo.data.importing.reading import read_bars
from wfo.data.importing.vendors.vendor import StampsAt
from wfo.data.meta import Adjust
from wfo.data.store import DataStore, SavedBars
from wfo.data.symbols import require_symbol


def import_bars(
    path: str | Path,
    symbol: str,
    *,
    store: DataStore | str | Path | None = None,
    timeframe: str | None = None,
    calendar: str = "XNYS",
    timezone: str | None = None,
    adjust: Adjust = "none",
    date_format: str | None = None,
    stamps: StampsAt | None = None,
    columns: Sequence[str] | None = None,
    repair: bool = False,
    waiting: Callable[[], None] | None = None,
) -> SavedBars:
    """Read a file of bars, check it, and keep it in a store.

    Parameters
    ----------
    path
        A CSV or Parquet file, packed or not.
    symbol
        The name to store the bars under, such as ``QQQ``, ``^GSPC``, ``@ES`` or ``BTC/USDT``.
    store
        A store or its folder; that of `wfo.data.default_folder` when ``None``.
    timeframe, calendar, timezone, adjust, date_format, stamps, columns, repair
        See `wfo.data.read_bars`.
    waiting
        Called once if another process writes the stored file; then this waits.

    Returns
    -------
    SavedBars
        The files written, and what they replaced.

    Raises
    ------
    DataError
        If the file cannot be read, the bars have errors, or the store cannot be written.
    InputError
        If an argument is not one of the known values.
    """
    require_symbol(symbol)  # before a long file is read in vain
    bars = read_bars(
        path,
        timeframe=timeframe,
        calendar=calendar,
        timezone=timezone,
        adjust=adjust,
        date_format=date_format,
        stamps=stamps,
        columns=columns,
        repair=repair,
    )
    target = store if isinstance(store, DataStore) else DataStore(store)
    return target.save(symbol, bars.timeframe, bars.frame, bars.origin, waiting=waiting)
