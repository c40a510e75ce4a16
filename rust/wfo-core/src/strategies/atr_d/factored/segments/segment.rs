//! A segment of bars, and the rows of its tables.

use crate::strategies::atr_d::factored::lockstep::LANES;

/// Bars that have tables at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// The first one, and how many.
    pub first: u32,
    pub len: u32,
}

impl Segment {
    /// One past the last bar.
    #[inline(always)]
    pub fn end(self) -> u32 {
        self.first + self.len
    }

    /// The row of what does not happen in the segment. Before it stand those of the lanes.
    #[inline(always)]
    pub fn sink(self) -> u32 {
        self.len + LANES as u32
    }

    /// Rows of a table.
    #[inline(always)]
    pub fn rows(self) -> usize {
        self.sink() as usize + 1
    }

    /// The row of a bar that is not before the segment.
    #[inline(always)]
    pub fn row(self, bar: u32) -> u32 {
        if bar < self.end() { bar - self.first } else { self.sink() }
    }

    /// A limit of bars as rows can be compared with it: what is not in the segment lies behind it.
    #[inline(always)]
    pub fn limit(self, bar: u32) -> u32 {
        bar.saturating_sub(self.first).min(self.len)
    }
}
