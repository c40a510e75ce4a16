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
//! Walks whose combinations share nothing but maps go eight at a time ([`lockstep`]); how they find
//! their entries, whatever gates stand before them, is a matter of [`doors`]. Where entry modes and
//! vetoes make many cells of a row, whose walks mostly go the same way, these walk together
//! ([`crowd`]). What a trade does to money is the same in both ([`terms`]).
//!
//! Rows whose stops touch the same bars at the same prices are computed once, phase by phase
//! ([`rows`]). What is left is cut into blocks: some rows of the grid, whose stop maps stay in the
//! processor's second cache, against a run of entries, whose maps pass through it. Books are kept in
//! the vector instructions of the tier ([`quad`], [`tiers`]), and walks are marked at the ends of parts
//! from tables around them ([`cuts`]). What a worker holds is bounded by [`Sweep::worker_bytes`].
//!
//! Why the result is exact: every touch is decided, and every fill computed, by the contract's own
//! expressions on the same indicator values as in [`direct`](crate::engine::direct), so walks take the same
//! events in the same bars. Money alone is put together in another order, which moves it by a few
//! units in the last place; where such a unit could decide whether a short is ruined, the ledger
//! falls back on the contract's own order.
//!
//! On long histories, all of this happens a window of bars at a time ([`windows`]). Where extended
//! figures are asked for, combinations are walked once more ([`extended`]).

mod crowd;
mod cuts;
mod doors;
mod extended;
mod layout;
mod ledger;
mod lockstep;
mod maps;
mod market;
mod quad;
mod rows;
mod stretches;
mod terms;
pub mod tiers;
mod walk;
mod windows;

/// What the engine is made of, for those who time its parts.
pub mod parts {
    pub use super::maps::{Map, Moment, Run, View};
    pub use super::stretches::{Stretch, Stretches};
}

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;

use crate::engine::{PreparedSweep, blocks, direct};
use crate::error::Result;
use crate::execution::extended::{Diary, Labels};
use crate::execution::settings::AccountSettings;
use crate::execution::touches::Way;
use crate::figures::{Cells, Columns, Figures, PhaseCells, Simulation, SplitCells};
use crate::kernel::{Kernel, Sets};
use crate::market::feeds::Feeds;
use crate::market::slice::Slice;
use crate::strategies::atr_d::{Params, Settings, Task, Variant};
use crowd::{Crowds, Plan};
use doors::{Door, Doors, Gated, Open, Pass};
use extended::{Entries, Returns};
use layout::{Gate, Item, Layout};
use lockstep::{Group, Lists, Walk};
use maps::{Map, Touches};
use market::{Market, Shut, Tightening};
use quad::Quad;
use rows::{Distinct, Piece, Row, StopSink, Stops, mix};
use terms::{Holds, Long, Order, Short};
use tiers::{Tier, Work};
use walk::Orders;
use windows::{ComputeWindows, DistinguishWindows};

/// Bytes of a stop's table, by bar.
const STOP_BYTES: usize = 4 + 4 + 8 + 32;
/// Bytes of a buy, by bar.
const BUY_BYTES: usize = 4 + 8 + 8;
/// What the long stops of a block may take. Walks read about half of them, so that much of a second
/// cache of half a megabyte is left to the entries, which pass through it. (Of 2, 4, 8, 16 and 32 rows
/// of ten years of days, 4 are the fastest for all strategies that walk in lockstep.)
const CACHED_BYTES: usize = 1 << 19;
/// What buys that are kept for a whole sweep may take.
const KEPT_BYTES: usize = 64 << 20;
/// What the stops of a block may take at most, where one row does not have more.
const WORKER_BYTES: usize = 256 << 20;
/// What the runs of a tile's distinct rows may take, before it is cut.
const RUNS_BYTES: usize = 16 << 20;
/// Bars whose tightenings are compared at a time.
const CURVE: usize = 1 << 16;
/// Rows that are compared with each other: those of one length of the Bollinger width, in the shipped
/// grids.
const TILE_ROWS: usize = 700;
/// The runs of a row are kept until it is computed where its figures take so many times their bytes.
const FIGURES_BY_RUNS: usize = 8;
/// Fewest walks in a tile, so that its stops are worth building.
const TILE_WALKS: usize = 1 << 16;
/// Combinations in a granule, unless one block has more: enough for all rows that differ in their
/// tightening alone, of which many are equal.
const GRANULE: usize = 1 << 20;

/// Why this engine cannot compute a grid, by the parameters of its axes, where it cannot.
#[must_use]
pub fn lacks(variant: Variant, axes: &[&[usize]]) -> Option<String> {
    layout::lacks(variant, axes)
}

/// Why this engine cannot compute the extended figures of a grid, where it cannot.
#[must_use]
pub fn lacks_extended(account: &AccountSettings) -> Option<String> {
    extended::lacks(account)
}

/// The same where the extended figures are asked for too, of which each takes nine times the memory.
const EXTENDED_GRANULE: usize = 1 << 16;

/// Simulates one parameter set, given in canonical order.
///
/// # Errors
/// A parameter or setting out of range, positions out of order, or too short a warm-up.
pub fn simulate(
    variant: Variant,
    feeds: &Feeds,
    values: &[f64],
    account: &AccountSettings,
    settings: &Settings,
    slice: Slice,
    labels: Option<(&[i64], usize)>,
) -> Result<Simulation> {
    let params = Params::from_values(variant, values)?;
    let account = account.checked()?;
    let slice = slice.checked(feeds.len(), params.lookback())?;
    let trading = slice.warmup..slice.end;
    let labels =
        labels.map(|(of, count)| Labels::new(of, count, feeds.len(), trading)).transpose()?;
    feeds.check(&variant.feeds())?;
    let sets = Sets { sets: vec![params], mixed: false };
    let shared = variant.prepare(feeds, &sets, settings)?;
    let series = &shared.series;
    let market =
        Market::new(&shared, slice.warmup - 1..slice.end, &[slice], variant.shorts, account);
    let gate = match (params.veto, params.hull) {
        (Some(veto), _) => Gate::Veto(veto),
        (_, Some(hull)) => Gate::Hull { fast: hull.fast, slow: hull.slow },
        _ => Gate::Open,
    };
    let gate = Shut::new(series, &gate, params.stop.price);
    let (mut tightening, mut buffer) = (Tightening::default(), Vec::new());
    let tightening = tightening.of(series, &params.stop, &market.bars);
    let [mut buy, mut sell, mut long_stop, mut short_stop] =
        std::array::from_fn(|_| Map::default());
    market.entry(series, &params.buy, true, &gate, &mut buffer, &mut buy);
    let view = market.stop(series, &params.stop, Way::Down, tightening, &mut buffer);
    view.follow(&buffer, &mut long_stop);
    if let Some(short) = params.short {
        market.entry(series, &short.sell, false, &gate, &mut buffer, &mut sell);
        let view = market.stop(series, &short.stop, Way::Up, tightening, &mut buffer);
        view.follow(&buffer, &mut short_stop);
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
    let mut diary = Diary::new(labels.as_ref(), slice.end, account.capital);
    market.replay(&trades, market.spans[0], &mut diary);
    let Diary { extended, trades, equity, reversals } = diary;
    let sums = labels.as_ref().map(|_| extended.sums().map(<[f64]>::to_vec));
    Ok(Simulation { figures, parts: extended.parts(), sums, trades, equity, reversals })
}

/// A grid over one history, ready to be computed in any pieces and order.
#[derive(Debug)]
pub struct Sweep {
    task: Arc<Task>,
    layout: Layout,
    market: Market,
    /// For every tightening, the first one that is equal to it bar for bar.
    classes: Vec<u32>,
    /// The buys, where they are few enough to be kept.
    buys: Option<Vec<Order>>,
    /// The doors by entry and multiplier, likewise.
    doors: Option<Vec<Doors>>,
    /// What gates of Hull averages do, by gate and price.
    passes: Vec<Vec<Pass>>,
    /// Rates at the opens, where gates enter at them.
    at_opens: Vec<f64>,
    tier: Tier,
    /// Rows whose stops are held at a time, and phases that they lead.
    block_rows: usize,
    block_walks: usize,
    /// Bars that have tables at a time, where these are not all.
    window: Option<usize>,
    /// How walks with entry modes form crowds.
    plan: Option<Plan>,
    /// What the closes do to longs, for the extended figures.
    returns: OnceLock<Returns>,
    /// What workers have left for the next ones.
    spare: Mutex<Vec<Box<Scratch>>>,
}

/// Some rows against a run of entries.
struct Tile<C> {
    rows: Vec<Row<C>>,
    entries: Range<usize>,
}

/// A phase that a row of a block leads: a walk of each of its combinations, and their figures.
struct Leader<'a> {
    /// Which of the block's rows it is.
    row: usize,
    phase: usize,
    /// Position in the row of the combination in the first cell.
    first: usize,
    cells: Cells<'a>,
}

impl Leader<'_> {
    /// The cell of the combination at a position in the row, where it is among these.
    #[inline(always)]
    fn cell(&self, at: usize) -> Option<usize> {
        at.checked_sub(self.first).filter(|&cell| cell < self.cells.len())
    }
}

/// Walks of a block with one entry, and what they need.
struct Going<'a, 'b> {
    leaders: &'a mut [Leader<'b>],
    /// The walks by eights, as they stand among the leaders.
    groups: &'a [Group<'a>],
    rates: &'a [f64],
    holds: &'a [Holds],
    lists: &'a mut Lists,
    settling: &'a mut Settling,
}

/// What a worker reuses from tile to tile.
#[derive(Debug, Default)]
struct Scratch {
    tightening: Tightening,
    distance: Vec<f64>,
    stops: Stops,
    holds: Vec<Holds>,
    map: Map,
    doors: Doors,
    lists: Lists,
    crowds: Crowds,
    settling: Settling,
    halfway: windows::Halfway,
    entries: Entries,
}

/// What combinations that are settled plainly need.
#[derive(Debug, Default)]
struct Settling {
    distance: Vec<f64>,
    trades: Vec<walk::Trade>,
    /// Buy and sell of the last one, and which it was.
    orders: [Map; 2],
    built: Option<Item>,
}

impl Sweep {
    /// Builds what the whole grid shares.
    ///
    /// # Errors
    /// None that a checked task has.
    pub fn new(task: impl Into<Arc<Task>>, tier: Tier) -> Result<Self> {
        Self::with_windows(task.into(), tier, windows::LONGEST, None)
    }

    /// The same with windows of so many bars, or what suits, on histories longer than `longest`.
    fn with_windows(
        task: Arc<Task>,
        tier: Tier,
        longest: usize,
        window: Option<usize>,
    ) -> Result<Self> {
        let layout = Layout::new(task.kernel, &task.grid)?;
        let market =
            Market::new(&task.shared, task.bars(), &task.slices, task.kernel.shorts, task.account);
        // A sweep of no phases has no bars.
        let Layout { entries, prices, multipliers, .. } = layout;
        let (bars, shorts, hull) = (market.len().max(1), task.kernel.shorts, task.kernel.hull);
        let kept = |bytes: usize| entries * bars * bytes <= KEPT_BYTES;
        let modes = task.kernel.modes;
        let tables = prices * if shorts { 1 + multipliers } else { 1 };
        let most = WORKER_BYTES / (STOP_BYTES * bars * tables);
        let cached = CACHED_BYTES / (STOP_BYTES * bars);
        let is_long = bars > longest && market.compounds();
        let (suits, window_rows) = windows::sizes(tables);
        let window = is_long.then(|| window.unwrap_or(suits));
        let plan = modes.then(|| Plan::of(&layout, &market, window.unwrap_or(bars)));
        let phases = market.spans.len().max(1);
        let (block_rows, block_walks) = if is_long {
            (window_rows, window_rows * phases)
        } else if modes {
            // Crowds share what an entry costs between all rows.
            (crowd::TILE_ROWS.min(most), usize::MAX)
        } else {
            // Walks of a block fill the lanes. What rows that do not lead everywhere add to a block is
            // hardly read.
            let wanted = cached.max(lockstep::LANES.div_ceil(phases)).min(most).max(1);
            ((2 * wanted).min(most), (wanted * phases).next_multiple_of(lockstep::LANES))
        };
        let at_opens = if hull { market.rates_at_opens(shorts) } else { Vec::new() };
        let mut sweep = Self {
            classes: Vec::new(),
            buys: None,
            doors: None,
            passes: Vec::new(),
            at_opens,
            tier,
            block_rows: block_rows.max(1),
            block_walks,
            window,
            plan,
            returns: OnceLock::new(),
            spare: Mutex::default(),
            task,
            layout,
            market,
        };
        sweep.classes = sweep.tightening_classes()?;
        for gate in sweep.layout.gates.iter().filter(|_| hull) {
            for &method in &sweep.layout.methods {
                let gate = Shut::new(&sweep.task.shared.series, gate, method);
                sweep.passes.push(gate.passes(&sweep.market.bars, shorts));
            }
        }
        if modes && !is_long && kept(BUY_BYTES) {
            let build = |entry| {
                let (mut distance, mut order) = (Vec::new(), Order::default());
                sweep.buy(entry, &Shut::Never, &mut distance, &mut order);
                order
            };
            sweep.buys = Some((0..entries).into_par_iter().map(build).collect());
        }
        if !modes && !is_long && kept(multipliers * sweep.door_bytes()) {
            let build = |i| {
                let (mut scratch, mut doors) = (Scratch::default(), Doors::default());
                sweep.build_doors(i / multipliers, i % multipliers, &mut scratch, &mut doors);
                doors
            };
            sweep.doors = Some((0..entries * multipliers).into_par_iter().map(build).collect());
        }
        Ok(sweep)
    }

    /// Bytes of [`Doors`], by bar.
    fn door_bytes(&self) -> usize {
        let sides = if self.task.kernel.shorts { 2 } else { 1 };
        sides * (4 + if self.task.kernel.hull { 16 } else { 8 })
    }

    #[inline(always)]
    fn buy(&self, entry: usize, gate: &Shut<'_>, distance: &mut Vec<f64>, order: &mut Order) {
        let buy = &self.layout.buys[entry];
        self.market.entry(&self.task.shared.series, buy, true, gate, distance, &mut order.map);
        self.market.terms.opens::<Long>(order);
    }

    /// Finds tightenings that are equal in every bar, such as those of equal ratios, and those that
    /// never tighten.
    fn tightening_classes(&self) -> Result<Vec<u32>> {
        // Those of a long history, piece by piece.
        let bars = &self.market.bars;
        let pieces = || {
            let piece = |first: usize| first..bars.end.min(first + CURVE);
            bars.clone().step_by(CURVE).map(piece)
        };
        let curves =
            |index: usize, bars: &Range<usize>, (one, out): &mut (Tightening, Vec<f64>)| {
                out.clear();
                for price in 0..self.layout.prices {
                    let (stop, _) = self.layout.stops(index, price, 0)?;
                    out.extend_from_slice(one.of(&self.task.shared.series, &stop, bars));
                }
                Ok(())
            };
        let hashes: Vec<u64> = (0..self.layout.tightenings())
            .into_par_iter()
            .map_init(Default::default, |buffer, i| {
                pieces().try_fold(0, |hash, bars| {
                    curves(i, &bars, buffer).map(|()| hash_of(&buffer.1, hash))
                })
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
                for bars in pieces() {
                    curves(i, &bars, mine)?;
                    curves(first as usize, &bars, other)?;
                    if mine.1.iter().zip(&other.1).any(|(a, b)| a.to_bits() != b.to_bits()) {
                        return Ok(i as u32);
                    }
                }
                Ok(first)
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
        self.task.columns(&range, |phases| self.run_into(range.clone(), phases))
    }

    /// Computes the figures that every sweep has.
    fn run_figures(&self, range: &Range<u64>, phases: Vec<Cells<'_>>) -> Result<()> {
        let blocks: Vec<Vec<Tile<Cells<'_>>>> = self
            .tiles(range, phases)
            .into_par_iter()
            .with_max_len(1)
            .map(|tile| match self.window {
                None => self.with_scratch(Distinguish { sweep: self, tile }),
                Some(bars) => self.with_scratch(DistinguishWindows { sweep: self, tile, bars }),
            })
            .collect::<Result<_>>()?;
        let blocks: Vec<Tile<Cells<'_>>> = blocks.into_iter().flatten().collect();
        blocks.into_par_iter().with_max_len(1).try_for_each(|tile| match self.window {
            None => self.with_scratch(Compute { sweep: self, tile }),
            Some(bars) => self.with_scratch(ComputeWindows { sweep: self, tile, bars }),
        })
    }

    /// Does work as this sweep's tier, with what an earlier worker has left.
    fn with_scratch<W: Job>(&self, job: W) -> W::Output {
        let spare = || self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scratch = spare().pop().unwrap_or_default();
        let output = self.tier.run(Working { job, scratch: &mut scratch });
        spare().push(scratch);
        output
    }

    /// Fewest entries of a tile, so that its stops are worth building.
    fn tile_entries(&self) -> usize {
        let entry_len = self.layout.entry_len();
        match &self.plan {
            Some(plan) if self.window.is_some() => {
                let marches = self.layout.prices * self.layout.multipliers * self.block_rows;
                (windows::HELD_BYTES / (marches * crowd::march_bytes(plan))).max(1)
            }
            Some(_) => crowd::TILE_CELLS.div_ceil(entry_len),
            None => TILE_WALKS.div_ceil(entry_len * self.block_walks),
        }
    }

    /// Cuts the combinations of a range into tiles: rows with equal tightenings together, and as many
    /// entries as make the building of the rows' stops worth while.
    fn tiles<C: SplitCells>(&self, range: &Range<u64>, mut phases: Vec<C>) -> Vec<Tile<C>> {
        let Layout { entries, .. } = self.layout;
        let (row_len, entry_len) = (self.layout.row_len() as u64, self.layout.entry_len());
        let mut wanted = self.tile_entries();
        if self.window.is_some() {
            // Tiles of long histories take long: there should be enough for all threads.
            let blocks = (range.end - range.start).div_ceil(row_len * self.block_rows as u64);
            let threads = rayon::current_num_threads();
            let parts =
                if threads > 1 { (2 * threads).div_ceil(blocks.max(1) as usize) } else { 1 };
            wanted = wanted.min(entries.div_ceil(parts)).max(1);
        }
        let run = entries.div_ceil((entries / wanted).max(1));
        let runs: Vec<Range<usize>> =
            (0..entries).step_by(run).map(|first| first..(first + run).min(entries)).collect();
        // By run of entries: the distinct rows, and where each kind of row is among them.
        let mut rows: Vec<Vec<Row<C>>> = runs.iter().map(|_| Vec::new()).collect();
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
                let piece = Piece::new((index - start) as usize, cells);
                index += count as u64;
                // Parts of a run, at the ends of the range, are not worth a comparison.
                if count == run.len() * entry_len {
                    if let Some(&at) = seen[i].get(&kind) {
                        rows[i][at].copy_to(piece);
                        continue;
                    }
                    seen[i].insert(kind, rows[i].len());
                }
                rows[i].push(Row::new(row, piece));
            }
        }
        let mut tiles = Vec::new();
        for (rows, entries) in rows.into_iter().zip(runs) {
            let mut rows = rows.into_iter().peekable();
            while rows.peek().is_some() {
                let rows = rows.by_ref().take(TILE_ROWS).collect();
                tiles.push(Tile { rows, entries: entries.clone() });
            }
        }
        tiles
    }

    /// Finds the rows of a tile that lead in some phase. What is left are blocks of at most so many rows
    /// and walks, these of about one length, that go together.
    #[inline(always)]
    fn distinguish<C: SplitCells>(
        &self,
        tile: Tile<C>,
        (most, walks): (usize, usize),
        scratch: &mut Scratch,
    ) -> Result<Vec<Tile<C>>> {
        let Scratch { tightening, distance, stops, .. } = scratch;
        let Tile { rows, entries } = tile;
        let cells = entries.len() * self.layout.entry_len() * self.market.spans.len();
        let keep = |bytes: usize| bytes * FIGURES_BY_RUNS <= cells * size_of::<Figures>();
        let mut rows = rows.into_iter().peekable();
        let mut blocks = Vec::new();
        while rows.peek().is_some() {
            stops.clear();
            let mut distinct = Distinct::default();
            while stops.bytes() < RUNS_BYTES
                && let Some(row) = rows.next()
            {
                let before = stops.len();
                self.stops(row.row, tightening, distance, stops)?;
                distinct.add(row, stops, before, &self.market.spans);
            }
            let rows = distinct.sorted(stops, keep);
            for rows in rows::blocks(rows, most, walks) {
                blocks.push(Tile { rows, entries: entries.clone() });
            }
        }
        Ok(blocks)
    }

    /// Passes the distances of a row's stops on, with what they follow: by price, those of the long
    /// one and of the short ones.
    #[inline(always)]
    fn stops(
        &self,
        row: usize,
        tightening: &mut Tightening,
        distance: &mut Vec<f64>,
        out: &mut impl StopSink,
    ) -> Result<()> {
        let (series, market) = (&self.task.shared.series, &self.market);
        let shorts = if self.task.kernel.shorts { self.layout.multipliers } else { 0 };
        for price in 0..self.layout.prices {
            let (stop, _) = self.layout.stops(row, price, 0)?;
            let tightening = tightening.of(series, &stop, &market.bars);
            let view = market.stop(series, &stop, Way::Down, tightening, distance);
            out.take(view, distance);
            for m in 0..shorts {
                if let (_, Some(stop)) = self.layout.stops(row, price, m)? {
                    let view = market.stop(series, &stop, Way::Up, tightening, distance);
                    out.take(view, distance);
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn compute<Q: Quad>(&self, tile: Tile<Cells<'_>>, scratch: &mut Scratch) -> Result<()> {
        let Tile { mut rows, entries } = tile;
        self.build_stops(&mut rows, scratch)?;
        let holds = std::mem::take(&mut scratch.holds);
        if let Some(plan) = &self.plan {
            self.walk_crowds(plan, &mut rows, entries, &holds, scratch);
        } else {
            self.walk_block::<Q>(&mut rows, entries, &holds, scratch);
        }
        scratch.holds = holds;
        rows.iter_mut().for_each(Row::copy);
        Ok(())
    }

    /// Whether a tile has a combination with these entries.
    fn is_wanted<C: SplitCells>(&self, rows: &[Row<C>], item: Item) -> bool {
        let Layout { modes, boths, .. } = &self.layout;
        let mut cells = (0..modes.len()).flat_map(|m| (0..boths.len()).map(move |b| (m, b)));
        cells.any(|(mode, both)| {
            let at = self.layout.position(item, mode, both);
            rows.iter().any(|row| row.computed.cell(at).is_some())
        })
    }

    /// Builds the tables of the stops of a block.
    #[inline(always)]
    fn build_stops(&self, rows: &mut [Row<Cells<'_>>], scratch: &mut Scratch) -> Result<()> {
        let Scratch { tightening, distance, holds, stops, .. } = scratch;
        let tables = self.tables();
        let (prices, terms) = (self.layout.prices, &self.market.terms);
        holds.resize_with(holds.len().max(rows.len() * prices), Holds::default);
        for (at, (row, holds)) in rows.iter_mut().zip(holds.chunks_mut(prices)).enumerate() {
            row.stops = at;
            let runs = match &row.runs {
                Some(kept) => kept,
                None => {
                    stops.clear();
                    self.stops(row.row, tightening, distance, stops)?;
                    stops.runs()
                }
            };
            // Each stop's last run reaches behind the last bar.
            let mut each = runs.chunk_by(|run, next| run.end < next.end);
            for holds in holds {
                holds.begin(terms, tables);
                for (table, runs) in each.by_ref().take(tables).enumerate() {
                    if table == 0 {
                        holds.set::<Long>(terms, table, runs);
                    } else {
                        holds.set::<Short>(terms, table, runs);
                    }
                }
            }
        }
        Ok(())
    }

    /// Builds the doors of an entry and a multiplier.
    #[inline(always)]
    fn build_doors(
        &self,
        entry: usize,
        multiplier: usize,
        scratch: &mut Scratch,
        doors: &mut Doors,
    ) {
        let Scratch { distance, map: buy, .. } = scratch;
        let (series, market) = (&self.task.shared.series, &self.market);
        let open = &Shut::Never;
        market.entry(series, &self.layout.buys[entry], true, open, distance, buy);
        let sell =
            self.layout.sells.get(entry * self.layout.multipliers + multiplier).map(|sell| {
                let mut map = Map::default();
                market.entry(series, sell, false, open, distance, &mut map);
                map
            });
        doors.set(&market.terms, buy, sell.as_ref(), &self.at_opens);
    }

    /// Walks all combinations of a block with some entries, of a strategy without modes.
    #[inline(always)]
    fn walk_block<Q: Quad>(
        &self,
        rows: &mut [Row<Cells<'_>>],
        entries: Range<usize>,
        holds: &[Holds],
        scratch: &mut Scratch,
    ) {
        let prices = self.layout.prices;
        // Those of one phase stand together: their walks are of about one length.
        let mut leaders = Vec::new();
        for phase in 0..self.market.spans.len() {
            for (row, equals) in rows.iter_mut().enumerate().filter(|(_, row)| row.leads(phase)) {
                let cells = equals.computed.take(phase);
                leaders.push(Leader { row, phase, first: equals.computed.first, cells });
            }
        }
        let groups: Vec<Vec<Group<'_>>> = (0..prices)
            .map(|price| {
                let walk = |leader: &Leader<'_>| Walk {
                    holds: &holds[rows[leader.row].stops * prices + price],
                    span: self.market.spans[leader.phase],
                    cuts: &self.market.cuts[leader.phase],
                };
                let group =
                    |some: &[Leader<'_>]| Group::new(&some.iter().map(walk).collect::<Vec<_>>());
                leaders.chunks(lockstep::LANES).map(group).collect()
            })
            .collect();
        for entry in entries {
            self.walk_entry::<Q>(&mut leaders, &groups, entry, holds, scratch);
        }
        for Leader { row, phase, cells, .. } in leaders {
            rows[row].computed.phases[phase] = cells;
        }
    }

    /// Walks all combinations of a block with an entry.
    #[inline(always)]
    fn walk_entry<Q: Quad>(
        &self,
        leaders: &mut [Leader<'_>],
        groups: &[Vec<Group<'_>>],
        entry: usize,
        holds: &[Holds],
        scratch: &mut Scratch,
    ) {
        let Layout { prices, multipliers, .. } = self.layout;
        let part = self.market.len() as u32 + 1;
        for multiplier in 0..multipliers {
            let mut own = std::mem::take(&mut scratch.doors);
            let doors = match &self.doors {
                Some(kept) => &kept[entry * multipliers + multiplier],
                None => {
                    self.build_doors(entry, multiplier, scratch, &mut own);
                    &own
                }
            };
            let short = part * (1 + multiplier as u32);
            let (touches, rates) = (&doors.touches[..], &doors.rates[..]);
            for (price, groups) in groups.iter().enumerate() {
                let Scratch { lists, settling, .. } = &mut *scratch;
                let mut going = Going { leaders, groups, rates, holds, lists, settling };
                for gate in 0..self.layout.gates.len() {
                    let item = Item { entry, price, multiplier, gate };
                    match (self.passes.get(gate * prices + price), self.task.kernel.shorts) {
                        (None, _) => {
                            let door = Open { buys: touches };
                            self.walk_item::<Q, _, false>(&mut going, item, door);
                        }
                        (Some(passes), false) => {
                            let door = Gated::<false> { passes, touches, short };
                            self.walk_item::<Q, _, false>(&mut going, item, door);
                        }
                        (Some(passes), true) => {
                            let door = Gated::<true> { passes, touches, short };
                            self.walk_item::<Q, _, true>(&mut going, item, door);
                        }
                    }
                }
            }
            scratch.doors = own;
        }
    }

    /// Walks a combination of all rows of a block that have it.
    #[inline(always)]
    fn walk_item<Q: Quad, D: Door, const SHORTS: bool>(
        &self,
        going: &mut Going<'_, '_>,
        item: Item,
        door: D,
    ) {
        let Going { leaders, groups, rates, holds, lists, settling } = going;
        let at = self.layout.position(item, 0, 0);
        if !leaders.iter().any(|leader| leader.cell(at).is_some()) {
            return;
        }
        let mut figures = [(Figures::NONE, true); lockstep::LANES];
        for (group, leaders) in groups.iter().zip(leaders.chunks_mut(lockstep::LANES)) {
            if self.market.compounds() {
                let terms = &self.market.terms;
                lockstep::walk::<Q, D, SHORTS>(terms, door, rates, group, lists, &mut figures);
            }
            for (leader, &(mut figures, unsure)) in leaders.iter_mut().zip(&figures) {
                let Some(cell) = leader.cell(at) else { continue };
                if unsure {
                    let holds = &holds[leader.row * self.layout.prices + item.price];
                    figures = self.settle(holds, item, leader.phase, settling);
                }
                leader.cells.set(cell, figures);
            }
        }
    }

    /// What a combination comes to by a plain walk and the contract's own operations.
    #[cold]
    #[inline(never)]
    fn settle(&self, holds: &Holds, item: Item, phase: usize, settling: &mut Settling) -> Figures {
        let Item { entry, price, multiplier, gate } = item;
        let Settling { distance, trades, orders: [buy, sell], built } = settling;
        let (series, market) = (&self.task.shared.series, &self.market);
        // The combinations of one entry are settled one after the other.
        if *built != Some(item) {
            let gate = Shut::new(series, &self.layout.gates[gate], self.layout.methods[price]);
            market.entry(series, &self.layout.buys[entry], true, &gate, distance, buy);
            let order = entry * self.layout.multipliers + multiplier;
            if let Some(order) = self.layout.sells.get(order) {
                market.entry(series, order, false, &gate, distance, sell);
            }
            *built = Some(item);
        }
        let sell = self.task.kernel.shorts.then(|| sell.touches());
        let orders = self.orders(buy.touches(), sell, holds, multiplier, 0, 0);
        let span = market.spans[phase];
        walk::trades(&orders, span, trades);
        market.settled(trades, span)
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

impl PreparedSweep for Sweep {
    fn len(&self) -> u64 {
        self.task.len()
    }

    /// Rows that have much in common are computed together.
    fn granule(&self) -> u64 {
        let most = if self.task.extended { EXTENDED_GRANULE } else { GRANULE };
        let rows = (most / self.layout.row_len()).min(self.layout.tightenings());
        let least = if self.task.extended { 1 } else { self.block_rows };
        (rows.max(least) * self.layout.row_len()) as u64
    }

    /// On histories that go window by
    /// window it does not grow with the bars, but for the gates of strategies with modes, at 16 bytes
    /// a bar. What may have been ruined takes 72 bytes a bar more there, for as long as it is looked at.
    /// On others a range keeps the runs of rows that it has told apart until it computes them: at most
    /// an eighth of the bytes of their figures.
    fn worker_bytes(&self) -> usize {
        let extended = if self.task.extended { self.extended_bytes() } else { 0 };
        if let Some(bars) = self.window {
            return self.window_bytes(bars) + extended;
        }
        let Layout { prices, multipliers, .. } = self.layout;
        let shorts = if self.task.kernel.shorts { multipliers } else { 0 };
        let stops = self.block_rows * prices * (1 + shorts) * STOP_BYTES;
        let entries = self.plan.as_ref().map_or_else(|| self.door_bytes(), Plan::worker_bytes);
        // Distances, ratios, factors, and the map that is being built.
        let scratch = 3 * size_of::<f64>() + 12;
        self.market.len() * (stops + entries + scratch) + RUNS_BYTES + extended
    }

    fn run_into(&self, range: Range<u64>, phases: Vec<PhaseCells<'_>>) -> Result<()> {
        self.task.check_cells(&range, &phases)?;
        let (mut figures, mut extended) = (Vec::new(), Vec::new());
        for phase in phases {
            figures.push(phase.figures);
            extended.extend(phase.extended);
        }
        self.run_figures(&range, figures)?;
        if extended.is_empty() { Ok(()) } else { self.run_extended(&range, extended) }
    }

    /// What is far apart shares nothing, so the direct engine computes it.
    fn run_list_into(&self, indices: &[u64], phases: Vec<PhaseCells<'_>>) -> Result<()> {
        direct::Sweep::new(self.task.clone()).run_list_into(indices, phases)
    }

    fn run_blocks_into(
        &self,
        starts: &[u64],
        size: u64,
        phases: Vec<PhaseCells<'_>>,
    ) -> Result<()> {
        let blocks = blocks(starts, size, self.task.len(), phases)?;
        blocks
            .into_par_iter()
            .with_max_len(1)
            .try_for_each(|(range, cells)| self.run_into(range, cells))
    }
}

/// Work on a tile, with what a worker has at hand.
trait Job {
    type Output;
    fn run<Q: Quad>(self, scratch: &mut Scratch) -> Self::Output;
}

/// A tile whose rows are to be told from each other.
struct Distinguish<'a, 'b> {
    sweep: &'a Sweep,
    tile: Tile<Cells<'b>>,
}

impl<'b> Job for Distinguish<'_, 'b> {
    type Output = Result<Vec<Tile<Cells<'b>>>>;

    #[inline(always)]
    fn run<Q: Quad>(self, scratch: &mut Scratch) -> Self::Output {
        let Self { sweep, tile } = self;
        sweep.distinguish(tile, (sweep.block_rows, sweep.block_walks), scratch)
    }
}

/// A tile to be computed.
struct Compute<'a, 'b> {
    sweep: &'a Sweep,
    tile: Tile<Cells<'b>>,
}

impl Job for Compute<'_, '_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<Q: Quad>(self, scratch: &mut Scratch) -> Self::Output {
        self.sweep.compute::<Q>(self.tile, scratch)
    }
}

/// A job to be done by the code of some tier.
struct Working<'a, J> {
    job: J,
    scratch: &'a mut Scratch,
}

impl<J: Job> Work for Working<'_, J> {
    type Output = J::Output;

    #[inline(always)]
    fn run<Q: Quad>(self) -> J::Output {
        self.job.run::<Q>(self.scratch)
    }
}

/// A quick mix of the bits of some numbers, on top of a mix of others.
fn hash_of(values: &[f64], hash: u64) -> u64 {
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
    use crate::engine::direct;
    use crate::execution::settings::Sizing;
    use crate::grid::Grid;
    use crate::market::bars::Bars;
    use crate::strategies::atr_d::EntryStyle;
    use crate::strategies::atr_d::params::VARIANTS;
    use crate::strategies::atr_d::testing::{feeds, grid_of};

    /// Bars that swing enough for every variant to trade, with gaps and flat stretches; in quarters,
    /// or in parts so small that hardly a product of prices is exact.
    fn swings(bars: usize, parts: f64) -> Bars {
        let mut columns: [Vec<f64>; 4] = Default::default();
        for i in 0..bars {
            let x = i as f64;
            let close = 100.0 + 9.0 * (x * 0.7).sin() + 5.0 * (x * 0.13).cos();
            let open = close + if i % 7 == 3 { 4.0 } else { 0.5 };
            let bar = [open, open.max(close) + 1.0, open.min(close) - 1.0, close];
            for (column, x) in columns.iter_mut().zip(bar) {
                column.push((x * parts).round() / parts);
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
        let mut axes: Vec<Vec<f64>> = axes.into();
        if variant.shorts {
            axes.push(vec![0.4, 1.0]);
        }
        if variant.modes {
            axes.extend([vec![0.0, 1.0, 2.0], vec![4.0], vec![-1.0, 0.05], vec![0.0, 1.0]]);
        }
        grid_of(variant, axes, [&[5.0, 12.0], &[9.0, 16.0]])
    }

    /// Account and entry style.
    type Style = (AccountSettings, EntryStyle);

    const USUAL: AccountSettings = AccountSettings {
        capital: 100_000.0,
        slip: 0.0,
        fee: 0.0,
        sizing: Sizing::Compound,
        lot_size: 0.0,
    };
    const PLAIN: Style = (USUAL, EntryStyle::Pullback);

    fn task(variant: Variant, style: Style) -> Arc<Task> {
        task_on(swings(400, 4.0), variant, style)
    }

    fn task_on(bars: Bars, variant: Variant, (account, entry_style): Style) -> Arc<Task> {
        let slices =
            [(100, 200, 260), (150, 290, 400), (101, 102, 103), (180, 181, 399), (140, 300, 301)];
        let slices = slices.map(|(warmup, split, end)| Slice { warmup, split, end });
        let settings = Settings { entry_style, ..Settings::default() };
        let (feeds, grid) = (feeds(variant, bars), grid(variant));
        let task = Task::new(variant, &feeds, grid, account, &settings, slices.into());
        Arc::new(task.expect("a task"))
    }

    #[test]
    fn it_agrees_with_the_direct_engine() {
        for variant in VARIANTS {
            for entry_style in [EntryStyle::Pullback, EntryStyle::Breakout] {
                for (sizing, lot_size) in [(Sizing::Compound, 0.0), (Sizing::Fixed, 10.0)] {
                    let account =
                        AccountSettings { slip: 0.001, fee: 0.0005, sizing, lot_size, ..USUAL };
                    let style = (account, entry_style);
                    let len = grid(variant).len();
                    let wanted =
                        direct::Sweep::new(task(variant, style)).run(0..len).expect("figures");
                    let sweep = Sweep::new(task(variant, style), Tier::best()).expect("a sweep");
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
            let make = |tier| {
                let bars = swings(400, 1e6);
                let task = task_on(bars, variant, PLAIN);
                Sweep::new(task, tier).expect("a sweep")
            };
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

    /// Prices of the bars doubled and halved by turns, now and then, which ruins shorts.
    fn jumps(bars: usize) -> Bars {
        let calm = swings(bars, 4.0);
        let scaled = |column: &[f64]| -> Vec<f64> {
            let scale = |i: usize| if i / 41 % 3 == 1 { 3.0 } else { 1.0 };
            column.iter().enumerate().map(|(i, x)| x * scale(i)).collect()
        };
        let [open, high, low, close] =
            [calm.open(), calm.high(), calm.low(), calm.close()].map(scaled);
        Bars::new(open, high, low, close).expect("valid bars")
    }

    /// The figures of a sweep, bit by bit.
    fn bits(columns: &[Columns]) -> Vec<([u64; 4], [u32; 2])> {
        let cells = columns.iter().flat_map(|phase| (0..phase.len()).map(|i| phase.at(i)));
        let each = |f: Figures| {
            let money = [f.is_pnl, f.oos_pnl, f.is_dd, f.oos_dd];
            (money.map(f64::to_bits), [f.is_trades, f.oos_trades])
        };
        cells.map(each).collect()
    }

    #[test]
    fn windows_change_no_bit() {
        for variant in VARIANTS {
            let mut ruins = 0;
            for (bars, entry_style) in [
                (swings(400, 1e6), EntryStyle::Pullback),
                (swings(400, 4.0), EntryStyle::Breakout),
                (jumps(400), EntryStyle::Pullback),
                (jumps(400), EntryStyle::Breakout),
            ] {
                let account = AccountSettings { slip: 0.001, fee: 0.0005, ..USUAL };
                let make = |longest, window| {
                    let task = task_on(bars.clone(), variant, (account, entry_style));
                    Sweep::with_windows(task, Tier::best(), longest, window).expect("a sweep")
                };
                let len = grid(variant).len();
                let whole = make(usize::MAX, None).run(0..len).expect("figures");
                ruins += whole.iter().flat_map(|p| &p.is_pnl).filter(|x| **x <= -1e5).count();
                let wanted = bits(&whole);
                for window in [1, 2, 7, 50, 299, 1_000] {
                    let found = make(1, Some(window)).run(0..len).expect("figures");
                    let of = (variant.name, entry_style, window);
                    let differs = bits(&found).iter().zip(&wanted).position(|(a, b)| a != b);
                    assert_eq!(differs, None, "{of:?}");
                }
            }
            assert!(ruins > 0 || !variant.shorts, "{}", variant.name);
        }
    }

    #[test]
    fn windows_can_be_divided_too() {
        for variant in VARIANTS {
            let task = || task_on(swings(400, 1e6), variant, PLAIN);
            let make = |tier| Sweep::with_windows(task(), tier, 1, Some(60)).expect("a sweep");
            let (sweep, len) = (make(Tier::Baseline), grid(variant).len());
            let whole = sweep.run(0..len).expect("figures");
            for tier in Tier::ALL.into_iter().filter(|tier| tier.is_here()) {
                assert_eq!(make(tier).run(0..len), Ok(whole.clone()), "{}", tier.name());
            }
            let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().expect("threads");
            let cuts = [0, 1, 18, 61, len / 3, len / 2, len - 5, len];
            for (&start, &stop) in cuts.iter().zip(&cuts[1..]) {
                let part = pool.install(|| sweep.run(start..stop)).expect("figures");
                for (whole, part) in whole.iter().zip(&part) {
                    for i in start..stop {
                        assert_eq!(whole.at(i as usize), part.at((i - start) as usize), "{i}");
                    }
                }
            }
        }
    }
}
