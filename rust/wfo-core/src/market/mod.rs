//! Input of the engines: checked bars and other series of a history, and the phases on it.

pub mod bars;
pub mod feeds;
pub mod slice;
