//! Recorders: of the extended figures, and of a whole backtest.

use crate::error::{Error, Result};
use crate::execution::account::{Position, Recorder, Side, Trade};
use crate::figures::PartFigures;

/// Most labels: there is a sum for each of them, used or not.
pub const MOST_LABELS: usize = 1 << 26;

/// A label for each bar of a history, to sum returns by.
#[derive(Debug, Clone, PartialEq)]
pub struct Labels {
    of: Vec<u32>,
    count: usize,
}

impl Labels {
    /// One label a bar, from 0 to `count` exclusive at the bars of `trading`; the others are not read.
    ///
    /// # Errors
    /// Too many labels, another number of them than bars, or a label out of range.
    pub fn new(
        labels: &[i64],
        count: usize,
        bars: usize,
        trading: std::ops::Range<usize>,
    ) -> Result<Self> {
        if labels.len() != bars {
            return Err(Error::LabelLength { given: labels.len(), expected: bars });
        }
        if count > MOST_LABELS {
            let (name, value, allowed) = ("labels", count as u64, "there may be up to 2^26");
            return Err(Error::CountRange { name, value, allowed });
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

/// Totals of the trades of one side.
#[derive(Debug, Clone, Copy, Default)]
struct SideSums {
    wins: u32,
    losses: u32,
    profit: f64,
    loss: f64,
    best: f64,
    worst: f64,
}

/// Totals of a part of a phase so far.
#[derive(Debug, Clone, Copy, Default)]
struct PartSums {
    /// Of longs and shorts.
    sides: [SideSums; 2],
    bars_held: u32,
    dd_share: f64,
    sum_r: f64,
    sum_r2: f64,
    sum_down2: f64,
}

impl PartSums {
    fn figures(&self) -> PartFigures {
        let [long, short] = self.sides;
        PartFigures {
            wins: long.wins + short.wins,
            losses: long.losses + short.losses,
            gross_profit: long.profit + short.profit,
            gross_loss: long.loss + short.loss,
            largest_win: long.best.max(short.best),
            largest_loss: long.worst.min(short.worst),
            long_wins: long.wins,
            long_losses: long.losses,
            long_gross_profit: long.profit,
            long_gross_loss: long.loss,
            long_largest_win: long.best,
            long_largest_loss: long.worst,
            short_wins: short.wins,
            short_losses: short.losses,
            short_gross_profit: short.profit,
            short_gross_loss: short.loss,
            short_largest_win: short.best,
            short_largest_loss: short.worst,
            bars_held: self.bars_held,
            dd_share: self.dd_share,
            sum_r: self.sum_r,
            sum_r2: self.sum_r2,
            sum_down2: self.sum_down2,
        }
    }
}

/// Adds up the extended figures of one phase after the other.
#[derive(Debug, Clone)]
pub struct Extended<'a> {
    /// The part that is being added up.
    now: PartSums,
    /// The part before, in the second one.
    before: Option<PartSums>,
    mark: f64,
    peak: f64,
    /// Marks below are a larger fall than any before.
    floor: f64,
    labels: Option<&'a Labels>,
    sums: [Vec<f64>; 2],
}

impl<'a> Extended<'a> {
    /// A recorder that sums by labels, where there are any.
    #[must_use]
    pub fn new(labels: Option<&'a Labels>) -> Self {
        let none = || vec![0.0; labels.map_or(0, Labels::count)];
        let sums = [none(), none()];
        let (now, before) = (PartSums::default(), None);
        Self { now, before, mark: 0.0, peak: 0.0, floor: 0.0, labels, sums }
    }

    /// Begins a phase at its capital.
    pub fn begin(&mut self, capital: f64) {
        self.before = None;
        self.sums.iter_mut().for_each(|sums| sums.fill(0.0));
        self.begin_part(capital);
    }

    fn begin_part(&mut self, mark: f64) {
        // From a peak that is not above 0 no share is lost: no mark is below a floor of NaN.
        let (dd_share, floor) = if mark > 0.0 { (0.0, mark) } else { (f64::NAN, f64::NAN) };
        self.now = PartSums { dd_share, ..PartSums::default() };
        (self.mark, self.peak, self.floor) = (mark, mark, floor);
    }

    /// The figures of both parts.
    #[must_use]
    pub fn parts(&self) -> [PartFigures; 2] {
        let [is, oos] = match self.before {
            Some(before) => [before, self.now],
            None => [self.now, PartSums::default()],
        };
        [is.figures(), oos.figures()]
    }

    /// Sums of returns and of their squares by label.
    #[must_use]
    pub fn sums(&self) -> [&[f64]; 2] {
        [&self.sums[0], &self.sums[1]]
    }

    /// Adds consecutive bars at whose closes a position is held: the totals of their returns, their
    /// lowest, highest and last mark, and the largest relative fall from one of them to a later one,
    /// which is computed only where it can matter.
    #[inline(always)]
    pub(crate) fn add_run(
        &mut self,
        bars: u32,
        [sum_r, sum_r2, sum_down2]: [f64; 3],
        [low, high, last]: [f64; 3],
        fall: impl FnOnce() -> f64,
    ) {
        self.mark = last;
        self.now.bars_held += bars;
        self.now.sum_r += sum_r;
        self.now.sum_r2 += sum_r2;
        self.now.sum_down2 += sum_down2;
        if low < self.floor {
            self.drop_to(low);
        }
        if low < high * (1.0 - self.now.dd_share) {
            self.now.dd_share = self.now.dd_share.max(fall());
            self.floor = self.peak * (1.0 - self.now.dd_share);
        }
        self.rise_to(high);
    }

    /// Adds consecutive bars at whose closes a position of more than 0 shares is held, without labels.
    #[inline(always)]
    pub(crate) fn add_held(&mut self, position: Position, equity: f64, closes: &[f64]) {
        // A value of its own, which the loop can keep in registers.
        let mut path = self.path();
        let mut marks = closes.iter().map(|&close| equity + position.profit(close));
        if path.mark > 0.0 {
            for mark in marks.by_ref() {
                if mark <= 0.0 {
                    path.add(mark);
                    break;
                }
                path.add_defined(mark);
            }
        }
        marks.for_each(|mark| {
            path.add(mark);
        });
        self.set_path(path);
        // [F8]
        self.now.bars_held += closes.len() as u32;
    }

    /// Adds to the sums of a label.
    #[inline(always)]
    pub(crate) fn add_to_label(&mut self, label: usize, sum_r: f64, sum_r2: f64) {
        self.sums[0][label] += sum_r;
        self.sums[1][label] += sum_r2;
    }

    /// Adds a bar at whose close a position is held, or that changed the mark.
    #[inline(always)]
    pub(crate) fn add_bar(&mut self, bar: usize, mark: f64, held: bool) {
        let mut path = self.path();
        let r = path.add(mark);
        self.set_path(path);
        // [F8]
        self.now.bars_held += u32::from(held);
        if let Some(labels) = self.labels {
            // [F12]
            self.add_to_label(labels.of(bar), r, r * r);
        }
    }

    #[inline(always)]
    fn path(&self) -> Path {
        let Self { mark, peak, floor, .. } = *self;
        let PartSums { dd_share, sum_r, sum_r2, sum_down2, .. } = self.now;
        Path { mark, peak, floor, dd_share, sum_r, sum_r2, sum_down2 }
    }

    #[inline(always)]
    fn set_path(&mut self, path: Path) {
        (self.mark, self.peak, self.floor) = (path.mark, path.peak, path.floor);
        self.now.dd_share = path.dd_share;
        (self.now.sum_r, self.now.sum_r2) = (path.sum_r, path.sum_r2);
        self.now.sum_down2 = path.sum_down2;
    }

    #[inline(always)]
    fn follow(&mut self, mark: f64) {
        let mut path = self.path();
        path.follow(mark);
        self.set_path(path);
    }

    #[inline(always)]
    fn drop_to(&mut self, mark: f64) {
        let mut path = self.path();
        path.drop_to(mark);
        self.set_path(path);
    }

    #[inline(always)]
    fn rise_to(&mut self, mark: f64) {
        let mut path = self.path();
        path.rise_to(mark);
        self.set_path(path);
    }
}

/// Marks of a part so far, and what they come to.
#[derive(Debug, Clone, Copy)]
struct Path {
    mark: f64,
    peak: f64,
    /// Marks below are a larger fall than any before.
    floor: f64,
    dd_share: f64,
    sum_r: f64,
    sum_r2: f64,
    sum_down2: f64,
}

impl Path {
    /// Adds the mark at a close, and returns the return of its bar.
    #[inline(always)]
    fn add(&mut self, mark: f64) -> f64 {
        let before = std::mem::replace(&mut self.mark, mark);
        self.follow(mark);
        // [F11]
        let defined = before > 0.0 && mark > 0.0;
        let r = if defined { mark / before - 1.0 } else { f64::NAN };
        self.add_return(r);
        r
    }

    /// Adds the mark at a close where neither it nor the one before is 0 or less.
    #[inline(always)]
    fn add_defined(&mut self, mark: f64) {
        let before = std::mem::replace(&mut self.mark, mark);
        self.follow(mark);
        self.add_return(mark / before - 1.0);
    }

    #[inline(always)]
    fn add_return(&mut self, r: f64) {
        let square = r * r;
        // [F10]
        self.sum_r += r;
        self.sum_r2 += square;
        // With a NaN this sum is NaN too.
        self.sum_down2 += if r >= 0.0 { 0.0 } else { square };
    }

    #[inline(always)]
    fn follow(&mut self, mark: f64) {
        if mark < self.floor {
            self.drop_to(mark);
        } else {
            self.rise_to(mark);
        }
    }

    #[inline(always)]
    fn drop_to(&mut self, mark: f64) {
        // [F9]
        self.dd_share = 1.0 - mark / self.peak;
        self.floor = mark;
    }

    #[inline(always)]
    fn rise_to(&mut self, mark: f64) {
        // Selections, which need no branch: new peaks come too irregularly for one.
        let (rises, floor) = (mark > self.peak, mark * (1.0 - self.dd_share));
        self.floor = if rises { floor } else { self.floor };
        self.peak = if rises { mark } else { self.peak };
    }
}

impl Recorder for Extended<'_> {
    #[inline(always)]
    fn bar(&mut self, bar: usize, mark: f64, held: bool) {
        // Unchanged marks above 0 add nothing.
        if held || mark != self.mark || mark <= 0.0 {
            self.add_bar(bar, mark, held);
        }
    }

    #[inline(always)]
    fn reversal(&mut self, _: usize, mark: f64) {
        self.follow(mark);
    }

    #[inline(always)]
    fn trade(&mut self, trade: Trade) {
        // [F7]
        let side = &mut self.now.sides[usize::from(trade.side == Side::Short)];
        let pnl = trade.pnl;
        let (profit, loss) = (if pnl > 0.0 { pnl } else { 0.0 }, if pnl < 0.0 { pnl } else { 0.0 });
        // [F5]
        side.wins += u32::from(pnl > 0.0);
        side.losses += u32::from(pnl < 0.0);
        // [F6]
        side.profit += profit;
        side.loss += loss;
        side.best = if profit > side.best { profit } else { side.best };
        side.worst = if loss < side.worst { loss } else { side.worst };
    }

    fn part(&mut self, mark: f64) {
        self.before = Some(self.now);
        self.begin_part(mark);
    }
}

/// Records a whole backtest, its extended figures too.
#[derive(Debug)]
pub struct Diary<'a> {
    /// The extended figures.
    pub extended: Extended<'a>,
    /// Closed trades, oldest first.
    pub trades: Vec<Trade>,
    /// The mark at every close.
    pub equity: Vec<f64>,
    /// Bars with a reversal, and the mark at its fill.
    pub reversals: Vec<(usize, f64)>,
}

impl<'a> Diary<'a> {
    /// An empty record of `bars` bars, whose marks are all the `capital`.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest relative falls of a part that begins at a mark and has others.
    fn share(begin: f64, marks: &[f64]) -> [f64; 2] {
        let mut bars = Extended::new(None);
        bars.begin(1_000.0);
        bars.part(begin);
        // The same as consecutive bars, as the factored engine adds them.
        let mut runs = bars.clone();
        for (bar, &mark) in marks.iter().enumerate() {
            bars.bar(bar, mark, true);
            runs.add_run(1, [0.0; 3], [mark; 3], || 0.0);
        }
        [bars, runs].map(|found| found.parts()[1].dd_share)
    }

    #[test]
    fn a_part_that_begins_without_equity_has_no_relative_fall() {
        for begin in [0.0, -100.0] {
            for marks in [&[-113.0][..], &[-113.0, -90.0, -150.0], &[50.0, 40.0, -200.0]] {
                assert!(share(begin, marks).iter().all(|s| s.is_nan()), "{begin}, {marks:?}");
            }
        }
        // A mark that falls below 0 on the way is a fall of more than all.
        assert_eq!(share(100.0, &[80.0, -50.0, 120.0]), [1.5; 2]);
    }
}
