//! Stop sets: which phases of which stop sets are computed, and which are copied.
//!
//! Wide stops are touched so rarely that most of what sets them does not matter: many stop sets
//! have stops that touch the same bars at the same prices, at least from the start of a phase to
//! its end, and then every path through the phase is the same in both. So of all stop sets with
//! equal stops in a phase the first one is the *representative*, and its figures are copied to the
//! others.
//!
//! Stops are compared as intervals of starts ([`StartRange`]): those whose touch comes before the
//! phase's end, from the one on that holds the start of the phase. A start behind them is not
//! touched in the phase, in one stop set as in the other. Where a touch comes after the end it does
//! not exist for the phase, whatever its fill.

use std::collections::HashMap;
use std::ops::Range;

use super::hash::{hash_of_range, mix};
use super::path::PhaseBars;
use crate::engine::first_touch::{SignedBars, StartRange};
use crate::figures::SplitCells;

/// Cells of consecutive combinations of one stop set.
pub(super) struct CellSlice<C> {
    /// Position of the first one in its stop set.
    pub first: usize,
    pub len: usize,
    /// By phase; empty where another stop set is the representative.
    pub phases: Vec<C>,
}

impl<C: SplitCells> CellSlice<C> {
    /// The cells of the combinations from position `first` of a stop set on.
    pub fn new(first: usize, phases: Vec<C>) -> Self {
        Self { first, len: phases.first().map_or(0, C::len), phases }
    }

    /// The cell of the combination at a position in the stop set, where it is among these.
    #[inline(always)]
    pub fn cell(&self, at: usize) -> Option<usize> {
        at.checked_sub(self.first).filter(|&cell| cell < self.len)
    }

    /// Takes the cells of a phase away.
    pub fn take(&mut self, phase: usize) -> C {
        let cells = &mut self.phases[phase];
        cells.split_front(cells.len())
    }

    /// Whether both have the same cells of their stop sets.
    pub fn covers_like(&self, other: &Self) -> bool {
        (self.first, self.len) == (other.first, other.len)
    }
}

/// A stop set, with the cells that are computed of it and their copies.
pub(super) struct StopSet<C> {
    /// Its position in the grid.
    pub index: usize,
    /// Where its exit tables stand among those of the work unit.
    pub slot: usize,
    pub computed: CellSlice<C>,
    /// Copies, by phase.
    pub copies: Vec<Vec<C>>,
    /// The intervals of its stops, where they are small enough to be kept.
    pub ranges: Option<Box<[StartRange]>>,
}

impl<C: SplitCells> StopSet<C> {
    pub fn new(index: usize, computed: CellSlice<C>) -> Self {
        let copies = computed.phases.iter().map(|_| Vec::new()).collect();
        Self { index, slot: 0, computed, copies, ranges: None }
    }

    /// Takes cells that are to become copies of these.
    pub fn copy_to(&mut self, cells: CellSlice<C>) {
        for (copies, cells) in self.copies.iter_mut().zip(cells.phases) {
            copies.push(cells);
        }
    }

    /// Whether it is the representative in a phase.
    pub fn represents(&self, phase: usize) -> bool {
        !self.computed.phases[phase].is_empty()
    }

    /// Number of phases in which it is the representative.
    pub fn represented(&self) -> usize {
        (0..self.computed.phases.len()).filter(|&phase| self.represents(phase)).count()
    }

    /// Makes one of its phases a copy of a representative's.
    fn become_copy(&mut self, representative: &mut Self, phase: usize) {
        representative.copies[phase].push(self.computed.take(phase));
        representative.copies[phase].append(&mut self.copies[phase]);
    }

    /// Makes all of its phases copies of a representative's.
    pub fn become_copy_everywhere(mut self, representative: &mut Self) {
        for phase in 0..self.copies.len() {
            self.become_copy(representative, phase);
        }
    }

    /// Writes the copies.
    pub fn write_copies(&mut self) {
        for (copies, from) in self.copies.iter_mut().zip(&self.computed.phases) {
            copies.iter_mut().for_each(|to| to.copy_from(from));
        }
    }
}

/// A consumer of the distances of a stop set's stops, which come by price, the long one before the
/// short ones, each with the bars that it follows.
pub(super) trait StopConsumer {
    fn take(&mut self, bars: &SignedBars, distance: &[f64]);
}

/// The stops of stop sets, as intervals of starts.
#[derive(Debug, Default)]
pub(super) struct StopRanges {
    ranges: Vec<StartRange>,
    /// Where each stop ends.
    ends: Vec<usize>,
    /// Sums of the hashes of all intervals up to each one of a stop set.
    sums: Vec<u64>,
}

impl StopConsumer for StopRanges {
    #[inline(always)]
    fn take(&mut self, bars: &SignedBars, distance: &[f64]) {
        bars.trailing_ranges(distance, |range| self.ranges.push(range));
        self.ends.push(self.ranges.len());
    }
}

/// The stops of one stop set among [`StopRanges`].
struct Found {
    ranges: Range<usize>,
    ends: Range<usize>,
}

impl StopRanges {
    pub fn clear(&mut self) {
        self.ranges.clear();
        self.ends.clear();
    }

    pub fn ranges(&self) -> &[StartRange] {
        &self.ranges
    }

    pub fn bytes(&self) -> usize {
        self.ranges.len() * size_of::<StartRange>()
    }

    /// Numbers of intervals and of stops.
    pub fn len(&self) -> (usize, usize) {
        (self.ranges.len(), self.ends.len())
    }

    /// The intervals of each stop of a stop set that matter in a phase.
    fn parts(&self, found: &Found, phase: PhaseBars) -> impl Iterator<Item = Range<usize>> {
        let mut start = found.ranges.start;
        self.ends[found.ends.clone()].iter().map(move |&end| {
            let ranges = &self.ranges[start..end];
            let first = ranges.partition_point(|range| range.end <= phase.start);
            let count = ranges[first..].partition_point(|range| range.time.bar() < phase.end);
            let part = start + first..start + first + count;
            start = end;
            part
        })
    }

    fn are_equal(&self, one: &Found, other: &Found, phase: PhaseBars) -> bool {
        self.parts(one, phase)
            .zip(self.parts(other, phase))
            .all(|(one, other)| self.ranges[one] == self.ranges[other])
    }
}

/// The representatives of a work unit.
pub(super) struct Representatives<C> {
    sets: Vec<(StopSet<C>, Found)>,
    /// The representative of a phase, by the hash of the stops.
    by_hash: HashMap<(usize, u64), usize>,
}

impl<C> Default for Representatives<C> {
    fn default() -> Self {
        Self { sets: Vec::new(), by_hash: HashMap::new() }
    }
}

impl<C: SplitCells> Representatives<C> {
    /// Adds a stop set whose stops are those behind `before` intervals and stops, and drops them
    /// where it is no representative in any phase.
    pub fn add(
        &mut self,
        mut set: StopSet<C>,
        stops: &mut StopRanges,
        before: (usize, usize),
        phases: &[PhaseBars],
    ) {
        let found =
            Found { ranges: before.0..stops.ranges.len(), ends: before.1..stops.ends.len() };
        stops.sums.clear();
        stops.sums.push(0);
        let mut sum = 0_u64;
        for range in &stops.ranges[found.ranges.clone()] {
            sum = sum.wrapping_add(hash_of_range(range));
            stops.sums.push(sum);
        }
        let mut represents = false;
        for (phase, &bars) in phases.iter().enumerate() {
            let hash = stops.parts(&found, bars).fold(0, |hash, part| {
                let sums = [part.end, part.start].map(|i| stops.sums[i - found.ranges.start]);
                mix(hash, sums[0].wrapping_sub(sums[1]))
            });
            // Equal hashes are no proof.
            if let Some(&other) = self.by_hash.get(&(phase, hash))
                && let (other, theirs) = &mut self.sets[other]
                && other.computed.covers_like(&set.computed)
                && stops.are_equal(&found, theirs, bars)
            {
                set.become_copy(other, phase);
            } else {
                self.by_hash.insert((phase, hash), self.sets.len());
                represents = true;
            }
        }
        if represents {
            self.sets.push((set, found));
        } else {
            stops.ranges.truncate(found.ranges.start);
            stops.ends.truncate(found.ends.start);
        }
    }

    /// The representatives, those with paths of similar lengths together; with the intervals of
    /// their stops, if `keep` says so.
    pub fn sorted(mut self, stops: &StopRanges, keep: impl Fn(usize) -> bool) -> Vec<StopSet<C>> {
        // The more intervals, the longer the paths.
        self.sets.sort_by_key(|(_, found)| found.ranges.len());
        let kept = |(mut set, found): (StopSet<C>, Found)| {
            let ranges = &stops.ranges[found.ranges];
            set.ranges = keep(size_of_val(ranges)).then(|| ranges.into());
            set
        };
        self.sets.into_iter().map(kept).collect()
    }
}

/// Divides stop sets into groups of at most `most` of them, and at most `represented` phases in
/// which they are representatives, which should fill the groups.
pub(super) fn pack<C: SplitCells>(
    sets: Vec<StopSet<C>>,
    most: usize,
    represented: usize,
) -> Vec<Vec<StopSet<C>>> {
    /// Stop sets that are looked at to fill a group.
    const AHEAD: usize = 32;
    let mut pending: Vec<Option<StopSet<C>>> = sets.into_iter().map(Some).collect();
    let mut groups = Vec::new();
    let mut first = 0;
    while first < pending.len() {
        let (mut group, mut room) = (Vec::new(), represented);
        for next in pending.iter_mut().skip(first).take(AHEAD) {
            if room == 0 || group.len() == most {
                break;
            }
            if let Some(set) = next.take_if(|set| group.is_empty() || set.represented() <= room) {
                room = room.saturating_sub(set.represented());
                group.push(set);
            }
        }
        groups.push(group);
        first += pending[first..].iter().take_while(|set| set.is_none()).count();
    }
    groups
}

#[cfg(test)]
mod tests;
