"""Answers of a source: checked, compared with what is stored, and merged with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wfo.data.coverage import DateInterval
from wfo.data.frames import PRICES, time_column
from wfo.data.series import conform_series, series_errors
from wfo.data.sources.errors import MalformedError
from wfo.data.sources.source import Answer, SeriesKind, SeriesRequest
from wfo.data.timeframes import is_intraday
from wfo.errors import DataError

if TYPE_CHECKING:
    import polars as pl

#: Relative difference up to which two prices are the same one, written with other digits.
TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class Difference:
    """How an answer differs from the stored bars of its dates.

    Attributes
    ----------
    added
        Bars that were not stored.
    revised
        Stored bars that have another value now.
    contradiction
        The first price that differs, or the first stored bar that is not there any more, in words;
        empty where there is none, so that old and new bars can stand in one series.
    """

    added: int = 0
    revised: int = 0
    contradiction: str = ""


def local_dates(frame: pl.DataFrame, timezone: str) -> pl.Series:
    """Return the date of each row, of a stamp with a time that in `timezone`."""
    stamps = frame[time_column(frame)]
    if time_column(frame) == "date":
        return stamps
    return stamps.dt.convert_time_zone(timezone).dt.date()


def empty_frame(timeframe: str, series: SeriesKind, timezone: str) -> pl.DataFrame:
    """Return a frame of a series without rows."""
    import polars as pl

    if series == "funding":
        return pl.DataFrame(
            schema={"datetime": pl.Datetime("us", "UTC"), "funding_rate": pl.Float64}
        )
    prices = {name: pl.Float64() for name in (*PRICES, "volume")}
    if is_intraday(timeframe):
        return pl.DataFrame(schema={"datetime": pl.Datetime("us", timezone), **prices})
    return pl.DataFrame(schema={"date": pl.Date(), **prices})


def check_answer(
    answer: Answer, request: SeriesRequest, after: dt.date | None, title: str, timezone: str
) -> pl.DataFrame:
    """Return the rows of an answer in the convention of the store.

    Parameters
    ----------
    answer
        What a source has answered.
    request
        What it was asked for.
    after
        Last date that an earlier answer to the same request has reached.
    title
        Name of the source, for messages.
    timezone
        Zone of the stamps.

    Raises
    ------
    MalformedError
        If it is not what a source promises: dates outside the request or answered before, bars
        outside the dates, twice, unordered, or with prices that cannot be.
    """
    first, last = answer.first, answer.last
    asked = f"{title} was asked for {request.symbol} from {request.first} to {request.last}"
    if not request.first <= first <= last <= request.last:
        raise MalformedError(f"{asked} and has answered for {first} to {last}: nothing is stored")
    if after is not None and first <= after:
        raise MalformedError(f"{asked} and has answered for {first} after {after}: not in order")
    if not all(first <= day <= last for day in answer.unreadable):
        raise MalformedError(f"{asked} and its answer leaves out rows of dates outside of it")
    try:
        frame = _conformed(answer.frame, request, timezone)
    except DataError as error:
        raise MalformedError(f"{asked} and its answer cannot be read: {error}") from error
    dates = local_dates(frame, timezone)
    outside = dates.filter(~dates.is_between(first, last))
    if len(outside):
        raise MalformedError(
            f"{asked} and has answered for {first} to {last} with a bar of {outside[0]}"
        )
    # Bars of what trades seldom are mostly further apart than their length.
    errors = series_errors(frame, request.series, request.timeframe, spacing=False)
    if errors:
        raise MalformedError(f"{asked} and its answer cannot be used: {'; '.join(errors)}")
    return frame


def _conformed(frame: pl.DataFrame, request: SeriesRequest, timezone: str) -> pl.DataFrame:
    """Return a frame in the columns and types of its series, and in the zone of the store."""
    import polars as pl

    found = conform_series(frame, request.series)
    timed = request.series == "funding" or is_intraday(request.timeframe)
    expected = "datetime" if timed else "date"
    if time_column(found) != expected:
        raise DataError(f"it needs a column {expected!r}, not {time_column(found)!r}")
    if timed:
        found = found.with_columns(pl.col("datetime").dt.convert_time_zone(timezone))
    return found


def beside_stored(
    answered: pl.DataFrame, stored: pl.DataFrame, days: Sequence[dt.date], timezone: str
) -> pl.DataFrame:
    """Return answered rows, and of some days also the stored rows that are not among them.

    Parameters
    ----------
    answered, stored
        Rows of the same series, in ascending order.
    days
        Dates of which the answer leaves rows out that could not be read.
    timezone
        Zone of the dates.
    """
    import polars as pl

    stamp = time_column(stored)
    kept = stored.filter(local_dates(stored, timezone).is_in(list(days)))
    lost = kept.join(answered, on=stamp, how="anti")
    return pl.concat([answered, lost], how="diagonal").sort(stamp) if lost.height else answered


def lacks(frame: pl.DataFrame, stored: pl.DataFrame) -> bool:
    """Tell whether a frame is without any of the stamps of stored rows."""
    stamp = time_column(stored)
    return bool(stored.select(stamp).join(frame.select(stamp), on=stamp, how="anti").height)


def rows_between(dates: pl.Series, interval: DateInterval) -> tuple[int, int]:
    """Return the first row of a range, and one past its last.

    Parameters
    ----------
    dates
        `local_dates` of the rows, ascending.
    interval
        The range.
    """
    if not len(dates):
        return 0, 0
    return (
        int(dates.search_sorted(interval.first, side="left")),
        int(dates.search_sorted(interval.last, side="right")),
    )


def compare(stored: pl.DataFrame, answered: pl.DataFrame) -> Difference:
    """Compare the stored rows of some dates with what a source answers for the same dates.

    Parameters
    ----------
    stored, answered
        Rows of the same series, in ascending order.

    Notes
    -----
    Prices are the same up to `TOLERANCE`. A volume, or an adjusted close, that differs is a
    revision and no contradiction.
    """
    import polars as pl

    if not stored.height:
        return Difference(added=answered.height)
    stamp = time_column(stored)
    prices = [c for c in (*PRICES, "funding_rate") if c in stored.columns]
    others = [
        c for c in ("volume", "adj_close") if {c} <= set(stored.columns) & set(answered.columns)
    ]
    both = stored.join(
        answered.with_columns(pl.lit(value=True).alias("_there")),
        on=stamp,
        how="left",
        suffix="_now",
        maintain_order="left",
    )

    def differs(name: str) -> pl.Expr:
        old, new = pl.col(name), pl.col(f"{name}_now")
        far = (old - new).abs() > TOLERANCE * pl.max_horizontal(old.abs(), new.abs())
        return (
            pl.when(old.is_null() | new.is_null())
            .then(old.is_null() != new.is_null())
            .otherwise(far)
        )

    gone = pl.col("_there").is_null()
    priced = pl.any_horizontal(*(differs(c) for c in prices))
    marked = both.with_columns(
        gone.alias("_gone"),
        (~gone & priced).alias("_priced"),
        (~gone & pl.any_horizontal(priced, *(differs(c) for c in others))).alias("_revised"),
    )
    contradiction = ""
    wrong = marked.filter(pl.col("_gone") | pl.col("_priced"))
    if wrong.height:
        row = wrong.row(0, named=True)
        when = row[stamp]
        when = f"{when:%Y-%m-%d %H:%M}" if isinstance(when, dt.datetime) else str(when)
        if row["_gone"]:
            contradiction = f"the bar of {when} is not there any more"
        else:
            name = next(c for c in prices if not _close(row[c], row[f"{c}_now"]))
            said = name.replace("_", " ")
            contradiction = (
                f"{said} of {when} was {row[name]:.10g} and is {row[f'{name}_now']:.10g}"
            )
        if wrong.height > 1:
            contradiction += f" (and {wrong.height - 1:,} more bars differ)"
    matched = stored.height - int(marked["_gone"].sum())
    return Difference(answered.height - matched, int(marked["_revised"].sum()), contradiction)


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other))


def merge(
    stored: pl.DataFrame,
    pieces: Sequence[tuple[DateInterval, pl.DataFrame]],
    series: SeriesKind,
    timezone: str,
) -> pl.DataFrame:
    """Return stored rows with those of answered ranges in the place of what was there.

    Parameters
    ----------
    stored
        Rows in ascending order.
    pieces
        Ranges that were answered, ascending and disjoint, and the rows of each.
    series, timezone
        What the rows are, and the zone of their dates.

    Returns
    -------
    polars.DataFrame
        Rows in ascending order, one a stamp; made from slices, in linear time.
    """
    import polars as pl

    dates = local_dates(stored, timezone)
    parts: list[pl.DataFrame] = []
    done = 0
    for interval, rows in pieces:
        begin, end = rows_between(dates, interval)
        parts += [stored.slice(done, begin - done), rows]
        done = end
    parts.append(stored.slice(done))
    whole = pl.concat([p for p in parts if p.height] or [stored], how="diagonal")
    return conform_series(whole, series)
