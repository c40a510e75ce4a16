"""Tests that a strategy, or a source of market data, of your own inherits.

Those of a strategy check what a search relies on, by random backtests. They need no data, and are
the same in every run::

    import wfo.testing
    from my_package import MY_STRATEGY


    class TestMyStrategy(wfo.testing.StrategyConformance):
        strategy = MY_STRATEGY

Those of a source ask it for ranges of one symbol, and check what the store relies on;
`SourceConformance` says what they need to know. pytest finds the classes in your tests; nothing
here imports pytest.
"""

from wfo.testing.conformance import StrategyConformance
from wfo.testing.samples import Case, random_bars
from wfo.testing.sources import SourceConformance

__all__ = ["Case", "SourceConformance", "StrategyConformance", "random_bars"]
