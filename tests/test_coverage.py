"""Coverage against a plain model: what is said of each date, in a dictionary."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wfo.data.coverage import (
    LONGEST_EMPTY,
    SHORTEST_EMPTY,
    Answered,
    Coverage,
    DateInterval,
    Empty,
    empty_until,
)
from wfo.errors import DataError, InputError

DAY = dt.timedelta(days=1)
START = dt.date(2026, 1, 1)
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def day(k: int) -> dt.date:
    return START + k * DAY


def span(first: int, last: int) -> DateInterval:
    return DateInterval(day(first), day(last))


def dates(interval: DateInterval) -> list[dt.date]:
    return [interval.first + k * DAY for k in range(interval.days)]


def grouped(days: set[dt.date]) -> tuple[DateInterval, ...]:
    """Runs of consecutive dates."""
    found: list[list[dt.date]] = []
    for each in sorted(days):
        if found and found[-1][-1] + DAY == each:
            found[-1].append(each)
        else:
            found.append([each])
    return tuple(DateInterval(run[0], run[-1]) for run in found)


SPANS = st.tuples(st.integers(0, 70), st.integers(0, 25)).map(lambda p: span(p[0], p[0] + p[1]))


@st.composite
def answers(draw: Any) -> dict[str, Any]:
    interval = draw(SPANS)
    empty = draw(st.sets(st.sampled_from(dates(interval))))
    return {
        "interval": interval,
        "source": draw(st.sampled_from(["alpaca", "alpaca", "files"])),
        "asked_at": NOW + draw(st.integers(0, 40)) * DAY / 2,
        "empty": [DateInterval(d, d) for d in empty] if draw(st.booleans()) else grouped(empty),
    }


class Model:
    """What is known of each date."""

    def __init__(self) -> None:
        self.answered: dict[dt.date, tuple[str, dt.datetime]] = {}
        self.empty: dict[dt.date, tuple[dt.datetime, dt.datetime]] = {}

    def answer(
        self, interval: DateInterval, source: str, asked_at: dt.datetime, empty: Any
    ) -> None:
        for each in dates(interval):
            self.answered[each] = (source, asked_at)
            self.empty.pop(each, None)
        for each in itertools.chain.from_iterable(map(dates, empty)):
            past = asked_at - dt.datetime(each.year, each.month, each.day, tzinfo=dt.UTC) - DAY
            lasts = min(max(past, dt.timedelta(hours=1)), dt.timedelta(days=30))
            self.empty[each] = (asked_at, asked_at + lasts)
        for name in {name for name, _ in self.answered.values()}:
            for run in grouped({d for d, (n, _) in self.answered.items() if n == name}):
                latest = max(self.answered[d][1] for d in dates(run))
                self.answered |= dict.fromkeys(dates(run), (name, latest))

    def missing(self, wanted: DateInterval, now: dt.datetime) -> tuple[DateInterval, ...]:
        expired = {d for d, (_, until) in self.empty.items() if until <= now}
        return grouped({d for d in dates(wanted) if d not in self.answered or d in expired})


@given(st.lists(answers(), max_size=8), SPANS, st.integers(0, 60))
def test_coverage_is_what_its_model_is(
    given_answers: list[dict[str, Any]], wanted: DateInterval, later: int
) -> None:
    coverage, model = Coverage(), Model()
    for each in given_answers:
        coverage = coverage.answer(**each)
        model.answer(**each)
    said = {d: (a.source, a.asked_at) for a in coverage.answered for d in dates(a.interval)}
    assert said == model.answered
    empty = {d: (e.asked_at, e.expires_at) for e in coverage.empty for d in dates(e.interval)}
    assert empty == model.empty
    # Each date is in one interval, and no two intervals could be one.
    assert sum(a.interval.days for a in coverage.answered) == len(said)
    assert sum(e.interval.days for e in coverage.empty) == len(empty)
    for one, two in itertools.pairwise(coverage.answered):
        assert one.interval.last < two.interval.first
        assert one.interval.last + DAY < two.interval.first or one.source != two.source
    for first, second in itertools.pairwise(coverage.empty):
        assert first.interval.last < second.interval.first
        neighbours = first.interval.last + DAY == second.interval.first
        times = [(e.asked_at, e.expires_at) for e in (first, second)]
        assert not neighbours or times[0] != times[1]
    # At and after all times of asking.
    now = NOW + (20 + later) * DAY
    assert coverage.missing(wanted, now) == model.missing(wanted, now)
    known = sorted(model.answered)
    assert coverage.span == (DateInterval(known[0], known[-1]) if known else None)
    assert Coverage.from_json(json.loads(json.dumps(coverage.to_json()))) == coverage


@given(st.lists(SPANS, min_size=1, max_size=6), st.sets(st.integers(0, 95)), st.randoms())
def test_the_order_of_answers_does_not_matter(
    spans: list[DateInterval], hollow: set[int], chance: Any
) -> None:
    def all_of(order: list[DateInterval]) -> Coverage:
        coverage = Coverage()
        for each in order:
            empty = [DateInterval(day(k), day(k)) for k in hollow if day(k) in dates(each)]
            coverage = coverage.answer(each, source="alpaca", asked_at=NOW, empty=empty)
        return coverage

    shuffled = list(spans)
    chance.shuffle(shuffled)
    assert all_of(shuffled) == all_of(spans)


@given(st.lists(SPANS, max_size=6), SPANS)
def test_what_is_answered_is_not_missing(spans: list[DateInterval], wanted: DateInterval) -> None:
    coverage = Coverage()
    for each in spans:
        coverage = coverage.answer(each, source="alpaca", asked_at=NOW)
    asked = 0
    for each in coverage.missing(wanted, NOW):
        coverage = coverage.answer(each, source="alpaca", asked_at=NOW)
        asked += each.days
    assert coverage.missing(wanted, NOW + 1000 * DAY) == ()
    known = set(itertools.chain.from_iterable(map(dates, spans)))
    assert asked == len(set(dates(wanted)) - known)


@pytest.mark.parametrize(
    ("last", "asked", "lasts"),
    [
        # The date has not ended, or just has: bars may come any time.
        ("2026-03-01", "2026-03-01T12:00", dt.timedelta(hours=1)),
        ("2026-03-05", "2026-03-01T12:00", dt.timedelta(hours=1)),
        ("2026-02-28", "2026-03-01T00:30", dt.timedelta(hours=1)),
        ("2026-02-28", "2026-03-01T12:00", dt.timedelta(hours=12)),
        ("2026-02-20", "2026-03-01T12:00", dt.timedelta(days=8, hours=12)),
        ("2026-01-29", "2026-03-01T00:00", dt.timedelta(days=30)),
        ("1990-01-02", "2026-03-01T12:00", dt.timedelta(days=30)),
    ],
)
def test_how_long_an_emptiness_lasts(last: str, asked: str, lasts: dt.timedelta) -> None:
    at = dt.datetime.fromisoformat(asked).replace(tzinfo=dt.UTC)
    date = dt.date.fromisoformat(last)
    assert empty_until(date, at) == at + lasts
    coverage = Coverage().answer(
        DateInterval(date, date), source="files", asked_at=at, empty=[DateInterval(date, date)]
    )
    wanted = DateInterval(date, date)
    assert coverage.missing(wanted, at + lasts - dt.timedelta(seconds=1)) == ()
    assert coverage.missing(wanted, at + lasts) == (wanted,)


def test_an_emptiness_of_years_is_one_interval() -> None:
    decades = DateInterval(dt.date(1990, 1, 1), dt.date(2026, 2, 28))
    coverage = Coverage().answer(decades, source="files", asked_at=NOW, empty=[decades])
    assert coverage.empty[0].interval == DateInterval(dt.date(1990, 1, 1), dt.date(2026, 1, 29))
    assert len(coverage.empty) <= 31
    future = DateInterval(dt.date(2026, 3, 1), dt.date(2190, 1, 1))
    one = Coverage().answer(future, source="files", asked_at=NOW, empty=[future])
    assert one.empty == (Empty(future, NOW, NOW + SHORTEST_EMPTY),)


def test_an_emptiness_said_by_a_clock_that_was_ahead_is_not_believed() -> None:
    ahead = NOW + 3 * DAY
    coverage = Coverage().answer(span(0, 3), source="files", asked_at=ahead, empty=[span(1, 2)])
    assert coverage.missing(span(0, 3), NOW) == (span(1, 2),)
    # Clocks of two machines may differ a little.
    assert coverage.missing(span(0, 3), ahead - dt.timedelta(minutes=10)) == ()


def test_an_answer_replaces_what_was_known_of_its_dates() -> None:
    first = Coverage().answer(span(0, 9), source="files", asked_at=NOW, empty=[span(2, 6)])
    later = NOW + DAY
    second = first.answer(span(4, 5), source="alpaca", asked_at=later)
    assert second.answered == (
        Answered(span(0, 3), "files", NOW),
        Answered(span(4, 5), "alpaca", later),
        Answered(span(6, 9), "files", NOW),
    )
    until = NOW + LONGEST_EMPTY
    assert second.empty == (Empty(span(2, 3), NOW, until), Empty(span(6, 6), NOW, until))
    assert first.answered == (Answered(span(0, 9), "files", NOW),), "values do not change"
    third = second.answer(span(4, 5), source="files", asked_at=later)
    assert third.answered == (Answered(span(0, 9), "files", later),)


def test_a_line_at_a_prompt_shows_it_whatever_its_length() -> None:
    asked = dt.datetime(2024, 6, 5, 12, tzinfo=dt.UTC)
    found = Coverage()
    assert repr(found) == "Coverage(nothing)"
    found = found.answer(
        DateInterval(dt.date(2024, 5, 1), dt.date(2024, 6, 4)),
        source="desk",
        asked_at=asked,
        empty=[DateInterval(dt.date(2024, 5, 6), dt.date(2024, 5, 20))],
    )
    assert repr(found) == (
        "Coverage(2024-05-01 to 2024-06-04 by 'desk', 15 of these days without a bar)"
    )
    for year in range(2000, 2020):
        one = DateInterval(dt.date(year, 1, 1), dt.date(year, 1, 1))
        found = found.answer(one, source="desk", asked_at=asked)
    assert repr(found) == (
        "Coverage(2000-01-01 by 'desk', 2001-01-01 by 'desk', 2002-01-01 by 'desk', 2003-01-01 by"
        " 'desk', 17 more, 15 of these days without a bar)"
    )


def test_times_are_kept_in_utc() -> None:
    zone = dt.timezone(dt.timedelta(hours=-5))
    coverage = Coverage().answer(span(0, 0), source="files", asked_at=NOW.astimezone(zone))
    assert coverage.answered[0].asked_at.tzinfo is dt.UTC
    assert coverage.to_json()["answered"] == [
        ["2026-01-01", "2026-01-01", "files", "2026-03-01T12:00:00Z"]
    ]


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda: DateInterval(day(1), day(0)), "end before they begin"),
        (lambda: DateInterval(NOW, NOW), "first must be a date"),
        (lambda: DateInterval(day(1), None), "last must be a date"),  # type: ignore[arg-type]
        (lambda: DateInterval(dt.date.min, day(0)), "1700-01-01 to 2199-12-31"),
        (lambda: Answered(span(0, 1), "", NOW), "a name of 1 to 255"),
        (lambda: Answered(span(0, 1), "x", NOW.replace(tzinfo=None)), "zone-aware"),
        (lambda: Empty(span(0, 1), NOW, NOW), "cannot last until"),
        (lambda: Empty(span(0, 1), NOW, NOW + 31 * DAY), "cannot last until"),
        (
            lambda: Coverage((Answered(span(3, 4), "x", NOW), Answered(span(0, 1), "x", NOW))),
            "must ascend",
        ),
        (lambda: Coverage((), (Empty(span(0, 1), NOW, NOW + DAY),)), "was not answered"),
        (
            lambda: Coverage().answer(span(2, 3), source="x", asked_at=NOW, empty=[span(1, 2)]),
            "cannot be empty in an answer",
        ),
        (lambda: Coverage().missing(span(0, 1), NOW.replace(tzinfo=None)), "zone-aware"),
    ],
)
def test_what_cannot_be(make: Any, part: str) -> None:
    with pytest.raises(InputError, match=part):
        make()


GOOD = {
    "answered": [
        ["2026-01-01", "2026-01-05", "files", "2026-03-01T12:00:00Z"],
        ["2026-01-09", "2026-01-12", "files", "2026-03-01T12:00:00Z"],
    ],
    "empty": [["2026-01-10", "2026-01-11", "2026-03-01T12:00:00Z", "2026-03-20T12:00:00Z"]],
}


def test_a_good_one_is_read() -> None:
    coverage = Coverage.from_json(GOOD)
    assert coverage.span == span(0, 11)
    assert coverage.to_json() == GOOD


@pytest.mark.parametrize(
    ("key", "row"),
    [
        ("answered", ["2026-01-05", "2026-01-01", "files", "2026-03-01T12:00:00Z"]),
        ("answered", ["2026-01-04", "2026-01-06", "files", "2026-03-01T12:00:00Z"]),
        ("answered", ["2026-13-04", "2026-01-06", "files", "2026-03-01T12:00:00Z"]),
        ("answered", ["0001-01-01", "9999-12-31", "files", "2026-03-01T12:00:00Z"]),
        ("answered", ["2026-02-01", "2026-02-01", "files", "2026-03-01T12:00:00"]),
        ("answered", ["2026-02-01", "2026-02-01", "files", "9999-12-31T23:59:59-23:59"]),
        ("answered", ["2026-02-01", "2026-02-01", "files", "0001-01-01T00:00:00+23:59"]),
        ("answered", ["2026-02-01", "2026-02-01", "x" * 256, "2026-03-01T12:00:00Z"]),
        ("answered", ["x" * 1_000_000, "2026-02-01", "files", "2026-03-01T12:00:00Z"]),
        ("answered", ["2026-02-01", "2026-02-01", "", "2026-03-01T12:00:00Z"]),
        ("answered", ["2026-02-01", "2026-02-01", 7, "2026-03-01T12:00:00Z"]),
        ("answered", ["2026-02-01", "2026-02-01", "files"]),
        ("answered", ["2026-02-01", "2026-02-01", "files", None]),
        ("answered", {"first": "2026-02-01"}),
        ("answered", None),
        ("answered", 1e400),
        ("empty", ["2026-01-20", "2026-01-20", "2026-03-01T12:00:00Z", "2026-03-20T12:00:00Z"]),
        ("empty", ["2026-01-12", "2026-01-12", "2026-03-01T12:00:00Z", "2027-03-20T12:00:00Z"]),
        ("empty", ["2026-01-12", "2026-01-12", "2026-03-01T12:00:00Z", "2026-02-20T12:00:00Z"]),
        ("empty", ["2026-01-12", "2026-01-12", "2026-03-01T12:00:00Z", "soon"]),
    ],
)
def test_what_a_file_cannot_hold(key: str, row: Any) -> None:
    with pytest.raises(DataError, match="coverage") as caught:
        Coverage.from_json({**GOOD, key: [*GOOD[key], row]})
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "found",
    [
        None,
        [],
        {},
        "x",
        {**GOOD, "more": []},
        {**GOOD, "answered": {}},
        {**GOOD, "empty": "no"},
        {**GOOD, "answered": [GOOD["answered"][0]] * 60_000},
    ],
)
def test_a_file_of_another_shape(found: Any) -> None:
    with pytest.raises(DataError, match="coverage"):
        Coverage.from_json(found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@given(JSON | st.fixed_dictionaries({"answered": JSON, "empty": JSON}))
@example({"answered": [["2026-01-01"] * 4], "empty": []})
def test_whatever_a_file_holds_is_coverage_or_an_error_that_says_so(found: Any) -> None:
    try:
        coverage = Coverage.from_json(found)
    except DataError as error:
        said = str(error)
    else:
        said = "coverage"
        assert Coverage.from_json(coverage.to_json()) == coverage
    assert "coverage" in said
