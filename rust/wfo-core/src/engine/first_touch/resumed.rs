//! First-touch tables that are computed for some starts at a time.
//!
//! The pass over the bars stops where the last start that is asked for is filled, and is resumed
//! there. It stops between two intervals of starts, maybe within a bar, and what decides whether
//! that bar fills another start is what decides whether a bar fills a first one.

use std::hint::select_unpredictable;

use super::signed_bars::SignedBars;
use super::table::StartRange;
use crate::engine::f64x4::max;
use crate::engine::intrabar_time::IntrabarTime;

/// Where the pass over the bars has stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstTouchCursor {
    /// The next bar that may fill an order.
    pub bar: usize,
    /// The last bar with the extreme of the oldest pending start, and that extreme.
    top: usize,
    extreme: f64,
    /// The last interval so far: it may reach beyond what has been asked for.
    pub last: StartRange,
}

impl SignedBars {
    /// The beginning of a pass.
    pub(crate) fn begin(&self) -> FirstTouchCursor {
        let extreme = self.extreme.first().copied().unwrap_or(0.0);
        let last = StartRange { end: 0, time: IntrabarTime::at_open(0), fill: 0.0 };
        FirstTouchCursor { bar: 1, top: 0, extreme, last }
    }

    /// Resumes a pass up to the interval that holds the last start before `until`, or to the end of
    /// the distances, whose first one is that before the next bar. With the distances of all bars,
    /// the intervals are those of [`trailing_ranges`](Self::trailing_ranges) where the level
    /// `trails` the extreme, or else of [`break_out`](Self::break_out).
    #[inline(always)]
    pub(crate) fn resume(
        &self,
        cursor: &mut FirstTouchCursor,
        distance: &[f64],
        trails: bool,
        until: usize,
        out: &mut Vec<StartRange>,
    ) {
        if trails {
            self.resume_trailing(cursor, distance, until, out);
        } else {
            self.resume_breakout(cursor, distance, until, out);
        }
        if cursor.bar >= self.len() && (cursor.last.end as usize) < until {
            let end = self.len() as u32;
            cursor.last = StartRange { end: end + 1, time: IntrabarTime::at_open(end), fill: 0.0 };
            out.push(cursor.last);
        }
    }

    #[inline(always)]
    fn resume_trailing(
        &self,
        cursor: &mut FirstTouchCursor,
        distance: &[f64],
        until: usize,
        out: &mut Vec<StartRange>,
    ) {
        let FirstTouchCursor { bar: first, mut top, mut extreme, mut last } = *cursor;
        let end = first + distance.len();
        let bars = self.reach[first..end].iter().zip(&self.extreme[first..end]).zip(distance);
        for (t, ((&reach, &own), &before)) in (first..).zip(bars) {
            // [L1] [L2] [L3] [L4] [D10]; [S8] [S9] and the rest as in `trailing_ranges`.
            let mut level = extreme - before;
            // [L7]
            if reach <= level {
                loop {
                    let (time, fill) = self.fill(t, level);
                    let oldest = top + 1;
                    last = StartRange { end: oldest as u32, time, fill };
                    out.push(last);
                    if oldest == t {
                        (top, extreme) = (t, own);
                        if oldest >= until {
                            *cursor = FirstTouchCursor { bar: t + 1, top, extreme, last };
                            return;
                        }
                        break;
                    }
                    top = oldest;
                    while (self.overtaken[top] as usize) < t {
                        top = self.overtaken[top] as usize;
                    }
                    extreme = self.extreme[top];
                    if oldest >= until {
                        *cursor = FirstTouchCursor { bar: t, top, extreme, last };
                        return;
                    }
                    level = extreme - before;
                    // [L7], negated.
                    if reach > level || level.is_nan() {
                        break;
                    }
                }
            }
            top = select_unpredictable(own >= extreme, t, top);
            extreme = max(extreme, own);
        }
        *cursor = FirstTouchCursor { bar: end, top, extreme, last };
    }

    #[inline(always)]
    fn resume_breakout(
        &self,
        cursor: &mut FirstTouchCursor,
        distance: &[f64],
        until: usize,
        out: &mut Vec<StartRange>,
    ) {
        let (first, end) = (cursor.bar, cursor.bar + distance.len());
        let closes = self.close[first - 1..].iter().zip(distance);
        for (t, (&reach, (&close, &before))) in
            (first..).zip(self.reach[first..end].iter().zip(closes))
        {
            // [L5] [L6]
            let level = close - before;
            // [L7]
            if reach <= level {
                let (time, fill) = self.fill(t, level);
                cursor.last = StartRange { end: t as u32, time, fill };
                out.push(cursor.last);
                if t >= until {
                    cursor.bar = t + 1;
                    return;
                }
            }
        }
        cursor.bar = end;
    }
}
