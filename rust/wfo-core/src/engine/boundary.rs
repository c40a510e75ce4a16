//! Boundaries: the ends of in-sample parts and of phases, where open positions are marked at the
//! last close.
//!
//! Every path crosses two of them, with a position that was opened not long before and is closed
//! not long after. So the summaries of the closes on both sides are kept for each boundary, by the
//! distance from it.

use super::excursion::{Excursion, Long, Short, Side};
use super::per_unit::PerUnit;
use crate::engine::range_summary::{RangeSummaries, RangeSummary};

/// Bars on either side of a boundary that are kept: years of days; ranges of more bars are
/// combined.
const NEAR: usize = 1 << 12;

/// The closes around the beginning of a bar.
#[derive(Debug)]
pub(crate) struct Boundary {
    at: u32,
    /// Excursions of a long, by the number of bars that it is held before the boundary.
    longs: Vec<Excursion>,
    /// The same of a short.
    shorts: Vec<Excursion>,
    /// Summaries of so many closes behind the boundary; of none of them, the one before it, which
    /// is known.
    after: Vec<RangeSummary>,
}

impl Boundary {
    /// The boundary before bar `at`, which is not the first one.
    pub fn new(closes: &[f64], at: u32, shorts: bool) -> Self {
        let (before, behind) = closes.split_at(at as usize);
        let last = before.last().copied().unwrap_or_default();
        let mut near = Vec::with_capacity(NEAR.min(before.len()) + 1);
        near.push(RangeSummary::of(last));
        for &close in before.iter().rev().take(NEAR) {
            let later = near[near.len() - 1];
            near.push(RangeSummary::of(close).combine(later));
        }
        let mut after = vec![RangeSummary::of(last)];
        let mut summary = RangeSummary::EMPTY;
        for &close in behind.iter().take(NEAR) {
            summary = summary.combine(RangeSummary::of(close));
            after.push(summary);
        }
        // A mark at the last close is the exit, without costs [F4] [M12].
        let longs = near.iter().map(|&closes| Long::excursion(closes, last)).collect();
        let shorts =
            near.iter().filter(|_| shorts).map(|&closes| Short::excursion(closes, last)).collect();
        Self { at, longs, shorts, after }
    }

    /// The excursion of a position that is held from bar `from` to the boundary, as if it ended
    /// there.
    #[inline(always)]
    pub fn mark<'a, const SHORTS: bool>(
        &'a self,
        per_unit: &PerUnit,
        short: bool,
        from: u32,
        spare: &'a mut Excursion,
    ) -> &'a Excursion {
        let near = if SHORTS && short { &self.shorts } else { &self.longs };
        match near.get((self.at - from) as usize) {
            Some(excursion) => excursion,
            None => {
                *spare = self.far_mark::<SHORTS>(per_unit, short, from);
                spare
            }
        }
    }

    #[cold]
    fn far_mark<const SHORTS: bool>(
        &self,
        per_unit: &PerUnit,
        short: bool,
        from: u32,
    ) -> Excursion {
        if SHORTS && short {
            per_unit.excursion_at_close::<Short>(from, self.at)
        } else {
            per_unit.excursion_at_close::<Long>(from, self.at)
        }
    }

    /// The closes from the boundary to bar `to`; where there is none, the last one before it.
    #[inline(always)]
    pub fn until(&self, summaries: &RangeSummaries, to: u32) -> RangeSummary {
        match self.after.get((to - self.at) as usize) {
            Some(summary) => *summary,
            None => self.far_until(summaries, to),
        }
    }

    #[cold]
    fn far_until(&self, summaries: &RangeSummaries, to: u32) -> RangeSummary {
        summaries.between(self.at as usize, to as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::settings::AccountSettings;

    #[test]
    fn near_and_far_from_a_boundary_its_closes_are_the_same() {
        let bars = 3 * NEAR;
        let closes: Vec<f64> =
            (0..bars).map(|i| 50.0 + (i * 37 % 41) as f64 * 0.25 + i as f64 * 0.01).collect();
        let per_unit = PerUnit::new(&closes, (&closes, &closes), &AccountSettings::default());
        for at in [1, 2, 70, bars / 2, bars - 1, bars] {
            let boundary = Boundary::new(&closes, at as u32, true);
            for from in (0..at).rev().step_by(if at > 70 { 97 } else { 1 }) {
                let mut spare = Excursion::default();
                let long = per_unit.excursion_at_close::<Long>(from as u32, at as u32);
                let short = per_unit.excursion_at_close::<Short>(from as u32, at as u32);
                let found = boundary.mark::<true>(&per_unit, false, from as u32, &mut spare);
                assert_eq!(*found, long, "{from}..{at}");
                let found = boundary.mark::<true>(&per_unit, true, from as u32, &mut spare);
                assert_eq!(*found, short, "{from}..{at}");
            }
            for to in (at + 1..bars).step_by(97) {
                let wanted = per_unit.summaries().between(at, to);
                assert_eq!(boundary.until(per_unit.summaries(), to as u32), wanted, "{at}..{to}");
            }
            assert_eq!(
                boundary.until(per_unit.summaries(), at as u32),
                RangeSummary::of(closes[at - 1])
            );
        }
    }
}
