//! The marks of shorts, which all combinations with the same sell and fill share.

use crate::execution::settings::AccountSettings;

/// Shared marks end before one that is below this share of the equity.
///
/// A mark `m` of a unit held short is `1 + rate · (gain − close)`, whose parts come to `4 + m` at
/// most: it errs by up to `γ₈·(4 + m)` (the rounding model of [`ruin`](super::super::ruin)), and a
/// return between two marks by twice that over `m`. With `m ≥ 1e-3` that is below 8e-12, a hundredth
/// of the 1e-9 that the contract allows; nearer to 0 the account marks bar by bar.
const NEAR_ZERO: f64 = 1e-3;
/// Rows of marks that are held at most.
pub(super) const MOST_ROWS: usize = 1 << 16;

/// The marks of a short that is held from the close of its entry on, for an equity of 1, up to some
/// bar: all equities have the same returns.
#[derive(Debug, Clone, Copy)]
pub(super) struct MarkSummary {
    /// Sums of the returns after the entry's bar, as in
    /// [`CloseReturns`](super::returns::CloseReturns).
    pub sums: [f64; 3],
    /// Lowest and highest mark after the entry's bar.
    pub low: f64,
    pub high: f64,
    /// The largest relative fall from one of them to a later one.
    pub fall: f64,
}

/// The marks of a sell's shorts.
#[derive(Debug, Default)]
pub(super) struct ShortMarks {
    /// By bar of the entry, the last one of the shorts that are opened there, counted from 1.
    last: Vec<u32>,
    shorts: Vec<OpenedShort>,
    rows: Vec<MarkSummary>,
}

/// The marks of a short from one fill on.
#[derive(Debug)]
struct OpenedShort {
    entry: f64,
    from: u32,
    /// The short of the same bar before this one, counted from 1.
    before: u32,
    /// Rows by bar, from the one behind the entry's on: where the first one stands, and how many.
    first: usize,
    len: usize,
    mark: f64,
    /// Whether marks have come so near to 0 that rounding shows: no row may follow.
    ends: bool,
}

impl ShortMarks {
    pub fn clear(&mut self, bars: usize) {
        for short in &self.shorts {
            self.last[short.from as usize] = 0;
        }
        self.last.resize(bars, 0);
        self.shorts.clear();
        self.rows.clear();
    }

    /// The marks of a short from bar `from` on, with rows up to bar `to` exclusive where these can
    /// be.
    #[inline(always)]
    pub fn up_to(
        &mut self,
        (from, entry): (u32, f64),
        to: usize,
        settings: &AccountSettings,
        closes: &[f64],
    ) -> &[MarkSummary] {
        let mut at = self.last[from as usize];
        while at > 0 && self.shorts[at as usize - 1].entry.to_bits() != entry.to_bits() {
            at = self.shorts[at as usize - 1].before;
        }
        let needed = to - from as usize - 1;
        let known = at.checked_sub(1).map(|at| &self.shorts[at as usize]);
        if !known.is_some_and(|short| needed <= short.len || short.ends) {
            at = self.extend(at, (from, entry), needed, settings, closes);
        }
        let OpenedShort { first, len, .. } = self.shorts[at as usize - 1];
        &self.rows[first..first + len]
    }

    /// Begins the marks of a short, or extends them, and returns which one it is.
    #[inline(never)]
    fn extend(
        &mut self,
        mut at: u32,
        (from, entry): (u32, f64),
        needed: usize,
        settings: &AccountSettings,
        closes: &[f64],
    ) -> u32 {
        // [M1] [M2] [M3]
        let sold = entry * (1.0 - settings.slip);
        let (rate, gain) = (1.0 / sold, sold * (1.0 - settings.fee));
        let mark = |close: f64| 1.0 + rate * (gain - close);
        let len = at.checked_sub(1).map_or(0, |at| self.shorts[at as usize].len);
        // Twice as many as there are, so that none are moved often.
        let until = (from as usize + 1 + needed.max(2 * len)).min(closes.len());
        if self.rows.len() + until - from as usize > MOST_ROWS {
            self.clear(self.last.len());
            at = 0;
        }
        if at == 0 {
            let before =
                std::mem::replace(&mut self.last[from as usize], self.shorts.len() as u32 + 1);
            let mark = mark(closes[from as usize]);
            let (first, ends) = (self.rows.len(), mark < NEAR_ZERO || needed > MOST_ROWS);
            self.shorts.push(OpenedShort { entry, from, before, first, len: 0, mark, ends });
            at = self.shorts.len() as u32;
        }
        let short = &mut self.shorts[at as usize - 1];
        if short.first + short.len < self.rows.len() {
            let first = self.rows.len();
            self.rows.extend_from_within(short.first..short.first + short.len);
            short.first = first;
        }
        let mut summary = match short.len {
            0 => MarkSummary::EMPTY,
            _ => self.rows[self.rows.len() - 1],
        };
        for &close in &closes[from as usize + 1 + short.len..until] {
            let next = mark(close);
            short.ends |= next < NEAR_ZERO;
            if short.ends {
                break;
            }
            summary = summary.append(short.mark, next);
            short.mark = next;
            short.len += 1;
            self.rows.push(summary);
        }
        at
    }
}

impl MarkSummary {
    const EMPTY: Self =
        Self { sums: [0.0; 3], low: f64::INFINITY, high: f64::NEG_INFINITY, fall: 0.0 };

    /// This summary with one more mark, after the one `before` it.
    #[inline(always)]
    fn append(self, before: f64, mark: f64) -> Self {
        let r = mark / before - 1.0;
        let square = r * r;
        let [sum_r, sum_r2, sum_down2] = self.sums;
        let high = self.high.max(mark);
        Self {
            // [F10]
            sums: [sum_r + r, sum_r2 + square, sum_down2 + if r < 0.0 { square } else { 0.0 }],
            low: self.low.min(mark),
            high,
            // [F9]
            fall: self.fall.max(1.0 - mark / high),
        }
    }
}
