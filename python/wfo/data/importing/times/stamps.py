"""Time stamps in the notations that files use, to dates and points in time."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from wfo.data.calendars import NO_CALENDAR, calendar_timezone
from wfo.data.frames import YEARS, outside_years
from wfo.data.importing.tables.table import Table
from wfo.data.importing.times.clock_times import ClockTimes, read_parts, read_times, time_texts
from wfo.data.importing.times.counted import epoch_micros, serial_stamps, texts_of
from wfo.data.importing.times.date_formats import EXAMPLES, DateFormat, read_format
from wfo.data.importing.times.dates import DATE, SERIAL, days_of, readings
from wfo.data.importing.times.day_order import choose
from wfo.data.importing.times.distinct import Distinct
from wfo.data.importing.times.splitting import BETWEEN, split, split_alike, split_digits, turned
from wfo.data.importing.times.words import without_blanks, without_quotes
from wfo.data.importing.zones import Zone, read_zone
from wfo.text import shown

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Days = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]


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
    zone
        IANA name of the zone in which `wall` is, where the file names one and `utc` is None.
    certain
        Whether the order of day, month and year is beyond doubt.
    """

    wall: pl.Series
    utc: pl.Series | None
    has_times: bool
    notes: tuple[str, ...] = ()
    zone: str | None = None
    certain: bool = True

    def reversed(self) -> Stamps:
        """Return the stamps in the opposite order."""
        utc = None if self.utc is None else self.utc.reverse()
        return dataclasses.replace(self, wall=self.wall.reverse(), utc=utc)

    def take(self, indices: pl.Series) -> Stamps:
        """Return the stamps of these rows, in the order of their indices from 0."""
        utc = None if self.utc is None else self.utc.gather(indices)
        return dataclasses.replace(self, wall=self.wall.gather(indices), utc=utc)


def parse_stamps(
    table: Table,
    column: int,
    time_column: int | None = None,
    date_format: str | None = None,
    *,
    calendar: str = NO_CALENDAR,
    timezone: str | None = None,
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
        The order of day, month and year, and of a time, see
        `wfo.data.importing.times.date_formats.read_format`; found from the column when ``None``.
    calendar
        Whose sessions tell the order of day and month, and whose zone an abbreviation of several.
    timezone
        IANA name of the zone that was given for the stamps.

    Raises
    ------
    DataError
        For the first cell that is not a date or time, naming file, line, column and value.
    InputError
        If `date_format` is not understood.
    """
    cells = table.columns[column]
    form = None if date_format is None else read_format(date_format)
    if cells.null_count():
        raise table.cell_error(column, _where(cells.is_null()))
    if cells.dtype.is_temporal():
        _require_years(table, column, cells)
    found = _Parser(table, column, time_column, form, date_format or "", calendar, timezone).parse()
    _require_years(table, column, found.wall)
    return found


def _require_years(table: Table, column: int, stamps: pl.Series) -> None:
    """Raise if a date lies outside of the years in which there are bars."""
    outside = outside_years(stamps)
    if outside.any():
        why = f"lies outside of the years {YEARS[0]} to {YEARS[1]}"
        raise table.cell_error(column, _where(outside), why)


@dataclasses.dataclass(frozen=True)
class _Parser:
    """What `parse_stamps` is asked for."""

    table: Table
    column: int
    time_column: int | None
    form: DateFormat | None
    date_format: str
    calendar: str
    timezone: str | None

    def parse(self) -> Stamps:
        """Read the stamps."""
        import polars as pl

        cells = self.table.columns[self.column]
        if isinstance(cells.dtype, pl.Datetime):
            found = _of_moments(cells, cells.dtype.time_zone)
            return found if found.utc is not None else self._in_named_zone(found)
        times = None if self.time_column is None else self._time_column(self.time_column)
        if cells.dtype == pl.Date:
            return self._joined(
                cells.cast(pl.Datetime("us")).to_physical(), times, (), certain=True
            )
        text = texts_of(cells)
        if times is not None:
            return self._two_columns(self._tidied(text), times)
        return self._one_column(text)

    def _tidied(self, text: pl.Series) -> pl.Series:
        plain = without_quotes(without_blanks(text))
        if (plain == "").any():
            raise self.table.cell_error(self.column, _where(plain == ""))
        return plain

    def _one_column(self, text: pl.Series) -> Stamps:
        """Read stamps of one column."""
        import polars as pl

        form = self.form
        if form is None and text.head(1).str.contains(r"^\s*-?\d+(?:[.,]\d+)?\s*$").all():
            whole = text.cast(pl.Int64, strict=False)
            if whole.null_count():
                text = self._tidied(text)
            counted = self._counted(text)
            if isinstance(counted, Stamps):
                return counted
            if counted is not None:
                return self._cut(*counted)
        if form is None:
            found = split_alike(text)
            if found is None:
                text = turned(self._tidied(text))
                found = split_alike(text) or split(text)
            return self._cut(*found)
        text = self._tidied(text)
        if form.whole is not None:
            return self._whole(text, form.whole)
        between = BETWEEN if form.between is None else f"(?:{form.between}|{BETWEEN})"
        return self._cut(
            *(split_alike(text, form.date, between) or split(text, form.date, between))
        )

    def _counted(self, text: pl.Series) -> Stamps | tuple[Distinct, Distinct | None] | None:
        """Read stamps of digits alone; None where they are dates."""
        import polars as pl

        longest = text.str.len_chars().max()
        if isinstance(longest, int) and 6 <= longest <= 8 and text.str.contains(r"^\d{6,8}$").all():
            if longest == 8 and text.str.len_chars().min() == 7:
                text = text.str.zfill(8)  # days below 10 whose zero was lost
            return Distinct.of(text), None
        compact = split_digits(text)
        if compact is not None:
            return compact
        serial = serial_stamps(text)
        if serial is not None:
            wall, has_times = serial
            note = f"the dates in column {self._heading} are read as {SERIAL}, such as {text[0]}"
            return self._in_named_zone(Stamps(wall, None, has_times=has_times, notes=(note,)))
        micros = epoch_micros(self.table, self.column, text)
        if micros is None:
            return None
        wall = micros.cast(pl.Datetime("us"))
        return Stamps(wall, wall.dt.replace_time_zone("UTC"), has_times=True)

    def _two_columns(self, text: pl.Series, times: Distinct | None) -> Stamps:
        """Read dates beside a column of times; a midnight behind a date says nothing."""
        dates = Distinct.of(text)
        date = DATE if self.form is None else self.form.date
        cut, behind = split(dates.texts, date)
        if len(behind.texts):
            midnight = read_times(behind.texts).micros == 0
            late = (~midnight).fill_null(value=True).gather(behind.codes).fill_null(value=False)
            if late.any():
                why = "has a time of day, beside those in a column of their own"
                raise self.table.cell_error(self.column, dates.where(late), why)
        alone = Distinct(cut.texts.gather(cut.codes), dates.codes)
        return self._cut(alone, times)

    def _whole(self, text: pl.Series, pattern: str) -> Stamps:
        """Read stamps by a format whose date and time cannot be cut apart."""
        import polars as pl

        stamps = Distinct.of(text)
        parts = stamps.texts.str.extract_groups(f"^{pattern}$").struct.unnest()
        days, valid = days_of(parts)
        times = read_parts(parts)
        bad = pl.Series(~valid) | times.micros.is_null()
        if bad.any():
            why = f"is not a date and time ({self.date_format}), as --date-format has it"
            raise self.table.cell_error(self.column, stamps.where(bad), why)
        dates = _micros_of(days).gather(stamps.codes)
        return self._with_times(dates, stamps.codes, times, (), certain=True)

    def _cut(self, dates: Distinct, times: Distinct | None) -> Stamps:
        """Read dates, and times beside them."""
        days, notes, certain = self._days(dates)
        wall = _micros_of(days).gather(dates.codes)
        return self._joined(wall, times, notes, certain=certain)

    def _days(self, dates: Distinct) -> tuple[Days, tuple[str, ...], bool]:
        """Return days since 1970-01-01 of distinct dates, notes, and whether they are certain."""
        import polars as pl

        if self.form is not None:
            parts = dates.texts.str.extract_groups(f"^{self.form.date}$").struct.unnest()
            days, valid = days_of(parts)
            self._require_dates(dates, valid, self.date_format)
            return days, (), True
        found, shifted = readings(dates.texts)
        if not found:
            raise self.table.cell_error(
                self.column,
                [0],
                "is not a date in a known format: name it with the date format (--date-format), "
                f"such as {' or '.join(repr(e) for e in (EXAMPLES[0], EXAMPLES[-2]))}",
            )
        if shifted.any():
            why = (
                "is not on the weekday that it names: a date format (--date-format) passes over it"
            )
            raise self.table.cell_error(self.column, dates.where(pl.Series(shifted)), why)
        codes = dates.codes.to_numpy()
        choice = choose(found, dates.texts.to_list(), codes, self.calendar, self._heading)
        self._require_dates(dates, choice.reading.valid, choice.reading.form.name)
        notes = (choice.note,) if choice.note else ()
        return choice.reading.days, notes, choice.certain

    def _require_dates(self, dates: Distinct, valid: Mask, form: str) -> None:
        import polars as pl

        if not valid.all():
            bad = dates.where(pl.Series(~valid))
            given = ", as --date-format has it" if self.form is not None else ""
            raise self.table.cell_error(self.column, bad, f"is not a date ({form}){given}")

    def _time_column(self, number: int) -> Distinct | None:
        """Return the times of day of a column of their own; None where it is empty."""
        import polars as pl

        cells = self.table.columns[number]
        if cells.dtype.is_float() and not ((cells >= 0) & (cells <= 1)).all():
            cells = cells.cast(pl.Int64, strict=False)
        found = Distinct.of(cells.cast(pl.String))
        texts = time_texts(found.texts)
        if (texts == "").all():
            return None
        return Distinct(texts, found.codes)

    def _joined(
        self, midnight: pl.Series, times: Distinct | None, notes: tuple[str, ...], *, certain: bool
    ) -> Stamps:
        """Return days, as microseconds, with their times."""
        import polars as pl

        if times is None or not len(times.texts):
            wall = midnight.cast(pl.Datetime("us"))
            return Stamps(wall, None, has_times=False, notes=notes, certain=certain)
        found = read_times(times.texts, None if self.form is None else self.form.time)
        empty = times.texts == ""
        bad = found.micros.is_null() & ~empty
        if bad.any():
            column = self.column if self.time_column is None else self.time_column
            why = (
                "is not a time of day: name its form with the date format (--date-format), such as "
                f"{EXAMPLES[-1]!r}"
            )
            raise self.table.cell_error(column, times.where(bad), why)
        return self._with_times(midnight, times.codes, found, notes, certain=certain)

    def _with_times(
        self,
        midnight: pl.Series,
        codes: pl.Series,
        times: ClockTimes,
        notes: tuple[str, ...],
        *,
        certain: bool,
    ) -> Stamps:
        """Return days, as microseconds, with the time and the zone of each row's code."""
        import polars as pl

        wall = (midnight + times.micros.gather(codes).fill_null(0)).cast(pl.Datetime("us"))
        found = Stamps(wall, None, has_times=True, notes=notes, certain=certain)
        words = times.zones.drop_nulls().unique()
        if not len(words):
            return self._in_named_zone(found)
        column = self.column if self.time_column is None else self.time_column
        absent = times.zones.is_null().gather(codes).fill_null(value=True)
        if absent.any():
            why = "has no offset from UTC, as other stamps have"
            raise self.table.cell_error(column, _where(absent), why)
        years = (int(wall.dt.year().min()), int(wall.dt.year().max()))  # type: ignore[arg-type]
        zones: dict[str, Zone] = {}
        for word in words.sort():
            zone = read_zone(word, self._zones, years)
            if isinstance(zone, str):
                rows = (times.zones == word).fill_null(value=False).gather(codes)
                raise self.table.cell_error(column, _where(rows), zone)
            zones[word] = zone
        said = tuple(sorted({zone.note for zone in zones.values() if zone.note}))
        found = dataclasses.replace(found, notes=(*notes, *said))
        names = {zone.name for zone in zones.values()}
        if names == {None}:
            minutes = times.zones.replace_strict(
                {word: zone.minutes for word, zone in zones.items()}, return_dtype=pl.Int64
            )
            shift = (minutes.gather(codes) * 60_000_000).cast(pl.Duration("us"))
            return dataclasses.replace(found, utc=(wall - shift).dt.replace_time_zone("UTC"))
        if len(names) > 1:
            first = zones[times.zones[int(codes[0])]]
            others = [word for word, zone in zones.items() if zone.name != first.name]
            rows = times.zones.is_in(others).gather(codes)
            why = "is in another time zone than the stamps before it: give all in one"
            raise self.table.cell_error(column, _where(rows), why)
        return dataclasses.replace(found, zone=names.pop())

    def _in_named_zone(self, stamps: Stamps) -> Stamps:
        """Return stamps without an offset in the zone that the heading or the vendor says."""
        zone, why = self.table.fields.zone, f"as the heading {self._heading} says"
        vendor = self.table.vendor
        if zone is None and vendor is not None and self.timezone is None:
            zone, why = vendor.zone, f"as those of {vendor.name} are"
        if zone is None or not stamps.has_times:
            return stamps
        note = f"time stamps are in {zone}, {why}"
        return dataclasses.replace(stamps, zone=zone, notes=(*stamps.notes, note))

    @property
    def _zones(self) -> tuple[str, ...]:
        """The zones whose abbreviations are looked up first: the given one, the exchange's."""
        zones = (self.timezone, calendar_timezone(self.calendar))
        return tuple(zone for zone in zones if zone is not None)

    @property
    def _heading(self) -> str:
        return shown(self.table.headings[self.column])


def _of_moments(cells: pl.Series, zone: str | None) -> Stamps:
    """Return the stamps of a column of date-times, with a zone or without."""
    import polars as pl

    if zone is None:
        return Stamps(cells.cast(pl.Datetime("us")), None, has_times=True)
    utc = cells.cast(pl.Datetime("us", zone)).dt.convert_time_zone("UTC")
    wall = cells.dt.replace_time_zone(None).cast(pl.Datetime("us"))
    return Stamps(wall, utc, has_times=True)


def _micros_of(days: Days) -> pl.Series:
    """Return days since 1970-01-01 as microseconds; days of distinct dates, as there are few."""
    import polars as pl

    return pl.Series(days) * 86_400_000_000


def _where(mask: pl.Series) -> list[int]:
    return [int(i) for i in mask.fill_null(value=False).arg_true()]
