//! The extended figures of a sequence of trades.

use super::returns::{CloseReturns, difference};
use super::short_marks::ShortMarks;
use crate::engine::range_summary::RangeSummaries;
use crate::execution::account::{Account, Holding, Side};
use crate::execution::extended::{Extended, Labels};
use crate::execution::settings::AccountSettings;
use crate::strategies::atr_d::factored::path::{PhaseBars, Trade};
use crate::strategies::atr_d::factored::prepared::Prepared;

/// What adds up the trades of one phase after the other.
pub(super) struct Accumulator<'a> {
    pub prepared: &'a Prepared,
    pub returns: &'a CloseReturns,
    pub shorts: &'a mut ShortMarks,
    pub extended: Extended<'a>,
}

/// What adds up the bars at whose closes a position is held.
struct HeldBars<'a> {
    returns: &'a CloseReturns,
    summaries: &'a RangeSummaries,
    settings: &'a AccountSettings,
    labels: Option<&'a Labels>,
    base: usize,
    closes: &'a [f64],
}

impl HeldBars<'_> {
    /// Adds up bars `from..to` of a position.
    #[inline(always)]
    fn add(
        &self,
        account: &mut Account<'_, &mut Extended<'_>>,
        shorts: &mut ShortMarks,
        held: &Holding,
        from: u32,
        to: u32,
    ) {
        let Self { returns, summaries, settings, labels, base, closes } = *self;
        let (entry, position, equity) = (from, held.position, account.equity());
        let mark = |close: f64| equity + position.profit(close);
        let (from, to) = (from as usize, to as usize);
        let extended = account.recorder();
        extended.add_bar(base + from, mark(closes[from]), true);
        let from = from + 1;
        if from >= to {
            return;
        }
        let last = mark(closes[to - 1]);
        if position.side == Side::Long {
            let summary = summaries.between(from, to);
            let marks = [mark(-summary.neg_low), mark(summary.high), last];
            // [F9]
            let fall = || -(-returns.logs.between(from, to).fall).exp_m1();
            // [F8] [F10]
            extended.add_run((to - from) as u32, returns.between(from, to), marks, fall);
            if let Some(labels) = labels {
                // [F12]
                for (label, first, end) in returns.by_label(labels, base, from..to) {
                    let [r, r2, _] = returns.between(first, end);
                    extended.add_to_label(label, r, r2);
                }
            }
            return;
        }
        // From its entry on, a short has the marks of all shorts with this fill.
        if held.entry_bar == base + entry as usize {
            let rows = shorts.up_to((entry, held.entry_price), to, settings, closes);
            if let Some(summary) = rows.get(to - 1 - from) {
                let marks = [equity * summary.low, equity * summary.high, last];
                extended.add_run((to - from) as u32, summary.sums, marks, || summary.fall);
                if let Some(labels) = labels {
                    let before =
                        |t: usize| if t == from { [0.0; 3] } else { rows[t - 1 - from].sums };
                    for (label, first, end) in returns.by_label(labels, base, from..to) {
                        let [r, r2, _] = difference(&rows[end - 1 - from].sums, &before(first));
                        extended.add_to_label(label, r, r2);
                    }
                }
                return;
            }
        }
        for (t, &close) in (base + from..).zip(&closes[from..to]) {
            extended.add_bar(t, mark(close), true);
        }
    }
}

impl Accumulator<'_> {
    /// Adds up the trades of a phase.
    pub fn add_up(&mut self, trades: &[Trade], phase: PhaseBars) {
        let Self { prepared, returns, shorts, extended } = self;
        let (history, labels) = (&prepared.history, prepared.task.labels.as_ref());
        let (base, closes) = (history.bars.start, history.per_unit.closes());
        let (settings, summaries) = (&history.settings, history.per_unit.summaries());
        let held_bars = HeldBars { returns, summaries, settings, labels, base, closes };
        extended.begin(settings.capital);
        let mut account = Account::recorded(settings, extended);
        let (mut is_out_of_sample, mut reversed) = (false, None);
        for (i, trade) in trades.iter().enumerate() {
            let bar = base + trade.from as usize;
            let enter = |account: &mut Account<'_, _>| account.enter(trade.side, bar, trade.entry);
            let held = reversed.take().unwrap_or_else(|| enter(&mut account));
            let mut from = trade.from;
            // The boundary marks an open position and closes nothing [F4].
            if !is_out_of_sample && trade.to >= phase.split {
                if from < phase.split {
                    held_bars.add(&mut account, shorts, &held, from, phase.split);
                    account.mark(held.position, closes[phase.split as usize - 1]);
                    from = phase.split;
                }
                account.restart();
                is_out_of_sample = true;
            }
            // Open at the end: the figures are told its bars up to the last one, and no trade
            // [M12].
            let to = trade.to.min(phase.end);
            if from < to {
                held_bars.add(&mut account, shorts, &held, from, to);
            }
            if trade.to >= phase.end {
                break;
            }
            let bar = base + trade.to as usize;
            // Nothing but a reversal enters in a bar in which a trade of an earlier one closes.
            let is_reversal = trade.from < trade.to
                && trades.get(i + 1).is_some_and(|next| next.from == trade.to);
            // The account tells the trade to the figures.
            if is_reversal {
                reversed = account.reverse(held, bar, trade.exit);
            } else {
                account.leave(held, bar, trade.exit);
            }
            if reversed.is_none() {
                let mark = account.marked();
                account.recorder().add_bar(bar, mark, false);
            }
            // No entry after a ruin [M8]: what is left are bars of the same equity, whose returns
            // are decided in `Extended::add_bar`.
            if account.is_ruined() {
                for t in trade.to + 1..phase.end {
                    if t == phase.split {
                        account.restart();
                        is_out_of_sample = true;
                    }
                    let mark = account.marked();
                    account.recorder().add_bar(base + t as usize, mark, false);
                }
                break;
            }
        }
        if !is_out_of_sample {
            account.restart();
        }
    }
}
