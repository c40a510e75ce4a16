//! The class `Sieve`.

use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use rayon::ThreadPool;
use wfo_bindings::errors::raise;
use wfo_bindings::pools::pool;
use wfo_core::scoring::{Cut, Estimate, Sieve};

use crate::block::{Columns, StoredArrays};
use crate::estimate::PyEstimate;
use crate::gates::PyGates;

/// Provisional ranks, gates, and classes of fewest valid phases and stability.
type Set<'py> = (Option<PyRef<'py, PyEstimate>>, PyRef<'py, PyGates>, Vec<(usize, f64)>);

/// Lets through what may become a candidate.
#[pyclass(frozen, module = "wfo._core", name = "Sieve")]
pub struct PySieve {
    pub(crate) inner: Sieve<Arc<Estimate>>,
    pub(crate) pool: Arc<ThreadPool>,
}

#[pymethods]
impl PySieve {
    #[new]
    fn new(sets: Vec<Set<'_>>, threads: usize) -> PyResult<Self> {
        let cut = |(estimate, gates, classes): Set<'_>| Cut {
            estimate: estimate.map(|estimate| estimate.inner.clone()),
            gates: gates.inner.clone(),
            classes,
        };
        let inner = Sieve::new(sets.into_iter().map(cut).collect());
        Ok(Self { inner, pool: pool(threads)? })
    }

    /// Records of the combinations that pass.
    fn sift<'py>(
        &self,
        py: Python<'py>,
        start: u64,
        block: Vec<StoredArrays<'_>>,
    ) -> PyResult<Bound<'py, PyArray1<u8>>> {
        let columns = Columns::of(&block);
        let sift = || Ok(self.inner.sift(start, &columns.block()?)?.concat());
        Ok(py.detach(|| self.pool.install(sift)).map_err(raise)?.into_pyarray(py))
    }
}
