"""Bars that several chapters use; each row says what happens in it."""

from __future__ import annotations

from contract.scenarios import QUIET, Bar

# One whole trade: entry and exit at their levels.
ONE_TRADE: list[Bar] = [
    # open high low close
    (100, 101, 99, 100),  # 100: TR 2. Buy at 101-2 = 99, reached exactly: 1000 shares
    (100, 102, 100, 102),  # 101: TR 2. Stop at 101-4 = 97. Mark 99000 + 1000·(102-99)
    (102, 102, 100, 101),  # 102: TR 2. Stop at 102-4 = 98. Mark 99000 + 1000·(101-99)
    (100, 100, 98, 99),  # 103: TR 101-98 = 3. Stop at 102-4 = 98, reached: 1000·(98-99)
    (99, 99.5, 98, 99),  # 104: TR 1.5. Flat since 103: buy at 100-3 = 97
    (99, 100, 99, 100),  # 105: TR 1. Buy at 100-1.5 = 98.5
]
ONE_TRADE_MARKS = [100_000.0, 102_000.0, 101_000.0, 98_000.0, 98_000.0, 98_000.0]
LOSS_THEN_BUY: list[Bar] = [
    QUIET,  # 100: buy at 99
    (90, 91, 89, 90),  # 101: stop at 101-2 = 99, opened at 90. TR 11
    (90, 92, 90, 91),  # 102: flat since 101: buy at 91-11 = 80. TR 2
    (91, 92, 90, 91),  # 103: buy at 92-2 = 90: entered. TR 2
    (91, 93, 91, 93),  # 104: stop at 92-2 = 90. TR 2
    (92, 93, 91, 92),  # 105: stop at 93-2 = 91: exit
]
# One whole short trade: entry and exit at their levels.
ONE_SHORT: list[Bar] = [
    # open high low close
    (100, 102, 100, 101),  # 100: sell at 102, reached exactly: 1000 shares. TR 2
    (101, 103, 99, 100),  # 101: stop at 100+4 = 104. TR 4
    (100, 101, 98, 99),  # 102: stop at 99+8 = 107. TR 3
    (103, 104, 102, 103),  # 103: stop at 98+6 = 104, reached exactly: 1000·(102-104). TR 5
    (103, 104, 102, 103),  # 104: flat since 103: sell at 102+7.5, buy at 104-7.5. TR 2
]
ONE_SHORT_MARKS = [103_000.0, 104_000.0, 105_000.0, 100_000.0, 100_000.0]
# A short at 102 whose stop is never reached, and a buy at 210 - 3 = 207 in bar 103.
DEEP_SHORT: list[Bar] = [
    ONE_SHORT[0],  # 100: short at 102, mark 103000
    (101, 210, 101, 209),  # 101: mark 102000 - 1000·107. TR 109
    (209, 210, 208, 209),  # 102: buy at 210-163.5. TR 2
]
NO_STOP = {"atr_multiplier": 500.0}
LONG_THEN_SELL: list[Bar] = [
    (99, 100, 98, 99),  # 100: buy at 98, reached exactly. TR 2
    (100, 101, 99, 100),  # 101: sell at 98+3 = 101, reached exactly; stop at 100-4 = 96
    (100, 100, 100, 100),
]
SHORT_THEN_BUY: list[Bar] = [
    (101, 102, 100, 101),  # 100: sell at 102. TR 2
    (100, 101, 99, 100),  # 101: buy at 102-3 = 99, reached exactly; stop at 100+4 = 104
    (100, 100, 100, 100),
]
