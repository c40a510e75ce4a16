//! A strategy in a crate of its own: long from where a fast average of closes rises above a slow one to
//! where it falls below.
//!
//! Orders of bar `t` follow the averages at the close of bar `t - 1` and are filled at `open[t]`: a buy
//! from flat where the fast one is above the slow one by more than a band, a sale of what is held where
//! it is below by more. An average is the mean of the last closes, summed oldest first. Nothing is sold
//! short.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use pyo3::prelude::*;
use wfo_bindings::{Family, export_kernel};
use wfo_core::execution::account::{Account, Holding, Recorder, Side};
use wfo_core::indicators;
use wfo_core::kernel::{Kernel, Sets};
use wfo_core::{Bars, Error, Feeds, Result};

/// The strategy, which has no options.
#[derive(Debug)]
pub struct SmaCross;

/// Lengths of the two averages, in bars, and the band as a share of the slow one.
#[derive(Debug)]
pub struct Params {
    fast: usize,
    slow: usize,
    band: f64,
}

/// The bars, and the averages of a grid by length.
#[derive(Debug)]
pub struct Shared {
    bars: Arc<Bars>,
    averages: BTreeMap<usize, Vec<f64>>,
}

fn whole(name: &'static str, value: f64) -> Result<usize> {
    let allowed = "it must be a whole number >= 1";
    let fits = value.fract() == 0.0 && (1.0..=f64::from(u32::MAX)).contains(&value);
    if fits { Ok(value as usize) } else { Err(Error::OutOfRange { name, value, allowed }) }
}

impl Kernel for SmaCross {
    type Settings = ();
    type Params = Params;
    type Shared = Shared;
    type Scratch = ();
    type State = Option<Holding>;

    fn name(&self) -> &str {
        "sma_cross"
    }

    fn parameters(&self) -> Vec<&'static str> {
        vec!["fast", "slow", "band"]
    }

    fn params(&self, values: &[f64]) -> Result<Params> {
        let &[fast, slow, band] = values else {
            return Err(Error::ParameterCount { given: values.len(), expected: 3 });
        };
        if !(0.0..=0.1).contains(&band) {
            let allowed = "it must be a number >= 0 and <= 0.1";
            return Err(Error::OutOfRange { name: "band", value: band, allowed });
        }
        Ok(Params { fast: whole("fast", fast)?, slow: whole("slow", slow)?, band })
    }

    fn lookback(&self, params: &Params) -> usize {
        params.fast.max(params.slow)
    }

    fn prepare(&self, feeds: &Feeds, sets: &Sets<Params>, (): &()) -> Result<Shared> {
        let bars = feeds.bars("bars")?.clone();
        let lengths: BTreeSet<usize> = sets.sets.iter().flat_map(|s| [s.fast, s.slow]).collect();
        let average = |length| (length, indicators::mean(bars.close(), length));
        let averages = lengths.into_iter().map(average).collect();
        Ok(Shared { bars, averages })
    }

    fn scratch(&self, _: &Shared, _: Range<usize>) {}

    fn start(&self, _: &Shared, _: usize) -> Option<Holding> {
        None
    }

    fn through<R: Recorder>(
        &self,
        shared: &Shared,
        (): &mut (),
        params: &Params,
        bars: Range<usize>,
        held: &mut Option<Holding>,
        account: &mut Account<'_, R>,
    ) {
        let (fast, slow) = (&shared.averages[&params.fast], &shared.averages[&params.slow]);
        let (up, down) = (1.0 + params.band, 1.0 - params.band);
        for t in bars {
            let open = shared.bars.open()[t];
            match *held {
                None if fast[t - 1] > slow[t - 1] * up && !account.is_ruined() => {
                    *held = Some(account.enter(Side::Long, t, open));
                }
                Some(position) if fast[t - 1] < slow[t - 1] * down => {
                    account.leave(position, t, open);
                    *held = None;
                }
                _ => {}
            }
            account.end_bar(t, held.map(|h| h.position), shared.bars.close()[t]);
        }
    }
}

/// What the module offers: one strategy, without settings of its own.
enum Strategies {}

impl Family for Strategies {
    type Kernel = SmaCross;

    fn all() -> Vec<SmaCross> {
        vec![SmaCross]
    }

    fn settings(_: &Bound<'_, PyAny>) -> PyResult<()> {
        Ok(())
    }
}

export_kernel!(_core, "sma_cross._core", Strategies);
