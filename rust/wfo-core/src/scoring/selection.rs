//! The best of the stable combinations.

use std::cmp::Ordering;

use rayon::prelude::*;

use super::block::Block;
use super::chunks::{CHUNK, GATHERED, SLAB, parts};
use super::distribution::Lookup;
use super::gates::Gates;
use super::map_axis::MapAxis;
use super::outcomes::{self, Outcomes};
use super::provisional::ProvisionalRanks;
use super::ranking::Ranking;
use super::records::{self, Unpacked, check_records, push_record, record_size};
use super::sketch::{Clusters, Sample, Sampled};
use super::stability::Scorer;
use crate::error::{Error, Result};

/// Rows held above those kept, at least, before the worst are dropped.
const SLACK: usize = 1 << 16;

/// The order of a row among the others, and the position of its record.
#[derive(Debug, Clone, Copy)]
struct Key {
    score: f64,
    index: u64,
    slot: u32,
}

impl Key {
    /// Less is better: a higher stability, among equals a lower flat index.
    fn order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.index.cmp(&other.index))
    }
}

/// Scores the stable combinations of all blocks, and keeps the best.
///
/// Rows are held as records with their score; at half as many more as are kept, the worst are dropped
/// by a selection, and no row that is worse than all kept is taken in from then on.
#[derive(Debug)]
pub struct Selection<R> {
    ranking: R,
    gates: Gates,
    least: usize,
    kept: usize,
    stable: u64,
    keys: Vec<Key>,
    records: Vec<u8>,
    /// Slots of dropped rows.
    free: Vec<u32>,
    /// The worst of those kept, once there are enough.
    floor: Option<Key>,
    /// Rejects most combinations once there is a floor: provisional ranks fit a cache, final ones do
    /// not. With it, by how much a provisional stability can be too low.
    filter: Option<(ProvisionalRanks, f64)>,
    /// Output of the tasks of a slab, kept between slabs: fresh memory for it would cost as much as the
    /// scoring itself.
    found: Vec<Found>,
    /// Of all stable combinations, kept or not.
    sample: Sample,
}

/// Output of a task.
#[derive(Debug, Default)]
struct Found {
    stable: u64,
    keys: Vec<Key>,
    records: Vec<u8>,
    sampled: Vec<Sampled>,
}

impl<R: AsRef<Ranking> + Sync> Selection<R> {
    /// Keeps the best `kept` of the combinations that are valid in at least `least` phases.
    ///
    /// # Errors
    /// Fewer phases than one, or more than there are; gates of another number of phases.
    pub fn new(ranking: R, gates: Gates, least: usize, kept: usize) -> Result<Self> {
        if !(1..=ranking.as_ref().phases().len()).contains(&least) {
            let allowed = "it must be from 1 to the number of phases";
            return Err(Error::CountRange { name: "least", value: least as u64, allowed });
        }
        gates.check(ranking.as_ref().phases().len())?;
        Ok(Self {
            ranking,
            gates,
            least,
            // Slots are numbered in 32 bits.
            kept: kept.min(1 << 31),
            stable: 0,
            keys: Vec::new(),
            records: Vec::new(),
            free: Vec::new(),
            floor: None,
            filter: None,
            found: Vec::new(),
            sample: Sample::new(least..=least),
        })
    }

    fn phases(&self) -> usize {
        self.ranking.as_ref().phases().len()
    }

    /// Stable combinations seen.
    #[must_use]
    pub fn stable(&self) -> u64 {
        self.stable
    }

    /// Rows held at present.
    #[must_use]
    pub fn held(&self) -> usize {
        self.keys.len()
    }

    /// How many outcomes the stable combinations seen are, about, and the standard error of that,
    /// which is 0 where they are few enough to be counted.
    #[must_use]
    pub fn outcomes(&self) -> (f64, f64) {
        self.sample.outcomes(self.least)
    }

    /// Adds a block of consecutive combinations from flat index `start` on.
    ///
    /// # Errors
    /// A block of another number of phases; a valid profit that the ranking does not hold, unless the
    /// combination cannot be among the best, after which a part of the block is added.
    pub fn add(&mut self, start: u64, block: &Block<'_>) -> Result<()> {
        block.check_phases(self.phases())?;
        block.check_start(start)?;
        self.take(block, |at| start + at as u64)
    }

    /// Adds the records of combinations that passed a survivor filter.
    ///
    /// # Errors
    /// Bytes that are no whole records; a valid profit that the ranking does not hold, after which a
    /// part of the records is added.
    pub fn add_records(&mut self, bytes: &[u8]) -> Result<()> {
        let phases = self.phases();
        check_records(bytes, phases)?;
        let size = record_size(phases);
        for slab in bytes.chunks(SLAB * size) {
            let unpack = |k| Unpacked::of(slab.chunks_exact(size), k);
            let columns: Vec<_> = (0..phases).into_par_iter().map(unpack).collect();
            let block = Block::new(columns.iter().map(Unpacked::stored).collect())?;
            self.take(&block, |at| records::index(&slab[at * size..]))?;
        }
        Ok(())
    }

    fn take(&mut self, block: &Block<'_>, index: impl Fn(usize) -> u64 + Sync) -> Result<()> {
        for slab in parts(block.len(), SLAB) {
            let tasks: Vec<_> = parts(slab.len(), GATHERED * CHUNK).collect();
            let mut found = std::mem::take(&mut self.found);
            found.resize_with(tasks.len().max(found.len()), Found::default);
            let this = &*self;
            let pairs = found.par_iter_mut().zip(tasks.par_iter());
            let done = pairs.try_for_each_init(
                || Scorer::new(this.phases()),
                |scorer, (found, task)| {
                    let task = slab.start + task.start..slab.start + task.end;
                    this.find(scorer, block, task, &index, found)
                },
            );
            if done.is_ok() {
                for found in &found[..tasks.len()] {
                    self.stable += found.stable;
                    self.sample.take(&found.sampled);
                    self.hold(found);
                }
            }
            self.found = found;
            done?;
        }
        Ok(())
    }

    /// Scores some combinations, and finds those that may be among the best.
    fn find(
        &self,
        scorer: &mut Scorer,
        block: &Block<'_>,
        task: std::ops::Range<usize>,
        index: &impl Fn(usize) -> u64,
        found: &mut Found,
    ) -> Result<()> {
        found.stable = 0;
        found.keys.clear();
        found.records.clear();
        found.sampled.clear();
        for part in parts(task.len(), CHUNK) {
            let range = task.start + part.start..task.start + part.end;
            scorer.choose(&self.gates, block, range.clone(), self.least);
            let (chosen, often) = (scorer.chosen(), scorer.often());
            found.stable += chosen.len() as u64;
            if !chosen.is_empty() {
                let clusters = Clusters::of(block, range.clone());
                self.sample.find(block, &clusters, chosen, often, &mut found.sampled);
            }
            if self.kept == 0 {
                continue;
            }
            let least = self.floor.map_or(f64::NEG_INFINITY, |floor| floor.score);
            if let Some((provisional, margin)) = &self.filter {
                provisional.score(scorer, block, range.clone())?;
                scorer.drop_below(least - margin);
            }
            scorer.score(block, range.clone(), self.ranking.as_ref().phases())?;
            for (&at, &score) in scorer.chosen().iter().zip(scorer.scores()) {
                // The score alone rejects most.
                if score >= least {
                    let at = range.start + at as usize;
                    let key = Key { score, index: index(at), slot: 0 };
                    if self.floor.is_none_or(|floor| key.order(&floor).is_lt()) {
                        found.keys.push(key);
                        push_record(&mut found.records, key.index, block, at);
                    }
                }
            }
        }
        Ok(())
    }

    fn hold(&mut self, found: &Found) {
        let size = record_size(self.phases());
        let limit = self.kept + (self.kept / 2).max(SLACK.min(self.kept));
        for (key, record) in found.keys.iter().zip(found.records.chunks_exact(size)) {
            if self.keys.len() >= limit {
                self.drop_worst();
            }
            if self.floor.is_some_and(|floor| key.order(&floor).is_gt()) {
                continue;
            }
            let slot = if let Some(slot) = self.free.pop() {
                self.records[slot as usize * size..][..size].copy_from_slice(record);
                slot
            } else {
                self.records.extend_from_slice(record);
                (self.records.len() / size - 1) as u32
            };
            self.keys.push(Key { slot, ..*key });
        }
    }

    /// Drops all but the best.
    fn drop_worst(&mut self) {
        if self.keys.len() <= self.kept || self.kept == 0 {
            return;
        }
        let (_, worst, rest) = self.keys.select_nth_unstable_by(self.kept - 1, Key::order);
        if self.filter.is_none() {
            self.filter = Some(filter(self.gates.clone(), self.ranking.as_ref()));
        }
        self.floor = Some(*worst);
        self.free.extend(rest.iter().map(|key| key.slot));
        self.keys.truncate(self.kept);
    }

    /// The best, best first.
    ///
    /// `axes` are those of the parameters in the flat index, for the most central members of equal
    /// outcomes.
    ///
    /// # Errors
    /// An axis without values, or with a table beyond them.
    pub fn finish(&mut self, axes: &[MapAxis]) -> Result<Selected> {
        axes.iter().try_for_each(MapAxis::check)?;
        self.drop_worst();
        self.keys.par_sort_unstable_by(Key::order);
        let size = record_size(self.phases());
        let record = |key: &Key| &self.records[key.slot as usize * size..][..size];
        // Records are in no order; a few at a time, each is fetched once for all phases.
        let unpack = |keys: &[Key]| -> Vec<Unpacked> {
            (0..self.phases()).map(|k| Unpacked::of(keys.iter().map(record), k)).collect()
        };
        let pieces: Vec<_> = self.keys.par_chunks(CHUNK).map(unpack).collect();
        let ranks = self.ranking.as_ref().phases();
        let phases: Vec<SelectedPhase> = (0..self.phases())
            .into_par_iter()
            .map(|k| {
                let figures = Unpacked::joined(pieces.iter().map(|piece| &piece[k]));
                let mut valid = vec![0; self.keys.len()];
                self.gates.validate(k, &figures.stored(), &mut valid);
                let patterns: Vec<u32> = figures.oos_pnl.iter().map(|v| v.to_bits()).collect();
                let mut rank = vec![0.0; patterns.len()];
                ranks[k].fill(&patterns, &mut rank);
                for (rank, &valid) in rank.iter_mut().zip(&valid) {
                    *rank = if valid != 0 { *rank } else { f64::NAN };
                }
                SelectedPhase { figures, rank, valid }
            })
            .collect();
        let mut valid_phases = vec![0; self.keys.len()];
        for phase in &phases {
            for (times, valid) in valid_phases.iter_mut().zip(&phase.valid) {
                *times += valid;
            }
        }
        let index: Vec<u64> = self.keys.iter().map(|key| key.index).collect();
        let stability: Vec<f64> = self.keys.iter().map(|key| key.score).collect();
        let figures: Vec<&Unpacked> = phases.iter().map(|phase| &phase.figures).collect();
        let outcomes = outcomes::group(&index, &stability, &figures, axes);
        Ok(Selected { index, stability, valid_phases, outcomes, phases })
    }
}

/// Provisional ranks, and by how much a stability by them can differ from one by those of `ranking`.
fn filter(gates: Gates, ranking: &Ranking) -> (ProvisionalRanks, f64) {
    let ranks = ranking.phases();
    let provisional = ProvisionalRanks::new(gates, ranks);
    // Ranks that are all off by at most `off` have a mean and a deviation that are off by at most as
    // much. A mean is at most 100, and a deviation counts a twentieth.
    let off = provisional.deviations(ranks).into_iter().fold(0.0, f64::max);
    let bonus = 1.0 + 0.1 * (ranks.len() as f64 - 1.0);
    // The last term exceeds the rounding errors.
    (provisional, bonus * (off + 100.0 * off / 20.0) + 1e-6)
}

/// The best combinations, best first.
#[derive(Debug, Clone)]
pub struct Selected {
    /// Flat indices.
    pub index: Vec<u64>,
    /// Stability.
    pub stability: Vec<f64>,
    /// In how many phases each is valid.
    pub valid_phases: Vec<u8>,
    /// Which of them have equal figures.
    pub outcomes: Outcomes,
    /// Figures and ranks.
    pub phases: Vec<SelectedPhase>,
}

/// One phase of them.
#[derive(Debug, Clone)]
pub struct SelectedPhase {
    /// The stored figures.
    pub figures: Unpacked,
    /// Rank; NaN where a combination is not valid.
    pub rank: Vec<f64>,
    /// 1 where it is valid.
    pub valid: Vec<u8>,
}
