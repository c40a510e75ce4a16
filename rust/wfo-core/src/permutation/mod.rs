//! Whole searches on permuted bars: the figures that a permutation test compares.
//!
//! A permuted search sweeps a whole grid over bars whose moves stand in another order
//! ([`market::permuted`](crate::market::permuted)), and keeps a few [`figures`] of it. Beside them
//! stands what [holding](held) the first symbol comes to on the same bars. [`searches`] goes through
//! permutations.

pub mod figures;
pub mod held;
pub mod searches;

pub use figures::{GateSet, SearchFigures};
pub use held::Held;
pub use searches::{Prepare, Searches};
