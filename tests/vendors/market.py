"""A made-up market, the same for a seed: what the vendors' servers have to tell.

Everything is a function of symbol and date, so that a day needs no other day: prices are noise of
several scales over the number of the day, and a day's minutes are a bridge from its open to its
close that touches its high and its low. Prices are those of the first share; `Bars` are in the
shares of their day (raw), or adjusted for what happened until another date.
"""

from __future__ import annotations

import bisect
import dataclasses
import datetime as dt
import functools
import re
import threading
import warnings
import zlib
from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

import numpy as np

NEW_YORK = ZoneInfo("America/New_York")
UTC = dt.UTC

#: Adjustments of past prices.
ADJUSTMENTS = ("raw", "split", "dividend", "all")

_FIRST_SESSION, _LAST_SESSION = dt.date(1993, 1, 4), dt.date(2035, 12, 31)
_EPOCH = dt.date(1970, 1, 1).toordinal()
_DAY = 86_400
_COIN = re.compile(r"[A-Z0-9]{2,12}(USDT|USDC|BUSD)")


@dataclasses.dataclass(frozen=True)
class Split:
    """From `date` on there are `factor` shares for one."""

    date: dt.date
    factor: float


@dataclasses.dataclass(frozen=True)
class Dividend:
    """A part of the price that is paid out on `date`."""

    date: dt.date
    part: float


@dataclasses.dataclass(frozen=True)
class Instrument:
    """What is traded.

    Attributes
    ----------
    calendar
        ``XNYS``, another calendar of exchange_calendars, or ``24/7`` (UTC days).
    listed, delisted
        First and last date with bars.
    halts
        Ranges of dates without bars, both ends included.
    decimals
        Of prices.
    """

    symbol: str
    calendar: str = "XNYS"
    listed: dt.date = dt.date(2000, 1, 3)
    delisted: dt.date | None = None
    halts: tuple[tuple[dt.date, dt.date], ...] = ()
    splits: tuple[Split, ...] = ()
    dividends: tuple[Dividend, ...] = ()
    decimals: int = 2

    def traded(self, day: dt.date) -> bool:
        """Return whether it has a bar on a session's date."""
        if day < self.listed or (self.delisted is not None and day > self.delisted):
            return False
        return not any(first <= day <= last for first, last in self.halts)


@dataclasses.dataclass(frozen=True, eq=False)
class Bars:
    """Bars as columns, ascending.

    Attributes
    ----------
    date
        Of the session, as days since 1970 (int64).
    start, end
        Seconds since 1970 in UTC (int64); those of daily bars are the session's.
    open, high, low, close
        float64.
    volume
        int64.
    """

    date: np.ndarray
    start: np.ndarray
    end: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def where(self, keep: np.ndarray | slice) -> Bars:
        """Return some of the bars."""
        return Bars(*(getattr(self, name)[keep] for name in COLUMNS))

    def same(self, other: Bars) -> bool:
        """Return whether two are equal in every value."""
        return all(np.array_equal(getattr(self, n), getattr(other, n)) for n in COLUMNS)

    @classmethod
    def join(cls, parts: Iterable[Bars]) -> Bars:
        """Return bars one after the other."""
        found = list(parts)
        if not found:
            return NO_BARS
        return cls(*(np.concatenate([getattr(p, n) for p in found]) for n in COLUMNS))


COLUMNS = tuple(f.name for f in dataclasses.fields(Bars))
NO_BARS = Bars(
    *(np.empty(0, np.int64) for _ in range(3)),
    *(np.empty(0, np.float64) for _ in range(4)),
    np.empty(0, np.int64),
)


@dataclasses.dataclass(frozen=True)
class Session:
    """A trading day: its date, and its seconds since 1970."""

    date: dt.date
    start: int
    end: int


@functools.cache
def _calendar(name: str) -> tuple[tuple[dt.date, ...], tuple[Session, ...]]:
    with warnings.catch_warnings():
        # exchange_calendars calls what pandas will drop.
        warnings.simplefilter("ignore")
        import exchange_calendars

        schedule = exchange_calendars.get_calendar(
            name, start=_FIRST_SESSION.isoformat(), end=_LAST_SESSION.isoformat()
        ).schedule
    sessions = tuple(
        Session(day, start, end)
        for day, start, end in zip(
            schedule.index.date,
            (int(t.timestamp()) for t in schedule["open"]),
            (int(t.timestamp()) for t in schedule["close"]),
            strict=True,
        )
    )
    return tuple(s.date for s in sessions), sessions


def sessions(calendar: str, first: dt.date, last: dt.date) -> list[Session]:
    """Return the trading days of a calendar between two dates, both included."""
    if first > last:
        return []
    if calendar == "24/7":
        days = range(first.toordinal(), last.toordinal() + 1)
        return [
            Session(dt.date.fromordinal(n), (n - _EPOCH) * _DAY, (n - _EPOCH + 1) * _DAY)
            for n in days
        ]
    dates, found = _calendar(calendar)
    return list(found[bisect.bisect_left(dates, first) : bisect.bisect_right(dates, last)])


def _mixed(values: np.ndarray) -> np.ndarray:
    """Return 64 bits that look random, of 64 bits each (splitmix64)."""
    with np.errstate(over="ignore"):
        z = values.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def _uniform(key: int | np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return one of [0, 1) for each number, by a key or by keys."""
    keys = np.asarray(key).astype(np.uint64)
    bits = _mixed(_mixed(numbers.astype(np.int64).view(np.uint64)) ^ keys)
    return (bits >> np.uint64(11)).astype(np.float64) / 2.0**53


def _normal(key: int | np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return about a standard normal for each number: a sum of uniforms."""
    keys = np.asarray(key).astype(np.uint64)
    four = np.arange(4, dtype=np.uint64).reshape((4,) + (1,) * numbers.ndim)
    with np.errstate(over="ignore"):
        parts = _uniform(keys * np.uint64(31) + four, numbers[None])
    return (parts.sum(axis=0) - 2.0) * np.sqrt(3.0)


def _texts(*parts: object) -> int:
    text = "\x00".join(str(p) for p in parts).encode()
    return zlib.crc32(text) << 32 | zlib.crc32(text[::-1])


class Market:
    """All symbols, as far as they are known.

    Parameters
    ----------
    seed
        Another one makes other prices.
    instruments
        Those with a history of their own. Every other symbol is a share since 2000, a coin since
        2019 where it ends in USDT, USDC or BUSD, a future (``CMES``) where it begins with ``@``.
    unknown
        Symbols that there are not. So are all that begin with ``NOSUCH``.
    """

    def __init__(
        self, seed: int = 1, instruments: Iterable[Instrument] = (), unknown: Iterable[str] = ()
    ) -> None:
        self.seed = seed
        self._instruments = {i.symbol: i for i in instruments}
        self._unknown = frozenset(unknown)
        self._revised: dict[tuple[str, dt.date], float] = {}
        self._lock = threading.Lock()
        self.version = 0
        self._minutes = functools.lru_cache(maxsize=4096)(self._made_minutes)
        self._marks = functools.lru_cache(maxsize=4096)(self._made_marks)

    # What there is, and what changes it.

    def instrument(self, symbol: str) -> Instrument | None:
        """Return what a symbol stands for, or None for an unknown one."""
        if symbol in self._instruments:
            return self._instruments[symbol]
        if symbol in self._unknown or symbol.startswith("NOSUCH"):
            return None
        if _COIN.fullmatch(symbol):
            return Instrument(symbol, calendar="24/7", listed=dt.date(2019, 9, 8))
        if symbol.startswith("@"):
            return Instrument(symbol, calendar="CMES")
        return Instrument(symbol)

    def put(self, instrument: Instrument) -> None:
        """Add an instrument, or change one."""
        with self._lock:
            self._instruments[instrument.symbol] = instrument
            self._changed()

    def split(self, symbol: str, date: dt.date, factor: float) -> None:
        """Add a split, which scales all adjusted history before it, as of its date or later."""
        found = self._known(symbol)
        self.put(dataclasses.replace(found, splits=(*found.splits, Split(date, factor))))

    def revise(self, symbol: str, date: dt.date, factor: float = 1.01) -> None:
        """Change the prices of one day by a factor."""
        with self._lock:
            self._revised[symbol, date] = self._revised.get((symbol, date), 1.0) * factor
            self._changed()

    def _changed(self) -> None:
        self.version += 1
        self._minutes.cache_clear()
        self._marks.cache_clear()

    def _known(self, symbol: str) -> Instrument:
        found = self.instrument(symbol)
        if found is None:
            raise KeyError(symbol)
        return found

    # Prices.

    def _level(self, symbol: str, days: np.ndarray) -> np.ndarray:
        """Return the price at the end of days, of the first share."""
        key = _texts(self.seed, symbol, "level")
        base = 3.4 + 1.8 * _uniform(key, np.array([-1]))[0]
        octaves = np.arange(12, dtype=np.int64)[:, None]
        widths = 2**octaves
        cells = days[None] // widths
        keys = np.uint64(key) + octaves.astype(np.uint64)
        left, right = _normal(keys, np.stack((cells, cells + 1)))
        parts = (days[None] - cells * widths) / widths
        log = base + (0.006 * np.sqrt(widths) * (left + (right - left) * parts)).sum(axis=0)
        return np.exp(log)

    def _days(self, instrument: Instrument, found: list[Session]) -> Bars:
        """Return raw daily bars."""
        symbol = instrument.symbol
        dates = np.array([s.date.toordinal() - _EPOCH for s in found], np.int64)
        close, before = np.split(self._level(symbol, np.concatenate((dates, dates - 1))), 2)
        if instrument.calendar == "24/7":
            opened = before
        else:
            opened = before * np.exp(0.004 * _normal(_texts(self.seed, symbol, "open"), dates))
        reach = 0.004 * _uniform(_texts(self.seed, symbol, "high"), dates)
        fall = 0.004 * _uniform(_texts(self.seed, symbol, "low"), dates)
        high = np.maximum(opened, close) * (1 + reach)
        low = np.minimum(opened, close) * (1 - fall)
        shares = np.ones(len(dates))
        for split in instrument.splits:
            shares[dates >= split.date.toordinal() - _EPOCH] *= split.factor
        revised = np.array([self._revised.get((symbol, s.date), 1.0) for s in found])
        prices = [
            np.round(p / shares * revised, instrument.decimals) for p in (opened, high, low, close)
        ]
        volume = 1e6 * np.exp(_normal(_texts(self.seed, symbol, "volume"), dates) / 3) * shares
        return Bars(
            dates,
            np.array([s.start for s in found], np.int64),
            np.array([s.end for s in found], np.int64),
            *prices,
            volume.astype(np.int64),
        )

    def daily(
        self,
        symbol: str,
        first: dt.date,
        last: dt.date,
        *,
        adjust: str = "raw",
        as_of: dt.date | None = None,
    ) -> Bars:
        """Return daily bars between two dates, both included.

        Parameters
        ----------
        adjust
            One of `ADJUSTMENTS`.
        as_of
            Splits and dividends after this date have not happened; None for all.
        """
        instrument = self.instrument(symbol)
        if instrument is None:
            return NO_BARS
        found = [s for s in sessions(instrument.calendar, first, last) if instrument.traded(s.date)]
        if not found:
            return NO_BARS
        return _adjusted(self._days(instrument, found), instrument, adjust, as_of)

    def _made_minutes(self, symbol: str, date: dt.date, extended: bool) -> Bars:
        instrument = self._known(symbol)
        found = sessions(instrument.calendar, date, date)
        if not found or not instrument.traded(date):
            return NO_BARS
        day = self._days(instrument, found)
        key = _texts(self.seed, symbol, "minutes", date.isoformat())
        regular = _bridge(day, found[0].start, found[0].end, key, instrument.decimals)
        if not extended or instrument.calendar != "XNYS":
            return regular
        # Before the open and after the close: few shares, near the price of the day's nearer end.
        morning = int(dt.datetime.combine(date, dt.time(4), NEW_YORK).timestamp())
        evening = int(dt.datetime.combine(date, dt.time(20), NEW_YORK).timestamp())
        return Bars.join(
            (
                _quiet(day, morning, found[0].start, day.open[0], key + 1, instrument.decimals),
                regular,
                _quiet(day, found[0].end, evening, day.close[0], key + 2, instrument.decimals),
            )
        )

    def minutes(
        self,
        symbol: str,
        date: dt.date,
        *,
        extended: bool = False,
        adjust: str = "raw",
        as_of: dt.date | None = None,
    ) -> Bars:
        """Return the bars of the minutes of a session; of the regular hours they make the day."""
        instrument = self.instrument(symbol)
        if instrument is None:
            return NO_BARS
        return _adjusted(self._minutes(symbol, date, extended), instrument, adjust, as_of)

    # Perpetual contracts.

    def mark_minutes(self, symbol: str, date: dt.date) -> Bars:
        """Return the minutes of the mark price, which is near that of the trades; no volume."""
        return self._marks(symbol, date)

    def _made_marks(self, symbol: str, date: dt.date) -> Bars:
        bars = self.minutes(symbol, date)
        if not len(bars):
            return bars
        off = 1 + 0.0004 * (_uniform(_texts(self.seed, symbol, "mark"), bars.start // 60) - 0.5)
        decimals = self._known(symbol).decimals
        opened, high, low, close = (
            np.round(p * off, decimals) for p in (bars.open, bars.high, bars.low, bars.close)
        )
        return dataclasses.replace(
            bars, open=opened, high=high, low=low, close=close, volume=np.zeros_like(bars.volume)
        )

    def funding(self, symbol: str, date: dt.date) -> list[tuple[int, float]]:
        """Return when funding is due on a date (seconds since 1970) and its rates."""
        instrument = self.instrument(symbol)
        if instrument is None or not instrument.traded(date):
            return []
        at = (date.toordinal() - _EPOCH) * _DAY + np.arange(3, dtype=np.int64) * 8 * 3600
        factor = self._revised.get((symbol, date), 1.0)
        rates = 1e-4 * (1 + _normal(_texts(self.seed, symbol, "funding"), at)) * factor
        return [(int(t), float(r)) for t, r in zip(at, np.round(rates, 8), strict=True)]


def _adjusted(bars: Bars, instrument: Instrument, adjust: str, as_of: dt.date | None) -> Bars:
    if adjust not in ADJUSTMENTS:
        raise ValueError(adjust)
    if adjust == "raw" or not len(bars):
        return bars
    shares, price = np.ones(len(bars)), np.ones(len(bars))
    if adjust in {"split", "all"}:
        for split in instrument.splits:
            if as_of is None or split.date <= as_of:
                shares[bars.date < split.date.toordinal() - _EPOCH] *= split.factor
    if adjust in {"dividend", "all"}:
        for paid in instrument.dividends:
            if as_of is None or paid.date <= as_of:
                price[bars.date < paid.date.toordinal() - _EPOCH] *= 1 - paid.part
    scaled = {
        name: np.round(getattr(bars, name) / shares * price, 4)
        for name in ("open", "high", "low", "close")
    }
    volume = np.round(bars.volume * shares).astype(np.int64)
    return dataclasses.replace(bars, **scaled, volume=volume)


def _bridge(day: Bars, start: int, end: int, key: int, decimals: int) -> Bars:
    """Return minutes that go from a day's open to its close, and touch its high and its low."""
    count = (end - start) // 60
    opened, high, low, close = (float(p[0]) for p in (day.open, day.high, day.low, day.close))
    number = np.arange(count)
    steps = np.cumsum(_normal(key, number))
    part = (number + 1) / count
    path = opened + (close - opened) * part
    path += (steps - steps[-1] * part) / np.sqrt(count) * (high - low)
    ends = np.clip(np.round(path, decimals), low, high)
    ends[-1] = close
    begins = np.concatenate(([opened], ends[:-1]))
    room = (high - low) / np.sqrt(count)
    highs = np.minimum(np.maximum(begins, ends) + room * _uniform(key + 1, number), high)
    lows = np.maximum(np.minimum(begins, ends) - room * _uniform(key + 2, number), low)
    highs, lows = np.round(highs, decimals), np.round(lows, decimals)
    highs[int(np.argmax(highs))] = high
    lows[int(np.argmin(lows))] = low
    weights = 0.2 + _uniform(key + 3, number)
    volume = np.floor(day.volume[0] * weights / weights.sum()).astype(np.int64)
    volume[-1] += day.volume[0] - volume.sum()
    starts = start + 60 * number.astype(np.int64)
    dates = np.full(count, day.date[0])
    return Bars(dates, starts, starts + 60, begins, highs, lows, ends, volume)


def _quiet(day: Bars, start: int, end: int, price: float, key: int, decimals: int) -> Bars:
    """Return every fifth minute or so, at about one price."""
    number = np.arange((end - start) // 60)
    number = number[_uniform(key, number) < 0.2]
    close = np.round(price * (1 + 0.001 * _normal(key + 1, number)), decimals)
    starts = start + 60 * number.astype(np.int64)
    dates = np.full(len(number), day.date[0])
    volume = np.full(len(number), 100, np.int64)
    return Bars(dates, starts, starts + 60, close, close, close, close, volume)


def grouped(bars: Bars, keys: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Bars:
    """Return one bar for each run of equal keys, from the first start to the last end given."""
    if not len(bars):
        return bars
    first = np.concatenate(([0], np.flatnonzero(np.diff(keys)) + 1))
    last = np.concatenate((first[1:], [len(bars)])) - 1
    return Bars(
        bars.date[first],
        starts[first],
        ends[last],
        bars.open[first],
        np.maximum.reduceat(bars.high, first),
        np.minimum.reduceat(bars.low, first),
        bars.close[last],
        np.add.reduceat(bars.volume, first),
    )


def of_sessions(bars: Bars, minutes: int, opens: Callable[[np.ndarray], np.ndarray]) -> Bars:
    """Return longer bars that count from a second per bar, the last of a session cut short.

    Parameters
    ----------
    opens
        Of dates (days since 1970), the second from which to count.
    """
    width = 60 * minutes
    begin = opens(bars.date)
    number = (bars.start - begin) // width
    return grouped(bars, bars.date * 100_000 + number, begin + number * width, bars.end)


def by_clock(bars: Bars, seconds: int) -> Bars:
    """Return longer bars that begin at multiples of a length since 1970."""
    number = bars.start // seconds
    return grouped(bars, number, number * seconds, (number + 1) * seconds)


def by_weeks(bars: Bars) -> Bars:
    """Return weekly bars; weeks begin on Mondays."""
    return grouped(bars, (bars.date + 3) // 7, bars.start, bars.end)


def by_months(bars: Bars, months: int = 1) -> Bars:
    """Return monthly bars, or of several months each."""
    month = bars.date.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return grouped(bars, month // months, bars.start, bars.end)
