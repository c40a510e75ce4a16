//! One parameter set, or several in succession, bar by bar.

use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use wfo_core::Slice;
use wfo_core::engine::direct::Dated;
use wfo_core::execution::account::{Side, Trade};
use wfo_core::figures::{Simulation, Value};

use crate::arrays::values;
use crate::feeds::{PyFeeds, feeds};
use crate::kernel::{Family, Handle, SimulationInput, check_engine};
use crate::pools::detached;

/// Figures by name, columns of the trades by name, the mark at every close, and the reversals: their
/// bars and the marks at their fills.
pub type Simulated<'py> = (
    Bound<'py, PyDict>,
    Bound<'py, PyDict>,
    Bound<'py, PyArray1<f64>>,
    (Bound<'py, PyArray1<u64>>, Bound<'py, PyArray1<f64>>),
);

/// Labels of the bars, int64.
pub type PyLabels<'py> = Option<PyReadonlyArray1<'py, i64>>;

/// Sides in Python: +1 long, -1 short.
fn sign(side: Side) -> i8 {
    match side {
        Side::Long => 1,
        Side::Short => -1,
    }
}

/// Simulates with one of the kernel's engines.
///
/// # Errors
/// Anything that cannot be used.
#[expect(clippy::too_many_arguments, reason = "those of the function in Python")]
pub fn simulate<'py, H: Handle>(
    py: Python<'py>,
    engine: &str,
    strategy: &H,
    given: &PyFeeds<'py>,
    params: &[Dated],
    settings: &Bound<'py, PyAny>,
    warmup: usize,
    split: usize,
    labels: &PyLabels<'py>,
    label_count: usize,
) -> PyResult<Simulated<'py>> {
    check_engine::<H::Family>(engine)?;
    let kernel = strategy.kernel()?;
    let feeds = feeds(given)?;
    let account = crate::settings::account(settings)?;
    let settings = <H::Family>::settings(settings)?;
    let slice = Slice { warmup, split, end: feeds.len() };
    let labels = labels.as_ref().map(values);
    let labels = labels.as_deref().map(|labels| (labels, label_count));
    let (feeds, account, settings) = (&feeds, &account, &settings);
    let input = SimulationInput { feeds, sets: params, account, settings, slice, labels };
    let simulate = || <H::Family>::simulate(&kernel, engine, input);
    written(py, detached(py, simulate)?)
}

/// What a simulation comes to, as Python takes it.
///
/// # Errors
/// Memory that there is not.
pub fn written<'py>(py: Python<'py>, sim: Simulation) -> PyResult<Simulated<'py>> {
    let figures = PyDict::new(py);
    for (name, value) in sim.named() {
        match value {
            Value::Float(value) => figures.set_item(name, value)?,
            Value::Count(value) => figures.set_item(name, value)?,
        }
    }
    if let Some([r, r2]) = sim.sums {
        figures.set_item("label_sum_r", r.into_pyarray(py))?;
        figures.set_item("label_sum_r2", r2.into_pyarray(py))?;
    }
    let count = |f: fn(&Trade) -> usize| -> Bound<'py, PyArray1<u64>> {
        sim.trades.iter().map(|t| f(t) as u64).collect::<Vec<_>>().into_pyarray(py)
    };
    let money = |f: fn(&Trade) -> f64| -> Bound<'py, PyArray1<f64>> {
        sim.trades.iter().map(f).collect::<Vec<_>>().into_pyarray(py)
    };
    let sides = sim.trades.iter().map(|t| sign(t.side)).collect::<Vec<_>>();
    let trades = PyDict::new(py);
    trades.set_item("side", sides.into_pyarray(py))?;
    trades.set_item("entry_bar", count(|t| t.entry_bar))?;
    trades.set_item("entry_price", money(|t| t.entry_price))?;
    trades.set_item("exit_bar", count(|t| t.exit_bar))?;
    trades.set_item("exit_price", money(|t| t.exit_price))?;
    trades.set_item("pnl", money(|t| t.pnl))?;
    let (bars, marks): (Vec<u64>, Vec<f64>) =
        sim.reversals.into_iter().map(|(bar, mark)| (bar as u64, mark)).unzip();
    let reversals = (bars.into_pyarray(py), marks.into_pyarray(py));
    Ok((figures, trades, sim.equity.into_pyarray(py), reversals))
}
