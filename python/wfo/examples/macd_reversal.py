"""Always in the market, on the side that MACD and its signal line say."""

import wfo


class MacdReversal(wfo.Rules):
    """Long from a cross of MACD above its signal line on, short from one below it on."""

    fast = wfo.Int(4, 20, 2)
    slow = wfo.Int(9, 45, 3)
    signal = wfo.Int(3, 15)
    constraints = ("fast < slow",)

    def rules(self, x):
        line = x.macd(x.close, self.fast, self.slow)
        signal = x.ema(line, self.signal)
        return wfo.orders(
            long=x.at_open(x.crosses_above(line, signal)),
            short=x.at_open(x.crosses_below(line, signal)),
            reverse_to_long=True,
            reverse_to_short=True,
        )
