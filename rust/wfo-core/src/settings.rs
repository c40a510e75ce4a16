//! What a backtest takes for granted: capital, costs, sizing and the style of entry.

use crate::error::{Error, Result};

/// How much of the equity a new trade gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizing {
    /// All of it: profits are reinvested.
    Compound,
    /// The starting capital, or what is left of it.
    Fixed,
}

/// How a position is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStyle {
    /// On a pull-back from the extreme since the last event.
    Pullback,
    /// On a break away from the last close.
    Breakout,
}

/// Settings that are not searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Starting capital, in currency.
    pub capital: f64,
    /// Slippage against every fill, as a fraction of price.
    pub slip: f64,
    /// Fee on every fill's notional, as a fraction of it.
    pub fee: f64,
    /// How much a trade gets.
    pub sizing: Sizing,
    /// Shares are rounded down to a multiple of this; 0 leaves them fractional.
    pub lot_size: f64,
    /// Widest stop, in baseline ATRs.
    pub max_stop_atr: f64,
    /// How a position is entered.
    pub entry_style: EntryStyle,
}

impl Settings {
    /// Returns the settings if every one is in range.
    ///
    /// # Errors
    /// The first setting that is out of range, with its value.
    pub fn checked(self) -> Result<Self> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let cost = |x: f64| (0.0..1.0).contains(&x);
        let checks = [
            ("capital", self.capital, positive(self.capital), "it must be above 0"),
            ("slip", self.slip, cost(self.slip), "it must be at least 0 and below 1"),
            ("fee", self.fee, cost(self.fee), "it must be at least 0 and below 1"),
            (
                "lot_size",
                self.lot_size,
                self.lot_size.is_finite() && self.lot_size >= 0.0,
                "it must be 0 (fractional shares) or more",
            ),
            ("max_stop_atr", self.max_stop_atr, positive(self.max_stop_atr), "it must be above 0"),
        ];
        for (name, value, holds, allowed) in checks {
            if !holds {
                return Err(Error::OutOfRange { name, value, allowed });
            }
        }
        Ok(self)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            capital: 100_000.0,
            slip: 0.0,
            fee: 0.0,
            sizing: Sizing::Compound,
            lot_size: 0.0,
            max_stop_atr: 20.0,
            entry_style: EntryStyle::Pullback,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_checked() {
        let good = Settings::default();
        assert_eq!(good.checked(), Ok(good));
        let bad = [
            ("capital", Settings { capital: 0.0, ..good }),
            ("slip", Settings { slip: 1.0, ..good }),
            ("fee", Settings { fee: -0.1, ..good }),
            ("lot_size", Settings { lot_size: f64::NAN, ..good }),
            ("max_stop_atr", Settings { max_stop_atr: f64::INFINITY, ..good }),
        ];
        for (wanted, settings) in bad {
            assert!(
                matches!(settings.checked(), Err(Error::OutOfRange { name, .. }) if name == wanted),
                "{wanted}"
            );
        }
    }
}
