//! The class `ProvisionalRanks`.

use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use wfo_bindings::pools::Pool;
use wfo_core::scoring::ProvisionalRanks;

use crate::block::{Columns, StoredArrays};
use crate::ranking::PyRanking;

/// Provisional percentile ranks.
#[pyclass(frozen, module = "wfo._core", name = "ProvisionalRanks")]
pub struct PyProvisionalRanks {
    pub(crate) inner: Arc<ProvisionalRanks>,
    pub(crate) pool: Arc<Pool>,
}

#[pymethods]
impl PyProvisionalRanks {
    /// Provisional stability of every combination.
    fn stabilities<'py>(
        &self,
        py: Python<'py>,
        least: usize,
        block: Vec<StoredArrays<'_>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let columns = Columns::of(&block);
        let score = || self.inner.stabilities(least, &columns.block()?);
        let found = self.pool.run(py, score)?;
        Ok(found.into_pyarray(py))
    }

    /// For each phase the largest difference from the final ranks.
    fn deviation(&self, py: Python<'_>, ranking: PyRef<'_, PyRanking>) -> PyResult<Vec<f64>> {
        let ranking = &ranking.inner;
        self.pool.run(py, || self.inner.deviation(ranking))
    }
}
