//! The factored engine: whole grids at a cost per trade and not per bar.
//!
//! Between two events a strategy knows only its state and the bar since which it holds. So every
//! order of ATR-D is a function from a start bar to the bar of its touch and its fill: a touch map
//! ([`maps`]). A backtest is a walk over maps, one step an event ([`walk`]), and what the walk's
//! trades come to follows from a table of the closes that knows no parameter ([`stretches`],
//! [`ledger`]). A map depends on few parameters, and is built once for all combinations that share
//! them: [`layout`] says which do.
//!
//! All phases begin with the first stored bar, so indicators and maps are the same for all of them;
//! a phase is three positions on the maps. They are built from the bar before the first phase's
//! first trading bar to the end of the last one.
//!
//! Where entry modes and gates make many cells of a row, whose walks mostly go the same way, these
//! walk together ([`crowd`]); others are walked one by one, a few at a time ([`compound`]).
//!
//! The work is cut into tiles: some rows of the grid, whose stop maps stay in the processor's second
//! cache, against a run of entries, whose maps pass through the first. Rows whose stops are equal bar
//! for bar are computed once. What a worker holds is bounded by [`Sweep::worker_bytes`].
//!
//! Why the result is exact: every touch is decided, and every fill computed, by the contract's own
//! expressions on the same indicator values as in [`direct`](crate::direct), so walks take the same
//! events in the same bars. Money alone is put together in another order, which moves it by a few
//! units in the last place; where such a unit could decide whether a short is ruined, the ledger
//! falls back on the contract's own order.

mod compound;
mod crowd;
mod layout;
mod ledger;
mod maps;
mod market;
mod stretches;
pub mod tiers;
mod walk;

/// What the engine is made of, for those who time its parts.
pub mod parts {
    pub use super::maps::{Map, Moment, View};
    pub use super::stretches::{Stretch, Stretches};
}

use std::collections::HashMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::atr_d::{Params, Variant};
use crate::error::Result;
use crate::figures::{Cells, Columns, Figures, Simulation};
use crate::money::Account;
use crate::series::{Data, Series};
use crate::settings::Settings;
use crate::slice::Slice;
use crate::task::Task;
use crate::touches::Way;
use compound::{Entries, Holds, LANES, Long, Order, Short};
use crowd::{Crowds, Plan};
use layout::{Gate, Item, Layout};
use maps::{Map, Touches};
use market::{Market, Shut, Tightening};
use tiers::{Tier, Work};
use walk::Orders;

/// Bytes of a stop's table, by bar.
const STOP_BYTES: usize = 4 + 8 + 32;
/// Bytes of a buy, by bar.
const BUY_BYTES: usize = 4 + 8 + 16;
/// Bytes of a buy with its sell, by bar.
const ENTRIES_BYTES: usize = (8 + 8) + 2 * 12;
/// What the stops of a tile may take, so that a phase's share of them stays in a second cache.
const CACHED_BYTES: usize = 4 << 20;
/// What buys that are kept for a whole sweep may take.
const KEPT_BYTES: usize = 64 << 20;
/// What the stops of a tile, and the entries of a batch, may take at most.
const WORKER_BYTES: usize = 256 << 20;
/// Most rows in a tile.
const TILE_ROWS: usize = 64;
/// Most gates in a batch.
const BATCH_GATES: usize = 12;
/// Fewest combinations in a tile, so that its stops are worth building.
const TILE_COMBINATIONS: usize = 16_384;

/// Simulates one parameter set, given in canonical order.
///
/// # Errors
/// A parameter or setting out of range, positions out of order, or too short a warm-up.
pub fn simulate(
    variant: Variant,
    data: &Data,
    values: &[f64],
    settings: &Settings,
    slice: Slice,
) -> Result<Simulation> {
    let params = Params::from_values(variant, values)?;
    let settings = settings.checked()?;
    let slice = slice.checked(data.bars.len(), params.need())?;
    let series = Series::new(data, &[params], settings.max_stop_atr);
    let market = Market::new(data, slice.warmup - 1..slice.end, &[slice], settings);
    let gate = match (params.veto, params.hull) {
        (Some(veto), _) => Gate::Veto(veto),
        (_, Some(hull)) => Gate::Hull { fast: hull.fast, slow: hull.slow },
        _ => Gate::Open,
    };
    let gate = Shut::new(&series, &gate, params.stop.price);
    let (mut tightening, mut buffer) = (Tightening::default(), Vec::new());
    let tightening = tightening.of(&series, &params.stop, &market.bars);
    let [mut buy, mut sell, mut long_stop, mut short_stop] =
        std::array::from_fn(|_| Map::default());
    market.entry(&series, &params.buy, true, &gate, &mut buffer, &mut buy);
    market.stop(&series, &params.stop, Way::Down, tightening, &mut buffer, &mut long_stop);
    if let Some(short) = params.short {
        market.entry(&series, &short.sell, false, &gate, &mut buffer, &mut sell);
        market.stop(&series, &short.stop, Way::Up, tightening, &mut buffer, &mut short_stop);
    }
    let orders = Orders {
        buy: buy.touches(),
        long_stop: long_stop.touches(),
        short: params.short.map(|_| (sell.touches(), short_stop.touches())),
        entry_mode: params.entry_mode,
        both_triggered: params.both_triggered,
        ways: market.ways(),
    };
    let mut trades = Vec::new();
    walk::trades(&orders, market.spans[0], &mut trades);
    let figures = market.settled(&trades, market.spans[0]);
    Ok(diary(figures, &trades, data, &settings, slice))
}

/// Writes down the trades and the equity of a walk.
fn diary(
    figures: Figures,
    walked: &[walk::Trade],
    data: &Data,
    settings: &Settings,
    slice: Slice,
) -> Simulation {
    let base = slice.warmup - 1;
    let close = data.bars.close();
    let mut account = Account::new(settings);
    let mut equity = vec![settings.capital; slice.end];
    let mut trades = Vec::new();
    for trade in walked {
        if account.is_ruined() {
            break;
        }
        let (from, to) = (base + trade.from as usize, base + trade.to as usize);
        let position = account.open(trade.side, trade.entry);
        for t in from..to.min(slice.end) {
            account.mark(position, close[t]);
            equity[t] = account.marked();
        }
        if to < slice.end {
            let before = account.equity();
            account.close(position, trade.exit);
            equity[to..].fill(account.marked());
            if position.shares > 0.0 {
                trades.push(crate::figures::Trade {
                    side: position.side,
                    entry_bar: from,
                    entry_price: trade.entry,
                    exit_bar: to,
                    exit_price: trade.exit,
                    pnl: account.equity() - before,
                });
            }
        }
    }
    Simulation { figures, trades, equity }
}

/// A grid over one history, ready to be computed in any pieces and order.
#[derive(Debug)]
pub struct Sweep {
    task: Task,
    layout: Layout,
    market: Market,
    /// For every tightening, the first one that is equal to it bar for bar.
    classes: Vec<u32>,
    /// The buys, where they are few enough to be kept.
    buys: Option<Vec<Order>>,
    tier: Tier,
    tile_rows: usize,
    /// Gates whose entries are held at a time.
    batch: usize,
    /// How walks with entry modes form crowds.
    plan: Option<Plan>,
}

/// Consecutive combinations of one row that a worker writes.
struct Piece<'a> {
    /// Position of the first one in its row.
    first: usize,
    phases: Vec<Cells<'a>>,
}

/// Rows whose stops are equal: the first one is computed, the others are copies.
struct Equals<'a> {
    row: usize,
    /// Where its stops stand among those of the tile.
    stops: usize,
    /// How often its stops change from one start bar to the next: the more, the longer its walks.
    changes: usize,
    computed: Piece<'a>,
    copies: Vec<Piece<'a>>,
}

/// Some distinct rows against a run of entries.
struct Tile<'a> {
    rows: Vec<Equals<'a>>,
    entries: Range<usize>,
}

/// What a worker reuses from tile to tile.
#[derive(Default)]
struct Scratch {
    crowds: Crowds,
    tightening: Tightening,
    distance: Vec<f64>,
    holds: Vec<Holds>,
    maps: Vec<Map>,
    /// By gate of a batch: the buys, or the buys with their sells.
    buys: Vec<Order>,
    sell: Order,
    entries: Vec<Entries>,
    trades: Vec<walk::Trade>,
}

impl Sweep {
    /// Builds what the whole grid shares.
    ///
    /// # Errors
    /// None that a checked task has.
    pub fn new(task: Task, tier: Tier) -> Result<Self> {
        let layout = Layout::new(task.variant, &task.grid)?;
        let market = Market::new(&task.data, task.bars(), &task.slices, task.settings);
        // A sweep of no phases has no bars.
        let (bars, shorts) = (market.len().max(1), task.variant.shorts);
        let keeps = !task.variant.hull && layout.entries * bars * BUY_BYTES <= KEPT_BYTES;
        let tables = layout.prices * if shorts { 1 + layout.multipliers } else { 1 };
        let most = WORKER_BYTES / (STOP_BYTES * bars * tables);
        let cached = CACHED_BYTES / (STOP_BYTES * bars * if shorts { 2 } else { 1 });
        // Where entries are built for each tile anew, it is better to have many rows to use them.
        let tile_rows = if keeps { cached.min(most) } else { most }.clamp(1, TILE_ROWS);
        let batch = (WORKER_BYTES / (ENTRIES_BYTES * bars)).clamp(1, BATCH_GATES);
        let plan = task.variant.modes.then(|| Plan::of(&layout, &market));
        let tile_rows = if plan.is_some() { most.clamp(1, crowd::TILE_ROWS) } else { tile_rows };
        let classes = Vec::new();
        let mut sweep =
            Self { task, layout, market, classes, buys: None, tier, tile_rows, batch, plan };
        sweep.classes = sweep.tightening_classes()?;
        if keeps {
            let build = |entry| {
                let (mut distance, mut order) = (Vec::new(), Order::default());
                sweep.buy(entry, &Shut::Never, &mut distance, &mut order);
                order
            };
            sweep.buys = Some((0..sweep.layout.entries).into_par_iter().map(build).collect());
        }
        Ok(sweep)
    }

    /// Combinations that are best computed together: whole tiles of rows.
    #[must_use]
    pub fn granule(&self) -> u64 {
        (self.tile_rows * self.layout.row_len()) as u64
    }

    /// Memory that each worker holds, in bytes, beside the results.
    #[must_use]
    pub fn worker_bytes(&self) -> usize {
        let Layout { prices, multipliers, .. } = self.layout;
        let shorts = if self.task.variant.shorts { multipliers } else { 0 };
        let stops = self.tile_rows * prices * (1 + shorts) * STOP_BYTES;
        // Distances, ratios, factors, and the maps of the row that is being built.
        let scratch = 3 * size_of::<f64>() + 12 * prices * (1 + shorts);
        if let Some(plan) = &self.plan {
            return self.market.len() * (stops + plan.worker_bytes() + scratch);
        }
        let sells = if self.task.variant.shorts { ENTRIES_BYTES } else { 0 };
        let entries = sells + if self.buys.is_none() { BUY_BYTES } else { 0 };
        let batch = self.batch.min(self.layout.gates.len()) * entries;
        self.market.len() * (stops + batch + scratch)
    }

    #[inline(always)]
    fn buy(&self, entry: usize, gate: &Shut<'_>, distance: &mut Vec<f64>, order: &mut Order) {
        let buy = &self.layout.buys[entry];
        self.market.entry(&self.task.series, buy, true, gate, distance, &mut order.map);
        self.market.terms.opens::<Long>(order, 0);
    }

    /// Finds tightenings that are equal in every bar, such as those of equal ratios, and those that
    /// never tighten.
    fn tightening_classes(&self) -> Result<Vec<u32>> {
        let curves = |index: usize, (one, out): &mut (Tightening, Vec<f64>)| -> Result<()> {
            out.clear();
            for price in 0..self.layout.prices {
                let (stop, _) = self.layout.stops(index, price, 0)?;
                out.extend_from_slice(one.of(&self.task.series, &stop, &self.market.bars));
            }
            Ok(())
        };
        let hashes: Vec<u64> = (0..self.layout.tightenings())
            .into_par_iter()
            .map_init(Default::default, |buffer, i| {
                curves(i, buffer).map(|()| hash_of(&buffer.1, 0))
            })
            .collect::<Result<_>>()?;
        let mut first: HashMap<u64, u32> = HashMap::new();
        let candidates: Vec<u32> =
            hashes.iter().zip(0_u32..).map(|(&hash, i)| *first.entry(hash).or_insert(i)).collect();
        // Equal hashes are no proof.
        candidates
            .into_par_iter()
            .enumerate()
            .map_init(<(_, _)>::default, |(mine, other): &mut (_, _), (i, first)| {
                if first as usize == i {
                    return Ok(first);
                }
                curves(i, mine)?;
                curves(first as usize, other)?;
                let same = mine.1.iter().zip(&other.1).all(|(a, b)| a.to_bits() == b.to_bits());
                Ok(if same { first } else { i as u32 })
            })
            .collect()
    }

    /// Figures of the combinations in `range`, one item a phase.
    ///
    /// Runs on the rayon pool it is called in. Every cell depends on its own combination alone, so
    /// the result is the same for any number of threads and any division into ranges.
    ///
    /// # Errors
    /// A range outside the grid.
    pub fn run(&self, range: Range<u64>) -> Result<Vec<Columns>> {
        let mut out = self.task.columns(&range)?;
        self.tiles(&range, &mut out)
            .into_par_iter()
            .with_max_len(1)
            .try_for_each_init(Scratch::default, |scratch, tile| {
                self.tier.run(Compute { sweep: self, tile, scratch })
            })?;
        Ok(out)
    }

    /// Cuts the combinations of a range into tiles: rows with equal stops together, and as many
    /// entries as make the building of the rows' stops worth while.
    fn tiles<'a>(&self, range: &Range<u64>, out: &'a mut [Columns]) -> Vec<Tile<'a>> {
        let Layout { entries, .. } = self.layout;
        let (row_len, entry_len) = (self.layout.row_len() as u64, self.layout.entry_len());
        let wanted = if self.plan.is_some() {
            crowd::TILE_CELLS.div_ceil(entry_len)
        } else {
            TILE_COMBINATIONS.div_ceil(entry_len * self.tile_rows)
        };
        let run = entries.div_ceil((entries / wanted).max(1));
        let runs: Vec<Range<usize>> =
            (0..entries).step_by(run).map(|first| first..(first + run).min(entries)).collect();
        let mut phases: Vec<Cells<'a>> = out.iter_mut().map(Columns::cells).collect();
        // By run of entries: the distinct rows, and where each kind of row is among them.
        let mut rows: Vec<Vec<Equals<'a>>> = runs.iter().map(|_| Vec::new()).collect();
        let mut seen: Vec<HashMap<(usize, u32), usize>> = vec![HashMap::new(); runs.len()];
        let tightenings = self.layout.tightenings();
        let mut index = range.start;
        while index < range.end {
            let row = (index / row_len) as usize;
            let start = row as u64 * row_len;
            let end = range.end.min(start + row_len);
            let kind = (row / tightenings, self.classes[row % tightenings]);
            for (i, run) in runs.iter().enumerate() {
                let run_end = start + (run.end * entry_len) as u64;
                let count = run_end.min(end).saturating_sub(index) as usize;
                if count == 0 {
                    continue;
                }
                let cells = phases.iter_mut().map(|p| p.split_front(count)).collect();
                let piece = Piece { first: (index - start) as usize, phases: cells };
                index += count as u64;
                // Parts of a run, at the ends of the range, are not worth a comparison.
                if count == run.len() * entry_len {
                    if let Some(&at) = seen[i].get(&kind) {
                        rows[i][at].copies.push(piece);
                        continue;
                    }
                    seen[i].insert(kind, rows[i].len());
                }
                rows[i].push(Equals {
                    row,
                    stops: 0,
                    changes: 0,
                    computed: piece,
                    copies: Vec::new(),
                });
            }
        }
        let mut tiles = Vec::new();
        for (rows, entries) in rows.into_iter().zip(runs) {
            let mut rows = rows.into_iter().peekable();
            while rows.peek().is_some() {
                let rows = rows.by_ref().take(self.tile_rows).collect();
                tiles.push(Tile { rows, entries: entries.clone() });
            }
        }
        tiles
    }

    #[inline(always)]
    fn compute(&self, tile: Tile<'_>, scratch: &mut Scratch) -> Result<()> {
        let Layout { prices, multipliers, gates, .. } = &self.layout;
        let mut rows = self.build_stops(tile.rows, scratch)?;
        if let Some(plan) = &self.plan {
            self.walk_crowds(plan, &mut rows, tile.entries, scratch);
        } else if let Some(buys) = &self.buys
            && !self.task.variant.shorts
        {
            // A phase's share of all tables is smaller than the tables: it stays in the cache.
            for phase in 0..self.market.spans.len() {
                for entry in tile.entries.clone() {
                    if let Some(next) = buys.get(entry + 1) {
                        compound::prefetch(next, self.market.spans[phase]);
                    }
                    for price in 0..*prices {
                        let item = Item { entry, price, multiplier: 0, gate: 0 };
                        for rows in rows.chunks_mut(LANES) {
                            self.walk_longs(
                                rows,
                                item,
                                &buys[entry],
                                phase,
                                &scratch.holds,
                                &mut scratch.trades,
                            );
                        }
                    }
                }
            }
        } else {
            for entry in tile.entries.clone() {
                for price in 0..*prices {
                    let is_wanted = |multiplier, gate| {
                        self.is_wanted(&rows, Item { entry, price, multiplier, gate })
                    };
                    let wanted: Vec<usize> = (0..gates.len())
                        .filter(|&gate| (0..*multipliers).any(|m| is_wanted(m, gate)))
                        .collect();
                    for batch in wanted.chunks(self.batch) {
                        // A buy is the same for all multipliers of the short side.
                        self.build_buys(entry, price, batch, scratch);
                        for multiplier in 0..*multipliers {
                            let item = Item { entry, price, multiplier, gate: 0 };
                            let some = |&gate: &usize| self.is_wanted(&rows, Item { gate, ..item });
                            if batch.iter().any(some) {
                                self.build_entries(item, batch, scratch);
                                self.walk_batch(&mut rows, item, batch, scratch);
                            }
                        }
                    }
                }
            }
        }
        for Equals { computed, copies, .. } in &mut rows {
            for copy in copies {
                for (to, from) in copy.phases.iter_mut().zip(&computed.phases) {
                    to.copy_from(from);
                }
            }
        }
        Ok(())
    }

    /// Whether a tile has a combination with these entries.
    fn is_wanted(&self, rows: &[Equals<'_>], item: Item) -> bool {
        let Layout { modes, boths, .. } = &self.layout;
        let mut cells = (0..modes.len()).flat_map(|m| (0..boths.len()).map(move |b| (m, b)));
        cells.any(|(mode, both)| {
            let at = self.layout.position(item, mode, both);
            rows.iter().any(|row| row.computed.cell(at).is_some())
        })
    }

    /// The buys behind some gates, where they are not kept.
    #[inline(always)]
    fn build_buys(&self, entry: usize, price: usize, batch: &[usize], scratch: &mut Scratch) {
        let Scratch { distance, buys, .. } = scratch;
        if self.buys.is_none() {
            buys.resize_with(batch.len(), Order::default);
            for (buy, &gate) in buys.iter_mut().zip(batch) {
                let (gate, method) = (&self.layout.gates[gate], self.layout.methods[price]);
                self.buy(entry, &Shut::new(&self.task.series, gate, method), distance, buy);
            }
        }
    }

    /// The sells behind some gates, together with their buys.
    #[inline(always)]
    fn build_entries(&self, item: Item, batch: &[usize], scratch: &mut Scratch) {
        let Item { entry, price, multiplier, .. } = item;
        let Scratch { distance, buys, sell, entries, .. } = scratch;
        let (series, terms) = (&self.task.series, &self.market.terms);
        if !self.task.variant.shorts {
            return;
        }
        let order = &self.layout.sells[entry * self.layout.multipliers + multiplier];
        entries.resize_with(batch.len(), Entries::default);
        for (i, (entries, &gate)) in entries.iter_mut().zip(batch).enumerate() {
            let gate = Shut::new(series, &self.layout.gates[gate], self.layout.methods[price]);
            self.market.entry(series, order, false, &gate, distance, &mut sell.map);
            terms.opens::<Short>(sell, 1 + multiplier);
            let buy = self.buys.as_ref().map_or_else(|| &buys[i], |kept| &kept[entry]);
            entries.set(terms, buy, sell);
        }
    }

    /// Builds the stops of rows, and puts rows together whose stops turn out to touch the same bars
    /// at the same prices: wide stops are touched so rarely that most of what sets them does not
    /// matter. What is left are distinct rows, and their tables in the same order.
    #[inline(always)]
    fn build_stops<'a>(
        &self,
        rows: Vec<Equals<'a>>,
        scratch: &mut Scratch,
    ) -> Result<Vec<Equals<'a>>> {
        let Layout { prices, multipliers, .. } = self.layout;
        let Scratch { tightening, distance, holds, maps, .. } = scratch;
        let (series, market) = (&self.task.series, &self.market);
        let shorts = if self.task.variant.shorts { multipliers } else { 0 };
        let mut found: Vec<Equals<'a>> = Vec::new();
        let mut hashes: Vec<u64> = Vec::new();
        maps.resize_with(prices * (1 + shorts), Map::default);
        for mut equals in rows {
            for price in 0..prices {
                let (stop, _) = self.layout.stops(equals.row, price, 0)?;
                let tightening = tightening.of(series, &stop, &market.bars);
                let maps = &mut maps[price * (1 + shorts)..];
                market.stop(series, &stop, Way::Down, tightening, distance, &mut maps[0]);
                for m in 0..shorts {
                    if let (_, Some(stop)) = self.layout.stops(equals.row, price, m)? {
                        market.stop(series, &stop, Way::Up, tightening, distance, &mut maps[1 + m]);
                    }
                }
            }
            let hash = maps.iter().fold(0, |hash, map| hash_of(&map.fills, hash));
            let twin = found.iter_mut().zip(&hashes).enumerate().find(|(i, (other, h))| {
                **h == hash
                    && other.computed.covers_like(&equals.computed)
                    && maps.iter().enumerate().all(|(k, map)| {
                        holds[i * prices + k / (1 + shorts)].is_at(k % (1 + shorts), map)
                    })
            });
            if let Some((_, (other, _))) = twin {
                other.copies.push(equals.computed);
                other.copies.extend(equals.copies);
                continue;
            }
            let at = found.len() * prices;
            holds.resize_with(holds.len().max(at + prices), Holds::default);
            for (price, maps) in maps.chunks(1 + shorts).enumerate() {
                let holds = &mut holds[at + price];
                holds.clear();
                holds.push::<Long>(&market.terms, &maps[0]);
                maps[1..].iter().for_each(|map| holds.push::<Short>(&market.terms, map));
            }
            equals.stops = found.len();
            equals.changes = maps.iter().map(Map::changes).sum();
            hashes.push(hash);
            found.push(equals);
        }
        // Walks that take their steps together should have as many to take.
        found.sort_by_key(|equals| equals.changes);
        Ok(found)
    }

    /// Walks one phase of some rows with one buy.
    #[inline(always)]
    fn walk_longs(
        &self,
        rows: &mut [Equals<'_>],
        item: Item,
        buy: &Order,
        phase: usize,
        holds: &[Holds],
        trades: &mut Vec<walk::Trade>,
    ) {
        let at = self.layout.position(item, 0, 0);
        if !rows.iter().any(|row| row.computed.cell(at).is_some()) {
            return;
        }
        let span = self.market.spans[phase];
        let stops: [usize; LANES] =
            std::array::from_fn(|lane| rows[lane.min(rows.len() - 1)].stops);
        let of = |lane: usize| &holds[stops[lane] * self.layout.prices + item.price];
        let figures = if self.market.compounds() {
            compound::longs(&self.market.terms, buy, &std::array::from_fn(of), span)
        } else {
            [(Figures::NONE, true); LANES]
        };
        let orders = |lane| self.orders(buy.map.touches(), None, of(lane), 0, 0, 0);
        self.write(rows, at, phase, figures, orders, trades);
    }

    /// Writes what walks came to; those that are not sure of it, plain walks settle.
    #[inline(always)]
    fn write<'a>(
        &self,
        rows: &mut [Equals<'_>],
        at: usize,
        phase: usize,
        figures: [(Figures, bool); LANES],
        orders: impl Fn(usize) -> Orders<'a>,
        trades: &mut Vec<walk::Trade>,
    ) {
        let span = self.market.spans[phase];
        for (lane, (row, (mut figures, unsure))) in rows.iter_mut().zip(figures).enumerate() {
            let Some(cell) = row.computed.cell(at) else { continue };
            if unsure {
                walk::trades(&orders(lane), span, trades);
                figures = self.market.settled(trades, span);
            }
            row.computed.phases[phase].set(cell, figures);
        }
    }

    /// Walks the combinations of one entry, price and multiplier behind some gates, in all rows.
    #[inline(always)]
    fn walk_batch(
        &self,
        rows: &mut [Equals<'_>],
        item: Item,
        batch: &[usize],
        scratch: &mut Scratch,
    ) {
        let Layout { prices, .. } = &self.layout;
        let Scratch { holds, buys, entries, trades, .. } = scratch;
        for rows in rows.chunks_mut(LANES) {
            for (phase, &span) in self.market.spans.iter().enumerate() {
                for (k, &gate) in batch.iter().enumerate() {
                    let item = Item { gate, ..item };
                    if !self.task.variant.shorts {
                        self.walk_longs(rows, item, &buys[k], phase, holds, trades);
                        continue;
                    }
                    let entries = &entries[k];
                    let last = rows.len() - 1;
                    let stops: [usize; LANES] =
                        std::array::from_fn(|lane| rows[lane.min(last)].stops);
                    let of = |lane: usize| &holds[stops[lane] * prices + item.price];
                    let at = self.layout.position(item, 0, 0);
                    if !rows.iter().any(|row| row.computed.cell(at).is_some()) {
                        continue;
                    }
                    let figures = if self.market.compounds() {
                        let holds = &std::array::from_fn(of);
                        compound::both(&self.market.terms, entries, holds, span)
                    } else {
                        [(Figures::NONE, true); LANES]
                    };
                    let (buy, sell) = entries.touches();
                    let orders =
                        |lane| self.orders(buy, Some(sell), of(lane), item.multiplier, 0, 0);
                    self.write(rows, at, phase, figures, orders, trades);
                }
            }
        }
    }

    /// The orders of one combination, for plain walks.
    fn orders<'a>(
        &'a self,
        buy: Touches<'a>,
        sell: Option<Touches<'a>>,
        holds: &'a Holds,
        multiplier: usize,
        mode: usize,
        both: usize,
    ) -> Orders<'a> {
        let bars = self.market.len();
        Orders {
            buy,
            long_stop: holds.touches(0, bars),
            short: sell.map(|sell| (sell, holds.touches(1 + multiplier, bars))),
            entry_mode: self.layout.modes[mode],
            both_triggered: self.layout.boths[both],
            ways: self.market.ways(),
        }
    }
}

/// A tile to be computed, by the code of some tier.
struct Compute<'a, 'b> {
    sweep: &'a Sweep,
    tile: Tile<'b>,
    scratch: &'a mut Scratch,
}

impl Work for Compute<'_, '_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run(self) -> Result<()> {
        self.sweep.compute(self.tile, self.scratch)
    }
}

impl Piece<'_> {
    /// The cell of the combination at a position in the row, where it is among these.
    fn cell(&self, at: usize) -> Option<usize> {
        let cells = self.phases.first().map_or(0, Cells::len);
        at.checked_sub(self.first).filter(|&cell| cell < cells)
    }

    /// Whether both have the same cells of their rows.
    fn covers_like(&self, other: &Self) -> bool {
        let cells = |piece: &Self| piece.phases.first().map_or(0, Cells::len);
        self.first == other.first && cells(self) == cells(other)
    }
}

/// A quick mix of the bits of some numbers, on top of a mix of others.
fn hash_of(values: &[f64], hash: u64) -> u64 {
    let mix =
        |hash: u64, bits: u64| (hash.rotate_left(5) ^ bits).wrapping_mul(0x517c_c1b7_2722_0a95);
    // Four at a time, none of which waits for the others.
    let mut lanes = [hash, 1, 2, 3];
    for chunk in values.chunks(lanes.len()) {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = mix(*lane, x.to_bits());
        }
    }
    lanes.into_iter().fold(values.len() as u64, mix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atr_d::VARIANTS;
    use crate::bars::Bars;
    use crate::direct;
    use crate::grid::{Axis, Grid};
    use crate::settings::{EntryStyle, Sizing};

    /// Bars that swing enough for every variant to trade, with gaps and flat stretches.
    fn swings(bars: usize) -> Bars {
        let mut columns: [Vec<f64>; 4] = Default::default();
        for i in 0..bars {
            let x = i as f64;
            let close = 100.0 + 9.0 * (x * 0.7).sin() + 5.0 * (x * 0.13).cos();
            let open = close + if i % 7 == 3 { 4.0 } else { 0.5 };
            let bar = [open, open.max(close) + 1.0, open.min(close) - 1.0, close];
            for (column, x) in columns.iter_mut().zip(bar) {
                column.push((x * 4.0).round() / 4.0);
            }
        }
        let [open, high, low, close] = columns;
        Bars::new(open, high, low, close).expect("valid bars")
    }

    fn grid(variant: Variant) -> Grid {
        let axes = [
            vec![5.0, 20.0],
            vec![0.5, 1.5, 4.0],
            vec![10.0],
            vec![1.0, 2.0],
            vec![0.02, 0.04],
            vec![0.3],
            vec![0.0, 2.0],
            vec![8.0, 30.0],
            vec![0.25, 0.5],
            vec![3.0],
            vec![0.0, 1.0],
        ];
        let mut axes: Vec<Axis> = axes.map(Axis::of).into();
        if variant.shorts {
            axes.push(Axis::of(vec![0.4, 1.0]));
        }
        if variant.modes {
            let modes = [vec![0.0, 1.0, 2.0], vec![4.0], vec![-1.0, 0.05], vec![0.0, 1.0]];
            axes.extend(modes.map(Axis::of));
        }
        if variant.hull {
            axes.push(Axis::ordered_pairs(&[5.0, 12.0], &[9.0, 16.0]));
        }
        Grid::new(axes).expect("a grid")
    }

    fn task(variant: Variant, settings: Settings) -> Task {
        let bars = swings(400);
        let slices =
            [(100, 200, 260), (150, 290, 400), (101, 102, 103), (180, 181, 399), (140, 300, 301)];
        let slices = slices.map(|(warmup, split, end)| Slice { warmup, split, end });
        let second = variant.dual.then(|| bars.clone());
        let data = Data::new(variant, bars, second).expect("bars that fit");
        Task::new(variant, data, grid(variant), settings, slices.into()).expect("a task")
    }

    #[test]
    fn it_agrees_with_the_direct_engine() {
        for variant in VARIANTS {
            for entry_style in [EntryStyle::Pullback, EntryStyle::Breakout] {
                for (sizing, lot_size) in [(Sizing::Compound, 0.0), (Sizing::Fixed, 10.0)] {
                    let usual = Settings::default();
                    let settings = Settings {
                        slip: 0.001,
                        fee: 0.0005,
                        sizing,
                        lot_size,
                        entry_style,
                        ..usual
                    };
                    let len = grid(variant).len();
                    let wanted =
                        direct::Sweep::new(task(variant, settings)).run(0..len).expect("figures");
                    let sweep = Sweep::new(task(variant, settings), Tier::best()).expect("a sweep");
                    let found = sweep.run(0..len).expect("figures");
                    let (mut trades, mut most) = (0, 0.0_f64);
                    for (w, f) in wanted.iter().zip(&found) {
                        assert_eq!((&w.is_trades, &w.oos_trades), (&f.is_trades, &f.oos_trades));
                        trades += w.is_trades.iter().sum::<u32>();
                        let pairs = [
                            (&w.is_pnl, &f.is_pnl),
                            (&w.oos_pnl, &f.oos_pnl),
                            (&w.is_dd, &f.is_dd),
                            (&w.oos_dd, &f.oos_dd),
                        ];
                        for (a, b) in pairs.into_iter().flat_map(|(a, b)| a.iter().zip(b)) {
                            most = most.max((a - b).abs() / 100_000.0_f64.max(a.abs()));
                        }
                    }
                    assert!(most < 1e-11, "{} differs by {most}", variant.name);
                    assert!(trades > 1_000);
                }
            }
        }
    }

    #[test]
    fn tiers_and_divisions_write_the_same_bytes() {
        for variant in VARIANTS {
            let make =
                |tier| Sweep::new(task(variant, Settings::default()), tier).expect("a sweep");
            let sweep = make(Tier::Baseline);
            let len = grid(variant).len();
            let whole = sweep.run(0..len).expect("figures");
            for tier in Tier::ALL.into_iter().filter(|tier| tier.is_here()) {
                assert_eq!(make(tier).run(0..len), Ok(whole.clone()), "{}", tier.name());
            }
            let mut start = 0;
            for (i, step) in [1, 2, 17, 100, 3, 401].into_iter().cycle().enumerate() {
                let stop = len.min(start + step);
                let part = sweep.run(start..stop).expect("figures");
                let (a, b) = (start as usize, stop as usize);
                for (whole, part) in whole.iter().zip(&part) {
                    assert_eq!(whole.is_pnl[a..b], part.is_pnl, "part {i}");
                    assert_eq!(whole.oos_dd[a..b], part.oos_dd, "part {i}");
                    assert_eq!(whole.oos_trades[a..b], part.oos_trades, "part {i}");
                }
                start = stop;
                if start == len {
                    break;
                }
            }
        }
    }
}
