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

use super::maps::{Map, Moment, Touches, bar, nearer, opening_of};
use super::stretches::{Stretch, Stretches, max, min};
use super::walk::{Span, Ways};
use crate::atr_d::{BothTriggered, EntryMode};
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
    /// Row of the position among the reversals of [`Entries`].
    other: u32,
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

/// Buy and sell of a strategy that sells short too.
///
/// Openings come in three parts: from flat, by a sell that ends a long, by a buy that ends a short;
/// each by the bar since which the sell or buy is followed. Reversals come in three parts too: of
/// longs, of shorts, and the second half of a visit, where buy and sell both fill in one bar.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    /// Rates of the openings.
    rates: Vec<f64>,
    /// Openings where of a buy and a sell in one bar the first one cancels the other.
    first_cancels: Vec<Opening>,
    /// Openings where both would fill.
    both_fill: Vec<Opening>,
    /// Moments of reversals, by entry mode.
    reversals: [Vec<Moment>; 3],
    /// What a reversal makes of the position.
    exits: Vec<Exit>,
    /// Whether a reversal may ruin.
    risky: bool,
    buy: Map,
    sell: Map,
}

impl Entries {
    /// Takes over the buy and the sell; `modes` says whether they ever end each other's position.
    #[inline(always)]
    pub fn set(&mut self, terms: &Terms, buy: &Order, sell: &Order, modes: bool) {
        let bars = terms.closes.len();
        let part = bars + 1;
        self.buy.clone_from(&buy.map);
        self.sell.clone_from(&sell.map);
        self.first_cancels.clear();
        self.rates.clear();
        for s in 0..part {
            // They are never met on the same way.
            let sells = sell.map.touches().before(buy.map.touches(), s, None);
            let order = if sells { sell } else { buy };
            self.first_cancels.push(order.openings[s]);
            self.rates.push(order.rates[s]);
        }
        if modes {
            self.set_reversals(terms);
            self.both_fill.clone_from(&self.first_cancels);
            for s in 0..bars {
                let (buys, sells) = (self.buy.moments[s], self.sell.moments[s]);
                if bar(buys) == bar(sells) && (bar(buys) as usize) < bars {
                    let opening = &mut self.both_fill[s];
                    let short = self.rates[s] < 0.0;
                    // The stop never comes, the second fill does at once.
                    (opening.hold, opening.other) = (bars as u32, (2 * part + s) as u32);
                    let net = if short {
                        self.buy.fills[s] * terms.paid
                    } else {
                        self.sell.fills[s] * terms.got
                    };
                    self.risky |=
                        short && net >= RISKY_RISE * terms.lows[bar(buys) as usize] * terms.got;
                    self.exits[2 * part + s] = Exit { worst: net, best: net, against: 0.0, net };
                    for reversals in &mut self.reversals {
                        reversals[2 * part + s] = buys;
                    }
                }
            }
            self.both_fill.extend_from_slice(&sell.openings);
            self.both_fill.extend_from_slice(&buy.openings);
        }
        for order in [sell, buy] {
            self.first_cancels.extend_from_slice(&order.openings);
            self.rates.extend_from_slice(&order.rates);
        }
    }

    #[inline(always)]
    fn set_reversals(&mut self, terms: &Terms) {
        let bars = terms.closes.len();
        let never = opening_of(bars as u32);
        let [none, buys, all] = &mut self.reversals;
        for reversals in [&mut *none, &mut *buys, &mut *all] {
            reversals.clear();
            reversals.resize(3 * (bars + 1), never);
        }
        all[..=bars].copy_from_slice(&self.sell.moments);
        for reversals in [buys, all] {
            reversals[bars + 1..2 * (bars + 1)].copy_from_slice(&self.buy.moments);
        }
        self.exits.clear();
        self.risky = terms.exits::<Long>(&self.sell, &mut self.exits);
        self.risky |= terms.exits::<Short>(&self.buy, &mut self.exits);
        self.exits.resize(3 * (bars + 1), NOTHING);
    }

    pub fn touches(&self) -> (Touches<'_>, Touches<'_>) {
        (self.buy.touches(), self.sell.touches())
    }

    /// Whether a reversal at the moment of a stop, met on the same way, is at the nearer level.
    #[cold]
    #[inline(never)]
    fn nearer(&self, opening: Opening, holds: &Holds, ways: Ways) -> bool {
        let part = self.buy.moments.len();
        let (other, hold) = (opening.other as usize, opening.hold as usize);
        let (map, s, way) = match other / part {
            0 => (&self.sell, other, ways.long),
            _ => (&self.buy, other - part, ways.short),
        };
        let (entry, stop) = (map.fills[s], holds.fills[hold]);
        nearer(entry, stop, way)
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
        order.openings.extend(moments.iter().map(|&moment| Opening {
            hold: bar(moment) + part * table as u32,
            other: bar(moment) + if S::SHORT { part } else { 0 },
        }));
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
struct Tables<'a, const SHORTS: bool, const REVERSES: bool, const VISITS: bool, const CAREFUL: bool>
{
    terms: &'a Terms,
    openings: &'a [Opening],
    rates: &'a [f64],
    moments: [&'a [Moment]; LANES],
    exits: [&'a [Exit]; LANES],
    /// What the long and the short side share, where there are both.
    entries: Option<&'a Entries>,
    reversals: &'a [Moment],
    holds: &'a [&'a Holds; LANES],
    ways: Ways,
}

/// A trade as a step finds it.
struct Found<'a> {
    rate: &'a f64,
    exit: &'a Exit,
    moment: Moment,
    /// Row of the next opening, if the trade ends in time.
    next: u32,
    opening: Opening,
}

impl<const SHORTS: bool, const REVERSES: bool, const VISITS: bool, const CAREFUL: bool>
    Tables<'_, SHORTS, REVERSES, VISITS, CAREFUL>
{
    fn part(&self) -> u32 {
        self.terms.closes.len() as u32 + 1
    }

    /// The trade that walk `lane` makes next.
    #[inline(always)]
    fn next(&self, lane: usize, at: u32) -> Found<'_> {
        let opening = *row(self.openings, at as usize);
        let rate = row(self.rates, at as usize);
        let mut moment = *row(self.moments[lane], opening.hold as usize);
        let mut exit = row(self.exits[lane], opening.hold as usize);
        let mut next = bar(moment);
        if REVERSES && let Some(entries) = self.entries {
            let other = *row(self.reversals, opening.other as usize);
            let mut reverses = other < moment;
            if CAREFUL && other == moment && other > opening_of(bar(other)) {
                reverses = entries.nearer(opening, self.holds[lane], self.ways);
            }
            exit =
                select_unpredictable(reverses, row(&entries.exits, opening.other as usize), exit);
            // A visit ends flat, like a stop.
            let turns = reverses && (!VISITS || opening.other < 2 * self.part());
            moment = select_unpredictable(reverses, other, moment);
            next = select_unpredictable(turns, self.part() + opening.other, bar(moment));
        }
        Found { rate, exit, moment, next, opening }
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
        pace.at = select_unpredictable(ends, found.next, pace.at);
        pace.trades += u32::from(ends);
        found.moment
    }

    /// First bar of a position, and the bar of its end.
    #[inline(always)]
    fn bars(&self, found: &Found<'_>) -> (u32, u32) {
        let (part, other, to) = (self.part(), found.opening.other, bar(found.moment));
        let mut from = found.opening.hold;
        if SHORTS {
            from = select_unpredictable(other < part, other, other.wrapping_sub(part));
            from = select_unpredictable(other < 2 * part, from, to);
        }
        (from, to)
    }

    /// Takes walks over the end of the in-sample part.
    #[inline(always)]
    fn cross(&self, paces: &mut [Pace; LANES], span: Span, figures: &mut [Figures; LANES]) {
        let Span { split, end, .. } = span;
        for (lane, pace) in paces.iter_mut().enumerate() {
            let found = self.next(lane, pace.at);
            let (from, to) = self.bars(&found);
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
            pace.at = select_unpredictable(ends, found.next, self.part() - 1);
            pace.trades = u32::from(ends);
        }
    }

    /// Takes walks to the end of the phase.
    #[inline(always)]
    fn finish(&self, paces: &mut [Pace; LANES], span: Span, figures: &mut [Figures; LANES]) {
        let end = span.end;
        for (lane, pace) in paces.iter_mut().enumerate() {
            let found = self.next(lane, pace.at);
            let (from, _) = self.bars(&found);
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
    ways: Ways,
    span: Span,
) -> [(Figures, bool); LANES] {
    let part = terms.closes.len() + 1;
    assert!(
        buy.openings.len() == part
            && buy.rates.len() == part
            && holds.iter().all(|h| h.moments.len() >= part && h.exits.len() >= part)
    );
    if holds.iter().any(|h| h.risky) {
        longs_as::<true>(terms, buy, holds, ways, span)
    } else {
        longs_as::<false>(terms, buy, holds, ways, span)
    }
}

#[inline(always)]
fn longs_as<const CAREFUL: bool>(
    terms: &Terms,
    buy: &Order,
    holds: &[&Holds; LANES],
    ways: Ways,
    span: Span,
) -> [(Figures, bool); LANES] {
    let tables = Tables::<false, false, false, CAREFUL> {
        terms,
        openings: &buy.openings,
        rates: &buy.rates,
        moments: holds.map(|h| &h.moments[..]),
        exits: holds.map(|h| &h.exits[..]),
        entries: None,
        reversals: &[],
        holds,
        ways,
    };
    tables.walk(span)
}

/// Walks of one phase on both sides, with the stops of some rows; for each of them also whether a
/// trade may have been a ruin.
#[inline(always)]
pub(super) fn both(
    terms: &Terms,
    entries: &Entries,
    holds: &[&Holds; LANES],
    modes: (EntryMode, BothTriggered),
    ways: Ways,
    span: Span,
) -> [(Figures, bool); LANES] {
    let visits = modes.1 == BothTriggered::BothFill;
    let openings = if visits { &entries.both_fill } else { &entries.first_cancels };
    let reversals = &entries.reversals[modes.0 as usize];
    // What no combination here can meet, no step asks for: two touches on the same way, and ruin.
    let careful = ways.long.is_some() || entries.risky || holds.iter().any(|h| h.risky);
    let reverses = modes.0 != EntryMode::FlatOnly;
    let way: Way<'_> = (openings, reversals, holds, ways, span);
    match (reverses, visits, careful) {
        (false, false, false) => both_as::<false, false, false>(terms, entries, way),
        (false, false, true) => both_as::<false, false, true>(terms, entries, way),
        (_, true, false) => both_as::<true, true, false>(terms, entries, way),
        (_, true, true) => both_as::<true, true, true>(terms, entries, way),
        (true, false, false) => both_as::<true, false, false>(terms, entries, way),
        (true, false, true) => both_as::<true, false, true>(terms, entries, way),
    }
}

/// What walks of one kind of step need, beside the entries.
type Way<'a> = (&'a [Opening], &'a [Moment], &'a [&'a Holds; LANES], Ways, Span);

#[inline(always)]
fn both_as<const REVERSES: bool, const VISITS: bool, const CAREFUL: bool>(
    terms: &Terms,
    entries: &Entries,
    (openings, reversals, holds, ways, span): Way<'_>,
) -> [(Figures, bool); LANES] {
    let part = terms.closes.len() + 1;
    assert!(openings.len() == 3 * part && entries.rates.len() == 3 * part);
    assert!(holds.iter().all(|h| h.moments.len() >= 2 * part && h.exits.len() == h.moments.len()));
    assert!(!REVERSES || (reversals.len() == 3 * part && entries.exits.len() == 3 * part));
    let tables = Tables::<true, REVERSES, VISITS, CAREFUL> {
        terms,
        openings,
        rates: &entries.rates,
        moments: holds.map(|h| &h.moments[..]),
        exits: holds.map(|h| &h.exits[..]),
        entries: Some(entries),
        reversals,
        holds,
        ways,
    };
    tables.walk(span)
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
