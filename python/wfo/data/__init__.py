"""Bars: reading files as people have them, checking them, and keeping them in a store.

A *bar frame* is a Polars frame with ``date`` (``pl.Date``, daily and weekly bars) or
``datetime`` (zone-aware ``pl.Datetime``, the time at which an intraday bar opens), then
``open``, ``high``, ``low``, ``close`` (float64) and optionally ``volume`` and ``adj_close``
(float64), one row a bar, strictly ascending in time.

A store also keeps two further series: mark prices, which are bars too, and funding rates, whose
frames have ``datetime`` and ``funding_rate``. `wfo.data.sources` is where they are fetched from.

Names are loaded when they are first used, so ``import wfo.data`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wfo.data.calendars import calendar_names, calendar_timezone
    from wfo.data.checks import CheckReport, check_bars
    from wfo.data.coverage import Answered, Coverage, DateInterval, Empty
    from wfo.data.errors import CorruptError
    from wfo.data.frames import conform, fingerprint, time_column
    from wfo.data.importing.reading import ImportedBars, read_bars
    from wfo.data.importing.storing import import_bars
    from wfo.data.meta import BarsMeta, BarsOrigin
    from wfo.data.resampling import Resampled, resample
    from wfo.data.sample import load_sample, sample_names, sample_store
    from wfo.data.store import DataStore, Held, SavedBars, Stored, default_folder
    from wfo.data.timeframes import TIMEFRAMES, is_intraday

_HOME = {
    "TIMEFRAMES": "timeframes",
    "Answered": "coverage",
    "BarsMeta": "meta",
    "BarsOrigin": "meta",
    "CheckReport": "checks",
    "CorruptError": "errors",
    "Coverage": "coverage",
    "DataStore": "store",
    "DateInterval": "coverage",
    "Empty": "coverage",
    "Held": "store",
    "ImportedBars": "importing.reading",
    "Resampled": "resampling",
    "SavedBars": "store",
    "Stored": "store",
    "calendar_names": "calendars",
    "calendar_timezone": "calendars",
    "check_bars": "checks",
    "conform": "frames",
    "default_folder": "store",
    "fingerprint": "frames",
    "import_bars": "importing.storing",
    "is_intraday": "timeframes",
    "load_sample": "sample",
    "read_bars": "importing.reading",
    "resample": "resampling",
    "sample_names": "sample",
    "sample_store": "sample",
    "time_column": "frames",
}

__all__ = [
    "TIMEFRAMES",
    "Answered",
    "BarsMeta",
    "BarsOrigin",
    "CheckReport",
    "CorruptError",
    "Coverage",
    "DataStore",
    "DateInterval",
    "Empty",
    "Held",
    "ImportedBars",
    "Resampled",
    "SavedBars",
    "Stored",
    "calendar_names",
    "calendar_timezone",
    "check_bars",
    "conform",
    "default_folder",
    "fingerprint",
    "import_bars",
    "is_intraday",
    "load_sample",
    "read_bars",
    "resample",
    "sample_names",
    "sample_store",
    "time_column",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOME))
