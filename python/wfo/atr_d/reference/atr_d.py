"""ATR-D: parameters, indicators, distances, entry filters, orders, the path through the bars."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wfo.atr_d.reference import indicators, money, states, touches
from wfo.atr_d.reference._jit import njit
from wfo.atr_d.reference.figures import (
    BOTH,
    PART_WIDTH,
    Figures,
    Marks,
    PartFigures,
    Trades,
    as_row,
    extended_of,
    figures_of,
    label_sums,
    path_figures,
    squares_of,
    trade_figures,
)
from wfo.atr_d.reference.indicators import FloatArray
from wfo.atr_d.reference.intraday import Fills, largest_intraday_fall, no_fills
from wfo.atr_d.reference.states import FLAT, LONG, SHORT
from wfo.atr_d.reference.touches import Bar, Touch
from wfo.atr_d.reference.variants import Variant

BoolArray = NDArray[np.bool_]
Int64Array = NDArray[np.int64]

#: Bars of the ATR that caps the stop; it is a fixed part of the strategy, not a parameter.
BASELINE_PERIOD = 70  # [I4]

#: Values of ``scaling_method``.
LINEAR = 0
SQUARE_ROOT = 1
QUADRATIC = 2

#: Figures of a backtest without a boundary: nine of all trades, of longs and of shorts, eight more.
PERFORMANCE_WIDTH = 3 * 9 + 8

#: The smallest distance between two Hull averages that counts, as a fraction of the slow one. Of
#: quiet prices the averages are equal but for their last bits, which must not make crosses.
HULL_BAND = 1e-12


class Bars(NamedTuple):
    """Prices of one slice, float64[n] each."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray


class Params(NamedTuple):
    """One complete parameter set, in canonical order."""

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
    short_multiplier: float
    entry_mode: int
    trend_filter_period: int
    trend_veto_threshold: float
    both_triggered_mode: int
    hma_fast_length: int
    hma_slow_length: int


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
    """Indicators that one parameter set looks at, float64[n] each, in price units.

    ``mean`` and ``sigma`` are those of the Bollinger width, in prices of Data2 where there is one.
    ``veto_ema`` is the EMA of the close that the veto looks at.
    """

    long_stop_atr: FloatArray
    short_stop_atr: FloatArray
    buy_atr: FloatArray
    sell_atr: FloatArray
    baseline_atr: FloatArray
    mean: FloatArray
    sigma: FloatArray
    veto_ema: FloatArray
    hma_fast: FloatArray
    hma_slow: FloatArray


class Distances(NamedTuple):
    """Distances of the orders that work in the bar after, float64[n] each, in price units."""

    stop_long: FloatArray
    stop_short: FloatArray
    buy: FloatArray
    sell: FloatArray


class EntryFilters(NamedTuple):
    """What may happen in a bar, bool[n] each, decided by the bars before it.

    ``buy`` and ``sell`` filter touches. Where one of ``..._at_open`` is on, an entry from flat
    needs no touch.
    """

    buy: BoolArray
    sell: BoolArray
    buy_at_open: BoolArray
    sell_at_open: BoolArray


class Orders(NamedTuple):
    """What works in each bar ``t``.

    The distances are those at bar ``t - 1``; filters and modes, int64[n] each, are those at ``t``.
    """

    distances: Distances
    filters: EntryFilters
    entry_mode: Int64Array
    both_triggered_mode: Int64Array


class Position(NamedTuple):
    """What is held: `FLAT`, or what the fill of the entry made of it."""

    side: int
    entry_bar: int
    entry_price: float
    at_entry: float
    shares: float


NO_POSITION = Position(FLAT, -1, np.nan, np.nan, 0.0)


class Standing(NamedTuple):
    """What a path has come to after its last bar.

    Attributes
    ----------
    position
        What is held.
    since
        The bar since which the state lasts.
    highest, lowest
        The extremes since then.
    equity
        Equity after the last closed trade, in currency.
    """

    position: Position
    since: int
    highest: float
    lowest: float
    equity: float


@njit
def params_of(row: FloatArray) -> Params:
    """Return the parameter set written in ``row``, float64[18], all columns."""
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
        row[11],
        int(row[12]),
        int(row[13]),
        row[14],
        int(row[15]),
        int(row[16]),
        int(row[17]),
    )


@njit
def short_period(period: int, short_multiplier: float) -> int:
    """Return the period of the short side."""
    return max(1, indicators.round_half_up(float(period) * short_multiplier))  # [D8]


@njit
def smoothed_atr(tr: FloatArray, period: int, smooth: int) -> FloatArray:
    """Return ``EMA(ATR(period), smooth)``, which starts at the first bar with a full ATR."""
    return indicators.ema(indicators.atr(tr, period), smooth, period - 1)  # [D7]


@njit
def no_series() -> Series:
    """Return series of no bars, for `series_of` to start from."""
    x = np.empty(0)
    return Series(x, x, x, x, x, x, x, x, x, x)


@njit
def series_of(
    bars: Bars, width_bars: Bars, variant: Variant, params: Params, before: Params, known: Series
) -> Series:
    """Return the indicators of a parameter set.

    Parameters
    ----------
    bars
        Prices of Data1, float64[n] each.
    width_bars
        Prices that the Bollinger width looks at: those of Data2, or ``bars`` again.
    variant
        Which indicators are looked at; the others stay as they are in ``known``.
    params
        The parameter set.
    before, known
        Another set and its series. What does not depend on the difference is taken over. A set
        whose periods are 0 shares nothing.

    Returns
    -------
    Series
        float64[n] each, or float64[0] where the variant does not look at it.
    """
    long_stop_atr, short_stop_atr = known.long_stop_atr, known.short_stop_atr
    buy_atr, sell_atr = known.buy_atr, known.sell_atr
    baseline_atr = known.baseline_atr
    mean, sigma = known.mean, known.sigma
    veto_ema = known.veto_ema
    hma_fast, hma_slow = known.hma_fast, known.hma_slow
    tr = indicators.true_range(bars.high, bars.low, bars.close)

    if baseline_atr.size == 0:
        baseline_atr = indicators.atr(tr, BASELINE_PERIOD)

    stops_differ = params.atr_period != before.atr_period
    entries_differ = (
        params.atr_buy_period != before.atr_buy_period
        or params.atr_smooth_period != before.atr_smooth_period
    )
    scale_differs = params.short_multiplier != before.short_multiplier
    if stops_differ:
        long_stop_atr = indicators.atr(tr, params.atr_period)
    if entries_differ:
        buy_atr = smoothed_atr(tr, params.atr_buy_period, params.atr_smooth_period)
    if variant.shorts and (stops_differ or scale_differs):
        period = short_period(params.atr_period, params.short_multiplier)
        short_stop_atr = indicators.atr(tr, period)
    if variant.shorts and (entries_differ or scale_differs):
        period = short_period(params.atr_buy_period, params.short_multiplier)
        sell_atr = smoothed_atr(tr, period, params.atr_smooth_period)

    price_differs = params.equity_price_method != before.equity_price_method
    if price_differs or params.bb_length != before.bb_length:
        price = indicators.equity_price(  # [I2]
            width_bars.high, width_bars.low, width_bars.close, params.equity_price_method
        )
        mean = indicators.window_mean(price, params.bb_length)
        sigma = indicators.window_sigma(price, mean, params.bb_length)

    if variant.modes and params.trend_filter_period != before.trend_filter_period:
        veto_ema = indicators.ema(bars.close, params.trend_filter_period, 0)  # [V3]

    if variant.hull:  # [X7]
        price = indicators.equity_price(bars.high, bars.low, bars.close, params.equity_price_method)
        if price_differs or params.hma_fast_length != before.hma_fast_length:
            hma_fast = indicators.hma(price, params.hma_fast_length)
        if price_differs or params.hma_slow_length != before.hma_slow_length:
            hma_slow = indicators.hma(price, params.hma_slow_length)

    return Series(
        long_stop_atr,
        short_stop_atr,
        buy_atr,
        sell_atr,
        baseline_atr,
        mean,
        sigma,
        veto_ema,
        hma_fast,
        hma_slow,
    )


@njit
def tightening(width: float, params: Params) -> float:
    """Return the factor, in (0, 1], by which a narrow Bollinger width tightens the stop.

    A width that is NaN gives NaN (``np.maximum`` hands it on).
    """
    r = width / params.vol_threshold
    if r >= 1.0:
        return 1.0  # [D1]
    if params.scaling_method == LINEAR:  # [D2]
        factor = r
    elif params.scaling_method == SQUARE_ROOT:
        factor = np.sqrt(r)
    else:
        factor = r * r
    return float(np.maximum(params.min_tightening, factor))  # [D3]


@njit
def distances_of(
    series: Series, variant: Variant, params: Params, max_stop_atr: float
) -> Distances:
    """Return the distances at every bar.

    Parameters
    ----------
    series
        Indicators, float64[n] each.
    variant
        Whether there is a short side.
    params
        The parameter set.
    max_stop_atr
        The widest stop, in baseline ATRs.

    Returns
    -------
    Distances
        float64[n] each; NaN where an indicator is not full, or where there is no short side.
    """
    n = series.mean.size
    stop_long = np.full(n, np.nan)
    stop_short = np.full(n, np.nan)
    buy = np.full(n, np.nan)
    sell = np.full(n, np.nan)
    # [D9]
    short_stop_multiplier = params.atr_multiplier * params.short_multiplier
    sell_multiplier = params.atr_buy_multiplier * params.short_multiplier
    for t in range(n):
        width = indicators.bollinger_width(series.mean[t], series.sigma[t], params.bb_deviation)
        factor = tightening(width, params)
        widest = series.baseline_atr[t] * max_stop_atr
        # [D4] [D5] `widest` is the cap.
        stop_long[t] = np.minimum(series.long_stop_atr[t] * params.atr_multiplier * factor, widest)
        buy[t] = series.buy_atr[t] * params.atr_buy_multiplier  # [D6]
        if variant.shorts:
            stop = series.short_stop_atr[t] * short_stop_multiplier * factor
            stop_short[t] = np.minimum(stop, widest)  # [D5]
            sell[t] = series.sell_atr[t] * sell_multiplier  # [D6]
    return Distances(stop_long, stop_short, buy, sell)


@njit
def passes_veto(now: float, before: float, threshold: float) -> bool:
    """Return whether the veto's EMA has declined by more than ``threshold`` percent in a bar."""
    return -100.0 * (now / before - 1.0) > threshold  # [V2]


@njit
def is_above(one: float, other: float, slow: float) -> bool:
    """Return whether a Hull average lies above another by more than the band of the slow one."""
    return one - other > HULL_BAND * abs(slow)  # [H1]


@njit
def entry_filters_of(series: Series, variant: Variant, params: Params, n: int) -> EntryFilters:
    """Return what may happen in each bar.

    Parameters
    ----------
    series
        Indicators, float64[n] each.
    variant
        Whether there is a short side, with or without the veto, and Hull averages.
    params
        The parameter set.
    n
        Number of bars.

    Returns
    -------
    EntryFilters
        bool[n] each; all off in bars 0 and 1, where there are no two bars to look back at.
    """
    buy = np.zeros(n, dtype=np.bool_)
    sell = np.zeros(n, dtype=np.bool_)
    buy_at_open = np.zeros(n, dtype=np.bool_)
    sell_at_open = np.zeros(n, dtype=np.bool_)
    for t in range(2, n):  # [T1]
        if variant.hull:
            # The Hull state of the bar before: up, down or neither; and of the one before that.
            fast, slow = series.hma_fast, series.hma_slow
            up = is_above(fast[t - 1], slow[t - 1], slow[t - 1])
            up_before = is_above(fast[t - 2], slow[t - 2], slow[t - 2])
            down = is_above(slow[t - 1], fast[t - 1], slow[t - 1])
            down_before = is_above(slow[t - 2], fast[t - 2], slow[t - 2])
            buy[t] = up  # [H3]
            buy_at_open[t] = up and not up_before  # [H2]
            if variant.shorts:
                sell[t] = down  # [H5]
                sell_at_open[t] = down and not down_before  # [H4]
        else:
            buy[t] = True
            if variant.modes:
                # [V2] For sells from FLAT and for reversals alike.
                sell[t] = passes_veto(
                    series.veto_ema[t - 1], series.veto_ema[t - 2], params.trend_veto_threshold
                )
    return EntryFilters(buy, sell, buy_at_open, sell_at_open)


@njit
def opened(side: int, t: int, fill: float, q: float, settings: Settings) -> Position:
    """Return the position that a fill in bar ``t`` opens with the equity ``q``."""
    base = money.base_capital(q, settings.capital, settings.fixed)
    shares = money.shares_for(side, base, fill, settings.slip, settings.fee)
    return Position(
        side,
        t,
        fill,
        money.at_entry_of(side, fill, settings.slip, settings.fee),
        money.round_to_lots(shares, settings.lot_size),
    )


@njit
def write_fill(
    fills: Fills, at: int, t: int, price: float, opens: bool, position: Position
) -> None:
    """Write fill ``at``: in bar ``t`` it opens the position, or closes it."""
    fills.bar[at] = t
    fills.opens[at] = opens
    fills.side[at] = position.side
    fills.price[at] = price
    fills.shares[at] = position.shares
    fills.at_entry[at] = position.at_entry


@njit
def buy_touch(
    bar: Bar, highest: float, close_before: float, distance: float, breakout: bool
) -> Touch:
    """Return the touch of the buy, in the style of entry chosen."""
    if breakout:
        return touches.buy_breakout(bar, close_before, distance)
    return touches.buy_pullback(bar, highest, distance)


@njit
def sell_touch(
    bar: Bar, lowest: float, close_before: float, distance: float, breakout: bool
) -> Touch:
    """Return the touch of the sell, in the style of entry chosen."""
    if breakout:
        return touches.sell_breakout(bar, close_before, distance)
    return touches.sell_pullback(bar, lowest, distance)


@njit
def run(
    bars: Bars,
    orders: Orders,
    warmup: int,
    settings: Settings,
) -> tuple[Trades, Marks, Fills, Standing]:
    """Follow the path of a parameter set through the bars of a slice.

    Parameters
    ----------
    bars
        Prices, float64[n] each.
    orders
        What works in each bar, [>= n] each.
    warmup
        The first trading bar, >= 1.
    settings
        What is not searched.

    Returns
    -------
    trades : Trades
        Closed trades of more than 0 shares.
    marks : Marks
        Equity; at the closes before the first trading bar it is the starting capital.
    fills : Fills
        All fills, those of 0 shares too.
    standing : Standing
        State and extremes after the last bar, from which the orders of the next one follow.
    """
    n = bars.close.size
    distances, filters = orders.distances, orders.filters

    # A bar closes one trade at most.
    trades = Trades(
        np.zeros(n, dtype=np.int8),
        np.full(n, -1, dtype=np.int64),
        np.full(n, np.nan),
        np.full(n, -1, dtype=np.int64),
        np.full(n, np.nan),
        np.full(n, np.nan),
    )
    closed = 0
    fills = no_fills(2 * n)
    filled = 0
    marks = Marks(np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=np.bool_))
    marks.at_close[:warmup] = settings.capital  # [M10]

    # [S1] Flat since the bar before the first trading bar, so that bar `warmup` can already trade.
    position = NO_POSITION
    highest = bars.high[warmup - 1]
    lowest = bars.low[warmup - 1]
    since = warmup - 1
    q = settings.capital

    # [F4] The boundary is a bar like any other here; [M12] nothing is closed behind the last one.
    for t in range(warmup, n):
        # [T1] [T3] All that the orders are made of stands at bar t - 1; [D10] no level is kept.
        bar = Bar(bars.open[t], bars.high[t], bars.low[t])
        close_before = bars.close[t - 1]
        buy = buy_touch(bar, highest, close_before, distances.buy[t - 1], settings.breakout)
        sell = sell_touch(bar, lowest, close_before, distances.sell[t - 1], settings.breakout)
        buy = touches.filtered(filters.buy[t], buy)
        sell = touches.filtered(filters.sell[t], sell)

        # Which of these orders work depends on the state.
        if position.side == FLAT:
            # [H2] [H4] A cross of the Hull averages needs no touch. Up and down exclude each other,
            # so of the four rules those of one side are all filtered out.
            if filters.buy_at_open[t]:
                buy = touches.at_the_open(bar)
            if filters.sell_at_open[t]:
                sell = touches.at_the_open(bar)
            event = states.from_flat(bar, buy, sell, orders.both_triggered_mode[t])
        elif position.side == LONG:
            stop = touches.long_stop(bar, highest, distances.stop_long[t - 1])
            # [S4] [H6] A variant without modes has entry mode 0.
            sell = touches.filtered(orders.entry_mode[t] == states.FULL_REVERSAL, sell)
            event = states.from_position(bar, stop, sell, SHORT)
        else:
            stop = touches.short_stop(bar, lowest, distances.stop_short[t - 1])
            buy = touches.filtered(orders.entry_mode[t] != states.FLAT_ONLY, buy)  # [S5] [H6]
            event = states.from_position(bar, stop, buy, LONG)

        # [M8] Ruin: equity used up at a fill ends trading in the slice; [M9] a mark does not.
        if position.side == FLAT and q <= 0.0:
            event = (states.NO_FILL, states.NO_FILL)

        for fill in event:
            if fill.to == FLAT:
                after = money.after_exit(
                    position.side,
                    q,
                    position.shares,
                    position.at_entry,
                    fill.price,
                    settings.slip,
                    settings.fee,
                )
                # [M7] A trade of 0 shares passes through the same states, but it is no trade.
                if position.shares > 0.0:
                    trades.side[closed] = position.side
                    trades.entry_bar[closed] = position.entry_bar
                    trades.entry_price[closed] = position.entry_price
                    trades.exit_bar[closed] = t
                    trades.exit_price[closed] = fill.price
                    trades.pnl[closed] = after - q  # [M13]
                    closed += 1
                q = after
                write_fill(fills, filled, t, fill.price, False, position)
                filled += 1
                position = NO_POSITION
            elif fill.to != states.NOWHERE and q > 0.0:  # [M8] no second half after a ruin
                position = opened(fill.to, t, fill.price, q, settings)
                write_fill(fills, filled, t, fill.price, True, position)
                filled += 1

        # [M11] A reversal that ruin cuts short is an exit like any other.
        if event[0].to == FLAT and position.side != FLAT:
            marks.at_fill[t] = q

        # [S9] The extremes start afresh with the bar of an event: the whole bar belongs to the new
        # state, also the part of it that came before the fill. [S8] The state acts from t + 1 on.
        if event[0].to != states.NOWHERE:
            highest, lowest = bars.high[t], bars.low[t]
            since = t
        else:
            highest, lowest = max(highest, bars.high[t]), min(lowest, bars.low[t])

        marks.held[t] = position.shares > 0.0
        if position.side == FLAT:
            marks.at_close[t] = q  # [M10]
        else:
            # [M10] [M12] The cost of the entry is in the mark, and none of an exit.
            marks.at_close[t] = money.mark(
                position.side, q, position.shares, position.at_entry, bars.close[t]
            )

    listed = Trades(
        trades.side[:closed],
        trades.entry_bar[:closed],
        trades.entry_price[:closed],
        trades.exit_bar[:closed],
        trades.exit_price[:closed],
        trades.pnl[:closed],
    )
    done = Fills(
        fills.bar[:filled],
        fills.opens[:filled],
        fills.side[:filled],
        fills.price[:filled],
        fills.shares[:filled],
        fills.at_entry[:filled],
    )
    return listed, marks, done, Standing(position, since, highest, lowest, q)


@njit
def no_orders(n: int) -> Orders:
    """Return orders of ``n`` bars that none has been written into yet."""
    return Orders(
        Distances(np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)),
        EntryFilters(
            np.zeros(n, dtype=np.bool_),
            np.zeros(n, dtype=np.bool_),
            np.zeros(n, dtype=np.bool_),
            np.zeros(n, dtype=np.bool_),
        ),
        np.zeros(n, dtype=np.int64),
        np.zeros(n, dtype=np.int64),
    )


@njit
def orders_of(series: Series, variant: Variant, params: Params, settings: Settings) -> Orders:
    """Return the orders of one parameter set in every bar."""
    n = series.mean.size
    return Orders(
        distances_of(series, variant, params, settings.max_stop_atr),
        entry_filters_of(series, variant, params, n),
        np.full(n, params.entry_mode),
        np.full(n, params.both_triggered_mode),
    )


@njit
def take_over(whole: Orders, part: Orders, first: int, end: int) -> None:
    """Let the orders that work in bars ``first <= t < end`` be those of ``part``.

    Their distances are those of the bar before.
    """
    a, b = max(0, first - 1), end - 1  # [T4]
    whole.distances.stop_long[a:b] = part.distances.stop_long[a:b]
    whole.distances.stop_short[a:b] = part.distances.stop_short[a:b]
    whole.distances.buy[a:b] = part.distances.buy[a:b]
    whole.distances.sell[a:b] = part.distances.sell[a:b]
    whole.filters.buy[first:end] = part.filters.buy[first:end]
    whole.filters.sell[first:end] = part.filters.sell[first:end]
    whole.filters.buy_at_open[first:end] = part.filters.buy_at_open[first:end]
    whole.filters.sell_at_open[first:end] = part.filters.sell_at_open[first:end]
    whole.entry_mode[first:end] = part.entry_mode[first:end]
    whole.both_triggered_mode[first:end] = part.both_triggered_mode[first:end]


@njit
def dated_orders(
    variant: Variant,
    bars: Bars,
    width_bars: Bars,
    rows: FloatArray,
    firsts: Int64Array,
    settings: Settings,
) -> Orders:
    """Return the orders of parameter sets that follow each other.

    Parameters
    ----------
    variant, bars, width_bars, settings
        As in `simulate_one`.
    rows
        Parameter sets, float64[k, 18], all columns.
    firsts
        For each the bar from whose orders on it holds, int64[k], ascending; before the second one,
        the first set holds.
    """
    n = bars.close.size
    orders = no_orders(n)
    nothing = params_of(np.zeros(rows.shape[1]))
    for k in range(rows.shape[0]):
        params = params_of(rows[k])
        series = series_of(bars, width_bars, variant, params, nothing, no_series())
        first = firsts[k] if k > 0 else 0
        end = firsts[k + 1] if k + 1 < firsts.size else n
        take_over(orders, orders_of(series, variant, params, settings), first, end)
    # [T5] One path goes through the orders of all sets, and keeps its state from one to the next.
    return orders


@njit
def simulate_one(
    variant: Variant,
    bars: Bars,
    width_bars: Bars,
    rows: FloatArray,
    firsts: Int64Array,
    warmup: int,
    split: int,
    settings: Settings,
) -> tuple[Trades, Marks, Figures, PartFigures, PartFigures]:
    """Simulate one parameter set over one slice, or several that follow each other.

    Parameters
    ----------
    variant
        The options of the strategy.
    bars
        Prices, float64[n] each.
    width_bars
        Prices that the Bollinger width looks at: those of Data2, or ``bars`` again.
    rows
        The parameter set, float64[1, 18], all columns; or several.
    firsts
        For each set the bar from whose orders on it holds, int64[k], ascending.
    warmup, split
        The first in-sample and the first out-of-sample bar, ``1 <= warmup < split < n``.
    settings
        What is not searched.

    Returns
    -------
    trades : Trades
        Closed trades.
    marks : Marks
        The mark at every close, and at the fills of reversals.
    figures : Figures
        What they come to.
    in_sample, out_of_sample : PartFigures
        The extended figures.
    """
    orders = dated_orders(variant, bars, width_bars, rows, firsts, settings)
    trades, marks, _, _ = run(bars, orders, warmup, settings)
    in_sample, out_of_sample = extended_of(trades, marks, warmup, split)
    return trades, marks, figures_of(trades, marks, warmup, split), in_sample, out_of_sample


@njit
def sweep_rows(
    variant: Variant,
    bars: Bars,
    width_bars: Bars,
    rows: FloatArray,
    phases: Int64Array,
    settings: Settings,
    extended: bool,
    labels: Int64Array,
    label_count: int,
) -> tuple[FloatArray, Int64Array, FloatArray, FloatArray]:
    """Simulate every parameter set over every phase, one after the other.

    Bars beyond the end of a phase cannot change an indicator in it, so phases share the series.

    Parameters
    ----------
    variant
        The options of the strategy.
    bars, width_bars
        As in `simulate_one`, float64[n] each.
    rows
        Parameter sets, float64[m, 18], all columns.
    phases
        (warmup, split, end) of each phase, int64[k, 3]; a phase runs over ``bars[:end]``.
    settings
        What is not searched.
    extended
        Whether the extended figures are wanted.
    labels, label_count
        The label of each bar, int64[n], and how many there are; 0 if none are wanted.

    Returns
    -------
    money : float64[k, 4, m]
        is_pnl, oos_pnl, is_dd, oos_dd; NaN where nothing was written.
    counts : int64[k, 2, m]
        is_trades, oos_trades; -1 where nothing was written.
    more : float64[k, 46, m]
        The extended figures; ``float64[k, 46, 0]`` where they are not wanted.
    sums : float64[k, 2, m, label_count]
        The sums of returns, and of their squares, under each label.
    """
    m = rows.shape[0]
    k = phases.shape[0]
    out_money = np.full((k, 4, m), np.nan)
    out_counts = np.full((k, 2, m), -1, dtype=np.int64)
    out_more = np.full((k, 2 * PART_WIDTH, m if extended else 0), np.nan)
    out_sums = np.full((k, 2, m, label_count), np.nan)

    before = params_of(np.zeros(rows.shape[1]))
    series = no_series()
    for i in range(m):
        params = params_of(rows[i])
        series = series_of(bars, width_bars, variant, params, before, series)
        before = params
        orders = orders_of(series, variant, params, settings)

        for j in range(k):
            warmup, split, end = phases[j, 0], phases[j, 1], phases[j, 2]
            slice_bars = Bars(bars.open[:end], bars.high[:end], bars.low[:end], bars.close[:end])
            trades, marks, _, _ = run(slice_bars, orders, warmup, settings)
            figures = figures_of(trades, marks, warmup, split)
            out_money[j, 0, i] = figures.is_pnl
            out_money[j, 1, i] = figures.oos_pnl
            out_money[j, 2, i] = figures.is_dd
            out_money[j, 3, i] = figures.oos_dd
            out_counts[j, 0, i] = figures.is_trades
            out_counts[j, 1, i] = figures.oos_trades
            if extended:
                in_sample, out_of_sample = extended_of(trades, marks, warmup, split)
                out_more[j, :PART_WIDTH, i] = as_row(in_sample)
                out_more[j, PART_WIDTH:, i] = as_row(out_of_sample)
            if label_count > 0:
                sum_r, sum_r2 = label_sums(marks, labels, label_count, warmup)
                out_sums[j, 0, i] = sum_r
                out_sums[j, 1, i] = sum_r2

    return out_money, out_counts, out_more, out_sums


@njit
def performance_rows(
    variant: Variant,
    bars: Bars,
    width_bars: Bars,
    rows: FloatArray,
    warmup: int,
    settings: Settings,
) -> FloatArray:
    """Simulate every parameter set over the whole slice, without a boundary in it.

    Parameters
    ----------
    variant, bars, width_bars, rows, settings
        As in `sweep_rows`.
    warmup
        The first trading bar, ``1 <= warmup < n``.

    Returns
    -------
    float64[m, 35]
        Of all trades, of the longs and of the shorts: trades, wins, losses, gross profit and loss,
        largest win and loss, sum of the squares of pnl, intraday drawdown. Then pnl, drawdown, its
        share, open profit, bars held, sums of returns, of their squares and of those of falls.
    """
    n = bars.close.size
    out = np.full((rows.shape[0], PERFORMANCE_WIDTH), np.nan)
    before = params_of(np.zeros(rows.shape[1]))
    series = no_series()
    for i in range(rows.shape[0]):
        params = params_of(rows[i])
        series = series_of(bars, width_bars, variant, params, before, series)
        before = params
        orders = orders_of(series, variant, params, settings)
        trades, marks, fills, _ = run(bars, orders, warmup, settings)
        at = 0
        for side in (BOTH, LONG, SHORT):
            of_trades = trade_figures(trades, side, warmup, n)
            count, squares = squares_of(trades, side)
            out[i, at] = count
            out[i, at + 1] = of_trades.wins
            out[i, at + 2] = of_trades.losses
            out[i, at + 3] = of_trades.gross_profit
            out[i, at + 4] = of_trades.gross_loss
            out[i, at + 5] = of_trades.largest_win
            out[i, at + 6] = of_trades.largest_loss
            out[i, at + 7] = squares
            out[i, at + 8] = largest_intraday_fall(
                bars, fills, side, warmup, settings.capital, settings.slip, settings.fee
            )
            at += 9
        last = marks.at_close[n - 1]
        closed = settings.capital
        for fill in range(fills.bar.size):
            if not fills.opens[fill]:
                closed = money.after_exit(
                    int(fills.side[fill]),
                    closed,
                    fills.shares[fill],
                    fills.at_entry[fill],
                    fills.price[fill],
                    settings.slip,
                    settings.fee,
                )
        # [F16] One part, from the first trading bar to the last.
        path = path_figures(marks, warmup, n)
        out[i, at] = last - settings.capital
        out[i, at + 1] = money.largest_fall(
            marks.at_fill, marks.at_close, warmup, n, settings.capital
        )
        out[i, at + 2] = path.dd_share
        out[i, at + 3] = last - closed
        out[i, at + 4] = path.bars_held
        out[i, at + 5] = path.sum_r
        out[i, at + 6] = path.sum_r2
        out[i, at + 7] = path.sum_down2
    return out
