"""Windows: golden dates worked out by hand, the shrinking schedule, and properties of calendars."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import polars as pl
import pytest

import wfo
from wfo.windows import DateSpan

Dates = list[dt.date]

# A phase runs from its first date up to, not including, the bar on or after its last one; only a
# phase that ends today has the last bar. Five years with one 29 February are 1826 days, of which
# .6 is 1095.6, hence 1096 (one more than three common years), and .5 is 913. Four years are 1461
# days: .5 is 730.5, hence 730, to the even number, and .62 is 905.82, hence 906.
#
# The sample ends on Monday 2018-12-31.
#   1  2008-12-31 (Wed) to 2013-12-31 (Tue). + 1096 days: 2012-01-01, a Sunday before a holiday.
#   2  2010-12-31 (Fri) to 2015-12-31 (Thu). + 913 days: two years are 731, 182 more are 1 July.
#   3  2012-12-31 (Mon) to 2017-12-31 (Sun). + 913 days: two years are 730, 183 more are 2 July.
#   4  2014-12-31 (Wed) to the last bar. + 730 days: 2016 has 366, so 2016-12-30 (Fri).
SAMPLE_DEFAULT = [
    ("2008-12-31", "2011-12-30", "2012-01-03", "2013-12-30"),
    ("2010-12-31", "2013-06-28", "2013-07-01", "2015-12-30"),
    ("2012-12-31", "2015-07-01", "2015-07-02", "2017-12-29"),
    ("2014-12-31", "2016-12-29", "2016-12-30", "2018-12-31"),
]
#   2  + 1096 days, with one 29 February among them: exactly three years.
#   3  + 1096 days, without one: 2016-01-01 (Fri, a holiday), so Monday the 4th.
#   4  + 906 days: two years are 731, 175 more are 2017-06-24 (Sat), so Monday the 26th.
SAMPLE_SIXTY_FORTY = [
    SAMPLE_DEFAULT[0],
    ("2010-12-31", "2013-12-30", "2013-12-31", "2015-12-30"),
    ("2012-12-31", "2015-12-31", "2016-01-04", "2017-12-29"),
    ("2014-12-31", "2017-06-23", "2017-06-26", "2018-12-31"),
]
# QQQ's bars end on Friday 2026-05-01.
#   1  2016-05-01 (Sun) to 2021-05-01 (Sat). + 1096 days, no 29 February: 2019-05-02 (Thu).
#   2  2018-05-01 (Tue) to 2023-05-01 (Mon). Two years are 731 days, 182 more: 2020-10-30 (Fri).
#   3  2020-05-01 (Fri) to 2025-05-01 (Thu). Two years are 730, 183 more: 2022-10-31 (Mon).
#   4  2022-05-01 (Sun) to the last bar. + 730 days, with one 29 February: 2024-04-30 (Tue).
QQQ_DEFAULT = [
    ("2016-05-02", "2019-05-01", "2019-05-02", "2021-04-30"),
    ("2018-05-01", "2020-10-29", "2020-10-30", "2023-04-28"),
    ("2020-05-01", "2022-10-28", "2022-10-31", "2025-04-30"),
    ("2022-05-02", "2024-04-29", "2024-04-30", "2026-05-01"),
]
#   2  + 1096 days, with one 29 February: 2021-05-01 (Sat), so Monday the 3rd.
#   3  + 1096 days, without one: 2023-05-02 (Tue).
#   4  + 906 days: two years are 731, 175 more are 2024-10-23 (Wed).
QQQ_SIXTY_FORTY = [
    QQQ_DEFAULT[0],
    ("2018-05-01", "2021-04-30", "2021-05-03", "2023-04-28"),
    ("2020-05-01", "2023-05-01", "2023-05-02", "2025-04-30"),
    ("2022-05-02", "2024-10-22", "2024-10-23", "2026-05-01"),
]


def golden(phases: wfo.Phases) -> list[tuple[str, ...]]:
    return [tuple(d.isoformat() for d in (*p.in_sample, *p.out_of_sample)) for p in phases]


def check_bounds(phases: wfo.Phases, dates: Dates) -> None:
    """Indices and dates say the same."""
    for number, p in enumerate(phases, 1):
        assert p.number == number
        assert p.bounds == (p.warmup, p.split, p.end)
        assert p.in_sample == (dates[p.warmup], dates[p.split - 1])
        assert p.out_of_sample == (dates[p.split], dates[p.end - 1])


@pytest.fixture(scope="module")
def sample() -> Dates:
    dates: Dates = wfo.load_sample("NASDAQ")["date"].to_list()
    return dates


@pytest.mark.parametrize(
    ("preset", "wanted"), [("default", SAMPLE_DEFAULT), ("sixty-forty", SAMPLE_SIXTY_FORTY)]
)
def test_golden_windows_of_the_sample(
    sample: Dates, preset: str, wanted: list[tuple[str, ...]]
) -> None:
    phases = wfo.Windows.preset(preset).resolve(wfo.load_sample("NASDAQ")["date"])
    assert golden(phases) == wanted
    check_bounds(phases, sample)
    assert (phases.name, phases.min_phases, phases.note) == (preset, 3, "")
    assert phases.as_of == dt.date(2018, 12, 31)


@pytest.mark.parametrize(
    ("preset", "wanted"), [("default", QQQ_DEFAULT), ("sixty-forty", QQQ_SIXTY_FORTY)]
)
def test_golden_windows_of_qqq(real_bars: Path, preset: str, wanted: list[tuple[str, ...]]) -> None:
    dates = pl.read_csv(real_bars / "QQQ_1day.csv", try_parse_dates=True)["date"]
    phases = wfo.Windows.preset(preset).resolve(dates)
    assert golden(phases) == wanted
    check_bounds(phases, dates.to_list())


def test_days_of_a_phase_make_its_efficiency_annual(sample: Dates) -> None:
    first, *_, last = wfo.Windows.preset("sixty-forty").resolve(sample)
    assert first.annual_factor == 1096 / 730
    assert last.annual_factor == 906 / 555


def test_as_of_is_as_if_later_bars_did_not_exist(sample: Dates) -> None:
    as_of = dt.date(2016, 3, 11)
    cut = [d for d in sample if d <= as_of]
    for preset in ("default", "sixty-forty"):
        windows = wfo.Windows.preset(preset)
        assert windows.resolve(sample, as_of=as_of) == windows.resolve(cut)


def test_as_of_a_weekend_counts_from_it_and_ends_with_friday(sample: Dates) -> None:
    # Sunday 2016-03-13: ten years before is a Monday, ten before the Friday a Saturday.
    phases = wfo.Windows.preset().resolve(sample, as_of=dt.date(2016, 3, 13))
    assert phases.as_of == dt.date(2016, 3, 13)
    assert [p.from_date.isoformat() for p in phases] == [
        "2006-03-13",
        "2008-03-13",
        "2010-03-13",
        "2012-03-13",
    ]
    assert phases[3].to_date == dt.date(2016, 3, 13)
    assert phases[3].out_of_sample[1] == dt.date(2016, 3, 11)
    # Phase 3 ends on 2015-03-13, a Friday with a bar, which it does not have.
    assert phases[2].out_of_sample[1] == dt.date(2015, 3, 12)


def test_years_before_29_february_are_on_the_28th(sample: Dates) -> None:
    phases = wfo.Windows.preset().resolve(sample, as_of=dt.date(2016, 2, 29))
    assert [(p.from_date.isoformat(), p.to_date.isoformat()) for p in phases] == [
        ("2006-02-28", "2011-02-28"),
        ("2008-02-29", "2013-02-28"),
        ("2010-02-28", "2015-02-28"),
        ("2012-02-29", "2016-02-29"),
    ]


@pytest.mark.parametrize("as_of", ["1999-01-03", "2019-01-01"])
def test_as_of_outside_the_history_names_it(sample: Dates, as_of: str) -> None:
    with pytest.raises(wfo.InputError, match=f"{as_of}.*1999-01-04.*2018-12-31"):
        wfo.Windows.preset().resolve(sample, as_of=dt.date.fromisoformat(as_of))


def test_as_of_takes_a_date(sample: Dates) -> None:
    windows = wfo.Windows.preset()
    stamp = dt.datetime(2016, 3, 11, 16, 0)  # noqa: DTZ001  # local time of the exchange
    assert windows.resolve(sample, as_of=stamp) == windows.resolve(
        sample, as_of=dt.date(2016, 3, 11)
    )
    with pytest.raises(wfo.InputError, match="as_of = '2016-03-11'"):
        windows.resolve(sample, as_of="2016-03-11")  # type: ignore[arg-type]  # on purpose


# The shrinking schedule, on a calendar that has every day.

TODAY = dt.date(2021, 6, 30)


def every_day(first_trading: dt.date, warmup: int = 100, today: dt.date = TODAY) -> Dates:
    start = first_trading - dt.timedelta(warmup)
    return [start + dt.timedelta(i) for i in range((today - start).days + 1)]


@pytest.mark.parametrize(
    ("threshold", "at", "under"),
    [
        ("2015-06-30", (4, 3), (3, 2)),  # 6 years
        ("2018-06-30", (3, 2), (2, 2)),  # 3 years
        ("2019-12-30", (2, 2), None),  # 1.5 years; June has 30 days
    ],
)
def test_a_short_history_shrinks_the_schedule(
    threshold: str, at: tuple[int, int], under: tuple[int, int] | None
) -> None:
    windows = wfo.Windows.preset()
    exact = dt.date.fromisoformat(threshold)
    for first, wanted in (
        (exact - dt.timedelta(1), at),
        (exact, at),
        (exact + dt.timedelta(1), under),
    ):
        if wanted is None:
            with pytest.raises(wfo.DataError, match="too little history"):
                windows.resolve(every_day(first))
            continue
        phases = windows.resolve(every_day(first))
        assert (len(phases), phases.min_phases) == wanted, first
        check_shrunk(phases, first, TODAY)


def check_shrunk(phases: wfo.Phases, first: dt.date, today: dt.date) -> None:
    total = (today - first).days
    assert phases[0].from_date == first
    assert phases[-1].to_date == today
    for p in phases:
        days = (p.to_date - p.from_date).days
        # Half the history, but no less than a year and a half (which 548 days are, or 18 months).
        assert days == pytest.approx(max(total / 2, min(1.5 * 365.25, total)), abs=0.51)
        assert (p.split_date - p.from_date).days == round(0.6 * days)
    shifts = [(b.from_date - a.from_date).days for a, b in itertools.pairwise(phases)]
    assert max(shifts) - min(shifts) <= 1
    assert f"{total / 365.25:.1f} years" in phases.note
    assert f"{len(phases)} shorter phases" in phases.note


def test_ten_years_after_the_warm_up_are_enough() -> None:
    windows = wfo.Windows.preset()
    exact = dt.date(2011, 6, 30)
    full = windows.resolve(every_day(exact))
    assert (full.note, full[0].from_date, full[0].warmup) == ("", exact, 100)
    shrunk = windows.resolve(every_day(exact + dt.timedelta(1)))
    assert (len(shrunk), shrunk.min_phases) == (4, 3)
    assert str(exact) in shrunk.note
    check_shrunk(shrunk, exact + dt.timedelta(1), TODAY)


@hypothesis.given(days=st.integers(549, 3651), warmup=st.integers(0, 300))
def test_every_length_between_shrinks(days: int, warmup: int) -> None:
    first = TODAY - dt.timedelta(days)
    phases = wfo.Windows.preset("sixty-forty").resolve(every_day(first, warmup), warmup=warmup)
    # June 2015, 2018 and December 2019, as above.
    wanted = (
        (4, 3)
        if first <= dt.date(2015, 6, 30)
        else (3, 2)
        if first <= dt.date(2018, 6, 30)
        else (2, 2)
    )
    assert (len(phases), phases.min_phases) == wanted
    assert phases[0].warmup == warmup
    check_shrunk(phases, first, TODAY)


def test_years_count_after_the_warm_up() -> None:
    """Six years of bars are fewer than six years that trade."""
    dates = every_day(dt.date(2015, 6, 30), warmup=0)
    assert len(wfo.Windows.preset().resolve(dates, warmup=0)) == 4
    assert len(wfo.Windows.preset().resolve(dates, warmup=1)) == 3


@pytest.mark.parametrize("bars", [1, 2, 5, 50, 100, 101, 250, 470])
@pytest.mark.parametrize("warmup", [100, 250])
def test_what_is_too_short_says_from_where_to_import(sample: Dates, bars: int, warmup: int) -> None:
    windows = wfo.Windows.preset()
    for end in (700, 1400, 2900, 5031):
        held = sample[end - bars : end]
        with pytest.raises(wfo.DataError) as caught:
            windows.resolve(held, warmup=warmup)
        found = re.search(
            r"to trade from (\S+) on, so get bars from about (\S+) on", str(caught.value)
        )
        assert found is not None
        needed, source = (dt.date.fromisoformat(text) for text in found.groups())
        assert needed == pl.Series([held[-1]]).dt.offset_by("-18mo")[0]
        # What the message asks for is enough the first time.
        assert windows.resolve([d for d in sample[:end] if d >= source], warmup=warmup)


def test_a_schedule_of_ones_own_does_not_shrink(sample: Dates) -> None:
    windows = wfo.Windows("long", (DateSpan(25 * 12, 0, 0.5),), 1)
    with pytest.raises(wfo.DataError, match="'long' needs to trade from 1993-12-31 on"):
        windows.resolve(sample)
    millennia = wfo.Windows("millennia", (DateSpan(36_000, 0, 0.5),), 1)
    with pytest.raises(wfo.DataError, match="too little history"):
        millennia.resolve(sample)


def test_a_warm_up_longer_than_time_is_an_error(sample: Dates) -> None:
    with pytest.raises(wfo.DataError, match="has only 5031 bars"):
        wfo.Windows.preset().resolve(sample, warmup=10**6)
    with pytest.raises(wfo.InputError, match="warmup = -1"):
        wfo.Windows.preset().resolve(sample, warmup=-1)


# Schedules in YAML.


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_schedule_in_yaml(tmp_path: Path, sample: Dates) -> None:
    path = written(
        tmp_path,
        "phases:\n"
        "  - {from: 10y, to: 5y, in_sample: 0.6}\n"
        "  - {from: 18m, to: today, in_sample: 0.75}\n"
        "  - {from: 2.5 y, to: 0, in_sample: 0.5}\n"
        "min_phases: 2\n",
    )
    for name in (path, str(path)):
        windows = wfo.Windows.load(name)
        assert windows.spans == (
            DateSpan(120, 60, 0.6),
            DateSpan(18, 0, 0.75),
            DateSpan(30, 0, 0.5),
        )
        assert (windows.name, windows.min_phases) == ("mine", 2)
    phases = windows.resolve(sample)
    assert golden(phases)[0] == SAMPLE_DEFAULT[0]
    # 30 June 2017 (Fri) to 31 December 2018: 549 days, .75 is 411.75; + 412 is 2018-08-16 (Thu).
    assert golden(phases)[1] == ("2017-06-30", "2018-08-15", "2018-08-16", "2018-12-31")


@pytest.mark.parametrize(("phases", "least"), [(1, 1), (2, 2), (3, 3), (5, 3)])
def test_phases_asked_for_where_the_file_does_not_say(
    tmp_path: Path, phases: int, least: int
) -> None:
    text = "phases:\n" + "- {from: 2y, to: today, in_sample: 0.5}\n" * phases
    assert wfo.Windows.load(written(tmp_path, text)).min_phases == least


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("phases: [{from: 5y, to: 10y, in_sample: 0.6}]", "begin before it ends"),
        ("phases: [{from: 5y, to: 5y, in_sample: 0.6}]", "begin before it ends"),
        ("phases: [{from: today, to: today, in_sample: 0.6}]", "begin before it ends"),
        ("phases: [{from: 5y, to: today, in_sample: 0}]", "in_sample = 0.0"),
        ("phases: [{from: 5y, to: today, in_sample: 1}]", "in_sample = 1.0"),
        ("phases: [{from: 5y, to: today, in_sample: 60}]", "in_sample = 60.0"),
        ("phases: [{from: 5y, to: today, in_sample: .nan}]", "line 1: .nan is no number"),
        ("phases: [{from: 5y, to: today, in_sample: many}]", "many"),
        ("phases: [{from: 5y, to: today}]", "in_sample"),
        ("phases: [{from: 5, to: today, in_sample: 0.5}]", "5 is no time before today"),
        ("phases: [{from: 5 years, to: today, in_sample: 0.5}]", "5 years"),
        ("phases: [{from: -5y, to: today, in_sample: 0.5}]", "-5y"),
        ("phases: [{from: 2016-05-01, to: today, in_sample: 0.5}]", "2016-05-01 is no time before"),
        ("phases: [{from: 0.3y, to: today, in_sample: 0.5}]", "whole number of months"),
        ("phases: [{from: 5y, to: today, insample: 0.5}]", "did you mean 'in_sample'"),
        ("phases: [{from: 5y, to: today, in_sample: 0.5}]\nmin_phase: 1", "'min_phases'"),
        ("phases: [{from: 5y, to: today, in_sample: 0.5}]\nmin_phases: 2", "min_phases = 2"),
        ("phases: [{from: 5y, to: today, in_sample: 0.5}]\nmin_phases: 0", "min_phases = 0"),
        ("phases: [{from: 5y, to: today, in_sample: 0.5}]\nmin_phases: 1.9", "min_phases = 1.9"),
        ("phases: [{from: 5y, to: today, in_sample: 0.5}]\nmin_phases: yes", "min_phases = True"),
        ("phases: []", "no phases"),
        ("phases: 3", "3 is not 'phases'; it needs lines"),
        ("[10y, 5y]", "is not a schedule"),
        ("", "not a schedule"),
        ("phases: [{from: 5y", "is not YAML: line 2"),
    ],
)
def test_what_is_no_schedule_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(wfo.InputError, match=re.escape(message)) as caught:
        wfo.Windows.load(written(tmp_path, text))
    assert "mine" in str(caught.value)


def test_bytes_that_are_no_text_are_no_schedule(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"phases: \xff\xfe")
    with pytest.raises(wfo.InputError, match=r"mine\.yaml is not YAML: line 1: byte 0xff"):
        wfo.Windows.load(path)


def test_a_schedule_that_does_not_exist() -> None:
    with pytest.raises(wfo.InputError, match="'sixtyforty'; did you mean 'sixty-forty'"):
        wfo.Windows.load("sixtyforty")
    with pytest.raises(wfo.InputError, match=r"given as the path of a \.yaml file"):
        wfo.Windows.load("sixtyforty")
    with pytest.raises(wfo.InputError, match=r"no windows file .*nowhere\.yml"):
        wfo.Windows.load("nowhere.yml")
    with pytest.raises(wfo.InputError, match="known: anchored, default, rolling, sixty-forty"):
        wfo.Windows.preset(None)  # type: ignore[arg-type]  # on purpose


# Any calendar.


@st.composite
def calendars(draw: st.DrawFn) -> Dates:
    """Twelve to sixteen years of days with weekends, holidays and longer gaps, or with neither."""
    gaps = draw(st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 4, 9]), min_size=5, max_size=40))
    day = draw(st.dates(dt.date(1970, 1, 1), dt.date(2010, 1, 1)))
    last = day + dt.timedelta(draw(st.integers(12 * 366, 16 * 365)))
    dates = []
    while day <= last:
        dates.append(day)
        day += dt.timedelta(gaps[len(dates) % len(gaps)])
    return dates


spans = st.builds(
    lambda start, length, share: DateSpan(start + length, start, share),
    st.integers(0, 48),
    st.integers(6, 60),
    st.floats(0.2, 0.8),
)
schedules = st.one_of(
    st.sampled_from([wfo.Windows.preset(), wfo.Windows.preset("sixty-forty")]),
    st.lists(spans, min_size=1, max_size=5).map(
        lambda spans: wfo.Windows("any", tuple(spans), 1, shrinks=True)
    ),
)


@hypothesis.settings(max_examples=150)
@hypothesis.given(calendars(), schedules, st.integers(0, 400), st.integers(0, 12 * 365))
def test_properties_of_every_calendar(
    dates: Dates, windows: wfo.Windows, warmup: int, back: int
) -> None:
    as_of = max(dates[0], dates[-1] - dt.timedelta(back))
    held = [d for d in dates if d <= as_of]
    try:
        phases = windows.resolve(dates, as_of=as_of, warmup=warmup)
    except wfo.DataError as error:
        message = str(error)
    else:
        message = ""
    if message:
        # Too short, since the warm-up has up to 400 bars, 9 days apart.
        assert "too little history" in message
        assert (as_of - dates[0]).days < 550 + 9 * (warmup + 1)
        return
    check_bounds(phases, dates)
    assert phases.as_of == as_of
    assert 1 <= phases.min_phases <= len(phases)
    for p in phases:
        assert warmup <= p.warmup < p.split < p.end <= len(held)
        for index, date in ((p.warmup, p.from_date), (p.split, p.split_date)):
            assert dates[index - 1] < date <= dates[index] or (index == 0 and date <= dates[0])
        if p.to_date == as_of:
            assert p.end == len(held)
        else:
            assert dates[p.end - 1] < p.to_date <= dates[p.end]
    assert [p.end == len(held) for p in phases] == [p.to_date == as_of for p in phases]


@pytest.mark.parametrize("years", [(2009, 2010, 2011), (2012, 2013)])
def test_a_hole_in_the_history_is_named(sample: Dates, years: tuple[int, ...]) -> None:
    """Without these years the first phase has nothing in-sample, or out-of-sample."""
    holed = [d for d in sample if d.year not in years and d != dt.date(2008, 12, 31)]
    with pytest.raises(wfo.DataError, match=r"phase 1, 2008-12-31 … 2013-12-31.*2012-01-01"):
        wfo.Windows.preset().resolve(holed)


def test_a_share_that_leaves_no_day_out_of_sample_is_an_error(sample: Dates) -> None:
    windows = wfo.Windows("all in", (DateSpan(48, 0, 0.9999),), 1)  # 1460.85 of 1461 days
    with pytest.raises(wfo.DataError, match="phase 1"):
        windows.resolve(sample)


@pytest.mark.parametrize("preset", ["default", "sixty-forty"])
def test_intraday_bars_have_the_same_windows_as_their_days(preset: str, sample: Dates) -> None:
    """The warm-up of 700 bars ends on a day's last bar but one; a boundary is a day's first."""
    times = [dt.time(h, 30) for h in range(9, 16)]
    stamps = [dt.datetime.combine(d, t) for d in sample for t in times]
    daily = wfo.Windows.preset(preset).resolve(sample)
    hourly = wfo.Windows.preset(preset).resolve(pl.Series("datetime", stamps))
    assert golden(hourly) == golden(daily)
    assert [p.bounds for p in hourly] == [tuple(7 * i for i in p.bounds) for p in daily]
    zoned = pl.Series("datetime", stamps).dt.replace_time_zone("America/New_York")
    assert wfo.Windows.preset(preset).resolve(zoned) == hourly


@pytest.mark.parametrize("warmup", [95, 96, 97, 100, 119, 120])
@pytest.mark.parametrize("years", [2, 4, 12])
def test_the_warm_up_of_intraday_bars_is_as_long_as_asked(warmup: int, years: int) -> None:
    """It ends within a day of 24 bars, and trading begins with the first bar of a day."""
    first = TODAY.replace(year=TODAY.year - years)
    dates = [d for d in every_day(first, 5) for _ in range(24)]
    phases = wfo.Windows.preset().resolve(dates, warmup=warmup)
    if years < 10:
        assert phases[0].warmup == -(-warmup // 24) * 24
    assert all(p.warmup >= warmup and p.warmup % 24 == 0 for p in phases)
    # Ten years to the day: the day in which the warm-up ends is not one of them.
    exact = [d for d in every_day(dt.date(2011, 6, 30), 4) for _ in range(24)]
    shrunk = wfo.Windows.preset().resolve(exact, warmup=warmup)
    assert bool(shrunk.note) == (warmup > 96)
    assert shrunk[0].warmup == (96 if warmup <= 96 else 120)


def test_real_hourly_bars(real_bars: Path) -> None:
    """2024-01-01 00:00 to 2026-04-30 UTC: the warm-up ends on the fifth day."""
    stamps = pl.read_csv(real_bars / "BTCUSDTPERP_1hour.csv", try_parse_dates=True)["datetime"]
    phases = wfo.Windows.preset().resolve(stamps)
    assert (len(phases), phases.min_phases) == (2, 2)
    assert phases[0].in_sample[0] == dt.date(2024, 1, 6)
    assert phases[0].warmup == 120
    check_shrunk(phases, dt.date(2024, 1, 6), dt.date(2026, 4, 30))


def test_five_minute_bars_of_less_than_a_year_say_from_where_to_import(real_bars: Path) -> None:
    stamps = pl.read_csv(real_bars / "QQQ_5min.csv", try_parse_dates=True)["datetime"]
    with pytest.raises(wfo.DataError) as caught:
        wfo.Windows.preset().resolve(stamps)
    # 2026-03-06 less 18 months is a Friday; a day has 78 bars, so the warm-up takes two of them.
    assert "needs to trade from 2024-09-06 on" in str(caught.value)
    found = re.search(r"from about (\S+) on, or give a shorter schedule", str(caught.value))
    assert found is not None
    source = dt.date.fromisoformat(found[1])
    assert dt.date(2024, 8, 25) < source <= dt.date(2024, 9, 3)


@pytest.mark.parametrize(
    ("dates", "message"),
    [
        ([], "no bars"),
        (["1999-01-04"], "not over str"),
        ([dt.date(1999, 1, 4), None], "not over NoneType"),
        ([dt.date(1999, 1, 5), dt.date(1999, 1, 4)], "1999-01-05 comes before 1999-01-04"),
        (pl.DataFrame({"date": [dt.date(1999, 1, 4)]}), "not over Series"),
    ],
)
def test_what_is_no_history_is_named(dates: object, message: str) -> None:
    with pytest.raises(wfo.DataError, match=message):
        wfo.Windows.preset().resolve(dates)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("least", [0, 3, 1.5, True])
def test_phases_asked_for_lie_within_the_schedule(least: int) -> None:
    with pytest.raises(wfo.InputError, match=f"min_phases = {least}"):
        wfo.Windows("two", (DateSpan(24, 0, 0.5), DateSpan(48, 0, 0.5)), least)


def test_a_schedule_survives_its_manifest(sample: Dates) -> None:
    for phases in (
        wfo.Windows.preset().resolve(sample),
        wfo.Windows.preset().resolve(sample[-900:]),
    ):
        again = wfo.Phases.from_dict(json.loads(json.dumps(phases.to_dict())))
        assert again == phases
        assert golden(again) == golden(phases)
    assert wfo.Windows.preset().to_dict()["phases"][3] == {
        "from": "48m",
        "to": "0m",
        "in_sample": 0.5,
    }


def test_phases_are_a_sequence(sample: Dates) -> None:
    phases = wfo.Windows.preset().resolve(sample)
    assert [p.number for p in phases] == [1, 2, 3, 4]
    assert [p.number for p in phases[1:3]] == [2, 3]
    assert phases[-1] is phases.phases[3]


@pytest.mark.parametrize("name", ["default", "sixty-forty"])
def test_a_preset_comes_back_from_its_plain_values(name: str) -> None:
    """It shrinks as it did, which the values do not say."""
    assert wfo.Windows.from_dict(wfo.Windows.preset(name).to_dict()) == wfo.Windows.preset(name)


def test_a_schedule_comes_back_from_its_plain_values() -> None:
    own = wfo.Windows("own", wfo.Windows.preset("default").spans[:2], min_phases=1)
    assert wfo.Windows.from_dict(own.to_dict()) == own
    # One that is called like a preset is not taken for it.
    named = wfo.Windows("default", own.spans, min_phases=2)
    assert wfo.Windows.from_dict(named.to_dict()) == named
