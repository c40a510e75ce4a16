//! What a sweep prepares once, and the tables that its ways of computing paths build from it.
//!
//! [`Prepared`] holds the task with its layout and history. Nothing in it depends on how paths are
//! computed: [`lockstep`](super::lockstep), [`coalesced`](super::coalesced),
//! [`segments`](super::segments) and [`extended`](super::extended) all take it.

use std::sync::Arc;

use super::entry_filter::{EntryFilter, FilterState};
use super::history::History;
use super::layout::{EntryIndex, Layout};
use super::lockstep::LANES;
use super::order_tables::{EntryTable, ExitTable};
use super::path::{self, Orders, Trade};
use super::stop_sets::{StopConsumer, StopRanges, StopSet};
use super::tightening::Tightening;
use crate::engine::excursion::{Long, Short};
use crate::engine::first_touch::{FirstTouch, FirstTouchView};
use crate::engine::lookup::IndexTable;
use crate::error::{Error, Result};
use crate::execution::touches::Way;
use crate::figures::{Cells, Figures, SplitCells};
use crate::strategies::atr_d::Task;
use crate::strategies::atr_d::series::Series;

/// Bytes of a stop's exit table, by bar.
pub(super) const EXIT_BYTES: usize = 4 + 4 + 8 + 32;

/// A task with what all of its combinations share.
#[derive(Debug)]
pub(super) struct Prepared {
    pub task: Arc<Task>,
    pub layout: Layout,
    pub history: History,
    /// What filters of Hull averages do, by filter and price.
    pub filter_states: Vec<IndexTable<FilterState>>,
    /// Rates at the opens, where filters enter at them.
    pub at_opens: Vec<f64>,
}

/// Buffers and exit tables of stops, which a worker reuses.
#[derive(Debug, Default)]
pub(super) struct StopScratch {
    pub tightening: Tightening,
    pub distance: Vec<f64>,
    pub stops: StopRanges,
    /// By stop set and price.
    pub exits: Vec<ExitTable>,
}

/// Most rows of the stops of a stop set: they are numbered in 32 bits.
const MOST_ROWS: u64 = 1 << 32;

/// Checks that the rows of so many tables have a number: those of the bars and one behind them, and
/// in segments one for each lane.
///
/// # Errors
/// More than [`MOST_ROWS`].
fn check_rows(bars: usize, tables: usize) -> Result<()> {
    let rows = (bars as u64 + 1 + LANES as u64).saturating_mul(tables as u64);
    if rows > MOST_ROWS {
        return Err(Error::TooManyRows { rows, bars, most: MOST_ROWS });
    }
    Ok(())
}

impl Prepared {
    pub fn new(task: Arc<Task>) -> Result<Self> {
        let layout = Layout::new(task.kernel, &task.grid)?;
        let (shorts, hull) = (task.kernel.shorts, task.kernel.hull);
        let history = History::new(&task.shared, task.bars(), &task.slices, shorts, task.account);
        check_rows(history.len(), if shorts { 1 + layout.multipliers } else { 1 })?;
        let at_opens = if hull { history.rates_at_opens(shorts) } else { Vec::new() };
        let mut filter_states = Vec::new();
        for filter in layout.filters.iter().filter(|_| hull) {
            for &method in &layout.methods {
                let filter = EntryFilter::new(&task.shared.series, filter, method);
                filter_states.push(filter.states(&history.bars, shorts));
            }
        }
        Ok(Self { task, layout, history, filter_states, at_opens })
    }

    pub fn series(&self) -> &Series {
        &self.task.shared.series
    }

    pub fn shorts(&self) -> bool {
        self.task.kernel.shorts
    }

    /// Tables of a stop set at one price: the long stop's, and the short stop's for every
    /// multiplier.
    pub fn tables(&self) -> usize {
        if self.shorts() { 1 + self.layout.multipliers } else { 1 }
    }

    /// Bytes of [`EntryTouches`](super::entry_lookup::EntryTouches), by bar.
    pub fn entry_bytes(&self) -> usize {
        let sides = if self.shorts() { 2 } else { 1 };
        sides * (4 + if self.task.kernel.hull { 16 } else { 8 })
    }

    /// Computes the buys of an entry set, and their rates.
    #[inline(always)]
    pub fn buy(
        &self,
        entry: usize,
        filter: &EntryFilter<'_>,
        distance: &mut Vec<f64>,
        table: &mut EntryTable,
    ) {
        let buy = &self.layout.buys[entry];
        self.history.entry(self.series(), buy, true, filter, distance, &mut table.order);
        table.set_rates::<Long>(&self.history.per_unit);
    }

    /// Passes the distances of a stop set's stops on, with the bars that they follow: by price,
    /// those of the long stop and of the short ones.
    #[inline(always)]
    pub fn stops(
        &self,
        stop_set: usize,
        tightening: &mut Tightening,
        distance: &mut Vec<f64>,
        out: &mut impl StopConsumer,
    ) -> Result<()> {
        let (series, history) = (self.series(), &self.history);
        let shorts = if self.shorts() { self.layout.multipliers } else { 0 };
        for price in 0..self.layout.prices {
            let (stop, _) = self.layout.stops(stop_set, price, 0)?;
            let tightening = tightening.of(series, &stop, &history.bars);
            let bars = history.stop(series, &stop, Way::Down, tightening, distance);
            out.take(bars, distance);
            for m in 0..shorts {
                if let (_, Some(stop)) = self.layout.stops(stop_set, price, m)? {
                    let bars = history.stop(series, &stop, Way::Up, tightening, distance);
                    out.take(bars, distance);
                }
            }
        }
        Ok(())
    }

    /// Builds the exit tables of a work unit.
    #[inline(always)]
    pub fn build_exits(
        &self,
        sets: &mut [StopSet<Cells<'_>>],
        scratch: &mut StopScratch,
    ) -> Result<()> {
        let StopScratch { tightening, distance, stops, exits } = scratch;
        let tables = self.tables();
        let (prices, per_unit) = (self.layout.prices, &self.history.per_unit);
        exits.resize_with(exits.len().max(sets.len() * prices), ExitTable::default);
        for (slot, (set, exits)) in sets.iter_mut().zip(exits.chunks_mut(prices)).enumerate() {
            set.slot = slot;
            let ranges = match &set.ranges {
                Some(kept) => kept,
                None => {
                    stops.clear();
                    self.stops(set.index, tightening, distance, stops)?;
                    stops.ranges()
                }
            };
            // Each stop's last interval reaches behind the last bar.
            let mut each = ranges.chunk_by(|range, next| range.end < next.end);
            for exits in exits {
                exits.begin(per_unit, tables);
                for (table, ranges) in each.by_ref().take(tables).enumerate() {
                    if table == 0 {
                        exits.set::<Long>(per_unit, table, ranges);
                    } else {
                        exits.set::<Short>(per_unit, table, ranges);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a work unit has a combination with these entries.
    pub fn is_wanted<C: SplitCells>(&self, sets: &[StopSet<C>], index: EntryIndex) -> bool {
        let Layout { entry_modes, both_modes, .. } = &self.layout;
        let both = |mode| (0..both_modes.len()).map(move |both| (mode, both));
        let mut cells = (0..entry_modes.len()).flat_map(both);
        cells.any(|(mode, both)| {
            let at = self.layout.position(index, mode, both);
            sets.iter().any(|set| set.computed.cell(at).is_some())
        })
    }

    /// The orders of one combination, for a sequence of trades.
    pub fn orders<'a>(
        &'a self,
        buy: FirstTouchView<'a>,
        sell: Option<FirstTouchView<'a>>,
        exits: &'a ExitTable,
        multiplier: usize,
        entry_mode: usize,
        both_mode: usize,
    ) -> Orders<'a> {
        let bars = self.history.len();
        Orders {
            buy,
            long_stop: exits.touches(0, bars),
            short: sell.map(|sell| (sell, exits.touches(1 + multiplier, bars))),
            entry_mode: self.layout.entry_modes[entry_mode],
            both_triggered: self.layout.both_modes[both_mode],
            shared_ways: self.history.shared_ways(),
        }
    }

    /// The figures of a combination in a phase, by a sequence of trades over tables that are
    /// dropped afterwards: 72 bytes a bar, for combinations that may be ruined.
    #[cold]
    #[inline(never)]
    pub fn settle_alone(
        &self,
        stop_set: usize,
        index: EntryIndex,
        (entry_mode, both_mode): (usize, usize),
        phase: usize,
    ) -> Result<Figures> {
        let EntryIndex { entry, price, multiplier, filter } = index;
        let (series, history, layout) = (self.series(), &self.history, &self.layout);
        let (mut tightening, mut buffer) = (Tightening::default(), Vec::new());
        let filter = EntryFilter::new(series, &layout.filters[filter], layout.methods[price]);
        let mut tables: [FirstTouch; 4] = Default::default();
        let [buy, sell, long_stop, short_stop] = &mut tables;
        history.entry(series, &layout.buys[entry], true, &filter, &mut buffer, buy);
        let (stop, short) = layout.stops(stop_set, price, multiplier)?;
        let tightening = tightening.of(series, &stop, &history.bars);
        let bars = history.stop(series, &stop, Way::Down, tightening, &mut buffer);
        bars.trail_extreme(&buffer, long_stop);
        if let Some(stop) = short {
            let order = &layout.sells[entry * layout.multipliers + multiplier];
            history.entry(series, order, false, &filter, &mut buffer, sell);
            let bars = history.stop(series, &stop, Way::Up, tightening, &mut buffer);
            bars.trail_extreme(&buffer, short_stop);
        }
        let orders = Orders {
            buy: buy.view(),
            long_stop: long_stop.view(),
            short: short.map(|_| (sell.view(), short_stop.view())),
            entry_mode: layout.entry_modes[entry_mode],
            both_triggered: layout.both_modes[both_mode],
            shared_ways: history.shared_ways(),
        };
        let (mut trades, bars): (Vec<Trade>, _) = (Vec::new(), history.phases[phase]);
        path::trade_sequence(&orders, bars, &mut trades);
        Ok(history.settle(&trades, bars))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_stops_are_limited() {
        let bars = (1 << 22) - 1 - LANES;
        assert_eq!(check_rows(bars, 1 << 10), Ok(()));
        let rows = (1 << 32) + (1 << 10);
        let error = Error::TooManyRows { rows, bars: bars + 1, most: MOST_ROWS };
        assert_eq!(check_rows(bars + 1, 1 << 10), Err(error));
        assert!(check_rows(bars, (1 << 10) + 1).is_err());
        assert!(check_rows(usize::MAX >> 1, usize::MAX).is_err());
    }
}
