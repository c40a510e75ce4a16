//! The returns of a long by bar, and the labels of the bars.

use std::ops::Range;

use crate::engine::range_summary::RangeSummaries;
use crate::execution::extended::Labels;

/// The returns of a long's marks by bar, and the labels of the bars.
#[derive(Debug)]
pub(super) struct CloseReturns {
    /// Sums of the returns up to each bar, of their squares, and of the squares of those below 0.
    sums: Vec<[f64; 3]>,
    /// The logarithms of the closes, whose falls are relative ones.
    pub logs: RangeSummaries,
    /// By bar, where the interval of bars with its label ends.
    label_ends: Vec<u32>,
}

impl CloseReturns {
    pub fn new(closes: &[f64], bars: &Range<usize>, labels: Option<&Labels>) -> Self {
        let mut sums = vec![[0.0; 3]; closes.len()];
        // With what rounding takes from each sum, so that differences of long ones are exact
        // enough.
        let (mut total, mut lost) = ([0.0; 3], [0.0; 3]);
        for (t, pair) in (1..).zip(closes.windows(2)) {
            let r = pair[1] / pair[0] - 1.0;
            // [F10]
            let terms = [r, r * r, if r < 0.0 { r * r } else { 0.0 }];
            for i in 0..3 {
                let sum: f64 = total[i] + terms[i];
                let back = sum - total[i];
                lost[i] += (total[i] - (sum - back)) + (terms[i] - back);
                total[i] = sum;
                sums[t][i] = sum + lost[i];
            }
        }
        // [F9]
        let logs: Vec<f64> = closes.iter().map(|close| close.ln()).collect();
        let mut label_ends = Vec::new();
        if let Some(labels) = labels {
            label_ends = vec![closes.len() as u32; closes.len()];
            for t in (1..closes.len()).rev() {
                let bar = bars.start + t;
                let ends = labels.of(bar - 1) != labels.of(bar);
                label_ends[t - 1] = if ends { t as u32 } else { label_ends[t] };
            }
        }
        Self { sums, logs: RangeSummaries::new(&logs), label_ends }
    }

    /// The labels of some bars, each with an interval of bars that have it.
    pub fn by_label(
        &self,
        labels: &Labels,
        base: usize,
        bars: Range<usize>,
    ) -> impl Iterator<Item = (usize, usize, usize)> {
        let mut first = bars.start;
        std::iter::from_fn(move || {
            (first < bars.end).then(|| {
                let start = first;
                first = bars.end.min(self.label_ends[start] as usize);
                // [F12]
                (labels.of(base + start), start, first)
            })
        })
    }

    /// The sums of the returns of some bars.
    #[inline(always)]
    pub fn between(&self, from: usize, to: usize) -> [f64; 3] {
        difference(&self.sums[to - 1], &self.sums[from - 1])
    }
}

#[inline(always)]
pub(super) fn difference(a: &[f64; 3], b: &[f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}
