//! Programs as they come from outside, where what they say is checked once more.

use std::sync::Arc;

use super::groups::Gather;
use super::node::{Kind, Node, Op, kind_of, named};
use super::program::{
    EntryKind, ExitKind, Function, MOST_ORDERS, OrderOf, Program, SameBar, wrong,
};
use crate::error::{Error, Result};

/// Nodes of a program, at most.
pub const MOST_NODES: usize = 10_000;

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
