//! Doors: how a walk that is flat finds its next position, whatever stands before the entries.
//!
//! Entries of strategies with Hull averages wait behind a gate, of which a grid has many, for many
//! touches. No map of both is needed: from a bar on, either the gate stands open for one side, and
//! that side's touch counts if it comes before the gate closes; or else nothing happens before the
//! next cross, which enters at the open whatever waits. So the touches know nothing of gates, and a
//! [`Pass`] knows nothing of touches. This is exact: as long as a gate stands open it hides no bar, so
//! the first touch behind it is the first touch.

use std::hint::select_unpredictable;
use std::ops::Range;

use super::lockstep::{Ahead, Window};
use super::maps::{Map, Moment, Run, Touches, bar, opening_of};
use super::terms::{Long, Short, Terms, UNIT, row};
use crate::execution::account;
use crate::strategies::atr_d::series::Trend;

/// Where positions are opened: by the bar since which a walk is flat, the row of the opening's rate,
/// and the row of the
/// position in [`Holds`](super::terms::Holds). The row behind the last bar leads to itself, and so does
/// every opening that never comes.
pub(super) trait Door: Copy {
    fn open(self, at: u32) -> (u32, u32);
    /// First bar of a position, by its row.
    fn from(self, hold: u32) -> u32;
    /// Rows of [`Holds`](super::terms::Holds) that it may lead to.
    ///
    /// # Panics
    /// Unless its tables and rates have a row for every bar and one behind them.
    fn reach(self, rows: usize, rates: &[f64]) -> usize;
}

/// Buys that nothing stops.
#[derive(Clone, Copy)]
pub(super) struct Open<'a> {
    /// Bars of the buys.
    pub buys: &'a [u32],
}

impl Door for Open<'_> {
    #[inline(always)]
    fn open(self, at: u32) -> (u32, u32) {
        (at, *row(self.buys, at as usize))
    }

    #[inline(always)]
    fn from(self, hold: u32) -> u32 {
        hold
    }

    fn reach(self, rows: usize, rates: &[f64]) -> usize {
        assert!(self.buys.len() == rows && rates.len() >= rows);
        rows
    }
}

/// Touches behind a gate: those of the side that it lets pass, or else the next cross.
#[derive(Clone, Copy)]
pub(super) struct Gated<'a, const SHORTS: bool> {
    pub passes: &'a [Pass],
    /// Buys, or for every bar the buy and the sell.
    pub touches: &'a [Moment],
    /// From the table of the long stop to that of the short one.
    pub short: u32,
}

impl<const SHORTS: bool> Door for Gated<'_, SHORTS> {
    #[inline(always)]
    fn open(self, at: u32) -> (u32, u32) {
        let Pass { before, cross } = *row(self.passes, at as usize);
        let (side, touch) = if SHORTS { (before & 1, 2 * at + (before & 1)) } else { (0, at) };
        let moment = *row(self.touches, touch as usize);
        let passes = moment < before;
        let entry = select_unpredictable(passes, 2 * bar(moment) + side, cross);
        let at_open = if SHORTS { cross } else { cross / 2 };
        let rate = select_unpredictable(passes, touch, self.touches.len() as u32 + at_open);
        let short = if SHORTS { self.short * (entry & 1) } else { 0 };
        (rate, entry / 2 + short)
    }

    #[inline(always)]
    fn from(self, hold: u32) -> u32 {
        if SHORTS && hold >= self.short { hold - self.short } else { hold }
    }

    fn reach(self, rows: usize, rates: &[f64]) -> usize {
        let sides = if SHORTS { 2 } else { 1 };
        assert!(self.passes.len() == rows && self.touches.len() == sides * rows);
        assert!(rates.len() == 2 * sides * rows);
        rows + if SHORTS { self.short as usize } else { 0 }
    }
}

/// What a gate does from a bar on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pass {
    /// Touches before this moment pass, and none where it is 0. It lies behind a bar's last touch, and
    /// is odd where the gate stands open for sells.
    before: Moment,
    /// The next cross behind that: twice its bar, plus one where it sells. Bar and side of the
    /// entry's [`Touches`](Doors).
    cross: u32,
}

/// What a gate of Hull averages does from each of the bars of `range` on, and in the row behind them.
pub(super) fn passes(trend: &[Trend], range: &Range<usize>, shorts: bool) -> Vec<Pass> {
    let n = range.len();
    let side = |t: usize| match trend[t] {
        Trend::Up => Some(0),
        Trend::Down => shorts.then_some(1),
        Trend::Neither => None,
    };
    let mut next = 2 * n as u32;
    let mut out = vec![Pass { before: 0, cross: next }; n + 1];
    // The bar behind the last one in which the gate still stands open for the side of bar `x`.
    let mut closes = n;
    for x in (0..n.saturating_sub(1)).rev() {
        let t = range.start + x;
        let Some(side) = side(t) else {
            out[x].cross = next;
            continue;
        };
        if x + 2 == n || trend[t + 1] != trend[t] {
            closes = x + 2;
        }
        if t > 0 && trend[t - 1] != trend[t] {
            next = 2 * (x as u32 + 1) + side;
            out[x].cross = next;
        } else {
            out[x] = Pass { before: opening_of(closes as u32) - side, cross: next };
        }
    }
    out
}

impl Pass {
    /// What a gate of passes does from each of the rows of a window on, as if the history ended there.
    ///
    /// A gate that stands open at the end of a window has its next cross behind it.
    pub fn of_window(passes: &[Self], window: Window, out: &mut Vec<Self>) {
        let bars = window.first as usize..window.end() as usize;
        out.clear();
        out.extend(passes[bars].iter().map(|pass| {
            let side = pass.before & 1;
            let closes = window.end().min(pass.before.div_ceil(4));
            let before = match pass.before {
                0 => 0,
                _ => opening_of(closes - window.first) - side,
            };
            let (bar, side) = (pass.cross / 2, pass.cross & 1);
            let side = if bar < window.end() { side } else { 0 };
            Self { before, cross: 2 * window.row(bar) + side }
        }));
        out.resize(window.rows(), Self { before: 0, cross: 2 * window.sink() });
    }

    /// The entry since bar `at`, of ungated buys and sells: its bar, side and fill.
    #[inline(always)]
    pub fn entry(
        self,
        at: usize,
        buy: Touches<'_>,
        sell: Option<Touches<'_>>,
        opens: &[f64],
    ) -> (u32, account::Side, f64) {
        let Self { before, cross } = self;
        let of = |side: u32| if side == 1 { account::Side::Short } else { account::Side::Long };
        let touches = sell.filter(|_| before & 1 == 1).unwrap_or(buy);
        let moment = touches.moments[at];
        if moment < before {
            (bar(moment), of(before & 1), touches.fills[at])
        } else {
            let bar = cross / 2;
            (bar, of(cross & 1), opens.get(bar as usize).copied().unwrap_or(0.0))
        }
    }

    /// What lets every touch of a side pass.
    pub fn free(short: bool) -> Self {
        Self { before: Moment::MAX - u32::from(!short), cross: 0 }
    }
}

/// The run that a start is in.
#[inline(always)]
fn run_of(runs: &[Run], start: u32) -> Run {
    runs[runs.partition_point(|run| run.end <= start)]
}

/// Where buys that nothing stops lead beyond a window, by the runs of its starts.
#[derive(Clone, Copy)]
pub(super) struct Straight<'a> {
    pub window: Window,
    pub runs: &'a [Run],
    pub terms: &'a Terms,
}

impl Ahead for Straight<'_> {
    #[inline(always)]
    fn opening(self, at: u32) -> (f64, u32) {
        let run = run_of(self.runs, self.window.first + at);
        (self.terms.rate::<Long>(run.fill), bar(run.moment))
    }
}

/// Where touches behind a gate lead beyond a window.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a, const SHORTS: bool> {
    pub window: Window,
    /// By bar of the history.
    pub passes: &'a [Pass],
    /// Of the buy and the sell.
    pub runs: &'a [Vec<Run>; 2],
    /// By bar of the history, of buys or of buys and sells.
    pub at_opens: &'a [f64],
    pub terms: &'a Terms,
}

impl<const SHORTS: bool> Ahead for Behind<'_, SHORTS> {
    #[inline(always)]
    fn opening(self, at: u32) -> (f64, u32) {
        let start = self.window.first + at;
        let Pass { before, cross } = self.passes[start as usize];
        let short = SHORTS && before & 1 == 1;
        let run = run_of(&self.runs[usize::from(short)], start);
        if run.moment < before {
            let terms = self.terms;
            let rate =
                if short { terms.rate::<Short>(run.fill) } else { terms.rate::<Long>(run.fill) };
            (rate, bar(run.moment))
        } else {
            (self.at_opens[(if SHORTS { cross } else { cross / 2 }) as usize], cross / 2)
        }
    }
}

/// The entries of a combination: touches, and the rates at which they and the crosses open shares.
#[derive(Debug, Clone, Default)]
pub(super) struct Doors {
    /// When the buy is touched; with shorts, the buy and the sell, bar by bar; the bars alone where
    /// there are no gates.
    pub touches: Vec<Moment>,
    /// Shares that a unit of equity opens at each touch, owed ones negative; then at the open of each
    /// bar, where there are gates.
    pub rates: Vec<f64>,
}

impl Doors {
    /// Takes over a buy, and a sell where there is one, with the rates at the opens behind them.
    #[inline(always)]
    pub fn set(&mut self, terms: &Terms, buy: &Map, sell: Option<&Map>, at_opens: &[f64]) {
        self.touches.clear();
        self.rates.clear();
        match sell {
            None => {
                self.touches.extend_from_slice(&buy.moments);
                self.rates.extend(buy.fills.iter().map(|&fill| terms.rate::<Long>(fill)));
            }
            Some(sell) => {
                let moments = buy.moments.iter().zip(&sell.moments);
                self.touches.extend(moments.flat_map(|(&buy, &sell)| [buy, sell]));
                let fills = buy.fills.iter().zip(&sell.fills);
                let rates = fills
                    .flat_map(|(&buy, &sell)| [terms.rate::<Long>(buy), terms.rate::<Short>(sell)]);
                self.rates.extend(rates);
            }
        }
        // What is never opened changes nothing.
        let unit = self.touches.len() - if sell.is_some() { 2 } else { 1 };
        self.rates[unit] = UNIT;
        self.rates.extend_from_slice(at_opens);
        if at_opens.is_empty() {
            self.touches.iter_mut().for_each(|touch| *touch = bar(*touch));
        }
    }
}

/// Rates at the opens, and behind them: of buys, or of buys and sells.
pub(super) fn rates_at_opens(terms: &Terms, opens: &[f64], shorts: bool) -> Vec<f64> {
    let behind = std::iter::once(&1.0);
    let opens = opens.iter().chain(behind);
    if shorts {
        opens.flat_map(|&open| [terms.rate::<Long>(open), terms.rate::<Short>(open)]).collect()
    } else {
        opens.map(|&open| terms.rate::<Long>(open)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::settings::AccountSettings;
    use crate::execution::touches::Way;
    use crate::market::bars::Bars;
    use crate::strategies::atr_d::factored::maps::View;
    use crate::strategies::atr_d::factored::market::Shut;
    use proptest::prelude::*;

    type Row = (u8, u8, u8, u8, u8, u8, u8);

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let row = (20_u8..30, 0_u8..5, 0_u8..5, 0_u8..11, 0_u8..3, 0_u8..9, 0_u8..9);
        prop::collection::vec(row, 3..40)
    }

    fn columns(rows: &[Row]) -> (Bars, Vec<Trend>, [Vec<f64>; 2]) {
        let mut prices: [Vec<f64>; 4] = Default::default();
        let (mut trend, mut distances): (_, [Vec<f64>; 2]) = (Vec::new(), Default::default());
        for &(low, up, down, close, way, buy, sell) in rows {
            let (low, high) = (f64::from(low), f64::from(low + up + down));
            let bar = [low + f64::from(down), high, low, (low + f64::from(close)).min(high)];
            prices.iter_mut().zip(bar).for_each(|(column, x)| column.push(x / 4.0));
            trend.push([Trend::Up, Trend::Down, Trend::Neither][way as usize]);
            let widths = [buy, sell].map(|width| f64::from(width) / 4.0);
            distances.iter_mut().zip(widths).for_each(|(column, x)| column.push(x));
        }
        let [open, high, low, close] = prices;
        (Bars::new(open, high, low, close).expect("valid bars"), trend, distances)
    }

    proptest! {
        /// A gate that hides bars and enters at crosses, bar by bar, as [`Shut`] has it, leads to the
        /// same positions as a door: on pull-backs and breakouts, and from the first bar on.
        #[test]
        fn doors_lead_where_gated_orders_do(rows in rows(), first in 0..2_usize, follows: bool) {
            let (bars, trend, distances) = columns(&rows);
            let range = first..bars.len();
            let n = range.len();
            let column = |x: &[f64]| x[range.clone()].to_vec();
            let settings = AccountSettings { slip: 0.01, fee: 0.02, ..AccountSettings::default() };
            let terms = Terms::new(
                &column(bars.close()), (&column(bars.low()), &column(bars.high())), &settings,
            );
            let map = |buys: bool, gate: &Shut<'_>| {
                let mut distance = column(&distances[usize::from(!buys)]);
                gate.apply(buys, &range, &mut distance);
                let way = if buys == follows { Way::Down } else { Way::Up };
                let (view, mut map) = (View::new(&bars, range.clone(), way), Map::default());
                if follows { view.follow(&distance, &mut map) } else { view.stand(&distance, &mut map) }
                map
            };
            let (open, gate) = (Shut::Never, Shut::Hull(&trend));
            let [buy, sell] = [true, false].map(|buys| map(buys, &open));
            let [gated_buy, gated_sell] = [true, false].map(|buys| map(buys, &gate));
            let opens = column(bars.open());
            let short = 2 * (n as u32 + 1);

            let (mut long, mut both) = (Doors::default(), Doors::default());
            long.set(&terms, &buy, None, &rates_at_opens(&terms, &opens, false));
            both.set(&terms, &buy, Some(&sell), &rates_at_opens(&terms, &opens, true));
            let passes = [false, true].map(|shorts| passes(&trend, &range, shorts));
            let longs = Gated::<false> { passes: &passes[0], touches: &long.touches, short };
            let boths = Gated::<true> { passes: &passes[1], touches: &both.touches, short };
            prop_assert!(longs.reach(n + 1, &long.rates) > n);
            prop_assert!(boths.reach(n + 1, &both.rates) > short as usize);
            for s in 0..=n {
                let sells = gated_sell.touches().before(gated_buy.touches(), s, None);
                let order = if sells { &gated_sell } else { &gated_buy };
                for (door, rates, order, sells) in [
                    (longs.open(s as u32), &long.rates, &gated_buy, false),
                    (boths.open(s as u32), &both.rates, order, sells),
                ] {
                    let ((rate, hold), entry) = (door, bar(order.moments[s]));
                    if entry as usize == n {
                        prop_assert_eq!(hold, n as u32);
                        continue;
                    }
                    prop_assert_eq!(hold, entry + if sells { short } else { 0 });
                    prop_assert_eq!(boths.from(hold), entry);
                    let fill = order.fills[s];
                    let wanted =
                        if sells { terms.rate::<Short>(fill) } else { terms.rate::<Long>(fill) };
                    prop_assert_eq!(rates[rate as usize], wanted);
                }
            }
        }
    }
}
