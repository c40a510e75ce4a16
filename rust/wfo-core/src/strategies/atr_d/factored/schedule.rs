//! Work units: which combinations a worker computes at a time.
//!
//! A unit is some stop sets against a range of entry sets ([`layout`](super::layout) has the
//! diagram). Its exit tables stay in the processor's second cache, and the tables of its entries
//! pass through.

use std::collections::HashMap;
use std::ops::Range;

use super::layout::Layout;
use super::prepared::{Prepared, StopScratch};
use super::stop_sets::{CellSlice, Representatives, StopSet, pack};
use crate::error::Result;
use crate::figures::{Figures, SplitCells};

/// Fewest paths in a unit, so that its exit tables are worth building.
pub(super) const UNIT_PATHS: usize = 1 << 16;
/// What the intervals of a unit's representatives may take, before it is divided.
pub(super) const RANGES_BYTES: usize = 16 << 20;
/// Stop sets that are compared with each other: those of one length of the Bollinger width, in the
/// shipped grids.
const COMPARED_SETS: usize = 700;
/// The intervals of a stop set are kept until it is computed where its figures take so many times
/// their bytes.
const FIGURES_BY_RANGES: usize = 8;

/// Some stop sets against a range of entry sets.
pub(super) struct WorkUnit<C> {
    pub sets: Vec<StopSet<C>>,
    pub entries: Range<usize>,
}

/// How large units are.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnitSizes {
    /// Fewest entry sets.
    pub entries: usize,
    /// Stop sets of the units of long histories. These take long: there should be enough units for
    /// all threads, even of fewer entry sets.
    pub long_sets: Option<usize>,
}

/// Divides the combinations of a range into units: stop sets with equal tightenings together, and
/// as many entry sets as make the building of exit tables worth while.
///
/// `equal_tightenings` are those of [`tightening`](super::tightening::equal_tightenings).
pub(super) fn divide<C: SplitCells>(
    layout: &Layout,
    equal_tightenings: &[u32],
    range: &Range<u64>,
    mut phases: Vec<C>,
    sizes: UnitSizes,
) -> Vec<WorkUnit<C>> {
    let Layout { entries, .. } = *layout;
    let (stop_set_len, entry_set_len) = (layout.stop_set_len() as u64, layout.entry_set_len());
    let mut wanted = sizes.entries;
    if let Some(sets) = sizes.long_sets {
        let units = (range.end - range.start).div_ceil(stop_set_len * sets as u64);
        let threads = rayon::current_num_threads();
        let parts = if threads > 1 { (2 * threads).div_ceil(units.max(1) as usize) } else { 1 };
        wanted = wanted.min(entries.div_ceil(parts)).max(1);
    }
    let size = entries.div_ceil((entries / wanted).max(1));
    let parts: Vec<Range<usize>> =
        (0..entries).step_by(size).map(|first| first..(first + size).min(entries)).collect();
    // By range of entry sets: the distinct stop sets, and where each kind is among them.
    let mut sets: Vec<Vec<StopSet<C>>> = parts.iter().map(|_| Vec::new()).collect();
    let mut seen: Vec<HashMap<(usize, u32), usize>> = vec![HashMap::new(); parts.len()];
    let tightenings = layout.tightenings();
    let mut index = range.start;
    while index < range.end {
        let set = (index / stop_set_len) as usize;
        let start = set as u64 * stop_set_len;
        let end = range.end.min(start + stop_set_len);
        let kind = (set / tightenings, equal_tightenings[set % tightenings]);
        for (i, part) in parts.iter().enumerate() {
            let part_end = start + (part.end * entry_set_len) as u64;
            let count = part_end.min(end).saturating_sub(index) as usize;
            if count == 0 {
                continue;
            }
            let cells = phases.iter_mut().map(|p| p.split_front(count)).collect();
            let slice = CellSlice::new((index - start) as usize, cells);
            index += count as u64;
            // Pieces of a part, at the ends of the range, are not worth a comparison.
            if count == part.len() * entry_set_len {
                if let Some(&at) = seen[i].get(&kind) {
                    sets[i][at].copy_to(slice);
                    continue;
                }
                seen[i].insert(kind, sets[i].len());
            }
            sets[i].push(StopSet::new(set, slice));
        }
    }
    let mut units = Vec::new();
    for (sets, entries) in sets.into_iter().zip(parts) {
        let mut sets = sets.into_iter().peekable();
        while sets.peek().is_some() {
            let sets = sets.by_ref().take(COMPARED_SETS).collect();
            units.push(WorkUnit { sets, entries: entries.clone() });
        }
    }
    units
}

/// Finds the representatives of a unit. What is left are units of at most so many stop sets and
/// paths, these of about one length, that are computed together.
#[inline(always)]
pub(super) fn find_representatives<C: SplitCells>(
    prepared: &Prepared,
    unit: WorkUnit<C>,
    (most, paths): (usize, usize),
    scratch: &mut StopScratch,
) -> Result<Vec<WorkUnit<C>>> {
    let StopScratch { tightening, distance, stops, .. } = scratch;
    let WorkUnit { sets, entries } = unit;
    let phases = &prepared.history.phases;
    let cells = entries.len() * prepared.layout.entry_set_len() * phases.len();
    let keep = |bytes: usize| bytes * FIGURES_BY_RANGES <= cells * size_of::<Figures>();
    let mut sets = sets.into_iter().peekable();
    let mut units = Vec::new();
    while sets.peek().is_some() {
        stops.clear();
        let mut representatives = Representatives::default();
        while stops.bytes() < RANGES_BYTES
            && let Some(set) = sets.next()
        {
            let before = stops.len();
            prepared.stops(set.index, tightening, distance, stops)?;
            representatives.add(set, stops, before, phases);
        }
        let sets = representatives.sorted(stops, keep);
        for sets in pack(sets, most, paths) {
            units.push(WorkUnit { sets, entries: entries.clone() });
        }
    }
    Ok(units)
}
