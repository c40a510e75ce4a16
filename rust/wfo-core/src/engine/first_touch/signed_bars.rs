//! Bars seen from the side of an order, and the first touches of levels in them.

use std::hint::select_unpredictable;
use std::ops::Range;

use super::table::{FirstTouch, StartRange};
use crate::engine::f64x4::max;
use crate::engine::intrabar_time::IntrabarTime;
use crate::execution::touches::Way;
use crate::market::bars::Bars;

/// Bars seen from the side of an order: falling prices as they are, rising ones negated, so that
/// one pass serves both. Negation is exact, and turns `low + distance <= high` into its mirror
/// image.
#[derive(Debug)]
pub struct SignedBars {
    way: Way,
    open: Vec<f64>,
    /// What the level follows.
    pub(super) extreme: Vec<f64>,
    /// What reaches the level.
    pub(super) reach: Vec<f64>,
    pub(super) close: Vec<f64>,
    /// The next bar whose extreme is at least as high.
    pub(super) overtaken: Vec<u32>,
    /// Time of a touch away from the open, by bar.
    later: Vec<IntrabarTime>,
}

impl SignedBars {
    /// The bars of `range`, for orders that are met on the way `way`.
    #[must_use]
    pub fn new(bars: &Bars, range: Range<usize>, way: Way) -> Self {
        let (extreme, reach) = match way {
            Way::Down => (bars.high(), bars.low()),
            Way::Up => (bars.low(), bars.high()),
        };
        let seen = |column: &[f64]| -> Vec<f64> {
            column[range.clone()].iter().map(|&x| signed(way, x)).collect()
        };
        let extreme = seen(extreme);
        let mut overtaken = vec![extreme.len() as u32; extreme.len()];
        let mut pending: Vec<usize> = Vec::new();
        for (t, x) in extreme.iter().enumerate() {
            while let Some(s) = pending.pop_if(|s| *x >= extreme[*s]) {
                overtaken[s] = t as u32;
            }
            pending.push(t);
        }
        let later = range.clone().zip(0..).map(|(t, position)| {
            let (open, high, low) = (bars.open()[t], bars.high()[t], bars.low()[t]);
            // [O2] The nearer extreme first, the low where both are equally near.
            let first = if high - open < open - low { Way::Up } else { Way::Down };
            if way == first {
                IntrabarTime::toward_nearer_extreme(position)
            } else {
                IntrabarTime::toward_farther_extreme(position)
            }
        });
        let later = later.collect();
        let (open, reach, close) = (seen(bars.open()), seen(reach), seen(bars.close()));
        Self { way, open, extreme, reach, close, overtaken, later }
    }

    /// Number of bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// The opens, negated where the order is met by rising prices.
    pub(crate) fn opens(&self) -> &[f64] {
        &self.open
    }

    /// Whether there is no bar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The first touches of a level that stays `distance` behind the extreme since the start.
    ///
    /// `distance[t]` is known at the close of bar `t` and holds in the next.
    #[inline(always)]
    pub fn trail_extreme(&self, distance: &[f64], table: &mut FirstTouch) {
        let n = self.len();
        table.resize(n);
        let (times, fills) = (&mut table.times[..=n], &mut table.fills[..=n]);
        let mut start = 0;
        self.trailing_ranges(distance, |range| {
            let end = range.end as usize;
            times[start..end].fill(range.time);
            fills[start..end].fill(range.fill);
            start = end;
        });
    }

    /// The same, by intervals of starts that share a touch.
    #[inline(always)]
    pub fn trailing_ranges(&self, distance: &[f64], mut out: impl FnMut(StartRange)) {
        let n = self.len();
        // The last bar with the extreme of the oldest pending start, and that extreme [S9].
        let (mut top, mut extreme) = (0, self.extreme.first().copied().unwrap_or(0.0));
        // Bar t beside the distance of bar t - 1 [T1], with a second symbol's width too [T3]; the
        // bar of the start fills nothing [S8]. Of bar t its open, high and low decide, and not its
        // close [T2].
        let bars = self.reach.iter().zip(&self.extreme).skip(1).zip(distance);
        for (t, ((&reach, &own), &before)) in (1..).zip(bars) {
            // [L1] [L2] [L3] [L4] The extreme up to t - 1 with the current distance: nothing
            // ratchets [D10].
            let mut level = extreme - before;
            // A level that is reached exactly is touched [L7].
            if reach <= level {
                loop {
                    let (time, fill) = self.fill(t, level);
                    let oldest = top + 1;
                    out(StartRange { end: oldest as u32, time, fill });
                    if oldest == t {
                        // Nothing is pending: the bar itself is the next start.
                        (top, extreme) = (t, own);
                        break;
                    }
                    // Each bar is passed here once: it is filled before the search starts again.
                    top = oldest;
                    while (self.overtaken[top] as usize) < t {
                        top = self.overtaken[top] as usize;
                    }
                    extreme = self.extreme[top];
                    level = extreme - before;
                    // [L7], negated.
                    if reach > level || level.is_nan() {
                        break;
                    }
                }
            }
            // No branch: whether a bar makes a new extreme cannot be predicted.
            top = select_unpredictable(own >= extreme, t, top);
            extreme = max(extreme, own);
        }
        out(StartRange { end: n as u32 + 1, time: IntrabarTime::at_open(n as u32), fill: 0.0 });
    }

    /// The first touches of a level that stands `distance` from the last close, whatever its start.
    #[inline(always)]
    pub fn break_out(&self, distance: &[f64], table: &mut FirstTouch) {
        let n = self.len();
        table.resize(n);
        let (mut time, mut fill) = (IntrabarTime::at_open(n as u32), 0.0);
        (table.times[n], table.fills[n]) = (time, fill);
        for t in (0..n).rev() {
            (table.times[t], table.fills[t]) = (time, fill);
            if t > 0 {
                // [L5] [L6] Close and distance of the bar before [T1].
                let level = self.close[t - 1] - distance[t - 1];
                // [L7]
                if self.reach[t] <= level {
                    (time, fill) = self.fill(t, level);
                }
            }
        }
    }

    /// Time and fill of a level that bar `t` reaches: the open where it lies at the level or
    /// beyond.
    #[inline(always)]
    pub(crate) fn fill(&self, t: usize, level: f64) -> (IntrabarTime, f64) {
        // [L8] [O1]
        if self.open[t] <= level {
            (IntrabarTime::at_open(t as u32), signed(self.way, self.open[t]))
        } else {
            (self.later[t], signed(self.way, level))
        }
    }
}

#[inline(always)]
fn signed(way: Way, x: f64) -> f64 {
    match way {
        Way::Down => x,
        Way::Up => -x,
    }
}
