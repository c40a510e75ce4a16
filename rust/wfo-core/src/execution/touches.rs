//! Touches: an order at a level, the bar that reaches it, and which of two came first.
//!
//! The comparison is kept in exactly the form in which the contract states it, and no term is moved
//! to the other side: rounding must not let two engines decide a tie differently.

/// Which way the price went to reach a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It rose.
    Up,
    /// It fell.
    Down,
}

/// A level that was reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touch {
    /// Where the order stood.
    pub level: f64,
    /// Its fill: the level, or the open where that had reached the level already.
    pub fill: f64,
    /// How the price came there.
    pub way: Way,
    /// Whether the open had reached the level.
    pub at_open: bool,
}

/// Touch of an order below the price: `low <= level`, at the open where the bar opens at the
/// level or below it.
#[inline(always)]
#[must_use]
pub fn down(level: f64, open: f64, low: f64) -> Option<Touch> {
    // [T2] Of the bar the open and one extreme decide. [L8] [O1] Equality counts.
    let at_open = open <= level;
    let fill = if at_open { open } else { level };
    // [L7]
    (low <= level).then_some(Touch { level, fill, way: Way::Down, at_open })
}

/// Touch of an order above the price: `high >= level`, at the open where the bar opens at the
/// level or above it.
#[inline(always)]
#[must_use]
pub fn up(level: f64, open: f64, high: f64) -> Option<Touch> {
    // [T2] Of the bar the open and one extreme decide. [L8] [O1] Equality counts.
    let at_open = open >= level;
    let fill = if at_open { open } else { level };
    // [L7]
    (high >= level).then_some(Touch { level, fill, way: Way::Up, at_open })
}

/// Whether `second` came before `first`, in the path that TradeStation assumes a bar to take: from
/// the open to the extreme nearer to it, then to the other one. What is still equal goes to `first`:
/// callers put a stop before an entry, and a buy before a sell.
#[must_use]
pub fn second_comes_first(first: Touch, second: Touch, open: f64, high: f64, low: f64) -> bool {
    // [T2] Of the bar the open and both extremes decide.
    match (first.at_open, second.at_open) {
        // [O1] The open has reached `first` alone. [O4] [O5] It has reached both: they are equal.
        (true, _) => false,
        // [O1]
        (false, true) => true,
        (false, false) => match (first.way, second.way) {
            // [O3] The nearer one. [O4] [O5] Of equal levels `first`.
            (Way::Down, Way::Down) => second.level > first.level,
            (Way::Up, Way::Up) => second.level < first.level,
            // [O2]
            (Way::Down, Way::Up) => high - open < open - low,
            (Way::Up, Way::Down) => high - open >= open - low,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(touch: Option<Touch>) -> Option<f64> {
        touch.map(|t| t.fill)
    }

    #[test]
    fn reaching_the_level_is_enough() {
        assert_eq!(fill(down(99.5, 100.0, 99.5)), Some(99.5));
        assert_eq!(fill(down(99.5, 100.0, 99.51)), None);
        assert_eq!(fill(up(100.5, 100.0, 100.5)), Some(100.5));
        assert_eq!(fill(up(100.5, 100.0, 100.49)), None);
    }

    #[test]
    fn a_gap_through_the_level_fills_at_the_open() {
        assert_eq!(fill(down(99.5, 98.0, 97.0)), Some(98.0));
        assert_eq!(fill(up(100.5, 102.0, 103.0)), Some(102.0));
    }

    #[test]
    fn a_level_that_is_not_a_number_is_never_reached() {
        assert_eq!(down(f64::NAN, 98.0, 97.0), None);
        assert_eq!(up(f64::NAN, 102.0, 103.0), None);
    }

    /// Order of two touches in a bar from 100 that reaches up to `high` and down to `low`.
    fn order(a: Option<Touch>, b: Option<Touch>, high: f64, low: f64) -> char {
        let (a, b) = (a.expect("touched"), b.expect("touched"));
        if second_comes_first(a, b, 100.0, high, low) { 'b' } else { 'a' }
    }

    #[test]
    fn the_extreme_nearer_to_the_open_is_reached_first() {
        let (high, low) = (103.0, 98.0);
        let (above, below) = (up(102.0, 100.0, high), down(99.0, 100.0, low));
        assert_eq!(order(above, below, high, low), 'b');
        assert_eq!(order(below, above, high, low), 'a');
        let (high, low) = (102.0, 97.0);
        assert_eq!(order(above, below, high, low), 'a');
        assert_eq!(order(below, above, high, low), 'b');
        // As far up as down: the low first.
        let (high, low) = (102.0, 98.0);
        assert_eq!(order(above, below, high, low), 'b');
        assert_eq!(order(below, above, high, low), 'a');
    }

    #[test]
    fn on_one_side_the_nearer_level_comes_first() {
        let (high, low) = (104.0, 96.0);
        let lows = (down(99.0, 100.0, low), down(98.0, 100.0, low));
        assert_eq!(
            (order(lows.0, lows.1, high, low), order(lows.1, lows.0, high, low)),
            ('a', 'b')
        );
        let highs = (up(101.0, 100.0, high), up(103.0, 100.0, high));
        assert_eq!(
            (order(highs.0, highs.1, high, low), order(highs.1, highs.0, high, low)),
            ('a', 'b')
        );
        assert_eq!(order(lows.0, lows.0, high, low), 'a');
        assert_eq!(order(highs.0, highs.0, high, low), 'a');
    }

    #[test]
    fn what_the_open_has_reached_comes_before_the_rest() {
        let (high, low) = (104.0, 99.5);
        let (gap, later) = (up(99.0, 100.0, high), down(99.7, 100.0, low));
        assert_eq!(order(later, gap, high, low), 'b');
        assert_eq!(order(gap, later, high, low), 'a');
        // Both reached by the open: equal, whatever the levels.
        let other = down(100.0, 100.0, low);
        assert_eq!((order(gap, other, high, low), order(other, gap, high, low)), ('a', 'a'));
    }
}
