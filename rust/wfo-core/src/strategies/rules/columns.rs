//! The columns of a program: leaves once for a whole grid, what stands between them per combination.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;

use super::elementwise::{self, Operand};
use super::groups::Groups;
use super::node::{Kind, Op, Window};
use super::plan::{Doing, Place, Plan, Root, Source};
use super::program::{Argument, Program};
use super::windows;
use crate::engine::f64x4::F64x4;
use crate::engine::tiers::{Tier, Work};
use crate::error::{Error, Result};
use crate::market::feeds::Feeds;

/// Bars that a step goes through at a time: registers of so many stay in the nearest cache.
const BLOCK: usize = 512;

/// Memory of leaves that are kept for a whole grid, in bytes. Windows beyond it are computed anew by
/// every worker that needs them.
const MOST_KEPT: usize = 1 << 30;

/// Memory of the columns of the user's functions, in bytes; each of them is called once, so there is
/// no way around keeping what it returned.
const MOST_RETURNED: usize = 8 << 30;

/// The values of the numbers that a column follows from.
type Key = Vec<u64>;

/// The columns that a grid shares.
#[derive(Debug)]
pub struct Columns {
    program: Arc<Program>,
    plan: Arc<Plan>,
    bars: usize,
    feeds: Vec<Vec<f64>>,
    /// Higher bars, one a timeframe of the program.
    groups: Vec<Groups>,
    leaves: Vec<HashMap<Key, Vec<f64>>>,
    /// Leaves that are not kept.
    anew: Vec<usize>,
}

/// Writes the values of numbers.
fn write_key(inputs: &[usize], numbers: &[f64], key: &mut Key) {
    key.clear();
    key.extend(inputs.iter().map(|&node| numbers[node].to_bits()));
}

impl Columns {
    /// Computes the leaves of parameter sets, given by their numbers, which between them hold every
    /// combination of numbers that a leaf follows from, but for leaves of parameters that are
    /// `uncovered`.
    ///
    /// Runs on the rayon pool it is called in, and in its own thread outside of one.
    ///
    /// # Errors
    /// A column that is missing, higher bars that cannot be, an error of a function of the user's, or
    /// more of its columns than can be kept.
    pub fn new(
        program: Arc<Program>,
        plan: Arc<Plan>,
        feeds: &Feeds,
        sets: &[&[f64]],
        uncovered: &[Vec<usize>],
    ) -> Result<Self> {
        let series =
            |(feed, column): &(String, String)| feeds.series(feed, column).map(<[f64]>::to_vec);
        let read = program.feeds.iter().map(series).collect::<Result<_>>()?;
        let groups = |name: &String| {
            Groups::new(name, feeds.series(name, "group")?, feeds.series(name, "closed")?)
        };
        let groups = program.timeframes.iter().map(groups).collect::<Result<_>>()?;
        let leaves = vec![HashMap::new(); program.nodes.len()];
        let bars = feeds.len();
        let anew = Vec::new();
        let mut columns = Self { program, plan, bars, feeds: read, groups, leaves, anew };
        columns.compute_all(sets, uncovered)?;
        Ok(columns)
    }

    fn compute_all(&mut self, sets: &[&[f64]], uncovered: &[Vec<usize>]) -> Result<()> {
        let (program, plan) = (self.program.clone(), self.plan.clone());
        let leaves =
            (0..program.nodes.len()).filter(|&leaf| plan.is_leaf[leaf] && program.is_used(leaf));
        let wanted: Vec<(usize, Vec<(Key, usize)>)> =
            leaves.map(|leaf| (leaf, distinct(&plan.inputs[leaf], sets))).collect();
        let column = self.bars * size_of::<f64>();
        let is_call = |leaf: usize| matches!(program.nodes[leaf].op, Op::Call(_));
        let mut kept = 0_usize;
        let mut keeps = vec![true; program.nodes.len()];
        for (leaf, keys) in wanted.iter().filter(|(leaf, _)| is_call(*leaf)) {
            kept = kept.saturating_add(keys.len().saturating_mul(column));
            if kept > MOST_RETURNED
                && let Op::Call(function) = program.nodes[*leaf].op
            {
                return Err(Error::Strategy(format!(
                    "the grid asks for {} columns of {}, more than can be kept; take fewer values of \
                     what it is called with",
                    keys.len(),
                    program.functions[function].name()
                )));
            }
        }
        // Few and dear first: what many combinations share is worth keeping most.
        let mut others: Vec<(usize, usize)> = wanted
            .iter()
            .filter(|(leaf, _)| !is_call(*leaf))
            .map(|(leaf, keys)| (keys.len(), *leaf))
            .collect();
        others.sort_unstable();
        for (count, leaf) in others {
            let is_covered = uncovered.iter().all(|own| own != program.depends(leaf));
            let more = count.saturating_mul(column);
            if !is_covered || kept.saturating_add(more) > MOST_KEPT {
                keeps[leaf] = false;
            } else {
                kept += more;
            }
        }
        for (leaf, keys) in wanted {
            if !keeps[leaf] {
                self.anew.push(leaf);
                continue;
            }
            let compute = |(key, set): (Key, usize)| Ok((key, self.compute(leaf, sets[set])?));
            let found: Result<HashMap<Key, Vec<f64>>> =
                if keys.len() > 1 && rayon::current_thread_index().is_some() {
                    keys.into_par_iter().map(compute).collect()
                } else {
                    keys.into_iter().map(compute).collect()
                };
            self.leaves[leaf] = found?;
        }
        if self.anew.is_empty() {
            // What only other leaves were made of is not looked at again.
            for (leaf, held) in self.leaves.iter_mut().enumerate() {
                if !plan.is_read[leaf] {
                    *held = HashMap::new();
                }
            }
        }
        Ok(())
    }

    /// Number of bars.
    #[must_use]
    pub fn bars(&self) -> usize {
        self.bars
    }

    /// How many bars a column is of: the traded ones, or higher ones.
    fn bars_of(&self, node: usize) -> usize {
        self.program.higher(node).map_or(self.bars, |timeframe| self.groups[timeframe].len())
    }

    /// Conditions within one, those that several share counted for each of them.
    pub(super) fn conditions_within(&self, node: usize) -> u32 {
        self.plan.conditions_within[node]
    }

    /// A leaf that is kept.
    fn kept(&self, leaf: usize, numbers: &[f64], key: &mut Key) -> Option<&[f64]> {
        write_key(&self.plan.inputs[leaf], numbers, key);
        self.leaves[leaf].get(key.as_slice()).map(Vec::as_slice)
    }

    /// The values of a column in all bars where they are held: of a feed, or of a leaf that is kept.
    pub(super) fn held(&self, node: usize, numbers: &[f64]) -> Option<&[f64]> {
        match self.program.nodes[node].op {
            Op::Feed(feed) => Some(&self.feeds[feed]),
            _ => self.kept(node, numbers, &mut Key::new()),
        }
    }

    /// The values of a column in all bars, of the numbers of a parameter set; of a column of higher bars
    /// in all of these.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub fn compute(&self, node: usize, numbers: &[f64]) -> Result<Vec<f64>> {
        let mut key = Key::new();
        // What is needed, of nodes before their parts.
        let mut needed = vec![node];
        let mut is_needed = std::collections::BTreeSet::from([node]);
        while let Some(next) = needed.pop() {
            for &part in &self.program.nodes[next].args {
                let is_there = self.program.kinds[part] == Kind::Number
                    || matches!(self.program.nodes[part].op, Op::Feed(_))
                    || self.kept(part, numbers, &mut key).is_some();
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
        let kept = || self.kept(part, numbers, &mut Key::new());
        let values = found.get(&part).map(Vec::as_slice).or_else(kept);
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
            Operand::Column(values) => std::borrow::Cow::Borrowed(values),
            // [R15]
            Operand::Number(value) => std::borrow::Cow::Owned(vec![value; bars]),
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

/// The distinct values of some numbers, each with a set that has them.
fn distinct(inputs: &[usize], sets: &[&[f64]]) -> Vec<(Key, usize)> {
    let mut found: HashMap<Key, usize> = HashMap::new();
    let mut key = Key::new();
    for (set, numbers) in sets.iter().enumerate() {
        write_key(inputs, numbers, &mut key);
        if !found.contains_key(key.as_slice()) {
            found.insert(key.clone(), set);
        }
        if inputs.is_empty() {
            break;
        }
    }
    let mut found: Vec<(Key, usize)> = found.into_iter().collect();
    found.sort_unstable_by_key(|(_, set)| *set);
    found
}

/// A column of a root, and the numbers that it was computed of.
#[derive(Debug, Default)]
struct Slot {
    key: Option<Key>,
    values: Vec<f64>,
}

/// What a worker computes with: the columns of the roots over some bars, kept from combination to
/// combination until their numbers change.
#[derive(Debug)]
pub struct Evaluator {
    range: Range<usize>,
    tier: Tier,
    slots: Vec<Slot>,
    registers: Vec<Vec<f64>>,
    /// Leaves that are not kept for the whole grid, over all bars.
    leaves: HashMap<usize, Slot>,
    key: Key,
}

impl Evaluator {
    /// An evaluator for the bars of a range.
    #[must_use]
    pub fn new(columns: &Columns, range: Range<usize>) -> Self {
        Self {
            range,
            tier: Tier::best(),
            slots: columns.plan.roots.iter().map(|_| Slot::default()).collect(),
            registers: vec![vec![0.0; BLOCK]; columns.plan.registers],
            leaves: columns.anew.iter().map(|&leaf| (leaf, Slot::default())).collect(),
            key: Key::new(),
        }
    }

    /// Memory of an evaluator of all bars, in bytes.
    #[must_use]
    pub fn bytes(columns: &Columns) -> usize {
        let computed = columns.plan.roots.iter().filter(|root| !root.steps.is_empty()).count();
        let blocks = columns.plan.registers * BLOCK;
        ((computed + columns.anew.len()) * columns.bars + blocks) * size_of::<f64>()
    }

    /// The bars of its columns.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// Computes what the numbers of a parameter set change.
    pub fn update(&mut self, columns: &Columns, numbers: &[f64]) {
        for (&leaf, slot) in &mut self.leaves {
            write_key(&columns.plan.inputs[leaf], numbers, &mut self.key);
            if slot.key.as_ref() != Some(&self.key) {
                // Functions of the user's, which alone can fail, are always kept.
                slot.values =
                    columns.compute(leaf, numbers).unwrap_or_else(|_| vec![f64::NAN; columns.bars]);
                slot.key = Some(self.key.clone());
            }
        }
        for (root, slot) in columns.plan.roots.iter().zip(&mut self.slots) {
            if root.steps.is_empty() {
                continue;
            }
            write_key(&root.inputs, numbers, &mut self.key);
            if slot.key.as_ref() == Some(&self.key) {
                continue;
            }
            slot.values.resize(self.range.len(), f64::NAN);
            let held = slot.key.get_or_insert_default();
            held.clone_from(&self.key);
            let leaves = &self.leaves;
            let sources: Vec<Resolved<'_>> = root
                .sources
                .iter()
                .map(|source| {
                    resolved(columns, leaves, source, numbers, &self.range, &mut self.key)
                })
                .collect();
            let (registers, out) = (&mut self.registers[..], &mut slot.values[..]);
            self.tier.run(Evaluate { root, sources: &sources, registers, out });
        }
    }

    /// The column of a root over its bars, after [`update`](Self::update) with the same numbers.
    #[must_use]
    pub fn column<'a>(&'a self, columns: &'a Columns, root: usize, numbers: &[f64]) -> &'a [f64] {
        let of = &columns.plan.roots[root];
        match of.sources.first() {
            Some(Source::Feed(feed, _)) if of.steps.is_empty() => {
                &columns.feeds[*feed][self.range.clone()]
            }
            Some(Source::Leaf(leaf, _)) if of.steps.is_empty() => {
                match columns.kept(*leaf, numbers, &mut Key::new()) {
                    Some(values) => &values[self.range.clone()],
                    None => self
                        .leaves
                        .get(leaf)
                        .and_then(|slot| slot.values.get(self.range.clone()))
                        .unwrap_or_default(),
                }
            }
            _ => &self.slots[root].values,
        }
    }
}

/// A source over the bars of a range.
enum Resolved<'a> {
    Number(f64),
    Column(&'a [f64]),
    Own(Vec<f64>),
}

impl Resolved<'_> {
    fn block(&self, bars: Range<usize>) -> Operand<'_> {
        match self {
            Self::Number(value) => Operand::Number(*value),
            Self::Column(values) => Operand::Column(&values[bars]),
            Self::Own(values) => Operand::Column(&values[bars]),
        }
    }
}

fn resolved<'a>(
    columns: &'a Columns,
    leaves: &'a HashMap<usize, Slot>,
    source: &Source,
    numbers: &[f64],
    range: &Range<usize>,
    key: &mut Key,
) -> Resolved<'a> {
    let (values, shifts) = match source {
        Source::Number(node) => return Resolved::Number(numbers[*node]),
        Source::Constant(value) => return Resolved::Number(*value),
        Source::Feed(feed, shifts) => (Some(columns.feeds[*feed].as_slice()), shifts),
        Source::Leaf(leaf, shifts) => {
            let anew = || leaves.get(leaf).map(|slot| slot.values.as_slice());
            (columns.kept(*leaf, numbers, key).or_else(anew), shifts)
        }
    };
    let Some(values) = values else { return Resolved::Number(f64::NAN) };
    // [C1]
    let back = shifts.iter().fold(0_usize, |sum, &n| sum.saturating_add(numbers[n] as usize));
    match range.start.checked_sub(back) {
        Some(start) => Resolved::Column(&values[start..range.end - back]),
        None => Resolved::Own(windows::shift(values, back)[range.clone()].to_vec()),
    }
}

/// The column of a root, to be computed block by block.
struct Evaluate<'a> {
    root: &'a Root,
    sources: &'a [Resolved<'a>],
    registers: &'a mut [Vec<f64>],
    out: &'a mut [f64],
}

impl Work for Evaluate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<Q: F64x4>(self) {
        evaluate(self.root, self.sources, self.registers, self.out);
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

#[inline(always)]
fn evaluate(root: &Root, sources: &[Resolved<'_>], registers: &mut [Vec<f64>], out: &mut [f64]) {
    for (i, out) in out.chunks_mut(BLOCK).enumerate() {
        let bars = i * BLOCK..i * BLOCK + out.len();
        for step in &root.steps {
            // The register that is written is never one that is read.
            let mut own = step.to.map(|register| std::mem::take(&mut registers[register]));
            let to = match &mut own {
                Some(register) => &mut register[..out.len()],
                None => &mut *out,
            };
            let arg = |i: usize| match step.args[i] {
                Place::Source(source) => sources[source].block(bars.clone()),
                Place::Register(register) => Operand::Column(&registers[register][..bars.len()]),
            };
            match step.doing {
                Doing::Unary(op) => elementwise::unary_block(op, arg(0), to),
                Doing::Binary(op) => elementwise::binary_block(op, arg(0), arg(1), to),
                Doing::Where => elementwise::where_block(arg(0), arg(1), arg(2), to),
                Doing::Choose => {
                    let count = step.args.len() - 1;
                    elementwise::choose_block(arg(0).at(0), count, |i| arg(i + 1), to);
                }
                Doing::Copy => elementwise::copy(arg(0), to),
            }
            if let (Some(register), Some(values)) = (step.to, own) {
                registers[register] = values;
            }
        }
    }
}
