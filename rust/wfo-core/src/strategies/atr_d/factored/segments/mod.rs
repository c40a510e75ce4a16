//! Segments: long histories, a range of bars at a time.
//!
//! The tables of a stop set or an entry take some dozens of bytes a bar. On long histories those
//! that paths read together leave every cache, and each step of a path is as slow as memory. So
//! there all paths of a unit go through one segment of bars before any goes through the next: only
//! the segment's bars have tables, which stay in the caches, and only the state of a path is kept
//! between two segments ([`PathCheckpoint`](lockstep::PathCheckpoint),
//! [`PhaseCheckpoint`](coalesced::PhaseCheckpoint)). First-touch tables are computed in one pass
//! over all bars all the same, which stops where the last start of the segment is filled, and is
//! resumed there for the next one ([`FirstTouchCursor`](crate::engine::first_touch::FirstTouchCursor)). So
//! no more is computed than without segments, and what a worker holds does not grow with the
//! history.
//!
//! No bit depends on segments: trades are the same, their exits are read from the same closes, and
//! they are entered in accounts in the same order.
//!
//! ```text
//! unit                               work units, segment by segment
//! lockstep_unit    coalesced_unit    the paths of a unit
//! lockstep         coalesced         paths through one segment
//! entries          representatives
//! stops                              exit tables of a segment
//! segment
//! ```

mod coalesced;
mod coalesced_unit;
mod entries;
mod lockstep;
mod lockstep_unit;
mod representatives;
mod segment;
mod stops;
mod unit;

pub(super) use self::representatives::find_representatives;
pub(super) use self::unit::{LONGEST, Scratch, Segments};
