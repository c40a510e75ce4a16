//! The class `Profile`.

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wfo_bindings::errors::raise;
use wfo_bindings::pools::Pool;
use wfo_core::scoring::Profile;
use wfo_core::scoring::profile::{FIGURES, Summary};

use crate::block::{Columns, StoredArrays};

/// Counts, quantiles and moments of one figure: count, finite, above, the five quantiles, mean,
/// deviation, least, best.
type Numbers = (u64, u64, u64, [f64; 5], f64, f64, f64, f64);

fn numbers(of: &Summary) -> Numbers {
    let Summary { count, finite, above, quantiles, mean, deviation, least, best } = *of;
    (count, finite, above, quantiles, mean, deviation, least, best)
}

/// How each figure is distributed over all combinations.
#[pyclass(module = "wfo._core", name = "Profile")]
pub struct PyProfile {
    inner: Profile,
    pool: Pool,
}

#[pymethods]
impl PyProfile {
    #[new]
    fn new(phases: usize, capital: f64, threads: usize) -> PyResult<Self> {
        let inner = Profile::new(phases, capital).map_err(raise)?;
        Ok(Self { inner, pool: Pool::new(threads)? })
    }

    /// Counts a block of combinations.
    fn add(&mut self, py: Python<'_>, block: Vec<StoredArrays<'_>>) -> PyResult<()> {
        let columns = Columns::of(&block);
        let (inner, pool) = (&mut self.inner, &self.pool);
        pool.run(py, || inner.add(&columns.block()?))
    }

    /// What every backtest starts with.
    #[getter]
    fn capital(&self) -> f64 {
        self.inner.capital()
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.inner.len())?)
    }

    /// The figures of each phase by name.
    fn phases(&self, py: Python<'_>) -> PyResult<Vec<Vec<(&'static str, Numbers)>>> {
        let found = self.pool.run(py, || Ok(self.inner.phases()))?;
        let phase = |of: &[Summary; 7]| FIGURES.into_iter().zip(of.iter().map(numbers)).collect();
        Ok(found.iter().map(phase).collect())
    }

    /// The sum over phases of the logarithms of one plus each return.
    fn total(&self, py: Python<'_>) -> PyResult<Numbers> {
        Ok(numbers(&self.pool.run(py, || Ok(self.inner.total()))?))
    }

    /// The profile as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.pool.run(py, || Ok(self.inner.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The profile that was written as `data`.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8], threads: usize) -> PyResult<Self> {
        let pool = Pool::new(threads)?;
        let inner = pool.run(py, || Profile::from_bytes(data))?;
        Ok(Self { inner, pool })
    }
}
