//! Kernels of a module.

use pyo3::prelude::*;
use wfo_core::engine::direct::{self, Dated};
use wfo_core::figures::Simulation;
use wfo_core::{AccountSettings, Feeds, Kernel, PreparedSweep, Result, Slice, Task};

use crate::errors::{raise, unknown};

/// The requirements of a task on an engine.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Capital, costs and sizing.
    pub account: &'a AccountSettings,
    /// Whether the extended figures are wanted.
    pub extended: bool,
    /// Whether several parameter sets follow one another.
    pub dated: bool,
    /// Whether the figures of a whole history are wanted.
    pub performance: bool,
    /// The parameters of each axis of the grid, where it is known.
    pub axes: Option<&'a [&'a [usize]]>,
}

/// The strategies of a module, all of them values of one type of kernel.
pub trait Family {
    /// The type of the strategies.
    type Kernel: Kernel;

    /// Names of the engines that run them; the direct one runs every kernel.
    const ENGINES: &'static [&'static str] = &["direct"];

    /// The strategies.
    fn all() -> Vec<Self::Kernel>;

    /// Reads the settings of a strategy from a settings object.
    ///
    /// # Errors
    /// A field that is missing, or a value that is unknown.
    fn settings(object: &Bound<'_, PyAny>) -> PyResult<<Self::Kernel as Kernel>::Settings>;

    /// Why an engine cannot do a task, where it cannot.
    fn lacks(_kernel: &Self::Kernel, _engine: &str, _wanted: Wanted<'_>) -> Option<String> {
        None
    }

    /// Prepares a sweep of one of the [`ENGINES`](Self::ENGINES).
    ///
    /// # Errors
    /// A capability that the engine lacks.
    fn sweep(_engine: &str, task: Task<Self::Kernel>) -> Result<Box<dyn PreparedSweep>> {
        Ok(Box::new(direct::Sweep::new(task)))
    }

    /// Simulates with one of the [`ENGINES`](Self::ENGINES).
    ///
    /// # Errors
    /// A parameter, setting or position out of range, or a capability that the engine lacks.
    fn simulate(
        kernel: &Self::Kernel,
        _engine: &str,
        input: SimulationInput<'_, <Self::Kernel as Kernel>::Settings>,
    ) -> Result<Simulation> {
        let SimulationInput { feeds, sets, account, settings, slice, labels } = input;
        direct::simulate(kernel, feeds, sets, account, settings, slice, labels)
    }
}

/// The input of a simulation.
#[derive(Debug, Clone, Copy)]
pub struct SimulationInput<'a, S> {
    /// The feeds of the strategy.
    pub feeds: &'a Feeds,
    /// Parameter sets in succession.
    pub sets: &'a [Dated],
    /// Capital, costs and sizing.
    pub account: &'a AccountSettings,
    /// The settings of the strategy.
    pub settings: &'a S,
    /// The phase.
    pub slice: Slice,
    /// A label for each bar, and how many there are.
    pub labels: Option<(&'a [i64], usize)>,
}

/// The strategy of that name.
///
/// # Errors
/// A name that is unknown.
pub fn named<F: Family>(name: &str) -> PyResult<F::Kernel> {
    let all = F::all();
    let names: Vec<String> = all.iter().map(|kernel| kernel.name().to_owned()).collect();
    all.into_iter()
        .find(|kernel| kernel.name() == name)
        .ok_or_else(|| unknown("strategy", name, &format!("one of {}", names.join(", "))))
}

/// Checks the name of an engine.
///
/// # Errors
/// A name that is unknown.
pub fn check_engine<F: Family>(name: &str) -> PyResult<()> {
    if F::ENGINES.contains(&name) {
        return Ok(());
    }
    Err(unknown("engine", name, &F::ENGINES.join(" or ")))
}

/// Names of the strategies, and their canonical parameter names.
#[must_use]
pub fn strategies<F: Family>() -> Vec<(String, Vec<&'static str>)> {
    F::all().iter().map(|kernel| (kernel.name().to_owned(), kernel.parameters())).collect()
}

/// Why an engine cannot do a task, where it cannot.
///
/// # Errors
/// A strategy or engine that is unknown, or settings out of range.
pub fn lacks<F: Family>(
    engine: &str,
    strategy: &str,
    settings: &Bound<'_, PyAny>,
    extended: bool,
    dated: bool,
    performance: bool,
    axes: Option<Vec<Vec<usize>>>,
) -> PyResult<Option<String>> {
    check_engine::<F>(engine)?;
    let kernel = named::<F>(strategy)?;
    let account = crate::settings::account(settings)?;
    let axes: Option<Vec<&[usize]>> =
        axes.as_ref().map(|axes| axes.iter().map(Vec::as_slice).collect());
    let wanted = Wanted { account: &account, extended, dated, performance, axes: axes.as_deref() };
    Ok(F::lacks(&kernel, engine, wanted))
}

/// Raises the error of a check of the core.
pub(crate) fn checked<T>(found: Result<T>) -> PyResult<T> {
    found.map_err(raise)
}
