//! A recorder of how far equity falls within bars, along the path that a bar is assumed to take.
//!
//! A point of the path is a corner, where the price turns or the bar ends, or a fill. Between two of
//! them price and equity go one way, so that no fall is larger than one between two points.

use crate::execution::account::{Holding, Position, Recorder, Side, Trade};
use crate::market::bars::Bars;

/// The last corner of a path.
const CLOSE: usize = 3;

/// Equity of some trades, its running peak, and the largest fall from there.
#[derive(Debug, Clone, Copy)]
struct Followed {
    /// After the last exit.
    equity: f64,
    peak: f64,
    fall: f64,
}

impl Followed {
    fn new(capital: f64) -> Self {
        // [F15]
        Self { equity: capital, peak: capital, fall: 0.0 }
    }

    #[inline(always)]
    fn point(&mut self, equity: f64) {
        if equity > self.peak {
            self.peak = equity;
        }
        if self.peak - equity > self.fall {
            self.fall = self.peak - equity;
        }
    }

    #[inline(always)]
    fn held_at(&mut self, position: Position, price: f64) {
        self.point(self.equity + position.profit(price));
    }

    fn settle(&mut self, profit: f64) {
        self.equity += profit;
        self.point(self.equity);
    }

    /// Follows a bar that is held from open to close; `before` is the price from which its path goes
    /// to the `worst` one.
    ///
    /// Equity rises with the price or falls with it, rounding included, so that of a bar's points
    /// these decide: the fall to the worst one from the running peak or from what comes just before,
    /// and that to the close from the running peak or from the best one.
    #[inline(always)]
    fn held_bar(&mut self, position: Position, [before, worst, best, close]: [f64; 4]) {
        let at = |price| self.equity + position.profit(price);
        let (before, worst, best, close) = (at(before), at(worst), at(best), at(close));
        // Selections, which need no branch: new peaks come too often and too irregularly for one.
        let until_worst = if before > self.peak { before } else { self.peak };
        let peak = if best > self.peak { best } else { self.peak };
        let (one, other) = (until_worst - worst, peak - close);
        let fall = if one > self.fall { one } else { self.fall };
        self.fall = if other > fall { other } else { fall };
        self.peak = peak;
    }
}

/// The bars of a history, and the turn before each extreme.
#[derive(Debug)]
pub struct Paths<'a> {
    bars: &'a Bars,
    /// The corner from which the path goes to the low: the high where that comes first, else the open.
    before_low: Vec<f64>,
    /// The corner from which it goes to the high.
    before_high: Vec<f64>,
}

impl<'a> Paths<'a> {
    /// The paths of these bars.
    #[must_use]
    pub fn new(bars: &'a Bars) -> Self {
        let paths = (0..bars.len()).map(|bar| corners(bars, bar));
        let before = |turn: fn(&Bars, usize) -> f64| {
            (0..bars.len())
                .zip(paths.clone())
                .map(|(bar, [open, near, ..])| if near == turn(bars, bar) { open } else { near })
                .collect()
        };
        let before_low = before(|bars, bar| bars.low()[bar]);
        let before_high = before(|bars, bar| bars.high()[bar]);
        Self { bars, before_low, before_high }
    }
}

/// The corners of a bar's path: the open, the nearer extreme, the other one, the close.
#[inline]
fn corners(bars: &Bars, bar: usize) -> [f64; 4] {
    let (open, close) = (bars.open()[bar], bars.close()[bar]);
    let (high, low) = (bars.high()[bar], bars.low()[bar]);
    // [F13] As far up as down, the low comes first.
    if high - open < open - low { [open, high, low, close] } else { [open, low, high, close] }
}

/// How far the path of a bar has been followed.
#[derive(Debug, Clone, Copy)]
struct Walk {
    path: [f64; 4],
    /// The last corner that was passed.
    corner: usize,
    price: f64,
}

/// Follows the equity of a backtest through its bars, and that of the longs and of the shorts.
#[derive(Debug, Clone)]
pub struct Intraday<'a> {
    paths: &'a Paths<'a>,
    whole: Followed,
    /// Longs and shorts; where only one side has traded so far, its place is not kept up to date.
    sides: [Followed; 2],
    /// The one side that has traded so far: its equity is that of the whole.
    alone: Option<Side>,
    both: bool,
    held: Option<Position>,
    /// The bar of the last fill, unless it has ended.
    walk: Option<Walk>,
}

impl<'a> Intraday<'a> {
    /// A recorder of backtests on the bars of these paths.
    #[must_use]
    pub fn new(paths: &'a Paths<'a>) -> Self {
        let none = Followed::new(0.0);
        let (whole, sides) = (none, [none; 2]);
        Self { paths, whole, sides, alone: None, both: false, held: None, walk: None }
    }

    /// Begins a backtest.
    pub fn begin(&mut self, capital: f64) {
        let whole = Followed::new(capital);
        *self = Self { whole, sides: [whole; 2], ..Self::new(self.paths) };
    }

    /// The largest falls of the whole, of the longs and of the shorts.
    #[must_use]
    pub fn falls(&self) -> [f64; 3] {
        let mut sides = self.sides;
        if let (Some(side), false) = (self.alone, self.both) {
            sides[side as usize] = self.whole;
        }
        [self.whole.fall, sides[0].fall, sides[1].fall]
    }

    fn followed(&mut self, side: Side, mut follow: impl FnMut(&mut Followed)) {
        follow(&mut self.whole);
        if self.both {
            follow(&mut self.sides[side as usize]);
        }
    }

    /// A point of the path, at which what is held is worth this.
    #[inline(always)]
    fn point(&mut self, price: f64) {
        if let Some(position) = self.held {
            self.followed(position.side, |followed| followed.held_at(position, price));
        }
    }

    /// Follows the path of a bar to a fill.
    fn go_to(&mut self, bar: usize, price: f64) {
        let mut walk = self.walk.take().unwrap_or_else(|| {
            let path = corners(self.paths.bars, bar);
            self.point(path[0]);
            Walk { path, corner: 0, price: path[0] }
        });
        // [F14] A fill lies where the path, after what came before, first reaches its price; what the
        // path does not reach any more counts at its end.
        while walk.corner < CLOSE {
            let next = walk.path[walk.corner + 1];
            if walk.price.min(next) <= price && price <= walk.price.max(next) {
                break;
            }
            self.point(next);
            (walk.corner, walk.price) = (walk.corner + 1, next);
        }
        walk.price = price;
        self.walk = Some(walk);
    }

    /// Follows the path of a bar to its end.
    fn finish(&mut self, Walk { path, corner, .. }: Walk) {
        for &price in &path[corner + 1..] {
            self.point(price);
        }
    }

    /// Follows consecutive bars from `first` on, in which `position` is held from open to close.
    #[inline(always)]
    fn hold(&mut self, first: usize, position: Position, bars: usize) {
        if self.both {
            self.held_through::<true>(first, position, bars);
        } else {
            self.held_through::<false>(first, position, bars);
        }
    }

    #[inline(always)]
    fn held_through<const BOTH: bool>(&mut self, first: usize, position: Position, bars: usize) {
        let Paths { bars: prices, before_low, before_high } = self.paths;
        let (before, worst, best) = match position.side {
            Side::Long => (before_low, prices.low(), prices.high()),
            Side::Short => (before_high, prices.high(), prices.low()),
        };
        let range = first..first + bars;
        let (before, worst) = (&before[range.clone()], &worst[range.clone()]);
        let (best, close) = (&best[range.clone()], &prices.close()[range]);
        // Values of their own, which the loop can keep in registers.
        let (mut whole, mut side) = (self.whole, self.sides[position.side as usize]);
        for (((&before, &worst), &best), &close) in before.iter().zip(worst).zip(best).zip(close) {
            whole.held_bar(position, [before, worst, best, close]);
            if BOTH {
                side.held_bar(position, [before, worst, best, close]);
            }
        }
        self.whole = whole;
        if BOTH {
            self.sides[position.side as usize] = side;
        }
    }
}

impl Recorder for Intraday<'_> {
    #[inline(always)]
    fn bar(&mut self, bar: usize, _: f64, _: bool) {
        if let Some(walk) = self.walk.take() {
            self.finish(walk);
        } else if let Some(position) = self.held {
            self.hold(bar, position, 1);
        }
    }

    #[inline(always)]
    fn held_bars(&mut self, first: usize, position: Position, _: f64, closes: &[f64]) {
        self.hold(first, position, closes.len());
    }

    fn reversal(&mut self, _: usize, _: f64) {}

    fn trade(&mut self, _: Trade) {}

    fn part(&mut self, _: f64) {}

    fn entered(&mut self, holding: &Holding) {
        let Holding { position, entry_bar, entry_price } = *holding;
        self.go_to(entry_bar, entry_price);
        if self.alone.is_some_and(|side| side != position.side) && !self.both {
            // All so far was of one side; from here on each has an equity of its own.
            self.sides[1 - position.side as usize] = self.whole;
            self.both = true;
        }
        self.alone.get_or_insert(position.side);
        self.held = Some(position);
        self.point(entry_price);
    }

    fn left(&mut self, holding: &Holding, bar: usize, price: f64, profit: f64) {
        self.go_to(bar, price);
        self.point(price);
        self.followed(holding.position.side, |followed| followed.settle(profit));
        self.held = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::account::Account;
    use crate::execution::settings::{AccountSettings, Sizing};

    fn bars(of: &[[f64; 4]]) -> Bars {
        let column = |k: usize| of.iter().map(|bar| bar[k]).collect();
        Bars::new(column(0), column(1), column(2), column(3)).expect("valid bars")
    }

    /// Falls of a backtest of 1000 in shares of 10 or so, each bar with its fills: a side enters, none
    /// leaves.
    fn falls(of: &[[f64; 4]], fills: &[(usize, Option<Side>, f64)]) -> [f64; 3] {
        let settings =
            AccountSettings { capital: 1_000.0, sizing: Sizing::Fixed, ..Default::default() };
        let bars = bars(of);
        let paths = Paths::new(&bars);
        let mut intraday = Intraday::new(&paths);
        intraday.begin(settings.capital);
        let mut account = Account::recorded(&settings, &mut intraday);
        let mut held = None;
        for bar in 0..bars.len() {
            for &(_, side, price) in fills.iter().filter(|fill| fill.0 == bar) {
                held = match (side, held.take()) {
                    (Some(_), Some(holding)) => account.reverse(holding, bar, price),
                    (Some(side), None) => Some(account.enter(side, bar, price)),
                    (None, Some(holding)) => {
                        account.leave(holding, bar, price);
                        None
                    }
                    (None, None) => None,
                };
            }
            let position = held.map(|holding: Holding| holding.position);
            account.end_bar(bar, position, bars.close()[bar]);
        }
        assert!(intraday.whole.fall >= account_fall(&settings, &bars, fills));
        intraday.falls()
    }

    /// The fall of the marks alone.
    fn account_fall(
        settings: &AccountSettings,
        bars: &Bars,
        fills: &[(usize, Option<Side>, f64)],
    ) -> f64 {
        let mut account = Account::new(settings);
        let mut held = None;
        for bar in 0..bars.len() {
            for &(_, side, price) in fills.iter().filter(|fill| fill.0 == bar) {
                held = match (side, held.take()) {
                    (Some(_), Some(holding)) => account.reverse(holding, bar, price),
                    (Some(side), None) => Some(account.enter(side, bar, price)),
                    (None, Some(holding)) => {
                        account.leave(holding, bar, price);
                        None
                    }
                    (None, None) => None,
                };
            }
            let position = held.map(|holding: Holding| holding.position);
            account.end_bar(bar, position, bars.close()[bar]);
        }
        account.drawdown()
    }

    const LONG: Option<Side> = Some(Side::Long);
    const SHORT: Option<Side> = Some(Side::Short);

    #[test]
    fn a_bar_falls_from_its_high_only_where_the_high_comes_first() {
        // 10 shares at 100. The high, 2 above the open, is nearer than the low, 3 below it.
        assert_eq!(falls(&[[100.0, 102.0, 97.0, 101.0]], &[(0, LONG, 100.0)])[0], 50.0);
        // The low is nearer: what falls is 20 to the low, then 25 from the high to the close.
        assert_eq!(falls(&[[100.0, 103.0, 98.0, 100.5]], &[(0, LONG, 100.0)])[0], 25.0);
        // As far up as down, the low comes first.
        assert_eq!(falls(&[[100.0, 103.0, 97.0, 103.0]], &[(0, LONG, 100.0)])[0], 30.0);
    }

    #[test]
    fn what_comes_before_an_entry_or_after_an_exit_is_not_held() {
        // Low first, 97, which the entry at 101 on the way up has not seen.
        let late = falls(&[[100.0, 104.0, 97.0, 103.0]], &[(0, LONG, 101.0)]);
        assert!((late[0] - 1_000.0 / 101.0).abs() < 1e-9);
        // High first, then the entry at 99 on the way down to 95.
        let falling = falls(&[[100.0, 102.0, 95.0, 98.0]], &[(0, LONG, 99.0)]);
        assert!((falling[0] - 1_000.0 / 99.0 * 4.0).abs() < 1e-9);
        // An exit at 98 on the way down: the rest of the fall is not the position's.
        let two = [[100.0, 100.0, 100.0, 100.0], [100.0, 101.0, 90.0, 95.0]];
        assert_eq!(falls(&two, &[(0, LONG, 100.0), (1, None, 98.0)])[0], 30.0);
        // A gap through the exit: nothing of the bar is held but its open.
        let gap = [[100.0, 100.0, 100.0, 100.0], [96.0, 105.0, 90.0, 95.0]];
        assert_eq!(falls(&gap, &[(0, LONG, 100.0), (1, None, 96.0)])[0], 40.0);
    }

    #[test]
    fn sides_are_followed_apart_from_the_first_trade_of_the_other() {
        let of = [
            [100.0, 100.0, 100.0, 100.0],
            [100.0, 110.0, 100.0, 110.0],
            // Reversed at 105 on the way down to 100: the long has fallen by 50, the short gains.
            [110.0, 110.0, 100.0, 104.0],
            [104.0, 109.0, 104.0, 106.0],
        ];
        let [whole, long, short] = falls(&of, &[(0, LONG, 100.0), (2, SHORT, 105.0)]);
        let shares = 1_000.0 / 105.0;
        assert_eq!(long, 50.0);
        // From 100, its best, to 109.
        assert!((short - shares * 9.0).abs() < 1e-9);
        // From 1100 at the long's best.
        assert!((whole - (1_100.0 - (1_050.0 - shares * 4.0))).abs() < 1e-9);
    }

    #[test]
    fn two_entries_of_one_bar_hold_what_lies_between_them() {
        // High first: in at 102, out at 99 on the way down; the low of 90 is not held.
        let found = falls(&[[100.0, 103.0, 90.0, 95.0]], &[(0, LONG, 102.0), (0, None, 99.0)]);
        assert!((found[0] - 1_000.0 / 102.0 * 4.0).abs() < 1e-9);
        assert_eq!((found[1], found[2]), (found[0], 0.0));
    }

    #[test]
    fn a_price_that_the_path_does_not_reach_counts_at_its_end() {
        let of = [[100.0, 100.0, 100.0, 100.0], [100.0, 102.0, 97.0, 99.0]];
        let found = falls(&of, &[(0, LONG, 100.0), (1, None, 96.0)]);
        assert_eq!(found[0], 60.0);
    }
}
