//! Paths whose trades are listed one after the other, and entered in the accounts of four at a time.

use super::walk::Fills;
use crate::engine::boundary::Boundary;
use crate::engine::excursion::{Excursion, Long, NO_TRADE, Short, Side as _, UNIT_RATE};
use crate::engine::f64x4::{F64_LANES, F64x4};
use crate::engine::lane_accounts::Accounts;
use crate::engine::lane_parts::{ListedTrade, PartEnds, TradeLists};
use crate::engine::per_unit::PerUnit;
use crate::execution::account::Side;
use crate::figures::Figures;
use crate::market::slice::Slice;

/// The trades of a path through a phase, oldest first; behind them one that changes nothing.
#[derive(Debug, Clone)]
pub(super) struct Path {
    rates: Vec<f64>,
    excursions: Vec<Excursion>,
    /// First bar and the bar of the end, by trade.
    bars: Vec<(u32, u32)>,
    split: u32,
    /// Trades that end in-sample.
    inner: u32,
}

impl Default for Path {
    fn default() -> Self {
        let mut path = Self {
            rates: Vec::new(),
            excursions: Vec::new(),
            bars: Vec::new(),
            split: 0,
            inner: 0,
        };
        path.end();
        path
    }
}

impl Path {
    fn begin(&mut self, slice: Slice) {
        self.rates.clear();
        self.excursions.clear();
        self.bars.clear();
        (self.split, self.inner) = (slice.split as u32, 0);
    }

    #[inline(always)]
    fn push(&mut self, rate: f64, excursion: Excursion, (from, to): (usize, usize)) {
        self.rates.push(rate);
        self.excursions.push(excursion);
        self.bars.push((from as u32, to as u32));
        // [F3]
        self.inner += u32::from((to as u32) < self.split);
    }

    fn end(&mut self) {
        self.rates.push(UNIT_RATE);
        self.excursions.push(NO_TRADE);
        self.bars.push((u32::MAX, u32::MAX));
    }

    /// Its trades, but for what is behind them.
    fn len(&self) -> u32 {
        self.rates.len() as u32 - 1
    }
}

/// Shares of a unit of equity that a position opens at a fill; owed ones are negative.
#[inline(always)]
pub(super) fn rate(per_unit: &PerUnit, side: Side, fill: f64) -> f64 {
    match side {
        Side::Long => per_unit.rate::<Long>(fill),
        Side::Short => per_unit.rate::<Short>(fill),
    }
}

/// What becomes of a position that is opened in a bar and closed at a fill in the same or a later one.
#[inline(always)]
pub(super) fn excursion(
    per_unit: &PerUnit,
    side: Side,
    (from, to): (usize, usize),
    fill: f64,
) -> Excursion {
    // [M4]
    let net = match side {
        Side::Long => fill * per_unit.gain,
        Side::Short => fill * per_unit.cost,
    };
    if from == to {
        return Excursion::same_bar(net);
    }
    let closes = per_unit.summaries().between(from, to);
    match side {
        Side::Long => Long::excursion(closes, net),
        Side::Short => Short::excursion(closes, net),
    }
}

/// A path that is being listed.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    per_unit: &'a PerUnit,
    path: &'a mut Path,
    held: Option<(Side, usize, f64)>,
}

impl<'a> Listing<'a> {
    /// Begins with no trade.
    #[inline(always)]
    pub fn new(per_unit: &'a PerUnit, path: &'a mut Path, slice: Slice) -> Self {
        path.begin(slice);
        Self { per_unit, path, held: None }
    }

    #[inline(always)]
    fn trade(&mut self, (side, from, entry): (Side, usize, f64), to: usize, exit: Option<f64>) {
        let per_unit = self.per_unit;
        // A closure would not be compiled for the tier.
        let excursion = match exit {
            Some(exit) => excursion(per_unit, side, (from, to), exit),
            None => NO_TRADE,
        };
        self.path.push(rate(per_unit, side, entry), excursion, (from, to));
    }

    /// Ends the list: what is held is not closed.
    #[inline(always)]
    pub fn finish(mut self) {
        if let Some(held) = self.held.take() {
            self.trade(held, u32::MAX as usize, None);
        }
        self.path.end();
    }
}

impl Fills for Listing<'_> {
    #[inline(always)]
    fn open(&mut self, side: Side, bar: usize, price: f64) {
        self.held = Some((side, bar, price));
    }

    /// A ruin is noticed when the trades are entered.
    #[inline(always)]
    fn close(&mut self, bar: usize, price: f64) -> bool {
        if let Some(held) = self.held.take() {
            self.trade(held, bar, Some(price));
        }
        true
    }
}

/// Four paths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Four<'a>(pub [&'a Path; F64_LANES]);

impl<'a> TradeLists<'a> for Four<'a> {
    #[inline(always)]
    fn trade(&self, i: usize, place: u32) -> ListedTrade<'a> {
        let ((from, to), (rate, excursion)) = (self.0[i].bars[place as usize], self.row(i, place));
        ListedTrade { rate, excursion, from, to }
    }

    #[inline(always)]
    fn row(&self, i: usize, place: u32) -> (f64, &'a Excursion) {
        let path = self.0[i];
        (path.rates[place as usize], &path.excursions[place as usize])
    }

    #[inline(always)]
    fn idle(&self, i: usize) -> u32 {
        self.0[i].len()
    }
}

impl Four<'_> {
    /// The figures of four paths, in phases with these ends; of each also whether a trade may have
    /// been a ruin.
    #[inline(always)]
    pub fn figures<V: F64x4>(
        &self,
        per_unit: &PerUnit,
        slices: [Slice; F64_LANES],
        boundaries: [&[Boundary; 2]; F64_LANES],
    ) -> [(Figures, bool); F64_LANES] {
        let ends = PartEnds {
            boundaries,
            splits: slices.map(|slice| slice.split as u32),
            ends: slices.map(|slice| slice.end as u32),
        };
        let mut out = [(Figures::NONE, true); F64_LANES];
        let mut accounts = Accounts::<V>::new(per_unit.capital);
        let inner = self.0.map(|path| path.inner);
        // What is not closed is the last one.
        let all = self.0.map(|path| {
            let closed =
                path.bars[..path.len() as usize].last().is_none_or(|last| last.1 != u32::MAX);
            path.len() - u32::from(!closed)
        });
        let steps = self.0.map(|path| path.len() + 1);
        ends.enter::<V, true>(per_unit, &mut accounts, self, [inner, all, steps], &mut out);
        out
    }
}
