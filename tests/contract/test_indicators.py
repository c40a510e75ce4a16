"""Indicators and exactness: X1 to X10."""

from __future__ import annotations

import pytest

from contract.scenarios import Bar, Engine, long_trades, params


@pytest.mark.rule("X3", "X4")
def test_typical_price_feeds_the_width(engine: Engine) -> None:
    bars: list[Bar] = [
        (100, 101, 92, 98),  # 100: buy at 101-6 = 95: entered. Typical price 97. TR 9
        # 101: typical prices 100, 97: mean 98.5, sigma 1.5, r = 6/98.5; stop at
        # 101 - 18·6/98.5 = 99.90. (Closes 100, 98 would put it at 101 - 18·4/99 = 100.27.)
        (100.5, 104, 100, 102),  # Typical price 102. TR 6
        # 102: typical prices 97, 102: mean 99.5, sigma 2.5, r = 10/99.5
        (104, 104, 80, 90),
    ]
    row = params(
        atr_buy_multiplier=3,
        bb_deviation=1,
        vol_threshold=0.5,
        min_tightening=0.001,
        equity_price_method=0,
    )
    result = engine.run(bars, row=row, capital=95_000)
    ((*_, exit_bar, exit_price, pnl),) = long_trades(result)
    assert exit_bar == 102
    assert exit_price == pytest.approx(104 - 12 * 10 / 99.5, rel=1e-12)
    assert pnl == pytest.approx(1_000 * (104 - 12 * 10 / 99.5 - 95), rel=1e-9)


# NEW
