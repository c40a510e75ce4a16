//! What the scoring classes of the module share: blocks, and pools of threads.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use numpy::{Element, PyReadonlyArray1};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use rayon::ThreadPool;
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

/// The values of an array.
pub fn values<'a, T: Element + Copy>(array: &'a PyReadonlyArray1<'_, T>) -> Cow<'a, [T]> {
    array.as_slice().map_or_else(|_| Cow::Owned(array.as_array().to_vec()), Cow::Borrowed)
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

/// Pools that are in use, by their number of threads.
static POOLS: Mutex<Option<HashMap<usize, Weak<ThreadPool>>>> = Mutex::new(None);

/// A pool of so many threads, shared by all that ask for as many.
pub fn pool(threads: usize) -> PyResult<Arc<ThreadPool>> {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pools = pools.get_or_insert_default();
    if let Some(pool) = pools.get(&threads).and_then(Weak::upgrade) {
        return Ok(pool);
    }
    let pool = Arc::new(new_pool(threads)?);
    pools.insert(threads, Arc::downgrade(&pool));
    Ok(pool)
}

/// A pool of so many threads.
pub fn new_pool(threads: usize) -> PyResult<ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("wfo-{i}"))
        .build()
        .map_err(|e| PyMemoryError::new_err(format!("{threads} threads: {e}")))
}
