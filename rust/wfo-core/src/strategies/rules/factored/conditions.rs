//! Conditions as sets of bars, without a column of them.
//!
//! A comparison packs what its values say straight into bits, and logic goes through 64 bars at a
//! time. A value that is not known is one bit more: *holds* lies within *known* [E7].

use super::bits::{WORD, pack, words};
use crate::engine::f64x4::{F64_LANES, F64x4};
use crate::engine::tiers::{Tier, Work};
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

/// Where one column is at most another and where it is at least, by their addresses.
type Compared = ((usize, usize), Vec<u64>, Vec<u64>);

/// What is known of the columns of one combination: comparisons that several conditions share.
#[derive(Debug, Default)]
pub(super) struct Comparisons(Vec<Compared>);

impl Comparisons {
    /// Forgets them: to be called where columns may have changed.
    pub fn clear(&mut self) {
        self.0.clear();
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
    /// The bars in which a condition holds as of the bar before.
    ///
    /// # Errors
    /// An error of a function of the user's.
    pub fn before(&self, node: usize, shared: &mut Comparisons, out: &mut Vec<u64>) -> Result<()> {
        let condition = self.condition(node, shared)?;
        // [T1]
        shifted(&condition.holds, 1, out);
        Ok(())
    }

    fn condition(&self, node: usize, shared: &mut Comparisons) -> Result<Condition> {
        let own = &self.program.nodes[node];
        if self.program.kinds[node] == Kind::Number {
            // [R15]
            let number = self.numbers[node];
            let all = |is_so: bool| vec![if is_so { u64::MAX } else { 0 }; words(self.bars)];
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
                for (word, b_holds) in b.holds.iter().enumerate() {
                    let known = a.known[word] & b.known[word];
                    let either = match op {
                        Binary::And => a.holds[word] & b_holds,
                        _ => a.holds[word] | b_holds,
                    };
                    // [E4] Known where both are.
                    a.holds[word] = either & known;
                    a.known[word] = known;
                }
                Ok(a)
            }
            Op::Binary(op) if op.is_condition() => {
                self.comparison(op, [own.args[0], own.args[1]], shared)
            }
            Op::Shift => {
                let of = self.condition(own.args[0], shared)?;
                Ok(of.shifted(self.numbers[own.args[1]] as usize))
            }
            _ => self.of_column(node),
        }
    }

    /// A condition that is computed as a column.
    fn of_column(&self, node: usize) -> Result<Condition> {
        let values = self.columns.compute(node, self.numbers)?;
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
        let (x, y) = (self.values(a)?, self.values(b)?);
        let key = match (&x, &y) {
            (Values::Kept(x), Values::Kept(y)) => Some((x.as_ptr().addr(), y.as_ptr().addr())),
            _ => None,
        };
        if let Some((_, le, ge)) = shared.0.iter().find(|known| Some(known.0) == key) {
            return Ok(compared(op, le, ge).shifted(back));
        }
        let (mut le, mut ge) = (vec![0; words(self.bars)], vec![0; words(self.bars)]);
        let (x, y) = (x.as_slice(), y.as_slice());
        self.tier.run(Compare { x, y, le: &mut le, ge: &mut ge });
        let condition = compared(op, &le, &ge).shifted(back);
        if let Some(key) = key {
            shared.0.push((key, le, ge));
        }
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

/// What two comparisons say of a third: neither holds where a value is not known.
fn compared(op: Binary, le: &[u64], ge: &[u64]) -> Condition {
    let both = |f: fn(u64, u64) -> u64| le.iter().zip(ge).map(|(&le, &ge)| f(le, ge)).collect();
    // [E3]
    let holds: Vec<u64> = match op {
        Binary::Lt => both(|le, ge| le & !ge),
        Binary::Le => le.to_vec(),
        Binary::Gt => both(|le, ge| ge & !le),
        Binary::Ge => ge.to_vec(),
        Binary::Eq => both(|le, ge| le & ge),
        _ => both(|le, ge| le ^ ge),
    };
    Condition { holds, known: both(|le, ge| le | ge) }
}

impl Condition {
    /// The same, so many bars later.
    fn shifted(self, bars: usize) -> Self {
        if bars == 0 {
            return self;
        }
        let (mut holds, mut known) = (Vec::new(), Vec::new());
        shifted(&self.holds, bars, &mut holds);
        shifted(&self.known, bars, &mut known);
        Self { holds, known }
    }
}

/// The same bits, so many bars later.
fn shifted(bits: &[u64], bars: usize, out: &mut Vec<u64>) {
    let (far, near) = (bars / WORD, bars % WORD);
    out.clear();
    let word = |at: Option<usize>| at.and_then(|at| bits.get(at)).copied().unwrap_or(0);
    out.extend((0..bits.len()).map(|at| {
        let own = word(at.checked_sub(far)) << near;
        if near == 0 { own } else { own | word(at.checked_sub(far + 1)) >> (WORD - near) }
    }));
}

/// Two columns to be compared both ways, a bit a bar.
struct Compare<'a> {
    x: &'a [f64],
    y: &'a [f64],
    le: &'a mut [u64],
    ge: &'a mut [u64],
}

impl Work for Compare<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: F64x4>(self) {
        let Self { x, y, le, ge } = self;
        let bits = le.iter_mut().zip(ge);
        for ((x, y), (le, ge)) in x.chunks(WORD).zip(y.chunks(WORD)).zip(bits) {
            let (mut below, mut above) = (0_u64, 0_u64);
            let ((xs, x_rest), (ys, y_rest)) =
                (x.as_chunks::<F64_LANES>(), y.as_chunks::<F64_LANES>());
            for (i, (&x, &y)) in xs.iter().zip(ys).enumerate() {
                let (x, y) = (V::from_array(x), V::from_array(y));
                below |= u64::from(x.le(y)) << (F64_LANES * i);
                above |= u64::from(y.le(x)) << (F64_LANES * i);
            }
            for (i, (x, y)) in (F64_LANES * xs.len()..).zip(x_rest.iter().zip(y_rest)) {
                below |= u64::from(x <= y) << i;
                above |= u64::from(y <= x) << i;
            }
            (*le, *ge) = (below, above);
        }
    }
}
