//! What marks at the closes of a range of bars do to money held through it: a monoid over closes.
//!
//! Inside a trade the equity is linear in the close, so all that its marks can do to a peak or a
//! drawdown follows from four numbers: the lowest and highest close, and the largest fall and rise
//! from one close to a later one. The summaries of two neighbouring ranges combine into one in a
//! handful of operations, exactly: every number is a close or a difference of two closes, and no
//! rounding depends on how a range is put together.
//!
//! No parameter enters, so one table serves a whole sweep. It is a disjoint sparse table, which
//! needs nothing but associativity and answers any range with two rows: positions `from < to`
//! differ first in bit `k`, and the multiple of `2^k` between them that they agree on above divides
//! the range in two. Level `k` of the table holds, for every position, the range between it and
//! that multiple.
//!
//! A level takes 32 bytes a bar, and long histories have many levels. There the table is one of
//! whole blocks of [`BLOCK`] bars, and every bar has two rows beside it: from the start of its
//! block, and to the end of it. A range is then the end of a block, some whole blocks, and the
//! beginning of another block, or else lies within one block and is read close by close. That makes
//! 64 bytes a bar, and two more for each level; and trades that are near each other read rows that
//! are near each other.

use crate::engine::f64x4::max;

/// Extremes of a summary of closes, each so that the larger one wins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RangeSummary {
    /// The lowest close, negated.
    pub neg_low: f64,
    /// The highest close.
    pub high: f64,
    /// Largest rise from a close to a later one, 0 if there is none.
    pub rise: f64,
    /// Largest fall from a close to a later one, 0 if there is none.
    pub fall: f64,
}

impl RangeSummary {
    /// No close at all.
    pub const EMPTY: Self =
        Self { neg_low: f64::NEG_INFINITY, high: f64::NEG_INFINITY, rise: 0.0, fall: 0.0 };

    /// A single close.
    #[inline(always)]
    #[must_use]
    pub fn of(close: f64) -> Self {
        Self { neg_low: -close, high: close, rise: 0.0, fall: 0.0 }
    }

    /// One close, and this summary after it.
    #[inline(always)]
    #[must_use]
    pub fn prepend(self, close: f64) -> Self {
        Self {
            neg_low: max(self.neg_low, -close),
            high: max(self.high, close),
            rise: max(self.rise, self.high - close),
            fall: max(self.fall, close + self.neg_low),
        }
    }

    /// This summary, and `later` after it.
    #[inline(always)]
    #[must_use]
    pub fn combine(self, later: Self) -> Self {
        Self {
            neg_low: max(self.neg_low, later.neg_low),
            high: max(self.high, later.high),
            rise: max(max(self.rise, later.rise), later.high + self.neg_low),
            fall: max(max(self.fall, later.fall), self.high + later.neg_low),
        }
    }
}

/// Bars of a block.
const BLOCK: usize = 16;
/// The longest history whose table has a row for every bar in every level: 32 bytes for each.
const PLAIN: usize = 1 << 14;

/// The summaries of a history.
#[derive(Debug)]
pub struct RangeSummaries {
    /// Of bars, or of whole blocks.
    table: Table,
    blocks: Option<Blocks>,
}

/// What lies within blocks of bars.
#[derive(Debug)]
struct Blocks {
    closes: Vec<f64>,
    /// By position: from the start of its block up to it, and from it to the end of its block.
    sides: Vec<[RangeSummary; 2]>,
}

impl RangeSummaries {
    /// Builds the table: 32 bytes for every bar and level, of which there are about `log2(len)`; on
    /// long histories 64 bytes for every bar, and two for every level.
    #[must_use]
    pub fn new(closes: &[f64]) -> Self {
        if closes.len() <= PLAIN { Self::of_bars(closes) } else { Self::of_blocks(closes) }
    }

    fn of_bars(closes: &[f64]) -> Self {
        Self {
            table: Table::new(closes.iter().map(|&close| RangeSummary::of(close))),
            blocks: None,
        }
    }

    fn of_blocks(closes: &[f64]) -> Self {
        let mut sides = vec![[RangeSummary::EMPTY; 2]; closes.len() + 1];
        for (first, block) in (0..).step_by(BLOCK).zip(closes.chunks(BLOCK)) {
            let mut summary = RangeSummary::EMPTY;
            for (i, &close) in block.iter().enumerate() {
                sides[first + i][0] = summary;
                summary = summary.combine(RangeSummary::of(close));
            }
            // The end of the history need not be that of a block.
            if block.len() < BLOCK {
                sides[first + block.len()][0] = summary;
            }
            summary = RangeSummary::EMPTY;
            for (i, &close) in block.iter().enumerate().rev() {
                summary = summary.prepend(close);
                sides[first + i][1] = summary;
            }
        }
        let table = Table::new(sides.iter().step_by(BLOCK).map(|&[_, block]| block));
        Self { table, blocks: Some(Blocks { closes: closes.to_vec(), sides }) }
    }

    /// The closes of bars `from..to`, of which there is at least one.
    #[inline(always)]
    #[must_use]
    pub fn between(&self, from: usize, to: usize) -> RangeSummary {
        match &self.blocks {
            None => self.table.between(from, to),
            Some(blocks) => blocks.between(&self.table, from, to),
        }
    }
}

impl Blocks {
    #[inline(always)]
    fn between(&self, table: &Table, from: usize, to: usize) -> RangeSummary {
        debug_assert!(from < to && to < self.sides.len());
        let (first, last) = (from / BLOCK, to / BLOCK);
        if first == last {
            let closes = &self.closes[from..to];
            return closes
                .iter()
                .rev()
                .fold(RangeSummary::EMPTY, |summary, &close| summary.prepend(close));
        }
        let (end, begin) = (self.sides[from][1], self.sides[to][0]);
        if first + 1 == last {
            end.combine(begin)
        } else {
            end.combine(table.between(first + 1, last)).combine(begin)
        }
    }
}

/// A disjoint sparse table.
#[derive(Debug)]
struct Table {
    rows: Vec<RangeSummary>,
    /// Rows of a level: one for every position, the end included.
    positions: usize,
}

impl Table {
    fn new(summaries: impl Iterator<Item = RangeSummary>) -> Self {
        let each: Vec<RangeSummary> = summaries.collect();
        let positions = each.len() + 1;
        let levels = usize::BITS - each.len().leading_zeros();
        let mut rows = vec![RangeSummary::EMPTY; positions * levels as usize];
        for (k, level) in rows.chunks_mut(positions).enumerate() {
            for cut in (1 << k..positions).step_by(2 << k) {
                let mut summary = RangeSummary::EMPTY;
                for from in (cut - (1 << k)..cut).rev() {
                    summary = each[from].combine(summary);
                    level[from] = summary;
                }
                summary = RangeSummary::EMPTY;
                for to in cut + 1..(cut + (1 << k)).min(positions) {
                    summary = summary.combine(each[to - 1]);
                    level[to] = summary;
                }
            }
        }
        Self { rows, positions }
    }

    #[inline(always)]
    fn between(&self, from: usize, to: usize) -> RangeSummary {
        debug_assert!(from < to && to < self.positions);
        let level = (from ^ to).ilog2() as usize * self.positions;
        self.rows[level + from].combine(self.rows[level + to])
    }
}

#[cfg(test)]
mod tests;
