//! Walks that go on window by window.
//!
//! Within a window its tables are those of a whole, short history: what happens in it has rows of its
//! own, and everything else happens "behind the last bar". So the chase and the books are those of any
//! other walk. Only where a walk leaves the window, once in each, the true bars are looked at: a
//! position that was opened in the window is entered in the books with its whole exit, wherever that
//! is, and the walk is flat since then; a position that comes later is remembered by its first bar and
//! its rate. It is opened in its own window by a row that leads nowhere else: behind the bars of a
//! window there is one for every lane.
//!
//! Why windows do not show in any bit of a walk: its trades are the same, their exits are read from the
//! same closes, and they are entered in the same order.

use super::{Books, Closing, Found, Group, LANES, Lists, TRADES, Together, Walk};
use crate::figures::Figures;
use crate::strategies::atr_d::factored::doors::Door;
use crate::strategies::atr_d::factored::maps::bar;
use crate::strategies::atr_d::factored::quad::{QUAD, Quad};
use crate::strategies::atr_d::factored::terms::{NOTHING, Terms, UNIT, row};
use crate::strategies::atr_d::factored::walk::Span;

/// Bars that have tables at a time.
#[derive(Debug, Clone, Copy)]
pub(in crate::strategies::atr_d::factored) struct Window {
    /// The first one, and how many.
    pub first: u32,
    pub len: u32,
}

impl Window {
    /// One past the last bar.
    #[inline(always)]
    pub fn end(self) -> u32 {
        self.first + self.len
    }

    /// The row of what does not happen in the window. Before it stand those of the lanes.
    #[inline(always)]
    pub fn sink(self) -> u32 {
        self.len + LANES as u32
    }

    /// Rows of a table.
    #[inline(always)]
    pub fn rows(self) -> usize {
        self.sink() as usize + 1
    }

    /// The row of a bar that is not before the window.
    #[inline(always)]
    pub fn row(self, bar: u32) -> u32 {
        if bar < self.end() { bar - self.first } else { self.sink() }
    }

    /// A limit of bars as rows can be compared with it: what is not in the window lies behind it.
    #[inline(always)]
    fn limit(self, bar: u32) -> u32 {
        bar.saturating_sub(self.first).min(self.len)
    }
}

/// A walk between two windows.
#[derive(Debug, Clone, Copy)]
pub(in crate::strategies::atr_d::factored) struct Ongoing {
    equity: f64,
    peak: f64,
    drawdown: f64,
    ruin: bool,
    /// Whether it is out-of-sample.
    crossed: bool,
    /// Trades of the part that it is in.
    trades: u32,
    figures: Figures,
    /// The bar since which it is flat or, where there is a rate, in the position that it opens next.
    next: u32,
    /// Shares that a unit of equity opens, owed ones negative; NaN for a walk that is flat.
    rate: f64,
}

impl Ongoing {
    pub fn new(capital: f64, span: Span) -> Self {
        Self {
            equity: capital,
            peak: capital,
            drawdown: 0.0,
            ruin: false,
            crossed: false,
            trades: 0,
            figures: Figures::NONE,
            next: span.start,
            rate: f64::NAN,
        }
    }

    /// What is done already.
    pub fn done() -> Self {
        Self::new(1.0, Span { start: u32::MAX, split: u32::MAX, end: u32::MAX })
    }

    /// Whether it has to go on in a window.
    #[inline(always)]
    pub fn is_in(&self, window: Window) -> bool {
        self.next < window.end()
    }

    /// The position that it opens, by its first bar and its rate.
    #[inline(always)]
    pub fn opens(&self) -> Option<(u32, f64)> {
        (!self.rate.is_nan()).then_some((self.next, self.rate))
    }

    /// Its figures at its end, and whether a trade may have been a ruin.
    pub fn figures(&self) -> (Figures, bool) {
        (self.figures, self.ruin)
    }
}

/// Where walks go that find no position in a window.
pub(in crate::strategies::atr_d::factored) trait Ahead:
    Copy
{
    /// The rate and the first bar of the position that is opened by who is flat since the bar of a row.
    fn opening(self, at: u32) -> (f64, u32);
}

impl<Q: Quad> Books<Q> {
    /// The books of walks that go on.
    #[inline(always)]
    fn of(walks: &[Ongoing]) -> Self {
        let mut books = Self::new(0.0);
        let [mut equity, mut peak, mut drawdown] = [[0.0; QUAD]; 3];
        for (i, walk) in walks.iter().enumerate() {
            (equity[i], peak[i], drawdown[i]) = (walk.equity, walk.peak, walk.drawdown);
            (books.crossed[i], books.trades[i]) = (walk.crossed, walk.trades);
            books.ruin |= u32::from(walk.ruin) << i;
        }
        (books.equity, books.peak) = (Q::of(equity), Q::of(peak));
        books.drawdown = Q::of(drawdown);
        books
    }

    #[inline(always)]
    fn keep(&self, walks: &mut [Ongoing]) {
        let (equity, peak) = (self.equity.array(), self.peak.array());
        let drawdown = self.drawdown.array();
        for (i, walk) in walks.iter_mut().enumerate() {
            (walk.equity, walk.peak, walk.drawdown) = (equity[i], peak[i], drawdown[i]);
            (walk.crossed, walk.trades) = (self.crossed[i], self.trades[i]);
            walk.ruin = self.ruin >> i & 1 == 1;
        }
    }
}

/// Walks of a window.
struct Here<'a, A> {
    window: Window,
    ahead: A,
    walks: &'a [Walk<'a>; LANES],
}

/// No trade, which asks for no far mark either.
const NONE: Found<'_> = Found { rate: UNIT, exit: &NOTHING, from: u32::MAX, to: 0 };

impl<'a, D: Door, const SHORTS: bool, const CAREFUL: bool> Together<'a, D, SHORTS, CAREFUL> {
    /// The trade in a place of a list, by true bars; none where it is not opened in the window.
    #[inline(always)]
    fn trade_in<A: Ahead>(
        &self,
        here: &Here<'a, A>,
        lane: usize,
        lists: &Lists,
        place: u32,
    ) -> Option<Found<'a>> {
        let hold = lists.holds[place as usize][lane];
        let found = self.trade(lane, lists, place);
        (found.from < here.window.len).then(|| {
            // Ends beyond the window stand in no list.
            let to = bar(*row(&here.walks[lane].holds.moments, hold as usize));
            Found { from: found.from + here.window.first, to, ..found }
        })
    }

    #[inline(always)]
    fn walk_on<Q: Quad, A: Ahead>(
        &self,
        here: &Here<'a, A>,
        lists: &mut Lists,
        all_ongoing: &mut [Ongoing; LANES],
    ) {
        let Here { window, ahead, walks } = here;
        let sink = window.sink();
        lists.rates[TRADES] = [UNIT; LANES];
        lists.holds[TRADES] = [sink; LANES];
        let (mut at, mut is_on) = ([sink; LANES], [false; LANES]);
        let (mut splits, mut ends) = ([0; LANES], [0; LANES]);
        let mut out = [(Figures::NONE, false); LANES];
        for (lane, ongoing) in all_ongoing.iter().enumerate() {
            out[lane].0 = ongoing.figures;
            if ongoing.is_in(*window) {
                is_on[lane] = true;
                splits[lane] = window.limit(walks[lane].span.split);
                ends[lane] = window.limit(walks[lane].span.end);
                at[lane] = match ongoing.opens() {
                    Some(_) => window.len + lane as u32,
                    None => ongoing.next - window.first,
                };
            }
        }
        let mut books = [Books::<Q>::new(0.0); LANES / QUAD];
        for (books, some) in books.iter_mut().zip(all_ongoing.chunks_exact(QUAD)) {
            *books = Books::of(some);
        }
        loop {
            let steps = self.chase(&mut at, lists);
            let exits = &lists.exits[1..=steps];
            let (inner, all) = (Q::before(exits, &splits), Q::before(exits, &ends));
            let steps = steps as u32;
            for (q, books) in books.iter_mut().enumerate() {
                let first = q * QUAD;
                let (mut inside, mut begins, mut counts) = ([0; QUAD], [0; QUAD], [0; QUAD]);
                let (mut crossing, mut found) = (0, [NONE; QUAD]);
                for i in 0..QUAD {
                    let (lane, inner) = (first + i, inner[first + i]);
                    (inside[i], begins[i]) = (inner, inner);
                    // Who is flat at the end of the window crosses later.
                    if is_on[lane]
                        && !books.crossed[i]
                        && inner < steps
                        && walks[lane].span.split <= window.end()
                        && let Some(trade) = self.trade_in(here, lane, lists, inner)
                    {
                        crossing |= 1 << i;
                        found[i] = trade;
                        begins[i] += 1;
                    }
                    counts[i] = all[lane].saturating_sub(begins[i]);
                }
                self.enter(books, first, lists, [0; QUAD], inside);
                if crossing != 0 {
                    self.cross(books, first, &found, crossing, &mut out);
                }
                self.enter(books, first, lists, begins, counts);
                let (mut leaving, mut held, mut found) = (0, 0, [NONE; QUAD]);
                for i in 0..QUAD {
                    let (lane, place) = (first + i, all[first + i]);
                    if !is_on[lane] || place >= steps {
                        continue;
                    }
                    let (span, ongoing) = (walks[lane].span, &mut all_ongoing[lane]);
                    found[i] = self.trade_in(here, lane, lists, place).unwrap_or_else(|| {
                        let (rate, from) = ahead.opening(lists.exits[place as usize][lane]);
                        // Its end is known in its own window only.
                        Found { rate, exit: &NOTHING, from, to: u32::MAX }
                    });
                    let Found { rate, from, to, .. } = found[i];
                    (is_on[lane], splits[lane], ends[lane], at[lane]) = (false, 0, 0, sink);
                    if from >= window.end() && from < span.end {
                        (ongoing.next, ongoing.rate) = (from, rate);
                        continue;
                    }
                    leaving |= 1 << i;
                    held |= u32::from(place >= begins[i]) << i;
                    ongoing.rate = f64::NAN;
                    ongoing.next = if to < span.end { to } else { u32::MAX };
                }
                if leaving != 0 {
                    self.leave(books, first, &found, held & leaving, leaving, &mut out);
                }
            }
            if !is_on.contains(&true) {
                break;
            }
        }
        for (books, some) in books.iter().zip(all_ongoing.chunks_exact_mut(QUAD)) {
            books.keep(some);
        }
        for (ongoing, (figures, _)) in all_ongoing.iter_mut().zip(out) {
            ongoing.figures = figures;
        }
    }

    /// Takes walks out of a window, with the trades that lead out of it or out of the phase; some of
    /// them are held, and not in the books yet.
    #[inline(always)]
    fn leave<Q: Quad>(
        &self,
        books: &mut Books<Q>,
        first: usize,
        found: &[Found<'a>; QUAD],
        held: u32,
        leaving: u32,
        out: &mut [(Figures, bool); LANES],
    ) {
        let (mut crossing, mut done) = (0, 0);
        for (i, trade) in found.iter().enumerate().filter(|(i, _)| leaving >> i & 1 == 1) {
            let crosses = !books.crossed[i] && trade.to >= self.group.splits[first + i];
            crossing |= u32::from(crosses) << i;
            done |= u32::from(trade.to >= self.group.ends[first + i]) << i;
        }
        if crossing != 0 {
            self.cross(books, first, found, crossing, out);
        }
        // A trade across both ends has been marked to the last one.
        let held = held & !crossing;
        let ending = held & !done;
        if ending != 0 {
            let mut closing = Closing::new();
            for (i, &Found { rate, exit, .. }) in found.iter().enumerate() {
                closing.set(i, ending >> i & 1 == 1, rate, exit);
                books.trades[i] += ending >> i & 1;
            }
            let before = books.equity;
            books.close::<SHORTS>(self.terms, Q::of(closing.rates), closing.exits);
            if CAREFUL {
                books.look_at(before, ending);
            }
        }
        if done != 0 {
            self.finish(books, first, found, held & done, done, out);
        }
    }
}

/// Takes some walks through a window: through a door, or `ahead` where they find no position in it. The
/// tables of the walks are those of the window.
#[inline(always)]
pub(in crate::strategies::atr_d::factored) fn walk_on<
    Q: Quad,
    D: Door,
    A: Ahead,
    const SHORTS: bool,
>(
    terms: &Terms,
    (door, rates): (D, &[f64]),
    (window, ahead): (Window, A),
    walks: &[Walk<'_>; LANES],
    lists: &mut Lists,
    ongoing: &mut [Ongoing; LANES],
) {
    let mut group = Group::new(walks);
    for (limit, walk) in group.limits.iter_mut().zip(walks) {
        *limit = window.limit(walk.span.end);
    }
    assert!(group.rows >= door.reach(window.rows(), rates));
    assert!(walks.iter().all(|walk| walk.holds.moments.len() >= group.rows));
    let (group, here) = (&group, Here { window, ahead, walks });
    // A question more a trade, on every walk, is worth less than as much code again.
    let together = Together::<D, SHORTS, true> { terms, door, rates, group };
    together.walk_on::<Q, A>(&here, lists, ongoing);
}
