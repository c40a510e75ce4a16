//! The sells of all filters of a batch, in one table.

use std::ops::Range;

use super::path_set::{PATHS, PathSet};
use super::plan::FilterBatch;
use crate::engine::excursion::Short;
use crate::engine::first_touch::TouchVisitor;
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::per_unit::PerUnit;
use crate::strategies::atr_d::factored::entry_filter::EntryFilter;
use crate::strategies::atr_d::factored::prepared::Prepared;
use crate::strategies::atr_d::params::Entry;

/// Bytes of a filter's sell, by bar, if no two filters ever sell at the same time.
pub(super) const SELL_BYTES: usize = 12 + 8 + size_of::<Sell>();

/// What the sells of a batch of filters may take.
const BATCH_BYTES: usize = 256 << 20;

/// Most filters in a batch, whose tables have so many bars.
pub(in super::super) fn most_filters(bars: usize) -> usize {
    (BATCH_BYTES / (SELL_BYTES * bars.max(1))).clamp(1, PATHS)
}

/// A sell as some filters allow it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Sell {
    pub time: IntrabarTime,
    pub fill: f64,
    /// Shares that a unit of equity opens, negative.
    pub rate: f64,
    /// The paths with these filters.
    pub paths: PathSet,
}

/// The sells of some filters, by the bar since which they are followed.
///
/// What a filter hides is a touch, not a level: of two filters that are open in the same
/// bar, both sell at the same fill. So the sells of all filters are listed in one pass over the
/// bars. What a bar reaches are the levels of the oldest starts, pending or not; so the starts that
/// are still pending for a filter are those from some bar on, and a filter is represented by that
/// bar.
#[derive(Debug, Default)]
pub(in super::super) struct SellTable {
    /// By bar, when the first sell since it comes. It mostly comes too late to matter, and the list
    /// is not looked at.
    pub firsts: Vec<IntrabarTime>,
    /// By bar, how many sells there are.
    pub counts: Vec<u8>,
    /// By bar, with room for one sell a filter: when they come and where they stand in the list,
    /// the earliest first.
    pub rows: Vec<(IntrabarTime, u32)>,
    pub list: Vec<Sell>,
    /// By bar, the filters that are open.
    pub open: Vec<u64>,
    /// By filter, the oldest pending start.
    pub pending: Vec<u32>,
    pub stack: Vec<u32>,
}

impl SellTable {
    /// Notes when the filters of a batch are open.
    #[inline(always)]
    pub fn set_filters(&mut self, prepared: &Prepared, batch: &FilterBatch, buffer: &mut Vec<f64>) {
        let Prepared { history, layout, .. } = prepared;
        let bars = history.len();
        self.open.clear();
        self.open.resize(bars + 1, 0);
        for (i, filter) in layout.filters[batch.filters()].iter().enumerate() {
            // A veto depends on no price method.
            let filter = EntryFilter::new(prepared.series(), filter, layout.methods[0]);
            buffer.clear();
            buffer.resize(bars, 0.0);
            filter.apply(false, &history.bars, buffer);
            // A distance is known a bar before it holds [T1].
            for (open, distance) in self.open[1..].iter_mut().zip(&*buffer) {
                *open |= u64::from(*distance < f64::INFINITY) << i;
            }
        }
    }

    /// Begins a table of so many bars and filters.
    #[inline(always)]
    pub fn clear(&mut self, bars: usize, filters: usize) {
        self.firsts.clear();
        self.firsts.resize(bars, IntrabarTime::MAX);
        self.counts.clear();
        self.counts.resize(bars, 0);
        self.rows.resize(bars * filters, (IntrabarTime::at_open(0), 0));
        self.list.clear();
    }

    /// Lists the sells of an order.
    #[inline(always)]
    pub fn set(
        &mut self,
        prepared: &Prepared,
        sell: &Entry,
        batch: &FilterBatch,
        buffer: &mut Vec<f64>,
    ) {
        self.clear(prepared.history.len(), batch.count);
        self.pending.clear();
        self.pending.resize(batch.count, 0);
        let Self { firsts, counts, rows, list, open, pending, stack } = self;
        let per_unit = &prepared.history.per_unit;
        let lists = Lists { per_unit, batch, firsts, counts, rows, list };
        let mut listing = Listing { lists, open, pending };
        prepared.history.visit_sell(prepared.series(), sell, buffer, stack, &mut listing);
    }

    /// Sells since `s`, if the first one comes no later than `last`.
    #[inline(always)]
    pub fn since(&self, s: usize, last: IntrabarTime) -> &[(IntrabarTime, u32)] {
        if self.firsts[s] > last {
            return &[];
        }
        let room = self.rows.len() / self.counts.len();
        &self.rows[s * room..s * room + usize::from(self.counts[s])]
    }
}

/// The oldest start before bar `t` that is pending for one of the filters that are open.
#[inline(always)]
pub(in super::super) fn oldest_pending(mut open: u64, pending: &[u32], t: usize) -> Option<usize> {
    let mut oldest = t as u32;
    while open != 0 {
        oldest = oldest.min(pending[open.trailing_zeros() as usize]);
        open &= open - 1;
    }
    ((oldest as usize) < t).then_some(oldest as usize)
}

/// Divides the starts of a touch into intervals that are pending for the same open filters, passes
/// each interval on with what these filters `join` into, and ends the pending starts of the open
/// filters.
#[inline(always)]
pub(in super::super) fn visit_filtered<F: Default>(
    open: u64,
    starts: Range<usize>,
    pending: &mut [u32],
    join: impl Fn(F, usize) -> F,
    mut visit: impl FnMut(Range<u32>, F),
) {
    let end = starts.end as u32;
    let mut from = starts.start as u32;
    while from < end {
        // Up to where the same filters have pending starts. Filters that are not open keep theirs:
        // what they hide is a touch [V1].
        let (mut filters, mut to, mut left) = (F::default(), end, open);
        while left != 0 {
            let filter = left.trailing_zeros() as usize;
            left &= left - 1;
            if pending[filter] <= from {
                filters = join(filters, filter);
            } else {
                to = to.min(pending[filter]);
            }
        }
        visit(from..to, filters);
        from = to;
    }
    let mut left = open;
    while left != 0 {
        let pending = &mut pending[left.trailing_zeros() as usize];
        *pending = end.max(*pending);
        left &= left - 1;
    }
}

/// The lists of a sell table that is being built.
pub(super) struct Lists<'a> {
    pub per_unit: &'a PerUnit,
    pub batch: &'a FilterBatch,
    pub firsts: &'a mut [IntrabarTime],
    pub counts: &'a mut [u8],
    pub rows: &'a mut [(IntrabarTime, u32)],
    pub list: &'a mut Vec<Sell>,
}

impl Lists<'_> {
    /// Lists a sell of some starts for the paths of the filters that allow it.
    #[inline(always)]
    fn push(&mut self, starts: Range<u32>, paths: PathSet, time: IntrabarTime, fill: f64) {
        let at = self.list.len() as u32;
        let rate = self.per_unit.rate::<Short>(fill);
        self.list.push(Sell { time, fill, rate, paths });
        for s in starts.start as usize..starts.end as usize {
            let count = usize::from(self.counts[s]);
            if count == 0 {
                self.firsts[s] = time;
            }
            self.rows[s * self.batch.count + count] = (time, at);
            self.counts[s] += 1;
        }
    }
}

impl SellTable {
    /// Lists a sell of some starts for the paths of the filters that allow it.
    #[inline(always)]
    pub fn push(
        &mut self,
        per_unit: &PerUnit,
        batch: &FilterBatch,
        (starts, paths): (Range<u32>, PathSet),
        (time, fill): (IntrabarTime, f64),
    ) {
        let Self { firsts, counts, rows, list, .. } = self;
        let mut lists = Lists { per_unit, batch, firsts, counts, rows, list };
        lists.push(starts, paths, time, fill);
    }
}

/// A visitor that lists sells.
pub(super) struct Listing<'a> {
    pub lists: Lists<'a>,
    pub open: &'a [u64],
    pub pending: &'a mut [u32],
}

impl TouchVisitor for Listing<'_> {
    #[inline(always)]
    fn oldest_pending(&self, t: usize) -> Option<usize> {
        oldest_pending(self.open[t], self.pending, t)
    }

    #[inline(always)]
    fn visit(&mut self, t: usize, starts: Range<usize>, time: IntrabarTime, fill: f64) {
        let Self { lists, open, pending } = self;
        let by_filter = &lists.batch.by_filter;
        let join = |paths: PathSet, filter: usize| paths.or(by_filter[filter]);
        visit_filtered(open[t], starts, pending, join, |starts, paths| {
            lists.push(starts, paths, time, fill);
        });
    }
}
