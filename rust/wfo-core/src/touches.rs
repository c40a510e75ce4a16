//! Touches: an order at a level, and the bar that reaches it.
//!
//! The comparison is kept in exactly the form in which the contract states it, and no term is moved
//! to the other side: rounding must not let two engines decide a tie differently.

/// Fill of an order that waits below: `low <= level`, at the open where the bar opens beneath it.
#[inline(always)]
#[must_use]
pub fn down(level: f64, open: f64, low: f64) -> Option<f64> {
    (low <= level).then_some(if open < level { open } else { level })
}

/// Fill of an order that waits above: `high >= level`, at the open where the bar opens beyond it.
#[inline(always)]
#[must_use]
pub fn up(level: f64, open: f64, high: f64) -> Option<f64> {
    (high >= level).then_some(if open > level { open } else { level })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaching_the_level_is_enough() {
        assert_eq!(down(99.5, 100.0, 99.5), Some(99.5));
        assert_eq!(down(99.5, 100.0, 99.51), None);
        assert_eq!(up(100.5, 100.0, 100.5), Some(100.5));
        assert_eq!(up(100.5, 100.0, 100.49), None);
    }

    #[test]
    fn a_gap_through_the_level_fills_at_the_open() {
        assert_eq!(down(99.5, 98.0, 97.0), Some(98.0));
        assert_eq!(up(100.5, 102.0, 103.0), Some(102.0));
    }

    #[test]
    fn a_level_that_is_not_a_number_is_never_reached() {
        assert_eq!(down(f64::NAN, 98.0, 97.0), None);
        assert_eq!(up(f64::NAN, 102.0, 103.0), None);
    }
}
