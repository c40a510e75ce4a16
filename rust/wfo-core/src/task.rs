//! A sweep's task: everything that a grid on a history needs, checked once, whatever engine runs it.

use std::ops::Range;

use crate::atr_d::{BASELINE_PERIOD, Params, Variant};
use crate::error::{Error, Result};
use crate::figures::{Cells, Columns};
use crate::grid::Grid;
use crate::series::{Data, Series};
use crate::settings::Settings;
use crate::slice::Slice;

/// A grid over one history, and the indicators that it shares.
#[derive(Debug)]
pub struct Task {
    pub(crate) variant: Variant,
    pub(crate) data: Data,
    pub(crate) grid: Grid,
    pub(crate) settings: Settings,
    pub(crate) slices: Vec<Slice>,
    pub(crate) series: Series,
}

impl Task {
    /// Checks everything and computes the indicators that the grid shares.
    ///
    /// # Errors
    /// A parameter or setting out of range, positions out of order, or too short a warm-up.
    pub fn new(
        variant: Variant,
        data: Data,
        grid: Grid,
        settings: Settings,
        slices: Vec<Slice>,
    ) -> Result<Self> {
        let settings = settings.checked()?;
        let distinct = distinct_params(variant, &grid)?;
        let need = distinct.iter().map(Params::need).max().unwrap_or(BASELINE_PERIOD);
        for slice in &slices {
            slice.checked(data.bars.len(), need)?;
        }
        let series = Series::new(&data, &distinct, settings.max_stop_atr);
        Ok(Self { variant, data, grid, settings, slices, series })
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

    /// From the bar before the first trading bar of any phase to the end of the last one.
    pub(crate) fn bars(&self) -> Range<usize> {
        let from = self.slices.iter().map(|s| s.warmup).min().unwrap_or(1) - 1;
        let to = self.slices.iter().map(|s| s.end).max().unwrap_or(0);
        from..to
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

    /// Lets `write` fill columns for the combinations in `range`, one item a phase.
    ///
    /// # Errors
    /// A range outside the grid, or what `write` meets.
    pub(crate) fn columns(
        &self,
        range: &Range<u64>,
        write: impl FnOnce(Vec<Cells<'_>>) -> Result<()>,
    ) -> Result<Vec<Columns>> {
        let count = self.count(range)?;
        let mut out: Vec<_> = self.slices.iter().map(|_| Columns::unwritten(count)).collect();
        write(out.iter_mut().map(Columns::cells).collect())?;
        Ok(out)
    }

    /// Checks that there is a cell for every combination in `range` and every phase.
    ///
    /// # Errors
    /// A range outside the grid.
    ///
    /// # Panics
    /// If there is not.
    pub(crate) fn check_cells(&self, range: &Range<u64>, phases: &[Cells<'_>]) -> Result<()> {
        let count = self.count(range)?;
        assert_eq!(phases.len(), self.slices.len(), "phases to write");
        assert!(phases.iter().all(|cells| cells.len() == count), "{count} cells to write");
        Ok(())
    }
}

/// Parameter sets that between them hold every value of every axis, and every pair of a period and
/// the multiplier of the short side that scales it, so that the checks and the indicators see each
/// of them once instead of every combination.
fn distinct_params(variant: Variant, grid: &Grid) -> Result<Vec<Params>> {
    let longest = grid.axes().iter().map(|axis| axis.len()).max().unwrap_or(0);
    let at = variant.parameters().position(|name| name == "short_multiplier");
    let multipliers = at.map_or(1, |at| grid.axes()[at].len());
    let mut found = Vec::with_capacity(longest * multipliers);
    for m in 0..multipliers {
        for i in 0..longest {
            let digit = |axis: usize| if Some(axis) == at { m } else { i };
            let values = grid.values_at(digit);
            found.push(Params::from_values(variant, &values)?);
        }
    }
    Ok(found)
}
