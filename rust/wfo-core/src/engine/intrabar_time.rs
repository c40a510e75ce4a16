//! When a touch happens: its bar, and its order within the bar.

use super::lookup::NamesRow;
use crate::execution::touches::Way;
use crate::market::bars::MOST_BARS;

// The row behind the last bar has times too, up to the end of that bar, and the last of all times is
// behind them: 4 * MOST_BARS + 3 < 2^32 - 1.
const _: () = assert!(4 * MOST_BARS as u64 + 3 < u32::MAX as u64);

/// The time of a touch: four times its bar, plus its order in the path that the contract assumes a
/// bar to take: 0 at the open, 1 on the way to the extreme nearer to the open, 2 on the
/// way to the other one. 3 is behind all of them.
///
/// Of two touches the one with the lower time comes first. Equal times leave open only two levels
/// that are met on the same way between the same prices, of which the nearer one comes first
/// (`is_nearer`), and two touches at the open, which the contract calls equal.
///
/// A bar is a position among [`Bars`](crate::market::bars::Bars), or the row behind the last of
/// them, so at most [`MOST_BARS`], and no time overflows.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct IntrabarTime(u32);

/// Orders within a bar that have a name.
const NEARER_EXTREME: u32 = 1;
const FARTHER_EXTREME: u32 = 2;
const END_OF_BAR: u32 = 3;

impl IntrabarTime {
    /// Behind all times of all bars.
    pub(crate) const MAX: Self = Self(u32::MAX);

    /// At the open of a bar, before everything else in it `[O1]`.
    #[inline(always)]
    #[must_use]
    pub fn at_open(bar: u32) -> Self {
        Self(4 * bar)
    }

    /// On the way to the extreme of a bar that is nearer to its open `[O2]`.
    #[inline(always)]
    pub(crate) fn toward_nearer_extreme(bar: u32) -> Self {
        Self(4 * bar + NEARER_EXTREME)
    }

    /// On the way from there to the other extreme `[O2]`.
    #[inline(always)]
    pub(crate) fn toward_farther_extreme(bar: u32) -> Self {
        Self(4 * bar + FARTHER_EXTREME)
    }

    /// The bar.
    #[inline(always)]
    #[must_use]
    pub fn bar(self) -> u32 {
        self.0 / 4
    }

    /// The order within the bar.
    #[inline(always)]
    pub(crate) fn order(self) -> u32 {
        self.0 % 4
    }

    /// Whether it is at the open of its bar.
    #[inline(always)]
    pub(crate) fn is_at_open(self) -> bool {
        self.order() == 0
    }

    /// Behind all touches of the same bar.
    #[inline(always)]
    pub(crate) fn end_of_bar(self) -> Self {
        Self(self.0 | END_OF_BAR)
    }

    /// Behind all touches of the bar before the one that begins here.
    #[inline(always)]
    pub(crate) fn just_before(bar: u32) -> Self {
        Self(4 * bar - 1)
    }

    /// The number that it is stored as.
    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    /// The same order in another bar.
    #[inline(always)]
    pub(crate) fn moved_to(self, bar: u32) -> Self {
        Self(4 * bar + self.order())
    }
}

impl NamesRow for IntrabarTime {
    /// Its bar: in tables of touches, the row of the exit since that bar.
    #[inline(always)]
    fn named(self) -> u32 {
        self.bar()
    }
}

/// Whether a level is met before another one on the same way between the same prices; false where
/// both are equal, or not met on the same way.
pub(crate) fn is_nearer(level: f64, other: f64, way: Option<Way>) -> bool {
    // [O3] The nearer one. [O4] [O5] Strictly: of equal levels neither.
    match way {
        Some(Way::Down) => level > other,
        Some(Way::Up) => level < other,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_most_bars_are_in_order() {
        let last = MOST_BARS as u32;
        let before = IntrabarTime::toward_farther_extreme(last - 1).end_of_bar();
        assert!(before == IntrabarTime::just_before(last) && before < IntrabarTime::at_open(last));
        assert_eq!(IntrabarTime::at_open(last).bar(), last);
        assert!(IntrabarTime::at_open(last).end_of_bar() < IntrabarTime::MAX);
        assert_eq!(IntrabarTime::toward_nearer_extreme(3).moved_to(last).bar(), last);
    }
}
