//! The direct engine: bar by bar over indicator series that are computed once and shared.
//!
//! It is the readable one of the fast engines: a parameter set is simulated by a loop over bars, as
//! in the Numba reference. A grid is cheaper than its parts because every indicator is computed once
//! per distinct length, and the stop's distances once per run of combinations that share them.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::atr_d::{BASELINE_PERIOD, Entry, Params, Stop};
use crate::bars::Bars;
use crate::error::{Error, Result};
use crate::grid::Grid;
use crate::indicators::{self, PriceMethod};
use crate::money::{Account, Long};
use crate::settings::{EntryStyle, Settings};
use crate::slice::Slice;
use crate::touches;

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

/// Simulates one parameter set, given in canonical order.
///
/// # Errors
/// A parameter or setting out of range, positions out of order, or too short a warm-up.
pub fn simulate(
    bars: &Bars,
    values: &[f64],
    settings: &Settings,
    slice: Slice,
) -> Result<Simulation> {
    let params = Params::from_values(values)?;
    let settings = settings.checked()?;
    let slice = slice.checked(bars.len(), params.need())?;
    let series = Series::new(bars, &[params], settings.max_stop_atr);
    let mut stop = vec![f64::NAN; bars.len()];
    series.stop_distances(&params.stop, slice.warmup - 1..slice.end, &mut stop);
    let mut diary = Diary { trades: Vec::new(), equity: vec![f64::NAN; slice.end] };
    diary.equity[..slice.warmup].fill(settings.capital);
    let figures = Walk { bars, settings: &settings, stop: &stop, buy: series.buy(&params.buy) }
        .run(slice, &mut diary);
    Ok(Simulation { figures, trades: diary.trades, equity: diary.equity })
}

/// A grid over one history, ready to be computed in any pieces and order.
#[derive(Debug)]
pub struct Sweep {
    bars: Bars,
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
    pub fn new(bars: Bars, grid: Grid, settings: Settings, slices: Vec<Slice>) -> Result<Self> {
        let settings = settings.checked()?;
        let distinct = distinct_params(&grid)?;
        let need = distinct.iter().map(Params::need).max().unwrap_or(BASELINE_PERIOD);
        for slice in &slices {
            slice.checked(bars.len(), need)?;
        }
        let series = Series::new(&bars, &distinct, settings.max_stop_atr);
        Ok(Self { bars, grid, settings, slices, series })
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
        let mut stops = StopCache::new(self.bars.len(), from..to);
        let mut cursor = self.grid.at(first)?;
        let mut values = Vec::with_capacity(self.grid.axes().len());
        for row in out.chunks_mut(self.phases()) {
            values.clear();
            values.extend(cursor.values());
            let params = Params::from_values(&values)?;
            let walk = Walk {
                bars: &self.bars,
                settings: &self.settings,
                stop: stops.get(&self.series, &params.stop),
                buy: self.series.buy(&params.buy),
            };
            for (figures, slice) in row.iter_mut().zip(&self.slices) {
                *figures = walk.run(*slice, &mut Ignore);
            }
            cursor.advance();
        }
        Ok(())
    }
}

/// One parameter set for every value of every axis, so that the checks and the indicators see each
/// value once instead of every combination of them.
fn distinct_params(grid: &Grid) -> Result<Vec<Params>> {
    let axes = grid.axes();
    let longest = axes.iter().map(Vec::len).max().unwrap_or(0);
    let diagonal = (0..longest).map(|i| {
        let values: Vec<f64> = axes.iter().map(|axis| axis[i.min(axis.len() - 1)]).collect();
        Params::from_values(&values)
    });
    diagonal.collect()
}

/// Indicator series by their lengths.
#[derive(Debug)]
struct Series {
    atr: BTreeMap<usize, Vec<f64>>,
    /// Mean and deviation of the price window.
    window: BTreeMap<(PriceMethod, usize), (Vec<f64>, Vec<f64>)>,
    /// Smoothed ATR of the entry, by ATR period and smoothing period.
    smoothed: BTreeMap<(usize, usize), Vec<f64>>,
    /// The widest stop allowed.
    widest: Vec<f64>,
}

impl Series {
    /// Computes what any mix of the values in `params` can ask for.
    fn new(bars: &Bars, params: &[Params], max_stop_atr: f64) -> Self {
        let true_range = indicators::true_range(bars);
        let mut atr = BTreeMap::new();
        for period in params.iter().flat_map(|p| [p.stop.atr_period, p.buy.atr_period]) {
            atr.entry(period).or_insert_with(|| indicators::mean(&true_range, period));
        }
        let mut window = BTreeMap::new();
        let mut smoothed = BTreeMap::new();
        for a in params {
            let price = indicators::price(bars, a.stop.price);
            for b in params {
                window.entry((a.stop.price, b.stop.bb_length)).or_insert_with(|| {
                    let means = indicators::mean(&price, b.stop.bb_length);
                    let deviations = indicators::deviation(&price, &means, b.stop.bb_length);
                    (means, deviations)
                });
                smoothed.entry((a.buy.atr_period, b.buy.smooth_period)).or_insert_with(|| {
                    let full = a.buy.atr_period - 1;
                    indicators::ema(&atr[&a.buy.atr_period], full, b.buy.smooth_period)
                });
            }
        }
        let widest = indicators::mean(&true_range, BASELINE_PERIOD)
            .into_iter()
            .map(|baseline| baseline * max_stop_atr)
            .collect();
        Self { atr, window, smoothed, widest }
    }

    /// Writes the stop's distance at the bars of `range` into `out`.
    fn stop_distances(&self, stop: &Stop, range: Range<usize>, out: &mut [f64]) {
        let atr = &self.atr[&stop.atr_period];
        let (means, deviations) = &self.window[&(stop.price, stop.bb_length)];
        for t in range {
            out[t] = stop.distance(atr[t], deviations[t], means[t], self.widest[t]);
        }
    }

    /// The buy's smoothed ATR and its multiplier.
    fn buy(&self, entry: &Entry) -> Buy<'_> {
        Buy {
            smoothed: &self.smoothed[&(entry.atr_period, entry.smooth_period)],
            multiplier: entry.atr_multiplier,
        }
    }
}

/// Distances of the stops met last, one for each price method: the method varies fastest in the flat
/// index, so with a single slot a grid over both methods would never find what it has.
struct StopCache {
    range: Range<usize>,
    slots: [(Option<Stop>, Vec<f64>); 2],
}

impl StopCache {
    fn new(bars: usize, range: Range<usize>) -> Self {
        let slot = || (None, vec![f64::NAN; bars]);
        Self { range, slots: [slot(), slot()] }
    }

    fn get(&mut self, series: &Series, stop: &Stop) -> &[f64] {
        let (held, distances) = &mut self.slots[match stop.price {
            PriceMethod::Typical => 0,
            PriceMethod::Close => 1,
        }];
        if *held != Some(*stop) {
            series.stop_distances(stop, self.range.clone(), distances);
            *held = Some(*stop);
        }
        distances
    }
}

/// The buy's distance, bar by bar: `smoothed[t] * multiplier`.
#[derive(Clone, Copy)]
struct Buy<'a> {
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
    /// The stop's distance at every bar.
    stop: &'a [f64],
    buy: Buy<'a>,
}

/// The bars of one part of a phase. Beside each bar stand the distances of the bar *before* it: an
/// order can be computed from nothing later, because nothing later is in reach.
struct Part<'a> {
    first: usize,
    open: &'a [f64],
    high: &'a [f64],
    low: &'a [f64],
    close: &'a [f64],
    close_before: &'a [f64],
    stop_before: &'a [f64],
    smoothed_before: &'a [f64],
}

/// Where a walk stands between two bars.
struct State {
    /// The highest high since the last event.
    highest: f64,
    /// The position, the bar and the raw price of its entry; nothing while flat.
    long: Option<(Long, usize, f64)>,
}

impl Walk<'_> {
    fn run<L: Listener>(&self, slice: Slice, listener: &mut L) -> Figures {
        // The style is fixed for a whole sweep: asked once here, the loop has no branch for it.
        match self.settings.entry_style {
            EntryStyle::Pullback => self.run_styled::<false, L>(slice, listener),
            EntryStyle::Breakout => self.run_styled::<true, L>(slice, listener),
        }
    }

    #[inline]
    fn run_styled<const BREAKOUT: bool, L: Listener>(
        &self,
        Slice { warmup, split, end }: Slice,
        listener: &mut L,
    ) -> Figures {
        let mut account = Account::new(self.settings);
        let mut state = State { highest: self.bars.high()[warmup - 1], long: None };
        let mut go = |bars: Range<usize>, account: &mut Account<'_>| {
            let trades =
                self.through::<BREAKOUT, L>(&self.part(bars), &mut state, account, listener);
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

    fn part(&self, bars: Range<usize>) -> Part<'_> {
        let before = bars.start - 1..bars.end - 1;
        Part {
            first: bars.start,
            open: &self.bars.open()[bars.clone()],
            high: &self.bars.high()[bars.clone()],
            low: &self.bars.low()[bars.clone()],
            close: &self.bars.close()[bars],
            close_before: &self.bars.close()[before.clone()],
            stop_before: &self.stop[before.clone()],
            smoothed_before: &self.buy.smoothed[before],
        }
    }

    /// Walks through the bars of a part, from one event to the next, and counts the closed trades.
    ///
    /// At most one event happens in a bar, and what was entered in it acts from the next bar on.
    #[inline]
    fn through<const BREAKOUT: bool, L: Listener>(
        &self,
        part: &Part<'_>,
        state: &mut State,
        account: &mut Account<'_>,
        listener: &mut L,
    ) -> u32 {
        let mut trades = 0;
        let mut k = 0;
        while k < part.open.len() {
            if let Some((position, entry_bar, entry_price)) = state.long {
                let Some((at, exit_price)) = hold(part, k, position, state, account, listener)
                else {
                    break;
                };
                let exit_bar = part.first + at;
                let before = account.equity();
                account.sell(position, exit_price);
                if position.shares > 0.0 {
                    trades += 1;
                    let pnl = account.equity() - before;
                    listener.trade(Trade { entry_bar, entry_price, exit_bar, exit_price, pnl });
                }
                state.long = None;
                k = at;
            } else {
                let Some((at, price)) = self.wait::<BREAKOUT, L>(part, k, state, account, listener)
                else {
                    break;
                };
                let position = account.buy(price);
                account.mark(position, part.close[at]);
                state.long = Some((position, part.first + at, price));
                k = at;
            }
            // The extreme is followed afresh from the bar of the event on.
            state.highest = part.high[k];
            listener.mark(part.first + k, account.marked());
            k += 1;
        }
        trades
    }

    /// Waits for the buy from bar `k` on: the bar in which it is touched, and its fill.
    #[inline(always)]
    fn wait<const BREAKOUT: bool, L: Listener>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &mut State,
        account: &Account<'_>,
        listener: &mut L,
    ) -> Option<(usize, f64)> {
        for k in k..part.open.len() {
            let offset = part.smoothed_before[k] * self.buy.multiplier;
            let fill = if BREAKOUT {
                touches::up(part.close_before[k] + offset, part.open[k], part.high[k])
            } else {
                touches::down(state.highest - offset, part.open[k], part.low[k])
            };
            if let Some(price) = fill
                && !account.is_ruined()
            {
                return Some((k, price));
            }
            state.follow(part.high[k]);
            listener.mark(part.first + k, account.marked());
        }
        None
    }
}

/// Holds a position from bar `k` on, marking it at every close: the bar of its stop, and the fill.
#[inline(always)]
fn hold<L: Listener>(
    part: &Part<'_>,
    k: usize,
    position: Long,
    state: &mut State,
    account: &mut Account<'_>,
    listener: &mut L,
) -> Option<(usize, f64)> {
    for k in k..part.open.len() {
        let level = state.highest - part.stop_before[k];
        if let Some(price) = touches::down(level, part.open[k], part.low[k]) {
            return Some((k, price));
        }
        account.mark(position, part.close[k]);
        state.follow(part.high[k]);
        listener.mark(part.first + k, account.marked());
    }
    None
}

impl State {
    #[inline(always)]
    fn follow(&mut self, high: f64) {
        if high > self.highest {
            self.highest = high;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let sim = simulate(&bars, &PARAMS, &Settings::default(), slice).expect("a simulation");
        let shares = 100_000.0 / 98.0;
        assert_eq!(sim.trades.len(), 1);
        let trade = sim.trades[0];
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

    #[test]
    fn sweep_and_simulation_agree_in_any_division() {
        let tail: Vec<[f64; 4]> = (0..200)
            .map(|i| {
                let close =
                    100.0 + 9.0 * (f64::from(i) * 0.7).sin() + 5.0 * (f64::from(i) * 0.13).cos();
                [close + 0.5, close + 1.5, close - 1.0, close]
            })
            .collect();
        let bars = history(&tail);
        let axes = vec![
            vec![5.0, 20.0],
            vec![1.0, 2.5],
            vec![10.0],
            vec![1.0, 2.0],
            vec![0.02, 0.2],
            vec![0.3],
            vec![0.0, 1.0, 2.0],
            vec![8.0, 30.0],
            vec![0.5, 1.0],
            vec![3.0],
            vec![0.0, 1.0],
        ];
        let slices = vec![
            Slice { warmup: 100, split: 180, end: 240 },
            Slice { warmup: 150, split: 220, end: 300 },
        ];
        let settings = Settings { sizing: Sizing::Fixed, slip: 0.001, ..Settings::default() };
        let grid = Grid::new(axes).expect("a grid");
        let sweep =
            Sweep::new(bars.clone(), grid.clone(), settings, slices.clone()).expect("a sweep");
        let whole = sweep.run(0..sweep.len()).expect("figures");
        for (i, row) in whole.chunks(2).enumerate() {
            let values: Vec<f64> = grid.at(i as u64).expect("inside").values().collect();
            for (figures, &slice) in row.iter().zip(&slices) {
                let sim = simulate(&bars, &values, &settings, slice).expect("a simulation");
                assert_eq!(*figures, sim.figures, "combination {i}");
            }
        }
        let mut pieces = sweep.run(0..7).expect("figures");
        pieces.extend(sweep.run(7..sweep.len()).expect("figures"));
        assert_eq!(whole, pieces);
        assert!(whole.iter().any(|f| f.is_trades > 0 && f.oos_trades > 0));
    }

    #[test]
    fn bad_input_is_an_error() {
        let bars = history(&[[100.0, 101.0, 99.0, 100.0]; 20]);
        let settings = Settings::default();
        let slice = Slice { warmup: 69, split: 110, end: 120 };
        assert_eq!(
            simulate(&bars, &PARAMS, &settings, slice),
            Err(Error::Warmup { warmup: 69, need: 70 })
        );
        let grid = || Grid::new(PARAMS.iter().map(|&x| vec![x]).collect()).expect("a grid");
        assert!(Sweep::new(bars.clone(), grid(), settings, vec![slice]).is_err());
        let good = vec![Slice { warmup: 70, ..slice }];
        let sweep = Sweep::new(bars, grid(), settings, good).expect("a sweep");
        assert_eq!(sweep.run(0..2), Err(Error::IndexRange { start: 0, stop: 2, len: 1 }));
        assert_eq!(sweep.run(1..1), Ok(vec![]));
    }
}
