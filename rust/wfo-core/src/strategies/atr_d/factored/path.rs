//! Paths: from event to event over first-touch tables, one step an event and not one a bar.
//!
//! No bar between two events can matter: a state looks at nothing but its own touches since its
//! first bar, and the tables name the first bar in which one of them happens. Where two tables name
//! the same bar, their order within it decides.
//!
//! The paths here are listed as sequences of trades, for [`settle`](super::settle) to settle by the
//! direct engine's expressions. Those that are computed many at a time are in
//! [`lockstep`](super::lockstep) and [`coalesced`](super::coalesced).

use super::entry_filter::FilterState;
use crate::engine::first_touch::FirstTouchView;
use crate::execution::account::Side;
use crate::execution::touches::Way;
use crate::strategies::atr_d::params::{BothTriggered, EntryMode};

/// The bars of a phase, as positions in the tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct PhaseBars {
    /// The bar before the first trading bar.
    pub start: u32,
    /// First out-of-sample bar.
    pub split: u32,
    /// One past the last bar.
    pub end: u32,
}

/// A trade of a path, at raw fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Trade {
    pub side: Side,
    pub entry: f64,
    pub exit: f64,
    /// Bar of the entry.
    pub from: u32,
    /// Bar of the exit; at or behind the phase's end where the trade is still open there.
    pub to: u32,
}

/// On which way a stop and the entry that may come before it are both met, if it is the same one.
#[derive(Debug, Clone, Copy)]
pub(super) struct SharedWays {
    /// A long's stop and a sell.
    pub long: Option<Way>,
    /// A short's stop and a buy.
    pub short: Option<Way>,
}

impl SharedWays {
    /// Pull-back entries stand on the far side of the price from the stop that they reverse,
    /// breakouts on the same side.
    pub fn new(breakout: bool) -> Self {
        // [O3] asks only where both are met on one way.
        let same = |way| breakout.then_some(way);
        Self { long: same(Way::Down), short: same(Way::Up) }
    }
}

/// The orders and modes of one combination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orders<'a> {
    pub buy: FirstTouchView<'a>,
    pub long_stop: FirstTouchView<'a>,
    /// The sell and the short stop, where there is a short side.
    pub short: Option<(FirstTouchView<'a>, FirstTouchView<'a>)>,
    pub entry_mode: EntryMode,
    pub both_triggered: BothTriggered,
    pub shared_ways: SharedWays,
}

/// The trades of a phase, oldest first; the last one may be open at its end.
pub(super) fn trade_sequence(orders: &Orders<'_>, phase: PhaseBars, out: &mut Vec<Trade>) {
    let Orders { buy, long_stop, short, entry_mode, both_triggered, shared_ways } = *orders;
    out.clear();
    // Flat since the bar before the first trading bar [S1].
    let mut at = phase.start;
    // A position that a reversal has opened.
    let mut opened: Option<(Side, f64)> = None;
    loop {
        // Orders are followed from the whole bar of the event on, and fill in later bars, as
        // decided in `SignedBars`.
        let s = at as usize;
        let (side, entry, from) = if let Some((side, price)) = opened.take() {
            (side, price, at)
        } else {
            // A buy and a sell are never met on the same way; of equal ones the buy comes first
            // [O5].
            let sell = short.map(|(sell, _)| sell);
            let sells = sell.is_some_and(|sell| sell.precedes(buy, s, None));
            // The touched order opens its side [S2].
            let (side, first, second) = match sell {
                Some(sell) if sells => (Side::Short, sell, Some(buy)),
                _ => (Side::Long, buy, sell),
            };
            let from = first.times[s].bar();
            if from >= phase.end {
                return;
            }
            // Both fill: one trade, and flat since this bar [S7]. In the other mode the first one
            // cancels the other [S6].
            if let Some(second) = second
                && both_triggered == BothTriggered::BothFill
                && second.times[s].bar() == from
            {
                let (entry, exit) = (first.fills[s], second.fills[s]);
                out.push(Trade { side, entry, exit, from, to: from });
                at = from;
                continue;
            }
            (side, first.fills[s], from)
        };
        let s = from as usize;
        let (mut closing, reversal, way) = match (side, short) {
            // A buy reverses a short [S5].
            (Side::Short, Some((_, stop))) => {
                let buy = Some(buy).filter(|_| entry_mode >= EntryMode::LongPriority);
                (stop, buy, shared_ways.short)
            }
            // A sell reverses a long [S4].
            (_, Some((sell, _))) => {
                let sell = Some(sell).filter(|_| entry_mode == EntryMode::FullReversal);
                (long_stop, sell, shared_ways.long)
            }
            (_, None) => (long_stop, None, None),
        };
        // The stop comes before an entry that is equal to it [O4].
        if let Some(reversal) = reversal.filter(|reversal| reversal.precedes(closing, s, way)) {
            closing = reversal;
            let other = if side == Side::Long { Side::Short } else { Side::Long };
            opened = Some((other, reversal.fills[s]));
        }
        // Without a reversal the stop closes, and leads to flat [S3].
        let (to, exit) = (closing.times[s].bar(), closing.fills[s]);
        out.push(Trade { side, entry, exit, from, to });
        if to >= phase.end {
            return;
        }
        at = to;
    }
}

/// The same with a filter of Hull averages, where nothing reverses: `orders` are unfiltered,
/// and `opens` are the prices of crosses.
pub(super) fn filtered_trade_sequence(
    orders: &Orders<'_>,
    states: &[FilterState],
    opens: &[f64],
    phase: PhaseBars,
    out: &mut Vec<Trade>,
) {
    let Orders { buy, long_stop, short, .. } = *orders;
    let (sell, short_stop) = short.unzip();
    out.clear();
    let mut at = phase.start;
    loop {
        let s = at as usize;
        let (from, side, entry) = states[s].entry(s, buy, sell, opens);
        if from >= phase.end {
            return;
        }
        // Out by the stop alone [S3] [H6].
        let stop = short_stop.filter(|_| side == Side::Short).unwrap_or(long_stop);
        let (to, exit) = (stop.times[from as usize].bar(), stop.fills[from as usize]);
        out.push(Trade { side, entry, exit, from, to });
        if to >= phase.end {
            return;
        }
        at = to;
    }
}
