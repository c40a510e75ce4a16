"""The examples: strategies as users write them."""

from __future__ import annotations

import ast
import random
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import wfo
import wfo.testing
from wfo import examples
from wfo.strategy import Strategy
from wfo.testing.samples import random_bars

NAMES = tuple(examples.__all__)
FOLDER = Path(examples.__file__).parent


def strategy(name: str) -> Strategy:
    found = getattr(examples, name).__wfo_strategy__
    assert isinstance(found, Strategy)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_a_strategy_of_the_name_of_its_class(name: str) -> None:
    own = strategy(name)
    assert own.name == name
    assert own.title.endswith(".") or ":" in own.title
    assert own.shorts is (name in ("AtrDLS", "MacdReversal"))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_an_example_needs_nothing_but_the_package(path: Path) -> None:
    """A file that a user may copy as it is."""
    found = [node for node in ast.parse(path.read_text("utf-8")).body if _imports(node)]
    assert [ast.unparse(node) for node in found] == ["import wfo"]


def _imports(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_default_grids_are_those_of_the_specification() -> None:
    grid = strategy("Donchian").grid
    assert grid is not None
    assert list(grid) == ["entry", "trend", "period"]
    assert [(axis[0], axis[-1], len(axis)) for axis in grid.values()] == [
        (5, 100, 96), (50, 300, 251), (5, 50, 46),
    ]  # fmt: skip
    for name in NAMES:
        own = strategy(name)
        values = own.grid or {}
        assert set(own.names) - set(values) == ({"width"} if name == "Donchian" else set())


@pytest.mark.parametrize("name", NAMES)
def test_an_example_trades_on_the_sample(name: str) -> None:
    own = strategy(name)
    bars = wfo.load_sample("NASDAQ")
    values = {p.name: p.low for p in own.parameters} | {
        n: axis[len(axis) // 2] for n, axis in (own.grid or {}).items()
    }
    found = wfo.simulate(getattr(examples, name), bars, values, split="2012-01-03")
    assert found.trades.height > 3


def test_tests_are_inherited_by_naming_the_class() -> None:
    class TestOwn(wfo.testing.StrategyConformance):
        strategy = examples.SmaCross  # type: ignore[assignment]  # what stands for one

    assert TestOwn.strategy is strategy("SmaCross")
    assert TestOwn()._need({"fast": 2, "slow": 5}) == 6


# ATR-D as rules gives the trades of the built-in.


def _values(rng: random.Random, built_in: Strategy) -> dict[str, Any]:
    """Return random values that both take, so that all bars are traded soon."""
    own = {
        "atr_period": rng.randint(7, 20),
        "atr_multiplier": rng.choice([1, 2.0, 3.5]),
        "bb_length": rng.randint(20, 30),
        "bb_deviation": rng.choice([1, 2.0, 2.5]),
        "vol_threshold": rng.choice([0.04, 0.1, 0.4]),
        "min_tightening": rng.choice([0.2, 0.6, 1]),
        "scaling_method": rng.randint(0, 2),
        "atr_buy_period": rng.randint(8, 20),
        "atr_buy_multiplier": rng.choice([0.5, 0.75, 1]),
        "atr_smooth_period": rng.randint(1, 9),
        "equity_price_method": rng.randint(0, 1),
        "short_multiplier": rng.choice([0.25, 0.5, 0.8]),
        "entry_mode": rng.randint(0, 2),
        "trend_filter_period": rng.randint(5, 15),
        "trend_veto_threshold": rng.choice([-0.02, 0.0, 0.02]),
        "both_triggered_mode": rng.randint(0, 1),
    }
    return {name: own[name] for name in built_in.names}


def _settings(rng: random.Random) -> dict[str, Any]:
    return {
        "capital": rng.choice([1e5, 1e6]),
        "slip": rng.choice([0, 0.001]),
        "fee": rng.choice([0, 0.0005]),
        "sizing": rng.choice(["compound", "fixed"]),
        "lot_size": rng.choice([0, 1, 0.01]),
    }


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("name", "built_in"), [("AtrDL", "atr_d_l"), ("AtrDLS", "atr_d_ls")])
def test_atr_d_as_rules_gives_the_trades_of_the_built_in(
    name: str, built_in: str, seed: int
) -> None:
    rng = random.Random(f"{name} {seed}")
    bars = random_bars(np.random.default_rng(seed), 400)
    if seed % 3 == 0:
        # On a coarse grid of prices touches hang on equality.
        prices = ("open", "high", "low", "close")
        bars = bars.with_columns((pl.col(p) * 4).round() / 4 for p in prices)
    values, given = _values(rng, wfo.strategies()[built_in]), _settings(rng)
    split = bars["date"][250]
    widest = {"max_stop_atr": float(examples.AtrDL.max_stop_atr), "entry_style": "pullback"}
    theirs = wfo.simulate(
        built_in, bars, values, split=split, settings=wfo.Settings(**given, **widest)
    )
    own = getattr(examples, name)
    engines = [engine for kernel in strategy(name).kernels for engine in kernel.engines]
    for engine in engines:
        mine = wfo.simulate(
            own, bars, values, split=split, settings=wfo.AccountSettings(**given), engine=engine
        )
        assert mine.trades.drop("pnl").equals(theirs.trades.drop("pnl")), engine
        np.testing.assert_allclose(mine.trades["pnl"], theirs.trades["pnl"], rtol=1e-9, atol=1e-6)
        np.testing.assert_allclose(mine.equity, theirs.equity, rtol=1e-9, atol=1e-9)
    # It would be no comparison otherwise.
    assert theirs.trades.height > 2
