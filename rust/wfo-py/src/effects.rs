//! The class `Effects`, and sums over whole lines.

use numpy::{Element, IntoPyArray, PyArray1, PyReadonlyArray1, PyReadwriteArray1};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use wfo_bindings::arrays::values;
use wfo_bindings::errors::{input_error, raise};
use wfo_bindings::pools::Pool;
use wfo_core::scoring::effects::{Response, Squares, UNIT, lines};
use wfo_core::scoring::{Effects, Gates};

use crate::block::{Columns, StoredArrays};
use crate::gates::PyGates;

/// Responses of some combinations: returns, and in how many phases each is valid.
type Responses<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<u8>>);

/// Sums of a response: of all combinations, by axis, and by pair of axes.
type Sums<T> = (T, Vec<Vec<T>>, Vec<Vec<T>>);

/// Sets of gates.
type Sets<'py> = Vec<PyRef<'py, PyGates>>;

fn gates(sets: &Sets<'_>) -> Vec<Gates> {
    sets.iter().map(|set| set.inner.clone()).collect()
}

fn sums<T>(found: Response<T>) -> Sums<T> {
    (found.total, found.singles, found.pairs)
}

/// A sum of squares as one number.
fn number<'py>(py: Python<'py>, squares: Squares) -> PyResult<Bound<'py, PyAny>> {
    let high = squares.high.into_pyobject(py)?;
    high.as_any().lshift(128)?.add(squares.low)
}

/// The room of an array that is written to.
fn room<'a, T: Element>(array: &'a mut PyReadwriteArray1<'_, T>) -> PyResult<&'a mut [T]> {
    array.as_slice_mut().map_err(|_| input_error("an array to fill must be contiguous".to_owned()))
}

/// Sums for a functional analysis of variance.
#[pyclass(module = "wfo._core", name = "Effects")]
pub struct PyEffects {
    inner: Effects,
    pool: Pool,
}

#[pymethods]
impl PyEffects {
    #[new]
    fn new(
        lengths: Vec<u64>,
        capital: f64,
        exponents: Vec<f64>,
        sets: Sets<'_>,
        asked: usize,
        threads: usize,
    ) -> PyResult<Self> {
        let inner = Effects::new(&lengths, capital, &exponents, gates(&sets), asked);
        Ok(Self { inner: inner.map_err(raise)?, pool: Pool::new(threads)? })
    }

    /// A return of 1 in fixed point.
    #[classattr]
    fn unit() -> f64 {
        UNIT
    }

    /// Adds a block of consecutive combinations from `start` on.
    #[pyo3(signature = (start, block, y=None, times=None, counted=0))]
    fn add(
        &mut self,
        py: Python<'_>,
        start: u64,
        block: Vec<StoredArrays<'_>>,
        mut y: Option<PyReadwriteArray1<'_, i64>>,
        mut times: Option<PyReadwriteArray1<'_, u8>>,
        counted: usize,
    ) -> PyResult<()> {
        let columns = Columns::of(&block);
        let returns = y.as_mut().map(room).transpose()?;
        let times = times.as_mut().map(room).transpose()?.map(|times| (counted, times));
        let (inner, pool) = (&mut self.inner, &self.pool);
        pool.run(py, || inner.add(start, &columns.block()?, returns, times))
    }

    /// The responses of combinations anywhere.
    #[pyo3(signature = (block, counted=0))]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        block: Vec<StoredArrays<'_>>,
        counted: usize,
    ) -> PyResult<Responses<'py>> {
        let columns = Columns::of(&block);
        let evaluate = || self.inner.evaluate(&columns.block()?, counted);
        let (returns, times) = self.pool.run(py, evaluate)?;
        Ok((returns.into_pyarray(py), times.into_pyarray(py)))
    }

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.inner.len())?)
    }

    /// Lengths of the axes.
    #[getter]
    fn lengths(&self) -> Vec<u64> {
        self.inner.lengths().to_vec()
    }

    /// Numbers of valid phases that are counted.
    #[getter]
    fn thresholds(&self) -> Vec<usize> {
        self.inner.thresholds().collect()
    }

    /// The pairs of axes whose sums are kept.
    #[getter]
    fn pairs(&self) -> Vec<(usize, usize)> {
        self.inner.pairs()
    }

    /// The sum of the squares of the returns, and sums of the returns.
    fn returns<'py>(&mut self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Sums<i128>)> {
        let (inner, pool) = (&mut self.inner, &self.pool);
        let (squares, found) = pool.run(py, || Ok(inner.returns()))?;
        Ok((number(py, squares)?, sums(found)))
    }

    /// How many combinations are valid in `least` phases or more.
    fn stable(&mut self, py: Python<'_>, counted: usize, least: usize) -> PyResult<Sums<u64>> {
        let (inner, pool) = (&mut self.inner, &self.pool);
        pool.run(py, || inner.stable(counted, least)).map(sums)
    }

    /// Adds sums of other combinations.
    fn merge(&mut self, py: Python<'_>, other: PyRef<'_, Self>) -> PyResult<()> {
        let (inner, pool, other) = (&mut self.inner, &self.pool, &other.inner);
        pool.run(py, || inner.merge(other))
    }

    /// The sums as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.pool.run(py, || Ok(self.inner.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// The sums that were written as `data`.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, data: &[u8], sets: Sets<'_>, threads: usize) -> PyResult<Self> {
        let (gates, pool) = (gates(&sets), Pool::new(threads)?);
        let inner = pool.run(py, || Effects::from_bytes(data, gates))?;
        Ok(Self { inner, pool })
    }
}

/// The sum, over all lines along an axis, of the squares of their sums.
#[pyfunction]
pub fn line_squares<'py>(
    py: Python<'py>,
    y: PyReadonlyArray1<'py, i64>,
    lengths: Vec<u64>,
    axis: usize,
    threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    squares_of(py, &y, &lengths, axis, threads, |&value| value)
}

/// The same of whether combinations are valid in `least` phases or more.
#[pyfunction]
pub fn stable_line_squares<'py>(
    py: Python<'py>,
    times: PyReadonlyArray1<'py, u8>,
    least: u8,
    lengths: Vec<u64>,
    axis: usize,
    threads: usize,
) -> PyResult<Bound<'py, PyAny>> {
    squares_of(py, &times, &lengths, axis, threads, |&value| i64::from(value >= least))
}

fn squares_of<'py, T: Element + Copy + Sync>(
    py: Python<'py>,
    array: &PyReadonlyArray1<'py, T>,
    lengths: &[u64],
    axis: usize,
    threads: usize,
    read: impl Fn(&T) -> i64 + Send + Sync,
) -> PyResult<Bound<'py, PyAny>> {
    let (cells, pool) = (values(array), Pool::new(threads)?);
    let sum = || lines::line_squares(&cells, lengths, axis, read);
    number(py, pool.run(py, sum)?)
}
