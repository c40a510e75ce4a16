//! The class `SurvivorFilter`.

use std::sync::Arc;

use numpy::{IntoPyArray, PyArray1};
use pyo3::prelude::*;
use wfo_bindings::pools::Pool;
use wfo_core::scoring::{ProvisionalRanks, SurvivorFilter, SurvivorThresholds};

use crate::block::{Columns, StoredArrays};
use crate::gates::PyGates;
use crate::provisional::PyProvisionalRanks;

/// Provisional ranks, gates, and classes of fewest valid phases and stability.
type Set<'py> = (Option<PyRef<'py, PyProvisionalRanks>>, PyRef<'py, PyGates>, Vec<(usize, f64)>);

/// Passes combinations that may become candidates.
#[pyclass(frozen, module = "wfo._core", name = "SurvivorFilter")]
pub struct PySurvivorFilter {
    pub(crate) inner: SurvivorFilter<Arc<ProvisionalRanks>>,
    pub(crate) pool: Pool,
}

#[pymethods]
impl PySurvivorFilter {
    #[new]
    fn new(sets: Vec<Set<'_>>, threads: usize) -> PyResult<Self> {
        let thresholds = |(provisional, gates, classes): Set<'_>| SurvivorThresholds {
            provisional: provisional.map(|ranks| ranks.inner.clone()),
            gates: gates.inner.clone(),
            classes,
        };
        let inner = SurvivorFilter::new(sets.into_iter().map(thresholds).collect());
        Ok(Self { inner, pool: Pool::new(threads)? })
    }

    /// Records of the combinations that pass.
    fn apply<'py>(
        &self,
        py: Python<'py>,
        start: u64,
        block: Vec<StoredArrays<'_>>,
    ) -> PyResult<Bound<'py, PyArray1<u8>>> {
        let columns = Columns::of(&block);
        let apply = || Ok(self.inner.apply(start, &columns.block()?)?.concat());
        Ok(self.pool.run(py, apply)?.into_pyarray(py))
    }
}
