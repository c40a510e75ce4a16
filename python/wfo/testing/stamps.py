"""When random bars of a strategy are: in sessions of the calendar by which it reads higher bars."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import polars as pl

import wfo
from wfo.backtest import read_feeds
from wfo.backtest.feeds import FIRST
from wfo.data.calendars import NO_CALENDAR, calendar_timezone, load_sessions
from wfo.data.frames import time_column
from wfo.data.timeframes import TIMEFRAMES, is_intraday
from wfo.strategy import Number, Strategy
from wfo.strategy.value import lookback_on
from wfo.testing.samples import Frames, arguments
from wfo.windows import LEAST_WARMUP, Length, WalkSchedule, Windows

#: Bars from here on are drawn.
_FIRST_DAY = dt.date(2000, 1, 1)
#: Years of which sessions are asked for, until there are enough of them.
_YEARS = (10, 40, 200)
#: A calendar whose sessions are all days.
_ALWAYS_OPEN = "24/7"
#: By these days are whole, so that sessions of any other calendar lie within.
_WHOLE_DAYS = frozenset({NO_CALENDAR, _ALWAYS_OPEN})
#: Bars, and days of trading all round the clock, that phases are laid over, at least.
_HISTORY, _DAYS = 900, 10


def higher_timeframes(strategy: Strategy) -> tuple[str, ...]:
    """Return the higher bars that a strategy reads, as ``timeframe calendar``."""
    found: tuple[str, ...] = getattr(strategy.kernel, "timeframes", ())
    return found


def bar_timeframe(strategy: Strategy) -> str:
    """Return how long the bars are that are drawn: days, or less than the least higher ones."""
    read = [TIMEFRAMES[name.partition(" ")[0]] for name in higher_timeframes(strategy)]
    least = min([*read, TIMEFRAMES["1week"]])
    # Sessions of an exchange hold hardly two bars of four hours.
    left_out = set() if bar_calendar(strategy) in _WHOLE_DAYS else {"4hour"}
    below = [n for n, size in TIMEFRAMES.items() if size < least and n not in left_out]
    return max(below, key=lambda name: TIMEFRAMES[name])


def bar_calendar(strategy: Strategy) -> str:
    """Return the calendar that the bars are in: that of the higher bars, without them none."""
    named = [name.partition(" ")[2] for name in higher_timeframes(strategy)]
    exchanges = [name for name in named if name not in _WHOLE_DAYS]
    return [*exchanges, *named, NO_CALENDAR][0]


def bar_timezone(strategy: Strategy) -> str | None:
    """Return the zone of the stamps; None of days."""
    if not is_intraday(bar_timeframe(strategy)):
        return None
    return calendar_timezone(bar_calendar(strategy)) or "UTC"


def bar_stamps(strategy: Strategy, n: int) -> pl.Series:
    """Return the stamps of n bars of a strategy that reads higher ones, from 2000 on.

    Raises
    ------
    InputError
        If the calendar does not have as many.
    """
    calendar, timeframe = bar_calendar(strategy), bar_timeframe(strategy)
    zone, found = bar_timezone(strategy), 0
    for years in _YEARS:
        last = dt.date(_FIRST_DAY.year + years - 1, 12, 31)
        # Without a calendar days are whole, from one midnight to the next.
        named = _ALWAYS_OPEN if calendar == NO_CALENDAR else calendar
        sessions = load_sessions(named, _FIRST_DAY, last).frame
        if zone is None:
            stamps = sessions["session"].alias("date")
        else:
            stamps = _within(sessions[: n + 1], timeframe).dt.convert_time_zone(zone)
        found = len(stamps)
        if found >= n:
            return stamps[:n]
    raise wfo.InputError(
        f"the calendar {calendar} has {found:,} bars of {timeframe} from {_FIRST_DAY} on, and"
        f" {n:,} are to be drawn; replace draw_frames in the derived class"
    )


def _within(sessions: pl.DataFrame, timeframe: str) -> pl.Series:
    """Return the opens of the bars of some sessions, which a break divides in two."""
    morning = pl.coalesce("break_start", "close")
    parts = pl.concat(
        [
            sessions.select(begin="open", end=morning),
            sessions.drop_nulls("break_end").select(begin="break_end", end="close"),
        ]
    ).sort("begin")
    every = dt.timedelta(seconds=TIMEFRAMES[timeframe])
    opens = pl.datetime_ranges("begin", "end", every, closed="left").alias("datetime")
    return parts.select(opens).explode("datetime")["datetime"]


def history_bars(strategy: Strategy) -> int:
    """Return how many bars after a lookback `history_windows` can be laid over."""
    day = TIMEFRAMES["1day"] // TIMEFRAMES[bar_timeframe(strategy)]
    return max(_HISTORY, _DAYS * day)


def history_windows(strategy: Strategy, frame: pl.DataFrame, need: int) -> Windows:
    """Return a schedule for bars after a lookback: the default, of intraday bars a walk of days."""
    if not is_intraday(bar_timeframe(strategy)):
        return Windows.preset()
    stamps = frame[time_column(frame)]
    days = (stamps[-1].date() - stamps[max(need, LEAST_WARMUP)].date()).days
    walk = WalkSchedule(Length(0, days // 2), Length(0, days // 6))
    return Windows("days", walk=walk)


def dated(strategy: Strategy, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return frames, all of n bars, at the stamps of a strategy that reads higher bars."""
    stamps = bar_stamps(strategy, len(frames[FIRST]))
    return {
        name: frame.with_columns(date=stamps).rename({"date": stamps.name})
        for name, frame in frames.items()
    }


def needed(
    strategy: Strategy,
    values: Mapping[str, Sequence[Number]],
    draw: Callable[[int], Frames],
    first: int = 0,
) -> int:
    """Return the longest lookback of some values, in bars, on bars that are drawn.

    Parameters
    ----------
    strategy
        Whose.
    values
        By parameter.
    draw
        Returns as many bars as it is asked for, always at the same stamps.
    first
        Where the history begins.
    """
    least = strategy.lookback(values)
    if not higher_timeframes(strategy):
        return least
    for frames in _longer(draw, first + 2 * least + 50):
        read = read_feeds(strategy, **arguments({n: f[first:] for n, f in frames.items()}))
        # It is longer than the history where a higher bar that is needed is not closed in it.
        need = lookback_on(strategy, values, read)
        if need <= read.bars:
            return need
    raise AssertionError("unreachable")


def first_of_higher(strategy: Strategy, draw: Callable[[int], Frames], bar: int) -> int:
    """Return the next bar, `bar` itself or a later one, with which all higher bars begin.

    A history that begins elsewhere has a first higher bar that lacks what lies before [G1].
    """
    if not higher_timeframes(strategy):
        return bar
    for frames in _longer(draw, 2 * bar + 50):
        read = read_feeds(strategy, **arguments(frames))
        groups = [read[name]["group"] for name in higher_timeframes(strategy)]
        begins = np.logical_and.reduce([np.diff(group, prepend=-1) != 0 for group in groups])
        later = np.flatnonzero(begins[bar:])
        if later.size:
            return bar + int(later[0])
    raise AssertionError("unreachable")


def _longer(draw: Callable[[int], Frames], n: int) -> Iterator[Frames]:
    """Yield ever longer histories; one that no calendar has is an error where it is drawn."""
    while True:
        yield draw(n)
        n *= 2
