//! The optimization profile: how each figure is distributed over all combinations of a grid (Walton
//! 2014, system parameter permutation).
//!
//! Seven figures a phase, profit and drawdown in and out of sample, the out-of-sample return, trades
//! in and out of sample; and one over all phases, the sum of the logarithms of one plus each return.
//! They are counted block by block, in any order and by any number of threads, always to the same
//! bytes: counts and fixed-point sums are whole numbers.
//!
//! Money and returns are counted by the leading bits of their `f32`, 256 bins an octave. A quantile is
//! the middle of its bin, at most one part in 512 away from the value, and never beyond the least or
//! the best, which are exact. Numbers of trades are counted one by one, and all that follows from them
//! is exact. Means and deviations are made of sums of values rounded to a [`UNIT`]th: of a return of 1,
//! and of the largest power of two that the capital reaches.

use std::f64::consts::LN_2;

use rayon::prelude::*;

use super::block::{Block, MOST_PHASES, Stored};
use super::chunks::{CHUNK, SLAB, parts};
use super::effects::annual::log2;
use super::effects::wide::{Width, Work};
use crate::error::{Error, Result};

/// Fixed-point units of 1.
pub const UNIT: f64 = (1_u64 << 22) as f64;

/// Values of which fixed-point numbers are below it add up in 64 bits, a chunk of them, squared.
const NARROW: f64 = (1_u64 << 26) as f64;
/// Fixed-point numbers are clamped to it either way.
const LIMIT: f64 = (1_u64 << 44) as f64;

/// Bits of a pattern that a bin does not tell apart.
const DROPPED: u32 = 15;
/// Bins of an octave.
const BINS: usize = 1 << (23 - DROPPED);
/// Octaves of all patterns, those of negative values behind the others.
const OCTAVES: usize = 1 << 9;
/// The largest magnitude of a number.
const INFINITY: u32 = 0x7f80_0000;

/// Phases whose growth is multiplied before a logarithm is taken: no product overflows.
const MULTIPLIED: usize = 4;

/// Shares of the combinations that lie below the quantiles of a [`Summary`].
pub const SHARES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// The names of the figures of a phase, in their order.
pub const FIGURES: [&str; 7] =
    ["is_pnl", "oos_pnl", "is_dd", "oos_dd", "oos_return", "is_trades", "oos_trades"];

/// How one figure is distributed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Combinations whose figure is a number or infinite.
    pub count: u64,
    /// Those whose figure is finite, over which the rest but the quantiles is.
    pub finite: u64,
    /// Those of all whose figure is above 0.
    pub above: u64,
    /// At each of [`SHARES`] of the way through all in order, between the two next to it in proportion.
    pub quantiles: [f64; 5],
    /// The mean; NaN without a value, and so the rest.
    pub mean: f64,
    /// The standard deviation of all, not an estimate from some.
    pub deviation: f64,
    /// The least value.
    pub least: f64,
    /// The largest one.
    pub best: f64,
}

/// Counts of values in order, from which shares and quantiles are read.
trait Ordered {
    /// Calls `visit` with values in rising order, and how many there are of each.
    fn visit(&self, visit: impl FnMut(f64, u64));

    /// How many values there are.
    fn count(&self) -> u64 {
        let mut count = 0;
        self.visit(|_, times| count += times);
        count
    }

    /// The values at [`SHARES`].
    fn quantiles(&self) -> [f64; 5] {
        let count = self.count();
        let Some(last) = count.checked_sub(1) else { return [f64::NAN; 5] };
        // Of the two values next to each quantile the positions in order, and the second one's weight.
        let places = SHARES.map(|share| {
            let at = share * last as f64;
            let low = (at as u64).min(last);
            (low, (low + 1).min(last), at - low as f64)
        });
        let mut ends = [[f64::NAN; 2]; 5];
        let mut below = 0;
        self.visit(|value, times| {
            let here = below..below + times;
            for (ends, (low, high, _)) in ends.iter_mut().zip(places) {
                for (end, at) in ends.iter_mut().zip([low, high]) {
                    if here.contains(&at) {
                        *end = value;
                    }
                }
            }
            below += times;
        });
        let mut found = [f64::NAN; 5];
        for ((found, [low, high]), (_, _, weight)) in found.iter_mut().zip(ends).zip(places) {
            let within = || low + weight * (high - low);
            *found = if low == high || weight == 0.0 { low } else { within() };
        }
        found
    }
}

/// Counts of values by the leading bits of their patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Position of each octave among those that exist, counted from 1; 0 where it does not.
    places: Vec<u16>,
    octaves: Vec<[u64; BINS]>,
}

impl Table {
    fn new() -> Self {
        Self { places: vec![0; OCTAVES], octaves: Vec::new() }
    }

    #[cold]
    fn open(&mut self, octave: usize) -> u16 {
        self.octaves.push([0; BINS]);
        let place = self.octaves.len() as u16;
        self.places[octave] = place;
        place
    }

    /// The counter of a bin, counted from the least pattern.
    #[inline(always)]
    pub(super) fn counter(&mut self, bin: u32) -> &mut u64 {
        let octave = bin as usize / BINS % OCTAVES;
        let mut place = self.places[octave];
        if place == 0 {
            place = self.open(octave);
        }
        &mut self.octaves[usize::from(place) - 1][bin as usize % BINS]
    }

    #[inline(always)]
    fn add(&mut self, values: &[f32]) {
        for value in values {
            *self.counter(value.to_bits() >> DROPPED) += 1;
        }
    }

    /// Calls `visit` with every bin that holds something, by patterns, and what it holds.
    pub(super) fn bins(&self, mut visit: impl FnMut(u32, u64)) {
        for (octave, &place) in (0..).zip(&self.places).filter(|(_, place)| **place > 0) {
            let first: u32 = octave * BINS as u32;
            for (bin, &times) in (first..).zip(&self.octaves[usize::from(place) - 1]) {
                if times > 0 {
                    visit(bin, times);
                }
            }
        }
    }

    pub(super) fn total(&self) -> u128 {
        self.octaves.iter().flatten().map(|&times| u128::from(times)).sum()
    }
}

/// The first bin of negative values, of positive infinity, and of both without their sign.
const NEGATIVE: u32 = (OCTAVES * BINS / 2) as u32;
const INFINITE: u32 = INFINITY >> DROPPED;

/// The middle of a bin; those of zeros and of infinities hold one value each.
fn middle(bin: u32) -> f64 {
    let low = f32::from_bits((bin % NEGATIVE) << DROPPED);
    let high = f32::from_bits(((bin % NEGATIVE) << DROPPED) + (1 << DROPPED));
    let size = match bin % NEGATIVE {
        0 => 0.0,
        INFINITE.. => f64::INFINITY,
        _ => f64::midpoint(f64::from(low), f64::from(high)),
    };
    if bin < NEGATIVE { size } else { -size }
}

impl Ordered for Table {
    fn visit(&self, mut visit: impl FnMut(f64, u64)) {
        let mut bins = Vec::new();
        self.bins(|bin, times| bins.push((bin, times)));
        let positive = bins.partition_point(|(bin, _)| *bin < NEGATIVE);
        let rising = bins[positive..].iter().rev().chain(&bins[..positive]);
        rising.for_each(|&(bin, times)| visit(middle(bin), times));
    }
}

/// How a figure of money, or a ratio of it, is distributed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    /// Fixed-point units of 1 of the figure.
    scale: f64,
    /// Keys of the least and the largest finite value, in the order of the values.
    pub(super) least: i32,
    pub(super) best: i32,
    /// Values that are no number.
    pub(super) undefined: u64,
    /// Sums of fixed-point numbers and of their squares.
    pub(super) sum: i128,
    pub(super) squares: u128,
    pub(super) table: Table,
}

/// A number that orders like the value of a pattern; its own inverse.
#[inline(always)]
fn key(pattern: i32) -> i32 {
    pattern ^ (((pattern >> 31) as u32) >> 1) as i32
}

/// What a chunk adds to a [`Spread`], where its fixed-point numbers are small.
struct Moments {
    least: i32,
    best: i32,
    /// The largest pattern without its sign.
    magnitude: i32,
    sum: i64,
    squares: u64,
}

struct Measure<'a> {
    values: &'a [f32],
    scale: f64,
}

impl Work for Measure<'_> {
    type Output = Moments;

    #[inline(always)]
    fn run(self) -> Moments {
        /// Added to a number and subtracted again, it leaves the nearest whole one.
        const WHOLE: f64 = 6_755_399_441_055_744.0;
        let mut found =
            Moments { least: i32::MAX, best: i32::MIN, magnitude: 0, sum: 0, squares: 0 };
        for value in self.values {
            let pattern = value.to_bits() as i32;
            found.least = found.least.min(key(pattern));
            found.best = found.best.max(key(pattern));
            found.magnitude = found.magnitude.max(pattern & i32::MAX);
        }
        for &value in self.values {
            let shifted = f64::from(value) * self.scale + WHOLE;
            let whole = (shifted.to_bits() as i64).wrapping_sub(WHOLE.to_bits() as i64);
            found.sum = found.sum.wrapping_add(whole);
            // Of what is larger than 32 bits the sums are not used.
            let size = u64::from(whole.unsigned_abs() as u32);
            found.squares = found.squares.wrapping_add(size * size);
        }
        found
    }
}

impl Spread {
    fn new(scale: f64) -> Self {
        Self {
            scale,
            least: i32::MAX,
            best: i32::MIN,
            undefined: 0,
            sum: 0,
            squares: 0,
            table: Table::new(),
        }
    }

    /// Adds the values of at most a chunk.
    fn add(&mut self, width: Width, values: &[f32]) {
        debug_assert!(values.len() <= CHUNK);
        let found = width.run(Measure { values, scale: self.scale });
        let largest = f64::from(f32::from_bits(found.magnitude as u32)) * self.scale;
        // Infinite, or no number, is not below it either.
        if largest < NARROW {
            self.least = self.least.min(found.least);
            self.best = self.best.max(found.best);
            self.sum += i128::from(found.sum);
            self.squares += u128::from(found.squares);
            self.table.add(values);
        } else {
            values.iter().for_each(|&value| self.add_one(value));
        }
    }

    fn add_one(&mut self, value: f32) {
        if value.is_nan() {
            self.undefined += 1;
            return;
        }
        self.table.add(&[value]);
        if value.is_finite() {
            let key = key(value.to_bits() as i32);
            (self.least, self.best) = (self.least.min(key), self.best.max(key));
            let whole = (f64::from(value) * self.scale).round_ties_even().clamp(-LIMIT, LIMIT);
            let whole = whole as i128;
            self.sum += whole;
            self.squares += (whole * whole) as u128;
        }
    }

    /// Whether least, best and sums can be those of what was counted: bytes may state anything.
    pub(super) fn adds_up(&self) -> bool {
        let mut finite = 0;
        self.table.bins(|bin, times| {
            finite += if bin % NEGATIVE < INFINITE { u128::from(times) } else { 0 };
        });
        if finite == 0 {
            return (self.least, self.best, self.sum, self.squares) == (i32::MAX, i32::MIN, 0, 0);
        }
        let is_finite = |found| f32::from_bits(key(found) as u32).is_finite();
        let most = LIMIT as u128;
        is_finite(self.least)
            && is_finite(self.best)
            && self.least <= self.best
            && self.sum.unsigned_abs() <= finite * most
            && self.squares <= finite.saturating_mul(most * most)
    }

    fn summary(&self) -> Summary {
        let (mut above, mut infinite) = (0, 0);
        self.table.bins(|bin, times| {
            above += if (1..NEGATIVE).contains(&bin) { times } else { 0 };
            infinite += if bin % NEGATIVE >= INFINITE { times } else { 0 };
        });
        let count = self.table.count();
        let finite = count - infinite;
        if finite == 0 {
            return Summary {
                count,
                finite,
                above,
                quantiles: self.table.quantiles(),
                ..Summary::empty()
            };
        }
        // Minus 0 is shown as 0.
        let value = |found: i32| f64::from(f32::from_bits(key(found) as u32)) + 0.0;
        let (least, best) = (value(self.least), value(self.best));
        let within = |value: f64| if value.is_finite() { value.clamp(least, best) } else { value };
        let mean = self.sum as f64 / finite as f64 / self.scale;
        let deviation = deviation(finite, self.sum, self.squares) / self.scale;
        let quantiles = self.table.quantiles().map(within);
        Summary { count, finite, above, quantiles, mean, deviation, least, best }
    }
}

/// The standard deviation of numbers of which these are count, sum and sum of squares.
fn deviation(count: u64, sum: i128, squares: u128) -> f64 {
    let all = u128::from(count);
    let square = sum.unsigned_abs().checked_mul(sum.unsigned_abs());
    let exact = all.checked_mul(squares).zip(square).map(|(a, b)| a.saturating_sub(b) as f64);
    let large = || {
        let (mean, squares) = (sum as f64 / count as f64, squares as f64 / count as f64);
        (squares - mean * mean).max(0.0) * count as f64 * count as f64
    };
    exact.unwrap_or_else(large).sqrt() / count as f64
}

impl Summary {
    fn empty() -> Self {
        let none = f64::NAN;
        Self {
            count: 0,
            finite: 0,
            above: 0,
            quantiles: [none; 5],
            mean: none,
            deviation: none,
            least: none,
            best: none,
        }
    }
}

/// How often each number of trades occurs, up to the largest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Trades {
    pub(super) counts: Vec<u64>,
}

impl Trades {
    fn add(&mut self, trades: &[u16]) {
        let most = usize::from(trades.iter().fold(0, |most, &trades| trades.max(most)));
        if most >= self.counts.len() {
            self.counts.resize(most + 1, 0);
        }
        let counts = &mut self.counts[..];
        for &trades in trades {
            counts[usize::from(trades)] += 1;
        }
    }

    pub(super) fn total(&self) -> u128 {
        self.counts.iter().map(|&times| u128::from(times)).sum()
    }

    fn summary(&self) -> Summary {
        let (mut sum, mut squares, mut least, mut best) = (0, 0, None, 0);
        for (trades, &times) in (0_u64..).zip(&self.counts).filter(|(_, times)| **times > 0) {
            sum += i128::from(trades) * i128::from(times);
            squares += u128::from(trades) * u128::from(trades) * u128::from(times);
            least = least.or(Some(trades));
            best = trades;
        }
        let count = self.count();
        let Some(least) = least else { return Summary::empty() };
        Summary {
            count,
            finite: count,
            above: count - self.counts[0],
            quantiles: self.quantiles(),
            mean: sum as f64 / count as f64,
            deviation: deviation(count, sum, squares),
            least: least as f64,
            best: best as f64,
        }
    }
}

impl Ordered for Trades {
    fn visit(&self, mut visit: impl FnMut(f64, u64)) {
        for (trades, &times) in (0_u32..).zip(&self.counts).filter(|(_, times)| **times > 0) {
            visit(f64::from(trades), times);
        }
    }
}

/// The figures of a phase.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PhaseSpreads {
    /// Profit and drawdown in and out of sample, and the return.
    pub(super) money: [Spread; 5],
    pub(super) trades: [Trades; 2],
}

/// How each figure is distributed over all combinations.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub(super) capital: f64,
    pub(super) len: u64,
    pub(super) phases: Vec<PhaseSpreads>,
    pub(super) total: Spread,
}

/// One of the figures, to be counted over a slab.
enum Job<'a> {
    Money(&'a mut Spread, &'a [f32]),
    Return(&'a mut Spread, Stored<'a>),
    Trades(&'a mut Trades, &'a [u16]),
    Total(&'a mut Spread, Vec<Stored<'a>>),
}

/// The out-of-sample returns of some combinations.
struct Returns<'a> {
    capital: f64,
    is_pnl: &'a [f32],
    oos_pnl: &'a [f32],
    out: &'a mut [f32],
}

impl Work for Returns<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((&before, &earned), out) in self.is_pnl.iter().zip(self.oos_pnl).zip(self.out) {
            let start = self.capital + f64::from(before);
            let found = (f64::from(earned) / start) as f32;
            *out = if start > 0.0 { found } else { -1.0 };
        }
    }
}

/// The sums over phases of the logarithms of one plus each return, of some combinations.
struct Totals<'a> {
    capital: f64,
    phases: &'a [Stored<'a>],
    /// The first of them.
    first: usize,
    out: &'a mut [f32],
}

impl Work for Totals<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut sums = [0.0; CHUNK];
        let sums = &mut sums[..self.out.len()];
        let range = self.first..self.first + sums.len();
        for phases in self.phases.chunks(MULTIPLIED) {
            let (mut starts, mut ends) = ([1.0; CHUNK], [1.0; CHUNK]);
            for phase in phases {
                let (before, earned) =
                    (&phase.is_pnl[range.clone()], &phase.oos_pnl[range.clone()]);
                let products = starts.iter_mut().zip(&mut ends);
                for ((&before, &earned), (starts, ends)) in before.iter().zip(earned).zip(products)
                {
                    let start = self.capital + f64::from(before);
                    let end = start + f64::from(earned);
                    // A product that is not positive never becomes so again.
                    let lives = (start > 0.0) & (end > 0.0);
                    *starts *= if lives { start } else { 1.0 };
                    *ends *= if lives { end } else { 0.0 };
                }
            }
            for (sum, (&starts, &ends)) in sums.iter_mut().zip(starts.iter().zip(&ends)) {
                let growth = ends / starts;
                let finite = log2(growth) * LN_2;
                let logarithm = if growth == f64::INFINITY { growth } else { finite };
                *sum += if ends > 0.0 { logarithm } else { f64::NEG_INFINITY };
            }
        }
        for (out, &sum) in self.out.iter_mut().zip(&*sums) {
            *out = sum as f32;
        }
    }
}

impl Job<'_> {
    fn run(self, width: Width, capital: f64) {
        let mut buffer = [0.0; CHUNK];
        match self {
            Self::Money(spread, values) => {
                values.chunks(CHUNK).for_each(|values| spread.add(width, values));
            }
            Self::Trades(trades, values) => trades.add(values),
            Self::Return(spread, phase) => {
                let pairs = phase.is_pnl.chunks(CHUNK).zip(phase.oos_pnl.chunks(CHUNK));
                for (is_pnl, oos_pnl) in pairs {
                    let out = &mut buffer[..is_pnl.len()];
                    width.run(Returns { capital, is_pnl, oos_pnl, out });
                    spread.add(width, &buffer[..is_pnl.len()]);
                }
            }
            Self::Total(spread, phases) => {
                for range in parts(phases[0].is_pnl.len(), CHUNK) {
                    let (first, phases) = (range.start, &phases[..]);
                    let out = &mut buffer[..range.len()];
                    width.run(Totals { capital, phases, first, out });
                    spread.add(width, &buffer[..range.len()]);
                }
            }
        }
    }
}

impl Profile {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// No phase or too many, or a capital that is not a number above 0.
    pub fn new(phases: usize, capital: f64) -> Result<Self> {
        if !(1..=MOST_PHASES).contains(&phases) {
            let allowed = "it must be from 1 to 255";
            return Err(Error::CountRange { name: "phases", value: phases as u64, allowed });
        }
        if !(1e-30..=1e30).contains(&capital) {
            let allowed = "it must be a number from 1e-30 to 1e30";
            return Err(Error::OutOfRange { name: "capital", value: capital, allowed });
        }
        // The power of two has the capital's exponent, and nothing behind it.
        let reached = f64::from_bits(capital.to_bits() & 0x7ff0_0000_0000_0000);
        let money = Spread::new(UNIT / reached);
        let of_one = Spread::new(UNIT);
        let phase = PhaseSpreads {
            money: [money.clone(), money.clone(), money.clone(), money, of_one.clone()],
            trades: [Trades::default(), Trades::default()],
        };
        Ok(Self { capital, len: 0, phases: vec![phase; phases], total: of_one })
    }

    /// What every backtest starts with.
    #[must_use]
    pub fn capital(&self) -> f64 {
        self.capital
    }

    /// Combinations counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Counts a block of combinations, wherever in the grid they are.
    ///
    /// # Errors
    /// A block of another number of phases, or more than 2^64 combinations, and none is counted.
    pub fn add(&mut self, block: &Block<'_>) -> Result<()> {
        self.add_with(Width::best(), block)
    }

    fn add_with(&mut self, width: Width, block: &Block<'_>) -> Result<()> {
        block.check_phases(self.phases.len())?;
        let len = self.len.checked_add(block.len() as u64).ok_or(Error::StatisticsFull)?;
        let capital = self.capital;
        for slab in parts(block.len(), SLAB) {
            let stored: Vec<_> = block.phases().iter().map(|p| p.part(slab.clone())).collect();
            // The longest first.
            let mut jobs = vec![Job::Total(&mut self.total, stored.clone())];
            for (spreads, phase) in self.phases.iter_mut().zip(stored) {
                let [is_pnl, oos_pnl, is_dd, oos_dd, returns] = &mut spreads.money;
                let [is_trades, oos_trades] = &mut spreads.trades;
                jobs.push(Job::Return(returns, phase));
                jobs.push(Job::Money(is_pnl, phase.is_pnl));
                jobs.push(Job::Money(oos_pnl, phase.oos_pnl));
                jobs.push(Job::Money(is_dd, phase.is_dd));
                jobs.push(Job::Money(oos_dd, phase.oos_dd));
                jobs.push(Job::Trades(is_trades, phase.is_trades));
                jobs.push(Job::Trades(oos_trades, phase.oos_trades));
            }
            jobs.into_par_iter().with_max_len(1).for_each(|job| job.run(width, capital));
        }
        self.len = len;
        Ok(())
    }

    /// The figures of each phase, in the order of [`FIGURES`].
    #[must_use]
    pub fn phases(&self) -> Vec<[Summary; 7]> {
        let phase = |spreads: &PhaseSpreads| {
            let [a, b, c, d, e] = spreads.money.each_ref().map(Spread::summary);
            let [f, g] = spreads.trades.each_ref().map(Trades::summary);
            [a, b, c, d, e, f, g]
        };
        self.phases.par_iter().map(phase).collect()
    }

    /// The sum over phases of the logarithms of one plus each out-of-sample return; minus infinity
    /// where the equity that one begins or ends with is not positive.
    #[must_use]
    pub fn total(&self) -> Summary {
        self.total.summary()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One phase of figures that a block is made of.
    #[derive(Debug, Clone)]
    struct Columns {
        money: [Vec<f32>; 4],
        trades: [Vec<u16>; 2],
    }

    impl Columns {
        fn stored(&self) -> Stored<'_> {
            let [is_pnl, oos_pnl, is_dd, oos_dd] = self.money.each_ref().map(Vec::as_slice);
            let [is_trades, oos_trades] = self.trades.each_ref().map(Vec::as_slice);
            Stored { is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades }
        }
    }

    const CAPITAL: f64 = 1_000.0;

    /// Figures without a pattern, some of them large, equal or none at all.
    fn columns(len: usize, seed: u64) -> Columns {
        let mut state = seed;
        let mut next = move || {
            state =
                state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            (state >> 33) as u32
        };
        let mut value = move || match next() % 16 {
            0 => 0.0,
            1 => -0.0,
            2 => (next() % 5) as f32 * 1e7,
            3 => -((next() % 3) as f32) * 700.0,
            _ => (next() % 100_000) as f32 / 64.0 - 500.0,
        };
        let mut money = || (0..len).map(|_| value()).collect::<Vec<_>>();
        let money = [money(), money(), money(), money()];
        let trades = [0, 1].map(|k| money[k].iter().map(|x| x.abs() as u16 % 77).collect());
        Columns { money, trades }
    }

    fn added(phases: &[Columns], width: Width, sizes: &[usize]) -> Profile {
        let mut profile = Profile::new(phases.len(), CAPITAL).expect("a profile");
        let len = phases[0].money[0].len();
        let mut first = 0;
        for &size in sizes.iter().cycle() {
            let range = first..(first + size.max(1)).min(len);
            let stored = phases.iter().map(|p| p.stored().part(range.clone())).collect();
            profile.add_with(width, &Block::new(stored).expect("a block")).expect("counted");
            first = range.end;
            if first == len {
                return profile;
            }
        }
        profile
    }

    /// The summary of values by its definition, but for the width of bins.
    fn check(found: &Summary, values: &[f64], bin: f64, unit: f64) {
        let mut rising: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        rising.sort_by(f64::total_cmp);
        let finite: Vec<f64> = rising.iter().copied().filter(|v| v.is_finite()).collect();
        let n = finite.len() as f64;
        let mean = finite.iter().sum::<f64>() / n;
        let squares = finite.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        assert_eq!(found.count, rising.len() as u64);
        assert_eq!(found.finite, finite.len() as u64);
        assert_eq!(found.above, rising.iter().filter(|v| **v > 0.0).count() as u64);
        assert_eq!((found.least, found.best), (finite[0] + 0.0, finite[finite.len() - 1] + 0.0));
        let close = |a: f64, b: f64| (a - b).abs() <= unit + 1e-12 * b.abs();
        assert!(close(found.mean, mean), "{found:?} {mean}");
        assert!(close(found.deviation, (squares / n).sqrt()), "{found:?} {squares}");
        for (quantile, share) in found.quantiles.into_iter().zip(SHARES) {
            let at = share * (rising.len() - 1) as f64;
            let (low, high) = (rising[at.floor() as usize], rising[at.ceil() as usize]);
            if low == high {
                assert!(quantile == low || (quantile - low).abs() <= bin * low.abs(), "{found:?}");
            } else if low.is_finite() && high.is_finite() {
                let expected = low + at.fract() * (high - low);
                let allowed = bin * low.abs().max(high.abs()) + 1e-12;
                assert!((quantile - expected).abs() <= allowed, "{share} {quantile} {expected}");
            }
        }
    }

    fn check_all(phases: &[Columns], profile: &Profile) {
        let len = phases[0].money[0].len();
        let mut totals = vec![0.0; len];
        for (columns, found) in phases.iter().zip(profile.phases()) {
            let money = columns.money.each_ref().map(|c| c.iter().map(|&v| f64::from(v)).collect());
            let money: [Vec<f64>; 4] = money;
            for (values, found) in money.iter().zip(&found) {
                check(found, values, 1.0 / 512.0, 512.0 / UNIT);
            }
            let start = |i: usize| CAPITAL + money[0][i];
            let returns = |i| if start(i) > 0.0 { (money[1][i] / start(i)) as f32 } else { -1.0 };
            let returns: Vec<f64> = (0..len).map(|i| f64::from(returns(i))).collect();
            check(&found[4], &returns, 1.0 / 512.0, 1.0 / UNIT);
            for (values, found) in columns.trades.iter().zip(&found[5..]) {
                let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
                check(found, &values, 0.0, 0.0);
            }
            for (i, total) in totals.iter_mut().enumerate() {
                let growth = 1.0 + money[1][i] / start(i);
                *total +=
                    if start(i) > 0.0 && growth > 0.0 { growth.ln() } else { f64::NEG_INFINITY };
            }
        }
        // A total is kept as a number of 24 bits, the last of which may be another one.
        let total = profile.total();
        for (found, sign) in [(total.least, -1.0), (total.best, 1.0)] {
            let finite = totals.iter().filter(|total| total.is_finite());
            let expected = sign * finite.fold(f64::MIN, |most, total| most.max(sign * total));
            assert!((found - expected).abs() <= 1e-6 * expected.abs(), "{found} {expected}");
        }
        let rounded = |total: f64| if total.is_finite() { f64::from(total as f32) } else { total };
        let totals: Vec<f64> = totals.into_iter().map(rounded).collect();
        let found = Summary { least: least(&totals), best: -least(&negated(&totals)), ..total };
        check(&found, &totals, 1.0 / 512.0 + 1e-6, 1e-6);
    }

    fn least(values: &[f64]) -> f64 {
        values.iter().copied().filter(|v| v.is_finite()).fold(f64::INFINITY, f64::min)
    }

    fn negated(values: &[f64]) -> Vec<f64> {
        values.iter().map(|v| -v).collect()
    }

    #[test]
    fn summaries_follow_from_their_definitions() {
        for (len, phases) in [(1, 1), (2, 1), (1_500, 2), (5_000, 9)] {
            let phases: Vec<_> = (0..phases).map(|k| columns(len, k + len as u64)).collect();
            let profile = added(&phases, Width::Baseline, &[1 << 20]);
            assert_eq!(profile.len(), len as u64);
            if len > 2 {
                check_all(&phases, &profile);
            }
        }
    }

    #[test]
    fn infinities_and_what_is_no_number_are_told_apart() {
        let mut one = columns(2_000, 3);
        one.money[1][7] = f32::INFINITY;
        one.money[1][1_300] = f32::NEG_INFINITY;
        one.money[1][1_301] = f32::NAN;
        let profile = added(&[one.clone()], Width::best(), &[999]);
        check_all(&[one.clone()], &profile);
        let [_, oos_pnl, ..] = profile.phases()[0];
        assert_eq!((oos_pnl.count, oos_pnl.finite), (1_999, 1_997));
        let ruined = Columns { money: one.money.map(|_| vec![-2_000.0; 3]), ..columns(3, 1) };
        let total = added(&[ruined], Width::best(), &[3]).total();
        assert_eq!((total.count, total.finite, total.quantiles[2]), (3, 0, f64::NEG_INFINITY));
        assert!(total.mean.is_nan() && total.best.is_nan());
    }

    #[test]
    fn equal_figures_have_no_deviation_and_are_their_own_quantiles() {
        let same = |value| Columns {
            money: [(); 4].map(|()| vec![value; 3_000]),
            trades: [(); 2].map(|()| vec![9; 3_000]),
        };
        let profile = added(&[same(123.456)], Width::best(), &[700]);
        let [is_pnl, .., is_trades, _] = profile.phases()[0];
        assert_eq!((is_pnl.deviation, is_trades.deviation), (0.0, 0.0));
        assert_eq!(is_pnl.quantiles, [f64::from(123.456_f32); 5]);
        assert_eq!((is_trades.mean, is_trades.quantiles), (9.0, [9.0; 5]));
        assert_eq!(added(&[same(-0.0)], Width::best(), &[700]).phases()[0][0].quantiles, [0.0; 5]);
    }

    #[test]
    fn a_new_profile_is_empty_and_checks_what_it_is_given() {
        let profile = Profile::new(2, CAPITAL).expect("a profile");
        assert!(profile.is_empty() && profile.total().best.is_nan());
        assert_eq!(profile.phases()[1][5].count, 0);
        assert!(Profile::new(0, CAPITAL).is_err() && Profile::new(256, CAPITAL).is_err());
        assert!([0.0, -1.0, f64::NAN, f64::INFINITY].iter().all(|&c| Profile::new(1, c).is_err()));
        let one = columns(3, 1);
        let block = Block::new(vec![one.stored()]).expect("a block");
        assert!(profile.clone().add(&block).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn neither_blocks_nor_vectors_matter(
            sizes in prop::collection::vec(1_usize..3_000, 1..4),
            seed in any::<u64>(),
        ) {
            let phases = [columns(4_000, seed), columns(4_000, seed ^ 1)];
            let whole = added(&phases, Width::Baseline, &[4_000]);
            for width in Width::ALL.into_iter().filter(|width| width.is_here()) {
                let found = added(&phases, width, &sizes);
                prop_assert_eq!(found.to_bytes(), whole.to_bytes());
            }
            let again = Profile::from_bytes(&whole.to_bytes()).expect("a profile");
            prop_assert_eq!(again.to_bytes(), whole.to_bytes());
            prop_assert_eq!(again.phases(), whole.phases());
        }

        #[test]
        fn changed_bytes_are_refused(at in any::<prop::sample::Index>(), byte in 1..=255_u8) {
            let mut bytes = added(&[columns(300, 5)], Width::best(), &[300]).to_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= byte;
            prop_assert!(Profile::from_bytes(&bytes).is_err());
            prop_assert!(Profile::from_bytes(&bytes[..at]).is_err());
        }
    }
}
