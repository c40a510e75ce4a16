"""Entries that traded no shares, since the equity did not pay for one lot.

By the contract (``wfo/atr_d/CONTRACT.md``, Money) a trade of no shares goes through the same states
as any other, but is neither listed nor counted. So these entries show only beside the same backtest
with fractions of shares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from wfo.backtest.values import Simulation, Unfilled
from wfo.metrics import bars_held, bars_long
from wfo.settings import AccountSettings

if TYPE_CHECKING:
    from wfo.bars import Prices


class Entry(NamedTuple):
    """An entry: its bar, whether it is long, and its raw fill."""

    bar: int
    long: bool
    price: float


def unfilled(
    found: Simulation,
    prices: Prices,
    settings: AccountSettings,
    fractions: Callable[[], Simulation],
    *,
    shorts: bool,
) -> Unfilled | None:
    """Return the entries of a simulation that traded no shares; None where there are none.

    Parameters
    ----------
    found
        The simulation, with its bounds.
    prices
        Those that it trades at, n bars each.
    settings
        Its settings.
    fractions
        Returns the same simulation with a lot size of 0; called where some entry could have found
        a lot too expensive.
    shorts
        Whether the strategy sells short.
    """
    if not settings.lot_size or not _may_lack(found, prices, settings):
        return None
    other = fractions()
    whole = _closed(other)
    own = Counter(entry.bar for entry in _closed(found))
    missing = []
    for entry in whole:
        if own[entry.bar]:
            own[entry.bar] -= 1
        else:
            missing.append(entry)
    still = open_entry(other, prices, settings, shorts=shorts)
    if still is not None:
        whole.append(still)
        if not bars_held(found.equity, found.trades)[-1]:
            missing.append(still)
    lots = [(_lot_cost(e, settings), _base(found, e.bar, settings)) for e in missing]
    # Without equity nothing is entered whatever a lot costs, and what could be paid for was not
    # left out for its lot.
    lacking = [(cost, base) for cost, base in lots if 0 < base < cost]
    if not lacking:
        return None
    cost, base = min(lacking)
    return Unfilled(len(lacking), len(whole), settings.lot_size, cost, base)


def _may_lack(found: Simulation, prices: Prices, settings: AccountSettings) -> bool:
    """Whether the least equity does not pay for one lot at the highest price."""
    assert found.bounds is not None  # noqa: S101  # a simulation on bars has them
    warmup, _, end = found.bounds
    marks = [float(found.equity[warmup - 1 : end].min()), settings.capital]
    if found.reversals is not None and len(found.reversals[1]):
        marks.append(float(found.reversals[1].min()))
    highest = float(prices.high[warmup:end].max())
    return min(marks) < _lot_cost(Entry(warmup, True, highest), settings)


def _lot_cost(entry: Entry, settings: AccountSettings) -> float:
    """Return what sizing divides the equity by, times the lot: a short has no fee in it."""
    if not entry.long:
        return settings.lot_size * entry.price * (1.0 - settings.slip)
    return settings.lot_size * entry.price * (1.0 + settings.slip) * (1.0 + settings.fee)


def _base(found: Simulation, bar: int, settings: AccountSettings) -> float:
    """Return what an entry in a bar could have spent: the settled equity before it, or less."""
    equity = float(found.equity[bar - 1])
    if found.reversals is not None:
        at = found.reversals[1][found.reversals[0] == bar]
        equity = float(at[-1]) if at.size else equity
    return equity if settings.sizing == "compound" else min(equity, settings.capital)


def _closed(found: Simulation) -> list[Entry]:
    """Return the entries of the closed trades."""
    columns = found.trades.select("entry_bar", "side", "entry_price").iter_rows()
    return [Entry(bar, side == "long", price) for bar, side, price in columns]


def open_entry(
    found: Simulation, prices: Prices, settings: AccountSettings, *, shorts: bool
) -> Entry | None:
    """Return the entry of the position that is open after the last bar; None without one.

    Or where its mark does not say.

    It is in no list of trades, but its mark gives its fill away: at a close the equity is ``Q +
    base / cost * (close - cost)`` of a long, and ``Q + base / p * (p (1 - fee) - close)`` of a
    short whose price is p after slippage.

    Parameters
    ----------
    found
        The simulation, of fractions of shares.
    prices
        Those that it trades at, n bars each or more.
    settings
        Its settings; their lot size does not matter.
    shorts
        Whether the strategy sells short.
    """
    held = bars_held(found.equity, found.trades)
    if not held[-1]:
        return None
    closes = prices.close[: len(found.equity)]
    last = int(found.trades["exit_bar"].to_numpy().max(initial=0))
    bar = last + int(held[last:].argmax())
    long = bool(bars_long(found.equity, found.trades, closes, shorts=shorts)[-1])
    settled = float(found.equity[0] + found.trades["pnl"].sum())
    base = settled if settings.sizing == "compound" else min(settled, settings.capital)
    earned = float(found.equity[bar]) - settled
    value = base * float(closes[bar])
    worth = base + earned if long else base * (1.0 - settings.fee) - earned
    # A price that has fallen to a share of 2^-53 leaves nothing of its fill in the mark.
    if not worth > 0:
        return None
    if long:
        return Entry(bar, True, value / worth / (1.0 + settings.slip) / (1.0 + settings.fee))
    return Entry(bar, False, value / worth / (1.0 - settings.slip))
