"""The order of rows: turned round, sorted with a warning, repeated ones left out."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wfo.data.importing.headings.recognising import recognise
from wfo.data.importing.ordering import in_order
from wfo.data.importing.tables.table import Table
from wfo.data.importing.times.local_times import to_datetimes
from wfo.data.importing.times.stamps import Stamps, parse_stamps
from wfo.data.row_names import RowNames
from wfo.errors import DataError

Rows = Sequence[tuple[str, float | None]]
Found = tuple[list[tuple[str, float | None]], list[int], str, str]


def read(rows: Rows) -> tuple[Table, Stamps, dict[str, pl.Series]]:
    cells = pl.Series([stamp for stamp, _ in rows], dtype=pl.String)
    close = pl.Series([value for _, value in rows], dtype=pl.Float64)
    lines = RowNames("line", range(2, len(rows) + 2))
    headings = ("date", "close")
    columns = {0: cells, 1: close.cast(pl.String)}
    table = Table("B.csv", headings, columns, lines, ",", recognise(headings))
    return table, parse_stamps(table, 0), {"close": close}


def order(rows: Rows, timezone: str | None = None) -> Found:
    table, stamps, columns, notes, warnings = in_order(*read(rows), timezone=timezone)
    found = list(zip(table.columns[0], columns["close"], strict=True))
    assert len(stamps.wall) == len(found)
    return found, [int(n) for n in table.rows.numbers], " ".join(notes), " ".join(warnings)


A, B, C, D = (("2024-01-08", 1.0), ("2024-01-09", 2.0), ("2024-01-10", 3.0), ("2024-01-11", 4.0))


def test_ascending_rows_stay() -> None:
    assert order([A, B, C]) == ([A, B, C], [2, 3, 4], "", "")
    assert order([A]) == ([A], [2], "", "")


def test_descending_rows_are_turned_round_with_a_note() -> None:
    found, lines, notes, warnings = order([C, B, A])
    assert (found, lines) == ([A, B, C], [4, 3, 2])
    assert "from the last bar to the first" in notes
    assert warnings == ""


def test_rows_out_of_order_are_sorted_with_a_warning() -> None:
    found, lines, notes, warnings = order([A, C, B, D])
    assert (found, lines, notes) == ([A, B, C, D], [2, 4, 3, 5], "")
    assert warnings.startswith("1 row follows a later one (line 4)")


def test_a_row_out_of_order_among_descending_ones() -> None:
    found, _, notes, warnings = order([D, B, C, A])
    assert found == [A, B, C, D]
    assert "the order was reversed" in notes
    assert "1 row follows a later one (line 3)" in warnings


def test_repeated_rows_are_left_out_with_a_warning() -> None:
    found, lines, _, warnings = order([A, B, B, A, C])
    assert (found, lines) == ([A, B, C], [2, 3, 6])
    assert warnings.startswith("2 rows repeat others (lines 4, 5)")
    empty = ("2024-01-12", None)
    assert order([A, empty, empty])[:2] == ([A, empty], [2, 3])


def test_a_file_appended_to_itself() -> None:
    assert order([A, B, C, A, B, C])[0] == [A, B, C]
    assert order([C, B, A, C, B, A])[0] == [A, B, C]


def test_other_values_at_the_same_stamp_stay_side_by_side() -> None:
    other = (B[0], 2.5)
    found, lines, _, warnings = order([A, B, C, other])
    assert (found, lines) == ([A, B, other, C], [2, 3, 5, 4])
    assert "line 5" in warnings
    assert order([A, B, other, C]) == ([A, B, other, C], [2, 3, 4, 5], "", "")


def test_rows_are_sorted_only_where_dates_are_certain() -> None:
    rows = [("01/02/2024", 1.0), ("04/05/2024", 2.0), ("03/04/2024", 3.0)]
    with pytest.raises(DataError, match=r"B\.csv, line 4: 2024-03-04 follows .*--date-format"):
        order(rows)
    # A repeated row is one in either order.
    assert order([rows[0], rows[0], rows[1]])[0] == rows[:2]


# Hours that clocks repeat


def hour(*clock_times: str, value: float = 1.0) -> list[tuple[str, float | None]]:
    return [(f"2024-11-03 {clock}", value) for clock in clock_times]


NEW_YORK = "America/New_York"
TWICE = hour("00:30", "01:00", "01:30", "01:00", "01:30", "02:00")


def utc_of(rows: Rows) -> list[str]:
    table, stamps, _, _, _ = in_order(*read(rows), timezone=NEW_YORK)
    times, _ = to_datetimes(table, stamps, NEW_YORK)
    return times.dt.convert_time_zone("UTC").dt.strftime("%H:%M").to_list()


UTC = ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"]


@pytest.mark.parametrize("rows", [TWICE, TWICE[::-1]])
def test_both_passes_through_a_repeated_hour_stay(rows: Rows) -> None:
    found = order(rows, NEW_YORK)
    assert (found[0], found[3]) == (TWICE, "")
    assert utc_of(rows) == UTC


def test_a_repeated_hour_stays_right_while_other_rows_are_sorted() -> None:
    later = hour("03:00", "03:30")
    rows = [*later, *TWICE]
    assert order(rows, NEW_YORK)[0] == [*TWICE, *later]
    assert utc_of(rows) == [*UTC, "08:00", "08:30"]


def test_a_repeated_hour_that_is_mixed_up_is_an_error() -> None:
    rows = hour("02:00", "01:30", "01:00", "01:30", "01:00", "00:30", "03:00", "03:30", "04:00")
    with pytest.raises(DataError, match=r"B\.csv, line .*in an hour that clocks repeat"):
        order(rows, NEW_YORK)


def test_without_the_zone_there_are_no_repeated_hours() -> None:
    assert "repeat others" in order(TWICE)[3]
    offset = [(f"{stamp}-05:00", value) for stamp, value in TWICE]
    assert "repeat others" in order(offset, NEW_YORK)[3]


@given(
    rows=st.lists(st.integers(0, 40), min_size=1, max_size=20),
    values=st.lists(st.sampled_from([1.0, 2.0]), min_size=20, max_size=20),
)
@settings(max_examples=20, deadline=None)
def test_nothing_is_lost_and_all_is_in_order(rows: list[int], values: list[float]) -> None:
    begin = dt.date(2024, 1, 1)
    cells = [
        (str(begin + dt.timedelta(day)), value) for day, value in zip(rows, values, strict=False)
    ]
    found = order(cells)[0]
    assert [stamp for stamp, _ in found] == sorted(stamp for stamp, _ in found)
    assert sorted(found) == sorted(set(cells))


def test_indices_are_taken_of_stamps_with_an_offset() -> None:
    table, stamps, columns = read([("2024-01-09T00:00Z", 2.0), ("2024-01-08T00:00Z", 1.0)])
    for case in (stamps, dataclasses.replace(stamps, utc=None)):
        _, found, _, _, _ = in_order(table, case, columns)
        assert found.wall.dt.day().to_list() == [8, 9]
        assert found.utc is None or found.utc.dt.day().to_list() == [8, 9]


@pytest.mark.parametrize(
    ("clock_times", "said"),
    [
        (("12:30", "01:00"), "line 3: 01:00 follows 12:30 .* without AM or PM"),
        (("18:00", "00:00", "16:00"), "line 3: 00:00 follows 18:00 .* trading days"),
    ],
)
def test_times_that_go_back_day_after_day_are_not_sorted(
    clock_times: Sequence[str], said: str
) -> None:
    rows = [(f"{day} {clock}", None) for day, _ in (A, B, C) for clock in clock_times]
    with pytest.raises(DataError, match=said):
        order(rows)


def test_times_that_go_back_once_are_sorted() -> None:
    rows = [("2024-01-08 18:00", 1.0), ("2024-01-08 00:00", 2.0), ("2024-01-09 18:00", 3.0)]
    found, _, _, warnings = order(rows)
    assert found == [rows[1], rows[0], rows[2]]
    assert "sorted" in warnings
