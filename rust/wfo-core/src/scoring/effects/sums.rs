//! Sums and counts by cell, and the responses that they are made of.

use std::ops::AddAssign;

use super::lines::Squares;

/// Numbers of valid phases that a combination may be called stable from, counted side by side.
pub const THRESHOLDS: usize = 4;

/// Counts of the combinations that are valid in so many phases or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts(pub [u64; THRESHOLDS]);

impl AddAssign for Counts {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(to, from)| *to += from);
    }
}

impl Counts {
    /// The four counters of 16 bits in one word.
    #[inline(always)]
    pub(super) fn of(word: u64) -> Self {
        Self(std::array::from_fn(|lane| word >> (16 * lane) & 0xffff))
    }
}

/// Sums by cell: the values of each axis of more than one, then the pairs of such axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
    pub squares: Squares,
    /// Of all combinations.
    pub total: i128,
    /// Of all combinations, by set.
    pub stable: Vec<Counts>,
    /// By cell.
    pub returns: Vec<i128>,
    /// By set, then by cell.
    pub counts: Vec<Vec<Counts>>,
}

impl Sums {
    pub(super) fn new(cells: usize, sets: usize) -> Self {
        Self {
            squares: Squares::default(),
            total: 0,
            stable: vec![Counts::default(); sets],
            returns: vec![0; cells],
            counts: vec![vec![Counts::default(); cells]; sets],
        }
    }
}

/// Responses of a slab.
#[derive(Debug, Clone, Default)]
pub(super) struct Slab {
    pub returns: Vec<i64>,
    /// By set: in how many phases each is valid.
    pub times: Vec<Vec<u8>>,
}
