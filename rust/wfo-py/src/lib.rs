//! The module `wfo._core`: the strategies that come with the package, and its scoring.
//!
//! It needs no global interpreter lock. What makes that sound, and what a change must keep:
//!
//! - Classes are `Send` and `Sync`, or PyO3 refuses them. Threads share the frozen ones. The others
//!   change by `&mut self`: PyO3 counts borrows atomically, so that a call has its object for itself,
//!   or raises `RuntimeError` where a call of another thread has it. `merge` and `add_to_all` borrow
//!   several objects by the same rule, and wait for none.
//! - What calls share besides is behind a mutex: the pools of threads, the scratch of a sweep, what the
//!   factored engine keeps between calls. No Python code runs under any of them, and none is held for
//!   longer than a look-up, so that a process which is forked meanwhile can do without what is behind
//!   it (`wfo_core::engine::spare`).
//! - Arrays that are read are registered with the numpy crate, under its own mutex. Nothing keeps
//!   Python from writing to them meanwhile, with the lock or without it, since kernels run detached:
//!   what a call reads is not to be written to until it returns. Feeds are copied first.
//! - The `unsafe` code of the core is about instructions and row numbers and shares nothing.

mod atr_d;
mod block;
mod effects;
mod fills;
mod gates;
mod profile;
mod provisional;
mod ranking;
mod rules;
mod selection;
mod sketch;
mod statistics;
mod survivor_filter;

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use wfo_bindings::arrays::values;
use wfo_bindings::errors::raise;
use wfo_bindings::pools::{Pool, detached};
use wfo_bindings::sweep::fields;
use wfo_core::Bars;
use wfo_core::execution::performance::FIELDS;
use wfo_core::scoring::correlation;

type Prices<'py> = PyReadonlyArray1<'py, f64>;

#[pymodule(gil_used = false)]
mod _core {
    use super::*;

    #[pymodule_export]
    use super::atr_d::{Permutations, Sweep, lacks, orders, simulate, strategies};
    #[pymodule_export]
    use super::effects::{PyEffects, line_squares, stable_line_squares};
    #[pymodule_export]
    use super::fills::{PyAccounts, PyFills};
    #[pymodule_export]
    use super::gates::PyGates;
    #[pymodule_export]
    use super::profile::PyProfile;
    #[pymodule_export]
    use super::provisional::PyProvisionalRanks;
    #[pymodule_export]
    use super::ranking::PyRanking;
    #[pymodule_export]
    use super::rules::{
        Permutations as RulesPermutations, RulesProgram, Sweep as RulesSweep, lacks as rules_lacks,
        orders as rules_orders, simulate as rules_simulate,
    };
    #[pymodule_export]
    use super::selection::PySelection;
    #[pymodule_export]
    use super::sketch::PySketch;
    #[pymodule_export]
    use super::statistics::PyGridStatistics;
    #[pymodule_export]
    use super::survivor_filter::PySurvivorFilter;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        wfo_bindings::panics::quiet();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }

    /// Versions and build of the compiled module.
    #[pyfunction]
    fn build_info() -> PyResult<Vec<(&'static str, String)>> {
        let tier = atr_d::tier().map_err(raise)?;
        let tier = format!("{} {}", std::env::consts::ARCH, tier.name());
        Ok(vec![
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("commit", env!("WFO_COMMIT").to_owned()),
            ("profile", env!("WFO_PROFILE").to_owned()),
            ("target", env!("WFO_TARGET").to_owned()),
            ("rustc", env!("WFO_RUSTC").to_owned()),
            ("instructions", tier),
        ])
    }

    /// Names and kinds of all figures of a phase, in order.
    #[pyfunction]
    fn schema() -> Vec<(&'static str, &'static str)> {
        fields(true).iter().map(|field| (field.name, field.kind)).collect()
    }

    /// Names of the figures of a whole history, in order.
    #[pyfunction]
    fn performance_schema() -> Vec<&'static str> {
        FIELDS.to_vec()
    }

    /// Spearman's rank correlation of two columns.
    #[pyfunction]
    fn rank_correlation(
        py: Python<'_>,
        a: PyReadonlyArray1<'_, f32>,
        b: PyReadonlyArray1<'_, f32>,
        threads: usize,
    ) -> PyResult<f64> {
        let (a, b, pool) = (values(&a), values(&b), Pool::new(threads)?);
        pool.run(py, || correlation::rank_correlation(&a, &b))
    }

    /// Panics on a pool of so many threads, or in the call itself where there are none: for tests of
    /// what becomes of it.
    #[pyfunction]
    fn _panic(py: Python<'_>, threads: usize) -> PyResult<()> {
        #[expect(clippy::panic, reason = "what is asked for")]
        let work = || -> wfo_core::Result<()> { panic!("a panic\nthat was asked for") };
        if threads == 0 { work().map_err(raise) } else { Pool::new(threads)?.run(py, work) }
    }

    /// Raises unless the columns are bars: prices above 0, open and close within low and high.
    #[pyfunction]
    fn check_bars(
        py: Python<'_>,
        open: Prices<'_>,
        high: Prices<'_>,
        low: Prices<'_>,
        close: Prices<'_>,
    ) -> PyResult<()> {
        let column = |a: &Prices<'_>| a.as_array().to_vec();
        let [open, high, low, close] = [open, high, low, close].map(|prices| column(&prices));
        detached(py, || Bars::new(open, high, low, close).map(|_| ()))
    }
}
