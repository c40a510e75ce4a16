//! Sizes in which combinations are split among workers.

use std::ops::Range;

/// Combinations that a worker processes together: its scratch for them fits the nearest caches.
pub(crate) const CHUNK: usize = 1024;

/// Combinations that are split among workers together. It bounds the memory between two steps of a block,
/// however large the block.
pub(crate) const SLAB: usize = 1 << 17;

/// Chunks whose output is gathered together.
pub(crate) const GATHERED: usize = 16;

/// The parts of `0..len`, each of at most `size`.
pub(crate) fn parts(len: usize, size: usize) -> impl ExactSizeIterator<Item = Range<usize>> {
    (0..len.div_ceil(size)).map(move |i| i * size..((i + 1) * size).min(len))
}
