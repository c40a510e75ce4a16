//! Work units of coalesced paths, segment by segment.

use std::ops::Range;

use super::coalesced::{
    PhaseCheckpoint, RecordedTouch, SellCursor, TouchRecorder, run_segment, set_buy, set_sells,
};
use super::segment::Segment;
use super::stops::begin_ranges;
use crate::engine::first_touch::{FirstTouchCursor, StartRange};
use crate::error::Result;
use crate::figures::{Cells, Columns};
use crate::strategies::atr_d::factored::coalesced::{
    self, ACCOUNT_LANES, AccountLanes, Advance, Deferred, FilterBatch, FinishedPhase, PATHS,
    PathAccounts, PhaseSlot, Plan, StateTable, Tables, write_cells,
};
use crate::strategies::atr_d::factored::history::DistanceBuffer;
use crate::strategies::atr_d::factored::layout::EntryIndex;
use crate::strategies::atr_d::factored::order_tables::ExitTable;
use crate::strategies::atr_d::factored::prepared::Prepared;
use crate::strategies::atr_d::factored::stop_sets::StopSet;

/// The paths of a unit and a batch of filters, and the orders that lead them.
#[derive(Debug, Default)]
pub(super) struct CoalescedPaths {
    /// By entry.
    buys: Vec<FirstTouchCursor>,
    ranges: Vec<StartRange>,
    /// By entry and multiplier.
    sells: Vec<SellCursor>,
    /// By entry, multiplier, price, stop set and phase group of the plan.
    checkpoints: Vec<PhaseCheckpoint>,
    /// The accounts of each pass.
    lanes: Vec<AccountLanes>,
    deferred: Vec<Deferred>,
    /// Which combinations of entry, multiplier and price are asked for.
    wanted: Vec<bool>,
    scratch: coalesced::Scratch,
}

/// Bytes of all that is kept of a stop set's paths of one order between two segments.
pub(super) fn checkpoint_bytes(plan: &Plan) -> usize {
    let lanes = plan.batches.iter().map(FilterBatch::lanes).max().unwrap_or(0);
    let slots = plan.batches.iter().map(|batch| batch.slots.len()).max().unwrap_or(0);
    let checkpoint = size_of::<PhaseCheckpoint>() + slots * size_of::<Option<PhaseSlot>>();
    // Few paths are in states of their own.
    let deferred = lanes * ACCOUNT_LANES / 4 * size_of::<Deferred>();
    plan.groups.len().max(1) * (lanes * size_of::<AccountLanes>() + checkpoint + deferred)
}

/// Bytes of what is kept of all paths of a unit, and of the filters, with so many rows in a
/// segment.
pub(super) fn held_bytes(
    prepared: &Prepared,
    plan: &Plan,
    (entries, sets): (usize, usize),
    rows: usize,
) -> usize {
    let layout = &prepared.layout;
    let orders = (2 * entries).min(layout.entries) * layout.multipliers;
    let passes = orders * layout.prices * sets;
    // The filters, and the distances that tell when they are open.
    let filters = prepared.history.len() * (size_of::<u64>() + size_of::<f64>());
    passes * checkpoint_bytes(plan) + orders * rows * size_of::<RecordedTouch>() + filters
}

impl CoalescedPaths {
    /// Puts the paths of a batch at the beginning of their phases.
    pub fn begin(
        &mut self,
        prepared: &Prepared,
        (plan, batch): (&Plan, &FilterBatch),
        (sets, entries): (&[StopSet<Cells<'_>>], &Range<usize>),
        distance: &mut Vec<f64>,
    ) {
        let (layout, history) = (&prepared.layout, &prepared.history);
        self.scratch.sells.set_filters(prepared, batch, distance);
        self.buys.clear();
        self.buys.resize(entries.len(), history.entry_bars(true).begin());
        self.sells.clear();
        self.sells.resize(entries.len() * layout.multipliers, SellCursor::new(batch.count));
        let items = entries.len() * layout.multipliers * layout.prices;
        self.checkpoints.clear();
        for _ in 0..items * sets.len() {
            let groups = plan.groups.iter();
            self.checkpoints.extend(groups.map(|g| PhaseCheckpoint::new(&g.slots, batch)));
        }
        self.lanes.clear();
        self.lanes.resize(self.checkpoints.len() * batch.lanes(), AccountLanes::default());
        let is_wanted = |at: usize| {
            let (price, order) = (at % layout.prices, at / layout.prices);
            let multiplier = order % layout.multipliers;
            let entry = entries.start + order / layout.multipliers;
            let index = |filter| EntryIndex { entry, price, multiplier, filter };
            batch.filters().any(|filter| prepared.is_wanted(sets, index(filter)))
        };
        self.wanted.clear();
        self.wanted.extend((0..items).map(is_wanted));
    }

    /// Takes all paths of a batch through a segment.
    #[inline(always)]
    pub fn advance(
        &mut self,
        prepared: &Prepared,
        segment: Segment,
        (plan, batch): (&Plan, &FilterBatch),
        (sets, entries): (&mut [StopSet<Cells<'_>>], &Range<usize>),
        (exits, buffer): (&[ExitTable], &mut DistanceBuffer),
    ) -> Result<()> {
        let (layout, history, series) = (&prepared.layout, &prepared.history, prepared.series());
        let (per_unit, shared_ways) = (&history.per_unit, history.shared_ways());
        let Self { buys, ranges, sells: cursors, checkpoints, lanes, deferred, wanted, scratch } =
            self;
        let coalesced::Scratch { buy, buy_excursions, sells, buffers, .. } = scratch;
        buffers.resize(segment.len as usize);
        let (prices, until) = (layout.prices, segment.end() as usize);
        let (size, each) = (batch.lanes(), sets.len() * plan.groups.len());
        // No sell is asked for behind the last stop and the last buy of the segment.
        let last = segment.len as usize - 1;
        let stops = exits[..sets.len() * prices].iter().map(|exits| exits.times[last].bar());
        let stops = stops.fold(0, u32::max);
        for (entry, buys) in entries.clone().zip(buys) {
            begin_ranges(ranges, buys);
            let order = &layout.buys[entry];
            history.resume_entry(series, order, true, until, (buys, &mut *buffer), ranges);
            set_buy(buy, buy_excursions, segment, ranges, prepared);
            let horizon = stops.max(buy.order.times[last].bar()) as usize;
            for multiplier in 0..layout.multipliers {
                let order = (entry - entries.start) * layout.multipliers + multiplier;
                let on = &mut cursors[order];
                let sell = &layout.sells[entry * layout.multipliers + multiplier];
                let next = (horizon + 1).min(history.len()).max(on.bar);
                let mut recorder = TouchRecorder {
                    open: &sells.open,
                    pending: &mut on.pending,
                    touches: &mut on.touches,
                };
                let with = (&mut *buffer, &mut on.stack);
                history.visit_sell_in(series, sell, on.bar..next, with, &mut recorder);
                on.bar = next;
                set_sells(sells, segment, prepared, batch, on);
                for price in (0..prices).filter(|price| wanted[order * prices + price]) {
                    let index = EntryIndex { entry, price, multiplier, filter: batch.first };
                    let first = (order * prices + price) * each;
                    let of_sets = checkpoints[first..first + each].chunks_mut(plan.groups.len());
                    for (i, (set, checkpoints)) in sets.iter_mut().zip(of_sets).enumerate() {
                        let exits = &exits[i * prices + price];
                        let (buy, buy_excursions, sells) = (&*buy, &buy_excursions[..], &*sells);
                        let tables = Tables {
                            per_unit,
                            buy,
                            buy_excursions,
                            sells,
                            exits,
                            multiplier,
                            shared_ways,
                        };
                        let groups = plan.groups.iter().zip(checkpoints).enumerate();
                        for (g, (group, checkpoint)) in groups {
                            // No path has come so far, or all are finished.
                            let is_last = until == history.len();
                            let is_later = |one: &Deferred| one.since >= segment.end();
                            if !is_last && checkpoint.deferred.iter().all(is_later) {
                                continue;
                            }
                            let at = (first + i * plan.groups.len() + g) * size;
                            let mut settled = Ok(());
                            let mut out = |finished: FinishedPhase<'_>| {
                                write_cells(layout, set, index, batch, &finished);
                                if !finished.may_be_ruined.is_empty() && settled.is_ok() {
                                    settled = settle(prepared, set, index, batch, &finished);
                                }
                            };
                            deferred.clear();
                            let advance = Advance::<true> {
                                tables,
                                group,
                                states: StateTable {
                                    states: &mut buffers.states,
                                    occupied: &mut buffers.occupied,
                                    first: segment.first,
                                    end: segment.end(),
                                    deferred,
                                },
                                accounts: PathAccounts {
                                    per_unit,
                                    batch,
                                    lanes: &mut lanes[at..at + size],
                                    figures: buffers
                                        .figures
                                        .get_or_insert_with(|| Columns::unwritten(PATHS)),
                                    slots: std::mem::take(&mut checkpoint.slots),
                                    may_be_ruined: checkpoint.may_be_ruined,
                                },
                                rows: segment.rows(),
                                progress: checkpoint.progress,
                                out: &mut out,
                            };
                            run_segment(advance, checkpoint, is_last);
                            settled?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Settles paths that a trade may have ruined trade by trade.
#[cold]
#[inline(never)]
fn settle(
    prepared: &Prepared,
    set: &mut StopSet<Cells<'_>>,
    index: EntryIndex,
    batch: &FilterBatch,
    finished: &FinishedPhase<'_>,
) -> Result<()> {
    for cell in finished.cells_to_settle() {
        let (mode, filter, both) = batch.cell(cell, &prepared.layout);
        let index = EntryIndex { filter: index.filter + filter, ..index };
        let at = prepared.layout.position(index, mode, both);
        if let Some(cell) = set.computed.cell(at) {
            let phase = finished.phase;
            let figures = prepared.settle_alone(set.index, index, (mode, both), phase)?;
            set.computed.phases[phase].set(cell, figures);
        }
    }
    Ok(())
}
