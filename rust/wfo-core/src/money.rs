//! Money: what fills are worth, and the drawdown of the marks.

use crate::settings::{Settings, Sizing};

/// A long position at its cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Long {
    /// Shares held; 0 where the lot size leaves none.
    pub shares: f64,
    /// Price of one share, slippage and fee included.
    pub cost: f64,
}

/// The equity of one backtest: settled cash, marks, and their drawdown.
#[derive(Debug, Clone)]
pub struct Account<'a> {
    settings: &'a Settings,
    equity: f64,
    marked: f64,
    peak: f64,
    drawdown: f64,
}

impl<'a> Account<'a> {
    /// An account that holds the starting capital.
    #[inline]
    #[must_use]
    pub fn new(settings: &'a Settings) -> Self {
        let capital = settings.capital;
        Self { settings, equity: capital, marked: capital, peak: capital, drawdown: 0.0 }
    }

    /// Equity after the last settled trade.
    #[inline]
    #[must_use]
    pub fn equity(&self) -> f64 {
        self.equity
    }

    /// The last mark.
    #[inline]
    #[must_use]
    pub fn marked(&self) -> f64 {
        self.marked
    }

    /// The largest fall of the marks from their running peak, in currency.
    #[inline]
    #[must_use]
    pub fn drawdown(&self) -> f64 {
        self.drawdown
    }

    /// Whether a fill has left nothing to trade with.
    #[inline]
    #[must_use]
    pub fn is_ruined(&self) -> bool {
        self.equity <= 0.0
    }

    /// Buys at `price`.
    #[inline]
    #[must_use]
    pub fn buy(&self, price: f64) -> Long {
        let Settings { slip, fee, .. } = *self.settings;
        let cost = price * (1.0 + slip) * (1.0 + fee);
        Long { shares: self.whole_lots(self.base() / cost), cost }
    }

    /// Marks an open position at `close`.
    #[inline]
    pub fn mark(&mut self, position: Long, close: f64) {
        self.set_mark(self.equity + position.shares * (close - position.cost));
    }

    /// Sells `position` at `price`; the bar's mark is then the settled equity.
    #[inline]
    pub fn sell(&mut self, position: Long, price: f64) {
        let Settings { slip, fee, .. } = *self.settings;
        self.equity += position.shares * (price * (1.0 - slip) * (1.0 - fee) - position.cost);
        self.set_mark(self.equity);
    }

    /// Starts the drawdown afresh at the last mark, as the out-of-sample bars do.
    #[inline]
    pub fn restart_drawdown(&mut self) {
        self.peak = self.marked;
        self.drawdown = 0.0;
    }

    #[inline]
    fn base(&self) -> f64 {
        match self.settings.sizing {
            Sizing::Compound => self.equity,
            Sizing::Fixed => self.settings.capital.min(self.equity),
        }
    }

    #[inline]
    fn whole_lots(&self, shares: f64) -> f64 {
        let lot = self.settings.lot_size;
        if lot > 0.0 { (shares / lot).floor() * lot } else { shares }
    }

    #[inline]
    fn set_mark(&mut self, mark: f64) {
        self.marked = mark;
        // Comparisons and not `max`, whose care for NaN costs the sweep's loop a tenth of its time.
        if mark > self.peak {
            self.peak = mark;
        }
        if self.peak - mark > self.drawdown {
            self.drawdown = self.peak - mark;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_pays_slippage_and_fee_on_both_fills() {
        let settings = Settings { slip: 0.01, fee: 0.002, ..Settings::default() };
        let mut account = Account::new(&settings);
        let position = account.buy(50.0);
        assert_eq!(position.cost, 50.0 * 1.01 * 1.002);
        account.sell(position, 60.0);
        let wanted = 100_000.0 * (60.0 * 0.99 * 0.998) / (50.0 * 1.01 * 1.002);
        assert!((account.equity() / wanted - 1.0).abs() < 1e-14);
    }

    #[test]
    fn drawdown_is_measured_from_the_running_peak() {
        let settings = Settings::default();
        let mut account = Account::new(&settings);
        let position = account.buy(100.0);
        for close in [90.0, 120.0, 105.0] {
            account.mark(position, close);
        }
        assert_eq!(account.drawdown(), 15_000.0);
        account.restart_drawdown();
        account.mark(position, 104.0);
        assert_eq!(account.drawdown(), 1_000.0);
    }

    #[test]
    fn fixed_sizing_never_takes_more_than_the_capital_or_the_equity() {
        let settings = Settings { sizing: Sizing::Fixed, ..Settings::default() };
        let mut account = Account::new(&settings);
        account.sell(account.buy(100.0), 150.0);
        assert_eq!(account.buy(100.0).shares, 1_000.0);
        account.sell(account.buy(100.0), 10.0);
        assert_eq!(account.equity(), 60_000.0);
        assert_eq!(account.buy(100.0).shares, 600.0);
    }

    #[test]
    fn lots_round_down_even_to_nothing() {
        let settings = Settings { lot_size: 300.0, ..Settings::default() };
        let account = Account::new(&settings);
        assert_eq!(account.buy(100.0).shares, 900.0);
        assert_eq!(account.buy(500.0).shares, 0.0);
    }
}
