//! Grids whose combinations share tables of entries and exits.
//!
//! A table of exits costs as much as some paths do, so it pays where many combinations share it: in a
//! box of the grid that is long on the axes which it does not follow from. Such a box is gone through
//! with the axes of the exits outside and the others inside, so that the tables which are read again
//! and again stay in the cache.

use std::ops::Range;

use super::boxes::{Positions, Steps};
use super::cache::Cache;
use super::conditions::Conditions;
use super::lockstep::{Batch, LANES, Lists, Tables};
use super::orders::{Distance, Market};
use super::parts::{Found, Parts, PlannedOrder, PlannedSide, Value, number};
use super::prepared::Prepared;
use super::tables::{Entries, Exits, Rows};
use super::worker::Scratch;
use super::written::Written;
use super::{bits, touch_set::TouchSet};
use crate::engine::f64x4::F64x4;
use crate::engine::first_touch::StartRange;
use crate::engine::intrabar_time::IntrabarTime;
use crate::error::Result;
use crate::execution::account::Side;
use crate::execution::touches::Way;
use crate::figures::Figures;
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
struct Key {
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
    fn at(&self, digits: &[usize]) -> usize {
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
    entry: PlannedOrder,
    exits: Vec<PlannedOrder>,
    side: Side,
    /// Whether there is a row for touches of the entry's level alone, as exits follow from its fill.
    has_touches: bool,
    rows_key: Key,
    entries_key: Key,
    exit_keys: Vec<Key>,
    /// Axes of exits and entries, of exits alone, and all others.
    shared: Vec<usize>,
    outer: Vec<usize>,
    inner: Vec<usize>,
    bars: usize,
    /// Bars in which something may be entered.
    traded: Range<usize>,
    /// Combinations that a table of exits is to serve.
    least_uses: u64,
    /// Entries and exits that are kept at a time, but for those that are needed together.
    most_entries: usize,
    most_exits: usize,
}

/// Tables that a worker keeps.
#[derive(Debug)]
pub(super) struct Kept {
    rows: Cache<Rows>,
    entries: Cache<Entries>,
    exits: Vec<Cache<Exits>>,
}

/// What is entered in some combinations: their index but for what exits add, and tables.
#[derive(Debug, Clone, Copy)]
struct Entered {
    index: u64,
    entries: usize,
    rows: usize,
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
    fn tile(&self, phases: usize) -> usize {
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

    /// Computes a box.
    ///
    /// # Errors
    /// A combination that the program refuses.
    #[inline(always)]
    pub fn run<V: F64x4>(
        &self,
        of: (&Prepared, &[u64]),
        positions: &Positions,
        buffers: (&mut Option<Kept>, &mut Scratch),
        written: &Written<'_>,
    ) -> Result<()> {
        match self.exits.len() {
            1 => self.run_with::<V, 1>(of, positions, buffers, written),
            2 => self.run_with::<V, 2>(of, positions, buffers, written),
            _ => self.run_with::<V, 3>(of, positions, buffers, written),
        }
    }

    #[inline(always)]
    fn run_with<V: F64x4, const EXITS: usize>(
        &self,
        (prepared, strides): (&Prepared, &[u64]),
        positions: &Positions,
        (tables, scratch): (&mut Option<Kept>, &mut Scratch),
        written: &Written<'_>,
    ) -> Result<()> {
        let kept = tables.get_or_insert_with(|| self.kept());
        let of = (prepared, strides);
        let most = self.most_entries;
        let mut entered = Vec::new();
        let mut shared = Steps::new(positions, strides, &self.shared);
        loop {
            let start = shared.digits.clone();
            let mut inner = Steps::from(positions, strides, &self.inner, start.clone());
            let mut is_more = true;
            while is_more {
                entered.clear();
                kept.entries.begin_round();
                kept.rows.begin_round();
                while is_more && entered.len() < most {
                    entered.push(self.entered(prepared, &inner, kept, scratch)?);
                    is_more = inner.advance();
                }
                let from = (start.as_slice(), entered.as_slice());
                self.exits::<V, EXITS>(of, positions, from, (kept, scratch), written)?;
            }
            if !shared.advance() {
                break;
            }
        }
        Ok(())
    }

    /// Goes through the exits of a box, with some entries.
    #[inline(always)]
    fn exits<V: F64x4, const EXITS: usize>(
        &self,
        (prepared, strides): (&Prepared, &[u64]),
        positions: &Positions,
        (start, entered): (&[usize], &[Entered]),
        (kept, scratch): (&mut Kept, &mut Scratch),
        written: &Written<'_>,
    ) -> Result<()> {
        let phases = prepared.slices().len();
        let most = self.tile(phases);
        let mut outer = Steps::from(positions, strides, &self.outer, start.to_vec());
        let base = outer.index;
        let mut falls = [false; EXITS];
        for (falls, exit) in falls.iter_mut().zip(&self.exits) {
            *falls = exit.way == Way::Down;
        }
        let mut is_more = true;
        while is_more {
            let mut tile: Vec<(u64, [usize; EXITS])> = Vec::with_capacity(most);
            kept.exits.iter_mut().for_each(Cache::begin_round);
            while is_more && tile.len() < most {
                let mut places = [0; EXITS];
                for (exit, place) in places.iter_mut().enumerate() {
                    *place = self.exit::<V>(prepared, exit, &outer.digits, kept, scratch)?;
                }
                tile.push((outer.index - base, places));
                is_more = outer.advance();
            }
            let Kept { rows, entries, exits } = &*kept;
            let paths: Vec<Tables<'_, EXITS>> = tile
                .iter()
                .flat_map(|(_, places)| (0..phases).map(move |phase| (places, phase)))
                .map(|(places, phase)| Tables {
                    exits: std::array::from_fn(|exit| exits[exit].at(places[exit])),
                    slice: prepared.slices()[phase],
                    boundaries: &prepared.boundaries[phase],
                })
                .collect();
            let batches = paths.chunks(LANES).map(|paths| Batch::new(paths, falls));
            let mut batches: Vec<Batch<'_, EXITS>> = batches.collect();
            let mut lists = Lists::default();
            let mut figures = [(Figures::NONE, true); LANES];
            for entered in entered {
                let (own, rows) = (entries.at(entered.entries), rows.at(entered.rows));
                for (batch, first) in batches.iter_mut().zip((0..).step_by(LANES)) {
                    batch.lead(own, rows);
                    batch.run::<V>(&prepared.per_unit, &mut lists, &mut figures);
                    for (path, &(mut figures, may_be_ruined)) in (first..paths.len()).zip(&figures)
                    {
                        let (combination, phase) = (path / phases, path % phases);
                        let index = entered.index + tile[combination].0;
                        if may_be_ruined {
                            figures = prepared.exact_at(index, phase, scratch)?;
                        }
                        written.set(phase, index, figures);
                    }
                }
            }
        }
        Ok(())
    }

    /// The tables of what is entered in a combination.
    fn entered(
        &self,
        prepared: &Prepared,
        steps: &Steps<'_>,
        kept: &mut Kept,
        scratch: &mut Scratch,
    ) -> Result<Entered> {
        let (digits, index) = (&steps.digits, steps.index);
        let rows = self.rows(prepared, digits, kept, scratch)?;
        let key = self.entries_key.at(digits);
        if let Some(entries) = kept.entries.find(key) {
            return Ok(Entered { index, entries, rows });
        }
        let (own, mut made) = (kept.rows.at(rows), Entries::default());
        prepared.with_conditions(digits, scratch, |conditions, market, scratch| {
            let from = (conditions, market, scratch);
            self.make_entries(prepared, from, digits, own, &mut made)
        })?;
        let (entries, out) = kept.entries.make(key);
        *out = made;
        Ok(Entered { index, entries, rows })
    }

    /// The rows of what may be entered in a combination.
    fn rows(
        &self,
        prepared: &Prepared,
        digits: &[usize],
        kept: &mut Kept,
        scratch: &mut Scratch,
    ) -> Result<usize> {
        let key = self.rows_key.at(digits);
        if let Some(rows) = kept.rows.find(key) {
            return Ok(rows);
        }
        let (per_unit, opens) = (&prepared.per_unit, prepared.opens());
        let made = match self.entry.found {
            Found::Level(level, _) => {
                prepared.with_conditions(digits, scratch, |conditions, market, scratch| {
                    prepared.part(level, digits, (conditions, market), scratch)
                })?;
                match prepared.value(scratch, level) {
                    Value::Level(touches) => {
                        let bars = (self.entry.way, opens);
                        let some = self.has_touches.then(|| self.traded.clone());
                        Rows::of_touches((per_unit, self.side), touches, bars, some)
                    }
                    _ => Rows::default(),
                }
            }
            Found::Open(_) => Rows::of_opens((per_unit, self.side), opens),
            _ => Rows::of_bars(opens.len()),
        };
        let (place, out) = kept.rows.make(key);
        *out = made;
        Ok(place)
    }

    fn make_entries(
        &self,
        prepared: &Prepared,
        (conditions, market, scratch): (&Conditions<'_>, &Market<'_>, &mut Scratch),
        digits: &[usize],
        rows: &Rows,
        out: &mut Entries,
    ) -> Result<()> {
        let bars = self.bars;
        let from = (conditions, market);
        match self.entry.found {
            Found::Open(when) => {
                if let Some(when) = when {
                    prepared.part(when, digits, from, scratch)?;
                }
                let when = when.map(|when| prepared.bits(scratch, when));
                let touched = opens_in(when, bars).map(|bar| (bar, bar as u32));
                out.set(bars, touched, rows.none());
            }
            Found::Level(level, when) => {
                prepared.part(level, digits, from, scratch)?;
                if let Some(when) = when {
                    prepared.part(when, digits, from, scratch)?;
                }
                let Value::Level(touches) = prepared.value(scratch, level) else { return Ok(()) };
                let when = when.map(|when| prepared.bits(scratch, when));
                let before = touches.before(self.traded.start);
                let row = |bar: usize| {
                    let row = if self.has_touches { touches.before(bar) - before } else { bar };
                    (bar, row as u32)
                };
                let traded = |bar: &usize| self.traded.contains(bar);
                out.set(bars, touched_in(touches, when).filter(traded).map(row), rows.none());
            }
            Found::Trail(part) => {
                let distance = prepared.trail_distance(part, conditions)?;
                let mut ranges = Vec::new();
                market.signed(self.entry.way).trailing_ranges(&distance, |own| ranges.push(own));
                out.set_ranges((&prepared.per_unit, self.side), bars, &ranges);
            }
            Found::After(_) | Found::Fixed(..) => {}
        }
        Ok(())
    }

    /// The table of an exit.
    #[inline(always)]
    fn exit<V: F64x4>(
        &self,
        prepared: &Prepared,
        exit: usize,
        digits: &[usize],
        kept: &mut Kept,
        scratch: &mut Scratch,
    ) -> Result<usize> {
        let key = self.exit_keys[exit].at(digits);
        if let Some(place) = kept.exits[exit].find(key) {
            return Ok(place);
        }
        let rows = self.rows(prepared, digits, kept, scratch)?;
        let PlannedOrder { found, way, .. } = self.exits[exit];
        if let Found::Fixed(part, is_percent) = found {
            prepared.with_conditions(digits, scratch, |conditions, market, scratch| {
                prepared.part(part, digits, (conditions, market), scratch)
            })?;
            let distance = match prepared.value(scratch, part) {
                Value::Column(values) => Distance::Column(values),
                other => Distance::Number(number(other)),
            };
            let (place, out) = kept.exits[exit].make(key);
            let of = (distance, is_percent, way);
            let of_side = (&prepared.per_unit, self.side);
            out.set_fixed::<V>(of_side, kept.rows.at(rows), &prepared.market(), of);
            return Ok(place);
        }
        let ranges = prepared.with_conditions(digits, scratch, |conditions, market, scratch| {
            self.ranges(prepared, (conditions, market, scratch), digits, (found, way))
        })?;
        let (place, out) = kept.exits[exit].make(key);
        out.set((&prepared.per_unit, self.side), kept.rows.at(rows), (&ranges, &self.traded));
        Ok(place)
    }

    /// The touches of an exit by the bar of the entry, where it asks for that alone.
    fn ranges(
        &self,
        prepared: &Prepared,
        (conditions, market, scratch): (&Conditions<'_>, &Market<'_>, &mut Scratch),
        digits: &[usize],
        (found, way): (Found, Way),
    ) -> Result<Vec<StartRange>> {
        let (bars, opens) = (self.bars, prepared.opens());
        let from = (conditions, market);
        let at_open = |(end, bar): (usize, usize)| StartRange {
            end: end as u32,
            time: IntrabarTime::at_open(bar as u32),
            fill: opens[bar],
        };
        let never = StartRange {
            end: bars as u32 + 1,
            time: IntrabarTime::at_open(bars as u32),
            fill: 0.0,
        };
        let mut ranges: Vec<StartRange> = match found {
            Found::Open(when) => {
                if let Some(when) = when {
                    prepared.part(when, digits, from, scratch)?;
                }
                let when = when.map(|when| prepared.bits(scratch, when));
                opens_in(when, bars).map(|bar| at_open((bar, bar))).collect()
            }
            Found::Level(level, when) => {
                prepared.part(level, digits, from, scratch)?;
                if let Some(when) = when {
                    prepared.part(when, digits, from, scratch)?;
                }
                let Value::Level(touches) = prepared.value(scratch, level) else {
                    return Ok(vec![never]);
                };
                let when = when.map(|when| prepared.bits(scratch, when));
                let signed = market.signed(way);
                let touch = |bar: usize| {
                    let level = touches.level(bar);
                    let (time, fill) =
                        signed.fill(bar, if way == Way::Up { -level } else { level });
                    StartRange { end: bar as u32, time, fill }
                };
                touched_in(touches, when).map(touch).collect()
            }
            Found::After(part) => {
                prepared.part(part, digits, from, scratch)?;
                let after = number(prepared.value(scratch, part)) as usize;
                (after..bars).map(|bar| at_open((bar + 1 - after, bar))).collect()
            }
            Found::Trail(part) => {
                let distance = prepared.trail_distance(part, conditions)?;
                let mut ranges = Vec::new();
                market.signed(way).trailing_ranges(&distance, |own| ranges.push(own));
                return Ok(ranges);
            }
            Found::Fixed(..) => Vec::new(),
        };
        ranges.push(never);
        Ok(ranges)
    }
}

/// Bars in which an order at the open works.
fn opens_in(when: Option<&[u64]>, bars: usize) -> impl Iterator<Item = usize> {
    // [T1] The first bar has none before it.
    let word = move |word: usize| when.map_or(u64::MAX, |when| when[word]);
    let all = bits::each((0..bits::words(bars)).map(word));
    all.skip_while(|&bar| bar == 0).take_while(move |&bar| bar < bars)
}

/// Bars in which a level is touched and a condition holds.
fn touched_in<'a>(touches: &'a TouchSet, when: Option<&'a [u64]>) -> impl Iterator<Item = usize> {
    let word = move |(word, &bits): (usize, &u64)| bits & when.map_or(u64::MAX, |when| when[word]);
    bits::each(touches.bits.iter().enumerate().map(word))
}
