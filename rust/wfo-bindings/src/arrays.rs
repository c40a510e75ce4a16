//! Arrays as slices, and rows of tables as arrays.

use std::borrow::Cow;

use numpy::{Element, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::prelude::*;

/// The values of an array; what is not contiguous is copied.
#[must_use]
pub fn values<'a, T: Element + Copy>(array: &'a PyReadonlyArray1<'_, T>) -> Cow<'a, [T]> {
    array.as_slice().map_or_else(|_| Cow::Owned(array.as_array().to_vec()), Cow::Borrowed)
}

/// A row of a table; it keeps the table alive.
///
/// # Errors
/// A row that the table does not have.
pub fn row<'py, T: Element>(
    table: &Bound<'py, PyArray2<T>>,
    row: usize,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    Ok(table.get_item(row)?.cast_into()?)
}
