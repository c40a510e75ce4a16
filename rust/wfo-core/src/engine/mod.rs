//! Engines: what carries out a task, and what engines of several strategies are made of.
//!
//! Files use those below them:
//!
//! ```text
//! direct                         any strategy, bar by bar
//! lane_parts                     ends of the parts of four paths
//! lane_accounts  boundary        their accounts, closes around an end
//! per_unit                       what a trade makes of a unit of equity
//! first_touch  excursion         touches by the bar since which an order is followed, marks per share
//! intrabar_time  range_summary   order within a bar, closes of a range
//! lookup  ruin  comparing        reads of tables, bounds of rounding, columns compared bar by bar
//! tiers  f64x4  aligned          sets of instructions, vectors, columns that lie as these are read
//! ```

pub(crate) mod aligned;
pub(crate) mod boundary;
pub(crate) mod comparing;
pub mod direct;
pub(crate) mod excursion;
pub(crate) mod f64x4;
pub mod first_touch;
pub mod intrabar_time;
pub(crate) mod lane_accounts;
pub(crate) mod lane_parts;
pub(crate) mod lookup;
pub(crate) mod per_unit;
pub mod range_summary;
pub(crate) mod ruin;
pub mod spare;
pub mod tiers;
pub mod working;

use std::ops::Range;

use crate::error::{Error, Result};
use crate::execution::performance::Row;
use crate::figures::PhaseCells;

/// A grid over one history, ready to be computed in any pieces and order, by whatever engine.
///
/// Every method runs on the rayon pool it is called in. A cell depends on its own combination alone,
/// so the result is the same for any number of threads and any division into calls. There is one item
/// a phase to write, and a cell in it for every combination.
pub trait PreparedSweep: Send + Sync {
    /// Number of combinations.
    fn len(&self) -> u64;

    /// Never true: a grid has at least one combination.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Combinations that are best computed together; 1 where it makes no difference.
    fn batch_multiple(&self) -> u64 {
        1
    }

    /// Combinations fewer than which cost several times as much each; 1 where it makes no difference.
    fn least_batch(&self) -> u64 {
        1
    }

    /// Memory that each worker holds beside the results, in bytes.
    fn worker_bytes(&self) -> usize;

    /// Computes the combinations in `range`.
    ///
    /// # Errors
    /// A range outside the grid.
    fn run_into(&self, range: Range<u64>, phases: Vec<PhaseCells<'_>>) -> Result<()>;

    /// Computes any combinations in any order, repeats allowed: cell `i` is combination `indices[i]`.
    ///
    /// # Errors
    /// An index outside the grid.
    fn run_list_into(&self, indices: &[u64], phases: Vec<PhaseCells<'_>>) -> Result<()>;

    /// Computes blocks of `size` consecutive combinations, laid one after the other.
    ///
    /// # Errors
    /// A block that does not lie within the grid.
    fn run_blocks_into(&self, starts: &[u64], size: u64, phases: Vec<PhaseCells<'_>>)
    -> Result<()>;

    /// Computes the combinations in `range` over all trading bars of the first phase, without its
    /// boundary: a row each of [`FIELDS`](crate::execution::performance::FIELDS).
    ///
    /// # Errors
    /// A range outside the grid, no phase, or an engine that does not follow equity within bars.
    fn run_performance_into(&self, range: Range<u64>, rows: &mut [Row]) -> Result<()>;

    /// Computes the equity of any combinations, in any order, at the closes of the bars `at`, over all
    /// trading bars of the first phase: row by row, one a combination.
    ///
    /// # Errors
    /// An index outside the grid, no phase, a bar that is not traded or out of order, or an engine that
    /// does not follow single combinations.
    fn run_marks_into(&self, indices: &[u64], at: &[usize], marks: &mut [f64]) -> Result<()>;
}

/// Cuts the cells of blocks apart: the range of each block, and its cells.
///
/// # Errors
/// A block that does not lie within the grid of `len` combinations.
pub fn blocks<'a>(
    starts: &[u64],
    size: u64,
    len: u64,
    mut phases: Vec<PhaseCells<'a>>,
) -> Result<Vec<(Range<u64>, Vec<PhaseCells<'a>>)>> {
    let mut out = Vec::with_capacity(starts.len());
    for &start in starts {
        let stop = start.saturating_add(size);
        if stop > len {
            return Err(Error::IndexRange { start, stop, len });
        }
        let cells = phases.iter_mut().map(|cells| cells.split_front(size as usize)).collect();
        out.push((start..stop, cells));
    }
    Ok(out)
}
