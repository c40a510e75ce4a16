//! Settings of an account, the same for all strategies: capital, costs and sizing.

use crate::error::{Error, Result};

/// The part of the equity that a new trade takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizing {
    /// All of it: profits are reinvested.
    Compound,
    /// The starting capital, or what is left of it.
    Fixed,
}

/// Capital, costs and sizing, which are not searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AccountSettings {
    /// Starting capital, in currency.
    pub capital: f64,
    /// Slippage against every fill, as a fraction of price.
    pub slip: f64,
    /// Fee on every fill's notional, as a fraction of it.
    pub fee: f64,
    /// The size of a trade.
    pub sizing: Sizing,
    /// Shares are rounded down to a multiple of this; 0 leaves them fractional.
    pub lot_size: f64,
}

impl AccountSettings {
    /// Whether every trade takes all equity, in shares of any fraction.
    #[must_use]
    pub fn compounds(&self) -> bool {
        self.sizing == Sizing::Compound && self.lot_size == 0.0
    }

    /// The settings, if every one is in range.
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
        ];
        for (name, value, holds, allowed) in checks {
            if !holds {
                return Err(Error::OutOfRange { name, value, allowed });
            }
        }
        Ok(self)
    }
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self { capital: 100_000.0, slip: 0.0, fee: 0.0, sizing: Sizing::Compound, lot_size: 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_checked() {
        let good = AccountSettings::default();
        assert_eq!(good.checked(), Ok(good));
        let bad = [
            ("capital", AccountSettings { capital: 0.0, ..good }),
            ("slip", AccountSettings { slip: 1.0, ..good }),
            ("fee", AccountSettings { fee: -0.1, ..good }),
            ("lot_size", AccountSettings { lot_size: f64::NAN, ..good }),
        ];
        for (wanted, settings) in bad {
            assert!(
                matches!(settings.checked(), Err(Error::OutOfRange { name, .. }) if name == wanted),
                "{wanted}"
            );
        }
    }
}
