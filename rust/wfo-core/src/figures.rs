//! What backtests come to: figures, trades, and the columns that a sweep writes figures into.

use std::ops::Range;

use crate::money::Side;

/// What a phase comes to for one parameter set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// In-sample profit or loss, in currency.
    pub is_pnl: f64,
    /// Out-of-sample profit or loss, in currency.
    pub oos_pnl: f64,
    /// Largest in-sample drawdown, in currency.
    pub is_dd: f64,
    /// Largest out-of-sample drawdown, in currency.
    pub oos_dd: f64,
    /// Trades closed in-sample.
    pub is_trades: u32,
    /// Trades closed out-of-sample.
    pub oos_trades: u32,
}

impl Figures {
    /// What comes of doing nothing.
    pub const NONE: Self =
        Self { is_pnl: 0.0, oos_pnl: 0.0, is_dd: 0.0, oos_dd: 0.0, is_trades: 0, oos_trades: 0 };
}

/// A closed trade, at its raw fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trade {
    /// Which way it was to earn.
    pub side: Side,
    /// Bar of the entry.
    pub entry_bar: usize,
    /// Fill of the entry, before slippage.
    pub entry_price: f64,
    /// Bar of the exit.
    pub exit_bar: usize,
    /// Fill of the exit, before slippage.
    pub exit_price: f64,
    /// Profit or loss, in currency.
    pub pnl: f64,
}

/// One parameter set in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// The phase's figures.
    pub figures: Figures,
    /// Closed trades, oldest first.
    pub trades: Vec<Trade>,
    /// The mark at every close; the capital before the first trading bar.
    pub equity: Vec<f64>,
}

/// Figures of consecutive combinations over one phase, a vector each.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// In-sample profit or loss, in currency.
    pub is_pnl: Vec<f64>,
    /// Out-of-sample profit or loss, in currency.
    pub oos_pnl: Vec<f64>,
    /// Largest in-sample drawdown, in currency.
    pub is_dd: Vec<f64>,
    /// Largest out-of-sample drawdown, in currency.
    pub oos_dd: Vec<f64>,
    /// Trades closed in-sample.
    pub is_trades: Vec<u32>,
    /// Trades closed out-of-sample.
    pub oos_trades: Vec<u32>,
}

impl Columns {
    /// Columns of `len` cells that hold what no result is, until they are written.
    #[must_use]
    pub fn unwritten(len: usize) -> Self {
        let (money, count) = (|| vec![f64::NAN; len], || vec![u32::MAX; len]);
        Self {
            is_pnl: money(),
            oos_pnl: money(),
            is_dd: money(),
            oos_dd: money(),
            is_trades: count(),
            oos_trades: count(),
        }
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.is_pnl.len()
    }

    /// Whether there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_pnl.is_empty()
    }

    /// The figures in cell `i`.
    #[must_use]
    pub fn at(&self, i: usize) -> Figures {
        Figures {
            is_pnl: self.is_pnl[i],
            oos_pnl: self.oos_pnl[i],
            is_dd: self.is_dd[i],
            oos_dd: self.oos_dd[i],
            is_trades: self.is_trades[i],
            oos_trades: self.oos_trades[i],
        }
    }

    /// All cells, to be written.
    pub fn cells(&mut self) -> Cells<'_> {
        Cells {
            is_pnl: &mut self.is_pnl,
            oos_pnl: &mut self.oos_pnl,
            is_dd: &mut self.is_dd,
            oos_dd: &mut self.oos_dd,
            is_trades: &mut self.is_trades,
            oos_trades: &mut self.oos_trades,
        }
    }
}

/// A stretch of [`Columns`] that one worker writes.
#[derive(Debug)]
pub struct Cells<'a> {
    is_pnl: &'a mut [f64],
    oos_pnl: &'a mut [f64],
    is_dd: &'a mut [f64],
    oos_dd: &'a mut [f64],
    is_trades: &'a mut [u32],
    oos_trades: &'a mut [u32],
}

impl<'a> Cells<'a> {
    /// Cells whose profits and drawdowns stand in `money`, in the order of [`Columns`], and whose
    /// trades in `counts`.
    ///
    /// # Panics
    /// If the slices are not of one length.
    #[must_use]
    pub fn new(money: [&'a mut [f64]; 4], counts: [&'a mut [u32]; 2]) -> Self {
        let len = money[0].len();
        assert!(money.iter().all(|column| column.len() == len), "columns of different lengths");
        assert!(counts.iter().all(|column| column.len() == len), "columns of different lengths");
        let ([is_pnl, oos_pnl, is_dd, oos_dd], [is_trades, oos_trades]) = (money, counts);
        Self { is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades }
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.is_pnl.len()
    }

    /// Whether there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_pnl.is_empty()
    }

    /// Takes the first `count` cells away from the rest.
    #[must_use]
    pub fn split_front(&mut self, count: usize) -> Self {
        fn front<'b, T>(cells: &mut &'b mut [T], count: usize) -> &'b mut [T] {
            let (front, rest) = std::mem::take(cells).split_at_mut(count);
            *cells = rest;
            front
        }
        Self {
            is_pnl: front(&mut self.is_pnl, count),
            oos_pnl: front(&mut self.oos_pnl, count),
            is_dd: front(&mut self.is_dd, count),
            oos_dd: front(&mut self.oos_dd, count),
            is_trades: front(&mut self.is_trades, count),
            oos_trades: front(&mut self.oos_trades, count),
        }
    }

    /// Writes cell `i`.
    #[inline(always)]
    pub fn set(&mut self, i: usize, figures: Figures) {
        self.is_pnl[i] = figures.is_pnl;
        self.oos_pnl[i] = figures.oos_pnl;
        self.is_dd[i] = figures.is_dd;
        self.oos_dd[i] = figures.oos_dd;
        self.is_trades[i] = figures.is_trades;
        self.oos_trades[i] = figures.oos_trades;
    }

    /// Writes some cells of `columns`, from cell `at` on.
    pub fn set_run(&mut self, at: usize, columns: &Columns, some: Range<usize>) {
        let to = at..at + some.len();
        self.is_pnl[to.clone()].copy_from_slice(&columns.is_pnl[some.clone()]);
        self.oos_pnl[to.clone()].copy_from_slice(&columns.oos_pnl[some.clone()]);
        self.is_dd[to.clone()].copy_from_slice(&columns.is_dd[some.clone()]);
        self.oos_dd[to.clone()].copy_from_slice(&columns.oos_dd[some.clone()]);
        self.is_trades[to.clone()].copy_from_slice(&columns.is_trades[some.clone()]);
        self.oos_trades[to].copy_from_slice(&columns.oos_trades[some]);
    }

    /// Copies cell `from` into cell `to`.
    #[inline]
    pub fn repeat(&mut self, from: usize, to: usize) {
        self.is_pnl[to] = self.is_pnl[from];
        self.oos_pnl[to] = self.oos_pnl[from];
        self.is_dd[to] = self.is_dd[from];
        self.oos_dd[to] = self.oos_dd[from];
        self.is_trades[to] = self.is_trades[from];
        self.oos_trades[to] = self.oos_trades[from];
    }

    /// Copies all cells of `other`, which has as many.
    pub fn copy_from(&mut self, other: &Cells<'_>) {
        self.is_pnl.copy_from_slice(other.is_pnl);
        self.oos_pnl.copy_from_slice(other.oos_pnl);
        self.is_dd.copy_from_slice(other.is_dd);
        self.oos_dd.copy_from_slice(other.oos_dd);
        self.is_trades.copy_from_slice(other.is_trades);
        self.oos_trades.copy_from_slice(other.oos_trades);
    }
}
