//! The class `GridStatistics`.

use std::sync::Arc;

use numpy::ndarray::Array3;
use numpy::{IntoPyArray, PyArray3, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wfo_bindings::arrays::values;
use wfo_bindings::errors::{input_error, raise};
use wfo_bindings::pools::Pool;
use wfo_core::scoring::gates::GATES;
use wfo_core::scoring::{GridStatistics, MapAxis, statistics};

use crate::block::{Columns, StoredArrays};
use crate::gates::PyGates;
use crate::provisional::PyProvisionalRanks;
use crate::ranking::PyRanking;

/// Counts and distributions over all combinations.
#[pyclass(module = "wfo._core", name = "GridStatistics")]
pub struct PyGridStatistics {
    pub(crate) inner: GridStatistics,
    pub(crate) pool: Arc<Pool>,
}

#[pymethods]
impl PyGridStatistics {
    #[new]
    fn new(
        phases: usize,
        gates: PyRef<'_, PyGates>,
        axes: Vec<(u64, u64, PyReadonlyArray1<'_, u32>)>,
        threads: usize,
    ) -> PyResult<Self> {
        let axis = |(stride, len, table): &(u64, u64, PyReadonlyArray1<'_, u32>)| {
            MapAxis::with_table(*stride, *len, &values(table))
        };
        let axes = match &axes[..] {
            [] => None,
            [x, y] => Some([axis(x), axis(y)]),
            _ => {
                let said = format!("a map has two axes, not {}", axes.len());
                return Err(input_error(said));
            }
        };
        let inner = GridStatistics::new(phases, gates.inner.clone(), axes).map_err(raise)?;
        Ok(Self { inner, pool: Arc::new(Pool::new(threads)?) })
    }

    /// Counts a block of consecutive combinations from `start` on; without a start, a sample.
    fn add(
        &mut self,
        py: Python<'_>,
        start: Option<u64>,
        block: Vec<StoredArrays<'_>>,
    ) -> PyResult<()> {
        let columns = Columns::of(&block);
        let (inner, pool) = (&mut self.inner, &self.pool);
        pool.run(py, || inner.add(start, &columns.block()?))
    }

    /// Counts a block by several sets of gates at once, with the threads of the first.
    #[staticmethod]
    fn add_to_all(
        py: Python<'_>,
        mut by_set: Vec<PyRefMut<'_, Self>>,
        start: Option<u64>,
        block: Vec<StoredArrays<'_>>,
    ) -> PyResult<()> {
        let Some(pool) = by_set.first().map(|first| first.pool.clone()) else { return Ok(()) };
        let columns = Columns::of(&block);
        let mut inner: Vec<&mut GridStatistics> = by_set.iter_mut().map(|s| &mut s.inner).collect();
        pool.run(py, || statistics::add(&mut inner, start, &columns.block()?))
    }

    /// The gates.
    #[getter]
    fn gates(&self) -> PyGates {
        PyGates { inner: self.inner.gates().clone() }
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.inner.len())?)
    }

    /// How many combinations pass each gate, phase by phase.
    #[getter]
    fn alone(&self) -> Vec<[u64; GATES]> {
        self.inner.passed().iter().map(|p| p.alone).collect()
    }

    /// How many pass each gate and all before it.
    #[getter]
    fn together(&self) -> Vec<[u64; GATES]> {
        self.inner.passed().iter().map(|p| p.together).collect()
    }

    /// How many are valid in 0, 1, 2 … phases.
    #[getter]
    fn valid_phases(&self) -> Vec<u64> {
        self.inner.valid_phases().to_vec()
    }

    /// The same for every cell of the map; none without one.
    #[getter]
    fn cells<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray3<u64>>> {
        let none = [0, 0];
        let [x, y] = self.inner.axes().map_or(none, |axes| [0, 1].map(|a| axes[a].len as usize));
        let shape = (x, y, self.inner.phases() + 1);
        let cells = Array3::from_shape_vec(shape, self.inner.cells().to_vec());
        Ok(cells.map_err(|e| input_error(e.to_string()))?.into_pyarray(py))
    }

    /// Final ranks of all phases.
    fn ranking(&self, py: Python<'_>) -> PyResult<PyRanking> {
        let ranking = self.pool.run(py, || self.inner.ranking())?;
        Ok(PyRanking { inner: Arc::new(ranking) })
    }

    /// Provisional ranks of all phases.
    fn provisional_ranks(&self, py: Python<'_>) -> PyResult<PyProvisionalRanks> {
        let ranks = self.pool.run(py, || Ok(self.inner.provisional_ranks()))?;
        Ok(PyProvisionalRanks { inner: Arc::new(ranks), pool: self.pool.clone() })
    }

    /// Adds the counts of other combinations.
    fn merge(&mut self, py: Python<'_>, other: PyRef<'_, Self>) -> PyResult<()> {
        let (inner, pool, other) = (&mut self.inner, &self.pool, &other.inner);
        pool.run(py, || inner.merge(other))
    }

    /// The statistics as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.pool.run(py, || Ok(self.inner.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The statistics that were written as `data`.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8], threads: usize) -> PyResult<Self> {
        let pool = Arc::new(Pool::new(threads)?);
        let inner = pool.run(py, || GridStatistics::from_bytes(data))?;
        Ok(Self { inner, pool })
    }
}
