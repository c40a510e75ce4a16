"""The reference and every engine agree: trades identical, money within 1e-9."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cases
import hypothesis
import hypothesis.strategies as st
import numpy as np
import parity
import polars as pl
import pytest

import wfo

#: The next engine is one more name here.
ENGINES = ["direct", "factored"]
STYLES = ["pullback", "breakout"]
VARIANTS = list(wfo.strategies())
DUAL = [name for name, strategy in wfo.strategies().items() if strategy.dual_symbol]
SEEDS = st.integers(0, 2**40)

each_style = pytest.mark.parametrize("style", STYLES)
each_variant = pytest.mark.parametrize("strategy", VARIANTS)


def in_turn(*names: str, slow: Sequence[str] = ()) -> Any:
    """Return each variant in both styles on each market, every second of them for `make slow`.

    So each variant trades in either style on one of two markets, and on one market variants of
    either kind trade in either style. On the markets of `slow` all is for `make slow`.
    """

    def marks(name: str, number: int) -> Any:
        return pytest.mark.slow if name in slow or number % 2 else ()

    return pytest.mark.parametrize(
        ("name", "strategy", "style"),
        [
            pytest.param(name, strategy, style, marks=marks(name, m + k + k // 2 + n))
            for m, name in enumerate((*names, *slow))
            for k, strategy in enumerate(VARIANTS)
            for n, style in enumerate(STYLES)
        ],
    )


def check(strategy: str, style: str, seed: int) -> None:
    c = cases.case(seed, strategy, style)
    wanted = c.simulate("reference")
    for engine in ENGINES:
        said = parity.differences(wanted, c.simulate(engine))
        # The line to paste into a test of its own.
        call = f"{engine}: check({strategy!r}, {style!r}, {seed})"
        assert not said, call + "\n" + "\n".join(said)


@each_style
@each_variant
@hypothesis.settings(max_examples=30)
@hypothesis.given(SEEDS)
def test_simulations_agree(strategy: str, style: str, seed: int) -> None:
    check(strategy, style, seed)


@pytest.mark.slow
@each_style
@each_variant
@hypothesis.settings(max_examples=5_000)
@hypothesis.given(SEEDS)
def test_simulations_agree_in_many_cases(strategy: str, style: str, seed: int) -> None:
    check(strategy, style, seed)


@each_variant
def test_cases_are_hard_enough(strategy: str) -> None:
    """Agreement means something only if the cases trade, gap, tie, reverse, lose and stop."""
    trades = gaps = ties = without = losses = shorts = reversals = visits = ruined = 0
    money = set()
    for seed in range(100):
        c = cases.case(seed, strategy)
        sim = c.simulate("direct")
        used = c.settings
        money.add((used.sizing, used.lot_size > 0, used.slip > 0, used.fee > 0))
        at_exit = c.bars[sim.trades["exit_bar"].to_list()]
        trades += len(sim.trades)
        gaps += (at_exit["open"] == sim.trades["exit_price"]).sum()
        extremes = pl.Series(at_exit["low"] == sim.trades["exit_price"])
        extremes |= at_exit["high"] == sim.trades["exit_price"]
        ties += extremes.sum()
        without += len(sim.trades) == 0
        losses += sim.equity.min() < 0.2 * c.settings.capital
        shorts += (sim.trades["side"] == "short").sum()
        after = sim.trades["entry_bar"].shift(-1) == sim.trades["exit_bar"]
        reversals += after.fill_null(value=False).sum()
        visits += (sim.trades["entry_bar"] == sim.trades["exit_bar"]).sum()
        ruined += sim.equity[-1] <= 0
    has = wfo.strategies()[strategy]
    assert len(money) == 16
    assert trades > 300
    assert gaps > 30
    assert ties > 6
    assert 2 < without < 80
    assert losses > 0
    assert (shorts > 150) == has.shorts
    if "entry_mode" in has.names:
        assert reversals > 30
        assert visits > 6
        assert ruined > 0


@in_turn("NASDAQ", "SP500")
def test_sweeps_agree_on_the_sample(strategy: str, style: Any, name: str) -> None:
    bars = wfo.load_sample(name)
    other = wfo.load_sample("SP500" if name == "NASDAQ" else "NASDAQ")
    sweeps_agree(strategy, style, bars, other)


def sweeps_agree(strategy: str, style: Any, bars: pl.DataFrame, other: pl.DataFrame) -> None:
    """Compare the smoke grid over all phases, after a look at whether it trades at all."""
    grid = wfo.Grid.load("smoke", strategy)
    phases = wfo.Windows.preset().resolve(bars["date"], warmup=max(100, grid.need))
    settings = wfo.Settings(entry_style=style, slip=0.0005, fee=0.0002)
    options: dict[str, Any] = {"windows": phases, "settings": settings}
    if strategy in DUAL:
        options["bars2"] = other
    wanted, *others = (
        wfo.sweep(strategy, bars, grid, engine=each, **options) for each in ("reference", *ENGINES)
    )
    for engine, found in zip(ENGINES, others, strict=True):
        for w, f in zip(wanted, found, strict=True):
            assert w.is_trades.sum() > 500
            scale = max(settings.capital, float(np.abs(w.is_pnl).max()))
            assert not parity.figure_differences(w.figures(), f.figures(), scale), engine


@in_turn("TQQQ", slow=("SMH", "SPY"))
def test_sweeps_agree_on_real_bars(strategy: str, style: str, name: str, real_bars: Path) -> None:
    bars, other = (
        pl.read_csv(real_bars / f"{symbol}_1day.csv", try_parse_dates=True)
        for symbol in (name, "QQQ")
    )
    joined = wfo.join_bars(bars, other)
    sweeps_agree(strategy, style, joined.first, joined.second)


@each_variant
@hypothesis.settings(max_examples=15)
@hypothesis.given(SEEDS)
def test_sweeps_agree_over_random_grids(strategy: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    c = cases.case(seed, strategy)
    values = {name: {value} for name, value in c.params.items()}
    for _ in range(5):
        other = cases.random_params(rng, strategy)
        name = str(rng.choice(list(values)))
        values[name].add(other[name])
    grid = wfo.Grid({name: list(v) for name, v in values.items()}, strategy=strategy)
    bars = cases.random_bars(rng, grid.need + 300)
    bars2 = cases.random_bars(rng, len(bars)) if strategy in DUAL else None
    need = grid.need
    for warmup, split, end in ((need + 5, need + 90, need + 200), (need, need + 150, len(bars))):
        wanted, *others = (
            wfo.sweep(
                strategy,
                bars[:end],
                grid,
                split=split,
                warmup=warmup,
                engine=each,
                settings=c.settings,
                bars2=None if bars2 is None else bars2[:end],
            )
            for each in ("reference", *ENGINES)
        )
        scale = max(c.settings.capital, float(np.abs(wanted.is_pnl).max()))
        for engine, found in zip(ENGINES, others, strict=True):
            said = parity.figure_differences(wanted.figures(), found.figures(), scale)
            assert not said, engine


@pytest.mark.parametrize("engine", ["reference", *ENGINES])
@each_variant
@hypothesis.settings(max_examples=15)
@hypothesis.given(SEEDS)
def test_the_future_changes_no_decision_before_it(engine: str, strategy: str, seed: int) -> None:
    c = cases.case(seed, strategy)
    rng = np.random.default_rng(seed + 1)
    t = int(rng.integers(c.warmup, len(c.bars)))
    other = dataclasses.replace(
        c,
        bars=pl.concat([c.bars[:t], cases.random_bars(rng, len(c.bars))[t:]]),
        bars2=None
        if c.bars2 is None
        else pl.concat([c.bars2[:t], cases.random_bars(rng, len(c.bars))[t:]]),
    )
    before, after = c.simulate(engine), other.simulate(engine)
    assert before.equity[:t].tolist() == after.equity[:t].tolist()
    closed = [sim.trades.filter(pl.col("exit_bar") < t) for sim in (before, after)]
    assert closed[0].equals(closed[1])
    # What was open at t was opened by the same decision.
    opened = [
        set(sim.trades.filter(pl.col("entry_bar") < t).select("entry_bar", "entry_price").rows())
        for sim in (before, after)
    ]
    assert len(opened[0] ^ opened[1]) <= 1  # a position that one of the futures never closes


@pytest.mark.parametrize("strategy", DUAL)
def test_the_second_symbol_feeds_only_the_width(strategy: str) -> None:
    """Where no width tightens the stop, Data2 changes nothing; else it does."""
    changed = 0
    for seed in range(30):
        c = cases.case(seed, strategy)
        other = cases.random_bars(np.random.default_rng(seed + 1), len(c.bars))
        for floor, same in ((1.0, True), (0.1, False)):
            params = c.params | {"min_tightening": floor}
            one, two = (
                dataclasses.replace(c, params=params, bars2=bars2).simulate("direct")
                for bars2 in (c.bars2, other)
            )
            if same:
                assert one.trades.equals(two.trades)
            else:
                changed += not one.trades.equals(two.trades)
    assert changed > 5


def simulation() -> tuple[wfo.Simulation, cases.Case]:
    c = cases.case(7)
    sim = c.simulate("direct")
    assert len(sim.trades) > 1
    return sim, c


@pytest.mark.parametrize("name", [*parity.MONEY, *parity.COUNTS])
def test_the_comparator_sees_a_changed_figure(name: str) -> None:
    sim, c = simulation()
    by = 1 if name in parity.COUNTS else 1e-6 * c.settings.capital
    changed = dataclasses.replace(sim, **{name: getattr(sim, name) + by})
    assert parity.differences(sim, copy.deepcopy(sim)) == []
    assert [name in said for said in parity.differences(sim, changed)] == [True]


@pytest.mark.parametrize("column", ["entry_bar", "exit_bar", "entry_price", "exit_price", "pnl"])
def test_the_comparator_sees_a_changed_trade(column: str) -> None:
    sim, _ = simulation()
    trades = sim.trades.with_columns(pl.col(column) + 1)
    assert parity.differences(sim, dataclasses.replace(sim, trades=trades))
    assert parity.differences(sim, dataclasses.replace(sim, trades=sim.trades[:-1]))
    other_side = sim.trades.with_columns(side=pl.lit("short"))
    assert parity.differences(sim, dataclasses.replace(sim, trades=other_side))


def test_the_comparator_sees_a_cell_that_nobody_wrote() -> None:
    sim, _ = simulation()
    equity = sim.equity.copy()
    equity[-1] = np.nan
    assert parity.differences(sim, dataclasses.replace(sim, equity=equity))
    assert parity.differences(sim, dataclasses.replace(sim, oos_dd=float("nan")))
    figures = wfo.backtest.Figures(*(np.array([1.0]) for _ in range(6)))
    poisoned = figures._replace(oos_pnl=np.array([np.nan]))
    assert parity.figure_differences(figures, figures, 1.0) == []
    assert parity.figure_differences(figures, poisoned, 1.0) == ["oos_pnl differs"]
    assert parity.figure_differences(poisoned, figures, 1.0) == ["oos_pnl differs"]
