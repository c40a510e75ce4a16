"""Longer bars of the store made from its shorter ones, and kept beside them."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from wfo.data.checks import calendar_warnings
from wfo.data.frames import time_column
from wfo.data.meta import BarsOrigin, covering
from wfo.data.resampling import resample
from wfo.data.timeframes import TIMEFRAMES, is_intraday, require_timeframe
from wfo.errors import DataError, InputError

if TYPE_CHECKING:
    from wfo.data.meta import BarsMeta
    from wfo.data.store import DataStore, SavedBars

_RESAMPLED: Final = "resampled from "


def resample_stored(
    store: DataStore,
    symbol: str,
    to: str,
    *,
    base: str | None = None,
    fresh: bool = False,
    waiting: Callable[[], None] | None = None,
) -> SavedBars:
    """Make longer bars of stored ones, and store them under the same symbol.

    Parameters
    ----------
    store
        Where bars are kept.
    symbol, to
        Which bars are wanted.
    base
        The timeframe they are made of; by default the longest of those that are stored and shorter.
    fresh
        Whether bars that are stored at `to`, and were imported or downloaded, are set aside. Those
        that were resampled are replaced in any case.
    waiting
        Called once if another process writes the file; then this waits.

    Returns
    -------
    SavedBars
        The files. The bars' origin names the timeframe they are made of as its source, and in its
        notes the fingerprint of those bars, and what was left out.

    Raises
    ------
    DataError
        If there are no bars to make them of.
    InputError
        If `to` is not longer than `base`, or bars of another origin are stored there.
    """
    require_timeframe(to)
    if base is None:
        keys = store.keys()
        shorter = [t for s, t in keys if s == symbol and TIMEFRAMES[t] < TIMEFRAMES[to]]
        base = shorter[-1] if shorter else ("1day" if to == "1week" else "1min")
    stored = store.read(symbol, base)
    if not stored.frame.height:
        raise DataError(f"the stored {symbol} {base} has no bars to make {to} bars of")
    made = resample(
        stored.frame,
        base,
        to,
        calendar=stored.meta.origin.calendar,
        complete_to=_complete_to(stored.meta),
    )
    frame, origin = made.frame, stored.meta.origin
    made_of = f"made of {symbol} {base} with the fingerprint {stored.meta.fingerprint}"
    own = dataclasses.replace(
        origin,
        source=f"{_RESAMPLED}{base}",
        timezone=origin.timezone if is_intraday(to) else None,
        repaired=0,
        notes=(made_of, *made.notes),
        warnings=calendar_warnings(
            frame, to, origin.calendar, splits=not is_adjusted_file(store, stored.meta)
        ),
        fetched_from=None,
    )
    stamps = frame[time_column(frame)]
    first, last = (s.date() if isinstance(s, dt.datetime) else s for s in (stamps[0], stamps[-1]))
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    with store.hold(symbol, to, waiting=waiting) as held:
        before = store.remembered(symbol, to)
        foreign = before is not None and not is_resampled(before.origin)
        if before is not None and foreign and not fresh:
            raise InputError(
                f"the stored {symbol} {to} was not made of other bars but comes from "
                f"{before.origin.source!r}: --fresh sets it aside"
            )
        coverage = covering(first, last, own.source, now)
        return held.write(frame, own, coverage, set_aside=foreign)


def is_resampled(origin: BarsOrigin) -> bool:
    """Tell whether bars were made of shorter ones."""
    return origin.fetched_from is None and origin.source.startswith(_RESAMPLED)


def is_adjusted_file(store: DataStore, meta: BarsMeta) -> bool:
    """Tell whether prices were multiplied by the adjusted close of a file, or made of such.

    Whatever moves they have that look like a split, the adjusted close had them, so they were none.
    """
    origin = meta.origin
    with contextlib.suppress(DataError, InputError):  # what they were made of may be gone
        for _ in TIMEFRAMES:
            if not is_resampled(origin):
                return origin.fetched_from is None and origin.adjust == "split-and-dividend"
            origin = store.meta(meta.symbol, origin.source.removeprefix(_RESAMPLED)).origin
    return False


def outdated(store: DataStore, meta: BarsMeta) -> str:
    """Say that the bars which resampled ones were made of have changed since; empty if not."""
    if not is_resampled(meta.origin):
        return ""
    base = meta.origin.source.removeprefix(_RESAMPLED)
    with contextlib.suppress(DataError, InputError):  # they may be gone, or broken
        if store.meta(meta.symbol, base).fingerprint not in " ".join(meta.origin.notes):
            return (
                f"the {base} bars that these were made of have changed since: wfo data resample"
                f" {shlex.quote(meta.symbol)} --from {base} --to {meta.timeframe} makes them anew"
            )
    return ""


def _complete_to(meta: BarsMeta) -> dt.date | None:
    """Return the last date of which bars are known to be whole: what was downloaded comes in days.

    An imported file may end in the midst of one.
    """
    if meta.origin.fetched_from is None or not meta.coverage.answered:
        return None
    return meta.coverage.answered[-1].interval.last
