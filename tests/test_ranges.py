"""Ranges: at and next to their ends every figure is a number on every engine, beyond is refused.

The figures that may be NaN are those that the contract leaves undefined (F9, F11, F12), and ratios
of results that have no trades or no fall.
"""

from __future__ import annotations

import math
from typing import Any

import hypothesis
import numpy as np
import polars as pl
import pytest
from corners import (
    BARS,
    PARAMETERS,
    PRICES,
    SPLIT,
    WARMUP,
    random_params,
    random_prices,
    random_settings,
)
from hypothesis import strategies as st
from parity import differences, extended_differences, figure_differences

import wfo
from wfo.backtest.benchmark import annual_efficiency, benchmark
from wfo.backtest.feeds import read_feeds
from wfo.backtest.figures import UNDEFINED
from wfo.backtest.marks import period_marks
from wfo.bars import prices
from wfo.settings import LEAST_PRICE, MOST_MULTIPLE, MOST_PERIOD, MOST_PRICE
from wfo.text import brief, percent

ENGINES = ("direct", "factored", "reference")
BOUNDS = (WARMUP, SPLIT, BARS)
VARIANTS = [*wfo.strategies()]


def outcome(call: Any) -> Any:
    """Return what a call does, or the message with which it refuses figures that are no numbers."""
    try:
        return call()
    except wfo.InputError as error:
        if "leaves the numbers, which end at" not in str(error):
            raise
        return str(error)


def check_case(seed: int) -> None:
    """Compare the engines on a random case, in all that they compute of it."""
    rng = np.random.default_rng(seed)
    name = VARIANTS[int(rng.integers(len(VARIANTS)))]
    kind, kind2 = rng.choice(PRICES, 2)
    bars = random_prices(rng, kind)
    bars2 = random_prices(rng, kind2) if wfo.strategies()[name].dual_symbol else None
    settings, params = random_settings(rng), random_params(rng, name)
    hypothesis.note(f"{name}, {kind}, {settings}, {params}")

    def simulated(engine: str) -> Any:
        return outcome(
            lambda: wfo.simulate(
                name, bars, params, split=SPLIT, warmup=WARMUP, bars2=bars2, settings=settings,
                engine=engine,
            )
        )  # fmt: skip

    direct = simulated("direct")
    for other in map(simulated, ENGINES[1:]):
        assert isinstance(other, str) == isinstance(direct, str)
        if isinstance(direct, str):
            continue
        assert not differences(direct, other)
        assert not extended_differences(direct, other)
    assert not isinstance(direct, str) or settings.sizing == "compound"
    if isinstance(direct, wfo.Simulation):
        check_simulation(direct)
    # What the short side scales stays within the warm-up.
    kept = ("atr_period", "atr_buy_period") if params.get("short_multiplier", 0) > 1 else ()
    # Factored engines sweep grids: two values on some axes.
    grid = {
        axis: sorted({value, PARAMETERS[axis][-1]})
        if rng.random() < 0.2 and axis not in kept
        else [value]
        for axis, value in params.items()
    }
    feeds = read_feeds(wfo.strategies()[name], bars, bars2)
    for figures in ("standard", "extended"):
        # Of trades that do not take the whole equity the factored one has no extended figures.
        whole_equity = settings.sizing == "compound" and not settings.lot_size
        engines = ENGINES if figures == "standard" or whole_equity else ("direct", "reference")
        swept = [
            outcome(
                lambda engine=engine, figures=figures: wfo.Evaluator(
                    name, feeds, grid, [BOUNDS], settings, engine, 1, figures
                )
            )
            for engine in engines
        ]
        found = [outcome(lambda each=each: each.range(0, len(each))[0]) for each in swept]
        assert len({isinstance(each, str) for each in found}) == 1
        if isinstance(found[0], str):
            continue
        for figure, column in found[0]._asdict().items():
            assert np.isfinite(column).all() or (figure in UNDEFINED and not np.isinf(column).any())
        size = max(float(np.abs(c).max()) for c in found[0][:4]) + settings.capital
        for each in found[1:]:
            assert not figure_differences(found[0], each, size)
    rows = [[float(params[n]) for n in wfo.strategies()[name].names]]
    whole = [
        outcome(
            lambda engine=engine: (
                wfo.PerformanceEvaluator(
                    name, feeds, rows, settings, warmup=WARMUP, engine=engine, threads=1
                )
                .range(0, 1)
                .row(0)
            )
        )
        for engine in ("direct", "reference")
    ]
    assert isinstance(whole[0], str) == isinstance(whole[1], str)
    if not isinstance(whole[0], str):
        for figure, value in whole[0].items():
            assert math.isfinite(value) or (figure in UNDEFINED and math.isnan(value))
    said = [
        outcome(
            lambda engine=engine: wfo.working_orders(
                name, bars, params, warmup=WARMUP, bars2=bars2, settings=settings, engine=engine
            )
        )
        for engine in ENGINES
    ]
    assert len({isinstance(each, str) for each in said}) == 1
    if isinstance(said[0], str):
        return
    for order in said[0].orders:
        assert order.level is None or math.isfinite(order.level)
        assert order.shares is None or math.isfinite(order.shares)


def check_simulation(found: wfo.Simulation) -> None:
    """Look for figures that are no numbers, in its pages too."""
    for figure, value in found.figures.items():
        assert math.isfinite(value) or (figure in UNDEFINED and math.isnan(value)), figure
    metrics = found.metrics()
    for part in (metrics.in_sample, metrics.out_of_sample, metrics.whole):
        for metric in part.__slots__:
            value = getattr(part, metric)
            assert not isinstance(value, float) or math.isfinite(value), metric
    for page in (repr(found), found._repr_html_()):
        assert "nan" not in page
        assert "inf" not in page


@hypothesis.settings(max_examples=15)
@hypothesis.given(st.integers(0, 2**32 - 1))
def test_engines_agree_on_numbers_at_the_ends_of_all_ranges(seed: int) -> None:
    check_case(seed)


@pytest.mark.slow
@hypothesis.settings(max_examples=1_500)
@hypothesis.given(st.integers(0, 2**32 - 1))
def test_engines_agree_on_numbers_at_the_ends_of_all_ranges_widely(seed: int) -> None:
    check_case(seed)


def usual(name: str = "atr_d_l", **changes: Any) -> dict[str, Any]:
    return {n: PARAMETERS[n][-1] for n in wfo.strategies()[name].names} | changes


def frame(**changed: tuple[int, float]) -> pl.DataFrame:
    """Return bars at 100 with single prices of their own."""
    bars = random_prices(np.random.default_rng(1), "usual")
    for column, (row, price) in changed.items():
        prices = bars[column].to_list()
        prices[row] = price
        bars = bars.with_columns(pl.Series(column, prices))
    return bars


@pytest.mark.parametrize("name", [*PARAMETERS])
def test_parameters_beyond_their_range_are_refused(name: str) -> None:
    variant = next(v for v, s in wfo.strategies().items() if name in s.names)
    own = wfo.strategies()[variant].parameter(name)
    beyond: list[Any] = [math.nan, math.inf, -math.inf, 1e309, 10**400, 2**70 + 0.5]
    if name == "trend_veto_threshold":
        assert (own.low, own.high) == (-math.inf, math.inf)
    elif own.kind == "int":
        assert own.high == MOST_PERIOD
        beyond += [own.low - 1, own.high + 1, 2**53, 2**70, -(2**70), own.low + 0.5]
    elif own.kind == "choice":
        beyond += [own.low - 1, own.high + 1]
    else:
        assert own.high == (1 if name == "min_tightening" else MOST_MULTIPLE)
        beyond += [0, -5e-324, math.nextafter(own.high, math.inf), 1.7e308]
    if name == "trend_veto_threshold":
        beyond = [value for value in beyond if value != 2**70 + 0.5]
    for value in beyond:
        with pytest.raises(wfo.InputError) as caught:
            wfo.simulate(variant, frame(), usual(variant, **{name: value}), split=SPLIT)
        said = str(caught.value)
        assert said.startswith(f"{name} = {brief(value)} is not allowed; it must be {own.allowed}")
        assert "\n" not in said


def test_ranges_hold_what_is_traded() -> None:
    """A whole coin and its smallest part, yen, a large fund, and shares before many splits."""
    for capital, lot in ((1e-3, 1e-8), (2e12, 100), (1e12, 1), (25_000, 1e-8)):
        wfo.Settings(capital=capital, lot_size=lot)
    for price in (1e-8, 1e-10, 110_000, 4e7, 1e10):
        bars = frame().with_columns(
            pl.lit(price).alias(c) for c in ("open", "high", "low", "close")
        )
        assert (
            wfo.simulate("atr_d_l", bars, usual(), split=SPLIT, warmup=WARMUP).equity.size == BARS
        )


@pytest.mark.parametrize(
    ("column", "price"),
    [
        ("low", 0.999e-15),
        ("low", 1e-300),
        ("low", 5e-324),
        ("high", math.nextafter(MOST_PRICE, math.inf)),
        ("high", 1e300),
    ],
)
def test_bars_with_prices_beyond_the_range_are_refused(column: str, price: float) -> None:
    bars = frame(**{column: (17, price)})
    wanted = f"{column} = {price:g} is outside the prices that backtests compute with, 1e-15 to"
    with pytest.raises(wfo.DataError, match=r"^bar 17 \(2020-01-18\): ") as caught:
        wfo.simulate("atr_d_l", bars, usual(), split=SPLIT, warmup=WARMUP)
    assert wanted in str(caught.value)
    report = wfo.data.check_bars(bars, calendar="none")
    assert len(report.errors) == 1
    assert report.errors[0].startswith(
        f"row 18, column '{column}': {price!r} is outside the prices"
    )


def test_prices_at_both_ends_of_the_range_are_bars() -> None:
    bars = frame(low=(17, LEAST_PRICE), high=(17, MOST_PRICE))
    assert not wfo.data.check_bars(bars, calendar="none").errors
    check_simulation(wfo.simulate("atr_d_l", bars, usual(), split=SPLIT, warmup=WARMUP))


def jumps(cycles: int) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Return bars, and a set that multiplies the equity by 1e28 in so many of them.

    A bar goes from 1e-14 to 1e14 and the next one back. A breakout without an offset buys at the
    last close, 1e-14, and a stop without a width sells at the highest high, 1e14.
    """
    rows = [(1e-14,) * 4] * BARS
    for i in range(cycles):
        rows[WARMUP + 2 * i] = (1e-14, 1e14, 1e-14, 1e14)
        rows[WARMUP + 2 * i + 1] = (1e14, 1e14, 1e-14, 1e-14)
    bars = (
        frame()
        .select("date")
        .hstack(pl.DataFrame(rows, schema=["open", "high", "low", "close"], orient="row"))
    )
    return bars, usual(atr_buy_multiplier=5e-324, atr_multiplier=5e-324)


@pytest.mark.parametrize("engine", ENGINES)
def test_equity_that_leaves_the_numbers_is_refused(engine: str) -> None:
    bars, params = jumps(15)
    breakout = wfo.Settings(entry_style="breakout")
    given: dict[str, Any] = {"split": SPLIT, "warmup": WARMUP, "engine": engine}
    wanted = r"^the backtest: equity in bar 100 leaves the numbers, .* 'fixed'"
    with pytest.raises(wfo.InputError, match=wanted):
        wfo.simulate("atr_d_l", bars, params, settings=breakout, **given)
    grid = {name: [value] for name, value in params.items()} | {"bb_length": [20, 21]}
    phases = [(WARMUP, 82, 84), BOUNDS]
    for figures in ("standard", "extended"):
        found = wfo.Evaluator("atr_d_l", bars, grid, phases, breakout, engine, 1, figures)
        for call, first in (
            (lambda found=found: found.range(1, 2), "1, phase 2: is_pnl"),
            (lambda found=found: found.list([1, 0]), "1, phase 2: is_pnl"),
            (lambda found=found: found.blocks([0], 2), "0, phase 2: is_pnl"),
            (lambda found=found: found.range(0, 2, stored=True), "0, phase 1: oos_pnl"),
        ):
            with pytest.raises(wfo.InputError, match=f"^combination {first} leaves "):
                call()
    with pytest.raises(wfo.InputError, match=r"^combination 0: is_pnl leaves the numbers"):
        wfo.sweep("atr_d_l", bars, grid, settings=breakout, **given)
    # What is not reinvested is added up, and stays a number.
    fixed = wfo.Settings(entry_style="breakout", sizing="fixed")
    check_simulation(wfo.simulate("atr_d_l", bars, params, settings=fixed, **given))


@pytest.mark.parametrize("engine", ["direct", "reference"])
def test_other_figures_that_leave_the_numbers_are_refused(engine: str) -> None:
    bars, params = jumps(15)
    settings = wfo.Settings(entry_style="breakout")
    row = [[float(v) for v in params.values()]]
    whole = wfo.PerformanceEvaluator(
        "atr_d_l", bars, row, settings, warmup=WARMUP, engine=engine, threads=1
    )
    with pytest.raises(wfo.InputError, match=r"^parameter set 0: .* leaves the numbers"):
        whole.range(0, 1)
    with pytest.raises(wfo.InputError, match=r"^parameter set 0: the mark of period 20 leaves"):
        period_marks("atr_d_l", bars, row, settings=settings, warmup=WARMUP, at=range(WARMUP, BARS))


def test_figures_beyond_the_numbers_of_files_are_refused_there_alone() -> None:
    """One jump of a large capital is beyond float32, and far from the end of float64."""
    bars, params = jumps(1)
    settings = wfo.Settings(capital=1e15, entry_style="breakout")
    for engine in ENGINES:
        found = wfo.Evaluator(
            "atr_d_l", bars, {n: [v] for n, v in params.items()}, [BOUNDS], settings, engine, 1
        )
        assert found.range(0, 1)[0].is_pnl[0] == pytest.approx(1e43)
        with pytest.raises(
            wfo.InputError, match=r"is_pnl leaves the numbers, which end at 3\.4e\+38"
        ):
            found.range(0, 1, stored=True)


def test_an_annual_efficiency_is_a_number_or_there_is_none() -> None:
    assert annual_efficiency(0.2, 0.1) == 0.5
    for before, after in (
        (0.0, 0.1), (-0.1, 0.1), (math.nan, 1.0), (math.inf, 1.0), (1.0, math.inf), (math.inf,) * 2,
    ):  # fmt: skip
        assert annual_efficiency(before, after) is None


def test_a_return_that_is_beyond_all_numbers_a_year_is_shown_as_none() -> None:
    """A few bars that multiply the price by 1e28 make no efficiency, and no inf on a page."""
    bars, _ = jumps(1)
    held = benchmark(prices(bars), (WARMUP, WARMUP + 1, WARMUP + 2), wfo.Settings(), 252.0)
    assert math.isinf(held.is_return_annual)
    assert held.return_wfe is None
    assert percent(held.is_return_annual) == "-"
