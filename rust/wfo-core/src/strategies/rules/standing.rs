//! The orders that work in the bar after the last one.

use super::bar_loop::State;
use super::columns::Columns;
use super::elementwise::holds;
use super::node::Kind as NodeKind;
use super::program::{Entry, EntryKind, Exit, ExitKind, Program};
use crate::execution::account::{Amount, Side};
use crate::market::bars::Bars;
use crate::orders::{Action, Kind, Obstacle, Order, Standing};

const HOLDS_NOT: &str = "its condition does not hold";
const NOT_KNOWN: &str = "its condition is not known";
const NO_LEVEL: &str = "its level is no number";
const NO_SHARE: &str = "its size is not above 0 and at most 1";
const NO_PROTECTION: &str = "it has no protective level that a risk could be sized by";

/// What is read at the bar before the next one.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) program: &'a Program,
    pub(super) bars: &'a Bars,
    pub(super) columns: &'a Columns,
    pub(super) numbers: &'a [f64],
}

impl Reader<'_> {
    /// The value of a node at a bar.
    fn at(&self, node: usize, bar: usize) -> f64 {
        if self.program.kinds[node] == NodeKind::Number {
            return self.numbers[node];
        }
        let values = self.columns.compute(node, self.numbers);
        values.ok().and_then(|values| values.get(bar).copied()).unwrap_or(f64::NAN)
    }

    fn value(&self, node: Option<usize>, bar: usize) -> f64 {
        node.map_or(f64::NAN, |node| self.at(node, bar))
    }

    /// Why an order with this condition does not work; `None` where it does.
    fn obstacle(
        &self,
        when: Option<usize>,
        level: Option<f64>,
        bar: usize,
    ) -> Option<&'static str> {
        match when.map(|when| self.at(when, bar)) {
            Some(condition) if condition.is_nan() => Some(NOT_KNOWN),
            Some(condition) if !holds(condition) => Some(HOLDS_NOT),
            _ => level.filter(|level| !level.is_finite()).map(|_| NO_LEVEL),
        }
    }

    fn entries(&self, side: Side) -> &[Entry] {
        match side {
            Side::Long => &self.program.long,
            Side::Short => &self.program.short,
        }
    }

    fn exits(&self, side: Side) -> &[Exit] {
        match side {
            Side::Long => &self.program.exit_long,
            Side::Short => &self.program.exit_short,
        }
    }

    /// An exit's level for a position with a fill, by the values at a bar, the extremes since the entry
    /// and their side's sign.
    fn level(&self, exit: &Exit, side: Side, price: f64, extreme: f64, bar: usize) -> Option<f64> {
        let value = self.value(exit.value, bar);
        let below = |from: f64, distance: f64| match side {
            Side::Long => from - distance,
            Side::Short => from + distance,
        };
        // [R13]
        let distance = if exit.percent { price * (value / 100.0) } else { value };
        match exit.kind {
            ExitKind::AtOpen | ExitKind::After => None,
            ExitKind::Stop | ExitKind::Limit => Some(value),
            ExitKind::Trail => Some(below(extreme, value)),
            ExitKind::Loss => Some(below(price, distance)),
            ExitKind::Target => Some(below(price, -distance)),
        }
    }

    /// The protective levels of a position that is entered at a fill, and whether each moves with it.
    fn protective(&self, side: Side, price: f64, bar: usize) -> impl Iterator<Item = (f64, bool)> {
        let is_protecting =
            |exit: &&Exit| matches!(exit.kind, ExitKind::Stop | ExitKind::Trail | ExitKind::Loss);
        let protecting = self.exits(side).iter().filter(is_protecting);
        let works = protecting.filter(move |exit| self.obstacle(exit.when, None, bar).is_none());
        let levels = works.filter_map(move |exit| {
            let moves = !matches!(exit.kind, ExitKind::Stop);
            self.level(exit, side, price, price, bar).map(|level| (level, moves))
        });
        levels.filter(|(level, _)| level.is_finite())
    }

    /// What a fill of an entry must lie beyond for it to work; `None` where any fill will do. The
    /// error is why none will.
    fn fills_beyond(
        &self,
        order: &Order,
        side: Side,
        close: f64,
        bar: usize,
    ) -> Result<Option<f64>, &'static str> {
        let price = order.fill(close);
        if self.program.risk.is_none() {
            return self.amount(side, price, bar).map(|_| None);
        }
        // [Z5]
        let is_beyond = |fill: f64, bound: f64| match side {
            Side::Long => fill > bound,
            Side::Short => fill < bound,
        };
        let (moving, fixed): (Vec<_>, Vec<_>) =
            self.protective(side, price, bar).partition(|&(_, moves)| moves);
        if moving.iter().any(|&(level, _)| is_beyond(price, level)) {
            return Ok(None);
        }
        let levels = fixed.into_iter().map(|(level, _)| level);
        let farthest = levels.reduce(|a, b| if is_beyond(a, b) { b } else { a });
        let bound = farthest.ok_or(NO_PROTECTION)?;
        // A stop is filled at its level or beyond it, a limit order at its level or before it.
        match (side, order.kind) {
            (Side::Long, _) if bound <= 0.0 => Ok(None),
            (Side::Short, _) if bound <= 0.0 => Err(NO_PROTECTION),
            (_, Kind::Stop(level)) if is_beyond(level, bound) => Ok(None),
            (_, Kind::Limit(level)) if !is_beyond(level, bound) => Err(NO_PROTECTION),
            _ => Ok(Some(bound)),
        }
    }

    /// What an entry of a side takes at a fill; the error is why it does not work there.
    fn amount(&self, side: Side, price: f64, bar: usize) -> Result<Amount, &'static str> {
        if let Some(size) = self.program.size {
            // [Z1]
            let share = self.at(size, bar);
            let fits = share > 0.0 && share <= 1.0;
            return if fits { Ok(Amount::Share(share)) } else { Err(NO_SHARE) };
        }
        let Some(risk) = self.program.risk else { return Ok(Amount::All) };
        // [Z2]
        let distances = self.protective(side, price, bar).map(|(level, _)| match side {
            Side::Long => price - level,
            Side::Short => level - price,
        });
        let nearest = distances.filter(|&d| d > 0.0).reduce(|a, b| if b < a { b } else { a });
        // [Z3]
        let distance = nearest.ok_or(NO_PROTECTION)?;
        Ok(Amount::Risk { share: self.numbers[risk], distance })
    }

    /// An entry in bar `n`.
    fn entry(&self, order: &Entry, action: Action, side: Side, state: &State, n: usize) -> Order {
        let before = n - 1;
        let value = self.value(order.value, before);
        let close = self.bars.close()[before];
        let is_long = side == Side::Long;
        let kind = match order.kind {
            EntryKind::AtOpen => Kind::Market,
            EntryKind::Stop => Kind::Stop(value),
            EntryKind::Limit => Kind::Limit(value),
            EntryKind::Pullback if is_long => Kind::Limit(state.extremes.highest - value),
            EntryKind::Pullback => Kind::Limit(state.extremes.lowest + value),
            EntryKind::Breakout if is_long => Kind::Stop(close + value),
            EntryKind::Breakout => Kind::Stop(close - value),
        };
        let mut found = Order { action, kind, obstacle: None, fills_beyond: None };
        let fills = match self.obstacle(order.when, kind.level(), before) {
            Some(reason) => Err(reason),
            None => self.fills_beyond(&found, side, close, before),
        };
        match fills {
            Ok(bound) => found.fills_beyond = bound,
            Err(reason) => found.obstacle = Some(obstacle(reason)),
        }
        found
    }

    /// The exits of the position that is held, in bar `n`.
    fn exit(&self, order: &Exit, side: Side, state: &State, n: usize) -> Option<Order> {
        let held = state.holding?;
        let before = n - 1;
        let bar = match order.kind {
            // [R10] [R11]
            ExitKind::Loss | ExitKind::Target => held.entry_bar - 1,
            _ => before,
        };
        let extreme = match side {
            Side::Long => state.extremes.highest,
            Side::Short => state.extremes.lowest,
        };
        let level = self.level(order, side, held.entry_price, extreme, bar);
        let kind = match (order.kind, level) {
            (ExitKind::After, _) => {
                // [R12] Before it is due it is not stated.
                let bars = self.value(order.value, before) as usize;
                if n - held.entry_bar < bars {
                    return None;
                }
                Kind::Market
            }
            (ExitKind::Limit | ExitKind::Target, Some(level)) => Kind::Limit(level),
            (_, Some(level)) => Kind::Stop(level),
            (_, None) => Kind::Market,
        };
        let reason = self.obstacle(order.when, level, before);
        let action = Action::Exit(side);
        Some(Order { action, kind, obstacle: reason.map(obstacle), fills_beyond: None })
    }
}

fn obstacle(reason: &'static str) -> Obstacle {
    Obstacle { reason, numbers: None }
}

/// The state, and its orders in bar `n`.
pub(super) fn standing(reader: &Reader<'_>, n: usize, state: &State) -> Standing {
    let Reader { program, numbers, .. } = *reader;
    let is_on = |node: Option<usize>| node.is_some_and(|node| holds(numbers[node]));
    let entries = |side: Side, action: Action| {
        let own = reader.entries(side).iter();
        own.map(|order| reader.entry(order, action, side, state, n)).collect::<Vec<_>>()
    };
    let orders = match state.holding.map(|held| held.position.side) {
        None => [Side::Long, Side::Short]
            .into_iter()
            .flat_map(|side| entries(side, Action::Enter(side)))
            .collect(),
        Some(side) => {
            let (other, reverses) = match side {
                Side::Long => (Side::Short, program.reverse_to_short),
                Side::Short => (Side::Long, program.reverse_to_long),
            };
            let exits = reader.exits(side).iter();
            let exits = exits.filter_map(|order| reader.exit(order, side, state, n));
            // [R17]
            let reversing =
                if is_on(reverses) { entries(other, Action::ReverseTo(other)) } else { Vec::new() };
            exits.chain(reversing).collect()
        }
    };
    // [B3]
    let both_fill = is_on(program.both);
    Standing { holding: state.holding, since: state.since, orders, both_fill }
}

/// What an entry of bar `n` takes where it is filled at `price`.
pub(super) fn amount(reader: &Reader<'_>, n: usize, action: Action, price: f64) -> Amount {
    match action {
        Action::Exit(_) => Amount::All,
        Action::Enter(side) | Action::ReverseTo(side) => {
            // [Z1] [Z3] What is kept from working trades nothing.
            reader.amount(side, price, n - 1).unwrap_or(Amount::Share(0.0))
        }
    }
}
