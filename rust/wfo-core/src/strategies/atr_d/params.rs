//! Parameters of ATR-D: what a variant has, what its values may be, and what distances they give.

use crate::error::{Error, Result};
use crate::indicators::{PriceMethod, hull_lookback, round_half_up};

/// Bars of the baseline ATR that caps the stop `[I4]`.
pub const BASELINE_PERIOD: usize = 70;

/// One of the strategies of the family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// Name in the catalogue.
    pub name: &'static str,
    /// Whether it sells short.
    pub shorts: bool,
    /// Whether it has entry modes, a mode for two touches in one bar, and a veto of shorts.
    pub modes: bool,
    /// Whether Hull averages allow and open its entries.
    pub hull: bool,
    /// Whether the Bollinger width is a second symbol's.
    pub dual: bool,
}

const LONG: Variant =
    Variant { name: "atr_d_l", shorts: false, modes: false, hull: false, dual: false };
const BOTH: Variant = Variant { name: "atr_d_ls", shorts: true, modes: true, ..LONG };

/// The six variants.
pub const VARIANTS: [Variant; 6] = [
    LONG,
    BOTH,
    Variant { name: "atr_d_hma_l", hull: true, ..LONG },
    Variant { name: "atr_d_hma_ls", shorts: true, hull: true, ..LONG },
    Variant { name: "atr_d_duals_l", dual: true, ..LONG },
    Variant { name: "atr_d_duals_ls", dual: true, ..BOTH },
];

const LONG_PARAMETERS: [&str; 11] = [
    "atr_period",
    "atr_multiplier",
    "bb_length",
    "bb_deviation",
    "vol_threshold",
    "min_tightening",
    "scaling_method",
    "atr_buy_period",
    "atr_buy_multiplier",
    "atr_smooth_period",
    "equity_price_method",
];
const SHORT_PARAMETERS: [&str; 1] = ["short_multiplier"];
const MODE_PARAMETERS: [&str; 4] =
    ["entry_mode", "trend_filter_period", "trend_veto_threshold", "both_triggered_mode"];
const HULL_PARAMETERS: [&str; 2] = ["hma_fast_length", "hma_slow_length"];

impl Variant {
    /// The variant of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        VARIANTS.into_iter().find(|v| v.name == name)
    }

    /// Canonical parameter names; in a flat index the last one varies fastest.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let chosen = |on: bool, names: &'static [&'static str]| if on { names } else { &[] };
        // [I7]
        LONG_PARAMETERS
            .iter()
            .chain(chosen(self.shorts, &SHORT_PARAMETERS))
            .chain(chosen(self.modes, &MODE_PARAMETERS))
            .chain(chosen(self.hull, &HULL_PARAMETERS))
            .copied()
    }
}

/// How the tightening follows the ratio of width to threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// The ratio itself.
    Linear,
    /// Its square root: gentler.
    SquareRoot,
    /// Its square: harsher.
    Quadratic,
}

/// What sets a stop's distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stop {
    /// Bars of its ATR.
    pub atr_period: usize,
    /// Width in ATRs.
    pub atr_multiplier: f64,
    /// Bars of the Bollinger width.
    pub bb_length: usize,
    /// Standard deviations of the Bollinger width.
    pub bb_deviation: f64,
    /// Width under which the stop tightens.
    pub vol_threshold: f64,
    /// Floor of the tightening factor.
    pub min_tightening: f64,
    /// How the factor follows the width.
    pub scaling: Scaling,
    /// Price that the Bollinger width is made of.
    pub price: PriceMethod,
}

/// What sets an entry's distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Bars of its ATR.
    pub atr_period: usize,
    /// Offset in smoothed ATRs.
    pub atr_multiplier: f64,
    /// Period of the average over its ATR.
    pub smooth_period: usize,
}

/// The short side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Short {
    /// The short stop.
    pub stop: Stop,
    /// The sell.
    pub sell: Entry,
}

/// Which entries act while the other side is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryMode {
    /// None: entries are made from flat only.
    FlatOnly,
    /// A buy turns a short into a long.
    LongPriority,
    /// A sell turns a long into a short, too.
    FullReversal,
}

/// What happens when buy and sell are both touched in one bar while flat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BothTriggered {
    /// The first one's fill cancels the other order.
    FirstCancels,
    /// Both fill: the first opens, the second closes.
    BothFill,
}

/// The veto of shorts by the slope of an average of closes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Veto {
    /// Period of the average.
    pub period: usize,
    /// Down-slope, in percent a bar, that must be exceeded.
    pub threshold: f64,
}

/// The Hull averages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hull {
    /// Length of the fast one.
    pub fast: usize,
    /// Length of the slow one.
    pub slow: usize,
    /// Price that they are made of.
    pub price: PriceMethod,
}

/// One parameter set. What a variant does not have is as if it were not there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// The long stop.
    pub stop: Stop,
    /// The buy.
    pub buy: Entry,
    /// The short side, of variants that have one.
    pub short: Option<Short>,
    /// Which entries act while the other side is held.
    pub entry_mode: EntryMode,
    /// What two touched entries do.
    pub both_triggered: BothTriggered,
    /// When shorts are allowed; always, without one.
    pub veto: Option<Veto>,
    /// The Hull averages, of variants that have them.
    pub hull: Option<Hull>,
}

impl Params {
    /// Reads the parameters of a variant in canonical order.
    ///
    /// # Errors
    /// A wrong number of values, or the first value that is out of range.
    pub fn from_values(variant: Variant, values: &[f64]) -> Result<Self> {
        let expected = variant.names().count();
        if values.len() != expected {
            return Err(Error::ParameterCount { given: values.len(), expected });
        }
        // [I8]
        let mut given = Given { named: variant.names().zip(values) };
        let atr_period = given.whole(1)?;
        let atr_multiplier = given.positive()?;
        let bb_length = given.whole(2)?;
        let bb_deviation = given.positive()?;
        let vol_threshold = given.positive()?;
        let min_tightening =
            given.checked("it must be above 0 and at most 1", |x| x > 0.0 && x <= 1.0)?;
        let scaling = given.choice(&[Scaling::Linear, Scaling::SquareRoot, Scaling::Quadratic])?;
        let atr_buy_period = given.whole(1)?;
        let atr_buy_multiplier = given.positive()?;
        let smooth_period = given.whole(1)?;
        let price = given.choice(&[PriceMethod::Typical, PriceMethod::Close])?;
        let stop = Stop {
            atr_period,
            atr_multiplier,
            bb_length,
            bb_deviation,
            vol_threshold,
            min_tightening,
            scaling,
            price,
        };
        let buy =
            Entry { atr_period: atr_buy_period, atr_multiplier: atr_buy_multiplier, smooth_period };
        let mut params = Self {
            stop,
            buy,
            short: None,
            entry_mode: EntryMode::FlatOnly,
            both_triggered: BothTriggered::FirstCancels,
            veto: None,
            hull: None,
        };
        if variant.shorts {
            let m = given.positive()?;
            // [D8]
            let scaled = |period: usize| round_half_up(period as f64 * m).max(1);
            params.short = Some(Short {
                stop: Stop {
                    atr_period: scaled(stop.atr_period),
                    // [D9]
                    atr_multiplier: stop.atr_multiplier * m,
                    ..stop
                },
                sell: Entry {
                    atr_period: scaled(buy.atr_period),
                    atr_multiplier: buy.atr_multiplier * m,
                    ..buy
                },
            });
        }
        if variant.modes {
            params.entry_mode = given.choice(&[
                EntryMode::FlatOnly,
                EntryMode::LongPriority,
                EntryMode::FullReversal,
            ])?;
            params.veto = Some(Veto {
                period: given.whole(1)?,
                threshold: given.checked("it must be a finite number", f64::is_finite)?,
            });
            params.both_triggered =
                given.choice(&[BothTriggered::FirstCancels, BothTriggered::BothFill])?;
        }
        if variant.hull {
            let (fast, slow) = (given.whole(1)?, given.whole(1)?);
            // [I8]
            if fast >= slow {
                return Err(Error::OutOfRange {
                    name: "hma_fast_length",
                    value: fast as f64,
                    allowed: "it must be below hma_slow_length",
                });
            }
            params.hull = Some(Hull { fast, slow, price });
        }
        Ok(params)
    }

    /// The longest lookback, in bars.
    #[must_use]
    pub fn lookback(&self) -> usize {
        let sides = [Some((self.stop, self.buy)), self.short.map(|s| (s.stop, s.sell))];
        let atrs = sides.into_iter().flatten().flat_map(|(s, e)| [s.atr_period, e.atr_period]);
        let hulls = self.hull.map(|h| hull_lookback(h.fast).max(hull_lookback(h.slow)));
        // [I3] [I4] [I5]
        atrs.chain(hulls).fold(BASELINE_PERIOD.max(self.stop.bb_length), usize::max)
    }
}

impl Stop {
    /// Distance of the stop behind the extreme, from the indicators of one bar.
    ///
    /// `sigma` and `mean` are those of the Bollinger window, `widest` is the widest stop allowed:
    /// the cap.
    #[inline]
    #[must_use]
    pub fn distance(&self, atr: f64, sigma: f64, mean: f64, widest: f64) -> f64 {
        self.tightened(atr, self.tightening(self.ratio(sigma, mean)), widest)
    }

    /// The Bollinger width in thresholds: where it is below 1, the stop tightens.
    #[inline]
    #[must_use]
    pub fn ratio(&self, sigma: f64, mean: f64) -> f64 {
        // [X4] [X10]
        let width = 2.0 * self.bb_deviation * sigma / mean;
        width / self.vol_threshold
    }

    /// The distance of a stop that is tightened by a known factor, and then capped at `widest`.
    #[inline]
    #[must_use]
    pub fn tightened(&self, atr: f64, tightening: f64, widest: f64) -> f64 {
        // [D4]
        let distance = atr * self.atr_multiplier * tightening;
        // [D5]
        if distance < widest { distance } else { widest }
    }

    /// The factor that a ratio of width to threshold tightens the stop by.
    #[inline]
    #[must_use]
    pub fn tightening(&self, ratio: f64) -> f64 {
        // [D1]
        if ratio >= 1.0 {
            return 1.0;
        }
        // [D2]
        let factor = match self.scaling {
            Scaling::Linear => ratio,
            Scaling::SquareRoot => ratio.sqrt(),
            Scaling::Quadratic => ratio * ratio,
        };
        // [D3]
        factor.max(self.min_tightening)
    }
}

/// Values that are read one after the other, each under its own name.
struct Given<I> {
    named: I,
}

impl<'a, I: Iterator<Item = (&'static str, &'a f64)>> Given<I> {
    fn next(&mut self) -> (&'static str, f64) {
        // The number of values was checked; a missing one would be NaN, which no check lets through.
        self.named.next().map_or(("parameter", f64::NAN), |(name, &value)| (name, value))
    }

    fn checked(&mut self, allowed: &'static str, holds: impl Fn(f64) -> bool) -> Result<f64> {
        let (name, value) = self.next();
        if holds(value) { Ok(value) } else { Err(Error::OutOfRange { name, value, allowed }) }
    }

    fn positive(&mut self) -> Result<f64> {
        self.checked("it must be above 0", |x| x.is_finite() && x > 0.0)
    }

    fn whole(&mut self, least: u32) -> Result<usize> {
        let allowed = match least {
            2 => "it must be a whole number >= 2",
            _ => "it must be a whole number >= 1",
        };
        // Above u32 no history is long enough anyway, and the conversion below stays exact.
        let range = f64::from(least)..=f64::from(u32::MAX);
        let value = self.checked(allowed, |x| x.fract() == 0.0 && range.contains(&x))?;
        Ok(value as usize)
    }

    fn choice<T: Copy>(&mut self, choices: &[T]) -> Result<T> {
        let (name, value) = self.next();
        let allowed = if choices.len() == 2 { "it must be 0 or 1" } else { "it must be 0, 1 or 2" };
        choices
            .iter()
            .enumerate()
            .find(|&(i, _)| i as f64 == value)
            .map(|(_, &c)| c)
            .ok_or(Error::OutOfRange { name, value, allowed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [f64; 11] = [14.0, 3.0, 20.0, 2.0, 0.1, 0.4, 0.0, 10.0, 1.5, 3.0, 0.0];

    /// Values that every variant takes, as many as it has.
    fn good(variant: Variant) -> Vec<f64> {
        let mut values = GOOD.to_vec();
        if variant.shorts {
            values.push(0.5);
        }
        if variant.modes {
            values.extend([2.0, 10.0, -0.02, 1.0]);
        }
        if variant.hull {
            values.extend([16.0, 49.0]);
        }
        values
    }

    fn stop(scaling: Scaling) -> Stop {
        Stop { scaling, ..Params::from_values(VARIANTS[0], &GOOD).expect("in range").stop }
    }

    #[test]
    fn variants_have_as_many_parameters_as_the_contract_says() {
        let counts = VARIANTS.map(|v| (v.name, v.names().count()));
        assert_eq!(
            counts,
            [
                ("atr_d_l", 11),
                ("atr_d_ls", 16),
                ("atr_d_hma_l", 13),
                ("atr_d_hma_ls", 14),
                ("atr_d_duals_l", 11),
                ("atr_d_duals_ls", 16),
            ]
        );
    }

    #[test]
    fn values_are_read_in_canonical_order() {
        for variant in VARIANTS {
            let params = Params::from_values(variant, &good(variant)).expect("in range");
            assert_eq!(params.stop.atr_period, 14);
            assert_eq!(params.stop.vol_threshold, 0.1);
            assert_eq!(params.buy, Entry { atr_period: 10, atr_multiplier: 1.5, smooth_period: 3 });
            assert_eq!(params.short.is_some(), variant.shorts);
            assert_eq!(params.veto.is_some(), variant.modes);
            assert_eq!(params.entry_mode == EntryMode::FullReversal, variant.modes);
            assert_eq!(params.both_triggered == BothTriggered::BothFill, variant.modes);
            assert_eq!(params.hull.map(|h| (h.fast, h.slow)), variant.hull.then_some((16, 49)));
        }
    }

    #[test]
    fn the_short_side_is_the_long_one_scaled() {
        let params = Params::from_values(BOTH, &good(BOTH)).expect("in range");
        let short = params.short.expect("a short side");
        assert_eq!((short.stop.atr_period, short.stop.atr_multiplier), (7, 1.5));
        assert_eq!((short.sell.atr_period, short.sell.atr_multiplier), (5, 0.75));
        assert_eq!((short.stop.bb_length, short.sell.smooth_period), (20, 3));
        let mut values = good(BOTH);
        (values[0], values[7], values[11]) = (5.0, 1.0, 0.3);
        let short = Params::from_values(BOTH, &values).expect("in range").short.expect("short");
        // 1.5 rounds up to 2; 0.3 would be 0 bars, and is 1.
        assert_eq!((short.stop.atr_period, short.sell.atr_period), (2, 1));
    }

    #[test]
    fn each_parameter_is_checked_under_its_own_name() {
        let bad = |name: &str| match name {
            "atr_period" => 0.5,
            "bb_length" => 1.0,
            "vol_threshold" => f64::NAN,
            "min_tightening" => 1.1,
            "scaling_method" | "entry_mode" => 3.0,
            "equity_price_method" | "both_triggered_mode" => 0.5,
            "trend_veto_threshold" => f64::INFINITY,
            "hma_fast_length" => 49.0,
            "hma_slow_length" => 1.5,
            _ => 0.0,
        };
        for variant in VARIANTS {
            for (i, wanted) in variant.names().enumerate() {
                let mut values = good(variant);
                values[i] = bad(wanted);
                assert!(
                    matches!(
                        Params::from_values(variant, &values),
                        Err(Error::OutOfRange { name, .. }) if name == wanted
                    ),
                    "{} {wanted}",
                    variant.name
                );
            }
        }
        assert_eq!(
            Params::from_values(BOTH, &GOOD),
            Err(Error::ParameterCount { given: 11, expected: 16 })
        );
    }

    #[test]
    fn every_lookback_counts() {
        let lookback = |variant: Variant, at: usize, value: f64| {
            let mut values = good(variant);
            values[at] = value;
            Params::from_values(variant, &values).expect("in range").lookback()
        };
        for at in [0, 2, 7] {
            assert_eq!(lookback(LONG, at, 90.0), 90);
        }
        assert_eq!(lookback(LONG, 9, 90.0), 70, "an EMA needs nothing");
        assert_eq!(lookback(BOTH, 13, 90.0), 70, "nor does the veto's");
        assert_eq!(lookback(BOTH, 11, 6.0), 84, "14 bars, six times");
        let hull = VARIANTS[2];
        assert_eq!(lookback(hull, 12, 72.0), 72 + 8); // the root of 72 is 8.49
        assert_eq!(lookback(hull, 12, 73.0), 73 + 9); // that of 73 is 8.54
    }

    #[test]
    fn the_stop_tightens_with_the_width() {
        // width = 2 * 2 * 1 / 160 = 0.025, a quarter of the threshold; 2 ATRs of 3 are 6.
        for (scaling, factor) in [
            (Scaling::Linear, 0.4), // 0.25, but not under the floor
            (Scaling::SquareRoot, 0.5),
            (Scaling::Quadratic, 0.4),
        ] {
            assert_eq!(stop(scaling).distance(2.0, 1.0, 160.0, 1e9), 6.0 * factor);
        }
        // At the threshold it is not tightened, whatever the scaling.
        assert_eq!(stop(Scaling::Quadratic).distance(2.0, 1.0, 40.0, 1e9), 6.0);
        assert_eq!(stop(Scaling::Linear).distance(2.0, 1.0, 40.0, 5.0), 5.0);
    }
}
