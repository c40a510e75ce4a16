//! Strategies that their users write as rules.

use std::fmt;
use std::sync::Arc;

use numpy::PyArray1;
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyTuple};
use wfo_bindings::Family;
use wfo_bindings::errors::raise;
use wfo_bindings::kernel::{Handle, SimulationInput, Wanted};
use wfo_core::engine::direct;
use wfo_core::figures::Simulation;
use wfo_core::strategies::rules::program::{Argument, Function, Program};
use wfo_core::strategies::rules::raw::{Raw, RawNode, RawOrder};
use wfo_core::strategies::rules::{Rules, factored};
use wfo_core::{Error, PreparedSweep, Result, Task};

use crate::atr_d::tier;

/// An operation, its parts, its value and its text.
type PyNode = (String, Vec<usize>, f64, String);

/// A kind, its value, its condition, and whether it is in percent.
type PyOrder = (String, Option<usize>, Option<usize>, bool);

/// A function of the user's: its name, what computes it and what says its lookback.
type PyFunction = (String, Py<PyAny>, Py<PyAny>);

/// A program of rules, checked.
#[pyclass(frozen, module = "wfo._core")]
pub struct RulesProgram {
    program: Arc<Program>,
}

#[pymethods]
impl RulesProgram {
    #[new]
    #[pyo3(signature = (
        parameters, nodes, *, long=Vec::new(), short=Vec::new(), exit_long=Vec::new(),
        exit_short=Vec::new(), reverse_to_long=None, reverse_to_short=None, both=None,
        same_bar="next".to_owned(), risk=None, size=None, functions=Vec::new(),
    ))]
    #[expect(clippy::too_many_arguments, reason = "a program is made of as many things")]
    fn new(
        parameters: Vec<String>,
        nodes: Vec<PyNode>,
        long: Vec<PyOrder>,
        short: Vec<PyOrder>,
        exit_long: Vec<PyOrder>,
        exit_short: Vec<PyOrder>,
        reverse_to_long: Option<usize>,
        reverse_to_short: Option<usize>,
        both: Option<usize>,
        same_bar: String,
        risk: Option<usize>,
        size: Option<usize>,
        functions: Vec<PyFunction>,
    ) -> PyResult<Self> {
        let node = |(op, args, value, text)| RawNode { op, args, value, text };
        let order = |(kind, value, when, percent)| RawOrder { kind, value, when, percent };
        let orders = |given: Vec<PyOrder>| given.into_iter().map(order).collect();
        let function = |(name, call, lookback)| -> Arc<dyn Function> {
            Arc::new(Called { name, call, lookback })
        };
        let raw = Raw {
            parameters,
            nodes: nodes.into_iter().map(node).collect(),
            long: orders(long),
            short: orders(short),
            exit_long: orders(exit_long),
            exit_short: orders(exit_short),
            reverse_to_long,
            reverse_to_short,
            both,
            same_bar,
            risk,
            size,
            functions: functions.into_iter().map(function).collect(),
        };
        Ok(Self { program: Arc::new(Program::new(raw).map_err(raise)?) })
    }
}

/// A function in Python.
struct Called {
    name: String,
    call: Py<PyAny>,
    lookback: Py<PyAny>,
}

impl fmt::Debug for Called {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Called({})", self.name)
    }
}

/// What an exception is to the core: its text, but of an interrupt, which ends the program.
fn said(py: Python<'_>, error: &PyErr) -> Error {
    if error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Error::Interrupted;
    }
    Error::Strategy(error.value(py).to_string())
}

impl Function for Called {
    fn name(&self) -> &str {
        &self.name
    }

    fn call(&self, arguments: &[Argument<'_>]) -> Result<Vec<f64>> {
        Python::attach(|py| {
            let argument = |argument: &Argument<'_>| match argument {
                Argument::Column(values) => PyArray1::from_slice(py, values).into_any(),
                Argument::Number(value) => PyFloat::new(py, *value).into_any(),
            };
            let arguments = PyTuple::new(py, arguments.iter().map(argument));
            let found = arguments.and_then(|arguments| self.call.bind(py).call1(arguments));
            let found = found.map_err(|error| said(py, &error))?;
            let values: PyReadonlyArray1<'_, f64> = found.extract().map_err(|_| {
                Error::Strategy(format!("{} must return one float64 a bar", self.name))
            })?;
            Ok(values.as_array().to_vec())
        })
    }

    fn lookback(&self, numbers: &[f64]) -> Result<usize> {
        Python::attach(|py| {
            let numbers = PyTuple::new(py, numbers);
            let found = numbers.and_then(|numbers| self.lookback.bind(py).call1(numbers));
            found.and_then(|found| found.extract()).map_err(|error| said(py, &error))
        })
    }
}

/// What Python says rules by: their program.
#[derive(Clone)]
pub struct Given(Arc<Program>);

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(object.cast::<RulesProgram>()?.get().program.clone()))
    }
}

impl Handle for Given {
    type Family = AllRules;

    fn kernel(&self) -> PyResult<Rules> {
        Ok(Rules::new(self.0.clone()))
    }
}

/// All strategies that are rules.
pub enum AllRules {}

impl Family for AllRules {
    type Kernel = Rules;

    const ENGINES: &'static [&'static str] = &["direct", "factored"];

    fn all() -> Vec<Rules> {
        Vec::new()
    }

    fn settings(_: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }

    fn lacks(kernel: &Rules, engine: &str, wanted: Wanted<'_>) -> Option<String> {
        let reason = match wanted {
            _ if engine != "factored" => return None,
            Wanted { dated: true, .. } => factored::LACKS_DATED,
            Wanted { performance: true, .. } => factored::LACKS_PERFORMANCE,
            Wanted { extended: true, .. } => factored::LACKS_EXTENDED,
            _ => return factored::lacks(kernel.program()),
        };
        Some(reason.to_owned())
    }

    fn sweep(engine: &str, task: Task<Rules>) -> Result<Box<dyn PreparedSweep>> {
        Ok(match engine {
            "factored" => Box::new(factored::Sweep::new(task, tier()?)?),
            _ => Box::new(direct::Sweep::new(task)),
        })
    }

    fn simulate(
        kernel: &Rules,
        engine: &str,
        input: SimulationInput<'_, ()>,
    ) -> Result<Simulation> {
        let SimulationInput { feeds, sets, account, settings, slice, labels } = input;
        match (engine, sets) {
            ("factored", [(_, values)]) => {
                factored::simulate(kernel, feeds, values, account, slice, labels)
            }
            ("factored", _) => {
                Err(Error::Lacks { engine: "factored", reason: factored::LACKS_DATED.to_owned() })
            }
            _ => direct::simulate(kernel, feeds, sets, account, settings, slice, labels),
        }
    }
}

wfo_bindings::kernel_bindings!(
    "wfo._core",
    Given,
    "RulesSweep",
    "RulesPermutations",
    "rules_simulate",
    "rules_orders",
    "rules_lacks"
);
