//! The bars of a sweep as maps need them, and how its orders become maps.

use std::ops::Range;

use super::cuts::Cut;
use super::doors::{self, Pass};
use super::layout::Gate;
use super::ledger;
use super::maps::{Map, Progress, Run, View, Watch};
use super::terms::Terms;
use super::walk::{self, Span, Ways};
use crate::execution::account::Recorder;
use crate::execution::settings::{AccountSettings, Sizing};
use crate::execution::touches::Way;
use crate::figures::Figures;
use crate::indicators::PriceMethod;
use crate::market::slice::Slice;
use crate::strategies::atr_d::kernel::Shared;
use crate::strategies::atr_d::params::{Entry, Hull, Stop};
use crate::strategies::atr_d::series::{Series, Trend};
use crate::strategies::atr_d::settings::EntryStyle;

/// A history as maps and ledgers see it: the bars from the first phase's start on, counted from 0.
#[derive(Debug)]
pub(super) struct Market {
    pub bars: Range<usize>,
    falling: View,
    rising: View,
    pub terms: Terms,
    pub spans: Vec<Span>,
    /// The ends of the parts of each phase.
    pub cuts: Vec<[Cut; 2]>,
    pub settings: AccountSettings,
    breakout: bool,
}

impl Market {
    pub fn new(
        shared: &Shared,
        bars: Range<usize>,
        slices: &[Slice],
        shorts: bool,
        settings: AccountSettings,
    ) -> Self {
        let position = |bar: usize| (bar - bars.start) as u32;
        let span = |s: &Slice| Span {
            start: position(s.warmup) - 1,
            split: position(s.split),
            end: position(s.end),
        };
        let spans: Vec<Span> = slices.iter().map(span).collect();
        let closes = &shared.bars.close()[bars.clone()];
        let cut = |at: u32| Cut::new(closes, at, shorts);
        let cuts = spans.iter().map(|span| [cut(span.split), cut(span.end)]).collect();
        let terms = Terms::new(
            closes,
            (&shared.bars.low()[bars.clone()], &shared.bars.high()[bars.clone()]),
            &settings,
        );
        Self {
            falling: View::new(&shared.bars, bars.clone(), Way::Down),
            rising: View::new(&shared.bars, bars.clone(), Way::Up),
            terms,
            spans,
            cuts,
            settings,
            breakout: shared.settings.entry_style == EntryStyle::Breakout,
            bars,
        }
    }

    pub fn len(&self) -> usize {
        self.bars.len()
    }

    pub fn ways(&self) -> Ways {
        Ways::new(self.breakout)
    }

    /// Rates at the opens, of buys or of buys and sells.
    pub fn rates_at_opens(&self, shorts: bool) -> Vec<f64> {
        doors::rates_at_opens(&self.terms, self.opens(), shorts)
    }

    /// The opens.
    pub fn opens(&self) -> &[f64] {
        self.falling.opens()
    }

    pub fn settled(&self, trades: &[walk::Trade], span: Span) -> Figures {
        ledger::settled(trades, span, &self.settings, self.terms.closes(), self.terms.stretches())
    }

    /// Lets a recorder hear of all marks of a phase with these trades.
    pub fn replay<R: Recorder>(&self, trades: &[walk::Trade], span: Span, recorder: R) {
        let closes = (self.bars.start, self.terms.closes());
        ledger::replay(trades, span, closes, &self.settings, recorder);
    }

    /// Whether all equity goes into every trade, so that walks can keep their books on the way.
    pub fn compounds(&self) -> bool {
        self.settings.sizing == Sizing::Compound && self.settings.lot_size == 0.0
    }

    /// Distances of a stop, from its tightening, and what it follows.
    #[inline(always)]
    pub fn stop(
        &self,
        series: &Series,
        stop: &Stop,
        side: Way,
        tightening: &[f64],
        buffer: &mut Vec<f64>,
    ) -> &View {
        let atr = &series.atr[&stop.atr_period][self.bars.clone()];
        let widest = &series.widest[self.bars.clone()];
        buffer.clear();
        buffer.extend(
            atr.iter().zip(tightening).zip(widest).map(|((&a, &t), &w)| stop.tightened(a, t, w)),
        );
        self.stop_view(side)
    }

    /// Goes on with the map of a stop, up to start `until`; its runs come behind those in `out`.
    #[inline(always)]
    pub fn stop_on(
        &self,
        series: &Series,
        stop: &Stop,
        side: Way,
        until: usize,
        (progress, chunk): (&mut Progress, &mut Chunk),
        out: &mut Vec<Run>,
    ) {
        let view = self.stop_view(side);
        let Chunk { tightening, distance } = chunk;
        while (progress.last.end as usize) < until {
            let bars = self.next_distances(progress.bar, until);
            let tightening = tightening.of(series, stop, &bars);
            let atr = &series.atr[&stop.atr_period][bars.clone()];
            let distances = atr.iter().zip(tightening).zip(&series.widest[bars]);
            distance.clear();
            distance.extend(distances.map(|((&a, &t), &w)| stop.tightened(a, t, w)));
            view.go_on(progress, distance, true, until, out);
        }
    }

    /// The same for an entry that nothing gates.
    #[inline(always)]
    pub fn entry_on(
        &self,
        series: &Series,
        entry: &Entry,
        buys: bool,
        until: usize,
        (progress, chunk): (&mut Progress, &mut Chunk),
        out: &mut Vec<Run>,
    ) {
        let offset = series.offset(entry);
        let view = self.entry_view(buys);
        let distance = &mut chunk.distance;
        while (progress.last.end as usize) < until {
            let bars = self.next_distances(progress.bar, until);
            distance.clear();
            distance.extend(offset.smoothed[bars].iter().map(|s| s * offset.multiplier));
            view.go_on(progress, distance, !self.breakout, until, out);
        }
    }

    /// What a stop looks at that is met on the way `side`.
    pub fn stop_view(&self, side: Way) -> &View {
        match side {
            Way::Down => &self.falling,
            Way::Up => &self.rising,
        }
    }

    /// What an entry looks at.
    pub fn entry_view(&self, buys: bool) -> &View {
        if buys == self.breakout { &self.rising } else { &self.falling }
    }

    /// Bars whose distances a map needs next, which has come to bar `at`: those up to start `until`,
    /// and then a few at a time.
    fn next_distances(&self, at: usize, until: usize) -> Range<usize> {
        let to = until.max(at + LOOK_AHEAD).min(self.len()).max(at);
        self.bars.start + at - 1..self.bars.start + to - 1
    }

    /// The map of an entry, behind its gate. A buy waits below the price or breaks out above it, a
    /// sell the other way round.
    #[inline(always)]
    pub fn entry(
        &self,
        series: &Series,
        entry: &Entry,
        buys: bool,
        gate: &Shut<'_>,
        buffer: &mut Vec<f64>,
        map: &mut Map,
    ) {
        let offset = series.offset(entry);
        buffer.clear();
        buffer.extend(offset.smoothed[self.bars.clone()].iter().map(|s| s * offset.multiplier));
        gate.apply(buys, &self.bars, buffer);
        let view = self.entry_view(buys);
        if self.breakout { view.stand(buffer, map) } else { view.follow(buffer, map) }
    }

    /// Tells `watch` all that an ungated sell reaches.
    #[inline(always)]
    pub fn watch_sell(
        &self,
        series: &Series,
        sell: &Entry,
        buffer: &mut Vec<f64>,
        stack: &mut Vec<u32>,
        watch: &mut impl Watch,
    ) {
        let offset = series.offset(sell);
        buffer.clear();
        buffer.extend(offset.smoothed[self.bars.clone()].iter().map(|s| s * offset.multiplier));
        self.entry_view(false).reach_all(buffer, !self.breakout, stack, watch);
    }

    /// The same for some bars, some thousands at a time, after those before.
    #[inline(always)]
    pub fn watch_sell_on(
        &self,
        series: &Series,
        sell: &Entry,
        bars: Range<usize>,
        (chunk, stack): (&mut Chunk, &mut Vec<u32>),
        watch: &mut impl Watch,
    ) {
        let (offset, view) = (series.offset(sell), self.entry_view(false));
        let distance = &mut chunk.distance;
        for first in bars.clone().step_by(WATCHED) {
            let end = bars.end.min(first + WATCHED);
            let before = self.bars.start + first - 1..self.bars.start + end - 1;
            distance.clear();
            distance.extend(offset.smoothed[before].iter().map(|s| s * offset.multiplier));
            view.reach_on(first..end, distance, !self.breakout, stack, watch);
        }
    }
}

/// Bars behind the starts of a window whose distances are computed at a time: what fills the last
/// starts is mostly near, and what is not used is computed once more.
const LOOK_AHEAD: usize = 256;

/// Bars of a sell that are watched at a time.
const WATCHED: usize = 2048;

/// What the distances of some bars are computed with.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    tightening: Tightening,
    distance: Vec<f64>,
}

/// A gate on a history.
pub(super) enum Shut<'a> {
    Never,
    Veto { falls: &'a [f64], threshold: f64 },
    Hull(&'a [Trend]),
}

impl<'a> Shut<'a> {
    pub fn new(series: &'a Series, gate: &Gate, price: PriceMethod) -> Self {
        match *gate {
            Gate::Open => Self::Never,
            Gate::Veto(veto) => {
                Self::Veto { falls: &series.fall[&veto.period], threshold: veto.threshold }
            }
            Gate::Hull { fast, slow } => Self::Hull(&series.trend[&Hull { fast, slow, price }]),
        }
    }

    /// What a gate of Hull averages does from each bar on.
    pub fn passes(&self, bars: &Range<usize>, shorts: bool) -> Vec<Pass> {
        match *self {
            Self::Hull(trend) => doors::passes(trend, bars, shorts),
            _ => Vec::new(),
        }
    }

    /// Hides the bars that the gate closes: their distance, known a bar before, becomes +∞. A cross
    /// of Hull averages fills at the open whatever waits: -∞.
    #[inline(always)]
    pub fn apply(&self, buys: bool, bars: &Range<usize>, distance: &mut [f64]) {
        match *self {
            Self::Never => {}
            Self::Veto { falls, threshold } => {
                if !buys {
                    for (distance, &fall) in distance.iter_mut().zip(&falls[bars.clone()]) {
                        *distance = if fall > threshold { *distance } else { f64::INFINITY };
                    }
                }
            }
            Self::Hull(trend) => {
                let wanted = if buys { Trend::Up } else { Trend::Down };
                for (t, distance) in bars.clone().zip(distance) {
                    if trend[t] != wanted {
                        *distance = f64::INFINITY;
                    } else if t > 0 && trend[t - 1] != wanted {
                        *distance = f64::NEG_INFINITY;
                    }
                }
            }
        }
    }
}

/// The factor that tightens a stop, bar by bar. Stops that differ in nothing but how they follow the
/// ratio of width to threshold share the ratio, which is most of the work.
#[derive(Debug, Default)]
pub(super) struct Tightening {
    of: Option<Stop>,
    /// Whose ratios they are.
    bars: Range<usize>,
    ratios: Vec<f64>,
    factors: Vec<f64>,
}

impl Tightening {
    #[inline(always)]
    pub fn of(&mut self, series: &Series, stop: &Stop, bars: &Range<usize>) -> &[f64] {
        let ratio = |s: &Stop| (s.price, s.bb_length, s.bb_deviation, s.vol_threshold);
        if self.of.as_ref().map(ratio) != Some(ratio(stop)) || self.bars != *bars {
            let (means, deviations) = &series.window[&(stop.price, stop.bb_length)];
            let pairs = means[bars.clone()].iter().zip(&deviations[bars.clone()]);
            self.ratios.clear();
            self.ratios.extend(pairs.map(|(&mean, &sigma)| stop.ratio(sigma, mean)));
        }
        self.of = Some(*stop);
        self.bars.clone_from(bars);
        self.factors.clear();
        self.factors.extend(self.ratios.iter().map(|&ratio| stop.tightening(ratio)));
        &self.factors
    }
}
