//! What engines read: the bars of a variant, and the indicator series that a grid shares.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::atr_d::{BASELINE_PERIOD, Entry, Hull, Params, Stop, Variant};
use crate::bars::Bars;
use crate::error::{Error, Result};
use crate::indicators::{self, PriceMethod};

/// The bars that a variant reads: its own, and those of the second symbol where it has one.
#[derive(Debug, Clone)]
pub struct Data {
    pub(crate) bars: Bars,
    second: Option<Bars>,
}

impl Data {
    /// Puts the bars of a variant together.
    ///
    /// # Errors
    /// A second symbol that is missing, that the variant does not read, or of another length.
    pub fn new(variant: Variant, bars: Bars, second: Option<Bars>) -> Result<Self> {
        match &second {
            Some(other) if variant.dual && other.len() != bars.len() => {
                Err(Error::SecondLength { len: other.len(), expected: bars.len() })
            }
            Some(_) if !variant.dual => Err(Error::SecondSymbol { needed: false }),
            None if variant.dual => Err(Error::SecondSymbol { needed: true }),
            _ => Ok(Self { bars, second }),
        }
    }

    /// The bars that the Bollinger width is made of.
    fn width(&self) -> &Bars {
        self.second.as_ref().unwrap_or(&self.bars)
    }
}

/// Indicator series by their lengths.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) atr: BTreeMap<usize, Vec<f64>>,
    /// Mean and deviation of the price window.
    pub(crate) window: BTreeMap<(PriceMethod, usize), (Vec<f64>, Vec<f64>)>,
    /// Smoothed ATR of an entry, by ATR period and smoothing period.
    pub(crate) smoothed: BTreeMap<(usize, usize), Vec<f64>>,
    /// Slope of the veto's average into each bar, in percent, falls above 0.
    pub(crate) fall: BTreeMap<usize, Vec<f64>>,
    /// Whether the fast Hull average is above the slow one, below it, or neither.
    pub(crate) trend: BTreeMap<Hull, Vec<Trend>>,
    /// The widest stop allowed.
    pub(crate) widest: Vec<f64>,
}

/// Where the fast Hull average stands to the slow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trend {
    Up,
    Down,
    /// Within rounding of each other, or not known yet.
    Neither,
}

impl Series {
    /// Computes what any mix of the values in `params` can ask for.
    pub(crate) fn new(data: &Data, params: &[Params], max_stop_atr: f64) -> Self {
        let true_range = indicators::true_range(&data.bars);
        let sides = |p: &Params| {
            let short = p.short.map(|s| (s.stop, s.sell));
            [Some((p.stop, p.buy)), short].into_iter().flatten()
        };
        let mut atr = BTreeMap::new();
        for (stop, entry) in params.iter().flat_map(sides) {
            for period in [stop.atr_period, entry.atr_period] {
                atr.entry(period).or_insert_with(|| indicators::mean(&true_range, period));
            }
        }
        let mut window = BTreeMap::new();
        for method in distinct(params.iter().map(|p| p.stop.price)) {
            let price = indicators::price(data.width(), method);
            for length in distinct(params.iter().map(|p| p.stop.bb_length)) {
                let means = indicators::mean(&price, length);
                let deviations = indicators::deviation(&price, &means, length);
                window.insert((method, length), (means, deviations));
            }
        }
        let mut smoothed = BTreeMap::new();
        for period in distinct(params.iter().flat_map(sides).map(|(_, e)| e.atr_period)) {
            for smooth in distinct(params.iter().map(|p| p.buy.smooth_period)) {
                let series = indicators::ema(&atr[&period], period - 1, smooth);
                smoothed.insert((period, smooth), series);
            }
        }
        let fall = distinct(params.iter().filter_map(|p| p.veto).map(|v| v.period))
            .map(|period| (period, falls(data.bars.close(), period)))
            .collect();
        let trend = trends(&data.bars, params);
        let widest = indicators::mean(&true_range, BASELINE_PERIOD)
            .into_iter()
            .map(|baseline| baseline * max_stop_atr)
            .collect();
        Self { atr, window, smoothed, fall, trend, widest }
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

/// How much an average of closes fell into each bar, in percent.
fn falls(close: &[f64], period: usize) -> Vec<f64> {
    let average = indicators::ema(close, 0, period);
    let mut out = vec![f64::NAN; close.len()];
    for (t, pair) in average.windows(2).enumerate() {
        out[t + 1] = -100.0 * (pair[1] / pair[0] - 1.0);
    }
    out
}

/// The trend of every pair of Hull lengths that `params` can be mixed to.
fn trends(bars: &Bars, params: &[Params]) -> BTreeMap<Hull, Vec<Trend>> {
    let hulls: Vec<Hull> = distinct(params.iter().filter_map(|p| p.hull)).collect();
    let mut out = BTreeMap::new();
    for method in distinct(hulls.iter().map(|h| h.price)) {
        let price = indicators::price(bars, method);
        let averages: BTreeMap<usize, Vec<f64>> =
            distinct(hulls.iter().flat_map(|h| [h.fast, h.slow]))
                .map(|length| (length, indicators::hull(&price, length)))
                .collect();
        for pair in distinct(hulls.iter().map(|h| (h.fast, h.slow))) {
            let trend = averages[&pair.0].iter().zip(&averages[&pair.1]).map(|(fast, slow)| {
                let (gap, band) = (fast - slow, 1e-12 * slow.abs());
                match () {
                    () if gap > band => Trend::Up,
                    () if -gap > band => Trend::Down,
                    () => Trend::Neither,
                }
            });
            out.insert(Hull { fast: pair.0, slow: pair.1, price: method }, trend.collect());
        }
    }
    out
}

/// An entry's distance, bar by bar: `smoothed[t] * multiplier`.
#[derive(Clone, Copy)]
pub(crate) struct Offset<'a> {
    pub(crate) smoothed: &'a [f64],
    pub(crate) multiplier: f64,
}
