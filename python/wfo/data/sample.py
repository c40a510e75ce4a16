"""The bars that ship with the package: two stock indices, daily, 1999 to 2018.

Every store knows them by their names, unless it has bars of its own under these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wfo.data.store import SAMPLE_FOLDER, DataStore
from wfo.errors import DataError, did_you_mean
from wfo.text import brief

if TYPE_CHECKING:
    import polars as pl


def sample_store() -> DataStore:
    """Return the store that holds the sample, for reading only."""
    return DataStore(SAMPLE_FOLDER)


def sample_names() -> list[str]:
    """Return the names of the sample bars: ``NASDAQ`` and ``SP500``."""
    return sample_store().symbols


def load_sample(name: str = "NASDAQ") -> pl.DataFrame:
    """Load daily bars of a stock index, 1999-01-04 to 2018-12-31.

    Parameters
    ----------
    name
        ``"NASDAQ"``, the NASDAQ Composite, or ``"SP500"``, the S&P 500.

    Returns
    -------
    polars.DataFrame
        5,031 bars: ``date, open, high, low, close, volume``; prices in index points. An index
        is not adjusted for dividends.

    Raises
    ------
    DataError
        If there is no sample of that name.

    Notes
    -----
    Source: the data sets ``arch.data.nasdaq`` and ``arch.data.sp500`` of the package ``arch`` by
    Kevin Sheppard, under the NCSA licence (``sample/LICENSE.arch.md``).
    """
    if not isinstance(name, str) or name not in sample_names():
        raise DataError(f"there is no sample {brief(name)}{did_you_mean(name, sample_names())}")
    return sample_store().load(name)
