//! The exit tables of a segment.

use super::segment::Segment;
use crate::engine::excursion::{Excursion, Long, NO_TRADE, Short, Side};
use crate::engine::first_touch::{FirstTouchCursor, StartRange};
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::per_unit::PerUnit;
use crate::error::Result;
use crate::execution::touches::Way;
use crate::figures::Cells;
use crate::strategies::atr_d::factored::history::DistanceBuffer;
use crate::strategies::atr_d::factored::order_tables::ExitTable;
use crate::strategies::atr_d::factored::prepared::Prepared;
use crate::strategies::atr_d::factored::stop_sets::StopSet;

/// The stops of a unit, as far as they have been computed.
#[derive(Debug, Default)]
pub(super) struct StopCursors {
    /// By stop set, price and table.
    cursors: Vec<FirstTouchCursor>,
    ranges: Vec<StartRange>,
}

impl StopCursors {
    /// Begins the stops of a unit.
    pub fn begin(
        &mut self,
        prepared: &Prepared,
        sets: &mut [StopSet<Cells<'_>>],
        exits: &mut Vec<ExitTable>,
    ) {
        let prices = prepared.layout.prices;
        self.cursors.clear();
        for (slot, set) in sets.iter_mut().enumerate() {
            set.slot = slot;
            self.cursors.extend(begin_stops(prepared));
        }
        exits.resize_with(exits.len().max(sets.len() * prices), ExitTable::default);
    }

    /// Builds the exit tables of a segment.
    #[inline(always)]
    pub fn set_exits(
        &mut self,
        prepared: &Prepared,
        segment: Segment,
        sets: &[StopSet<Cells<'_>>],
        (exits, buffer): (&mut [ExitTable], &mut DistanceBuffer),
    ) -> Result<()> {
        let Self { cursors, ranges } = self;
        let (series, history, layout) = (prepared.series(), &prepared.history, &prepared.layout);
        let (tables, until) = (prepared.tables(), segment.end() as usize);
        let size = tables * segment.rows();
        let mut cursors = cursors.iter_mut();
        for (set, exits) in sets.iter().zip(exits.chunks_mut(layout.prices)) {
            for (price, exits) in exits.iter_mut().enumerate() {
                exits.times.resize(size, IntrabarTime::at_open(0));
                exits.bars.begin(size, 0);
                exits.excursions.resize(size, NO_TRADE);
                exits.fills.resize(if prepared.task.kernel.modes { size } else { 0 }, 0.0);
                exits.may_ruin = false;
                for (table, cursor) in (0..tables).zip(&mut cursors) {
                    let multiplier = table.saturating_sub(1);
                    let (stop, short) = layout.stops(set.index, price, multiplier)?;
                    begin_ranges(ranges, cursor);
                    let on = (cursor, &mut *buffer);
                    match short.filter(|_| table > 0) {
                        None => {
                            history.resume_stop(series, &stop, Way::Down, until, on, ranges);
                            set_table::<Long>(exits, table, segment, ranges, &history.per_unit);
                        }
                        Some(stop) => {
                            history.resume_stop(series, &stop, Way::Up, until, on, ranges);
                            set_table::<Short>(exits, table, segment, ranges, &history.per_unit);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The beginnings of all stops of a stop set, by price and table.
pub(super) fn begin_stops(prepared: &Prepared) -> impl Iterator<Item = FirstTouchCursor> {
    let [long, short] = [Way::Down, Way::Up].map(|way| prepared.history.stop_bars(way).begin());
    let tables = prepared.tables();
    (0..prepared.layout.prices)
        .flat_map(move |_| 0..tables)
        .map(move |table| if table == 0 { long } else { short })
}

/// Begins the intervals of a segment with the one that reaches into it.
#[inline(always)]
pub(super) fn begin_ranges(ranges: &mut Vec<StartRange>, cursor: &FirstTouchCursor) {
    ranges.clear();
    ranges.push(cursor.last);
}

/// Writes a table of a stop, from the intervals of its starts.
#[inline(always)]
fn set_table<S: Side>(
    exits: &mut ExitTable,
    table: usize,
    segment: Segment,
    ranges: &[StartRange],
    per_unit: &PerUnit,
) {
    let rows = table * segment.rows()..(table + 1) * segment.rows();
    let mut start = rows.start;
    for range in ranges {
        let end =
            rows.start + (range.end.clamp(segment.first, segment.end()) - segment.first) as usize;
        exits.times[start..end].fill(range.time);
        exits.bars.fill(start..end, segment.row(range.time.bar()));
        // Paths without modes ask for no fill.
        if let Some(fills) = exits.fills.get_mut(start..end) {
            fills.fill(range.fill);
        }
        start = end;
    }
    let never = IntrabarTime::at_open(per_unit.closes().len() as u32);
    exits.times[start..rows.end].fill(never);
    exits.bars.fill(start..rows.end, segment.sink());
    exits.may_ruin |= set_excursions::<S>(&mut exits.excursions[rows], segment, ranges, per_unit);
}

/// Writes the excursions of positions that are closed at the fills of an order, by their first bar;
/// whether one may ruin.
#[inline(always)]
pub(super) fn set_excursions<S: Side>(
    excursions: &mut [Excursion],
    segment: Segment,
    ranges: &[StartRange],
    per_unit: &PerUnit,
) -> bool {
    let first = segment.first as usize;
    let (mut start, mut may_ruin) = (0, false);
    for range in ranges {
        let end = (range.end.clamp(segment.first, segment.end()) - segment.first) as usize;
        if start < end {
            let (starts, out) = (first + start..first + end, &mut excursions[start..end]);
            may_ruin |= per_unit.excursions::<S>(starts, range.time, range.fill, out);
        }
        start = end;
    }
    excursions[start..].fill(NO_TRADE);
    may_ruin
}
