//! Feeds as Python passes them: pairs of a name and a dict of columns.

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use wfo_core::Feeds;

use crate::errors::raise;

/// Named feeds, each with its columns by name, float64.
pub type PyFeeds<'py> = Vec<(String, Bound<'py, PyDict>)>;

/// Copies the columns of all feeds and checks them.
///
/// # Errors
/// Columns that are no float64 arrays, or that [`Feeds::new`] refuses.
pub fn feeds(given: &PyFeeds<'_>) -> PyResult<Feeds> {
    let column = |(name, values): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let values: PyReadonlyArray1<'_, f64> = values.extract()?;
        Ok((name.extract::<String>()?, values.as_array().to_vec()))
    };
    let feed = |(name, columns): &(String, Bound<'_, PyDict>)| {
        let columns = columns.iter().map(column).collect::<PyResult<Vec<_>>>()?;
        Ok((name.clone(), columns))
    };
    Feeds::new(given.iter().map(feed).collect::<PyResult<_>>()?).map_err(raise)
}
