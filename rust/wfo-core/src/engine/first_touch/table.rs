//! First-touch tables, and the order of two touches.

use crate::engine::intrabar_time::{IntrabarTime, is_nearer};
use crate::execution::touches::Way;

/// A touch as a function of the bar since which it is followed.
#[derive(Debug, Clone, Default)]
pub struct FirstTouch {
    /// When it happens; behind the last bar where it never does, and in the row behind that.
    pub times: Vec<IntrabarTime>,
    /// Its fill; 0 where there is none.
    pub fills: Vec<f64>,
}

/// An interval of starts that share a touch, from the end of the interval before. Which starts
/// stand in one interval follows from the bars and from what was filled before, so equal tables
/// have equal intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StartRange {
    /// One past the last start.
    pub end: u32,
    /// When the touch happens; behind the last bar where it never does.
    pub time: IntrabarTime,
    /// Its fill; 0 where there is none.
    pub fill: f64,
}

/// A first-touch table, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstTouchView<'a> {
    pub times: &'a [IntrabarTime],
    pub fills: &'a [f64],
}

impl FirstTouch {
    pub(crate) fn view(&self) -> FirstTouchView<'_> {
        FirstTouchView { times: &self.times, fills: &self.fills }
    }

    /// Writes the table of all starts.
    pub(crate) fn set(&mut self, bars: usize, ranges: &[StartRange]) {
        self.resize(bars);
        let mut start = 0;
        for range in ranges {
            let end = range.end as usize;
            self.times[start..end].fill(range.time);
            self.fills[start..end].fill(range.fill);
            start = end;
        }
    }

    pub(super) fn resize(&mut self, bars: usize) {
        self.times.resize(bars + 1, IntrabarTime::at_open(0));
        self.fills.resize(bars + 1, 0.0);
    }
}

impl FirstTouchView<'_> {
    /// Whether this touch comes before `first`, both since bar `s`; `way` is the one on which both
    /// are met, if it is the same. Of what the contract calls equal, `first` comes first.
    #[inline(always)]
    pub fn precedes(self, first: Self, s: usize, way: Option<Way>) -> bool {
        let (own, other) = (self.times[s], first.times[s]);
        // [O1] [O2] By time. [O3] On the same way, away from the open, the nearer one. [O4] [O5]
        // Else `first`.
        own < other
            || (own == other && !own.is_at_open() && is_nearer(self.fills[s], first.fills[s], way))
    }
}
