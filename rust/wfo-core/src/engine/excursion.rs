//! Excursions: what the marks and the exit of a trade do to its position, per share.

use crate::engine::f64x4::{F64_LANES, max, min};
use crate::engine::range_summary::RangeSummary;

/// What the marks of a trade and its exit do, by price per share. For a short the adverse price is
/// the highest one, and the drawdown is negated, as its shares are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(32))] // two to a line of the cache, none across two
pub(crate) struct Excursion {
    /// Maximum adverse excursion: the price of the mark that is worst for the position.
    pub mae: f64,
    /// Maximum favorable excursion: the price of the mark that is best for it.
    pub mfe: f64,
    /// Largest move against the position, from a mark to a later one.
    pub drawdown: f64,
    /// What a share brings or costs at the exit, costs included.
    pub net: f64,
}

// Four numbers, one after the other, without padding between or behind them.
const _: () = assert!(size_of::<Excursion>() == size_of::<[f64; F64_LANES]>());

/// With [`UNIT_RATE`], a trade that changes nothing, not even a drawdown's last bit: it is no mark.
/// (The fall from a peak to a mark of the same equity may be rounded otherwise than the fall that
/// led to it, and figures must not depend on which paths share a lane batch.)
pub(crate) const NO_TRADE: Excursion =
    Excursion { mae: f64::INFINITY, mfe: f64::NEG_INFINITY, drawdown: 0.0, net: 1.0 };
/// The rate of a trade that changes nothing.
pub(crate) const UNIT_RATE: f64 = 1.0;

impl Excursion {
    /// A position that is closed in the bar in which it is opened: its exit is its only mark.
    #[inline(always)]
    pub fn same_bar(net: f64) -> Self {
        Self { mae: net, mfe: net, drawdown: 0.0, net }
    }

    /// The four numbers in order.
    #[inline(always)]
    pub fn as_array(&self) -> &[f64; F64_LANES] {
        #[expect(unsafe_code, reason = "one load of a row, where fields one by one take four")]
        // SAFETY: the layout is that of C: four numbers in order, of the size of an array of four,
        // so that there is no padding. The alignment is that of a number or larger.
        unsafe {
            &*std::ptr::from_ref(self).cast()
        }
    }
}

/// The side of a position, as a type.
pub(crate) trait Side {
    const SHORT: bool;
    /// The excursion of a position that is marked at these closes and leaves at price `net`.
    fn excursion(closes: RangeSummary, net: f64) -> Excursion;
}

#[derive(Debug)]
pub(crate) struct Long;
#[derive(Debug)]
pub(crate) struct Short;

impl Side for Long {
    const SHORT: bool = false;
    #[inline(always)]
    fn excursion(closes: RangeSummary, net: f64) -> Excursion {
        let (low, high) = (-closes.neg_low, closes.high);
        // The exit is a mark too [M10] [M11].
        let drawdown = max(closes.fall, high - net);
        Excursion { mae: min(low, net), mfe: max(high, net), drawdown, net }
    }
}

impl Side for Short {
    const SHORT: bool = true;
    #[inline(always)]
    fn excursion(closes: RangeSummary, net: f64) -> Excursion {
        let (low, high) = (-closes.neg_low, closes.high);
        // [M10] [M11]
        let drawdown = -max(closes.rise, net - low);
        Excursion { mae: max(high, net), mfe: min(low, net), drawdown, net }
    }
}
