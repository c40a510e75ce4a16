//! The backtest of one parameter set, with its marks and trades.

use super::sweep::Sweep;
use super::walk::Fills;
use crate::engine::tiers::Tier;
use crate::error::Result;
use crate::execution::account::{Account, Holding, Position, Side};
use crate::execution::extended::{Diary, Labels};
use crate::execution::settings::AccountSettings;
use crate::figures::{Figures, Simulation};
use crate::grid::{Axis, Grid};
use crate::market::feeds::Feeds;
use crate::market::slice::Slice;
use crate::strategies::rules::kernel::Rules;
use crate::task::Task;

/// A fill: its bar, its price, and the side that it opens; none where it closes.
type Fill = (usize, f64, Option<Side>);

/// The fills of a walk.
struct Noted<'a> {
    account: Account<'a>,
    held: Option<Position>,
    fills: Vec<Fill>,
}

impl Fills for Noted<'_> {
    fn open(&mut self, side: Side, bar: usize, price: f64) {
        self.held = Some(self.account.open(side, price));
        self.fills.push((bar, price, Some(side)));
    }

    fn close(&mut self, bar: usize, price: f64) -> bool {
        if let Some(held) = self.held.take() {
            self.account.close(held, price);
        }
        self.fills.push((bar, price, None));
        // [M8]
        !self.account.is_ruined()
    }
}

/// Simulates one parameter set, given in canonical order.
///
/// # Errors
/// A parameter or setting out of range, positions out of order, too short a warm-up, or a program
/// that this engine cannot run.
pub fn simulate(
    kernel: &Rules,
    feeds: &Feeds,
    values: &[f64],
    account: &AccountSettings,
    slice: Slice,
    labels: Option<(&[i64], usize)>,
) -> Result<Simulation> {
    let set = Axis::new((0..values.len()).collect(), vec![values.to_vec()]);
    let task = Task::new(kernel.clone(), feeds, Grid::new(vec![set])?, *account, &(), vec![slice])?;
    let account = task.account;
    let trading = slice.warmup..slice.end;
    let labels =
        labels.map(|(of, count)| Labels::new(of, count, feeds.len(), trading)).transpose()?;
    let sweep = Sweep::new(task, Tier::BASELINE)?;
    let mut noted = Noted { account: Account::new(&account), held: None, fills: Vec::new() };
    sweep.walk_only(slice, &mut noted)?;
    let mut diary = Diary::new(labels.as_ref(), slice.end, account.capital);
    let closes = feeds.bars("bars")?.close();
    let figures = replay(&noted.fills, slice, closes, Account::recorded(&account, &mut diary));
    let Diary { extended, trades, equity, reversals } = diary;
    let sums = labels.as_ref().map(|_| extended.sums().map(<[f64]>::to_vec));
    Ok(Simulation { figures, parts: extended.parts(), sums, trades, equity, reversals })
}

/// Passes the fills of a phase to an account, with the marks of all bars, and returns the figures.
fn replay(
    fills: &[Fill],
    Slice { warmup, split, end }: Slice,
    closes: &[f64],
    mut account: Account<'_, &mut Diary<'_>>,
) -> Figures {
    let mut next = fills.iter().peekable();
    let mut held: Option<Holding> = None;
    let capital = account.marked();
    let mut in_sample = (capital, 0.0, 0);
    for (t, &close) in (warmup..end).zip(&closes[warmup..end]) {
        if t == split {
            in_sample = (account.marked(), account.drawdown(), account.trades());
            account.restart();
        }
        while let Some(&(bar, price, opens)) = next.next_if(|fill| fill.0 == t) {
            held = match (held, opens) {
                (_, Some(side)) => Some(account.enter(side, bar, price)),
                // What closes and opens at one fill is a reversal [M11].
                (Some(holding), None)
                    if next.next_if(|fill| fill.0 == t && fill.2.is_some()).is_some() =>
                {
                    account.reverse(holding, bar, price)
                }
                (Some(holding), None) => {
                    account.leave(holding, bar, price);
                    None
                }
                (None, None) => None,
            };
        }
        account.end_bar(t, held.map(|holding| holding.position), close);
    }
    let (is_mark, is_dd, is_trades) = in_sample;
    Figures {
        // [F1]
        is_pnl: is_mark - capital,
        oos_pnl: account.marked() - is_mark,
        is_dd,
        oos_dd: account.drawdown(),
        is_trades,
        oos_trades: account.trades(),
    }
}
