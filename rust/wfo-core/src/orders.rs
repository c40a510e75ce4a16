//! Orders that work in the bar after the last one, and the state that they belong to.

use crate::execution::account::{Holding, Side};

/// What an order does once it is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Opens a position, from flat.
    Enter(Side),
    /// Closes the position on this side.
    Exit(Side),
    /// Closes the position held and opens the one on this side, at one price.
    ReverseTo(Side),
}

impl Action {
    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enter(Side::Long) => "buy",
            Self::Enter(Side::Short) => "sell_short",
            Self::Exit(Side::Long) => "exit_long",
            Self::Exit(Side::Short) => "cover_short",
            Self::ReverseTo(Side::Long) => "reverse_to_long",
            Self::ReverseTo(Side::Short) => "reverse_to_short",
        }
    }

    /// Whether it buys: such an order is reached by a rising price if it is a stop, and by a falling
    /// one if it is a limit.
    #[must_use]
    pub const fn buys(self) -> bool {
        matches!(
            self,
            Self::Enter(Side::Long) | Self::Exit(Side::Short) | Self::ReverseTo(Side::Long)
        )
    }
}

/// How an order is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// At this level or worse: a buy where the price rises to it, a sale where it falls to it.
    Stop(f64),
    /// At this level or better: a buy where the price falls to it, a sale where it rises to it.
    Limit(f64),
    /// At the open of the bar, whatever that is.
    Market,
}

impl Kind {
    /// Its name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stop(_) => "stop",
            Self::Limit(_) => "limit",
            Self::Market => "market",
        }
    }

    /// Its level; a market order has none.
    #[must_use]
    pub const fn level(self) -> Option<f64> {
        match self {
            Self::Stop(level) | Self::Limit(level) => Some(level),
            Self::Market => None,
        }
    }
}

/// The filter that keeps an order from working in the bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Obstacle {
    /// What does not hold, in words.
    pub reason: &'static str,
    /// What the filter looks at, and the bound that it must exceed, where they are numbers.
    pub numbers: Option<(f64, f64)>,
}

/// An order of a parameter set in one bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    /// What it does.
    pub action: Action,
    /// How it is filled.
    pub kind: Kind,
    /// Why it does not work in the bar, whatever the fill; `None` of an order that works.
    pub obstacle: Option<Obstacle>,
    /// What its fill must lie above where it buys, and below where it sells, for it to work; `None`
    /// where any fill will do.
    pub fills_beyond: Option<f64>,
}

impl Order {
    /// Where it is taken to be filled, by the last close: at its level, or at that close where it has
    /// none, or where a rising price reaches it from the start, as it is not above 0.
    #[must_use]
    pub fn fill(&self, close: f64) -> f64 {
        let rises = self.action.buys() == matches!(self.kind, Kind::Stop(_));
        let is_passed = |level: f64| rises && level.is_finite() && level <= 0.0;
        self.kind.level().filter(|&level| !is_passed(level)).unwrap_or(close)
    }
}

/// What a kernel says of the bar after the last one.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// The position held; `None` while flat.
    pub holding: Option<Holding>,
    /// The bar since which the state lasts.
    pub since: usize,
    /// The orders of the state, those that a filter keeps from working among them. A position's exit
    /// comes before the order that reverses it, a buy before a sale.
    pub orders: Vec<Order>,
    /// Whether the second of two entries closes what the first has opened, instead of being cancelled
    /// by it.
    pub both_fill: bool,
}
