//! Price bars, checked once, so that no other module has to check them.

use crate::error::{Error, Result};

/// Most bars of a history: 2^30, less what the engines add to the positions of bars. Their tables
/// number rows in 32 bits, in which a row has up to four places: the ways of a bar, or two sides of
/// touches and opens.
pub const MOST_BARS: usize = (1 << 30) - 32;

/// Checks a number of bars.
///
/// # Errors
/// More than [`MOST_BARS`].
pub(crate) fn check_count(bars: usize) -> Result<()> {
    if bars > MOST_BARS {
        return Err(Error::TooManyBars { bars, most: MOST_BARS });
    }
    Ok(())
}

/// Open, high, low and close of consecutive bars, oldest first.
///
/// Every price is finite and above 0, and `low <= open, close <= high` in every bar. There are at
/// most [`MOST_BARS`].
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
}

impl Bars {
    /// Bars of the four columns, checked.
    ///
    /// # Errors
    /// Too many bars, columns of different lengths, a price that is not finite and above 0, or an open or close
    /// outside its bar's range.
    pub fn new(open: Vec<f64>, high: Vec<f64>, low: Vec<f64>, close: Vec<f64>) -> Result<Self> {
        let expected = open.len();
        check_count(expected)?;
        for (column, values) in [("high", &high), ("low", &low), ("close", &close)] {
            if values.len() != expected {
                return Err(Error::BarsLength { column, len: values.len(), expected });
            }
        }
        let columns = [("open", &open), ("high", &high), ("low", &low), ("close", &close)];
        for index in 0..expected {
            for (column, values) in columns {
                let value = values[index];
                if !(value.is_finite() && value > 0.0) {
                    return Err(Error::Price { index, column, value });
                }
            }
            let (low, high) = (low[index], high[index]);
            for (column, value) in [("open", open[index]), ("close", close[index])] {
                if !(low <= value && value <= high) {
                    return Err(Error::BarRange { index, column, value, low, high });
                }
            }
        }
        Ok(Self { open, high, low, close })
    }

    /// Number of bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether there is no bar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Opening prices.
    #[must_use]
    pub fn open(&self) -> &[f64] {
        &self.open
    }

    /// Highest prices.
    #[must_use]
    pub fn high(&self) -> &[f64] {
        &self.high
    }

    /// Lowest prices.
    #[must_use]
    pub fn low(&self) -> &[f64] {
        &self.low
    }

    /// Closing prices.
    #[must_use]
    pub fn close(&self) -> &[f64] {
        &self.close
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(open: f64, high: f64, low: f64, close: f64) -> Result<Bars> {
        Bars::new(vec![1.0, open], vec![1.0, high], vec![1.0, low], vec![1.0, close])
    }

    #[test]
    fn bars_are_limited() {
        assert_eq!(check_count(MOST_BARS), Ok(()));
        let error = check_count(MOST_BARS + 1);
        assert_eq!(error, Err(Error::TooManyBars { bars: MOST_BARS + 1, most: MOST_BARS }));
        let said = error.expect_err("too many").to_string();
        assert!(said.contains(&(MOST_BARS + 1).to_string()), "{said}");
    }

    #[test]
    fn a_flat_bar_is_a_bar() {
        assert_eq!(bars(5.0, 5.0, 5.0, 5.0).map(|b| b.len()), Ok(2));
    }

    #[test]
    fn errors_name_bar_column_and_value() {
        assert_eq!(
            bars(2.0, 3.0, 0.0, 2.0),
            Err(Error::Price { index: 1, column: "low", value: 0.0 })
        );
        assert_eq!(
            bars(2.0, 3.0, 1.0, 3.5),
            Err(Error::BarRange { index: 1, column: "close", value: 3.5, low: 1.0, high: 3.0 })
        );
        assert!(matches!(
            bars(2.0, f64::INFINITY, 1.0, 2.0),
            Err(Error::Price { index: 1, column: "high", .. })
        ));
        assert!(matches!(
            bars(f64::NAN, 3.0, 1.0, 2.0),
            Err(Error::Price { index: 1, column: "open", .. })
        ));
        assert_eq!(
            Bars::new(vec![1.0], vec![1.0], vec![], vec![1.0]),
            Err(Error::BarsLength { column: "low", len: 0, expected: 1 })
        );
    }
}
