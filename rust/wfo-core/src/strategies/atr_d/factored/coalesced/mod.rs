//! Coalesced paths: all cells and phases of a stop set in one pass, for strategies with entry
//! modes.
//!
//! Modes, veto and the dates of a phase rarely change what a combination does. On daily bars of ten
//! years, the 288 paths that a stop set makes with one entry (72 cells, four phases) take some
//! 28,000 trades, but only about 900 different ones: paths that have come to the same state in the
//! same bar go on alike until something that they do not share decides. So paths in one state are
//! one [`PathSet`].
//!
//! A state is flat since a bar, or long or short since a bar. States are advanced in order of their
//! bars, each of them once, when all paths that ever come to it have come, since a trade leads to a
//! later bar only. One look at the tables tells where each part of the set goes next, and what the
//! trade does to its accounts; the accounts of a part are updated with the same few numbers, eight
//! paths at a time. No path has look-ups of its own, and nothing is predicted.
//!
//! A path is a bit of a [`PathSet`], the same bit throughout. Phases that do not overlap share
//! bits: a *phase slot* has a bit for every cell, and serves one phase after the other.
//!
//! Where a trade spans a boundary, the end of an in-sample part or of a phase, the paths of that
//! phase are marked there, apart from the others.
//!
//! Why the result is exact: the parts of a set are divided by the same times that
//! [`path`](super::path) compares. The account of a path is updated by its own trades alone, in
//! their order and by the same operations, whatever other paths are in the set; so it depends on
//! nothing but the combination. What may have been a ruin is settled trade by trade.
//!
//! ```text
//! unit                    work units, paths that are settled alone
//! advance                 from state to state
//! states                  the states that paths are in
//! path_accounts   sells   accounts by phase, the sells of all filters
//! plan                    how cells and phases become bits
//! path_set                sets of paths
//! accounts                the accounts of eight paths
//! ```

mod accounts;
mod advance;
mod path_accounts;
mod path_set;
mod plan;
mod sells;
mod states;
mod unit;

pub(super) use self::accounts::{ACCOUNT_LANES, AccountLanes};
pub(super) use self::advance::{Advance, FinishedPhase, PhaseProgress, Tables};
pub(super) use self::path_accounts::PathAccounts;
pub(super) use self::path_set::{PATHS, PathSet};
pub(super) use self::plan::{FilterBatch, PhaseSlot, Plan};
pub(super) use self::sells::{SellTable, most_filters, oldest_pending, visit_filtered};
pub(super) use self::states::{Deferred, FLAT, State, StateTable};
pub(super) use self::unit::{Coalesced, Scratch, UNIT_CELLS, UNIT_STOP_SETS, write_cells};

#[cfg(test)]
mod tests;
