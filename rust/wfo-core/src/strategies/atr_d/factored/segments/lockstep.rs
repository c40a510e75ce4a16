//! Lane batches that go on segment by segment.
//!
//! Within a segment its tables are those of a whole, short history: what happens in it has rows of
//! its own, and everything else happens "behind the last bar". So trades are listed and entered in
//! accounts as in [`lockstep`](super::super::lockstep). Only where a path leaves the segment, once
//! in each, the true bars are looked at: a position that was opened in the segment is entered in
//! the account with its whole exit, wherever that is, and the path is flat since then; a position
//! that comes later is kept as its first bar and its rate. It is opened in its own segment by a row
//! that leads nowhere else: behind the bars of a segment there is one for every lane.
//!
//! No bit of a path depends on segments: its trades are the same, their exits are read from the
//! same closes, and they are entered in the same order.

use super::entries::EntryBeyond;
use super::segment::Segment;
use crate::engine::excursion::{NO_TRADE, UNIT_RATE};
use crate::engine::f64x4::{F64_LANES, F64x4};
use crate::engine::lane_accounts::{Accounts, Closing};
use crate::engine::lane_parts::ListedTrade;
use crate::engine::per_unit::PerUnit;
use crate::figures::Figures;
use crate::strategies::atr_d::factored::entry_lookup::EntryLookup;
use crate::strategies::atr_d::factored::lockstep::{LANES, LaneBatch, Lanes, Path, TradeLists};
use crate::strategies::atr_d::factored::path::PhaseBars;

/// A path between two segments.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathCheckpoint {
    equity: f64,
    peak: f64,
    drawdown: f64,
    may_be_ruined: bool,
    is_oos: bool,
    /// Trades of the part that it is in.
    trades: u32,
    figures: Figures,
    /// The bar since which it is flat or, where there is a rate, in the position that it opens
    /// next.
    next: u32,
    /// Shares that a unit of equity opens, owed ones negative; NaN for a path that is flat.
    rate: f64,
}

impl PathCheckpoint {
    pub fn new(capital: f64, phase: PhaseBars) -> Self {
        Self {
            equity: capital,
            peak: capital,
            drawdown: 0.0,
            may_be_ruined: false,
            is_oos: false,
            trades: 0,
            figures: Figures::NONE,
            // Flat since the bar before the first trading bar [S1].
            next: phase.start,
            rate: f64::NAN,
        }
    }

    /// A path that is finished already.
    pub fn finished() -> Self {
        Self::new(1.0, PhaseBars { start: u32::MAX, split: u32::MAX, end: u32::MAX })
    }

    /// Whether it has to go on in a segment.
    #[inline(always)]
    pub fn is_in(&self, segment: Segment) -> bool {
        self.next < segment.end()
    }

    /// The position that it opens, by its first bar and its rate.
    #[inline(always)]
    pub fn opens(&self) -> Option<(u32, f64)> {
        (!self.rate.is_nan()).then_some((self.next, self.rate))
    }

    /// Its figures at its end, and whether a trade may have been a ruin.
    pub fn figures(&self) -> (Figures, bool) {
        (self.figures, self.may_be_ruined)
    }
}

/// The accounts of four paths that go on.
#[inline(always)]
fn restore<V: F64x4>(paths: &[PathCheckpoint]) -> Accounts<V> {
    let mut accounts = Accounts::<V>::new(0.0);
    let [mut equity, mut peak, mut drawdown] = [[0.0; F64_LANES]; 3];
    for (i, path) in paths.iter().enumerate() {
        (equity[i], peak[i], drawdown[i]) = (path.equity, path.peak, path.drawdown);
        (accounts.is_oos[i], accounts.trades[i]) = (path.is_oos, path.trades);
        accounts.may_be_ruined |= u32::from(path.may_be_ruined) << i;
    }
    (accounts.equity, accounts.peak) = (V::from_array(equity), V::from_array(peak));
    accounts.drawdown = V::from_array(drawdown);
    accounts
}

/// Keeps the accounts of four paths.
#[inline(always)]
fn keep<V: F64x4>(accounts: &Accounts<V>, paths: &mut [PathCheckpoint]) {
    let (equity, peak) = (accounts.equity.to_array(), accounts.peak.to_array());
    let drawdown = accounts.drawdown.to_array();
    for (i, path) in paths.iter_mut().enumerate() {
        (path.equity, path.peak, path.drawdown) = (equity[i], peak[i], drawdown[i]);
        (path.is_oos, path.trades) = (accounts.is_oos[i], accounts.trades[i]);
        path.may_be_ruined = accounts.may_be_ruined >> i & 1 == 1;
    }
}

/// No trade, which asks for no far mark either.
const NONE: ListedTrade<'_> =
    ListedTrade { rate: UNIT_RATE, excursion: &NO_TRADE, from: u32::MAX, to: 0 };

/// A lane batch in a segment. The tables of its paths are those of the segment.
struct SegmentBatch<'a, L, B, const SHORTS: bool> {
    batch: LaneBatch<'a, L, SHORTS, true>,
    segment: Segment,
    beyond: B,
    paths: &'a [Path<'a>; LANES],
}

impl<'a, L: EntryLookup, B: EntryBeyond, const SHORTS: bool> SegmentBatch<'a, L, B, SHORTS> {
    /// The trade in a place of a list, by true bars; none where it is not opened in the segment.
    #[inline(always)]
    fn trade(&self, lane: usize, lists: &TradeLists, place: u32) -> Option<ListedTrade<'a>> {
        let found = self.batch.trade(lane, lists, place);
        (found.from < self.segment.len).then(|| {
            // Ends beyond the segment stand in no list.
            let exit_row = self.batch.exit_row(lane, lists, place);
            let to = self.paths[lane].exits.times[exit_row as usize].bar();
            ListedTrade { from: found.from + self.segment.first, to, ..found }
        })
    }

    #[inline(always)]
    fn run<V: F64x4>(&self, lists: &mut TradeLists, checkpoints: &mut [PathCheckpoint; LANES]) {
        let Self { batch, segment, beyond, paths } = self;
        let sink = segment.sink();
        let (mut at, mut is_on) = ([sink; LANES], [false; LANES]);
        let (mut splits, mut ends) = ([0; LANES], [0; LANES]);
        let mut out = [(Figures::NONE, false); LANES];
        for (lane, checkpoint) in checkpoints.iter().enumerate() {
            out[lane].0 = checkpoint.figures;
            if checkpoint.is_in(*segment) {
                is_on[lane] = true;
                splits[lane] = segment.limit(paths[lane].phase.split);
                ends[lane] = segment.limit(paths[lane].phase.end);
                at[lane] = match checkpoint.opens() {
                    Some(_) => segment.len + lane as u32,
                    None => checkpoint.next - segment.first,
                };
            }
        }
        let mut at = batch.positions(at);
        let mut accounts = [Accounts::<V>::new(0.0); LANES / F64_LANES];
        for (accounts, some) in accounts.iter_mut().zip(checkpoints.chunks_exact(F64_LANES)) {
            *accounts = restore(some);
        }
        loop {
            let steps = batch.list_trades(&mut at, lists);
            let exits = &lists.exit_bars[1..=steps];
            let (inner, all) = (V::count_below(exits, &splits), V::count_below(exits, &ends));
            let steps = steps as u32;
            for (q, accounts) in accounts.iter_mut().enumerate() {
                let first = q * F64_LANES;
                let (mut inside, mut begins, mut counts) =
                    ([0; F64_LANES], [0; F64_LANES], [0; F64_LANES]);
                let (mut crossing, mut found) = (0, [NONE; F64_LANES]);
                for i in 0..F64_LANES {
                    let (lane, inner) = (first + i, inner[first + i]);
                    (inside[i], begins[i]) = (inner, inner);
                    // A path that is flat at the end of the segment crosses later.
                    if is_on[lane]
                        && !accounts.is_oos[i]
                        && inner < steps
                        && paths[lane].phase.split <= segment.end()
                        && let Some(trade) = self.trade(lane, lists, inner)
                    {
                        crossing |= 1 << i;
                        found[i] = trade;
                        begins[i] += 1;
                    }
                    counts[i] = all[lane].saturating_sub(begins[i]);
                }
                batch.enter(accounts, first, lists, [0; F64_LANES], inside);
                if crossing != 0 {
                    let out = &mut out[first..first + F64_LANES];
                    batch.cross_split(accounts, first, &found, crossing, out);
                }
                batch.enter(accounts, first, lists, begins, counts);
                let (mut leaving, mut held, mut found) = (0, 0, [NONE; F64_LANES]);
                for i in 0..F64_LANES {
                    let (lane, place) = (first + i, all[first + i]);
                    if !is_on[lane] || place >= steps {
                        continue;
                    }
                    let (phase, checkpoint) = (paths[lane].phase, &mut checkpoints[lane]);
                    found[i] = self.trade(lane, lists, place).unwrap_or_else(|| {
                        let (rate, from) = beyond.entry(lists.exit_bars[place as usize][lane]);
                        // Its end is known in its own segment only.
                        ListedTrade { rate, excursion: &NO_TRADE, from, to: u32::MAX }
                    });
                    let ListedTrade { rate, from, to, .. } = found[i];
                    (is_on[lane], splits[lane], ends[lane]) = (false, 0, 0);
                    batch.put_behind(&mut at, lane);
                    if from >= segment.end() && from < phase.end {
                        (checkpoint.next, checkpoint.rate) = (from, rate);
                        continue;
                    }
                    leaving |= 1 << i;
                    held |= u32::from(place >= begins[i]) << i;
                    checkpoint.rate = f64::NAN;
                    checkpoint.next = if to < phase.end { to } else { u32::MAX };
                }
                if leaving != 0 {
                    self.leave(accounts, first, &found, held & leaving, leaving, &mut out);
                }
            }
            if !is_on.contains(&true) {
                break;
            }
        }
        for (accounts, some) in accounts.iter().zip(checkpoints.chunks_exact_mut(F64_LANES)) {
            keep(accounts, some);
        }
        for (checkpoint, (figures, _)) in checkpoints.iter_mut().zip(out) {
            checkpoint.figures = figures;
        }
    }

    /// Takes paths out of a segment, with the trades that lead out of it or out of the phase; some
    /// of them are held, and not in the accounts yet.
    #[inline(always)]
    fn leave<V: F64x4>(
        &self,
        accounts: &mut Accounts<V>,
        first: usize,
        found: &[ListedTrade<'a>; F64_LANES],
        held: u32,
        leaving: u32,
        out: &mut [(Figures, bool); LANES],
    ) {
        let (lanes, per_unit) = self.batch.parts();
        let (mut crossing, mut done) = (0, 0);
        for (i, trade) in found.iter().enumerate().filter(|(i, _)| leaving >> i & 1 == 1) {
            let crosses = !accounts.is_oos[i] && trade.to >= lanes.splits[first + i];
            crossing |= u32::from(crosses) << i;
            done |= u32::from(trade.to >= lanes.ends[first + i]) << i;
        }
        if crossing != 0 {
            let out = &mut out[first..first + F64_LANES];
            self.batch.cross_split(accounts, first, found, crossing, out);
        }
        // A trade across both ends has been marked to the last one.
        let held = held & !crossing;
        let ending = held & !done;
        if ending != 0 {
            let mut closing = Closing::new();
            for (i, &ListedTrade { rate, excursion, .. }) in found.iter().enumerate() {
                closing.set(i, ending >> i & 1 == 1, rate, excursion);
                accounts.trades[i] += ending >> i & 1;
            }
            let before = accounts.equity;
            let rates = V::from_array(closing.rates);
            accounts.close::<SHORTS>(per_unit, rates, closing.excursions);
            accounts.note_ruins(before, ending);
        }
        if done != 0 {
            let out = &mut out[first..first + F64_LANES];
            self.batch.finish(accounts, first, found, (held & done, done), out);
        }
    }
}

/// Takes some paths through a segment: by a lookup, or `beyond` where they find no position in it.
/// The tables of the paths are those of the segment.
#[inline(always)]
pub(super) fn run_segment<V: F64x4, L: EntryLookup, B: EntryBeyond, const SHORTS: bool>(
    per_unit: &PerUnit,
    (lookup, rates): (L, &[f64]),
    (segment, beyond): (Segment, B),
    paths: &[Path<'_>; LANES],
    lists: &mut TradeLists,
    checkpoints: &mut [PathCheckpoint; LANES],
) {
    let mut lanes = Lanes::new(paths);
    for (limit, path) in lanes.limits.iter_mut().zip(paths) {
        *limit = segment.limit(path.phase.end);
    }
    // A check of each trade costs less than as much code again.
    let tables = (lookup, rates);
    let batch = LaneBatch::<L, SHORTS, true>::new(per_unit, tables, &lanes, segment.rows());
    let batch = SegmentBatch { batch, segment, beyond, paths };
    batch.run::<V>(lists, checkpoints);
}
