//! ATR-D: a volatility stop that follows the extreme and tightens when the Bollinger width is small.
//!
//! This file knows the parameters and what they ask of the indicators; it holds no state.

use crate::error::{Error, Result};
use crate::indicators::PriceMethod;

/// Bars of the baseline ATR that caps the stop.
pub const BASELINE_PERIOD: usize = 70;

/// Canonical names of `atr_d_l`; in a flat index the last one varies fastest.
pub const PARAMETERS: [&str; 11] = [
    "atr_period",
    "atr_multiplier",
    "bb_length",
    "bb_deviation",
    "vol_threshold",
    "min_tightening",
    "scaling_method",
    "atr_buy_period",
    "atr_buy_multiplier",
    "atr_smooth_period",
    "equity_price_method",
];

/// How the tightening follows the ratio of width to threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// The ratio itself.
    Linear,
    /// Its square root: gentler.
    SquareRoot,
    /// Its square: harsher.
    Quadratic,
}

/// What sets the stop's distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Bars of its ATR.
    pub atr_period: usize,
    /// Width in ATRs.
    pub atr_multiplier: f64,
    /// Bars of the Bollinger width.
    pub bb_length: usize,
    /// Standard deviations of the Bollinger width.
    pub bb_deviation: f64,
    /// Width under which the stop tightens.
    pub vol_threshold: f64,
    /// Floor of the tightening factor.
    pub min_tightening: f64,
    /// How the factor follows the width.
    pub scaling: Scaling,
    /// Price that the Bollinger width is made of.
    pub price: PriceMethod,
}

/// What sets the entry's distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Bars of its ATR.
    pub atr_period: usize,
    /// Offset in smoothed ATRs.
    pub atr_multiplier: f64,
    /// Period of the average over its ATR.
    pub smooth_period: usize,
}

/// One parameter set of `atr_d_l`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// The long stop.
    pub stop: Stop,
    /// The buy.
    pub buy: Entry,
}

impl Params {
    /// Reads the parameters in canonical order.
    ///
    /// # Errors
    /// A wrong number of values, or the first value that is out of range.
    pub fn from_values(values: &[f64]) -> Result<Self> {
        let &[
            atr_period,
            atr_multiplier,
            bb_length,
            bb_deviation,
            vol_threshold,
            min_tightening,
            scaling_method,
            atr_buy_period,
            atr_buy_multiplier,
            atr_smooth_period,
            equity_price_method,
        ] = values
        else {
            return Err(Error::ParameterCount { given: values.len(), expected: PARAMETERS.len() });
        };
        Ok(Self {
            stop: Stop {
                atr_period: whole("atr_period", atr_period, 1, "it must be a whole number >= 1")?,
                atr_multiplier: positive("atr_multiplier", atr_multiplier)?,
                bb_length: whole("bb_length", bb_length, 2, "it must be a whole number >= 2")?,
                bb_deviation: positive("bb_deviation", bb_deviation)?,
                vol_threshold: positive("vol_threshold", vol_threshold)?,
                min_tightening: if min_tightening > 0.0 && min_tightening <= 1.0 {
                    min_tightening
                } else {
                    return Err(Error::OutOfRange {
                        name: "min_tightening",
                        value: min_tightening,
                        allowed: "it must be above 0 and at most 1",
                    });
                },
                scaling: choice(
                    "scaling_method",
                    scaling_method,
                    &[Scaling::Linear, Scaling::SquareRoot, Scaling::Quadratic],
                    "it must be 0, 1 or 2",
                )?,
                price: choice(
                    "equity_price_method",
                    equity_price_method,
                    &[PriceMethod::Typical, PriceMethod::Close],
                    "it must be 0 or 1",
                )?,
            },
            buy: Entry {
                atr_period: whole(
                    "atr_buy_period",
                    atr_buy_period,
                    1,
                    "it must be a whole number >= 1",
                )?,
                atr_multiplier: positive("atr_buy_multiplier", atr_buy_multiplier)?,
                smooth_period: whole(
                    "atr_smooth_period",
                    atr_smooth_period,
                    1,
                    "it must be a whole number >= 1",
                )?,
            },
        })
    }

    /// The longest lookback, in bars.
    #[must_use]
    pub fn need(&self) -> usize {
        BASELINE_PERIOD.max(self.stop.atr_period).max(self.stop.bb_length).max(self.buy.atr_period)
    }
}

impl Stop {
    /// Distance of the stop behind the extreme, from the indicators of one bar.
    ///
    /// `sigma` and `mean` are those of the Bollinger window, `baseline` is the widest stop allowed.
    #[inline]
    #[must_use]
    pub fn distance(&self, atr: f64, sigma: f64, mean: f64, widest: f64) -> f64 {
        let width = 2.0 * self.bb_deviation * sigma / mean;
        let distance = atr * self.atr_multiplier * self.tightening(width / self.vol_threshold);
        if distance < widest { distance } else { widest }
    }

    #[inline]
    fn tightening(&self, ratio: f64) -> f64 {
        if ratio >= 1.0 {
            return 1.0;
        }
        let factor = match self.scaling {
            Scaling::Linear => ratio,
            Scaling::SquareRoot => ratio.sqrt(),
            Scaling::Quadratic => ratio * ratio,
        };
        factor.max(self.min_tightening)
    }
}

fn whole(name: &'static str, value: f64, least: u32, allowed: &'static str) -> Result<usize> {
    // Above u32 no history is long enough anyway, and the conversion below stays exact.
    if value.fract() == 0.0 && value >= f64::from(least) && value <= f64::from(u32::MAX) {
        Ok(value as usize)
    } else {
        Err(Error::OutOfRange { name, value, allowed })
    }
}

fn positive(name: &'static str, value: f64) -> Result<f64> {
    if value.is_finite() && value > 0.0 {
        Ok(value)
    } else {
        Err(Error::OutOfRange { name, value, allowed: "it must be above 0" })
    }
}

fn choice<T: Copy>(
    name: &'static str,
    value: f64,
    choices: &[T],
    allowed: &'static str,
) -> Result<T> {
    choices
        .iter()
        .enumerate()
        .find(|&(i, _)| i as f64 == value)
        .map(|(_, &c)| c)
        .ok_or(Error::OutOfRange { name, value, allowed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [f64; 11] = [14.0, 3.0, 20.0, 2.0, 0.1, 0.4, 0.0, 10.0, 1.5, 3.0, 0.0];

    fn stop(scaling: Scaling) -> Stop {
        Stop { scaling, ..Params::from_values(&GOOD).expect("in range").stop }
    }

    #[test]
    fn values_are_read_in_canonical_order() {
        let params = Params::from_values(&GOOD).expect("in range");
        assert_eq!(params.stop.atr_period, 14);
        assert_eq!(params.stop.vol_threshold, 0.1);
        assert_eq!(params.buy, Entry { atr_period: 10, atr_multiplier: 1.5, smooth_period: 3 });
        assert_eq!(params.need(), BASELINE_PERIOD);
    }

    #[test]
    fn each_parameter_is_checked_under_its_own_name() {
        let bad = [0.5, 0.0, 1.0, -2.0, f64::NAN, 1.1, 3.0, 0.0, f64::INFINITY, -1.0, 0.5];
        for (i, (&name, value)) in PARAMETERS.iter().zip(bad).enumerate() {
            let mut values = GOOD;
            values[i] = value;
            assert!(
                matches!(Params::from_values(&values), Err(Error::OutOfRange { name: n, .. }) if n == name),
                "{name} = {value}"
            );
        }
        assert_eq!(
            Params::from_values(&GOOD[1..]),
            Err(Error::ParameterCount { given: 10, expected: 11 })
        );
    }

    #[test]
    fn every_lookback_counts() {
        for i in [0, 2, 7] {
            let mut values = GOOD;
            values[i] = 90.0;
            assert_eq!(Params::from_values(&values).expect("in range").need(), 90);
        }
        let mut values = GOOD;
        values[9] = 90.0;
        assert_eq!(Params::from_values(&values).expect("in range").need(), 70);
    }

    #[test]
    fn the_stop_tightens_with_the_width() {
        // width = 2 * 2 * 1 / 160 = 0.025, a quarter of the threshold; 2 ATRs of 3 are 6.
        for (scaling, factor) in [
            (Scaling::Linear, 0.4), // 0.25, but not under the floor
            (Scaling::SquareRoot, 0.5),
            (Scaling::Quadratic, 0.4),
        ] {
            assert_eq!(stop(scaling).distance(2.0, 1.0, 160.0, 1e9), 6.0 * factor);
        }
        // At the threshold it is not tightened, whatever the scaling.
        assert_eq!(stop(Scaling::Quadratic).distance(2.0, 1.0, 40.0, 1e9), 6.0);
        assert_eq!(stop(Scaling::Linear).distance(2.0, 1.0, 40.0, 5.0), 5.0);
    }
}
