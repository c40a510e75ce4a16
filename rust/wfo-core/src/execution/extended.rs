//! Recorders: the figures on demand, and a whole backtest written down.

use crate::error::{Error, Result};
use crate::execution::account::{Recorder, Side};
use crate::figures::{PartFigures, Trade};

/// A label for each bar of a history, to sum returns by.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    of: Vec<u32>,
    count: usize,
}

impl Labels {
    /// Takes one label a bar, from 0 to `count` exclusive at the bars of `trading`; the others are not
    /// looked at.
    ///
    /// # Errors
    /// Another number of labels than bars, or a label out of range.
    pub fn new(
        labels: &[i64],
        count: usize,
        bars: usize,
        trading: std::ops::Range<usize>,
    ) -> Result<Self> {
        if labels.len() != bars {
            return Err(Error::LabelLength { given: labels.len(), expected: bars });
        }
        let mut of = vec![0; bars];
        for bar in trading {
            let label = labels[bar];
            of[bar] = u32::try_from(label)
                .ok()
                .filter(|&label| (label as usize) < count)
                .ok_or(Error::Label { bar, label, count })?;
        }
        Ok(Self { of, count })
    }

    /// Number of labels.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The label of a trading bar.
    #[inline]
    #[must_use]
    pub fn of(&self, bar: usize) -> usize {
        self.of[bar] as usize
    }
}

/// Adds up the figures on demand of one phase after the other.
#[derive(Debug, Clone)]
pub struct Extended<'a> {
    parts: [PartFigures; 2],
    /// The part that is being added up.
    at: usize,
    mark: f64,
    peak: f64,
    labels: Option<&'a Labels>,
    sums: [Vec<f64>; 2],
}

impl<'a> Extended<'a> {
    /// A recorder that sums by labels, where there are any.
    #[must_use]
    pub fn new(labels: Option<&'a Labels>) -> Self {
        let none = || vec![0.0; labels.map_or(0, Labels::count)];
        let sums = [none(), none()];
        Self { parts: [PartFigures::NONE; 2], at: 0, mark: 0.0, peak: 0.0, labels, sums }
    }

    /// Begins a phase at its capital.
    pub fn begin(&mut self, capital: f64) {
        self.parts = [PartFigures::NONE; 2];
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        self.begin_part(0, capital);
    }

    fn begin_part(&mut self, at: usize, mark: f64) {
        (self.at, self.mark, self.peak) = (at, mark, mark);
        if mark <= 0.0 {
            self.parts[at].dd_share = f64::NAN;
        }
    }

    /// The figures of both parts.
    #[must_use]
    pub fn parts(&self) -> &[PartFigures; 2] {
        &self.parts
    }

    /// Sums of returns and of their squares by label.
    #[must_use]
    pub fn sums(&self) -> [&[f64]; 2] {
        [&self.sums[0], &self.sums[1]]
    }

    /// Adds a run of bars at whose closes something is held: what their returns come to, their lowest,
    /// highest and last mark, and the largest relative fall from one of them to a later one. This last
    /// is asked for only where it can matter.
    #[inline]
    pub(crate) fn add_run(
        &mut self,
        bars: u32,
        [sum_r, sum_r2, sum_down2]: [f64; 3],
        [low, high, last]: [f64; 3],
        fall: impl FnOnce() -> f64,
    ) {
        self.drop_to(low);
        self.peak = if high > self.peak { high } else { self.peak };
        self.mark = last;
        let part = &mut self.parts[self.at];
        part.bars_held += bars;
        part.sum_r += sum_r;
        part.sum_r2 += sum_r2;
        part.sum_down2 += sum_down2;
        if 1.0 - low / high > part.dd_share {
            part.dd_share = part.dd_share.max(fall());
        }
    }

    /// Adds to the sums of a label.
    #[inline]
    pub(crate) fn add_to_label(&mut self, label: usize, sum_r: f64, sum_r2: f64) {
        self.sums[0][label] += sum_r;
        self.sums[1][label] += sum_r2;
    }

    #[inline]
    fn drop_to(&mut self, mark: f64) {
        if mark > self.peak {
            self.peak = mark;
        } else if mark < self.peak {
            let share = 1.0 - mark / self.peak;
            let part = &mut self.parts[self.at];
            if share > part.dd_share {
                part.dd_share = share;
            }
        }
    }
}

impl Recorder for Extended<'_> {
    #[inline]
    fn bar(&mut self, bar: usize, mark: f64, held: bool) {
        let before = std::mem::replace(&mut self.mark, mark);
        // Unchanged marks above 0 add nothing.
        if before == mark && mark > 0.0 && !held {
            return;
        }
        self.drop_to(mark);
        let r = if before > 0.0 && mark > 0.0 { mark / before - 1.0 } else { f64::NAN };
        let part = &mut self.parts[self.at];
        part.bars_held += u32::from(held);
        part.sum_r += r;
        part.sum_r2 += r * r;
        // What is no number makes this sum none either.
        if r < 0.0 || r.is_nan() {
            part.sum_down2 += r * r;
        }
        if let Some(labels) = self.labels {
            let label = labels.of(bar);
            self.sums[0][label] += r;
            self.sums[1][label] += r * r;
        }
    }

    #[inline]
    fn reversal(&mut self, _: usize, mark: f64) {
        self.drop_to(mark);
    }

    #[inline]
    fn trade(&mut self, trade: Trade) {
        let p = &mut self.parts[self.at];
        let pnl = trade.pnl;
        let (long, short) = (trade.side == Side::Long, trade.side == Side::Short);
        if pnl > 0.0 {
            p.wins += 1;
            p.gross_profit += pnl;
            p.largest_win = p.largest_win.max(pnl);
            p.long_wins += u32::from(long);
            p.short_wins += u32::from(short);
            let (gross, largest) = match trade.side {
                Side::Long => (&mut p.long_gross_profit, &mut p.long_largest_win),
                Side::Short => (&mut p.short_gross_profit, &mut p.short_largest_win),
            };
            *gross += pnl;
            *largest = largest.max(pnl);
        } else if pnl < 0.0 {
            p.losses += 1;
            p.gross_loss += pnl;
            p.largest_loss = p.largest_loss.min(pnl);
            p.long_losses += u32::from(long);
            p.short_losses += u32::from(short);
            let (gross, largest) = match trade.side {
                Side::Long => (&mut p.long_gross_loss, &mut p.long_largest_loss),
                Side::Short => (&mut p.short_gross_loss, &mut p.short_largest_loss),
            };
            *gross += pnl;
            *largest = largest.min(pnl);
        }
    }

    fn part(&mut self, mark: f64) {
        self.begin_part(1, mark);
    }
}

/// Writes a whole backtest down, its figures on demand too.
#[derive(Debug)]
pub struct Diary<'a> {
    /// The figures on demand.
    pub extended: Extended<'a>,
    /// Closed trades, oldest first.
    pub trades: Vec<Trade>,
    /// The mark at every close.
    pub equity: Vec<f64>,
    /// Bars with a reversal, and the mark at its fill.
    pub reversals: Vec<(usize, f64)>,
}

impl<'a> Diary<'a> {
    /// An empty diary of `bars` bars, which all hold the `capital`.
    #[must_use]
    pub fn new(labels: Option<&'a Labels>, bars: usize, capital: f64) -> Self {
        let mut extended = Extended::new(labels);
        extended.begin(capital);
        Self { extended, trades: Vec::new(), equity: vec![capital; bars], reversals: Vec::new() }
    }
}

impl Recorder for Diary<'_> {
    fn bar(&mut self, bar: usize, mark: f64, held: bool) {
        self.equity[bar] = mark;
        self.extended.bar(bar, mark, held);
    }

    fn reversal(&mut self, bar: usize, mark: f64) {
        self.reversals.push((bar, mark));
        self.extended.reversal(bar, mark);
    }

    fn trade(&mut self, trade: Trade) {
        self.trades.push(trade);
        self.extended.trade(trade);
    }

    fn part(&mut self, mark: f64) {
        self.extended.part(mark);
    }
}
