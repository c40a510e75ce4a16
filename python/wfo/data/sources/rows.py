"""From rows as vendors send them to the pieces that a source answers with.

A reply may hold rows that cannot be right: a price that is missing, not above zero, or outside
high and low; two different rows of one stamp. `sift` leaves them out and says so, and
`ask_leniently` asks again before it accepts that, because most such replies are passing faults.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from wfo.data.calendars import calendar_timezone
from wfo.data.frames import PRICES
from wfo.data.sources.errors import MalformedError, UnknownSymbolError
from wfo.data.sources.source import Answer, SeriesRequest, Source
from wfo.data.timeframes import TIMEFRAMES, is_intraday, require_timeframe
from wfo.errors import InputError

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")

#: Faults that a message spells out; the others are counted.
_SHOWN: Final = 3
#: Faulty rows that are left out however few rows there are.
_FEW: Final = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Sifted:
    """Rows without the faulty ones.

    Attributes
    ----------
    frame
        Ascending, a stamp once, in the columns of `empty_frame`.
    faults
        A sentence for each kind of fault that was found, none if all rows are used as they are.
        Rows that repeat one another exactly, and rows out of order, are no faults.
    unreadable
        Dates of the rows that are left out.
    """

    frame: pl.DataFrame
    faults: tuple[str, ...] = ()
    unreadable: tuple[dt.date, ...] = ()


def require_offered(source: Source, requests: Sequence[SeriesRequest]) -> None:
    """Check that a source offers what is asked for.

    Raises
    ------
    InputError
        If nothing is asked for, or requests differ in series, timeframe or adjustment, or the
        source does not offer one of these; the message names what it does offer.
    """
    if not requests:
        raise InputError(f"{source.title}: nothing is asked for: give one request at least")
    for request in requests:
        offered: list[tuple[str, str, Sequence[str]]] = [
            ("series", request.series, source.series),
            ("adjustment", request.adjust, source.adjustments),
        ]
        if request.series != "funding":
            offered.append(("timeframe", require_timeframe(request.timeframe), source.timeframes))
        for what, value, known in offered:
            if value not in known:
                raise InputError(
                    f"{source.title} has no {what} {value!r} ({request.symbol}); "
                    f"it has {', '.join(known)}"
                )
    if len({(r.series, r.timeframe, r.adjust) for r in requests}) > 1:
        raise InputError(
            f"{source.title}: requests of one call must share series, timeframe and adjustment"
        )


def request_zone(request: SeriesRequest) -> str:
    """Return the IANA name of the zone of a request's dates and stamps."""
    return calendar_timezone(request.calendar) or "UTC"


def midnight(day: dt.date, zone: str) -> dt.datetime:
    """Return when a day begins in a time zone, as UTC."""
    import zoneinfo

    local = dt.datetime(day.year, day.month, day.day, tzinfo=zoneinfo.ZoneInfo(zone))
    return local.astimezone(dt.UTC)


def number(value: Any) -> float | None:
    """Return a JSON number, or text that is one, as float; ``None`` for everything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    # Python reads figures of any script, and 1_0 as ten.
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def require_object(value: Any, what: str) -> dict[str, Any]:
    """Return `value` if it is a JSON object, else raise `MalformedError`."""
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is {_kind(value)}, not a JSON object")
    return value


def require_list(value: Any, what: str) -> list[Any]:
    """Return `value` if it is a JSON array, else raise `MalformedError`."""
    if not isinstance(value, list):
        raise MalformedError(f"{what} is {_kind(value)}, not a JSON array")
    return value


def _kind(value: Any) -> str:
    # The value itself stays out of the message: its size and contents are the vendor's.
    names = {dict: "an object", list: "an array", str: "text", type(None): "null"}
    return names.get(type(value), "a number")


def empty_frame(request: SeriesRequest, *, volume: bool = True) -> pl.DataFrame:
    """Return the frame without rows that answers a request of which nothing is known."""
    import polars as pl

    if request.series == "funding":
        return pl.DataFrame(
            schema={"datetime": pl.Datetime("us", "UTC"), "funding_rate": pl.Float64}
        )
    zone = request_zone(request)
    intraday = is_intraday(request.timeframe)
    return pl.DataFrame(
        schema={
            **({"datetime": pl.Datetime("us", zone)} if intraday else {"date": pl.Date}),
            **dict.fromkeys(PRICES, pl.Float64),
            **({"volume": pl.Float64} if volume else {}),
        }
    )


def sift(rows: pl.DataFrame, request: SeriesRequest, where: str) -> Sifted:
    """Turn a vendor's rows into rows of an answer.

    Parameters
    ----------
    rows
        ``stamp`` (``pl.Datetime("us", "UTC")``, null where it cannot be read), then open, high,
        low, close and optionally volume, or of funding rates ``funding_rate``; float64, null
        where they are no numbers.
    request
        What they answer: it gives series, timeframe and zone.
    where
        The vendor or the file that they are from, for messages.

    Returns
    -------
    Sifted
        Rows of any dates, also outside those of the request. Of two different rows of one stamp
        the later in `rows` stays. A volume that is missing or below zero becomes null; the bar
        stays.

    Raises
    ------
    MalformedError
        If a row has no time, so that nothing says what is left out with it; or if more than half
        of the rows are faulty, so that leaving them out would hide that the format is another one.
    """
    import polars as pl

    key = "date" if request.series != "funding" and not is_intraday(request.timeframe) else None
    stamp = pl.col("stamp")
    if key is not None:
        named = stamp.dt.convert_time_zone(request_zone(request)).dt.date().alias("date")
    else:
        key = "datetime"
        zone = "UTC" if request.series == "funding" else request_zone(request)
        named = stamp.dt.convert_time_zone(zone).alias("datetime")
    values = [c for c in rows.columns if c != "stamp"]
    frame = rows.select(named, *values)

    faults: list[str] = []
    unreadable: tuple[dt.date, ...] = ()
    undated = frame[key].null_count()
    if undated:
        raise MalformedError(
            f"{where}: {undated:,} of {frame.height:,} rows of {request.symbol} have no time, or "
            "an impossible one"
        )
    unusable = _unusable(request)
    mask = frame.select(unusable.fill_null(value=True)).to_series()
    count = int(mask.sum())
    if count > max(_FEW, frame.height // 2):
        raise MalformedError(
            f"{where}: of {frame.height:,} rows of {request.symbol} {count:,} have no value, "
            "or an impossible one: this is not the format that is known"
        )
    if count:
        lost = frame.filter(mask)
        faults.append(_said(lost, key, "missing or impossible"))
        days = lost[key].cast(pl.Date) if key == "date" else lost[key].dt.date()
        unreadable = tuple(days.unique().sort().to_list())
        frame = frame.filter(~mask)
    if "volume" in values:
        volume = pl.col("volume")
        odd = frame.select((~(volume.is_finite() & (volume >= 0))).fill_null(value=True))
        odd_volume = odd.to_series()
        if odd_volume.any():
            faults.append(_said(frame.filter(odd_volume), key, "without a volume"))
            frame = frame.with_columns(pl.when(~odd_volume).then(volume).alias("volume"))

    frame, repeated = once(frame)
    if repeated is not None:
        faults.append(repeated)
    return Sifted(frame, tuple(faults), unreadable)


def once(frame: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    """Order rows by their stamps and keep one of each.

    Parameters
    ----------
    frame
        Rows whose first column is the stamp.

    Returns
    -------
    frame, conflict
        The rows, of those with one stamp the last; and a sentence where such rows differ.
    """
    key = frame.columns[0]
    distinct = frame.unique(maintain_order=True)
    ordered = distinct.unique(subset=key, keep="last", maintain_order=True).sort(key)
    count = distinct.height - ordered.height
    if not count:
        return ordered, None
    twice = distinct.filter(distinct[key].is_duplicated())
    return ordered, _said(twice.unique(subset=key, maintain_order=True), key, "given twice")


def _unusable(request: SeriesRequest) -> pl.Expr:
    import polars as pl

    if request.series == "funding":
        return ~pl.col("funding_rate").is_finite()
    below = [~(pl.col(p).is_finite() & (pl.col(p) > 0)) for p in PRICES]
    outside = (pl.col("high") < pl.max_horizontal("open", "low", "close")) | (
        pl.col("low") > pl.min_horizontal("open", "close")
    )
    return pl.any_horizontal([b.fill_null(value=True) for b in below]) | outside


def _said(rows: pl.DataFrame, key: str, what: str) -> str:
    shown = [str(s) for s in rows[key].head(_SHOWN)]
    more = f" and {rows.height - len(shown):,} more" if rows.height > len(shown) else ""
    noun = "row" if rows.height == 1 else "rows"
    return f"{rows.height:,} {noun} {what}: {', '.join(shown)}{more}"


def ask_leniently(
    send: Callable[[Callable[[Any], T]], T],
    read: Callable[[Any], tuple[T, tuple[str, ...]]],
) -> tuple[T, tuple[str, ...]]:
    """Ask until a reply has no faults, and at the end accept one that has.

    Parameters
    ----------
    send
        Sends the request; it calls its argument with every reply and sends anew where that raises
        `MalformedError`.
    read
        Returns what a reply says without its faulty rows, and the faults. `MalformedError` where
        it cannot be read at all.

    Returns
    -------
    value, faults
        What `read` returned; `faults` is empty unless every reply had some.

    Raises
    ------
    MalformedError
        If no reply could be read.
    """
    kept: list[tuple[T, tuple[str, ...]]] = []

    def accept(reply: Any) -> T:
        value, faults = read(reply)
        if faults:
            kept[:] = [(value, faults)]
            raise MalformedError("; ".join(faults))
        return value

    try:
        return send(accept), ()
    except MalformedError:
        if not kept:
            raise
        return kept[0]


def answers_of_all(parts: Iterable[Iterator[Answer]]) -> Iterator[Answer]:
    """Yield the answers of all parts; a symbol that is unknown is reported after the others.

    Raises
    ------
    UnknownSymbolError
        The first of those that parts raise, at the end.
    """
    unknown: UnknownSymbolError | None = None
    for part in parts:
        try:
            yield from part
        except UnknownSymbolError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown


def if_any(answer: Answer | None) -> Iterator[Answer]:
    """Yield an answer if there is one."""
    if answer is not None:
        yield answer


class Pieces:
    """The rows of one request, cut into answers as days become complete.

    Parameters
    ----------
    request
        What is answered.
    now
        The time, zone-aware: bars that end later are not finished, and are left out.
    volume
        Whether the vendor's bars have a volume.
    """

    def __init__(self, request: SeriesRequest, now: dt.datetime, *, volume: bool = True) -> None:
        self.request = request
        self.position = request.first
        self._now = now
        self._held = empty_frame(request, volume=volume)
        self._notes: list[str] = []
        self._unreadable: set[dt.date] = set()
        self.rows = 0

    @property
    def done(self) -> bool:
        """Whether the whole range is answered."""
        return self.position > self.request.last

    def note(self, text: str) -> None:
        """Say something with the next answer, once."""
        if text not in self._notes:
            self._notes.append(text)

    def leave_out(self, days: Iterable[dt.date]) -> None:
        """Say that there are rows of some days that cannot be used."""
        self._unreadable.update(d for d in days if self.position <= d <= self.request.last)

    def add(self, frame: pl.DataFrame) -> int:
        """Take rows; those outside the range, or of days already answered, are dropped.

        Returns
        -------
        int
            The number of rows that were not there before.
        """
        import polars as pl

        day = self._day(frame)
        kept = frame.filter(
            (day >= self.position) & (day <= self.request.last) & self._finished(frame)
        )
        before = self._held.height
        self._held, conflict = once(pl.concat([self._held, kept]))
        if conflict is not None:
            self.note(f"{conflict}; the last is kept")
        added = self._held.height - before
        self.rows += added
        return added

    def cut(self, last: dt.date) -> Answer | None:
        """Return what is complete through `last`, ``None`` if that is nothing new."""
        last = min(last, self.request.last)
        if last < self.position:
            return None
        complete = self._day(self._held) <= last
        lost = {d for d in self._unreadable if d <= last}
        answer = Answer(
            self.request,
            self.position,
            last,
            self._held.filter(complete),
            tuple(self._notes),
            tuple(sorted(lost)),
        )
        self._unreadable -= lost
        self._held = self._held.filter(~complete)
        self._notes = []
        self.position = last + dt.timedelta(days=1)
        return answer

    def cut_before_last(self) -> Answer | None:
        """Return the days before that of the last row: its day may go on in the next page."""
        if not self._held.height:
            return None
        last: dt.date = self._day(self._held)[-1]
        return self.cut(last - dt.timedelta(days=1))

    def finish(self) -> Answer | None:
        """Return the rest of the range, ``None`` if all of it is answered."""
        return self.cut(self.request.last)

    def _day(self, frame: pl.DataFrame) -> pl.Series:
        return frame["date"] if "date" in frame.columns else frame["datetime"].dt.date()

    def _finished(self, frame: pl.DataFrame) -> pl.Series:
        import zoneinfo

        if "date" in frame.columns:
            zone = zoneinfo.ZoneInfo(request_zone(self.request))
            today = self._now.astimezone(zone).date()
            if self.request.timeframe == "1week":
                # Whichever of its days it is dated with, a week is over with its last session.
                week = dt.timedelta(days=7 if self.request.calendar == "24/7" else 5)
                return frame["date"].dt.truncate("1w") <= today - week
            return frame["date"] < today
        length = 0 if self.request.series == "funding" else TIMEFRAMES[self.request.timeframe]
        latest = self._now - dt.timedelta(seconds=length)
        return frame["datetime"].dt.epoch("us") <= latest.timestamp() * 1e6


def bars_bound(request: SeriesRequest, seconds_a_day: int) -> int:
    """Return how many bars a request has at most, for trading days of that many seconds."""
    days = (request.last - request.first).days + 1
    if not is_intraday(request.timeframe):
        return days
    return days * math.ceil(seconds_a_day / TIMEFRAMES[request.timeframe])
