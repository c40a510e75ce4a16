"""SMA cross in Numba."""

import numba
import numpy as np

from wfo.strategy import Walk


@numba.njit(error_model="numpy")
def average(close, length):
    """The mean of the last closes at every bar, NaN until there are as many."""
    found = np.full(close.size, np.nan)
    for t in range(length - 1, close.size):
        total = 0.0
        for k in range(t - length + 1, t + 1):
            total += close[k]
        found[t] = total / length
    return found


@numba.njit(error_model="numpy")
def through(open_, close, above, below, warmup, capital, slip, fee, fixed, lot_size):
    """Go through the bars; `above` and `below` tell of each bar what its orders follow."""
    equity, trades = np.full(close.size, capital), np.empty((close.size, 6))
    money, closed, since, shares, cost = capital, 0, -1, 0.0, 0.0
    for t in range(warmup, close.size):
        if since < 0 and above[t] and money > 0.0:
            since, cost = t, open_[t] * (1.0 + slip) * (1.0 + fee)
            shares = (min(capital, money) if fixed else money) / cost
            if lot_size > 0.0:
                shares = np.floor(shares / lot_size * (1 + 2**-50)) * lot_size
        elif since >= 0 and below[t]:
            gain = shares * (open_[t] * (1.0 - slip) * (1.0 - fee) - cost)
            if shares > 0.0:
                trades[closed] = np.array([1.0, since, open_[since], t, open_[t], gain])
                closed += 1
            money, since, shares = money + gain, -1, 0.0
        equity[t] = money + shares * (close[t] - cost) if since >= 0 else money
    return trades[:closed], equity, since if shares > 0.0 else -1


def walk(feeds, sets, settings, warmup):
    """Compute the averages of each set, and go through the bars."""
    open_, close = (np.ascontiguousarray(feeds["bars"][name]) for name in ("open", "close"))
    above, below = np.zeros((2, close.size), bool)
    for first, (fast, slow, band) in sets:
        one, two = average(close, fast)[first - 1 : -1], average(close, slow)[first - 1 : -1]
        above[first:], below[first:] = one > two * (1.0 + band), one < two * (1.0 - band)
    s = settings
    account = (s.capital, s.slip, s.fee, s.sizing == "fixed", s.lot_size)
    return Walk(*through(open_, close, above, below, warmup, *account))
