//! The orders of one parameter set over some bars: the columns that they read, and their touches.

use std::ops::Range;

use super::columns::Columns;
use super::elementwise::holds;
use super::evaluator::Evaluator;
use super::plan::Plan;
use super::program::{EntryKind, ExitKind, Program};
use crate::execution::account::Side;
use crate::execution::touches::{self, Touch, Way};
use crate::market::bars::Bars;

/// Prices of the bars, and beside each the close of the bar before.
#[derive(Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) first: usize,
    pub(super) open: &'a [f64],
    pub(super) high: &'a [f64],
    pub(super) low: &'a [f64],
    pub(super) close: &'a [f64],
    pub(super) close_before: &'a [f64],
}

impl<'a> Part<'a> {
    pub(super) fn new(bars: &'a Bars, range: Range<usize>) -> Self {
        // [T1] Beside bar t stands what is known at t - 1.
        let before = range.start - 1..range.end - 1;
        Self {
            first: range.start,
            open: &bars.open()[range.clone()],
            high: &bars.high()[range.clone()],
            low: &bars.low()[range.clone()],
            close: &bars.close()[range],
            close_before: &bars.close()[before],
        }
    }

    /// Of what is touched in bar `k` the one that counts; what is equal goes to `first`.
    #[inline(always)]
    pub(super) fn earlier(&self, first: Option<Touch>, second: Touch, k: usize) -> Touch {
        match first {
            // [B2]
            Some(first) if !self.comes_first(second, first, k) => first,
            _ => second,
        }
    }

    #[inline(always)]
    pub(super) fn comes_first(&self, second: Touch, first: Touch, k: usize) -> bool {
        touches::second_comes_first(first, second, self.open[k], self.high[k], self.low[k])
    }

    /// A touch by a fall, or by a rise.
    #[inline(always)]
    pub(super) fn touch<const UP: bool>(&self, level: f64, k: usize) -> Option<Touch> {
        let touch = if UP {
            touches::up(level, self.open[k], self.high[k])
        } else {
            touches::down(level, self.open[k], self.low[k])
        };
        // [R14]
        touch.filter(|touch| touch.level.is_finite())
    }

    /// What is filled at the open, whatever that is.
    #[inline(always)]
    fn at_open(&self, k: usize) -> Touch {
        let open = self.open[k];
        Touch { level: open, fill: open, way: Way::Up, at_open: true }
    }
}

/// The extremes since the last event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extremes {
    pub(super) highest: f64,
    pub(super) lowest: f64,
}

/// An entry, and its column: at `k` stands what is known before bar `k` of the part.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) kind: EntryKind,
    pub(super) values: &'a [f64],
}

impl Entry<'_> {
    /// Its touch in bar `k`.
    #[inline(always)]
    pub(super) fn touch<const LONG: bool>(
        &self,
        kind: EntryKind,
        part: &Part<'_>,
        k: usize,
        extremes: &Extremes,
    ) -> Option<Touch> {
        let value = self.values[k];
        match (kind, LONG) {
            // [R1]
            (EntryKind::AtOpen, _) => holds(value).then(|| part.at_open(k)),
            // [R2]
            (EntryKind::Stop, true) => part.touch::<true>(value, k),
            (EntryKind::Stop, false) => part.touch::<false>(value, k),
            // [R3]
            (EntryKind::Limit, true) => part.touch::<false>(value, k),
            (EntryKind::Limit, false) => part.touch::<true>(value, k),
            // [R4]
            (EntryKind::Pullback, true) => part.touch::<false>(extremes.highest - value, k),
            (EntryKind::Pullback, false) => part.touch::<true>(extremes.lowest + value, k),
            // [R5]
            (EntryKind::Breakout, true) => part.touch::<true>(part.close_before[k] + value, k),
            (EntryKind::Breakout, false) => part.touch::<false>(part.close_before[k] - value, k),
        }
    }
}

/// An exit, and its column.
#[derive(Clone, Copy)]
pub(super) struct Exit<'a> {
    pub(super) kind: ExitKind,
    pub(super) values: &'a [f64],
    /// The same from the first bar of the evaluator on.
    all: &'a [f64],
    pub(super) percent: bool,
    /// Of `after` the bars that a position lasts.
    pub(super) bars: usize,
}

/// What an exit knows of the position that it leaves.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fixed {
    /// A level of a loss or target.
    Level(f64),
    /// The first bar of the part in which `after` works.
    Due(usize),
    Nothing,
}

impl Exit<'_> {
    /// The level of a loss or target at a value, for a position with the fill `price`.
    #[inline(always)]
    pub(super) fn level<const LONG: bool>(&self, price: f64, value: f64) -> f64 {
        // [R13]
        let distance = if self.percent { price * (value / 100.0) } else { value };
        // [R10] [R11] Below the fill is a loss of a long, and a target of a short.
        if LONG == (self.kind == ExitKind::Loss) { price - distance } else { price + distance }
    }

    /// What follows from the position: its fill, and the bar of its entry. `first` is the first bar
    /// of the part, `origin` that of the evaluator.
    pub(super) fn fixed<const LONG: bool>(
        &self,
        price: f64,
        entry_bar: usize,
        first: usize,
        origin: usize,
    ) -> Fixed {
        match self.kind {
            ExitKind::Loss | ExitKind::Target => {
                // [R10] [R11] [T4] The value at e - 1 of the set that is now in force.
                let known = (entry_bar - 1).checked_sub(origin).and_then(|at| self.all.get(at));
                Fixed::Level(self.level::<LONG>(price, known.copied().unwrap_or(f64::NAN)))
            }
            // [R12]
            ExitKind::After => {
                Fixed::Due((entry_bar.saturating_add(self.bars)).saturating_sub(first))
            }
            _ => Fixed::Nothing,
        }
    }

    /// Its touch in bar `k`.
    #[inline(always)]
    pub(super) fn touch<const LONG: bool>(
        &self,
        kind: ExitKind,
        fixed: Fixed,
        part: &Part<'_>,
        k: usize,
        extremes: &Extremes,
    ) -> Option<Touch> {
        match (kind, fixed, LONG) {
            // [R6]
            (ExitKind::AtOpen, ..) => holds(self.values[k]).then(|| part.at_open(k)),
            // [R12]
            (ExitKind::After, Fixed::Due(due), _) => (k >= due).then(|| part.at_open(k)),
            // [R7]
            (ExitKind::Stop, _, true) => part.touch::<false>(self.values[k], k),
            (ExitKind::Stop, _, false) => part.touch::<true>(self.values[k], k),
            // [R8]
            (ExitKind::Limit, _, true) => part.touch::<true>(self.values[k], k),
            (ExitKind::Limit, _, false) => part.touch::<false>(self.values[k], k),
            // [R9]
            (ExitKind::Trail, _, true) => part.touch::<false>(extremes.highest - self.values[k], k),
            (ExitKind::Trail, _, false) => part.touch::<true>(extremes.lowest + self.values[k], k),
            // [R10]
            (ExitKind::Loss, Fixed::Level(level), true) => part.touch::<false>(level, k),
            (ExitKind::Loss, Fixed::Level(level), false) => part.touch::<true>(level, k),
            // [R11]
            (ExitKind::Target, Fixed::Level(level), true) => part.touch::<true>(level, k),
            (ExitKind::Target, Fixed::Level(level), false) => part.touch::<false>(level, k),
            _ => None,
        }
    }

    /// Its level in bar `k` for a position that is entered in this bar at `price`; `None` of an exit
    /// that does not work then.
    #[inline]
    pub(super) fn level_at_entry<const LONG: bool>(&self, price: f64, k: usize) -> Option<f64> {
        match self.kind {
            ExitKind::AtOpen | ExitKind::After => None,
            ExitKind::Stop | ExitKind::Limit => Some(self.values[k]),
            // [B5] Of a trail as of a loss.
            ExitKind::Trail if LONG => Some(price - self.values[k]),
            ExitKind::Trail => Some(price + self.values[k]),
            ExitKind::Loss | ExitKind::Target => Some(self.level::<LONG>(price, self.values[k])),
        }
    }

    /// Whether it limits a loss.
    pub(super) fn protects(&self) -> bool {
        matches!(self.kind, ExitKind::Stop | ExitKind::Trail | ExitKind::Loss)
    }

    /// Its place among kinds that are touched alike.
    fn class(kind: ExitKind) -> usize {
        // [B2]
        match kind {
            ExitKind::AtOpen | ExitKind::After => 0,
            ExitKind::Stop | ExitKind::Trail | ExitKind::Loss => 1,
            ExitKind::Limit | ExitKind::Target => 2,
        }
    }
}

/// The orders of one side: those that open it, and those that close it.
pub(super) struct SideOrders<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    /// In the order in which what is equal counts.
    pub(super) exits: Vec<Exit<'a>>,
    /// Whether the entries also work while the other side is held.
    pub(super) reverses: bool,
}

/// What the orders of a parameter set are read from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) program: &'a Program,
    pub(super) plan: &'a Plan,
    pub(super) columns: &'a Columns,
    pub(super) evaluator: &'a Evaluator,
    pub(super) numbers: &'a [f64],
}

impl<'a> Sources<'a> {
    /// The orders of a side for the bars of a range.
    pub(super) fn orders(&self, side: Side, bars: &Range<usize>) -> SideOrders<'a> {
        let Self { program, plan, .. } = *self;
        let (entries, entry_roots, exits, exit_roots, reverses) = match side {
            Side::Long => (
                &program.long,
                &plan.long,
                &program.exit_long,
                &plan.exit_long,
                program.reverse_to_long,
            ),
            Side::Short => (
                &program.short,
                &plan.short,
                &program.exit_short,
                &plan.exit_short,
                program.reverse_to_short,
            ),
        };
        let entry = |(order, &root): (&super::program::Entry, &usize)| Entry {
            kind: order.kind,
            values: self.before(self.all(root), bars),
        };
        let exit = |(order, root): (&super::program::Exit, &Option<usize>)| {
            let all = root.map_or(&[][..], |root| self.all(root));
            let values = if root.is_some() { self.before(all, bars) } else { all };
            let bars = order.value.filter(|_| order.kind == ExitKind::After);
            let bars = bars.map_or(0, |node| self.numbers[node] as usize);
            Exit { kind: order.kind, values, all, percent: order.percent, bars }
        };
        let mut exits: Vec<Exit<'a>> = exits.iter().zip(exit_roots).map(exit).collect();
        exits.sort_by_key(|exit| Exit::class(exit.kind));
        SideOrders {
            entries: entries.iter().zip(entry_roots).map(entry).collect(),
            exits,
            // [R17]
            reverses: self.is_on(reverses),
        }
    }

    /// Whether a number is given and holds.
    pub(super) fn is_on(&self, node: Option<usize>) -> bool {
        node.is_some_and(|node| holds(self.numbers[node]))
    }

    pub(super) fn all(&self, root: usize) -> &'a [f64] {
        self.evaluator.column(self.columns, root, self.numbers)
    }

    /// Values of a column one bar before each of a range.
    pub(super) fn before(&self, all: &'a [f64], bars: &Range<usize>) -> &'a [f64] {
        let origin = self.evaluator.range().start;
        &all[bars.start - 1 - origin..bars.end - 1 - origin]
    }
}
