//! Annual returns of stored figures, in fixed point.

use super::wide::Work;
use crate::scoring::block::Stored;
use crate::scoring::chunks::CHUNK;

/// A return of 1 in fixed point.
pub const UNIT: f64 = (1_u64 << 44) as f64;

/// Returns are clamped to it either way: 3,200 % a year.
pub const LIMIT: f64 = 32.0;

/// Added to a number and subtracted again, it leaves the nearest whole one, halves to even; in between
/// the low bits hold that number. For less than 2^51 either way.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// The bits of sqrt(1/2) and of 1.
const HALF: u64 = 0x3fe6_a09e_667f_3bcd;
const ONE: u64 = 0x3ff0_0000_0000_0000;

/// The means over phases of the annual returns of at most [`CHUNK`] combinations, in fixed point.
pub(super) struct Means<'a> {
    pub capital: f64,
    pub exponents: &'a [f64],
    pub phases: &'a [Stored<'a>],
    /// The first combination.
    pub first: usize,
    pub returns: &'a mut [i64],
}

impl Work for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut sums = [0.0; CHUNK];
        let sums = &mut sums[..self.returns.len()];
        let range = self.first..self.first + sums.len();
        for (phase, &exponent) in self.phases.iter().zip(self.exponents) {
            let (before, earned) = (&phase.is_pnl[range.clone()], &phase.oos_pnl[range.clone()]);
            annual_returns(self.capital, exponent, before, earned, sums);
        }
        fixed_means(sums, self.exponents.len(), self.returns);
    }
}

/// Adds to each of `sums` the annual out-of-sample return: the profit by the equity that the
/// out-of-sample part begins with, compounded; -1 where that equity is not positive, or nothing is
/// left. NaN counts as -1 too.
#[inline(always)]
fn annual_returns(capital: f64, exponent: f64, is_pnl: &[f32], oos_pnl: &[f32], sums: &mut [f64]) {
    for ((&before, &earned), sum) in is_pnl.iter().zip(oos_pnl).zip(sums) {
        let equity = capital + f64::from(before);
        let growth = 1.0 + f64::from(earned) / equity;
        let annual = powered(growth, exponent) - 1.0;
        *sum += if (equity > 0.0) & (growth > 0.0) { annual } else { -1.0 };
    }
}

/// Writes `sums / count` in fixed point.
#[inline(always)]
fn fixed_means(sums: &[f64], count: usize, returns: &mut [i64]) {
    let count = count as f64;
    for (&sum, fixed) in sums.iter().zip(returns) {
        let mean = (sum / count).clamp(-LIMIT, LIMIT);
        *fixed = whole(mean * UNIT);
    }
}

/// The nearest whole number.
#[inline(always)]
fn whole(value: f64) -> i64 {
    ((value + WHOLE).to_bits() as i64).wrapping_sub(WHOLE.to_bits() as i64)
}

/// `base` to a positive power, the same on every machine and as a vector: a math library's function is
/// neither. `base` is above 0 and no smaller than 2^-1022; results are clamped to 2^±1000. An error is at
/// most 4 units in the last place for results between 1/4 and 4, and grows with their logarithm.
#[inline(always)]
#[must_use]
pub fn powered(base: f64, exponent: f64) -> f64 {
    exp2((exponent * log2(base)).clamp(-1000.0, 1000.0))
}

/// Logarithm to base 2, by the series of FreeBSD's `e_log.c`: the number is 2^k times one between
/// sqrt(1/2) and sqrt(2).
#[inline(always)]
pub(in crate::scoring) fn log2(value: f64) -> f64 {
    const EVEN: [f64; 3] =
        [0.399_999_999_994_094_2, 0.222_221_984_321_497_84, 0.153_138_376_992_093_73];
    const ODD: [f64; 4] = [
        0.666_666_666_666_673_5,
        0.285_714_287_436_623_9,
        0.181_835_721_616_180_5,
        0.147_981_986_051_165_86,
    ];
    let shifted = value.to_bits().wrapping_add(ONE - HALF);
    // The bits of 2^52 + n, for a small n that is not negative, are those of 2^52 with n in the low
    // ones.
    let power = f64::from_bits(0x4330_0000_0000_0000 | (shifted >> 52)) - 4_503_599_627_371_519.0;
    let part = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff) + HALF) - 1.0;
    let s = part / (2.0 + part);
    let z = s * s;
    let w = z * z;
    let even = w * (EVEN[0] + w * (EVEN[1] + w * EVEN[2]));
    let odd = z * (ODD[0] + w * (ODD[1] + w * (ODD[2] + w * ODD[3])));
    let half = 0.5 * part * part;
    let natural = part - (half - s * (half + (even + odd)));
    power + natural * std::f64::consts::LOG2_E
}

/// 2 to a power between -1000 and 1000, by the polynomial of degree 10 whose largest relative error
/// between -1/2 and 1/2 is least, 2.1e-16.
#[inline(always)]
fn exp2(power: f64) -> f64 {
    const TERMS: [f64; 11] = [
        1.0,
        0.693_147_180_559_949_7,
        0.240_226_506_959_087_68,
        0.055_504_108_664_458_83,
        0.009_618_129_108_034_59,
        0.001_333_355_822_856_147_6,
        0.000_154_035_299_611_359_55,
        1.525_265_811_656_138_4e-5,
        1.321_566_283_184_610_6e-6,
        1.020_853_790_455_216_4e-7,
        7.037_279_530_582_804e-9,
    ];
    let shifted = power + WHOLE;
    let f = power - (shifted - WHOLE);
    // Even and odd terms apart: two short chains of operations take less time than a long one.
    let g = f * f;
    let even = |at: usize| TERMS[at];
    let low =
        even(0) + g * (even(2) + g * (even(4) + g * (even(6) + g * (even(8) + g * even(10)))));
    let high = even(1) + g * (even(3) + g * (even(5) + g * (even(7) + g * even(9))));
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(ONE));
    (low + f * high) * scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Units in the last place between two numbers above 0.
    fn apart(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn powers_of_one_and_two_are_exact() {
        for exponent in [0.1, 0.5, 1.0, 3.0] {
            assert_eq!(powered(1.0, exponent), 1.0);
        }
        for power in -10..10 {
            assert_eq!(powered(f64::from(power).exp2(), 2.0), f64::from(2 * power).exp2());
        }
        assert_eq!(powered(f64::MAX, 5.0), 1000_f64.exp2());
        assert_eq!(powered(f64::INFINITY, 5.0), 1000_f64.exp2());
    }

    #[test]
    fn what_is_no_return_counts_as_a_loss_of_everything() {
        let before = [0.0, -100.0, -150.0, f32::NAN, 0.0, 0.0, f32::NEG_INFINITY, f32::INFINITY];
        let earned = [-100.0, 5.0, 5.0, 5.0, f32::NAN, -200.0, 5.0, f32::INFINITY];
        let mut sums = [0.0; 8];
        annual_returns(100.0, 0.5, &before, &earned, &mut sums);
        assert_eq!(sums, [-1.0; 8]);
        let mut sums = [0.0; 2];
        annual_returns(100.0, 0.5, &[100.0, 0.0], &[600.0, f32::INFINITY], &mut sums);
        assert_eq!(sums[0], 1.0);
        let mut fixed = [0; 2];
        fixed_means(&sums, 2, &mut fixed);
        assert_eq!(fixed, [1 << 43, 1 << 49]);
    }

    proptest! {
        #[test]
        fn powers_are_those_of_the_library(
            base in prop_oneof![1e-3_f64..40.0, 0.9_f64..1.1, 1e-12_f64..1e12],
            exponent in 0.01_f64..8.0,
        ) {
            let expected = base.powf(exponent);
            let logarithm = expected.log2().abs();
            let allowed = 4 + (3.0 * logarithm) as u64;
            let found = powered(base, exponent);
            prop_assert!(apart(found, expected) <= allowed, "{found} {expected}");
        }

        #[test]
        fn whole_numbers_are_the_nearest(value in -562949953421312.0_f64..562949953421312.0) {
            prop_assert_eq!(whole(value), value.round_ties_even() as i64);
        }
    }
}
