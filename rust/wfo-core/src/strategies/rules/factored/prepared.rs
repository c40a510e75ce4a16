//! What the combinations of a grid share.

use std::sync::{Arc, OnceLock};

use super::orders::{Market, Reaches};
use super::parts::{Parts, Value};
use crate::engine::boundary::Boundary;
use crate::engine::per_unit::PerUnit;
use crate::engine::tiers::Tier;
use crate::market::slice::Slice;
use crate::strategies::rules::kernel::Rules as Kernel;
use crate::task::Task;

/// What parts that are kept for a whole sweep may take.
const KEPT_BYTES: usize = 256 << 20;

/// A task with what all of its combinations share.
#[derive(Debug)]
pub(super) struct Prepared {
    pub task: Arc<Task<Kernel>>,
    reaches: Reaches,
    pub per_unit: PerUnit,
    /// The ends of the parts of each phase.
    pub boundaries: Vec<[Boundary; 2]>,
    pub parts: Parts,
    /// Of each part, its values by key where they are kept.
    pub kept: Vec<Option<Vec<OnceLock<Value>>>>,
    /// Number of positions on every axis.
    pub lengths: Vec<usize>,
    /// Whether no combination looks further back than what was checked.
    pub is_covered: bool,
    pub tier: Tier,
}

impl Prepared {
    /// Of a task of a program that this engine can run.
    pub fn new(task: Arc<Task<Kernel>>, tier: Tier) -> Self {
        let (program, grid, bars) = (task.kernel.program(), &task.grid, &task.shared.bars);
        let (parts, same_bar) = (Parts::new(program, grid), program.same_bar);
        let combinations = usize::try_from(grid.len()).unwrap_or(usize::MAX);
        // Few and small first: what many combinations share is worth keeping most.
        let mut by_size: Vec<(usize, usize)> = parts
            .parts
            .iter()
            .enumerate()
            .map(|(i, part)| (part.keys.saturating_mul(part.bytes(bars.len(), same_bar) + 64), i))
            .collect();
        by_size.sort_unstable();
        let mut kept: Vec<_> = parts.parts.iter().map(|_| None).collect();
        let mut taken = 0_usize;
        for &(bytes, part) in &by_size {
            let keys = parts.parts[part].keys;
            if keys < combinations.max(2) && taken.saturating_add(bytes) <= KEPT_BYTES {
                taken += bytes;
                kept[part] = Some((0..keys).map(|_| OnceLock::new()).collect());
            }
        }
        Self {
            lengths: grid.axes().iter().map(|axis| axis.len()).collect(),
            reaches: Reaches::new(bars),
            per_unit: PerUnit::new(bars.close(), (bars.low(), bars.high()), &task.account),
            boundaries: task.slices.iter().map(|&slice| boundaries(bars.close(), slice)).collect(),
            is_covered: task.kernel.is_covered(),
            parts,
            kept,
            tier,
            task,
        }
    }

    /// The bars, and how far they reach.
    pub fn market(&self) -> Market<'_> {
        Market { bars: &self.task.shared.bars, reaches: &self.reaches }
    }

    /// The phases.
    pub fn slices(&self) -> &[Slice] {
        &self.task.slices
    }

    /// Whether all equity goes into every trade, in any fraction of shares.
    pub fn compounds(&self) -> bool {
        self.task.account.compounds()
    }

    /// The opens of the bars.
    pub fn opens(&self) -> &[f64] {
        self.task.shared.bars.open()
    }

    /// Memory of the parts that a worker holds, in bytes.
    pub fn worker_bytes(&self) -> usize {
        let (bars, same_bar) = (self.task.shared.bars.len(), self.task.kernel.program().same_bar);
        let parts = self.parts.parts.iter().zip(&self.kept);
        let own: usize = parts
            .filter(|(_, kept)| kept.is_none())
            .map(|(part, _)| part.bytes(bars, same_bar))
            .sum();
        // What is computed on the way to a part.
        own + 4 * bars * size_of::<f64>()
    }
}

/// The closes around the ends of both parts of a phase.
fn boundaries(closes: &[f64], slice: Slice) -> [Boundary; 2] {
    [slice.split, slice.end].map(|at| Boundary::new(closes, at as u32, true))
}
