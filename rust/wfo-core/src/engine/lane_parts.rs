//! Where the parts of the phases of four paths end: what their accounts have by then, and what is
//! open there.

use std::hint::select_unpredictable;

use super::boundary::Boundary;
use super::excursion::{Excursion, Long, Short, Side};
use super::f64x4::{F64_LANES, F64x4};
use super::lane_accounts::{Accounts, Closing};
use super::per_unit::PerUnit;
use crate::figures::Figures;

/// A trade that a path may make.
#[derive(Clone, Copy)]
pub(crate) struct ListedTrade<'a> {
    pub rate: f64,
    pub excursion: &'a Excursion,
    /// First bar and the bar of its end.
    pub from: u32,
    pub to: u32,
}

/// The ends of the parts of four phases.
#[derive(Clone, Copy)]
pub(crate) struct PartEnds<'a> {
    pub boundaries: [&'a [Boundary; 2]; F64_LANES],
    pub splits: [u32; F64_LANES],
    pub ends: [u32; F64_LANES],
}

impl PartEnds<'_> {
    /// Takes paths over the end of the in-sample part, each with the trade that it makes there.
    #[inline(always)]
    pub fn cross_split<V: F64x4, const SHORTS: bool, const CHECKS_RUIN: bool>(
        &self,
        per_unit: &PerUnit,
        accounts: &mut Accounts<V>,
        found: &[ListedTrade<'_>; F64_LANES],
        crossing: u32,
        out: &mut [(Figures, bool)],
    ) {
        let capital = per_unit.capital;
        let (mut inner, mut outer) = (Closing::new(), Closing::new());
        let mut spare = [[Excursion::default(); 3]; F64_LANES];
        let mut ending = 0;
        for (i, spare) in spare.iter_mut().enumerate() {
            let (split, end) = (self.splits[i], self.ends[i]);
            let [at_split, at_end] = self.boundaries[i];
            let (ListedTrade { rate, excursion, from, to }, crosses) =
                (found[i], crossing >> i & 1 == 1);
            let short = SHORTS && rate < 0.0;
            // An open position is marked at the last in-sample close, as if it ended there [F4].
            let [one, two, rest] = spare;
            let held = crosses & (from < split);
            let marked = at_split.mark::<SHORTS>(per_unit, short, from.min(split - 1), one);
            inner.set(i, held, rate, marked);
            // What is left of the trade, to its end or to that of the phase.
            let (trades, ends) = (crosses & (from < end), to < end);
            let last = from.max(split).min(end - 1);
            let last = at_end.mark::<SHORTS>(per_unit, short, last, two);
            let summaries = per_unit.summaries();
            let closes = at_split.until(summaries, to.max(split).min(end - 1));
            *rest = if short {
                Short::excursion(closes, excursion.net)
            } else {
                Long::excursion(closes, excursion.net)
            };
            let excursion = select_unpredictable(held, &*rest, excursion);
            outer.set(i, trades, rate, select_unpredictable(ends, excursion, last));
            // A mark ruins no account [M9].
            ending |= u32::from(crosses & ends) << i;
        }
        accounts.note_faded(capital, crossing);
        let before = *accounts;
        accounts.close::<SHORTS>(per_unit, V::from_array(inner.rates), inner.excursions);
        let (equity, drawdown) = (accounts.equity.to_array(), accounts.drawdown.to_array());
        for i in 0..F64_LANES {
            if crossing >> i & 1 == 1 {
                // [F1] [F2] [F3]
                let figures = &mut out[i].0;
                figures.is_pnl = equity[i] - capital;
                figures.is_dd = drawdown[i];
                figures.is_trades = accounts.trades[i];
                accounts.is_oos[i] = true;
                accounts.trades[i] = ending >> i & 1;
            }
        }
        // Out-of-sample peaks begin at the mark of the boundary [F2]; the position goes on [F4].
        accounts.peak = V::select(crossing, accounts.equity, before.peak);
        accounts.drawdown = V::select(crossing, V::splat(0.0), before.drawdown);
        accounts.equity = before.equity;
        accounts.close::<SHORTS>(per_unit, V::from_array(outer.rates), outer.excursions);
        if CHECKS_RUIN {
            accounts.note_ruins(before.equity, ending);
        }
    }

    /// Takes paths to the ends of their phases, with the trades that would end behind them: some of
    /// them held, and not yet marked.
    #[inline(always)]
    pub fn finish<V: F64x4, const SHORTS: bool>(
        &self,
        per_unit: &PerUnit,
        accounts: &mut Accounts<V>,
        found: &[ListedTrade<'_>; F64_LANES],
        (held, done): (u32, u32),
        out: &mut [(Figures, bool)],
    ) {
        // Once: a path that has come to its end is looked up on while others of its batch have not, and
        // the last mark, which may be below 0, is no equity to go on with.
        let done = done & !accounts.finished;
        if done == 0 {
            return;
        }
        accounts.finished |= done;
        let held = held & done;
        let capital = per_unit.capital;
        let mut closing = Closing::new();
        let mut spare = [Excursion::default(); F64_LANES];
        for (i, spare) in spare.iter_mut().enumerate() {
            let (end, [_, at_end]) = (self.ends[i], self.boundaries[i]);
            let ListedTrade { rate, from, .. } = found[i];
            let held = (held >> i & 1 == 1) & (from < end);
            let (short, last) = (SHORTS && rate < 0.0, from.min(end - 1));
            // [M12] The last mark, without an exit.
            let marked = at_end.mark::<SHORTS>(per_unit, short, last, spare);
            closing.set(i, held, rate, marked);
        }
        accounts.note_faded(capital, done);
        accounts.close::<SHORTS>(per_unit, V::from_array(closing.rates), closing.excursions);
        let (equity, drawdown) = (accounts.equity.to_array(), accounts.drawdown.to_array());
        for i in 0..F64_LANES {
            if done >> i & 1 == 1 {
                // [F1] [F2] [F3]
                let (figures, may_be_ruined) = &mut out[i];
                figures.oos_pnl = equity[i] - capital - figures.is_pnl;
                figures.oos_dd = drawdown[i];
                figures.oos_trades = accounts.trades[i];
                *may_be_ruined = accounts.may_be_ruined >> i & 1 == 1;
            }
        }
    }
}

/// Lists of the trades of four paths.
pub(crate) trait TradeLists<'a> {
    /// The trade of a path in a place of its list.
    fn trade(&self, i: usize, place: u32) -> ListedTrade<'a>;
    /// What it opens a unit of equity with, and what becomes of that.
    fn row(&self, i: usize, place: u32) -> (f64, &'a Excursion);
    /// A place whose row changes nothing.
    fn idle(&self, i: usize) -> u32;
}

impl<'a> PartEnds<'a> {
    /// Goes along the lists of four paths: how many of their trades end in-sample, and before the end
    /// of the phase, of how many; figures of those that come to the end, and whether a trade may have
    /// been a ruin, so that they are not to be used.
    #[inline(always)]
    pub fn enter<V: F64x4, const SHORTS: bool>(
        &self,
        per_unit: &PerUnit,
        accounts: &mut Accounts<V>,
        lists: &impl TradeLists<'a>,
        [inner, all, steps]: [[u32; F64_LANES]; 3],
        out: &mut [(Figures, bool)],
    ) {
        let (mut inside, mut begins, mut counts) = ([0; F64_LANES], [0; F64_LANES], [0; F64_LANES]);
        let (mut crossing, mut held, mut done) = (0, 0, 0);
        for i in 0..F64_LANES {
            // Where the out-of-sample trades begin; paths that are not there yet have none.
            let crosses = !accounts.is_oos[i] & (inner[i] < steps[i]);
            (inside[i], begins[i]) = (inner[i], inner[i] + u32::from(crosses));
            counts[i] = all[i].saturating_sub(begins[i]);
            crossing |= u32::from(crosses) << i;
            done |= u32::from(all[i] < steps[i]) << i;
            // A trade across both ends has been marked to the last one.
            held |= u32::from(all[i] >= begins[i]) << i;
        }
        let found = |places: [u32; F64_LANES]| {
            let mut i = 0;
            places.map(|place| {
                let trade = lists.trade(i, place.min(steps[i] - 1));
                i += 1;
                trade
            })
        };
        close_all::<V, SHORTS>(per_unit, accounts, lists, [0; F64_LANES], inside);
        if crossing != 0 {
            let found = found(inside);
            self.cross_split::<V, SHORTS, true>(per_unit, accounts, &found, crossing, out);
        }
        close_all::<V, SHORTS>(per_unit, accounts, lists, begins, counts);
        if done != 0 {
            self.finish::<V, SHORTS>(per_unit, accounts, &found(all), (held & done, done), out);
        }
    }
}

/// Closes positions of four paths: so many of each list, from a place of its own on.
#[inline(always)]
fn close_all<'a, V: F64x4, const SHORTS: bool>(
    per_unit: &PerUnit,
    accounts: &mut Accounts<V>,
    lists: &impl TradeLists<'a>,
    begins: [u32; F64_LANES],
    counts: [u32; F64_LANES],
) {
    let (mut least, mut most) = (u32::MAX, 0);
    for (trades, count) in accounts.trades.iter_mut().zip(counts) {
        (least, most) = (least.min(count), most.max(count));
        *trades += count;
    }
    for step in 0..least {
        let places = begins.map(|begin| begin + step);
        close::<V, SHORTS>(per_unit, accounts, lists, places, u32::MAX);
    }
    // Paths of fewer trades are given some that change nothing.
    for step in least..most {
        let (mut places, mut some) = ([0; F64_LANES], 0);
        for i in 0..F64_LANES {
            let more = step < counts[i];
            places[i] = select_unpredictable(more, begins[i] + step, lists.idle(i));
            some |= u32::from(more) << i;
        }
        close::<V, SHORTS>(per_unit, accounts, lists, places, some);
    }
}

/// Closes a position of each of four paths, of which `some` are real. The others are no ruin: a path that
/// has come to its end may have been marked below 0 there.
#[inline(always)]
fn close<'a, V: F64x4, const SHORTS: bool>(
    per_unit: &PerUnit,
    accounts: &mut Accounts<V>,
    lists: &impl TradeLists<'a>,
    places: [u32; F64_LANES],
    some: u32,
) {
    let mut closing = Closing::new();
    for (i, place) in places.into_iter().enumerate() {
        (closing.rates[i], closing.excursions[i]) = lists.row(i, place);
    }
    let before = accounts.equity;
    accounts.close::<SHORTS>(per_unit, V::from_array(closing.rates), closing.excursions);
    accounts.note_ruins(before, some);
}
