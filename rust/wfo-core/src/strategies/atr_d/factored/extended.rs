//! The figures on demand: all combinations once more, by plain walks that add up each trade.
//!
//! The returns of bars inside a long are those of its closes, whatever the equity: their sums come from
//! tables by bar, and so does the largest relative fall of its marks. What a short's marks do depends on
//! its fill, so its bars are added one by one, as are the bars of all entries and exits. Equity and
//! trades come from the [`Account`], and have the same bits as in [`direct`](crate::engine::direct).
//!
//! Rows are told apart as for the figures that every sweep has, and copied where their stops are equal.

use std::ops::Range;

use rayon::prelude::*;

use super::layout::{Gate, Item};
use super::maps::{Map, View};
use super::market::Shut;
use super::quad::Quad;
use super::rows::{Piece, Row, StopSink};
use super::stretches::Stretches;
use super::walk::{self, Orders, Span};
use super::{Job, Scratch, Sweep, Tile};
use crate::error::{Error, Result};
use crate::execution::account::{Account, Holding, Side};
use crate::execution::extended::{Extended, Labels};
use crate::execution::settings::{AccountSettings, Sizing};
use crate::figures::{Cut, ExtendedCells};

/// What the stops of a block may take.
const MAPS_BYTES: usize = 4 << 20;
/// Bytes of a map, by bar.
const MAP_BYTES: usize = 4 + 8;
/// Most rows of a block: each entry is built once for all of them.
const MOST_ROWS: usize = 32;

/// Why the figures on demand cannot be computed with these settings, where they cannot.
pub(super) fn lacks(account: &AccountSettings) -> Option<String> {
    let compounds = account.sizing == Sizing::Compound && account.lot_size == 0.0;
    (!compounds).then(|| {
        "its figures on demand need trades that take the whole equity: compound sizing, no lots"
            .to_owned()
    })
}

/// What the closes do to the marks of a long, by bar, and the labels of the bars.
#[derive(Debug)]
pub(super) struct Returns {
    /// Sums of the returns up to each bar, of their squares, and of the squares of those below 0.
    sums: Vec<[f64; 3]>,
    /// The logarithms of the closes, whose falls are relative ones.
    logs: Stretches,
    /// By bar, where the run of bars with its label ends.
    runs: Vec<u32>,
}

impl Returns {
    fn new(closes: &[f64], bars: &Range<usize>, labels: Option<&Labels>) -> Self {
        let mut sums = vec![[0.0; 3]; closes.len()];
        // With what rounding takes from each sum, so that differences of long ones are exact enough.
        let (mut total, mut lost) = ([0.0; 3], [0.0; 3]);
        for (t, pair) in (1..).zip(closes.windows(2)) {
            let r = pair[1] / pair[0] - 1.0;
            let terms = [r, r * r, if r < 0.0 { r * r } else { 0.0 }];
            for i in 0..3 {
                let sum: f64 = total[i] + terms[i];
                let back = sum - total[i];
                lost[i] += (total[i] - (sum - back)) + (terms[i] - back);
                total[i] = sum;
                sums[t][i] = sum + lost[i];
            }
        }
        let logs: Vec<f64> = closes.iter().map(|close| close.ln()).collect();
        let mut runs = Vec::new();
        if let Some(labels) = labels {
            runs = vec![closes.len() as u32; closes.len()];
            for t in (1..closes.len()).rev() {
                let bar = bars.start + t;
                let ends = labels.of(bar - 1) != labels.of(bar);
                runs[t - 1] = if ends { t as u32 } else { runs[t] };
            }
        }
        Self { sums, logs: Stretches::new(&logs), runs }
    }

    /// What the returns of some bars come to.
    #[inline(always)]
    fn between(&self, from: usize, to: usize) -> [f64; 3] {
        let (before, last) = (&self.sums[from - 1], &self.sums[to - 1]);
        std::array::from_fn(|i| last[i] - before[i])
    }
}

/// The maps of a block's stops and of an entry.
#[derive(Debug, Default)]
pub(super) struct Entries {
    distance: Vec<f64>,
    /// By row, price and table.
    stops: Vec<Map>,
    buy: Map,
    /// By veto.
    sells: Vec<Map>,
    ways: Ways,
}

/// The different trades that combinations of one row and entry have made in a phase: modes and gates
/// often change nothing.
#[derive(Debug, Default)]
struct Ways {
    /// Where each way ends in `trades`, and the first cell that went it.
    ends: Vec<(usize, usize)>,
    trades: Vec<walk::Trade>,
    /// The trades of the combination at hand.
    next: Vec<walk::Trade>,
}

impl Ways {
    fn clear(&mut self) {
        self.ends.clear();
        self.trades.clear();
    }

    /// The first cell that made the same trades; where there is none, `cell` is from now on.
    fn known(&mut self, cell: usize) -> Option<usize> {
        let mut start = 0;
        for &(end, cell) in &self.ends {
            let trades = &self.trades[start..end];
            if trades.len() == self.next.len()
                && trades.last() == self.next.last()
                && trades == self.next
            {
                return Some(cell);
            }
            start = end;
        }
        self.trades.extend_from_slice(&self.next);
        self.ends.push((self.trades.len(), cell));
        None
    }
}

/// Stops that become maps, one after the other.
struct MapSink<'a> {
    maps: std::slice::IterMut<'a, Map>,
}

impl StopSink for MapSink<'_> {
    #[inline(always)]
    fn take(&mut self, view: &View, distance: &[f64]) {
        if let Some(map) = self.maps.next() {
            view.follow(distance, map);
        }
    }
}

/// Rows that are to be told from each other.
struct DistinguishExtended<'a, C> {
    sweep: &'a Sweep,
    tile: Tile<C>,
    rows: usize,
}

impl<C: Cut> Job for DistinguishExtended<'_, C> {
    type Output = Result<Vec<Tile<C>>>;

    #[inline(always)]
    fn run<Q: Quad>(self, scratch: &mut Scratch) -> Self::Output {
        let Self { sweep, tile, rows } = self;
        sweep.distinguish(tile, (rows, usize::MAX), scratch)
    }
}

/// A tile to be computed.
struct ComputeExtended<'a, 'b> {
    sweep: &'a Sweep,
    tile: Tile<ExtendedCells<'b>>,
}

impl Job for ComputeExtended<'_, '_> {
    type Output = Result<()>;

    #[inline(always)]
    fn run<Q: Quad>(self, scratch: &mut Scratch) -> Self::Output {
        self.sweep.compute_extended(self.tile, scratch)
    }
}

impl Sweep {
    /// Computes the figures on demand.
    ///
    /// # Errors
    /// Settings that they cannot be computed with.
    pub(super) fn run_extended(
        &self,
        range: &Range<u64>,
        phases: Vec<ExtendedCells<'_>>,
    ) -> Result<()> {
        if let Some(reason) = lacks(&self.task.account) {
            return Err(Error::Lacks { engine: "factored", reason });
        }
        let each = MAP_BYTES * self.market.len().max(1) * self.layout.prices * self.tables();
        let rows = (MAPS_BYTES / each).clamp(1, MOST_ROWS);
        let blocks: Vec<Vec<_>> = self
            .tiles(range, phases)
            .into_par_iter()
            .with_max_len(1)
            .map(|tile| self.with_scratch(DistinguishExtended { sweep: self, tile, rows }))
            .collect::<Result<_>>()?;
        let blocks: Vec<_> = blocks.into_iter().flatten().collect();
        blocks
            .into_par_iter()
            .with_max_len(1)
            .try_for_each(|tile| self.with_scratch(ComputeExtended { sweep: self, tile }))
    }

    #[inline(always)]
    fn compute_extended(&self, tile: Tile<ExtendedCells<'_>>, scratch: &mut Scratch) -> Result<()> {
        let Tile { mut rows, entries } = tile;
        let labels = self.task.labels.as_ref();
        let market = &self.market;
        let returns =
            self.returns.get_or_init(|| Returns::new(market.terms.closes(), &market.bars, labels));
        self.build_maps(&rows, scratch)?;
        let mut adding = Adding { sweep: self, returns, extended: Extended::new(labels) };
        let Entries { distance, stops, buy, sells, ways } = &mut scratch.entries;
        let (layout, series) = (&self.layout, &self.task.shared.series);
        let (shorts, hull) = (self.task.kernel.shorts, self.task.kernel.hull);
        // Sells that differ, and whether combinations of a row and an entry may trade alike.
        let gated = if hull { 1 } else { layout.gates.len() };
        let may_repeat = self.task.kernel.modes;
        let per_row = layout.prices * self.tables();
        for entry in entries {
            let (mut is_built, mut built) = (false, None);
            for (multiplier, price) in pairs(layout.multipliers, layout.prices) {
                let gates = 0..layout.gates.len();
                let item = |gate| Item { entry, price, multiplier, gate };
                if !gates.clone().any(|gate| self.is_wanted(&rows, item(gate))) {
                    continue;
                }
                // Hull averages are asked on the way; a veto gates sells alone, and knows no price.
                let gate = |gate: usize| match &layout.gates[gate] {
                    Gate::Hull { .. } => Shut::Never,
                    gate => Shut::new(series, gate, layout.methods[0]),
                };
                if !is_built {
                    let order = &layout.buys[entry];
                    market.entry(series, order, true, &Shut::Never, distance, buy);
                    is_built = true;
                }
                if shorts && built != Some(multiplier) {
                    let order = &layout.sells[entry * layout.multipliers + multiplier];
                    sells.resize_with(gated, Map::default);
                    for (i, map) in (0..gated).zip(&mut *sells) {
                        market.entry(series, order, false, &gate(i), distance, map);
                    }
                    built = Some(multiplier);
                }
                for (row, stops) in rows.iter_mut().zip(stops.chunks(per_row)) {
                    let stops = &stops[price * self.tables()..];
                    let orders = |gate: usize, mode: usize, both: usize| Orders {
                        buy: buy.touches(),
                        long_stop: stops[0].touches(),
                        short: shorts.then(|| {
                            (sells[gate.min(gated - 1)].touches(), stops[1 + multiplier].touches())
                        }),
                        entry_mode: layout.modes[mode],
                        both_triggered: layout.boths[both],
                        ways: market.ways(),
                    };
                    let Piece { first, len, .. } = row.computed;
                    let cell = |at: usize| at.checked_sub(first).filter(|&cell| cell < len);
                    let leads = row.computed.phases.iter_mut().zip(&market.spans);
                    for (cells, &span) in leads.filter(|(cells, _)| !cells.is_empty()) {
                        ways.clear();
                        for gate in gates.clone() {
                            for (mode, both) in pairs(layout.modes.len(), layout.boths.len()) {
                                let at = layout.position(item(gate), mode, both);
                                let Some(cell) = cell(at) else { continue };
                                let orders = orders(gate, mode, both);
                                if hull {
                                    let passes = &self.passes[gate * layout.prices + price];
                                    let (opens, out) = (market.opens(), &mut ways.next);
                                    walk::gated_trades(&orders, passes, opens, span, out);
                                } else {
                                    walk::trades(&orders, span, &mut ways.next);
                                }
                                match may_repeat.then(|| ways.known(cell)).flatten() {
                                    Some(known) => cells.repeat(known, cell),
                                    None => {
                                        adding.add_up(&ways.next, span);
                                        let extended = &adding.extended;
                                        cells.set(cell, &extended.parts(), extended.sums());
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        rows.iter_mut().for_each(Row::copy);
        Ok(())
    }

    /// Builds the maps of the stops of some rows.
    #[inline(always)]
    fn build_maps(&self, rows: &[Row<ExtendedCells<'_>>], scratch: &mut Scratch) -> Result<()> {
        let Scratch { tightening, distance, entries, .. } = scratch;
        let (bars, per_row) = (self.market.len(), self.layout.prices * self.tables());
        let maps = &mut entries.stops;
        maps.resize_with(rows.len() * per_row, Map::default);
        for (row, maps) in rows.iter().zip(maps.chunks_mut(per_row)) {
            if let Some(runs) = &row.runs {
                // Each stop's last run reaches behind the last bar.
                let each = runs.chunk_by(|run, next| run.end < next.end);
                maps.iter_mut().zip(each).for_each(|(map, runs)| map.set(bars, runs));
            } else {
                self.stops(row.row, tightening, distance, &mut MapSink { maps: maps.iter_mut() })?;
            }
        }
        Ok(())
    }
}

/// All pairs of two positions, the second varying fastest.
fn pairs(first: usize, second: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..first).flat_map(move |a| (0..second).map(move |b| (a, b)))
}

/// What adds up the trades of one phase after the other.
struct Adding<'a> {
    sweep: &'a Sweep,
    returns: &'a Returns,
    extended: Extended<'a>,
}

impl Adding<'_> {
    /// Adds up the trades of a phase.
    fn add_up(&mut self, trades: &[walk::Trade], span: Span) {
        let Self { sweep, returns, extended } = self;
        let (market, labels) = (&sweep.market, sweep.task.labels.as_ref());
        let (base, closes) = (market.bars.start, market.terms.closes());
        let settings = &market.settings;
        extended.begin(settings.capital);
        let mut account = Account::recorded(settings, extended);
        let hold = |account: &mut Account<'_, &mut Extended<'_>>, held: Holding, from, to| {
            let (from, to): (u32, u32) = (from, to);
            let (from, to) = (from as usize, to as usize);
            let (position, equity) = (held.position, account.equity());
            let mark = |close: f64| equity + position.profit(close);
            let extended = account.recorder();
            extended.add_bar(base + from, mark(closes[from]), true);
            let from = from + 1;
            if position.side == Side::Short {
                for (t, &close) in (base + from..).zip(&closes[from..to]) {
                    extended.add_bar(t, mark(close), true);
                }
            } else if from < to {
                let stretch = market.terms.stretches().between(from, to);
                let marks = [-stretch.neg_low, stretch.high, closes[to - 1]].map(mark);
                let fall = || -(-returns.logs.between(from, to).fall).exp_m1();
                extended.add_run((to - from) as u32, returns.between(from, to), marks, fall);
                if let Some(labels) = labels {
                    let mut first = from;
                    while first < to {
                        let end = to.min(returns.runs[first] as usize);
                        let [r, r2, _] = returns.between(first, end);
                        extended.add_to_label(labels.of(base + first), r, r2);
                        first = end;
                    }
                }
            }
        };
        let (mut is_out_of_sample, mut turned) = (false, None);
        for (i, trade) in trades.iter().enumerate() {
            let bar = base + trade.from as usize;
            let held = turned.take().unwrap_or_else(|| account.enter(trade.side, bar, trade.entry));
            let mut from = trade.from;
            if !is_out_of_sample && trade.to >= span.split {
                if from < span.split {
                    hold(&mut account, held, from, span.split);
                    account.mark(held.position, closes[span.split as usize - 1]);
                    from = span.split;
                }
                account.restart();
                is_out_of_sample = true;
            }
            let to = trade.to.min(span.end);
            if from < to {
                hold(&mut account, held, from, to);
            }
            if trade.to >= span.end {
                break;
            }
            let bar = base + trade.to as usize;
            // Nothing but a reversal enters in a bar in which a trade of an earlier one closes.
            let is_reversal = trade.from < trade.to
                && trades.get(i + 1).is_some_and(|next| next.from == trade.to);
            if is_reversal {
                turned = account.reverse(held, bar, trade.exit);
            } else {
                account.leave(held, bar, trade.exit);
            }
            if turned.is_none() {
                let mark = account.marked();
                account.recorder().add_bar(bar, mark, false);
            }
            if account.is_ruined() {
                for t in trade.to + 1..span.end {
                    if t == span.split {
                        account.restart();
                        is_out_of_sample = true;
                    }
                    let mark = account.marked();
                    account.recorder().add_bar(base + t as usize, mark, false);
                }
                break;
            }
        }
        if !is_out_of_sample {
            account.restart();
        }
    }
}
