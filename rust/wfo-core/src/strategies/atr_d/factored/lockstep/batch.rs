//! A lane batch: eight paths through their phases.

use std::hint::select_unpredictable;

use super::lanes::{ByLane, LANES, Lanes, TRADES, TradeLists};
use crate::engine::excursion::UNIT_RATE;
use crate::engine::f64x4::{F64_LANES, F64x4};
use crate::engine::lane_accounts::{Accounts, Closing};
use crate::engine::lane_parts::ListedTrade;
use crate::engine::lookup::row;
use crate::engine::per_unit::PerUnit;
use crate::figures::Figures;
use crate::strategies::atr_d::factored::entry_lookup::EntryLookup;

/// Trades that are listed between two looks at where the paths are.
const STRIDE: usize = 4;

/// Eight paths, and the tables that lead them, which name no row that another one does not have:
/// [`LaneBatch::new`] is the only way to make one, and compares what they name with what they have.
pub(in super::super) struct LaneBatch<'a, L, const SHORTS: bool, const CHECKS_RUIN: bool> {
    per_unit: &'a PerUnit,
    lookup: L,
    rates: &'a [f64],
    lanes: &'a Lanes<'a>,
    /// Rows of the entries; the last one leads to itself.
    rows: u32,
}

/// Where the paths of a batch stand: rows of its entries.
#[derive(Clone, Copy)]
pub(in super::super) struct Positions(ByLane);

impl<'a, L: EntryLookup, const SHORTS: bool, const CHECKS_RUIN: bool>
    LaneBatch<'a, L, SHORTS, CHECKS_RUIN>
{
    /// Paths whose entries have so many rows.
    ///
    /// # Panics
    /// Where a table is shorter, or names a row that another one does not have.
    pub fn new(
        per_unit: &'a PerUnit,
        (lookup, rates): (L, &'a [f64]),
        lanes: &'a Lanes<'a>,
        rows: usize,
    ) -> Self {
        // From an entry to its rate and its exit, and from the bar of that to the next entry.
        assert!(lanes.rows >= lookup.exit_rows(rows, rates));
        assert!(lanes.exit_bars.iter().all(|bars| bars.names_rows_of(rows)));
        Self { per_unit, lookup, rates, lanes, rows: rows as u32 }
    }

    /// Paths that stand at these rows of the entries.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn positions(&self, at: ByLane) -> Positions {
        assert!(at.iter().all(|&at| at < self.rows));
        Positions(at)
    }

    /// Puts a path into the last row, from where its look-ups have no effect.
    #[inline(always)]
    pub fn put_behind(&self, positions: &mut Positions, lane: usize) {
        positions.0[lane] = self.rows - 1;
    }

    /// Lists the trades that paths make from `at` on, some of them beyond their ends; how many.
    #[inline(always)]
    pub fn list_trades(&self, at: &mut Positions, lists: &mut TradeLists) -> usize {
        let Lanes { exit_bars, limits, .. } = self.lanes;
        // Behind the last trade stands one that changes nothing.
        lists.rates[TRADES] = [UNIT_RATE; LANES];
        lists.exit_rows[TRADES] = [self.rows - 1; LANES];
        let mut now = at.0;
        lists.exit_bars[0] = now;
        let mut steps = 0;
        while steps < TRADES {
            for step in steps..steps + STRIDE {
                for (lane, at) in now.iter_mut().enumerate() {
                    // In by the entry since the last exit [S2], out by the stop since the entry
                    // [S3].
                    #[expect(unsafe_code, reason = "rows that `new` has compared")]
                    // SAFETY: the positions are below `rows`, for which `new` has called
                    // `exit_rows`. So the rates have row `rate`, and the exits row `exit_row`, and
                    // what they name is a position below `rows`: `new`.
                    let (rate, exit_row) = unsafe {
                        let (rate, exit_row) = self.lookup.next_entry(*at);
                        *at = *row(exit_bars[lane].values(), exit_row as usize);
                        (*row(self.rates, rate as usize), exit_row)
                    };
                    lists.rates[step][lane] = rate;
                    lists.exit_rows[step][lane] = exit_row;
                    lists.exit_bars[step + 1][lane] = *at;
                }
            }
            steps += STRIDE;
            // One comparison of all of them, so that there is one branch to predict.
            let mut all = true;
            for lane in 0..LANES {
                all &= now[lane] >= limits[lane];
            }
            if all {
                break;
            }
        }
        *at = Positions(now);
        lists.listed = steps as u32;
        steps
    }

    /// Enters trades of four paths in their accounts: so many from each list, from a place of its
    /// own on.
    #[inline(always)]
    pub fn enter<V: F64x4>(
        &self,
        accounts: &mut Accounts<V>,
        first: usize,
        lists: &TradeLists,
        begins: [u32; F64_LANES],
        counts: [u32; F64_LANES],
    ) {
        let (mut least, mut most) = (u32::MAX, 0);
        let mut end = 0;
        for ((trades, count), begin) in accounts.trades.iter_mut().zip(counts).zip(begins) {
            (least, most) = (least.min(count), most.max(count));
            *trades += count;
            end = end.max(begin.saturating_add(count));
        }
        // Of longer lists before, rows of other tables may stand behind.
        assert!(end <= lists.listed);
        let mut places = begins;
        for _ in 0..least {
            self.close(accounts, first, lists, places, u32::MAX);
            for place in &mut places {
                *place += 1;
            }
        }
        // Paths of fewer trades are given some that change nothing.
        for step in least..most {
            let mut some = 0;
            for i in 0..F64_LANES {
                let more = step < counts[i];
                places[i] = select_unpredictable(more, begins[i] + step, TRADES as u32);
                some |= u32::from(more) << i;
            }
            self.close(accounts, first, lists, places, some);
        }
    }

    /// Enters a trade of each of four paths, of which `some` are real. The others are no ruin: one that
    /// has come to its end may have been marked below 0 there.
    #[inline(always)]
    fn close<V: F64x4>(
        &self,
        accounts: &mut Accounts<V>,
        first: usize,
        lists: &TradeLists,
        places: [u32; F64_LANES],
        some: u32,
    ) {
        let mut closing = Closing::new();
        for (i, place) in places.into_iter().enumerate() {
            let (lane, place) = (first + i, place as usize);
            #[expect(unsafe_code, reason = "places and rows that were compared before the loop")]
            // SAFETY: place <= TRADES: `enter` has compared the places with the number of those
            // listed, which is at most TRADES, and has none but TRADES besides. `list_trades` has
            // written the rows in all of them: of exits that `new` has compared, and the last row of
            // entries, of which there are no more than of exits.
            let (rate, excursion) = unsafe {
                let exit_row = row(&lists.exit_rows, place)[lane];
                (
                    row(&lists.rates, place)[lane],
                    row(self.lanes.excursions[lane], exit_row as usize),
                )
            };
            (closing.rates[i], closing.excursions[i]) = (rate, excursion);
        }
        let before = accounts.equity;
        let rates = V::from_array(closing.rates);
        accounts.close::<SHORTS>(self.per_unit, rates, closing.excursions);
        if CHECKS_RUIN {
            accounts.note_ruins(before, some);
        }
    }

    /// The paths, and what all of them share.
    #[inline(always)]
    pub fn parts(&self) -> (&'a Lanes<'a>, &'a PerUnit) {
        (self.lanes, self.per_unit)
    }

    /// The row of the exit in a place of a list.
    #[inline(always)]
    pub fn exit_row(&self, lane: usize, lists: &TradeLists, place: u32) -> u32 {
        lists.exit_rows[place as usize][lane]
    }

    /// The trade in a place of a list.
    #[inline(always)]
    pub fn trade(&self, lane: usize, lists: &TradeLists, place: u32) -> ListedTrade<'a> {
        let place = place as usize;
        let (rate, exit_row) = (lists.rates[place][lane], lists.exit_rows[place][lane]);
        ListedTrade {
            rate,
            excursion: &self.lanes.excursions[lane][exit_row as usize],
            from: self.lookup.first_bar(exit_row),
            to: lists.exit_bars[place + 1][lane],
        }
    }

    /// The trades of four paths in some places of so many; the last one where there is none.
    #[inline(always)]
    fn trades(
        &self,
        first: usize,
        lists: &TradeLists,
        places: [u32; F64_LANES],
        steps: u32,
    ) -> [ListedTrade<'a>; F64_LANES] {
        let mut found = [self.trade(first, lists, places[0].min(steps - 1)); F64_LANES];
        for i in 1..F64_LANES {
            found[i] = self.trade(first + i, lists, places[i].min(steps - 1));
        }
        found
    }

    /// Takes paths over the end of the in-sample part, each with the trade that it makes there.
    #[inline(always)]
    pub fn cross_split<V: F64x4>(
        &self,
        accounts: &mut Accounts<V>,
        first: usize,
        found: &[ListedTrade<'a>; F64_LANES],
        crossing: u32,
        out: &mut [(Figures, bool)],
    ) {
        let ends = self.lanes.part_ends(first);
        let per_unit = self.per_unit;
        ends.cross_split::<V, SHORTS, CHECKS_RUIN>(per_unit, accounts, found, crossing, out);
    }

    /// Takes paths to the ends of their phases, with the trades that would end behind them: some of
    /// them held, and not yet marked.
    #[inline(always)]
    pub fn finish<V: F64x4>(
        &self,
        accounts: &mut Accounts<V>,
        first: usize,
        found: &[ListedTrade<'a>; F64_LANES],
        (held, done): (u32, u32),
        out: &mut [(Figures, bool)],
    ) {
        let ends = self.lanes.part_ends(first);
        ends.finish::<V, SHORTS>(self.per_unit, accounts, found, (held, done), out);
    }

    #[inline(always)]
    fn run<V: F64x4>(&self, lists: &mut TradeLists, out: &mut [(Figures, bool); LANES]) {
        let Lanes { splits, ends, .. } = self.lanes;
        // Flat since the bar before the first trading bar [S1].
        let mut at = self.positions(self.lanes.starts);
        let mut accounts = [Accounts::<V>::new(self.per_unit.capital); LANES / F64_LANES];
        loop {
            let steps = self.list_trades(&mut at, lists);
            // How many trades of each list end in-sample, and before the end of the phase [F3].
            let exits = &lists.exit_bars[1..=steps];
            let (inner, all) = (V::count_below(exits, splits), V::count_below(exits, ends));
            let steps = steps as u32;
            for (q, accounts) in accounts.iter_mut().enumerate() {
                let first = q * F64_LANES;
                let (mut inside, mut begins, mut counts) =
                    ([0; F64_LANES], [0; F64_LANES], [0; F64_LANES]);
                let (mut crossing, mut held, mut done) = (0, 0, 0);
                for i in 0..F64_LANES {
                    let (inner, all) = (inner[first + i], all[first + i]);
                    // Where the out-of-sample trades begin; paths that are not there yet have none.
                    let crosses = !accounts.is_oos[i] & (inner < steps);
                    (inside[i], begins[i]) = (inner, inner + u32::from(crosses));
                    counts[i] = all.saturating_sub(begins[i]);
                    crossing |= u32::from(crosses) << i;
                    done |= u32::from(all < steps) << i;
                    // A trade across both ends has been marked to the last one.
                    held |= u32::from(all >= begins[i]) << i;
                }
                self.enter(accounts, first, lists, [0; F64_LANES], inside);
                // Most lists of few trades hold both ends, and most parts of long ones neither.
                if crossing != 0 {
                    let found = self.trades(first, lists, inside, steps);
                    let out = &mut out[first..first + F64_LANES];
                    self.cross_split(accounts, first, &found, crossing, out);
                }
                self.enter(accounts, first, lists, begins, counts);
                if done != 0 {
                    let mut behind = [0; F64_LANES];
                    behind.copy_from_slice(&all[first..first + F64_LANES]);
                    let found = self.trades(first, lists, behind, steps);
                    let out = &mut out[first..first + F64_LANES];
                    self.finish(accounts, first, &found, (held & done, done), out);
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

/// Takes the paths of some lanes through their phases; for each of them also whether a trade may
/// have been a ruin, so that its figures are not to be used.
#[inline(always)]
pub(super) fn run_lanes<V: F64x4, L: EntryLookup, const SHORTS: bool>(
    per_unit: &PerUnit,
    lookup: L,
    rates: &[f64],
    lanes: &Lanes<'_>,
    lists: &mut TradeLists,
    out: &mut [(Figures, bool); LANES],
) {
    // Behind the last bar there is a row that changes nothing.
    let rows = per_unit.closes().len() + 1;
    let tables = (lookup, rates);
    assert!(lanes.ends.iter().all(|&end| end < rows as u32));
    // Where no stop may ruin, no trade is checked.
    if lanes.may_ruin {
        LaneBatch::<L, SHORTS, true>::new(per_unit, tables, lanes, rows).run::<V>(lists, out);
    } else {
        LaneBatch::<L, SHORTS, false>::new(per_unit, tables, lanes, rows).run::<V>(lists, out);
    }
}
