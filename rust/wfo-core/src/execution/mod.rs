//! Execution of orders: the levels that a bar touches, the costs of fills, and the equity.

pub mod account;
pub mod extended;
pub mod intraday;
pub mod marks;
pub mod performance;
pub mod settings;
pub mod touches;
