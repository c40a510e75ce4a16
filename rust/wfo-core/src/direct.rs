//! The direct engine: bar by bar over indicator series that are computed once and shared.
//!
//! It is the readable one of the fast engines: a parameter set is simulated by a loop over bars, as
//! in the Numba reference. A grid is cheaper than its parts because every indicator is computed once
//! per distinct length, and the stops' distances once per run of combinations that share them.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::atr_d::{BASELINE_PERIOD, BothTriggered, Entry, EntryMode, Hull, Params, Stop, Variant};
use crate::bars::Bars;
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::indicators::{self, PriceMethod};
use crate::money::{Account, Position, Side};
use crate::settings::{EntryStyle, Settings};
use crate::slice::Slice;
use crate::touches::{self, Touch};

/// Combinations a worker takes at a time: a millisecond or more of work, so that handing it out does
/// not show, and few enough that the workers finish together.
const CHUNK: usize = 256;

/// What a phase comes to for one parameter set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// In-sample profit or loss, in currency.
    pub is_pnl: f64,
    /// Out-of-sample profit or loss, in currency.
    pub oos_pnl: f64,
    /// Largest in-sample drawdown, in currency.
    pub is_dd: f64,
    /// Largest out-of-sample drawdown, in currency.
    pub oos_dd: f64,
    /// Trades closed in-sample.
    pub is_trades: u32,
    /// Trades closed out-of-sample.
    pub oos_trades: u32,
}

impl Figures {
    /// What an output cell holds until it is written: a value that no result has.
    pub const UNWRITTEN: Self = Self {
        is_pnl: f64::NAN,
        oos_pnl: f64::NAN,
        is_dd: f64::NAN,
        oos_dd: f64::NAN,
        is_trades: u32::MAX,
        oos_trades: u32::MAX,
    };
}

/// A closed trade, at its raw fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trade {
    /// Which way it was to earn.
    pub side: Side,
    /// Bar of the entry.
    pub entry_bar: usize,
    /// Fill of the entry, before slippage.
    pub entry_price: f64,
    /// Bar of the exit.
    pub exit_bar: usize,
    /// Fill of the exit, before slippage.
    pub exit_price: f64,
    /// Profit or loss, in currency.
    pub pnl: f64,
}

/// One parameter set in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// The phase's figures.
    pub figures: Figures,
    /// Closed trades, oldest first.
    pub trades: Vec<Trade>,
    /// The mark at every close; the capital before the first trading bar.
    pub equity: Vec<f64>,
}

/// The bars that a variant reads: its own, and those of the second symbol where it has one.
#[derive(Debug, Clone)]
pub struct Data {
    bars: Bars,
    second: Option<Bars>,
}

impl Data {
    /// Puts the bars of a variant together.
    ///
    /// # Errors
    /// A second symbol that is missing, that the variant does not read, or of another length.
    pub fn new(variant: Variant, bars: Bars, second: Option<Bars>) -> Result<Self> {
        match &second {
            Some(other) if variant.dual && other.len() != bars.len() => {
                Err(Error::SecondLength { len: other.len(), expected: bars.len() })
            }
            Some(_) if !variant.dual => Err(Error::SecondSymbol { needed: false }),
            None if variant.dual => Err(Error::SecondSymbol { needed: true }),
            _ => Ok(Self { bars, second }),
        }
    }

    /// The bars that the Bollinger width is made of.
    fn width(&self) -> &Bars {
        self.second.as_ref().unwrap_or(&self.bars)
    }
}

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
    variant: Variant,
    data: Data,
    grid: Grid,
    settings: Settings,
    slices: Vec<Slice>,
    series: Series,
}

impl Sweep {
    /// Checks everything and computes the indicators that the grid shares.
    ///
    /// # Errors
    /// A parameter or setting out of range, positions out of order, or too short a warm-up.
    pub fn new(
        variant: Variant,
        data: Data,
        grid: Grid,
        settings: Settings,
        slices: Vec<Slice>,
    ) -> Result<Self> {
        let settings = settings.checked()?;
        let distinct = distinct_params(variant, &grid)?;
        let need = distinct.iter().map(Params::need).max().unwrap_or(BASELINE_PERIOD);
        for slice in &slices {
            slice.checked(data.bars.len(), need)?;
        }
        let series = Series::new(&data, &distinct, settings.max_stop_atr);
        Ok(Self { variant, data, grid, settings, slices, series })
    }

    /// Number of combinations.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.grid.len()
    }

    /// Never true: a grid has at least one combination.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grid.is_empty()
    }

    /// Number of phases.
    #[must_use]
    pub fn phases(&self) -> usize {
        self.slices.len()
    }

    /// Figures of the combinations in `range`: those of the first one in all phases, then the next.
    ///
    /// Runs on the rayon pool it is called in. Every cell depends on its own combination alone, so
    /// the result is the same for any number of threads and any division into ranges.
    ///
    /// # Errors
    /// A range outside the grid.
    pub fn run(&self, range: Range<u64>) -> Result<Vec<Figures>> {
        let Range { start, end: stop } = range;
        if start > stop || stop > self.len() {
            return Err(Error::IndexRange { start, stop, len: self.len() });
        }
        let phases = self.phases();
        let mut out = vec![Figures::UNWRITTEN; (stop - start) as usize * phases];
        if out.is_empty() {
            return Ok(out);
        }
        out.par_chunks_mut(CHUNK * phases)
            .enumerate()
            .try_for_each(|(i, chunk)| self.fill(start + (i * CHUNK) as u64, chunk))?;
        Ok(out)
    }

    /// Computes consecutive combinations from `first` on, as many as `out` has rows for.
    fn fill(&self, first: u64, out: &mut [Figures]) -> Result<()> {
        let from = self.slices.iter().map(|s| s.warmup).min().unwrap_or(1) - 1;
        let to = self.slices.iter().map(|s| s.end).max().unwrap_or(0);
        let mut stops = StopCache::new(self.data.bars.len(), from..to);
        let mut cursor = self.grid.at(first)?;
        let mut values = Vec::new();
        for row in out.chunks_mut(self.phases()) {
            values.clear();
            values.extend(cursor.values());
            let params = Params::from_values(self.variant, &values)?;
            let stops = stops.get(&self.series, &params);
            let walk = Walk::new(&self.data, &self.settings, &self.series, stops, &params);
            for (figures, slice) in row.iter_mut().zip(&self.slices) {
                *figures = walk.run(*slice, &mut Ignore);
            }
            cursor.advance();
        }
        Ok(())
    }
}

/// Parameter sets that between them hold every value of every axis, and every pair of a period and
/// the multiplier of the short side that scales it, so that the checks and the indicators see each
/// of them once instead of every combination.
fn distinct_params(variant: Variant, grid: &Grid) -> Result<Vec<Params>> {
    let longest = grid.axes().iter().map(|axis| axis.len()).max().unwrap_or(0);
    let at = variant.parameters().position(|name| name == "short_multiplier");
    let multipliers = at.map_or(1, |at| grid.axes()[at].len());
    let mut found = Vec::with_capacity(longest * multipliers);
    for m in 0..multipliers {
        for i in 0..longest {
            let digit = |axis: usize| if Some(axis) == at { m } else { i };
            let values = grid.values_at(digit);
            found.push(Params::from_values(variant, &values)?);
        }
    }
    Ok(found)
}

/// Indicator series by their lengths.
#[derive(Debug)]
struct Series {
    atr: BTreeMap<usize, Vec<f64>>,
    /// Mean and deviation of the price window.
    window: BTreeMap<(PriceMethod, usize), (Vec<f64>, Vec<f64>)>,
    /// Smoothed ATR of an entry, by ATR period and smoothing period.
    smoothed: BTreeMap<(usize, usize), Vec<f64>>,
    /// Slope of the veto's average into each bar, in percent, falls above 0.
    fall: BTreeMap<usize, Vec<f64>>,
    /// Whether the fast Hull average is above the slow one, below it, or neither.
    trend: BTreeMap<Hull, Vec<Trend>>,
    /// The widest stop allowed.
    widest: Vec<f64>,
}

/// Where the fast Hull average stands to the slow one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trend {
    Up,
    Down,
    /// Within rounding of each other, or not known yet.
    Neither,
}

impl Series {
    /// Computes what any mix of the values in `params` can ask for.
    fn new(data: &Data, params: &[Params], max_stop_atr: f64) -> Self {
        let true_range = indicators::true_range(&data.bars);
        let sides = |p: &Params| {
            let short = p.short.map(|s| (s.stop, s.sell));
            [Some((p.stop, p.buy)), short].into_iter().flatten()
        };
        let mut atr = BTreeMap::new();
        for (stop, entry) in params.iter().flat_map(sides) {
            for period in [stop.atr_period, entry.atr_period] {
                atr.entry(period).or_insert_with(|| indicators::mean(&true_range, period));
            }
        }
        let mut window = BTreeMap::new();
        for method in distinct(params.iter().map(|p| p.stop.price)) {
            let price = indicators::price(data.width(), method);
            for length in distinct(params.iter().map(|p| p.stop.bb_length)) {
                let means = indicators::mean(&price, length);
                let deviations = indicators::deviation(&price, &means, length);
                window.insert((method, length), (means, deviations));
            }
        }
        let mut smoothed = BTreeMap::new();
        for period in distinct(params.iter().flat_map(sides).map(|(_, e)| e.atr_period)) {
            for smooth in distinct(params.iter().map(|p| p.buy.smooth_period)) {
                let series = indicators::ema(&atr[&period], period - 1, smooth);
                smoothed.insert((period, smooth), series);
            }
        }
        let fall = distinct(params.iter().filter_map(|p| p.veto).map(|v| v.period))
            .map(|period| (period, falls(data.bars.close(), period)))
            .collect();
        let trend = trends(&data.bars, params);
        let widest = indicators::mean(&true_range, BASELINE_PERIOD)
            .into_iter()
            .map(|baseline| baseline * max_stop_atr)
            .collect();
        Self { atr, window, smoothed, fall, trend, widest }
    }

    /// Writes the stop's distance at the bars of `range` into `out`.
    fn stop_distances(&self, stop: &Stop, range: Range<usize>, out: &mut [f64]) {
        let atr = &self.atr[&stop.atr_period];
        let (means, deviations) = &self.window[&(stop.price, stop.bb_length)];
        for t in range {
            out[t] = stop.distance(atr[t], deviations[t], means[t], self.widest[t]);
        }
    }

    /// An entry's smoothed ATR and its multiplier.
    fn offset(&self, entry: &Entry) -> Offset<'_> {
        Offset {
            smoothed: &self.smoothed[&(entry.atr_period, entry.smooth_period)],
            multiplier: entry.atr_multiplier,
        }
    }
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    values.collect::<std::collections::BTreeSet<_>>().into_iter()
}

/// How much an average of closes fell into each bar, in percent.
fn falls(close: &[f64], period: usize) -> Vec<f64> {
    let average = indicators::ema(close, 0, period);
    let mut out = vec![f64::NAN; close.len()];
    for (t, pair) in average.windows(2).enumerate() {
        out[t + 1] = -100.0 * (pair[1] / pair[0] - 1.0);
    }
    out
}

/// The trend of every pair of Hull lengths that `params` can be mixed to.
fn trends(bars: &Bars, params: &[Params]) -> BTreeMap<Hull, Vec<Trend>> {
    let hulls: Vec<Hull> = distinct(params.iter().filter_map(|p| p.hull)).collect();
    let mut out = BTreeMap::new();
    for method in distinct(hulls.iter().map(|h| h.price)) {
        let price = indicators::price(bars, method);
        let averages: BTreeMap<usize, Vec<f64>> =
            distinct(hulls.iter().flat_map(|h| [h.fast, h.slow]))
                .map(|length| (length, indicators::hull(&price, length)))
                .collect();
        for pair in distinct(hulls.iter().map(|h| (h.fast, h.slow))) {
            let trend = averages[&pair.0].iter().zip(&averages[&pair.1]).map(|(fast, slow)| {
                let (gap, band) = (fast - slow, 1e-12 * slow.abs());
                match () {
                    () if gap > band => Trend::Up,
                    () if -gap > band => Trend::Down,
                    () => Trend::Neither,
                }
            });
            out.insert(Hull { fast: pair.0, slow: pair.1, price: method }, trend.collect());
        }
    }
    out
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

/// An entry's distance, bar by bar: `smoothed[t] * multiplier`.
#[derive(Clone, Copy)]
struct Offset<'a> {
    smoothed: &'a [f64],
    multiplier: f64,
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
    use crate::grid::Axis;
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
            let sweep = Sweep::new(variant, data.clone(), grid.clone(), settings, slices.clone())
                .expect("a sweep");
            let whole = sweep.run(0..sweep.len()).expect("figures");
            for (i, row) in whole.chunks(2).enumerate().step_by(7) {
                let values: Vec<f64> = grid.at(i as u64).expect("inside").values().collect();
                for (figures, &slice) in row.iter().zip(&slices) {
                    let sim =
                        simulate(variant, &data, &values, &settings, slice).expect("a simulation");
                    assert_eq!(*figures, sim.figures, "{} combination {i}", variant.name);
                }
            }
            let mut pieces = sweep.run(0..7).expect("figures");
            pieces.extend(sweep.run(7..sweep.len()).expect("figures"));
            assert_eq!(whole, pieces);
            assert!(whole.iter().any(|f| f.is_trades > 0 && f.oos_trades > 0), "{}", variant.name);
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
        assert!(Sweep::new(long(), own.clone(), grid(), settings, vec![slice]).is_err());
        let good = vec![Slice { warmup: 70, ..slice }];
        let sweep = Sweep::new(long(), own, grid(), settings, good).expect("a sweep");
        assert_eq!(sweep.run(0..2), Err(Error::IndexRange { start: 0, stop: 2, len: 1 }));
        assert_eq!(sweep.run(1..1), Ok(vec![]));
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
