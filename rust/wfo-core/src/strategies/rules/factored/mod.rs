//! The factored engine of rules: whole grids at a cost per trade and not per bar.
//!
//! Between two events nothing changes but the bar: what holds is the state, the bar since which it does,
//! and the fill with which it began. What an order needs of them says how it is found:
//!
//! - An order at a level of its own, or at the open, is touched in a set of bars, whatever the state
//!   ([`touch_set`], [`bits`]); a condition is another set, and both are searched at once.
//! - A level behind the extreme since the state began has a first touch for each bar of the beginning
//!   ([`trail`]).
//! - A level at a distance from the fill is found by a search over the extremes of the bars
//!   ([`reach`]), which depends on no parameter.
//!
//! A backtest is a walk from event to event ([`walk`]); what its trades do to money follows from a
//! table of the closes ([`range_summary`](crate::engine::range_summary)) that no parameter changes
//! either. Each part of a program is computed once for all combinations that share its parameters
//! ([`parts`]), kept for the whole sweep where there is room, and else as long as a worker needs it.
//!
//! Why the result is exact: every touch is decided, and every fill computed, by the contract's own
//! expressions on the values of the direct engine, and equity after each fill by the account itself.
//! Only the marks between two fills are summed up at once.
//!
//! Where one side alone is traded, and what is entered says when it is left, tables lead the paths
//! ([`tabled`], [`tables`], [`making`], [`leading`], [`lockstep`]); all others are walked one after
//! the other ([`listed`], [`walk`]). Trades of both are entered in the accounts of four paths at a
//! time, by the same operations in the same order, so that no figure says which way it came. Where
//! rounding could decide a ruin, and where shares are counted in lots, the account itself goes from
//! fill to fill ([`money`]).
//!
//! Files use those below them:
//!
//! ```text
//! simulate                        one parameter set, with its trades
//! sweep                           a grid in pieces, on all threads
//! leading  listed                 boxes that share tables, other combinations
//! making                          the tables of a combination
//! worker                          parts and orders of a combination
//! prepared  tabled                what all of them share, whether tables lead and which
//! lockstep  cache                 eight paths through tables, tables that are kept
//! tables    written               entries and exits by row, cells in any order
//! money  paths  parts             figures by the account, listed trades, parts of a program
//! walk                            from event to event
//! orders                          the first touch of an order
//! touch_set  trail  conditions    what parts are
//! bits  reach  boxes              sets of bars, levels that stay, ranges of an index
//! ```

mod bits;
mod boxes;
mod cache;
mod conditions;
mod leading;
mod listed;
mod lockstep;
mod making;
mod money;
mod orders;
mod parts;
mod paths;
mod prepared;
mod reach;
mod simulate;
mod sweep;
mod tabled;
mod tables;
mod touch_set;
mod trail;
mod walk;
mod worker;
mod written;

pub use self::simulate::simulate;
pub use self::sweep::Sweep;

use super::program::Program;

/// Why this engine cannot compute the figures of a whole history.
pub const LACKS_PERFORMANCE: &str = "it looks at the closes of the bars between two fills, and intraday drawdowns need their highs \
     and lows";

/// Why this engine cannot run sets in succession.
pub const LACKS_DATED: &str = "it holds one parameter set from the first bar to the last";

/// Why this engine cannot return marks.
pub const LACKS_MARKS: &str =
    "it goes from fill to fill, and marks are those of the bars between them";

/// Why this engine cannot compute the extended figures.
pub const LACKS_EXTENDED: &str =
    "it goes from fill to fill, and the extended figures follow the equity from bar to bar";

/// Why this engine cannot run a program, where it cannot, with what that depends on.
#[must_use]
pub fn lacks(program: &Program) -> Option<String> {
    let what = if program.risk.is_some() {
        "risk"
    } else if program.size.is_some() {
        "size"
    } else {
        return None;
    };
    Some(format!("{what} changes what a trade takes at each entry, which it does not follow"))
}

#[cfg(test)]
mod tests;
