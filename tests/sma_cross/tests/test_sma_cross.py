"""SMA cross in its three engines, by the suite that wfo exports."""

from sma_cross import SMA_CROSS

import wfo.testing


class TestSmaCross(wfo.testing.StrategyConformance):
    strategy = SMA_CROSS
