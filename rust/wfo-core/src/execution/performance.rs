//! The figures of a backtest over a whole history, without a boundary in it.

use std::ops::Range;

use crate::execution::account::{Account, Holding, Position, Recorder, Side, Trade};
use crate::execution::extended::Extended;
use crate::execution::intraday::{Intraday, Paths};

/// Names of the figures, in the order in which a row holds them.
pub const FIELDS: [&str; 35] = [
    "trades",
    "wins",
    "losses",
    "gross_profit",
    "gross_loss",
    "largest_win",
    "largest_loss",
    "sum_pnl2",
    "intraday_dd",
    "long_trades",
    "long_wins",
    "long_losses",
    "long_gross_profit",
    "long_gross_loss",
    "long_largest_win",
    "long_largest_loss",
    "long_sum_pnl2",
    "long_intraday_dd",
    "short_trades",
    "short_wins",
    "short_losses",
    "short_gross_profit",
    "short_gross_loss",
    "short_largest_win",
    "short_largest_loss",
    "short_sum_pnl2",
    "short_intraday_dd",
    "pnl",
    "dd",
    "dd_share",
    "open_profit",
    "bars_held",
    "sum_r",
    "sum_r2",
    "sum_down2",
];

/// The figures of one backtest, in the order of [`FIELDS`].
pub type Row = [f64; FIELDS.len()];

/// Records what the figures are made of, one backtest after the other.
#[derive(Debug, Clone)]
pub struct Performance<'a> {
    extended: Extended<'a>,
    intraday: Intraday<'a>,
    /// Of longs and shorts.
    trades: [u32; 2],
    squares: [f64; 2],
}

impl<'a> Performance<'a> {
    /// A recorder of backtests on the bars of these paths.
    #[must_use]
    pub fn new(paths: &'a Paths<'a>) -> Self {
        let (extended, intraday) = (Extended::new(None), Intraday::new(paths));
        Self { extended, intraday, trades: [0; 2], squares: [0.0; 2] }
    }

    /// Begins a backtest.
    pub fn begin(&mut self, capital: f64) {
        self.extended.begin(capital);
        self.intraday.begin(capital);
        (self.trades, self.squares) = ([0; 2], [0.0; 2]);
    }

    /// The figures of a backtest that started with `capital`, and whose last bar has ended.
    #[must_use]
    pub fn row(account: &Account<'_, &mut Self>, capital: f64) -> Row {
        let Self { extended, intraday, trades: [longs, shorts], squares } = account.recorded_by();
        // [F16] One part, from the first trading bar to the last.
        let [part, _] = extended.parts();
        let [whole, long, short] = intraday.falls();
        [
            f64::from(longs + shorts),
            f64::from(part.wins),
            f64::from(part.losses),
            part.gross_profit,
            part.gross_loss,
            part.largest_win,
            part.largest_loss,
            squares[0] + squares[1],
            whole,
            f64::from(*longs),
            f64::from(part.long_wins),
            f64::from(part.long_losses),
            part.long_gross_profit,
            part.long_gross_loss,
            part.long_largest_win,
            part.long_largest_loss,
            squares[0],
            long,
            f64::from(*shorts),
            f64::from(part.short_wins),
            f64::from(part.short_losses),
            part.short_gross_profit,
            part.short_gross_loss,
            part.short_largest_win,
            part.short_largest_loss,
            squares[1],
            short,
            account.marked() - capital,
            account.drawdown(),
            part.dd_share,
            account.marked() - account.equity(),
            f64::from(part.bars_held),
            part.sum_r,
            part.sum_r2,
            part.sum_down2,
        ]
    }
}

impl Recorder for Performance<'_> {
    const RUNS: bool = true;

    #[inline(always)]
    fn bar(&mut self, bar: usize, mark: f64, held: bool) {
        self.extended.bar(bar, mark, held);
        self.intraday.bar(bar, mark, held);
    }

    #[inline(always)]
    fn reversal(&mut self, bar: usize, mark: f64) {
        self.extended.reversal(bar, mark);
    }

    #[inline(always)]
    fn trade(&mut self, trade: Trade) {
        let side = usize::from(trade.side == Side::Short);
        self.trades[side] += 1;
        // [F16]
        self.squares[side] += trade.pnl * trade.pnl;
        self.extended.trade(trade);
    }

    fn part(&mut self, mark: f64) {
        self.extended.part(mark);
    }

    #[inline(always)]
    fn held_bars(&mut self, first: usize, position: Position, equity: f64, closes: &[f64]) {
        // Shares of 0 change no mark, and bars of them are not held.
        if position.shares > 0.0 {
            self.extended.add_held(position, equity, closes);
            self.intraday.held_bars(first, position, equity, closes);
        }
    }

    #[inline(always)]
    fn flat_bars(&mut self, bars: Range<usize>, mark: f64) {
        // The last event has ended at the same mark; above 0 it adds nothing.
        if mark <= 0.0 {
            bars.for_each(|bar| self.extended.bar(bar, mark, false));
        }
    }

    fn entered(&mut self, holding: &Holding) {
        self.intraday.entered(holding);
    }

    fn left(&mut self, holding: &Holding, bar: usize, price: f64, profit: f64) {
        self.intraday.left(holding, bar, price, profit);
    }
}
