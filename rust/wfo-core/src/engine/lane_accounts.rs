//! The accounts of four paths.

use std::hint::select_unpredictable;

use crate::engine::excursion::{Excursion, NO_TRADE, UNIT_RATE};
use crate::engine::f64x4::{F64_LANES, F64x4};
use crate::engine::per_unit::PerUnit;
use crate::engine::ruin::{FADED, NEARLY_RUINED};

/// The accounts of four paths.
#[derive(Clone, Copy)]
pub(crate) struct Accounts<V> {
    pub equity: V,
    pub peak: V,
    pub drawdown: V,
    /// A bit for each path where a trade may have been a ruin, which the caller decides by the
    /// direct engine's expressions.
    pub may_be_ruined: u32,
    /// A bit for each path that has come to its end.
    pub finished: u32,
    /// Which paths are out-of-sample.
    pub is_oos: [bool; F64_LANES],
    /// Trades of the part that they are in.
    pub trades: [u32; F64_LANES],
}

impl<V: F64x4> Accounts<V> {
    pub fn new(capital: f64) -> Self {
        let (money, nothing) = (V::splat(capital), V::splat(0.0));
        let (is_oos, trades) = ([false; F64_LANES], [0; F64_LANES]);
        Self {
            equity: money,
            peak: money,
            drawdown: nothing,
            may_be_ruined: 0,
            finished: 0,
            is_oos,
            trades,
        }
    }

    /// Closes positions of so many shares a unit: their marks and exits, in order.
    #[inline(always)]
    pub fn close<const SHORTS: bool>(
        &mut self,
        per_unit: &PerUnit,
        rates: V,
        excursions: [&Excursion; F64_LANES],
    ) {
        let [a, b, c, d] = excursions;
        let rows = [a.as_array(), b.as_array(), c.as_array(), d.as_array()];
        let [mae, mfe, drawdown, net] = V::transpose(rows);
        // [M2] [M5]
        let shares = self.equity.mul(rates);
        let short_cash = rates.where_negative(V::splat(per_unit.short_cash));
        let cash = if SHORTS { self.equity.mul(short_cash) } else { short_cash };
        let below = self.peak.sub(worth::<V, SHORTS>(cash, shares, mae));
        // [F2]
        self.drawdown = self.drawdown.max(below.max(shares.mul(drawdown)));
        self.peak = self.peak.max(worth::<V, SHORTS>(cash, shares, mfe));
        // [M4]
        self.equity = worth::<V, SHORTS>(cash, shares, net);
    }

    /// Notes trades that may have been a ruin, which the caller decides.
    #[inline(always)]
    pub fn note_ruins(&mut self, before: V, some: u32) {
        let nearly_ruined = before.mul(V::splat(NEARLY_RUINED));
        self.may_be_ruined |= some & self.equity.le(nearly_ruined);
    }

    /// Notes equity that costs have consumed, and that may be rounded to nothing.
    #[inline(always)]
    pub fn note_faded(&mut self, capital: f64, some: u32) {
        self.may_be_ruined |= some & self.equity.le(V::splat(FADED * capital));
    }
}

/// What positions are worth at some prices.
#[inline(always)]
fn worth<V: F64x4, const SHORTS: bool>(cash: V, shares: V, prices: V) -> V {
    // [M3]
    let shares = shares.mul(prices);
    if SHORTS { cash.add(shares) } else { shares }
}

/// Rates and excursions of four positions to be closed, which change nothing until they are set.
pub(crate) struct Closing<'a> {
    pub rates: [f64; F64_LANES],
    pub excursions: [&'a Excursion; F64_LANES],
}

impl<'a> Closing<'a> {
    #[inline(always)]
    pub fn new() -> Self {
        Self { rates: [UNIT_RATE; F64_LANES], excursions: [&NO_TRADE; F64_LANES] }
    }

    /// Sets one of them, if it is so.
    #[inline(always)]
    pub fn set(&mut self, i: usize, really: bool, rate: f64, excursion: &'a Excursion) {
        self.rates[i] = select_unpredictable(really, rate, UNIT_RATE);
        self.excursions[i] = select_unpredictable(really, excursion, &NO_TRADE);
    }
}
