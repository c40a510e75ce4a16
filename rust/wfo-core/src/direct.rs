//! The direct engine: bar by bar over indicator series that are computed once and shared.
//!
//! It is the readable one of the fast engines: a parameter set is simulated by a loop over bars, as
//! in the Numba reference. A grid is cheaper than its parts because every indicator is computed once
//! per distinct length, and the stops' distances once per run of combinations that share them.

use std::ops::Range;

use rayon::prelude::*;

use crate::atr_d::{BothTriggered, EntryMode, Params, Stop, Variant};
use crate::bars::Bars;
use crate::error::Result;
use crate::figures::{Cells, Columns, Figures, Simulation, Trade};
use crate::grid::Cursor;
use crate::indicators::PriceMethod;
use crate::money::{Account, Position, Side};
use crate::series::{Data, Offset, Series, Trend};
use crate::settings::{EntryStyle, Settings};
use crate::slice::Slice;
use crate::task::Task;
use crate::touches::{self, Touch};

/// Combinations a worker takes at a time: a millisecond or more of work, so that handing it out does
/// not show, and few enough that the workers finish together.
const CHUNK: u64 = 256;

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
    let mut stops = StopCache::new(data.bars.len(), slice.warmup - 1..slice.end);
    let mut diary = Diary { trades: Vec::new(), equity: vec![f64::NAN; slice.end] };
    diary.equity[..slice.warmup].fill(settings.capital);
    let walk = Walk::new(data, &settings, &series, stops.get(&series, &params), &params);
    let figures = walk.run(slice, &mut diary);
    Ok(Simulation { figures, trades: diary.trades, equity: diary.equity })
}

/// A grid over one history, ready to be computed in any pieces and order.
#[derive(Debug)]
pub struct Sweep {
    task: Task,
}

impl Sweep {
    /// Takes over the task.
    #[must_use]
    pub fn new(task: Task) -> Self {
        Self { task }
    }

    /// Memory that each worker holds, in bytes, beside the results.
    #[must_use]
    pub fn worker_bytes(&self) -> usize {
        // The distances of four stops.
        4 * self.task.data.bars.len() * size_of::<f64>()
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

    /// Number of combinations in `range`: the cells of a phase for [`run_into`](Self::run_into).
    ///
    /// # Errors
    /// A range outside the grid.
    pub fn cells(&self, range: &Range<u64>) -> Result<usize> {
        self.task.count(range)
    }

    /// Like [`run`](Self::run), into memory of the caller's: all cells of each phase are written.
    ///
    /// # Errors
    /// A range outside the grid.
    ///
    /// # Panics
    /// Unless there is a cell for every combination in `range` and every phase.
    pub fn run_into(&self, range: Range<u64>, mut phases: Vec<Cells<'_>>) -> Result<()> {
        self.task.check_cells(&range, &phases)?;
        let mut chunks = Vec::new();
        let mut first = range.start;
        while first < range.end {
            let count = (range.end - first).min(CHUNK);
            let cells = phases.iter_mut().map(|c| c.split_front(count as usize));
            chunks.push((first, cells.collect::<Vec<_>>()));
            first += count;
        }
        chunks.into_par_iter().try_for_each(|(first, mut cells)| self.fill(first, &mut cells))
    }

    /// Like [`run_into`](Self::run_into), for any combinations in any order: cell `i` of each phase is
    /// combination `indices[i]`.
    ///
    /// # Errors
    /// An index outside the grid.
    ///
    /// # Panics
    /// Unless there is a cell for every index and every phase.
    pub fn run_list_into(&self, indices: &[u64], mut phases: Vec<Cells<'_>>) -> Result<()> {
        assert_eq!(phases.len(), self.task.slices.len(), "phases to write");
        assert!(phases.iter().all(|c| c.len() == indices.len()), "{} cells", indices.len());
        let mut split =
            |part: &[u64]| phases.iter_mut().map(|c| c.split_front(part.len())).collect();
        let chunks: Vec<(_, Vec<_>)> =
            indices.chunks(CHUNK as usize).map(|part| (part, split(part))).collect();
        chunks.into_par_iter().try_for_each(|(part, mut cells)| {
            let mut stops = StopCache::new(self.task.data.bars.len(), self.task.bars());
            let mut values = Vec::new();
            for (i, &index) in part.iter().enumerate() {
                let cursor = self.task.grid.at(index)?;
                self.compute(&cursor, &mut stops, &mut values, i, &mut cells)?;
            }
            Ok(())
        })
    }

    /// Computes consecutive combinations from `first` on, as many as there are cells in each phase.
    fn fill(&self, first: u64, phases: &mut [Cells<'_>]) -> Result<()> {
        let mut stops = StopCache::new(self.task.data.bars.len(), self.task.bars());
        let mut cursor = self.task.grid.at(first)?;
        let mut values = Vec::new();
        for i in 0..phases.first().map_or(0, Cells::len) {
            self.compute(&cursor, &mut stops, &mut values, i, phases)?;
            cursor.advance();
        }
        Ok(())
    }

    /// Computes the combination at `cursor` into cell `i` of each phase; `values` is scratch.
    #[inline(always)]
    fn compute(
        &self,
        cursor: &Cursor<'_>,
        stops: &mut StopCache,
        values: &mut Vec<f64>,
        i: usize,
        phases: &mut [Cells<'_>],
    ) -> Result<()> {
        let Task { variant, data, settings, series, .. } = &self.task;
        values.clear();
        values.extend(cursor.values());
        let params = Params::from_values(*variant, values)?;
        let walk = Walk::new(data, settings, series, stops.get(series, &params), &params);
        for (cells, slice) in phases.iter_mut().zip(&self.task.slices) {
            cells.set(i, walk.run(*slice, &mut Ignore));
        }
        Ok(())
    }
}

/// Distances of the stops met last, one for each side and price method: the method varies faster in
/// the flat index than the rest, so with a single slot a grid over both would never find what it has.
struct StopCache {
    range: Range<usize>,
    slots: [(Option<Stop>, Vec<f64>); 4],
}

/// The distances of a parameter set's stops, at every bar.
#[derive(Clone, Copy)]
struct Stops<'a> {
    long: &'a [f64],
    /// Those of the long side again, where there is no short one.
    short: &'a [f64],
}

impl StopCache {
    fn new(bars: usize, range: Range<usize>) -> Self {
        let slots = std::array::from_fn(|_| (None, vec![f64::NAN; bars]));
        Self { range, slots }
    }

    fn get(&mut self, series: &Series, params: &Params) -> Stops<'_> {
        let method = match params.stop.price {
            PriceMethod::Typical => 0,
            PriceMethod::Close => 2,
        };
        let sides = [Some(params.stop), params.short.map(|s| s.stop)];
        for (side, stop) in sides.into_iter().enumerate() {
            let (held, distances) = &mut self.slots[method + side];
            if let Some(stop) = stop
                && *held != Some(stop)
            {
                series.stop_distances(&stop, self.range.clone(), distances);
                *held = Some(stop);
            }
        }
        let long = &self.slots[method].1;
        Stops { long, short: if params.short.is_some() { &self.slots[method + 1].1 } else { long } }
    }
}

/// What a walk tells about its way. The sweep does not listen, and pays nothing for it.
trait Listener {
    fn trade(&mut self, trade: Trade);
    fn mark(&mut self, bar: usize, equity: f64);
}

struct Ignore;

impl Listener for Ignore {
    #[inline(always)]
    fn trade(&mut self, _: Trade) {}
    #[inline(always)]
    fn mark(&mut self, _: usize, _: f64) {}
}

struct Diary {
    trades: Vec<Trade>,
    equity: Vec<f64>,
}

impl Listener for Diary {
    fn trade(&mut self, trade: Trade) {
        self.trades.push(trade);
    }
    fn mark(&mut self, bar: usize, equity: f64) {
        self.equity[bar] = equity;
    }
}

/// One parameter set on its way through the bars.
struct Walk<'a> {
    bars: &'a Bars,
    settings: &'a Settings,
    stops: Stops<'a>,
    buy: Offset<'a>,
    /// The sell's distance; the buy's again, where nothing is sold short.
    sell: Offset<'a>,
    shorts: bool,
    entry_mode: EntryMode,
    both_triggered: BothTriggered,
    /// The falls that a veto looks at, and what they must exceed.
    veto: Option<(&'a [f64], f64)>,
    trend: Option<&'a [Trend]>,
}

/// The bars of one part of a phase. Beside each bar stands what was known at the bar *before* it: an
/// order can be computed from nothing later, because nothing later is in reach.
struct Part<'a> {
    first: usize,
    open: &'a [f64],
    high: &'a [f64],
    low: &'a [f64],
    close: &'a [f64],
    close_before: &'a [f64],
    long_stop: &'a [f64],
    short_stop: &'a [f64],
    buy: &'a [f64],
    sell: &'a [f64],
    falls: Option<&'a [f64]>,
    /// The trend one bar before, and two.
    trend: Option<(&'a [Trend], &'a [Trend])>,
}

/// A position, and where it came from.
#[derive(Clone, Copy)]
struct Holding {
    position: Position,
    entry_bar: usize,
    entry_price: f64,
}

/// Where a walk stands between two bars.
struct State {
    /// The highest high and lowest low since the last event, its bar included.
    highest: f64,
    lowest: f64,
    holding: Option<Holding>,
}

/// What happens in a bar: at most one of these.
enum Event {
    /// From flat into a position.
    Enter(Side, f64),
    /// Out of the position held.
    Leave(f64),
    /// Out of the position held and into the opposite one, at one price.
    Reverse(f64),
    /// Into a position and out of it in the same bar.
    Visit(Side, f64, f64),
}

impl<'a> Walk<'a> {
    fn new(
        data: &'a Data,
        settings: &'a Settings,
        series: &'a Series,
        stops: Stops<'a>,
        params: &Params,
    ) -> Self {
        let buy = series.offset(&params.buy);
        Self {
            bars: &data.bars,
            settings,
            stops,
            buy,
            sell: params.short.map_or(buy, |s| series.offset(&s.sell)),
            shorts: params.short.is_some(),
            entry_mode: params.entry_mode,
            both_triggered: params.both_triggered,
            veto: params.veto.map(|v| (series.fall[&v.period].as_slice(), v.threshold)),
            trend: params.hull.map(|hull| series.trend[&hull].as_slice()),
        }
    }

    fn part(&self, bars: Range<usize>) -> Part<'a> {
        let before = bars.start - 1..bars.end - 1;
        let twice = |t: &'a [Trend]| (&t[before.clone()], &t[before.start - 1..before.end - 1]);
        Part {
            first: bars.start,
            open: &self.bars.open()[bars.clone()],
            high: &self.bars.high()[bars.clone()],
            low: &self.bars.low()[bars.clone()],
            close: &self.bars.close()[bars],
            close_before: &self.bars.close()[before.clone()],
            long_stop: &self.stops.long[before.clone()],
            short_stop: &self.stops.short[before.clone()],
            buy: &self.buy.smoothed[before.clone()],
            sell: &self.sell.smoothed[before.clone()],
            falls: self.veto.map(|(falls, _)| &falls[before.clone()]),
            trend: self.trend.map(twice),
        }
    }

    fn run<L: Listener>(&self, slice: Slice, listener: &mut L) -> Figures {
        // What is fixed for a whole sweep is asked once here, so that the loops have no branch for
        // it: a long-only walk is what it would be if there were no other.
        let breakout = self.settings.entry_style == EntryStyle::Breakout;
        match (self.shorts, self.trend.is_some(), breakout) {
            (false, false, false) => self.run_as::<false, false, false, L>(slice, listener),
            (false, false, true) => self.run_as::<false, false, true, L>(slice, listener),
            (false, true, false) => self.run_as::<false, true, false, L>(slice, listener),
            (false, true, true) => self.run_as::<false, true, true, L>(slice, listener),
            (true, false, false) => self.run_as::<true, false, false, L>(slice, listener),
            (true, false, true) => self.run_as::<true, false, true, L>(slice, listener),
            (true, true, false) => self.run_as::<true, true, false, L>(slice, listener),
            (true, true, true) => self.run_as::<true, true, true, L>(slice, listener),
        }
    }

    #[inline]
    fn run_as<const SHORTS: bool, const HULL: bool, const BREAKOUT: bool, L: Listener>(
        &self,
        Slice { warmup, split, end }: Slice,
        listener: &mut L,
    ) -> Figures {
        let mut account = Account::new(self.settings);
        let mut state = State {
            highest: self.bars.high()[warmup - 1],
            lowest: self.bars.low()[warmup - 1],
            holding: None,
        };
        let mut go = |bars: Range<usize>, account: &mut Account<'_>| {
            let part = self.part(bars);
            let trades =
                self.through::<SHORTS, HULL, BREAKOUT, L>(&part, &mut state, account, listener);
            (account.marked(), account.drawdown(), trades)
        };
        let (is_mark, is_dd, is_trades) = go(warmup..split, &mut account);
        account.restart_drawdown();
        let (oos_mark, oos_dd, oos_trades) = go(split..end, &mut account);
        Figures {
            is_pnl: is_mark - self.settings.capital,
            oos_pnl: oos_mark - is_mark,
            is_dd,
            oos_dd,
            is_trades,
            oos_trades,
        }
    }

    /// Walks through the bars of a part, from one event to the next, and counts the closed trades.
    ///
    /// At most one event happens in a bar, and what was entered in it acts from the next bar on.
    #[inline(always)]
    fn through<const SHORTS: bool, const HULL: bool, const BREAKOUT: bool, L: Listener>(
        &self,
        part: &Part<'_>,
        state: &mut State,
        account: &mut Account<'_>,
        listener: &mut L,
    ) -> u32 {
        let mut trades = 0;
        let mut k = 0;
        while k < part.open.len() {
            // One loop for each state: a bar then asks for nothing but what can happen in it.
            let next = match state.holding {
                None if account.is_ruined() => {
                    scan(part, k, state, None, account, listener, |_, _| None)
                }
                None => scan(part, k, state, None, account, listener, |k, state| {
                    self.flat::<SHORTS, HULL, BREAKOUT>(part, k, state)
                }),
                Some(Holding { position, .. }) if !SHORTS || position.side == Side::Long => {
                    scan(part, k, state, Some(position), account, listener, |k, state| {
                        self.long::<SHORTS, BREAKOUT>(part, k, state)
                    })
                }
                Some(Holding { position, .. }) => {
                    scan(part, k, state, Some(position), account, listener, |k, state| {
                        self.short::<BREAKOUT>(part, k, state)
                    })
                }
            };
            let Some((at, event)) = next else { break };
            trades += carry_out(event, part.first + at, state, account, listener);
            // The extremes are followed afresh from the bar of the event on.
            (state.highest, state.lowest) = (part.high[at], part.low[at]);
            if let Some(Holding { position, .. }) = state.holding {
                account.mark(position, part.close[at]);
            }
            listener.mark(part.first + at, account.marked());
            k = at + 1;
        }
        trades
    }

    /// What happens in bar `k` to somebody who holds nothing.
    #[inline(always)]
    fn flat<const SHORTS: bool, const HULL: bool, const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Event> {
        if HULL {
            return self.flat_in_trend::<SHORTS, BREAKOUT>(part, k, state);
        }
        let buy = self.buy::<BREAKOUT>(part, k, state);
        if !SHORTS {
            return buy.map(|b| Event::Enter(Side::Long, b.fill));
        }
        let sell = self.sell::<BREAKOUT>(part, k, state).filter(|_| self.allowed(part, k));
        match (buy, sell) {
            (None, None) => None,
            (Some(buy), None) => Some(Event::Enter(Side::Long, buy.fill)),
            (None, Some(sell)) => Some(Event::Enter(Side::Short, sell.fill)),
            (Some(buy), Some(sell)) => {
                let (side, first, second) = if part.reversed(buy, sell, k) {
                    (Side::Short, sell, buy)
                } else {
                    (Side::Long, buy, sell)
                };
                Some(match self.both_triggered {
                    BothTriggered::FirstCancels => Event::Enter(side, first.fill),
                    BothTriggered::BothFill => Event::Visit(side, first.fill, second.fill),
                })
            }
        }
    }

    /// The same where Hull averages allow entries, and open them at a cross.
    #[inline(always)]
    fn flat_in_trend<const SHORTS: bool, const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Event> {
        let (before, earlier) = part.trend?;
        let enter = |side, touch: Option<Touch>| {
            let cross = earlier[k] != before[k];
            let fill = if cross { Some(part.open[k]) } else { touch.map(|x| x.fill) };
            fill.map(|price| Event::Enter(side, price))
        };
        match before[k] {
            Trend::Up => enter(Side::Long, self.buy::<BREAKOUT>(part, k, state)),
            Trend::Down if SHORTS => enter(Side::Short, self.sell::<BREAKOUT>(part, k, state)),
            _ => None,
        }
    }

    /// What happens in bar `k` to somebody who is long.
    #[inline(always)]
    fn long<const SHORTS: bool, const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Event> {
        let level = state.highest - part.long_stop[k];
        let stop = touches::down(level, part.open[k], part.low[k]);
        if SHORTS && self.entry_mode == EntryMode::FullReversal {
            let sell = self.sell::<BREAKOUT>(part, k, state).filter(|_| self.allowed(part, k));
            return part.stop_or_reverse(stop, sell, k);
        }
        stop.map(|s| Event::Leave(s.fill))
    }

    /// What happens in bar `k` to somebody who is short.
    #[inline(always)]
    fn short<const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Event> {
        let level = state.lowest + part.short_stop[k];
        let stop = touches::up(level, part.open[k], part.high[k]);
        if self.entry_mode >= EntryMode::LongPriority {
            return part.stop_or_reverse(stop, self.buy::<BREAKOUT>(part, k, state), k);
        }
        stop.map(|s| Event::Leave(s.fill))
    }

    #[inline(always)]
    fn buy<const BREAKOUT: bool>(&self, part: &Part<'_>, k: usize, state: &State) -> Option<Touch> {
        let offset = part.buy[k] * self.buy.multiplier;
        if BREAKOUT {
            touches::up(part.close_before[k] + offset, part.open[k], part.high[k])
        } else {
            touches::down(state.highest - offset, part.open[k], part.low[k])
        }
    }

    #[inline(always)]
    fn sell<const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Touch> {
        let offset = part.sell[k] * self.sell.multiplier;
        if BREAKOUT {
            touches::down(part.close_before[k] - offset, part.open[k], part.low[k])
        } else {
            touches::up(state.lowest + offset, part.open[k], part.high[k])
        }
    }

    /// Whether the veto lets a short be opened in bar `k`.
    #[inline(always)]
    fn allowed(&self, part: &Part<'_>, k: usize) -> bool {
        match (part.falls, self.veto) {
            (Some(falls), Some((_, threshold))) => falls[k] > threshold,
            _ => true,
        }
    }
}

impl Part<'_> {
    #[inline(always)]
    fn stop_or_reverse(
        &self,
        stop: Option<Touch>,
        entry: Option<Touch>,
        k: usize,
    ) -> Option<Event> {
        match (stop, entry) {
            (Some(stop), Some(entry)) if self.reversed(stop, entry, k) => {
                Some(Event::Reverse(entry.fill))
            }
            (Some(stop), _) => Some(Event::Leave(stop.fill)),
            (None, entry) => entry.map(|e| Event::Reverse(e.fill)),
        }
    }

    #[inline(always)]
    fn reversed(&self, first: Touch, second: Touch, k: usize) -> bool {
        touches::reversed(first, second, self.open[k], self.high[k], self.low[k])
    }
}

/// Goes on from bar `k` until something happens: the bar, and what it is. On the way extremes are
/// followed, and what is held is marked at every close.
#[inline(always)]
fn scan<L: Listener>(
    part: &Part<'_>,
    k: usize,
    state: &mut State,
    held: Option<Position>,
    account: &mut Account<'_>,
    listener: &mut L,
    event: impl Fn(usize, &State) -> Option<Event>,
) -> Option<(usize, Event)> {
    for k in k..part.open.len() {
        if let Some(event) = event(k, state) {
            return Some((k, event));
        }
        if part.high[k] > state.highest {
            state.highest = part.high[k];
        }
        if part.low[k] < state.lowest {
            state.lowest = part.low[k];
        }
        if let Some(position) = held {
            account.mark(position, part.close[k]);
        }
        listener.mark(part.first + k, account.marked());
    }
    None
}

/// Settles what happened in bar `t`, and returns how many trades that closed.
#[inline(always)]
fn carry_out<L: Listener>(
    event: Event,
    t: usize,
    state: &mut State,
    account: &mut Account<'_>,
    listener: &mut L,
) -> u32 {
    let enter = |side, price, account: &Account<'_>| Holding {
        position: account.open(side, price),
        entry_bar: t,
        entry_price: price,
    };
    match event {
        Event::Enter(side, price) => {
            state.holding = Some(enter(side, price, account));
            0
        }
        Event::Leave(price) => {
            state.holding.take().map_or(0, |held| leave(held, t, price, account, listener))
        }
        Event::Reverse(price) => state.holding.take().map_or(0, |held| {
            let closed = leave(held, t, price, account, listener);
            let other = match held.position.side {
                Side::Long => Side::Short,
                Side::Short => Side::Long,
            };
            // After a ruin nothing is left to open the second half with.
            if !account.is_ruined() {
                state.holding = Some(enter(other, price, account));
            }
            closed
        }),
        Event::Visit(side, entry, exit) => {
            leave(enter(side, entry, account), t, exit, account, listener)
        }
    }
}

/// Closes a position, and returns whether that was a trade: one of no shares is none.
#[inline(always)]
fn leave<L: Listener>(
    held: Holding,
    exit_bar: usize,
    exit_price: f64,
    account: &mut Account<'_>,
    listener: &mut L,
) -> u32 {
    let Holding { position, entry_bar, entry_price } = held;
    let before = account.equity();
    account.close(position, exit_price);
    if position.shares <= 0.0 {
        return 0;
    }
    let pnl = account.equity() - before;
    let side = position.side;
    listener.trade(Trade { side, entry_bar, entry_price, exit_bar, exit_price, pnl });
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atr_d::VARIANTS;
    use crate::error::Error;
    use crate::grid::{Axis, Grid};
    use crate::settings::Sizing;

    const WARMUP: usize = 100;

    /// A quiet market, then what the test asks for: until the warm-up ends every bar spans 99 to 101
    /// around 100, so every ATR is 2.
    fn history(tail: &[[f64; 4]]) -> Bars {
        let mut columns: [Vec<f64>; 4] = [100.0, 101.0, 99.0, 100.0].map(|x| vec![x; WARMUP]);
        for bar in tail {
            for (column, &value) in columns.iter_mut().zip(bar) {
                column.push(value);
            }
        }
        let [open, high, low, close] = columns;
        Bars::new(open, high, low, close).expect("valid bars")
    }

    /// Bars that swing enough for every variant to trade.
    fn swings(bars: usize) -> Bars {
        let tail: Vec<[f64; 4]> = (0..bars)
            .map(|i| {
                let wave = 9.0 * (i as f64 * 0.7).sin() + 5.0 * (i as f64 * 0.13).cos();
                let close = 100.0 + wave;
                [close + 0.5, close + 1.5, close - 1.0, close]
            })
            .collect();
        history(&tail)
    }

    fn data(variant: Variant, bars: Bars) -> Data {
        let second = variant.dual.then(|| bars.clone());
        Data::new(variant, bars, second).expect("bars that fit")
    }

    fn long() -> Variant {
        VARIANTS[0]
    }

    /// Stop 3 and buy 1.5 ATRs away; the width of a quiet market tightens nothing at this threshold.
    const PARAMS: [f64; 11] = [70.0, 3.0, 10.0, 2.0, 1e-9, 1.0, 0.0, 70.0, 1.5, 1.0, 1.0];

    #[test]
    fn a_pull_back_is_bought_and_a_stop_sold() {
        let bars = history(&[
            [100.0, 100.5, 97.5, 98.0], // buy at 101 - 3 = 98
            [98.0, 104.0, 98.0, 103.0], // a new high of 104
            [97.0, 97.0, 95.0, 96.0],   // the stop near 104 - 6 is passed at the open
            [96.0, 96.5, 95.5, 96.0],
        ]);
        let slice = Slice { warmup: WARMUP, split: WARMUP + 2, end: bars.len() };
        let data = data(long(), bars);
        let sim =
            simulate(long(), &data, &PARAMS, &Settings::default(), slice).expect("a simulation");
        let shares = 100_000.0 / 98.0;
        assert_eq!(sim.trades.len(), 1);
        let trade = sim.trades[0];
        assert_eq!(trade.side, Side::Long);
        assert_eq!((trade.entry_bar, trade.entry_price), (WARMUP, 98.0));
        assert_eq!((trade.exit_bar, trade.exit_price), (WARMUP + 2, 97.0));
        assert_eq!(sim.figures.is_pnl, 100_000.0 + shares * 5.0 - 100_000.0);
        assert_eq!((sim.figures.is_trades, sim.figures.oos_trades), (0, 1));
        assert!((sim.figures.oos_dd - shares * 6.0).abs() < 1e-9);
        assert_eq!(sim.figures.is_dd, 0.0);
        assert_eq!(sim.equity[WARMUP - 1], 100_000.0);
        assert_eq!(sim.equity[WARMUP], 100_000.0);
        assert!((sim.equity[WARMUP + 3] - (100_000.0 - shares)).abs() < 1e-9);
    }

    fn axes(variant: Variant) -> Vec<Axis> {
        let mut axes: Vec<Axis> = [
            vec![5.0, 20.0],
            vec![1.0, 2.5],
            vec![10.0],
            vec![1.0, 2.0],
            vec![0.02, 0.2],
            vec![0.3],
            vec![0.0, 2.0],
            vec![8.0, 30.0],
            vec![0.5, 1.0],
            vec![3.0],
            vec![0.0, 1.0],
        ]
        .map(Axis::of)
        .into();
        if variant.shorts {
            axes.push(Axis::of(vec![0.4, 1.0, 1.7]));
        }
        if variant.modes {
            axes.push(Axis::of(vec![0.0, 1.0, 2.0]));
            axes.push(Axis::of(vec![4.0]));
            axes.push(Axis::of(vec![-1.0, 0.05]));
            axes.push(Axis::of(vec![0.0, 1.0]));
        }
        if variant.hull {
            axes.push(Axis::ordered_pairs(&[5.0, 12.0], &[9.0, 16.0]));
        }
        axes
    }

    #[test]
    fn sweep_and_simulation_agree_in_any_division() {
        let slices = vec![
            Slice { warmup: 100, split: 180, end: 240 },
            Slice { warmup: 150, split: 220, end: 300 },
        ];
        for variant in VARIANTS {
            let settings = Settings { sizing: Sizing::Fixed, slip: 0.001, ..Settings::default() };
            let grid = Grid::new(axes(variant)).expect("a grid");
            let data = data(variant, swings(200));
            let task = Task::new(variant, data.clone(), grid.clone(), settings, slices.clone());
            let sweep = Sweep::new(task.expect("a task"));
            let whole = sweep.run(0..grid.len()).expect("figures");
            for i in (0..grid.len()).step_by(7) {
                let values: Vec<f64> = grid.at(i).expect("inside").values().collect();
                for (columns, &slice) in whole.iter().zip(&slices) {
                    let sim =
                        simulate(variant, &data, &values, &settings, slice).expect("a simulation");
                    let found = columns.at(i as usize);
                    assert_eq!(found, sim.figures, "{} combination {i}", variant.name);
                }
            }
            let list: Vec<u64> = (0..grid.len()).rev().step_by(5).chain([3, 3]).collect();
            let mut some: Vec<_> = slices.iter().map(|_| Columns::unwritten(list.len())).collect();
            let cells = some.iter_mut().map(Columns::cells).collect();
            sweep.run_list_into(&list, cells).expect("figures");
            for (columns, all) in some.iter().zip(&whole) {
                for (i, &index) in list.iter().enumerate() {
                    assert_eq!(columns.at(i), all.at(index as usize));
                }
            }
            let parts = [0..7, 7..grid.len()].map(|part| sweep.run(part).expect("figures"));
            for (k, columns) in whole.iter().enumerate() {
                let pieces: Vec<Figures> =
                    parts.iter().flat_map(|p| (0..p[k].len()).map(move |i| p[k].at(i))).collect();
                let all: Vec<Figures> = (0..columns.len()).map(|i| columns.at(i)).collect();
                assert_eq!(all, pieces);
                assert!(all.iter().any(|f| f.is_trades > 0 && f.oos_trades > 0));
            }
        }
    }

    #[test]
    fn bad_input_is_an_error() {
        let bars = history(&[[100.0, 101.0, 99.0, 100.0]; 20]);
        let settings = Settings::default();
        let slice = Slice { warmup: 69, split: 110, end: 120 };
        let own = data(long(), bars.clone());
        assert_eq!(
            simulate(long(), &own, &PARAMS, &settings, slice),
            Err(Error::Warmup { warmup: 69, need: 70 })
        );
        let grid =
            || Grid::new(PARAMS.iter().map(|&x| Axis::of(vec![x])).collect()).expect("a grid");
        assert!(Task::new(long(), own.clone(), grid(), settings, vec![slice]).is_err());
        let good = vec![Slice { warmup: 70, ..slice }];
        let sweep = Sweep::new(Task::new(long(), own, grid(), settings, good).expect("a task"));
        assert_eq!(sweep.run(0..2), Err(Error::IndexRange { start: 0, stop: 2, len: 1 }));
        let mut one = Columns::unwritten(1);
        assert_eq!(
            sweep.run_list_into(&[1], vec![one.cells()]),
            Err(Error::IndexRange { start: 1, stop: 1, len: 1 })
        );
        assert_eq!(sweep.run(1..1), Ok(vec![Columns::unwritten(0)]));
        let dual = VARIANTS[4];
        let error = |variant, second| Data::new(variant, bars.clone(), second).err();
        assert_eq!(error(dual, None), Some(Error::SecondSymbol { needed: true }));
        assert_eq!(error(long(), Some(bars.clone())), Some(Error::SecondSymbol { needed: false }));
        assert_eq!(
            error(dual, Some(history(&[]))),
            Some(Error::SecondLength { len: 100, expected: 120 })
        );
    }
}
