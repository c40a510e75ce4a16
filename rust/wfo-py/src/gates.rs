//! The class `Gates`.

use pyo3::prelude::*;
use wfo_bindings::errors::{raise, unknown};
use wfo_core::Error;
use wfo_core::scoring::{Beat, Gates, Measure};

/// Thresholds of validity.
#[pyclass(frozen, eq, module = "wfo._core", name = "Gates")]
#[derive(PartialEq)]
pub struct PyGates {
    pub(crate) inner: Gates,
}

#[pymethods]
impl PyGates {
    #[new]
    #[pyo3(signature = (wfe, dd_ratio, min_trades = 0, measure = None, capital = 0.0, floors = Vec::new()))]
    fn new(
        wfe: f64,
        dd_ratio: f64,
        min_trades: u64,
        measure: Option<&str>,
        capital: f64,
        floors: Vec<f64>,
    ) -> PyResult<Self> {
        let min_trades = u16::try_from(min_trades).map_err(|_| {
            let allowed = "stored counts stop at 65,535";
            raise(Error::CountRange { name: "min_trades", value: min_trades, allowed })
        })?;
        let measure = match measure {
            None => None,
            Some("return") => Some(Measure::Return),
            Some("risk") => Some(Measure::Risk),
            Some(other) => return Err(unknown("measure", other, "return or risk")),
        };
        let beat = measure.map(|measure| Beat { measure, capital, floors: floors.into() });
        Ok(Self { inner: Gates { wfe, dd_ratio, min_trades, beat } })
    }
}
