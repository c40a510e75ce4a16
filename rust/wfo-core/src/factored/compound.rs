//! Walks that keep their books on the way: all equity in every trade, which is the usual sizing.
//!
//! Reinvested equity is multiplied by what a trade makes of one unit, so everything about a trade but
//! its size stands in tables beforehand: the rate at which a unit opens shares, and what the closes on
//! the way and the exit do to a price of 1. A trade is then two look-ups and a dozen operations.
//!
//! What would cost most are the decisions: which of two touches comes first, whether a trade ends
//! before the in-sample part does. No processor can guess them, and a wrong guess takes as long as
//! three trades. So a step has none: several walks take their steps together, what they choose they
//! choose by selection, and a walk that has come to the end of a part goes on closing a position that
//! changes nothing until the others are there too. The walks are those of one phase with the stops of
//! several rows: they use the same entries, and the rows are chosen to have walks of about one length.
//!
//! A trade that spans the end of the in-sample part, or of the phase, is put together from the closes
//! on either side.
//!
//! A position is `k` shares, owed ones negative, on an equity of `q`: a long is worth `k · price`, a
//! short `q · (2 - fee) + k · price`, since it was sold for `q` before the fee on it.

use std::hint::select_unpredictable;

use super::maps::{Map, Moment, Touches, bar, opening_of};
use super::stretches::{Stretch, Stretches, max, min};
use super::walk::Span;
use crate::figures::Figures;
use crate::settings::Settings;

/// Walks that take their steps together.
pub(super) const LANES: usize = 4;

/// A trade that leaves less than this share of the equity may be a ruin, and rounding could decide
/// it; what it leaves is a small difference of large numbers in any case.
pub(super) const NEARLY_RUINED: f64 = 1e-4;
/// A short that is closed below this multiple of what it was sold for is far from ruin.
pub(super) const RISKY_RISE: f64 = 1.9;
/// So is a long that is closed above this share of what it cost.
pub(super) const RISKY_FALL: f64 = 2.0 * NEARLY_RUINED;

/// What the closes of a trade and its exit do, by price. For a short `worst` is the highest price,
/// and `against` the largest rise, negated, as its shares are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Exit {
    pub worst: f64,
    pub best: f64,
    /// Largest move against the position, from a mark to a later one.
    pub against: f64,
    /// What a share brings or costs at the exit, costs included.
    pub net: f64,
}

/// With a rate of 1, a trade that changes nothing.
const NOTHING: Exit = Exit { worst: 1.0, best: 1.0, against: 0.0, net: 1.0 };
const UNIT: f64 = 1.0;

/// Equity below this share of the capital has been eaten up by costs, trade by trade, and may be
/// rounded to nothing.
pub(super) const FADED: f64 = 1e-100;

/// Where the tables of a position that is opened go on. Its rate stands apart: each step waits for
/// these rows, which should fit the first cache, and none for the rates.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Opening {
    /// Row of the position in [`Holds`].
    hold: u32,
    /// First bar of the position.
    bar: u32,
}

/// An order, and the positions that it opens.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    pub map: Map,
    openings: Vec<Opening>,
    /// Shares that a unit of equity opens; owed ones are negative.
    pub rates: Vec<f64>,
}

/// The stops of a row of the grid: the long one's table, then the short one's for every multiplier.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds {
    pub moments: Vec<Moment>,
    /// What closing at the stop makes of a position.
    pub exits: Vec<Exit>,
    /// Raw fills.
    pub fills: Vec<f64>,
    /// Whether a stop may ruin.
    pub risky: bool,
}

impl Holds {
    /// Asks for a row before it is needed.
    #[inline(always)]
    pub fn prefetch(&self, row: usize) {
        self.moments.get(row..).into_iter().for_each(fetch);
        self.exits.get(row..).into_iter().for_each(fetch);
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.moments.clear();
        self.exits.clear();
        self.fills.clear();
        self.risky = false;
    }

    /// Appends the table of a stop.
    #[inline(always)]
    pub fn push<S: Side>(&mut self, terms: &Terms, map: &Map) {
        self.moments.extend_from_slice(&map.moments);
        self.fills.extend_from_slice(&map.fills);
        self.risky |= terms.exits::<S>(map, &mut self.exits);
    }

    /// Whether table `i` is that of `map`.
    pub fn is_at(&self, i: usize, map: &Map) -> bool {
        let Touches { moments, fills } = self.touches(i, map.moments.len() - 1);
        // Fills are not negative and not NaN, so that equal ones have equal bits.
        moments == map.moments && fills == map.fills
    }

    /// The touches in table `i`.
    pub fn touches(&self, i: usize, bars: usize) -> Touches<'_> {
        let rows = i * (bars + 1)..(i + 1) * (bars + 1);
        Touches { moments: &self.moments[rows.clone()], fills: &self.fills[rows] }
    }
}

/// Buy and sell of a strategy that sells short too, from flat.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    /// Rates of the openings.
    rates: Vec<f64>,
    openings: Vec<Opening>,
    buy: Map,
    sell: Map,
}

impl Entries {
    /// Takes over the buy and the sell, of which the first one cancels the other.
    #[inline(always)]
    pub fn set(&mut self, terms: &Terms, buy: &Order, sell: &Order) {
        self.buy.clone_from(&buy.map);
        self.sell.clone_from(&sell.map);
        self.openings.clear();
        self.rates.clear();
        for s in 0..=terms.closes.len() {
            // They are never met on the same way.
            let sells = sell.map.touches().before(buy.map.touches(), s, None);
            let order = if sells { sell } else { buy };
            self.openings.push(order.openings[s]);
            self.rates.push(order.rates[s]);
        }
    }

    pub fn touches(&self) -> (Touches<'_>, Touches<'_>) {
        (self.buy.touches(), self.sell.touches())
    }
}

/// Prices of money: what no combination changes.
#[derive(Debug)]
pub(super) struct Terms {
    stretches: Stretches,
    closes: Vec<f64>,
    pub lows: Vec<f64>,
    pub highs: Vec<f64>,
    pub capital: f64,
    pub fee: f64,
    /// What a buyer pays and a seller gets for a price of 1.
    pub paid: f64,
    pub got: f64,
}

/// The side of a position.
pub(super) trait Side {
    const SHORT: bool;
    /// The exit at price `net` after these closes.
    fn exit(closes: Stretch, net: f64) -> Exit;
}

#[derive(Debug)]
pub(super) struct Long;
#[derive(Debug)]
pub(super) struct Short;

impl Side for Long {
    const SHORT: bool = false;
    #[inline(always)]
    fn exit(closes: Stretch, net: f64) -> Exit {
        let (low, high) = (-closes.neg_low, closes.high);
        let against = max(closes.fall, high - net);
        Exit { worst: min(low, net), best: max(high, net), against, net }
    }
}

impl Side for Short {
    const SHORT: bool = true;
    #[inline(always)]
    fn exit(closes: Stretch, net: f64) -> Exit {
        let (low, high) = (-closes.neg_low, closes.high);
        let against = -max(closes.rise, net - low);
        Exit { worst: max(high, net), best: min(low, net), against, net }
    }
}

impl Terms {
    pub fn new(closes: &[f64], bars: (&[f64], &[f64]), settings: &Settings) -> Self {
        let Settings { slip, fee, capital, .. } = *settings;
        Self {
            stretches: Stretches::new(closes),
            closes: closes.to_vec(),
            lows: bars.0.to_vec(),
            highs: bars.1.to_vec(),
            capital,
            fee,
            paid: (1.0 + slip) * (1.0 + fee),
            got: (1.0 - slip) * (1.0 - fee),
        }
    }

    pub fn stretches(&self) -> &Stretches {
        &self.stretches
    }

    pub fn closes(&self) -> &[f64] {
        &self.closes
    }

    /// Prepares an order to open positions, whose stop has table `table` in [`Holds`].
    #[inline(always)]
    pub fn opens<S: Side>(&self, order: &mut Order, table: usize) {
        let part = self.closes.len() as u32 + 1;
        let Map { moments, fills } = &order.map;
        order.rates.clear();
        order.rates.extend(fills.iter().map(|&fill| self.rate::<S>(fill)));
        order.openings.clear();
        order.openings.extend(
            moments.iter().map(|&moment| Opening {
                hold: bar(moment) + part * table as u32,
                bar: bar(moment),
            }),
        );
    }

    /// Shares that a unit of equity opens at a fill; owed ones are negative.
    #[inline(always)]
    pub fn rate<S: Side>(&self, fill: f64) -> f64 {
        let (each, price) = if S::SHORT { (-(1.0 - self.fee), self.got) } else { (1.0, self.paid) };
        each / (fill * price)
    }

    /// What marks at the closes of bars `from..to` do, as if a position ended at the last one.
    #[inline(always)]
    pub fn exit_at_close<S: Side>(&self, from: u32, to: u32) -> Exit {
        S::exit(self.stretches.between(from as usize, to as usize), self.closes[to as usize - 1])
    }

    /// Appends what closing at an order's fills makes of a side's positions, by their first bar. True
    /// where that may ruin: what was opened in a bar was opened between its low and its high.
    #[inline(always)]
    pub fn exits<S: Side>(&self, map: &Map, out: &mut Vec<Exit>) -> bool {
        let bars = self.closes.len();
        let price = if S::SHORT { self.paid } else { self.got };
        let first = out.len();
        out.resize(first + bars + 1, NOTHING);
        let mut risky = false;
        let mut closes = Stretch::EMPTY;
        for s in (0..bars).rev() {
            let moment = map.moments[s];
            if bar(moment) as usize == bars {
                continue;
            }
            // Neighbouring starts mostly share their bar, and so all closes but one.
            closes = if moment == map.moments[s + 1] {
                Stretch::of(self.closes[s]).then(closes)
            } else {
                self.stretches.between(s, bar(moment) as usize)
            };
            let net = map.fills[s] * price;
            risky |= if S::SHORT {
                net >= RISKY_RISE * self.lows[s] * self.got
            } else {
                net <= RISKY_FALL * self.highs[s] * self.paid
            };
            out[first + s] = S::exit(closes, net);
        }
        risky
    }

    /// The exit at `net` after the closes of bars `from..to`, of a position of either side.
    #[inline(always)]
    fn exit<const SHORTS: bool>(&self, rate: f64, from: u32, to: u32, net: f64) -> Exit {
        let closes = self.stretches.between(from as usize, to as usize);
        if SHORTS && rate < 0.0 { Short::exit(closes, net) } else { Long::exit(closes, net) }
    }

    /// Equity that is not in shares while a unit is held at a rate: the proceeds of a short.
    #[inline(always)]
    fn aside<const SHORTS: bool>(&self, rate: f64) -> f64 {
        if SHORTS { select_unpredictable(rate < 0.0, 2.0 - self.fee, 0.0) } else { 0.0 }
    }
}

/// Reads a row that is known to exist.
///
/// Walks read seven rows a trade, each named by the row before, and a check of each costs a tenth of
/// the time. Every row number in the tables is at most the number of bars in its part, and every part
/// has one row more: that is how [`View`](super::maps::View) and the builders here fill them.
#[inline(always)]
fn row<T>(table: &[T], i: usize) -> &T {
    debug_assert!(i < table.len());
    #[expect(unsafe_code, reason = "row numbers are within their tables by construction")]
    // SAFETY: see above; builds with debug assertions check every one.
    unsafe {
        table.get_unchecked(i)
    }
}

/// A walk between two steps.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Row of the next opening.
    at: u32,
    trades: u32,
    equity: f64,
    peak: f64,
    drawdown: f64,
    /// Whether a trade may have been a ruin.
    ruin: bool,
}

impl Pace {
    /// Closes a position of `rate` shares a unit.
    #[inline(always)]
    fn close<const SHORTS: bool>(&mut self, terms: &Terms, rate: f64, exit: &Exit) {
        let shares = self.equity * rate;
        if SHORTS {
            let base = self.equity * terms.aside::<SHORTS>(rate);
            let below = self.peak - (base + shares * exit.worst);
            self.drawdown = max(self.drawdown, max(below, shares * exit.against));
            self.peak = max(self.peak, base + shares * exit.best);
            self.equity = base + shares * exit.net;
        } else {
            let below = self.peak - shares * exit.worst;
            self.drawdown = max(self.drawdown, max(below, shares * exit.against));
            self.peak = max(self.peak, shares * exit.best);
            self.equity = shares * exit.net;
        }
    }
}

/// The tables that some walks go over.
struct Tables<'a, const SHORTS: bool, const CAREFUL: bool> {
    terms: &'a Terms,
    openings: &'a [Opening],
    rates: &'a [f64],
    moments: [&'a [Moment]; LANES],
    exits: [&'a [Exit]; LANES],
}

/// A trade as a step finds it.
struct Found<'a> {
    rate: &'a f64,
    exit: &'a Exit,
    moment: Moment,
    opening: Opening,
}

impl<const SHORTS: bool, const CAREFUL: bool> Tables<'_, SHORTS, CAREFUL> {
    /// The trade that walk `lane` makes next.
    #[inline(always)]
    fn next(&self, lane: usize, at: u32) -> Found<'_> {
        let opening = *row(self.openings, at as usize);
        Found {
            rate: row(self.rates, at as usize),
            exit: row(self.exits[lane], opening.hold as usize),
            moment: *row(self.moments[lane], opening.hold as usize),
            opening,
        }
    }

    /// Takes steps until no trade ends before `limit` any more.
    #[inline(always)]
    fn run(&self, paces: &mut [Pace; LANES], limit: Moment) {
        // Written out, so that what a step touches stays in registers.
        let [mut a, mut b, mut c, mut d] = *paces;
        loop {
            // One question for all of them, so that there is one answer to guess.
            let (one, other) = (self.step(0, &mut a, limit), self.step(1, &mut b, limit));
            let (third, last) = (self.step(2, &mut c, limit), self.step(3, &mut d, limit));
            if one.min(other).min(third.min(last)) >= limit {
                break;
            }
        }
        *paces = [a, b, c, d];
    }

    /// Takes a step, if it ends before `limit`; when it ends.
    #[inline(always)]
    fn step(&self, lane: usize, pace: &mut Pace, limit: Moment) -> Moment {
        let found = self.next(lane, pace.at);
        let ends = found.moment < limit;
        let rate = *select_unpredictable(ends, found.rate, &UNIT);
        let exit = select_unpredictable(ends, found.exit, &NOTHING);
        let before = pace.equity;
        pace.close::<SHORTS>(self.terms, rate, exit);
        pace.ruin |= CAREFUL && pace.equity <= NEARLY_RUINED * before;
        pace.at = select_unpredictable(ends, bar(found.moment), pace.at);
        pace.trades += u32::from(ends);
        found.moment
    }

    /// Takes walks over the end of the in-sample part.
    #[inline(always)]
    fn cross(&self, paces: &mut [Pace; LANES], span: Span, figures: &mut [Figures; LANES]) {
        let Span { split, end, .. } = span;
        for (lane, pace) in paces.iter_mut().enumerate() {
            let found = self.next(lane, pace.at);
            let (from, to) = (found.opening.bar, bar(found.moment));
            let rate = *found.rate;
            // What is held is marked at the last in-sample close, as if it ended there.
            let held = from < split;
            let last = row(&self.terms.closes, split as usize - 1);
            let marked = self.terms.exit::<SHORTS>(rate, from.min(split - 1), split, *last);
            let equity = pace.equity;
            pace.close::<SHORTS>(
                self.terms,
                select_unpredictable(held, rate, UNIT),
                select_unpredictable(held, &marked, &NOTHING),
            );
            figures[lane].is_pnl = pace.equity - self.terms.capital;
            figures[lane].is_dd = pace.drawdown;
            figures[lane].is_trades = pace.trades;
            (pace.peak, pace.drawdown) = (pace.equity, 0.0);
            pace.equity = equity;
            // What is left of the trade, to its end or to that of the phase.
            let (trades, ends) = (from < end, to < end);
            let until = to.min(end);
            let net = *select_unpredictable(
                ends,
                &found.exit.net,
                row(&self.terms.closes, end as usize - 1),
            );
            let rest = self.terms.exit::<SHORTS>(rate, from.max(split).min(until - 1), until, net);
            let exit = select_unpredictable(ends && !held, found.exit, &rest);
            pace.close::<SHORTS>(
                self.terms,
                select_unpredictable(trades, rate, UNIT),
                select_unpredictable(trades, exit, &NOTHING),
            );
            // A mark ruins nobody.
            pace.ruin |= CAREFUL && ends && pace.equity <= NEARLY_RUINED * equity;
            // The row behind the last bar leads nowhere.
            pace.at = select_unpredictable(ends, to, self.terms.closes.len() as u32);
            pace.trades = u32::from(ends);
        }
    }

    /// Takes walks to the end of the phase.
    #[inline(always)]
    fn finish(&self, paces: &mut [Pace; LANES], span: Span, figures: &mut [Figures; LANES]) {
        let end = span.end;
        for (lane, pace) in paces.iter_mut().enumerate() {
            let found = self.next(lane, pace.at);
            let from = found.opening.bar;
            let held = from < end;
            let last = *row(&self.terms.closes, end as usize - 1);
            let marked = self.terms.exit::<SHORTS>(*found.rate, from.min(end - 1), end, last);
            pace.close::<SHORTS>(
                self.terms,
                select_unpredictable(held, *found.rate, UNIT),
                select_unpredictable(held, &marked, &NOTHING),
            );
            figures[lane].oos_pnl = pace.equity - self.terms.capital - figures[lane].is_pnl;
            figures[lane].oos_dd = pace.drawdown;
            figures[lane].oos_trades = pace.trades;
        }
    }

    #[inline(always)]
    fn walk(&self, span: Span) -> [(Figures, bool); LANES] {
        let capital = self.terms.capital;
        let pace = Pace {
            at: span.start,
            trades: 0,
            equity: capital,
            peak: capital,
            drawdown: 0.0,
            ruin: false,
        };
        let mut paces = [pace; LANES];
        let mut figures = [Figures::NONE; LANES];
        let fade = |paces: &mut [Pace; LANES]| {
            paces.iter_mut().for_each(|pace| pace.ruin |= pace.equity <= FADED * capital);
        };
        self.run(&mut paces, opening_of(span.split));
        fade(&mut paces);
        self.cross(&mut paces, span, &mut figures);
        self.run(&mut paces, opening_of(span.end));
        fade(&mut paces);
        self.finish(&mut paces, span, &mut figures);
        std::array::from_fn(|lane| (figures[lane], paces[lane].ruin))
    }
}

/// Walks of one phase that only buy, with the stops of some rows; for each of them also whether a
/// trade may have been a ruin, so that its figures are not to be used.
#[inline(always)]
pub(super) fn longs(
    terms: &Terms,
    buy: &Order,
    holds: &[&Holds; LANES],
    span: Span,
) -> [(Figures, bool); LANES] {
    walks::<false>(terms, &buy.openings, &buy.rates, holds, span)
}

/// Walks of one phase on both sides, likewise.
#[inline(always)]
pub(super) fn both(
    terms: &Terms,
    entries: &Entries,
    holds: &[&Holds; LANES],
    span: Span,
) -> [(Figures, bool); LANES] {
    walks::<true>(terms, &entries.openings, &entries.rates, holds, span)
}

#[inline(always)]
fn walks<const SHORTS: bool>(
    terms: &Terms,
    openings: &[Opening],
    rates: &[f64],
    holds: &[&Holds; LANES],
    span: Span,
) -> [(Figures, bool); LANES] {
    let part = terms.closes.len() + 1;
    let tables = if SHORTS { 2 } else { 1 };
    assert!(openings.len() == part && rates.len() == part);
    assert!(
        holds
            .iter()
            .all(|h| { h.moments.len() >= tables * part && h.exits.len() == h.moments.len() })
    );
    let (moments, exits) = (holds.map(|h| &h.moments[..]), holds.map(|h| &h.exits[..]));
    // What no combination here can meet, no step asks for.
    if holds.iter().any(|h| h.risky) {
        Tables::<SHORTS, true> { terms, openings, rates, moments, exits }.walk(span)
    } else {
        Tables::<SHORTS, false> { terms, openings, rates, moments, exits }.walk(span)
    }
}

/// Asks for the openings of a phase before they are needed: buys are too many for the second cache,
/// and a walk that waits for memory waits as long as for five trades.
#[inline(always)]
pub(super) fn prefetch(order: &Order, span: Span) {
    let bars = span.start as usize..span.end as usize;
    order.openings[bars.clone()].chunks(64 / size_of::<Opening>()).for_each(fetch);
    order.rates[bars].chunks(64 / size_of::<f64>()).for_each(fetch);
}

/// Asks for a line of memory.
#[inline(always)]
fn fetch<T>(line: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        #[expect(unsafe_code, reason = "a hint, which the baseline of the architecture has")]
        // SAFETY: a prefetch of any address changes nothing.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
