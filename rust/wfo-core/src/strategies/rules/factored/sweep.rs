//! The driver: a grid over one history, divided into units and computed on all threads.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::LACKS_MARKS;
use super::boxes::{Positions, Steps, boxes, cut, strides, tiles};
use super::listed::{Listed, Named, Naming};
use super::parts::{Part, Parts};
use super::prepared::Prepared;
use super::tabled::{Kept, Tabled};
use super::walk::Fills;
use super::worker::Scratch;
use super::written::Written;
use crate::engine::f64x4::F64x4;
use crate::engine::spare::Spare;
use crate::engine::tiers::{Tier, Work};
use crate::engine::{PreparedSweep, blocks};
use crate::error::{Error, Result};
use crate::execution::performance::Row;
use crate::figures::{Columns, PhaseCells};
use crate::grid::Axis;
use crate::market::slice::Slice;
use crate::strategies::rules::kernel::Rules as Kernel;
use crate::task::Task;

/// Units that each thread is given, so that all of them finish together.
const UNITS: usize = 4;
/// Positions on the last axis that are computed one after the other: results of a line of the cache.
const TILE: usize = 8;
/// Values of a parameter whose columns are read again and again: few enough for the second cache.
const BLOCK: usize = 16;
/// Most combinations that are asked for together.
const MOST_TOGETHER: u64 = 1 << 20;
/// How many times its cost a table is best to save.
const WELL_PAID: u64 = 4;
/// The least combinations of a unit.
const LEAST: u64 = 256;

/// A grid over one history, ready to be computed in any pieces and order.
#[derive(Debug)]
pub struct Sweep {
    pub(super) prepared: Prepared,
    /// Where tables lead the paths of boxes.
    pub(super) tabled: Option<Tabled>,
    /// Axes from slow to fast: those of what is dear to compute first.
    order: Vec<usize>,
    strides: Vec<u64>,
    /// Whether boxes are cut along the last axis.
    is_tiled: bool,
    /// Places of the rows of the last axis in the order in which they are gone through, where that is
    /// another one.
    places: Option<Vec<u32>>,
    /// Combinations that are best computed together.
    together: u64,
    /// What workers have left for the next ones.
    spare: Spare<Buffers>,
}

/// What a worker reuses from unit to unit.
#[derive(Debug)]
struct Buffers {
    scratch: Scratch,
    listed: Listed,
    /// Tables, where there are any.
    tables: Option<Kept>,
}

impl Sweep {
    /// Prepares what the whole grid shares.
    ///
    /// # Errors
    /// A program that this engine cannot run.
    pub fn new(task: impl Into<Arc<Task<Kernel>>>, tier: Tier) -> Result<Self> {
        let task = task.into();
        if let Some(reason) = super::lacks(task.kernel.program()) {
            return Err(Error::Lacks { engine: "factored", reason });
        }
        let prepared = Prepared::new(task, tier);
        let Prepared { task, parts: Parts { parts, .. }, kept, lengths, .. } = &prepared;
        let (bars, same_bar) = (task.shared.bars.len(), task.kernel.program().same_bar);
        let mut dear: Vec<usize> = (0..parts.len()).collect();
        dear.sort_by_key(|&part| {
            (kept[part].is_some(), std::cmp::Reverse(parts[part].bytes(bars, same_bar)))
        });
        let mut order: Vec<usize> = Vec::new();
        for axis in dear.into_iter().flat_map(|part| parts[part].axes()).chain(0..lengths.len()) {
            if !order.contains(&axis) {
                order.push(axis);
            }
        }
        // Results lie side by side along the last axis. Where nothing is computed anew on it, some of
        // them are computed one after the other, so that they share a line of the cache.
        let last = lengths.len().saturating_sub(1);
        let on_last = |part: &Part| part.axes().any(|axis| axis == last);
        let all = || parts.iter().zip(kept);
        let is_tiled = order.len() > 1 && all().all(|(p, kept)| kept.is_some() || !on_last(p));
        if is_tiled {
            order.retain(|&axis| axis != last);
            order.push(last);
        }
        let is_on_last = all().all(|(p, kept)| kept.is_some() || on_last(p));
        let places = (!is_tiled && is_on_last && order.last() == Some(&last))
            .then(|| blocked(&task.grid.axes()[last]))
            .flatten();
        let of = (task.account.compounds(), same_bar);
        let tabled = Tabled::new(&prepared.parts, of, lengths, (bars, &task.slices));
        let strides = strides(lengths);
        let pays = |uses| tabled.as_ref().and_then(|own| together(own, lengths, &strides, uses));
        let together = pays(WELL_PAID).or_else(|| pays(1)).unwrap_or(1);
        let spare = Spare::default();
        Ok(Self { tabled, order, strides, is_tiled, places, together, spare, prepared })
    }

    /// Figures of the combinations in `range`, one item a phase.
    ///
    /// # Errors
    /// A range outside the grid, or a combination that the program refuses.
    pub fn run(&self, range: Range<u64>) -> Result<Vec<Columns>> {
        self.prepared.task.columns(&range, |phases| self.run_into(range.clone(), phases))
    }

    /// Goes through the only phase with the only combination.
    ///
    /// # Errors
    /// A combination that the program refuses.
    pub(super) fn walk_only(&self, slice: Slice, fills: &mut impl Fills) -> Result<()> {
        self.prepared.walk_only(slice, fills)
    }

    /// Does a job as this sweep's tier, with what an earlier worker has left.
    fn with_buffers<J: Job>(&self, job: J) -> Result<()> {
        let mut buffers = self.spare.take().unwrap_or_else(|| Buffers {
            scratch: self.prepared.scratch(),
            listed: Listed::default(),
            tables: None,
        });
        let work = Working { job, sweep: self, buffers: &mut buffers };
        let out = self.prepared.tier.run(work);
        self.spare.keep(buffers);
        out
    }

    /// Cuts a range into what workers do, whose cells are those of no other one.
    pub(super) fn units(&self, range: &Range<u64>, pieces: usize) -> Vec<Unit> {
        let mut units = Vec::new();
        for positions in boxes(range, &self.prepared.lengths) {
            let count: u64 = positions.iter().map(|own| own.len() as u64).product();
            let pieces = pieces.min((count / LEAST).max(1) as usize);
            let tabled = self.tabled.as_ref().filter(|tabled| tabled.suits(&positions));
            let positions = match tabled {
                Some(tabled) => cut(positions, tabled.cuts(), pieces),
                None => cut(positions, self.order.iter().copied(), pieces),
            };
            let is_tabled = tabled.is_some();
            units.extend(positions.into_iter().map(|positions| Unit { positions, is_tabled }));
        }
        units
    }
}

/// The fewest combinations from the beginning of the grid on in which tables pay so many times, and which
/// it is a multiple of, more or less; none where those are too many.
fn together(tabled: &Tabled, lengths: &[usize], strides: &[u64], times: u64) -> Option<u64> {
    let mut positions: Positions = lengths.iter().map(|_| 0..1).collect();
    for (axis, &length) in lengths.iter().enumerate().rev() {
        let mut pays = |count: usize| {
            positions[axis] = 0..count;
            tabled.pays(&positions, times)
        };
        if pays(length) {
            let (mut few, mut enough) = (0, length);
            while enough - few > 1 {
                let count = few + (enough - few) / 2;
                if pays(count) { enough = count } else { few = count }
            }
            return Some(enough as u64 * strides[axis]).filter(|&count| count <= MOST_TOGETHER);
        }
    }
    None
}

/// Places of the rows of an axis of several parameters, so that the columns of many rows that follow
/// each other are few: the values of the last parameter are divided into blocks. None where the axis
/// has one parameter.
fn blocked(axis: &Axis) -> Option<Vec<u32>> {
    let rows = axis.rows();
    let last = axis.parameters().len().checked_sub(1).filter(|&last| last > 0)?;
    let mut values: Vec<f64> = rows.iter().map(|row| row[last]).collect();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    let block = |row: usize| {
        let value = rows[row][last];
        values.partition_point(|other| other.total_cmp(&value).is_lt()) / BLOCK
    };
    let mut order: Vec<usize> = (0..rows.len()).collect();
    // Stable: within a block as they are.
    order.sort_by_cached_key(|&row| block(row));
    let mut places = vec![0; rows.len()];
    for (place, row) in (0..).zip(order) {
        places[row] = place;
    }
    Some(places)
}

/// A job on some combinations, with the buffers of a worker.
trait Job {
    fn run<V: F64x4>(self, sweep: &Sweep, buffers: &mut Buffers) -> Result<()>;
}

/// A job to be done as the code of some tier.
struct Working<'a, J> {
    job: J,
    sweep: &'a Sweep,
    buffers: &'a mut Buffers,
}

impl<J: Job> Work for Working<'_, J> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<V: F64x4>(self) -> Result<()> {
        self.job.run::<V>(self.sweep, self.buffers)
    }
}

/// A box of combinations.
#[derive(Debug)]
pub(super) struct Unit {
    positions: Positions,
    /// Whether tables lead its paths.
    pub is_tabled: bool,
}

/// A box whose paths tables lead.
struct Leading<'a, 'b> {
    tabled: &'a Tabled,
    positions: Positions,
    written: &'a Written<'b>,
}

impl Job for Leading<'_, '_> {
    #[inline(always)]
    fn run<V: F64x4>(self, sweep: &Sweep, buffers: &mut Buffers) -> Result<()> {
        let Buffers { scratch, tables, .. } = buffers;
        let of = (&sweep.prepared, sweep.strides.as_slice());
        self.tabled.run::<V>(of, &self.positions, (tables, scratch), self.written)
    }
}

/// Combinations whose paths are listed.
struct Listing<'a, 'b> {
    naming: &'a mut Naming<'a>,
    written: &'a Written<'b>,
}

impl Job for Listing<'_, '_> {
    #[inline(always)]
    fn run<V: F64x4>(self, sweep: &Sweep, buffers: &mut Buffers) -> Result<()> {
        let Buffers { scratch, listed, .. } = buffers;
        sweep.prepared.compute::<V>(self.naming, (listed, scratch), self.written)
    }
}

impl Sweep {
    /// Computes a unit.
    fn run_unit(&self, unit: Unit, written: &Written<'_>) -> Result<()> {
        let Unit { positions, is_tabled } = unit;
        if let Some(tabled) = self.tabled.as_ref().filter(|_| is_tabled) {
            return self.with_buffers(Leading { tabled, positions, written });
        }
        if let Some(places) = &self.places {
            return self.run_by_places(positions, places, written);
        }
        let size = if self.is_tiled { TILE } else { usize::MAX };
        for positions in tiles(positions, size) {
            let mut steps = Steps::new(&positions, &self.strides, &self.order);
            let mut naming = |named: &mut Named| {
                loop {
                    let has_room = named.push(steps.index, &steps.digits);
                    let is_more = steps.advance();
                    if !(has_room && is_more) {
                        return Ok(is_more);
                    }
                }
            };
            self.with_buffers(Listing { naming: &mut naming, written })?;
        }
        Ok(())
    }

    /// Computes a box whose rows of the last axis are gone through by their places.
    fn run_by_places(
        &self,
        mut positions: Positions,
        places: &[u32],
        written: &Written<'_>,
    ) -> Result<()> {
        let Some(last) = positions.last_mut() else { return Ok(()) };
        let start = last.start;
        let mut rows: Vec<usize> = last.clone().collect();
        rows.sort_unstable_by_key(|&row| places[row]);
        *last = start..start + 1;
        let axis = positions.len() - 1;
        let mut steps = Steps::new(&positions, &self.strides, &self.order);
        loop {
            let (mut rest, mut digits) = (rows.iter(), steps.digits.clone());
            let mut naming = |named: &mut Named| {
                for &row in rest.by_ref() {
                    digits[axis] = row;
                    let index = steps.index + (row - start) as u64 * self.strides[axis];
                    if !named.push(index, &digits) {
                        break;
                    }
                }
                Ok(rest.len() > 0)
            };
            self.with_buffers(Listing { naming: &mut naming, written })?;
            if !steps.advance() {
                return Ok(());
            }
        }
    }

    /// Computes combinations in any order.
    fn run_indices(&self, indices: &[u64], written: &Written<'_>) -> Result<()> {
        let mut rest = indices.iter().enumerate();
        let mut naming = |named: &mut Named| {
            for (cell, &index) in rest.by_ref() {
                if !named.push(cell as u64, self.prepared.task.grid.at(index)?.digits()) {
                    break;
                }
            }
            Ok(rest.len() > 0)
        };
        self.with_buffers(Listing { naming: &mut naming, written })
    }
}

impl PreparedSweep for Sweep {
    fn len(&self) -> u64 {
        self.prepared.task.len()
    }

    /// Combinations that tables serve enough of to pay by far.
    fn batch_multiple(&self) -> u64 {
        self.together
    }

    fn least_batch(&self) -> u64 {
        self.together
    }

    fn worker_bytes(&self) -> usize {
        let tables = self.tabled.as_ref().map_or(0, Tabled::worker_bytes);
        tables + self.prepared.worker_bytes()
    }

    fn run_into(&self, range: Range<u64>, phases: Vec<PhaseCells<'_>>) -> Result<()> {
        self.prepared.task.check_cells(&range, &phases)?;
        if phases.iter().any(|cells| cells.extended.is_some()) {
            let reason = super::LACKS_EXTENDED.to_owned();
            return Err(Error::Lacks { engine: "factored", reason });
        }
        let threads = rayon::current_num_threads();
        let units = self.units(&range, if threads == 1 { 1 } else { threads * UNITS });
        let written = &Written::new(phases, range.start);
        units.into_par_iter().with_max_len(1).try_for_each(|unit| self.run_unit(unit, written))
    }

    fn run_list_into(&self, indices: &[u64], mut phases: Vec<PhaseCells<'_>>) -> Result<()> {
        self.prepared.task.check_count(indices.len(), &phases);
        let mut split =
            |part: &[u64]| phases.iter_mut().map(|cells| cells.split_front(part.len())).collect();
        let chunks: Vec<(_, Vec<_>)> =
            indices.chunks(LEAST as usize).map(|part| (part, split(part))).collect();
        chunks
            .into_par_iter()
            .try_for_each(|(indices, phases)| self.run_indices(indices, &Written::new(phases, 0)))
    }

    fn run_blocks_into(
        &self,
        starts: &[u64],
        size: u64,
        phases: Vec<PhaseCells<'_>>,
    ) -> Result<()> {
        let blocks = blocks(starts, size, self.prepared.task.len(), phases)?;
        blocks
            .into_par_iter()
            .with_max_len(1)
            .try_for_each(|(range, cells)| self.run_into(range, cells))
    }

    fn run_performance_into(&self, _: Range<u64>, _: &mut [Row]) -> Result<()> {
        Err(Error::Lacks { engine: "factored", reason: super::LACKS_PERFORMANCE.to_owned() })
    }

    fn run_marks_into(&self, _: &[u64], _: &[usize], _: &mut [f64]) -> Result<()> {
        Err(Error::Lacks { engine: "factored", reason: LACKS_MARKS.to_owned() })
    }
}
