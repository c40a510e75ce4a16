//! Kernels of walk-forward optimization, free of Python.
//!
//! Data flows one way: [`bars`] and [`settings`] are checked values, [`indicators`] turn bars into
//! the [`series`] that a [`grid`] shares, [`atr_d`] turns series and one parameter set into
//! distances, [`touches`] and [`money`] say what happens in a bar and what it is worth. A [`task`] is
//! a grid on a history with everything checked; an engine carries it out and fills columns of
//! [`figures`]: [`direct`] walks bar by bar, [`factored`] from trade to trade over tables that its
//! combinations share. [`scoring`] makes scores of the figures, block by block.
//!
//! What the numbers mean is fixed by `python/wfo/atr_d/CONTRACT.md`; the Numba reference next to
//! it has files of the same names for [`indicators`], [`touches`], [`money`] and [`atr_d`].

pub mod atr_d;
pub mod bars;
pub mod direct;
pub mod error;
pub mod factored;
pub mod figures;
pub mod grid;
pub mod indicators;
pub mod money;
pub mod scoring;
pub mod series;
pub mod settings;
pub mod slice;
pub mod task;
pub mod touches;

pub use bars::Bars;
pub use error::{Error, Result};
pub use grid::{Axis, Grid};
pub use settings::{EntryStyle, Settings, Sizing};
pub use slice::Slice;
