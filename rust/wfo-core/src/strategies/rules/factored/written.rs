//! Cells that workers write in any order.

use crate::figures::{Figures, PhaseCells, SharedCells};

/// Cells that are written by workers, none of them by two.
#[derive(Debug)]
pub(super) struct Written<'a> {
    phases: Vec<SharedCells<'a>>,
    /// The cell that comes first.
    first: u64,
}

impl<'a> Written<'a> {
    /// The cells of each phase, from one of them on.
    pub fn new(phases: Vec<PhaseCells<'a>>, first: u64) -> Self {
        Self {
            phases: phases.into_iter().map(|cells| SharedCells::new(cells.figures)).collect(),
            first,
        }
    }

    /// Writes a cell of a phase.
    #[inline(always)]
    pub fn set(&self, phase: usize, cell: u64, figures: Figures) {
        #[expect(unsafe_code, reason = "cells of a box are not side by side")]
        // SAFETY: a worker writes the cells of its own unit, and units share none: `Sweep::units` cuts
        // a range into boxes of other combinations, and a list is written by one worker.
        unsafe {
            self.phases[phase].set((cell - self.first) as usize, figures);
        }
    }
}
