//! The tables of entries and exits of a combination, made once and kept.

use super::boxes::Steps;
use super::conditions::Conditions;
use super::orders::{Distance, Market};
use super::parts::{Found, PlannedOrder, Value, number};
use super::prepared::Prepared;
use super::tabled::{Kept, Tabled};
use super::tables::{Entries, Rows};
use super::worker::Scratch;
use super::{bits, touch_set::TouchSet, trail};
use crate::engine::f64x4::F64x4;
use crate::engine::first_touch::StartRange;
use crate::engine::intrabar_time::IntrabarTime;
use crate::error::Result;
use crate::execution::touches::Way;

/// What is entered in some combinations: their index but for what exits add, and tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entered {
    pub index: u64,
    pub entries: usize,
    pub rows: usize,
}

impl Tabled {
    /// The tables of what is entered in a combination.
    pub fn entered(
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
                let ranges = trail::ranges(&distance, market.signed(self.entry.way));
                out.set_ranges((&prepared.per_unit, self.side), bars, &ranges);
            }
            Found::After(_) | Found::Fixed(..) => {}
        }
        Ok(())
    }

    /// The table of an exit.
    #[inline(always)]
    pub fn exit<V: F64x4>(
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
                return Ok(trail::ranges(&distance, market.signed(way)));
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
