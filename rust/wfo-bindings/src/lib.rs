//! The Python interface of a compiled module of strategies, the same for all strategies.
//!
//! A separate crate implements [`Kernel`](wfo_core::Kernel) for its strategies, lists them in a
//! [`Family`], and calls [`export_kernel!`]; its module then has the same `Sweep`, `Permutations`,
//! `simulate`, `orders`, `lacks` and `strategies` as `wfo._core`. The layers are thin: arrays come in
//! read-only and go out owned, and the interpreter is released around every kernel.

pub mod arrays;
pub mod errors;
mod export;
pub mod feeds;
pub mod kernel;
pub mod orders;
pub mod panics;
pub mod permutation;
pub mod pools;
pub mod settings;
pub mod simulate;
pub mod sweep;

pub use kernel::Family;
pub use numpy;
pub use pyo3;
pub use wfo_core;
