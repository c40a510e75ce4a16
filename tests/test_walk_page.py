"""The pages of a walk-forward and of a matrix, as text and for a browser, on made-up figures."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from made_walk import made_findings, made_matrix, made_walk

from wfo import charts
from wfo.errors import InputError
from wfo.metrics import Metrics
from wfo.runs.manifest import HoldoutRecord
from wfo.runs.walkforward import artefacts, curves, matrix_page, words
from wfo.runs.walkforward.curves import walk_chart
from wfo.runs.walkforward.found import WalkFindings
from wfo.stats.efficiency import Condition, TradeStationVerdict
from wfo.walkforward.values import Curve, WalkForward
from wfo.windows import Length, WalkSchedule


def text_of(walk: WalkForward, **changes: Any) -> str:
    """Return a page on one line."""
    return flat(page_of(walk, **changes))


def page_of(walk: WalkForward, **changes: Any) -> str:
    page = artefacts.text_page(made_findings(walk, **changes))
    check(page)
    return page


def check(page: str) -> None:
    """Check what holds for every page: its width, and that all of it is said."""
    assert max(map(len, page.splitlines())) <= 98
    assert not re.search(r"\b(nan|inf|None|NaN)\b", page)
    assert not re.search(r" $", page, re.MULTILINE)
    assert page.endswith("\n")


def flat(page: str) -> str:
    return " ".join(page.split())


# The verdict


@pytest.mark.parametrize(
    ("own", "held", "said"),
    [
        (0.12, 0.10, "Choosing again in each window beat buy-and-hold after costs: 12.0 % a year"),
        (0.08, 0.10, "Choosing again in each window did NOT beat buy-and-hold after costs: 8.0 %"),
    ],
)
def test_the_first_line_is_whether_re_selection_beats_buy_and_hold(
    own: float, held: float, said: str
) -> None:
    walk = made_walk(own=own, held=held)
    page = text_of(walk)
    total, bought = (c.metrics.total_return for c in (walk.stitched, walk.held))
    assert page.startswith(said)
    assert f"against 10.0 %, {100 * total:.1f} % against {100 * bought:.1f} % in all." in page


def test_costs_that_are_not_there_are_warned_of_first() -> None:
    walk = made_walk()
    free = replace(walk, settings={**walk.settings, "slip": 0.0})
    page = text_of(free)
    assert page.startswith("Warning: fills cost NOTHING here.")
    assert "beat buy-and-hold before costs, of which none are set:" in page
    assert "after costs" not in page
    unknown = text_of(replace(walk, settings={}))
    assert "beat buy-and-hold, whatever its costs are:" in unknown
    assert "NOTHING" not in unknown
    dear = text_of(replace(walk, settings={**walk.settings, "slip": 0.05}))
    assert dear.startswith("Warning: 5 % at every fill is much")


def test_returns_that_differ_by_rounding_are_the_same() -> None:
    said = words.against_holding(1.0, 1.0 + 1e-9, None, None, 0.001)
    assert said.startswith("Choosing again in each window came to the same as buy-and-hold")
    assert words.against_holding(1.0, 1.0 + 1e-9, None, None, 0.001).count("a year") == 0
    assert "made the same" in words.against_exposure(0.5, 0.5 + 1e-9, None)
    assert words.against_first(0.5, 0.5 + 1e-9, 3, (0.1, 0.1)).endswith("made no difference.")


def test_less_than_a_year_is_not_made_annual_in_the_verdict() -> None:
    walk = made_walk(bars=720, schedule=WalkSchedule("2y", "6m"))
    assert walk.stitched.metrics.bars < walk.bars_per_year
    first = text_of(walk).split("Its deepest fall")[0]
    assert "a year" not in first


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (2.1, "more than either, by when it was in."),
        (2.0, "more than the second and the same as the first."),
        (1.5, "more than the second and NOT more than the first."),
        (1.0, "the same as the second, and less than the first."),
        (0.9, "NOT more than either."),
    ],
)
def test_two_ways_of_the_same_exposure_are_compared(own: float, said: str) -> None:
    # Of a market that came to five times itself, half the capital held made 200 %, and half of the
    # bars, sqrt(5) - 1.
    walk = made_walk(held=0.5)
    gain = walk.held.metrics.total_return
    assert gain is not None
    page = text_of(walk)
    random = math.sqrt(1 + gain) - 1
    assert walk.exposure_return == pytest.approx(gain / 2)
    assert walk.random_timing_return == pytest.approx(random, rel=1e-12)
    assert f"the rest in cash, comes to {100 * gain / 2:.1f} % in all, and" in page
    assert f"bars drawn at random typically to {100 * random:.1f} %: choosing again" in page
    told = words.against_exposure(own, 2.0, 1.0)
    assert told.endswith(f": choosing again made {said}")


def test_random_timing_is_about_the_median_of_all_draws() -> None:
    walk = made_walk(held=0.5)
    held = walk.held.equity
    moves = np.diff(np.log(held)) + 0.01 * np.random.default_rng(7).standard_normal(len(held) - 1)
    moves += (math.log(held[-1] / held[0]) - moves.sum()) / len(moves)
    draws = np.random.default_rng(8).random((2_000, len(moves))).argsort(axis=1) < len(moves) // 2
    median = np.median((draws * moves).sum(axis=1))
    assert walk.random_timing_return is not None
    assert math.log1p(walk.random_timing_return) == pytest.approx(median, abs=0.02)


@pytest.mark.parametrize(("exposed", "gain"), [(None, 0.1), (0.0, 0.0), (-0.5, -1.0)])
def test_random_timing_is_not_known_of_what_has_no_growth(
    exposed: float | None, gain: float
) -> None:
    walk = made_walk()
    none = replace(walk.held.metrics, total_return=gain)
    walk = replace(walk, held=replace(walk.held, metrics=none), exposure_return=exposed)
    assert walk.random_timing_return is None
    one = words.against_exposure(0.2, 0.1, None)
    assert one.endswith("10.0 % in all: choosing again made more than that, by when it was in.")


@pytest.mark.parametrize("exposed", [1e6, -0.2])
def test_random_timing_is_not_known_of_a_share_that_cannot_be(exposed: float) -> None:
    walk = made_walk(exposure_return=exposed)
    assert walk.random_timing_return is None
    assert "drawn at random typically" not in text_of(walk)


def test_never_choosing_again_is_compared() -> None:
    assert "choosing again paid." in text_of(made_walk(first=0.05))
    assert "choosing again did NOT pay." in text_of(made_walk(first=0.3))
    same = text_of(made_walk(chosen=(1,) * 6))
    assert "All windows traded the same set, so that choosing again changed nothing." in same
    assert "paid" not in same.split("What was assumed")[0]


@pytest.mark.parametrize(
    ("own", "first", "falls", "said"),
    [
        (0.3, 0.2, (0.1, 0.1), "paid."),
        (0.2, 0.3, (0.1, 0.1), "did NOT pay."),
        (0.132, 0.119, (0.123, 0.075), "made more, but had less return by drawdown: its deepest"),
        (0.132, 0.119, (0.123, 0.075), "its deepest fall was 12.3 %, not 7.5 %."),
        (0.1, 0.2, (0.05, 0.2), "made less, but had more return by drawdown"),
        (0.2, 0.2, (0.3, 0.2), "made the same, but had less return by drawdown"),
        (0.2, 0.1, (0.2, 0.1), "made more, but had the same return by drawdown"),
        (0.2, 0.0, (0.2, 0.0), "made more, but had the same return by drawdown"),
        # Of two losses the quotient of the deeper fall would be the better one.
        (-0.1, -0.2, (0.2, 0.3), "paid."),
        (-0.1, -0.2, (0.4, 0.3), "made more, but its deepest fall was 40.0 %, not 30.0 %."),
        (-0.2, -0.1, (0.4, 0.3), "did NOT pay."),
        (0.1, -0.2, (0.5, 0.3), "paid."),
        (0.2, 0.1, (None, 0.1), "made more."),
    ],
)
def test_choosing_again_paid_by_return_and_by_drawdown(
    own: float, first: float, falls: tuple[float | None, float | None], said: str
) -> None:
    told = words.against_first(own, first, 3, falls)
    assert said in told
    assert told.count(".") - len(re.findall(r"\d\.\d", told)) == 1
    assert ("paid" in told) == (said == "paid.")


def test_windows_with_a_profit_and_ahead_are_counted() -> None:
    walk = made_walk(own=0.05, held=0.10)
    results = list(walk.results)
    results[0] = replace(results[0], traded=replace(results[0].traded, total_return=-0.2))
    results[1] = replace(results[1], held=replace(results[1].held, total_return=-0.3))
    page = text_of(replace(walk, results=tuple(results)))
    assert (
        "It is one path of history, of 6 windows: 5 made a profit while they traded, and 1 more"
        " than buy-and-hold did." in page
    )
    assert "It is one window of one history, a single bet" in text_of(made_walk(bars=700))


NAMES = [
    "total out-of-sample profit above 0",
    "annual walk-forward efficiency of at least 50 %",
    "at least 50 % of the phases profitable",
    "no phase with 50 % of the profit or more",
    "drawdown below 40 % in every phase",
]


@pytest.mark.parametrize("missed", range(5))
def test_each_condition_of_tradestation_is_named_where_it_is_missed(missed: int) -> None:
    conditions = tuple(
        Condition(name, 0.123 + k / 10, 0.5, k != missed) for k, name in enumerate(NAMES)
    )
    page = page_of(made_walk(tradestation=TradeStationVerdict(conditions)))
    name = NAMES[missed].replace("phase", "window")
    assert f"NOT passed, 4 of 5 are met. Missed: {name}." in flat(page)
    rows = [line for line in page.splitlines() if re.match(r" {2}.* (yes|NO)$", line)]
    assert len(rows) == 5
    assert [line.endswith("NO") for line in rows] == [k == missed for k in range(5)]
    # Money, then shares.
    assert rows[0].split()[-2] == "0"
    assert [f"{12.3 + 10 * k:.1f} %" in rows[k] for k in range(1, 5)] == [True] * 4
    assert "phase" not in "".join(rows)


def test_all_conditions_met_is_a_pass() -> None:
    conditions = tuple(Condition(name, 0.6, 0.5, True) for name in NAMES)
    page = text_of(made_walk(tradestation=TradeStationVerdict(conditions)))
    assert "TradeStation's walk-forward criteria: PASSED, all 5 are met." in page
    assert "a market that rises can pass them by itself" in page


def test_what_compounding_does_to_the_efficiency_is_said_where_profits_compound() -> None:
    walk = made_walk()
    rolling = text_of(walk)
    assert "the efficiency a year is lower by that alone. Compare it only" in rolling
    schedule = WalkSchedule("2y", "6m", anchored=True)
    assert "anchored schedule grow with every window" in text_of(made_walk(schedule=schedule))
    fixed = replace(walk, settings={**walk.settings, "sizing": "fixed"})
    assert "compound for longer" not in text_of(fixed)


@pytest.mark.parametrize(
    ("by", "head", "ties"),
    [
        ("stability", "Its stability", True),
        ("sharpe", "Its sharpe", True),
        ("plateau", "Its stability", False),
        ("region", "Its stability", False),
    ],
)
def test_what_a_centre_is_the_middle_of_is_not_called_equally_good(
    by: str, head: str, ties: bool
) -> None:
    walk = made_walk(by=by)
    results = [replace(r, decision=replace(r.decision, tied=40)) for r in walk.results]
    page = text_of(replace(walk, results=tuple(results)))
    assert f"Set {head}" in page
    assert ("combinations were equally good" in page) is ties


def test_a_cut_part_is_told_by_its_own_days() -> None:
    assert words.short_parts(181, 181) == ""
    assert words.short_parts(181, 3).startswith(
        "The last out-of-sample part is cut, and has 3 days: a figure a year made of so few"
    )
    assert "have 28 days, the last one, which is cut, 1 day: a" in words.short_parts(28, 1)
    assert words.short_parts(28, 28).startswith("Out-of-sample parts have 28 days: a")
    walk = made_walk()
    last = walk.windows[-1]
    assert last.cut
    days = (last.out_of_sample[1] - last.split_date).days + 1
    assert f"is cut, and has {days} days: a figure a year" in text_of(walk)


def test_windows_in_cash_are_no_part_of_the_criteria_and_it_is_said() -> None:
    assert "not counted" not in text_of(made_walk())
    said = "The first 2 windows are all cash and not counted here."
    assert said in text_of(made_walk(chosen=(None, None, 1, 1, 2, 1)))
    assert "not counted" not in text_of(made_walk(chosen=(None,) * 6))


def test_a_sum_of_another_sign_than_the_curve_is_explained() -> None:
    conditions = (Condition(NAMES[0], 5_000.0, 0.0, True),) * 5
    losing = made_walk(own=-0.02, tradestation=TradeStationVerdict(conditions))
    assert "The windows' profits add up to a profit though the curve has lost" in text_of(losing)
    assert "profits add up" not in text_of(made_walk())
    assert words.sum_differs(-1.0, 0.2).startswith("The windows' profits add up to a loss though")


def test_what_weakens_the_verdict_is_said_where_it_holds() -> None:
    usual = text_of(made_walk())
    assert "mostly" not in usual
    assert "may be luck" not in usual
    assert "It has a position on 95" in text_of(made_walk(exposure=0.95))
    short = made_walk(exposure=0.95)
    short = replace(short, trades=short.trades.with_columns(side=pl.lit("short")))
    assert "It has a position on" not in text_of(short)
    assert "It closed only 5 trades: what it earned may be luck" in text_of(made_walk(trades=5))
    assert "It closed NO trade:" in text_of(made_walk(trades=0))
    assert (
        "Each set was chosen out of 1,000 for its in-sample bars, and looks good there by that"
        " alone: 17.0 % a year in the median, where traded they made 12.0 %." in usual
    )
    assert "Each set was chosen" not in text_of(made_walk(), combinations=1)


def test_ruin_is_said_and_undefined_figures_are_dashes() -> None:
    walk = made_walk()
    marks = walk.stitched.equity.copy()
    marks[-50:] = -1000.0
    undefined = dict.fromkeys(("cagr", "volatility", "sharpe", "sortino", "mar", "profit_factor"))
    lost = replace(walk.stitched.metrics, total_return=-1.01, max_drawdown_share=1.01, **undefined)
    last = walk.results[-1]
    results = (*walk.results[:-1], replace(last, traded=without(last.traded), wfe=None))
    ruined = replace(walk, stitched=Curve("stitched", marks, lost), results=results)
    page = page_of(ruined)
    assert "The account was RUINED: of 100,000 it fell to -1,000" in flat(page)
    assert "did NOT beat buy-and-hold" in flat(page)
    (row,) = [line for line in page.splitlines() if line.startswith("  Stitched: chosen again")]
    assert row.split()[-8:] == ["-", "101.0", "%", "-", "-", "60", "49.9", "%"]
    assert "RUINED" not in text_of(walk)


def without(metrics: Metrics) -> Metrics:
    """Return figures of a part that begins without money."""
    return replace(metrics, total_return=None, cagr=None, max_drawdown_share=None, sharpe=None)


# The curve


def test_fixed_sets_say_what_they_have_seen() -> None:
    walk = made_walk()
    page = page_of(walk)
    starts = ("  Hindsight: saw these bars", "  Run's best: saw its windows", "  First set, never")
    for start, fixed in zip(starts, (walk.fixed[1], walk.fixed[2], walk.fixed[0]), strict=True):
        (row,) = [x for x in page.splitlines() if x.startswith(start) and "parameters" not in x]
        assert f"{100 * fixed.curve.metrics.total_return:.1f} %" in row
    assert "It has seen the FUTURE, and nobody could have traded it" in flat(page)
    assert "no estimate of what comes" in flat(page)
    assert "Hindsight: saw these bars, its parameters: fast 5, slow 20, stop 2.5." in flat(page)
    alone = text_of(replace(walk, fixed=()))
    assert "FUTURE" not in alone
    assert "in hindsight" not in alone


def test_a_hindsight_below_buy_and_hold_is_said() -> None:
    walk = made_walk(own=0.01, held=0.3)
    assert "Even what this criterion chooses with all these bars in view comes to" in text_of(walk)
    assert "Even what" not in text_of(made_walk())


def test_the_chart_marks_decisions_and_leaves_out_what_has_seen_its_bars() -> None:
    walk = made_walk()
    chart = walk_chart(walk)
    assert chart is not None
    begin = walk.windows[0].split
    assert list(chart.decisions) == [w.split - begin for w in walk.windows[1:]]
    assert [name for name, _ in chart.others] == ["First set, never changed"]
    lines = charts.text_chart(chart, 98).splitlines()
    rule = next(line for line in lines if line.strip().startswith("+-"))
    assert rule.count("+") == 1 + 5
    assert ". a new decision" in "\n".join(lines)
    # The mark before a window's first bar is the last one that the set before has made.
    assert walk.dates[chart.decisions[0]] == walk.windows[0].out_of_sample[1]


# Windows and sets


def table_rows(page: str, heading: str) -> list[list[str]]:
    """Return the rows below a table's headings, split where blanks are."""
    lines = page.splitlines()
    at = next(i for i, line in enumerate(lines) if re.match(heading, line))
    rows = []
    for line in lines[at + 1 :]:
        if not re.match(r" {2}\S", line) or re.match(r" {2}[A-Z][a-z]+[ :]", line):
            break
        rows.append(line.split())
    return rows


def test_every_window_has_its_dates_set_and_figures() -> None:
    walk = made_walk(chosen=(0, 1, 1, 2, 0, 1))
    page = page_of(walk)
    dates = table_rows(page, r"  Window +Chosen on")
    assert [row[-2] for row in dates] == ["1", "2", "2", "3", "1", "2"]
    for row, each in zip(dates, walk.results, strict=True):
        spans = [str(d) for d in (*each.window.in_sample, *each.window.out_of_sample)]
        assert [x for x in row if "-" in x] == spans
    assert dates[-1][:2] == ["6", "cut"]
    figures = table_rows(page, r"  Window +In-sample")
    for row, each in zip(figures, walk.results, strict=True):
        cells = [x for x in row if x != "%"]
        expected = (each.in_sample.cagr, each.alone.cagr)
        assert [float(x) for x in cells[1:3]] == pytest.approx(
            [100 * x for x in expected], abs=0.06
        )
        assert cells[3:6] == ["0.21", "0.84", "0.77"]
        two = [100 * x.total_return for x in (each.traded, each.held)]
        assert [float(x) for x in cells[6:8]] == pytest.approx(two, abs=0.06)
        assert cells[8] == "3"
    assert "2    3        5    40" in page or re.search(r"3 +4 +5 +40\n", page)
    assert "The same in all of them: stop 2.5." in page


def test_windows_that_choose_nothing_keep_the_set_before_or_stay_in_cash() -> None:
    page = page_of(made_walk(chosen=(None, 0, None, None, 1, 0)))
    assert [row[-2:] for row in table_rows(page, r"  Window +Chosen on")] == [
        ["cash", "-"],
        ["1", "61.500"],
        ["kept", "-"],
        ["kept", "-"],
        ["2", "62.500"],
        ["1", "61.500"],
    ]
    assert (
        "In 3 of 6 windows nothing could be chosen: it began in cash, in 2 the set before went on"
        " trading." in flat(page)
    )
    nothing = page_of(made_walk(chosen=(None,) * 6))
    # Cash has beaten nothing.
    assert text_of(made_walk(chosen=(None,) * 6)).startswith(
        "NOTHING could be chosen in any window: all of it is cash."
    )
    assert not any(
        word in flat(nothing) for word in ("beat buy", "choosing again made", "NO trade")
    )
    assert "nothing could be chosen" not in text_of(made_walk())
    walk = made_walk(chosen=(None,) * 6)
    lots = "NO LOT COULD BE BOUGHT, by any set in any window."
    page = text_of(replace(walk, notes=(*walk.notes, lots)))
    assert flat(page).startswith(
        f"NOTHING could be chosen in any window: all of it is cash. {lots}"
    )
    assert flat(page).count(lots) == 1
    assert words.none_chosen(2, 0, 6) == (
        "In 2 of 6 windows nothing could be chosen: the set before went on trading."
    )


def test_reasons_are_said_once_with_their_windows() -> None:
    walk = made_walk(chosen=(0, None, None, 1, None, 2))
    results = list(walk.results)
    other = replace(results[4].decision, note="too few trades")
    results[4] = replace(results[4], decision=other)
    page = text_of(replace(walk, results=tuple(results)))
    assert "Windows 2-3: no combination is valid." in page
    assert "Window 5: too few trades." in page


def test_drift_says_how_far_and_how_often_parameters_move() -> None:
    page = page_of(made_walk(chosen=(0, 1, 0, 2, 2, 2)))
    rows = {row[0]: row[1:] for row in table_rows(page, r"  Parameter +Steps")}
    assert rows == {
        "fast": ["0.75", "2", "of", "5", "5", "10"],
        "slow": ["1.25", "1", "of", "5", "20", "40"],
    }
    unknown = page_of(made_walk(drift={"fast": None, "slow": None, "stop": None}))
    assert [row[1] for row in table_rows(unknown, r"  Parameter +Steps")] == ["-", "-"]
    assert "Drift" not in page_of(made_walk(chosen=(1,) * 6))


def test_parts_that_overlap_say_until_when_a_set_trades() -> None:
    schedule = WalkSchedule("2y", "6m", step="2m")
    walk = made_walk(schedule=schedule, bars=1000)
    page = page_of(walk)
    assert "it trades after them, for 6 months, or until the next decision 2 months later" in flat(
        page
    )
    assert "Where these parts overlap, they must not be added." in flat(page)
    rows = table_rows(page, r"  Window +Chosen on +Out-of-sample part +Trades until")
    for row, each in zip(rows, walk.results, strict=True):
        assert row[-3] == str(each.traded.last)
    assert "Trades until" not in page_of(made_walk())


def test_many_windows_are_shortened_with_a_word_where_all_are() -> None:
    walk = made_walk(schedule=WalkSchedule("100d", "7d"), bars=430)
    count = len(walk.windows)
    assert count > 45
    page = page_of(walk)
    assert f"Windows 21 to {count - 20} are left out here;" in flat(page)
    assert "windows.csv and walkforward.html have all." in flat(page)
    rows = table_rows(page, r"  Window +Chosen on")
    numbers = [row[0] for row in rows]
    assert numbers == [*map(str, range(1, 21)), "...", *map(str, range(count - 19, count + 1))]
    assert "Out-of-sample parts have 7 days" in page
    html = artefacts.html_page(made_findings(walk))
    assert all(f'<th scope="row" class="l">{k}' in html for k in range(1, count + 1))
    # Decisions would fill a chart of so few columns.
    assert "a new decision" not in page
    assert "Out-of-sample parts have" not in page_of(made_walk())


# What comes after the last bar


def test_what_trades_next_is_said_and_when_that_ends() -> None:
    walk = made_walk(schedule=WalkSchedule("2y", "6m", purge="5d"))
    page = text_of(walk)
    last = walk.results[-1]
    params = ", ".join(f"{name} {value}" for name, value in last.params.items())
    assert f"Set 3 goes on trading after {last.traded.last}: {params}." in page
    split = last.window.to_date
    assert (
        f"The next decision trades from {split} on, and is chosen on the bars before"
        f" {split - dt.timedelta(5)}."
    ) in page
    folder = "results/QQQ/walkforward/crossing_small"
    assert f"'wfo signal --set-file {folder}/last_set.json'" in page
    cash = text_of(made_walk(chosen=(None,) * 6))
    assert "Nothing is chosen so far: all of it stays in cash." in cash
    assert "wfo signal" not in cash


# What was assumed


def test_what_was_assumed_is_said() -> None:
    walk = made_walk(notes=("one thing", "Another."))
    held = HoldoutRecord("1y", "2015-05-18", "2016-05-13", 250, "f" * 64)
    page = text_of(walk, by_reason="since it is the default", rules="5 trades", holdout=held)
    for said in (
        "QQQ, 1,400 bars of 1day, 2010-01-04 to 2015-05-15, from QQQ.csv",
        "slippage 0.05 % and fee 0 % of every fill",
        "100,000.00 at the first trading bar",
        (
            "rolling: each set is chosen on 2 years of bars, which move on by 6 months; it"
            " trades after them, for 6 months"
        ),
        (
            "of the windows inside the in-sample part (of a longer one the last ten years); 5"
            " trades (since it is the default)"
        ),
        (
            "small, 1,000 combinations on the in-sample bars of each of 6 windows; 7,000 in all,"
            " those in hindsight among them"
        ),
        "Hold-out 2015-05-18 to 2016-05-13, kept out of everything here",
        "QQQ bought at the open of the first traded bar with the same capital, costs and lots",
        "One thing. Another.",
        "QQQ: 123,456 combinations were ever searched on it, 7,000 of them here.",
        "(survivorship)",
        "prices are today's, adjusted and corrected since",
        "wfo permutation-test results/QQQ/walkforward/crossing_small",
        "Took 12.0 s.",
    ):
        assert said in page
    stale = replace(made_findings().data[0], stale="bars of QQQ after 2015-05-15 are missing")
    assert text_of(walk, data=(stale,)).startswith("Warning: bars of QQQ after 2015-05-15 are")
    odd = text_of(walk, warnings=("QQQ: 1 wick is long.",), notes=("the run is damaged",))
    verdict = odd.split("What was assumed")[0]
    assert verdict.startswith("Choosing again")
    assert "Warning: QQQ: 1 wick is long. The run is damaged." in verdict
    kept = text_of(walk, kept=4, moved=Path("results/.history/abc"))
    assert "4 decisions were there already" in kept
    assert "moved to results/.history/abc" in kept


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        (
            WalkSchedule("3y", "6m", anchored=True),
            (
                "anchored: each set is chosen on all bars from 2010-01-04 on, 3 years at first and"
                " 6 months more each time; it trades after them, for 6 months"
            ),
        ),
        (
            WalkSchedule("18m", "30d", purge="5d"),
            (
                "rolling: each set is chosen on 18 months of bars, which move on by 30 days; it"
                " trades after them, for 30 days. A purge leaves the last 5 days before each"
                " decision out of the choice"
            ),
        ),
    ],
)
def test_schedules_are_put_in_words(schedule: WalkSchedule, said: str) -> None:
    assert words.schedule_words(schedule, "2010-01-04") == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1y", "1 year"),
        ("18m", "18 months"),
        ("2y", "2 years"),
        ("1d", "1 day"),
        ("1m2d", "1 month and 2 days"),
    ],
)
def test_lengths_are_put_in_words(written: str, said: str) -> None:
    assert words.length_words(Length.of(written)) == said


# For a browser


class Tags(HTMLParser):
    """Checks that tags are closed in order, and collects them and the text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {"src", "href", "srcset", "action"} & {name for name, _ in attrs}
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = "<script>alert('x')</script>&\x1b[31m"


def test_a_page_for_a_browser_loads_nothing_and_escapes_names() -> None:
    walk = made_walk(symbols=(HOSTILE,), strategy=HOSTILE, grid=HOSTILE, notes=(HOSTILE,))
    found = made_findings(walk, warnings=(HOSTILE,), trials={HOSTILE: 1})
    whole = Tags(artefacts.html_page(found))
    assert not {"script", "link", "iframe", "img", "a"} & set(whole.tags)
    # Paths of commands are longer than the screen of a phone is wide.
    assert re.search(r"body \{[^}]*overflow-wrap: break-word", artefacts.html_page(found))
    assert whole.tags.count("svg") == 1
    assert "\x1b" not in whole.text
    assert "alert('x')" in whole.text
    assert "\x1b" not in artefacts.text_page(found)
    said = flat(whole.text.replace("\N{NO-BREAK SPACE}", " "))
    page = text_of(made_walk())
    usual = flat(Tags(artefacts.html_page(made_findings(made_walk()))).text).replace("\xa0", " ")
    for line in page.split("What was assumed")[0].split(". ")[:4]:
        assert line in usual
    assert said.count("alert") >= 5


def test_a_page_without_a_chart_is_one_too() -> None:
    few = made_walk(bars=624)
    assert len(few.dates) == 2
    assert walk_chart(few) is None
    assert "svg" not in Tags(artefacts.html_page(made_findings(few))).tags
    check(artefacts.text_page(made_findings(few)))


# Files


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn, which takes longer than all the rest."""
    for module in (curves, matrix_page):
        monkeypatch.setattr(module, "has_matplotlib", lambda: False)


@pytest.mark.usefixtures("without_pictures")
def test_without_matplotlib_no_earlier_picture_stays_and_the_page_says_why(tmp_path: Path) -> None:
    picture = tmp_path / "walkforward.png"
    picture.write_bytes(b"of earlier bars")
    artefacts.write_pages(replace(made_findings(made_walk()), folder=tmp_path))
    assert not picture.exists()
    said = "No walkforward.png: pip install 'wfo[plot]' brings matplotlib"
    assert said in text_of(made_walk())
    assert said not in text_of(made_walk(), files=("walkforward.json", "walkforward.png"))


@pytest.mark.usefixtures("without_pictures")
def test_tables_have_every_window_mark_and_trade(tmp_path: Path) -> None:
    walk = made_walk(chosen=(None, 0, None, 1, 2, 0))
    written = artefacts.write_pages(replace(made_findings(walk), folder=tmp_path))
    names = {path.name for path in written}
    assert names == {"walkforward.html", "windows.csv", "equity.csv", "trades.csv"}
    assert all(path.is_file() for path in written)
    windows = pl.read_csv(tmp_path / "windows.csv", try_parse_dates=True)
    # As in the tables of a run, whole numbers have no point.
    kinds = [windows.schema[f"params_{name}"] for name in ("fast", "slow", "stop")]
    assert kinds == [pl.Int64, pl.Int64, pl.Float64]
    assert windows["window"].to_list() == [1, 2, 3, 4, 5, 6]
    assert windows["chosen"].to_list() == [False, True, False, True, True, True]
    assert windows["in_sample_cagr"][0] is None
    assert windows["traded_total_return"].to_list() == [r.traded.total_return for r in walk.results]
    equity = pl.read_csv(tmp_path / "equity.csv", try_parse_dates=True)
    assert equity["date"].to_list() == list(walk.dates)
    np.testing.assert_array_equal(equity["stitched"].to_numpy(), walk.stitched.equity)
    assert equity["window"].to_list()[:2] == [None, 1]
    trades = pl.read_csv(tmp_path / "trades.csv", try_parse_dates=True)
    begin = walk.windows[0].split
    assert trades["entry_date"].to_list() == [walk.dates[1], walk.dates[6]]
    assert trades["exit_date"].to_list() == [walk.dates[5], walk.dates[-1]]
    assert trades["entry_bar"].to_list() == [begin, begin + 5]
    assert trades["entry_window"].to_list() == [1, 1]
    assert trades["exit_window"].to_list() == [1, 6]


# Charts


def days(count: int) -> list[dt.date]:
    return [dt.date(2020, 1, 1) + dt.timedelta(k) for k in range(count)]


def test_a_chart_has_further_curves_and_decisions() -> None:
    marks = np.linspace(100.0, 200.0, 90)
    chart = charts.EquityChart(
        "title", days(90), marks, None, name="A & B", others=[("C <d>", marks * 2)], decisions=[30]
    )
    assert chart.value_range == (100.0, 400.0)
    text = charts.text_chart(chart, 98)
    assert "* A & B   # drawdown   . a new decision" in text
    assert "1 C <d>" in text
    assert "out-of-sample" not in text
    page = charts.page(chart)
    assert page.count('class="decision"') == 1
    assert "C &lt;d&gt;" in page
    assert "A &amp; B" in page
    assert "in-sample" not in page
    plain = charts.page(charts.EquityChart("title", days(90), marks, 30))
    assert "decision" not in plain
    assert "other0" not in plain


def test_a_chart_refuses_what_it_cannot_draw() -> None:
    marks = np.linspace(100.0, 200.0, 90)
    with pytest.raises(InputError, match="a decision at 90 is none of the 90 marks' positions"):
        charts.EquityChart("t", days(90), marks, None, decisions=[90])
    with pytest.raises(InputError, match="3 further curves or less"):
        charts.EquityChart("t", days(90), marks, None, others=[("x", marks)] * 4)
    with pytest.raises(InputError, match="x has 89 marks, and equity 90"):
        charts.EquityChart("t", days(90), marks, None, others=[("x", marks[1:])])


@pytest.mark.slow
def test_a_picture_has_further_curves_and_decisions(tmp_path: Path) -> None:
    (path,) = curves.write_picture(made_walk(), tmp_path / "walkforward.png")
    assert path.read_bytes().startswith(b"\x89PNG")


# A matrix


def matrix_findings(**changes: Any) -> WalkFindings:
    return replace(made_findings(), walk=None, matrix=made_matrix(**changes))


def test_the_page_of_a_matrix_leads_with_how_many_cells_beat_buy_and_hold() -> None:
    found = matrix_findings()
    page = artefacts.text_page(found)
    check(page)
    said = flat(page)
    assert said.startswith("2 of 7 cells beat buy-and-hold")
    assert (
        "Alone, since no more than half of their neighbours beat it too: rolling 2y/6m, anchored"
        in said
    )
    assert "Not done: anchored 3y/1y: too short." in said
    rows = table_rows(page, r"  In / out")
    assert [" ".join(row[:3]) for row in rows] == ["2y / 6m", "2y / 1y", "3y / 6m", "3y / 1y"]
    # The mean over the cell and its three neighbours.
    assert rows[0][4:10] == ["15.0", "%", "5.0", "%", "-0.25", "%"]
    assert "in place of the matrix" in page
    assert "phase" not in page
    whole = Tags(artefacts.html_page(found))
    assert whole.tags.count("svg") == 8
    assert "script" not in whole.tags


@pytest.mark.parametrize(
    "given",
    [
        "--matrix '2y,3y/6m,1y' --slip 0.001",
        "--matrix=2y,3y/6m,1y --anchored --name mine --slip 0.001 --by mar --from 2010-01-04",
    ],
)
def test_the_page_of_a_matrix_ends_with_a_command_that_makes_its_first_cell(given: str) -> None:
    found = replace(matrix_findings(), command=f"wfo walkforward --symbol QQQ {given}")
    best = found.matrix.best
    kind = "--anchored " if best.kind == "anchored" else ""
    # What is chosen by is stated: by default it depends on the lengths.
    assert artefacts.text_page(found).endswith(
        f"  wfo walkforward --symbol QQQ --slip 0.001 --in {best.in_sample.text} --out"
        f" {best.out_of_sample.text} {kind}--by {found.matrix.by} --from {best.origin}\n"
    )


@pytest.mark.usefixtures("without_pictures")
def test_a_matrix_is_written_as_a_table_too(tmp_path: Path) -> None:
    found = replace(matrix_findings(), folder=tmp_path)
    written = artefacts.write_pages(found)
    assert {path.name for path in written} == {"matrix.html", "matrix.csv"}
    table = pl.read_csv(tmp_path / "matrix.csv")
    assert len(table) == 8
    assert table["excess_annual"].to_list()[0] == 0.05
    assert table["reason"].to_list()[-1] == "too short"
    assert table["excess_annual"].to_list()[-1] is None
