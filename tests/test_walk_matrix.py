"""A matrix of walk-forwards: cells on the same bars, each a walk-forward, and its neighbours."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import wfo
from wfo.errors import DataError, InputError
from wfo.files.limits import MATRIX_CELLS
from wfo.stats import PhaseProfit, tradestation_verdict
from wfo.walkforward.components import Decision
from wfo.walkforward.criteria import resolved_by
from wfo.walkforward.heat import colour
from wfo.walkforward.history import History
from wfo.walkforward.matrix import WalkForwardMatrix
from wfo.walkforward.matrix_cells import FIGURES, KINDS, HeldFigures, MatrixCell
from wfo.walkforward.matrix_layout import MatrixLayout, lay_matrix, matrix_by
from wfo.walkforward.matrix_lengths import checked_lengths, matrix_lengths
from wfo.walkforward.matrix_walk import walk_matrix
from wfo.windows import Length, WalkSchedule, WalkWindow

SAMPLE = wfo.load_sample("NASDAQ")

#: Some four years and a half, of which 100 bars are the warm-up.
BARS = SAMPLE[1000:2150]

#: Eight combinations that differ in what they earn.
_SMOKE = wfo.Grid.load("smoke", "atr_d_l")
GRID = wfo.Grid(
    {name: [value] for name, value in _SMOKE.params(0).items()}
    | {"atr_multiplier": [1.5, 2.5, 4.0, 5.5], "atr_buy_multiplier": [0.5, 1.5]},
    strategy="atr_d_l",
)

GOOD = tradestation_verdict([PhaseProfit(10.0, 10.0, 1.0, 1.0, 0.1) for _ in range(4)])
BAD = tradestation_verdict([PhaseProfit(10.0, -1.0, 1.0, 1.0, 0.5)])


def lengths(text: str) -> tuple[Length, ...]:
    return checked_lengths("test", text.split(","))


def made(
    rows: Sequence[Sequence[float | None]], *, kinds: tuple[str, ...] = ("rolling",), **own: Any
) -> WalkForwardMatrix:
    """Return a matrix of these excesses over a buy-and-hold of 10 % a year; None is not done."""
    inside = tuple(Length(12 * (k + 1)) for k in range(len(rows)))
    out = tuple(Length(3 * (k + 1)) for k in range(len(rows[0])))
    cells = [
        MatrixCell(kind, i, o, reason="too little history")
        if value is None
        else MatrixCell(
            kind, i, o, dt.date(2001, 1, 31), windows=9, chosen=8, total_return=1.0 + 10 * value,
            annual_return=0.1 + value, max_drawdown_share=0.2 + abs(value), sharpe=0.5,
            excess_total=10 * value, excess_annual=value, wfe=0.3, wfe_annual=0.6,
            tradestation=GOOD if value > 0 else BAD, trades=40, exposure=0.7,
        )
        for kind in kinds
        for i, row in zip(inside, rows, strict=True)
        for o, value in zip(out, row, strict=True)
    ]  # fmt: skip
    given: dict[str, Any] = {
        "strategy": "atr_d_l", "grid": "coarse", "symbols": ("QQQ",), "by": "net_profit",
        "in_samples": inside, "out_of_samples": out, "kinds": kinds, "cells": tuple(cells),
        "traded": (dt.date(2004, 1, 2), dt.date(2020, 12, 31)), "bars": 4_000,
        "held": HeldFigures(1.0, 0.1, 0.3, 0.6), "combinations": 500, "parts": 30,
        "searched": 15_000, "capital": 1e5, "bars_per_year": 252.0, "settings": {"slip": 0.0},
        "notes": ("A note.",),
    }  # fmt: skip
    return WalkForwardMatrix(**given | own)


#: A lone cell in the middle of the first rows, and a ridge of good ones in the last two.
LONE = [
    [-0.02, -0.03, -0.01, -0.02],
    [-0.03, 0.09, -0.02, -0.01],
    [-0.01, -0.02, -0.03, -0.02],
    [0.01, 0.02, 0.01, 0.03],
    [0.02, 0.01, 0.02, 0.01],
]


# Lengths


def test_lengths_of_a_text_ascend() -> None:
    inside, out = matrix_lengths(" 3y,1y, 18m / 12m,30d,3m")
    assert [each.text for each in inside] == ["1y", "18m", "3y"]
    assert [each.text for each in out] == ["30d", "3m", "1y"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1y,2y", "a slash"),
        ("1y/3m/6m", "a slash"),
        ("/3m", "a slash"),
        ("1y,,2y/3m", "in-sample length = '' is no length of time"),
        ("1y/3q", "out-of-sample length = '3q'"),
        ("1y,12m/3m", "in-sample length 1y is given twice"),
        ("0d/3m", "0d is no stretch"),
        (None, "a slash"),
    ],
)
def test_a_text_that_is_no_matrix_is_refused(text: Any, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        matrix_lengths(text)


def test_a_matrix_has_a_limit_of_cells() -> None:
    inside = tuple(Length(k) for k in range(1, 22))
    with pytest.raises(InputError, match=rf"21 x 20 .* 420 cells.* at most {MATRIX_CELLS}"):
        lay_matrix(SAMPLE["date"].to_list(), inside, inside[:20], ("rolling",))


# Layout

_LENGTHS = st.lists(
    st.one_of(
        st.integers(1, 30).map(Length),
        st.integers(10, 400).map(lambda days: Length(0, days)),
    ),
    min_size=1, max_size=3, unique=True,
)  # fmt: skip


@given(_LENGTHS, _LENGTHS, st.integers(0, 365))
@settings(max_examples=25)
def test_all_cells_trade_the_same_bars_and_are_walk_forwards_of_their_own(
    inside: list[Length], out: list[Length], later: int
) -> None:
    days = SAMPLE["date"][:1500].to_list()
    begin = days[100] + dt.timedelta(later)
    laid = lay_matrix(
        days, checked_lengths("in", inside), checked_lengths("out", out), KINDS, begin=begin
    )
    traded = {cell.windows.traded for cell in laid.cells if cell.windows is not None}
    assert len(traded) == 1
    ((start, stop),) = traded
    assert stop == len(days)
    done = [cell for cell in laid.cells if cell.windows is not None]
    for cell in done:
        assert cell.windows is not None
        own = WalkSchedule(cell.in_sample, cell.out_of_sample, anchored=cell.kind == "anchored")
        assert own.resolve(days, begin=cell.windows[0].from_date) == cell.windows
        assert cell.windows[0].from_date >= begin
    # No later than months of different lengths make necessary.
    longest = max(cell.in_sample.after(begin) for cell in done)
    assert longest <= days[start]
    assert laid.begin <= longest + dt.timedelta(5)


@pytest.mark.parametrize("begin", ["2002-08-30", "2003-08-31", "2003-01-31", "2004-02-29"])
def test_months_of_different_lengths_meet_in_one_date(begin: str) -> None:
    days = SAMPLE["date"].to_list()
    first = dt.date.fromisoformat(begin)
    laid = lay_matrix(days, lengths("1m,6m,18m,1y,45d"), lengths("3m"), ("rolling",), begin=first)
    done = [(cell.in_sample, cell.windows[0].from_date) for cell in laid.cells if cell.windows]
    assert len(done) == 5
    assert {length.after(day) for length, day in done} == {laid.begin}
    # The longest part begins where it was asked to, or as few days later as months differ by.
    assert first <= min(day for _, day in done) <= first + dt.timedelta(3)


def test_parts_are_distinct_and_stand_in_order() -> None:
    laid = lay_matrix(BARS["date"].to_list(), lengths("6m,1y"), lengths("3m,6m"), KINDS)
    windows = [w for cell in laid.cells for w in cell.windows or ()]
    parts = laid.parts()
    assert [w.number for w in parts] == list(range(1, len(parts) + 1))
    asked = [(w.first, w.train_end) for w in parts]
    assert asked == sorted({(w.first, w.train_end) for w in windows})
    # Every second window of three months has the part of a window of six, and both kinds begin
    # with the same one.
    assert len(parts) < len(windows) * 0.7


def test_a_cell_that_does_not_fit_in_has_a_reason_and_moves_no_other() -> None:
    days = BARS["date"].to_list()
    long, short = (
        lay_matrix(days, lengths(text), lengths("3m"), ("rolling",))
        for text in ("6m,1y,9y", "6m,1y")
    )
    assert long.begin == short.begin
    assert [cell.windows is None for cell in long.cells] == [False, False, True]
    assert re.search(r"too little history for 9y of in-sample", long.cells[2].reason)


def test_a_history_that_is_too_short_for_every_cell_is_refused() -> None:
    with pytest.raises(DataError, match=r"too little history: it trades from .* 9y of in-sample"):
        lay_matrix(BARS["date"].to_list(), lengths("9y,10y"), lengths("3m"), KINDS)


def test_a_purge_that_leaves_nothing_is_a_reason_of_its_cells_alone() -> None:
    laid = lay_matrix(
        BARS["date"].to_list(), lengths("2m,1y"), lengths("3m"), ("rolling",), purge="3m"
    )
    assert [bool(cell.reason) for cell in laid.cells] == [True, False]
    with pytest.raises(InputError, match=r"no cell of the matrix can be done.*purge = 1y"):
        lay_matrix(BARS["date"].to_list(), lengths("2m,1y"), lengths("3m"), KINDS, purge="1y")


def test_cells_too_short_for_a_score_are_left_out_and_by_default_a_figure_is_chosen_by() -> None:
    inside = lengths("1y,18m,2y")
    laid = lay_matrix(SAMPLE["date"].to_list(), inside, lengths("6m"), KINDS, by="stability")
    assert [cell.windows is None for cell in laid.cells] == [True, False, False] * 2
    assert "18m of in-sample bars or more" in laid.cells[0].reason
    assert matrix_by("stability", inside) == "stability"
    one = WalkSchedule(Length(18), Length(6))
    assert matrix_by(None, inside[1:]) == "stability" == resolved_by(None, one)
    assert matrix_by(None, inside) == "profit_by_drawdown"
    assert matrix_by(None, inside[1:], "1m") == "profit_by_drawdown"
    assert matrix_by(None, [Length(1), Length(24)], "2m") == "stability"
    with pytest.raises(InputError, match="is no criterion"):
        matrix_by("stabilty", inside)


# Cells


@pytest.fixture(scope="module")
def real() -> WalkForwardMatrix:
    return wfo.walk_forward_matrix(
        "atr_d_l", BARS, GRID, ["6m", "1y"], ["6m", "9m"], by="net_profit"
    )


@pytest.mark.parametrize("place", [0, 3, 5, 6])
def test_a_cell_is_the_walk_forward_that_begins_at_its_origin(
    real: WalkForwardMatrix, place: int
) -> None:
    cell = real.cells[place]
    walk = wfo.walk_forward(
        "atr_d_l", BARS, GRID, in_sample=cell.in_sample, out_of_sample=cell.out_of_sample,
        anchored=cell.kind == "anchored", begin=cell.origin, by="net_profit",
    )  # fmt: skip
    assert (cell.windows, cell.chosen) == (len(walk.windows), len(walk.windows))
    found, held = walk.stitched.metrics, walk.held.metrics
    assert cell.total_return == found.total_return
    assert cell.annual_return == found.cagr
    assert cell.max_drawdown_share == found.max_drawdown_share
    assert cell.sharpe == found.sharpe
    assert cell.trades == found.trades > 0
    assert cell.exposure == found.exposure
    assert cell.tradestation == walk.tradestation
    assert (cell.wfe, cell.wfe_annual) == (walk.efficiency.raw, walk.efficiency.annual)
    assert (real.held.total_return, real.held.annual_return) == (held.total_return, held.cagr)
    assert held.total_return is not None
    assert held.cagr is not None
    assert found.total_return is not None
    assert found.cagr is not None
    assert cell.excess_total == found.total_return - held.total_return
    assert cell.excess_annual == found.cagr - held.cagr
    assert (walk.dates[1], walk.dates[-1]) == real.traded
    assert real.bars == found.bars


def test_what_is_searched_is_the_grid_once_a_part(real: WalkForwardMatrix) -> None:
    assert real.combinations == len(GRID) == 8
    assert real.searched == 8 * real.parts
    assert real.parts < sum(cell.windows for cell in real.cells)
    assert len({cell.total_return for cell in real.cells}) > 4


class Noted:
    """A chooser that notes what it is asked, and chooses nothing until the third part."""

    by, combinations = "own", 7

    def __init__(self) -> None:
        self.asked: list[list[WalkWindow]] = []

    def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
        self.asked.append(list(windows))
        params = GRID.params(3)
        for w in windows:
            yield Decision(w.number, params if w.number > 2 else None, 3, 1.0, 1, 7)


def _laid(of: History, inside: str = "6m", kinds: tuple[str, ...] = KINDS) -> MatrixLayout:
    return lay_matrix(of.days, lengths(inside), lengths("6m"), kinds)


def test_the_chooser_is_asked_once_and_what_has_chosen_nothing_is_in_cash() -> None:
    of, chooser = History.of_frames("atr_d_l", BARS), Noted()
    laid = _laid(of)
    matrix = walk_matrix(of, chooser, laid, grid_name="own")
    assert chooser.asked == [laid.parts()]
    rolling, anchored = matrix.cells
    # Parts stand by their first bar, so that the first two are the first two anchored ones.
    assert anchored.chosen == anchored.windows - 2
    assert rolling.chosen == rolling.windows - 1
    assert matrix.searched == 7 * matrix.parts
    # The same set from one window to the next is one backtest.
    first = laid.cells[0].windows
    assert first is not None
    alone = wfo.simulate(
        "atr_d_l", BARS, GRID.params(3), warmup=first[1].split, split=first[1].split + 1
    )
    assert rolling.total_return == alone.equity[-1] / alone.equity[0] - 1


def test_decisions_that_are_missing_are_an_error() -> None:
    class Short(Noted):
        def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
            return itertools.islice(super().choose(windows), 2)

    of = History.of_frames("atr_d_l", BARS)
    with pytest.raises(InputError, match="needs a decision of each"):
        walk_matrix(of, Short(), _laid(of), grid_name="own")


def test_one_that_chooses_nothing_at_all_is_cash() -> None:
    class Never(Noted):
        def choose(self, windows: Sequence[WalkWindow]) -> Iterator[Decision]:
            return (replace(d, params=None) for d in super().choose(windows))

    of = History.of_frames("atr_d_l", BARS)
    matrix = walk_matrix(of, Never(), _laid(of, kinds=("rolling",)), grid_name="own")
    (cell,) = matrix.cells
    assert (cell.total_return, cell.trades, cell.chosen, cell.passed) == (0.0, 0, 0, False)
    assert cell.excess_total == -matrix.held.total_return


# Neighbours


def test_neighbourhood_averages_are_means_over_the_cell_and_what_is_around_it() -> None:
    matrix = made([[0.01, 0.02, 0.03], [0.04, None, 0.06], [0.07, 0.08, 0.09]], kinds=KINDS)
    average = {
        (cell.in_sample.text, cell.out_of_sample.text): matrix.neighbourhood(cell)
        for cell in matrix.cells[:9]
    }
    # A corner has two neighbours and one that could not be done, an edge four.
    assert average["1y", "3m"] == pytest.approx((0.01 + 0.02 + 0.04) / 3)
    assert average["1y", "6m"] == pytest.approx((0.01 + 0.02 + 0.03 + 0.04 + 0.06) / 5)
    assert average["3y", "9m"] == pytest.approx((0.06 + 0.08 + 0.09) / 3)
    assert average["2y", "6m"] is None
    assert matrix.neighbourhood(matrix.cells[0], "max_drawdown_share") == pytest.approx(
        0.2 + (0.01 + 0.02 + 0.04) / 3
    )
    # Cells of the other kind are no neighbours.
    around = matrix.neighbours(matrix.cell("anchored", "3y", "9m"))
    assert {cell.kind for cell in around} == {"anchored"}
    assert [cell.label for cell in around] == ["anchored 2y/9m", "anchored 3y/6m"]


def test_a_figure_that_is_not_defined_is_left_out_of_averages() -> None:
    matrix = made([[0.01, 0.02, 0.03]])
    cells = list(matrix.cells)
    cells[1] = replace(cells[1], wfe_annual=None)
    cells[2] = replace(cells[2], wfe_annual=1.0)
    matrix = replace(matrix, cells=tuple(cells))
    found = [matrix.neighbourhood(cell, "wfe_annual") for cell in matrix.cells]
    assert found == [0.6, None, 1.0]
    assert matrix.ranks("wfe_annual") == [2, None, 1]


def test_ranks_are_by_the_neighbourhood_and_of_drawdowns_the_least_is_first() -> None:
    matrix = made(LONE)
    # The best cell by itself is not the first, since its neighbours are no good.
    first = matrix.best
    assert first is not None
    assert first.excess_annual == 0.01
    assert first.label == "rolling 5y/1y"
    ranks = matrix.ranks()
    assert ranks[5] != 1
    averages = [matrix.neighbourhood(cell) for cell in matrix.cells]
    assert averages[ranks.index(1)] == max(a for a in averages if a is not None)
    falls = [matrix.neighbourhood(cell, "max_drawdown_share") for cell in matrix.cells]
    least = matrix.ranks("max_drawdown_share").index(1)
    assert falls[least] == min(f for f in falls if f is not None)
    # All cells of a small matrix have one neighbourhood.
    small = made([[0.01, -0.02], [0.04, 0.03]])
    assert small.ranks() == [1, 1, 1, 1]
    assert small.best is small.cells[2]


def test_a_lone_good_cell_is_alone_and_a_ridge_is_not() -> None:
    matrix = made(LONE)
    lone = [cell.label for cell in matrix.cells if matrix.alone(cell)]
    assert lone == ["rolling 2y/6m"]
    # It is by the count of its neighbours, however good it is itself.
    huge = made([[value if value != 0.09 else 9.0 for value in row] for row in LONE])
    cell = huge.cell("rolling", "2y", "6m")
    mean = huge.neighbourhood(cell)
    assert mean is not None
    assert mean > 0
    assert huge.alone(cell)


def test_a_cell_that_holds_all_the_time_beats_nothing_by_its_rounding() -> None:
    matrix = made([[1e-16, 1e-5, -1e-16]])
    assert [cell.beats for cell in matrix.cells] == [False, True, False]
    assert matrix.beating == 1


@pytest.mark.parametrize(
    ("row", "alone"),
    [
        ([0.01, 0.01, -0.01], [False, True, False]),
        ([0.01, 0.01, 0.01], [False, False, False]),
        ([-0.01, 0.01, None], [False, True, False]),
        ([0.0, 0.01, 0.0], [False, True, False]),
    ],
)
def test_half_of_the_neighbours_are_not_enough(row: list[float | None], alone: list[bool]) -> None:
    matrix = made([row])
    assert [matrix.alone(cell) for cell in matrix.cells] == alone


def test_another_cell_or_figure_is_refused() -> None:
    matrix = made(LONE)
    with pytest.raises(InputError, match="in_sample = 9y is none of this matrix: 1y, 2y, 3y"):
        matrix.cell("rolling", "9y", "3m")
    with pytest.raises(InputError, match="kind = 'anchored' is unknown"):
        matrix.cell("anchored", "1y", "3m")
    with pytest.raises(InputError, match="did you mean 'sharpe'"):
        matrix.ranks("sharp")
    with pytest.raises(InputError, match="a cell for each kind and pair"):
        replace(matrix, cells=matrix.cells[1:])


# What it says


def test_cash_beats_nothing() -> None:
    matrix = made([[0.1, 0.2], [0.1, 0.3]])
    idle = replace(matrix, cells=tuple(replace(each, chosen=0) for each in matrix.cells))
    assert (matrix.beating, idle.beating) == (4, 0)
    said = " ".join(idle.summary())
    assert "0 of 4 cells beat buy-and-hold" in said
    assert f"no window could choose a set: {idle.cells[0].label}, " in said
    assert "Nothing but cash" not in " ".join(matrix.summary())


def test_it_says_how_many_beat_buy_and_hold_and_what_the_best_of_them_is_by_luck() -> None:
    matrix = made(LONE)
    said = " ".join(matrix.summary())
    assert "9 of 20 cells beat buy-and-hold, and 9 meet TradeStation's five conditions" in said
    assert "Alone, since no more than half of their neighbours beat it too: rolling 2y/6m." in said
    # A standard normal's expected largest of 20 is 1.87; the spread of the cells is 2.9 %.
    luck = re.search(r"luck alone gives the best about \+(\d+\.\d) %", said)
    assert luck is not None
    assert float(luck[1]) == pytest.approx(0.05 + 1.87 * 2.88, abs=0.15)
    assert "The best of 20 cells came to +9.0 % a year against buy-and-hold" in said


def test_cells_that_are_not_done_are_told_with_their_reason() -> None:
    matrix = made([[0.01, None], [0.02, None], [0.01, 0.01]])
    said = " ".join(matrix.summary())
    assert "Not done: rolling 1y/6m, rolling 2y/6m: too little history." in said
    assert "4 of 4 cells beat" in said
    rows = matrix.frame().rows(named=True)
    assert rows[1]["reason"] == "too little history"
    assert rows[1]["rank"] is None
    assert rows[1]["passed"] is None


def test_a_frame_has_a_row_a_cell(real: WalkForwardMatrix) -> None:
    frame = real.frame()
    assert frame.height == 8
    assert frame["kind"].to_list() == ["rolling"] * 4 + ["anchored"] * 4
    for row, cell, rank in zip(frame.rows(named=True), real.cells, real.ranks(), strict=True):
        assert {name: row[name] for name in FIGURES} == {n: cell.figure(n) for n in FIGURES}
        assert row["excess_annual_around"] == real.neighbourhood(cell)
        assert row["rank"] == rank
        assert cell.tradestation is not None
        met = [row[name] for name in frame.columns if name.startswith("passed_")]
        assert met == [condition.passed for condition in cell.tradestation.conditions]


def test_plain_values_come_back(real: WalkForwardMatrix) -> None:
    for matrix in (real, made([[0.01, None]])):
        plain = json.loads(json.dumps(matrix.to_dict(), allow_nan=False))
        again = WalkForwardMatrix.from_dict(plain)
        assert again.to_dict() == matrix.to_dict()
        assert again.cells == matrix.cells


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("cells",), []),
        (("cells", 0, "kind"), "anchored"),
        (("cells", 0, "sharpe"), "high"),
        (("cells", 0, "wfe"), float("nan")),
        (("cells", 0, "total_return"), None),
        (("cells", 0, "reason"), "none"),
        (("cells", 0, "chosen"), 99),
        (("cells", 0, "tradestation"), []),
        (("cells", 0, "in"), "1q"),
        (("in_samples",), ["1y", "1y"]),
        (("held", "total_return"), None),
        (("kinds",), None),
        (("ranked_by",), "luck"),
        (("traded",), ["2004-01-02"]),
    ],
)
def test_damaged_plain_values_are_refused(path: tuple[Any, ...], value: Any) -> None:
    plain: Any = made([[0.01, None]]).to_dict()
    *way, last = path
    inner = plain
    for step in way:
        inner = inner[step]
    inner[last] = value
    with pytest.raises(InputError):
        WalkForwardMatrix.from_dict(plain)


# Pictures


def test_text_has_every_figure_within_its_width() -> None:
    matrix = made(LONE, kinds=KINDS)
    for width in (60, 80, 98):
        lines = matrix.text(width).splitlines()
        assert max(map(len, lines)) <= width
    text = matrix.text()
    assert text.isascii()
    # Its figure, passing, alone; and one that does not pass, where the sign says so.
    assert re.search(r"2y +-3\.0x +\+9\.0 ! +-2\.0x", text)
    assert text.count("+9.0 !") == len(KINDS)


def test_what_would_steer_a_terminal_is_told_as_escapes() -> None:
    assert "\\x1b[2J" in made([[0.01, 0.02]], symbols=("\x1b[2J",)).text()


def test_many_columns_are_told_in_pieces() -> None:
    matrix = made([[0.01 * (k % 5 - 2) for k in range(20)]] * 2)
    lines = matrix.text(80).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.lstrip().startswith("in-sample") for line in lines) > 4


def test_a_page_has_figures_signs_and_outlines_and_no_script() -> None:
    matrix = made([*LONE, [None, 0.01, 0.01, 0.01]], symbols=("<b>&",))
    html = matrix.sheet()
    page = matrix._repr_html_()
    assert "<script" not in page
    assert "<b>" not in page
    assert len(html.panels) == 4
    assert page.count("<svg") == 4
    first = page[page.index("<svg") : page.index("</svg>")]
    for row in LONE:
        for value in row:
            assert f">{100 * value:+.1f}" in first
    # A sign at each cell that does not meet the conditions, and at no other.
    failing = sum(value <= 0 for row in LONE for value in row)
    assert first.count(" \N{MULTIPLICATION SIGN}</text>") == failing
    # The lone cell has its outline in the excess and in its mean, and so has the first of all.
    assert page.count('class="alone"') == page.count('class="best"') == 2
    assert "rolling 6y/3m: not done: too little history" in page


def test_pictures_are_written_whole(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    matrix = made([[0.01, None], [-0.01, 0.02]])
    image = matrix.plot(tmp_path / "matrix.png")
    assert image.read_bytes().startswith(b"\x89PNG")
    page = matrix.plot(str(tmp_path / "matrix.html")).read_text("utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert page.rstrip().endswith("</html>")
    with pytest.raises(InputError, match=r"must end in \.png or \.html"):
        matrix.plot(tmp_path / "matrix.pdf")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["matrix.html", "matrix.png"]


def test_the_scale_has_a_neutral_middle_and_ends_that_every_eye_tells_apart() -> None:
    def rgb(at: float) -> list[int]:
        return [int(colour(at)[k : k + 2], 16) for k in (1, 3, 5)]

    assert max(rgb(0.0)) - min(rgb(0.0)) == 0
    # Blue and orange differ in the channel that hardly any eye lacks, and beyond the ends nothing
    # changes.
    for at in (0.25, 0.5, 1.0):
        (_, _, worse), (_, _, better) = rgb(-at), rgb(at)
        assert better - worse > 30
    assert colour(7.0) == colour(1.0)
    assert colour(-7.0) == colour(-1.0)
    # Each end is darker than what lies between it and the middle.
    light = [sum(rgb(k / 4)) for k in range(-4, 5)]
    assert light[:5] == sorted(light[:5])
    assert light[4:] == sorted(light[4:], reverse=True)
