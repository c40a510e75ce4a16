//! Work units of long histories.

use std::ops::Range;

use super::coalesced_unit::{CoalescedPaths, checkpoint_bytes, held_bytes};
use super::lockstep::PathCheckpoint;
use super::lockstep_unit::LockstepPaths;
use super::segment::Segment;
use super::stops::StopCursors;
use crate::engine::f64x4::F64x4;
use crate::engine::first_touch::{FirstTouchCursor, StartRange};
use crate::error::Result;
use crate::figures::Cells;
use crate::strategies::atr_d::factored::coalesced::{Coalesced, Plan, most_filters};
use crate::strategies::atr_d::factored::entry_filter::FilterState;
use crate::strategies::atr_d::factored::history::DistanceBuffer;
use crate::strategies::atr_d::factored::lockstep::LANES;
use crate::strategies::atr_d::factored::prepared::{EXIT_BYTES, Prepared, StopScratch};
use crate::strategies::atr_d::factored::schedule::UNIT_PATHS;
use crate::strategies::atr_d::factored::stop_sets::StopSet;

/// Bars of the longest history that has tables in full.
pub(in super::super) const LONGEST: usize = 8192;
/// What the exit tables of a unit may take in a segment. Paths read the bars of their exits first,
/// a twelfth of it, which fits a second cache; the rows of excursions are known early.
const UNIT_BYTES: usize = 3 << 20;
/// What may be kept of coalesced paths between two segments.
const HELD_BYTES: usize = 4 << 20;
/// Most stop sets of a unit: the tables of each entry are built once for all of them.
const MOST_SETS: usize = 32;
/// Fewest and most bars of a segment: paths change segments at the cost of some trades.
const BARS: Range<usize> = 1024..4096;

/// Work units of a history that goes through in segments.
#[derive(Debug)]
pub(in super::super) struct Segments {
    /// Bars of a segment.
    pub bars: usize,
    /// Stop sets of a unit.
    pub sets: usize,
    /// How paths are coalesced, where there are modes.
    plan: Option<Plan>,
}

/// What a worker keeps from segment to segment.
#[derive(Debug, Default)]
pub(in super::super) struct Scratch {
    pub buffer: DistanceBuffer,
    stops: StopCursors,
    lockstep: LockstepPaths,
    coalesced: CoalescedPaths,
}

impl Segments {
    /// Segments of so many bars, or of a number that suits.
    pub fn new(prepared: &Prepared, bars: Option<usize>) -> Self {
        let each = prepared.layout.prices * prepared.tables() * EXIT_BYTES;
        let sets = (UNIT_BYTES / (BARS.start * each)).clamp(LANES, MOST_SETS);
        let suits = (UNIT_BYTES / (sets * each)).clamp(BARS.start, BARS.end);
        let bars = bars.unwrap_or(suits);
        let plan = || Plan::of(&prepared.layout, &prepared.history, most_filters(bars));
        Self { bars, sets, plan: prepared.task.kernel.modes.then(plan) }
    }

    /// Fewest entry sets of a unit, so that its exit tables are worth building.
    pub fn unit_entries(&self, prepared: &Prepared) -> usize {
        let layout = &prepared.layout;
        if let Some(plan) = &self.plan {
            let passes = layout.prices * layout.multipliers * self.sets;
            (HELD_BYTES / (passes * checkpoint_bytes(plan))).max(1)
        } else {
            let paths = self.sets * prepared.history.phases.len().max(1);
            UNIT_PATHS.div_ceil(layout.entry_set_len() * paths)
        }
    }

    /// Bytes that a worker holds.
    pub fn worker_bytes(&self, prepared: &Prepared) -> usize {
        let layout = &prepared.layout;
        let rows = self.bars + LANES + 1;
        let tables = layout.prices * prepared.tables();
        let stops = self.sets * tables * (rows * EXIT_BYTES + size_of::<FirstTouchCursor>());
        let states = prepared.filter_states.len() * size_of::<FilterState>();
        let entries = self.unit_entries(prepared);
        if let Some(plan) = &self.plan {
            let held = held_bytes(prepared, plan, (entries, self.sets), rows);
            return stops + rows * Coalesced::worker_bytes(plan) + held;
        }
        // The intervals of one order, or of a buy and a sell; and the buffer.
        let ranges = 3 * size_of::<StartRange>() + 3 * 8;
        let orders = rows * (prepared.entry_bytes() + states + ranges);
        // A unit has at most twice the entries that it needs.
        let entries = (2 * entries).min(layout.entries);
        let paths = entries * layout.entry_set_len() * self.sets * prepared.history.phases.len();
        stops + orders + paths * size_of::<PathCheckpoint>()
    }

    /// Computes a unit, segment by segment.
    #[inline(always)]
    pub fn compute<V: F64x4>(
        &self,
        prepared: &Prepared,
        sets: &mut [StopSet<Cells<'_>>],
        entries: Range<usize>,
        (scratch, stops): (&mut Scratch, &mut StopScratch),
    ) -> Result<()> {
        let StopScratch { exits, distance, .. } = stops;
        let Scratch { buffer, stops, lockstep, coalesced } = scratch;
        let n = prepared.history.len();
        let segments = (0..n)
            .step_by(self.bars)
            .map(|first| Segment { first: first as u32, len: self.bars.min(n - first) as u32 });
        if let Some(plan) = &self.plan {
            for batch in &plan.batches {
                stops.begin(prepared, sets, exits);
                coalesced.begin(prepared, (plan, batch), (sets, &entries), distance);
                for segment in segments.clone() {
                    stops.set_exits(prepared, segment, sets, (exits, &mut *buffer))?;
                    let (unit, tables) = ((&mut *sets, &entries), (&exits[..], &mut *buffer));
                    coalesced.advance(prepared, segment, (plan, batch), unit, tables)?;
                }
            }
            return Ok(());
        }
        stops.begin(prepared, sets, exits);
        lockstep.begin(prepared, sets.len(), &entries);
        for segment in segments {
            stops.set_exits(prepared, segment, sets, (exits, &mut *buffer))?;
            let (unit, tables) = ((&*sets, &entries), (&exits[..], &mut *buffer));
            lockstep.advance::<V>(prepared, segment, unit, tables);
        }
        lockstep.write(prepared, sets, entries)
    }
}
