"""What can be put right in a store without a person: files, meta files, gaps.

Prices of imported bars are never touched. What was downloaded can be downloaded again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wfo.data.checks import CheckReport, check_bars
from wfo.data.coverage import Coverage, DateInterval, joined, without
from wfo.data.deriving import is_adjusted_file, is_resampled, outdated
from wfo.data.downloading import Downloaded, download
from wfo.data.findings import count_of, listed, where
from wfo.data.gaps import find_gaps
from wfo.data.meta import BarsMeta
from wfo.data.series import series_errors
from wfo.data.sources.source import SOURCE_ADJUSTMENTS, SeriesKind
from wfo.data.store import WAITING, CorruptError, Stored
from wfo.data.stored_files import leftovers
from wfo.data.symbols import file_stem
from wfo.data.timeframes import is_intraday
from wfo.data.updating import Listener, Quiet, Wanted
from wfo.errors import DataError, ResultsError, WfoError
from wfo.files import read_text, remove_file, write_text
from wfo.files.limits import TEXT_BYTES

if TYPE_CHECKING:
    import polars as pl

    from wfo.data.sources.clock import Clock
    from wfo.data.sources.config import SourcesConfig
    from wfo.data.store import DataStore

#: Bars that are missing in more sessions than this share are those of a symbol that trades seldom.
_SELDOM: Final = 0.2


@dataclasses.dataclass(frozen=True)
class Fixed:
    """What was put right of a series, and what was not.

    Attributes
    ----------
    done, left
        Sentences without a full stop.
    """

    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def remove_leftovers(folder: Path, store: DataStore) -> tuple[str, ...]:
    """Remove what killed writers of a store have left.

    Returns
    -------
    tuple of str
        A sentence for each file. A file whose writer is at work is waited for, and is gone then.
    """
    done = []
    for path, series, symbol, timeframe in leftovers(folder):
        with store.hold(symbol, timeframe, series):
            if path.exists():
                try:
                    remove_file(path)
                except OSError as error:
                    raise DataError(f"cannot remove {path}: {error.strerror}") from error
                done.append(f"removed {path.name}, which a writer that was killed has left")
    return tuple(done)


def missing_sessions(stored: Stored, now: dt.datetime) -> tuple[dt.date, ...]:
    """Return the sessions without a bar, but for those that the source says are empty.

    Parameters
    ----------
    stored
        Bars or mark prices; funding rates have no calendar.
    now
        The time: that a session is empty is believed for a while.

    Returns
    -------
    tuple of datetime.date
        The sessions between the first and the last bar, of weekly bars the Mondays.
    """
    meta = stored.meta
    if meta.series == "funding" or not stored.frame.height:
        return ()
    stamps = stored.frame[stored.frame.columns[0]]
    found = find_gaps(stamps, meta.timeframe, meta.origin.calendar)
    empty = [e.interval for e in meta.coverage.empty if e.holds(now)]
    return tuple(d for d in found.dates if not any(e.first <= d <= e.last for e in empty))


def check_stored(
    store: DataStore,
    symbol: str,
    timeframe: str = "1day",
    series: SeriesKind = "bars",
    *,
    now: dt.datetime,
    stored: Stored | None = None,
) -> CheckReport:
    """Check a stored series, and with it what the store knows besides its rows.

    Parameters
    ----------
    store
        Where it is kept.
    symbol, timeframe, series
        Which series. Intraday bars are compared with daily ones of the symbol that are stored.
    now
        The time.
    stored
        What `store` has of it, where that is read already.

    Returns
    -------
    CheckReport
        See `wfo.data.check_bars`. Sessions that the source has no bars for are said to be so.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    if stored is None:
        stored = store.read(symbol, timeframe, series=series)
    origin, frame = stored.meta.origin, stored.frame
    if not frame.height:
        span = stored.meta.coverage.span
        return CheckReport((), (f"{origin.source} has no bars for {span or 'any date'}",))
    if series == "funding":
        return CheckReport(series_errors(frame, series, timeframe), _missing_rates(frame))
    daily, keys = None, store.keys()
    if series == "bars" and is_intraday(timeframe) and (symbol, "1day") in keys:
        with contextlib.suppress(DataError):  # its own check says what is wrong with it
            daily = store.load(symbol, "1day")
    report = check_bars(
        frame,
        timeframe,
        calendar=origin.calendar,
        daily=daily,
        spacing=origin.fetched_from is None,
        splits=not is_adjusted_file(store, stored.meta),
    )
    if old := outdated(store, stored.meta):
        report = dataclasses.replace(report, warnings=(*report.warnings, old))
    empty = [e for e in stored.meta.coverage.empty if e.holds(now)]
    first, last = _day(frame[frame.columns[0]][0]), _day(frame[frame.columns[0]][-1])
    # Dates that are asked for again since rows could not be read may have bars.
    stamps = frame[frame.columns[0]]
    days = (stamps.dt.date() if is_intraday(timeframe) else stamps).unique(maintain_order=True)
    held = [
        DateInterval(d, d)
        for d in days.to_list()
        if any(e.interval.first <= d <= e.interval.last for e in empty)
    ]
    within = [
        (part, e.expires_at)
        for e in empty
        for part in without([e.interval], held)
        if first <= part.first and part.last <= last
    ]
    if not within:
        return report
    said = (
        f"of the missing, {origin.source} has no bars for {_said([part for part, _ in within])}; "
        f"asked for again after {min(at for _, at in within):%Y-%m-%d}"
    )
    return dataclasses.replace(report, warnings=(*report.warnings, said))


def _missing_rates(frame: pl.DataFrame) -> tuple[str, ...]:
    """Say where funding rates are further apart than is usual."""
    steps = frame["datetime"].diff().dt.total_seconds()
    usual = steps.median()
    if not isinstance(usual, float):
        return ()
    wide = where(steps > 1.5 * usual)
    if not wide:
        return ()
    said = count_of(len(wide), "gap", "gaps")
    hours = f"{usual / 3600:g} hours"
    return (f"{said} of more than the usual {hours} before {listed(frame['datetime'][wide])}",)


def fix(
    store: DataStore,
    symbol: str,
    timeframe: str = "1day",
    series: SeriesKind = "bars",
    *,
    source: str | None = None,
    config: SourcesConfig | None = None,
    clock: Clock | None = None,
    listener: Listener | None = None,
) -> Fixed:
    """Put right what can be put right of a stored series.

    A missing meta file is written anew. A file that is not as it was written is downloaded again
    from the source that it came from, and set aside when the new one is complete. Gaps of
    downloaded bars are asked for again, also those that the source had nothing for.

    Parameters
    ----------
    store
        Where it is kept.
    symbol, timeframe, series
        Which series.
    source
        Name of the source, or ``FILE.py:CLASS``; by default the one that the bars came from.
    config, clock, listener
        See `wfo.data.downloading.download`.

    Returns
    -------
    Fixed
        What was done and what was left. That the source cannot be asked is among the latter.
    """
    from wfo.data.sources.clock import Clock

    clock = Clock() if clock is None else clock
    how = {"source": source, "config": config, "clock": clock, "listener": listener}
    try:
        words = f"{symbol} {timeframe}: {WAITING}"
        told = Quiet() if listener is None else listener
        with store.hold(symbol, timeframe, series, waiting=lambda: told.say(words)) as held:
            stored = held.read()
    except CorruptError as error:
        return _replaced(store, Wanted(symbol, timeframe, series=series), error, how)
    except DataError as error:
        return Fixed(left=(str(error),))
    if stored is None:
        return Fixed()
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    try:
        done = _meta_file(store, stored.meta)
    except (DataError, ResultsError) as error:
        left = (str(error),)
    found = _filled(store, stored, how)
    return Fixed((*done, *found.done), (*left, *found.left))


def _replaced(
    store: DataStore, wanted: Wanted, broken: CorruptError, how: Mapping[str, object]
) -> Fixed:
    """Download a file that cannot be read again."""
    meta = store.remembered(wanted.symbol, wanted.timeframe, series=wanted.series)
    if meta is not None and meta.origin.fetched_from is None:
        again = "resample" if is_resampled(meta.origin) else "import"
        return Fixed(left=(f"{broken}; it was no download, so {again} it again",))
    if meta is None and how["source"] is None:
        return Fixed(left=(f"{broken}; where it came from is not known: name it with --source",))
    if meta is not None:
        adjust = next((a for a in SOURCE_ADJUSTMENTS if a == meta.origin.adjust), None)
        span = meta.coverage.span
        wanted = dataclasses.replace(
            wanted,
            first=None if span is None else span.first,
            adjust=adjust,
            calendar=meta.origin.calendar,
        )
    got = download(store, [wanted], **how)[0]  # type: ignore[arg-type]
    if got.error is not None:
        return Fixed(left=(f"{broken}; it was not replaced: {got.error}",))
    updated = got.updated
    rows = 0 if updated is None or updated.meta is None else updated.meta.rows
    kept = updated.set_aside if updated is not None else None
    aside = f"; the old file is {kept.name}" if kept is not None else ""
    return Fixed((f"downloaded again from {got.source}: {count_of(rows, 'row', 'rows')}{aside}",))


def _meta_file(store: DataStore, meta: BarsMeta) -> tuple[str, ...]:
    """Write a meta file that is missing, or says something else than the bars' own meta data."""
    path = store.folder / f"{_name(meta.symbol, meta.timeframe, meta.series)}.meta.json"
    text = meta.to_json()
    with store.hold(meta.symbol, meta.timeframe, meta.series):
        try:
            beside = read_text(path, most=TEXT_BYTES, links=False)
        except FileNotFoundError:
            beside = None
        except (OSError, UnicodeDecodeError):
            beside = ""
        bars = path.with_name(path.name.replace(".meta.json", ".parquet"))
        if beside == text or not bars.exists():
            return ()
        with contextlib.suppress(DataError):
            # What an earlier version wrote says the same in fewer words.
            if beside is not None and BarsMeta.from_json(beside, path.name) == meta:
                return ()
        write_text(path, text, remedy="free some space, or choose another folder by --data-dir")
    what = "was missing" if beside is None else "did not say what the bars say"
    return (f"wrote {path.name}, which {what}",)


def _filled(store: DataStore, stored: Stored, how: Mapping[str, object]) -> Fixed:
    """Ask for gaps again."""
    meta, frame = stored.meta, stored.frame
    if meta.series == "funding" or not frame.height:
        return Fixed()
    gaps = find_gaps(frame[frame.columns[0]], meta.timeframe, meta.origin.calendar)
    intervals = [DateInterval(_day(run.first), _day(run.last)) for run in gaps.sessions]
    left: list[str] = []
    timed = is_intraday(meta.timeframe)
    if timed:
        # Sessions of futures open on the evening before the date that names them.
        day = dt.timedelta(days=1)
        intervals = [DateInterval(i.first - day, i.last) for i in intervals]
        holes = {_day(run.first) for run in gaps.bars} | {_day(run.last) for run in gaps.bars}
        days = frame["datetime"].dt.date().n_unique()
        if len(holes) > _SELDOM * days:
            left.append(
                f"bars are missing in {len(holes):,} of {days:,} sessions, as of a symbol that "
                "trades seldom: not asked for again"
            )
        else:
            intervals += [DateInterval(d, d) for d in holes]
    if meta.timeframe == "1week":
        intervals = [DateInterval(i.first, i.last + dt.timedelta(days=6)) for i in intervals]
    intervals = joined(intervals)
    if not intervals:
        return Fixed(left=tuple(left))
    said = _said(intervals)
    if meta.origin.fetched_from is None:
        way = "resample" if is_resampled(meta.origin) else "import"
        return Fixed(left=(*left, f"{said}: gaps of bars that were no download; {way} them anew"))
    unknown = _forgotten(meta.coverage, intervals)
    if not _swap_coverage(store, meta, meta.coverage, unknown):
        return Fixed(left=("another process has just changed the bars: check again",))
    got = download(
        store,
        [
            Wanted(
                meta.symbol,
                meta.timeframe,
                first=intervals[0].first,
                last=intervals[-1].last,
                series=meta.series,
            )
        ],
        **how,  # type: ignore[arg-type]
    )[0]
    if got.error is not None:
        # Nothing was learnt, or other dates were: what was known of the gaps still holds.
        _swap_coverage(store, meta, unknown, meta.coverage)
    return _outcome(got, said, left)


def _swap_coverage(store: DataStore, meta: BarsMeta, before: Coverage, after: Coverage) -> bool:
    """Put one coverage in place of another, if the bars and it are as they were."""
    with store.hold(meta.symbol, meta.timeframe, meta.series) as held:
        current = held.read()
        if current is None or current.meta.fingerprint != meta.fingerprint:
            return False
        if current.meta.coverage != before:
            return False
        held.write(current.frame, current.meta.origin, after)
    return True


def _outcome(got: Downloaded, said: str, left: list[str]) -> Fixed:
    error: WfoError | None = got.error
    if error is not None:
        return Fixed(left=(*left, f"{said}: not filled: {error}"))
    added = 0 if got.updated is None else got.updated.added
    if not added:
        return Fixed(left=(*left, f"{said}: asked for again, {got.source} has nothing there"))
    done = f"{said}: asked for again, {count_of(added, 'row', 'rows')} added from {got.source}"
    return Fixed((done,), tuple(left))


def _forgotten(coverage: Coverage, intervals: list[DateInterval]) -> Coverage:
    """Return a coverage in which some dates were not answered."""
    return Coverage(
        tuple(
            dataclasses.replace(a, interval=part)
            for a in coverage.answered
            for part in without([a.interval], intervals)
        ),
        tuple(
            dataclasses.replace(e, interval=part)
            for e in coverage.empty
            for part in without([e.interval], intervals)
        ),
    )


def _said(intervals: list[DateInterval]) -> str:
    shown = ", ".join(str(i) for i in intervals[:3])
    more = f" and {len(intervals) - 3:,} more" if len(intervals) > 3 else ""
    return f"{shown}{more}"


def _name(symbol: str, timeframe: str, series: SeriesKind) -> str:
    suffix = {"bars": timeframe, "mark": f"mark-{timeframe}", "funding": "funding"}[series]
    return f"{file_stem(symbol)}_{suffix}"


def _day(stamp: dt.date) -> dt.date:
    return stamp.date() if isinstance(stamp, dt.datetime) else stamp
