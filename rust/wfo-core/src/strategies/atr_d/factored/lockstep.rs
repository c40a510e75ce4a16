//! Walks that keep their books on the way: all equity in every trade, which is the usual sizing.
//!
//! What a trade does to a unit of equity stands in tables beforehand ([`terms`](super::terms)), so that
//! a trade is two look-ups and a dozen operations. What would cost most are the decisions: no processor
//! can guess whether a trade ends before the in-sample part does, and a wrong guess takes as long as
//! three trades. And the row of one trade waits for that of the one before. So there are two passes:
//!
//! - The *chase* only asks where trades lead. Eight walks go together, so that the look-ups of one
//!   wait for nobody but itself, and nothing is decided: walks that have come to their end are chased
//!   on, which harms nobody, until the last one is there.
//! - The *books* then go along the lists, whose rows are known, four walks at a time. Where one of them
//!   has fewer trades than the others, it enters one that changes nothing.
//!
//! Both are cut at a number of trades that keeps the lists in the first cache. A trade that spans the
//! end of the in-sample part, or of the phase, is put together from the closes on either side.
//!
//! Why walks beside it do not show in any bit of a walk: its own trades alone enter its books, in their
//! order, and what fills a list up is no mark.

mod resume;

use std::hint::select_unpredictable;

pub(super) use self::resume::{Ahead, Ongoing, Window, walk_on};
use super::cuts::Cut;
use super::doors::Door;
use super::quad::{OCTET, QUAD, Quad};
use super::terms::{
    Exit, FADED, Holds, Long, NEARLY_RUINED, NOTHING, Short, Side, Terms, UNIT, row,
};
use super::walk::Span;
use crate::figures::Figures;

/// Walks that go together.
pub(super) const LANES: usize = OCTET;
/// Most trades in a list.
const TRADES: usize = 64;
/// Steps of a chase between two looks at where the walks are.
const STRIDE: usize = 4;

/// A walk: the stops of a row of the grid, and a phase with the ends of its parts.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub holds: &'a Holds,
    pub span: Span,
    pub cuts: &'a [Cut; 2],
}

/// A number for every walk.
type Lanes = [u32; LANES];

/// Walks that go together, whatever opens their positions.
pub(super) struct Group<'a> {
    /// Bars of the exits, by row of [`Holds`].
    stops: [&'a [u32]; LANES],
    exits: [&'a [Exit]; LANES],
    cuts: [&'a [Cut; 2]; LANES],
    starts: Lanes,
    splits: Lanes,
    ends: Lanes,
    /// Rows from which on a walk is chased in vain.
    limits: Lanes,
    /// Rows that all the stops have.
    rows: usize,
    /// Whether one of the stops may ruin.
    risky: bool,
}

impl<'a> Group<'a> {
    /// Puts some walks together, of which there is at least one.
    pub fn new(walks: &[Walk<'a>]) -> Self {
        let mut group = Self {
            stops: [&[]; LANES],
            exits: [&[]; LANES],
            cuts: [walks[0].cuts; LANES],
            starts: [0; LANES],
            splits: [0; LANES],
            ends: [0; LANES],
            limits: [0; LANES],
            rows: usize::MAX,
            risky: false,
        };
        for lane in 0..LANES {
            // The last one fills up.
            let Walk { holds, span, cuts } = walks[lane.min(walks.len() - 1)];
            (group.stops[lane], group.exits[lane]) = (&holds.ends, &holds.exits);
            group.cuts[lane] = cuts;
            (group.starts[lane], group.splits[lane], group.ends[lane]) =
                (span.start, span.split, span.end);
            group.limits[lane] = span.end;
            group.rows = group.rows.min(holds.ends.len()).min(holds.exits.len());
            group.risky |= holds.risky;
        }
        group
    }
}

/// The trades that walks may make next.
#[derive(Debug)]
pub(super) struct Lists {
    /// Rates at which they open; behind the last of them one that changes nothing.
    rates: [[f64; LANES]; TRADES + 1],
    /// Rows of their positions; behind the last of them one that changes nothing.
    holds: [Lanes; TRADES + 1],
    /// Where the walks stand before them, and the bars of the exits.
    exits: [Lanes; TRADES + 1],
}

impl Default for Lists {
    fn default() -> Self {
        Self {
            rates: [[UNIT; LANES]; TRADES + 1],
            holds: [[0; LANES]; TRADES + 1],
            exits: [[0; LANES]; TRADES + 1],
        }
    }
}

/// What some walks go over.
struct Together<'a, D, const SHORTS: bool, const CAREFUL: bool> {
    terms: &'a Terms,
    door: D,
    rates: &'a [f64],
    group: &'a Group<'a>,
}

/// A trade that a walk may make.
#[derive(Clone, Copy)]
struct Found<'a> {
    rate: f64,
    exit: &'a Exit,
    /// First bar and the bar of its end.
    from: u32,
    to: u32,
}

/// The books of a quad of walks.
#[derive(Clone, Copy)]
struct Books<Q> {
    equity: Q,
    peak: Q,
    drawdown: Q,
    /// A bit for each walk where a trade may have been a ruin.
    ruin: u32,
    /// Which walks are out-of-sample.
    crossed: [bool; QUAD],
    /// Trades of the part that they are in.
    trades: [u32; QUAD],
}

impl<Q: Quad> Books<Q> {
    fn new(capital: f64) -> Self {
        let (money, nothing) = (Q::splat(capital), Q::splat(0.0));
        let (crossed, trades) = ([false; QUAD], [0; QUAD]);
        Self { equity: money, peak: money, drawdown: nothing, ruin: 0, crossed, trades }
    }

    /// Closes positions of so many shares a unit.
    #[inline(always)]
    fn close<const SHORTS: bool>(&mut self, terms: &Terms, rates: Q, exits: [&Exit; QUAD]) {
        let [worst, best, against, net] = Q::columns(exits);
        let shares = self.equity.times(rates);
        let aside = rates.negative(Q::splat(terms.aside));
        let cash = if SHORTS { self.equity.times(aside) } else { aside };
        let below = self.peak.minus(mark::<Q, SHORTS>(cash, shares, worst));
        self.drawdown = self.drawdown.max(below.max(shares.times(against)));
        self.peak = self.peak.max(mark::<Q, SHORTS>(cash, shares, best));
        self.equity = mark::<Q, SHORTS>(cash, shares, net);
    }

    /// Notes trades that have left next to nothing of an equity.
    #[inline(always)]
    fn look_at(&mut self, before: Q, some: u32) {
        self.ruin |= some & self.equity.at_most(before.times(Q::splat(NEARLY_RUINED)));
    }

    /// Equity that costs have eaten up may be rounded to nothing.
    #[inline(always)]
    fn fades(&mut self, capital: f64, some: u32) {
        self.ruin |= some & self.equity.at_most(Q::splat(FADED * capital));
    }
}

/// What positions are worth at some prices.
#[inline(always)]
fn mark<Q: Quad, const SHORTS: bool>(cash: Q, shares: Q, prices: Q) -> Q {
    let shares = shares.times(prices);
    if SHORTS { cash.plus(shares) } else { shares }
}

/// Rates and exits of a quad, which change nothing until they are set.
struct Closing<'a> {
    rates: [f64; QUAD],
    exits: [&'a Exit; QUAD],
}

impl<'a> Closing<'a> {
    #[inline(always)]
    fn new() -> Self {
        Self { rates: [UNIT; QUAD], exits: [&NOTHING; QUAD] }
    }

    /// Sets one of them, if it is so.
    #[inline(always)]
    fn set(&mut self, i: usize, really: bool, rate: f64, exit: &'a Exit) {
        self.rates[i] = select_unpredictable(really, rate, UNIT);
        self.exits[i] = select_unpredictable(really, exit, &NOTHING);
    }
}

impl<'a, D: Door, const SHORTS: bool, const CAREFUL: bool> Together<'a, D, SHORTS, CAREFUL> {
    /// Lists the trades that walks make from `at` on, some of them beyond their ends; how many.
    #[inline(always)]
    fn chase(&self, at: &mut Lanes, lists: &mut Lists) -> usize {
        let Group { stops, limits, .. } = self.group;
        let mut now = *at;
        lists.exits[0] = now;
        let mut steps = 0;
        while steps < TRADES {
            for step in steps..steps + STRIDE {
                for (lane, at) in now.iter_mut().enumerate() {
                    let (rate, hold) = self.door.open(*at);
                    *at = *row(stops[lane], hold as usize);
                    lists.rates[step][lane] = *row(self.rates, rate as usize);
                    lists.holds[step][lane] = hold;
                    lists.exits[step + 1][lane] = *at;
                }
            }
            steps += STRIDE;
            // One question for all of them, so that there is one answer to guess.
            let mut all = true;
            for lane in 0..LANES {
                all &= now[lane] >= limits[lane];
            }
            if all {
                break;
            }
        }
        *at = now;
        steps
    }

    /// Enters trades of a quad of walks in their books: so many from each list, from a place of its own
    /// on.
    #[inline(always)]
    fn enter<Q: Quad>(
        &self,
        books: &mut Books<Q>,
        first: usize,
        lists: &Lists,
        begins: [u32; QUAD],
        counts: [u32; QUAD],
    ) {
        let (mut least, mut most) = (u32::MAX, 0);
        for (trades, count) in books.trades.iter_mut().zip(counts) {
            (least, most) = (least.min(count), most.max(count));
            *trades += count;
        }
        let mut places = begins;
        for _ in 0..least {
            self.close(books, first, lists, places);
            for place in &mut places {
                *place += 1;
            }
        }
        // What one has too few of, it makes up for.
        for step in least..most {
            for i in 0..QUAD {
                let more = step < counts[i];
                places[i] = select_unpredictable(more, begins[i] + step, TRADES as u32);
            }
            self.close(books, first, lists, places);
        }
    }

    /// Enters a trade of each walk of a quad.
    #[inline(always)]
    fn close<Q: Quad>(
        &self,
        books: &mut Books<Q>,
        first: usize,
        lists: &Lists,
        places: [u32; QUAD],
    ) {
        let mut closing = Closing::new();
        for (i, place) in places.into_iter().enumerate() {
            let (lane, place) = (first + i, place as usize);
            closing.rates[i] = row(&lists.rates, place)[lane];
            closing.exits[i] = row(self.group.exits[lane], row(&lists.holds, place)[lane] as usize);
        }
        let before = books.equity;
        books.close::<SHORTS>(self.terms, Q::of(closing.rates), closing.exits);
        if CAREFUL {
            books.look_at(before, u32::MAX);
        }
    }

    /// The trade in a place of a list.
    #[inline(always)]
    fn trade(&self, lane: usize, lists: &Lists, place: u32) -> Found<'a> {
        let place = place as usize;
        let (rate, hold) = (row(&lists.rates, place)[lane], row(&lists.holds, place)[lane]);
        Found {
            rate,
            exit: row(self.group.exits[lane], hold as usize),
            from: self.door.from(hold),
            to: row(&lists.exits, place + 1)[lane],
        }
    }

    /// The trades of a quad in some places of so many; the last one where there is none.
    #[inline(always)]
    fn trades(
        &self,
        first: usize,
        lists: &Lists,
        places: [u32; QUAD],
        steps: u32,
    ) -> [Found<'a>; QUAD] {
        let mut found = [self.trade(first, lists, places[0].min(steps - 1)); QUAD];
        for i in 1..QUAD {
            found[i] = self.trade(first + i, lists, places[i].min(steps - 1));
        }
        found
    }

    /// Takes walks over the end of the in-sample part, each with the trade that it makes there.
    #[inline(always)]
    fn cross<Q: Quad>(
        &self,
        books: &mut Books<Q>,
        first: usize,
        found: &[Found<'a>; QUAD],
        crossing: u32,
        out: &mut [(Figures, bool); LANES],
    ) {
        let (mut inner, mut outer) = (Closing::new(), Closing::new());
        let mut spare = [[Exit::default(); 3]; QUAD];
        let mut ending = 0;
        for (i, spare) in spare.iter_mut().enumerate() {
            let lane = first + i;
            let (split, end) = (self.group.splits[lane], self.group.ends[lane]);
            let [split_cut, end_cut] = self.group.cuts[lane];
            let (Found { rate, exit, from, to }, crosses) = (found[i], crossing >> i & 1 == 1);
            let short = SHORTS && rate < 0.0;
            // What is held is marked at the last in-sample close, as if it ended there.
            let [one, two, rest] = spare;
            let held = crosses & (from < split);
            let marked = split_cut.mark::<SHORTS>(self.terms, short, from.min(split - 1), one);
            inner.set(i, held, rate, marked);
            // What is left of the trade, to its end or to that of the phase.
            let (trades, ends) = (crosses & (from < end), to < end);
            let last = from.max(split).min(end - 1);
            let last = end_cut.mark::<SHORTS>(self.terms, short, last, two);
            let closes = split_cut.until(self.terms.stretches(), to.max(split).min(end - 1));
            *rest =
                if short { Short::exit(closes, exit.net) } else { Long::exit(closes, exit.net) };
            let exit = select_unpredictable(held, &*rest, exit);
            outer.set(i, trades, rate, select_unpredictable(ends, exit, last));
            // A mark ruins nobody.
            ending |= u32::from(crosses & ends) << i;
        }
        books.fades(self.terms.capital, crossing);
        let before = *books;
        books.close::<SHORTS>(self.terms, Q::of(inner.rates), inner.exits);
        let (equity, drawdown) = (books.equity.array(), books.drawdown.array());
        for i in 0..QUAD {
            if crossing >> i & 1 == 1 {
                let figures = &mut out[first + i].0;
                figures.is_pnl = equity[i] - self.terms.capital;
                figures.is_dd = drawdown[i];
                figures.is_trades = books.trades[i];
                books.crossed[i] = true;
                books.trades[i] = ending >> i & 1;
            }
        }
        books.peak = books.equity.or(crossing, before.peak);
        books.drawdown = Q::splat(0.0).or(crossing, before.drawdown);
        books.equity = before.equity;
        books.close::<SHORTS>(self.terms, Q::of(outer.rates), outer.exits);
        if CAREFUL {
            books.look_at(before.equity, ending);
        }
    }

    /// Takes walks to the ends of their phases, with the trades that would end behind them: some of
    /// them held, and not yet marked.
    #[inline(always)]
    fn finish<Q: Quad>(
        &self,
        books: &mut Books<Q>,
        first: usize,
        found: &[Found<'a>; QUAD],
        held: u32,
        done: u32,
        out: &mut [(Figures, bool); LANES],
    ) {
        let mut closing = Closing::new();
        let mut spare = [Exit::default(); QUAD];
        for (i, spare) in spare.iter_mut().enumerate() {
            let (end, [_, end_cut]) = (self.group.ends[first + i], self.group.cuts[first + i]);
            let Found { rate, from, .. } = found[i];
            let held = (held >> i & 1 == 1) & (from < end);
            let (short, last) = (SHORTS && rate < 0.0, from.min(end - 1));
            closing.set(i, held, rate, end_cut.mark::<SHORTS>(self.terms, short, last, spare));
        }
        books.fades(self.terms.capital, done);
        books.close::<SHORTS>(self.terms, Q::of(closing.rates), closing.exits);
        let (equity, drawdown) = (books.equity.array(), books.drawdown.array());
        for i in 0..QUAD {
            if done >> i & 1 == 1 {
                let (figures, ruin) = &mut out[first + i];
                figures.oos_pnl = equity[i] - self.terms.capital - figures.is_pnl;
                figures.oos_dd = drawdown[i];
                figures.oos_trades = books.trades[i];
                *ruin = books.ruin >> i & 1 == 1;
            }
        }
    }

    #[inline(always)]
    fn walk<Q: Quad>(&self, lists: &mut Lists, out: &mut [(Figures, bool); LANES]) {
        // The rows behind the last bar change nothing.
        lists.rates[TRADES] = [UNIT; LANES];
        lists.holds[TRADES] = [self.terms.closes().len() as u32; LANES];
        let Group { splits, ends, .. } = self.group;
        let mut at = self.group.starts;
        let mut books = [Books::<Q>::new(self.terms.capital); LANES / QUAD];
        loop {
            let steps = self.chase(&mut at, lists);
            // How many trades of each list end in-sample, and before the end of the phase.
            let exits = &lists.exits[1..=steps];
            let (inner, all) = (Q::before(exits, splits), Q::before(exits, ends));
            let steps = steps as u32;
            for (q, books) in books.iter_mut().enumerate() {
                let first = q * QUAD;
                let (mut inside, mut begins, mut counts) = ([0; QUAD], [0; QUAD], [0; QUAD]);
                let (mut crossing, mut held, mut done) = (0, 0, 0);
                for i in 0..QUAD {
                    let (inner, all) = (inner[first + i], all[first + i]);
                    // Where the out-of-sample trades begin; those that are not there yet have none.
                    let crosses = !books.crossed[i] & (inner < steps);
                    (inside[i], begins[i]) = (inner, inner + u32::from(crosses));
                    counts[i] = all.saturating_sub(begins[i]);
                    crossing |= u32::from(crosses) << i;
                    done |= u32::from(all < steps) << i;
                    // A trade across both ends has been marked to the last one.
                    held |= u32::from(all >= begins[i]) << i;
                }
                self.enter(books, first, lists, [0; QUAD], inside);
                // Most lists of few trades hold both ends, and most parts of long ones neither.
                if crossing != 0 {
                    let found = self.trades(first, lists, inside, steps);
                    self.cross(books, first, &found, crossing, out);
                }
                self.enter(books, first, lists, begins, counts);
                if done != 0 {
                    let mut behind = [0; QUAD];
                    behind.copy_from_slice(&all[first..first + QUAD]);
                    let found = self.trades(first, lists, behind, steps);
                    self.finish(books, first, &found, held & done, done, out);
                }
            }
            let mut done = true;
            for all in all {
                done &= all < steps;
            }
            if done {
                break;
            }
        }
    }
}

/// Makes some walks through a door, at its rates; for each of them also whether a trade may have been
/// a ruin, so that its figures are not to be used.
#[inline(always)]
pub(super) fn walk<Q: Quad, D: Door, const SHORTS: bool>(
    terms: &Terms,
    door: D,
    rates: &[f64],
    group: &Group<'_>,
    lists: &mut Lists,
    out: &mut [(Figures, bool); LANES],
) {
    let rows = terms.closes().len() + 1;
    assert!(group.rows >= door.reach(rows, rates));
    assert!(group.ends.iter().all(|&end| end < rows as u32));
    // What no walk here can meet, no step asks for.
    if group.risky {
        Together::<D, SHORTS, true> { terms, door, rates, group }.walk::<Q>(lists, out);
    } else {
        Together::<D, SHORTS, false> { terms, door, rates, group }.walk::<Q>(lists, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::settings::AccountSettings;
    #[cfg(target_arch = "x86_64")]
    use crate::strategies::atr_d::factored::quad::Avx;
    use crate::strategies::atr_d::factored::quad::Plain;
    use crate::strategies::atr_d::factored::tiers::Tier;
    use proptest::prelude::*;

    /// Bits of the books' first walk, after its trades and after waiting for others.
    fn waited<Q: Quad>(terms: &Terms, trades: &[(f64, Exit)]) -> [[u64; 3]; 2] {
        let mut books = Books::<Q>::new(terms.capital);
        for (rate, exit) in trades {
            books.close::<false>(terms, Q::splat(*rate), [exit; QUAD]);
        }
        let bits = |b: &Books<Q>| [b.equity, b.peak, b.drawdown].map(|x| x.array()[0].to_bits());
        let before = bits(&books);
        books.close::<false>(terms, Q::splat(UNIT), [&NOTHING; QUAD]);
        books.close::<true>(terms, Q::splat(UNIT), [&NOTHING; QUAD]);
        [before, bits(&books)]
    }

    proptest! {
        /// A walk that waits for others must not show it in any bit, nor in which instructions.
        #[test]
        fn a_trade_that_changes_nothing_changes_no_bit(
            trades in prop::collection::vec(prop::array::uniform4(1.0..200.0_f64), 1..9),
        ) {
            let terms = Terms::new(&[1.0], (&[1.0], &[1.0]), &AccountSettings::default());
            let trades: Vec<(f64, Exit)> = trades
                .into_iter()
                .map(|[entry, low, high, net]| {
                    // It falls from its high to its exit, which is its lowest mark too, or nearly.
                    let (high, low) = (high.max(net), low.min(net).max(net * 0.999));
                    (1.0 / entry, Exit { worst: low, best: high, against: high - net, net })
                })
                .collect();
            let [before, after] = waited::<Plain>(&terms, &trades);
            prop_assert_eq!(before, after);
            #[cfg(target_arch = "x86_64")]
            if Tier::Avx2.is_here() {
                prop_assert_eq!(waited::<Avx>(&terms, &trades), [before, before]);
            }
        }
    }
}
