//! Grid statistics as bytes.
//!
//! A magic word and version; the thresholds `wfe` and `dd_ratio` as `f64`. Then numbers of seven bits
//! a byte, the low ones first, except where `f64` is stated: fewest trades; the comparison with
//! buy-and-hold, 0 none, 1 by return, 2 by risk; unless it is none, the capital as `f64`; phases; the
//! floors of each phase as `f64`, where there are any; how many map axes there are, 0 or 2, and of each
//! stride, length, how long its table is (0 where positions are values) and the table; combinations,
//! gates passed, valid phases, cells. For each phase how many different profits there are, and for each
//! of them in rising order the gap to the bit pattern before and how often it occurs; most gaps and
//! counts are small, and share a byte. A checksum ends the bytes. Equal statistics give equal bytes.

use rayon::prelude::*;

use super::checksum::checksum;
use super::distribution::{Distribution, LIMIT};
use super::gates::{Beat, GATES, Gates, Measure, Passed};
use super::map_axis::MapAxis;
use super::statistics::{GridStatistics, cell_count};
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"wfotally";
const VERSION: u8 = 3;
const CHECKSUM: usize = 8;

/// Bytes that the distributions of statistics may take when they are read: a byte of the encoded
/// ones may open a page of 4,096 counters, and a few of them stand for 2^20 equal values. It is what
/// 255 phases take whose profits span eight octaves.
const MOST_ROOM: u64 = 16 << 30;

/// Comparisons with buy-and-hold, in the order of their numbers.
const MEASURES: [Option<Measure>; 3] = [None, Some(Measure::Return), Some(Measure::Risk)];

pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

impl GridStatistics {
    /// The statistics as bytes, the same for all that counted the same.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self)
    }

    /// The statistics that were written as `bytes`.
    ///
    /// # Errors
    /// Bytes that no grid statistics were written as.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        decode(bytes, LIMIT)
    }
}

fn encode(statistics: &GridStatistics) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    let Gates { wfe, dd_ratio, min_trades, beat } = statistics.gates();
    for threshold in [wfe, dd_ratio] {
        out.extend_from_slice(&threshold.to_le_bytes());
    }
    put(&mut out, u64::from(*min_trades));
    let measure = beat.as_ref().map(|beat| beat.measure);
    put(&mut out, (0..).zip(MEASURES).find(|(_, m)| *m == measure).map_or(0, |(number, _)| number));
    if let Some(Beat { capital, .. }) = beat {
        out.extend_from_slice(&capital.to_le_bytes());
    }
    put(&mut out, statistics.phases() as u64);
    for floor in beat.iter().flat_map(|beat| beat.floors.iter()) {
        out.extend_from_slice(&floor.to_le_bytes());
    }
    put(&mut out, statistics.axes().map_or(0, |axes| axes.len() as u64));
    for axis in statistics.axes().into_iter().flatten() {
        put(&mut out, axis.stride);
        put(&mut out, axis.len);
        let table = axis.table.as_deref().unwrap_or_default();
        put(&mut out, table.len() as u64);
        table.iter().for_each(|&value| put(&mut out, value.into()));
    }
    put(&mut out, statistics.len());
    let passed = statistics.passed().iter().flat_map(|p| p.alone.iter().chain(&p.together));
    for &count in passed.chain(statistics.valid_phases()).chain(statistics.cells()) {
        put(&mut out, count);
    }
    let encoded: Vec<Vec<u8>> = statistics.distributions().par_iter().map(encode_profits).collect();
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

const SHORT: Error = Error::StatisticsBytes { what: "they end too early" };
const WRONG: Error = Error::StatisticsBytes { what: "their numbers do not add up" };

impl Reader<'_> {
    fn number(&mut self) -> Result<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first().ok_or(SHORT)?;
            self.bytes = rest;
            let part = u64::from(byte & 0x7f);
            // No bit is lost, and no number has two spellings.
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

    /// The gates, and the number of phases.
    fn gates(&mut self) -> Result<(Gates, usize)> {
        let (wfe, dd_ratio) = (self.threshold()?, self.threshold()?);
        let min_trades = u16::try_from(self.number()?).map_err(|_| WRONG)?;
        let measure = usize::try_from(self.number()?).map_err(|_| WRONG)?;
        let measure = *MEASURES.get(measure).ok_or(WRONG)?;
        let capital = measure.map(|_| self.threshold()).transpose()?;
        let phases = usize::try_from(self.number()?).map_err(|_| WRONG)?;
        let mut beat = None;
        if let (Some(measure), Some(capital)) = (measure, capital) {
            // Each takes eight bytes.
            if phases > self.bytes.len() / size_of::<f64>() {
                return Err(SHORT);
            }
            let floors = (0..phases).map(|_| self.threshold()).collect::<Result<_>>()?;
            beat = Some(Beat { measure, capital, floors });
        }
        Ok((Gates { wfe, dd_ratio, min_trades, beat }, phases))
    }

    fn axes(&mut self) -> Result<Option<[MapAxis; 2]>> {
        match self.number()? {
            0 => Ok(None),
            2 => Ok(Some([self.axis()?, self.axis()?])),
            _ => Err(WRONG),
        }
    }

    fn axis(&mut self) -> Result<MapAxis> {
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

    /// `count` numbers, each of which takes at least one byte.
    fn numbers(&mut self, count: usize) -> Result<Vec<u64>> {
        if count > self.bytes.len() {
            return Err(SHORT);
        }
        (0..count).map(|_| self.number()).collect()
    }

    fn profits(&mut self, limit: usize, len: u64, room: &mut u64) -> Result<Distribution> {
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
        let found = Distribution::rebuild(limit, len, room, patterns);
        found.ok_or_else(|| error.unwrap_or(WRONG))
    }
}

pub(super) fn decode(bytes: &[u8], limit: usize) -> Result<GridStatistics> {
    let no = |what| Error::StatisticsBytes { what };
    let body = bytes.strip_prefix(MAGIC).ok_or(no("they begin otherwise"))?;
    let (&version, _) = body.split_first().ok_or(SHORT)?;
    match version {
        VERSION => {}
        1..VERSION => return Err(no("they were written by an earlier version; run again")),
        _ => return Err(no("they are of another version")),
    }
    // First, so that damaged bytes cannot cause a large allocation.
    let (content, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(SHORT)?;
    if checksum(content).to_le_bytes() != *sum {
        return Err(no("they were changed or cut off"));
    }
    read(content.get(MAGIC.len() + 1..).ok_or(SHORT)?, limit, MOST_ROOM)
}

/// Reads the bytes between version and checksum.
fn read(bytes: &[u8], limit: usize, mut room: u64) -> Result<GridStatistics> {
    let mut reader = Reader { bytes };
    let (gates, phases) = reader.gates()?;
    let axes = reader.axes()?;
    // Every cell takes a byte at least, so there are no more of them than bytes.
    let cells = cell_count(axes.as_ref(), phases as u64);
    let cells = cells.filter(|&c| c <= reader.bytes.len() as u64).ok_or(SHORT)? as usize;
    let mut statistics =
        GridStatistics::with_limit(phases, gates, axes, limit).map_err(|_| WRONG)?;
    // More than a signed number counts are those of no grid that was gone through.
    let len = reader.number().and_then(|len| if len >> 63 == 0 { Ok(len) } else { Err(WRONG) })?;
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
    let profits = passed.iter().map(|p| reader.profits(limit, p.together[GATES - 1], &mut room));
    let distributions = profits.collect::<Result<_>>()?;
    if !reader.bytes.is_empty() {
        return Err(Error::StatisticsBytes { what: "something follows their end" });
    }
    statistics.set(len, passed, valid_phases, cells, distributions);
    Ok(statistics)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::block::{Block, Stored};
    use proptest::prelude::*;

    /// Small statistics that hold something of everything.
    fn sample(axes: Option<[MapAxis; 2]>, gates: Gates, limit: usize) -> GridStatistics {
        let mut statistics = GridStatistics::with_limit(2, gates, axes, limit).expect("statistics");
        let money = |from: f32| (0..12).map(|i| from + i as f32).collect::<Vec<f32>>();
        let (earned, kept, dd) = (money(90.0), money(35.0), money(25.0));
        let trades = vec![3; 12];
        let phase = |oos_pnl| Stored {
            is_pnl: &earned,
            oos_pnl,
            is_dd: &dd,
            oos_dd: &dd,
            is_trades: &trades,
            oos_trades: &trades,
        };
        let block = Block::new(vec![phase(&kept), phase(&earned)]).expect("a block");
        statistics.add(Some(0), &block).expect("countable");
        statistics.add(None, &block).expect("countable");
        statistics
    }

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
        fn garbage_with_a_good_checksum_is_an_error_or_statistics(
            change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            limit in 0_usize..20,
            map in 0_usize..3,
            further in 0_usize..3,
        ) {
            let table = MapAxis::with_table(2, 3, &[2, 0, 0, 1]);
            let axes = [
                Some([MapAxis::plain(2, 3), MapAxis::plain(1, 2)]),
                Some([table, MapAxis::plain(1, 2)]),
                None,
            ][map].clone();
            let beat = |measure| {
                Some(Beat { measure, capital: 100.0, floors: [0.4, f64::NAN].into() })
            };
            let gates = Gates {
                min_trades: 5 * further as u16,
                beat: [None, beat(Measure::Return), beat(Measure::Risk)][further].clone(),
                ..Gates::new(0.35, 3.0)
            };
            let statistics = sample(axes, gates, limit);
            let bytes = encode(&statistics);
            let body = &bytes[MAGIC.len() + 1..bytes.len() - CHECKSUM];
            prop_assert!(read(body, limit, MOST_ROOM).is_ok());
            let mut body = body.to_vec();
            for (at, byte) in change {
                let at = at.index(body.len());
                body[at] = byte;
            }
            if let Ok(found) = read(&body, limit, MOST_ROOM) {
                // Thresholds and strides are free; all that was read is written the same.
                let again = encode(&found);
                prop_assert_eq!(&again[MAGIC.len() + 1..again.len() - CHECKSUM], &body[..]);
            }
        }
    }
}
