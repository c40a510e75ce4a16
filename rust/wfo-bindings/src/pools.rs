//! Pools of threads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;
use rayon::ThreadPool;

/// Pools that are in use, by their number of threads. Threads stay attached to the interpreter while
/// they wait for it: nothing that is done under it may need the interpreter.
static POOLS: Mutex<Option<HashMap<usize, Weak<ThreadPool>>>> = Mutex::new(None);

/// A pool of so many threads, shared by all users of as many.
///
/// # Errors
/// Threads that the system does not have.
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
///
/// # Errors
/// Threads that the system does not have.
pub fn new_pool(threads: usize) -> PyResult<ThreadPool> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("wfo-{i}"))
        .build()
        .map_err(|e| PyMemoryError::new_err(format!("{threads} threads: {e}")))
}
