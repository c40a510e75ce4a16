"""Checks of bars: what makes them unusable, and what merely looks wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from wfo.data.calendars import NO_CALENDAR, load_sessions, require_calendar
from wfo.data.frames import PRICES, conform, time_column
from wfo.data.tables import RowNames
from wfo.data.timeframes import TIMEFRAMES, describe_seconds, is_intraday
from wfo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Micros = npt.NDArray[np.int64]

#: Close-to-close moves above this are taken for a split that the prices do not account for.
LARGE_MOVE: Final = 0.40
#: Fewer bars than this say nothing about their usual distance.
_SPACING_BARS: Final = 10
_SHOWN: Final = 3


@dataclasses.dataclass(frozen=True)
class CheckReport:
    """What a check of bars found.

    Attributes
    ----------
    errors
        Why the bars cannot be used.
    warnings
        What looks wrong, but may be right.
    """

    errors: tuple[str, ...]
    warnings: tuple[str, ...]

    def raise_errors(self, name: str, advice: str | None = None) -> None:
        """Raise a `DataError` with all errors, if there are any.

        Parameters
        ----------
        name
            What the bars are called in the message.
        advice
            ``"repair"`` to mention it where it helps.
        """
        if not self.errors:
            return
        errors = list(self.errors)
        if advice == "repair":
            errors = [
                f"{e}; repair (--repair) widens high and low" if "do not include" in e else e
                for e in errors
            ]
        if len(errors) == 1:
            raise DataError(f"{name}: {errors[0]}")
        raise DataError(f"{name} has {len(errors)} kinds of errors:\n  " + "\n  ".join(errors))


def check_bars(
    frame: pl.DataFrame,
    timeframe: str = "1day",
    *,
    calendar: str = "XNYS",
    rows: RowNames | None = None,
) -> CheckReport:
    """Check bars for errors and oddities.

    Parameters
    ----------
    frame
        A bar frame.
    timeframe
        One of `wfo.data.TIMEFRAMES`.
    calendar
        The exchange calendar whose sessions the bars should cover, a name of
        `wfo.data.calendar_names`; ``none`` leaves the gap check out.
    rows
        What to call the rows in messages; by default ``row 1`` and so on.

    Returns
    -------
    CheckReport
        Errors: empty or non-finite cells, prices that are not positive, negative volume, high
        and low that do not include open and close, stamps that repeat or do not ascend, bars
        that are not `timeframe` apart. Warnings: zero or missing volume, missing sessions or
        bars, bars outside sessions, moves from close to close above 40 % that an adjusted close
        does not share.

    Raises
    ------
    DataError
        If the frame is no bar frame, or empty.
    InputError
        If the timeframe or calendar is not known.
    """
    is_intraday(timeframe)
    require_calendar(calendar)
    bars = conform(frame)
    if not bars.height:
        raise DataError("there are no bars to check: the frame has no rows")
    errors = structure_errors(bars, timeframe, rows)
    return CheckReport(errors, () if errors else calendar_warnings(bars, timeframe, calendar))


def structure_errors(
    bars: pl.DataFrame, timeframe: str, rows: RowNames | None = None
) -> tuple[str, ...]:
    """Return what is wrong with conforming bars in themselves; see `check_bars`."""
    import polars as pl

    rows = rows or RowNames("row", range(1, bars.height + 1))
    stamp = time_column(bars)
    errors: list[str] = []
    expected = "datetime" if is_intraday(timeframe) else "date"
    if stamp != expected:
        return (f"{timeframe} bars need a column {expected!r}, not {stamp!r}",)

    def report(mask: pl.Series, what: str, column: str) -> None:
        bad = _where(mask)
        if bad:
            value = bars[column][bad[0]]
            more = f" (and {len(bad) - 1:,} more)" if len(bad) > 1 else ""
            said = "is empty" if value is None else f"{value!r} {what}"
            gap = " " if value is None else ": "
            errors.append(f"{rows.one(bad[0])}, column {column!r}{gap}{said}{more}")

    for name in (stamp, *PRICES):
        report(bars[name].is_null(), "is empty", name)
    for name in PRICES:
        report(~bars[name].is_finite(), "is not a finite number", name)
        report(bars[name].is_finite() & (bars[name] <= 0), "is not above zero", name)
    if "volume" in bars.columns:
        volume = bars["volume"]
        report(~volume.is_finite(), "is not a finite number", "volume")
        report(volume.is_finite() & (volume < 0), "is negative", "volume")
    if errors:
        return tuple(errors)

    outside = bars.select(
        (pl.col("high") < pl.max_horizontal("open", "low", "close"))
        | (pl.col("low") > pl.min_horizontal("open", "close"))
    ).to_series()
    bad = _where(outside)
    if bad:
        first = bars.row(bad[0], named=True)
        prices = ", ".join(f"{p} {first[p]}" for p in PRICES)
        more = f" (and {len(bad) - 1:,} more bars)" if len(bad) > 1 else ""
        errors.append(
            f"{rows.one(bad[0])}: high and low do not include open and close ({prices}){more}"
        )
    errors += _order_errors(bars[stamp], rows)
    if not errors:
        errors += _spacing_errors(bars[stamp], timeframe)
    return tuple(errors)


def _order_errors(stamps: pl.Series, rows: RowNames) -> list[str]:
    import polars as pl

    errors: list[str] = []
    repeats = (
        pl.DataFrame({"stamp": stamps, "row": pl.int_range(len(stamps), eager=True)})
        .group_by("stamp")
        .agg(pl.col("row"))
        .filter(pl.col("row").list.len() > 1)
        .sort("stamp")
    )
    if repeats.height:
        shown = [
            f"{_text(stamp)} ({rows.many(found)})"
            for stamp, found in repeats.head(_SHOWN).iter_rows()
        ]
        count = repeats.height
        stamps_said = "1 time stamp occurs" if count == 1 else f"{count:,} time stamps occur"
        errors.append(f"{stamps_said} more than once: {_some(shown, count)}")
    back = _where(stamps < stamps.shift(1))
    if back:
        i = back[0]
        errors.append(
            f"{rows.one(i)}: {_text(stamps[i])} follows {_text(stamps[i - 1])} "
            f"({rows.one(i - 1)}), but bars must ascend in time"
        )
    return errors


def _spacing_errors(stamps: pl.Series, timeframe: str) -> list[str]:
    if len(stamps) < _SPACING_BARS:
        return []
    usual = [int(s) for s in stamps.diff().drop_nulls().dt.total_seconds().mode().sort()]
    if TIMEFRAMES[timeframe] in usual:
        return []
    name = next((n for n, s in TIMEFRAMES.items() if s == usual[0]), None)
    advice = f"give the timeframe {name}" if name else f"known are {', '.join(TIMEFRAMES)}"
    distance = describe_seconds(usual[0])
    return [f"most bars are {distance} apart, so they are not {timeframe} bars: {advice}"]


def calendar_warnings(bars: pl.DataFrame, timeframe: str, calendar: str) -> tuple[str, ...]:
    """Return what looks wrong with bars that have no errors; see `check_bars`."""
    stamps = bars[time_column(bars)]
    warnings: list[str] = []
    if calendar != NO_CALENDAR:
        first, last = stamps[0], stamps[-1]
        days = [d.date() if isinstance(d, dt.datetime) else d for d in (first, last)]
        if is_intraday(timeframe):
            warnings += _intraday_gaps(stamps, TIMEFRAMES[timeframe], calendar, days)
        elif timeframe == "1week":
            warnings += _weekly_gaps(stamps, calendar, days)
        else:
            warnings += _daily_gaps(stamps, calendar, days)
    warnings += _volume_warnings(bars)
    warnings += _large_moves(bars)
    return tuple(warnings)


def _volume_warnings(bars: pl.DataFrame) -> list[str]:
    warnings = []
    stamps = bars[time_column(bars)]
    if "volume" in bars.columns:
        for mask, what in (
            (bars["volume"] == 0, "zero volume"),
            (bars["volume"].is_null(), "no volume"),
        ):
            found = stamps.filter(mask.fill_null(value=False))
            if len(found):
                said = "1 bar has" if len(found) == 1 else f"{len(found):,} bars have"
                warnings.append(f"{said} {what}: {_listed(found)}")
    if "adj_close" in bars.columns:
        adjusted = bars["adj_close"]
        odd = adjusted.is_null() | adjusted.is_nan() | (adjusted <= 0)
        found = stamps.filter(odd.fill_null(value=True))
        if len(found):
            said = "1 bar has" if len(found) == 1 else f"{len(found):,} bars have"
            warnings.append(f"{said} no positive adjusted close: {_listed(found)}")
    return warnings


def _large_moves(bars: pl.DataFrame) -> list[str]:
    def moves(name: str) -> pl.Series:
        return bars[name] / bars[name].shift(1) - 1.0

    close = moves("close")
    large = close.abs() > LARGE_MOVE
    if "adj_close" in bars.columns:
        # An adjusted close that shares the move says that it was no split.
        large = large & ~(moves("adj_close").abs() > LARGE_MOVE).fill_null(value=False)
    found = _where(large)
    if not found:
        return []
    stamps = bars[time_column(bars)]
    shown = [f"{_text(stamps[i])} ({close[i]:+.1%})" for i in found[:_SHOWN]]
    said = "1 move" if len(found) == 1 else f"{len(found):,} moves"
    what = f"{said} of more than {LARGE_MOVE:.0%} from close to close"
    return [f"{what}, as by an unadjusted split: {_some(shown, len(found))}"]


def _daily_gaps(dates: pl.Series, calendar: str, days: Sequence[dt.date]) -> list[str]:
    sessions = load_sessions(calendar, days[0], days[1])
    warnings = _uncovered(dates, calendar, sessions.first, sessions.last)
    known = sessions.frame["session"]
    covered = dates.filter((dates >= sessions.first) & (dates <= sessions.last))
    missing = known.filter(~known.is_in(covered.implode()))
    extra = covered.filter(~covered.is_in(known.implode()))
    if len(missing):
        warnings.append(
            f"{_sessions(len(missing))} of {calendar} missing: {_listed(missing)}{_hint(missing)}"
        )
    if len(extra):
        said = "1 bar lies" if len(extra) == 1 else f"{len(extra):,} bars lie"
        warnings.append(
            f"{said} outside the sessions of {calendar}: {_listed(extra)}{_hint(extra)}"
        )
    return warnings


def _hint(days: pl.Series) -> str:
    weekend = int((days.dt.weekday() >= 6).sum())
    return "; is it the right calendar?" if weekend > 10 else ""


def _weekly_gaps(dates: pl.Series, calendar: str, days: Sequence[dt.date]) -> list[str]:
    sessions = load_sessions(calendar, days[0], days[1])
    warnings = _uncovered(dates, calendar, sessions.first, sessions.last)
    # A week is known by its Monday, on whichever of its days the bars are dated.
    known = sessions.frame["session"].dt.truncate("1w").unique().sort()
    found = dates.dt.truncate("1w")
    known = known.filter((known >= found[0]) & (known <= found[-1]))
    missing = known.filter(~known.is_in(found.implode()))
    if len(missing):
        said = "1 week" if len(missing) == 1 else f"{len(missing):,} weeks"
        warnings.append(f"{said} with sessions of {calendar} missing: from {_listed(missing)}")
    return warnings


def _uncovered(dates: pl.Series, calendar: str, first: dt.date, last: dt.date) -> list[str]:
    outside = dates.filter((dates < first) | (dates > last))
    if not len(outside):
        return []
    if len(outside) == len(dates):
        return [f"the calendar {calendar} has no facts for the time of these bars: not checked"]
    covered = f"the calendar {calendar} covers {first} to {last} only"
    said = "1 bar was" if len(outside) == 1 else f"{len(outside):,} bars were"
    return [f"{covered}: {said} not checked against it"]


def _intraday_gaps(
    stamps: pl.Series, seconds: int, calendar: str, days: Sequence[dt.date]
) -> list[str]:
    import numpy as np
    import polars as pl

    week = dt.timedelta(days=7)  # sessions may begin on the day before their name
    sessions = load_sessions(calendar, days[0] - week, days[1] + week)
    zone = sessions.timezone
    local = stamps.dt.convert_time_zone(zone)
    warnings = _uncovered(local.dt.date(), calendar, sessions.first, sessions.last)
    step = seconds * 1_000_000
    bars: Micros = stamps.to_physical().to_numpy()
    frame = sessions.frame
    opens = frame["open"]
    bars = bars[(bars >= _micros(sessions.first, zone))]
    bars = bars[(bars < _micros(sessions.last + dt.timedelta(days=1), zone))]
    if not frame.height or not len(bars):
        return warnings

    # Bars are counted either from the session's open (09:30, 10:30, ...) or from the full hour
    # (09:30, 10:00, 11:00, ...): take whichever explains the bars better.
    wall = opens.dt.convert_time_zone(zone).dt.replace_time_zone(None).to_physical().to_numpy()
    open_us: Micros = opens.to_physical().to_numpy()
    matches = [_match(bars, begin, frame, step) for begin in (open_us, open_us - wall % step)]
    missing, whole_sessions, outside = min(matches, key=lambda m: len(m[0]) + len(m[2]))

    if len(whole_sessions):
        names = frame["session"].gather(pl.Series(whole_sessions))
        warnings.append(
            f"{_sessions(len(names))} of {calendar} missing: {_listed(names)}{_hint(names)}"
        )
    if len(missing):
        said = "1 bar is" if len(missing) == 1 else f"{len(missing):,} bars are"
        warnings.append(f"{said} missing within sessions of {calendar}: {_at(missing, zone)}")
    if len(outside):
        said = "1 bar lies" if len(outside) == 1 else f"{len(outside):,} bars lie"
        at = _at(outside, zone)
        hint = "; is it the right calendar?" if len(outside) > 0.5 * len(np.unique(bars)) else ""
        warnings.append(f"{said} outside the sessions of {calendar}: {at}{hint}")
    return warnings


def _match(
    bars: Micros, begin: Micros, frame: pl.DataFrame, step: int
) -> tuple[Micros, Micros, Micros]:
    """Match bars with the slots of `step` microseconds into which sessions fall.

    Returns
    -------
    tuple of numpy.ndarray
        The beginnings of slots without a bar in sessions that have others, the numbers of
        sessions without any bar, and the bars in no slot.
    """
    import numpy as np

    close: Micros = frame["close"].to_physical().to_numpy()
    counts = -(-(close - begin) // step)
    session = np.repeat(np.arange(len(begin)), counts)
    within = np.arange(len(session)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = begin[session] + within * step
    end = np.minimum(start + step, close[session])
    keep = np.ones(len(start), dtype=np.bool_)
    # Sessions that follow each other without a pause share the slot at the seam.
    keep[1:] &= start[1:] > start[:-1]
    pauses = frame["break_start"].is_not_null().to_numpy()
    if pauses.any():
        pause_start = frame["break_start"].to_physical().fill_null(0).to_numpy()[session]
        pause_end = frame["break_end"].to_physical().fill_null(0).to_numpy()[session]
        keep &= ~((start >= pause_start) & (end <= pause_end) & pauses[session])
    keep &= (end > bars[0]) & (start <= bars[-1])
    start, end, session = start[keep], end[keep], session[keep]
    if not len(start):
        return start, session, bars

    slot = np.searchsorted(start, bars, side="right") - 1
    inside = (slot >= 0) & (bars < end[np.maximum(slot, 0)])
    filled = np.zeros(len(start), dtype=np.bool_)
    filled[slot[inside]] = True
    seen = np.isin(session, session[filled])
    return start[~filled & seen], np.unique(session[~seen]), bars[~inside]


def _micros(day: dt.date, zone: str) -> int:
    import zoneinfo

    midnight = dt.datetime(day.year, day.month, day.day, tzinfo=zoneinfo.ZoneInfo(zone))
    return round(midnight.timestamp()) * 1_000_000


def _at(micros: Micros, zone: str) -> str:
    import polars as pl

    stamps = pl.Series(micros[:_SHOWN]).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    shown = [_text(s) for s in stamps.dt.convert_time_zone(zone)]
    return _some(shown, len(micros))


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count:,} sessions"


def _listed(stamps: pl.Series) -> str:
    return _some([_text(s) for s in stamps.head(_SHOWN)], len(stamps))


def _some(shown: Sequence[str], count: int) -> str:
    more = f" and {count - len(shown):,} more" if count > len(shown) else ""
    return ", ".join(shown) + more


def _text(stamp: Any) -> str:
    if isinstance(stamp, dt.datetime):
        return f"{stamp:%Y-%m-%d %H:%M}"
    return str(stamp)


def _where(mask: pl.Series) -> list[int]:
    return [int(i) for i in mask.fill_null(value=False).arg_true()]
