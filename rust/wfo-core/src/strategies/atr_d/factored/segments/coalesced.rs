//! Coalesced paths that go on segment by segment.
//!
//! States are advanced in order of their bars, so a pass can stop at any bar: states behind it are
//! deferred to the segment of their bar. Orders have rows for the bars of a segment alone, which
//! hold true times, wherever they are; for what comes of a trade is known when it is opened.
//!
//! A sell is of use only until the buy or the long stop that it may come before, so its touches are
//! visited so far, and no further. Touches of the starts of later segments are kept for them.
//!
//! No bit depends on segments: the paths that come to a state are the same, and no account is
//! updated while its state is deferred, so it does not matter when they are put together.

use std::ops::Range;

use super::segment::Segment;
use super::stops::set_excursions;
use crate::engine::excursion::{Excursion, Long, NO_TRADE, Short};
use crate::engine::first_touch::{StartRange, TouchVisitor};
use crate::engine::intrabar_time::IntrabarTime;
use crate::strategies::atr_d::factored::coalesced::{
    Advance, Deferred, FLAT, FilterBatch, PathSet, PhaseProgress, PhaseSlot, SellTable, State,
    oldest_pending, visit_filtered,
};
use crate::strategies::atr_d::factored::order_tables::EntryTable;
use crate::strategies::atr_d::factored::prepared::Prepared;

/// A pass between two segments.
#[derive(Debug)]
pub(super) struct PhaseCheckpoint {
    pub deferred: Vec<Deferred>,
    pub progress: PhaseProgress,
    pub slots: Vec<Option<PhaseSlot>>,
    pub may_be_ruined: PathSet,
}

impl PhaseCheckpoint {
    /// The beginning of all phases of a group.
    pub fn new(slots: &[PhaseSlot], batch: &FilterBatch) -> Self {
        let flat = |slot: &PhaseSlot| Deferred {
            // Flat since the bar before the first trading bar [S1].
            since: slot.bars.start,
            kind: FLAT,
            state: State { paths: batch.slots[slot.slot], rate: 0.0 },
        };
        Self {
            deferred: slots.iter().map(flat).collect(),
            progress: PhaseProgress::default(),
            slots: vec![None; batch.slots.len()],
            may_be_ruined: PathSet::default(),
        }
    }
}

/// How far the touches of a sell have been visited.
#[derive(Debug, Clone)]
pub(super) struct SellCursor {
    /// The next bar.
    pub bar: usize,
    pub stack: Vec<u32>,
    /// By filter, the oldest pending start.
    pub pending: Vec<u32>,
    /// Touches of starts whose segments are not over.
    pub touches: Vec<RecordedTouch>,
}

impl SellCursor {
    pub fn new(filters: usize) -> Self {
        Self { bar: 1, stack: Vec::new(), pending: vec![0; filters], touches: Vec::new() }
    }
}

/// A sell of some starts, as some filters allow it.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordedTouch {
    time: IntrabarTime,
    fill: f64,
    from: u32,
    to: u32,
    filters: u64,
}

/// A visitor that records touches.
pub(super) struct TouchRecorder<'a> {
    /// By bar, the filters that are open.
    pub open: &'a [u64],
    pub pending: &'a mut [u32],
    pub touches: &'a mut Vec<RecordedTouch>,
}

impl TouchVisitor for TouchRecorder<'_> {
    #[inline(always)]
    fn oldest_pending(&self, t: usize) -> Option<usize> {
        oldest_pending(self.open[t], self.pending, t)
    }

    #[inline(always)]
    fn visit(&mut self, t: usize, starts: Range<usize>, time: IntrabarTime, fill: f64) {
        let Self { open, pending, touches } = self;
        let join = |filters: u64, filter: usize| filters | 1 << filter;
        visit_filtered(open[t], starts, pending, join, |starts, filters| {
            let Range { start: from, end: to } = starts;
            touches.push(RecordedTouch { time, fill, from, to, filters });
        });
    }
}

/// Lists the sells of the starts in a segment, of all touches so far.
#[inline(always)]
pub(super) fn set_sells(
    sells: &mut SellTable,
    segment: Segment,
    prepared: &Prepared,
    batch: &FilterBatch,
    cursor: &mut SellCursor,
) {
    sells.clear(segment.len as usize, batch.count);
    for &RecordedTouch { time, fill, from, to, filters } in &cursor.touches {
        let from = from.clamp(segment.first, segment.end()) - segment.first;
        let to = to.clamp(segment.first, segment.end()) - segment.first;
        if from == to {
            continue;
        }
        let (mut paths, mut left) = (PathSet::default(), filters);
        while left != 0 {
            paths = paths.or(batch.by_filter[left.trailing_zeros() as usize]);
            left &= left - 1;
        }
        sells.push(&prepared.history.per_unit, batch, (from..to, paths), (time, fill));
    }
    cursor.touches.retain(|touch| touch.to > segment.end());
}

/// Writes the rows of a buy in a segment.
#[inline(always)]
pub(super) fn set_buy(
    buy: &mut EntryTable,
    excursions: &mut Vec<Excursion>,
    segment: Segment,
    ranges: &[StartRange],
    prepared: &Prepared,
) {
    let (per_unit, rows) = (&prepared.history.per_unit, segment.rows());
    let EntryTable { order, rates } = buy;
    order.times.resize(rows, IntrabarTime::at_open(0));
    order.fills.resize(rows, 0.0);
    rates.resize(rows, 0.0);
    excursions.resize(rows, NO_TRADE);
    let mut start = 0;
    for range in ranges {
        let end = (range.end.clamp(segment.first, segment.end()) - segment.first) as usize;
        order.times[start..end].fill(range.time);
        order.fills[start..end].fill(range.fill);
        rates[start..end].fill(per_unit.rate::<Long>(range.fill));
        start = end;
    }
    order.times[start..].fill(IntrabarTime::at_open(per_unit.closes().len() as u32));
    set_excursions::<Short>(excursions, segment, ranges, per_unit);
}

/// Takes a pass through a segment, up to a checkpoint at its end, or to the end of the history.
#[inline(always)]
pub(super) fn run_segment(
    mut advance: Advance<'_, true>,
    checkpoint: &mut PhaseCheckpoint,
    is_last: bool,
) {
    let mut first = u32::MAX;
    for &Deferred { since, kind, state: State { paths, rate } } in &checkpoint.deferred {
        first = first.min(since);
        match kind {
            FLAT => advance.states.add_flat(paths, since),
            kind => advance.add_position(paths, kind, since, rate),
        }
    }
    if first < advance.states.end {
        advance.advance((first - advance.states.first) as usize);
    }
    if is_last {
        advance.finish();
    }
    checkpoint.deferred.clear();
    checkpoint.deferred.extend_from_slice(advance.states.deferred);
    checkpoint.progress = advance.progress;
    checkpoint.slots = advance.accounts.slots;
    checkpoint.may_be_ruined = advance.accounts.may_be_ruined;
}
