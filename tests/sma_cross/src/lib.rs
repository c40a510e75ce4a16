//! A strategy in a crate of its own: long while a fast average of closes lies above a slow one.
//!
//! Orders of bar `t` follow the averages at the close of bar `t - 1` and are filled at `open[t]`: a buy
//! from flat where the fast one is above, a sale of what is held where it is below. An average is the
//! mean of the last closes, summed oldest first. Nothing is sold short.

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

/// Lengths of the two averages, in bars.
#[derive(Debug)]
pub struct Lengths {
    fast: usize,
    slow: usize,
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
    type Params = Lengths;
    type Shared = Shared;
    type Scratch = ();
    type State = Option<Holding>;

    fn name(&self) -> &str {
        "sma_cross"
    }

    fn parameters(&self) -> Vec<&'static str> {
        vec!["fast", "slow"]
    }

    fn params(&self, values: &[f64]) -> Result<Lengths> {
        let &[fast, slow] = values else {
            return Err(Error::ParameterCount { given: values.len(), expected: 2 });
        };
        Ok(Lengths { fast: whole("fast", fast)?, slow: whole("slow", slow)? })
    }

    fn lookback(&self, lengths: &Lengths) -> usize {
        lengths.fast.max(lengths.slow)
    }

    fn prepare(&self, feeds: &Feeds, sets: &Sets<Lengths>, (): &()) -> Result<Shared> {
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
        lengths: &Lengths,
        bars: Range<usize>,
        held: &mut Option<Holding>,
        account: &mut Account<'_, R>,
    ) {
        let (fast, slow) = (&shared.averages[&lengths.fast], &shared.averages[&lengths.slow]);
        for t in bars {
            let open = shared.bars.open()[t];
            match *held {
                None if fast[t - 1] > slow[t - 1] && !account.is_ruined() => {
                    *held = Some(account.enter(Side::Long, t, open));
                }
                Some(position) if fast[t - 1] < slow[t - 1] => {
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
