"""Simulate buy-and-hold, to set beside the simulation of a strategy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wfo.backtest.benchmark import bought, held_marks
from wfo.backtest.checks import BarOrDate, bar_index, checked_bounds
from wfo.backtest.recount import Records, recount
from wfo.backtest.values import EngineResult, Simulation, Unfilled
from wfo.bars import prices
from wfo.data.foreign import polars_frame
from wfo.data.frames import time_column
from wfo.errors import InputError
from wfo.settings import AccountSettings
from wfo.text import brief

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

#: What simulations of it are called.
NAME = "buy-and-hold"


def buy_and_hold(
    bars: Any,
    *,
    split: BarOrDate,
    warmup: BarOrDate | None = None,
    settings: AccountSettings | None = None,
) -> Simulation:
    """Buy at the open of the first trading bar, with the whole capital, and never sell.

    Parameters
    ----------
    bars
        ``date`` or ``datetime``, ``open, high, low, close``; n rows, oldest first. A Polars, pandas
        or PyArrow frame.
    split
        First out-of-sample bar: its index, or a date, then the first bar on or after it.
    warmup
        The trading bar at whose open it buys, likewise; by default 100, as `wfo.simulate` begins
        where no lookback is longer.
    settings
        Capital, costs and lots, those of any strategy.

    Returns
    -------
    Simulation
        Equity and figures, the extended ones too; no trade is closed. The entry pays its costs, and
        no exit is charged.

    Raises
    ------
    WfoError
        If a boundary, setting or bar cannot be used; the message names it and what would do.
    """
    import numpy as np

    used = AccountSettings() if settings is None else settings
    if not isinstance(used, AccountSettings):
        raise InputError(f"settings must be wfo.AccountSettings(...), not {brief(settings)}")
    frame = polars_frame(bars)
    columns = prices(frame)
    stamps = frame[time_column(frame)]
    first = None if warmup is None else bar_index("warmup", warmup, stamps)
    at = bar_index("split", split, stamps)
    # One bar before the purchase has the capital as its mark.
    bounds = checked_bounds(at, first, 1, len(stamps), stamps=stamps)
    start, first_oos, _ = bounds
    shares, cost = bought(float(columns.open[start]), used)
    whole, real = np.zeros(0, np.int64), np.zeros(0)
    equity = held_marks(columns, bounds, used)
    # Lots may be too large for a single one.
    since = start if shares > 0 else -1
    found = recount(
        Records(whole, whole, whole, real, equity, whole, real, since), start, first_oos
    )
    trades: Mapping[str, NDArray[Any]] = {
        "side": whole.astype(np.int8),
        "entry_bar": whole,
        "entry_price": real,
        "exit_bar": whole,
        "exit_price": real,
        "pnl": real,
    }
    held = Simulation.of(EngineResult(found, trades, equity, (whole, real)), stamps, bounds, NAME)
    if shares > 0:
        return held
    lot_cost = used.lot_size * cost
    return replace(held, unfilled=Unfilled(1, 1, used.lot_size, lot_cost, used.capital))
