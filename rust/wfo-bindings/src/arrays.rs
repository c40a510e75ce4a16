//! Arrays as slices, and rows of tables as arrays.

use std::borrow::Cow;

use numpy::{Element, PyArray, PyArray1, PyArray2, PyReadonlyArray1};
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::errors::engine_error;

/// The values of an array; what is not contiguous is copied.
#[must_use]
pub fn values<'a, T: Element + Copy>(array: &'a PyReadonlyArray1<'_, T>) -> Cow<'a, [T]> {
    array.as_slice().map_or_else(|_| Cow::Owned(array.as_array().to_vec()), Cow::Borrowed)
}

/// A new array of zeros, in NumPy's own memory.
///
/// # Errors
/// More memory than there is.
pub fn zeros<'py, T: Element, const N: usize, D>(
    py: Python<'py>,
    shape: [usize; N],
) -> PyResult<Bound<'py, PyArray<T, D>>>
where
    [usize; N]: numpy::ndarray::IntoDimension<Dim = D>,
    D: numpy::ndarray::Dimension,
{
    // `PyArray::zeros` panics where there is no memory; the function of the same name raises.
    let sizes = pyo3::types::PyTuple::new(py, shape)?;
    let made = py.import("numpy")?.call_method1("zeros", (sizes, T::get_dtype(py)));
    let array = made.map_err(|error| {
        // A shape that no address can number is a ValueError of its own.
        let bytes = shape.iter().fold(size_of::<T>() as f64, |bytes, &len| bytes * len as f64);
        let too_large = bytes > isize::MAX as f64;
        if too_large || error.is_instance_of::<PyMemoryError>(py) {
            let gigabytes = bytes / 1e9;
            return engine_error(format!(
                "figures of {gigabytes:.0} GB do not fit in memory; ask for fewer at a time"
            ));
        }
        error
    })?;
    Ok(array.cast_into()?)
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
