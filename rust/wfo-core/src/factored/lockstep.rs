//! Walks that keep their books on the way: all equity in every trade, which is the usual sizing.
//!
//! Reinvested equity is multiplied by what a trade makes of one unit, so everything about a trade but
//! its size stands in tables beforehand: the rate at which a unit opens shares, and what the closes on
//! the way and the exit do to a price of 1 ([`terms`](super::terms)).
//!
//! What would cost most are the decisions: which of two touches comes first, whether a trade ends
//! before the in-sample part does. No processor can guess them, and a wrong guess takes as long as
//! three trades. And the row of one trade waits for that of the one before. So there are two passes:
//!
//! - The *chase* only asks where trades lead. Eight walks go together, so that the look-ups of one
//!   wait for nobody but itself, and nothing is decided: walks that have come to their end are chased
//!   on, which harms nobody, until the last one is there.
//! - The *books* then go along the lists, whose rows are known, four walks in the lanes of a register.
//!   What a list has too few of is filled up with a trade that changes nothing.
//!
//! Both are cut at a number of trades that keeps the lists in the first cache. A trade that spans the
//! end of the in-sample part, or of the phase, is put together from the closes on either side.
//!
//! A position is `k` shares, owed ones negative, on an equity of `q`: a long is worth `k · price`, a
//! short `q · (2 - fee) + k · price`, since it was sold for `q` before the fee on it.

use std::hint::select_unpredictable;

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

/// The trades that walks may make next.
#[derive(Debug)]
pub(super) struct Lists {
    /// Rows of their rates, and of the positions.
    rates: [Lanes; TRADES],
    holds: [Lanes; TRADES],
    /// Where the walks stand before them, and the bars of their exits.
    exits: [Lanes; TRADES + 1],
}

impl Default for Lists {
    fn default() -> Self {
        let rows = [[0; LANES]; TRADES];
        Self { rates: rows, holds: rows, exits: [[0; LANES]; TRADES + 1] }
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
#[derive(Clone, Copy)]
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
#[derive(Clone, Copy)]
struct Pace {
    /// The bar since which it is flat.
    at: u32,
    trades: u32,
    books: Books<1>,
}

impl Pace {
    fn new(at: u32, capital: f64) -> Self {
        let (money, nothing) = ([capital], [0.0]);
        let books = Books { equity: money, peak: money, drawdown: nothing, ruin: [false] };
        Self { at, trades: 0, books }
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

    /// Lists the trades that walks make from `at` on, some of them beyond their limits; how many.
    #[inline(always)]
    fn chase(&self, mut at: Lanes, limits: &Lanes, lists: &mut Lists) -> usize {
        lists.exits[0] = at;
        let mut steps = 0;
        while steps < TRADES {
            for step in steps..steps + STRIDE {
                for (lane, at) in at.iter_mut().enumerate() {
                    let (rate, hold) = self.door.open(*at);
                    *at = *row(self.ends[lane], hold as usize);
                    lists.rates[step][lane] = rate;
                    lists.holds[step][lane] = hold;
                    lists.exits[step + 1][lane] = *at;
                }
            }
            steps += STRIDE;
            // One question for all of them, so that there is one answer to guess.
            if at.iter().zip(limits).fold(true, |all, (at, limit)| all & (at >= limit)) {
                break;
            }
        }
        steps
    }

    /// Enters so many trades in the books of the walks from `first` on.
    #[inline(always)]
    fn enter(&self, first: usize, paces: &mut [Pace; LANES], lists: &Lists, trades: usize) {
        let of = |lane: usize| &paces[first + lane].books;
        let mut books: Books<BOOKS> = Books {
            equity: std::array::from_fn(|lane| of(lane).equity[0]),
            peak: std::array::from_fn(|lane| of(lane).peak[0]),
            drawdown: std::array::from_fn(|lane| of(lane).drawdown[0]),
            ruin: std::array::from_fn(|lane| of(lane).ruin[0]),
        };
        for (rates, holds) in lists.rates[..trades].iter().zip(&lists.holds) {
            let rates = std::array::from_fn(|i| *row(self.rates, rates[first + i] as usize));
            let exits =
                std::array::from_fn(|i| row(self.exits[first + i], holds[first + i] as usize));
            let before = books.equity;
            books.close::<SHORTS>(self.terms, rates, exits);
            if CAREFUL {
                books.look_at(before);
            }
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

    /// Makes all trades that end before the limits, which are bars.
    #[inline(always)]
    fn run(&self, paces: &mut [Pace; LANES], limits: &Lanes, lists: &mut Lists) {
        let (nothing, unit) = (self.nothing(), self.door.unit());
        loop {
            let steps = self.chase(std::array::from_fn(|lane| paces[lane].at), limits, lists);
            let mut counts = [0; LANES];
            for exits in &lists.exits[1..=steps] {
                for lane in 0..LANES {
                    counts[lane] += u32::from(exits[lane] < limits[lane]);
                }
            }
            for lane in 0..LANES {
                paces[lane].at = lists.exits[counts[lane] as usize][lane];
                paces[lane].trades += counts[lane];
            }
            let most = counts.iter().fold(0, |most, &count| most.max(count)) as usize;
            for (step, rates) in (0..).zip(&mut lists.rates[..most]) {
                fill_up(rates, step, &counts, unit);
            }
            for (step, holds) in (0..).zip(&mut lists.holds[..most]) {
                fill_up(holds, step, &counts, nothing);
            }
            for (first, counts) in (0..LANES).step_by(BOOKS).zip(counts.chunks(BOOKS)) {
                let most = counts.iter().fold(0, |most, &count| most.max(count));
                self.enter(first, paces, lists, most as usize);
            }
            if counts.iter().fold(true, |all, &count| all & ((count as usize) < steps)) {
                break;
            }
        }
    }

    /// The row of [`Holds`] that changes nothing: the one behind the last bar.
    #[inline(always)]
    fn nothing(&self) -> u32 {
        self.terms.closes().len() as u32
    }

    /// The trade that a walk makes from a bar on.
    #[inline(always)]
    fn next(&self, lane: usize, at: u32) -> Found<'a> {
        let (rate, hold) = self.door.open(at);
        Found {
            rate: *row(self.rates, rate as usize),
            exit: row(self.exits[lane], hold as usize),
            from: self.door.from(hold),
            to: *row(self.ends[lane], hold as usize),
        }
    }

    /// Takes a walk over the end of the in-sample part.
    #[inline(always)]
    fn cross(&self, lane: usize, pace: &mut Pace, figures: &mut Figures) {
        let Span { split, end, .. } = self.spans[lane];
        let Found { rate, exit, from, to } = self.next(lane, pace.at);
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
        // The row behind the last bar leads nowhere.
        pace.at = select_unpredictable(ends, to, self.nothing());
        pace.trades = u32::from(ends);
    }

    /// Takes a walk to the end of the phase.
    #[inline(always)]
    fn finish(&self, lane: usize, pace: &mut Pace, figures: &mut Figures) {
        let end = self.spans[lane].end;
        let Found { rate, from, .. } = self.next(lane, pace.at);
        let held = from < end;
        let last = self.terms.close_before(end);
        let marked = self.terms.exit::<SHORTS>(rate, from.min(end - 1), end, last);
        pace.books.close::<SHORTS>(
            self.terms,
            [select_unpredictable(held, rate, UNIT)],
            [select_unpredictable(held, &marked, &NOTHING)],
        );
        figures.oos_pnl = pace.books.equity[0] - self.terms.capital - figures.is_pnl;
        figures.oos_dd = pace.books.drawdown[0];
        figures.oos_trades = pace.trades;
    }

    #[inline(always)]
    fn walk(&self, lists: &mut Lists, out: &mut [(Figures, bool); LANES]) {
        let capital = self.terms.capital;
        let mut paces = self.spans.map(|span| Pace::new(span.start, capital));
        self.run(&mut paces, &self.spans.map(|span| span.split), lists);
        for (lane, (figures, _)) in out.iter_mut().enumerate() {
            paces[lane].fades(capital);
            self.cross(lane, &mut paces[lane], figures);
        }
        self.run(&mut paces, &self.spans.map(|span| span.end), lists);
        for (lane, (figures, ruin)) in out.iter_mut().enumerate() {
            paces[lane].fades(capital);
            self.finish(lane, &mut paces[lane], figures);
            *ruin = paces[lane].books.ruin[0];
        }
    }
}

/// Puts `filling` where a list has ended before a step.
#[inline(always)]
fn fill_up(rows: &mut Lanes, step: u32, counts: &Lanes, filling: u32) {
    for lane in 0..LANES {
        // As bits, so that no branch is made of it: lists end anywhere.
        let ended = u32::from(step < counts[lane]).wrapping_sub(1);
        rows[lane] = (rows[lane] & !ended) | (filling & ended);
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
