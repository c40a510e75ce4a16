//! Provisional ranks, from a sample or from what was counted so far.

use rayon::prelude::*;

use super::block::Block;
use super::distribution::{Distribution, Lookup};
use super::gates::Gates;
use super::stability::Scorer;
use super::tally::{Ranking, Tally};
use super::{CHUNK, parts};
use crate::error::{Error, Result};

/// Patterns that share an entry, in bits: 2^12 entries an octave, 16 KB, so that the few octaves in
/// which profits lie stay in a near cache.
const ENTRY_BITS: u32 = 11;

/// The greatest provisional rank.
const TOP: f32 = 100.0_f32.next_down();

/// Ranks of a phase that rise with the profit and are there for every one.
#[derive(Debug, Clone, PartialEq)]
struct Curve {
    /// The first entry in which the sample holds something.
    first: u32,
    /// What is below that one, it and all up to the last that holds something, and what is above.
    ranks: Vec<f32>,
}

impl Curve {
    fn new(distribution: &Distribution) -> Self {
        let mut entries: Vec<(u32, u64)> = Vec::new();
        distribution.visit(|pattern, times| {
            let entry = pattern >> ENTRY_BITS;
            match entries.last_mut() {
                Some((last, held)) if *last == entry => *held += times,
                _ => entries.push((entry, times)),
            }
        });
        let Some(&(first, _)) = entries.first() else {
            return Self { first: 0, ranks: vec![50.0] };
        };
        let len = distribution.len();
        // Below the sample a profit ranks about half as high as the lowest of it.
        let mut ranks = vec![(50.0 / len as f64) as f32];
        let (mut at, mut rank, mut below) = (first, 0.0, 0_u64);
        for (entry, times) in entries {
            let average = 100.0 * (below as f64 + (times as f64 + 1.0) / 2.0) / len as f64;
            if below > 0 {
                // Where the sample holds nothing, the rank rises evenly.
                let (step, gap) = (average - rank, f64::from(entry - at));
                let between = (1..entry - at).map(|i| rank + step * (f64::from(i) / gap));
                ranks.extend(between.map(|r| (r.min(average) as f32).min(TOP)));
            }
            ranks.push((average as f32).min(TOP));
            (at, rank, below) = (entry, average, below + times);
        }
        ranks.push(TOP);
        Self { first, ranks }
    }

    /// The rank of any pattern, of which those of positive values are meant.
    #[inline(always)]
    fn get(&self, pattern: u32) -> f64 {
        let last = self.ranks.len() - 1;
        let at = ((pattern >> ENTRY_BITS) + 1).saturating_sub(self.first) as usize;
        f64::from(self.ranks[at.min(last)])
    }
}

impl Lookup for Curve {
    fn fill(&self, patterns: &[u32], ranks: &mut [f64]) {
        for (rank, &pattern) in ranks.iter_mut().zip(patterns) {
            *rank = self.get(pattern);
        }
    }
}

/// Provisional ranks of all phases: averages over profits that are within 1/4,096 of one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    gates: Gates,
    curves: Vec<Curve>,
}

impl Estimate {
    pub(crate) fn new(gates: Gates, distributions: &[Distribution]) -> Self {
        Self { gates, curves: distributions.par_iter().map(Curve::new).collect() }
    }

    /// Number of phases.
    #[must_use]
    pub fn phases(&self) -> usize {
        self.curves.len()
    }

    /// Scores what was chosen of a chunk.
    ///
    /// # Errors
    /// None in fact: there is a provisional rank for every profit.
    pub(crate) fn score(
        &self,
        scorer: &mut Scorer,
        block: &Block<'_>,
        range: std::ops::Range<usize>,
    ) -> Result<()> {
        scorer.score(block, range, &self.curves)
    }

    /// Provisional stability of every combination, by the gates of the tally that this was made of;
    /// what is no number where a combination is valid in fewer than `least` phases, or in none.
    ///
    /// # Errors
    /// A block of another number of phases.
    pub fn stabilities(&self, least: usize, block: &Block<'_>) -> Result<Vec<f64>> {
        block.check_phases(self.phases())?;
        let mut out = vec![f64::NAN; block.len()];
        out.par_chunks_mut(CHUNK)
            .zip(parts(block.len(), CHUNK).collect::<Vec<_>>())
            .try_for_each_init(
                || Scorer::new(self.phases()),
                |scorer, (out, range)| {
                    scorer.choose(&self.gates, block, range.clone(), least);
                    self.score(scorer, block, range)?;
                    for (&at, &score) in scorer.chosen().iter().zip(scorer.scores()) {
                        out[at as usize] = score;
                    }
                    Ok(())
                },
            )?;
        Ok(out)
    }

    /// For each phase the largest difference between a rank and the provisional one, over all profits
    /// that the ranking holds. No rank of any combination in it is further off.
    ///
    /// # Errors
    /// Another number of phases.
    pub fn deviation(&self, ranking: &Ranking) -> Result<Vec<f64>> {
        let (given, expected) = (ranking.phases().len(), self.phases());
        if given != expected {
            return Err(Error::BlockPhases { given, expected });
        }
        let pairs = self.curves.par_iter().zip(ranking.phases());
        Ok(pairs
            .map(|(curve, ranks)| {
                let mut largest = 0.0_f64;
                ranks.visit(|pattern, rank| {
                    largest = largest.max((rank - curve.get(pattern)).abs())
                });
                largest
            })
            .collect())
    }

    /// Like [`deviation`](Self::deviation), from the final ranks of a tally.
    ///
    /// # Errors
    /// Another number of phases; more values close together than ranks can count.
    pub fn deviation_of(&self, tally: &Tally) -> Result<Vec<f64>> {
        self.deviation(&tally.ranking()?)
    }
}
