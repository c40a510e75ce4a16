"""Simulate one parameter set, or several that follow each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from wfo.backtest.benchmark import held_marks
from wfo.backtest.checks import (
    BarOrDate,
    Bounds,
    Labels,
    bar_index,
    checked_bounds,
    checked_labels,
)
from wfo.backtest.engines import choose_engine, require_engine, single_engine
from wfo.backtest.feeds import FIRST, Feeds, read_feeds
from wfo.backtest.lots import unfilled
from wfo.backtest.short_checks import quick_check
from wfo.backtest.values import DatedSet, Simulation
from wfo.bars import Prices
from wfo.errors import InputError
from wfo.settings import AccountSettings
from wfo.strategy import Number, Strategy, StrategyLike, get_strategy
from wfo.strategy.value import lookback_on

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import ArrayLike

#: One number for each parameter.
Params = Mapping[str, Any]


def simulate(
    strategy: StrategyLike,
    bars: Any,
    params: Params | Sequence[tuple[BarOrDate, Params]],
    *,
    split: BarOrDate,
    warmup: BarOrDate | None = None,
    bars2: Any = None,
    feeds: Mapping[str, Any] | None = None,
    settings: AccountSettings | None = None,
    engine: str | None = None,
    labels: ArrayLike | None = None,
) -> Simulation:
    """Simulate one parameter set over all of `bars`, or several that follow each other.

    Parameters
    ----------
    strategy
        Name from `wfo.strategies`, a `Strategy`, or a class of rules or kernel that is one.
    bars
        ``date`` or ``datetime``, ``open, high, low, close``; n rows, oldest first. A Polars, pandas
        or PyArrow frame.
    params
        One number for each parameter of the strategy. Or ``[(date, params), …]``: from the first
        bar on or after each date on, orders follow its set, while the position and its extremes
        persist. The dates ascend, and the first is not after the first trading bar.
    split
        First out-of-sample bar: its index, or a date, then the first bar on or after it.
    warmup
        First trading bar, likewise; by default 100, or the longest lookback if that is more.
    bars2
        The second symbol's bars, for strategies that read one.
    feeds
        Further series by name, for strategies that read them: frames with the stamps of `bars`.
    settings
        Capital, costs, sizing and entry style.
    engine
        ``"auto"``, or an engine of the strategy, such as ``"factored"``, ``"direct"`` or
        ``"reference"``. By default the direct one, which has the least to prepare for a single set;
        ``"auto"`` of a strategy that has none.
    labels
        One whole number from 0 on a bar, for sums of returns by label.

    Returns
    -------
    Simulation
        Trades, equity and figures; ``unfilled`` says of entries that could not pay for one lot.

    Raises
    ------
    WfoError
        If a parameter, boundary or bar cannot be used; the message names it and what would do.
    """
    named = get_strategy(strategy)
    dated = not isinstance(params, Mapping) and _is_dated(params)
    given = [(0, params)] if not dated else list(params)
    values = [named.check_params(each) for _, each in given]  # type: ignore[arg-type]  # it refuses
    if engine is None:
        engine = single_engine(named)
    require_engine(engine, named)
    read = read_feeds(named, bars, bars2, feeds)
    need = max(
        lookback_on(named, {n: (v,) for n, v in zip(named.names, row, strict=True)}, read)
        for row in values
    )
    assert read.stamps is not None  # noqa: S101  # frames have them
    first = None if warmup is None else bar_index("warmup", warmup, read.stamps)
    at = bar_index("split", split, read.stamps)
    bounds = checked_bounds(at, first, need, read.bars, stamps=read.stamps)
    used = named.settings_of(settings)
    if dated:
        sets = _dated_sets([when for when, _ in given], values, bounds[0], read.stamps)
    else:
        sets = [DatedSet(bounds[0], values[0])]
    codes = checked_labels(labels, read.bars, bounds[0])
    quick_check(named, read, dict(zip(named.names, values[0], strict=True)))
    return simulate_feeds(named, read, sets, used, bounds, engine=engine, labels=codes)


def simulate_feeds(
    strategy: Strategy,
    feeds: Feeds,
    sets: Sequence[DatedSet],
    settings: AccountSettings,
    bounds: Bounds,
    *,
    engine: str,
    labels: Labels | None = None,
) -> Simulation:
    """Simulate sets that follow each other on series that have been checked.

    Parameters
    ----------
    strategy
        What trades.
    feeds
        What it reads, with stamps; bars after the end are left out.
    sets
        In order, the first from the first trading bar on, or before; values as
        `Strategy.check_params` returns them.
    settings
        Of the strategy's own type.
    bounds
        From `wfo.backtest.checks.checked_bounds`.
    engine, labels
        As of `simulate`.

    Raises
    ------
    EngineError
        If the engine cannot compute this.
    InputError
        If a mark or figure is no number.
    """
    read = feeds.until(bounds[2])
    chosen = choose_engine(engine, strategy, settings, dated=len(sets) > 1)
    found = chosen.engine.simulate(strategy, read, sets, settings, bounds, labels)
    # A feed of prices may have further columns.
    traded = Prices(*(read[FIRST][name] for name in Prices._fields))
    held = held_marks(traded, bounds, settings)
    simulation = Simulation.of(found, read.stamps, bounds, strategy.name, held)

    def fractions() -> Simulation:
        whole = replace(settings, lot_size=0.0)
        return Simulation.of(chosen.engine.simulate(strategy, read, sets, whole, bounds))

    lacking = unfilled(simulation, traded, settings, fractions, shorts=strategy.shorts)
    return simulation if lacking is None else replace(simulation, unfilled=lacking)


def _is_dated(params: object) -> bool:
    """Return whether these are parameter sets with their dates."""
    return (
        isinstance(params, Sequence)
        and not isinstance(params, str)
        and len(params) > 0
        and all(isinstance(p, tuple | list) and len(p) == 2 for p in params)
        and all(isinstance(p[1], Mapping) for p in params)
    )


def _dated_sets(
    whens: Sequence[Any], values: Sequence[tuple[Number, ...]], warmup: int, stamps: pl.Series
) -> list[DatedSet]:
    """Return the sets with the bars from whose orders on they hold.

    Raises
    ------
    InputError
        If the first one begins too late, or they do not ascend.
    """
    bars = [bar_index(f"params[{i}]: date", when, stamps) for i, when in enumerate(whens)]
    if min(bars) < 0:
        raise InputError(
            f"a parameter set begins with bar {min(bars)}; the index of a bar is 0 or more"
        )
    if bars[0] > warmup:
        raise InputError(
            f"the first set begins on {whens[0]}, bar {bars[0]}, after the first trading bar"
            f" {warmup}; let it begin on {stamps[warmup]} or before, or give a later warmup"
        )
    for (i, before), (j, after) in pairwise(enumerate(bars)):
        # Dates before the history are all its first bar; of sets before trading the last one holds.
        early = after <= warmup and whens[i] != whens[j]
        if after < before or (after == before and not early):
            raise InputError(
                f"the dates of parameter sets must ascend, at least a bar apart: {whens[j]} (bar"
                f" {after}) follows {whens[i]} (bar {before})"
            )
    if bars[-1] >= len(stamps):
        raise InputError(
            f"the set of {whens[-1]} begins after the last bar, {stamps[-1]}; leave it out"
        )
    # What would hold only before the first trading bar holds never.
    current = max(i for i, bar in enumerate(bars) if bar <= warmup)
    later = zip(bars[current + 1 :], values[current + 1 :], strict=True)
    return [DatedSet(warmup, values[current]), *(DatedSet(bar, row) for bar, row in later)]
