"""ATR-D as rules: the trades of the built-in `atr_d_l` and `atr_d_ls` by pull-backs."""

import wfo


class AtrDL(wfo.Rules):
    """ATR-D long: buys a pull-back in ATRs, leaves by a stop that tightens in quiet."""

    atr_period = wfo.Int(7, 70, 21)
    atr_multiplier = wfo.Float(1, 29, 4)
    bb_length = wfo.Int(20, 70, 50)
    bb_deviation = wfo.Float(1, 3, 2)
    vol_threshold = wfo.Float(0.04, 0.4, 0.12)
    min_tightening = wfo.Float(0.2, 1, 0.4)
    scaling_method = wfo.Int(0, 2)
    atr_buy_period = wfo.Int(8, 64, 28)
    atr_buy_multiplier = wfo.Float(0.5, 4, 0.5)
    atr_smooth_period = wfo.Int(1, 19, 9)
    equity_price_method = wfo.Int(0, 1)
    map_axes = ("atr_multiplier", "atr_buy_multiplier")

    max_stop_atr = 20  # the widest stop, in ATRs of 70 bars

    def rules(self, x):
        return wfo.orders(
            long=x.pullback(self.smoothed(x, self.atr_buy_period) * self.atr_buy_multiplier),
            exit_long=x.trail(self.stop(x, self.atr_period, self.atr_multiplier)),
        )

    def smoothed(self, x, period):
        """Return the average range that entries are measured in."""
        return x.ema(x.atr(period), self.atr_smooth_period)

    def stop(self, x, period, multiplier):
        """Return the distance of the stop."""
        distance = x.atr(period) * multiplier * self.tightening(x)
        return x.minimum(distance, x.atr(70) * self.max_stop_atr)

    def tightening(self, x):
        """Return the factor by which narrow Bollinger bands draw the stop near."""
        price = x.choose(self.equity_price_method, x.typical, x.close)
        sigma = x.stdev(price, self.bb_length)
        width = 2 * self.bb_deviation * sigma / x.sma(price, self.bb_length)
        r = width / self.vol_threshold
        factor = x.choose(self.scaling_method, r, x.sqrt(r), r * r)
        return x.where(r >= 1, 1, x.maximum(self.min_tightening, factor))


class AtrDLS(AtrDL):
    """ATR-D long and short, with entry modes and a veto of shorts by trend."""

    short_multiplier = wfo.Float(0.25, 1, 0.25)
    entry_mode = wfo.Int(0, 2)
    trend_filter_period = wfo.Int(5, 15, 5)
    trend_veto_threshold = wfo.Float(-0.02, 0.02, 0.02)
    both_triggered_mode = wfo.Int(0, 1)

    def rules(self, x):
        scale = self.short_multiplier
        average = x.ema(x.close, self.trend_filter_period)
        falls = -100 * (average / x.shift(average, 1) - 1) > self.trend_veto_threshold
        sold = self.smoothed(x, self.scaled(x, self.atr_buy_period))
        stop_period = self.scaled(x, self.atr_period)
        return wfo.orders(
            long=x.pullback(self.smoothed(x, self.atr_buy_period) * self.atr_buy_multiplier),
            short=x.pullback(sold * (self.atr_buy_multiplier * scale), when=falls),
            exit_long=x.trail(self.stop(x, self.atr_period, self.atr_multiplier)),
            exit_short=x.trail(self.stop(x, stop_period, self.atr_multiplier * scale)),
            reverse_to_long=self.entry_mode >= 1,
            reverse_to_short=self.entry_mode == 2,
            both=self.both_triggered_mode,
        )

    def scaled(self, x, period):
        """Return a length of the short side."""
        return x.maximum(1, x.round_half_up(period * self.short_multiplier))
