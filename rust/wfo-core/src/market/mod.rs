//! Input of the engines: checked bars and other series of a history, as they are or with their moves
//! in another order, and the phases on it.

pub mod bars;
pub mod feeds;
pub mod permuted;
pub mod slice;
