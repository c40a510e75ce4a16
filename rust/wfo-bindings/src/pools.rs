//! Pools of threads, and work on them.
//!
//! All of a module's work goes through here, where two things are seen to. Threads do not go along
//! into a process that is forked: pools are those of a process, and every use asks for the one of its
//! own, so that objects made before a fork go on working after it. And a panic becomes the package's
//! error, not one of PyO3's that no handler of errors takes for one.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, Weak};

use pyo3::prelude::*;
use rayon::ThreadPool;
use wfo_core::engine::spare::lock_briefly;
use wfo_core::{Error, Result};

use crate::errors::raise;
use crate::panics;

/// Most threads of a pool.
pub const MOST_THREADS: usize = 1024;

/// A process and a number of threads.
type Key = (u32, usize);

/// Pools that are in use. A process that was forked while the lock was held shares none.
static POOLS: Mutex<Option<HashMap<Key, Weak<ThreadPool>>>> = Mutex::new(None);

/// A number of threads to work on, those of whatever process asks.
#[derive(Debug)]
pub struct Pool {
    threads: usize,
    held: Mutex<Held>,
}

/// Threads, and the process that they belong to.
#[derive(Debug)]
struct Held {
    process: u32,
    pool: Option<Arc<ThreadPool>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // The end of a pool waits for locks that its threads may have held; there are none here.
            std::mem::forget(self.pool.take());
        }
    }
}

impl Pool {
    /// So many threads, shared with all users of as many.
    ///
    /// # Errors
    /// No thread, more than [`MOST_THREADS`], or more than the system has.
    pub fn new(threads: usize) -> PyResult<Self> {
        if !(1..=MOST_THREADS).contains(&threads) {
            let (value, allowed) = (threads as u64, "it must be from 1 to 1024");
            return Err(raise(Error::CountRange { name: "threads", value, allowed }));
        }
        let (process, pool) = (std::process::id(), Some(shared(threads)?));
        Ok(Self { threads, held: Mutex::new(Held { process, pool }) })
    }

    /// Number of threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The pool of this process.
    ///
    /// # Errors
    /// Threads that the system does not have.
    pub fn here(&self) -> PyResult<Arc<ThreadPool>> {
        let process = std::process::id();
        if let Some(held) = lock_briefly(&self.held)
            && let Held { process: of, pool: Some(pool) } = &*held
            && *of == process
        {
            return Ok(pool.clone());
        }
        let pool = shared(self.threads)?;
        if let Some(mut held) = lock_briefly(&self.held) {
            // What was there before is that of another process, and dropped as such.
            *held = Held { process, pool: Some(pool.clone()) };
        }
        Ok(pool)
    }

    /// Does work on the threads, detached from the interpreter.
    ///
    /// # Errors
    /// An error of the work, a panic, or threads that the system does not have.
    pub fn run<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce() -> Result<T> + Send,
    ) -> PyResult<T> {
        let pool = self.here()?;
        detached(py, || pool.install(work))
    }
}

/// Does work in this thread, detached from the interpreter. It may use no other threads.
///
/// # Errors
/// An error of the work, or a panic.
pub fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    // What a panic leaves half done is still of its type, and an object that failed is not used on.
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(found) => found.map_err(raise),
        Err(panic) => Err(panics::error(&*panic)),
    }
}

/// A pool of so many threads of this process, shared by all users of as many.
fn shared(threads: usize) -> PyResult<Arc<ThreadPool>> {
    let key = (std::process::id(), threads);
    if let Some(pools) = lock_briefly(&POOLS)
        && let Some(pool) = pools.as_ref().and_then(|pools| pools.get(&key)).and_then(Weak::upgrade)
    {
        return Ok(pool);
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("wfo-{i}"))
        .build()
        .map_err(|error| panics::no_threads(threads, &error.to_string()))?;
    let pool = Arc::new(pool);
    if let Some(mut pools) = lock_briefly(&POOLS) {
        let pools = pools.get_or_insert_default();
        pools.retain(|_, pool| pool.strong_count() > 0);
        pools.insert(key, Arc::downgrade(&pool));
    }
    Ok(pool)
}
