"""SMA cross in its three engines, by the suite that wfo exports, and whole searches of it."""

import numpy as np
import pytest
from sma_cross import SMA_CROSS

import wfo
import wfo.testing
from wfo.stats.permutation import permuted_feeds


class TestSmaCross(wfo.testing.StrategyConformance):
    strategy = SMA_CROSS


def test_its_module_searches_permuted_bars() -> None:
    feeds = wfo.read_feeds(SMA_CROSS, wfo.load_sample("NASDAQ").tail(600))
    values = {"fast": [2, 5, 10], "slow": [20, 40], "band": [0.0, 0.01]}
    grid = wfo.Grid(values, strategy=SMA_CROSS)
    phases, settings = [(60, 300, 450), (150, 400, 600)], wfo.AccountSettings()
    search = SMA_CROSS.kernel.load().Permutations(
        "direct", "sma_cross", feeds.to_list(), grid.engine_axes, settings, phases, 2,
        sets=[(0.35, 3.0, 0, None)], least=1, first=60,
    )  # fmt: skip
    rows = search.run(0, 3)
    for number in range(3):
        own = permuted_feeds(feeds, 60, number - 1) if number else feeds
        figures = wfo.Evaluator(SMA_CROSS, own, grid, phases).range(0, len(grid), stored=True)
        starts = [settings.capital + each.is_pnl.astype(np.float64) for each in figures]
        pairs = zip(figures, starts, strict=True)
        total = sum(np.log(1 + each.oos_pnl / start) for each, start in pairs)
        found = dict(zip(search.columns(), rows[number], strict=True))
        assert found["best_return"] == pytest.approx(np.max(total), abs=1e-12)
        assert found["median_return"] == pytest.approx(np.median(total), abs=1e-12)
    assert len(set(rows[:, search.columns().index("best_return")])) == 3
