//! Settings as Python passes them: any object with the fields as attributes.

use pyo3::prelude::*;
use wfo_core::{AccountSettings, Sizing};

use crate::errors::{raise, unknown};

/// The fields of `wfo.AccountSettings`, read by name.
#[derive(FromPyObject)]
struct Fields {
    capital: f64,
    slip: f64,
    fee: f64,
    sizing: String,
    lot_size: f64,
}

/// Reads what every strategy has: capital, costs and sizing.
///
/// # Errors
/// A field that is missing, or a value that is out of range.
pub fn account(settings: &Bound<'_, PyAny>) -> PyResult<AccountSettings> {
    let Fields { capital, slip, fee, sizing, lot_size } = settings.extract()?;
    let sizing = match sizing.as_str() {
        "compound" => Sizing::Compound,
        "fixed" => Sizing::Fixed,
        other => return Err(unknown("sizing", other, "compound or fixed")),
    };
    AccountSettings { capital, slip, fee, sizing, lot_size }.checked().map_err(raise)
}
