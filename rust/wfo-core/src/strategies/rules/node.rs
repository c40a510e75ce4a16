//! Expressions: operations, the nodes that a program is made of, and what each of them is.

use super::groups::Gather;
use crate::error::{Error, Result};

/// An operation on one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    /// `-a`
    Neg,
    /// The magnitude.
    Abs,
    /// The square root.
    Sqrt,
    /// The whole number at or below.
    Floor,
    /// The nearest whole number, halves upwards.
    RoundHalfUp,
    /// `~a`
    Not,
}

/// An operation on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of the page")]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Minimum,
    Maximum,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
    And,
    Or,
}

impl Binary {
    /// Whether it says if something holds.
    #[must_use]
    pub const fn is_condition(self) -> bool {
        matches!(
            self,
            Self::Lt | Self::Le | Self::Gt | Self::Ge | Self::Eq | Self::Ne | Self::And | Self::Or
        )
    }
}

/// An operation on a column and a length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are those of the page")]
pub enum Window {
    Sma,
    Wma,
    Stdev,
    Highest,
    Lowest,
    Rank,
    Ema,
    Rma,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// A parameter, by its place.
    Parameter(usize),
    /// A number.
    Constant(f64),
    /// A column of a feed, by its place among the columns that the program reads.
    Feed(usize),
    /// An operation on one value.
    Unary(Unary),
    /// An operation on two values.
    Binary(Binary),
    /// The first branch where a condition holds, else the second.
    Where,
    /// The branch of that number.
    Choose,
    /// The value some bars before.
    Shift,
    /// The true range of a high, a low and a close.
    TrueRange,
    /// A window or an average.
    Window(Window),
    /// A function of the user's, by its place.
    Call(usize),
    /// The column of higher bars that a column of a feed makes, by the place of their timeframe.
    Resample(usize, Gather),
    /// What bars know of a column of higher bars.
    Latest,
}

/// One expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Places of its parts, all before its own.
    pub args: Vec<usize>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Known for each parameter set.
    Number,
    /// One number a bar.
    Column,
    /// One condition a bar.
    Condition,
}

/// Operations by name that take nothing but their parts, and how many these are.
const NAMED: [(&str, Op, usize); 30] = [
    ("add", Op::Binary(Binary::Add), 2),
    ("sub", Op::Binary(Binary::Sub), 2),
    ("mul", Op::Binary(Binary::Mul), 2),
    ("div", Op::Binary(Binary::Div), 2),
    ("neg", Op::Unary(Unary::Neg), 1),
    ("abs", Op::Unary(Unary::Abs), 1),
    ("sqrt", Op::Unary(Unary::Sqrt), 1),
    ("floor", Op::Unary(Unary::Floor), 1),
    ("round_half_up", Op::Unary(Unary::RoundHalfUp), 1),
    ("minimum", Op::Binary(Binary::Minimum), 2),
    ("maximum", Op::Binary(Binary::Maximum), 2),
    ("lt", Op::Binary(Binary::Lt), 2),
    ("le", Op::Binary(Binary::Le), 2),
    ("gt", Op::Binary(Binary::Gt), 2),
    ("ge", Op::Binary(Binary::Ge), 2),
    ("eq", Op::Binary(Binary::Eq), 2),
    ("ne", Op::Binary(Binary::Ne), 2),
    ("and", Op::Binary(Binary::And), 2),
    ("or", Op::Binary(Binary::Or), 2),
    ("not", Op::Unary(Unary::Not), 1),
    ("where", Op::Where, 3),
    ("shift", Op::Shift, 2),
    ("true_range", Op::TrueRange, 3),
    ("sma", Op::Window(Window::Sma), 2),
    ("wma", Op::Window(Window::Wma), 2),
    ("stdev", Op::Window(Window::Stdev), 2),
    ("highest", Op::Window(Window::Highest), 2),
    ("lowest", Op::Window(Window::Lowest), 2),
    ("rank", Op::Window(Window::Rank), 2),
    ("ema", Op::Window(Window::Ema), 2),
];
const RMA: (&str, Op, usize) = ("rma", Op::Window(Window::Rma), 2);

/// The operation of that name that takes nothing but its parts.
pub(super) fn named(name: &str) -> Option<(Op, usize)> {
    NAMED.iter().chain([&RMA]).find(|(own, ..)| *own == name).map(|&(_, op, count)| (op, count))
}

impl Op {
    /// Its name on the page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Parameter(_) => "parameter",
            Self::Constant(_) => "constant",
            Self::Feed(_) => "feed",
            Self::Choose => "choose",
            Self::Call(_) => "call",
            Self::Resample(..) => "resample",
            Self::Latest => "latest",
            _ => NAMED.iter().chain([&RMA]).find(|(_, op, _)| *op == self).map_or("", |n| n.0),
        }
    }

    /// Whether it is computed bar by bar from its parts of the same bar alone.
    #[must_use]
    pub const fn is_elementwise(self) -> bool {
        matches!(self, Self::Unary(_) | Self::Binary(_) | Self::Where | Self::Choose)
    }

    /// The place of its part that is a length, and the least that it may be.
    #[must_use]
    pub const fn length(self) -> Option<(usize, f64)> {
        match self {
            // [P3]
            Self::Shift => Some((1, 0.0)),
            Self::Window(_) => Some((1, 1.0)),
            _ => None,
        }
    }
}

/// What a node is, of what its parts are.
///
/// # Errors
/// A length or chooser that is no number, or a chooser without a branch.
pub(super) fn kind_of(place: usize, op: Op, parts: &[Kind]) -> Result<Kind> {
    let wrong =
        |what: &str| Err(Error::Strategy(format!("expression {place} ({}): {what}", op.name())));
    if let Some((length, _)) = op.length()
        && parts.get(length) != Some(&Kind::Number)
    {
        return wrong("its length must be a number or an expression of parameters, not a column");
    }
    let numbers = parts.iter().all(|&kind| kind == Kind::Number);
    let branches = |from: usize| {
        if numbers {
            Kind::Number
        } else if parts[from..].iter().all(|&kind| kind == Kind::Condition) {
            Kind::Condition
        } else {
            Kind::Column
        }
    };
    Ok(match op {
        // [P2] What is made of numbers alone is a number.
        Op::Parameter(_) | Op::Constant(_) => Kind::Number,
        Op::Feed(_) | Op::Call(_) | Op::TrueRange | Op::Window(_) | Op::Resample(..) => {
            Kind::Column
        }
        Op::Shift | Op::Latest => parts[0],
        Op::Unary(_) | Op::Binary(_) if numbers => Kind::Number,
        Op::Unary(Unary::Not) => Kind::Condition,
        Op::Binary(op) if op.is_condition() => Kind::Condition,
        Op::Unary(_) | Op::Binary(_) => Kind::Column,
        Op::Where => branches(1),
        Op::Choose if parts.len() < 2 => return wrong("it needs a number and one branch at least"),
        Op::Choose if parts[0] != Kind::Number => {
            return wrong("what chooses must be a number, not a column");
        }
        Op::Choose => branches(1),
    })
}
