"""Bars a year of markets whose weeks and days have any shape, from their dates alone."""

from __future__ import annotations

import datetime as dt
import random

import pytest

from wfo.metrics import bars_per_year


def days(weekdays: set[int], years: int, closed: int = 0) -> list[dt.date]:
    """Return the trading days of some years, without holidays that are `closed` a year."""
    found = []
    for year in range(2018, 2018 + years):
        first = dt.date(year, 1, 1)
        all_days = [first + dt.timedelta(i) for i in range((dt.date(year + 1, 1, 1) - first).days)]
        kept = [day for day in all_days if day.weekday() in weekdays]
        for day in random.Random(year).sample(kept[5:-5], closed):
            kept.remove(day)
        found += kept
    return found


@pytest.mark.parametrize(
    ("weekdays", "closed", "expected"),
    [
        ({6, 0, 1, 2, 3}, 12, 249),  # Sunday to Thursday
        ({0, 1, 2, 3, 4, 5}, 0, 313),  # Monday to Saturday
        ({5, 6, 0, 1, 2}, 20, 241),  # Saturday to Wednesday, many holidays
        ({0, 1, 2, 3, 4, 6}, 4, 309),  # currencies with a bar on Sunday
        ({0, 1, 2, 3, 4}, 9, 252),
        ({0, 1, 2, 3, 4, 5, 6}, 0, 365),
    ],
)
def test_days_of_any_week(weekdays: set[int], closed: int, expected: float) -> None:
    found = bars_per_year("1day", days(weekdays, 4, closed))
    # Within a hundredth of 252 the convention is meant.
    assert found == pytest.approx(252 if abs(expected / 252 - 1) < 0.01 else expected, rel=0.01)


@pytest.mark.parametrize(("timeframe", "least", "most"), [("5min", 3, 61), ("1hour", 1, 6)])
def test_thin_bars(timeframe: str, least: int, most: int) -> None:
    rng = random.Random(1)
    sessions = days({0, 1, 2, 3, 4}, 2, 9)
    counts = [rng.randint(least, most) for _ in sessions]
    dates = [day for day, count in zip(sessions, counts, strict=True) for _ in range(count)]
    mean = sum(counts) / len(counts)
    assert bars_per_year(timeframe, dates) == pytest.approx(252 * mean, rel=0.01)
