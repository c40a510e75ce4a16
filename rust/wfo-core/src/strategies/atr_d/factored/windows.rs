//! Windows: long histories, a piece of time at a time.
//!
//! The tables of a row or an entry take some dozens of bytes a bar. On long histories those that walks
//! read together leave every cache, and each step of a walk waits for memory. So there all walks of a
//! block go through one window of bars before any goes through the next: only the window's bars have
//! tables, which stay in the caches, and only a walk's state is kept between two windows
//! ([`Ongoing`]). Maps are built in one pass over all bars, as ever, which stops where the last start
//! of the window is filled, and goes on from there in the next one ([`Progress`]). So no more is
//! computed than without windows, and what a worker holds does not grow with the history.
//!
//! Why windows do not show in any bit: see [`resume`](super::lockstep).

use std::collections::HashMap;
use std::ops::Range;

use super::crowd::Held;
use super::doors::{Behind, Gated, Open, Pass, Straight};
use super::layout::Item;
use super::lockstep::{self, LANES, Ongoing, Walk, Window};
use super::maps::{Map, Progress, Run, bar, opening_of};
use super::market::{Chunk, Shut, Tightening};
use super::quad::Quad;
use super::rows::{Row, hash_of_runs};
use super::terms::{Exit, Holds, Long, NOTHING, Short, Side, Terms, UNIT};
use super::{Job, STOP_BYTES, Scratch, Sweep, Tile, walk};
use crate::error::Result;
use crate::execution::touches::Way;
use crate::figures::{Cells, Figures};

/// Bars of the longest history that has tables in full.
pub(super) const LONGEST: usize = 8192;
/// What the stops of a block may take in a window. Walks read the bars of their exits first, a
/// twelfth of it, which fits a second cache; of the exits themselves they know the rows early.
const BLOCK_BYTES: usize = 3 << 20;
/// What crowds may take that wait for the next window.
pub(super) const HELD_BYTES: usize = 4 << 20;
/// Most rows of a block: each entry's window is built once for all of them.
const MOST_ROWS: usize = 32;
/// Fewest and most bars of a window: walks change windows at the cost of some trades.
const BARS: Range<usize> = 1024..4096;

/// Bars of a window and rows of a block, where each row has so many tables.
pub(super) fn sizes(tables: usize) -> (usize, usize) {
    let each = tables * STOP_BYTES;
    let rows = (BLOCK_BYTES / (BARS.start * each)).clamp(LANES, MOST_ROWS);
    ((BLOCK_BYTES / (rows * each)).clamp(BARS.start, BARS.end), rows)
}

/// What a worker keeps from window to window.
#[derive(Debug, Default)]
pub(super) struct Halfway {
    pub chunk: Chunk,
    /// By row, price and table.
    stops: Vec<Progress>,
    /// By entry and multiplier, of the buy and the sell.
    entries: Vec<[Progress; 2]>,
    /// By entry, multiplier, price, gate, phase and row.
    ongoing: Vec<Ongoing>,
    runs: Vec<Run>,
    pub held: Held,
    doors: WindowDoors,
    /// By gate and price.
    passes: Vec<Vec<Pass>>,
}

/// The runs of a row's stops in a window.
#[derive(Debug, Default)]
struct Runs {
    /// Where the next window begins.
    first: usize,
    /// By price and table.
    stops: Vec<Progress>,
    runs: Vec<Run>,
}

/// What one item's walks go through in a window.
#[derive(Clone, Copy)]
struct Here {
    window: Window,
    item: Item,
    /// The place of its first walk among the states.
    first: usize,
}

/// The entries of a window: [`Doors`](super::doors::Doors), with rows of its own for every lane.
#[derive(Debug, Default)]
struct WindowDoors {
    touches: Vec<u32>,
    rates: Vec<f64>,
    /// Of the buy and the sell, by true bars.
    runs: [Vec<Run>; 2],
}

impl WindowDoors {
    /// Begins a window, with the rates at its opens behind those of its touches.
    fn begin(&mut self, window: Window, sides: usize, at_opens: &[f64]) {
        let rows = sides * window.rows();
        self.touches.resize(rows, 0);
        self.rates.clear();
        self.rates.resize(rows, UNIT);
        if !at_opens.is_empty() {
            let bars = sides * window.first as usize..sides * window.end() as usize;
            self.rates.extend_from_slice(&at_opens[bars]);
            self.rates.resize(2 * rows, UNIT);
        }
    }

    /// Takes over the touches of the buy or the sell.
    #[inline(always)]
    fn set<S: Side, const GATED: bool, const SHORTS: bool>(
        &mut self,
        terms: &Terms,
        window: Window,
    ) {
        let (sides, side) = (if SHORTS { 2 } else { 1 }, usize::from(S::SHORT));
        let mut start = 0;
        for run in &self.runs[side] {
            let end = run.end.clamp(window.first, window.end()) - window.first;
            let row = window.row(bar(run.moment));
            let touch = if GATED { opening_of(row) + run.moment % 4 } else { row };
            let rate = terms.rate::<S>(run.fill);
            let rows = sides * start as usize..sides * end as usize;
            let (touches, rates) = (&mut self.touches[rows.clone()], &mut self.rates[rows]);
            if SHORTS {
                for (touches, rates) in touches.chunks_exact_mut(2).zip(rates.chunks_exact_mut(2)) {
                    (touches[side], rates[side]) = (touch, rate);
                }
            } else {
                touches.fill(touch);
                rates.fill(rate);
            }
            start = end;
        }
        let sink = if GATED { opening_of(window.sink()) } else { window.sink() };
        for row in window.len as usize..window.rows() {
            self.touches[sides * row + side] = sink;
            self.rates[sides * row + side] = UNIT;
        }
    }

    /// Has a row lead to a position that is opened at a rate.
    #[inline(always)]
    fn lead<const GATED: bool, const SHORTS: bool>(&mut self, row: u32, to: u32, rate: f64) {
        let (sides, side) = if SHORTS { (2, u32::from(rate < 0.0)) } else { (1, 0) };
        let at = (sides * row + side) as usize;
        self.touches[at] = if GATED { opening_of(to) } else { to };
        self.rates[at] = rate;
    }
}

/// Writes a table of a stop, from the runs of its starts.
#[inline(always)]
fn set_table<S: Side>(
    holds: &mut Holds,
    table: usize,
    window: Window,
    runs: &[Run],
    terms: &Terms,
) {
    let rows = table * window.rows()..(table + 1) * window.rows();
    let mut start = rows.start;
    for run in runs {
        let end = rows.start + (run.end.clamp(window.first, window.end()) - window.first) as usize;
        holds.moments[start..end].fill(run.moment);
        holds.ends[start..end].fill(window.row(bar(run.moment)));
        // Walks without modes ask for no fill.
        if let Some(fills) = holds.fills.get_mut(start..end) {
            fills.fill(run.fill);
        }
        start = end;
    }
    holds.moments[start..rows.end].fill(opening_of(terms.closes().len() as u32));
    holds.ends[start..rows.end].fill(window.sink());
    holds.risky |= set_exits::<S>(&mut holds.exits[rows], window, runs, terms);
}

/// Writes what closing at the fills of an order makes of positions, by their first bar; whether that
/// may ruin.
#[inline(always)]
pub(super) fn set_exits<S: Side>(
    exits: &mut [Exit],
    window: Window,
    runs: &[Run],
    terms: &Terms,
) -> bool {
    let first = window.first as usize;
    let (mut start, mut risky) = (0, false);
    for run in runs {
        let end = (run.end.clamp(window.first, window.end()) - window.first) as usize;
        if start < end {
            let (starts, exits) = (first + start..first + end, &mut exits[start..end]);
            risky |= terms.exits_of::<S>(starts, run.moment, run.fill, exits);
        }
        start = end;
    }
    exits[start..].fill(NOTHING);
    risky
}

/// Begins the runs of a window with the one that reaches into it.
#[inline(always)]
pub(super) fn begin_runs(runs: &mut Vec<Run>, progress: &Progress) {
    runs.clear();
    runs.push(progress.last);
}

/// A tile of a long history whose rows are to be told from each other.
pub(super) struct DistinguishWindows<'a, 'b> {
    pub sweep: &'a Sweep,
    pub tile: Tile<Cells<'b>>,
    /// Bars of a window.
    pub bars: usize,
}

impl<'b> Job for DistinguishWindows<'_, 'b> {
    type Output = Result<Vec<Tile<Cells<'b>>>>;

    #[inline(always)]
    fn run<Q: Quad>(self, scratch: &mut Scratch) -> Self::Output {
        self.sweep.distinguish_windows(self.bars, self.tile, scratch)
    }
}

/// A tile of a long history to be computed.
pub(super) struct ComputeWindows<'a, 'b> {
    pub sweep: &'a Sweep,
    pub tile: Tile<Cells<'b>>,
    /// Bars of a window.
    pub bars: usize,
}

impl Job for ComputeWindows<'_, '_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<Q: Quad>(self, scratch: &mut Scratch) -> Self::Output {
        let Tile { mut rows, entries } = self.tile;
        self.sweep.compute_windows::<Q>(self.bars, &mut rows, entries, scratch)?;
        rows.iter_mut().for_each(Row::copy);
        Ok(())
    }
}

impl Sweep {
    /// Bytes that a worker holds for windows of so many bars.
    pub(super) fn window_bytes(&self, bars: usize) -> usize {
        let rows = bars + LANES + 1;
        let tables = self.layout.prices * self.tables();
        let stops = self.block_rows * tables * (rows * STOP_BYTES + size_of::<Progress>());
        let passes = self.passes.len() * size_of::<Pass>();
        if let Some(plan) = &self.plan {
            return stops + rows * plan.worker_bytes() + self.held_bytes(plan, rows);
        }
        // The runs of one order, or of a buy and a sell; and the chunk.
        let entries = rows * (self.door_bytes() + passes + 3 * size_of::<Run>() + 3 * 8);
        // A tile has at most twice the entries that it needs.
        let (entry, row) = (self.layout.entry_len(), self.block_rows);
        let tile = (2 * self.tile_entries()).min(self.layout.entries);
        let walks = tile * entry * row * self.market.spans.len() * size_of::<Ongoing>();
        stops + entries + walks
    }

    /// Puts rows of a tile together whose stops have equal runs, as
    /// [`distinguish`](Self::distinguish) does. The runs of a long history are many, and are not kept:
    /// where two rows seem to be equal, theirs are listed once more.
    #[inline(always)]
    fn distinguish_windows<'a>(
        &self,
        bars: usize,
        tile: Tile<Cells<'a>>,
        scratch: &mut Scratch,
    ) -> Result<Vec<Tile<Cells<'a>>>> {
        let (mut mine, mut other) = (Runs::default(), Runs::default());
        let chunk = &mut scratch.halfway.chunk;
        let mut found: Vec<(Row<Cells<'a>>, usize)> = Vec::new();
        let mut seen: HashMap<u64, usize> = HashMap::new();
        for row in tile.rows {
            let (mut hash, mut count) = (0, 0);
            self.begin_row(&mut mine);
            while self.next_runs(bars, row.row, chunk, &mut mine)? {
                count += mine.runs.len();
                hash = hash_of_runs(&mine.runs, hash);
            }
            // Equal hashes are no proof.
            if let Some(&twin) = seen.get(&hash)
                && let (twin, _) = &mut found[twin]
                && twin.computed.covers_like(&row.computed)
                && {
                    self.begin_row(&mut mine);
                    self.begin_row(&mut other);
                    let mut same = true;
                    while same
                        && self.next_runs(bars, row.row, chunk, &mut mine)?
                        && self.next_runs(bars, twin.row, chunk, &mut other)?
                    {
                        same = mine.runs == other.runs;
                    }
                    same
                }
            {
                row.follow_everywhere(twin);
                continue;
            }
            seen.insert(hash, found.len());
            found.push((row, count));
        }
        found.sort_by_key(|&(_, count)| count);
        // Blocks of about one size: each builds all entries.
        let blocks = found.len().div_ceil(self.block_rows).max(1);
        let size = found.len().div_ceil(blocks);
        let mut found = found.into_iter().peekable();
        let mut blocks = Vec::new();
        while found.peek().is_some() {
            let rows = found.by_ref().take(size).map(|(row, _)| row).collect();
            blocks.push(Tile { rows, entries: tile.entries.clone() });
        }
        Ok(blocks)
    }

    /// Begins to list the runs of a row's stops.
    fn begin_row(&self, runs: &mut Runs) {
        runs.first = 0;
        runs.stops.clear();
        let [long, short] = [Way::Down, Way::Up].map(|way| self.market.stop_view(way).begin());
        for table in (0..self.layout.prices).flat_map(|_| 0..self.tables()) {
            runs.stops.push(if table == 0 { long } else { short });
        }
    }

    /// Lists the runs of all stops of a row in the next window; whether there is one.
    #[inline(always)]
    fn next_runs(
        &self,
        bars: usize,
        row: usize,
        chunk: &mut Chunk,
        runs: &mut Runs,
    ) -> Result<bool> {
        let (series, market, n) = (&self.task.shared.series, &self.market, self.market.len());
        let Runs { first, stops, runs } = runs;
        if *first >= n {
            return Ok(false);
        }
        *first = n.min(*first + bars);
        runs.clear();
        let tables = (0..self.layout.prices).flat_map(|p| (0..self.tables()).map(move |t| (p, t)));
        for ((price, table), progress) in tables.zip(stops) {
            let (stop, short) = self.layout.stops(row, price, table.saturating_sub(1))?;
            match short.filter(|_| table > 0) {
                None => market.stop_on(series, &stop, Way::Down, *first, (progress, chunk), runs),
                Some(stop) => {
                    market.stop_on(series, &stop, Way::Up, *first, (progress, chunk), runs);
                }
            }
        }
        Ok(true)
    }

    /// Computes a tile window by window.
    #[inline(always)]
    fn compute_windows<Q: Quad>(
        &self,
        bars: usize,
        rows: &mut [Row<Cells<'_>>],
        entries: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        if let Some(plan) = &self.plan {
            return self.crowd_windows(plan, bars, rows, &entries, scratch);
        }
        let (n, hull) = (self.market.len(), self.task.kernel.hull);
        self.begin_windows(rows, &entries, scratch);
        for first in (0..n).step_by(bars) {
            let window = Window { first: first as u32, len: bars.min(n - first) as u32 };
            self.set_stops(window, rows, scratch)?;
            let sides = if self.task.kernel.shorts { 2 } else { 1 };
            let Halfway { doors, passes, .. } = &mut scratch.halfway;
            doors.begin(window, sides, &self.at_opens);
            passes.resize_with(self.passes.len(), Vec::new);
            for (local, passes) in passes.iter_mut().zip(&self.passes) {
                Pass::of_window(passes, window, local);
            }
            for entry in entries.clone() {
                let at = entry - entries.start;
                match (hull, self.task.kernel.shorts) {
                    (false, _) => self.go_on::<Q, false, false>(window, rows, entry, at, scratch),
                    (true, false) => self.go_on::<Q, true, false>(window, rows, entry, at, scratch),
                    (true, true) => self.go_on::<Q, true, true>(window, rows, entry, at, scratch),
                }
            }
        }
        self.write_windows(rows, entries, scratch)
    }

    /// Puts all walks at the beginning of their phases.
    fn begin_windows(
        &self,
        rows: &mut [Row<Cells<'_>>],
        entries: &Range<usize>,
        scratch: &mut Scratch,
    ) {
        let (market, layout) = (&self.market, &self.layout);
        self.begin_stops(rows, scratch);
        let Halfway { entries: orders, ongoing, .. } = &mut scratch.halfway;
        let [buys, sells] = [true, false].map(|buys| market.entry_view(buys).begin());
        orders.clear();
        orders.resize(entries.len() * layout.multipliers, [buys, sells]);
        let capital = market.terms.capital;
        let items = entries.len() * layout.multipliers * layout.prices * layout.gates.len();
        ongoing.clear();
        ongoing.reserve_exact(items * rows.len() * market.spans.len());
        for _ in 0..items {
            for &span in &market.spans {
                ongoing.extend(rows.iter().map(|_| Ongoing::new(capital, span)));
            }
        }
    }

    /// Begins the stops of a block.
    pub(super) fn begin_stops(&self, rows: &mut [Row<Cells<'_>>], scratch: &mut Scratch) {
        let prices = self.layout.prices;
        let Scratch { halfway: Halfway { stops, .. }, holds, .. } = scratch;
        let [long, short] = [Way::Down, Way::Up].map(|way| self.market.stop_view(way).begin());
        stops.clear();
        for (at, equals) in rows.iter_mut().enumerate() {
            equals.stops = at;
            for table in (0..prices).flat_map(|_| 0..self.tables()) {
                stops.push(if table == 0 { long } else { short });
            }
        }
        holds.resize_with(holds.len().max(rows.len() * prices), Holds::default);
    }

    /// Builds the tables of the stops of a block in a window.
    #[inline(always)]
    pub(super) fn set_stops(
        &self,
        window: Window,
        rows: &[Row<Cells<'_>>],
        scratch: &mut Scratch,
    ) -> Result<()> {
        let Scratch { holds, halfway: Halfway { chunk, stops, runs, .. }, .. } = scratch;
        let (series, market, prices) = (&self.task.shared.series, &self.market, self.layout.prices);
        let (tables, until) = (self.tables(), window.end() as usize);
        let size = tables * window.rows();
        let mut stops = stops.iter_mut();
        for (equals, holds) in rows.iter().zip(holds.chunks_mut(prices)) {
            for (price, holds) in holds.iter_mut().enumerate() {
                holds.moments.resize(size, 0);
                holds.ends.resize(size, 0);
                holds.exits.resize(size, NOTHING);
                holds.fills.resize(if self.task.kernel.modes { size } else { 0 }, 0.0);
                holds.risky = false;
                for (table, progress) in (0..tables).zip(&mut stops) {
                    let multiplier = table.saturating_sub(1);
                    let (stop, short) = self.layout.stops(equals.row, price, multiplier)?;
                    begin_runs(runs, progress);
                    let on = (progress, &mut *chunk);
                    match short.filter(|_| table > 0) {
                        None => {
                            market.stop_on(series, &stop, Way::Down, until, on, runs);
                            set_table::<Long>(holds, table, window, runs, &market.terms);
                        }
                        Some(stop) => {
                            market.stop_on(series, &stop, Way::Up, until, on, runs);
                            set_table::<Short>(holds, table, window, runs, &market.terms);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes all walks of an entry, the one at `at` in the tile, through a window.
    #[inline(always)]
    fn go_on<Q: Quad, const GATED: bool, const SHORTS: bool>(
        &self,
        window: Window,
        rows: &[Row<Cells<'_>>],
        entry: usize,
        at: usize,
        scratch: &mut Scratch,
    ) {
        let (series, market, layout) = (&self.task.shared.series, &self.market, &self.layout);
        let walks = rows.len() * market.spans.len();
        let until = window.end() as usize;
        for multiplier in 0..layout.multipliers {
            let order = at * layout.multipliers + multiplier;
            let Halfway { chunk, entries, doors, .. } = &mut scratch.halfway;
            let [buys, sells] = &mut entries[order];
            begin_runs(&mut doors.runs[0], buys);
            let (buy, runs) = (&layout.buys[entry], &mut doors.runs[0]);
            market.entry_on(series, buy, true, until, (buys, &mut *chunk), runs);
            doors.set::<Long, GATED, SHORTS>(&market.terms, window);
            if SHORTS {
                begin_runs(&mut doors.runs[1], sells);
                let sell = &layout.sells[entry * layout.multipliers + multiplier];
                let runs = &mut doors.runs[1];
                market.entry_on(series, sell, false, until, (sells, &mut *chunk), runs);
                doors.set::<Short, GATED, SHORTS>(&market.terms, window);
            }
            for price in 0..layout.prices {
                for gate in 0..layout.gates.len() {
                    let item = Item { entry, price, multiplier, gate };
                    let place = (order * layout.prices + price) * layout.gates.len() + gate;
                    let cell = layout.position(item, 0, 0);
                    if rows.iter().any(|row| row.computed.cell(cell).is_some()) {
                        let here = Here { window, item, first: place * walks };
                        self.go_on_together::<Q, GATED, SHORTS>(here, rows.len(), scratch);
                    }
                }
            }
        }
    }

    /// Takes all walks of an item through a window.
    #[inline(always)]
    fn go_on_together<Q: Quad, const GATED: bool, const SHORTS: bool>(
        &self,
        here: Here,
        count: usize,
        scratch: &mut Scratch,
    ) {
        let Here { window, item: Item { price, multiplier, gate, .. }, first } = here;
        let (market, prices) = (&self.market, self.layout.prices);
        let walks = count * market.spans.len();
        let Scratch { holds, lists, halfway: Halfway { ongoing, doors, passes, .. }, .. } = scratch;
        let ongoing = &mut ongoing[first..first + walks];
        for (group, some) in ongoing.chunks_mut(LANES).enumerate() {
            if !some.iter().any(|one| one.is_in(window)) {
                continue;
            }
            let mut states = [Ongoing::done(); LANES];
            states[..some.len()].copy_from_slice(some);
            for (row, one) in (window.len..).zip(&states) {
                if let Some((bar, rate)) = one.opens().filter(|_| one.is_in(window)) {
                    doors.lead::<GATED, SHORTS>(row, bar - window.first, rate);
                    if GATED {
                        passes[gate * prices + price][row as usize] = Pass::free(rate < 0.0);
                    }
                }
            }
            let walks = std::array::from_fn(|lane| {
                let i = (group * LANES + lane).min(walks - 1);
                let (row, phase) = (i % count, i / count);
                let holds = &holds[row * prices + price];
                Walk { holds, span: market.spans[phase], cuts: &market.cuts[phase] }
            });
            let (terms, runs) = (&market.terms, &doors.runs);
            let rates = &doors.rates[..];
            if GATED {
                let gate = gate * prices + price;
                let short = window.rows() as u32 * (1 + multiplier as u32);
                let door =
                    Gated::<SHORTS> { passes: &passes[gate], touches: &doors.touches, short };
                let (at_opens, passes) = (&self.at_opens[..], &self.passes[gate][..]);
                let ahead = Behind::<SHORTS> { window, passes, runs, at_opens, terms };
                let (door, ahead) = ((door, rates), (window, ahead));
                lockstep::walk_on::<Q, _, _, SHORTS>(
                    terms,
                    door,
                    ahead,
                    &walks,
                    lists,
                    &mut states,
                );
            } else {
                let door = (Open { buys: &doors.touches }, rates);
                let ahead = (window, Straight { window, runs: &runs[0], terms });
                lockstep::walk_on::<Q, _, _, SHORTS>(
                    terms,
                    door,
                    ahead,
                    &walks,
                    lists,
                    &mut states,
                );
            }
            some.copy_from_slice(&states[..some.len()]);
        }
    }

    /// Writes what all walks have come to.
    fn write_windows(
        &self,
        rows: &mut [Row<Cells<'_>>],
        entries: Range<usize>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let (layout, count) = (&self.layout, rows.len());
        let mut ongoing = scratch.halfway.ongoing.iter();
        for entry in entries {
            for multiplier in 0..layout.multipliers {
                for price in 0..layout.prices {
                    for gate in 0..layout.gates.len() {
                        let item = Item { entry, price, multiplier, gate };
                        let at = layout.position(item, 0, 0);
                        let walks = (0..self.market.spans.len() * count).zip(&mut ongoing);
                        for (i, one) in walks {
                            let (row, phase) = (&mut rows[i % count], i / count);
                            let Some(cell) = row.computed.cell(at) else { continue };
                            let (mut figures, unsure) = one.figures();
                            if unsure {
                                figures = self.settle_whole(row.row, item, (0, 0), phase)?;
                            }
                            row.computed.phases[phase].set(cell, figures);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What a combination comes to by a plain walk over whole maps, which are dropped afterwards: 72
    /// bytes a bar, for combinations that may be ruined.
    #[cold]
    #[inline(never)]
    pub(super) fn settle_whole(
        &self,
        row: usize,
        item: Item,
        (mode, both): (usize, usize),
        phase: usize,
    ) -> Result<Figures> {
        let Item { entry, price, multiplier, gate } = item;
        let (series, market, layout) = (&self.task.shared.series, &self.market, &self.layout);
        let (mut tightening, mut buffer) = (Tightening::default(), Vec::new());
        let gate = Shut::new(series, &layout.gates[gate], layout.methods[price]);
        let mut maps: [Map; 4] = Default::default();
        let [buy, sell, long_stop, short_stop] = &mut maps;
        market.entry(series, &layout.buys[entry], true, &gate, &mut buffer, buy);
        let (stop, short) = layout.stops(row, price, multiplier)?;
        let tightening = tightening.of(series, &stop, &market.bars);
        market.stop(series, &stop, Way::Down, tightening, &mut buffer).follow(&buffer, long_stop);
        if let Some(stop) = short {
            let order = &layout.sells[entry * layout.multipliers + multiplier];
            market.entry(series, order, false, &gate, &mut buffer, sell);
            market
                .stop(series, &stop, Way::Up, tightening, &mut buffer)
                .follow(&buffer, short_stop);
        }
        let orders = walk::Orders {
            buy: buy.touches(),
            long_stop: long_stop.touches(),
            short: short.map(|_| (sell.touches(), short_stop.touches())),
            entry_mode: layout.modes[mode],
            both_triggered: layout.boths[both],
            ways: market.ways(),
        };
        let (mut trades, span) = (Vec::new(), market.spans[phase]);
        walk::trades(&orders, span, &mut trades);
        Ok(market.settled(&trades, span))
    }

    /// Tables of a row's stops at one price.
    pub(super) fn tables(&self) -> usize {
        if self.task.kernel.shorts { 1 + self.layout.multipliers } else { 1 }
    }
}
