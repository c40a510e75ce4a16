"""Positions of a simulation again, some left out or entered later, with the same money rules.

A simulation has decided when it is long, short or flat. What those positions come to when some of
them are missed, or filled at other prices, follows from the contract's rules of money
(``wfo/atr_d/CONTRACT.md``, Money) without simulating anew: the states stay as they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from wfo.backtest.lots import Entry, open_entry
from wfo.errors import InputError
from wfo.settings import LOT_TOLERANCE, AccountSettings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wfo.backtest.values import Simulation
    from wfo.bars import Prices

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

#: Marks that are worked on at a time.
_AT_ONCE = 2_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Positions:
    """Positions that follow each other, none begun before the one before it ends; k of them.

    Attributes
    ----------
    long
        bool[k]: long or short.
    entry_bar, entry_price
        int64[k] and float64[k]: bar and raw fill of each entry.
    exit_bar, exit_price
        The same of each exit. Of a position that is open at the end they are `end` and NaN.
    end
        One past the last bar.
    """

    long: BoolArray
    entry_bar: IntArray
    entry_price: FloatArray
    exit_bar: IntArray
    exit_price: FloatArray
    end: int

    def __len__(self) -> int:
        return len(self.long)

    def take(self, chosen: BoolArray) -> Positions:
        """Return some of them, by a mask bool[k]."""
        return Positions(
            self.long[chosen],
            self.entry_bar[chosen],
            self.entry_price[chosen],
            self.exit_bar[chosen],
            self.exit_price[chosen],
            self.end,
        )


class Replayed(NamedTuple):
    """What positions come to, one cell a draw.

    Attributes
    ----------
    equity
        float64[draws], in currency: the last mark.
    drawdown_share
        float64[draws]: largest relative drawdown of the marks, those at fills of exits included.
    trades
        int64[draws]: positions closed that had shares.
    """

    equity: FloatArray
    drawdown_share: FloatArray
    trades: IntArray


def positions_of(
    found: Simulation,
    prices: Prices,
    settings: AccountSettings,
    *,
    shorts: bool,
    still: Entry | None = None,
) -> Positions:
    """Return the positions of a simulation, the one that is open at its end among them.

    Parameters
    ----------
    found
        The simulation, of fractions of shares: with lots, some have no shares and are not listed.
    prices
        Those that it trades at.
    settings
        Its settings.
    shorts
        Whether the strategy sells short.
    still
        The entry of the position that is open at the end, where its kernel says it. Otherwise it
        follows from the marks, which do not tell the side of a position of a single bar.

    Raises
    ------
    InputError
        If a position begins before the one before it ends.
    """
    import numpy as np

    end = len(found.equity)
    trades = found.trades
    long = (trades["side"] == "long").to_numpy()
    bars = [trades[f"{stage}_bar"].to_numpy() for stage in ("entry", "exit")]
    fills = [trades[f"{stage}_price"].to_numpy() for stage in ("entry", "exit")]
    still = still or open_entry(found, prices, settings, shorts=shorts)
    if still is not None:
        long = np.append(long, still.long)
        bars = [np.append(bars[0], still.bar), np.append(bars[1], end)]
        fills = [np.append(fills[0], still.price), np.append(fills[1], np.nan)]
    if (bars[0][1:] < bars[1][:-1]).any():
        at = int(np.flatnonzero(bars[0][1:] < bars[1][:-1])[0])
        raise InputError(
            f"positions overlap: one begins in bar {bars[0][at + 1]}, before the one before it ends"
            f" in bar {bars[1][at]}; only positions that follow each other are told again"
        )
    return Positions(long, bars[0], fills[0], bars[1], fills[1], end)


def entered_late(positions: Positions, opens: FloatArray) -> Positions:
    """Return the positions whose entries are filled at the open of the bar after.

    States, orders and exits stay as they were: the strategy does not know that its entry was late,
    its stop goes on following the extreme since the bar of the entry that was meant, and the exit
    has its bar and its fill. A position that ends before it would be entered is left out: one that
    ends in the bar of its entry, or at the open of the bar after. One that ends later within that
    bar is entered at its open. What would be entered after the last bar is left out too.

    Parameters
    ----------
    positions
        Those that were meant.
    opens
        float64[n], of the symbol that is traded.
    """
    import numpy as np

    later = positions.entry_bar + 1
    inside = later < positions.end
    fills = opens[np.minimum(later, positions.end - 1)]
    in_bar = (later == positions.exit_bar) & (positions.exit_price != fills)
    kept = inside & ((later < positions.exit_bar) | in_bar)
    return Positions(
        positions.long,
        later,
        fills,
        positions.exit_bar,
        positions.exit_price,
        positions.end,
    ).take(kept)


def replay(
    positions: Positions,
    closes: FloatArray,
    settings: AccountSettings,
    entered: BoolArray | None = None,
) -> Replayed:
    """Return what positions come to by the contract's rules of money.

    Parameters
    ----------
    positions
        k positions.
    closes
        float64[n], of the symbol that is traded.
    settings
        Capital, costs, sizing and lots.
    entered
        bool[draws, k]: which positions each draw enters; the others stay cash. By default one draw
        of all of them.
    """
    import numpy as np

    count = len(positions)
    chosen = np.ones((1, count), np.bool_) if entered is None else entered
    stretch = int((positions.exit_bar - positions.entry_bar).max(initial=0)) + 1
    block = max(1, _AT_ONCE // stretch)
    pieces = [
        _replayed(positions, closes, settings, chosen[start : start + block])
        for start in range(0, len(chosen), block)
    ]
    return Replayed(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))


def _replayed(
    positions: Positions, closes: FloatArray, settings: AccountSettings, entered: BoolArray
) -> Replayed:
    """Return what some draws come to; all go through the positions together."""
    import numpy as np

    draws = len(entered)
    equity, peak = np.full(draws, settings.capital), np.full(draws, settings.capital)
    deepest, trades = np.zeros(draws), np.zeros(draws, np.int64)
    for k in range(len(positions)):
        shares, worth = _bought(positions, k, equity, settings)
        shares[~entered[:, k]] = 0.0
        start, stop = positions.entry_bar[k], positions.exit_bar[k]
        sign = 1.0 if positions.long[k] else -1.0
        path = equity[:, None] + shares[:, None] * (sign * (closes[start:stop] - worth))
        if stop < positions.end:
            per_share = sign * (_settled(positions, k, settings) - worth)
            path = np.column_stack([path, equity + shares * per_share])
            trades += shares > 0
        peaks = np.maximum(np.maximum.accumulate(path, axis=1), peak[:, None])
        deepest = np.maximum(deepest, (1.0 - path / peaks).max(axis=1))
        peak, equity = peaks[:, -1], path[:, -1].copy()
    return Replayed(equity, deepest, trades)


def _bought(
    positions: Positions, k: int, equity: FloatArray, settings: AccountSettings
) -> tuple[FloatArray, float]:
    """Return shares by draw, and at which close a position is worth what it has cost."""
    import numpy as np

    price = float(positions.entry_price[k])
    if positions.long[k]:
        worth = price * (1.0 + settings.slip) * (1.0 + settings.fee)
        unit = worth
    else:
        worth = price * (1.0 - settings.slip) * (1.0 - settings.fee)
        unit = price * (1.0 - settings.slip)
    base = equity if settings.sizing == "compound" else np.minimum(settings.capital, equity)
    # Without equity nothing is entered any more.
    shares = np.maximum(base, 0.0) / unit
    if settings.lot_size > 0:
        shares = np.floor(shares / settings.lot_size * LOT_TOLERANCE) * settings.lot_size
    return shares, worth


def _settled(positions: Positions, k: int, settings: AccountSettings) -> float:
    """Return what a share brings at the exit of a long, or costs at that of a short."""
    price = float(positions.exit_price[k])
    if positions.long[k]:
        return price * (1.0 - settings.slip) * (1.0 - settings.fee)
    return price * (1.0 + settings.slip) * (1.0 + settings.fee)
