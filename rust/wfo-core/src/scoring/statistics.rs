//! Counts and distributions over all combinations of a grid.

use rayon::prelude::*;

use super::block::{Block, MOST_PHASES, Stored};
use super::chunks::{CHUNK, SLAB, parts};
use super::distribution::{Distribution, INFINITY, LIMIT};
use super::gates::{Gates, Passed};
use super::map_axis::MapAxis;
use super::provisional::ProvisionalRanks;
use super::ranking::Ranking;
use crate::error::{Error, Result};

/// Most cells of the map, two gigabytes of them.
const CELLS: u64 = 1 << 28;

/// Counts and distributions over all combinations of a grid.
#[derive(Debug, Clone)]
pub struct GridStatistics {
    gates: Gates,
    axes: Option<[MapAxis; 2]>,
    len: u64,
    passed: Vec<Passed>,
    valid_phases: Vec<u64>,
    cells: Vec<u64>,
    distributions: Vec<Distribution>,
    /// Scratch for a slab, kept between blocks: for each chunk one item a set of gates that is counted
    /// together with this one.
    chunks: Vec<Vec<Chunk>>,
}

/// Counts of a chunk by one set of gates.
#[derive(Debug, Clone)]
struct Chunk {
    /// Its combinations.
    len: usize,
    /// In how many phases each is valid.
    times: Vec<u8>,
    /// Marks of the combinations that pass the gates of a phase that are on in every set, and how many
    /// pass; then, marks of those that pass all gates.
    base: Vec<u8>,
    passed: Passed,
    valid: Vec<u8>,
    phases: Vec<ChunkPhase>,
    /// How many are valid in 0, 1, 2 … phases.
    valid_phases: Vec<u64>,
}

#[derive(Debug, Clone)]
struct ChunkPhase {
    passed: Passed,
    /// Patterns of valid profits, as many as are held.
    patterns: Vec<u32>,
    held: usize,
    /// Whether a valid profit is infinite.
    infinite: bool,
}

impl Chunk {
    fn new(phases: usize) -> Self {
        let phase = || ChunkPhase {
            passed: Passed::default(),
            patterns: vec![0; CHUNK],
            held: 0,
            infinite: false,
        };
        Self {
            len: 0,
            times: vec![0; CHUNK],
            base: vec![0; CHUNK],
            passed: Passed::default(),
            valid: vec![0; CHUNK],
            phases: (0..phases).map(|_| phase()).collect(),
            valid_phases: vec![0; phases + 1],
        }
    }

    /// Applies `gates` to phase `k` of some combinations. Results of the gates that are on in every set
    /// are copied from `like`, a set with the same thresholds, where there is one.
    fn apply(&mut self, gates: &Gates, k: usize, phase: &Stored<'_>, like: Option<&Self>) {
        let (base, valid) = (&mut self.base[..self.len], &mut self.valid[..self.len]);
        if let Some(like) = like {
            base.copy_from_slice(&like.base[..self.len]);
            self.passed = like.passed;
        } else {
            self.passed = gates.count_base(phase, base);
        }
        valid.copy_from_slice(base);
        let out = &mut self.phases[k];
        out.passed = self.passed;
        gates.count_further(k, phase, valid, &mut out.passed);
        for (times, valid) in self.times.iter_mut().zip(&*valid) {
            *times += valid;
        }
        out.keep(phase, valid);
    }

    fn count_valid_phases(&mut self) {
        for (number, count) in self.valid_phases.iter_mut().enumerate() {
            // A chunk is short enough for narrow sums, of which more fit a register.
            let times = self.times[..self.len].iter();
            let equal = times.map(|&t| u16::from(usize::from(t) == number));
            *count = u64::from(equal.sum::<u16>());
        }
    }
}

/// Applies several sets of gates to some combinations while their figures are in a near cache.
fn fill(chunks: &mut [Chunk], sets: &[&Gates], block: &Block<'_>, range: &std::ops::Range<usize>) {
    for chunk in &mut *chunks {
        chunk.len = range.len();
        chunk.times[..range.len()].fill(0);
    }
    for (k, phase) in block.phases().iter().enumerate() {
        let phase = phase.part(range.clone());
        for (s, gates) in sets.iter().enumerate() {
            let (before, chunk) = chunks.split_at_mut(s);
            let like = sets[..s].iter().position(|other| other.has_base_of(gates));
            chunk[0].apply(gates, k, &phase, like.map(|at| &before[at]));
        }
    }
    chunks.iter_mut().for_each(Chunk::count_valid_phases);
}

impl ChunkPhase {
    fn keep(&mut self, phase: &Stored<'_>, valid: &[u8]) {
        self.held = 0;
        // Every pattern is written, and overwritten by the next one unless it is kept: no branch.
        for (&profit, &valid) in phase.oos_pnl.iter().zip(valid) {
            self.patterns[self.held] = profit.to_bits();
            self.held += usize::from(valid);
        }
        let held = self.patterns[..self.held].iter();
        self.infinite = held.fold(false, |found, &p| found | (p == INFINITY));
    }
}

impl GridStatistics {
    /// Nothing counted yet. Without axes there is no map.
    ///
    /// # Errors
    /// No phase or too many, gates of another number of phases, a map axis without values or with a
    /// table beyond them, or too many cells on the map.
    pub fn new(phases: usize, gates: Gates, axes: Option<[MapAxis; 2]>) -> Result<Self> {
        Self::with_limit(phases, gates, axes, LIMIT)
    }

    /// Statistics whose distributions keep another number of values as they are.
    pub(crate) fn with_limit(
        phases: usize,
        gates: Gates,
        axes: Option<[MapAxis; 2]>,
        limit: usize,
    ) -> Result<Self> {
        if !(1..=MOST_PHASES).contains(&phases) {
            let allowed = "it must be from 1 to 255";
            return Err(Error::CountRange { name: "phases", value: phases as u64, allowed });
        }
        gates.check(phases)?;
        axes.iter().flatten().try_for_each(MapAxis::check)?;
        let cells = cell_count(axes.as_ref(), phases as u64).filter(|&cells| cells <= CELLS);
        let Some(cells) = cells else {
            let allowed = "the cells of a map, by the number of phases, are at most 2^28";
            let value = axes.iter().flatten().map(|axis| axis.len).max().unwrap_or(0);
            return Err(Error::CountRange { name: "length", value, allowed });
        };
        Ok(Self {
            gates,
            axes,
            len: 0,
            passed: vec![Passed::default(); phases],
            valid_phases: vec![0; phases + 1],
            cells: vec![0; cells as usize],
            distributions: vec![Distribution::with_limit(limit); phases],
            chunks: Vec::new(),
        })
    }

    /// Number of phases.
    #[must_use]
    pub fn phases(&self) -> usize {
        self.passed.len()
    }

    /// The gates.
    #[must_use]
    pub fn gates(&self) -> &Gates {
        &self.gates
    }

    /// The two parameters of the map, where there is one.
    #[must_use]
    pub fn axes(&self) -> Option<&[MapAxis; 2]> {
        self.axes.as_ref()
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

    /// How many combinations pass the gates, phase by phase.
    #[must_use]
    pub fn passed(&self) -> &[Passed] {
        &self.passed
    }

    /// How many combinations are valid in 0, 1, 2 … phases.
    #[must_use]
    pub fn valid_phases(&self) -> &[u64] {
        &self.valid_phases
    }

    /// For every cell of the map how many of its combinations are valid in 0, 1, 2 … phases; the
    /// second axis varies faster than the first, the number of phases fastest. Empty without a map.
    #[must_use]
    pub fn cells(&self) -> &[u64] {
        &self.cells
    }

    /// The distributions of valid profits.
    #[must_use]
    pub fn distributions(&self) -> &[Distribution] {
        &self.distributions
    }

    /// Counts a block of consecutive combinations from flat index `start` on. Without a start the
    /// block is a sample, which counts no cells.
    ///
    /// # Errors
    /// A block of another number of phases; an infinite profit that is valid; more equal profits than
    /// can be counted. After the last two a part of the block is counted.
    pub fn add(&mut self, start: Option<u64>, block: &Block<'_>) -> Result<()> {
        add(&mut [self], start, block)
    }

    /// Final ranks of all phases.
    ///
    /// # Errors
    /// More profits close together than ranks can count.
    pub fn ranking(&self) -> Result<Ranking> {
        let phases = self.distributions.par_iter().map(Distribution::ranks);
        Ok(Ranking::new(phases.collect::<Result<_>>()?))
    }

    /// Provisional ranks of all phases, for every positive profit.
    #[must_use]
    pub fn provisional_ranks(&self) -> ProvisionalRanks {
        ProvisionalRanks::new(self.gates.clone(), &self.distributions)
    }

    /// Adds the counts of other combinations, by the same gates and over the same map.
    ///
    /// # Errors
    /// Statistics of other phases, gates or axes; more equal profits than can be counted.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let same = [
            ("number of phases", self.phases() == other.phases()),
            ("gates", self.gates == other.gates),
            ("map axes", self.axes == other.axes),
        ];
        if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
            return Err(Error::StatisticsMismatch { what });
        }
        self.len = self.len.checked_add(other.len).ok_or(Error::StatisticsFull)?;
        for (sum, passed) in self.passed.iter_mut().zip(&other.passed) {
            if !sum.add(passed) {
                return Err(Error::StatisticsFull);
            }
        }
        let sums = self.valid_phases.iter_mut().chain(&mut self.cells);
        for (sum, count) in sums.zip(other.valid_phases.iter().chain(&other.cells)) {
            *sum = sum.checked_add(*count).ok_or(Error::StatisticsFull)?;
        }
        let pairs = self.distributions.par_iter_mut().zip(&other.distributions);
        pairs.try_for_each(|(mine, theirs)| mine.merge(theirs))
    }

    /// Replaces all counts.
    pub(crate) fn set(
        &mut self,
        len: u64,
        passed: Vec<Passed>,
        valid_phases: Vec<u64>,
        cells: Vec<u64>,
        distributions: Vec<Distribution>,
    ) {
        (self.len, self.passed, self.valid_phases) = (len, passed, valid_phases);
        (self.cells, self.distributions) = (cells, distributions);
    }
}

/// Counts a block by several sets of gates, which are applied while its figures are in a near cache. The
/// result is that of [`GridStatistics::add`] of each.
///
/// # Errors
/// As of [`GridStatistics::add`].
pub fn add(
    by_set: &mut [&mut GridStatistics],
    start: Option<u64>,
    block: &Block<'_>,
) -> Result<()> {
    let Some(first) = by_set.first_mut() else { return Ok(()) };
    let mut chunks = std::mem::take(&mut first.chunks);
    block.check_start(start.unwrap_or(0))?;
    for statistics in &*by_set {
        block.check_phases(statistics.phases())?;
        statistics.len.checked_add(block.len() as u64).ok_or(Error::StatisticsFull)?;
    }
    for slab in parts(block.len(), SLAB) {
        let first = start.map(|start| start + slab.start as u64);
        add_slab(by_set, first, block, &slab, &mut chunks)?;
    }
    if let Some(first) = by_set.first_mut() {
        first.chunks = chunks;
    }
    Ok(())
}

/// Counts the combinations of a slab, the first of which has the flat index `first`.
fn add_slab(
    by_set: &mut [&mut GridStatistics],
    first: Option<u64>,
    block: &Block<'_>,
    slab: &std::ops::Range<usize>,
    chunks: &mut Vec<Vec<Chunk>>,
) -> Result<()> {
    let (count, phases) = (slab.len().div_ceil(CHUNK), block.phases().len());
    if chunks.len() < count {
        chunks.resize_with(count, Vec::new);
    }
    let chunks = &mut chunks[..count];
    let sets: Vec<&Gates> = by_set.iter().map(|statistics| &statistics.gates).collect();
    chunks.par_iter_mut().enumerate().for_each(|(i, chunks)| {
        chunks.resize_with(sets.len(), || Chunk::new(phases));
        let from = slab.start + i * CHUNK;
        fill(chunks, &sets, block, &(from..slab.end.min(from + CHUNK)));
    });
    let chunks = &*chunks;
    let infinite = |s: usize| chunks.iter().any(|c| c[s].phases.iter().any(|p| p.infinite));
    if let Some(s) = (0..sets.len()).find(|&s| infinite(s)) {
        return Err(infinite_profit(sets[s], block));
    }
    let (mut profits, mut maps) = (Vec::new(), Vec::new());
    for (s, statistics) in by_set.iter_mut().enumerate() {
        let statistics = &mut **statistics;
        profits.extend(statistics.distributions.iter_mut().enumerate().map(|(k, d)| (s, k, d)));
        maps.push((s, &statistics.axes, &mut statistics.cells));
    }
    let count_profits = || {
        profits.into_par_iter().try_for_each(|(s, k, distribution)| {
            chunks
                .iter()
                .map(|c| &c[s].phases[k])
                .try_for_each(|phase| distribution.add_patterns(&phase.patterns[..phase.held]))
        })
    };
    let count_cells = || {
        for (s, axes, cells) in maps {
            let (Some(first), Some(axes)) = (first, axes) else { continue };
            let mut position = [0, 1].map(|a| Position::new(&axes[a], first));
            for chunk in chunks.iter().map(|chunks| &chunks[s]) {
                let times = &chunk.times[..chunk.len];
                add_cells(cells, axes[1].len, phases, &mut position, times);
            }
        }
    };
    rayon::join(count_profits, count_cells).0?;
    for (s, statistics) in by_set.iter_mut().enumerate() {
        for chunk in chunks.iter().map(|chunks| &chunks[s]) {
            statistics.len += chunk.len as u64;
            for (sum, phase) in statistics.passed.iter_mut().zip(&chunk.phases) {
                // None exceeds the number of combinations.
                let _ = sum.add(&phase.passed);
            }
            for (sum, count) in statistics.valid_phases.iter_mut().zip(&chunk.valid_phases) {
                *sum += count;
            }
        }
    }
    Ok(())
}

/// The error of a block in which a valid profit is infinite.
fn infinite_profit(gates: &Gates, block: &Block<'_>) -> Error {
    let mut valid = vec![0; block.len()];
    let index = block.phases().iter().enumerate().find_map(|(k, phase)| {
        gates.validate(k, phase, &mut valid);
        phase.oos_pnl.iter().zip(&valid).position(|(&p, &v)| v != 0 && p == f32::INFINITY)
    });
    Error::NotRankable { index: index.unwrap_or(0), value: f32::INFINITY }
}

/// The counts that a map needs, one for each number of phases and cell; `None` if they are too many.
pub(super) fn cell_count(axes: Option<&[MapAxis; 2]>, phases: u64) -> Option<u64> {
    let Some([x, y]) = axes else { return Some(0) };
    x.len.checked_mul(y.len)?.checked_mul(phases.checked_add(1)?)
}

/// Position of a flat index on the index axis of a map parameter.
#[derive(Debug, Clone, Copy)]
struct Position<'a> {
    axis: &'a MapAxis,
    at: u64,
    /// Combinations until the next position.
    left: u64,
}

impl<'a> Position<'a> {
    fn new(axis: &'a MapAxis, index: u64) -> Self {
        let at = index / axis.stride % axis.positions();
        Self { axis, at, left: axis.stride - index % axis.stride }
    }

    /// The parameter's value there.
    fn value(&self) -> u64 {
        self.axis.table.as_ref().map_or(self.at, |table| table[self.at as usize].into())
    }

    /// Advances by at most as many as are left.
    fn advance(&mut self, by: u64) {
        self.left -= by;
        if self.left == 0 {
            self.at = if self.at + 1 == self.axis.positions() { 0 } else { self.at + 1 };
            self.left = self.axis.stride;
        }
    }
}

/// Counts consecutive combinations that are valid `times` times, cell by cell.
fn add_cells(
    cells: &mut [u64],
    width: u64,
    phases: usize,
    position: &mut [Position<'_>; 2],
    mut times: &[u8],
) {
    while !times.is_empty() {
        let [x, y] = *position;
        let count = x.left.min(y.left).min(times.len() as u64);
        let (same_cell, rest) = times.split_at(count as usize);
        let at = (x.value() * width + y.value()) as usize * (phases + 1);
        let cell = &mut cells[at..=at + phases];
        for &times in same_cell {
            cell[usize::from(times)] += 1;
        }
        position.iter_mut().for_each(|p| p.advance(count));
        times = rest;
    }
}
