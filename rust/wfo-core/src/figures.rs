//! Results of backtests: figures, trades, and the columns that a sweep writes figures into.
//!
//! Each list of figures is written once, in [`standard_figures`] and [`part_figures`]; every type with
//! a member or a column for each figure is generated from it.

use std::ops::Range;

use crate::execution::account::Trade;

/// A kind of figure: its type in memory and in files, and its unit.
pub trait Kind {
    /// Type in memory.
    type Value: Copy + PartialEq + std::fmt::Debug;
    /// Type in result files.
    type Stored: Copy + Default + PartialEq + std::fmt::Debug;
    /// Bytes in result files.
    const STORED_BYTES: usize = size_of::<Self::Stored>();
    /// Whether it is a count, a whole number.
    const COUNTS: bool;
    /// Name of the kind.
    const NAME: &'static str;
    /// The value without any trade.
    const NONE: Self::Value;
    /// The value of a cell that is not written yet, which no result has.
    const UNWRITTEN: Self::Value;

    /// The value as result files hold it.
    fn stored(value: Self::Value) -> Self::Stored;
    /// Writes a stored value, little-endian, at the front of `to`.
    fn put(value: Self::Stored, to: &mut [u8]);
    /// Reads a stored value from the front of `from`.
    fn get(from: &[u8]) -> Self::Stored;
    /// Takes the next row of this kind.
    fn next_row<'a>(rows: &mut Rows<'a>) -> &'a mut [Self::Value];
}

macro_rules! floating {
    ($($(#[$doc:meta])* $kind:ident: $name:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $kind {}

        impl Kind for $kind {
            type Value = f64;
            type Stored = f32;
            const COUNTS: bool = false;
            const NAME: &'static str = $name;
            const NONE: f64 = 0.0;
            const UNWRITTEN: f64 = f64::NAN;

            #[inline(always)]
            fn stored(value: f64) -> f32 {
                value as f32
            }
            #[inline(always)]
            fn put(value: f32, to: &mut [u8]) {
                to[..4].copy_from_slice(&value.to_le_bytes());
            }
            #[inline(always)]
            fn get(from: &[u8]) -> f32 {
                f32::from_le_bytes([from[0], from[1], from[2], from[3]])
            }
            fn next_row<'a>(rows: &mut Rows<'a>) -> &'a mut [f64] {
                rows.floats.next().unwrap_or_default()
            }
        }
    )*};
}

floating! {
    /// An amount in currency.
    Money: "money";
    /// A part of a whole, from 0 on.
    Share: "share";
    /// A sum of relative changes.
    Ratio: "ratio";
}

/// A number of things.
#[derive(Debug)]
pub enum Count {}

impl Kind for Count {
    type Value = u32;
    type Stored = u16;
    const COUNTS: bool = true;
    const NAME: &'static str = "count";
    const NONE: u32 = 0;
    const UNWRITTEN: u32 = u32::MAX;

    /// Saturates at 65,535.
    #[inline(always)]
    fn stored(value: u32) -> u16 {
        value.min(u32::from(u16::MAX)) as u16
    }
    #[inline(always)]
    fn put(value: u16, to: &mut [u8]) {
        to[..2].copy_from_slice(&value.to_le_bytes());
    }
    #[inline(always)]
    fn get(from: &[u8]) -> u16 {
        u16::from_le_bytes([from[0], from[1]])
    }
    fn next_row<'a>(rows: &mut Rows<'a>) -> &'a mut [u32] {
        rows.counts.next().unwrap_or_default()
    }
}

/// The value of some figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Of a kind that is floating.
    Float(f64),
    /// Of a kind that counts.
    Count(u32),
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Count(value)
    }
}

/// A figure by its name, and the name of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Name, as Python has it.
    pub name: &'static str,
    /// `money`, `count`, `share` or `ratio`.
    pub kind: &'static str,
    /// Whether it is a whole number.
    pub counts: bool,
}

/// Hands the list of figures that every sweep computes to a macro: name, kind.
macro_rules! standard_figures {
    ($then:ident $($more:tt)*) => {
        $then! {
            $($more)*
            /// In-sample profit or loss, in currency.
            is_pnl: Money,
            /// Out-of-sample profit or loss, in currency.
            oos_pnl: Money,
            /// Largest in-sample drawdown, in currency.
            is_dd: Money,
            /// Largest out-of-sample drawdown, in currency.
            oos_dd: Money,
            /// Trades closed in-sample.
            is_trades: Count,
            /// Trades closed out-of-sample.
            oos_trades: Count,
        }
    };
}

pub(crate) use standard_figures;

/// Hands the list of extended figures, for each part of a phase, to a macro.
macro_rules! part_figures {
    ($then:ident $($more:tt)*) => {
        $then! {
            $($more)*
            /// Trades closed with a profit.
            wins: Count,
            /// Trades closed with a loss.
            losses: Count,
            /// Sum of the profits of winning trades.
            gross_profit: Money,
            /// Sum of the losses of losing trades, at most 0.
            gross_loss: Money,
            /// The largest profit of a trade; 0 without one.
            largest_win: Money,
            /// The largest loss of a trade, at most 0; 0 without one.
            largest_loss: Money,
            /// Longs closed with a profit.
            long_wins: Count,
            /// Longs closed with a loss.
            long_losses: Count,
            /// Sum of the profits of winning longs.
            long_gross_profit: Money,
            /// Sum of the losses of losing longs, at most 0.
            long_gross_loss: Money,
            /// The largest profit of a long; 0 without one.
            long_largest_win: Money,
            /// The largest loss of a long, at most 0; 0 without one.
            long_largest_loss: Money,
            /// Shorts closed with a profit.
            short_wins: Count,
            /// Shorts closed with a loss.
            short_losses: Count,
            /// Sum of the profits of winning shorts.
            short_gross_profit: Money,
            /// Sum of the losses of losing shorts, at most 0.
            short_gross_loss: Money,
            /// The largest profit of a short; 0 without one.
            short_largest_win: Money,
            /// The largest loss of a short, at most 0; 0 without one.
            short_largest_loss: Money,
            /// Bars at whose close a position of more than 0 shares is open.
            bars_held: Count,
            /// The largest relative fall of the marks from their running peak; NaN where the part does
            /// not begin above 0.
            dd_share: Share,
            /// Sum of the returns from close to close; NaN where a mark is not above 0.
            sum_r: Ratio,
            /// Sum of their squares, likewise.
            sum_r2: Ratio,
            /// Sum of the squares of those below 0, likewise.
            sum_down2: Ratio,
        }
    };
}

/// Defines figures of one parameter set, and what holds those of many.
macro_rules! define_figures {
    (
        $(#[$figures_doc:meta])* $Figures:ident,
        $(#[$columns_doc:meta])* $Columns:ident,
        $(#[$cells_doc:meta])* $Cells:ident;
        $($(#[$doc:meta])* $name:ident: $Kind:ident,)*
    ) => {
        $(#[$figures_doc])*
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $Figures {
            $($(#[$doc])* pub $name: <$Kind as Kind>::Value,)*
        }

        impl $Figures {
            /// The figures without any trade.
            pub const NONE: Self = Self { $($name: <$Kind as Kind>::NONE,)* };

            /// The values, in order.
            #[must_use]
            pub fn values(&self) -> Vec<Value> {
                vec![$(Value::from(self.$name),)*]
            }
        }

        $(#[$columns_doc])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Columns {
            $($(#[$doc])* pub $name: Vec<<$Kind as Kind>::Value>,)*
        }

        impl $Columns {
            /// Columns of `len` cells that hold a value no result has, until they are written.
            #[must_use]
            pub fn unwritten(len: usize) -> Self {
                Self { $($name: vec![<$Kind as Kind>::UNWRITTEN; len],)* }
            }

            /// The figures in cell `i`.
            #[must_use]
            pub fn at(&self, i: usize) -> $Figures {
                $Figures { $($name: self.$name[i],)* }
            }

            /// All cells, to be written.
            pub fn cells(&mut self) -> $Cells<'_> {
                $Cells { $($name: &mut self.$name,)* }
            }
        }

        $(#[$cells_doc])*
        #[derive(Debug)]
        pub struct $Cells<'a> {
            $($name: &'a mut [<$Kind as Kind>::Value],)*
        }

        impl<'a> $Cells<'a> {
            /// Cells in the next rows of each kind, in the order of the figures.
            pub fn in_rows(rows: &mut Rows<'a>) -> Self {
                Self { $($name: <$Kind as Kind>::next_row(rows),)* }
            }

            /// Takes the first `count` cells away from the rest.
            #[must_use]
            pub fn split_front(&mut self, count: usize) -> Self {
                Self { $($name: front(&mut self.$name, count),)* }
            }

            /// Writes cell `i`.
            #[inline(always)]
            pub fn set(&mut self, i: usize, figures: $Figures) {
                $(self.$name[i] = figures.$name;)*
            }

            /// Writes some cells of `columns`, from cell `at` on.
            pub fn set_run(&mut self, at: usize, columns: &$Columns, some: Range<usize>) {
                let to = at..at + some.len();
                $(self.$name[to.clone()].copy_from_slice(&columns.$name[some.clone()]);)*
            }

            /// Copies cell `from` into cell `to`.
            #[inline]
            pub fn repeat(&mut self, from: usize, to: usize) {
                $(self.$name[to] = self.$name[from];)*
            }

            /// Copies all cells of `other`, which has as many.
            pub fn copy_from(&mut self, other: &$Cells<'_>) {
                $(self.$name.copy_from_slice(other.$name);)*
            }
        }
    };
}

/// Names and kinds, with something in front of each name.
macro_rules! fields {
    ($prefix:literal; $($(#[$doc:meta])* $name:ident: $Kind:ident,)*) => {
        &[$(Field {
            name: concat!($prefix, stringify!($name)),
            kind: <$Kind as Kind>::NAME,
            counts: <$Kind as Kind>::COUNTS,
        },)*]
    };
}

standard_figures! { define_figures
    /// Figures of a phase for one parameter set.
    Figures,
    /// Figures of some combinations over one phase, a vector each.
    Columns,
    /// Consecutive cells of [`Columns`] that one worker writes.
    Cells;
}

part_figures! { define_figures
    /// Extended figures of one part of a phase.
    PartFigures,
    /// Figures of some combinations over one part of a phase, a vector each.
    PartColumns,
    /// Consecutive cells of [`PartColumns`] that one worker writes.
    PartCells;
}

impl Figures {
    /// Names and kinds, in order.
    pub const FIELDS: &'static [Field] = standard_figures!(fields "";);
}

impl PartFigures {
    /// Names and kinds of both parts, in order.
    pub const FIELDS: [&'static [Field]; 2] =
        [part_figures!(fields "is_";), part_figures!(fields "oos_";)];
}

impl Columns {
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
}

impl Cells<'_> {
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
}

/// [`Cells`] that several workers write, each of them other cells, in any order.
#[derive(Debug)]
pub(crate) struct SharedCells<'a> {
    money: [*mut f64; 4],
    trades: [*mut u32; 2],
    len: usize,
    cells: std::marker::PhantomData<Cells<'a>>,
}

#[expect(unsafe_code, reason = "cells of a box are not side by side")]
// SAFETY: the pointers are those of cells that are borrowed mutably for as long, and nothing is read
// through them.
unsafe impl Send for SharedCells<'_> {}
#[expect(unsafe_code, reason = "cells of a box are not side by side")]
// SAFETY: `set` asks its caller that no cell is written twice at a time, and nothing else is done.
unsafe impl Sync for SharedCells<'_> {}

impl<'a> SharedCells<'a> {
    /// The same cells.
    pub fn new(cells: Cells<'a>) -> Self {
        let len = cells.len();
        let Cells { is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades } = cells;
        let money = [is_pnl, oos_pnl, is_dd, oos_dd];
        // One length for all of them, to be compared once a cell.
        assert!(money.iter().all(|own| own.len() == len) && is_trades.len() == len);
        assert!(oos_trades.len() == len);
        let (money, trades) =
            (money.map(<[f64]>::as_mut_ptr), [is_trades, oos_trades].map(<[u32]>::as_mut_ptr));
        Self { money, trades, len, cells: std::marker::PhantomData }
    }

    /// Writes cell `i`.
    ///
    /// # Safety
    /// No other thread writes the same cell at the same time.
    ///
    /// # Panics
    /// If there is no such cell.
    #[inline(always)]
    #[expect(unsafe_code, reason = "cells of a box are not side by side")]
    pub unsafe fn set(&self, i: usize, figures: Figures) {
        assert!(i < self.len);
        let Figures { is_pnl, oos_pnl, is_dd, oos_dd, is_trades, oos_trades } = figures;
        let money = self.money.into_iter().zip([is_pnl, oos_pnl, is_dd, oos_dd]);
        let trades = self.trades.into_iter().zip([is_trades, oos_trades]);
        // SAFETY: all columns have `len` cells, which stay borrowed; and the caller's.
        unsafe {
            money.for_each(|(column, value)| column.add(i).write(value));
            trades.for_each(|(column, value)| column.add(i).write(value));
        }
    }
}

fn front<'b, T>(cells: &mut &'b mut [T], count: usize) -> &'b mut [T] {
    let (front, rest) = std::mem::take(cells).split_at_mut(count);
    *cells = rest;
    front
}

/// Rows of one length that figures are written into, by kind.
#[derive(Debug)]
pub struct Rows<'a> {
    floats: std::slice::ChunksExactMut<'a, f64>,
    counts: std::slice::ChunksExactMut<'a, u32>,
}

impl<'a> Rows<'a> {
    /// Splits two tables into rows of `len` cells.
    #[must_use]
    pub fn new(floats: &'a mut [f64], counts: &'a mut [u32], len: usize) -> Self {
        let len = len.max(1);
        Self { floats: floats.chunks_exact_mut(len), counts: counts.chunks_exact_mut(len) }
    }
}

/// How many of some figures are floating, and how many are counts.
#[must_use]
pub fn rows_of(fields: &[Field]) -> (usize, usize) {
    let counts = fields.iter().filter(|field| field.counts).count();
    (fields.len() - counts, counts)
}

/// Cells of all figures of one phase that a sweep writes.
#[derive(Debug)]
pub struct PhaseCells<'a> {
    /// The figures that every sweep computes.
    pub figures: Cells<'a>,
    /// The extended ones.
    pub extended: Option<ExtendedCells<'a>>,
}

impl<'a> PhaseCells<'a> {
    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.figures.len()
    }

    /// Whether there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// Takes the first `count` cells away from the rest.
    #[must_use]
    pub fn split_front(&mut self, count: usize) -> Self {
        let extended = self.extended.as_mut().map(|cells| cells.split_front(count));
        Self { figures: self.figures.split_front(count), extended }
    }
}

impl<'a> From<Cells<'a>> for PhaseCells<'a> {
    fn from(figures: Cells<'a>) -> Self {
        Self { figures, extended: None }
    }
}

/// Consecutive cells of the extended figures that one worker writes.
#[derive(Debug)]
pub struct ExtendedCells<'a> {
    /// In-sample and out-of-sample.
    pub parts: [PartCells<'a>; 2],
    /// Sums of returns and of their squares by label, one row of labels a cell.
    sums: [&'a mut [f64]; 2],
    labels: usize,
}

impl<'a> ExtendedCells<'a> {
    /// Cells of both parts, and tables of so many `labels` a cell for the sums by label.
    #[must_use]
    pub fn new(parts: [PartCells<'a>; 2], sums: [&'a mut [f64]; 2], labels: usize) -> Self {
        Self { parts, sums, labels }
    }

    /// Takes the first `count` cells away from the rest.
    #[must_use]
    pub fn split_front(&mut self, count: usize) -> Self {
        let labels = self.labels;
        let [is, oos] = &mut self.parts;
        let [r, r2] = &mut self.sums;
        Self {
            parts: [is.split_front(count), oos.split_front(count)],
            sums: [front(r, count * labels), front(r2, count * labels)],
            labels,
        }
    }

    /// Writes cell `i`.
    #[inline]
    pub fn set(&mut self, i: usize, parts: &[PartFigures; 2], sums: [&[f64]; 2]) {
        for (cells, figures) in self.parts.iter_mut().zip(parts) {
            cells.set(i, *figures);
        }
        let row = i * self.labels..(i + 1) * self.labels;
        for (to, from) in self.sums.iter_mut().zip(sums) {
            to[row.clone()].copy_from_slice(from);
        }
    }
}

/// Cells of consecutive combinations that can be split and copied, whatever figures they hold.
pub(crate) trait SplitCells: Sized {
    /// Number of cells.
    fn len(&self) -> usize;
    /// Whether there is no cell.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Takes the first `count` cells away from the rest.
    fn split_front(&mut self, count: usize) -> Self;
    /// Copies all cells of `other`, which has as many.
    fn copy_from(&mut self, other: &Self);
}

impl SplitCells for Cells<'_> {
    #[inline(always)]
    fn len(&self) -> usize {
        self.len()
    }
    #[inline(always)]
    fn split_front(&mut self, count: usize) -> Self {
        self.split_front(count)
    }
    #[inline(always)]
    fn copy_from(&mut self, other: &Self) {
        self.copy_from(other);
    }
}

impl ExtendedCells<'_> {
    /// Copies cell `from` into cell `to`.
    pub(crate) fn repeat(&mut self, from: usize, to: usize) {
        self.parts.iter_mut().for_each(|cells| cells.repeat(from, to));
        let labels = self.labels;
        for sums in &mut self.sums {
            sums.copy_within(from * labels..(from + 1) * labels, to * labels);
        }
    }
}

impl SplitCells for ExtendedCells<'_> {
    fn len(&self) -> usize {
        self.parts[0].wins.len()
    }
    fn split_front(&mut self, count: usize) -> Self {
        self.split_front(count)
    }
    fn copy_from(&mut self, other: &Self) {
        for (to, from) in self.parts.iter_mut().zip(&other.parts) {
            to.copy_from(from);
        }
        for (to, from) in self.sums.iter_mut().zip(&other.sums) {
            to.copy_from_slice(from);
        }
    }
}

/// A backtest of one parameter set in full.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// The phase's figures.
    pub figures: Figures,
    /// The extended ones of its parts.
    pub parts: [PartFigures; 2],
    /// Sums of returns and of their squares by label, where there are labels.
    pub sums: Option<[Vec<f64>; 2]>,
    /// Closed trades, oldest first.
    pub trades: Vec<Trade>,
    /// The mark at every close; the capital before the first trading bar.
    pub equity: Vec<f64>,
    /// Bars with a reversal, and the mark at its fill.
    pub reversals: Vec<(usize, f64)>,
}

impl Simulation {
    /// All figures by name, in order.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let [is, oos] = PartFigures::FIELDS;
        let fields = Figures::FIELDS.iter().chain(is).chain(oos);
        let [is, oos] = self.parts.map(|part| part.values());
        let values = self.figures.values().into_iter().chain(is).chain(oos);
        fields.map(|field| field.name).zip(values)
    }
}
