//! The driver: a grid over one history, divided into work units and computed on all threads.
//!
//! How the paths of a unit are computed depends on the strategy and the history alone: in lane
//! batches ([`lockstep`](super::lockstep)), coalesced where there are modes
//! ([`coalesced`](super::coalesced)), and segment by segment on long histories
//! ([`segments`](super::segments)). Units run as the code of an instruction tier
//! ([`tiers`](crate::engine::tiers)). What a worker holds is bounded by [`Sweep::worker_bytes`].

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::coalesced::{self, Coalesced, UNIT_CELLS, UNIT_STOP_SETS};
use super::extended::{self, ExtendedFigures};
use super::lockstep::{self, LANES, Lockstep};
use super::prepared::{EXIT_BYTES, Prepared, StopScratch};
use super::schedule::{
    RANGES_BYTES, UNIT_PATHS, UnitSizes, WorkUnit, divide, find_representatives,
};
use super::segments::{self, LONGEST, Segments};
use super::stop_sets::StopSet;
use super::tightening::equal_tightenings;
use super::{LACKS_MARKS, LACKS_PERFORMANCE};
use crate::engine::f64x4::F64x4;
use crate::engine::spare::Spare;
use crate::engine::tiers::{Tier, Work};
use crate::engine::{PreparedSweep, blocks, direct};
use crate::error::{Error, Result};
use crate::execution::performance::Row;
use crate::figures::{Cells, Columns, ExtendedCells, PhaseCells, SplitCells};
use crate::strategies::atr_d::Task;

/// What the long stops' exit tables of a unit may take. Paths read about half of them, so that much
/// of a second cache of half a megabyte is left to the entries, which pass through it. (Of 2, 4, 8,
/// 16 and 32 stop sets of ten years of days, 4 are the fastest for all strategies in lane batches.)
const CACHED_BYTES: usize = 1 << 19;
/// What entries that are kept for a whole sweep may take.
const KEPT_BYTES: usize = 64 << 20;
/// What the exit tables of a unit may take at most, where one stop set does not have more.
const WORKER_BYTES: usize = 256 << 20;
/// Combinations in a batch multiple, unless one unit has more: enough for all stop sets that differ
/// in their tightening alone, of which many are equal.
const BATCH_MULTIPLE: usize = 1 << 20;
/// The same where the extended figures are asked for too, of which each takes nine times the
/// memory.
const EXTENDED_BATCH_MULTIPLE: usize = 1 << 16;

/// A grid over one history, ready to be computed in any pieces and order.
#[derive(Debug)]
pub struct Sweep {
    prepared: Prepared,
    /// For every tightening, the first one that is equal to it bar for bar.
    equal_tightenings: Vec<u32>,
    method: Method,
    /// Stop sets whose exit tables are held at a time, and phases in which they are
    /// representatives.
    unit_sets: usize,
    unit_phases: usize,
    extended: ExtendedFigures,
    tier: Tier,
    /// What workers have left for the next ones.
    spare: Spare<Box<Scratch>>,
}

/// How the paths of a unit are computed.
#[derive(Debug)]
enum Method {
    Lockstep(Lockstep),
    Coalesced(Coalesced),
    Segments(Segments),
}

/// What a worker reuses from unit to unit.
#[derive(Debug, Default)]
struct Scratch {
    stops: StopScratch,
    lockstep: lockstep::Scratch,
    coalesced: coalesced::Scratch,
    segments: segments::Scratch,
    extended: extended::Scratch,
}

impl Sweep {
    /// Prepares what the whole grid shares.
    ///
    /// # Errors
    /// None that a checked task has.
    pub fn new(task: impl Into<Arc<Task>>, tier: Tier) -> Result<Self> {
        Self::with_segments(task.into(), tier, LONGEST, None)
    }

    /// The same with segments of so many bars, or what suits, on histories longer than `longest`.
    pub(super) fn with_segments(
        task: Arc<Task>,
        tier: Tier,
        longest: usize,
        segment: Option<usize>,
    ) -> Result<Self> {
        let modes = task.kernel.modes;
        let prepared = Prepared::new(task)?;
        // A sweep of no phases has no bars.
        let bars = prepared.history.len().max(1);
        let phases = prepared.history.phases.len().max(1);
        let most = WORKER_BYTES / (EXIT_BYTES * bars * prepared.layout.prices * prepared.tables());
        let is_long = bars > longest && prepared.history.compounds();
        let (method, sets, unit_phases) = if is_long {
            let segments = Segments::new(&prepared, segment);
            let sets = segments.sets;
            (Method::Segments(segments), sets, sets * phases)
        } else if modes {
            // Coalesced paths share what an entry costs between all stop sets.
            let coalesced = Coalesced::new(&prepared, KEPT_BYTES);
            (Method::Coalesced(coalesced), UNIT_STOP_SETS.min(most), usize::MAX)
        } else {
            // Paths of a unit fill the lanes. What stop sets that are no representatives in some
            // phase add to a unit is hardly read.
            let cached = CACHED_BYTES / (EXIT_BYTES * bars);
            let wanted = cached.max(LANES.div_ceil(phases)).min(most).max(1);
            let lockstep = Lockstep::new(&prepared, KEPT_BYTES);
            let unit_phases = (wanted * phases).next_multiple_of(LANES);
            (Method::Lockstep(lockstep), (2 * wanted).min(most), unit_phases)
        };
        let (layout, history) = (&prepared.layout, &prepared.history);
        Ok(Self {
            equal_tightenings: equal_tightenings(layout, prepared.series(), &history.bars)?,
            method,
            unit_sets: sets.max(1),
            unit_phases,
            extended: ExtendedFigures::new(&prepared),
            tier,
            spare: Spare::default(),
            prepared,
        })
    }

    /// Figures of the combinations in `range`, one item a phase.
    ///
    /// Runs on the rayon pool it is called in. Every cell depends on its own combination alone, so
    /// the result is the same for any number of threads and any division into ranges.
    ///
    /// # Errors
    /// A range outside the grid.
    pub fn run(&self, range: Range<u64>) -> Result<Vec<Columns>> {
        self.prepared.task.columns(&range, |phases| self.run_into(range.clone(), phases))
    }

    /// Divides the combinations of a range into work units.
    fn units<C: SplitCells>(&self, range: &Range<u64>, phases: Vec<C>) -> Vec<WorkUnit<C>> {
        let layout = &self.prepared.layout;
        let entry_set_len = layout.entry_set_len();
        let (entries, long_sets) = match &self.method {
            Method::Segments(segments) => {
                (segments.unit_entries(&self.prepared), Some(segments.sets))
            }
            Method::Coalesced(_) => (UNIT_CELLS.div_ceil(entry_set_len), None),
            Method::Lockstep(_) => (UNIT_PATHS.div_ceil(entry_set_len * self.unit_phases), None),
        };
        divide(layout, &self.equal_tightenings, range, phases, UnitSizes { entries, long_sets })
    }

    /// Computes the figures that every sweep has.
    fn run_figures(&self, range: &Range<u64>, phases: Vec<Cells<'_>>) -> Result<()> {
        let units: Vec<Vec<WorkUnit<Cells<'_>>>> = self
            .units(range, phases)
            .into_par_iter()
            .with_max_len(1)
            .map(|unit| match &self.method {
                Method::Segments(segments) => {
                    self.with_scratch(RepresentSegments { sweep: self, segments, unit })
                }
                _ => {
                    let most = (self.unit_sets, self.unit_phases);
                    self.with_scratch(Represent { sweep: self, unit, most })
                }
            })
            .collect::<Result<_>>()?;
        let units: Vec<WorkUnit<Cells<'_>>> = units.into_iter().flatten().collect();
        units.into_par_iter().with_max_len(1).try_for_each(|unit| match &self.method {
            Method::Segments(segments) => {
                self.with_scratch(ComputeSegments { sweep: self, segments, unit })
            }
            _ => self.with_scratch(Compute { sweep: self, unit }),
        })
    }

    /// Computes the extended figures.
    ///
    /// # Errors
    /// Settings that they cannot be computed with.
    fn run_extended(&self, range: &Range<u64>, phases: Vec<ExtendedCells<'_>>) -> Result<()> {
        if let Some(reason) = extended::lacks(&self.prepared.task.account) {
            return Err(Error::Lacks { engine: "factored", reason });
        }
        let most = (extended::unit_sets(&self.prepared), usize::MAX);
        let units: Vec<Vec<_>> = self
            .units(range, phases)
            .into_par_iter()
            .with_max_len(1)
            .map(|unit| self.with_scratch(Represent { sweep: self, unit, most }))
            .collect::<Result<_>>()?;
        let units: Vec<_> = units.into_iter().flatten().collect();
        units
            .into_par_iter()
            .with_max_len(1)
            .try_for_each(|unit| self.with_scratch(ComputeExtended { sweep: self, unit }))
    }

    /// Does a job as this sweep's tier, with what an earlier worker has left.
    fn with_scratch<J: Job>(&self, job: J) -> J::Output {
        let mut scratch = self.spare.take().unwrap_or_default();
        let output = self.tier.run(Working { job, scratch: &mut scratch });
        self.spare.keep(scratch);
        output
    }
}

impl PreparedSweep for Sweep {
    fn len(&self) -> u64 {
        self.prepared.task.len()
    }

    /// Stop sets that have much in common are computed together.
    fn batch_multiple(&self) -> u64 {
        let (layout, extended) = (&self.prepared.layout, self.prepared.task.extended);
        let most = if extended { EXTENDED_BATCH_MULTIPLE } else { BATCH_MULTIPLE };
        let sets = (most / layout.stop_set_len()).min(layout.tightenings());
        let least = if extended { 1 } else { self.unit_sets };
        (sets.max(least) * layout.stop_set_len()) as u64
    }

    /// On histories that go through segment by segment it does not grow with the bars, but for the
    /// filters of strategies with modes, at 16 bytes a bar. What may have been ruined takes 72
    /// bytes a bar more there, for as long as it is settled. On others a range keeps the intervals
    /// of its representatives' stops until it computes them: at most an eighth of the bytes of
    /// their figures.
    fn worker_bytes(&self) -> usize {
        let prepared = &self.prepared;
        let extended = if prepared.task.extended { extended::worker_bytes(prepared) } else { 0 };
        let entries = match &self.method {
            Method::Segments(segments) => return segments.worker_bytes(prepared) + extended,
            Method::Coalesced(coalesced) => Coalesced::worker_bytes(&coalesced.plan),
            Method::Lockstep(_) => prepared.entry_bytes(),
        };
        let stops = self.unit_sets * prepared.layout.prices * prepared.tables() * EXIT_BYTES;
        // Distances, ratios, factors, and the first-touch table that is being built.
        let scratch = 3 * size_of::<f64>() + 12;
        prepared.history.len() * (stops + entries + scratch) + RANGES_BYTES + extended
    }

    fn run_into(&self, range: Range<u64>, phases: Vec<PhaseCells<'_>>) -> Result<()> {
        self.prepared.task.check_cells(&range, &phases)?;
        let (mut figures, mut extended) = (Vec::new(), Vec::new());
        for phase in phases {
            figures.push(phase.figures);
            extended.extend(phase.extended);
        }
        self.run_figures(&range, figures)?;
        if extended.is_empty() { Ok(()) } else { self.run_extended(&range, extended) }
    }

    /// Combinations that are far apart share nothing, so the direct engine computes them.
    fn run_list_into(&self, indices: &[u64], phases: Vec<PhaseCells<'_>>) -> Result<()> {
        direct::Sweep::new(self.prepared.task.clone()).run_list_into(indices, phases)
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
        Err(Error::Lacks { engine: "factored", reason: LACKS_PERFORMANCE.to_owned() })
    }

    fn run_marks_into(&self, _: &[u64], _: &[usize], _: &mut [f64]) -> Result<()> {
        Err(Error::Lacks { engine: "factored", reason: LACKS_MARKS.to_owned() })
    }
}

/// A job on a unit, with the scratch of a worker.
trait Job {
    type Output;
    fn run<V: F64x4>(self, scratch: &mut Scratch) -> Self::Output;
}

/// A job to be done as the code of some tier.
struct Working<'a, J> {
    job: J,
    scratch: &'a mut Scratch,
}

impl<J: Job> Work for Working<'_, J> {
    type Output = J::Output;

    #[inline(always)]
    fn run<V: F64x4>(self) -> J::Output {
        self.job.run::<V>(self.scratch)
    }
}

/// A unit whose representatives are to be found, for units of at most so many stop sets and phases.
struct Represent<'a, C> {
    sweep: &'a Sweep,
    unit: WorkUnit<C>,
    most: (usize, usize),
}

impl<C: SplitCells> Job for Represent<'_, C> {
    type Output = Result<Vec<WorkUnit<C>>>;

    #[inline(always)]
    fn run<V: F64x4>(self, scratch: &mut Scratch) -> Self::Output {
        let Self { sweep, unit, most } = self;
        find_representatives(&sweep.prepared, unit, most, &mut scratch.stops)
    }
}

/// A unit of a long history whose representatives are to be found.
struct RepresentSegments<'a, 'b> {
    sweep: &'a Sweep,
    segments: &'a Segments,
    unit: WorkUnit<Cells<'b>>,
}

impl<'b> Job for RepresentSegments<'_, 'b> {
    type Output = Result<Vec<WorkUnit<Cells<'b>>>>;

    #[inline(always)]
    fn run<V: F64x4>(self, scratch: &mut Scratch) -> Self::Output {
        let Self { sweep, segments: Segments { bars, .. }, unit } = self;
        let buffer = &mut scratch.segments.buffer;
        let sizes = (*bars, sweep.unit_sets);
        segments::find_representatives(&sweep.prepared, sizes, unit, buffer)
    }
}

/// A unit to be computed.
struct Compute<'a, 'b> {
    sweep: &'a Sweep,
    unit: WorkUnit<Cells<'b>>,
}

impl Job for Compute<'_, '_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<V: F64x4>(self, scratch: &mut Scratch) -> Self::Output {
        let (prepared, WorkUnit { mut sets, entries }) = (&self.sweep.prepared, self.unit);
        let Scratch { stops, lockstep, coalesced, .. } = scratch;
        prepared.build_exits(&mut sets, stops)?;
        let StopScratch { exits, distance, .. } = stops;
        match &self.sweep.method {
            Method::Coalesced(method) => {
                method.compute(prepared, &mut sets, entries, exits, (coalesced, distance));
            }
            Method::Lockstep(method) => {
                method.compute::<V>(prepared, &mut sets, entries, exits, (lockstep, distance));
            }
            Method::Segments(_) => {}
        }
        sets.iter_mut().for_each(StopSet::write_copies);
        Ok(())
    }
}

/// A unit of a long history to be computed.
struct ComputeSegments<'a, 'b> {
    sweep: &'a Sweep,
    segments: &'a Segments,
    unit: WorkUnit<Cells<'b>>,
}

impl Job for ComputeSegments<'_, '_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<V: F64x4>(self, scratch: &mut Scratch) -> Self::Output {
        let Self { sweep, segments, unit: WorkUnit { mut sets, entries } } = self;
        let Scratch { segments: scratch, stops, .. } = scratch;
        segments.compute::<V>(&sweep.prepared, &mut sets, entries, (scratch, stops))?;
        sets.iter_mut().for_each(StopSet::write_copies);
        Ok(())
    }
}

/// A unit whose extended figures are to be computed.
struct ComputeExtended<'a, 'b> {
    sweep: &'a Sweep,
    unit: WorkUnit<ExtendedCells<'b>>,
}

impl Job for ComputeExtended<'_, '_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<V: F64x4>(self, scratch: &mut Scratch) -> Self::Output {
        let Self { sweep: Sweep { prepared, extended, .. }, unit } = self;
        extended.compute(prepared, unit, (&mut scratch.extended, &mut scratch.stops))
    }
}

#[cfg(test)]
mod modes_tests;
#[cfg(test)]
mod tests;
