//! The classes `Accounts` and `Fills`.

use std::ops::Range;
use std::sync::Arc;

use numpy::{PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use wfo_bindings::arrays::values;
use wfo_bindings::errors::{input_error, raise};
use wfo_bindings::feeds::{PyFeeds, feeds};
use wfo_bindings::pools::detached;
use wfo_bindings::settings::account;
use wfo_bindings::simulate::{PyLabels, Simulated, written};
use wfo_bindings::sweep::{PyPhases, PyRows, PySweep};
use wfo_core::engine::direct::{self, Sweep};
use wfo_core::strategies::fills::{CarryOut, Fills, Given};
use wfo_core::{AccountSettings, Axis, Error, Feeds, Grid, PreparedSweep, Slice, Task};

/// Checked fills of some parameter sets.
#[pyclass(module = "wfo._core", name = "Fills", frozen)]
pub struct PyFills {
    inner: Arc<Fills>,
}

/// Accounts over the bars of one symbol, which carry out fills.
#[pyclass(module = "wfo._core", name = "Accounts", frozen)]
pub struct PyAccounts {
    feeds: Feeds,
    settings: AccountSettings,
    threads: usize,
    extended: bool,
    labels: Option<(Vec<i64>, usize)>,
}

#[pymethods]
impl PyAccounts {
    #[new]
    #[pyo3(signature = (bars, settings, threads, extended=false, labels=None, label_count=0))]
    fn new(
        bars: PyFeeds<'_>,
        settings: &Bound<'_, PyAny>,
        threads: usize,
        extended: bool,
        labels: PyLabels<'_>,
        label_count: usize,
    ) -> PyResult<Self> {
        let feeds = feeds(&bars)?;
        feeds.check(&["bars"]).map_err(raise)?;
        feeds.bars("bars").map_err(raise)?;
        let labels = labels.as_ref().map(|labels| (values(labels).into_owned(), label_count));
        Ok(Self { feeds, settings: account(settings)?, threads, extended, labels })
    }

    /// Checks the fills of some sets: the fills, or the set, the number and the fault of the first that
    /// cannot be.
    #[expect(clippy::too_many_arguments, reason = "four columns, and the bars that they lie in")]
    fn fills<'py>(
        &self,
        py: Python<'py>,
        bar: PyReadonlyArray2<'py, i64>,
        price: PyReadonlyArray2<'py, f64>,
        side: PyReadonlyArray2<'py, i64>,
        count: PyReadonlyArray1<'py, i64>,
        first: usize,
        end: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        let prices = self.feeds.bars("bars").map_err(raise)?;
        if !(0 < first && first < end && end <= prices.len()) {
            let bars = prices.len();
            return Err(input_error(format!("bars {first}..{end} are no trading bars of {bars}")));
        }
        let count = values(&count);
        let &[sets, room] = bar.shape() else { return Err(input_error("bar is no table".into())) };
        if sets != count.len() || price.shape() != bar.shape() || side.shape() != bar.shape() {
            return Err(input_error("the columns of fills are not of one shape".into()));
        }
        let (bar, price, side) = (bar.as_slice()?, price.as_slice()?, side.as_slice()?);
        let given = Given { bar, price, side, count: &count, room };
        match detached(py, || Ok(Fills::new(prices, given, first..end)))? {
            Ok(inner) => PyFills { inner: Arc::new(inner) }.into_bound_py_any(py),
            Err(refused) => (refused.set, refused.fill, refused.why).into_bound_py_any(py),
        }
    }

    /// Figures of all sets over one phase.
    fn figures<'py>(
        &self,
        py: Python<'py>,
        fills: &PyFills,
        split: usize,
    ) -> PyResult<PyPhases<'py>> {
        let sets = fills.inner.sets() as u64;
        self.sweep(py, &fills.inner, split, self.extended)?.run(py, 0, sets)
    }

    /// Figures of all sets over all trading bars, without a boundary.
    fn performance<'py>(&self, py: Python<'py>, fills: &PyFills) -> PyResult<PyRows<'py>> {
        let sets = fills.inner.sets() as u64;
        let split = fills.inner.trading().start + 1;
        self.sweep(py, &fills.inner, split, false)?.run_performance(py, 0, sets)
    }

    /// Equity of all sets at the closes of the bars `at`.
    fn marks<'py>(
        &self,
        py: Python<'py>,
        fills: &PyFills,
        at: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<PyRows<'py>> {
        let sets: Vec<u64> = (0..fills.inner.sets() as u64).collect();
        let split = fills.inner.trading().start + 1;
        let sets = numpy::PyArray1::from_vec(py, sets).readonly();
        self.sweep(py, &fills.inner, split, false)?.run_marks(py, &sets, &at)
    }

    /// One set in full.
    fn simulate<'py>(
        &self,
        py: Python<'py>,
        fills: &PyFills,
        split: usize,
    ) -> PyResult<Simulated<'py>> {
        let fills = &fills.inner;
        let Range { start: warmup, end } = fills.trading();
        let slice = Slice { warmup, split, end };
        let labels = self.labels.as_ref().map(|(labels, count)| (&labels[..], *count));
        let (kernel, sets) = (CarryOut { sets: fills.sets() }, [(0, vec![0.0])]);
        let run =
            || direct::simulate(&kernel, &self.feeds, &sets, &self.settings, fills, slice, labels);
        written(py, detached(py, run)?)
    }
}

impl PyAccounts {
    fn sweep(
        &self,
        py: Python<'_>,
        fills: &Arc<Fills>,
        split: usize,
        extended: bool,
    ) -> PyResult<PySweep> {
        let Range { start: warmup, end } = fills.trading();
        let slices = vec![Slice { warmup, split, end }];
        let labels = self.labels.as_ref().filter(|_| extended);
        let count = labels.map_or(0, |(_, count)| *count);
        let prepare = || -> Result<Box<dyn PreparedSweep>, Error> {
            let kernel = CarryOut { sets: fills.sets() };
            let numbers = (0..fills.sets()).map(|set| set as f64).collect();
            let grid = Grid::new(vec![Axis::of(0, numbers)])?;
            let mut task = Task::new(kernel, &self.feeds, grid, self.settings, fills, slices)?;
            if extended {
                task = task.extended();
            }
            if let Some((labels, count)) = labels {
                task = task.labelled(labels, *count)?;
            }
            Ok(Box::new(Sweep::new(task)))
        };
        PySweep::new(py, 1, extended.then_some(count), self.threads, prepare)
    }
}
