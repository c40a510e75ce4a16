"""Working orders: what a parameter set has in the market in the bar after the last one.

Nothing of that bar is looked at: each level stands at the close of the bar before ([T1]).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from wfo.atr_d.reference import money, states
from wfo.atr_d.reference._jit import njit
from wfo.atr_d.reference.atr_d import (
    Bars,
    Params,
    Settings,
    Standing,
    entry_filters_of,
    no_series,
    orders_of,
    params_of,
    run,
    series_of,
)
from wfo.atr_d.reference.indicators import FloatArray
from wfo.atr_d.reference.states import FLAT, LONG, SHORT
from wfo.atr_d.reference.variants import Variant

_VETO = (
    "the trend filter vetoes it: the fall of its average in percent a bar does not exceed the"
    " threshold"
)
_NOT_UP = "the fast Hull average is not above the slow one"
_NOT_DOWN = "the fast Hull average is not below the slow one"


class NextBar(NamedTuple):
    """What the orders of the bar after the last one are made of.

    Attributes
    ----------
    stop_long, stop_short, buy, sell
        Distances at the last bar, in price units.
    buy_on, sell_on, buy_at_open, sell_at_open
        Entry filters of the bar after it.
    decline
        Fall of the veto's EMA into the last bar, in percent; 0 where there is no veto.
    close, mark
        The last close, and the equity marked at it.
    """

    stop_long: float
    stop_short: float
    buy: float
    sell: float
    buy_on: bool
    sell_on: bool
    buy_at_open: bool
    sell_at_open: bool
    decline: float
    close: float
    mark: float


@njit
def after_last_bar(
    variant: Variant,
    bars: Bars,
    width_bars: Bars,
    row: FloatArray,
    warmup: int,
    settings: Settings,
) -> tuple[Standing, NextBar]:
    """Follow the path of a parameter set to the last bar.

    Parameters
    ----------
    variant, bars, width_bars, settings
        As in `simulate_one`.
    row
        The parameter set, float64[18], all columns.
    warmup
        The first trading bar, ``1 <= warmup <= n``.

    Returns
    -------
    standing : Standing
        What it has come to.
    next_bar : NextBar
        What its orders are made of.
    """
    params = params_of(row)
    nothing = params_of(row * 0.0)
    series = series_of(bars, width_bars, variant, params, nothing, no_series())
    orders = orders_of(series, variant, params, settings)
    _, marks, _, standing = run(bars, orders, warmup, settings)
    n = bars.close.size
    # Filters of a bar look at the two before it, so that those of bar n are there.
    filters = entry_filters_of(series, variant, params, n + 1)
    decline = 0.0
    if variant.modes:
        decline = -100.0 * (series.veto_ema[n - 1] / series.veto_ema[n - 2] - 1.0)  # [V2]
    distances = orders.distances
    return standing, NextBar(
        distances.stop_long[n - 1],
        distances.stop_short[n - 1],
        distances.buy[n - 1],
        distances.sell[n - 1],
        filters.buy[n],
        filters.sell[n],
        filters.buy_at_open[n],
        filters.sell_at_open[n],
        decline,
        bars.close[n - 1],
        marks.at_close[n - 1],
    )


def working_of(
    variant: Variant, params: Params, settings: Settings, standing: Standing, facts: NextBar
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the state by name, and an item by name for each order.

    Parameters
    ----------
    variant, params, settings
        What was simulated.
    standing, facts
        What `after_last_bar` returned.
    """
    position = standing.position
    held = position.side != FLAT
    ruined = standing.equity <= 0.0
    state = {
        "side": int(position.side),
        "since": int(standing.since),
        "entry_price": float(position.entry_price) if held else None,
        "shares": float(position.shares),
        "equity": float(standing.equity),
        "mark": float(facts.mark),
        "ruined": bool(ruined),
        "both_fill": params.both_triggered_mode == states.BOTH_FILL,  # [S7]
    }

    def exit_at(action: str, level: float) -> dict[str, Any]:
        return _order(action, "stop", level, position.shares)

    def entry(action: str, side: int) -> dict[str, Any]:
        kind = "stop" if settings.breakout else "limit"
        on, at_open = facts.buy_on, facts.buy_at_open
        if side == LONG:
            level = standing.highest - facts.buy  # [L3]
            if settings.breakout:
                level = facts.close + facts.buy  # [L5]
        else:
            on, at_open = facts.sell_on, facts.sell_at_open
            level = standing.lowest + facts.sell  # [L4]
            if settings.breakout:
                level = facts.close - facts.sell  # [L6]
        if at_open:  # [H2] [H4]
            return _order(action, "market", None, _shares(side, facts.close, standing, settings))
        shares = _shares(side, level, standing, settings)
        if on:
            return _order(action, kind, level, shares)
        if variant.hull:  # [H3] [H5]
            return _order(action, kind, level, shares, _NOT_UP if side == LONG else _NOT_DOWN)
        numbers = (float(facts.decline), float(params.trend_veto_threshold))
        return _order(action, kind, level, shares, _VETO, numbers)  # [V1]

    if position.side == LONG:
        orders = [exit_at("exit_long", standing.highest - facts.stop_long)]  # [L1] [S3]
        if params.entry_mode == states.FULL_REVERSAL:  # [S4] [H6]
            orders.append(entry("reverse_to_short", SHORT))
    elif position.side == SHORT:
        orders = [exit_at("cover_short", standing.lowest + facts.stop_short)]  # [L2] [S3]
        if params.entry_mode != states.FLAT_ONLY:  # [S5] [H6]
            orders.append(entry("reverse_to_long", LONG))
    elif ruined:  # [M8]
        orders = []
    else:  # [S2]
        orders = [entry("buy", LONG)]
        if variant.shorts:
            orders.append(entry("sell_short", SHORT))
    return state, orders


def _order(
    action: str,
    kind: str,
    level: float | None,
    shares: float,
    obstacle: str | None = None,
    numbers: tuple[float, float] | None = None,
) -> dict[str, Any]:
    return {
        "action": action,
        "kind": kind,
        "level": None if level is None else float(level),
        "shares": float(shares),
        "obstacle": obstacle,
        "obstacle_numbers": numbers,
        "fills_beyond": None,
    }


def _shares(side: int, price: float, standing: Standing, settings: Settings) -> float:
    """Return the shares that an entry at `price` opens, after what is held was closed there."""
    q, position = standing.equity, standing.position
    if price <= 0.0:
        return 0.0
    if position.side != FLAT:
        q = money.after_exit(
            position.side,
            q,
            position.shares,
            position.at_entry,
            price,
            settings.slip,
            settings.fee,
        )
    if q <= 0.0:  # [M8]
        return 0.0
    base = money.base_capital(q, settings.capital, settings.fixed)
    shares = money.shares_for(side, base, price, settings.slip, settings.fee)
    return float(money.round_to_lots(shares, settings.lot_size))
