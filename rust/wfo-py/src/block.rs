//! Blocks of stored figures, as the scoring classes take them.

use std::borrow::Cow;

use numpy::PyReadonlyArray1;
use wfo_bindings::arrays::values;
use wfo_core::scoring::{Block, Stored};

/// Six stored columns of one phase.
pub type StoredArrays<'py> = (
    PyReadonlyArray1<'py, f32>,
    PyReadonlyArray1<'py, f32>,
    PyReadonlyArray1<'py, f32>,
    PyReadonlyArray1<'py, f32>,
    PyReadonlyArray1<'py, u16>,
    PyReadonlyArray1<'py, u16>,
);

/// Money and trades of one phase.
type Phase<'a> = ([Cow<'a, [f32]>; 4], [Cow<'a, [u16]>; 2]);

/// The columns of a block as slices; what is not contiguous is copied.
pub struct Columns<'a> {
    phases: Vec<Phase<'a>>,
}

impl<'a> Columns<'a> {
    pub fn of(block: &'a [StoredArrays<'_>]) -> Self {
        let phase = |(a, b, c, d, e, f): &'a StoredArrays<'_>| {
            ([values(a), values(b), values(c), values(d)], [values(e), values(f)])
        };
        Self { phases: block.iter().map(phase).collect() }
    }

    pub fn block(&self) -> wfo_core::Result<Block<'_>> {
        let phases = self.phases.iter().map(|(money, trades)| Stored {
            is_pnl: &money[0],
            oos_pnl: &money[1],
            is_dd: &money[2],
            oos_dd: &money[3],
            is_trades: &trades[0],
            oos_trades: &trades[1],
        });
        Block::new(phases.collect())
    }
}
