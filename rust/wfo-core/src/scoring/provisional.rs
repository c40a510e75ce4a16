//! Provisional ranks, read from a sample before the final ones are known.

use rayon::prelude::*;

use super::block::Block;
use super::chunks::{CHUNK, parts};
use super::distribution::{Counted, Lookup, Ranks, percentile};
use super::gates::Gates;
use super::ranking::Ranking;
use super::stability::Scorer;
use crate::error::{Error, Result};

/// Patterns that share an entry, in bits: 2^12 entries an octave, 16 KB, so that the few octaves in
/// which profits lie stay in a near cache.
const ENTRY_BITS: u32 = 11;

/// Patterns of an entry.
const ENTRY: usize = 1 << ENTRY_BITS;

/// The greatest provisional rank.
const TOP: f32 = 100.0_f32.next_down();

/// An entry whose profits cover more than this range of ranks is refined: it has a rank for every
/// pattern. With profits that many combinations share, one average would be far too low or high for
/// the profits beside them.
const COARSE: f64 = 0.25;

/// Ranks of a phase, which rise with the profit and exist for every profit.
#[derive(Debug, Clone, PartialEq)]
struct Curve {
    /// The first entry in which the sample holds something.
    first: u32,
    /// Ranks below that entry, of it and all up to the last that holds something, and above. A negative
    /// number is the position of a refined entry in `fine`, counted from -1.
    ranks: Vec<f32>,
    fine: Vec<f32>,
}

/// Provisional ranks of a sample, from the lowest on.
struct Ascent {
    len: u64,
    below: u64,
}

impl Ascent {
    /// The rank of profits between the values so far and the next.
    fn between(&self) -> f32 {
        let len = self.len as f64;
        self.clamped((100.0 * self.below as f64 / len).max(50.0 / len))
    }

    /// The average rank of the next values.
    fn average(&mut self, times: u64) -> f32 {
        let rank = percentile(self.below, times, self.len);
        self.below += times;
        self.clamped(rank)
    }

    fn clamped(&self, rank: f64) -> f32 {
        (rank as f32).min(TOP)
    }
}

impl Curve {
    fn new<C: Counted>(distribution: &C) -> Self {
        let mut entries: Vec<(u32, u64)> = Vec::new();
        distribution.visit(|pattern, times| {
            let entry = pattern >> ENTRY_BITS;
            match entries.last_mut() {
                Some((last, held)) if *last == entry => *held += times,
                _ => entries.push((entry, times)),
            }
        });
        let Some(&(first, _)) = entries.first() else {
            return Self { first: 0, ranks: vec![50.0], fine: Vec::new() };
        };
        let len = distribution.len();
        let mut ascent = Ascent { len, below: 0 };
        let mut ranks = vec![ascent.between()];
        let mut refined = Vec::new();
        for (entry, times) in entries {
            ranks.resize((entry - first) as usize + 1, ascent.between());
            if 100.0 * times as f64 > COARSE * len as f64 {
                refined.push((entry, ascent.below));
                ranks.push(-(refined.len() as f32));
                ascent.below += times;
            } else {
                ranks.push(ascent.average(times));
            }
        }
        ranks.push(TOP);
        Self { first, ranks, fine: refine(distribution, &refined) }
    }

    /// The rank of the pattern of a positive value.
    #[inline(always)]
    fn get(&self, pattern: u32) -> f64 {
        let last = self.ranks.len() - 1;
        let at = ((pattern >> ENTRY_BITS) + 1).saturating_sub(self.first) as usize;
        let rank = self.ranks[at.min(last)];
        if rank >= 0.0 {
            return f64::from(rank);
        }
        let entry = (-rank) as usize - 1;
        f64::from(self.fine[(entry << ENTRY_BITS) + pattern as usize % ENTRY])
    }
}

/// The ranks of all patterns of some entries, which come with the number of values below them.
fn refine<C: Counted>(distribution: &C, entries: &[(u32, u64)]) -> Vec<f32> {
    let mut fine = Vec::with_capacity(entries.len() << ENTRY_BITS);
    let mut ascent = Ascent { len: distribution.len(), below: 0 };
    let mut next = entries.iter().peekable();
    let (mut inside, mut end) = (None, 0);
    distribution.visit(|pattern, times| {
        let entry = pattern >> ENTRY_BITS;
        if let Some((_, below)) = next.next_if(|(refined, _)| *refined == entry) {
            // The rest of the entry before.
            fine.resize(end, ascent.between());
            inside = Some(entry);
            end += ENTRY;
            ascent.below = *below;
        }
        if inside == Some(entry) {
            let at = end - ENTRY + pattern as usize % ENTRY;
            fine.resize(at, ascent.between());
            fine.push(ascent.average(times));
        }
    });
    fine.resize(end, ascent.between());
    fine
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
pub struct ProvisionalRanks {
    gates: Gates,
    curves: Vec<Curve>,
}

impl ProvisionalRanks {
    pub(crate) fn new<C: Counted>(gates: Gates, distributions: &[C]) -> Self {
        Self { gates, curves: distributions.par_iter().map(Curve::new).collect() }
    }

    /// Number of phases.
    #[must_use]
    pub fn phases(&self) -> usize {
        self.curves.len()
    }

    /// Scores the chosen combinations of a chunk.
    ///
    /// # Errors
    /// None in fact: every profit has a provisional rank.
    pub(crate) fn score(
        &self,
        scorer: &mut Scorer,
        block: &Block<'_>,
        range: std::ops::Range<usize>,
    ) -> Result<()> {
        scorer.score(block, range, &self.curves)
    }

    /// Provisional stability of every combination, by the gates of the statistics that the
    /// ranks were read from; NaN where a combination is valid in fewer than `least` phases, or in none.
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
        Ok(self.deviations(ranking.phases()))
    }

    /// For each phase the largest difference from these ranks.
    pub(crate) fn deviations(&self, ranks: &[Ranks]) -> Vec<f64> {
        let pairs = self.curves.par_iter().zip(ranks);
        pairs
            .map(|(curve, ranks)| {
                let (mut largest, mut below) = (0.0_f64, 0);
                ranks.visit(|pattern, times| {
                    let rank = percentile(below, times, ranks.len());
                    largest = largest.max((rank - curve.get(pattern)).abs());
                    below += times;
                });
                largest
            })
            .collect()
    }
}
