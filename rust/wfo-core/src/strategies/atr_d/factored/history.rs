//! The history of a sweep, and how its orders become first-touch tables.

use std::ops::Range;

use super::entry_filter::EntryFilter;
use super::entry_lookup;
use super::path::{PhaseBars, SharedWays, Trade};
use super::settle;
use super::tightening::Tightening;
use crate::engine::boundary::Boundary;
use crate::engine::first_touch::{
    FirstTouch, FirstTouchCursor, SignedBars, StartRange, TouchVisitor,
};
use crate::engine::per_unit::PerUnit;
use crate::execution::account::Recorder;
use crate::execution::settings::{AccountSettings, Sizing};
use crate::execution::touches::Way;
use crate::figures::Figures;
use crate::market::slice::Slice;
use crate::strategies::atr_d::kernel::Shared;
use crate::strategies::atr_d::params::{Entry, Stop};
use crate::strategies::atr_d::series::Series;
use crate::strategies::atr_d::settings::EntryStyle;

/// Bars behind the starts of a segment whose distances are computed at a time: the touch of the
/// last starts is mostly near, and what is not used is computed once more.
const LOOK_AHEAD: usize = 256;

/// Bars of a sell that are visited at a time.
const VISITED: usize = 2048;

/// The bars from the first phase's start on, counted from 0, and the account.
#[derive(Debug)]
pub(super) struct History {
    pub bars: Range<usize>,
    falling: SignedBars,
    rising: SignedBars,
    pub per_unit: PerUnit,
    pub phases: Vec<PhaseBars>,
    /// The ends of the parts of each phase.
    pub boundaries: Vec<[Boundary; 2]>,
    pub settings: AccountSettings,
    breakout: bool,
}

/// Buffers of the distances of some bars.
#[derive(Debug, Default)]
pub(super) struct DistanceBuffer {
    tightening: Tightening,
    distance: Vec<f64>,
}

impl History {
    pub fn new(
        shared: &Shared,
        bars: Range<usize>,
        slices: &[Slice],
        shorts: bool,
        settings: AccountSettings,
    ) -> Self {
        let position = |bar: usize| (bar - bars.start) as u32;
        // A phase begins flat since the bar before its first trading bar [S1].
        let phase = |s: &Slice| PhaseBars {
            start: position(s.warmup) - 1,
            split: position(s.split),
            end: position(s.end),
        };
        let phases: Vec<PhaseBars> = slices.iter().map(phase).collect();
        let closes = &shared.bars.close()[bars.clone()];
        let boundary = |at: u32| Boundary::new(closes, at, shorts);
        let boundaries =
            phases.iter().map(|phase| [boundary(phase.split), boundary(phase.end)]).collect();
        let per_unit = PerUnit::new(
            closes,
            (&shared.bars.low()[bars.clone()], &shared.bars.high()[bars.clone()]),
            &settings,
        );
        Self {
            falling: SignedBars::new(&shared.bars, bars.clone(), Way::Down),
            rising: SignedBars::new(&shared.bars, bars.clone(), Way::Up),
            per_unit,
            phases,
            boundaries,
            settings,
            breakout: shared.settings.entry_style == EntryStyle::Breakout,
            bars,
        }
    }

    pub fn len(&self) -> usize {
        self.bars.len()
    }

    pub fn shared_ways(&self) -> SharedWays {
        SharedWays::new(self.breakout)
    }

    /// Rates at the opens, of buys or of buys and sells.
    pub fn rates_at_opens(&self, shorts: bool) -> Vec<f64> {
        entry_lookup::rates_at_opens(&self.per_unit, self.opens(), shorts)
    }

    /// The opens.
    pub fn opens(&self) -> &[f64] {
        self.falling.opens()
    }

    pub fn settle(&self, trades: &[Trade], phase: PhaseBars) -> Figures {
        let per_unit = &self.per_unit;
        settle::settle(trades, phase, &self.settings, per_unit.closes(), per_unit.summaries())
    }

    /// Passes all marks of a phase with these trades to a recorder.
    pub fn replay<R: Recorder>(&self, trades: &[Trade], phase: PhaseBars, recorder: R) {
        let closes = (self.bars.start, self.per_unit.closes());
        settle::replay(trades, phase, closes, &self.settings, recorder);
    }

    /// Whether all equity goes into every trade, without lots, so that accounts can be computed
    /// from excursions per share.
    pub fn compounds(&self) -> bool {
        self.settings.sizing == Sizing::Compound && self.settings.lot_size == 0.0
    }

    /// Computes the distances of a stop from its tightening; the bars that it follows.
    #[inline(always)]
    pub fn stop(
        &self,
        series: &Series,
        stop: &Stop,
        side: Way,
        tightening: &[f64],
        buffer: &mut Vec<f64>,
    ) -> &SignedBars {
        let atr = &series.atr[&stop.atr_period][self.bars.clone()];
        let widest = &series.widest[self.bars.clone()];
        buffer.clear();
        // The distance of bar t holds in bar t + 1, as decided in `SignedBars`; it is tightened and
        // capped in `params.rs`: [D4] [D5].
        buffer.extend(
            atr.iter().zip(tightening).zip(widest).map(|((&a, &t), &w)| stop.tightened(a, t, w)),
        );
        self.stop_bars(side)
    }

    /// Resumes the first touches of a stop, up to start `until`; appends their intervals to `out`.
    #[inline(always)]
    pub fn resume_stop(
        &self,
        series: &Series,
        stop: &Stop,
        side: Way,
        until: usize,
        (cursor, buffer): (&mut FirstTouchCursor, &mut DistanceBuffer),
        out: &mut Vec<StartRange>,
    ) {
        let signed = self.stop_bars(side);
        let DistanceBuffer { tightening, distance } = buffer;
        while (cursor.last.end as usize) < until {
            let bars = self.next_distances(cursor.bar, until);
            let tightening = tightening.of(series, stop, &bars);
            let atr = &series.atr[&stop.atr_period][bars.clone()];
            let distances = atr.iter().zip(tightening).zip(&series.widest[bars]);
            distance.clear();
            // [D4] [D5] in `params.rs`.
            distance.extend(distances.map(|((&a, &t), &w)| stop.tightened(a, t, w)));
            signed.resume(cursor, distance, true, until, out);
        }
    }

    /// The same of an unfiltered entry.
    #[inline(always)]
    pub fn resume_entry(
        &self,
        series: &Series,
        entry: &Entry,
        buys: bool,
        until: usize,
        (cursor, buffer): (&mut FirstTouchCursor, &mut DistanceBuffer),
        out: &mut Vec<StartRange>,
    ) {
        let offset = series.offset(entry);
        let signed = self.entry_bars(buys);
        let distance = &mut buffer.distance;
        while (cursor.last.end as usize) < until {
            let bars = self.next_distances(cursor.bar, until);
            distance.clear();
            // [D6]; [D7] in `series.rs`.
            distance.extend(offset.smoothed[bars].iter().map(|s| s * offset.multiplier));
            signed.resume(cursor, distance, !self.breakout, until, out);
        }
    }

    /// The bars that a stop follows which is met on the way `side`: a long's on the way down, a
    /// short's on the way up.
    pub fn stop_bars(&self, side: Way) -> &SignedBars {
        match side {
            // [L1]
            Way::Down => &self.falling,
            // [L2]
            Way::Up => &self.rising,
        }
    }

    /// The bars that an entry follows: a pull-back buys below the price and sells above it, a
    /// breakout the other way round.
    pub fn entry_bars(&self, buys: bool) -> &SignedBars {
        // [L4] [L5] on the way up, [L3] [L6] on the way down.
        if buys == self.breakout { &self.rising } else { &self.falling }
    }

    /// Bars whose distances a pass needs next that has come to bar `at`: those up to start `until`,
    /// and then a few at a time.
    fn next_distances(&self, at: usize, until: usize) -> Range<usize> {
        let to = until.max(at + LOOK_AHEAD).min(self.len()).max(at);
        // A distance is known a bar before it holds [T1].
        self.bars.start + at - 1..self.bars.start + to - 1
    }

    /// The first touches of an entry with its filter.
    #[inline(always)]
    pub fn entry(
        &self,
        series: &Series,
        entry: &Entry,
        buys: bool,
        filter: &EntryFilter<'_>,
        buffer: &mut Vec<f64>,
        table: &mut FirstTouch,
    ) {
        let offset = series.offset(entry);
        buffer.clear();
        // [D6]; [D7] in `series.rs`.
        buffer.extend(offset.smoothed[self.bars.clone()].iter().map(|s| s * offset.multiplier));
        filter.apply(buys, &self.bars, buffer);
        let signed = self.entry_bars(buys);
        if self.breakout {
            signed.break_out(buffer, table);
        } else {
            signed.trail_extreme(buffer, table);
        }
    }

    /// Visits all touches of an unfiltered sell.
    #[inline(always)]
    pub fn visit_sell(
        &self,
        series: &Series,
        sell: &Entry,
        buffer: &mut Vec<f64>,
        stack: &mut Vec<u32>,
        visitor: &mut impl TouchVisitor,
    ) {
        let offset = series.offset(sell);
        buffer.clear();
        // [D6]; [D7] in `series.rs`.
        buffer.extend(offset.smoothed[self.bars.clone()].iter().map(|s| s * offset.multiplier));
        self.entry_bars(false).visit_touches(buffer, !self.breakout, stack, visitor);
    }

    /// The same of some bars, some thousands at a time, after those before.
    #[inline(always)]
    pub fn visit_sell_in(
        &self,
        series: &Series,
        sell: &Entry,
        bars: Range<usize>,
        (buffer, stack): (&mut DistanceBuffer, &mut Vec<u32>),
        visitor: &mut impl TouchVisitor,
    ) {
        let (offset, signed) = (series.offset(sell), self.entry_bars(false));
        let distance = &mut buffer.distance;
        for first in bars.clone().step_by(VISITED) {
            let end = bars.end.min(first + VISITED);
            let before = self.bars.start + first - 1..self.bars.start + end - 1;
            distance.clear();
            // [D6]; [D7] in `series.rs`.
            distance.extend(offset.smoothed[before].iter().map(|s| s * offset.multiplier));
            signed.visit_touches_in(first..end, distance, !self.breakout, stack, visitor);
        }
    }
}
