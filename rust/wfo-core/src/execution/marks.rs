//! The equity of a backtest at chosen bars.

use crate::error::{Error, Result};
use crate::execution::account::{Position, Recorder, Trade};

/// Records the marks of one backtest at some of its bars.
#[derive(Debug)]
pub struct Marks<'a> {
    /// Bars, ascending.
    at: &'a [usize],
    /// Their marks.
    marks: &'a mut [f64],
    /// How many are written.
    done: usize,
}

impl<'a> Marks<'a> {
    /// A recorder into `marks`, one for each bar of `at`; all bars are traded, and ascend.
    ///
    /// # Panics
    /// If there is another number of marks than of bars.
    #[must_use]
    pub fn new(at: &'a [usize], marks: &'a mut [f64]) -> Self {
        assert_eq!(at.len(), marks.len(), "marks to write");
        Self { at, marks, done: 0 }
    }
}

/// Checks that bars ascend, and that all of them are traded.
///
/// # Errors
/// The first that does not.
pub fn check_bars(at: &[usize], warmup: usize, end: usize) -> Result<()> {
    let mut least = warmup;
    for (position, &bar) in at.iter().enumerate() {
        if !(least..end).contains(&bar) {
            return Err(Error::MarkedBar { position, bar, warmup, end });
        }
        least = bar + 1;
    }
    Ok(())
}

impl Recorder for Marks<'_> {
    const RUNS: bool = true;

    #[inline(always)]
    fn bar(&mut self, bar: usize, mark: f64, _: bool) {
        if self.at.get(self.done) == Some(&bar) {
            self.marks[self.done] = mark;
            self.done += 1;
        }
    }

    #[inline(always)]
    fn reversal(&mut self, _: usize, _: f64) {}

    #[inline(always)]
    fn trade(&mut self, _: Trade) {}

    #[inline(always)]
    fn part(&mut self, _: f64) {}

    #[inline(always)]
    fn held_bars(&mut self, first: usize, position: Position, equity: f64, closes: &[f64]) {
        while let Some(&bar) = self.at.get(self.done) {
            let Some(close) = closes.get(bar - first) else { break };
            self.marks[self.done] = equity + position.profit(*close);
            self.done += 1;
        }
    }

    #[inline(always)]
    fn flat_bars(&mut self, bars: std::ops::Range<usize>, mark: f64) {
        while self.at.get(self.done).is_some_and(|&bar| bar < bars.end) {
            self.marks[self.done] = mark;
            self.done += 1;
        }
    }
}
