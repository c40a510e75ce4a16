//! How many bars a program needs before it decides.

use super::node::{Kind, Op, Window};
use super::program::Program;
use crate::error::Result;

impl Program {
    /// The first bar in which everything that decides has a value [P4], of the numbers of a set.
    /// `lookback` says what a function adds: its place, and its numbers.
    ///
    /// # Errors
    /// An error of `lookback`.
    pub fn first_bar(
        &self,
        numbers: &[f64],
        lookback: impl Fn(usize, &[f64]) -> Result<usize>,
    ) -> Result<usize> {
        let mut first = vec![0_usize; self.nodes.len()];
        for (place, node) in self.nodes.iter().enumerate() {
            if self.kinds[place] == Kind::Number || !self.used[place] {
                continue;
            }
            let parts = node.args.iter().map(|&part| first[part]).max().unwrap_or(0);
            let more = match node.op {
                Op::Shift => numbers[node.args[1]] as usize,
                Op::Window(Window::Ema) => 0,
                Op::Window(_) => numbers[node.args[1]] as usize - 1,
                Op::Call(function) => {
                    let own: Vec<f64> =
                        self.numbers_among(node).map(|part| numbers[part]).collect();
                    lookback(function, &own)?
                }
                // [G4] Without the bars a higher bar counts as one of them.
                Op::Latest => 0,
                // It reads the close before.
                Op::TrueRange if first[node.args[2]] > 0 => {
                    (first[node.args[2]] + 1).saturating_sub(parts)
                }
                _ => 0,
            };
            first[place] = parts.saturating_add(more);
        }
        Ok(self.roots().map(|node| first[node]).max().unwrap_or(0))
    }
}
