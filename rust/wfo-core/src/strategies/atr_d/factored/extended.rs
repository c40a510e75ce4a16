//! The extended figures: all combinations once more, by plain walks that add up each trade.
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
use crate::figures::{ExtendedCells, SplitCells};

/// What the stops of a block may take.
const MAPS_BYTES: usize = 4 << 20;
/// Bytes of a map, by bar.
const MAP_BYTES: usize = 4 + 8;
/// Most rows of a block: each entry is built once for all of them.
const MOST_ROWS: usize = 32;

/// Why the extended figures cannot be computed with these settings, where they cannot.
pub(super) fn lacks(account: &AccountSettings) -> Option<String> {
    let compounds = account.sizing == Sizing::Compound && account.lot_size == 0.0;
    (!compounds).then(|| {
        "its extended figures need trades that take the whole equity: compound sizing, no lots"
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

    /// The labels of some bars, each with the bars of a run that has it.
    fn runs(
        &self,
        labels: &Labels,
        base: usize,
        bars: Range<usize>,
    ) -> impl Iterator<Item = (usize, usize, usize)> {
        let mut first = bars.start;
        std::iter::from_fn(move || {
            (first < bars.end).then(|| {
                let start = first;
                first = bars.end.min(self.runs[start] as usize);
                (labels.of(base + start), start, first)
            })
        })
    }

    /// What the returns of some bars come to.
    #[inline(always)]
    fn between(&self, from: usize, to: usize) -> [f64; 3] {
        difference(&self.sums[to - 1], &self.sums[from - 1])
    }
}

#[inline(always)]
fn difference(a: &[f64; 3], b: &[f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// What the marks of a short do that is held from the close of its entry on, for an equity of 1, up to
/// some bar: all equities make the same returns.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// Sums of the returns after the entry's bar, as in [`Returns`].
    sums: [f64; 3],
    /// Lowest and highest mark after the entry's bar.
    low: f64,
    high: f64,
    /// The largest relative fall from one of them to a later one.
    fall: f64,
}

/// The courses of a sell's shorts: all combinations with this sell go along them.
#[derive(Debug, Default)]
struct Shorts {
    /// By bar of the entry, the last one of the courses that begin there, counted from 1.
    last: Vec<u32>,
    courses: Vec<Courses>,
    rows: Vec<Course>,
}

/// The courses of a short from one fill on.
#[derive(Debug)]
struct Courses {
    entry: f64,
    from: u32,
    /// The courses of the same bar before this one, counted from 1.
    before: u32,
    /// Rows by bar, from the one behind the entry's on: where the first one stands, and how many.
    first: usize,
    len: usize,
    mark: f64,
    /// Whether marks have come so near to 0 that rounding shows: no row may follow.
    ends: bool,
}

/// Marks below this share of the equity are differences of far larger numbers.
const NEAR_ZERO: f64 = 1e-3;
/// Rows of courses that are held at most.
const COURSES: usize = 1 << 16;

impl Shorts {
    fn clear(&mut self, bars: usize) {
        for courses in &self.courses {
            self.last[courses.from as usize] = 0;
        }
        self.last.resize(bars, 0);
        self.courses.clear();
        self.rows.clear();
    }

    /// The courses of a short from bar `from`, with rows up to bar `to` exclusive where these can be.
    #[inline(always)]
    fn up_to(
        &mut self,
        (from, entry): (u32, f64),
        to: usize,
        settings: &AccountSettings,
        closes: &[f64],
    ) -> &[Course] {
        let mut at = self.last[from as usize];
        while at > 0 && self.courses[at as usize - 1].entry.to_bits() != entry.to_bits() {
            at = self.courses[at as usize - 1].before;
        }
        let needed = to - from as usize - 1;
        let known = at.checked_sub(1).map(|at| &self.courses[at as usize]);
        if !known.is_some_and(|courses| needed <= courses.len || courses.ends) {
            at = self.go_on(at, (from, entry), needed, settings, closes);
        }
        let Courses { first, len, .. } = self.courses[at as usize - 1];
        &self.rows[first..first + len]
    }

    /// Begins courses, or goes on with them, and returns which ones they are.
    #[inline(never)]
    fn go_on(
        &mut self,
        mut at: u32,
        (from, entry): (u32, f64),
        needed: usize,
        settings: &AccountSettings,
        closes: &[f64],
    ) -> u32 {
        let sold = entry * (1.0 - settings.slip);
        let (rate, gain) = (1.0 / sold, sold * (1.0 - settings.fee));
        let mark = |close: f64| 1.0 + rate * (gain - close);
        let len = at.checked_sub(1).map_or(0, |at| self.courses[at as usize].len);
        // Twice as many as there are, so that none are moved often.
        let until = (from as usize + 1 + needed.max(2 * len)).min(closes.len());
        if self.rows.len() + until - from as usize > COURSES {
            self.clear(self.last.len());
            at = 0;
        }
        if at == 0 {
            let before =
                std::mem::replace(&mut self.last[from as usize], self.courses.len() as u32 + 1);
            let mark = mark(closes[from as usize]);
            let (first, ends) = (self.rows.len(), mark < NEAR_ZERO || needed > COURSES);
            self.courses.push(Courses { entry, from, before, first, len: 0, mark, ends });
            at = self.courses.len() as u32;
        }
        let courses = &mut self.courses[at as usize - 1];
        if courses.first + courses.len < self.rows.len() {
            let first = self.rows.len();
            self.rows.extend_from_within(courses.first..courses.first + courses.len);
            courses.first = first;
        }
        let mut course = match courses.len {
            0 => Course::EMPTY,
            _ => self.rows[self.rows.len() - 1],
        };
        for &close in &closes[from as usize + 1 + courses.len..until] {
            let next = mark(close);
            courses.ends |= next < NEAR_ZERO;
            if courses.ends {
                break;
            }
            course = course.then(courses.mark, next);
            courses.mark = next;
            courses.len += 1;
            self.rows.push(course);
        }
        at
    }
}

impl Course {
    const EMPTY: Self =
        Self { sums: [0.0; 3], low: f64::INFINITY, high: f64::NEG_INFINITY, fall: 0.0 };

    /// This course, and one more mark after the one before it.
    #[inline(always)]
    fn then(self, before: f64, mark: f64) -> Self {
        let r = mark / before - 1.0;
        let square = r * r;
        let [sum_r, sum_r2, sum_down2] = self.sums;
        let high = self.high.max(mark);
        Self {
            sums: [sum_r + r, sum_r2 + square, sum_down2 + if r < 0.0 { square } else { 0.0 }],
            low: self.low.min(mark),
            high,
            fall: self.fall.max(1.0 - mark / high),
        }
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
    shorts: Shorts,
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

impl<C: SplitCells> Job for DistinguishExtended<'_, C> {
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
    /// Computes the extended figures.
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
        let rows = self.extended_rows();
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

    /// Rows of a block.
    fn extended_rows(&self) -> usize {
        let each = MAP_BYTES * self.market.len().max(1) * self.layout.prices * self.tables();
        (MAPS_BYTES / each).clamp(1, MOST_ROWS)
    }

    /// Memory that each worker holds for the extended figures, in bytes.
    pub(super) fn extended_bytes(&self) -> usize {
        let stops = self.extended_rows() * self.layout.prices * self.tables();
        let entries = 1 + if self.task.kernel.shorts { self.layout.gates.len() } else { 0 };
        let courses = COURSES * size_of::<Course>();
        (stops + entries) * MAP_BYTES * self.market.len() + courses
    }

    #[inline(always)]
    fn compute_extended(&self, tile: Tile<ExtendedCells<'_>>, scratch: &mut Scratch) -> Result<()> {
        let Tile { mut rows, entries } = tile;
        let labels = self.task.labels.as_ref();
        let market = &self.market;
        let returns =
            self.returns.get_or_init(|| Returns::new(market.terms.closes(), &market.bars, labels));
        self.build_maps(&rows, scratch)?;
        let Entries { distance, stops, buy, sells, shorts: courses, ways } = &mut scratch.entries;
        let mut adding =
            Adding { sweep: self, returns, shorts: courses, extended: Extended::new(labels) };
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
                    adding.shorts.clear(market.len());
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
    shorts: &'a mut Shorts,
    extended: Extended<'a>,
}

/// What bars at whose closes a position is held are added up with.
struct Hold<'a> {
    returns: &'a Returns,
    stretches: &'a Stretches,
    settings: &'a AccountSettings,
    labels: Option<&'a Labels>,
    base: usize,
    closes: &'a [f64],
}

impl Hold<'_> {
    /// Adds up bars `from..to` of a position.
    #[inline(always)]
    fn add(
        &self,
        account: &mut Account<'_, &mut Extended<'_>>,
        shorts: &mut Shorts,
        held: &Holding,
        from: u32,
        to: u32,
    ) {
        let Self { returns, stretches, settings, labels, base, closes } = *self;
        let (entry, position, equity) = (from, held.position, account.equity());
        let mark = |close: f64| equity + position.profit(close);
        let (from, to) = (from as usize, to as usize);
        let extended = account.recorder();
        extended.add_bar(base + from, mark(closes[from]), true);
        let from = from + 1;
        if from >= to {
            return;
        }
        let last = mark(closes[to - 1]);
        if position.side == Side::Long {
            let stretch = stretches.between(from, to);
            let marks = [mark(-stretch.neg_low), mark(stretch.high), last];
            let fall = || -(-returns.logs.between(from, to).fall).exp_m1();
            extended.add_run((to - from) as u32, returns.between(from, to), marks, fall);
            if let Some(labels) = labels {
                for (label, first, end) in returns.runs(labels, base, from..to) {
                    let [r, r2, _] = returns.between(first, end);
                    extended.add_to_label(label, r, r2);
                }
            }
            return;
        }
        // From its entry on, a short goes along a course that many others go too.
        if held.entry_bar == base + entry as usize {
            let rows = shorts.up_to((entry, held.entry_price), to, settings, closes);
            if let Some(course) = rows.get(to - 1 - from) {
                let marks = [equity * course.low, equity * course.high, last];
                extended.add_run((to - from) as u32, course.sums, marks, || course.fall);
                if let Some(labels) = labels {
                    let before =
                        |t: usize| if t == from { [0.0; 3] } else { rows[t - 1 - from].sums };
                    for (label, first, end) in returns.runs(labels, base, from..to) {
                        let [r, r2, _] = difference(&rows[end - 1 - from].sums, &before(first));
                        extended.add_to_label(label, r, r2);
                    }
                }
                return;
            }
        }
        for (t, &close) in (base + from..).zip(&closes[from..to]) {
            extended.add_bar(t, mark(close), true);
        }
    }
}

impl Adding<'_> {
    /// Adds up the trades of a phase.
    fn add_up(&mut self, trades: &[walk::Trade], span: Span) {
        let Self { sweep, returns, shorts, extended } = self;
        let (market, labels) = (&sweep.market, sweep.task.labels.as_ref());
        let (base, closes) = (market.bars.start, market.terms.closes());
        let (settings, stretches) = (&market.settings, market.terms.stretches());
        let hold = Hold { returns, stretches, settings, labels, base, closes };
        extended.begin(settings.capital);
        let mut account = Account::recorded(settings, extended);
        let (mut is_out_of_sample, mut turned) = (false, None);
        for (i, trade) in trades.iter().enumerate() {
            let bar = base + trade.from as usize;
            let held = turned.take().unwrap_or_else(|| account.enter(trade.side, bar, trade.entry));
            let mut from = trade.from;
            if !is_out_of_sample && trade.to >= span.split {
                if from < span.split {
                    hold.add(&mut account, shorts, &held, from, span.split);
                    account.mark(held.position, closes[span.split as usize - 1]);
                    from = span.split;
                }
                account.restart();
                is_out_of_sample = true;
            }
            let to = trade.to.min(span.end);
            if from < to {
                hold.add(&mut account, shorts, &held, from, to);
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
