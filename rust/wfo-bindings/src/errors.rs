//! The one bridge from the core's errors to the package's.

use pyo3::PyErr;
use pyo3::exceptions::PyKeyboardInterrupt;

mod classes {
    pyo3::import_exception!(wfo.errors, EngineError);
    pyo3::import_exception!(wfo.errors, InputError);
}

/// The package's error for one of the core.
#[must_use]
pub fn raise(error: wfo_core::Error) -> PyErr {
    match error {
        wfo_core::Error::Lacks { .. } => classes::EngineError::new_err(error.to_string()),
        wfo_core::Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        _ => classes::InputError::new_err(error.to_string()),
    }
}

/// The package's error of an argument.
#[must_use]
pub fn input_error(said: String) -> PyErr {
    classes::InputError::new_err(said)
}

/// The package's error of an engine.
pub(crate) fn engine_error(said: String) -> PyErr {
    classes::EngineError::new_err(said)
}

/// The error of a name that is none of those that are allowed.
#[must_use]
pub fn unknown(name: &str, value: &str, allowed: &str) -> PyErr {
    classes::InputError::new_err(format!("{name} = '{value}' is unknown; it must be {allowed}"))
}
