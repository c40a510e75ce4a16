//! Work units of strategies with modes: all of their paths, pass by pass.

use std::ops::Range;

use rayon::prelude::*;

use super::accounts::{ACCOUNT_LANES, AccountLanes};
use super::advance::{Advance, FinishedPhase, PhaseProgress, Tables};
use super::path_accounts::PathAccounts;
use super::path_set::{PATHS, PathSet};
use super::plan::{FilterBatch, Plan};
use super::sells::{SELL_BYTES, SellTable, most_filters};
use super::states::{BAR_BITS, KINDS, State, StateTable};
use crate::engine::excursion::{Excursion, Short};
use crate::engine::first_touch::FirstTouch;
use crate::figures::{Cells, Columns};
use crate::strategies::atr_d::factored::entry_filter::EntryFilter;
use crate::strategies::atr_d::factored::layout::{EntryIndex, Layout};
use crate::strategies::atr_d::factored::order_tables::{EntryTable, ExitTable};
use crate::strategies::atr_d::factored::path::{self, Trade};
use crate::strategies::atr_d::factored::prepared::Prepared;
use crate::strategies::atr_d::factored::stop_sets::StopSet;

/// Most stop sets in a work unit: they share what an entry costs, and the results of a stop set
/// take megabytes.
pub(in super::super) const UNIT_STOP_SETS: usize = 40;
/// Fewest cells of a stop set in a work unit, so that its exit tables are worth building.
pub(in super::super) const UNIT_CELLS: usize = 8192;
/// Bytes of a buy, by bar.
const BUY_BYTES: usize = 4 + 8 + 8;
/// Bytes of what a worker holds of entries, by bar: a buy with the excursions of shorts that it
/// closes, and states.
const STATES_BYTES: usize = (4 + 8 + 16) + 32 + KINDS * size_of::<State>() + 1 + 4 + 1 + 8 + 4;

/// Work units whose paths are coalesced.
#[derive(Debug)]
pub(in super::super) struct Coalesced {
    pub plan: Plan,
    /// The buys by entry set, where they are few enough to be kept.
    kept: Option<Vec<EntryTable>>,
}

/// What a worker reuses from unit to unit.
#[derive(Debug, Default)]
pub(in super::super) struct Scratch {
    /// The buy, where they are not kept, and the excursions of shorts that it closes.
    pub buy: EntryTable,
    pub buy_excursions: Vec<Excursion>,
    pub sells: SellTable,
    pub buffers: Buffers,
    single: SinglePaths,
}

/// What a worker reuses from pass to pass.
#[derive(Debug, Default)]
pub(in super::super) struct Buffers {
    lanes: Vec<AccountLanes>,
    /// Those that are not occupied have no meaning.
    pub states: Vec<State>,
    /// Which states are occupied; none between two passes.
    pub occupied: Vec<u64>,
    /// The figures of a phase, by cell.
    pub figures: Option<Columns>,
}

impl Buffers {
    pub fn resize(&mut self, bars: usize) {
        self.lanes.resize(PATHS / ACCOUNT_LANES, AccountLanes::default());
        self.states.resize(KINDS * bars, State::default());
        self.occupied.resize((BAR_BITS * bars).div_ceil(64), 0);
        self.figures.get_or_insert_with(|| Columns::unwritten(PATHS));
    }
}

/// Buffers for paths that are settled alone.
#[derive(Debug, Default)]
struct SinglePaths {
    /// Sells by filter of the batch, where they have been asked for.
    sells: Vec<Option<FirstTouch>>,
    distance: Vec<f64>,
    trades: Vec<Trade>,
}

/// The combinations of a batch in one stop set, and the buffers for those that are settled alone.
struct BatchCells<'a, 'b, 'c> {
    prepared: &'a Prepared,
    batch: &'a FilterBatch,
    index: EntryIndex,
    tables: Tables<'a>,
    set: &'b mut StopSet<Cells<'c>>,
    single: &'b mut SinglePaths,
}

impl Coalesced {
    /// Prepares a sweep; buys are kept where they take at most `kept_bytes`.
    pub fn new(prepared: &Prepared, kept_bytes: usize) -> Self {
        let (entries, bars) = (prepared.layout.entries, prepared.history.len());
        let build = |entry| {
            let (mut distance, mut table) = (Vec::new(), EntryTable::default());
            prepared.buy(entry, &EntryFilter::Unfiltered, &mut distance, &mut table);
            table
        };
        let is_small = entries * bars.max(1) * BUY_BYTES <= kept_bytes;
        Self {
            plan: Plan::of(&prepared.layout, &prepared.history, most_filters(bars)),
            kept: is_small.then(|| (0..entries).into_par_iter().map(build).collect()),
        }
    }

    /// Bytes of what a worker holds beside exit tables, by bar.
    pub fn worker_bytes(plan: &Plan) -> usize {
        STATES_BYTES + plan.most_filters() * SELL_BYTES
    }

    /// Computes all combinations of some stop sets with some entries.
    #[inline(always)]
    pub fn compute(
        &self,
        prepared: &Prepared,
        sets: &mut [StopSet<Cells<'_>>],
        entries: Range<usize>,
        exits: &[ExitTable],
        (scratch, distance): (&mut Scratch, &mut Vec<f64>),
    ) {
        let plan = &self.plan;
        let Layout { prices, multipliers, .. } = prepared.layout;
        let Scratch { buy: own, buy_excursions, sells, buffers, single } = scratch;
        let history = &prepared.history;
        let (per_unit, shared_ways) = (&history.per_unit, history.shared_ways());
        buffers.resize(history.len());
        let phases = 0..history.phases.len();
        let represented: Vec<Vec<bool>> = sets
            .iter()
            .map(|set| phases.clone().map(|phase| set.represents(phase)).collect())
            .collect();
        for batch in &plan.batches {
            sells.set_filters(prepared, batch, distance);
            for entry in entries.clone() {
                let buy = match &self.kept {
                    Some(kept) => &kept[entry],
                    None => {
                        prepared.buy(entry, &EntryFilter::Unfiltered, distance, own);
                        &*own
                    }
                };
                buy_excursions.clear();
                per_unit.append_excursions::<Short>(&buy.order, buy_excursions);
                for multiplier in 0..multipliers {
                    let index =
                        |price| EntryIndex { entry, price, multiplier, filter: batch.first };
                    let is_wanted = |&price: &usize| {
                        let index = |filter| EntryIndex { filter, ..index(price) };
                        batch.filters().any(|filter| prepared.is_wanted(sets, index(filter)))
                    };
                    let wanted: Vec<usize> = (0..prices).filter(is_wanted).collect();
                    if wanted.is_empty() {
                        continue;
                    }
                    if !plan.groups.is_empty() {
                        let sell = &prepared.layout.sells[entry * multipliers + multiplier];
                        sells.set(prepared, sell, batch, distance);
                    }
                    single.sells.clear();
                    single.sells.resize(batch.count, None);
                    for price in wanted {
                        for (set, represented) in sets.iter_mut().zip(&represented) {
                            let exits = &exits[set.slot * prices + price];
                            let (sells, buy_excursions) = (&*sells, &buy_excursions[..]);
                            let tables = Tables {
                                per_unit,
                                buy,
                                buy_excursions,
                                sells,
                                exits,
                                multiplier,
                                shared_ways,
                            };
                            let single = &mut *single;
                            let index = index(price);
                            let mut cells =
                                BatchCells { prepared, batch, index, tables, set, single };
                            run(plan, batch, tables, represented, buffers, &mut |phase| {
                                cells.write(&phase);
                            });
                            if plan.groups.is_empty() {
                                cells.settle_all(represented);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl BatchCells<'_, '_, '_> {
    /// Writes the figures of a finished phase.
    fn write(&mut self, phase: &FinishedPhase<'_>) {
        write_cells(&self.prepared.layout, self.set, self.index, self.batch, phase);
        for cell in phase.cells_to_settle() {
            let cell = self.batch.cell(cell, &self.prepared.layout);
            self.settle(cell, phase.phase);
        }
    }

    /// Settles every path alone.
    fn settle_all(&mut self, represented: &[bool]) {
        for phase in (0..represented.len()).filter(|&phase| represented[phase]) {
            for cell in 0..self.batch.cells {
                let cell = self.batch.cell(cell, &self.prepared.layout);
                self.settle(cell, phase);
            }
        }
    }

    /// Settles one phase of one cell trade by trade.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, (mode, filter, both): (usize, usize, usize), phase: usize) {
        let Self { prepared, tables: Tables { buy, exits, multiplier, .. }, set, .. } = self;
        let (layout, history) = (&prepared.layout, &prepared.history);
        let index = EntryIndex { filter: self.index.filter + filter, ..self.index };
        let at = layout.position(index, mode, both);
        let Some(cell) = set.computed.cell(at) else { return };
        let SinglePaths { sells, distance, trades } = &mut *self.single;
        let sell = sells[filter].get_or_insert_with(|| {
            let mut table = FirstTouch::default();
            let order = &layout.sells[index.entry * layout.multipliers + *multiplier];
            let (series, filter) = (prepared.series(), &layout.filters[index.filter]);
            let filter = EntryFilter::new(series, filter, layout.methods[index.price]);
            history.entry(series, order, false, &filter, distance, &mut table);
            table
        });
        let buy = buy.order.view();
        let orders = prepared.orders(buy, Some(sell.view()), exits, *multiplier, mode, both);
        path::trade_sequence(&orders, history.phases[phase], trades);
        let figures = history.settle(trades, history.phases[phase]);
        set.computed.phases[phase].set(cell, figures);
    }
}

/// Writes the figures of all cells of a finished phase, those that are not to be used too.
pub(in super::super) fn write_cells(
    layout: &Layout,
    set: &mut StopSet<Cells<'_>>,
    index: EntryIndex,
    batch: &FilterBatch,
    finished: &FinishedPhase<'_>,
) {
    let Layout { both_modes, filters, .. } = layout;
    // Cells of a mode follow each other, and those of the next mode where no filter is between.
    let is_whole = batch.count == filters.len();
    let consecutive = if is_whole { batch.cells } else { batch.count * both_modes.len() };
    let slice = &mut set.computed;
    let cells = slice.phases[finished.phase].len();
    for (mode, first) in (0..batch.cells).step_by(consecutive).enumerate() {
        let at = layout.position(index, mode, 0);
        // What of these is in the slice.
        let from = slice.first.clamp(at, at + consecutive);
        let to = (slice.first + cells).clamp(at, at + consecutive);
        if from < to {
            let some = first + from - at..first + to - at;
            slice.phases[finished.phase].set_run(from - slice.first, finished.figures, some);
        }
    }
}

/// Takes all cells of a batch through the phases that are `represented`; `out` takes each phase
/// that is finished, of the other ones with nothing in it.
#[inline(always)]
fn run(
    plan: &Plan,
    batch: &FilterBatch,
    tables: Tables<'_>,
    represented: &[bool],
    buffers: &mut Buffers,
    out: &mut dyn FnMut(FinishedPhase<'_>),
) {
    let Buffers { lanes, states, occupied, figures: Some(figures) } = buffers else { return };
    let per_unit = tables.per_unit;
    let bars = per_unit.closes().len();
    for group in &plan.groups {
        let deferred = &mut Vec::new();
        let advance = Advance::<false> {
            tables,
            group,
            states: StateTable { states, occupied, first: 0, end: bars as u32, deferred },
            accounts: PathAccounts {
                per_unit,
                batch,
                lanes,
                figures,
                slots: vec![None; batch.slots.len()],
                may_be_ruined: PathSet::default(),
            },
            rows: bars + 1,
            progress: PhaseProgress::default(),
            out,
        };
        advance.run(represented);
    }
}
