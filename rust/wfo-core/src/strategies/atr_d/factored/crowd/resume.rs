//! Crowds that go on window by window.
//!
//! A crowd visits places in order of their bars, so it can stop at any bar: whoever has been sent
//! further waits for the window of that bar. Orders have rows for the bars of a window alone, which
//! hold true moments, wherever they are; for what comes of a trade is known when it is opened.
//!
//! A sell is of use only until the buy or the long stop that it may come before, so it is watched so
//! far, and no further. What has been reached on the way by starts of later windows is kept for them.
//!
//! Why windows do not show in any bit: who comes to a place are the same walks, and none of their
//! books is touched while they wait there, so it does not matter when they are put together.

use std::ops::Range;

use super::{
    BAR_BITS, Batch, Crowd, Crowds, Done, FLAT, GROUP, Group, Maps, March, Place, Plan, Seat, Sell,
    Sells, WALKS, Waiting, oldest_waiting,
};
use crate::error::Result;
use crate::figures::{Cells, Columns};
use crate::strategies::atr_d::factored::layout::Item;
use crate::strategies::atr_d::factored::lockstep::Window;
use crate::strategies::atr_d::factored::maps::{self, Moment, Progress, Watch, bar, opening_of};
use crate::strategies::atr_d::factored::rows::Row;
use crate::strategies::atr_d::factored::terms::{Exit, Long, NOTHING, Order, Short};
use crate::strategies::atr_d::factored::windows::{Halfway, begin_runs, set_exits};
use crate::strategies::atr_d::factored::{Scratch, Sweep};

/// What a worker keeps of crowds from window to window.
#[derive(Debug, Default)]
pub(in crate::strategies::atr_d::factored) struct Held {
    /// By entry.
    buys: Vec<Progress>,
    runs: Vec<maps::Run>,
    /// By entry and multiplier.
    sells: Vec<SellsOn>,
    /// By entry, multiplier, price, row and run of the plan.
    marches: Vec<Halt>,
    /// The books of each march.
    groups: Vec<Group>,
    waiting: Vec<Waiting>,
}

/// A crowd between two windows.
#[derive(Debug)]
struct Halt {
    waiting: Vec<Waiting>,
    cut: u32,
    event: u32,
    next: usize,
    seats: Vec<Option<Seat>>,
    unsure: Crowd,
}

/// How far a sell has been watched.
#[derive(Debug, Clone)]
struct SellsOn {
    /// The next bar.
    bar: usize,
    stack: Vec<u32>,
    /// By gate, the oldest start that still waits.
    waiting: Vec<u32>,
    /// What starts have reached whose windows are not over.
    reached: Vec<Reached>,
}

/// A sell of some starts, as some gates allow it.
#[derive(Debug, Clone, Copy)]
struct Reached {
    moment: Moment,
    fill: f64,
    from: u32,
    to: u32,
    gates: u64,
}

/// Notes what is reached.
struct Noting<'a> {
    /// By bar, the gates that let it pass.
    open: &'a [u64],
    waiting: &'a mut [u32],
    reached: &'a mut Vec<Reached>,
}

impl Watch for Noting<'_> {
    #[inline(always)]
    fn oldest(&self, t: usize) -> Option<usize> {
        oldest_waiting(self.open[t], self.waiting, t)
    }

    #[inline(always)]
    fn reached(&mut self, t: usize, starts: Range<usize>, moment: Moment, fill: f64) {
        let (open, end) = (self.open[t], starts.end as u32);
        let mut from = starts.start as u32;
        while from < end {
            // Up to where the same gates wait.
            let (mut gates, mut to, mut left) = (0, end, open);
            while left != 0 {
                let gate = left.trailing_zeros() as usize;
                left &= left - 1;
                if self.waiting[gate] <= from {
                    gates |= 1 << gate;
                } else {
                    to = to.min(self.waiting[gate]);
                }
            }
            self.reached.push(Reached { moment, fill, from, to, gates });
            from = to;
        }
        let mut left = open;
        while left != 0 {
            let waiting = &mut self.waiting[left.trailing_zeros() as usize];
            *waiting = end.max(*waiting);
            left &= left - 1;
        }
    }
}

impl Sells {
    /// Lists the sells of the starts in a window, of all that has been reached so far.
    #[inline(always)]
    fn set_window(&mut self, window: Window, sweep: &Sweep, batch: &Batch, on: &mut SellsOn) {
        let bars = window.len as usize;
        self.firsts.clear();
        self.firsts.resize(bars, Moment::MAX);
        self.counts.clear();
        self.counts.resize(bars, 0);
        self.rows.resize(bars * batch.gates, (0, 0));
        self.list.clear();
        for &Reached { moment, fill, from, to, gates } in &on.reached {
            let from = from.clamp(window.first, window.end()) - window.first;
            let to = to.clamp(window.first, window.end()) - window.first;
            if from == to {
                continue;
            }
            let (mut crowd, mut left) = (Crowd::default(), gates);
            while left != 0 {
                crowd = crowd.or(batch.by_gate[left.trailing_zeros() as usize]);
                left &= left - 1;
            }
            let at = self.list.len() as u32;
            let rate = sweep.market.terms.rate::<Short>(fill);
            self.list.push(Sell { moment, fill, rate, crowd });
            for s in from as usize..to as usize {
                let count = usize::from(self.counts[s]);
                if count == 0 {
                    self.firsts[s] = moment;
                }
                self.rows[s * batch.gates + count] = (moment, at);
                self.counts[s] += 1;
            }
        }
        on.reached.retain(|reached| reached.to > window.end());
    }
}

/// Writes the rows of a buy in a window.
#[inline(always)]
fn set_buy(
    order: &mut Order,
    exits: &mut Vec<Exit>,
    window: Window,
    runs: &[maps::Run],
    sweep: &Sweep,
) {
    let (terms, rows) = (&sweep.market.terms, window.rows());
    order.map.moments.resize(rows, 0);
    order.map.fills.resize(rows, 0.0);
    order.rates.resize(rows, 0.0);
    exits.resize(rows, NOTHING);
    let mut start = 0;
    for run in runs {
        let end = (run.end.clamp(window.first, window.end()) - window.first) as usize;
        order.map.moments[start..end].fill(run.moment);
        order.map.fills[start..end].fill(run.fill);
        order.rates[start..end].fill(terms.rate::<Long>(run.fill));
        start = end;
    }
    order.map.moments[start..].fill(opening_of(terms.closes().len() as u32));
    set_exits::<Short>(exits, window, runs, terms);
}

/// Groups that the walks of a batch take.
fn groups_of(batch: &Batch) -> usize {
    (batch.slots.len() * batch.cells).div_ceil(GROUP)
}

/// Bytes of all that is kept of a row's crowds of one order between two windows.
pub(in crate::strategies::atr_d::factored) fn march_bytes(plan: &Plan) -> usize {
    let groups = plan.batches.iter().map(groups_of).max().unwrap_or(0);
    let seats = plan.batches.iter().map(|batch| batch.slots.len()).max().unwrap_or(0);
    let halt = size_of::<Halt>() + seats * size_of::<Option<Seat>>();
    // Few walks wait at places of their own.
    let waiting = groups * GROUP / 4 * size_of::<Waiting>();
    plan.runs.len().max(1) * (groups * size_of::<Group>() + halt + waiting)
}

impl Sweep {
    /// Bytes of what is kept of all crowds of a tile, and of the gates, with so many rows in a window.
    pub(in crate::strategies::atr_d::factored) fn held_bytes(
        &self,
        plan: &Plan,
        rows: usize,
    ) -> usize {
        let (tile, layout) = ((2 * self.tile_entries()).min(self.layout.entries), &self.layout);
        let orders = tile * layout.multipliers;
        let marches = orders * layout.prices * self.block_rows;
        // The gates, and the distances that tell when they are open.
        let gates = self.market.len() * (size_of::<u64>() + size_of::<f64>());
        marches * march_bytes(plan) + orders * rows * size_of::<Reached>() + gates
    }

    /// Walks all combinations of some rows and entries, window by window.
    #[inline(always)]
    pub(in crate::strategies::atr_d::factored) fn crowd_windows(
        &self,
        plan: &Plan,
        bars: usize,
        rows: &mut [Row<Cells<'_>>],
        entries: &Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let n = self.market.len();
        for batch in &plan.batches {
            self.begin_stops(rows, scratch);
            let wanted = self.begin_crowds(plan, batch, rows, entries, scratch);
            for first in (0..n).step_by(bars) {
                let window = Window { first: first as u32, len: bars.min(n - first) as u32 };
                self.set_stops(window, rows, scratch)?;
                self.crowds_on(window, (plan, batch), rows, (entries, &wanted), scratch)?;
            }
        }
        Ok(())
    }

    /// Puts the crowds of a batch at the beginning of their phases; which items have any, by entry,
    /// multiplier and price.
    fn begin_crowds(
        &self,
        plan: &Plan,
        batch: &Batch,
        rows: &[Row<Cells<'_>>],
        entries: &Range<usize>,
        scratch: &mut Scratch,
    ) -> Vec<bool> {
        let (layout, market) = (&self.layout, &self.market);
        let Scratch { crowds: Crowds { sells, .. }, halfway, distance, .. } = scratch;
        let Held { buys, sells: sells_on, marches, groups, .. } = &mut halfway.held;
        sells.set_gates(self, batch, distance);
        buys.clear();
        buys.resize(entries.len(), market.entry_view(true).begin());
        let waiting = vec![0; batch.gates];
        let begin = SellsOn { bar: 1, stack: Vec::new(), waiting, reached: Vec::new() };
        sells_on.clear();
        sells_on.resize(entries.len() * layout.multipliers, begin);
        let items = entries.len() * layout.multipliers * layout.prices;
        marches.clear();
        for _ in 0..items * rows.len() {
            marches.extend(plan.runs.iter().map(|run| {
                let send = |seat: &Seat| Waiting {
                    since: seat.span.start,
                    kind: FLAT,
                    place: Place { crowd: batch.slots[seat.slot], rate: 0.0 },
                };
                Halt {
                    waiting: run.seats.iter().map(send).collect(),
                    cut: 0,
                    event: 0,
                    next: 0,
                    seats: vec![None; batch.slots.len()],
                    unsure: Crowd::default(),
                }
            }));
        }
        groups.clear();
        groups.resize(marches.len() * groups_of(batch), Group::default());
        let is_wanted = |at: usize| {
            let (price, order) = (at % layout.prices, at / layout.prices);
            let multiplier = order % layout.multipliers;
            let entry = entries.start + order / layout.multipliers;
            let item = |gate| Item { entry, price, multiplier, gate };
            batch.gates().any(|gate| self.is_wanted(rows, item(gate)))
        };
        (0..items).map(is_wanted).collect()
    }

    /// Takes all crowds of a batch through a window.
    #[inline(always)]
    fn crowds_on(
        &self,
        window: Window,
        (plan, batch): (&Plan, &Batch),
        rows: &mut [Row<Cells<'_>>],
        (entries, wanted): (&Range<usize>, &[bool]),
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (layout, market, series) = (&self.layout, &self.market, &self.task.shared.series);
        let (terms, ways) = (&market.terms, market.ways());
        let Scratch { crowds, holds, halfway: Halfway { chunk, held, .. }, .. } = scratch;
        let Crowds { buy, buy_exits, sells, walks, .. } = crowds;
        let Held { buys, runs, sells: sells_on, marches, groups, waiting } = held;
        walks.resize(window.len as usize);
        let (prices, until) = (layout.prices, window.end() as usize);
        let (size, each) = (groups_of(batch), rows.len() * plan.runs.len());
        // No sell is asked for behind the last stop and the last buy of the window.
        let last = window.len as usize - 1;
        let stops = holds[..rows.len() * prices].iter().map(|holds| bar(holds.moments[last]));
        let stops = stops.fold(0, u32::max);
        for (entry, buys) in entries.clone().zip(buys) {
            begin_runs(runs, buys);
            market.entry_on(series, &layout.buys[entry], true, until, (buys, &mut *chunk), runs);
            set_buy(buy, buy_exits, window, runs, self);
            let horizon = stops.max(bar(buy.map.moments[last])) as usize;
            for multiplier in 0..layout.multipliers {
                let order = (entry - entries.start) * layout.multipliers + multiplier;
                let on = &mut sells_on[order];
                let sell = &layout.sells[entry * layout.multipliers + multiplier];
                let next = (horizon + 1).min(market.len()).max(on.bar);
                let mut noting = Noting {
                    open: &sells.open,
                    waiting: &mut on.waiting,
                    reached: &mut on.reached,
                };
                let with = (&mut *chunk, &mut on.stack);
                market.watch_sell_on(series, sell, on.bar..next, with, &mut noting);
                on.bar = next;
                sells.set_window(window, self, batch, on);
                for price in (0..prices).filter(|price| wanted[order * prices + price]) {
                    let item = Item { entry, price, multiplier, gate: batch.first };
                    let first = (order * prices + price) * each;
                    let halts = marches[first..first + each].chunks_mut(plan.runs.len());
                    for (i, (row, halts)) in rows.iter_mut().zip(halts).enumerate() {
                        let holds = &holds[i * prices + price];
                        let (buy, buy_exits, sells) = (&*buy, &buy_exits[..], &*sells);
                        let maps = Maps { terms, buy, buy_exits, sells, holds, multiplier, ways };
                        for (r, (run, halt)) in plan.runs.iter().zip(halts).enumerate() {
                            // Nobody has come so far, or all are done.
                            let is_last = until == market.len();
                            if !is_last && halt.waiting.iter().all(|one| one.since >= window.end())
                            {
                                continue;
                            }
                            let at = (first + i * plan.runs.len() + r) * size;
                            let mut unsure = Ok(());
                            let mut out = |done: Done<'_>| {
                                self.write_cells(row, item, batch, &done);
                                if !done.unsure.is_empty() && unsure.is_ok() {
                                    unsure = self.settle_unsure(row, item, batch, &done);
                                }
                            };
                            waiting.clear();
                            let march = March::<true> {
                                maps,
                                batch,
                                run,
                                groups: &mut groups[at..at + size],
                                places: &mut walks.places,
                                taken: &mut walks.taken,
                                figures: walks
                                    .figures
                                    .get_or_insert_with(|| Columns::unwritten(WALKS)),
                                first: window.first,
                                end: window.end(),
                                rows: window.rows(),
                                waiting,
                                cut: halt.cut,
                                event: halt.event,
                                next: halt.next,
                                seats: std::mem::take(&mut halt.seats),
                                unsure: halt.unsure,
                                out: &mut out,
                            };
                            march.go_through(halt, is_last);
                            unsure?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Walks what a trade may have ruined by the plain books.
    #[cold]
    #[inline(never)]
    fn settle_unsure(
        &self,
        row: &mut Row<Cells<'_>>,
        item: Item,
        batch: &Batch,
        done: &Done<'_>,
    ) -> Result<()> {
        for cell in done.unsure() {
            let (mode, gate, both) = batch.cell(cell, &self.layout);
            let of = Item { gate: item.gate + gate, ..item };
            let at = self.layout.position(of, mode, both);
            if let Some(cell) = row.computed.cell(at) {
                let figures = self.settle_whole(row.row, of, (mode, both), done.phase)?;
                row.computed.phases[done.phase].set(cell, figures);
            }
        }
        Ok(())
    }
}

impl March<'_, true> {
    /// Goes through a window, and halts at its end, or rises at that of the history.
    #[inline(always)]
    fn go_through(mut self, halt: &mut Halt, is_last: bool) {
        let mut first = u32::MAX;
        for &Waiting { since, kind, place: Place { crowd, rate } } in &halt.waiting {
            first = first.min(since);
            match kind {
                FLAT => self.send(crowd, since),
                kind => self.take(crowd, kind, since, rate),
            }
        }
        if first < self.end {
            self.go_on(BAR_BITS * (first - self.first) as usize / 64);
        }
        if is_last {
            for slot in 0..self.seats.len() {
                self.rise(slot);
            }
        }
        halt.waiting.clear();
        halt.waiting.extend_from_slice(self.waiting);
        (halt.cut, halt.event, halt.next) = (self.cut, self.event, self.next);
        (halt.seats, halt.unsure) = (self.seats, self.unsure);
    }
}
