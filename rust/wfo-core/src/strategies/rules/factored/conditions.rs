//! Conditions as sets of bars, without a column of them.
//!
//! A comparison packs what its values say straight into bits, and logic goes through 64 bars at a
//! time. A value that is not known is one bit more: *holds* lies within *known* [E7].

use super::bits::{WORD, pack, words};
use crate::engine::comparing::compare;
use crate::engine::tiers::Tier;
use crate::error::Result;
use crate::strategies::rules::columns::Columns;
use crate::strategies::rules::elementwise::holds;
use crate::strategies::rules::node::{Binary, Kind, Op, Unary};
use crate::strategies::rules::program::Program;

/// Conditions within one, those that several share counted for each of them, that are looked through;
/// one of more is computed as a column, which goes through each once.
const MOST_WITHIN: u32 = 256;

/// Where a condition holds, and where it is known.
#[derive(Debug, Clone)]
struct Condition {
    holds: Vec<u64>,
    known: Vec<u64>,
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
        self.spare.extend([holds, known]);
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

/// A column, or one value for all bars.
enum Values<'a> {
    Kept(&'a [f64]),
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
        let mut condition = self.condition(node, shared)?;
        // [T1]
        later(&mut condition.holds, 1);
        out.clear();
        out.extend_from_slice(&condition.holds);
        shared.give(condition);
        Ok(())
    }

    fn condition(&self, node: usize, shared: &mut Comparisons) -> Result<Condition> {
        let own = &self.program.nodes[node];
        if self.program.kinds[node] == Kind::Number {
            // [R15]
            let number = self.numbers[node];
            let mut all = |is_so: bool| {
                let mut all = shared.words(words(self.bars));
                all.fill(if is_so { u64::MAX } else { 0 });
                all
            };
            return Ok(Condition { holds: all(holds(number)), known: all(!number.is_nan()) });
        }
        if self.columns.conditions_within(node) > MOST_WITHIN {
            return self.of_column(node);
        }
        match own.op {
            Op::Unary(Unary::Not) => {
                let mut of = self.condition(own.args[0], shared)?;
                // [E4] [E7]
                for (holds, known) in of.holds.iter_mut().zip(&of.known) {
                    *holds = !*holds & known;
                }
                Ok(of)
            }
            Op::Binary(op @ (Binary::And | Binary::Or)) => {
                let mut a = self.condition(own.args[0], shared)?;
                let b = self.condition(own.args[1], shared)?;
                let its = b.holds.iter().zip(&b.known);
                let own = a.holds.iter_mut().zip(&mut a.known);
                for ((a_holds, a_known), (&b_holds, &b_known)) in own.zip(its) {
                    // [E4] Known where both are.
                    *a_known &= b_known;
                    *a_holds = *a_known
                        & if op == Binary::And { *a_holds & b_holds } else { *a_holds | b_holds };
                }
                shared.give(b);
                Ok(a)
            }
            Op::Binary(op) if op.is_condition() => {
                self.comparison(op, [own.args[0], own.args[1]], shared)
            }
            Op::Shift => {
                let mut of = self.condition(own.args[0], shared)?;
                of.delay(self.numbers[own.args[1]] as usize);
                Ok(of)
            }
            _ => self.of_column(node),
        }
    }

    /// A condition that is computed as a column.
    fn of_column(&self, node: usize) -> Result<Condition> {
        let values = self.column(node)?;
        let (mut holding, mut known) = (Vec::new(), Vec::new());
        pack(self.bars, |bar| holds(values[bar]), &mut holding);
        pack(self.bars, |bar| !values[bar].is_nan(), &mut known);
        Ok(Condition { holds: holding, known })
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
                let (x, y) = (x.as_slice(), y.as_slice());
                let (mut le, mut ge) =
                    (shared.words(words(self.bars)), shared.words(words(self.bars)));
                compare(self.tier, (x, y), (&mut le, &mut ge));
                shared.known.push(Compared { nodes: (a, b), le, ge });
                shared.known.len() - 1
            }
        };
        let count = words(self.bars);
        let (holds, known) = (shared.words(count), shared.words(count));
        let Compared { le, ge, .. } = &shared.known[place];
        let mut condition = Condition { holds, known };
        condition.compare(op, le, ge);
        condition.delay(back);
        Ok(condition)
    }

    fn values(&self, node: usize) -> Result<Values<'_>> {
        if self.program.kinds[node] == Kind::Number {
            return Ok(Values::Own(vec![self.numbers[node]; self.bars]));
        }
        match self.columns.held(node, self.numbers) {
            Some(values) => Ok(Values::Kept(values)),
            None => Ok(Values::Own(self.columns.compute(node, self.numbers)?)),
        }
    }
}

impl Values<'_> {
    fn as_slice(&self) -> &[f64] {
        match self {
            Self::Kept(values) => values,
            Self::Own(values) => values,
        }
    }
}

impl Condition {
    /// Writes what two comparisons say of a third: neither holds where a value is not known.
    fn compare(&mut self, op: Binary, le: &[u64], ge: &[u64]) {
        // [E3]
        match op {
            Binary::Lt => both(&mut self.holds, (le, ge), |le, ge| le & !ge),
            Binary::Le => self.holds.copy_from_slice(le),
            Binary::Gt => both(&mut self.holds, (le, ge), |le, ge| ge & !le),
            Binary::Ge => self.holds.copy_from_slice(ge),
            Binary::Eq => both(&mut self.holds, (le, ge), |le, ge| le & ge),
            _ => both(&mut self.holds, (le, ge), |le, ge| le ^ ge),
        }
        both(&mut self.known, (le, ge), |le, ge| le | ge);
    }

    /// Moves it so many bars later.
    fn delay(&mut self, bars: usize) {
        if bars > 0 {
            later(&mut self.holds, bars);
            later(&mut self.known, bars);
        }
    }
}

/// Writes what follows from two words, for each of them.
#[inline(always)]
fn both(out: &mut [u64], (a, b): (&[u64], &[u64]), f: impl Fn(u64, u64) -> u64) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = f(a, b);
    }
}

/// Moves bits so many bars later.
fn later(bits: &mut [u64], bars: usize) {
    let (far, near) = (bars / WORD, bars % WORD);
    if far > 0 {
        let kept = bits.len().saturating_sub(far);
        bits.copy_within(..kept, bits.len() - kept);
        let gone = far.min(bits.len());
        bits[..gone].fill(0);
    }
    if near > 0 {
        let mut carried = 0;
        for word in bits {
            let own = *word;
            *word = own << near | carried;
            carried = own >> (WORD - near);
        }
    }
}
