//! Fills that were decided elsewhere, as a strategy: the account carries them out as it does those of
//! any other, and makes money, marks and figures of them.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::execution::account::{Account, Holding, Recorder, Side};
use crate::kernel::{Kernel, Sets};
use crate::market::bars::Bars;
use crate::market::feeds::Feeds;

/// Most fills of a bar: what leaves a position, and what enters another or the same again.
pub const MOST_IN_A_BAR: usize = 2;

/// One fill: from it on the position is `target`, `None` for flat.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fill {
    bar: usize,
    price: f64,
    target: Option<Side>,
}

/// Fills of parameter sets as they are given: a row of room a set, and how many of it are used.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Bars, row after row.
    pub bar: &'a [i64],
    /// Raw prices, before slippage.
    pub price: &'a [f64],
    /// The position from the fill on: +1 long, -1 short, 0 flat.
    pub side: &'a [i64],
    /// Fills of each set; more than a row has room for were lost.
    pub count: &'a [i64],
    /// Room of a row.
    pub room: usize,
}

/// The first fill that cannot be.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Its set.
    pub set: usize,
    /// Which of the set's fills it is.
    pub fill: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Checked fills of some parameter sets, oldest first.
#[derive(Debug, Clone)]
pub struct Fills {
    fills: Vec<Fill>,
    /// Where the fills of each set end.
    ends: Vec<usize>,
    /// The bars that they may lie in.
    trading: Range<usize>,
}

impl Fills {
    /// The fills of each set, if they can be.
    ///
    /// # Errors
    /// A fill outside of the bars `trading` or before the one before it, too many in a bar, a price
    /// outside of its bar, a side that is none or that of the position already, or more of them than
    /// there is room for.
    ///
    /// # Panics
    /// If the columns are not of one length, a whole number of rows.
    pub fn new(
        bars: &Bars,
        given: Given<'_>,
        trading: Range<usize>,
    ) -> std::result::Result<Self, Refused> {
        let Given { bar, price, side, count, room } = given;
        let cells = count.len() * room;
        assert!([bar.len(), price.len(), side.len()] == [cells; 3], "columns of one length");
        let mut out = Self { fills: Vec::new(), ends: Vec::with_capacity(count.len()), trading };
        for (set, &count) in count.iter().enumerate() {
            let used = usize::try_from(count).unwrap_or(usize::MAX);
            if used > room {
                let why = format!("there is room for {room}, two a bar, and it is one more");
                return Err(Refused { set, fill: room, why });
            }
            let cells = set * room..set * room + used;
            let (bar, price, side) = (&bar[cells.clone()], &price[cells.clone()], &side[cells]);
            out.take(bars, bar, price, side).map_err(|(fill, why)| Refused { set, fill, why })?;
        }
        Ok(out)
    }

    fn take(
        &mut self,
        bars: &Bars,
        bar: &[i64],
        price: &[f64],
        side: &[i64],
    ) -> std::result::Result<(), (usize, String)> {
        let Range { start, end } = self.trading;
        let (mut last, mut in_bar, mut position) = (start, 0, 0);
        for (i, ((&t, &price), &side)) in bar.iter().zip(price).zip(side).enumerate() {
            let refused = |why: fmt::Arguments<'_>| Err((i, why.to_string()));
            let Some(at) = usize::try_from(t).ok().filter(|at| (start..end).contains(at)) else {
                let most = end - 1;
                return refused(format_args!(
                    "bar {t} is none of the trading bars {start}..{most}"
                ));
            };
            if at < last {
                return refused(format_args!("bar {t} comes before bar {last} of the fill before"));
            }
            in_bar = if at == last { in_bar + 1 } else { 1 };
            last = at;
            if in_bar > MOST_IN_A_BAR {
                return refused(format_args!("it is the third in bar {t}; two are possible"));
            }
            let (low, high) = (bars.low()[at], bars.high()[at]);
            if !(low <= price && price <= high) {
                return refused(format_args!(
                    "its price {price} lies outside of bar {t}, which goes from {low} to {high}"
                ));
            }
            let target = match side {
                1 => Some(Side::Long),
                -1 => Some(Side::Short),
                0 => None,
                _ => return refused(format_args!("its side {side} is none of +1, -1 and 0")),
            };
            if side == position {
                let state = ["short", "flat", "long"][(side + 1) as usize];
                return refused(format_args!("in bar {t} the position is {state} already"));
            }
            position = side;
            self.fills.push(Fill { bar: at, price, target });
        }
        self.ends.push(self.fills.len());
        Ok(())
    }

    /// Number of sets.
    #[must_use]
    pub fn sets(&self) -> usize {
        self.ends.len()
    }

    /// The bars that fills may lie in.
    #[must_use]
    pub fn trading(&self) -> Range<usize> {
        self.trading.clone()
    }

    fn start_of(&self, set: usize) -> usize {
        set.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

/// Carries out the fills of a set; its one parameter is the number of the set.
#[derive(Debug, Clone, Copy)]
pub struct CarryOut {
    /// Number of sets.
    pub sets: usize,
}

/// The bars, and the fills of all sets.
#[derive(Debug)]
pub struct Shared {
    bars: Arc<Bars>,
    fills: Arc<Fills>,
}

/// What is held, and the next fill, once the set is known.
#[derive(Debug)]
pub struct State {
    held: Option<Holding>,
    next: Option<usize>,
}

impl Kernel for CarryOut {
    type Settings = Arc<Fills>;
    type Params = usize;
    type Shared = Shared;
    type Scratch = ();
    type State = State;

    fn name(&self) -> &str {
        "fills"
    }

    fn parameters(&self) -> Vec<&'static str> {
        vec!["set"]
    }

    fn params(&self, values: &[f64]) -> Result<usize> {
        match *values {
            [set] if set >= 0.0 && set.fract() == 0.0 && set < self.sets as f64 => Ok(set as usize),
            [set] => {
                let allowed = "it must be the number of one of the sets, from 0 on";
                Err(Error::OutOfRange { name: "set", value: set, allowed })
            }
            _ => Err(Error::ParameterCount { given: values.len(), expected: 1 }),
        }
    }

    fn lookback(&self, _: &usize) -> usize {
        1
    }

    fn prepare(&self, feeds: &Feeds, _: &Sets<usize>, fills: &Arc<Fills>) -> Result<Shared> {
        Ok(Shared { bars: feeds.bars("bars")?.clone(), fills: fills.clone() })
    }

    fn scratch(&self, _: &Shared, _: Range<usize>) {}

    fn start(&self, _: &Shared, _: usize) -> State {
        State { held: None, next: None }
    }

    fn through<R: Recorder>(
        &self,
        shared: &Shared,
        (): &mut (),
        &set: &usize,
        bars: Range<usize>,
        State { held, next }: &mut State,
        account: &mut Account<'_, R>,
    ) {
        let (closes, all) = (shared.bars.close(), &shared.fills);
        let fills = &all.fills[..all.ends[set]];
        let next = next.get_or_insert_with(|| all.start_of(set));
        let mut t = bars.start;
        while let Some(bar) = fills.get(*next).map(|fill| fill.bar).filter(|&bar| bar < bars.end) {
            account.end_bars(t, held.map(|h| h.position), &closes[t..bar]);
            while let Some(fill) = fills.get(*next).filter(|fill| fill.bar == bar) {
                *held = carried_out(fill, *held, account);
                *next += 1;
            }
            account.end_bar(bar, held.map(|h| h.position), closes[bar]);
            t = bar + 1;
        }
        account.end_bars(t, held.map(|h| h.position), &closes[t..bars.end]);
    }
}

/// What is held after a fill: after a ruin nothing, whatever was decided.
#[inline]
fn carried_out<R: Recorder>(
    &Fill { bar, price, target }: &Fill,
    held: Option<Holding>,
    account: &mut Account<'_, R>,
) -> Option<Holding> {
    match (held, target) {
        // [M8]
        (None, Some(side)) if !account.is_ruined() => Some(account.enter(side, bar, price)),
        (None, _) => None,
        (Some(held), Some(side)) if held.position.side != side => account.reverse(held, bar, price),
        (Some(held), Some(_)) => Some(held),
        (Some(held), None) => {
            account.leave(held, bar, price);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::direct::simulate;
    use crate::execution::settings::AccountSettings;
    use crate::market::slice::Slice;

    fn bars() -> Bars {
        let close = vec![100.0, 100.0, 110.0, 99.0, 90.0, 99.0, 81.0];
        let low = close.iter().map(|c| c - 10.0).collect();
        let high = close.iter().map(|c| c + 10.0).collect();
        Bars::new(close.clone(), high, low, close).expect("bars")
    }

    fn fills(rows: &[(i64, f64, i64)]) -> std::result::Result<Fills, Refused> {
        let bar: Vec<i64> = rows.iter().map(|row| row.0).collect();
        let price: Vec<f64> = rows.iter().map(|row| row.1).collect();
        let side: Vec<i64> = rows.iter().map(|row| row.2).collect();
        let count = [rows.len() as i64];
        let room = rows.len();
        let given = Given { bar: &bar, price: &price, side: &side, count: &count, room };
        Fills::new(&bars(), given, 1..7)
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (rows, fill, why) in [
            (&[(0, 100.0, 1)][..], 0, "none of the trading bars 1..6"),
            (&[(-1, 100.0, 1)], 0, "bar -1 is none"),
            (&[(1, 100.0, 1), (7, 100.0, 0)], 1, "bar 7 is none"),
            (&[(2, 110.0, 1), (1, 100.0, 0)], 1, "bar 1 comes before bar 2"),
            (&[(1, 110.1, 1)], 0, "goes from 90 to 110"),
            (&[(1, f64::NAN, 1)], 0, "its price NaN lies outside"),
            (&[(1, 100.0, 2)], 0, "its side 2 is none"),
            (&[(1, 100.0, 0)], 0, "the position is flat already"),
            (&[(1, 100.0, -1), (2, 110.0, -1)], 1, "in bar 2 the position is short already"),
            (&[(1, 100.0, 1), (1, 100.0, 0), (1, 100.0, 1)], 2, "the third in bar 1"),
        ] {
            let refused = fills(rows).expect_err(why);
            assert_eq!((refused.set, refused.fill), (0, fill), "{why}");
            assert!(refused.why.contains(why), "{}", refused.why);
        }
        let given = Given { bar: &[], price: &[], side: &[], count: &[0, 1], room: 0 };
        let refused = Fills::new(&bars(), given, 1..7).expect_err("no room");
        assert_eq!((refused.set, refused.fill), (1, 0));
    }

    #[test]
    fn fills_become_trades_reversals_and_marks() {
        let rows = [(1, 100.0, 1), (3, 105.0, -1), (5, 90.0, 1), (5, 99.0, 0)];
        let fills = Arc::new(fills(&rows).expect("fills"));
        let feeds = Feeds::of(bars(), None).expect("feeds");
        let account = AccountSettings { capital: 1_000.0, ..AccountSettings::default() };
        let slice = Slice { warmup: 1, split: 5, end: 7 };
        let sets = [(0, vec![0.0])];
        let sim = simulate(&CarryOut { sets: 1 }, &feeds, &sets, &account, &fills, slice, None);
        let sim = sim.expect("a simulation");
        // Long from 100 to 105: 1,050. Short 10 shares, down to 90: 1,200. Long at 90, out at 99.
        let marks = [1_000.0, 1_000.0, 1_100.0, 1_110.0, 1_200.0, 1_320.0, 1_320.0];
        assert!(
            sim.equity.iter().zip(marks).all(|(a, b)| (a - b).abs() < 1e-9),
            "{:?}",
            sim.equity
        );
        assert_eq!(sim.trades.iter().map(|t| t.exit_bar).collect::<Vec<_>>(), [3, 5, 5]);
        assert_eq!(sim.reversals.len(), 2);
        assert_eq!((sim.figures.is_trades, sim.figures.oos_trades), (1, 2));
        assert!(CarryOut { sets: 1 }.params(&[1.0]).is_err());
    }

    #[test]
    fn nothing_is_entered_after_a_ruin() {
        // Short at 100, at a price of 200 nothing is left.
        let close = vec![100.0, 100.0, 200.0, 100.0, 100.0];
        let bars = Bars::new(close.clone(), close.clone(), close.clone(), close).expect("bars");
        let (bar, price, side) = ([1, 2, 3], [100.0, 200.0, 100.0], [-1, 1, 0]);
        let given = Given { bar: &bar, price: &price, side: &side, count: &[3], room: 3 };
        let fills = Arc::new(Fills::new(&bars, given, 1..5).expect("fills"));
        let feeds = Feeds::of(bars, None).expect("feeds");
        let slice = Slice { warmup: 1, split: 3, end: 5 };
        let account = AccountSettings::default();
        let sets = [(0, vec![0.0])];
        let sim = simulate(&CarryOut { sets: 1 }, &feeds, &sets, &account, &fills, slice, None);
        let sim = sim.expect("a simulation");
        assert_eq!(sim.equity[2..], [0.0, 0.0, 0.0]);
        assert_eq!((sim.trades.len(), sim.reversals.len()), (1, 0));
    }
}
