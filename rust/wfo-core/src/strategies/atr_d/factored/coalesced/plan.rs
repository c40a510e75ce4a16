//! How the cells and phases of a sweep become bits of path sets.

use std::ops::Range;

use super::accounts::ACCOUNT_LANES;
use super::path_set::{PATHS, PathSet};
use crate::strategies::atr_d::factored::history::History;
use crate::strategies::atr_d::factored::layout::Layout;
use crate::strategies::atr_d::factored::path::PhaseBars;
use crate::strategies::atr_d::params::{BothTriggered, EntryMode};

/// A phase and the slot that it takes.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct PhaseSlot {
    pub phase: usize,
    pub slot: usize,
    pub bars: PhaseBars,
}

/// Phases that are computed together.
#[derive(Debug)]
pub(in super::super) struct PhaseGroup {
    /// In order of their first bars.
    pub slots: Vec<PhaseSlot>,
    /// Where in-sample parts and phases end, in order.
    pub boundaries: Vec<u32>,
}

/// Some filters, and the paths of each.
#[derive(Debug, Default)]
pub(in super::super) struct FilterBatch {
    /// The first filter, and how many.
    pub first: usize,
    pub count: usize,
    /// Paths of a slot.
    pub cells: usize,
    pub slots: Vec<PathSet>,
    pub by_filter: Vec<PathSet>,
    /// Paths in which a buy reverses a short.
    pub buy_reverses: PathSet,
    /// Paths in which a sell reverses a long, too.
    pub sell_reverses: PathSet,
    /// Paths in which a buy and a sell of one bar both fill.
    pub both_fill: PathSet,
}

impl FilterBatch {
    pub fn filters(&self) -> Range<usize> {
        self.first..self.first + self.count
    }

    /// Mode, filter and both-triggered mode of a cell, the filter counted from the first one.
    pub fn cell(&self, cell: usize, layout: &Layout) -> (usize, usize, usize) {
        let boths = layout.both_modes.len();
        (cell / boths / self.count, cell / boths % self.count, cell % boths)
    }

    /// Account lanes of its paths.
    pub fn lanes(&self) -> usize {
        (self.slots.len() * self.cells).div_ceil(ACCOUNT_LANES)
    }
}

/// How the cells and phases of a sweep become bits of path sets.
#[derive(Debug)]
pub(in super::super) struct Plan {
    pub groups: Vec<PhaseGroup>,
    pub batches: Vec<FilterBatch>,
}

impl Plan {
    /// Gives slots to all phases, and takes at most `most` filters at a time.
    pub(super) fn new(
        phases: &[PhaseBars],
        filters: usize,
        most: usize,
        (modes, boths): (&[EntryMode], &[BothTriggered]),
    ) -> Self {
        let mut order: Vec<usize> = (0..phases.len()).collect();
        order.sort_by_key(|&phase| phases[phase].start);
        // By slot, when it is free again.
        let mut free: Vec<u32> = Vec::new();
        let mut all_slots = Vec::new();
        for phase in order {
            let bars = phases[phase];
            let slot = free.iter().position(|&end| end <= bars.start).unwrap_or(free.len());
            free.resize(free.len().max(slot + 1), 0);
            free[slot] = bars.end;
            all_slots.push(PhaseSlot { phase, slot, bars });
        }
        // The division of fewest passes, and among these the one of most phases in a pass.
        let each = modes.len() * boths.len();
        let fits = |slots: usize| (PATHS / (slots * each)).min(most).min(filters).min(64);
        let (_, slots) = (1..=free.len().max(1))
            .filter(|&slots| fits(slots) > 0)
            .map(|slots| (free.len().div_ceil(slots) * filters.div_ceil(fits(slots)), slots))
            .min_by_key(|&(passes, slots)| (passes, usize::MAX - slots))
            .unwrap_or((0, 0));
        if slots == 0 {
            return Self::of_single_paths(filters, each);
        }
        let groups = (0..free.len().div_ceil(slots)).map(|group| {
            let own = all_slots.iter().filter(|slot| slot.slot / slots == group);
            let slots: Vec<PhaseSlot> =
                own.map(|slot| PhaseSlot { slot: slot.slot % slots, ..*slot }).collect();
            let mut boundaries: Vec<u32> =
                slots.iter().flat_map(|slot| [slot.bars.split, slot.bars.end]).collect();
            boundaries.sort_unstable();
            PhaseGroup { slots, boundaries }
        });
        // Batches of about one size.
        let size = filters.div_ceil(filters.div_ceil(fits(slots)));
        let batches = (0..filters).step_by(size).map(|first| {
            let count = size.min(filters - first);
            let cells = each * count;
            let some = |wanted: &dyn Fn(usize, usize, usize) -> bool| {
                PathSet::of((0..slots * cells).filter(|path| {
                    let cell = path % cells;
                    let (mode, filter) = (cell / boths.len() / count, cell / boths.len() % count);
                    wanted(mode, filter, cell % boths.len())
                }))
            };
            FilterBatch {
                first,
                count,
                cells,
                slots: (0..slots).map(|s| PathSet::of(s * cells..(s + 1) * cells)).collect(),
                by_filter: (0..count).map(|wanted| some(&|_, f, _| f == wanted)).collect(),
                // [S5]
                buy_reverses: some(&|mode, _, _| modes[mode] >= EntryMode::LongPriority),
                // [S4]
                sell_reverses: some(&|mode, _, _| modes[mode] == EntryMode::FullReversal),
                // [S6] [S7]
                both_fill: some(&|_, _, both| boths[both] == BothTriggered::BothFill),
            }
        });
        Self { groups: groups.collect(), batches: batches.collect() }
    }

    /// No path sets: filters one by one, all of whose paths are settled alone.
    fn of_single_paths(filters: usize, cells: usize) -> Self {
        let batch = |first| FilterBatch { first, count: 1, cells, ..FilterBatch::default() };
        Self { groups: Vec::new(), batches: (0..filters).map(batch).collect() }
    }

    /// The plan of a sweep, with at most `most` filters at a time.
    pub fn of(layout: &Layout, history: &History, most: usize) -> Self {
        let Layout { filters, entry_modes, both_modes, .. } = layout;
        // Lots and fixed sizes are settled trade by trade.
        if !history.compounds() {
            return Self::of_single_paths(filters.len(), entry_modes.len() * both_modes.len());
        }
        Self::new(&history.phases, filters.len(), most, (entry_modes, both_modes))
    }

    /// Most filters in a batch.
    pub fn most_filters(&self) -> usize {
        self.batches.iter().map(|batch| batch.count).max().unwrap_or(0)
    }
}
