//! The entries of a segment, and those that lie beyond it.

use super::segment::Segment;
use crate::engine::excursion::{Long, Short, Side, UNIT_RATE};
use crate::engine::first_touch::StartRange;
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::lookup::IndexTable;
use crate::engine::per_unit::PerUnit;
use crate::strategies::atr_d::factored::entry_filter::{FilterState, SidedBar};

/// The entries of a segment: [`EntryTouches`](super::super::entry_lookup::EntryTouches), with rows
/// of its own for every lane.
#[derive(Debug, Default)]
pub(super) struct SegmentEntries {
    /// With filters, the touches; without, their bars.
    pub times: IndexTable<IntrabarTime>,
    pub bars: IndexTable<u32>,
    pub rates: Vec<f64>,
    /// Of the buy and the sell, by true bars.
    pub ranges: [Vec<StartRange>; 2],
}

impl SegmentEntries {
    /// Begins a segment, with the rates at its opens behind those of its touches.
    pub fn begin(&mut self, segment: Segment, sides: usize, at_opens: &[f64]) {
        let rows = sides * segment.rows();
        self.rates.clear();
        self.rates.resize(rows, UNIT_RATE);
        if at_opens.is_empty() {
            self.bars.begin(rows, 0);
        } else {
            self.times.begin(rows, IntrabarTime::at_open(0));
            let bars = sides * segment.first as usize..sides * segment.end() as usize;
            self.rates.extend_from_slice(&at_opens[bars]);
            self.rates.resize(2 * rows, UNIT_RATE);
        }
    }

    /// Takes over the touches of the buy or the sell.
    #[inline(always)]
    pub fn set<S: Side, const FILTERED: bool, const SHORTS: bool>(
        &mut self,
        per_unit: &PerUnit,
        segment: Segment,
    ) {
        let Self { times, bars, rates, ranges } = self;
        let (sides, side) = (if SHORTS { 2 } else { 1 }, usize::from(S::SHORT));
        let mut start = 0;
        for range in &ranges[side] {
            let end = range.end.clamp(segment.first, segment.end()) - segment.first;
            let row = segment.row(range.time.bar());
            let rate = per_unit.rate::<S>(range.fill);
            let rows = sides * start as usize..sides * end as usize;
            if FILTERED {
                let time = range.time.moved_to(row);
                times.fill_each(rows.clone(), (side, sides), time);
            } else {
                bars.fill_each(rows.clone(), (side, sides), row);
            }
            fill::<_, SHORTS>(&mut rates[rows], side, rate);
            start = end;
        }
        let sink = segment.sink();
        for row in segment.len as usize..segment.rows() {
            self.lead_to::<FILTERED>(sides * row + side, sink, UNIT_RATE);
        }
    }

    /// Has a row lead to a position that is opened at a rate.
    #[inline(always)]
    pub fn lead<const FILTERED: bool, const SHORTS: bool>(&mut self, row: u32, to: u32, rate: f64) {
        let at = SidedBar::new(row, if SHORTS { u32::from(rate < 0.0) } else { 0 });
        self.lead_to::<FILTERED>(at.row::<SHORTS>() as usize, to, rate);
    }

    #[inline(always)]
    fn lead_to<const FILTERED: bool>(&mut self, at: usize, to: u32, rate: f64) {
        if FILTERED {
            self.times.set(at, IntrabarTime::at_open(to));
        } else {
            self.bars.set(at, to);
        }
        self.rates[at] = rate;
    }
}

/// Fills the rows of one side, or of the only one.
#[inline(always)]
fn fill<T: Copy, const SHORTS: bool>(rows: &mut [T], side: usize, value: T) {
    if SHORTS {
        for row in rows.chunks_exact_mut(2) {
            row[side] = value;
        }
    } else {
        rows.fill(value);
    }
}

/// What a filter does from each of the rows of a segment on, as if the history ended there.
///
/// A filter that is open at the end of a segment has its next cross behind it.
pub(super) fn states_of_segment(
    states: &[FilterState],
    segment: Segment,
    out: &mut IndexTable<FilterState>,
) {
    let bars = segment.first as usize..segment.end() as usize;
    out.clear();
    out.extend(states[bars].iter().map(|state| {
        let bar = state.cross.bar();
        let side = if bar < segment.end() { state.cross.side() } else { 0 };
        let cross = SidedBar::new(segment.row(bar), side);
        if state.is_closed() {
            return FilterState::closed(cross);
        }
        let closes = segment.end().min(state.closes());
        FilterState::open(state.side(), closes - segment.first, cross)
    }));
    let sink = SidedBar::new(segment.sink(), 0);
    out.resize(segment.rows(), FilterState::closed(sink));
}

/// Where paths go that find no position in a segment.
pub(super) trait EntryBeyond: Copy {
    /// The rate and the first bar of the position that a path opens that is flat since the bar of a
    /// row.
    fn entry(self, at: u32) -> (f64, u32);
}

/// The interval that a start is in.
#[inline(always)]
fn range_of(ranges: &[StartRange], start: u32) -> StartRange {
    ranges[ranges.partition_point(|range| range.end <= start)]
}

/// Where unfiltered buys lead beyond a segment, by the intervals of its starts.
#[derive(Clone, Copy)]
pub(super) struct UnfilteredBeyond<'a> {
    pub segment: Segment,
    pub ranges: &'a [StartRange],
    pub per_unit: &'a PerUnit,
}

impl EntryBeyond for UnfilteredBeyond<'_> {
    #[inline(always)]
    fn entry(self, at: u32) -> (f64, u32) {
        let range = range_of(self.ranges, self.segment.first + at);
        (self.per_unit.rate::<Long>(range.fill), range.time.bar())
    }
}

/// Where filtered entries lead beyond a segment.
#[derive(Clone, Copy)]
pub(super) struct FilteredBeyond<'a, const SHORTS: bool> {
    pub segment: Segment,
    /// By bar of the history.
    pub states: &'a [FilterState],
    /// Of the buy and the sell.
    pub ranges: &'a [Vec<StartRange>; 2],
    /// By bar of the history, of buys or of buys and sells.
    pub at_opens: &'a [f64],
    pub per_unit: &'a PerUnit,
}

impl<const SHORTS: bool> EntryBeyond for FilteredBeyond<'_, SHORTS> {
    #[inline(always)]
    fn entry(self, at: u32) -> (f64, u32) {
        let start = self.segment.first + at;
        let state = self.states[start as usize];
        let short = SHORTS && state.side() == 1;
        let range = range_of(&self.ranges[usize::from(short)], start);
        if range.time < state.open_until {
            let per_unit = self.per_unit;
            let rate = if short {
                per_unit.rate::<Short>(range.fill)
            } else {
                per_unit.rate::<Long>(range.fill)
            };
            (rate, range.time.bar())
        } else {
            let at_open = state.cross.row::<SHORTS>() as usize;
            (self.at_opens[at_open], state.cross.bar())
        }
    }
}
