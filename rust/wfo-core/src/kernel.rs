//! A kernel: the interface of a strategy to the engines.
//!
//! The direct engine runs any kernel bar by bar. It has the parts that all strategies share: grids,
//! phases and their parts, parameter sets that change within a phase, workers, figures. A kernel
//! defines its parameters, computes the series that a grid shares, and advances bar by bar.

use std::fmt::Debug;
use std::ops::Range;

use crate::error::Result;
use crate::execution::account::{Account, Amount, Recorder};
use crate::grid::Grid;
use crate::market::feeds::Feeds;
use crate::orders::{Order, Standing};

/// A strategy that an engine can run.
pub trait Kernel: Debug + Send + Sync + 'static {
    /// Settings of the strategy that are not searched; `()` where there are none.
    type Settings: Debug + Send + Sync;
    /// A checked parameter set.
    type Params: Send + Sync;
    /// Data computed once for a whole grid: the bars and the indicator series.
    type Shared: Debug + Send + Sync;
    /// Scratch that one worker keeps from combination to combination.
    type Scratch;
    /// State that persists from one bar to the next: the position, and the values of its orders.
    type State;

    /// Its name in the catalogue.
    fn name(&self) -> &str;

    /// Canonical parameter names; in a flat index of single axes the last one varies fastest.
    fn parameters(&self) -> Vec<&str>;

    /// The feeds that it reads.
    fn feeds(&self) -> Vec<&str> {
        vec!["bars"]
    }

    /// Reads a parameter set in canonical order.
    ///
    /// # Errors
    /// A wrong number of values, or one that is out of range.
    fn params(&self, values: &[f64]) -> Result<Self::Params>;

    /// Bars before the first trading bar that a parameter set needs.
    fn lookback(&self, params: &Self::Params) -> usize;

    /// Parameter sets that between them hold everything that [`prepare`](Self::prepare) has to
    /// compute. By default every value of every axis; a kernel whose series depend on two parameters
    /// together adds the pairs.
    fn covering(&self, grid: &Grid) -> Vec<Vec<f64>> {
        grid.covering()
    }

    /// Computes what a grid shares.
    ///
    /// # Errors
    /// A feed or column that is missing.
    fn prepare(
        &self,
        feeds: &Feeds,
        sets: &Sets<Self::Params>,
        settings: &Self::Settings,
    ) -> Result<Self::Shared>;

    /// An empty scratch for work on the bars of a range.
    fn scratch(&self, shared: &Self::Shared, bars: Range<usize>) -> Self::Scratch;

    /// Memory of a scratch, in bytes.
    fn scratch_bytes(&self, _shared: &Self::Shared) -> usize {
        0
    }

    /// The state in which a phase begins, `bar` being the one before its first trading bar.
    fn start(&self, shared: &Self::Shared, bar: usize) -> Self::State;

    /// Advances through some consecutive bars with a parameter set.
    ///
    /// Orders of bar `t` follow this set, from values at bars before `t` alone. Every bar ends with
    /// [`Account::end_bar`]. The state holds entries of earlier bars, possibly of another set. Once the
    /// account is ruined nothing may be entered.
    fn through<R: Recorder>(
        &self,
        shared: &Self::Shared,
        scratch: &mut Self::Scratch,
        params: &Self::Params,
        bars: Range<usize>,
        state: &mut Self::State,
        account: &mut Account<'_, R>,
    );

    /// What works in bar `bar`, the one after the last: the state, and the orders of a parameter set.
    ///
    /// It is to predict [`through`](Self::through): a bar that is added afterwards does to the state
    /// what its prices do to these orders. `None`, the default, where the kernel does not say. Whether
    /// the account is ruined is the engine's concern.
    fn standing(
        &self,
        _shared: &Self::Shared,
        _scratch: &mut Self::Scratch,
        _params: &Self::Params,
        _bar: usize,
        _state: &Self::State,
    ) -> Option<Standing> {
        None
    }

    /// What one of those entries takes where it is filled at `price`; by default all.
    fn amount(
        &self,
        _shared: &Self::Shared,
        _scratch: &mut Self::Scratch,
        _params: &Self::Params,
        _bar: usize,
        _order: &Order,
        _price: f64,
    ) -> Amount {
        Amount::All
    }
}

/// The parameter sets that a kernel prepares for.
#[derive(Debug)]
pub struct Sets<P> {
    /// The sets.
    pub sets: Vec<P>,
    /// Whether values of different sets occur together, as in a grid of several axes.
    pub mixed: bool,
}

impl<P> Sets<P> {
    /// The longest lookback of all sets.
    pub(crate) fn lookback(&self, of: impl Fn(&P) -> usize) -> usize {
        self.sets.iter().map(of).max().unwrap_or(0)
    }
}
