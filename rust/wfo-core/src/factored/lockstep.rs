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
use super::doors::Door;
use super::stretches::max;
use super::terms::{Exit, FADED, Holds, NEARLY_RUINED, NOTHING, Terms, UNIT, row};
use super::walk::Span;
use crate::figures::Figures;

/// Walks that go together.
pub(super) const LANES: usize = 8;
/// Those whose books are kept together.
const BOOKS: usize = 4;
/// Most trades in a list.
const TRADES: usize = 64;
/// Steps of a chase between two looks at where the walks are.
const STRIDE: usize = 4;

/// A walk: the stops of a row of the grid, and a phase.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub holds: &'a Holds,
    pub span: Span,
}

/// A number for every walk.
type Lanes = [u32; LANES];

/// Rows of the rate and the position of a trade.
type Rows = (u32, u32);

/// The trades that walks may make next.
#[derive(Debug)]
pub(super) struct Lists {
    /// Behind the last of them a trade that changes nothing.
    trades: [[Rows; LANES]; TRADES + 1],
    /// Where the walks stand before them, and the bars of the exits.
    exits: [Lanes; TRADES + 1],
}

impl Default for Lists {
    fn default() -> Self {
        Self { trades: [[(0, 0); LANES]; TRADES + 1], exits: [[0; LANES]; TRADES + 1] }
    }
}

/// What some walks go over.
struct Together<'a, D, const SHORTS: bool, const CAREFUL: bool> {
    terms: &'a Terms,
    door: D,
    rates: &'a [f64],
    /// Bars of the exits, by row of [`Holds`].
    ends: [&'a [u32]; LANES],
    exits: [&'a [Exit]; LANES],
    spans: [Span; LANES],
}

/// A trade that a walk may make.
struct Found<'a> {
    rate: f64,
    exit: &'a Exit,
    /// First bar and the bar of its end.
    from: u32,
    to: u32,
}

/// The books of some walks.
#[derive(Debug, Clone, Copy)]
struct Books<const N: usize> {
    equity: [f64; N],
    peak: [f64; N],
    drawdown: [f64; N],
    /// Whether a trade may have been a ruin.
    ruin: [bool; N],
}

impl<const N: usize> Books<N> {
    /// Closes positions of so many shares a unit.
    #[inline(always)]
    fn close<const SHORTS: bool>(&mut self, terms: &Terms, rates: [f64; N], exits: [&Exit; N]) {
        let worst = exits.map(|exit| exit.worst);
        let best = exits.map(|exit| exit.best);
        let against = exits.map(|exit| exit.against);
        let net = exits.map(|exit| exit.net);
        for i in 0..N {
            let aside = terms.aside::<SHORTS>(rates[i]);
            let shares = self.equity[i] * rates[i];
            let cash = self.equity[i] * aside;
            let mark = |price: f64| if SHORTS { cash + shares * price } else { shares * price };
            let below = self.peak[i] - mark(worst[i]);
            self.drawdown[i] = max(self.drawdown[i], max(below, shares * against[i]));
            self.peak[i] = max(self.peak[i], mark(best[i]));
            self.equity[i] = mark(net[i]);
        }
    }

    /// Notes trades that have left next to nothing of an equity.
    #[inline(always)]
    fn look_at(&mut self, before: [f64; N]) {
        for ((ruin, equity), before) in self.ruin.iter_mut().zip(self.equity).zip(before) {
            *ruin |= equity <= NEARLY_RUINED * before;
        }
    }
}

/// A walk between two passes.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Whether it is out-of-sample.
    crossed: bool,
    /// Trades of the part that it is in.
    trades: u32,
    books: Books<1>,
}

impl Pace {
    fn new(capital: f64) -> Self {
        let (money, nothing) = ([capital], [0.0]);
        let books = Books { equity: money, peak: money, drawdown: nothing, ruin: [false] };
        Self { crossed: false, trades: 0, books }
    }

    /// Equity that costs have eaten up may be rounded to nothing.
    #[inline(always)]
    fn fades(&mut self, capital: f64) {
        self.books.ruin[0] |= self.books.equity[0] <= FADED * capital;
    }
}

impl<'a, D: Door, const SHORTS: bool, const CAREFUL: bool> Together<'a, D, SHORTS, CAREFUL> {
    #[inline(always)]
    fn new(terms: &'a Terms, door: D, rates: &'a [f64], walks: &[Walk<'a>; LANES]) -> Self {
        let ends = std::array::from_fn(|lane| &walks[lane].holds.ends[..]);
        let exits = std::array::from_fn(|lane| &walks[lane].holds.exits[..]);
        Self { terms, door, rates, ends, exits, spans: walks.map(|walk| walk.span) }
    }

    /// Lists the trades that walks make from `at` on, some of them beyond their ends; how many.
    #[inline(always)]
    fn chase(&self, at: &mut Lanes, lists: &mut Lists) -> usize {
        let mut now = *at;
        lists.exits[0] = now;
        let mut steps = 0;
        while steps < TRADES {
            for step in steps..steps + STRIDE {
                for (lane, at) in now.iter_mut().enumerate() {
                    let (rate, hold) = self.door.open(*at);
                    *at = *row(self.ends[lane], hold as usize);
                    lists.trades[step][lane] = (rate, hold);
                    lists.exits[step + 1][lane] = *at;
                }
            }
            steps += STRIDE;
            // One question for all of them, so that there is one answer to guess.
            let spans = now.iter().zip(&self.spans);
            if spans.fold(true, |all, (&at, span)| all & (at >= span.end)) {
                break;
            }
        }
        *at = now;
        steps
    }

    /// Enters trades of all walks in their books: so many from each list, from a place of its own on.
    #[inline(always)]
    fn enter(&self, paces: &mut [Pace; LANES], lists: &Lists, begins: &Lanes, counts: &Lanes) {
        for first in (0..LANES).step_by(BOOKS) {
            let of = |lane: usize| &paces[first + lane].books;
            let mut books: Books<BOOKS> = Books {
                equity: std::array::from_fn(|i| of(i).equity[0]),
                peak: std::array::from_fn(|i| of(i).peak[0]),
                drawdown: std::array::from_fn(|i| of(i).drawdown[0]),
                ruin: std::array::from_fn(|i| of(i).ruin[0]),
            };
            let (mut least, mut most) = (u32::MAX, 0);
            for lane in first..first + BOOKS {
                (least, most) = (least.min(counts[lane]), most.max(counts[lane]));
                paces[lane].trades += counts[lane];
            }
            let from: [&[[Rows; LANES]]; BOOKS] =
                std::array::from_fn(|i| &lists.trades[begins[first + i] as usize..]);
            for step in 0..least as usize {
                let rows = std::array::from_fn(|i| row(from[i], step)[first + i]);
                self.close(&mut books, first, rows);
            }
            // What one has too few of, it makes up for.
            for step in least..most {
                let rows = std::array::from_fn(|i| {
                    let place = begins[first + i] + step;
                    let place =
                        select_unpredictable(step < counts[first + i], place, TRADES as u32);
                    row(&lists.trades, place as usize)[first + i]
                });
                self.close(&mut books, first, rows);
            }
            for (i, pace) in paces[first..first + BOOKS].iter_mut().enumerate() {
                pace.books = Books {
                    equity: [books.equity[i]],
                    peak: [books.peak[i]],
                    drawdown: [books.drawdown[i]],
                    ruin: [books.ruin[i]],
                };
            }
        }
    }

    /// Enters a trade of each walk from `first` on.
    #[inline(always)]
    fn close(&self, books: &mut Books<BOOKS>, first: usize, rows: [Rows; BOOKS]) {
        let rates = std::array::from_fn(|i| *row(self.rates, rows[i].0 as usize));
        let exits = std::array::from_fn(|i| row(self.exits[first + i], rows[i].1 as usize));
        let before = books.equity;
        books.close::<SHORTS>(self.terms, rates, exits);
        if CAREFUL {
            books.look_at(before);
        }
    }

    /// The trade in a place of a list.
    #[inline(always)]
    fn trade(&self, lane: usize, lists: &Lists, place: u32) -> Found<'a> {
        let place = place as usize;
        let (rate, hold) = lists.trades[place][lane];
        Found {
            rate: *row(self.rates, rate as usize),
            exit: row(self.exits[lane], hold as usize),
            from: self.door.from(hold),
            to: lists.exits[place + 1][lane],
        }
    }

    /// Takes a walk over the end of the in-sample part.
    #[inline(always)]
    fn cross(&self, found: &Found<'_>, span: Span, pace: &mut Pace, figures: &mut Figures) {
        let (Span { split, end, .. }, &Found { rate, exit, from, to }) = (span, found);
        pace.fades(self.terms.capital);
        let books = &mut pace.books;
        // What is held is marked at the last in-sample close, as if it ended there.
        let held = from < split;
        let last = self.terms.close_before(split);
        let marked = self.terms.exit::<SHORTS>(rate, from.min(split - 1), split, last);
        let equity = books.equity;
        books.close::<SHORTS>(
            self.terms,
            [select_unpredictable(held, rate, UNIT)],
            [select_unpredictable(held, &marked, &NOTHING)],
        );
        figures.is_pnl = books.equity[0] - self.terms.capital;
        figures.is_dd = books.drawdown[0];
        figures.is_trades = pace.trades;
        (books.peak, books.drawdown) = (books.equity, [0.0]);
        books.equity = equity;
        // What is left of the trade, to its end or to that of the phase.
        let (trades, ends) = (from < end, to < end);
        let until = to.min(end);
        let net = select_unpredictable(ends, exit.net, self.terms.close_before(end));
        let rest = self.terms.exit::<SHORTS>(rate, from.max(split).min(until - 1), until, net);
        let exit = select_unpredictable(ends && !held, exit, &rest);
        books.close::<SHORTS>(
            self.terms,
            [select_unpredictable(trades, rate, UNIT)],
            [select_unpredictable(trades, exit, &NOTHING)],
        );
        // A mark ruins nobody.
        if CAREFUL && ends {
            books.look_at(equity);
        }
        (pace.crossed, pace.trades) = (true, u32::from(ends));
    }

    /// Takes a walk to the end of the phase, with the trade that would end behind it, if any.
    #[inline(always)]
    fn finish(&self, found: &Found<'_>, held: bool, span: Span, pace: &mut Pace) {
        let (end, &Found { rate, from, .. }) = (span.end, found);
        pace.fades(self.terms.capital);
        let held = held && from < end;
        let last = self.terms.close_before(end);
        let marked = self.terms.exit::<SHORTS>(rate, from.min(end - 1), end, last);
        pace.books.close::<SHORTS>(
            self.terms,
            [select_unpredictable(held, rate, UNIT)],
            [select_unpredictable(held, &marked, &NOTHING)],
        );
    }

    #[inline(always)]
    fn walk(&self, lists: &mut Lists, out: &mut [(Figures, bool); LANES]) {
        let capital = self.terms.capital;
        // The rows behind the last bar change nothing.
        lists.trades[TRADES] = [(self.door.unit(), self.terms.closes().len() as u32); LANES];
        let mut at = self.spans.map(|span| span.start);
        let mut paces = [Pace::new(capital); LANES];
        loop {
            let steps = self.chase(&mut at, lists);
            // How many trades of each list end in-sample, and before the end of the phase.
            let (mut inner, mut all) = ([0; LANES], [0; LANES]);
            let limits = (self.spans.map(|span| span.split), self.spans.map(|span| span.end));
            for exits in &lists.exits[1..=steps] {
                for lane in 0..LANES {
                    inner[lane] += u32::from(exits[lane] < limits.0[lane]);
                    all[lane] += u32::from(exits[lane] < limits.1[lane]);
                }
            }
            let steps = steps as u32;
            self.enter(&mut paces, lists, &[0; LANES], &inner);
            // Where the out-of-sample trades begin; those that are not there yet have none.
            let mut begins = inner;
            for (lane, pace) in paces.iter_mut().enumerate() {
                if !pace.crossed && inner[lane] < steps {
                    let found = self.trade(lane, lists, inner[lane]);
                    self.cross(&found, self.spans[lane], pace, &mut out[lane].0);
                    begins[lane] += 1;
                }
            }
            let counts = std::array::from_fn(|lane| all[lane].saturating_sub(begins[lane]));
            self.enter(&mut paces, lists, &begins, &counts);
            for (lane, pace) in paces.iter_mut().enumerate() {
                let (figures, ruin) = &mut out[lane];
                if all[lane] < steps {
                    // A trade across both ends has been marked to the last one.
                    let found = self.trade(lane, lists, all[lane]);
                    self.finish(&found, all[lane] >= begins[lane], self.spans[lane], pace);
                    figures.oos_pnl = pace.books.equity[0] - capital - figures.is_pnl;
                    figures.oos_dd = pace.books.drawdown[0];
                    figures.oos_trades = pace.trades;
                    *ruin = pace.books.ruin[0];
                }
            }
            if all.iter().fold(true, |done, &all| done & (all < steps)) {
                break;
            }
        }
    }
}

/// Makes some walks through a door, at its rates; for each of them also whether a trade may have been
/// a ruin, so that its figures are not to be used.
#[inline(always)]
pub(super) fn walk<D: Door, const SHORTS: bool>(
    terms: &Terms,
    door: D,
    rates: &[f64],
    walks: &[Walk<'_>; LANES],
    lists: &mut Lists,
    out: &mut [(Figures, bool); LANES],
) {
    let rows = terms.closes().len() + 1;
    let reach = door.reach(rows, rates);
    assert!(walks.iter().all(|walk| walk.holds.ends.len() >= reach
        && walk.holds.exits.len() >= reach
        && walk.span.end < rows as u32));
    // What no walk here can meet, no step asks for.
    if walks.iter().any(|walk| walk.holds.risky) {
        Together::<D, SHORTS, true>::new(terms, door, rates, walks).walk(lists, out);
    } else {
        Together::<D, SHORTS, false>::new(terms, door, rates, walks).walk(lists, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use proptest::prelude::*;

    proptest! {
        /// A walk that waits for others must not show it in any bit.
        #[test]
        fn a_trade_that_changes_nothing_changes_no_bit(
            trades in prop::collection::vec(prop::array::uniform4(1.0..200.0_f64), 1..9),
        ) {
            let terms = Terms::new(&[1.0], (&[1.0], &[1.0]), &Settings::default());
            let money = [terms.capital];
            let mut books = Books { equity: money, peak: money, drawdown: [0.0], ruin: [false] };
            for [entry, low, high, net] in trades {
                // It falls from its high to its exit, which is its lowest mark too, or nearly.
                let (high, low) = (high.max(net), low.min(net).max(net * 0.999));
                let exit = Exit { worst: low, best: high, against: high - net, net };
                books.close::<false>(&terms, [1.0 / entry], [&exit]);
                let mut waited = books;
                waited.close::<false>(&terms, [UNIT], [&NOTHING]);
                waited.close::<true>(&terms, [UNIT], [&NOTHING]);
                let bits = |b: &Books<1>| [b.equity, b.peak, b.drawdown].map(|[x]| x.to_bits());
                prop_assert_eq!(bits(&waited), bits(&books));
            }
        }
    }
}
