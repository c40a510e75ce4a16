//! Scores of very many combinations, block by block and in bounded memory.
//!
//! A combination is *valid* in a phase that passes all [`gates`]; its rank there is the percentile of
//! its out-of-sample profit among the valid ones, read from a [`distribution`]; and its
//! [stability](stability) is made of its ranks. A [`tally`] counts everything that the scores of one
//! combination need to know about the others, a [`selection`] ranks the stable ones and keeps the
//! best. Two passes over stored figures do for a grid whose figures are kept. For one whose figures
//! are not, an [`estimate`] made of a sample gives provisional ranks while it is swept, with a bound on
//! how far they are off, and a [`sieve`] lets only those through that may still become candidates.
//! How many [`outcomes`] the stable combinations are is read from a [`sketch`] of them.
//! Beside the scores, [`effects`] sum up what each parameter does to the figures.
//!
//! Everything takes blocks of consecutive combinations and runs on the rayon pool it is called in.
//! Nothing depends on the number of threads, on how combinations are cut into blocks, or on the order
//! of the blocks: counts are integers, ties go to the lower flat index, and sums run in phase order.

pub mod block;
mod codec;
pub mod distribution;
pub mod effects;
pub mod estimate;
pub mod gates;
pub mod outcomes;
pub mod records;
pub mod selection;
pub mod sieve;
pub mod sketch;
pub mod stability;
pub mod tally;

pub use block::{Block, Stored};
pub use distribution::{Distribution, Ranks};
pub use effects::Effects;
pub use estimate::Estimate;
pub use gates::{Beat, Gates, Measure};
pub use outcomes::Outcomes;
pub use selection::{Selected, Selection};
pub use sieve::{Cut, Sieve};
pub use sketch::Sketch;
pub use tally::{Ranking, Tally};

/// Combinations that a worker looks at together: what it notes of them stays in the nearest caches.
pub(crate) const CHUNK: usize = 1024;

/// Combinations that are handed out together. It bounds what waits between two steps of a block,
/// however large the block.
pub(crate) const SLAB: usize = 1 << 17;

/// The parts of `0..len`, each of at most `size`.
pub(crate) fn parts(
    len: usize,
    size: usize,
) -> impl ExactSizeIterator<Item = std::ops::Range<usize>> {
    (0..len.div_ceil(size)).map(move |i| i * size..((i + 1) * size).min(len))
}

#[cfg(test)]
mod tests;
