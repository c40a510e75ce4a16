"""The figures of a whole history: engines agree, pieces and threads do not matter, bad input."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import pickle
from collections import Counter

import cases
import numpy as np
import polars as pl
import pytest
from strategies import strategy as own_strategy

import wfo
from wfo import _core
from wfo.backtest import Evaluator, Performance, PerformanceEvaluator, read_feeds
from wfo.backtest.figures import PERFORMANCE_FIELDS
from wfo.backtest.performance import FIELDS, performance, performance_meaning
from wfo.errors import EngineError, InputError
from wfo.strategy import PythonKernel, Walk

STYLES = ("pullback", "breakout")
VARIANTS = tuple(wfo.strategies())
COUNTS = ("trades", "wins", "losses", "bars_held")
SUMS = ("gross_profit", "gross_loss", "sum_pnl2")


def figures_of(c: cases.Case, engine: str, end: int | None = None) -> dict[str, float]:
    feeds = read_feeds(c.strategy, c.bars, c.bars2)
    return performance(
        c.strategy, feeds, c.params, c.settings, warmup=c.warmup, end=end, engine=engine
    )


def drawn(seed: int) -> cases.Case:
    strategy = VARIANTS[seed % len(VARIANTS)]
    return cases.case(seed, strategy, STYLES[seed // len(VARIANTS) % len(STYLES)])


def check(seed: int) -> Counter[str]:
    """Compare one case of any variant and style, and return what happened in it."""
    c = drawn(seed)
    wanted, found = (figures_of(c, engine) for engine in ("reference", "direct"))
    for name in FIELDS:
        # Sums of both sides' trades are those of each side added, or in the order of the exits.
        # All else is the same arithmetic.
        if name in SUMS:
            assert found[name] == pytest.approx(wanted[name], rel=1e-9, abs=1e-6), (seed, name)
        else:
            assert np.array_equal(found[name], wanted[name], equal_nan=True), (seed, name)
    assert found["intraday_dd"] >= found["dd"], seed
    sim = c.simulate("direct")
    assert sim.reversals is not None
    both = sim.trades.filter(pl.col("entry_bar") == pl.col("exit_bar"))
    return Counter(
        {
            c.strategy: 1,
            c.settings.entry_style: 1,
            c.settings.sizing: 1,
            "lots": c.settings.lot_size > 0,
            "costs": c.settings.slip > 0 and c.settings.fee > 0,
            "trades": len(sim.trades) > 3,
            "both sides": found["long_trades"] > 1 and found["short_trades"] > 1,
            "reversals": len(sim.reversals[0]) > 0,
            "two entries of one bar": len(both) > 0,
            "ruin": bool(sim.equity[-1] <= 0),
            "undefined sums": math.isnan(found["sum_r"]),
            "open at the end": found["open_profit"] != 0,
            "deeper within bars": found["intraday_dd"] > found["dd"] * 1.001,
            "sides fall apart": 0 < found["short_intraday_dd"] < found["intraday_dd"],
        }
    )


def test_the_direct_engine_is_the_reference() -> None:
    seen: Counter[str] = Counter()
    for seed in range(120):
        seen += check(seed)
    for what in (
        *VARIANTS, *STYLES, "compound", "fixed", "lots", "costs", "trades", "both sides",
        "reversals", "two entries of one bar", "ruin", "undefined sums", "open at the end",
        "deeper within bars", "sides fall apart",
    ):  # fmt: skip
        assert seen[what] > 0, f"{what} does not happen: {seen}"


@pytest.mark.parametrize("engine", ["reference", "direct"])
def test_figures_are_those_of_an_in_sample_part_of_the_same_bars(engine: str) -> None:
    """A part up to the boundary is a whole history that ends there, to the last bit."""
    compared = 0
    for seed in range(18):
        c = drawn(seed)
        n = len(c.bars)
        if n - 1 < c.warmup + 2:
            continue
        found = figures_of(c, engine, n - 1)
        feeds = read_feeds(c.strategy, c.bars, c.bars2)
        phase = [(c.warmup, n - 1, n)]
        one = wfo.Grid(c.params, strategy=c.strategy)
        (wanted,) = Evaluator(
            c.strategy, feeds, one, phase, c.settings, engine, figures="extended", threads=1
        ).range(0, 1)
        for name in FIELDS:
            if f"is_{name}" in wanted.names:
                value = getattr(wanted, f"is_{name}")[0]
                assert np.array_equal(found[name], value, equal_nan=True), (seed, name)
                compared += 1
    # 6 of the trades of each side, 5 of the marks, pnl, dd and trades.
    assert compared >= 15 * (3 * 6 + 5 + 3)


@pytest.fixture(scope="module")
def feeds() -> wfo.Feeds:
    return read_feeds("atr_d_ls", wfo.load_sample("SP500").tail(420))


@pytest.fixture(scope="module")
def grid() -> wfo.Grid:
    return wfo.Grid.load("smoke", "atr_d_ls")


@pytest.fixture(scope="module")
def whole(feeds: wfo.Feeds, grid: wfo.Grid) -> Performance:
    evaluator = PerformanceEvaluator("atr_d_ls", feeds, grid, warmup=120, threads=1)
    assert evaluator.engine == "direct"
    assert evaluator.reason.startswith("factored: ")
    assert "highs and lows" in evaluator.reason
    assert evaluator.note == ""
    assert (len(evaluator), evaluator.end) == (len(grid), 420)
    return evaluator.range(0, len(grid))


def same(one: Performance, other: Performance) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(one[name], other[name], equal_nan=True) for name in FIELDS
    )


def test_pieces_and_threads_do_not_matter(
    feeds: wfo.Feeds, grid: wfo.Grid, whole: Performance
) -> None:
    two = PerformanceEvaluator("atr_d_ls", feeds, grid, warmup=120, threads=2)
    assert same(two.range(0, len(grid)), whole)
    cuts = [0, 1, 257, 300, 812, len(grid)]
    pieces = [two.range(a, b) for a, b in itertools.pairwise(cuts)]
    assert same(Performance.concat(pieces), whole)
    assert len(two.range(7, 7)) == 0
    # As rows, in another order, with repeats.
    order = np.random.default_rng(3).integers(0, len(grid), 300)
    columns = grid.columns(order)
    rows = np.column_stack([column.astype(np.float64) for column in columns.values()])
    listed = PerformanceEvaluator("atr_d_ls", feeds, rows, warmup=120)
    assert same(listed.range(0, 300), whole.take(order))
    # One set alone.
    one = performance("atr_d_ls", feeds, grid.params(int(order[0])), warmup=120)
    assert one == whole.row(int(order[0]))


def test_what_comes_later_changes_nothing(feeds: wfo.Feeds, grid: wfo.Grid) -> None:
    cut = PerformanceEvaluator("atr_d_ls", feeds.until(300), grid, warmup=120)
    until = PerformanceEvaluator("atr_d_ls", feeds, grid, warmup=120, end=300)
    assert same(cut.range(0, 64), until.range(0, 64))


def test_a_table_of_figures(whole: Performance) -> None:
    assert FIELDS == PERFORMANCE_FIELDS == Performance.fields == tuple(_core.performance_schema())
    assert len(FIELDS) == 35
    assert all(performance_meaning(name) for name in FIELDS)
    assert performance_meaning("long_wins") == "of longs: trades with a profit"
    some = whole.take([5, 2, 2])
    assert some.long_trades.tolist() == [whole.long_trades[i] for i in (5, 2, 2)]
    assert some.row(1) == {name: whole[name][2] for name in FIELDS}
    assert len(whole.take(whole.trades > 1e9)) == 0 == len(whole.take([]))
    frame = whole.to_frame()
    assert tuple(frame.columns) == FIELDS
    assert frame.height == len(whole)
    assert same(Performance(frame.to_dict()), whole)
    assert same(Performance(whole.columns()), whole)
    assert same(pickle.loads(pickle.dumps(some)), some)
    assert len(Performance.concat([])) == 0
    assert repr(some) == "Performance(3 backtests, 35 figures)"
    both = whole.long_trades + whole.short_trades
    assert (whole.trades == both).all()
    assert whole.trades.max() > 3
    with pytest.raises(AttributeError, match="long_trades"):
        _ = whole.long_trade
    with pytest.raises(KeyError):
        _ = whole["net"]
    with pytest.raises(InputError, match=r"no figure 'wons'.*wins"):
        performance_meaning("wons")
    columns = whole.columns()
    with pytest.raises(InputError, match="no figure 'net'"):
        Performance(columns | {"net": columns["pnl"]})
    with pytest.raises(InputError, match="missing: trades, pnl"):
        Performance({n: c for n, c in columns.items() if n not in ("trades", "pnl")})
    with pytest.raises(InputError, match=r"pnl has shape \(2,\)"):
        Performance(columns | {"pnl": columns["pnl"][:2]})


def test_bad_input_is_named(feeds: wfo.Feeds, grid: wfo.Grid) -> None:
    row = [float(v) for v in grid.params(0).values()]

    def refused(match: str, sets: object = grid, **more: object) -> None:
        given = {"warmup": 120} | more
        with pytest.raises(InputError, match=match):
            PerformanceEvaluator("atr_d_ls", feeds, sets, **given)  # type: ignore[arg-type]

    refused("warmup = 69 is shorter than the longest lookback; it needs at least 70", warmup=69)
    refused("two bars or more.*warmup = 419, end = 420", warmup=419)
    refused("two bars or more.*end = 421, bars = 420", end=421)
    refused("must be whole numbers of bars", warmup=120.5)
    refused("must be whole numbers of bars", end="2020-01-01")
    refused("there are no parameter sets", np.empty((0, 16)))
    refused(r"sets have shape \(1, 15\); atr_d_ls needs \(sets, 16\)", [row[:-1]])
    refused("rows of numbers", [["a"] * 16])
    refused("atr_period = 2.5 is not allowed", [[2.5, *row[1:]]])
    refused("both_triggered_mode = 7", [row, [*row[:-1], 7.0]])
    refused("atr_multiplier = nan", [[row[0], math.nan, *row[2:]]])
    refused("the grid is one of atr_d_l", wfo.Grid.load("smoke", "atr_d_l"))
    refused("threads", threads=0)
    evaluator = PerformanceEvaluator("atr_d_ls", feeds, [row], warmup=120)
    for start, stop in ((0, 2), (1, 0), (-1, 1), (0.0, 1)):
        with pytest.raises(InputError, match="lie outside the 1 that there are"):
            evaluator.range(start, stop)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=r"highs and lows.*engine='direct' can"):
        PerformanceEvaluator("atr_d_ls", feeds, grid, warmup=120, engine="factored")
    with pytest.raises(EngineError, match="no engine 'fast'"):
        PerformanceEvaluator("atr_d_ls", feeds, grid, warmup=120, engine="fast")


def test_sets_that_a_constraint_refuses_are_named() -> None:
    bars = wfo.load_sample("SP500").tail(300)
    hull = wfo.Grid.load("smoke", "atr_d_hma_l")
    row = [float(v) for v in hull.params(0).values()]
    crossed = [*row[:-2], 50.0, 40.0]
    with pytest.raises(InputError, match="hma_fast_length = 50 is not allowed; it must be below"):
        PerformanceEvaluator("atr_d_hma_l", bars, [row, row, crossed], warmup=120)
    assert len(PerformanceEvaluator("atr_d_hma_l", bars, [row, row], warmup=150)) == 2


# A kernel in Python tells trades and marks, by hand: a long, a reversal in bar 6, a short that
# stays open.
DAYS = [dt.date(2000, 1, 1) + dt.timedelta(k) for k in range(8)]
BARS = pl.DataFrame(
    {"date": DAYS} | {name: [10.0, 11, 12, 11, 13, 12, 14, 15] for name in wfo.bars.Prices._fields}
)


def hand(feeds: object, sets: object, settings: object, warmup: int) -> Walk:
    return Walk(
        trades=[(1, 2, 12.0, 3, 11.0, -10.0), (1, 4, 13.0, 6, 14.0, 30.0)],
        equity=np.array([100.0, 100, 99, 90, 95, 85, 110, 80]),
        open_since=6,
        reversals=[(6, 120.0)],
    )


def test_a_kernel_in_python_has_all_but_what_lies_within_bars() -> None:
    named = own_strategy("length", kernel=PythonKernel(f"{__name__}:hand"))
    values = {p.name: 2 for p in named.parameters}
    settings = wfo.AccountSettings(capital=100)
    evaluator = PerformanceEvaluator(
        named, BARS, wfo.Grid(values, strategy=named), settings, warmup=2
    )
    assert (evaluator.engine, evaluator.reason) == ("python", "")
    assert "intraday drawdowns are NaN" in evaluator.note
    found = evaluator.range(0, 1).row(0)
    assert all(math.isnan(found.pop(f"{side}intraday_dd")) for side in ("", "long_", "short_"))
    returns = np.array([99 / 100, 90 / 99, 95 / 90, 85 / 95, 110 / 85, 80 / 110]) - 1
    trades = {
        "trades": 2, "wins": 1, "losses": 1, "gross_profit": 30, "gross_loss": -10,
        "largest_win": 30, "largest_loss": -10, "sum_pnl2": 1_000,
    }  # fmt: skip
    wanted = {
        **trades,
        **{f"long_{name}": value for name, value in trades.items()},
        **{f"short_{name}": 0 for name in trades},
        "pnl": -20,
        # From 120 at the reversal's fill to the last mark.
        "dd": 40,
        "dd_share": 1 / 3,
        "open_profit": -40,
        # Bars 2, 4, 5, and 6 and 7 of the short.
        "bars_held": 5,
        "sum_r": returns.sum(),
        "sum_r2": (returns**2).sum(),
        "sum_down2": (returns.clip(max=0) ** 2).sum(),
    }
    assert found == pytest.approx(wanted, rel=1e-12)
