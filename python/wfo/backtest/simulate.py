"""Simulate one parameter set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wfo.backtest.checks import Position, checked_bounds, checked_settings, position
from wfo.backtest.engines import choose_engine, require_engine
from wfo.backtest.feeds import read_feeds
from wfo.backtest.values import DatedSet, Simulation
from wfo.settings import Settings
from wfo.strategy import Strategy, get_strategy

if TYPE_CHECKING:
    import polars as pl


def simulate(
    strategy: str | Strategy,
    bars: pl.DataFrame,
    params: Mapping[str, Any],
    *,
    split: Position,
    warmup: Position | None = None,
    bars2: pl.DataFrame | None = None,
    settings: Settings | None = None,
    engine: str = "direct",
) -> Simulation:
    """Simulate one parameter set over all of `bars`.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`.
    bars
        ``date`` or ``datetime``, ``open, high, low, close``; n rows, oldest first.
    params
        One number for each parameter of the strategy.
    split
        First out-of-sample bar: its index, or a date, then the first bar on or after it.
    warmup
        First trading bar, likewise; by default 100, or the longest lookback if that is more.
    bars2
        The second symbol's bars, for strategies that read one.
    settings
        Capital, costs, sizing and entry style.
    engine
        ``"auto"``, ``"factored"``, ``"direct"`` or ``"reference"``. For a single set the direct one
        has the least to prepare.

    Returns
    -------
    Simulation
        Trades, equity and the six figures.

    Raises
    ------
    WfoError
        If a parameter, position or bar cannot be used; the message names it and what would do.
    """
    named = get_strategy(strategy)
    values = named.check_params(params)
    need = named.need({n: (v,) for n, v in zip(named.names, values, strict=True)})
    require_engine(engine)
    feeds = read_feeds(named, bars, bars2)
    assert feeds.stamps is not None  # noqa: S101  # frames have them
    first = None if warmup is None else position("warmup", warmup, feeds.stamps)
    at = position("split", split, feeds.stamps)
    bounds = checked_bounds(at, first, need, feeds.bars)
    used = checked_settings(settings)
    chosen = choose_engine(engine, named, used)
    sets = [DatedSet(bounds[0], values)]
    return Simulation.of(chosen.engine.simulate(named, feeds, sets, used, bounds))
