//! An optimization profile as bytes.
//!
//! A magic word and version; the capital as `f64`. Then numbers of seven bits a byte, the low ones
//! first, except where a width is stated: phases, combinations. For the five spreads of each phase, and
//! last for that of all phases: values that are no number; the keys of the least and the largest value
//! as 32 bits, the sums of numbers and of squares as 128 bits, low byte first; counts. Between the
//! spreads of a phase and those of the next stand the counts of its two numbers of trades. Counts are how
//! many are not 0, and of each of them in rising order the gap to the position before and the count. A
//! checksum ends the bytes. Equal profiles give equal bytes.

use super::checksum::checksum;
use super::profile::{Profile, Spread, Trades};
use super::statistics_codec::put;
use crate::error::{Error, Result};

const MAGIC: &[u8; 8] = b"wfoprofl";
const VERSION: u8 = 1;

const SHORT: Error = Error::ProfileBytes { what: "they end too early" };
const WRONG: Error = Error::ProfileBytes { what: "their numbers do not add up" };

impl Profile {
    /// The profile as bytes, the same for all that counted the same.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&self.capital.to_le_bytes());
        put(&mut out, self.phases.len() as u64);
        put(&mut out, self.len);
        for phase in &self.phases {
            phase.money.iter().for_each(|spread| put_spread(&mut out, spread));
            phase.trades.iter().for_each(|trades| put_trades(&mut out, trades));
        }
        put_spread(&mut out, &self.total);
        let sum = checksum(&out);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    /// The profile that was written as `bytes`.
    ///
    /// # Errors
    /// Bytes that no profile was written as.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let no = |what| Error::ProfileBytes { what };
        let body = bytes.strip_prefix(MAGIC).ok_or(no("they begin otherwise"))?;
        if *body.first().ok_or(SHORT)? != VERSION {
            return Err(no("they are of another version"));
        }
        // First, so that damaged bytes cannot cause a large allocation.
        let (content, sum) = bytes.split_last_chunk::<8>().ok_or(SHORT)?;
        if checksum(content).to_le_bytes() != *sum {
            return Err(no("they were changed or cut off"));
        }
        read(content.get(MAGIC.len() + 1..).ok_or(SHORT)?)
    }
}

fn put_spread(out: &mut Vec<u8>, spread: &Spread) {
    put(out, spread.undefined);
    out.extend_from_slice(&spread.least.to_le_bytes());
    out.extend_from_slice(&spread.best.to_le_bytes());
    out.extend_from_slice(&spread.sum.to_le_bytes());
    out.extend_from_slice(&spread.squares.to_le_bytes());
    let mut counts = Vec::new();
    spread.table.bins(|bin, times| counts.push((u64::from(bin), times)));
    put_counts(out, &counts);
}

fn put_trades(out: &mut Vec<u8>, trades: &Trades) {
    let counts = (0..).zip(trades.counts.iter().copied()).filter(|(_, times)| *times > 0);
    put_counts(out, &counts.collect::<Vec<_>>());
}

fn put_counts(out: &mut Vec<u8>, counts: &[(u64, u64)]) {
    put(out, counts.len() as u64);
    let mut next = 0;
    for &(position, times) in counts {
        put(out, position - next);
        put(out, times);
        next = position + 1;
    }
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
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take()?;
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

    /// Counts at rising positions below `positions`.
    fn counts(&mut self, positions: u64, mut take: impl FnMut(u64, u64)) -> Result<()> {
        let mut next = 0_u64;
        for _ in 0..self.number()? {
            let position = next.checked_add(self.number()?).filter(|at| *at < positions);
            let position = position.ok_or(WRONG)?;
            match self.number()? {
                0 => return Err(WRONG),
                times => take(position, times),
            }
            next = position + 1;
        }
        Ok(())
    }

    fn spread(&mut self, spread: &mut Spread, len: u64) -> Result<()> {
        spread.undefined = self.number()?;
        spread.least = self.take().map(i32::from_le_bytes)?;
        spread.best = self.take().map(i32::from_le_bytes)?;
        spread.sum = self.take().map(i128::from_le_bytes)?;
        spread.squares = self.take().map(u128::from_le_bytes)?;
        let table = &mut spread.table;
        self.counts(1 << 17, |bin, times| *table.counter(bin as u32) = times)?;
        let counted = spread.table.total() + u128::from(spread.undefined);
        if counted == u128::from(len) && spread.adds_up() { Ok(()) } else { Err(WRONG) }
    }

    fn trades(&mut self, trades: &mut Trades, len: u64) -> Result<()> {
        let counts = &mut trades.counts;
        self.counts(1 << 16, |number, times| {
            counts.resize(number as usize, 0);
            counts.push(times);
        })?;
        if trades.total() == u128::from(len) { Ok(()) } else { Err(WRONG) }
    }
}

/// Reads the bytes between version and checksum.
fn read(bytes: &[u8]) -> Result<Profile> {
    let mut reader = Reader { bytes };
    let capital = f64::from_le_bytes(reader.take()?);
    let phases = usize::try_from(reader.number()?).map_err(|_| WRONG)?;
    let mut profile = Profile::new(phases, capital).map_err(|_| WRONG)?;
    let len = reader.number().and_then(|len| if len >> 63 == 0 { Ok(len) } else { Err(WRONG) })?;
    profile.len = len;
    for phase in &mut profile.phases {
        phase.money.iter_mut().try_for_each(|spread| reader.spread(spread, len))?;
        phase.trades.iter_mut().try_for_each(|trades| reader.trades(trades, len))?;
    }
    reader.spread(&mut profile.total, len)?;
    if reader.bytes.is_empty() {
        Ok(profile)
    } else {
        Err(Error::ProfileBytes { what: "something follows their end" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::block::{Block, Stored};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn garbage_with_a_good_checksum_is_an_error_or_a_profile(
            change in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut profile = Profile::new(1, 100.0).expect("a profile");
            let (money, trades) = ([1.0, -5.0, 0.0, 7.0], [0, 3, 3, 200]);
            let phase = Stored {
                is_pnl: &money,
                oos_pnl: &money,
                is_dd: &money,
                oos_dd: &money,
                is_trades: &trades,
                oos_trades: &trades,
            };
            profile.add(&Block::new(vec![phase]).expect("a block")).expect("counted");
            let bytes = profile.to_bytes();
            let mut body = bytes[MAGIC.len() + 1..bytes.len() - 8].to_vec();
            for (at, byte) in change {
                let at = at.index(body.len());
                body[at] = byte;
            }
            if let Ok(found) = read(&body) {
                // All that was read is written the same, and can be summed up.
                let again = found.to_bytes();
                prop_assert!(found.phases().len() == 1 && found.total().count <= 4);
                prop_assert_eq!(&again[MAGIC.len() + 1..again.len() - 8], &body[..]);
            }
        }
    }
}
