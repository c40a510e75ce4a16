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

    /// This stretch after one close more.
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

/// The stretches of a history.
#[derive(Debug)]
pub struct Stretches {
    rows: Vec<Stretch>,
    /// Rows of a level: one for every position, the end included.
    positions: usize,
}

impl Stretches {
    /// Builds the table: `len · log2(len)` rows of 32 bytes.
    #[must_use]
    pub fn new(closes: &[f64]) -> Self {
        let positions = closes.len() + 1;
        let levels = usize::BITS - closes.len().leading_zeros();
        let mut rows = vec![Stretch::EMPTY; positions * levels as usize];
        for (k, level) in rows.chunks_mut(positions).enumerate() {
            for cut in (1 << k..positions).step_by(2 << k) {
                let mut stretch = Stretch::EMPTY;
                for from in (cut - (1 << k)..cut).rev() {
                    stretch = Stretch::of(closes[from]).then(stretch);
                    level[from] = stretch;
                }
                stretch = Stretch::EMPTY;
                for to in cut + 1..(cut + (1 << k)).min(positions) {
                    stretch = stretch.then(Stretch::of(closes[to - 1]));
                    level[to] = stretch;
                }
            }
        }
        Self { rows, positions }
    }

    /// The closes of bars `from..to`, of which there is at least one.
    #[inline(always)]
    #[must_use]
    pub fn between(&self, from: usize, to: usize) -> Stretch {
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
    fn every_stretch_is_what_its_closes_are() {
        let closes: Vec<f64> =
            (0..67).map(|i| 50.0 + f64::from(i * 37 % 41) * 0.25 + f64::from(i) * 0.1).collect();
        for len in [1, 2, 3, 63, 64, 65, 67] {
            let table = Stretches::new(&closes[..len]);
            for from in 0..len {
                for to in from + 1..=len {
                    assert_eq!(table.between(from, to), plain(&closes[from..to]), "{from}..{to}");
                }
            }
        }
    }
}
