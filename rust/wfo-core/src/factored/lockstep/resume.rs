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

use super::{Found, LANES, Lists, Pace, Together, Walk};
use crate::factored::doors::Door;
use crate::factored::maps::bar;
use crate::factored::terms::{NOTHING, Terms, row};
use crate::factored::walk::Span;
use crate::figures::Figures;

/// Bars that have tables at a time.
#[derive(Debug, Clone, Copy)]
pub(in crate::factored) struct Window {
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
pub(in crate::factored) struct Ongoing {
    pace: Pace,
    figures: Figures,
    /// The bar since which it is flat or, where there is a rate, in the position that it opens next.
    next: u32,
    /// Shares that a unit of equity opens, owed ones negative; NaN for a walk that is flat.
    rate: f64,
}

impl Ongoing {
    pub fn new(capital: f64, span: Span) -> Self {
        let (pace, figures) = (Pace::new(capital), Figures::NONE);
        Self { pace, figures, next: span.start, rate: f64::NAN }
    }

    /// What is done already.
    pub fn done() -> Self {
        let (pace, figures) = (Pace::new(1.0), Figures::NONE);
        Self { pace, figures, next: u32::MAX, rate: f64::NAN }
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
        (self.figures, self.pace.books.ruin[0])
    }
}

/// Where walks go that find no position in a window.
pub(in crate::factored) trait Ahead: Copy {
    /// The rate and the first bar of the position that is opened by who is flat since the bar of a row.
    fn opening(self, at: u32) -> (f64, u32);
}

impl<'a, D: Door, const SHORTS: bool, const CAREFUL: bool> Together<'a, D, SHORTS, CAREFUL> {
    /// The trade in a place of a list, by true bars; none where it is not opened in the window.
    #[inline(always)]
    fn trade_in(
        &self,
        window: Window,
        walks: &[Walk<'a>; LANES],
        lane: usize,
        lists: &Lists,
        place: u32,
    ) -> Option<Found<'a>> {
        let (_, hold) = lists.trades[place as usize][lane];
        let found = self.trade(lane, lists, place);
        (found.from < window.len).then(|| {
            // Ends beyond the window stand in no list.
            let to = bar(*row(&walks[lane].holds.moments, hold as usize));
            Found { from: found.from + window.first, to, ..found }
        })
    }

    #[inline(always)]
    fn walk_on<A: Ahead>(
        &self,
        window: Window,
        ahead: A,
        walks: &[Walk<'a>; LANES],
        lists: &mut Lists,
        all_ongoing: &mut [Ongoing; LANES],
    ) {
        let capital = self.terms.capital;
        let sink = window.sink();
        lists.trades[super::TRADES] = [(self.door.unit(), sink); LANES];
        let (mut at, mut paces) = ([sink; LANES], [Pace::new(capital); LANES]);
        let (mut is_on, mut limits) = ([false; LANES], ([0; LANES], [0; LANES]));
        for (lane, ongoing) in all_ongoing.iter().enumerate() {
            paces[lane] = ongoing.pace;
            if ongoing.is_in(window) {
                is_on[lane] = true;
                limits.0[lane] = window.limit(walks[lane].span.split);
                limits.1[lane] = window.limit(walks[lane].span.end);
                at[lane] = match ongoing.opens() {
                    Some(_) => window.len + lane as u32,
                    None => ongoing.next - window.first,
                };
            }
        }
        loop {
            let steps = self.chase(&mut at, lists);
            // How many trades of each list end in-sample, and before the end of the phase.
            let (mut inner, mut all) = ([0; LANES], [0; LANES]);
            for exits in &lists.exits[1..=steps] {
                for lane in 0..LANES {
                    inner[lane] += u32::from(exits[lane] < limits.0[lane]);
                    all[lane] += u32::from(exits[lane] < limits.1[lane]);
                }
            }
            let steps = steps as u32;
            self.enter(&mut paces, lists, &[0; LANES], &inner);
            let mut begins = inner;
            for (lane, pace) in paces.iter_mut().enumerate() {
                let span = walks[lane].span;
                // Who is flat at the end of the window crosses later.
                if is_on[lane]
                    && !pace.crossed
                    && inner[lane] < steps
                    && span.split <= window.end()
                    && let Some(found) = self.trade_in(window, walks, lane, lists, inner[lane])
                {
                    self.cross(&found, span, pace, &mut all_ongoing[lane].figures);
                    begins[lane] += 1;
                }
            }
            let counts = std::array::from_fn(|lane| all[lane].saturating_sub(begins[lane]));
            self.enter(&mut paces, lists, &begins, &counts);
            for (lane, pace) in paces.iter_mut().enumerate() {
                if is_on[lane] && all[lane] < steps {
                    let place = all[lane];
                    let held = place >= begins[lane];
                    let (span, ongoing) = (walks[lane].span, &mut all_ongoing[lane]);
                    let found = self.trade_in(window, walks, lane, lists, place);
                    let found = found.unwrap_or_else(|| {
                        let (rate, from) = ahead.opening(lists.exits[place as usize][lane]);
                        // Its end is known in its own window only.
                        Found { rate, exit: &NOTHING, from, to: u32::MAX }
                    });
                    self.leave(&found, held, (span, window), pace, ongoing);
                    (is_on[lane], limits.0[lane], limits.1[lane]) = (false, 0, 0);
                    at[lane] = sink;
                }
            }
            if !is_on.iter().fold(false, |any, on| any | on) {
                break;
            }
        }
        for (ongoing, pace) in all_ongoing.iter_mut().zip(paces) {
            ongoing.pace = pace;
        }
    }

    /// Takes a walk out of a window, with the trade that leads out of it or out of the phase; `held`
    /// where it is not in the books yet.
    #[inline(always)]
    fn leave(
        &self,
        found: &Found<'_>,
        held: bool,
        (span, window): (Span, Window),
        pace: &mut Pace,
        ongoing: &mut Ongoing,
    ) {
        let &Found { rate, exit, from, to } = found;
        let Ongoing { figures, next, rate: opening, .. } = ongoing;
        if from >= window.end() && from < span.end {
            (*next, *opening) = (from, rate);
            return;
        }
        let mut held = held;
        if !pace.crossed && to >= span.split {
            self.cross(found, span, pace, figures);
            held = false;
        }
        *opening = f64::NAN;
        if to < span.end {
            if held {
                let before = pace.books.equity;
                pace.books.close::<SHORTS>(self.terms, [rate], [exit]);
                if CAREFUL {
                    pace.books.look_at(before);
                }
                pace.trades += 1;
            }
            *next = to;
            return;
        }
        // A trade across both ends has been marked to the last one.
        self.finish(found, held, span, pace);
        figures.oos_pnl = pace.books.equity[0] - self.terms.capital - figures.is_pnl;
        figures.oos_dd = pace.books.drawdown[0];
        figures.oos_trades = pace.trades;
        *next = u32::MAX;
    }
}

/// Takes some walks through a window: through a door and at its rates, or `ahead` where they find no
/// position in it. The tables of the walks are those of the window.
#[inline(always)]
pub(in crate::factored) fn walk_on<D: Door, A: Ahead, const SHORTS: bool>(
    terms: &Terms,
    (door, rates): (D, &[f64]),
    (window, ahead): (Window, A),
    walks: &[Walk<'_>; LANES],
    lists: &mut Lists,
    ongoing: &mut [Ongoing; LANES],
) {
    let reach = door.reach(window.rows(), rates);
    assert!(walks.iter().all(|walk| walk.holds.ends.len() >= reach
        && walk.holds.exits.len() >= reach
        && walk.holds.moments.len() >= reach));
    // What no walk here can meet, no step asks for.
    if walks.iter().any(|walk| walk.holds.risky) {
        let together = Together::<D, SHORTS, true>::on(window, terms, (door, rates), walks);
        together.walk_on(window, ahead, walks, lists, ongoing);
    } else {
        let together = Together::<D, SHORTS, false>::on(window, terms, (door, rates), walks);
        together.walk_on(window, ahead, walks, lists, ongoing);
    }
}

impl<'a, D: Door, const SHORTS: bool, const CAREFUL: bool> Together<'a, D, SHORTS, CAREFUL> {
    /// Walks whose chase ends where the window or the phase does.
    #[inline(always)]
    fn on(
        window: Window,
        terms: &'a Terms,
        (door, rates): (D, &'a [f64]),
        walks: &[Walk<'a>; LANES],
    ) -> Self {
        let mut local = *walks;
        for walk in &mut local {
            walk.span.end = window.limit(walk.span.end);
        }
        Self::new(terms, door, rates, &local)
    }
}
