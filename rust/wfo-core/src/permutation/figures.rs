//! Figures of a whole search.
//!
//! All of them are made of figures in the types of the result files, so that a search in memory and a
//! run's files give the same ones. Of each combination one number is held beside the blocks: its
//! growth over the out-of-sample parts of all phases, the exponential of its total return.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::held::Held;
use crate::engine::PreparedSweep;
use crate::error::{Error, Result};
use crate::execution::settings::AccountSettings;
use crate::figures::{Columns, Count, Kind, Money};
use crate::market::bars::Bars;
use crate::market::slice::Slice;
use crate::scoring::block::{MOST_PHASES, Stored};
use crate::scoring::chunks::CHUNK;
use crate::scoring::gates::{Beat, Gates, Measure};

/// Bytes of the figures of one combination in one phase while a block is swept.
const CELL_BYTES: usize = 4 * size_of::<f64>() + 2 * size_of::<u32>();

/// What the figures of a block take at most, unless that were fewer than [`LEAST_BLOCK`] combinations.
const BLOCK_BYTES: usize = 256 << 20;

/// Combinations of a block at least: enough for all threads.
const LEAST_BLOCK: u64 = 1 << 14;

/// Combinations of a block that is not cut by memory at least: handing out work does not show.
const USUAL_BLOCK: u64 = 1 << 17;

/// Marks the growth of a combination that trades; a growth has no sign.
const TRADES: u64 = 1 << 63;

/// Gates of a phase, without what depends on the bars.
#[derive(Debug, Clone, PartialEq)]
pub struct GateSet {
    /// Out-of-sample profit by in-sample profit must exceed it.
    pub wfe: f64,
    /// The out-of-sample drawdown must be below this multiple of the in-sample one.
    pub dd_ratio: f64,
    /// Trades closed out-of-sample, at least.
    pub min_trades: u16,
    /// What must exceed buy-and-hold's on the same bars.
    pub beat: Option<Measure>,
}

/// Which figures of a search are computed.
#[derive(Debug)]
pub struct SearchFigures {
    sets: Vec<GateSet>,
    least: u8,
    min_trades: u16,
    slices: Vec<Slice>,
    account: AccountSettings,
}

/// What one search after the other writes into.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    columns: Vec<Columns>,
    growth: Vec<u64>,
}

/// The figures of some combinations of one phase in the types of the result files.
struct Chunk {
    money: [[f32; CHUNK]; 4],
    trades: [[u16; CHUNK]; 2],
}

impl Chunk {
    fn read(&mut self, columns: &Columns, from: usize, len: usize) {
        let Columns { is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades } = columns;
        for (to, column) in self.money.iter_mut().zip([is_pnl, oos_pnl, is_dd, oos_dd]) {
            for (to, &value) in to.iter_mut().zip(&column[from..from + len]) {
                *to = Money::stored(value);
            }
        }
        for (to, column) in self.trades.iter_mut().zip([is_trades, oos_trades]) {
            for (to, &value) in to.iter_mut().zip(&column[from..from + len]) {
                *to = Count::stored(value);
            }
        }
    }

    fn stored(&self, len: usize) -> Stored<'_> {
        let [is_pnl, oos_pnl, is_dd, oos_dd] = &self.money;
        let [is_trades, oos_trades] = &self.trades;
        Stored {
            is_pnl: &is_pnl[..len],
            oos_pnl: &oos_pnl[..len],
            is_dd: &is_dd[..len],
            oos_dd: &oos_dd[..len],
            is_trades: &is_trades[..len],
            oos_trades: &oos_trades[..len],
        }
    }
}

/// What a worker has while it goes through chunks.
struct Worker {
    chunk: Chunk,
    valid: [u8; CHUNK],
    /// By set of gates in how many phases each combination is valid, and last in how many it trades.
    times: Vec<[u8; CHUNK]>,
}

impl SearchFigures {
    /// Figures by some sets of gates. Stable are combinations that are valid in at least `least`
    /// phases; those trade that close at least `min_trades` trades out-of-sample in as many.
    ///
    /// # Errors
    /// No phase or too many, or `least` beyond their number.
    pub fn new(
        sets: Vec<GateSet>,
        least: usize,
        min_trades: u16,
        slices: Vec<Slice>,
        account: AccountSettings,
    ) -> Result<Self> {
        let count = |name, value: usize, allowed| {
            Err(Error::CountRange { name, value: value as u64, allowed })
        };
        if slices.is_empty() {
            return Err(Error::NoPhase);
        }
        if slices.len() > MOST_PHASES {
            return count("phases", slices.len(), "there may be up to 255");
        }
        if !(1..=slices.len()).contains(&least) {
            return count("least", least, "it must be from 1 to the number of phases");
        }
        Ok(Self { sets, least: least as u8, min_trades, slices, account })
    }

    /// Names of the figures, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let stable = (1..=self.sets.len()).map(|number| format!("stable_{number}"));
        let others = [
            "best_return",
            "median_return",
            "best_excess",
            "median_excess",
            "trading",
            "held_return",
        ];
        stable.chain(others.map(str::to_owned)).collect()
    }

    /// The phases.
    #[must_use]
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// Capital, costs and sizing.
    #[must_use]
    pub fn account(&self) -> &AccountSettings {
        &self.account
    }

    /// Buy-and-hold of every phase.
    #[must_use]
    pub fn held(&self, bars: &Bars) -> Vec<Held> {
        self.slices.iter().map(|&slice| Held::new(bars, slice, &self.account)).collect()
    }

    /// How many combinations of a sweep are computed together.
    pub(super) fn block(&self, sweep: &dyn PreparedSweep) -> u64 {
        let multiple = sweep.batch_multiple().max(1);
        let most = (BLOCK_BYTES / (CELL_BYTES * self.slices.len())) as u64;
        let most = most.max(LEAST_BLOCK);
        let whole = USUAL_BLOCK.next_multiple_of(multiple);
        whole.min((most / multiple * multiple).max(most.min(multiple))).min(sweep.len()).max(1)
    }

    /// Memory that a search takes beside what its sweep holds, in bytes.
    pub(super) fn bytes(&self, sweep: &dyn PreparedSweep) -> usize {
        let block = self.block(sweep) as usize * CELL_BYTES * self.slices.len();
        block.saturating_add(usize::try_from(sweep.len()).map_or(usize::MAX, |n| 8 * n))
    }

    /// Sweeps a whole grid over bars, and returns its figures in the order of the names; none where
    /// `stop` is set before the end.
    ///
    /// # Errors
    /// An error of the sweep, or of gates that cannot be used.
    pub(super) fn search(
        &self,
        sweep: &dyn PreparedSweep,
        bars: &Bars,
        scratch: &mut Scratch,
        stop: &AtomicBool,
    ) -> Result<Option<Vec<f64>>> {
        let held = self.held(bars);
        let gates = self.gates(&held);
        gates.iter().try_for_each(|gates| gates.check(self.slices.len()))?;
        let (len, block) = (sweep.len(), self.block(sweep));
        let Scratch { columns, growth } = scratch;
        if columns.first().map(Columns::len) != Some(block as usize) {
            let phase = |_: &Slice| Columns::unwritten(block as usize);
            *columns = self.slices.iter().map(phase).collect();
        }
        // Every item is written below.
        growth.resize(usize::try_from(len).map_err(|_| Error::GridTooLarge)?, 0);
        let mut stable = vec![0_u64; gates.len()];
        let mut start = 0;
        for growth in growth.chunks_mut(block as usize) {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let end = start + growth.len() as u64;
            let cells = columns.iter_mut().map(|c| c.cells().split_front(growth.len()).into());
            sweep.run_into(start..end, cells.collect())?;
            let counts = self.count(&gates, columns, growth);
            stable.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            start = end;
        }
        let held = held.iter().fold(1.0, |growth, held| {
            growth * factor(self.account.capital, held.is_pnl, held.oos_pnl)
        });
        let mut row: Vec<f64> = stable.into_iter().map(|count| count as f64).collect();
        row.extend(summary(growth, positive(held).ln()));
        Ok(Some(row))
    }

    /// The sets of gates on bars with this buy-and-hold.
    fn gates(&self, held: &[Held]) -> Vec<Gates> {
        let capital = self.account.capital;
        let set = |set: &GateSet| {
            let beat = set.beat.map(|measure| {
                let floor = |held: &Held| match measure {
                    Measure::Return => held.return_floor(capital),
                    Measure::Risk => held.risk_floor(),
                };
                Beat { measure, capital, floors: held.iter().map(floor).collect::<Arc<[f64]>>() }
            });
            let GateSet { wfe, dd_ratio, min_trades, .. } = *set;
            Gates { wfe, dd_ratio, min_trades, beat }
        };
        self.sets.iter().map(set).collect()
    }

    /// Writes the growth of the combinations of a block, and returns how many are stable by each set.
    fn count(&self, gates: &[Gates], columns: &[Columns], growth: &mut [u64]) -> Vec<u64> {
        let worker = || Worker {
            chunk: Chunk { money: [[0.0; CHUNK]; 4], trades: [[0; CHUNK]; 2] },
            valid: [0; CHUNK],
            times: vec![[0; CHUNK]; gates.len() + 1],
        };
        let sum = |mut sums: Vec<u64>, counts: Vec<u64>| {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            sums
        };
        growth
            .par_chunks_mut(CHUNK)
            .enumerate()
            .map_init(worker, |worker, (at, growth)| {
                self.count_chunk(gates, columns, at * CHUNK, growth, worker)
            })
            .reduce(|| vec![0; gates.len()], sum)
    }

    /// The same of a chunk, from combination `from` of the block on.
    fn count_chunk(
        &self,
        gates: &[Gates],
        columns: &[Columns],
        from: usize,
        growth: &mut [u64],
        worker: &mut Worker,
    ) -> Vec<u64> {
        let Worker { chunk, valid, times } = worker;
        let n = growth.len();
        let (valid, capital) = (&mut valid[..n], self.account.capital);
        let mut grown = [1.0_f64; CHUNK];
        times.iter_mut().for_each(|times| times[..n].fill(0));
        let mut add = |set: usize, valid: &[u8]| {
            times[set][..n].iter_mut().zip(valid).for_each(|(times, valid)| *times += valid);
        };
        for (k, columns) in columns.iter().enumerate() {
            chunk.read(columns, from, n);
            let phase = chunk.stored(n);
            for (set, gates) in gates.iter().enumerate() {
                gates.validate(k, &phase, valid);
                add(set, valid);
            }
            for (valid, &trades) in valid.iter_mut().zip(phase.oos_trades) {
                *valid = u8::from(trades >= self.min_trades);
            }
            add(gates.len(), valid);
            let profits = phase.is_pnl.iter().zip(phase.oos_pnl);
            for (grown, (&is_pnl, &oos_pnl)) in grown.iter_mut().zip(profits) {
                *grown *= factor(capital, is_pnl.into(), oos_pnl.into());
            }
        }
        for i in 0..n {
            let trades = times[gates.len()][i] >= self.least;
            growth[i] = positive(grown[i]).to_bits() | if trades { TRADES } else { 0 };
        }
        let stable = |times: &[u8; CHUNK]| {
            times[..n].iter().map(|&times| u64::from(times >= self.least)).sum()
        };
        times[..gates.len()].iter().map(stable).collect()
    }
}

/// By what an out-of-sample part multiplies the equity that it begins with; 0 where that, or what is
/// left of it, is not positive.
#[inline(always)]
fn factor(capital: f64, is_pnl: f64, oos_pnl: f64) -> f64 {
    let start = capital + is_pnl;
    let factor = 1.0 + oos_pnl / start;
    if start > 0.0 && factor > 0.0 { factor } else { 0.0 }
}

/// A growth; what is none, as after an infinite profit, is 0.
#[inline(always)]
fn positive(growth: f64) -> f64 {
    if growth > 0.0 { growth } else { 0.0 }
}

/// Best and median of the total returns, and of their excess over `held` among combinations that
/// trade, how many those are, and `held`. Puts the items into another order.
fn summary(growth: &mut [u64], held: f64) -> [f64; 6] {
    // Those that trade to the front, without the mark. Bits of numbers without a sign are in order.
    let (mut trading, mut best, mut best_trading) = (0, 0, 0);
    for i in 0..growth.len() {
        let own = growth[i] & !TRADES;
        let trades = growth[i] != own;
        growth[i] = own;
        best = best.max(own);
        if trades {
            best_trading = best_trading.max(own);
            growth.swap(i, trading);
            trading += 1;
        }
    }
    let log = |growth: u64| f64::from_bits(growth).ln();
    let mean = |[a, b]: [f64; 2]| (a + b) / 2.0;
    let excess = middle(&mut growth[..trading]).map(|both| both.map(|own| log(own) - held));
    let total = middle(growth).map(|both| both.map(log));
    [
        log(best),
        total.map_or(f64::NAN, mean),
        if trading > 0 { log(best_trading) - held } else { f64::NAN },
        excess.map_or(f64::NAN, mean),
        trading as f64,
        held,
    ]
}

/// The two items in the middle, which are one of an odd number; none of nothing.
fn middle(items: &mut [u64]) -> Option<[u64; 2]> {
    let half = items.len() / 2;
    if items.is_empty() {
        return None;
    }
    let is_odd = items.len() % 2 == 1;
    let (below, &mut upper, _) = items.select_nth_unstable(half);
    let lower = if is_odd { upper } else { below.iter().copied().max().unwrap_or(upper) };
    Some([lower, upper])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(items: &[(f64, bool)]) -> Vec<u64> {
        let item = |&(growth, trades): &(f64, bool)| {
            f64::to_bits(growth) | if trades { TRADES } else { 0 }
        };
        items.iter().map(item).collect()
    }

    fn close(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() < 1e-15 || found == wanted || (found.is_nan() && wanted.is_nan())
    }

    #[test]
    fn a_summary_is_of_all_and_of_those_that_trade() {
        let mut growth =
            marked(&[(1.5, false), (0.5, true), (4.0, false), (2.0, true), (0.0, false)]);
        let found = summary(&mut growth, 2_f64.ln());
        let wanted = [4_f64.ln(), 1.5_f64.ln(), 0.0, (0.25_f64.ln()) / 2.0, 2.0, 2_f64.ln()];
        assert!(found.into_iter().zip(wanted).all(|(a, b)| close(a, b)), "{found:?} {wanted:?}");
        // Two zeros in the middle of an even number.
        let found = summary(&mut marked(&[(0.0, true), (0.0, true)]), 0.0);
        let wanted = [f64::NEG_INFINITY; 4];
        assert_eq!(found[..4], wanted);
    }

    #[test]
    fn where_nothing_trades_there_is_no_excess() {
        let found = summary(&mut marked(&[(1.5, false)]), 0.0);
        assert!(found[2].is_nan() && found[3].is_nan());
        assert_eq!((found[0], found[1], found[4]), (1.5_f64.ln(), 1.5_f64.ln(), 0.0));
    }

    #[test]
    fn middles_are_those_of_a_sort() {
        for n in 1..40 {
            let mut items: Vec<u64> = (0..n).map(|i| (i * 17) % 11).collect();
            let mut sorted = items.clone();
            sorted.sort_unstable();
            let wanted = [sorted[(items.len() - 1) / 2], sorted[items.len() / 2]];
            assert_eq!(middle(&mut items), Some(wanted));
        }
        assert_eq!(middle(&mut []), None);
    }

    #[test]
    fn nothing_is_left_of_what_is_not_positive() {
        assert_eq!(factor(100.0, 100.0, 50.0), 1.25);
        assert_eq!(factor(100.0, -100.0, 50.0), 0.0);
        assert_eq!(factor(100.0, 0.0, -100.0), 0.0);
        assert_eq!(factor(100.0, 0.0, -150.0), 0.0);
        assert_eq!(factor(100.0, -150.0, -150.0), 0.0);
        // 0 times an infinite factor is no number.
        assert_eq!(positive(0.0 * factor(100.0, 0.0, f64::INFINITY)), 0.0);
    }
}
