//! The accounts of all paths of a pass, phase by phase: trades, boundaries, possible ruins.

use super::accounts::{ACCOUNT_LANES, AccountLanes};
use super::path_set::{PATHS, PathSet};
use super::plan::{FilterBatch, PhaseSlot};
use crate::engine::excursion::{Excursion, Long, Side};
use crate::engine::per_unit::PerUnit;
use crate::engine::ruin::{FADED, NEARLY_RUINED, RISKY_FALL, RISKY_RISE};
use crate::figures::Columns;
use crate::strategies::atr_d::factored::path::PhaseBars;

/// The accounts of all paths of a pass.
pub(in super::super) struct PathAccounts<'a> {
    pub per_unit: &'a PerUnit,
    pub batch: &'a FilterBatch,
    pub lanes: &'a mut [AccountLanes],
    pub figures: &'a mut Columns,
    /// The phases that are under way, by slot.
    pub slots: Vec<Option<PhaseSlot>>,
    /// Paths that a trade may have ruined: decided in [`settle`](super::super::settle).
    pub may_be_ruined: PathSet,
}

impl PathAccounts<'_> {
    /// Opens positions of `rate` shares a unit.
    #[inline(always)]
    pub fn open(&mut self, paths: PathSet, rate: f64) {
        for (lanes, members) in paths.by_lanes() {
            self.lanes[lanes].open(members, rate);
        }
    }

    /// Begins a phase, each of its accounts with the capital.
    pub fn begin_phase(&mut self, slot: PhaseSlot) {
        let capital = self.per_unit.capital;
        self.slots[slot.slot] = Some(slot);
        self.may_be_ruined = self.may_be_ruined.without(self.batch.slots[slot.slot]);
        let first = slot.slot * self.batch.cells;
        for path in first..first + self.batch.cells {
            let (lanes, i) = (&mut self.lanes[path / ACCOUNT_LANES], path % ACCOUNT_LANES);
            (lanes.equity[i], lanes.peak[i]) = (capital, capital);
            (lanes.drawdown[i], lanes.trades[i]) = (0.0, 0);
        }
    }

    /// Ends the phase of a slot, where there is one, and writes its figures; the phase, and its
    /// first path.
    #[inline(always)]
    pub fn end_phase(&mut self, slot: usize) -> Option<(usize, usize)> {
        let PhaseSlot { phase, .. } = self.slots[slot].take()?;
        let (first, cells) = (slot * self.batch.cells, self.batch.cells);
        let capital = self.per_unit.capital;
        for (cell, path) in (first..first + cells).enumerate() {
            let (lanes, i) = (&self.lanes[path / ACCOUNT_LANES], path % ACCOUNT_LANES);
            self.figures.is_pnl[cell] = lanes.is_pnl[i];
            // [F1]
            self.figures.oos_pnl[cell] = lanes.equity[i] - capital - lanes.is_pnl[i];
            self.figures.is_dd[cell] = lanes.is_dd[i];
            self.figures.oos_dd[cell] = lanes.drawdown[i];
            self.figures.is_trades[cell] = lanes.is_trades[i] as u32;
            self.figures.oos_trades[cell] = lanes.trades[i] as u32;
        }
        Some((phase, first))
    }

    #[inline(always)]
    fn short_cash<S: Side>(&self) -> f64 {
        if S::SHORT { 2.0 - self.per_unit.fee } else { 0.0 }
    }

    /// Closes positions that were opened in bar `s`: their marks and exit enter the accounts.
    #[inline(always)]
    pub fn close<S: Side>(
        &mut self,
        paths: PathSet,
        s: u32,
        rate: f64,
        excursion: &Excursion,
        checks_ruin: bool,
    ) {
        let PerUnit { lows, highs, cost, gain, .. } = self.per_unit;
        // It was opened between the bar's low and its high.
        if checks_ruin
            && if S::SHORT {
                excursion.net >= RISKY_RISE * lows[s as usize] * gain
            } else {
                excursion.net <= RISKY_FALL * highs[s as usize] * cost
            }
        {
            self.note_ruins::<S>(paths, rate, excursion);
        }
        let short_cash = self.short_cash::<S>();
        if rate.is_nan() {
            for (lanes, members) in paths.by_lanes() {
                self.lanes[lanes].close::<S, true, true>(members, rate, excursion, short_cash);
            }
        } else {
            for (lanes, members) in paths.by_lanes() {
                self.lanes[lanes].close::<S, false, true>(members, rate, excursion, short_cash);
            }
        }
    }

    /// Notes paths that an exit may ruin: decided in [`settle`](super::super::settle).
    #[cold]
    #[inline(never)]
    fn note_ruins<S: Side>(&mut self, paths: PathSet, rate: f64, excursion: &Excursion) {
        let short_cash = self.short_cash::<S>();
        for path in (0..PATHS).filter(|&path| paths.has(path)) {
            let (lanes, i) = (&self.lanes[path / ACCOUNT_LANES], path % ACCOUNT_LANES);
            let (equity, ..) = lanes.after::<S>(i, rate, excursion, short_cash);
            if equity <= NEARLY_RUINED * lanes.equity[i] {
                self.may_be_ruined = self.may_be_ruined.or(PathSet::of([path]));
            }
        }
    }

    /// Notes paths whose equity costs have consumed, at the end of a part.
    #[inline(always)]
    fn note_faded(&mut self, paths: PathSet) {
        let faded = FADED * self.per_unit.capital;
        for (lanes, members) in paths.by_lanes() {
            for (i, equity) in self.lanes[lanes].equity.iter().enumerate() {
                if *equity <= faded && members >> i & 1 == 1 {
                    let path = PathSet::of([lanes * ACCOUNT_LANES + i]);
                    self.may_be_ruined = self.may_be_ruined.or(path);
                }
            }
        }
    }

    /// Takes paths that are flat since `s` over the boundaries up to bar `at`; those that go on.
    #[cold]
    #[inline(never)]
    pub fn cross_boundaries_flat(&mut self, paths: PathSet, s: u32, at: u32) -> PathSet {
        let capital = self.per_unit.capital;
        let mut on = paths;
        for slot in 0..self.slots.len() {
            let some = paths.and(self.batch.slots[slot]);
            let Some(PhaseSlot { bars: PhaseBars { split, end, .. }, .. }) = self.slots[slot]
            else {
                continue;
            };
            if some.is_empty() {
                continue;
            }
            if s < split && at >= split {
                self.note_faded(some);
                for (lanes, members) in some.by_lanes() {
                    self.lanes[lanes].end_in_sample::<Long>(members, None, capital);
                }
            }
            if at >= end {
                self.note_faded(some);
                on = on.without(some);
            }
        }
        on
    }

    /// Closes positions of bars `s` to `to` that span boundaries; those that go on.
    #[cold]
    #[inline(never)]
    pub fn close_across_boundaries<S: Side>(
        &mut self,
        paths: PathSet,
        (s, to): (u32, u32),
        rate: f64,
        excursion: &Excursion,
    ) -> PathSet {
        let per_unit = self.per_unit;
        let (capital, short_cash) = (per_unit.capital, self.short_cash::<S>());
        let mut on = paths;
        for slot in 0..self.slots.len() {
            let some = paths.and(self.batch.slots[slot]);
            let Some(PhaseSlot { bars: PhaseBars { split, end, .. }, .. }) = self.slots[slot]
            else {
                continue;
            };
            if some.is_empty() {
                continue;
            }
            let crosses = s < split && to >= split;
            if crosses {
                self.note_faded(some);
                // An open position is marked at the last in-sample close, as if it ended there
                // [F4].
                let marked = per_unit.excursion_at_close::<S>(s, split);
                for (lanes, members) in some.by_lanes() {
                    let position = Some((rate, &marked, short_cash));
                    self.lanes[lanes].end_in_sample::<S>(members, position, capital);
                }
            }
            if to >= end {
                self.note_faded(some);
                // Open at the end: the last mark, without an exit that is counted as a trade [M12].
                let rest = per_unit.excursion_at_close::<S>(if crosses { split } else { s }, end);
                // `close` takes the shares that stand in the accounts. Positions of several rates,
                // a NaN, have theirs there since they coalesced; those of one rate get them here.
                if !rate.is_nan() {
                    self.open(some, rate);
                }
                for (lanes, members) in some.by_lanes() {
                    self.lanes[lanes].close::<S, true, false>(members, rate, &rest, short_cash);
                }
                on = on.without(some);
            } else if crosses {
                // A trade that ends in the first out-of-sample bar has nothing left to mark but
                // its exit, which follows the last mark.
                let summaries = per_unit.summaries();
                let closes = summaries.between(split.min(to - 1) as usize, to as usize);
                let rest = S::excursion(closes, excursion.net);
                self.close::<S>(some, s, rate, &rest, true);
            } else {
                self.close::<S>(some, s, rate, excursion, true);
            }
        }
        on
    }
}
