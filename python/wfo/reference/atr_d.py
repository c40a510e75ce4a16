"""ATR-D, long only: parameters, distances, and the states bar by bar."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wfo.reference import indicators, money, touches
from wfo.reference._jit import njit
from wfo.reference.indicators import FloatArray

Int8Array = NDArray[np.int8]
Int64Array = NDArray[np.int64]

#: Bars of the ATR that caps the stop; it is a fixed part of the strategy, not a parameter.
BASELINE_PERIOD = 70

#: Values of ``scaling_method``.
LINEAR = 0
SQUARE_ROOT = 1
QUADRATIC = 2

#: States.
FLAT = 0
LONG = 1


class Bars(NamedTuple):
    """Prices of one slice, float64[n] each."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


class Params(NamedTuple):
    """One parameter set, in canonical order."""

    atr_period: int
    atr_multiplier: float
    bb_length: int
    bb_deviation: float
    vol_threshold: float
    min_tightening: float
    scaling_method: int
    atr_buy_period: int
    atr_buy_multiplier: float
    atr_smooth_period: int
    equity_price_method: int


# The columns that decide which indicator series a row of a grid needs.
ATR_PERIOD = Params._fields.index("atr_period")
BB_LENGTH = Params._fields.index("bb_length")
ATR_BUY_PERIOD = Params._fields.index("atr_buy_period")
ATR_SMOOTH_PERIOD = Params._fields.index("atr_smooth_period")
EQUITY_PRICE_METHOD = Params._fields.index("equity_price_method")


class Settings(NamedTuple):
    """What is not searched."""

    capital: float
    slip: float
    fee: float
    fixed: bool
    lot_size: float
    max_stop_atr: float
    breakout: bool


class Series(NamedTuple):
    """Indicators that one parameter set looks at, float64[n] each, in price units."""

    stop_atr: FloatArray
    buy_atr: FloatArray
    mean: FloatArray
    sigma: FloatArray
    baseline_atr: FloatArray


class Distances(NamedTuple):
    """Distances of the orders that work in the bar after, float64[n] each, in price units."""

    stop_long: FloatArray
    buy: FloatArray


class Trades(NamedTuple):
    """Closed trades, in the order of their exits; fills before slippage."""

    side: Int8Array
    entry_bar: Int64Array
    entry_price: FloatArray
    exit_bar: Int64Array
    exit_price: FloatArray
    pnl: FloatArray


class Figures(NamedTuple):
    """In-sample and out-of-sample figures of one slice; money in currency."""

    is_pnl: float
    oos_pnl: float
    is_dd: float
    oos_dd: float
    is_trades: int
    oos_trades: int


@njit
def params_of(row: FloatArray) -> Params:
    """Return the parameter set written in ``row``, float64[11] in canonical order."""
    return Params(
        int(row[0]),
        row[1],
        int(row[2]),
        row[3],
        row[4],
        row[5],
        int(row[6]),
        int(row[7]),
        row[8],
        int(row[9]),
        int(row[10]),
    )


@njit
def smoothed_atr(tr: FloatArray, period: int, smooth: int) -> FloatArray:
    """Return ``EMA(ATR(period), smooth)``, which starts at the first bar with a full ATR."""
    return indicators.ema(indicators.atr(tr, period), smooth, period - 1)


@njit
def tightening(width: float, params: Params) -> float:
    """Return the factor, in (0, 1], by which a narrow Bollinger width tightens the stop.

    A width that is NaN gives NaN (``np.maximum`` hands it on).
    """
    r = width / params.vol_threshold
    if r >= 1.0:
        return 1.0
    if params.scaling_method == LINEAR:
        factor = r
    elif params.scaling_method == SQUARE_ROOT:
        factor = np.sqrt(r)
    else:
        factor = r * r
    return float(np.maximum(params.min_tightening, factor))


@njit
def distances_of(series: Series, params: Params, max_stop_atr: float) -> Distances:
    """Return the distances at every bar.

    Parameters
    ----------
    series
        Indicators, float64[n] each.
    params
        The parameter set.
    max_stop_atr
        The widest stop, in baseline ATRs.

    Returns
    -------
    Distances
        float64[n] each; NaN where an indicator is not full.
    """
    n = series.mean.size
    stop_long = np.full(n, np.nan)
    buy = np.full(n, np.nan)
    for t in range(n):
        width = indicators.bollinger_width(series.mean[t], series.sigma[t], params.bb_deviation)
        stop = series.stop_atr[t] * params.atr_multiplier * tightening(width, params)
        stop_long[t] = np.minimum(stop, series.baseline_atr[t] * max_stop_atr)
        buy[t] = series.buy_atr[t] * params.atr_buy_multiplier
    return Distances(stop_long, buy)


@njit
def run(
    bars: Bars, distances: Distances, warmup: int, settings: Settings
) -> tuple[Trades, FloatArray]:
    """Walk through the bars of a slice.

    Parameters
    ----------
    bars
        Prices, float64[n] each.
    distances
        Distances, float64[>= n] each.
    warmup
        The first trading bar, >= 1.
    settings
        What is not searched.

    Returns
    -------
    trades : Trades
        Closed trades of more than 0 shares.
    equity : float64[n]
        The mark at every close; the starting capital before the first trading bar.
    """
    n = bars.close.size

    # At most one event happens in a bar, so a trade takes two bars at least.
    most = n // 2 + 1
    side = np.zeros(most, dtype=np.int8)
    entry_bars = np.full(most, -1, dtype=np.int64)
    entry_prices = np.full(most, np.nan)
    exit_bars = np.full(most, -1, dtype=np.int64)
    exit_prices = np.full(most, np.nan)
    pnl = np.full(most, np.nan)
    closed = 0

    equity = np.full(n, np.nan)
    equity[:warmup] = settings.capital

    # Flat since the bar before the first trading bar, so that bar `warmup` can already buy.
    state = FLAT
    highest = bars.high[warmup - 1]
    q = settings.capital
    entry_bar = -1
    entry_price = np.nan
    cost = np.nan
    shares = 0.0

    for t in range(warmup, n):
        event = False

        if state == FLAT:
            if settings.breakout:
                touched, fill = touches.buy_breakout(
                    bars.open[t], bars.high[t], bars.close[t - 1], distances.buy[t - 1]
                )
            else:
                touched, fill = touches.buy_pullback(
                    bars.open[t], bars.low[t], highest, distances.buy[t - 1]
                )
            # Equity used up at a fill ends trading for the rest of the slice.
            if touched and q > 0.0:
                event = True
                state = LONG
                entry_bar = t
                entry_price = fill
                cost = money.long_cost(fill, settings.slip, settings.fee)
                base = money.base_capital(q, settings.capital, settings.fixed)
                shares = money.round_to_lots(base / cost, settings.lot_size)

        elif state == LONG:
            touched, fill = touches.long_stop(
                bars.open[t], bars.low[t], highest, distances.stop_long[t - 1]
            )
            if touched:
                event = True
                state = FLAT
                proceeds = money.long_proceeds(fill, settings.slip, settings.fee)
                after = money.long_exit(q, shares, proceeds, cost)
                # A trade of 0 shares passes through the same states, but it is no trade.
                if shares > 0.0:
                    side[closed] = 1
                    entry_bars[closed] = entry_bar
                    entry_prices[closed] = entry_price
                    exit_bars[closed] = t
                    exit_prices[closed] = fill
                    pnl[closed] = after - q
                    closed += 1
                q = after

        # The extreme starts afresh with the bar of an event: the whole bar belongs to the new
        # state, also the part of it that came before the fill.
        highest = bars.high[t] if event else max(highest, bars.high[t])

        if state == LONG:
            equity[t] = money.long_mark(q, shares, bars.close[t], cost)
        else:
            equity[t] = q

    trades = Trades(
        side[:closed],
        entry_bars[:closed],
        entry_prices[:closed],
        exit_bars[:closed],
        exit_prices[:closed],
        pnl[:closed],
    )
    return trades, equity


@njit
def figures_of(trades: Trades, equity: FloatArray, warmup: int, split: int) -> Figures:
    """Return the figures on either side of the boundary.

    Parameters
    ----------
    trades, equity
        What `run` returned.
    warmup, split
        The first in-sample and the first out-of-sample bar.
    """
    n = equity.size
    capital = equity[warmup - 1]
    at_boundary = equity[split - 1]
    is_trades = 0
    for exit_bar in trades.exit_bar:
        if exit_bar < split:
            is_trades += 1
    return Figures(
        at_boundary - capital,
        equity[n - 1] - at_boundary,
        money.largest_fall(equity, warmup, split, capital),
        money.largest_fall(equity, split, n, at_boundary),
        is_trades,
        trades.exit_bar.size - is_trades,
    )


@njit
def simulate_long(
    bars: Bars, row: FloatArray, warmup: int, split: int, settings: Settings
) -> tuple[Trades, FloatArray, Figures]:
    """Simulate one parameter set over one slice.

    Parameters
    ----------
    bars
        Prices, float64[n] each.
    row
        The parameter set, float64[11] in canonical order.
    warmup, split
        The first in-sample and the first out-of-sample bar, ``1 <= warmup < split < n``.
    settings
        What is not searched.
    """
    params = params_of(row)
    tr = indicators.true_range(bars.high, bars.low, bars.close)
    price = indicators.equity_price(bars.high, bars.low, bars.close, params.equity_price_method)
    mean = indicators.window_mean(price, params.bb_length)
    series = Series(
        indicators.atr(tr, params.atr_period),
        smoothed_atr(tr, params.atr_buy_period, params.atr_smooth_period),
        mean,
        indicators.window_sigma(price, mean, params.bb_length),
        indicators.atr(tr, BASELINE_PERIOD),
    )
    distances = distances_of(series, params, settings.max_stop_atr)
    trades, equity = run(bars, distances, warmup, settings)
    return trades, equity, figures_of(trades, equity, warmup, split)


@njit
def changed(rows: FloatArray, row: int, column: int) -> bool:
    """Return whether a column differs from the row before (always in row 0)."""
    return row == 0 or rows[row, column] != rows[row - 1, column]


@njit
def sweep_long(
    bars: Bars, rows: FloatArray, phases: Int64Array, settings: Settings
) -> tuple[FloatArray, Int64Array]:
    """Simulate every parameter set over every phase, one after the other.

    An indicator series is computed anew when one of its own parameters differs from the row
    before; bars beyond the end of a phase cannot change a value in it, so phases share the series.

    Parameters
    ----------
    bars
        Prices, float64[n] each.
    rows
        Parameter sets, float64[m, 11] in canonical order.
    phases
        (warmup, split, end) of each phase, int64[k, 3]; a phase runs over ``bars[:end]``.
    settings
        What is not searched.

    Returns
    -------
    money : float64[k, 4, m]
        is_pnl, oos_pnl, is_dd, oos_dd; NaN where nothing was written.
    counts : int64[k, 2, m]
        is_trades, oos_trades; -1 where nothing was written.
    """
    m = rows.shape[0]
    k = phases.shape[0]
    out_money = np.full((k, 4, m), np.nan)
    out_counts = np.full((k, 2, m), -1, dtype=np.int64)

    tr = indicators.true_range(bars.high, bars.low, bars.close)
    baseline_atr = indicators.atr(tr, BASELINE_PERIOD)
    stop_atr = buy_atr = mean = sigma = baseline_atr

    for i in range(m):
        params = params_of(rows[i])
        if changed(rows, i, ATR_PERIOD):
            stop_atr = indicators.atr(tr, params.atr_period)
        if changed(rows, i, ATR_BUY_PERIOD) or changed(rows, i, ATR_SMOOTH_PERIOD):
            buy_atr = smoothed_atr(tr, params.atr_buy_period, params.atr_smooth_period)
        if changed(rows, i, BB_LENGTH) or changed(rows, i, EQUITY_PRICE_METHOD):
            price = indicators.equity_price(
                bars.high, bars.low, bars.close, params.equity_price_method
            )
            mean = indicators.window_mean(price, params.bb_length)
            sigma = indicators.window_sigma(price, mean, params.bb_length)
        series = Series(stop_atr, buy_atr, mean, sigma, baseline_atr)
        distances = distances_of(series, params, settings.max_stop_atr)

        for j in range(k):
            warmup, split, end = phases[j, 0], phases[j, 1], phases[j, 2]
            slice_bars = Bars(bars.open[:end], bars.high[:end], bars.low[:end], bars.close[:end])
            trades, equity = run(slice_bars, distances, warmup, settings)
            figures = figures_of(trades, equity, warmup, split)
            out_money[j, 0, i] = figures.is_pnl
            out_money[j, 1, i] = figures.oos_pnl
            out_money[j, 2, i] = figures.is_dd
            out_money[j, 3, i] = figures.oos_dd
            out_counts[j, 0, i] = figures.is_trades
            out_counts[j, 1, i] = figures.oos_trades

    return out_money, out_counts
