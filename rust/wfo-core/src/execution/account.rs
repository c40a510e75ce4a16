//! The account: what fills are worth, what the equity is marked at, and what recorders are told.

use std::ops::Range;

use crate::execution::settings::{AccountSettings, Sizing};

/// Factor of the number of lots before it is rounded down. A decimal number of lots comes out of six
/// roundings of at most 2⁻⁵³ each, .29 / .01 as 28.999999999999996, and none of them may take a lot.
const LOT_TOLERANCE: f64 = 1.0 + 4.0 * f64::EPSILON;

/// Which way a position earns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// When the price rises.
    Long,
    /// When it falls.
    Short,
}

/// A closed trade, at its raw fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trade {
    /// Which way it was to earn.
    pub side: Side,
    /// Bar of the entry.
    pub entry_bar: usize,
    /// Fill of the entry, before slippage.
    pub entry_price: f64,
    /// Bar of the exit.
    pub exit_bar: usize,
    /// Fill of the exit, before slippage.
    pub exit_price: f64,
    /// Profit or loss, in currency.
    pub pnl: f64,
}

/// What an entry takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// All that the settings give.
    All,
    /// A share of it.
    Share(f64),
    /// As much as loses a share of it where the price goes so far, and at most all.
    Risk {
        /// The share that is lost.
        share: f64,
        /// From the fill to the price at which it is.
        distance: f64,
    },
}

/// A position at what was paid for it, or got.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Which way it earns.
    pub side: Side,
    /// Shares held or owed; 0 where the lot size leaves none.
    pub shares: f64,
    /// Price of one share, slippage and fee included: the cost of a long, the gain of a short.
    pub basis: f64,
}

impl Position {
    /// Profit or loss if one share goes for `price`, costs included, times the shares.
    #[inline]
    pub(crate) fn profit(&self, price: f64) -> f64 {
        match self.side {
            // [M3] [M4]
            Side::Long => self.shares * (price - self.basis),
            Side::Short => self.shares * (self.basis - price),
        }
    }
}

/// A position, and where it came from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Holding {
    /// What is held.
    pub position: Position,
    /// Bar of the entry.
    pub entry_bar: usize,
    /// Fill of the entry, before slippage.
    pub entry_price: f64,
}

/// What is told the marks and trades of an account. `()` ignores them, and costs nothing.
pub trait Recorder {
    /// Whether it has a faster way through bars without a fill, [`held_bars`](Self::held_bars) and
    /// [`flat_bars`](Self::flat_bars), than one after the other.
    const RUNS: bool = false;
    /// A trading bar ends at this mark; `held` says whether more than 0 shares are open.
    fn bar(&mut self, bar: usize, mark: f64, held: bool);
    /// A reversal's fill settles the equity at this mark, before the bar's close.
    fn reversal(&mut self, bar: usize, mark: f64);
    /// A trade closes.
    fn trade(&mut self, trade: Trade);
    /// The next part of the phase begins at this mark.
    fn part(&mut self, mark: f64);
    /// A fill has opened a position; positions of 0 shares are told too.
    #[inline(always)]
    fn entered(&mut self, _holding: &Holding) {}
    /// A fill at the raw `price` has closed a position, which adds `profit` to the equity.
    #[inline(always)]
    fn left(&mut self, _holding: &Holding, _bar: usize, _price: f64, _profit: f64) {}
    /// Consecutive bars from `first` on have no fill in them, and end with `position` held at these
    /// closes; `equity` is that before its trade.
    #[inline(always)]
    fn held_bars(&mut self, first: usize, position: Position, equity: f64, closes: &[f64]) {
        for (bar, &close) in (first..).zip(closes) {
            self.bar(bar, equity + position.profit(close), position.shares > 0.0);
        }
    }
    /// Bars end at this mark, without a position or a fill.
    #[inline(always)]
    fn flat_bars(&mut self, bars: Range<usize>, mark: f64) {
        for bar in bars {
            self.bar(bar, mark, false);
        }
    }
}

impl Recorder for () {
    #[inline(always)]
    fn bar(&mut self, _: usize, _: f64, _: bool) {}
    #[inline(always)]
    fn reversal(&mut self, _: usize, _: f64) {}
    #[inline(always)]
    fn trade(&mut self, _: Trade) {}
    #[inline(always)]
    fn part(&mut self, _: f64) {}
}

impl<R: Recorder> Recorder for &mut R {
    const RUNS: bool = R::RUNS;

    #[inline(always)]
    fn bar(&mut self, bar: usize, mark: f64, held: bool) {
        (**self).bar(bar, mark, held);
    }
    #[inline(always)]
    fn reversal(&mut self, bar: usize, mark: f64) {
        (**self).reversal(bar, mark);
    }
    #[inline(always)]
    fn trade(&mut self, trade: Trade) {
        (**self).trade(trade);
    }
    #[inline(always)]
    fn part(&mut self, mark: f64) {
        (**self).part(mark);
    }
    #[inline(always)]
    fn entered(&mut self, holding: &Holding) {
        (**self).entered(holding);
    }
    #[inline(always)]
    fn left(&mut self, holding: &Holding, bar: usize, price: f64, profit: f64) {
        (**self).left(holding, bar, price, profit);
    }
    #[inline(always)]
    fn held_bars(&mut self, first: usize, position: Position, equity: f64, closes: &[f64]) {
        (**self).held_bars(first, position, equity, closes);
    }
    #[inline(always)]
    fn flat_bars(&mut self, bars: Range<usize>, mark: f64) {
        (**self).flat_bars(bars, mark);
    }
}

/// The equity of one backtest: settled cash, marks, their drawdown, and the trades of the part.
#[derive(Debug, Clone)]
pub struct Account<'a, R = ()> {
    settings: &'a AccountSettings,
    equity: f64,
    marked: f64,
    peak: f64,
    drawdown: f64,
    trades: u32,
    recorder: R,
}

impl<'a> Account<'a> {
    /// An account that holds the starting capital.
    #[inline]
    #[must_use]
    pub fn new(settings: &'a AccountSettings) -> Self {
        Self::recorded(settings, ())
    }
}

impl<'a, R: Recorder> Account<'a, R> {
    /// An account whose marks and trades a recorder is told.
    #[inline]
    #[must_use]
    pub fn recorded(settings: &'a AccountSettings, recorder: R) -> Self {
        let capital = settings.capital;
        Self {
            settings,
            equity: capital,
            marked: capital,
            peak: capital,
            drawdown: 0.0,
            trades: 0,
            recorder,
        }
    }

    /// Lets `work` go on with the account as a value of its own, which loops can keep in registers.
    #[inline(always)]
    pub(crate) fn scoped<T>(&mut self, work: impl FnOnce(&mut Account<'a, &mut R>) -> T) -> T {
        let Self { settings, equity, marked, peak, drawdown, trades, ref mut recorder } = *self;
        let mut own = Account { settings, equity, marked, peak, drawdown, trades, recorder };
        let out = work(&mut own);
        let Account { equity, marked, peak, drawdown, trades, .. } = own;
        (self.equity, self.marked, self.peak) = (equity, marked, peak);
        (self.drawdown, self.trades) = (drawdown, trades);
        out
    }

    /// What is told the marks and trades.
    pub(crate) fn recorder(&mut self) -> &mut R {
        &mut self.recorder
    }

    /// What was told the marks and trades.
    pub(crate) fn recorded_by(&self) -> &R {
        &self.recorder
    }

    /// Equity after the last settled trade.
    #[inline]
    #[must_use]
    pub fn equity(&self) -> f64 {
        self.equity
    }

    /// The last mark.
    #[inline]
    #[must_use]
    pub fn marked(&self) -> f64 {
        self.marked
    }

    /// The largest fall of the marks from their running peak, in currency.
    #[inline]
    #[must_use]
    pub fn drawdown(&self) -> f64 {
        self.drawdown
    }

    /// Trades closed since the account was opened or [`restart`](Self::restart)ed.
    #[inline]
    #[must_use]
    pub fn trades(&self) -> u32 {
        self.trades
    }

    /// Whether a fill has left nothing to trade with: then nothing may be entered any more.
    #[inline]
    #[must_use]
    pub fn is_ruined(&self) -> bool {
        // [M8] Ruin.
        self.equity <= 0.0
    }

    /// Enters a position in `bar`, at the raw fill `price`.
    #[inline]
    #[must_use]
    pub fn enter(&mut self, side: Side, bar: usize, price: f64) -> Holding {
        self.enter_with(Amount::All, side, bar, price)
    }

    /// Enters a position of some amount.
    #[inline]
    #[must_use]
    pub fn enter_with(&mut self, amount: Amount, side: Side, bar: usize, price: f64) -> Holding {
        let position = self.open_with(amount, side, price);
        let holding = Holding { position, entry_bar: bar, entry_price: price };
        self.recorder.entered(&holding);
        holding
    }

    /// Leaves a position in `bar`, at the raw fill `price`. One of no shares was no trade.
    #[inline]
    pub fn leave(&mut self, held: Holding, bar: usize, price: f64) {
        let Holding { position, entry_bar, entry_price } = held;
        let before = self.equity;
        let profit = self.settle(position, price);
        self.recorder.left(&held, bar, price, profit);
        // [M7]
        if position.shares > 0.0 {
            // [F3] A trade counts where it closes.
            self.trades += 1;
            self.recorder.trade(Trade {
                side: position.side,
                entry_bar,
                entry_price,
                exit_bar: bar,
                exit_price: price,
                // [M13]
                pnl: self.equity - before,
            });
        }
    }

    /// Turns a position into the opposite one in `bar`, at one raw fill; none is left after a ruin.
    #[inline]
    #[must_use]
    pub fn reverse(&mut self, held: Holding, bar: usize, price: f64) -> Option<Holding> {
        self.reverse_with(Amount::All, held, bar, price)
    }

    /// The same into a position of some amount.
    #[inline]
    #[must_use]
    pub fn reverse_with(
        &mut self,
        amount: Amount,
        held: Holding,
        bar: usize,
        price: f64,
    ) -> Option<Holding> {
        self.leave(held, bar, price);
        // [M8] Not even the second half of a reversal enters after a ruin.
        if self.is_ruined() {
            return None;
        }
        // [M11]
        self.recorder.reversal(bar, self.marked);
        let other = match held.position.side {
            Side::Long => Side::Short,
            Side::Short => Side::Long,
        };
        Some(self.enter_with(amount, other, bar, price))
    }

    /// Ends a trading bar: what is held is marked at its close. To be called once for every bar.
    #[inline(always)]
    pub fn end_bar(&mut self, bar: usize, held: Option<Position>, close: f64) {
        // [M10]
        if let Some(position) = held {
            self.mark(position, close);
        }
        self.recorder.bar(bar, self.marked, held.is_some_and(|held| held.shares > 0.0));
    }

    /// Ends consecutive bars from `first` on, none of which has a fill, at these closes.
    #[inline(always)]
    pub(crate) fn end_bars(&mut self, first: usize, held: Option<Position>, closes: &[f64]) {
        // [M10]
        let Some(position) = held else {
            return self.recorder.flat_bars(first..first + closes.len(), self.marked);
        };
        self.scoped(|account| {
            for &close in closes {
                account.mark(position, close);
            }
        });
        self.recorder.held_bars(first, position, self.equity, closes);
    }

    /// Buys or sells short at `price`.
    #[inline]
    #[must_use]
    pub fn open(&self, side: Side, price: f64) -> Position {
        self.open_with(Amount::All, side, price)
    }

    /// Buys or sells short at `price` for all equity, where the settings say so and no lots: the
    /// same shares as of [`open`](Self::open), without what the settings could say otherwise.
    #[inline(always)]
    pub(crate) fn open_compounding(&self, side: Side, price: f64) -> Position {
        let (basis, each) = self.costs(side, price);
        Position { side, shares: self.equity / each, basis }
    }

    /// What a share costs or brings, and what one is sized by.
    #[inline(always)]
    fn costs(&self, side: Side, price: f64) -> (f64, f64) {
        let AccountSettings { slip, fee, .. } = *self.settings;
        match side {
            Side::Long => {
                // [M1]
                let cost = price * (1.0 + slip) * (1.0 + fee);
                (cost, cost)
            }
            // [M1] [M2] A short is sized by what it sells for, before the fee on it.
            Side::Short => (price * (1.0 - slip) * (1.0 - fee), price * (1.0 - slip)),
        }
    }

    /// Buys or sells short for some amount.
    #[inline]
    #[must_use]
    pub fn open_with(&self, amount: Amount, side: Side, price: f64) -> Position {
        let (basis, each) = self.costs(side, price);
        let shares = match amount {
            Amount::All => self.base() / each,
            Amount::Share(share) => self.base() * share / each,
            Amount::Risk { share, distance } => {
                let (risked, most) = (self.base() * share / distance, self.base() / each);
                if risked < most { risked } else { most }
            }
        };
        Position { side, shares: self.whole_lots(shares), basis }
    }

    /// Marks an open position at `close`.
    #[inline]
    pub fn mark(&mut self, position: Position, close: f64) {
        self.set_mark(self.equity + position.profit(close));
    }

    /// Marks an open position at a run of closes, all at once: what they do to peak and drawdown
    /// follows from the `worst` and `best` of them, the largest adverse move from one to a later
    /// one, and the `last`.
    #[inline]
    pub fn mark_run(&mut self, position: Position, worst: f64, best: f64, adverse: f64, last: f64) {
        let low = self.equity + position.profit(worst);
        let high = self.equity + position.profit(best);
        // [F2] Comparisons, as in `set_mark`.
        for fall in [self.peak - low, position.shares * adverse] {
            if fall > self.drawdown {
                self.drawdown = fall;
            }
        }
        if high > self.peak {
            self.peak = high;
        }
        self.marked = self.equity + position.profit(last);
    }

    /// Settles `position` at `price`; the settled equity is a mark.
    #[inline]
    pub fn close(&mut self, position: Position, price: f64) {
        self.settle(position, price);
    }

    /// Settles `position` at `price`, and returns what that adds to the equity.
    #[inline]
    fn settle(&mut self, position: Position, price: f64) -> f64 {
        let AccountSettings { slip, fee, .. } = *self.settings;
        let net = match position.side {
            // [M4]
            Side::Long => price * (1.0 - slip) * (1.0 - fee),
            Side::Short => price * (1.0 + slip) * (1.0 + fee),
        };
        let profit = position.profit(net);
        self.equity += profit;
        self.set_mark(self.equity);
        profit
    }

    /// Starts drawdown and trades afresh at the last mark, as the out-of-sample bars do.
    #[inline]
    pub fn restart(&mut self) {
        // [F2]
        self.peak = self.marked;
        self.drawdown = 0.0;
        // [F3]
        self.trades = 0;
        self.recorder.part(self.marked);
    }

    #[inline]
    fn base(&self) -> f64 {
        match self.settings.sizing {
            Sizing::Compound => self.equity,
            // [M5]
            Sizing::Fixed => self.settings.capital.min(self.equity),
        }
    }

    #[inline]
    fn whole_lots(&self, shares: f64) -> f64 {
        let lot = self.settings.lot_size;
        // [M6]
        if lot > 0.0 { (shares / lot * LOT_TOLERANCE).floor() * lot } else { shares }
    }

    #[inline]
    fn set_mark(&mut self, mark: f64) {
        self.marked = mark;
        // [F2] Comparisons and not `max`, whose care for NaN costs the sweep's loop a tenth of its time.
        if mark > self.peak {
            self.peak = mark;
        }
        if self.peak - mark > self.drawdown {
            self.drawdown = self.peak - mark;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_pays_slippage_and_fee_on_both_fills() {
        let settings = AccountSettings { slip: 0.01, fee: 0.002, ..AccountSettings::default() };
        let mut account = Account::new(&settings);
        let position = account.open(Side::Long, 50.0);
        assert_eq!(position.basis, 50.0 * 1.01 * 1.002);
        account.close(position, 60.0);
        let wanted = 100_000.0 * (60.0 * 0.99 * 0.998) / (50.0 * 1.01 * 1.002);
        assert!((account.equity() / wanted - 1.0).abs() < 1e-14);
    }

    #[test]
    fn a_short_earns_what_the_price_falls() {
        let settings = AccountSettings { slip: 0.01, fee: 0.002, ..AccountSettings::default() };
        let mut account = Account::new(&settings);
        let position = account.open(Side::Short, 50.0);
        assert_eq!(position.shares, 100_000.0 / (50.0 * 0.99));
        account.close(position, 40.0);
        let wanted =
            100_000.0 + 100_000.0 / (50.0 * 0.99) * (50.0 * 0.99 * 0.998 - 40.0 * 1.01 * 1.002);
        assert!((account.equity() / wanted - 1.0).abs() < 1e-14);
    }

    #[test]
    fn a_short_can_be_ruined_and_a_mark_alone_ruins_nothing() {
        let settings = AccountSettings::default();
        let mut account = Account::new(&settings);
        let position = account.open(Side::Short, 50.0);
        account.mark(position, 150.0);
        assert_eq!(account.marked(), -100_000.0);
        assert!(!account.is_ruined());
        account.close(position, 100.0);
        assert_eq!(account.equity(), 0.0);
        assert!(account.is_ruined());
        assert_eq!(account.drawdown(), 200_000.0);
    }

    #[test]
    fn drawdown_is_measured_from_the_running_peak() {
        let settings = AccountSettings::default();
        let mut account = Account::new(&settings);
        let position = account.open(Side::Long, 100.0);
        for close in [90.0, 120.0, 105.0] {
            account.mark(position, close);
        }
        assert_eq!(account.drawdown(), 15_000.0);
        account.restart();
        account.mark(position, 104.0);
        assert_eq!(account.drawdown(), 1_000.0);
    }

    #[test]
    fn a_run_of_marks_is_its_marks() {
        let settings = AccountSettings::default();
        let closes = [104.0, 97.0, 110.0, 103.0, 108.0];
        for (side, worst, best, adverse) in
            [(Side::Long, 97.0, 110.0, 7.0), (Side::Short, 110.0, 97.0, 13.0)]
        {
            let mut one = Account::new(&settings);
            let position = one.open(side, 100.0);
            let mut other = one.clone();
            closes.iter().for_each(|&close| one.mark(position, close));
            other.mark_run(position, worst, best, adverse, 108.0);
            assert_eq!(one.marked(), other.marked());
            assert_eq!((one.peak, one.drawdown), (other.peak, other.drawdown));
        }
    }

    #[test]
    fn fixed_sizing_never_takes_more_than_the_capital_or_the_equity() {
        let settings = AccountSettings { sizing: Sizing::Fixed, ..AccountSettings::default() };
        let mut account = Account::new(&settings);
        account.close(account.open(Side::Long, 100.0), 150.0);
        assert_eq!(account.open(Side::Long, 100.0).shares, 1_000.0);
        account.close(account.open(Side::Long, 100.0), 10.0);
        assert_eq!(account.equity(), 60_000.0);
        assert_eq!(account.open(Side::Short, 100.0).shares, 600.0);
    }

    #[test]
    fn lots_round_down_even_to_nothing() {
        let settings = AccountSettings { lot_size: 300.0, ..AccountSettings::default() };
        let account = Account::new(&settings);
        assert_eq!(account.open(Side::Long, 100.0).shares, 900.0);
        assert_eq!(account.open(Side::Short, 500.0).shares, 0.0);
    }

    #[test]
    fn amounts_are_shares_of_the_base() {
        let settings = AccountSettings { slip: 0.25, ..AccountSettings::default() };
        let account = Account::new(&settings);
        let shares = |amount| account.open_with(amount, Side::Long, 80.0).shares;
        assert_eq!((shares(Amount::All), shares(Amount::Share(0.5))), (1_000.0, 500.0));
        // 1,000 are lost where the price falls by 10; by 0.5 more than all would be needed.
        assert_eq!(shares(Amount::Risk { share: 0.01, distance: 10.0 }), 100.0);
        assert_eq!(shares(Amount::Risk { share: 0.01, distance: 0.5 }), 1_000.0);
    }

    #[test]
    fn rounding_takes_no_lot_away() {
        for (capital, lot_size, shares) in
            [(29.0, 0.01, 0.29), (70.0, 0.1, 0.7), (58.0, 0.01, 0.58)]
        {
            for sizing in [Sizing::Compound, Sizing::Fixed] {
                let settings =
                    AccountSettings { capital, lot_size, sizing, ..AccountSettings::default() };
                for side in [Side::Long, Side::Short] {
                    let found = Account::new(&settings).open(side, 100.0).shares;
                    assert!((found - shares).abs() < 1e-15, "{capital} in {lot_size}: {found}");
                }
            }
        }
    }
}
