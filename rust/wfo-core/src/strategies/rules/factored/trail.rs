//! First touches of a level that follows the extreme since the state began, by its first bar.

use crate::engine::first_touch::{SignedBars, StartRange};

/// When a level that follows an extreme is first touched, and the fill, by the bar since which it
/// follows.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail {
    /// The bar; the number of bars where it never is.
    pub bars: Vec<u32>,
    /// The fill; 0 where there is none.
    pub fills: Vec<f64>,
    /// How far behind the level stays, as of each bar; NaN where the order does not work in the
    /// next. Empty where nothing asks for it.
    pub distance: Vec<f64>,
}

impl Trail {
    /// Fills the table from its distances.
    pub fn fill(&mut self, bars: &SignedBars) {
        debug_assert_eq!(self.distance.len(), bars.len());
        let n = bars.len();
        self.bars.resize(n + 1, 0);
        self.fills.resize(n + 1, 0.0);
        let Self { bars: hits, fills, distance } = self;
        let mut start = 0;
        bars.trailing_ranges(distance, |range| {
            let end = range.end as usize;
            hits[start..end].fill(range.time.bar());
            fills[start..end].fill(range.fill);
            start = end;
        });
    }
}

/// The first touches of a level that stays such distances behind an extreme, by intervals of the bars
/// since which it follows.
pub(super) fn ranges(distance: &[f64], bars: &SignedBars) -> Vec<StartRange> {
    let mut found = Vec::new();
    bars.trailing_ranges(distance, |range| found.push(range));
    found
}
