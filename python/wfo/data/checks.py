"""Checks of bars: what makes them unusable, and what merely looks wrong."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from wfo.data.calendars import require_calendar
from wfo.data.findings import SHOWN, count_of, listed, some, stamp_text, where
from wfo.data.foreign import polars_frame
from wfo.data.frames import PRICES, conform, time_column
from wfo.data.gaps import find_gaps
from wfo.data.quality import agreement_warnings, split_warnings, wick_warnings
from wfo.data.tables import RowNames
from wfo.data.timeframes import TIMEFRAMES, describe_seconds, is_intraday
from wfo.errors import DataError
from wfo.settings import LEAST_PRICE, MOST_PRICE

if TYPE_CHECKING:
    import polars as pl

#: Fewer bars than this say nothing about their usual distance.
_SPACING_BARS: Final = 10

_BEYOND: Final = (
    f"is outside the prices that backtests compute with, {LEAST_PRICE:g} to {MOST_PRICE:g}; quote"
    " the bars in another unit"
)


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
    frame: Any,
    timeframe: str = "1day",
    *,
    calendar: str = "XNYS",
    rows: RowNames | None = None,
    daily: Any = None,
    spacing: bool = True,
) -> CheckReport:
    """Check bars for errors and oddities.

    Parameters
    ----------
    frame
        A bar frame, of Polars, pandas or PyArrow.
    timeframe
        One of `wfo.data.TIMEFRAMES`.
    calendar
        The exchange calendar whose sessions the bars should cover, a name of
        `wfo.data.calendar_names`; ``none`` leaves the gap check out.
    rows
        What to call the rows in messages; by default ``row 1`` and so on.
    daily
        Daily bars of the same symbol, to compare intraday bars with.
    spacing
        Whether bars must mostly be `timeframe` apart; those of what trades seldom are not.

    Returns
    -------
    CheckReport
        Errors: empty or non-finite cells, prices that are not positive, negative volume, high
        and low that do not include open and close, stamps that repeat or do not ascend, bars
        that are not `timeframe` apart. Warnings: missing sessions or bars, bars outside sessions,
        zero or missing volume, moves that look like an unadjusted split, wicks far beyond what
        surrounds them, sessions in which `daily` says something else.

    Raises
    ------
    DataError
        If the frame is no bar frame, or empty.
    InputError
        If the timeframe or calendar is not known.
    """
    is_intraday(timeframe)
    require_calendar(calendar)
    bars = conform(polars_frame(frame))
    if not bars.height:
        raise DataError("there are no bars to check: the frame has no rows")
    errors = structure_errors(bars, timeframe, rows, spacing=spacing)
    if errors:
        return CheckReport(errors, ())
    warnings = calendar_warnings(bars, timeframe, calendar)
    if daily is not None and is_intraday(timeframe):
        warnings += tuple(
            agreement_warnings(bars, timeframe, polars_frame(daily), calendar=calendar)
        )
    return CheckReport((), warnings)


def structure_errors(
    bars: pl.DataFrame, timeframe: str, rows: RowNames | None = None, *, spacing: bool = True
) -> tuple[str, ...]:
    """Return what is wrong with conforming bars in themselves; see `check_bars`.

    Without `spacing`, bars may be any length of time apart.
    """
    import polars as pl

    rows = rows or RowNames("row", range(1, bars.height + 1))
    stamp = time_column(bars)
    errors: list[str] = []
    expected = "datetime" if is_intraday(timeframe) else "date"
    if stamp != expected:
        return (f"{timeframe} bars need a column {expected!r}, not {stamp!r}",)

    def report(mask: pl.Series, what: str, column: str) -> None:
        bad = where(mask)
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
        outside = ((bars[name] > 0) & (bars[name] < LEAST_PRICE)) | (bars[name] > MOST_PRICE)
        report(bars[name].is_finite() & outside, _BEYOND, name)
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
    bad = where(outside)
    if bad:
        first = bars.row(bad[0], named=True)
        prices = ", ".join(f"{p} {first[p]}" for p in PRICES)
        more = f" (and {len(bad) - 1:,} more bars)" if len(bad) > 1 else ""
        errors.append(
            f"{rows.one(bad[0])}: high and low do not include open and close ({prices}){more}"
        )
    errors += _order_errors(bars[stamp], rows)
    if spacing and not errors:
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
            f"{stamp_text(stamp)} ({rows.many(found)})"
            for stamp, found in repeats.head(SHOWN).iter_rows()
        ]
        count = repeats.height
        stamps_said = "1 time stamp occurs" if count == 1 else f"{count:,} time stamps occur"
        errors.append(f"{stamps_said} more than once: {some(shown, count)}")
    back = where(stamps < stamps.shift(1))
    if back:
        i = back[0]
        errors.append(
            f"{rows.one(i)}: {stamp_text(stamps[i])} follows {stamp_text(stamps[i - 1])} "
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
    warnings = [*find_gaps(bars[time_column(bars)], timeframe, calendar).warnings]
    warnings += _volume_warnings(bars)
    warnings += split_warnings(bars)
    warnings += wick_warnings(bars)
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
                said = count_of(len(found), "bar has", "bars have")
                warnings.append(f"{said} {what}: {listed(found)}")
    if "adj_close" in bars.columns:
        adjusted = bars["adj_close"]
        odd = adjusted.is_null() | adjusted.is_nan() | (adjusted <= 0)
        found = stamps.filter(odd.fill_null(value=True))
        if len(found):
            said = count_of(len(found), "bar has", "bars have")
            warnings.append(f"{said} no positive adjusted close: {listed(found)}")
    return warnings
