"""Reversion from the lower Bollinger band, with a target and a loss."""

import wfo


class Bollinger(wfo.Rules):
    """Buys at the lower band; leaves at a target and at a loss, in percent of the fill."""

    length = wfo.Int(5, 100, 5)
    deviation = wfo.Float(1, 3, 0.5)
    target = wfo.Float(1, 10, 1)
    loss = wfo.Float(1, 10, 1)

    def rules(self, x):
        bands = x.bollinger(x.close, self.length, self.deviation)
        return wfo.orders(
            long=x.limit(bands.lower),
            exit_long=[x.target(percent=self.target), x.loss(percent=self.loss)],
        )
