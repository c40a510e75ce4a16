//! The class `Ranking`.

use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use wfo_bindings::arrays;
use wfo_bindings::pools::detached;
use wfo_core::scoring::Ranking;

/// Final percentile ranks.
#[pyclass(frozen, module = "wfo._core", name = "Ranking")]
pub struct PyRanking {
    pub(crate) inner: Arc<Ranking>,
}

#[pymethods]
impl PyRanking {
    fn __len__(&self) -> usize {
        self.inner.phases().len()
    }

    /// How many values are ranked in each phase.
    #[getter]
    fn counts(&self) -> Vec<u64> {
        self.inner.phases().iter().map(|ranks| ranks.len()).collect()
    }

    /// `100 * average rank / count` of every value.
    fn percentiles<'py>(
        &self,
        py: Python<'py>,
        phase: usize,
        values: PyReadonlyArray1<'_, f32>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let values = arrays::values(&values);
        let found = detached(py, || self.inner.percentiles(phase, &values))?;
        Ok(found.into_pyarray(py))
    }
}
