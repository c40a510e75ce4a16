//! The figures of a sequence of trades, by the direct engine's own expressions.
//!
//! This serves every sizing, and decides where rounding could decide: whether a short is ruined.
//! The equity after each fill has the same bits as in [`direct`](crate::engine::direct), for it
//! comes from the same [`Account`]; only the marks between two fills are summed up at once.

use super::path::{PhaseBars, Trade};
use crate::engine::range_summary::RangeSummaries;
use crate::execution::account::{Account, Holding, Position, Recorder, Side};
use crate::execution::settings::AccountSettings;
use crate::figures::Figures;

/// The figures of a phase with these trades.
pub(super) fn settle(
    trades: &[Trade],
    phase: PhaseBars,
    settings: &AccountSettings,
    closes: &[f64],
    summaries: &RangeSummaries,
) -> Figures {
    let hold = |account: &mut Account<'_>, position: Position, from: u32, to: u32| {
        let summary = summaries.between(from as usize, to as usize);
        let (low, high) = (-summary.neg_low, summary.high);
        let (adverse, favorable, drawdown) = match position.side {
            Side::Long => (low, high, summary.fall),
            Side::Short => (high, low, summary.rise),
        };
        account.mark_run(position, adverse, favorable, drawdown, closes[to as usize - 1]);
    };
    let mut account = Account::new(settings);
    let mut counts = [0, 0];
    let mut in_sample = None;
    let end_in_sample = |account: &mut Account<'_>| {
        let figures = (account.marked(), account.drawdown());
        account.restart();
        figures
    };
    for trade in trades {
        // No entry after a ruin [M8]; marks at or below 0 before that end nothing [M9].
        if account.is_ruined() {
            break;
        }
        // Shares and costs are the account's, as decided in `Account::open`.
        let position = account.open(trade.side, trade.entry);
        let mut from = trade.from;
        // The boundary marks an open position and closes nothing [F4].
        if in_sample.is_none() && trade.to >= phase.split {
            if from < phase.split {
                hold(&mut account, position, from, phase.split);
                from = phase.split;
            }
            in_sample = Some(end_in_sample(&mut account));
        }
        // A position that is open at the end is marked there, without an exit [M12].
        let to = trade.to.min(phase.end);
        if from < to {
            hold(&mut account, position, from, to);
        }
        if trade.to < phase.end {
            account.close(position, trade.exit);
            // Counted by the bar of the exit [F3], without trades of 0 shares [M7].
            counts[usize::from(trade.to >= phase.split)] += u32::from(position.shares > 0.0);
        }
    }
    // [F1]
    let (is_mark, is_dd) = in_sample.unwrap_or_else(|| end_in_sample(&mut account));
    Figures {
        is_pnl: is_mark - settings.capital,
        oos_pnl: account.marked() - is_mark,
        is_dd,
        oos_dd: account.drawdown(),
        is_trades: counts[0],
        oos_trades: counts[1],
    }
}

/// Passes every mark of a phase with these trades to a recorder, bar by bar, by the same operations
/// as in [`direct`](crate::engine::direct). `base` is the bar of the first close.
pub(super) fn replay<R: Recorder>(
    trades: &[Trade],
    phase: PhaseBars,
    (base, closes): (usize, &[f64]),
    settings: &AccountSettings,
    recorder: R,
) {
    let mut account = Account::recorded(settings, recorder);
    let mut next = trades.iter().peekable();
    let mut held: Option<(Holding, &Trade)> = None;
    for t in phase.start + 1..phase.end {
        if t == phase.split {
            account.restart();
        }
        let bar = base + t as usize;
        if let Some((holding, trade)) = held {
            if trade.to == t {
                // Nothing but a reversal enters in a bar in which a trade of an earlier one closes.
                let reversal = next.next_if(|next| next.from == t);
                held = match reversal {
                    // After a ruin none, as decided in `Account::reverse`.
                    Some(reversal) => {
                        account.reverse(holding, bar, trade.exit).map(|holding| (holding, reversal))
                    }
                    None => {
                        account.leave(holding, bar, trade.exit);
                        None
                    }
                };
            }
        // No entry after a ruin [M8].
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
