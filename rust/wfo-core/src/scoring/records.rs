//! Combinations as records: what a sieve lets through, until it is ranked.
//!
//! A record is the flat index as `u64`, then for each phase the four sums of money as `f32` and the
//! two counts of trades as `u16`, little-endian and without gaps.

use super::block::{Block, Stored};
use crate::error::{Error, Result};

const INDEX: usize = size_of::<u64>();
const PHASE: usize = 4 * size_of::<f32>() + 2 * size_of::<u16>();

/// Size of a record, in bytes.
#[must_use]
pub fn record_size(phases: usize) -> usize {
    INDEX + PHASE * phases
}

/// Appends the record of combination `at` of a block.
pub(crate) fn push_record(out: &mut Vec<u8>, index: u64, block: &Block<'_>, at: usize) {
    out.extend_from_slice(&index.to_le_bytes());
    for phase in block.phases() {
        let mut record = [0; PHASE];
        let money = [phase.is_pnl[at], phase.oos_pnl[at], phase.is_dd[at], phase.oos_dd[at]];
        let (front, back) = record.split_at_mut(16);
        for (to, value) in front.chunks_exact_mut(4).zip(money) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        let counts = [phase.is_trades[at], phase.oos_trades[at]];
        for (to, value) in back.chunks_exact_mut(2).zip(counts) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&record);
    }
}

/// The flat index of a record.
pub(crate) fn index(record: &[u8]) -> u64 {
    record.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Figures of one phase, taken out of records.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unpacked {
    /// In-sample profit or loss, in currency.
    pub is_pnl: Vec<f32>,
    /// Out-of-sample profit or loss, in currency.
    pub oos_pnl: Vec<f32>,
    /// Largest in-sample drawdown, in currency.
    pub is_dd: Vec<f32>,
    /// Largest out-of-sample drawdown, in currency.
    pub oos_dd: Vec<f32>,
    /// Trades closed in-sample.
    pub is_trades: Vec<u16>,
    /// Trades closed out-of-sample.
    pub oos_trades: Vec<u16>,
}

impl Unpacked {
    /// Takes the figures of phase `k` out of records.
    pub(crate) fn of<'a>(records: impl ExactSizeIterator<Item = &'a [u8]>, k: usize) -> Self {
        let room = records.len();
        let mut out = Self {
            is_pnl: Vec::with_capacity(room),
            oos_pnl: Vec::with_capacity(room),
            is_dd: Vec::with_capacity(room),
            oos_dd: Vec::with_capacity(room),
            is_trades: Vec::with_capacity(room),
            oos_trades: Vec::with_capacity(room),
        };
        for record in records {
            let phase = &record[record_size(k)..record_size(k + 1)];
            let money = |i: usize| f32::from_bits(u32::from_le_bytes(four(&phase[4 * i..])));
            let trades = |i: usize| u16::from_le_bytes([phase[16 + 2 * i], phase[17 + 2 * i]]);
            out.is_pnl.push(money(0));
            out.oos_pnl.push(money(1));
            out.is_dd.push(money(2));
            out.oos_dd.push(money(3));
            out.is_trades.push(trades(0));
            out.oos_trades.push(trades(1));
        }
        out
    }

    /// One after the other.
    pub(crate) fn joined<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut out = Self::default();
        for part in parts {
            out.is_pnl.extend_from_slice(&part.is_pnl);
            out.oos_pnl.extend_from_slice(&part.oos_pnl);
            out.is_dd.extend_from_slice(&part.is_dd);
            out.oos_dd.extend_from_slice(&part.oos_dd);
            out.is_trades.extend_from_slice(&part.is_trades);
            out.oos_trades.extend_from_slice(&part.oos_trades);
        }
        out
    }

    /// The figures as a phase of a block.
    #[must_use]
    pub fn stored(&self) -> Stored<'_> {
        Stored {
            is_pnl: &self.is_pnl,
            oos_pnl: &self.oos_pnl,
            is_dd: &self.is_dd,
            oos_dd: &self.oos_dd,
            is_trades: &self.is_trades,
            oos_trades: &self.oos_trades,
        }
    }
}

fn four(bytes: &[u8]) -> [u8; 4] {
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

/// Checks that there are whole records.
pub(crate) fn check_records(bytes: &[u8], phases: usize) -> Result<()> {
    let size = record_size(phases);
    if bytes.len().is_multiple_of(size) {
        Ok(())
    } else {
        Err(Error::Records { len: bytes.len(), size })
    }
}
