//! The numbers of a program, of the values of a parameter set.

use super::elementwise::{Operand, binary, choose_block, either, unary};
use super::node::{Kind, Node, Op};
use super::program::{ExitKind, Program, wrong};
use crate::error::{Error, Result};

/// The largest length, in bars.
const MOST_BARS: f64 = 1e9;

impl Program {
    /// The value of every number of the program, of one value a parameter; NaN for columns.
    ///
    /// # Errors
    /// Another number of values than parameters, or a length that is none [P3], with its value.
    pub fn numbers(&self, values: &[f64]) -> Result<Vec<f64>> {
        let mut numbers = Vec::new();
        self.write_numbers(values, &mut numbers)?;
        Ok(numbers)
    }

    /// Writes [`numbers`](Self::numbers).
    ///
    /// # Errors
    /// The same.
    pub fn write_numbers(&self, values: &[f64], numbers: &mut Vec<f64>) -> Result<()> {
        let (given, expected) = (values.len(), self.parameters.len());
        if given != expected {
            return Err(Error::ParameterCount { given, expected });
        }
        numbers.clear();
        numbers.resize(self.nodes.len(), f64::NAN);
        for (place, node) in self.nodes.iter().enumerate() {
            if self.kinds[place] == Kind::Number {
                numbers[place] = number(node, values, numbers);
            }
            // The bars of a shift of a number are as whole as others.
            if self.used[place]
                && let Some((length, least)) = node.op.length()
            {
                // [P3] [C1] [C2]
                let of = || match node.op {
                    Op::Shift => "the bars of shift".to_owned(),
                    op => format!("the length of {}", op.name()),
                };
                self.check_length(of, node.args[length], least, values, numbers)?;
            }
        }
        let exits = [("exit_long", &self.exit_long), ("exit_short", &self.exit_short)];
        for (list, order) in exits.iter().flat_map(|(list, own)| own.iter().map(move |o| (list, o)))
        {
            if let (ExitKind::After, Some(bars)) = (order.kind, order.value) {
                // [P3] [R12]
                let of = || format!("the bars of after in {list}");
                self.check_length(of, bars, 1.0, values, numbers)?;
            }
        }
        if let Some(risk) = self.risk
            && !(numbers[risk] > 0.0 && numbers[risk] <= 1.0)
        {
            // [Z2]
            let allowed = "it must be above 0 and at most 1";
            return self.refused("risk is", allowed, risk, values, numbers);
        }
        Ok(())
    }

    fn check_length(
        &self,
        of: impl FnOnce() -> String,
        node: usize,
        least: f64,
        values: &[f64],
        numbers: &[f64],
    ) -> Result<()> {
        let bars = numbers[node];
        if bars.fract() == 0.0 && (least..=MOST_BARS).contains(&bars) {
            return Ok(());
        }
        let allowed = format!("it must be whole, from {least} to 1,000,000,000");
        self.refused(&format!("{} is", of()), &allowed, node, values, numbers)
    }

    fn refused<T>(
        &self,
        what: &str,
        allowed: &str,
        node: usize,
        values: &[f64],
        numbers: &[f64],
    ) -> Result<T> {
        let named =
            |&parameter: &usize| format!("{} = {}", self.parameters[parameter], values[parameter]);
        let of: Vec<String> = self.depends[node].iter().map(named).collect();
        let of = if of.is_empty() { String::new() } else { format!(" for {}", of.join(", ")) };
        wrong(format!("{what} {}{of}; {allowed}", numbers[node]))
    }
}

/// The value of a node that is a number.
fn number(node: &Node, values: &[f64], numbers: &[f64]) -> f64 {
    let part = |i: usize| numbers[node.args[i]];
    match node.op {
        Op::Parameter(parameter) => values[parameter],
        Op::Constant(value) => value,
        Op::Unary(op) => unary(op, part(0)),
        Op::Binary(op) => binary(op, part(0), part(1)),
        Op::Where => either(part(0), part(1), part(2)),
        Op::Choose => {
            let mut out = [0.0];
            let branch = |i: usize| Operand::Number(part(i + 1));
            choose_block(part(0), node.args.len() - 1, branch, &mut out);
            out[0]
        }
        // [R15] The same in every bar.
        Op::Shift => part(0),
        Op::Feed(_)
        | Op::TrueRange
        | Op::Window(_)
        | Op::Call(_)
        | Op::Resample(..)
        | Op::Latest => f64::NAN,
    }
}
