//! Sums for a functional analysis of variance: the effect of each parameter on the figures.
//!
//! Two responses of every combination are summed by the value of each axis of the flat index and by
//! the values of each pair of axes: the mean over phases of its [annual] out-of-sample return,
//! and, for each set of gates, whether it is valid in enough phases. From these come the parts of the
//! variance that one or two parameters explain (Sobol' 1993); the total effect of one needs whole [lines]
//! of the grid.
//!
//! Sums are integers, returns in units of 2^-44, so that neither the order of blocks nor threads
//! matter. Combinations that follow one another share the digits of the slow axes: the fast axes make
//! a *tile* of some thousand, which is added as a vector to one row for each slow axis. Rows are narrow
//! (64 bits; four counters of 16), and are emptied into the sums before they can overflow.

pub mod accumulator;
pub mod annual;
mod codec;
pub mod lines;
mod response;
mod rows;
mod shape;
mod sums;
pub(super) mod wide;

pub use accumulator::Effects;
pub use annual::{LIMIT, UNIT, powered};
pub use lines::Squares;
pub use response::Response;
pub use sums::THRESHOLDS;

#[cfg(test)]
mod tests;
