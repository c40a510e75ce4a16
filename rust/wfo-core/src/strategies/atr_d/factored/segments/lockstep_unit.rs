//! Work units in lane batches, segment by segment.

use std::ops::Range;

use super::entries::{FilteredBeyond, SegmentEntries, UnfilteredBeyond, states_of_segment};
use super::lockstep::{PathCheckpoint, run_segment};
use super::segment::Segment;
use super::stops::begin_ranges;
use crate::engine::excursion::{Long, Short};
use crate::engine::f64x4::F64x4;
use crate::engine::first_touch::FirstTouchCursor;
use crate::engine::lookup::IndexTable;
use crate::error::Result;
use crate::figures::Cells;
use crate::strategies::atr_d::factored::entry_filter::FilterState;
use crate::strategies::atr_d::factored::entry_lookup::{Filtered, Unfiltered};
use crate::strategies::atr_d::factored::history::DistanceBuffer;
use crate::strategies::atr_d::factored::layout::EntryIndex;
use crate::strategies::atr_d::factored::lockstep::{LANES, Path, TradeLists};
use crate::strategies::atr_d::factored::order_tables::ExitTable;
use crate::strategies::atr_d::factored::prepared::Prepared;
use crate::strategies::atr_d::factored::stop_sets::StopSet;

/// The paths of a unit, and the entries that lead them.
#[derive(Debug, Default)]
pub(super) struct LockstepPaths {
    /// By entry and multiplier, of the buy and the sell.
    cursors: Vec<[FirstTouchCursor; 2]>,
    /// By entry, multiplier, price, filter, phase and stop set.
    checkpoints: Vec<PathCheckpoint>,
    entries: SegmentEntries,
    /// By filter and price.
    states: Vec<IndexTable<FilterState>>,
    lists: TradeLists,
}

/// The paths of one combination of entries in a segment.
#[derive(Clone, Copy)]
struct EntryPaths {
    segment: Segment,
    index: EntryIndex,
    /// The place of its first path among the checkpoints.
    first: usize,
}

impl LockstepPaths {
    /// Puts all paths at the beginning of their phases.
    pub fn begin(&mut self, prepared: &Prepared, sets: usize, entries: &Range<usize>) {
        let (history, layout) = (&prepared.history, &prepared.layout);
        let [buys, sells] = [true, false].map(|buys| history.entry_bars(buys).begin());
        self.cursors.clear();
        self.cursors.resize(entries.len() * layout.multipliers, [buys, sells]);
        let capital = history.per_unit.capital;
        let orders = entries.len() * layout.multipliers;
        let items = orders * layout.prices * layout.filters.len();
        self.checkpoints.clear();
        self.checkpoints.reserve_exact(items * sets * history.phases.len());
        for _ in 0..items {
            for &phase in &history.phases {
                let paths = (0..sets).map(|_| PathCheckpoint::new(capital, phase));
                self.checkpoints.extend(paths);
            }
        }
    }

    /// Takes all paths through a segment.
    #[inline(always)]
    pub fn advance<V: F64x4>(
        &mut self,
        prepared: &Prepared,
        segment: Segment,
        (sets, entries): (&[StopSet<Cells<'_>>], &Range<usize>),
        (exits, buffer): (&[ExitTable], &mut DistanceBuffer),
    ) {
        let (hull, shorts) = (prepared.task.kernel.hull, prepared.shorts());
        let sides = if shorts { 2 } else { 1 };
        self.entries.begin(segment, sides, &prepared.at_opens);
        self.states.resize_with(prepared.filter_states.len(), IndexTable::default);
        for (local, states) in self.states.iter_mut().zip(&prepared.filter_states) {
            states_of_segment(states, segment, local);
        }
        for entry in entries.clone() {
            let (at, tables) = ((entry, entry - entries.start), (exits, &mut *buffer));
            match (hull, shorts) {
                (false, _) => {
                    self.advance_entry::<V, false, false>(prepared, segment, sets, at, tables);
                }
                (true, false) => {
                    self.advance_entry::<V, true, false>(prepared, segment, sets, at, tables);
                }
                (true, true) => {
                    self.advance_entry::<V, true, true>(prepared, segment, sets, at, tables);
                }
            }
        }
    }

    /// Takes all paths of an entry, the one at `at` in the unit, through a segment.
    #[inline(always)]
    fn advance_entry<V: F64x4, const FILTERED: bool, const SHORTS: bool>(
        &mut self,
        prepared: &Prepared,
        segment: Segment,
        sets: &[StopSet<Cells<'_>>],
        (entry, at): (usize, usize),
        (exits, buffer): (&[ExitTable], &mut DistanceBuffer),
    ) {
        let (series, history, layout) = (prepared.series(), &prepared.history, &prepared.layout);
        let paths = sets.len() * history.phases.len();
        let until = segment.end() as usize;
        for multiplier in 0..layout.multipliers {
            let order = at * layout.multipliers + multiplier;
            let Self { cursors, entries, .. } = self;
            let [buys, sells] = &mut cursors[order];
            begin_ranges(&mut entries.ranges[0], buys);
            let (buy, ranges) = (&layout.buys[entry], &mut entries.ranges[0]);
            history.resume_entry(series, buy, true, until, (buys, &mut *buffer), ranges);
            entries.set::<Long, FILTERED, SHORTS>(&history.per_unit, segment);
            if SHORTS {
                begin_ranges(&mut entries.ranges[1], sells);
                let sell = &layout.sells[entry * layout.multipliers + multiplier];
                let ranges = &mut entries.ranges[1];
                history.resume_entry(series, sell, false, until, (sells, &mut *buffer), ranges);
                entries.set::<Short, FILTERED, SHORTS>(&history.per_unit, segment);
            }
            for price in 0..layout.prices {
                for filter in 0..layout.filters.len() {
                    let index = EntryIndex { entry, price, multiplier, filter };
                    let place = (order * layout.prices + price) * layout.filters.len() + filter;
                    let cell = layout.position(index, 0, 0);
                    if sets.iter().any(|set| set.computed.cell(cell).is_some()) {
                        let of = EntryPaths { segment, index, first: place * paths };
                        self.advance_paths::<V, FILTERED, SHORTS>(prepared, of, sets.len(), exits);
                    }
                }
            }
        }
    }

    /// Takes the paths of a combination of entries through a segment.
    #[inline(always)]
    fn advance_paths<V: F64x4, const FILTERED: bool, const SHORTS: bool>(
        &mut self,
        prepared: &Prepared,
        of: EntryPaths,
        sets: usize,
        exits: &[ExitTable],
    ) {
        let EntryPaths { segment, index: EntryIndex { price, multiplier, filter, .. }, first } = of;
        let (history, prices) = (&prepared.history, prepared.layout.prices);
        let paths = sets * history.phases.len();
        let Self { checkpoints, entries, states, lists, .. } = self;
        let checkpoints = &mut checkpoints[first..first + paths];
        for (batch, some) in checkpoints.chunks_mut(LANES).enumerate() {
            if !some.iter().any(|one| one.is_in(segment)) {
                continue;
            }
            let mut lanes = [PathCheckpoint::finished(); LANES];
            lanes[..some.len()].copy_from_slice(some);
            for (row, one) in (segment.len..).zip(&lanes) {
                if let Some((bar, rate)) = one.opens().filter(|_| one.is_in(segment)) {
                    entries.lead::<FILTERED, SHORTS>(row, bar - segment.first, rate);
                    if FILTERED {
                        let always = FilterState::always(rate < 0.0);
                        states[filter * prices + price].set(row as usize, always);
                    }
                }
            }
            let paths = std::array::from_fn(|lane| {
                let i = (batch * LANES + lane).min(paths - 1);
                let (set, phase) = (i % sets, i / sets);
                let exits = &exits[set * prices + price];
                let boundaries = &history.boundaries[phase];
                Path { exits, phase: history.phases[phase], boundaries }
            });
            let (per_unit, ranges) = (&history.per_unit, &entries.ranges);
            let rates = &entries.rates[..];
            if FILTERED {
                let filter = filter * prices + price;
                let short = segment.rows() as u32 * (1 + multiplier as u32);
                let (states, touches) = (states[filter].view(), entries.times.view());
                let lookup = Filtered::<SHORTS> { states, touches, short };
                let at_opens = &prepared.at_opens[..];
                let states = &prepared.filter_states[filter][..];
                let beyond =
                    FilteredBeyond::<SHORTS> { segment, states, ranges, at_opens, per_unit };
                let (lookup, beyond) = ((lookup, rates), (segment, beyond));
                run_segment::<V, _, _, SHORTS>(per_unit, lookup, beyond, &paths, lists, &mut lanes);
            } else {
                let lookup = (Unfiltered { buys: entries.bars.view() }, rates);
                let ranges = &ranges[0];
                let beyond = (segment, UnfilteredBeyond { segment, ranges, per_unit });
                run_segment::<V, _, _, SHORTS>(per_unit, lookup, beyond, &paths, lists, &mut lanes);
            }
            some.copy_from_slice(&lanes[..some.len()]);
        }
    }

    /// Writes the figures of all paths.
    pub fn write(
        &self,
        prepared: &Prepared,
        sets: &mut [StopSet<Cells<'_>>],
        entries: Range<usize>,
    ) -> Result<()> {
        let (layout, count) = (&prepared.layout, sets.len());
        let mut checkpoints = self.checkpoints.iter();
        for entry in entries {
            for multiplier in 0..layout.multipliers {
                for price in 0..layout.prices {
                    for filter in 0..layout.filters.len() {
                        let index = EntryIndex { entry, price, multiplier, filter };
                        let at = layout.position(index, 0, 0);
                        let paths = 0..prepared.history.phases.len() * count;
                        for (i, one) in paths.zip(&mut checkpoints) {
                            let (set, phase) = (&mut sets[i % count], i / count);
                            let Some(cell) = set.computed.cell(at) else { continue };
                            let (mut figures, may_be_ruined) = one.figures();
                            if may_be_ruined {
                                figures = prepared.settle_alone(set.index, index, (0, 0), phase)?;
                            }
                            set.computed.phases[phase].set(cell, figures);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
