//! The driver: a grid over one history, divided into units and computed on all threads.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::LACKS_MARKS;
use super::boxes::{Steps, boxes, strides, tiles};
use super::conditions::{Comparisons, Conditions};
use super::money::Money;
use super::orders::{Market, Order, Reaches};
use super::parts::{Part, Parts, PlannedOrder, Value, number};
use super::walk::{Fills, Orders, Rules};
use crate::engine::f64x4::{F64x4, Portable};
use crate::engine::range_summary::RangeSummaries;
use crate::engine::spare::Spare;
use crate::engine::tiers::{Tier, Work};
use crate::engine::{PreparedSweep, blocks};
use crate::error::{Error, Result};
use crate::execution::performance::Row;
use crate::figures::{Columns, PhaseCells};
use crate::market::slice::Slice;
use crate::strategies::rules::kernel::Rules as Kernel;
use crate::task::Task;

/// What parts that are kept for a whole sweep may take.
const KEPT_BYTES: usize = 256 << 20;
/// Units that each thread is given, so that all of them finish together.
const UNITS: usize = 4;
/// Positions on the last axis that are computed one after the other: results of a line of the cache.
const TILE: usize = 8;
/// The least combinations of a unit.
const LEAST: u64 = 256;

/// A grid over one history, ready to be computed in any pieces and order.
#[derive(Debug)]
pub struct Sweep {
    task: Arc<Task<Kernel>>,
    reaches: Reaches,
    summaries: RangeSummaries,
    parts: Parts,
    /// Of each part, its values by key where they are kept.
    kept: Vec<Option<Vec<OnceLock<Value>>>>,
    /// Axes from slow to fast: those of what is dear to compute first.
    order: Vec<usize>,
    lengths: Vec<usize>,
    strides: Vec<u64>,
    /// Whether boxes are cut along the last axis.
    is_tiled: bool,
    tier: Tier,
    /// What workers have left for the next ones.
    spare: Spare<Scratch>,
}

/// What a worker reuses from unit to unit.
#[derive(Debug)]
struct Scratch {
    /// Parts that are not kept for all workers.
    own: Vec<Own>,
    /// The keys of all parts.
    keys: Vec<usize>,
    comparisons: Comparisons,
}

/// A part that a worker holds at one key.
#[derive(Debug)]
struct Own {
    key: Option<usize>,
    value: Value,
}

impl Sweep {
    /// Prepares what the whole grid shares.
    ///
    /// # Errors
    /// A program that this engine cannot run.
    pub fn new(task: impl Into<Arc<Task<Kernel>>>, tier: Tier) -> Result<Self> {
        let task = task.into();
        let (program, grid, bars) = (task.kernel.program(), &task.grid, &task.shared.bars);
        if let Some(reason) = super::lacks(program) {
            return Err(Error::Lacks { engine: "factored", reason });
        }
        let (parts, same_bar) = (Parts::new(program, grid), program.same_bar);
        let combinations = usize::try_from(grid.len()).unwrap_or(usize::MAX);
        // Few and small first: what many combinations share is worth keeping most.
        let mut by_size: Vec<(usize, usize)> = parts
            .parts
            .iter()
            .enumerate()
            .map(|(i, part)| (part.keys.saturating_mul(part.bytes(bars.len(), same_bar) + 64), i))
            .collect();
        by_size.sort_unstable();
        let mut kept: Vec<_> = parts.parts.iter().map(|_| None).collect();
        let mut taken = 0_usize;
        for &(bytes, part) in &by_size {
            let keys = parts.parts[part].keys;
            if keys < combinations.max(2) && taken.saturating_add(bytes) <= KEPT_BYTES {
                taken += bytes;
                kept[part] = Some((0..keys).map(|_| OnceLock::new()).collect());
            }
        }
        let lengths: Vec<usize> = grid.axes().iter().map(|axis| axis.len()).collect();
        let mut dear: Vec<usize> = (0..parts.parts.len()).collect();
        dear.sort_by_key(|&part| {
            (kept[part].is_some(), std::cmp::Reverse(parts.parts[part].bytes(bars.len(), same_bar)))
        });
        let mut order: Vec<usize> = Vec::new();
        for axis in
            dear.into_iter().flat_map(|part| parts.parts[part].axes()).chain(0..lengths.len())
        {
            if !order.contains(&axis) {
                order.push(axis);
            }
        }
        // Results lie side by side along the last axis. Where nothing is computed anew on it, some of
        // them are computed one after the other, so that they share a line of the cache.
        let last = lengths.len().saturating_sub(1);
        let on_last = |part: &Part| part.axes().any(|axis| axis == last);
        let all = parts.parts.iter().zip(&kept);
        let is_tiled =
            order.len() > 1 && all.clone().all(|(p, kept)| kept.is_some() || !on_last(p));
        if is_tiled {
            order.retain(|&axis| axis != last);
            order.push(last);
        }
        Ok(Self {
            reaches: Reaches::new(bars),
            summaries: RangeSummaries::new(bars.close()),
            strides: strides(&lengths),
            spare: Spare::default(),
            parts,
            kept,
            order,
            lengths,
            is_tiled,
            tier,
            task,
        })
    }

    /// Figures of the combinations in `range`, one item a phase.
    ///
    /// # Errors
    /// A range outside the grid, or a combination that the program refuses.
    pub fn run(&self, range: Range<u64>) -> Result<Vec<Columns>> {
        self.task.columns(&range, |phases| self.run_into(range.clone(), phases))
    }

    fn market(&self) -> Market<'_> {
        Market { bars: &self.task.shared.bars, reaches: &self.reaches }
    }

    /// Does a job as this sweep's tier, with what an earlier worker has left.
    fn with_scratch<J: Job>(&self, job: J) -> Result<()> {
        let mut scratch = self.spare.take().unwrap_or_else(|| self.scratch());
        let out = self.tier.run(Working { job, sweep: self, scratch: &mut scratch });
        self.spare.keep(scratch);
        out
    }

    /// Computes a combination into cell `i` of each phase.
    #[inline(always)]
    fn compute<V: F64x4>(
        &self,
        digits: &[usize],
        scratch: &mut Scratch,
        i: usize,
        phases: &mut [PhaseCells<'_>],
    ) -> Result<()> {
        let market = self.market();
        self.prepare(&market, digits, scratch)?;
        let closes = (self.task.shared.bars.close(), &self.summaries);
        let (task, [long, short]) = (&*self.task, &self.orders(scratch));
        let rules = self.rules(scratch, long, short);
        for (cells, &slice) in phases.iter_mut().zip(&task.slices) {
            let figures = if task.account.compounds() {
                let mut money = Money::<true>::new(&task.account, closes, slice);
                rules.walk::<V>(&market, slice, &mut money);
                money.figures()
            } else {
                let mut money = Money::<false>::new(&task.account, closes, slice);
                rules.walk::<V>(&market, slice, &mut money);
                money.figures()
            };
            cells.figures.set(i, figures);
        }
        Ok(())
    }

    /// What a part is at the key of the combination that was prepared.
    #[inline(always)]
    fn value<'a>(&'a self, scratch: &'a Scratch, part: usize) -> &'a Value {
        match &self.kept[part] {
            Some(kept) => kept[scratch.keys[part]].get().unwrap_or(&Value::Number(f64::NAN)),
            None => &scratch.own[part].value,
        }
    }

    /// Entries and exits of both sides.
    #[inline(always)]
    fn orders<'a>(&'a self, scratch: &'a Scratch) -> [[Vec<Order<'a>>; 2]; 2] {
        let resolved = |orders: &[PlannedOrder]| -> Vec<Order<'a>> {
            orders.iter().map(|order| order.resolved(|part| self.value(scratch, part))).collect()
        };
        let Parts { long, short, .. } = &self.parts;
        [long, short].map(|side| [resolved(&side.entries), resolved(&side.exits)])
    }

    #[inline(always)]
    fn rules<'a>(
        &'a self,
        scratch: &'a Scratch,
        long: &'a [Vec<Order<'a>>; 2],
        short: &'a [Vec<Order<'a>>; 2],
    ) -> Rules<'a> {
        let is_on = |part: Option<usize>| {
            // [R17] [B3]
            part.is_some_and(|part| {
                let number = number(self.value(scratch, part));
                number != 0.0 && !number.is_nan()
            })
        };
        let side = |[entries, exits]: &'a [Vec<Order<'a>>; 2], reverses| Orders {
            entries,
            exits,
            reverses: is_on(reverses),
        };
        Rules {
            long: side(long, self.parts.long.reverses),
            short: side(short, self.parts.short.reverses),
            both: is_on(self.parts.both),
            same_bar: self.task.kernel.program().same_bar,
        }
    }

    /// Goes through the only phase with the only combination.
    ///
    /// # Errors
    /// A combination that the program refuses.
    pub(super) fn walk_only(&self, slice: Slice, fills: &mut impl Fills) -> Result<()> {
        let mut scratch = self.scratch();
        let digits = vec![0; self.lengths.len()];
        self.prepare(&self.market(), &digits, &mut scratch)?;
        let [long, short] = &self.orders(&scratch);
        self.rules(&scratch, long, short).walk::<Portable>(&self.market(), slice, fills);
        Ok(())
    }

    fn scratch(&self) -> Scratch {
        let none = || Own { key: None, value: Value::Number(f64::NAN) };
        Scratch {
            own: self.parts.parts.iter().map(|_| none()).collect(),
            keys: vec![0; self.parts.parts.len()],
            comparisons: Comparisons::default(),
        }
    }

    /// Computes the parts of a combination that are not there.
    #[inline(always)]
    fn prepare(&self, market: &Market<'_>, digits: &[usize], scratch: &mut Scratch) -> Result<()> {
        let mut are_there = true;
        for (i, part) in self.parts.parts.iter().enumerate() {
            let key = part.key(digits);
            scratch.keys[i] = key;
            are_there &= match &self.kept[i] {
                Some(kept) => kept[key].get().is_some(),
                None => scratch.own[i].key == Some(key),
            };
        }
        if are_there { Ok(()) } else { self.compute_parts(market, digits, scratch) }
    }

    #[inline(never)]
    fn compute_parts(
        &self,
        market: &Market<'_>,
        digits: &[usize],
        Scratch { own, keys, comparisons }: &mut Scratch,
    ) -> Result<()> {
        let Task { kernel, shared, grid, .. } = &*self.task;
        let program = kernel.program();
        let numbers = self.task.params(&grid.values_at(|axis| digits[axis]))?.numbers;
        comparisons.clear();
        let conditions = Conditions {
            columns: &shared.columns,
            program,
            numbers: &numbers,
            bars: shared.bars.len(),
            tier: self.tier,
        };
        for (i, part) in self.parts.parts.iter().enumerate() {
            let (key, own) = (keys[i], &mut own[i]);
            match &self.kept[i] {
                Some(kept) if kept[key].get().is_none() => {
                    let mut value = Value::Number(f64::NAN);
                    part.compute(&conditions, market, comparisons, &mut value)?;
                    // Another worker may have been faster, with the same.
                    let _ = kept[key].set(value);
                }
                None if own.key != Some(key) => {
                    own.key = None;
                    part.compute(&conditions, market, comparisons, &mut own.value)?;
                    own.key = Some(key);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A job on some combinations, with the scratch of a worker.
trait Job {
    fn run<V: F64x4>(self, sweep: &Sweep, scratch: &mut Scratch) -> Result<()>;
}

/// A job to be done as the code of some tier.
struct Working<'a, J> {
    job: J,
    sweep: &'a Sweep,
    scratch: &'a mut Scratch,
}

impl<J: Job> Work for Working<'_, J> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<V: F64x4>(self) -> Result<()> {
        self.job.run::<V>(self.sweep, self.scratch)
    }
}

/// Consecutive combinations.
struct Unit<'a> {
    range: Range<u64>,
    phases: Vec<PhaseCells<'a>>,
}

impl Job for Unit<'_> {
    #[inline(always)]
    fn run<V: F64x4>(self, sweep: &Sweep, scratch: &mut Scratch) -> Result<()> {
        let Self { range, mut phases } = self;
        let boxes = boxes(&range, &sweep.lengths);
        let tiles = boxes.into_iter().flat_map(|whole| {
            let size = if sweep.is_tiled { TILE } else { usize::MAX };
            tiles(whole, size)
        });
        for positions in tiles {
            let mut steps = Steps::new(&positions, &sweep.strides, &sweep.order);
            loop {
                let cell = (steps.index - range.start) as usize;
                sweep.compute::<V>(&steps.digits, scratch, cell, &mut phases)?;
                if !steps.advance() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Combinations in any order.
struct List<'a, 'b> {
    indices: &'a [u64],
    phases: Vec<PhaseCells<'b>>,
}

impl Job for List<'_, '_> {
    #[inline(always)]
    fn run<V: F64x4>(self, sweep: &Sweep, scratch: &mut Scratch) -> Result<()> {
        let Self { indices, mut phases } = self;
        for (i, &index) in indices.iter().enumerate() {
            let cursor = sweep.task.grid.at(index)?;
            sweep.compute::<V>(cursor.digits(), scratch, i, &mut phases)?;
        }
        Ok(())
    }
}

impl PreparedSweep for Sweep {
    fn len(&self) -> u64 {
        self.task.len()
    }

    fn worker_bytes(&self) -> usize {
        let (bars, same_bar) = (self.task.shared.bars.len(), self.task.kernel.program().same_bar);
        let parts = self.parts.parts.iter().zip(&self.kept);
        let own: usize = parts
            .filter(|(_, kept)| kept.is_none())
            .map(|(part, _)| part.bytes(bars, same_bar))
            .sum();
        // What is computed on the way to a part.
        own + 4 * bars * size_of::<f64>()
    }

    fn run_into(&self, range: Range<u64>, mut phases: Vec<PhaseCells<'_>>) -> Result<()> {
        self.task.check_cells(&range, &phases)?;
        if phases.iter().any(|cells| cells.extended.is_some()) {
            let reason = super::LACKS_EXTENDED.to_owned();
            return Err(Error::Lacks { engine: "factored", reason });
        }
        let count = range.end - range.start;
        let threads = rayon::current_num_threads();
        let units = if threads == 1 { 1 } else { (threads * UNITS) as u64 };
        let size = count.div_ceil(units).max(LEAST);
        let mut work = Vec::new();
        let mut from = range.start;
        while from < range.end {
            let to = range.end.min(from + size);
            let cells: Vec<PhaseCells<'_>> =
                phases.iter_mut().map(|cells| cells.split_front((to - from) as usize)).collect();
            work.push((from..to, cells));
            from = to;
        }
        work.into_par_iter()
            .with_max_len(1)
            .try_for_each(|(range, phases)| self.with_scratch(Unit { range, phases }))
    }

    fn run_list_into(&self, indices: &[u64], mut phases: Vec<PhaseCells<'_>>) -> Result<()> {
        self.task.check_count(indices.len(), &phases);
        let mut split =
            |part: &[u64]| phases.iter_mut().map(|cells| cells.split_front(part.len())).collect();
        let chunks: Vec<(_, Vec<_>)> =
            indices.chunks(LEAST as usize).map(|part| (part, split(part))).collect();
        chunks
            .into_par_iter()
            .try_for_each(|(indices, phases)| self.with_scratch(List { indices, phases }))
    }

    fn run_blocks_into(
        &self,
        starts: &[u64],
        size: u64,
        phases: Vec<PhaseCells<'_>>,
    ) -> Result<()> {
        let blocks = blocks(starts, size, self.task.len(), phases)?;
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
