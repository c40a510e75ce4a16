//! The orders that a parameter set would have working in the bar after the last one.

use crate::error::{Error, Result};
use crate::execution::account::{Account, Amount, Side};
use crate::execution::settings::AccountSettings;
use crate::kernel::{Kernel, Sets};
use crate::market::feeds::Feeds;
use crate::orders::{Action, Order, Standing};

/// State and orders after the last bar, and what the account says of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Working {
    /// What the kernel says.
    pub standing: Standing,
    /// Shares that each order trades if it is filled where `Order::fill` says: those held of an exit,
    /// those opened of an entry and of a reversal.
    pub shares: Vec<f64>,
    /// Equity after the last closed trade.
    pub equity: f64,
    /// The mark at the last close.
    pub mark: f64,
    /// Whether a fill has left nothing to trade with.
    pub ruined: bool,
}

/// Goes through all bars from `warmup` on with one parameter set, given in canonical order, and
/// returns what works after the last one; `None` where the kernel does not say.
///
/// # Errors
/// A parameter or setting out of range, or a first trading bar before the lookback is full or beyond
/// the bar after the last.
pub fn working<K: Kernel>(
    kernel: &K,
    feeds: &Feeds,
    values: &[f64],
    account: &AccountSettings,
    settings: &K::Settings,
    warmup: usize,
) -> Result<Option<Working>> {
    let account = account.checked()?;
    feeds.check(&kernel.feeds())?;
    let params = Sets { sets: vec![kernel.params(values)?], mixed: false };
    let need = params.lookback(|params| kernel.lookback(params)).max(1);
    let end = feeds.len();
    // [I6]
    if warmup < need {
        return Err(Error::Warmup { warmup, need });
    }
    if warmup > end {
        let allowed = "it must not be beyond the bar after the last one";
        return Err(Error::OutOfRange { name: "warmup", value: warmup as f64, allowed });
    }
    let shared = kernel.prepare(feeds, &params, settings)?;
    let params = &params.sets[0];
    let mut scratch = kernel.scratch(&shared, warmup - 1..end);
    let mut state = kernel.start(&shared, warmup - 1);
    let mut account = Account::new(&account);
    if warmup < end {
        kernel.through(&shared, &mut scratch, params, warmup..end, &mut state, &mut account);
    }
    let Some(mut standing) = kernel.standing(&shared, &mut scratch, params, end, &state) else {
        return Ok(None);
    };
    let ruined = account.is_ruined();
    if ruined && standing.holding.is_none() {
        // [M8]
        standing.orders.clear();
    }
    // The first feed is the one that is traded.
    let traded = kernel.feeds().first().copied().unwrap_or("bars");
    let last = feeds.bars(traded)?.close()[end - 1];
    let mut shares_of = |order: &Order| {
        let price = order.fill(last);
        let amount = kernel.amount(&shared, &mut scratch, params, end, order, price);
        shares(order, amount, price, &standing, &account)
    };
    let shares = standing.orders.iter().map(&mut shares_of).collect();
    Ok(Some(Working { shares, equity: account.equity(), mark: account.marked(), ruined, standing }))
}

/// Shares that an order trades; none where its level cannot be reached.
fn shares(
    order: &Order,
    amount: Amount,
    price: f64,
    standing: &Standing,
    account: &Account<'_>,
) -> f64 {
    let held = standing.holding.map(|holding| holding.position);
    let opened = |account: &Account<'_>, side: Side| {
        // [M8]
        if account.is_ruined() || !(price > 0.0 && price.is_finite()) {
            return 0.0;
        }
        account.open_with(amount, side, price).shares
    };
    match order.action {
        Action::Exit(_) => held.map_or(0.0, |held| held.shares),
        Action::Enter(side) => opened(account, side),
        Action::ReverseTo(side) => {
            let mut after = account.clone();
            if let Some(held) = held {
                after.close(held, price);
            }
            opened(&after, side)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::execution::account::{Holding, Recorder};
    use crate::market::bars::Bars;
    use crate::orders::Kind;

    /// Buys the first trading bar at its open, and leaves the next one; says so where it is asked to.
    #[derive(Debug)]
    struct Once {
        says: bool,
    }

    impl Kernel for Once {
        type Settings = ();
        type Params = ();
        type Shared = Vec<f64>;
        type Scratch = ();
        type State = (usize, Option<Holding>);

        fn name(&self) -> &str {
            "once"
        }

        fn parameters(&self) -> Vec<&'static str> {
            Vec::new()
        }

        fn params(&self, _: &[f64]) -> Result<()> {
            Ok(())
        }

        fn lookback(&self, (): &()) -> usize {
            2
        }

        fn prepare(&self, feeds: &Feeds, _: &Sets<()>, (): &()) -> Result<Vec<f64>> {
            Ok(feeds.bars("bars")?.open().to_vec())
        }

        fn scratch(&self, _: &Vec<f64>, _: Range<usize>) {}

        fn start(&self, _: &Vec<f64>, bar: usize) -> (usize, Option<Holding>) {
            (bar, None)
        }

        fn through<R: Recorder>(
            &self,
            opens: &Vec<f64>,
            (): &mut (),
            (): &(),
            bars: Range<usize>,
            (since, held): &mut (usize, Option<Holding>),
            account: &mut Account<'_, R>,
        ) {
            for t in bars {
                *since = t;
                match held.take() {
                    Some(holding) => account.leave(holding, t, opens[t]),
                    None => *held = Some(account.enter(Side::Short, t, opens[t])),
                }
                account.end_bar(t, held.map(|h| h.position), opens[t]);
            }
        }

        fn standing(
            &self,
            _: &Vec<f64>,
            (): &mut (),
            (): &(),
            bar: usize,
            &(since, holding): &(usize, Option<Holding>),
        ) -> Option<Standing> {
            let order = |action, kind| Order { action, kind, obstacle: None, fills_beyond: None };
            let orders = match holding {
                None => vec![
                    order(Action::Enter(Side::Long), Kind::Market),
                    order(Action::Enter(Side::Short), Kind::Limit(bar as f64)),
                    order(Action::Enter(Side::Long), Kind::Limit(-1.0)),
                ],
                Some(_) => vec![
                    order(Action::Exit(Side::Short), Kind::Stop(20.0)),
                    order(Action::ReverseTo(Side::Long), Kind::Limit(8.0)),
                ],
            };
            self.says.then_some(Standing { holding, since, orders, both_fill: false })
        }
    }

    /// What works after some opens, which are all prices of their bars.
    fn after(says: bool, opens: &[f64], warmup: usize) -> Result<Option<Working>> {
        let bars = Bars::new(opens.to_vec(), opens.to_vec(), opens.to_vec(), opens.to_vec());
        let feeds = Feeds::of(bars.expect("bars"), None).expect("feeds");
        let account = AccountSettings { capital: 100.0, ..AccountSettings::default() };
        working(&Once { says }, &feeds, &[], &account, &(), warmup)
    }

    fn said(opens: &[f64], warmup: usize) -> Working {
        after(true, opens, warmup).expect("an answer").expect("orders")
    }

    #[test]
    fn a_kernel_need_not_say() {
        assert_eq!(after(false, &[10.0; 4], 2), Ok(None));
    }

    #[test]
    fn shares_are_those_that_a_fill_at_the_level_trades() {
        // Nothing is traded before the bar after the last one: 100 at the last close, at 2, at -1.
        let flat = said(&[10.0, 10.0], 2);
        assert_eq!((flat.shares, flat.equity, flat.mark), (vec![10.0, 50.0, 0.0], 100.0, 100.0));
        // Short of 10 at 10. At 8 that is 20 more, which buy 15; the mark at 9 has 10 more.
        let held = said(&[10.0, 10.0, 10.0], 2);
        assert_eq!((held.shares, held.equity, held.mark), (vec![10.0, 15.0], 100.0, 100.0));
        assert_eq!(held.standing.holding.map(|h| h.entry_bar), Some(2));
    }

    #[test]
    fn after_ruin_there_is_no_order() {
        // Short of 10 at 10, left at 25: 100 - 150.
        let ruined = said(&[10.0, 10.0, 10.0, 25.0], 2);
        assert_eq!((ruined.equity, ruined.ruined), (-50.0, true));
        assert_eq!((ruined.standing.orders, ruined.shares), (vec![], vec![]));
    }

    #[test]
    fn the_first_trading_bar_must_fit() {
        let short = after(true, &[10.0; 4], 1);
        assert_eq!(short, Err(Error::Warmup { warmup: 1, need: 2 }));
        assert!(after(true, &[10.0; 4], 4).is_ok());
        assert!(matches!(after(true, &[10.0; 4], 5), Err(Error::OutOfRange { value: 5.0, .. })));
    }
}
