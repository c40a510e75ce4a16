//! Stability: how high a combination ranks over its valid phases, how often, and how evenly.
//!
//! ```text
//! stability = mean(ranks) * (1 + 0.1 * (valid phases - 1)) / (1 + stdev(ranks) / 20)
//! ```
//!
//! with the population standard deviation. Sums run in phase order, so that the bits of a score are
//! the same wherever it is computed.

use std::ops::Range;

use super::block::Block;
use super::chunks::CHUNK;
use super::distribution::Lookup;
use super::gates::Gates;
use crate::error::{Error, Result};

/// Scores of the combinations of a chunk that are valid often enough. A worker's scratch: loops run
/// over one phase and all combinations at a time, so that they are vectors.
#[derive(Debug)]
pub(crate) struct Scorer {
    /// Whether each combination of the chunk is valid, phase by phase.
    valid: Vec<[u8; CHUNK]>,
    /// In how many phases.
    times: Vec<u8>,
    /// Positions in the chunk of the combinations that are scored.
    chosen: Vec<u32>,
    /// In how many phases each of those is valid.
    often: Vec<u8>,
    /// Rank and weight, 1 where valid, phase by phase.
    ranks: Vec<[f64; CHUNK]>,
    weights: Vec<[f64; CHUNK]>,
    patterns: Vec<u32>,
    scores: Vec<f64>,
    squares: Vec<f64>,
}

impl Scorer {
    /// A scratch for chunks of so many phases.
    pub(crate) fn new(phases: usize) -> Self {
        Self {
            valid: vec![[0; CHUNK]; phases],
            times: vec![0; CHUNK],
            chosen: Vec::with_capacity(CHUNK),
            often: Vec::with_capacity(CHUNK),
            ranks: vec![[0.0; CHUNK]; phases],
            weights: vec![[0.0; CHUNK]; phases],
            patterns: vec![0; CHUNK],
            scores: vec![0.0; CHUNK],
            squares: vec![0.0; CHUNK],
        }
    }

    /// Finds the combinations of a chunk, at most [`CHUNK`], that are valid in at least `least` phases.
    pub(crate) fn choose(
        &mut self,
        gates: &Gates,
        block: &Block<'_>,
        range: Range<usize>,
        least: usize,
    ) {
        let n = range.len();
        let times = &mut self.times[..n];
        times.fill(0);
        for (k, (phase, valid)) in block.phases().iter().zip(&mut self.valid).enumerate() {
            let valid = &mut valid[..n];
            gates.validate(k, &phase.part(range.clone()), valid);
            for (times, valid) in times.iter_mut().zip(valid) {
                *times += *valid;
            }
        }
        // Every position is written, and overwritten by the next one unless it is kept: no branch.
        self.chosen.resize(CHUNK, 0);
        self.often.resize(CHUNK, 0);
        let mut held = 0;
        for (at, &times) in times.iter().enumerate() {
            self.chosen[held] = at as u32;
            self.often[held] = times;
            held += usize::from(usize::from(times) >= least);
        }
        self.chosen.truncate(held);
        self.often.truncate(held);
    }

    /// Positions in the chunk of the chosen combinations, in rising order.
    pub(crate) fn chosen(&self) -> &[u32] {
        &self.chosen
    }

    /// In how many phases each of those is valid.
    pub(crate) fn often(&self) -> &[u8] {
        &self.often
    }

    /// Their stability, once they are scored; NaN where they are valid in no phase.
    pub(crate) fn scores(&self) -> &[f64] {
        &self.scores[..self.chosen.len()]
    }

    /// Drops chosen combinations that are scored below `least`.
    pub(crate) fn drop_below(&mut self, least: f64) {
        let mut held = 0;
        for i in 0..self.chosen.len() {
            self.chosen[held] = self.chosen[i];
            self.often[held] = self.often[i];
            held += usize::from(self.scores[i] >= least);
        }
        self.chosen.truncate(held);
        self.often.truncate(held);
    }

    /// Scores the chosen combinations of a chunk.
    ///
    /// # Errors
    /// A valid profit that has no rank.
    pub(crate) fn score<L: Lookup>(
        &mut self,
        block: &Block<'_>,
        range: Range<usize>,
        lookups: &[L],
    ) -> Result<()> {
        let m = self.chosen.len();
        if m == 0 {
            return Ok(());
        }
        for (k, phase) in block.phases().iter().enumerate() {
            let profits = &phase.oos_pnl[range.clone()];
            let patterns = &mut self.patterns[..m];
            for (pattern, &at) in patterns.iter_mut().zip(&self.chosen) {
                *pattern = profits[at as usize].to_bits();
            }
            let ranks = &mut self.ranks[k][..m];
            lookups[k].fill(patterns, ranks);
            let (valid, weights) = (&self.valid[k], &mut self.weights[k][..m]);
            let mut unknown = false;
            for i in 0..m {
                let valid = valid[self.chosen[i] as usize] != 0;
                unknown |= valid & ranks[i].is_nan();
                ranks[i] = if valid { ranks[i] } else { 0.0 };
                weights[i] = if valid { 1.0 } else { 0.0 };
            }
            if unknown {
                let lost = (0..m).find(|&i| ranks[i].is_nan()).unwrap_or(0);
                let index = range.start + self.chosen[lost] as usize;
                return Err(Error::NotRankable { index, value: f32::from_bits(patterns[lost]) });
            }
        }
        self.combine(m);
        Ok(())
    }

    /// Computes scores from the ranks of the first `m`.
    fn combine(&mut self, m: usize) {
        let (scores, squares) = (&mut self.scores[..m], &mut self.squares[..m]);
        let times = &self.often[..m];
        scores.fill(0.0);
        squares.fill(0.0);
        for ranks in &self.ranks {
            for (sum, rank) in scores.iter_mut().zip(&ranks[..m]) {
                *sum += rank;
            }
        }
        for (sum, &times) in scores.iter_mut().zip(times) {
            *sum /= f64::from(times);
        }
        for (ranks, weights) in self.ranks.iter().zip(&self.weights) {
            let (ranks, weights) = (&ranks[..m], &weights[..m]);
            for i in 0..m {
                let off = (ranks[i] - scores[i]) * weights[i];
                squares[i] += off * off;
            }
        }
        for i in 0..m {
            let (mean, times) = (scores[i], f64::from(times[i]));
            let deviation = (squares[i] / times).sqrt();
            scores[i] = mean * (1.0 + 0.1 * (times - 1.0)) * (1.0 / (1.0 + deviation / 20.0));
        }
    }
}
