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
from wfo.data.row_names import RowNames
from wfo.data.timeframes import TIMEFRAMES, describe_seconds, is_intraday
from wfo.errors import DataError
from wfo.settings import LEAST_PRICE, MOST_PRICE

if TYPE_CHECKING:
    import polars as pl

#: Rows that are looked at together: few enough for a processor's cache.
_PIECE: Final = 65_536
#: A length that is not the commonest distance must be that of this share of neighbours.
LEAST_SHARE: Final = 0.02

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

    def raise_errors(self, name: str, advice: str = "") -> None:
        """Raise a `DataError` with all errors, if there are any.

        Parameters
        ----------
        name
            What the bars are called in the message.
        advice
            What to add where high and low do not include open and close.
        """
        if not self.errors:
            return
        errors = [f"{e}; {advice}" if advice and "do not include" in e else e for e in self.errors]
        if len(errors) == 1:
            raise DataError(f"{name}: {errors[0]}")
        raise DataError(f"{name} has {len(errors)} kinds of errors: {', and '.join(errors)}")


def check_bars(
    frame: Any,
    timeframe: str = "1day",
    *,
    calendar: str = "XNYS",
    rows: RowNames | None = None,
    daily: Any = None,
    spacing: bool = True,
    splits: bool = True,
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
    splits
        Whether to look for moves that look like an unadjusted split; there are none in prices
        that were multiplied by an adjusted close.

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
    warnings = calendar_warnings(bars, timeframe, calendar, splits=splits)
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

    if _without_errors(bars, stamp, timeframe, spacing=spacing):
        return ()

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


def _without_errors(bars: pl.DataFrame, stamp: str, timeframe: str, *, spacing: bool) -> bool:
    """Tell whether bars are beyond doubt without errors; where not, `structure_errors` looks.

    Most bars are, and this takes a tenth of the time and hardly any memory: it looks at a piece at
    a time and makes no new columns.
    """
    import numpy as np

    if any(bars[name].null_count() for name in (stamp, *PRICES)):
        return False
    # Dates are numbered by days, times by microseconds; lengths of time are in whole seconds.
    second = 1_000_000 if stamp == "datetime" else 1 / 86_400
    step = round(TIMEFRAMES[timeframe] * second)
    within = max(round(second), 1)
    spaced = 0
    for start in range(0, bars.height, _PIECE):
        piece = bars.slice(start, _PIECE)
        open_, high, low, close = (piece[name].to_numpy() for name in PRICES)
        # NaN among the prices is their minimum too, and no comparison with it is true.
        if not (low.min() >= LEAST_PRICE and high.max() <= MOST_PRICE):
            return False
        for price in (open_, close):
            if not ((low <= price) & (price <= high)).all():
                return False
        if "volume" in bars.columns:
            volume = piece["volume"].drop_nulls().to_numpy()
            if len(volume) and not (volume.min() >= 0 and np.isfinite(volume.max())):
                return False
        # With the last one of the piece before it.
        ends = bars[stamp].slice(max(start - 1, 0), _PIECE + (start > 0)).to_physical().to_numpy()
        apart = np.diff(ends)
        if not (apart > 0).all():
            return False
        spaced += int(np.count_nonzero((apart >= step) & (apart < step + within)))
    # What most of them have is the most frequent.
    return not spacing or bars.height < _SPACING_BARS or 2 * spaced > bars.height - 1


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
    steps = stamps.diff().drop_nulls().dt.total_seconds()
    usual = [int(s) for s in steps.mode().sort()]
    if TIMEFRAMES[timeframe] in usual or _are_thin(steps, TIMEFRAMES[timeframe]):
        return []
    name = next((n for n, s in TIMEFRAMES.items() if s == usual[0]), None)
    advice = (
        f"give the timeframe {name} (--timeframe)" if name else f"known are {', '.join(TIMEFRAMES)}"
    )
    distance = describe_seconds(usual[0])
    return [f"most bars are {distance} apart, so they are not {timeframe} bars: {advice}"]


def _are_thin(steps: pl.Series, length: int) -> bool:
    """Tell whether bars are of a length that most of them skip, as minutes without a trade do."""
    within = steps.filter(steps < TIMEFRAMES["1day"])
    multiples = len(within) > 0 and bool((within % length == 0).all())
    return multiples and int((steps == length).sum()) >= LEAST_SHARE * len(steps)


def calendar_warnings(
    bars: pl.DataFrame,
    timeframe: str,
    calendar: str,
    *,
    splits: bool = True,
    unadjusted: pl.Series | None = None,
) -> tuple[str, ...]:
    """Return what looks wrong with bars that have no errors; see `check_bars`.

    Of bars that have just been adjusted, `unadjusted` is what their close was; see
    `wfo.data.quality.split_warnings`.
    """
    warnings = [*find_gaps(bars[time_column(bars)], timeframe, calendar).warnings]
    warnings += _volume_warnings(bars)
    if splits:
        warnings += split_warnings(bars, unadjusted)
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
