"""Input, lookback and parameters: I1 to I8."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from dataclasses import replace
from typing import Any

import hypothesis
import numpy as np
import polars as pl
import pytest

import wfo
from contract.markets import ONE_SHORT
from contract.random_cases import SPLIT, WARMUP, make_case, properties, seeds, simulated, styles
from contract.scenarios import LENGTHS, MODES, QUIET, Bar, Engine, both_params, params, trades
from wfo.atr_d.reference.variants import VARIANTS


@pytest.mark.parametrize("strategy", ["atr_d_duals_l", "atr_d_duals_ls"])
@pytest.mark.rule("I2")
def test_data2_feeds_the_width_and_nothing_else(engine: Engine, strategy: str) -> None:
    bars: list[Bar] = [
        QUIET,  # 100: buy at 101-2 = 99. TR 2
        (100.5, 101, 100, 100.5),  # 101: stop at 101 - 4·tightening
    ]
    # Data2 closes at 98 and 102 in bars 99 and 100: mean 100, sigma 2, width 2·25·2/100 = 1, and
    # r = 1/4: the stop lies at 100. Data1 has closed at 100 twice: its width is 0, the floor
    # 1/16, and its stop 100.75, above the open.
    second: list[Bar] = [*[(500.0, 900, 1, 98)] * 100, (500, 900, 1, 102), (7, 7, 7, 7)]
    more = MODES | {"trend_veto_threshold": 1000} if strategy.endswith("s") else {}
    row = params(more, min_tightening=0.0625)
    result = engine.both(bars, strategy=strategy, row=row, second=second, capital=99_000)
    assert trades(result) == [(1, 100, 99, 101, 100, 1_000)]


@pytest.mark.rule("I2")
def test_data2_tightens_the_stop_of_a_short_too(engine: Engine) -> None:
    bars: list[Bar] = [
        ONE_SHORT[0],  # 100: short at 102. TR 2
        (100.5, 101, 100, 100.5),  # 101: stop at 100 + 4·1/4 = 101, reached
    ]
    second: list[Bar] = [*[(98.0, 98, 98, 98)] * 100, (102, 102, 102, 102), (7, 7, 7, 7)]
    row = both_params(min_tightening=0.0625)
    result = engine.both(bars, strategy="atr_d_duals_ls", row=row, second=second)
    assert trades(result) == [(-1, 100, 102, 101, 101, 1_000)]


@hypothesis.given(seed=seeds, style=styles)
@properties
@pytest.mark.rule("I2")
def test_data1_as_data2_is_the_single_symbol(engine: Engine, seed: int, style: str) -> None:
    for single, dual in (("atr_d_l", "atr_d_duals_l"), ("atr_d_ls", "atr_d_duals_ls")):
        case = make_case(np.random.default_rng(seed), single)
        one = simulated(engine, case, entry_style=style)
        two = simulated(engine, replace(case, strategy=dual, second=case.bars), entry_style=style)
        assert np.array_equal(one.equity, two.equity)
        assert np.array_equal(one.exit_price, two.exit_price)


def frame(bars: list[Bar]) -> pl.DataFrame:
    dates = [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(len(bars))]
    columns = dict(zip(("open", "high", "low", "close"), zip(*bars, strict=True), strict=True))
    return pl.DataFrame({"date": dates, **{n: [float(x) for x in c] for n, c in columns.items()}})


def named(strategy: str, row: list[float]) -> dict[str, float]:
    return dict(zip(wfo.strategies()[strategy].names, row, strict=True))


@pytest.mark.rule("I1")
@pytest.mark.parametrize(
    ("warmup", "split", "n"), [(0, 110, 120), (110, 110, 120), (111, 110, 120), (100, 120, 120)]
)
def test_each_part_has_a_bar(engine: Engine, warmup: int, split: int, n: int) -> None:
    with pytest.raises(wfo.WfoError, match=rf"split = {split}|split {split}|warmup = 0"):
        wfo.simulate(
            "atr_d_l",
            frame([QUIET] * n),
            named("atr_d_l", params()),
            warmup=warmup,
            split=split,
            engine=engine.name,
        )
    with pytest.raises((wfo.WfoError, ValueError), match="warmup"):
        engine.simulate(
            "atr_d_l", np.array([QUIET] * n, float), params(), warmup=warmup, split=split, capital=1
        )


@pytest.mark.rule("I1")
def test_one_bar_of_each_kind_is_enough(engine: Engine) -> None:
    bars = np.array([QUIET] * 72, float)
    row = params()
    result = engine.simulate("atr_d_l", bars, row, warmup=70, split=71, capital=99_000)
    assert result.equity.tolist() == [99_000] * 70 + [100_000] * 2


NEEDS: list[tuple[str, dict[str, float], int]] = [
    ("atr_d_l", {}, 70),
    ("atr_d_l", {"atr_smooth_period": 300}, 70),  # an average starts with its first value
    ("atr_d_l", {"atr_period": 90}, 90),
    ("atr_d_l", {"bb_length": 95}, 95),
    ("atr_d_l", {"atr_buy_period": 101}, 101),
    ("atr_d_ls", {"trend_filter_period": 300}, 70),
    ("atr_d_ls", {"atr_period": 64, "short_multiplier": 2.5}, 160),
    ("atr_d_ls", {"atr_buy_period": 33, "short_multiplier": 2.5}, 83),  # 82.5 goes up
    ("atr_d_ls", {"atr_period": 90, "short_multiplier": 0.5}, 90),  # the long side needs it
    ("atr_d_hma_l", {"hma_slow_length": 100}, 110),
    ("atr_d_hma_l", {"hma_slow_length": 90}, 99),  # the root of 90 is 9.49
    ("atr_d_hma_l", {"hma_slow_length": 91}, 101),  # that of 91 is 9.54
    ("atr_d_hma_ls", {"hma_slow_length": 62}, 70),
]
MORE: dict[str, dict[str, float]] = {
    "atr_d_l": {},
    "atr_d_ls": MODES,
    "atr_d_hma_l": LENGTHS,
    "atr_d_hma_ls": {"short_multiplier": 1} | LENGTHS,
}


@pytest.mark.rule("I3", "I4", "I5", "I6")
@pytest.mark.parametrize(("strategy", "changes", "need"), NEEDS)
def test_the_warm_up_reaches_the_need(
    engine: Engine, strategy: str, changes: dict[str, float], need: int
) -> None:
    row = params(MORE[strategy], **changes)
    bars = [QUIET] * (need + 10)
    bounds: dict[str, Any] = {"split": need + 5, "engine": engine.name}
    for warmup, enough in ((need, True), (need - 1, False)):
        call = functools.partial(
            wfo.simulate, strategy, frame(bars), named(strategy, row), warmup=warmup, **bounds
        )
        if enough:
            assert len(call().equity) == need + 10
            continue
        with pytest.raises(wfo.WfoError, match=rf"warmup = {warmup} .* at least {need}"):
            call()
        if engine.name != "reference":  # which leaves the check to its caller
            with pytest.raises(wfo.WfoError, match=f"{need}"):
                engine.simulate(
                    strategy, np.array(bars, float), row, warmup=warmup, split=need + 5, capital=1
                )


@pytest.mark.rule("I6")
@pytest.mark.parametrize(("period", "warmup"), [(1, 100), (100, 100), (101, 101)])
def test_the_warm_up_is_100_or_what_is_needed(engine: Engine, period: int, warmup: int) -> None:
    row = named("atr_d_l", params(atr_period=period))
    settings = wfo.Settings(capital=99_000)
    found = wfo.simulate(
        "atr_d_l", frame([QUIET] * 110), row, split=105, settings=settings, engine=engine.name
    )
    # Each quiet bar touches a buy at 99, the first one that trades too.
    assert found.equity.tolist() == [99_000] * warmup + [100_000] * (110 - warmup)


@pytest.mark.rule("I7")
@pytest.mark.parametrize("strategy", sorted(VARIANTS))
def test_parameters_have_one_order(engine: Engine, strategy: str) -> None:
    """By name, or as numbers in canonical order; of a grid's numbers the last varies fastest."""
    rng = np.random.default_rng(5)
    one, other = (make_case(rng, strategy) for _ in range(2))
    names = wfo.strategies()[strategy].names
    values: dict[str, list[float]] = {n: [v] for n, v in zip(names, one.params, strict=True)}
    for name in (names[0], names[8], "hma_slow_length" if "hma" in strategy else names[3]):
        values[name].append(60 if name == "hma_slow_length" else other.params[names.index(name)])
    grid = wfo.Grid(values, strategy=strategy)
    rows = list(itertools.product(*(values[n] for n in names)))
    assert len(grid) == len(rows) == 8
    bars, second_bars = (None if b is None else frame(b.tolist()) for b in (one.bars, one.second))
    swept = wfo.sweep(
        strategy, bars, grid, split=SPLIT, warmup=WARMUP, bars2=second_bars, engine=engine.name
    )
    for i, row in enumerate(rows):
        result = engine.simulate(
            strategy,
            one.bars,
            row,
            second=one.second,
            warmup=WARMUP,
            split=SPLIT,
            capital=100_000,
            max_stop_atr=20,
        )
        assert swept.oos_pnl[i] == pytest.approx(result.oos_pnl, rel=1e-9, abs=1e-4)
    assert len(set(swept.oos_pnl.tolist())) >= 4


@pytest.mark.rule("I8")
@pytest.mark.parametrize(
    ("strategy", "name", "value"),
    [
        ("atr_d_l", "atr_period", 0),
        ("atr_d_l", "atr_multiplier", 0),
        ("atr_d_l", "bb_length", 1),
        ("atr_d_l", "min_tightening", 0),
        ("atr_d_l", "min_tightening", 1.01),
        ("atr_d_l", "scaling_method", 3),
        ("atr_d_l", "equity_price_method", 2),
        ("atr_d_ls", "short_multiplier", 0),
        ("atr_d_ls", "entry_mode", 3),
        ("atr_d_ls", "trend_filter_period", 0),
        ("atr_d_ls", "both_triggered_mode", 2),
        ("atr_d_hma_l", "hma_fast_length", 2),  # the slow one is 2
    ],
)
def test_values_out_of_range_are_refused(
    engine: Engine, strategy: str, name: str, value: float
) -> None:
    row = params(MORE[strategy], **{name: value})
    with pytest.raises(wfo.WfoError, match=name):
        wfo.simulate(
            strategy, frame([QUIET] * 120), named(strategy, row), split=110, engine=engine.name
        )
    if engine.name != "reference":  # which leaves the check to its caller
        with pytest.raises(wfo.WfoError, match=name):
            engine.run([QUIET] * 10, strategy=strategy, row=row)


@pytest.mark.rule("I8")
def test_hull_lengths_that_are_no_pair_are_left_out(engine: Engine) -> None:
    case = make_case(np.random.default_rng(3), "atr_d_hma_l")
    names = wfo.strategies()["atr_d_hma_l"].names
    values: dict[str, list[float]] = {n: [v] for n, v in zip(names, case.params, strict=True)}
    values |= {"hma_fast_length": [2, 9, 20], "hma_slow_length": [9, 20]}
    grid = wfo.Grid(values, strategy="atr_d_hma_l")
    assert (len(grid), grid.left_out) == (3, 3)
    swept = wfo.sweep(
        "atr_d_hma_l",
        frame(case.bars.tolist()),
        grid,
        split=SPLIT,
        warmup=WARMUP,
        engine=engine.name,
    )
    for i, lengths in enumerate([(2, 9), (2, 20), (9, 20)]):
        result = engine.simulate(
            "atr_d_hma_l",
            case.bars,
            [*case.params[:11], *lengths],
            warmup=WARMUP,
            split=SPLIT,
            capital=100_000,
            max_stop_atr=20,
        )
        assert swept.oos_pnl[i] == pytest.approx(result.oos_pnl, rel=1e-9, abs=1e-4)
