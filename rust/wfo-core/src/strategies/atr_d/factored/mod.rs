//! The factored engine: whole grids at a cost per trade and not per bar.
//!
//! Between two events a strategy knows only its state and the bar since which it holds. So every
//! order of ATR-D is a function from a start bar to the time of its first touch and its fill: a
//! first-touch table ([`first_touch`](crate::engine::first_touch)). A backtest is a path through such tables, one step an event
//! ([`path`]), and what its trades do to money follows from a table of the closes that depends on
//! no parameter ([`range_summary`](crate::engine::range_summary), [`per_unit`](crate::engine::per_unit)). A first-touch table depends on few parameters,
//! and is computed once for all combinations that share them: [`layout`] says which do.
//!
//! All phases begin with the first stored bar, so indicators and tables are the same for all of
//! them; a phase is three positions in the tables. They are computed from the bar before the first
//! phase's first trading bar to the end of the last one.
//!
//! Why the result is exact: every touch is decided, and every fill computed, by the contract's own
//! expressions on the same indicator values as in [`direct`](crate::engine::direct), so paths take
//! the same events in the same bars. Money alone is computed in another order, which moves it by a
//! few units in the last place; where such a unit could decide whether an account is ruined
//! ([`ruin`](crate::engine::ruin)), the direct engine's expressions decide it ([`settle`]).
//!
//! Files use those below them:
//!
//! ```text
//! sweep                                     driver: work units on all threads
//! extended      segments                    extended figures, long histories
//! schedule      lockstep      coalesced     work units, paths in lane batches, paths by common state
//! prepared      simulate                    what all of the above share, one parameter set
//! history                                   bars and phases, orders become tables
//! stop_sets     tightening    settle        representatives, equal tightenings, figures of trades
//! layout        path                        parts of a grid, sequences of trades
//! entry_lookup  order_tables                entries and exits by row
//! entry_filter  hash                        veto and Hull averages
//! ```
//!
//! First touches, what trades make of a unit of equity, and the accounts of lanes are those of
//! [`engine`](crate::engine).

mod coalesced;
mod entry_filter;
mod entry_lookup;
mod extended;
mod hash;
mod history;
mod layout;
mod lockstep;
mod order_tables;
mod path;
mod prepared;
mod schedule;
mod segments;
mod settle;
mod simulate;
mod stop_sets;
mod sweep;
mod tightening;

pub use self::simulate::simulate;
pub use self::sweep::Sweep;

use crate::execution::settings::AccountSettings;
use crate::strategies::atr_d::Variant;

/// The parts of the engine, for benchmarks of each.
pub mod parts {
    pub use crate::engine::first_touch::{FirstTouch, SignedBars, StartRange};
    pub use crate::engine::intrabar_time::IntrabarTime;
    pub use crate::engine::range_summary::{RangeSummaries, RangeSummary};
}

/// Why this engine cannot compute a grid, by the parameters of its axes, where it cannot.
#[must_use]
pub fn lacks(variant: Variant, axes: &[&[usize]]) -> Option<String> {
    layout::lacks(variant, axes)
}

/// Why this engine cannot compute the figures of a whole history.
pub const LACKS_PERFORMANCE: &str = "it looks at the closes of the bars between two fills, and intraday drawdowns need their highs \
     and lows";

/// Why this engine cannot return marks.
pub const LACKS_MARKS: &str =
    "it computes what many combinations share, and marks are those of single ones";

/// Why this engine cannot compute the extended figures of a grid, where it cannot.
#[must_use]
pub fn lacks_extended(account: &AccountSettings) -> Option<String> {
    extended::lacks(account)
}
