"""A short relative strength index above a long average, with an exit by time."""

import wfo


class Rsi2(wfo.Rules):
    """Buys weakness above a long average at the open; leaves on strength, or after some bars."""

    length = wfo.Int(2, 5)
    trend = wfo.Int(50, 250, 50)
    low = wfo.Float(5, 30, 5)
    high = wfo.Float(60, 90, 10)
    bars = wfo.Int(2, 20, 2)

    def rules(self, x):
        strength = x.rsi(x.close, self.length)
        up = x.close > x.sma(x.close, self.trend)
        return wfo.orders(
            long=x.at_open((strength < self.low) & up),
            exit_long=[x.at_open(strength > self.high), x.after(self.bars)],
        )
