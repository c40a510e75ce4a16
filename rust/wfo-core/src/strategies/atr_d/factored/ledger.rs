//! The ledger: what the trades of a walk come to, by the contract's own operations.
//!
//! It serves every sizing, and decides where rounding could decide: whether a short is ruined. The
//! equity after each fill has the same bits as in [`direct`](crate::engine::direct), for it comes from the
//! same [`Account`]; only the marks between two fills are entered all at once.

use super::stretches::Stretches;
use super::walk::{Span, Trade};
use crate::execution::account::{Account, Holding, Position, Recorder, Side};
use crate::execution::settings::AccountSettings;
use crate::figures::Figures;

/// What a phase with these trades comes to.
pub(super) fn settled(
    trades: &[Trade],
    span: Span,
    settings: &AccountSettings,
    closes: &[f64],
    stretches: &Stretches,
) -> Figures {
    let hold = |account: &mut Account<'_>, position: Position, from: u32, to: u32| {
        let stretch = stretches.between(from as usize, to as usize);
        let (low, high) = (-stretch.neg_low, stretch.high);
        let (worst, best, against) = match position.side {
            Side::Long => (low, high, stretch.fall),
            Side::Short => (high, low, stretch.rise),
        };
        account.mark_run(position, worst, best, against, closes[to as usize - 1]);
    };
    let mut account = Account::new(settings);
    let mut counts = [0, 0];
    let mut in_sample = None;
    let turn = |account: &mut Account<'_>| {
        let figures = (account.marked(), account.drawdown());
        account.restart();
        figures
    };
    for trade in trades {
        // Nothing is left to trade with.
        if account.is_ruined() {
            break;
        }
        let position = account.open(trade.side, trade.entry);
        let mut from = trade.from;
        if in_sample.is_none() && trade.to >= span.split {
            if from < span.split {
                hold(&mut account, position, from, span.split);
                from = span.split;
            }
            in_sample = Some(turn(&mut account));
        }
        let to = trade.to.min(span.end);
        if from < to {
            hold(&mut account, position, from, to);
        }
        if trade.to < span.end {
            account.close(position, trade.exit);
            counts[usize::from(trade.to >= span.split)] += u32::from(position.shares > 0.0);
        }
    }
    let (is_mark, is_dd) = in_sample.unwrap_or_else(|| turn(&mut account));
    Figures {
        is_pnl: is_mark - settings.capital,
        oos_pnl: account.marked() - is_mark,
        is_dd,
        oos_dd: account.drawdown(),
        is_trades: counts[0],
        oos_trades: counts[1],
    }
}

/// Goes through the bars of a phase with these trades, for a recorder to hear of every mark: by the
/// same operations as in [`direct`](crate::engine::direct). `base` is the bar of the first close.
pub(super) fn replay<R: Recorder>(
    trades: &[Trade],
    span: Span,
    (base, closes): (usize, &[f64]),
    settings: &AccountSettings,
    recorder: R,
) {
    let mut account = Account::recorded(settings, recorder);
    let mut next = trades.iter().peekable();
    let mut held: Option<(Holding, &Trade)> = None;
    for t in span.start + 1..span.end {
        if t == span.split {
            account.restart();
        }
        let bar = base + t as usize;
        if let Some((holding, trade)) = held {
            if trade.to == t {
                // Nothing but a reversal enters in a bar in which a trade of an earlier one closes.
                let turn = next.next_if(|next| next.from == t);
                held = match turn {
                    Some(turn) => {
                        account.reverse(holding, bar, trade.exit).map(|holding| (holding, turn))
                    }
                    None => {
                        account.leave(holding, bar, trade.exit);
                        None
                    }
                };
            }
        } else if !account.is_ruined()
            && let Some(trade) = next.next_if(|next| next.from == t)
        {
            let holding = account.enter(trade.side, bar, trade.entry);
            if trade.to == t {
                account.leave(holding, bar, trade.exit);
            } else {
                held = Some((holding, trade));
            }
        }
        account.end_bar(bar, held.map(|(holding, _)| holding.position), closes[t as usize]);
    }
}
