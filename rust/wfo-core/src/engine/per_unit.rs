//! Profit and loss per unit of equity: what all combinations share of a trade.
//!
//! Reinvested equity is multiplied by what a trade makes of one unit, so everything about a trade
//! but its size is computed beforehand: the shares that a unit opens (its *rate*), and the
//! [`Excursion`] of a share. A trade is then two look-ups and a dozen operations.
//!
//! A position is `k` shares, owed ones negative, on an equity of `q`: a long is worth `k · price`,
//! a short `q · (2 - fee) + k · price`, since it was sold for `q` before the fee on it.

use std::ops::Range;

use super::excursion::{Excursion, NO_TRADE, Side};
use super::first_touch::FirstTouch;
use super::intrabar_time::IntrabarTime;
use super::ruin::{RISKY_FALL, RISKY_RISE};
use crate::engine::range_summary::RangeSummaries;
use crate::execution::settings::AccountSettings;

/// The closes of a history and the costs of an account: what no combination changes.
#[derive(Debug)]
pub(crate) struct PerUnit {
    summaries: RangeSummaries,
    closes: Vec<f64>,
    pub lows: Vec<f64>,
    pub highs: Vec<f64>,
    pub capital: f64,
    /// Equity that is not in shares while a unit is held short: its proceeds.
    pub short_cash: f64,
    pub fee: f64,
    /// What a buyer pays for a price of 1.
    pub cost: f64,
    /// What a seller gets for a price of 1.
    pub gain: f64,
}

impl PerUnit {
    pub fn new(closes: &[f64], bars: (&[f64], &[f64]), settings: &AccountSettings) -> Self {
        let AccountSettings { slip, fee, capital, .. } = *settings;
        Self {
            summaries: RangeSummaries::new(closes),
            closes: closes.to_vec(),
            lows: bars.0.to_vec(),
            highs: bars.1.to_vec(),
            capital,
            short_cash: 2.0 - fee,
            fee,
            // [M1]
            cost: (1.0 + slip) * (1.0 + fee),
            gain: (1.0 - slip) * (1.0 - fee),
        }
    }

    pub fn summaries(&self) -> &RangeSummaries {
        &self.summaries
    }

    pub fn closes(&self) -> &[f64] {
        &self.closes
    }

    /// Shares that a unit of equity opens at a fill; owed ones are negative.
    #[inline(always)]
    pub fn rate<S: Side>(&self, fill: f64) -> f64 {
        // [M2]
        let (each, price) =
            if S::SHORT { (-(1.0 - self.fee), self.gain) } else { (1.0, self.cost) };
        each / (fill * price)
    }

    /// What marks at the closes of bars `from..to` do, as if a position ended at the last one: it
    /// is marked there without costs.
    #[inline(always)]
    pub fn excursion_at_close<S: Side>(&self, from: u32, to: u32) -> Excursion {
        let closes = self.summaries.between(from as usize, to as usize);
        // The mark at the last close is the exit, without costs [F4] [M12].
        S::excursion(closes, self.closes[to as usize - 1])
    }

    /// Appends the excursions of a side's positions that are closed at the fills of an order, by
    /// their first bar. True where one may ruin.
    #[inline(always)]
    pub fn append_excursions<S: Side>(&self, order: &FirstTouch, out: &mut Vec<Excursion>) -> bool {
        let first = out.len();
        out.resize(first + self.closes.len() + 1, NO_TRADE);
        let (mut may_ruin, mut begin) = (false, 0);
        while begin < order.times.len() {
            let (time, fill) = (order.times[begin], order.fills[begin]);
            let touches = order.times[begin..].iter().zip(&order.fills[begin..]);
            let count = touches.take_while(|&(&t, &f)| t == time && f == fill).count();
            let starts = begin..begin + count;
            begin = starts.end;
            let out = &mut out[first + starts.start..first + starts.end];
            may_ruin |= self.excursions::<S>(starts, time, fill, out);
        }
        may_ruin
    }

    /// The excursions of positions of a side that are opened in some bars, at least one, and closed
    /// at one fill; they share all closes but those before the last of these bars. True where one
    /// may ruin: what is opened in a bar is opened between its low and its high.
    #[inline(always)]
    pub fn excursions<S: Side>(
        &self,
        starts: Range<usize>,
        time: IntrabarTime,
        fill: f64,
        out: &mut [Excursion],
    ) -> bool {
        let (to, last) = (time.bar() as usize, starts.end - 1);
        if to == self.closes.len() {
            out.fill(NO_TRADE);
            return false;
        }
        // What the exit costs or brings [M4].
        let net = fill * if S::SHORT { self.cost } else { self.gain };
        let mut may_ruin = false;
        let mut closes = self.summaries.between(last, to);
        let bars = self.closes[starts.clone()].iter();
        let bars = bars.zip(&self.lows[starts.clone()]).zip(&self.highs[starts.clone()]);
        for (((close, low), high), out) in bars.zip(out).rev() {
            // The last one's own close is among them; once more changes nothing.
            closes = closes.prepend(*close);
            may_ruin |= if S::SHORT {
                net >= RISKY_RISE * low * self.gain
            } else {
                net <= RISKY_FALL * high * self.cost
            };
            *out = S::excursion(closes, net);
        }
        may_ruin
    }
}
