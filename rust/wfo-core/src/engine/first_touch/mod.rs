//! First-touch tables: for every bar since which an order is followed, when it is filled, and at
//! what price.
//!
//! Between two events a strategy knows only the bar since which its state holds, so a touch of the
//! contract is a function of that bar alone. A [`FirstTouch`] is that function as a table. It
//! depends on the few parameters of one order: all combinations that share them share the table.
//!
//! A table is filled in one pass over the bars, in time that is linear in their number. In bar `t`
//! the level of start `s` is `extreme(s, t-1) - distance(t-1)`, and the extreme does not grow with
//! `s`. Subtraction is monotone in floating point too, so the starts that bar `t` fills are always
//! the oldest pending ones, and those that share an extreme are filled together, at one price. It
//! is enough to look at the oldest pending start in every bar. The comparison and the fill are the
//! contract's own expressions, so the table is exact.
//!
//! A filter hides a bar by a distance of +∞ before it: no level is reached. A bar that fills every
//! pending order at its open has a distance of -∞. Neither needs a branch.

mod resumed;
mod signed_bars;
mod table;
mod visited;

pub(crate) use self::resumed::FirstTouchCursor;
pub use self::signed_bars::SignedBars;
pub(crate) use self::table::FirstTouchView;
pub use self::table::{FirstTouch, StartRange};
pub(crate) use self::visited::TouchVisitor;

#[cfg(test)]
mod tests;
