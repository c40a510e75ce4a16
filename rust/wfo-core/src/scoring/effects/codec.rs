//! Sums of effects as bytes.
//!
//! A magic word and version, then numbers of fixed width, low byte first: how many axes, phases and
//! sets, the first threshold and how many; the lengths, the capital, the exponents; combinations added;
//! the sum of squares, that of returns, and those of all cells; for each set and threshold the count of
//! all and those of all cells. A checksum ends the bytes. The position of a cell follows from the lengths.

use super::accumulator::Effects;
use super::shape::Shape;
use super::sums::{Counts, THRESHOLDS};
use crate::error::{Error, Result};
use crate::scoring::checksum::checksum;
use crate::scoring::gates::Gates;

const MAGIC: &[u8; 8] = b"wfoeffct";
const VERSION: u8 = 1;

const SHORT: Error = Error::SumsBytes { what: "they end too early" };
const WRONG: Error = Error::SumsBytes { what: "their numbers do not add up" };

impl Effects {
    /// The sums as bytes, the same for all that were made of the same. The gates are not among them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(&self.settled())
    }

    /// The sums that were written as `bytes`, by these gates.
    ///
    /// # Errors
    /// Bytes that no sums were written as, or those of another number of sets.
    pub fn from_bytes(bytes: &[u8], gates: Vec<Gates>) -> Result<Self> {
        decode(bytes, gates)
    }
}

/// Writes sums whose rows are empty.
fn encode(effects: &Effects) -> Vec<u8> {
    let sums = &effects.sums;
    let mut out = Vec::new();
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    let heads = [
        effects.lengths.len(),
        effects.exponents.len(),
        sums.counts.len(),
        effects.first,
        effects.thresholds,
    ];
    let heads = heads.into_iter().map(|number| number as u64);
    for number in heads.chain(effects.lengths.iter().copied()) {
        out.extend_from_slice(&number.to_le_bytes());
    }
    for number in std::iter::once(&effects.capital).chain(&effects.exponents) {
        out.extend_from_slice(&number.to_le_bytes());
    }
    out.extend_from_slice(&effects.len.to_le_bytes());
    out.extend_from_slice(&sums.squares.low.to_le_bytes());
    out.extend_from_slice(&sums.squares.high.to_le_bytes());
    for sum in std::iter::once(&sums.total).chain(&sums.returns) {
        out.extend_from_slice(&sum.to_le_bytes());
    }
    for (stable, cells) in sums.stable.iter().zip(&sums.counts) {
        for counts in std::iter::once(stable).chain(cells) {
            for count in &counts.0[..effects.thresholds] {
                out.extend_from_slice(&count.to_le_bytes());
            }
        }
    }
    let sum = checksum(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Reads numbers from bytes.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.bytes.split_first_chunk().ok_or(SHORT)?;
        self.bytes = rest;
        Ok(*bytes)
    }

    fn number(&mut self) -> Result<u64> {
        self.take().map(u64::from_le_bytes)
    }

    /// A count of items, each of which takes a byte at least.
    fn count(&mut self) -> Result<usize> {
        usize::try_from(self.number()?).ok().filter(|&n| n <= self.bytes.len()).ok_or(SHORT)
    }

    fn float(&mut self) -> Result<f64> {
        self.take().map(f64::from_le_bytes)
    }
}

fn decode(bytes: &[u8], gates: Vec<Gates>) -> Result<Effects> {
    let no = |what| Error::SumsBytes { what };
    let body = bytes.strip_prefix(MAGIC).ok_or(no("they begin otherwise"))?;
    if *body.first().ok_or(SHORT)? != VERSION {
        return Err(no("they are of another version"));
    }
    // First, so that damaged bytes cannot cause a large allocation.
    let (content, sum) = bytes.split_last_chunk::<8>().ok_or(SHORT)?;
    if checksum(content).to_le_bytes() != *sum {
        return Err(no("they were changed or cut off"));
    }
    read(content.get(MAGIC.len() + 1..).ok_or(SHORT)?, gates)
}

/// Reads the bytes between version and checksum.
pub(super) fn read(bytes: &[u8], gates: Vec<Gates>) -> Result<Effects> {
    let mut reader = Reader { bytes };
    let (axes, phases, sets) = (reader.count()?, reader.count()?, reader.count()?);
    let (first, thresholds) = (reader.count()?, reader.count()?);
    if sets != gates.len() {
        return Err(Error::SumsMismatch { what: "sets of gates" });
    }
    let last = first.checked_add(thresholds).ok_or(WRONG)?;
    if first == 0 || !(1..=THRESHOLDS).contains(&thresholds) || last > phases + 1 {
        return Err(WRONG);
    }
    let lengths: Vec<u64> = (0..axes).map(|_| reader.number()).collect::<Result<_>>()?;
    let capital = reader.float()?;
    let exponents: Vec<f64> = (0..phases).map(|_| reader.float()).collect::<Result<_>>()?;
    // Each cell takes sixteen bytes at least, so there are no more of them than bytes.
    let shape = Shape::new(&lengths).map_err(|_| WRONG)?;
    if shape.cells() > reader.bytes.len() {
        return Err(SHORT);
    }
    let made = Effects::with_thresholds(&lengths, capital, &exponents, gates, first, thresholds);
    let mut effects = made.map_err(|_| WRONG)?;
    effects.len = reader.number()?;
    let sums = &mut effects.sums;
    sums.squares.low = reader.take().map(u128::from_le_bytes)?;
    sums.squares.high = reader.take().map(u128::from_le_bytes)?;
    for sum in std::iter::once(&mut sums.total).chain(&mut sums.returns) {
        *sum = reader.take().map(i128::from_le_bytes)?;
    }
    for (stable, cells) in sums.stable.iter_mut().zip(&mut sums.counts) {
        for Counts(counts) in std::iter::once(stable).chain(cells) {
            for count in &mut counts[..thresholds] {
                *count = reader.number()?;
            }
        }
    }
    if !reader.bytes.is_empty() {
        return Err(Error::SumsBytes { what: "something follows their end" });
    }
    if adds_up(&effects) { Ok(effects) } else { Err(WRONG) }
}

/// Whether every axis and pair has the sums of all combinations, of which there are no more than the
/// grid has, and none counts for more than one.
fn adds_up(effects: &Effects) -> bool {
    let (shape, sums) = (&effects.shape, &effects.sums);
    let axes = shape.axes.iter().map(|axis| axis.cell..axis.cell + axis.len);
    let pairs = shape.pairs.iter().map(|pair| pair.cell..pair.cell + shape.pair_len(pair));
    let most = i128::from(effects.len) << 49;
    let bounded = |sum: &i128| (-most..=most).contains(sum);
    let falls =
        |counts: &Counts| counts.0.is_sorted_by(|a, b| a >= b) && counts.0[0] <= effects.len;
    let counts = || sums.stable.iter().zip(&sums.counts);
    let sum_up = |cells: &[Counts], lane: usize| {
        cells.iter().map(|counts| u128::from(counts.0[lane])).sum::<u128>()
    };
    effects.len <= effects.size().min(i64::MAX as u64)
        && std::iter::once(&sums.total).chain(&sums.returns).all(bounded)
        && counts().all(|(all, cells)| std::iter::once(all).chain(cells).all(falls))
        && axes.chain(pairs).all(|range| {
            let by_set = |(all, cells): (&Counts, &Vec<Counts>)| {
                let lanes = 0..effects.thresholds;
                let mut lanes = lanes.map(|l| sum_up(&cells[range.clone()], l) == all.0[l].into());
                lanes.all(|same| same)
            };
            // What is bounded one by one may overflow together.
            let returns = sums.returns[range.clone()].iter();
            let returns = returns.copied().try_fold(0_i128, i128::checked_add);
            returns == Some(sums.total) && counts().all(by_set)
        })
}
