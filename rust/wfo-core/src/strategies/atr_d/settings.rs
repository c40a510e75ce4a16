//! What ATR-D takes for granted beside its account: the widest stop and the style of entry.

use crate::error::{Error, Result};

/// How a position is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryStyle {
    /// On a pull-back from the extreme since the last event.
    Pullback,
    /// On a break away from the last close.
    Breakout,
}

/// Settings of the strategy's own that are not searched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Widest stop, in baseline ATRs.
    pub max_stop_atr: f64,
    /// How a position is entered.
    pub entry_style: EntryStyle,
}

impl Settings {
    /// Returns the settings if every one is in range.
    ///
    /// # Errors
    /// The setting that is out of range, with its value.
    pub fn checked(self) -> Result<Self> {
        let value = self.max_stop_atr;
        if value.is_finite() && value > 0.0 {
            return Ok(self);
        }
        Err(Error::OutOfRange { name: "max_stop_atr", value, allowed: "it must be above 0" })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_stop_atr: 20.0, entry_style: EntryStyle::Pullback }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_stop_is_checked() {
        let good = Settings::default();
        assert_eq!(good.checked(), Ok(good));
        for max_stop_atr in [0.0, f64::INFINITY, f64::NAN] {
            let found = Settings { max_stop_atr, ..good }.checked();
            assert!(matches!(found, Err(Error::OutOfRange { name: "max_stop_atr", .. })));
        }
    }
}
