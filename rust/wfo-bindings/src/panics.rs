//! Panics of the core as errors of the package.

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, Once};

use pyo3::PyErr;

use crate::errors::engine_error;

/// Where the last panic was, for the error that is made of it.
static PLACE: Mutex<Option<String>> = Mutex::new(None);

/// Keeps panics of this module from writing to the terminal: each becomes an error, which says what
/// and where it was. With `RUST_BACKTRACE` they are written too.
pub fn quiet() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            // No thread waits here: one that held the lock may have been left behind by a fork.
            if let (Some(place), Ok(mut held)) = (info.location(), PLACE.try_lock()) {
                *held = Some(format!(" at {}:{}", place.file(), place.line()));
            }
            if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
                before(info);
            }
        }));
    });
}

/// The error of a panic.
pub(crate) fn error(panic: &(dyn Any + Send)) -> PyErr {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let said: Vec<&str> = said.unwrap_or("no message").split_whitespace().collect();
    let place = PLACE.try_lock().ok().and_then(|mut held| held.take()).unwrap_or_default();
    engine_error(format!(
        "the compiled core failed{place}: {}; this is a mistake in wfo or in a strategy's kernel: \
         please report it, with the call and its input",
        said.join(" ")
    ))
}

/// The error of threads that the system does not have.
pub(crate) fn no_threads(threads: usize, why: &str) -> PyErr {
    engine_error(format!("{threads} threads cannot be started: {why}; take fewer threads"))
}
