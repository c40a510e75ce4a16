//! Orders of one combination: in which bar each is touched first, and its touch there.

use super::bits::{Both, WORD};
use super::reach::Reach;
use super::touch_set::TouchSet;
use super::trail::Trail;
use crate::engine::f64x4::{F64x4, max, min};
use crate::engine::first_touch::SignedBars;
use crate::execution::account::Side;
use crate::execution::touches::{self, Touch, Way};
use crate::market::bars::Bars;

/// What no parameter changes: the bars, and how far they reach.
#[derive(Debug)]
pub(super) struct Market<'a> {
    pub bars: &'a Bars,
    pub reaches: &'a Reaches,
}

/// How far bars reach, as orders see it that are met by falling and by rising prices.
#[derive(Debug)]
pub(super) struct Reaches {
    down: Reach,
    up: Reach,
    signed_down: SignedBars,
    signed_up: SignedBars,
}

impl Reaches {
    pub fn new(bars: &Bars) -> Self {
        let signed = |way| SignedBars::new(bars, 0..bars.len(), way);
        Self {
            down: Reach::new(bars.low()),
            up: Reach::new(&bars.high().iter().map(|high| -high).collect::<Vec<_>>()),
            signed_down: signed(Way::Down),
            signed_up: signed(Way::Up),
        }
    }
}

impl Market<'_> {
    /// The first bar of `from..to` that reaches a level which stays; else `to`.
    #[inline(always)]
    pub fn first<V: F64x4>(&self, way: Way, from: usize, to: usize, level: f64) -> usize {
        match way {
            Way::Down => self.reaches.down.first::<V>(from, to, level),
            Way::Up => self.reaches.up.first::<V>(from, to, -level),
        }
    }

    /// The bars as an order sees them that is met on the way `way`.
    pub fn signed(&self, way: Way) -> &SignedBars {
        match way {
            Way::Down => &self.reaches.signed_down,
            Way::Up => &self.reaches.signed_up,
        }
    }
}

/// The distance of a loss or target, as of each bar.
#[derive(Debug, Clone, Copy)]
pub(super) enum Distance<'a> {
    Column(&'a [f64]),
    Number(f64),
}

impl Distance<'_> {
    /// The level that it fixes at a fill in a bar [R10] [R11] [R13]; NaN where it does not work.
    #[inline(always)]
    pub fn level(self, is_percent: bool, way: Way, bar: usize, fill: f64) -> f64 {
        let value = match self {
            Self::Column(values) => bar.checked_sub(1).map_or(f64::NAN, |before| values[before]),
            Self::Number(value) => value,
        };
        let distance = if is_percent { fill * (value / 100.0) } else { value };
        // [R14]
        if !distance.is_finite() {
            return f64::NAN;
        }
        match way {
            Way::Down => fill - distance,
            Way::Up => fill + distance,
        }
    }
}

/// The fill of a level that is touched in a bar of this open.
#[inline(always)]
pub(super) fn fill_of(way: Way, open: f64, level: f64) -> f64 {
    // [L8]
    match way {
        Way::Down => min(open, level),
        Way::Up => max(open, level),
    }
}

/// How an order is found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Finder<'a> {
    /// At the open of bars in which a condition holds; of all bars without one.
    Open(Option<&'a [u64]>),
    /// At a level of its own, where a condition holds.
    Level(&'a TouchSet, Option<&'a [u64]>),
    /// Behind the extreme since the state began.
    Trail(&'a Trail),
    /// At the open of the bar so many bars after the state began.
    After(usize),
    /// At a level that stands this far from the fill, in percent of it where that is said.
    Fixed(Distance<'a>, bool),
}

/// An order of one combination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order<'a> {
    pub finder: Finder<'a>,
    pub way: Way,
    /// Whether it is a stop, a trail or a loss, which come before limits and targets.
    pub protects: bool,
}

/// The state that orders work in: since when it holds, and at which fill it began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    pub bar: usize,
    pub fill: f64,
}

impl<'a> Order<'a> {
    /// The first bar after the state's, before `to`, in which it is touched; else `to`. `level` is
    /// that of a fixed one.
    #[inline(always)]
    pub fn first<V: F64x4>(
        &self,
        market: &Market<'_>,
        since: Since,
        level: f64,
        to: usize,
    ) -> usize {
        // [B1] The bar of the event brings no other one.
        let from = since.bar + 1;
        match self.finder {
            Finder::Open(None) => from.min(to),
            Finder::Open(Some(when)) => Both { bits: when, and: None }.next(from, to),
            Finder::Level(touches, when) => Both { bits: &touches.bits, and: when }.next(from, to),
            // [B8] Behind the extreme since that bar, all of which counts.
            Finder::Trail(trail) => (trail.bars[since.bar] as usize).min(to),
            // [R12]
            Finder::After(bars) => (since.bar + bars).min(to),
            Finder::Fixed(..) => market.first::<V>(self.way, from, to, level),
        }
    }

    /// The level of a fixed one in this state [R10] [R11] [R13]; NaN where it does not work.
    #[inline(always)]
    pub fn level(&self, since: Since) -> f64 {
        let Finder::Fixed(distance, is_percent) = self.finder else { return f64::NAN };
        distance.level(is_percent, self.way, since.bar, since.fill)
    }

    /// The fill in a bar that was found.
    #[inline(always)]
    pub fn fill(&self, market: &Market<'_>, since: Since, level: f64, bar: usize) -> f64 {
        let open = market.bars.open()[bar];
        match self.finder {
            Finder::Open(_) | Finder::After(_) => open,
            Finder::Level(touches, _) => fill_of(self.way, open, touches.level(bar)),
            Finder::Trail(trail) => trail.fills[since.bar],
            Finder::Fixed(..) => fill_of(self.way, open, level),
        }
    }

    /// Its touch in a bar after the state's, in which it need not be touched.
    pub fn touch(
        &self,
        market: &Market<'_>,
        since: Since,
        level: f64,
        bar: usize,
    ) -> Option<Touch> {
        let holds = |when: &[u64]| when[bar / WORD] >> (bar % WORD) & 1 == 1;
        let open = market.bars.open()[bar];
        // What is touched at the open, or whose level is where it is filled unless the open was.
        let met = |fill: f64| Touch { level: fill, fill, way: self.way, at_open: fill == open };
        match self.finder {
            Finder::Open(when) => when.is_none_or(holds).then(|| met(open)),
            Finder::After(bars) => (bar - since.bar >= bars).then(|| met(open)),
            Finder::Trail(trail) => {
                (trail.bars[since.bar] as usize == bar).then(|| met(trail.fills[since.bar]))
            }
            Finder::Level(touches, when) => {
                let is_touched = holds(&touches.bits) && when.is_none_or(holds);
                let level = if is_touched { touches.level(bar) } else { f64::NAN };
                fixed_touch(market, self.way, level, bar)
            }
            Finder::Fixed(..) => fixed_touch(market, self.way, level, bar),
        }
    }

    /// Its touch in the bar of an entry, all of which comes after the fill [B5]: values and
    /// conditions are those of the bar before, and a trail begins at the fill.
    pub fn touch_at_entry(&self, market: &Market<'_>, side: Side, since: Since) -> Option<Touch> {
        match self.finder {
            Finder::Open(_) | Finder::After(_) => None,
            Finder::Level(..) => self.touch(market, since, f64::NAN, since.bar),
            Finder::Trail(trail) => {
                let distance = trail.distance[since.bar - 1];
                let level = match side {
                    Side::Long => since.fill - distance,
                    Side::Short => since.fill + distance,
                };
                fixed_touch(market, self.way, level, since.bar)
            }
            Finder::Fixed(..) => fixed_touch(market, self.way, self.level(since), since.bar),
        }
    }
}

fn fixed_touch(market: &Market<'_>, way: Way, level: f64, bar: usize) -> Option<Touch> {
    let (open, high, low) =
        (market.bars.open()[bar], market.bars.high()[bar], market.bars.low()[bar]);
    match way {
        Way::Down => touches::down(level, open, low),
        Way::Up => touches::up(level, open, high),
    }
}
