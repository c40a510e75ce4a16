//! Entry lookups: how a path that is flat finds its next position, with or without an entry filter.
//!
//! Of the many filters and touches of a grid no common tables are needed: a lookup combines the
//! unfiltered touches with the [`FilterState`] of its start bar.

use std::hint::select_unpredictable;

use super::entry_filter::{FilterState, SidedBar};
use crate::engine::excursion::{Long, Short, UNIT_RATE};
use crate::engine::first_touch::FirstTouch;
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::lookup::{IndexTable, IndexView, row};
use crate::engine::per_unit::PerUnit;

/// Where positions are opened: by the bar since which a path is flat, the row of the entry's rate,
/// and the row of the position in the exit table. The row behind the last bar leads to itself, and
/// so does every entry that never comes.
#[expect(unsafe_code, reason = "reads of rows that were checked before the loop over them")]
pub(super) trait EntryLookup: Copy {
    /// Rows of the rate and of the exit of the next position: below the lengths of `rates` and of
    /// [`exit_rows`](Self::exit_rows).
    ///
    /// # Safety
    /// `exit_rows` has not panicked for a number of rows above `at`.
    unsafe fn next_entry(self, at: u32) -> (u32, u32);
    /// First bar of a position, by its row in the exit table.
    fn first_bar(self, exit_row: u32) -> u32;
    /// Rows of the exit table that it may lead to.
    ///
    /// # Panics
    /// Unless its tables and rates have `rows` rows, and its tables name none behind them.
    fn exit_rows(self, rows: usize, rates: &[f64]) -> usize;
}

/// Buys without a filter.
#[derive(Clone, Copy)]
pub(super) struct Unfiltered<'a> {
    /// Bars of the buys.
    pub buys: IndexView<'a, u32>,
}

#[expect(unsafe_code, reason = "reads of rows that were checked before the loop over them")]
impl EntryLookup for Unfiltered<'_> {
    #[inline(always)]
    unsafe fn next_entry(self, at: u32) -> (u32, u32) {
        // SAFETY: at < rows = buys.len(). What it names is below `rows`, and so is `at`, and there
        // are as many rates: `exit_rows`.
        unsafe { (at, *row(self.buys.values(), at as usize)) }
    }

    #[inline(always)]
    fn first_bar(self, exit_row: u32) -> u32 {
        exit_row
    }

    fn exit_rows(self, rows: usize, rates: &[f64]) -> usize {
        assert!(self.buys.len() == rows && rates.len() >= rows);
        assert!(self.buys.names_rows_of(rows));
        rows
    }
}

/// Entries with a filter: touches of the side that it is open for, or else the next cross.
#[derive(Clone, Copy)]
pub(super) struct Filtered<'a, const SHORTS: bool> {
    pub states: IndexView<'a, FilterState>,
    /// Buys, or for every bar the buy and the sell.
    pub touches: IndexView<'a, IntrabarTime>,
    /// Rows from the table of the long stop to that of the short one.
    pub short: u32,
}

#[expect(unsafe_code, reason = "reads of rows that were checked before the loop over them")]
impl<const SHORTS: bool> EntryLookup for Filtered<'_, SHORTS> {
    #[inline(always)]
    unsafe fn next_entry(self, at: u32) -> (u32, u32) {
        // SAFETY: at < rows = states.len().
        let state = *unsafe { row(self.states.values(), at as usize) };
        let side = if SHORTS { state.side() } else { 0 };
        // Each look-up waits for the one before it, so the row takes no operation that it can spare:
        // compilers cannot leave out a doubling and a halving, which lose a bit.
        let touch = if SHORTS { SidedBar::new(at, side).row::<true>() } else { at };
        // SAFETY: side < sides, so touch = sides * at + side < sides * rows = touches.len().
        let time = *unsafe { row(self.touches.values(), touch as usize) };
        // A touch while the filter is open [H3] [H5], or else the next cross at its open [H2] [H4].
        let is_open = time < state.open_until;
        let entry = SidedBar::new(time.bar(), side);
        let entry = SidedBar::of_row(select_unpredictable(
            is_open,
            entry.row::<true>(),
            state.cross.row::<true>(),
        ));
        // Bars of touches and crosses are below `rows`. So the row of a rate is below that of the
        // touches, or behind it by a row of a cross: below 2 * sides * rows = rates.len(). That of
        // the exit is below rows + short. Neither overflows: 4 * rows <= 2^32, and `short` is the
        // row of a table that has as many rows behind it.
        let at_open = self.touches.len() as u32 + state.cross.row::<SHORTS>();
        let rate = select_unpredictable(is_open, touch, at_open);
        let short = if SHORTS { self.short * entry.side() } else { 0 };
        (rate, entry.bar() + short)
    }

    #[inline(always)]
    fn first_bar(self, exit_row: u32) -> u32 {
        if SHORTS && exit_row >= self.short { exit_row - self.short } else { exit_row }
    }

    fn exit_rows(self, rows: usize, rates: &[f64]) -> usize {
        let sides = if SHORTS { 2 } else { 1 };
        assert!(self.states.len() == rows && self.touches.len() == sides * rows);
        assert!(rates.len() == 2 * sides * rows && rates.len() as u64 <= 1 << 32);
        assert!(self.states.names_rows_of(rows) && self.touches.names_rows_of(rows));
        rows + if SHORTS { self.short as usize } else { 0 }
    }
}

/// The entries of a combination: touches, and the rates at which they and the crosses open shares.
#[derive(Debug, Clone, Default)]
pub(super) struct EntryTouches {
    /// When the buy is touched; with shorts, the buy and the sell, bar by bar.
    pub times: IndexTable<IntrabarTime>,
    /// The bars of the buys, where there are no filters.
    pub bars: IndexTable<u32>,
    /// Shares that a unit of equity opens at each touch, owed ones negative; then at the open of
    /// each bar, where there are filters.
    pub rates: Vec<f64>,
}

impl EntryTouches {
    /// Takes over a buy, and a sell where there is one, with the rates at the opens behind them.
    #[inline(always)]
    pub fn set(
        &mut self,
        per_unit: &PerUnit,
        buy: &FirstTouch,
        sell: Option<&FirstTouch>,
        at_opens: &[f64],
    ) {
        self.times.clear();
        self.bars.clear();
        self.rates.clear();
        match sell {
            None if at_opens.is_empty() => {
                self.bars.extend(buy.times.iter().map(|time| time.bar()));
                self.rates.extend(buy.fills.iter().map(|&fill| per_unit.rate::<Long>(fill)));
            }
            None => {
                self.times.extend(buy.times.iter().copied());
                self.rates.extend(buy.fills.iter().map(|&fill| per_unit.rate::<Long>(fill)));
            }
            Some(sell) => {
                let times = buy.times.iter().zip(&sell.times);
                self.times.extend(times.flat_map(|(&buy, &sell)| [buy, sell]));
                let fills = buy.fills.iter().zip(&sell.fills);
                let rates = fills.flat_map(|(&buy, &sell)| {
                    [per_unit.rate::<Long>(buy), per_unit.rate::<Short>(sell)]
                });
                self.rates.extend(rates);
            }
        }
        // What is never opened changes nothing.
        let last = self.rates.len() - if sell.is_some() { 2 } else { 1 };
        self.rates[last] = UNIT_RATE;
        self.rates.extend_from_slice(at_opens);
    }
}

/// Rates at the opens, and in the row behind them: of buys, or of buys and sells.
pub(super) fn rates_at_opens(per_unit: &PerUnit, opens: &[f64], shorts: bool) -> Vec<f64> {
    let behind = std::iter::once(&1.0);
    let opens = opens.iter().chain(behind);
    if shorts {
        let both = |&open: &f64| [per_unit.rate::<Long>(open), per_unit.rate::<Short>(open)];
        opens.flat_map(both).collect()
    } else {
        opens.map(|&open| per_unit.rate::<Long>(open)).collect()
    }
}

#[cfg(test)]
mod tests;
