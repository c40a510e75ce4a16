//! All touches of an order, bar by bar, and not the first ones alone: the first touch since a start
//! may be hidden by one filter and not by another.

use std::ops::Range;

use super::signed_bars::SignedBars;
use crate::engine::intrabar_time::IntrabarTime;

/// A visitor of all touches of an order.
pub(crate) trait TouchVisitor {
    /// The oldest start before bar `t` for which a touch in it may still matter.
    fn oldest_pending(&self, t: usize) -> Option<usize>;
    /// Bar `t` reaches the level of these starts, from the oldest one on, all at one fill.
    fn visit(&mut self, t: usize, starts: Range<usize>, time: IntrabarTime, fill: f64);
}

impl SignedBars {
    /// Visits all touches of an order, bar by bar. The level follows the extreme since the start
    /// or, where it does not trail, stands `distance` from the last close.
    ///
    /// Starts that share an extreme stand on a stack by the last of them, the highest extreme
    /// first; what a bar reaches are the levels of the oldest ones.
    #[inline(always)]
    pub(crate) fn visit_touches(
        &self,
        distance: &[f64],
        trails: bool,
        stack: &mut Vec<u32>,
        visitor: &mut impl TouchVisitor,
    ) {
        stack.clear();
        self.visit_touches_in(1..self.len(), distance, trails, stack, visitor);
    }

    /// The same for some bars, with the distances from the one before the first of them on, and the
    /// stack as the bars before have left it.
    #[inline(always)]
    pub(crate) fn visit_touches_in(
        &self,
        bars: Range<usize>,
        distance: &[f64],
        trails: bool,
        stack: &mut Vec<u32>,
        visitor: &mut impl TouchVisitor,
    ) {
        for (t, &before) in bars.zip(distance) {
            // Bar t reaches levels of starts before it [S8], each with the extreme of its whole bar
            // [S9].
            let own = self.extreme[t - 1];
            while stack.pop_if(|top| self.extreme[*top as usize] <= own).is_some() {}
            stack.push(t as u32 - 1);
            let Some(oldest) = visitor.oldest_pending(t) else { continue };
            if !trails {
                // [L6] Close and distance of the bar before [T1].
                let level = self.close[t - 1] - before;
                // [L7]
                if self.reach[t] <= level {
                    let (time, fill) = self.fill(t, level);
                    visitor.visit(t, oldest..t, time, fill);
                }
                continue;
            }
            let mut from = oldest;
            let first = stack.partition_point(|&top| (top as usize) < oldest);
            for &top in &stack[first..] {
                // [L4]
                let level = self.extreme[top as usize] - before;
                // [L7], negated.
                if self.reach[t] > level || level.is_nan() {
                    break;
                }
                let (time, fill) = self.fill(t, level);
                visitor.visit(t, from..top as usize + 1, time, fill);
                from = top as usize + 1;
            }
        }
    }
}
