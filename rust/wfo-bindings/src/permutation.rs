//! Whole searches of a grid on permuted bars.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use numpy::{IntoPyArray, Ix2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use wfo_core::market::permuted::MoveOrders;
use wfo_core::permutation::{GateSet, Prepare, SearchFigures, Searches};
use wfo_core::scoring::Measure;
use wfo_core::{Error, Slice, Task};

use crate::arrays::{values, zeros};
use crate::errors::{raise, unknown};
use crate::feeds::{PyFeeds, feeds};
use crate::kernel::{Family, Handle, check_engine, checked};
use crate::panics;
use crate::pools::{Pool, detached};
use crate::sweep::{PyAxes, PyRows, grid};

/// How often a call looks for signals.
const SIGNALS: Duration = Duration::from_millis(100);

/// Thresholds of efficiency and drawdown, fewest trades, and what must exceed buy-and-hold's.
pub type PyGateSet = (f64, f64, u64, Option<String>);

/// Names of feeds, and their columns by name.
pub type Columns<'py> = Vec<(String, Bound<'py, PyDict>)>;

/// What is counted of a search.
pub struct PyStable {
    /// Sets of gates.
    pub sets: Vec<PyGateSet>,
    /// Phases in which a combination is valid, or trades, at least.
    pub least: usize,
    /// Trades of a combination that trades, at least.
    pub min_trades: u64,
}

/// Which moves trade places.
pub struct PyMoves<'py> {
    /// The first bar whose move does.
    pub first: usize,
    /// The class of each bar.
    pub classes: Option<PyReadonlyArray1<'py, i64>>,
    /// How many stay together.
    pub block: usize,
}

/// Searches of any engine.
pub struct PyPermutations {
    inner: Searches,
    pool: Pool,
}

fn trades(value: u64) -> PyResult<u16> {
    u16::try_from(value).map_err(|_| {
        let allowed = "stored counts stop at 65,535";
        raise(Error::CountRange { name: "min_trades", value, allowed })
    })
}

fn gate_set((wfe, dd_ratio, min_trades, beat): PyGateSet) -> PyResult<GateSet> {
    let beat = match beat.as_deref() {
        None => None,
        Some("return") => Some(Measure::Return),
        Some("risk") => Some(Measure::Risk),
        Some(other) => return Err(unknown("beat", other, "return or risk")),
    };
    Ok(GateSet { wfe, dd_ratio, min_trades: trades(min_trades)?, beat })
}

impl PyPermutations {
    /// Searches by one of a kernel's engines.
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
        stable: PyStable,
        moves: &PyMoves<'_>,
    ) -> PyResult<Self> {
        check_engine::<H::Family>(engine)?;
        strategy.kernel()?;
        let feeds = feeds(given)?;
        let account = crate::settings::account(settings)?;
        let settings = <H::Family>::settings(settings)?;
        let slice = |&(warmup, split, end): &_| Slice { warmup, split, end };
        let slices: Vec<Slice> = phases.iter().map(slice).collect();
        let grid = checked(grid(axes))?;
        let PyStable { sets, least, min_trades } = stable;
        let sets = sets.into_iter().map(gate_set).collect::<PyResult<_>>()?;
        let figures = SearchFigures::new(sets, least, trades(min_trades)?, slices, account);
        let figures = checked(figures)?;
        // Bars behind the last phase change no figure.
        let end = figures.slices().iter().map(|slice| slice.end).max().unwrap_or(0);
        let classes = moves.classes.as_ref().map(values);
        let orders = checked(MoveOrders::new(
            feeds.len(),
            moves.first..end,
            classes.as_deref(),
            moves.block,
        ))?;
        let (engine, strategy) = (engine.to_owned(), strategy.clone());
        let slices = figures.slices().to_vec();
        let prepare: Prepare = Box::new(move |feeds| {
            // A task owns its kernel, and strategies are made, not copied.
            let kernel = strategy.kernel().map_err(|error| Error::Strategy(error.to_string()))?;
            <H::Family>::sweep(
                &engine,
                Task::new(kernel, feeds, grid.clone(), account, &settings, slices.clone())?,
            )
        });
        let pool = Pool::new(threads)?;
        let inner = pool.run(py, || Searches::new(feeds, orders, figures, prepare))?;
        Ok(Self { inner, pool })
    }

    /// Number of combinations of the grid.
    #[must_use]
    pub fn combinations(&self) -> u64 {
        self.inner.combinations()
    }

    /// How many permutations run at a time.
    #[must_use]
    pub fn concurrent(&self) -> usize {
        if self.inner.is_small() { self.pool.threads() } else { 1 }
    }

    /// Memory of each permutation that runs, in bytes.
    #[must_use]
    pub fn worker_bytes(&self) -> usize {
        self.inner.worker_bytes()
    }

    /// Names of the figures, in order.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        self.inner.figures().names()
    }

    /// The figures of the permutations `start..stop`, a row each.
    ///
    /// # Errors
    /// A range that ends before it begins, an error of a search, or what a signal raises: a search of
    /// a large grid takes minutes, and an interrupt ends it within a block.
    pub fn run<'py>(&self, py: Python<'py>, start: u64, stop: u64) -> PyResult<PyRows<'py>> {
        let (pool, stopped) = (self.pool.here()?, AtomicBool::new(false));
        let rows = py.detach(|| {
            std::thread::scope(|scope| {
                let (send, receive) = mpsc::channel();
                let run = || {
                    let run = || pool.install(|| self.inner.run(start..stop, &stopped));
                    catch_unwind(AssertUnwindSafe(run))
                };
                scope.spawn(move || send.send(run()));
                let mut raised = None;
                loop {
                    match receive.recv_timeout(SIGNALS) {
                        Ok(Err(panic)) => return Err(panics::error(&*panic)),
                        Ok(Ok(rows)) => return raised.map_or_else(|| checked(rows), Err),
                        // What is run ends by sending something.
                        Err(RecvTimeoutError::Disconnected) => return Ok(None),
                        Err(RecvTimeoutError::Timeout) if raised.is_none() => {
                            raised = Python::attach(|py| py.check_signals()).err();
                            stopped.store(raised.is_some(), Ordering::Relaxed);
                        }
                        Err(RecvTimeoutError::Timeout) => {}
                    }
                }
            })
        })?;
        table(py, &rows.unwrap_or_default(), self.columns().len())
    }

    /// The feeds of a permutation.
    ///
    /// # Errors
    /// Prices beyond the range of numbers.
    pub fn permuted<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Columns<'py>> {
        let feeds = detached(py, || self.inner.permuted(number))?;
        let feed = |(name, columns): (&str, Vec<(&str, &[f64])>)| {
            let found = PyDict::new(py);
            for (column, values) in columns {
                found.set_item(column, values.to_vec().into_pyarray(py))?;
            }
            Ok((name.to_owned(), found))
        };
        feeds.columns().map(feed).collect()
    }

    /// Buy-and-hold of every phase in a permutation, a row each: profits and drawdowns in and out of
    /// sample, and the return and the profit by drawdown that gates ask to exceed.
    ///
    /// # Errors
    /// Prices beyond the range of numbers.
    pub fn held<'py>(&self, py: Python<'py>, number: u64) -> PyResult<PyRows<'py>> {
        let held = detached(py, || self.inner.held(number))?;
        let capital = self.inner.figures().account().capital;
        let row = |held: &wfo_core::permutation::Held| {
            let floors = [held.return_floor(capital), held.risk_floor()];
            [&[held.is_pnl, held.oos_pnl, held.is_dd, held.oos_dd], &floors[..]].concat()
        };
        table(py, &held.iter().map(row).collect::<Vec<_>>(), 6)
    }
}

/// Rows of one length as a table.
fn table<'py>(py: Python<'py>, rows: &[Vec<f64>], width: usize) -> PyResult<PyRows<'py>> {
    let found = zeros::<f64, 2, Ix2>(py, [rows.len(), width])?;
    {
        let mut cells = found.readwrite();
        for (to, from) in cells.as_slice_mut()?.iter_mut().zip(rows.iter().flatten()) {
            *to = *from;
        }
    }
    Ok(found)
}
