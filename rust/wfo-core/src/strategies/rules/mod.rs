//! Rules: strategies that their users write, as a program of expressions and orders.
//!
//! A [`program`] says which orders work, as expressions over columns of the bars and over parameters;
//! [`raw`] reads and checks it, [`numbers`] has the values of its numbers and [`lookback`] its first
//! bar. [`node`] has the operations; [`groups`] makes higher bars; [`elementwise`] and [`windows`]
//! compute them; [`plan`] says what of a program is computed once for a whole grid and what per
//! combination. [`columns`] computes both; [`leaves`] keeps what a whole grid shares, and [`evaluator`]
//! what the combination before left.
//! [`kernel`] goes through bars with the [`orders`].
//!
//! What it means is fixed by `python/wfo/rules/CONTRACT.md`; the reference in Python stands next to it.

pub(crate) mod bar_loop;
pub mod columns;
pub mod elementwise;
pub mod evaluator;
pub mod factored;
pub mod groups;
pub mod kernel;
mod leaves;
mod lookback;
pub mod node;
mod numbers;
pub(crate) mod orders;
pub mod plan;
pub mod program;
pub mod raw;
pub(crate) mod standing;
pub mod windows;

pub use kernel::Rules;
pub use program::Program;

#[cfg(test)]
mod tests;
