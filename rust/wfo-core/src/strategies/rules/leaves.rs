//! The leaves of a grid: which of them are kept, and what they are.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::*;

use super::columns::{Columns, Kept, Key, write_key};
use super::groups::Groups;
use super::node::{Kind, Op, Window};
use super::plan::Plan;
use super::program::Program;
use super::windows;
use crate::engine::comparing::Column;
use crate::engine::f64x4::F64x4;
use crate::engine::tiers::{Tier, Work};
use crate::error::{Error, Result};
use crate::market::feeds::Feeds;

/// Windows that a thread computes together, where there are several threads.
const TOGETHER: usize = 64;

/// Memory of leaves that are kept for a whole grid, in bytes. Windows beyond it are computed anew by
/// every worker that needs them.
const MOST_KEPT: usize = 1 << 30;

/// Memory of the columns of the user's functions, in bytes; each of them is called once, so there is
/// no way around keeping what it returned.
const MOST_RETURNED: usize = 8 << 30;

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
            |(feed, column): &(String, String)| feeds.series(feed, column).map(Column::from);
        let read = program.feeds.iter().map(series).collect::<Result<_>>()?;
        let groups = |name: &String| {
            Groups::new(name, feeds.series(name, "group")?, feeds.series(name, "closed")?)
        };
        let groups = program.timeframes.iter().map(groups).collect::<Result<_>>()?;
        let leaves = program.nodes.iter().map(|_| HashMap::new()).collect();
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
        // Those that are compared are kept in float32 as well.
        let column = self.bars * (size_of::<f64>() + size_of::<f32>());
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
            self.leaves[leaf] = self.all_of(leaf, keys, sets)?;
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

    /// A leaf at every key, each with a set that has it.
    fn all_of(&self, leaf: usize, keys: Vec<(Key, usize)>, sets: &[&[f64]]) -> Result<Kept> {
        let is_alone = keys.len() < 2 || rayon::current_thread_index().is_none();
        let own = &self.program.nodes[leaf];
        if let Op::Window(op) = own.op
            && windows::are_shared(op)
        {
            // By what they are windows over, and by their lengths.
            let mut by_inputs: BTreeMap<Key, Vec<Asked>> = BTreeMap::new();
            let over = own.args[0];
            let inputs = match self.program.kinds[over] {
                Kind::Number => std::slice::from_ref(&over),
                _ => &self.plan.inputs[over],
            };
            for (key, set) in keys {
                let mut over = Key::new();
                write_key(inputs, sets[set], &mut over);
                let length = sets[set][own.args[1]] as usize;
                by_inputs.entry(over).or_default().push(Asked { length, key, set });
            }
            let mut parts: Vec<Vec<Asked>> = Vec::new();
            for mut asked in by_inputs.into_values() {
                asked.sort_by_key(|one| one.length);
                let size = if is_alone { asked.len() } else { TOGETHER };
                while asked.len() > size {
                    let rest = asked.split_off(size);
                    parts.push(std::mem::replace(&mut asked, rest));
                }
                parts.push(asked);
            }
            let compute = |asked: Vec<Asked>| self.windows(leaf, op, asked, sets);
            let found: Result<Vec<Vec<_>>> = if is_alone {
                parts.into_iter().map(compute).collect()
            } else {
                parts.into_par_iter().map(compute).collect()
            };
            return Ok(found?.into_iter().flatten().collect());
        }
        let compute = |(key, set): (Key, usize)| {
            Ok((key, Column::from(self.compute(leaf, sets[set])?.as_slice())))
        };
        if is_alone {
            keys.into_iter().map(compute).collect()
        } else {
            keys.into_par_iter().map(compute).collect()
        }
    }

    /// Windows of one kind over one column, shorter ones first.
    fn windows(
        &self,
        leaf: usize,
        op: Window,
        asked: Vec<Asked>,
        sets: &[&[f64]],
    ) -> Result<Vec<(Key, Column)>> {
        let Some(first) = asked.first() else { return Ok(Vec::new()) };
        let (over, numbers) = (self.program.nodes[leaf].args[0], sets[first.set]);
        let bars = self.bars_of(leaf);
        let values = if self.program.kinds[over] == Kind::Number {
            // [R15]
            Cow::Owned(vec![numbers[over]; bars])
        } else {
            match self.held(over, numbers) {
                Some(values) => Cow::Borrowed(&**values),
                None => Cow::Owned(self.compute(over, numbers)?),
            }
        };
        let mut found: Vec<(Key, Column)> = Vec::with_capacity(asked.len());
        let mut lengths = Vec::with_capacity(asked.len());
        for Asked { length, key, .. } in asked {
            lengths.push(length);
            found.push((key, Column::unknown(bars)));
        }
        let columns = found.iter_mut().map(|(_, column)| column.values_mut());
        let mut out: Vec<(usize, &mut [f64])> = lengths.into_iter().zip(columns).collect();
        Tier::best().run(WindowsOf(op, &values, &mut out));
        drop(out);
        Ok(found)
    }
}

/// A window that is asked for: its length, its key, and a set that has both.
struct Asked {
    length: usize,
    key: Key,
    set: usize,
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

/// Windows of several lengths over a column, to be written.
struct WindowsOf<'a, 'b>(Window, &'a [f64], &'a mut [(usize, &'b mut [f64])]);

impl Work for WindowsOf<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<Q: F64x4>(self) {
        windows::together(self.0, self.1, self.2);
    }
}
