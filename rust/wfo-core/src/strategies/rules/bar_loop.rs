//! The path of one parameter set through the bars of a part, from one event to the next.

use std::ops::Range;

use super::orders::{Entry, Exit, Extremes, Fixed, Part, SideOrders, Sources};
use super::program::{EntryKind, ExitKind, MOST_ORDERS, SameBar};
use crate::execution::account::{Account, Amount, Holding, Position, Recorder, Side};
use crate::execution::touches::Touch;
use crate::market::bars::Bars;

/// Where a backtest stands between two bars.
#[derive(Debug, Clone, Copy)]
pub struct State {
    /// The extremes since the last event, its bar included.
    pub(super) extremes: Extremes,
    /// The bar of that event, or the one before the first trading bar.
    pub(super) since: usize,
    pub(super) holding: Option<Holding>,
}

/// What happens in a bar: at most one of these, and then perhaps an exit of what was entered in it.
enum Event {
    /// From flat into a position.
    Enter(Side, Touch),
    /// Out of the position held.
    Leave(f64),
    /// Out of the position held and into the opposite one, at one price.
    Reverse(Touch),
    /// Into a position and out of it in the same bar.
    RoundTrip(Side, f64, f64),
}

/// What an entry takes.
#[derive(Clone, Copy)]
enum Sizing<'a> {
    All,
    /// A share, by bar.
    Share(&'a [f64]),
    /// The share that is at risk.
    Risk(f64),
}

/// What a parameter set does in the bars of a part.
pub(super) struct BarLoop<'a> {
    part: Part<'a>,
    long: SideOrders<'a>,
    short: SideOrders<'a>,
    sizing: Sizing<'a>,
    same_bar: SameBar,
    both_fill: bool,
    /// Whether an order follows the extremes.
    follows: bool,
    /// The first bar of the columns.
    origin: usize,
}

/// Levels and bars that the exits of a position know of it, in the order of the exits.
type AllFixed = [Fixed; MOST_ORDERS];

impl<'a> BarLoop<'a> {
    pub(super) fn new(sources: &Sources<'a>, bars: &'a Bars, range: Range<usize>) -> Self {
        let program = sources.program;
        let long = sources.orders(Side::Long, &range);
        let short = sources.orders(Side::Short, &range);
        let sizing = match (program.risk, sources.plan.size) {
            // [Z2]
            (Some(risk), _) => Sizing::Risk(sources.numbers[risk]),
            // [Z1]
            (None, Some(size)) => Sizing::Share(sources.before(sources.all(size), &range)),
            (None, None) => Sizing::All,
        };
        let follows = |orders: &SideOrders<'_>| {
            orders.entries.iter().any(|entry| entry.kind == EntryKind::Pullback)
                || orders.exits.iter().any(|exit| exit.kind == ExitKind::Trail)
        };
        Self {
            part: Part::new(bars, range),
            sizing,
            same_bar: program.same_bar,
            // [B3]
            both_fill: sources.is_on(program.both),
            follows: follows(&long) || follows(&short),
            origin: sources.evaluator.range().start,
            long,
            short,
        }
    }

    /// Goes through the bars.
    #[inline(never)]
    pub(super) fn run<R: Recorder>(&self, persisting: &mut State, account: &mut Account<'_, R>) {
        // Values of its own, which the loops can keep in registers.
        let mut state = *persisting;
        // Decided once for all bars: each loop then has one place that finds its events.
        if self.follows {
            account.scoped(|account| self.go::<true, _>(&mut state, account));
        } else {
            account.scoped(|account| self.go::<false, _>(&mut state, account));
        }
        *persisting = state;
    }

    #[inline(always)]
    fn go<const FOLLOWS: bool, R: Recorder>(
        &self,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) {
        let part = &self.part;
        let mut k = 0;
        while k < part.open.len() {
            let next = match state.holding {
                // [M8] No entry after a ruin.
                None if account.is_ruined() => {
                    self.scan::<FOLLOWS, R>(k, state, None, account, |_, _| None::<Event>)
                }
                None => self.flat::<FOLLOWS, R>(k, state, account),
                Some(held) if held.position.side == Side::Long => {
                    self.held::<FOLLOWS, true, R>(held, k, state, account)
                }
                Some(held) => self.held::<FOLLOWS, false, R>(held, k, state, account),
            };
            let Some((at, event)) = next else { break };
            self.carry_out(event, at, state, account);
            // [S9] [B8] The extremes are followed afresh from the bar of the event on.
            state.extremes = Extremes { highest: part.high[at], lowest: part.low[at] };
            state.since = part.first + at;
            let held = state.holding.map(|holding| holding.position);
            account.end_bar(part.first + at, held, part.close[at]);
            // [B1]
            k = at + 1;
        }
    }

    /// The next event while flat.
    #[inline(always)]
    fn flat<const FOLLOWS: bool, R: Recorder>(
        &self,
        k: usize,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) -> Option<(usize, Event)> {
        // A loop of its own for each kind of a single entry: a bar then looks for nothing else.
        match (&self.long.entries[..], &self.short.entries[..]) {
            ([one], []) => self.entered_by::<FOLLOWS, true, R>(*one, k, state, account),
            ([], [one]) => self.entered_by::<FOLLOWS, false, R>(*one, k, state, account),
            _ => self.scan::<FOLLOWS, R>(k, state, None, account, |k, extremes| {
                self.first_entry(k, extremes)
            }),
        }
    }

    #[inline(always)]
    fn entered_by<const FOLLOWS: bool, const LONG: bool, R: Recorder>(
        &self,
        entry: Entry<'_>,
        k: usize,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) -> Option<(usize, Event)> {
        match entry.kind {
            EntryKind::AtOpen => self.entered::<FOLLOWS, LONG, 0, R>(entry, k, state, account),
            EntryKind::Stop => self.entered::<FOLLOWS, LONG, 1, R>(entry, k, state, account),
            EntryKind::Limit => self.entered::<FOLLOWS, LONG, 2, R>(entry, k, state, account),
            EntryKind::Pullback => self.entered::<FOLLOWS, LONG, 3, R>(entry, k, state, account),
            EntryKind::Breakout => self.entered::<FOLLOWS, LONG, 4, R>(entry, k, state, account),
        }
    }

    /// The next event of a single entry, whose kind is that of this place.
    #[inline(always)]
    fn entered<const FOLLOWS: bool, const LONG: bool, const KIND: usize, R: Recorder>(
        &self,
        entry: Entry<'_>,
        k: usize,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) -> Option<(usize, Event)> {
        let side = if LONG { Side::Long } else { Side::Short };
        let kind = const { EntryKind::ALL[KIND] };
        self.scan::<FOLLOWS, R>(k, state, None, account, |k, extremes| {
            let touch = entry.touch::<LONG>(kind, &self.part, k, extremes)?;
            // [Z1] [Z3]
            self.amount::<LONG>(touch.fill, k).map(|_| Event::Enter(side, touch))
        })
    }

    /// What happens in bar `k` while flat.
    #[inline(always)]
    fn first_entry(&self, k: usize, extremes: &Extremes) -> Option<Event> {
        let buy = self.entry::<true>(k, extremes);
        let sell = self.entry::<false>(k, extremes);
        match (buy, sell) {
            (None, None) => None,
            (Some(buy), None) => Some(Event::Enter(Side::Long, buy)),
            (None, Some(sell)) => Some(Event::Enter(Side::Short, sell)),
            (Some(buy), Some(sell)) => {
                // [B2] [B3]
                let (side, first, second) = if self.part.comes_first(sell, buy, k) {
                    (Side::Short, sell, buy)
                } else {
                    (Side::Long, buy, sell)
                };
                Some(if self.both_fill {
                    Event::RoundTrip(side, first.fill, second.fill)
                } else {
                    Event::Enter(side, first)
                })
            }
        }
    }

    /// The entry of a side that counts in bar `k`.
    #[inline(always)]
    fn entry<const LONG: bool>(&self, k: usize, extremes: &Extremes) -> Option<Touch> {
        let orders = if LONG { &self.long } else { &self.short };
        let mut found = None;
        for entry in &orders.entries {
            let touch = entry.touch::<LONG>(entry.kind, &self.part, k, extremes);
            // [Z1] [Z3] An entry that does not work hides its touch.
            if let Some(touch) = touch
                && self.amount::<LONG>(touch.fill, k).is_some()
            {
                found = Some(self.part.earlier(found, touch, k));
            }
        }
        found
    }

    /// What an entry takes at this fill in bar `k`; `None` where it does not work.
    #[inline(always)]
    fn amount<const LONG: bool>(&self, fill: f64, k: usize) -> Option<Amount> {
        match self.sizing {
            Sizing::All => Some(Amount::All),
            // [Z1]
            Sizing::Share(shares) => {
                let share = shares[k];
                (share > 0.0 && share <= 1.0).then_some(Amount::Share(share))
            }
            // [Z2] [Z3]
            Sizing::Risk(share) => {
                let exits = if LONG { &self.long.exits } else { &self.short.exits };
                let distance = risked::<LONG>(exits, fill, k);
                distance.map(|distance| Amount::Risk { share, distance })
            }
        }
    }

    /// What an entry takes in a bar in which it works.
    #[inline(always)]
    fn taken(&self, side: Side, fill: f64, k: usize) -> Amount {
        let amount = match side {
            Side::Long => self.amount::<true>(fill, k),
            Side::Short => self.amount::<false>(fill, k),
        };
        amount.unwrap_or(Amount::All)
    }

    /// The next event while a position is held.
    #[inline(always)]
    fn held<const FOLLOWS: bool, const LONG: bool, R: Recorder>(
        &self,
        held: Holding,
        k: usize,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) -> Option<(usize, Event)> {
        let (own, other) = if LONG { (&self.long, &self.short) } else { (&self.short, &self.long) };
        let mut fixed: AllFixed = [Fixed::Nothing; MOST_ORDERS];
        for (fixed, exit) in fixed.iter_mut().zip(&own.exits) {
            *fixed =
                exit.fixed::<LONG>(held.entry_price, held.entry_bar, self.part.first, self.origin);
        }
        let (position, reverses) =
            (Some(held.position), other.reverses && !other.entries.is_empty());
        match &own.exits[..] {
            [one] if !reverses => {
                self.left_by::<FOLLOWS, LONG, R>(*one, fixed[0], position, k, state, account)
            }
            exits => self.scan::<FOLLOWS, R>(k, state, position, account, |k, extremes| {
                let mut found = None;
                for (exit, fixed) in exits.iter().zip(fixed) {
                    if let Some(touch) =
                        exit.touch::<LONG>(exit.kind, fixed, &self.part, k, extremes)
                    {
                        found = Some(self.part.earlier(found, touch, k));
                    }
                }
                if reverses {
                    // [R17]
                    let entry = if LONG {
                        self.entry::<false>(k, extremes)
                    } else {
                        self.entry::<true>(k, extremes)
                    };
                    return self.left_or_reversed(found, entry, k);
                }
                found.map(|touch| Event::Leave(touch.fill))
            }),
        }
    }

    #[inline(always)]
    fn left_or_reversed(
        &self,
        exit: Option<Touch>,
        entry: Option<Touch>,
        k: usize,
    ) -> Option<Event> {
        match (exit, entry) {
            // [B2]
            (Some(exit), Some(entry)) if self.part.comes_first(entry, exit, k) => {
                Some(Event::Reverse(entry))
            }
            (Some(exit), _) => Some(Event::Leave(exit.fill)),
            (None, entry) => entry.map(Event::Reverse),
        }
    }

    #[inline(always)]
    fn left_by<const FOLLOWS: bool, const LONG: bool, R: Recorder>(
        &self,
        exit: Exit<'_>,
        fixed: Fixed,
        position: Option<Position>,
        k: usize,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) -> Option<(usize, Event)> {
        match exit.kind {
            ExitKind::AtOpen => {
                self.left::<FOLLOWS, LONG, 0, R>(exit, fixed, position, k, state, account)
            }
            ExitKind::After => {
                self.left::<FOLLOWS, LONG, 1, R>(exit, fixed, position, k, state, account)
            }
            ExitKind::Stop => {
                self.left::<FOLLOWS, LONG, 2, R>(exit, fixed, position, k, state, account)
            }
            ExitKind::Trail => {
                self.left::<FOLLOWS, LONG, 3, R>(exit, fixed, position, k, state, account)
            }
            ExitKind::Loss => {
                self.left::<FOLLOWS, LONG, 4, R>(exit, fixed, position, k, state, account)
            }
            ExitKind::Limit => {
                self.left::<FOLLOWS, LONG, 5, R>(exit, fixed, position, k, state, account)
            }
            ExitKind::Target => {
                self.left::<FOLLOWS, LONG, 6, R>(exit, fixed, position, k, state, account)
            }
        }
    }

    /// The next event of a single exit, whose kind is that of this place.
    #[inline(always)]
    fn left<const FOLLOWS: bool, const LONG: bool, const KIND: usize, R: Recorder>(
        &self,
        exit: Exit<'_>,
        fixed: Fixed,
        position: Option<Position>,
        k: usize,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) -> Option<(usize, Event)> {
        let kind = const { ExitKind::ALL[KIND] };
        self.scan::<FOLLOWS, R>(k, state, position, account, |k, extremes| {
            let touch = exit.touch::<LONG>(kind, fixed, &self.part, k, extremes);
            touch.map(|touch| Event::Leave(touch.fill))
        })
    }

    /// Goes on from bar `k` until something happens: the bar, and what it is. On the way extremes are
    /// followed, and what is held is marked at every close.
    #[inline(always)]
    fn scan<const FOLLOWS: bool, R: Recorder>(
        &self,
        first: usize,
        state: &mut State,
        held: Option<Position>,
        account: &mut Account<'_, R>,
        event: impl Fn(usize, &Extremes) -> Option<Event>,
    ) -> Option<(usize, Event)> {
        let part = &self.part;
        let end = |account: &mut Account<'_, R>, k: usize| {
            if R::RUNS {
                // [M9] [M10]
                account.end_bars(part.first + first, held, &part.close[first..k]);
            }
        };
        for k in first..part.open.len() {
            if let Some(event) = event(k, &state.extremes) {
                end(account, k);
                return Some((k, event));
            }
            if FOLLOWS {
                if part.high[k] > state.extremes.highest {
                    state.extremes.highest = part.high[k];
                }
                if part.low[k] < state.extremes.lowest {
                    state.extremes.lowest = part.low[k];
                }
            }
            if !R::RUNS {
                // [M9] [M10]
                account.end_bar(part.first + k, held, part.close[k]);
            }
        }
        end(account, part.open.len());
        None
    }

    /// Settles what happened in bar `k`.
    #[inline(always)]
    fn carry_out<R: Recorder>(
        &self,
        event: Event,
        k: usize,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) {
        let t = self.part.first + k;
        let entered = match event {
            Event::Enter(side, touch) => {
                let amount = self.taken(side, touch.fill, k);
                state.holding = Some(account.enter_with(amount, side, t, touch.fill));
                Some(touch)
            }
            Event::Leave(price) => {
                if let Some(held) = state.holding.take() {
                    account.leave(held, t, price);
                }
                None
            }
            Event::Reverse(touch) => {
                if let Some(held) = state.holding.take() {
                    let other = match held.position.side {
                        Side::Long => Side::Short,
                        Side::Short => Side::Long,
                    };
                    let amount = self.taken(other, touch.fill, k);
                    state.holding = account.reverse_with(amount, held, t, touch.fill);
                }
                Some(touch)
            }
            Event::RoundTrip(side, entry, exit) => {
                let amount = self.taken(side, entry, k);
                let held = account.enter_with(amount, side, t, entry);
                account.leave(held, t, exit);
                None
            }
        };
        if self.same_bar != SameBar::Next
            && let (Some(touch), Some(held)) = (entered, state.holding)
        {
            let exit = match held.position.side {
                Side::Long => self.left_at_once::<true>(touch, k),
                Side::Short => self.left_at_once::<false>(touch, k),
            };
            // [B7]
            if let Some(price) = exit {
                account.leave(held, t, price);
                state.holding = None;
            }
        }
    }

    /// The fill of the exit that a position meets in bar `k`, in which it was entered.
    fn left_at_once<const LONG: bool>(&self, entry: Touch, k: usize) -> Option<f64> {
        let exits = if LONG { &self.long.exits } else { &self.short.exits };
        let levels = |protecting: bool| {
            let own = exits.iter().filter(move |exit| exit.protects() == protecting);
            own.filter_map(|exit| exit.level_at_entry::<LONG>(entry.fill, k))
        };
        let part = &self.part;
        let touch = |protecting: bool, level: f64| {
            if LONG == protecting {
                part.touch::<false>(level, k)
            } else {
                part.touch::<true>(level, k)
            }
        };
        let met = |found: Option<Touch>, protecting: bool| {
            let touches = levels(protecting).filter_map(|level| touch(protecting, level));
            touches.fold(found, |found, touch| Some(part.earlier(found, touch, k)))
        };
        match (entry.at_open, self.same_bar) {
            // [B5] All of the bar comes after the fill.
            (true, SameBar::Open) => met(met(None, true), false).map(|touch| touch.fill),
            // [B6] The same, but what protects comes first.
            (true, _) => met(None, true).or_else(|| met(None, false)).map(|touch| touch.fill),
            // [B6] Wherever in the bar the price was; of several the one that it meets first.
            (false, SameBar::Worst) => {
                let reached = levels(true).filter(|&level| touch(true, level).is_some());
                let met = |a: f64, b: f64| if LONG == (b > a) && a != b { b } else { a };
                let level = reached.reduce(met)?;
                Some(if LONG == (level < entry.fill) { level } else { entry.fill })
            }
            (false, _) => None,
        }
    }
}

/// From a fill in bar `k` to the nearest level at which a loss would end [Z2].
fn risked<const LONG: bool>(exits: &[Exit<'_>], fill: f64, k: usize) -> Option<f64> {
    let levels = exits
        .iter()
        .filter(|exit| exit.protects())
        .filter_map(|exit| exit.level_at_entry::<LONG>(fill, k))
        .filter(|level| level.is_finite());
    let distances = levels.map(|level| if LONG { fill - level } else { level - fill });
    distances.filter(|&distance| distance > 0.0).reduce(|a, b| if b < a { b } else { a })
}
