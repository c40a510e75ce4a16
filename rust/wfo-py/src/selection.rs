//! The class `Selection`.

use std::sync::Arc;

use numpy::{IntoPyArray, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use wfo_bindings::arrays::values;
use wfo_bindings::errors::{input_error, raise};
use wfo_bindings::pools::Pool;
use wfo_core::scoring::{MapAxis, Ranking, Selected, Selection};

use crate::block::{Columns, StoredArrays};
use crate::gates::PyGates;
use crate::ranking::PyRanking;

/// Stride of a parameter's axis, how many values it has, and which of them each position has.
type AxisArrays<'py> = (u64, u64, PyReadonlyArray1<'py, u32>);

fn axis((stride, len, table): &AxisArrays<'_>) -> MapAxis {
    MapAxis::with_table(*stride, *len, &values(table))
}

/// Keeps the best of the stable combinations.
#[pyclass(module = "wfo._core", name = "Selection")]
pub struct PySelection {
    pub(crate) inner: Selection<Arc<Ranking>>,
    pub(crate) pool: Pool,
}

#[pymethods]
impl PySelection {
    #[new]
    fn new(
        ranking: PyRef<'_, PyRanking>,
        gates: PyRef<'_, PyGates>,
        least: usize,
        kept: usize,
        threads: usize,
    ) -> PyResult<Self> {
        let ranking = ranking.inner.clone();
        let inner = Selection::new(ranking, gates.inner.clone(), least, kept);
        Ok(Self { inner: inner.map_err(raise)?, pool: Pool::new(threads)? })
    }

    /// Stable combinations seen.
    #[getter]
    fn stable(&self) -> u64 {
        self.inner.stable()
    }

    /// Adds a block of consecutive combinations from `start` on.
    fn add(&mut self, py: Python<'_>, start: u64, block: Vec<StoredArrays<'_>>) -> PyResult<()> {
        let columns = Columns::of(&block);
        let (inner, pool) = (&mut self.inner, &self.pool);
        pool.run(py, || inner.add(start, &columns.block()?))
    }

    /// Adds the records of combinations that passed a survivor filter.
    fn add_records(&mut self, py: Python<'_>, records: PyReadonlyArray1<'_, u8>) -> PyResult<()> {
        let records = values(&records);
        let (inner, pool) = (&mut self.inner, &self.pool);
        pool.run(py, || inner.add_records(&records))
    }

    /// How many outcomes all stable combinations seen are, about, and the standard error of that.
    #[getter]
    fn outcomes(&self) -> (f64, f64) {
        self.inner.outcomes()
    }

    /// Columns of the best, best first.
    #[pyo3(signature = (axes = Vec::new()))]
    fn finish<'py>(
        &mut self,
        py: Python<'py>,
        axes: Vec<AxisArrays<'_>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let axes: Vec<MapAxis> = axes.iter().map(axis).collect();
        let (inner, pool) = (&mut self.inner, &self.pool);
        let selected = pool.run(py, || inner.finish(&axes))?;
        let Selected { index, stability, valid_phases, outcomes, phases } = selected;
        let columns = PyDict::new(py);
        let signed = |index: u64| {
            let beyond = || input_error(format!("a record is of combination {index}, beyond 2^63"));
            i64::try_from(index).map_err(|_| beyond())
        };
        let index: Vec<i64> = index.into_iter().map(signed).collect::<PyResult<_>>()?;
        columns.set_item("index", index.into_pyarray(py))?;
        columns.set_item("Stability_Score", stability.into_pyarray(py))?;
        columns.set_item("Phases_Valid", valid_phases.into_pyarray(py))?;
        columns.set_item("Outcome", outcomes.number.into_pyarray(py))?;
        columns.set_item("Outcome_Size", outcomes.size.into_pyarray(py))?;
        columns.set_item("Outcome_Central", outcomes.central.into_pyarray(py))?;
        for (k, phase) in (1..).zip(phases) {
            let figures = phase.figures;
            columns.set_item(format!("P{k}_IS_PnL"), figures.is_pnl.into_pyarray(py))?;
            columns.set_item(format!("P{k}_OOS_PnL"), figures.oos_pnl.into_pyarray(py))?;
            columns.set_item(format!("P{k}_IS_DD"), figures.is_dd.into_pyarray(py))?;
            columns.set_item(format!("P{k}_OOS_DD"), figures.oos_dd.into_pyarray(py))?;
            columns.set_item(format!("P{k}_IS_Trades"), figures.is_trades.into_pyarray(py))?;
            columns.set_item(format!("P{k}_OOS_Trades"), figures.oos_trades.into_pyarray(py))?;
            columns.set_item(format!("P{k}_OOS_Rank"), phase.rank.into_pyarray(py))?;
        }
        Ok(columns)
    }
}
