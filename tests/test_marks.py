"""Returns by period of many parameter sets: the marks of `wfo.simulate`, whatever computes them."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import cases
import numpy as np
import polars as pl
import pytest

import wfo
from wfo.backtest.feeds import read_feeds
from wfo.backtest.marks import held_returns, period_ends, period_marks, period_returns
from wfo.bars import prices
from wfo.errors import InputError
from wfo.strategy import Parameter, PythonKernel, Strategy, Walk

VARIANTS = tuple(wfo.strategies())
STYLES = ("pullback", "breakout")


def intraday(bars: pl.DataFrame, zone: str = "America/New_York", each: int = 7) -> pl.DataFrame:
    """The bars as some of 55 minutes a day, every eleventh day two short."""
    stamps, day, at = [], dt.datetime(2024, 3, 1, 9, 30), 0  # noqa: DTZ001  # the zone follows
    while len(stamps) < len(bars):
        count = each - 2 * (at % 11 == 10)
        stamps += [day + dt.timedelta(days=at, minutes=55 * k) for k in range(count)]
        at += 1
    column = pl.Series("datetime", stamps[: len(bars)], pl.Datetime("us"))
    return bars.drop("date").insert_column(0, column.dt.replace_time_zone(zone))


def simulated(c: cases.Case, params: Any, end: int, bars: pl.DataFrame) -> np.ndarray:
    """The equity of one set, by the boundary in the middle of the slice."""
    second = None if c.bars2 is None else bars.select(pl.first()).hstack(c.bars2.drop("date"))
    found = wfo.simulate(
        c.strategy,
        bars[:end],
        params,
        split=(c.warmup + end) // 2,
        warmup=c.warmup,
        bars2=None if second is None else second[:end],
        settings=c.settings,
    )
    return found.equity


def check(seed: int) -> Counter[str]:
    """Compare some sets of one random case with `wfo.simulate`, and return what happened."""
    strategy = VARIANTS[seed % len(VARIANTS)]
    c = cases.case(seed, strategy, STYLES[seed // len(VARIANTS) % len(STYLES)])
    named = wfo.strategies()[strategy]
    rng = np.random.default_rng(seed)
    bars = intraday(c.bars) if seed % 2 else c.bars
    end = len(bars) - int(rng.integers(0, 3))
    if end - c.warmup < 4:
        return Counter()
    second = None if c.bars2 is None else bars.select(pl.first()).hstack(c.bars2.drop("date"))
    feeds = read_feeds(strategy, bars, second)
    at = period_ends(bars[:, 0], c.warmup, end)
    rows, all_params = [], []
    for k in range(3):
        params = c.params if k == 0 else cases.random_params(rng, strategy)
        if cases.lookback(params) <= c.warmup:
            rows.append([params[name] for name in named.names])
            all_params.append(params)
    slice_ = {"warmup": c.warmup, "end": end, "at": at}
    marks = period_marks(strategy, feeds, rows, None, c.settings, **slice_)
    found = period_returns(strategy, feeds, rows, None, c.settings, **slice_, threads=1)
    assert marks.shape == (len(rows), len(at))
    column = 0
    for row, params, kept in zip(marks, all_params, found.kept, strict=True):
        equity = simulated(c, params, end, bars)
        assert np.array_equal(row, equity[at]), (seed, params)
        assert kept == bool((equity[at] > 0).all()), (seed, params)
        if kept:
            wanted = equity[at] / np.concatenate([[c.settings.capital], equity[at][:-1]]) - 1.0
            assert np.array_equal(found.returns[:, column], wanted), (seed, params)
            column += 1
    assert found.returns.shape == (len(at), column)
    assert found.left_out == len(rows) - column
    return Counter(
        {
            strategy: 1,
            "intraday": seed % 2,
            "left out": found.left_out,
            "moves": int((found.returns != 0).any()),
            "settled below capital": int((marks[:, -1] < c.settings.capital).any()),
            "lots": int(c.settings.lot_size > 0),
            c.settings.sizing: 1,
        }
    )


def test_marks_are_those_of_simulations() -> None:
    seen: Counter[str] = Counter()
    for seed in (*range(36), 117, 149, 185, 197):
        seen += check(seed)
    for what in (
        *VARIANTS, "intraday", "left out", "moves", "settled below capital", "lots", "compound",
        "fixed",
    ):  # fmt: skip
        assert seen[what] > 0, f"{what} does not happen: {seen}"


@pytest.fixture(scope="module")
def smoke() -> tuple[wfo.Grid, wfo.Feeds]:
    return wfo.Grid.load("smoke", "atr_d_ls"), read_feeds(
        "atr_d_ls", wfo.load_sample("SP500")[:420]
    )


def test_chosen_combinations_of_a_grid_in_any_order(smoke: tuple[wfo.Grid, wfo.Feeds]) -> None:
    grid, feeds = smoke
    at = np.arange(150, 400, 5)
    indices = np.array([len(grid) - 1, 3, 3, 0, 1_000 % len(grid)])
    slice_ = {"warmup": 140, "end": 400, "at": at}
    found = period_marks("atr_d_ls", feeds, grid, indices, **slice_)
    for index, row in zip(indices, found, strict=True):
        params = grid.params(int(index))
        sim = wfo.simulate(
            "atr_d_ls", wfo.load_sample("SP500")[:400], params, split=300, warmup=140
        )
        assert np.array_equal(row, sim.equity[at]), params
    values = np.array([list(grid.params(int(i)).values()) for i in indices], float)
    assert np.array_equal(period_marks("atr_d_ls", feeds, values, **slice_), found)
    for threads in (1, 3):
        again = period_marks("atr_d_ls", feeds, grid, indices, **slice_, threads=threads)
        assert np.array_equal(again, found)


def test_buy_and_hold_pays_its_costs_and_lots() -> None:
    bars = wfo.load_sample("NASDAQ")[:300]
    settings = wfo.AccountSettings(capital=50_000, slip=0.001, fee=0.0005, lot_size=10)
    at = period_ends(bars["date"], 120, 290)
    found = held_returns(bars, settings, warmup=120, end=290, at=at)
    equity = wfo.buy_and_hold(bars, split=200, warmup=120, settings=settings).equity
    assert found.shape == (170,)
    assert np.allclose(50_000 * np.cumprod(1 + found), equity[120:290], rtol=1e-12)
    # Its first period begins with the capital, before the costs of the entry.
    assert found[0] == equity[120] / 50_000 - 1
    for given in (prices(bars), read_feeds("atr_d_l", bars)):
        assert np.array_equal(held_returns(given, settings, warmup=120, end=290, at=at), found)
    weekly = held_returns(bars, settings, warmup=120, end=290, at=at[4::5])
    assert np.allclose(np.cumprod(1 + weekly), equity[at[4::5]] / 50_000, rtol=1e-12)


def test_periods_are_bars_of_days_and_dates_of_intraday_bars() -> None:
    days = wfo.load_sample("SP500")["date"][:20]
    assert period_ends(days, 3, 9).tolist() == [3, 4, 5, 6, 7, 8]
    stamps = pl.Series([
        "2024-03-08 15:30", "2024-03-08 23:59", "2024-03-09 00:00",
        "2024-03-11 09:30", "2024-03-11 10:00", "2024-03-12 09:30",
    ]).str.to_datetime("%Y-%m-%d %H:%M")  # fmt: skip
    for zone in ("UTC", "America/New_York"):
        local = stamps.dt.replace_time_zone(zone)
        assert period_ends(local, 0, 6).tolist() == [1, 2, 4, 5]
        assert period_ends(local, 1, 4).tolist() == [1, 2, 3]
    # The same moments in another zone are other dates.
    moved = stamps.dt.replace_time_zone("UTC").dt.convert_time_zone("America/New_York")
    assert period_ends(moved, 0, 6).tolist() == [2, 4, 5]


def walk(feeds: Any, sets: Any, settings: Any, warmup: int) -> Walk:
    """Long from the first trading bar on, of so many percent of the capital."""
    close = feeds["bars"]["close"]
    ((_, (percent,)),) = sets
    equity = np.full(len(close), settings.capital)
    gain = settings.capital * (close[warmup:] / close[warmup] - 1)
    equity[warmup:] += percent / 100 * gain
    return Walk(np.zeros((0, 6)), equity, open_since=warmup)


def test_kernels_in_python_are_simulated() -> None:
    own = Strategy(
        name="percent_long",
        title="Long of a share of the capital",
        parameters=(Parameter("percent", "int", -1_000, 1_000, "share of the capital"),),
        kernel=PythonKernel("test_marks:walk"),
        lookback=lambda _: 1,
    )
    bars = wfo.load_sample("SP500")[:60]
    at = period_ends(bars["date"], 10, 60)
    rows = [[100], [0], [-1_000], [50]]
    found = period_returns(own, bars, rows, warmup=10, at=at)
    close = bars["close"].to_numpy()
    wanted = 1 - 10 * (close[10:] / close[10] - 1)
    assert found.kept.tolist() == [True, True, bool((wanted > 0).all()), True]
    sim = wfo.simulate(own, bars, {"percent": 50}, split=30, warmup=10, engine="auto")
    assert np.array_equal(
        found.returns[:, -1], sim.equity[10:] / np.r_[100_000.0, sim.equity[10:-1]] - 1
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"at": []}, "at names no bar"),
        ({"at": [150, 150]}, "must ascend"),
        ({"at": [100, 160]}, "from bar 140"),
        ({"at": [150, 420]}, "to 419"),
        ({"at": [150.5]}, "whole numbers"),
        ({"indices": [0, 10**9]}, r"indices\[1\] = 1000000000"),
        ({"indices": [-1]}, "counted from 0"),
        ({"end": 500}, "end = 500"),
        ({"warmup": 5}, "shorter than the longest lookback"),
    ],
)
def test_what_is_no_slice_is_refused(
    smoke: tuple[wfo.Grid, wfo.Feeds], change: dict[str, Any], message: str
) -> None:
    grid, feeds = smoke
    given: dict[str, Any] = {"indices": [0], "warmup": 140, "end": 420, "at": [150]} | change
    with pytest.raises(InputError, match=message):
        period_returns("atr_d_ls", feeds, grid, **given)
    with pytest.raises(InputError, match="0 <= warmup < end <= bars"):
        period_ends(wfo.load_sample("SP500")["date"], 20, 20)
