//! What trades do to money, by price: all that combinations share of it.
//!
//! Reinvested equity is multiplied by what a trade makes of one unit, so everything about a trade but
//! its size stands in tables beforehand: the rate at which a unit opens shares, and what the closes on
//! the way and the exit do to a price of 1. A trade is then two look-ups and a dozen operations, in
//! [`lockstep`](super::lockstep) and [`crowd`](super::crowd).
//!
//! A position is `k` shares, owed ones negative, on an equity of `q`: a long is worth `k · price`, a
//! short `q · (2 - fee) + k · price`, since it was sold for `q` before the fee on it.

use std::ops::Range;

use super::maps::{Map, Moment, Run, Touches, bar};
use super::stretches::{Stretch, Stretches, max, min};
use crate::execution::settings::AccountSettings;

/// A trade that leaves less than this share of the equity may be a ruin, and rounding could decide
/// it; what it leaves is a small difference of large numbers in any case.
pub(super) const NEARLY_RUINED: f64 = 1e-4;
/// A short that is closed below this multiple of what it was sold for is far from ruin.
pub(super) const RISKY_RISE: f64 = 1.9;
/// So is a long that is closed above this share of what it cost.
pub(super) const RISKY_FALL: f64 = 2.0 * NEARLY_RUINED;

/// What the closes of a trade and its exit do, by price. For a short `worst` is the highest price,
/// and `against` the largest rise, negated, as its shares are.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(32))] // two to a line of the cache, none across two
pub(super) struct Exit {
    pub worst: f64,
    pub best: f64,
    /// Largest move against the position, from a mark to a later one.
    pub against: f64,
    /// What a share brings or costs at the exit, costs included.
    pub net: f64,
}

/// With a rate of 1, a trade that changes nothing, not even a drawdown's last bit: it is no mark. (The
/// fall from a peak to a mark of the same equity may be rounded otherwise than the fall that led to
/// it, and which walks have to wait for others must not show.)
pub(super) const NOTHING: Exit =
    Exit { worst: f64::INFINITY, best: f64::NEG_INFINITY, against: 0.0, net: 1.0 };
pub(super) const UNIT: f64 = 1.0;

/// Equity below this share of the capital has been eaten up by costs, trade by trade, and may be
/// rounded to nothing.
pub(super) const FADED: f64 = 1e-100;

/// An order, and the positions that it opens.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    pub map: Map,
    /// Shares that a unit of equity opens; owed ones are negative.
    pub rates: Vec<f64>,
}

/// The stops of a row of the grid: the long one's table, then the short one's for every multiplier.
#[derive(Debug, Clone, Default)]
pub(super) struct Holds {
    pub moments: Vec<Moment>,
    /// Bars of the exits.
    pub ends: Vec<u32>,
    /// What closing at the stop makes of a position.
    pub exits: Vec<Exit>,
    /// Raw fills.
    pub fills: Vec<f64>,
    /// Whether a stop may ruin.
    pub risky: bool,
}

impl Holds {
    /// Asks for a row before it is needed.
    #[inline(always)]
    pub fn prefetch(&self, row: usize) {
        self.moments.get(row..).into_iter().for_each(fetch);
        self.exits.get(row..).into_iter().for_each(fetch);
    }

    /// Begins anew, with so many tables.
    pub fn begin(&mut self, terms: &Terms, tables: usize) {
        let rows = tables * (terms.closes.len() + 1);
        self.moments.resize(rows, 0);
        self.ends.resize(rows, 0);
        self.exits.resize(rows, NOTHING);
        self.fills.resize(rows, 0.0);
        self.risky = false;
    }

    /// Fills table `i` with a stop.
    #[inline(always)]
    pub fn set<S: Side>(&mut self, terms: &Terms, i: usize, runs: &[Run]) {
        let rows = i * (terms.closes.len() + 1)..(i + 1) * (terms.closes.len() + 1);
        let (moments, ends) = (&mut self.moments[rows.clone()], &mut self.ends[rows.clone()]);
        let (fills, exits) = (&mut self.fills[rows.clone()], &mut self.exits[rows]);
        let mut begin = 0;
        for run in runs {
            let starts = begin..run.end as usize;
            begin = starts.end;
            moments[starts.clone()].fill(run.moment);
            ends[starts.clone()].fill(bar(run.moment));
            fills[starts.clone()].fill(run.fill);
            let exits = &mut exits[starts.clone()];
            self.risky |= terms.exits_of::<S>(starts, run.moment, run.fill, exits);
        }
    }

    /// The touches in table `i`.
    pub fn touches(&self, i: usize, bars: usize) -> Touches<'_> {
        let rows = i * (bars + 1)..(i + 1) * (bars + 1);
        Touches { moments: &self.moments[rows.clone()], fills: &self.fills[rows] }
    }
}

/// Prices of money: what no combination changes.
#[derive(Debug)]
pub(super) struct Terms {
    stretches: Stretches,
    closes: Vec<f64>,
    pub lows: Vec<f64>,
    pub highs: Vec<f64>,
    pub capital: f64,
    /// Equity that is not in shares while a unit is held short: its proceeds.
    pub aside: f64,
    pub fee: f64,
    /// What a buyer pays and a seller gets for a price of 1.
    pub paid: f64,
    pub got: f64,
}

/// The side of a position.
pub(super) trait Side {
    const SHORT: bool;
    /// The exit at price `net` after these closes.
    fn exit(closes: Stretch, net: f64) -> Exit;
}

#[derive(Debug)]
pub(super) struct Long;
#[derive(Debug)]
pub(super) struct Short;

impl Side for Long {
    const SHORT: bool = false;
    #[inline(always)]
    fn exit(closes: Stretch, net: f64) -> Exit {
        let (low, high) = (-closes.neg_low, closes.high);
        let against = max(closes.fall, high - net);
        Exit { worst: min(low, net), best: max(high, net), against, net }
    }
}

impl Side for Short {
    const SHORT: bool = true;
    #[inline(always)]
    fn exit(closes: Stretch, net: f64) -> Exit {
        let (low, high) = (-closes.neg_low, closes.high);
        let against = -max(closes.rise, net - low);
        Exit { worst: max(high, net), best: min(low, net), against, net }
    }
}

impl Terms {
    pub fn new(closes: &[f64], bars: (&[f64], &[f64]), settings: &AccountSettings) -> Self {
        let AccountSettings { slip, fee, capital, .. } = *settings;
        Self {
            stretches: Stretches::new(closes),
            closes: closes.to_vec(),
            lows: bars.0.to_vec(),
            highs: bars.1.to_vec(),
            capital,
            aside: 2.0 - fee,
            fee,
            paid: (1.0 + slip) * (1.0 + fee),
            got: (1.0 - slip) * (1.0 - fee),
        }
    }

    pub fn stretches(&self) -> &Stretches {
        &self.stretches
    }

    pub fn closes(&self) -> &[f64] {
        &self.closes
    }

    /// Finds the rates at which an order opens positions.
    #[inline(always)]
    pub fn opens<S: Side>(&self, order: &mut Order) {
        order.rates.clear();
        order.rates.extend(order.map.fills.iter().map(|&fill| self.rate::<S>(fill)));
    }

    /// Shares that a unit of equity opens at a fill; owed ones are negative.
    #[inline(always)]
    pub fn rate<S: Side>(&self, fill: f64) -> f64 {
        let (each, price) = if S::SHORT { (-(1.0 - self.fee), self.got) } else { (1.0, self.paid) };
        each / (fill * price)
    }

    /// What marks at the closes of bars `from..to` do, as if a position ended at the last one.
    #[inline(always)]
    pub fn exit_at_close<S: Side>(&self, from: u32, to: u32) -> Exit {
        S::exit(self.stretches.between(from as usize, to as usize), self.closes[to as usize - 1])
    }

    /// Appends what closing at an order's fills makes of a side's positions, by their first bar. True
    /// where that may ruin.
    #[inline(always)]
    pub fn exits<S: Side>(&self, map: &Map, out: &mut Vec<Exit>) -> bool {
        let first = out.len();
        out.resize(first + self.closes.len() + 1, NOTHING);
        let (mut risky, mut begin) = (false, 0);
        while begin < map.moments.len() {
            let (moment, fill) = (map.moments[begin], map.fills[begin]);
            let touches = map.moments[begin..].iter().zip(&map.fills[begin..]);
            let run = touches.take_while(|&(&m, &f)| m == moment && f == fill).count();
            let starts = begin..begin + run;
            begin = starts.end;
            let out = &mut out[first + starts.start..first + starts.end];
            risky |= self.exits_of::<S>(starts, moment, fill, out);
        }
        risky
    }

    /// What closing at a fill makes of positions of a side that were opened in some bars, at least one,
    /// which share all closes but those before the last of them. True where that may ruin: what was
    /// opened in a bar was opened between its low and its high.
    #[inline(always)]
    pub fn exits_of<S: Side>(
        &self,
        starts: Range<usize>,
        moment: Moment,
        fill: f64,
        out: &mut [Exit],
    ) -> bool {
        let (to, last) = (bar(moment) as usize, starts.end - 1);
        if to == self.closes.len() {
            out.fill(NOTHING);
            return false;
        }
        let net = fill * if S::SHORT { self.paid } else { self.got };
        let mut risky = false;
        let mut closes = self.stretches.between(last, to);
        let bars = self.closes[starts.clone()].iter();
        let bars = bars.zip(&self.lows[starts.clone()]).zip(&self.highs[starts.clone()]);
        for (((close, low), high), out) in bars.zip(out).rev() {
            // The last one's own close is among them; once more changes nothing.
            closes = closes.after(*close);
            risky |= if S::SHORT {
                net >= RISKY_RISE * low * self.got
            } else {
                net <= RISKY_FALL * high * self.paid
            };
            *out = S::exit(closes, net);
        }
        risky
    }
}

/// Reads a row that is known to exist.
///
/// Walks read four rows a trade, each named by the row before, and a check of each costs a tenth of
/// the time. Every row number in the tables is at most the number of bars in its part, and every part
/// has one row more: that is how [`View`](super::maps::View) and the builders here fill them.
#[inline(always)]
pub(super) fn row<T>(table: &[T], i: usize) -> &T {
    debug_assert!(i < table.len());
    #[expect(unsafe_code, reason = "row numbers are within their tables by construction")]
    // SAFETY: see above; builds with debug assertions check every one.
    unsafe {
        table.get_unchecked(i)
    }
}

/// Asks for a line of memory.
#[inline(always)]
fn fetch<T>(line: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        #[expect(unsafe_code, reason = "a hint, which the baseline of the architecture has")]
        // SAFETY: a prefetch of any address changes nothing.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = line;
}
