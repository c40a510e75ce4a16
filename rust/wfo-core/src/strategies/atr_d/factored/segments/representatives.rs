//! Representatives among the stop sets of a long history.

use std::collections::HashMap;

use super::stops::begin_stops;
use crate::engine::first_touch::{FirstTouchCursor, StartRange};
use crate::error::Result;
use crate::execution::touches::Way;
use crate::figures::Cells;
use crate::strategies::atr_d::factored::hash::hash_of_ranges;
use crate::strategies::atr_d::factored::history::DistanceBuffer;
use crate::strategies::atr_d::factored::prepared::Prepared;
use crate::strategies::atr_d::factored::schedule::WorkUnit;
use crate::strategies::atr_d::factored::stop_sets::StopSet;

/// The intervals of a stop set's stops in a segment.
#[derive(Debug, Default)]
struct SegmentRanges {
    /// Where the next segment begins.
    first: usize,
    /// By price and table.
    cursors: Vec<FirstTouchCursor>,
    ranges: Vec<StartRange>,
}

impl SegmentRanges {
    /// Begins to list the intervals of a stop set's stops.
    fn begin(&mut self, prepared: &Prepared) {
        self.first = 0;
        self.cursors.clear();
        self.cursors.extend(begin_stops(prepared));
    }

    /// Lists the intervals of all stops of a stop set in the next segment of so many bars; whether
    /// there is one.
    #[inline(always)]
    fn next(
        &mut self,
        prepared: &Prepared,
        bars: usize,
        set: usize,
        buffer: &mut DistanceBuffer,
    ) -> Result<bool> {
        let (series, history, layout) = (prepared.series(), &prepared.history, &prepared.layout);
        let n = history.len();
        let Self { first, cursors, ranges } = self;
        if *first >= n {
            return Ok(false);
        }
        *first = n.min(*first + bars);
        ranges.clear();
        let tables = (0..layout.prices).flat_map(|p| (0..prepared.tables()).map(move |t| (p, t)));
        for ((price, table), cursor) in tables.zip(cursors) {
            let (stop, short) = layout.stops(set, price, table.saturating_sub(1))?;
            let on = (cursor, &mut *buffer);
            match short.filter(|_| table > 0) {
                None => history.resume_stop(series, &stop, Way::Down, *first, on, ranges),
                Some(stop) => history.resume_stop(series, &stop, Way::Up, *first, on, ranges),
            }
        }
        Ok(true)
    }
}

/// Puts stop sets of a unit together whose stops are equal everywhere. The intervals of a long
/// history are many, and are not kept: where two stop sets seem to be equal, theirs are listed once
/// more.
#[inline(always)]
pub(in super::super) fn find_representatives<'a>(
    prepared: &Prepared,
    (bars, most): (usize, usize),
    unit: WorkUnit<Cells<'a>>,
    buffer: &mut DistanceBuffer,
) -> Result<Vec<WorkUnit<Cells<'a>>>> {
    let (mut own, mut other) = (SegmentRanges::default(), SegmentRanges::default());
    let mut found: Vec<(StopSet<Cells<'a>>, usize)> = Vec::new();
    let mut seen: HashMap<u64, usize> = HashMap::new();
    for set in unit.sets {
        let (mut hash, mut count) = (0, 0);
        own.begin(prepared);
        while own.next(prepared, bars, set.index, buffer)? {
            count += own.ranges.len();
            hash = hash_of_ranges(&own.ranges, hash);
        }
        // Equal hashes are no proof.
        if let Some(&twin) = seen.get(&hash)
            && let (twin, _) = &mut found[twin]
            && twin.computed.covers_like(&set.computed)
            && {
                own.begin(prepared);
                other.begin(prepared);
                let mut same = true;
                while same
                    && own.next(prepared, bars, set.index, buffer)?
                    && other.next(prepared, bars, twin.index, buffer)?
                {
                    same = own.ranges == other.ranges;
                }
                same
            }
        {
            set.become_copy_everywhere(twin);
            continue;
        }
        seen.insert(hash, found.len());
        found.push((set, count));
    }
    found.sort_by_key(|&(_, count)| count);
    // Units of about one size: each builds all entries.
    let units = found.len().div_ceil(most).max(1);
    let size = found.len().div_ceil(units);
    let mut found = found.into_iter().peekable();
    let mut units = Vec::new();
    while found.peek().is_some() {
        let sets = found.by_ref().take(size).map(|(set, _)| set).collect();
        units.push(WorkUnit { sets, entries: unit.entries.clone() });
    }
    Ok(units)
}
