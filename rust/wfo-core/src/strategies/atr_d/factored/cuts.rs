//! Cuts: the ends of in-sample parts and of phases, where what is held is marked at the last close.
//!
//! Every walk comes by two of them, with a position that was opened not long before and is closed not
//! long after. So what the closes between come to is kept for each cut, by the distance from it.

use super::stretches::{Stretch, Stretches};
use super::terms::{Exit, Long, Short, Side, Terms};

/// Bars on either side of a cut that are kept: years of days, and what is farther away is composed.
const NEAR: usize = 1 << 12;

/// The closes around the beginning of a bar.
#[derive(Debug)]
pub(super) struct Cut {
    at: u32,
    /// What marks do to a long, by the number of bars that it was held before the cut.
    longs: Vec<Exit>,
    /// The same for a short.
    shorts: Vec<Exit>,
    /// The closes of so many bars behind the cut; for none of them, the one before it, which is known.
    after: Vec<Stretch>,
}

impl Cut {
    /// The cut before bar `at`, which is not the first one.
    pub fn new(closes: &[f64], at: u32, shorts: bool) -> Self {
        let (before, behind) = closes.split_at(at as usize);
        let last = before.last().copied().unwrap_or_default();
        let mut near = Vec::with_capacity(NEAR.min(before.len()) + 1);
        near.push(Stretch::of(last));
        for &close in before.iter().rev().take(NEAR) {
            let later = near[near.len() - 1];
            near.push(Stretch::of(close).then(later));
        }
        let mut after = vec![Stretch::of(last)];
        let mut stretch = Stretch::EMPTY;
        for &close in behind.iter().take(NEAR) {
            stretch = stretch.then(Stretch::of(close));
            after.push(stretch);
        }
        let longs = near.iter().map(|&closes| Long::exit(closes, last)).collect();
        let shorts =
            near.iter().filter(|_| shorts).map(|&closes| Short::exit(closes, last)).collect();
        Self { at, longs, shorts, after }
    }

    /// What marks do to a position that is held from bar `from` to the cut, as if it ended there.
    #[inline(always)]
    pub fn mark<'a, const SHORTS: bool>(
        &'a self,
        terms: &Terms,
        short: bool,
        from: u32,
        spare: &'a mut Exit,
    ) -> &'a Exit {
        let near = if SHORTS && short { &self.shorts } else { &self.longs };
        match near.get((self.at - from) as usize) {
            Some(exit) => exit,
            None => {
                *spare = self.far_mark::<SHORTS>(terms, short, from);
                spare
            }
        }
    }

    #[cold]
    fn far_mark<const SHORTS: bool>(&self, terms: &Terms, short: bool, from: u32) -> Exit {
        if SHORTS && short {
            terms.exit_at_close::<Short>(from, self.at)
        } else {
            terms.exit_at_close::<Long>(from, self.at)
        }
    }

    /// The closes from the cut to bar `to`; where that is none, the last one before it.
    #[inline(always)]
    pub fn until(&self, stretches: &Stretches, to: u32) -> Stretch {
        match self.after.get((to - self.at) as usize) {
            Some(stretch) => *stretch,
            None => self.far_until(stretches, to),
        }
    }

    #[cold]
    fn far_until(&self, stretches: &Stretches, to: u32) -> Stretch {
        stretches.between(self.at as usize, to as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::settings::AccountSettings;

    #[test]
    fn near_and_far_from_a_cut_its_closes_are_the_same() {
        let bars = 3 * NEAR;
        let closes: Vec<f64> =
            (0..bars).map(|i| 50.0 + (i * 37 % 41) as f64 * 0.25 + i as f64 * 0.01).collect();
        let terms = Terms::new(&closes, (&closes, &closes), &AccountSettings::default());
        for at in [1, 2, 70, bars / 2, bars - 1, bars] {
            let cut = Cut::new(&closes, at as u32, true);
            for from in (0..at).rev().step_by(if at > 70 { 97 } else { 1 }) {
                let mut spare = Exit::default();
                let long = terms.exit_at_close::<Long>(from as u32, at as u32);
                let short = terms.exit_at_close::<Short>(from as u32, at as u32);
                let found = cut.mark::<true>(&terms, false, from as u32, &mut spare);
                assert_eq!(*found, long, "{from}..{at}");
                let found = cut.mark::<true>(&terms, true, from as u32, &mut spare);
                assert_eq!(*found, short, "{from}..{at}");
            }
            for to in (at + 1..bars).step_by(97) {
                let wanted = terms.stretches().between(at, to);
                assert_eq!(cut.until(terms.stretches(), to as u32), wanted, "{at}..{to}");
            }
            assert_eq!(cut.until(terms.stretches(), at as u32), Stretch::of(closes[at - 1]));
        }
    }
}
