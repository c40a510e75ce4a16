//! Where an order at a level of its own is touched, whatever the state began with.
//!
//! Touched or not follows from a bar and the value before it alone. So the touches of a level are a
//! set of bars, with the level in each of them.

use super::bits::{self, WORD};
use crate::execution::touches::{self, Way};
use crate::market::bars::Bars;

/// Bars in which an order is touched, and its levels there.
#[derive(Debug, Clone, Default)]
pub(super) struct TouchSet {
    /// A bit a bar.
    pub bits: Vec<u64>,
    /// Touches before each word.
    before: Vec<u32>,
    levels: Vec<f64>,
}

impl TouchSet {
    /// Finds the touches of the level that `level` gives for each bar but the first.
    pub fn set(&mut self, bars: &Bars, way: Way, level: impl Fn(usize) -> f64) {
        let (open, high, low) = (bars.open(), bars.high(), bars.low());
        self.before.clear();
        self.levels.clear();
        self.bits.clear();
        for first in (0..bars.len()).step_by(WORD) {
            self.before.push(self.levels.len() as u32);
            let mut word = 0;
            for t in first.max(1)..(first + WORD).min(bars.len()) {
                let level = level(t);
                let touch = match way {
                    Way::Down => touches::down(level, open[t], low[t]),
                    Way::Up => touches::up(level, open[t], high[t]),
                };
                // [R14]
                if touch.is_some() && level.is_finite() {
                    word |= 1 << (t - first);
                    self.levels.push(level);
                }
            }
            self.bits.push(word);
        }
        debug_assert_eq!(self.bits.len(), bits::words(bars.len()));
    }

    /// The bars in which it is touched, oldest first, and the levels there.
    pub fn each(&self) -> impl Iterator<Item = (usize, f64)> {
        bits::each(self.bits.iter().copied()).zip(self.levels.iter().copied())
    }

    /// How many touches there are before a bar.
    #[inline(always)]
    pub fn before(&self, bar: usize) -> usize {
        let (word, bit) = (bar / WORD, bar % WORD);
        let earlier = self.bits[word] & ((1 << bit) - 1);
        self.before[word] as usize + earlier.count_ones() as usize
    }

    /// The level in a bar that is touched.
    #[inline(always)]
    pub fn level(&self, bar: usize) -> f64 {
        self.levels[self.before(bar)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bars of whole prices, so that levels are often met exactly.
    pub(in super::super) fn coarse_bars(steps: &[(i32, i32, i32)]) -> Bars {
        let mut close = 50;
        let mut columns = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
        for &(gap, up, down) in steps {
            let open = (close + gap).clamp(5, 200);
            let (high, low) = (open + up, (open - down).max(1));
            close = (low + (high - low) * ((up + 3 * down) % 5) / 4).clamp(low, high);
            for (column, price) in columns.iter_mut().zip([open, high, low, close]) {
                column.push(f64::from(price));
            }
        }
        let [open, high, low, close] = columns;
        Bars::new(open, high, low, close).expect("bars")
    }

    proptest! {
        #[test]
        fn touches_are_those_of_each_bar(
            steps in prop::collection::vec((-2_i32..3, 0_i32..4, 0_i32..4), 1..300),
            level in 30_i32..70,
            up: bool,
        ) {
            let bars = coarse_bars(&steps);
            let way = if up { Way::Up } else { Way::Down };
            let level = |t: usize| match t % 17 {
                3 => f64::NAN,
                5 => f64::INFINITY,
                6 => f64::NEG_INFINITY,
                t => f64::from(level + t as i32),
            };
            let mut set = TouchSet::default();
            set.set(&bars, way, level);
            for t in 0..bars.len() {
                let (open, high, low) = (bars.open()[t], bars.high()[t], bars.low()[t]);
                let wanted = match way {
                    _ if t == 0 || !level(t).is_finite() => None,
                    Way::Up => touches::up(level(t), open, high),
                    Way::Down => touches::down(level(t), open, low),
                };
                let is_set = set.bits[t / WORD] >> (t % WORD) & 1 == 1;
                prop_assert_eq!(is_set, wanted.is_some());
                if let Some(wanted) = wanted {
                    prop_assert_eq!(set.level(t), wanted.level);
                }
            }
        }
    }
}
