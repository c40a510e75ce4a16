//! The extended figures: all combinations once more, by sequences of trades that are added up.
//!
//! The returns of bars inside a long are those of its closes, whatever the equity: their sums come
//! from tables by bar, and so does the largest relative fall of its marks. What a short's marks do
//! depends on its fill, so its bars are added one by one, as are the bars of all entries and exits.
//! Equity and trades come from the [`Account`](crate::execution::account::Account), and have the
//! same bits as in [`direct`](crate::engine::direct).
//!
//! Representatives are found as for the figures that every sweep has, and copied to the stop sets
//! whose stops are equal.

mod accumulate;
mod returns;
mod short_marks;
mod unit;

pub(super) use self::unit::{ExtendedFigures, Scratch, lacks, unit_sets, worker_bytes};
