//! Arithmetic, comparisons and logic: of single values, and of blocks of bars.

use super::node::{Binary, Unary};

/// A value in every bar of a block, or one for all of them.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    /// One value a bar.
    Column(&'a [f64]),
    /// The same value in every bar.
    Number(f64),
}

impl Operand<'_> {
    /// The value in a bar.
    #[inline(always)]
    #[must_use]
    pub fn at(self, bar: usize) -> f64 {
        match self {
            Self::Column(values) => values[bar],
            Self::Number(value) => value,
        }
    }
}

/// Whether a condition holds: any number but 0 does, and what is not known does not.
#[inline(always)]
#[must_use]
pub fn holds(condition: f64) -> bool {
    // [P2] [E4] [E7] False of NaN.
    condition.abs() > 0.0
}

#[inline(always)]
fn known(a: f64, b: f64, condition: bool) -> f64 {
    // [E3] [E4] [E7] Not known where a part is not.
    if a.is_nan() | b.is_nan() { f64::NAN } else { f64::from(u8::from(condition)) }
}

#[inline(always)]
fn negated(a: f64) -> f64 {
    // [E4] [E7]
    if a.is_nan() { f64::NAN } else { f64::from(u8::from(a == 0.0)) }
}

#[inline(always)]
fn round_half_up(a: f64) -> f64 {
    // [E1] [X8]
    (a + 0.5).floor()
}

#[inline(always)]
pub(super) fn minimum(a: f64, b: f64) -> f64 {
    // [E2]
    if a.is_nan() | b.is_nan() {
        f64::NAN
    } else if a < b {
        a
    } else {
        b
    }
}

#[inline(always)]
pub(super) fn maximum(a: f64, b: f64) -> f64 {
    // [E2]
    if a.is_nan() | b.is_nan() {
        f64::NAN
    } else if a > b {
        a
    } else {
        b
    }
}

/// The branch that a condition takes.
#[inline(always)]
#[must_use]
pub fn either(condition: f64, yes: f64, no: f64) -> f64 {
    // [E5]
    if condition.is_nan() {
        f64::NAN
    } else if condition == 0.0 {
        no
    } else {
        yes
    }
}

/// The place of the branch that a number chooses, of so many.
#[must_use]
pub fn chosen(number: f64, branches: usize) -> Option<usize> {
    // [E6] None of them where it is not whole, or NaN.
    let fits = number.fract() == 0.0 && number >= 0.0 && number < branches as f64;
    fits.then_some(number as usize)
}

/// The value of an operation on one value.
#[must_use]
pub fn unary(op: Unary, a: f64) -> f64 {
    let mut out = [0.0];
    unary_block(op, Operand::Number(a), &mut out);
    out[0]
}

/// The value of an operation on two values.
#[must_use]
pub fn binary(op: Binary, a: f64, b: f64) -> f64 {
    let mut out = [0.0];
    binary_block(op, Operand::Number(a), Operand::Number(b), &mut out);
    out[0]
}

/// An operation on one value in every bar of a block.
#[inline(always)]
pub fn unary_block(op: Unary, a: Operand<'_>, out: &mut [f64]) {
    // [E1] [E4]
    match op {
        Unary::Neg => map(a, out, |a| -a),
        Unary::Abs => map(a, out, f64::abs),
        Unary::Sqrt => map(a, out, f64::sqrt),
        Unary::Floor => map(a, out, f64::floor),
        Unary::RoundHalfUp => map(a, out, round_half_up),
        Unary::Not => map(a, out, negated),
    }
}

/// An operation on two values in every bar of a block.
#[inline(always)]
pub fn binary_block(op: Binary, a: Operand<'_>, b: Operand<'_>, out: &mut [f64]) {
    match op {
        // [E1]
        Binary::Add => zip(a, b, out, |a, b| a + b),
        Binary::Sub => zip(a, b, out, |a, b| a - b),
        Binary::Mul => zip(a, b, out, |a, b| a * b),
        Binary::Div => zip(a, b, out, |a, b| a / b),
        // [E2]
        Binary::Minimum => zip(a, b, out, minimum),
        Binary::Maximum => zip(a, b, out, maximum),
        // [E3] [E7]
        Binary::Lt => zip(a, b, out, |a, b| known(a, b, a < b)),
        Binary::Le => zip(a, b, out, |a, b| known(a, b, a <= b)),
        Binary::Gt => zip(a, b, out, |a, b| known(a, b, a > b)),
        Binary::Ge => zip(a, b, out, |a, b| known(a, b, a >= b)),
        Binary::Eq => zip(a, b, out, |a, b| known(a, b, a == b)),
        Binary::Ne => zip(a, b, out, |a, b| known(a, b, a != b)),
        // [E4]
        Binary::And => zip(a, b, out, |a, b| known(a, b, holds(a) & holds(b))),
        Binary::Or => zip(a, b, out, |a, b| known(a, b, holds(a) | holds(b))),
    }
}

/// The branches that a condition takes in every bar of a block.
#[inline(always)]
pub fn where_block(condition: Operand<'_>, yes: Operand<'_>, no: Operand<'_>, out: &mut [f64]) {
    match condition {
        // [E5] Where one number decides, one branch is all that there is.
        Operand::Number(condition) if condition.is_nan() => out.fill(f64::NAN),
        Operand::Number(condition) => copy(if condition == 0.0 { no } else { yes }, out),
        Operand::Column(conditions) => {
            let conditions = &conditions[..out.len()];
            match (yes, no) {
                (Operand::Column(yes), Operand::Number(no)) => {
                    let yes = &yes[..out.len()];
                    for (i, out) in out.iter_mut().enumerate() {
                        *out = either(conditions[i], yes[i], no);
                    }
                }
                _ => {
                    for (i, out) in out.iter_mut().enumerate() {
                        *out = either(conditions[i], yes.at(i), no.at(i));
                    }
                }
            }
        }
    }
}

/// The branch that a number chooses, in every bar of a block.
#[inline(always)]
pub fn choose_block<'a>(
    number: f64,
    branches: usize,
    branch: impl Fn(usize) -> Operand<'a>,
    out: &mut [f64],
) {
    match chosen(number, branches) {
        Some(place) => copy(branch(place), out),
        // [E6]
        None => out.fill(f64::NAN),
    }
}

/// The same values.
#[inline(always)]
pub fn copy(from: Operand<'_>, out: &mut [f64]) {
    match from {
        Operand::Column(values) => out.copy_from_slice(&values[..out.len()]),
        Operand::Number(value) => out.fill(value),
    }
}

#[inline(always)]
fn map(a: Operand<'_>, out: &mut [f64], f: impl Fn(f64) -> f64) {
    match a {
        Operand::Column(a) => {
            for (out, &a) in out.iter_mut().zip(a) {
                *out = f(a);
            }
        }
        Operand::Number(a) => out.fill(f(a)),
    }
}

#[inline(always)]
fn zip(a: Operand<'_>, b: Operand<'_>, out: &mut [f64], f: impl Fn(f64, f64) -> f64) {
    match (a, b) {
        (Operand::Column(a), Operand::Column(b)) => {
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = f(a, b);
            }
        }
        (Operand::Column(a), Operand::Number(b)) => {
            for (out, &a) in out.iter_mut().zip(a) {
                *out = f(a, b);
            }
        }
        (Operand::Number(a), Operand::Column(b)) => {
            for (out, &b) in out.iter_mut().zip(b) {
                *out = f(a, b);
            }
        }
        (Operand::Number(a), Operand::Number(b)) => out.fill(f(a, b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAN: f64 = f64::NAN;

    fn same(a: f64, b: f64) -> bool {
        a == b || (a.is_nan() && b.is_nan())
    }

    #[test]
    fn what_is_not_known_does_not_hold_and_neither_does_its_opposite() {
        assert!(unary(Unary::Not, NAN).is_nan());
        for op in [Binary::Lt, Binary::Ge, Binary::Eq, Binary::Ne, Binary::And, Binary::Or] {
            assert!(binary(op, NAN, 1.0).is_nan() && binary(op, 0.0, NAN).is_nan(), "{op:?}");
        }
        assert!(!holds(NAN) && !holds(0.0) && !holds(-0.0));
        assert!(holds(-2.0) && holds(f64::INFINITY));
        assert_eq!((binary(Binary::And, -2.0, 3.0), binary(Binary::Or, 0.0, 0.0)), (1.0, 0.0));
    }

    #[test]
    fn the_branch_that_is_not_taken_does_not_matter() {
        assert_eq!(either(2.0, 5.0, NAN), 5.0);
        assert_eq!(either(0.0, NAN, 6.0), 6.0);
        assert!(either(NAN, 5.0, 6.0).is_nan());
        assert_eq!([chosen(1.0, 2), chosen(2.0, 2), chosen(0.5, 2)], [Some(1), None, None]);
        assert_eq!([chosen(-1.0, 2), chosen(NAN, 2), chosen(-0.0, 2)], [None, None, Some(0)]);
    }

    #[test]
    fn extremes_of_what_is_not_known_are_not_known() {
        for op in [Binary::Minimum, Binary::Maximum] {
            assert!(binary(op, NAN, 1.0).is_nan() && binary(op, 1.0, NAN).is_nan());
        }
        assert_eq!(binary(Binary::Minimum, 2.0, -1.0), -1.0);
        assert_eq!(binary(Binary::Maximum, 2.0, -1.0), 2.0);
        assert_eq!([0.5, -0.5, 2.4].map(|x| unary(Unary::RoundHalfUp, x)), [1.0, 0.0, 2.0]);
    }

    #[test]
    fn blocks_are_their_values() {
        let (a, b) = ([1.0, NAN, -2.0, 0.0], [0.0, 3.0, -2.0, f64::INFINITY]);
        for op in [Binary::Div, Binary::Le, Binary::Or, Binary::Maximum] {
            let forms = [
                (Operand::Column(&a[..]), Operand::Column(&b[..])),
                (Operand::Column(&a[..]), Operand::Number(-2.0)),
                (Operand::Number(1.0), Operand::Column(&b[..])),
                (Operand::Number(1.0), Operand::Number(-2.0)),
            ];
            for (a, b) in forms {
                let mut out = [7.0; 4];
                binary_block(op, a, b, &mut out);
                assert!((0..4).all(|i| same(out[i], binary(op, a.at(i), b.at(i)))), "{op:?}");
            }
        }
        let mut out = [7.0; 4];
        where_block(Operand::Column(&a), Operand::Column(&b), Operand::Number(9.0), &mut out);
        assert!((0..4).all(|i| same(out[i], either(a[i], b[i], 9.0))));
        where_block(Operand::Number(NAN), Operand::Column(&b), Operand::Number(9.0), &mut out);
        assert!(out.iter().all(|x| x.is_nan()));
    }
}
