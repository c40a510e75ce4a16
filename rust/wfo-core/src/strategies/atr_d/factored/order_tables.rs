//! Tables of orders: entries with their rates, and the stops of a stop set with their excursions.

use crate::engine::excursion::{Excursion, NO_TRADE, Side};
use crate::engine::first_touch::{FirstTouch, FirstTouchView, StartRange};
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::lookup::{IndexTable, prefetch};
use crate::engine::per_unit::PerUnit;

/// An entry order, and the rates of the positions that it opens.
#[derive(Debug, Clone, Default)]
pub(super) struct EntryTable {
    pub order: FirstTouch,
    /// Shares that a unit of equity opens; owed ones are negative.
    pub rates: Vec<f64>,
}

impl EntryTable {
    /// Computes the rates at which the order opens positions.
    #[inline(always)]
    pub fn set_rates<S: Side>(&mut self, per_unit: &PerUnit) {
        self.rates.clear();
        self.rates.extend(self.order.fills.iter().map(|&fill| per_unit.rate::<S>(fill)));
    }
}

/// The exits of a stop set at one price method, by the first bar of the position: the table of the
/// long stop, then that of the short stop for every multiplier.
#[derive(Debug, Clone, Default)]
pub(super) struct ExitTable {
    pub times: Vec<IntrabarTime>,
    /// Bars of the exits: rows of the entries since them.
    pub bars: IndexTable<u32>,
    /// Excursions of positions that are closed at the stop.
    pub excursions: Vec<Excursion>,
    /// Raw fills.
    pub fills: Vec<f64>,
    /// Whether a stop may ruin.
    pub may_ruin: bool,
}

impl ExitTable {
    /// Prefetches a row.
    #[inline(always)]
    pub fn prefetch(&self, row: usize) {
        self.times.get(row..).into_iter().for_each(prefetch);
        self.excursions.get(row..).into_iter().for_each(prefetch);
    }

    /// Makes room for so many tables.
    pub fn begin(&mut self, per_unit: &PerUnit, tables: usize) {
        let rows = tables * (per_unit.closes().len() + 1);
        self.times.resize(rows, IntrabarTime::at_open(0));
        self.bars.begin(rows, 0);
        self.excursions.resize(rows, NO_TRADE);
        self.fills.resize(rows, 0.0);
        self.may_ruin = false;
    }

    /// Writes table `i` from the first touches of a stop.
    #[inline(always)]
    pub fn set<S: Side>(&mut self, per_unit: &PerUnit, i: usize, ranges: &[StartRange]) {
        let rows = i * (per_unit.closes().len() + 1)..(i + 1) * (per_unit.closes().len() + 1);
        let (times, first) = (&mut self.times[rows.clone()], rows.start);
        let (fills, excursions) = (&mut self.fills[rows.clone()], &mut self.excursions[rows]);
        let mut begin = 0;
        for range in ranges {
            let starts = begin..range.end as usize;
            begin = starts.end;
            times[starts.clone()].fill(range.time);
            self.bars.fill(first + starts.start..first + starts.end, range.time.bar());
            fills[starts.clone()].fill(range.fill);
            let excursions = &mut excursions[starts.clone()];
            self.may_ruin |= per_unit.excursions::<S>(starts, range.time, range.fill, excursions);
        }
    }

    /// The first touches in table `i`.
    pub fn touches(&self, i: usize, bars: usize) -> FirstTouchView<'_> {
        let rows = i * (bars + 1)..(i + 1) * (bars + 1);
        FirstTouchView { times: &self.times[rows.clone()], fills: &self.fills[rows] }
    }
}
