//! A sweep's task: everything that a grid on a history needs, checked once for every engine.

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::execution::extended::Labels;
use crate::execution::settings::AccountSettings;
use crate::figures::{Columns, PhaseCells};
use crate::grid::Grid;
use crate::kernel::{Kernel, Sets};
use crate::market::bars::Bars;
use crate::market::feeds::Feeds;
use crate::market::slice::Slice;

/// A grid of one strategy over one history, and what it shares.
#[derive(Debug)]
pub struct Task<K: Kernel> {
    pub(crate) kernel: K,
    pub(crate) bars: usize,
    /// Prices of the first symbol, where there is a feed of them.
    pub(crate) prices: Result<Arc<Bars>>,
    pub(crate) grid: Grid,
    pub(crate) account: AccountSettings,
    pub(crate) slices: Vec<Slice>,
    pub(crate) shared: K::Shared,
    pub(crate) extended: bool,
    pub(crate) labels: Option<Labels>,
}

impl<K: Kernel> Task<K> {
    /// Checks everything and computes what the grid shares.
    ///
    /// # Errors
    /// A parameter or setting out of range, positions out of order, too short a warm-up, or a feed
    /// that is missing.
    pub fn new(
        kernel: K,
        feeds: &Feeds,
        grid: Grid,
        account: AccountSettings,
        settings: &K::Settings,
        slices: Vec<Slice>,
    ) -> Result<Self> {
        let account = account.checked()?;
        feeds.check(&kernel.feeds())?;
        let (given, expected) = (grid.parameters(), kernel.parameters().len());
        if given != expected {
            return Err(Error::ParameterCount { given, expected });
        }
        let sets = kernel.covering(&grid);
        let sets = sets.iter().map(|values| kernel.params(values)).collect::<Result<_>>()?;
        let sets = Sets { sets, mixed: grid.axes().len() > 1 };
        let need = sets.lookback(|params| kernel.lookback(params));
        for slice in &slices {
            slice.checked(feeds.len(), need)?;
        }
        let shared = kernel.prepare(feeds, &sets, settings)?;
        let bars = feeds.len();
        let prices = feeds.bars("bars").cloned();
        let (extended, labels) = (false, None);
        Ok(Self { kernel, bars, prices, grid, account, slices, shared, extended, labels })
    }

    /// The same, for the extended figures too.
    #[must_use]
    pub fn extended(mut self) -> Self {
        self.extended = true;
        self
    }

    /// The same, for the extended figures and with labels to sum returns by.
    ///
    /// # Errors
    /// Another number of labels than bars, or a trading bar with a label out of range.
    pub fn labelled(mut self, labels: &[i64], count: usize) -> Result<Self> {
        let trading = self.bars().start + 1..self.bars().end;
        self.extended = true;
        self.labels = Some(Labels::new(labels, count, self.bars, trading)?);
        Ok(self)
    }

    /// Number of combinations.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.grid.len()
    }

    /// Never true: a grid has at least one combination.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grid.is_empty()
    }

    /// Number of phases.
    #[must_use]
    pub fn phases(&self) -> usize {
        self.slices.len()
    }

    /// From the bar before the first trading bar of any phase to the end of the last one.
    pub(crate) fn bars(&self) -> Range<usize> {
        let from = self.slices.iter().map(|s| s.warmup).min().unwrap_or(1) - 1;
        let to = self.slices.iter().map(|s| s.end).max().unwrap_or(0);
        from..to
    }

    /// Reads a combination. Those that the kernel prepared for are checked already; it need not have
    /// gone through all of them.
    ///
    /// # Errors
    /// A value out of range, or a warm-up shorter than the combination's lookback.
    pub(crate) fn params(&self, values: &[f64]) -> Result<K::Params> {
        let params = self.kernel.params(values)?;
        let (need, warmup) = (self.kernel.lookback(&params), self.bars().start + 1);
        // [I6]
        if warmup < need { Err(Error::Warmup { warmup, need }) } else { Ok(params) }
    }

    /// Number of combinations in `range`.
    ///
    /// # Errors
    /// A range outside the grid.
    pub(crate) fn count(&self, range: &Range<u64>) -> Result<usize> {
        let Range { start, end: stop } = *range;
        if start > stop || stop > self.len() {
            return Err(Error::IndexRange { start, stop, len: self.len() });
        }
        Ok((stop - start) as usize)
    }

    /// Calls `write` to fill columns for the combinations in `range`, one item a phase.
    ///
    /// # Errors
    /// A range outside the grid, or an error of `write`.
    pub(crate) fn columns(
        &self,
        range: &Range<u64>,
        write: impl FnOnce(Vec<PhaseCells<'_>>) -> Result<()>,
    ) -> Result<Vec<Columns>> {
        let count = self.count(range)?;
        let mut out: Vec<_> = self.slices.iter().map(|_| Columns::unwritten(count)).collect();
        write(out.iter_mut().map(|columns| columns.cells().into()).collect())?;
        Ok(out)
    }

    /// Checks that there is a cell for every combination in `range` and every phase.
    ///
    /// # Errors
    /// A range outside the grid.
    ///
    /// # Panics
    /// If a cell is missing.
    pub(crate) fn check_cells(&self, range: &Range<u64>, phases: &[PhaseCells<'_>]) -> Result<()> {
        self.check_count(self.count(range)?, phases);
        Ok(())
    }

    /// Checks that there are `count` cells for every phase.
    ///
    /// # Panics
    /// If there is another number of cells.
    pub(crate) fn check_count(&self, count: usize, phases: &[PhaseCells<'_>]) {
        assert_eq!(phases.len(), self.slices.len(), "phases to write");
        assert!(phases.iter().all(|cells| cells.len() == count), "{count} cells to write");
    }
}
