"""Tests that a strategy of your own inherits: what a search relies on, checked on random backtests.

They need no data, and are the same in every run::

    import wfo.testing
    from my_package import MY_STRATEGY


    class TestMyStrategy(wfo.testing.StrategyConformance):
        strategy = MY_STRATEGY

pytest finds the class in your tests; nothing here imports pytest.
"""

from wfo.testing.conformance import StrategyConformance
from wfo.testing.samples import Case, random_bars

__all__ = ["Case", "StrategyConformance", "random_bars"]
