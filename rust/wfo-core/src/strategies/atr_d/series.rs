//! The indicator series that a grid shares.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::indicators::{self, PriceMethod};
use crate::market::bars::Bars;
use crate::strategies::atr_d::params::{BASELINE_PERIOD, Entry, Hull, Params, Stop};

/// Indicator series by their lengths.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) atr: BTreeMap<usize, Vec<f64>>,
    /// Mean and deviation of the price window.
    pub(crate) window: BTreeMap<(PriceMethod, usize), (Vec<f64>, Vec<f64>)>,
    /// Smoothed ATR of an entry, by ATR period and smoothing period.
    pub(crate) smoothed: BTreeMap<(usize, usize), Vec<f64>>,
    /// Decline of the veto's EMA into each bar, in percent; below 0 where it rises.
    pub(crate) veto_decline: BTreeMap<usize, Vec<f64>>,
    /// Whether the fast Hull average is above the slow one, below it, or neither.
    pub(crate) hull_state: BTreeMap<Hull, Vec<HullState>>,
    /// The widest stop allowed: the cap of distances.
    pub(crate) widest: Vec<f64>,
}

/// Where the fast Hull average stands to the slow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HullState {
    Up,
    Down,
    /// Within rounding of each other, or not known yet.
    Neither,
}

impl Series {
    /// Computes what `sets` ask for, and any mix of their values where these occur together too.
    /// `width` are the bars that the Bollinger width is made of.
    pub(crate) fn new(
        bars: &Bars,
        width: &Bars,
        sets: &[Params],
        mixed: bool,
        max_stop_atr: f64,
    ) -> Self {
        let true_range = indicators::true_range(bars);
        let sides = |p: &Params| {
            let short = p.short.map(|s| (s.stop, s.sell));
            [Some((p.stop, p.buy)), short].into_iter().flatten()
        };
        let mut atr = BTreeMap::new();
        for (stop, entry) in sets.iter().flat_map(sides) {
            for period in [stop.atr_period, entry.atr_period] {
                atr.entry(period).or_insert_with(|| indicators::mean(&true_range, period));
            }
        }
        let mut prices = BTreeMap::new();
        let mut window = BTreeMap::new();
        for (method, length) in pairs(sets.iter().map(|p| (p.stop.price, p.stop.bb_length)), mixed)
        {
            // [I2]
            let price = prices.entry(method).or_insert_with(|| indicators::price(width, method));
            let means = indicators::mean(price, length);
            let deviations = indicators::deviation(price, &means, length);
            window.insert((method, length), (means, deviations));
        }
        let entries = sets.iter().flat_map(sides).map(|(_, e)| (e.atr_period, e.smooth_period));
        let smoothed = pairs(entries, mixed)
            .map(|(period, smooth)| {
                // [D7]
                ((period, smooth), indicators::ema(&atr[&period], period - 1, smooth))
            })
            .collect();
        let veto_decline = distinct(sets.iter().filter_map(|p| p.veto).map(|v| v.period))
            .map(|period| (period, veto_declines(bars.close(), period)))
            .collect();
        let hull_state = hull_states(bars, sets, mixed);
        let widest = indicators::mean(&true_range, BASELINE_PERIOD)
            .into_iter()
            // [D5] The cap; it is applied in `Stop::tightened`.
            .map(|baseline| baseline * max_stop_atr)
            .collect();
        Self { atr, window, smoothed, veto_decline, hull_state, widest }
    }

    /// Writes the stop's distance at the bars of `range` into `out`.
    pub(crate) fn stop_distances(&self, stop: &Stop, range: Range<usize>, out: &mut [f64]) {
        let atr = &self.atr[&stop.atr_period];
        let (means, deviations) = &self.window[&(stop.price, stop.bb_length)];
        for t in range {
            out[t] = stop.distance(atr[t], deviations[t], means[t], self.widest[t]);
        }
    }

    /// An entry's smoothed ATR and its multiplier.
    pub(crate) fn offset(&self, entry: &Entry) -> Offset<'_> {
        Offset {
            smoothed: &self.smoothed[&(entry.atr_period, entry.smooth_period)],
            multiplier: entry.atr_multiplier,
        }
    }
}

pub(crate) fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    values.collect::<std::collections::BTreeSet<_>>().into_iter()
}

/// How much the veto's EMA of the close declines into each bar, in percent.
fn veto_declines(close: &[f64], period: usize) -> Vec<f64> {
    // [V3]
    let veto_ema = indicators::ema(close, 0, period);
    let mut out = vec![f64::NAN; close.len()];
    for (t, pair) in veto_ema.windows(2).enumerate() {
        // [V2] The threshold is compared in the engines.
        out[t + 1] = -100.0 * (pair[1] / pair[0] - 1.0);
    }
    out
}

/// The pairs that occur, or all that can be made of what occurs.
fn pairs<A: Ord + Copy, B: Ord + Copy>(
    found: impl Iterator<Item = (A, B)>,
    mixed: bool,
) -> impl Iterator<Item = (A, B)> {
    let found: Vec<(A, B)> = distinct(found).collect();
    let all = mixed.then(|| {
        let seconds: Vec<B> = distinct(found.iter().map(|pair| pair.1)).collect();
        let with = |a: A| seconds.iter().map(move |&b| (a, b)).collect::<Vec<_>>();
        distinct(found.iter().map(|pair| pair.0)).flat_map(with).collect::<Vec<_>>()
    });
    all.unwrap_or(found).into_iter()
}

/// The Hull states of every pair of lengths, which only occur as they are, by price.
fn hull_states(bars: &Bars, sets: &[Params], mixed: bool) -> BTreeMap<Hull, Vec<HullState>> {
    let hulls = sets.iter().filter_map(|p| p.hull);
    let (mut prices, mut averages) = (BTreeMap::new(), BTreeMap::new());
    let mut out = BTreeMap::new();
    for (method, (fast, slow)) in pairs(hulls.map(|h| (h.price, (h.fast, h.slow))), mixed) {
        // [X7]
        let price = prices.entry(method).or_insert_with(|| indicators::price(bars, method));
        for length in [fast, slow] {
            averages.entry((method, length)).or_insert_with(|| indicators::hull(price, length));
        }
        let pair = averages[&(method, fast)].iter().zip(&averages[&(method, slow)]);
        let states = pair.map(|(fast, slow)| {
            // [H1]
            let (gap, band) = (fast - slow, 1e-12 * slow.abs());
            match () {
                () if gap > band => HullState::Up,
                () if -gap > band => HullState::Down,
                () => HullState::Neither,
            }
        });
        out.insert(Hull { fast, slow, price: method }, states.collect());
    }
    out
}

/// An entry's distance, bar by bar: `smoothed[t] * multiplier`.
#[derive(Clone, Copy)]
pub(crate) struct Offset<'a> {
    pub(crate) smoothed: &'a [f64],
    pub(crate) multiplier: f64,
}
