"""A cross of two averages, in and out at the open."""

import wfo


class SmaCross(wfo.Rules):
    """Long from a cross of the fast average of closes above the slow one to a cross below it."""

    fast = wfo.Int(2, 50)
    slow = wfo.Int(5, 200)
    constraints = ("fast < slow",)

    def rules(self, x):
        fast = x.sma(x.close, self.fast)
        slow = x.sma(x.close, self.slow)
        return wfo.orders(
            long=x.at_open(x.crosses_above(fast, slow)),
            exit_long=x.at_open(x.crosses_below(fast, slow)),
        )
