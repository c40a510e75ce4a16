"""Windows of a walk-forward: golden dates worked out by hand, others' splits, and properties."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import polars as pl
import pytest

import wfo
from wfo.files.limits import PHASES, WALK_WINDOWS
from wfo.windows import Length, Phase, WalkSchedule, WalkWindow, WalkWindows

Dates = list[dt.date]
day = dt.date.fromisoformat


def schedule(
    inside: str, out: str, step: str = "0d", purge: str = "0d", *, anchored: bool = False
) -> WalkSchedule:
    lengths = (Length.of(text) for text in (inside, out, step, purge))
    return WalkSchedule(*lengths, anchored)


def every_day(first: str, count: int) -> Dates:
    return [day(first) + dt.timedelta(n) for n in range(count)]


def weekdays(first: str, count: int) -> Dates:
    return [d for d in every_day(first, count * 7 // 5 + 7) if d.weekday() < 5][:count]


def golden(windows: WalkWindows) -> list[tuple[str, ...]]:
    return [tuple(d.isoformat() for d in (*w.in_sample, *w.out_of_sample)) for w in windows]


@pytest.fixture(scope="module")
def sample() -> Dates:
    """Trading days from 1999-01-04 to 2018-12-31; after 100 of them comes 1999-05-27."""
    dates: Dates = wfo.load_sample("NASDAQ")["date"].to_list()
    return dates


# Golden windows


def test_365_30_7_days(sample: Dates) -> None:
    # 1999-05-27 (Thu) + 365 days, over 29 February, is 2000-05-26 (Fri); + 30 is a Sunday, so the
    # last bar is Friday the 23rd. Each window then lies a week later: 06-02, until 07-02 (Sun).
    # 06-09 to 07-09 (Sun).
    windows = schedule("365d", "30d", "7d").resolve(sample)
    assert golden(windows)[:3] == [
        ("1999-05-27", "2000-05-25", "2000-05-26", "2000-06-23"),
        ("1999-06-03", "2000-06-01", "2000-06-02", "2000-06-30"),
        ("1999-06-10", "2000-06-08", "2000-06-09", "2000-07-07"),
    ]
    # A set trades until the next Friday. 2000-05-29 was a holiday, so the first one trades 4 bars.
    assert [w.traded_bars for w in windows[:3]] == [4, 5, 5]
    # From 2000-05-26 to the last bar, 2018-12-31 (Mon), there are 970 weeks and 3 days.
    assert len(windows) == 971
    # Fridays from 12-07 on reach beyond it: 11-30 + 30 days is 12-30, a Sunday.
    assert [w.split_date.isoformat() for w in windows if w.cut] == [
        *("2018-12-07", "2018-12-14", "2018-12-21", "2018-12-28")
    ]
    assert windows[-1].out_of_sample == (day("2018-12-28"), day("2018-12-31"))


def test_three_years_and_six_months(sample: Dates) -> None:
    # 2002-05-27 is Memorial Day. 1999-11-27 is a Saturday, 2003-05-26 Memorial Day again.
    windows = schedule("3y", "6m").resolve(sample)
    assert golden(windows)[:2] == [
        ("1999-05-27", "2002-05-24", "2002-05-28", "2002-11-26"),
        ("1999-11-29", "2002-11-26", "2002-11-27", "2003-05-23"),
    ]
    # 27 May and 27 November from 2002 to 2018.
    assert len(windows) == 34
    # The last one would go on to 2019-05-27.
    assert golden(windows)[-1] == ("2015-11-27", "2018-11-26", "2018-11-27", "2018-12-31")
    assert [w.cut for w in windows] == [False] * 33 + [True]
    assert windows[-1].to_date == day("2019-05-27")
    assert windows.traded == (sample.index(day("2002-05-28")), len(sample))
    anchored = schedule("3y", "6m", anchored=True).resolve(sample)
    assert {w.from_date for w in anchored} == {day("1999-05-27")}
    assert {w.first for w in anchored} == {100}
    assert [w[1:] for w in golden(anchored)] == [w[1:] for w in golden(windows)]


def test_from_a_leap_day_with_a_purge(sample: Dates) -> None:
    # Each date is counted on from 2000-02-29 (Tue): 28 February in common years, the 29th in 2004
    # (a Sunday, so the first bar is March 1st). Five days before it are the 23rd, a Friday in 2001,
    # a Saturday in 2002, a Sunday in 2003; and the 24th (Tue) in 2004. 2003-02-17 was a holiday.
    leap = schedule("1y", "1y", purge="5d", anchored=True)
    windows = leap.resolve(sample, begin=day("2000-02-29"))
    assert golden(windows)[:4] == [
        ("2000-02-29", "2001-02-22", "2001-02-28", "2002-02-27"),
        ("2000-02-29", "2002-02-22", "2002-02-28", "2003-02-27"),
        ("2000-02-29", "2003-02-21", "2003-02-28", "2004-02-27"),
        ("2000-02-29", "2004-02-23", "2004-03-01", "2005-02-25"),
    ]
    assert [w.train_date.isoformat() for w in windows[:4]] == [
        *("2001-02-23", "2002-02-23", "2003-02-23", "2004-02-24")
    ]


def test_from_the_last_day_of_a_month(sample: Dates) -> None:
    # From 2001-08-31 (Fri): 2002-02-28 (Thu), then the 31st again, Easter, after Good Friday, so
    # that March ends with the 28th; then 30 April. 2001-09-30 is a Sunday.
    windows = schedule("6m", "1m").resolve(sample, begin=day("2001-08-31"))
    assert golden(windows)[:2] == [
        ("2001-08-31", "2002-02-27", "2002-02-28", "2002-03-28"),
        ("2001-10-01", "2002-03-28", "2002-04-01", "2002-04-29"),
    ]


def test_days_without_bars_are_no_windows() -> None:
    """Steps of a day on weekdays: on Saturday and Sunday nothing is chosen."""
    dates = weekdays("2024-01-01", 20)
    windows = schedule("10d", "1d").resolve(dates, warmup=0)
    # The first is Thursday the 11th, ten days on; each trades one bar.
    assert [w.split_date for w in windows] == dates[8:]
    assert [w.number for w in windows] == [*range(1, 13)]
    assert all((w.end - w.split, w.traded_bars) == (1, 1) for w in windows)
    # Where Saturday's and Sunday's windows reach Monday, its own decision is the newest.
    windows = schedule("10d", "3d", "1d").resolve(dates, warmup=0)
    assert [w.split_date for w in windows] == dates[8:]
    assert [w.end - w.split for w in windows[:3]] == [2, 1, 3]
    # Two days' windows of Saturday reach no bar, and those of Sunday do.
    windows = schedule("10d", "2d").resolve(dates, warmup=0)
    assert [w.split_date.day for w in windows] == [11, 15, 17, 19, 21, 23, 25]
    assert windows[4].out_of_sample == (day("2024-01-22"), day("2024-01-22"))


def test_where_the_last_window_is_cut() -> None:
    """100 days in, 10 out: the third part has the days 120 to 129."""
    ten = schedule("100d", "10d")
    for bars, ends, cut in (
        (120, [110, 120], False),
        (121, [110, 120, 121], True),
        (129, [110, 120, 129], True),
        (130, [110, 120, 130], False),
    ):
        windows = ten.resolve(every_day("2023-01-01", bars), warmup=0)
        assert [w.end for w in windows] == ends
        assert [w.cut for w in windows] == [False] * (len(ends) - 1) + [cut]
    overlapping = schedule("100d", "30d", "10d").resolve(every_day("2023-01-01", 125), warmup=0)
    assert [(w.split, w.until, w.end, w.cut) for w in overlapping] == [
        (100, 110, 125, True), (110, 120, 125, True), (120, 125, 125, True),
    ]  # fmt: skip


def test_the_warm_up_moves_the_first_bar() -> None:
    dates = every_day("2023-01-01", 400)
    for warmup in (0, 100, 250):
        windows = schedule("100d", "20d").resolve(dates, warmup=warmup)
        assert (windows[0].first, windows[0].split) == (warmup, warmup + 100)
    later = schedule("100d", "20d").resolve(dates, begin=dates[130])
    assert (later[0].first, later[0].split) == (130, 230)
    with pytest.raises(wfo.InputError, match="begin = 2023-04-10 comes before 2023-04-11"):
        schedule("100d", "20d").resolve(dates, begin=dates[99])


def test_intraday_bars_have_the_same_windows_as_their_days(sample: Dates) -> None:
    """The warm-up of 700 bars ends on a day's last one; a boundary is a day's first bar."""
    lengths = schedule("2y", "6m", "4m", "10d")
    daily = lengths.resolve(sample)
    times = [dt.time(h, 30) for h in range(9, 16)]
    stamps = pl.Series([dt.datetime.combine(d, t) for d in sample for t in times])
    hourly = lengths.resolve(stamps, warmup=700)
    assert golden(hourly) == golden(daily)
    assert [(w.first, w.train_end, w.split, w.until, w.end) for w in hourly] == [
        tuple(7 * at for at in (w.first, w.train_end, w.split, w.until, w.end)) for w in daily
    ]
    # A warm-up that ends within a day: trading begins with the next one.
    assert lengths.resolve(stamps, warmup=701)[0].first == 707
    zoned = stamps.dt.replace_time_zone("America/New_York")
    assert lengths.resolve(zoned, warmup=700) == hourly


# The splits of others, where they state the same

#: By PyBroker 2.0.2 on the 1,000 days from 2019-01-01, `StrategyConfig` aside:
#: ``WalkforwardMixin().walkforward_split(df, windows=4, lookahead=6, train_size=0.7)``. It counts
#: back from the last bar; a lookahead of 6 leaves 5 bars between the parts.
PYBROKER = [
    ("2019-01-27", "2020-01-22", "2020-01-28", "2020-06-27"),
    ("2019-06-28", "2020-06-22", "2020-06-28", "2020-11-26"),
    ("2019-11-27", "2020-11-21", "2020-11-27", "2021-04-27"),
    ("2020-04-27", "2021-04-22", "2021-04-28", "2021-09-26"),
]
#: The same with ``windows=3, lookahead=1, train_size=0.5``: nothing between the parts.
PYBROKER_HALVES = [
    ("2019-01-05", "2019-09-10", "2019-09-11", "2020-05-16"),
    ("2019-09-11", "2020-05-16", "2020-05-17", "2021-01-20"),
    ("2020-05-17", "2021-01-20", "2021-01-21", "2021-09-26"),
]


def test_splits_of_pybroker() -> None:
    """By its lengths in bars, which here are days: 361, 5 left out, 152; and 249 each."""
    dates = every_day("2019-01-01", 1000)
    windows = schedule("366d", "152d", purge="5d").resolve(dates, begin=day("2019-01-27"), warmup=0)
    assert golden(windows) == PYBROKER
    halves = schedule("249d", "249d").resolve(dates, begin=day("2019-01-05"), warmup=0)
    assert golden(halves) == PYBROKER_HALVES


@pytest.mark.slow
@pytest.mark.parametrize("anchored", [False, True])
@pytest.mark.parametrize(
    ("lengths", "theirs", "begin"),
    [
        (("3y", "6m"), {"freq": "MS", "train_size": 36, "test_size": 6}, "1999-06-01"),
        (("18m", "1m"), {"freq": "MS", "train_size": 18, "test_size": 1}, "2000-02-01"),
        (("2y", "1y"), {"freq": "YS", "train_size": 2, "test_size": 1}, "2000-01-01"),
        (("364d", "28d"), {"freq": "28D", "train_size": 13, "test_size": 1}, "1999-06-01"),
        (("365d", "30d", "0d", "5d"), {"train_size": 360, "test_size": 30, "purged_size": 5}, ""),
    ],
)
def test_splits_of_skfolio(
    sample: Dates,
    lengths: tuple[str, ...],
    theirs: dict[str, Any],
    begin: str,
    anchored: bool,
) -> None:
    """Months, years and weeks on trading days; whole numbers are bars, and so days of all days."""
    reason = "needs the dependency group `oracles`"
    selection = pytest.importorskip("skfolio.model_selection", reason=reason)
    pandas = pytest.importorskip("pandas")
    dates = every_day("2015-01-01", 1500)
    if begin:
        # Their first period begins on the date, ours with a bar: there is one, so they are alike.
        dates = [day(begin), *(d for d in sample if d > day(begin))]
    ours = schedule(*lengths, anchored=anchored).resolve(dates, warmup=0)
    frame = pandas.DataFrame({"x": 0.0}, index=pandas.DatetimeIndex(dates))
    cv = selection.WalkForward(expand_train=anchored, reduce_test=True, **theirs)
    wanted = [(int(a[0]), int(a[-1]) + 1, int(b[0]), int(b[-1]) + 1) for a, b in cv.split(frame)]
    assert [(w.first, w.train_end, w.split, w.end) for w in ours] == wanted
    assert len(wanted) > 10


# Properties of every branch


@st.composite
def calendars(draw: st.DrawFn) -> Dates:
    """Two to four years of days with weekends, holidays and longer gaps, or with neither."""
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 4, 9]), min_size=5, max_size=40))
    at = draw(st.dates(dt.date(1994, 1, 1), dt.date(2004, 3, 1)))
    last = at + dt.timedelta(draw(st.integers(2 * 365, 4 * 366)))
    times = draw(st.sampled_from([1, 1, 3]))
    dates = []
    while at <= last:
        dates += [at] * times
        at += dt.timedelta(gaps[len(dates) % len(gaps)])
    return dates


def lengths(most: int) -> st.SearchStrategy[Length]:
    """Months, days, or both, up to as many days."""
    months, days = st.integers(1, most // 31), st.integers(1, most)
    return st.one_of(
        months.map(Length),
        days.map(lambda n: Length(0, n)),
        st.builds(Length, months.map(lambda n: max(1, n // 2)), days.map(lambda n: n // 2)),
    )


@st.composite
def schedules(draw: st.DrawFn) -> WalkSchedule:
    """Any that can be: what cannot says why."""
    parts = (lengths(500), lengths(250), lengths(250), st.one_of(st.just(Length(0)), lengths(60)))
    inside, out, step, purge = (draw(part) for part in parts)
    step = draw(st.sampled_from([Length(0), step]))
    try:
        return WalkSchedule(inside, out, step, purge, draw(st.booleans()))
    except wfo.InputError as error:
        message = str(error)
    assert re.match("step = .* is longer than out|purge = .* leaves nothing", message)
    # Without either it can.
    return WalkSchedule(inside, out, anchored=draw(st.booleans()))


def moved(days: Dates, lengths: list[tuple[int, int]]) -> Dates:
    """Dates so many months and then days later, by another implementation."""
    months, more = (
        [f"{length[part]}{unit}" for length in lengths] for part, unit in ((0, "mo"), (1, "d"))
    )
    frame = pl.DataFrame({"day": days, "months": months, "days": more})
    found: Dates = frame.select(
        pl.col("day").dt.offset_by(pl.col("months")).dt.offset_by(pl.col("days"))
    )["day"].to_list()
    return found


def check(windows: WalkWindows, held: Dates, origin: dt.date, warmup: int) -> None:
    """Whatever windows must be, on bars of these days, the first in-sample part from `origin`."""
    own, today = windows.schedule, windows.as_of
    for number, w in enumerate(windows, 1):
        assert w.number == number
        assert warmup <= w.first < w.train_end <= w.split < w.end <= len(held)
        boundaries = (w.first, w.from_date), (w.train_end, w.train_date), (w.split, w.split_date)
        for at, date in (*boundaries, (w.end, w.to_date)):
            assert at == 0 or held[at - 1] < date
            assert at == len(held) or held[at] >= date
        assert w.in_sample == (held[w.first], held[w.train_end - 1])
        assert w.out_of_sample == (held[w.split], held[w.end - 1])
        assert w.cut == (w.to_date > today + dt.timedelta(1))
    assert all(a.split < b.split and a.first <= b.first for a, b in pairwise(windows))
    # Every bar from the first split to the last one is traded once.
    first, last = windows.traded
    assert [at for w in windows for at in range(w.split, w.until)] == [*range(first, last)]
    assert last == len(held)
    if own.step == own.out_of_sample:
        assert all(w.until == w.end for w in windows)
    # Dates are those of the schedule, counted on from the first one.
    steps = range(1 + (today - origin).days // own.step.shortest_days)
    parts = [
        (own.step.months * count + length.months, own.step.days * count + length.days)
        for length in (Length(0), own.in_sample, own.in_sample + own.out_of_sample)
        for count in steps
    ]
    dated = moved([origin] * len(parts), parts)
    count = len(steps)
    of_split = {split: at for at, split in enumerate(dated[count : 2 * count])}
    for w in windows:
        at = of_split[w.split_date]
        assert w.from_date == (origin if own.anchored else dated[at])
        assert w.to_date == dated[2 * count + at]
    purged = [w.split_date for w in windows]
    purge = [(-own.purge.months, -own.purge.days)] * len(purged)
    assert [w.train_date for w in windows] == moved(purged, purge)


@hypothesis.settings(max_examples=50)
@hypothesis.given(st.data())
def test_properties_of_every_schedule(data: st.DataObject) -> None:
    dates, own = data.draw(calendars()), data.draw(schedules())
    warmup = data.draw(st.integers(0, 150))
    days_in = st.one_of(st.none(), st.integers(0, 400))
    later, back = data.draw(days_in), data.draw(st.one_of(st.none(), st.integers(0, 900)))
    begin = None if later is None else dates[0] + dt.timedelta(later)
    as_of = None if back is None else max(dates[0], dates[-1] - dt.timedelta(back))
    try:
        windows = own.resolve(dates, begin=begin, as_of=as_of, warmup=warmup)
    except wfo.WfoError as error:
        message = str(error)
    else:
        message = ""
    if message:
        said = "too little history|begin = .* comes before|the in-sample part from .* has [01] bars"
        assert re.match(said, message)
        return
    held = [d for d in dates if as_of is None or d <= as_of]
    trades = next(d for at, d in enumerate(held) if at >= warmup and (at == 0 or held[at - 1] < d))
    check(windows, held, begin or trades, warmup)
    # Later bars are as if they did not exist.
    alone = own.resolve(held, begin=begin, warmup=warmup)
    assert [(w.first, w.split, w.until, w.end) for w in alone] == [
        (w.first, w.split, w.until, w.end) for w in windows
    ]
    again = WalkWindows.from_dict(json.loads(json.dumps(windows.to_dict())))
    assert again == windows
    # More bars change no decision: they lengthen the last parts, or add windows.
    try:
        longer = own.resolve(dates, begin=begin, warmup=warmup)
    except wfo.DataError as error:
        message = str(error)
    if message:
        assert re.match("the in-sample part from .* has [01] bars", message)
        return
    assert len(longer) >= len(windows)
    for before, after in zip(windows, longer, strict=False):
        kept = ("number", "first", "train_end", "split", "in_sample", "to_date")
        assert all(getattr(before, name) == getattr(after, name) for name in kept)
        assert after.end >= before.end
        assert after.end == before.end or before.end == len(held)
        assert after.until >= before.until
        assert after.until == before.until or before is windows[-1]


@hypothesis.given(lengths(800), st.dates(dt.date(1890, 1, 1), dt.date(2110, 1, 1)))
def test_how_long_a_length_is(length: Length, start: dt.date) -> None:
    days = (length.after(start) - start).days
    assert length.shortest_days <= days <= length.longest_days
    assert Length.of(length.text) == length
    assert abs((length.before(length.after(start)) - start).days) <= 3 * bool(length.months)


def test_the_shortest_and_the_longest() -> None:
    """Half a year from the last of August to the last of February; one from March to August."""
    for text, shortest, longest in (
        *(("30d", 30, 30), ("1m", 28, 31), ("3m", 89, 92), ("6m", 181, 184)),
        *(("1y", 365, 366), ("4y", 1460, 1461), ("400y", 146097, 146097), ("1m5d", 33, 36)),
    ):
        length = Length.of(text)
        assert (length.shortest_days, length.longest_days) == (shortest, longest)


# What cannot be


@pytest.mark.parametrize(
    ("inside", "out", "step", "purge", "message"),
    [
        ("0d", "6m", "0d", "0d", "in_sample = 0d is no stretch of bars"),
        ("3y", "0d", "0d", "0d", "out_of_sample = 0d is no stretch"),
        ("3y", "6m", "7m", "0d", "step = 7m is longer than out_of_sample = 6m"),
        # February has 28 days, so that a month may end before 30 days do; others have 31.
        ("3y", "1m", "30d", "0d", "step = 30d is longer than out_of_sample = 1m, or may be"),
        ("3y", "30d", "1m", "0d", "step = 1m is longer than out_of_sample = 30d, or may be"),
        ("3y", "1y", "366d", "0d", "step = 366d is longer"),
        ("1m", "1m", "0d", "28d", "purge = 28d leaves nothing of in_sample = 1m"),
        ("31d", "1m", "0d", "1m", "purge = 1m leaves nothing of in_sample = 31d"),
        ("3y", "1m", "0d", "3y", "purge = 3y leaves nothing"),
    ],
)
def test_lengths_that_do_not_fit(
    inside: str, out: str, step: str, purge: str, message: str
) -> None:
    with pytest.raises(wfo.InputError, match=message):
        schedule(inside, out, step, purge)


def test_lengths_that_just_fit() -> None:
    for each in (
        *(("3y", "31d", "1m"), ("3y", "1m", "28d"), ("3y", "1y", "365d"), ("3y", "92d", "3m")),
        *(("32d", "5d", "0d", "1m"), ("1m", "5d", "0d", "27d")),
    ):
        schedule(*each)


@pytest.mark.parametrize(
    "given",
    [
        *("", " ", "3", "3w", "-3y", "3y-1d", "1d1m", "3 years", "y", "٣y", "3y\n6m x", "1e3d"),
        *(3, 3.0, None, True, b"3y", ["3y"], dt.timedelta(3), "9" * 50 + "d"),
    ],
)
def test_what_is_no_length_is_named(given: object) -> None:
    with pytest.raises(wfo.InputError, match=r"purge = .* is no length of time; write 3y, 18m"):
        Length.of(given, "purge")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10001y", "purge = '10001y' is longer than 10,000 years"),
        ("9" * 30 + "y", "longer than"),
        ("9" * 30 + "d", "longer than"),
        ("1.3y", "no whole number of months"),
    ],
)
def test_lengths_that_cannot_be(text: str, message: str) -> None:
    with pytest.raises(wfo.InputError, match=message):
        Length.of(text, "purge")
    for values in ((-1,), (1.0,), (True,), (0, -1), (0, 10**9), (120_001,)):
        with pytest.raises(wfo.InputError, match="must be a whole number from 0"):
            Length(*values)  # type: ignore[arg-type]  # on purpose


def test_text_of_lengths() -> None:
    for text, months, days in (("3y", 36, 0), ("18m", 18, 0), ("1.5y", 18, 0), ("1y6m", 18, 0),
                               (" 2 y 3 d ", 24, 3), ("0d", 0, 0), ("365d", 0, 365)):  # fmt: skip
        assert Length.of(text) == Length(months, days)
    assert [Length(36).text, Length(18).text, Length(18, 3).text, Length(0).text] == [
        *("3y", "18m", "18m3d", "0d")
    ]


def test_too_little_history_says_what_would_do(sample: Dates) -> None:
    own = schedule("3y", "6m")
    with pytest.raises(wfo.DataError, match="60 bars, of which 100 are the warm-up"):
        own.resolve(sample[:60])
    # 2002-05-24 (Fri) is the last day before the first split; it needs a first part from three
    # years before on.
    until = sample[: sample.index(day("2002-05-28"))]
    with pytest.raises(
        wfo.DataError,
        match="begins on 1999-05-27, and 3y before the last bar, 2002-05-24, is 1999-05-24",
    ):
        own.resolve(until)
    assert len(own.resolve(until, begin=day("1999-05-24"), warmup=97)) == 1
    # A length beyond the calendar.
    with pytest.raises(wfo.DataError, match="too little history"):
        schedule("9999y", "9999y").resolve(sample)
    # From 2015-02-28 to the last bar are a month less a day, and so from the 31st of January.
    with pytest.raises(wfo.DataError, match="is 2015-01-27; begin earlier"):
        schedule("1m1d", "1m").resolve(every_day("2015-02-01", 28), warmup=0)


def test_a_hole_in_the_history_is_named(sample: Dates) -> None:
    holed = [d for d in sample if not 2004 <= d.year <= 2009]
    with pytest.raises(
        wfo.DataError, match=r"in-sample part from .* has 0 bars, and a choice needs"
    ):
        schedule("3y", "6m").resolve(holed)
    # One that a part reaches over is no obstacle, and what it has no bars for is no window.
    windows = schedule("3y", "6m", anchored=True).resolve(holed)
    assert {w.split_date.year for w in windows} == {2002, 2003, *range(2009, 2019)}
    assert windows.traded[1] == len(holed)
    with pytest.raises(wfo.DataError, match="has 1 bars"):
        schedule("3d", "1d").resolve(weekdays("2024-01-01", 20), warmup=0)


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"dates": []}, wfo.DataError, "no bars"),
        ({"dates": ["2020-01-01"]}, wfo.DataError, "not over str"),
        ({"dates": [day("2020-01-02"), day("2020-01-01")]}, wfo.DataError, "must ascend"),
        ({"warmup": -1}, wfo.InputError, "warmup = -1"),
        ({"warmup": 1.5}, wfo.InputError, "warmup = 1.5"),
        ({"as_of": day("2030-01-01")}, wfo.InputError, "as-of 2030-01-01 lies outside"),
        ({"as_of": "2018-01-01"}, wfo.InputError, "as_of = '2018-01-01' must be a datetime.date"),
        ({"begin": "2001-01-01"}, wfo.InputError, "begin = '2001-01-01' must be a datetime.date"),
        ({"begin": day("2030-01-01")}, wfo.DataError, "too little history"),
    ],
)
def test_arguments_that_cannot_be(
    sample: Dates, arguments: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        schedule("3y", "6m").resolve(**({"dates": sample} | arguments))


def test_windows_are_not_without_number() -> None:
    dates = every_day("1970-01-01", WALK_WINDOWS + 31)
    assert len(schedule("30d", "1d").resolve(dates[:-1], warmup=0)) == WALK_WINDOWS
    with pytest.raises(wfo.InputError, match="steps of 1d make more than 10,000 windows"):
        schedule("30d", "1d").resolve(dates, warmup=0)


def test_dates_at_both_ends_of_the_calendar() -> None:
    """Neither a date beyond it nor millennia between two bars take long."""
    dates = [*every_day("0001-01-01", 40), *every_day("9999-12-22", 10)]
    windows = schedule("20d", "1d", anchored=True).resolve(dates, warmup=0)
    assert [w.split for w in windows] == [*range(20, 49)]
    own = schedule("1m", "9000y", anchored=True).resolve(dates, warmup=0)
    assert [(w.split, w.end) for w in own] == [(31, 40), (40, 49)]


# As plain values


def stated() -> dict[str, Any]:
    own = schedule("100d", "30d", "10d", "5d")
    return own.resolve(every_day("2023-01-01", 125), warmup=0).to_dict()


def forged() -> list[tuple[str, Any]]:
    """Windows in which one thing cannot be."""
    changes: dict[str, Any] = {
        "none": lambda d: d.update(windows=[]),
        "no list": lambda d: d.update(windows=7),
        "too many": lambda d: d.update(windows=d["windows"] * (WALK_WINDOWS // 3 + 1)),
        "twice": lambda d: d.update(windows=d["windows"] * 2),
        "backwards": lambda d: d["windows"].reverse(),
        "numbers": lambda d: d["windows"][0].update(number=2),
        "no number": lambda d: d["windows"][0].update(number="1"),
        "a bar too few": lambda d: d["windows"][0].update(bars=[0, 1, 100, 125, 110]),
        "bars below 0": lambda d: d["windows"][0].update(bars=[-1, 95, 100, 125, 110]),
        "look-ahead": lambda d: d["windows"][0].update(bars=[0, 101, 100, 125, 110]),
        "four bars": lambda d: d["windows"][0].update(bars=[0, 95, 100, 125]),
        "a gap": lambda d: d["windows"][0].update(bars=[0, 95, 100, 125, 109]),
        "beyond its end": lambda d: d["windows"][2].update(bars=[20, 115, 120, 125, 126]),
        "not to the end": lambda d: d["windows"][2].update(bars=[20, 115, 120, 125, 124]),
        "dates": lambda d: d["windows"][0].update(train="2023-06-01"),
        "no date": lambda d: d["windows"][0].update(split="soon"),
        "other days": lambda d: d["windows"][0].update(in_sample=["2022-01-01", "2023-02-01"]),
        "one day": lambda d: d["windows"][0].update(in_sample=["2023-01-01"]),
        "a cut": lambda d: d["windows"][0].update(cut=1),
        "before today": lambda d: d.update(as_of="2023-05-01"),
        "no schedule": lambda d: d.update(schedule={}),
        "two": lambda d: d["schedule"].update(anchored=d["schedule"]["rolling"]),
        "the other": lambda d: d.update(schedule={"anchored": d["schedule"]["rolling"]}),
        "a step": lambda d: d["schedule"]["rolling"].update(step="31d"),
        "a length": lambda d: d["schedule"]["rolling"].update({"in": 100}),
    }  # fmt: skip
    return [*changes.items()]


@pytest.mark.parametrize(
    ("change"), [change for _, change in forged()], ids=[n for n, _ in forged()]
)
def test_forged_windows_are_refused(change: Any) -> None:
    data = copy.deepcopy(stated())
    assert WalkWindows.from_dict(data).to_dict() == data
    change(data)
    with pytest.raises(wfo.InputError):
        WalkWindows.from_dict(data)


@pytest.mark.parametrize("data", [None, [], {}, {"windows": None}, {"windows": [{}]}])
def test_what_are_no_windows(data: Any) -> None:
    for kind in (WalkWindows, WalkWindow, WalkSchedule):
        with pytest.raises(wfo.InputError):
            kind.from_dict(data)


def test_names_of_schedules_and_their_table() -> None:
    assert schedule("3y", "6m").name == "rolling_3y_6m"
    assert schedule("365d", "30d", "7d", "5d", anchored=True).name == (
        "anchored_365d_30d_step7d_purge5d"
    )
    windows = schedule("100d", "30d").resolve(every_day("2023-01-01", 125), warmup=0)
    assert windows.rows() == [
        ("Window", "In-sample", "Out-of-sample"),
        ("1", "2023-01-01 to 2023-04-10", "2023-04-11 to 2023-05-05 (cut: until 2023-05-11)"),
    ]
    assert "rolling_100d_30d" in windows._repr_html_()
    assert "1 of rolling_100d_30d" in repr(windows)


# Files, and phases of a run


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_schedule_in_yaml(tmp_path: Path) -> None:
    path = written(tmp_path, "rolling: {in: 3y, out: 6m, step: 3m, purge: 5d}\nmin_phases: 4\n")
    for name in (path, str(path)):
        assert WalkSchedule.load(name) == schedule("3y", "6m", "3m", "5d")
    path = written(tmp_path, "anchored:\n  in: 1.5y\n  out: 90d\n")
    assert WalkSchedule.load(path) == schedule("18m", "90d", anchored=True)
    assert WalkSchedule.load("rolling") == WalkSchedule.preset() == schedule("3y", "1y")
    assert WalkSchedule.preset("anchored") == schedule("3y", "1y", anchored=True)
    for name in ("default", "rollin", None, 5):
        with pytest.raises(wfo.InputError):
            WalkSchedule.load(name)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.yaml: None is not a schedule of a walk-forward"),
        ("[3y, 6m]", "is not a schedule of a walk-forward; it needs a line such as"),
        ("phases: []", "phases are those of a run, and no walk-forward"),
        ("rolling: {in: 3y, out: 6m}\nphases: []", "nothing called 'phases'"),
        ("rolling: {in: 3y, out: 6m}\nanchored: {in: 3y, out: 6m}", "either rolling or anchored"),
        ("min_phases: 3", "either rolling or anchored"),
        ("rolling: 3y", "rolling = '3y' has no lengths"),
        ("rolling: {in: 3y}", "rolling lacks 'out'"),
        ("rolling: {out: 3y}", "rolling lacks 'in'"),
        ("rolling: {in: 3y, out: 6m, stop: 1m}", "nothing called 'stop'; did you mean 'step'"),
        ("rolling: {in: 365, out: 30}", "in = 365 is no length of time; write 3y, 18m or 30d"),
        ("rolling: {in: 3y, out: 6m, step: }", "step = None is no length"),
        ("rolling: {in: 3y, out: 6m, step: 1y}", "step = 1y is longer than"),
        ("rolling: {in: 3y, out: 6m}\nmin_phases: 0", "min_phases = 0"),
        ("rolling: {in: 3y, out: 6m}\nmin_phases: many", "min_phases = 'many'"),
        ("rolling: {in: 3y, out: 6m}\nmin_phases:", "min_phases = None"),
        ("rolling: {in: 3y, in: 4y, out: 6m}", "'in'"),
    ],
)
def test_what_is_no_schedule_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(wfo.InputError, match=re.escape(message)) as caught:
        WalkSchedule.load(written(tmp_path, text))
    assert "mine" in str(caught.value)
    with pytest.raises(wfo.InputError, match=r"mine\.yaml"):
        wfo.Windows.load(written(tmp_path, text))


def test_windows_are_phases_of_a_run(tmp_path: Path, sample: Dates) -> None:
    windows = wfo.Windows.load(written(tmp_path, "rolling: {in: 3y, out: 6m}"))
    phases = windows.resolve(sample)
    walked = schedule("3y", "6m").resolve(sample)
    assert [p.bounds for p in phases] == [(w.first, w.split, w.end) for w in walked]
    assert [(*p.in_sample, *p.out_of_sample) for p in phases] == [
        (*w.in_sample, *w.out_of_sample) for w in walked
    ]
    # Of 34 three of four are 25.5.
    assert (phases.name, len(phases), phases.min_phases) == ("mine", 34, 26)
    # What is cut ends today: from 27 November to the end of the year, 35 days, after three years.
    assert phases[-1].to_date == day("2019-01-01")
    assert phases[-1].annual_factor == 1096 / 35
    assert (
        phases.note == "the last phase is cut: its out-of-sample part would end before 2019-05-27"
    )
    assert wfo.Phases.from_dict(json.loads(json.dumps(phases.to_dict()))) == phases
    assert windows.resolve(sample, as_of=day("2018-11-26")).note == ""
    for bars, count, least in ((50, 1, 1), (120, 2, 2), (180, 4, 3), (330, 8, 6)):
        own = wfo.Windows("own", walk=schedule("40d", "40d", anchored=True))
        found = own.resolve(every_day("2023-01-01", bars), warmup=0)
        assert (len(found), found.min_phases) == (count, least)
        assert all(isinstance(p, Phase) for p in found)


def test_phases_asked_for_may_be_more_than_windows(tmp_path: Path) -> None:
    windows = wfo.Windows.load(written(tmp_path, "anchored: {in: 100d, out: 20d}\nmin_phases: 4\n"))
    dates = every_day("2023-01-01", 201)
    for bars, least, note in (
        (120, 1, "one window fits the history, and not 4: stable is what is valid in it"),
        (140, 2, "2 windows fit the history, and not 4: stable is what is valid in all of them"),
        (200, 4, ""),
    ):
        phases = windows.resolve(dates[:bars], warmup=0)
        assert (phases.min_phases, phases.note) == (least, note)


@pytest.mark.parametrize("name", ["rolling", "anchored"])
def test_both_kinds_are_built_in(name: str, sample: Dates) -> None:
    windows = wfo.Windows.preset(name)
    assert windows == wfo.Windows.load(name)
    assert windows.walk == WalkSchedule.preset(name)
    assert wfo.Windows.from_dict(json.loads(json.dumps(windows.to_dict()))) == windows
    # 27 May of 2002 to 2018.
    assert len(windows.resolve(sample)) == 17
    own = wfo.Windows("own", min_phases=2, walk=WalkSchedule.preset(name))
    assert wfo.Windows.from_dict(own.to_dict()) == own
    # Bars are fetched from ten years before on, or for one window.
    assert windows.begins(day("2024-02-29"), 24) == day("2012-02-29")
    long = wfo.Windows("long", walk=schedule("12y", "30d"))
    assert long.begins(day("2024-03-31"), 3) == day("2011-12-01")


def test_what_cannot_be_phases_of_a_run(tmp_path: Path, sample: Dates) -> None:
    purged = written(tmp_path, "rolling: {in: 3y, out: 6m, purge: 5d}")
    with pytest.raises(
        wfo.InputError, match=r"mine\.yaml: .*'mine' has a purge of 5d.*walkforward"
    ):
        wfo.Windows.load(purged)
    with pytest.raises(wfo.InputError, match=r"makes 971 windows .* has 255 phases at most"):
        wfo.Windows("many", walk=schedule("365d", "30d", "7d")).resolve(sample)
    assert (
        len(
            wfo.Windows("most", walk=schedule("100d", "1d")).resolve(
                every_day("2023-01-01", 100 + PHASES), warmup=0
            )
        )
        == PHASES
    )
    with pytest.raises(wfo.InputError, match="phases or a walk, not both"):
        wfo.Windows("both", wfo.Windows.preset().spans, walk=schedule("3y", "1y"))
    with pytest.raises(wfo.InputError, match=r"walk must be a wfo\.WalkSchedule"):
        wfo.Windows("own", walk="3y")  # type: ignore[arg-type]  # on purpose
    for least in (0, 256, True, 1.0):
        with pytest.raises(wfo.InputError, match=r"min_phases = .* must be a whole number between"):
            wfo.Windows("own", min_phases=least, walk=schedule("3y", "1y"))  # type: ignore[arg-type]
    for data in (
        {"name": "x"},
        {"name": "x", "rolling": {}},
        {"name": "x", "rolling": {"in": "3y", "out": "1y"}, "phases": []},
        {"name": "x", "rolling": {"in": "3y", "out": "1y"}, "min_phases": "3"},
        {"name": "x", "rolling": {"in": "3y", "out": "1y", "purge": "1d"}},
    ):
        with pytest.raises(wfo.InputError):
            wfo.Windows.from_dict(data)
