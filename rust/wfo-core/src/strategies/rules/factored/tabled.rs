//! Grids whose combinations share tables of entries and exits.
//!
//! A table of exits costs as much as some paths do, so it pays where many combinations share it: in a
//! box of the grid that is long on the axes which it does not follow from. Such a box is gone through
//! with the axes of the exits outside and the others inside, so that the tables which are read again
//! and again stay in the cache.

use std::ops::Range;

use super::boxes::Positions;
use super::cache::Cache;
use super::lockstep::LANES;
use super::parts::{Found, Parts, PlannedOrder, PlannedSide};
use super::tables::{Entries, Exits, Rows};
use crate::execution::account::Side;
use crate::market::slice::Slice;
use crate::strategies::rules::program::SameBar;

/// Most exits whose tables are looked up beside each other.
const MOST_EXITS: usize = 3;
/// Most combinations of exits whose tables are looked up one after the other.
const MOST_TOGETHER: usize = 64;
/// Bytes of a row of a table of exits.
const EXIT_BYTES: usize = 4 + 32;
/// What the exits that paths are led by at a time may take: they are to stay in the second cache.
const NEAR_BYTES: usize = 3 << 19;
/// What the exits that are kept may take, those that are led by at a time apart.
const EXITS_KEPT: usize = 32 << 20;
/// What the entries that are kept may take.
const ENTRIES_KEPT: usize = 48 << 20;
/// Combinations that a table of exits pays for, by bars that it has rows for: the cost of a row is
/// about that of a hundredth and sixtieth of a path.
const BARS_PER_USE: usize = 160;
/// The same of tables with rows for touches alone.
const TOUCHES_PER_USE: usize = 1_000;

/// What a key follows from: axes, and what a step on each adds to the key.
#[derive(Debug, Default)]
pub(super) struct Key {
    strides: Vec<(usize, usize)>,
}

impl Key {
    fn of(mut axes: Vec<usize>, lengths: &[usize]) -> Self {
        axes.sort_unstable();
        axes.dedup();
        let mut keys = 1_usize;
        let stride = |axis: usize| {
            let stride = keys;
            keys = keys.saturating_mul(lengths[axis]);
            (axis, stride)
        };
        Self { strides: axes.into_iter().map(stride).collect() }
    }

    #[inline(always)]
    pub fn at(&self, digits: &[usize]) -> usize {
        self.strides.iter().fold(0, |key, &(axis, stride)| key + digits[axis] * stride)
    }

    fn axes(&self) -> impl Iterator<Item = usize> {
        self.strides.iter().map(|&(axis, _)| axis)
    }

    /// How many keys a box has.
    fn count(&self, positions: &Positions) -> u64 {
        self.axes().fold(1, |count, axis| count.saturating_mul(positions[axis].len() as u64))
    }
}

/// How a program's tables are made, where tables lead its paths.
#[derive(Debug)]
pub(super) struct Tabled {
    pub entry: PlannedOrder,
    pub exits: Vec<PlannedOrder>,
    pub side: Side,
    /// Whether there is a row for touches of the entry's level alone, as exits follow from its fill.
    pub has_touches: bool,
    pub rows_key: Key,
    pub entries_key: Key,
    pub exit_keys: Vec<Key>,
    /// Axes of exits and entries, of exits alone, and all others.
    pub shared: Vec<usize>,
    pub outer: Vec<usize>,
    pub inner: Vec<usize>,
    pub bars: usize,
    /// Bars in which something may be entered.
    pub traded: Range<usize>,
    /// Combinations that a table of exits is to serve.
    least_uses: u64,
    /// Entries and exits that are kept at a time, but for those that are needed together.
    pub most_entries: usize,
    most_exits: usize,
}

/// Tables that a worker keeps.
#[derive(Debug)]
pub(super) struct Kept {
    pub rows: Cache<Rows>,
    pub entries: Cache<Entries>,
    pub exits: Vec<Cache<Exits>>,
}

impl Tabled {
    /// How tables lead the paths of a program; none where they do not: where both sides are traded,
    /// where an exit may work in the bar of the entry, where an exit follows from a fill that does not
    /// follow from its bar, and where there are too many orders.
    pub fn new(
        parts: &Parts,
        (compounds, same_bar): (bool, SameBar),
        lengths: &[usize],
        (bars, slices): (usize, &[Slice]),
    ) -> Option<Self> {
        let is_short = parts.long.entries.is_empty();
        let (own, other) =
            if is_short { (&parts.short, &parts.long) } else { (&parts.long, &parts.short) };
        let PlannedSide { entries, exits, .. } = own;
        let [entry] = entries[..] else { return None };
        // On long histories not even one table has room.
        let has_room = exits.len() * EXIT_BYTES * (bars + 1) <= EXITS_KEPT;
        if !compounds
            || !has_room
            || same_bar != SameBar::Next
            || !other.entries.is_empty()
            || !(1..=MOST_EXITS).contains(&exits.len())
        {
            return None;
        }
        let is_fixed = |exit: &PlannedOrder| matches!(exit.found, Found::Fixed(..));
        let has_fixed = exits.iter().any(is_fixed);
        let axes = |part: usize| parts.parts[part].axes();
        let of_found = |found: Found| -> Vec<usize> {
            match found {
                Found::Open(when) => when.into_iter().flat_map(axes).collect(),
                Found::Level(level, when) => {
                    axes(level).chain(when.into_iter().flat_map(axes)).collect()
                }
                Found::Trail(part) | Found::After(part) | Found::Fixed(part, _) => {
                    axes(part).collect()
                }
            }
        };
        let level: Vec<usize> = match entry.found {
            Found::Level(level, _) => axes(level).collect(),
            // The fill follows from the bar since which the path is flat.
            Found::Trail(_) if has_fixed => return None,
            Found::Open(_) | Found::Trail(_) => Vec::new(),
            Found::After(_) | Found::Fixed(..) => return None,
        };
        let has_touches = has_fixed && matches!(entry.found, Found::Level(..));
        let own_rows = if has_touches { level.clone() } else { Vec::new() };
        let key = |axes: Vec<usize>| Key::of(axes, lengths);
        let exit_keys: Vec<Key> = exits
            .iter()
            .map(|exit| key(of_found(exit.found).into_iter().chain(own_rows.clone()).collect()))
            .collect();
        let entries_key = key(of_found(entry.found));
        let is_of_exits = |axis: usize| exit_keys.iter().any(|key| key.axes().any(|a| a == axis));
        let is_of_entries = |axis: usize| entries_key.axes().any(|own| own == axis);
        let all = 0..lengths.len();
        let (of_exits, inner): (Vec<usize>, Vec<usize>) = all.partition(|&axis| is_of_exits(axis));
        let (shared, outer) = of_exits.into_iter().partition(|&axis| is_of_entries(axis));
        let rows_key = key(level);
        let exits = exits.clone();
        // Rows to go to, and where an entry has rows of its own, those.
        let entry_bytes = match entry.found {
            Found::Open(_) => 4,
            Found::Trail(_) => 12,
            _ => 24,
        };
        let per_use = if has_touches { TOUCHES_PER_USE } else { BARS_PER_USE };
        Some(Self {
            least_uses: (bars / per_use).max(2) as u64,
            most_entries: (ENTRIES_KEPT / (entry_bytes * (bars + 1))).max(1),
            most_exits: EXITS_KEPT / (exits.len() * EXIT_BYTES * (bars + 1)),
            entry,
            exits,
            side: if is_short { Side::Short } else { Side::Long },
            has_touches,
            rows_key,
            entries_key,
            exit_keys,
            shared,
            outer,
            inner,
            bars,
            traded: slices.iter().map(|own| own.warmup).min()?
                ..slices.iter().map(|own| own.end).max()?,
        })
    }

    /// Whether tables pay in a box. Exits are gone through once for as many entries as can be kept.
    pub fn suits(&self, positions: &Positions) -> bool {
        self.pays(positions, 1)
    }

    /// Whether tables save at least so many times what they cost, in a box.
    pub fn pays(&self, positions: &Positions, times: u64) -> bool {
        let count = |axes: &[usize]| {
            axes.iter().fold(1_u64, |all, &axis| all.saturating_mul(positions[axis].len() as u64))
        };
        let (inner, exits) =
            (count(&self.inner), count(&self.shared).saturating_mul(count(&self.outer)));
        let together = inner.min(self.most_entries as u64).max(1);
        let uses = |key: &Key| exits.saturating_mul(together) / key.count(positions).max(1);
        self.exit_keys.iter().all(|key| uses(key) >= times * self.least_uses)
    }

    /// Lets tables lead wherever they can, and keeps hardly any.
    #[cfg(test)]
    pub fn lead_always(&mut self) {
        (self.least_uses, self.most_entries, self.most_exits) = (1, 2, 1);
    }

    /// Axes along which a box is best cut, the best first.
    pub fn cuts(&self) -> impl Iterator<Item = usize> {
        self.shared.iter().chain(&self.outer).chain(&self.inner).copied()
    }

    fn tile_bytes(&self, tile: usize) -> usize {
        tile.saturating_mul(self.exits.len() * EXIT_BYTES * (self.bars + 1))
    }

    /// Combinations of exits that are gone through beside each other.
    pub fn tile(&self, phases: usize) -> usize {
        // A level is touched in a fraction of the bars.
        let bytes = self.tile_bytes(1) / if self.has_touches { 8 } else { 1 };
        // Paths fill the lanes.
        (NEAR_BYTES / bytes.max(1)).clamp(LANES.div_ceil(phases.max(1)), MOST_TOGETHER)
    }

    /// Memory that a worker's tables take, in bytes.
    pub fn worker_bytes(&self) -> usize {
        let entry = 24 * (self.bars + 1);
        EXITS_KEPT + self.tile_bytes(self.tile(1)) + ENTRIES_KEPT.max(entry)
    }

    /// Caches that hold nothing.
    pub fn kept(&self) -> Kept {
        Kept {
            rows: Cache::new(self.most_entries),
            entries: Cache::new(self.most_entries),
            exits: self.exits.iter().map(|_| Cache::new(self.most_exits)).collect(),
        }
    }
}
