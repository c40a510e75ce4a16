//! Columns of orders over some bars, as combinations change.

use std::collections::HashMap;
use std::ops::Range;

use super::columns::{Columns, Key, write_key};
use super::elementwise::{self, Operand};
use super::plan::{Doing, Place, Root, Source};
use super::windows;
use crate::engine::f64x4::F64x4;
use crate::engine::tiers::{Tier, Work};

/// Bars that a step goes through at a time: registers of so many stay in the nearest cache.
const BLOCK: usize = 512;

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
                .map(|source| resolved(columns, leaves, source, numbers, &self.range))
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
                match columns.kept(*leaf, numbers) {
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
) -> Resolved<'a> {
    let (values, shifts) = match source {
        Source::Number(node) => return Resolved::Number(numbers[*node]),
        Source::Constant(value) => return Resolved::Number(*value),
        Source::Feed(feed, shifts) => (Some(&*columns.feeds[*feed]), shifts),
        Source::Leaf(leaf, shifts) => {
            let anew = || leaves.get(leaf).map(|slot| slot.values.as_slice());
            (columns.kept(*leaf, numbers).map(|own| &**own).or_else(anew), shifts)
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
