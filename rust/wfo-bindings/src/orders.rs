//! State and orders in the bar after the last one.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use wfo_core::engine::working::{Working, working};
use wfo_core::execution::account::Side;

use crate::feeds::{PyFeeds, feeds};
use crate::kernel::{Family, Handle};
use crate::pools::detached;

/// The state by name, and an item by name for each order.
pub type Orders<'py> = (Bound<'py, PyDict>, Bound<'py, PyList>);

/// Goes through all bars with one parameter set, and returns what works in the bar after the last one.
///
/// # Errors
/// Anything that cannot be used.
pub fn orders<'py, H: Handle>(
    py: Python<'py>,
    strategy: &H,
    given: &PyFeeds<'py>,
    params: &[f64],
    settings: &Bound<'py, PyAny>,
    warmup: usize,
) -> PyResult<Option<Orders<'py>>> {
    let kernel = strategy.kernel()?;
    let feeds = feeds(given)?;
    let account = crate::settings::account(settings)?;
    let settings = <H::Family>::settings(settings)?;
    let work = || working(&kernel, &feeds, params, &account, &settings, warmup);
    detached(py, work)?.map(|found| written(py, found)).transpose()
}

fn written(py: Python<'_>, found: Working) -> PyResult<Orders<'_>> {
    let Working { standing, shares, equity, mark, ruined } = found;
    let held = standing.holding;
    let state = PyDict::new(py);
    let side = held.map_or(0, |held| match held.position.side {
        Side::Long => 1,
        Side::Short => -1,
    });
    state.set_item("side", side)?;
    state.set_item("since", standing.since)?;
    state.set_item("entry_price", held.map(|held| held.entry_price))?;
    state.set_item("shares", held.map_or(0.0, |held| held.position.shares))?;
    state.set_item("equity", equity)?;
    state.set_item("mark", mark)?;
    state.set_item("ruined", ruined)?;
    state.set_item("both_fill", standing.both_fill)?;
    let orders = PyList::empty(py);
    for (order, shares) in standing.orders.iter().zip(shares) {
        let item = PyDict::new(py);
        item.set_item("action", order.action.name())?;
        item.set_item("kind", order.kind.name())?;
        // A level that is no number keeps its order from working, and is none.
        let level = order.kind.level().filter(|level| level.is_finite());
        item.set_item("level", level)?;
        item.set_item("shares", shares)?;
        item.set_item("obstacle", order.obstacle.map(|obstacle| obstacle.reason))?;
        let numbers = order.obstacle.and_then(|obstacle| obstacle.numbers);
        item.set_item("obstacle_numbers", numbers)?;
        item.set_item("fills_beyond", order.fills_beyond)?;
        orders.append(item)?;
    }
    Ok((state, orders))
}
