//! Paths that are listed one after the other, and whose accounts are gone through by fours.

use super::paths::{Four, Listing, Path};
use super::prepared::Prepared;
use super::worker::Scratch;
use super::written::Written;
use crate::engine::f64x4::{F64_LANES, F64x4};
use crate::error::Result;

/// Combinations that are named at a time.
const NAMED: usize = 256;

/// Combinations: their positions on every axis, and the cells of their figures.
#[derive(Debug, Default)]
pub(super) struct Named {
    cells: Vec<u64>,
    digits: Vec<usize>,
}

impl Named {
    /// Names one more; whether there is room for another one.
    pub fn push(&mut self, cell: u64, digits: &[usize]) -> bool {
        self.cells.push(cell);
        self.digits.extend_from_slice(digits);
        self.cells.len() < NAMED
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.digits.clear();
    }
}

/// What names combinations until there is no more room; whether it has more of them.
pub(super) type Naming<'a> = dyn FnMut(&mut Named) -> Result<bool> + Send + 'a;

/// What a worker reuses.
#[derive(Debug, Default)]
pub(super) struct Listed {
    named: Named,
    /// Paths that wait until there are four of them.
    paths: [Path; F64_LANES],
}

/// A path that waits: the place of its combination, and its phase.
type Waiting = (usize, usize);

impl Prepared {
    /// Computes combinations.
    ///
    /// # Errors
    /// A combination that the program refuses, or that is none.
    #[inline(always)]
    pub(super) fn compute<V: F64x4>(
        &self,
        naming: &mut Naming<'_>,
        (listed, scratch): (&mut Listed, &mut Scratch),
        written: &Written<'_>,
    ) -> Result<()> {
        let mut is_more = true;
        while is_more {
            listed.named.clear();
            is_more = naming(&mut listed.named)?;
            if self.compounds() {
                self.compute_named::<V>(listed, scratch, written)?;
            } else {
                self.compute_by_account::<V>(&listed.named, scratch, written)?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn compute_named<V: F64x4>(
        &self,
        Listed { named: Named { cells, digits }, paths }: &mut Listed,
        scratch: &mut Scratch,
        written: &Written<'_>,
    ) -> Result<()> {
        let (market, axes, phases) = (self.market(), self.lengths.len(), self.slices().len());
        let digits = |place: usize| &digits[place * axes..(place + 1) * axes];
        let mut waiting: [Waiting; F64_LANES] = [(0, 0); F64_LANES];
        let mut count = 0;
        for place in 0..cells.len() {
            for phase in 0..phases {
                // Entering others may have computed other parts.
                self.prepare(&market, digits(place), scratch)?;
                let slice = self.slices()[phase];
                let mut listing = Listing::new(&self.per_unit, &mut paths[count], slice);
                let [long, short] = &self.orders(scratch);
                self.rules(scratch, long, short).walk::<V>(&market, slice, &mut listing);
                listing.finish();
                waiting[count] = (place, phase);
                count += 1;
                let is_last = place + 1 == cells.len() && phase + 1 == phases;
                if count < F64_LANES && !is_last {
                    continue;
                }
                // The last one fills up.
                let lanes = [0, 1, 2, 3].map(|lane: usize| lane.min(count - 1));
                let slices = lanes.map(|lane| self.slices()[waiting[lane].1]);
                let boundaries = lanes.map(|lane| &self.boundaries[waiting[lane].1]);
                let four = Four(lanes.map(|lane| &paths[lane]));
                let figures = four.figures::<V>(&self.per_unit, slices, boundaries);
                for (&(place, phase), (mut figures, may_be_ruined)) in
                    waiting[..count].iter().zip(figures)
                {
                    if may_be_ruined {
                        figures = self.exact(digits(place), phase, scratch)?;
                    }
                    written.set(phase, cells[place], figures);
                }
                count = 0;
            }
        }
        Ok(())
    }

    /// Computes combinations trade by trade, where shares are counted in lots or are always as many.
    #[inline(always)]
    fn compute_by_account<V: F64x4>(
        &self,
        Named { cells, digits }: &Named,
        scratch: &mut Scratch,
        written: &Written<'_>,
    ) -> Result<()> {
        let (market, axes) = (self.market(), self.lengths.len());
        for (place, &cell) in cells.iter().enumerate() {
            self.prepare(&market, &digits[place * axes..(place + 1) * axes], scratch)?;
            for (phase, &slice) in self.slices().iter().enumerate() {
                let figures = self.by_account::<V, false>(&market, scratch, slice);
                written.set(phase, cell, figures);
            }
        }
        Ok(())
    }
}
