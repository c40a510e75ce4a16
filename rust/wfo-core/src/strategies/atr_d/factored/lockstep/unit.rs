//! Work units of strategies without modes: all of their paths, lane batch by lane batch.

use std::ops::Range;

use rayon::prelude::*;

use super::batch::run_lanes;
use super::lanes::{LANES, Lanes, Path, TradeLists};
use crate::engine::f64x4::F64x4;
use crate::engine::first_touch::FirstTouch;
use crate::engine::lookup::IndexTable;
use crate::figures::{Cells, Figures};
use crate::strategies::atr_d::factored::entry_filter::EntryFilter;
use crate::strategies::atr_d::factored::entry_lookup::{
    EntryLookup, EntryTouches, Filtered, Unfiltered,
};
use crate::strategies::atr_d::factored::layout::{EntryIndex, Layout};
use crate::strategies::atr_d::factored::order_tables::ExitTable;
use crate::strategies::atr_d::factored::path::{self, Trade};
use crate::strategies::atr_d::factored::prepared::Prepared;
use crate::strategies::atr_d::factored::stop_sets::StopSet;

/// Work units whose paths go through in lane batches.
#[derive(Debug)]
pub(in super::super) struct Lockstep {
    /// The entries by entry set and multiplier, where they are few enough to be kept.
    kept: Option<Vec<EntryTouches>>,
}

/// What a worker reuses from unit to unit.
#[derive(Debug, Default)]
pub(in super::super) struct Scratch {
    buy: FirstTouch,
    entries: EntryTouches,
    lists: TradeLists,
    settling: Settling,
}

/// Buffers for combinations that are settled trade by trade.
#[derive(Debug, Default)]
struct Settling {
    distance: Vec<f64>,
    trades: Vec<Trade>,
    /// Buy and sell of the last one, and which it was.
    orders: [FirstTouch; 2],
    built: Option<EntryIndex>,
}

/// A phase of a stop set that is computed: a path of each of its combinations, and their figures.
struct Computed<'a> {
    /// Which stop set of the unit it is.
    set: usize,
    phase: usize,
    /// Position in the stop set of the combination in the first cell.
    first: usize,
    cells: Cells<'a>,
}

impl Computed<'_> {
    /// The cell of the combination at a position in the stop set, where it is among these.
    #[inline(always)]
    fn cell(&self, at: usize) -> Option<usize> {
        at.checked_sub(self.first).filter(|&cell| cell < self.cells.len())
    }
}

/// Paths of a unit with one entry, and their tables.
struct EntryPaths<'a, 'b> {
    computed: &'a mut [Computed<'b>],
    /// The paths by eights, in the order of `computed`.
    lanes: &'a [Lanes<'a>],
    rates: &'a [f64],
    exits: &'a [ExitTable],
    lists: &'a mut TradeLists,
    settling: &'a mut Settling,
}

impl Lockstep {
    /// Prepares a sweep; entries are kept where they take at most `kept_bytes`.
    pub fn new(prepared: &Prepared, kept_bytes: usize) -> Self {
        let Layout { entries, multipliers, .. } = prepared.layout;
        let bars = prepared.history.len().max(1);
        let bytes = entries * bars * multipliers * prepared.entry_bytes();
        let build = |i| {
            let (mut distance, mut buy) = (Vec::new(), FirstTouch::default());
            let mut touches = EntryTouches::default();
            let (entry, multiplier) = (i / multipliers, i % multipliers);
            build_entry(prepared, entry, multiplier, (&mut distance, &mut buy), &mut touches);
            touches
        };
        let all = 0..entries * multipliers;
        Self { kept: (bytes <= kept_bytes).then(|| all.into_par_iter().map(build).collect()) }
    }

    /// Computes all combinations of some stop sets with some entries.
    #[inline(always)]
    pub fn compute<V: F64x4>(
        &self,
        prepared: &Prepared,
        sets: &mut [StopSet<Cells<'_>>],
        entries: Range<usize>,
        exits: &[ExitTable],
        (scratch, distance): (&mut Scratch, &mut Vec<f64>),
    ) {
        let (prices, history) = (prepared.layout.prices, &prepared.history);
        // Those of one phase stand together: their paths are of about one length.
        let mut computed = Vec::new();
        for phase in 0..history.phases.len() {
            for (i, set) in sets.iter_mut().enumerate().filter(|(_, set)| set.represents(phase)) {
                let cells = set.computed.take(phase);
                computed.push(Computed { set: i, phase, first: set.computed.first, cells });
            }
        }
        let lanes: Vec<Vec<Lanes<'_>>> = (0..prices)
            .map(|price| {
                let path = |of: &Computed<'_>| Path {
                    exits: &exits[sets[of.set].slot * prices + price],
                    phase: history.phases[of.phase],
                    boundaries: &history.boundaries[of.phase],
                };
                let lanes =
                    |some: &[Computed<'_>]| Lanes::new(&some.iter().map(path).collect::<Vec<_>>());
                computed.chunks(LANES).map(lanes).collect()
            })
            .collect();
        for entry in entries {
            let scratch = (&mut *scratch, &mut *distance);
            self.compute_entry::<V>(prepared, &mut computed, &lanes, entry, exits, scratch);
        }
        for Computed { set, phase, cells, .. } in computed {
            sets[set].computed.phases[phase] = cells;
        }
    }

    /// Computes all combinations of a unit with an entry.
    #[inline(always)]
    fn compute_entry<V: F64x4>(
        &self,
        prepared: &Prepared,
        computed: &mut [Computed<'_>],
        lanes: &[Vec<Lanes<'_>>],
        entry: usize,
        exits: &[ExitTable],
        (scratch, distance): (&mut Scratch, &mut Vec<f64>),
    ) {
        let Layout { prices, multipliers, .. } = prepared.layout;
        let Scratch { buy, entries: own, lists, settling } = scratch;
        let part = prepared.history.len() as u32 + 1;
        for multiplier in 0..multipliers {
            let touches = match &self.kept {
                Some(kept) => &kept[entry * multipliers + multiplier],
                None => {
                    build_entry(prepared, entry, multiplier, (&mut *distance, &mut *buy), own);
                    &*own
                }
            };
            let short = part * (1 + multiplier as u32);
            let EntryTouches { times, bars, rates } = touches;
            for (price, lanes) in lanes.iter().enumerate() {
                let mut paths = EntryPaths {
                    computed,
                    lanes,
                    rates,
                    exits,
                    lists: &mut *lists,
                    settling: &mut *settling,
                };
                for filter in 0..prepared.layout.filters.len() {
                    let index = EntryIndex { entry, price, multiplier, filter };
                    let states = prepared.filter_states.get(filter * prices + price);
                    let (states, touches) = (states.map(IndexTable::view), times.view());
                    match (states, prepared.shorts()) {
                        (None, _) => {
                            let lookup = Unfiltered { buys: bars.view() };
                            paths.compute::<V, _, false>(prepared, index, lookup);
                        }
                        (Some(states), false) => {
                            let lookup = Filtered::<false> { states, touches, short };
                            paths.compute::<V, _, false>(prepared, index, lookup);
                        }
                        (Some(states), true) => {
                            let lookup = Filtered::<true> { states, touches, short };
                            paths.compute::<V, _, true>(prepared, index, lookup);
                        }
                    }
                }
            }
        }
    }
}

impl EntryPaths<'_, '_> {
    /// Computes a combination of all stop sets of a unit that have it.
    #[inline(always)]
    fn compute<V: F64x4, L: EntryLookup, const SHORTS: bool>(
        &mut self,
        prepared: &Prepared,
        index: EntryIndex,
        lookup: L,
    ) {
        let Self { computed, lanes, rates, exits, lists, settling } = self;
        let at = prepared.layout.position(index, 0, 0);
        if !computed.iter().any(|one| one.cell(at).is_some()) {
            return;
        }
        let mut figures = [(Figures::NONE, true); LANES];
        for (lanes, computed) in lanes.iter().zip(computed.chunks_mut(LANES)) {
            // Lots and fixed sizes are settled trade by trade [M5] [M6].
            if prepared.history.compounds() {
                let per_unit = &prepared.history.per_unit;
                run_lanes::<V, L, SHORTS>(per_unit, lookup, rates, lanes, lists, &mut figures);
            }
            for (one, &(mut figures, may_be_ruined)) in computed.iter_mut().zip(&figures) {
                let Some(cell) = one.cell(at) else { continue };
                if may_be_ruined {
                    let exits = &exits[one.set * prepared.layout.prices + index.price];
                    figures = settle(prepared, exits, index, one.phase, settling);
                }
                one.cells.set(cell, figures);
            }
        }
    }
}

/// Computes the entries of an entry set and a multiplier.
#[inline(always)]
fn build_entry(
    prepared: &Prepared,
    entry: usize,
    multiplier: usize,
    (distance, buy): (&mut Vec<f64>, &mut FirstTouch),
    out: &mut EntryTouches,
) {
    let (series, history, layout) = (prepared.series(), &prepared.history, &prepared.layout);
    let filter = &EntryFilter::Unfiltered;
    history.entry(series, &layout.buys[entry], true, filter, distance, buy);
    let sell = layout.sells.get(entry * layout.multipliers + multiplier).map(|sell| {
        let mut table = FirstTouch::default();
        history.entry(series, sell, false, filter, distance, &mut table);
        table
    });
    out.set(&history.per_unit, buy, sell.as_ref(), &prepared.at_opens);
}

/// The figures of a combination by a sequence of trades and the direct engine's expressions.
#[cold]
#[inline(never)]
fn settle(
    prepared: &Prepared,
    exits: &ExitTable,
    index: EntryIndex,
    phase: usize,
    settling: &mut Settling,
) -> Figures {
    let EntryIndex { entry, price, multiplier, filter } = index;
    let Settling { distance, trades, orders: [buy, sell], built } = settling;
    let (series, history, layout) = (prepared.series(), &prepared.history, &prepared.layout);
    // The combinations of one entry are settled one after the other.
    if *built != Some(index) {
        let filter = EntryFilter::new(series, &layout.filters[filter], layout.methods[price]);
        history.entry(series, &layout.buys[entry], true, &filter, distance, buy);
        let order = entry * layout.multipliers + multiplier;
        if let Some(order) = layout.sells.get(order) {
            history.entry(series, order, false, &filter, distance, sell);
        }
        *built = Some(index);
    }
    let sell = prepared.shorts().then(|| sell.view());
    let orders = prepared.orders(buy.view(), sell, exits, multiplier, 0, 0);
    let bars = history.phases[phase];
    path::trade_sequence(&orders, bars, trades);
    history.settle(trades, bars)
}
