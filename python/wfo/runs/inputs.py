"""The bars that a run or a simulation reads: loaded, and two symbols joined, in one place."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from wfo import bars as bars_module
from wfo.backtest import Feeds, read_feeds
from wfo.data import fingerprint
from wfo.data.calendars import is_same_calendar
from wfo.data.frames import time_column
from wfo.errors import DataError, InputError
from wfo.runs.holdout.kept import HoldoutBars, HoldoutSpan, cut
from wfo.runs.manifest import BarsRecord, Dropped
from wfo.strategy import Strategy
from wfo.strategy.value import Lookback, lookback_for
from wfo.windows import LEAST_WARMUP

if TYPE_CHECKING:
    import polars as pl

    from wfo.data import BarsMeta, DataStore
    from wfo.grid import Grid


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
    holdout
        The bars after them that are held out of everything; None where none are.
    """

    bars: pl.DataFrame
    second: pl.DataFrame | None
    data: BarsRecord
    data2: BarsRecord | None = None
    dropped: Dropped | None = None
    holdout: HoldoutBars | None = None

    @property
    def fingerprints(self) -> list[str]:
        """Those of the stored bars, before any were dropped, without those that are held out."""
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

    @property
    def dates(self) -> list[dt.date]:
        """Date of every bar, and of those that are held out."""
        found = bars_module.dates(self.bars)
        return found if self.holdout is None else found + bars_module.dates(self.holdout.bars)

    def of(self, strategy: Strategy) -> Feeds:
        """Return the prices that a strategy reads."""
        return read_feeds(strategy, self.bars, self.second if strategy.dual_symbol else None)

    def lookback(self, strategy: Strategy) -> Lookback:
        """Return the lookback of a strategy on these bars."""
        return lookback_for(strategy, lambda: self.of(strategy))

    def warmup(self, grids: Sequence[Grid]) -> int:
        """Return how many bars the longest set of some grids warms up for, or any set at least."""
        return max([LEAST_WARMUP, *(self.lookback(g.strategy)(g.values) for g in grids)])


def load_inputs(
    store: DataStore,
    strategy: Strategy,
    symbol: str,
    symbol2: str | None = None,
    timeframe: str = "1day",
    *,
    allow_gaps: bool = False,
    stale: Mapping[str, str] | None = None,
    holdout: HoldoutSpan | None = None,
    as_of: dt.date | None = None,
    until: dt.date | None = None,
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
    holdout, as_of
        What is held out before which date, by default that of the last bar. The records are then
        of the bars that are left, and bars after that date are left out.

    Raises
    ------
    InputError
        If a second symbol is missing, or one too many, the strategy reads higher bars by another
        calendar than that of the stored ones, or `as_of` lies outside of the history.
    DataError
        If bars cannot be loaded or joined, or none are held out or left.
    """
    check_symbols(strategy, symbol, symbol2)
    stale = stale or {}
    symbols = [symbol] if symbol2 is None else [symbol, symbol2]
    # Bars and what is known about them are of one moment, whatever is imported meanwhile.
    found = [store.load_with_meta(each, timeframe) for each in symbols]
    metas = [each.meta for each in found]
    for meta in metas:
        check_calendar(strategy, meta)
    stored = [each.frame for each in found]
    out = None
    if holdout is not None:
        # Which bars the two have in common says where today is; what is left of each is joined as
        # if nothing came after it.
        both = _joined(stored, allow_gaps=allow_gaps)
        out = cut(*_pair(both), holdout, as_of).holdout
        until = out.today
    if until is not None:
        stored = [_up_to(bars, until) for bars in stored]
        metas = [
            replace(m, fingerprint=fingerprint(bars)) for m, bars in zip(metas, stored, strict=True)
        ]
    joined = _joined(stored, allow_gaps=allow_gaps)
    if isinstance(joined, bars_module.Joined):
        return Inputs(
            joined.first,
            joined.second,
            _describe(joined.first, metas[0], stale),
            _describe(joined.second, metas[1], stale),
            Dropped(joined.dropped_first, joined.dropped_second),
            out,
        )
    return Inputs(joined, None, _describe(joined, metas[0], stale), holdout=out)


def _joined(
    frames: Sequence[pl.DataFrame], *, allow_gaps: bool
) -> bars_module.Joined | pl.DataFrame:
    """Return the bars of one symbol as they are, or those of two joined."""
    if len(frames) == 1:
        return frames[0]
    first, second = frames
    return bars_module.join_bars(first, second, allow_gaps=allow_gaps)


def _pair(joined: bars_module.Joined | pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    if isinstance(joined, bars_module.Joined):
        return joined.first, joined.second
    return joined, None


def _up_to(bars: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    """Return the bars up to a date, that one included.

    Raises
    ------
    DataError
        If there are none.
    """
    days = bars_module.dates(bars)
    if not days or day < days[0]:
        raise DataError(f"there are no bars up to {day}")
    return bars[: bisect_right(days, day)]


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


def check_calendar(strategy: Strategy, meta: BarsMeta) -> None:
    """Raise where rules read higher bars by another calendar than that of the stored bars.

    Raises
    ------
    InputError
        With both calendars.
    """
    for name in getattr(strategy.kernel, "timeframes", ()):
        timeframe, _, calendar = name.partition(" ")
        own = meta.origin.calendar
        if not is_same_calendar(calendar, own):
            raise InputError(
                f"{strategy.name} reads {timeframe} bars by the calendar {calendar}, and"
                f" {meta.symbol} is stored with {own}; write x.resample({timeframe!r},"
                f" calendar={own!r}), or import the bars with --calendar {calendar}"
            )


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
