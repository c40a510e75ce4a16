"""The reference and every engine agree: trades identical, money within 1e-9."""

from __future__ import annotations

import copy
import dataclasses

import cases
import hypothesis
import hypothesis.strategies as st
import numpy as np
import parity
import polars as pl
import pytest

import wfo

ENGINES = ["direct"]
SEEDS = st.integers(0, 2**40)


def check(engine: str, seed: int) -> None:
    c = cases.case(seed)
    wanted = wfo.simulate("atr_d_l", c.bars, c.params, **c.arguments, engine="reference")
    found = wfo.simulate("atr_d_l", c.bars, c.params, **c.arguments, engine=engine)
    said = parity.differences(wanted, found)
    assert not said, f"cases.case({seed}), {engine}:\n" + "\n".join(said)


@pytest.mark.parametrize("engine", ENGINES)
@hypothesis.settings(max_examples=400)
@hypothesis.given(SEEDS)
def test_simulations_agree(engine: str, seed: int) -> None:
    check(engine, seed)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@hypothesis.settings(max_examples=20_000)
@hypothesis.given(SEEDS)
def test_simulations_agree_in_twenty_thousand_cases(engine: str, seed: int) -> None:
    check(engine, seed)


def test_cases_are_hard_enough() -> None:
    """Agreement means something only if the cases trade, gap, tie, and lose."""
    trades = gaps = ties = zero = losses = 0
    for seed in range(200):
        c = cases.case(seed)
        sim = wfo.simulate("atr_d_l", c.bars, c.params, **c.arguments)
        at_exit = c.bars[sim.trades["exit_bar"].to_list()]
        trades += len(sim.trades)
        gaps += (at_exit["open"] == sim.trades["exit_price"]).sum()
        ties += (at_exit["low"] == sim.trades["exit_price"]).sum()
        zero += len(sim.trades) == 0
        losses += sim.equity.min() < 0.2 * c.settings.capital
    assert trades > 2_000
    assert gaps > 200
    assert ties > 20
    assert 5 < zero < 100
    assert losses > 3


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("style", ["pullback", "breakout"])
@pytest.mark.parametrize("name", ["NASDAQ", "SP500"])
def test_sweeps_agree_on_the_sample(engine: str, style: str, name: str) -> None:
    bars = wfo.load_sample(name)
    grid = wfo.Grid.load("smoke", "atr_d_l")
    phases = wfo.Windows.preset().resolve(bars["date"])
    settings = wfo.Settings(entry_style=style, slip=0.0005, fee=0.0002)
    wanted, found = (
        wfo.sweep("atr_d_l", bars, grid, windows=phases, settings=settings, engine=each)
        for each in ("reference", engine)
    )
    for w, f in zip(wanted, found, strict=True):
        assert w.is_trades.sum() > 1_000
        assert not parity.figure_differences(w.figures(), f.figures(), scale=settings.capital)


@pytest.mark.parametrize("engine", ENGINES)
@hypothesis.settings(max_examples=40)
@hypothesis.given(SEEDS)
def test_sweeps_agree_over_random_grids(engine: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    c = cases.case(seed)
    values = {name: {value} for name, value in c.params.items()}
    for _ in range(5):
        other = cases.random_params(rng)
        name = str(rng.choice(list(values)))
        values[name].add(other[name])
    grid = wfo.Grid({name: list(v) for name, v in values.items()})
    bars = cases.random_bars(rng, grid.need + 300)
    phases = [
        (grid.need + 5, grid.need + 90, grid.need + 200),
        (grid.need, grid.need + 150, len(bars)),
    ]
    for warmup, split, end in phases:
        wanted, found = (
            wfo.sweep(
                "atr_d_l",
                bars[:end],
                grid,
                split=split,
                warmup=warmup,
                engine=each,
                settings=c.settings,
            )
            for each in ("reference", engine)
        )
        scale = max(c.settings.capital, float(np.abs(wanted.is_pnl).max()))
        assert not parity.figure_differences(wanted.figures(), found.figures(), scale)


@pytest.mark.parametrize("engine", ["reference", *ENGINES])
@hypothesis.settings(max_examples=60)
@hypothesis.given(SEEDS)
def test_the_future_changes_no_decision_before_it(engine: str, seed: int) -> None:
    c = cases.case(seed)
    rng = np.random.default_rng(seed + 1)
    t = int(rng.integers(c.warmup, len(c.bars)))
    later = cases.random_bars(rng, len(c.bars))
    changed = pl.concat([c.bars[:t], later[t:]])
    before, after = (
        wfo.simulate("atr_d_l", bars, c.params, **c.arguments, engine=engine)
        for bars in (c.bars, changed)
    )
    assert before.equity[:t].tolist() == after.equity[:t].tolist()
    closed = [sim.trades.filter(pl.col("exit_bar") < t) for sim in (before, after)]
    assert closed[0].equals(closed[1])
    # What was open at t was opened by the same decision.
    opened = [
        set(sim.trades.filter(pl.col("entry_bar") < t).select("entry_bar", "entry_price").rows())
        for sim in (before, after)
    ]
    ends_open = opened[0] ^ opened[1]
    assert len(ends_open) <= 1  # a position that one of the two futures never closes


def simulation() -> tuple[wfo.Simulation, cases.Case]:
    c = cases.case(7)
    sim = wfo.simulate("atr_d_l", c.bars, c.params, **c.arguments)
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


def test_the_comparator_sees_a_cell_that_nobody_wrote() -> None:
    sim, _ = simulation()
    equity = sim.equity.copy()
    equity[-1] = np.nan
    assert parity.differences(sim, dataclasses.replace(sim, equity=equity))
    assert parity.differences(sim, dataclasses.replace(sim, oos_dd=float("nan")))
    figures = wfo.engine.Figures(*(np.array([1.0]) for _ in range(6)))
    poisoned = figures._replace(oos_pnl=np.array([np.nan]))
    assert parity.figure_differences(figures, figures, 1.0) == []
    assert parity.figure_differences(figures, poisoned, 1.0) == ["oos_pnl differs"]
    assert parity.figure_differences(poisoned, figures, 1.0) == ["oos_pnl differs"]
