//! Walks: from event to event over touch maps, one step an event and not one a bar.
//!
//! No bar between two events can matter: a state looks at nothing but its own touches since its
//! first bar, and the maps name the first bar in which one of them happens. Where two maps name the
//! same bar, their moments in it decide.
//!
//! These walks are the plain ones: they list the trades of one phase, for the
//! [`ledger`](super::ledger) to settle. Those that race are in
//! [`lockstep`](super::lockstep) and [`crowd`](super::crowd).

use super::doors::Pass;
use super::maps::{Touches, bar};
use crate::execution::account::Side;
use crate::execution::touches::Way;
use crate::strategies::atr_d::params::{BothTriggered, EntryMode};

/// A phase as walks see it: positions in the maps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// The bar before the first trading bar.
    pub start: u32,
    /// First out-of-sample bar.
    pub split: u32,
    /// One past the last bar.
    pub end: u32,
}

/// A trade as a walk meets it, at raw fills.
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
pub(super) struct Ways {
    /// A long's stop and a sell.
    pub long: Option<Way>,
    /// A short's stop and a buy.
    pub short: Option<Way>,
}

impl Ways {
    /// Entries on a pull-back wait on the far side of the price from the stop that they reverse,
    /// breakouts on the same side.
    pub fn new(breakout: bool) -> Self {
        let same = |way| breakout.then_some(way);
        Self { long: same(Way::Down), short: same(Way::Up) }
    }
}

/// The orders and modes of one combination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orders<'a> {
    pub buy: Touches<'a>,
    pub long_stop: Touches<'a>,
    /// The sell and the short stop, where there is a short side.
    pub short: Option<(Touches<'a>, Touches<'a>)>,
    pub entry_mode: EntryMode,
    pub both_triggered: BothTriggered,
    pub ways: Ways,
}

/// The trades of a phase, oldest first; the last one may be open at its end.
pub(super) fn trades(orders: &Orders<'_>, span: Span, out: &mut Vec<Trade>) {
    let Orders { buy, long_stop, short, entry_mode, both_triggered, ways } = *orders;
    out.clear();
    let mut at = span.start;
    // A position that a reversal has opened.
    let mut opened: Option<(Side, f64)> = None;
    loop {
        let s = at as usize;
        let (side, entry, from) = if let Some((side, price)) = opened.take() {
            (side, price, at)
        } else {
            // A buy and a sell are never met on the same way.
            let sell = short.map(|(sell, _)| sell);
            let sells = sell.is_some_and(|sell| sell.before(buy, s, None));
            let (side, first, second) = match sell {
                Some(sell) if sells => (Side::Short, sell, Some(buy)),
                _ => (Side::Long, buy, sell),
            };
            let from = bar(first.moments[s]);
            if from >= span.end {
                return;
            }
            if let Some(second) = second
                && both_triggered == BothTriggered::BothFill
                && bar(second.moments[s]) == from
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
            (Side::Short, Some((_, stop))) => {
                (stop, Some(buy).filter(|_| entry_mode >= EntryMode::LongPriority), ways.short)
            }
            (_, Some((sell, _))) => {
                (long_stop, Some(sell).filter(|_| entry_mode == EntryMode::FullReversal), ways.long)
            }
            (_, None) => (long_stop, None, None),
        };
        if let Some(reversal) = reversal.filter(|reversal| reversal.before(closing, s, way)) {
            closing = reversal;
            let other = if side == Side::Long { Side::Short } else { Side::Long };
            opened = Some((other, reversal.fills[s]));
        }
        let (to, exit) = (bar(closing.moments[s]), closing.fills[s]);
        out.push(Trade { side, entry, exit, from, to });
        if to >= span.end {
            return;
        }
        at = to;
    }
}

/// The same behind a gate of Hull averages, where nothing reverses: `orders` know no gates, and
/// `opens` are the prices of crosses.
pub(super) fn gated_trades(
    orders: &Orders<'_>,
    passes: &[Pass],
    opens: &[f64],
    span: Span,
    out: &mut Vec<Trade>,
) {
    let Orders { buy, long_stop, short, .. } = *orders;
    let (sell, short_stop) = short.unzip();
    out.clear();
    let mut at = span.start;
    loop {
        let s = at as usize;
        let (from, side, entry) = passes[s].entry(s, buy, sell, opens);
        if from >= span.end {
            return;
        }
        let stop = short_stop.filter(|_| side == Side::Short).unwrap_or(long_stop);
        let (to, exit) = (bar(stop.moments[from as usize]), stop.fills[from as usize]);
        out.push(Trade { side, entry, exit, from, to });
        if to >= span.end {
            return;
        }
        at = to;
    }
}
