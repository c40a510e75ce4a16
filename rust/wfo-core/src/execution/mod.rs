//! What orders do: which levels a bar touches, what fills cost, and what the equity comes to.

pub mod account;
pub mod extended;
pub mod settings;
pub mod touches;
