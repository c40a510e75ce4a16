//! Searches on permuted bars, one permutation after the other or several at a time.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::figures::{Scratch, SearchFigures};
use super::held::Held;
use crate::engine::PreparedSweep;
use crate::error::{Error, Result};
use crate::market::feeds::Feeds;
use crate::market::permuted::MoveOrders;

/// What a search may take for as many of them to run at a time as there are threads.
const SMALL_BYTES: usize = 64 << 20;

/// One past the largest number of a permutation.
const MOST_NUMBER: u64 = 1 << 63;

/// Bars of a history for the same: indicators grow with them, and every sweep has its own.
const SHORT: usize = 1 << 17;

/// The feed of the first symbol.
const FIRST: &str = "bars";

/// Prepares the sweep of the grid over other feeds.
pub type Prepare = Box<dyn Fn(&Feeds) -> Result<Box<dyn PreparedSweep>> + Send + Sync>;

/// Whole searches on permuted bars.
pub struct Searches {
    feeds: Feeds,
    orders: MoveOrders,
    figures: SearchFigures,
    prepare: Prepare,
    len: u64,
    is_small: bool,
    bytes: usize,
}

impl Debug for Searches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { orders, figures, len, .. } = self;
        write!(f, "Searches {{ {orders:?}, {figures:?}, len: {len} }}")
    }
}

impl Searches {
    /// Searches of what `prepare` prepares, which is called once to check it.
    ///
    /// Runs on the rayon pool it is called in.
    ///
    /// # Errors
    /// An error of `prepare`, or feeds without bars of a first symbol.
    pub fn new(
        feeds: Feeds,
        orders: MoveOrders,
        figures: SearchFigures,
        prepare: Prepare,
    ) -> Result<Self> {
        feeds.bars(FIRST)?;
        let sweep = prepare(&feeds)?;
        let bytes = figures.bytes(&*sweep).saturating_add(sweep.worker_bytes());
        let (len, is_small) = (sweep.len(), bytes <= SMALL_BYTES && feeds.len() <= SHORT);
        Ok(Self { feeds, orders, figures, prepare, len, is_small, bytes })
    }

    /// Number of combinations of the grid.
    #[must_use]
    pub fn combinations(&self) -> u64 {
        self.len
    }

    /// The figures of a search.
    #[must_use]
    pub fn figures(&self) -> &SearchFigures {
        &self.figures
    }

    /// Whether as many searches run at a time as there are threads. Otherwise there is one at a time,
    /// whose sweep takes all of them.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.is_small
    }

    /// Memory of a search at a time with one worker, in bytes, beside the indicators of its sweep.
    #[must_use]
    pub fn worker_bytes(&self) -> usize {
        self.bytes
    }

    /// The feeds of a permutation; 0 are the real ones.
    ///
    /// # Errors
    /// Prices beyond the range of numbers.
    pub fn permuted(&self, number: u64) -> Result<Feeds> {
        self.orders.feeds(&self.feeds, number)
    }

    /// Buy-and-hold of every phase in a permutation.
    ///
    /// # Errors
    /// Prices beyond the range of numbers.
    pub fn held(&self, number: u64) -> Result<Vec<Held>> {
        Ok(self.figures.held(self.permuted(number)?.bars(FIRST)?))
    }

    /// The figures of some permutations, a row each; none where `stop` is set before the end, which
    /// is looked at before every block of combinations.
    ///
    /// Runs on the rayon pool it is called in. A row depends on its own number alone, so the result is
    /// the same for any number of threads and any division into calls.
    ///
    /// # Errors
    /// A range that ends before it begins or behind 2^63, or an error of a search: of several that of
    /// the lowest number.
    pub fn run(&self, range: Range<u64>, stop: &AtomicBool) -> Result<Option<Vec<Vec<f64>>>> {
        if range.start > range.end {
            let allowed = "it must not be above the last one";
            return Err(Error::CountRange { name: "start", value: range.start, allowed });
        }
        // Every thread counts one further than the last number, and none begins anew behind 2^64.
        if range.end > MOST_NUMBER {
            let allowed = "permutations are numbered up to 2^63";
            return Err(Error::CountRange { name: "stop", value: range.end, allowed });
        }
        if !self.is_small {
            let mut scratch = Scratch::default();
            return range.map(|number| self.search(number, &mut scratch, stop)).collect();
        }
        let (next, ended) = (AtomicU64::new(range.start), AtomicBool::new(false));
        let rows = Mutex::new(Vec::new());
        // Every thread takes one permutation after the other, and parts of the sweeps of others where
        // it has to wait, or has none left. So there are never more at a time than threads.
        rayon::broadcast(|_| {
            let mut scratch = Scratch::default();
            while !ended.load(Ordering::Relaxed) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= range.end {
                    return;
                }
                let row = self.search(number, &mut scratch, stop);
                ended.fetch_or(!matches!(row, Ok(Some(_))), Ordering::Relaxed);
                rows.lock().unwrap_or_else(PoisonError::into_inner).push((number, row));
            }
        });
        let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
        // What was begun is finished, so that the first error does not depend on the threads: every
        // number below it was taken before it.
        rows.sort_unstable_by_key(|(number, _)| *number);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    fn search(
        &self,
        number: u64,
        scratch: &mut Scratch,
        stop: &AtomicBool,
    ) -> Result<Option<Vec<f64>>> {
        let feeds = self.permuted(number)?;
        let sweep = (self.prepare)(&feeds)?;
        self.figures.search(&*sweep, feeds.bars(FIRST)?, scratch, stop)
    }
}
