//! Buy-and-hold of the first symbol over one phase, without lots.
//!
//! The reference is `python/wfo/backtest/benchmark.py`, whose figures these equal to the bit: the same
//! operations in the same order.

use crate::execution::settings::AccountSettings;
use crate::market::bars::Bars;
use crate::market::slice::Slice;

/// By how much more than its own size a figure must be exceeded: sets that stay invested equal it up
/// to the rounding of what is stored.
const MARGIN: f64 = 1e-6;

/// Figures of buy-and-hold over one phase, in currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// In-sample profit or loss.
    pub is_pnl: f64,
    /// Out-of-sample profit or loss.
    pub oos_pnl: f64,
    /// Largest in-sample drawdown.
    pub is_dd: f64,
    /// Largest out-of-sample drawdown.
    pub oos_dd: f64,
}

impl Held {
    /// Buys at the open of the first trading bar with the capital, and never sells; the phase lies
    /// within the bars.
    #[must_use]
    pub fn new(
        bars: &Bars,
        Slice { warmup, split, end }: Slice,
        account: &AccountSettings,
    ) -> Self {
        let AccountSettings { capital, slip, fee, .. } = *account;
        // Costs raise the price. Lots do not round the shares: cash that they leave over would pass for
        // skill in a fall.
        let cost = bars.open()[warmup] * (1.0 + slip) * (1.0 + fee);
        let shares = capital / cost;
        let mark = |&close: &f64| capital + shares * (close - cost);
        // Marks of a part, and its largest fall from a peak; the mark before it is one of its peaks.
        let part = |before: f64, closes: &[f64]| {
            let (mut last, mut peak, mut fall) = (before, before, 0.0);
            for close in closes {
                last = mark(close);
                peak = f64::max(peak, last);
                fall = f64::max(fall, peak - last);
            }
            (last, fall)
        };
        let close = bars.close();
        let (is_mark, is_dd) = part(capital, &close[warmup..split]);
        let (oos_mark, oos_dd) = part(is_mark, &close[split..end]);
        Self { is_pnl: is_mark - capital, oos_pnl: oos_mark - is_mark, is_dd, oos_dd }
    }

    /// The out-of-sample return that gates ask to exceed.
    #[must_use]
    pub fn return_floor(&self, capital: f64) -> f64 {
        let start = capital + self.is_pnl;
        above(if start > 0.0 { self.oos_pnl / start } else { -1.0 })
    }

    /// The out-of-sample profit by its drawdown that gates ask to exceed: infinite without a drawdown,
    /// NaN without either.
    #[must_use]
    pub fn risk_floor(&self) -> f64 {
        let (pnl, drawdown) = (self.oos_pnl, self.oos_dd);
        above(if drawdown > 0.0 {
            pnl / drawdown
        } else if pnl == 0.0 {
            f64::NAN
        } else {
            f64::INFINITY.copysign(pnl)
        })
    }
}

fn above(value: f64) -> f64 {
    value + MARGIN * value.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(closes: &[f64], account: AccountSettings) -> Held {
        // Every bar opens at the close before it.
        let opens: Vec<f64> = [&closes[..1], &closes[..closes.len() - 1]].concat();
        let high = opens.iter().zip(closes).map(|(a, b)| a.max(*b)).collect();
        let low = opens.iter().zip(closes).map(|(a, b)| a.min(*b)).collect();
        let bars = Bars::new(opens, high, low, closes.to_vec()).expect("bars");
        Held::new(&bars, Slice { warmup: 1, split: 4, end: 7 }, &account)
    }

    #[test]
    fn marks_are_those_of_shares_bought_at_the_first_open() {
        let account = AccountSettings { capital: 1000.0, ..AccountSettings::default() };
        let found = held(&[100.0, 110.0, 99.0, 120.0, 90.0, 150.0, 135.0], account);
        // 10 shares: 1100, 990, 1200; then 900, 1500, 1350, of which 300 below the boundary's mark.
        let wanted = Held { is_pnl: 200.0, oos_pnl: 150.0, is_dd: 110.0, oos_dd: 300.0 };
        assert_eq!(found, wanted);
        assert_eq!(found.return_floor(1000.0), 0.125 * (1.0 + 1e-6));
        assert_eq!(found.risk_floor(), 0.5 * (1.0 + 1e-6));
    }

    #[test]
    fn costs_are_in_the_mark_and_lots_are_not() {
        let account = AccountSettings { capital: 1000.0, ..AccountSettings::default() };
        let costs = AccountSettings { slip: 0.25, lot_size: 7.0, ..account };
        // 8 shares at 125.
        let found = held(&[100.0, 100.0, 100.0, 100.0, 100.0, 100.0, 100.0], costs);
        assert_eq!(found, Held { is_pnl: -200.0, oos_pnl: 0.0, is_dd: 200.0, oos_dd: 0.0 });
        assert!(found.risk_floor().is_nan());
        let free = held(&[100.0; 7], account);
        assert_eq!((free.is_pnl, free.is_dd), (0.0, 0.0));
    }

    #[test]
    fn without_a_drawdown_the_risk_floor_is_infinite() {
        let account = AccountSettings { capital: 1000.0, ..AccountSettings::default() };
        let found = held(&[100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0], account);
        assert_eq!(found.risk_floor(), f64::INFINITY);
    }
}
