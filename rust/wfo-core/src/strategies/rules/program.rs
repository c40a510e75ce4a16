//! Programs: what rules say.

use std::fmt::Debug;
use std::sync::Arc;

use super::node::{Kind, Node};
use crate::error::{Error, Result};

/// Orders of a list, at most.
pub const MOST_ORDERS: usize = 8;

/// An argument of a function of the user's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Argument<'a> {
    /// A value a bar.
    Column(&'a [f64]),
    /// A number.
    Number(f64),
}

/// A function of the user's that computes a column [C8].
pub trait Function: Debug + Send + Sync {
    /// What it is called in messages.
    fn name(&self) -> &str;

    /// A value for every bar, of its columns and numbers in order.
    ///
    /// # Errors
    /// What the function raises, as a text.
    fn call(&self, arguments: &[Argument<'_>]) -> Result<Vec<f64>>;

    /// The bars by which its first value lies behind those of its columns, of its numbers in order.
    ///
    /// # Errors
    /// What the function raises, as a text.
    fn lookback(&self, numbers: &[f64]) -> Result<usize>;
}

/// How an entry works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of the page")]
pub enum EntryKind {
    AtOpen,
    Stop,
    Limit,
    Pullback,
    Breakout,
}

/// How an exit works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of the page")]
pub enum ExitKind {
    AtOpen,
    After,
    Stop,
    Trail,
    Loss,
    Limit,
    Target,
}

/// An entry or an exit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderOf<K> {
    /// How it works.
    pub kind: K,
    /// Node of its level, distance or number of bars; `None` of an order at the open.
    pub value: Option<usize>,
    /// Node of its condition; `None` where it needs none.
    pub when: Option<usize>,
    /// Whether its distance is in percent of the fill [R13].
    pub percent: bool,
}

/// An entry.
pub type Entry = OrderOf<EntryKind>;

/// An exit.
pub type Exit = OrderOf<ExitKind>;

/// The bar of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameBar {
    /// No exit works in it [B4].
    Next,
    /// Exits work after a fill at the open [B5].
    Open,
    /// Protective exits work after any fill [B6].
    Worst,
}

/// What rules say: expressions and orders, the same for every parameter set [P1].
#[derive(Debug)]
pub struct Program {
    /// Names of the parameters, in canonical order.
    pub parameters: Vec<String>,
    /// Expressions, each made of earlier ones.
    pub nodes: Vec<Node>,
    /// What each node is.
    pub kinds: Vec<Kind>,
    /// Columns that are read: a feed and a column of it.
    pub feeds: Vec<(String, String)>,
    /// Feeds that say which bars make a higher one, one a timeframe.
    pub timeframes: Vec<String>,
    /// Entries of the long side, in order of the list.
    pub long: Vec<Entry>,
    /// Entries of the short side.
    pub short: Vec<Entry>,
    /// Exits of a long position.
    pub exit_long: Vec<Exit>,
    /// Exits of a short one.
    pub exit_short: Vec<Exit>,
    /// Node of the number that lets long entries reverse [R17].
    pub reverse_to_long: Option<usize>,
    /// Node of the number that lets short entries reverse.
    pub reverse_to_short: Option<usize>,
    /// Node of the number that lets both of two entries fill [B3].
    pub both: Option<usize>,
    /// What works in the bar of an entry.
    pub same_bar: SameBar,
    /// Node of the share of equity at risk [Z2].
    pub risk: Option<usize>,
    /// Node of the share of equity taken [Z1].
    pub size: Option<usize>,
    /// Functions of the user's.
    pub functions: Vec<Arc<dyn Function>>,
    pub(super) depends: Vec<Vec<usize>>,
    pub(super) used: Vec<bool>,
    pub(super) higher: Vec<Option<usize>>,
}

pub(super) fn wrong<T>(said: String) -> Result<T> {
    Err(Error::Strategy(said))
}

impl EntryKind {
    /// All kinds, in the order in which the page lists them.
    pub(super) const ALL: [Self; 5] =
        [Self::AtOpen, Self::Stop, Self::Limit, Self::Pullback, Self::Breakout];
}

impl ExitKind {
    /// All kinds, in the order in which they count where they are touched alike.
    pub(super) const ALL: [Self; 7] =
        [Self::AtOpen, Self::After, Self::Stop, Self::Trail, Self::Loss, Self::Limit, Self::Target];
}

impl Program {
    /// Nodes of orders and settings: what decides in a bar.
    pub(super) fn roots(&self) -> impl Iterator<Item = usize> {
        let of_orders = |value: Option<usize>, when: Option<usize>| value.into_iter().chain(when);
        let entries = [&self.long, &self.short].into_iter().flatten();
        let exits = [&self.exit_long, &self.exit_short].into_iter().flatten();
        let entries = entries.flat_map(move |order| of_orders(order.value, order.when));
        let exits = exits.flat_map(move |order| of_orders(order.value, order.when));
        let numbers = [self.reverse_to_long, self.reverse_to_short, self.both, self.risk];
        entries.chain(exits).chain(numbers.into_iter().flatten()).chain(self.size)
    }

    /// Which nodes something is made of that decides in a bar.
    pub(super) fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.nodes.len()];
        self.roots().for_each(|node| used[node] = true);
        for place in (0..self.nodes.len()).rev() {
            if used[place] {
                self.nodes[place].args.iter().for_each(|&part| used[part] = true);
            }
        }
        used
    }

    /// Whether anything that decides in a bar is made of a node.
    #[must_use]
    pub fn is_used(&self, node: usize) -> bool {
        self.used[node]
    }

    /// The parameters that a node follows from, by their places, ascending.
    #[must_use]
    pub fn depends(&self, node: usize) -> &[usize] {
        &self.depends[node]
    }

    /// The timeframe whose bars a column is of, by its place; `None` of the traded bars and of numbers.
    #[must_use]
    pub fn higher(&self, node: usize) -> Option<usize> {
        self.higher[node]
    }

    /// The parts of a node that are numbers.
    pub fn numbers_among(&self, node: &Node) -> impl Iterator<Item = usize> {
        node.args.iter().copied().filter(|&part| self.kinds[part] == Kind::Number)
    }
}
