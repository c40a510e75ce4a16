"""The bars that a run or a simulation reads: loaded, and two symbols joined, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wfo import bars as bars_module
from wfo.backtest import Feeds, read_feeds
from wfo.data.frames import time_column
from wfo.errors import InputError
from wfo.runs.manifest import BarsRecord, Dropped
from wfo.strategy import Strategy

if TYPE_CHECKING:
    import polars as pl

    from wfo.data import BarsMeta, DataStore


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Bars, and what a manifest says of them.

    Attributes
    ----------
    bars
        Those of the first symbol.
    second
        Those of the second one, row by row on the same stamps; None without one.
    data, data2
        What they are.
    dropped
        How many bars joining the two has cost.
    """

    bars: pl.DataFrame
    second: pl.DataFrame | None
    data: BarsRecord
    data2: BarsRecord | None = None
    dropped: Dropped | None = None

    @property
    def fingerprints(self) -> list[str]:
        """Those of the stored bars, before any were dropped."""
        return [record.fingerprint for record in (self.data, self.data2) if record is not None]

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the bars for the pages of results."""
        if self.data2 is None or self.dropped is None:
            return ()
        first, second = self.dropped.first, self.dropped.second
        text = (
            f"{first} bars of {self.data.symbol} and {second} of {self.data2.symbol} were dropped,"
            " on dates that only one of them has"
        )
        return (text,) if first or second else ()

    def of(self, strategy: Strategy) -> Feeds:
        """Return the prices that a strategy reads."""
        return read_feeds(strategy, self.bars, self.second if strategy.dual_symbol else None)


def load_inputs(
    store: DataStore,
    strategy: Strategy,
    symbol: str,
    symbol2: str | None = None,
    timeframe: str = "1day",
    *,
    allow_gaps: bool = False,
    stale: Mapping[str, str] | None = None,
) -> Inputs:
    """Load the bars that a strategy reads.

    Parameters
    ----------
    store
        Where they are.
    strategy
        It says whether there must be a second symbol.
    symbol, symbol2, timeframe
        Which bars.
    allow_gaps
        Whether joining two symbols may drop more than 5 % of either's bars.
    stale
        Of symbols whose last bars could not be fetched, which are missing and why.

    Raises
    ------
    InputError
        If a second symbol is missing, or one too many.
    DataError
        If bars cannot be loaded or joined.
    """
    check_symbols(strategy, symbol, symbol2)
    stale = stale or {}
    meta = store.meta(symbol, timeframe)
    bars = store.load(symbol, timeframe)
    if symbol2 is None:
        return Inputs(bars, None, _describe(bars, meta, stale))
    meta2 = store.meta(symbol2, timeframe)
    joined = bars_module.join_bars(bars, store.load(symbol2, timeframe), allow_gaps=allow_gaps)
    return Inputs(
        joined.first,
        joined.second,
        _describe(joined.first, meta, stale),
        _describe(joined.second, meta2, stale),
        Dropped(joined.dropped_first, joined.dropped_second),
    )


def check_symbols(strategy: Strategy, symbol: str, symbol2: str | None) -> None:
    """Raise unless there are as many symbols as a strategy reads.

    Raises
    ------
    InputError
        If the second one is missing, or one too many.
    """
    if strategy.dual_symbol and symbol2 is None:
        raise InputError(f"{strategy.name} reads a second symbol; name it with --symbol2")
    if symbol2 is not None and not strategy.dual_symbol:
        raise InputError(f"{strategy.name} reads one symbol only; leave --symbol2 out")
    if symbol2 == symbol:
        raise InputError(f"--symbol2 {symbol2} is the first symbol; name another one")


def _describe(bars: pl.DataFrame, meta: BarsMeta, stale: Mapping[str, str]) -> BarsRecord:
    stamps: Any = bars[time_column(bars)]
    return BarsRecord(
        symbol=meta.symbol,
        timeframe=meta.timeframe,
        rows=len(bars),
        first=stamps[0].isoformat(),
        last=stamps[-1].isoformat(),
        fingerprint=meta.fingerprint,
        source=meta.origin.source,
        adjust=meta.origin.adjust,
        calendar=meta.origin.calendar,
        warnings=tuple(meta.origin.warnings),
        fetched_from=meta.origin.fetched_from,
        stale=stale.get(meta.symbol),
    )
