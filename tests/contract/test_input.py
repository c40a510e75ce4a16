"""Input, lookback and parameters: I1 to I8."""

from __future__ import annotations

from dataclasses import replace

import hypothesis
import numpy as np
import pytest

from contract.markets import ONE_SHORT
from contract.random_cases import make_case, properties, seeds, simulated, styles
from contract.scenarios import MODES, QUIET, Bar, Engine, both_params, params, trades


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


# NEW
