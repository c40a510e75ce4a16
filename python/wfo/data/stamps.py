"""Time stamps in the notations that files use, to dates and points in time."""

from __future__ import annotations

import dataclasses
import datetime as dt
import difflib
import re
import zoneinfo
from typing import TYPE_CHECKING, Final

from wfo.data.frames import YEARS, outside_years
from wfo.data.tables import Table
from wfo.data.timeframes import TIMEFRAMES, describe_seconds
from wfo.errors import DataError, InputError
from wfo.text import brief, one_line

if TYPE_CHECKING:
    import polars as pl

_DATE_SHAPES: Final = (
    # (what the user sees, regular expression of a cell, strptime formats)
    ("YYYY-MM-DD", r"^\d{4}-\d{1,2}-\d{1,2}$", "%Y-%m-%d"),
    ("YYYY/MM/DD", r"^\d{4}/\d{1,2}/\d{1,2}$", "%Y/%m/%d"),
    ("YYYY.MM.DD", r"^\d{4}\.\d{1,2}\.\d{1,2}$", "%Y.%m.%d"),
    ("YYYYMMDD", r"^(1[89]|2\d)\d{6}$", "%Y%m%d"),
    ("DD.MM.YYYY", r"^\d{1,2}\.\d{1,2}\.\d{4}$", "%d.%m.%Y"),
    ("DD.MM.YY", r"^\d{1,2}\.\d{1,2}\.\d{2}$", "%d.%m.%y"),
    ("MMM DD, YYYY", r"^[A-Za-z]{3} \d{1,2}, \d{4}$", "%b %d, %Y"),
    ("DD-MMM-YYYY", r"^\d{1,2}-[A-Za-z]{3}-\d{4}$", "%d-%b-%Y"),
    ("DD MMM YYYY", r"^\d{1,2} [A-Za-z]{3} \d{4}$", "%d %b %Y"),
)
#: Shapes in which the day may come before or after the month: separator, digits of the year.
_EITHER_ORDER: Final = (("/", 4), ("-", 4), ("/", 2))

_TOKENS: Final = (("YYYY", "%Y"), ("MMM", "%b"), ("YY", "%y"), ("MM", "%m"), ("DD", "%d"))

#: Characters of a date format.
_LONGEST_FORMAT: Final = 100

_STAMP: Final = r"^(?<date>.*?\d)(?:[T ]+(?<time>\d{1,2}:\d{2}.*|\d{6}(?:[^\d].*)?))?$"
_TIME: Final = (
    r"^(?<hour>\d{1,2}):(?<minute>[0-5]\d)(?::(?<second>[0-5]\d)(?:[.,](?<fraction>\d{1,9}))?)?"
    r" ?(?<half>[AaPp][Mm])?"
    r" ?(?<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?$"
)
_DIGITS: Final = r"^-?\d+(\.\d+)?$"
_COMPACT: Final = r"^(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])([01]\d|2[0-3])[0-5]\d([0-5]\d)?$"
#: Epoch values below this (1973 in seconds) are taken for something that is not a time.
_SMALLEST_EPOCH: Final = 1e8


@dataclasses.dataclass(frozen=True)
class Stamps:
    """The time stamps of a file.

    Attributes
    ----------
    wall
        ``pl.Datetime("us")``: each stamp as it is written, without a zone.
    utc
        ``pl.Datetime("us", "UTC")`` where the stamps carry an offset or count from the epoch,
        else ``None``.
    has_times
        Whether the stamps have a time of day.
    notes
        What was decided by default.
    """

    wall: pl.Series
    utc: pl.Series | None
    has_times: bool
    notes: tuple[str, ...] = ()

    def reversed(self) -> Stamps:
        """Return the stamps in the opposite order."""
        utc = None if self.utc is None else self.utc.reverse()
        return dataclasses.replace(self, wall=self.wall.reverse(), utc=utc)


def require_timezone(name: str) -> str:
    """Return `name` if it is a time zone of the IANA data base.

    Raises
    ------
    InputError
        If it is not, with the nearest known name.
    """
    known = zoneinfo.available_timezones()
    if name in known:
        return name
    by_fold = {zone.casefold(): zone for zone in known}
    close = difflib.get_close_matches(name.casefold(), by_fold, n=1)
    hint = f"did you mean {by_fold[close[0]]!r}?" if close else "such as 'America/New_York', 'UTC'"
    raise InputError(f"unknown time zone {name!r}; {hint}")


def strptime_format(date_format: str) -> str:
    """Turn a date format such as ``DD/MM/YYYY`` into that of strptime, ``%d/%m/%Y``.

    A format that has ``%`` is taken as it is, up to a blank or T that precedes its hours: times
    of day are recognised without help.

    Raises
    ------
    InputError
        If it is neither.
    """
    if len(date_format) > _LONGEST_FORMAT:
        raise InputError(
            f"date format {brief(date_format)} has {len(date_format):,} characters; at most"
            f" {_LONGEST_FORMAT} will do"
        )
    if "%" in date_format:
        found = re.split(r"[T ]%[HIkl]", date_format)[0]
    else:
        found = date_format
        for token, code in _TOKENS:
            found = found.replace(token, code)
    codes = re.findall(r"%(.)", found)
    left_over = re.sub(r"%.", "", found)
    day_and_month = {"d", "e"} & set(codes) and {"m", "b", "B", "h"} & set(codes)
    year = {"Y", "y"} & set(codes)
    date = (day_and_month and year) or {"F", "D", "x"} & set(codes)
    if not date or re.search(r"[A-Za-z]", left_over):
        raise InputError(
            f"date format {brief(date_format)} is not understood: give it as in 'DD/MM/YYYY', "
            "'MM/DD/YYYY', 'YYYYMMDD' or '%d/%m/%Y'"
        )
    return found


def parse_stamps(
    table: Table, column: int, time_column: int | None = None, date_format: str | None = None
) -> Stamps:
    """Read the time stamps of a table.

    Parameters
    ----------
    table
        The raw cells.
    column
        Number of the column with dates, with dates and times, or with seconds, milliseconds,
        microseconds or nanoseconds since 1970-01-01 UTC (told apart by size).
    time_column
        Number of a second column with the time of day, if the file has one.
    date_format
        The order of day, month and year, see `strptime_format`; found from the column when
        ``None``.

    Raises
    ------
    DataError
        For the first cell that is not a date or time, naming file, line, column and value.
    InputError
        If `date_format` is not understood.
    """
    cells = table.columns[column]
    code = None if date_format is None else strptime_format(date_format)
    if cells.null_count():
        raise table.cell_error(column, _where(cells.is_null()))
    if cells.dtype.is_temporal():
        _require_years(table, column, cells)
    stamps = _parse(table, column, time_column, code)
    _require_years(table, column, stamps.wall)
    return stamps


def _require_years(table: Table, column: int, stamps: pl.Series) -> None:
    """Raise if a date lies outside of the years in which there are bars."""
    bad = _where(outside_years(stamps))
    if bad:
        raise table.cell_error(column, bad, f"lies outside of the years {YEARS[0]} to {YEARS[1]}")


def _parse(table: Table, column: int, time_column: int | None, code: str | None) -> Stamps:
    import polars as pl

    cells = table.columns[column]
    texts: pl.Series | None = None
    notes: tuple[str, ...] = ()
    if isinstance(cells.dtype, pl.Datetime):
        if cells.dtype.time_zone is None:
            return Stamps(cells.cast(pl.Datetime("us")), None, has_times=True)
        utc = cells.cast(pl.Datetime("us", cells.dtype.time_zone)).dt.convert_time_zone("UTC")
        wall = cells.dt.replace_time_zone(None).cast(pl.Datetime("us"))
        return Stamps(wall, utc, has_times=True)
    if cells.dtype == pl.Date:
        dates = cells
    else:
        plain = cells.cast(pl.Int64, strict=False) if cells.dtype.is_float() else cells
        text = plain.cast(pl.String).fill_null("").str.strip_chars()
        if (text == "").any():
            raise table.cell_error(column, _where(text == ""))
        if code is None and text.str.contains(_DIGITS).all():
            counted = _parse_digits(table, column, text, has_time_column=time_column is not None)
            if counted is not None:
                return counted
        parts = text.str.extract_groups(_STAMP).struct.unnest()
        texts = parts["time"] if time_column is None else None
        dates_text = parts["date"].fill_null("") if time_column is None else text
        dates, notes = _parse_dates(table, column, dates_text, code)

    time_cell = column
    if time_column is not None:
        time_cell = time_column
        texts = _time_texts(table.columns[time_column])
    if texts is None or texts.null_count() == len(texts):
        return Stamps(dates.cast(pl.Datetime("us")), None, has_times=False, notes=notes)
    return _with_times(table, time_cell, dates, texts, notes)


def _parse_digits(
    table: Table, column: int, text: pl.Series, *, has_time_column: bool
) -> Stamps | None:
    """Read columns of digits that are not YYYYMMDD: compact stamps, or counts from the epoch."""
    import polars as pl

    if text.str.contains(_DATE_SHAPES[3][1]).all() or has_time_column:
        return None
    if text.str.contains(_COMPACT).all():
        wall = text.str.pad_end(14, "0").str.to_datetime(
            "%Y%m%d%H%M%S", time_unit="us", strict=False
        )
        if wall.null_count():
            raise table.cell_error(column, _where(wall.is_null()), "is not a date and time")
        return Stamps(wall, None, has_times=True)
    count = text.cast(pl.Float64)
    size = count.abs()
    bad = _where((size < _SMALLEST_EPOCH) | (size > 1e19))
    if bad:
        raise table.cell_error(column, bad, "is neither a date nor a count from the epoch")
    # Seconds reach 1e11 in the year 5138, and milliseconds pass it in 1973; so on upwards.
    whole = text.str.extract(r"^(-?\d+)").cast(pl.Int64, strict=False)
    micros = (
        pl.DataFrame({"n": whole, "f": count, "s": size})
        .select(
            pl.when(pl.col("s") < 1e11)
            .then((pl.col("f") * 1e6).round().cast(pl.Int64, strict=False))
            .when(pl.col("s") < 1e14)
            .then(pl.col("n") * 1_000)
            .when(pl.col("s") < 1e17)
            .then(pl.col("n"))
            .otherwise(pl.col("n") // 1_000)
        )
        .to_series()
    )
    bad = _where(micros.is_null())
    if bad:
        raise table.cell_error(column, bad, "is neither a date nor a count from the epoch")
    wall = micros.cast(pl.Datetime("us"))
    return Stamps(wall, wall.dt.replace_time_zone("UTC"), has_times=True)


def _parse_dates(
    table: Table, column: int, text: pl.Series, code: str | None
) -> tuple[pl.Series, tuple[str, ...]]:
    import polars as pl

    notes: tuple[str, ...] = ()
    if code is not None:
        shape = code
    else:
        shape, code, notes = _find_date_format(table, column, text)
    try:
        dates = text.str.to_date(code, strict=False)
        # The formats take signs, and years of more digits.
        _require_years(table, column, dates)
    except pl.exceptions.PolarsError as error:
        said = f"date format {brief(code)} is not understood: {one_line(error):.200}"
        raise InputError(said) from error
    if dates.null_count():
        raise table.cell_error(column, _where(dates.is_null()), f"is not a date ({shape})")
    return dates, notes


def _find_date_format(
    table: Table, column: int, text: pl.Series
) -> tuple[str, str, tuple[str, ...]]:
    """Return what to call the format of a whole column, its strptime code, and notes."""
    import polars as pl

    best_hits, best = 0, ("", "")
    for shown, pattern, code in _DATE_SHAPES:
        hits = int(text.str.contains(pattern).sum())
        if hits > best_hits:
            best_hits, best = hits, (shown, code)
    for mark, digits in _EITHER_ORDER:
        pattern = rf"^(\d{{1,2}}){mark}(\d{{1,2}}){mark}\d{{{digits}}}$"
        parts = text.str.extract_groups(pattern).struct.unnest()
        hits = len(text) - parts.to_series(0).null_count()
        if hits <= best_hits:
            continue
        first, second = (_largest(parts.to_series(i).cast(pl.Int64)) for i in (0, 1))
        year, year_code = ("YYYY", "%Y") if digits == 4 else ("YY", "%y")
        month_first = (f"MM{mark}DD{mark}{year}", f"%m{mark}%d{mark}{year_code}")
        day_first = (f"DD{mark}MM{mark}{year}", f"%d{mark}%m{mark}{year_code}")
        best_hits, best = hits, month_first
        notes: tuple[str, ...] = ()
        if first > 12 and second <= 12:
            best = day_first
        elif first <= 12 and second <= 12:
            both = f"{month_first[0]} or {day_first[0]} (no number is above 12)"
            dates_in = f"the dates in column {table.headings[column]!r}"
            advice = f"give the date format {day_first[0]} if that is wrong"
            notes = (f"{dates_in} could be {both}; read as {month_first[0]}: {advice}",)
        if hits == len(text):
            return *best, notes
    if best_hits == 0:
        raise table.cell_error(
            column, [0], "is not a date in a known format: name it with the date format"
        )
    return *best, ()


def _time_texts(cells: pl.Series) -> pl.Series:
    """Return the cells of a column of times as HH:MM or HH:MM:SS, null where empty."""
    import polars as pl

    if cells.dtype.is_float():
        cells = cells.cast(pl.Int64, strict=False)
    text = cells.cast(pl.String).str.strip_chars()
    text = text.set(text == "", None) if (text == "").any() else text
    if not text.str.contains(r"^\d{1,6}$").fill_null(value=True).all() or text.null_count() == len(
        text
    ):
        return text
    # Leading zeros may be lost, so the widest cell tells HHMM from HHMMSS.
    wide = _largest(text.str.len_chars()) > 4
    text = text.str.zfill(6 if wide else 4)
    return text.str.replace(r"^(\d\d)(\d\d)(\d\d)?$", "${1}:${2}:${3}").str.strip_suffix(":")


def _with_times(
    table: Table, column: int, dates: pl.Series, texts: pl.Series, notes: tuple[str, ...]
) -> Stamps:
    import polars as pl

    texts = texts.fill_null("00:00").str.replace(r"^(\d\d)(\d\d)(\d\d)", "${1}:${2}:${3}")
    parts = texts.str.extract_groups(_TIME).struct.unnest()
    hour = parts["hour"].cast(pl.Int64)
    half = parts["half"].str.to_lowercase()
    limit = pl.select(pl.when(half.is_null()).then(23).otherwise(12)).to_series()
    lowest = pl.select(pl.when(half.is_null()).then(0).otherwise(1)).to_series()
    bad = _where(hour.is_null() | (hour > limit) | (hour < lowest))
    if bad:
        raise table.cell_error(column, bad, "is not a time of day")

    frame = parts.select(
        hour=pl.when(pl.col("half").is_null())
        .then(pl.col("hour").cast(pl.Int64))
        .otherwise(
            pl.col("hour").cast(pl.Int64) % 12
            + pl.when(pl.col("half").str.to_lowercase() == "pm").then(12).otherwise(0)
        ),
        minute=pl.col("minute").cast(pl.Int64),
        second=pl.col("second").cast(pl.Int64).fill_null(0),
        micro=pl.col("fraction").str.pad_end(6, "0").str.head(6).cast(pl.Int64).fill_null(0),
        zone=pl.col("zone"),
        offset=pl.when(pl.col("zone").str.contains(r"^[+-]"))
        .then(
            (
                pl.col("zone").str.slice(1, 2).cast(pl.Int64, strict=False) * 60
                + pl.col("zone").str.extract(r"^...:?(\d\d)$").cast(pl.Int64).fill_null(0)
            )
            * pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
        )
        .otherwise(0),
    )
    seconds = frame["hour"] * 3_600 + frame["minute"] * 60 + frame["second"]
    midnight = dates.cast(pl.Datetime("us"))
    wall = midnight + (seconds * 1_000_000 + frame["micro"]).cast(pl.Duration("us"))
    zone = frame["zone"]
    if zone.null_count() == len(zone):
        return Stamps(wall, None, has_times=True, notes=notes)
    if zone.null_count():
        bad = _where(zone.is_null())
        raise table.cell_error(column, bad, "has no offset from UTC, as other stamps have")
    shift = (frame["offset"] * 60_000_000).cast(pl.Duration("us"))
    return Stamps(wall, (wall - shift).dt.replace_time_zone("UTC"), has_times=True, notes=notes)


def to_dates(table: Table, stamps: Stamps, timezone: str | None) -> pl.Series:
    """Return the days of daily or weekly bars.

    Stamps with an offset are dated by the zone in which all of them fall on midnight: as
    written, else UTC; where neither, as in stamps of the session's open, by `timezone`.

    Raises
    ------
    DataError
        If several bars fall on one day at different times: then they are intraday bars.
    """
    wall = stamps.wall
    if stamps.utc is not None and not _all_midnight(wall):
        utc = stamps.utc.dt.replace_time_zone(None)
        if _all_midnight(utc):
            wall = utc
        elif timezone is not None:
            wall = stamps.utc.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    dates = wall.dt.date()
    if stamps.has_times:
        clash = _where((dates == dates.shift(1)) & (wall != wall.shift(1)))
        if clash:
            i = clash[0]
            steps = wall.diff().dt.total_seconds().drop_nulls().abs()
            usual = int(steps.mode().sort()[0])
            name = next((n for n, s in TIMEFRAMES.items() if s == usual), None)
            advice = f"timeframe {name}" if name else "an intraday timeframe"
            raise DataError(
                f"{table.name}, {table.rows.many([i - 1, i])}: two bars on {dates[i]}, at "
                f"{wall[i - 1]:%H:%M} and {wall[i]:%H:%M}, but daily or weekly bars were asked "
                f"for; bars {describe_seconds(usual)} apart need {advice}"
            )
    return dates


def to_datetimes(table: Table, stamps: Stamps, timezone: str) -> tuple[pl.Series, tuple[str, ...]]:
    """Return the stamps of intraday bars in a time zone, with notes.

    Parameters
    ----------
    table
        The file, for messages.
    stamps
        In ascending order, so that the hour which a change of clocks repeats can be told apart.
    timezone
        IANA name. Stamps without an offset are times in this zone; others are converted to it.

    Raises
    ------
    DataError
        If a stamp without an offset does not exist in the zone, because clocks skipped it.
    """
    import polars as pl

    if stamps.utc is not None:
        return stamps.utc.dt.convert_time_zone(timezone), ()
    wall = stamps.wall
    early = _localise(wall, timezone, "earliest")
    if early.null_count():
        bad = _where(early.is_null())
        raise DataError(
            f"{table.name}, {table.rows.one(bad[0])}: {wall[bad[0]]} does not exist in "
            f"{timezone}, where clocks skipped it: give the time zone of the file's stamps"
        )
    late = _localise(wall, timezone, "latest")
    twice = early != late
    if not twice.any():
        return early, ()
    # The second pass through a repeated hour begins where the written time does not advance.
    frame = pl.DataFrame({"early": early, "late": late, "twice": twice, "wall": wall})
    chosen = frame.with_columns(
        day=pl.col("wall").dt.date(),
        back=(pl.col("wall").diff() <= pl.duration()).fill_null(value=False) & pl.col("twice"),
    ).select(
        pl.when(pl.col("twice") & (pl.col("back").cum_sum().over("day") > 0))
        .then(pl.col("late"))
        .otherwise(pl.col("early"))
    )
    note = (
        f"{int(twice.sum()):,} stamps lie in an hour that clocks in {timezone} repeat; told "
        "apart by their order"
    )
    return chosen.to_series(), (note,)


def _localise(wall: pl.Series, timezone: str, which: str) -> pl.Series:
    return wall.dt.replace_time_zone(
        timezone,
        ambiguous="earliest" if which == "earliest" else "latest",
        non_existent="null",
    )


def _all_midnight(wall: pl.Series) -> bool:
    return bool((wall.dt.time() == dt.time(0)).all())


def _largest(numbers: pl.Series) -> int:
    return int(numbers.drop_nulls().to_numpy().max(initial=0))


def _where(mask: pl.Series) -> list[int]:
    return [int(i) for i in mask.fill_null(value=False).arg_true()]
