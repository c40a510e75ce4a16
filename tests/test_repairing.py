"""Highs and lows that miss open or close: widened by little, refused beyond it."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from wfo.data.importing.repairing import MOST_WIDENED, advice, repair
from wfo.data.row_names import RowNames

ROWS = RowNames("line", range(2, 100))


def bars(*prices: tuple[float, float, float, float]) -> pl.DataFrame:
    days = [dt.date(2024, 1, day) for day in range(1, len(prices) + 1)]
    schema = ["open", "high", "low", "close"]
    frame = pl.DataFrame(prices, schema=schema, orient="row")
    return frame.select(pl.Series("date", days), *schema)


def test_a_high_and_a_low_are_widened_to_the_price_that_they_miss() -> None:
    frame, count, notes = repair(bars((10, 10.4, 9, 10.5), (8.9, 11, 9, 10), (10, 11, 9, 10)), ROWS)
    assert frame["high"].to_list() == [10.5, 11, 11]
    assert frame["low"].to_list() == [9, 8.9, 9]
    assert frame["open"].to_list() == [10, 8.9, 10]
    assert frame["close"].to_list() == [10.5, 10, 10]
    assert count == 2
    (note,) = notes
    assert note.startswith("2 bars were repaired")
    assert "2024-01-01, line 2" in note
    assert "1.12%" in note, "8.9 is 1.12 % below the low of 9"


def test_bars_that_need_nothing_stay_as_they_are() -> None:
    frame = bars((10, 11, 9, 10.5))
    assert repair(frame, ROWS) == (frame, 0, ())


@pytest.mark.parametrize(
    "beyond",
    [
        (10, 10.5, 9, 10.5 * (1 + MOST_WIDENED + 0.001)),
        (9 / (1 + MOST_WIDENED + 0.001), 11, 9, 10),
        (1002, 1.002, 0.998, 1000),  # a thousand that was read as decimals
        (100, 1.01, 0.99, 1.0),  # cents
        (30, 20.2, 19.8, 20),  # a split of 3:2 that one price is not adjusted for
        (10, 9.9, 10.1, 10),  # the columns of high and low in each other's place
    ],
)
def test_a_contradiction_is_never_made_plausible(
    beyond: tuple[float, float, float, float],
) -> None:
    frame = bars((10, 11, 9, 10), beyond, (10, 10.4, 9, 10.5))
    found, count, _ = repair(frame, ROWS)
    assert found.row(1) == frame.row(1)
    assert count == 1, "those within the bound are widened all the same"


def test_closes_that_are_adjusted_beside_highs_and_lows_that_are_not_are_no_rounding() -> None:
    frame = bars(*[(100, 101, 99, 97.5)] * 12, *[(100, 101, 99, 100)] * 8)
    assert repair(frame, ROWS) == (frame, 0, ())
    assert repair(frame.tail(19), ROWS)[1] == 11, "few bars say nothing about most"
    assert repair(frame.tail(18), ROWS)[1] == 10
    # Closes in the place of highs.
    assert repair(bars(*[(100, 100.1, 99.7, 100.4)] * 5), ROWS)[1] == 0


def test_rounding_to_cents_is_within_the_bound() -> None:
    """At 0.20 half a cent is 2.5 %, which is the most that real bars of this size need."""
    frame, count, _ = repair(bars((0.205, 0.20, 0.19, 0.195)), ROWS)
    assert (count, frame["high"].to_list()) == (1, [0.205])


def test_repair_is_advised_where_it_would_do_and_columns_are_doubted_where_most_bars_need_it() -> (
    None
):
    fits, little, far = (10, 11, 9, 10), (10, 11, 9, 11.2), (10, 11, 9, 30)
    assert advice(bars(fits, little, far)).startswith("repair (--repair) widens high and low")
    assert "contradict each other" in advice(bars(fits, far))
    crossed = bars(*[(10, 9, 11, 10)] * 20)
    assert "(--columns)" in advice(crossed)
    assert repair(crossed, ROWS)[1] == 0
