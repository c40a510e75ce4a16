"""Times of day in the notations that files use, to microseconds since midnight."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from wfo.data.importing.times.words import without_blanks

if TYPE_CHECKING:
    import polars as pl

_DAY: Final = 86_400_000_000

#: Before and after noon, where they stand in front of a time.
MORNING: Final = ("上午", "午前", "오전")
AFTERNOON: Final = ("下午", "午後", "오후")

#: What a time begins with.
BEGINS: Final = rf"(?:(?:{'|'.join((*MORNING, *AFTERNOON))}) ?)?[0-9]"

_SECONDS: Final = r"(?:[:.](?<second>[0-5][0-9])(?:[.,:](?<fraction>[0-9]{1,9}))?)?"
_BEHIND: Final = r"(?: ?(?<zone>[\[(+\-\u2212Zz].*|[A-Za-z]{2,}.*))?"
_HOUR_TO_SECOND: Final = rf"(?<hour>[0-9]{{1,2}})(?:[:.](?<minute>[0-5][0-9]){_SECONDS})?"
_HALF: Final = (
    r"(?<half>[AaPp]\.? ?[Mm]\.?)"
    r"(?: ?(?<zone>[\[(+\-\u2212Zz].*|UTC.*|GMT.*)| (?<named>[A-Za-z].*))?"
)
_SIGN: Final = rf"(?<half>{'|'.join((*MORNING, *AFTERNOON))}) ?"
_HHMM: Final = r"(?<hour>[0-9]{2})(?<minute>[0-5][0-9])"
_SS: Final = r"(?:(?<second>[0-5][0-9])(?:[.,]?(?<fraction>[0-9]{1,9}))?)?"

#: The forms of a time, by regular expressions of its parts; the first that fits a text reads it.
_FORMS: Final = (
    # Twelve hours: 9:30 AM, 09:30:00 p.m., 11-PM, 9AM, with a zone behind it; 9:30p; 下午 3:30.
    rf"^{_HOUR_TO_SECOND}[ -]?{_HALF}$",
    rf"^{_HOUR_TO_SECOND}(?<half>[AaPp])$",
    rf"^{_SIGN}(?<hour>[0-9]{{1,2}})[:.](?<minute>[0-5][0-9]){_SECONDS}$",
    # Twenty-four hours: 9:30, 09:30:00.123, 16h30, 09.30.00.
    rf"^(?<hour>[0-9]{{1,2}})[:.hH](?<minute>[0-5][0-9]){_SECONDS}{_BEHIND}$",
    # Digits alone: 0930, 093000, 093000123.
    rf"^{_HHMM}{_SS}{_BEHIND}$",
)

#: Numbers up to this alone may be the first minutes of a day.
_FEW_MINUTES: Final = 4

PARTS: Final = ("hour", "minute", "second", "fraction", "half", "zone", "named")


@dataclasses.dataclass(frozen=True)
class ClockTimes:
    """Times of day.

    Attributes
    ----------
    micros
        ``pl.Int64``: microseconds since midnight, a day for 24:00; null where a text is no time.
    zones
        ``pl.String``: what stands behind a time and says its zone, null where nothing does.
    """

    micros: pl.Series
    zones: pl.Series


def read_times(texts: pl.Series, pattern: str | None = None) -> ClockTimes:
    """Read times of day.

    Parameters
    ----------
    texts
        Distinct texts.
    pattern
        A regular expression with groups of `PARTS`, which is tried first.
    """
    import polars as pl

    micros = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(texts))
    zones = pl.Series([None], dtype=pl.String).new_from_index(0, len(texts))
    texts = without_blanks(texts)
    for form in _FORMS if pattern is None else (f"^{pattern}$", *_FORMS):
        rest = micros.is_null().arg_true()
        if not len(rest):
            break
        parts = texts.gather(rest).str.extract_groups(form).struct.unnest()
        found = read_parts(parts)
        micros = micros.scatter(rest, found.micros)
        zones = zones.scatter(rest, found.zones)
    return ClockTimes(micros, zones)


def read_parts(parts: pl.DataFrame) -> ClockTimes:
    """Return times from their `PARTS`, as texts."""
    import polars as pl

    absent = [pl.lit(None, pl.String).alias(p) for p in PARTS if p not in parts.columns]
    whole = parts.with_columns(absent).with_columns(
        pl.col("hour", "minute", "second").cast(pl.Int64),
        pl.col("fraction").str.pad_end(6, "0").str.head(6).cast(pl.Int64).fill_null(0),
        pl.col("half").str.head(2).str.to_lowercase(),
        zone=pl.coalesce("zone", "named"),
    )
    minute, second, fraction = (pl.col(p).fill_null(0) for p in ("minute", "second", "fraction"))
    hour, half = pl.col("hour"), pl.col("half")
    late = half.str.starts_with("p") | half.is_in(AFTERNOON)
    # There is a 0:30 AM, in files that mean half past midnight, but no 0:30 PM.
    least = pl.when(late).then(1).otherwise(0)
    most = pl.when(half.is_not_null()).then(12).when(minute + second + fraction == 0).then(24)
    hours = (
        pl.when(half.is_null())
        .then(hour)
        .otherwise(hour % 12 + pl.when(late).then(12).otherwise(0))
    )
    # 13:30 PM is no half past one in a zone of that name.
    mistaken = half.is_null() & pl.col("zone").str.contains(r"^[AaPp]\.? ?[Mm]\.?$")
    within = hour.is_between(least, most.otherwise(23)) & ~mistaken.fill_null(value=False)
    found = whole.select(
        micros=pl.when(within).then((hours * 3_600 + minute * 60 + second) * 1_000_000 + fraction),
        zone=pl.when(within).then(pl.col("zone")),
    )
    return ClockTimes(found["micros"], found["zone"])


def time_texts(cells: pl.Series) -> pl.Series:
    """Return the distinct cells of a column of times as texts that `read_times` reads.

    Digits alone have lost zeros in front, so that the widest cell tells HHMM from HHMMSS; where
    none is above 23, they are hours, as no file ends before half an hour of a day has gone;
    fractions of a day, as spreadsheets count them, become times to the second. Cells that hold
    nothing are empty.
    """
    import polars as pl

    texts = without_blanks(cells).str.strip_prefix("0 days ")
    said = texts.filter(texts != "")
    if not len(said):
        return texts
    if (
        said.str.contains(r"^(?:[01](?:[.,]0*)?|0?[.,][0-9]+)$").all()
        and said.str.contains("[.,]").any()
    ):
        numbers = texts.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        nanos = (numbers * 86_400).round().cast(pl.Int64) * 1_000_000_000
        return nanos.cast(pl.Time, strict=False).cast(pl.String).fill_null("")
    if not said.str.contains(r"^[0-9]{1,9}$").all():
        return texts
    widest = int(said.str.len_chars().max())  # type: ignore[arg-type]
    if widest <= 2 and _FEW_MINUTES < int(said.cast(pl.Int64).max()) < 24:  # type: ignore[arg-type]
        return pl.select(
            pl.when(texts == "").then(texts).otherwise(texts.str.zfill(2) + "00")
        ).to_series()
    width = next(w for w in (4, 6, 9) if widest <= w)
    return pl.select(pl.when(texts == "").then(texts).otherwise(texts.str.zfill(width))).to_series()
