//! The bars in which a backtest warms up, trades in-sample, and trades out-of-sample.

use crate::error::{Error, Result};

/// One phase on the bars: warm-up `0..warmup`, in-sample `warmup..split`, out-of-sample `split..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// First trading bar.
    pub warmup: usize,
    /// First out-of-sample bar.
    pub split: usize,
    /// One past the last bar.
    pub end: usize,
}

impl Slice {
    /// The slice, if it lies within `bars` bars and its warm-up has at least `need` of them.
    ///
    /// # Errors
    /// Positions out of order, or a warm-up shorter than the longest lookback.
    pub fn checked(self, bars: usize, need: usize) -> Result<Self> {
        let Self { warmup, split, end } = self;
        // An order needs a bar before it, so the first bar never trades.
        // [I1]
        if !(0 < warmup && warmup < split && split < end && end <= bars) {
            return Err(Error::SliceOrder { warmup, split, end, bars });
        }
        // [I6]
        if warmup < need {
            return Err(Error::Warmup { warmup, need });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_warmup_are_checked() {
        let slice = |warmup, split, end| Slice { warmup, split, end }.checked(10, 2);
        assert!(slice(2, 3, 10).is_ok());
        assert_eq!(slice(1, 3, 10), Err(Error::Warmup { warmup: 1, need: 2 }));
        for (w, c, n) in [(0, 3, 10), (3, 3, 10), (2, 4, 4), (2, 3, 11)] {
            assert_eq!(
                slice(w, c, n),
                Err(Error::SliceOrder { warmup: w, split: c, end: n, bars: 10 })
            );
        }
    }
}
