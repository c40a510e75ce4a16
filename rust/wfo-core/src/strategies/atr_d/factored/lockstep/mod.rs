//! Paths in lane batches: eight paths at a time, whose accounts are kept on the way, where all
//! equity goes into every trade.
//!
//! What a trade does to a unit of equity stands in tables beforehand
//! ([`per_unit`](super::per_unit)), so that a trade is two look-ups and a dozen operations. The
//! costly part would be decisions: no processor predicts whether a trade ends before the in-sample
//! part does, and a wrong prediction takes as long as three trades. And the row of one trade
//! depends on that of the one before. So there are two passes:
//!
//! - The first pass lists where trades lead. Eight paths are looked up side by side, so that the
//!   look-ups of one depend on no other one's, and nothing is decided: paths beyond their end are
//!   looked up on, without effect, until the last one has come to its end.
//! - The second pass goes along the lists, whose rows are known, and updates the accounts of four
//!   paths at a time. Where one of them has fewer trades than the others, it is given one that
//!   changes nothing.
//!
//! Both passes stop at a number of trades that keeps the lists in the first cache. A trade that
//! spans the end of the in-sample part, or of the phase, is put together from the closes on either
//! side.
//!
//! No bit of a path depends on the paths beside it: its own trades alone update its account, in
//! their order, and what fills a list up is no mark.

mod batch;
mod lanes;
mod unit;

pub(super) use self::batch::LaneBatch;
pub(super) use self::lanes::{LANES, Lanes, Path, TradeLists};
pub(super) use self::unit::{Lockstep, Scratch};

#[cfg(test)]
mod tests;
