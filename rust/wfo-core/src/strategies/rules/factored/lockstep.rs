//! Eight paths side by side, through tables of entries and exits.
//!
//! The look-ups of a path wait for each other, and no processor predicts where they lead. So eight
//! paths are looked up side by side, without a decision, and their trades are listed; then the
//! accounts of four of them are updated at a time. A path beyond its end is looked up on, without
//! effect.

use std::hint::select_unpredictable;

use super::tables::{Entries, Exits, Rows};
use crate::engine::boundary::Boundary;
use crate::engine::excursion::{Excursion, NO_TRADE, UNIT_RATE};
use crate::engine::f64x4::{F64_LANES, F64x4, U32_LANES};
use crate::engine::intrabar_time::IntrabarTime;
use crate::engine::lane_accounts::Accounts;
use crate::engine::lane_parts::{ListedTrade, PartEnds, TradeLists};
use crate::engine::lookup::row;
use crate::engine::per_unit::PerUnit;
use crate::figures::Figures;
use crate::market::slice::Slice;

/// Paths of a batch.
pub(super) const LANES: usize = U32_LANES;
/// Most trades that are listed before they are entered.
const TRADES: usize = 64;
/// Trades that are listed between two looks at where the paths are.
const STRIDE: usize = 4;

/// The exits of a path, and its phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables<'a, const EXITS: usize> {
    pub exits: [&'a Exits; EXITS],
    pub slice: Slice,
    pub boundaries: &'a [Boundary; 2],
}

/// The trades that paths may make next.
#[derive(Debug)]
pub(super) struct Lists<'a> {
    rates: [[f64; LANES]; TRADES + 1],
    excursions: [[&'a Excursion; LANES]; TRADES + 1],
    rows: [[u32; LANES]; TRADES + 1],
    /// Bars of the exits.
    bars: [[u32; LANES]; TRADES + 1],
}

impl Default for Lists<'_> {
    fn default() -> Self {
        Self {
            rates: [[UNIT_RATE; LANES]; TRADES + 1],
            excursions: [[&NO_TRADE; LANES]; TRADES + 1],
            rows: [[0; LANES]; TRADES + 1],
            bars: [[0; LANES]; TRADES + 1],
        }
    }
}

/// Eight paths, whose tables name no row that another one does not have: [`Batch::lead`] compares them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a, const EXITS: usize> {
    next: &'a [u32],
    rates: &'a [f64],
    bars: &'a [u32],
    /// Rows that all tables of exits have, and the last bar that one of them names.
    rows: usize,
    last: usize,
    times: [[&'a [IntrabarTime]; LANES]; EXITS],
    excursions: [[&'a [Excursion]; LANES]; EXITS],
    boundaries: [&'a [Boundary; 2]; LANES],
    starts: [u32; LANES],
    splits: [u32; LANES],
    ends: [u32; LANES],
    /// Whether rates follow from the bar since which a path is flat.
    by_start: bool,
    /// Of which of two exits that are touched on one way, but not at the open, the first comes first:
    /// that which brings more. Otherwise that which brings less.
    nearer_is_more: [bool; EXITS],
}

impl<'a, const EXITS: usize> Batch<'a, EXITS> {
    /// Paths of these tables, at least one; the last one fills up. `falls` says which exits are met
    /// by falling prices.
    ///
    /// # Panics
    /// Where tables of exits have different rows.
    #[inline(always)]
    pub fn new(paths: &[Tables<'a, EXITS>], falls: [bool; EXITS]) -> Self {
        let at = |lane: usize| &paths[lane.min(paths.len() - 1)];
        let lanes: [&Tables<'a, EXITS>; LANES] = std::array::from_fn(at);
        let rows = lanes[0].exits[0].times.len();
        let mut last = 0;
        for path in &lanes {
            last = last.max(path.slice.end as u32);
            for exits in path.exits {
                assert!(exits.times.len() == rows && exits.excursions.len() == rows);
                last = last.max(exits.times.view().last());
            }
        }
        Self {
            next: &[],
            rates: &[],
            bars: &[],
            rows,
            last: last as usize,
            times: std::array::from_fn(|exit| lanes.map(|path| &path.exits[exit].times[..])),
            excursions: std::array::from_fn(|exit| {
                lanes.map(|path| path.exits[exit].excursions.as_slice())
            }),
            boundaries: lanes.map(|path| path.boundaries),
            starts: lanes.map(|path| path.slice.warmup as u32 - 1),
            splits: lanes.map(|path| path.slice.split as u32),
            ends: lanes.map(|path| path.slice.end as u32),
            by_start: false,
            nearer_is_more: falls,
        }
    }

    /// Leads the paths by these entries.
    ///
    /// # Panics
    /// Where a table is shorter than another one needs, or names a row that another one does not have.
    #[inline(always)]
    pub fn lead(&mut self, entries: &'a Entries, rows: &'a Rows) {
        self.by_start = !entries.rates.is_empty();
        (self.next, self.bars) = (&entries.next, &rows.bars);
        self.rates = if self.by_start { &entries.rates } else { &rows.rates };
        assert!(self.last < self.next.len() && entries.next.view().names_rows_of(self.rows));
        assert!(self.bars.len() >= self.rows);
        assert!(self.rates.len() >= if self.by_start { self.next.len() } else { self.rows });
    }

    /// The first of the exits of a position.
    #[inline(always)]
    fn exit(&self, lane: usize, at: usize) -> (IntrabarTime, &'a Excursion) {
        #[expect(unsafe_code, reason = "rows that `new` has compared")]
        // SAFETY: the entries name rows that all tables of exits have: `lead`.
        let exit = |exit: usize| unsafe {
            (*row(self.times[exit][lane], at), row(self.excursions[exit][lane], at))
        };
        let (mut time, mut excursion) = exit(0);
        for other in 1..EXITS {
            let (its, own) = exit(other);
            let mut is_first = its < time;
            if its == time && !time.is_at_open() {
                is_first = self.is_nearer(other, own, excursion);
            }
            time = select_unpredictable(is_first, its, time);
            excursion = select_unpredictable(is_first, own, excursion);
        }
        (time, excursion)
    }

    /// Whether an exit comes before another one that is touched on the same way [O3].
    #[cold]
    #[inline(never)]
    fn is_nearer(&self, exit: usize, own: &Excursion, other: &Excursion) -> bool {
        if self.nearer_is_more[exit] { own.net > other.net } else { own.net < other.net }
    }

    /// Lists the trades that paths make from `now` on, some of them beyond their ends; how many.
    #[inline(always)]
    fn list(&self, now: &mut [u32; LANES], lists: &mut Lists<'a>) -> usize {
        let mut steps = 0;
        while steps < TRADES {
            for step in steps..steps + STRIDE {
                for (lane, at) in now.iter_mut().enumerate() {
                    let from = *at as usize;
                    #[expect(unsafe_code, reason = "rows that `lead` has compared")]
                    // SAFETY: a path stands at a bar of its phase or where an exit has led it, of which
                    // the last one has an entry. Entries name rows that the tables of exits have, and
                    // the rates, or there is a rate for every bar: `lead`.
                    let (entered, rate) = unsafe {
                        let entered = *row(self.next, from);
                        let of = select_unpredictable(self.by_start, from, entered as usize);
                        (entered, *row(self.rates, of))
                    };
                    let (time, excursion) = self.exit(lane, entered as usize);
                    *at = time.bar();
                    lists.rates[step][lane] = rate;
                    lists.excursions[step][lane] = excursion;
                    lists.rows[step][lane] = entered;
                    lists.bars[step][lane] = *at;
                }
            }
            steps += STRIDE;
            // One comparison of all of them, so that there is one branch to predict.
            let mut all = true;
            for (now, end) in now.iter().zip(&self.ends) {
                all &= now >= end;
            }
            if all {
                break;
            }
        }
        steps
    }

    /// The figures of the paths; of each also whether a trade may have been a ruin, so that they are
    /// not to be used.
    #[inline(always)]
    pub fn run<V: F64x4>(
        &self,
        per_unit: &PerUnit,
        lists: &mut Lists<'a>,
        out: &mut [(Figures, bool); LANES],
    ) {
        let mut now = self.starts;
        let mut accounts = [Accounts::<V>::new(per_unit.capital); LANES / F64_LANES];
        loop {
            let steps = self.list(&mut now, lists);
            // How many trades of each list end in-sample, and before the end of the phase [F3].
            let bars = &lists.bars[..steps];
            let (inner, all) =
                (V::count_below(bars, &self.splits), V::count_below(bars, &self.ends));
            let steps = steps as u32;
            let fours = accounts.iter_mut().zip(out.chunks_exact_mut(F64_LANES));
            for (first, (accounts, out)) in (0..).step_by(F64_LANES).zip(fours) {
                let each = [0, 1, 2, 3].map(|i| first + i);
                let ends = PartEnds {
                    boundaries: each.map(|lane| self.boundaries[lane]),
                    splits: each.map(|lane| self.splits[lane]),
                    ends: each.map(|lane| self.ends[lane]),
                };
                let four = Four { batch: self, lists, first };
                let counts = [inner, all].map(|counts| each.map(|lane| counts[lane]));
                let counts = [counts[0], counts[1], [steps; F64_LANES]];
                ends.enter::<V, true>(per_unit, accounts, &four, counts, out);
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

/// Four paths of a batch.
struct Four<'a, 'b, const EXITS: usize> {
    batch: &'b Batch<'a, EXITS>,
    lists: &'b Lists<'a>,
    first: usize,
}

impl<'a, const EXITS: usize> TradeLists<'a> for Four<'a, '_, EXITS> {
    #[inline(always)]
    fn trade(&self, i: usize, place: u32) -> ListedTrade<'a> {
        let (lane, place) = (self.first + i, place as usize);
        ListedTrade {
            rate: self.lists.rates[place][lane],
            excursion: self.lists.excursions[place][lane],
            from: self.batch.bars[self.lists.rows[place][lane] as usize],
            to: self.lists.bars[place][lane],
        }
    }

    #[inline(always)]
    fn row(&self, i: usize, place: u32) -> (f64, &'a Excursion) {
        let (lane, place) = (self.first + i, place as usize);
        (self.lists.rates[place][lane], self.lists.excursions[place][lane])
    }

    #[inline(always)]
    fn idle(&self, _: usize) -> u32 {
        TRADES as u32
    }
}
