//! Tallies as bytes.
//!
//! A magic word and version; then numbers of seven bits a byte, the low ones first: phases, map axes,
//! combinations, gates passed, valid phases, cells. Version 1 has two map axes, whose positions are
//! their values: stride and length of each. Version 2 has what version 1 cannot say: how many map axes
//! there are, 0 or 2, and of each stride, length, how long its table is (0 where there is none) and
//! the table. For each phase how many
//! different profits there are, and for each of them in rising order the gap to the bit pattern before
//! and how often it occurs; most gaps and counts are small, and share a byte. The thresholds, as
//! `f64`, stand before the numbers, and a checksum at the end. Equal tallies give equal bytes.

use rayon::prelude::*;

use super::distribution::Distribution;
use super::gates::{GATES, Gates, Passed};
use super::tally::{MapAxis, Tally, cell_count};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"wfotally";
/// Two map axes without tables, and any others.
const VERSIONS: [u8; 2] = [1, 2];
const CHECKSUM: usize = 8;

/// FNV-1a, over words of eight bytes and then the rest.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    let words = bytes
        .chunks(8)
        .map(|chunk| chunk.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)));
    step(words.fold(0xcbf2_9ce4_8422_2325, step), bytes.len() as u64)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn encode(tally: &Tally) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    let plain = tally.axes().is_some_and(|axes| axes.iter().all(|axis| axis.table.is_none()));
    out.push(if plain { VERSIONS[0] } else { VERSIONS[1] });
    for threshold in [tally.gates().wfe, tally.gates().dd_ratio] {
        out.extend_from_slice(&threshold.to_le_bytes());
    }
    put(&mut out, tally.phases() as u64);
    if !plain {
        put(&mut out, tally.axes().map_or(0, |axes| axes.len() as u64));
    }
    for axis in tally.axes().into_iter().flatten() {
        put(&mut out, axis.stride);
        put(&mut out, axis.len);
        if !plain {
            let table = axis.table.as_deref().unwrap_or_default();
            put(&mut out, table.len() as u64);
            table.iter().for_each(|&value| put(&mut out, value.into()));
        }
    }
    put(&mut out, tally.len());
    let passed = tally.passed().iter().flat_map(|p| p.alone.iter().chain(&p.together));
    for &count in passed.chain(tally.valid_phases()).chain(tally.cells()) {
        put(&mut out, count);
    }
    let encoded: Vec<Vec<u8>> = tally.distributions().par_iter().map(encode_profits).collect();
    encoded.iter().for_each(|bytes| out.extend_from_slice(bytes));
    let sum = checksum(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Counts below this share a number with the gap.
const FEW: u64 = 8;

fn encode_profits(distribution: &Distribution) -> Vec<u8> {
    let (mut profits, mut pairs, mut before) = (0, Vec::new(), 0);
    distribution.visit(|pattern, times| {
        profits += 1;
        let few = times.min(FEW) - 1;
        put(&mut pairs, u64::from(pattern - before) * FEW + few);
        if times >= FEW {
            put(&mut pairs, times - FEW);
        }
        before = pattern;
    });
    let mut out = Vec::with_capacity(pairs.len() + 10);
    put(&mut out, profits);
    out.append(&mut pairs);
    out
}

/// Reads numbers from bytes.
struct Reader<'a> {
    bytes: &'a [u8],
}

const SHORT: Error = Error::TallyBytes { what: "they end too early" };
const WRONG: Error = Error::TallyBytes { what: "their numbers do not add up" };

impl Reader<'_> {
    fn number(&mut self) -> Result<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first().ok_or(SHORT)?;
            self.bytes = rest;
            let part = u64::from(byte & 0x7f);
            // Nothing may be lost, and no number has two spellings.
            if part << shift >> shift != part || (byte == 0 && shift > 0) {
                return Err(WRONG);
            }
            number |= part << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(WRONG)
    }

    fn threshold(&mut self) -> Result<f64> {
        let (bytes, rest) = self.bytes.split_first_chunk().ok_or(SHORT)?;
        self.bytes = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    fn axes(&mut self, version: u8) -> Result<Option<[MapAxis; 2]>> {
        if version == VERSIONS[0] {
            let mut axis = || Ok(MapAxis::plain(self.number()?, self.number()?));
            return Ok(Some([axis()?, axis()?]));
        }
        match self.number()? {
            0 => Ok(None),
            2 => {
                let axes = [self.tabled_axis()?, self.tabled_axis()?];
                // What version 1 can say has no second spelling.
                let tabled = axes.iter().any(|axis| axis.table.is_some());
                tabled.then_some(Some(axes)).ok_or(WRONG)
            }
            _ => Err(WRONG),
        }
    }

    fn tabled_axis(&mut self) -> Result<MapAxis> {
        let (stride, len) = (self.number()?, self.number()?);
        let positions = usize::try_from(self.number()?).map_err(|_| WRONG)?;
        if positions == 0 {
            return Ok(MapAxis::plain(stride, len));
        }
        let values = self.numbers(positions)?.into_iter().map(u32::try_from);
        let table: Vec<u32> = values.collect::<Result<_, _>>().map_err(|_| WRONG)?;
        let axis = MapAxis::with_table(stride, len, &table);
        axis.table.is_some().then_some(axis).ok_or(WRONG)
    }

    /// So many numbers, each of which takes at least one byte.
    fn numbers(&mut self, count: usize) -> Result<Vec<u64>> {
        if count > self.bytes.len() {
            return Err(SHORT);
        }
        (0..count).map(|_| self.number()).collect()
    }

    fn profits(&mut self, limit: usize, len: u64) -> Result<Distribution> {
        let mut left = self.number()?;
        let mut before = 0_u32;
        let mut error = None;
        let patterns = std::iter::from_fn(|| {
            left = left.checked_sub(1)?;
            let mut pair = || -> Result<(u32, u64)> {
                let number = self.number()?;
                let gap = u32::try_from(number / FEW).ok().filter(|&gap| gap > 0);
                before = gap.and_then(|gap| before.checked_add(gap)).ok_or(WRONG)?;
                let few = number % FEW + 1;
                let more = if few == FEW { self.number()? } else { 0 };
                Ok((before, few.checked_add(more).ok_or(WRONG)?))
            };
            Some(pair().map_err(|e| error = Some(e)).ok())
        });
        let found = Distribution::rebuild(limit, len, patterns);
        found.ok_or_else(|| error.unwrap_or(WRONG))
    }
}

pub(super) fn decode(bytes: &[u8], limit: usize) -> Result<Tally> {
    let no = |what| Error::TallyBytes { what };
    let body = bytes.strip_prefix(MAGIC).ok_or(no("they begin otherwise"))?;
    let (&version, _) = body.split_first().ok_or(SHORT)?;
    if !VERSIONS.contains(&version) {
        return Err(no("they are of another version"));
    }
    // Before anything is made of the bytes, so that damaged ones cannot ask for much memory.
    let (content, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(SHORT)?;
    if checksum(content).to_le_bytes() != *sum {
        return Err(no("they were changed or cut off"));
    }
    read(version, content.get(MAGIC.len() + 1..).ok_or(SHORT)?, limit)
}

/// Reads what stands between version and checksum.
fn read(version: u8, bytes: &[u8], limit: usize) -> Result<Tally> {
    let mut reader = Reader { bytes };
    let gates = Gates { wfe: reader.threshold()?, dd_ratio: reader.threshold()? };
    let phases = usize::try_from(reader.number()?).map_err(|_| WRONG)?;
    let axes = reader.axes(version)?;
    // Every cell takes a byte at least, so there are no more of them than bytes.
    let cells = cell_count(axes.as_ref(), phases as u64);
    let cells = cells.filter(|&c| c <= reader.bytes.len() as u64).ok_or(SHORT)? as usize;
    let mut tally = Tally::with_limit(phases, gates, axes, limit).map_err(|_| WRONG)?;
    let len = reader.number()?;
    let mut passed = Vec::with_capacity(phases);
    for _ in 0..phases {
        let counts = reader.numbers(2 * GATES)?;
        let phase = Passed {
            alone: std::array::from_fn(|gate| counts[gate]),
            together: std::array::from_fn(|gate| counts[GATES + gate]),
        };
        let Passed { alone, together } = &phase;
        let fits = |gate: usize| together[gate] <= alone[gate] && alone[gate] <= len;
        if !(0..GATES).all(fits) || !together.is_sorted_by(|a, b| a >= b) {
            return Err(WRONG);
        }
        passed.push(phase);
    }
    let valid_phases = reader.numbers(phases + 1)?;
    let cells = reader.numbers(cells)?;
    let sum = |counts: &mut dyn Iterator<Item = u128>| counts.sum::<u128>();
    let counted = sum(&mut valid_phases.iter().map(|&c| u128::from(c)));
    let times = sum(&mut (0..).zip(&valid_phases).map(|(t, &c)| t * u128::from(c)));
    let valid = sum(&mut passed.iter().map(|p| u128::from(p.together[GATES - 1])));
    let mapped = |t: usize| sum(&mut cells.iter().skip(t).step_by(phases + 1).map(|&c| c.into()));
    let on_map = (0..=phases).all(|t| mapped(t) <= u128::from(valid_phases[t]));
    if counted != u128::from(len) || times != valid || !on_map {
        return Err(WRONG);
    }
    let profits = passed.iter().map(|p| reader.profits(limit, p.together[GATES - 1]));
    let distributions = profits.collect::<Result<_>>()?;
    if !reader.bytes.is_empty() {
        return Err(Error::TallyBytes { what: "something follows their end" });
    }
    tally.set(len, passed, valid_phases, cells, distributions);
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_have_one_spelling() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            let mut reader = Reader { bytes: &bytes };
            assert_eq!(reader.number(), Ok(number));
            assert!(reader.bytes.is_empty());
        }
        for bytes in [&[0x80, 0x00][..], &[0xff; 10], &[0x80; 11]] {
            assert_eq!(Reader { bytes }.number(), Err(WRONG));
        }
        assert_eq!(Reader { bytes: &[0x80] }.number(), Err(SHORT));
    }

    proptest! {
        #[test]
        fn garbage_with_a_good_checksum_is_an_error_or_a_tally(
            change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            limit in 0_usize..20,
            map in 0_usize..3,
        ) {
            let table = MapAxis::with_table(2, 3, &[2, 0, 0, 1]);
            let axes = [
                Some([MapAxis::plain(2, 3), MapAxis::plain(1, 2)]),
                Some([table, MapAxis::plain(1, 2)]),
                None,
            ][map].clone();
            let gates = Gates { wfe: 0.35, dd_ratio: 3.0 };
            let tally = super::super::tests::tally(axes, gates, limit);
            let bytes = encode(&tally);
            let version = bytes[MAGIC.len()];
            prop_assert_eq!(version, if map == 0 { 1 } else { 2 });
            let body = &bytes[MAGIC.len() + 1..bytes.len() - CHECKSUM];
            prop_assert!(read(version, body, limit).is_ok());
            let mut body = body.to_vec();
            for (at, byte) in change {
                let at = at.index(body.len());
                body[at] = byte;
            }
            if let Ok(found) = read(version, &body, limit) {
                // Thresholds and strides are free; whatever was read is written the same.
                let again = encode(&found);
                prop_assert_eq!(again[MAGIC.len()], version);
                prop_assert_eq!(&again[MAGIC.len() + 1..again.len() - CHECKSUM], &body[..]);
            }
        }
    }
}
