//! Programs: what rules say, checked once more where they come from outside.

use std::fmt::Debug;
use std::sync::Arc;

use super::elementwise::{Operand, binary, choose_block, either, unary};
use super::groups::Gather;
use super::node::{Kind, Node, Op, kind_of, named};
use crate::error::{Error, Result};

/// Nodes of a program, at most.
pub const MOST_NODES: usize = 10_000;

/// Orders of a list, at most.
pub const MOST_ORDERS: usize = 8;

/// The largest length, in bars.
const MOST_BARS: f64 = 1e9;

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

/// A node as it comes from outside.
#[derive(Debug, Clone, Default)]
pub struct RawNode {
    /// Name of the operation.
    pub op: String,
    /// Places of its parts.
    pub args: Vec<usize>,
    /// Place of a parameter or function, or a constant.
    pub value: f64,
    /// `feed.column` of a feed, or timeframe and calendar of higher bars.
    pub text: String,
}

/// An order as it comes from outside.
#[derive(Debug, Clone, Default)]
pub struct RawOrder {
    /// Name of its kind.
    pub kind: String,
    /// Node of its level, distance or number of bars.
    pub value: Option<usize>,
    /// Node of its condition.
    pub when: Option<usize>,
    /// Whether its distance is in percent of the fill.
    pub percent: bool,
}

/// A program as it comes from outside.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "the fields are those of Program")]
pub struct Raw {
    pub parameters: Vec<String>,
    pub nodes: Vec<RawNode>,
    pub long: Vec<RawOrder>,
    pub short: Vec<RawOrder>,
    pub exit_long: Vec<RawOrder>,
    pub exit_short: Vec<RawOrder>,
    pub reverse_to_long: Option<usize>,
    pub reverse_to_short: Option<usize>,
    pub both: Option<usize>,
    pub same_bar: String,
    pub risk: Option<usize>,
    pub size: Option<usize>,
    pub functions: Vec<Arc<dyn Function>>,
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
    depends: Vec<Vec<usize>>,
    used: Vec<bool>,
    higher: Vec<Option<usize>>,
}

fn wrong<T>(said: String) -> Result<T> {
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
    /// The program, if it is one.
    ///
    /// # Errors
    /// A node or order that cannot be, and why.
    pub fn new(raw: Raw) -> Result<Self> {
        let Raw { parameters, nodes: given, functions, .. } = raw;
        if given.len() > MOST_NODES {
            return wrong(format!(
                "the rules are made of {} expressions; at most {MOST_NODES} will do",
                given.len()
            ));
        }
        let (mut feeds, mut timeframes) = (Vec::new(), Vec::new());
        let (mut nodes, mut kinds) = (Vec::with_capacity(given.len()), Vec::new());
        let mut higher = Vec::with_capacity(given.len());
        let mut depends: Vec<Vec<usize>> = Vec::with_capacity(given.len());
        for (place, node) in given.into_iter().enumerate() {
            let mut op = op_of(place, &node, parameters.len(), functions.len(), &mut feeds)?;
            if op == Op::Resample(0, Gather::Last) {
                op = resampled(place, &node, &nodes, &feeds, &mut timeframes)?;
            }
            higher.push(higher_of(place, op, &node.args, &kinds, &higher)?);
            let parts: Vec<Kind> = node.args.iter().map(|&part| kinds[part]).collect();
            kinds.push(kind_of(place, op, &parts)?);
            let mut own: Vec<usize> =
                node.args.iter().flat_map(|&part| depends[part].iter().copied()).collect();
            if let Op::Parameter(parameter) = op {
                own.push(parameter);
            }
            own.sort_unstable();
            own.dedup();
            depends.push(own);
            nodes.push(Node { op, args: node.args });
        }
        let same_bar = match raw.same_bar.as_str() {
            "next" => SameBar::Next,
            "open" => SameBar::Open,
            "worst" => SameBar::Worst,
            other => {
                return wrong(format!("same_bar = '{other}' must be next, open or worst"));
            }
        };
        let mut program = Self {
            parameters,
            nodes,
            feeds,
            timeframes,
            long: orders_of("long", raw.long, entry_kind, &kinds)?,
            short: orders_of("short", raw.short, entry_kind, &kinds)?,
            exit_long: orders_of("exit_long", raw.exit_long, exit_kind, &kinds)?,
            exit_short: orders_of("exit_short", raw.exit_short, exit_kind, &kinds)?,
            reverse_to_long: number_of("reverse_to_long", raw.reverse_to_long, &kinds)?,
            reverse_to_short: number_of("reverse_to_short", raw.reverse_to_short, &kinds)?,
            both: number_of("both", raw.both, &kinds)?,
            same_bar,
            risk: number_of("risk", raw.risk, &kinds)?,
            size: raw.size,
            functions,
            kinds,
            depends,
            used: Vec::new(),
            higher,
        };
        program.check()?;
        program.used = program.used();
        Ok(program)
    }

    fn check(&self) -> Result<()> {
        if self.long.is_empty() && self.short.is_empty() {
            return wrong("the rules have no entry; give long or short".to_owned());
        }
        if let Some(size) = self.size.filter(|&size| size >= self.nodes.len()) {
            return wrong(format!("size: there is no expression {size}"));
        }
        // [B7] [Z4]
        if self.both.is_some() && self.same_bar != SameBar::Next {
            return wrong("both goes with same_bar = 'next' alone; leave one out".to_owned());
        }
        if self.risk.is_some() && self.size.is_some() {
            return wrong("risk and size exclude each other; leave one out".to_owned());
        }
        // [G2]
        if let Some(node) = self.roots().find(|&node| self.higher[node].is_some()) {
            return wrong(format!(
                "an order is made of expression {node}, a column of higher bars"
            ));
        }
        Ok(())
    }

    /// Nodes of orders and settings: what decides in a bar.
    fn roots(&self) -> impl Iterator<Item = usize> {
        let of_orders = |value: Option<usize>, when: Option<usize>| value.into_iter().chain(when);
        let entries = [&self.long, &self.short].into_iter().flatten();
        let exits = [&self.exit_long, &self.exit_short].into_iter().flatten();
        let entries = entries.flat_map(move |order| of_orders(order.value, order.when));
        let exits = exits.flat_map(move |order| of_orders(order.value, order.when));
        let numbers = [self.reverse_to_long, self.reverse_to_short, self.both, self.risk];
        entries.chain(exits).chain(numbers.into_iter().flatten()).chain(self.size)
    }

    /// Which nodes something is made of that decides in a bar.
    fn used(&self) -> Vec<bool> {
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

    /// The value of every number of the program, of one value a parameter; NaN for columns.
    ///
    /// # Errors
    /// Another number of values than parameters, or a length that is none [P3], with its value.
    pub fn numbers(&self, values: &[f64]) -> Result<Vec<f64>> {
        let (given, expected) = (values.len(), self.parameters.len());
        if given != expected {
            return Err(Error::ParameterCount { given, expected });
        }
        let mut numbers = vec![f64::NAN; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            if self.kinds[place] == Kind::Number {
                numbers[place] = number(node, values, &numbers);
            } else if self.used[place]
                && let Some((length, least)) = node.op.length()
            {
                // [P3] [C1] [C2]
                let of = || match node.op {
                    Op::Shift => "the bars of shift".to_owned(),
                    op => format!("the length of {}", op.name()),
                };
                self.check_length(of, node.args[length], least, values, &numbers)?;
            }
        }
        let exits = [("exit_long", &self.exit_long), ("exit_short", &self.exit_short)];
        for (list, order) in exits.iter().flat_map(|(list, own)| own.iter().map(move |o| (list, o)))
        {
            if let (ExitKind::After, Some(bars)) = (order.kind, order.value) {
                // [P3] [R12]
                let of = || format!("the bars of after in {list}");
                self.check_length(of, bars, 1.0, values, &numbers)?;
            }
        }
        if let Some(risk) = self.risk
            && !(numbers[risk] > 0.0 && numbers[risk] <= 1.0)
        {
            // [Z2]
            let allowed = "it must be above 0 and at most 1";
            return self.refused("risk is", allowed, risk, values, &numbers);
        }
        Ok(numbers)
    }

    fn check_length(
        &self,
        of: impl FnOnce() -> String,
        node: usize,
        least: f64,
        values: &[f64],
        numbers: &[f64],
    ) -> Result<()> {
        let bars = numbers[node];
        if bars.fract() == 0.0 && (least..=MOST_BARS).contains(&bars) {
            return Ok(());
        }
        let allowed = format!("it must be whole, from {least} to 1,000,000,000");
        self.refused(&format!("{} is", of()), &allowed, node, values, numbers)
    }

    fn refused<T>(
        &self,
        what: &str,
        allowed: &str,
        node: usize,
        values: &[f64],
        numbers: &[f64],
    ) -> Result<T> {
        let named =
            |&parameter: &usize| format!("{} = {}", self.parameters[parameter], values[parameter]);
        let of: Vec<String> = self.depends[node].iter().map(named).collect();
        let of = if of.is_empty() { String::new() } else { format!(" for {}", of.join(", ")) };
        wrong(format!("{what} {}{of}; {allowed}", numbers[node]))
    }

    /// The first bar in which everything that decides has a value [P4], of the numbers of a set.
    /// `lookback` says what a function adds: its place, and its numbers.
    ///
    /// # Errors
    /// An error of `lookback`.
    pub fn first_bar(
        &self,
        numbers: &[f64],
        lookback: impl Fn(usize, &[f64]) -> Result<usize>,
    ) -> Result<usize> {
        let mut first = vec![0_usize; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            if self.kinds[place] == Kind::Number || !self.used[place] {
                continue;
            }
            let parts = node.args.iter().map(|&part| first[part]).max().unwrap_or(0);
            let more = match node.op {
                Op::Shift => numbers[node.args[1]] as usize,
                Op::Window(super::node::Window::Ema) => 0,
                Op::Window(_) => numbers[node.args[1]] as usize - 1,
                Op::Call(function) => {
                    let own: Vec<f64> =
                        self.numbers_among(node).map(|part| numbers[part]).collect();
                    lookback(function, &own)?
                }
                // [G4] Without the bars a higher bar counts as one of them.
                Op::Latest => 0,
                // It reads the close before.
                Op::TrueRange if first[node.args[2]] > 0 => {
                    (first[node.args[2]] + 1).saturating_sub(parts)
                }
                _ => 0,
            };
            first[place] = parts.saturating_add(more);
        }
        Ok(self.roots().map(|node| first[node]).max().unwrap_or(0))
    }

    /// The parts of a node that are numbers.
    pub fn numbers_among(&self, node: &Node) -> impl Iterator<Item = usize> {
        node.args.iter().copied().filter(|&part| self.kinds[part] == Kind::Number)
    }
}

/// The value of a node that is a number.
fn number(node: &Node, values: &[f64], numbers: &[f64]) -> f64 {
    let part = |i: usize| numbers[node.args[i]];
    match node.op {
        Op::Parameter(parameter) => values[parameter],
        Op::Constant(value) => value,
        Op::Unary(op) => unary(op, part(0)),
        Op::Binary(op) => binary(op, part(0), part(1)),
        Op::Where => either(part(0), part(1), part(2)),
        Op::Choose => {
            let mut out = [0.0];
            let branch = |i: usize| Operand::Number(part(i + 1));
            choose_block(part(0), node.args.len() - 1, branch, &mut out);
            out[0]
        }
        // [R15] The same in every bar.
        Op::Shift => part(0),
        Op::Feed(_)
        | Op::TrueRange
        | Op::Window(_)
        | Op::Call(_)
        | Op::Resample(..)
        | Op::Latest => f64::NAN,
    }
}

/// The operation of a node, whose parts are checked.
fn op_of(
    place: usize,
    node: &RawNode,
    parameters: usize,
    functions: usize,
    feeds: &mut Vec<(String, String)>,
) -> Result<Op> {
    let RawNode { op, args, value, text } = node;
    let said = |what: String| Error::Strategy(format!("expression {place} ({op}): {what}"));
    if args.iter().any(|&part| part >= place) {
        return Err(said("its parts are not all before it".to_owned()));
    }
    let nth = |count: usize| {
        let fits = value.fract() == 0.0 && (0.0..count as f64).contains(value);
        let missing = || said(format!("there is no {value} of {count}"));
        if fits { Ok(*value as usize) } else { Err(missing()) }
    };
    let (found, count) = match op.as_str() {
        "parameter" => (Op::Parameter(nth(parameters)?), Some(0)),
        "constant" => (Op::Constant(*value), Some(0)),
        "feed" => {
            let Some((feed, column)) = text.split_once('.').filter(|(_, c)| !c.contains('.'))
            else {
                return Err(said(format!("'{text}' is not FEED.COLUMN")));
            };
            let wanted = (feed.to_owned(), column.to_owned());
            let known = feeds.iter().position(|own| *own == wanted).unwrap_or_else(|| {
                feeds.push(wanted);
                feeds.len() - 1
            });
            (Op::Feed(known), Some(0))
        }
        "call" => (Op::Call(nth(functions)?), None),
        "choose" => (Op::Choose, None),
        // Which bars, and what is taken of them, follows from its part.
        "resample" => (Op::Resample(0, Gather::Last), Some(1)),
        "latest" => (Op::Latest, Some(1)),
        _ => match named(op) {
            Some((found, count)) => (found, Some(count)),
            None => return wrong(format!("expression {place}: there is no operation '{op}'")),
        },
    };
    match count {
        Some(wanted) if wanted != args.len() => {
            Err(said(format!("it has {} parts; {wanted} are needed", args.len())))
        }
        _ => Ok(found),
    }
}

/// The operation that makes a column of higher bars.
fn resampled(
    place: usize,
    node: &RawNode,
    nodes: &[Node],
    feeds: &[(String, String)],
    timeframes: &mut Vec<String>,
) -> Result<Op> {
    let said = |what: &str| wrong(format!("expression {place} (resample): {what}"));
    let Op::Feed(feed) = nodes[node.args[0]].op else {
        return said("it is of a column of a feed alone");
    };
    if !node.text.contains(' ') {
        return said(&format!("'{}' is no timeframe and calendar", node.text));
    }
    let known = timeframes.iter().position(|own| *own == node.text).unwrap_or_else(|| {
        timeframes.push(node.text.clone());
        timeframes.len() - 1
    });
    Ok(Op::Resample(known, Gather::of(&feeds[feed].1)))
}

/// The timeframe whose bars a node is a column of [G2].
fn higher_of(
    place: usize,
    op: Op,
    args: &[usize],
    kinds: &[Kind],
    higher: &[Option<usize>],
) -> Result<Option<usize>> {
    let said = |what: &str| wrong(format!("expression {place} ({}): {what}", op.name()));
    if let Op::Resample(timeframe, _) = op {
        return Ok(Some(timeframe));
    }
    let mut columns = args.iter().filter(|&&part| kinds[part] != Kind::Number);
    let Some(&first) = columns.next() else {
        return if op == Op::Latest { said("it is of higher bars alone") } else { Ok(None) };
    };
    if columns.any(|&part| higher[part] != higher[first]) {
        return said("its parts are columns of bars of different lengths");
    }
    match (op, higher[first]) {
        (Op::Latest, None) => said("it is of higher bars alone"),
        (Op::Latest, Some(_)) => Ok(None),
        (_, own) => Ok(own),
    }
}

fn number_of(name: &str, node: Option<usize>, kinds: &[Kind]) -> Result<Option<usize>> {
    match node.map(|node| kinds.get(node)) {
        None | Some(Some(Kind::Number)) => Ok(node),
        _ => wrong(format!("{name} must be a number or an expression of parameters alone")),
    }
}

fn entry_kind(name: &str) -> Option<(EntryKind, bool)> {
    Some(match name {
        "at_open" => (EntryKind::AtOpen, true),
        "stop" => (EntryKind::Stop, true),
        "limit" => (EntryKind::Limit, true),
        "pullback" => (EntryKind::Pullback, true),
        "breakout" => (EntryKind::Breakout, true),
        _ => return None,
    })
}

fn exit_kind(name: &str) -> Option<(ExitKind, bool)> {
    Some(match name {
        "at_open" => (ExitKind::AtOpen, true),
        "after" => (ExitKind::After, false),
        "stop" => (ExitKind::Stop, true),
        "trail" => (ExitKind::Trail, false),
        "loss" => (ExitKind::Loss, false),
        "limit" => (ExitKind::Limit, true),
        "target" => (ExitKind::Target, false),
        _ => return None,
    })
}

/// The orders of a list. `kind_of` reads a kind, and says whether orders of it may have a condition.
fn orders_of<K>(
    list: &str,
    given: Vec<RawOrder>,
    kind_of: impl Fn(&str) -> Option<(K, bool)>,
    kinds: &[Kind],
) -> Result<Vec<OrderOf<K>>> {
    // [R16]
    if given.len() > MOST_ORDERS {
        let count = given.len();
        return wrong(format!("{list} has {count} orders; at most {MOST_ORDERS} will do"));
    }
    let order = |(i, order): (usize, RawOrder)| {
        let RawOrder { kind: name, value, when, percent } = order;
        let of = |what: &str| wrong(format!("{list}, order {}: {name} {what}", i + 1));
        let Some((kind, is_conditional)) = kind_of(&name) else { return of("is no kind of order") };
        if value.is_some() == (name == "at_open") {
            return of("has one expression too many or too few");
        }
        if value.into_iter().chain(when).any(|node| node >= kinds.len()) {
            return of("has an expression that is not there");
        }
        if name == "after" && value.is_some_and(|node| kinds[node] != Kind::Number) {
            return of("must have a number of bars, not a column");
        }
        if when.is_some() && !is_conditional {
            return of("takes no condition");
        }
        if percent && name != "loss" && name != "target" {
            return of("is not in percent");
        }
        Ok(OrderOf { kind, value, when, percent })
    };
    given.into_iter().enumerate().map(order).collect()
}
