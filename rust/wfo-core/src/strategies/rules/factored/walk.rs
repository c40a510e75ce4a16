//! A combination's way through a phase: one step an event, as the contract has them.

use super::bits::Both;
use super::orders::{Finder, Market, Order, Since};
use crate::engine::f64x4::F64x4;
use crate::execution::account::Side;
use crate::execution::touches::{Touch, second_comes_first};
use crate::market::slice::Slice;
use crate::strategies::rules::program::{MOST_ORDERS, SameBar};

/// What is done with the fills of a path.
pub(super) trait Fills {
    /// A position is opened.
    fn open(&mut self, side: Side, bar: usize, price: f64);
    /// It is closed; whether there is something left to trade with.
    fn close(&mut self, bar: usize, price: f64) -> bool;
}

/// Orders of a side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Orders<'a> {
    pub entries: &'a [Order<'a>],
    /// In the order in which what is equal goes [B2].
    pub exits: &'a [Order<'a>],
    /// Whether the entries work while the other side is held [R17].
    pub reverses: bool,
}

/// The rules of one combination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub long: Orders<'a>,
    pub short: Orders<'a>,
    /// Whether two entries of a bar both fill [B3].
    pub both: bool,
    pub same_bar: SameBar,
}

/// Levels of exits that the fill has fixed.
type Levels = [f64; MOST_ORDERS];

/// What is touched first, in which bar.
#[derive(Debug, Clone, Copy)]
struct First {
    bar: usize,
    /// Its place, exits before entries; behind the last where none is.
    place: usize,
    /// Whether another one is touched in that bar too.
    tied: bool,
}

/// Orders that work in one state: exits, and entries of the long and the short side.
#[derive(Debug, Clone, Copy)]
struct Working<'a> {
    lists: [&'a [Order<'a>]; 3],
    since: Since,
    levels: Levels,
}

impl<'a> Working<'a> {
    fn orders(&self) -> impl Iterator<Item = (&'a Order<'a>, f64)> {
        let [exits, long, short] = self.lists;
        let exits = exits.iter().zip(self.levels);
        exits.chain(long.iter().chain(short).map(|order| (order, f64::NAN)))
    }

    /// What is touched first, before bar `to`.
    #[inline(always)]
    fn first<V: F64x4>(&self, market: &Market<'_>, to: usize) -> First {
        let [exits, long, short] = self.lists;
        let mut first = First { bar: to, place: usize::MAX, tied: false };
        let mut place = 0;
        for (order, &level) in exits.iter().zip(&self.levels) {
            self.look::<V>(market, to, (order, level, place), &mut first);
            place += 1;
        }
        for orders in [long, short] {
            for order in orders {
                self.look::<V>(market, to, (order, f64::NAN, place), &mut first);
                place += 1;
            }
        }
        first
    }

    /// Takes note of the order at a place, where it is not touched later than what is known.
    #[inline(always)]
    fn look<V: F64x4>(
        &self,
        market: &Market<'_>,
        to: usize,
        (order, level, place): (&Order<'_>, f64, usize),
        first: &mut First,
    ) {
        // Bars behind the first touch that is known do not matter; the one of it does.
        let limit = to.min(first.bar + 1);
        let bar = order.first::<V>(market, self.since, level, limit);
        if bar < limit {
            *first = First { bar, place, tied: bar == first.bar };
        }
    }

    /// The order at a place, and its fill in a bar in which it is touched.
    #[inline(always)]
    fn at(&self, market: &Market<'_>, First { bar, place, .. }: First) -> (usize, usize, f64) {
        let mut own = place;
        for (list, orders) in self.lists.iter().enumerate() {
            if let Some(order) = orders.get(own) {
                let level = if list == 0 { self.levels[own] } else { f64::NAN };
                return (list, own, order.fill(market, self.since, level, bar));
            }
            own -= orders.len();
        }
        (0, 0, f64::NAN)
    }

    /// The first touch in a bar with several, of the orders that `counts` of [B2], by place.
    fn earliest(
        &self,
        market: &Market<'_>,
        bar: usize,
        counts: impl Fn(usize) -> bool,
    ) -> Option<(usize, Touch)> {
        let touches = self.orders().enumerate().filter(|(place, _)| counts(*place));
        let touches = touches.filter_map(|(place, (order, level))| {
            Some((place, order.touch(market, self.since, level, bar)?))
        });
        touches.reduce(|first, second| earlier(market, bar, first, second))
    }
}

/// Bars in which one side is entered at the open, and bars in which it is left so. No exit at the open
/// works in the bar of an entry [B5] [B6].
#[derive(Debug, Clone, Copy)]
struct Signals<'a> {
    side: Side,
    entry: &'a [u64],
    exit: &'a [u64],
}

impl Signals<'_> {
    /// Goes through the trading bars of a phase.
    #[inline(always)]
    fn walk(self, market: &Market<'_>, slice: Slice, fills: &mut impl Fills) {
        let opens = market.bars.open();
        let next = |bits, from| Both { bits, and: None }.next(from, slice.end);
        // [S1] [B1]
        let mut at = slice.warmup - 1;
        loop {
            let from = next(self.entry, at + 1);
            if from >= slice.end {
                return;
            }
            fills.open(self.side, from, opens[from]);
            at = next(self.exit, from + 1);
            // [M8]
            if at >= slice.end || !fills.close(at, opens[at]) {
                return;
            }
        }
    }
}

/// The earlier one of two touches in a bar; the first where they are equal [B2].
fn earlier<T>(
    market: &Market<'_>,
    bar: usize,
    first: (T, Touch),
    second: (T, Touch),
) -> (T, Touch) {
    let bars = market.bars;
    let (open, high, low) = (bars.open()[bar], bars.high()[bar], bars.low()[bar]);
    if second_comes_first(first.1, second.1, open, high, low) { second } else { first }
}

impl<'a> Rules<'a> {
    fn side(&self, side: Side) -> &Orders<'a> {
        match side {
            Side::Long => &self.long,
            Side::Short => &self.short,
        }
    }

    /// Goes through the trading bars of a phase.
    #[inline(always)]
    pub fn walk<V: F64x4>(&self, market: &Market<'_>, slice: Slice, fills: &mut impl Fills) {
        if let Some(signals) = self.signals() {
            return signals.walk(market, slice, fills);
        }
        let end = slice.end;
        let levels = [f64::NAN; MOST_ORDERS];
        // [S1]
        let mut flat = slice.warmup - 1;
        loop {
            let since = Since { bar: flat, fill: f64::NAN };
            let lists = [&[][..], self.long.entries, self.short.entries];
            let working = Working { lists, since, levels };
            let first = working.first::<V>(market, end);
            if first.bar >= end {
                return;
            }
            let (side, price, is_round_trip) = self.entry(market, &working, first);
            fills.open(side, first.bar, price);
            if let Some(price) = is_round_trip {
                // [B3]
                if !fills.close(first.bar, price) {
                    return;
                }
                flat = first.bar;
                continue;
            }
            match self.hold::<V>(market, (side, first.bar, price), end, fills) {
                Some(bar) => flat = bar,
                None => return,
            }
        }
    }

    /// The orders, where one side is entered by one order at the open and left by another one.
    #[inline(always)]
    fn signals(&self) -> Option<Signals<'a>> {
        let (side, own, other) = if self.long.entries.is_empty() {
            (Side::Short, &self.short, &self.long)
        } else {
            (Side::Long, &self.long, &self.short)
        };
        let ([entry], [exit], []) = (own.entries, own.exits, other.entries) else { return None };
        match (entry.finder, exit.finder) {
            (Finder::Open(Some(entry)), Finder::Open(Some(exit))) => {
                Some(Signals { side, entry, exit })
            }
            _ => None,
        }
    }

    /// The entry from flat: its side and fill, and the fill that closes it in the same bar.
    #[inline(always)]
    fn entry(
        &self,
        market: &Market<'_>,
        working: &Working<'a>,
        first: First,
    ) -> (Side, f64, Option<f64>) {
        if first.tied {
            return self.tied_entry(market, working, first.bar);
        }
        let (list, _, price) = working.at(market, first);
        (if list == 1 { Side::Long } else { Side::Short }, price, None)
    }

    #[cold]
    #[inline(never)]
    fn tied_entry(
        &self,
        market: &Market<'_>,
        working: &Working<'a>,
        bar: usize,
    ) -> (Side, f64, Option<f64>) {
        let longs = self.long.entries.len();
        let long = working.earliest(market, bar, |place| place < longs);
        let short = working.earliest(market, bar, |place| place >= longs);
        match (long, short) {
            (Some(long), Some(short)) => {
                let first = earlier(market, bar, long, short);
                let is_long = first.0 < longs;
                let other = if is_long { short } else { long };
                let side = if is_long { Side::Long } else { Side::Short };
                // [B3]
                (side, first.1.fill, self.both.then_some(other.1.fill))
            }
            (Some((_, long)), None) => (Side::Long, long.fill, None),
            (None, Some((_, short))) => (Side::Short, short.fill, None),
            (None, None) => (Side::Long, f64::NAN, None),
        }
    }

    /// From an entry to the exit that leaves nothing open, reversals in between: its bar; none where
    /// the phase or the account ends before.
    #[inline(always)]
    fn hold<V: F64x4>(
        &self,
        market: &Market<'_>,
        (mut side, mut bar, mut price): (Side, usize, f64),
        end: usize,
        fills: &mut impl Fills,
    ) -> Option<usize> {
        loop {
            let since = Since { bar, fill: price };
            let orders = self.side(side);
            if self.same_bar != SameBar::Next
                && let Some(fill) = self.exit_at_entry(market, side, since)
            {
                // [B7]
                return fills.close(bar, fill).then_some(bar);
            }
            let mut levels = [f64::NAN; MOST_ORDERS];
            for (level, exit) in levels.iter_mut().zip(orders.exits) {
                *level = exit.level(since);
            }
            let lists = match side {
                Side::Long if self.short.reverses => [orders.exits, &[], self.short.entries],
                Side::Short if self.long.reverses => [orders.exits, self.long.entries, &[]],
                _ => [orders.exits, &[][..], &[]],
            };
            let working = Working { lists, since, levels };
            let first = working.first::<V>(market, end);
            if first.bar >= end {
                return None;
            }
            let (is_exit, fill) = if first.tied {
                tied_exit(market, &working, first.bar)
            } else {
                let (list, _, fill) = working.at(market, first);
                (list == 0, fill)
            };
            let is_alive = fills.close(first.bar, fill);
            // [M8]
            if !is_alive {
                return None;
            }
            if is_exit {
                return Some(first.bar);
            }
            // [M11] [R17]
            side = match side {
                Side::Long => Side::Short,
                Side::Short => Side::Long,
            };
            (bar, price) = (first.bar, fill);
            fills.open(side, bar, price);
        }
    }

    /// The fill of an exit in the bar of an entry, where one works and is touched there.
    #[cold]
    #[inline(never)]
    fn exit_at_entry(&self, market: &Market<'_>, side: Side, since: Since) -> Option<f64> {
        let exits = self.side(side).exits;
        let is_at_open = since.fill == market.bars.open()[since.bar];
        let touched = |protects: bool| {
            let some = exits.iter().filter(move |exit| exit.protects == protects);
            some.filter_map(|exit| Some(((), exit.touch_at_entry(market, side, since)?)))
        };
        let first = |a: ((), Touch), b: ((), Touch)| earlier(market, since.bar, a, b);
        let fill = |found: ((), Touch)| found.1.fill;
        match self.same_bar {
            SameBar::Next => None,
            // [B5]
            SameBar::Open if !is_at_open => None,
            // Exits stand in the order of [B2]: protective ones first.
            SameBar::Open => touched(true).chain(touched(false)).reduce(first).map(fill),
            SameBar::Worst if is_at_open => {
                // [B6] Whatever the path.
                touched(true).reduce(first).or_else(|| touched(false).reduce(first)).map(fill)
            }
            SameBar::Worst => {
                // [B6] [O3] The level that is met first, or the fill where it lies beyond.
                let levels = touched(true).map(|(_, touch)| touch.level);
                match side {
                    Side::Long => levels.reduce(f64::max).map(|level| level.min(since.fill)),
                    Side::Short => levels.reduce(f64::min).map(|level| level.max(since.fill)),
                }
            }
        }
    }
}

/// Whether an exit is the first touch in a bar with several, and its fill.
#[cold]
#[inline(never)]
fn tied_exit(market: &Market<'_>, working: &Working<'_>, bar: usize) -> (bool, f64) {
    match working.earliest(market, bar, |_| true) {
        Some((place, touch)) => (place < working.lists[0].len(), touch.fill),
        None => (true, f64::NAN),
    }
}
