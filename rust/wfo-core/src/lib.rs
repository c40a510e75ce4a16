//! Kernels of walk-forward optimization, free of Python.
//!
//! Data flows one way. [`market`] holds checked series of a history, [`execution`] computes touches,
//! fills and the account, [`indicators`] are functions of bars. A [`kernel`] is the interface of a
//! strategy to the engines, [`orders`] are what it has working after the last bar; [`strategies`] come
//! with the crate. A [`task`] is a [`grid`] on a history with everything checked; an [`engine`] carries
//! it out and fills columns of [`figures`]. The direct engine runs any kernel bar by bar; a strategy
//! may have a faster, specialized one beside it. [`scoring`] makes scores of the figures, block by
//! block; [`permutation`] searches whole grids again on permuted bars.
//!
//! Arrows go down only: strategies → engine → kernel → execution → market.

pub mod engine;
pub mod error;
pub mod execution;
pub mod figures;
pub mod grid;
pub mod indicators;
pub mod kernel;
pub mod market;
pub mod orders;
pub mod permutation;
pub mod scoring;
pub mod strategies;
pub mod task;

pub use engine::PreparedSweep;
pub use error::{Error, Result};
pub use execution::settings::{AccountSettings, Sizing};
pub use grid::{Axis, Grid};
pub use kernel::Kernel;
pub use market::bars::Bars;
pub use market::feeds::Feeds;
pub use market::slice::Slice;
pub use task::Task;
