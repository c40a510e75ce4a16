//! Entry filters: the veto of shorts and the Hull averages, which allow entries in some bars only.
//!
//! A filter stands before first-touch tables in one of two forms:
//! - [`EntryFilter`] hides the bars that it closes from an order while its table is built. Tables
//!   are then those of one filter.
//! - [`FilterState`] says by start bar what a filter of Hull averages does to unfiltered tables:
//!   either it is open for one side, and that side's touch counts if it comes before the filter
//!   closes; or else nothing happens before the next cross, which enters at the open. So touches
//!   are independent of filters, and filters of touches. This is exact: as long as a filter is open
//!   it hides no bar, so the first touch with it is the first touch without it.

use std::ops::Range;

use crate::engine::first_touch::FirstTouchView;
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::lookup::{IndexTable, NamesRow};
use crate::execution::account::Side;
use crate::indicators::PriceMethod;
use crate::strategies::atr_d::params::{Hull, Veto};
use crate::strategies::atr_d::series::{HullState, Series};

/// The parameters of a filter.
#[derive(Debug, Clone, Copy)]
pub(super) enum FilterParams {
    /// Every bar allows entries.
    Unfiltered,
    /// An EMA of so many closes must decline by more than the threshold for a short.
    Veto(Veto),
    /// Hull averages of these lengths.
    Hull { fast: usize, slow: usize },
}

/// A filter on a history.
pub(super) enum EntryFilter<'a> {
    Unfiltered,
    Veto { declines: &'a [f64], threshold: f64 },
    Hull(&'a [HullState]),
}

impl<'a> EntryFilter<'a> {
    pub fn new(series: &'a Series, params: &FilterParams, price: PriceMethod) -> Self {
        match *params {
            FilterParams::Unfiltered => Self::Unfiltered,
            FilterParams::Veto(veto) => Self::Veto {
                declines: &series.veto_decline[&veto.period],
                threshold: veto.threshold,
            },
            FilterParams::Hull { fast, slow } => {
                Self::Hull(&series.hull_state[&Hull { fast, slow, price }])
            }
        }
    }

    /// What a filter of Hull averages does from each bar on.
    pub fn states(&self, bars: &Range<usize>, shorts: bool) -> IndexTable<FilterState> {
        match *self {
            Self::Hull(states) => filter_states(states, bars, shorts),
            _ => IndexTable::default(),
        }
    }

    /// Hides the bars that the filter closes: their distance, known a bar before, becomes
    /// +∞, while extremes go on. A cross of Hull averages fills at the open: -∞.
    #[inline(always)]
    pub fn apply(&self, buys: bool, bars: &Range<usize>, distance: &mut [f64]) {
        match *self {
            Self::Unfiltered => {}
            Self::Veto { declines, threshold } => {
                // Sells alone, reversals too, by a strict comparison [V2]; the touch is hidden, and
                // the extremes go on [V1].
                if !buys {
                    for (distance, &decline) in distance.iter_mut().zip(&declines[bars.clone()]) {
                        *distance = if decline > threshold { *distance } else { f64::INFINITY };
                    }
                }
            }
            Self::Hull(states) => {
                let wanted = if buys { HullState::Up } else { HullState::Down };
                for (t, distance) in bars.clone().zip(distance) {
                    if states[t] != wanted {
                        // Buys where the state is up alone, sells where it is down [H3] [H5].
                        *distance = f64::INFINITY;
                    } else if t > 0 && states[t - 1] != wanted {
                        // A cross [H2] [H4].
                        *distance = f64::NEG_INFINITY;
                    }
                }
            }
        }
    }
}

/// A bar and a side: twice the bar, plus one for a sell. Row of tables that hold both sides bar by
/// bar. It does not overflow, as times do not, which have four places a bar.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SidedBar(u32);

impl SidedBar {
    #[inline(always)]
    pub fn new(bar: u32, side: u32) -> Self {
        Self(2 * bar + side)
    }

    #[inline(always)]
    pub fn of_row(row: u32) -> Self {
        Self(row)
    }

    #[inline(always)]
    pub fn bar(self) -> u32 {
        self.0 / 2
    }

    /// 0 for a buy, 1 for a sell.
    #[inline(always)]
    pub fn side(self) -> u32 {
        self.0 & 1
    }

    /// Row in tables of buys and sells, or of buys alone.
    #[inline(always)]
    pub fn row<const SHORTS: bool>(self) -> u32 {
        if SHORTS { self.0 } else { self.bar() }
    }
}

/// What a filter of Hull averages does from a bar on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FilterState {
    /// Touches before this time count, and none where it is 0. It is behind the last touch of the
    /// last bar in which the filter is open, and odd where it is open for sells.
    pub open_until: IntrabarTime,
    /// Bar and side of the next cross behind that.
    pub cross: SidedBar,
}

impl FilterState {
    /// Closed up to the next cross.
    pub fn closed(cross: SidedBar) -> Self {
        Self { open_until: IntrabarTime::at_open(0), cross }
    }

    /// Open for a side until bar `closes`.
    pub fn open(side: u32, closes: u32, cross: SidedBar) -> Self {
        let open_until = match side {
            0 => IntrabarTime::at_open(closes),
            _ => IntrabarTime::just_before(closes),
        };
        Self { open_until, cross }
    }

    /// Open for every touch of a side.
    pub fn always(short: bool) -> Self {
        let cross = SidedBar::new(0, 0);
        let last = IntrabarTime::at_open(u32::MAX / 4);
        Self { open_until: if short { IntrabarTime::MAX } else { last }, cross }
    }

    /// The side that it is open for: 0 for buys, 1 for sells.
    #[inline(always)]
    pub fn side(self) -> u32 {
        self.open_until.order() & 1
    }

    /// The bar in which it closes.
    #[inline(always)]
    pub fn closes(self) -> u32 {
        self.open_until.bar() + self.side()
    }

    pub fn is_closed(self) -> bool {
        self.open_until == IntrabarTime::at_open(0)
    }

    /// The entry since bar `at`, of unfiltered buys and sells: its bar, side and fill.
    #[inline(always)]
    pub fn entry(
        self,
        at: usize,
        buy: FirstTouchView<'_>,
        sell: Option<FirstTouchView<'_>>,
        opens: &[f64],
    ) -> (u32, Side, f64) {
        let of = |side: u32| if side == 1 { Side::Short } else { Side::Long };
        let touches = sell.filter(|_| self.side() == 1).unwrap_or(buy);
        let time = touches.times[at];
        if time < self.open_until {
            // [H3] [H5]
            (time.bar(), of(self.side()), touches.fills[at])
        } else {
            // [H2] [H4]
            let bar = self.cross.bar();
            (bar, of(self.cross.side()), opens.get(bar as usize).copied().unwrap_or(0.0))
        }
    }
}

impl NamesRow for FilterState {
    /// The bar of its cross: the row of the exit since that bar.
    #[inline(always)]
    fn named(self) -> u32 {
        self.cross.bar()
    }
}

/// What a filter of Hull averages does from each of the bars of `range` on, and in the row behind
/// them.
pub(super) fn filter_states(
    hull_states: &[HullState],
    range: &Range<usize>,
    shorts: bool,
) -> IndexTable<FilterState> {
    let n = range.len();
    let side = |t: usize| match hull_states[t] {
        HullState::Up => Some(0),
        HullState::Down => shorts.then_some(1),
        HullState::Neither => None,
    };
    let mut next = SidedBar::new(n as u32, 0);
    let mut out = vec![FilterState::closed(next); n + 1];
    // The bar behind the last one in which the filter is still open for the side of bar `x`.
    let mut closes = n;
    for x in (0..n.saturating_sub(1)).rev() {
        let t = range.start + x;
        let Some(side) = side(t) else {
            out[x].cross = next;
            continue;
        };
        if x + 2 == n || hull_states[t + 1] != hull_states[t] {
            closes = x + 2;
        }
        if t > 0 && hull_states[t - 1] != hull_states[t] {
            // The averages cross in bar t, and the next bar enters at its open [H2] [H4].
            next = SidedBar::new(x as u32 + 1, side);
            out[x].cross = next;
        } else {
            // The Hull state of bar t allows touches in the next one [H3] [H5].
            out[x] = FilterState::open(side, closes as u32, next);
        }
    }
    let mut table = IndexTable::default();
    table.extend(out.into_iter());
    table
}
