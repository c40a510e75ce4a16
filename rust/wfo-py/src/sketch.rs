//! The class `Sketch`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wfo_bindings::errors::raise;
use wfo_bindings::pools::Pool;
use wfo_core::scoring::{Sketch, sketch};

use crate::block::{Columns, StoredArrays};
use crate::gates::PyGates;

/// The number of outcomes of all stable combinations.
#[pyclass(module = "wfo._core", name = "Sketch")]
pub struct PySketch {
    inner: Sketch,
    pool: Arc<Pool>,
}

#[pymethods]
impl PySketch {
    #[new]
    fn new(
        phases: usize,
        gates: PyRef<'_, PyGates>,
        least: usize,
        threads: usize,
    ) -> PyResult<Self> {
        let inner = Sketch::new(phases, gates.inner.clone(), least).map_err(raise)?;
        Ok(Self { inner, pool: Arc::new(Pool::new(threads)?) })
    }

    /// Adds a block of combinations.
    fn add(&mut self, py: Python<'_>, block: Vec<StoredArrays<'_>>) -> PyResult<()> {
        let columns = Columns::of(&block);
        let (inner, pool) = (&mut self.inner, &self.pool);
        pool.run(py, || sketch::add(&mut [inner], &columns.block()?))
    }

    /// Adds a block to several sketches at once, with the threads of the first.
    #[staticmethod]
    fn add_to_all(
        py: Python<'_>,
        mut sketches: Vec<PyRefMut<'_, Self>>,
        block: Vec<StoredArrays<'_>>,
    ) -> PyResult<()> {
        let Some(pool) = sketches.first().map(|sketch| sketch.pool.clone()) else { return Ok(()) };
        let columns = Columns::of(&block);
        let mut inner: Vec<&mut Sketch> = sketches.iter_mut().map(|s| &mut s.inner).collect();
        pool.run(py, || sketch::add(&mut inner, &columns.block()?))
    }

    /// The fewest valid phases that are counted.
    #[getter]
    fn least(&self) -> usize {
        self.inner.least()
    }

    /// How many outcomes are valid in at least `least` phases, and the standard error of that.
    fn outcomes(&self, py: Python<'_>, least: usize) -> PyResult<(f64, f64)> {
        self.pool.run(py, || self.inner.outcomes(least))
    }

    /// The sketch as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.pool.run(py, || Ok(self.inner.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The sketch that was written as `data`.
    #[staticmethod]
    fn from_bytes(
        py: Python<'_>,
        data: &[u8],
        phases: usize,
        gates: PyRef<'_, PyGates>,
        threads: usize,
    ) -> PyResult<Self> {
        let (gates, pool) = (gates.inner.clone(), Pool::new(threads)?);
        let inner = pool.run(py, || Sketch::from_bytes(data, phases, gates))?;
        Ok(Self { inner, pool: Arc::new(pool) })
    }
}
