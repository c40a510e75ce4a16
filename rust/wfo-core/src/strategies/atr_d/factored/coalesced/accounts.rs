//! The accounts of eight paths.

use crate::engine::excursion::{Excursion, Side};
use crate::engine::f64x4::max;

/// Paths whose accounts are updated at once.
pub(in super::super) const ACCOUNT_LANES: usize = 8;

/// The accounts of eight paths.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
pub(in super::super) struct AccountLanes {
    pub equity: [f64; ACCOUNT_LANES],
    /// Shares of the open position; owed ones are negative.
    pub shares: [f64; ACCOUNT_LANES],
    pub peak: [f64; ACCOUNT_LANES],
    pub drawdown: [f64; ACCOUNT_LANES],
    pub trades: [u64; ACCOUNT_LANES],
    pub is_pnl: [f64; ACCOUNT_LANES],
    pub is_dd: [f64; ACCOUNT_LANES],
    pub is_trades: [u64; ACCOUNT_LANES],
}

/// By members of four lanes, all bits where a path is one of them.
///
/// Arithmetic on members would come to the same, but compilers see through it, and break up the
/// loops over lanes that are to become vector instructions.
static MASKS: [[u64; ACCOUNT_LANES / 2]; 1 << (ACCOUNT_LANES / 2)] = {
    let mut masks = [[0; ACCOUNT_LANES / 2]; 1 << (ACCOUNT_LANES / 2)];
    let mut at = 0;
    while at < masks.len() * ACCOUNT_LANES / 2 {
        let (members, i) = (at / (ACCOUNT_LANES / 2), at % (ACCOUNT_LANES / 2));
        masks[members][i] = if members >> i & 1 == 1 { u64::MAX } else { 0 };
        at += 1;
    }
    masks
};

#[inline(always)]
fn each<T: Copy + Default>(of: impl Fn(usize) -> T) -> [T; ACCOUNT_LANES] {
    let mut all = [T::default(); ACCOUNT_LANES];
    for (i, one) in all.iter_mut().enumerate() {
        *one = of(i);
    }
    all
}

#[inline(always)]
fn masks(members: u64) -> [u64; ACCOUNT_LANES] {
    const HALF: usize = ACCOUNT_LANES / 2;
    let half = |members: u64| &MASKS[members as usize % MASKS.len()];
    let (first, second) = (half(members), half(members >> HALF));
    each(|i| if i < HALF { first[i] } else { second[i - HALF] })
}

/// `if_true` where the mask is set, or else `if_false`.
#[inline(always)]
fn select(mask: u64, if_true: f64, if_false: f64) -> f64 {
    f64::from_bits(if_true.to_bits() & mask | if_false.to_bits() & !mask)
}

// Everything is read before anything is written, and whole: or else no compiler makes vector
// instructions of it.
impl AccountLanes {
    /// Opens positions of `rate` shares a unit.
    #[inline(always)]
    pub fn open(&mut self, members: u64, rate: f64) {
        let (masks, equity, shares) = (masks(members), self.equity, self.shares);
        // [M2] [M5]
        self.shares = each(|i| select(masks[i], equity[i] * rate, shares[i]));
    }

    /// A path's equity, peak and drawdown after an exit.
    #[inline(always)]
    pub fn after<S: Side>(
        &self,
        i: usize,
        rate: f64,
        excursion: &Excursion,
        short_cash: f64,
    ) -> (f64, f64, f64) {
        let shares = if rate.is_nan() { self.shares[i] } else { self.equity[i] * rate };
        let (peak, base) = (self.peak[i], self.equity[i] * short_cash);
        let worth = |price: f64| if S::SHORT { base + shares * price } else { shares * price };
        let below = max(peak - worth(excursion.mae), shares * excursion.drawdown);
        let drawdown = max(self.drawdown[i], below);
        (worth(excursion.net), max(peak, worth(excursion.mfe)), drawdown)
    }

    /// Closes positions, all of `rate` shares a unit unless they are `MIXED`; `short_cash` is the
    /// equity that is not in shares while a unit is held.
    #[inline(always)]
    pub fn close<S: Side, const MIXED: bool, const COUNTS: bool>(
        &mut self,
        members: u64,
        rate: f64,
        excursion: &Excursion,
        short_cash: f64,
    ) {
        let masks = masks(members);
        let Excursion { mae, mfe, drawdown: by_share, net } = *excursion;
        let Self { equity, peak, drawdown, trades, .. } = *self;
        let shares: [f64; ACCOUNT_LANES] =
            if MIXED { self.shares } else { each(|i| equity[i] * rate) };
        let base: [f64; ACCOUNT_LANES] = each(|i| equity[i] * short_cash);
        // [M3]
        let worth = |i: usize, price: f64| {
            if S::SHORT { base[i] + shares[i] * price } else { shares[i] * price }
        };
        // [F2]
        let below: [f64; ACCOUNT_LANES] =
            each(|i| max(peak[i] - worth(i, mae), shares[i] * by_share));
        let low: [f64; ACCOUNT_LANES] = each(|i| max(drawdown[i], below[i]));
        // [M4]
        self.equity = each(|i| select(masks[i], worth(i, net), equity[i]));
        self.peak = each(|i| select(masks[i], max(peak[i], worth(i, mfe)), peak[i]));
        self.drawdown = each(|i| select(masks[i], low[i], drawdown[i]));
        if COUNTS {
            // [F3] A trade counts where it closes.
            self.trades = each(|i| trades[i].wrapping_sub(masks[i]));
        }
    }

    /// Ends the in-sample part: marks a position, if there is one, and begins to count afresh.
    #[inline(always)]
    pub fn end_in_sample<S: Side>(
        &mut self,
        members: u64,
        position: Option<(f64, &Excursion, f64)>,
        capital: f64,
    ) {
        let masks = masks(members);
        let old = *self;
        // [F4] The mark changes neither equity nor shares: nothing is closed.
        let marked: [(f64, f64); ACCOUNT_LANES] = each(|i| match position {
            Some((rate, excursion, short_cash)) => {
                let (equity, _, drawdown) = old.after::<S>(i, rate, excursion, short_cash);
                (equity, drawdown)
            }
            None => (old.equity[i], old.drawdown[i]),
        });
        // [F1]
        self.is_pnl = each(|i| select(masks[i], marked[i].0 - capital, old.is_pnl[i]));
        // [F2] [F3]
        self.is_dd = each(|i| select(masks[i], marked[i].1, old.is_dd[i]));
        self.is_trades = each(|i| old.trades[i] & masks[i] | old.is_trades[i] & !masks[i]);
        self.peak = each(|i| select(masks[i], marked[i].0, old.peak[i]));
        self.drawdown = each(|i| select(masks[i], 0.0, old.drawdown[i]));
        self.trades = each(|i| old.trades[i] & !masks[i]);
    }
}
