//! The columns of a program: leaves once for a whole grid, what stands between them per combination.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::elementwise::{self, Operand};
use super::groups::Groups;
use super::node::{Kind, Op, Window};
use super::plan::Plan;
use super::program::{Argument, Program};
use super::windows;
use crate::engine::comparing::Column;
use crate::engine::f64x4::F64x4;
use crate::engine::tiers::{Tier, Work};
use crate::error::{Error, Result};

/// Numbers that most columns follow from, at most.
const FEW: usize = 4;

/// The values of the numbers that a column follows from.
pub(super) type Key = Vec<u64>;

/// The columns of a leaf.
pub(super) type Kept = HashMap<Key, Column>;

/// The columns that a grid shares.
#[derive(Debug)]
pub struct Columns {
    pub(super) program: Arc<Program>,
    pub(super) plan: Arc<Plan>,
    pub(super) bars: usize,
    pub(super) feeds: Vec<Column>,
    /// Higher bars, one a timeframe of the program.
    pub(super) groups: Vec<Groups>,
    pub(super) leaves: Vec<Kept>,
    /// Leaves that are not kept.
    pub(super) anew: Vec<usize>,
}

/// Writes the values of numbers.
pub(super) fn write_key(inputs: &[usize], numbers: &[f64], key: &mut Key) {
    key.clear();
    key.extend(inputs.iter().map(|&node| numbers[node].to_bits()));
}

impl Columns {
    /// Number of bars.
    #[must_use]
    pub fn bars(&self) -> usize {
        self.bars
    }

    /// How many bars a column is of: the traded ones, or higher ones.
    pub(super) fn bars_of(&self, node: usize) -> usize {
        self.program.higher(node).map_or(self.bars, |timeframe| self.groups[timeframe].len())
    }

    /// Conditions within one, those that several share counted for each of them.
    pub(super) fn conditions_within(&self, node: usize) -> u32 {
        self.plan.conditions_within[node]
    }

    /// A leaf that is kept.
    pub(super) fn kept(&self, leaf: usize, numbers: &[f64]) -> Option<&Column> {
        let (inputs, held) = (&self.plan.inputs[leaf], &self.leaves[leaf]);
        let mut few = [0; FEW];
        // It is asked for in every combination: no memory is asked for besides.
        if let Some(key) = few.get_mut(..inputs.len()) {
            for (bits, &node) in key.iter_mut().zip(inputs) {
                *bits = numbers[node].to_bits();
            }
            return held.get(&*key);
        }
        let mut key = Key::new();
        write_key(inputs, numbers, &mut key);
        held.get(key.as_slice())
    }

    /// The values of a column in all bars where they are held: of a feed, or of a leaf that is kept.
    pub(super) fn held(&self, node: usize, numbers: &[f64]) -> Option<&Column> {
        match self.program.nodes[node].op {
            Op::Feed(feed) => Some(&self.feeds[feed]),
            _ => self.kept(node, numbers),
        }
    }

    /// The values of a column in all bars, of the numbers of a parameter set; of a column of higher bars
    /// in all of these.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub fn compute(&self, node: usize, numbers: &[f64]) -> Result<Vec<f64>> {
        // What is needed, of nodes before their parts.
        let mut needed = vec![node];
        let mut is_needed = BTreeSet::from([node]);
        while let Some(next) = needed.pop() {
            for &part in &self.program.nodes[next].args {
                let is_there = self.program.kinds[part] == Kind::Number
                    || matches!(self.program.nodes[part].op, Op::Feed(_))
                    || self.kept(part, numbers).is_some();
                if !is_there && is_needed.insert(part) {
                    needed.push(part);
                }
            }
        }
        let mut found: HashMap<usize, Vec<f64>> = HashMap::new();
        for next in is_needed {
            let values = {
                let own = &self.program.nodes[next];
                let arg = |i: usize| self.operand(own.args[i], numbers, &found);
                self.operation(next, numbers, arg)?
            };
            found.insert(next, values);
        }
        found
            .remove(&node)
            .ok_or_else(|| Error::Strategy(format!("expression {node} is no column")))
    }

    fn operand<'a>(
        &'a self,
        part: usize,
        numbers: &[f64],
        found: &'a HashMap<usize, Vec<f64>>,
    ) -> Operand<'a> {
        if self.program.kinds[part] == Kind::Number {
            return Operand::Number(numbers[part]);
        }
        if let Op::Feed(feed) = self.program.nodes[part].op {
            return Operand::Column(&self.feeds[feed]);
        }
        let kept = || self.kept(part, numbers);
        let values = found.get(&part).map(Vec::as_slice).or_else(|| kept().map(|own| &**own));
        values.map_or(Operand::Number(f64::NAN), Operand::Column)
    }

    /// A node's values in all bars.
    fn operation<'a>(
        &self,
        node: usize,
        numbers: &[f64],
        arg: impl Fn(usize) -> Operand<'a>,
    ) -> Result<Vec<f64>> {
        let own = &self.program.nodes[node];
        let bars = self.bars_of(node);
        let mut out = vec![f64::NAN; bars];
        let column = |i: usize| match arg(i) {
            Operand::Column(values) => Cow::Borrowed(values),
            // [R15]
            Operand::Number(value) => Cow::Owned(vec![value; bars]),
        };
        let length = |i: usize| numbers[own.args[i]] as usize;
        match own.op {
            Op::Feed(feed) => out.copy_from_slice(&self.feeds[feed]),
            Op::Unary(op) => elementwise::unary_block(op, arg(0), &mut out),
            Op::Binary(op) => elementwise::binary_block(op, arg(0), arg(1), &mut out),
            Op::Where => elementwise::where_block(arg(0), arg(1), arg(2), &mut out),
            Op::Choose => {
                let (number, count) = (numbers[own.args[0]], own.args.len() - 1);
                elementwise::choose_block(number, count, |i| arg(i + 1), &mut out);
            }
            Op::Shift => out = windows::shift(&column(0), length(1)),
            Op::TrueRange => out = windows::true_range(&column(0), &column(1), &column(2)),
            Op::Window(op) => out = Tier::best().run(WindowOf(op, &column(0), length(1))),
            Op::Call(function) => {
                let argument = |i: usize| match arg(i) {
                    Operand::Column(values) => Argument::Column(values),
                    Operand::Number(value) => Argument::Number(value),
                };
                let arguments: Vec<Argument<'_>> = (0..own.args.len()).map(argument).collect();
                let function = &self.program.functions[function];
                // [C8]
                out = function.call(&arguments)?;
                if out.len() != bars {
                    return Err(Error::Strategy(format!(
                        "{} returned {} values for {} bars",
                        function.name(),
                        out.len(),
                        bars
                    )));
                }
            }
            Op::Resample(timeframe, how) => {
                out = self.groups[timeframe].gathered(&column(0), how);
            }
            Op::Latest => {
                if let Some(timeframe) = self.program.higher(own.args[0]) {
                    out = self.groups[timeframe].latest(&column(0));
                }
            }
            Op::Parameter(_) | Op::Constant(_) => out.fill(numbers[node]),
        }
        Ok(out)
    }
}

/// A window over a column, to be computed.
struct WindowOf<'a>(Window, &'a [f64], usize);

impl Work for WindowOf<'_> {
    type Output = Vec<f64>;

    #[inline(always)]
    fn run<Q: F64x4>(self) -> Vec<f64> {
        windows::window(self.0, self.1, self.2)
    }
}
