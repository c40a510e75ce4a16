//! The number of outcomes, estimated, of more combinations than can be held.
//!
//! Adaptive sampling (Wegman; Flajolet 1990): an outcome is held if its hash lies below a threshold,
//! which is halved whenever there are too many; the number held, divided by the share of hashes below
//! the threshold, estimates the number without bias. The threshold depends on the set of outcomes and
//! not on their order. The hash that decides is one of the profits out of sample alone, which are read
//! anyway; outcomes that share those are held or dropped together, and the error accounts for it.
//!
//! Outcomes that are valid often are few beside all others, and a sample of all would hold hardly any
//! of them. So there is one sample for each number of valid phases, each with another threshold: a lower
//! one for more outcomes, so that an outcome of several samples is kept once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::{Range, RangeInclusive};

use rayon::prelude::*;

use super::block::{Block, MOST_PHASES};
use super::checksum::checksum;
use super::chunks::{CHUNK, GATHERED, SLAB, parts};
use super::gates::Gates;
use super::outcomes::{Bits, SEED, mix};
use super::stability::Scorer;
use crate::error::{Error, Result};

/// Outcomes that a sample holds at most, for a standard error of half a percent or less. Beyond
/// that, half of them are dropped.
const SAMPLED: usize = 1 << 16;

const MAGIC: &[u8; 8] = b"wfosketc";
const VERSION: u8 = 1;

/// Bytes of an outcome: its two hashes, and in how many phases it is valid.
const ENTRY: usize = 8 + 4 + 1;

const SHORT: Error = Error::SketchBytes { what: "they end too early" };
const WRONG: Error = Error::SketchBytes { what: "their numbers do not add up" };

/// Makes every bit of a hash depend on all of them, as the end of Murmur3 does.
#[inline(always)]
fn spread(mut hash: u32) -> u32 {
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// Leaves keys as they are: they are hashes already.
#[derive(Debug, Clone, Copy, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.0 = mix(self.0, byte.into()));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// Hashes of the profits out of sample of a chunk, before [`spread`].
pub(crate) struct Clusters {
    start: usize,
    hashes: [u32; CHUNK],
}

impl Clusters {
    /// The hashes of a whole chunk: without a look-up of the chosen ones the loop is a vector.
    pub(crate) fn of(block: &Block<'_>, range: Range<usize>) -> Self {
        let mut hashes = [0; CHUNK];
        for phase in block.phases() {
            for (hash, profit) in hashes.iter_mut().zip(&phase.oos_pnl[range.clone()]) {
                *hash = (*hash ^ profit.bits() as u32).wrapping_mul(0x9e37_79b1);
                *hash ^= *hash >> 15;
            }
        }
        Self { start: range.start, hashes }
    }
}

/// A sampled outcome: the hash of its profits out of sample, by which it is sampled, that of all its
/// figures, and in how many phases it is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sampled {
    cluster: u32,
    outcome: u64,
    times: u8,
}

/// The sampled outcomes, for each of some numbers of valid phases.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The fewest valid phases.
    first: usize,
    /// For that many and each more, how many times the threshold was halved. The level never rises with
    /// the number of phases, since fewer outcomes are valid more often.
    levels: Vec<u32>,
    /// How many outcomes each sample holds.
    counts: Vec<usize>,
    held: HashMap<u64, (u32, u8), BuildHasherDefault<Hashed>>,
}

impl Sample {
    /// Samples for each of `thresholds`, from 1 on; the last holds those that are valid more often.
    pub(crate) fn new(thresholds: RangeInclusive<usize>) -> Self {
        let count = thresholds.clone().count();
        Self {
            first: *thresholds.start(),
            levels: vec![0; count],
            counts: vec![0; count],
            held: HashMap::default(),
        }
    }

    /// The last sample of outcomes valid in so many phases; None where no sample is of so few.
    fn last(&self, times: u8) -> Option<usize> {
        let last = usize::from(times).checked_sub(self.first)?;
        Some(last.min(self.levels.len() - 1))
    }

    /// Whether any sample holds it: the last one does, if any.
    fn holds(&self, cluster: u32, times: u8) -> bool {
        self.last(times).is_some_and(|last| cluster.leading_zeros() >= self.levels[last])
    }

    /// Finds the combinations of a chunk that are held.
    pub(crate) fn find(
        &self,
        block: &Block<'_>,
        clusters: &Clusters,
        chosen: &[u32],
        times: &[u8],
        out: &mut Vec<Sampled>,
    ) {
        for (&at, &times) in chosen.iter().zip(times) {
            let cluster = spread(clusters.hashes[at as usize]);
            if self.holds(cluster, times) {
                let at = clusters.start + at as usize;
                let outcome = block.phases().iter().fold(SEED, |hash, phase| phase.mix(at, hash));
                let sampled = Sampled { cluster, outcome, times };
                // Neighbours in the grid often have equal figures.
                if out.last() != Some(&sampled) {
                    out.push(sampled);
                }
            }
        }
    }

    /// Adds outcomes that [`find`](Self::find) returned.
    pub(crate) fn take(&mut self, found: &[Sampled]) {
        for &Sampled { cluster, outcome, times } in found {
            let Some(last) = self.last(times).filter(|_| self.holds(cluster, times)) else {
                continue;
            };
            if self.held.insert(outcome, (cluster, times)).is_none() {
                for at in 0..=last {
                    self.counts[at] += usize::from(cluster.leading_zeros() >= self.levels[at]);
                }
                self.halve();
            }
        }
    }

    /// Halves the thresholds of samples that hold too many.
    fn halve(&mut self) {
        for at in 0..self.levels.len() {
            while self.counts[at] > SAMPLED && self.levels[at] < u32::BITS {
                self.levels[at] += 1;
                let mut held = std::mem::take(&mut self.held);
                held.retain(|_, &mut (cluster, times)| self.holds(cluster, times));
                self.held = held;
                self.counts[at] = self.held_by(at).count();
            }
        }
    }

    /// The clusters in a sample.
    fn held_by(&self, at: usize) -> impl Iterator<Item = u32> {
        let (least, level) = (self.first + at, self.levels[at]);
        let held = self.held.values();
        let held = held.filter(move |(_, times)| usize::from(*times) >= least);
        held.map(|held| held.0).filter(move |cluster| cluster.leading_zeros() >= level)
    }

    /// How many outcomes are valid in at least `least` phases, about, and the standard error of that,
    /// which is 0 where all were held. Both are NaN where nothing is held of very many, and where `least`
    /// is none of the thresholds.
    pub(crate) fn outcomes(&self, least: usize) -> (f64, f64) {
        let at = least.checked_sub(self.first).filter(|&at| at < self.levels.len());
        let Some(at) = at else { return (f64::NAN, f64::NAN) };
        let mut clusters: Vec<u32> = self.held_by(at).collect();
        if clusters.is_empty() && self.levels[at] > 0 {
            return (f64::NAN, f64::NAN);
        }
        clusters.sort_unstable();
        let scale = f64::from(self.levels[at]).exp2();
        // Of clusters that are held with probability p, one of c outcomes adds c²·(1 - p)/p² to the
        // variance.
        let squares = clusters.chunk_by(|a, b| a == b).map(|c| (c.len() * c.len()) as f64);
        let variance = squares.sum::<f64>() * scale * (scale - 1.0);
        (clusters.len() as f64 * scale, variance.sqrt())
    }
}

/// The number of outcomes of all combinations that are valid in some phases by a set of gates.
#[derive(Debug, Clone)]
pub struct Sketch {
    gates: Gates,
    phases: usize,
    sample: Sample,
}

impl Sketch {
    /// Counts the outcomes that are valid in at least `least` of so many phases, and those that are valid
    /// in at least each greater number.
    ///
    /// # Errors
    /// Fewer phases than one, or more than there are; more than 255; gates of another number.
    pub fn new(phases: usize, gates: Gates, least: usize) -> Result<Self> {
        if !(1..=phases.min(MOST_PHASES)).contains(&least) || phases > MOST_PHASES {
            let allowed =
                "it must be from 1 to the number of phases, of which there are 255 at most";
            return Err(Error::CountRange { name: "least", value: least as u64, allowed });
        }
        gates.check(phases)?;
        Ok(Self { gates, phases, sample: Sample::new(least..=phases) })
    }

    /// The fewest valid phases that are counted.
    #[must_use]
    pub fn least(&self) -> usize {
        self.sample.first
    }

    /// How many outcomes are valid in at least `least` phases, about, and the standard error of that,
    /// which is 0 where all were held. Both are NaN where nothing is held of very many.
    ///
    /// # Errors
    /// Fewer phases than are counted, or more than there are.
    pub fn outcomes(&self, least: usize) -> Result<(f64, f64)> {
        if !(self.least()..=self.phases).contains(&least) {
            let allowed = "it was not counted";
            return Err(Error::CountRange { name: "least", value: least as u64, allowed });
        }
        Ok(self.sample.outcomes(least))
    }

    /// The sketch as bytes, the same for all of the same outcomes. The gates are not among them.
    ///
    /// A magic word and version; phases, the fewest valid ones, and the level of each number of them
    /// from there on, a byte each; how many outcomes are held, as `u64`, and of each in the order of
    /// the hash of its figures this hash as `u64`, that of its profits as `u32`, and its valid phases,
    /// a byte; a checksum. Low bytes come first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let sample = &self.sample;
        let mut entries: Vec<_> = sample.held.iter().collect();
        entries.sort_unstable();
        let mut out = Vec::with_capacity(64 + MOST_PHASES + entries.len() * ENTRY);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[VERSION, self.phases as u8, sample.first as u8]);
        out.extend(sample.levels.iter().map(|&level| level as u8));
        out.extend_from_slice(&(entries.len() as u64).to_le_bytes());
        for (outcome, (cluster, times)) in entries {
            out.extend_from_slice(&outcome.to_le_bytes());
            out.extend_from_slice(&cluster.to_le_bytes());
            out.push(*times);
        }
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// The sketch that was written as `bytes`, of so many phases and by these gates.
    ///
    /// # Errors
    /// Bytes that no sketch was written as, or one of another number of phases.
    pub fn from_bytes(bytes: &[u8], phases: usize, gates: Gates) -> Result<Self> {
        let no = |what| Error::SketchBytes { what };
        let body = bytes.strip_prefix(MAGIC).ok_or(no("they begin otherwise"))?;
        if *body.first().ok_or(SHORT)? != VERSION {
            return Err(no("they are of another version"));
        }
        // First, so that damaged bytes cannot cause a large allocation.
        let (content, sum) = bytes.split_last_chunk::<8>().ok_or(SHORT)?;
        if checksum(content).to_le_bytes() != *sum {
            return Err(no("they were changed or cut off"));
        }
        Self::read(content.get(MAGIC.len() + 1..).ok_or(SHORT)?, phases, gates)
    }

    /// Reads the bytes between version and checksum.
    fn read(bytes: &[u8], phases: usize, gates: Gates) -> Result<Self> {
        let (&[of, least], bytes) = bytes.split_first_chunk().ok_or(SHORT)?;
        if usize::from(of) != phases {
            return Err(Error::SketchBytes { what: "they are of another number of phases" });
        }
        if !(1..=of).contains(&least) {
            return Err(WRONG);
        }
        let mut sketch = Self::new(phases, gates, least.into())?;
        let sample = &mut sketch.sample;
        let (levels, bytes) = bytes.split_at_checked(sample.levels.len()).ok_or(SHORT)?;
        sample.levels = levels.iter().map(|&level| level.into()).collect();
        let (count, bytes) = bytes.split_first_chunk().ok_or(SHORT)?;
        let count = usize::try_from(u64::from_le_bytes(*count)).map_err(|_| WRONG)?;
        if count.checked_mul(ENTRY) != Some(bytes.len()) {
            return Err(Error::SketchBytes { what: "they have another length" });
        }
        if !sample.levels.is_sorted_by(|a, b| a >= b) || sample.levels[0] > u32::BITS {
            return Err(WRONG);
        }
        sample.held.reserve(count);
        let mut before = None;
        for entry in bytes.chunks_exact(ENTRY) {
            let (outcome, rest) = entry.split_first_chunk().ok_or(SHORT)?;
            let (cluster, rest) = rest.split_first_chunk().ok_or(SHORT)?;
            let outcome = u64::from_le_bytes(*outcome);
            let (cluster, times) = (u32::from_le_bytes(*cluster), rest[0]);
            // Each occurs once, and is below the threshold.
            let fits = before.is_none_or(|before| before < outcome) && times <= of;
            if !fits || !sample.holds(cluster, times) {
                return Err(WRONG);
            }
            sample.held.insert(outcome, (cluster, times));
            before = Some(outcome);
        }
        sample.counts = (0..sample.levels.len()).map(|at| sample.held_by(at).count()).collect();
        let full = |at: usize| sample.counts[at] > SAMPLED && sample.levels[at] < u32::BITS;
        if (0..sample.levels.len()).any(full) {
            return Err(WRONG);
        }
        Ok(sketch)
    }
}

/// Adds combinations, of which each may come any number of times, to several sketches.
///
/// # Errors
/// A block of another number of phases than a sketch, after which nothing is added.
pub fn add(sketches: &mut [&mut Sketch], block: &Block<'_>) -> Result<()> {
    sketches.iter().try_for_each(|sketch| block.check_phases(sketch.phases))?;
    let phases = block.phases().len();
    for slab in parts(block.len(), SLAB) {
        let tasks: Vec<_> = parts(slab.len(), GATHERED * CHUNK).collect();
        let seen = &*sketches;
        let find = |scorer: &mut Scorer, task: Range<usize>| {
            let mut found: Vec<Vec<Sampled>> = seen.iter().map(|_| Vec::new()).collect();
            for part in parts(task.len(), CHUNK) {
                let from = slab.start + task.start;
                let range = from + part.start..from + part.end;
                let mut clusters = None;
                for (sketch, found) in seen.iter().zip(&mut found) {
                    scorer.choose(&sketch.gates, block, range.clone(), sketch.least());
                    if scorer.chosen().is_empty() {
                        continue;
                    }
                    let clusters =
                        clusters.get_or_insert_with(|| Clusters::of(block, range.clone()));
                    sketch.sample.find(block, clusters, scorer.chosen(), scorer.often(), found);
                }
            }
            found
        };
        let found: Vec<_> = tasks.into_par_iter().map_init(|| Scorer::new(phases), find).collect();
        for found in &found {
            sketches.iter_mut().zip(found).for_each(|(sketch, found)| sketch.sample.take(found));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GATES: Gates = Gates { wfe: 0.35, dd_ratio: 3.0, min_trades: 0, beat: None };

    /// Outcomes that are valid in 0, 1 and 2 phases, two of each cluster.
    fn sampled(numbers: impl Iterator<Item = u64>) -> Vec<Sampled> {
        numbers
            .map(|number| {
                let outcome = mix(SEED, number);
                Sampled { cluster: spread(number as u32 / 2), outcome, times: (number % 3) as u8 }
            })
            .collect()
    }

    #[test]
    fn a_sample_does_not_depend_on_the_order() {
        let (mut up, mut down) = (Sample::new(1..=2), Sample::new(1..=2));
        let all = sampled(0..600_000);
        up.take(&all);
        let backwards: Vec<Sampled> = all.iter().rev().copied().collect();
        backwards.chunks(999).for_each(|part| down.take(part));
        up.take(&all[..5_000]);
        assert!(up.levels[0] > up.levels[1] && up.levels[1] > 0);
        assert!(up.counts.iter().all(|count| (1..=SAMPLED).contains(count)));
        assert_eq!((&up.levels, &up.counts, &up.held), (&down.levels, &down.counts, &down.held));
        for (least, wanted) in [(1, 400_000.0), (2, 200_000.0)] {
            let (total, error) = up.outcomes(least);
            assert!((total - wanted).abs() < 4.0 * error, "{total} of {wanted}");
            assert!(error > 0.0 && error < 0.02 * wanted);
            // A sample of this threshold alone gives the same.
            let mut alone = Sample::new(least..=least);
            alone.take(&all);
            assert_eq!(alone.outcomes(least), (total, error));
        }
        assert!(up.outcomes(0).0.is_nan() && up.outcomes(3).0.is_nan());
    }

    #[test]
    fn few_are_counted_whatever_there_is_beside_them() {
        let mut sample = Sample::new(1..=2);
        assert_eq!(sample.outcomes(1), (0.0, 0.0));
        sample.take(&sampled(0..900));
        sample.take(&sampled(0..900));
        assert_eq!(sample.outcomes(1), (600.0, 0.0));
        assert_eq!(sample.outcomes(2), (300.0, 0.0));
        sample.take(&sampled((0..600_000).filter(|number| number % 3 == 1)));
        assert!(sample.levels[0] > 0);
        assert_eq!(sample.outcomes(2), (300.0, 0.0));
    }

    #[test]
    fn nothing_held_of_very_many_is_no_number() {
        let mut sample = Sample::new(1..=1);
        let alike = |number| Sampled { cluster: u32::MAX, outcome: number, times: 1 };
        sample.take(&(0..=SAMPLED as u64).map(alike).collect::<Vec<_>>());
        assert!(sample.held.is_empty());
        assert!(sample.outcomes(1).0.is_nan());
    }

    fn sketch(numbers: u64) -> Sketch {
        let mut sketch = Sketch::new(2, GATES, 1).expect("a sketch");
        sketch.sample.take(&sampled(0..numbers));
        sketch
    }

    #[test]
    fn bytes_are_those_of_a_sketch() {
        for numbers in [0, 1, 900, 600_000] {
            let wanted = sketch(numbers);
            let bytes = wanted.to_bytes();
            let mut found = Sketch::from_bytes(&bytes, 2, GATES).expect("a sketch");
            assert_eq!(found.to_bytes(), bytes);
            assert_eq!(found.sample.counts, wanted.sample.counts);
            found.sample.take(&sampled(numbers..numbers + 50_000));
            assert_eq!(found.to_bytes(), sketch(numbers + 50_000).to_bytes());
        }
        assert!(Sketch::from_bytes(&sketch(9).to_bytes(), 3, GATES).is_err());
        assert!(Sketch::new(2, GATES, 0).is_err() && Sketch::new(2, GATES, 3).is_err());
        assert!(Sketch::new(256, GATES, 1).is_err());
        assert!(sketch(9).outcomes(3).is_err());
    }

    proptest! {
        #[test]
        fn damaged_bytes_are_an_error(
            numbers in 0_u64..40,
            at in any::<prop::sample::Index>(),
            by in 1_u8..=255,
        ) {
            let bytes = sketch(numbers).to_bytes();
            let at = at.index(bytes.len());
            let is_error = |bytes: &[u8]| Sketch::from_bytes(bytes, 2, GATES).is_err();
            let mut changed = bytes.clone();
            changed[at] ^= by;
            prop_assert!(is_error(&changed));
            prop_assert!(is_error(&bytes[..at]));
            prop_assert!(is_error(&[&bytes[..], b"\0"].concat()));
        }

        #[test]
        fn garbage_with_a_good_checksum_is_an_error_or_a_sketch(
            numbers in 0_u64..40,
            change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let bytes = sketch(numbers).to_bytes();
            let mut body = bytes[MAGIC.len() + 1..bytes.len() - 8].to_vec();
            for (at, byte) in change {
                let at = at.index(body.len());
                body[at] = byte;
            }
            if let Ok(found) = Sketch::read(&body, 2, GATES) {
                let again = found.to_bytes();
                prop_assert_eq!(&again[MAGIC.len() + 1..again.len() - 8], &body[..]);
            }
        }
    }
}
