"""What trades and marks come to, on either side of the boundary, and bar by bar under labels.

``first`` and ``end`` are the bars of a part, ``first <= t < end``; the mark at the close of
``first - 1`` is the one that it starts from. A trade belongs to the part in which it closes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wfo.atr_d.reference import money
from wfo.atr_d.reference._jit import njit
from wfo.atr_d.reference.indicators import FloatArray
from wfo.atr_d.reference.states import LONG, SHORT

BoolArray = NDArray[np.bool_]
Int8Array = NDArray[np.int8]
Int64Array = NDArray[np.int64]

#: Extended figures of a part: six of the trades, of the longs and of the shorts, five of the path.
PART_WIDTH = 3 * 6 + 5

#: In the place of a side: trades of both.
BOTH = 0


class Trades(NamedTuple):
    """Closed trades, in the order of their exits; fills before slippage."""

    side: Int8Array
    entry_bar: Int64Array
    entry_price: FloatArray
    exit_bar: Int64Array
    exit_price: FloatArray
    pnl: FloatArray


class Marks(NamedTuple):
    """Equity, float64[n] each: at the fill of a reversal (else NaN), then at the bar's close.

    ``held`` tells at each close, bool[n], whether a position of more than 0 shares is open.
    """

    at_fill: FloatArray
    at_close: FloatArray
    held: BoolArray


class Figures(NamedTuple):
    """The standard figures of one slice; money in currency."""

    is_pnl: float
    oos_pnl: float
    is_dd: float
    oos_dd: float
    is_trades: int
    oos_trades: int


class TradeFigures(NamedTuple):
    """What the trades of a part come to; money in currency."""

    wins: int
    losses: int
    gross_profit: float
    gross_loss: float
    largest_win: float
    largest_loss: float


class PathFigures(NamedTuple):
    """What the marks of a part come to."""

    bars_held: int
    dd_share: float
    sum_r: float
    sum_r2: float
    sum_down2: float


class PartFigures(NamedTuple):
    """The extended figures of a part."""

    both: TradeFigures
    longs: TradeFigures
    shorts: TradeFigures
    path: PathFigures


@njit
def figures_of(trades: Trades, marks: Marks, warmup: int, split: int) -> Figures:
    """Return the standard figures on either side of the boundary.

    Parameters
    ----------
    trades, marks
        What the path through the bars left.
    warmup, split
        The first in-sample and the first out-of-sample bar.
    """
    n = marks.at_close.size
    capital = marks.at_close[warmup - 1]
    at_boundary = marks.at_close[split - 1]  # [F4]
    is_trades = 0
    for exit_bar in trades.exit_bar:
        if exit_bar < split:  # [F3]
            is_trades += 1
    return Figures(
        at_boundary - capital,  # [F1]
        marks.at_close[n - 1] - at_boundary,  # [M12]
        # [F2]
        money.largest_fall(marks.at_fill, marks.at_close, warmup, split, capital),
        money.largest_fall(marks.at_fill, marks.at_close, split, n, at_boundary),
        is_trades,
        trades.exit_bar.size - is_trades,
    )


@njit
def trade_figures(trades: Trades, side: int, first: int, end: int) -> TradeFigures:
    """Return what the trades of one side, or of `BOTH`, come to that close in a part."""
    wins, losses = 0, 0
    gross_profit, gross_loss = 0.0, 0.0
    largest_win, largest_loss = 0.0, 0.0
    for i in range(trades.pnl.size):
        closes_here = first <= trades.exit_bar[i] < end
        if not closes_here or (side != BOTH and trades.side[i] != side):  # [F7]
            continue
        pnl = trades.pnl[i]
        if pnl > 0.0:  # [F5]
            wins += 1
            gross_profit += pnl  # [F6]
            largest_win = max(largest_win, pnl)
        elif pnl < 0.0:
            losses += 1
            gross_loss += pnl
            largest_loss = min(largest_loss, pnl)
    return TradeFigures(wins, losses, gross_profit, gross_loss, largest_win, largest_loss)


@njit
def squares_of(trades: Trades, side: int) -> tuple[int, float]:
    """Return how many trades of one side, or of `BOTH`, there are, and the sum of their pnl²."""
    count, squares = 0, 0.0
    for i in range(trades.pnl.size):
        if side == BOTH or trades.side[i] == side:
            count += 1
            squares += trades.pnl[i] * trades.pnl[i]  # [F16]
    return count, squares


@njit
def path_figures(marks: Marks, first: int, end: int) -> PathFigures:
    """Return what the marks of a part come to; its returns are NaN if a mark is 0 or less."""
    bars_held = 0
    sum_r, sum_r2, sum_down2 = 0.0, 0.0, 0.0
    for t in range(first, end):
        if marks.held[t]:
            bars_held += 1  # [F8]
        r = bar_return(marks, t)
        down = np.minimum(r, 0.0)  # hands NaN on, and so do the sums
        sum_r += r  # [F10]
        sum_r2 += r * r
        sum_down2 += down * down
    dd_share = money.largest_fall_share(
        marks.at_fill, marks.at_close, first, end, marks.at_close[first - 1]
    )
    return PathFigures(bars_held, dd_share, sum_r, sum_r2, sum_down2)


@njit
def bar_return(marks: Marks, t: int) -> float:
    """Return the change of the mark from close to close as a share; NaN if either is 0 or less."""
    before, now = marks.at_close[t - 1], marks.at_close[t]
    if before <= 0.0 or now <= 0.0:
        return np.nan  # [F11]
    return float(now / before - 1.0)


@njit
def part_figures(trades: Trades, marks: Marks, first: int, end: int) -> PartFigures:
    """Return the extended figures of a part."""
    return PartFigures(
        trade_figures(trades, BOTH, first, end),
        trade_figures(trades, LONG, first, end),
        trade_figures(trades, SHORT, first, end),
        path_figures(marks, first, end),
    )


@njit
def extended_of(
    trades: Trades, marks: Marks, warmup: int, split: int
) -> tuple[PartFigures, PartFigures]:
    """Return the extended figures in-sample and out-of-sample."""
    n = marks.at_close.size
    return part_figures(trades, marks, warmup, split), part_figures(trades, marks, split, n)


@njit
def label_sums(
    marks: Marks, labels: Int64Array, count: int, warmup: int
) -> tuple[FloatArray, FloatArray]:
    """Return the sums of the bars' returns, and of their squares, under each label.

    Parameters
    ----------
    marks
        What the path through the bars left.
    labels
        int64[>= n], from 0 to ``count - 1`` at trading bars.
    count
        How many labels there are.
    warmup
        The first trading bar; both parts are summed over.

    Returns
    -------
    sum_r, sum_r2 : float64[count]
        NaN for a label one of whose returns is.
    """
    sum_r, sum_r2 = np.zeros(count), np.zeros(count)
    if count == 0:
        # Without labels there are none to read.
        return sum_r, sum_r2
    for t in range(warmup, marks.at_close.size):
        r = bar_return(marks, t)
        sum_r[labels[t]] += r  # [F12]
        sum_r2[labels[t]] += r * r
    return sum_r, sum_r2


@njit
def as_row(part: PartFigures) -> FloatArray:
    """Return the extended figures of a part as one row, float64[23], in the order of the schema."""
    row = np.empty(PART_WIDTH)
    at = 0
    for figures in (part.both, part.longs, part.shorts):
        row[at] = figures.wins
        row[at + 1] = figures.losses
        row[at + 2] = figures.gross_profit
        row[at + 3] = figures.gross_loss
        row[at + 4] = figures.largest_win
        row[at + 5] = figures.largest_loss
        at += 6
    row[at] = part.path.bars_held
    row[at + 1] = part.path.dd_share
    row[at + 2] = part.path.sum_r
    row[at + 3] = part.path.sum_r2
    row[at + 4] = part.path.sum_down2
    return row
