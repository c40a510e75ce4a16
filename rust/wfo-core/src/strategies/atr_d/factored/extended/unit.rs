//! Work units of the extended figures.

use super::accumulate::Accumulator;
use super::returns::CloseReturns;
use super::short_marks::{MOST_ROWS, MarkSummary, ShortMarks};
use crate::engine::first_touch::{FirstTouch, SignedBars};
use crate::error::Result;
use crate::execution::extended::Extended;
use crate::execution::settings::{AccountSettings, Sizing};
use crate::figures::{ExtendedCells, SplitCells};
use crate::strategies::atr_d::factored::entry_filter::{EntryFilter, FilterParams};
use crate::strategies::atr_d::factored::layout::EntryIndex;
use crate::strategies::atr_d::factored::path::{self, Orders, Trade};
use crate::strategies::atr_d::factored::prepared::{Prepared, StopScratch};
use crate::strategies::atr_d::factored::schedule::WorkUnit;
use crate::strategies::atr_d::factored::stop_sets::{CellSlice, StopConsumer, StopSet};

/// What the tables of a unit's stops may take.
const TABLES_BYTES: usize = 4 << 20;
/// Bytes of a first-touch table, by bar.
const TABLE_BYTES: usize = 4 + 8;
/// Most stop sets of a unit: the tables of each entry are built once for all of them.
const MOST_SETS: usize = 32;

/// Why the extended figures cannot be computed with these settings, where they cannot.
pub(in super::super) fn lacks(account: &AccountSettings) -> Option<String> {
    let compounds = account.sizing == Sizing::Compound && account.lot_size == 0.0;
    (!compounds).then(|| {
        "its extended figures need trades that take the whole equity: compound sizing, no lots"
            .to_owned()
    })
}

/// What the work units of the extended figures share.
#[derive(Debug)]
pub(in super::super) struct ExtendedFigures {
    /// Where the task asks for them.
    returns: Option<CloseReturns>,
}

/// What a worker reuses from unit to unit.
#[derive(Debug, Default)]
pub(in super::super) struct Scratch {
    distance: Vec<f64>,
    /// By stop set, price and table.
    stops: Vec<FirstTouch>,
    buy: FirstTouch,
    /// By veto.
    sells: Vec<FirstTouch>,
    shorts: ShortMarks,
    sequences: TradeSequences,
}

/// The different sequences of trades that combinations of one stop set and entry have made in a
/// phase: modes and filters often change nothing.
#[derive(Debug, Default)]
struct TradeSequences {
    /// Where each sequence ends in `trades`, and the first cell that made it.
    ends: Vec<(usize, usize)>,
    trades: Vec<Trade>,
    /// The trades of the combination at hand.
    next: Vec<Trade>,
}

impl TradeSequences {
    fn clear(&mut self) {
        self.ends.clear();
        self.trades.clear();
    }

    /// The first cell that made the same trades; where there is none, `cell` is from now on.
    fn known(&mut self, cell: usize) -> Option<usize> {
        let mut start = 0;
        for &(end, cell) in &self.ends {
            let trades = &self.trades[start..end];
            if trades.len() == self.next.len()
                && trades.last() == self.next.last()
                && trades == self.next
            {
                return Some(cell);
            }
            start = end;
        }
        self.trades.extend_from_slice(&self.next);
        self.ends.push((self.trades.len(), cell));
        None
    }
}

/// A consumer of stops that computes their first-touch tables, one after the other.
struct TableConsumer<'a> {
    tables: std::slice::IterMut<'a, FirstTouch>,
}

impl StopConsumer for TableConsumer<'_> {
    #[inline(always)]
    fn take(&mut self, bars: &SignedBars, distance: &[f64]) {
        if let Some(table) = self.tables.next() {
            bars.trail_extreme(distance, table);
        }
    }
}

/// The returns of the history's closes.
fn returns(prepared: &Prepared) -> CloseReturns {
    let Prepared { task, history, .. } = prepared;
    CloseReturns::new(history.per_unit.closes(), &history.bars, task.labels.as_ref())
}

/// Stop sets of a unit.
pub(in super::super) fn unit_sets(prepared: &Prepared) -> usize {
    let tables = prepared.layout.prices * prepared.tables();
    let each = TABLE_BYTES * prepared.history.len().max(1) * tables;
    (TABLES_BYTES / each).clamp(1, MOST_SETS)
}

/// Bytes that each worker holds for the extended figures.
pub(in super::super) fn worker_bytes(prepared: &Prepared) -> usize {
    let stops = unit_sets(prepared) * prepared.layout.prices * prepared.tables();
    let entries = 1 + if prepared.shorts() { prepared.layout.filters.len() } else { 0 };
    let marks = MOST_ROWS * size_of::<MarkSummary>();
    (stops + entries) * TABLE_BYTES * prepared.history.len() + marks
}

impl ExtendedFigures {
    /// Prepares a sweep.
    pub fn new(prepared: &Prepared) -> Self {
        Self { returns: prepared.task.extended.then(|| returns(prepared)) }
    }

    /// Computes the extended figures of a unit.
    #[inline(always)]
    pub fn compute(
        &self,
        prepared: &Prepared,
        unit: WorkUnit<ExtendedCells<'_>>,
        (scratch, stop_scratch): (&mut Scratch, &mut StopScratch),
    ) -> Result<()> {
        let WorkUnit { mut sets, entries } = unit;
        let labels = prepared.task.labels.as_ref();
        let (layout, history, series) = (&prepared.layout, &prepared.history, prepared.series());
        let own;
        let returns = match &self.returns {
            Some(shared) => shared,
            None => {
                own = returns(prepared);
                &own
            }
        };
        build_tables(prepared, &sets, &mut scratch.stops, stop_scratch)?;
        let Scratch { distance, stops, buy, sells, shorts: marks, sequences } = scratch;
        let mut accumulator =
            Accumulator { prepared, returns, shorts: marks, extended: Extended::new(labels) };
        let (shorts, hull) = (prepared.shorts(), prepared.task.kernel.hull);
        // Sells that differ, and whether combinations of a stop set and an entry may trade alike.
        let filtered = if hull { 1 } else { layout.filters.len() };
        let may_repeat = prepared.task.kernel.modes;
        let per_set = layout.prices * prepared.tables();
        for entry in entries {
            let (mut is_built, mut built) = (false, None);
            for (multiplier, price) in pairs(layout.multipliers, layout.prices) {
                let filters = 0..layout.filters.len();
                let index = |filter| EntryIndex { entry, price, multiplier, filter };
                if !filters.clone().any(|filter| prepared.is_wanted(&sets, index(filter))) {
                    continue;
                }
                // Filters of Hull averages are looked up on the way; a veto hides sells alone, and
                // depends on no price method.
                let filter = |filter: usize| match &layout.filters[filter] {
                    FilterParams::Hull { .. } => EntryFilter::Unfiltered,
                    filter => EntryFilter::new(series, filter, layout.methods[0]),
                };
                if !is_built {
                    let order = &layout.buys[entry];
                    history.entry(series, order, true, &EntryFilter::Unfiltered, distance, buy);
                    is_built = true;
                }
                if shorts && built != Some(multiplier) {
                    let order = &layout.sells[entry * layout.multipliers + multiplier];
                    sells.resize_with(filtered, FirstTouch::default);
                    for (i, table) in (0..filtered).zip(&mut *sells) {
                        history.entry(series, order, false, &filter(i), distance, table);
                    }
                    accumulator.shorts.clear(history.len());
                    built = Some(multiplier);
                }
                for (set, stops) in sets.iter_mut().zip(stops.chunks(per_set)) {
                    let stops = &stops[price * prepared.tables()..];
                    let orders = |filter: usize, mode: usize, both: usize| Orders {
                        buy: buy.view(),
                        long_stop: stops[0].view(),
                        short: shorts.then(|| {
                            let sell = &sells[filter.min(filtered - 1)];
                            (sell.view(), stops[1 + multiplier].view())
                        }),
                        entry_mode: layout.entry_modes[mode],
                        both_triggered: layout.both_modes[both],
                        shared_ways: history.shared_ways(),
                    };
                    let CellSlice { first, len, .. } = set.computed;
                    let cell = |at: usize| at.checked_sub(first).filter(|&cell| cell < len);
                    let phases = set.computed.phases.iter_mut().zip(&history.phases);
                    for (cells, &phase) in phases.filter(|(cells, _)| !cells.is_empty()) {
                        sequences.clear();
                        let modes = (layout.entry_modes.len(), layout.both_modes.len());
                        for filter in filters.clone() {
                            for (mode, both) in pairs(modes.0, modes.1) {
                                let at = layout.position(index(filter), mode, both);
                                let Some(cell) = cell(at) else { continue };
                                let (orders, out) =
                                    (orders(filter, mode, both), &mut sequences.next);
                                if hull {
                                    let states =
                                        &prepared.filter_states[filter * layout.prices + price];
                                    let opens = history.opens();
                                    path::filtered_trade_sequence(
                                        &orders, states, opens, phase, out,
                                    );
                                } else {
                                    path::trade_sequence(&orders, phase, out);
                                }
                                match may_repeat.then(|| sequences.known(cell)).flatten() {
                                    Some(known) => cells.repeat(known, cell),
                                    None => {
                                        accumulator.add_up(&sequences.next, phase);
                                        let extended = &accumulator.extended;
                                        cells.set(cell, &extended.parts(), extended.sums());
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        sets.iter_mut().for_each(StopSet::write_copies);
        Ok(())
    }
}

/// Computes the first-touch tables of the stops of some stop sets.
#[inline(always)]
fn build_tables(
    prepared: &Prepared,
    sets: &[StopSet<ExtendedCells<'_>>],
    tables: &mut Vec<FirstTouch>,
    scratch: &mut StopScratch,
) -> Result<()> {
    let StopScratch { tightening, distance, .. } = scratch;
    let (bars, per_set) = (prepared.history.len(), prepared.layout.prices * prepared.tables());
    tables.resize_with(sets.len() * per_set, FirstTouch::default);
    for (set, tables) in sets.iter().zip(tables.chunks_mut(per_set)) {
        if let Some(ranges) = &set.ranges {
            // Each stop's last interval reaches behind the last bar.
            let each = ranges.chunk_by(|range, next| range.end < next.end);
            tables.iter_mut().zip(each).for_each(|(table, ranges)| table.set(bars, ranges));
        } else {
            let mut consumer = TableConsumer { tables: tables.iter_mut() };
            prepared.stops(set.index, tightening, distance, &mut consumer)?;
        }
    }
    Ok(())
}

/// All pairs of two positions, the second varying fastest.
fn pairs(first: usize, second: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..first).flat_map(move |a| (0..second).map(move |b| (a, b)))
}
