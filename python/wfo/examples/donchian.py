"""A breakout above a channel of highs, left by a trailing stop."""

import wfo


class Donchian(wfo.Rules):
    """Buys a break of the n-day high above a long average; leaves by a stop in ATRs."""

    entry = wfo.Int(5, 100)
    trend = wfo.Int(50, 300)
    period = wfo.Int(5, 50)
    width = wfo.Float(1, 10)
    constraints = ("entry < trend",)

    def rules(self, x):
        up = x.close > x.sma(x.close, self.trend)
        return wfo.orders(
            long=x.stop(x.highest(x.high, self.entry), when=up),
            exit_long=x.trail(x.atr(self.period) * self.width),
        )
