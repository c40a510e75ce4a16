//! From state to state, in order of their bars.

use super::path_accounts::PathAccounts;
use super::path_set::PathSet;
use super::plan::{PhaseGroup, PhaseSlot};
use super::sells::{Sell, SellTable};
use super::states::{BAR_BITS, FLAT, KINDS, LONG, SHORT, State, StateTable};
use crate::engine::excursion::{Excursion, Long, Short, Side};
use crate::engine::intrabar_time::is_nearer;
use crate::engine::per_unit::PerUnit;
use crate::figures::Columns;
use crate::strategies::atr_d::factored::order_tables::{EntryTable, ExitTable};
use crate::strategies::atr_d::factored::path::SharedWays;

/// The tables that lead the paths of a pass.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Tables<'a> {
    pub per_unit: &'a PerUnit,
    pub buy: &'a EntryTable,
    /// Excursions of shorts that the buy closes.
    pub buy_excursions: &'a [Excursion],
    pub sells: &'a SellTable,
    pub exits: &'a ExitTable,
    /// The multiplier of the short side.
    pub multiplier: usize,
    pub shared_ways: SharedWays,
}

/// How far a pass is in the phases of its group.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct PhaseProgress {
    /// The first boundary behind the current state.
    pub boundary: u32,
    /// The first bar in which that changes, or a phase begins.
    pub event: u32,
    /// The phase that begins next.
    pub next: usize,
}

/// A pass over the states of some paths: through all bars, or through a segment of them.
pub(in super::super) struct Advance<'a, const IN_SEGMENT: bool> {
    pub tables: Tables<'a>,
    pub group: &'a PhaseGroup,
    pub states: StateTable<'a, IN_SEGMENT>,
    pub accounts: PathAccounts<'a>,
    /// Rows of an exit table.
    pub rows: usize,
    pub progress: PhaseProgress,
    pub out: &'a mut dyn FnMut(FinishedPhase<'_>),
}

/// A phase that is finished.
pub(in super::super) struct FinishedPhase<'a> {
    pub phase: usize,
    /// By cell.
    pub figures: &'a Columns,
    /// Paths that a trade may have ruined.
    pub may_be_ruined: PathSet,
    first: usize,
    cells: usize,
}

impl FinishedPhase<'_> {
    /// Cells whose figures are not to be used.
    pub fn cells_to_settle(&self) -> impl Iterator<Item = usize> {
        let is_none = self.may_be_ruined.is_empty();
        let cells = 0..if is_none { 0 } else { self.cells };
        cells.filter(|cell| self.may_be_ruined.has(self.first + cell))
    }
}

impl<const IN_SEGMENT: bool> Advance<'_, IN_SEGMENT> {
    /// Takes all paths through the phases of a group that `represented` says are computed.
    #[inline(always)]
    pub fn run(mut self, represented: &[bool]) {
        let Some(first) = self.group.slots.first() else { return };
        // A phase begins flat since the bar before its first trading bar [S1].
        for slot in self.group.slots.iter().filter(|slot| represented[slot.phase]) {
            let paths = self.accounts.batch.slots[slot.slot];
            self.states.add_flat(paths, slot.bars.start);
        }
        self.advance(first.bars.start as usize);
        self.finish();
    }

    /// Finishes all phases.
    #[inline(always)]
    pub fn finish(&mut self) {
        for slot in 0..self.accounts.slots.len() {
            self.finish_phase(slot);
        }
    }

    /// Advances all states from a row on.
    #[inline(always)]
    pub fn advance(&mut self, row: usize) {
        for at in BAR_BITS * row / 64..self.states.occupied.len() {
            loop {
                let word = self.states.occupied[at];
                if word == 0 {
                    break;
                }
                self.states.occupied[at] = word & (word - 1);
                let bit = 64 * at + word.trailing_zeros() as usize;
                let (row, kind) = (bit / BAR_BITS, bit % BAR_BITS);
                let s = self.states.bar(row);
                if s as u32 >= self.progress.event {
                    self.begin_phases(s as u32);
                }
                let State { paths, rate } = self.states.states[KINDS * row + kind];
                match kind {
                    FLAT => self.advance_flat(paths, s),
                    LONG => self.advance_long(paths, s, rate),
                    _ => self.advance_short(paths, s, rate),
                }
            }
        }
    }

    /// Adds paths with a position since `s`.
    #[inline(always)]
    pub fn add_position(&mut self, paths: PathSet, kind: usize, s: u32, rate: f64) {
        if self.states.is_beyond(s) {
            self.states.defer(paths, kind, s, rate);
            return;
        }
        let row = self.states.row(s as usize);
        let table = if kind == LONG { 0 } else { 1 + self.tables.multiplier };
        self.tables.exits.prefetch(table * self.rows + row);
        self.states.add_position(paths, kind, row, rate, &mut self.accounts);
    }

    /// Begins the phases that start by bar `s`, and finds the next boundary.
    #[cold]
    #[inline(never)]
    fn begin_phases(&mut self, s: u32) {
        let slots = &self.group.slots;
        while let Some(&slot) = slots.get(self.progress.next).filter(|slot| slot.bars.start <= s) {
            self.progress.next += 1;
            self.finish_phase(slot.slot);
            self.accounts.begin_phase(slot);
        }
        let boundary = self.group.boundaries.iter().copied().find(|&boundary| boundary > s);
        self.progress.boundary = boundary.unwrap_or(u32::MAX);
        let start = |slot: &PhaseSlot| slot.bars.start;
        let start = slots.get(self.progress.next).map_or(u32::MAX, start);
        self.progress.event = self.progress.boundary.min(start);
    }

    /// Finishes the phase of a slot, whose paths have all come to its end.
    #[inline(always)]
    fn finish_phase(&mut self, slot: usize) {
        let Some((phase, first)) = self.accounts.end_phase(slot) else { return };
        let PathAccounts { figures, batch, may_be_ruined, .. } = &self.accounts;
        let (cells, may_be_ruined) = (batch.cells, *may_be_ruined);
        (self.out)(FinishedPhase { phase, figures, may_be_ruined, first, cells });
    }

    /// Advances paths that are flat since `s`.
    #[inline(always)]
    fn advance_flat(&mut self, mut paths: PathSet, s: usize) {
        let Tables { buy, sells, .. } = self.tables;
        let row = self.states.row(s);
        let buys = buy.order.times[row];
        for &(time, at) in sells.since(row, buys.end_of_bar()) {
            if time.bar() > buys.bar() {
                break;
            }
            let sell = &sells.list[at as usize];
            let mut some = paths.and(sell.paths);
            if some.is_empty() {
                continue;
            }
            if sell.time.bar() == buys.bar() {
                // Both are touched, and fill where the mode says so [S7].
                let both = some.and(self.accounts.batch.both_fill);
                if !both.is_empty() {
                    self.round_trip(both, s, sell);
                    paths = paths.without(both);
                    some = some.without(both);
                }
                // The first one cancels the other [S6]; a buy and a sell are never met on the same
                // way, and of equal ones the buy comes first [O5].
                if sell.time >= buys || some.is_empty() {
                    continue;
                }
            }
            paths = paths.without(some);
            // [S2]
            self.open_position(some, s, SHORT, sell.time.bar(), sell.rate);
        }
        if !paths.is_empty() {
            self.open_position(paths, s, LONG, buys.bar(), buy.rates[row]);
        }
    }

    /// Opens positions in bar `at` that are ordered since `s`.
    #[inline(always)]
    fn open_position(&mut self, mut paths: PathSet, s: usize, kind: usize, at: u32, rate: f64) {
        if at >= self.progress.boundary {
            paths = self.accounts.cross_boundaries_flat(paths, s as u32, at);
            if paths.is_empty() {
                return;
            }
        }
        self.add_position(paths, kind, at, rate);
    }

    /// Opens and closes positions in one bar, where the buy and a sell since `s` both fill.
    #[inline(always)]
    fn round_trip(&mut self, mut paths: PathSet, s: usize, sell: &Sell) {
        let Tables { per_unit, buy, .. } = self.tables;
        let at = sell.time.bar();
        if at >= self.progress.boundary {
            paths = self.accounts.cross_boundaries_flat(paths, s as u32, at);
            if paths.is_empty() {
                return;
            }
        }
        let row = self.states.row(s);
        // The first one opens, the second one closes at its own fill [S7].
        if sell.time < buy.order.times[row] {
            let excursion = Excursion::same_bar(buy.order.fills[row] * per_unit.cost);
            self.accounts.close::<Short>(paths, at, sell.rate, &excursion, true);
        } else {
            let excursion = Excursion::same_bar(sell.fill * per_unit.gain);
            self.accounts.close::<Long>(paths, at, buy.rates[row], &excursion, true);
        }
        self.states.add_flat(paths, at);
    }

    /// Advances paths that are long since `s`.
    #[inline(always)]
    fn advance_long(&mut self, mut paths: PathSet, s: usize, rate: f64) {
        let Tables { per_unit, sells, exits, shared_ways, .. } = self.tables;
        let row = self.states.row(s);
        let stops = exits.times[row];
        let reverses = self.accounts.batch.sell_reverses;
        if !paths.and(reverses).is_empty() {
            for &(time, at) in sells.since(row, stops) {
                if time > stops {
                    break;
                }
                let sell = &sells.list[at as usize];
                // The stop comes before a sell that is equal to it [O4], the nearer one first [O3].
                if sell.time == stops
                    && (stops.is_at_open()
                        || !is_nearer(sell.fill, exits.fills[row], shared_ways.long))
                {
                    continue;
                }
                // A sell reverses a long [S4].
                let some = paths.and(sell.paths).and(reverses);
                if !some.is_empty() {
                    paths = paths.without(some);
                    let to = sell.time.bar();
                    let closes = per_unit.summaries().between(s, to as usize);
                    let excursion = Long::excursion(closes, sell.fill * per_unit.gain);
                    self.reverse::<Long>(some, (s as u32, to), rate, &excursion, sell.rate);
                }
            }
        }
        self.close_at_stop::<Long>(paths, s as u32, rate, 0);
    }

    /// Advances paths that are short since `s`.
    #[inline(always)]
    fn advance_short(&mut self, mut paths: PathSet, s: usize, rate: f64) {
        let Tables { buy, buy_excursions, exits, shared_ways, multiplier, .. } = self.tables;
        let (own, table) = (self.states.row(s), (1 + multiplier) * self.rows);
        let row = table + own;
        let (stops, buys) = (exits.times[row], buy.order.times[own]);
        if buys <= stops {
            // A buy reverses a short [S5]; the stop comes before one that is equal to it [O4], the
            // nearer one first [O3].
            let some = paths.and(self.accounts.batch.buy_reverses);
            let reverses = buys < stops
                || (!buys.is_at_open()
                    && is_nearer(buy.order.fills[own], exits.fills[row], shared_ways.short));
            if reverses && !some.is_empty() {
                paths = paths.without(some);
                let bars = (s as u32, buys.bar());
                self.reverse::<Short>(some, bars, rate, &buy_excursions[own], buy.rates[own]);
            }
        }
        self.close_at_stop::<Short>(paths, s as u32, rate, table);
    }

    /// Closes positions since `s` at their stop, in the table that begins in row `table`.
    #[inline(always)]
    fn close_at_stop<S: Side>(&mut self, mut paths: PathSet, s: u32, rate: f64, table: usize) {
        if paths.is_empty() {
            return;
        }
        let Tables { exits, .. } = self.tables;
        let row = table + self.states.row(s as usize);
        let (to, excursion) = (exits.times[row].bar(), &exits.excursions[row]);
        if to >= self.progress.boundary {
            let bars = (s, to);
            paths = self.accounts.close_across_boundaries::<S>(paths, bars, rate, excursion);
            if paths.is_empty() {
                return;
            }
        } else {
            self.accounts.close::<S>(paths, s, rate, excursion, exits.may_ruin);
        }
        // [S3]
        self.states.add_flat(paths, to);
    }

    /// Reverses positions of bars `s` to `to` into ones of the other side, of rate `next`. The fill
    /// is marked as every exit is, as decided in [`Side::excursion`].
    #[inline(always)]
    fn reverse<S: Side>(
        &mut self,
        mut paths: PathSet,
        (s, to): (u32, u32),
        rate: f64,
        excursion: &Excursion,
        next: f64,
    ) {
        if to >= self.progress.boundary {
            let bars = (s, to);
            paths = self.accounts.close_across_boundaries::<S>(paths, bars, rate, excursion);
            if paths.is_empty() {
                return;
            }
        } else {
            self.accounts.close::<S>(paths, s, rate, excursion, true);
        }
        self.add_position(paths, if S::SHORT { LONG } else { SHORT }, to, next);
    }
}
