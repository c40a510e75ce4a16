//! ATR-D bar by bar: the kernel that the direct engine runs.
//!
//! It is the readable one of the fast engines: a parameter set goes through a loop over bars, as in
//! the Numba reference. A grid is cheaper than its parts because every indicator is computed once per
//! distinct length, and the stops' distances once per run of combinations that share them.

use std::ops::Range;
use std::sync::Arc;

use super::params::{BothTriggered, EntryMode, Params, Stop, Variant};
use super::series::{HullState, Offset, Series};
use super::settings::{EntryStyle, Settings};
use crate::error::Result;
use crate::execution::account::{Account, Holding, Position, Recorder, Side};
use crate::execution::touches::{self, Touch};
use crate::grid::Grid;
use crate::indicators::PriceMethod;
use crate::kernel::{Kernel, Sets};
use crate::market::bars::Bars;
use crate::market::feeds::Feeds;
use crate::orders::{Action, Kind, Obstacle, Order, Standing};

/// The bars, and the indicator series that a grid shares.
#[derive(Debug)]
pub struct Shared {
    pub(crate) bars: Arc<Bars>,
    pub(crate) series: Series,
    pub(crate) settings: Settings,
}

impl Kernel for Variant {
    type Settings = Settings;
    type Params = Params;
    type Shared = Shared;
    type Scratch = Stops;
    type State = State;

    fn name(&self) -> &str {
        self.name
    }

    fn parameters(&self) -> Vec<&'static str> {
        self.names().collect()
    }

    fn feeds(&self) -> Vec<&'static str> {
        if self.dual { vec!["bars", "bars2"] } else { vec!["bars"] }
    }

    fn params(&self, values: &[f64]) -> Result<Params> {
        Params::from_values(*self, values)
    }

    fn lookback(&self, params: &Params) -> usize {
        params.lookback()
    }

    /// Every value of every axis, and every pair of a period and the multiplier of the short side
    /// that scales it.
    fn covering(&self, grid: &Grid) -> Vec<Vec<f64>> {
        let mut found = grid.covering();
        let parameter = |wanted| self.names().position(|name| name == wanted);
        let axis = |name| parameter(name).and_then(|parameter| grid.axis_of(parameter));
        let Some((scaling, at)) = parameter("short_multiplier").zip(axis("short_multiplier"))
        else {
            return found;
        };
        let scaled = [axis("atr_period"), axis("atr_buy_period")].into_iter().flatten();
        let longest = scaled
            .filter(|&axis| axis != at)
            .map(|axis| grid.axes()[axis].len())
            .max()
            .unwrap_or(0);
        // One row of each multiplier will do: pairs within its own axis stand above.
        let mut multipliers: Vec<(u64, usize)> = (0..grid.axes()[at].len())
            .map(|row| (grid.values_at(|_| row)[scaling].to_bits(), row))
            .collect();
        multipliers.sort_unstable();
        multipliers.dedup_by_key(|(bits, _)| *bits);
        for (_, row) in multipliers {
            found.extend(
                (0..longest).map(|i| grid.values_at(|axis| if axis == at { row } else { i })),
            );
        }
        found
    }

    fn prepare(&self, feeds: &Feeds, sets: &Sets<Params>, settings: &Settings) -> Result<Shared> {
        let settings = settings.checked()?;
        let bars = feeds.bars("bars")?.clone();
        // [I2]
        let width = if self.dual { feeds.bars("bars2")? } else { &bars };
        let series = Series::new(&bars, width, &sets.sets, sets.mixed, settings.max_stop_atr);
        Ok(Shared { bars, series, settings })
    }

    fn scratch(&self, shared: &Shared, bars: Range<usize>) -> Stops {
        Stops::new(shared.bars.len(), bars)
    }

    fn scratch_bytes(&self, shared: &Shared) -> usize {
        // The distances of four stops.
        4 * shared.bars.len() * size_of::<f64>()
    }

    fn start(&self, shared: &Shared, bar: usize) -> State {
        // [S1]
        let (highest, lowest) = (shared.bars.high()[bar], shared.bars.low()[bar]);
        State { highest, lowest, since: bar, holding: None }
    }

    fn through<R: Recorder>(
        &self,
        shared: &Shared,
        stops: &mut Stops,
        params: &Params,
        bars: Range<usize>,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) {
        let bar_loop = BarLoop::new(shared, stops.get(&shared.series, params), params);
        bar_loop.run(bars, state, account);
    }

    fn standing(
        &self,
        shared: &Shared,
        stops: &mut Stops,
        params: &Params,
        bar: usize,
        state: &State,
    ) -> Option<Standing> {
        let bar_loop = BarLoop::new(shared, stops.get(&shared.series, params), params);
        Some(Standing {
            holding: state.holding,
            since: state.since,
            orders: bar_loop.orders(bar, state),
            // [S7]
            both_fill: params.both_triggered == BothTriggered::BothFill,
        })
    }
}

/// Distances of the stops met last, one for each side and price method: the method varies faster in
/// the flat index than the rest, so with a single slot a grid over both would never find what it has.
#[derive(Debug)]
pub struct Stops {
    range: Range<usize>,
    slots: [(Option<Stop>, Vec<f64>); 4],
}

/// The distances of a parameter set's stops, at every bar.
#[derive(Clone, Copy)]
struct Distances<'a> {
    long: &'a [f64],
    /// Those of the long side again, where there is no short one.
    short: &'a [f64],
}

impl Stops {
    fn new(bars: usize, range: Range<usize>) -> Self {
        let slots = std::array::from_fn(|_| (None, vec![f64::NAN; bars]));
        Self { range, slots }
    }

    fn get(&mut self, series: &Series, params: &Params) -> Distances<'_> {
        let method = match params.stop.price {
            PriceMethod::Typical => 0,
            PriceMethod::Close => 2,
        };
        let sides = [Some(params.stop), params.short.map(|s| s.stop)];
        for (side, stop) in sides.into_iter().enumerate() {
            let (held, distances) = &mut self.slots[method + side];
            if let Some(stop) = stop
                && *held != Some(stop)
            {
                series.stop_distances(&stop, self.range.clone(), distances);
                *held = Some(stop);
            }
        }
        let long = &self.slots[method].1;
        Distances {
            long,
            short: if params.short.is_some() { &self.slots[method + 1].1 } else { long },
        }
    }
}

/// One parameter set, and what it reads bar by bar.
struct BarLoop<'a> {
    bars: &'a Bars,
    breakout: bool,
    stops: Distances<'a>,
    buy: Offset<'a>,
    /// The sell's distance; the buy's again, where nothing is sold short.
    sell: Offset<'a>,
    shorts: bool,
    entry_mode: EntryMode,
    both_triggered: BothTriggered,
    /// The declines of the veto's EMA, and the threshold that they must exceed.
    veto: Option<(&'a [f64], f64)>,
    hull_states: Option<&'a [HullState]>,
}

/// The bars of one part of a phase. Beside each bar stands what was known at the bar *before* it: an
/// order can be computed from nothing later, because nothing later is in reach.
struct Part<'a> {
    first: usize,
    open: &'a [f64],
    high: &'a [f64],
    low: &'a [f64],
    close: &'a [f64],
    close_before: &'a [f64],
    long_stop: &'a [f64],
    short_stop: &'a [f64],
    buy: &'a [f64],
    sell: &'a [f64],
    veto_declines: Option<&'a [f64]>,
    /// The Hull states one bar before, and two bars before.
    hull_states: Option<(&'a [HullState], &'a [HullState])>,
}

/// Where a backtest stands between two bars.
#[derive(Debug, Clone, Copy)]
pub struct State {
    /// The highest high and lowest low since the last event, its bar included.
    highest: f64,
    lowest: f64,
    /// The bar of that event, or the one before the first trading bar.
    since: usize,
    holding: Option<Holding>,
}

/// What happens in a bar: at most one of these.
enum Event {
    /// From flat into a position.
    Enter(Side, f64),
    /// Out of the position held.
    Leave(f64),
    /// Out of the position held and into the opposite one, at one price.
    Reverse(f64),
    /// Into a position and out of it in the same bar.
    RoundTrip(Side, f64, f64),
}

impl<'a> BarLoop<'a> {
    fn new(shared: &'a Shared, stops: Distances<'a>, params: &Params) -> Self {
        let Shared { bars, series, settings } = shared;
        let buy = series.offset(&params.buy);
        Self {
            bars,
            breakout: settings.entry_style == EntryStyle::Breakout,
            stops,
            buy,
            sell: params.short.map_or(buy, |s| series.offset(&s.sell)),
            shorts: params.short.is_some(),
            entry_mode: params.entry_mode,
            both_triggered: params.both_triggered,
            veto: params.veto.map(|v| (series.veto_decline[&v.period].as_slice(), v.threshold)),
            hull_states: params.hull.map(|hull| series.hull_state[&hull].as_slice()),
        }
    }

    fn part(&self, bars: Range<usize>) -> Part<'a> {
        // [T1] [T3] Beside bar t stands what is known at t - 1.
        let before = bars.start - 1..bars.end - 1;
        // [H2] [H4] A cross lies between t - 2 and t - 1.
        let one_and_two_before =
            |x: &'a [HullState]| (&x[before.clone()], &x[before.start - 1..before.end - 1]);
        Part {
            first: bars.start,
            open: &self.bars.open()[bars.clone()],
            high: &self.bars.high()[bars.clone()],
            low: &self.bars.low()[bars.clone()],
            close: &self.bars.close()[bars],
            close_before: &self.bars.close()[before.clone()],
            long_stop: &self.stops.long[before.clone()],
            short_stop: &self.stops.short[before.clone()],
            buy: &self.buy.smoothed[before.clone()],
            sell: &self.sell.smoothed[before.clone()],
            veto_declines: self.veto.map(|(declines, _)| &declines[before.clone()]),
            hull_states: self.hull_states.map(one_and_two_before),
        }
    }

    #[inline(always)]
    fn run<R: Recorder>(
        &self,
        bars: Range<usize>,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) {
        // What is fixed for a whole sweep is asked once here, so that the loops have no branch for
        // it: a long-only path is what it would be if there were no other.
        let part = &self.part(bars);
        match (self.shorts, self.hull_states.is_some(), self.breakout) {
            (false, false, false) => self.through::<false, false, false, R>(part, state, account),
            (false, false, true) => self.through::<false, false, true, R>(part, state, account),
            (false, true, false) => self.through::<false, true, false, R>(part, state, account),
            (false, true, true) => self.through::<false, true, true, R>(part, state, account),
            (true, false, false) => self.through::<true, false, false, R>(part, state, account),
            (true, false, true) => self.through::<true, false, true, R>(part, state, account),
            (true, true, false) => self.through::<true, true, false, R>(part, state, account),
            (true, true, true) => self.through::<true, true, true, R>(part, state, account),
        }
    }

    /// Goes through the bars of a part, from one event to the next.
    ///
    /// At most one event happens in a bar, and what was entered in it acts from the next bar on.
    #[inline(never)]
    fn through<const SHORTS: bool, const HULL: bool, const BREAKOUT: bool, R: Recorder>(
        &self,
        part: &Part<'_>,
        persisting: &mut State,
        account: &mut Account<'_, R>,
    ) {
        // Values of its own, which the loops can keep in registers.
        let mut state = *persisting;
        account.scoped(|account| self.go::<SHORTS, HULL, BREAKOUT, _>(part, &mut state, account));
        *persisting = state;
    }

    #[inline(always)]
    fn go<const SHORTS: bool, const HULL: bool, const BREAKOUT: bool, R: Recorder>(
        &self,
        part: &Part<'_>,
        state: &mut State,
        account: &mut Account<'_, R>,
    ) {
        let mut k = 0;
        while k < part.open.len() {
            // One loop for each state: a bar then asks for nothing but what can happen in it.
            let next = match state.holding {
                // [M8] No entry after a ruin.
                None if account.is_ruined() => scan(part, k, state, None, account, |_, _| None),
                None => scan(part, k, state, None, account, |k, state| {
                    self.flat::<SHORTS, HULL, BREAKOUT>(part, k, state)
                }),
                Some(Holding { position, .. }) if !SHORTS || position.side == Side::Long => {
                    scan(part, k, state, Some(position), account, |k, state| {
                        self.long::<SHORTS, BREAKOUT>(part, k, state)
                    })
                }
                Some(Holding { position, .. }) => {
                    scan(part, k, state, Some(position), account, |k, state| {
                        self.short::<BREAKOUT>(part, k, state)
                    })
                }
            };
            let Some((at, event)) = next else { break };
            carry_out(event, part.first + at, state, account);
            // [S9] The extremes are followed afresh from the bar of the event on.
            (state.highest, state.lowest) = (part.high[at], part.low[at]);
            state.since = part.first + at;
            let held = state.holding.map(|holding| holding.position);
            account.end_bar(part.first + at, held, part.close[at]);
            // [S8]
            k = at + 1;
        }
    }

    /// What happens in bar `k` while flat.
    #[inline(always)]
    fn flat<const SHORTS: bool, const HULL: bool, const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Event> {
        if HULL {
            return self.flat_with_hull::<SHORTS, BREAKOUT>(part, k, state);
        }
        // [S2]
        let buy = self.buy::<BREAKOUT>(part, k, state);
        if !SHORTS {
            return buy.map(|b| Event::Enter(Side::Long, b.fill));
        }
        // [V2] From FLAT, and for reversals.
        let sell = self.sell::<BREAKOUT>(part, k, state).filter(|_| self.allowed(part, k));
        match (buy, sell) {
            (None, None) => None,
            (Some(buy), None) => Some(Event::Enter(Side::Long, buy.fill)),
            (None, Some(sell)) => Some(Event::Enter(Side::Short, sell.fill)),
            (Some(buy), Some(sell)) => {
                // [O5]
                let (side, first, second) = if part.second_comes_first(buy, sell, k) {
                    (Side::Short, sell, buy)
                } else {
                    (Side::Long, buy, sell)
                };
                Some(match self.both_triggered {
                    // [S6]
                    BothTriggered::FirstCancels => Event::Enter(side, first.fill),
                    // [S7]
                    BothTriggered::BothFill => Event::RoundTrip(side, first.fill, second.fill),
                })
            }
        }
    }

    /// The same where Hull averages allow entries, and open them at a cross.
    #[inline(always)]
    fn flat_with_hull<const SHORTS: bool, const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Event> {
        let (one_before, two_before) = part.hull_states?;
        let enter = |side, touch: Option<Touch>| {
            // [H2] [H4] Up, or down, and not so a bar before: an entry at the open.
            let cross = two_before[k] != one_before[k];
            let fill = if cross { Some(part.open[k]) } else { touch.map(|x| x.fill) };
            fill.map(|price| Event::Enter(side, price))
        };
        match one_before[k] {
            // [H2] [H3] Up.
            HullState::Up => enter(Side::Long, self.buy::<BREAKOUT>(part, k, state)),
            // [H4] [H5] Down.
            HullState::Down if SHORTS => enter(Side::Short, self.sell::<BREAKOUT>(part, k, state)),
            _ => None,
        }
    }

    /// What happens in bar `k` while long.
    #[inline(always)]
    fn long<const SHORTS: bool, const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Event> {
        let level = state.long_stop(part.long_stop[k]);
        let stop = touches::down(level, part.open[k], part.low[k]);
        // [S4] [H6] [V2]
        if SHORTS && self.entry_mode == EntryMode::FullReversal {
            let sell = self.sell::<BREAKOUT>(part, k, state).filter(|_| self.allowed(part, k));
            return part.stop_or_reverse(stop, sell, k);
        }
        stop.map(|s| Event::Leave(s.fill))
    }

    /// What happens in bar `k` while short.
    #[inline(always)]
    fn short<const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Event> {
        let level = state.short_stop(part.short_stop[k]);
        let stop = touches::up(level, part.open[k], part.high[k]);
        // [S5] [H6]
        if self.entry_mode >= EntryMode::LongPriority {
            return part.stop_or_reverse(stop, self.buy::<BREAKOUT>(part, k, state), k);
        }
        stop.map(|s| Event::Leave(s.fill))
    }

    #[inline(always)]
    fn buy<const BREAKOUT: bool>(&self, part: &Part<'_>, k: usize, state: &State) -> Option<Touch> {
        let level = self.buy_level::<BREAKOUT>(part.buy[k], part.close_before[k], state);
        if BREAKOUT {
            touches::up(level, part.open[k], part.high[k])
        } else {
            touches::down(level, part.open[k], part.low[k])
        }
    }

    #[inline(always)]
    fn sell<const BREAKOUT: bool>(
        &self,
        part: &Part<'_>,
        k: usize,
        state: &State,
    ) -> Option<Touch> {
        let level = self.sell_level::<BREAKOUT>(part.sell[k], part.close_before[k], state);
        if BREAKOUT {
            touches::down(level, part.open[k], part.low[k])
        } else {
            touches::up(level, part.open[k], part.high[k])
        }
    }

    /// Level of the buy, of the smoothed ATR and the close of the bar before.
    #[inline(always)]
    fn buy_level<const BREAKOUT: bool>(
        &self,
        smoothed: f64,
        close_before: f64,
        state: &State,
    ) -> f64 {
        // [D6]
        let offset = smoothed * self.buy.multiplier;
        // [L5] [L3]
        if BREAKOUT { close_before + offset } else { state.highest - offset }
    }

    /// Level of the sell, likewise.
    #[inline(always)]
    fn sell_level<const BREAKOUT: bool>(
        &self,
        smoothed: f64,
        close_before: f64,
        state: &State,
    ) -> f64 {
        // [D6]
        let offset = smoothed * self.sell.multiplier;
        // [L6] [L4]
        if BREAKOUT { close_before - offset } else { state.lowest + offset }
    }

    /// The orders of a state in bar `t`, which need not be there: nothing of it is looked at.
    fn orders(&self, t: usize, state: &State) -> Vec<Order> {
        // [T1] [T3]
        let before = t - 1;
        match state.holding.map(|holding| holding.position.side) {
            None => {
                // [S2] [H6]
                let buy = self.entry(Action::Enter(Side::Long), before, state);
                let sell = || self.entry(Action::Enter(Side::Short), before, state);
                std::iter::once(buy).chain(self.shorts.then(sell)).collect()
            }
            Some(Side::Long) => {
                // [S3] [S4]
                let level = state.long_stop(self.stops.long[before]);
                let stop = Order {
                    action: Action::Exit(Side::Long),
                    kind: Kind::Stop(level),
                    obstacle: None,
                    fills_beyond: None,
                };
                let reverses = self.shorts && self.entry_mode == EntryMode::FullReversal;
                let sell = || self.entry(Action::ReverseTo(Side::Short), before, state);
                std::iter::once(stop).chain(reverses.then(sell)).collect()
            }
            Some(Side::Short) => {
                // [S3] [S5]
                let level = state.short_stop(self.stops.short[before]);
                let stop = Order {
                    action: Action::Exit(Side::Short),
                    kind: Kind::Stop(level),
                    obstacle: None,
                    fills_beyond: None,
                };
                let reverses = self.entry_mode >= EntryMode::LongPriority;
                let buy = || self.entry(Action::ReverseTo(Side::Long), before, state);
                std::iter::once(stop).chain(reverses.then(buy)).collect()
            }
        }
    }

    /// An entry, from flat or as a reversal, in the bar after `before`.
    fn entry(&self, action: Action, before: usize, state: &State) -> Order {
        let (buys, close) = (action.buys(), self.bars.close()[before]);
        let smoothed = if buys { self.buy.smoothed[before] } else { self.sell.smoothed[before] };
        let level = match (buys, self.breakout) {
            (true, true) => self.buy_level::<true>(smoothed, close, state),
            (true, false) => self.buy_level::<false>(smoothed, close, state),
            (false, true) => self.sell_level::<true>(smoothed, close, state),
            (false, false) => self.sell_level::<false>(smoothed, close, state),
        };
        let kind = if self.breakout { Kind::Stop(level) } else { Kind::Limit(level) };
        let order = |kind, obstacle| Order { action, kind, obstacle, fills_beyond: None };
        if let Some(states) = self.hull_states {
            let (wanted, reason) = if buys {
                (HullState::Up, "the fast Hull average is not above the slow one")
            } else {
                (HullState::Down, "the fast Hull average is not below the slow one")
            };
            // [H3] [H5] [V1]
            if states[before] != wanted {
                return order(kind, Some(Obstacle { reason, numbers: None }));
            }
            // [H2] [H4]
            let cross = states[before - 1] != wanted;
            return order(if cross { Kind::Market } else { kind }, None);
        }
        let vetoed = self.veto.filter(|(declines, threshold)| {
            // [V2]
            let passes = declines[before] > *threshold;
            !buys && !passes
        });
        let obstacle = vetoed.map(|(declines, threshold)| Obstacle {
            reason: "the trend filter vetoes it: the fall of its average in percent a bar does not \
                     exceed the threshold",
            numbers: Some((declines[before], threshold)),
        });
        order(kind, obstacle)
    }

    /// Whether the veto lets a short be opened in bar `k`.
    #[inline(always)]
    fn allowed(&self, part: &Part<'_>, k: usize) -> bool {
        match (part.veto_declines, self.veto) {
            // [V1] [V2]
            (Some(declines), Some((_, threshold))) => declines[k] > threshold,
            _ => true,
        }
    }
}

impl State {
    /// Level of the stop of a long, at this distance.
    #[inline(always)]
    fn long_stop(&self, distance: f64) -> f64 {
        // [L1] [D10]
        self.highest - distance
    }

    /// Level of the stop of a short.
    #[inline(always)]
    fn short_stop(&self, distance: f64) -> f64 {
        // [L2] [D10]
        self.lowest + distance
    }
}

impl Part<'_> {
    #[inline(always)]
    fn stop_or_reverse(
        &self,
        stop: Option<Touch>,
        entry: Option<Touch>,
        k: usize,
    ) -> Option<Event> {
        match (stop, entry) {
            // [O4]
            (Some(stop), Some(entry)) if self.second_comes_first(stop, entry, k) => {
                Some(Event::Reverse(entry.fill))
            }
            // [S3]
            (Some(stop), _) => Some(Event::Leave(stop.fill)),
            (None, entry) => entry.map(|e| Event::Reverse(e.fill)),
        }
    }

    #[inline(always)]
    fn second_comes_first(&self, first: Touch, second: Touch, k: usize) -> bool {
        touches::second_comes_first(first, second, self.open[k], self.high[k], self.low[k])
    }
}

/// Goes on from bar `k` until something happens: the bar, and what it is. On the way extremes are
/// followed, and what is held is marked at every close.
#[inline(always)]
fn scan<R: Recorder>(
    part: &Part<'_>,
    k: usize,
    state: &mut State,
    held: Option<Position>,
    account: &mut Account<'_, R>,
    event: impl Fn(usize, &State) -> Option<Event>,
) -> Option<(usize, Event)> {
    let first = k;
    let end = |account: &mut Account<'_, R>, k: usize| {
        if R::RUNS {
            // [M9] [M10]
            account.end_bars(part.first + first, held, &part.close[first..k]);
        }
    };
    for k in k..part.open.len() {
        if let Some(event) = event(k, state) {
            end(account, k);
            return Some((k, event));
        }
        if part.high[k] > state.highest {
            state.highest = part.high[k];
        }
        if part.low[k] < state.lowest {
            state.lowest = part.low[k];
        }
        if !R::RUNS {
            // [M9] [M10]
            account.end_bar(part.first + k, held, part.close[k]);
        }
    }
    end(account, part.open.len());
    None
}

/// Settles what happened in bar `t`.
#[inline(always)]
fn carry_out<R: Recorder>(event: Event, t: usize, state: &mut State, account: &mut Account<'_, R>) {
    match event {
        Event::Enter(side, price) => state.holding = Some(account.enter(side, t, price)),
        Event::Leave(price) => {
            if let Some(held) = state.holding.take() {
                account.leave(held, t, price);
            }
        }
        Event::Reverse(price) => {
            state.holding = state.holding.and_then(|held| account.reverse(held, t, price));
        }
        Event::RoundTrip(side, entry, exit) => {
            let held = account.enter(side, t, entry);
            account.leave(held, t, exit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PreparedSweep;
    use crate::engine::direct::{Sweep, simulate};
    use crate::error::Error;
    use crate::execution::settings::{AccountSettings, Sizing};
    use crate::figures::{Columns, Figures};
    use crate::grid::Axis;
    use crate::market::slice::Slice;
    use crate::strategies::atr_d::testing::{feeds, grid_of};
    use crate::strategies::atr_d::{Task, VARIANTS};

    const WARMUP: usize = 100;

    /// A quiet market, then what the test asks for: until the warm-up ends every bar spans 99 to 101
    /// around 100, so every ATR is 2.
    fn history(tail: &[[f64; 4]]) -> Bars {
        let mut columns: [Vec<f64>; 4] = [100.0, 101.0, 99.0, 100.0].map(|x| vec![x; WARMUP]);
        for bar in tail {
            for (column, &value) in columns.iter_mut().zip(bar) {
                column.push(value);
            }
        }
        let [open, high, low, close] = columns;
        Bars::new(open, high, low, close).expect("valid bars")
    }

    /// Bars that swing enough for every variant to trade.
    fn swings(bars: usize) -> Bars {
        let tail: Vec<[f64; 4]> = (0..bars)
            .map(|i| {
                let wave = 9.0 * (i as f64 * 0.7).sin() + 5.0 * (i as f64 * 0.13).cos();
                let close = 100.0 + wave;
                [close + 0.5, close + 1.5, close - 1.0, close]
            })
            .collect();
        history(&tail)
    }

    fn long() -> Variant {
        VARIANTS[0]
    }

    /// Stop 3 and buy 1.5 ATRs away; the width of a quiet market tightens nothing at this threshold.
    const PARAMS: [f64; 11] = [70.0, 3.0, 10.0, 2.0, 1e-9, 1.0, 0.0, 70.0, 1.5, 1.0, 1.0];

    #[test]
    fn a_pull_back_is_bought_and_a_stop_sold() {
        let bars = history(&[
            [100.0, 100.5, 97.5, 98.0], // buy at 101 - 3 = 98
            [98.0, 104.0, 98.0, 103.0], // a new high of 104
            [97.0, 97.0, 95.0, 96.0],   // the stop near 104 - 6 is passed at the open
            [96.0, 96.5, 95.5, 96.0],
        ]);
        let slice = Slice { warmup: WARMUP, split: WARMUP + 2, end: bars.len() };
        let feeds = feeds(long(), bars);
        let sim = simulated(long(), &feeds, &PARAMS, slice).expect("a simulation");
        let shares = 100_000.0 / 98.0;
        assert_eq!(sim.trades.len(), 1);
        let trade = sim.trades[0];
        assert_eq!(trade.side, Side::Long);
        assert_eq!((trade.entry_bar, trade.entry_price), (WARMUP, 98.0));
        assert_eq!((trade.exit_bar, trade.exit_price), (WARMUP + 2, 97.0));
        assert_eq!(sim.figures.is_pnl, 100_000.0 + shares * 5.0 - 100_000.0);
        assert_eq!((sim.figures.is_trades, sim.figures.oos_trades), (0, 1));
        assert!((sim.figures.oos_dd - shares * 6.0).abs() < 1e-9);
        assert_eq!(sim.figures.is_dd, 0.0);
        assert_eq!(sim.equity[WARMUP - 1], 100_000.0);
        assert_eq!(sim.equity[WARMUP], 100_000.0);
        assert!((sim.equity[WARMUP + 3] - (100_000.0 - shares)).abs() < 1e-9);
    }

    fn simulated(
        variant: Variant,
        feeds: &Feeds,
        values: &[f64],
        slice: Slice,
    ) -> Result<crate::figures::Simulation> {
        let (account, settings) = (AccountSettings::default(), Settings::default());
        simulate(&variant, feeds, &[(0, values.to_vec())], &account, &settings, slice, None)
    }

    fn grid(variant: Variant) -> Grid {
        let mut axes: Vec<Vec<f64>> = vec![
            vec![5.0, 20.0],
            vec![1.0, 2.5],
            vec![10.0],
            vec![1.0, 2.0],
            vec![0.02, 0.2],
            vec![0.3],
            vec![0.0, 2.0],
            vec![8.0, 30.0],
            vec![0.5, 1.0],
            vec![3.0],
            vec![0.0, 1.0],
        ];
        if variant.shorts {
            axes.push(vec![0.4, 1.0, 1.7]);
        }
        if variant.modes {
            axes.extend([vec![0.0, 1.0, 2.0], vec![4.0], vec![-1.0, 0.05], vec![0.0, 1.0]]);
        }
        grid_of(variant, axes, [&[5.0, 12.0], &[9.0, 16.0]])
    }

    #[test]
    fn sweep_and_simulation_agree_in_any_division() {
        let slices = vec![
            Slice { warmup: 100, split: 180, end: 240 },
            Slice { warmup: 150, split: 220, end: 300 },
        ];
        for variant in VARIANTS {
            let account =
                AccountSettings { sizing: Sizing::Fixed, slip: 0.001, ..Default::default() };
            let (grid, settings) = (grid(variant), Settings::default());
            let feeds = feeds(variant, swings(200));
            let task = Task::new(variant, &feeds, grid.clone(), account, &settings, slices.clone());
            let sweep = Sweep::new(task.expect("a task"));
            let whole = sweep.run(0..grid.len()).expect("figures");
            for i in (0..grid.len()).step_by(7) {
                let sets = [(0, grid.at(i).expect("inside").values())];
                for (columns, &slice) in whole.iter().zip(&slices) {
                    let sim = simulate(&variant, &feeds, &sets, &account, &settings, slice, None)
                        .expect("a simulation");
                    let found = columns.at(i as usize);
                    assert_eq!(found, sim.figures, "{} combination {i}", variant.name);
                }
            }
            let list: Vec<u64> = (0..grid.len()).rev().step_by(5).chain([3, 3]).collect();
            let mut some: Vec<_> = slices.iter().map(|_| Columns::unwritten(list.len())).collect();
            let cells = some.iter_mut().map(|columns| columns.cells().into()).collect();
            sweep.run_list_into(&list, cells).expect("figures");
            for (columns, all) in some.iter().zip(&whole) {
                for (i, &index) in list.iter().enumerate() {
                    assert_eq!(columns.at(i), all.at(index as usize));
                }
            }
            let parts = [0..7, 7..grid.len()].map(|part| sweep.run(part).expect("figures"));
            for (k, columns) in whole.iter().enumerate() {
                let pieces: Vec<Figures> =
                    parts.iter().flat_map(|p| (0..p[k].len()).map(move |i| p[k].at(i))).collect();
                let all: Vec<Figures> = (0..columns.len()).map(|i| columns.at(i)).collect();
                assert_eq!(all, pieces);
                assert!(all.iter().any(|f| f.is_trades > 0 && f.oos_trades > 0));
            }
        }
    }

    #[test]
    fn sets_that_take_turns_keep_the_position() {
        // The first set never leaves; the second one stops at once what the first has entered.
        let quiet = [98.0, 98.5, 97.5, 98.0];
        let bars = history(&[
            [100.0, 100.5, 97.5, 98.0], // the first set buys at 101 - 3 = 98
            quiet,
            quiet,
            [98.0, 98.2, 97.0, 97.5], // a stop 1.5 ATRs under 100.5 stands near 97.5
            quiet,
        ]);
        let (feeds, n) = (feeds(long(), bars.clone()), bars.len());
        let slice = Slice { warmup: WARMUP, split: WARMUP + 1, end: n };
        let mut tight = PARAMS;
        (tight[1], tight[8]) = (0.5, 9.0);
        let run = |sets: &[(usize, Vec<f64>)]| {
            let (account, settings) = (AccountSettings::default(), Settings::default());
            simulate(&long(), &feeds, sets, &account, &settings, slice, None)
        };
        let set = |from: usize, values: [f64; 11]| (from, values.to_vec());
        let alone = run(&[set(0, PARAMS)]).expect("a simulation");
        assert!(alone.trades.is_empty());
        assert_eq!(run(&[set(0, PARAMS), set(WARMUP + 2, PARAMS)]), Ok(alone));
        let turned = run(&[set(7, PARAMS), set(WARMUP + 2, tight)]).expect("a simulation");
        // The new stop follows the old extreme, 100.5 in the entry's bar, and the open is beyond it.
        assert_eq!(turned.trades.len(), 1);
        let trade = turned.trades[0];
        assert_eq!((trade.entry_bar, trade.entry_price), (WARMUP, 98.0));
        assert_eq!((trade.exit_bar, trade.exit_price), (WARMUP + 2, 98.0));
        for (sets, set, bar) in [
            (vec![], 0, WARMUP),
            (vec![set(WARMUP + 1, PARAMS)], 0, WARMUP + 1),
            (vec![set(0, PARAMS), set(0, tight)], 1, 0),
        ] {
            assert!(matches!(
                run(&sets),
                Err(Error::DatedSet { set: s, bar: b, .. }) if (s, b) == (set, bar)
            ));
        }
    }

    #[test]
    fn bad_input_is_an_error() {
        let bars = history(&[[100.0, 101.0, 99.0, 100.0]; 20]);
        let slice = Slice { warmup: 69, split: 110, end: 120 };
        let own = feeds(long(), bars.clone());
        assert_eq!(
            simulated(long(), &own, &PARAMS, slice),
            Err(Error::Warmup { warmup: 69, need: 70 })
        );
        let task = |feeds: &Feeds, variant: Variant, slice: Slice| {
            let grid = Grid::new(vec![Axis::new((0..11).collect(), vec![PARAMS.to_vec()])]);
            let (account, settings) = (AccountSettings::default(), Settings::default());
            Task::new(variant, feeds, grid.expect("a grid"), account, &settings, vec![slice])
        };
        assert!(task(&own, long(), slice).is_err());
        let good = Slice { warmup: 70, ..slice };
        let sweep = Sweep::new(task(&own, long(), good).expect("a task"));
        assert_eq!(sweep.run(0..2), Err(Error::IndexRange { start: 0, stop: 2, len: 1 }));
        let mut one = Columns::unwritten(1);
        assert_eq!(
            sweep.run_list_into(&[1], vec![one.cells().into()]),
            Err(Error::IndexRange { start: 1, stop: 1, len: 1 })
        );
        assert_eq!(sweep.run(1..1), Ok(vec![Columns::unwritten(0)]));
        let dual = VARIANTS[4];
        let missing = Error::FeedMissing { feed: "bars2".into() };
        assert_eq!(task(&own, dual, good).err(), Some(missing));
        let unread = Error::FeedUnread { feed: "bars2".into() };
        assert_eq!(task(&feeds(dual, bars.clone()), long(), good).err(), Some(unread));
        assert!(matches!(
            Feeds::of(bars, Some(history(&[]))),
            Err(Error::FeedLength { len: 100, expected: 120, .. })
        ));
    }
}
