"""The order of a file's rows: from the last to the first, mixed up, or with rows repeated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from wfo.data.importing.tables.table import Table
from wfo.data.importing.times.local_times import repeated_hours
from wfo.data.importing.times.stamps import Stamps
from wfo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    Columns = dict[str, pl.Series]
    Times = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]

#: Microseconds between stamps of two hours that clocks repeat, at least.
_APART: Final = 12 * 3_600_000_000
#: Microseconds by which times go back at midnight, at least, where the date is a trading day's.
_OVERNIGHT: Final = 6 * 3_600_000_000


def in_order(
    table: Table,
    stamps: Stamps,
    columns: Mapping[str, pl.Series],
    *,
    timezone: str | None = None,
) -> tuple[Table, Stamps, Columns, tuple[str, ...], tuple[str, ...]]:
    """Return the rows of a file in ascending order.

    Parameters
    ----------
    table
        The cells.
    stamps
        The stamp of each row.
    columns
        What was read of each row besides, float64.
    timezone
        IANA name of the zone in which stamps without an offset are times, for the hours that its
        clocks repeat; None where there is none.

    Returns
    -------
    table, stamps, columns, notes, warnings
        The same in ascending order: a file that runs from the last bar to the first is turned
        round, with a note; rows that repeat another one in their stamp and all columns are left
        out, and rows that are out of order are sorted, each with a warning that names lines.
        Rows of one stamp and other values stay, one behind the other.

    Raises
    ------
    DataError
        If rows are out of order and the order of day and month is a guess, or times go back in a
        way that sorting would hide: on a clock of twelve hours, or by dates of trading days.
    """
    found = _Rows(table, stamps, dict(columns))
    notes: tuple[str, ...] = ()
    if _descends(stamps):
        found = found.reversed()
        notes = ("the file runs from the last bar to the first; the order was reversed",)
    times = _times(found.stamps)
    if bool((times[1:] > times[:-1]).all()):
        return found.table, found.stamps, found.columns, notes, ()

    warnings: list[str] = []
    twice = repeated_hours(found.stamps, timezone).to_numpy()
    again = _again(times, found.columns) & ~twice
    if again.any():
        said = _rows(found.table, again, "row repeats another", "rows repeat others")
        warnings.append(f"{said}, in the time stamp and all values that are read: left out")
        found, times, twice = found.take(~again), times[~again], twice[~again]
    key = _keys(times, twice)
    back = _earlier(key)
    if not back.any():
        return found.table, found.stamps, found.columns, notes, tuple(warnings)
    if not stamps.certain:
        raise _guessed(found, back)
    _require_whole_days(found, back)
    import numpy as np

    said = _rows(found.table, back, "row follows a later one", "rows follow later ones")
    warnings.append(f"{said}: the rows were sorted by their time stamps")
    order = np.argsort(key, kind="stable")
    found, twice = found.take(order), twice[order]
    _require_passes(found, key[order], twice)
    return found.table, found.stamps, found.columns, notes, tuple(warnings)


@dataclasses.dataclass(frozen=True)
class _Rows:
    """The rows of a file, with what was read of them."""

    table: Table
    stamps: Stamps
    columns: Columns

    def reversed(self) -> _Rows:
        """Return them in the opposite order."""
        columns = {name: cells.reverse() for name, cells in self.columns.items()}
        return _Rows(self.table.reversed(), self.stamps.reversed(), columns)

    def take(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> _Rows:
        """Return those of a mask, or those of indices in their order."""
        import numpy as np
        import polars as pl

        indices = pl.Series(np.flatnonzero(rows) if rows.dtype == np.bool_ else rows)
        columns = {name: cells.gather(indices) for name, cells in self.columns.items()}
        return _Rows(self.table.take(indices), self.stamps.take(indices), columns)


def _times(stamps: Stamps) -> Times:
    times: Times = (stamps.wall if stamps.utc is None else stamps.utc).to_physical().to_numpy()
    return times


def _descends(stamps: Stamps) -> bool:
    """Tell whether a file runs from its last bar to its first, most rows at least."""
    times = _times(stamps)
    later = times[1:] > times[:-1]
    earlier = times[1:] < times[:-1]
    return len(times) > 1 and bool(times[0] > times[-1]) and earlier.sum() > later.sum()


def _again(times: Times, columns: Columns) -> Mask:
    """Return where a row is the same as one before it."""
    import polars as pl

    frame = pl.DataFrame({"row": pl.int_range(len(times), eager=True), "time": times, **columns})
    # A struct of all rows takes memory, and few stamps occur twice.
    frame = frame.filter(pl.col("time").is_duplicated())
    first = frame.unique(subset=["time", *columns], keep="first")["row"]
    mask = pl.Series([False]).new_from_index(0, len(times))
    rows = frame["row"].filter(~frame["row"].is_in(first.implode()))
    found: Mask = mask.scatter(rows, values=True).to_numpy() if len(rows) else mask.to_numpy()
    return found


def _keys(times: Times, twice: Mask) -> Times:
    """Return what orders the rows: the stamps, but one key for each hour that clocks repeat.

    Within such an hour written times ascend twice, and only the order of rows tells which pass a
    row belongs to.
    """
    import numpy as np

    if not twice.any():
        return times
    # Hours that are repeated are months apart; a few hours hold one of them.
    found = np.unique(times[twice])
    begins = found[np.concatenate([[True], np.diff(found) > _APART])]
    keys = times.copy()
    keys[twice] = begins[np.searchsorted(begins, times[twice], side="right") - 1]
    return keys


def _earlier(times: Times) -> Mask:
    """Return where a row is earlier than the one before it."""
    import numpy as np

    return np.concatenate([[False], times[1:] < times[:-1]])


def _require_passes(rows: _Rows, keys: Times, twice: Mask) -> None:
    """Raise if the rows of an hour that clocks repeat are not two passes through it."""
    times = _times(rows.stamps)
    again = twice & _earlier(times)
    again[1:] |= twice[1:] & (times[1:] == times[:-1])
    again[1:] &= keys[1:] == keys[:-1]
    seen: set[int] = set()
    for i in again.nonzero()[0].tolist():
        if int(keys[i]) in seen:
            raise DataError(
                f"{rows.table.name}, {rows.table.rows.one(i)}: {rows.stamps.wall[i]} lies in "
                "an hour that clocks repeat, and the rows of this hour are out of order, so that "
                "none can tell which pass it belongs to: sort the file, or write offsets from UTC"
            )
        seen.add(int(keys[i]))


def _require_whole_days(rows: _Rows, back: Mask) -> None:
    """Raise if times go back within days, day after day: then stamps are not what they say."""
    import numpy as np

    if rows.stamps.utc is not None or not rows.stamps.has_times:
        return
    wall, names = rows.stamps.wall, rows.table.rows
    days, hours = (part.to_physical().to_numpy() for part in (wall.dt.date(), wall.dt.hour()))
    later = np.flatnonzero(back)
    earlier = later - 1
    if (days[later] != days[earlier]).any():
        return
    i = int(later[0])
    where = f"{rows.table.name}, {names.one(i)}: {wall[i]:%H:%M} follows {wall[i - 1]:%H:%M}"
    if ((hours >= 1) & (hours <= 12)).all() and (hours[earlier] == 12).all():
        raise DataError(
            f"{where} on one day, and no time is above 12: the hours seem to be those of a clock "
            "of twelve without AM or PM; write which it is, or hours from 0 to 23"
        )
    times = _times(rows.stamps)
    often = len(np.unique(days[later])) > max(1, len(np.unique(days)) / 2)
    if often and (times[earlier] - times[later] >= _OVERNIGHT).all():
        raise DataError(
            f"{where} on one day, as on most days: the dates seem to be those of trading days, "
            "which begin in the evening before; write the date of each time"
        )


def _guessed(rows: _Rows, back: Mask) -> DataError:
    i = int(back.argmax())
    wall, names = rows.stamps.wall, rows.table.rows
    return DataError(
        f"{rows.table.name}, {names.one(i)}: {wall[i]:%Y-%m-%d} follows {wall[i - 1]:%Y-%m-%d} "
        f"({names.one(i - 1)}), and rows are sorted only where the order of day and month is "
        "beyond doubt: give the date format (--date-format), such as DD/MM/YYYY or MM/DD/YYYY"
    )


def _rows(table: Table, mask: Mask, one: str, many: str) -> str:
    found = mask.nonzero()[0]
    if len(found) == 1:
        return f"1 {one} ({table.rows.one(int(found[0]))})"
    return f"{len(found):,} {many} ({table.rows.many(int(i) for i in found)})"
