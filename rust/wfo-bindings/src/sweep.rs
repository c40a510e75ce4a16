//! A grid over one history, computed in any pieces by a pool of threads.

use numpy::{Ix2, Ix3, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use wfo_core::engine::spare::Spare;
use wfo_core::execution::performance::FIELDS;
use wfo_core::figures::{
    Cells, ExtendedCells, Field, Figures, PartCells, PartFigures, PhaseCells, Rows, rows_of,
};
use wfo_core::scoring::block::{store_counts, store_money};
use wfo_core::{Axis, Error, Grid, PreparedSweep, Result, Slice, Task};

use crate::arrays::{row, values, zeros};
use crate::errors::{input_error, raise};
use crate::feeds::{PyFeeds, feeds};
use crate::kernel::{Family, Handle, check_engine, checked};
use crate::pools::Pool;
use crate::simulate::PyLabels;

/// Axes of a grid: the positions of an axis's parameters, and its rows of values.
pub type PyAxes = Vec<(Vec<usize>, PyAxisRows)>;

/// Rows of an axis, float64[positions, parameters]; or a list of a list for each.
#[derive(Debug)]
pub struct PyAxisRows(Vec<Vec<f64>>);

impl<'a, 'py> FromPyObject<'a, 'py> for PyAxisRows {
    type Error = PyErr;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        // An array of numbers is read in a fraction of the time that objects take.
        match given.extract::<PyReadonlyArray2<'py, f64>>() {
            Ok(rows) => Ok(Self(rows.as_array().rows().into_iter().map(|r| r.to_vec()).collect())),
            Err(_) => given.extract().map(Self),
        }
    }
}

/// The grid of these axes.
///
/// # Errors
/// As of [`Grid::new`].
pub(crate) fn grid(axes: PyAxes) -> Result<Grid> {
    Grid::new(axes.into_iter().map(|(parameters, rows)| Axis::new(parameters, rows.0)).collect())
}

/// Arrays of each phase, in the order of the schema.
pub type PyPhases<'py> = Vec<Bound<'py, PyTuple>>;

/// One row of figures a combination.
pub type PyRows<'py> = Bound<'py, PyArray2<f64>>;

/// Figures as the engines write them, before they are stored. As large as the largest call, and kept
/// between calls: fresh memory would cost more than the figures in it.
#[derive(Default)]
struct Scratch {
    floats: Vec<f64>,
    counts: Vec<u32>,
}

/// A sweep of any engine, and the state of its calls.
pub struct PySweep {
    inner: Box<dyn PreparedSweep>,
    phases: usize,
    /// Whether it computes the extended figures, and by how many labels.
    extended: Option<usize>,
    pool: Pool,
    scratch: Spare<Scratch>,
}

/// Combinations of one call.
enum Combinations<'a> {
    Range(u64, u64),
    List(&'a [u64]),
    Blocks(&'a [u64], u64),
}

impl Combinations<'_> {
    /// Number of combinations.
    fn count(&self, len: u64) -> Result<usize> {
        match *self {
            Self::Range(start, stop) if start > stop || stop > len => {
                Err(Error::IndexRange { start, stop, len })
            }
            Self::Range(start, stop) => Ok((stop - start) as usize),
            Self::List(indices) => Ok(indices.len()),
            Self::Blocks(_, size) if size > len => {
                Err(Error::IndexRange { start: 0, stop: size, len })
            }
            Self::Blocks(starts, size) => {
                let count = (starts.len() as u64).checked_mul(size);
                count.and_then(|count| usize::try_from(count).ok()).ok_or(Error::GridTooLarge)
            }
        }
    }

    fn run(self, sweep: &dyn PreparedSweep, cells: Vec<PhaseCells<'_>>) -> Result<()> {
        match self {
            Self::Range(start, stop) => sweep.run_into(start..stop, cells),
            Self::List(indices) => sweep.run_list_into(indices, cells),
            Self::Blocks(starts, size) => sweep.run_blocks_into(starts, size, cells),
        }
    }
}

impl PySweep {
    /// Prepares and runs a sweep on a pool of threads. Where it computes the extended figures,
    /// `extended` holds the number of labels.
    ///
    /// # Errors
    /// An error of `prepare`, or threads that the system does not have.
    pub fn new(
        py: Python<'_>,
        phases: usize,
        extended: Option<usize>,
        threads: usize,
        prepare: impl FnOnce() -> Result<Box<dyn PreparedSweep>> + Send,
    ) -> PyResult<Self> {
        let pool = Pool::new(threads)?;
        let inner = pool.run(py, prepare)?;
        Ok(Self { inner, phases, extended, pool, scratch: Spare::default() })
    }

    /// Prepares a sweep by one of a kernel's engines.
    ///
    /// # Errors
    /// Anything that cannot be used.
    #[expect(clippy::too_many_arguments, reason = "those of the class in Python")]
    pub fn of<H: Handle>(
        py: Python<'_>,
        engine: &str,
        strategy: &H,
        given: &PyFeeds<'_>,
        axes: PyAxes,
        settings: &Bound<'_, PyAny>,
        phases: &[(usize, usize, usize)],
        threads: usize,
        extended: bool,
        labels: &PyLabels<'_>,
        label_count: usize,
    ) -> PyResult<Self> {
        check_engine::<H::Family>(engine)?;
        let kernel = strategy.kernel()?;
        let feeds = feeds(given)?;
        let account = crate::settings::account(settings)?;
        let settings = <H::Family>::settings(settings)?;
        let slice = |&(warmup, split, end): &_| Slice { warmup, split, end };
        let slices: Vec<Slice> = phases.iter().map(slice).collect();
        let grid = checked(grid(axes))?;
        let labels = labels.as_ref().map(values);
        let count = labels.as_ref().map_or(0, |_| label_count);
        let prepare = || {
            let mut task = Task::new(kernel, &feeds, grid, account, &settings, slices)?;
            if extended {
                task = task.extended();
            }
            if let Some(labels) = &labels {
                task = task.labelled(labels, count)?;
            }
            <H::Family>::sweep(engine, task)
        };
        Self::new(py, phases.len(), extended.then_some(count), threads, prepare)
    }

    /// Number of combinations.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.inner.len()
    }

    /// Never true: a grid has at least one combination.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// Combinations that are best computed together.
    #[must_use]
    pub fn batch_multiple(&self) -> u64 {
        self.inner.batch_multiple()
    }

    /// Combinations fewer than which cost several times as much each; 1 where it makes no difference.
    #[must_use]
    pub fn least_batch(&self) -> u64 {
        self.inner.least_batch()
    }

    /// Memory that each worker holds beside the results, in bytes.
    #[must_use]
    pub fn worker_bytes(&self) -> usize {
        self.inner.worker_bytes()
    }

    /// The combinations `start..stop`.
    ///
    /// # Errors
    /// A range outside the grid.
    pub fn run<'py>(&self, py: Python<'py>, start: u64, stop: u64) -> PyResult<PyPhases<'py>> {
        self.compute(py, Combinations::Range(start, stop))
    }

    /// Any combinations in any order, repeats allowed.
    ///
    /// # Errors
    /// An index outside the grid.
    pub fn run_list<'py>(
        &self,
        py: Python<'py>,
        indices: &PyReadonlyArray1<'py, u64>,
    ) -> PyResult<PyPhases<'py>> {
        self.compute(py, Combinations::List(&values(indices)))
    }

    /// Blocks of consecutive combinations, laid one after the other.
    ///
    /// # Errors
    /// A block outside the grid.
    pub fn run_blocks<'py>(
        &self,
        py: Python<'py>,
        starts: &PyReadonlyArray1<'py, u64>,
        size: u64,
    ) -> PyResult<PyPhases<'py>> {
        self.compute(py, Combinations::Blocks(&values(starts), size))
    }

    /// Like [`run`](Self::run), in the types of the result files.
    ///
    /// # Errors
    /// A range outside the grid.
    pub fn run_stored<'py>(
        &self,
        py: Python<'py>,
        start: u64,
        stop: u64,
    ) -> PyResult<PyPhases<'py>> {
        self.store(py, Combinations::Range(start, stop))
    }

    /// Like [`run_list`](Self::run_list), in the types of the result files.
    ///
    /// # Errors
    /// An index outside the grid.
    pub fn run_list_stored<'py>(
        &self,
        py: Python<'py>,
        indices: &PyReadonlyArray1<'py, u64>,
    ) -> PyResult<PyPhases<'py>> {
        self.store(py, Combinations::List(&values(indices)))
    }

    /// Like [`run_blocks`](Self::run_blocks), in the types of the result files.
    ///
    /// # Errors
    /// A block outside the grid.
    pub fn run_blocks_stored<'py>(
        &self,
        py: Python<'py>,
        starts: &PyReadonlyArray1<'py, u64>,
        size: u64,
    ) -> PyResult<PyPhases<'py>> {
        self.store(py, Combinations::Blocks(&values(starts), size))
    }

    /// The combinations `start..stop` over all trading bars of the first phase, without its boundary.
    ///
    /// # Errors
    /// A range outside the grid, or an engine that does not follow equity within bars.
    pub fn run_performance<'py>(
        &self,
        py: Python<'py>,
        start: u64,
        stop: u64,
    ) -> PyResult<PyRows<'py>> {
        let count = Combinations::Range(start, stop).count(self.len()).map_err(raise)?;
        let out = zeros::<f64, 2, Ix2>(py, [count, FIELDS.len()])?;
        {
            let mut out = out.readwrite();
            let (rows, _) = out.as_slice_mut()?.as_chunks_mut();
            let run = || self.inner.run_performance_into(start..stop, rows);
            self.pool.run(py, run)?;
        }
        Ok(out)
    }

    /// The equity of any combinations at the closes of the bars `at`, over all trading bars of the
    /// first phase.
    ///
    /// # Errors
    /// An index outside the grid, a bar that is not traded or out of order, or an engine that does not
    /// follow single combinations.
    pub fn run_marks<'py>(
        &self,
        py: Python<'py>,
        indices: &PyReadonlyArray1<'py, u64>,
        at: &PyReadonlyArray1<'py, i64>,
    ) -> PyResult<PyRows<'py>> {
        let bar = |&bar: &i64| {
            let below = || input_error(format!("at has bar {bar}; bars are counted from 0"));
            usize::try_from(bar).map_err(|_| below())
        };
        let bars = values(at).iter().map(bar).collect::<PyResult<Vec<_>>>()?;
        let indices = values(indices);
        let out = zeros::<f64, 2, Ix2>(py, [indices.len(), bars.len()])?;
        {
            let mut out = out.readwrite();
            let marks = out.as_slice_mut()?;
            let run = || self.inner.run_marks_into(&indices, &bars, marks);
            self.pool.run(py, run)?;
        }
        Ok(out)
    }

    fn compute<'py>(&self, py: Python<'py>, which: Combinations<'_>) -> PyResult<PyPhases<'py>> {
        let count = which.count(self.len()).map_err(raise)?;
        let fields = fields(self.extended.is_some());
        let (wide, narrow) = rows_of(&fields);
        // NumPy's own memory, in large pieces, which it asks the system to back with large pages: a
        // call writes tens of megabytes, and small pages would take a twentieth of its time.
        let floats = zeros::<f64, 2, Ix2>(py, [self.phases * wide, count])?;
        let counts = zeros::<u32, 2, Ix2>(py, [self.phases * narrow, count])?;
        let labels = self.extended.unwrap_or(0);
        let sums_shape = [self.phases * 2 * usize::from(labels > 0), count, labels];
        let sums = zeros::<f64, 3, Ix3>(py, sums_shape)?;
        {
            let (mut floats, mut counts, mut sums) =
                (floats.readwrite(), counts.readwrite(), sums.readwrite());
            let mut rows = Rows::new(floats.as_slice_mut()?, counts.as_slice_mut()?, count);
            let mut sums = sums.as_slice_mut()?.chunks_exact_mut((count * labels).max(1));
            let mut phase = || {
                let figures = Cells::in_rows(&mut rows);
                let extended = self.extended.map(|labels| {
                    let parts = [PartCells::in_rows(&mut rows), PartCells::in_rows(&mut rows)];
                    let sums = std::array::from_fn(|_| sums.next().unwrap_or_default());
                    ExtendedCells::new(parts, sums, labels)
                });
                PhaseCells { figures, extended }
            };
            let cells: Vec<_> = (0..self.phases).map(|_| phase()).collect();
            let run = || which.run(&*self.inner, cells);
            self.pool.run(py, run)?;
        }
        let (mut next_float, mut next_count) = (0.., 0..);
        let phase = |k: usize| {
            let mut arrays = Vec::with_capacity(fields.len() + 2);
            for field in &fields {
                arrays.push(if field.counts {
                    row(&counts, next_count.next().unwrap_or(0))?.into_any()
                } else {
                    row(&floats, next_float.next().unwrap_or(0))?.into_any()
                });
            }
            if labels > 0 {
                arrays.push(sums.get_item(2 * k)?);
                arrays.push(sums.get_item(2 * k + 1)?);
            }
            PyTuple::new(py, arrays)
        };
        (0..self.phases).map(phase).collect()
    }

    /// Computes the figures that every sweep has, in the types of the result files.
    fn store<'py>(&self, py: Python<'py>, which: Combinations<'_>) -> PyResult<PyPhases<'py>> {
        let count = which.count(self.len()).map_err(raise)?;
        let fields = fields(false);
        let (wide, narrow) = rows_of(&fields);
        let floats = zeros::<f32, 2, Ix2>(py, [self.phases * wide, count])?;
        let counts = zeros::<u16, 2, Ix2>(py, [self.phases * narrow, count])?;
        {
            let (mut floats, mut counts) = (floats.readwrite(), counts.readwrite());
            let (stored_floats, stored_counts) = (floats.as_slice_mut()?, counts.as_slice_mut()?);
            let work = || {
                // A concurrent call allocates its memory anew.
                let mut scratch = self.scratch.take().unwrap_or_default();
                scratch.floats.resize(scratch.floats.len().max(stored_floats.len()), 0.0);
                scratch.counts.resize(scratch.counts.len().max(stored_counts.len()), 0);
                let floats = &mut scratch.floats[..stored_floats.len()];
                let counts = &mut scratch.counts[..stored_counts.len()];
                let mut rows = Rows::new(floats, counts, count);
                let mut phase = || Cells::in_rows(&mut rows).into();
                which.run(&*self.inner, (0..self.phases).map(|_| phase()).collect())?;
                store_money(floats, stored_floats);
                store_counts(counts, stored_counts);
                self.scratch.keep(scratch);
                Ok(())
            };
            self.pool.run(py, work)?;
        }
        let (mut next_float, mut next_count) = (0.., 0..);
        let phase = |_| {
            let array = |field: &Field| {
                Ok(if field.counts {
                    row(&counts, next_count.next().unwrap_or(0))?.into_any()
                } else {
                    row(&floats, next_float.next().unwrap_or(0))?.into_any()
                })
            };
            PyTuple::new(py, fields.iter().map(array).collect::<PyResult<Vec<_>>>()?)
        };
        (0..self.phases).map(phase).collect()
    }
}

/// The figures of a phase, in order.
#[must_use]
pub fn fields(extended: bool) -> Vec<Field> {
    let parts = PartFigures::FIELDS.iter().filter(|_| extended).copied().flatten();
    Figures::FIELDS.iter().chain(parts).copied().collect()
}
