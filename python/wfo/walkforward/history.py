"""The bars that a walk-forward chooses and trades on, with the account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wfo import bars as bars_module
from wfo.backtest import Feeds, read_feeds, thread_count
from wfo.data.years import checked_bars_per_year
from wfo.metrics import inferred_bars_per_year
from wfo.settings import AccountSettings
from wfo.strategy import Strategy, StrategyLike, get_strategy


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Bars of one strategy, and what its backtests need beside them.

    Attributes
    ----------
    strategy
        What trades.
    feeds
        What it reads, n bars, with their stamps.
    settings
        Capital, costs and sizing, of the strategy's own type.
    bars_per_year
        What makes figures annual.
    threads
        How many work; None for one a core. Results do not depend on it.
    year_given
        Whether `bars_per_year` was given: then it is that of each choice too, for which it is else
        counted in the bars that the choice may see.
    """

    strategy: Strategy
    feeds: Feeds
    settings: AccountSettings
    bars_per_year: float
    threads: int | None = None
    year_given: bool = False

    @classmethod
    def of_frames(
        cls,
        strategy: StrategyLike,
        bars: Any,
        bars2: Any = None,
        feeds: Mapping[str, Any] | None = None,
        settings: AccountSettings | None = None,
        threads: int | None = None,
        bars_per_year: float | None = None,
    ) -> History:
        """Return the history that frames make, as `wfo.simulate` takes them.

        A year is counted from their stamps unless it is given.

        Raises
        ------
        WfoError
            If anything given cannot be used.
        """
        named = get_strategy(strategy)
        used = named.settings_of(settings)
        thread_count(threads)
        read = read_feeds(named, bars, bars2, feeds)
        assert read.stamps is not None  # noqa: S101  # frames have them
        given = bars_per_year is not None
        year = (
            inferred_bars_per_year(read.stamps)
            if bars_per_year is None
            else checked_bars_per_year(bars_per_year)
        )
        return cls(named, read, used, year, threads, given)

    @property
    def days(self) -> list[dt.date]:
        """Date of every bar."""
        assert self.feeds.stamps is not None  # noqa: S101  # feeds of frames have them
        return bars_module.days(self.feeds.stamps)

    def on(self, feeds: Feeds) -> History:
        """Return the same on other bars."""
        return replace(self, feeds=feeds)
