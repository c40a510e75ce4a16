//! Conditions as sets of bars, without a column of them.
//!
//! A comparison packs what its values say straight into bits, and logic goes through 64 bars at a
//! time. A value that is not known is one bit more: *holds* lies within *known* [E7], which is followed
//! only where a negation or an alternative asks for it.

use super::bits::{WORD, pack, words};
use crate::engine::comparing::{self, Column, compare};
use crate::engine::f64x4::F64x4;
use crate::engine::tiers::{Tier, Work};
use crate::error::Result;
use crate::strategies::rules::columns::Columns;
use crate::strategies::rules::elementwise::holds;
use crate::strategies::rules::node::{Binary, Kind, Op, Unary};
use crate::strategies::rules::program::Program;

/// Conditions within one, those that several share counted for each of them, that are looked through;
/// one of more is computed as a column, which goes through each once.
const MOST_WITHIN: u32 = 256;

/// Where a condition holds, and where it is known if that was asked for.
#[derive(Debug, Clone)]
struct Condition {
    holds: Vec<u64>,
    known: Option<Vec<u64>>,
}

/// Where one column is at most another and where it is at least, by their nodes.
#[derive(Debug)]
struct Compared {
    nodes: (usize, usize),
    le: Vec<u64>,
    ge: Vec<u64>,
}

/// What is known of the columns of one combination, comparisons that several conditions share; and
/// words that are used again.
#[derive(Debug, Default)]
pub(super) struct Comparisons {
    known: Vec<Compared>,
    spare: Vec<Vec<u64>>,
}

impl Comparisons {
    /// Forgets them: to be called where columns may have changed.
    pub fn clear(&mut self) {
        for Compared { le, ge, .. } in self.known.drain(..) {
            self.spare.extend([le, ge]);
        }
    }

    /// So many words, to be written.
    fn words(&mut self, count: usize) -> Vec<u64> {
        let mut words = self.spare.pop().unwrap_or_default();
        words.resize(count, 0);
        words
    }

    /// Takes words back that are not needed any more.
    fn give(&mut self, Condition { holds, known }: Condition) {
        self.spare.push(holds);
        self.spare.extend(known);
    }
}

/// What conditions are computed of.
pub(super) struct Conditions<'a> {
    pub columns: &'a Columns,
    pub program: &'a Program,
    pub numbers: &'a [f64],
    pub bars: usize,
    pub tier: Tier,
}

/// A column that is held, or that was computed.
enum Values<'a> {
    Held(&'a Column),
    Own(Vec<f64>),
}

impl Conditions<'_> {
    /// A column in all bars; of a number, itself.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub fn column(&self, node: usize) -> Result<Vec<f64>> {
        if self.program.kinds[node] == Kind::Number {
            // [R15]
            return Ok(vec![self.numbers[node]; self.bars]);
        }
        // [C8] What is kept is not computed again, for a function is called once.
        match self.columns.held(node, self.numbers) {
            Some(values) => Ok(values.to_vec()),
            None => self.columns.compute(node, self.numbers),
        }
    }

    /// The bars in which a condition holds as of the bar before.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub fn before(&self, node: usize, shared: &mut Comparisons, out: &mut Vec<u64>) -> Result<()> {
        let condition = self.condition(node, false, shared)?;
        out.resize(condition.holds.len(), 0);
        // [T1]
        self.tier.run(Later { bits: &condition.holds, by: 1, out });
        shared.give(condition);
        Ok(())
    }

    fn condition(
        &self,
        node: usize,
        asks_known: bool,
        shared: &mut Comparisons,
    ) -> Result<Condition> {
        let own = &self.program.nodes[node];
        if self.program.kinds[node] == Kind::Number {
            // [R15]
            let number = self.numbers[node];
            let mut all = |is_so: bool| {
                let mut all = shared.words(words(self.bars));
                all.fill(if is_so { u64::MAX } else { 0 });
                all
            };
            let known = asks_known.then(|| all(!number.is_nan()));
            return Ok(Condition { holds: all(holds(number)), known });
        }
        if self.columns.conditions_within(node) > MOST_WITHIN {
            return self.of_column(node, shared);
        }
        match own.op {
            Op::Unary(Unary::Not) => {
                let mut of = self.condition(own.args[0], true, shared)?;
                if let Some(known) = &of.known {
                    // [E4] [E7]
                    self.tier
                        .run(Merge(&mut of.holds, known, |holds: u64, known: u64| !holds & known));
                }
                Ok(of)
            }
            Op::Binary(Binary::And) => {
                let mut a = self.condition(own.args[0], asks_known, shared)?;
                let b = self.condition(own.args[1], asks_known, shared)?;
                // [E4] Known where both are, and where both hold they are known.
                self.tier.run(Merge(&mut a.holds, &b.holds, |a, b| a & b));
                if let (Some(a), Some(b)) = (&mut a.known, &b.known) {
                    self.tier.run(Merge(a, b, |a, b| a & b));
                }
                shared.give(b);
                Ok(a)
            }
            Op::Binary(Binary::Or) => {
                let mut a = self.condition(own.args[0], true, shared)?;
                let b = self.condition(own.args[1], true, shared)?;
                if let (Some(a_known), Some(b_known)) = (&mut a.known, &b.known) {
                    // [E4] Known where both are.
                    self.tier.run(Merge(a_known, b_known, |a, b| a & b));
                    self.tier.run(Merge(&mut a.holds, &b.holds, |a, b| a | b));
                    self.tier.run(Merge(&mut a.holds, a_known, |holds, known| holds & known));
                }
                shared.give(b);
                Ok(a)
            }
            Op::Binary(op) if op.is_condition() => {
                self.comparison(op, [own.args[0], own.args[1]], asks_known, shared)
            }
            Op::Shift => {
                let of = self.condition(own.args[0], asks_known, shared)?;
                let by = self.numbers[own.args[1]] as usize;
                if by == 0 {
                    return Ok(of);
                }
                let mut later = |bits: &[u64]| {
                    let mut out = shared.words(bits.len());
                    self.tier.run(Later { bits, by, out: &mut out });
                    out
                };
                let (holds, known) = (later(&of.holds), of.known.as_deref().map(later));
                shared.give(of);
                Ok(Condition { holds, known })
            }
            _ => self.of_column(node, shared),
        }
    }

    /// A condition that is computed as a column.
    fn of_column(&self, node: usize, shared: &mut Comparisons) -> Result<Condition> {
        let values = self.column(node)?;
        // What is given back is taken again, so that there is not ever more of it.
        let (mut holding, mut known) = (shared.words(0), shared.words(0));
        pack(self.bars, |bar| holds(values[bar]), &mut holding);
        pack(self.bars, |bar| !values[bar].is_nan(), &mut known);
        Ok(Condition { holds: holding, known: Some(known) })
    }

    /// The part of a shift, and by how many bars.
    fn shift_of(&self, node: usize) -> Option<(usize, usize)> {
        let own = &self.program.nodes[node];
        let is_shift = own.op == Op::Shift && self.program.kinds[node] != Kind::Number;
        is_shift.then(|| (own.args[0], self.numbers[own.args[1]] as usize))
    }

    fn comparison(
        &self,
        op: Binary,
        [a, b]: [usize; 2],
        asks_known: bool,
        shared: &mut Comparisons,
    ) -> Result<Condition> {
        let is_number = |node: usize| self.program.kinds[node] == Kind::Number;
        // What is compared before a shift is the same as after it [C1].
        let (a, b, back) = match (self.shift_of(a), self.shift_of(b)) {
            (Some((a, back)), Some((b, other))) if back == other => (a, b, back),
            (Some((a, back)), None) if is_number(b) => (a, b, back),
            (None, Some((b, back))) if is_number(a) => (a, b, back),
            _ => (a, b, 0),
        };
        let place = match shared.known.iter().position(|known| known.nodes == (a, b)) {
            Some(place) => place,
            None => {
                let (x, y) = (self.values(a)?, self.values(b)?);
                let (mut le, mut ge) =
                    (shared.words(words(self.bars)), shared.words(words(self.bars)));
                compare(self.tier, (x.compared(), y.compared()), (&mut le, &mut ge));
                shared.known.push(Compared { nodes: (a, b), le, ge });
                shared.known.len() - 1
            }
        };
        let count = words(self.bars);
        let (mut holds, mut known) = (shared.words(count), asks_known.then(|| shared.words(count)));
        let Compared { le, ge, .. } = &shared.known[place];
        let bits = (le.as_slice(), ge.as_slice());
        self.compared(op, bits, back, &mut holds);
        if let Some(known) = &mut known {
            // [E3] [E7]
            self.tier.run(Third { bits, by: back, out: known, of: |le: u64, ge: u64| le | ge });
        }
        Ok(Condition { holds, known })
    }

    /// Writes what two comparisons say of a third, so many bars later: neither holds where a value is not
    /// known.
    fn compared(&self, op: Binary, bits: (&[u64], &[u64]), by: usize, out: &mut [u64]) {
        // [E3]
        match op {
            Binary::Lt => self.tier.run(Third { bits, by, out, of: |le: u64, ge: u64| le & !ge }),
            Binary::Le => self.tier.run(Third { bits, by, out, of: |le, _| le }),
            Binary::Gt => self.tier.run(Third { bits, by, out, of: |le: u64, ge: u64| ge & !le }),
            Binary::Ge => self.tier.run(Third { bits, by, out, of: |_, ge| ge }),
            Binary::Eq => self.tier.run(Third { bits, by, out, of: |le: u64, ge: u64| le & ge }),
            _ => self.tier.run(Third { bits, by, out, of: |le: u64, ge: u64| le ^ ge }),
        }
    }

    fn values(&self, node: usize) -> Result<Values<'_>> {
        if self.program.kinds[node] == Kind::Number {
            return Ok(Values::Own(vec![self.numbers[node]; self.bars]));
        }
        match self.columns.held(node, self.numbers) {
            Some(values) => Ok(Values::Held(values)),
            None => Ok(Values::Own(self.columns.compute(node, self.numbers)?)),
        }
    }
}

impl Values<'_> {
    fn compared(&self) -> comparing::Values<'_> {
        match self {
            Self::Held(column) => comparing::Values::Column(column),
            Self::Own(values) => comparing::Values::Once(values),
        }
    }
}

/// Writes what follows from two words into the first of them.
struct Merge<'a, F>(&'a mut [u64], &'a [u64], F);

impl<F: Fn(u64, u64) -> u64> Work for Merge<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: F64x4>(self) {
        let Self(out, other, of) = self;
        for (out, &other) in out.iter_mut().zip(other) {
            *out = of(*out, other);
        }
    }
}

/// Writes what follows from two sets of bars, so many bars later.
struct Third<'a, F> {
    bits: (&'a [u64], &'a [u64]),
    by: usize,
    out: &'a mut [u64],
    of: F,
}

impl<F: Fn(u64, u64) -> u64> Work for Third<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: F64x4>(self) {
        let Self { bits: (a, b), by, out, of } = self;
        let (far, near) = ((by / WORD).min(out.len()), by % WORD);
        let (none, out) = out.split_at_mut(far);
        none.fill(0);
        let (a, b) = (&a[..out.len()], &b[..out.len()]);
        if near == 0 {
            for (out, (&a, &b)) in out.iter_mut().zip(a.iter().zip(b)) {
                *out = of(a, b);
            }
            return;
        }
        let Some((first, rest)) = out.split_first_mut() else { return };
        *first = of(a[0], b[0]) << near;
        // Each word of what is read twice, so that none waits for the one before.
        let before = a.iter().zip(b);
        for ((out, before), own) in rest.iter_mut().zip(before).zip(a[1..].iter().zip(&b[1..])) {
            *out = of(*own.0, *own.1) << near | of(*before.0, *before.1) >> (WORD - near);
        }
    }
}

/// Writes a set of bars, so many bars later.
struct Later<'a> {
    bits: &'a [u64],
    by: usize,
    out: &'a mut [u64],
}

impl Work for Later<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: F64x4>(self) {
        let Self { bits, by, out } = self;
        Third { bits: (bits, bits), by, out, of: |bits, _| bits }.run::<V>();
    }
}
