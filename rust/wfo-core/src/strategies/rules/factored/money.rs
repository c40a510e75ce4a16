//! The figures of a phase, trade by trade.
//!
//! The equity after each fill has the same bits as in [`direct`](crate::engine::direct), for it
//! comes from the same [`Account`], so that ruin is decided alike; only the marks between two fills
//! are summed up at once.

use super::walk::Fills;
use crate::engine::range_summary::RangeSummaries;
use crate::execution::account::{Account, Position, Side};
use crate::execution::settings::AccountSettings;
use crate::figures::Figures;
use crate::market::slice::Slice;

/// An account that goes from fill to fill of a phase; whether it takes all equity, in any fraction of
/// shares, is part of its type.
#[derive(Debug)]
pub(super) struct Money<'a, const COMPOUNDS: bool> {
    account: Account<'a>,
    summaries: &'a RangeSummaries,
    closes: &'a [f64],
    split: usize,
    end: usize,
    /// What is held, and since which bar.
    held: Option<(Position, usize)>,
    /// Mark, drawdown and trades of the in-sample part, once it is over.
    in_sample: Option<(f64, f64, u32)>,
    trades: u32,
    capital: f64,
}

impl<'a, const COMPOUNDS: bool> Money<'a, COMPOUNDS> {
    #[inline(always)]
    pub fn new(
        settings: &'a AccountSettings,
        (closes, summaries): (&'a [f64], &'a RangeSummaries),
        Slice { split, end, .. }: Slice,
    ) -> Self {
        Self {
            account: Account::new(settings),
            summaries,
            closes,
            split,
            end,
            held: None,
            in_sample: None,
            trades: 0,
            capital: settings.capital,
        }
    }

    /// Marks what is held at the closes of `from..to`, and ends the in-sample part where that
    /// crosses its end: the boundary closes nothing [F4].
    #[inline(always)]
    fn hold(&mut self, position: Position, mut from: usize, to: usize) {
        if to >= self.split && self.in_sample.is_none() {
            if from < self.split {
                self.mark(position, from, self.split);
                from = self.split;
            }
            self.end_in_sample();
        }
        if from < to {
            self.mark(position, from, to);
        }
    }

    #[inline(always)]
    fn mark(&mut self, position: Position, from: usize, to: usize) {
        let summary = self.summaries.between(from, to);
        let (low, high) = (-summary.neg_low, summary.high);
        let (adverse, favorable, drawdown) = match position.side {
            Side::Long => (low, high, summary.fall),
            Side::Short => (high, low, summary.rise),
        };
        self.account.mark_run(position, adverse, favorable, drawdown, self.closes[to - 1]);
    }

    #[inline(always)]
    fn end_in_sample(&mut self) {
        let trades = std::mem::take(&mut self.trades);
        self.in_sample = Some((self.account.marked(), self.account.drawdown(), trades));
        self.account.restart();
    }

    /// The figures, after the last bar. What is open stays marked at its close [M12].
    #[inline(always)]
    pub fn figures(mut self) -> Figures {
        if let Some((position, from)) = self.held.take() {
            self.hold(position, from, self.end);
        }
        let (is_mark, is_dd, is_trades) = match self.in_sample {
            Some(figures) => figures,
            None => {
                self.end_in_sample();
                self.in_sample.unwrap_or_default()
            }
        };
        Figures {
            // [F1]
            is_pnl: is_mark - self.capital,
            oos_pnl: self.account.marked() - is_mark,
            is_dd,
            oos_dd: self.account.drawdown(),
            is_trades,
            oos_trades: self.trades,
        }
    }
}

impl<const COMPOUNDS: bool> Fills for Money<'_, COMPOUNDS> {
    #[inline(always)]
    fn open(&mut self, side: Side, bar: usize, price: f64) {
        if bar >= self.split && self.in_sample.is_none() {
            self.end_in_sample();
        }
        let position = if COMPOUNDS {
            self.account.open_compounding(side, price)
        } else {
            self.account.open(side, price)
        };
        self.held = Some((position, bar));
    }

    #[inline(always)]
    fn close(&mut self, bar: usize, price: f64) -> bool {
        if let Some((position, from)) = self.held.take() {
            self.hold(position, from, bar);
            self.account.close(position, price);
            // [F3] By the bar of the exit. [M7] Without trades of 0 shares.
            self.trades += u32::from(position.shares > 0.0);
        }
        // [M8]
        !self.account.is_ruined()
    }
}
