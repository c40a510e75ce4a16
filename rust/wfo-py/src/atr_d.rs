//! The strategies that come with the package.

use pyo3::prelude::*;
use wfo_bindings::Family;
use wfo_bindings::errors::{raise, unknown};
use wfo_bindings::kernel::{SimulationInput, Wanted};
use wfo_core::engine::direct;
use wfo_core::engine::tiers::Tier;
use wfo_core::figures::Simulation;
use wfo_core::strategies::atr_d::factored;
use wfo_core::strategies::atr_d::{EntryStyle, Settings, Task, VARIANTS, Variant};
use wfo_core::{Error, PreparedSweep, Result};

/// The six variants of ATR-D.
pub enum AtrD {}

/// The fields of `wfo.Settings` that only this strategy has, read by name.
#[derive(FromPyObject)]
struct Fields {
    max_stop_atr: f64,
    entry_style: String,
}

/// Why the factored engine cannot run sets in succession.
const DATED: &str = "it holds one parameter set from the first bar to the last";

impl Family for AtrD {
    type Kernel = Variant;

    const ENGINES: &'static [&'static str] = &["direct", "factored"];

    fn all() -> Vec<Variant> {
        VARIANTS.to_vec()
    }

    fn settings(object: &Bound<'_, PyAny>) -> PyResult<Settings> {
        let Fields { max_stop_atr, entry_style } = object.extract()?;
        let entry_style = match entry_style.as_str() {
            "pullback" => EntryStyle::Pullback,
            "breakout" => EntryStyle::Breakout,
            other => return Err(unknown("entry_style", other, "pullback or breakout")),
        };
        Settings { max_stop_atr, entry_style }.checked().map_err(raise)
    }

    fn lacks(kernel: &Variant, engine: &str, wanted: Wanted<'_>) -> Option<String> {
        match engine {
            "factored" if wanted.dated => Some(DATED.to_owned()),
            "factored" if wanted.performance => Some(factored::LACKS_PERFORMANCE.to_owned()),
            "factored" => {
                let axes = wanted.axes.and_then(|axes| factored::lacks(*kernel, axes));
                let extended = || factored::lacks_extended(wanted.account);
                axes.or_else(|| wanted.extended.then(extended).flatten())
            }
            _ => None,
        }
    }

    fn sweep(engine: &str, task: Task) -> Result<Box<dyn PreparedSweep>> {
        let tier = tier()?;
        Ok(match engine {
            "factored" => Box::new(factored::Sweep::new(task, tier)?),
            _ => Box::new(direct::Sweep::new(task)),
        })
    }

    fn simulate(
        kernel: &Variant,
        engine: &str,
        input: SimulationInput<'_, Settings>,
    ) -> Result<Simulation> {
        let SimulationInput { feeds, sets, account, settings, slice, labels } = input;
        match (engine, sets) {
            ("factored", [(_, values)]) => {
                factored::simulate(*kernel, feeds, values, account, settings, slice, labels)
            }
            ("factored", _) => Err(Error::Lacks { engine: "factored", reason: DATED.to_owned() }),
            _ => direct::simulate(kernel, feeds, sets, account, settings, slice, labels),
        }
    }
}

/// The instruction tier that the environment names, or the best one.
pub fn tier() -> Result<Tier> {
    Tier::chosen(std::env::var("WFO_SIMD").ok().as_deref())
}

wfo_bindings::kernel_bindings!("wfo._core", AtrD);
