//! Two columns compared bar by bar, as sets of bars.

use super::f64x4::{F64_LANES, F64x4};
use super::tiers::{Tier, Work};

/// Bars of a word.
const WORD: usize = u64::BITS as usize;

/// Writes where `x` is at most `y`, and where it is at least, a bit a bar: neither where one is NaN.
///
/// # Panics
/// Unless both columns have one length, and there are words for all of it.
pub(crate) fn compare(tier: Tier, (x, y): (&[f64], &[f64]), (le, ge): (&mut [u64], &mut [u64])) {
    assert!(x.len() == y.len());
    assert!(le.len() == x.len().div_ceil(WORD) && ge.len() == le.len());
    let (x_words, x_rest) = x.as_chunks::<WORD>();
    let (y_words, y_rest) = y.as_chunks::<WORD>();
    let words = x_words.len();
    let whole = Whole { x: x_words, y: y_words, le: &mut le[..words], ge: &mut ge[..words] };
    #[cfg(target_arch = "x86_64")]
    if tier.has_masks() {
        #[expect(unsafe_code, reason = "instructions that the processor was asked for")]
        // SAFETY: a tier with masks is one of AVX-512, which only a processor that has it has.
        unsafe {
            masks::compare(whole);
        }
    } else {
        tier.run(whole);
    }
    #[cfg(not(target_arch = "x86_64"))]
    tier.run(whole);
    if let (Some(le), Some(ge)) = (le.get_mut(words), ge.get_mut(words)) {
        (*le, *ge) = (0, 0);
        for (bar, (x, y)) in x_rest.iter().zip(y_rest).enumerate() {
            *le |= u64::from(x <= y) << bar;
            *ge |= u64::from(y <= x) << bar;
        }
    }
}

/// Whole words of columns.
struct Whole<'a> {
    x: &'a [[f64; WORD]],
    y: &'a [[f64; WORD]],
    le: &'a mut [u64],
    ge: &'a mut [u64],
}

impl Work for Whole<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: F64x4>(self) {
        let columns = self.x.iter().zip(self.y);
        for ((x, y), (le, ge)) in columns.zip(self.le.iter_mut().zip(self.ge)) {
            let (x, _) = x.as_chunks::<F64_LANES>();
            let (y, _) = y.as_chunks::<F64_LANES>();
            let (mut below, mut above) = (0_u64, 0_u64);
            for (i, (&x, &y)) in x.iter().zip(y).enumerate() {
                let (x, y) = (V::from_array(x), V::from_array(y));
                below |= u64::from(x.le(y)) << (F64_LANES * i);
                above |= u64::from(y.le(x)) << (F64_LANES * i);
            }
            (*le, *ge) = (below, above);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod masks {
    #![expect(unsafe_code, reason = "instructions that the tier of the caller has")]

    use std::arch::x86_64::{_CMP_GE_OQ, _CMP_LE_OQ, _mm512_cmp_pd_mask, _mm512_loadu_pd};

    use super::Whole;

    /// Numbers of a register.
    const LANES: usize = 8;

    /// The same, eight bars at a time.
    #[target_feature(enable = "avx512f")]
    pub(super) fn compare(Whole { x, y, le, ge }: Whole<'_>) {
        for ((x, y), (le, ge)) in x.iter().zip(y).zip(le.iter_mut().zip(ge)) {
            let (x, _) = x.as_chunks::<LANES>();
            let (y, _) = y.as_chunks::<LANES>();
            let (mut below, mut above) = (0_u64, 0_u64);
            for (i, (x, y)) in x.iter().zip(y).enumerate() {
                // SAFETY: references to as many numbers as are read.
                let (x, y) = unsafe { (_mm512_loadu_pd(x.as_ptr()), _mm512_loadu_pd(y.as_ptr())) };
                below |= u64::from(_mm512_cmp_pd_mask::<_CMP_LE_OQ>(x, y)) << (LANES * i);
                above |= u64::from(_mm512_cmp_pd_mask::<_CMP_GE_OQ>(x, y)) << (LANES * i);
            }
            (*le, *ge) = (below, above);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_tier_compares_as_single_numbers_do(
            pairs in prop::collection::vec((0_i32..5, 0_i32..5), 0..400),
        ) {
            // 4 stands for NaN.
            let number = |x: i32| if x == 4 { f64::NAN } else { f64::from(x) };
            let (x, y): (Vec<f64>, Vec<f64>) =
                pairs.iter().map(|&(x, y)| (number(x), number(y))).unzip();
            let words = x.len().div_ceil(WORD);
            for tier in Tier::here() {
                let (mut le, mut ge) = (vec![u64::MAX; words], vec![u64::MAX; words]);
                compare(tier, (&x, &y), (&mut le, &mut ge));
                for bar in 0..words * WORD {
                    let bit = |words: &[u64]| words[bar / WORD] >> (bar % WORD) & 1 == 1;
                    let (x, y) = (x.get(bar), y.get(bar));
                    let both = x.zip(y);
                    prop_assert_eq!(bit(&le), both.is_some_and(|(x, y)| x <= y));
                    prop_assert_eq!(bit(&ge), both.is_some_and(|(x, y)| x >= y));
                }
            }
        }
    }
}
