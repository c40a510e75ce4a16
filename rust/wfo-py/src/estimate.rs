//! The class `Estimate`.

use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use rayon::ThreadPool;
use wfo_bindings::errors::raise;
use wfo_core::scoring::Estimate;

use crate::block::{Columns, StoredArrays};
use crate::ranking::PyRanking;
use crate::tally::PyTally;

/// What an estimate is compared with.
#[derive(FromPyObject)]
pub enum Final<'py> {
    Tally(PyRef<'py, PyTally>),
    Ranking(PyRef<'py, PyRanking>),
}

/// Provisional percentile ranks.
#[pyclass(frozen, module = "wfo._core", name = "Estimate")]
pub struct PyEstimate {
    pub(crate) inner: Arc<Estimate>,
    pub(crate) pool: Arc<ThreadPool>,
}

#[pymethods]
impl PyEstimate {
    /// Provisional stability of every combination.
    fn stabilities<'py>(
        &self,
        py: Python<'py>,
        least: usize,
        block: Vec<StoredArrays<'_>>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let columns = Columns::of(&block);
        let score = || self.inner.stabilities(least, &columns.block()?);
        let found = py.detach(|| self.pool.install(score)).map_err(raise)?;
        Ok(found.into_pyarray(py))
    }

    /// For each phase the largest difference from the final ranks.
    fn deviation(&self, py: Python<'_>, tally_or_ranking: Final<'_>) -> PyResult<Vec<f64>> {
        let found = match &tally_or_ranking {
            Final::Tally(tally) => {
                let tally = &tally.inner;
                py.detach(|| self.pool.install(|| self.inner.deviation_of(tally)))
            }
            Final::Ranking(ranking) => {
                let ranking = &ranking.inner;
                py.detach(|| self.pool.install(|| self.inner.deviation(ranking)))
            }
        };
        found.map_err(raise)
    }
}
