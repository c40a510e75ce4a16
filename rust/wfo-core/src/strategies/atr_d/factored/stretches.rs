//! What a stretch of bars does to money held through it: a monoid over closes.
//!
//! Inside a trade the equity is linear in the close, so all that its marks can do to a peak or a
//! drawdown follows from four numbers: the lowest and highest close, and the largest fall and rise
//! from one close to a later one. Two neighbouring stretches combine into one in a handful of
//! operations, exactly: every number is a close or a difference of two closes, and no rounding
//! depends on how a stretch was put together.
//!
//! No parameter enters, so one table serves a whole sweep. It answers any stretch with two rows: bar
//! positions `from < to` differ first in bit `k`, and the multiple of `2^k` between them that they
//! agree on above cuts the stretch in two. Level `k` of the table holds, for every position, the
//! stretch between it and that cut. (A "disjoint sparse table"; it needs nothing but associativity.)
//!
//! A level takes 32 bytes a bar, and long histories have many. There the table is one of whole blocks
//! of [`BLOCK`] bars, and every bar has but two rows beside it: from the start of its block, and to the
//! end of it. A stretch is then the end of a block, some whole blocks, and the beginning of another, or
//! else lies within one block and is read close by close. That makes 64 bytes a bar, and two more for
//! each level; and trades that are near each other read rows that are near each other.

/// Extremes of a stretch of closes, each so that the larger one wins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// The lowest close, negated.
    pub neg_low: f64,
    /// The highest close.
    pub high: f64,
    /// Largest rise from a close to a later one, 0 if there is none.
    pub rise: f64,
    /// Largest fall from a close to a later one, 0 if there is none.
    pub fall: f64,
}

impl Stretch {
    /// No close at all.
    pub(super) const EMPTY: Self =
        Self { neg_low: f64::NEG_INFINITY, high: f64::NEG_INFINITY, rise: 0.0, fall: 0.0 };

    #[inline(always)]
    pub(super) fn of(close: f64) -> Self {
        Self { neg_low: -close, high: close, rise: 0.0, fall: 0.0 }
    }

    /// One close, and this stretch after it.
    #[inline(always)]
    pub(super) fn after(self, close: f64) -> Self {
        Self {
            neg_low: max(self.neg_low, -close),
            high: max(self.high, close),
            rise: max(self.rise, self.high - close),
            fall: max(self.fall, close + self.neg_low),
        }
    }

    /// This stretch, and `later` after it.
    #[inline(always)]
    pub(super) fn then(self, later: Self) -> Self {
        Self {
            neg_low: max(self.neg_low, later.neg_low),
            high: max(self.high, later.high),
            rise: max(max(self.rise, later.rise), later.high + self.neg_low),
            fall: max(max(self.fall, later.fall), self.high + later.neg_low),
        }
    }
}

/// The larger one of two numbers that are not NaN: one instruction, unlike `f64::max`.
#[inline(always)]
pub(super) fn max(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller one, likewise.
#[inline(always)]
pub(super) fn min(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Bars of a block.
const BLOCK: usize = 16;
/// The longest history whose table has a row for every bar in every level: 32 bytes for each.
const PLAIN: usize = 1 << 14;

/// The stretches of a history.
#[derive(Debug)]
pub struct Stretches {
    /// Of bars, or of whole blocks.
    table: Table,
    blocks: Option<Blocks>,
}

/// What lies within blocks of bars.
#[derive(Debug)]
struct Blocks {
    closes: Vec<f64>,
    /// By position: from the start of its block up to it, and from it to the end of its block.
    sides: Vec<[Stretch; 2]>,
}

impl Stretches {
    /// Builds the table: 32 bytes for every bar and level, of which there are about `log2(len)`; on
    /// long histories 64 bytes for every bar, and two for every level.
    #[must_use]
    pub fn new(closes: &[f64]) -> Self {
        if closes.len() <= PLAIN { Self::of_bars(closes) } else { Self::of_blocks(closes) }
    }

    fn of_bars(closes: &[f64]) -> Self {
        Self { table: Table::new(closes.iter().map(|&close| Stretch::of(close))), blocks: None }
    }

    fn of_blocks(closes: &[f64]) -> Self {
        let mut sides = vec![[Stretch::EMPTY; 2]; closes.len() + 1];
        for (first, block) in (0..).step_by(BLOCK).zip(closes.chunks(BLOCK)) {
            let mut stretch = Stretch::EMPTY;
            for (i, &close) in block.iter().enumerate() {
                sides[first + i][0] = stretch;
                stretch = stretch.then(Stretch::of(close));
            }
            // The end of the history need not be that of a block.
            if block.len() < BLOCK {
                sides[first + block.len()][0] = stretch;
            }
            stretch = Stretch::EMPTY;
            for (i, &close) in block.iter().enumerate().rev() {
                stretch = stretch.after(close);
                sides[first + i][1] = stretch;
            }
        }
        let table = Table::new(sides.iter().step_by(BLOCK).map(|&[_, block]| block));
        Self { table, blocks: Some(Blocks { closes: closes.to_vec(), sides }) }
    }

    /// The closes of bars `from..to`, of which there is at least one.
    #[inline(always)]
    #[must_use]
    pub fn between(&self, from: usize, to: usize) -> Stretch {
        match &self.blocks {
            None => self.table.between(from, to),
            Some(blocks) => blocks.between(&self.table, from, to),
        }
    }
}

impl Blocks {
    #[inline(always)]
    fn between(&self, table: &Table, from: usize, to: usize) -> Stretch {
        debug_assert!(from < to && to < self.sides.len());
        let (first, last) = (from / BLOCK, to / BLOCK);
        if first == last {
            let closes = &self.closes[from..to];
            return closes
                .iter()
                .rev()
                .fold(Stretch::EMPTY, |stretch, &close| stretch.after(close));
        }
        let (end, begin) = (self.sides[from][1], self.sides[to][0]);
        if first + 1 == last {
            end.then(begin)
        } else {
            end.then(table.between(first + 1, last)).then(begin)
        }
    }
}

/// A disjoint sparse table.
#[derive(Debug)]
struct Table {
    rows: Vec<Stretch>,
    /// Rows of a level: one for every position, the end included.
    positions: usize,
}

impl Table {
    fn new(stretches: impl Iterator<Item = Stretch>) -> Self {
        let each: Vec<Stretch> = stretches.collect();
        let positions = each.len() + 1;
        let levels = usize::BITS - each.len().leading_zeros();
        let mut rows = vec![Stretch::EMPTY; positions * levels as usize];
        for (k, level) in rows.chunks_mut(positions).enumerate() {
            for cut in (1 << k..positions).step_by(2 << k) {
                let mut stretch = Stretch::EMPTY;
                for from in (cut - (1 << k)..cut).rev() {
                    stretch = each[from].then(stretch);
                    level[from] = stretch;
                }
                stretch = Stretch::EMPTY;
                for to in cut + 1..(cut + (1 << k)).min(positions) {
                    stretch = stretch.then(each[to - 1]);
                    level[to] = stretch;
                }
            }
        }
        Self { rows, positions }
    }

    #[inline(always)]
    fn between(&self, from: usize, to: usize) -> Stretch {
        debug_assert!(from < to && to < self.positions);
        let level = (from ^ to).ilog2() as usize * self.positions;
        self.rows[level + from].then(self.rows[level + to])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, close by close.
    fn plain(closes: &[f64]) -> Stretch {
        let mut found = Stretch::EMPTY;
        for (i, &a) in closes.iter().enumerate() {
            found.neg_low = found.neg_low.max(-a);
            found.high = found.high.max(a);
            for &b in &closes[i..] {
                found.rise = found.rise.max(b - a);
                found.fall = found.fall.max(a - b);
            }
        }
        found
    }

    #[test]
    fn long_histories_have_blocks() {
        let closes: Vec<f64> = (0..PLAIN + 100).map(|i| (i * 7919 % 1009) as f64).collect();
        let (bars, blocks) = (Stretches::of_bars(&closes), Stretches::new(&closes));
        assert!(blocks.blocks.is_some());
        for from in (0..closes.len()).step_by(37) {
            for to in (from + 1..=closes.len()).step_by(1 + from % 501) {
                assert_eq!(bars.between(from, to), blocks.between(from, to), "{from}..{to}");
            }
        }
    }

    #[test]
    fn every_stretch_is_what_its_closes_are() {
        let closes: Vec<f64> =
            (0..67).map(|i| 50.0 + f64::from(i * 37 % 41) * 0.25 + f64::from(i) * 0.1).collect();
        for len in [1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 65, 67] {
            for table in [Stretches::of_bars(&closes[..len]), Stretches::of_blocks(&closes[..len])]
            {
                for from in 0..len {
                    for to in from + 1..=len {
                        let wanted = plain(&closes[from..to]);
                        assert_eq!(table.between(from, to), wanted, "{from}..{to}");
                    }
                }
            }
        }
    }
}
