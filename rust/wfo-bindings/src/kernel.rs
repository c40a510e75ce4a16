//! Kernels of a module.

use std::marker::PhantomData;

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

/// What Python says a strategy by: a name, where a module has several.
pub trait Handle: Clone + Send + Sync + 'static {
    /// The strategies that it chooses from.
    type Family: Family;

    /// The strategy, made anew.
    ///
    /// # Errors
    /// A strategy that is unknown.
    fn kernel(&self) -> PyResult<<Self::Family as Family>::Kernel>;
}

/// The name of a strategy among those of a module.
#[derive(Debug)]
pub struct Name<F> {
    name: String,
    family: PhantomData<fn() -> F>,
}

impl<F> Clone for Name<F> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), family: PhantomData }
    }
}

impl<'py, F> FromPyObject<'_, 'py> for Name<F> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self { name: object.extract()?, family: PhantomData })
    }
}

impl<F: Family + 'static> Handle for Name<F> {
    type Family = F;

    fn kernel(&self) -> PyResult<F::Kernel> {
        let all = F::all();
        let names: Vec<String> = all.iter().map(|kernel| kernel.name().to_owned()).collect();
        all.into_iter()
            .find(|kernel| kernel.name() == self.name)
            .ok_or_else(|| unknown("strategy", &self.name, &format!("one of {}", names.join(", "))))
    }
}

/// The kernel of a handle.
pub type KernelOf<H> = <<H as Handle>::Family as Family>::Kernel;

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
pub fn strategies<F: Family>() -> Vec<(String, Vec<String>)> {
    let parameters =
        |kernel: &F::Kernel| kernel.parameters().into_iter().map(str::to_owned).collect();
    F::all().iter().map(|kernel| (kernel.name().to_owned(), parameters(kernel))).collect()
}

/// Why an engine cannot do a task, where it cannot.
///
/// # Errors
/// A strategy or engine that is unknown, or settings out of range.
pub fn lacks<H: Handle>(
    engine: &str,
    strategy: &H,
    settings: &Bound<'_, PyAny>,
    extended: bool,
    dated: bool,
    performance: bool,
    axes: Option<Vec<Vec<usize>>>,
) -> PyResult<Option<String>> {
    check_engine::<H::Family>(engine)?;
    let kernel = strategy.kernel()?;
    let account = crate::settings::account(settings)?;
    let axes: Option<Vec<&[usize]>> =
        axes.as_ref().map(|axes| axes.iter().map(Vec::as_slice).collect());
    let wanted = Wanted { account: &account, extended, dated, performance, axes: axes.as_deref() };
    Ok(<H::Family>::lacks(&kernel, engine, wanted))
}

/// Raises the error of a check of the core.
pub(crate) fn checked<T>(found: Result<T>) -> PyResult<T> {
    found.map_err(raise)
}
