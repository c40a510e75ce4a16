//! The states that paths are in, by bar.

use super::path_accounts::PathAccounts;
use super::path_set::PathSet;

/// Kinds of states.
pub(in super::super) const FLAT: usize = 0;
pub(super) const LONG: usize = 1;
pub(super) const SHORT: usize = 2;
pub(super) const KINDS: usize = 3;
/// Bits of a bar among those that say which states are occupied.
pub(super) const BAR_BITS: usize = 4;

/// A state that some paths are in.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(in super::super) struct State {
    pub paths: PathSet,
    /// Of a position, the shares that a unit of equity has opened; NaN where they differ, and each
    /// path's own stand in its account. They are mostly the same: what leads to a position since a
    /// bar is mostly one touch.
    pub rate: f64,
}

/// A state behind the last bar of the table.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Deferred {
    pub since: u32,
    pub kind: usize,
    pub state: State,
}

/// The states of all bars, or of a segment of them.
pub(in super::super) struct StateTable<'a, const IN_SEGMENT: bool> {
    /// Those that are not occupied have no meaning.
    pub states: &'a mut [State],
    /// Which states are occupied; none between two passes.
    pub occupied: &'a mut [u64],
    /// The first bar of the table, and one past the last one.
    pub first: u32,
    pub end: u32,
    /// States behind the last bar.
    pub deferred: &'a mut Vec<Deferred>,
}

impl<const IN_SEGMENT: bool> StateTable<'_, IN_SEGMENT> {
    /// The row of a bar.
    #[inline(always)]
    pub fn row(&self, s: usize) -> usize {
        if IN_SEGMENT { s - self.first as usize } else { s }
    }

    /// The bar of a row.
    #[inline(always)]
    pub fn bar(&self, row: usize) -> usize {
        if IN_SEGMENT { row + self.first as usize } else { row }
    }

    /// Whether a bar is behind the table.
    #[inline(always)]
    pub fn is_beyond(&self, s: u32) -> bool {
        IN_SEGMENT && s >= self.end
    }

    /// Keeps a state behind the last bar for later.
    #[cold]
    #[inline(never)]
    pub fn defer(&mut self, paths: PathSet, kind: usize, since: u32, rate: f64) {
        self.deferred.push(Deferred { since, kind, state: State { paths, rate } });
    }

    /// Adds paths that are flat since `s`.
    #[inline(always)]
    pub fn add_flat(&mut self, paths: PathSet, s: u32) {
        if self.is_beyond(s) {
            self.defer(paths, FLAT, s, 0.0);
            return;
        }
        let row = self.row(s as usize);
        let is_first = self.occupy(row, FLAT);
        let state = &mut self.states[KINDS * row + FLAT];
        state.paths = if is_first { paths } else { state.paths.or(paths) };
    }

    /// Adds paths with positions, in the row of their first bar.
    #[inline(always)]
    pub fn add_position(
        &mut self,
        paths: PathSet,
        kind: usize,
        row: usize,
        rate: f64,
        accounts: &mut PathAccounts<'_>,
    ) {
        let is_first = self.occupy(row, kind);
        let state = &mut self.states[KINDS * row + kind];
        if is_first {
            *state = State { paths, rate };
            return;
        }
        let before = *state;
        state.paths = before.paths.or(paths);
        if before.rate != rate {
            state.rate = f64::NAN;
            if !before.rate.is_nan() {
                accounts.open(before.paths, before.rate);
            }
            accounts.open(paths, rate);
        }
    }

    /// Marks a state as occupied; whether it was not.
    #[inline(always)]
    fn occupy(&mut self, row: usize, kind: usize) -> bool {
        let bit = BAR_BITS * row + kind;
        let word = self.occupied[bit / 64];
        self.occupied[bit / 64] = word | 1 << (bit % 64);
        word >> (bit % 64) & 1 == 0
    }
}
